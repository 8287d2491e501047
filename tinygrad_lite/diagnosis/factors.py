"""Factors: constant factors that mean something."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from ..program.program import Node, Operand, is_scalar
from ..rules.elementwise import divide, multiply, negative, sqrt, subtract
from ..rules.reductions import sum as sum_
from .bench import Bench

FITTED = 1e-6
"""How far, relatively, a factor may be off that was fitted to numbers: some roundings of float32, in which they may be
stored."""
_MEANT = 1e-9
"""The same for a number of few digits that somebody may have written. This is evidence, not rounding: any factor at all
is within 1e-6 of one of four digits with a chance of one in a hundred, and within this with one of one in a hundred
thousand."""
PLAIN = 1.9  # what a constant factor of one or two digits costs, such as 0.2 or 1.5
ANY = 4.5  # and one that is nothing in particular


class Factors:
    """Constant factors that mean something: signs, small numbers, lengths of axes and their ratios."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        sizes = [(leaf, float(bench.value(leaf))) for leaf in bench.sizes]
        self._known: list[tuple[float, float, Operand | None, Operand | None]] = []  # value, cost, times, over
        for number, cost in ((1, 0.0), (2, 1.2), (0.5, 1.2), (4, 2.5), (0.25, 2.5), (3, 2.5)):
            times = None if number in (1, 0.5, 0.25) else number
            over = {0.5: 2, 0.25: 4}.get(number)
            if number != 1:
                self._known.append((number, cost, times, over))
            for leaf, n in sizes:
                own = cost + (1.2 if leaf.name == "m" else 1.5 if (leaf.name or "").isidentifier() else 1.8)
                if number in (1, 2):
                    self._known.append((number * n, own, self._times(number, leaf), None))
                    self._known.append((number / n, own, None if number == 1 else number, leaf))
                if number == 2:
                    self._known.append((1 / (2 * n), own, None, bench.apply(multiply, 2, leaf)))
                if number == 1:
                    less = bench.apply(subtract, leaf, 1)
                    if n > 2:
                        self._known.append((n / (n - 1), 1.9, leaf, less))
                        self._known.append((1 / (n - 1), 2.2, None, less))
                    self._known.append((1 / n**2, own + 1, None, bench.apply(multiply, leaf, leaf)))
                    self._known.append((n**2, own + 1, bench.apply(multiply, leaf, leaf), None))
                    root = bench.apply(sqrt, leaf)
                    self._known.append((n**0.5, own + 1, root, None))
                    self._known.append((n**-0.5, own + 1, None, root))
        for (p, a), (q, b) in itertools.permutations(sizes, 2):
            self._known.append((a / b, 2.0, p, q))
            if p.name is not None and q.name is not None and p.name < q.name:
                self._known.append((1 / (a * b), 2.6, None, bench.apply(multiply, p, q)))
                self._known.append((a * b, 2.6, bench.apply(multiply, p, q), None))
        totals: list[tuple[Node | None, float]] = [(leaf, 1.8) for leaf in bench.scalars]
        totals += [(self._total(x), 2.2) for x in bench.arrays if not (x.name or "").startswith("d")]
        for total, own in totals:
            n = 0.0 if total is None else float(bench.value(total))
            if n > 0 and np.isfinite(n):
                self._known += [(n, own, total, None), (1 / n, own, None, total)]
                for p, a in [*sizes, *((other, float(bench.value(other))) for other in bench.scalars)]:
                    if p is not total and a > 0:
                        self._known += [(a / n, own + 0.3, p, total), (n / a, own + 0.3, total, p)]
        self._known = [entry for entry in self._known if 1e-12 < entry[0] < 1e12]
        self._known.sort(key=lambda entry: entry[1])

    def _total(self, x: Node) -> Node | None:
        """The sum of an array, as of the weights that examples have; None where its sign would be lost."""
        total = self.bench.apply(sum_, x)
        return total if total is not None and self.bench.value(total) > 0 else None

    def _times(self, number: float, leaf: Node) -> Operand | None:
        return leaf if number == 1 else self.bench.apply(multiply, number, leaf)

    def express(self, factor: float, root: Operand) -> tuple[Operand, str, float] | None:
        """root times the factor, the factor in words, and what it costs to assume."""
        if factor == 1:
            return root, "", 0.0
        sign = -1 if factor < 0 else 1
        if is_fitted(factor, sign):
            return self._negate(root), "-1", 1.0
        short = next((r for r in _round_off(factor, 4) if abs(r / factor - 1) < _MEANT), None)
        is_plain = short is not None and short == float(f"{short:.2g}")
        for value, cost, times, over in self._known:
            if is_plain and cost >= PLAIN:
                break
            if is_fitted(abs(factor), value):
                new: Operand | None = root
                if times is not None:
                    new = self.bench.apply(multiply, new, times)
                if over is not None:
                    new = self.bench.apply(divide, new, over)
                if sign < 0:
                    new = self.bench.apply(negative, new)
                words = ("1" if times is None else self.bench.spell(times)) + (
                    "" if over is None else f"/{self._enclose(over)}"
                )
                return new, ("-" if sign < 0 else "") + words, cost + (1.0 if sign < 0 else 0.0)
        number = float(f"{factor:.15g}")
        number = number if short is None else short
        cost = PLAIN if is_plain else 3.5 if short is not None else ANY
        return self.bench.apply(multiply, number, root), f"{number:.6g}", cost

    def _negate(self, x: Operand) -> Operand | None:
        """It with the other sign: without the minus that it starts with, if it does."""
        if type(x) is Node and x.op is negative:
            return x.operands[0]
        if type(x) is Node and x.op in (multiply, divide):
            first, second = x.operands
            if (type(first) is Node and first.op is negative) or (is_number(first) and first < 0):
                return self.bench.put_in(x, (self._negate(first), second))
        return -x if is_number(x) else self.bench.apply(negative, x)

    def _enclose(self, x: Operand) -> str:
        text = self.bench.spell(x)
        is_one_word = text.isidentifier() or text.isdigit() or text.startswith("np.")
        return text if is_one_word else f"({text})"


def is_number(x: Operand) -> bool:
    """Whether it is a real number that stands in the line."""
    return is_scalar(x) and not isinstance(x, (bool, np.bool_, complex))


def describe_factor(words: str) -> str:
    if words == "-1":
        return "the sign is wrong"
    return f"it is {words} times what it should be"


def shorten(x: float) -> float:
    """A number without the digits that rounding left behind."""
    return next((r for r in _round_off(x, 6) if is_fitted(x, r)), x)


def is_fitted(factor: float, number: float) -> bool:
    """Whether a factor that was fitted to the user's numbers is this one."""
    return abs(factor - number) < FITTED * abs(number)


def _round_off(x: float, digits: int) -> Iterator[float]:
    """It to one digit, to two, and so on."""
    for d in range(1, digits + 1):
        yield float(f"{x:.{d}g}")
