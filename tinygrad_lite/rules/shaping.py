"""Shaping: the same numbers, arranged otherwise. Their transposes are one another."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..alike import make_alike
from ..axes import positive_axes, positive_axis
from ..batching import along, elementwise, reduction, shift
from ..op import Array, Op, constant, linear
from ..table import implements, row
from ..tensor import Tensor, check_numeric, holds_tensor, stack_lists
from .examples import SHAPES, WITH_AXES, distinct, every_axis, for_each_shape, with_keywords

# -- other axes, other shapes ----------------------------------------------------------------------------------------


def _transpose_vjp(g: Array, y: Array, x: Array, axes: Any = None) -> Array:
    return np.transpose(g, None if axes is None else tuple(int(i) for i in np.argsort(positive_axes(axes, x.ndim))))


def as_array(x: Any) -> Any:
    """A list or a number as an array, a list of Tensors as a Tensor; what is an array, or a Tensor, as it is."""
    if hasattr(x, "dtype"):
        return x
    return stack_lists(x) if holds_tensor(x) else np.asarray(x)


def as_dtype(x: Any, dtype: Any) -> Any:
    """x in another dtype, or as it is."""
    return x if x.dtype == dtype else np.astype(x, dtype)


def number_arrays(values: Sequence[Any], *others: Any) -> Sequence[Any]:
    """The values, with Python's numbers among them as arrays of the dtype that all have in common: np.asarray would
    make the number 2.0 beside float32 a float64."""
    numbers = [type(x) in (int, float, complex) for x in values]
    if not any(numbers):
        return values
    dtype = np.result_type(*(x if type(x) in (int, float, complex) else as_array(x) for x in (*values, *others)))
    return [np.asarray(x, dtype) if is_number else x for x, is_number in zip(values, numbers, strict=True)]


def _reshape_in_order(g: Array, shape: tuple[int, ...], order: Any) -> Array:
    """In the usual order said nothing of it: not every library has another."""
    return np.reshape(g, shape) if order == "C" else np.reshape(g, shape, order=order)


def _reshape(a: Any, shape: Any, order: Any = "C") -> Any:
    return a.reshape(shape, order=order) if type(a) is np.ndarray else _reshape_in_order(a, shape, order)


_RESHAPES: dict[str, Any] = {"alias": True, "reshapes": True}


def _broadcasts(rng: np.random.Generator) -> Any:
    pairs: list[Any] = [(shape, (2, 3, 4)) for shape in ((), (2, 3, 4), (2, 1, 4), (3, 1))]
    pairs += [(shape, (4, 2, 3)) for shape in ((), (3,), (2, 3), (1, 3), (2, 1))]
    return [((distinct(rng, shape),), {"shape": new}) for shape, new in pairs]


def _new_shapes(rng: np.random.Generator) -> Any:
    pairs: list[Any] = [(shape, (-1,)) for shape in SHAPES]
    pairs += [(shape, (2, -1)) for shape in ((2, 3), (2, 1), (2, 3, 4), (3, 1, 2))]
    pairs += [((2, 3, 4), (4, 2, 3)), ((2, 3, 4), (2, 3, 4))]
    orders: list[dict[str, Any]] = [{}, {"order": "F"}]
    return [((distinct(rng, shape),), {"shape": new, **order}) for order in orders for shape, new in pairs]


def _orders_of_axes(shape: tuple[int, ...]) -> list[dict[str, Any]]:
    axes = tuple(range(len(shape)))
    return [{}, {"axes": axes[::-1]}, {"axes": axes[-1:] + axes[:-1]}]


def _new_axes(shape: tuple[int, ...]) -> list[dict[str, Any]]:
    axes: list[Any] = [-1, 0, tuple(range(len(shape)))[-2:], *([1] if shape else [])]
    return [{"axis": axis} for axis in axes]


def _axes_of_size_1(shape: tuple[int, ...]) -> list[dict[str, Any]]:
    several: list[Any] = [None, ()]
    single = [axis for axis in every_axis(shape)[1:] if not shape or shape[axis] == 1]
    return [{}, *({"axis": axis} for axis in several + single)]


# -- the same for each of many examples, which lie along the first axis (see batching.py) -----------------------------

Operands = Sequence[Any]
Mapped = Sequence[bool]
Keywords = dict[str, Any]


def _broadcast_each(op: Op, xs: Operands, mapped: Mapped, params: Keywords) -> Any:
    (x,) = xs
    shape = params["shape"] if np.ndim(params["shape"]) else (params["shape"],)
    missing = len(shape) - x.ndim + 1
    x = np.reshape(x, (x.shape[0], *(1,) * missing, *x.shape[1:])) if missing > 0 else x
    return op.call(x, shape=(x.shape[0], *shape))


def _reshape_each(op: Op, xs: Operands, mapped: Mapped, params: Keywords) -> Any:
    (x,) = xs
    shape = tuple(params["shape"]) if np.ndim(params["shape"]) else (params["shape"],)
    if -1 in shape:
        known = -math.prod(shape)
        size = math.prod(x.shape[1:])
        if known <= 0 or size % known:
            raise ValueError(f"cannot reshape an array of shape {x.shape[1:]} into shape {shape}")
        shape = tuple(size // known if n == -1 else n for n in shape)
    order = params.get("order", "C")
    if order == "C":
        return op.call(x, shape=(x.shape[0], *shape))
    # In Fortran's order the last axis counts slowest: there the examples do not mix.
    return np.moveaxis(op.call(np.moveaxis(x, 0, -1), shape=(*shape, x.shape[0]), order=order), -1, 0)


def _ravel_each(op: Op, xs: Operands, mapped: Mapped, params: Keywords) -> Any:
    return _reshape_each(reshape, xs, mapped, {"shape": (math.prod(xs[0].shape[1:]),), **params})


def _transpose_each(op: Op, xs: Operands, mapped: Mapped, params: Keywords) -> Any:
    (x,) = xs
    axes = params.get("axes")
    return op.call(x, axes=(0, *(range(x.ndim - 1, 0, -1) if axes is None else shift(axes, x.ndim - 1))))


def _with_next_axes(*names: str) -> Any:
    """The rule of an op with keywords that name axes."""

    def rule(op: Op, xs: Operands, mapped: Mapped, params: Keywords) -> Any:
        return op.call(*xs, **{**params, **{name: shift(params[name], xs[0].ndim - 1) for name in names}})

    return rule


def _expand_each(op: Op, xs: Operands, mapped: Mapped, params: Keywords) -> Any:
    axis = params["axis"]
    return op.call(*xs, axis=shift(axis, xs[0].ndim - 1 + (len(axis) if np.ndim(axis) else 1)))


def _squeeze_each(op: Op, xs: Operands, mapped: Mapped, params: Keywords) -> Any:
    (x,) = xs
    axis = params.get("axis")
    if axis is None:
        axis = tuple(i for i, n in enumerate(x.shape[1:]) if n == 1)
    elif x.ndim == 1:  # NumPy takes axis 0 of a number, too
        axis = ()
    return op.call(x, axis=shift(axis, x.ndim - 1))


def _roll_each(op: Op, xs: Operands, mapped: Mapped, params: Keywords) -> Any:
    (x,) = xs
    if params.get("axis") is None:
        moved = op.call(np.reshape(x, (x.shape[0], -1)), shift=params["shift"], axis=1)
        return np.reshape(moved, x.shape)
    return op.call(x, shift=params["shift"], axis=shift(params["axis"], x.ndim - 1))


def _tile_each(op: Op, xs: Operands, mapped: Mapped, params: Keywords) -> Any:
    (x,) = xs
    times = tuple(params["reps"]) if np.ndim(params["reps"]) else (params["reps"],)
    missing = len(times) - (x.ndim - 1)
    x = np.reshape(x, (x.shape[0], *(1,) * missing, *x.shape[1:])) if missing > 0 else x
    return op.call(x, reps=(1, *(1,) * -missing, *times))


def _diagonal_each(op: Op, xs: Operands, mapped: Mapped, params: Keywords) -> Any:
    (x,) = xs
    axes = shift((params.get("axis1", 0), params.get("axis2", 1)), x.ndim - 1)
    return op.call(x, offset=params.get("offset", 0), axis1=axes[0], axis2=axes[1])


def _from_diagonal_each(op: Op, xs: Operands, mapped: Mapped, params: Keywords) -> Any:
    (x,) = xs
    axes = shift((params.get("axis1", 0), params.get("axis2", 1)), x.ndim)
    shape = (x.shape[0], *params["shape"])
    return op.call(x, shape=shape, offset=params.get("offset", 0), axis1=axes[0], axis2=axes[1])


def _triangle_each(op: Op, xs: Operands, mapped: Mapped, params: Keywords) -> Any:
    (x,) = xs
    if x.ndim == 2:  # NumPy makes a matrix of a vector: each of its rows is the vector
        x = np.broadcast_to(np.expand_dims(x, 1), (x.shape[0], x.shape[1], x.shape[1]))
    return op.call(x, **params)


# -- other axes, other shapes: the rows ------------------------------------------------------------------------------


def _spell_full(x: Any, shape: Any) -> Any:
    """One number everywhere as np.ones or np.full."""
    if x.number is None:
        return NotImplemented
    is_one = x.number == 1 and np.asarray(x.number).dtype == np.float64
    return x.call(np.ones, shape) if is_one else x.call(np.full, shape, x)


broadcast_to = row(
    linear(
        np.broadcast_to,
        lambda g, y, x, shape: g,  # the sweep sums g over the broadcast axes, so nothing is left to do
        batch=_broadcast_each,
        alias=True,
        view=True,
        examples=_broadcasts,
        python=_spell_full,
    )
)
reshape = row(
    linear(
        _reshape,
        lambda g, y, x, shape, order="C": _reshape_in_order(g, x.shape, order),
        batch=_reshape_each,
        examples=_new_shapes,
        **_RESHAPES,
    ),
    np.reshape,
)
ravel = row(
    linear(
        np.ravel,
        lambda g, y, x, order="C": _reshape_in_order(g, x.shape, order),
        batch=_ravel_each,
        examples=with_keywords({}, {"order": "F"}),
        **_RESHAPES,
    )
)
transpose = row(
    linear(
        np.transpose,
        _transpose_vjp,
        batch=_transpose_each,
        view=True,
        python=lambda x, axes=None: x.T if axes is None and x.ndim == 2 else NotImplemented,
        examples=for_each_shape(_orders_of_axes),
    ),
    np.transpose,
    np.permute_dims,
)
swapaxes = row(
    linear(
        np.swapaxes,
        lambda g, y, x, axis1, axis2: np.swapaxes(g, axis1, axis2),
        batch=_with_next_axes("axis1", "axis2"),
        view=True,
        python=lambda x, axis1, axis2: x.mT if {axis1, axis2} == {-1, -2} else NotImplemented,
        examples=with_keywords({"axis1": 0, "axis2": -1}, shapes=WITH_AXES),
    )
)
moveaxis = row(
    linear(
        np.moveaxis,
        lambda g, y, x, source, destination: np.moveaxis(g, destination, source),
        batch=_with_next_axes("source", "destination"),
        view=True,
        examples=with_keywords({"source": 0, "destination": -1}, shapes=WITH_AXES),
    )
)


def _spell_expand_dims(x: Any, axis: Any) -> Any:
    if x.ndim == 0 or axis not in (0, -1):  # a number of Python's has no index
        return NotImplemented
    return x[None] if axis == 0 else x[..., None]


expand_dims = row(
    linear(
        np.expand_dims,
        lambda g, y, x, axis: np.squeeze(g, axis),
        batch=_expand_each,
        reshapes=True,
        python=_spell_expand_dims,
        examples=for_each_shape(_new_axes),
    )
)
squeeze = row(
    linear(
        np.squeeze,
        lambda g, y, x, axis=None: np.reshape(g, x.shape),
        batch=_squeeze_each,
        examples=for_each_shape(_axes_of_size_1),
        **_RESHAPES,
    )
)
copy = row(linear(np.copy, lambda g, y, x: g, batch=elementwise, alias=True, c="{0}", c_kinds="fib"))


@implements(np.matrix_transpose)
def matrix_transpose(x: Any) -> Any:
    return np.swapaxes(x, -1, -2)


@implements(
    np.rollaxis,
    examples=lambda rng: [
        ((rng.normal(size=(2, 3, 4)),), {"axis": axis, "start": start})
        for axis, start in ((2, 0), (0, 2), (-1, 1), (1, -1), (0, 3))
    ],
)
def rollaxis(a: Any, axis: int, start: int = 0) -> Any:
    axis = positive_axis(axis, a.ndim)
    order = [i for i in range(a.ndim) if i != axis]
    if not -a.ndim <= start <= a.ndim:
        raise np.exceptions.AxisError(f"rollaxis: start={start} is not in -{a.ndim}..{a.ndim}")
    start = start + a.ndim if start < 0 else start
    order.insert(start - (axis < start), axis)
    return np.transpose(a, order)


def _of_ndim(t: Any, ndim: int) -> Any:
    """t with axes of size 1 added as NumPy adds them: in front, but behind from two dimensions to three."""
    missing = ndim - np.ndim(t)
    if missing <= 0:
        return as_array(t)
    before = 1 if ndim == 3 and np.ndim(t) == 1 else 0 if ndim == 3 and np.ndim(t) == 2 else missing
    return np.reshape(t, (1,) * before + np.shape(t) + (1,) * (missing - before))


@implements(np.atleast_1d)
def atleast_1d(*arys: Any) -> Any:
    return _one_or_all(arys, 1)


@implements(np.atleast_2d)
def atleast_2d(*arys: Any) -> Any:
    return _one_or_all(arys, 2)


@implements(np.atleast_3d)
def atleast_3d(*arys: Any) -> Any:
    return _one_or_all(arys, 3)


def _one_or_all(arys: tuple[Any, ...], ndim: int) -> Any:
    return _of_ndim(arys[0], ndim) if len(arys) == 1 else tuple(_of_ndim(t, ndim) for t in arys)


def _two_arrays(rng: np.random.Generator) -> list[Any]:
    return [((rng.normal(size=(2, 1)), rng.normal(size=3)), {})]


@implements(np.broadcast_arrays, examples=_two_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> Any:
    shape = np.broadcast_shapes(*(np.shape(t) for t in args))
    return tuple(np.broadcast_to(t, shape) for t in args)


# -- the other way round, moved along --------------------------------------------------------------------------------


def _axis_examples(*keywords: dict[str, Any]) -> Any:
    """Calls with an array of shape (2, 3, 4) and each of these keywords."""
    return lambda rng: [((rng.normal(size=(2, 3, 4)),), chosen) for chosen in keywords]


flip = row(
    linear(
        np.flip,
        lambda g, y, m, axis=None: np.flip(g, axis),
        batch=reduction,
        examples=_axis_examples({}, {"axis": 1}, {"axis": -1}, {"axis": (0, 2)}),
    )
)
roll = row(
    linear(
        np.roll,
        lambda g, y, a, shift, axis=None: np.roll(g, -np.asarray(shift, np.intp), axis),  # -np.uint8(1) is 255
        batch=_roll_each,
        examples=_axis_examples({"shift": 5}, {"shift": -1, "axis": 1}, {"shift": (1, 2), "axis": (0, -1)}),
    )
)


@implements(np.fliplr, examples=_axis_examples({}))
def fliplr(m: Any) -> Any:
    return np.flip(_at_least(m, 2, "fliplr"), 1)


@implements(np.flipud)
def flipud(m: Any) -> Any:
    return np.flip(_at_least(m, 1, "flipud"), 0)


def _at_least(m: Any, ndim: int, function: str) -> Any:
    if m.ndim < ndim:
        raise ValueError(f"{function}: the array has {m.ndim} dimensions, it needs {ndim}")
    return m


@implements(np.rot90, examples=_axis_examples({}, {"k": 2}, {"k": 3, "axes": (0, 2)}, {"k": -1, "axes": (2, 1)}))
def rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    first, second = positive_axes(axes, m.ndim)
    if first == second:
        raise ValueError(f"rot90: axes={axes} are the same")
    k %= 4
    if k == 0:
        return np.copy(m)
    if k == 2:
        return np.flip(m, (first, second))
    return np.flip(np.swapaxes(m, first, second), first) if k == 1 else np.swapaxes(np.flip(m, first), first, second)


# -- repetition ------------------------------------------------------------------------------------------------------


def _tile_vjp(g: Array, y: Array, x: Array, reps: Any) -> Array:
    """The sum over the copies, for which there is an axis before each of the array's own."""
    times = tuple(reps) if np.ndim(reps) else (reps,)
    ndim = y.ndim
    times = (1,) * (ndim - len(times)) + times
    sizes = (1,) * (ndim - x.ndim) + x.shape
    apart = np.reshape(g, sum(zip(times, sizes, strict=True), ()))
    return np.reshape(np.sum(apart, axis=tuple(range(0, 2 * ndim, 2))), x.shape)


