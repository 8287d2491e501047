"""Passes for speed alone: the same numbers by other calls."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tests.generators.strategies import programs
from tinygrad_lite.program.compiled.generate import optimise
from tinygrad_lite.program.rewrite import rewrite
from tinygrad_lite.program.simplify import EXACT, run_passes
from tinygrad_lite.program.tables.fast import FAST, LONGEST, SINGLES, SUMS


def ops(program):
    return [node.op.name for node in program.steps]


@given(programs(), st.booleans(), st.integers(0, 1000))
def test_every_pass_preserves_values_shapes_and_dtypes(record_drawn, check, fresh, drawn, gradients, seed):
    program, arguments = drawn
    before = record_drawn(program, arguments, gradients)
    arrays = fresh(arguments, np.random.default_rng(seed))
    check(before, rewrite(before, FAST), *arrays)
    check(before, optimise(before), *arrays)


def test_rewriting_comes_to_an_end(record):
    """No step is made anew where there is nothing to change."""
    program = rewrite(record(lambda x: np.sum(np.tanh(x) * np.sum(x)) * x - 2.0, np.ones((2, 3))), FAST)
    assert rewrite(program, FAST).steps == program.steps


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0,), (1,), (-1,), (0, 1)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int64, np.bool_, np.complex128])
def test_sums_as_products(record, check, dtype, axis, keepdims):
    x = np.random.default_rng(0).normal(size=(3, 5)).astype(dtype)
    program = record(lambda x: np.sum(x * x, axis=axis, keepdims=keepdims), x)
    changed = rewrite(program, SUMS)
    check(program, changed, x, rtol=1e-9 if dtype is not np.float32 else 1e-5)
    if dtype not in (np.float64, np.float32):  # elsewhere np.dot is slower, or adds up in another dtype
        assert "sum" in ops(changed)


def test_which_sums_become_products(record, check):
    x = np.ones((3, 5))
    for f in (np.sum, lambda x: np.sum(x, axis=1), lambda x: np.sum(x, axis=0, keepdims=True)):
        program = record(f, x)
        assert "sum" not in ops(rewrite(program, SUMS))
        check(program, rewrite(program, SUMS), x)
    for shape in ((LONGEST + 1,), (1, LONGEST + 1), (2, 3, 4), (0,), (1,)):
        program = record(lambda x: np.sum(x, axis=-1), np.ones(shape))
        assert "sum" in ops(rewrite(program, SUMS)), shape


def test_what_is_not_finite_adds_up_as_before(record):
    program = record(lambda x: (np.sum(x), np.sum(x, axis=0), np.sum(x, axis=1, keepdims=True)), np.ones((2, 3)))
    x = np.array([[np.inf, 1, np.nan], [2, -np.inf, 1]])
    with np.errstate(invalid="ignore"):  # of which some kernels of BLAS speak, and others do not
        for a, b in zip(rewrite(program, SUMS).run(x), program.run(x), strict=True):
            np.testing.assert_array_equal(a, b)
        assert rewrite(program, SUMS).run(np.full((2, 3), np.inf))[0] == np.inf


def test_arrays_of_one_number_as_numbers(record, check):
    x, b = np.random.default_rng(0).normal(size=(2, 3)), np.array([[0.5]])
    program = record(lambda x, b: (x * b - np.sum(x, keepdims=True), b * b, np.where(x > b, b, x)), x, b)
    changed = rewrite(program, SINGLES)
    check(program, changed, x, b)
    multiply = next(node for node in changed.steps if node.op.name == "multiply")
    assert multiply.operands[1].shape == ()
    for a, c in ((x[:1, :1], np.ones((1, 1, 1))), (x[0], np.ones((1, 1))), (np.ones((1, 1)), np.ones(1))):
        program = record(lambda a, c: a * c + c, a, c)  # the result has axes that the other operand lacks
        check(program, rewrite(program, SINGLES), a, c)


def test_an_array_of_one_number_still_decides_the_dtype(record, check):
    x = np.ones((2, 3), np.float32)
    program = record(lambda x, b: x * b, x, np.array([[0.5]]))
    check(program, rewrite(program, SINGLES), x, np.array([[0.25]]))


def test_a_network_of_every_size(record, check):
    rng = np.random.default_rng(0)
    for n_x, n_h, n_y, m in ((1, 1, 1, 1), (2, 4, 1, 1), (1, 3, 2, 5), (3, 1, 2, 4), (2, 3, 1, 5), (4, 3, 2, 1)):
        shapes = ((n_h, n_x), (n_h, 1), (n_y, n_h), (n_y, 1), (n_x, m))
        arrays = [rng.normal(size=shape) for shape in shapes]
        Y = rng.integers(0, 2, (n_y, m)).astype(float)

        def cost(W1, b1, W2, b2, X, Y):
            return tg.binary_cross_entropy_with_logits(np.dot(W2, np.tanh(np.dot(W1, X) + b1)) + b2, Y)

        program = record(tg.value_and_grad(cost, argnums=(0, 1, 2, 3)), *arrays, Y)
        check(program, run_passes(program, EXACT), *arrays, Y)
        check(program, optimise(program), *arrays, Y)
