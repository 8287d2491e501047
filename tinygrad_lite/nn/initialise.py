"""The distributions that parameters start from, each drawn from an explicit generator.

The formulas are those of PyTorch's layers; the numbers are NumPy's.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def generator(rng: Any) -> np.random.Generator:
    """rng itself; without one, a fresh generator, which draws other numbers in every run."""
    if rng is None:
        return np.random.default_rng()
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a np.random.Generator, such as np.random.default_rng(0), not {rng!r}")
    return rng


def uniform(rng: np.random.Generator, shape: tuple[int, ...], bound: float, dtype: Any = None) -> np.ndarray:
    """Numbers between -bound and bound."""
    return rng.uniform(-bound, bound, shape).astype(dtype or np.float64)


def by_fan_in(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int, dtype: Any = None) -> np.ndarray:
    """Uniform between ±1/√fan_in: Kaiming's uniform with a = √5, as PyTorch's linear and convolutional layers."""
    return uniform(rng, shape, 1 / math.sqrt(fan_in) if fan_in else 0.0, dtype)


def xavier_uniform(rng: np.random.Generator, shape: tuple[int, int], dtype: Any = None) -> np.ndarray:
    """Uniform between ±√(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010)."""
    return uniform(rng, shape, math.sqrt(6 / sum(shape)), dtype)


def positive(what: str, **sizes: int) -> None:
    """ValueError unless all are whole numbers above 0."""
    for name, size in sizes.items():
        if not isinstance(size, (int, np.integer)) or isinstance(size, bool) or size < 1:
            raise ValueError(f"{what}: {name} must be a whole number above 0, not {size!r}")
