"""Settings of every test: how hard Hypothesis searches, and NumPy's floating-point errors.

TINYGRAD_PROFILE=dev (the default: quick), ci (the same examples every time, more of them), intense (for a long while).
TINYGRAD_LITE_TARGET=numpy (the default here), c: what compiled functions are printed as. The tests of native code ask
for C themselves; a compiler takes half a second for each program.
"""

from __future__ import annotations

import os

import hypothesis
import numpy as np

os.environ.setdefault("TINYGRAD_LITE_TARGET", "numpy")

# Each of these is a warning, and a warning is an error in the test run (pyproject.toml).
np.seterr(divide="warn", over="warn", invalid="warn", under="ignore")

_QUIET = [hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.data_too_large]

# No deadline: on a busy machine a slow example is not a failing one.
hypothesis.settings.register_profile("dev", max_examples=20, deadline=None, suppress_health_check=_QUIET)
hypothesis.settings.register_profile(
    "ci", max_examples=40, deadline=None, derandomize=True, print_blob=True, suppress_health_check=_QUIET
)
hypothesis.settings.register_profile(
    "intense", max_examples=1000, deadline=None, print_blob=True, suppress_health_check=_QUIET
)
hypothesis.settings.load_profile(os.environ.get("TINYGRAD_PROFILE", "dev"))
