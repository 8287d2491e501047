"""Telling: a mistake as sentences that a student understands at first reading."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..program.program import Operand
from .report import Finding, join
from .targets import Explanation, Target

if TYPE_CHECKING:
    from .judging import Judge, Judged, Reading


@dataclass(frozen=True)
class Suspect:
    """An explanation, in words. name: of the gradient in whose line it is. explains: the entries that it explains."""

    name: str
    what: tuple[str, ...]
    written: str
    correct: str
    explanation: Explanation
    explains: tuple[str, ...]
    cost: float
    rank: tuple[float, int]


def tell(judge: Judge, reading: Reading, best: Suspect, rivals: Sequence[Suspect]) -> Finding:
    """The finding for the likeliest explanation, with its rivals."""
    mutations = best.explanation.mutations
    what = join(best.what)
    line, right = f"{best.name} = {best.written}", f"{best.name} = {best.correct}"
    if best.name in reading.judged:
        sentences = [f"{_capital(what)}: you probably wrote `{line}`."]
    else:
        given = join(best.explains)
        sentences = [f"You did not give {best.name}, but your {given} would come from `{line}`: {what}."]
    why = list(dict.fromkeys(m.why for m in mutations))[0]
    sentences += [why, f"Write `{right}`.{_describe_convention(reading, best)}"]
    others = [s.written if s.name == best.name else f"{s.name} = {s.written}" for s in rivals]
    more = _suggest_data(judge, best, rivals)
    return Finding(best.name, what, right, best.written, tuple(others), " ".join(sentences), more)


def _describe_convention(reading: Reading, best: Suspect) -> str:
    """What the gradients in the right line are, where the user did not give them, and they could be two things."""
    sizes = reading.sizes
    names = [n for n in re.findall(r"\w+", best.correct) if n in reading.intermediates and n not in reading.judged]
    if not names or not sizes:
        return ""
    name = names[0]
    if reading.convention.size is None:
        return f" (Here {name} is ∂J/∂{name[1:]}, with the division by {sizes[0]} in it.)"
    return f" (Here {name} is {reading.convention.size}·∂J/∂{name[1:]}, without the division by {sizes[0]}.)"


def _suggest_data(judge: Judge, best: Suspect, rivals: Sequence[Suspect]) -> str:
    if not rivals:
        return ""
    elsewhere = [s for s in rivals if s.name != best.name]
    sizes = list(judge.simple.sizes.values())
    shapes = [n for leaf in judge.simple.leaves.values() for n in (leaf.shape or ()) if n > 1]
    advice = []
    if elsewhere:
        names = join(sorted({s.name for s in (best, *elsewhere)} - judge.given.keys()))
        if names:
            advice.append(f"give {names} as well")
    if len(elsewhere) < len(rivals):
        if judge.eps > 1e-10:
            advice.append("use float64")
        if len(set(sizes)) < len(set(shapes)) or _has_equal_sizes(judge):
            advice.append("use sizes that are all different")
        advice.append("use parameters of the order of 1, such as np.random.randn gives")
    return f"To tell these apart, {join(advice)}." if advice else ""


def _has_equal_sizes(judge: Judge) -> bool:
    shapes = [x.shape for x in judge.recording.inputs if isinstance(x, np.ndarray) and x.ndim == 2]
    return any(shape[0] == shape[1] for shape in shapes)


def is_truncated(j: Judged) -> bool:
    """Whether an entry has what should be there without what stands behind the point."""
    return j.given.numbers.shape == j.predicted.shape and np.array_equal(j.given.numbers, np.trunc(j.predicted))


def tell_whole(j: Judged, correct: str) -> Finding:
    """The finding for an array of integers that should be one of floats."""
    name, written = j.formula.name, f"np.trunc({correct})" if is_truncated(j) else None
    text = (
        f"{name} is an array of integers, and what is written into one loses what stands behind the point. Was it made "
        f"with dtype=int, or by np.zeros_like of an array of integers? Write `{name} = {correct}`, in floats."
    )
    return Finding(name, "its dtype is one of whole numbers", f"{name} = {correct}", written, (), text)


def tell_zero(j: Judged, correct: str) -> Finding:
    """The finding for an array that was left as it was made."""
    name = j.formula.name
    text = (
        f"{name} is zero everywhere, as if the cost did not depend on {j.formula.of}. Was it made with np.zeros and "
        f"never filled, or is a way from {j.formula.of} to the cost missing? Write `{name} = {correct}`."
    )
    return Finding(name, "it is zero everywhere", f"{name} = {correct}", f"0 * ({correct})", (), text)


def tell_missing(name: str, right: str, affected: Sequence[str]) -> Finding:
    """The finding for a line that was not given, and that several wrong entries are computed from."""
    text = (
        f"Your {join(affected)} are wrong, and nothing in their own lines explains it: the mistake is probably in "
        f"{name}, which you did not give, or in a line before it. Compare your line with `{right}`."
    )
    more = f"To learn what it is, give {name} as well."
    return Finding(name, f"{join(affected)} follow from none that is right", right, None, (), text, more)


def tell_unexplained(judge: Judge, j: Judged, roots: Mapping[str, Operand]) -> Finding:
    """What is known of a wrong entry that no mistake explains."""
    name = j.formula.name
    derivation = next(d for f, d in judge.formulas if f is j.formula)
    root = roots.get(name, j.formula.root)
    right = f"{name} = {derivation.spell(root)}"
    found, expected = j.given.numbers, j.predicted
    if found.shape != expected.shape:
        what = f"its shape is {found.shape} instead of {expected.shape}"
        facts = [f"Its shape is {found.shape}, and should be {expected.shape}."]
    else:
        what = "no single mistake explains its numbers"
        facts = _describe_residual(found, expected, j.slack)
        facts += _describe_correlation(found - expected, j.slack, judge.truth)
    told = " ".join(facts)
    text = f"{name} does not follow from the values before it. {told} Compare your line with `{right}`."
    return Finding(name, what, right, None, (), text)


def _describe_residual(found: Any, expected: Any, slack: Any) -> list[str]:
    off = np.abs(found - expected) > slack
    count, size = int(np.sum(off)), off.size
    if size == 1:
        return [f"It is {found.item():.6g} where {expected.item():.6g} is right."]
    facts = []
    if found.ndim == 2 and count < size:
        for axis, word in ((1, "row"), (0, "column")):
            lines = np.flatnonzero(np.any(off, axis=axis))
            if len(lines) < off.shape[1 - axis] and np.all(off.any(axis=axis)[lines]):
                listed = ", ".join(map(str, lines[:6])) + (", …" if len(lines) > 6 else "")
                facts.append(
                    f"Only {word}{'s' * (len(lines) != 1)} {listed} {'is' if len(lines) == 1 else 'are'} wrong."
                )
                break
    if not facts:
        facts.append(f"{count} of its {size} numbers are wrong.")
    with np.errstate(all="ignore"):
        ratio = (found / expected)[off]
    ratio = ratio[np.isfinite(ratio)]
    if ratio.size:
        low, high = f"{np.min(ratio):.3g}", f"{np.max(ratio):.3g}"
        facts.append(f"They are {low if low == high else f'{low} to {high}'} times what they should be.")
    return facts


def _describe_correlation(gap: Any, slack: Any, truth: Mapping[str, Any]) -> list[str]:
    """What the difference is proportional to."""
    target = Target(gap, slack)
    if target.is_constant:
        return []  # some factor always fits one number
    for name, value in truth.items():
        if isinstance(value, np.ndarray) and value.dtype.kind == "f" and not target.says_nothing:
            factor = target.find_factor(value)
            if factor is not None:
                return [f"The difference is {factor:.6g} times {name}."]
    return []


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:] if text[1:2].isalpha() or text[1:2] == " " else text  # no `x`, and no g′
