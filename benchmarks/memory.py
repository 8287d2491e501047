"""Peak memory of a training step: compiled, tuned by hand, and hand-written.

    python -m benchmarks.memory

Counted is what the step needs beside its arguments: arrays kept from call to call (a compiled step's arena, a tuned
step's buffers), and the most that is allocated at one time during a call, results included. Measured with tracemalloc,
which NumPy tells of every array.
"""

from __future__ import annotations

import gc
import tracemalloc

import numpy as np

from models.two_layer_manual import train_step

from .contestants import CONFIGURATIONS, Configuration, Step, compiled_step, tinygrad_lite_step, tuned_step

RATE = 0.1


def _arrays() -> int:
    """Bytes of all NumPy arrays alive."""
    gc.collect()
    domain = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([domain]).traces)


def peak(name: str, configuration: Configuration) -> tuple[int, int]:
    """Bytes kept between calls, and the most that a call allocates on top of them."""
    params, X, Y = configuration.data()
    tracemalloc.start()
    try:
        before = _arrays()
        steps: dict[str, Step] = {
            "hand-written": train_step,
            "tuned by hand": tuned_step(params, X, Y) if name == "tuned by hand" else train_step,
            "tinygrad_lite": tinygrad_lite_step(),
            "tg.compile": compiled_step(),
        }
        step = steps[name]
        for _ in range(2):
            step(params, X, Y, RATE)
        kept = _arrays() - before
        tracemalloc.reset_peak()
        now = tracemalloc.get_traced_memory()[0]
        step(params, X, Y, RATE)
        return kept, tracemalloc.get_traced_memory()[1] - now
    finally:
        tracemalloc.stop()


def main() -> None:
    """Print the table."""
    names = ("hand-written", "tuned by hand", "tg.compile", "tinygrad_lite")
    print("kilobytes a step: in all (of which kept between calls)")
    print(f"{'':<32}" + "".join(f"{name:>22}" for name in names))
    for configuration in CONFIGURATIONS:
        cells = []
        for name in names:
            kept, allocated = peak(name, configuration)
            cells.append(f"{(kept + allocated) / 1000:,.1f} ({kept / 1000:,.1f})")
        print(f"{configuration!s:<32}" + "".join(f"{cell:>22}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
