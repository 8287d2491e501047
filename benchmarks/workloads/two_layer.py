"""The network with one hidden layer of tanh units and logistic outputs, trained by gradient descent.

Shapes: W1 (n_h, n_x), b1 (n_h, 1), W2 (n_y, n_h), b2 (n_y, 1), X (n_x, m), Y (n_y, m). Cost: the sum over outputs of
the binary cross-entropies, averaged over the m examples.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from models.two_layer_manual import train_step

from .workload import Array, Cost, NotWritten, Params, Step, Workload


@dataclass(frozen=True)
class TwoLayer(Workload):
    """A network, a batch size and a dtype."""

    n_x: int
    n_h: int
    n_y: int
    m: int
    dtype: str

    def __str__(self) -> str:
        return f"{self.n_x}-{self.n_h}-{self.n_y}, m = {self.m:,}, {self.dtype}"

    def data(self) -> tuple[Params, tuple[Array, ...]]:
        rng = np.random.default_rng(0)
        shapes = {
            "W1": (self.n_h, self.n_x),
            "b1": (self.n_h, 1),
            "W2": (self.n_y, self.n_h),
            "b2": (self.n_y, 1),
        }
        scale = {"W1": self.n_x**-0.5, "W2": self.n_h**-0.5, "b1": 0.1, "b2": 0.1}
        params = {name: (scale[name] * rng.normal(size=shape)).astype(self.dtype) for name, shape in shapes.items()}
        X = rng.normal(size=(self.n_x, self.m)).astype(self.dtype)
        Y = rng.integers(0, 2, (self.n_y, self.m)).astype(self.dtype)
        return params, (X, Y)

    def hand_written(self) -> Step:
        return train_step

    def tuned_by_hand(self) -> Step:
        return tuned_step(self.n_x, self.n_h, self.n_y, self.m, self.dtype)

    def tinygrad_lite(self) -> Cost:
        import tinygrad_lite as tg

        def cost(params: Params, X: Array, Y: Array) -> Any:
            A1 = np.tanh(np.dot(params["W1"], X) + params["b1"])
            return tg.binary_cross_entropy_with_logits(np.dot(params["W2"], A1) + params["b2"], Y)

        return cost

    def jax(self) -> Cost:
        import jax.numpy

        return partial(numpy_cost, jax.numpy)

    def autograd(self) -> Cost:
        import autograd.numpy

        return partial(numpy_cost, autograd.numpy)

    def mygrad(self) -> Cost:
        import mygrad

        return partial(numpy_cost, mygrad)

    def torch(self) -> Cost:
        import torch

        def cost(params: Any, X: Any, Y: Any) -> Any:
            Z2 = params["W2"] @ torch.tanh(params["W1"] @ X + params["b1"]) + params["b2"]
            loss = torch.nn.functional.binary_cross_entropy_with_logits(Z2, Y, reduction="sum")
            return loss / Y.shape[1]

        return cost

    def tinygrad(self) -> Cost:
        def cost(params: Any, X: Any, Y: Any) -> Any:
            Z2 = params["W2"] @ (params["W1"] @ X + params["b1"]).tanh() + params["b2"]
            return Z2.binary_crossentropy_logits(Y, reduction="sum") / Y.shape[1]

        return cost

    def micrograd(self) -> Cost:
        if self.m > 1 or self.n_x * self.n_h > 100:
            raise NotWritten
        return scalar_cost


def numpy_cost(xp: Any, params: Any, X: Any, Y: Any) -> Any:
    """The cost in a library that has NumPy's functions; written so that exp cannot overflow."""
    A1 = xp.tanh(xp.matmul(params["W1"], X) + params["b1"])
    Z2 = xp.matmul(params["W2"], A1) + params["b2"]
    return xp.sum(xp.maximum(Z2, 0) - Z2 * Y + xp.log1p(xp.exp(-xp.abs(Z2)))) / Y.shape[1]


def scalar_cost(params: Any, X: Any, Y: Any) -> Any:
    """The cost of one example in micrograd, whose Values are single numbers, with the two functions that it lacks."""
    from micrograd.engine import Value

    def tanh(z: Any) -> Any:
        a = math.tanh(z.data)
        out = Value(a, (z,), "tanh")

        def backward() -> None:
            z.grad += (1 - a * a) * out.grad

        out._backward = backward
        return out

    def logistic_loss(z: Any, y: float) -> Any:
        e = math.exp(-abs(z.data))
        out = Value(max(z.data, 0) - z.data * y + math.log1p(e), (z,), "logistic")

        def backward() -> None:
            z.grad += ((1 if z.data >= 0 else e) / (1 + e) - y) * out.grad

        out._backward = backward
        return out

    def layer(W: Any, b: Any, x: Any) -> Any:
        return [sum((w * v for w, v in zip(row, x, strict=True)), bias[0]) for row, bias in zip(W, b, strict=True)]

    A1 = [tanh(z) for z in layer(params["W1"], params["b1"], [x[0] for x in X])]
    losses = (logistic_loss(z, y[0]) for z, y in zip(layer(params["W2"], params["b2"], A1), Y, strict=True))
    return sum(losses, Value(0.0))


def tuned_step(n_x: int, n_h: int, n_y: int, m: int, dtype: str) -> Step:
    """The step as someone writes it who tunes by hand. The parameters are left alone: the new ones are new arrays."""
    A1, dZ1 = np.empty((n_h, m), dtype), np.empty((n_h, m), dtype)
    Z2, e, losses, dZ2 = (np.empty((n_y, m), dtype) for _ in range(4))
    dW1, db1, dW2, db2 = (np.empty(shape, dtype) for shape in ((n_h, n_x), (n_h, 1), (n_y, n_h), (n_y, 1)))
    A1_T = A1.T

    def step(params: Params, X: Array, Y: Array, rate: float) -> tuple[Any, Params]:
        W1, b1, W2, b2 = params["W1"], params["b1"], params["W2"], params["b2"]
        np.dot(W1, X, A1)
        np.add(A1, b1, A1)
        np.tanh(A1, A1)
        np.dot(W2, A1, Z2)
        np.add(Z2, b2, Z2)
        np.abs(Z2, e)
        np.negative(e, e)
        np.exp(e, e)  # e^-|z|, which the loss and the sigmoid share
        np.maximum(Z2, 0, out=losses)
        np.multiply(Z2, Y, dZ2)
        np.subtract(losses, dZ2, losses)
        np.log1p(e, dZ2)
        np.add(losses, dZ2, losses)
        J = np.add.reduce(losses, None) / m
        np.greater_equal(Z2, 0, dZ2)  # the sigmoid: (1 if z >= 0 else e) / (1 + e)
        np.maximum(dZ2, e, out=dZ2)
        np.add(e, 1, e)
        np.divide(dZ2, e, dZ2)
        np.subtract(dZ2, Y, dZ2)
        np.multiply(dZ2, rate / m, dZ2)  # here once, instead of in each of the four updates
        np.dot(dZ2, A1_T, dW2)
        np.add.reduce(dZ2, 1, None, db2, keepdims=True)
        np.dot(W2.T, dZ2, dZ1)
        np.multiply(A1, A1, A1)
        np.subtract(1, A1, A1)
        np.multiply(dZ1, A1, dZ1)
        np.dot(dZ1, X.T, dW1)
        np.add.reduce(dZ1, 1, None, db1, keepdims=True)
        return J, {"W1": W1 - dW1, "b1": b1 - db1, "W2": W2 - dW2, "b2": b2 - db2}

    return step
