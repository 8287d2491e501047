"""Comparing autograd's numbers with numerical ones, each within its own error bar.

Two computations of the same thing, equal up to rounding, are another question (see rounding.py): here one of the two is
an estimate, and how far off it may be is measured, number by number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .numerical import EPS, Estimate, Vector
from .report import Entry, Mistake
from .vectors import concatenate

RESOLVED = 1e-3  # two numbers agree to this, or nothing can be said of an error of 0.1 %
NEGLIGIBLE = 1e-9  # of the largest element: an uncertainty below it leaves no doubt about an element that is zero
_SETTLED = 24  # how many elements in dispute are looked at again, by differences
_SHOWN = 4  # mistakes told in full, per input
RIGHT, WRONG = "right", "wrong"
KINK = "a kink: the slopes on the two sides differ"
EDGE = "the edge of where f is defined: a small step away, its value is not finite"
NOISE = "the value is below the noise of f"
COARSE = "float32 is too coarse here"
ROUNDING = "the difference is within the rounding errors of the arithmetic itself"
UNDEFINED = "the value of f, or its slope, is not finite here"


@dataclass(frozen=True)
class Comparison:
    """Numbers of autograd's beside numerical ones, and the outcome for each: 'right', 'wrong' or the
    reason why it cannot be told.
    """

    auto: Vector
    value: Vector
    error: Vector
    methods: list[str]
    outcomes: list[str]

    @staticmethod
    def concatenate(several: list[Comparison]) -> Comparison:
        return Comparison(
            concatenate([found.auto for found in several]),
            concatenate([found.value for found in several]),
            concatenate([found.error for found in several]),
            [method for found in several for method in found.methods],
            [outcome for found in several for outcome in found.outcomes],
        )

    def entry(self, name: str, mode: str, claimed: str, order: int, size: int, element: Callable[[int], str]) -> Entry:
        """The entry of the report; claimed: whose numbers are checked; element(i): how number i is called."""
        wrong = [i for i, outcome in enumerate(self.outcomes) if outcome == WRONG]
        undecided = Counter(outcome for outcome in self.outcomes if outcome not in (RIGHT, WRONG))
        mistakes = tuple(
            Mistake(
                *(element(i), float(self.auto[i]), float(self.value[i]), float(self.error[i]), self.methods[i]),
                labels=(claimed, "numerical"),
            )
            for i in wrong[:_SHOWN]
        )
        methods = " and ".join(sorted(set(self.methods)))
        return Entry(name, mode, order, self.auto.size, size, methods, mistakes, len(wrong), dict(undecided))


@dataclass(frozen=True)
class Precision:
    """Of the arithmetic autograd worked in. eps: a unit in the last place."""

    eps: float

    @property
    def rtol(self) -> float:
        """What is always forgiven: little, but a rule that is right in float64 may lose some digits in float32."""
        return 1e-9 if self.eps <= EPS else 2e-4


def compare(
    auto: Vector,
    noise: Vector,
    estimate: Estimate,
    precision: Precision,
    unit: float,
    method: str,
    measure_rounding: Callable[[], Vector],
    by_differences: Callable[[NDArray[Any]], Estimate] | None = None,
) -> Comparison:
    """Judge each of autograd's numbers.

    noise: how far they move with the last digits of what they were computed from; measure_rounding: the same, measured
    with more care, and asked for only if something is in dispute. unit: the largest step over the size of what
    is varied, so that scale * unit is the slope of a value that changes by all of itself. by_differences: asked
    about the elements in dispute, which it settles (see `differences`).
    """
    outcomes = _decide(auto, noise, estimate, precision, unit)
    if WRONG in outcomes:
        noise = np.fmax(noise, measure_rounding())
        outcomes = _decide(auto, noise, estimate, precision, unit)
    methods = [method] * auto.size
    disputed = np.array([i for i, verdict in enumerate(outcomes) if verdict == WRONG][:_SETTLED], int)
    if by_differences is not None and disputed.size:
        second = by_differences(disputed)
        value, error, jump = estimate.value.copy(), estimate.error.copy(), estimate.jump.copy()
        for k, i in enumerate(disputed):
            gap = abs(second.value[k] - value[i])  # 1e-12: what the complex step itself is rounded by
            confirmed = gap <= second.error[k] + 1e-12 * abs(value[i]) and not second.kink[k]
            if not confirmed:
                value[i], error[i], jump[i] = second.value[k], second.error[k], second.jump[k]
                methods[i] = "differences"
        estimate = Estimate(value, error, jump, estimate.scale)
        outcomes = _decide(auto, noise, estimate, precision, unit)
    return Comparison(auto, estimate.value, estimate.error, methods, outcomes)


def _decide(auto: Vector, noise: Vector, estimate: Estimate, precision: Precision, unit: float) -> list[str]:
    """Each number on its own: 'right', 'wrong', or why it cannot be told."""
    value, error = estimate.value, estimate.error
    size = np.fmax(np.abs(auto), np.abs(value))
    bar = error + noise + precision.rtol * size
    gap = np.abs(auto - value)
    decided = bar <= RESOLVED * size
    largest = np.max(size, where=decided & np.isfinite(size), initial=0.0)
    decided |= (bar <= max(NEGLIGIBLE, 16 * precision.eps) * largest) | (size == 0)
    narrow = precision.eps > EPS
    outcomes = np.where(gap <= bar, np.where(decided, RIGHT, NOISE), WRONG).astype(object)  # NaN: wrong
    outcomes[(outcomes == NOISE) & (noise > error) & narrow] = COARSE
    # A zero among larger numbers is often a sum that cancels: how exactly it does so depends on the processor's BLAS.
    cancels = (np.abs(value) <= error) & (gap <= 8 * precision.eps * largest)
    outcomes[(outcomes == WRONG) & cancels] = RIGHT
    # sigmoid'(30) computed as y (1 - y) is off by a rounding error of y, not of its own tiny value.
    forgiven = gap <= 8 * precision.eps * np.maximum(estimate.scale * unit, 1.0)
    outcomes[(outcomes == WRONG) & forgiven] = COARSE if narrow else ROUNDING
    outcomes[~np.isfinite(error)] = UNDEFINED
    # At a kink anything between the two slopes is a convention; what lies outside of them is a mistake.
    between = ~(gap > bar + 0.501 * estimate.jump)
    kink = estimate.kink & between & np.isfinite(auto) & np.isfinite(estimate.scale)
    outcomes[kink] = np.where(np.isfinite(estimate.jump), KINK, EDGE)[kink]
    return list(outcomes)
