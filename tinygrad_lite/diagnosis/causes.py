"""Causes: from entries that are wrong to the mistakes behind them.

An entry that is neither right nor follows from the user's own values is a mistake in its own line, or in a line
upstream that the user did not give. A line upstream is blamed where one mistake in it explains several entries, or
where nothing as simple does in the entry's own line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..program.program import Node, Operand
from ..rounding import describe_difference
from .bench import REFUSALS, Bench
from .factors import Factors
from .formulas import Derivation, Formula, as_numbers, evaluate, walk
from .search import Search
from .targets import Explanation, Target
from .telling import Suspect, is_truncated, tell, tell_missing, tell_unexplained, tell_whole, tell_zero

if TYPE_CHECKING:
    from .judging import Judge, Judged, Reading

_UNEXPLAINED = 9.0  # what an entry costs that no mistake explains: more than the unlikeliest two
_UPSTREAM = 0.4  # what it costs to blame a line that was not given
_STEPWISE = 0.2  # … the same line, written as the chain rule gives it step by step
_SIMPLE = 3.5  # no need to look for two mistakes in one line where one explains it as simply as this
_CLOSE = 0.5  # of two lines that are always equal, the shorter is told if it costs no more than this above the other
_EVIDENT = 2.5  # a mistake in a line that was not given that costs less, and explains several entries, is believed
_EXTRA = 2.0  # alternatives that cost this much more are not worth telling


@dataclass
class _Context:
    """One derivation, with the user's values in it."""

    derivation: Derivation
    bench: Bench
    search: Search
    roots: dict[str, Operand]  # of every line, in the convention of the reading

    def spell_line(self, name: str) -> str:
        return f"{name} = {self.derivation.spell(self.roots[name])}"


def find_causes(judge: Judge, reading: Reading) -> None:
    """Add the findings to the reading, and what it costs to assume them."""
    cleared = set()
    for name, j in reading.judged.items():
        j.upstream = [n for n in j.upstream if n not in cleared]
        if j.consistent and not j.right and not j.upstream:
            j.right = True  # it follows from what is right to rounding
            cleared.add(name)
    sources = [
        j for j in reading.judged.values() if not j.right and not j.consistent and np.all(np.isfinite(j.given.numbers))
    ]
    if sources:
        _Causes(judge, reading).find(sources)


