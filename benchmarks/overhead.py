"""What recording costs: microseconds per operation on top of NumPy's own call, and per node of the backward sweep.

    python -m benchmarks.overhead

Arrays are tiny, so that only the overhead is seen. Contestants take turns in short rounds and the minimum over rounds
is printed, because a minimum is what noise disturbs least.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

import tinygrad_lite as tg

ROUNDS, CALLS, NODES = 40, 1000, 1000


def per_call(function: Callable[[], object]) -> float:
    """Microseconds per call, over one round."""
    start = time.perf_counter()
    for _ in range(CALLS):
        function()
    return (time.perf_counter() - start) / CALLS * 1e6


def chain(x: tg.Tensor) -> tg.Tensor:
    """A graph of NODES operations."""
    for _ in range(NODES):
        x = x + 1.0
    return x


def main() -> None:
    """Print the table."""
    a, b = np.random.default_rng(0).normal(size=(2, 3, 3))
    A, B = tg.Tensor(a, requires_grad=True), tg.Tensor(b, requires_grad=True)
    contestants: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "a + b": (lambda: a + b, lambda: A + B),
        "a * 2.0": (lambda: a * 2.0, lambda: A * 2.0),
        "-a": (lambda: -a, lambda: -A),
        "np.tanh(a)": (lambda: np.tanh(a), lambda: np.tanh(A)),
        "np.add(a, b)": (lambda: np.add(a, b), lambda: np.add(A, B)),
        "a @ b": (lambda: a @ b, lambda: A @ B),
        "np.sum(a, axis=0)": (lambda: np.sum(a, axis=0), lambda: np.sum(A, axis=0)),
        "a[1]": (lambda: a[1], lambda: A[1]),
        "a.T": (lambda: a.T, lambda: A.T),
    }
    best = {name: [np.inf, np.inf] for name in contestants}
    sweep = np.inf
    for _ in range(ROUNDS):
        for name, pair in contestants.items():
            for side, function in enumerate(pair):
                best[name][side] = min(best[name][side], per_call(function))
        y = chain(A)
        start = time.perf_counter()
        y.backward(a)
        sweep = min(sweep, (time.perf_counter() - start) / NODES * 1e6)
    print(f"{'operation':<20}{'NumPy, µs':>12}{'recorded, µs':>14}{'overhead, µs':>14}")
    for name, (plain, recorded) in best.items():
        print(f"{name:<20}{plain:>12.2f}{recorded:>14.2f}{recorded - plain:>14.2f}")
    print(f"{'backward, a node':<20}{'':>12}{'':>14}{sweep:>14.2f}")


if __name__ == "__main__":
    main()
