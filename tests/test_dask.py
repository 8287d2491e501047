"""Tensors over arrays that are not NumPy's: the same gradients, lazily, never computed or coerced."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_lite as tg
from tests.another_library import FUNCTIONS, network

da = pytest.importorskip("dask.array")
dask = pytest.importorskip("dask")


def refuse(*args, **kwargs):
    raise AssertionError("a lazy array was computed")


@pytest.fixture
def lazy():
    """A context in which nothing may be computed."""
    return dask.config.set(scheduler=refuse)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def columns(array, size=7):
    """The array in chunks of whole columns."""
    return da.from_array(array, chunks=(*array.shape[:-1], size))


def computed(tree):
    return tuple(computed(x) for x in tree) if isinstance(tree, (tuple, list)) else np.asarray(tree)


def check_same(f, lazy, *args):
    """Value and gradients of f on chunked arguments are those on plain ones; nothing is computed on the way."""
    g = np.random.default_rng(1).normal(size=np.shape(f(*args)))
    y, pullback = tg.vjp(f, *args)
    expected = y, pullback(g)
    with lazy:
        y, pullback = tg.vjp(f, *(columns(x) if np.ndim(x) else x for x in args))
        gradients = pullback(columns(g) if g.ndim else g)
        ts = [tg.Tensor(columns(x), requires_grad=True) for x in args if np.ndim(x)]
        result = f(*ts) if len(ts) == len(args) else None
    for lazy_one, x in zip(gradients, args, strict=True):
        assert lazy_one.shape == np.shape(x)
        assert lazy_one.dtype == np.asarray(x).dtype
    assert isinstance(y, da.Array)
    assert_allclose(y, expected[0], rtol=1e-12)
    for found, plain in zip(gradients, expected[1], strict=True):
        assert_allclose(found, plain, rtol=1e-10, atol=1e-14)
    if result is not None:
        assert_allclose(result.numpy(), expected[0], rtol=1e-12)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_on_dask(name, lazy, rng):
    check_same(FUNCTIONS[name], lazy, rng.normal(size=(3, 20)), rng.normal(size=(3, 20)))


@pytest.mark.parametrize("loss", [tg.binary_cross_entropy, tg.binary_cross_entropy_with_logits, tg.mean_squared_error])
def test_losses_on_dask(loss, lazy, rng):
    A, Y = rng.uniform(0.1, 0.9, (2, 20)), rng.uniform(0.1, 0.9, (2, 20))
    check_same(loss, lazy, A, Y)
    check_same(lambda A: loss(A, Y), lazy, A)
    with lazy, pytest.raises(ValueError, match="same shape"):
        loss(columns(A), columns(Y[:1]))


def test_cross_entropy_on_dask(lazy, rng):
    Z, labels = rng.normal(size=(4, 20)), rng.integers(0, 4, 20)
    expected = tg.value_and_grad(tg.cross_entropy)(Z, labels)
    with lazy:
        J, dZ = tg.value_and_grad(tg.cross_entropy)(columns(Z), columns(labels))
        _, dH = tg.value_and_grad(tg.cross_entropy)(columns(Z), columns(np.eye(4)[:, labels]))
    assert isinstance(dZ, da.Array)
    assert_allclose(J, expected[0], rtol=1e-12)
    assert_allclose(dZ, expected[1], rtol=1e-10)
    assert_allclose(dH, expected[1], rtol=1e-10)


@pytest.mark.parametrize("loss", [tg.binary_cross_entropy, tg.binary_cross_entropy_with_logits])
def test_the_two_layer_network_on_column_chunks(loss, lazy, rng):
    """Parameters in memory, data in chunks of columns, as it would be on a cluster."""
    n_x, n_h, n_y, m = 2, 4, 3, 50
    params = {
        "W1": rng.normal(size=(n_h, n_x)),
        "b1": rng.normal(size=(n_h, 1)),
        "W2": rng.normal(size=(n_y, n_h)),
        "b2": rng.normal(size=(n_y, 1)),
    }
    X, Y = rng.normal(size=(n_x, m)), (rng.random((n_y, m)) > 0.5).astype(float)
    J, expected = tg.value_and_grad(network)(params, X, Y, loss=loss)
    with lazy:
        lazy_J, gradients = tg.value_and_grad(network)(params, columns(X), columns(Y), loss=loss)
        assert isinstance(lazy_J, da.Array)
        assert all(isinstance(g, da.Array) for g in gradients.values())
        tensors = {name: tg.Tensor(value, requires_grad=True, name=name) for name, value in params.items()}
        network(tensors, columns(X), columns(Y), loss=loss).backward()
    assert_allclose(lazy_J, J, rtol=1e-12)
    for name, g in expected.items():
        assert gradients[name].shape == g.shape
        assert_allclose(gradients[name], g, rtol=1e-10)
        assert_allclose(tensors[name].grad, g, rtol=1e-10)


def test_second_derivatives_and_forward_mode_on_dask(lazy, rng):
    x, v = rng.normal(size=20), rng.normal(size=20)

    def f(x):
        return np.sum(np.sin(x) * np.exp(x)) + np.max(x**2)

    expected = tg.hvp(f, (x,), (v,))[0], tg.jvp(f, (x,), (v,))[1], tg.grad(lambda x: np.sum(tg.grad(f)(x) * v))(x)
    with lazy:
        X, V = columns(x), columns(v)
        found = tg.hvp(f, (X,), (V,))[0], tg.jvp(f, (X,), (V,))[1], tg.grad(lambda x: np.sum(tg.grad(f)(x) * V))(X)
    for a, b in zip(found, expected, strict=True):
        assert isinstance(a, da.Array)
        assert_allclose(a, b, rtol=1e-10)


def test_indexing_by_whole_numbers_on_dask_raises_and_says_so(rng):
    with pytest.raises(TypeError, match="indexing by whole numbers is not there for Array"):
        tg.grad(lambda x: np.sum(x[np.array([0, 0, 2])]))(columns(rng.normal(size=20)))


def test_indexing_of_more_than_memory_holds_raises_at_once():
    with pytest.raises(TypeError, match="indexing by whole numbers is not there for Array"):
        tg.grad(lambda x: np.sum(x[np.array([0, 0, 2])]))(da.zeros(10**14, chunks=10**13))


def test_a_tensor_of_dask_says_so_and_leaves_when_told(lazy, rng):
    x = rng.normal(size=(2, 20))
    with lazy:
        t = tg.Tensor(columns(x), requires_grad=True, name="X")
        assert (t.shape, t.dtype, t.ndim, t.size) == ((2, 20), np.float64, 2, 40)
        assert isinstance(t.data, da.Array)
        assert isinstance((columns(x) + t).data, da.Array)
        assert isinstance((columns(x.T) @ t).data, da.Array)
        repr(t)
        with pytest.raises(TypeError, match=r"\.numpy\(\)"):
            np.asarray(t)
    assert_allclose(t.numpy(), x)
