"""tg.scipy.linalg and tg.scipy.fft against SciPy's own values, with gradients."""

from __future__ import annotations

import itertools
import sys
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_lite as tg
from tests.everyday import one_in
from tinygrad_lite.testing import check_gradients

linalg = pytest.importorskip("scipy.linalg")
fft = pytest.importorskip("scipy.fft")
RNG = np.random.default_rng(6)
A = RNG.normal(size=(3, 3)) + 3 * np.eye(3)
POSITIVE = A @ A.T + 0.5 * np.triu(RNG.normal(size=(3, 3)), 1)  # the other triangle is not read
B, C = RNG.normal(size=3), RNG.normal(size=(3, 2))


def compare(name: str, *operands: Any, order: int = 1, **keywords: Any) -> None:
    mine, theirs = getattr(tg.scipy.linalg, name), getattr(linalg, name)
    plain = theirs(*operands, **keywords)
    assert_allclose(mine(*operands, **keywords), plain, rtol=1e-10, atol=1e-12)
    assert_allclose(mine(*map(tg.Tensor, operands), **keywords).numpy(), plain, rtol=1e-10, atol=1e-12)
    assert check_gradients(lambda *xs: mine(*xs, **keywords), *operands, order=order).ok


STRUCTURES = ["gen", "sym", "her", "pos", "upper triangular", "lower triangular", "tridiagonal", "diagonal", None]


@pytest.mark.thorough
@pytest.mark.parametrize("assume_a", STRUCTURES)
@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("lower", [False, True])
def test_solve(assume_a: Any, transposed: bool, lower: bool) -> None:
    a = POSITIVE if assume_a in ("pos", "her", "sym") else A
    dense = {
        "upper triangular": np.triu(a),
        "lower triangular": np.tril(a),
        "diagonal": np.diag(np.diag(a)),
        "tridiagonal": np.triu(np.tril(a, 1), -1),
        **dict.fromkeys(
            ("pos", "her", "sym"), np.tril(a) + np.tril(a, -1).T if lower else np.triu(a) + np.triu(a, 1).T
        ),
    }.get(assume_a, a)
    for b in (B, C):
        call = lambda a, b: tg.scipy.linalg.solve(a, b, lower, assume_a=assume_a, transposed=transposed)  # noqa: E731
        expected = linalg.solve(dense.T if transposed else dense, b)
        assert_allclose(call(a, b), expected, rtol=1e-10)
        assert_allclose(call(tg.Tensor(a), b).numpy(), expected, rtol=1e-10)
        if assume_a in ("pos", "her", "sym") or not lower:  # to the others it makes no difference
            assert check_gradients(call, a, b, order=1 + (b is B and not transposed and not lower)).ok
    gradient = tg.grad(lambda a: np.sum(call(a, B)))(a)
    if assume_a in ("pos", "her", "sym"):
        assert np.all((np.triu(gradient, 1) if lower else np.tril(gradient, -1)) == 0)


@pytest.mark.parametrize(
    ("trans", "lower", "unit_diagonal"),
    one_in(5, itertools.product([0, 1, 2, "N", "T", "C"], [False, True], [False, True])),
)
def test_solve_triangular(trans: Any, lower: bool, unit_diagonal: bool) -> None:
    for b in (B, C):
        compare("solve_triangular", A, b, trans=trans, lower=lower, unit_diagonal=unit_diagonal)


@pytest.mark.parametrize("lower", [False, True])
def test_cholesky(lower: bool) -> None:
    compare("cholesky", POSITIVE, lower=lower)

    def solved(a: Any, b: Any) -> Any:
        return tg.scipy.linalg.cho_solve(tg.scipy.linalg.cho_factor(a, lower), b)

    for b in (B, C):
        assert_allclose(solved(POSITIVE, b), linalg.cho_solve(linalg.cho_factor(POSITIVE, lower), b), rtol=1e-10)
        assert check_gradients(solved, POSITIVE, b).ok


