"""Tracing: what is recorded, and what of it is an input, a capture or a constant."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.arguments import name_arguments
from tinygrad_lite.context import current
from tinygrad_lite.program.program import Node
from tinygrad_lite.program.trace import collect, expand, make_input, open_argument, tracing
from tinygrad_lite.tensor import TraceError, next_seq

X = np.arange(6.0).reshape(2, 3)


def test_steps_are_in_the_order_of_computation(record):
    program = record(lambda x, y: np.exp(x) * y - np.exp(y), X, X)
    assert [node.op.name for node in program.steps] == ["exp", "multiply", "exp", "subtract"]
    assert [node.name for node in program.inputs] == ["x0", "x1"]
    seen = set(program.inputs)
    for node in program.steps:
        assert seen >= {x for x in node.operands if type(x) is Node}
        seen.add(node)
    assert program.outputs == (program.steps[-1],)


def test_shapes_and_dtypes(record):
    program = record(lambda x: (np.sum(x, axis=0), x > 1, np.argmax(x), x.astype("float32")), X)
    assert [(node.shape, node.dtype) for node in program.steps] == [
        ((3,), np.dtype(float)),
        ((2, 3), np.dtype(bool)),
        ((), np.dtype(int)),
        ((2, 3), np.dtype("float32")),
    ]


def test_what_no_result_needs_is_left_out(record):
    def f(x):
        np.exp(x)
        return x * 2

    assert [node.op.name for node in record(f, X).steps] == ["multiply"]


def test_older_tensors_are_captured_younger_ones_are_constants(record):
    older = tg.Tensor(X, name="older")
    computed = older * 2

    def f(x):
        return x * older + computed - tg.Tensor(np.ones(3)) + tg.Tensor(4.0) + older

    program = record(f, X)
    assert [tensor for _, tensor in program.captures] == [older, computed]
    assert program.captures[0][0].name == "older"
    constants = [x for node in program.steps for x in node.operands if type(x) is not Node]
    np.testing.assert_array_equal(constants[0], np.ones(3))
    assert constants[1] == 4.0
    assert isinstance(constants[1], np.float64)
    np.testing.assert_array_equal(program.run(X)[0], X * X + 2 * X - 1 + 4 + X)
    older.data = np.ones((2, 3))
    np.testing.assert_array_equal(program.run(X)[0], X + X * 2 - 1 + 4 + 1)  # computed was computed before


def test_results_that_depend_on_nothing(record):
    table = np.ones(3)
    program = record(lambda x: (x, 3, 2.5, table, tg.Tensor(table)), X)
    assert program.steps == ()
    assert program.outputs[0] is program.inputs[0]
    assert program.outputs[1:3] == (3, 2.5)
    assert program.outputs[3] is table


def test_python_floats_stay_python_floats(record):
    program = record(lambda x, k: (x * (2 / k - 1), k * k, np.exp(k)), X.astype("float32"), 4.0)
    assert [node.weak for node in program.inputs] == [False, True]
    assert [(node.op.name, node.weak, node.dtype.name) for node in program.steps] == [
        ("divide", True, "float64"),
        ("subtract", True, "float64"),
        ("multiply", False, "float32"),
        ("multiply", True, "float64"),
        ("exp", False, "float64"),  # NumPy makes a NumPy number of it
    ]
    results = program.run(X.astype("float32"), 0.5)
    assert results[0].dtype == np.float32
    assert type(results[1]) is float


def test_an_operation_with_several_results(record):
    x = np.array([[2.0, 1.0], [1.0, 3.0]])
    program = record(lambda x: np.linalg.eigh(x)[0] * 2, x)
    several = program.steps[0]
    assert several.shape is None
    np.testing.assert_allclose(program.run(x)[0], np.linalg.eigh(x)[0] * 2)


def test_the_backward_pass_is_part_of_it(record):
    program = record(lambda x: tg.grad(lambda x: np.sum(np.tanh(x)))(x), X)
    np.testing.assert_allclose(program.run(X + 1)[0], 1 - np.tanh(X + 1) ** 2)


def test_running_with_something_after_each_step(record):
    program = record(lambda x: (x * 2) + 1, X)
    np.testing.assert_array_equal(program.run(X, after=lambda y: y * 10)[0], (X * 2 * 10 + 1) * 10)


@pytest.mark.parametrize("way", ["return", "raise"])
def test_tracing_ends_with_its_block(way):
    before = current()
    try:
        with tracing():
            assert current().tracing
            if way == "raise":
                raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    assert current() is before


def test_a_traced_value_has_no_numbers_not_even_afterwards():
    start = next_seq()
    x = make_input(X, "x")
    with tracing():
        y = x * 2
    assert len(collect([y], [x], start)[0].steps) == 1
    with pytest.raises(TraceError, match="no fixed value"):
        y.numpy()


def test_layouts_are_not_recorded(record):
    for f in (lambda x: np.ravel(x, order="K"), lambda x: np.reshape(x, (6,), order="A")):
        with pytest.raises(TraceError, match="lies in memory"):
            record(f, X)
    record(lambda x: np.ravel(x, order="F"), X)


@pytest.mark.parametrize(
    ("f", "what"),
    [
        (lambda x: x[x > 1], r"t\[mask\]"),
        (lambda x: tg.set_at(x, x > 1, 0.0), r"t\[mask\]"),
        (lambda x: np.unique(x), "unique"),
        (lambda x: np.nonzero(x), "nonzero|argwhere"),
        (lambda x: np.argwhere(x), "argwhere"),
        (lambda x: np.bincount(np.argmax(x, axis=0)), "count"),
        (lambda x: np.bincount(np.argmax(x, axis=0), weights=x[0]), "weighted_count"),
        (lambda x: np.intersect1d(x, x + 1), "common"),
        (lambda x: np.setdiff1d(x, x + 1), "unique"),
        (lambda x: np.extract(x > 1, x), "flatnonzero"),
    ],
)
def test_shapes_that_depend_on_numbers_are_refused_by_name(record, f, what):
    with pytest.raises(TraceError, match=rf"test_trace.py:\d+: .*the shape of ({what})'s result depends on numbers"):
        record(f, X)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x[np.argmax(x, axis=0)[:1]],
        lambda x: np.where(x > 1, x, 0),
        lambda x: np.count_nonzero(x > 1),
        lambda x: np.take_along_axis(x, np.argsort(x, axis=1), axis=1),
        lambda x: np.sort(x, axis=0),
        lambda x: tg.set_at(x, 0, 1.0),
        lambda x: np.searchsorted(np.sort(x[0]), x[1]),
    ],
)
def test_indices_that_are_computed_are_recorded(record, f):
    program = record(f, X)
    other = X[::-1, ::-1] * 1.5
    np.testing.assert_allclose(program.run(other)[0], f(other))


def test_a_function_is_expanded_on_the_operands_of_a_step(record):
    program = record(lambda x, k: np.tanh(x) * k, X.astype("f4"), 2.0)
    tanh, k = program.steps[0], program.inputs[1]
    table = np.ones(3)
    steps, result = expand(lambda y, n, s, c: (y * n + c) * (s * 2.0), (tanh, 3, k, table), {})
    assert [(step.op.name, step.weak, step.dtype.name) for step in steps] == [
        ("multiply", False, "float32"),
        ("add", False, "float64"),
        ("multiply", True, "float64"),
        ("multiply", False, "float64"),
    ]
    assert result is steps[-1]
    assert steps[0].operands == (tanh, 3)
    assert steps[1].operands[1] is table  # not a copy: its owner may change it
    assert expand(lambda y, c: y, (tanh, 1.0), {}) == ([], tanh)
    assert expand(lambda y, c: c + 1, (tanh, 1.0), {}) == ([], 2.0)


def test_arguments_are_opened_leaf_by_leaf():
    params = {"W": X, "rate": 0.5, "n": 3}
    opened = open_argument(params, "params", lambda x, path: make_input(x, path) if type(x) is not int else None)
    assert [None if t is None else t.name for t in opened.tensors] == ["params['W']", "params['rate']", None]
    assert [t.name for t in opened.stand_ins] == ["params['W']", "params['rate']"]
    rebuilt = opened.tree()
    assert rebuilt["W"] is opened.tensors[0]
    assert rebuilt["n"] == 3


def test_arguments_without_a_name_are_numbered():
    assert name_arguments(lambda a, *rest: a, 3) == ["a", "arg1", "arg2"]
    assert name_arguments(lambda a, b=1: a, 1) == ["a"]
