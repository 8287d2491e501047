"""Methods of ufuncs: they work, or raise clearly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.backward import find_nodes
from tinygrad_lite.testing import check_gradients

pytestmark = pytest.mark.thorough

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


@pytest.mark.parametrize("starts", [range(0, 24, 2), range(3, 24), [0, 5, 3, 3, 9, 1, 2, 20, 4, 7]], ids=str)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_many_parts_are_added_up_at_once(starts: Any, axis: int) -> None:
    x = np.moveaxis(rng.normal(size=(24, 2, 3)), 0, axis)
    found = np.add.reduceat(tg.Tensor(x), starts, axis)
    np.testing.assert_allclose(found.numpy(), np.add.reduceat(x, starts, axis), rtol=1e-14, atol=1e-14)
    assert check_gradients(lambda x: np.add.reduceat(x, starts, axis), x).ok
    each = tg.vmap(lambda x: np.add.reduceat(x, starts, axis))(np.stack([x, -x]))
    np.testing.assert_allclose(each[1], -found.numpy())
    t = tg.Tensor(np.moveaxis(x, axis, 0), requires_grad=True)
    nodes = find_nodes([np.add.reduceat(t, starts)])[0]
    assert len(nodes) <= 4  # of many parts: an axis is moved, entries are read and added up, the axis is moved back


def test_arguments_by_name_and_of_nothing() -> None:
    t = tg.Tensor(X)
    np.testing.assert_array_equal(np.add.reduceat(t, indices=[0, 2], axis=0), np.add.reduceat(X, [0, 2]))
    np.testing.assert_array_equal(np.maximum.reduce(array=t), X.max(axis=0))
    np.testing.assert_array_equal(np.add.reduceat(t, []), np.add.reduceat(X, []))
    for ufunc in (np.add, np.multiply, np.maximum):
        np.testing.assert_array_equal(ufunc.accumulate(t[0], axis=None), ufunc.accumulate(X[0], axis=None))
        np.testing.assert_array_equal(ufunc.accumulate(t, axis=(1,)), ufunc.accumulate(X, axis=(1,)))
        with pytest.raises(ValueError, match="one axis"):  # as NumPy: it is not that of all entries in a row
            ufunc.accumulate(t, axis=None)
    nothing = tg.jvp(lambda x: np.logaddexp.reduce(x), (np.zeros((0, 2)),), (np.zeros((0, 2)),))
    np.testing.assert_array_equal(nothing, [[-np.inf] * 2, [0, 0]])


def test_a_condition_beside_plain_arrays() -> None:
    t = tg.Tensor(X, requires_grad=True)
    assert float(np.sum(X, where=t > 1)) == np.sum(X, where=X > 1)
    assert float(X.max(where=t < 1, initial=0)) == np.max(X, where=X < 1, initial=0)
    with pytest.raises(TypeError, match=r"np\.mean\(tg\.Tensor\(array\), where=t\)"):
        np.mean(X, where=t > 1)
    with pytest.raises(TypeError, match=r"full_like\(t, t\)"):
        t[0] = 1.0


def test_keywords_of_calls() -> None:
    t = tg.Tensor(X)
    for plain, found in zip(np.modf(X, dtype=np.float32), np.modf(t, dtype=np.float32), strict=True):
        np.testing.assert_array_equal(found, plain, strict=True)
    with pytest.raises(TypeError, match="signature=.*write dtype="):
        np.add(t, 1, signature="dd->d")


def test_outer_of_a_comparison_carries_no_gradient() -> None:
    assert not np.less.outer(tg.Tensor(X, requires_grad=True), X[0]).requires_grad


@pytest.mark.parametrize(
    "call",
    [
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


# -- keywords of a call ------------------------------------------------------------------------------------------------

FLAT = np.array([0.5, 2.0, 1.5, -1.0])
WEIGHTS = np.array([0.3, -1.2, 0.7, 2.0])


@pytest.mark.parametrize(
    ("f", "alike"),
    [
        (lambda t: np.log(t, out=np.zeros_like(t), where=t > 0), lambda t: np.where(t > 0, np.log(np.abs(t)), 0)),
        (lambda t: np.divide(1, t, out=tg.full(4, 7.0), where=t > 1), lambda t: np.where(t > 1, 1 / t, 7)),
        (lambda t: np.add(t, t, dtype=np.float64, order="F", subok=False), lambda t: 2 * t),
        (lambda t: np.add(t, 1, dtype=float), lambda t: t + 1),
        (lambda t: np.exp(t, where=True), np.exp),
        (lambda t: np.multiply(t, np.greater(t, 1, dtype=bool)), lambda t: t * (t > 1)),
        (
            lambda t: np.add.reduceat(t * t, [0, 3, 1, 1]),
            lambda t: np.stack([sum(t[:3] ** 2), *t[[3, 1]] ** 2, sum(t[1:] ** 2)]),
        ),
        (lambda t: np.multiply.reduceat(t, [1, 2]).repeat(2), lambda t: np.stack(2 * [t[1]] + 2 * [t[2] * t[3]])),
        (
            lambda t: np.maximum.reduceat(t.reshape(2, 2), [0, 1], axis=1).ravel(),
            lambda t: t,
        ),
    ],
)
def test_keywords_and_parts_give_what_numpy_gives_with_gradients(f, alike):
    value, slope = tg.value_and_grad(lambda t: np.sum(WEIGHTS * f(t)))(FLAT)
    same, other = tg.value_and_grad(lambda t: np.sum(WEIGHTS * alike(t)))(FLAT)
    np.testing.assert_allclose(value, same, rtol=1e-14)
    np.testing.assert_allclose(slope, other, rtol=1e-14)
    compiled = tg.compile(tg.grad(lambda t: np.sum(WEIGHTS * f(t))))
    compiled(FLAT)
    np.testing.assert_allclose(
        compiled(FLAT[::-1].copy()), tg.grad(lambda t: np.sum(WEIGHTS * alike(t)))(FLAT[::-1].copy()), rtol=1e-14
    )


def test_dtype_of_a_call_is_that_of_its_operands():
    t = tg.Tensor(FLAT, requires_grad=True)
    y = np.multiply(t, 0.1, dtype=np.float32)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y.numpy(), np.multiply(FLAT, 0.1, dtype=np.float32))
    np.sum(y).backward()
    assert t.grad.dtype == np.float64


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda t: np.exp(t, where=t > 0), r"np\.where\(mask, exp\(…\), 0\)"),
        (lambda t: np.log(t, out=np.zeros(4), where=t > 0), "make the array with tg.zeros"),
        (lambda t: np.add(t, 1, dtype=int), "not cast"),
        (lambda t: np.matmul(t, t, axes=[0, 0, ()]), "moveaxis"),
        (lambda t: np.add.at(np.zeros(3), [0, 1, 0, 2], t), "make the array with tg.zeros"),
        (lambda t: np.add.reduceat(t, t), "whole numbers"),
        (lambda t: np.add.reduceat(t, [0, 4]), "out of bounds"),
    ],
)
def test_what_a_call_cannot_do_is_said_with_a_remedy(call, said):
    with pytest.raises((TypeError, IndexError), match=said):
        call(tg.Tensor(FLAT, requires_grad=True))


def test_what_is_written_where_is_masked_out_again():
    """Where nothing is taken nothing is computed: no warning, and no nan in the gradient."""
    with np.errstate(all="raise"):
        slope = tg.grad(lambda t: np.sum(np.sqrt(t, out=np.zeros_like(t), where=t > 0)))(np.array([4.0, 0.0, -1.0]))
    np.testing.assert_array_equal(slope, [0.25, 0, 0])


def test_a_sum_of_exponentials_over_nothing():
    for shape, axis in (((0,), 0), ((0, 3), 0), ((2, 0), 1), ((0, 0), 0), ((2, 0), None)):
        x = np.zeros(shape)
        want = np.logaddexp.reduce(x, axis=axis)
        np.testing.assert_array_equal(np.logaddexp.reduce(tg.Tensor(x), axis=axis).numpy(), want, strict=True)


def test_values_are_subtracted_at_an_index_that_repeats():
    def f(t):
        b = tg.ones(3)
        np.subtract.at(b, [0, 1, 0, 2], t)
        return np.sum(b * b)

    plain = np.ones(3)
    np.subtract.at(plain, [0, 1, 0, 2], FLAT)
    np.testing.assert_allclose(tg.grad(f)(FLAT), -2 * plain[[0, 1, 0, 2]])
