"""Linear algebra where it is hard: singular, degenerate, complex, not square; and what is refused."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.testing import check_gradients

rng = np.random.default_rng(0)
A = rng.normal(size=(3, 3)) + 2 * np.eye(3)
B = rng.normal(size=(3, 3))
TALL = rng.normal(size=(4, 2))


def symmetric(a: Any) -> Any:
    return a + np.swapaxes(a, -1, -2)


# -- determinants ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_det_of_singular_matrices(rank: int) -> None:
    a = rng.normal(size=(4, rank)) @ rng.normal(size=(rank, 4))
    signs = (-1.0) ** np.add.outer(np.arange(4), np.arange(4))
    minors = [[np.linalg.det(np.delete(np.delete(a, i, axis=0), j, axis=1)) for j in range(4)] for i in range(4)]
    np.testing.assert_allclose(tg.grad(np.linalg.det)(a), signs * minors, atol=1e-13)
    if rank == 2:  # all first derivatives are 0 there, second ones are not
        np.testing.assert_allclose(tg.grad(np.linalg.det)(a), 0, atol=1e-13)
        assert np.max(np.abs(tg.hessian(np.linalg.det)(a))) > 0.01


def test_second_derivatives_of_det() -> None:
    """Of a polynomial they are known: for a 2 × 2 matrix, constants, also where it is singular."""
    expected = np.zeros((2, 2, 2, 2))
    expected[0, 0, 1, 1] = expected[1, 1, 0, 0] = 1
    expected[0, 1, 1, 0] = expected[1, 0, 0, 1] = -1
    for a in (np.array([[1.0, 2.0], [2.0, 4.0]]), np.zeros((2, 2)), A[:2, :2]):
        np.testing.assert_allclose(tg.hessian(np.linalg.det)(a), expected, atol=1e-12)


def test_third_derivatives_of_det() -> None:
    def along(a: Any) -> Any:
        return tg.hvp(np.linalg.det, (a,), (B,))[0]

    assert check_gradients(along, A, modes=["vjp"]).ok


def test_slogdet_of_a_singular_matrix_raises_backwards() -> None:
    with pytest.raises(np.linalg.LinAlgError):
        tg.grad(lambda a: np.linalg.slogdet(a).logabsdet)(np.ones((2, 2)))


def test_slogdet_of_a_complex_matrix() -> None:
    def f(x: Any, y: Any) -> Any:
        sign, log = np.linalg.slogdet(x + 1j * y)
        return np.real(sign), np.imag(sign), log

    assert check_gradients(f, A, B).ok


# -- solving -----------------------------------------------------------------------------------------------------------


def test_singular_and_ill_shaped_operands_are_named() -> None:
    t = tg.Tensor(np.ones((2, 2)), name="W")
    with pytest.raises(np.linalg.LinAlgError, match=r"inv: W \(2, 2\).*[Ss]ingular"):
        np.linalg.inv(t)
    with pytest.raises(np.linalg.LinAlgError, match=r"det: X \(4, 2\): .*must be square"):
        np.linalg.det(tg.Tensor(TALL, name="X"))
    with pytest.raises(np.linalg.LinAlgError, match=r"cholesky: C \(2, 2\): .*not positive definite"):
        np.linalg.cholesky(tg.Tensor(-np.eye(2), name="C"))
    with pytest.raises(np.linalg.LinAlgError, match=r"matrix_power: needs a square matrix.*\(4, 2\)"):
        np.linalg.matrix_power(tg.Tensor(TALL), 2)
    with pytest.raises(ValueError, match=r"solve: W \(2, 2\)"):
        np.linalg.solve(t, np.ones((3, 2)))


@pytest.mark.parametrize(
    "shapes", [((3, 3), (3,)), ((2, 3, 3), (3, 2)), ((3, 3), (2, 3, 1)), ((2, 3, 3), (3,))], ids=str
)
def test_solve_broadcasts(shapes: Any) -> None:
    a, b = rng.normal(size=shapes[0]) + 3 * np.eye(3), rng.normal(size=shapes[1])
    assert check_gradients(np.linalg.solve, a, b).ok


@pytest.mark.parametrize("shape", [(4, 2), (2, 4), (3, 3)], ids=str)
def test_lstsq_and_pinv(shape: tuple[int, int]) -> None:
    a, b = rng.normal(size=shape), rng.normal(size=(shape[0], 2))
    x, residuals, rank, s = np.linalg.lstsq(tg.Tensor(a), b)
    expected = np.linalg.lstsq(a, b)
    np.testing.assert_allclose(x.numpy(), expected[0], atol=1e-12)
    np.testing.assert_allclose(np.asarray(residuals), expected[1], atol=1e-12)
    assert int(rank) == expected[2]
    np.testing.assert_allclose(s.numpy(), expected[3])
    assert check_gradients(lambda a, b: np.linalg.lstsq(a, b)[0], a, b).ok


@pytest.mark.parametrize("shape", [(2000, 3), (3, 2000)], ids=str)
def test_the_gradient_of_pinv_takes_no_square_of_the_longer_side(shape: tuple[int, int]) -> None:
    a = rng.normal(size=shape)
    tracemalloc.start()
    tg.grad(lambda a: np.sum(np.linalg.pinv(a) ** 2))(a)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50 * a.nbytes  # a square is 667 times as large


def test_pinv_of_a_rank_deficient_matrix_along_matrices_of_that_rank() -> None:
    u, v = rng.normal(size=(4, 1)), rng.normal(size=(1, 3))
    assert check_gradients(lambda u, v: np.linalg.pinv(u @ v, rcond=1e-8), u, v).ok


def test_complex_pinv_and_qr() -> None:
    re, im = rng.normal(size=(2, 3, 2))

    def pinv(x: Any, y: Any) -> Any:
        p = np.linalg.pinv(x + 1j * y)
        return np.real(p), np.imag(p)

    def qr(x: Any, y: Any) -> Any:
        q, r = np.linalg.qr(x + 1j * y)
        return np.real(q), np.imag(q), np.real(r), np.imag(r)

    assert check_gradients(pinv, re, im).ok
    assert check_gradients(qr, re, im).ok


# -- decompositions ----------------------------------------------------------------------------------------------------


def test_named_tuples_stay_what_they_are() -> None:
    s = A @ A.T
    for f in (np.linalg.eigh, np.linalg.qr, np.linalg.svd, np.linalg.slogdet, np.linalg.eig):
        assert type(f(tg.Tensor(s))) is type(f(s)), f.__name__
        for ours, plain in zip(f(tg.Tensor(s)), f(s), strict=True):
            np.testing.assert_array_equal(ours.numpy(), plain)


def test_cholesky_and_eigh_have_the_gradient_of_the_triangle_they_read() -> None:
    s = A @ A.T + np.eye(3)
    assert not np.triu(tg.grad(lambda a: np.sum(np.linalg.cholesky(a) ** 3))(s), 1).any()
    assert not np.tril(tg.grad(lambda a: np.sum(np.linalg.cholesky(a, upper=True) ** 3))(s), -1).any()
    assert not np.triu(tg.grad(lambda a: np.sum(np.linalg.eigvalsh(a) ** 3))(s), 1).any()
    assert not np.tril(tg.grad(lambda a: np.sum(np.linalg.eigh(a, "U")[1] ** 3))(s), -1).any()


def test_complex_cholesky_and_eigh() -> None:
    def hermitian(x: Any, y: Any) -> Any:
        z = x + 1j * y
        return z @ np.conj(z.T) + np.eye(3)

    def cholesky(x: Any, y: Any) -> Any:
        c = np.linalg.cholesky(hermitian(x, y))
        return np.real(c), np.imag(c)

    def eigh(x: Any, y: Any) -> Any:
        w, v = np.linalg.eigh(hermitian(x, y))
        return w, np.abs(v)

    assert check_gradients(cholesky, A, B).ok
    assert check_gradients(eigh, A, B).ok


def test_complex_svd_that_does_not_see_phases() -> None:
    def f(x: Any, y: Any) -> Any:
        u, s, vh = np.linalg.svd(x + 1j * y, full_matrices=False)
        low = (u * np.exp(-s)) @ vh
        return s, np.real(low), np.imag(low)

    for shape in ((3, 3), (4, 2), (2, 4)):
        x, y = rng.normal(size=(2, *shape))
        assert check_gradients(f, x, y).ok


def test_results_that_depend_on_phases_are_refused() -> None:
    z = A + 1j * B
    for f in (
        lambda z: np.sum(np.real(np.linalg.svd(z)[0])),
        lambda z: np.sum(np.imag(np.linalg.eigh(z)[1])),
        lambda z: np.sum(np.real(np.linalg.eig(z)[1])),
    ):
        with pytest.raises(np.linalg.LinAlgError, match="phases"):
            tg.grad(f)(z)


def test_general_eigenvalues_and_vectors() -> None:
    a = np.array([[0.0, 1.0, 0.2], [-1.0, 0.1, 0.3], [0.1, 0.4, 2.0]])  # two of them complex

    def f(a: Any) -> Any:
        w, v = np.linalg.eig(a)
        return np.real(w), np.imag(w), np.abs(v)

    assert np.linalg.eigvals(a).dtype.kind == "c"
    assert check_gradients(f, a).ok
    assert check_gradients(lambda a: np.abs(np.linalg.eigvals(a)), a, order=2).ok


def test_equal_eigenvalues() -> None:
    """The eigenvalues' sum has a gradient; the vectors have none, and say so instead of answering nan or 0."""
    eye = np.eye(3)
    np.testing.assert_allclose(tg.grad(lambda a: np.sum(np.linalg.eigvalsh(a)))(eye), eye)
    np.testing.assert_allclose(tg.grad(lambda a: np.sum(np.linalg.eigh(a).eigenvalues))(eye), eye)
    np.testing.assert_allclose(tg.grad(lambda a: np.sum(np.linalg.svd(a).S))(eye), eye, atol=1e-15)
    with pytest.raises(np.linalg.LinAlgError, match="two eigenvalues are equal"):
        tg.grad(lambda a: np.linalg.eigh(a).eigenvectors[0, 0])(eye)
    with pytest.raises(np.linalg.LinAlgError, match="two singular values are equal"):
        tg.grad(lambda a: np.linalg.svd(a).U[0, 0])(eye)
    with pytest.raises(np.linalg.LinAlgError, match="two eigenvalues are equal"):
        tg.jvp(lambda a: np.linalg.eigh(a).eigenvectors[0, 0], (eye,), (B,))
    with pytest.raises(np.linalg.LinAlgError, match="a singular value is 0"):
        tg.grad(lambda a: np.linalg.svd(a).U[0, 0])(np.diag([2.0, 1.0, 0.0]))


