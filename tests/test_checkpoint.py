"""Checkpointing: the same gradients from less memory."""

import dataclasses
import tracemalloc
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_lite as tg


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def tensor(array, name=None):
    return tg.Tensor(array, requires_grad=True, name=name)


@dataclasses.dataclass
class Layer:
    W: Any
    b: Any
    name: str = "layer"


def apply(layer, x):
    z = layer.W @ x + layer.b
    return {"a": np.tanh(z), "z": [z, np.argmax(z, axis=0)], "name": layer.name}


@pytest.fixture
def point(rng):
    return Layer(rng.normal(size=(3, 2)), rng.normal(size=(3, 1))), rng.normal(size=(2, 5))


def loss_of(f):
    def loss(layer, x):
        out = f(layer, x)
        assert out["name"] == "layer"
        assert out["z"][1].dtype.kind == "i"
        return np.sum(out["a"] ** 3) + np.sum(np.sin(out["z"][0]) * out["a"])

    return loss


def check_equal(a, b):
    for x, y in zip(tg.tree.flatten(a)[0], tg.tree.flatten(b)[0], strict=True):
        assert_allclose(x, y, rtol=1e-10, atol=1e-12)


def test_the_same_gradients_of_trees(point):
    plain, saving = loss_of(apply), loss_of(tg.checkpoint(apply))
    check_equal(tg.value_and_grad(saving, argnums=(0, 1))(*point), tg.value_and_grad(plain, argnums=(0, 1))(*point))
    check_equal(tg.grad(saving, argnums=1)(*point), tg.grad(plain, argnums=1)(*point))


def test_higher_derivatives_and_forward_mode(point):
    plain, saving = loss_of(apply), loss_of(tg.checkpoint(apply))
    direction = Layer(point[0].W * 0.3, point[0].b + 1.0), point[1] ** 2
    check_equal(tg.jvp(saving, point, direction), tg.jvp(plain, point, direction))
    check_equal(tg.hvp(saving, point, direction), tg.hvp(plain, point, direction))
    reverse = [
        tg.grad(lambda x, f=f: np.sum(tg.grad(f, argnums=1)(point[0], x) ** 2))(point[1]) for f in (saving, plain)
    ]
    check_equal(*reverse)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_nested_checkpoints_to_the_fourth_derivative(order):
    inner = tg.checkpoint(np.sin)
    f = tg.checkpoint(lambda x: inner(x * inner(x)) * x)
    expected = lambda x: np.sin(x * np.sin(x)) * x  # noqa: E731
    for _ in range(order):
        f, expected = tg.grad(f), tg.grad(expected)
    assert_allclose(f(0.7), expected(0.7), rtol=1e-10)


def test_closures_over_tensors(rng):
    W, x, g = tensor(rng.normal(size=(2, 3)), "W"), tensor(rng.normal(size=3)), rng.normal(size=2)
    scale = tg.Tensor(2.0)  # requires no gradient
    layer = tg.checkpoint(lambda x: np.tanh(W @ x) * scale)
    plain = tg.gradients(np.tanh(W @ x) * scale, [W, x], g=g)
    check_equal(tg.gradients(layer(x), [W, x], g=g), plain)
    layer(x).backward(g)
    check_equal([W.grad, x.grad], plain)
    assert_allclose(tg.gradients(layer(x.numpy()), W, g=g)[0], plain[0])  # only the closure has a gradient
    outer = tg.grad(lambda s: np.sum(tg.checkpoint(lambda x: np.sin(x * s))(tg.Tensor([1.0, 2.0]))))
    assert_allclose(outer(0.5), np.sum([1, 2] * np.cos([0.5, 1.0])))


def test_a_result_that_is_an_argument_or_used_twice(rng):
    f = tg.checkpoint(lambda x, y: (x, x * y, x * y + 1, [x * y][0], 3.0, None))
    x, y = tensor(2.0), tensor(5.0)
    out = f(x, y)
    assert out[4:] == (3.0, None)
    total = out[0] + 10 * out[1] + 100 * out[2] + 1000 * out[3]
    check_equal(tg.gradients(total, [x, y]), [np.array(1 + 1110 * 5.0), np.array(1110 * 2.0)])
    same = tg.checkpoint(lambda x: (lambda z: (z, z))(x * x))
    a, b = same(x)
    assert tg.gradients(a + b, x)[0] == 8


def test_keyword_arguments_constants_and_no_grad(rng):
    f = tg.checkpoint(lambda x, *, power=2, shift=None: x**power + (0 if shift is None else shift))
    assert tg.grad(lambda x: f(x, power=3, shift=np.ones(()) * 2))(2.0) == 12
    assert type(f(2.0)) is float
    with tg.no_grad():
        assert not f(tensor(2.0)).requires_grad
    assert f.__wrapped__ is not f


