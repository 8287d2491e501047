"""Rewrites for speed: the same results up to rounding, by cheaper calls (costs of small arrays, measured).

The results are no easier to read and no shorter, so `derive` does without them.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...axes import reduced_axes, reduced_size
from ...op import Op
from ..program import Node, Operand, dtype_of, shape_of
from ..ranges import Ranges
from ..rewrite import MATRIX, Rule, rule
from .exact import binary_ops, examples

Axis = Any
STACK = np.stack([MATRIX, MATRIX + 10.0])


def _is_float(x: Operand) -> bool:
    """Whether NumPy adds x up in its own dtype, and BLAS knows it."""
    return dtype_of(x) in (np.float32, np.float64)


MEANS = [
    # A mean is a sum divided by a number; said so, the number can be moved elsewhere.
    rule(
        lambda x, axis=None, keepdims=False: np.mean(x, axis=axis, keepdims=keepdims),
        lambda x, axis=None, keepdims=False: np.sum(x, axis=axis, keepdims=keepdims) / reduced_size(x.shape, axis),
        MATRIX,
        axis=1,
        keepdims=True,
        when=lambda _, x, axis=None, keepdims=False: _is_float(x) and reduced_size(shape_of(x), axis) > 0,
    )
]

LONGEST = 4096
"""Longer sums stay sums: NumPy adds pairwise, which keeps more digits, and the call itself no longer matters."""


def _is_short(_: Ranges, x: Operand, axis: Axis = None, keepdims: bool = False) -> bool:
    """Whether it is the sum of all of an array, or of a matrix along one axis, and not too long."""
    shape = shape_of(x)
    if not _is_float(x) or not 1 < reduced_size(shape, axis) <= LONGEST:
        return False
    axes = reduced_axes(axis, len(shape))
    if len(axes) == len(shape):
        return not keepdims
    return len(shape) == 2 and len(axes) == 1


def _multiply_by_ones(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    axes = reduced_axes(axis, x.ndim)
    if len(axes) == x.ndim:
        return np.reshape(x, (x.size,)) @ _ones((x.size,), x.dtype)
    (along,) = axes
    n = x.shape[along]
    if along == 1:
        return x @ _ones((n, 1) if keepdims else (n,), x.dtype)
    return _ones((1, n) if keepdims else (n,), x.dtype) @ x


@functools.cache
def _ones(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    """One array for all, so that equal products are seen to be equal."""
    ones = np.ones(shape, dtype)
    ones.flags.writeable = False
    return ones


SUMS = [
    # A short sum as a product with ones: np.dot takes 0.5 µs where np.add.reduce takes 1.1 µs.
    rule(
        lambda x, axis=None, keepdims=False: np.sum(x, axis=axis, keepdims=keepdims),
        _multiply_by_ones,
        MATRIX,
        axis=1,
        keepdims=True,
        when=_is_short,
    )
]


def _multiply_rows(a: Any, b: Any) -> Any:
    rows = np.reshape(a, (math.prod(a.shape[:-1]), a.shape[-1])) @ b
    return np.reshape(rows, (*a.shape[:-1], b.shape[-1]))


FOLDED = [
    # One matrix for a whole stack: NumPy would multiply the stack's matrices one by one.
    rule(
        lambda a, b: a @ b,
        _multiply_rows,
        STACK,
        MATRIX.T,
        when=lambda _, a, b: len(shape_of(a)) > 2 == len(shape_of(b)) and type(a) is Node and a.size > 0,
    )
]


def _is_single(_: Ranges, x: Operand, one: Operand) -> bool:
    """Whether `one` is an array of a single entry beside a larger array."""
    return type(one) is Node and one.shape not in ((), None) and one.size == 1 and type(x) is Node and x.size > 1


def _drop_axes(op: Op) -> list[Rule]:
    """An array of one number, beside a larger one, as a 0-d array: NumPy then need not broadcast (0.5 µs less)."""
    call: Callable[..., Any] = op.call
    return [
        rule(
            lambda x, one: call(x, one),
            lambda x, one: call(x, np.reshape(one, ())),
            *examples(op, MATRIX, MATRIX[:1, :1]),
            when=_is_single,
        ),
        rule(
            lambda one, x: call(one, x),
            lambda one, x: call(np.reshape(one, ()), x),
            *examples(op, MATRIX[:1, :1], MATRIX),
            when=lambda ranges, one, x: _is_single(ranges, x, one),
        ),
    ]


SINGLES = [entry for op in binary_ops() for entry in _drop_axes(op)]

FAST = SUMS + FOLDED + SINGLES
