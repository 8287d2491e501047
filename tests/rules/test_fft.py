"""Fourier transforms of real and of complex arrays, checked through their real and imaginary parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.testing import check_gradients

pytestmark = pytest.mark.thorough

rng = np.random.default_rng(0)
KEYWORDS: list[dict[str, Any]] = [{}, {"n": 6}, {"n": 3, "norm": "ortho"}, {"axis": 0, "norm": "forward"}]
SEVERAL: list[dict[str, Any]] = [{}, {"s": (2, 6), "axes": (0, 1)}, {"axes": (1, 0), "norm": "ortho"}]
ONE = [(name, keywords) for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft") for keywords in KEYWORDS]
MANY = [
    (name, keywords)
    for name in ("fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn")
    for keywords in SEVERAL
]
NEEDS_REAL = ("rfft", "ihfft", "rfft2", "rfftn")


def parts(y: Any) -> tuple[Any, ...]:
    return (np.real(y), np.imag(y)) if y.dtype.kind == "c" else (y,)


@pytest.mark.parametrize(("name", "keywords"), ONE + MANY, ids=str)
def test_of_real_and_of_complex_arrays(name: str, keywords: dict[str, Any]) -> None:
    f = getattr(np.fft, name)
    re, im = rng.normal(size=(2, 2, 3))

    def of_real(x: Any) -> Any:
        return parts(f(x, **keywords))

    def of_complex(x: Any, y: Any) -> Any:
        return parts(f(x + 1j * y, **keywords))

    if name in NEEDS_REAL:
        assert check_gradients(of_real, re, order=1 if keywords else 2).ok
    else:
        assert check_gradients(of_complex, re, im, order=1 if keywords else 2).ok
    z = re if name in NEEDS_REAL else re + 1j * im
    np.testing.assert_array_equal(f(tg.Tensor(z), **keywords).numpy(), f(z, **keywords))


@pytest.mark.parametrize("name", ["fftshift", "ifftshift"])
@pytest.mark.parametrize("axes", [None, 0, (0, 1), (-1,)], ids=str)
def test_shifts(name: str, axes: Any) -> None:
    f, x = getattr(np.fft, name), rng.normal(size=(3, 4))
    np.testing.assert_array_equal(f(tg.Tensor(x), axes).numpy(), f(x, axes))
    assert check_gradients(lambda t: f(t, axes=axes), x).ok


def test_parseval() -> None:
    """The gradient of a signal's energy, from its spectrum: 2 x."""
    x = rng.normal(size=7)
    np.testing.assert_allclose(tg.grad(lambda t: np.sum(np.abs(np.fft.fft(t, norm="ortho")) ** 2))(x), 2 * x)


def test_gradients_stay_real_and_single() -> None:
    x = rng.normal(size=8).astype(np.float32)
    g = tg.grad(lambda t: np.sum(np.abs(np.fft.rfft(t))))(x)
    assert g.dtype == np.float32
    assert g.shape == x.shape


def test_unsupported_arguments_raise() -> None:
    t = tg.Tensor(np.ones((2, 4)), requires_grad=True)
    with pytest.raises(TypeError, match="out"):
        np.fft.fft(t, out=np.zeros((2, 4), complex))
    with pytest.raises(TypeError, match="out"):
        np.fft.fft2(t, out=np.zeros((2, 4), complex))
    with pytest.raises(ValueError, match="same length"):
        np.fft.fftn(t, s=(2, 2), axes=(0,))
