"""Joining arrays, and taking them apart again; adding entries, and leaving some out."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..alike import make_alike
from ..axes import positive_axis
from ..batching import all_mapped, shift
from ..op import Array, variadic
from ..table import implements, row
from ..tensor import Tensor
from .shaping import as_array, as_dtype

# -- joining ---------------------------------------------------------------------------------------------------------


def _concatenate(*arrays: Any, axis: int = 0) -> Any:
    return np.concatenate(arrays, axis)


def _concatenate_vjp(g: Array, y: Array, *arrays: Array, axis: int = 0) -> list[Array]:
    """Each array receives its part of g."""
    axis %= y.ndim
    before, start, parts = (slice(None),) * axis, 0, []
    for a in arrays:
        end = start + np.shape(a)[axis]
        parts.append(g[(*before, slice(start, end))])
        start = end
    return parts


def _stack(*arrays: Any, axis: int = 0) -> Any:
    return np.stack(arrays, axis)


def _stack_vjp(g: Array, y: Array, *arrays: Array, axis: int = 0) -> list[Array]:
    before = (slice(None),) * positive_axis(axis, y.ndim)
    return [g[(*before, i)] for i in range(len(arrays))]


def _rectangles(rng: np.random.Generator) -> Any:
    return [
        ((rng.normal(size=(2, 3)), rng.normal(size=(1, 3)), rng.normal(size=(4, 3))), {}),
        ((rng.normal(size=(2, 1)), rng.normal(size=(2, 3))), {"axis": -1}),
    ]


def _alike(rng: np.random.Generator) -> Any:
    return [((rng.normal(size=(2, 3)), rng.normal(size=(2, 3))), {"axis": axis}) for axis in (0, 1, -1)]


def _list_operands(examples: Callable[[np.random.Generator], Any]) -> Callable[[np.random.Generator], Any]:
    """The same examples for a function that takes its arrays in a list."""
    return lambda rng: [(([*operands],), keywords) for operands, keywords in examples(rng)]


def _sequences(*shapes: Sequence[tuple[int, ...]]) -> Callable[[np.random.Generator], Any]:
    """Calls with lists of arrays of these shapes."""
    return lambda rng: [(([rng.normal(size=shape) for shape in some],), {}) for some in shapes]


def _concatenate_each(op: Any, xs: Sequence[Any], mapped: Sequence[bool], params: dict[str, Any]) -> Any:
    xs = all_mapped(xs, mapped)
    return op.call(*xs, axis=shift(params.get("axis", 0), xs[0].ndim - 1))


def _stack_each(op: Any, xs: Sequence[Any], mapped: Sequence[bool], params: dict[str, Any]) -> Any:
    xs = all_mapped(xs, mapped)
    return op.call(*xs, axis=shift(params.get("axis", 0), xs[0].ndim))


concatenate_ = row(
    variadic(
        _concatenate, _concatenate_vjp, batch=_concatenate_each, joint=True, linear_in_all=True, examples=_rectangles
    )
)
stack_ = row(variadic(_stack, _stack_vjp, batch=_stack_each, joint=True, linear_in_all=True, examples=_alike))


def in_dtype(arrays: Any, dtype: Any, casting: str) -> Any:
    """Arrays that are to be joined, in the dtype that was asked for."""
    if dtype is None:
        return arrays
    arrays = [as_array(a) for a in arrays]
    for a in arrays:
        if not np.can_cast(a.dtype, dtype, casting):  # type: ignore[arg-type]
            raise TypeError(
                f"an array of dtype {a.dtype} cannot be joined as {np.dtype(dtype)} with casting={casting!r}"
            )
    return [as_dtype(a, np.dtype(dtype)) for a in arrays]


@implements(np.concatenate, np.concat, examples=_list_operands(_rectangles))
def concatenate(
    arrays: Sequence[Any], /, axis: int | None = 0, *, dtype: Any = None, casting: str = "same_kind"
) -> Any:
    arrays = in_dtype(arrays, dtype, casting)
    if axis is None:
        return concatenate_.call(*(np.ravel(a) for a in arrays), axis=0)
    return concatenate_.call(*arrays, axis=axis)


@implements(np.stack, examples=_list_operands(_alike))
def stack(arrays: Sequence[Any], axis: int = 0, *, dtype: Any = None, casting: str = "same_kind") -> Any:
    return stack_.call(*in_dtype(arrays, dtype, casting), axis=axis)


@implements(np.hstack, examples=_sequences([(2,), (3,)], [(2, 1), (2, 3)], [(), (2,)]))
def hstack(tup: Sequence[Any], *, dtype: Any = None, casting: str = "same_kind") -> Any:
    arrays = in_dtype([np.atleast_1d(a) for a in tup], dtype, casting)
    return np.concatenate(arrays, 0 if arrays[0].ndim == 1 else 1)


@implements(np.vstack, examples=_sequences([(3,), (2, 3)], [(), (1,)]))
def vstack(tup: Sequence[Any], *, dtype: Any = None, casting: str = "same_kind") -> Any:
    return np.concatenate(in_dtype([np.atleast_2d(a) for a in tup], dtype, casting), 0)


@implements(np.dstack, examples=_sequences([(3,), (1, 3, 2)], [(2, 3), (2, 3)]))
def dstack(tup: Sequence[Any]) -> Any:
    return np.concatenate([np.atleast_3d(a) for a in tup], 2)


@implements(np.column_stack, examples=_sequences([(3,), (3, 2)]))
def column_stack(tup: Sequence[Any]) -> Any:
    return np.concatenate([a if np.ndim(a) >= 2 else np.reshape(a, (-1, 1)) for a in tup], 1)


@implements(
    np.block,
    examples=lambda rng: [
        (([[rng.normal(size=(2, 2)), rng.normal(size=(2, 1))], [rng.normal(size=(1, 3))]],), {}),
        (([rng.normal(size=2), 1.5, rng.normal(size=(2, 3))[0]],), {}),
    ],
)
def block(arrays: Any) -> Any:
    """Nested lists of blocks: the innermost lists are joined along the last axis, the next along the one before."""
    depth = _depth(arrays)
    return _block(arrays, depth, max(depth, _largest_ndim(arrays)))


def _depth(arrays: Any) -> int:
    return 1 + max(map(_depth, arrays), default=0) if isinstance(arrays, list) else 0


def _largest_ndim(arrays: Any) -> int:
    return max(map(_largest_ndim, arrays)) if isinstance(arrays, list) else np.ndim(arrays)


def _block(arrays: Any, depth: int, ndim: int) -> Any:
    if depth == 0:
        if isinstance(arrays, list):
            raise ValueError("block: the lists are not nested equally deep")
        return np.reshape(arrays, (1,) * (ndim - np.ndim(arrays)) + np.shape(arrays))
    if not isinstance(arrays, list) or not arrays:
        raise ValueError("block: the lists are not nested equally deep, or one is empty")
    return np.concatenate([_block(part, depth - 1, ndim) for part in arrays], -depth)


@implements(
    np.append,
    examples=lambda rng: [
        ((rng.normal(size=(2, 3)), rng.normal(size=4)), {}),
        ((rng.normal(size=(2, 3)), rng.normal(size=(2, 1))), {"axis": -1}),
    ],
)
def append(arr: Any, values: Any, axis: int | None = None) -> Any:
    return np.concatenate((arr, values) if axis is not None else (np.ravel(arr), np.ravel(values)), axis or 0)


# -- taking apart ----------------------------------------------------------------------------------------------------


def _parts_examples(*choices: tuple[Any, int]) -> Callable[[np.random.Generator], Any]:
    return lambda rng: [
        ((rng.normal(size=(4, 6, 2)),), {"indices_or_sections": parts, "axis": axis}) for parts, axis in choices
    ]


@implements(np.array_split, examples=_parts_examples((3, 0), ((1, 4), 1), (5, -2)))
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    axis = positive_axis(axis, ary.ndim)
    n = ary.shape[axis]
    if np.ndim(indices_or_sections):
        ends = [0, *map(operator.index, indices_or_sections), n]
    else:
        sections = int(indices_or_sections)
        if sections <= 0:
            raise ValueError(f"array_split: {sections} sections; there must be at least one")
        each, extra = divmod(n, sections)
        ends = [i * each + min(i, extra) for i in range(sections + 1)]
    return [ary[(slice(None),) * axis + (slice(a, b),)] for a, b in zip(ends, ends[1:], strict=False)]


@implements(np.split, examples=_parts_examples((2, 0), ((1, 4), 1)))
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> Any:
    if not np.ndim(indices_or_sections) and ary.shape[axis] % int(indices_or_sections):
        raise ValueError(
            f"split: {ary.shape[axis]} places along axis {axis} do not make {indices_or_sections} equal parts; "
            "np.array_split makes unequal ones"
        )
    return array_split(ary, indices_or_sections, axis)


def _sections(rng: np.random.Generator) -> Any:
    return [((rng.normal(size=(4, 6, 2)),), {"indices_or_sections": parts}) for parts in (2, (1,))]


@implements(np.hsplit, examples=_sections)
def hsplit(ary: Any, indices_or_sections: Any) -> Any:
    return split(ary, indices_or_sections, 0 if ary.ndim == 1 else 1)


@implements(np.vsplit, examples=_sections)
def vsplit(ary: Any, indices_or_sections: Any) -> Any:
    if ary.ndim < 2:
        raise ValueError(f"vsplit: the array has {ary.ndim} dimensions, it needs two")
    return split(ary, indices_or_sections, 0)


@implements(np.dsplit, examples=_sections)
def dsplit(ary: Any, indices_or_sections: Any) -> Any:
    if ary.ndim < 3:
        raise ValueError(f"dsplit: the array has {ary.ndim} dimensions, it needs three")
    return split(ary, indices_or_sections, 2)


@implements(np.unstack, examples=lambda rng: [((rng.normal(size=(2, 3)),), {"axis": a}) for a in (0, 1)])
def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    axis = positive_axis(axis, x.ndim)
    return tuple(x[(slice(None),) * axis + (i,)] for i in range(x.shape[axis]))


# -- entries left out, entries put in --------------------------------------------------------------------------------


def _static(index: Any, how: str) -> Any:
    return index._read(how) if isinstance(index, Tensor) else index


@implements(
    np.delete,
    examples=lambda rng: [
        ((rng.normal(size=(2, 4)),), {"obj": obj, "axis": axis})
        for obj, axis in ((1, 0), (-1, 1), (slice(0, 3, 2), 1), ([0, 2, 2], 1), (5, None))
    ],
)
def delete(arr: Any, obj: Any, axis: int | None = None) -> Any:
    if axis is None:
        arr, axis = np.ravel(arr), 0
    return np.take(arr, np.delete(np.arange(arr.shape[axis]), _static(obj, "np.delete(…, obj=t)")), axis)


@implements(
    np.insert,
    examples=lambda rng: [
        ((rng.normal(size=(2, 3)), 1, rng.normal(size=2)), {"axis": 1}),
        ((rng.normal(size=(2, 3)), 1, 0.5), {}),
        ((rng.normal(size=(2, 3)), [0, 2], rng.normal(size=(2, 2))), {"axis": 1}),
        ((rng.normal(size=(2, 3)), [2, 0, 0], rng.normal(size=3)), {"axis": 0}),
        ((rng.normal(size=(2, 3)), slice(0, 2), rng.normal(size=(2, 1))), {"axis": 0}),
    ],
)
def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> Any:
    """Both arrays joined, then taken in the order in which np.insert arranges their numbers."""
    arr, values = as_array(arr), make_alike(as_array(values), arr)
    if axis is None:
        arr, axis = np.ravel(arr), 0
    axis = positive_axis(axis, arr.ndim)
    obj = _static(obj, "np.insert(…, obj=t)")
    n = arr.shape[axis]
    values = np.reshape(values, (1,) * (arr.ndim - np.ndim(values)) + np.shape(values))
    if np.ndim(obj) == 0 and not isinstance(obj, slice):
        values = np.moveaxis(values, 0, axis)  # a[:, 1] = values, not a[:, [1]] = values
        count = values.shape[axis]
    else:
        count = np.insert(np.arange(n), obj, -1).size - n
    shape = (*arr.shape[:axis], count, *arr.shape[axis + 1 :])
    order = np.insert(np.arange(n), obj, n + np.arange(count))
    return np.take(np.concatenate((arr, as_dtype(np.broadcast_to(values, shape), arr.dtype)), axis), order, axis)


@implements(np.trim_zeros, examples=lambda rng: [((rng.uniform(1, 2, 3),), {"trim": "b"})])
def trim_zeros(filt: Any, trim: str = "fb") -> Any:
    """The entries between the first and the last that are not 0; the numbers are read to find these."""
    if filt.ndim != 1:
        raise TypeError(f"trim_zeros of a Tensor takes one dimension, not {filt.ndim}; slice it instead")
    kept = np.flatnonzero(filt._read("np.trim_zeros(t)"))
    if not kept.size:
        return filt[:0]
    return filt[int(kept[0]) if "f" in trim.lower() else 0 : int(kept[-1]) + 1 if "b" in trim.lower() else None]