class _Causes:
    def __init__(self, judge: Judge, reading: Reading) -> None:
        self.judge, self.reading = judge, reading
        self._open_contexts()

    def _open_contexts(self) -> None:
        self.contexts = [self._open(self.judge.simple)]
        if self.judge.chain is not self.judge.simple:
            self.contexts.append(self._open(self.judge.chain))

    def _open(self, derivation: Derivation, values: Mapping[str, Any] | None = None) -> _Context:
        bench = self.judge.bench(self.reading, derivation, values)
        roots = {f.name: self.reading.convention.write(bench, f) for f in derivation.formulas}
        parameters = {f.of: f.name for f in derivation.formulas if f.parameter}
        search = Search(bench, Factors(bench), parameters, self.judge.patience, derivation.forward)
        return _Context(derivation, bench, search, roots)

    def find(self, sources: list[Judged]) -> None:
        left = []
        for j in sources:
            is_zero = self._is_zero(j)
            if j.given.whole and (is_zero or is_truncated(j)):
                self._tell_whole(j)
            elif is_zero:
                self.reading.findings.append(tell_zero(j, self._spell_correct(j)))
                self.reading.cost += 1.5
            else:
                left.append(j)
        while True:
            own = {j.formula.name: self._explain_own(j, pairs=False) for j in left}
            upstream = self._explain_upstream(left, own)
            group = self._choose_upstream(upstream, own)
            if not group:
                break
            self._add(group)
            left = [j for j in left if j.formula.name not in group[0].explains]
            if not left:
                break
            self._assume(group[0])
        unexplained = []
        for j in left:
            name = j.formula.name
            suspects = own[name] + [s for s in upstream if s.explains == (name,)]
            if min((s.cost for s in suspects), default=_UNEXPLAINED) > _SIMPLE:
                suspects += self._explain_own(j, pairs=True)
            if suspects:
                self._add(suspects)
            elif j.given.whole:
                self._tell_whole(j)
            else:
                unexplained.append(j)
        self._tell_unexplained(unexplained)
        order = {f.name: i for i, (f, _) in enumerate(self.judge.formulas)}
        self.reading.findings.sort(key=lambda f: order.get(f.name, len(order)))

    def _tell_whole(self, j: Judged) -> None:
        self.reading.findings.append(tell_whole(j, self._spell_correct(j)))
        self.reading.cost += 1.0

    def _tell_unexplained(self, left: list[Judged]) -> None:
        """What is known of entries that no mistake explains. Several that are computed from the same line, which was
        not given, are wrong because that is.
        """
        while left:
            line, affected = self._find_common_line(left)
            self.reading.cost += _UNEXPLAINED
            if line:
                names = [j.formula.name for j in affected]
                self.reading.findings.append(tell_missing(line, self.contexts[0].spell_line(line), names))
            else:
                affected = left[:1]
                self.reading.findings.append(tell_unexplained(self.judge, left[0], self.contexts[0].roots))
            left = [j for j in left if j not in affected]

    def _find_common_line(self, left: list[Judged]) -> tuple[str, list[Judged]]:
        """The line that was not given from which most of the entries are computed, several at least; the nearest."""
        derivation = self.contexts[0].derivation
        best: tuple[str, list[Judged]] = "", []
        for formula in derivation.formulas:
            name = formula.name
            if name in self.reading.judged:
                continue
            users = [j for j in self.reading.judged.values() if name in self.judge.find_upstream(j.formula, derivation)]
            affected = [j for j in users if j in left]
            is_right = any(j.right and np.any(j.expected) for j in users)
            if len(affected) > 1 and not is_right and len(affected) >= len(best[1]):
                best = name, affected
        return best

    def _is_zero(self, j: Judged) -> bool:
        """Whether zeros were given where there is something: any formula, times zero, would explain them."""
        same = j.given.numbers.shape == j.predicted.shape
        return same and not np.any(j.given.numbers) and bool(np.any(np.abs(j.predicted) > j.slack))

    def _choose_upstream(self, suspects: list[Suspect], own: dict[str, list[Suspect]]) -> list[Suspect]:
        """The mistake in a line that was not given which explains most entries, more simply than mistakes in their own
        lines would; and its rivals.
        """
        for suspect in sorted(suspects, key=lambda s: (-len(s.explains), s.cost)):
            alone = sum(min([s.cost for s in own[n]], default=_UNEXPLAINED) for n in suspect.explains)
            if len(suspect.explains) > 1 and suspect.cost < alone:
                return sorted((s for s in suspects if set(s.explains) == set(suspect.explains)), key=lambda s: s.rank)
        return self._choose_shared(suspects, own)

    def _choose_shared(self, suspects: list[Suspect], own: dict[str, list[Suspect]]) -> list[Suspect]:
        """The same of one entry, where others follow from that line as well: those are looked at on top of it."""
        derivation = self.contexts[0].derivation
        users = {n: self.judge.find_upstream(j.formula, derivation) for n, j in self.reading.judged.items() if n in own}
        for suspect in sorted(suspects, key=lambda s: s.rank):
            (entry,) = suspect.explains if len(suspect.explains) == 1 else ("",)
            shared = any(suspect.name in lines for n, lines in users.items() if n != entry)
            if entry and shared and suspect.cost < min([s.cost for s in own[entry]], default=_UNEXPLAINED):
                return [s for s in suspects if s.explains == suspect.explains]
        return []

    def _assume(self, suspect: Suspect) -> None:
        """Compute what was not given from that wrong line on: the next mistake was made on top of it."""
        context, values = self.contexts[0], self.reading.values
        values[suspect.name] = context.bench.value(suspect.explanation.root)
        names = [f.name for f in context.derivation.formulas]
        for formula in context.derivation.formulas[names.index(suspect.name) + 1 :]:
            if formula.name not in self.reading.judged:
                values[formula.name] = evaluate(context.roots[formula.name], {**context.derivation.values, **values})
        self._open_contexts()

    def _spell_correct(self, j: Judged) -> str:
        context = next(c for c in self.contexts if j.formula.name in c.roots)
        return context.derivation.spell(context.roots[j.formula.name])

    def _add(self, suspects: list[Suspect]) -> None:
        suspects = self._without_equals(sorted(suspects, key=lambda s: s.rank))
        best = suspects[0]
        self.reading.cost += best.cost
        rivals = [s for s in suspects[1:] if s.cost <= best.cost + _EXTRA][:5]
        self.reading.findings.append(tell(self.judge, self.reading, best, rivals))

    # -- the entry's own line ------------------------------------------------------------------------------------------

    def _explain_own(self, j: Judged, pairs: bool) -> list[Suspect]:
        self.judge.patience.tell(line=j.formula.name)
        found: list[Suspect] = []
        target = self._aim(j)
        for context, penalty in zip(self._contexts_for(j), (0.0, _STEPWISE, 0.5), strict=False):
            root = context.roots.get(j.formula.name)
            if root is None or (penalty == _STEPWISE and self._is_same_line(context, j)):
                continue
            if min((s.cost for s in found), default=_UNEXPLAINED) <= _SIMPLE:
                break
            for e in context.search.explain(root, target, pairs, banned=self.judge.find_dependent(j.formula.name)):
                if context is self.contexts[0] or self._is_in_users_words(e.root):
                    found.append(self._suspect(context, j.formula.name, e, (j.formula.name,), penalty))
        return found

    def _contexts_for(self, j: Judged) -> list[_Context]:
        """The user's values; where some upstream are wrong, the true ones as well."""
        contexts = list(self.contexts)
        if j.upstream:
            factors = {f.name: self.reading.convention.factor(f) for f, _ in self.judge.formulas}
            true = {n: v * factors[n] if n in factors else v for n, v in self.judge.truth.items()}
            if len(contexts) == 1:
                contexts.append(contexts[0])
            contexts.append(self._open(self.judge.simple, true))
        return contexts

    def _is_same_line(self, context: _Context, j: Judged) -> bool:
        first = self.contexts[0]
        root = first.roots.get(j.formula.name)
        return root is not None and first.derivation.spell(root) == context.derivation.spell(
            context.roots[j.formula.name]
        )

    def _aim(self, j: Judged) -> Target:
        numbers = j.given.numbers
        if numbers.shape != j.expected.shape:
            slack = np.max(j.slack, initial=0.0)
        else:
            slack = np.maximum(j.slack, self.judge.tolerance_of(numbers, 0.0))
        return Target(numbers, slack)

    def _suspect(
        self, context: _Context, name: str, e: Explanation, explains: tuple[str, ...], penalty: float
    ) -> Suspect:
        spell = context.derivation.spell
        text = spell(e.root)
        first = self.contexts[0] if name in self.contexts[0].roots else context
        correct = first.derivation.spell(first.roots[name])
        what = tuple(context.bench.describe(m) for m in e.mutations)
        return Suspect(name, what, text, correct, e, explains, e.cost + penalty, (e.cost + penalty, len(text)))

    def _is_in_users_words(self, x: Operand) -> bool:
        """Whether it uses no value that the derivation alone has a name for."""
        judge = self.judge
        own = {*judge.recording.labels.forward.values(), *judge.recording.names.values(), *judge.given}
        return all(y.weak or y.name in own for y in walk(x) if y.op is None)

    # -- lines that were not given -------------------------------------------------------------------------------------

    def _explain_upstream(self, sources: list[Judged], own: dict[str, list[Suspect]]) -> list[Suspect]:
        context = self.contexts[0]
        lines = {f.name: f for f in context.derivation.formulas}
        missing: dict[str, list[Judged]] = {}
        for j in sources:
            for name in self.judge.find_upstream(j.formula, context.derivation):
                if name not in self.reading.judged:
                    missing.setdefault(name, []).append(j)
        found: list[Suspect] = []
        for name, affected in sorted(missing.items(), key=lambda entry: -len(entry[1])):
            best = min((s.cost for s in found if len(s.explains) > max(1, len(affected))), default=_UNEXPLAINED)
            if best < _EVIDENT or self.judge.patience.upstream <= 0:
                break  # one mistake explains more than any in this line could
            if len(affected) == 1 and any(s.cost < 1.0 for s in own[affected[0].formula.name]):
                continue
            for pilot in affected[:2]:
                found += self._explain_by(context, lines[name], pilot, affected)
        return found

    def _explain_by(self, context: _Context, line: Formula, pilot: Judged, affected: list[Judged]) -> list[Suspect]:
        """Mistakes in a line that was not given, found by way of the pilot."""
        if pilot.given.numbers.shape != pilot.expected.shape or pilot.formula.name not in context.roots:
            return []
        template = self._inline(context, context.roots[pilot.formula.name], line.name, {})

        def place(tree: Operand) -> Operand | None:
            return self._put_in_place(context, template, line.name, tree, {})

        root = context.roots[line.name]
        found, before = [], context.bench.count
        banned = self.judge.find_dependent(line.name)
        for e in context.search.explain(root, self._aim(pilot), pairs=False, place=place, banned=banned):
            explained = self._check(context, line.name, e)
            if explained is not None and pilot.formula.name in explained:
                found.append(self._suspect(context, line.name, e, explained, _UPSTREAM))
        self.judge.patience.upstream -= context.bench.count - before
        return found

    def _inline(self, context: _Context, x: Operand, until: str, known: dict[Node, Operand]) -> Operand:
        """The tree with the lines that were not given written out, but for one. known: what was written out: each line
        is there once, however many use it, as those of a loop all use the one before them.
        """
        if type(x) is not Node:
            return x
        if x not in known:
            if x.op is None:
                name = x.name or ""
                ends = name == until or name not in context.roots or name in self.reading.judged
                known[x] = x if ends else self._inline(context, context.roots[name], until, known)
            else:
                operands = [self._inline(context, y, until, known) for y in x.operands]
                same = all(a is b for a, b in zip(operands, x.operands, strict=True))
                known[x] = x if same else context.bench.put_in(x, operands) or x
        return known[x]

    def _put_in_place(
        self, context: _Context, x: Operand, name: str, tree: Operand, known: dict[Node, Operand | None]
    ) -> Operand | None:
        """The tree with another in the place of a name; None where it does not fit there."""
        if type(x) is not Node:
            return x
        if x not in known:
            if x.op is None:
                known[x] = tree if x.name == name else x
            else:
                operands = [self._put_in_place(context, y, name, tree, known) for y in x.operands]
                same = all(a is b for a, b in zip(operands, x.operands, strict=True))
                fits = all(a is not None or b is None for a, b in zip(operands, x.operands, strict=True))
                known[x] = x if same else context.bench.put_in(x, operands) if fits else None
        return known[x]

    def _check(self, context: _Context, name: str, e: Explanation) -> tuple[str, ...] | None:
        """The entries that this wrong line explains; None if it makes one wrong that is right."""
        values = dict(self.reading.values)
        values.update((n, context.derivation.values[n]) for n in context.derivation.values.keys() - values.keys())
        values[name] = context.bench.value(e.root)
        explained = []
        started = False
        for formula in context.derivation.formulas:
            if formula.name == name:
                started = True
                continue
            if not started:
                continue
            try:
                with np.errstate(all="ignore"):
                    predicted = evaluate(context.roots[formula.name], values)
            except REFUSALS:
                return None
            j = self.reading.judged.get(formula.name)
            if j is None:
                values[formula.name] = predicted
                continue
            same = j.given.numbers.shape == np.shape(predicted)
            fits = same and self._aim(j).matches(predicted)
            if j.right and not fits:
                return None
            if fits and not j.right and not j.consistent:
                explained.append(formula.name)
        return tuple(explained)

    # -- equal formulas ------------------------------------------------------------------------------------------------

    def _without_equals(self, suspects: list[Suspect]) -> list[Suspect]:
        """Without those that compute the same as a likelier one whatever the data are."""
        found: list[tuple[Suspect, Any]] = []
        for s in suspects:
            if any(s.name == other.name and s.written == other.written for other, _ in found):
                continue
            print_ = self._fingerprint(s)
            equal = [
                i for i, (o, p) in enumerate(found) if print_ is not None and s.name == o.name and _are_equal(print_, p)
            ]
            if not equal:
                found.append((s, print_))
            elif len(s.written) < len(found[equal[0]][0].written) and s.cost <= found[equal[0]][0].cost + _CLOSE:
                found[equal[0]] = s, print_
        return [s for s, _ in found]

    def _fingerprint(self, s: Suspect) -> list[Any] | None:
        found = []
        for values in self.judge.other_values[:1]:
            try:
                with np.errstate(all="ignore"):
                    found.append(as_numbers(evaluate(s.explanation.root, values)))
            except REFUSALS:
                return None
        return found or None


def _are_equal(a: list[Any], b: list[Any] | None) -> bool:
    if b is None:
        return False
    return all(describe_difference(x, y) is None for x, y in zip(a, b, strict=True))
