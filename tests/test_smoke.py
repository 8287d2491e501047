"""The first test to run: a tiny network trains, in about a second."""

import numpy as np

import tinygrad_lite as tg


def test_a_tiny_network_learns_a_circle():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (2, 200))
    Y = (np.sum(X**2, axis=0, keepdims=True) < 0.5).astype(float)
    params = {
        "W1": rng.normal(size=(8, 2)),
        "b1": np.zeros((8, 1)),
        "W2": rng.normal(size=(1, 8)),
        "b2": np.zeros((1, 1)),
    }

    def logits(p):
        return np.dot(p["W2"], np.tanh(np.dot(p["W1"], X) + p["b1"])) + p["b2"]

    step = tg.value_and_grad(lambda p: tg.binary_cross_entropy_with_logits(logits(p), Y))
    first, _ = step(params)
    for _ in range(300):
        J, gradients = step(params)
        params = {name: value - 2.0 * gradients[name] for name, value in params.items()}
    assert first > 3 * J
    assert np.mean((logits(params) > 0) == Y) > 0.95
