"""tg.derive: the formulas it finds, their text, and that the text never disagrees with autograd."""

from __future__ import annotations

import ast
import itertools
import sys
import warnings
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import tinygrad_lite as tg
from tests.generators.strategies import programs
from tinygrad_lite import tree
from tinygrad_lite.program.derivation.recording import record
from tinygrad_lite.program.derivation.values import prefer_finite
from tinygrad_lite.rounding import describe_difference
from tinygrad_lite.table import rows
from tinygrad_lite.testing import strategies

RNG = np.random.default_rng(7)
N_X, N_H, N_Y, M = 2, 5, 3, 11
PARAMS = {"W1": (N_H, N_X), "b1": (N_H, 1), "W2": (N_Y, N_H), "b2": (N_Y, 1)}
X = RNG.normal(size=(N_X, M))
Y = RNG.integers(0, 2, (N_Y, M)).astype(float)


def parameters(rng=RNG):
    return {name: rng.normal(size=shape) for name, shape in PARAMS.items()}


def backward(derivation):
    """The lines of the backward pass, without their comments."""
    lines = derivation.source.partition("# Backward pass\n")[2].partition("\n\n")[0].splitlines()
    return [line.partition("#")[0].strip() for line in lines]


def standalone(derivation):
    """The function, from the text alone."""
    space: dict[str, Any] = {}
    exec(derivation.source, space)
    return space[derivation.function.__name__]


def assert_agrees(derivation, f, *args, wrt=0, rtol=1e-9):
    found = tree.flatten(derivation.function(*args))[0]
    expected = tree.flatten(tg.value_and_grad(f, wrt)(*args))[0]
    for x, e in zip(found, expected, strict=True):
        assert np.shape(x) == np.shape(e)
        assert np.asarray(x).dtype == np.asarray(e).dtype
        np.testing.assert_allclose(x, e, rtol=rtol, atol=rtol * (1 + np.max(np.abs(e), initial=0)))


# -- the two-layer network -------------------------------------------------------------------------------------------

SIX = [
    "dZ2 = (A2 - Y) / m",
    "dW2 = dZ2 @ A1.T",
    "db2 = np.sum(dZ2, axis=1, keepdims=True)",
    "dZ1 = W2.T @ dZ2 * (1 - A1**2)",
    "dW1 = dZ1 @ X.T",
    "db1 = np.sum(dZ1, axis=1, keepdims=True)",
]
SIGMOIDS = {
    "tg": tg.sigmoid,
    "spelled": lambda Z: 1 / (1 + np.exp(-Z)),
    "other spelling": lambda Z: np.exp(Z) / (1 + np.exp(Z)),
}
COSTS = {
    "logs": lambda A2, Z2, Y, m: -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m,
    "logs times 1/m": lambda A2, Z2, Y, m: -(1 / m) * np.sum(np.multiply(Y, np.log(A2)) + (1 - Y) * np.log(1 - A2)),
    "probabilities": lambda A2, Z2, Y, m: tg.binary_cross_entropy(A2, Y),
    "logits": lambda A2, Z2, Y, m: tg.binary_cross_entropy_with_logits(Z2, Y),
}


def network(activation=np.tanh, sigmoid=tg.sigmoid, loss=COSTS["logs"]):
    def cost(params, X, Y):
        m = X.shape[1]
        Z1 = np.dot(params["W1"], X) + params["b1"]
        A1 = activation(Z1)
        Z2 = np.dot(params["W2"], A1) + params["b2"]
        A2 = sigmoid(Z2)
        return loss(A2, Z2, Y, m)

    return cost


@pytest.mark.parametrize("loss", COSTS)
@pytest.mark.parametrize("sigmoid", SIGMOIDS)
def test_the_six_formulas(sigmoid, loss):
    f = network(sigmoid=SIGMOIDS[sigmoid], loss=COSTS[loss])
    derivation = tg.derive(f, parameters(), X, Y)
    assert backward(derivation) == SIX
    assert_agrees(derivation, f, parameters(), RNG.normal(size=X.shape), Y)


@pytest.mark.parametrize(
    ("activation", "slope"),
    [
        (tg.sigmoid, "A1 * (1 - A1)"),
        (lambda Z: 1 / (1 + np.exp(-Z)), "A1 * (1 - A1)"),
        (lambda Z: (np.exp(Z) - np.exp(-Z)) / (np.exp(Z) + np.exp(-Z)), "(1 - A1**2)"),
        (tg.relu, "(Z1 > 0)"),
        (lambda Z: np.maximum(0, Z), "np.heaviside(Z1, 0.5)"),
        (tg.leaky_relu, "np.where(Z1 > 0, 1, 0.01)"),
        (lambda Z: np.where(Z > 0, Z, 0.01 * Z), "np.where(Z1 > 0, 1, 0.01)"),
        (lambda Z: np.maximum(0.01 * Z, Z), "(0.01 * np.heaviside(-Z1, 0.5) + np.heaviside(Z1, 0.5))"),
        (tg.softplus, "sigmoid(Z1)"),
    ],
)
def test_derivatives_of_activations(activation, slope):
    f = network(activation)
    derivation = tg.derive(f, parameters(), X, Y)
    assert backward(derivation)[3] == f"dZ1 = W2.T @ dZ2 * {slope}"
    assert_agrees(derivation, f, parameters(), RNG.normal(size=X.shape), Y)


