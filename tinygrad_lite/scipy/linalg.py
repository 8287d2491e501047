"""scipy.linalg with derivatives: solve, solve_triangular, cholesky, cho_factor, cho_solve, inv, det, expm.

Each reads the part of a matrix that SciPy's function reads, and the gradient lies there: for assume_a="pos", say, in
one triangle. Stacks of matrices, shape (..., n, n), are taken wherever the installed SciPy takes them. LinAlgError as
in SciPy; check_finite=, overwrite_a= and overwrite_b= may be given, and nothing is ever overwritten.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..batching import last_axes
from ..op import Array, Op, custom_vjp
from ..optional import load_scipy
from ..rules.products import swap_last_axes
from ..rules.shaping import as_array

__all__ = [
    "cho_factor",
    "cho_solve",
    "cholesky",
    "det",
    "expm",
    "inv",
    "solve",
    "solve_triangular",
]


def __dir__() -> list[str]:
    """What is public: an editor completes `tg.scipy.linalg.` with this."""
    return __all__


# -- solutions -------------------------------------------------------------------------------------------------------

_STRUCTURES = {
    **dict.fromkeys(("general", "gen", None), "general"),
    **dict.fromkeys(("symmetric", "sym"), "symmetric"),
    **dict.fromkeys(("hermitian", "her"), "hermitian"),
    **dict.fromkeys(("positive definite", "pos"), "positive definite"),
    "upper triangular": "upper triangular",
    "lower triangular": "lower triangular",
    "tridiagonal": "tridiagonal",
    "diagonal": "diagonal",
    "banded": "general",
}
_OF_TRANSPOSE = {"upper triangular": "lower triangular", "lower triangular": "upper triangular"}
_SHORT = {"symmetric": "sym", "hermitian": "her", "positive definite": "pos"}  # as every SciPy knows them


def _solve(a: Any, b: Any, structure: str = "general") -> Any:
    """The solution of a x = b for a matrix of that structure, both triangles filled in; b: shape (..., n, k)."""
    linalg = load_scipy("linalg", "tg.scipy.linalg")
    if structure == "diagonal":
        return b / np.diagonal(a, axis1=-2, axis2=-1)[..., None]
    if structure in ("upper triangular", "lower triangular"):
        return linalg.solve_triangular(a, b, lower=structure == "lower triangular", check_finite=False)
    if structure in _SHORT and a.ndim == b.ndim == 2:
        return linalg.solve(a, b, assume_a=_SHORT[structure], check_finite=False)
    return np.linalg.solve(a, b)


def _solve_b_vjp(g: Array, x: Array, a: Array, b: Array, structure: str = "general") -> Array:
    return solve_(swap_last_axes(a), g, structure=_OF_TRANSPOSE.get(structure, structure))


def _solve_a_vjp(g: Array, x: Array, a: Array, b: Array, structure: str = "general") -> Array:
    return -(_solve_b_vjp(g, x, a, b, structure) @ swap_last_axes(x))


solve_: Op = custom_vjp(_solve, _solve_a_vjp, _solve_b_vjp)


def _with_columns(a: Any, b: Any, structure: str) -> Any:
    """Its solution, for a b that is a vector, too."""
    if b.ndim == 1:
        return solve_.call(a, b[:, None], structure=structure)[..., 0]
    return solve_.call(a, b, structure=structure)


def _mirror_triangle(a: Any, lower: bool, conjugate: bool) -> Any:
    """The symmetric (or Hermitian) matrix of which one triangle was given."""
    half = np.tril(a, -1) if lower else np.triu(a, 1)
    other = swap_last_axes(np.conj(half) if conjugate and a.dtype.kind == "c" else half)
    diagonal = np.real(a) if conjugate and a.dtype.kind == "c" else a
    return half + other + np.tril(np.triu(diagonal))


def solve(
    a: Any,
    b: Any,
    lower: bool = False,
    overwrite_a: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
    assume_a: str | None = None,
    transposed: bool = False,
) -> Any:
    """x with a x = b (aᵀ x = b if transposed), as scipy.linalg.solve: db = a⁻ᵀ g, da = -db xᵀ for the cotangent g.

    a: shape (n, n). b: (n,) or (n, k). assume_a: what a is known to be: "gen", "sym", "her", "pos", "diagonal",
    "tridiagonal", "upper triangular", "lower triangular", "banded"; only the part of a that this names is read (for
    "sym", "her" and "pos" the lower triangle if lower, else the upper one), and has a gradient. LinAlgError if a is
    singular, ValueError for another assume_a.

    >>> import numpy as np, tinygrad_lite as tg
    >>> a, b = np.array([[4.0, 1.0], [1.0, 3.0]]), np.array([1.0, 2.0])
    >>> tg.grad(lambda b: np.sum(tg.scipy.linalg.solve(a, b, assume_a="pos")))(b).round(4)
    array([0.1818, 0.2727])
    """
    if assume_a not in _STRUCTURES:
        known = ", ".join(sorted(map(str, _STRUCTURES)))
        raise ValueError(f"scipy.linalg.solve: assume_a={assume_a!r}; it is one of {known}")
    structure = _STRUCTURES[assume_a]
    a, b = _square("solve", a), as_array(b)
    if structure in _SHORT:
        a = _mirror_triangle(a, lower, conjugate=structure != "symmetric")
    elif structure == "tridiagonal":
        a, structure = np.triu(np.tril(a, 1), -1), "general"
    elif structure in ("upper triangular", "diagonal"):
        a = np.triu(a)
    if structure in ("lower triangular", "diagonal"):
        a = np.tril(a)
    if transposed:
        a, structure = np.swapaxes(a, -1, -2), _OF_TRANSPOSE.get(structure, structure)
    return _with_columns(a, b, structure)


def solve_triangular(
    a: Any,
    b: Any,
    trans: int | str = 0,
    lower: bool = False,
    unit_diagonal: bool = False,
    overwrite_b: bool = False,
    check_finite: bool = True,
) -> Any:
    """x with a x = b for a triangular a, as scipy.linalg.solve_triangular.

    a: shape (n, n), of which the lower triangle is read if lower, else the upper one; without its diagonal, which is
    taken to be ones, if unit_diagonal. b: (n,) or (n, k). trans: 0 or "N" for a x = b, 1 or "T" for aᵀ x = b, 2 or "C"
    for aᴴ x = b. LinAlgError if a is singular.

    >>> import numpy as np, tinygrad_lite as tg
    >>> a = np.array([[2.0, 9.0], [1.0, 4.0]])
    >>> tg.grad(lambda a: np.sum(tg.scipy.linalg.solve_triangular(a, np.ones(2), lower=True)))(a)
    array([[-0.1875 ,  0.     ],
           [-0.125 , -0.03125]])
    """
    if trans not in (0, 1, 2, "N", "T", "C"):
        raise ValueError(f"scipy.linalg.solve_triangular: trans={trans!r}; it is 0, 1, 2, 'N', 'T' or 'C'")
    a, b = _square("solve_triangular", a), as_array(b)
    half = (np.tril if lower else np.triu)(a, (-1 if lower else 1) if unit_diagonal else 0)
    if unit_diagonal:
        half = half + np.eye(a.shape[-1], dtype=a.dtype)
    if trans in (1, "T", 2, "C"):
        half, lower = swap_last_axes(np.conj(half) if trans in (2, "C") and a.dtype.kind == "c" else half), not lower
    return _with_columns(half, b, "lower triangular" if lower else "upper triangular")


def _square(function: str, a: Any) -> Any:
    a = as_array(a)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ValueError(f"scipy.linalg.{function}: needs a square matrix, not shape {a.shape}")
    return a if a.dtype.kind in "fc" else np.astype(a, np.float64)


# -- Cholesky ----------------------------------------------------------------------------------------------------------


def cholesky(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """The upper triangular u with uᴴ u = a, or the lower triangular l with l lᴴ = a, as scipy.linalg.cholesky.

    a: shape (n, n), Hermitian and positive definite (else LinAlgError); the triangle of that side is read.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.scipy.linalg.cholesky(np.array([[4.0, 2.0], [2.0, 5.0]]))
    array([[2., 1.],
           [0., 2.]])
    """
    a = _square("cholesky", a)
    if lower:
        return np.linalg.cholesky(a)
    factor = swap_last_axes(np.linalg.cholesky(swap_last_axes(np.conj(a) if a.dtype.kind == "c" else a)))
    return np.conj(factor) if a.dtype.kind == "c" else factor


def cho_factor(a: Any, lower: bool = False, overwrite_a: bool = False, check_finite: bool = True) -> tuple[Any, bool]:
    """(c, lower) for `cho_solve`, as scipy.linalg.cho_factor; the other triangle of c holds zeros.

    >>> import numpy as np, tinygrad_lite as tg
    >>> factor = tg.scipy.linalg.cho_factor(np.array([[4.0, 2.0], [2.0, 5.0]]))
    >>> tg.scipy.linalg.cho_solve(factor, np.array([1.0, 0.0]))
    array([ 0.3125, -0.125 ])
    """
    return cholesky(a, lower), lower


def cho_solve(c_and_lower: tuple[Any, bool], b: Any, overwrite_b: bool = False, check_finite: bool = True) -> Any:
    """x with a x = b, from the factor c_and_lower = (c, lower) of a, as scipy.linalg.cho_solve. b: shape (n,) or (n,
    k).

    >>> import numpy as np, tinygrad_lite as tg
    >>> factor = tg.scipy.linalg.cho_factor(np.array([[4.0, 0.0], [0.0, 5.0]]))
    >>> tg.scipy.linalg.cho_solve(factor, np.array([1.0, 1.0]))
    array([0.25, 0.2 ])
    """
    c, lower = c_and_lower
    first, second = (0, 2) if lower else (2, 0)
    return solve_triangular(c, solve_triangular(c, b, trans=first, lower=lower), trans=second, lower=lower)


# -- inverse and determinant: NumPy's ----------------------------------------------------------------------------------


def inv(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """The inverse, as scipy.linalg.inv and np.linalg.inv. a: shape (n, n); LinAlgError if it is singular.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.scipy.linalg.inv(np.diag([2.0, 4.0]))
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    return np.linalg.inv(_square("inv", a))


