"""Transforms: nesting to any depth, trees of arguments, arrays or Tensors in and out, and no result shared."""

import dataclasses
import itertools
from collections import namedtuple
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


# -- nesting ---------------------------------------------------------------------------------------------------------

POINTS = [0.3, -1.2, 2.0]


@pytest.mark.parametrize("x", POINTS)
@pytest.mark.parametrize(
    ("f", "derivatives"),
    [
        (lambda x: x**5, [lambda x: 5 * x**4, lambda x: 20 * x**3, lambda x: 60 * x**2, lambda x: 120 * x]),
        (np.sin, [np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x), np.sin]),
        (lambda x: np.exp(2 * x), [lambda x, k=k: 2**k * np.exp(2 * x) for k in (1, 2, 3, 4)]),
        (lambda x: x * x, [lambda x: 2 * x, lambda x: 2.0, lambda x: 0.0, lambda x: 0.0]),
    ],
    ids=["power", "sin", "exp", "square"],
)
def test_four_derivatives(f, derivatives, x):
    for derivative in derivatives:
        f = tg.grad(f)
        assert_allclose(f(x), derivative(x), rtol=1e-12, atol=1e-12)
        assert type(f(x)) is np.ndarray


def forward(f):
    """The derivative of a function of one number, in forward mode."""
    return lambda x: tg.jvp(f, (x,), (1.0,))[1]


@pytest.mark.parametrize("modes", list(itertools.product([tg.grad, forward], repeat=3)))
def test_third_derivatives_in_every_mixture_of_modes(modes):
    def f(x):
        return np.sin(x) * np.exp(x) / (1 + x * x) + tg.sigmoid(x) ** 3 + np.sum(np.stack([x, 2 * x]) ** 3)

    for mode in modes:
        f = mode(f)
    x, h = 0.7, 1e-20

    def exact(x):
        return np.sin(x) * np.exp(x) / (1 + x * x) + (1 / (1 + np.exp(-x))) ** 3 + 9 * x**3

    # The truth from a Taylor series around x, fitted on a circle in the complex plane (Cauchy's formula).
    angles = np.exp(2j * np.pi * np.arange(64) / 64)
    truth = 6 * np.mean(exact(x + 0.3 * angles) / (0.3 * angles) ** 3).real
    assert_allclose(f(x), truth, rtol=1e-9)
    assert h > 0


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        # The classic cases of one derivative mistaken for the other.
        (lambda: tg.grad(lambda x: x * tg.grad(lambda y: x + y)(1.0))(1.0), 1.0),
        (lambda: tg.grad(lambda x: x * tg.grad(lambda y: x * y)(2.0))(3.0), 6.0),
        (lambda: forward(lambda x: x * forward(lambda y: x + y)(1.0))(1.0), 1.0),
        (lambda: forward(lambda x: x * forward(lambda y: x * y)(2.0))(3.0), 6.0),
        (lambda: tg.grad(lambda x: x * forward(lambda y: x * y)(2.0))(3.0), 6.0),
        (lambda: forward(lambda x: x * tg.grad(lambda y: x * y)(2.0))(3.0), 6.0),
        (lambda: tg.grad(lambda x: tg.grad(lambda y: x * x * y * y)(x))(3.0), 54.0),
        (lambda: forward(lambda x: forward(lambda y: x * x * y * y)(x))(3.0), 54.0),
        # What the inner function returns, or keeps aside, belongs to the outer one.
        (lambda: tg.grad(lambda x: x * tg.value_and_grad(lambda y: x)(1.0)[0])(3.0), 6.0),
        (lambda: tg.grad(lambda x: tg.value_and_grad(lambda y: (y, x * x * y), has_aux=True)(2.0)[0][1])(3.0), 12.0),
        (lambda: tg.grad(lambda x: tg.jvp(lambda y: x * x, (1.0,), (1.0,))[0])(3.0), 6.0),
        (lambda: tg.grad(lambda x: tg.vjp(lambda y: y * x, 2.0)[1](x)[0])(3.0), 6.0),
        (lambda: tg.grad(lambda x: tg.vjp(lambda y: y * y, x)[1](x)[0])(3.0), 12.0),
        (lambda: tg.grad(lambda x: tg.jvp(np.sin, (0.0,), (x * x,))[1])(3.0), 6.0),
        (lambda: tg.grad(lambda x: np.sum(tg.jacobian(lambda y: np.stack([y, x]) * y * x)(2.0)))(3.0), 10.0),
        (lambda: tg.grad(lambda x: tg.hessian(lambda y: x**2 * y**3)(x))(1.5), 18 * 1.5**2),
        (lambda: tg.grad(lambda x: tg.hvp(lambda y: y**3, (x,), (x,))[0])(2.0), 24.0),
        # A derivative that is constant in the inner variable, and in the outer.
        (lambda: tg.grad(lambda x: tg.grad(lambda y: x)(1.0))(3.0), 0.0),
        (lambda: tg.grad(lambda x: tg.grad(lambda y: 3.0 * y)(x))(3.0), 0.0),
        (lambda: tg.grad(lambda x: 7.0)(3.0), 0.0),
    ],
)
def test_perturbations_are_not_confused(found, expected):
    assert_allclose(found(), expected, rtol=1e-12)