@dataclass
class Net:
    W1: Any
    b1: Any
    W2: Any
    b2: Any
    activation: str = "tanh"


class Pair(NamedTuple):
    W1: Any
    b1: Any
    W2: Any
    b2: Any


def cost_of(W1, b1, W2, b2, X, Y):
    m = X.shape[1]
    Z1 = W1 @ X + b1
    A1 = np.tanh(Z1)
    Z2 = W2 @ A1 + b2
    A2 = tg.sigmoid(Z2)
    return tg.binary_cross_entropy(A2, Y) if m else 0.0


def test_parameters_as_arguments():
    derivation = tg.derive(cost_of, *parameters().values(), X, Y, wrt=(0, 1, 2, 3))
    assert backward(derivation) == SIX
    assert "def cost_of_and_gradient(W1, b1, W2, b2, X, Y):" in derivation.source
    assert derivation.source.endswith("    return J, (dW1, db1, dW2, db2)\n")
    assert_agrees(derivation, cost_of, *parameters().values(), X, Y, wrt=(0, 1, 2, 3))


@pytest.mark.parametrize("kind", [Net, Pair])
def test_parameters_in_an_object(kind):
    def f(net, X, Y):
        return cost_of(net.W1, net.b1, net.W2, net.b2, X, Y)

    net = kind(**parameters())
    derivation = tg.derive(f, net, X, Y)
    assert backward(derivation) == SIX
    assert "    W1 = net.W1\n" in derivation.source
    assert type(derivation.function(net, X, Y)[1]) is kind
    assert_agrees(derivation, f, net, X, Y)


def test_parameters_in_a_list_take_the_users_names():
    def f(params, X, Y):
        W1, b1, W2, b2 = params
        return cost_of(W1, b1, W2, b2, X, Y)

    derivation = tg.derive(f, list(parameters().values()), X, Y)
    assert backward(derivation) == SIX
    assert "    W1 = params[0]\n" in derivation.source


def test_data_from_outside_are_globals_of_the_function():
    labels = Y.copy()

    def f(params):
        m = X.shape[1]
        Z1 = params["W1"] @ X + params["b1"]
        A1 = np.tanh(Z1)
        Z2 = params["W2"] @ A1 + params["b2"]
        A2 = tg.sigmoid(Z2)
        return -np.sum(labels * np.log(A2) + (1 - labels) * np.log(1 - A2)) / m

    derivation = tg.derive(f, parameters())
    assert backward(derivation) == [line.replace("Y", "labels") for line in SIX]
    assert f"# From outside: X {X.shape}, labels {Y.shape}" in derivation.source
    labels[:] = 1 - labels  # bound by reference
    assert_agrees(derivation, f, parameters())


def test_whole_numbers_labels_and_single_precision():
    f = network()
    assert backward(tg.derive(f, parameters(), X, Y.astype(int))) == SIX
    single = {k: v.astype(np.float32) for k, v in parameters().items()}
    data = X.astype(np.float32), Y.astype(np.float32)
    derivation = tg.derive(f, single, *data)
    assert backward(derivation) == SIX
    assert_agrees(derivation, f, single, *data, rtol=1e-4)
    leaky = network(tg.leaky_relu)
    derivation = tg.derive(leaky, single, *data)
    assert backward(derivation)[3] == "dZ1 = W2.T @ dZ2 * np.where(Z1 > 0, 1, np.float32(0.01))"
    assert_agrees(derivation, leaky, single, *data, rtol=1e-4)


def test_the_whole_text():
    derivation = tg.derive(network(), parameters(), X, Y)
    assert derivation.source == str(derivation) == WHOLE
    J, gradient = standalone(derivation)(PARAMETERS := parameters(), X, Y)
    expected = tg.value_and_grad(network())(PARAMETERS, X, Y)
    np.testing.assert_allclose(J, expected[0])
    for name in gradient:
        np.testing.assert_allclose(gradient[name], expected[1][name])


