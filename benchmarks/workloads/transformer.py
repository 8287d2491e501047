"""A small transformer over characters, trained by Adam.

Two blocks with normalisation before each part, four heads, GELU. Shapes: tokens and targets (8, 64), of 65 characters;
width 64. Cost: the mean cross-entropy of the next character.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .workload import Array, Cost, Params, Workload

EXAMPLES, LENGTH, WIDTH, HEADS, BLOCKS, CHARACTERS = 8, 64, 64, 4, 2, 65


class Transformer(Workload):
    dtype = "float32"
    update = "adam"
    rate = 1e-3

    def __str__(self) -> str:
        return f"transformer, {BLOCKS} blocks of {WIDTH}, Adam, m = {EXAMPLES} x {LENGTH}, {self.dtype}"

    def data(self) -> tuple[Params, tuple[Array, ...]]:
        rng = np.random.default_rng(0)
        shapes: dict[str, tuple[int, ...]] = {"characters": (CHARACTERS, WIDTH), "places": (LENGTH, WIDTH)}
        for i in range(BLOCKS):
            shapes |= {
                f"{i}.norm1": (2, WIDTH),
                f"{i}.qkv": (WIDTH, 3 * WIDTH),
                f"{i}.out": (WIDTH, WIDTH),
                f"{i}.norm2": (2, WIDTH),
                f"{i}.up": (WIDTH, 4 * WIDTH),
                f"{i}.up_bias": (4 * WIDTH,),
                f"{i}.down": (4 * WIDTH, WIDTH),
                f"{i}.down_bias": (WIDTH,),
            }
        shapes |= {"norm": (2, WIDTH), "head": (WIDTH, CHARACTERS)}
        params = {}
        for name, shape in shapes.items():
            value = rng.normal(size=shape) / (np.sqrt(shape[0]) if len(shape) == 2 else 10)
            if "norm" in name:
                value = 0.1 * value + np.array([[1.0], [0.0]])  # weight, bias
            params[name] = value.astype(self.dtype)
        text = rng.integers(0, CHARACTERS, (EXAMPLES, LENGTH + 1))
        return params, (np.ascontiguousarray(text[:, :-1]), np.ascontiguousarray(text[:, 1:]))

    def tinygrad_lite(self) -> Cost:
        from tinygrad_lite.nn import functional as F

        return _cost(Functions(F.layer_norm, F.scaled_dot_product_attention, F.gelu, F.cross_entropy))

    def torch(self) -> Cost:
        from torch.nn import functional as F

        def layer_norm(x: Any, width: int, weight: Any, bias: Any) -> Any:
            return F.layer_norm(x, (width,), weight, bias)

        return _cost(Functions(layer_norm, F.scaled_dot_product_attention, F.gelu, F.cross_entropy))

    def jax(self) -> Cost:
        import jax
        import jax.numpy as jnp

        def layer_norm(x: Any, width: int, weight: Any, bias: Any) -> Any:
            return jax.nn.standardize(x, epsilon=1e-5) * weight + bias

        def attention(q: Any, k: Any, v: Any, is_causal: bool) -> Any:
            q, k, v = (x.swapaxes(1, 2) for x in (q, k, v))
            return jax.nn.dot_product_attention(q, k, v, is_causal=is_causal).swapaxes(1, 2)

        def cross_entropy(logits: Any, targets: Any) -> Any:
            return -jnp.take_along_axis(jax.nn.log_softmax(logits), targets[:, None], axis=1).mean()

        def gelu(x: Any) -> Any:
            return jax.nn.gelu(x, approximate=False)

        return _cost(Functions(layer_norm, attention, gelu, cross_entropy))


@dataclass(frozen=True)
class Functions:
    """What libraries have ready, in PyTorch's forms."""

    layer_norm: Callable[..., Any]
    attention: Callable[..., Any]
    gelu: Callable[..., Any]
    cross_entropy: Callable[..., Any]


def _cost(F: Functions) -> Cost:
    """With the methods of arrays that all libraries have."""

    def normalise(x: Any, weight_and_bias: Any) -> Any:
        return F.layer_norm(x, WIDTH, weight_and_bias[0], weight_and_bias[1])

    def cost(params: Any, tokens: Any, targets: Any) -> Any:
        x = params["characters"][tokens] + params["places"]
        for i in range(BLOCKS):
            qkv = normalise(x, params[f"{i}.norm1"]) @ params[f"{i}.qkv"]
            parts = (qkv[:, :, n * WIDTH : (n + 1) * WIDTH] for n in range(3))
            q, k, v = (part.reshape(EXAMPLES, LENGTH, HEADS, -1).swapaxes(1, 2) for part in parts)
            seen = F.attention(q, k, v, is_causal=True).swapaxes(1, 2).reshape(EXAMPLES, LENGTH, WIDTH)
            x = x + seen @ params[f"{i}.out"]
            hidden = F.gelu(normalise(x, params[f"{i}.norm2"]) @ params[f"{i}.up"] + params[f"{i}.up_bias"])
            x = x + hidden @ params[f"{i}.down"] + params[f"{i}.down_bias"]
        logits = normalise(x, params["norm"]) @ params["head"]
        return F.cross_entropy(logits.reshape(-1, CHARACTERS), targets.reshape(-1))

    return cost
