"""Axes as NumPy lets people write them, one or several, counted from either end; and as programs want them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def positive_axes(axes: Any, ndim: int) -> tuple[int, ...]:
    """Axes counted from the front, given one or several counted from either end; AxisError where there is none.

    >>> positive_axes(-1, 3), positive_axes((0, -2), 3)
    ((2,), (0, 1))
    """
    several = (axes,) if hasattr(axes, "__index__") and not np.ndim(axes) else tuple(axes)
    for i in several:
        if not -ndim <= i < ndim:
            raise np.exceptions.AxisError(i, ndim)
    return tuple(int(i) % ndim for i in several)


def positive_axis(axis: Any, ndim: int) -> int:
    """The same for one axis."""
    return positive_axes(axis.__index__(), ndim)[0]


def reduced_axes(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes that a reduction goes over: all for None, and none of a number, which NumPy sums over axis 0."""
    if axis is None or ndim == 0:
        return tuple(range(ndim))
    return positive_axes(axis, ndim)


def reduced_shape(shape: tuple[int, ...], axis: Any, keepdims: bool) -> tuple[int, ...]:
    """The shape that a reduction leaves.

    >>> reduced_shape((2, 3), 0, False), reduced_shape((2, 3), None, True)
    ((3,), (1, 1))
    """
    axes = reduced_axes(axis, len(shape))
    if keepdims:
        return tuple(1 if i in axes else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in axes)


def reduced_size(shape: tuple[int, ...], axis: Any) -> int:
    """How many entries make one entry of the reduced array."""
    return math.prod(shape[i] for i in reduced_axes(axis, len(shape)))


def broadcast_shapes(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of operands of these shapes together, with any number of axes, where np.broadcast_shapes stops at 32.

    >>> broadcast_shapes((2, 1), (3,), ())
    (2, 3)
    """
    ndim = max(map(len, shapes), default=0)
    result = []
    for sizes in zip(*((1,) * (ndim - len(shape)) + tuple(shape) for shape in shapes), strict=True):
        wide = {n for n in sizes if n != 1}
        if len(wide) > 1:
            raise ValueError(f"shapes {', '.join(map(str, shapes))} cannot be broadcast together")
        result.append(wide.pop() if wide else 1)
    return tuple(result)
