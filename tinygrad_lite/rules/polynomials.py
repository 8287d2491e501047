"""NumPy's polynomial functions: coefficients with the highest power first."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..alike import make_alike
from ..table import implements
from .shaping import as_array


def _two(rng: np.random.Generator) -> Any:
    return [((rng.normal(size=2), rng.normal(size=4)), {}), ((rng.normal(size=3), rng.normal(size=3)), {})]


@implements(
    np.polyval, examples=lambda rng: [((rng.normal(size=4), rng.normal(size=shape)), {}) for shape in ((2, 3), ())]
)
def polyval(p: Any, x: Any) -> Any:
    """Horner's scheme."""
    p = as_array(p)  # a list's numbers would not widen float32, as NumPy's do
    y: Any = np.zeros_like(x)
    for i in range(np.shape(p)[0]):
        y = y * x + p[i]
    return y


def _pad_to_one_length(a1: Any, a2: Any) -> tuple[Any, Any]:
    """Both with as many coefficients as the longer one."""
    a1, a2 = np.atleast_1d(a1), np.atleast_1d(a2)
    n = max(a1.shape[0], a2.shape[0])
    zeros = (make_alike(np.zeros(n - a.shape[0], a.dtype), a) for a in (a1, a2))
    a1, a2 = (np.concatenate((z, a)) if z.size else a for z, a in zip(zeros, (a1, a2), strict=True))
    return a1, a2


@implements(np.polyadd, examples=_two)
def polyadd(a1: Any, a2: Any) -> Any:
    one, two = _pad_to_one_length(a1, a2)
    return one + two


@implements(np.polysub, examples=_two)
def polysub(a1: Any, a2: Any) -> Any:
    one, two = _pad_to_one_length(a1, a2)
    return one - two


@implements(np.polymul, examples=_two)
def polymul(a1: Any, a2: Any) -> Any:
    """The coefficients of the product; leading zeros count, since they have derivatives, too."""
    a1, a2 = (a if a.shape[0] else make_alike(np.zeros(1, a.dtype), a) for a in (np.atleast_1d(a1), np.atleast_1d(a2)))
    return np.convolve(a1, a2)


@implements(np.polyder, examples=lambda rng: [((rng.normal(size=4),), {"m": m}) for m in (0, 1, 2)])
def polyder(p: Any, m: int = 1) -> Any:
    if m < 0:
        raise ValueError(f"polyder: m={m}; it cannot be negative (np.polyint integrates)")
    for _ in range(m):
        p = p[:-1] * make_alike(np.arange(p.shape[0] - 1, 0, -1), p)
    return p


@implements(
    np.polyint,
    examples=lambda rng: [((rng.normal(size=4),), {"m": 2}), ((rng.normal(size=4), 1, rng.normal(size=1)), {})],
)
def polyint(p: Any, m: int = 1, k: Any = None) -> Any:
    """k: the constants of integration, one or m of them."""
    if m < 0:
        raise ValueError(f"polyint: m={m}; it cannot be negative (np.polyder differentiates)")
    constants = make_alike(np.zeros(m), p) if k is None else np.broadcast_to(np.atleast_1d(k), (m,))
    for i in range(m):
        p = np.concatenate((p / make_alike(np.arange(p.shape[0], 0, -1), p), constants[i : i + 1]))
    return p


@implements(np.poly, examples=lambda rng: [((rng.normal(size=3),), {})])
def poly(seq_of_zeros: Any) -> Any:
    """The coefficients of the polynomial with these zeros."""
    if seq_of_zeros.ndim != 1:
        raise TypeError("poly of a Tensor takes the zeros in one dimension; for a matrix, give np.linalg.eigvals of it")
    seq_of_zeros = np.astype(
        seq_of_zeros, np.mintypecode(seq_of_zeros.dtype.char)
    )  # half precision, too, becomes double
    one = make_alike(np.ones((), seq_of_zeros.dtype), seq_of_zeros)
    coefficients: Any = np.reshape(one, (1,))
    for i in range(seq_of_zeros.shape[0]):
        zero = seq_of_zeros[i]
        coefficients = np.convolve(coefficients, np.stack([one, -zero]))
    return coefficients


@implements(
    np.polydiv,
    examples=lambda rng: [
        ((rng.normal(size=5), rng.uniform(1, 2, 3)), {}),
        ((rng.normal(size=2), rng.normal(size=3)), {}),
    ],
)
def polydiv(u: Any, v: Any) -> Any:
    """Quotient and remainder, which has one coefficient less than v, also where the first of them are 0."""
    u, v = np.atleast_1d(u) + 0.0, np.atleast_1d(v) + 0.0
    n, m = u.shape[0], v.shape[0]
    if not (n and m):
        raise ValueError(f"polydiv: the operands have {n} and {m} coefficients; each needs one at least")
    dtype = np.result_type(u.dtype, v.dtype)
    u, v = (x if x.dtype == dtype else x.astype(dtype) for x in (u, v))
    if n < m:
        return make_alike(np.zeros(1, dtype), u), u
    quotient = []
    scale = 1.0 / v[0]
    for _ in range(n - m + 1):
        factor = scale * u[0]
        quotient.append(factor)
        rest = u[:m] - factor * v
        u = np.concatenate((rest[1:], u[m:]))
    return np.stack(quotient), u if m > 1 else rest


@implements(
    np.polyfit,
    examples=lambda rng: [
        ((np.array([-1.0, 0.2, 0.9, 2.0, 2.5]), rng.normal(size=shape)), {"deg": 2}) for shape in ((5,), (5, 2))
    ],
)
def polyfit(x: Any, y: Any, deg: int, *, w: Any = None) -> Any:
    """Least squares, the columns scaled to length 1 for the sake of accuracy, as NumPy does."""
    columns = np.vander(x, deg + 1)
    if w is not None:
        columns = columns * np.reshape(w, (-1, 1))
        y = y * np.reshape(w, (-1,) + (1,) * (np.ndim(y) - 1))
    lengths = np.sqrt(np.sum(columns * columns, axis=0))
    solution = np.linalg.lstsq(columns / lengths, y)[0]
    return (solution.T / lengths).T


@implements(np.roots, examples=lambda rng: [((np.array([1.0, -6.0, 11.0, -6.0]) + rng.uniform(0, 0.01, 4),), {})])
def roots(p: Any) -> Any:
    """The eigenvalues of the companion matrix; which coefficients at either end are 0, and whether all roots are real,
    is read from the numbers."""
    if p.ndim != 1:
        raise ValueError(f"roots: p has {p.ndim} dimensions, it needs one")
    p = p if p.dtype.kind in "fc" else np.astype(p, np.float64)
    kept = np.flatnonzero(p._read("np.roots(t)"))
    if not kept.size:
        return p[:0]
    zeros = p.shape[0] - 1 - int(kept[-1])
    p = p[int(kept[0]) : int(kept[-1]) + 1]
    n = p.shape[0] - 1
    if n == 0:
        return make_alike(np.zeros(zeros), p)
    below = make_alike(np.eye(n, dtype=p.dtype)[:-1], p)
    found: Any = np.linalg.eigvals(np.concatenate(((-p[1:] / p[0])[None], below), 0))
    if p.dtype.kind != "c" and not np.any(np.imag(found._read("np.roots(t)"))):
        found = np.real(found)  # np.linalg.eigvals gives complex numbers since NumPy 2.5
    return np.concatenate((found, make_alike(np.zeros(zeros), found))) if zeros else found
