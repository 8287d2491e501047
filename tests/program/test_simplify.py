"""The passes that both printers start with: each does less, and computes the same."""

import warnings

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

import tinygrad_lite as tg
from tests.generators.strategies import programs
from tinygrad_lite.program.program import Node, Program
from tinygrad_lite.program.rewrite import rewrite
from tinygrad_lite.program.simplify import EXACT, SIMPLER, drop_alias, drop_dead, inline, is_view, run_passes
from tinygrad_lite.program.tables.fast import MEANS


def only(*entries):
    """The pass that rewrites with these entries of a table."""
    return lambda program: rewrite(program, entries)


split_means, share = only(*MEANS), only()
PASSES = [only(entry) for entry in [*SIMPLER[:2], inline]] + [*EXACT, share, split_means]


def count_computing(program):
    """How many steps do more than look at memory in another way: a sum of single entries is a view of them."""
    return sum(not is_view(node) for node in program.steps)


def ops(program):
    return [node.op.name for node in program.steps]


@given(programs(), st.booleans(), st.integers(0, 1000))
def test_every_pass_preserves_values_shapes_and_dtypes(record_drawn, check, fresh, drawn, gradients, seed):
    program, arguments = drawn
    before = record_drawn(program, arguments, gradients)
    arrays = fresh(arguments, np.random.default_rng(seed))
    for change in PASSES:
        check(before, change(before), *arrays)
    done = run_passes(before, EXACT)
    check(before, done, *arrays)
    assert count_computing(done) <= count_computing(before)
    assert run_passes(done, EXACT).steps == done.steps
    done = run_passes(done, (only(inline, *MEANS, *SIMPLER), drop_dead))
    check(before, done, *arrays)


@given(programs(), st.booleans(), st.integers(0, 1000))
def test_what_is_exact_changes_no_bit(record_drawn, drawn, gradients, seed):
    """Signs of zero, infinities and NaN are what they were, for inputs that are full of them."""
    program, arguments = drawn
    before = record_drawn(program, arguments, gradients)
    after = run_passes(before, EXACT)
    rng = np.random.default_rng(seed)
    special = [0.0, -0.0, 1.0, -2.5, np.inf, -np.inf, np.nan]
    arrays = [np.asarray(rng.choice(special, np.shape(x))).astype(np.asarray(x).dtype) for x in arguments]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            want = before.run(*arrays)
        except (np.linalg.LinAlgError, ValueError):
            return reject()  # NumPy refuses these numbers
        got = after.run(*arrays)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_array_equal(a, b)
        if np.asarray(b).dtype.kind == "f":
            numbers = ~np.isnan(b)
            np.testing.assert_array_equal(np.signbit(a)[numbers], np.signbit(b)[numbers])
    return None


@given(programs(), st.booleans())
def test_a_pass_leaves_the_old_program_alone(record_drawn, drawn, gradients):
    program, arguments = drawn
    before = record_drawn(program, arguments, gradients)
    kept = [(node, node.op, node.operands, dict(node.params), node.shape, node.dtype) for node in before.steps]
    for change in PASSES:
        change(before)
    assert all(node is step for node, step in zip(before.steps, (k[0] for k in kept), strict=True))
    for node, op, operands, params, shape, dtype in kept:
        assert (node.op, node.shape, node.dtype) == (op, shape, dtype)
        assert all(a is b for a, b in zip(node.operands, operands, strict=True))
        assert node.params.keys() == params.keys()


X = np.arange(6.0).reshape(2, 3) + 1


def test_dead_steps_are_dropped(record, check):
    program = record(lambda x: np.exp(x), X)
    dead = Node(program.steps[0].op, program.inputs, {}, (2, 3), np.dtype(float))
    longer = Program(program.inputs, program.captures, (dead, *program.steps), program.outputs)
    assert drop_dead(longer).steps == program.steps


