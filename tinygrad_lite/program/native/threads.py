"""How many threads do a part of a program (see threads.h)."""

from __future__ import annotations

import os
from collections.abc import Iterable

from .forms import Map
from .steps import Step, size

WORTH_A_THREAD = 150_000  # nanoseconds of work; to start and to await a thread takes some 30,000


def count_threads() -> int:
    """How many threads native code may use: TINYGRAD_LITE_THREADS, else as many as there are processors for us."""
    given = os.environ.get("TINYGRAD_LITE_THREADS")
    if given:
        if not given.isdecimal() or int(given) < 1:
            raise ValueError(f"the environment variable TINYGRAD_LITE_THREADS must be a whole number, not {given!r}")
        return int(given)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def count_worthwhile(steps: Iterable[Step], threads: int) -> int:
    """How many of the threads there is enough to do for."""
    cost = sum(size(step.space) * _cost(step) for step in steps)
    return max(1, min(threads, int(cost // WORTH_A_THREAD)))


def _cost(step: Step) -> float:
    """About how many nanoseconds an entry of the step's space takes, on one processor."""
    if not isinstance(step.form, Map):
        return 0.1
    return 2.0 if "tg_" in step.form.text or step.form.row else 0.2
