"""np.pad in every mode, against NumPy's own values, with gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_lite as tg
from tinygrad_lite.testing import check_gradients

pytestmark = pytest.mark.thorough

X = np.random.default_rng(5).permutation(np.linspace(-1.0, 2.0, 12)).reshape(3, 4)
KEYWORDS: dict[str, list[dict[str, Any]]] = {
    "constant": [{}, {"constant_values": 2.5}, {"constant_values": (1, 2.5)}, {"constant_values": ((1, 2), (3.5, 4))}],
    "linear_ramp": [{}, {"end_values": 2.5}, {"end_values": (1, 2.5)}, {"end_values": ((1, 2), (3.5, 4))}],
    **{
        mode: [{}, {"stat_length": 2}, {"stat_length": (1, 3)}, {"stat_length": ((2, 1), (9, 3))}]
        for mode in ("maximum", "mean", "median", "minimum")
    },
    **{mode: [{}, {"reflect_type": "odd"}, {"reflect_type": "even"}] for mode in ("reflect", "symmetric")},
    "edge": [{}],
    "wrap": [{}],
}
CALLS = [(mode, keywords) for mode, choices in KEYWORDS.items() for keywords in choices]
WIDTHS: list[Any] = [2, (1, 3), ((0, 2), (5, 1)), ((2,), (1,)), {-1: (2, 1)}, {0: 1}, ((0, 0), (0, 0))]
DIFFERENTIATED = WIDTHS[1:3]


@pytest.mark.parametrize(("mode", "keywords"), CALLS, ids=str)
@pytest.mark.parametrize("width", WIDTHS, ids=str)
def test_every_mode(mode: str, keywords: dict[str, Any], width: Any) -> None:
    def padded(x: Any) -> Any:
        return np.pad(x, width, mode, **keywords)

    assert_allclose(padded(tg.Tensor(X)).numpy(), padded(X), rtol=1e-13)
    assert width not in DIFFERENTIATED or check_gradients(padded, X, order=1).ok
    whole = np.round(10 * X).astype(np.int64)
    assert_array_equal(padded(tg.Tensor(whole)).numpy(), padded(whole))
    single = X.astype(np.float32)
    found = padded(tg.Tensor(single))
    assert found.dtype == np.float32
    assert_allclose(found.numpy(), padded(single), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("mode", KEYWORDS)
def test_one_and_three_dimensions_and_one_entry(mode: str) -> None:
    for x in (X[0], X[0, :1], X.reshape(2, 3, 2), X[:1, :1]):
        assert_allclose(np.pad(tg.Tensor(x), 2, mode).numpy(), np.pad(x, 2, mode), rtol=1e-13)
        assert check_gradients(lambda x: np.pad(x, 2, mode), x, order=1).ok
    assert_array_equal(np.pad(tg.Tensor(2.5), 3, mode).numpy(), np.pad(2.5, 3, mode))


@pytest.mark.parametrize(("mode", "keyword"), [("constant", "constant_values"), ("linear_ramp", "end_values")])
def test_margins_that_are_tensors(mode: str, keyword: str) -> None:
    for values in (np.array(0.7), np.array([0.7, -1.1]), np.array([[0.7, 2.0], [0.1, 4.0]])):
        assert check_gradients(lambda x, v: np.pad(x, ((1, 2), (3, 1)), mode, **{keyword: v}), X, values).ok
    t = tg.Tensor(0.7, requires_grad=True)
    listed = np.pad(tg.Tensor(X), 1, mode, **{keyword: ((t, 0), (1, 2 * t))})
    assert listed.requires_grad
    assert_allclose(listed.detach().numpy(), np.pad(X, 1, mode, **{keyword: ((0.7, 0), (1, 1.4))}), rtol=1e-13)


def test_the_margin_of_mode_empty_is_not_defined() -> None:
    assert_array_equal(tg.grad(lambda x: np.sum(np.pad(x, 2, "empty")[2:-2, 2:-2] ** 2))(X), 2 * X)


def test_an_empty_axis() -> None:
    empty = np.zeros((0, 3))
    assert_array_equal(np.pad(tg.Tensor(empty), 1).numpy(), np.pad(empty, 1))
    for mode in ("edge", "reflect", "mean", "linear_ramp"):
        with pytest.raises(ValueError, match=r"no entries|can't extend empty"):
            np.pad(tg.Tensor(empty), 1, mode)


def test_what_is_refused_says_why() -> None:
    t = tg.Tensor(X, requires_grad=True)
    with pytest.raises(TypeError, match=r"pad\(mode=.*modes are constant"):
        np.pad(t, 1, "nonsense")  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="mode='edge' has no constant_values="):
        np.pad(t, 1, "edge", constant_values=3)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="not negative"):
        np.pad(t, -1)
    with pytest.raises(ValueError, match="pair for each of the 2 axes"):
        np.pad(t, ((1, 1), (1, 1), (1, 1)))
    with pytest.raises(TypeError, match="pad_width is a Tensor"):
        np.pad(t, tg.Tensor([1, 2]))


def test_compiled() -> None:
    for mode, keywords in CALLS:
        f = tg.compile(tg.grad(lambda x, m=mode, k=keywords: np.sum(np.pad(x, ((1, 2), (0, 3)), m, **k) ** 3)))
        for x in (X, X[::-1] * 2):
            expected = tg.grad(lambda x, m=mode, k=keywords: np.sum(np.pad(x, ((1, 2), (0, 3)), m, **k) ** 3))(x)
            assert_allclose(f(x), expected, rtol=1e-12, atol=1e-14)