VECTOR, OTHER, SQUARE = RNG.normal(size=7), RNG.normal(size=7), RNG.normal(size=(4, 4))
ALONE: dict[str, tuple[Any, ...]] = {
    "einsum": (lambda a, b: np.sum(np.einsum("ij,jk->ik", a, b) ** 2), SQUARE[:3], SQUARE[:, :2]),
    "einsum, a diagonal": (lambda a, b: np.einsum("ii,ij->", a, b), SQUARE, SQUARE[:, :3]),
    "einsum, its path": (lambda a, b: np.sum(np.einsum("ij,k->i", a, b, optimize="greedy") ** 2), SQUARE[:3], VECTOR),
    "sort": (lambda x, w: np.sum(np.sort(x) * w), VECTOR, OTHER),
    "partition": (lambda x, w: np.sum(np.partition(x, 3)[:3] ** 2 * w[:3]), VECTOR, OTHER),
    "take_along_axis": (lambda a, x: np.sum(np.take_along_axis(a, np.argsort(a, 0), 0) ** 3) + x[0], SQUARE, VECTOR),
    "median": (lambda x, w: np.median(x) * np.median(w), VECTOR[:6], OTHER),
    "quantile": (lambda x, w: np.quantile(x, 0.3) * np.nanquantile(w, 0.9), VECTOR, OTHER),
    "trace": (lambda a, b: np.trace(a @ b, 1), SQUARE, SQUARE.T),
    "diagonal": (lambda a, x: np.sum(np.diagonal(a, -1) ** 2) + np.sum(np.diag(x) ** 3), SQUARE, VECTOR),
    "det": (lambda a, b: np.linalg.det(a) * np.linalg.det(b), SQUARE, SQUARE[:3, :3]),
    "windows": (lambda x, w: np.sum(np.lib.stride_tricks.sliding_window_view(x, 3) @ w[:3]) ** 2, VECTOR, OTHER),
    "convolve": (lambda x, w: np.sum(np.convolve(x, w[:3], "valid") ** 2), VECTOR, OTHER),
    "names of modules": (lambda math, itertools: np.sum(np.sort(math) * itertools), VECTOR, OTHER),
    "eye": (lambda a, b: np.linalg.slogdet(a @ a.T + 2 * np.eye(4))[1] + np.sum(b), SQUARE, VECTOR),
    "arange": (lambda x, w: np.sum(x * np.arange(9)) + np.sum(w), np.resize(VECTOR, 9), OTHER),
    "single": (lambda x, w: np.sum(x * np.ones(9, np.float32)) + w[0], np.resize(VECTOR, 9).astype("f"), OTHER),
}


@pytest.mark.parametrize("simplify", [False, True])
@pytest.mark.parametrize("name", ALONE)
def test_the_text_needs_numpy_alone(name, simplify):
    """Also where a rule does more than that, for arrays of other libraries."""
    f, *args = ALONE[name]
    derivation = tg.derive(f, *args, wrt=(0, 1), simplify=simplify)
    assert "From outside" not in derivation.source
    for shift in (0, 0.2):
        arrays = [x + x.dtype.type(shift) * np.cos(x) for x in args]
        got, expected = standalone(derivation)(*arrays), tg.value_and_grad(f, (0, 1))(*arrays)
        for x, e in zip(tree.flatten(got)[0], tree.flatten(expected)[0], strict=True):
            assert describe_difference(x, e) is None


@pytest.mark.parametrize("key", [-2, (1, "W"), (0, (-1, None)), True, None, "a'b\n", ()])
def test_keys_that_python_has_a_text_for_are_written(key):
    derivation = tg.derive(lambda p: np.sum(p["layers"][key] ** 2 * p["w"]), {"layers": {key: VECTOR}, "w": OTHER})
    assert "From outside" not in derivation.source
    value, gradient = standalone(derivation)({"layers": {key: OTHER}, "w": VECTOR})
    assert_allclose(value, np.sum(OTHER**2 * VECTOR))
    assert_allclose(gradient["layers"][key], 2 * OTHER * VECTOR)
    assert list(gradient["layers"]) == [key]


def test_an_array_with_minus_zeros_is_not_written_as_zeros():
    zeros = np.zeros(9)
    zeros[4] = -0.0
    derivation = tg.derive(lambda x: np.sum(np.copysign(x, zeros * 1.0)), np.ones(9))
    np.testing.assert_array_equal(derivation.function(np.ones(9))[1], np.where(np.arange(9) == 4, -1.0, 1.0))


WHOLE = '''\
import numpy as np


def sigmoid(x):
    """1 / (1 + exp(-x)) without overflow, and without losing the small values of the left tail."""
    e = np.exp(-np.abs(x))
    return np.maximum(e, np.sign(x)) / (1 + e)


def cost_and_gradient(params, X, Y):
    """cost and its gradient with respect to params.

    Shapes: W1 (5, 2), b1 (5, 1), W2 (3, 5), b2 (3, 1), X (2, 11), Y (3, 11).
    """
    W1 = params["W1"]
    b1 = params["b1"]
    W2 = params["W2"]
    b2 = params["b2"]
    m = X.shape[1]

    # Forward pass
    Z1 = W1 @ X + b1                                            # (5, 11)
    A1 = np.tanh(Z1)                                            # (5, 11)
    Z2 = W2 @ A1 + b2                                           # (3, 11)
    A2 = sigmoid(Z2)                                            # (3, 11)
    J = -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m  # a number

    # Backward pass
    dZ2 = (A2 - Y) / m                        # (3, 11)
    dW2 = dZ2 @ A1.T                          # (3, 5)
    db2 = np.sum(dZ2, axis=1, keepdims=True)  # (3, 1)
    dZ1 = W2.T @ dZ2 * (1 - A1**2)            # (5, 11)
    dW1 = dZ1 @ X.T                           # (5, 2)
    db1 = np.sum(dZ1, axis=1, keepdims=True)  # (5, 1)

    return J, {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}
'''