def test_inv_det_expm() -> None:
    for name in ("inv", "det", "expm"):
        compare(name, A / 3, order=2)
    stack = np.stack([A / 4, A.T / 5])
    assert_allclose(tg.scipy.linalg.expm(tg.Tensor(stack)).numpy(), [linalg.expm(a) for a in stack], rtol=1e-12)
    assert check_gradients(tg.scipy.linalg.expm, stack, order=2).ok
    assert_allclose(tg.grad(lambda t: tg.scipy.linalg.expm(t * A)[0, 1])(0.3), (A @ linalg.expm(0.3 * A))[0, 1])


def test_complex_matrices() -> None:
    z = A + 1j * RNG.normal(size=(3, 3))
    hermitian = z @ z.conj().T
    for call in (
        lambda z: tg.scipy.linalg.solve(z, B),
        lambda z: tg.scipy.linalg.solve_triangular(z, B, trans=2),
        lambda z: tg.scipy.linalg.expm(z / 4),
    ):
        assert check_gradients(call, z).ok
    for lower in (False, True):
        found = tg.scipy.linalg.cho_solve(tg.scipy.linalg.cho_factor(hermitian, lower), B)
        assert_allclose(found, np.linalg.solve(hermitian, B), rtol=1e-9)
        assert_allclose(tg.scipy.linalg.cholesky(hermitian, lower), linalg.cholesky(hermitian, lower), rtol=1e-9)
        pos = tg.scipy.linalg.solve(hermitian, B, assume_a="pos", lower=lower)
        assert_allclose(pos, np.linalg.solve(hermitian, B), rtol=1e-9)


def test_compiled() -> None:
    def cost(a: Any, b: Any) -> Any:
        x = tg.scipy.linalg.solve(a @ a.T, b, assume_a="pos")
        return np.sum(x**2) + np.sum(tg.scipy.linalg.expm(a / 5)) + np.sum(tg.scipy.fft.dct(b) ** 2)

    gradient = tg.grad(cost, argnums=(0, 1))
    compiled = tg.compile(gradient)
    for a, b in ((A, B), (A.T, 2 * B)):
        for found, expected in zip(compiled(a, b), gradient(a, b), strict=True):
            assert_allclose(found, expected, rtol=1e-10)


def test_float32_and_whole_numbers() -> None:
    single = tg.scipy.linalg.solve_triangular(tg.Tensor(A.astype(np.float32)), B.astype(np.float32))
    assert single.dtype == np.float32
    assert tg.scipy.linalg.inv(tg.Tensor([[2, 0], [0, 4]])).dtype == np.float64


def test_what_is_refused_says_why() -> None:
    with pytest.raises(ValueError, match=r"assume_a='spd'; it is one of"):
        tg.scipy.linalg.solve(A, B, assume_a="spd")
    with pytest.raises(ValueError, match="square matrix"):
        tg.scipy.linalg.expm(np.ones((2, 3)))
    with pytest.raises(ValueError, match="trans=3"):
        tg.scipy.linalg.solve_triangular(A, B, trans=3)
    with pytest.raises(np.linalg.LinAlgError):
        tg.scipy.linalg.cholesky(tg.Tensor(-np.eye(2)))


X = RNG.normal(size=(3, 5, 4))


@pytest.mark.parametrize("name", ["fft", "ifft", "rfft", "irfft", "hfft", "ihfft"])
def test_ffts(name: str) -> None:
    for keywords in ({}, {"axis": 1}, {"n": 7, "norm": "ortho"}, {"n": 3, "axis": 0, "norm": "forward"}):
        call = lambda x, k=keywords: getattr(tg.scipy.fft, name)(x, workers=1, **k)  # noqa: E731
        assert_allclose(call(tg.Tensor(X)).numpy(), getattr(fft, name)(X, **keywords), rtol=1e-11, atol=1e-13)
    assert check_gradients(call, X[:, 0, :1]).ok


@pytest.mark.parametrize("name", ["fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn"])
def test_ffts_of_several_axes(name: str) -> None:
    for keywords in ({}, {"axes": (0, 2)}, {"s": (3, 6)}, {"s": (2, 4), "axes": (1, 0), "norm": "ortho"}):
        call = lambda x, k=keywords: getattr(tg.scipy.fft, name)(x, **k)  # noqa: E731
        assert_allclose(call(tg.Tensor(X)).numpy(), getattr(fft, name)(X, **keywords), rtol=1e-11, atol=1e-13)
    assert check_gradients(lambda x: getattr(tg.scipy.fft, name)(x), X[0, :3]).ok


