"""Derivatives at the edges: zeros in products, NaN left out, nothing at all, one number, every kind of index."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.testing import check_gradients

pytestmark = pytest.mark.thorough

RNG = np.random.default_rng(11)


def pulled(function: Callable[..., Any], *operands: Any) -> tuple[Any, ...]:
    """The cotangents of the operands, for a random one of the value."""
    value, pullback = tg.vjp(function, *operands)
    g = RNG.uniform(0.5, 2.0, np.shape(value)) * RNG.choice([-1.0, 1.0], np.shape(value))
    return g, *pullback(g)


# -- products --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("zeros", [(), (1,), (1, 3), (0, 1, 2, 3), (0,), (3,)], ids=str)
@pytest.mark.parametrize("function", [np.prod, np.cumprod, np.nanprod, np.nancumprod], ids=lambda f: f.__name__)
def test_products_with_zeros(function: Any, zeros: tuple[int, ...]) -> None:
    x = RNG.uniform(0.5, 2.0, 4)
    x[list(zeros)] = 0
    g, gx = pulled(function, x)
    # The products written out: entry j is the product of the first j + 1.
    lengths = range(1, 5) if "cum" in function.__name__ else [4]
    expected = [
        sum(gj * np.prod(np.delete(x[:n], i)) for gj, n in zip(np.atleast_1d(g), lengths, strict=True) if i < n)
        for i in range(4)
    ]
    np.testing.assert_allclose(gx, expected, rtol=1e-14)


def test_a_product_that_underflows_still_has_its_derivative() -> None:
    np.testing.assert_array_equal(tg.grad(np.prod)(np.array([1e-200, 1e-200, 1.0])), [1e-200, 1e-200, 0.0])


def test_second_derivatives_of_a_product_with_a_zero() -> None:
    x = np.array([2.0, 0.0, 3.0])
    np.testing.assert_array_equal(tg.hessian(np.prod)(x), [[0, 3, 0], [3, 0, 2], [0, 2, 0]])
    np.testing.assert_array_equal(tg.hessian(lambda x: np.cumprod(x)[2])(x), [[0, 3, 0], [3, 0, 2], [0, 2, 0]])


# -- NaN left out ----------------------------------------------------------------------------------------------------

HOLES = np.eye(4, 5, 1, dtype=bool)  # three numbers at least are left in every line: of two, std is |a - b| / 2


@pytest.mark.parametrize("keywords", [{}, {"axis": 1}, {"axis": 0, "keepdims": True}], ids=str)
@pytest.mark.parametrize(
    "function",
    [np.nansum, np.nanmean, np.nanmax, np.nanmin, np.nanprod, np.nanvar, np.nanstd, np.nanmedian],
    ids=lambda f: f.__name__,
)
def test_what_is_nan_has_no_part_in_it(function: Any, keywords: dict[str, Any]) -> None:
    x = RNG.permutation(20).reshape(4, 5) / 8 + RNG.uniform(0.1, 0.15, (4, 5))

    def with_holes(x: Any) -> Any:
        return function(np.where(HOLES, np.nan, x), **keywords)

    assert check_gradients(with_holes, x, order=2).ok
    _, gx = pulled(with_holes, x)
    np.testing.assert_array_equal(gx[HOLES], 0)


@pytest.mark.parametrize(
    "keywords", [{"q": 0.3}, {"q": 0.7, "axis": 1}, {"q": 0.5, "axis": 0, "method": "hazen"}], ids=str
)
def test_quantiles_with_holes(keywords: dict[str, Any]) -> None:
    x = RNG.permutation(20).reshape(4, 5) / 8 + RNG.uniform(0.1, 0.15, (4, 5))
    assert check_gradients(lambda x: np.nanquantile(np.where(HOLES, np.nan, x), **keywords), x).ok


@pytest.mark.parametrize("function", [np.nancumsum, np.nancumprod], ids=lambda f: f.__name__)
def test_running_sums_with_holes(function: Any) -> None:
    assert check_gradients(lambda x: function(np.where(HOLES, np.nan, x), axis=1), RNG.uniform(0.5, 2, (4, 5))).ok


# -- nothing, and one number -----------------------------------------------------------------------------------------

OF_ANY_SIZE: dict[str, Callable[[Any], Any]] = {
    "sum": np.sum,
    "sum over the empty axis": lambda x: np.sum(x, axis=0),
    "prod": np.prod,
    "cumsum": np.cumsum,
    "cumprod": np.cumprod,
    "cumsum along an axis": lambda x: np.cumsum(x, axis=0),
    "cumprod along an axis": lambda x: np.cumprod(x, axis=0),
    "repeat along an axis": lambda x: np.repeat(x, 2, axis=0),
    "sort": lambda x: np.sort(x, axis=None),
    "ravel": np.ravel,
    "where": lambda x: np.where(x > 0, x, 0),
    "clip": lambda x: np.clip(x, -1, 1),
    "concatenate": lambda x: np.concatenate([np.ravel(x), np.ravel(x)]),
    "stack": lambda x: np.stack([x, x]),
    "flip": lambda x: np.flip(np.atleast_1d(x)),
    "tile": lambda x: np.tile(x, 2),
    "repeat": lambda x: np.repeat(x, 2),
    "pad": lambda x: np.pad(np.atleast_1d(x), 1),
    "nansum": np.nansum,
    "nan_to_num": np.nan_to_num,
    "maximum": lambda x: np.maximum(x, 0.5),
    "unique": np.unique,
    "broadcast_to": lambda x: np.broadcast_to(x, (3, *x.shape)),
    "getitem": lambda x: x[...],
    "mask": lambda x: x[x > 5],
    "sinc": np.sinc,
    "i0": np.i0,
}


@pytest.mark.parametrize("name", OF_ANY_SIZE)
@pytest.mark.parametrize("x", [np.zeros((0, 3)), np.zeros(0), np.array(0.7)], ids=["(0, 3)", "(0,)", "()"])
def test_nothing_and_one_number(name: str, x: Any) -> None:
    _, gx = pulled(OF_ANY_SIZE[name], x)
    assert (type(gx), gx.shape, gx.dtype) == (np.ndarray, x.shape, x.dtype)
    if x.size:
        assert check_gradients(OF_ANY_SIZE[name], x, order=2).ok


@pytest.mark.parametrize(
    "function", [np.max, np.min, np.mean, np.var, np.std, np.median, np.ptp], ids=lambda f: f.__name__
)
def test_reductions_of_one_number(function: Any) -> None:
    x = np.array(0.7)
    expected = 0.0 if function in (np.var, np.std, np.ptp) else 1.0
    assert tg.grad(function)(x) == expected
    np.testing.assert_array_equal(
        tg.grad(lambda x: np.sum(function(x, axis=1)))(np.full((2, 1), 0.7)), [[expected]] * 2
    )


# -- extreme numbers -------------------------------------------------------------------------------------------------


def test_no_warning_and_no_nan_where_the_derivative_is_finite() -> None:
    cases = {
        np.sinc: np.array([0.0, 1e-300, 1e-9, 0.25, 1e9]),
        np.i0: np.array([0.0, -1e-300, 700.0, -700.0]),
        np.nan_to_num: np.array([np.nan, np.inf, -np.inf, 1e308]),
        np.std: np.array([1e-200, 1e-200]),
        np.tanh: np.array([-np.inf, -1e308, 1e308, np.inf]),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for function, x in cases.items():
            _, gx = pulled(function, x)
            assert np.all(np.isfinite(gx)), function.__name__


@pytest.mark.parametrize("x", [1e-12, 1e-3, 0.2, 0.24999, 0.25001, 0.9, 3.3])
def test_the_derivative_of_sinc_is_exact_near_0(x: float) -> None:
    """Against the series Σ (-1)ⁿ 2n π²ⁿ x²ⁿ⁻¹ / (2n + 1)! with exact coefficients."""
    from fractions import Fraction
    from math import factorial

    t = Fraction(np.pi) * Fraction(x)  # the double nearest to π will do: it moves the result by 1e-16
    series = sum((-1) ** n * 2 * n * t ** (2 * n - 1) / factorial(2 * n + 1) for n in range(1, 40))
    np.testing.assert_allclose(tg.grad(np.sinc)(x), float(series * Fraction(np.pi)), rtol=4e-15, atol=1e-15)


@pytest.mark.parametrize("x", [-2.5, -1e-8, 0.0, 1.0, 10.0, 300.0])
def test_derivatives_of_i0_are_bessel_functions(x: float) -> None:
    special = pytest.importorskip("scipy.special")
    np.testing.assert_allclose(tg.grad(np.i0)(x), special.i1(x), rtol=1e-13)
    np.testing.assert_allclose(tg.grad(tg.grad(np.i0))(x), (special.i0(x) + special.iv(2, x)) / 2, rtol=1e-13)


# -- every kind of index ---------------------------------------------------------------------------------------------

ROWS, MASK = np.array([1, 0, 1]), RNG.uniform(size=(2, 3, 4)) > 0.5
INDICES: list[Any] = [
    *(0, -1, slice(None), slice(None, None, -2), ..., None, (), True, np.int64(1), np.array(1)),
    *((1, 2), (..., 0), (None, 1, ..., None), (slice(1), slice(2, 0, -1), 3)),
    *(ROWS, [0, 1, 1], [], [[0, 1], [1, 1]], (slice(None), ROWS), (0, ROWS), (0, slice(None), ROWS)),
    *((ROWS, slice(None), ROWS), (ROWS[:, None], [0, 2]), (ROWS, ..., None, 0), (None, ROWS, None)),
    *(MASK, MASK[0, 0, 0], (slice(None), MASK[0]), (MASK[:, 0, 0], 1), (MASK[:, :, 0], ROWS[:1]), (..., MASK[0, 0])),
    *(np.nonzero(MASK), np.ix_([0, 1], [2, 0], [1, 3])),
]


@pytest.mark.parametrize("index", INDICES, ids=str)
def test_every_kind_of_index(index: Any) -> None:
    x = RNG.normal(size=(2, 3, 4))
    value = tg.Tensor(x)[index]
    np.testing.assert_array_equal(value.numpy(), x[index])
    g, gx = pulled(lambda x: x[index], x)
    places = np.arange(x.size).reshape(x.shape)[index]
    np.testing.assert_allclose(gx.ravel(), np.bincount(np.ravel(places), np.ravel(g), x.size), rtol=1e-14, atol=1e-15)
    tangent = RNG.normal(size=x.shape)
    np.testing.assert_array_equal(tg.jvp(lambda x: x[index], (x,), (tangent,))[1], tangent[index])


@pytest.mark.parametrize("index", [i for i in INDICES if not isinstance(i, list) or i != [[0, 1], [1, 1]]], ids=str)
def test_set_at_every_kind_of_index(index: Any) -> None:
    x = RNG.normal(size=(2, 3, 4))
    places = np.arange(x.size).reshape(x.shape)[index]
    value = RNG.normal(size=np.shape(places))
    if np.unique(places).size != np.size(places):
        with pytest.raises(ValueError, match="twice"):
            tg.set_at(x, index, value)
        return
    expected = x.copy()
    expected[index] = value
    np.testing.assert_array_equal(tg.set_at(x, index, value), expected)
    g, gx, gv = pulled(lambda x, v: tg.set_at(x, index, v), x, value)
    there = np.zeros(x.shape, bool)
    there[index] = True
    np.testing.assert_array_equal(gx, np.where(there, 0, g))
    np.testing.assert_array_equal(gv, g[index])


def test_set_at_broadcasts_its_value_and_keeps_the_dtype() -> None:
    x = np.zeros((2, 3), np.float32)
    assert tg.set_at(x, (slice(None), 1), 2.5).dtype == np.float32
    g, gv = pulled(lambda v: tg.set_at(np.zeros((2, 3)), slice(None), v), np.ones(3))
    np.testing.assert_allclose(gv, g.sum(0))


def test_a_tensor_as_index_and_as_condition() -> None:
    x = RNG.normal(size=(3, 4))
    order, mask = tg.Tensor(np.array([2, 0])), tg.Tensor(x) > 0
    np.testing.assert_array_equal(tg.Tensor(x)[order].numpy(), x[[2, 0]])
    np.testing.assert_array_equal(tg.Tensor(x)[mask].numpy(), x[x > 0])
    np.testing.assert_array_equal(tg.grad(lambda x: np.sum(x[x > 0] * 2))(x), np.where(x > 0, 2.0, 0.0))
    np.testing.assert_array_equal(
        tg.grad(lambda x: x[np.argmax(x[:, 0]), 1])(x), np.eye(4)[1] * (x == x[:, :1].max())[:, :1]
    )


def test_a_program_computes_its_indices_anew() -> None:
    @tg.compile
    def largest_cleared(x: Any) -> Any:
        return tg.set_at(x, np.argmax(x), 0.0), np.take(x, np.argsort(x)), x[np.argmin(x)]

    for x in (np.array([3.0, 1.0, 2.0]), np.array([1.0, 5.0, 2.0])):
        cleared, ordered, least = largest_cleared(x)
        np.testing.assert_array_equal(cleared, np.where(x == x.max(), 0, x))
        np.testing.assert_array_equal(ordered, np.sort(x))
        assert least == x.min()


def test_an_index_out_of_bounds_names_the_tensor() -> None:
    weights = tg.Tensor(np.zeros((2, 3)), name="weights")
    with pytest.raises(IndexError, match=r"weights.*\(2, 3\).*out of bounds"):
        weights[5]
    with pytest.raises(IndexError, match="too many indices"):
        weights[0, 0, 0]
    with pytest.raises(TypeError, match="set_at"):
        weights[0] = 1.0


def test_places_on_a_line_are_not_complex() -> None:
    x, xp, fp = np.array([0.5, 1.5]), np.array([0.0, 1.0, 2.0]), np.array([1.0, 2j, 3.0])
    assert np.interp(tg.Tensor(x), xp, fp).numpy().tolist() == np.interp(x, xp, fp).tolist()
    for call in (lambda: np.interp(tg.Tensor(x + 0j), xp, fp), lambda: np.interp(x, xp + 0j, tg.Tensor(fp))):
        with pytest.raises(TypeError, match="interp: x and xp .* cannot be complex"):
            call()


@pytest.mark.parametrize(
    "function",
    [
        lambda t: np.sum(t, axis=2),
        lambda t: np.var(t, axis=-3),
        lambda t: np.average(t, 2, np.ones(3)),
        lambda t: np.median(t, axis=2),
        lambda t: np.repeat(t, 2, 2),
        lambda t: np.rollaxis(t, 2),
        lambda t: np.rollaxis(t, 0, 3),
        lambda t: np.rot90(t, axes=(0, 2)),
        lambda t: np.take(t, 0, 2),
        lambda t: np.compress([True], t, 2),
        lambda t: np.concatenate([t, t], 2),
        lambda t: np.stack([t, t], 3),
        lambda t: np.array_split(t, 2, -3),
        lambda t: np.split(t, 1, 2),
        lambda t: np.unstack(t, axis=2),
        lambda t: np.append(t, t, axis=2),
        lambda t: np.delete(t, 0, 2),
        lambda t: np.insert(t, 0, 1.0, 2),
        lambda t: np.diff(t, axis=2),
        lambda t: np.gradient(t, axis=2),
        lambda t: np.trapezoid(t, axis=2),
        lambda t: np.apply_along_axis(np.sum, 2, t),
        lambda t: np.apply_over_axes(np.sum, t, (2,)),
        lambda t: np.cumulative_sum(t, axis=2, include_initial=True),
        lambda t: np.sort(t, axis=2),
        lambda t: np.take_along_axis(t, np.zeros((2, 3), int), 2),
        lambda t: np.size(t, 2),
        lambda t: np.nanmean(t, axis=2),
    ],
)
def test_an_axis_that_is_not_there_raises(function: Any) -> None:
    for t in (np.ones((2, 3)), tg.Tensor(np.ones((2, 3)), requires_grad=True)):
        with pytest.raises((np.exceptions.AxisError, IndexError, ValueError)):
            function(t)


# -- what a traced or a raw value would freeze -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "function",
    [
        lambda t: np.trim_zeros(t),
        lambda t: np.roots(t),
        lambda t: np.repeat(t, np.argmax(t)),
        lambda t: np.array2string(t),
        lambda t: np.min_scalar_type(t[0]),
        lambda t: np.delete(t, np.argmax(t)),
        lambda t: np.insert(t, np.argmax(t), 1.0),
    ],
)
def test_a_program_refuses_to_freeze_numbers(function: Any) -> None:
    with pytest.raises(tg.TraceError):
        tg.compile(lambda t: (function(t), t * 2)[1])(np.array([1.0, 2.0, 3.0]))


# -- weighted quantiles ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("function", [np.quantile, np.percentile, np.nanquantile, np.nanpercentile])
def test_weighted_quantiles(function: Any) -> None:
    x = RNG.permutation(np.linspace(-1.0, 2.0, 24)).reshape(2, 3, 4)
    whole, line = RNG.uniform(0.2, 2, (2, 3, 4)), np.array([0, 2.0, 0.5, 0])
    scale = 100 if "percent" in function.__name__ else 1
    for q in (0.0, 0.3, 1.0, np.array([0.1, 0.9]), np.array([[0.4], [0.6]])):
        for keywords in (
            {"weights": whole},
            {"weights": whole, "axis": 1, "keepdims": True},
            {"weights": line, "axis": -1},
            {"weights": whole[:, 0].T, "axis": (2, 0)},
        ):

            def f(x: Any, q: Any = q, keywords: Any = keywords) -> Any:
                return function(x, scale * q, method="inverted_cdf", **keywords)

            # NumPy's nanquantile fails with weights= and axis=; without NaN it is quantile.
            plain = np.quantile(x, q, method="inverted_cdf", **keywords)
            np.testing.assert_array_equal(f(tg.Tensor(x)).numpy(), plain)
            g, gx = pulled(f, x)
            expected = np.zeros(x.shape)
            for value, gi in zip(np.ravel(plain), np.ravel(g), strict=True):
                expected[x == value] += gi
            np.testing.assert_allclose(gx, expected)
    with pytest.raises(ValueError, match="inverted_cdf"):
        function(tg.Tensor(x), 0.3, weights=whole)


@pytest.mark.parametrize("function", [np.quantile, np.nanquantile], ids=lambda f: f.__name__)
def test_weighted_quantiles_of_nan(function: Any) -> None:
    x = np.array([[1.0, np.nan, 3.0, 2.0], [4.0, 1.0, 2.0, 3.0], [np.nan] * 4])
    w = np.array([[1.0, 9.0, 1.0, 3.0], [1.0, 2.0, 1.0, 4.0], [1.0] * 4])
    found = function(tg.Tensor(x), 0.6, axis=1, weights=w, method="inverted_cdf").numpy()
    np.testing.assert_array_equal(found, [2 if function is np.nanquantile else np.nan, 3, np.nan])
    light = function(tg.Tensor(x[:1]), 0.1, axis=1, weights=np.ones((1, 4)), method="inverted_cdf").numpy()
    np.testing.assert_array_equal(light, [1 if function is np.nanquantile else np.nan])  # one NaN is enough
