"""Random scans: bodies with several carries, rows and constants, of all the shapes that products and sums may have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.testing import assert_allclose

import tinygrad_lite as tg
from tinygrad_lite import tree

Draw = np.random.Generator
SHAPES = [(2, 3), (3,), (2, 1), (3, 3), (), (4, 3)]
UNARY: list[Callable[[Any], Any]] = [
    np.sin,
    np.tanh,
    np.sum,
    np.square,
    lambda a: a.T,
    lambda a: np.sum(a, axis=0),
    lambda a: 2.0 * a,
    lambda a: a[..., None],
    lambda a: a[..., :1],
    lambda a: np.maximum(a, 0.1),
    lambda a: np.exp(-a * a),
    tg.stop_gradient,
]
BINARY: list[Callable[[Any, Any], Any]] = [np.add, np.multiply, np.matmul]


def random_scan(rng: Draw) -> tuple[Callable[[Any], Any], Any]:
    """A function of a tree of arrays, to a number, that scans; and arguments for it."""
    steps, count = int(rng.integers(1, 6)), int(rng.integers(1, 9))
    shapes = {name: _shapes(rng, least) for name, least in (("carry", 1), ("rows", 0), ("constants", 1))}
    arguments = {
        name: [rng.normal(size=(steps, *s) if name == "rows" else s) / 2 for s in found]
        for name, found in shapes.items()
    }
    options = {"reverse": bool(rng.integers(2)), "checkpoint": not rng.integers(4)}
    seed = int(rng.integers(2**32))  # a body is the same every time it is called

    def body(constants: Any, carry: Any, rows: Any) -> Any:
        return _random_step(np.random.default_rng(seed), count, carry, rows, constants, shapes["carry"])

    def cost(given: Any) -> Any:
        constants = given["constants"]
        last, ys = tg.scan(lambda c, x: body(constants, c, x), given["carry"], given["rows"], steps, **options)
        wanted = [x for i, x in enumerate([*last, *ys]) if i % 3 != 2]  # not all results are read
        return sum(np.sum(np.sin(x) * np.reshape(np.arange(1.0, 1 + np.size(x)), np.shape(x))) for x in wanted)

    return cost, arguments


def _shapes(rng: Draw, least: int) -> list[tuple[int, ...]]:
    return [SHAPES[i] for i in rng.integers(len(SHAPES), size=rng.integers(least, 4))]


def _random_step(rng: Draw, count: int, carry: Any, rows: Any, constants: Any, shapes: Any) -> Any:
    values = [*carry, *rows, *constants]
    for _ in range(count):
        a, b = (values[i] for i in rng.integers(len(values), size=2))
        unary, binary, is_unary = UNARY[rng.integers(len(UNARY))], BINARY[rng.integers(3)], rng.integers(4) == 0
        try:
            value = unary(a) if is_unary else binary(a, b)
        except (ValueError, IndexError):  # not of these shapes
            continue
        if np.size(value) < 60:
            values.append(value)
    following = []
    for old, shape in zip(carry, shapes, strict=True):
        fitting = [x for x in values if np.shape(x) == shape]
        x = fitting[rng.integers(len(fitting))]
        following.append([x, old + x, np.tanh(x)][rng.integers(3)])
    return following, [values[i] for i in rng.integers(len(values), size=rng.integers(3))]


def check_random_scan(seed: int, target: str) -> None:
    """That one of them, compiled with its gradient, gives what it gives itself."""
    f, arguments = random_scan(np.random.default_rng(seed))
    gradient = tg.value_and_grad(f)
    found, expected = tg.compile(gradient, target=target)(arguments), gradient(arguments)
    for a, b in zip(tree.flatten(found)[0], tree.flatten(expected)[0], strict=True):
        assert np.asarray(a).dtype == np.asarray(b).dtype
        assert_allclose(a, b, rtol=1e-8, atol=1e-10)
