"""The lectures' convention: gradients of intermediate values without the division by m, which the parameters' have.

∂J/∂Z2 = (A2 - Y) / m and ∂J/∂W2 = dZ2 @ A1.T become dZ2 = A2 - Y and dW2 = dZ2 @ A1.T / m. Here a line of the one
becomes the same line of the other.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from ..program.program import Node, Operand, is_scalar
from ..rounding import find_whole_number
from ..rules.elementwise import divide, multiply, negative
from .bench import Bench
from .formulas import Formula, walk


class Convention:
    """Which multiple of ∂J/∂Z the gradients of intermediate values are. size: its name; None for ∂J/∂Z itself."""

    def __init__(self, size: str | None, count: int, intermediates: Container[str]) -> None:
        self.size, self.count, self._intermediates = size, count, intermediates

    def __str__(self) -> str:
        return "∂J/∂Z" if self.size is None else f"{self.size}·∂J/∂Z"

    def factor(self, formula: Formula) -> float:
        """What the true gradient is multiplied by."""
        return 1.0 if self.size is None or formula.parameter else float(self.count)

    def write(self, bench: Bench, formula: Formula) -> Operand:
        """The line, in this convention."""
        if self.size is None:
            return formula.root
        return self._write(bench, formula.root, not formula.parameter)

    def _write(self, bench: Bench, x: Operand, times: bool) -> Operand:
        """x for gradients in this convention, or the size times it."""
        if not self._depends(x):
            return self._multiply(bench, x) if times else x
        assert type(x) is Node
        assert self.size is not None
        size = bench.leaves[self.size]
        if x.op is None:
            return x if times else _need(bench.apply(divide, x, size))
        inside = [self._depends(y) for y in x.operands]
        if len(x.op.signs) == 2:  # a sum, a difference
            if not times and not all(inside):
                return _need(bench.put_in(x, [self._write(bench, y, False) for y in x.operands]))
            inner = bench.put_in(x, [self._write(bench, y, True) for y in x.operands])
        elif inside.count(True) == 1 and x.op.powers[inside.index(True) :][:1] == (1,):
            inner = bench.put_in(
                x, [self._write(bench, y, True) if i else y for y, i in zip(x.operands, inside, strict=True)]
            )
        else:
            inner = bench.put_in(x, [self._write(bench, y, False) for y in x.operands])
            return _need(bench.apply(multiply, size, inner)) if times else _need(inner)
        return _need(inner) if times else _need(bench.apply(divide, inner, size))

    def _depends(self, x: Operand) -> bool:
        return any(y.op is None and (y.name or "") in self._intermediates for y in walk(x))

    def _multiply(self, bench: Bench, x: Operand) -> Operand:
        """The size times x, with a division by it dropped."""
        assert self.size is not None
        shorter = self._cancel(bench, x)
        return _need(bench.apply(multiply, bench.leaves[self.size], x)) if shorter is None else shorter

    def _cancel(self, bench: Bench, x: Operand) -> Operand | None:
        if type(x) is not Node:
            return self._cancel_number(x)
        if x.op is None:
            return None
        if x.op is divide and _is_named(x.operands[1], self.size):
            return x.operands[0]
        if x.op is divide and is_scalar(x.operands[1]):
            rest = find_whole_number(self.count / float(x.operands[1]))
            if rest is not None:
                return x.operands[0] if rest == 1 else bench.apply(multiply, rest, x.operands[0])
        if x.op.is_arithmetic:
            for i, power in enumerate(x.op.powers):
                shorter = self._cancel(bench, x.operands[i]) if power == 1 else None
                if shorter is not None:
                    if x.op is multiply and type(shorter) is int and shorter == 1:
                        return x.operands[1 - i]
                    if x.op is multiply and type(shorter) is int and shorter == -1:
                        return bench.apply(negative, x.operands[1 - i])
                    return bench.put_in(x, [*x.operands[:i], shorter, *x.operands[i + 1 :]])
        if len(x.op.signs) == 2:
            parts = [self._cancel(bench, y) for y in x.operands]
            if all(part is not None for part in parts):
                return bench.put_in(x, parts)
        return None

    def _cancel_number(self, x: Any) -> int | None:
        if not is_scalar(x) or isinstance(x, complex) or not x:
            return None
        product = float(x) * self.count
        return find_whole_number(product) if abs(product) < 20 else None


def _is_named(x: Operand, name: str | None) -> bool:
    return type(x) is Node and x.op is None and x.name == name


def _need(x: Operand | None) -> Operand:
    assert x is not None
    return x
