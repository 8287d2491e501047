"""Search: which wrong formula gives the user's numbers?

Every mutation of the right formula is evaluated on the data given. Those that agree with the user's numbers to
rounding, up to a constant factor, are kept; a constant factor is told as the factor it is, or it does not count.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from ..program.program import Node, Operand
from ..rules.elementwise import add, divide, multiply, negative, sqrt, subtract
from .mutations import CHECK, Bench, Mutation, mutate, positions

_MOST = 12  # explanations that are kept
_STEPS = 12_000  # of pairs in one line, computed at most: a second
_ALL_STEPS = 30_000  # of all lines of a comparison
_PLAIN = 1.9  # what a constant factor of one or two digits costs, such as 0.2 or 1.5
_COMMON = 1.45  # pairs of mistakes that cost no more are tried first
_LIKELY = 2.2  # mistakes that cost more are not tried in pairs
_WORK = 2e8  # numbers computed at most, in the search for pairs in one line


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

    @property
    def says_nothing(self) -> bool:
        """Whether zero would match as well: then everything does, times zero."""
        return self.matches(np.zeros(()))


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
        self._known.sort(key=lambda entry: entry[1])

    def _times(self, number: float, leaf: Node) -> Operand | None:
        return leaf if number == 1 else self.bench.apply(multiply, number, leaf)

    def express(self, factor: float, root: Operand) -> tuple[Operand, str, float] | None:
        """root times the factor, the factor in words, and what it costs to assume."""
        if factor == 1:
            return root, "", 0.0
        sign = -1 if factor < 0 else 1
        if abs(abs(factor) - 1) < 1e-6:
            return self.bench.apply(negative, root), "-1", 1.0
        short = next((r for d in range(1, 5) if abs((r := float(f"{factor:.{d}g}")) / factor - 1) < 1e-9), None)
        is_plain = short is not None and short == float(f"{short:.2g}")
        for value, cost, times, over in self._known:
            if is_plain and cost >= _PLAIN:
                break
            if abs(abs(factor) / value - 1) < 1e-6:
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
        cost = _PLAIN if is_plain else 3.5 if short is not None else 4.5
        return self.bench.apply(multiply, number, root), f"{number:.6g}", cost

    def _enclose(self, x: Operand) -> str:
        text = self.bench.spell(x)
        is_one_word = text.isidentifier() or text.isdigit() or text.startswith("np.")
        return text if is_one_word else f"({text})"


class Patience:
    """How much of the search for pairs of mistakes is left to a comparison. It is counted in steps, not in seconds, so
    that a verdict is the same on every machine.
    """

    def __init__(self) -> None:
        self._steps, self._hopeless = _ALL_STEPS, set[tuple[str, bytes]]()

    def grant(self, line: tuple[str, bytes], size: int) -> int:
        """The steps for one line, its text and its value; none where the same was searched in vain before."""
        return 0 if line in self._hopeless else min(self._steps, _STEPS, int(_WORK / max(size, 50)))

    def book(self, line: tuple[str, bytes], steps: int, in_vain: bool) -> None:
        self._steps -= steps
        if in_vain:
            self._hopeless.add(line)


class Search:
    """The search in one derivation: bench holds the values that the user's line was computed from."""

    def __init__(self, bench: Bench, factors: Factors, update: dict[str, str], patience: Patience) -> None:
        """update: parameters, and the names of their gradients, as in W - α dW."""
        self.bench, self.factors, self.update, self.patience = bench, factors, update, patience
        self._place: Callable[[Operand], Operand | None] = lambda x: x

    def explain(
        self,
        root: Operand,
        target: Target,
        pairs: bool,
        place: Callable[[Operand], Operand | None] = lambda x: x,
        banned: Container[str] = (),
    ) -> list[Explanation]:
        """Formulas that give the target, the likeliest first.

        pairs: whether two mistakes are looked for. place: what the target is computed as, from the formula. banned:
        names that are not known yet where the formula stands.
        """
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self._explain(root, target, pairs, place, banned)

    def _explain(
        self,
        root: Operand,
        target: Target,
        pairs: bool,
        place: Callable[[Operand], Operand | None],
        banned: Container[str],
    ) -> list[Explanation]:
        self._place = place
        self.bench.ban(banned)
        found: list[Explanation] = []
        if target.says_nothing and np.shape(self.bench.value(root)) == target.numbers.shape:
            return found
        for shape in {x.shape for x in self.bench.arrays}:
            self.bench.slopes(shape)  # before the mark, so that they are computed once
        singles: list[Mutation] = []
        self._try(root, (), target, found)
        mark = self.bench.mark
        for m in mutate(self.bench, root):
            new = self.bench.replace(root, m.path, m.new)
            if new is not None:
                singles.append(m)
                self._try(new, (m,), target, found)
            self.bench.forget(mark)
        if target.numbers.size > 1:
            found += self._find_updates(root, target)
            found += self._find_additions(root, target)
        is_multiple = target.numbers.size > 1 and any(e.mutations[0].new is e.root for e in found)
        if pairs and not is_multiple:  # two mistakes that make one factor are told as the factor
            self._try_pairs(root, singles, target, found)
        self.bench.forget(mark)
        return sorted(found, key=self._rank)[:_MOST]

    def _rank(self, e: Explanation) -> tuple[float, int]:
        return e.cost, len(self.bench.spell(e.root))

    def _try(self, new: Operand, mutations: tuple[Mutation, ...], target: Target, found: list[Explanation]) -> None:
        try:
            placed = self._place(new)
            if placed is None:
                return
            value = self.bench.value(placed)
        except (ValueError, TypeError, KeyError, ArithmeticError):
            return
        factor = target.find_factor(value)
        if factor is None or (factor == 1.0 and not mutations):
            return
        expressed = self.factors.express(factor, new)
        if expressed is None or expressed[0] is None:
            return
        whole, words, cost = expressed
        if mutations and cost >= _PLAIN and target.numbers.size == 1:
            return  # some factor always fits one number
        placed = self._place(whole)
        if placed is None or not target.matches(self.bench.value(placed)):
            return
        if words:
            scaled = Mutation(whole, cost, _describe_factor(words), (), CHECK)
            mutations = (*mutations, scaled)
        together = sum(m.cost for m in mutations) + 0.5 * (len(mutations) - 1)
        found.append(Explanation(whole, mutations, together))

    def _try_pairs(self, root: Operand, singles: list[Mutation], target: Target, found: list[Explanation]) -> None:
        """Two mutations: first two that are common, then others as well."""
        line = self.bench.spell(root), np.asarray(self.bench.value(root)).tobytes()
        start, before = self.bench.count, len(found)
        end = start + self.patience.grant(line, target.numbers.size)
        for limit in (_COMMON, _LIKELY):
            self._try_pairs_up_to(limit, root, singles, target, found, end)
            if len(found) > before or self.bench.count >= end:
                break
        self.patience.book(line, self.bench.count - start, in_vain=len(found) == before)

    def _try_pairs_up_to(
        self,
        limit: float,
        root: Operand,
        singles: list[Mutation],
        target: Target,
        found: list[Explanation],
        end: int,
    ) -> None:
        """Pairs of mutations that each cost no more than the limit, as long as few enough steps were computed."""
        mark = self.bench.mark
        seen: set[int] = set()
        for first in sorted(singles, key=lambda m: m.cost):
            if first.cost > limit:
                break
            self.bench.forget(mark)
            changed = self.bench.replace(root, first.path, first.new)
            key = hash(np.asarray(self.bench.value(changed)).tobytes())
            if key in seen:
                continue
            seen.add(key)
            inner = self.bench.mark
            for second in mutate(self.bench, changed, limit):
                self.bench.forget(inner)
                if self.bench.count >= end:
                    return
                whole = self.bench.replace(changed, second.path, second.new)
                if whole is not None:
                    self._try(whole, (first, second), target, found)

    def _find_additions(self, root: Operand, target: Target) -> list[Explanation]:
        """Some multiple of a named value too much, as of W in weight decay."""
        found = []
        value = self.bench.value(root)
        if np.shape(value) != target.numbers.shape:
            return []
        for x in self.bench.arrays:
            v = np.asarray(self.bench.value(x), dtype=float)
            size = float(np.vdot(v, v))
            if v.shape != target.numbers.shape or not size or not np.isfinite(size):
                continue
            factor = _shorten(float(np.vdot(v, target.numbers - value)) / size)
            term = self.bench.apply(multiply, factor, x) if factor else None
            new = None if term is None else self.bench.apply(add, root, term)
            if new is not None and self._place(new) is new and target.matches(self.bench.value(new)):
                m = Mutation(new, 2.0, "`{}` is added", (term,), CHECK)
                found.append(Explanation(new, (m,), m.cost))
        return found

    def _find_updates(self, root: Operand, target: Target) -> Iterator[Explanation] | list[Explanation]:
        """A parameter after (or before) an update: W - α dW for some α."""
        found = []
        for path, x in positions(root):
            if type(x) is not Node or x.op is not None or x.name not in self.update:
                continue
            gradient = self.bench.leaves.get(self.update[x.name])
            if gradient is None or gradient not in self.bench.arrays:
                continue
            stepped = self.bench.replace(root, path, gradient)
            v0, v1 = self.bench.value(root), None if stepped is None else self.bench.value(stepped)
            if v1 is None or np.shape(v1) != target.numbers.shape or np.shape(v0) != target.numbers.shape:
                continue
            size = float(np.vdot(v1, v1))
            if not size or not np.isfinite(size):
                continue
            alpha = float(np.vdot(v1, v0 - target.numbers)) / size
            short = _shorten(alpha)
            if not short:
                continue
            change = self.bench.apply(multiply, short, gradient)
            updated = self.bench.apply(subtract, x, change) if change is not None else None
            new = None if updated is None else self.bench.replace(root, path, updated)
            if new is not None and self._place(new) is new and target.matches(self.bench.value(new)):
                when = "after" if short > 0 else "before"
                why = "All gradients are taken at the same parameters: compute every one of them before changing any."
                what = f"`{{}}` is the one {when} the update, not the one of this forward pass"
                m = Mutation(new, 1.3, what, (x,), why)
                found.append(Explanation(new, (m,), 1.3))
        return found


def _describe_factor(words: str) -> str:
    if words == "-1":
        return "the sign is wrong"
    return f"it is {words} times what it should be"


def _shorten(x: float) -> float:
    """A number without the digits that rounding left behind."""
    return next((r for d in range(1, 7) if x and abs((r := float(f"{x:.{d}g}")) / x - 1) < 1e-7), x)
