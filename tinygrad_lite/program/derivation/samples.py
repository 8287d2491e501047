"""Samples: arrays like those given, to try formulas on. They must hold whatever the numbers are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...rounding import describe_difference


def draw_samples(arrays: Sequence[Any]) -> list[list[Any]]:
    """The arrays given; twice others of the same range, and of the same values where there are few; twice others of
    either sign and of moderate size, where nothing overflows, saturates or lies on one side of a kink only; and others
    so large that what overflows does so whatever was given."""
    rng = np.random.default_rng(0)
    alike = [[resample(np.asarray(x), rng) for x in arrays] for _ in range(2)]
    moderate = [[resample(np.asarray(x), rng, size=1.0) for x in arrays] for _ in range(2)]
    large = [resample(np.asarray(x), rng, size=_LARGE) for x in arrays]
    return [list(arrays), *alike, *moderate, large]


def draw_moderate_samples(arrays: Sequence[Any]) -> list[list[Any]]:
    """Those of them in which nothing overflows, saturates or lies on one side of a kink only."""
    return draw_samples(arrays)[3:5]


def sums_to_one(x: Any, axis: int | tuple[int, ...]) -> bool:
    """Whether the entries add up to 1 along the axes, everywhere; rounding aside."""
    with np.errstate(all="ignore"):
        sums = np.sum(x, axis=axis)
    return describe_difference(sums, np.ones_like(sums)) is None


_LARGE = 1000.0  # exp(1000) is infinite, 1000 ** 2 is none the less an ordinary number in float32


def resample(x: Any, rng: np.random.Generator, size: float | None = None) -> Any:
    """An array like x, or with numbers of this size. Distributions stay distributions, labels labels, whole numbers of
    the same kind."""
    if x.size == 0 or x.dtype.kind == "c":
        return x
    for axis in range(x.ndim):
        if x.dtype.kind == "f" and x.size > 1 and sums_to_one(x, axis):
            return rng.permutation(x, axis=axis)
    values = np.unique(x[np.isfinite(x)])
    if len(values) and (x.dtype.kind in "biu" or 1 < len(values) <= x.size // 2):
        return rng.choice(values, x.shape)
    if size is not None or not len(values):
        return np.asarray((size or 1.0) * rng.normal(size=x.shape)).astype(x.dtype)
    low, high = float(values[0]), float(values[-1])
    margin = 0.1 * (abs(low) + (low == 0)) if low == high else 0.0
    share = rng.uniform(size=x.shape)  # low + share (high - low) could overflow
    return np.asarray((1 - share) * (low - margin) + share * (high + margin)).astype(x.dtype)
