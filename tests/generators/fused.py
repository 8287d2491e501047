"""Random functions of the kind that native code fuses: chains of element-wise steps, broadcasting, reductions, products
of matrices and stacks, transposes, reshapes, slices, margins, windows, choices; in both float dtypes, on long and short
axes.

    python -m tests.generators.fused --functions 200 --seed 1

compares each, with its gradient, compiled to C and to NumPy, with itself.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

import tinygrad_lite as tg
from tinygrad_lite import tree
from tinygrad_lite.rounding import describe_difference

Function = Callable[..., Any]

UNARY: list[Function] = [
    np.tanh,
    lambda x: np.exp(-np.abs(x)),
    lambda x: np.log1p(np.exp(-np.abs(x))),
    lambda x: np.log(1 + x * x),
    np.negative,
    np.square,
    lambda x: np.sqrt(1 + np.abs(x)),
    np.sign,
    np.abs,
    tg.sigmoid,
    tg.relu,
    tg.softplus,
    lambda x: np.where(x > 0.1, x, 0.3 * x),
    lambda x: np.expm1(-np.abs(x)),
    lambda x: 1 / (1 + x * x),
    np.floor,
    lambda x: np.clip(x, -0.5, 0.7),
    lambda x: np.arctan(x),
    np.sin,
    lambda x: np.cos(1e5 * x),
    lambda x: np.abs(x) ** 1.5,
    lambda x: x**3,
    lambda x: np.log2(1 + x * x),
    lambda x: tg.softmax(x) if x.ndim else x,
    lambda x: tg.log_softmax(x, axis=0) if x.ndim else x,
    lambda x: tg.logsumexp(x, axis=-1) if x.ndim else x,
    lambda x: (x - np.mean(x, -1, keepdims=True)) / np.sqrt(1 + np.var(x, -1, keepdims=True)) if x.ndim else x,
    lambda x: x.astype(np.float32),
    lambda x: x.astype(np.float64),
]
BINARY: list[Function] = [
    np.add,
    np.subtract,
    np.multiply,
    np.maximum,
    np.minimum,
    lambda a, b: a / (2 + np.tanh(b)),
    lambda a, b: np.where(a < b, a, b * b),
    lambda a, b: np.where(np.logical_and(a > 0, b > 0), a, b),
    np.hypot,
]
EXTENTS = (1, 1, 2, 3, 4, 7, 9, 16, 17, 33, 40)
LONG = (130, 600, 1025)
MOST = 40_000  # entries of an array


def _pad(x: Any) -> Any:
    return np.pad(x, [(1, 2)] * min(x.ndim, 3) + [(0, 0)] * max(x.ndim - 3, 0)) if x.ndim else x


def _sum_windows(x: Any) -> Any:
    """Three neighbours along the last axis, each with a weight of its own."""
    if not x.ndim or x.shape[-1] < 3:
        return x
    return sliding_window_view(x, 3, -1) @ np.array([0.5, -1.0, 0.3], x.dtype)


class Draw:
    """Draws one function, as a list of instructions on a list of values."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.extents = [int(rng.choice(EXTENTS)) for _ in range(3)]
        if rng.random() < 0.4:
            self.extents.append(int(rng.choice(LONG)))
        self.arguments = [self.array() for _ in range(int(rng.integers(1, 4)))]
        self.steps: list[tuple[Function, tuple[int, ...]]] = []
        self.shapes = [x.shape for x in self.arguments]
        values = list(self.arguments)
        for _ in range(int(rng.integers(2, 14))):
            fn, at = self.step()
            try:
                with np.errstate(all="ignore"):
                    y = fn(*[values[i] for i in at])
            except Exception:
                continue
            if np.size(y) > MOST or np.size(y) == 0:
                continue
            self.steps.append((fn, at))
            values.append(y)
            self.shapes.append(np.shape(y))
        self.mixes = any(np.asarray(y).dtype == np.float32 for y in values)  # has float32 among its numbers
        self.outputs = sorted({len(values) - 1, *map(int, rng.integers(0, len(values), 2))})

    def pick(self, *options: Any) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def array(self) -> Any:
        rank = int(self.rng.choice([0, 1, 1, 2, 2, 2, 3, 4], p=[0.04, 0.13, 0.13, 0.2, 0.2, 0.15, 0.1, 0.05]))
        shape = tuple(int(self.rng.choice(self.extents)) for _ in range(rank))
        while math.prod(shape) > MOST:
            shape = shape[1:]
        dtype = self.pick(np.float64, np.float64, np.float32)
        return self.rng.normal(size=shape).astype(dtype)

    def step(self) -> tuple[Function, tuple[int, ...]]:
        rng, last = self.rng, len(self.shapes) - 1
        a = last if rng.random() < 0.6 else int(rng.integers(last + 1))
        b = int(rng.integers(last + 1))
        shape = self.shapes[a]
        rank = len(shape)
        kind = rng.random()
        if kind < 0.3:
            return self.pick(*UNARY), (a,)
        if kind < 0.5:
            return self.pick(*BINARY), (a, b)
        if kind < 0.68:
            ends = tuple(range(rank))[:2], tuple(range(rank))[-2:], tuple(range(rank))[1:]
            axis: Any = self.pick(None, *range(rank), *range(-rank, 0), *ends)
            keepdims = bool(rng.random() < 0.4)
            reduce = self.pick(np.sum, np.sum, np.mean, np.max, np.min)
            return lambda x: reduce(x, axis=axis, keepdims=keepdims), (a,)
        if kind < 0.82:
            turn = self.pick(lambda x: x, lambda x: np.swapaxes(x, -1, -2) if x.ndim > 1 else x)
            scale = 1 / math.sqrt(shape[-1]) if shape else 1.0
            return lambda x, y: turn(x) @ y * scale, (a, b)
        if kind < 0.9:
            order = tuple(int(i) for i in rng.permutation(rank))
            return lambda x: np.transpose(x, order), (a,)
        if kind < 0.95:
            new = self.pick((-1,), (-1, 1), (1, -1), (*shape[1:], *shape[:1]), (shape[0], -1) if shape else ())
            return lambda x: np.reshape(x, new), (a,)
        if kind < 0.97:
            return self.pick(_pad, _sum_windows), (a,)
        index = self.pick(
            0, -1, slice(1, None), slice(None, None, 2), (..., 0), (None, ...), (slice(None), slice(0, 1))
        )
        return lambda x: x[index], (a,)

    def __call__(self, *arguments: Any) -> Any:
        values = list(arguments)
        for fn, at in self.steps:
            values.append(fn(*[values[i] for i in at]))
        return [values[i] for i in self.outputs]

    def loss(self, *arguments: Any) -> Any:
        """One number that depends on every output, with cotangents that are not all alike."""
        total = 0.0
        for y in self(*arguments):
            weights = np.cos(np.arange(np.size(y), dtype=y.dtype)).reshape(np.shape(y))
            total = total + np.sum(y * weights)
        return total

    def again(self) -> list[Any]:
        """Other arguments of the same kind."""
        return [self.rng.normal(size=x.shape).astype(x.dtype) for x in self.arguments]