def test_jvp_of_grad_of_jvp(rng):
    x, u, v = rng.normal(size=(3, 4))

    def f(x):
        return np.sum(np.sin(x) * x**2)

    def along_u(x):
        return tg.jvp(f, (x,), (u,))[1]

    y, dy = tg.jvp(tg.grad(along_u), (x,), (v,))
    second = -np.sin(x) * x**2 + 4 * x * np.cos(x) + 2 * np.sin(x)
    third = -np.cos(x) * x**2 - 6 * x * np.sin(x) + 6 * np.cos(x)
    assert_allclose(y, second * u, rtol=1e-12)
    assert_allclose(dy, third * u * v, rtol=1e-12)


def test_closures_over_outer_tensors(rng):
    W, x = tensor(rng.normal(size=(2, 3)), "W"), rng.normal(size=3)

    def penalty(x):
        return np.sum(tg.grad(lambda x: np.sum(np.tanh(W @ x)))(x) ** 2)

    # Arrays in, arrays out: a transform that has ended leaves nothing behind that needs a gradient.
    assert isinstance(penalty(x), np.floating)
    # A Tensor in: the result can be differentiated with respect to whatever it came from.
    y = penalty(tg.Tensor(x))
    (dW,) = tg.gradients(y, W)

    def by_hand(w):
        return np.sum((w.T @ (1 - np.tanh(w @ x) ** 2)) ** 2)

    step = 1e-20j
    expected = np.zeros((2, 3))
    for i, j in np.ndindex(2, 3):
        E = np.zeros((2, 3))
        E[i, j] = 1
        expected[i, j] = by_hand(W.numpy() + step * E).imag / 1e-20
    assert_allclose(dW, expected, rtol=1e-10)


# -- trees of arguments ----------------------------------------------------------------------------------------------

Point = namedtuple("Point", "x y")


@dataclasses.dataclass(frozen=True)
class Layer:
    W: Any
    b: Any
    activation: str = "tanh"


TREES = [
    lambda a, b: {"a": a, "b": b},
    lambda a, b: [a, b],
    lambda a, b: (a, b),
    lambda a, b: Point(a, b),
    lambda a, b: Layer(a, b),
    lambda a, b: {"layers": [Layer(a, None), (b, "relu")], "none": None},
]


def ends(tree):
    """The two arrays of any of TREES."""
    if isinstance(tree, dict):
        return (tree["a"], tree["b"]) if "a" in tree else (tree["layers"][0].W, tree["layers"][1][0])
    return (tree.W, tree.b) if isinstance(tree, Layer) else (tree[0], tree[1])


