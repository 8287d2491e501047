"""How long compiling takes, for programs of growing length: it must grow no faster than they do.

    python -m benchmarks.compile_time
    python -m benchmarks.compile_time --iterations 500 1000 2000 4000 8000

The program is a loop, `x = np.sin(x) * w`, with its gradient: seven steps an iteration. What is printed is the time of
the first call, which traces, rewrites, plans, writes and compiles the program and compares its first result with the
function's; then the time of one call of the function itself and of the compiled one.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import tinygrad_lite as tg


def loop(iterations: int) -> Callable[..., Any]:
    """The value and gradient of a long chain of steps on small arrays."""

    def total(x: Any, w: Any) -> Any:
        for _ in range(iterations):
            x = np.sin(x) * w
        return np.sum(x)

    return tg.value_and_grad(total, argnums=(0, 1))


def seconds(f: Callable[..., Any], *args: Any) -> float:
    start = time.perf_counter()
    f(*args)
    return time.perf_counter() - start


def main(lengths: Sequence[int] = (500, 1000, 2000, 4000)) -> None:
    x, w = np.linspace(0.1, 1.0, 4), np.full(4, 1.1)
    print(f"{'iterations':>10} {'first call, s':>15} {'ms an iteration':>17} {'function, ms':>14} {'compiled, ms':>14}")
    for iterations in lengths:
        f = loop(iterations)
        step = tg.compile(f)
        first = seconds(step, x, w)
        plain, compiled = (1e3 * min(seconds(g, x, w) for _ in range(3)) for g in (f, step))
        each = 1e3 * first / iterations
        print(f"{iterations:>10} {first:>15.2f} {each:>17.2f} {plain:>14.1f} {compiled:>14.1f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--iterations", type=int, nargs="+", default=[500, 1000, 2000, 4000])
    main(parser.parse_args().iterations)
