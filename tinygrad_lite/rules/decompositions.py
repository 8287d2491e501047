"""numpy.linalg: decompositions. Formulas are written for one matrix and work on stacks.

These functions are not analytic, and so the literature's formulas are for the inner product Re tr(Gᴴ dA), which for
complex matrices is the conjugate of this library's convention: `in_usual_convention` conjugates on the way in and out.

Sources. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation" (2008).
Seeger, Hetzel, Dai, Meissner, Lawrence, "Auto-differentiating linear algebra", arXiv:1710.08717 (2017). Roberts,
Roberts, "QR and LQ decomposition matrix backpropagation algorithms", arXiv:2009.10071 (2020). Wan, Zhang, "Automatic
differentiation for complex valued SVD", arXiv:1909.02659 (2019).

Cholesky and eigh read one triangle of their operand, and so the gradient lies in that triangle: it is the derivative of
what NumPy computes. For a symmetric matrix made of parameters nothing changes; a symmetric gradient of the operand
itself is (G + G.T) / 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from ..alike import find_foreign
from ..batching import last_axes
from ..context import current
from ..op import Array, Op, custom_vjp
from ..table import implements, row
from ..tensor import GRAD, TRACED, Tensor
from .matrices import (
    RECTANGLES,
    adjoint,
    broadcast_stacks,
    columns,
    diagonal_of,
    examples_of,
    eye,
    in_usual_convention,
    on_diagonal,
    readable,
    rectangular_matrix,
    square_matrix,
    symmetric_matrix,
)
from .products import conjugate_complex, swap_last_axes

# The very types that NumPy returns.
_EighResult = type(np.linalg.eigh(np.eye(1)))
_EigResult = type(np.linalg.eig(np.eye(1)))
_QRResult = type(np.linalg.qr(np.eye(1)))
_SVDResult = type(np.linalg.svd(np.eye(1)))


def _fold(s: Array, lower: bool) -> Array:
    """The gradient S of a Hermitian matrix as one of the triangle that is read, each entry standing for two."""
    both = s + adjoint(s)
    return (np.tril(both, -1) if lower else np.triu(both, 1)) + np.where(eye(s), np.real(s), 0)


def _may_be_nonzero(g: Array) -> bool:
    """Whether a cotangent may be other than zero. (A recorded one stands for any: see Op.jvp's transposition.)"""
    if isinstance(g, Tensor):
        return bool(g._flags & (GRAD | TRACED)) or bool(np.any(g._array))
    return bool(np.any(g))


def _reciprocal_gaps(name: str, values: Array, what: str) -> Array:
    """1 / (values[j] - values[i]) in row i and column j, 0 on the diagonal.

    Vectors that belong to equal values can be turned within their space: they have no derivative. Then LinAlgError; in
    a trace, where the numbers cannot be looked at, NaN.
    """
    gaps = values[..., None, :] - values[..., :, None]
    if not values.shape[-1]:
        return gaps
    scale = np.max(np.abs(values), axis=-1)[..., None, None]
    close = np.less_equal(np.abs(gaps), 8 * np.finfo(values.dtype).eps * scale)
    close = np.logical_and(close, ~eye(gaps))
    if readable(close) and bool(np.any(close)):
        raise LinAlgError(
            f"{name}: two {what} are equal, and there the vectors that belong to them have no derivative; "
            f"the {what} alone have one"
        )
    return np.where(eye(gaps), 0, np.where(close, np.nan, 1) / np.where(np.logical_or(eye(gaps), close), 1, gaps))


# -- triangular systems ----------------------------------------------------------------------------------------------

_BLOCK = 32  # rows that are inverted at a time; the rest are products of matrices


def _solve_triangle(t: Any, b: Any, lower: bool = False) -> Any:
    """t⁻¹ b for a triangular t, block by block; what lies beyond the triangle is not looked at.

    NumPy's solve would factorise t anew: of 300 rows it takes twice as long.
    """
    if find_foreign(t, b) is not None:  # which solves it whole
        t, b = broadcast_stacks(t, b)
        return np.linalg.solve(np.tril(t) if lower else np.triu(t), b)
    n = t.shape[-1]
    stack = np.broadcast_shapes(t.shape[:-2], b.shape[:-2])
    x = np.array(np.broadcast_to(b, stack + b.shape[-2:]), np.result_type(t, b))
    for i in range(0, n, _BLOCK) if lower else reversed(range(0, n, _BLOCK)):
        own = slice(i, i + _BLOCK)
        done = slice(0, i) if lower else slice(i + _BLOCK, n)
        if i if lower else i + _BLOCK < n:
            x[..., own, :] -= t[..., own, done] @ x[..., done, :]
        triangle = np.tril(t[..., own, own]) if lower else np.triu(t[..., own, own])
        x[..., own, :] = np.linalg.inv(triangle) @ x[..., own, :]
    return x


def _solve_triangle_b_vjp(g: Array, x: Array, t: Array, b: Array, lower: bool = False) -> Array:
    return solve_triangle(swap_last_axes(t), g, lower=not lower)


def _solve_triangle_t_vjp(g: Array, x: Array, t: Array, b: Array, lower: bool = False) -> Array:
    full = _solve_triangle_b_vjp(g, x, t, b, lower) @ swap_last_axes(x)
    return -(np.tril(full) if lower else np.triu(full))


solve_triangle: Op = row(
    custom_vjp(
        _solve_triangle,
        _solve_triangle_t_vjp,
        _solve_triangle_b_vjp,
        name="solve_triangle",
        batch=last_axes(2),
        examples=lambda rng: [
            ((np.triu(square_matrix(rng)), rng.normal(size=(3, 2))), {}),
            ((np.tril(square_matrix(rng, 2)), rng.normal(size=(3, 4))), {"lower": True}),
            ((np.tril(square_matrix(rng)), rng.normal(size=(2, 3, 4))), {"lower": True}),
        ],
    )
)
"""t⁻¹ b for the upper or the lower triangle t of a matrix; shapes (..., n, n) and (..., n, k)."""


# -- cholesky and qr -------------------------------------------------------------------------------------------------


@in_usual_convention
def _cholesky_vjp(g: Array, y: Array, a: Array, upper: bool = False) -> Array:
    """Murray, "Differentiation of the Cholesky decomposition", arXiv:1602.07527 (2016), eq. 10."""
    lower, g = (adjoint(y), adjoint(g)) if upper else (y, g)
    p = np.tril(adjoint(lower) @ g)
    p = p - 0.5 * np.where(eye(p), p, 0)
    lh = adjoint(lower)
    # S = L⁻ᴴ P L⁻¹
    s = solve_triangle(lh, adjoint(solve_triangle(lh, adjoint(p))))
    return _fold(s, lower=not upper)


cholesky = row(
    custom_vjp(
        np.linalg.cholesky,
        _cholesky_vjp,
        batch=last_axes(2),
        examples=examples_of(symmetric_matrix, ((), {}), ((2,), {}), ((), {"upper": True})),
    )
)


def _qr_tall_vjp(gq: Array, gr: Array, q: Array, r: Array) -> Array:
    """For at least as many rows as columns: (Gq + Q symmetrised(R Grᴴ - Gqᴴ Q)) R⁻ᴴ."""
    m = r @ adjoint(gr) - adjoint(gq) @ q
    low = np.tril(m, -1)
    b = gq + q @ (low + adjoint(low) + np.where(eye(m), np.real(m), 0))
    return adjoint(solve_triangle(r, adjoint(b)))


@in_usual_convention
def _qr_vjp(g: Any, y: Any, a: Array) -> Array:
    (gq, gr), (q, r) = g, y
    m, n = a.shape[-2:]
    if m >= n:
        return _qr_tall_vjp(gq, gr, q, r)
    # A = [X Y], R = [U V]: X = Q U, and Y = Q V is linear in V.
    left = _qr_tall_vjp(gq + a[..., m:] @ adjoint(gr[..., m:]), gr[..., :m], q, r[..., :m])
    return np.concatenate([left, q @ gr[..., m:]], axis=-1)


_qr = row(custom_vjp(np.linalg.qr, _qr_vjp, batch=last_axes(2), outputs=2, examples=RECTANGLES))


@implements(
    np.linalg.qr,
    examples=examples_of(rectangular_matrix, ((3, 2), {}), ((2, 3), {"mode": "r"}), ((3, 3), {"mode": "complete"})),
)
def qr(a: Any, mode: str = "reduced") -> Any:
    """Q and R. Modes 'reduced' and 'r', and 'complete' where it is the same. LinAlgError backwards if R is singular."""
    if mode == "complete" and a.shape[-2] <= a.shape[-1]:
        mode = "reduced"
    if mode not in ("reduced", "r"):
        raise TypeError(
            f"qr(mode={mode!r}) is not supported on Tensors: the columns of a complete Q beyond the rank are arbitrary "
            "and have no derivative; use mode='reduced' or 'r'"
        )
    q, r = _qr.call(a)
    return r if mode == "r" else _QRResult(q, r)


# -- singular values -------------------------------------------------------------------------------------------------


def _thin_svd(a: Any) -> Any:
    return np.linalg.svd(a, full_matrices=False)


@in_usual_convention
def _svd_vjp(g: Any, y: Any, a: Array) -> Array:
    """Giles 2008, section 3.7; the complex case as in Wan and Zhang 2019, for functions that do not see the phases."""
    (gu, gs, gvh), (u, s, vh) = g, y
    if not (_may_be_nonzero(gu) or _may_be_nonzero(gvh)):
        return (u * columns(np.where(s == 0, 0, gs))) @ vh
    _check_positive(s)
    gv = adjoint(gvh)
    v = adjoint(vh)
    uu, vv = adjoint(u) @ gu, adjoint(v) @ gv
    if a.dtype.kind == "c":
        _check_phases("svd", np.imag(diagonal_of(uu + vv)), gu, gvh)
    gaps = _reciprocal_gaps("svd", np.square(s), "singular values")
    inner = ((uu - adjoint(uu)) * gaps) * columns(s) + s[..., :, None] * ((vv - adjoint(vv)) * gaps) + on_diagonal(gs)
    if a.dtype.kind == "c":
        inner = inner + on_diagonal(1j * np.imag(diagonal_of(uu)) / s)
    gx = u @ inner @ vh
    m, n = a.shape[-2:]
    if m > n:
        gx = gx + ((gu - u @ uu) / columns(s)) @ vh
    if m < n:
        gx = gx + (u / columns(s)) @ adjoint(gv - v @ vv)
    return gx


def _check_positive(s: Array) -> None:
    if readable(s) and s.size and bool(np.any(s <= 8 * np.finfo(s.dtype).eps * np.max(s))):
        raise LinAlgError(
            "svd: a singular value is 0, and there the singular vectors have no derivative; "
            "the singular values alone have one"
        )


def _largest_of(g: Array) -> float:
    return float(np.max(np.abs(g))) if g.size else 0.0


def _check_phases(name: str, seen: Array, *cotangents: Array) -> None:
    """Each vector of a complex decomposition may be multiplied by a number of modulus 1: results must not see that."""
    if isinstance(seen, Tensor):
        return
    scale = sum(_largest_of(g) for g in cotangents if not isinstance(g, Tensor))
    if _largest_of(seen) > 1e4 * np.finfo(seen.dtype).eps * scale:
        raise LinAlgError(
            f"{name}: the result depends on the phases of complex vectors, which are arbitrary, so it has no "
            "derivative; use a combination that does not, such as their absolute values or U @ diag(f(s)) @ Vh"
        )


_svd = row(custom_vjp(_thin_svd, _svd_vjp, batch=last_axes(2), outputs=3, name="svd", examples=RECTANGLES))


def _svdvals_vjp(g: Array, y: Array, a: Array) -> Array:
    """A singular value is an absolute value: at 0 its gradient is taken as 0."""
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return conjugate_complex((u * columns(np.where(s == 0, 0, g))) @ vh)


def _svdvals(a: Any) -> Any:
    return np.linalg.svd(a, compute_uv=False)  # what svdvals is in NumPy; not every library has both


svdvals = row(custom_vjp(_svdvals, _svdvals_vjp, batch=last_axes(2), examples=RECTANGLES), np.linalg.svdvals)


@implements(
    np.linalg.svd,
    examples=examples_of(
        rectangular_matrix,
        ((3, 2), {"full_matrices": False}),
        ((2, 3), {"full_matrices": False}),
        ((3, 3), {}),
        ((3, 2), {"compute_uv": False}),
    ),
)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False) -> Any:
    """U, s and Vh. The extra columns of full matrices are arbitrary and have no derivative: TypeError.

    LinAlgError backwards through U or Vh where singular values are equal or 0; s alone is always fine.
    """
    if hermitian:
        raise TypeError("svd(hermitian=True) is not supported on Tensors; use np.linalg.eigh")
    if not compute_uv:
        return svdvals.call(a)
    if full_matrices and a.shape[-2] != a.shape[-1]:
        raise TypeError(
            f"svd of shape {a.shape} with full_matrices=True: the extra singular vectors are arbitrary and have no "
            "derivative; say full_matrices=False"
        )
    return _SVDResult(*_svd.call(a))


