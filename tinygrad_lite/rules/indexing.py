"""Indexing, in every form NumPy has, and choosing between arrays."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import intervals
from ..alike import find_foreign, make_alike
from ..axes import positive_axis
from ..batching import all_mapped, elementwise, shift
from ..calling import record
from ..dispatch import handlers
from ..foreign import is_foreign, refuse_foreign
from ..op import Array, Op, constant, custom_vjp, linear, variadic
from ..table import implements, row, without_gradient
from ..tensor import Tensor, TraceError
from .examples import whole, with_keywords
from .shaping import as_array, number_arrays

# An index such as t[1:3, rows] is split into its static part, a template, and the arrays in it, which are operands of
# the op, so that they may be Tensors and a program can compute them.


class Slot:
    """The place of an index array in a template."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __repr__(self) -> str:
        return f"#{self.number}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Slot) and other.number == self.number

    def __hash__(self) -> int:
        return hash(("Slot", self.number))


def fill_template(template: Any, arrays: tuple[Any, ...]) -> Any:
    """The index again, its arrays in their places."""
    return tuple(arrays[part.number] if isinstance(part, Slot) else part for part in template)


def _get(x: Any, *arrays: Any, template: Any) -> Any:
    return x[fill_template(template, arrays)]


def _put(g: Any, *arrays: Any, template: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of the given shape with g added in at the index; entries indexed twice receive both."""
    index = fill_template(template, arrays)
    if is_foreign(g):
        return _put_of_another_library(g, index, shape, _may_repeat(index))
    out = np.zeros(shape, g.dtype)
    if _may_repeat(index):
        _add_at(out, index, g)
    else:
        out[index] = g
    return out


def _put_all(parts: Sequence[tuple[Any, Sequence[Any], dict[str, Any]]], shape: tuple[int, ...]) -> Any:
    """The sum of `put` of all the parts: (g, index arrays, params)."""
    if all(isinstance(g, (np.ndarray, np.generic)) for g, _, _ in parts):
        out = np.zeros(shape, parts[0][0].dtype)
        for g, arrays, params in parts:
            index = fill_template(params["template"], tuple(arrays))
            if _may_repeat(index):
                _add_at(out, index, g)
            else:
                out[index] += g
        return out
    if len(parts) >= _MANY:
        rows = _as_rows(parts, shape)
        if rows is not None:
            return rows
        if math.prod(shape) >= _LARGE:
            return functools.reduce(operator.add, _join_parts(parts, shape))
    terms = [put.call(g, *arrays, **params, shape=shape) for g, arrays, params in parts]
    return functools.reduce(operator.add, terms)


_MANY = 8  # parts, from which on they are put together before they are put into an array of the whole
_LARGE = 6000  # entries of the whole, up to which a sum of such arrays takes no longer (in C; 1000 in NumPy)


def _as_rows(parts: Sequence[tuple[Any, Sequence[Any], dict[str, Any]]], shape: tuple[int, ...]) -> Any:
    """The same, recorded, where the parts are rows of one axis, x[i] or x[:, i], and little is left out between them;
    else None. Its time is that for the rows, where a sum of arrays takes that for all of x for every part."""
    found = [_find_row(params["template"], shape) for _, _, params in parts]
    axis = found[0][0]
    numbers = {i for _, i in found}
    first, last = min(numbers), max(numbers)
    if axis is None or any(other != axis for other, _ in found) or last - first >= 2 * len(numbers):
        return None
    rows: dict[int, Any] = {}
    for (_, i), (g, _, _) in zip(found, parts, strict=True):
        rows[i] = rows[i] + g if i in rows else g
    nothing = make_alike(np.zeros(parts[0][0].shape, parts[0][0].dtype), parts[0][0])
    stacked = np.stack([rows.get(i, nothing) for i in range(first, last + 1)], axis)
    if len(rows) == shape[axis]:
        return stacked
    return put.call(stacked, template=(*[slice(None)] * axis, slice(first, last + 1)), shape=shape)


def _find_row(template: Any, shape: tuple[int, ...]) -> tuple[Any, int]:
    """The axis that an index takes one entry of, and which; (None, 0) if it is another index."""
    places = [k for k, part in enumerate(template) if part != slice(None)]
    one = template[places[0]] if len(places) == 1 else None
    if not isinstance(one, (int, np.integer)) or isinstance(one, bool):  # True makes an axis
        return None, 0
    return places[0], int(one) % shape[places[0]]


def _join_parts(parts: Sequence[tuple[Any, Sequence[Any], dict[str, Any]]], shape: tuple[int, ...]) -> list[Any]:
    """The same, recorded, as few terms: the parts without index arrays all together, x[i:j] say, and of those that take
    rows by whole numbers, x[rows], all that are alike otherwise."""
    groups: dict[str, list[Any]] = {}
    for part in parts:
        _, arrays, params = part
        numbers = len(arrays) == 1 and params["template"][0] == Slot(0) and arrays[0].dtype.kind in "iu"
        key = "" if not arrays else repr(params["template"]) if numbers else f"alone {len(groups)}"
        groups.setdefault(key, []).append(part)
    terms = []
    for key, group in groups.items():
        gs, first = [g for g, _, _ in group], group[0][2]
        if not key:
            terms.append(
                put_parts.call(*gs, templates=tuple(params["template"] for _, _, params in group), shape=shape)
            )
        elif len(group) == 1:
            terms.append(put.call(gs[0], *group[0][1], **first, shape=shape))
        else:
            places = [arrays[0] for _, arrays, _ in group]
            rows = [np.reshape(g, (i.size, *g.shape[i.ndim :])) for g, i in zip(gs, places, strict=True)]
            terms.append(
                put.call(np.concatenate(rows), np.concatenate(list(map(np.ravel, places))), **first, shape=shape)
            )
    return terms


def _put_parts(*gs: Any, templates: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of the given shape with every g added in at its own index, which has no arrays in it."""
    if any(map(is_foreign, gs)):
        pairs = zip(gs, templates, strict=True)
        return functools.reduce(operator.add, [_put(g, template=template, shape=shape) for g, template in pairs])
    out = np.zeros(shape, gs[0].dtype)
    for g, template in zip(gs, templates, strict=True):
        out[template] += g
    return out


def _put_parts_each(op: Op, xs: Sequence[Any], mapped: Sequence[bool], params: dict[str, Any]) -> Any:
    templates = tuple((slice(None), *template) for template in params["templates"])
    return op.call(*all_mapped(xs, mapped), templates=templates, shape=(_count(xs, mapped), *params["shape"]))


def _may_repeat(index: Any) -> bool:
    """Whether it may name an entry twice: slices, single integers and masks do not."""
    return any(getattr(part, "ndim", 0) and part.dtype.kind != "b" for part in index)


def _put_of_another_library(g: Any, index: Any, shape: tuple[int, ...], repeats: bool) -> Any:
    if repeats:
        _check_adds_at_places(g)  # first of all: numbers for all entries may be too many where arrays are lazy
        places = np.reshape(make_alike(np.arange(math.prod(shape)), g), shape)[index]
        return add_at_places(np.broadcast_to(g, places.shape), places, shape)
    out = np.zeros(shape, g.dtype, like=g)
    out[index] = g
    return out


def add_at_places(g: Any, places: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of the given shape with g, an array of another library, added in at the places, numbers in C order.

    TypeError where the library cannot do it. Only the simplest form of np.add.at is asked for: CuPy has no other, and
    has it for real numbers.
    """
    if g.dtype.kind == "c":
        real, imaginary = (add_at_places(part, places, shape) for part in (np.real(g), np.imag(g)))
        return np.astype(real + 1j * imaginary, g.dtype)
    _check_adds_at_places(g)
    out = np.zeros(math.prod(shape), g.dtype, like=g)
    np.add.at(out, np.ravel(places), np.ravel(g))
    return np.reshape(out, shape)


_add_at_places: set[type] = set()  # the classes of arrays that were seen to do it


def _check_adds_at_places(g: Any) -> None:
    """TypeError where an array's library cannot add at places."""
    if type(g) in _add_at_places:
        return
    one = np.zeros(1, np.float64, like=g)
    try:
        np.add.at(one, make_alike(np.zeros(1, np.intp), g), one)
    except TypeError:
        raise TypeError(
            f"the gradient of indexing by whole numbers is not there for {type(g).__name__}; use slices"
        ) from None
    _add_at_places.add(type(g))


def _add_at(out: Any, index: Any, g: Any) -> None:
    """np.add.at(out, index, g)."""
    before = 0
    while type(index[before]) is slice and index[before] == slice(None):
        before += 1
    arrays = [part.astype(np.intp) for part in index if isinstance(part, np.ndarray) and part.dtype.kind in "iu"]
    beyond = before + len(arrays)
    if g.size < _FEW or out.ndim == 1 or beyond < len(index) or not out.flags.c_contiguous:
        np.add.at(out, index, g)
        return
    # Rows, as of an embedding, columns, and pairs: NumPy is times faster, and adds in the same order, where each
    # number has its place in a vector.
    outer, fixed, rows = out.shape[:before], out.shape[before:beyond], out.shape[beyond:]
    try:
        places = np.ravel_multi_index([np.where(a < 0, a + n, a) for a, n in zip(arrays, fixed, strict=True)], fixed)
    except ValueError:  # out of bounds, of which NumPy's own way says more
        np.add.at(out, index, g)
        raise
    each = np.ravel(places[..., np.newaxis] * math.prod(rows) + np.arange(math.prod(rows)))
    if outer:
        each = np.ravel(np.arange(math.prod(outer))[:, np.newaxis] * math.prod(fixed + rows) + each)
    np.add.at(out.reshape(-1), each, np.broadcast_to(g, outer + places.shape + rows).reshape(-1))


_FEW = 2000  # numbers that are added as fast by NumPy's own way


def _find_place(out: Any, template: Any, shape: tuple[int, ...]) -> Any:
    """The part of zeros in which g goes, where the index has no arrays; with the dots, one entry is an array, too."""
    if any(isinstance(part, Slot) for part in template):
        return None
    return out[template if any(part is ... for part in template) else (*template, ...)]


def _has_mask(x: Any, *arrays: Any) -> bool:
    return any(a.dtype.kind == "b" for a in arrays)


def _with_examples(
    template: Any, arrays: Sequence[Any], mapped: Sequence[bool], ndim: int, size: int
) -> tuple[Any, list[Any], int, int, int]:
    """An index into each of many examples, which lie along the first axis, as one index.

    ndim: of one example. The result: template, arrays; and what NumPy does with the axes that the index arrays make:
    how many they are, before which axis of one example's result they stand, and before which of the whole's (where -1
    says that the examples' axis is the first of them).
    """
    if not any(isinstance(part, Slot) for part in template):
        return (slice(None), *template), list(arrays), 0, 0, 0
    if any(m and a.dtype.kind == "b" for a, m in zip(arrays, mapped, strict=True)):
        raise TraceError(
            "t[mask] inside tg.vmap, where the mask differs between examples, would have another length for each; "
            "write np.where(mask, t, 0), or multiply by the mask"
        )
    advanced = [i for i, part in enumerate(template) if isinstance(part, (Slot, int, np.integer))]
    together = advanced[-1] - advanced[0] + 1 == len(advanced)
    is_mask = [a.dtype.kind == "b" for a in arrays]
    made = max(1 if b else np.ndim(a) - m for a, b, m in zip(arrays, is_mask, mapped, strict=True))
    used = sum(1 if part is not None and part is not ... else 0 for part in template)
    used += sum(a.ndim - 1 for a, b in zip(arrays, is_mask, strict=True) if b)
    before = sum(ndim - used if part is ... else 1 for part in template[: advanced[0]]) if together else 0
    if not any(mapped):
        return (slice(None), *template), list(arrays), made, before, before + 1 if together else 0
    arrays = [
        np.reshape(a, (a.shape[0], *(1,) * (made - a.ndim + 1), *a.shape[1:])) if m else a
        for a, m in zip(arrays, mapped, strict=True)
    ]
    each = np.reshape(np.arange(size), (size, *(1,) * made))
    return (Slot(len(arrays)), *template), [*arrays, each], made, before, -1


def _get_each(op: Op, xs: Sequence[Any], mapped: Sequence[bool], params: dict[str, Any]) -> Any:
    x, *arrays = xs
    x = x if mapped[0] else np.broadcast_to(x, (_count(xs, mapped), *x.shape))
    template, arrays, made, before, found = _with_examples(
        params["template"], arrays, mapped[1:], x.ndim - 1, x.shape[0]
    )
    y = op.call(x, *arrays, template=template)
    return _move_made(y, made, before, found)


def _count(xs: Sequence[Any], mapped: Sequence[bool]) -> int:
    return next(int(x.shape[0]) for x, m in zip(xs, mapped, strict=True) if m)


def _move_made(y: Any, made: int, before: int, found: int) -> Any:
    """The axes from the index arrays, where one example has them."""
    if found == -1:
        return np.moveaxis(y, range(1, 1 + made), range(1 + before, 1 + before + made)) if before else y
    return np.moveaxis(y, made, 0) if made and found == 0 else y


def _put_each(op: Op, xs: Sequence[Any], mapped: Sequence[bool], params: dict[str, Any]) -> Any:
    g, *arrays = xs
    size = _count(xs, mapped)
    g = g if mapped[0] else np.broadcast_to(g, (size, *g.shape))
    shape = params["shape"]
    template, arrays, made, before, found = _with_examples(params["template"], arrays, mapped[1:], len(shape), size)
    if found == -1:
        g = np.moveaxis(g, range(1 + before, 1 + before + made), range(1, 1 + made)) if before else g
    elif made and found == 0:
        g = np.moveaxis(g, 0, made)
    return op.call(g, *arrays, template=template, shape=(size, *shape))


def _covered_each(op: Op, xs: Sequence[Any], mapped: Sequence[bool], params: dict[str, Any]) -> Any:
    size, shape = _count(xs, mapped), params["shape"]
    template, arrays, *_ = _with_examples(params["template"], xs, mapped, len(shape), size)
    return op.call(*arrays, template=template, shape=(size, *shape))


_EXAMPLES: list[Any] = [
    1,
    -1,
    slice(None, None, -2),
    (slice(1), None, ..., 0),
    [2, 0, 2, -1],
    (1, [0, 2]),
    (slice(None), np.array([[3, 0], [0, 1]]), 1),
    ([0, 2], slice(None), [1, 1]),
    np.arange(24).reshape(3, 4, 2) % 3 == 1,
    (np.array([True, False, True]), 2),
    (np.array([True, False, True]), [1, 1]),
    (..., np.array([0, 1, 0])),
    None,
    (),
]

get: Op = row(
    linear(
        _get,
        lambda g, y, x, *arrays, template: put(g, *arrays, template=template, shape=x.shape),
        operands=None,
        sum_vjps=_put_all,
        selects=True,
        name="getitem",
        batch=_get_each,
        view=True,
        python=_get,
        shape_from_values=_has_mask,
        examples=lambda rng: [
            ((rng.normal(size=(3, 4, 2)), *arrays), {"template": template})
            for template, arrays in map(split_index, _EXAMPLES)
        ],
    )
)
put: Op = row(
    linear(
        _put,
        lambda g, y, x, *arrays, template, shape: get(g, *arrays, template=template),
        operands=None,
        name="put",
        batch=_put_each,
        c="write",
        places=_find_place,
        shape_from_values=_has_mask,
        examples=lambda rng: [
            (
                (rng.normal(size=np.zeros((3, 4, 2))[index].shape), *split_index(index)[1]),
                {"template": split_index(index)[0], "shape": (3, 4, 2)},
            )
            for index in _EXAMPLES
        ],
    )
)
# The sum of many of them, for indices without arrays: one pass over the whole, where a sum takes one for each.
put_parts: Op = row(
    variadic(
        _put_parts,
        lambda g, y, *gs, templates, shape: [get.call(g, template=template) for template in templates],
        joint=True,
        linear_in_all=True,
        batch=_put_parts_each,
        examples=lambda rng: [
            (
                [rng.normal(size=np.zeros((3, 4))[template].shape) for template in templates],
                {"templates": templates, "shape": (3, 4)},
            )
            for templates in [((1,), (-2, slice(1, 3)), (slice(None), 2), (1, 2), (None, ..., slice(None, None, -1)))]
        ],
    )
)


def split_index(index: Any) -> tuple[tuple[Any, ...], list[Any]]:
    """An index as (template, arrays): arrays, Tensors and sequences become operands, the rest is static."""
    arrays: list[Any] = []
    template = []
    for part in index if isinstance(index, tuple) else (index,):
        if isinstance(part, Tensor):
            part = part._current()
        elif not hasattr(part, "__array_function__"):
            if not is_array_like(part):
                template.append(part)
                continue
            part = np.asarray(part) if np.size(part) else np.zeros(np.shape(part), np.intp)
        template.append(Slot(len(arrays)))
        arrays.append(part)
    return tuple(template), arrays


def is_array_like(part: Any) -> bool:
    """Whether NumPy makes an index array of it: a sequence, an object that has an array."""
    return (hasattr(part, "__len__") or hasattr(part, "__array__")) and not isinstance(part, (str, bytes, np.generic))


def getitem(x: Any, index: Any) -> Any:
    """x[index], for integers, slices, None, Ellipsis, integer and boolean arrays, and tuples of them."""
    if type(index) is int or type(index) is slice:  # the common case: 0.5 µs instead of 1.7 µs
        try:
            return record(get, x._array[index], x._flags, (x,), {"template": (index,)})
        except (IndexError, AttributeError):  # is explained below; a Batched has no array
            pass
    template, arrays = split_index(index)
    return get.call(x, *arrays, template=template)


def set_at(x: Any, index: Any, value: Any) -> Any:
    """A copy of x with x[index] = value: what `t[index] = value` is written as.

    x: an array or Tensor of any shape; value broadcasts to x[index]. Gradients flow to x (zero at the index) and to
    value. An entry indexed twice would get one of two values, so integer arrays must not repeat entries (ValueError).

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.set_at(np.zeros(3), 1, 5.0)
    array([0., 5., 0.])
    """
    template, arrays = split_index(index)
    shape = tuple(x.shape)
    inside = covered.call(*arrays, template=template, shape=shape)
    refuse_foreign(value, "set_at: the value")
    if isinstance(value, (int, float, complex)):
        value = make_alike(np.asarray(value, np.result_type(x.dtype, value)), x)
    value = np.broadcast_to(value, get.call(x, *arrays, template=template).shape)
    return np.where(make_alike(inside, x), put.call(value, *arrays, template=template, shape=shape), x)


def _find_covered(*arrays: Any, template: Any, shape: tuple[int, ...]) -> Any:
    """Where in an array of that shape the index points; ValueError if it points anywhere twice."""
    places = make_alike(np.arange(math.prod(shape)), *arrays)
    places = np.ravel(np.reshape(places, shape)[fill_template(template, arrays)])
    times = np.reshape(np.bincount(places, minlength=math.prod(shape)), shape)
    if np.any(times > 1):
        raise ValueError("set_at: the index names an entry twice, so which value it gets is not defined")
    return times > 0


covered = row(constant(_find_covered, operands=None, name="covered", batch=_covered_each))

# -- along one axis --------------------------------------------------------------------------------------------------


def _put_along(g: Any, indices: Any, axis: int, n: int) -> Any:
    """Zeros with n places along the axis, g added in where the indices say, as np.take_along_axis reads."""
    g = np.moveaxis(g, axis, -1)
    indices = np.broadcast_to(np.moveaxis(indices, axis, -1), g.shape)
    lines = math.prod(g.shape[:-1])
    # Numbered through, because np.add.at is ten times faster with one index array than with several.
    numbers = n * np.arange(lines)[:, None]
    if is_foreign(g):  # CuPy starts again from 0 where an index is too large
        places = np.reshape(np.remainder(indices, n), (lines, g.shape[-1])) + make_alike(numbers, g)
        return np.moveaxis(add_at_places(g, places, (*g.shape[:-1], n)), -1, axis)
    places = np.where(indices < 0, indices + n, indices).reshape(lines, g.shape[-1]) + numbers
    out = np.zeros(lines * n, g.dtype)
    np.add.at(out, places.ravel(), g.ravel())
    return np.moveaxis(out.reshape(*g.shape[:-1], n), -1, axis)


def _take_along_vjp(g: Array, y: Array, x: Array, indices: Array, axis: int | None = -1) -> Array:
    if axis is None:
        return np.reshape(put_along(g, indices, axis=0, n=x.size), x.shape)
    return put_along(g, indices, axis=axis, n=x.shape[axis])


def _take_along_each(op: Op, xs: Sequence[Any], mapped: Sequence[bool], params: dict[str, Any]) -> Any:
    x, indices = all_mapped(xs, mapped)
    axis = params.get("axis", -1)
    if axis is None:
        return op.call(np.reshape(x, (x.shape[0], -1)), indices, axis=1)
    return op.call(x, indices, axis=shift(axis, x.ndim - 1))


def _put_along_each(op: Op, xs: Sequence[Any], mapped: Sequence[bool], params: dict[str, Any]) -> Any:
    g, indices = all_mapped(xs, mapped)
    return op.call(g, indices, axis=shift(params["axis"], g.ndim - 1), n=params["n"])


take_along = row(
    linear(
        np.take_along_axis,
        _take_along_vjp,
        operands=2,
        batch=_take_along_each,
        selects=True,
        examples=lambda rng: [
            ((rng.normal(size=(3, 4)), rng.integers(-3, 3, (5, 4))), {"axis": 0}),
            ((rng.normal(size=(3, 4)), rng.integers(0, 4, (1, 2))), {"axis": -1}),
            ((rng.normal(size=(1, 4)), rng.integers(0, 4, (2, 3))), {"axis": 1}),
            ((rng.normal(size=(3, 4)), rng.integers(0, 12, 5)), {"axis": None}),
        ],
    )
)
put_along = row(
    linear(
        _put_along,
        lambda g, y, x, indices, axis, n: np.take_along_axis(g, indices, axis),
        operands=2,
        batch=_put_along_each,
        examples=lambda rng: [((rng.normal(size=(5, 4)), rng.integers(0, 3, (5, 4))), {"axis": 0, "n": 3})],
    )
)


def _places(indices: Any, n: int, mode: str) -> Any:
    """Indices along an axis of n places, according to mode, all of them at least 0; IndexError beyond the axis."""
    if mode == "wrap":
        return np.remainder(indices, n)
    if mode == "clip":
        return np.clip(indices, 0, n - 1)
    if np.any((indices < 0) | (indices >= n)):
        raise IndexError(f"the numbers of the choices lie in {np.min(indices)}..{np.max(indices)}, outside 0..{n - 1}")
    return indices


places = row(constant(_places, batch=elementwise))
_MODES = ("raise", "wrap", "clip")


@implements(
    np.take,
    examples=lambda rng: [
        ((rng.normal(size=(2, 3, 4)), rng.integers(-2, 2, shape)), keywords)
        for shape, keywords in (
            ((5,), {}),
            ((), {"axis": 1}),
            ((2, 2), {"axis": -1}),
            ((3,), {"axis": 0, "mode": "clip"}),
            ((7,), {"axis": 1, "mode": "wrap"}),
        )
    ],
)
def take(a: Any, indices: Any, axis: int | None = None, *, mode: str = "raise") -> Any:
    if mode not in _MODES:
        raise ValueError(f"take: mode={mode!r}; it is 'raise', 'wrap' or 'clip'")
    if axis is None:
        a, axis = np.ravel(a), 0
    elif not a.ndim:  # NumPy takes a number for an array of one
        a = np.reshape(a, (1,))
    axis = positive_axis(axis, a.ndim)
    if not isinstance(indices, Tensor) and find_foreign(indices) is None:
        indices = np.asarray(indices, None if np.size(indices) else np.intp)
    if indices.dtype.kind == "b":  # 0 and 1 to NumPy, not a mask
        indices = np.astype(indices, np.intp)
    if mode != "raise":
        indices = places.call(indices, n=a.shape[axis], mode=mode)
    return getitem(a, (slice(None),) * axis + (indices,))


@implements(
    np.compress,
    examples=lambda rng: [(([True, False, True], rng.normal(size=(2, 4))), {"axis": axis}) for axis in (None, 1)],
)
def compress(condition: Any, a: Any, axis: int | None = None) -> Any:
    if np.ndim(condition) != 1:
        raise ValueError(f"compress: condition has {np.ndim(condition)} dimensions, it needs one")
    return np.take(a, flatnonzero.call(condition), axis)


@implements(np.extract, examples=lambda rng: [((np.arange(6).reshape(2, 3) % 4 == 1, rng.normal(size=(2, 3))), {})])
def extract(condition: Any, arr: Any) -> Any:
    return np.take(arr, flatnonzero.call(condition))


# -- choosing between arrays -----------------------------------------------------------------------------------------

where = row(
    custom_vjp(
        np.where,
        None,
        lambda g, y, c, a, b: np.where(c, g, 0),
        lambda g, y, c, a, b: np.where(c, 0, g),
        batch=elementwise,
        selects=True,
        signs=(0, 1, 1),
        fresh=True,
        range=lambda c, a, b: intervals.union(a, b),
        examples=lambda rng: [
            ((rng.normal(size=shape) > 0, rng.normal(size=(2, 3)), rng.normal(size=3)), {})
            for shape in ((2, 1), (3,), ())
        ],
        c="{0} ? {1} : {2}",
        c_kinds="fib",
    )
)
handlers[np.where] = lambda *operands: where.call(*operands) if len(operands) != 1 else nonzero(*operands)


@implements(
    np.choose,
    examples=lambda rng: [
        ((rng.integers(0, 2, (3, 1)), [rng.normal(size=(3, 4)), rng.normal(size=4)]), {}),
        ((rng.integers(-3, 7, 4), [rng.normal(size=4), rng.normal(size=())]), {"mode": "wrap"}),
        ((rng.integers(-3, 7, 4), [rng.normal(size=4), rng.normal(size=4)]), {"mode": "clip"}),
    ],
)
def choose(a: Any, choices: Any, *, mode: str = "raise") -> Any:
    """Each entry from the choice that a names there."""
    if mode not in _MODES:
        raise ValueError(f"choose: mode={mode!r}; it is 'raise', 'wrap' or 'clip'")
    a, *alternatives = np.broadcast_arrays(a, *number_arrays(choices))
    if a.dtype.kind == "b":
        a = np.astype(a, np.intp)
    number = places.call(a, n=len(alternatives), mode=mode)
    return np.take_along_axis(np.stack(alternatives), np.expand_dims(number, 0), 0)[0]


@implements(
    np.select,
    examples=lambda rng: [
        (([x < -0.5, x < 0.5], [rng.normal(size=(2, 3)), rng.normal(size=3)]), {"default": 1.5})
        for x in rng.normal(size=(1, 2, 3))
    ],
)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """The first choice whose condition holds."""
    if len(condlist) != len(choicelist) or not len(condlist):
        raise ValueError(f"select: {len(condlist)} conditions, but {len(choicelist)} choices; give one for each")
    result, choices = default, number_arrays(choicelist, default)
    for condition, choice in zip(reversed(list(map(as_array, condlist))), reversed(choices), strict=True):
        if condition.dtype.kind != "b":
            raise TypeError(f"select: a condition is {condition.dtype}; conditions are arrays of booleans")
        result = np.where(condition, choice, result)
    return result


def _square(x: Any) -> Any:
    return x * x


@implements(
    np.piecewise,
    examples=lambda rng: [
        ((x, [x < 0, x > 1], [np.sin, _square, 2.0]), {}) for x in (rng.normal(size=(2, 3)), rng.normal(size=5))
    ],
)
def piecewise(x: Any, condlist: Any, funclist: Any, *args: Any, **kw: Any) -> Any:
    """Each function on the entries where its condition holds, the last one, if there is one more, on the others."""
    if not isinstance(condlist, (list, tuple)) and np.ndim(condlist) == 0 or (x.ndim and np.ndim(condlist[0]) == 0):
        condlist = [condlist]
    condlist = [c if c.dtype.kind == "b" else np.not_equal(c, 0) for c in map(as_array, condlist)]
    if len(funclist) - len(condlist) not in (0, 1):
        raise ValueError(
            f"piecewise: {len(condlist)} conditions go with as many functions or one more, not {len(funclist)}"
        )
    if len(funclist) > len(condlist):
        covered_so_far = condlist[0]
        for condition in condlist[1:]:
            covered_so_far = np.logical_or(covered_so_far, condition)
        condlist = [*condlist, np.logical_not(covered_so_far)]
    total: Any = make_alike(np.zeros(x.shape, x.dtype), x)
    for i, (condition, function) in enumerate(zip(condlist, funclist, strict=True)):
        for later in condlist[i + 1 :]:  # the last condition that holds counts
            condition = np.logical_and(condition, np.logical_not(later))
        part = x[condition]
        value = function(part, *args, **kw) if callable(function) else function
        value = np.broadcast_to(value if hasattr(value, "dtype") else make_alike(np.asarray(value), x), part.shape)
        value = value if value.dtype == x.dtype else np.astype(value, x.dtype)
        template, arrays = split_index(condition)
        total = total + put.call(value, *arrays, template=template, shape=tuple(x.shape))
    return total


# -- where something holds: integers ---------------------------------------------------------------------------------

flatnonzero = row(constant(np.flatnonzero, shape_from_values=True))
argwhere = row(constant(np.argwhere, shape_from_values=True))


@without_gradient(np.nonzero)
def nonzero(a: Any) -> Any:
    """One array of indices for each axis."""
    if a.ndim == 0:
        raise ValueError("nonzero: a 0-d Tensor has no indices; use np.atleast_1d(t)")
    found = argwhere.call(a)
    return tuple(found[:, i] for i in range(a.ndim))


def _open_mesh(*args: Any, which: int) -> Any:
    return np.ix_(*args)[which]


open_mesh = row(constant(_open_mesh, operands=None))


@without_gradient(np.ix_)
def ix_(*args: Any) -> Any:
    for arg in args:
        if type(arg) is Tensor and arg.dtype.kind not in "biu":
            raise TypeError(f"ix_: an index of {arg.dtype}; it must be of whole numbers, or a mask")
    return tuple(open_mesh.call(*args, which=i) for i in range(len(args)))


unravel = row(
    constant(
        lambda indices, shape, order="C": np.stack(np.unravel_index(indices, shape, order)),
        name="unravel",
        examples=with_keywords(
            *({"shape": (4, 2, 3), **order} for order in ({}, {"order": "F"})),
            *({"shape": (2, 3, 4), **order} for order in ({}, {"order": "F"})),
            draw=whole,
        ),
    )
)


@without_gradient(np.unravel_index)
def unravel_index(indices: Any, shape: Any, order: str = "C") -> Any:
    return tuple(unravel.call(indices, shape=shape, order=order))


ravel_multi = row(
    constant(
        lambda multi, dims, mode="raise", order="C": np.ravel_multi_index(tuple(multi), dims, mode, order),
        name="ravel_multi",
    )
)


@without_gradient(np.ravel_multi_index)
def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: str = "C") -> Any:
    return ravel_multi.call(np.stack(multi_index), dims=dims, mode=mode, order=order)
