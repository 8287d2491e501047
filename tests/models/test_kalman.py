"""The filter against the joint normal distribution of all states and measurements, written out as one large matrix."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_lite as tg
from models import kalman, likelihood

N = 5
P = {"turn rate": 0.3, "push": 0.4, "noise": 0.9}
SEEN = np.random.default_rng(5).normal(size=(N, 2)) * 3


def joint():
    """Covariances of all states (4 N, 4 N), of all measurements (2 N, 2 N), and between the two (4 N, 2 N)."""
    c, s = np.cos(P["turn rate"]), np.sin(P["turn rate"])
    F = np.array([[1, 0, 1, 0], [0, 1, 0, 1], [0, 0, c, -s], [0, 0, s, c]])
    # All states are a linear map of the first state and of the pushes, which are independent.
    width = 4 + 2 * N
    maps, now = [], np.eye(4, width)
    for i in range(N):
        now = F @ now
        now[2:, 4 + 2 * i : 6 + 2 * i] += np.eye(2)
        maps.append(now)
    M = np.concatenate(maps)
    sources = np.diag(np.concatenate([np.diag(kalman.COVARIANCE), np.full(2 * N, P["push"] ** 2)]))
    states = M @ sources @ M.T
    H = np.kron(np.eye(N), np.eye(2, 4))
    return states, H @ states @ H.T + P["noise"] ** 2 * np.eye(2 * N), states @ H.T


def test_the_log_likelihood():
    _, measurements, _ = joint()
    stats = pytest.importorskip("scipy.stats")
    expected = stats.multivariate_normal(np.zeros(2 * N), measurements).logpdf(SEEN.ravel())
    assert_allclose(-kalman.cost(P, SEEN), expected, rtol=1e-10)
    assert_allclose(np.sum(kalman.run_filter(P, SEEN)[0]), expected, rtol=1e-10)


def test_its_gradient_alone_and_compiled():
    vector, unravel = tg.tree.ravel(P)
    report = tg.testing.check_gradients(lambda v: kalman.cost(unravel(v), SEEN), vector)
    assert report.verdict == "right", str(report)
    compiled = tg.compile(tg.grad(kalman.cost), target="numpy")(P, SEEN)
    for name, value in tg.grad(kalman.cost)(P, SEEN).items():
        assert_allclose(compiled[name], value, rtol=1e-9)


@pytest.mark.parametrize("last", range(N))
def test_the_filter_has_what_all_earlier_measurements_say(last):
    states, measurements, between = joint()
    at, known = slice(4 * last, 4 * last + 4), slice(0, 2 * last + 2)
    gain = between[at, known] @ np.linalg.inv(measurements[known, known])
    _, means, covariances = kalman.run_filter(P, SEEN)
    assert_allclose(means[last], gain @ SEEN.ravel()[known], rtol=1e-8)
    assert_allclose(covariances[last], states[at, at] - gain @ between[at, known].T, rtol=1e-7, atol=1e-10)


def test_what_is_smoothed_is_what_all_measurements_say():
    _, measurements, between = joint()
    everything = (between @ np.linalg.inv(measurements) @ SEEN.ravel()).reshape(N, 4)
    assert_allclose(kalman.smooth(P, SEEN), everything[:, :2], rtol=1e-8)


def test_the_covariance_of_what_is_smoothed_is_in_the_hessian():
    states, measurements, between = joint()
    H = np.kron(np.eye(N), np.eye(2, 4))
    expected = H @ (states - between @ np.linalg.inv(measurements) @ between.T) @ H.T
    hessian = tg.hessian(lambda y: -kalman.cost(P, y.reshape(N, 2)))(SEEN.ravel())
    found = P["noise"] ** 2 * np.eye(2 * N) + P["noise"] ** 4 * hessian
    assert_allclose(found, expected, rtol=1e-7, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_it_learns_the_truth(seed):
    journey, seen = kalman.travel(150, np.random.default_rng(seed))
    found = likelihood.fit(lambda p: kalman.cost(p, seen), kalman.START)
    errors = likelihood.standard_errors(lambda p: kalman.cost(p, seen), found)
    for name, value in kalman.TRUTH.items():
        assert abs(found[name] - value) < 4 * errors[name]
    places = {name: kalman.run_filter(p, seen)[1][:, :2] for name, p in (("learnt", found), ("true", kalman.TRUTH))}
    assert kalman.error(places["learnt"], journey) < 1.1 * kalman.error(places["true"], journey)
    assert kalman.error(kalman.smooth(found, seen), journey) < 0.9 * kalman.error(places["learnt"], journey)
