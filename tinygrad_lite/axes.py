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
