"""The training step of the two-layer network (loss, gradients, update), by everyone who takes part.

Each contestant is a function `(params, X, Y, rate) -> step loop`: it prepares the arrays as it likes them and returns
`loop(n)`, which does n steps of gradient descent from the given parameters and returns the last loss and the new
parameters, ready to be read. Libraries are imported inside, so that a process loads only its own.

Shapes: W1 (n_h, n_x), b1 (n_h, 1), W2 (n_y, n_h), b2 (n_y, 1), X (n_x, m), Y (n_y, m). Loss: the sum over outputs of
the binary cross-entropies, averaged over the m examples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.two_layer_manual import train_step

Array = NDArray[Any]
Params = dict[str, Array]
Step = Callable[[Params, Array, Array, float], tuple[Any, Params]]
Loop = Callable[[int], tuple[Any, Any]]
Contestant = Callable[[Params, Array, Array, float], Loop]


@dataclass(frozen=True)
class Configuration:
    """A network, a batch size and a dtype."""

    n_x: int
    n_h: int
    n_y: int
    m: int
    dtype: str

    def __str__(self) -> str:
        return f"{self.n_x}-{self.n_h}-{self.n_y}, m = {self.m:,}, {self.dtype}"

    def data(self) -> tuple[Params, Array, Array]:
        """Parameters, inputs and labels, always the same."""
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
        return params, X, Y


CONFIGURATIONS = [
    Configuration(2, 4, 1, 1, "float64"),
    Configuration(2, 4, 1, 400, "float64"),
    Configuration(64, 32, 10, 64, "float32"),
    Configuration(784, 128, 10, 256, "float32"),
    Configuration(2, 4, 1, 100_000, "float64"),
    Configuration(1024, 1024, 10, 1024, "float32"),
]


# -- NumPy -----------------------------------------------------------------------------------------------------------


def tuned_step(params: Params, X: Array, Y: Array) -> Step:
    """The step as someone writes it who tunes by hand: buffers made once, every call with out=, no step done twice.

    The parameters are left alone, as in the plain step: the new ones are new arrays.
    """
    n_h, n_y, m, dtype = len(params["W1"]), len(Y), Y.shape[1], X.dtype
    A1, dZ1 = np.empty((n_h, m), dtype), np.empty((n_h, m), dtype)
    Z2, e, losses, dZ2 = (np.empty((n_y, m), dtype) for _ in range(4))
    dW1, db1, dW2, db2 = (np.empty_like(params[name]) for name in ("W1", "b1", "W2", "b2"))
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


# -- tinygrad_lite ---------------------------------------------------------------------------------------------------


def tinygrad_lite_step() -> Step:
    """The forward pass alone is written; the rest is derived."""
    import tinygrad_lite as tg

    def cost(params: Params, X: Array, Y: Array) -> Any:
        A1 = np.tanh(np.dot(params["W1"], X) + params["b1"])
        return tg.binary_cross_entropy_with_logits(np.dot(params["W2"], A1) + params["b2"], Y)

    def step(params: Params, X: Array, Y: Array, rate: float) -> tuple[Any, Params]:
        J, grads = tg.value_and_grad(cost)(params, X, Y)
        return J, {name: value - rate * grads[name] for name, value in params.items()}

    return step


def compiled_step() -> Step:
    """The same, compiled."""
    import tinygrad_lite as tg

    return tg.compile(tinygrad_lite_step())


def _loop(step: Step, params: Params, X: Array, Y: Array, rate: float) -> Loop:
    def loop(n: int) -> tuple[Any, Params]:
        J, p = step(params, X, Y, rate)
        for _ in range(n - 1):
            J, p = step(p, X, Y, rate)
        return J, p

    return loop


# -- JAX and PyTorch -------------------------------------------------------------------------------------------------


def jax_jit(params: Params, X: Array, Y: Array, rate: float) -> Loop:
    """One jitted function for the whole step. Steps are dispatched without waiting; the loop waits for the last."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)  # otherwise float64 would be float32

    def cost(params: Any, X: Any, Y: Any) -> Any:
        A1 = jnp.tanh(params["W1"] @ X + params["b1"])
        Z2 = params["W2"] @ A1 + params["b2"]
        return jnp.sum(jnp.maximum(Z2, 0) - Z2 * Y + jnp.log1p(jnp.exp(-jnp.abs(Z2)))) / Y.shape[1]

    def whole_step(params: Any, X: Any, Y: Any, rate: Any) -> Any:
        J, grads = jax.value_and_grad(cost)(params, X, Y)
        return J, {name: value - rate * grads[name] for name, value in params.items()}

    step = jax.jit(whole_step)
    first, X_, Y_ = jax.tree.map(jnp.asarray, (params, X, Y))

    def loop(n: int) -> tuple[Any, Any]:
        p = first
        for _ in range(n):
            J, p = step(p, X_, Y_, rate)
        return jax.block_until_ready((J, p))  # type: ignore[no-any-return]

    return loop


def _torch(compiled: bool, params: Params, X: Array, Y: Array, rate: float) -> Loop:
    import torch

    X_, Y_ = torch.from_numpy(X), torch.from_numpy(Y)

    def cost(W1: Any, b1: Any, W2: Any, b2: Any) -> Any:
        Z2 = W2 @ torch.tanh(W1 @ X_ + b1) + b2
        loss = torch.nn.functional.binary_cross_entropy_with_logits(Z2, Y_, reduction="sum")
        return loss / Y_.shape[1]

    if compiled:
        cost = torch.compile(cost)

    def loop(n: int) -> tuple[Any, Any]:
        p = {name: torch.tensor(value, requires_grad=True) for name, value in params.items()}
        leaves = [p["W1"], p["b1"], p["W2"], p["b2"]]
        for _ in range(n):
            J = cost(*leaves)
            grads = torch.autograd.grad(J, leaves)
            with torch.no_grad():
                for value, grad in zip(leaves, grads, strict=True):
                    value.sub_(grad, alpha=rate)  # in place, as PyTorch's optimisers do
        return J.detach(), {name: value.detach() for name, value in p.items()}

    return loop


CONTESTANTS: dict[str, Contestant] = {
    "hand-written": partial(_loop, train_step),
    "tuned by hand": lambda params, X, Y, rate: _loop(tuned_step(params, X, Y), params, X, Y, rate),
    "tinygrad_lite": lambda *arguments: _loop(tinygrad_lite_step(), *arguments),
    "tg.compile": lambda *arguments: _loop(compiled_step(), *arguments),
    "jax.jit": jax_jit,
    "PyTorch": partial(_torch, False),
    "torch.compile": partial(_torch, True),
}
"""The first is what the others are measured by."""

PEERS = ("jax.jit", "PyTorch", "torch.compile")
"""Those that need a library of their own."""
