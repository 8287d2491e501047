"""A whole training step (cost, gradients, update) by hand-written NumPy, tinygrad_lite and others, in one run.

    python -m benchmarks.race
    python -m benchmarks.race --quick                                       a few contestants, in minutes
    python -m benchmarks.race --rounds 9 --only float32 convnet --contestants compiled jax --json race.json
    python -m benchmarks.race --write                                       the tables and the chart into the READMEs

Each contestant has a process of its own for each workload. First everyone's results are compared with the reference's
(hand-written NumPy; where there is none, PyTorch); then they take turns, round by round, with a pause before each turn,
because idle thread pools go on spinning for a while. A turn is many steps in a row, from the same parameters. What is
printed is the median over the rounds, and the median of the ratios to the reference in the same round. A peer that is
not installed is left out, with a note; --peer-python runs the peers in another environment.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import pickle
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import report
from .contestants import CONTESTANTS, OURS
from .worker import Prepared
from .workloads import WORKLOADS
from .workloads.workload import NotWritten, Workload

TURN = 0.1  # seconds of work in one turn
QUICK = ["hand-written", "eager", "compiled to C", "jax.jit", "PyTorch"]


class Worker:
    """A contestant's process, with empty caches of its own, so that it has to compile."""

    def __init__(self, name: str, python: str, quiet: bool = True) -> None:
        self.name = name
        self._cache = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        caches = ("XDG_CACHE_HOME", "TINYGRAD_LITE_CACHE", "TORCHINDUCTOR_CACHE_DIR")
        self._process = subprocess.Popen(
            [python, "-c", f"from benchmarks import worker; worker.main({name!r})"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if quiet else None,
            env={**os.environ, **dict.fromkeys(caches, self._cache.name)},
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
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._cache.cleanup()


def disagreement(result: Prepared, expected: Prepared, tolerance: float) -> str | None:
    """In what a contestant's cost and parameters differ from the expected ones."""
    if result.params.keys() != expected.params.keys():
        return f"it has {', '.join(result.params)}"
    pairs = [("J", result.J, expected.J), *((key, result.params[key], b) for key, b in expected.params.items())]
    for name, a, b in pairs:
        a, b = np.asarray(a), np.asarray(b)
        if a.dtype != b.dtype or a.shape != b.shape:
            return f"{name} is {a.dtype} {a.shape}"
        error = np.max(np.abs(a - b)) / np.max(np.abs(b))
        if not error <= tolerance:
            return f"{name} is off by {error:.1e} of its largest entry"
    return None


def name_reference(workload: Workload) -> str:
    """The contestant by whom the others are measured."""
    by_hand = type(workload).hand_written is not Workload.hand_written
    return "hand-written" if by_hand else "PyTorch"


def prepare(workload: Workload, workers: Sequence[Worker]) -> tuple[dict[str, Prepared], dict[str, str]]:
    """What is known of those whose results agree with the first one's; and why others are missing."""
    params, data = workload.data()
    prepared: dict[str, Prepared] = {}
    missing: dict[str, str] = {}
    for worker in workers:
        try:
            result = worker.ask("prepare", workload, params, data)
        except RuntimeError as error:
            missing[worker.name] = (str(error).splitlines() or ["it failed"])[0]
            continue
        expected = next(iter(prepared.values()), result)
        wrong = disagreement(result, expected, workload.tolerance[workload.dtype])
        if wrong is None:
            prepared[worker.name] = result
        else:
            missing[worker.name] = f"its result is not that of {next(iter(prepared))}: {wrong}"
    return prepared, missing


def measure(workers: Sequence[Worker], rounds: int, pause: float, turn: float = TURN) -> dict[str, list[float]]:
    """Seconds a step, one number a round, for each of these contestants."""
    if not workers:
        return {}
    steps: dict[str, int] = {}
    for worker in workers:
        n = 1
        while (seconds := worker.ask("run", n)) < turn / 4:
            n *= 2
        steps[worker.name] = max(1, round(n * turn / seconds))
    seconds_of: dict[str, list[float]] = {worker.name: [] for worker in workers}
    for i in range(rounds):
        for worker in [
            *workers[i % len(workers) :],
            *workers[: i % len(workers)],
        ]:  # nobody always follows the same one
            time.sleep(pause)
            n = steps[worker.name]
            seconds_of[worker.name].append(worker.ask("run", n) / n)
    return seconds_of


def summarise(seconds: dict[str, list[float]], prepared: dict[str, Prepared]) -> dict[str, report.Row]:
    """For each contestant the median in microseconds, and the median and quartiles of its ratio to the first one."""
    reference = next(iter(seconds.values()), [])
    found: dict[str, report.Row] = {}
    for name, times in seconds.items():
        low, ratio, high = np.quantile([t / r for t, r in zip(times, reference, strict=True)], [0.25, 0.5, 0.75])
        found[name] = {
            "us": 1e6 * statistics.median(times),
            "ratio": float(ratio),
            "low": float(low),
            "high": float(high),
            "first_s": prepared[name].first_s,
            "import_s": prepared[name].import_s,
            "peak_mb": prepared[name].peak_mb,
        }
    return found


def race(workload: Workload, names: Sequence[str], options: argparse.Namespace) -> report.Result:
    """One workload, all contestants."""
    reference = name_reference(workload)
    workers: list[Worker] = []
    try:
        for name in dict.fromkeys([reference, *names]):
            python = sys.executable if name in OURS else options.peer_python
            workers.append(Worker(name, python, not options.verbose))
        prepared, missing = prepare(workload, workers)
        seconds = measure([w for w in workers if w.name in prepared], options.rounds, options.pause, options.turn)
    finally:
        for worker in workers:
            worker.close()
    return {
        "summary": summarise(seconds, prepared),
        "seconds": seconds,
        "missing": {name: why for name, why in missing.items() if NotWritten.__name__ not in why},
    }


def machine() -> str:
    """What the numbers were measured on."""
    cores = os.cpu_count()
    return f"{cores} cores ({platform.machine()}), Python {platform.python_version()}, NumPy {np.__version__}"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.race", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, help="turns for each contestant (default: 15)")
    parser.add_argument("--pause", type=float, help="seconds before each turn (default: 0.25)")
    parser.add_argument("--turn", type=float, default=TURN, help="seconds of work in a turn (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help=f"3 rounds with short pauses, and only {', '.join(QUICK)}")
    parser.add_argument("--only", nargs="+", default=[""], help="workloads whose name contains one of these")
    parser.add_argument("--contestants", nargs="+", help="contestants whose name contains one of these")
    parser.add_argument("--peer-python", default=sys.executable, help="interpreter that has the peers' libraries")
    parser.add_argument("--json", type=Path, help="file to write all numbers to")
    parser.add_argument("--write", action="store_true", help="put the tables and the chart into the READMEs")
    parser.add_argument("--verbose", action="store_true", help="show what the contestants' libraries print")
    options = parser.parse_args(arguments)
    options.rounds = options.rounds if options.rounds is not None else 3 if options.quick else 15
    options.pause = options.pause if options.pause is not None else 0.05 if options.quick else 0.25
    options.contestants = options.contestants or (QUICK if options.quick else [""])
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    for flag, given, known in (
        ("--only", options.only, list(map(str, WORKLOADS))),
        ("--contestants", options.contestants, list(CONTESTANTS)),
    ):
        unknown = [text for text in given if not any(text in name for name in known)]
        if unknown:
            parser.error(f"{flag}: nothing is called {unknown[0]!r}; there is {'; '.join(known)}")
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Race, and report."""
    options = parse(arguments)
    compileall.compile_dir(Path(__file__).parents[1] / "tinygrad_lite", quiet=1)  # as pip has done with the others
    names = [name for name in CONTESTANTS if any(text in name for text in options.contestants)]
    print(f"{machine()}; medians over {options.rounds} rounds; the first line of a table is the reference")
    record: report.Record = {"machine": machine(), "rounds": options.rounds, "workloads": {}}
    for workload in WORKLOADS:
        if any(text in str(workload) for text in options.only):
            result = record["workloads"][str(workload)] = race(workload, names, options)
            report.show_result(str(workload), result)
        if options.json:  # after each, so that a race that is stopped leaves what it has
            options.json.write_text(json.dumps(record, indent=1), encoding="utf-8")
    if options.write:
        report.write(record)


if __name__ == "__main__":
    main()
