"""tg.minimize and tg.root: every method of SciPy's, trees, bounds, and what is refused."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_lite as tg

pytestmark = pytest.mark.thorough

optimize = pytest.importorskip("scipy.optimize")

TARGET = {"w": np.array([1.0, -2.0]), "b": np.array(0.5)}


def rosenbrock(p: Any) -> Any:
    x, y = p["w"][0], p["w"][1]
    return (1 - x) ** 2 + 5 * (y - x**2) ** 2 + (p["b"] - 0.5) ** 2 * (1 + x**2)


START = {"w": np.array([-0.5, 0.6]), "b": 0.0}
METHODS = [
    *("Nelder-Mead", "Powell", "CG", "BFGS", "Newton-CG", "L-BFGS-B", "TNC", "COBYLA", "SLSQP", "trust-constr"),
    *("dogleg", "trust-ncg", "trust-exact", "trust-krylov"),
]


@pytest.mark.parametrize("method", METHODS)
def test_every_method(method: str) -> None:
    start = {"w": np.array([1.2, 1.3]), "b": 0.4} if method == "dogleg" else START  # which wants a positive Hessian
    kept: list[Any] = []
    options = {"maxiter": 2000} if method == "COBYLA" else None
    result = tg.minimize(rosenbrock, start, method, callback=kept.append, tol=1e-10, options=options)
    assert_allclose(result.x["w"], [1, 1], atol=2e-3)
    assert_allclose(result.x["b"], 0.5, atol=2e-3)
    assert result.x["b"].shape == ()
    assert result.fun < 1e-5
    assert kept
    assert set(kept[-1]) == {"w", "b"}
    if "jac" in result:
        assert set(result.jac) == {"w", "b"}


def test_it_is_scipys_minimum_with_fewer_calls() -> None:
    calls: list[int] = []

    def counted(p: Any) -> Any:
        calls.append(1)
        return rosenbrock(p)

    result = tg.minimize(counted, START)
    with_gradient = len(calls)
    numerical = optimize.minimize(lambda v: float(rosenbrock({"w": v[:2], "b": v[2]})), [-0.5, 0.6, 0.0])
    assert_allclose(np.append(result.x["w"], result.x["b"]), numerical.x, atol=1e-4)
    assert with_gradient < numerical.nfev
    assert set(result.jac) == {"w", "b"}


def test_dtypes_and_arguments() -> None:
    def f(x: Any, target: Any, scale: float) -> Any:
        assert x.dtype == np.float32
        return scale * np.sum((x - target) ** 2)

    result = tg.minimize(f, np.zeros((2, 3), np.float32), args=(np.arange(6, dtype=np.float32).reshape(2, 3), 2.0))
    assert result.x.dtype == np.float32
    assert_allclose(result.x, np.arange(6).reshape(2, 3), atol=1e-4)


@pytest.mark.parametrize("method", ["L-BFGS-B", "Nelder-Mead", "Newton-CG", "trust-exact"])
def test_the_derivatives_of_a_compiled_function_are_compiled(method: str) -> None:
    calls = []

    def cost(p: Any, scale: Any) -> Any:
        calls.append(type(p["w"]))
        return scale * rosenbrock(p)

    result = tg.minimize(tg.compile(cost, target="numpy"), START, method, args=(np.array(2.0),), tol=1e-9)
    assert_allclose(result.x["w"], [1, 1], atol=1e-3)
    assert len(calls) < result.nfev  # it was traced, and the programs run


@pytest.mark.parametrize("method", ["hybr", "lm", "krylov"])
def test_the_jacobian_of_a_compiled_function_is_compiled(method: str) -> None:
    calls = []

    def residuals(p: Any) -> Any:
        calls.append(1)
        return {"a": np.exp(p["x"]) + p["y"] - 3, "b": p["x"][0] * p["y"] - 0.4}

    start = {"x": np.array([0.5, 0.2]), "y": np.array(2.0)}
    result = tg.root(tg.compile(residuals, target="numpy"), start, method)
    traces = len(calls)
    assert traces < 8
    assert_allclose(result.fun["a"], [0, 0], atol=1e-5)
    assert_allclose(result.fun["b"], 0, atol=1e-5)
    assert_allclose(result.x["x"], tg.root(residuals, start, method).x["x"], rtol=1e-5)
    assert len(calls) > 2 * traces


def test_tensors() -> None:
    assert_allclose(tg.minimize(lambda t: np.sum((t - 3) ** 2), tg.Tensor([0.0, 1.0])).x, [3, 3], atol=1e-5)


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ((None, 0.25), [0.25, -2.0, 0.25]),
        ((0.0, None), [1.0, 0.0, 0.5]),
        (({"w": -1.5, "b": None}, None), [1.0, -1.5, 0.5]),
        (({"w": np.array([2.0, -5]), "b": 1}, {"w": None, "b": 3.0}), [2.0, -2.0, 1.0]),
        (([-np.inf, -1.0], [0.5, np.inf]), None),
        (([None, -1.0], [0.5, None]), None),
    ],
)
def test_bounds(bounds: Any, expected: Any) -> None:
    if expected is None:
        result = tg.minimize(lambda w: np.sum((w - TARGET["w"]) ** 2), np.zeros(2), bounds=bounds)
        assert_allclose(result.x, [0.5, -1], atol=1e-6)
        return
    cost = lambda p: np.sum((p["w"] - TARGET["w"]) ** 2) + (p["b"] - TARGET["b"]) ** 2  # noqa: E731
    result = tg.minimize(cost, {"w": np.zeros(2), "b": 0.0}, bounds=bounds)
    assert_allclose(np.append(result.x["w"], result.x["b"]), expected, atol=1e-5)


def test_constraints_are_scipys() -> None:
    line = {"type": "eq", "fun": lambda v: v[0] + v[1] - 1}
    result = tg.minimize(lambda x: np.sum(x**2), np.array([3.0, -1.0]), "SLSQP", constraints=line)
    assert_allclose(result.x, [0.5, 0.5], atol=1e-6)


def test_stopping_and_the_progress_line(capsys: pytest.CaptureFixture[str]) -> None:
    def stop(p: Any) -> None:
        raise StopIteration

    assert tg.minimize(rosenbrock, START, callback=stop).nit == 1
    tg.minimize(rosenbrock, START, progress=True)
    assert "iterations  cost" in capsys.readouterr().err
    tg.minimize(rosenbrock, START)
    assert not capsys.readouterr().err


@pytest.mark.parametrize("method", ["hybr", "lm", "broyden1", "krylov", "df-sane"])
def test_root(method: str) -> None:
    def f(p: Any) -> Any:
        return {"sum": p["x"] + np.sum(p["y"]) - 3, "others": p["y"] * p["x"] - np.array([1.0, 0.5])}

    result = tg.root(f, {"x": 1.4, "y": np.array([1.1, 0.4])}, method)
    assert result.success
    assert set(result.fun) == {"sum", "others"}
    assert_allclose(np.asarray(f(result.x)["others"]), 0, atol=1e-5)
    assert_allclose(result.x["x"] + np.sum(result.x["y"]), 3, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: tg.minimize(np.sin, np.zeros(2)), ValueError, "must return one number"),
        (lambda: tg.minimize(np.sin, np.zeros(2), "Powell"), ValueError, "must return one number"),
        (lambda: tg.minimize(np.sum, np.zeros(2, complex)), TypeError, "real and imaginary parts"),
        (lambda: tg.minimize(np.sum, np.zeros(2, int)), TypeError, "params are int64; give floats"),
        (lambda: tg.minimize(np.sum, {}), TypeError, "no array in params"),
        (lambda: tg.minimize(np.sum, np.zeros(2), bounds=3), TypeError, r"a pair \(low, high\)"),
        (lambda: tg.minimize(np.sum, np.zeros(2), bounds=((0, None), (0, 1))), ValueError, "SciPy's pairs"),
        (lambda: tg.minimize(np.sum, np.zeros(2), bounds=[(0, 1), (0, 1)]), ValueError, "SciPy's pairs"),
        (lambda: tg.minimize(np.sum, np.zeros(2), bounds=(np.nan, 1)), ValueError, "a bound is nan"),
        (lambda: tg.minimize(3.0, np.zeros(2)), TypeError, "minimize: give a function, not a float"),
        (lambda: tg.root(3.0, np.zeros(2)), TypeError, "root: give a function, not a float"),
        (lambda: tg.root(lambda x: x + 1j, np.zeros(2)), TypeError, "complex numbers"),
        (lambda: tg.minimize(np.sum, np.zeros(2), "BFGS", bounds=(0, None)), ValueError, "BFGS knows no bounds"),
        (lambda: tg.minimize(np.sum, np.zeros(2), "trust-ncg", bounds=(0, 1)), ValueError, "trust-ncg knows no bounds"),
        (lambda: tg.minimize(np.sum, np.zeros(2), bounds=(1, 0)), ValueError, "larger than the upper"),
        (lambda: tg.minimize(np.sum, np.zeros(2), bounds=(np.zeros(3), None)), ValueError, "does not fit params"),
        (lambda: tg.minimize(np.sum, np.zeros(2), jac=np.cos), TypeError, "jac= is what tg.minimize finds itself"),
        (lambda: tg.root(lambda x: x[:1], np.zeros(2)), ValueError, "1 numbers for 2 unknowns"),
    ],
)
def test_refused(call: Any, error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        call()


def test_scipy_is_named_when_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.optimize", None)
    for call in (tg.minimize, tg.root):
        with pytest.raises(ModuleNotFoundError, match=r"needs SciPy: pip install 'tinygrad_lite\[scipy\]'"):
            call(np.sum, np.zeros(2))
