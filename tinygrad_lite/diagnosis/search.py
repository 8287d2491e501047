"""Search: which wrong formula gives the user's numbers?

Every mutation of the right formula is evaluated on the data given. Those that agree with the user's numbers to
rounding, up to a constant factor, are kept; a constant factor is told as the factor it is, or it does not count.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Container, Mapping
from typing import Any

import numpy as np

from ..notice import Notice
from ..program.program import Operand
from ..rules.shaping import broadcast_to
from .bench import CHECK, NAMES, REFUSALS, SUMS, Bench, Mutation
from .factors import ANY, PLAIN, Factors, describe_factor
from .fits import find_fits
from .mutations import mutate
from .targets import Explanation, Target
from .trees import find_leaf

_MOST = 12  # explanations that are kept
_SPELLED = 40  # … and that are written out, to see which is the shortest of those that are equally likely
_STEPS = 12_000  # of pairs in one line, computed at most: a second
_ALL_STEPS = 30_000  # of all lines of a comparison
_ALL_UPSTREAM = 60_000  # … of single mistakes in lines that were not given
_ALL_ANEW = 40_000  # … of single mistakes in what was computed anew
_COMMON = 1.45  # pairs of mistakes that cost no more are tried first
_LIKELY = 2.2  # mistakes that cost more are not tried in pairs
_ANEW = 2.0  # … nor in what was computed anew
_CLEAR = 3.0  # an explanation as simple as this needs no rivals that are computed anew
_REPEATED = 0.8  # what it costs to assume that a smaller result was repeated to the shape
_SILENT = 2.0  # seconds
_WIDTH = 16  # of the bar, in signs
_WORK = 2e8  # numbers computed at most, in the search for pairs in one line


class Patience:
    """How much of the search for pairs of mistakes is left to a comparison. It is counted in steps, not in seconds, so
    that a verdict is the same on every machine. What takes seconds says so in a terminal.
    """

    def __init__(self) -> None:
        self._steps, self._hopeless = _ALL_STEPS, set[tuple[str, bytes]]()
        self.upstream, self.anew = _ALL_UPSTREAM, _ALL_ANEW  # what is left for lines not given, for values anew
        self._notice, self._line = Notice(_SILENT), ""

    def tell(self, done: int = 0, line: str | None = None) -> None:
        """How far the search is. line: the name of the line that is looked at from now on; done: steps taken in it."""
        self._line = line or self._line
        full = round(_WIDTH * (1 - (self._steps - done) / _ALL_STEPS))
        self._notice.tell(f"compare {'#' * full}{'.' * (_WIDTH - full)} {self._line}")

    def end(self) -> None:
        """Nothing is looked for any more."""
        self._notice.wipe()

    def grant(self, line: tuple[str, bytes], size: int) -> int:
        """The steps for one line, its text and its value; none where the same was searched in vain before."""
        return 0 if line in self._hopeless else min(self._steps, _STEPS, int(_WORK / max(size, 50)))

    def book(self, line: tuple[str, bytes], steps: int, in_vain: bool) -> None:
        self._steps -= steps
        if in_vain:
            self._hopeless.add(line)


class Search:
    """The search in one derivation: bench holds the values that the user's line was computed from."""

    def __init__(
        self,
        bench: Bench,
        factors: Factors,
        update: dict[str, str],
        patience: Patience,
        definitions: Mapping[str, Operand],
    ) -> None:
        """update: parameters, and the names of their gradients, as in W - α dW. definitions: how the forward pass
        computes its variables.
        """
        self.bench, self.factors, self.update, self.patience = bench, factors, update, patience
        self.definitions = definitions
        self._place: Callable[[Operand], Operand | None] = lambda x: x
        self._started = 0  # the steps that had been taken when the search for pairs began

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
        if target.numbers.size > 1 and self._place(root) is root:
            found += find_fits(self.bench, self.factors, root, target, self.update)
            self.bench.forget(mark)
        if min((e.cost for e in found), default=np.inf) > _CLEAR:
            self._try_anew(root, target, found)
        is_multiple = target.numbers.size > 1 and any(e.mutations[0].new is e.root for e in found)
        if pairs and not is_multiple:  # two mistakes that make one factor are told as the factor
            self._try_pairs(root, singles, target, found)
        self.bench.forget(mark)
        likeliest = sorted(found, key=lambda e: e.cost)[:_SPELLED]
        return sorted(likeliest, key=self._rank)[:_MOST]

    def _try_anew(self, root: Operand, target: Target, found: list[Explanation]) -> None:
        """A value of the forward pass computed anew in the backward pass, in another way."""
        mark = self.bench.mark
        for name, definition in self.definitions.items():
            if self.patience.anew <= 0:
                return
            before = self.bench.count
            leaf = self.bench.leaves.get(name)
            paths = [] if leaf is None else find_leaf(root, leaf)
            for m in mutate(self.bench, definition, _ANEW) if paths else ():
                other = self.bench.replace(definition, m.path, m.new)
                new = None if other is None else self.bench.replace_all(root, paths, other)
                if new is not None:
                    what = "`{2}` stands where `{0}` belongs, which is `{1}`"
                    cost = m.cost + 0.6
                    self._try(new, (Mutation(new, cost, what, (leaf, definition, other), NAMES),), target, found)
                self.bench.forget(mark)
            whole = self.bench.replace_all(root, paths, definition) if paths else None
            if whole is not None and target.numbers.size > 1 and self._place(whole) is whole:
                found += find_fits(self.bench, self.factors, whole, target, {})
                self.bench.forget(mark)
            self.patience.anew -= self.bench.count - before

    def _rank(self, e: Explanation) -> tuple[float, int]:
        return e.cost, len(self.bench.spell(e.root))

    def _try(self, new: Operand, mutations: tuple[Mutation, ...], target: Target, found: list[Explanation]) -> None:
        try:
            placed = self._place(new)
            if placed is None:
                return
            value = self.bench.value(placed)
        except REFUSALS:
            return
        factor = target.find_factor(value)
        if factor is None and len(mutations) < 2:
            self._try_repeated(new, mutations, value, target, found)
        if factor is None or (factor == 1.0 and not mutations):
            return
        expressed = self.factors.express(factor, new)
        if expressed is None or expressed[0] is None:
            return
        whole, words, cost = expressed
        if cost >= (PLAIN if mutations else ANY) and target.is_constant:
            return  # some factor always fits one number
        placed = self._place(whole)
        if placed is None or not target.matches(self.bench.value(placed)):
            return
        if words:
            scaled = Mutation(whole, cost, describe_factor(words), (), CHECK)
            mutations = (*mutations, scaled)
        together = sum(m.cost for m in mutations) + 0.5 * (len(mutations) - 1)
        found.append(Explanation(whole, mutations, together))

    def _try_repeated(
        self, new: Operand, mutations: tuple[Mutation, ...], value: Any, target: Target, found: list[Explanation]
    ) -> None:
        """A smaller result that was repeated to fill the shape, as when a number is written into an array."""
        shape = target.numbers.shape
        if np.shape(value) == shape or np.size(value) >= target.numbers.size or self._place(new) is not new:
            return
        whole = self.bench.apply(broadcast_to, new, shape=shape)
        if whole is not None:
            repeated = Mutation(whole, _REPEATED, f"`{{}}` is repeated to the shape {shape}", (new,), SUMS)
            self._try(whole, (*mutations, repeated), target, found)

    def _try_pairs(self, root: Operand, singles: list[Mutation], target: Target, found: list[Explanation]) -> None:
        """Two mutations: first two that are common, then others as well."""
        line = self.bench.spell(root), np.asarray(self.bench.value(root)).tobytes()
        start, before = self.bench.count, len(found)
        self._started = start
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
            self.patience.tell(self.bench.count - self._started)
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