# -- eigenvalues -----------------------------------------------------------------------------------------------------


@in_usual_convention
def _eigh_vjp(g: Any, y: Any, a: Array, UPLO: str = "L") -> Array:
    """Giles 2008, section 3.1: V (diag(gw) + (Vᴴ Gv) / (wⱼ - wᵢ)) Vᴴ."""
    (gw, gv), (w, v) = g, y
    inner = on_diagonal(gw)
    if _may_be_nonzero(gv):
        vg = adjoint(v) @ gv
        if a.dtype.kind == "c":
            _check_phases("eigh", np.imag(diagonal_of(vg)), gv)
        inner = inner + vg * _reciprocal_gaps("eigh", w, "eigenvalues")
    return _fold(v @ inner @ adjoint(v), lower=UPLO.upper() == "L")


SYMMETRIC = examples_of(symmetric_matrix, ((), {}), ((2,), {}), ((), {"UPLO": "U"}))
_eigh = row(custom_vjp(np.linalg.eigh, _eigh_vjp, batch=last_axes(2), outputs=2, examples=SYMMETRIC))


@implements(np.linalg.eigh, examples=SYMMETRIC)
def eigh(a: Any, UPLO: str = "L") -> Any:
    """Eigenvalues and eigenvectors of a symmetric (Hermitian) matrix.

    LinAlgError backwards through the vectors where eigenvalues are equal; the eigenvalues alone are always fine.
    """
    return _EighResult(*_eigh.call(a, UPLO=UPLO))