def test_qr_modes() -> None:
    assert check_gradients(lambda a: np.linalg.qr(a, mode="r"), TALL).ok
    assert check_gradients(lambda a: tuple(np.linalg.qr(a)), TALL.T.copy()).ok
    for mode in ("complete", "raw"):
        with pytest.raises(TypeError, match=mode):
            np.linalg.qr(tg.Tensor(TALL), mode=mode)


def test_svd_refuses_vectors_that_are_arbitrary() -> None:
    with pytest.raises(TypeError, match="full_matrices=False"):
        np.linalg.svd(tg.Tensor(TALL))
    with pytest.raises(TypeError, match="hermitian"):
        np.linalg.svd(tg.Tensor(A), hermitian=True)
    assert np.linalg.svd(tg.Tensor(TALL), compute_uv=False).shape == (2,)


@pytest.mark.parametrize(
    "f",
    [
        lambda a: np.sum(np.linalg.eigh(a @ a.T).eigenvectors[0] ** 3),
        lambda a: np.sum(np.linalg.eigh(a @ a.T).eigenvalues ** 3),
        lambda a: np.sum(np.linalg.svd(a).Vh[0] ** 3),
        lambda a: np.sum(np.linalg.qr(a).Q ** 3),
        lambda a: np.linalg.slogdet(a).logabsdet + np.linalg.det(a),
        lambda a: np.sum(np.linalg.lstsq(a[:, :2], a[:, 2])[0] ** 2),
    ],
    ids=["eigenvectors", "eigenvalues", "svd", "qr", "determinants", "lstsq"],
)
def test_compiled(f: Any) -> None:
    gradient = tg.grad(f)
    np.testing.assert_allclose(tg.compile(gradient)(A), gradient(A), rtol=1e-12)


