"""where=, initial=, dtype=, mean= in reductions, over every function of NumPy's that has them: read from signatures."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_lite as tg
from tinygrad_lite.testing import check_gradients

pytestmark = pytest.mark.thorough

RNG = np.random.default_rng(3)
X = RNG.permutation(np.linspace(-1.5, 2.0, 24)).reshape(2, 3, 4)
MASK = RNG.uniform(size=(2, 3, 4)) > 0.4
MASK[0, 0, 0] = MASK[1, 1, 1] = MASK[0, 2, 2] = MASK[1, 0, 3] = MASK[0, 1, 3] = MASK[1, 2, 0] = True
LINE = np.array([True, False, True, True])


def reductions(keyword: str) -> list[Any]:
    """Every function of NumPy's that takes an axis and this keyword."""
    found = {}
    for name in dir(np):
        function = getattr(np, name)
        if name.startswith("_") or isinstance(function, (type, np.ufunc)) or not callable(function):
            continue
        try:
            names = inspect.signature(function).parameters
        except (TypeError, ValueError):
            continue
        if {"axis", keyword} <= names.keys() and next(iter(names)) in ("a", "x"):
            found[function] = name
    return [pytest.param(function, id=name) for function, name in found.items()]


def compare(call: Any, x: Any, order: int = 2) -> None:
    """The value is NumPy's, dtype included; and the gradient is right, where there is one."""
    plain = call(x)
    found = call(tg.Tensor(x, requires_grad=x.dtype.kind == "f"))
    assert (found.shape, found.dtype) == (plain.shape, plain.dtype)
    assert_allclose(
        found.detach().numpy(), plain, rtol=1e-5 if min(plain.dtype.itemsize, x.dtype.itemsize) < 8 else 1e-13
    )
    if plain.dtype == np.float64 == x.dtype:
        assert check_gradients(call, x, order=order).ok


def arguments(function: Any) -> dict[str, Any]:
    """What a call with where= needs besides."""
    return {"initial": 0.25} if function in (np.max, np.min, np.amax, np.amin, np.nanmax, np.nanmin) else {}


@pytest.mark.parametrize("function", reductions("where"))
def test_where(function: Any) -> None:
    for mask, keywords in (
        (MASK, {}),
        (MASK, {"axis": 2}),
        (LINE, {"axis": (0, -1), "keepdims": True}),
        ([[True], [False], [True]], {"axis": 1}),
        (True, {"axis": 0}),
    ):
        compare(lambda x, m=mask, k=keywords: function(x, where=m, **arguments(function), **k), X, order=1)


@pytest.mark.parametrize("function", reductions("where"))
def test_where_is_a_mask(function: Any) -> None:
    t = tg.Tensor(X, requires_grad=True)
    with pytest.raises(TypeError, match="where= is float64"):
        function(t, where=np.ones(4), **arguments(function))
    with pytest.raises(ValueError, match="broadcast"):
        function(t, where=np.ones((2, 2, 3, 4), bool), **arguments(function))


@pytest.mark.parametrize("function", reductions("where"))
def test_what_is_left_out_gets_no_gradient_whatever_it_is(function: Any) -> None:
    """nan, an infinity or 0 in an entry that where= leaves out."""
    if function in (np.all, np.any):
        return

    def f(x: Any) -> Any:
        return function(x, axis=1, where=np.isfinite(x) & (x != 0), **arguments(function))

    x = np.array([[1.5, np.nan, 2.5, 0.75], [np.inf, 0.5, 0.0, 1.25]])
    value, pullback = tg.vjp(f, x)
    g = np.array([0.7, -1.3])
    found = pullback(g)[0]
    assert np.all(np.isfinite(value))
    assert_array_equal(found[~np.isfinite(x) | (x == 0)], 0)
    for row, (line, gi) in enumerate(zip(x, g, strict=True)):
        kept = line[np.isfinite(line) & (line != 0)]
        short = tg.vjp(lambda x: function(x, **arguments(function)), kept)[1](gi)[0]
        assert_allclose(found[row][np.isfinite(line) & (line != 0)], short, rtol=1e-12)


@pytest.mark.parametrize("function", reductions("initial"))
def test_initial(function: Any) -> None:
    for initial in (0.3, -1.7, 5):
        for keywords in ({}, {"axis": 1}, {"axis": (0, 2), "keepdims": True}):
            compare(lambda x, i=initial, k=keywords: function(x, initial=i, **k), X, order=1)
    empty = np.zeros((3, 0))
    compare(lambda x: function(x, axis=1, initial=0.3), empty)
    assert function(tg.Tensor(X.astype(np.float32)), initial=np.float64(2)).dtype == np.float32
    assert check_gradients(lambda x, i: function(x, axis=1, initial=i), X, 0.3).ok  # a Tensor may start it
    with pytest.raises(ValueError, match="initial= is one number"):
        function(tg.Tensor(X), axis=0, initial=np.ones(4))


@pytest.mark.parametrize("function", reductions("dtype"))
def test_dtype(function: Any) -> None:
    keywords = {"axis": 1}
    for source in (np.float64, np.float32, np.float16, np.int16, np.bool_):
        if source is np.float16 and function in (np.nanvar, np.nanstd):
            continue  # NumPy takes the differences in half precision, whatever dtype= is
        x = np.where(np.abs(X) < 0.5, 1, X).astype(source)
        for dtype in (None, np.float32, "float64", complex):
            if dtype is complex and function in (np.nanvar, np.nanstd):
                continue  # NumPy warns, since it takes the differences of real numbers as such
            compare(lambda x, d=dtype: function(x, dtype=d, **keywords), x, order=1)
    single = X.astype(np.float32)
    value, pullback = tg.vjp(lambda x: function(x, dtype=np.float64, **keywords), single)
    assert value.dtype == np.float64
    assert pullback(np.ones_like(value))[0].dtype == np.float32


