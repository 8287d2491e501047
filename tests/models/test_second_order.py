"""Newton's method: its steps, its way around saddles, and products in place of a Hessian."""

import numpy as np
import pytest

import tinygrad_lite as tg
from models.second_order import START, descend, newton, newton_cg, rosenbrock, solve_within


def test_newton_doubles_the_digits():
    points = newton(rosenbrock, START)
    apart = np.linalg.norm(points - 1, axis=1)
    assert apart[-1] < 1e-12
    assert len(points) < 30
    for before, after in zip(apart[-4:-2], apart[-3:-1], strict=True):
        assert after < 100 * before**2
    assert np.linalg.norm(descend(rosenbrock, START, 0.001, len(points))[-1] - 1) > 1


def test_newton_does_not_stop_at_a_saddle():
    """At (0, 0) the gradient is 0, and H is negative along x."""
    points = newton(lambda x: x[0] ** 4 - x[0] ** 2 + x[1] ** 2, np.array([0.05, 0.7]))
    np.testing.assert_allclose(points[-1], [np.sqrt(0.5), 0], atol=1e-9)


def symmetric(eigenvalues, rng):
    Q, _ = np.linalg.qr(rng.normal(size=(len(eigenvalues), len(eigenvalues))))
    return Q * eigenvalues @ Q.T


def test_within_a_radius_that_is_large_the_step_is_newton_s():
    rng = np.random.default_rng(0)
    H, g = symmetric(np.array([0.5, 1, 3, 7, 20]), rng), 1e-9 * rng.normal(size=5)
    s, count = solve_within(lambda v: H @ v, g, radius=100.0)
    np.testing.assert_allclose(s, -np.linalg.solve(H, g), rtol=1e-3)
    assert count <= 6


@pytest.mark.parametrize("eigenvalues", [[0.5, 1, 3, 7], [-2, 1, 3, 7], [-1, -2, -3, 0.0]])
def test_a_step_ends_at_the_radius_and_goes_down(eigenvalues):
    rng = np.random.default_rng(1)
    H, g = symmetric(np.array(eigenvalues), rng), rng.normal(size=4)
    s, _ = solve_within(lambda v: H @ v, g, radius=0.01)
    assert np.linalg.norm(s) == pytest.approx(0.01)
    assert g @ s + s @ H @ s / 2 < 0


def test_newton_without_a_hessian_never_goes_up_and_counts_its_work():
    def f(x):
        return np.sum(rosenbrock(np.reshape(x, (2, -1))))

    x, costs, work = newton_cg(f, np.array([-1.2, 0.3, 1.0, 0.8]), steps=60)
    np.testing.assert_allclose(x, 1, rtol=1e-6)
    assert np.all(np.diff(costs) <= 0)
    assert np.all(np.diff(work) % 2 == 1)  # a gradient, and products that count as two
    assert costs[-1] == pytest.approx(f(x), abs=1e-15)


def test_a_product_is_the_hessian_s():
    rng = np.random.default_rng(2)
    x, v = rng.normal(size=2), rng.normal(size=2)
    (product,) = tg.hvp(rosenbrock, (x,), (v,))
    np.testing.assert_allclose(product, tg.hessian(rosenbrock)(x) @ v, rtol=1e-12)
