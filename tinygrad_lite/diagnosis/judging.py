"""Judging: every entry against the truth, and against its own line on the user's values; then the mistakes."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Any

import numpy as np

from .. import tree
from ..program.derivation.recording import record
from ..program.derivation.samples import draw_moderate_samples
from ..program.derivation.values import compute_nodes
from ..program.program import Node, Operand
from ..rounding import DRAWS, UNITS, find_whole_number, shake, tolerance
from ..tensor import Tensor
from .bench import REFUSALS, Bench
from .convention import Convention
from .entries import Given, describe_shape, describe_unknown
from .factors import FITTED
from .formulas import (
    NOTHING,
    Derivation,
    Formula,
    as_numbers,
    decide_equalities,
    derive_formulas,
    distance,
    evaluate,
    walk,
    widen,
)
from .kinks import EQUALITIES, decide_otherwise, is_choice
from .report import CANNOT_TELL, RIGHT, WRONG, Entry, Finding
from .search import Patience
from .sides import Sides
from .tidying import drop_guards
from .trees import key_of

_ROUNDINGS = 1000  # that an honest result may have added up: a loop over the examples has some hundreds
_VOTE = 0.2  # what an intermediate value that is right in a convention says for it
_AGAINST = 0.4  # what an entry that is right although it would not follow from the values before it says against it
_FORMS = 20  # an honest result may be this times the tolerance apart
_EDGE = 64  # units in the last place from 0 or 1, where few digits of 1 - A are left
_SETTLED = 1e-3  # a larger difference, relative to the largest entry, leaves it open even if rounding may explain it


@dataclass
class Judged:
    """One usable entry. expected: the truth in the convention; predicted: the line, on the user's upstream values."""

    given: Given
    formula: Formula
    expected: Any
    predicted: Any
    tolerance: Any  # of the truth
    slack: Any  # of the prediction
    leeway: Any  # what is in the tolerance because data lies on a kink
    right: bool = False
    consistent: bool = False
    upstream: list[str] = field(default_factory=list)  # the user's own wrong entries that it follows from


@dataclass
class _Line:
    """A line's value. moves: how far it moves with rounding errors of its own and of the values it uses; leeway: from
    one side of a kink to the other; others: what else it can be where several entries are the largest.
    """

    value: Any
    moves: Any
    leeway: Any
    others: list[Any]


@dataclass
class Reading:
    """The user's entries, read in one convention. sizes: by which there are other conventions."""

    convention: Convention
    judged: dict[str, Judged]
    values: dict[str, Any]  # of every name: the user's where there are some
    intermediates: set[str]  # gradients of what is no parameter
    sizes: list[str]
    findings: list[Finding] = field(default_factory=list)
    cost: float = 0.0


