"""numpy.linalg: solving, decompositions, norms.

Formulas are written for one matrix and work on stacks. `_h` is the conjugate transpose. Where the function is not
analytic (cholesky, qr, svd, eigh, pinv), the literature's formulas are for the inner product Re tr(Gᴴ dA), which for
complex matrices is the conjugate of this library's convention: `_in_usual_convention` conjugates on the way in and out.

Sources. Giles, "Collected matrix derivative results for forward and reverse mode algorithmic differentiation" (2008).
Seeger, Hetzel, Dai, Meissner, Lawrence, "Auto-differentiating linear algebra", arXiv:1710.08717 (2017). Golub, Pereyra,
"The differentiation of pseudo-inverses and nonlinear least squares problems" (1973). Roberts, Roberts, "QR and LQ
decomposition matrix backpropagation algorithms", arXiv:2009.10071 (2020). Wan, Zhang, "Automatic differentiation for
complex valued SVD", arXiv:1909.02659 (2019).

Cholesky and eigh read one triangle of their operand, and so the gradient lies in that triangle: it is the derivative of
what NumPy computes. For a symmetric matrix made of parameters nothing changes; a symmetric gradient of the operand
itself is (G + G.T) / 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from ..op import Array, Op, constant, custom_vjp, implements, row
from ..tensor import GRAD, TRACED, Tensor
from .products import conjugated, flattened_axes, transposed

# The very types that NumPy returns.
_EighResult = type(np.linalg.eigh(np.eye(1)))
_EigResult = type(np.linalg.eig(np.eye(1)))
_QRResult = type(np.linalg.qr(np.eye(1)))
_SVDResult = type(np.linalg.svd(np.eye(1)))
_SlogdetResult = type(np.linalg.slogdet(np.eye(1)))


# -- examples --------------------------------------------------------------------------------------------------------


def _square(rng: np.random.Generator, *stack: int, n: int = 3) -> Any:
    """Well-conditioned matrices."""
    return rng.normal(size=(*stack, n, n)) + 3 * np.eye(n)


def _symmetric(rng: np.random.Generator, *stack: int, n: int = 3) -> Any:
    """Symmetric positive definite matrices with eigenvalues well apart."""
    q = np.linalg.qr(rng.normal(size=(*stack, n, n)))[0]
    return (q * (1 + np.arange(n) + rng.uniform(-0.2, 0.2, n))) @ np.swapaxes(q, -1, -2)


def _rectangular(rng: np.random.Generator, *shape: int) -> Any:
    """Matrices with singular values well apart and away from 0."""
    m, n = shape[-2:]
    u, s, vh = np.linalg.svd(rng.normal(size=shape), full_matrices=False)
    return (u * (1 + np.arange(min(m, n)) + rng.uniform(-0.2, 0.2, s.shape))[..., None, :]) @ vh


def _on(make: Callable[..., Any], *calls: Any) -> Any:
    """Examples: one matrix (or stack) for each (arguments of make, keywords)."""
    return lambda rng: [((make(rng, *arguments),), dict(keywords)) for arguments, keywords in calls]


_SQUARES = _on(_square, ((), {}), ((2,), {}))
_RECTANGLES = _on(_rectangular, ((3, 2), {}), ((2, 3), {}), ((2, 3, 3), {}))


# -- helpers ---------------------------------------------------------------------------------------------------------


def _h(m: Array) -> Array:
    """The conjugate transpose."""
    return conjugated(transposed(m))


def _columns(v: Array) -> Array:
    """A vector per matrix, to multiply its columns."""
    return v[..., None, :]


def _eye(m: Array) -> Any:
    return np.eye(m.shape[-1], dtype=bool)


def _diagonal(m: Array) -> Array:
    return np.sum(np.where(_eye(m), m, 0), axis=-1)


def _on_diagonal(v: Array) -> Array:
    return np.where(_eye(v), v[..., None, :], 0)


def _in_usual_convention(vjp: Callable[..., Any]) -> Callable[..., Any]:
    """A rule for the inner product Re tr(Gᴴ dA), made one for this library's Re tr(Gᵀ dA)."""

    def rule(g: Any, y: Any, x: Array, *args: Any, **keywords: Any) -> Array:
        conjugate = tuple(conjugated(part) for part in g) if isinstance(g, tuple) else conjugated(g)
        return conjugated(vjp(conjugate, y, x, *args, **keywords))

    # The keywords that the op supports are read from the signature.
    rule.__wrapped__ = vjp  # type: ignore[attr-defined]
    return rule