@pytest.mark.thorough
@given(strategies.networks())
def test_networks(drawn):
    activation = {"tanh": np.tanh, "sigmoid": tg.sigmoid, "relu": tg.relu, "leaky_relu": tg.leaky_relu}
    f = network(activation[drawn.activation])
    params = {name: getattr(drawn, name) for name in PARAMS}
    derivation = tg.derive(f, params, drawn.X, drawn.Y)
    assert (
        backward(derivation)[:3] == [line.replace("/ m", f"/ {drawn.X.shape[1]}") for line in SIX[:3]]
        or backward(derivation)[:3] == SIX[:3]
    )
    fresh = {name: 0.5 * value[::-1] for name, value in params.items()}
    assert_agrees(derivation, f, fresh, drawn.X[::-1], 1 - drawn.Y)


# -- other functions, as they come out -------------------------------------------------------------------------------


def test_one_unit():
    def loss(w, b, x, y):
        z = np.dot(w, x) + b
        a = 1 / (1 + np.exp(-z))
        return -(y * np.log(a) + (1 - y) * np.log(1 - a))

    args = RNG.normal(size=3), 0.3, RNG.normal(size=3), 1.0
    derivation = tg.derive(loss, *args, wrt=(0, 1))
    assert backward(derivation) == ["dz = a - y", "dw = dz * x", "db = dz"]
    assert_agrees(derivation, loss, RNG.normal(size=3), -0.4, RNG.normal(size=3), 0.0, wrt=(0, 1))


def test_logistic_regression():
    def cost(w, b, X, Y):
        m = X.shape[1]
        Z = w.T @ X + b
        A = tg.sigmoid(Z)
        return -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / m

    derivation = tg.derive(cost, RNG.normal(size=(N_X, 1)), 0.1, X, Y[:1], wrt=(0, 1))
    assert backward(derivation) == ["dZ = (A - Y) / m", "dw = X @ dZ.T", "db = np.sum(dZ)"]
    assert_agrees(derivation, cost, RNG.normal(size=(N_X, 1)), 0.3, X, Y[1:2], wrt=(0, 1))


def test_three_layers_in_a_loop():
    def cost(params, X, Y):
        m = X.shape[1]
        A = X
        for W, b in params:
            Z = W @ A + b
            A = np.tanh(Z)
        return np.sum((A - Y) ** 2) / (2 * m)

    sizes = (N_X, 4, N_H, N_Y)
    params = [(RNG.normal(size=(k, n)), RNG.normal(size=(k, 1))) for n, k in zip(sizes, sizes[1:], strict=False)]
    derivation = tg.derive(cost, params, X, Y)
    assert backward(derivation) == [
        "dZ3 = (A3 - Y) * (1 - A3**2) / m",
        "dW3 = dZ3 @ A2.T",
        "db3 = np.sum(dZ3, axis=1, keepdims=True)",
        "dZ2 = W3.T @ dZ3 * (1 - A2**2)",
        "dW2 = dZ2 @ A1.T",
        "db2 = np.sum(dZ2, axis=1, keepdims=True)",
        "dZ1 = W2.T @ dZ2 * (1 - A1**2)",
        "dW1 = dZ1 @ X.T",
        "db1 = np.sum(dZ1, axis=1, keepdims=True)",
    ]
    assert_agrees(derivation, cost, [(2 * W, b + 1) for W, b in params], X, Y)


CLASSES = np.eye(4)[:, RNG.integers(0, 4, M)]
SOFTMAX = ["dZ = (A - Y) / m", "dW = dZ @ X.T", "db = np.sum(dZ, axis=1, keepdims=True)"]


def spelled_softmax(Z):
    E = np.exp(Z - np.max(Z, axis=0, keepdims=True))
    return E / np.sum(E, axis=0, keepdims=True)


@pytest.mark.parametrize("softmax", [lambda Z: tg.softmax(Z, axis=0), spelled_softmax])
@pytest.mark.parametrize(
    "loss", [lambda A, Z, Y, m: -np.sum(Y * np.log(A)) / m, lambda A, Z, Y, m: tg.cross_entropy(Z, Y)]
)
def test_softmax_with_cross_entropy(softmax, loss):
    def cost(W, b, X, Y):
        m = X.shape[1]
        Z = W @ X + b
        A = softmax(Z)
        return loss(A, Z, Y, m)

    args = RNG.normal(size=(4, N_X)), RNG.normal(size=(4, 1)), X
    derivation = tg.derive(cost, *args, CLASSES, wrt=(0, 1))
    if softmax is spelled_softmax and "cross_entropy" in cost.__code__.co_names:
        return
    assert backward(derivation)[-3:] == SOFTMAX or "softmax(Z, axis=0)" in derivation.source
    assert_agrees(derivation, cost, *args, CLASSES[::-1], wrt=(0, 1))
    with pytest.raises(ValueError, match=r"hold where np.sum\(Y, axis=0\) is 1"):
        derivation.function(*args, 0.5 * CLASSES)


