"""Slopes to either side, measured: whether a gradient that differs from ours in some entries is right there, too.

Where f has a kink that no step of it tells of (the length of a vector that is 0, two entries in the order of a sort,
the corner of straight lines), a derivative may be anything between the slopes of the two sides. They are measured by
differences of f itself, in float64: of one entry after the other, and of several together, since the halves of a tie
are right by themselves and wrong together.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..program.derivation.values import compute_nodes
from ..program.program import Node, Program
from ..program.simplify import drop_dead

_STEP = 1e-6  # relative to the largest entry: a difference quotient of the second order is exact to 1e-10
_SHORTER = 8  # a kink looks the same through a stronger glass; a curve does not
_VISIBLE = 1e-5  # a smaller jump of the slope, relative to the slope, is none
_EXACT = 1e-7  # how exact a measured slope is, relative to the largest
_MOST = 64  # entries that are looked at; of more, these are drawn
_TOGETHER = 4  # directions in which all of them are moved


class Sides:
    """What f's cost does when a value on the way to it is moved."""

    def __init__(self, program: Program, arrays: list[Any], values: Mapping[Node, Any]) -> None:
        self._program = drop_dead(Program(program.inputs, program.captures, program.steps, program.outputs[:1]))
        self._arrays, self._values = arrays, values

    def allow(self, node: Node, slopes: Any, expected: Any, apart: Any) -> bool:
        """Whether slopes, of f with respect to a node's entries, are right where they are apart from what is expected,
        because f has a kink there and they lie between its sides."""
        x: Any = self._values.get(node)
        places = np.flatnonzero(apart)
        if type(self._program.outputs[0]) is not Node or getattr(x, "dtype", None) != np.float64 or not len(places):
            return False
        rng = np.random.default_rng(0)
        places = places[np.argsort(-np.abs(slopes - expected).flat[places])]  # a wrong one is seen at once
        found: dict[Any, tuple[float, float]] = {}
        for place in [places[0], *rng.permutation(places[1:])[: _MOST - 1]]:
            direction = np.zeros(x.shape)
            direction.flat[place] = 1
            sides = self._measure(node, x, direction, alone=True)
            if sides is None:
                return False
            left, right, exact = sides
            if not min(left, right) - exact <= slopes.flat[place] <= max(left, right) + exact:
                return False
            found[place] = left, right
        return all(self._allow_together(node, x, found, slopes, rng) for _ in range(_TOGETHER if len(found) > 1 else 0))

    def _allow_together(self, node: Node, x: Any, found: Mapping[Any, Any], slopes: Any, rng: Any) -> bool:
        """Whether the entries have nothing to do with one another, moved in one direction; or else, as the slopes of a
        tie, are between the sides together."""
        direction = np.zeros(x.shape)
        direction.flat[list(found)] = rng.choice([-1, 1], size=len(found)) * rng.uniform(0.5, 1, size=len(found))
        sides = self._measure(node, x, direction, alone=False)
        if sides is None:
            return False
        left, right, exact = sides
        moves = zip(direction.flat[list(found)], found.values(), strict=True)
        alone = sum(step * pair[int(step > 0)] for step, pair in moves)
        exact *= len(found)
        if abs(right - alone) <= exact:
            return True
        slope = float(np.sum(slopes.flat[list(found)] * direction.flat[list(found)]))
        return bool(min(left, right) - exact <= slope <= max(left, right) + exact)

    def _measure(self, node: Node, x: Any, direction: Any, alone: bool) -> tuple[float, float, float] | None:
        """The slopes to the left and to the right, and how exact they are; None where they are none, or, of an entry
        alone, where they are the same."""
        step = _STEP * (float(np.max(np.abs(x))) or 1.0)
        cost = float(self._values[self._program.outputs[0]])
        coarse = self._slopes(node, x, direction, step, cost)
        exact = _EXACT * max(map(abs, coarse)) + 100 * 2.0**-52 * abs(cost) * _SHORTER / step
        jump = abs(coarse[1] - coarse[0])
        if not np.all(np.isfinite(coarse)) or (alone and jump < _VISIBLE * max(map(abs, coarse)) + 100 * exact):
            return None
        fine = self._slopes(node, x, direction, step / _SHORTER, cost)
        return (*fine, exact) if max(map(abs, np.subtract(coarse, fine))) <= 100 * exact else None

    def _slopes(self, node: Node, x: Any, direction: Any, step: float, cost: float) -> tuple[float, float]:
        """To the left and to the right, of three points each."""
        found = []
        for h in (-step, step):
            half, whole = self._cost(node, x + h / 2 * direction), self._cost(node, x + h * direction)
            found.append((4 * half - whole - 3 * cost) / h)
        return found[0], found[1]

    def _cost(self, node: Node, x: Any) -> float:
        pairs = zip(self._program.inputs, self._arrays, strict=True)
        values = compute_nodes(self._program, [x if y is node else array for y, array in pairs], decided={node: x})
        return float("nan") if values is None else float(values[self._program.outputs[0]])
