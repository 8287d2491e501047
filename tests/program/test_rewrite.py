"""Rewriting: where a pattern is found, what is written in its place, and when nothing is."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.program.program import shape_of
from tinygrad_lite.program.ranges import Ranges
from tinygrad_lite.program.rewrite import MATRIX, VECTOR, find, rewrite, rule
from tinygrad_lite.program.simplify import drop_dead

X = np.arange(6.0).reshape(2, 3) + 1
SQUARE = rule(lambda x: x * x, lambda x: np.square(x), MATRIX)


def ops(program):
    return [node.op.name for node in program.steps]


def rewritten(record, f, *table, arrays=(X,)):
    """The ops of f after rewriting; its numbers must be what they were."""
    program = record(f, *arrays)
    after = drop_dead(rewrite(program, table))
    for a, b in zip(after.run(*arrays), program.run(*arrays), strict=True):
        np.testing.assert_allclose(a, b)
    return ops(after)


def test_a_pattern_of_several_steps(record):
    flip = rule(lambda a, b: (a @ b.T).T, lambda a, b: b @ a.T, MATRIX, MATRIX)
    assert rewritten(record, lambda x: (x @ (2 * x).T).T, flip) == ["multiply", "transpose", "matmul"]
    assert rewritten(record, lambda x: np.transpose(x @ np.transpose(x, (1, 0))), flip) == [
        "transpose",
        "matmul",
        "transpose",
    ]


def test_an_operand_that_occurs_twice_is_the_same_both_times(record):
    assert rewritten(record, lambda x: x * x, SQUARE) == ["square"]
    assert rewritten(record, lambda x: x * (x + 1), SQUARE) == ["add", "multiply"]
    cube = rule(lambda x: x * x * x, lambda x: x**3.0, MATRIX)
    assert rewritten(record, lambda x: np.exp(x) * (np.exp(x) * np.exp(x)), cube) == ["exp", "power"]


def test_operands_of_an_op_that_commutes_come_in_either_order(record):
    fused = rule(lambda x, y: x + np.exp(x) * y, lambda x, y: y * np.exp(x) - -x, MATRIX, MATRIX)
    for f in (
        lambda x: x + np.exp(x) * 3.0,
        lambda x: 3.0 * np.exp(x) + x,
        lambda x: np.exp(x) * 3.0 + x,
    ):
        assert "subtract" in rewritten(record, f, fused)
    difference = rule(lambda x: x - np.exp(x), lambda x: -np.exp(x) + x, MATRIX)
    assert "add" not in rewritten(record, lambda x: np.exp(x) - x, difference)


def test_numbers_are_matched_by_value_and_by_the_sign_of_zero(record):
    double = rule(lambda x: x * 2, lambda x: x + x, MATRIX)
    for two in (2, 2.0, np.float64(2)):
        assert rewritten(record, lambda x, two=two: x * two, double) == ["add"]
    assert rewritten(record, lambda x: x * 3, double) == ["multiply"]
    minus = rule(lambda x: x - 0, lambda x: x, MATRIX)
    assert rewritten(record, lambda x: x - 0.0, minus) == []
    assert rewritten(record, lambda x: x - -0.0, minus) == ["subtract"]
    assert rewritten(record, lambda x: x - 0j, minus) == ["subtract"]  # it makes the result complex


def test_an_example_that_is_a_number_stands_for_a_constant(record):
    scale = rule(lambda x, c: np.exp(c * x), lambda x, c: np.exp(x) ** c, MATRIX, 2.0)
    assert rewritten(record, lambda x: np.exp(x * 3.0), scale) == ["exp", "power"]
    assert rewritten(record, lambda x: np.exp(x * x), scale) == ["multiply", "exp"]
    assert rewritten(record, lambda x: np.exp(x * np.ones(3)), scale) == ["multiply", "exp"]


def test_keywords_are_as_written_unless_they_are_variables(record):
    columns = rule(lambda x: np.sum(x, axis=0), lambda x: np.ones(x.shape[0]) @ x, MATRIX)
    assert rewritten(record, lambda x: np.sum(x, axis=0), columns) == ["matmul"]
    assert rewritten(record, lambda x: np.sum(x, 0, keepdims=False), columns) == ["matmul"]
    for other in ({"axis": 1}, {}, {"axis": 0, "keepdims": True}):
        assert rewritten(record, lambda x, other=other: np.sum(x, **other), columns) == ["sum"]
    anyhow = rule(
        lambda x, axis=None, keepdims=False: np.sum(x, axis=axis, keepdims=keepdims),
        lambda x, axis=None, keepdims=False: np.mean(x, axis=axis, keepdims=keepdims) * (x.size // np.size(x, axis)),
        MATRIX,
        axis=1,
        keepdims=True,
    )
    found = find(anyhow, record(lambda x: np.sum(x, keepdims=True), X).steps[0], Ranges())
    assert found is not None
    assert found.keywords == {"keepdims": True}


def test_a_condition_may_ask_for_shapes_and_ranges(record):
    root = rule(lambda x: np.sqrt(x * x), lambda x: x, MATRIX, when=lambda ranges, x: ranges.of(x)[0] >= 0)
    assert rewritten(record, lambda x: np.sqrt(np.exp(x) * np.exp(x)), root) == ["exp"]
    assert rewritten(record, lambda x: np.sqrt(x * x), root) == ["multiply", "sqrt"]
    small = rule(lambda x: x * x, np.square, MATRIX, when=lambda _, x: shape_of(x) == (3,))
    assert rewritten(record, lambda x: x[0] * x[0] + np.sum(x * x), small).count("square") == 1


def test_nothing_is_written_that_has_another_shape_dtype_or_weakness(record):
    one = rule(lambda x: x * 1, lambda x: x, MATRIX)
    assert rewritten(record, lambda x: x[0] * 1, one) == ["getitem"]
    assert rewritten(record, lambda x: x * np.float64(1), one, arrays=(X.astype("f4"),)) == ["multiply"]
    assert rewritten(record, lambda x: (x > 1) * 1, one) == ["greater", "multiply"]
    assert rewritten(record, lambda x: np.sum(x) * np.ones((2, 1)), one) == ["sum", "multiply"]
    first = rule(lambda x, y: np.maximum(x, y), lambda x, y: x, MATRIX, MATRIX)
    assert rewritten(record, lambda x: np.maximum(x[0], np.ones((1, 3))), first) == ["getitem", "maximum"]
    inverse = rule(lambda x: np.exp(np.log(x)), lambda x: x, MATRIX)
    assert rewritten(record, lambda k: np.exp(np.log(k)) * X.astype("f4"), inverse, arrays=(2.0,))[1] == "exp"


def test_what_is_written_is_rewritten_in_turn(record):
    down = [
        rule(lambda x: np.square(x), lambda x: x * x, MATRIX),
        rule(lambda x: x * x, lambda x: np.power(x, 2.0), MATRIX),
    ]
    assert rewritten(record, lambda x: np.square(np.square(x)), *down) == ["power", "power"]
    back = rule(lambda x: x * x, np.square, MATRIX)
    with pytest.raises(RuntimeError, match="round in circles at a step of <elementwise op"):
        rewrite(record(np.square, X), [down[0], back])


def test_a_value_that_has_a_name_is_not_swallowed(record):
    flip = rule(lambda x: x.T.T, lambda x: np.positive(x), MATRIX)
    program = record(lambda x: x.T.T, X)
    assert ops(drop_dead(rewrite(program, [flip]))) == ["positive"]
    program.steps[0].name = "XT"
    assert ops(drop_dead(rewrite(program, [flip]))) == ["transpose", "transpose"]


def test_the_name_of_what_is_replaced_is_kept(record):
    program = record(lambda x: x * x, X)
    program.steps[0].name = "Q"
    assert [node.name for node in rewrite(program, [SQUARE]).steps] == ["Q"]
    program = record(lambda x: np.exp(x) * 1, X)
    program.steps[1].name = "E"
    assert [node.name for node in rewrite(program, [rule(lambda x: x * 1, lambda x: x, MATRIX)]).steps] == ["E"]


def test_ops_are_told_apart_by_themselves_not_by_their_names(record):
    multiply = tg.elementwise(lambda a, b: a - b, 1, -1, name="multiply")
    assert rewritten(record, lambda x: multiply(x, x), SQUARE) == ["multiply"]


def test_a_function_in_a_table_is_asked_about_every_step(record):
    seen = []

    def note(node):
        seen.append(node.op.name)

    assert rewritten(record, lambda x: np.exp(x * x), note, SQUARE) == ["square", "exp"]
    assert seen == ["multiply", "square", "exp"]


def test_the_rules_of_a_table_are_tried_in_order(record):
    one, other = SQUARE, rule(lambda x: x * x, lambda x: np.power(x, 2.0), MATRIX)
    assert rewritten(record, lambda x: x * x, one, other) == ["square"]
    assert rewritten(record, lambda x: x * x, other, one) == ["power"]


def test_a_wrong_right_side_can_be_written_too(record):
    """As a mistake that people make, with a sentence: finding and writing do not ask whether it is right."""
    mistake = rule(
        lambda a, b: a @ b.T, lambda a, b: a @ b, MATRIX, MATRIX, says="a product with b, not with its transpose"
    )
    (transpose, product) = record(lambda x: x @ x.T, X[:, :2]).steps
    found = find(mistake, product, Ranges())
    assert found is not None
    steps, result = found.write()
    assert [step.op.name for step in steps] == ["matmul"]
    assert result is steps[0]
    assert found.rule.says


def test_vectors_match_matrices_and_the_other_way_round(record):
    twice = rule(lambda x: x + x, lambda x: 2 * x, VECTOR)
    assert rewritten(record, lambda x: x + x, twice) == ["multiply"]


def test_a_variable_keyword_that_occurs_twice_has_one_value(record):
    ratio = rule(
        lambda x, axis=None: np.sum(x, axis=axis) / np.max(x, axis=axis),
        lambda x, axis=None: np.sum(x / np.max(x, axis=axis, keepdims=True), axis=axis),
        MATRIX,
        axis=1,
    )
    assert rewritten(record, lambda x: np.sum(x, axis=0) / np.max(x, axis=0), ratio) == ["max", "divide", "sum"]
    square = np.arange(1.0, 10).reshape(3, 3)
    assert rewritten(record, lambda x: np.sum(x, axis=0) / np.max(x, axis=1), ratio, arrays=(square,)) == [
        "sum",
        "max",
        "divide",
    ]


def test_arrays_that_somebody_else_may_change_are_not_computed_with(record):
    """Only numbers are: what is written with a constant array is a step like any other."""
    table = np.ones(3)
    inside = rewrite(
        record(lambda x: x * table, X), [rule(lambda x, y: x * y, lambda x, y: x / (1 / y), MATRIX, MATRIX)]
    )
    assert ops(inside) == ["divide", "divide"]
    assert any(x is table for node in inside.steps for x in node.operands)
