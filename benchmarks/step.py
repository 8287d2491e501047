"""A whole training step (loss, gradients, update) against hand-written NumPy, PyTorch and JAX, in one run.

    python -m benchmarks.step
    python -m benchmarks.step --rounds 9 --only float32 --contestants hand tg.compile --json step.json

Each contestant has a process of its own, started once. First everyone's results are compared with the hand-written
step's; then they take turns, round by round, with a pause before each turn, because idle thread pools go on spinning
for a while. A turn is many steps in a row, from the same parameters. What is printed is the median over the rounds, and
the median of the ratios to the hand-written step in the same round. A peer that is not installed is left out, with a
note; --peer-python runs JAX and PyTorch in another environment.
"""

from __future__ import annotations

import argparse
import json
import os
import pickle
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from .contestants import CONFIGURATIONS, CONTESTANTS, PEERS, Configuration

RATE = 0.1
TURN = 0.1  # seconds of work in one turn
REFERENCE = "hand-written"
TOLERANCE = {"float64": 1e-9, "float32": 1e-4}  # of the largest number in each array, after three steps


class Worker:
    """A contestant's process."""

    def __init__(self, name: str, python: str, quiet: bool = True) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.worker", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if quiet else None,
        )

    def ask(self, *command: Any) -> Any:
        """Send a command and wait for its answer. RuntimeError, with the worker's message, if it failed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump(command, self._process.stdin)
            self._process.stdin.flush()
            answer = pickle.load(self._process.stdout)
        except (EOFError, BrokenPipeError):
            raise RuntimeError("its process ended") from None
        if isinstance(answer, str):
            raise RuntimeError(answer)
        return answer

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)


def disagreement(result: Any, expected: Any, dtype: str) -> str | None:
    """In what a contestant's loss and parameters differ from the expected ones."""
    (J, params), (expected_J, expected_params) = result, expected
    for name, a, b in [("J", J, expected_J), *((key, params[key], expected_params[key]) for key in expected_params)]:
        a, b = np.asarray(a), np.asarray(b)
        if name != "J" and (a.dtype != dtype or a.shape != b.shape):
            return f"{name} is {a.dtype} {a.shape}"
        error = np.max(np.abs(a - b)) / np.max(np.abs(b))
        if not error <= TOLERANCE[dtype]:
            return f"{name} is off by {error:.1e} of its largest entry"
    return None


def measure(
    configuration: Configuration, workers: Sequence[Worker], rounds: int, pause: float
) -> tuple[dict[str, list[float]], dict[str, str]]:
    """Seconds a step, one number a round, for each contestant; and why others are missing."""
    steps: dict[str, int] = {}
    missing: dict[str, str] = {}
    expected = None
    for worker in workers:
        try:
            result = worker.ask("prepare", configuration, RATE)
            expected = result if expected is None else expected
            wrong = disagreement(result, expected, configuration.dtype)
            if wrong:
                missing[worker.name] = f"its result is not the hand-written one's: {wrong}"
                continue
            n = 1
            while (seconds := worker.ask("run", n)) < TURN / 4:
                n *= 2
            steps[worker.name] = max(1, round(n * TURN / seconds))
        except RuntimeError as error:
            missing[worker.name] = str(error).splitlines()[0]
    seconds_of: dict[str, list[float]] = {name: [] for name in steps}
    racing = [worker for worker in workers if worker.name in steps]
    for i in range(rounds):
        for worker in racing[i % len(racing) :] + racing[: i % len(racing)]:  # nobody always follows the same one
            time.sleep(pause)
            n = steps[worker.name]
            seconds_of[worker.name].append(worker.ask("run", n) / n)
    return seconds_of, missing


def summary(seconds: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """For each contestant the median in microseconds, and the median and quartiles of its ratio to the reference."""
    found = {}
    for name, times in seconds.items():
        ratios = [t / reference for t, reference in zip(times, seconds[REFERENCE], strict=True)]
        low, ratio, high = np.quantile(ratios, [0.25, 0.5, 0.75]).tolist()
        found[name] = {"us": 1e6 * statistics.median(times), "ratio": ratio, "low": low, "high": high}
    return found


def machine() -> str:
    """What the numbers were measured on."""
    cores = os.cpu_count()
    return f"{cores} cores ({platform.machine()}), Python {platform.python_version()}, NumPy {np.__version__}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.step", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15, help="turns for each contestant (default: 15)")
    parser.add_argument("--pause", type=float, default=0.25, help="seconds before each turn (default: 0.25)")
    parser.add_argument("--only", nargs="+", default=[""], help="configurations whose name contains one of these")
    parser.add_argument("--contestants", nargs="+", default=[""], help="contestants whose name contains one of these")
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter that has JAX and PyTorch")
    parser.add_argument("--json", help="file to write all numbers to")
    parser.add_argument("--verbose", action="store_true", help="show what the contestants' libraries print")
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    configurations = [c for c in CONFIGURATIONS if any(text in str(c) for text in options.only)]
    names = [n for n in CONTESTANTS if n == REFERENCE or any(text in n for text in options.contestants)]
    if not configurations:
        parser.error(f"--only: none of the configurations is called so: {'; '.join(map(str, CONFIGURATIONS))}")
    print(
        f"{machine()}; medians over {options.rounds} rounds; in brackets the ratio to the hand-written step", flush=True
    )
    print(f"{'microseconds a step':<32}" + "".join(f"{name:>21}" for name in names), flush=True)
    workers = [Worker(n, options.peer_python if n in PEERS else sys.executable, not options.verbose) for n in names]
    record: dict[str, Any] = {"machine": machine(), "rounds": options.rounds, "configurations": {}}
    notes: dict[str, None] = {}
    try:
        for configuration in configurations:
            seconds, missing = measure(configuration, workers, options.rounds, options.pause)
            found = summary(seconds)
            cells = [f"{found[n]['us']:.1f} ({found[n]['ratio']:.2f})" if n in found else "-" for n in names]
            print(f"{configuration!s:<32}" + "".join(f"{cell:>21}" for cell in cells), flush=True)
            notes.update(dict.fromkeys(f"{name}: {reason}" for name, reason in missing.items()))
            record["configurations"][str(configuration)] = {"summary": found, "seconds": seconds, "missing": missing}
    finally:
        for worker in workers:
            worker.close()
    for note in notes:
        print(f"left out: {note}")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(record, file, indent=1)


if __name__ == "__main__":
    main()