def several(draws: list[Draw], gradients: bool) -> tuple[Function, list[list[Any]]]:
    """One function that does what all of them do, with their arguments: compiled together, they take less time."""

    def f(arguments: list[list[Any]]) -> Any:
        results = []
        for draw, own in zip(draws, arguments, strict=True):
            derivatives = tg.grad(draw.loss, argnums=tuple(range(len(own))))(*own) if gradients else ()
            results.append((draw(*own), derivatives))
        return results

    return f, [draw.arguments for draw in draws]


def differences(draws: list[Draw], f: Function, compiled: Function, arguments: Any) -> list[str]:
    """In what the compiled function's results differ from the function's own, by more than rounding explains.

    How much that is, is seen from arguments that are off by a rounding error.
    """
    rng = np.random.default_rng(0)

    def shaken(x: Any) -> Any:
        return x * (1 + np.finfo(x.dtype).eps * rng.choice([-1, 1], x.shape)).astype(x.dtype)

    def leaves(result: Any) -> list[Any]:
        return [np.asarray(x.data if isinstance(x, tg.Tensor) else x) for x in tree.flatten(result)[0]]

    with np.errstate(all="ignore"):
        want, got = f(arguments), compiled(arguments)
        moved = [f(tree.map(shaken, arguments)) for _ in range(4)]
        found = []
        for i, draw in enumerate(draws):
            for k, (x, y) in enumerate(zip(leaves(got[i]), leaves(want[i]), strict=True)):
                others = [leaves(result[i])[k] for result in moved]
                noise = max(np.abs(y - other).max() for other in others) if y.dtype.kind == "f" else 0.0
                if draw.mixes and x.dtype == y.dtype == np.float64:
                    x, y = x.astype(np.float32), y.astype(np.float32)
                found.append(describe_difference(x, y, np.nan_to_num(noise)))
    return [text for text in found if text]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--functions", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--together", type=int, default=4)
    options = parser.parse_args()
    found = 0
    for seed in range(options.seed, options.seed + options.functions // options.together):
        rng = np.random.default_rng(seed)
        draws = [Draw(rng) for _ in range(options.together)]
        f, arguments = several(draws, bool(seed % 2))
        try:
            with np.errstate(all="ignore"):
                f(arguments)
        except Exception as error:  # no function that can be differentiated
            print(f"seed {seed}: {type(error).__name__}: {error}")
            continue
        for target in ("c", "numpy"):
            compiled = tg.compile(f, target=target)
            try:
                with np.errstate(all="ignore"):
                    compiled(arguments)  # the first result is checked in itself
                    problems = differences(draws, f, compiled, [draw.again() for draw in draws])
            except Exception as error:
                problems = [f"{type(error).__name__}: {error}"]
            if problems:
                found += 1
                print(f"seed {seed}, {target}: {problems[:2]}")
    print(f"{found} findings")
    return min(found, 1)


if __name__ == "__main__":
    sys.exit(main())
