"""numpy.linalg: inverses, solutions, determinants, powers. (Decompositions and norms have files of their own.)"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from .. import batching
from ..alike import make_alike
from ..batching import last_axes
from ..foreign import is_foreign
from ..op import Array, Op, constant, custom_vjp
from ..table import implements, row
from .decompositions import svdvals
from .matrices import (
    RECTANGLES,
    SQUARES,
    adjoint,
    broadcast_stacks,
    columns,
    examples_of,
    eye,
    in_usual_convention,
    readable,
    rectangular_matrix,
    square_matrix,
)
from .products import swap_last_axes
from .shaping import as_array

_SlogdetResult = type(np.linalg.slogdet(np.eye(1)))  # the very type that NumPy returns


# -- inverse and solution --------------------------------------------------------------------------------------------


def _inv_vjp(g: Array, y: Array, a: Array) -> Array:
    yt = swap_last_axes(y)
    return -(yt @ g @ yt)


inv = row(custom_vjp(np.linalg.inv, _inv_vjp, batch=last_axes(2), examples=SQUARES))


def _solve_b_vjp(g: Array, x: Array, a: Array, b: Array) -> Array:
    at = swap_last_axes(a)
    return solve.call(at, g[..., None])[..., 0] if b.ndim == 1 else solve.call(at, g)


def _solve_a_vjp(g: Array, x: Array, a: Array, b: Array) -> Array:
    gb = _solve_b_vjp(g, x, a, b)
    return -(gb[..., :, None] * x[..., None, :]) if b.ndim == 1 else -(gb @ swap_last_axes(x))


def _solve(a: Any, b: Any) -> Any:
    if b.ndim > 1 and is_foreign(b):  # not every library broadcasts them
        a, b = broadcast_stacks(a, b)
    return np.linalg.solve(a, b)


solve = row(
    custom_vjp(
        _solve,
        _solve_a_vjp,
        _solve_b_vjp,
        batch=batching.solve,
        examples=lambda rng: [
            ((square_matrix(rng), rng.normal(size=3)), {}),
            ((square_matrix(rng), rng.normal(size=(3, 2))), {}),
            ((square_matrix(rng, 2), rng.normal(size=3)), {}),
            ((square_matrix(rng, 2), rng.normal(size=(3, 4))), {}),
            ((square_matrix(rng), rng.normal(size=(2, 3, 4))), {}),
        ],
    ),
    np.linalg.solve,
)


@implements(np.linalg.tensorinv, examples=lambda rng: [((rng.normal(size=(2, 3, 3, 2)),), {})])
def tensorinv(a: Any, ind: int = 2) -> Any:
    """The inverse of a as a linear map from its last axes to its first ind."""
    if ind <= 0:
        raise ValueError("tensorinv: ind must be positive")
    shape = a.shape[ind:] + a.shape[:ind]
    return np.reshape(inv.call(np.reshape(a, (math.prod(a.shape[ind:]), -1))), shape)


@implements(
    np.linalg.tensorsolve,
    examples=lambda rng: [((rng.normal(size=(2, 3, 3, 2)), rng.normal(size=(2, 3))), {})],
)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Any:
    """x with tensordot(a, x, x.ndim) == b."""
    a = as_array(a)
    if axes is not None:
        a = np.transpose(a, [i for i in range(a.ndim) if i not in axes] + list(axes))
    shape = a.shape[np.ndim(b) :]
    return np.reshape(solve.call(np.reshape(a, (math.prod(np.shape(b)), math.prod(shape))), np.ravel(b)), shape)


# -- determinants ----------------------------------------------------------------------------------------------------
# d det(A) = tr(Cᵀ dA), C the cofactors. They are polynomials in the entries of A, and so exist where A is singular and
# det(A) A⁻ᵀ does not. From A = U diag(s) Vᴴ: C = det(U) det(Vᴴ) conj(U) diag(Πⱼ≠ᵢ sⱼ) conj(Vᴴ).


def _products_without(s: Any, also_each: bool) -> Any:
    """For every i the product of s[j], j != i; with also_each, for every pair i != k the one without both."""
    n = s.shape[-1]
    keep = make_alike(~np.eye(n, dtype=bool), s)
    if not also_each:
        return np.prod(np.where(keep, s[..., None, :], 1), axis=-1)
    pairs = keep[:, None, :] & keep[None, :, :]
    return np.where(keep, np.prod(np.where(pairs, s[..., None, None, :], 1), axis=-1), 0)


def _cofactors(a: Any) -> Any:
    u, s, vh = np.linalg.svd(a)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    return sign[..., None, None] * ((np.conj(u) * columns(_products_without(s, False))) @ np.conj(vh))


def _cofactors_derivative(e: Any, a: Any) -> Any:
    """The derivative of the cofactors of a along e. The map e -> result is its own transpose."""
    u, s, vh = np.linalg.svd(a)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    m = np.conj(np.swapaxes(u, -1, -2)) @ e @ np.conj(np.swapaxes(vh, -1, -2))
    pairs = _products_without(s, True)
    diagonal = np.sum(pairs * np.diagonal(m, axis1=-2, axis2=-1)[..., None, :], axis=-1)
    inner = np.where(eye(m), diagonal[..., None, :], -pairs * np.swapaxes(m, -1, -2))
    return sign[..., None, None] * (np.conj(u) @ inner @ np.conj(vh))


def _third_derivative(g: Array, y: Array, e: Array, a: Array) -> Array:
    """The gradient of <g, derivative of the cofactors along e> with respect to a, by way of B = A⁻ᵀ.

    The derivative along e is d (<B, e> B - B eᵀ B), d = det(A); and dB = -B dAᵀ B, dd = d <B, dA>.
    """
    b, d = swap_last_axes(np.linalg.inv(a)), np.linalg.det(a)[..., None, None]

    def inner(m: Array, n: Array) -> Array:
        return np.sum(m * n, axis=(-2, -1), keepdims=True)

    be, bg = b @ swap_last_axes(e), b @ swap_last_axes(g)
    along_e, along_g, both = inner(b, e), inner(b, g), inner(be, swap_last_axes(bg))
    return d * ((along_e * along_g - both) * b - along_g * (be @ b) - along_e * (bg @ b) + (be @ bg + bg @ be) @ b)


cofactors_derivative: Op = row(
    custom_vjp(
        _cofactors_derivative,
        lambda g, y, e, a: cofactors_derivative(g, a),
        _third_derivative,
        batch=last_axes(2, 2),
        examples=lambda rng: [((rng.normal(size=(3, 3)), square_matrix(rng)), {})],
    )
)
cofactors = row(
    custom_vjp(_cofactors, lambda g, y, a: cofactors_derivative(g, a), batch=last_axes(2), examples=SQUARES)
)
det = row(
    custom_vjp(
        np.linalg.det,
        lambda g, y, a: g[..., None, None] * cofactors(a),
        batch=last_axes(2),
        examples=lambda rng: [
            ((square_matrix(rng),), {}),
            ((square_matrix(rng, 2),), {}),
            ((np.outer([1.0, 2], [3.0, 4]),), {}),
        ],
    )
)


def _slogdet_vjp(gs: Any, ys: Any, a: Array) -> Array:
    g_sign, g_log = gs
    sign, _ = ys
    if sign.dtype.kind == "c":  # log det A = log|det A| + i arg, and d log det A = tr(A⁻¹ dA)
        g_log = g_log + np.imag(g_sign * sign) * 1j  # a number first: 1j * float64 is a Python complex
    return g_log[..., None, None] * swap_last_axes(np.linalg.inv(a))


_slogdet = row(custom_vjp(np.linalg.slogdet, _slogdet_vjp, batch=last_axes(2), outputs=2, examples=SQUARES))


@implements(np.linalg.slogdet, examples=SQUARES)
def slogdet(a: Any) -> Any:
    """The sign and the logarithm of the absolute value of the determinant. LinAlgError backwards if it is 0."""
    return _SlogdetResult(*_slogdet.call(a))


def _rank_each(op: Op, xs: Any, mapped: Any, params: dict[str, Any]) -> Any:
    """Of a vector NumPy says whether it is other than zero."""
    (x,) = xs
    return (
        last_axes(2)(op, xs, mapped, params)
        if x.ndim > 2
        else np.astype(np.any(x != 0, axis=tuple(range(1, x.ndim))), np.intp)
    )


matrix_rank = row(constant(np.linalg.matrix_rank, batch=_rank_each))


# -- pseudo-inverse and least squares --------------------------------------------------------------------------------


@in_usual_convention
def _pinv_vjp(g: Array, p: Array, a: Array, rcond: Any = None, rtol: Any = None) -> Array:
    """Golub and Pereyra 1973; among matrices of one rank (at a change of rank the pseudo-inverse jumps)."""
    ph, gh = adjoint(p), adjoint(g)
    if a.shape[-2] >= a.shape[-1]:  # in the order in which no product is larger than a
        ghp, pg = gh @ (p @ ph), p @ gh
        return ghp - a @ (p @ ghp) - ph @ (g @ ph) + ph @ (pg - (pg @ p) @ a)
    gp, phg = gh @ p, (ph @ p) @ gh
    return (gp - a @ (p @ gp) - ph @ g) @ ph + phg - (phg @ p) @ a


pinv = row(custom_vjp(np.linalg.pinv, _pinv_vjp, batch=last_axes(2), examples=RECTANGLES))


@implements(
    np.linalg.lstsq,
    examples=lambda rng: [
        ((rectangular_matrix(rng, 4, 2), rng.normal(size=4)), {}),
        ((rectangular_matrix(rng, 4, 2), rng.normal(size=(4, 3))), {}),
        ((rectangular_matrix(rng, 2, 4), rng.normal(size=2)), {}),
    ],
)
def lstsq(a: Any, b: Any, rcond: float | None = None) -> tuple[Any, Any, Any, Any]:
    """(x, residuals, rank, singular values): the x of least norm among those that minimise |b - a x|.

    Without full rank NumPy gives no residuals; in a trace, where the rank cannot be looked at, it is taken to be full.
    """
    a, b = as_array(a), as_array(b)
    dtype = np.result_type(*(x.dtype if x.dtype.kind in "fc" else np.float64 for x in (a, b)))
    a, b = (x if x.dtype == dtype else x.astype(dtype) for x in (a, b))
    if a.ndim != 2 or b.ndim not in (1, 2):
        raise LinAlgError(f"lstsq: {a.shape} and {b.shape} are not a matrix and the right sides, a vector or a matrix")
    m, n = a.shape
    if rcond is None:
        rcond = float(np.finfo(a.dtype).eps) * max(m, n)
    s = svdvals.call(a)
    rank = np.sum(s > rcond * s[0], dtype=np.int32) if s.size else np.int32(0)
    x = pinv.call(a, rcond=rcond) @ b
    if m > n and (not readable(s) or int(rank) == n):
        residuals = np.sum(np.square(np.abs(b - a @ x)), axis=0, keepdims=np.ndim(b) == 1)
    else:
        residuals = make_alike(np.zeros(0, s.dtype), s)
    return x, residuals, rank, s


# -- products of many, and facts about a matrix ----------------------------------------------------------------------


@implements(np.linalg.matrix_power, examples=examples_of(square_matrix, *(((), {"n": n}) for n in (3, 2, 1, 0, -2, 5))))
def matrix_power(a: Any, n: int) -> Any:
    """a multiplied by itself, by repeated squaring; the inverse's power for negative n."""
    n = operator.index(n)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise LinAlgError(f"matrix_power: needs a square matrix, or a stack of them, not shape {a.shape}")
    if n < 0:
        a, n = inv.call(a), -n
    if n == 0:
        return np.broadcast_to(make_alike(np.eye(a.shape[-1], dtype=a.dtype), a), a.shape)
    power = None
    while n:
        if n % 2:
            power = a if power is None else power @ a
        n //= 2
        a = a @ a if n else a
    return power


