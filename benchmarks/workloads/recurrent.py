"""A recurrent network over 200 steps, trained by gradient descent on its last state.

h[t] = tanh(x[t] Wx + h[t-1] Wh + b). Shapes: X (200, 16, 8), time first, then examples; y (16,); Wx (8, 32),
Wh (32, 32), b (32,), w (32,). Cost: the mean squared error of h[200] w.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .workload import Array, Cost, Params, Step, Workload

LENGTH, EXAMPLES, FEATURES, UNITS = 200, 16, 8, 32


class Recurrent(Workload):
    dtype = "float32"

    def __str__(self) -> str:
        return f"{LENGTH} steps of an RNN, {FEATURES}-{UNITS}, m = {EXAMPLES}, {self.dtype}"

    def data(self) -> tuple[Params, tuple[Array, ...]]:
        rng = np.random.default_rng(0)
        shapes = {"Wx": (FEATURES, UNITS), "Wh": (UNITS, UNITS), "b": (UNITS,), "w": (UNITS,)}
        params = {name: (0.8 * rng.normal(size=s) / np.sqrt(s[0])).astype(self.dtype) for name, s in shapes.items()}
        X = rng.normal(size=(LENGTH, EXAMPLES, FEATURES)).astype(self.dtype)
        return params, (X, np.sin(X[-1, :, 0] + X[-2, :, 1]))

    def hand_written(self) -> Step:
        return train_step

    def tinygrad_lite(self) -> Cost:
        import tinygrad_lite as tg

        def cost(params: Params, X: Array, y: Array) -> Any:
            def advance(h: Any, x: Any) -> Any:
                return np.tanh(x + h @ params["Wh"]), None

            start = np.zeros((EXAMPLES, UNITS), X.dtype)
            h, _ = tg.scan(advance, start, X @ params["Wx"] + params["b"])
            return np.mean((h @ params["w"] - y) ** 2)

        return cost

    def autograd(self) -> Cost:
        import autograd.numpy

        return self._loop(autograd.numpy)

    def mygrad(self) -> Cost:
        import mygrad

        return self._loop(mygrad)

    def _loop(self, xp: Any) -> Cost:
        """In a library that has NumPy's functions, and Python's loops."""

        def cost(params: Any, X: Any, y: Any) -> Any:
            inputs = xp.matmul(X, params["Wx"]) + params["b"]
            h = xp.tanh(inputs[0])
            for t in range(1, LENGTH):
                h = xp.tanh(inputs[t] + xp.matmul(h, params["Wh"]))
            return xp.mean((xp.matmul(h, params["w"]) - y) ** 2)

        return cost

    def jax(self) -> Cost:
        import jax
        import jax.numpy as jnp

        def cost(params: Any, X: Any, y: Any) -> Any:
            def advance(h: Any, x: Any) -> Any:
                return jnp.tanh(x + h @ params["Wh"]), None

            start = jnp.zeros((EXAMPLES, UNITS), X.dtype)
            h, _ = jax.lax.scan(advance, start, X @ params["Wx"] + params["b"])
            return jnp.mean((h @ params["w"] - y) ** 2)

        return cost

    def torch(self) -> Cost:
        import torch

        rnn = torch.nn.RNN(FEATURES, UNITS)
        zeros = torch.zeros(UNITS)

        def cost(params: Any, X: Any, y: Any) -> Any:
            names = {
                "weight_ih_l0": params["Wx"].T,
                "weight_hh_l0": params["Wh"].T,
                "bias_ih_l0": params["b"],
                "bias_hh_l0": zeros,
            }
            _, h = torch.func.functional_call(rnn, names, (X,))
            return ((h[0] @ params["w"] - y) ** 2).mean()

        return cost


def train_step(params: Params, X: Array, y: Array, rate: float) -> tuple[Any, Params]:
    """The step by hand: back through time."""
    Wx, Wh, b, w = params["Wx"], params["Wh"], params["b"], params["w"]
    H = X @ Wx
    H += b
    np.tanh(H[0], out=H[0])
    for t in range(1, LENGTH):
        h = H[t]
        h += H[t - 1] @ Wh
        np.tanh(h, out=h)
    error = H[-1] @ w - y
    d = (2 / len(y)) * error
    dw = d @ H[-1]
    dZ = np.empty_like(H)
    slopes = 1 - H * H
    dZ[-1] = np.outer(d, w) * slopes[-1]
    Wh_T = Wh.T
    for t in range(LENGTH - 1, 0, -1):
        dZ[t - 1] = (dZ[t] @ Wh_T) * slopes[t - 1]
    flat = dZ.reshape(-1, UNITS)
    grads = {
        "Wx": X.reshape(-1, FEATURES).T @ flat,
        "Wh": H[:-1].reshape(-1, UNITS).T @ flat[EXAMPLES:],
        "b": flat.sum(axis=0),
        "w": dw,
    }
    return np.mean(error**2), {name: value - rate * grads[name] for name, value in params.items()}
