"""Examining one function: calling it with right arguments, holding what it gives against what is right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from .. import tree
from .binding import CannotBind, bind
from .course import NAMES, Values
from .explaining import RIGHT, explain_value
from .networks import COURSE, MOST_LAYERS, Network
from .numbers import Agreement, compare, is_same
from .source import Quote
from .student import CallFailed, Function, Outcome, Student
from .verdict import FunctionVerdict, Judgement, Mistake

SCALES: Final = (0.15, 1.0)  # of the weights: small ones as the course's, and some that saturate here and there

_RESULTS: Final = {
    "A",
    *(f"A{i}" for i in range(2, MOST_LAYERS + 1)),
    "AL",
    "Z",
    "dZ",
    "dW",
    "db",
    "dA_prev",
    *(f"d{k}{i}" for k in "Wb" for i in range(1, MOST_LAYERS + 1)),
    "",
}
"""What comes last in the functions that call others."""

_BLAMELESS: Final = ("ImportError", "ModuleNotFoundError", "FileNotFoundError", "EOFError", "SystemExit", "MemoryError")
"""Exceptions that say that the surroundings are missing, not that the function is wrong."""


IN_ROWS: Final = "it takes the examples in rows; this command has them in columns, as the course does: X is (n_x, m)"
"""Said of a network that is none of the course's, and perhaps right."""


@dataclass
class Paper:
    """A student's file under examination.

    verdicts: so far; network: the one that its functions belong to; explain: whether to look for the causes of wrong
    gradients, which takes a second or more; is_in_rows: whether its functions take the examples in rows.
    """

    student: Student
    verdicts: list[FunctionVerdict] = field(default_factory=list)
    network: Network = COURSE
    explain: bool = True
    is_in_rows: bool = False

    def find(self, name: str) -> Function | None:
        """The function that the file defines under one of the names that the course's function goes by."""
        functions = self.student.functions
        for candidate in (name, *NAMES[name]):
            if candidate in functions:
                return functions[candidate]
        lower = {key.lower().replace("_", ""): value for key, value in functions.items()}
        return lower.get(name.lower().replace("_", ""))

    def verdict_on(self, name: str) -> FunctionVerdict | None:
        """What was said of the function that the file defines under this name of the course's."""
        function = self.find(name)
        return next((v for v in self.verdicts if function is not None and v.name == function.name), None)