@implements(
    np.linalg.multi_dot,
    examples=lambda rng: [
        (([rng.normal(size=s) for s in shapes],), {})
        for shapes in (((2, 3), (3, 4), (4, 2)), ((3,), (3, 2), (2, 4), (4,)), ((5, 2), (2, 3), (3, 4), (4, 1)))
    ],
)
def multi_dot(arrays: Sequence[Any]) -> Any:
    """The product of several matrices, in the order that needs the fewest multiplications."""
    if len(arrays) < 2:
        raise ValueError("multi_dot: needs at least two matrices")
    for i, x in enumerate(arrays):
        if x.ndim != 2 and not (x.ndim == 1 and i in (0, len(arrays) - 1)):
            raise np.linalg.LinAlgError(
                f"multi_dot: array {i} has {x.ndim} axes; it must have two, or the first and the last one"
            )
    sizes = [1 if x.ndim == 1 and i == 0 else x.shape[0] for i, x in enumerate(arrays)]
    sizes.append(1 if arrays[-1].ndim == 1 else arrays[-1].shape[-1])
    # Cormen et al., "Introduction to Algorithms", section 15.2: the cheapest cost and split of every run of matrices.
    count = len(arrays)
    cost: dict[tuple[int, int], tuple[int, int]] = {(i, i): (0, i) for i in range(count)}
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            cost[i, j] = min(
                (cost[i, k][0] + cost[k + 1, j][0] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)
            )

    def product(i: int, j: int) -> Any:
        k = cost[i, j][1]
        return arrays[i] if i == j else np.dot(product(i, k), product(k + 1, j))

    return product(0, count - 1)


@implements(np.linalg.matrix_transpose, examples=examples_of(rectangular_matrix, ((3, 2), {}), ((2, 3, 4), {})))
def matrix_transpose(x: Any) -> Any:
    """Every matrix of a stack transposed."""
    if x.ndim < 2:
        raise ValueError(f"matrix_transpose: needs at least two dimensions, not shape {x.shape}")
    return np.swapaxes(x, -1, -2)


@implements(np.linalg.diagonal, examples=examples_of(square_matrix, ((), {}), ((2,), {"offset": 1})))
def diagonal(x: Any, offset: int = 0) -> Any:
    """The diagonal of every matrix of a stack."""
    return np.diagonal(x, offset, axis1=-2, axis2=-1)


@implements(np.linalg.trace, examples=examples_of(square_matrix, ((), {}), ((2,), {"offset": 1})))
def trace(x: Any, offset: int = 0, dtype: Any = None) -> Any:
    """The sum of the diagonal of every matrix of a stack."""
    return np.sum(np.diagonal(x, offset, axis1=-2, axis2=-1), axis=-1, dtype=dtype)
