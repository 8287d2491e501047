"""A small convolutional network, trained by gradient descent.

Shapes: X (64, 1, 28, 28), labels (64,). Two convolutions 3 x 3, padded by 1, to 8 and 16 channels, each with ReLU and
max-pooling 2 x 2, and a linear layer to 10 classes. Cost: the mean cross-entropy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .workload import Array, Cost, Params, Workload


class ConvNet(Workload):
    dtype = "float32"

    def __str__(self) -> str:
        return f"convnet, 28 x 28, m = 64, {self.dtype}"

    def data(self) -> tuple[Params, tuple[Array, ...]]:
        rng = np.random.default_rng(0)
        shapes = {"C1": (8, 1, 3, 3), "c1": (8,), "C2": (16, 8, 3, 3), "c2": (16,), "W": (784, 10), "b": (10,)}
        scale = {"C1": 0.3, "C2": 0.15, "W": 0.05, "c1": 0.1, "c2": 0.1, "b": 0.1}
        params = {name: (scale[name] * rng.normal(size=shape)).astype(self.dtype) for name, shape in shapes.items()}
        return params, (rng.normal(size=(64, 1, 28, 28)).astype(self.dtype), rng.integers(0, 10, 64))

    def tinygrad_lite(self) -> Cost:
        from tinygrad_lite.nn import functional

        return _with_pytorchs_names(functional)

    def torch(self) -> Cost:
        from torch.nn import functional

        return _with_pytorchs_names(functional)

    def jax(self) -> Cost:
        import jax
        import jax.numpy as jnp
        from jax import lax

        def layer(x: Any, C: Any, c: Any) -> Any:
            x = jax.nn.relu(lax.conv(x, C, (1, 1), "SAME") + c[:, None, None])
            return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")

        def cost(params: Any, X: Any, labels: Any) -> Any:
            A = layer(layer(X, params["C1"], params["c1"]), params["C2"], params["c2"])
            log_p = jax.nn.log_softmax(A.reshape(len(labels), -1) @ params["W"] + params["b"])
            return -log_p[jnp.arange(len(labels)), labels].mean()

        return cost

    def mygrad(self) -> Cost:
        from mygrad.nnet.activations import relu
        from mygrad.nnet.layers import conv_nd, max_pool
        from mygrad.nnet.losses import softmax_crossentropy

        def layer(x: Any, C: Any, c: Any) -> Any:
            return max_pool(relu(conv_nd(x, C, stride=1, padding=1) + c.reshape(1, -1, 1, 1)), (2, 2), 2)

        def cost(params: Any, X: Any, labels: Any) -> Any:
            A = layer(layer(X, params["C1"], params["c1"]), params["C2"], params["c2"])
            return softmax_crossentropy(A.reshape(len(labels), -1) @ params["W"] + params["b"], labels)

        return cost


def _with_pytorchs_names(F: Any) -> Cost:
    def cost(params: Any, X: Any, labels: Any) -> Any:
        A = F.max_pool2d(F.relu(F.conv2d(X, params["C1"], params["c1"], padding=1)), 2)
        A = F.max_pool2d(F.relu(F.conv2d(A, params["C2"], params["c2"], padding=1)), 2)
        return F.cross_entropy(A.reshape(len(labels), -1) @ params["W"] + params["b"], labels)

    return cost
