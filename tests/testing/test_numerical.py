"""The numerical side must be right about its own error: too small a bar would condemn, too large a one acquit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tinygrad_lite.testing.numerical import complex_step, differences, measure_noise

SMOOTH: dict[str, tuple[Callable[..., Any], Callable[..., Any], tuple[float, float]]] = {
    "exp": (np.exp, np.exp, (-5, 5)),
    "log": (np.log, lambda x: 1 / x, (1e-6, 50)),
    "sqrt": (np.sqrt, lambda x: 0.5 / np.sqrt(x), (1e-6, 50)),
    "sin": (np.sin, np.cos, (-50, 50)),
    "tanh": (np.tanh, lambda x: np.cosh(x) ** -2, (-8, 8)),
    "square": (np.square, lambda x: 2 * x, (-1e4, 1e4)),
    "reciprocal": (np.reciprocal, lambda x: -1 / x**2, (1e-3, 1e3)),
    "fast": (lambda x: np.sin(40 * x), lambda x: 40 * np.cos(40 * x), (-3, 3)),
    "shallow": (lambda x: 1 + 1e-6 * x, lambda x: np.full_like(x, 1e-6), (-3, 3)),
    "cancelling": (lambda x: (x + 1e8) - 1e8, np.ones_like, (-3, 3)),
    "coarse": (lambda x: np.sin(x.astype(np.float32)).astype(np.float32), np.cos, (-3, 3)),
}
WITH_KINK: dict[str, Callable[..., Any]] = {
    "abs": np.abs,
    "relu": lambda x: np.maximum(x, 0),
    "leaky": lambda x: np.where(x > 0, x, 0.9 * x),
    "a small kink in a large slope": lambda x: 5 * x + 0.01 * np.abs(x),
}


@pytest.mark.parametrize("name", SMOOTH)
@example(where=[0.5725611561783479, 0.2002124489551934, 0.5])  # steps that suited the rounding
@given(where=st.lists(st.floats(0.001, 0.999), min_size=3, max_size=3))
def test_the_truth_lies_within_the_error_bar(name: str, where: list[float]) -> None:
    f, derivative, (low, high) = SMOOTH[name]
    x = low + (high - low) * np.array(where)
    eps = float(np.finfo(np.float32 if name == "coarse" else np.float64).eps)
    for d in (np.array([0.0, 1, 0]), np.array([0.7, -1.3, 0.5])):
        estimate = differences(f, x, d, eps=eps)
        assert np.all(np.abs(estimate.value - derivative(x) * d) <= estimate.error + 1e-15 * np.abs(derivative(x)))
        assert np.all(estimate.value[d == 0] == 0)


@pytest.mark.parametrize("name", ["exp", "sin", "tanh", "square"])
def test_the_error_bar_is_small_where_the_function_is_tame(name: str) -> None:
    f, derivative, _ = SMOOTH[name]
    x = np.linspace(0.3, 2, 7)
    estimate = differences(f, x, np.ones(7))
    assert np.all(estimate.error <= 1e-9 * np.abs(derivative(x)))
    assert not estimate.kink.any()


@pytest.mark.parametrize("f", WITH_KINK.values(), ids=list(WITH_KINK))
def test_a_kink_at_the_point_is_noticed(f: Callable[..., Any]) -> None:
    """Central differences alone would answer with the mean of the two slopes, and no error at all."""
    x = np.array([0.0, 1.0, -1.0, 1e-3, -1e-5])
    assert differences(f, x, np.ones(5)).kink.tolist() == [True, False, False, False, False]
    # one kinked summand among many
    wide = np.append(np.linspace(0.1, 1, 400), 0.0)
    assert differences(lambda v: np.sum(f(v), keepdims=True), wide, np.ones(401)).kink.all()


@given(st.floats(1e-3, 0.999), st.sampled_from([3.0, 264.3, 1e4]))
def test_a_staircase_is_not_taken_for_a_slope(where: float, steps: float) -> None:
    """Seen over long steps an even staircase is a straight line; its slope is zero."""
    assume(0.1 < steps * where % 1 < 0.9)
    estimate = differences(lambda x: np.floor(steps * x), np.array([where]), np.array([1.0]))
    assert abs(estimate.value[0]) <= estimate.error[0] or estimate.kink[0]


def test_the_jump_of_the_slope() -> None:
    estimate = differences(lambda x: np.where(x > 0, 3 * x, -x), np.array([0.0]), np.array([1.0]))
    np.testing.assert_allclose([estimate.value[0], estimate.jump[0]], [1.0, 4.0], rtol=1e-6)


def test_beyond_the_domain_nothing_is_claimed() -> None:
    estimate = differences(np.sqrt, np.array([0.0, 1.0, -1.0]), np.ones(3))
    assert np.isinf(estimate.error).tolist() == [True, False, True]
    assert estimate.kink.tolist() == [True, False, True]


@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "sin", "tanh", "square", "reciprocal", "fast"])
def test_complex_step_is_exact(name: str) -> None:
    f, derivative, (low, high) = SMOOTH[name]
    x = np.linspace(low, high, 9)[1:-1]
    slope = complex_step(f, x, np.ones(7))
    assert slope is not None
    np.testing.assert_allclose(slope, derivative(x), rtol=1e-13)


@pytest.mark.parametrize(
    "f",
    [
        np.abs,
        np.real,
        np.floor,
        lambda x: x.astype(float),
        lambda x: np.array([float(v) for v in x]),
        lambda x: np.full(3, np.nan * 1j) * x,
        lambda x: 1 / 0,
    ],
    ids=["abs", "real", "floor", "astype", "float", "nan", "raises"],
)
def test_complex_step_refuses_what_drops_the_imaginary_part(f: Callable[..., Any]) -> None:
    assert complex_step(f, np.array([1.0, 2.0, 3.0]), np.ones(3)) is None


def test_noise_is_measured() -> None:
    x = np.array([0.3, 1.7, -2.2])
    assert np.all(measure_noise(np.sin, x) < 1e-14)
    assert np.all(measure_noise(lambda v: (v + 1e8) - 1e8, x) > 1e-10)
    assert np.all(measure_noise(np.abs, np.zeros(3)) < 1e-14)  # a kink is not noise