@pytest.mark.parametrize("function", [np.sum, np.prod, np.cumsum, np.cumprod], ids=lambda f: f.__name__)
def test_a_dtype_of_whole_numbers(function: Any) -> None:
    compare(lambda x: function(x, axis=1, dtype=np.int16), X)
    assert not function(tg.Tensor(X, requires_grad=True), dtype=int).requires_grad


@pytest.mark.parametrize("function", [np.var, np.std, np.nanvar, np.nanstd], ids=lambda f: f.__name__)
def test_a_dtype_that_cannot_hold_deviations_is_refused(function: Any) -> None:
    """NumPy takes the real parts of the mean, but not of the numbers, and truncates on the way."""
    for x, dtype in ((X + 1j, np.float32), (X, int), (X.astype(int), bool)):
        with pytest.raises(TypeError, match="cannot hold the deviations"):
            function(tg.Tensor(x), dtype=dtype)
    z = X.astype(np.complex64) * 1j
    assert_allclose(
        function(tg.Tensor(z), axis=1, dtype=complex).numpy(), function(z, axis=1, dtype=complex), rtol=1e-6
    )


@pytest.mark.parametrize("function", reductions("mean"))
def test_a_mean_that_is_known(function: Any) -> None:
    for keywords in ({}, {"ddof": 1}, {"where": MASK}, {"keepdims": True}):
        mean = np.mean(X, axis=2, keepdims=True) + 0.1
        call = lambda x, m, k=keywords: function(x, axis=2, mean=m, **k)  # noqa: E731
        compare(lambda x, m=mean, call=call: call(x, m), X, order=1)
        assert check_gradients(call, X, mean).ok
    known = check_gradients(lambda x: function(x, axis=1, mean=np.mean(x, axis=1, keepdims=True)), X)
    assert known.ok


def test_extremes_of_some_need_a_value_for_none() -> None:
    with pytest.raises(ValueError, match="needs initial="):
        np.max(tg.Tensor(X), where=MASK)
    whole = np.array([[3, -5], [4, 7]])
    assert np.min(tg.Tensor(whole), where=whole > 3, initial=6).numpy() == 4
    assert np.nanmax(tg.Tensor([np.nan, np.nan]), initial=1.5).numpy() == 1.5


def test_by_position() -> None:
    assert np.sum(tg.Tensor(X), 0, np.float32).dtype == np.float32
    assert np.cumsum(tg.Tensor(X), 0, np.float32).dtype == np.float32
    assert tg.Tensor(X).sum(dtype=np.float32, where=MASK).dtype == np.float32
    with pytest.raises(TypeError, match=r"sum\(out="):
        np.sum(tg.Tensor(X), 0, np.float32, np.zeros((3, 4), np.float32))


UFUNCS = [np.add, np.multiply, np.maximum, np.minimum, np.fmax, np.fmin, np.logaddexp]


@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda u: u.__name__)
def test_reduce(ufunc: Any) -> None:
    for keywords in ({"initial": 0.3}, {"initial": 0.3, "where": MASK}, {"axis": 1, "where": MASK, "initial": -0.4}):
        compare(lambda x, k=keywords: ufunc.reduce(x, **k), X, order=1)
    if ufunc in (np.add, np.multiply, np.logaddexp):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compare(lambda x: ufunc.reduce(x, axis=2, where=MASK), X, order=1)
    compare(lambda x: ufunc.reduce(x, dtype=np.float32), X)
    assert np.logical_and.reduce(tg.Tensor(X) > 0, where=X > 0).numpy().all()
    assert not np.logical_or.reduce(tg.Tensor(X) > 0, where=X < 0, initial=False).numpy().any()


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.maximum, np.minimum], ids=lambda u: u.__name__)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_accumulate(ufunc: Any, axis: int) -> None:
    compare(lambda x: ufunc.accumulate(x, axis), X)
    compare(lambda x: ufunc.accumulate(x, axis, np.float32), X)


def test_a_running_maximum_is_the_entry_that_first_reached_it() -> None:
    x = np.array([1.0, 3.0, 2.0, 3.0, np.nan, 5.0, np.nan])
    g = np.array([0.5, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])
    y, pullback = tg.vjp(np.maximum.accumulate, x)
    assert_array_equal(y, np.maximum.accumulate(x))
    assert_array_equal(pullback(g)[0], [0.5, 14, 0, 0, 112, 0, 0])


def test_compiled_and_derived() -> None:
    def cost(x: Any) -> Any:
        return np.mean(x, where=x > 0) + np.std(x, where=MASK) + np.max(x, initial=0.5, where=x < 1)

    assert_allclose(tg.compile(tg.grad(cost))(X), tg.grad(cost)(X), rtol=1e-12)
    other = X[:, ::-1] * 0.7
    compiled = tg.compile(tg.grad(cost))
    compiled(X)
    assert_allclose(compiled(other), tg.grad(cost)(other), rtol=1e-12)


@pytest.mark.parametrize(
    "function", [np.sum, np.prod, np.mean, np.var, np.nansum, np.nanmean], ids=lambda f: f.__name__
)
def test_a_mask_larger_than_the_array_is_refused(function: Any) -> None:
    """Broadcast, the array's entries would count several times."""
    for shape, larger in (((1,), (3,)), ((3, 1), (3, 4)), ((3, 1), (4,)), ((), (1,))):
        with pytest.raises(ValueError, match="broadcast|remapping"):
            function(np.ones(shape), where=np.ones(larger, bool))
        with pytest.raises(ValueError, match="does not broadcast"):
            function(tg.Tensor(np.ones(shape)), where=np.ones(larger, bool))
