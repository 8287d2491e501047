"""Where values can lie: which of a program's values are finite whatever its inputs are, so long as those are finite."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..op import Op
from ..rules import elementwise as e
from ..rules.indexing import where
from ..rules.neural import leaky_relu, relu, sigmoid, softmax
from ..rules.products import matmul
from ..rules.reductions import mean
from ..rules.reductions import sum as sum_
from ..rules.shaping import broadcast_to, expand_dims, ravel, reshape, squeeze, swapaxes, transpose
from .program import Node, Operand, Program

Range = tuple[float, float, int]
"""Bounds, and what else: FINITE, or NUMBER (it may be infinite), or ANYTHING (it may be NaN). Overflow counts for exp
alone, which reaches it soon."""

FINITE, NUMBER, ANYTHING = 2, 1, 0
_ANY: Range = (-math.inf, math.inf, ANYTHING)
_INPUT: Range = (-math.inf, math.inf, FINITE)


class Ranges:
    """The ranges of a program's values; `learn` each step after its operands."""

    def __init__(self, program: Program) -> None:
        inputs = (*program.inputs, *(node for node, _ in program.captures))
        self._known: dict[Node, Range] = dict.fromkeys(inputs, _INPUT)

    def learn(self, node: Node) -> None:
        rule = _RULES.get(node.op) if node.op is not None else None
        xs = [self.of(x) for x in node.operands]
        self._known[node] = _ANY if rule is None else rule(*xs)

    def of(self, x: Operand) -> Range:
        if type(x) is Node:
            return self._known.get(x, _ANY)
        array = np.asarray(x)
        if array.dtype.kind not in "biuf" or array.size == 0:
            return _ANY
        low, high = float(array.min()), float(array.max())
        return (low, high, FINITE) if math.isfinite(low) and math.isfinite(high) else _ANY

    def is_finite(self, x: Operand) -> bool:
        return self.of(x)[2] == FINITE


def _add(a: Range, b: Range) -> Range:
    kind = min(a[2], b[2])
    cancel = (a[0] == -math.inf and b[1] == math.inf) or (a[1] == math.inf and b[0] == -math.inf)
    if kind == NUMBER and cancel:  # inf - inf
        return _ANY
    return _plus(a[0], b[0], -math.inf), _plus(a[1], b[1], math.inf), kind


def _plus(x: float, y: float, unknown: float) -> float:
    return unknown if math.isnan(x + y) else x + y


def _negative(a: Range) -> Range:
    return -a[1], -a[0], a[2]


def _multiply(a: Range, b: Range) -> Range:
    kind = min(a[2], b[2])
    if kind == NUMBER and any(x[0] <= 0 <= x[1] for x in (a, b)):  # 0 * inf
        return _ANY
    corners = [_times(x, y) for x in a[:2] for y in b[:2]]
    return min(corners), max(corners), kind


def _times(x: float, y: float) -> float:
    return 0.0 if x == 0 or y == 0 else x * y


def _divide(a: Range, b: Range) -> Range:
    if b[0] <= 0 <= b[1] or b[2] == ANYTHING or (a[2] != FINITE and b[2] != FINITE):
        return _ANY
    corners = [1 / b[0], 1 / b[1]]
    return _multiply(a, (min(corners), max(corners), FINITE))


def _square(a: Range) -> Range:
    return 0.0, max(_times(a[0], a[0]), _times(a[1], a[1])), a[2]


def _union(a: Range, b: Range) -> Range:
    return min(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2])


def _bounded(low: float, high: float) -> Callable[[Range], Range]:
    """Of a function that has limits at infinity."""
    return lambda a: (low, high, FINITE if a[2] else ANYTHING)


def _finite_of_finite(low: float, high: float) -> Callable[..., Range]:
    return lambda *xs: (low, high, FINITE) if all(x[2] == FINITE for x in xs) else _ANY


def _same(a: Range) -> Range:
    return a


def _summed(a: Range) -> Range:
    low, high = (0.0 if a[0] >= 0 else -math.inf), (0.0 if a[1] <= 0 else math.inf)
    return _ANY if a[2] == NUMBER and low < 0 < high else (low, high, a[2])


def _sqrt(a: Range) -> Range:
    return (math.sqrt(a[0]), math.sqrt(a[1]), a[2]) if a[0] >= 0 else _ANY


def _exp(a: Range) -> Range:
    low, high = (math.inf if x > 700 else math.exp(x) for x in a[:2])
    return min(low, 1e300), high, a[2] if high < math.inf else min(a[2], NUMBER)


def _zero_or_one(*_: Range) -> Range:
    return 0.0, 1.0, FINITE


_RULES: dict[Op, Callable[..., Range]] = {
    e.add: _add,
    e.subtract: lambda a, b: _add(a, _negative(b)),
    e.multiply: _multiply,
    e.divide: _divide,
    e.negative: _negative,
    e.square: _square,
    e.sqrt: _sqrt,
    e.exp: _exp,
    e.absolute: lambda a: (0.0, max(-a[0], a[1]), a[2]),
    e.sign: _bounded(-1.0, 1.0),
    e.tanh: _bounded(-1.0, 1.0),
    e.sin: _finite_of_finite(-1.0, 1.0),
    e.cos: _finite_of_finite(-1.0, 1.0),
    sigmoid: _bounded(0.0, 1.0),
    softmax: _finite_of_finite(0.0, 1.0),
    relu: lambda a: (max(a[0], 0.0), max(a[1], 0.0), a[2]),
    leaky_relu: _finite_of_finite(-math.inf, math.inf),
    e.maximum: _union,
    e.minimum: _union,
    where: lambda c, a, b: _union(a, b),
    matmul: _finite_of_finite(-math.inf, math.inf),
    sum_: _summed,
    mean: _summed,
    **dict.fromkeys((e.wins, e.equal, e.not_equal, e.less, e.less_equal, e.greater, e.greater_equal), _zero_or_one),
    **dict.fromkeys((broadcast_to, expand_dims, ravel, reshape, squeeze, swapaxes, transpose), _same),
}
