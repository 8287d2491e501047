"""Where NumPy's own BLAS lies in memory, so that native code can call it without going through Python."""

from __future__ import annotations

import ctypes
import functools

import numpy as np


@functools.cache
def find_blas() -> tuple[int, int, bool] | None:
    """The addresses of cblas_dgemm and cblas_sgemm, and whether their sizes are 64-bit integers; None if they are not
    to be found: then native programs leave large products to np.dot."""
    try:
        library = ctypes.CDLL(np._core._multiarray_umath.__file__)  # type: ignore[attr-defined]
    except (OSError, AttributeError):
        return None
    for pattern, is_64 in (
        ("scipy_cblas_{}gemm64_", True),
        ("cblas_{}gemm64_", True),
        ("scipy_cblas_{}gemm", False),
        ("cblas_{}gemm", False),
    ):
        try:
            d, s = (ctypes.cast(getattr(library, pattern.format(kind)), ctypes.c_void_p).value for kind in "ds")
        except AttributeError:
            continue
        if d and s:
            return d, s, is_64
    return None
