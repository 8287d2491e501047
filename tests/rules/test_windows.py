"""sliding_window_view on Tensors, and convolutions made of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided, sliding_window_view
from numpy.testing import assert_allclose

import tinygrad_lite as tg
from tinygrad_lite.rules.windows import _sum_windows, windows
from tinygrad_lite.testing import check_gradients

RNG = np.random.default_rng(12)
X, W = RNG.normal(size=(2, 3, 6, 7)), RNG.normal(size=(4, 3, 2, 3))


def by_loops(x: Any, w: Any) -> Any:
    """The convolution of the lectures, entry by entry."""
    n, o, h, v = len(x), len(w), x.shape[2] - w.shape[2] + 1, x.shape[3] - w.shape[3] + 1
    out = np.zeros((n, o, h, v))
    for i in range(h):
        for j in range(v):
            patch = x[:, None, :, i : i + w.shape[2], j : j + w.shape[3]]
            out[:, :, i, j] = np.sum(patch * w, axis=(2, 3, 4))
    return out


def windows_of(x: Any, w: Any) -> Any:
    return sliding_window_view(x, np.shape(w)[2:], axis=(2, 3))


def by_matmul(x: Any, w: Any) -> Any:
    p = windows_of(x, w)
    n, c, h, v, i, j = p.shape
    columns = np.reshape(np.transpose(p, (0, 2, 3, 1, 4, 5)), (n, h, v, c * i * j))
    return np.moveaxis(columns @ np.reshape(w, (len(w), -1)).T, -1, 1)


CONVOLUTIONS = {
    "einsum": lambda x, w: np.einsum("nchvij,ocij->nohv", windows_of(x, w), w),
    "tensordot": lambda x, w: np.moveaxis(np.tensordot(windows_of(x, w), w, ((1, 4, 5), (1, 2, 3))), -1, 1),
    "matmul": by_matmul,
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_a_convolution(name: str) -> None:
    convolve = CONVOLUTIONS[name]
    assert_allclose(convolve(tg.Tensor(X), tg.Tensor(W)).numpy(), by_loops(X, W), rtol=1e-12)
    assert check_gradients(convolve, X, W).ok
    gradient = tg.grad(lambda x, w: np.sum(np.tanh(convolve(x, w))), argnums=(0, 1))
    compiled = tg.compile(gradient)
    for x, w in ((X, W), (W.mean() * X[:, :, ::-1], W[::-1])):
        for found, expected in zip(compiled(x, w), gradient(x, w), strict=True):
            assert_allclose(found, expected, rtol=1e-11, atol=1e-13)


def test_large_products_are_right_too() -> None:
    """Above a size, einsum asks for a product of matrices; so it is also with a stride, and in blocks."""
    x, w = RNG.normal(size=(5, 3, 20, 22)), RNG.normal(size=(6, 3, 3, 3))
    expected = by_loops(x, w)
    g = RNG.normal(size=expected.shape)
    for convolve in CONVOLUTIONS.values():
        value, pullback = tg.vjp(convolve, x, w)
        assert_allclose(value, expected, rtol=1e-10)
        gx, gw = pullback(g)
        direction = RNG.normal(size=x.shape)
        assert_allclose(np.sum(gx * direction), np.sum(g * by_loops(direction, w)), rtol=1e-10)
        direction = RNG.normal(size=w.shape)
        assert_allclose(np.sum(gw * direction), np.sum(g * by_loops(x, direction)), rtol=1e-10)


def test_strides_and_pooling() -> None:
    def pooled(x: Any) -> Any:
        return np.max(sliding_window_view(x, (2, 2), axis=(2, 3))[:, :, ::2, ::2], axis=(-2, -1))

    expected = X[:, :, :6, :6].reshape(2, 3, 3, 2, 3, 2).max(axis=(3, 5))
    assert_allclose(pooled(tg.Tensor(X)).numpy(), expected)
    assert check_gradients(pooled, X, order=1).ok


@pytest.mark.parametrize("window", [1, 2, 9, 10])
@pytest.mark.parametrize("axis", [0, 1])
def test_the_transpose_of_long_and_short_windows(window: int, axis: int) -> None:
    shape = (10, 4) if axis == 0 else (4, 10)
    g = RNG.normal(size=sliding_window_view(np.zeros(shape), window, axis).shape)
    places = sliding_window_view(np.arange(40).reshape(shape), window, axis)
    expected = np.bincount(places.ravel(), g.ravel(), 40).reshape(shape)
    assert_allclose(_sum_windows(g, (window,), (axis,), (1,), (1,), shape), expected, rtol=1e-13)


@pytest.mark.parametrize(("stride", "dilation"), [(1, 2), (2, 1), (3, 2), (2, 5)])
@pytest.mark.parametrize("window", [1, 2, 4])
@pytest.mark.parametrize("order", ["C", "F"])
def test_the_transpose_of_windows_with_steps(window: int, stride: int, dilation: int, order: Any) -> None:
    shape = (4, 17, 3)
    keywords = {"window": (window,), "axes": (1,), "stride": (stride,), "dilation": (dilation,)}
    places = windows(np.arange(4 * 17 * 3).reshape(shape), **keywords)
    for i, start in enumerate(range(0, 17 - dilation * (window - 1), stride)):
        expected = np.arange(4 * 17 * 3).reshape(shape)[:, start : start + dilation * (window - 1) + 1 : dilation]
        assert_allclose(places[:, i], np.moveaxis(expected, 1, -1))
    g = np.asarray(RNG.normal(size=places.shape), order=order)
    expected = np.bincount(places.ravel(), g.ravel(), 4 * 17 * 3).reshape(shape)
    assert_allclose(_sum_windows(g, **keywords, shape=shape), expected, rtol=1e-13)


def test_as_strided() -> None:
    x = RNG.normal(size=(5, 6))
    for shape, strides in [((3, 4), (48, 8)), ((2, 3, 4), (8, 0, 16)), ((30,), (8,)), (4, 24), ((0, 3), (8, 8))]:
        found = tg.as_strided(tg.Tensor(x), shape, strides)
        assert_allclose(found.numpy(), as_strided(x, np.atleast_1d(shape), np.atleast_1d(strides)))
    assert_allclose(tg.as_strided(x, strides=(0, 8)), np.broadcast_to(x[0], (5, 6)))
    assert_allclose(tg.as_strided(x.T, (30,), (8,)), x.T.ravel())  # the strides are those of an array in C order
    assert check_gradients(lambda x: np.tanh(tg.as_strided(x, (2, 3, 4), (8, 48, 8))), x).ok
    small = x.astype(np.float32)
    gradient = tg.grad(lambda x: np.sum(tg.as_strided(x, (5,), (28,)) * np.arange(5.0, dtype=np.float32)))(small)
    assert gradient.dtype == np.float32
    assert_allclose(gradient.ravel()[::7][:5], np.arange(5.0))
    for shape, strides in [((31,), (8,)), ((2,), (-8,)), ((2, 2), (8,)), ((2,), (4,)), ((-1,), (8,))]:
        with pytest.raises(ValueError, match=r"as_strided: shape="):
            tg.as_strided(x, shape, strides)


def test_what_is_refused_says_why() -> None:
    t = tg.Tensor(X, requires_grad=True)
    with pytest.raises(TypeError, match="writeable"):
        sliding_window_view(t, (2, 2, 2, 2), writeable=True)
    with pytest.raises(ValueError, match="one size for each of the axes"):
        sliding_window_view(t, (2, 2))
    with pytest.raises(ValueError, match="larger"):
        sliding_window_view(t, 9, axis=2)
    with pytest.raises(TypeError, match="write tg.as_strided, or"):
        as_strided(t, (2, 2), (8, 8))
