"""Products of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import Array, bilinear, implements, row
from .elementwise import multiply


def _transposed(m: Array) -> Array:
    """The matrix, or every matrix of a stack, transposed."""
    return m.T if m.ndim == 2 else np.swapaxes(m, -1, -2)


def _left_vjp(g: Array, y: Array, a: Array, b: Array) -> Array:
    if b.ndim == 1:
        return g[..., None] * b
    if a.ndim == 1:
        return (b @ g[..., None])[..., 0]
    return g @ _transposed(b)


def _right_vjp(g: Array, y: Array, a: Array, b: Array) -> Array:
    if a.ndim == 1:
        return a * g if b.ndim == 1 else a[:, None] * g[..., None, :]
    if b.ndim == 1:
        return (_transposed(a) @ g[..., None])[..., 0]
    return _transposed(a) @ g


def _explain(a: Any, b: Any) -> str:
    """Which sizes of a product of matrices do not fit."""
    if not np.ndim(a) or not np.ndim(b):
        return "a number has no matrix product; use *"
    inner_a, inner_b = np.shape(a)[-1], np.shape(b)[max(np.ndim(b) - 2, 0)]
    if inner_a != inner_b:
        return f"inner sizes {inner_a} and {inner_b} differ"
    return f"the stacks {np.shape(a)[:-2]} and {np.shape(b)[:-2]} do not broadcast"


matmul = row(bilinear(np.matmul, _left_vjp, _right_vjp, explain=_explain))


@implements(np.dot)
def dot(a: Any, b: Any) -> Any:
    """NumPy's dot: matmul up to two dimensions; beyond, a sum over a's last axis and b's last but one."""
    dims = np.ndim(a), np.ndim(b)
    if 0 in dims:
        return multiply.call(a, b)
    if max(dims) <= 2:
        return matmul.call(a, b)
    if dims[1] == 1:
        return matmul.call(a, b)
    rest_b = b.shape[:-2] + b.shape[-1:]
    product = np.reshape(a, (-1, a.shape[-1])) @ np.reshape(np.moveaxis(b, -2, 0), (b.shape[-2], -1))
    return np.reshape(product, a.shape[:-1] + rest_b)
