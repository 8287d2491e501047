"""The check of a program's first result: long sums of float32 numbers may be off, and a mistake may not."""

from types import SimpleNamespace

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.program.compiled.generate import check_first_result
from tinygrad_lite.program.trace import collect, make_input, tracing
from tinygrad_lite.tensor import next_seq

X = np.full(10**6, 0.1, np.float32)
ADDED_IN_ORDER = np.cumsum(X * X)[-1]  # 1.3 % off: each partial sum is rounded to the same side
EXACT = np.sum(X * X, dtype=np.float64)


def check(got, want, x=X):
    start, argument = next_seq(), make_input(x)
    with tracing():
        program, _ = collect([np.sum(argument * argument)], [argument], start)
    trace = SimpleNamespace(program=program, dynamic=[0])
    check_first_result("f", x.dtype.type(got), x.dtype.type(want), trace, [x], ())


def test_a_function_that_adds_up_in_order_is_no_reason_to_doubt_a_program():
    assert abs(ADDED_IN_ORDER / EXACT - 1) > 0.01
    check(EXACT, ADDED_IN_ORDER)
    check(EXACT * (1 + 1e-3), ADDED_IN_ORDER)  # sixteen sums of a sixteenth, each in order


@pytest.mark.parametrize(
    ("got", "want"),
    [(EXACT * 1.01, ADDED_IN_ORDER), (ADDED_IN_ORDER, EXACT), (EXACT, EXACT * 1.1), (np.nan, EXACT), (EXACT, 0.0)],
)
def test_another_number_is_still_another_number(got, want):
    with pytest.raises(RuntimeError, match="its result differs"):
        check(got, want)


def test_float64_has_digits_enough():
    x = X.astype(np.float64)
    with pytest.raises(RuntimeError, match="its result differs"):
        check(EXACT, EXACT * (1 + 1e-6), x)


def test_short_sums_are_as_exact_as_ever():
    x = X[:1000]
    exact = np.sum(x * x, dtype=np.float64)
    check(exact, exact * (1 + 1e-4), x)
    with pytest.raises(RuntimeError, match="its result differs"):
        check(exact, exact * (1 + 1e-3), x)


@pytest.mark.parametrize("target", ["numpy", "auto"])
def test_products_of_equal_numbers_run(target):
    for f in (
        lambda x: x @ x,
        lambda x: np.einsum("i,i", x, x),
        lambda x: np.sum(x * x),
        lambda x: np.cumsum(x * x)[-1],
    ):
        np.testing.assert_allclose(tg.compile(f, target=target)(X), EXACT, rtol=0.02)
