"""numpy.lib.stride_tricks.sliding_window_view: every window of an array, of which a convolution is one product.

The windows are a view: nothing is copied but by the product that reads them. (as_strided does not ask a Tensor, and so
cannot have a rule.)
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..axes import positive_axis
from ..op import Op, linear
from ..table import implements, row

_BLOCK = 1 << 16  # entries of the sum that are added to at a time: they stay in the second cache


def _windows(x: Any, window: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    return sliding_window_view(x, window, axes)


def _sum_windows(g: Any, window: tuple[int, ...], axes: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """The transpose: every entry is the sum of where it stands in the windows. A sum for each place in the window, or
    for each window, whichever are fewer."""
    out = np.zeros(shape, g.dtype)
    ndim = len(shape)
    if not g.size:
        return out
    by_place = int(np.prod(window)) <= int(np.prod([g.shape[a] for a in axes]))
    sizes = window if by_place else tuple(g.shape[a] for a in axes)
    step = max(1, _BLOCK * len(g) // out.size) if 0 not in axes else len(g)
    for start in range(0, len(g), step):
        block = slice(start, start + step)
        for place in itertools.product(*map(range, sizes)):
            target: list[Any] = [slice(None)] * ndim
            source: list[Any] = [slice(None)] * g.ndim
            if 0 not in axes:
                target[0] = source[0] = block
            for k, (axis, i) in enumerate(zip(axes, place, strict=True)):
                if by_place:
                    target[axis], source[ndim + k] = slice(i, i + g.shape[axis]), i
                else:
                    target[axis], source[axis] = slice(i, i + window[k]), i
            part = g[tuple(source)]
            if not by_place:  # the window's axes stand last; where they belong is in the middle
                part = np.moveaxis(part, range(part.ndim - len(axes), part.ndim), axes)
            place_in_out = out[tuple(target)]
            np.add(place_in_out, part, place_in_out)  # (out[…] += part would copy the sum onto itself, too)
    return out


def _examples(rng: np.random.Generator) -> Any:
    x = rng.normal(size=(3, 5, 4))
    choices = [((2,), (1,)), ((4,), (1,)), ((2, 3), (0, 2)), ((3, 2), (2, 1)), ((1, 5, 2), (0, 1, 2))]
    return [((x,), {"window": window, "axes": axes}) for window, axes in choices]


def _summing_examples(rng: np.random.Generator) -> Any:
    return [
        ((rng.normal(size=_windows(x, **keywords).shape),), {**keywords, "shape": x.shape})
        for (x,), keywords in _examples(rng)
    ]


windows: Op = row(
    linear(
        _windows,
        lambda g, y, x, window, axes: sum_windows(g, window=window, axes=axes, shape=x.shape),
        view=True,
        examples=_examples,
    )
)
sum_windows: Op = row(
    linear(
        _sum_windows,
        lambda g, y, x, window, axes, shape: windows(g, window=window, axes=axes),
        examples=_summing_examples,
    )
)


@implements(
    sliding_window_view,
    examples=lambda rng: [
        ((rng.normal(size=(3, 5)),), {"window_shape": (2, 3)}),
        ((rng.normal(size=6),), {"window_shape": 4}),
        ((rng.normal(size=(2, 5, 4)),), {"window_shape": (3, 2), "axis": (1, -1)}),
        ((rng.normal(size=(2, 7)),), {"window_shape": (3, 2), "axis": (1, 1)}),
    ],
)
def sliding_windows(x: Any, window_shape: Any, axis: Any = None, *, writeable: bool = False) -> Any:
    if writeable:
        raise TypeError("sliding_window_view(writeable=True) would let a Tensor be changed; leave it out")
    window = tuple(window_shape) if np.ndim(window_shape) else (int(window_shape),)
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(positive_axis(a, x.ndim) for a in axes)
    if len(window) != len(axes):
        raise ValueError(f"sliding_window_view: window_shape={window} has not one size for each of the axes {axes}")
    if len(set(axes)) == len(axes):
        return windows(x, window=window, axes=axes)
    for n, a in zip(window, axes, strict=True):  # an axis named twice: windows of windows
        x = windows(x, window=(n,), axes=(a,))
    return x
