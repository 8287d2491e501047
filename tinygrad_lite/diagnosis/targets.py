"""Targets: the numbers that a formula is looked for, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..program.program import Operand
from .bench import Mutation


@dataclass(frozen=True)
class Explanation:
    """A formula that gives the user's numbers, and the mistakes that lead to it."""

    root: Operand
    mutations: tuple[Mutation, ...]
    cost: float


@dataclass(frozen=True)
class Target:
    """The user's numbers for one line, and how far each may be off."""

    numbers: Any
    tolerance: Any

    def matches(self, value: Any, factor: float = 1.0) -> bool:
        return bool(np.all(np.abs(self.numbers - factor * value) <= self.tolerance))

    def find_factor(self, value: Any) -> float | None:
        """The number that the value must be multiplied by, if there is one."""
        if np.shape(value) != self.numbers.shape or np.asarray(value).dtype.kind not in "fib":
            return None
        v = np.asarray(value, dtype=float).ravel()
        size, along = float(v @ v), float(v @ self._flat)
        if size and self._size - along * along / size > self._far:
            return None  # by Pythagoras: no multiple comes near enough
        if self.matches(value):
            return 1.0
        factor = along / size if size else 0.0
        if not factor or not np.isfinite(factor):
            return None
        return factor if self.matches(value, factor) else None

    @cached_property
    def _flat(self) -> Any:
        return self.numbers.ravel()

    @cached_property
    def _size(self) -> float:
        return float(self._flat @ self._flat)

    @cached_property
    def _far(self) -> float:
        """What the squares of all differences may add up to; 1e-12 is for the rounding of the sums."""
        allowed = np.broadcast_to(self.tolerance, self.numbers.shape).ravel()
        return 2 * float(allowed @ allowed) + 1e-12 * self._size

    @cached_property
    def is_constant(self) -> bool:
        """Whether all numbers are one."""
        return self.numbers.size == 0 or bool(np.all(np.abs(self.numbers - self.numbers.flat[0]) <= self.tolerance))

    @property
    def says_nothing(self) -> bool:
        """Whether zero would match as well: then everything does, times zero."""
        return self.matches(np.zeros(()))
