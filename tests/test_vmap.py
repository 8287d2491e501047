"""tg.vmap: with every transform, around it and inside, with compile and with itself; its axes, and what it refuses."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_lite as tg
from tests.generators.nests import SIZE, random_nest
from tests.generators.strategies import programs
from tinygrad_lite import batching, tree

RNG = np.random.default_rng(5)
W, B = RNG.normal(size=(3, 4)), RNG.normal(size=3)
X, V = RNG.normal(size=(5, 4)), RNG.normal(size=(5, 4))


def f(x: Any) -> Any:
    return np.tanh(W @ x + B) ** 2 * np.max(x)


def cost(x: Any, w: Any = W) -> Any:
    return np.sum(np.tanh(w @ x + B) ** 2) + np.prod(x[:2]) / np.mean(np.exp(x))


def loop(g: Any, *arrays: Any) -> Any:
    """What vmap is to give: g called for each, and the results stacked."""
    results = [tree.flatten(g(*row)) for row in zip(*arrays, strict=True)]
    stacked = [np.stack([np.asarray(y) for y in ys]) for ys in zip(*(leaves for leaves, _ in results), strict=True)]
    return tree.unflatten(results[0][1], stacked)


def check(g: Any, *arrays: Any) -> None:
    found, expected = tg.vmap(g)(*arrays), loop(g, *arrays)
    for a, b in zip(tree.flatten(found)[0], tree.flatten(expected)[0], strict=True):
        assert type(a) is np.ndarray
        assert_allclose(a, b, rtol=1e-11, atol=1e-12)


INSIDE = {
    "the function": (f, X),
    "grad": (tg.grad(cost), X),
    "grad of what it reaches": (lambda x: tg.grad(lambda w: cost(x, w))(W), X),
    "grad with respect to a tree": (lambda x: tg.grad(lambda p: cost(x, p["W"]) * p["s"])({"W": W, "s": 2.0}), X),
    "grad of grad": (tg.grad(lambda x: np.sum(tg.grad(cost)(x) ** 2)), X),
    "value_and_grad": (tg.value_and_grad(cost), X),
    "value_and_grad with aux": (tg.value_and_grad(lambda x: (cost(x), {"y": f(x), "n": 1.0}), has_aux=True), X),
    "vjp": (lambda x, v: tg.vjp(f, x)[1](v[:3]), X, V),
    "jvp": (lambda x, v: tg.jvp(f, (x,), (v,)), X, V),
    "hvp": (lambda x, v: tg.hvp(cost, (x,), (v,)), X, V),
    "jacobian, rows": (tg.jacobian(f), X),
    "jacobian, columns": (tg.jacobian(lambda x: np.concatenate([f(x), np.sin(x)])), X),
    "jacobian of two": (tg.jacobian(lambda x, v: f(x) * np.sum(v), argnums=(0, 1)), X, V),
    "hessian": (tg.hessian(cost), X),
    "vmap": (lambda x: tg.vmap(lambda w: np.sin(w) * x)(W), X),
    "vmap over the argument": (tg.vmap(lambda e: np.exp(e) * np.arange(2.0)), X),
    "vmap of grad": (lambda x: tg.vmap(tg.grad(lambda w: np.tanh(w @ x)))(W), X),
    "grad of vmap": (tg.grad(lambda x: np.sum(tg.vmap(lambda w: np.tanh(w @ x) ** 2)(W))), X),
    "jacobian of vmap of grad": (tg.jacobian(lambda x: tg.vmap(tg.grad(lambda w: np.tanh(w @ x)))(W[:2])), X),
    "checkpoint": (tg.grad(lambda x: np.sum(tg.checkpoint(f)(x))), X),
    "compile": (tg.compile(f), X),
    "compile of grad": (tg.compile(tg.grad(cost)), X),
    "stop_gradient": (tg.grad(lambda x: np.sum(x * tg.stop_gradient(x))), X),
}


@pytest.mark.parametrize("case", INSIDE.values(), ids=INSIDE.keys())
def test_inside(case: Any) -> None:
    g, *arrays = case
    check(g, *arrays)


OUTSIDE = {
    "grad": tg.grad(lambda x: np.sum(tg.vmap(cost)(x) ** 2)),
    "hessian": tg.hessian(lambda x: np.sum(tg.vmap(cost)(x) ** 2)),
    "jacobian": tg.jacobian(tg.vmap(f)),
    "jvp": lambda x: tg.jvp(tg.vmap(f), (x,), (V,)),
    "grad of gradients": tg.grad(lambda x: np.sum(tg.vmap(tg.grad(cost))(x) ** 2)),
    "vmap": lambda x: tg.vmap(tg.vmap(lambda a: np.sin(a) * np.arange(2.0)))(x),
    "compile": tg.compile(tg.vmap(f)),
    "compile of gradients": tg.compile(tg.vmap(tg.grad(cost))),
    "compile of a hessian": tg.compile(tg.hessian(lambda x: np.sum(tg.vmap(cost)(x) ** 2))),
    "compile of jacobians": tg.compile(tg.vmap(tg.jacobian(f))),
}


def the_loop(function: Any, in_axes: Any = 0, out_axes: Any = 0) -> Any:
    """vmap by hand, differentiable."""

    def mapped(*arrays: Any) -> Any:
        results = [tree.flatten(function(*(x[i] for x in arrays))) for i in range(arrays[0].shape[0])]
        return tree.unflatten(
            results[0][1], [np.stack(y) for y in zip(*(leaves for leaves, _ in results), strict=True)]
        )

    return mapped


@pytest.mark.parametrize("name", OUTSIDE)
def test_outside(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = tree.flatten(OUTSIDE[name](X))[0]
    monkeypatch.setattr(tg, "vmap", the_loop)
    by_loop = {
        "jacobian": lambda x: tg.jacobian(the_loop(f))(x),
        "compile": the_loop(f),
        "compile of gradients": the_loop(tg.grad(cost)),
        "compile of a hessian": tg.hessian(lambda x: np.sum(the_loop(cost)(x) ** 2)),
        "compile of jacobians": the_loop(tg.jacobian(f)),
    }
    expected = tree.flatten(by_loop.get(name, OUTSIDE[name])(X))[0]
    for a, b in zip(found, expected, strict=True):
        assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-9, atol=1e-10)


RULES_WITH_TRANSFORMS = {
    "grad": lambda y, x: tg.grad(lambda x: np.sum(np.sin(x)))(x),
    "jvp": lambda y, x: tg.jvp(np.sin, (x,), (np.ones_like(x),))[1],
    "vjp": lambda y, x: tg.vjp(np.sin, x)[1](np.ones_like(x))[0],
}


@pytest.mark.parametrize("name", RULES_WITH_TRANSFORMS)
def test_a_rule_may_call_transforms(name: str) -> None:
    """The sweep has the values for all examples: for the rule, no vmap is running."""
    op = tg.elementwise(np.sin, RULES_WITH_TRANSFORMS[name], name="sine")
    for transform in (tg.grad, lambda f: lambda x: tg.jvp(f, (x,), (x,))[1], tg.hessian):
        expected = tg.vmap(transform(lambda x: np.sum(np.sin(x) ** 2)))(X)
        assert_allclose(tg.vmap(transform(lambda x: np.sum(op(x) ** 2)))(X), expected, rtol=1e-11, atol=1e-12)


def check_random_nest(seed: int) -> None:
    """That one of them, and its gradient, is by vmap, inside and out, what it is by loops."""
    rng = np.random.default_rng(seed)
    depth, (x, y) = int(rng.integers(1, 4)), rng.normal(size=(2, 2, SIZE))
    found = tg.vmap(tg.value_and_grad(random_nest(np.random.default_rng(seed), depth), argnums=(0, 1)))(x, y)
    by_loops = random_nest(np.random.default_rng(seed), depth, the_loop)
    expected = the_loop(tg.value_and_grad(by_loops, argnums=(0, 1)))(x, y)
    for a, b in zip(tree.flatten(found)[0], tree.flatten(expected)[0], strict=True):
        assert_allclose(a, b, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("seed", range(12))
def test_random_nests_of_transforms(seed: int) -> None:
    check_random_nest(seed)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(8))
def test_many_random_nests_of_transforms(block: int) -> None:
    for seed in range(100 + 100 * block, 200 + 100 * block):
        check_random_nest(seed)


# -- axes ------------------------------------------------------------------------------------------------------------


def test_axes_of_arguments() -> None:
    assert_allclose(tg.vmap(lambda a, b: a - b, in_axes=(1, None))(X, B[:1] + np.arange(5)), X.T - B[0] - np.arange(5))
    assert_array_equal(tg.vmap(lambda a, b: a - b, in_axes=(-1, 0))(X, X.T), np.zeros((4, 5)))
    assert_allclose(
        tg.vmap(lambda p, x: p["W"] @ x + p["b"], in_axes=({"b": None, "W": 0}, None))(
            {"W": W[:, None], "b": B[:1]}, X[0]
        ),
        (W @ X[0] + B[0])[:, None],
    )
    assert_array_equal(tg.vmap(lambda p: p[0] * p[1], in_axes=((0, None),))((X, 2.0)), X * 2)
    assert_array_equal(tg.vmap(lambda p, x: p * x, in_axes=[None, 0])(3.0, X), X * 3)


def test_axes_of_results() -> None:
    assert_array_equal(tg.vmap(np.sin, out_axes=1)(X), np.sin(X).T)
    assert_array_equal(tg.vmap(np.sin, out_axes=-1)(X), np.sin(X).T)
    found = tg.vmap(lambda x: {"y": np.sin(x), "c": W, "s": 2.0}, out_axes={"y": 1, "c": None, "s": 0})(X)
    assert_array_equal(found["y"], np.sin(X).T)
    assert_array_equal(found["c"], W)
    assert_array_equal(found["s"], np.full(5, 2.0))
    a, b = tg.vmap(lambda x: (x, x), out_axes=(0, 1))(X)
    assert_array_equal(a, b.T)
    assert not np.shares_memory(a, b)
    assert not np.shares_memory(a, X)


def test_keyword_arguments_lie_along_the_first_axis() -> None:
    assert_array_equal(
        tg.vmap(lambda x, shift, scale=1.0, flag=False: x * scale + shift)(X, shift=X[:, 0], scale=2.0),
        X * 2 + X[:, :1],
    )
    with pytest.raises(ValueError, match="shift has 4 |x has 5 examples, but shift has 4"):
        tg.vmap(lambda x, shift: x + shift)(X, shift=W[0])


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: tg.vmap(lambda a, b: a + b)(X, W), ValueError, "a has 5 examples, but b has 3"),
        (lambda: tg.vmap(lambda a, b: a + b)(X, 2.0), ValueError, r"b has shape \(\), and so no axis 0"),
        (lambda: tg.vmap(lambda a: a, in_axes=2)(X), ValueError, r"a has shape \(5, 4\), and so no axis 2"),
        (lambda: tg.vmap(lambda a, b: a, in_axes=(0,))(X, W), ValueError, "in_axes has 1 entries, but 2"),
        (lambda: tg.vmap(lambda a: a, in_axes=None)(X), ValueError, "in_axes is None for all"),
        (lambda: tg.vmap(lambda a: a, in_axes=({"w": 0},))({"v": X}), TypeError, "in_axes is {'w': 0} for a, a dict"),
        (lambda: tg.vmap(lambda a: a, in_axes=("x",))(X), TypeError, "in_axes is 'x' for a"),
        (lambda: tg.vmap(np.sum, out_axes=1)(X), ValueError, r"out_axes=1, but a result of shape \(\), .* axes 0 to 0"),
        (lambda: tg.vmap(np.sin, out_axes=-3)(X), ValueError, r"out_axes=-3, but a result of shape \(4,\)"),
        (lambda: tg.vmap(np.sin, out_axes=None)(X), ValueError, "out_axes=None, but this result differs"),
        (lambda: tg.vmap(lambda a: a if a > 0 else -a)(X[0]), tg.TraceError, "stands for 4 examples.*np.where"),
        (lambda: tg.vmap(lambda a: float(a))(X[0]), tg.TraceError, r"float\(t\).*tg.vmap"),
        (lambda: tg.vmap(lambda a: a[a > 0])(X), tg.TraceError, r"t\[mask\] inside tg.vmap.*np.where"),
        (lambda: tg.vmap(lambda i: W[i])(np.arange(3)), tg.TraceError, r"tg.Tensor\(array\)\[t\]"),
        (lambda: tg.vmap(lambda a: W @ a)(X[:, :2]), ValueError, "inner sizes"),
        (lambda: tg.vmap(lambda a: tg.gradients(np.sum(a * T), [T]))(X), ValueError, "tg.grad"),
        (lambda: tg.vmap(lambda a: np.sum(a * T).backward())(X), RuntimeError, "inside tg.vmap"),
        (lambda: tg.vmap(_write)(X), TypeError, "tg.set_at"),
    ],
)
def test_refused(call: Any, error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        call()


T = tg.Tensor(np.ones(4), requires_grad=True, name="T")


def _write(x: Any) -> Any:
    b = tg.zeros(4)
    b[0] = x[0]
    return b


def test_an_example_that_is_kept() -> None:
    kept: list[Any] = []
    tg.vmap(lambda x: (kept.append(x), x)[1])(X)
    with pytest.raises(RuntimeError, match="kept from a tg.vmap that is over"):
        np.sin(kept[0])


def test_an_index_of_each_example() -> None:
    index = np.array([0, 2, 1, 2, 0])
    assert_array_equal(tg.vmap(lambda i: tg.Tensor(W)[i])(index), W[index])
    assert_array_equal(tg.vmap(lambda x, i: x[i])(X, index), X[np.arange(5), index])
    gradient = tg.vmap(tg.grad(lambda w, i: np.sum(w[i] ** 2)), in_axes=(None, 0))(W, index)
    assert_array_equal(gradient, np.where((np.arange(3) == index[:, None])[..., None], 2 * W, 0))


# -- Tensors ---------------------------------------------------------------------------------------------------------


def test_arrays_in_arrays_out_and_tensors() -> None:
    assert type(tg.vmap(np.sin)(X)) is np.ndarray
    assert type(tg.vmap(np.sin)(tg.Tensor(X))) is tg.Tensor
    w = tg.Tensor(W, requires_grad=True)
    y = tg.vmap(lambda x: np.sum((w @ x) ** 2))(X)
    assert y.requires_grad
    np.mean(y).backward()
    assert_allclose(w.grad, tg.grad(lambda w: np.mean(np.sum((X @ w.T) ** 2, axis=1)))(W))


def test_gradients_of_tensors() -> None:
    x = tg.Tensor(X, requires_grad=True)
    found = tg.vmap(lambda x: tg.gradients(cost(x), x)[0])(x)
    assert_allclose(np.asarray(found), loop(tg.grad(cost), X), rtol=1e-11)
    found = tg.vmap(lambda x: tg.gradients(f(x), x, g=np.arange(3.0))[0])(x)
    assert_allclose(np.asarray(found), loop(lambda x: tg.vjp(f, x)[1](np.arange(3.0))[0], X), rtol=1e-11)
    with pytest.raises(ValueError, match="needs g, a cotangent"):
        tg.vmap(lambda x: tg.gradients(f(x), x)[0])(x)


def test_matrices_of_examples_times_one_for_all_are_one_product() -> None:
    matrices = RNG.normal(size=(5, 2, 4))
    program = tg.compile(tg.vmap(tg.grad(lambda a, w: np.sum((a @ w) ** 2)), (0, None)), target="numpy")
    assert "np.matmul" not in program.source(matrices, W.T)
    check(lambda a: a @ W.T, matrices)
    found = tg.grad(lambda w: np.sum(tg.vmap(lambda a: a @ w)(matrices) ** 2))(W.T)
    assert_allclose(found, tg.grad(lambda w: sum(np.sum((a @ w) ** 2) for a in matrices))(W.T), rtol=1e-12)
    assert tg.vmap(lambda a: a @ W.T)(matrices[:0]).shape == (0, 2, 3)


@given(programs(), st.data())
def test_random_programs(drawn: Any, data: Any) -> None:
    """Values and gradients are those of the loop, along whatever axes the examples lie."""
    program, arguments = drawn
    axes = [data.draw(st.none() | st.integers(-x.ndim - 1, x.ndim), label="axis") for x in arguments]
    if all(axis is None for axis in axes):
        axes[0] = 0
    examples = [
        [x if axis is None else x * (1 - 0.01 * i) for x, axis in zip(arguments, axes, strict=True)] for i in range(3)
    ]
    columns = zip(*examples, axes, strict=True)
    stacks = [column[0] if column[-1] is None else np.stack(column[:-1], column[-1]) for column in columns]

    def cost(*xs: Any) -> Any:
        ys = tree.flatten(program(*xs))[0]
        return sum(np.sum(y * np.cos(np.arange(1.0, 1 + y.size)).reshape(y.shape)) for y in ys)

    for f in (program.function, tg.grad(cost, argnums=tuple(range(len(arguments))))):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = [tree.flatten(f(*row))[0] for row in examples]
            if len({tuple(np.shape(y) for y in ys) for ys in expected}) > 1:
                continue  # as of np.unique
            found = tree.flatten(tg.vmap(f, in_axes=tuple(axes))(*stacks))[0]
        for y, ys in zip(found, zip(*expected, strict=True), strict=True):
            stacked = np.stack(ys)
            assert y.dtype == stacked.dtype
            assert_allclose(y, stacked, rtol=1e-8, atol=1e-10 * np.max(np.abs(stacked), initial=1))


def test_norms_of_all_entries_and_margins_of_each_axis() -> None:
    for shape in ((5,), (5, 2), (5, 2, 3), (5, 2, 3, 2)):
        x = RNG.normal(size=shape)
        for g in (np.linalg.norm, tg.grad(np.linalg.norm), lambda x: np.linalg.norm(x, keepdims=True)):
            check(g, x)
    for values in (((1, 2), (3, 4)), [[1, 2]], (3, 4)):
        check(lambda x, v=values: np.pad(x, ((1, 2), (0, 1)), constant_values=v), RNG.normal(size=(5, 3, 2)))


def test_no_examples() -> None:
    assert tg.vmap(f)(X[:0]).shape == (0, 3)
    assert tg.vmap(tg.grad(cost))(X[:0]).shape == (0, 4)


def test_dtypes() -> None:
    x = X.astype(np.float32)
    assert tg.vmap(lambda a: a * 2.0 + 1)(x).dtype == np.float32
    assert tg.vmap(tg.grad(lambda a: np.sum(np.sin(a * 2.0))))(x).dtype == np.float32
    assert tg.vmap(lambda a: a > 0)(x).dtype == bool


def test_what_is_looked_at_one_by_one_is_said_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batching, "_told", set())
    g = tg.vmap(lambda x: np.convolve(x, x) + np.convolve(x, x))
    with pytest.warns(RuntimeWarning, match="convolve has no batching rule") as told:
        found = [g(X), g(X)]
    assert [warning.filename for warning in told] == [__file__]  # the user's line, not one of the library's
    assert_allclose(found[1], [2 * np.convolve(x, x) for x in X])


def test_an_op_of_the_users() -> None:
    softsign = tg.elementwise(lambda x: x / (1 + abs(x)), lambda y, x: (1 - abs(y)) ** 2, name="softsign")
    total = tg.custom_vjp(
        lambda x: np.sum(x, -1), lambda g, y, x: g * np.ones_like(x), name="total", batch=batching.last_axes(1)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert_allclose(tg.vmap(tg.grad(lambda x: np.sum(softsign(x))))(X), tg.grad(lambda x: np.sum(softsign(x)))(X))
        assert_allclose(tg.vmap(total)(X), X.sum(1))
    wrong = tg.custom_vjp(np.sum, lambda g, y, x: g * np.ones_like(x), name="wrong", batch=batching.elementwise)
    with pytest.raises(ValueError, match="wrong: its batching rule gave shape"):
        tg.vmap(wrong)(X)


def test_a_compiled_function_that_reaches_an_example() -> None:
    def outer(x: Any) -> Any:
        inner = tg.compile(lambda w: np.tanh(w @ x))
        return inner(W)

    check(outer, X)
    box: list[Any] = [X[0]]
    reach = tg.compile(lambda w: np.tanh(w @ box[0]))
    assert_allclose(reach(W), np.tanh(W @ X[0]))

    def put(x: Any) -> Any:
        box[0] = x
        return reach(W)

    assert_allclose(tg.vmap(put)(X), np.tanh(X @ W.T))
    box[0] = X[1]
    assert_allclose(reach(W), np.tanh(W @ X[1]))


def test_in_nn() -> None:
    model = tg.nn.Sequential(tg.nn.Linear(4, 3), tg.nn.Tanh(), tg.nn.Linear(3, 2))
    labels = np.array([0, 1, 1, 0, 1])

    def loss(m: Any, x: Any, y: Any) -> Any:
        return tg.nn.functional.cross_entropy(m(x[None]), y[None])

    every = tg.vmap(tg.grad(loss), in_axes=(None, 0, 0))(model, X, labels)
    for i in (0, 3):
        one = tg.grad(loss)(model, X[i], labels[i])
        for a, b in zip(tree.flatten(every)[0], tree.flatten(one)[0], strict=True):
            assert_allclose(np.asarray(a)[i], np.asarray(b), rtol=1e-12, atol=1e-14)
