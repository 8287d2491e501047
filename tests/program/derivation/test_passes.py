"""Passes for the reader: they change the text, and nothing of what is computed."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.infinities import mask_not_taken
from tinygrad_lite.program.derivation.passes import name_constants
from tinygrad_lite.program.rewrite import rewrite
from tinygrad_lite.program.simplify import drop_dead
from tinygrad_lite.program.tables.exact import GUARDS as EXACT_GUARDS
from tinygrad_lite.program.tables.readable import CHOICES, FUNCTIONS, GUARDS, PRODUCTS, SUMS, plain_numbers
from tinygrad_lite.program.trace import collect, make_input, tracing
from tinygrad_lite.tensor import next_seq

RNG = np.random.default_rng(3)
A, B, V = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4)), RNG.normal(size=4)


def program_of(f, *arrays):
    start = next_seq()
    inputs = [make_input(x, f"x{i}") for i, x in enumerate(arrays)]
    with tracing(), np.errstate(all="ignore"):
        root = f(*inputs)
    return collect([root], inputs, start)[0]


def ops(program):
    return [step.op.name for step in program.steps if step.op is not None]


@pytest.mark.parametrize(
    ("table", "f", "arrays", "left"),
    [
        ([plain_numbers], lambda a: a * np.float64(0.5), [A], ["multiply"]),
        (SUMS, lambda a: np.reshape(np.sum(a, axis=(0,), keepdims=True), (4,)), [A], ["sum"]),
        (SUMS, lambda a: np.expand_dims(np.sum(a, axis=1), 1), [A], ["sum"]),
        (SUMS, lambda a: np.expand_dims(np.sum(a, axis=1), 0), [A], ["sum", "expand_dims"]),
        (SUMS, lambda a: np.reshape(np.sum(a, axis=0, keepdims=True), (2, 2)), [A], ["sum", "reshape"]),
        (PRODUCTS, lambda a: a.T.T, [A], []),
        (PRODUCTS, lambda a, b: (a @ b.T).T, [A, B], ["transpose", "matmul"]),
        (PRODUCTS, lambda a, b: (a @ b).T, [A, B.T.copy()], ["matmul", "transpose"]),
        (PRODUCTS, lambda a, v: (a @ v[..., None])[..., 0], [A, V], ["matmul"]),
        (PRODUCTS, lambda a, v: (a @ v[..., None])[..., 0], [RNG.normal(size=(2, 3, 4)), V], None),
        (PRODUCTS, lambda a, s: a * s[..., None], [A, np.array(2.0)], ["multiply"]),
        (PRODUCTS, lambda a, v: a * v[..., None], [A, V[:3]], ["getitem", "multiply"]),
        (FUNCTIONS, lambda a: np.exp(tg.log_softmax(a, axis=0)), [A], ["softmax"]),
        (CHOICES, lambda a: np.maximum(0.01 * a, a), [A], ["multiply", "maximum"]),
        (GUARDS, lambda g, d: mask_not_taken(g, g * d), [A, B], ["multiply"]),
        (EXACT_GUARDS, lambda g: mask_not_taken(g, g / 3.0), [A], ["divide"]),
        (EXACT_GUARDS, lambda g: mask_not_taken(g, g * np.inf), [A], None),
        (EXACT_GUARDS, lambda g: mask_not_taken(g, -g), [A], ["negative"]),
        (EXACT_GUARDS, lambda g: mask_not_taken(g, np.where(A > 1, g, 0)), [A], ["where"]),
        (GUARDS, lambda g, d: mask_not_taken(g, g * np.log(d)), [A, abs(B)], None),
        (GUARDS, lambda g, d: mask_not_taken(g, g / d), [A, B], None),
        (GUARDS, lambda g, d: mask_not_taken(g, g * np.exp(d)), [A, B], None),
        (GUARDS, lambda g, d: mask_not_taken(g, g * tg.sigmoid(d)), [A, B], ["sigmoid", "multiply"]),
        (GUARDS, lambda g, d: np.where(g == 1, 0, g * d), [A, B], None),
    ],
)
def test_the_text_changes_and_the_value_does_not(table, f, arrays, left):
    before = program_of(f, *arrays)
    steps = list(before.steps)
    after = drop_dead(rewrite(before, table))
    assert list(before.steps) == steps  # rewriting makes a new program
    assert ops(after) == (ops(before) if left is None else left)
    (old,), (new,) = before.run(*arrays), after.run(*arrays)
    assert np.asarray(new).dtype == np.asarray(old).dtype
    np.testing.assert_allclose(new, old, rtol=1e-12)
    assert np.shape(new) == np.shape(old)


def test_a_numpy_scalar_stays_where_it_decides_the_dtype():
    a = A.astype(np.float32)
    program = program_of(lambda a: a * np.float64(0.5), a)
    assert rewrite(program, [plain_numbers]).run(a)[0].dtype == np.float64


@pytest.mark.parametrize("c", [0.01, -0.5, 0.999, 2.0])
def test_the_larger_of_x_and_a_multiple_of_it(c):
    x = np.array([-2.0, 0.0, 3.0])
    found = tg.derive(lambda x: np.sum(np.maximum(c * x, x)), x).function(x)[1]
    np.testing.assert_allclose(found, [min(c, 1), (1 + c) / 2, max(c, 1)])


def test_constants_are_written_by_their_names():
    labels = RNG.integers(0, 2, (3, 4)).astype(float)
    program = program_of(lambda a: a * (1 - labels) + a @ labels.T @ labels, A)
    after = name_constants([labels])(program)
    constants = [x for step in after.steps for x in step.operands if isinstance(x, np.ndarray)]
    assert len(constants) == 3
    assert all(x is labels for x in constants)
    assert ops(after) == ["subtract", "multiply", "transpose", "matmul", "matmul", "add"]
    np.testing.assert_array_equal(after.run(A)[0], program.run(A)[0])
