"""What a gradient check found: verdicts, and the sentences that tell them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import tree

if TYPE_CHECKING:
    from .power import Power


class Verdict(StrEnum):
    """RIGHT: every number agrees. WRONG: at least one does not. CANNOT_TELL: none is wrong, but some are undecided.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.testing.check_gradients(np.abs, np.array([0.0, 2.0])).verdict
    <Verdict.CANNOT_TELL: 'cannot tell'>
    """

    RIGHT = "right"
    WRONG = "wrong"
    CANNOT_TELL = "cannot tell"

    @staticmethod
    def worst(verdicts: list[Verdict]) -> Verdict:
        """Of several, the one that speaks for all of them: wrong before undecided before right."""
        for verdict in (Verdict.WRONG, Verdict.CANNOT_TELL):
            if verdict in verdicts:
                return verdict
        return Verdict.RIGHT


@dataclass(frozen=True)
class Mistake:
    """One number that is wrong: in the `mistakes` of an entry of a report.

    where: the input and the element ('W1[2, 1]'). autograd, numerical: the two values, of the derivative that is
    checked and of the other; error: how far the numerical one may be from the truth; method: how it was found; labels:
    what the two are called, if not that.

    >>> import numpy as np, tinygrad_lite as tg
    >>> wrong = tg.elementwise(lambda x: x * x, lambda y, x: x, name="square")
    >>> try:
    ...     tg.testing.check_gradients(wrong, np.array([3.0]))
    ... except tg.testing.GradientError as error:
    ...     print(error.report.entries[0].mistakes[0].where)
    x[0]
    """

    where: str
    autograd: float
    numerical: float
    error: float
    method: str
    labels: tuple[str, str] = ("autograd", "numerical")

    def __str__(self) -> str:
        width = max(map(len, self.labels))
        left, right = (f"{side:<{width}}" for side in self.labels)
        text = (
            f"{self.where}\n"
            f"      {left}  {self.autograd: .12g}\n"
            f"      {right}  {self.numerical: .12g}  ± {self.error:.1g}  ({self.method})"
        )
        if self.numerical and np.isfinite(self.autograd):
            text += f"\n      {left.strip()} / {right.strip()} = {self.autograd / self.numerical:.6g}"
        return text


@dataclass(frozen=True)
class Entry:
    """What was found for one input, in one mode.

    input: its name. mode: 'vjp', 'jvp' or 'jvp against vjp'; where an argument is narrower than float64, also each of
    them 'in float32' (against autograd's own answer in float64). order: 1 or 2. checked: how many numbers were
    compared; mistakes: the first of those that are wrong, of wrong in all; size: how many elements the input has;
    undecided: {reason: number of elements}. method: of the numerical side.

    >>> import numpy as np, tinygrad_lite as tg
    >>> print(tg.testing.check_gradients(np.tanh, np.array([0.5, 2.0])).entries[0])
    vjp, order 1, x: right, 2 numbers (complex step)
    """

    input: str
    mode: str
    order: int
    checked: int
    size: int
    method: str
    mistakes: tuple[Mistake, ...] = ()
    wrong: int = 0
    undecided: dict[str, int] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """Of this gradient: wrong if anything in it is."""
        if self.wrong:
            return Verdict.WRONG
        return Verdict.CANNOT_TELL if self.undecided else Verdict.RIGHT

    def __str__(self) -> str:
        text = f"{self.mode}, order {self.order}, {self.input}: {self.verdict}"
        if self.wrong:
            text += f", {self.wrong} of {self.checked} numbers"
        elif self.undecided:
            reasons = "; ".join(f"{count}: {reason}" for reason, count in self.undecided.items())
            text += f" for {sum(self.undecided.values())} of {self.checked} numbers ({reasons})"
        else:
            text += f", {self.checked} numbers ({self.method})"
        return text


@dataclass(frozen=True)
class Report:
    """The result of `check_gradients`: one entry per input, mode and order. `str()` of it is a table for people.

    function: what was checked. entries: of what was found. cotangent: the random one that the result was given.
    measure_power: what `.power()` calls.

    >>> import numpy as np, tinygrad_lite as tg
    >>> report = tg.testing.check_gradients(np.tanh, np.array([0.5, 2.0]))
    >>> report.ok, [entry.mode for entry in report.entries]
    (True, ['vjp', 'jvp', 'jvp against vjp'])
    """

    function: str
    entries: tuple[Entry, ...]
    cotangent: Any = None
    measure_power: Callable[[], Power] | None = field(default=None, repr=False, compare=False)

    @property
    def verdict(self) -> Verdict:
        """The worst of all entries'."""
        return Verdict.worst([entry.verdict for entry in self.entries])

    @property
    def ok(self) -> bool:
        """True only if everything was checked and is right: False for 'cannot tell' too."""
        return self.verdict is Verdict.RIGHT

    def power(self) -> Power:
        """Which mistakes this check would have noticed, with this f and these arguments.

        Each rule that f's gradient goes through is scaled by 1.001, negated, dropped, and swapped with that of the
        op's next operand; the check is made again each time. A mutant that the check notices is killed, one that
        passes has survived. ValueError if the gradient is wrong as it is.

        >>> import numpy as np, tinygrad_lite as tg
        >>> def f(a, b):
        ...     return np.sum(a * b)
        >>> report = tg.testing.check_gradients(f, np.array([2.0, 0.5]), np.array([2.0, 0.5]))
        >>> print(report.power())
        power of the check of f: 9 of 11 wrong rules noticed
                        scaled    negated   dropped   swapped
          multiply, x1  killed    killed    killed    SURVIVED
          multiply, x2  killed    killed    killed    SURVIVED
          sum, a        killed    killed    killed    -
          What survived would pass this check; other values or sizes may tell it.
        """
        if self.verdict is Verdict.WRONG or self.measure_power is None:
            raise ValueError(f"power: the gradient of {self.function} is wrong as it is; mend it first")
        return self.measure_power()

    def __str__(self) -> str:
        lines = [f"gradients of {self.function}: {self.verdict}"]
        lines += [f"  {entry}" for entry in self.entries]
        return "\n".join(lines)


class GradientError(AssertionError):
    """A gradient is wrong. `.report` has the details (None if it is wrong in form: its shape or dtype)."""

    def __init__(self, message: str, report: Report | None = None) -> None:
        self.report = report
        super().__init__(message)


def describe_mistakes(report: Report) -> str:
    """Which input, which element, what is claimed and what is true."""
    lines = []
    for entry in report.entries:
        if not entry.wrong:
            continue
        order = "" if entry.order == 1 else " of its gradient (second order)"
        mode, _, dtype = entry.mode.partition(" in ")
        order += f" in {dtype}" if dtype else ""
        count = f"{entry.wrong} of {entry.checked} numbers"
        if mode == "vjp":
            what = f"the gradient{order} with respect to {entry.input} is wrong: {count}"
        elif mode == "jvp":
            what = f"the forward-mode derivative{order} with respect to {entry.input} is wrong: {count}"
        else:
            what = f"forward and reverse mode{order} contradict one another"
        lines.append(f"{report.function}: {what}")
        lines += [f"    {mistake}" for mistake in entry.mistakes]
        if entry.wrong > len(entry.mistakes):
            lines.append(f"    … and {entry.wrong - len(entry.mistakes)} more")
        ratios = [m.autograd / m.numerical for m in entry.mistakes if m.numerical]
        if len(ratios) > 2 and np.ptp(ratios) <= 1e-6 * abs(ratios[0]):  # as alike as numerical derivatives are exact
            claimed = entry.mistakes[0].labels[0]
            lines.append(f"    {claimed} is {ratios[0]:.6g} times the truth in each: a factor or a sign?")
    for leaf in tree.flatten(report.cotangent)[0]:
        cotangent = np.array2string(np.asarray(leaf), precision=4, threshold=20, separator=", ")
        lines.append(f"  random cotangent given to the result: {' '.join(cotangent.split())}")
    others = [entry for entry in report.entries if not entry.wrong]
    if others:
        lines.append("  the rest:")
        lines += [f"    {entry}" for entry in others]
    return "\n".join(lines)
