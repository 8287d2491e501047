"""Peak memory of a training step of the two-layer network, in arrays: hand-written, tuned by hand, and ours.

    python -m benchmarks.memory

Counted is what the step needs beside its arguments: arrays kept from call to call (a compiled step's arena, a tuned
step's buffers), and the most that is allocated at one time during a call, results included. Measured with tracemalloc,
which NumPy tells of every array; `race.py` shows by how much whole processes grow.
"""

from __future__ import annotations

import gc
import tracemalloc

import numpy as np

from .contestants import CONTESTANTS, OURS
from .workloads import WORKLOADS
from .workloads.two_layer import TwoLayer
from .workloads.workload import Workload


def _arrays() -> int:
    """Bytes of all NumPy arrays alive."""
    gc.collect()
    domain = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([domain]).traces)


def peak(name: str, workload: Workload) -> tuple[int, int]:
    """Bytes kept between calls, and the most that a call allocates on top of them."""
    params, data = workload.data()
    tracemalloc.start()
    try:
        before = _arrays()
        loop = CONTESTANTS[name].make(workload, params, data)()
        for _ in range(2):
            loop(1)
        kept = _arrays() - before
        tracemalloc.reset_peak()
        now = tracemalloc.get_traced_memory()[0]
        loop(1)
        return kept, tracemalloc.get_traced_memory()[1] - now
    finally:
        tracemalloc.stop()


def main() -> None:
    """Print the table."""
    print("kilobytes a step: in all (of which kept between calls)")
    print(f"{'':<32}" + "".join(f"{name:>22}" for name in OURS))
    for workload in WORKLOADS:
        if isinstance(workload, TwoLayer):
            cells = []
            for name in OURS:
                kept, allocated = peak(name, workload)
                cells.append(f"{(kept + allocated) / 1000:,.1f} ({kept / 1000:,.1f})")
            print(f"{workload!s:<32}" + "".join(f"{cell:>22}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
