"""Layers alone, forward and backward: the gradients of sum(G · layer) for a given cotangent G, without an update."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import numpy as np

from .workload import Array, Cost, Params, Step, Workload

EPS = 1e-5


class LayerNorm(Workload):
    """Layer normalisation of x (512, 768) over its last axis, with weight and bias (768,)."""

    dtype = "float32"
    update = "none"

    def __str__(self) -> str:
        return f"layer norm, (512, 768), {self.dtype}"

    def data(self) -> tuple[Params, tuple[Array, ...]]:
        rng = np.random.default_rng(0)
        shapes = {"x": (512, 768), "weight": (768,), "bias": (768,)}
        params = {name: rng.normal(size=shape).astype(self.dtype) for name, shape in shapes.items()}
        return params, (rng.normal(size=(512, 768)).astype(self.dtype),)

    def hand_written(self) -> Step:
        return layer_norm_by_hand

    def tinygrad_lite(self) -> Cost:
        import tinygrad_lite as tg

        def cost(params: Params, G: Array) -> Any:
            return np.sum(G * tg.nn.functional.layer_norm(params["x"], 768, params["weight"], params["bias"], EPS))

        return cost

    def torch(self) -> Cost:
        from torch.nn.functional import layer_norm

        def cost(params: Any, G: Any) -> Any:
            return (G * layer_norm(params["x"], (768,), params["weight"], params["bias"], EPS)).sum()

        return cost

    def jax(self) -> Cost:
        import jax.numpy

        return partial(layer_norm_cost, jax.numpy)

    def autograd(self) -> Cost:
        import autograd.numpy

        return partial(layer_norm_cost, autograd.numpy)

    def mygrad(self) -> Cost:
        import mygrad

        return partial(layer_norm_cost, mygrad)


def layer_norm_cost(xp: Any, params: Any, G: Any) -> Any:
    """In a library that has NumPy's functions."""
    centred = params["x"] - xp.mean(params["x"], axis=-1, keepdims=True)
    normalised = centred / xp.sqrt(xp.mean(centred * centred, axis=-1, keepdims=True) + EPS)
    return xp.sum(G * (normalised * params["weight"] + params["bias"]))


def layer_norm_by_hand(params: Params, G: Array) -> tuple[Any, Params]:
    """dx = (dn - mean(dn) - n · mean(dn · n)) / s, for n = (x - mean(x)) / s and dn = G · weight."""
    x, weight, bias = params["x"], params["weight"], params["bias"]
    n = x - x.mean(axis=-1, keepdims=True)
    s = np.sqrt(np.mean(n * n, axis=-1, keepdims=True) + EPS)
    n /= s
    dn = G * weight
    dx = (dn - dn.mean(axis=-1, keepdims=True) - n * np.mean(dn * n, axis=-1, keepdims=True)) / s
    return np.sum(G * (n * weight + bias)), {"x": dx, "weight": np.sum(G * n, axis=0), "bias": G.sum(axis=0)}


class Attention(Workload):
    """Causal attention softmax(q kᵀ / √E) v, for q, k, v (4 examples, 4 heads, 128 places, E = 32)."""

    dtype = "float32"
    update = "none"
    shape = (4, 4, 128, 32)

    def __str__(self) -> str:
        return f"attention, {self.shape}, {self.dtype}"

    def data(self) -> tuple[Params, tuple[Array, ...]]:
        q, k, v, G = np.random.default_rng(0).normal(size=(4, *self.shape)).astype(self.dtype)
        return {"q": q, "k": k, "v": v}, (G,)

    def hand_written(self) -> Step:
        return attention_by_hand

    def tinygrad_lite(self) -> Cost:
        from tinygrad_lite.nn.functional import scaled_dot_product_attention

        def cost(params: Params, G: Array) -> Any:
            return np.sum(G * scaled_dot_product_attention(params["q"], params["k"], params["v"], is_causal=True))

        return cost

    def torch(self) -> Cost:
        from torch.nn.functional import scaled_dot_product_attention

        def cost(params: Any, G: Any) -> Any:
            return (G * scaled_dot_product_attention(params["q"], params["k"], params["v"], is_causal=True)).sum()

        return cost

    def jax(self) -> Cost:
        import jax.numpy

        return partial(attention_cost, jax.numpy)

    def autograd(self) -> Cost:
        import autograd.numpy

        return partial(attention_cost, autograd.numpy)

    def mygrad(self) -> Cost:
        import mygrad

        return partial(attention_cost, mygrad)


def later(n: int) -> Array:
    """-inf where a place (row) must not look at a later one (column), else 0. (n, n)"""
    return np.triu(np.full((n, n), -np.inf, np.float32), 1)


def attention_cost(xp: Any, params: Any, G: Any) -> Any:
    """In a library that has NumPy's functions."""
    q, k, v = params["q"], params["k"], params["v"]
    scores = xp.matmul(q, xp.swapaxes(k, -1, -2)) * (1 / math.sqrt(q.shape[-1])) + later(q.shape[-2])
    e = xp.exp(scores - xp.max(scores, axis=-1, keepdims=True))
    return xp.sum(G * xp.matmul(e / xp.sum(e, axis=-1, keepdims=True), v))


def attention_by_hand(params: Params, G: Array) -> tuple[Any, Params]:
    """dS = P · (dP - sum(dP · P)), for P = softmax(S), S = q kᵀ / √E."""
    q, k, v = params["q"], params["k"], params["v"]
    scale = 1 / math.sqrt(q.shape[-1])
    P = q @ k.swapaxes(-1, -2)
    P *= scale
    P += later(q.shape[-2])
    P -= P.max(axis=-1, keepdims=True)
    np.exp(P, out=P)
    P /= P.sum(axis=-1, keepdims=True)
    dv = P.swapaxes(-1, -2) @ G
    dS = G @ v.swapaxes(-1, -2)
    dS -= np.sum(dS * P, axis=-1, keepdims=True)
    dS *= P
    dS *= scale
    return np.sum(G * (P @ v)), {"q": dS @ k, "k": dS.swapaxes(-1, -2) @ q, "v": dv}
