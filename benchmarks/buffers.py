"""A recurrence that is written into a buffer row by row: microseconds a row, which must not grow with their number.

python -m benchmarks.buffers
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_lite as tg

WIDTH = 16
ROWS = (250, 1000, 4000, 16000)
MOST_COMPILED = 1000  # rows; a program has a step for each


def written(zeros: Callable[..., Any], n: int) -> Callable[..., Any]:
    """The cost of a recurrence, its states in an array."""

    def cost(W: Any, x: Any) -> Any:
        h = zeros((n, WIDTH))
        h[0] = np.tanh(x)
        for t in range(1, n):
            h[t] = np.tanh(W @ h[t - 1])
        return np.sum(h**2)

    return cost


def listed(n: int) -> Callable[..., Any]:
    """The same, its states in a list."""

    def cost(W: Any, x: Any) -> Any:
        h = [np.tanh(x)]
        for _ in range(1, n):
            h.append(np.tanh(W @ h[-1]))
        return np.sum(np.stack(h) ** 2)

    return cost


def measure(f: Callable[..., Any], n: int) -> float:
    """The best of three, in microseconds a row."""
    W, x = 0.3 * np.random.default_rng(0).normal(size=(WIDTH, WIDTH)), np.ones(WIDTH)
    f(W, x)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        f(W, x)
        times.append(time.perf_counter() - start)
    return min(times) / n * 1e6


def main() -> None:
    """Print the table."""
    print(f"{'rows':>8}{'NumPy, no gradient':>22}{'list and np.stack':>20}{'tg.zeros':>12}{'compiled':>12}")
    for n in ROWS:
        numbers = (
            measure(written(np.zeros, n), n),
            measure(tg.grad(listed(n)), n),
            measure(tg.grad(written(tg.zeros, n)), n),
        )
        row = f"{n:>8}{numbers[0]:>22.1f}{numbers[1]:>20.1f}{numbers[2]:>12.1f}"
        print(row + (f"{measure(tg.compile(tg.grad(written(tg.zeros, n))), n):>12.1f}" if n <= MOST_COMPILED else ""))


if __name__ == "__main__":
    main()