@in_usual_convention
def _eigvalsh_vjp(g: Array, y: Array, a: Array, UPLO: Any = "L") -> Array:
    v = np.linalg.eigh(a, UPLO=UPLO)[1]
    return _fold((v * columns(g)) @ adjoint(v), lower=UPLO.upper() == "L")


eigvalsh = row(custom_vjp(np.linalg.eigvalsh, _eigvalsh_vjp, batch=last_axes(2), examples=SYMMETRIC))


@in_usual_convention
def _eig_vjp(g: Any, y: Any, a: Array) -> Array:
    """V⁻ᴴ (diag(gw) + (VᴴGv - VᴴV diag(Re VᴴGv)) / conj(wⱼ - wᵢ)) Vᴴ, for vectors of length 1 (Boeddeker et al.,
    "On the computation of complex-valued gradients with application to statistically optimum beamforming",
    arXiv:1701.00392 (2017))."""
    (gw, gv), (w, v) = g, y
    if a.dtype.kind != "c" and readable(v) and not np.any(np.imag(v)):  # which are complex numbers since NumPy 2.5
        gw, gv, w, v = map(np.real, (gw, gv, w, v))
    vh = adjoint(v)
    inner = on_diagonal(gw)
    if _may_be_nonzero(gv):
        vg = vh @ gv
        if v.dtype.kind == "c":
            _check_phases("eig", np.imag(diagonal_of(vg)), gv)
        gaps = _reciprocal_gaps("eig", conjugate_complex(w), "eigenvalues")
        inner = inner + (vg - (vh @ v) * columns(np.real(diagonal_of(vg)))) * gaps
    return np.linalg.solve(vh, inner @ vh)


