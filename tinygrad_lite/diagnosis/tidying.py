"""Tidying: the steps of a derivation as people write them, where that is the same for the numbers at hand.

A derivation holds for all numbers, infinities included, and pays for it in words. A line that is shown to somebody who
got it wrong, and that is changed in one place to see what they wrote, has to be the short one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..infinities import mask_not_taken
from ..program.derivation.values import compute_nodes
from ..program.program import Node, Operand, Program, is_scalar, shape_of
from ..rounding import find_whole_number
from ..rules.elementwise import add, divide, equal, greater, less, multiply, negative, subtract
from ..rules.indexing import where
from ..rules.reductions import mean
from ..rules.reductions import sum as sum_
from .trees import key_of

_LONGEST = 12  # signs of a number that somebody may have written
_SMALLEST = 5  # a smaller number is a number, though some axis may happen to be as long


def drop_guards(program: Program, arrays: Sequence[Any]) -> Program:
    """The program for these numbers: what it guards against where a choice was not taken does not occur."""
    values = compute_nodes(program, arrays) or {}
    new: dict[Node, Operand] = {}
    steps = []
    for node in program.steps:
        operands = [new.get(x, x) if type(x) is Node else x for x in node.operands]
        if node.op is mask_not_taken:
            inner = operands[1]
            if (
                type(inner) is Node
                and None in (node.name, inner.name)
                and np.all(np.isfinite(values.get(node, np.nan)))
            ):
                inner.name = inner.name or node.name
                new[node] = inner
                continue
        step = node.with_operands(operands)
        if step is not node:
            new[node] = step
        steps.append(step)
    outputs = tuple(new.get(x, x) if type(x) is Node else x for x in program.outputs)
    return Program(program.inputs, program.captures, tuple(steps), outputs)


def tidy(x: Node, sizes: Mapping[int, Node]) -> Operand:
    """A step whose operands are tidy as people write it. sizes: the lengths that have a name."""
    x = drop_leading_axes(x)
    if x.op is add:
        x = merge_branches(x)
    if x.op in (add, subtract):
        x = share_divisor(x)
    if x.op is sum_:
        x = divide_last(x)
    if x.op is divide:
        x = average(x, sizes)
    return name_divisor(x, sizes)


def is_half_of_ties(x: Node) -> bool:
    """Whether it is what a maximum's derivative says, np.where(a == b, 0.5, a > b)."""
    ties, half, larger = x.operands
    return all(type(y) is Node and y.op in (equal, greater, less) for y in (ties, larger)) and is_scalar(half)


def drop_leading_axes(x: Node) -> Node:
    """a * b[None] as a * b, where a has that axis: NumPy adds it."""
    assert x.op is not None
    if x.op.kind != "elementwise" or len(x.operands) != 2:
        return x
    operands = list(x.operands)
    for i, y in enumerate(x.operands):
        other = shape_of(operands[1 - i])
        if (
            type(y) is Node
            and y.op is not None
            and y.op.reshapes
            and len(y.operands) == 1
            and len(other) == len(y.shape)
        ):
            inner = shape_of(y.operands[0])
            if inner and y.shape == (*(len(y.shape) - len(inner)) * (1,), *inner):
                operands[i] = y.operands[0]
    return x.with_operands(operands)


def share_divisor(x: Node) -> Node:
    """a / s - b / s as (a - b) / s."""
    a, b = x.operands
    if type(a) is Node and type(b) is Node and a.op is divide and b.op is divide:
        s = a.operands[1]
        if key_of(s) == key_of(b.operands[1]) and shape_of(a.operands[0]) == shape_of(a):
            assert x.op is not None
            return _step(x, divide, _step(x, x.op, a.operands[0], b.operands[0]), s)
    return x


def divide_last(x: Node) -> Node:
    """The sum of a / s as the sum of a, over s, where s is the same for all that is added up."""
    (inner,) = x.operands
    axis = x.params.get("axis")
    if type(inner) is Node and inner.op is divide and type(axis) is int and x.params.get("keepdims"):
        a, s = inner.operands
        if shape_of(a) == inner.shape and len(shape_of(s)) == len(inner.shape) and shape_of(s)[axis] == 1:
            return _step(x, divide, Node(sum_, (a,), x.params, x.shape, x.dtype), s)
    return x


def average(x: Node, sizes: Mapping[int, Node]) -> Operand:
    """The sum of n numbers over n as their mean, unless n has a name."""
    rest, below = x.operands
    n, s = below, None
    if type(below) is Node and below.op is multiply and is_scalar(below.operands[0]):
        n, s = below.operands
    if not is_scalar(n) or isinstance(n, complex) or n in sizes or (inner := _average_inside(rest, float(n))) is None:
        return x
    return inner if s is None else _step(x, divide, inner, s)


def _average_inside(x: Operand, n: float) -> Node | None:
    """A product with a sum of n numbers in it, their mean in its place."""
    if type(x) is not Node or x.op is None:
        return None
    if x.op is sum_:
        axis = x.params.get("axis")
        same = type(axis) is int and shape_of(x.operands[0])[axis] == n
        return Node(mean, x.operands, x.params, x.shape, x.dtype) if same else None
    if x.op in (multiply, negative) or x.op is divide:
        for i, y in enumerate(x.operands[:1] if x.op is divide else x.operands):
            inner = _average_inside(y, n)
            if inner is not None:
                return x.with_operands([*x.operands[:i], inner, *x.operands[i + 1 :]])
    return None


def name_divisor(x: Operand, sizes: Mapping[int, Node]) -> Operand:
    """0.05 * x and x / 20 as x / m, where m is 20; 0.1 * x as 2 * x / m."""
    if type(x) is not Node:
        return x
    if x.op is multiply and type(x.operands[0]) is float and x.operands[0] > 0:
        number, rest = 1 / x.operands[0], x.operands[1]
    elif x.op is divide and is_scalar(x.operands[1]) and not isinstance(x.operands[1], complex):
        rest, number = x.operands[0], float(x.operands[1])
    else:
        return x
    n = find_whole_number(number)
    if n is None or n < _SMALLEST:
        return x
    if x.op is multiply and len(repr(x.operands[0])) > _LONGEST and n not in sizes and 2 * n not in sizes:
        x = _step(x, divide, rest, n)
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
