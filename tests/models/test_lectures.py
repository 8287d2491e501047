"""What each section of the lectures claims, measured, and its program run."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import (
    activations,
    initialisation,
    linear_collapse,
    logistic_regression,
    per_example,
    published,
    two_layer,
    two_layer_manual,
)
from models.datasets import accuracy, load

pytestmark = pytest.mark.thorough

seeds = st.integers(0, 2**32 - 1)


@st.composite
def networks(draw):
    """Parameters, X and Y of a network with all sizes different."""
    n_x, n_h, n_y, m = draw(st.lists(st.integers(1, 7), min_size=4, max_size=4, unique=True))
    rng = np.random.default_rng(draw(seeds))
    shapes = {"W1": (n_h, n_x), "b1": (n_h, 1), "W2": (n_y, n_h), "b2": (n_y, 1)}
    params = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    return params, rng.normal(size=(n_x, m)), (rng.random((n_y, m)) < 0.5).astype(float)


# --- section 1: one unit ---


@given(st.integers(1, 6), seeds, st.sampled_from([0.0, 1.0]))
def test_the_four_derivatives_of_one_unit(n_x, seed, y):
    rng = np.random.default_rng(seed)
    x, params = rng.normal(size=(n_x, 1)), {"w": rng.normal(size=(n_x, 1)), "b": rng.normal(size=(1, 1))}
    ours = logistic_regression.backward(params, x, y)
    theirs = logistic_regression.backward_by_hand(params, x, y)
    for name, shape in {"da": (1, 1), "dz": (1, 1), "dw": (n_x, 1), "db": (1, 1)}.items():
        assert ours[name].shape == theirs[name].shape == shape
        # dz is a - y by hand, da * a (1 - a) by autograd: a is within 1e-16 of itself, and so is the rest of 1.
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-12, atol=1e-15 * np.abs(x).max())


def test_one_unit_learns_tumours_but_not_petals():
    flower, tumours = load("flower"), load("breast_cancer")
    on_flower = logistic_regression.train(flower, learning_rate=0.1, iterations=2000).params
    right = 100 * accuracy(logistic_regression.forward(on_flower, flower.X)[1], flower.Y)
    assert right == pytest.approx(published.LOGISTIC_REGRESSION, abs=0.5)
    on_tumours = logistic_regression.train(tumours, learning_rate=0.1, iterations=1000).params
    unseen = tumours.held_out
    assert accuracy(logistic_regression.forward(on_tumours, unseen.X)[1], unseen.Y) >= 0.95


# --- sections 2, 3 and 4: one example, a loop, all at once ---


@given(networks(), st.sampled_from(sorted(two_layer_manual.ACTIVATIONS)))
def test_the_loop_and_the_vectorised_form_agree(network, activation):
    params, X, Y = network
    at_once = two_layer_manual.forward(params, X, activation)
    for mine, its in zip(per_example.forward_by_loop(params, X, activation), at_once, strict=True):
        np.testing.assert_allclose(mine, its, rtol=1e-12, atol=1e-14)
    expected = per_example.backward_at_once(params, X, Y, activation)
    for way in per_example.WAYS.values():
        grads = way(params, X, Y, activation)
        for name, grad in expected.items():
            assert grads[name].shape == grad.shape == params[name].shape
            np.testing.assert_allclose(grads[name], grad, rtol=1e-12, atol=1e-13)


@pytest.mark.slow
def test_the_vectorised_form_is_far_faster():
    rng = np.random.default_rng(0)
    m = 1024
    params = two_layer_manual.initialise(n_x=2, n_h=4, n_y=1)
    X, Y = rng.normal(size=(2, m)), np.ones((1, m))
    by_loop = per_example.seconds(per_example.backward_by_loop, params, X, Y)
    # Hundreds of times on an idle machine.
    assert by_loop > 20 * per_example.seconds(per_example.backward_at_once, params, X, Y)


# --- section 5: activations ---


@pytest.mark.parametrize("name", activations.LESSONS)
def test_autograd_gives_the_derivatives_of_the_table(name):
    z = np.concatenate([np.linspace(-30, -1e-3, 101), np.linspace(1e-3, 30, 101)])
    ours, theirs = activations.derivative(name, z), activations.derivative_by_hand(name, z)
    assert ours.shape == theirs.shape == z.shape
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15)


def test_the_values_the_lectures_give_at_landmarks():
    at = np.array([-10.0, 10.0])
    assert activations.derivative("sigmoid", np.zeros(1)) == 0.25
    assert activations.derivative("tanh", np.zeros(1)) == 1
    assert activations.derivative("sigmoid", at).max() < 1e-4
    assert activations.derivative("tanh", at).max() < 1e-8
    np.testing.assert_array_equal(activations.derivative("relu", at), [0, 1])
    np.testing.assert_array_equal(activations.derivative("leaky_relu", at), [0.01, 1])


def test_where_each_is_flat():
    z = np.array([-5.0, -1.0, 1.0, 5.0])
    where = {name: activations.flat(name, z).tolist() for name in activations.LESSONS}
    assert where == {
        "sigmoid": [True, False, False, True],
        "tanh": [True, False, False, True],
        "relu": [True, True, False, False],
        "leaky_relu": [True, True, False, False],
    }


# --- section 6: why a non-linearity is needed ---


@given(networks())
def test_two_linear_layers_are_one(network):
    params, X, _ = network
    W, b = linear_collapse.collapse(params)
    Z2 = two_layer.forward(params, X, "linear").Z2
    np.testing.assert_allclose(np.dot(W, X) + b, Z2, rtol=1e-12, atol=1e-13)


def test_without_a_non_linearity_the_network_is_no_better_than_one_unit():
    flower = load("flower")
    params = two_layer.train(flower, activation="linear", iterations=1000).params
    one_unit = logistic_regression.train(flower, iterations=1000).params
    linear = accuracy(two_layer.classifier(params, "linear")(flower.X), flower.Y)
    assert linear <= accuracy(logistic_regression.forward(one_unit, flower.X)[1], flower.Y) + 0.01
    assert linear < 0.5


def test_its_boundary_is_a_straight_line():
    """On the line W'x + b' = 0 the network's output is 1/2, on one side of it less and on the other more."""
    flower = load("flower")
    params = two_layer.train(flower, activation="linear", iterations=200).params
    W, b = linear_collapse.collapse(params)
    along = np.array([[-W[0, 1]], [W[0, 0]]])
    point = -b[0, 0] * W.T / np.sum(W * W)
    line = point + along * np.linspace(-50, 50, 7)
    outputs = two_layer.classifier(params, "linear")
    np.testing.assert_allclose(outputs(line), 0.5, rtol=1e-12)
    assert np.all(outputs(line + 0.1 * W.T) > 0.5)
    assert np.all(outputs(line - 0.1 * W.T) < 0.5)


