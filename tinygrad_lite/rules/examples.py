"""Examples for rows that take one array of any shape: an array of each shape, with each choice of keywords."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..op import Examples

Shape = tuple[int, ...]
Keywords = dict[str, Any]

WITH_AXES: tuple[Shape, ...] = ((3,), (2, 3), (3, 3), (1, 3), (2, 1), (2, 3, 4), (3, 1, 2))
SHAPES: tuple[Shape, ...] = (*WITH_AXES, ())


def distinct(rng: np.random.Generator, shape: Shape) -> Any:
    """Numbers between -2 and 2, in random order: no two are close to one another, and none to 0."""
    size = int(np.prod(shape, dtype=int))
    spacing = 4 / (size + 1)
    array = spacing * (rng.permutation(size) + 1 + rng.uniform(-0.25, 0.25, size)) - 2
    return np.where(np.abs(array) < spacing / 4, np.copysign(spacing / 4, array), array).reshape(shape)


def whole(rng: np.random.Generator, shape: Shape) -> Any:
    """Whole numbers from 1 to 6."""
    return rng.integers(1, 7, shape)


def for_each_shape(
    keywords: Callable[[Shape], Sequence[Keywords]], shapes: Sequence[Shape] = SHAPES, draw: Any = distinct
) -> Examples:
    """Calls with an array of each shape and each of the keywords for that shape, the simplest first."""

    def examples(rng: np.random.Generator) -> list[tuple[list[Any], Keywords]]:
        found = [([draw(rng, shape)], chosen) for shape in shapes for chosen in keywords(shape)]
        return sorted(found, key=lambda call: len(call[1]))

    return examples


def with_keywords(*keywords: Keywords, shapes: Sequence[Shape] = SHAPES, draw: Any = distinct) -> Examples:
    """Calls with an array of each shape and each of these keywords."""
    return for_each_shape(lambda shape: keywords, shapes, draw)


def over_axes(
    several: bool = False, keepdims: bool = False, shapes: Sequence[Shape] = SHAPES, draw: Any = distinct
) -> Examples:
    """Calls with an array of each shape and each axis= that it has; several: two axes at once, too."""

    def choices(shape: Shape) -> list[Keywords]:
        axes = [{}, *({"axis": axis} for axis in every_axis(shape, several))]
        return axes + [{**axis, "keepdims": True} for axis in axes if keepdims]

    return for_each_shape(choices, shapes, draw)


def every_axis(shape: Shape, several: bool = False) -> list[Any]:
    """Every axis= worth trying on an array of this shape: NumPy takes 0 and -1 for a number, too."""
    axes: list[Any] = [None, -1, *range(min(max(len(shape), 1), 2))]
    return [*axes, tuple(range(len(shape)))[-2:]] if several else axes


def kth_along_axes(shape: Shape) -> list[Keywords]:
    """kth=1 along every axis that is long enough."""
    axes = [axis for axis in every_axis(shape) if (np.prod(shape) if axis is None else shape[axis]) > 1]
    default: list[Keywords] = [{"kth": 1}] if shape[-1] > 1 else []
    return [*default, *({"kth": 1, "axis": axis} for axis in axes)]
