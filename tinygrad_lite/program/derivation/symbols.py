"""Symbols: between the operands of a program and the expressions of SymPy.

A value that algebra does not look into is a real symbol. A number is itself if it is as simple as 2 or 1/2; any other
is a symbol too, so that it stays one number: m, not 1/400 here and 0.0025 there.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

import numpy as np

from ...intervals import ANYTHING, REAL
from ...op import Op
from ...rules.elementwise import exp, negative, power
from ..program import Node, Operand, is_scalar, shape_of
from ..ranges import Ranges

Expression = Any  # SymPy's

_PLAIN = 3  # smaller whole numbers stand for themselves; the factor 2 of a square may cancel
_MOST_EXACT = 10**9  # larger whole numbers are no counts of anything, and no parts of one are as small as its inverse
_EIGHTHS = 8  # fractions of that many parts are written as such: 0.125, not a symbol; they are exact in binary
_LARGEST_FACTOR = 4  # 4 m for a number 4 m, but not 5 m: that is no count of the same thing


def import_sympy() -> Any:
    try:
        import sympy
    except ImportError as error:
        raise ImportError(
            "tg.derive simplifies with SymPy; install it with: pip install 'tinygrad_lite[derive]', "
            "or say simplify=False"
        ) from error
    return sympy


class Symbols:
    """sizes: whole numbers that have a name. counts: the lengths and sizes of the program's arrays. literals: numbers
    that stand in the user's code.

    operands: what each symbol stands for. order: where it stands in a product or sum, lowest first.
    """

    def __init__(self, sizes: Container[int], counts: frozenset[int], literals: Container[float]) -> None:
        self.sympy = import_sympy()
        self.operands: dict[Expression, Operand] = {}
        self.order: dict[Expression, tuple[int, int]] = {}
        self.ranges = Ranges()
        self._sizes, self._counts, self._literals = sizes, counts, literals
        self._symbols: dict[Any, Expression] = {}
        self._functions: dict[Op, Any] = {}
        self._ops: dict[Any, Op] = {}

    # -- values --------------------------------------------------------------------------------------------------------

    def name(self, x: Operand, *, backward: bool = False) -> Expression:
        """The symbol of a value; a number as `number` has it. In a product numbers of the program come first."""
        if type(x) is not Node:
            return self.number(x)
        return self._symbol(x, x, rank=0 if x.shape == () else 1 if backward else 2)

    def alias(self, x: Operand) -> Expression:
        """A symbol for a step that algebra has looked into; -x is minus the symbol of x."""
        sign = 1
        while type(x) is Node and x.op is negative:
            x, sign = x.operands[0], -sign
        return sign * self.name(x)

    def number(self, x: Any) -> Expression:
        """A constant: a number, or a captured array."""
        if not is_scalar(x):
            return self._symbol(("array", id(x)), x, rank=2)
        value = x.item() if isinstance(x, np.generic) else x
        if isinstance(value, (bool, complex)) or not np.isfinite(value):
            return self._constant(x)
        if value == int(value) and abs(value) < _PLAIN:
            return self.sympy.Integer(int(value))
        if value == int(value) and abs(value) < _MOST_EXACT:
            return self._count(int(value)) if value > 0 else -self._count(int(-value))
        if not 1 / _MOST_EXACT < abs(value) < _MOST_EXACT:
            return self._constant(x) if value > 0 else -self._constant(-x)
        for numerator in (1, 2) if value not in self._literals else ():
            count = round(numerator / abs(value))
            if (count in self._counts or count // 2 in self._counts) and _is_rounded(numerator / count, abs(value)):
                return (numerator if value > 0 else -numerator) / self._count(count)
        if value * _EIGHTHS == int(value * _EIGHTHS):
            return self.sympy.Rational(int(value * _EIGHTHS), _EIGHTHS)
        return self._constant(x) if value > 0 else -self._constant(-x)

    def _count(self, n: int) -> Expression:
        """A whole number; 2 m where m has a name."""
        for known in (self._sizes, self._counts):
            if n in known:
                break
            for factor in range(2, _LARGEST_FACTOR + 1):
                if n % factor == 0 and n // factor in known:
                    return factor * self._constant(n // factor)
        return self._constant(n)

    def _constant(self, x: Any) -> Expression:
        positive = not isinstance(x, complex) and bool(x > 0)
        return self._symbol((type(x), repr(x)), x, rank=-1, positive=positive or None)

    def _symbol(self, key: Any, x: Operand, rank: int, **assumptions: Any) -> Expression:
        symbol = self._symbols.get(key)
        if symbol is None:
            symbol = self._symbols[key] = self.sympy.Symbol(f"v{len(self._symbols)}", real=True, **assumptions)
            self.operands[symbol] = x
            self.order[symbol] = rank, len(self._symbols)
        return symbol

    def is_constant(self, symbol: Expression) -> bool:
        """Whether it stands for a number that is known."""
        return is_scalar(self.operands[symbol])

    # -- functions -----------------------------------------------------------------------------------------------------

    def apply(self, op: Op, operands: Sequence[Operand], xs: Sequence[Expression]) -> Expression:
        """The expression of an elementwise step, from those of its operands."""
        if op is exp and xs[0].is_Add:  # exp(a + b) stays one thing, not exp(a) exp(b)
            return self.sympy.exp(self.alias(operands[0]))
        if op.symbolic is not None:
            return op.symbolic(self.sympy, *xs)
        exponent = operands[-1]
        if op.is_arithmetic or (op is power and is_scalar(exponent) and float(exponent).is_integer()):
            return op.operator(*xs)  # type: ignore[misc]
        return self.function(op)(*xs)

    def function(self, op: Op) -> Any:
        """A function of which SymPy is told no more than that it is real. It is of this op, whatever its name."""
        if op not in self._functions:
            made = self.sympy.Function(f"f{len(self._functions)}", real=True)
            self._functions[op], self._ops[made] = made, op
        return self._functions[op]

    def op_of(self, expr: Expression) -> Op:
        """The op that a function in an expression stands for."""
        return self._ops[expr.func]

    # -- expressions ---------------------------------------------------------------------------------------------------

    def is_total(self, expr: Expression) -> bool:
        """Whether it is a number for all values of its symbols: none in denominators, no logarithms."""
        for part in self.sympy.preorder_traversal(expr):
            if part.is_Pow and not part.exp.is_Integer:
                return False
            if part.is_Pow and part.exp.is_negative and not all(map(self.is_constant, part.base.free_symbols)):
                return False
            if part.is_Function and not isinstance(part, self.sympy.exp):
                op = self.op_of(part)
                if op.range is None or op.range(*(REAL for _ in part.args)).kind == ANYTHING:
                    return False
        return True

    def is_finite(self, expr: Expression) -> bool:
        """Whether all its symbols are finite, whatever the inputs are."""
        return all(self.ranges.is_finite(self.operands[s]) for s in expr.free_symbols)

    def is_constant_along(self, expr: Expression, axes: tuple[int, ...]) -> bool:
        """Whether it is the same for every index of these axes, which count from the last one: negative."""
        shapes = [shape_of(self.operands[s]) for s in expr.free_symbols]
        return all(len(shape) < -a or shape[a] == 1 for shape in shapes for a in axes)


def _is_rounded(exact: float, value: float) -> bool:
    """Whether a value is a number rounded to double precision, or the shortest text of it in single precision."""
    return value in (exact, float(str(np.float32(exact))), float(np.float32(exact)))
