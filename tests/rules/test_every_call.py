"""Every call that a row or a composition gives as an example, keywords and all, along one random direction.

The property tests look closely, at a few calls of each function; here each call is looked at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import tree
from tinygrad_lite.testing.rows import Function, calls, functions

STEP = 1e-4


def floats(value: Any) -> list[Any]:
    return [y for y in map(np.asarray, tree.flatten(value)[0]) if y.dtype.kind == "f"]


@pytest.mark.parametrize("function", [f for f in functions() if f.kind != "constant" and f.outputs == 1], ids=repr)
def test_both_modes_along_a_direction(function: Function) -> None:
    rng = np.random.default_rng(7)
    for operands, params in calls(function, rng):
        whole, structure = tree.flatten(operands)
        places = [i for i, x in enumerate(whole) if np.asarray(x).dtype.kind == "f"]
        at = [np.asarray(whole[i], float) for i in places]

        def f(
            *xs: Any, whole: Any = whole, places: Any = places, structure: Any = structure, params: Any = params
        ) -> Any:
            filled = list(whole)
            for i, x in zip(places, xs, strict=True):
                filled[i] = x
            result = function.call(*tree.unflatten(structure, filled), **params)
            return [y for y in tree.flatten(result)[0] if y.dtype.kind == "f"]

        direction = [rng.uniform(0.5, 1, x.shape) * rng.choice([-1, 1], x.shape) for x in at]
        value, pullback = tg.vjp(f, *at)
        if not value:
            continue  # complex or whole numbers: they have tests of their own
        g = [rng.uniform(0.5, 1, y.shape) * rng.choice([-1, 1], y.shape) for y in value]
        back = sum(np.sum(gx * t) for gx, t in zip(pullback(g), direction, strict=True))
        along = sum(np.sum(gy * t) for gy, t in zip(g, tg.jvp(f, at, direction)[1], strict=True))

        def moved(h: float, f: Any = f, at: Any = at, direction: Any = direction, g: Any = g) -> Any:
            values = f(*(x + h * t for x, t in zip(at, direction, strict=True)))
            return sum(np.sum(gy * y) for gy, y in zip(g, values, strict=True))

        # Two central differences, extrapolated: an error of the order of the step to the fourth power.
        coarse, fine = ((moved(h) - moved(-h)) / (2 * h) for h in (2 * STEP, STEP))
        numerical = (4 * fine - coarse) / 3
        scale = 1e-8 * (1 + sum(np.sum(np.abs(gy * y)) for gy, y in zip(g, value, strict=True)))
        np.testing.assert_allclose(along, back, rtol=1e-9, atol=1e-3 * scale, err_msg=f"forward, reverse {params}")
        np.testing.assert_allclose(back, numerical, rtol=1e-7, atol=scale, err_msg=f"{params}")