def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    """The determinant, as scipy.linalg.det and np.linalg.det. a: shape (n, n).

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.grad(tg.scipy.linalg.det)(np.diag([2.0, 4.0]))
    array([[4., 0.],
           [0., 2.]])
    """
    return np.linalg.det(_square("det", a))


# -- the exponential -------------------------------------------------------------------------------------------------
# The derivative of exp along E is the upper right block of exp [[A, E], [0, A]] (Van Loan 1978; Higham, Functions of
# Matrices, theorem 3.6), and its transpose is that at Aᵀ.


def _blocks(a: Any, b: Any, c: Any, d: Any) -> Any:
    return np.concatenate((np.concatenate((a, b), -1), np.concatenate((c, d), -1)), -2)


def _expm(a: Any) -> Any:
    return load_scipy("linalg", "tg.scipy.linalg.expm").expm(a)


def _expm_derivative(e: Any, a: Any) -> Any:
    """The derivative of expm(a) along e."""
    n = a.shape[-1]
    return _expm(_blocks(a, e, np.zeros_like(a), a))[..., :n, n:]


def _expm_derivative_a_vjp(g: Array, y: Array, e: Array, a: Array) -> Array:
    """The second derivative is symmetric in its two directions: the derivative along both of [[A, E], [0, A]]."""
    n, at, et = a.shape[-1], swap_last_axes(a), swap_last_axes(e)
    zero = np.zeros(a.shape, a.dtype)
    return expm_derivative(_blocks(g, zero, zero, g), _blocks(at, et, zero, at))[..., :n, n:]


expm_derivative: Op = custom_vjp(
    _expm_derivative,
    lambda g, y, e, a: expm_derivative(g, swap_last_axes(a)),
    _expm_derivative_a_vjp,
    batch=last_axes(2, 2),
)
expm_: Op = custom_vjp(_expm, lambda g, y, a: expm_derivative(g, swap_last_axes(a)), batch=last_axes(2))


def expm(A: Any) -> Any:
    """The exponential of a matrix, or of each of a stack, as scipy.linalg.expm. A: shape (..., n, n).

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.scipy.linalg.expm(np.array([[0.0, 1.0], [0.0, 0.0]]))
    array([[1., 1.],
           [0., 1.]])
    """
    return expm_.call(_square("expm", A))
