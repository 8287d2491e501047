"""Arrays that are put together from values written into them, entry by entry: what buffers are read by."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..batching import elementwise
from ..op import Array, Op, linear, variadic
from ..pulling import hand_on
from ..table import row
from .indexing import put, split_index

Piece = tuple[Any, Any]
"""(index, source): what is done with a value. With source None, result[index] = value; else both are numbered through,
result.flat[index] = value.flat[source], and source is ... if that is all of it."""


def _assemble(base: Any, *values: Any, pieces: Sequence[Piece], shape: tuple[int, ...], dtype: Any) -> Any:
    """An array that starts as base, with every value written into its place."""
    result = np.empty(shape, dtype)
    result[...] = base
    flat = result.reshape(-1)
    for value, (index, source) in zip(values, pieces, strict=True):
        if source is None:
            result[index] = value
        else:
            flat[index] = np.reshape(value, -1)[source]
    return result


def _assemble_vjp(
    g: Array, y: Array, base: Any, *values: Array, pieces: Any, shape: Any, dtype: Any, selected: bool = False
) -> list[Any]:
    """Each value receives what lies in its place."""
    flat = np.reshape(g, (-1,)) if any(source is not None for _, source in pieces) else None
    parts: list[Any] = [_assemble_base_vjp(g, values, pieces, shape) if np.ndim(base) else None]
    for value, (index, source) in zip(values, pieces, strict=True):
        if source is None:
            parts.append(g[index])
        elif source is ...:
            parts.append(np.reshape(flat[index], value.shape))  # type: ignore[index]
        else:
            template, arrays = split_index(source)
            part = put.call(flat[index], *arrays, template=template, shape=(int(np.prod(value.shape)),))  # type: ignore[index]
            parts.append(np.reshape(part, value.shape))
    return parts


def _assemble_base_vjp(g: Array, values: Any, pieces: Any, shape: Any) -> Array:
    """What is left of g where nothing was written."""
    nothing = [np.zeros(value.shape, bool) for value in values]
    return np.where(_assemble(True, *nothing, pieces=pieces, shape=shape, dtype=bool), g, 0)


def _assemble_examples(rng: np.random.Generator) -> Any:
    rows = {"pieces": ((0, None), ((2, slice(1, None)), None)), "shape": (3, 4), "dtype": np.dtype(float)}
    entries = {
        "pieces": ((slice(1, 5, 2), slice(0, 2)), (np.array([4, 0]), np.array([1, 4]))),
        "dtype": np.dtype(float),
    }
    return [
        ((rng.normal(size=(3, 4)), rng.normal(size=4), rng.normal(size=3)), rows),
        ((0, rng.normal(size=(3, 2)), rng.normal(size=(2, 3))), {**entries, "shape": (5,)}),
    ]


_FORM: dict[str, Any] = {"joint": True, "linear_in_all": True, "examples": _assemble_examples}
assemble = row(variadic(_assemble, _assemble_vjp, **_FORM))
# The same, where values have entries that are left out.
assemble_parts = row(variadic(_assemble, _assemble_vjp, name="assemble_parts", selects=True, **_FORM))


def _as_written(x: Any) -> Any:
    return np.asarray(x) if type(x) is float else x


# Between a value and what is read of it again: a gradient with respect to what was read is not one of all the value's.
written = linear(_as_written, hand_on, name="written", batch=elementwise, alias=True)


@functools.cache
def unstack(n: int) -> Op:
    """The op that takes n rows apart. Their gradients come back in one piece; each row alone would fill a whole."""
    return linear(_rows_of, lambda g, y, x: np.stack(g), name="unstack", outputs=n, selects=True, batch=_unstack_each)


def _unstack_each(op: Op, xs: Any, mapped: Any, params: Any) -> Any:
    return op.call(np.moveaxis(xs[0], 1, 0))


def _rows_of(x: Any) -> tuple[Any, ...]:
    return tuple(x)