tile = row(
    linear(
        np.tile,
        _tile_vjp,
        batch=_tile_each,
        examples=lambda rng: [
            ((rng.normal(size=shape),), {"reps": reps})
            for shape, reps in (
                ((3,), 2),
                ((2, 3), (2, 1)),
                ((3,), (4, 2)),
                ((2, 1, 3), 2),
                ((), 3),
                ((2, 3), (2, 1, 2)),
            )
        ],
    )
)


def _repeat_vjp(g: Array, y: Array, x: Array, repeats: int, axis: int | None = None) -> Array:
    """The sum over the copies, which stand side by side."""
    n = x.shape if axis is not None and x.ndim else (x.size,)
    axis = positive_axis(axis or 0, len(n))
    return np.reshape(np.sum(np.reshape(g, (*n[: axis + 1], repeats, *n[axis + 1 :])), axis=axis + 1), x.shape)


repeat_each = row(
    linear(
        np.repeat,
        _repeat_vjp,
        batch=along(None),
        examples=lambda rng: [
            ((rng.normal(size=(2, 3)),), keywords)
            for keywords in ({"repeats": 2}, {"repeats": 2, "axis": 0}, {"repeats": 3, "axis": -1})
        ],
    )
)


@implements(np.repeat, examples=lambda rng: [((rng.normal(size=(2, 3)),), {"repeats": (1, 0, 2), "axis": 1})])
def repeat(a: Any, repeats: Any, axis: int | None = None) -> Any:
    """Each entry as often as its number of repeats says."""
    if isinstance(repeats, Tensor):
        repeats = repeats._read("np.repeat(…, repeats=t)")
    if np.size(repeats) == 1:
        return repeat_each.call(a, repeats=int(np.reshape(repeats, ())), axis=axis)
    if axis is None:
        a, axis = np.ravel(a), 0
    return np.take(a, np.repeat(np.arange(a.shape[axis]), repeats), axis)


