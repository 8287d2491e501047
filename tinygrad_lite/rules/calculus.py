"""Differences, integrals, interpolation, convolution: what is done to samples of a function."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..axes import positive_axis
from ..batching import along
from ..op import Array, bilinear, constant, custom_vjp
from ..table import implements, row
from .indexing import getitem
from .shaping import as_array, as_dtype

# -- differences and integrals ---------------------------------------------------------------------------------------


def _along(ndim: int, axis: int, part: Any) -> tuple[Any, ...]:
    """The index that takes this part of an axis, and all of the others."""
    return (slice(None),) * positive_axis(axis, ndim) + (part,)


def _ends(a: Any, extra: Any, axis: int) -> Any:
    """What is put before or behind an array: a number stands for a whole slice."""
    shape = list(a.shape)
    shape[axis] = 1
    return np.broadcast_to(extra, shape) if np.ndim(extra) == 0 else extra


@implements(
    np.diff,
    examples=lambda rng: [
        ((rng.normal(size=(4, 5)),), {}),
        ((rng.normal(size=(4, 5)), 3, 0), {}),
        ((rng.normal(size=(4, 5)), 0), {}),
        ((rng.normal(size=(4, 5)), 1, 0, np.float64(1.5), rng.normal(size=(2, 5))), {}),
    ],
)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = np._NoValue, append: Any = np._NoValue) -> Any:
    a = as_array(a)
    if n < 0:
        raise ValueError(f"diff: n={n}; it cannot be negative")
    if np.ndim(a) == 0:
        raise ValueError("diff: a number has no differences; the array needs a dimension at least")
    if n == 0:
        return a
    parts = [_ends(a, prepend, axis)] if prepend is not np._NoValue else []
    parts += [a] if append is np._NoValue else [a, _ends(a, append, axis)]
    if len(parts) > 1:
        a = np.concatenate(parts, axis)
    later, earlier = _along(a.ndim, axis, slice(1, None)), _along(a.ndim, axis, slice(None, -1))
    for _ in range(n):
        a = np.not_equal(a[later], a[earlier]) if a.dtype.kind == "b" else a[later] - a[earlier]
    return a


@implements(
    np.ediff1d,
    examples=lambda rng: [((rng.normal(size=(2, 3)), rng.normal(size=2), 1.5), {}), ((rng.normal(size=4),), {})],
)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    flat = np.ravel(ary)
    parts = [flat[1:] - flat[:-1]]
    if to_begin is not None:
        parts.insert(0, _beside(flat, to_begin))
    if to_end is not None:
        parts.append(_beside(flat, to_end))
    return np.concatenate(parts) if len(parts) > 1 else parts[0]


def _beside(differences: Any, ends: Any) -> Any:
    """What is put before or after the differences, in their dtype."""
    ends = np.ravel(ends)
    if not np.can_cast(ends.dtype, differences.dtype, "same_kind"):
        raise TypeError(f"ediff1d: to_begin= or to_end= is {ends.dtype}, which {differences.dtype} cannot hold")
    return as_dtype(ends, differences.dtype)


@implements(
    np.gradient,
    examples=lambda rng: [
        ((rng.normal(size=5),), {}),
        ((rng.normal(size=(4, 3)), 0.5), {"axis": 0}),
        ((rng.normal(size=(4, 3)), 0.5, np.array([0.0, 1.0, 3.0])), {}),
        ((rng.normal(size=(4, 5)), np.array([0.0, 1.0, 1.5, 3.0, 4.0])), {"axis": -1, "edge_order": 2}),
        ((rng.normal(size=(4, 5)),), {"edge_order": 2}),
    ],
)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Central differences inside, one-sided ones of edge_order at the ends; spacings are numbers or coordinates."""
    f = as_array(f)
    if f.dtype.kind == "b":
        raise TypeError("gradient: f is an array of booleans, which have no differences; write f.astype(float)")
    axes = tuple(range(f.ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if len(varargs) not in (0, 1, len(axes)):
        raise TypeError(f"gradient: {len(varargs)} spacings for {len(axes)} axes; give none, one, or one for each")
    if edge_order not in (1, 2):
        raise ValueError(f"gradient: edge_order={edge_order}; it is 1 or 2")
    spacings = varargs or (1.0,)
    if len(spacings) == 1:
        if np.ndim(spacings[0]) and len(axes) > 1:
            raise ValueError("gradient: coordinates along several axes must be given for each of them")
        spacings *= len(axes)
    places = [positive_axis(i, f.ndim) for i in axes]
    if len(set(places)) < len(places):
        raise ValueError(f"gradient: axis={axis} has an axis twice; its slopes are wanted once")
    results = [_slope(f, x, i, edge_order) for x, i in zip(spacings, places, strict=True)]
    return results[0] if len(axes) == 1 else tuple(results)


def _slope(f: Any, x: Any, axis: int, edge_order: int) -> Any:
    n = f.shape[axis]
    if n < edge_order + 1:
        raise ValueError(f"gradient: axis {axis} has {n} places, too few; it needs {edge_order + 1}")
    if f.dtype.kind in "iu":
        f = f.astype(float)

    def at(part: Any) -> Any:
        return f[_along(f.ndim, axis, part)]

    if np.ndim(x) == 0:
        inner = (at(slice(2, None)) - at(slice(None, -2))) / (2.0 * x)
        if edge_order == 1:
            first, last = at(slice(1, 2)) - at(slice(0, 1)), at(slice(-1, None)) - at(slice(-2, -1))
        else:
            first = -1.5 * at(slice(0, 1)) + 2.0 * at(slice(1, 2)) - 0.5 * at(slice(2, 3))
            last = 0.5 * at(slice(-3, -2)) - 2.0 * at(slice(-2, -1)) + 1.5 * at(slice(-1, None))
        return as_dtype(np.concatenate((first / x, inner, last / x), axis), f.dtype)
    x = as_array(x)
    x = np.astype(x, np.float64) if x.dtype.kind in "iub" else x  # whose differences, or their products, may overflow
    if np.shape(x) != (n,):
        raise ValueError(f"gradient: coordinates {np.shape(x)} along axis {axis}, which has {n} places")
    steps = np.reshape(np.diff(x), (-1,) + (1,) * (f.ndim - axis - 1))
    a, b = steps[:-1], steps[1:]  # the steps before and after each inner place
    inner = (
        -b / (a * (a + b)) * at(slice(None, -2))
        + (b - a) / (a * b) * at(slice(1, -1))
        + a / (b * (a + b)) * at(slice(2, None))
    )
    if edge_order == 1:
        first = (at(slice(1, 2)) - at(slice(0, 1))) / steps[:1]
        last = (at(slice(-1, None)) - at(slice(-2, -1))) / steps[-1:]
    else:
        a, b = steps[:1], steps[1:2]
        first = -(2 * a + b) / (a * (a + b)) * at(slice(0, 1)) + (a + b) / (a * b) * at(slice(1, 2))
        first = first - a / (b * (a + b)) * at(slice(2, 3))
        a, b = steps[-2:-1], steps[-1:]
        last = b / (a * (a + b)) * at(slice(-3, -2)) - (b + a) / (a * b) * at(slice(-2, -1))
        last = last + (2 * b + a) / (b * (a + b)) * at(slice(-1, None))
    return as_dtype(np.concatenate((first, inner, last), axis), f.dtype)


@implements(
    np.trapezoid,
    examples=lambda rng: [
        ((rng.normal(size=(2, 5)),), {}),
        ((rng.normal(size=(2, 5)), None, 0.5, 0), {}),
        ((rng.normal(size=(2, 5)), np.cumsum(rng.uniform(0.5, 1, 5))), {}),
        ((rng.normal(size=(4, 3)), np.cumsum(rng.uniform(0.5, 1, (4, 3)), axis=0)), {"axis": 0}),
    ],
)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    y = as_array(y)
    place = positive_axis(axis, y.ndim)  # in y; x and dx may have more axes in front
    if x is None:
        d: Any = dx
    elif np.ndim(x) == 1:
        d = np.reshape(np.diff(x), (-1,) + (1,) * (y.ndim - place - 1))
    else:
        d = np.diff(x, axis=axis)
    later, earlier = _along(y.ndim, place, slice(1, None)), _along(y.ndim, place, slice(None, -1))
    return np.sum(d * (y[later] + y[earlier]) / 2.0, axis=axis)


# -- interpolation ---------------------------------------------------------------------------------------------------


def _piece(x: Any, xp: Any) -> Any:
    """The number of the line that x lies on; before the first and behind the last, of that one."""
    return np.clip(np.searchsorted(xp, x, side="right") - 1, 0, xp.size - 2)


piece = row(constant(_piece, operands=2))


@implements(
    np.interp,
    examples=lambda rng: [
        ((rng.uniform(0.2, 3.8, (2, 3)), np.array([0.0, 1.5, 2.0, 4.0]), rng.normal(size=4)), {}),
        ((np.array([-1.0, 5.0, 0.7]), np.array([0.0, 1.5, 2.0, 4.0]), rng.normal(size=4)), {}),
        ((np.array([-1.0, 5.0, 0.7]), np.array([0.0, 1.5, 2.0, 4.0]), rng.normal(size=4)), {"left": 0.3, "right": 2.0}),
        ((np.array([-1.3, 5.2, 0.7]), np.array([1.5, 0.4, 2.6]), rng.normal(size=3)), {"period": 3.0}),
        ((np.array([-1.0, 5.0]), np.array([0.5]), np.array([2.0])), {}),
    ],
)
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """Straight lines between the points (xp, fp); at a point, where the slope jumps, that of the line to its right.

    In double precision, as NumPy's. Beside a value that is not finite a point has its own, and no slope.
    """
    x, xp, fp = (as_dtype(t, np.result_type(t, np.float64)) for t in map(as_array, (x, xp, fp)))
    if "c" in x.dtype.kind + xp.dtype.kind:
        raise TypeError("interp: x and xp are places on a line, and cannot be complex; fp may be")
    if np.ndim(xp) != 1 or np.shape(xp) != np.shape(fp) or not np.size(xp):
        raise ValueError(f"interp: xp {np.shape(xp)} and fp {np.shape(fp)} must be points: one dimension, equal sizes")
    if period is not None:
        x, xp = np.remainder(x, period), np.remainder(xp, period)
        order = np.argsort(xp)
        xp, fp = np.take(xp, order), np.take(fp, order)
        xp = np.concatenate((xp[-1:] - period, xp, xp[:1] + period))
        fp = np.concatenate((fp[-1:], fp, fp[:1]))
        left = right = None
    n = np.shape(xp)[0]
    left, right = fp[0] if left is None else left, fp[-1] if right is None else right
    if n == 1:
        inner: Any = fp[0]
    else:
        i = piece(x, xp)
        (x0, y0), (x1, y1) = ((getitem(xp, j), getitem(fp, j)) for j in (i, i + 1))
        slope = (y1 - y0) / (x1 - x0)
        inner = slope * (x - x0) + y0
        # Where a value is not finite it is, as in NumPy, found from the other side; and a point has its own.
        other = np.where(np.equal(x, x1), y1, slope * (x - x1) + y1)
        other = np.where(np.logical_or(np.equal(x, x0), np.equal(y0, y1)), y0, other)
        inner = np.where(np.logical_and(np.isnan(inner), np.equal(x, x)), other, inner)
    return np.where(np.less(x, xp[0]), left, np.where(np.greater(x, xp[-1]), right, inner))


def _unwrap_vjp(g: Array, y: Array, p: Array, discont: Any = None, axis: int = -1, *, period: Any = 2 * np.pi) -> Array:
    return g  # what is added are whole periods


unwrap = row(
    custom_vjp(
        np.unwrap,
        _unwrap_vjp,
        batch=along(-1),
        examples=lambda rng: [((rng.uniform(-6, 6, (2, 5)),), some) for some in ({}, {"axis": 0}, {"period": 3.0})],
    )
)

# -- convolution -----------------------------------------------------------------------------------------------------


def _whole(g: Array, n: int, m: int, mode: str) -> Array:
    """The cotangent of a convolution of n and m places, with zeros for what the mode leaves out of the whole."""
    total = n + m - 1
    start = {"full": 0, "same": (min(n, m) - 1) // 2, "valid": min(n, m) - 1}[mode]
    return np.pad(g, (start, total - start - g.shape[0]))


def _convolve_left(g: Array, y: Array, a: Array, v: Array, mode: str = "full") -> Array:
    n, m = a.shape[0], v.shape[0]
    return np.convolve(_whole(g, n, m, mode), np.flip(v), mode="valid")


def _convolve_right(g: Array, y: Array, a: Array, v: Array, mode: str = "full") -> Array:
    return _convolve_left(g, y, v, a, mode)


def _lines(rng: np.random.Generator) -> Any:
    return [
        ((rng.normal(size=n), rng.normal(size=m)), {"mode": mode})
        for n, m in ((5, 3), (3, 4), (4, 2), (1, 3), (4, 4))
        for mode in ("full", "same", "valid")
    ]


convolve_ = row(
    bilinear(
        lambda a, v, mode="full": np.convolve(a, v, mode),
        _convolve_left,
        _convolve_right,
        name="convolve",
        numpy=np.convolve,
        examples=_lines,
    )
)
_MODES = ("full", "same", "valid")


def _mode(function: str, mode: Any) -> str:
    if mode not in _MODES:
        raise ValueError(f"{function}: mode={mode!r}; it is 'full', 'same' or 'valid'")
    return str(mode)


@implements(np.convolve, examples=_lines)
def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    return convolve_(np.atleast_1d(a), np.atleast_1d(v), mode=_mode("convolve", mode))


@implements(np.correlate, examples=_lines)
def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """A convolution with v turned round (and conjugated)."""
    a, v = np.atleast_1d(a), np.atleast_1d(v)
    turned = np.flip(np.conj(v) if v.dtype.kind == "c" else v)
    if mode == "same" and a.shape[0] < v.shape[0]:
        whole = convolve_(a, turned, mode="full")
        start = a.shape[0] // 2
        return whole[start : start + v.shape[0]]
    return convolve_(a, turned, mode=_mode("correlate", mode))
