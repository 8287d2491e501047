"""scipy.fft with derivatives: NumPy's transforms by SciPy's names, and the discrete cosine and sine transforms.

workers= and overwrite_x= may be given and change nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..rules.shaping import as_array, as_dtype

__all__ = [
    "dct",
    "dst",
    "fft",
    "fft2",
    "fftn",
    "fftshift",
    "hfft",
    "idct",
    "idst",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftn",
]


def __dir__() -> list[str]:
    """What is public: an editor completes `tg.scipy.fft.` with this."""
    return __all__


_ONE_AXIS = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
_SEVERAL = ("fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn")


_EXAMPLE = """>>> import numpy as np, tinygrad_lite as tg
    >>> x = np.random.default_rng(0).normal(size=(3, 8))
    >>> np.allclose(tg.scipy.fft.{name}(x), np.fft.{name}(x))
    True
    >>> tg.grad(lambda x: np.sum(np.abs(tg.scipy.fft.{name}(x)) ** 2))(x).shape
    (3, 8)"""


def _along_one(name: str) -> Callable[..., Any]:
    function = getattr(np.fft, name)

    def transform(
        x: Any, n: int | None = None, axis: int = -1, norm: Any = None, overwrite_x: bool = False, workers: Any = None
    ) -> Any:
        return function(as_array(x), n, axis, norm)

    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = f"""scipy.fft.{name} with a derivative: np.fft.{name}(x, n, axis, norm).

    x: of any shape; real for rfft and ihfft. n: how many entries along the axis count: the rest is cut off, or what
    lacks is zeros. norm: "backward" (None), "ortho" or "forward". The result is complex, but for irfft and hfft.

    {_EXAMPLE.format(name=name)}
    """
    return transform


def _along_several(name: str) -> Callable[..., Any]:
    function, every = getattr(np.fft, name), None if name.endswith("n") else (-2, -1)

    def transform(
        x: Any, s: Any = None, axes: Any = every, norm: Any = None, overwrite_x: bool = False, workers: Any = None
    ) -> Any:
        x = as_array(x)
        if s is not None and axes is None:
            axes = tuple(range(-len(tuple(s)), 0))  # NumPy asks for both
        return function(x, s, axes, norm)

    usual = "all of them" if every is None else "the last two"
    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = f"""scipy.fft.{name} with a derivative: np.fft.{name}(x, s, axes, norm).

    x: of any shape with these axes; real for rfft2 and rfftn. s: how many entries along each of axes count. axes:
    {usual} unless others are named. norm: "backward" (None), "ortho" or "forward". The result is complex, but for
    irfft2 and irfftn.

    {_EXAMPLE.format(name=name)}
    """
    return transform


fft, ifft, rfft, irfft, hfft, ihfft = map(_along_one, _ONE_AXIS)
fft2, ifft2, rfft2, irfft2, fftn, ifftn, rfftn, irfftn = map(_along_several, _SEVERAL)


def fftshift(x: Any, axes: Any = None) -> Any:
    """scipy.fft.fftshift: np.fft.fftshift(x, axes), which moves frequency 0 to the middle.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.scipy.fft.fftshift(np.array([0.0, 1.0, -1.0]))
    array([-1.,  0.,  1.])
    """
    return np.fft.fftshift(as_array(x), axes)


def ifftshift(x: Any, axes: Any = None) -> Any:
    """scipy.fft.ifftshift: np.fft.ifftshift(x, axes), which moves it back from there.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.scipy.fft.ifftshift(np.array([-1.0, 0.0, 1.0]))
    array([ 0.,  1., -1.])
    """
    return np.fft.ifftshift(as_array(x), axes)


# -- cosine and sine transforms ----------------------------------------------------------------------------------------
# Each is the real (or the negative imaginary) part of post * fft(pre * x), with factors of modulus 1 or 2 before and
# after: cos(a b) = Re exp(-i a b), where the product of the two shifted indices is multiplied out.


def _factors(kind: int, sine: bool, n: int) -> tuple[int, Any, Any]:
    """(length of the fft, pre, post) of the transform of this type without a norm."""
    i = np.arange(n)
    twice = np.full(n, 2.0)
    edge = twice.copy()
    if kind == 1:
        if not sine:
            edge[[0, -1]] = 1
            return 2 * (n - 1), edge, np.ones(n)
        return 2 * (n + 1), 2 * np.exp(-1j * np.pi * (i + 1) / (n + 1)), np.exp(-1j * np.pi * i / (n + 1))
    if kind == 2:
        shift = 1 if sine else 0
        return 2 * n, 2 * np.exp(-1j * np.pi * shift * i / n), np.exp(-1j * np.pi * (i + shift) / (2 * n))
    if kind == 3:
        edge[-1 if sine else 0] = 1
        shift = 1 if sine else 0
        return 2 * n, edge * np.exp(-1j * np.pi * (i + shift) / (2 * n)), np.exp(-1j * np.pi * shift * i / n)
    return 2 * n, 2 * np.exp(-1j * np.pi * i / (2 * n)), np.exp(-1j * np.pi * (2 * i + 1) / (4 * n))


def _transform(name: str, x: Any, kind: int, n: int | None, axis: int, norm: Any, inverse: bool, sine: bool) -> Any:
    if kind not in (1, 2, 3, 4):
        raise ValueError(f"scipy.fft.{name}: type={kind!r}; it is 1, 2, 3 or 4")
    if norm not in (None, "backward", "forward", "ortho"):
        raise ValueError(f"scipy.fft.{name}: norm={norm!r}; it is None, 'backward', 'forward' or 'ortho'")
    x = np.moveaxis(as_array(x), axis, -1)
    if x.dtype.kind == "c":
        raise TypeError(f"scipy.fft.{name} of complex numbers is not there; transform np.real(x) and np.imag(x)")
    real = x.dtype if x.dtype in (np.dtype(np.float32), np.dtype(np.float64)) else np.dtype(np.float64)
    n = x.shape[-1] if n is None else n
    if n < 1 or (kind == 1 and not sine and n < 2):
        raise ValueError(f"scipy.fft.{name}: {n} entries along the axis are too few")
    x = x[..., :n] if n <= x.shape[-1] else np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, n - x.shape[-1])])
    kind = {2: 3, 3: 2}.get(kind, kind) if inverse else kind
    length, pre, post = _factors(kind, sine, n)
    if norm == "ortho":  # the factors that make the matrix orthogonal
        first = -1 if sine else 0
        scale = np.full(n, np.sqrt(1 / length))
        if kind == 1 and not sine:
            pre = pre.copy()
            pre[[0, -1]] *= np.sqrt(2)
            post = post.copy()
            post[[0, -1]] /= np.sqrt(2)
        elif kind == 2:
            scale[first] /= np.sqrt(2)
        elif kind == 3:
            pre = pre.copy()
            pre[first] *= np.sqrt(2)
        post = post * scale
    elif (norm == "forward") != inverse:
        post = post / length
    spectrum = post * np.fft.fft(pre * x, length)[..., :n]
    result = -np.imag(spectrum) if sine else np.real(spectrum)
    return np.moveaxis(as_dtype(result, real), -1, axis)


def _trigonometric(name: str, inverse: bool, sine: bool) -> Callable[..., Any]:
    def transform(
        x: Any,
        type: int = 2,
        n: int | None = None,
        axis: int = -1,
        norm: Any = None,
        overwrite_x: bool = False,
        workers: Any = None,
        orthogonalize: bool | None = None,
    ) -> Any:
        if orthogonalize not in (None, norm == "ortho"):
            raise TypeError(f"tg.scipy.fft.{name}(orthogonalize=…) is what norm= says: True for 'ortho' alone")
        return _transform(name, x, type, n, axis, norm, inverse, sine)

    transform.__name__ = transform.__qualname__ = name
    what = f"{'inverse ' * inverse}{'sine' if sine else 'cosine'} transform"
    back = name[1:] if inverse else f"i{name}"
    transform.__doc__ = f"""scipy.fft.{name} of real numbers, with a derivative: the {what}.

    x: real, of any shape, transformed along axis. type: 1 to 4. n: how many entries along the axis count. norm:
    "backward" (None), "ortho" or "forward"; orthogonalize: True for "ortho" and False for the others, as norm says.
    TypeError for complex numbers.

    >>> import numpy as np, tinygrad_lite as tg
    >>> x = np.random.default_rng(0).normal(size=(3, 8))
    >>> np.allclose(tg.scipy.fft.{back}(tg.scipy.fft.{name}(x)), x)
    True
    """
    return transform


dct, idct = _trigonometric("dct", False, False), _trigonometric("idct", True, False)
dst, idst = _trigonometric("dst", False, True), _trigonometric("idst", True, True)
