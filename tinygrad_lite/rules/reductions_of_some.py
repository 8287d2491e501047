"""Reductions with where=, initial=, dtype= and mean=: what these keywords say, in terms of the plain reductions.

An entry that is left out is replaced by what changes nothing (0 in a sum), and so gets no gradient; the initial value
is one operand more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..alike import make_alike
from ..axes import positive_axes, reduced_axes
from ..op import Op
from ..table import extends, implements, without_gradient
from . import reductions
from .elementwise import maximum, minimum
from .reductions import calls, flag
from .shaping import as_array, as_dtype

UNSET: Any = np._NoValue

# -- the parts that all share ----------------------------------------------------------------------------------------


def is_given(value: Any) -> bool:
    return value is not UNSET and value is not None


def which_entries(where: Any, a: Any) -> Any:
    """The mask of the entries to reduce; None for all of them. TypeError and ValueError where it is no mask for a."""
    if where is True or not is_given(where):
        return None
    mask = as_array(where)
    if mask.dtype.kind != "b":
        raise TypeError(f"where= is {mask.dtype}; it is an array of booleans, such as x > 0")
    ends = zip(reversed(mask.shape), reversed(a.shape), strict=False)
    if mask.ndim > a.ndim or any(n not in (1, m) for n, m in ends):  # a, written out, would be summed several times
        raise ValueError(f"where= has shape {mask.shape}, which does not broadcast to {a.shape}")
    return mask


def entries(a: Any, where: Any, neutral: Any) -> Any:
    """a, with `neutral` in place of what where= leaves out."""
    mask = which_entries(where, a)
    return a if mask is None else np.where(mask, a, a.dtype.type(neutral))


def convert(a: Any, dtype: Any) -> Any:
    return a if dtype is None else as_dtype(a, np.dtype(dtype))


def with_initial(combine: Callable[..., Any], result: Any, initial: Any) -> Any:
    """The reduction's result and its initial value together."""
    if not is_given(initial):
        return result
    initial = make_alike(as_dtype(as_array(initial), result.dtype), result)
    if initial.ndim:
        raise ValueError(f"initial= is one number, not an array of shape {initial.shape}")
    return combine(result, initial)


def count_of(mask: Any, a: Any, axis: Any, keepdims: bool) -> Any:
    """How many entries the mask leaves in, in the dtype of a's real part."""
    count = np.sum(np.broadcast_to(mask, np.broadcast_shapes(mask.shape, a.shape)), axis=axis, keepdims=keepdims)
    return as_dtype(count, np.empty(0, a.dtype).real.dtype)


def for_a_mean(a: Any, dtype: Any) -> Any:
    """a in the dtype in which NumPy takes a mean of it: half precision is summed in single."""
    if dtype is not None:
        return convert(a, dtype)
    return as_dtype(a, np.float64 if a.dtype.kind in "biu" else np.result_type(a.dtype, np.float32))


# -- sums and products -----------------------------------------------------------------------------------------------


@extends(reductions.sum)
def sum_of_some(
    a: Any, axis: Any = None, dtype: Any = None, keepdims: Any = False, initial: Any = UNSET, where: Any = UNSET
) -> Any:
    total = np.sum(entries(convert(a, dtype), where, 0), axis=axis, keepdims=flag(keepdims))
    return with_initial(np.add, convert(total, dtype), initial)


@extends(reductions.prod)
def prod_of_some(
    a: Any, axis: Any = None, dtype: Any = None, keepdims: Any = False, initial: Any = UNSET, where: Any = UNSET
) -> Any:
    product = np.prod(entries(convert(a, dtype), where, 1), axis=axis, keepdims=flag(keepdims))
    return with_initial(np.multiply, convert(product, dtype), initial)


@extends(reductions.cumsum)
def cumsum_as(a: Any, axis: Any = None, dtype: Any = None) -> Any:
    return convert(np.cumsum(convert(a, dtype), axis=axis), dtype)


@extends(reductions.cumprod)
def cumprod_as(a: Any, axis: Any = None, dtype: Any = None) -> Any:
    return convert(np.cumprod(convert(a, dtype), axis=axis), dtype)