@implements(
    np.resize,
    examples=lambda rng: [((rng.normal(size=(2, 3)),), {"new_shape": shape}) for shape in (4, (5, 3), (2, 2))],
)
def resize(a: Any, new_shape: Any) -> Any:
    """The numbers in order, as often as they fit."""
    shape = tuple(new_shape) if np.ndim(new_shape) else (int(new_shape),)
    size = math.prod(shape)
    if any(n < 0 for n in shape):
        raise ValueError(f"resize: new_shape={new_shape} has a negative size")
    if a.size == 0:
        return np.zeros(shape, a.dtype)
    return np.reshape(np.take(np.ravel(a), np.arange(size) % a.size), shape)


# -- diagonals and triangles -----------------------------------------------------------------------------------------


def _from_diagonal(d: Any, shape: tuple[int, ...], offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """Zeros of the given shape with d on a diagonal, as np.diagonal would read it."""
    steps, offset = np.arange(d.shape[-1]), int(offset)
    if not isinstance(d, np.ndarray):  # an array of another library, which need not be written into
        rest = [n for i, n in enumerate(shape) if i not in positive_axes((axis1, axis2), len(shape))]
        rows, columns = shape[axis1], shape[axis2]
        if offset >= 0:
            chosen, parts = steps[:, None] + offset == np.arange(columns), d[..., :, None]
            more = np.zeros((*rest, rows - len(steps), columns), d.dtype)
        else:
            chosen, parts = np.arange(rows)[:, None] == steps - offset, d[..., None, :]
            more = np.zeros((*rest, rows, columns - len(steps)), d.dtype)
        part, more = np.where(make_alike(chosen, d), parts, 0), make_alike(more, d)
        return np.moveaxis(np.concatenate((part, more), -2 if offset >= 0 else -1), (-2, -1), (axis1, axis2))
    out = np.zeros(shape, d.dtype)
    np.moveaxis(out, (axis1, axis2), (-2, -1))[..., steps + max(-offset, 0), steps + max(offset, 0)] = d
    return out


def _is_low(m: Any, k: int) -> Any:
    """Which entries of a matrix (of a vector, seen as many like rows) lie on its k-th diagonal or below."""
    return make_alike(np.tri(m.shape[-2:][0], m.shape[-1], k, dtype=bool), m)


def _tril(m: Any, k: int = 0) -> Any:
    return np.where(_is_low(m, k), m, m.dtype.type(0))


def _triu(m: Any, k: int = 0) -> Any:
    return np.where(_is_low(m, k - 1), m.dtype.type(0), m)


diagonal = row(
    linear(
        np.diagonal,
        lambda g, y, a, offset=0, axis1=0, axis2=1: from_diagonal(
            g, shape=a.shape, offset=offset, axis1=axis1, axis2=axis2
        ),
        view=True,
        batch=_diagonal_each,
        examples=_axis_examples(
            {},
            {"offset": 1},
            {"offset": -1, "axis1": 2, "axis2": 0},
            {"axis1": -1, "axis2": 1},
            {"axis1": 1, "axis2": 2},
        ),
    )
)
from_diagonal: Op = row(
    linear(
        _from_diagonal,
        lambda g, y, d, shape, offset=0, axis1=0, axis2=1: np.diagonal(g, offset, axis1, axis2),
        places=lambda out, shape, offset=0, axis1=0, axis2=1: np.diagonal(out, offset, axis1, axis2),
        c="write",
        batch=_from_diagonal_each,
        examples=lambda rng: [((rng.normal(size=(4, 2)),), {"shape": (2, 3, 4), "offset": -1, "axis1": 1, "axis2": 0})],
    )
)
_DIAGONALS = with_keywords({}, {"k": 1}, {"k": -1}, shapes=WITH_AXES)
_TRIANGLES: dict[str, Any] = {"batch": _triangle_each, "examples": _DIAGONALS, "c": "steps"}
tril = row(linear(_tril, lambda g, y, m, k=0: np.tril(g, k), name="tril", **_TRIANGLES), np.tril)
triu = row(linear(_triu, lambda g, y, m, k=0: np.triu(g, k), name="triu", **_TRIANGLES), np.triu)


@implements(
    np.diag,
    examples=lambda rng: [
        ((rng.normal(size=shape),), {"k": k}) for shape, k in (((3,), 0), ((3,), -1), ((3, 4), 1), ((4, 3), -2))
    ],
)
def diag(v: Any, k: int = 0) -> Any:
    """A matrix with this diagonal; of a matrix, its diagonal."""
    if v.ndim == 1:
        n = v.shape[0] + abs(operator.index(k))
        return from_diagonal(v, shape=(n, n), offset=k)
    if v.ndim == 2:
        return np.diagonal(v, k)
    raise ValueError(f"diag: the array has {v.ndim} dimensions, it needs one or two")


@implements(np.diagflat, examples=with_keywords({}, {"k": 1}, {"k": -1}))
def diagflat(v: Any, k: int = 0) -> Any:
    return diag(np.ravel(v), k)


@implements(np.trace, examples=_axis_examples({}, {"offset": 1}, {"axis1": 2, "axis2": 0}))
def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Any:
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype)


# -- dtype -----------------------------------------------------------------------------------------------------------


def _convert(x: Any, dtype: Any) -> Any:
    return x.astype(dtype)


# The sweep gives every cotangent its operand's dtype; an integer result carries none.
_CONVERTS: dict[str, Any] = {"name": "astype", "batch": elementwise, "alias": True, "python": _convert}
to_inexact = linear(_convert, lambda g, y, x, dtype: g, c="{0}", **_CONVERTS)
to_integer = constant(_convert, **_CONVERTS)


@implements(np.astype, examples=lambda rng: [((rng.normal(size=(2, 3)), np.dtype(np.float64)), {})])
def astype(x: Any, dtype: Any, /, *, copy: bool = True, casting: Any = "unsafe") -> Any:
    """x converted to another dtype; a conversion to integers or booleans is piecewise constant."""
    dtype = np.dtype(dtype)
    if casting != "unsafe" and not np.can_cast(x.dtype, dtype, casting):
        raise TypeError(f"astype: {x.dtype} is not cast to {dtype} with casting={casting!r}")
    if type(x) is Tensor:
        check_numeric(np.empty(0, dtype))
    if dtype.kind in "fc":
        return to_inexact.call(x, dtype=dtype)
    return to_integer.call(x, dtype=dtype)