def _complex_in_programs(x: Any) -> Any:
    """NumPy (before 2.5) gives floats where all the numbers happen to be real. In a program they are complex numbers
    all the same, since those of the next matrix may be."""
    mode = current()
    return x.astype(np.result_type(x.dtype, 1j)) if mode is not None and mode.tracing else x


def _eigen(a: Array) -> tuple[Array, Array]:
    w, v = np.linalg.eig(a)
    return _complex_in_programs(w), _complex_in_programs(v)


def _eigenvalues(a: Array) -> Array:
    return _complex_in_programs(np.linalg.eigvals(a))


_eig = row(
    custom_vjp(
        _eigen,
        _eig_vjp,
        batch=last_axes(2),
        outputs=2,
        name="eig",
        examples=examples_of(symmetric_matrix, ((), {}), ((2,), {})),
    ),
    np.linalg.eig,
)


@implements(np.linalg.eig, examples=examples_of(symmetric_matrix, ((), {}), ((2,), {})))
def eig(a: Any) -> Any:
    """Eigenvalues and eigenvectors (of length 1) of a general matrix; complex where NumPy's are.

    LinAlgError backwards if the matrix has no basis of eigenvectors, or through the vectors where eigenvalues are
    equal or where the result depends on the vectors' phases.
    """
    return _EigResult(*_eig.call(a))


@in_usual_convention
def _eigvals_vjp(g: Array, y: Array, a: Array) -> Array:
    vh = adjoint(np.linalg.eig(a)[1])
    return np.linalg.solve(vh, g[..., :, None] * vh)


eigvals = row(
    custom_vjp(
        _eigenvalues,
        _eigvals_vjp,
        batch=last_axes(2),
        name="eigvals",
        examples=examples_of(symmetric_matrix, ((), {}), ((2,), {})),
    ),
    np.linalg.eigvals,
)
