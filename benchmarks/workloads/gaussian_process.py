"""The negative log marginal likelihood of a Gaussian process, and its gradients by the kernel's parameters.

Source: Rasmussen and Williams, Gaussian Processes for Machine Learning, equations 2.30 and 5.9. Kernel: squared
exponential with a length for each of 3 features, and noise; parameters are logarithms. Shapes: X (300, 3), y (300,).
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from .workload import Array, Cost, Params, Step, Workload


class GaussianProcess(Workload):
    dtype = "float64"
    update = "none"

    def __str__(self) -> str:
        return f"Gaussian process, n = 300, {self.dtype}"

    def data(self) -> tuple[Params, tuple[Array, ...]]:
        rng = np.random.default_rng(0)
        X = rng.normal(size=(300, 3))
        y = np.sin(X[:, 0]) + 0.5 * X[:, 1] + 0.2 * rng.normal(size=300)
        return {"lengths": np.array([0.1, 0.3, 0.5]), "scale": np.array(0.2), "noise": np.array(-1.0)}, (X, y)

    def hand_written(self) -> Step:
        return by_hand

    def tinygrad_lite(self) -> Cost:
        import tinygrad_lite as tg

        return partial(numpy_cost, np, partial(tg.scipy.linalg.solve_triangular, lower=True))

    def jax(self) -> Cost:
        import jax.numpy
        import jax.scipy

        return partial(numpy_cost, jax.numpy, partial(jax.scipy.linalg.solve_triangular, lower=True))

    def autograd(self) -> Cost:
        import autograd.numpy
        import autograd.scipy.linalg

        return partial(numpy_cost, autograd.numpy, partial(autograd.scipy.linalg.solve_triangular, lower=True))

    def torch(self) -> Cost:
        import torch

        def cost(params: Any, X: Any, y: Any) -> Any:
            n = len(y)
            scaled = X * torch.exp(-params["lengths"])
            squares = (scaled * scaled).sum(1)
            distances = squares[:, None] + squares - 2 * scaled @ scaled.T
            noise = torch.exp(2 * params["noise"]) * torch.eye(n, dtype=X.dtype)
            L = torch.linalg.cholesky(torch.exp(2 * params["scale"] - 0.5 * distances) + noise)
            z = torch.linalg.solve_triangular(L, y[:, None], upper=False)
            return 0.5 * (z * z).sum() + torch.log(torch.diagonal(L)).sum() + 0.5 * n * math.log(2 * math.pi)

        return cost


def numpy_cost(xp: Any, solve_lower: Any, params: Any, X: Any, y: Any) -> Any:
    """In a library that has NumPy's functions. solve_lower(L, y): the solution z of L z = y."""
    n = len(y)
    scaled = X * xp.exp(-params["lengths"])
    squares = xp.sum(scaled * scaled, axis=1)
    distances = squares[:, None] + squares - 2 * (scaled @ scaled.T)
    K = xp.exp(2 * params["scale"] - 0.5 * distances) + xp.exp(2 * params["noise"]) * xp.eye(n)
    L = xp.linalg.cholesky(K)
    z = solve_lower(L, y)
    return 0.5 * xp.sum(z * z) + xp.sum(xp.log(xp.diag(L))) + 0.5 * n * math.log(2 * math.pi)


def by_hand(params: Params, X: Array, y: Array) -> tuple[Any, Params]:
    """dJ/dK = (K⁻¹ - α αᵀ) / 2, for α = K⁻¹ y."""
    n = len(y)
    scaled = X * np.exp(-params["lengths"])
    squares = np.sum(scaled * scaled, axis=1)
    kernel = np.exp(2 * params["scale"] - 0.5 * (squares[:, None] + squares - 2 * (scaled @ scaled.T)))
    noise = np.exp(2 * params["noise"])
    K = kernel + noise * np.eye(n)
    L = np.linalg.cholesky(K)
    inverse = np.linalg.inv(K)
    alpha = inverse @ y
    J = 0.5 * y @ alpha + np.sum(np.log(np.diagonal(L))) + 0.5 * n * math.log(2 * math.pi)
    dK = 0.5 * (inverse - np.outer(alpha, alpha))
    d_noise = 2 * noise * np.trace(dK)
    dK *= kernel
    # Of the sum over i, j of dK[i, j] (x[i] - x[j])², with a symmetric dK.
    d_lengths = 2 * (dK.sum(axis=1) @ (scaled * scaled) - np.sum(scaled * (dK @ scaled), axis=0))
    return J, {"lengths": d_lengths, "scale": 2 * dK.sum(), "noise": d_noise}
