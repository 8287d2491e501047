"""Reductions that leave out the entries that are NaN: reductions of some entries."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..table import implements
from .reductions import calls, flag
from .reductions_of_some import UNSET, check_spread, convert, degrees_lost, is_given, root_of, squares_of, which_entries
from .shaping import as_dtype

_REDUCED: list[dict[str, Any]] = [{}, {"axis": 1}, {"axis": -2, "keepdims": True}, {"axis": (0, 1)}]
_WITH_DDOF: list[dict[str, Any]] = [*_REDUCED, {"axis": 1, "ddof": 1}]


def _or(x: Any, replacement: float) -> Any:
    return np.where(np.isnan(x), x.dtype.type(replacement), x)


def _present(x: Any, where: Any) -> Any:
    """Which entries count: those that are not NaN and that where= does not leave out."""
    mask, numbers = which_entries(where, x), np.logical_not(np.isnan(x))
    return numbers if mask is None else np.logical_and(numbers, mask)


def _count(present: Any, x: Any, axis: Any) -> Any:
    """How many they are, the reduced axes kept; half precision, which counts to 2048, is divided in single."""
    count = np.sum(present, axis=axis, keepdims=True)
    return np.astype(count, np.result_type(np.empty(0, x.dtype).real.dtype, np.float32))


def _divide(total: Any, count: Any) -> Any:
    return as_dtype(total / count, total.dtype)


def _for_a_mean(a: Any, dtype: Any) -> Any:
    """a in the dtype in which NumPy adds it up: the sum of whole numbers, as they are, might overflow."""
    return as_dtype(a, np.float64) if dtype is None and a.dtype.kind in "biu" else convert(a, dtype)


@implements(np.nansum, examples=calls(*_REDUCED))
def nansum(
    a: Any, axis: Any = None, dtype: Any = None, keepdims: Any = False, initial: Any = UNSET, where: Any = UNSET
) -> Any:
    return np.sum(_or(a, 0), axis=axis, dtype=dtype, keepdims=flag(keepdims), initial=initial, where=where)


@implements(np.nanprod, examples=calls(*_REDUCED))
def nanprod(
    a: Any, axis: Any = None, dtype: Any = None, keepdims: Any = False, initial: Any = UNSET, where: Any = UNSET
) -> Any:
    return np.prod(_or(a, 1), axis=axis, dtype=dtype, keepdims=flag(keepdims), initial=initial, where=where)


@implements(np.nancumsum, examples=calls({}, {"axis": 1}))
def nancumsum(a: Any, axis: Any = None, dtype: Any = None) -> Any:
    return np.cumsum(_or(a, 0), axis=axis, dtype=dtype)


@implements(np.nancumprod, examples=calls({}, {"axis": 1}))
def nancumprod(a: Any, axis: Any = None, dtype: Any = None) -> Any:
    return np.cumprod(_or(a, 1), axis=axis, dtype=dtype)


def _mean(x: Any, present: Any, axis: Any) -> Any:
    total = np.sum(np.where(present, x, x.dtype.type(0)), axis=axis, keepdims=True)
    return _divide(total, _count(present, x, axis))


@implements(np.nanmean, examples=calls(*_REDUCED))
def nanmean(a: Any, axis: Any = None, dtype: Any = None, keepdims: Any = False, *, where: Any = UNSET) -> Any:
    if dtype is not None and np.dtype(dtype).kind in "biu" and a.dtype.kind in "fc":
        raise TypeError(f"nanmean: dtype={np.dtype(dtype)} cannot hold the mean of {a.dtype}; give a float one")
    x = _for_a_mean(a, dtype)
    mean = _mean(x, _present(x, where), axis)
    return mean if flag(keepdims) else np.squeeze(mean, axis=axis)


def _nanvar(a: Any, axis: Any, dtype: Any, ddof: Any, mean: Any, where: Any) -> Any:
    check_spread(a, dtype)
    x = _for_a_mean(a, dtype)
    present = _present(x, where)
    mean = mean if is_given(mean) else _mean(x, present, axis)
    squares = squares_of(np.where(present, x - mean, 0))
    left = _count(present, x, axis) - ddof
    return _divide(np.sum(squares, axis=axis, keepdims=True), np.where(left > 0, left, left.dtype.type(np.nan)))


@implements(np.nanvar, examples=calls(*_WITH_DDOF))
def nanvar(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = UNSET,
    mean: Any = UNSET,
    correction: Any = UNSET,
) -> Any:
    variance = _nanvar(a, axis, dtype, degrees_lost("nanvar", ddof, correction), mean, where)
    return convert(variance if flag(keepdims) else np.squeeze(variance, axis=axis), dtype)


@implements(np.nanstd, examples=calls(*_WITH_DDOF))
def nanstd(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    ddof: Any = 0,
    keepdims: Any = False,
    *,
    where: Any = UNSET,
    mean: Any = UNSET,
    correction: Any = UNSET,
) -> Any:
    variance = _nanvar(a, axis, dtype, degrees_lost("nanstd", ddof, correction), mean, where)
    x = _for_a_mean(a, dtype)
    deviation = root_of(variance, x, _present(x, where), axis, True, mean)
    return convert(deviation if flag(keepdims) else np.squeeze(deviation, axis=axis), dtype)
