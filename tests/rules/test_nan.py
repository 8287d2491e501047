"""The gradient beside NaN and outside a function's domain, over the table: docs/differences.md says what it is."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_lite as tg
from tests.generators.calls import Function
from tests.test_rules import FREE

pytestmark = pytest.mark.thorough

POINTS = np.array([np.nan, -3.0, -1.5, -0.5, 0.5, 1.5, 3.0])
G = np.array([0.7, -1.3, 2.1, 0.4, -0.9, 1.6, 0.2])


@functools.cache
def operands_of(function: Function) -> list[list[Any]]:
    """For each operand in turn: the points there, and the middle of its domain for the others."""
    middle = [np.full(POINTS.shape, np.mean(domain)) for domain in function.domain]
    return [[POINTS if i == k else middle[i] for i in range(function.arity)] for k in range(function.arity)]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of operands outside the domain
@pytest.mark.parametrize("function", FREE, ids=repr)
def test_every_mode_says_the_same(function: Function) -> None:
    for k, operands in enumerate(operands_of(function)):

        def at(x: Any, k: int = k, operands: Any = operands) -> Any:
            return function.call(*operands[:k], x, *operands[k + 1 :])

        value, pullback = tg.vjp(at, POINTS)
        backward = pullback(G.astype(value.dtype) if value.dtype.kind == "f" else G)[0]
        forward = tg.jvp(at, (POINTS,), (G,))[1]
        assert_array_equal(np.isnan(value), np.isnan(function.fn(*operands)))
        assert_allclose(backward, forward, rtol=1e-12, err_msg=f"operand {k}")
        compiled = tg.compile(tg.grad(lambda x, at=at: np.sum(G * at(x))))(POINTS)
        assert_allclose(compiled, backward, rtol=1e-9, err_msg=f"operand {k}, compiled")


CONSTANT_SLOPE = {"add", "subtract", "negative", "positive", "degrees", "rad2deg", "radians", "deg2rad"}
CONSTANT_SLOPE |= {"remainder", "fmod", "nextafter", "fraction", "mantissa", "heaviside"}  # of their first operand
BY_COMPARISON = {"relu": 0.0, "leaky_relu": 0.01, "copysign": 0.0}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of operands outside the domain
@pytest.mark.parametrize("function", [f for f in FREE if f.arity == 1], ids=repr)
def test_a_gradient_at_nan(function: Function) -> None:
    value, pullback = tg.vjp(function.call, np.array([np.nan]))
    found = pullback(np.ones(1, value.dtype))[0][0]
    if function.name in BY_COMPARISON:
        assert found == BY_COMPARISON[function.name]
    elif function.name in CONSTANT_SLOPE:
        assert np.isfinite(found)
    else:
        assert np.isnan(found)


def test_the_examples_of_the_page() -> None:
    with np.errstate(invalid="ignore"):
        assert tg.grad(np.log)(-1.0) == -1
        assert_allclose(tg.grad(np.arctanh)(2.0), -1 / 3)
        assert np.isnan(tg.grad(np.arcsin)(2.0))
    assert tg.grad(np.maximum, argnums=(0, 1))(np.nan, 1.0) == (0, 0)
    assert tg.grad(np.fmax, argnums=(0, 1))(np.nan, 1.0) == (0, 1)
    x = np.array([1.0, np.nan, 3.0])
    assert_array_equal(tg.grad(np.max)(x), [0, 1, 0])
    for f in (np.nansum, lambda x: np.sum(x, where=x > 0), lambda x: np.sum(np.where(np.isnan(x), 0, x))):
        assert_array_equal(tg.grad(f)(x), [1, 0, 1])
