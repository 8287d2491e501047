"""Grids between Tensors, and functions applied along an axis."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..alike import make_alike
from ..axes import positive_axis
from ..table import implements
from .shaping import as_array, as_dtype, number_arrays


def _ends(rng: np.random.Generator) -> Any:
    return [
        ((rng.uniform(1, 2, 3), rng.uniform(3, 4, 3)), {"num": 4}),
        ((rng.uniform(1, 2, (2, 3)), rng.uniform(3, 4, 3)), {"num": 5, "endpoint": False, "axis": 1}),
        ((rng.uniform(1, 2, 2), 3.5), {"num": 1}),
    ]


@implements(np.linspace, examples=_ends)
def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: Any = None, axis: int = 0
) -> Any:
    num = operator.index(num)
    if num < 0:
        raise ValueError(f"linspace: num={num}; it cannot be negative")
    gaps = num - 1 if endpoint else num
    start, stop = (1.0 * as_array(end) for end in number_arrays((start, stop)))
    start, stop = make_alike(start, stop), make_alike(stop, start)
    span = stop - start
    t = np.reshape(np.arange(num) / max(gaps, 1), (-1,) + (1,) * span.ndim)
    t = make_alike(t.astype(np.empty(0, span.dtype).real.dtype), span)
    # Where t is 1, start + span can miss stop by a rounding error.
    result = np.where(np.equal(t, 1), stop, start + span * t)
    result = _in_dtype(np.moveaxis(result, 0, axis) if axis else result, dtype)
    return (result, span / gaps if gaps > 0 else np.nan) if retstep else result


def _in_dtype(result: Any, dtype: Any) -> Any:
    """Rounded down, where whole numbers are asked for."""
    if dtype is None:
        return result
    return as_dtype(np.floor(result) if np.dtype(dtype).kind in "iu" else result, np.dtype(dtype))


@implements(np.logspace, examples=_ends)
def logspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, base: Any = 10.0, dtype: Any = None, axis: int = 0
) -> Any:
    if np.ndim(base):
        raise TypeError("logspace: base must be one number; write base ** np.linspace(…)")
    result = np.power(base, linspace(start, stop, num, endpoint, axis=axis))
    return result if dtype is None else as_dtype(result, np.dtype(dtype))


@implements(np.geomspace, examples=lambda rng: _ends(rng)[1:])
def geomspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0) -> Any:
    """Equal ratios: start times (stop / start) to the powers from 0 to 1."""
    if any(type(x) in (int, float) and x == 0 for x in (start, stop)):
        raise ValueError("geomspace: start and stop cannot be 0, which is no multiple of anything else")
    start, stop = (as_dtype(x, np.result_type(x.dtype, np.float64)) for x in map(as_array, (start, stop)))
    t = np.reshape(linspace(np.zeros(()), np.ones(()), num, endpoint), (-1,) + (1,) * max(start.ndim, stop.ndim))
    t = make_alike(t, start, stop)
    if "c" in (start.dtype.kind, stop.dtype.kind):
        powers = np.multiply(start, np.power(np.divide(stop, start), t))
    else:  # also where the ratio is larger than any float
        sign = np.sign(start)
        powers = np.multiply(sign, np.power(start * sign, 1 - t)) * np.power(stop * sign, t)
    result = np.where(np.equal(t, 1), stop, powers)
    result = np.moveaxis(result, 0, axis) if axis else result
    return result if dtype is None else as_dtype(result, np.dtype(dtype))


@implements(
    np.meshgrid,
    examples=lambda rng: [
        ((rng.normal(size=2), rng.normal(size=3)), {"indexing": how, "sparse": sparse})
        for how in ("xy", "ij")
        for sparse in (False, True)
    ],
)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing={indexing!r}; it is 'xy' or 'ij'")
    axes = list(range(len(xi)))
    if indexing == "xy" and len(xi) > 1:
        axes[:2] = [1, 0]
    grids = [
        np.reshape(x, tuple(-1 if i == axis else 1 for i in range(len(xi)))) for axis, x in zip(axes, xi, strict=True)
    ]
    return tuple(grids) if sparse else np.broadcast_arrays(*grids)


@implements(
    np.vander,
    examples=lambda rng: [
        ((rng.normal(size=3),), keywords) for keywords in ({}, {"N": 4, "increasing": True}, {"N": 1})
    ],
)
def vander(x: Any, N: int | None = None, increasing: bool = False) -> Any:
    """Columns of powers, as running products, so that a column of zeros has a derivative, too."""
    if x.ndim != 1:
        raise ValueError(f"vander: x has {x.ndim} dimensions, it needs one")
    x = as_dtype(x, np.promote_types(x.dtype, int))
    n = x.shape[0] if N is None else N
    ones = make_alike(np.ones((x.shape[0], min(n, 1)), x.dtype), x)
    repeated = np.broadcast_to(x[:, None], (x.shape[0], max(n - 1, 0)))
    powers = np.cumprod(np.concatenate((ones, repeated), 1), axis=1)
    return powers if increasing else np.flip(powers, 1)


# -- a function of the user's along an axis --------------------------------------------------------------------------


def _largest_and_sum(x: Any) -> Any:
    return np.stack([np.max(x), np.sum(x * x)])


def _squares(x: Any) -> Any:
    return np.sum(x * x)


@implements(
    np.apply_along_axis,
    examples=lambda rng: [
        ((f, axis, rng.normal(size=(2, 3, 4))), {}) for f in (_squares, _largest_and_sum) for axis in (0, -1)
    ],
)
def apply_along_axis(func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any) -> Any:
    """func1d of each line along the axis; its results stand where the axis was."""
    axis = positive_axis(axis, arr.ndim)
    lines = np.moveaxis(arr, axis, -1)
    outer = lines.shape[:-1]
    if 0 in outer:
        raise ValueError("apply_along_axis: there is no line to apply the function to")
    results = [func1d(lines[i], *args, **kwargs) for i in np.ndindex(outer)]
    inner = np.shape(results[0])
    stacked = np.reshape(np.stack(results), outer + inner)
    # The axes of one result move to where the axis was.
    places = list(range(len(outer), stacked.ndim))
    return np.moveaxis(stacked, places, [axis + i for i in range(len(inner))])


@implements(np.apply_over_axes, examples=lambda rng: [((np.sum, rng.normal(size=(2, 3, 4)), (0, -1)), {})])
def apply_over_axes(func: Callable[..., Any], a: Any, axes: Any) -> Any:
    for axis in axes if np.ndim(axes) else (axes,):
        axis = positive_axis(axis, a.ndim)
        result = func(a, axis)
        a = result if result.ndim == a.ndim else np.expand_dims(result, axis)
    return a