def test_labels_that_do_not_sum_to_one_give_the_general_formula():
    def cost(W, X, Y):
        Z = W @ X
        A = tg.softmax(Z, axis=0)
        return -np.sum(Y * np.log(A))

    weights = RNG.uniform(0.2, 1, (4, M))
    derivation = tg.derive(cost, RNG.normal(size=(4, N_X)), X, weights)
    assert "raise" not in derivation.source
    assert_agrees(derivation, cost, RNG.normal(size=(4, N_X)), X, RNG.uniform(0.2, 1, (4, M)))


def test_a_fact_of_something_computed_from_the_data():
    def cost(W, X, Y):
        A = tg.softmax(W @ X, axis=0)
        shares = Y / np.sum(Y, axis=0, keepdims=True)
        return -np.sum(shares * np.log(A))

    weights = RNG.uniform(0.2, 1, (4, M))
    derivation = tg.derive(cost, RNG.normal(size=(4, N_X)), X, weights)
    assert "if not np.allclose(np.sum(shares, axis=0), 1):" in derivation.source
    assert_agrees(derivation, cost, RNG.normal(size=(4, N_X)), X, RNG.uniform(0.2, 1, (4, M)))


def test_a_gradient_that_is_a_number_is_no_fact_of_the_data():
    def f(x):
        y = np.sqrt(x)
        z = np.repeat(y, 2, axis=-1)[..., ::2]
        return np.sum(z)

    derivation = tg.derive(f, np.array([2.0, 3.0]))
    assert "raise" not in derivation.source
    assert_agrees(derivation, f, np.array([5.0, 7.0]))


def test_class_numbers():
    def cost(W, X, labels):
        Z = W @ X
        return tg.cross_entropy(Z, labels)

    labels = CLASSES.argmax(0)
    derivation = tg.derive(cost, RNG.normal(size=(4, N_X)), X, labels)
    assert backward(derivation)[0] == f"dZ = (softmax(Z, axis=0) - t1) / {M}"
    assert_agrees(derivation, cost, RNG.normal(size=(4, N_X)), X, labels[::-1])
    with pytest.raises(ValueError, match="hold where"):
        derivation.function(RNG.normal(size=(4, N_X)), X, labels + 1)


def test_layer_norm():
    def loss(gamma, beta, X, T):
        n, m = X.shape
        mu = np.mean(X, axis=0, keepdims=True)
        var = np.mean((X - mu) ** 2, axis=0, keepdims=True)
        std = np.sqrt(var + 1e-5)
        X_hat = (X - mu) / std
        Y = gamma * X_hat + beta
        return np.sum((Y - T) ** 2) / m if n else 0.0

    args = [RNG.normal(size=s) for s in ((6, 1), (6, 1), (6, M), (6, M))]
    derivation = tg.derive(loss, *args, wrt=(0, 1, 2))
    assert backward(derivation) == [
        "dY = 2 * (Y - T) / m",
        "dgamma = np.sum(dY * X_hat, axis=1, keepdims=True)",
        "dbeta = np.sum(dY, axis=1, keepdims=True)",
        "dX_hat = dY * gamma",
        "t1 = dX_hat / std",
        "t2 = t1 - np.sum(dX_hat * X_hat, axis=0, keepdims=True) * X_hat / (n * std)",
        "dX = t2 - np.sum(t1, axis=0, keepdims=True) / n",
    ]
    assert_agrees(derivation, loss, *(RNG.normal(size=a.shape) for a in args), wrt=(0, 1, 2))


def test_attention_head():
    def loss(params, X, T):
        Q = params["Wq"] @ X
        K = params["Wk"] @ X
        V = params["Wv"] @ X
        S = Q.T @ K / 2
        P = tg.softmax(S, axis=1)
        O = V @ P.T  # noqa: E741
        return np.sum((O - T) ** 2) / 2

    params = {name: RNG.normal(size=(4, N_X)) for name in ("Wq", "Wk", "Wv")}
    T = RNG.normal(size=(4, M))
    derivation = tg.derive(loss, params, X, T)
    assert backward(derivation) == [
        "dO = O - T",
        "dV = dO @ P",
        "dWv = dV @ X.T",
        "dP = dO.T @ V",
        "dS = P * (dP - np.sum(dP * P, axis=1, keepdims=True))",
        "t1 = dS / 2",
        "dK = Q @ t1",
        "dWk = dK @ X.T",
        "dQ = K @ t1.T",
        "dWq = dQ @ X.T",
    ]
    assert_agrees(derivation, loss, {k: 2 * v for k, v in params.items()}, X[:, ::-1], T)