def test_equal_steps_are_computed_once(record, check):
    def f(x):
        return np.tanh(x * 2) + np.tanh(x * 2) * np.sum(x, axis=1, keepdims=True) - np.sum(x, axis=1, keepdims=True)

    program = record(f, X)
    shared = run_passes(program, (share,))
    assert sorted(ops(shared)) == sorted(["multiply", "tanh", "sum", "multiply", "add", "subtract"])
    check(program, shared, X)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: (np.sum(x, axis=0), np.sum(x, axis=1)),
        lambda x: (x + 1, x + 1.5),
        lambda x: (x + 0.0, 1 / (x * -0.0), 1 / (x * 0.0)),
        lambda x: (x * np.float32(2), x * 2.0),
        lambda x: (x - 1, 1 - x),
        lambda x: (x[0], x[1], x[:, 0], x[:, 1]),
        lambda x: (np.clip(x, 1, 2), np.clip(x, 1, 3)),
        lambda x: (np.nan_to_num(x * np.nan, nan=0.0), np.nan_to_num(x * np.nan, nan=-0.0)),
        lambda x: (np.roll(x, 1, axis=0), np.roll(x, True, axis=0), np.roll(x, 1, axis=1)),
    ],
)
def test_steps_that_differ_in_anything_are_not_shared(record, f):
    program = record(f, X)
    with np.errstate(all="ignore"):
        for a, b in zip(share(program).run(X), program.run(X), strict=True):
            np.testing.assert_array_equal(a, b)
            np.testing.assert_array_equal(np.signbit(a), np.signbit(b))


def test_equal_arrays_that_are_not_the_same_are_not_shared(record):
    one, other = np.ones(3), np.ones(3)
    program = record(lambda x: (x + one, x + other), X)
    assert len(share(program).steps) == 2  # the user may write to one of them


def test_aliases_are_dropped(record, check):
    program = record(lambda x: np.copy(tg.stop_gradient(+x)) * 2, X)
    assert ops(only(drop_alias)(program)) == ["multiply"]
    check(program, only(drop_alias)(program), X)
    reshaped = record(lambda x: np.reshape(x, (2, 3)) + np.broadcast_to(x, (2, 3)).astype(float), X)
    assert ops(only(drop_alias)(reshaped)) == ["add"]
    for f in (lambda x: np.reshape(x, (3, 2)), lambda x: np.broadcast_to(x, (2, 2, 3)), lambda x: x.astype("float32")):
        assert len(only(drop_alias)(record(f, X)).steps) == 1


def test_a_python_float_made_an_array_stays_one(record, check):
    """A number may not take part in choosing the dtype; an array of its values does."""
    x = X.astype(np.float32)

    def f(x, k):
        return x * np.broadcast_to(k, (3,)), x * k

    program = record(f, x, 2.0)
    for change in PASSES:
        check(program, change(program), x, 3.0)
    check(program, run_passes(program, EXACT), x, 3.0)


def test_constants_are_folded(record, check):
    program = record(lambda x: x * tg.Tensor(3.0) + np.exp(tg.Tensor(0.5) * 2) / 4, X)
    folded = run_passes(program, EXACT)
    assert ops(folded) == ["multiply", "add"]
    check(program, folded, X)


def test_broadcasts_that_an_operation_does_by_itself_are_dropped(record, check):
    program = record(lambda x: np.broadcast_to(x[0], (2, 3)) * x + np.broadcast_to(np.sum(x), (2, 3)), X)
    done = run_passes(program, EXACT)
    assert "broadcast_to" not in ops(done)
    check(program, done, X)
    needed = record(lambda x: np.broadcast_to(x[0], (2, 3)) * 2, X)
    assert "broadcast_to" in ops(run_passes(needed, EXACT))
    product = record(lambda x: np.matmul(np.broadcast_to(x[0], (2, 3)), x.T), X)
    check(product, run_passes(product, EXACT), X)


