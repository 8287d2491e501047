"""Power: which mistakes the data at hand would reveal, had they been made.

A comparison that finds nothing wrong says little if wrong formulas would have passed as well: where weights are tiny,
Z1 and A1 = tanh(Z1) are the same to many digits, and a gradient that is all zeros is right for any formula. So every
likely mistake is made in turn in every line that was compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..program.program import Operand
from ..rounding import describe_difference
from .formulas import as_numbers, evaluate
from .mutations import mutate

if TYPE_CHECKING:
    from .judging import Judge, Reading

_LIKELY = 2.0  # mistakes that cost more are not tried
_SHOWN = 30  # survivors: about a screen


@dataclass(frozen=True)
class Mutant:
    """A line with one mistake in it. revealed: whether this data shows it; data: if not, what data would."""

    name: str
    mistake: str
    written: str
    revealed: bool
    data: str = ""


@dataclass(frozen=True)
class Power:
    """What `comparison.power()` found. `str()` of it is a table. mutants: every mistake that was tried."""

    function: str
    mutants: tuple[Mutant, ...]

    @property
    def killed(self) -> int:
        """How many of the mistakes this data would have revealed."""
        return sum(mutant.revealed for mutant in self.mutants)

    @property
    def total(self) -> int:
        """How many mistakes were made."""
        return len(self.mutants)

    @property
    def survivors(self) -> tuple[Mutant, ...]:
        """The mistakes that would have passed unseen."""
        return tuple(mutant for mutant in self.mutants if not mutant.revealed)

    def __str__(self) -> str:
        lines = [
            f"mistakes in the gradients of {self.function} that this data would reveal: {self.killed} of {self.total}"
        ]
        for name in dict.fromkeys(mutant.name for mutant in self.mutants):
            own = [mutant for mutant in self.mutants if mutant.name == name]
            lines.append(f"  {name:6}  {sum(mutant.revealed for mutant in own)} of {len(own)}")
        if self.survivors:
            lines.append("these would pass unseen:")
        lines += [f"  {m.name} = {m.written}    {m.mistake}; {m.data}" for m in self.survivors[:_SHOWN]]
        if len(self.survivors) > _SHOWN:
            lines.append(f"  … and {len(self.survivors) - _SHOWN} more")
        return "\n".join(lines)


def measure_power(judge: Judge, reading: Reading) -> Power:
    """Make every likely mistake in every line that the user gave."""
    mutants: list[Mutant] = []
    with np.errstate(all="ignore"):
        for formula, derivation in judge.formulas:
            j = reading.judged.get(formula.name)
            if j is None:
                continue
            truth = {f.name: judge.truth[f.name] * reading.convention.factor(f) for f, _ in judge.formulas}
            bench = judge.bench(reading, derivation, {**judge.truth, **truth})
            bench.ban(judge.find_dependent(formula.name))
            root = reading.convention.write(bench, formula)
            seen: set[str] = set()
            for m in mutate(bench, root, _LIKELY):
                whole = bench.replace(root, m.path, m.new)
                if whole is None:
                    continue
                written = derivation.spell(whole)
                if written in seen:
                    continue
                seen.add(written)
                value = as_numbers(bench.value(whole))
                revealed = value.shape != j.expected.shape or bool(np.any(~(np.abs(value - j.expected) <= j.tolerance)))
                data = "" if revealed else _find_revealing(judge, root, whole)
                if revealed or data:
                    mutants.append(Mutant(formula.name, bench.describe(m), written, revealed, data))
    return Power(judge.recording.title, tuple(mutants))


def _find_revealing(judge: Judge, right: Operand, wrong: Operand) -> str:
    """What data would tell two formulas apart; "" if none was found: they are the same then."""
    for values in judge.other_values:
        try:
            a, b = (as_numbers(evaluate(x, values)) for x in (right, wrong))
        except (KeyError, ValueError, TypeError):
            continue
        if describe_difference(b, a) is not None:
            if not _is_small(judge):
                return "other data would show it: random numbers of the order of 1" + _in_float64(judge)
            return "weights of the order of 1 (np.random.randn without * 0.01) would show it" + _in_float64(judge)
    return ""


def _is_small(judge: Judge) -> bool:
    """Whether the weights are as small as the course initialises them."""
    sizes: Sequence[Any] = [np.std(x) for x in judge.recording.inputs if np.ndim(x) == 2]
    return bool(sizes) and min(sizes) < 0.2


def _in_float64(judge: Judge) -> str:
    return ", in float64" if judge.eps > 1e-10 else ""
