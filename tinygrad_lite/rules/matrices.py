"""What the rules for matrices are written with, and matrices to test them on.

Everything works on one matrix and on stacks of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..alike import make_alike
from ..op import Array
from ..tensor import TRACED, Tensor
from .products import conjugate_complex, swap_last_axes

# -- examples --------------------------------------------------------------------------------------------------------


def square_matrix(rng: np.random.Generator, *stack: int, n: int = 3) -> Any:
    """Well-conditioned matrices."""
    return rng.normal(size=(*stack, n, n)) + 3 * np.eye(n)


def symmetric_matrix(rng: np.random.Generator, *stack: int, n: int = 3) -> Any:
    """Symmetric positive definite matrices with eigenvalues well apart."""
    q = np.linalg.qr(rng.normal(size=(*stack, n, n)))[0]
    return (q * (1 + np.arange(n) + rng.uniform(-0.2, 0.2, n))) @ np.swapaxes(q, -1, -2)


def rectangular_matrix(rng: np.random.Generator, *shape: int) -> Any:
    """Matrices with singular values well apart and away from 0."""
    m, n = shape[-2:]
    u, s, vh = np.linalg.svd(rng.normal(size=shape), full_matrices=False)
    return (u * (1 + np.arange(min(m, n)) + rng.uniform(-0.2, 0.2, s.shape))[..., None, :]) @ vh


def examples_of(make: Callable[..., Any], *calls: Any) -> Any:
    """Examples: one matrix (or stack) for each (arguments of make, keywords)."""
    return lambda rng: [((make(rng, *arguments),), dict(keywords)) for arguments, keywords in calls]


SQUARES = examples_of(square_matrix, ((), {}), ((2,), {}))
RECTANGLES = examples_of(rectangular_matrix, ((3, 2), {}), ((2, 3), {}), ((2, 3, 3), {}))


# -- helpers ---------------------------------------------------------------------------------------------------------


def adjoint(m: Array) -> Array:
    """The conjugate transpose."""
    return conjugate_complex(swap_last_axes(m))


def broadcast_stacks(a: Array, b: Array) -> tuple[Array, Array]:
    """Two stacks of matrices, as many of the one as of the other."""
    stack = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return np.broadcast_to(a, stack + a.shape[-2:]), np.broadcast_to(b, stack + b.shape[-2:])


def columns(v: Array) -> Array:
    """A vector per matrix, to multiply its columns."""
    return v[..., None, :]


def eye(m: Array) -> Any:
    return make_alike(np.eye(m.shape[-1], dtype=bool), m)


def diagonal_of(m: Array) -> Array:
    return np.sum(np.where(eye(m), m, 0), axis=-1)


def on_diagonal(v: Array) -> Array:
    return np.where(eye(v), v[..., None, :], 0)


def in_usual_convention(vjp: Callable[..., Any]) -> Callable[..., Any]:
    """A rule for the inner product Re tr(Gᴴ dA), made one for this library's Re tr(Gᵀ dA)."""

    def rule(g: Any, y: Any, x: Array, *args: Any, **keywords: Any) -> Array:
        conjugate = tuple(conjugate_complex(part) for part in g) if isinstance(g, tuple) else conjugate_complex(g)
        return conjugate_complex(vjp(conjugate, y, x, *args, **keywords))

    # The keywords that the op supports are read from the signature.
    rule.__wrapped__ = vjp  # type: ignore[attr-defined]
    return rule


def readable(x: Array) -> bool:
    """Whether the numbers can be looked at: not those of a trace."""
    return not (isinstance(x, Tensor) and x._flags & TRACED)
