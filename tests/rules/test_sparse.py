"""Products of scipy.sparse matrices with Tensors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_lite as tg
from tinygrad_lite.testing import check_gradients

pytestmark = pytest.mark.thorough

sparse = pytest.importorskip("scipy.sparse")
RNG = np.random.default_rng(4)
A = np.where(RNG.uniform(size=(4, 3)) > 0.4, RNG.normal(size=(4, 3)), 0)
V, W, X, Y = (RNG.normal(size=shape) for shape in ((3,), (4,), (3, 5), (2, 4)))
FORMATS = ["csr", "csc", "coo", "bsr", "dia", "dok", "lil"]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", ["array", "matrix"])
def test_products(form: str, kind: str) -> None:
    S: Any = getattr(sparse, f"{form}_{kind}")(A)
    cases: list[Any] = [(lambda t: S @ t, V), (lambda t: S @ t, X), (lambda t: t @ S, W), (lambda t: t @ S, Y)]
    cases += [(lambda t: S.T @ t, W)]
    if form != "coo":  # whose own dot asks for an array, and is told what to write
        cases += [(lambda t: S.dot(t), X)]
    if kind == "matrix":
        cases += [(lambda t: S * t, V), (lambda t: t * S, W)]
    for f, x in cases:
        found = f(tg.Tensor(x, requires_grad=True))
        assert type(found) is tg.Tensor
        assert_allclose(found.detach().numpy(), f(x), rtol=1e-13)
        assert check_gradients(f, x).ok
    assert_allclose(np.matmul(S, tg.Tensor(X)).numpy(), A @ X, rtol=1e-13)


def test_second_order_forward_mode_and_compiled() -> None:
    S = sparse.csr_array(A)

    def cost(x: Any) -> Any:
        return np.sum(np.tanh(S @ x) ** 2 + (W @ S) @ x)

    def dense(x: Any) -> Any:
        return np.sum(np.tanh(A @ x) ** 2 + (W @ A) @ x)

    assert_allclose(tg.hessian(cost)(V), tg.hessian(dense)(V), rtol=1e-12)
    assert_allclose(tg.jvp(cost, (V,), (V,))[1], tg.jvp(dense, (V,), (V,))[1], rtol=1e-13)
    compiled = tg.compile(tg.value_and_grad(cost))
    for x in (V, -2 * V):
        for a, b in zip(compiled(x), tg.value_and_grad(dense)(x), strict=True):
            assert_allclose(a, b, rtol=1e-12)


def test_without_a_gradient_and_in_other_dtypes() -> None:
    S = sparse.csr_array(A)
    found = S @ tg.Tensor(V)
    assert type(found) is tg.Tensor
    assert_array_equal(found.numpy(), S @ V)
    single = sparse.csr_array(A.astype(np.float32))
    assert (single @ tg.Tensor(V.astype(np.float32))).dtype == np.float32
    assert (S @ tg.Tensor([1, 2, 3])).dtype == np.float64


def test_what_is_not_there_says_what_to_write() -> None:
    S, t = sparse.csr_array(A), tg.Tensor(X, requires_grad=True)
    for f in (lambda: S + t, lambda: t + S, lambda: S * t, lambda: t * S, lambda: S.multiply(t), lambda: t - S):
        with pytest.raises(TypeError, match=r"toarray\(\).*test_sparse\.py"):
            f()
    with pytest.raises(ValueError, match=r"\(4, 3\) and \(2, 4\) do not fit"):
        S @ tg.Tensor(Y)
    with pytest.raises(TypeError, match="vector or a matrix"):
        S @ tg.Tensor(np.ones((2, 3, 5)))


def test_a_matrix_that_changes_between_compiled_calls() -> None:
    S = sparse.csr_array(A)
    f = tg.compile(lambda x: S @ x)
    assert_allclose(f(V), A @ V)
    S.data *= 2
    assert_allclose(f(V), 2 * A @ V)