class Judge:
    """Compares the entries with f's derivation. wrt: positions of the arguments that are differentiated."""

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...], wrt: Any, given: dict[str, Given]) -> None:
        self.given, self.patience = given, Patience()
        recording = record(f, tree.map(widen, args), wrt)
        self.recording = replace(recording, program=drop_guards(recording.program, recording.inputs))
        wished = {name[1:] for name in given if name.startswith("d")}
        own_lines = wished & set(self.recording.labels.forward.values())
        inputs = [np.asarray(x._array if type(x) is Tensor else x) for x in tree.flatten(args)[0]]
        precisions = [float(np.finfo(x.dtype).eps) for x in inputs if x.dtype.kind == "f"]
        self.eps = max([*precisions, *(g.eps for g in given.values()), float(np.finfo(np.float64).eps)])
        single = self.eps > np.finfo(np.float64).eps
        self.tiny = float(np.finfo(np.float32 if single else np.float64).tiny)  # what is smaller has fewer digits
        self.simple, self.chain = self._derive(own_lines)
        self._rename_copies()
        self._rename_versions()
        self._add_constants()
        self.formulas = self._order()
        self.names = {f.name for f, _ in self.formulas}

    def _derive(self, own_lines: set[str]) -> tuple[Derivation, Derivation]:
        """The derivation as it is printed, and the chain rule step by step."""
        chain = derive_formulas(self.recording, False, own_lines, self.eps)
        try:
            import sympy  # noqa: F401
        except ImportError:
            return chain, chain
        return derive_formulas(self.recording, True, own_lines, self.eps), chain

    def _rename_copies(self) -> None:
        """Where a variable is a copy of another (A = Z), their gradients are one: it is called as it was given."""
        numbers = self.recording.cotangents
        for name in self.given:
            wanted = numbers.get(name[1:]) if name.startswith("d") else None
            for derivation in (self.simple, self.chain):
                if wanted is None or any(f.name == name for f in derivation.formulas):
                    continue
                for f in derivation.formulas:
                    other = numbers.get(f.of)
                    is_free = f.name not in self.given and not f.parameter
                    if is_free and other is not None and np.array_equal(other, wanted):
                        derivation.rename(f.name, name)
                        break

    def _rename_versions(self) -> None:
        """Where a name is given to several values in turn (Z = Z - np.max(Z)), its gradient is that of the one it fits
        best; of the last, where it fits all alike.
        """
        names = list(self.recording.labels.forward.values())
        for name, given in self.given.items():
            if given.numbers is None or names.count(name[1:]) < 2 or not name.startswith("d"):
                continue
            if any(f.name == name for d in (self.simple, self.chain) for f in d.formulas):
                continue
            version = re.compile(re.escape(name[1:]) + r"_?\d+")
            found = [f.name for f in self.chain.formulas if version.fullmatch(f.of) and f.of not in names]
            fits = {f: _measure_fit(given.numbers, self.chain.values[f]) for f in found if f not in self.given}
            if fits:
                best = next(f for f, fit in fits.items() if fit >= max(fits.values()) - FITTED)
                self.simple.rename(best, name)
                if self.chain is not self.simple:
                    self.chain.rename(best, name)

    def _add_constants(self) -> None:
        """Lines for gradients that are the same number everywhere, as of what the cost adds up: they were no steps."""
        for name in self.given:
            numbers = self.recording.cotangents.get(name[1:]) if name.startswith("d") else None
            if numbers is None or not np.ndim(numbers) or not np.size(numbers) or np.ptp(numbers):
                continue
            for derivation in (self.simple, self.chain):
                if all(f.name != name for f in derivation.formulas):
                    derivation.add_constant(name, np.asarray(numbers, dtype=float))

    def _order(self) -> list[tuple[Formula, Derivation]]:
        """The lines in the order of the backward pass; of two for one name, the printed one."""
        known = {f.name for f in self.simple.formulas}
        lines = [(f, self.simple) for f in self.simple.formulas]
        for i, f in enumerate(self.chain.formulas):
            if f.name not in known and f.name in self.given and f.of in self.chain.forward:
                later = {g.name for g in self.chain.formulas[i + 1 :]}
                at = next((k for k, (g, _) in enumerate(lines) if g.name in later), len(lines))
                lines.insert(at, (f, self.chain))
        return lines

    @cached_property
    def truth(self) -> dict[str, Any]:
        return {**self.chain.values, **self.simple.values}

    @cached_property
    def noise(self) -> dict[str, Any]:
        """How far the printed formulas move with rounding."""
        return {**self.chain.noise, **self.simple.noise}

    @cached_property
    def widest(self) -> dict[str, Any]:
        """The same, of the worse of two forms: the chain rule step by step divides by what the printed one cancels."""
        found = dict(self.noise)
        for name, moves in self.chain.noise.items():
            if np.shape(found[name]) == np.shape(moves):
                gap = distance(self.truth[name], self.chain.values[name])
                gap = np.nan_to_num(gap, nan=np.inf, posinf=np.inf)
                found[name] = np.max([found[name], moves, gap / _FORMS], axis=0)
        return found

    # -- conventions ---------------------------------------------------------------------------------------------------

    def find_conventions(self) -> list[Convention]:
        """∂J/∂Z, and m·∂J/∂Z for the sizes that the cost is divided by."""
        intermediates = {f.name for f, _ in self.formulas if not f.parameter}
        found = [Convention(None, 1, intermediates)]
        divisors: set[float] = set()
        for derivation in (self.simple, self.chain):
            for f in derivation.formulas:
                for x in walk(f.root):
                    for y in x.operands:
                        if type(y) is Node and y.weak and y.op is None:
                            divisors.add(float(derivation.values[y.name or ""]))
                        elif isinstance(y, (int, float)) and y:
                            divisors |= {abs(float(y)), abs(1 / float(y))}
        parameters = {f.of for f, _ in self.formulas if f.parameter}
        sizes = {name: n for name, n in self.simple.sizes.items() if name.partition(".shape")[0] not in parameters}
        for name in sorted(sizes, key=lambda n: (n != "m", not n.isidentifier())):
            n = sizes[name]
            used = any(find_whole_number(times * d / n) for d in divisors for times in (1, 2))
            said = name.isidentifier() or self._gives_intermediates()  # else nobody knows, and it makes no difference
            if said and used and n > 1 and (name == "m" or any(find_whole_number(d) == n for d in divisors)):
                found.append(Convention(name, n, intermediates))
        return found[:3]

    def _gives_intermediates(self) -> bool:
        return any(not f.parameter and f.name in self.given for f, _ in self.formulas)

    def read(self) -> list[Reading]:
        """The entries in each convention; in one alone if all that can be compared is right there."""
        conventions = self.find_conventions()
        sizes = [c.size for c in conventions if c.size is not None]
        readings = [self._read(c, sizes) for c in conventions]
        for reading in readings:
            reading.cost = -_VOTE * self._count_votes(reading) + _AGAINST * self._count_contradictions(reading)
        readings.sort(key=lambda r: r.cost)
        right = [r for r in readings if all(j.right for j in r.judged.values())]
        return right[:1] or readings

    def _count_votes(self, reading: Reading) -> int:
        """The intermediate values that are right in this convention; the first of them counts most."""
        several = [j.right and np.any(j.expected) for j in reading.judged.values() if not j.formula.parameter]
        return sum(bool(right) * (2 if i == 0 else 1) for i, right in enumerate(several))

    def _count_contradictions(self, reading: Reading) -> int:
        """The entries that are right though what was given for their line is wrong: two mistakes that cancel out."""
        wrong = {name for name, j in reading.judged.items() if not j.right}
        lines = reading.judged.values()
        return sum(j.right and not j.consistent and bool(j.formula.uses & wrong) for j in lines)

    # -- entries -------------------------------------------------------------------------------------------------------

    def _read(self, convention: Convention, sizes: list[str]) -> Reading:
        """Every entry beside the truth and beside its line, in this convention."""
        values = dict(self.truth)
        judged: dict[str, Judged] = {}
        wrong: set[str] = set()
        moves: dict[str, Any] = {}  # of what was not given
        misshapen: dict[str, Any] = {}  # what was given in another shape, with which the lines after it may be right
        for formula, derivation in self.formulas:
            name = formula.name
            factor = convention.factor(formula)
            expected = as_numbers(self.truth[name]) * factor
            bench = Bench(values, derivation.leaves, derivation.spell)
            root = convention.write(bench, formula)
            line = self._predict(root, values, derivation, moves)
            predicted = line.value
            given = self.given.get(name)
            if given is None or given.numbers is None or given.numbers.shape != expected.shape:
                values[name], moves[name] = predicted, line.moves
                if given is None or given.numbers is None:
                    continue
            leeway = derivation.leeway.get(name, 0.0) * factor
            tolerance = self.tolerance_of(expected, self.noise.get(name, 0.0) * factor) + leeway
            slack = self.tolerance_of(predicted, line.moves) + line.leeway
            j = Judged(given, formula, expected, predicted, tolerance, slack, leeway)
            judged[name] = j
            if given.numbers.shape != expected.shape:
                if formula.uses & misshapen.keys():
                    j.consistent = self._follows(root, {**values, **misshapen}, derivation, given)
                    j.upstream = [n for n in self.find_upstream(formula, derivation) if n in wrong]
                wrong.add(name)
                misshapen[name] = given.numbers
                continue
            choices = [expected, *(np.multiply(other, factor) for other in derivation.others.get(name, ()))]
            j.expected = next((y for y in choices if _within(given.numbers, y, tolerance)), expected)
            j.right = _within(given.numbers, j.expected, tolerance)
            if not j.right and not self._starts_from_given(formula, derivation):
                loose = self.tolerance_of(expected, self.widest.get(name, 0.0) * factor) + leeway
                j.right = _within(given.numbers, expected, loose)
            if not j.right and self._lies_on_kinks(formula, given.numbers, j, factor):
                j.right, j.leeway = True, np.maximum(j.leeway, np.abs(given.numbers - expected))
                j.tolerance = tolerance + j.leeway
            j.consistent = any(_within(given.numbers, value, slack) for value in (predicted, *line.others))
            if not j.right:
                j.upstream = [n for n in self.find_upstream(formula, derivation) if n in wrong]
                wrong.add(name)
                if not j.consistent and self._fits_chain(convention, name, values, given):
                    j.consistent = True
                    stepwise = next(f for f in self.chain.formulas if f.name == name)
                    j.upstream = [n for n in self.find_upstream(stepwise, self.chain) if n in wrong]
                if not j.consistent and formula.uses & misshapen.keys():
                    j.consistent = self._follows(root, {**values, **misshapen}, derivation, given)
            if np.all(np.isfinite(given.numbers)):
                values[name] = given.numbers
            else:
                values[name] = predicted
        intermediates = {f.name for f, _ in self.formulas if not f.parameter}
        return Reading(convention, judged, values, intermediates, sizes)

    def _lies_on_kinks(self, formula: Formula, numbers: Any, j: Judged, factor: float) -> bool:
        """Whether the entries that are off are right as well, between the slopes of f to either side."""
        layout = self.chain.page.layout
        node = next((node for node, name in layout.names.items() if name == formula.of), None)
        finite = np.isfinite(numbers) & np.isfinite(j.expected)
        apart = ~(np.abs(numbers - j.expected) <= j.tolerance)
        if node is None or not np.all(finite | ~apart):
            return False
        return self.sides.allow(node, numbers / factor, j.expected / factor, apart)

    @cached_property
    def sides(self) -> Sides:
        program, arrays = self.chain.page.layout.program, list(map(widen, self.recording.inputs))
        return Sides(program, arrays, compute_nodes(program, arrays) or {})

    def _starts_from_given(self, formula: Formula, derivation: Derivation) -> bool:
        """Whether the user gave all the gradients that a line is computed from, so that only this line is judged."""
        lines = {f.name for f in derivation.formulas}
        needed = formula.uses & lines
        return bool(needed) and all(n in self.given and self.given[n].numbers is not None for n in needed)

    def _fits_chain(self, convention: Convention, name: str, values: Mapping[str, Any], given: Given) -> bool:
        """Whether the numbers are those of the chain rule written step by step, on the user's values."""
        formula = next((f for f in self.chain.formulas if f.name == name), None)
        if formula is None:
            return False
        known = {**self.chain.values, **values}
        bench = Bench(known, self.chain.leaves, self.chain.spell)
        return self._follows(convention.write(bench, formula), known, self.chain, given)

    def _follows(self, root: Operand, values: Mapping[str, Any], derivation: Derivation, given: Given) -> bool:
        """Whether the numbers are those of a line, on values that need not have the shapes that they should have."""
        try:
            line = self._predict(root, values, derivation)
        except REFUSALS:
            return False
        slack = self.tolerance_of(line.value, line.moves) + line.leeway
        return np.shape(line.value) == given.numbers.shape and _within(given.numbers, line.value, slack)

    def find_upstream(self, formula: Formula, derivation: Derivation) -> list[str]:
        """The gradients that a line is computed from, directly or by way of lines that the user did not give."""
        lines = {f.name: f for f in derivation.formulas}
        found: list[str] = []
        stack = [formula]
        while stack:
            for name in sorted(stack.pop().uses):
                if name in lines and name not in found:
                    found.append(name)
                    if name not in self.given:
                        stack.append(lines[name])
        return found

    def _predict(
        self, root: Operand, values: Mapping[str, Any], derivation: Derivation, known: Mapping[str, Any] = NOTHING
    ) -> _Line:
        """A line's value. known: how far the values before it move, of those for which that is known better than from
        the derivation, which may be more exact than what people write."""
        with np.errstate(all="ignore"):
            value = as_numbers(evaluate(root, values))
            moves = np.zeros(value.shape)
            uses = {x.name or "" for x in walk(root) if x.op is None}
            decided = decide_equalities(root, values)
            for seed in range(DRAWS):
                after = shake(seed, self.eps)
                rng = np.random.default_rng(100 + seed)
                moved = dict(values)
                for name in uses:
                    v = np.asarray(values[name])
                    if v.dtype.kind == "f":
                        own = 0.0 if name in self.given else np.fmax(self.noise.get(name, 0.0), known.get(name, 0.0))
                        own = own if np.shape(own) == v.shape else 0.0
                        own = np.fmin(np.maximum(own, self.eps * np.abs(v)), 1e300)
                        moved[name] = v + UNITS * own * rng.uniform(-1, 1, v.shape)
                moves = np.fmax(moves, np.abs(evaluate(root, moved, after, decided) - value))
            leeway, others = _decide_otherwise(root, values, value, derivation.kinks)
        return _Line(value, moves / UNITS, leeway, others)

    def tolerance_of(self, value: Any, noise: Any) -> Any:
        """How far a right gradient may be off. Fewer roundings than half of the digits: a mistake may be small."""
        with np.errstate(all="ignore"):
            rounding = tolerance(value, self.eps, noise, _ROUNDINGS) + self.tiny
            return np.nan_to_num(rounding, nan=np.inf, posinf=np.inf)

    def entries(self, reading: Reading) -> list[Entry]:
        """A verdict for each name that the user gave, in the order of the backward pass."""
        order = {f.name: i for i, (f, _) in enumerate(self.formulas)}
        names = sorted(self.given, key=lambda n: order.get(n, len(order)))
        return [self._enter(name, reading) for name in names]

    def _enter(self, name: str, reading: Reading) -> Entry:
        given = self.given[name]
        if name not in self.names:
            known = self.names | {f.name for f in self.chain.formulas if f.of in self.chain.forward}
            why = describe_unknown(name, known, self.chain.forward)
            return Entry(name, CANNOT_TELL, why, agrees=False)
        if given.numbers is None:
            return Entry(name, WRONG, given.problem, agrees=False)
        j = reading.judged[name]
        convention = "" if j.formula.parameter else str(reading.convention)
        if given.numbers.shape != j.expected.shape:
            why = "; ".join(
                filter(None, [describe_shape(given.numbers.shape, j.expected.shape), _describe_upstream(j)])
            )
            return Entry(name, WRONG, why, convention=convention, agrees=False)
        finite = np.isfinite(j.expected)
        largest = np.max(np.abs(j.expected), where=finite, initial=0.0)
        with np.errstate(all="ignore"):
            gap = np.abs(given.numbers - j.expected)
            gap = np.where(finite, np.where(np.isnan(gap), np.inf, gap), 0.0)
        where = tuple(int(i) for i in np.unravel_index(int(np.argmax(gap)), gap.shape)) if gap.size else ()
        difference = float(gap[where] / largest) if gap.size and largest else float(bool(np.any(gap)))
        if gap.size and not largest and not np.any(gap):
            difference = 0.0
        verdict, why = self._decide(j, reading, finite, largest, gap)
        remark = [why, given.remark] if verdict != RIGHT or "list" in given.remark else [why]
        agrees = verdict != WRONG
        why = "; ".join(filter(None, remark))
        return Entry(name, verdict, why, difference, where, convention, agrees)

    def _decide(self, j: Judged, reading: Reading, finite: Any, largest: float, gap: Any) -> tuple[str, str]:
        told = "" if j.formula.parameter else str(reading.convention)
        if not np.all(np.isfinite(j.given.numbers) | ~finite):
            bad = int(np.sum(~np.isfinite(j.given.numbers) & finite))
            saturated = self._find_saturated()
            if saturated:
                return CANNOT_TELL, f"non-finite: {bad} of its numbers are nan or inf, where {saturated} is saturated"
            return WRONG, f"{bad} of its numbers are nan or inf, where the true ones are finite"
        if not np.any(finite) and gap.size:
            return CANNOT_TELL, "non-finite: the gradient of f itself is nan or inf on this data"
        if not j.right:
            return WRONG, _describe_upstream(j)
        if not largest and gap.size:
            return CANNOT_TELL, "all zero: any multiple of the right formula gives zeros too"
        if np.any(gap - j.leeway > _SETTLED * largest):
            saturated = self._find_saturated()
            if saturated:
                return CANNOT_TELL, f"saturation: {saturated} is so near its limits that rounding decides the gradient"
            if self.eps > 1e-10:
                return CANNOT_TELL, "float32 noise: the gradient is below the rounding errors of float32"
            return CANNOT_TELL, "cancellation: the gradient is a small difference of large numbers"
        if np.any(j.leeway) and np.any(gap > j.tolerance - j.leeway):
            kink = "some data lies on a kink of f, where the slopes of both sides are right"
            return RIGHT, "; ".join(filter(None, (told, kink)))
        return RIGHT, told

    def _find_saturated(self) -> str | None:
        for name in self.chain.forward:
            v = self.truth.get(name)
            if isinstance(v, np.ndarray) and v.ndim and v.dtype.kind == "f" and v.size:
                if not np.all(np.isfinite(v)):
                    return name
                edge = np.minimum(np.abs(np.abs(v) - 1), np.abs(v)) <= _EDGE * self.eps
                if np.any(edge) and np.max(np.abs(v)) <= 1:
                    return name
        return None

    def find_dependent(self, name: str) -> set[str]:
        """The line's own gradient, and those that are computed from it."""
        found = {name}
        for formula in (*self.chain.formulas, *self.simple.formulas):
            if formula.uses & found:
                found.add(formula.name)
        return found

    # -- values for trying formulas ------------------------------------------------------------------------------------

    def bench(self, reading: Reading, derivation: Derivation, values: Mapping[str, Any] | None = None) -> Bench:
        known = {**derivation.values, **(reading.values if values is None else values)}
        return Bench(known, derivation.leaves, derivation.spell, derivation.forward)

    @cached_property
    def other_values(self) -> list[dict[str, Any]]:
        """Values of everything that has a name, on other data of the same shapes."""
        found = []
        for arrays in draw_moderate_samples(self.recording.inputs):
            values: dict[str, Any] = {}
            for derivation in (self.chain, self.simple):
                layout = derivation.page.layout
                computed = compute_nodes(layout.program, [widen(x) for x in arrays])
                if computed is None:
                    break
                names = {node: name for node, name in layout.names.items() if node in computed}
                values.update((name, computed[node]) for node, name in names.items())
                for line in layout.backward:
                    values.setdefault(line.name.id, computed.get(line.value, 0.0) if type(line.value) is Node else 0.0)
                values.update(derivation.sizes)
            else:
                found.append(values)
        return found


