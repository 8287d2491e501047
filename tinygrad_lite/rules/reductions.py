"""Reductions: sums, means, extremes, over one axis, several or all; and running sums and products."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from .. import intervals
from ..alike import make_alike
from ..axes import positive_axes, reduced_axes, reduced_size
from ..batching import along, elementwise, reduction
from ..foreign import is_foreign
from ..op import Array, constant, custom_vjp, linear
from ..table import implements, row
from .examples import over_axes
from .shaping import as_array


def keep_axes(reduced: Array, axis: Any, keepdims: bool) -> Array:
    """A reduced array with its reduced axes put back, of size 1, so that it broadcasts against the operand."""
    return reduced if keepdims or axis is None else np.expand_dims(reduced, axis)


def _sum_vjp(g: Array, y: Array, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """The cotangent of a sum: every summand receives the whole of it (written out by the sweep, if need be)."""
    if x.ndim == 0:  # NumPy sums a number over axis 0, too
        return np.reshape(g, ())
    return keep_axes(g, axis, keepdims)


def _count(x: Array, axis: Any) -> int:
    """How many entries make one entry of the reduced array."""
    return reduced_size(x.shape, axis)


def calls(*keywords: dict[str, Any]) -> Any:
    """Calls with an array of shape (3, 4), no two entries of which are close, and each of these keywords."""
    return lambda rng: [
        ((rng.permutation(12).reshape(3, 4) / 6 + rng.uniform(-0.95, -0.9, (3, 4)),), chosen) for chosen in keywords
    ]


_REDUCED: list[dict[str, Any]] = [{}, {"axis": 1}, {"axis": -2, "keepdims": True}, {"axis": (0, 1)}]
_OVER_AXES = over_axes(several=True, keepdims=True)
_WITH_DDOF: list[dict[str, Any]] = [*_REDUCED, {"axis": 1, "ddof": 1}]

# -- sums and means --------------------------------------------------------------------------------------------------


def _sum(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """np.sum; for an ndarray without its Python wrapper, which costs more than summing a small array."""
    return _add_reduce(a, axis, None, None, keepdims) if type(a) is np.ndarray else np.sum(a, axis, keepdims=keepdims)


_add_reduce: Any = np.add.reduce


def _mean_vjp(g: Array, y: Array, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    return _sum_vjp(g / builtins.max(_count(x, axis), 1), y, x, axis, keepdims)


sum = row(linear(_sum, _sum_vjp, batch=reduction, examples=_OVER_AXES, range=intervals.total, reduces=np.add), np.sum)
mean = row(linear(np.mean, _mean_vjp, batch=reduction, examples=calls(*_REDUCED), range=intervals.total))

# -- spread around the mean ------------------------------------------------------------------------------------------


def _deviation(x: Array, axis: Any) -> Array:
    """x minus its mean; conjugated if complex, since the variance is the mean of the deviation times its conjugate."""
    deviation = x - np.mean(x, axis=axis, keepdims=True)
    return np.conj(deviation) if x.dtype.kind == "c" else deviation


def _var(x: Any, axis: Any = None, ddof: Any = 0, keepdims: bool = False) -> Any:
    return np.var(x, axis, ddof=ddof, keepdims=keepdims)


def _degrees_of_freedom(x: Array, axis: Any, ddof: Any) -> Any:
    """The count less ddof; NaN, like NumPy's variance, where nothing is left."""
    count = _count(x, axis)
    return count - ddof if count > ddof else math.nan


def _var_vjp(g: Array, y: Array, x: Array, axis: Any = None, ddof: Any = 0, keepdims: bool = False) -> Array:
    return keep_axes(g, axis, keepdims) * (_deviation(x, axis) * (2 / _degrees_of_freedom(x, axis, ddof)))


def _std(x: Any, axis: Any = None, ddof: Any = 0, keepdims: bool = False) -> Any:
    return np.std(x, axis, ddof=ddof, keepdims=keepdims)


