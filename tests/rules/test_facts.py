"""What a row says of its op, for passes and printers to build on, is so: for every call that the row's tests make."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.generators.calls import Function, calls
from tinygrad_lite.op import Op
from tinygrad_lite.table import rows

K = 4.0  # a power of 2: multiplied by it, no number loses a digit


def rows_with(fact: Any) -> Any:
    chosen = [op for op in rows() if op.outputs == 1 and fact(op)]
    assert chosen
    return pytest.mark.parametrize("op", chosen, ids=lambda op: op.name)


def results(op: Op, changes: Any = lambda xs: xs) -> Any:
    """Operands, keywords and result of every call of floats; changes: what is done to the operands."""
    for xs, params in calls(Function.of_row(op), np.random.default_rng(11)):
        if all(np.asarray(x).dtype.kind == "f" for x in xs[:1]):
            with np.errstate(all="ignore"):
                y = op.fn(*changes(list(xs)), **params)
            yield xs, params, y  # not inside: a test that stops here would leave the next ones without warnings


def scale(xs: list[Any], which: list[int], k: float = K) -> list[Any]:
    return [x * k if i in which else x for i, x in enumerate(xs)]


def agree(a: Any, b: Any) -> None:
    np.testing.assert_array_equal(a, b)
    assert np.asarray(a).dtype == np.asarray(b).dtype


@rows_with(lambda op: op.powers)
def test_a_number_that_multiplies_an_operand_multiplies_the_result(op: Op) -> None:
    for i, power in enumerate(op.powers):
        for k in (K, -1.0) if op.arity else (K,):
            pairs = zip(results(op), results(op, lambda xs, i=i, k=k: scale(xs, [i], k)), strict=True)
            for (_, _, y), (_, _, scaled) in pairs:
                np.testing.assert_allclose(scaled, y * k**power, rtol=1e-13, atol=1e-14)


@rows_with(lambda op: op.signs)
def test_a_number_that_multiplies_all_operands_that_have_a_sign_multiplies_the_result(op: Op) -> None:
    signed = [i for i, sign in enumerate(op.signs) if sign]
    scaled = results(op, lambda xs: scale(xs, signed))
    for (_, _, y), (_, _, z) in zip(results(op), scaled, strict=True):
        agree(z, y * K)


@rows_with(lambda op: op.signs and op.kind == "elementwise" and not op.selects)
def test_what_has_signs_is_a_sum_with_these_signs(op: Op) -> None:
    for xs, _, y in results(op):
        agree(y, sum(sign * x for sign, x in zip(op.signs, xs, strict=True)))


@rows_with(lambda op: op.commutes)
def test_the_order_of_the_operands_makes_no_difference(op: Op) -> None:
    special = np.array([0.0, -0.0, 1.0, -2.5, np.inf, -np.inf, np.nan])
    with np.errstate(all="ignore"):
        for a, b in (
            (special[:, None], special),
            *(xs for xs, _ in calls(Function.of_row(op), np.random.default_rng(2))),
        ):
            one, other = op.fn(a, b), op.fn(b, a)
            np.testing.assert_array_equal(one, other)
            np.testing.assert_array_equal(np.signbit(one), np.signbit(other))


@rows_with(lambda op: op.alias)
def test_an_alias_hands_on_what_has_the_shape_and_dtype_already(op: Op) -> None:
    for xs, _, y in results(op):
        if np.shape(y) == np.shape(xs[0]) and np.asarray(y).dtype == np.asarray(xs[0]).dtype:
            agree(y, xs[0])


@rows_with(lambda op: op.fresh)
def test_a_fresh_result_shares_no_memory(op: Op) -> None:
    for xs, _, y in results(op):
        assert not any(np.shares_memory(x, y) for x in xs)


@rows_with(lambda op: op.reshapes)
def test_a_reshape_keeps_the_order_of_the_entries(op: Op) -> None:
    for xs, params, y in results(op):
        order = params.get("order", "C")
        agree(np.ravel(y, order), np.ravel(xs[0], order))


@rows_with(lambda op: op.view and not op.reshapes)
def test_a_view_has_no_other_entries_than_its_operand(op: Op) -> None:
    for xs, _, y in results(op):
        assert set(np.ravel(y)) <= set(np.ravel(xs[0]))


@rows_with(lambda op: op.reduces)
def test_a_reduction_is_that_of_its_ufunc(op: Op) -> None:
    for xs, params, y in results(op):
        keywords = {"axis": params.get("axis"), "keepdims": params.get("keepdims", False)}
        assert op.reduces is not None
        agree(y, op.reduces.reduce(xs[0], **keywords))


@rows_with(lambda op: op.operator)
def test_an_operator_computes_the_same(op: Op) -> None:
    for xs, params in calls(Function.of_row(op), np.random.default_rng(5)):
        assert op.operator is not None
        agree(op.fn(*xs, **params), op.operator(*xs))


@rows_with(lambda op: op.jumps)
def test_an_op_jumps_where_it_says_and_between_these_values(op: Op) -> None:
    """Beside the place it has the one value on the one side, and the other on the other; elsewhere it stays."""
    assert op.jumps is not None
    a, b = np.array([-2.0, 0.0, 0.5, 3.0]), np.array([1.0, 0.0, 0.5, -1.0])
    xs = [a, b][: op.arity]
    here, *sides = op.jumps(*xs)
    assert np.any(here)
    beside = [np.asarray(op.fn(a + d, *xs[1:])) for d in (-1e-9, 1e-9)]
    np.testing.assert_array_equal(beside[0] != beside[1], here)
    for y in (beside[0][here], beside[1][here]):
        assert np.all(y == y[0])
    assert sorted(float(y[here][0]) for y in beside) == sorted(map(float, sides))


@rows_with(lambda op: op.is_entrywise)
def test_an_op_that_goes_entry_by_entry(op: Op) -> None:
    """The result has the operands' common shape, and one entry of it is the op's of one entry of each."""
    for xs, params in calls(Function.of_row(op), np.random.default_rng(3)):
        with np.errstate(all="ignore"):
            y = np.asarray(op.fn(*xs, **params))
            whole = np.broadcast_arrays(*xs)
            assert y.shape == whole[0].shape
            for i in list(np.ndindex(y.shape))[:: max(1, y.size // 4)]:
                one = op.fn(*[x[tuple(slice(k, k + 1) for k in i)] for x in whole], **params)
                np.testing.assert_allclose(np.squeeze(one), y[i], rtol=1e-12)  # vectors may be rounded otherwise


@rows_with(lambda op: op.shape_from_values is False)
def test_other_numbers_leave_the_shape(op: Op) -> None:
    draws = [calls(Function.of_row(op), np.random.default_rng(seed)) for seed in (0, 1)]
    for (xs, params), (others, _) in zip(*draws, strict=True):
        changed = [b if np.asarray(a).dtype.kind == "f" else a for a, b in zip(xs, others, strict=True)]
        if [np.shape(x) for x in xs] == [np.shape(x) for x in changed]:
            with np.errstate(all="ignore"):
                assert np.shape(op.fn(*xs, **params)) == np.shape(op.fn(*changed, **params))