@pytest.mark.parametrize("build", TREES, ids=["dict", "list", "tuple", "namedtuple", "dataclass", "nested"])
def test_trees_in_every_transform(build, rng):
    a, b = rng.normal(size=(2, 3)), rng.normal(size=3).astype(np.float32)
    u, v = rng.normal(size=(2, 3)), rng.normal(size=3).astype(np.float32)

    def f(p):
        a, b = ends(p)
        return np.sum(np.sin(a) * b**2)

    point, direction = build(a, b), build(u, v)
    da, db = np.cos(a) * b**2, np.sum(2 * np.sin(a) * b, axis=0)
    for tree in (tg.grad(f)(point), tg.value_and_grad(f)(point)[1], tg.vjp(f, point)[1](1.0)[0], tg.jacobian(f)(point)):
        assert type(tree) is type(point)
        found_a, found_b = ends(tree)
        assert_allclose(found_a, da, rtol=1e-6)
        assert_allclose(found_b, db, rtol=1e-6)
        assert (found_a.dtype, found_b.dtype) == (a.dtype, b.dtype)
        assert (found_a.shape, found_b.shape) == (a.shape, b.shape)
    if isinstance(point, Layer):
        assert tg.grad(f)(point).activation == "tanh"
    assert_allclose(tg.jvp(f, (point,), (direction,))[1], np.sum(da * u) + np.sum(db * v), rtol=1e-6)
    (product,) = tg.hvp(f, (point,), (direction,))
    assert type(product) is type(point)
    assert_allclose(ends(product)[0], -np.sin(a) * b**2 * u + 2 * np.cos(a) * b * v, rtol=1e-6)


def test_a_value_that_is_a_tree(rng):
    x = rng.normal(size=3)

    def f(x):
        return {"s": np.sin(x), "more": (x * 2, [np.sum(x)]), "plain": np.ones(2), "name": "f"}

    y, pullback = tg.vjp(f, x)
    assert y["name"] == "f"
    g = {"s": rng.normal(size=3), "more": (rng.normal(size=3), [0.5]), "plain": np.ones(2), "name": "f"}
    (dx,) = pullback(g)
    assert_allclose(dx, g["s"] * np.cos(x) + 2 * g["more"][0] + 0.5)
    y, dy = tg.jvp(f, (x,), (g["s"],))
    assert_allclose(dy["s"], np.cos(x) * g["s"])
    assert_allclose(dy["more"][1][0], np.sum(g["s"]))
    assert_array_equal(dy["plain"], 0)
    with pytest.raises(ValueError, match="structure"):
        pullback({"s": np.ones(3)})
    with pytest.raises(ValueError, match=r"\(3,\)"):
        pullback({**g, "s": np.ones((1, 3))})


def test_structures_that_differ_say_how():
    with pytest.raises(ValueError, match=r"dict\(b: \*.*dict\(a: \*"):
        tg.jvp(lambda p: p["a"] * 1.0, ({"a": 1.0},), ({"b": 1.0},))


# -- argnums, has_aux ------------------------------------------------------------------------------------------------


def test_argnums(rng):
    a, b, c = 2.0, 3.0, 5.0

    def f(a, b, c):
        return a * b**2 * c**3

    da, db, dc = b**2 * c**3, 2 * a * b * c**3, 3 * a * b**2 * c**2
    assert tg.grad(f)(a, b, c) == da
    assert tg.grad(f, argnums=2)(a, b, c) == dc
    assert tg.grad(f, argnums=-2)(a, b, c) == db
    assert tg.grad(f, argnums=np.int64(1))(a, b, c) == db
    for argnums, expected in [
        ((2, 0), (dc, da)),
        ([0, 1, 2], (da, db, dc)),
        ((1,), (db,)),
        ((-1, 1), (dc, db)),
        ((), ()),
    ]:
        found = tg.grad(f, argnums=argnums)(a, b, c)
        assert isinstance(found, tuple)
        assert found == expected
        assert tg.jacobian(f, argnums=argnums)(a, b, c) == expected
    assert tg.grad(f)(a, b, c=c) == da
    of_trees = tg.grad(lambda p, q: p["a"] * q[0] * q[1], argnums=(1, 0))({"a": a}, [b, c])
    assert of_trees == ([a * c, a * b], {"a": b * c})
    for wrong in (3, -4, (0, 5)):
        with pytest.raises(ValueError, match="argnums"):
            tg.grad(f, argnums=wrong)(a, b, c)
    for twice in ((0, 0), (0, -3)):
        with pytest.raises(ValueError, match="twice"):
            tg.grad(f, argnums=twice)(a, b, c)
    with pytest.raises(TypeError):
        tg.grad(f, argnums="a")(a, b, c)