# -- never silently wrong --------------------------------------------------------------------------------------------


@pytest.mark.thorough
@given(programs())
def test_random_programs_on_fresh_data(drawn):
    program, arguments = drawn

    def f(*args):
        results = program(*args)
        results = results if isinstance(results, tuple) else (results,)
        return sum(np.sum(r * np.cos(np.arange(r.size)).reshape(r.shape)) for r in results)

    wrt = tuple(range(len(arguments)))
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of programs at the edges of domains
        try:
            tg.value_and_grad(f, wrt)(*arguments)
        except (TypeError, ValueError, IndexError):
            return  # refused, and tested elsewhere
        try:
            derivation = tg.derive(f, *arguments, wrt=wrt)
        except tg.TraceError:
            return  # a shape depends on the data
        fresh = [a * 0.999 + 1e-4 for a in arguments]
        value, expected = tg.value_and_grad(f, wrt)(*fresh)
        found_value, found = derivation.function(*fresh)
        moves = record(f, tuple(arguments), wrt).measure_noise(fresh)
    for x, e, noise in zip((found_value, *found), (value, *expected), moves, strict=True):
        assert np.shape(x) == np.shape(e)
        finite = np.where(np.isfinite(e), x, e).astype(np.asarray(x).dtype)
        assert describe_difference(finite, e, noise=noise) is None


def test_the_branch_not_taken_stays_guarded():
    def logs(x):
        y = np.where(x > 0, np.log(x), 0.0)
        return np.sum(y * y)

    def roots(x):
        return np.sum(np.sqrt(np.where(x > 0, x, 0.0)))

    x = np.array([1.5, 2.0, 0.0, -1.0])
    with np.errstate(all="ignore"):
        for f in (logs, roots):
            derivation = tg.derive(f, x)
            gradient = derivation.function(x)[1]
            assert np.isfinite(gradient).all()
            np.testing.assert_allclose(gradient, tg.grad(f)(x))


def test_saturated_probabilities_are_as_autograd_has_them_or_better():
    def cost(A, Y):
        return tg.binary_cross_entropy(A, Y)

    A, labels = np.array([[0.0, 1.0, 0.3]]), np.array([[0.0, 1.0, 1.0]])
    derivation = tg.derive(cost, A, labels)
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(derivation.function(A, labels)[1], tg.grad(cost)(A, labels))


def test_arguments_of_another_kind_are_refused():
    def f(params, x, n):
        h = params["W"] @ x
        for _ in range(n):
            h = h * h
        return np.sum(h)

    params = {"W": RNG.normal(size=(3, 2))}
    derivation = tg.derive(f, params, np.ones(2), 2)
    assert "Fixed: n = 2." in derivation.source
    with pytest.raises(ValueError, match=r"x has shape \(3,\), but the formulas are for \(2,\)"):
        derivation.function(params, np.ones(3), 2)
    with pytest.raises(ValueError, match="n = 3, but the formulas are for n = 2"):
        derivation.function(params, np.ones(2), 3)
    with pytest.raises(ValueError, match="params has the structure"):
        derivation.function([1.0], np.ones(2), 2)
    with pytest.raises(TypeError, match="takes 3 arguments, 2 were given"):
        derivation.function(params, np.ones(2))


def test_a_tensor_from_outside_is_read_at_every_call():
    W = tg.Tensor(RNG.normal(size=(3, 2)), requires_grad=True, name="W")

    def f(x):
        return np.sum(np.tanh(W @ x))

    derivation = tg.derive(f, np.ones(2))
    W.data = 2 * W.data
    assert_agrees(derivation, f, np.ones(2))


def test_results_share_no_memory():
    def f(W, X, b):
        return np.sum(W * X) + np.sum(b)

    args = [RNG.normal(size=(2, 3)) for _ in range(3)]
    _, gradients = tg.derive(f, *args, wrt=(0, 1, 2)).function(*args)
    everything = [*args, *gradients]
    _, turned = tg.derive(lambda W, X: np.sum(W.T * X), args[0].T.copy(), args[1]).function(args[0].T.copy(), args[1])
    everything.append(turned)
    for i, a in enumerate(everything):
        assert a.flags.writeable
        assert not any(np.shares_memory(a, b) for b in everything[:i])


def test_random_numbers_drawn_inside_are_noticed():
    rng = np.random.default_rng()

    def f(x):
        return np.sum(x * rng.normal(size=x.shape))

    with pytest.raises(ValueError, match="draws random numbers"):
        tg.derive(f, np.ones(3))


