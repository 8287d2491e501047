"""The solver's derivatives: against a solution in closed form, and against differences."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_lite as tg
from models import ode_fit

pytestmark = pytest.mark.thorough

pytest.importorskip("scipy.integrate")

TIMES = np.array([0.5, 0.8, 1.7, 3.0])
START, RATES = np.array([2.0, 0.7]), np.array([0.9, 0.4])


def decay(t, y, p):
    """One substance becomes another, which vanishes."""
    return np.stack([-p[0] * y[0], p[0] * y[0] - p[1] * y[1]])


def closed_form(y0, p):
    """Bateman's solution of decay."""
    t = TIMES[1:] - TIMES[0]
    one, two = np.exp(-p[0] * t), np.exp(-p[1] * t)
    return np.stack([y0[0] * one, y0[1] * two + y0[0] * p[0] / (p[1] - p[0]) * (one - two)], axis=1)


@pytest.fixture(scope="module")
def solve():
    return ode_fit.solver(decay, TIMES)


def test_solution_and_gradient(solve):
    assert_allclose(solve(START, RATES), closed_form(START, RATES), rtol=1e-5)
    g = np.random.default_rng(0).normal(size=(3, 2))
    found, expected = (tg.vjp(f, START, RATES)[1](g) for f in (solve, closed_form))
    assert_allclose(found[0], expected[0], rtol=1e-5)
    assert_allclose(found[1], expected[1], rtol=1e-5)


def test_tangent(solve):
    rng = np.random.default_rng(1)
    tangents = rng.normal(size=2), rng.normal(size=2)
    found, expected = (tg.jvp(f, (START, RATES), tangents)[1] for f in (solve, closed_form))
    assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_compiled(solve):
    def cost(p):
        return np.sum(np.sin(solve(START, p)) * np.arange(6.0).reshape(3, 2))

    assert_allclose(tg.compile(tg.grad(cost), target="numpy")(RATES), tg.grad(cost)(RATES), rtol=1e-9)


def test_no_second_derivatives(solve):
    with pytest.raises(TypeError, match="no Hessians"):
        tg.hessian(lambda p: np.sum(solve(START, p) ** 2))(RATES)


def test_a_solution_that_explodes_is_said():
    with pytest.raises(ArithmeticError, match="no solution"), np.errstate(over="ignore", invalid="ignore"):
        ode_fit.solver(lambda t, y, p: p * y**2, TIMES)(np.array([3.0]), np.array([4.0]))


def test_the_gradient_for_hares_and_lynxes_is_that_of_differences():
    solve = ode_fit.solver(ode_fit.predators_and_prey, ode_fit.YEARS[:7])
    vector, unravel = tg.tree.ravel(ode_fit.START)
    g = np.random.default_rng(2).normal(size=(7, 2))

    def cost(v):
        return np.sum(g * ode_fit.logarithms(unravel(v), solve))

    h, direction = 1e-3, vector * np.array([1.0, -2.0, 0.5, 1.5, -1.0, 0.7])
    near, far = ((cost(vector + d * direction) - cost(vector - d * direction)) / (2 * d) for d in (h, 2 * h))
    assert_allclose(tg.grad(cost)(vector) @ direction, (4 * near - far) / 3, rtol=1e-4)


def test_the_fit_finds_the_parameters_of_exact_counts(monkeypatch):
    near = {name: value * (1.1 if i % 2 else 0.95) for i, (name, value) in enumerate(ode_fit.PUBLISHED.items())}
    monkeypatch.setattr(ode_fit, "START", near)
    solve = ode_fit.solver(ode_fit.predators_and_prey, ode_fit.YEARS[:7])
    seen = np.exp(ode_fit.logarithms(ode_fit.PUBLISHED, solve))
    found, sigma, covariance = ode_fit.fit(seen, solve)
    for name, value in ode_fit.PUBLISHED.items():
        assert_allclose(found[name], value, rtol=1e-2)
    assert sigma < 1e-2
    assert np.all(np.linalg.eigvalsh(covariance) > 0)


def test_counts():
    pelts = ode_fit.counts("pelts", lambda y0, p: None, np.random.default_rng(0))
    assert pelts.shape == (21, 2) == (len(ode_fit.YEARS), 2)
    assert pelts[4].tolist() == [36.3, 59.4]


@pytest.mark.slow
def test_the_pelts_give_what_is_published():
    solve = ode_fit.solver(ode_fit.predators_and_prey, ode_fit.YEARS)
    seen = ode_fit.counts("pelts", solve, np.random.default_rng(0))
    found, sigma, covariance = ode_fit.fit(seen, solve)
    errors = np.sqrt(np.diag(covariance))
    for (name, value), error in zip(ode_fit.PUBLISHED.items(), errors, strict=True):
        assert abs(np.log(found[name] / value)) < error
    assert 0.2 < sigma < 0.3