def test_has_aux(rng):
    x = rng.normal(size=3)
    (value, aux), dx = tg.value_and_grad(
        lambda x: (np.sum(x * x), {"twice": 2 * x, "label": "hi", "n": 3}), has_aux=True
    )(x)
    assert_allclose(value, np.sum(x * x))
    assert_allclose(dx, 2 * x)
    assert type(aux["twice"]) is np.ndarray
    assert_allclose(aux["twice"], 2 * x)
    assert (aux["label"], aux["n"]) == ("hi", 3)
    dx, aux = tg.grad(lambda x: (np.sum(x), x), has_aux=True)(x)
    assert_array_equal(aux, x)
    assert not np.shares_memory(aux, x)
    with pytest.raises(TypeError, match=r"pair"):
        tg.grad(lambda x: np.sum(x), has_aux=True)(x)
    with pytest.raises(TypeError, match="one number, not a tuple"):
        tg.grad(lambda x: (np.sum(x), x))(x)


# -- vjp, jvp, jacobian, hessian, hvp against each other ---------------------------------------------------------------


def system(x):
    return np.stack([np.sum(x**2), x[0] * np.exp(x[1]), np.sum(np.tanh(x) * x[::-1]), np.prod(x)])


@pytest.mark.parametrize("size", [2, 3, 4, 6], ids=lambda n: f"{n} arguments, 4 values")
def test_jacobian_against_vjp_and_jvp(size, rng):
    """Fewer arguments than values go forward, more go backward."""
    x, v, g = rng.normal(size=size), rng.normal(size=size), rng.normal(size=4)
    J = tg.jacobian(system)(x)
    assert J.shape == (4, size)
    assert_allclose(tg.jvp(system, (x,), (v,))[1], J @ v, rtol=1e-12)
    assert_allclose(tg.vjp(system, x)[1](g)[0], g @ J, rtol=1e-12)
    step = [system(x + 1e-20j * e).imag / 1e-20 for e in np.eye(size)]
    assert_allclose(J, np.stack(step, axis=-1), rtol=1e-12)


def test_hessian_against_hvp(rng):
    x, v = rng.normal(size=(2, 3)), rng.normal(size=(2, 3))

    def f(x):
        return np.sum(np.sin(x[0] * x[1]) * x[1]) + np.sum(x) ** 3

    H = tg.hessian(f)(x)
    assert H.shape == (2, 3, 2, 3)
    assert_allclose(H.reshape(6, 6), H.reshape(6, 6).T, rtol=1e-12)
    assert_allclose(tg.hvp(f, (x,), (v,))[0], np.tensordot(H, v, 2), rtol=1e-12)
    assert_allclose(tg.jacobian(tg.grad(f))(x), H)
    reverse_over_forward = tg.grad(lambda x: tg.jvp(f, (x,), (v,))[1])(x)
    assert_allclose(reverse_over_forward, np.tensordot(H, v, 2), rtol=1e-12)
    reverse_over_reverse = tg.grad(lambda x: np.sum(tg.grad(f)(x) * v))(x)
    assert_allclose(reverse_over_reverse, np.tensordot(H, v, 2), rtol=1e-12)
    H1 = tg.hessian(lambda a, b: f(b) * a**2, argnums=1)(2.0, x)
    assert_allclose(H1, 4 * H, rtol=1e-12)


