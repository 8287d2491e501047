"""Every call that a row or a composition gives as an example, keywords and all, along one random direction.

The property tests look closely, at a few calls of each function; here each call is looked at once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.generators.calls import Call, Function, calls, functions
from tinygrad_lite import tree

STEP = 1e-4


TESTED = [f for f in functions() if f.kind != "constant" and f.outputs == 1]
every_function = pytest.mark.parametrize("function", TESTED, ids=repr)


def of_floats(
    function: Function, operands: list[Any], params: dict[str, Any], make: Any = np.asarray
) -> tuple[Any, list[Any]]:
    """The function of its float operands alone, giving its float results in a list; and those operands.

    make: of the other arrays among its operands, those with which it is called.
    """
    whole, structure = tree.flatten(operands)
    places = [i for i, x in enumerate(whole) if np.asarray(x).dtype.kind == "f"]
    rest = [make(x) if isinstance(x, np.ndarray) and x.dtype.kind in "biufc" else x for x in whole]

    def f(*xs: Any) -> Any:
        filled = list(rest)
        for i, x in zip(places, xs, strict=True):
            filled[i] = x
        result = function.call(*tree.unflatten(structure, filled), **params)
        return [y for y in tree.flatten(result)[0] if y.dtype.kind == "f"]

    return f, [np.asarray(whole[i], float) for i in places]


def random_like(arrays: list[Any], rng: np.random.Generator) -> list[Any]:
    return [rng.uniform(0.5, 1, np.shape(x)) * rng.choice([-1, 1], np.shape(x)) for x in arrays]


def dot(a: Any, b: Any) -> Any:
    return sum(np.sum(x * y) for x, y in zip(a, b, strict=True))


def slope(f: Any, at: list[Any], direction: list[Any]) -> Any:
    """The derivative of a number along a direction: two central differences, extrapolated, to the step's 4th power."""

    def difference(h: float) -> Any:
        ahead, behind = ([x + s * h * t for x, t in zip(at, direction, strict=True)] for s in (1, -1))
        return (f(*ahead) - f(*behind)) / (2 * h)

    return (4 * difference(STEP) - difference(2 * STEP)) / 3


@every_function
def test_the_first_and_the_last_call_along_directions(function: Function) -> None:
    known = calls(function, np.random.default_rng(6))
    some = known[:1] + known[1:][-1:]
    check_both_modes(function, some)
    check_second_order(function, some)


@pytest.mark.thorough
@every_function
def test_both_modes_along_a_direction(function: Function) -> None:
    check_both_modes(function, calls(function, np.random.default_rng(7)))


def check_both_modes(function: Function, some: list[Call]) -> None:
    rng = np.random.default_rng(17)
    for operands, params in some:
        f, at = of_floats(function, operands, params)
        value, pullback = tg.vjp(f, *at)
        if not value:
            continue  # complex or whole numbers: they have tests of their own
        g, direction = random_like(value, rng), random_like(at, rng)
        reverse, forward = dot(pullback(g), direction), dot(g, tg.jvp(f, at, direction)[1])
        numerical = slope(lambda *xs, f=f, g=g: dot(g, f(*xs)), at, direction)
        scale = 1e-8 * (1 + dot([np.abs(x) for x in g], [np.abs(y) for y in value]))
        np.testing.assert_allclose(forward, reverse, rtol=1e-9, atol=1e-3 * scale, err_msg=f"two modes, {params}")
        np.testing.assert_allclose(reverse, numerical, rtol=1e-7, atol=scale, err_msg=f"{params}")


@pytest.mark.slow
@every_function
def test_the_second_order_along_two_directions(function: Function) -> None:
    check_second_order(function, calls(function, np.random.default_rng(9)))


def check_second_order(function: Function, some: list[Call]) -> None:
    rng = np.random.default_rng(19)
    for operands, params in some:
        f, at = of_floats(function, operands, params)
        value = f(*at)
        g, one, two = random_like(value, rng), random_like(at, rng), random_like(at, rng)
        if not value:
            continue

        def first(*xs: Any, f: Any = f, g: Any = g, one: Any = one) -> Any:
            return dot(tg.vjp(f, *xs)[1](g), one)

        found = dot(tg.grad(first, argnums=tuple(range(len(at))))(*at), two)
        scale = 1e-7 * (1 + abs(first(*at)))
        np.testing.assert_allclose(found, slope(first, at, two), rtol=1e-6, atol=scale, err_msg=f"{params}")


@pytest.mark.thorough
@every_function
def test_what_another_use_of_an_operand_sends_is_added(function: Function) -> None:
    rng = np.random.default_rng(8)
    operands, params = calls(function, rng)[0]
    f, at = of_floats(function, operands, params)
    g, other = random_like(f(*at), rng), random_like(at, rng)
    alone = tg.vjp(f, *at)[1](g)
    both = tg.vjp(lambda *xs: [f(*xs), [x + 0 for x in xs]], *at)[1]([g, other])
    for mine, total, others in zip(alone, both, other, strict=True):
        np.testing.assert_allclose(total, mine + others, rtol=1e-12, atol=1e-14)
