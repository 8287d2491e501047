"""What a comparison says: a verdict on every entry, and the findings, as text, in colour and as HTML."""

from __future__ import annotations

import html
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

RIGHT, WRONG, CANNOT_TELL = "right", "wrong", "cannot tell"
_COLOURS = {RIGHT: "32", WRONG: "31", CANNOT_TELL: "33"}


@dataclass(frozen=True)
class Entry:
    """One of the user's gradients.

    verdict: "right", "wrong" or "cannot tell"; why: the reason, in words. difference: the largest difference, relative
    to the largest true number; where: its index. convention: which multiple of ∂J/∂Z it is held to ("" for parameters).
    agrees: whether nothing speaks against it.
    """

    name: str
    verdict: str
    why: str = ""
    difference: float | None = None
    where: tuple[int, ...] | None = None
    convention: str = ""
    agrees: bool = True


@dataclass(frozen=True)
class Finding:
    """One mistake, and not its consequences.

    name: the gradient in whose line it is. verdict: the mistake in a few words. correct: the right line, as `derive`
    prints it. written: an expression that gives the user's numbers, or None. alternatives: other lines that this data
    cannot tell from it, the likeliest first. text: some sentences for people. more_data: what would tell them apart.
    """

    name: str
    verdict: str
    correct: str
    written: str | None
    alternatives: tuple[str, ...]
    text: str
    more_data: str = ""

    def __str__(self) -> str:
        return self.text


class WrongGradient(AssertionError):
    """A gradient derived by hand is wrong. `.comparison` has the details."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        super().__init__(str(comparison))


@dataclass(frozen=True)
class Comparison:
    """The result of `compare`. ok: whether nothing speaks against any entry (False if none was given); verdict: of all
    together, "right" only if every entry is; entries; findings: the mistakes.

    namespace: names and values that the lines refer to, for running `finding.written`.
    """

    function: str
    entries: tuple[Entry, ...]
    findings: tuple[Finding, ...]
    namespace: Mapping[str, Any] = field(default_factory=dict, repr=False)
    find_power: Callable[[], Any] | None = field(default=None, repr=False)

    @property
    def ok(self) -> bool:
        """Whether there are gradients, and every one agrees."""
        return bool(self.entries) and all(entry.agrees for entry in self.entries)

    @property
    def verdict(self) -> str:
        """Of all entries together, the worst."""
        verdicts = {entry.verdict for entry in self.entries}
        if not all(entry.agrees for entry in self.entries):
            return WRONG
        return RIGHT if verdicts == {RIGHT} else CANNOT_TELL

    def power(self) -> Any:
        """Which mistakes this data would have revealed, and which would have passed unseen."""
        if self.find_power is None:
            raise ValueError("there is no derivation that mistakes could be tried in")
        return self.find_power()

    def raise_if_wrong(self, strict: bool = False) -> None:
        """AssertionError with the verdict, unless `ok`. strict: also where it cannot tell whether an entry is right."""
        if not self.ok or (strict and self.verdict != RIGHT):
            raise WrongGradient(self)

    def __str__(self) -> str:
        colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        return "\n".join(self._write(colour))

    def _write(self, colour: bool) -> list[str]:
        def paint(text: str, verdict: str) -> str:
            return f"\033[{_COLOURS[verdict]}m{text}\033[0m" if colour else text

        if not self.entries:
            return [f"your gradients of {self.function}: {paint(self._summary, self.verdict)}"]
        rows = [("", "verdict", "largest difference", "")]
        rows += [(e.name, e.verdict, _describe_difference(e), e.why) for e in self.entries]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        lines = [f"your gradients of {self.function}: {paint(self._summary, self.verdict)}", ""]
        for i, row in enumerate(rows):
            cells = [f"{cell:<{w}}" for cell, w in zip(row, widths, strict=False)]
            if i:
                cells[1] = paint(cells[1], row[1])
            lines.append(("  " + "  ".join([*cells, row[3]])).rstrip())
        for finding in self.findings:
            lines += ["", paint(f"{finding.name}: {finding.verdict}", WRONG), f"  {finding.text}"]
            if finding.alternatives:
                lines.append("  Or, on this data the same numbers: " + "; ".join(finding.alternatives))
            if finding.more_data:
                lines.append(f"  {finding.more_data}")
        return lines

    @property
    def _summary(self) -> str:
        if not self.entries:
            return "no gradient was given, so there is nothing to compare"
        if self.verdict == RIGHT:
            return "right"
        if self.verdict == CANNOT_TELL:
            return "nothing wrong, but not everything can be told on this data"
        count = len(self.findings)
        return "wrong" + (f", {count} mistake{'s' * (count != 1)} found" if count else "")

    def _repr_html_(self) -> str:
        shades = {RIGHT: "#2e7d32", WRONG: "#c62828", CANNOT_TELL: "#b26a00"}
        cells = "".join(
            f"<tr><td><code>{html.escape(e.name)}</code></td>"
            f"<td style='color:{shades[e.verdict]}'>{e.verdict}</td>"
            f"<td>{html.escape(_describe_difference(e))}</td><td>{html.escape(e.why)}</td></tr>"
            for e in self.entries
        )
        found = "".join(_write_html(f) for f in self.findings)
        head = (
            f"<p>your gradients of <code>{html.escape(self.function)}</code>: <b>{html.escape(self._summary)}</b></p>"
        )
        return (
            f"{head}<table><tr><th></th><th>verdict</th><th>largest difference</th><th></th></tr>{cells}</table>{found}"
        )


def _describe_difference(entry: Entry) -> str:
    if entry.difference is None:
        return ""
    if entry.difference == 0:
        return "0"
    place = "" if not entry.where else f" at [{', '.join(map(str, entry.where))}]"
    return f"{entry.difference:.1e}" + (place if entry.verdict == WRONG else "")


def _write_html(f: Finding) -> str:
    others = "".join(f"<li><code>{html.escape(line)}</code></li>" for line in f.alternatives)
    also = f"<p>Or, on this data the same numbers:</p><ul>{others}</ul>" if others else ""
    more = f"<p>{html.escape(f.more_data)}</p>" if f.more_data else ""
    return f"<p><b>{html.escape(f.name)}: {html.escape(f.verdict)}</b></p><p>{html.escape(f.text)}</p>{also}{more}"


def join(words: Sequence[str]) -> str:
    """a, b and c."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""