def test_neutral_numbers_are_dropped(record, check):
    program = record(lambda x: ((x * 1 + -0.0 - 0.0) / 1, 1.0 * x - 0, x * -1), X)
    done = run_passes(program, EXACT)
    assert ops(done) == ["negative"]
    check(program, done, X)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.arange(3) * 1.0 * x,
        lambda x: (x > 2) * 1,
        lambda x: (x > 2) + 0.0,
        lambda x: x.astype("float32") * np.float64(1),
        lambda x: x[0, 0] * np.ones((2, 3)),
        lambda x: 1 - x,
        lambda x: 1 / x,
        lambda x: 0 - x,
        lambda x: np.sum(x) * tg.Tensor(np.ones((2, 3))),
    ],
)
def test_numbers_that_change_dtype_shape_or_value_stay(record, check, f):
    program = record(f, X)
    check(program, run_passes(program, EXACT), X)


@pytest.mark.parametrize(
    "f",
    [
        lambda z: z * 1,
        lambda z: z / 1.0,
        lambda z: z - 0,
        lambda z: z + -0.0,
        lambda z: z * -1,
        lambda z: z / -1,
        lambda z: np.sum(z[:, None], axis=1),
        lambda z: np.mean(z[:, None], axis=1),
    ],
)
def test_neutral_numbers_are_none_for_complex_ones(record, f):
    """They decide on which side of a cut a number lies, and make nan of infinities."""
    parts = (0.0, -0.0, 1.0, -1.0, np.inf, np.nan)
    z = np.array([complex(a, b) for a in parts for b in parts])
    with np.errstate(all="ignore"):
        program = record(f, z)
        found, expected = run_passes(program, EXACT).run(z)[0], f(z)
    for a, b in ((found.real, expected.real), (found.imag, expected.imag)):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(np.signbit(a), np.signbit(b))


def test_a_sum_over_axes_of_length_one_is_a_reshape(record, check):
    x = X.reshape(2, 1, 3)
    program = record(lambda x: (np.sum(x, axis=1), np.mean(x, axis=1, keepdims=True), np.sum(x, axis=0)), x)
    done = run_passes(program, EXACT)
    assert sorted(ops(done)) == ["add", "reshape", "sum"]
    check(program, done, x)
    for y, z in zip(program.run(-0.0 * x), done.run(-0.0 * x), strict=True):
        np.testing.assert_array_equal(np.signbit(y), np.signbit(z))
    for dtype in (np.bool_, np.int8):  # a sum has another dtype
        check(
            program := record(lambda x: np.sum(x, axis=1), x.astype(dtype)), run_passes(program, EXACT), x.astype(dtype)
        )
    empty = np.ones((2, 0))
    check(program := record(lambda x: np.sum(x, axis=1), empty), run_passes(program, EXACT), empty)


def test_a_mean_is_a_sum_divided_by_a_number(record, check):
    program = record(lambda x: (np.mean(x), np.mean(x, axis=0), np.mean(x, axis=(0, 1), keepdims=True)), X)
    split = split_means(program)
    assert "mean" not in ops(split)
    check(program, split, X)
    check(program32 := record(lambda x: np.mean(x), X.astype("f4")), split_means(program32), X.astype("f4"), rtol=1e-6)
    for dtype in (np.float16, np.int32):  # NumPy adds these up in another dtype
        assert "mean" in ops(split_means(record(lambda x: np.mean(x, axis=0), X.astype(dtype))))


def test_inlining_lets_sigmoid_and_softplus_share_an_exponential(record, check):
    x = np.linspace(-50, 50, 12).reshape(3, 4)
    program = record(lambda x: (tg.sigmoid(x), tg.softplus(x)), x)
    done = run_passes(program, (only(inline, *SIMPLER), drop_dead))
    assert ops(done).count("exp") == 1
    assert "sigmoid" not in ops(done)
    check(program, done, x)
    for special in (np.full((3, 4), np.nan), np.full((3, 4), -np.inf), np.full((3, 4), 800.0), np.full((3, 4), -0.0)):
        check(program, done, special)


def test_inlining_keeps_dtypes(record, check):
    x = np.linspace(-3, 3, 6, dtype=np.float32)
    program = record(lambda x, k: (tg.sigmoid(x), tg.softplus(x) * k, tg.leaky_relu(x)), x, 2.0)
    check(program, run_passes(program, (only(inline, *SIMPLER), drop_dead)), x, 3.0, rtol=1e-6)
