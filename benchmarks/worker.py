"""A process of its own for one contestant; `step.py` starts it and sends it commands.

    python -m benchmarks.worker NAME

Commands and answers are pickled tuples over standard input and output: ("prepare", configuration, rate) is answered by
the loss and the parameters after three steps; ("run", n) by the seconds that n steps took; an exception, by its text.
"""

from __future__ import annotations

import os
import pickle
import sys
import time
from typing import Any

import numpy as np

from .contestants import CONTESTANTS, Configuration, Loop

CHECKED_STEPS = 3


def prepare(name: str, configuration: Configuration, rate: float) -> tuple[Loop, tuple[Any, dict[str, Any]]]:
    """The contestant's loop, and what three steps give, as plain arrays."""
    params, X, Y = configuration.data()
    loop = CONTESTANTS[name](params, X, Y, rate)
    J, p = loop(CHECKED_STEPS)
    loop(CHECKED_STEPS)  # warm
    return loop, (float(J), {key: np.asarray(value) for key, value in p.items()})


def serve(name: str, commands: Any, answers: Any) -> None:
    """Answer commands until there are none."""
    loop: Loop | None = None
    while True:
        try:
            command, *arguments = pickle.load(commands)
        except EOFError:
            return
        answer: Any
        try:
            if command == "prepare":
                loop = None  # its memory first
                loop, answer = prepare(name, *arguments)
            else:
                assert loop is not None
                start = time.perf_counter()
                loop(*arguments)
                answer = time.perf_counter() - start
        except Exception as error:
            answer = f"{type(error).__name__}: {error}"
        pickle.dump(answer, answers)
        answers.flush()


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not come between the answers
    serve(sys.argv[1], sys.stdin.buffer, answers)
