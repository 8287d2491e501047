"""Norms of vectors and matrices, in every order NumPy has.

At 0 a norm has a kink; the gradient there is taken as 0, a subgradient.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..axes import reduced_axes
from ..batching import reduction
from ..op import Array, custom_vjp
from ..table import implements, row
from .decompositions import svdvals
from .linalg import inv
from .matrices import examples_of, rectangular_matrix, square_matrix
from .products import conjugate_complex
from .reductions import keep_axes


def _euclidean_norm(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    if isinstance(axis, tuple) and len(axis) not in (1, 2):  # of all entries of each example, inside tg.vmap
        return np.linalg.vector_norm(x, axis=axis, keepdims=keepdims)
    return np.linalg.norm(x, axis=axis, keepdims=keepdims)


def _euclidean_norm_vjp(g: Array, y: Array, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    none = y == 0
    return conjugate_complex(x) * keep_axes(np.where(none, 0, g / np.where(none, 1, y)), axis, keepdims)


def _p_norm(x: Any, ord: float, axis: int, keepdims: bool = False) -> Any:
    return np.linalg.norm(x, ord, axis, keepdims)


def _p_norm_vjp(g: Array, y: Array, x: Array, ord: float, axis: int, keepdims: bool = False) -> Array:
    """sign(x) (|x| / y)ᵖ⁻¹, and 0 where x is 0, as for the absolute value."""
    g, y = keep_axes(g, axis, keepdims), keep_axes(y, axis, keepdims)
    none = x == 0
    size = np.where(none, 1, np.abs(x))
    sign = conjugate_complex(x) / size if x.dtype.kind == "c" else np.sign(x)
    return g * np.where(none, 0, sign * (size / np.where(y == 0, 1, y)) ** (ord - 1))


def _vectors(*calls: dict[str, Any]) -> Any:
    return lambda rng: [((rng.normal(size=(3, 4)),), keywords) for keywords in calls]


euclidean_norm = row(
    custom_vjp(
        _euclidean_norm,
        _euclidean_norm_vjp,
        batch=reduction,
        examples=_vectors({}, {"axis": 1}, {"axis": (0, 1), "keepdims": True}),
    )
)
p_norm = row(
    custom_vjp(
        _p_norm,
        _p_norm_vjp,
        batch=reduction,
        examples=_vectors({"ord": 3, "axis": 0}, {"ord": -1.5, "axis": 1, "keepdims": True}),
    )
)


@implements(
    np.linalg.norm,
    examples=lambda rng: [
        ((rectangular_matrix(rng, 3, 2),), {"ord": ord, "axis": axis, "keepdims": ord == 2})
        for ord, axis in (
            *((None, None), (None, 0), (None, (0, 1)), ("fro", None), ("nuc", None), (2, None), (-2, None), (1, None)),
            *((-1, None), (np.inf, None), (-np.inf, None), (1, 0), (2, 1), (np.inf, 1), (-np.inf, 0), (3, 1), (0.5, 0)),
        )
    ],
)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Every norm of vectors and matrices that NumPy has."""
    x = _as_inexact(x)
    if axis is None and (ord is None or (ord == "fro" and x.ndim == 2)):
        return euclidean_norm.call(x, axis=None, keepdims=keepdims)
    axes = reduced_axes(axis, x.ndim)
    if len(axes) == 1:
        return _vector_norm(x, ord, axes[0], keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, ord, axes, keepdims)
    raise ValueError(f"norm(ord={ord!r}): needs one axis (vectors) or two (matrices), not axis={axis!r} of {x.shape}")


def _as_inexact(x: Any) -> Any:
    """Whole numbers as floats: the sum of their absolute values may not be one of them."""
    return x if x.dtype.kind in "fc" else np.astype(x, np.float64)


def _vector_norm(x: Any, ord: Any, axis: int, keepdims: bool) -> Any:
    if ord is None or ord == 2:
        return euclidean_norm.call(x, axis=axis, keepdims=keepdims)
    if isinstance(ord, str):
        raise ValueError(f"norm: ord={ord!r} is a norm of matrices, and axis={axis} says vectors")
    if ord == np.inf:
        return _largest(np.abs(x), axis, keepdims)
    if ord == -np.inf:
        return np.min(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == 0:
        return np.sum((x != 0).astype(np.real(x).dtype), axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    return p_norm.call(x, ord=ord, axis=axis, keepdims=keepdims)


def _largest(x: Any, axis: Any, keepdims: bool = False) -> Any:
    """The largest of numbers that are not negative: of none, 0."""
    if x.size:
        return np.max(x, axis=axis, keepdims=keepdims)
    return np.max(x, axis=axis, keepdims=keepdims, initial=0)


def _matrix_norm(x: Any, ord: Any, axes: Sequence[int], keepdims: bool) -> Any:
    rows, columns = axes
    if rows == columns:
        raise ValueError(f"norm: the two axes of a matrix must differ, not {rows} and {columns}")
    if ord in (None, "fro", "f"):
        return euclidean_norm.call(x, axis=(rows, columns), keepdims=keepdims)
    if ord in (2, -2, "nuc"):
        s = svdvals.call(np.moveaxis(x, (rows, columns), (-2, -1)))
        y = np.sum(s, axis=-1) if ord == "nuc" else _largest(s, -1) if ord == 2 else np.min(s, axis=-1)
    elif ord in (1, -1, np.inf, -np.inf):
        summed, other = (rows, columns) if ord in (1, -1) else (columns, rows)
        sums = np.sum(np.abs(x), axis=summed)
        y = (_largest if ord > 0 else np.min)(sums, axis=other - (other > summed))
    else:
        raise ValueError(f"norm: ord={ord!r} is not a norm of matrices; there are 1, -1, 2, -2, inf, -inf, fro, nuc")
    return np.expand_dims(y, (rows, columns)) if keepdims else y


@implements(
    np.linalg.matrix_norm,
    examples=examples_of(
        rectangular_matrix, ((3, 2), {}), ((2, 3, 2), {"ord": 2}), ((3, 2), {"ord": "nuc", "keepdims": True})
    ),
)
def matrix_norm(x: Any, keepdims: bool = False, ord: Any = "fro") -> Any:
    """The norm of a matrix, or of each of a stack."""
    return _matrix_norm(_as_inexact(x), ord, (x.ndim - 2, x.ndim - 1), keepdims)


@implements(
    np.linalg.vector_norm,
    examples=_vectors({}, {"axis": 0, "ord": 1}, {"axis": (0, 1), "ord": 3}, {"axis": 1, "keepdims": True}),
)
def vector_norm(x: Any, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """The norm of the vectors along one axis, or of all entries along several, or of all."""
    x = _as_inexact(x)
    axes = reduced_axes(axis, x.ndim)
    others = [i for i in range(x.ndim) if i not in axes]
    length = math.prod(x.shape[i] for i in axes)
    flat = np.reshape(np.transpose(x, [*axes, *others]), (length, *(x.shape[i] for i in others)))
    y = _vector_norm(flat, ord, 0, False)
    return np.expand_dims(y, axes) if keepdims else y


@implements(
    np.linalg.cond, examples=examples_of(square_matrix, ((), {}), ((2,), {"p": -2}), ((), {"p": 1}), ((), {"p": "fro"}))
)
def cond(x: Any, p: Any = None) -> Any:
    """The condition number. (LinAlgError where it is infinite, except for p None, 2 and -2.)"""
    if p in (None, 2, -2):
        s = svdvals.call(x)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return norm(x, p, axis=(-2, -1)) * norm(inv.call(x), p, axis=(-2, -1))