def _std_vjp(g: Array, y: Array, x: Array, axis: Any = None, ddof: Any = 0, keepdims: bool = False) -> Array:
    """Where all entries are equal, the standard deviation is at its lowest, 0, and 0 is taken for its derivative."""
    freedom = _degrees_of_freedom(x, axis, ddof)
    if freedom != freedom:  # then so is y, which is not its lowest value
        return keep_axes(g * freedom, axis, keepdims) * _deviation(x, axis)
    lowest = y == 0 if x.dtype.kind == "c" else _are_equal(x, axis, keepdims)  # y itself may be off by a rounding
    rate = np.where(lowest, 0, g) / (np.where(lowest, 1, y) * freedom)
    return keep_axes(rate, axis, keepdims) * _deviation(x, axis)


def _are_equal(x: Array, axis: Any, keepdims: bool) -> Array:
    first = np.min(x, axis=axis, keepdims=keepdims) if x.size else np.sum(x, axis=axis, keepdims=keepdims)
    return np.equal(first, np.max(x, axis=axis, keepdims=keepdims)) if x.size else np.equal(first, 0)


var_ = row(custom_vjp(_var, _var_vjp, batch=reduction, numpy=np.var, examples=calls(*_WITH_DDOF)))
std_ = row(custom_vjp(_std, _std_vjp, batch=reduction, numpy=np.std, examples=calls(*_WITH_DDOF)))


def flag(keepdims: Any) -> bool:
    return False if keepdims is np._NoValue else bool(keepdims)


def weights_like(a: Any, axis: Any, weights: Any, function: str) -> Any:
    """Weights of a's shape, or of that of its reduced axes alone, written out in a's shape."""
    weights = as_array(weights)
    if weights.shape == a.shape:
        return weights
    if axis is None:
        raise TypeError(f"{function}: weights {weights.shape} and a {a.shape} differ in shape, so axis= is needed")
    axes = positive_axes(axis, a.ndim)
    if weights.shape != tuple(a.shape[i] for i in axes):
        raise ValueError(f"{function}: weights {weights.shape} fit neither a {a.shape} nor its axis {axis}")
    weights = np.transpose(weights, tuple(int(i) for i in np.argsort(axes)))
    return np.broadcast_to(np.reshape(weights, tuple(n if i in axes else 1 for i, n in enumerate(a.shape))), a.shape)


def _weighted_examples(rng: np.random.Generator) -> Any:
    return [
        ((rng.normal(size=(2, 3)),), {}),
        ((rng.normal(size=(2, 3)), 1, rng.uniform(0.5, 2, 3)), {}),
        ((rng.normal(size=(2, 3)), None, rng.uniform(0.5, 2, (2, 3))), {"keepdims": True}),
        ((rng.normal(size=(2, 3)), -2, rng.uniform(0.5, 2, (2, 3))), {"returned": True}),
        ((rng.normal(size=(2, 3, 4)), (2, 0), rng.uniform(0.5, 2, (4, 2))), {}),
    ]


@implements(np.average, examples=_weighted_examples)
def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: Any = False) -> Any:
    """sum(w a) / sum(w); with returned, the sum of the weights as well."""
    a, keepdims = as_array(a), flag(keepdims)
    axis = tuple(axis) if isinstance(axis, list) else axis
    if weights is None:
        result = np.mean(a, axis=axis, keepdims=keepdims)
        total: Any = make_alike(np.full(np.shape(result), float(_count(a, axis))), a)
    else:
        weights = weights_like(a, axis, weights, "average")
        weights = np.astype(weights, np.result_type(a.dtype, weights.dtype, *([] if a.dtype.kind in "fc" else [float])))
        total = np.sum(weights, axis=axis, keepdims=keepdims)
        result = np.sum(np.multiply(a, weights), axis=axis, keepdims=keepdims) / total
    return (result, np.astype(total, result.dtype)) if returned else result


# -- extremes --------------------------------------------------------------------------------------------------------