def test_what_f_must_return_and_be_given():
    with pytest.raises(ValueError, match="derive: tanh must return one number, but its result has shape"):
        tg.derive(np.tanh, np.ones(3))
    with pytest.raises(TypeError, match="x is int64"):
        tg.derive(lambda x: np.sum(x), np.arange(3))
    with pytest.raises(TypeError, match="derive: x is a object, not an array of numbers"):
        tg.derive(lambda x: np.sum(x), object())
    with pytest.raises(tg.TraceError, match="if t:"):
        tg.derive(lambda x: np.sum(x) if np.sum(x) > 0 else 0.0, np.ones(3))
    with pytest.raises(ValueError, match="argnums=2"):
        tg.derive(lambda x: np.sum(x), np.ones(3), wrt=2)


def test_sympy_is_named_when_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "sympy", None)
    f = network()
    with pytest.raises(ImportError, match=r"pip install 'tinygrad_lite\[derive\]'"):
        tg.derive(f, parameters(), X, Y)
    derivation = tg.derive(f, parameters(), X, Y, simplify=False)
    assert_agrees(derivation, f, parameters(), X, Y)


@pytest.mark.parametrize(
    "kink",
    [
        tg.relu,
        tg.leaky_relu,
        np.abs,
        lambda z: np.clip(z, 0, 99),
        lambda z: np.maximum(0, z),
        lambda z: np.where(z > 0, z, 0.0),
        lambda z: np.copysign(z, 5 * z - 1),
    ],
)
def test_a_coincidence_is_no_law(kink):
    """Every column has one entry on the positive side, for all b near the one given: its choices add up to 1 or 0."""

    def f(b):
        return np.sum(kink(b + [[5.0, 5.0], [-5.0, -5.0]]))

    b = np.full((1, 2), 0.2)
    derivation = tg.derive(f, b)
    for fresh in (-2.5, 2.5, -7.0, 7.0):
        assert_agrees(derivation, f, b + fresh)


@pytest.mark.parametrize("special", [np.nan, np.inf, -np.inf, 1e308, -1e308])
def test_the_text_does_not_depend_on_the_numbers(special):
    ordinary = tg.derive(network(), parameters(), X, Y).source
    data = np.where(X > 0.5, special, X)
    with np.errstate(all="ignore"):
        assert tg.derive(network(), parameters(), data, Y).source == ordinary
        assert tg.derive(network(), parameters() | {"W2": np.full((N_Y, N_H), special)}, X, Y).source == ordinary


@pytest.mark.parametrize("scale", [0.1, 40.0, 400.0])
def test_saturated_outputs_give_the_same_text(scale):
    with np.errstate(all="ignore"):
        derivation = tg.derive(network(), {k: scale * v for k, v in parameters().items()}, X, Y)
    assert backward(derivation) == SIX


USERS = {
    "elementwise": lambda name: tg.elementwise(lambda x: 10 * x + x**3, lambda y, x: 10 + 3 * x**2, name=name),
    "linear": lambda name: tg.linear(lambda x: 7 * x[::-1], lambda g, y, x: 7 * g[::-1], name=name),
    "custom": lambda name: tg.custom_vjp(lambda x: 5 * x**2, lambda g, y, x: g * 10 * x, name=name),
}
NAMES = sorted(
    {op.name for op in rows()} | {"stop_gradient", "astype", "mask_not_taken", "clip", "np", "x", "pick", "print"}
)


@given(st.sampled_from(NAMES), st.sampled_from(sorted(USERS)), st.booleans())
def test_a_users_op_may_have_any_name(name, kind, simplify):
    op = USERS[kind](name)
    w = np.array([0.5, -1.0, 2.0])

    def f(x):
        h = op(x)
        return op(h) @ w

    derivation = tg.derive(f, np.array([0.75, 1.25, 2.0]), simplify=simplify)
    assert f"np.{name}(" not in derivation.source
    assert_agrees(derivation, f, np.array([-3.0, 0.2, 61.0]))


# -- text ------------------------------------------------------------------------------------------------------------


def test_names_are_identifiers_and_nothing_a_user_types_is_code():
    evil = '"]; raise SystemExit #\n'

    def f(params, np_, lambda_):
        import_ = params[evil] @ np_
        return np.sum(import_ * lambda_)

    f.__name__ = "f(); import os\n#"
    args = {evil: RNG.normal(size=(3, 2))}, np.ones(2), np.ones(3)
    derivation = tg.derive(f, *args)
    ast.parse(derivation.source)
    assert_agrees(derivation, f, *args)
    assert list(derivation.function(*args)[1]) == [evil]


def test_names_of_outer_functions_win_and_loops_are_numbered():
    def square(v):
        inner = v * v
        return inner

    def f(x):
        h = x
        for _ in range(3):
            h = np.sin(h)
        outer = square(h)
        return np.sum(outer * np.arange(4.0))

    derivation = tg.derive(f, RNG.normal(size=4))
    names = [node.targets[0].id for node in ast.walk(ast.parse(derivation.source)) if isinstance(node, ast.Assign)]
    assert names[:4] == ["h1", "h2", "h3", "outer"]
    assert "inner" not in derivation.source


