"""Tidying: the steps of a derivation as people write them, where that is the same for the numbers at hand.

A derivation holds for all numbers, infinities included, and pays for it in words. A line that is shown to somebody who
got it wrong, and that is changed in one place to see what they wrote, has to be the short one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..program.program import Node, Operand, is_scalar, shape_of
from ..rules.elementwise import add, divide, multiply, negative
from ..rules.indexing import where

_SMALLEST = 5  # a smaller number is a number, though some axis may happen to be as long


def key_of(x: Operand) -> Any:
    """Equal for trees that are written alike."""
    if type(x) is not Node:
        return repr(x)
    if x.op is None:
        return x.name or id(x)
    return x.op.name, repr(x.params), *map(key_of, x.operands)


def name_divisor(x: Node, sizes: Mapping[int, Node]) -> Node:
    """0.05 * x and x / 20 as x / m, where m is 20; 0.1 * x as 2 * x / m."""
    if x.op is multiply and type(x.operands[0]) is float and x.operands[0] > 0:
        number, rest = 1 / x.operands[0], x.operands[1]
    elif x.op is divide and is_scalar(x.operands[1]) and not isinstance(x.operands[1], complex):
        rest, number = x.operands[0], float(x.operands[1])
    else:
        return x
    n = round(number) if np.isfinite(number) else 0
    if n < _SMALLEST or abs(number - n) > 1e-9 * n:
        return x
    if n in sizes:
        return _step(x, divide, rest, sizes[n])
    if 2 * n in sizes:
        return _step(x, divide, _step(x, multiply, 2, rest), sizes[2 * n])
    if n % 2 == 0 and n // 2 in sizes:
        size = sizes[n // 2]
        return _step(x, divide, rest, Node(multiply, (2, size), {}, (), size.dtype, weak=True))
    return x


def _step(like: Node, op: Any, *operands: Operand) -> Node:
    return Node(op, operands, {}, like.shape, like.dtype, like.weak)


def merge_branches(x: Node) -> Node:
    """np.where(c, g, 0) * a + np.where(c, 0, g) * b, which comes back from the branches of a choice, as
    g * np.where(c, a, b).
    """
    if x.op is not add:
        return x
    one, other = (_find_choice(y) for y in x.operands)
    if one is None or other is None:
        return x
    for (yes, a), (no, b) in ((one, other), (other, one)):
        if not (_is_zero(yes.operands[2]) and _is_zero(no.operands[1])):
            continue
        c, g, _ = yes.operands
        if key_of(c) == key_of(no.operands[0]) and key_of(g) == key_of(no.operands[2]):
            shape = np.broadcast_shapes(*map(shape_of, (c, a, b)))
            slope = Node(where, (c, a, b), {}, shape, x.dtype)
            return Node(multiply, (g, slope), {}, x.shape, x.dtype)
    return x


def _is_zero(x: Operand) -> bool:
    return is_scalar(x) and bool(x == 0)


def _find_choice(x: Operand) -> tuple[Node, Operand] | None:
    """The choice that a product starts from, and the product of its other factors."""
    if type(x) is not Node:
        return None
    if x.op is where:
        return x, 1
    if x.op is negative and (found := _find_choice(x.operands[0])) is not None:
        choice, factor = found
        return choice, -1 if type(factor) is int else Node(negative, (factor,), {}, shape_of(factor), x.dtype)
    if x.op not in (multiply, divide):
        return None
    for i in (0, 1) if x.op is multiply else (0,):
        found = _find_choice(x.operands[i])
        if found is not None:
            choice, factor = found
            rest = x.operands[1 - i]
            if x.op is multiply and type(factor) is int and factor == 1:
                return choice, rest
            shape = np.broadcast_shapes(shape_of(factor), shape_of(rest))
            return choice, Node(x.op, (factor, rest), {}, shape, x.dtype)
    return None
