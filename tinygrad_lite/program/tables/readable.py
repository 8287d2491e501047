"""Rewrites for people: the same results up to rounding, in fewer words, and in words that people know."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...axes import reduced_axes
from ...infinities import mask_not_taken
from ...rules.elementwise import is_larger
from ...rules.indexing import get
from ...rules.neural import leaky_relu, log_softmax, relu, softmax
from ...rules.shaping import broadcast_to
from ..program import Node, Operand, result_type, shape_of
from ..ranges import Ranges
from ..rewrite import MATRIX, SCALAR, VECTOR, Change, Rule, Steps, rule


def _ndim(x: Operand) -> int:
    return len(shape_of(x))


def _are_matrices(_: Ranges, a: Operand, b: Operand) -> bool:
    return _ndim(a) == _ndim(b) == 2


PRODUCTS = [
    rule(lambda x: x.T.T, lambda x: x, MATRIX),
    rule(lambda a, b: (a @ b.T).T, lambda a, b: b @ a.T, MATRIX, MATRIX, when=_are_matrices),
    rule(lambda a, b: (a.T @ b).T, lambda a, b: b.T @ a, MATRIX, MATRIX, when=_are_matrices),
    rule(
        lambda a, v: (a @ v[..., None])[..., 0],
        lambda a, v: a @ v,
        MATRIX.T,
        VECTOR,
        when=lambda _, a, v: _ndim(a) == 2 and _ndim(v) == 1,
    ),
    rule(
        lambda x, s, template: x * get(s, template=template),  # a number needs no axes
        lambda x, s, template: x * s,
        MATRIX,
        SCALAR,
        template=(..., None),
        when=lambda _, x, s, template: shape_of(s) == (),
    ),
]


def _shorten(axis: Any, ndim: int) -> dict[str, Any]:
    """The shortest axis= for these axes."""
    axes = reduced_axes(axis, ndim)
    if len(axes) == ndim and ndim != 1:
        return {}
    return {"axis": axes[0] if len(axes) == 1 else axes}


SUMS = [
    # A sum says itself whether it keeps its axes.
    rule(
        lambda x, shape, axis=None: np.reshape(np.sum(x, axis=axis, keepdims=True), shape),
        lambda x, shape, axis=None: np.sum(x, **_shorten(axis, np.ndim(x))),
        MATRIX,
        axis=1,
        shape=(2,),
    ),
    rule(
        lambda x, axis: np.expand_dims(np.sum(x, axis=axis), axis),
        lambda x, axis: np.sum(x, axis=axis, keepdims=True),
        MATRIX,
        axis=1,
    ),
]


def plain_numbers(node: Node) -> Steps | None:
    """A NumPy scalar becomes a Python number where the result's dtype stays as it is: 0.5, not np.float64(0.5)."""
    op, xs = node.op, list(node.operands)
    assert op is not None
    if not (op.is_entrywise or op is broadcast_to) or node.shape is None:  # those take numbers for arrays
        return None
    for i, x in enumerate(xs):
        if isinstance(x, np.generic) and x.dtype.kind in "fiu":
            for number in _find_equal_numbers(x):
                if result_type(op, [*xs[:i], number, *xs[i + 1 :]], node.params) == (node.shape, node.dtype):
                    xs[i] = number
                    break
    new = node.with_operands(xs)
    return None if new is node else ([new], new)


def _find_equal_numbers(x: Any) -> list[Any]:
    """Python numbers equal to a NumPy scalar, the shortest first."""
    value = float(str(x)) if x.dtype.kind == "f" else x.item()
    if not np.isfinite(value) or x.dtype.type(value) != x:
        return []
    whole = abs(value) < 1e9 and value == int(value) and (value != 0 or not np.signbit(x))
    return [int(value), value] if whole else [value]


BRANCHES = [
    # What comes back from both branches of a choice that has a factor in one of them, as leaky relu has.
    rule(
        lambda condition, g, k: np.where(condition, g, 0) + np.where(condition, 0, g) * k,
        lambda condition, g, k: g * np.where(condition, 1, k),
        MATRIX > 4,
        MATRIX,
        0.25,
    ),
    rule(
        lambda condition, g, k: np.where(condition, g, 0) * k + np.where(condition, 0, g),
        lambda condition, g, k: g * np.where(condition, k, 1),
        MATRIX > 4,
        MATRIX,
        0.25,
    ),
]

NEUTRAL = [rule(lambda x: x + 0, lambda x: x, MATRIX)]

READABLE: list[Rule | Change] = [plain_numbers, *NEUTRAL, *PRODUCTS, *SUMS, *BRANCHES]

# -- what holds where the inputs are finite ----------------------------------------------------------------------------


def _is_smaller(_: Ranges, x: Operand, c: float) -> bool:
    """Whether c times x is the smaller one of the two where x is positive: c is clearly below 1."""
    return c < 0.99


GUARDS = [
    # The sweep writes a guard upstream of a choice (`where`, `max`), where d may be infinite in the branch not taken;
    # only there it is needed.
    rule(
        lambda g, d: mask_not_taken(g, g * d),
        lambda g, d: g * d,
        MATRIX,
        MATRIX,
        when=lambda ranges, g, d: ranges.is_finite(d),
    ),
]

CHOICES = [
    # Which of c x and x is larger depends on the sign of x.
    rule(lambda x, c: is_larger(c * x, x), lambda x, c: is_larger(0, x), MATRIX, 0.5, when=_is_smaller),
    rule(lambda x, c: is_larger(x, c * x), lambda x, c: is_larger(x, 0), MATRIX, 0.5, when=_is_smaller),
]

FUNCTIONS = [
    rule(
        lambda x, axis=-1: np.exp(log_softmax(x, axis=axis)), lambda x, axis=-1: softmax(x, axis=axis), MATRIX, axis=0
    ),
]

FINITE = [*GUARDS, *CHOICES, *FUNCTIONS]

# -- ops that NumPy lacks, written in those it has ---------------------------------------------------------------------

SPELLED = [
    rule(lambda x: relu(x), lambda x: np.maximum(x, 0), MATRIX),
    rule(
        lambda x, slope=0.01: leaky_relu(x, slope=slope),
        lambda x, slope=0.01: np.where(x > 0, x, slope * x),
        MATRIX,
        slope=0.25,
    ),
    rule(lambda a: is_larger(a, 0), lambda a: np.heaviside(a, 0.5), MATRIX),
    rule(lambda a, b: is_larger(a, b), lambda a, b: np.where(a == b, 0.5, a > b), MATRIX, MATRIX),
]
SPELLED_FINITE = [rule(lambda b: is_larger(0, b), lambda b: np.heaviside(-b, 0.5), MATRIX)]  # NaN is not smaller than 0
"""For the last rewriting before a program is printed."""
