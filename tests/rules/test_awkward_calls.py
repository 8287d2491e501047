"""Calls that NumPy answers and that fell over here: empty operands, numbers for arrays, huge and tiny ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_lite as tg
from tinygrad_lite.testing import check_gradients

L = np.linalg
EMPTY = {
    "eigh, values": lambda a: L.eigh(a)[0],
    "eigh, vectors": lambda a: L.eigh(a)[1],
    "svd, values": lambda a: L.svd(a)[1],
    "svd, vectors": lambda a: L.svd(a)[0],
    "eig": lambda a: np.real(L.eig(a)[0]),
}


@pytest.mark.parametrize("shape", [(0, 0), (2, 0, 0)])
@pytest.mark.parametrize("f", EMPTY.values(), ids=EMPTY.keys())
def test_empty_matrices(f: Any, shape: tuple[int, ...]) -> None:
    a = np.zeros(shape)

    def total(a: Any) -> Any:
        return np.sum(f(a))

    assert tg.grad(total)(a).shape == shape
    assert tg.jvp(f, (a,), (a,))[1].shape == f(a).shape
    assert tg.grad(lambda a: np.sum(tg.grad(total)(a)))(a).shape == shape
    assert tg.compile(tg.grad(total))(a).shape == shape


@pytest.mark.parametrize("function", [np.var, np.std, np.median, np.nanvar], ids=lambda f: f.__name__)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of a mean of nothing
def test_statistics_of_nothing(function: Any) -> None:
    assert tg.grad(function)(np.zeros(0)).shape == (0,)
    assert tg.grad(lambda x: np.sum(function(x, axis=1)))(np.zeros((3, 0))).shape == (3, 0)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of no degrees of freedom
def test_more_degrees_of_freedom_than_entries() -> None:
    for function in (np.var, np.std, np.nanvar, np.nanstd):
        for x in (np.array([1.0]), np.array([1.0, np.nan])):
            x = x[np.isfinite(x)] if function in (np.var, np.std) else x
            assert np.isnan(function(x, ddof=1))
            assert np.isnan(function(tg.Tensor(x), ddof=1).numpy())
            assert np.isnan(tg.grad(lambda x, f=function: f(x, ddof=1))(x)[0])
            assert np.isnan(tg.jvp(lambda x, f=function: f(x, ddof=1), (x,), (np.ones_like(x),))[1])
    for function in (np.nanvar, np.nanstd):
        assert np.isnan(function(tg.Tensor([1.0, 4.0, np.nan]), ddof=3).numpy())


def test_the_kink_of_std_where_its_value_is_a_rounding_error() -> None:
    x = np.full(3, 0.1)
    assert np.std(x) != 0
    assert_array_equal(np.abs(tg.grad(np.std)(x)), 0)
    assert_array_equal(np.abs(tg.grad(lambda x: np.sum(np.std(x, axis=1)))(np.array([x, [1, 2, 4]])))[0], 0)
    assert check_gradients(np.std, np.array([0.1, 0.1 + 1e-3, 0.1])).ok


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's: the products overflow
def test_a_product_of_zeros_and_of_numbers_that_overflow() -> None:
    for x in ([0, 0, 1e200, 1e200], [1e200, 0, 1e200, 0], [1e200, 1e200, 0, 0]):
        assert_array_equal(tg.grad(np.prod)(np.array(x)), 0)
    assert_array_equal(tg.grad(np.prod)(np.array([0, 1e200, 1e200, 3])), [np.inf, 0, 0, 0])
    assert_allclose(tg.hessian(np.prod)(np.array([0.0, 0.0, 5.0])), [[0, 5, 0], [5, 0, 0], [0, 0, 0]])
    assert check_gradients(np.prod, np.array([0.0, 2.0, -3.0])).ok


@pytest.mark.parametrize("scale", [1e200, 1e-200, 1e307, 1.0])
def test_arctan2_of_huge_and_tiny_operands(scale: float) -> None:
    a, b = 3 * scale, 4 * scale
    assert_allclose(tg.grad(np.arctan2, argnums=(0, 1))(a, b), (0.16 / scale, -0.12 / scale), rtol=1e-13)


def test_numbers_and_lists_for_arrays() -> None:
    x = np.array([1.0, 0.2])
    assert_array_equal(tg.grad(lambda x: np.sum(np.select([True, x > 1], [x, x * 2])))(x), [1, 1])
    assert_array_equal(tg.grad(lambda x: np.sum(np.fmin(np.array([True]), x)))(x), [0.5, 1])
    assert_array_equal(tg.grad(lambda a: np.sum(np.take(a, [0, 0], axis=0)))(np.array(2.0)), 2)
    assert_allclose(tg.grad(lambda b: np.sum(np.logspace(0, 2, 3, base=b)))(2.0), 5)
    single = np.ones(2, np.float32)
    assert np.dot(2, tg.Tensor(single)).dtype == np.dot(2, single).dtype == np.float64


@pytest.mark.parametrize("nan", [(np.nan, 1.0), (1.0, np.nan), (np.nan, np.nan), (1.0, 2.0), (2.0, 2.0)])
def test_the_smaller_beside_nan(nan: tuple[float, float]) -> None:
    """As fmax of the negatives, whose derivative is tested elsewhere."""
    a, b = nan
    found = tg.grad(np.fmin, argnums=(0, 1))(a, b)
    assert_array_equal(found, tg.grad(lambda a, b: -np.fmax(-a, -b), argnums=(0, 1))(a, b))


def test_edges_and_weights_that_would_lose_their_gradient() -> None:
    data = np.arange(10.0).reshape(5, 2)
    edges = np.array([0.0, 4.0, 10.0])
    with pytest.raises(TypeError, match="lose its gradient"):
        tg.grad(lambda b: np.sum(np.histogram(data[:, 0], bins=b)[0] * 1.0))(edges)
    with pytest.raises(TypeError, match=r"histogramdd\(weights=t\)"):
        tg.grad(lambda w: np.sum(np.histogramdd(data, bins=[edges, edges], weights=w)[0]))(np.ones(5))
    counts, _ = np.histogram(data[:, 0], bins=tg.Tensor(edges))
    assert_array_equal(counts, np.histogram(data[:, 0], bins=edges)[0])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of samples of nothing
@pytest.mark.parametrize(
    ("call", "shape"),
    [
        (lambda x: np.cov(x), (0, 5)),
        (lambda x: np.cov(x), (2, 0)),
        (lambda x: np.cov(x, ddof=2), (1, 1)),
        (lambda x: np.corrcoef(x), (2, 0)),
        (lambda x: L.norm(x, 2), (0, 2)),
        (lambda x: L.norm(x, np.inf, axis=1), (3, 0)),
        (lambda x: L.norm(x, 1), (2, 0)),
        (lambda x: L.matrix_norm(x, ord=2), (2, 0, 2)),
        (lambda x: L.vector_norm(x, axis=0, ord=1), (3, 0)),
        (lambda x: L.vector_norm(x, axis=1, keepdims=True), (0, 4)),
        (lambda x: L.tensorsolve(x, np.zeros((0, 3))), (0, 3, 3, 0)),
    ],
)
def test_matrices_and_samples_of_nothing(call: Any, shape: tuple[int, ...]) -> None:
    x = np.ones(shape)
    try:
        expected = call(x)
    except (ValueError, IndexError, L.LinAlgError):
        pytest.skip("this NumPy refuses it")
    value, pullback = tg.vjp(call, x)
    assert_array_equal(value, expected)
    assert pullback(np.ones_like(value))[0].shape == shape
    assert tg.jvp(call, (x,), (x,))[1].shape == np.shape(expected)


FUNCTIONS_WITH_OUT = {
    "cumsum": lambda a, *out: np.cumsum(a, 0, None, *out),
    "nancumprod": lambda a, *out: np.nancumprod(a, 0, None, *out),
    "dot": lambda a, *out: np.dot(a, a.T, *out),
    "outer": lambda a, *out: np.outer(a, a, *out),
    "trace": lambda a, *out: np.trace(a, 0, 0, 1, None, *out),
    "compress": lambda a, *out: np.compress([True, False], a, 0, *out),
    "the method": lambda a, *out: a.compress([True, False], 0, *out),
    "fftn": lambda a, *out: np.fft.fftn(a, None, None, None, *out),
    "hfft": lambda a, *out: np.fft.hfft(a, None, -1, None, *out),
    "take": lambda a, *out: np.take(a, [0], 0, *out),
    "mean": lambda a, *out: np.mean(a, 0, None, *out),
}


@pytest.mark.parametrize("call", FUNCTIONS_WITH_OUT.values(), ids=FUNCTIONS_WITH_OUT.keys())
def test_no_out_by_position(call: Any) -> None:
    a = np.array([[1.0, 2.0, 0.5], [3.0, 0.25, 1.0]])
    assert_allclose(call(tg.Tensor(a), None), call(a, None), rtol=1e-13)
    with pytest.raises(TypeError, match=r"out=…"):
        call(tg.Tensor(a), call(a))


def test_arguments_that_change_no_number() -> None:
    a = np.array([[1.0, 2.0], [3.0, 0.25]])
    for call in (
        lambda a: np.cumsum(a, axis=0, out=None),
        lambda a: np.fft.fft2(a, out=None),
        lambda a: np.copy(a, order="F", subok=True),
        lambda a: a.copy("F"),
        lambda a: a.astype(np.float32, order="F", casting="same_kind", subok=False),
        lambda a: np.broadcast_to(a, (2, 2, 2), subok=True),
        lambda a: np.broadcast_arrays(a, 1.0, subok=True)[0],
        lambda a: np.sort(a, stable=True),
        lambda a: np.average(a, axis=[0, 1]),
    ):
        assert_allclose(call(tg.Tensor(a)), call(a), rtol=1e-15)
    with pytest.raises(TypeError, match="casting='safe'"):
        tg.Tensor(a).astype(np.float32, casting="safe")


UNSIGNED = {
    "roll": lambda a: np.roll(a, np.uint8(1)),
    "roll of axes": lambda a: np.roll(a, np.array([1, 2], np.uint64), axis=(0, 1)),
    "roll by a flag": lambda a: np.roll(a, True, axis=1),
    "diagonal": lambda a: np.diagonal(a, np.uint8(1)),
    "diag": lambda a: np.diag(a[0], np.uint8(1)),
    "trace": lambda a: np.trace(a, np.uint16(2)),
    "rot90": lambda a: np.rot90(a, np.uint8(3)),
    "repeat": lambda a: np.repeat(a, np.array([200, 0, 100], np.uint8), axis=0),
    "take": lambda a: np.take(a, np.array([11, 3], np.uint8)),
    "power": lambda a: np.uint8(200) ** a,
    "power of flags": lambda a: np.power(np.array([True, False, True, True]), np.abs(a)),
    "float_power": lambda a: np.float_power(np.array([200, 3, 7, 1], np.int16), a),
    "power of single precision": lambda a: np.float32(1.1) ** a,
    "logspace": lambda a: np.logspace(a, 1, 3, base=np.uint8(7)),
    "cov": lambda a: np.cov(a, aweights=np.array([200, 100, 100, 3], np.uint8)),
}


@pytest.mark.parametrize("call", UNSIGNED.values(), ids=UNSIGNED.keys())
def test_small_and_unsigned_numbers_beside_a_tensor(call: Any) -> None:
    """Whose negative, sum or logarithm is not what it is of other numbers."""
    a = np.random.default_rng(3).uniform(0.3, 1, (3, 4))
    assert_allclose(call(tg.Tensor(a)), call(a), rtol=1e-13)
    assert check_gradients(call, a).ok


def test_ratios_that_no_float_holds() -> None:
    for start, stop in ((1e-200, 1e200), (np.float32(1e-30), np.float32(1e30)), (-1e-200, -1e200), (2.0, 3.0)):
        assert_allclose(np.geomspace(tg.Tensor(start), stop, 5), np.geomspace(start, stop, 5), rtol=1e-5)
    slopes = [
        tg.jacobian(lambda a, b: np.geomspace(a, b, 4), argnums=(0, 1))(2.0 * sign, 3.0 * sign) for sign in (1, -1)
    ]
    assert_allclose(*slopes)


def test_coordinates_of_small_integers() -> None:
    y = np.array([1.0, 4.0, 2.0, 5.0])
    for x in (
        np.array([200, 10, 250, 3], np.uint8),
        np.array([-128, 100, -3, 7], np.int8),
        1 << np.arange(18, 22, dtype="i4"),
    ):
        for order in (1, 2):
            expected = np.gradient(y, x, edge_order=order)
            assert_allclose(np.gradient(tg.Tensor(y), x, edge_order=order), expected, rtol=1e-13)
            assert_allclose(np.gradient(tg.Tensor(y), tg.Tensor(x), edge_order=order), expected, rtol=1e-13)


def test_trapezoids_of_one_function_over_many_grids() -> None:
    y, x = np.array([1.0, 4.0, 2.0]), np.array([[0.0, 1.0, 3.0], [0.0, 2.0, 3.0]])
    assert_allclose(np.trapezoid(tg.Tensor(y), x), np.trapezoid(y, x))
    assert_allclose(np.trapezoid(tg.Tensor(y), dx=x[:, 1:]), np.trapezoid(y, dx=x[:, 1:]))
    assert check_gradients(np.trapezoid, y, x).ok


def test_common_values_whose_sum_overflows() -> None:
    a = np.array([1e308, 1.0, -np.inf, 5e-324])
    assert_array_equal(np.intersect1d(tg.Tensor(a), a[::-1]), np.intersect1d(a, a[::-1]))
    found = tg.grad(lambda a, b: np.sum(np.intersect1d(a, b)), argnums=(0, 1))(a, a[1:])
    assert [part.tolist() for part in found] == [[0, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]


def test_differences_of_truth_values_are_refused() -> None:
    for spacing in ((), (np.array([0.0, 1.0, 3.0]),)):
        with pytest.raises(TypeError, match="boolean"):
            np.gradient(np.array([True, False, True]), *spacing)
        with pytest.raises(TypeError, match="boolean"):
            np.gradient(tg.Tensor([True, False, True]), *spacing)


def test_truth_values_as_an_operand_of_arctan2() -> None:
    a = np.array([True, False])
    assert_allclose(tg.grad(lambda b: np.sum(np.arctan2(a, b)))(np.array([2.0, 3.0])), [-0.2, 0])


M, V = np.arange(1.0, 10.0).reshape(3, 3), np.array([1.0, 3.0, 2.0])
REFUSED = {
    "outer product of matrices": (L.outer, M, M),
    "more sizes than axes": (lambda x: np.fft.fftn(x, s=(2, 2, 2)), M),
    "the same, of a real array": (lambda x: np.fft.rfftn(x, s=(2, 2, 2)), M),
    "slopes along an axis twice": (lambda x: np.gradient(x, axis=(0, -2)), M),
    "a ratio to zero": (lambda x: np.geomspace(x, 0), V),
    "half a place": (lambda x: np.linspace(x, 1, 2.5), V),
    "half a power": (lambda x: L.matrix_power(x, 1.5), M),
    "half a diagonal": (lambda x: np.diag(x, 0.5), V),
    "a part that ends between two places": (lambda x: np.split(x, [1.5]), V),
    "a stack of systems": (lambda a, b: L.lstsq(a, b)[0], M, np.stack([M, M])),
}
if hasattr(np, "matvec"):
    REFUSED["a vector as a matrix"] = (np.matvec, V, V)
    REFUSED["a vector as a matrix, from the left"] = (np.vecmat, V, V)


@pytest.mark.filterwarnings("ignore:`axes` should not be:DeprecationWarning")  # NumPy's own, of fftn before it refuses
@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED.keys())
def test_what_numpy_refuses_is_refused(call: Any) -> None:
    f, *arguments = call
    for given in (arguments, map(tg.Tensor, arguments)):
        with pytest.raises((TypeError, ValueError)):
            f(*given)


def test_a_real_transform_over_an_axis_twice() -> None:
    assert_allclose(np.fft.rfftn(tg.Tensor(M), axes=(0, 0)), np.fft.rfftn(M, axes=(0, 0)))
