"""Arrays that are not NumPy's own: of other libraries, or more than their numbers.

Masked arrays, matrices, quantities with units and labelled arrays would lose that without a word if they were made into
plain arrays, and gradients of what they mean are not known here. So they are left to themselves where they know better,
and else refused. Arrays of other libraries that are nothing more (Dask's, CuPy's) are kept as they are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .callsite import user_line

_NUMPYS_OWN = np.ndarray.__array_ufunc__
_LABELS = {"units", "unit", "dims", "iloc"}
"""Attributes of arrays that carry units or labels: astropy's and pint's quantities, xarray's arrays, pandas' frames."""


def speaks_for_itself(x: Any) -> bool:
    """Whether it is no array of NumPy's, and answers NumPy's functions in its own way."""
    return not isinstance(x, np.ndarray) and getattr(type(x), "__array_ufunc__", _NUMPYS_OWN) is not _NUMPYS_OWN


def is_bare(x: Any) -> bool:
    """Whether what speaks for itself is an array and nothing more, as Dask's and CuPy's are."""
    kind = type(x)
    answers = kind.__array_ufunc__ is not None and hasattr(kind, "__array_function__")
    return answers and not _LABELS & set(dir(kind))


def loss_of(x: Any, where: str = "") -> str | None:
    """What x would lose as a plain array, and what to give instead; None for what is a plain array, or becomes one."""
    if type(x) is np.ndarray:
        return None
    if isinstance(x, np.ndarray) and isinstance(x, np.ma.MaskedArray):  # np.ma is imported when it is asked for
        return f"a masked array{where} would lose its mask; use .filled(value) and np.where"
    if isinstance(x, np.matrix):
        return f"an np.matrix{where} would mean its * differently; use np.asarray and @"
    protocol = getattr(type(x), "__array_ufunc__", _NUMPYS_OWN)
    if protocol is _NUMPYS_OWN or (speaks_for_itself(x) and is_bare(x)):
        return None
    name = f"{type(x).__module__.partition('.')[0]}.{type(x).__name__}"
    what = f"a {name}{where} would lose what it has besides its numbers (units, labels)"
    return f"{what}; pass the numbers alone, np.asarray(x)"


def is_foreign(array: Any) -> bool:
    """Whether an array (no Tensor) is one of another library, that answers NumPy's functions."""
    return not isinstance(array, (np.ndarray, np.generic)) and hasattr(array, "__array_function__")


def name_kind(x: Any) -> str:
    """What x is: the class of CuPy's arrays has the same name as that of NumPy's."""
    return f"an array of {type(x).__module__.partition('.')[0]}'s" if is_foreign(x) else f"a {type(x).__name__}"


def to_numpy(array: Any) -> Any:
    """A fresh array of NumPy's with an array's numbers. CuPy's have to be asked for them, with `.get()`."""
    return np.array(array.get() if hasattr(array, "get") else array)


def is_elsewhere(array: Any) -> bool:
    """Whether an array's numbers are on a GPU, where they can be looked at, but are not given to NumPy unasked."""
    return is_foreign(array) and hasattr(array, "get")


def check_is_here(array: Any, what: str) -> None:
    """TypeError for an array whose numbers are elsewhere."""
    if is_elsewhere(array):
        library = type(array).__module__.partition(".")[0]
        raise TypeError(
            f"{what}: the numbers are where {library} keeps them, and are not fetched unasked; say .numpy() of a "
            f"Tensor, .get() of an array ({user_line()})"
        )


def refuse_foreign(x: Any, what: str, where: str = "") -> None:
    """TypeError if x is an array that is more than its numbers. what: how the message calls it, or who was given it."""
    loss = loss_of(x, where)
    if loss is not None:
        raise TypeError(f"{what}: {loss} ({user_line()})")
