"""Scalar factors: moved to where they cost least, never to where they do harm."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_lite as tg
from tests.generators.strategies import programs
from tinygrad_lite.program.compiled.factors import NONE, Factor, place_factors
from tinygrad_lite.program.program import Node
from tinygrad_lite.program.rewrite import rewrite
from tinygrad_lite.program.simplify import EXACT, SIMPLER, drop_dead, inline, run_passes
from tinygrad_lite.program.tables.fast import MEANS

PARTS = (lambda program: rewrite(program, [inline, *MEANS, *SIMPLER]), drop_dead)


def scalings(program):
    """The sizes of the arrays that are multiplied or divided by a number."""
    found = []
    for node in program.steps:
        if node.op.name in ("multiply", "divide") and node.shape:
            numbers = [x for x in node.operands if (x.shape if type(x) is Node else np.shape(x)) == ()]
            found += [node.size] * bool(numbers)
    return sorted(found)


@pytest.mark.thorough
@given(programs(), st.booleans(), st.integers(0, 1000))
def test_it_preserves_values_shapes_and_dtypes(record_drawn, check, fresh, drawn, gradients, seed):
    program, arguments = drawn
    before = run_passes(record_drawn(program, arguments, gradients), PARTS)
    check(before, place_factors(before), *fresh(arguments, np.random.default_rng(seed)))


_STEPS = {
    "times a constant": lambda x, y, a, b, m: x * a,
    "over a constant": lambda x, y, a, b, m: x / a,
    "times an argument": lambda x, y, a, b, m: x * b,
    "over an argument": lambda x, y, a, b, m: x / b,
    "minus": lambda x, y, a, b, m: -x,
    "plus": lambda x, y, a, b, m: x + y,
    "minus the other": lambda x, y, a, b, m: x - y,
    "times the other": lambda x, y, a, b, m: x * y,
    "over the other": lambda x, y, a, b, m: x / (y * y + a),
    "product": lambda x, y, a, b, m: x @ y,
    "transposed": lambda x, y, a, b, m: x.T,
    "rows": lambda x, y, a, b, m: x - np.mean(x, axis=1, keepdims=True),
    "all": lambda x, y, a, b, m: x * np.sum(y),
    "tanh": lambda x, y, a, b, m: np.tanh(x),
    "where": lambda x, y, a, b, m: np.where(m, x, 0),
    "where the other": lambda x, y, a, b, m: np.where(m, x, y),
    "condition": lambda x, y, a, b, m: np.where(x > 0, y * x, x * a),
    "turned": lambda x, y, a, b, m: np.roll(x, 1, axis=0) + x[::-1],
    "joined": lambda x, y, a, b, m: np.concatenate([x[:1], y[1:]]),
    "indexed": lambda x, y, a, b, m: x[[2, 0, 1]],
}


@pytest.mark.thorough
@settings(max_examples=4 * settings.default.max_examples)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(_STEPS)), st.integers(0, 20), st.integers(0, 20)), min_size=2, max_size=12
    ),
    st.integers(0, 1000),
    st.sampled_from([np.float64, np.float32]),
    st.booleans(),
)
def test_programs_full_of_factors(record, check, steps, seed, dtype, gradients):
    rng = np.random.default_rng(seed)

    def f(x, y, b):
        values = [x, y]
        for name, i, j in steps:
            a = 0.5 + (i + j) % 5
            values.append(_STEPS[name](values[i % len(values)], values[j % len(values)], a, b, np.eye(3, dtype=bool)))
            largest = np.max(np.abs(values[-1]))
            values[-1] = values[-1] / (1 + tg.stop_gradient(largest))
        return values[-1], values[-2] * 3, values[-1]

    x, y = (rng.normal(size=(3, 3)).astype(dtype) for _ in range(2))
    program = record(f, x, y, 1.5, gradients=gradients)
    before = run_passes(program, PARTS)
    after = place_factors(before)
    rtol = 1e-8 if dtype is np.float64 else 1e-3
    for arrays in ((x, y, 0.25), (y, x, -2.0)):
        check(before, after, *arrays, rtol=rtol)
        check(before, run_passes(after, EXACT), *arrays, rtol=rtol)


def network_step(params, X, Y, rate):
    def cost(params):
        A1 = np.tanh(np.dot(params[0], X) + params[1])
        return tg.binary_cross_entropy_with_logits(np.dot(params[2], A1) + params[3], Y)

    J, grads = tg.value_and_grad(cost)(params)
    return J, [p - rate * g for p, g in zip(params, grads, strict=True)]


def test_a_training_step_scales_once(record, check):
    """dZ2 by rate / m, once, in place of each of the four gradients twice."""
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape) for shape in ((5, 3), (5, 1), (2, 5), (2, 1), (3, 7))]
    Y = rng.integers(0, 2, (2, 7)).astype(float)

    def f(W1, b1, W2, b2, X, Y, rate):
        return network_step([W1, b1, W2, b2], X, Y, rate)

    before = run_passes(record(f, *arrays, Y, 0.5), PARTS)
    after = run_passes(place_factors(before), EXACT)
    assert len(scalings(before)) >= 5
    assert scalings(after) == [14]
    check(before, after, *arrays, Y, 0.5)


def test_a_factor_moves_past_linear_operations_to_the_smaller_array(record, check):
    x, w = np.ones((50, 40)), np.linspace(1, 2, 40)
    program = record(lambda x, w: np.sum((x * 3.0).T, axis=1) * w, x, w)
    assert scalings(place_factors(program)) == [40]
    check(program, place_factors(program), x, w)


def test_a_number_that_factors_are_made_of_is_not_scaled_itself(record, check):
    """Beside float32 arrays a float64 number is an operand like any other, beside float64 arrays it is a factor."""
    x, y = np.ones((3, 3), np.float32), np.arange(9.0).reshape(3, 3)

    def f(x, y, k):
        s = k + 1
        return np.tanh((x * s) * 2.5), np.tanh((y * s) * 2.5)

    program = record(f, x, y, np.array(0.5))
    check(program, place_factors(program), x, y, np.array(0.25), rtol=1e-6)
    mixed = record(lambda x, k: tg.grad(lambda k: np.sum(x * k * 3.0 * k))(k), x, 1.5)
    check(mixed, place_factors(run_passes(mixed, PARTS)), x, 0.25, rtol=1e-5)


def test_opposite_factors_make_a_difference(record, check):
    x, y = np.ones((3, 3)), np.arange(9.0).reshape(3, 3)
    for f in (lambda x, y, k: np.tanh(x * k + y * -k), lambda x, y, k: np.tanh(x * k - -(y * k))):
        program = record(f, x, y, 0.5)
        check(program, place_factors(program), x, y, 0.25)


@pytest.mark.parametrize(
    "f",
    [
        lambda x, s: (x / np.max(np.abs(x))) * (x / np.max(np.abs(x))),
        lambda x, s: np.sum((x / s) * (x / s)),
        lambda x, s: np.sum(x * 1e-200 * x),
        lambda x, s: (x * 1e-160) * (x * 1e-160),
        lambda x, s: np.sum(x / 1e300),
        lambda x, s: x / np.sum(x / 1e200),
    ],
)
def test_numbers_that_guard_against_overflow_stay(record, f):
    x = np.array([[3.0, -1.0, 2.0]]) * 1e200
    program = record(f, x, 1e200)
    after = run_passes(place_factors(run_passes(program, PARTS)), EXACT)
    for a, b in zip(after.run(x, 1e200), program.run(x, 1e200), strict=True):
        assert np.all(np.isfinite(b))
        np.testing.assert_allclose(a, b)


def test_a_sum_of_scaled_numbers_does_not_overflow(record):
    x = np.array([[1.0, 0.5, 0.75]]) * 1e308
    program = record(lambda x: (np.sum(x / np.max(x), axis=1), np.sum(x * (1 / np.max(x)), axis=1)), x)
    np.testing.assert_allclose(place_factors(program).run(x), [[2.25], [2.25]])


@pytest.mark.parametrize("k", [0.0, np.inf, np.nan, 1e-310])
def test_zero_infinity_and_the_like_stay(record, k):
    x = np.array([1.0, -1.0, 0.0, np.inf])
    for f in (lambda x: np.sum(x * k, keepdims=True) + x * k, lambda x: np.sum(x / k, keepdims=True) + x / k):
        program = record(f, x)
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(place_factors(program).run(x)[0], program.run(x)[0])


@pytest.mark.parametrize("s", [0.0, np.inf, np.nan, -2.0])
def test_zeros_beside_what_is_scaled_stay_zeros(record, s):
    x = np.array([[1.0, -1.0], [0.5, 3.0]])
    for f in (
        lambda x, s: np.where(s > 0, x / s, 0),
        lambda x, s: np.where(x > 0, 0.0, x * s),
        lambda x, s: np.triu(x / s),
        lambda x, s: np.diag(np.diag(x * s)),
        lambda x, s: tg.grad(lambda x: np.sum(x[0] / s))(x),
    ):
        program = run_passes(record(f, x, 0.5), PARTS)
        with np.errstate(all="ignore"):
            (found,), (expected,) = place_factors(program).run(x, s), program.run(x, s)
        np.testing.assert_array_equal(found, expected)
        np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


def test_dtypes_are_left_alone(record, check):
    """A float64 number beside float32 arrays decides the dtype, so it does not move; nor past integers."""
    x = np.ones((3, 2), np.float32)
    for f in (
        lambda x, k: np.sum(x * np.float64(2), axis=0) + x,
        lambda x, k: np.sum(x * k, axis=0) * x,
        lambda x, k: (x * 2.0).astype("float64") + 1,
        lambda x, k: np.sum((x > 0) * 3, axis=0) * x,
        lambda x, k: np.sum(x * 3j, axis=0),
    ):
        for k in (np.array(2.0), np.float32(2), 2.0):
            program = record(f, x, k)
            check(program, place_factors(program), x, k, rtol=1e-6)


def test_factors_multiply():
    a = Node(None, (), {}, (), np.dtype(float))
    b = Node(None, (), {}, (), np.dtype(float))
    f = Factor(2.0, ((a, 1),))
    assert f.times(f, -1) == NONE
    assert f.times(Factor(3.0, ((b, 1),))) == Factor(3.0, ((b, 1),)).times(f)
    assert f.times(f) == Factor(4.0, ((a, 2),))
    assert f.is_ordinary()
    assert not f.times(f).is_ordinary()
    assert not Factor(1e300).is_ordinary()
    assert not Factor(0.0).is_ordinary()
    assert not Factor(float("nan")).is_ordinary()
    assert Factor(-1e-6).is_ordinary()


def test_a_constant_array_has_no_factor_of_its_own(record, check):
    program = record(lambda x: np.sum(x * (tg.Tensor(np.ones(3)) * -1)) * 0.5, np.ones(3))
    before = run_passes(program, EXACT)
    assert "negative" in [node.op.name for node in before.steps]
    check(program, place_factors(before), np.arange(3.0))
