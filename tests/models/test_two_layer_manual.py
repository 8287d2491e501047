"""The network by hand: the published numbers, and what keeps it independent of autograd."""

import ast
from pathlib import Path

import numpy as np
import pytest

from models import published
from models import two_layer_manual as manual
from models.datasets import accuracy, load

pytestmark = pytest.mark.thorough


def test_published_costs_and_accuracy():
    flower = load("flower")
    params = manual.initialise(n_x=2, n_h=4, n_y=1, seed=2)
    costs = {}
    for i in range(10_000):
        costs[i], params = manual.train_step(params, flower.X, flower.Y, learning_rate=1.2)
    assert {i: f"{costs[i]:.6f}" for i in published.COSTS} == published.COSTS
    low, high = published.ACCURACY
    assert low <= 100 * accuracy(manual.forward(params, flower.X).A2, flower.Y) <= high


def test_it_imports_numpy_and_the_standard_library_only():
    tree = ast.parse(Path(manual.__file__).read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in names} == {"collections", "numpy", "typing"}


def test_a_step_leaves_its_parameters_alone():
    params = manual.initialise(n_x=3, n_h=4, n_y=2)
    kept = {name: value.copy() for name, value in params.items()}
    X, Y = np.ones((3, 5)), np.ones((2, 5))
    _, stepped = manual.train_step(params, X, Y, learning_rate=0.5)
    assert all(np.array_equal(params[name], kept[name]) for name in params)
    assert all(not np.array_equal(stepped[name], kept[name]) for name in ("W1", "W2", "b2"))


@pytest.mark.parametrize("activation", manual.ACTIVATIONS)
def test_float32_stays_float32(activation):
    rng = np.random.default_rng(0)
    params = {k: v.astype(np.float32) for k, v in manual.initialise(n_x=3, n_h=4, n_y=2).items()}
    X = rng.normal(size=(3, 5)).astype(np.float32)
    Y = (rng.random((2, 5)) < 0.5).astype(np.float32)
    fwd = manual.forward(params, X, activation)
    grads = manual.backward(params, X, Y, fwd, activation)
    assert {value.dtype for value in (*fwd, *grads.values())} == {np.dtype(np.float32)}


@pytest.mark.parametrize("z", [0.0, 1.0, -1.0, 40.0, -40.0, 710.0, -745.0, 1e300, -1e300])
def test_the_cost_and_the_sigmoid_hold_over_the_whole_range(z):
    Z2, Y = np.array([[z, z], [-z, -z]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    softplus = max(z, 0) + np.log1p(np.exp(-abs(z)))
    # Labels 0 and 1 cost log(1 + e^z) and log(1 + e^-z), which is the first less z.
    assert manual.cost(Z2, Y) == pytest.approx(2 * (softplus + (softplus - z)) / 2, rel=1e-15)
    low, high = manual.sigmoid(np.array([-abs(z), abs(z)]))
    assert low + high == pytest.approx(1, rel=1e-15)
    assert low == (0 if abs(z) > 1e3 else pytest.approx(np.exp(-abs(z)) / (1 + np.exp(-abs(z))), rel=1e-15))


def test_at_the_kink_relu_has_slope_0_and_leaky_relu_its_left_slope():
    zero = np.zeros(1)
    assert manual.DERIVATIVES["relu"](manual.ACTIVATIONS["relu"](zero)) == 0
    assert manual.DERIVATIVES["leaky_relu"](manual.ACTIVATIONS["leaky_relu"](zero)) == 0.01
