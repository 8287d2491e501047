"""The likelihood and the predictions of the Gaussian process against the densities that they come from."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_lite as tg
from models import gaussian_process as gp
from models import likelihood

pytestmark = pytest.mark.thorough

RNG = np.random.default_rng(7)
T, U = np.sort(RNG.uniform(0, 4, 7)), np.sort(RNG.uniform(0, 5, 3))
Y = RNG.normal(size=7)
P = {"trend": 1.3, "trend length": 0.9, "season": 0.7, "season width": 1.1, "period": 1.2, "noise": 0.4}


def covariance(s, t):
    """k(s, t) entry by entry, as the docstring has it."""
    a, length, b, width, p = (P[name] for name in ("trend", "trend length", "season", "season width", "period"))
    trend = lambda d: a**2 * np.exp(-(d**2) / (2 * length**2))  # noqa: E731
    season = lambda d: b**2 * np.exp(-2 * np.sin(np.pi * d / p) ** 2 / width**2)  # noqa: E731
    return np.array([[trend(x - y) + season(x - y) for y in t] for x in s])


def test_the_cost_is_minus_the_logarithm_of_the_normal_density():
    stats = pytest.importorskip("scipy.stats")
    K = covariance(T, T) + P["noise"] ** 2 * np.eye(7)
    assert_allclose(gp.cost(P, T, Y), -stats.multivariate_normal(np.zeros(7), K).logpdf(Y), rtol=1e-10)


def test_its_gradient():
    vector, unravel = tg.tree.ravel(P)
    report = tg.testing.check_gradients(lambda v: gp.cost(unravel(v), T, Y), vector, order=2)
    assert report.verdict == "right", str(report)


def test_predictions_are_those_of_the_joint_distribution():
    K = covariance(T, T) + P["noise"] ** 2 * np.eye(7)
    across = covariance(U, T) @ np.linalg.inv(K)
    mean, deviation = gp.predict(P, T, Y, U)
    assert_allclose(mean, across @ Y, rtol=1e-9)
    assert_allclose(deviation**2, np.diag(covariance(U, U) - across @ covariance(T, U)), rtol=1e-9)


def test_the_true_period_is_where_the_search_begins():
    data = gp.draw_measurements(120, np.random.default_rng(3))
    assert len(data.times) == len(data.values) == 120
    assert 20 < np.sum(data.held_out) < 60
    seen = ~data.held_out
    start = gp.start_of_search(data.times[seen], data.values[seen])
    assert_allclose(start["period"], gp.TRUTH["period"], rtol=0.02)


@pytest.mark.slow
def test_the_bands_hold_what_they_promise():
    inside = []
    for seed in range(6):
        data = gp.draw_measurements(160, np.random.default_rng(seed))
        t, y, held_out = data.times, data.values, data.held_out
        start = gp.start_of_search(t[~held_out], y[~held_out])
        found = likelihood.fit(lambda p, t=t[~held_out], y=y[~held_out]: gp.cost(p, t, y), start)
        assert_allclose(found["period"], gp.TRUTH["period"], rtol=0.02)
        assert_allclose(found["noise"], gp.TRUTH["noise"], rtol=0.25)
        mean, deviation = gp.predict(found, t[~held_out], y[~held_out], t[held_out])
        inside.append(np.mean(np.abs(y[held_out] - mean) < 1.96 * np.hypot(deviation, found["noise"])))
    assert 0.85 < np.mean(inside) <= 1
