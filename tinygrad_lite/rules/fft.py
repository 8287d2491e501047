"""numpy.fft: four rows, and compositions of them.

The discrete Fourier transform is a symmetric matrix, so that it is its own transpose, scaling included. What else a
transform does (cutting or padding to n, dropping the redundant half of a real one's spectrum) is transposed beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..alike import make_alike
from ..axes import positive_axes, positive_axis, reduced_axes
from ..batching import along
from ..op import Array, linear
from ..table import implements, row
from .products import conjugate_complex

_SWAPPED: dict[str | None, Any] = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def _resize(x: Array, size: int, axis: int) -> Array:
    """x cut, or padded with zeros at the end, to a size along one axis."""
    old = x.shape[axis]
    if size == old:
        return x
    if size < old:
        return x[(slice(None),) * positive_axis(axis, x.ndim) + (slice(size),)]
    rest = list(x.shape)
    rest[axis] = size - old
    return np.concatenate([x, make_alike(np.zeros(rest, x.dtype), x)], axis=axis)


def _fft_vjp(g: Array, y: Array, x: Array, n: int | None = None, axis: int = -1, norm: Any = None) -> Array:
    return _resize(np.fft.fft(g, axis=axis, norm=norm), x.shape[axis], axis)


def _ifft_vjp(g: Array, y: Array, x: Array, n: int | None = None, axis: int = -1, norm: Any = None) -> Array:
    return _resize(np.fft.ifft(g, axis=axis, norm=norm), x.shape[axis], axis)


def _rfft_vjp(g: Array, y: Array, x: Array, n: int | None = None, axis: int = -1, norm: Any = None) -> Array:
    """The transpose of the whole transform, applied to g with zeros for the half that is not kept."""
    n = x.shape[axis] if n is None else n
    return _resize(np.real(np.fft.fft(g, n=n, axis=axis, norm=norm)), x.shape[axis], axis)


def _irfft_vjp(g: Array, y: Array, x: Array, n: int | None = None, axis: int = -1, norm: Any = None) -> Array:
    """Every frequency stands for itself and its conjugate, except for the first and, if n is even, the last."""
    n = y.shape[axis]
    spectrum = conjugate_complex(np.fft.rfft(g, axis=axis, norm=_SWAPPED[norm]))
    times = np.full(spectrum.shape[axis], 2, g.dtype)
    times[0] = 1
    if n % 2 == 0:
        times[-1] = 1
    times = times.reshape((-1,) + (1,) * (y.ndim - 1 - positive_axis(axis, y.ndim)))
    return _resize(spectrum * make_alike(times, g), x.shape[axis], axis)


def _waves(*calls: dict[str, Any], shape: tuple[int, ...] = (3, 4)) -> Any:
    return lambda rng: [((rng.normal(size=shape),), keywords) for keywords in calls]


_CALLS = _waves({}, {"axis": 0}, {"n": 6}, {"n": 3, "norm": "ortho"}, {"axis": 0, "norm": "forward"})

fft = row(linear(np.fft.fft, _fft_vjp, batch=along(-1), examples=_CALLS))
ifft = row(linear(np.fft.ifft, _ifft_vjp, batch=along(-1), examples=_CALLS))
rfft = row(linear(np.fft.rfft, _rfft_vjp, batch=along(-1), examples=_CALLS))
irfft = row(linear(np.fft.irfft, _irfft_vjp, batch=along(-1), examples=_CALLS))


@implements(np.fft.hfft, examples=_CALLS)
def hfft(a: Any, n: int | None = None, axis: int = -1, norm: Any = None) -> Any:
    """The transform of a signal with Hermitian symmetry, given as its first half."""
    return irfft(np.conjugate(a), n=2 * (a.shape[axis] - 1) if n is None else n, axis=axis, norm=_SWAPPED[norm])


@implements(np.fft.ihfft, examples=_CALLS)
def ihfft(a: Any, n: int | None = None, axis: int = -1, norm: Any = None) -> Any:
    """The inverse of hfft."""
    return np.conjugate(rfft(a, n=n, axis=axis, norm=_SWAPPED[norm]))


# -- over several axes: one after the other, the last first, as NumPy does ---------------------------------------------


def _axes(a: Any, s: Any, axes: Any) -> tuple[list[int | None], tuple[int, ...]]:
    """A size (None: as it is) and an axis for every transform."""
    if axes is None:
        axes = range(a.ndim) if s is None else range(-len(s), 0)
    axes = positive_axes(axes, a.ndim)
    sizes = [None] * len(axes) if s is None else list(s)
    if len(sizes) != len(axes):
        raise ValueError(f"fft: s={s} and axes={axes} must have the same length")
    return [a.shape[i] if n == -1 else n for n, i in zip(sizes, axes, strict=True)], axes


def _over(function: Callable[..., Any], a: Any, sizes: Sequence[int | None], axes: Sequence[int], norm: Any) -> Any:
    for n, axis in zip(reversed(sizes), reversed(axes), strict=True):
        a = function(a, n=n, axis=axis, norm=norm)
    return a


_SEVERAL = _waves({}, {"s": (2, 6), "axes": (0, 2)}, {"axes": (1, 0), "norm": "ortho"}, shape=(2, 3, 4))


@implements(np.fft.fftn, examples=_SEVERAL)
def fftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    """The transform over several axes."""
    return _over(fft, a, *_axes(a, s, axes), norm)


@implements(np.fft.ifftn, examples=_SEVERAL)
def ifftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    """The inverse transform over several axes."""
    return _over(ifft, a, *_axes(a, s, axes), norm)


@implements(np.fft.rfftn, examples=_SEVERAL)
def rfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    """The transform of a real array over several axes, the redundant half of the last left out."""
    sizes, axes = _axes(a, s, axes)
    if axes[-1] in axes[:-1]:  # the half that is left is padded for the second transform
        sizes = [a.shape[i] if n is None else n for n, i in zip(sizes, axes, strict=True)]
    return _over(fft, rfft(a, n=sizes[-1], axis=axes[-1], norm=norm), sizes[:-1], axes[:-1], norm)


@implements(np.fft.irfftn, examples=_SEVERAL)
def irfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    """The inverse of rfftn."""
    sizes, axes = _axes(a, s, axes)
    for n, axis in zip(sizes[:-1], axes[:-1], strict=True):
        a = ifft(a, n=n, axis=axis, norm=norm)
    return irfft(a, n=sizes[-1], axis=axes[-1], norm=norm)


_TWO = _waves({}, {"s": (2, 6)}, {"axes": (1, 0), "norm": "ortho"})


@implements(np.fft.fft2, examples=_TWO)
def fft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    """The transform over two axes."""
    return fftn(a, s, axes, norm)


@implements(np.fft.ifft2, examples=_TWO)
def ifft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    """The inverse transform over two axes."""
    return ifftn(a, s, axes, norm)


@implements(np.fft.rfft2, examples=_TWO)
def rfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    """The transform of a real array over two axes."""
    return rfftn(a, s, axes, norm)


@implements(np.fft.irfft2, examples=_TWO)
def irfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    """The inverse of rfft2."""
    return irfftn(a, s, axes, norm)


# -- order of frequencies ----------------------------------------------------------------------------------------------


def _roll_half(x: Any, axes: Any, sign: int) -> Any:
    axes = reduced_axes(axes, x.ndim)
    shifts = [x.shape[i] // 2 if sign > 0 else -(x.shape[i] // 2) for i in axes]
    return np.roll(x, shifts, axes)


@implements(np.fft.fftshift, examples=_waves({}, {"axes": 1}, {"axes": (0,)}))
def fftshift(x: Any, axes: Any = None) -> Any:
    """Frequency zero moved to the middle."""
    return _roll_half(x, axes, 1)


@implements(np.fft.ifftshift, examples=_waves({}, {"axes": 1}, {"axes": (0,)}))
def ifftshift(x: Any, axes: Any = None) -> Any:
    """The inverse of fftshift."""
    return _roll_half(x, axes, -1)