def _fold(s: Array, lower: bool) -> Array:
    """The gradient S of a Hermitian matrix as one of the triangle that is read, each entry standing for two."""
    both = s + _h(s)
    return (np.tril(both, -1) if lower else np.triu(both, 1)) + np.where(_eye(s), np.real(s), 0)


def _used(g: Array) -> bool:
    """Whether a cotangent may be other than zero. (A recorded one stands for any: see Op.jvp's transposition.)"""
    if type(g) is Tensor:
        return bool(g._flags & (GRAD | TRACED)) or bool(np.any(g._data))
    return bool(np.any(g))


def _readable(x: Array) -> bool:
    return not (type(x) is Tensor and x._flags & TRACED)


def _reciprocal_gaps(name: str, values: Array, what: str) -> Array:
    """1 / (values[j] - values[i]) in row i and column j, 0 on the diagonal.

    Vectors that belong to equal values can be turned within their space: they have no derivative. Then LinAlgError; in
    a trace, where the numbers cannot be looked at, NaN.
    """
    gaps = values[..., None, :] - values[..., :, None]
    scale = np.max(np.abs(values), axis=-1)[..., None, None]
    close = np.less_equal(np.abs(gaps), 8 * np.finfo(values.dtype).eps * scale)
    close = np.logical_and(close, ~_eye(gaps))
    if _readable(close) and bool(np.any(close)):
        raise LinAlgError(
            f"{name}: two {what} are equal, and there the vectors that belong to them have no derivative; "
            f"the {what} alone have one"
        )
    return np.where(_eye(gaps), 0, np.where(close, np.nan, 1) / np.where(np.logical_or(_eye(gaps), close), 1, gaps))


def _explain_square(a: Any, *rest: Any) -> str:
    shapes = " and ".join(str(np.shape(x)) for x in (a, *rest))
    if np.ndim(a) < 2 or np.shape(a)[-1] != np.shape(a)[-2]:
        return f"needs a square matrix, or a stack of them, not shape {np.shape(a)}"
    return f"shapes {shapes} do not fit" if rest else "singular, or not what this decomposition needs"


# -- inverse and solution --------------------------------------------------------------------------------------------


def _inv_vjp(g: Array, y: Array, a: Array) -> Array:
    yt = transposed(y)
    return -(yt @ g @ yt)


inv = row(custom_vjp(np.linalg.inv, _inv_vjp, examples=_SQUARES))


def _solve_b_vjp(g: Array, x: Array, a: Array, b: Array) -> Array:
    at = transposed(a)
    return np.linalg.solve(at, g[..., None])[..., 0] if b.ndim == 1 else np.linalg.solve(at, g)


def _solve_a_vjp(g: Array, x: Array, a: Array, b: Array) -> Array:
    gb = _solve_b_vjp(g, x, a, b)
    return -(gb[..., :, None] * x[..., None, :]) if b.ndim == 1 else -(gb @ transposed(x))