def test_a_literal_is_never_taken_for_a_variable():
    def f(x, y):
        m = x.shape[0]
        return np.sum(11 * x * y) / m

    derivation = tg.derive(f, np.ones(11), np.ones(11))
    assert "m" not in derivation.source.partition("# Backward")[2].split()


def test_an_argument_that_does_not_matter():
    derivation = tg.derive(lambda x, y: np.sum(x), np.ones(2), np.ones(3), wrt=(0, 1))
    assert backward(derivation) == ["dx = np.ones((2,))", "dy = np.zeros_like(y)"]


def test_notebooks_show_formulas():
    formulas = tg.derive(network(), parameters(), X, Y)._repr_latex_()
    assert r"dZ_{2} &= \frac{A_{2} - Y}{m}" in formulas
    assert r"dZ_{1} &= W_{2}^{\top} \, dZ_{2} \odot \left(1 - A_{1}^{2}\right)" in formulas
    assert formulas.startswith("$$")
    assert formulas.endswith("$$")


def test_tracing_leaves_no_trace_function_behind():
    before = sys.gettrace()
    tg.derive(network(), parameters(), X, Y)
    assert sys.gettrace() is before


@pytest.mark.parametrize("number", [1e308, -1e308, 1e-308, 5e-324, 1e20, 2.0**60, 1e9, -3e-10])
def test_numbers_in_the_code_may_be_huge_or_tiny(number):
    f = lambda w: np.sum(w * number * (w + number))  # noqa: E731 (a name for the derivation)
    w = np.array([0.5, -1.5])
    with np.errstate(all="ignore"):
        assert_agrees(tg.derive(f, w), f, -3 * w)


# -- the text does not depend on the data ----------------------------------------------------------------------------


def logistic(W, b, X, Y):
    A = 1 / (1 + np.exp(-(W @ X + b)))
    return -np.mean(Y * np.log(A) + (1 - Y) * np.log(1 - A))


def squared_sigmoid(W, b, X, Y):
    A = 1 / (1 + np.exp(-(W @ X + b)))
    return np.mean((A - Y) ** 2)


def swish(W, b, X, Y):
    Z = W @ X + b
    A = Z / (1 + np.exp(-Z))
    return np.mean((A - Y) ** 2)


def spelled_tanh(W, b, X, Y):
    Z = W @ X + b
    A = (np.exp(Z) - np.exp(-Z)) / (np.exp(Z) + np.exp(-Z))
    return np.mean((A - Y) ** 2)


def softplus_cost(W, b, X, Y):
    Z = W @ X + b
    return np.mean(np.log(1 + np.exp(Z)) - Y * Z)


@pytest.mark.thorough
@pytest.mark.parametrize("cost", [logistic, squared_sigmoid, swish, spelled_tanh, softplus_cost])
def test_the_text_is_the_same_whatever_the_data(cost):
    rng = np.random.default_rng(0)
    examples, labels = rng.normal(size=(3, 6)), np.array([[1.0, 0, 1, 1, 0, 1]])
    directions = np.ones((1, 3)), np.random.default_rng(2).normal(size=(1, 3))
    with np.errstate(all="ignore"):
        texts = {
            tg.derive(cost, size * direction, np.zeros((1, 1)), examples, labels, wrt=(0, 1)).source
            for size, direction in itertools.product([0.0, 40.0, -800.0], directions)
        }
    assert len(texts) == 1


def test_what_overflowed_is_no_evidence_where_something_did_not():
    assert prefer_finite([1.0, np.inf, np.array([2.0, np.nan]), 3], lambda x: x) == [1.0, 3]
    assert prefer_finite([np.inf, np.nan], lambda x: x) == [np.inf, np.nan]


def test_no_denominator_that_can_be_zero_is_brought_in():
    """A / Z is 1 / (1 + exp(-Z)), but not at Z = 0, where weights may well start."""
    rng = np.random.default_rng(0)
    arguments = rng.normal(size=(1, 3)), np.zeros((1, 1)), rng.normal(size=(3, 6)), np.ones((1, 6))
    derivation = tg.derive(swish, *arguments, wrt=(0, 1))
    at_zero = np.zeros((1, 3)), *arguments[1:]
    _, found = derivation.function(*at_zero)
    for a, b in zip(found, tg.grad(swish, argnums=(0, 1))(*at_zero), strict=True):
        assert_allclose(a, b, rtol=1e-12)


def test_a_text_without_algebra_of_what_overflows():
    arguments = np.full((1, 3), -800.0), np.zeros((1, 1)), np.ones((3, 6)), np.ones((1, 6))
    with np.errstate(over="ignore", invalid="ignore"):
        assert tg.derive(squared_sigmoid, *arguments, wrt=(0, 1), simplify=False).source


@pytest.mark.parametrize("axis", [0, -1])
def test_a_number_of_pythons_is_not_indexed(axis):
    derivation = tg.derive(lambda k: np.sum(np.expand_dims(k, axis) ** 2), 3.0)
    assert derivation.function(3.0) == (9, 6)
