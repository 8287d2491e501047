"""Judging autograd's numbers against numerical ones, each by its own error bar."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .numerical import EPS, Estimate, Vector
from .report import Entry, Mistake
from .sides import AutogradSide
from .vectors import joined

RESOLVED = 1e-3  # two numbers agree to this, or nothing can be said of an error of 0.1 %
NEGLIGIBLE = 1e-9  # of the largest element: an uncertainty below it leaves no doubt about an element that is zero
_SETTLED = 24  # how many elements in dispute are looked at again, by differences
_SHOWN = 4  # mistakes told in full, per input
RIGHT, WRONG = "right", "wrong"
KINK = "a kink: the slopes on the two sides differ, or f is not defined on one"
NOISE = "the value is below the noise of f"
COARSE = "float32 is too coarse here"
UNDEFINED = "the value of f, or its slope, is not finite here"


@dataclass(frozen=True)
class Found:
    """Numbers of autograd's beside numerical ones, and the judgement of each: 'right', 'wrong' or a
    reason.
    """

    auto: Vector
    value: Vector
    error: Vector
    methods: list[str]
    judgement: list[str]

    @staticmethod
    def joined(several: list[Found]) -> Found:
        return Found(
            joined([found.auto for found in several]),
            joined([found.value for found in several]),
            joined([found.error for found in several]),
            [method for found in several for method in found.methods],
            [judgement for found in several for judgement in found.judgement],
        )

    def entry(self, name: str, mode: str, order: int, size: int, element: Callable[[int], str]) -> Entry:
        """The entry of the report; element(i): how number i is called."""
        wrong = [i for i, judgement in enumerate(self.judgement) if judgement == WRONG]
        undecided = Counter(judgement for judgement in self.judgement if judgement not in (RIGHT, WRONG))
        mistakes = tuple(
            Mistake(element(i), float(self.auto[i]), float(self.value[i]), float(self.error[i]), self.methods[i])
            for i in wrong[:_SHOWN]
        )
        methods = " and ".join(sorted(set(self.methods)))
        return Entry(name, mode, order, self.auto.size, size, methods, mistakes, len(wrong), dict(undecided))


def compare(
    auto: Vector,
    noise: Vector,
    estimate: Estimate,
    by_differences: Callable[[NDArray[Any]], Estimate],
    method: str,
    autograd: AutogradSide,
) -> Found:
    """Judge each number; what disagrees with the complex step is looked at again by differences, which have
    the say.
    """
    judgement = _judge(auto, noise, estimate, autograd)
    methods = [method] * auto.size
    disputed = np.array([i for i, verdict in enumerate(judgement) if verdict == WRONG][:_SETTLED], int)
    if method == "complex step" and disputed.size:
        second = by_differences(disputed)
        value, error, jump = estimate.value.copy(), estimate.error.copy(), estimate.jump.copy()
        for k, i in enumerate(disputed):
            gap = abs(second.value[k] - value[i])
            confirmed = gap <= second.error[k] + 1e-12 * abs(value[i]) and not second.kink[k]
            if not confirmed:
                value[i], error[i], jump[i] = second.value[k], second.error[k], second.jump[k]
                methods[i] = "differences"
        estimate = Estimate(value, error, jump)
        judgement = _judge(auto, noise, estimate, autograd)
    return Found(auto, estimate.value, estimate.error, methods, judgement)


def _judge(auto: Vector, noise: Vector, estimate: Estimate, autograd: AutogradSide) -> list[str]:
    """Each number on its own: 'right', 'wrong', or why it cannot be told."""
    value, error = estimate.value, estimate.error
    size = np.fmax(np.abs(auto), np.abs(value))
    bar = error + noise + autograd.rtol * size
    agree = np.abs(auto - value) <= bar  # False for NaN
    decided = bar <= RESOLVED * size
    largest = np.max(size, where=decided & np.isfinite(size), initial=0.0)
    decided |= (bar <= max(NEGLIGIBLE, 16 * autograd.eps) * largest) | (size == 0)
    judgement = np.where(agree, np.where(decided, RIGHT, NOISE), WRONG).astype(object)
    judgement[(judgement == NOISE) & (noise > error) & (autograd.eps > EPS)] = COARSE
    judgement[~np.isfinite(error)] = UNDEFINED
    # At a kink anything between the two slopes is a convention; what lies outside of them is a mistake.
    between = ~(np.abs(auto - value) > bar + 0.501 * estimate.jump)
    judgement[estimate.kink & between & np.isfinite(auto)] = KINK
    return list(judgement)
