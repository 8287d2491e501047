"""Building: from an expression of SymPy's back to steps of a program, as a person would write them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...op import Op
from ...rules.elementwise import add, divide, exp, multiply, negative, power, sqrt, square, subtract
from ...rules.shaping import broadcast_to
from ..program import Editor, Node, Operand, dtype_of, is_scalar, is_weak, shape_of
from .symbols import Expression, Symbols
from .values import Values


class Builder:
    """Adds steps to an editor's program."""

    def __init__(self, editor: Editor, symbols: Symbols, values: Values) -> None:
        self._editor, self._symbols, self._values = editor, symbols, values

    def build_in_place_of(self, node: Node, expr: Expression) -> Operand | None:
        """The expression as steps, if shape, dtype and values are those of the step."""
        before = len(self._editor.steps)
        try:
            with np.errstate(all="ignore"):
                new = self._fit(self.build(expr), node)
                same = dtype_of(new) == node.dtype and is_weak(new) == node.weak
                if same and self._values.agree(node, new):
                    if type(new) is Node and new.name is None and not self._values[new].forward:
                        new.name = node.name
                    return new
        except (TypeError, ValueError, OverflowError, NotImplementedError):
            pass  # the expression has no such text: a symbol as an exponent, say, or shapes that do not fit
        del self._editor.steps[before:]
        return None

    def _fit(self, new: Operand, node: Node) -> Operand:
        """The value in the form of the step: a NumPy scalar, or broadcast."""
        if type(new) is not Node and is_scalar(new) and not isinstance(new, np.generic) and not node.weak:
            new = node.dtype.type(new)
        return new if shape_of(new) == node.shape else self.add(broadcast_to, new, shape=node.shape)

    def add(self, op: Op, *operands: Operand, **params: Any) -> Node:
        """A new step, with its numbers."""
        new = self._editor.add(op, *operands, **params)
        self._values.add(new)
        return new

    def build(self, x: Expression) -> Operand:
        """The expression as steps."""
        sp = self._symbols.sympy
        if x.is_Symbol:
            return self._symbols.operands[x]
        if x.is_Integer:
            return int(x)
        if x.is_Rational:
            return float(x)
        if x.is_Add:
            return self._build_sum(x)
        if isinstance(x, sp.exp):
            return self.add(exp, self.build(x.args[0]))
        if x.is_Mul or (x.is_Pow and x.exp.could_extract_minus_sign()):
            return self._build_product(x)
        if x.is_Pow:
            return self._build_power(x)
        if x.is_Function:
            return self.add(self._symbols.op_of(x), *map(self.build, x.args))
        raise NotImplementedError(f"{x.func} among the results of SymPy")

    def _build_sum(self, x: Expression) -> Operand:
        """Positive terms first, then what is nearest to the backward pass: dY - mean, not -mean + dY."""
        order, is_constant = self._symbols.order, self._symbols.is_constant

        def rank(term: Expression) -> Any:
            free = [order[s] for s in term.free_symbols if not is_constant(s)]
            return term.could_extract_minus_sign(), not free, min(((r != 1, i) for r, i in free), default=(True, 0))

        first, *rest = sorted(x.args, key=rank)
        total = self.build(first)
        for term in rest:
            minus = term.could_extract_minus_sign()
            total = self.add(subtract if minus else add, total, self.build(-term if minus else term))
        return total

    def _build_product(self, x: Expression) -> Operand:
        coefficient, rest = x.as_coeff_Mul()
        sign, coefficient = (-1 if coefficient < 0 else 1), abs(coefficient)
        factors = list(rest.args) if rest.is_Mul else [rest]
        below = [1 / f for f in factors if f.is_Pow and f.exp.could_extract_minus_sign()]
        above = [f for f in factors if not (f.is_Pow and f.exp.could_extract_minus_sign()) and f != 1]
        above.sort(key=self._rank_factor)
        below.sort(key=self._rank_factor)
        if sign < 0:
            for i, f in enumerate(above):
                if f.is_Add and any(t.could_extract_minus_sign() for t in f.args):  # -(a - b) is b - a
                    above[i], sign = self._symbols.sympy.Add(*(-t for t in f.args)), 1
                    break
        tops = [self.build(f) for f in above]
        if coefficient.p != 1:
            tops.insert(0, int(coefficient.p))
        if not tops:
            tops = [1]
        if sign < 0:
            if is_scalar(tops[0]):
                tops[0] = -tops[0]
            elif dtype_of(tops[0]).kind == "f":
                tops[0] = self.add(negative, tops[0])
            else:
                tops.insert(0, -1)
        bottoms = ([int(coefficient.q)] if coefficient.q != 1 else []) + [self.build(f) for f in below]
        top = self._multiply(tops)
        return self.add(divide, top, self._multiply(bottoms)) if bottoms else top

    def _multiply(self, factors: list[Operand]) -> Operand:
        total = factors[0]
        for factor in factors[1:]:
            total = self.add(multiply, total, factor)
        return total

    def _rank_factor(self, f: Expression) -> Any:
        """Names first, then functions and powers, then sums in parentheses."""
        kind = 0 if f.is_Symbol else 2 if f.is_Add or (f.is_Pow and f.base.is_Add) else 1
        return kind, min((self._symbols.order[s] for s in f.free_symbols), default=(-1, 0))

    def _build_power(self, x: Expression) -> Operand:
        base = self.build(x.base)
        if x.exp == 2:
            return self.add(square, base)
        if x.exp == self._symbols.sympy.Rational(1, 2):
            return self.add(sqrt, base)
        return self.add(power, base, int(x.exp) if x.exp.is_Integer else float(x.exp))
