"""What the command says: one verdict per function, and the page they make."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from .source import Quote


class Judgement(StrEnum):
    RIGHT = "right"
    WRONG = "wrong"
    UNCHECKED = "could not check"


@dataclass(frozen=True)
class Mistake:
    """One thing that is wrong. what: its name ("dZ1"); text: what was probably written, why it is wrong, what to write;
    quote: the line of the file; correct: the line to write; written: an expression that gives the student's numbers.
    """

    what: str
    text: str
    quote: Quote | None = None
    correct: str | None = None
    written: str | None = None


@dataclass
class FunctionVerdict:
    """About one function of the file: its name, and where it stands.

    judgement: right, wrong or could not check. text: why it could not be checked, or what was checked; mistakes: what
    is wrong, each with the line to write; notes: what a reader should know though nothing is wrong; excused: whether it
    is wrong only because it calls a function that is.
    """

    name: str
    judgement: Judgement
    text: str = ""
    mistakes: list[Mistake] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    where: str = ""
    excused: bool = False

    def as_json(self) -> dict[str, Any]:
        """The same as strings, lists and dicts."""
        found = {"name": self.name, "verdict": str(self.judgement), "text": self.text, "where": self.where}
        return {**found, "mistakes": [asdict(mistake) for mistake in self.mistakes], "notes": self.notes}

    def __str__(self) -> str:
        lines = [f"{self.name}{f' ({self.where})' if self.where else ''}: {self.judgement}"]
        lines[0] += f", {self.text}" if self.text else ""
        for mistake in self.mistakes:
            lines += ["", *([f"    {mistake.what} is wrong."] if mistake.what else [])]
            if mistake.quote and mistake.quote.text:
                first, *rest = mistake.quote.text.split("\n")
                lines += [f"    {mistake.quote.where}:   {first}", *(f"        {line}" for line in rest)]
            lines += [f"    {line}" for line in mistake.text.split("\n") if line]
            if mistake.correct and mistake.correct not in mistake.text:
                lines.append(f"    Write:   {mistake.correct}")
        lines += [f"    Note: {note}" for note in self.notes]
        return "\n".join(lines)


@dataclass
class FileReport:
    """About a file, at path: verdicts, one for every function that was found in it.

    warnings: statements of it that raised. problem: why it could not be read or run, if it could not. advice: what to
    do about functions that could not be checked. `.status`: 0 right, 1 wrong, 2 not checked. `str()` of it is for
    people, `.as_json()` for graders.
    """

    path: str
    verdicts: list[FunctionVerdict] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    problem: str | None = None
    advice: str = ""

    @property
    def judgement(self) -> Judgement:
        """Wrong if any function is; else could not check, if nothing was checked or something could not be."""
        judgements = {verdict.judgement for verdict in self.verdicts}
        if Judgement.WRONG in judgements:
            return Judgement.WRONG
        if not judgements or self.problem or Judgement.UNCHECKED in judgements:
            return Judgement.UNCHECKED
        return Judgement.RIGHT

    @property
    def status(self) -> int:
        """The command's exit status: 0 if all is right, 1 if something is wrong, 2 if something was not checked."""
        return {Judgement.RIGHT: 0, Judgement.WRONG: 1, Judgement.UNCHECKED: 2}[self.judgement]

    def __str__(self) -> str:
        lines = [f"{self.path}: {self.judgement}"]
        if self.problem:
            lines.append(f"  {self.problem}")
        lines += [f"  Warning: {warning}" for warning in self.warnings]
        for verdict in self.verdicts:
            lines += ["", *(f"  {line}".rstrip() for line in str(verdict).splitlines())]
        if self.advice:
            lines += ["", *(f"  {line}" for line in self.advice.splitlines())]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """The same as numbers, strings, lists and dicts."""
        return {
            "file": self.path,
            "verdict": str(self.judgement),
            "status": self.status,
            "problem": self.problem,
            "warnings": self.warnings,
            "advice": self.advice,
            "functions": [verdict.as_json() for verdict in self.verdicts],
        }
