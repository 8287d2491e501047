"""Loops of tg.scan as native code: whole loops, kernels in NumPy's loop, loops in loops."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_lite as tg
from tests.generators.scans import check_random_scan
from tinygrad_lite import tree

pytestmark = pytest.mark.thorough

RNG = np.random.default_rng(8)
X = RNG.normal(size=(5, 3))
A, B = RNG.normal(size=3), RNG.normal(size=3)


def check(f: Any, *arguments: Any) -> str:
    """The source, after a look at the results: for these arguments, and for others."""
    compiled = tg.compile(f, target="c")
    source = compiled.source(*arguments)
    others = tree.map(lambda x: x[::-1].copy() if np.ndim(x) else x, list(arguments))
    for given in (arguments, others):
        found, structure = tree.flatten(compiled(*given))
        expected, same_structure = tree.flatten(f(*given))
        assert structure == same_structure
        for a, b in zip(found, expected, strict=True):
            assert np.asarray(a).dtype == np.asarray(b).dtype
            assert type(a) is type(b)
            assert_allclose(a, b, rtol=1e-11, atol=1e-12)
    return source


def is_native(source: str) -> bool:
    return "void loop0(" in source and "# def loop(" not in source


CARRIES: dict[str, Any] = {
    "one that is a result, too": (lambda c, x: (np.tanh(c + x), np.tanh(c + x)), A),
    "one that is stored": (lambda c, x: (np.tanh(c + x), c), A),
    "two that are exchanged": (lambda c, x: ((c[1], c[0] + x), c[0]), (A, B)),
    "a shift register": (lambda c, x: ((x * c[2], c[0], c[1]), c[1]), (A, B, A + B)),
    "one that stays": (lambda c, x: ((c[0], c[0] * c[1] + x), c[0] * x), (A, B)),
    "one that becomes a row": (lambda c, x: ((x, c[0] * c[1]), c[1] - x), (A, B)),
    "one that becomes a constant": (lambda c, x: ((B, c[0] * c[1]), np.sum(c[1] * x)), (A, B)),
    "two that become the same": (lambda c, x: ((c[0] * x, c[0] * x), c[1] - c[0]), (A, B)),
    "a number": (lambda c, x: (c * 1.5 + np.sum(x), c), 0.5),
    "a whole number, a truth value": (
        lambda c, x: ((c[0] + 1, c[1] & (x[0] > 0), c[2] + c[0] * x), c[1]),
        (2, np.array(True), A),
    ),
    "nothing": (lambda c, x: (c, (np.sin(x), x * 2)), None),
    "an array that is read across": (lambda c, x: (c @ c.T * 0.1 + x, np.max(c, axis=0)), RNG.normal(size=(3, 3))),
}


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("name", CARRIES)
def test_carries(name: str, reverse: bool) -> None:
    step, start = CARRIES[name]

    def f(start: Any, X: Any) -> Any:
        return tg.scan(step, start, X, reverse=reverse)

    assert is_native(check(f, start, X))


def test_float32() -> None:
    start, rows = A.astype(np.float32), X.astype(np.float32)
    f = lambda c, X: tg.scan(lambda c, x: (np.tanh(c * x), c * 2.0), c, X)  # noqa: E731
    compiled = tg.compile(f, target="c")
    for a, b in zip(compiled(start, rows), f(start, rows), strict=True):
        assert a.dtype == np.float32
        assert_allclose(a, b, rtol=1e-6)
    assert is_native(compiled.source(start, rows))


def test_rows_that_do_not_lie_side_by_side() -> None:
    compiled = tg.compile(lambda c, X: tg.scan(lambda c, x: (np.tanh(c * x), c), c, X), target="c")
    wide = RNG.normal(size=(3, 10))
    for a, b in zip(compiled(A, wide.T[::2]), tg.scan(lambda c, x: (np.tanh(c * x), c), A, wide.T[::2]), strict=True):
        assert_allclose(a, b, rtol=1e-12)


def test_results_are_the_callers() -> None:
    compiled = tg.compile(lambda c, X: tg.scan(lambda c, x: (np.tanh(c * x), c), c, X), target="c")
    last, ys = compiled(A, X)
    copies = last.copy(), ys.copy()
    compiled(B, X[::-1])
    assert_allclose((last, ys[0]), (copies[0], copies[1][0]))
    last[...] = ys[...] = 7
    assert_allclose(compiled(A, X)[1], copies[1])


@pytest.mark.filterwarnings("ignore:Setting the shape")  # deprecated in NumPy 2.5
@pytest.mark.parametrize("target", ["c", "numpy"])
def test_large_results_are_the_callers_as_long_as_somebody_holds_them(target: str) -> None:
    """(Once nobody does, the next call writes into the same memory.)"""

    def scanned(c: Any, X: Any) -> Any:
        return tg.scan(lambda c, x: (np.sin(c) + x, c * x), c, X)[1]

    f = tg.compile(scanned, target=target)
    rows, start = RNG.normal(size=(20, 2000)), RNG.normal(size=2000)
    first = f(start, rows)
    part, expected = first[3:, ::2], first.copy()
    second = f(-start, rows)
    assert not np.shares_memory(first, second)
    assert_allclose(first, expected)
    del first, second
    for _ in range(3):
        found = f(2 * start, rows)
        assert not np.shares_memory(found, part)
        assert_allclose(found, scanned(2 * start, rows))
        found.flags.writeable = False
        found.shape = (-1,)
        del found
    assert_allclose(part, expected[3:, ::2])


def test_no_more_steps_than_none_and_one() -> None:
    f = tg.compile(lambda c, X: tg.scan(lambda c, x: (np.tanh(c * x), c), c, X), target="c")
    for count in (0, 1):
        last, ys = f(A, X[:count])
        expected = tg.scan(lambda c, x: (np.tanh(c * x), c), A, X[:count])
        assert_allclose(last, expected[0])
        assert ys.shape == (count, 3)


def test_a_body_that_is_native_in_part() -> None:
    """Its kernels are called by NumPy's loop."""

    def f(c: Any, X: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            y = np.sin(c) * x + 1
            return np.cumsum(y) / (1 + y**2), np.sum(c * y)

        return tg.scan(step, c, X)

    source = check(tg.value_and_grad(lambda c, X: np.sum(f(c, X)[1]), argnums=(0, 1)), A, X)
    assert "# def loop(" in source
    assert "void loop0_kernel0(" in source


def test_a_loop_in_a_loop() -> None:
    def f(c: Any, X: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            inner, ys = tg.scan(lambda d, e: (d * np.sin(e) + c[0], d), x[0], x)
            return c * np.cos(inner) + np.sum(ys), inner

        return tg.scan(step, c, X)

    source = check(f, A, X)
    assert "void loop0_loop0(" in source


@pytest.mark.parametrize(
    ("next_carry", "huge"),
    [
        (lambda c, e: c * np.where(e < 5, np.exp(e * e * c), 0.5), 40.0),
        (lambda c, e: 1 / (1 + np.exp(e * c)) + 0.3 * c, 2000.0),
    ],
    ids=["chosen", "divided by"],
)
def test_a_value_that_is_not_a_number_is_left_to_the_function(next_carry: Any, huge: float) -> None:
    """Where a cotangent of 0 meets an infinity, the sweep sends back 0; no program does."""

    def f(c: Any, x: Any) -> Any:
        return np.sum(tg.scan(lambda c, e: (next_carry(c, e), None), c, x)[0])

    gradient = tg.grad(f)
    compiled = tg.compile(gradient, target="c")
    assert "void loop1(" in compiled.source(A, X / 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for x in (X / 3, X * 0 + huge):
            expected = gradient(np.abs(A), x)
            assert np.all(np.isfinite(expected))
            assert_allclose(compiled(np.abs(A), x), expected, rtol=1e-11)


def test_auto_makes_native_loops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TINYGRAD_LITE_TARGET", raising=False)
    f = tg.compile(lambda c, X: tg.scan(lambda c, x: (np.tanh(c * x), c), c, X))
    assert is_native(f.source(A, X))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 130))
def test_random_scans(seed: int) -> None:
    check_random_scan(seed, "c")
