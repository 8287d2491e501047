"""Planned memory: no value is written over while someone needs it, and no more is taken than that asks for."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import tinygrad_lite as tg
from tests.generators.strategies import programs
from tinygrad_lite.op import pick
from tinygrad_lite.program.compiled.generate import optimise
from tinygrad_lite.program.compiled.plan import plan
from tinygrad_lite.program.gaps import ALIGNMENT
from tinygrad_lite.program.program import Node, Program


def simulate(program, arrays, planned=None):
    """Run the steps in an arena as planned, checking before each that its operands still are what was computed."""
    planned = plan(program) if planned is None else planned
    arena = np.full(planned.size + ALIGNMENT, 255, np.uint8)
    start = -arena.ctypes.data % ALIGNMENT
    values = dict(zip(program.inputs, arrays, strict=True)) | {n: t._array for n, t in program.captures}
    truth = {}  # copies nothing can write to
    for node in program.steps:
        for x in node.operands:
            if type(x) is Node and x in truth:
                assert_array_equal(values[x], truth[x], err_msg=f"{x} was overwritten before {node}")
        y = node.op.fn(*(values[x] if type(x) is Node else x for x in node.operands), **node.params)
        if node in planned.offset:
            place = np.ndarray(node.shape, node.dtype, arena.data, start + planned.offset[node])
            place[...] = y
            y = place
        elif node in planned.views:
            assert np.shares_memory(y, values[planned.views[node]])
        values[node] = float(y) if node.weak else y
        if node.op.outputs == 1 or node.op is pick:
            truth[node] = np.array(values[node])
    for x in program.outputs:
        if type(x) is Node and x in truth:
            assert_array_equal(values[x], truth[x], err_msg=f"result {x} was overwritten")
            assert x not in planned.offset  # results belong to the caller
    return planned


def overlapping(program, planned):
    """Pairs of buffers alive at the same time that share bytes, found step by step."""
    last, base = {}, {}
    for i, node in enumerate(program.steps):
        base[node] = base.get(planned.views.get(node), planned.views.get(node, node))
        for x in node.operands:
            if type(x) is Node:
                last[base.get(x, x)] = i
    end = {x for x in program.outputs if type(x) is Node}
    bad = []
    births = [(i, node) for i, node in enumerate(program.steps) if node in planned.offset]
    for k, (_, a) in enumerate(births):
        until = len(program.steps) if any(base.get(x, x) is a for x in end) else last.get(a, -1)
        for j, b in births[k + 1 :]:
            low, high = planned.offset[a], planned.offset[b]
            touching = low < high + max(b.nbytes, 1) and high < low + max(a.nbytes, 1)
            direct = [x for x in b.operands if type(x) is Node and base.get(x, x) is a]
            in_place = until == j and low == high and a.shape == b.shape and all(x is a for x in direct)
            in_place = in_place and b.op.kind != "bilinear"  # written element by element
            if touching and j <= until and not in_place:
                bad.append((a, b))
    return bad


@given(programs(max_steps=8), st.booleans(), st.booleans(), st.integers(0, 1000))
def test_random_programs(record_drawn, fresh, drawn, gradients, passes, seed):
    program, arguments = drawn
    recorded = record_drawn(program, arguments, gradients)
    rng = np.random.default_rng(seed)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        recorded = optimise(recorded) if passes else recorded
        planned = simulate(recorded, fresh(arguments, rng))
    assert not overlapping(recorded, planned)


_STEPS = [
    lambda x, y: x + y,
    lambda x, y: x * 2 - y,
    lambda x, y: x @ y,
    lambda x, y: np.tanh(x).T,
    lambda x, y: x.T * y,
    lambda x, y: np.reshape(x, (9,))[::-1].reshape(3, 3) + y,
    lambda x, y: np.maximum(x, y.T),
    lambda x, y: np.where(x > y, x, 0),
    lambda x, y: np.sum(x, axis=0) + y,
    lambda x, y: np.sum(x, axis=1, keepdims=True) * y[:1],
    lambda x, y: np.concatenate([x[1:], y[:1]]),
    lambda x, y: x[:, ::-1],
    lambda x, y: np.max(x, axis=0, keepdims=True) - y,
    lambda x, y: x / (1 + y * y),
    lambda x, y: np.expand_dims(x, 0)[0] - np.squeeze(y[None]),
]


@given(
    st.lists(st.tuples(st.integers(0, len(_STEPS) - 1), st.integers(1, 6), st.integers(1, 6)), min_size=2, max_size=25),
    st.lists(st.integers(1, 6), min_size=1, max_size=3),
    st.booleans(),
)
def test_values_of_one_size_that_come_and_go(record, steps, returned, passes):
    """All 3 x 3, so that memory is reused at every turn, with views of views and results in the middle."""

    def f(x):
        values = [x + 1]
        for which, i, j in steps:
            values.append(_STEPS[which](values[-i % len(values)], values[-j % len(values)]))
        return [values[-i % len(values)] for i in returned]

    x = np.random.default_rng(len(steps)).normal(size=(3, 3))
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = record(f, x)
        program = optimise(program) if passes else program
        planned = simulate(program, [x])
    assert not overlapping(program, planned)


def test_the_checks_of_this_file_see_a_bad_plan(record):
    x = np.arange(9.0).reshape(3, 3)
    program = record(lambda x: (x * 2) @ (x * 3) + (x * 2), x)
    planned = plan(program)
    first, second, product = program.steps[:3]
    assert not overlapping(program, planned)
    planned.offset[second] = planned.offset[first]
    assert overlapping(program, planned) == [(first, second)]
    with pytest.raises(AssertionError, match="was overwritten before"):
        simulate(program, [x], planned)
    planned = plan(program)
    planned.offset[product] = planned.offset[first]
    assert overlapping(program, planned)


def test_a_chain_needs_the_memory_of_one_value(record):
    program = record(lambda x: np.sum(np.exp(np.tanh(np.sin(x) * 2) + 1)), np.ones((100, 10)))
    assert plan(program).size == 8000


def test_a_product_is_not_written_over_its_operand(record):
    program = record(lambda x: np.sum(np.tanh(np.tanh(x) @ x)), np.ones((16, 16)))
    assert plan(program).size == 2 * 16 * 16 * 8


def test_a_result_is_not_written_over_a_smaller_operand(record):
    program = record(lambda x: np.sum(np.exp(x[:1]) * x * np.tanh(x)), np.ones((16, 3)))
    assert not overlapping(program, simulate(program, [np.random.default_rng(0).normal(size=(16, 3))]))
    between = record(lambda x, b: np.sum(np.tanh(x) * (np.exp(x[:1]) * b)), np.ones((16, 3)), np.ones((16, 3)))
    assert not overlapping(between, simulate(between, [np.ones((16, 3)), np.full((16, 3), 2.0)]))


def test_a_result_is_not_written_over_an_operand_that_is_also_seen_transposed(record):
    """NumPy would notice, and make a copy at every call."""

    def f(x):
        y = np.tanh(x)
        return np.sum(np.exp(y - y.T))

    program = record(f, np.ones((5, 5)))
    planned = simulate(program, [np.random.default_rng(0).normal(size=(5, 5))])
    assert not overlapping(program, planned)
    assert planned.size == 2 * 256


def test_offsets_are_aligned(record):
    planned = plan(record(lambda x: np.sum(np.exp(x) @ np.tanh(x).T) + np.sum(x[:, :1] * 2), np.ones((3, 5))))
    assert planned.offset
    assert all(offset % ALIGNMENT == 0 for offset in planned.offset.values())


def test_results_are_not_in_the_arena_and_neither_are_inputs(record):
    def f(x):
        y = np.tanh(x)
        return y, y.T, np.exp(y), x

    program = record(f, np.ones((2, 3)))
    planned = plan(program)
    assert not planned.offset
    assert not planned.views


def test_memory_stays_taken_while_a_view_of_it_is_needed(record):
    def f(x):
        y = np.tanh(x)
        view = np.reshape(y.T, (6,)) if x.shape[0] == 1 else y.T
        a = np.exp(x)
        b = np.sin(a)
        return np.sum(np.cos(b)) + np.sum(view)

    for x in (np.ones((1, 6)), np.ones((2, 3))):
        simulate(record(f, x), [x + 0.5])


def test_an_operation_that_may_return_its_operand_keeps_its_memory(record):
    """Nobody knows whether a user's function copies."""
    same = tg.linear(lambda x: x, lambda g, y, x: g, name="same")
    part = tg.linear(lambda x: x[1:], lambda g, y, x: np.concatenate([g[:1] * 0, g]), name="part")

    def f(x):
        y, z = same(np.tanh(x)), part(np.exp(x))
        w = np.cos(np.sin(x) * 2) + 1
        return np.sum(w * y) + np.sum(z)

    x = np.linspace(0, 1, 7)
    simulate(record(f, x), [x + 0.5])


def test_an_empty_program():
    planned = plan(Program((), (), (), (1.0,)))
    assert (planned.size, planned.offset, planned.views) == (0, {}, {})


def test_a_view_of_a_constant_array_needs_no_plan(record):
    table = np.arange(6.0).reshape(2, 3)
    program = record(
        lambda x: x + np.reshape(tg.Tensor(table), (3, 2)) * np.transpose(tg.Tensor(table)), np.ones((3, 2))
    )
    planned = simulate(program, [np.ones((3, 2))])
    assert not planned.views
