"""A campaign of random programs: reverse mode, forward mode, recorded backward passes and numbers must all agree.

    python -m tests.generators.fuzz --programs 1000 --seconds 60 --seed 1

Prints how many programs were run and what was found, each finding as the smallest script that shows it; exits with 1 if
there was any.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import hypothesis
import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

import tinygrad_lite as tg
from tinygrad_lite.tensor import Tensor
from tinygrad_lite.testing import GradientError, Verdict, check_gradients
from tinygrad_lite.testing.numerical import ignore_warnings

from . import strategies
from .programs import Program

_SHRINKING = 20.0  # seconds spent on making a finding smaller
_BATCH = 25  # programs that Hypothesis draws before it starts afresh with another seed


@dataclass
class Finding:
    """A program on which something is wrong: the error, and the script that shows it."""

    error: str
    script: str
    error_type: str
    program: Program

    @property
    def kind(self) -> str:
        """Alike for findings that are probably one: the error, but for names and numbers; or where it is wrong."""
        if self.error_type == GradientError.__name__:
            return " ".join(sorted(set(self.program.called)))
        return re.sub(r"\b[vx]?[0-9]+\b|[(),]", "", self.error)


@dataclass
class Campaign:
    """What a campaign did."""

    programs: int = 0
    steps: int = 0
    functions: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    seconds: float = 0.0

    def count(self, program: Program, verdict: Verdict) -> None:
        self.programs += 1
        self.steps += len(program.lines)
        self.functions.update(program.called)
        self.verdicts[verdict] += 1

    def __str__(self) -> str:
        told = ", ".join(f"{count} {verdict}" for verdict, count in self.verdicts.items())
        text = (
            f"{self.programs} programs of {self.steps / max(self.programs, 1):.1f} steps, with {len(self.functions)} "
            f"different functions, in {self.seconds:.0f} s: {told or 'none checked'}; {len(self.findings)} findings"
        )
        for number, finding in enumerate(self.findings, 1):
            text += f"\n\n--- finding {number}: {finding.error}\n\n{finding.script}"
        return text


def examine(program: Program, arguments: Sequence[NDArray[Any]]) -> Verdict:
    """Check one program in every way there is; AssertionError if two of them disagree."""
    report = check_gradients(program.function, *arguments, order=2)
    check_recorded_gradients(program, arguments)
    return report.verdict


def check_recorded_gradients(program: Program, arguments: Sequence[NDArray[Any]]) -> None:
    """A backward pass that is itself recorded (create_graph) must give what the plain one gives."""
    leaves = [Tensor(argument, requires_grad=True) for argument in arguments]
    with ignore_warnings():  # what is not finite is check_gradients' business
        _compare_recorded(program, leaves)


def _compare_recorded(program: Program, leaves: list[Tensor]) -> None:
    result = program(*leaves)
    rng = np.random.default_rng(0)
    total: Any = 0.0
    for y in result if isinstance(result, tuple) else (result,):
        total = total + np.sum(y * rng.uniform(0.5, 2, y.shape).astype(y.dtype))
    if not isinstance(total, Tensor) or not total.requires_grad:
        return
    plain = tg.gradients(total, leaves, disconnected="zeros")
    recorded = tg.gradients(total, leaves, create_graph=True, disconnected="zeros")
    for i, (a, b) in enumerate(zip(plain, recorded, strict=True)):
        b = b.numpy()
        largest = float(np.max(np.abs(a), initial=0.0))
        tolerance = 64 * float(np.finfo(a.dtype).eps) * (largest + np.abs(a))
        if (
            a.dtype != b.dtype
            or a.shape != b.shape
            or not np.all((np.abs(a - b) <= tolerance) | (np.isnan(a) & np.isnan(b)) | (a == b))
        ):
            raise AssertionError(f"the gradient with respect to x{i} is {a}, but {b} with create_graph=True")


def run(programs: int, seconds: float, seed: int, max_steps: int = 8, enough: int = 10) -> Campaign:
    """Run up to so many programs for up to so many seconds, or until there are enough findings."""
    campaign = Campaign()
    begin = time.monotonic()
    known: set[str] = set()
    batch = seed * 1_000_003
    while campaign.programs < programs and len(campaign.findings) < enough:
        left = seconds - (time.monotonic() - begin)
        if left <= 0:
            break
        batch += 1
        finding = _run_batch(campaign, batch, min(_BATCH, programs - campaign.programs), max_steps, left)
        if finding is not None and finding.kind not in known:
            known.add(finding.kind)
            campaign.findings.append(finding)
    campaign.seconds = time.monotonic() - begin
    return campaign


def _run_batch(campaign: Campaign, seed: int, count: int, max_steps: int, seconds: float) -> Finding | None:
    """Run a few programs; of the first that shows something wrong, the smallest version that still does."""
    failing: list[Finding] = []
    deadline = [time.monotonic() + seconds]

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
    )
    @hypothesis.given(strategies.programs(max_steps=max_steps), st.sampled_from([np.float64, np.float64, np.float32]))
    def trial(drawn: tuple[Program, list[NDArray[Any]]], dtype: Any) -> None:
        program, arguments = drawn
        arguments = [argument.astype(dtype) for argument in arguments]
        if time.monotonic() > deadline[0]:
            return
        try:
            verdict = examine(program, arguments)
        except Exception as error:
            if not failing:
                deadline[0] = time.monotonic() + _SHRINKING
            failing.append(Finding(_summary(error), program.reproducer(arguments), type(error).__name__, program))
            raise
        if not failing:
            campaign.count(program, verdict)

    try:
        trial()
    except Exception:
        if not failing:
            raise
        campaign.programs += 1
        return min(failing, key=lambda finding: len(finding.script))
    return None


def _summary(error: Exception) -> str:
    if isinstance(error, GradientError):
        return str(error)
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({where.name}, line {where.lineno})"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.generators.fuzz",
        description="Run random programs and compare reverse mode, forward mode, recorded backward passes and numbers.",
    )
    parser.add_argument("--programs", type=int, default=100_000, help="how many at most (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, help="for how long at most (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other programs (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=8, help="lines of a program at most (default: %(default)s)")
    options = parser.parse_args(arguments)
    campaign = run(options.programs, options.seconds, options.seed, options.steps)
    print(campaign)
    return 1 if campaign.findings else 0


if __name__ == "__main__":
    sys.exit(main())