solve = row(
    custom_vjp(
        np.linalg.solve,
        _solve_a_vjp,
        _solve_b_vjp,
        examples=lambda rng: [
            ((_square(rng), rng.normal(size=3)), {}),
            ((_square(rng), rng.normal(size=(3, 2))), {}),
            ((_square(rng, 2), rng.normal(size=3)), {}),
            ((_square(rng, 2), rng.normal(size=(3, 4))), {}),
            ((_square(rng), rng.normal(size=(2, 3, 4))), {}),
        ],
    )
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
    if axes is not None:
        a = np.transpose(a, [i for i in range(a.ndim) if i not in axes] + list(axes))
    shape = a.shape[np.ndim(b) :]
    return np.reshape(solve.call(np.reshape(a, (-1, math.prod(shape))), np.ravel(b)), shape)


# -- determinants ----------------------------------------------------------------------------------------------------
# d det(A) = tr(Cᵀ dA), C the cofactors. They are polynomials in the entries of A, and so exist where A is singular and
# det(A) A⁻ᵀ does not. From A = U diag(s) Vᴴ: C = det(U) det(Vᴴ) conj(U) diag(Πⱼ≠ᵢ sⱼ) conj(Vᴴ).


def _products_without(s: Any, also_each: bool) -> Any:
    """For every i the product of s[j], j != i; with also_each, for every pair i != k the one without both."""
    n = s.shape[-1]
    keep = ~np.eye(n, dtype=bool)
    if not also_each:
        return np.prod(np.where(keep, s[..., None, :], 1), axis=-1)
    pairs = keep[:, None, :] & keep[None, :, :]
    return np.where(keep, np.prod(np.where(pairs, s[..., None, None, :], 1), axis=-1), 0)


def _cofactors(a: Any) -> Any:
    u, s, vh = np.linalg.svd(a)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    return sign[..., None, None] * ((np.conj(u) * _columns(_products_without(s, False))) @ np.conj(vh))


def _cofactors_derivative(e: Any, a: Any) -> Any:
    """The derivative of the cofactors of a along e. The map e -> result is its own transpose."""
    u, s, vh = np.linalg.svd(a)
    sign = np.linalg.det(u) * np.linalg.det(vh)
    m = np.conj(np.swapaxes(u, -1, -2)) @ e @ np.conj(np.swapaxes(vh, -1, -2))
    pairs = _products_without(s, True)
    diagonal = np.sum(pairs * np.diagonal(m, axis1=-2, axis2=-1)[..., None, :], axis=-1)
    inner = np.where(_eye(m), diagonal[..., None, :], -pairs * np.swapaxes(m, -1, -2))
    return sign[..., None, None] * (np.conj(u) @ inner @ np.conj(vh))


def _third_derivative(g: Array, y: Array, e: Array, a: Array) -> Array:
    """The gradient of <g, derivative of the cofactors along e> with respect to a, by way of B = A⁻ᵀ.

    The derivative along e is d (<B, e> B - B eᵀ B), d = det(A); and dB = -B dAᵀ B, dd = d <B, dA>.
    """
    b, d = transposed(np.linalg.inv(a)), np.linalg.det(a)[..., None, None]

    def inner(m: Array, n: Array) -> Array:
        return np.sum(m * n, axis=(-2, -1), keepdims=True)

    be, bg = b @ transposed(e), b @ transposed(g)
    along_e, along_g, both = inner(b, e), inner(b, g), inner(be, transposed(bg))
    return d * ((along_e * along_g - both) * b - along_g * (be @ b) - along_e * (bg @ b) + (be @ bg + bg @ be) @ b)


cofactors_derivative: Op = row(
    custom_vjp(
        _cofactors_derivative,
        lambda g, y, e, a: cofactors_derivative(g, a),
        _third_derivative,
        examples=lambda rng: [((rng.normal(size=(3, 3)), _square(rng)), {})],
    )
)
cofactors = row(custom_vjp(_cofactors, lambda g, y, a: cofactors_derivative(g, a), examples=_SQUARES))
det = row(
    custom_vjp(
        np.linalg.det,
        lambda g, y, a: g[..., None, None] * cofactors(a),
        examples=lambda rng: [((_square(rng),), {}), ((_square(rng, 2),), {}), ((np.outer([1.0, 2], [3.0, 4]),), {})],
        explain=_explain_square,
    )
)


def _slogdet_vjp(gs: Any, ys: Any, a: Array) -> Array:
    g_sign, g_log = gs
    sign, _ = ys
    if sign.dtype.kind == "c":  # log det A = log|det A| + i arg, and d log det A = tr(A⁻¹ dA)
        g_log = g_log + 1j * np.imag(g_sign * sign)
    return g_log[..., None, None] * transposed(np.linalg.inv(a))


_slogdet = row(custom_vjp(np.linalg.slogdet, _slogdet_vjp, outputs=2, examples=_SQUARES, explain=_explain_square))


@implements(np.linalg.slogdet, examples=_SQUARES)
def slogdet(a: Any) -> Any:
    """The sign and the logarithm of the absolute value of the determinant. LinAlgError backwards if it is 0."""
    return _SlogdetResult(*_slogdet.call(a))


# -- cholesky and qr -------------------------------------------------------------------------------------------------


@_in_usual_convention
def _cholesky_vjp(g: Array, y: Array, a: Array, upper: bool = False) -> Array:
    """Murray, "Differentiation of the Cholesky decomposition", arXiv:1602.07527 (2016), eq. 10."""
    lower, g = (_h(y), _h(g)) if upper else (y, g)
    p = np.tril(_h(lower) @ g)
    p = p - 0.5 * np.where(_eye(p), p, 0)
    lh = _h(lower)
    # S = L⁻ᴴ P L⁻¹
    s = np.linalg.solve(lh, _h(np.linalg.solve(lh, _h(p))))
    return _fold(s, lower=not upper)


cholesky = row(
    custom_vjp(
        np.linalg.cholesky,
        _cholesky_vjp,
        examples=_on(_symmetric, ((), {}), ((2,), {}), ((), {"upper": True})),
        explain=_explain_square,
    )
)


def _qr_tall_vjp(gq: Array, gr: Array, q: Array, r: Array) -> Array:
    """For at least as many rows as columns: (Gq + Q symmetrised(R Grᴴ - Gqᴴ Q)) R⁻ᴴ."""
    m = r @ _h(gr) - _h(gq) @ q
    low = np.tril(m, -1)
    b = gq + q @ (low + _h(low) + np.where(_eye(m), np.real(m), 0))
    return _h(np.linalg.solve(r, _h(b)))


@_in_usual_convention
def _qr_vjp(g: Any, y: Any, a: Array) -> Array:
    (gq, gr), (q, r) = g, y
    m, n = a.shape[-2:]
    if m >= n:
        return _qr_tall_vjp(gq, gr, q, r)
    # A = [X Y], R = [U V]: X = Q U, and Y = Q V is linear in V.
    left = _qr_tall_vjp(gq + a[..., m:] @ _h(gr[..., m:]), gr[..., :m], q, r[..., :m])
    return np.concatenate([left, q @ gr[..., m:]], axis=-1)


_qr = row(custom_vjp(np.linalg.qr, _qr_vjp, outputs=2, examples=_RECTANGLES))


@implements(
    np.linalg.qr, examples=_on(_rectangular, ((3, 2), {}), ((2, 3), {"mode": "r"}), ((3, 3), {"mode": "complete"}))
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


@_in_usual_convention
def _svd_vjp(g: Any, y: Any, a: Array) -> Array:
    """Giles 2008, section 3.7; the complex case as in Wan and Zhang 2019, for functions that do not see the phases."""
    (gu, gs, gvh), (u, s, vh) = g, y
    if not (_used(gu) or _used(gvh)):
        return (u * _columns(np.where(s == 0, 0, gs))) @ vh
    _check_positive(s)
    gv = _h(gvh)
    v = _h(vh)
    uu, vv = _h(u) @ gu, _h(v) @ gv
    if a.dtype.kind == "c":
        _check_phases("svd", np.imag(_diagonal(uu + vv)), gu, gvh)
    gaps = _reciprocal_gaps("svd", np.square(s), "singular values")
    inner = ((uu - _h(uu)) * gaps) * _columns(s) + s[..., :, None] * ((vv - _h(vv)) * gaps) + _on_diagonal(gs)
    if a.dtype.kind == "c":
        inner = inner + _on_diagonal(1j * np.imag(_diagonal(uu)) / s)
    gx = u @ inner @ vh
    m, n = a.shape[-2:]
    if m > n:
        gx = gx + ((gu - u @ uu) / _columns(s)) @ vh
    if m < n:
        gx = gx + (u / _columns(s)) @ _h(gv - v @ vv)
    return gx


def _check_positive(s: Array) -> None:
    if _readable(s) and s.size and bool(np.any(s <= 8 * np.finfo(s.dtype).eps * np.max(s))):
        raise LinAlgError(
            "svd: a singular value is 0, and there the singular vectors have no derivative; "
            "the singular values alone have one"
        )


def _check_phases(name: str, seen: Array, *cotangents: Array) -> None:
    """Each vector of a complex decomposition may be multiplied by a number of modulus 1: results must not see that."""
    if type(seen) is Tensor:
        return
    scale = sum(float(np.max(np.abs(g), initial=0)) for g in cotangents if type(g) is not Tensor)
    if float(np.max(np.abs(seen), initial=0)) > 1e4 * np.finfo(seen.dtype).eps * scale:
        raise LinAlgError(
            f"{name}: the result depends on the phases of complex vectors, which are arbitrary, so it has no "
            "derivative; use a combination that does not, such as their absolute values or U @ diag(f(s)) @ Vh"
        )


_svd = row(custom_vjp(_thin_svd, _svd_vjp, outputs=3, name="svd", examples=_RECTANGLES))


def _svdvals_vjp(g: Array, y: Array, a: Array) -> Array:
    """A singular value is an absolute value: at 0 its gradient is taken as 0."""
    u, s, vh = np.linalg.svd(a, full_matrices=False)
    return conjugated((u * _columns(np.where(s == 0, 0, g))) @ vh)


svdvals = row(custom_vjp(np.linalg.svdvals, _svdvals_vjp, selects=False, examples=_RECTANGLES))


@implements(
    np.linalg.svd,
    examples=_on(
        _rectangular,
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


def _explain_rank(a: Any) -> str:
    return f"needs a matrix, or a stack of them, not shape {np.shape(a)}"


matrix_rank = row(constant(np.linalg.matrix_rank, explain=_explain_rank))


# -- eigenvalues -----------------------------------------------------------------------------------------------------


@_in_usual_convention
def _eigh_vjp(g: Any, y: Any, a: Array, UPLO: str = "L") -> Array:
    """Giles 2008, section 3.1: V (diag(gw) + (Vᴴ Gv) / (wⱼ - wᵢ)) Vᴴ."""
    (gw, gv), (w, v) = g, y
    inner = _on_diagonal(gw)
    if _used(gv):
        vg = _h(v) @ gv
        if a.dtype.kind == "c":
            _check_phases("eigh", np.imag(_diagonal(vg)), gv)
        inner = inner + vg * _reciprocal_gaps("eigh", w, "eigenvalues")
    return _fold(v @ inner @ _h(v), lower=UPLO.upper() == "L")


_SYMMETRIC = _on(_symmetric, ((), {}), ((2,), {}), ((), {"UPLO": "U"}))
_eigh = row(custom_vjp(np.linalg.eigh, _eigh_vjp, outputs=2, examples=_SYMMETRIC, explain=_explain_square))


@implements(np.linalg.eigh, examples=_SYMMETRIC)
def eigh(a: Any, UPLO: str = "L") -> Any:
    """Eigenvalues and eigenvectors of a symmetric (Hermitian) matrix.

    LinAlgError backwards through the vectors where eigenvalues are equal; the eigenvalues alone are always fine.
    """
    return _EighResult(*_eigh.call(a, UPLO=UPLO))


@_in_usual_convention
def _eigvalsh_vjp(g: Array, y: Array, a: Array, UPLO: Any = "L") -> Array:
    v = np.linalg.eigh(a, UPLO=UPLO)[1]
    return _fold((v * _columns(g)) @ _h(v), lower=UPLO.upper() == "L")


eigvalsh = row(custom_vjp(np.linalg.eigvalsh, _eigvalsh_vjp, examples=_SYMMETRIC, explain=_explain_square))


@_in_usual_convention
def _eig_vjp(g: Any, y: Any, a: Array) -> Array:
    """V⁻ᴴ (diag(gw) + (VᴴGv - VᴴV diag(Re VᴴGv)) / conj(wⱼ - wᵢ)) Vᴴ, for vectors of length 1 (Boeddeker et al.,
    "On the computation of complex-valued gradients with application to statistically optimum beamforming",
    arXiv:1701.00392 (2017))."""
    (gw, gv), (w, v) = g, y
    vh = _h(v)
    inner = _on_diagonal(gw)
    if _used(gv):
        vg = vh @ gv
        if v.dtype.kind == "c":
            _check_phases("eig", np.imag(_diagonal(vg)), gv)
        gaps = _reciprocal_gaps("eig", conjugated(w), "eigenvalues")
        inner = inner + (vg - (vh @ v) * _columns(np.real(_diagonal(vg)))) * gaps
    return np.linalg.solve(vh, inner @ vh)


_eig = row(custom_vjp(np.linalg.eig, _eig_vjp, outputs=2, examples=_on(_symmetric, ((), {}), ((2,), {}))))


@implements(np.linalg.eig, examples=_on(_symmetric, ((), {}), ((2,), {})))
def eig(a: Any) -> Any:
    """Eigenvalues and eigenvectors (of length 1) of a general matrix; complex where NumPy's are.

    LinAlgError backwards if the matrix has no basis of eigenvectors, or through the vectors where eigenvalues are
    equal or where the result depends on the vectors' phases.
    """
    return _EigResult(*_eig.call(a))


@_in_usual_convention
def _eigvals_vjp(g: Array, y: Array, a: Array) -> Array:
    vh = _h(np.linalg.eig(a)[1])
    return np.linalg.solve(vh, g[..., :, None] * vh)


eigvals = row(custom_vjp(np.linalg.eigvals, _eigvals_vjp, examples=_on(_symmetric, ((), {}), ((2,), {}))))


# -- pseudo-inverse and least squares --------------------------------------------------------------------------------


@_in_usual_convention
def _pinv_vjp(g: Array, p: Array, a: Array, rcond: Any = None, rtol: Any = None) -> Array:
    """Golub and Pereyra 1973; among matrices of one rank (at a change of rank the pseudo-inverse jumps)."""
    ph, gh = _h(p), _h(g)
    gp, pg = gh @ p, p @ gh
    return (gp - a @ (p @ gp) - ph @ g) @ ph + ph @ (pg - (pg @ p) @ a)


pinv = row(custom_vjp(np.linalg.pinv, _pinv_vjp, examples=_RECTANGLES))


@implements(
    np.linalg.lstsq,
    examples=lambda rng: [
        ((_rectangular(rng, 4, 2), rng.normal(size=4)), {}),
        ((_rectangular(rng, 4, 2), rng.normal(size=(4, 3))), {}),
        ((_rectangular(rng, 2, 4), rng.normal(size=2)), {}),
    ],
)
def lstsq(a: Any, b: Any, rcond: float | None = None) -> tuple[Any, Any, Any, Any]:
    """(x, residuals, rank, singular values): the x of least norm among those that minimise |b - a x|."""
    m, n = a.shape
    if rcond is None:
        rcond = float(np.finfo(a.dtype).eps) * max(m, n)
    s = svdvals.call(a)
    rank = np.count_nonzero(s > rcond * s[0]) if s.size else 0
    x = pinv.call(a, rcond=rcond) @ b
    if m > n and int(rank) == n:
        residuals = np.sum(np.square(np.abs(b - a @ x)), axis=0, keepdims=np.ndim(b) == 1)
    else:
        residuals = np.zeros(0, s.dtype)
    return x, residuals, rank, s


# -- norms -----------------------------------------------------------------------------------------------------------
# At 0 a norm has a kink; the gradient there is taken as 0, a subgradient.


def _kept(reduced: Array, axis: Any, keepdims: bool) -> Array:
    """A reduced array with its reduced axes put back, of size 1."""
    return reduced if keepdims or axis is None else np.expand_dims(reduced, axis)


def _euclidean_norm(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    return np.linalg.norm(x, axis=axis, keepdims=keepdims)


def _euclidean_norm_vjp(g: Array, y: Array, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    none = y == 0
    return conjugated(x) * _kept(np.where(none, 0, g / np.where(none, 1, y)), axis, keepdims)


def _p_norm(x: Any, ord: float, axis: int, keepdims: bool = False) -> Any:
    return np.linalg.norm(x, ord, axis, keepdims)


def _p_norm_vjp(g: Array, y: Array, x: Array, ord: float, axis: int, keepdims: bool = False) -> Array:
    """sign(x) (|x| / y)ᵖ⁻¹, and 0 where x is 0, as for the absolute value."""
    g, y = _kept(g, axis, keepdims), _kept(y, axis, keepdims)
    none = x == 0
    size = np.where(none, 1, np.abs(x))
    sign = conjugated(x) / size if x.dtype.kind == "c" else np.sign(x)
    return g * np.where(none, 0, sign * (size / np.where(y == 0, 1, y)) ** (ord - 1))


def _vectors(*calls: dict[str, Any]) -> Any:
    return lambda rng: [((rng.normal(size=(3, 4)),), keywords) for keywords in calls]


euclidean_norm = row(
    custom_vjp(
        _euclidean_norm, _euclidean_norm_vjp, examples=_vectors({}, {"axis": 1}, {"axis": (0, 1), "keepdims": True})
    )
)
p_norm = row(
    custom_vjp(
        _p_norm, _p_norm_vjp, examples=_vectors({"ord": 3, "axis": 0}, {"ord": -1.5, "axis": 1, "keepdims": True})
    )
)


@implements(
    np.linalg.norm,
    examples=lambda rng: [
        ((_rectangular(rng, 3, 2),), {"ord": ord, "axis": axis, "keepdims": ord == 2})
        for ord, axis in (
            *((None, None), (None, 0), (None, (0, 1)), ("fro", None), ("nuc", None), (2, None), (-2, None), (1, None)),
            *((-1, None), (np.inf, None), (-np.inf, None), (1, 0), (2, 1), (np.inf, 1), (-np.inf, 0), (3, 1), (0.5, 0)),
        )
    ],
)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    """Every norm of vectors and matrices that NumPy has."""
    if axis is None and (ord is None or (ord == "fro" and x.ndim == 2)):
        return euclidean_norm.call(x, axis=None, keepdims=keepdims)
    axes = tuple(range(x.ndim)) if axis is None else flattened_axes(axis, x.ndim)
    if len(axes) == 1:
        return _vector_norm(x, ord, axes[0], keepdims)
    if len(axes) == 2:
        return _matrix_norm(x, ord, axes, keepdims)
    raise ValueError(f"norm(ord={ord!r}): needs one axis (vectors) or two (matrices), not axis={axis!r} of {x.shape}")


def _vector_norm(x: Any, ord: Any, axis: int, keepdims: bool) -> Any:
    if ord is None or ord == 2:
        return euclidean_norm.call(x, axis=axis, keepdims=keepdims)
    if isinstance(ord, str):
        raise ValueError(f"norm: ord={ord!r} is a norm of matrices, and axis={axis} says vectors")
    if ord == np.inf:
        return np.max(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == -np.inf:
        return np.min(np.abs(x), axis=axis, keepdims=keepdims)
    if ord == 0:
        return np.sum((x != 0).astype(np.real(x).dtype), axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(np.abs(x), axis=axis, keepdims=keepdims)
    return p_norm.call(x, ord=ord, axis=axis, keepdims=keepdims)


def _matrix_norm(x: Any, ord: Any, axes: Sequence[int], keepdims: bool) -> Any:
    rows, columns = axes
    if rows == columns:
        raise ValueError(f"norm: the two axes of a matrix must differ, not {rows} and {columns}")
    if ord in (None, "fro", "f"):
        return euclidean_norm.call(x, axis=(rows, columns), keepdims=keepdims)
    if ord in (2, -2, "nuc"):
        s = svdvals.call(np.moveaxis(x, (rows, columns), (-2, -1)))
        y = np.sum(s, axis=-1) if ord == "nuc" else np.max(s, axis=-1) if ord == 2 else np.min(s, axis=-1)
    elif ord in (1, -1, np.inf, -np.inf):
        summed, other = (rows, columns) if ord in (1, -1) else (columns, rows)
        sums = np.sum(np.abs(x), axis=summed)
        y = (np.max if ord > 0 else np.min)(sums, axis=other - (other > summed))
    else:
        raise ValueError(f"norm: ord={ord!r} is not a norm of matrices; there are 1, -1, 2, -2, inf, -inf, fro, nuc")
    return np.expand_dims(y, (rows, columns)) if keepdims else y


@implements(
    np.linalg.matrix_norm,
    examples=_on(_rectangular, ((3, 2), {}), ((2, 3, 2), {"ord": 2}), ((3, 2), {"ord": "nuc", "keepdims": True})),
)
def matrix_norm(x: Any, keepdims: bool = False, ord: Any = "fro") -> Any:
    """The norm of a matrix, or of each of a stack."""
    return _matrix_norm(x, ord, (x.ndim - 2, x.ndim - 1), keepdims)


@implements(
    np.linalg.vector_norm,
    examples=_vectors({}, {"axis": 0, "ord": 1}, {"axis": (0, 1), "ord": 3}, {"axis": 1, "keepdims": True}),
)
def vector_norm(x: Any, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    """The norm of the vectors along one axis, or of all entries along several, or of all."""
    axes = tuple(range(x.ndim)) if axis is None else flattened_axes(axis, x.ndim)
    others = [i for i in range(x.ndim) if i not in axes]
    flat = np.reshape(np.transpose(x, [*axes, *others]), (-1, *(x.shape[i] for i in others)))
    y = _vector_norm(flat, ord, 0, False)
    return np.expand_dims(y, axes) if keepdims else y


@implements(np.linalg.cond, examples=_on(_square, ((), {}), ((2,), {"p": -2}), ((), {"p": 1}), ((), {"p": "fro"})))
def cond(x: Any, p: Any = None) -> Any:
    """The condition number. (LinAlgError where it is infinite, except for p None, 2 and -2.)"""
    if p in (None, 2, -2):
        s = svdvals.call(x)
        return s[..., -1] / s[..., 0] if p == -2 else s[..., 0] / s[..., -1]
    return norm(x, p, axis=(-2, -1)) * norm(inv.call(x), p, axis=(-2, -1))


# -- products of many, and facts about a matrix ----------------------------------------------------------------------


@implements(np.linalg.matrix_power, examples=_on(_square, *(((), {"n": n}) for n in (3, 2, 1, 0, -2, 5))))
def matrix_power(a: Any, n: int) -> Any:
    """a multiplied by itself, by repeated squaring; the inverse's power for negative n."""
    n = int(n)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise LinAlgError(f"matrix_power: {_explain_square(a)}")
    if n < 0:
        a, n = inv.call(a), -n
    if n == 0:
        return np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape)
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


@implements(np.linalg.matrix_transpose, examples=_on(_rectangular, ((3, 2), {}), ((2, 3, 4), {})))
def matrix_transpose(x: Any) -> Any:
    """Every matrix of a stack transposed."""
    if x.ndim < 2:
        raise ValueError(f"matrix_transpose: needs at least two dimensions, not shape {x.shape}")
    return np.swapaxes(x, -1, -2)


@implements(np.linalg.diagonal, examples=_on(_square, ((), {}), ((2,), {"offset": 1})))
def diagonal(x: Any, offset: int = 0) -> Any:
    """The diagonal of every matrix of a stack."""
    return np.diagonal(x, offset, axis1=-2, axis2=-1)


@implements(np.linalg.trace, examples=_on(_square, ((), {}), ((2,), {"offset": 1})))
def trace(x: Any, offset: int = 0) -> Any:
    """The sum of the diagonal of every matrix of a stack."""
    return np.sum(np.diagonal(x, offset, axis1=-2, axis2=-1), axis=-1)
