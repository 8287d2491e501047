"""The row for snake, a wrong one, and what a network of it learns."""

import argparse

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from models.custom_op import ASKED, SEEN, forward, initialise, snake, train, truth, wrong_snake

pytestmark = pytest.mark.thorough


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_the_row_is_right(units, m, seed):
    rng = np.random.default_rng(seed)
    x, a = rng.normal(size=(units, m)), rng.uniform(0.3, 3, (units, 1))
    assert tg.testing.check_gradients(snake, x, a, order=2).ok
    np.testing.assert_allclose(snake(x, a), x + np.sin(a * x) ** 2 / a, rtol=1e-15)


def test_a_wrong_row_is_caught():
    x, a = np.array([[-2.0, 0.3, 1.1]]), np.array([[0.7], [2.5]])
    with pytest.raises(tg.testing.GradientError, match="wrong_snake: the gradient with respect to x is wrong"):
        tg.testing.check_gradients(wrong_snake, x, a)


def test_the_network_is_that_of_its_formula():
    params, X = initialise(5, seed=1), np.linspace(-2, 2, 7)[np.newaxis]
    Z1 = params["W1"] @ X + params["b1"]
    expected = params["W2"] @ (Z1 + np.sin(Z1) ** 2) + params["b2"]  # every a is 1
    np.testing.assert_allclose(forward(params, X, snake), expected, rtol=1e-13, atol=1e-15)


@pytest.mark.slow
def test_only_snake_goes_on_waving():
    x = np.linspace(SEEN, ASKED, 300)
    flags = argparse.Namespace(seed=0, hidden=32, learning_rate=0.01, epochs=3000)
    apart = {
        g: np.sqrt(np.mean((forward(train(g, flags), x[np.newaxis], g)[0] - truth(x)) ** 2))
        for g in (snake, lambda z, a: np.tanh(z))
    }
    of_snake, of_tanh = apart.values()
    assert of_snake < 0.5 < of_tanh
