"""Sums in algebra: factors that are the same for every summand are written before the sum, known sums as numbers.

What the entries of a value add up to is known from its definition (the entries of a softmax add up to 1), or else it is
a fact of the data (one-hot labels add up to 1). A fact of the data is reported, so that the text can check it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...axes import positive_axes, reduced_axes
from ...rules.elementwise import divide, exp, subtract
from ...rules.neural import log_softmax, softmax
from ...rules.reductions import mean
from ...rules.reductions import sum as sum_
from ..program import Node, Operand, is_scalar, shape_of
from .building import Builder
from .samples import sums_to_one
from .search import Search
from .symbols import Expression, Symbols
from .values import Values


@dataclass
class Fact:
    """Something that holds for the arguments given, and was used: the sum of a value over these axes."""

    node: Node
    axes: tuple[int, ...]  # counted from the last one
    total: int


class Sums:
    """facts: what was assumed of the data."""

    def __init__(self, symbols: Symbols, search: Search, builder: Builder, values: Values) -> None:
        self.facts: list[Fact] = []
        self._symbols, self._search, self._builder, self._values = symbols, search, builder, values

    def find_number(self, node: Node, expr: Expression) -> Expression | None:
        """The sum as an expression of numbers alone. node: the sum; expr: of its operand."""
        axes = find_axes(node)
        for form in (expr, self._search.expand(expr)):
            total = self._add_up(form, axes)
            if total is not None:
                return total
        return None

    def pull_out(self, node: Node, expr: Expression) -> Expression | None:
        """Common factors times the sum of the rest, which is added to the program; None if there are none."""
        (x,) = node.operands
        shortest = min(self._search.find_candidates(self._search.expansions.get(expr, expr)), key=self._search.cost)
        outside, inside = self._split_factors(shortest, find_axes(node))
        if inside == 1 or outside == 1:
            return None
        summand = self._builder.build(inside)
        if shape_of(summand) != x.shape or type(summand) is not Node:
            return None
        return outside * self._symbols.name(self._builder.add(sum_, summand, **node.params), backward=True)

    def _split_factors(self, expr: Expression, axes: tuple[int, ...]) -> tuple[Expression, Expression]:
        """The factors that are the same along the axes, and the others."""
        outside = inside = self._symbols.sympy.Integer(1)
        for factor in expr.args if expr.is_Mul else (expr,):
            if self._symbols.is_constant_along(factor, axes):
                outside *= factor
            else:
                inside *= factor
        return outside, inside

    def _add_up(self, expr: Expression, axes: tuple[int, ...]) -> Expression | None:
        """The sum of the expression, if it is a number for every term."""
        if not self._search.is_small(expr):
            return None
        sp = self._symbols.sympy
        total: Expression = sp.Integer(0)
        used: list[Fact] = []
        for term in sp.Add.make_args(sp.expand(expr)):
            outside, inside = self._split_factors(term, axes)
            if inside == 1 and not outside.free_symbols:
                if outside != 0:
                    return None
                continue
            x = self._symbols.operands[inside] if inside.is_Symbol else None
            fact = self._find_fact(x, axes)
            number = prove_sum(x, axes) if fact is None else fact.total
            if number is None:
                return None
            used += [] if fact is None else [fact]
            total += outside * number
        self.facts += [fact for fact in used if fact not in self.facts]
        return total

    def _find_fact(self, x: Operand, axes: tuple[int, ...]) -> Fact | None:
        """That these are data whose sums over the axes are 1 for all samples."""
        if type(x) is not Node or len(x.shape) < -min(axes, default=0) or x.size == 0 or x.dtype.kind not in "fib":
            return None
        value = self._values[x]
        if value.varies or not value.forward:  # of the backward pass: it is not there yet where facts are checked
            return None
        holds = bool(value.samples) and all(sums_to_one(v, axes) for v in value.samples)
        return Fact(x, axes, 1) if holds else None


def find_axes(node: Node) -> tuple[int, ...]:
    """The axes of a sum, counted from the last one."""
    shape = shape_of(node.operands[0])
    return tuple(axis - len(shape) for axis in reduced_axes(node.params.get("axis"), len(shape)))


# -- what is known of a sum from the definition of the summands -------------------------------------------------------


def prove_sum(x: Operand, axes: tuple[int, ...]) -> int | None:
    """The sum of x over these axes (counted from the last one) if it is 0 or 1 whatever the inputs are; else None."""
    if type(x) is not Node or x.shape is None or len(x.shape) < -min(axes, default=0):
        return None
    base = _strip_factors(x, axes)
    total = _prove_sum_of_base(base, axes)
    return total if base is x or total == 0 else None


def _strip_factors(x: Node, axes: tuple[int, ...]) -> Node:
    """x without its sign, and without the factors that are the same along the axes."""
    while True:
        inner = _find_summand(x, axes)
        if type(inner) is not Node or inner.shape != x.shape or _is_sum(_divisor(x), inner, axes):
            return x
        x = inner


def _find_summand(x: Node, axes: tuple[int, ...]) -> Operand:
    """The operand that x is a multiple of, by what is the same along the axes; None if there is none."""
    if x.op is None or x.op.kind != "elementwise":
        return None
    for i, power in enumerate(x.op.powers):
        if power == 1 and all(_is_same_along(y, axes) for j, y in enumerate(x.operands) if j != i):
            return x.operands[i]
    return None


def _divisor(x: Node) -> Operand:
    return x.operands[1] if x.op is divide else None


def _prove_sum_of_base(x: Node, axes: tuple[int, ...]) -> int | None:
    if x.op is softmax or (x.op is exp and _is_log_softmax(x.operands[0])):
        inner = x if x.op is softmax else x.operands[0]
        summed = set(reduced_axes(inner.params.get("axis", -1), len(x.shape)))
        return 1 if summed == set(positive_axes(axes, len(x.shape))) else None
    if x.op is divide and shape_of(x.operands[0]) == x.shape and _is_sum(x.operands[1], x.operands[0], axes):
        return 1
    if x.op is subtract and shape_of(x.operands[0]) == x.shape and _is_mean(x.operands[1], x.operands[0], axes):
        return 0
    return None


def _is_log_softmax(x: Operand) -> bool:
    return type(x) is Node and x.op is log_softmax


def _is_same_along(x: Operand, axes: tuple[int, ...]) -> bool:
    shape = shape_of(x)
    return all(len(shape) < -a or shape[a] == 1 for a in axes)


def _is_sum(x: Operand, of: Operand, axes: tuple[int, ...]) -> bool:
    """Whether x is the sum of another value over the axes, which it keeps, with length 1."""
    return _reduces(x, sum_, of, axes)


def _is_mean(x: Operand, of: Operand, axes: tuple[int, ...]) -> bool:
    if type(x) is Node and x.op is divide and is_scalar(x.operands[1]) and type(of) is Node:
        return _is_sum(x.operands[0], of, axes) and x.operands[1] == np.prod([of.shape[a] for a in axes])
    return _reduces(x, mean, of, axes)


def _reduces(x: Operand, op: Any, of: Operand, axes: tuple[int, ...]) -> bool:
    if type(x) is not Node or x.op is not op or x.operands[0] is not of or not _is_same_along(x, axes):
        return False
    kept = bool(x.params.get("keepdims")) or x.shape == ()
    return kept and set(find_axes(x)) == set(axes)