def test_hvp_of_several_arguments(rng):
    x, y, u, v = rng.normal(size=(4, 3))
    found = tg.hvp(lambda x, y: np.sum(x**2 * y**3), (x, y), (u, v))
    assert_allclose(found[0], 2 * y**3 * u + 6 * x * y**2 * v, rtol=1e-12)
    assert_allclose(found[1], 6 * x * y**2 * u + 6 * x**2 * y * v, rtol=1e-12)


def test_jacobian_shapes(rng):
    assert tg.jacobian(np.sin)(0.5).shape == ()
    assert tg.jacobian(np.sum)(np.ones((2, 3))).shape == (2, 3)
    assert tg.jacobian(lambda x: x * np.ones((2, 3)))(1.0).shape == (2, 3)
    assert tg.jacobian(lambda x: x[:0])(np.ones(3)).shape == (0, 3)
    assert tg.jacobian(lambda x: np.sum(x) * np.ones(4))(np.ones((0, 2))).shape == (4, 0, 2)
    assert tg.jacobian(lambda x: x * 2)(np.ones(2, np.float32)).dtype == np.float32
    assert_array_equal(tg.jacobian(lambda x: 3.0)(np.ones(2)), [0, 0])
    assert_array_equal(tg.jacobian(lambda x: np.ones(3))(np.ones(2)), np.zeros((3, 2)))
    assert_array_equal(tg.jacobian(lambda x: x > 0)(np.ones(2)), np.zeros((2, 2)))
    a, b = tg.jacobian(lambda a, b: a * b, argnums=(0, 1))(np.arange(3.0), 2.0)
    assert_array_equal(a, 2 * np.eye(3))
    assert_array_equal(b, np.arange(3.0))
    with pytest.raises(TypeError, match="one array, not a tuple"):
        tg.jacobian(lambda x: (x, x))(np.ones(2))


def test_complex_derivatives(rng):
    x = rng.normal(size=3)
    z = x + 1j * rng.normal(size=3)
    assert_allclose(tg.jacobian(lambda x: np.exp(1j * x))(x), np.diag(1j * np.exp(1j * x)))
    assert_allclose(tg.jacobian(lambda x: np.sum(np.exp(1j * x)))(x), 1j * np.exp(1j * x))
    assert_allclose(tg.jacobian(np.sin)(z), np.diag(np.cos(z)))
    with pytest.raises(TypeError, match="real value of a complex argument"):
        tg.jacobian(np.abs)(z)
    with pytest.raises(TypeError, match="complex"):
        tg.grad(lambda x: np.sum(x * 1j))(x)
    with pytest.raises(TypeError, match="complex"):
        tg.hessian(lambda z: np.sum(np.abs(z) ** 2))(z)
    with pytest.raises(TypeError, match="complex"):
        tensor(z[:1]).backward()


# -- arrays in, arrays out; Tensors in, Tensors out ------------------------------------------------------------------


def everything(x):
    """Each transform's results for f(x) = sum of x**3, flat."""

    def f(x):
        return np.sum(x**3)

    v = np.array([1.0, -2.0])
    y, pullback = tg.vjp(f, x)
    return [
        tg.grad(f)(x), *tg.value_and_grad(f)(x), y, *pullback(2.0), *tg.jvp(f, (x,), (v,)),
        tg.jacobian(f)(x), tg.hessian(f)(x), *tg.hvp(f, (x,), (v,)),
    ]  # fmt: skip


EXPECTED = everything(np.array([1.0, 2.0]))


def test_arrays_in_arrays_out():
    for result in EXPECTED:
        assert type(result) in (np.ndarray, np.float64)


def test_tensors_in_tensors_out():
    for x in (tg.Tensor([1.0, 2.0]), tensor([1.0, 2.0])):
        for result, array in zip(everything(x), EXPECTED, strict=True):
            assert type(result) is tg.Tensor
            assert_allclose(result.numpy(), array)
            assert result.requires_grad == x.requires_grad


