"""What arrays have given back stays with the process: pages are not taken anew at every step."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

STEPS = """
import resource, sys
import numpy as np
{imports}
X = np.ones((500, 700))

def step():
    kept = [X + i for i in range(4)]  # 2.8 MB each
    return sum(kept)

for _ in range(3):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    step()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / 10)
"""


def count_faults(imports: str) -> float:
    """Pages taken from the system in a step, in a process of its own."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    command = [sys.executable, "-c", STEPS.format(imports=imports)]
    run = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    return float(run.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library's memory")
def test_a_step_takes_no_pages_anew() -> None:
    assert count_faults("import tinygrad_lite") < 100