def _running(x: Any, function: Any, axis: int | None, dtype: Any, include_initial: bool, initial: float) -> Any:
    if axis is None:
        if x.ndim > 1:
            raise ValueError("an array of several dimensions needs axis= for a running sum or product")
        axis = 0
    x = convert(np.atleast_1d(x), dtype)
    (axis,) = positive_axes(axis, x.ndim)  # NumPy takes a tuple of one
    result = convert(function(x, axis=axis), dtype)
    if not include_initial:
        return result
    shape = list(x.shape)
    shape[axis] = 1
    return np.concatenate((make_alike(np.full(shape, initial, result.dtype), result), result), axis)


def _initial(axis: int) -> Any:
    return calls({"axis": axis, "include_initial": True}, {"axis": axis, "include_initial": False})


@implements(np.cumulative_sum, examples=_initial(1))
def cumulative_sum(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    return _running(x, np.cumsum, axis, dtype, include_initial, 0)


@implements(np.cumulative_prod, examples=_initial(-2))
def cumulative_prod(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    return _running(x, np.cumprod, axis, dtype, include_initial, 1)


# -- extremes --------------------------------------------------------------------------------------------------------


def _lowest(dtype: np.dtype[Any]) -> Any:
    return False if dtype.kind == "b" else np.iinfo(dtype).min if dtype.kind in "iu" else -np.inf


def _highest(dtype: np.dtype[Any]) -> Any:
    return True if dtype.kind == "b" else np.iinfo(dtype).max if dtype.kind in "iu" else np.inf


def _extend_extreme(op: Op, bound: Callable[..., Any], combine: Callable[..., Any], skip_nan: bool = False) -> None:
    """The largest (or smallest) of some entries and of an initial value."""

    def extreme_of_some(
        a: Any, axis: Any = None, keepdims: Any = False, initial: Any = UNSET, where: Any = UNSET
    ) -> Any:
        if not is_given(initial):
            if which_entries(where, a) is not None:
                raise ValueError(f"{op.name}: where= may leave nothing, so it needs initial=, the value of nothing")
            return op.call(a, axis=axis, keepdims=flag(keepdims))
        neutral, keepdims = bound(a.dtype), flag(keepdims)
        chosen = entries(a, where, neutral)
        if skip_nan:
            chosen = np.where(np.isnan(chosen), chosen.dtype.type(neutral), chosen)
        if any(chosen.shape[i] == 0 for i in reduced_axes(axis, a.ndim)):
            extreme = as_dtype(np.sum(chosen, axis=axis, keepdims=keepdims) + neutral, a.dtype)  # of nothing
        else:
            extreme = (np.max if bound is _lowest else np.min)(chosen, axis=axis, keepdims=keepdims)
        return with_initial(combine, extreme, initial)

    extends(op)(extreme_of_some)


_extend_extreme(reductions.max, _lowest, maximum)
_extend_extreme(reductions.min, _highest, minimum)
_extend_extreme(reductions.nanmax, _lowest, np.fmax, skip_nan=True)
_extend_extreme(reductions.nanmin, _highest, np.fmin, skip_nan=True)

# -- means and spreads -----------------------------------------------------------------------------------------------


@extends(reductions.mean)
def mean_of_some(a: Any, axis: Any = None, dtype: Any = None, keepdims: Any = False, where: Any = UNSET) -> Any:
    result_dtype = np.dtype(dtype) if dtype is not None else np.result_type(a.dtype, np.float16)
    x, keepdims, mask = for_a_mean(a, dtype), flag(keepdims), which_entries(where, a)
    if mask is None:
        mean = np.mean(x, axis=axis, keepdims=keepdims)
    else:
        mean = np.sum(entries(x, where, 0), axis=axis, keepdims=keepdims) / count_of(mask, x, axis, keepdims)
    return as_dtype(mean, mean.dtype if a.dtype.kind in "biu" and dtype is None else result_dtype)


def degrees_lost(function: str, ddof: Any, correction: Any) -> Any:
    if not is_given(correction):
        return ddof
    if ddof != 0:
        raise ValueError(f"{function}: ddof= and correction= are the same thing; give one of them")
    return correction


def squares_of(deviation: Any) -> Any:
    if deviation.dtype.kind == "c":
        return np.real(deviation * np.conj(deviation))
    return np.square(deviation)


def root_of(variance: Any, x: Any, present: Any, axis: Any, keepdims: bool, mean: Any) -> Any:
    """The root of the variance of what is present in x. Its derivative is taken to be 0 where it is lowest, at 0: where
    all entries are equal, though their mean, and so the variance, may be off by a rounding."""
    lowest = np.equal(variance, 0)
    if not is_given(mean) and x.dtype.kind != "c":
        least = np.min(np.where(present, x, np.inf), axis=axis, keepdims=keepdims, initial=np.inf)
        most = np.max(np.where(present, x, -np.inf), axis=axis, keepdims=keepdims, initial=-np.inf)
        lowest = np.logical_and(np.greater_equal(variance, 0), np.logical_or(lowest, np.equal(least, most)))
    return np.where(lowest, variance.dtype.type(0), np.sqrt(np.where(lowest, 1, variance)))


def check_spread(a: Any, dtype: Any) -> None:
    """TypeError for a dtype in which the deviations from the mean would be other numbers."""
    if dtype is not None and np.dtype(dtype).kind not in ("c" if a.dtype.kind == "c" else "fc"):
        remedy = (
            "; give a complex one, or take np.real(x) and np.imag(x)" if a.dtype.kind == "c" else "; give a float one"
        )
        raise TypeError(f"var and std: dtype={np.dtype(dtype)} cannot hold the deviations of {a.dtype}{remedy}")


def _variance(a: Any, axis: Any, dtype: Any, ddof: Any, keepdims: bool, mean: Any, where: Any) -> Any:
    check_spread(a, dtype)
    x = for_a_mean(a, dtype)
    mask = which_entries(where, a)
    mask = make_alike(np.ones((), bool), a) if mask is None else mask
    count = count_of(mask, x, axis, True)
    if not is_given(mean):
        mean = np.sum(np.where(mask, x, 0), axis=axis, keepdims=True) / count
    squares = squares_of(np.where(mask, x - mean, 0))
    count = count if keepdims else np.squeeze(count, axis=axis)
    return np.sum(squares, axis=axis, keepdims=keepdims) / maximum(count - ddof, 0)


_WITH_DDOF = calls({}, {"axis": 1}, {"axis": -2, "keepdims": True}, {"axis": (0, 1)}, {"axis": 1, "ddof": 1})


@implements(np.var, examples=_WITH_DDOF)
def var(
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
    ddof, keepdims = degrees_lost("var", ddof, correction), flag(keepdims)
    if dtype is None and not is_given(mean) and which_entries(where, a) is None:
        return reductions.var_(a, axis=axis, ddof=ddof, keepdims=keepdims)
    return _restore_dtype(_variance(a, axis, dtype, ddof, keepdims, mean, where), a, dtype)


@implements(np.std, examples=_WITH_DDOF)
def std(
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
    ddof, keepdims = degrees_lost("std", ddof, correction), flag(keepdims)
    if dtype is None and not is_given(mean) and which_entries(where, a) is None:
        return reductions.std_(a, axis=axis, ddof=ddof, keepdims=keepdims)
    variance, mask = _variance(a, axis, dtype, ddof, keepdims, mean, where), which_entries(where, a)
    present = make_alike(np.ones((), bool), a) if mask is None else mask
    return _restore_dtype(root_of(variance, for_a_mean(a, dtype), present, axis, keepdims, mean), a, dtype)


def _restore_dtype(result: Any, a: Any, dtype: Any) -> Any:
    """From the dtype of the sums to that of the result: half precision again, if it was that."""
    return convert(result, np.float16 if dtype is None and a.dtype == np.float16 else dtype)


# -- truths ----------------------------------------------------------------------------------------------------------


@without_gradient(np.all)
def all_of_some(a: Any, axis: Any = None, keepdims: Any = False, *, where: Any = UNSET) -> Any:
    return reductions.all(_truths(a, where, True), axis=axis, keepdims=flag(keepdims))


@without_gradient(np.any)
def any_of_some(a: Any, axis: Any = None, keepdims: Any = False, *, where: Any = UNSET) -> Any:
    return reductions.any(_truths(a, where, False), axis=axis, keepdims=flag(keepdims))


def _truths(a: Any, where: Any, neutral: bool) -> Any:
    return a if which_entries(where, a) is None else entries(as_dtype(a, np.dtype(bool)), where, neutral)