def test_a_tensor_anywhere_among_the_arguments_gives_tensors():
    W = tensor([2.0, 3.0])
    x = np.array([1.0, 4.0])
    for found in (
        tg.grad(lambda x, W: np.sum(x * x * W))(x, W),
        tg.grad(lambda x, W=None: np.sum(x * x * W))(x, W=W),
        tg.grad(lambda x, p: np.sum(x * x * p["W"]))(x, {"W": W}),
    ):
        assert type(found) is tg.Tensor
        assert_allclose(tg.gradients(np.sum(found), W)[0], 2 * x)


def test_results_that_left_a_transform_are_ordinary_tensors():
    """backward() works on them, and later transforms of arrays give arrays."""
    w = tensor(3.0)
    y, pullback = tg.vjp(lambda w: w**3, w)
    y.backward()
    assert w.grad == 27
    w.grad = None
    (pullback(2.0)[0] * 1.0).backward()
    assert w.grad == 36
    w.grad = None
    tg.grad(lambda w: w**3)(w).backward()
    assert w.grad == 18
    constant = tg.grad(lambda x: x**3)(tg.Tensor(2.0))
    assert not constant.requires_grad
    assert type(tg.grad(lambda x: x * constant)(1.0)) is np.ndarray


def test_inside_f_the_arguments_are_tensors():
    kinds = []

    def f(a, b):
        kinds.append((type(a), type(b)))
        return a * b

    tg.grad(f)(1.0, 2.0)
    assert kinds == [(tg.Tensor, float)]


# -- nothing is shared -----------------------------------------------------------------------------------------------


def arrays(tree):
    if isinstance(tree, np.ndarray):
        return [tree]
    if isinstance(tree, (tuple, list)):
        return [a for part in tree for a in arrays(part)]
    return []


def check_apart(*trees):
    everything = [a for tree in trees for a in arrays(tree)]
    for a, b in itertools.combinations(everything, 2):
        assert not np.shares_memory(a, b)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, y: (x, y),
        lambda x, y: (x + y, x + y),
        lambda x, y: (lambda z: (z, z))(x * y),
        lambda x, y: (lambda z: (z, z[::-1], np.reshape(z, (3, 1))[:, 0]))(x * y),
        lambda x, y: (x[::-1], np.broadcast_to(y, (3,))),
        lambda x, y: (np.exp(x), y),
    ],
)
def test_results_are_not_shared(f, rng):
    x, y = rng.normal(size=(3,)), rng.normal(size=(3,))
    value, pullback = tg.vjp(f, x, y)
    g = tuple(rng.normal(size=3) for _ in value)
    first, second = pullback(g), pullback(g)
    check_apart(value, first, second, g, [x, y])
    v = (rng.normal(size=3), rng.normal(size=3))
    value, tangent = tg.jvp(f, (x, y), v)
    check_apart(value, tangent, v, [x, y])
    (s, aux), gradients = tg.value_and_grad(lambda x, y: (np.sum(x + y), f(x, y)), argnums=(0, 1), has_aux=True)(x, y)
    check_apart([s], aux, gradients, [x, y])
    check_apart(tg.jacobian(lambda x, y: f(x, y)[0], argnums=(0, 1))(x, y), [x, y])


def test_a_pullback_keeps_its_own_values(rng):
    """Neither the arguments nor the value, changed afterwards, change what the pullback gives."""
    x, g = rng.normal(size=3), rng.normal(size=3)
    expected = g * np.exp(x) * x + g * np.exp(x)
    argument = x.copy()
    y, pullback = tg.vjp(lambda x: np.exp(x) * x, argument)
    argument[:] = 0
    y[:] = 0
    assert_allclose(pullback(g)[0], expected)
    pullback(g)[0][:] = 0
    assert_allclose(pullback(g)[0], expected)
    values, pullback = tg.vjp(lambda x: (lambda e: (e, e * x))(np.exp(x)), x.copy())
    values[0][:] = 0
    assert_allclose(pullback((np.zeros(3), g))[0], expected)