def _ties(x: Any, extreme: Any) -> Any:
    """Which entries are the extreme one; where that is NaN, the entries that are NaN."""
    found = x == extreme
    unknown = extreme != extreme
    if isinstance(unknown, (np.ndarray, np.generic)) and not np.any(unknown):
        return found
    return np.logical_or(found, np.logical_and(unknown, x != x))


ties = row(constant(_ties, operands=2, batch=elementwise, c="({0} == {1}) | (({1} != {1}) & ({0} != {0}))"))


def _extreme_vjp(g: Array, y: Array, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """Entries that tie for the extreme share the cotangent evenly."""
    tied = ties(x, keep_axes(y, axis, keepdims))
    count = np.sum(tied, axis=axis, keepdims=keepdims, dtype=g.dtype)  # whole numbers would make a float32 a float64
    share = keep_axes(g / count, axis, keepdims)
    return np.where(tied, share, 0)  # a choice, not a product: in forward mode, what was not taken may be infinite


_EXTREME: dict[str, Any] = {"selects": True, "batch": reduction, "examples": _OVER_AXES}
max = row(custom_vjp(np.max, _extreme_vjp, **_EXTREME, reduces=np.maximum), np.max, np.amax)
min = row(custom_vjp(np.min, _extreme_vjp, **_EXTREME, reduces=np.minimum), np.min, np.amin)
nanmax = row(custom_vjp(np.nanmax, _extreme_vjp, **_EXTREME))
nanmin = row(custom_vjp(np.nanmin, _extreme_vjp, **_EXTREME))


@implements(np.ptp, examples=_OVER_AXES)
def ptp(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    """Peak to peak: the largest entry minus the smallest."""
    return np.max(a, axis=axis, keepdims=flag(keepdims)) - np.min(a, axis=axis, keepdims=flag(keepdims))


# -- running sums ----------------------------------------------------------------------------------------------------


def _cumsum_vjp(g: Array, y: Array, x: Array, axis: Any = None) -> Array:
    if axis is None or x.ndim == 0:
        g, axis = np.reshape(g, (-1,)), 0
    return np.reshape(np.flip(np.cumsum(np.flip(g, axis), axis=axis), axis), x.shape)


cumsum = row(linear(np.cumsum, _cumsum_vjp, batch=along(None), examples=over_axes()))

# -- products --------------------------------------------------------------------------------------------------------

# The derivative of a product is the product of the others. It is found without dividing by the entry, which may be 0,
# from running products: of everything before the entry, and of everything after it.


def join_axes(x: Array, axis: Any) -> tuple[Array, tuple[int, ...], tuple[int, ...]]:
    """The axes to reduce moved to the end and joined into one; with what it takes to go back."""
    axes = reduced_axes(axis, x.ndim)
    order = tuple(i for i in range(x.ndim) if i not in axes) + axes
    moved = np.transpose(x, order)
    return np.reshape(moved, (*moved.shape[: x.ndim - len(axes)], _count(x, axes))), order, moved.shape


def split_axes(line: Array, order: tuple[int, ...], moved: tuple[int, ...]) -> Array:
    return np.transpose(np.reshape(line, moved), tuple(int(i) for i in np.argsort(order)))


def _shift_entries(x: Array, by: int, fill: float) -> Array:
    """Entry i of the last axis is what was entry i + by; `fill` where there was none."""
    n = x.shape[-1]
    by = builtins.max(-n, builtins.min(by, n))
    margin = make_alike(np.full((*x.shape[:-1], abs(by)), fill, x.dtype), x)
    parts = (x[..., by:], margin) if by >= 0 else (margin, x[..., : n + by])
    return np.concatenate(parts, axis=-1)


def _prod_vjp(g: Array, y: Array, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    if x.ndim == 0:
        return np.reshape(g, ())
    line, order, moved = join_axes(x, axis)
    before = _shift_entries(np.cumprod(line, axis=-1), -1, 1)
    after = _shift_entries(np.flip(np.cumprod(np.flip(line, -1), axis=-1), -1), 1, 1)
    # Where another entry is 0, the product of the others is, also where one part of it has overflowed.
    others = np.sum(line == 0, axis=-1, keepdims=True) > np.equal(line, 0)
    before, after = (
        np.where(np.logical_and(others, np.logical_not(np.isfinite(part))), 0, part) for part in (before, after)
    )
    return keep_axes(g, axis, keepdims) * split_axes(before * after, order, moved)


def _cumprod_vjp(g: Array, y: Array, x: Array, axis: Any = None) -> Array:
    """Entry i receives (x₀ … xᵢ₋₁) sᵢ with sᵢ = gᵢ + xᵢ₊₁ sᵢ₊₁.

    That recurrence is solved in log₂ n steps, each joining runs of twice the length (Hillis and Steele, Data parallel
    algorithms, 1986): s over a run is its own sum, plus its product times s after it.
    """
    if axis is None or x.ndim == 0:
        return np.reshape(_cumprod_vjp(np.reshape(g, (-1,)), y, np.reshape(x, (-1,)), 0), x.shape)
    line, s = np.moveaxis(x, axis, -1), np.moveaxis(g, axis, -1)
    run = _shift_entries(line, 1, 0)
    length = 1
    while length < line.shape[-1]:
        s = s + run * _shift_entries(s, length, 0)
        run = run * _shift_entries(run, length, 0)
        length *= 2
    before = _shift_entries(np.cumprod(line, axis=-1), -1, 1)
    is_zero = np.greater(_shift_entries(np.cumsum(np.equal(line, 0), axis=-1), -1, 0), 0)  # also where s has overflowed
    s = np.where(np.logical_and(is_zero, np.logical_not(np.isfinite(s))), 0, s)
    return np.moveaxis(before * s, -1, axis)


_EVERY_AXIS: list[dict[str, Any]] = [{}, {"axis": 1}, {"axis": -2}]
prod = row(
    custom_vjp(
        np.prod,
        _prod_vjp,
        batch=reduction,
        examples=calls(*_EVERY_AXIS, {"axis": (1, 0), "keepdims": True}, {"axis": 1, "keepdims": True}),
    )
)
cumprod = row(custom_vjp(np.cumprod, _cumprod_vjp, batch=along(None), examples=calls(*_EVERY_AXIS)))


# -- piecewise constant ----------------------------------------------------------------------------------------------


def _count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    if is_foreign(a):  # not every library has keepdims= for it
        return np.sum(np.not_equal(a, 0), axis=axis, keepdims=keepdims)
    return np.asarray(np.count_nonzero(a, axis, keepdims=keepdims))  # of older NumPys, a Python int


argmax = row(constant(np.argmax, batch=along(None), examples=over_axes(keepdims=True)))
argmin = row(constant(np.argmin, batch=along(None), examples=over_axes(keepdims=True)))
nanargmax = row(constant(np.nanargmax, batch=along(None), examples=over_axes(keepdims=True)))
nanargmin = row(constant(np.nanargmin, batch=along(None), examples=over_axes(keepdims=True)))
all = row(constant(np.all, batch=reduction, examples=_OVER_AXES))
any = row(constant(np.any, batch=reduction, examples=_OVER_AXES))
count_nonzero = row(constant(_count_nonzero, batch=reduction, examples=_OVER_AXES), np.count_nonzero)


def _answer(function: Any) -> Any:
    """The function with its bool as an array, so that a program can record it."""

    def answer(a: Any, b: Any, **options: Any) -> Any:
        found = function(a, b, **options)
        return np.asarray(found) if isinstance(found, (bool, np.bool_)) else found

    return answer


allclose = row(constant(_answer(np.allclose), operands=2, name="allclose"), np.allclose)
array_equal = row(constant(_answer(np.array_equal), operands=2, name="array_equal"), np.array_equal)
array_equiv = row(constant(_answer(np.array_equiv), operands=2, name="array_equiv"), np.array_equiv)