# --- section 9: initialisation ---


@pytest.fixture(scope="module")
def courses():
    flower = load("flower")
    return {
        name: initialisation.follow(flower, scale=scale, iterations=1500)
        for name, scale in initialisation.SCALES.items()
    }


def test_from_zero_weights_the_units_stay_equal_for_ever(courses):
    zero = courses["zero"]
    assert np.all(zero.spread == 0)
    np.testing.assert_allclose(zero.costs, np.log(2), rtol=1e-12)


def test_from_any_equal_weights_too():
    """Zero is not the point: units that start equal receive equal gradients, and W1 does move here."""
    flower = load("flower")
    params = two_layer_manual.initialise(n_x=2, n_h=4, n_y=1)
    params["W1"], params["W2"] = np.full((4, 2), 0.5), np.full((1, 4), 0.5)
    for _ in range(100):
        grads = two_layer.backward(params, flower.X, flower.Y)
        assert np.all(grads["dW1"] == grads["dW1"][0])
        params = {name: value - 1.2 * grads["d" + name] for name, value in params.items()}
    assert np.all(params["W1"] == params["W1"][0])
    assert np.abs(params["W1"] - 0.5).max() > 0.1


def test_small_random_weights_break_the_symmetry(courses):
    small = courses["0.01 randn"]
    assert small.spread[0] < 0.05
    assert small.spread[-1] > 1
    assert small.saturated[0] == 0
    assert small.costs[-1] < 0.3


def test_large_weights_saturate(courses):
    large = courses["10 randn"]
    assert large.saturated[0] > 0.8
    assert large.costs[0] > 10 * courses["0.01 randn"].costs[0]