def test_a_pullback_notices_new_data_in_a_tensor_it_closed_over():
    W = tensor([2.0, 3.0], "W")
    _, pullback = tg.vjp(lambda x: x * W, np.ones(2))
    assert_array_equal(pullback(np.ones(2))[0], [2, 3])
    W.data = np.zeros(2)
    with pytest.raises(RuntimeError, match="W was given new data"):
        pullback(np.ones(2))


# -- disconnected arguments ------------------------------------------------------------------------------------------


def test_disconnected_arguments_have_zero_gradients():
    a, b = tg.grad(lambda a, b: a * 2.0, argnums=(0, 1))(1.0, np.float32(1.0))
    assert (a, b, b.dtype) == (2, 0, np.float32)
    assert_array_equal(tg.grad(lambda p: p["a"] * 1.0)({"a": 1.0, "b": np.ones((2, 3))})["b"], np.zeros((2, 3)))
    y, dy = tg.jvp(lambda a, b: (a, b, 4.0), (1.0, 2.0), (3.0, 0.0))
    assert dy == (3, 0, 0)


def test_gradients_of_something_unrelated_raises():
    x, other = tensor([1.0, 2.0], "x"), tensor([3.0], "other")
    y = np.sum(x * x)
    with pytest.raises(ValueError, match=r"does not depend on xs\[1\] \(other, shape \(1,\)\)"):
        tg.gradients(y, [x, other])
    found = tg.gradients(y, [x, other], disconnected="zeros")
    assert_array_equal(found[1], [0])
    with pytest.raises(ValueError, match="disconnected='ignore'"):
        tg.gradients(y, x, disconnected="ignore")
    with pytest.raises(ValueError, match="requires_grad=True"):
        tg.gradients(y, tg.Tensor([1.0]))
    with pytest.raises(ValueError, match="detach"):
        tg.gradients(np.sum(tensor([1.0]) * x.detach()), x)


def test_stop_gradient():
    x = np.array([1.0, 2.0])
    assert_array_equal(tg.grad(lambda x: np.sum(x * tg.stop_gradient(x)))(x), x)
    assert_array_equal(tg.jvp(lambda x: x * tg.stop_gradient(x), (x,), (x,))[1], x * x)
    assert tg.stop_gradient(x) is x
    assert tg.grad(lambda x: tg.grad(lambda y: y * tg.stop_gradient(x * y))(x))(3.0) == 0


# -- no_grad ---------------------------------------------------------------------------------------------------------


def test_no_grad_inside_a_transform():
    def f(x):
        with tg.no_grad():
            frozen = x * x
            value, slope = tg.value_and_grad(lambda y: y**3)(x)  # works, and is a constant out here
        assert not frozen.requires_grad
        return x * frozen + value + 0 * x * slope

    assert tg.grad(f)(3.0) == 9
    assert tg.jvp(f, (3.0,), (1.0,))[1] == 9


def test_no_grad_around_a_transform():
    with tg.no_grad():
        assert tg.grad(lambda x: x**3)(2.0) == 12
        assert tg.grad(tg.grad(lambda x: x**3))(2.0) == 12
        assert tg.jvp(np.sin, (0.0,), (2.0,))[1] == 2
        y, pullback = tg.vjp(np.sin, tensor(0.0))
        assert not y.requires_grad
        assert not pullback(1.0)[0].requires_grad
    with tg.no_grad():
        _, pullback = tg.vjp(lambda x: x**3, 2.0)
    assert pullback(1.0) == (12,)


# -- functions of every kind, and errors -----------------------------------------------------------------------------


def test_functions_of_every_kind():
    class Doubler:
        def __call__(self, x):
            return 2 * x

        def method(self, x, scale=3.0):
            return scale * x

    assert tg.grad(Doubler())(1.0) == 2
    assert tg.grad(Doubler().method)(1.0) == 3
    assert tg.grad(Doubler().method)(1.0, scale=5.0) == 5
    assert tg.grad(np.sin)(0.0) == 1
    assert tg.grad(lambda *xs: xs[0] * xs[1], argnums=(0, 1))(2.0, 3.0) == (3, 2)
    assert tg.grad(lambda x, /, *, k: k * x)(1.0, k=4.0) == 4

    def cubed(x):
        """A cube."""
        return x**3

    assert tg.grad(cubed).__name__ == "grad(cubed)"
    assert tg.grad(cubed).__doc__ == "A cube."


