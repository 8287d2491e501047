"""Interval arithmetic: where the results of a function lie, told from where its operands lie.

A row of the table says it with `range=`: two numbers where the function is bounded and has limits at infinity
(`range=(-1, 1)` for tanh), or else a function of the operands' intervals, such as those below.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

FINITE, NUMBER, ANYTHING = 2, 1, 0


class Interval(NamedTuple):
    """Bounds, and what else: FINITE, or NUMBER (it may be infinite), or ANYTHING (it may be NaN). Overflow counts for
    exp alone, which reaches it soon."""

    low: float
    high: float
    kind: int


UNKNOWN = Interval(-math.inf, math.inf, ANYTHING)
REAL = Interval(-math.inf, math.inf, FINITE)


def interval_of(array: Any) -> Interval:
    """Where the entries of an array lie."""
    array = np.asarray(array)
    if array.dtype.kind not in "biuf" or array.size == 0:
        return UNKNOWN
    low, high = float(array.min()), float(array.max())
    if math.isnan(low):
        return UNKNOWN
    return Interval(low, high, FINITE if math.isfinite(low) and math.isfinite(high) else NUMBER)


def add(a: Interval, b: Interval) -> Interval:
    kind = min(a.kind, b.kind)
    cancel = (a.low == -math.inf and b.high == math.inf) or (a.high == math.inf and b.low == -math.inf)
    if kind == NUMBER and cancel:  # inf - inf
        return UNKNOWN
    return Interval(_plus(a.low, b.low, -math.inf), _plus(a.high, b.high, math.inf), kind)


def _plus(x: float, y: float, unknown: float) -> float:
    return unknown if math.isnan(x + y) else x + y


def negative(a: Interval) -> Interval:
    return Interval(-a.high, -a.low, a.kind)


def subtract(a: Interval, b: Interval) -> Interval:
    return add(a, negative(b))


def multiply(a: Interval, b: Interval) -> Interval:
    kind = min(a.kind, b.kind)
    if kind == NUMBER and (a.low <= 0 <= a.high or b.low <= 0 <= b.high):  # 0 * inf
        return UNKNOWN
    low, high = a.low, a.high
    corners = _times(low, b.low), _times(low, b.high), _times(high, b.low), _times(high, b.high)
    return Interval(min(corners), max(corners), kind)


def _times(x: float, y: float) -> float:
    return 0.0 if x == 0 or y == 0 else x * y


def divide(a: Interval, b: Interval) -> Interval:
    if b.low <= 0 <= b.high or b.kind == ANYTHING or (a.kind != FINITE and b.kind != FINITE):
        return UNKNOWN
    corners = [1 / b.low, 1 / b.high]
    return multiply(a, Interval(min(corners), max(corners), FINITE))


def square(a: Interval) -> Interval:
    return Interval(0.0, max(_times(a.low, a.low), _times(a.high, a.high)), a.kind)


def sqrt(a: Interval) -> Interval:
    return Interval(math.sqrt(a.low), math.sqrt(a.high), a.kind) if a.low >= 0 else UNKNOWN


def exp(a: Interval) -> Interval:
    low, high = (math.inf if x > 700 else math.exp(x) for x in a[:2])
    return Interval(min(low, 1e300), high, a.kind if high < math.inf else min(a.kind, NUMBER))


def absolute(a: Interval) -> Interval:
    return Interval(0.0, max(-a.low, a.high), a.kind)


def union(a: Interval, b: Interval) -> Interval:
    return Interval(min(a.low, b.low), max(a.high, b.high), min(a.kind, b.kind))


def positive_part(a: Interval) -> Interval:
    return Interval(max(a.low, 0.0), max(a.high, 0.0), a.kind)


def power(a: Interval, p: Interval) -> Interval:
    """Of a positive base, or with a whole exponent that is not negative."""
    kind = min(a.kind, p.kind, NUMBER)
    if a.low > 0:
        return Interval(0.0, math.inf, kind)
    if p.low != p.high or p.low < 0 or p.low != math.floor(p.low):
        return UNKNOWN
    return Interval(0.0 if a.low == 0 or p.low % 2 == 0 else -math.inf, math.inf, kind)


def without_pole(*xs: Interval) -> Interval:
    """Of a function that is a number for every number, though it may be too large for a float."""
    return Interval(-math.inf, math.inf, min(NUMBER, *(x.kind for x in xs)))


def total(a: Interval) -> Interval:
    """Of a sum of any number of entries, or of their mean."""
    low, high = (0.0 if a.low >= 0 else -math.inf), (0.0 if a.high <= 0 else math.inf)
    return UNKNOWN if a.kind == NUMBER and low < 0 < high else Interval(low, high, a.kind)


def same(a: Interval, *indices: Interval) -> Interval:
    """Of a function that arranges the same entries in another way, or picks some of them by indices."""
    return a


def with_limits(low: float, high: float) -> Callable[..., Interval]:
    """Of a function that has limits at infinity."""
    return lambda a: Interval(low, high, FINITE if a.kind else ANYTHING)


def between(low: float, high: float) -> Callable[..., Interval]:
    """Of a function that is bounded and never NaN, such as a comparison."""
    return lambda *xs: Interval(low, high, FINITE)


def finite_of_finite(low: float = -math.inf, high: float = math.inf) -> Callable[..., Interval]:
    """Of a function that is bounded, or at least finite, wherever all its operands are finite."""
    return lambda *xs: Interval(low, high, FINITE) if all(x.kind == FINITE for x in xs) else UNKNOWN
