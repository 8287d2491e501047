"""Rewrites that change no bit of any result, signs of zero, infinities and NaN included, and leave less to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...axes import reduced_shape, reduced_size
from ...infinities import mask_not_taken
from ...op import Op
from ...rules import elementwise
from ..program import Operand, dtype_of, is_weak, shape_of
from ..ranges import Ranges
from ..rewrite import MATRIX, VECTOR, Rule, rule


def _is_float(_: Ranges, x: Operand) -> bool:
    """Whether it has a negative, and no zeros of its own (see below)."""
    return dtype_of(x).kind == "f"


def _is_real(_: Ranges, x: Operand) -> bool:
    """Complex numbers are multiplied by 1 + 0j, whose 0 makes other zeros, on the other side of a cut, and nan of
    infinities: (1 + 0j) * -1 is -1 + 0j, and -(1 + 0j) is -1 - 0j."""
    return dtype_of(x).kind != "c"


NEUTRAL = [
    rule(lambda x: x * 1, lambda x: x, MATRIX, when=_is_real),
    rule(lambda x: x / 1, lambda x: x, MATRIX, when=_is_real),
    rule(lambda x: x - 0, lambda x: x, MATRIX),
    rule(lambda x: x + -0.0, lambda x: x, MATRIX, when=_is_real),  # x + 0 is not x: of -0.0 it makes 0.0
    rule(lambda x: x * -1, lambda x: -x, MATRIX, when=_is_float),
    rule(lambda x: x / -1, lambda x: -x, MATRIX, when=_is_float),
]


def binary_ops() -> list[Op]:
    """The rows of elementwise.py that combine two arrays: NumPy's ufuncs of two operands."""
    ops = [op for op in vars(elementwise).values() if isinstance(op, Op) and isinstance(op.fn, np.ufunc)]
    return [op for op in ops if op.arity == 2]


def examples(op: Op, a: Any, b: Any) -> tuple[Any, Any]:
    """The examples in dtypes that a binary op takes: floats where it does."""
    ufunc: Any = op.fn
    loop = next((types for types in ufunc.types if types[0] == "d"), "ll->l")
    return a.astype(loop[0]), b.astype(loop[1])


def _drop_broadcast(op: Op) -> list[Rule]:
    """An elementwise op broadcasts by itself: it need not be done for it beforehand."""
    call: Callable[..., Any] = op.call
    return [
        rule(
            lambda a, b, shape: call(np.broadcast_to(a, shape), b),
            lambda a, b, shape: call(a, b),
            *examples(op, VECTOR, MATRIX.T),
            shape=(3, 2),
        ),
        rule(
            lambda a, b, shape: call(a, np.broadcast_to(b, shape)),
            lambda a, b, shape: call(a, b),
            *examples(op, MATRIX.T, VECTOR),
            shape=(3, 2),
        ),
    ]


BROADCASTS = [entry for op in binary_ops() for entry in _drop_broadcast(op)]


def _is_of_single_entries(_: Ranges, x: Operand, axis: Any = None, keepdims: bool = False) -> bool:
    return reduced_size(shape_of(x), axis) == 1 and 0 not in shape_of(x) and not is_weak(x) and dtype_of(x).kind != "c"


def _reshape_to_reduced(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Adding 0 is what NumPy does in a sum: -0.0 becomes 0.0."""
    return np.reshape(x + 0, reduced_shape(x.shape, axis, keepdims))


def _single_entries(reduction: Callable[..., Any]) -> Rule:
    """A sum or a mean over axes of length 1 is no reduction."""
    return rule(
        lambda x, axis=None, keepdims=False: reduction(x, axis=axis, keepdims=keepdims),
        _reshape_to_reduced,
        MATRIX[:, :1],
        axis=1,
        keepdims=True,
        when=_is_of_single_entries,
    )


REDUCTIONS = [_single_entries(np.sum), _single_entries(np.mean)]

GUARDS = [
    # Where nothing comes in, 0, nothing but 0 goes on; so there is nothing to mask.
    rule(lambda g: mask_not_taken(g, -g), lambda g: -g, MATRIX),
    rule(lambda g, c: mask_not_taken(g, g * c), lambda g, c: g * c, MATRIX, 2.0, when=lambda _, g, c: abs(c) < np.inf),
    rule(lambda g, c: mask_not_taken(g, g / c), lambda g, c: g / c, MATRIX, 2.0, when=lambda _, g, c: abs(c) > 0),
    rule(
        lambda g, taken: mask_not_taken(g, np.where(taken, g, 0)),
        lambda g, taken: np.where(taken, g, 0),
        MATRIX,
        MATRIX > 4,
    ),
    rule(
        lambda g, taken: mask_not_taken(g, np.where(taken, 0, g)),
        lambda g, taken: np.where(taken, 0, g),
        MATRIX,
        MATRIX > 4,
    ),
]

EXACT = NEUTRAL + BROADCASTS + REDUCTIONS + GUARDS