def test_errors_of_transforms_name_the_argument():
    def loss(params, X):
        return np.sum(params["W"] @ X)

    with pytest.raises(TypeError, match=r"params\['n'\] is int64"):
        tg.grad(loss)({"W": np.ones((2, 3)), "n": 3}, np.ones(3))
    with pytest.raises(ValueError, match=r"must return one number.*\(2,\).*tg\.vjp or tg\.jacobian"):
        tg.grad(lambda x: x * 2)(np.ones(2))
    with pytest.raises(TypeError, match=r"must return one number, not a NoneType"):
        tg.grad(lambda x: None)(1.0)
    with pytest.raises(TypeError, match="words is a set"):
        tg.grad(lambda words: 1.0)({"a", "b"})
    for transform in (tg.jvp, tg.hvp):
        with pytest.raises(TypeError, match=r"args is a ndarray; give a tuple.*\(x,\)"):
            transform(np.sin, np.ones(1), np.ones(1))
        with pytest.raises(ValueError, match="1 arguments, but 2"):
            transform(np.sin, (1.0,), (1.0, 1.0))
    with pytest.raises(ValueError, match=r"tangent has shape \(3,\), but x has shape \(2,\)"):
        tg.jvp(lambda x: x, (np.ones(2),), (np.ones(3),))
    with pytest.raises(TypeError, match="tangent is complex128"):
        tg.jvp(lambda x: x, (1.0,), (1j,))
    with pytest.raises(TypeError, match="y is a float"):
        tg.gradients(3.0, [])
    with pytest.raises(TypeError, match=r"xs\[0\] is a ndarray"):
        tg.gradients(tensor(1.0), [np.ones(2)])
    with pytest.raises(RuntimeError, match="backward.*inside a transform"):
        tg.grad(lambda x: (x * x).backward())(1.0)
    with pytest.raises(TypeError, match="one array"):
        tg.hessian(lambda p: p["a"] ** 2)({"a": 1.0})
    with pytest.raises(TypeError, match=r"number of one argument.*tg\.hvp"):
        tg.hessian(lambda x, y: x * y, argnums=(0, 1))


def test_an_error_in_f_leaves_nothing_switched():
    with pytest.raises(ZeroDivisionError), tg.no_grad():
        tg.grad(lambda x: x / (1 // 0))(1.0)
    assert tg.grad(lambda x: x * x)(1.0) == 2


# -- forward mode through ops that have only a vjp, and several outputs ------------------------------------------------


def test_forward_mode_through_a_custom_vjp(rng):
    x, v, g = rng.normal(size=(3, 4))
    op = tg.custom_vjp(
        lambda a, b: a * a * b, lambda g, y, a, b: 2 * g * a * b, lambda g, y, a, b: g * a * a, name="op"
    )
    assert_allclose(tg.jvp(op, (x, v), (v, g))[1], 2 * x * v * v + x * x * g)
    assert_allclose(tg.hvp(lambda x: np.sum(op(x, x)), (x,), (v,))[0], 6 * x * v, rtol=1e-12)
    assert tg.jvp(lambda x: op(x, 2.0), (np.float32(3.0),), (np.float32(1.0),))[1].dtype == np.float32


def test_forward_mode_where_a_taken_kink_meets_an_infinite_slope():
    with np.errstate(divide="ignore"):
        assert tg.jvp(lambda x: tg.relu(np.log(x)), (0.0,), (1.0,))[1] == 0
        assert tg.jvp(lambda x: np.maximum(np.log(x), 3.0), (0.0,), (1.0,))[1] == 0
        assert tg.jvp(lambda x: np.max(np.stack([np.log(x), 3 + x])), (0.0,), (1.0,))[1] == 1
