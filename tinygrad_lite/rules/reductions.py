"""Reductions: sums, means, extremes, over one axis, several or all."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import Array, constant, custom_vjp, linear, row


def kept(reduced: Array, axis: Any, keepdims: bool) -> Array:
    """A reduced array with its reduced axes put back, of size 1, so that it broadcasts against the operand."""
    return reduced if keepdims or axis is None else np.expand_dims(reduced, axis)


def spread(g: Array, x: Array, axis: Any, keepdims: bool) -> Array:
    """The cotangent of a sum: every summand receives the whole of it."""
    return np.broadcast_to(kept(g, axis, keepdims), x.shape)


def _mean_vjp(g: Array, y: Array, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    return spread(g / (x.size // max(y.size, 1)), x, axis, keepdims)


def _extreme_vjp(g: Array, y: Array, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """Entries that tie for the extreme share the cotangent evenly."""
    ties = x == kept(y, axis, keepdims)
    return ties * kept(g / np.sum(ties, axis=axis, keepdims=keepdims), axis, keepdims)


def _sum(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """np.sum; for an ndarray without its Python wrapper, which costs more than summing a small array."""
    return np.add.reduce(a, axis, None, None, keepdims) if type(a) is np.ndarray else np.sum(a, axis, keepdims=keepdims)


sum = row(linear(_sum, lambda g, y, x, axis=None, keepdims=False: spread(g, x, axis, keepdims)), np.sum)
mean = row(linear(np.mean, _mean_vjp))
max = row(custom_vjp(np.max, _extreme_vjp, selects=True))
min = row(custom_vjp(np.min, _extreme_vjp, selects=True))

argmax = row(constant(np.argmax))
argmin = row(constant(np.argmin))
all = row(constant(np.all))
any = row(constant(np.any))
count_nonzero = row(constant(np.count_nonzero))