# -- norms -------------------------------------------------------------------------------------------------------------

ORDERS = [None, "fro", "nuc", 2, -2, 1, -1, np.inf, -np.inf]


@pytest.mark.parametrize("ord", [None, 0, 0.5, 1, 2, 3, np.inf, -np.inf, -1], ids=str)
def test_norm_of_the_zero_vector(ord: Any) -> None:
    for x in (np.zeros(3), np.zeros((2, 3))):
        with np.errstate(divide="ignore"):  # of order -1 NumPy's own value divides by 0
            value, g = tg.value_and_grad(lambda t: np.sum(np.linalg.norm(t, ord, axis=-1)))(x)
        assert float(value) == 0
        np.testing.assert_array_equal(g, np.zeros_like(x))


@pytest.mark.parametrize("ord", ORDERS, ids=str)
def test_norm_of_the_zero_matrix(ord: Any) -> None:
    np.testing.assert_array_equal(tg.grad(lambda t: np.linalg.norm(t, ord))(np.zeros((2, 3))), np.zeros((2, 3)))


@pytest.mark.parametrize("ord", [*ORDERS, 3], ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_norms_are_numpys(ord: Any, keepdims: bool) -> None:
    x = rng.normal(size=(2, 3, 4))
    for axis in (1, -1) if ord not in ("fro", "nuc") else ():
        ours = np.linalg.norm(tg.Tensor(x), ord, axis, keepdims)
        np.testing.assert_array_equal(ours.numpy(), np.linalg.norm(x, ord, axis, keepdims))
        ours = np.linalg.vector_norm(tg.Tensor(x), ord=2 if ord is None else ord, axis=axis, keepdims=keepdims)
        np.testing.assert_allclose(
            ours.numpy(), np.linalg.vector_norm(x, ord=2 if ord is None else ord, axis=axis, keepdims=keepdims)
        )
    for axes in ((0, 1), (2, 0), (-1, 1)) if ord != 3 else ():
        ours = np.linalg.norm(tg.Tensor(x), ord, axes, keepdims)
        np.testing.assert_allclose(ours.numpy(), np.linalg.norm(x, ord, axes, keepdims), rtol=1e-14)


@pytest.mark.thorough
def test_complex_norms() -> None:
    re, im = rng.normal(size=(2, 3, 2))
    for ord in ORDERS:
        assert check_gradients(lambda x, y, ord=ord: np.linalg.norm(x + 1j * y, ord), re, im).ok, ord
    for ord in (1, 2, 3, np.inf):
        assert check_gradients(lambda x, y, ord=ord: np.linalg.norm(x + 1j * y, ord, axis=0), re, im).ok, ord


def test_norms_that_are_not_any_are_refused() -> None:
    t = tg.Tensor(rng.normal(size=(2, 3, 4)))
    with pytest.raises(ValueError, match="one axis"):
        np.linalg.norm(t, 2)
    with pytest.raises(ValueError, match="not a norm of matrices"):
        np.linalg.norm(t, 3, axis=(0, 1))
    with pytest.raises(ValueError, match="a norm of matrices"):
        np.linalg.norm(t, "nuc", axis=0)


# -- products of many --------------------------------------------------------------------------------------------------


def test_multi_dot_takes_the_cheapest_order() -> None:
    a, b, c = rng.normal(size=(10, 2)), rng.normal(size=(2, 10)), rng.normal(size=(10, 1))
    y = np.linalg.multi_dot([tg.Tensor(a, requires_grad=True), b, c])
    assert y._op is not None
    assert y._inputs[1].shape == (2, 1)  # a (b c), not (a b) c
    np.testing.assert_allclose(y.numpy(), a @ b @ c)


def test_cond_and_rank() -> None:
    assert check_gradients(lambda a: np.linalg.cond(a, "fro"), A).ok
    assert int(np.linalg.matrix_rank(tg.Tensor(TALL))) == 2


def test_float32_stays_float32() -> None:
    a = (A @ A.T).astype(np.float32)
    for f in (np.linalg.cholesky, np.linalg.inv, np.linalg.eigvalsh, np.linalg.det, np.linalg.svdvals):
        y, pullback = tg.vjp(f, a)
        assert y.dtype == np.float32, f.__name__
        assert pullback(np.ones_like(y))[0].dtype == np.float32, f.__name__
