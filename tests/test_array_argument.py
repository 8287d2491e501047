"""Array arguments that are not differentiated: X.dot(W) knows Tensors, and everything else is as it was."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg

RNG = np.random.default_rng(3)
X, W, Y = RNG.normal(size=(5, 3)), RNG.normal(size=(3, 2)), RNG.normal(size=(5, 2))


def with_dots(W: Any, X: Any, Y: Any) -> Any:
    """The network of a hundred public examples, in the methods that they use."""
    Z = (X - X.mean(axis=0)).dot(W)
    A = 1 / (1 + np.exp(-Z))
    D = X.T.dot(A - Y)
    return D.dot(W.T).sum() + np.sum(X[1:4].dot(W) ** 2) + Y.T.dot(A)[0, 1] + X[0].dot(W)[0]


def with_operators(W: Any, X: Any, Y: Any) -> Any:
    A = 1 / (1 + np.exp(-((X - np.mean(X, axis=0)) @ W)))
    return np.sum((X.T @ (A - Y)) @ W.T) + np.sum((X[1:4] @ W) ** 2) + (Y.T @ A)[0, 1] + (X[0] @ W)[0]


@pytest.mark.parametrize(
    "transform",
    [
        tg.grad,
        tg.hessian,
        lambda f: tg.jacobian(f),
        lambda f: lambda W, X, Y: tg.value_and_grad(lambda X, W, Y: f(W, X, Y), argnums=1)(X, W, Y),
        lambda f: lambda W, X, Y: tg.grad(lambda W, X, Y: f(W, X, Y=Y))(W, X, Y=Y),
        lambda f: lambda W, X, Y: tg.grad(lambda W, batch: f(W, *batch))(W, (X, Y)),
        lambda f: lambda W, X, Y: tg.grad(lambda W, X: np.sum(tg.grad(f)(W, X, Y) ** 2))(W, X),
        lambda f: lambda W, X, Y: tg.compile(tg.grad(f))(W, X, Y),
        lambda f: lambda W, X, Y: tg.jvp(lambda W: tg.grad(f)(W, X, Y), (W,), (W,)),
    ],
)
def test_methods_know_tensors(transform: Any) -> None:
    found, expected = transform(with_dots)(W, X, Y), transform(with_operators)(W, X, Y)
    if not isinstance(found, tuple):
        found, expected = (found,), (expected,)
    for a, b in zip(found, expected, strict=True):
        assert type(a) in (np.ndarray, np.float64)
        np.testing.assert_allclose(a, b, rtol=1e-10)


def test_other_methods_with_operands() -> None:
    w = np.array([-0.3, 0.4, 1.2])
    x, choice = np.array([0.1, 0.2, 0.5]), np.array([1, 0, 1])
    pairs = [
        (lambda w, x: x.clip(w[0], w[1]), lambda w, x: np.clip(x, w[0], w[1])),
        (lambda w, x: x.clip(min=w), lambda w, x: np.clip(x, w, None)),
        (lambda w, x: choice_of(x).choose([w, w * 2]), lambda w, x: np.choose(choice, [w, w * 2])),
        (lambda w, x: w * x.searchsorted(w), lambda w, x: w * np.searchsorted(x, w)),
        (lambda w, x: w * x.dot(x), lambda w, x: w * np.dot(x, x)),
        (lambda w, x: w * x.take([0, 0, 1]), lambda w, x: w * x[[0, 0, 1]]),
    ]

    def choice_of(x: Any) -> Any:
        return (x * 0).astype(int) + choice

    for method, function in pairs:
        found, expected = (tg.jacobian(f)(w, x) for f in (method, function))
        np.testing.assert_array_equal(found, expected)


def test_it_is_the_callers_array() -> None:
    seen: list[Any] = []

    def f(w: Any, x: Any, **more: Any) -> Any:
        assert isinstance(x, np.ndarray)
        assert np.shares_memory(x, X)
        assert repr(x) == repr(X)
        assert type(x.sum()) is type(x[0, 0]) is type(np.max(x)) is np.float64
        assert type(pickle.loads(pickle.dumps(x))) is np.ndarray
        assert f"{np.mean(x):.3f}" == f"{np.mean(X):.3f}"
        np.testing.assert_array_equal(copy.deepcopy(x), X)
        seen.append((x, x.T, x[0] * 2))
        x[0, 0] = 7.0
        return np.sum(w), {"x": x, "rows": (x[1:], x * 2), "more": more["z"]}

    before, Z = X[0, 0], Y.copy()
    try:
        gradient, aux = tg.grad(f, has_aux=True)(np.ones(2), X, z=Z)
        assert X[0, 0] == 7.0
    finally:
        X[0, 0] = before
    assert aux["x"] is X
    assert aux["more"] is Z
    assert [type(a) for a in (gradient, *aux["rows"])] == [np.ndarray] * 3
    # what the function kept is an array like any other
    for kept in seen[0]:
        kept = kept if kept.ndim == 2 else kept[None]
        rows = kept if kept.shape[1] == 3 else kept.T
        assert type(tg.Tensor(kept).numpy()) is np.ndarray
        assert type(tg.grad(lambda a: np.sum(a * a))(kept)) is np.ndarray
        assert type(tg.compile(lambda a: a * 2)(rows)) is np.ndarray
        assert type(tg.vjp(lambda a: a.dot(W), rows)[0]) is np.ndarray


def test_nothing_of_the_kind_is_recorded() -> None:
    found: list[Any] = []

    def f(w: Any, x: Any) -> Any:
        y = w * x + x[0] - np.where(x > 0, w, x) * (x * 2) + x.dot(w) + w[np.argsort(x)] + np.concatenate([w, x])[:3]
        stack = [y]
        while stack:
            t = stack.pop()
            for operand in t._inputs:
                (stack if type(operand) is tg.Tensor else found).append(operand)
            found.extend(t._params.values())
        return np.sum(y)

    tg.grad(f)(np.ones(3), np.array([1.0, -2.0, 3.0]))
    assert len(found) > 5
    assert {type(x) for x in found if isinstance(x, np.ndarray)} == {np.ndarray}


def test_messages_name_it() -> None:
    def f(w: Any, inputs: Any) -> Any:
        return np.sum(inputs @ w)

    with pytest.raises(ValueError, match=r"inputs \(5, 3\)"):
        tg.grad(f)(np.ones(4), X)


def test_an_array_from_outside_says_what_to_write() -> None:
    with pytest.raises(TypeError, match=r"write X @ W for X.dot\(W\).*test_array_argument.*X\.dot"):
        tg.grad(lambda W: np.sum(X.dot(W)))(W)
    low, high = np.array([0.5, 0.2]), np.array([0.6, 3.0])
    np.testing.assert_array_equal(tg.grad(lambda w: np.sum(low.clip(w, high)))(np.array([0.1, 2.0])), [0, 1])
    np.testing.assert_allclose(tg.compile(lambda W: X.dot(W))(W), X.dot(W))  # there it is an input of the program
    with pytest.raises(TypeError, match=r"np.choose"):
        tg.grad(lambda w: np.sum(np.array([0, 1]).choose([w, w])))(np.ones(2))


# -- plain arrays that are written into ------------------------------------------------------------------------------

OUTSIDE = np.zeros(3)


def rows(w: Any) -> Any:
    h = np.zeros((3, 2))
    for t in range(3):
        h[t] = np.tanh(w)
    return np.sum(h)


def numbers(w: Any) -> Any:
    h = np.empty(3)
    h[1] = w[0] * 2
    return np.sum(h)


def added(w: Any) -> Any:
    h = np.ones_like(OUTSIDE)
    h[:2] += w
    return np.sum(h)


def whole(w: Any) -> Any:
    h = np.full(2, 1.0)
    h *= w
    return np.sum(h)


def filled(w: Any) -> Any:
    h = np.zeros(2)
    h.fill(w[0])
    return np.sum(h)


def outside(w: Any) -> Any:
    OUTSIDE[0] = w[0]
    return np.sum(OUTSIDE)


def run_compiled(f: Any) -> Any:
    return tg.compile(f)(np.ones(2))


@pytest.mark.parametrize("f", [rows, numbers, added, filled, outside])
@pytest.mark.parametrize(
    "call",
    [
        lambda f: tg.grad(f)(np.ones(2)),
        lambda f: tg.jvp(f, (np.ones(2),), (np.ones(2),)),
        lambda f: tg.compile(tg.grad(f))(np.ones(2)),
        run_compiled,
        lambda f: tg.derive(f, np.ones(2)),
    ],
    ids=["grad", "jvp", "compiled gradient", "compiled", "derive"],
)
def test_a_plain_array_names_the_buffer(f: Any, call: Any) -> None:
    if f is added and call is run_compiled:  # OUTSIDE is an input, and what is made like it a buffer
        np.testing.assert_allclose(call(f), f(np.ones(2)))
        return
    with pytest.raises(
        TypeError, match=r"lose its gradient.*make \w+ with tg\.zeros.*test_array_argument.py:\d+: "
    ) as caught:
        call(f)
    if f in (rows, numbers, added):
        assert f"{f.__code__.co_firstlineno + 1}: h = np." in str(caught.value), "the line where it is made"
    if f is outside:
        assert "OUTSIDE = np.zeros(3), inside the function" in str(caught.value)


def test_a_whole_array_in_place() -> None:
    with pytest.raises(TypeError, match=r"h \*= w.*write h = h \* t instead, or make h with tg\.zeros"):
        tg.grad(whole)(np.ones(2))


def test_outside_a_transform() -> None:
    """NumPy's own message comes last there; ours is its cause. A number is still a number where none is stored."""
    w = tg.Tensor(np.ones(2), requires_grad=True)
    with pytest.raises(TypeError, match=r"make h with tg\.zeros"):
        rows(w)
    with pytest.raises(ValueError, match="setting an array element") as caught:
        numbers(w)
    assert "make h with tg.zeros" in str(caught.value.__cause__)
    costs = {}
    costs["first"] = float(w[0])
    assert costs == {"first": 1.0}