def _decide_otherwise(root: Operand, values: Mapping[str, Any], value: Any, kinks: Container[Any]) -> tuple[Any, Any]:
    """How far a line's value moves from one side of a kink to the other; and what else it is by other choices."""
    leeway: Any = 0.0
    others = []
    places: dict[Any, list[Node]] = {}  # one decision may be written in several
    for x in walk(root) if kinks else ():
        if (key := key_of(x)) in kinks or x.op in EQUALITIES:
            places.setdefault(key, []).append(x)
    equalities = [x for x, *_ in places.values() if x.op in EQUALITIES]
    deciding = [x for key, (x, *_) in places.items() if key in kinks]
    for x in deciding:
        found = []
        for decided in decide_otherwise(x, partial(evaluate, values=values), equalities, key_of):
            everywhere = {again: y for node, y in decided.items() for again in places[key_of(node)]}
            found.append(evaluate(root, values, decided=everywhere))
        if is_choice(x):
            others += found
        elif found:
            leeway = leeway + np.max([np.abs(other - value) for other in found], axis=0)
    return leeway, others


def _measure_fit(found: Any, expected: Any) -> float:
    """How nearly one array is a multiple of another: 1 if it is."""
    if found.shape != np.shape(expected):
        return -1.0
    sizes = float(np.linalg.norm(found) * np.linalg.norm(expected))
    return abs(float(np.vdot(found, expected))) / sizes if sizes else 0.0


def _describe_upstream(j: Judged) -> str:
    return f"but consistent with your {' and '.join(j.upstream)}" if j.consistent and j.upstream else ""


def _within(found: Any, expected: Any, tolerance: Any) -> bool:
    finite = np.isfinite(expected)
    with np.errstate(all="ignore"):
        return bool(np.all((np.abs(found - expected) <= tolerance) | ~finite))
