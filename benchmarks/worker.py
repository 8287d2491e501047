"""A process of its own for one contestant and one workload; `race.py` starts it and sends it commands.

Commands and answers are pickled over standard input and output: ("prepare", workload, params, data) is answered by a
`Prepared`; ("run", n) by the seconds that n steps took; an exception, by its text.
"""

from __future__ import annotations

import importlib
import os
import pickle
import re
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .contestants import CONTESTANTS, Data, Start
from .workloads.workload import Params, Workload

CHECKED_STEPS = 3


@dataclass(frozen=True)
class Prepared:
    """What is known of a contestant before the race."""

    J: float
    params: Params
    """The cost and the parameters after three steps, as plain arrays."""
    import_s: float
    """Seconds to import its library, NumPy being there."""
    first_s: float
    """Seconds for the first step, tracing and compiling included."""
    peak_mb: float | None
    """Megabytes by which the process grew, at most, while it took later steps; None where the system does not tell."""


def memory(key: str) -> float | None:
    """Megabytes of this process: "VmRSS" now, "VmHWM" at most since `forget_peak`. Linux only."""
    try:
        found = re.search(rf"^{key}:\s*(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found[1]) / 1000 if found else None


def forget_peak() -> bool:
    """From now on the peak is a new one. False where that cannot be had."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def prepare(name: str, workload: Workload, params: Params, data: Data) -> tuple[Start, Prepared]:
    """The contestant, warm, and what three steps give."""
    entry = CONTESTANTS[name]
    start = time.perf_counter()
    importlib.import_module(entry.library)
    imported = time.perf_counter()
    before = memory("VmRSS")
    start_again = entry.make(workload, params, data)
    start_again()(1)
    first = time.perf_counter()
    start_again()(CHECKED_STEPS)
    loop = start_again()
    forgotten = forget_peak()
    J, p = loop(CHECKED_STEPS)
    peak = memory("VmHWM")
    grown = peak - before if peak is not None and before is not None and forgotten else None
    after = {key: np.asarray(value) for key, value in p.items()}
    return start_again, Prepared(float(J), after, imported - start, first - imported, grown)


def serve(name: str, commands: Any, answers: Any) -> None:
    """Answer commands until there are none."""
    start_again: Start | None = None
    while True:
        try:
            command, *arguments = pickle.load(commands)
        except EOFError:
            return
        answer: Any
        try:
            if command == "prepare":
                start_again, answer = prepare(name, *arguments)
            else:
                assert start_again is not None
                loop = start_again()
                start = time.perf_counter()
                loop(*arguments)
                answer = time.perf_counter() - start
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        pickle.dump(answer, answers)
        answers.flush()


def main(name: str) -> None:
    """Serve over standard input and output."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not come between the answers
    serve(name, sys.stdin.buffer, answers)
