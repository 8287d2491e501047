"""A network of four layers with ReLU on the images of digits, trained by Adam.

Shapes: X (m, 64), rows are examples; labels (m,); W1 (64, 128), b1 (128,) and so on. Cost: the mean cross-entropy.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .. import adam
from .workload import Array, Cost, Params, Step, Workload

SIZES = (64, 128, 64, 32, 10)
LAYERS = range(1, len(SIZES))


class Digits(Workload):
    """One mini-batch of 256 images."""

    dtype = "float32"
    update = "adam"
    rate = 1e-3

    def __str__(self) -> str:
        return f"digits, {'-'.join(map(str, SIZES))}, Adam, m = 256, {self.dtype}"

    def data(self) -> tuple[Params, tuple[Array, ...]]:
        from sklearn.datasets import load_digits

        rng = np.random.default_rng(0)
        images, labels = load_digits(return_X_y=True)
        params: Params = {}
        for i in LAYERS:
            n_in, n_out = SIZES[i - 1 : i + 1]
            params[f"W{i}"] = (rng.normal(size=(n_in, n_out)) * np.sqrt(2 / n_in)).astype(self.dtype)
            params[f"b{i}"] = (0.1 * rng.normal(size=n_out)).astype(self.dtype)
        return params, ((images[:256] / 16).astype(self.dtype), labels[:256].astype(np.int64))

    def hand_written(self) -> Step:
        return train_step

    def tinygrad_lite(self) -> Cost:
        import tinygrad_lite as tg

        def cost(params: Params, X: Array, labels: Array) -> Any:
            return tg.nn.functional.cross_entropy(logits(tg.relu, params, X), labels)

        return cost

    def jax(self) -> Cost:
        import jax

        def cost(params: Any, X: Any, labels: Any) -> Any:
            log_p = jax.nn.log_softmax(logits(jax.nn.relu, params, X))
            return -log_p[jax.numpy.arange(len(labels)), labels].mean()

        return cost

    def torch(self) -> Cost:
        import torch

        def cost(params: Any, X: Any, labels: Any) -> Any:
            return torch.nn.functional.cross_entropy(logits(torch.relu, params, X), labels)

        return cost

    def autograd(self) -> Cost:
        import autograd.numpy as xp
        from autograd.scipy.special import logsumexp

        def cost(params: Any, X: Any, labels: Any) -> Any:
            Z = logits(partial(xp.maximum, 0), params, X)
            log_p = Z - logsumexp(Z, axis=1, keepdims=True)
            return -xp.mean(log_p[xp.arange(len(labels)), labels])

        return cost

    def mygrad(self) -> Cost:
        from mygrad.nnet.activations import relu
        from mygrad.nnet.losses import softmax_crossentropy

        def cost(params: Any, X: Any, labels: Any) -> Any:
            return softmax_crossentropy(logits(relu, params, X), labels)

        return cost


def logits(relu: Any, params: Any, X: Any) -> Any:
    """The last layer's Z (m, 10), in any library."""
    A = X
    for i in LAYERS[:-1]:
        A = relu(A @ params[f"W{i}"] + params[f"b{i}"])
    return A @ params[f"W{LAYERS[-1]}"] + params[f"b{LAYERS[-1]}"]


def train_step(state: adam.State, X: Array, labels: Array, rate: float) -> tuple[Any, adam.State]:
    """The step by hand."""
    params, m = state[0], len(labels)
    A = [X]
    for i in LAYERS[:-1]:
        A.append(np.maximum(A[-1] @ params[f"W{i}"] + params[f"b{i}"], 0))
    Z = A[-1] @ params[f"W{LAYERS[-1]}"] + params[f"b{LAYERS[-1]}"]
    Z -= Z.max(axis=1, keepdims=True)
    dZ = np.exp(Z)
    sums = dZ.sum(axis=1, keepdims=True)
    rows = np.arange(m)
    J = np.mean(np.log(sums[:, 0]) - Z[rows, labels])
    dZ /= sums
    dZ[rows, labels] -= 1
    dZ /= m
    grads = {}
    for i in reversed(LAYERS):
        grads[f"W{i}"] = A[i - 1].T @ dZ
        grads[f"b{i}"] = dZ.sum(axis=0)
        if i > 1:
            dZ = (dZ @ params[f"W{i}"].T) * (A[i - 1] > 0)
    return J, adam.update(np, state, {name: grads[name] for name in params}, rate)
