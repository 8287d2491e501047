"""Methods of ufuncs: they work, or raise clearly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.testing import check_gradients

rng = np.random.default_rng(0)
X = rng.permutation(np.linspace(0.5, 2, 12)).reshape(3, 4)


@pytest.mark.parametrize(
    "ufunc", [np.add, np.multiply, np.maximum, np.minimum, np.fmax, np.fmin, np.logaddexp], ids=lambda u: u.__name__
)
@pytest.mark.parametrize("keywords", [{}, {"axis": 1}, {"axis": -1, "keepdims": True}, {"axis": None}], ids=str)
def test_reduce(ufunc: Any, keywords: dict[str, Any]) -> None:
    if ufunc is np.logaddexp and keywords.get("axis", 0) is None:
        pytest.skip("NumPy reduces it over one axis only")
    plain = ufunc.reduce(X, **keywords)
    np.testing.assert_allclose(ufunc.reduce(tg.Tensor(X), **keywords).numpy(), plain, rtol=1e-14)
    assert check_gradients(lambda x: ufunc.reduce(x, **keywords), X, order=2).ok


def test_reduce_of_truth_values_and_of_a_number() -> None:
    assert np.logical_and.reduce(tg.Tensor(X) > 0.6).numpy().tolist() == (X > 0.6).all(0).tolist()
    assert np.logical_or.reduce(tg.Tensor(X) > 1.9).numpy().tolist() == (X > 1.9).any(0).tolist()
    assert float(np.add.reduce(tg.Tensor(3.0))) == 3


@pytest.mark.parametrize("ufunc", [np.add, np.multiply], ids=lambda u: u.__name__)
@pytest.mark.parametrize("axis", [0, 1])
def test_accumulate(ufunc: Any, axis: int) -> None:
    assert check_gradients(lambda x: ufunc.accumulate(x, axis), X, order=2).ok


@pytest.mark.parametrize(
    "ufunc",
    [np.add, np.subtract, np.multiply, np.divide, np.power, np.maximum, np.hypot, np.arctan2],
    ids=lambda u: u.__name__,
)
def test_outer(ufunc: Any) -> None:
    a, b = X[:2, :3], np.array([0.3, 1.7])
    assert ufunc.outer(tg.Tensor(a), b).shape == (2, 3, 2)
    assert check_gradients(ufunc.outer, a, b).ok


def test_outer_of_a_comparison_carries_no_gradient() -> None:
    assert not np.less.outer(tg.Tensor(X, requires_grad=True), X[0]).requires_grad


@pytest.mark.parametrize(
    "call",
    [
        lambda t: np.add.reduceat(t, [0, 1]),
        lambda t: np.subtract.reduce(t),
        lambda t: np.fmax.accumulate(t),
        lambda t: np.add.accumulate(t, out=np.zeros((3, 4))),
        lambda t: np.add.at(t, [0], 1.0),
        lambda t: np.add.reduce(t, out=np.zeros(4)),
        lambda t: np.multiply.outer(t, t, dtype=np.float32),
    ],
)
def test_what_is_not_supported_is_refused(call: Any) -> None:
    with pytest.raises(TypeError, match="add|subtract|fmax|multiply"):
        call(tg.Tensor(X, requires_grad=True))