def test_a_transform_inside(rng):
    x = rng.normal(size=3)
    f = tg.checkpoint(lambda x: np.sum(tg.grad(lambda y: np.sum(y**3 * x))(x)))
    assert_allclose(tg.grad(f)(x), 9 * x**2)


def test_a_function_that_does_not_repeat_itself_raises():
    rng = np.random.default_rng(0)
    dropout = tg.checkpoint(lambda x: x * (rng.random(50) > 0.5))
    with pytest.raises(RuntimeError, match="another result.*random numbers"):
        tg.grad(lambda x: np.sum(dropout(x)))(np.ones(50))
    X = np.ones(3)
    y = tg.checkpoint(lambda W: W * X)(W := tensor(np.ones(3)))
    X[0] = 2
    with pytest.raises(RuntimeError, match="another result"):
        tg.gradients(np.sum(y), W)


@pytest.mark.parametrize(
    "differentiate",
    [
        lambda f, x: tg.grad(f)(x),
        lambda f, x: tg.hessian(f)(x),
        lambda f, x: tg.jvp(f, (x,), (x,)),
        lambda f, x: tg.grad(lambda x: f(f(x) * x))(x),
        lambda f, x: f(tg.Tensor(x, requires_grad=True)).backward(),
        lambda f, x: tg.grad(lambda x: np.sum(tg.scan(lambda c, r: (c, f(r)), 0.0, x[None], checkpoint=True)[1]))(x),
    ],
    ids=["grad", "hessian", "jvp", "twice", "backward", "scan"],
)
def test_running_statistics_are_written_once_a_forward_pass(differentiate, rng):
    x = rng.normal(size=(4, 3))
    found = []
    for wrap in (tg.checkpoint, lambda f: f):
        layer = tg.nn.BatchNorm1d(3)
        differentiate(wrap(lambda x, layer=layer: np.sum(layer(x) ** 3)), x)
        found.append(layer.state_dict())
    once, expected = found
    for name, value in expected.items():
        assert_array_equal(once[name], value, err_msg=name)


def test_new_data_in_a_leaf_is_noticed():
    W = tensor([1.0], "W")
    y = tg.checkpoint(lambda x: x * W)(tensor([2.0]))
    W.data = np.array([5.0])
    with pytest.raises(RuntimeError, match="W was given new data"):
        y.backward()


def test_it_is_called_once_more_for_a_backward_pass_however_many_operands(rng):
    calls = []

    def f(*xs):
        calls.append(1)
        return sum(xs) * xs[0]

    xs = [tensor(rng.normal(size=2)) for _ in range(5)]
    y = tg.checkpoint(f)(*xs)
    tg.gradients(y, xs, g=np.ones(2))
    assert len(calls) == 2


@pytest.mark.thorough
def test_peak_memory_falls(rng):
    """Twenty blocks of five steps on a megabyte each: all hundred results are kept, or twenty and one block's."""
    x = rng.normal(size=131_072)

    def block(x):
        for _ in range(5):
            x = np.tanh(x * 1.1)
        return x

    def peak(block):
        def loss(x):
            for _ in range(20):
                x = block(x)
            return np.sum(x)

        tracemalloc.start()
        try:
            gradient = tg.grad(loss)(x)
            return tracemalloc.get_traced_memory()[1] / x.nbytes, gradient
        finally:
            tracemalloc.stop()

    stored, expected = peak(block)
    saved, gradient = peak(tg.checkpoint(block))
    assert_array_equal(gradient, expected)
    assert stored > 190
    assert saved < 50


@pytest.mark.parametrize("seeded", [True, False])
def test_dropout_draws_the_same_again(seeded):
    """Also in a part of a part, in forward mode and in second derivatives; its generator goes on as without."""

    def make(wrap):
        drop = tg.nn.Dropout(0.5, rng=np.random.default_rng(0) if seeded else None)
        inner = wrap(lambda x: drop(np.exp(x)))
        return drop, wrap(lambda x: drop(inner(x) * x) + drop(x))

    x, v = np.linspace(0.1, 1, 8), np.ones(8)
    (plain_drop, plain), (drop, part) = make(lambda f: f), make(tg.checkpoint)
    y, pullback = tg.vjp(part, x)
    gradient = pullback(v)[0]
    np.testing.assert_array_equal(gradient, pullback(v)[0])
    _, slope = tg.jvp(part, (x,), (v,))
    curvature = tg.hessian(lambda x: np.sum(part(x)))(x)
    assert np.count_nonzero(curvature - np.diag(np.diag(curvature))) == 0
    if seeded:
        want, pullback = tg.vjp(plain, x)
        np.testing.assert_array_equal(y, want)
        np.testing.assert_allclose(gradient, pullback(v)[0])
        np.testing.assert_allclose(slope, tg.jvp(plain, (x,), (v,))[1])
        np.testing.assert_allclose(curvature, tg.hessian(lambda x: np.sum(plain(x)))(x))
        assert drop.rng.random() == plain_drop.rng.random()