@pytest.mark.parametrize(
    ("name", "kind", "norm"),
    one_in(
        3,
        itertools.product(["dct", "idct", "dst", "idst"], [1, 2, 3, 4], [None, "ortho", "forward", "backward"]),
    ),
)
def test_cosine_and_sine_transforms(name: str, kind: int, norm: Any) -> None:
    for keywords in ({}, {"axis": 1}, {"n": 7}, {"n": 3, "axis": 0}):
        call = lambda x, k=keywords: getattr(tg.scipy.fft, name)(x, kind, norm=norm, **k)  # noqa: E731
        plain = getattr(fft, name)(X, kind, norm=norm, **keywords)
        assert_allclose(call(tg.Tensor(X)).numpy(), plain, rtol=1e-11, atol=1e-12)
    assert check_gradients(lambda x: getattr(tg.scipy.fft, name)(x, kind, norm=norm), X[0, 0]).ok
    assert call(X.astype(np.float32)).dtype == np.float32


def test_the_twin_is_named_where_scipys_own_is_given_a_tensor() -> None:
    import scipy.integrate
    import scipy.interpolate
    import scipy.signal
    import scipy.stats

    t, m = tg.Tensor(B, requires_grad=True), tg.Tensor(A, requires_grad=True)
    for call, named, instead in (
        (lambda: linalg.solve(m, t), r"scipy\.linalg\.solve", r"tg\.scipy\.linalg\.solve"),
        (lambda: linalg.cholesky(m), r"scipy\.linalg\.cholesky", r"tg\.scipy\.linalg\.cholesky"),
        (lambda: linalg.svd(m), r"scipy\.linalg\.svd", r"np\.linalg\.svd"),
        (lambda: fft.dct(t), r"scipy\.fft\.dct", r"tg\.scipy\.fft\.dct"),
        (lambda: fft.rfft(t), r"scipy\.fft\.rfft", r"tg\.scipy\.fft\.rfft"),
        (lambda: scipy.signal.convolve(t, t), r"scipy\.signal\.convolve", r"np\.convolve"),
        (lambda: scipy.integrate.trapezoid(t), r"scipy\.integrate\.trapezoid", r"np\.trapezoid"),
        (
            lambda: scipy.integrate.solve_ivp(np.tanh, (0, 1), t),
            r"scipy\.integrate\.solve_ivp",
            "NumPy's functions",
        ),
        (lambda: scipy.integrate.quad(lambda s: s * t[0], 0, 1), r"scipy\.integrate\.quad", "NumPy's functions"),
        (lambda: scipy.interpolate.CubicSpline([0, 1, 2], t), r"scipy\.interpolate\.CubicSpline", "NumPy's functions"),
        (lambda: scipy.stats.norm.logpdf(t), r"scipy\.stats\.rv_continuous\.logpdf", "NumPy's functions"),
        (lambda: scipy.special.softmax(t), r"scipy\.special\.softmax", r"tg\.scipy\.special\.softmax"),
    ):
        with pytest.raises(
            TypeError, match=rf"{named} knows no Tensors; write.*{instead}.*tg\.custom_vjp.*test_scipy\.py"
        ):
            call()


@pytest.mark.parametrize(
    ("part", "call"),
    [
        ("linalg", lambda: tg.scipy.linalg.expm(np.eye(2))),
        ("linalg", lambda: tg.scipy.linalg.solve_triangular(np.eye(2), np.ones(2))),
        ("special", lambda: tg.scipy.special.polygamma(1, 2.0)),
    ],
)
def test_scipy_is_named_when_it_is_missing(part, call, monkeypatch):
    monkeypatch.setitem(sys.modules, f"scipy.{part}", None)
    with pytest.raises(ModuleNotFoundError, match=rf"{part}.* needs SciPy: pip install 'tinygrad_lite\[scipy\]'"):
        call()
