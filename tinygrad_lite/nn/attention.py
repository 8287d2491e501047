"""Multi-head attention (Vaswani et al., 2017)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..alike import make_alike
from ..messages import refuse_list
from . import functional as F
from .initialise import generator, positive, xavier_uniform
from .linear import Linear
from .module import Module


class MultiheadAttention(Module):
    """Attention in num_heads parts of embed_dim; returns (output, weights averaged over heads, or None).

    query: (L, N, E), key and value: (S, N, E); with batch_first (N, L, E); without a batch (L, E). Masks are PyTorch's:
    booleans are True where it is not allowed to look, numbers are added to the scores. key_padding_mask: (N, S).
    attn_mask: (L, S) or (N · num_heads, L, S). in_proj_weight starts as Xavier's uniform, biases (if bias) at 0.
    dropout: of the weights, in training. rng: draws the start, and what is dropped.

    >>> import numpy as np, tinygrad_lite as tg
    >>> x = np.zeros((2, 5, 8))
    >>> y, weights = tg.nn.MultiheadAttention(8, num_heads=2, batch_first=True)(x, x, x)
    >>> y.shape, weights.shape
    ((2, 5, 8), (2, 5, 5))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        batch_first: bool = False,
        dtype: Any = None,
        *,
        rng: Any = None,
    ) -> None:
        positive("MultiheadAttention", embed_dim=embed_dim, num_heads=num_heads)
        F.check_probability("MultiheadAttention", dropout)
        if embed_dim % num_heads:
            raise ValueError(f"MultiheadAttention: embed_dim={embed_dim} is not divisible by num_heads={num_heads}")
        self.embed_dim, self.num_heads, self.dropout, self.batch_first = embed_dim, num_heads, dropout, batch_first
        self.rng = generator(rng)
        self.in_proj_weight: Any = xavier_uniform(self.rng, (3 * embed_dim, embed_dim), dtype)
        self.in_proj_bias: Any = np.zeros(3 * embed_dim, dtype) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias, dtype, rng=self.rng)
        if bias:
            self.out_proj.bias = np.zeros(embed_dim, dtype)

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> Any:
        inputs = query, key, value
        for x in (*inputs, key_padding_mask, attn_mask):
            refuse_list("MultiheadAttention", x)
        if any(x.ndim != query.ndim or x.ndim not in (2, 3) or x.shape[-1] != self.embed_dim for x in inputs):
            raise ValueError(
                f"MultiheadAttention: query {query.shape}, key {key.shape} and value {value.shape} must end in "
                f"embed_dim={self.embed_dim}, and all have 3 axes, or 2 without a batch"
            )
        alone = query.ndim == 2
        if alone:
            inputs = tuple(x[None] for x in inputs)
            key_padding_mask = None if key_padding_mask is None else key_padding_mask[None]
        elif not self.batch_first:
            inputs = tuple(np.swapaxes(x, 0, 1) for x in inputs)
        q, k, v = (self._project(x, i) for i, x in enumerate(inputs))  # (N, heads, L, E / heads)
        scores = np.matmul(q, np.swapaxes(k, -1, -2)) * (1 / math.sqrt(q.shape[-1]))
        weights = self._weights(scores, key_padding_mask, attn_mask, is_causal)
        dropped = F.dropout(weights, self.dropout, self.training, rng=self.rng)
        count, _, length, _ = scores.shape
        y = np.reshape(np.swapaxes(np.matmul(dropped, v), 1, 2), (count, length, self.embed_dim))
        y = self.out_proj(y)
        shown = np.mean(dropped, axis=1) if average_attn_weights else dropped
        if alone:
            y, shown = y[0], shown[0]
        elif not self.batch_first:
            y = np.swapaxes(y, 0, 1)
        return y, shown if need_weights else None

    def _project(self, x: Any, i: int) -> Any:
        """Query, key or value (N, L, E) as heads (N, heads, L, E / heads)."""
        rows = slice(i * self.embed_dim, (i + 1) * self.embed_dim)
        z = F.linear(x, self.in_proj_weight[rows], None if self.in_proj_bias is None else self.in_proj_bias[rows])
        heads = np.reshape(z, (*z.shape[:2], self.num_heads, self.embed_dim // self.num_heads))
        return np.swapaxes(heads, 1, 2)

    def _weights(self, scores: Any, key_padding_mask: Any, attn_mask: Any, is_causal: bool) -> Any:
        """softmax of the scores, with both masks."""
        count, heads, length, keys = scores.shape
        allowed: Any = None
        if is_causal:
            if attn_mask is not None:
                raise ValueError("MultiheadAttention: give attn_mask or is_causal, not both")
            allowed = make_alike(np.tri(length, keys, dtype=bool), scores)
        masks = []
        if attn_mask is not None:
            if attn_mask.shape not in ((length, keys), (count * heads, length, keys)):
                raise ValueError(
                    f"MultiheadAttention: attn_mask {attn_mask.shape} must be {(length, keys)} or "
                    f"{(count * heads, length, keys)}"
                )
            masks.append(attn_mask if attn_mask.ndim == 2 else np.reshape(attn_mask, scores.shape))
        if key_padding_mask is not None:
            if key_padding_mask.shape != (count, keys):
                raise ValueError(f"MultiheadAttention: key_padding_mask {key_padding_mask.shape} must be {count, keys}")
            masks.append(np.reshape(key_padding_mask, (count, 1, 1, keys)))
        for mask in masks:
            F.check_mask("MultiheadAttention: a mask", mask)
            if mask.dtype.kind == "b":
                allowed = ~mask if allowed is None else allowed & ~mask
            else:
                scores = scores + mask
        return F.attention_weights(scores, allowed)

    def extra_repr(self) -> str:
        return f"{self.embed_dim}, num_heads={self.num_heads}"