class Exam:
    """One function of the file. name: that of the course's function; verdict: written while it is examined."""

    def __init__(self, paper: Paper, name: str, function: Function) -> None:
        self.paper, self.name, self.function = paper, name, function
        self._given: tuple[tuple[str, ...], Values] = (), {}  # what it was last called with
        quote = paper.student.source.quote(function.cell, function.line)
        self.verdict = FunctionVerdict(function.name, Judgement.RIGHT, where=quote.where if quote else "")

    def run(self, judge: Callable[[Exam], None]) -> FunctionVerdict:
        """Let a judge examine the function; whatever it does, there is a verdict."""
        if self.paper.is_in_rows:
            self.verdict.judgement, self.verdict.text = Judgement.UNCHECKED, IN_ROWS
            return self.verdict
        try:
            judge(self)
            self._excuse()
        except CannotBind as error:
            self.verdict.judgement, self.verdict.text = Judgement.UNCHECKED, str(error)
        except CallFailed as failure:
            self._blame(failure)
        return self.verdict

    def _excuse(self) -> None:
        """A function that calls a wrong one is not blamed for it: its mistake is perhaps only a consequence."""
        called = self.paper.student.source.find_calls(self.function.cell, self.function.line)
        blamed = [v for v in self.paper.verdicts if v.judgement is Judgement.WRONG or v.excused]
        wrong = [v.name for v in blamed if v.name in called]
        if self.verdict.judgement is Judgement.WRONG and wrong and {m.what for m in self.verdict.mistakes} <= _RESULTS:
            self.verdict.judgement, self.verdict.mistakes, self.verdict.excused = Judgement.UNCHECKED, [], True
            self.verdict.text = f"it calls {' and '.join(wrong)}, which is wrong (above): mend that first"

    def _blame(self, failure: CallFailed) -> None:
        """The verdict about a function that gave no result."""
        name = str(failure).partition(" ")[2].partition(":")[0]
        undefined = name == "NameError" and bool(self.paper.student.warnings)  # its definition was perhaps passed over
        if failure.stopped or failure.unsettled or name in _BLAMELESS or undefined:
            self.verdict.judgement, self.verdict.text = Judgement.UNCHECKED, f"it {failure}"
            if failure.quote:
                self.note(f"{failure.quote.where}: {failure.quote.text}")
        elif name == "ValueError" and self._takes_rows():
            self.paper.is_in_rows = True
            self.verdict.judgement, self.verdict.text = Judgement.UNCHECKED, IN_ROWS
        else:
            self.mark_wrong(Mistake("", f"It {failure}.", failure.quote))

    def _takes_rows(self) -> bool:
        """Whether the function, which raises an error because of shapes, gives something where all is transposed."""
        roles, values = self._given
        try:
            self.paper.student.call(self.function, *bind(self.function, roles, _transpose(values)))
        except (CallFailed, CannotBind):
            return False
        return bool(roles)

    # -- calling -----------------------------------------------------------------------------------------------------

    def call(self, roles: tuple[str, ...], values: Values) -> Outcome:
        """Call the function twice, with fresh arguments: both times it must give the same."""
        self._given = roles, values
        args, keywords, names = bind(self.function, roles, values)
        outcome = self.paper.student.call(self.function, args, keywords, names)
        again = self.paper.student.call(self.function, args, keywords, names)
        if not is_same(outcome.result, again.result):
            raise CallFailed("gives another result each time it is called with the same arguments", unsettled=True)
        if outcome.changed:
            first, *rest = outcome.changed
            more = f" and {len(rest)} more" if rest else ""
            self.note(f"it changes what it is given: {first}{more}; make a copy first")
        return outcome

    def call_with_cache(self, roles: tuple[str, ...], values: Values, forward_name: str) -> Outcome:
        """Call a backward pass with the course's cache; where it expects something else, with what the student's own
        forward pass returned.
        """
        try:
            return self.call(roles, values)
        except CallFailed as failure:
            forward = self.paper.find(forward_name)
            if failure.stopped or failure.unsettled or forward is None:
                raise
            before = self.paper.verdict_on(forward_name)
            if before is not None and before.judgement is Judgement.WRONG:
                text = f"it needs what {before.name} returns, which is wrong (above): mend that first"
                raise CannotBind(text) from None
            try:
                return self.call(roles, self.with_own_cache(forward, values))
            except CannotBind:
                raise failure from None

    def with_own_cache(self, forward: Function, values: Values) -> Values:
        """The values with the cache that the student's own forward pass returns for them."""
        outcome = self.paper.student.call(forward, *bind(forward, ("X", "parameters"), values))
        returned = outcome.result
        own = outcome.part(1) if isinstance(returned, (tuple, list)) and len(returned) == 2 else outcome.whole
        return {**values, "cache": own, "caches": own}

    def try_cases(self, draw: Callable[..., Values], try_case: Callable[[Values], bool]) -> None:
        """Judge at two scales of the weights, with two output units or more; with one where it is written for one.

        try_case: judges at some values, and says whether the function is right there.
        """
        for n_y in self.paper.network.output_sizes:
            try:
                all(try_case(draw(n_y, scale, seed)) for seed, scale in enumerate(SCALES))
                return
            except CallFailed as failure:
                self.accept_one_output(n_y, failure)

    def accept_one_output(self, n_y: int, failure: CallFailed) -> None:
        """Note that the function fails with two outputs; raise again if no other number is left to try."""
        self.verdict.notes.clear()
        if n_y == self.paper.network.output_sizes[-1] or failure.stopped or failure.unsettled:
            raise failure
        self.note(f"checked with one output unit; with two (n_y = 2) it {failure}")

    # -- judging -----------------------------------------------------------------------------------------------------

    def expect(
        self, name: str, got: Any, want: Any, candidates: Values | None = None, correct: str | None = None
    ) -> bool:
        """Hold one value against the right one; candidates: {expression: value} that may have been written instead;
        correct: the right line.
        """
        if self.agrees(name, got, want):
            return True
        quote = self.line_of(name) or self.last_line()
        text = explain_value(name, got, want, candidates or {})
        return self.mark_wrong(Mistake(name, text, quote, correct or RIGHT.get(name)))

    def expect_by_layer(self, name: str, is_last: bool, got: Values, want: Any, candidates: Values) -> bool:
        """The same for the gradient of one layer of many, which a loop may have computed."""
        if name in got and self.agrees(name, got[name], want):
            return True
        text = "It is not among what is returned."
        if name in got:
            text = explain_value(name, got[name], want, candidates)
        quote = self.line_of(name, first_layer_met=is_last) or self.last_line()
        return self.mark_wrong(Mistake(name, text, quote))

    def agrees(self, name: str, got: Any, want: Any) -> bool:
        agreement = compare(got, want)
        if agreement is Agreement.LOOSE:
            self.note(f"{name} is right to about five digits: a small constant in it, or float32?")
        return bool(agreement)

    def mark_wrong(self, mistake: Mistake) -> bool:
        self.verdict.judgement = Judgement.WRONG
        if (mistake.what, mistake.text) not in [(m.what, m.text) for m in self.verdict.mistakes]:
            self.verdict.mistakes.append(mistake)
        return False

    def note(self, text: str) -> None:
        if text not in self.verdict.notes:
            self.verdict.notes.append(text)

    # -- the lines of the file ---------------------------------------------------------------------------------------

    def line_of(self, *names: str, first_layer_met: bool = False) -> Quote | None:
        """Where the function gives one of these names its value."""
        place = self.function.cell, self.function.line
        return self.paper.student.source.find_assignment(*place, set(names), first_layer_met)

    def last_line(self) -> Quote | None:
        node = self.paper.student.source.find_function(self.function.cell, self.function.line)
        if node is None:
            return None
        return self.paper.student.source.quote(self.function.cell, node.body[-1].lineno, node.body[-1].end_lineno)

    def cost_lines(self) -> Quote | None:
        """Where the function computes a cost."""
        lines = self.paper.student.source.find_logarithms(self.function.cell, self.function.line)
        return lines or self.last_line()

    def returned_names(self) -> list[str] | None:
        return self.paper.student.source.returned_names(self.function.cell, self.function.line)


def first_of(result: Any) -> Any:
    """What comes first of what was returned, if that is several things."""
    return result[0] if isinstance(result, tuple) and result else result


def _transpose(values: Values) -> Values:
    """Every matrix among them, transposed."""
    transposed: Values = tree.map(lambda x: x.T.copy() if np.ndim(x) == 2 else x, values)
    return transposed
