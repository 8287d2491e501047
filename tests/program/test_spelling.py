"""Spelling: constants as literals, steps as people write them."""

from __future__ import annotations

import ast

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.generators.calls import calls, functions
from tinygrad_lite import tree
from tinygrad_lite.program.program import Node
from tinygrad_lite.program.spelling import Speller, path_in_numpy
from tinygrad_lite.program.text import Assembly, text
from tinygrad_lite.table import rows


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 3, -2.5, 1e-300, float("inf"), -float("inf"), 2 + 3j, "axis'\"\n"),
        *((1, (2,)), [1.5, None], np.dtype("float32"), np.float64, np.bool_),
        *(np.float32(0.1), np.int8(3), np.array([0, 2]), np.array([0.5], np.float32), np.array([], int)),
    ],
)
def test_literals_evaluate_to_the_constant(value):
    speller = Speller(lambda value, hint: pytest.fail(f"{value!r} was not written out"), lambda op: "f", {})
    found = eval(text(speller.literal(value)), {"np": np})
    if isinstance(value, (np.ndarray, np.generic)):
        assert np.array_equal(found, value)
        assert np.asarray(found).dtype == value.dtype
    else:
        assert found == value


def test_arrays_of_others_are_never_written_out():
    data = np.array([1.0, 2.0])

    def f(x):
        return np.sum(data * x)

    derivation = tg.derive(f, np.ones(2))
    data[0] = 5.0
    assert derivation.function(np.ones(2))[0] == 7.0


@pytest.mark.parametrize(
    ("f", "code"),
    [
        (lambda x: x + -x, "x - x"),
        (lambda x: -(x * 2) @ x.T, "-(x * 2) @ x.T"),
        (lambda x: np.swapaxes(x, -1, -2), "x.mT"),
        (lambda x: x[..., None] > 0, "x[..., None] > 0"),
        (lambda x: np.expand_dims(x, 0), "x[None]"),
        (lambda x: np.var(x, axis=(1,), ddof=1), "np.var(x, axis=1, ddof=1)"),
        (lambda x: np.sum(x, keepdims=False), "np.sum(x)"),
        (lambda x: np.median(x), "np.median(x)"),
        (lambda x: np.linalg.inv(x), "np.linalg.inv(x)"),
        (lambda x: np.reshape(x, (9,)), "np.reshape(x, (9,))"),
        (lambda x: np.square(x) // 2, "x**2 // 2"),
        (lambda x: np.left_shift(np.argmax(x, 0), 1), "np.argmax(x, axis=0) << 1"),
        (lambda x: tg.elementwise(np.sin, None, name="cos")(x), "np.sin(x)"),
        (lambda x: tg.elementwise(lambda x: x + 1, None, name="sin")(x), "own_sin(x)"),
    ],
)
def test_steps(record, f, code):
    program = record(f, np.eye(3))
    speller = Speller(lambda value, hint: hint, lambda op: f"own_{op.name}", {})
    spelled = {program.inputs[0]: speller.bind(None, "x")}
    for node in program.steps:
        xs = [ast.Name(x) if isinstance(x := spelled.get(y), str) else x or speller.literal(y) for y in node.operands]
        spelled[node] = speller.spell(node, xs)
    assert text(spelled[program.outputs[0]]) == code


def test_every_row_that_says_it_is_a_function_of_numpys_is_one():
    for op in rows():
        if op.numpy is not None:
            assert path_in_numpy(op.numpy) is not None, op


def run_text(program, arrays):
    """The results of a program, by the text of its steps; constants and functions without a text are bound."""
    space = {"np": np}

    def bind(value, hint):
        name = f"bound{len(space)}"
        space[name] = value
        return name

    def name(op):  # a derivation defines these two, and a helper for every function that NumPy lacks
        return bind({"put": add_at, "put_parts": add_all_at}.get(op.name, op.fn), "f")

    speller = Speller(bind, name, {})
    names = {node: ast.Name(bind(x, "x")) for node, x in zip(program.inputs, arrays, strict=True)}
    for node in program.steps:
        expression = speller.spell(node, [names[x] if type(x) is Node else speller.literal(x) for x in node.operands])
        names[node] = ast.Name(f"y{len(space)}")
        pairs = [(names[node], expression)]
        for left, right in expression.assignments(names[node]) if isinstance(expression, Assembly) else pairs:
            exec(f"{text(left)} = {text(right)}", space)
    return [space[names[x].id] if type(x) is Node else x for x in program.outputs]


def add_at(g, index, shape):
    out = np.zeros(shape, np.asarray(g).dtype)
    np.add.at(out, index, g)
    return out


def add_all_at(parts, indices, shape):
    return sum(add_at(g, index, shape) for g, index in zip(parts, indices, strict=True))


@pytest.mark.parametrize("function", [f for f in functions() if f.kind != "composition"], ids=repr)
def test_the_text_of_a_row_computes_what_the_row_does(record, function):
    """`numpy`, `python` and `operator` say what the op is: for every call that the tests of the rows make."""
    for operands, params in calls(function, np.random.default_rng(3)):
        whole, structure = tree.flatten(operands)
        arrays = [x for x in whole if isinstance(x, np.ndarray)]

        def call(*xs, whole=whole, structure=structure, params=params):
            left = iter(xs)
            filled = [next(left) if isinstance(x, np.ndarray) else x for x in whole]
            return function.call(*tree.unflatten(structure, filled), **params)

        try:
            program = record(call, *arrays)
        except tg.TraceError:
            return  # a shape that depends on numbers
        with np.errstate(all="ignore"):
            found = run_text(program, arrays)
            wanted = program.run(*arrays)
        for x, y in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(x, y)
            assert np.asarray(x).dtype == np.asarray(y).dtype
