"""Ranges: every value lies within what is said of it, and is finite where that is promised."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tests.generators.calls import Function, calls
from tinygrad_lite.intervals import ANYTHING, FINITE
from tinygrad_lite.program.derivation.values import compute_nodes
from tinygrad_lite.program.ranges import Ranges
from tinygrad_lite.program.trace import collect, make_input, tracing
from tinygrad_lite.table import rows
from tinygrad_lite.tensor import next_seq

_UNARY = [
    *(np.exp, np.tanh, np.square, np.negative, np.abs, np.sin, np.cos, np.sign),
    *(
        tg.sigmoid,
        tg.relu,
        tg.leaky_relu,
        lambda x: tg.softmax(x, axis=-1),
        lambda x: x.T,
        lambda x: np.sqrt(1 + x * x),
    ),
    *(
        lambda x: 1 / (1 + np.exp(-x)),
        lambda x: 1 / x,
        lambda x: np.sum(x, axis=0, keepdims=True),
        lambda x: 3.0 - x,
        lambda x: x / 4,
    ),
    *(
        np.log,
        lambda x: x @ np.ones((x.shape[-1], 2)),
        lambda x: np.mean(x, axis=0, keepdims=True),
        lambda x: np.maximum(x, 0.5),
    ),
]
_BINARY = [np.add, np.subtract, np.multiply, np.divide, np.minimum, lambda a, b: np.where(a > b, a, b)]


def ranges_of(f, *arrays):
    start = next_seq()
    inputs = [make_input(x, None) for x in arrays]
    with tracing(), np.errstate(all="ignore"):
        program, _ = collect([f(*inputs)], inputs, start)
    return program, Ranges()


@given(st.data())
def test_values_lie_in_their_ranges(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    scale = data.draw(st.sampled_from([1.0, 30.0, 800.0]))
    x, y = (scale * rng.choice([-1.0, -0.5, 0.0, 0.3, 1.0], (3, 3)) for _ in range(2))

    def f(a, b):
        for _ in range(data.draw(st.integers(1, 4))):
            a = data.draw(st.sampled_from(_UNARY))(a)
            if a.shape == b.shape and data.draw(st.booleans()):
                a = data.draw(st.sampled_from(_BINARY))(a, b)
        return a

    program, known = ranges_of(f, x, y)
    values = compute_nodes(program, [x, y])
    assert values is not None
    for step in program.steps:
        low, high, kind = known.of(step)
        value = np.asarray(values[step])
        value = value[np.isfinite(value)] if kind != FINITE else value
        assert np.all(value >= low - 1e-9 * abs(low)) if low > -np.inf else True
        assert np.all(value <= high + 1e-9 * abs(high)) if high < np.inf else True
        assert kind != FINITE or np.isfinite(value).all()
        assert kind == ANYTHING or not np.isnan(values[step]).any()


@pytest.mark.parametrize(
    ("f", "finite"),
    [
        (lambda x: tg.sigmoid(x) * x, True),
        (lambda x: 1 / (1 + np.exp(-x)), True),
        (np.log, False),
        (np.exp, False),
        (lambda x: 1 / x, False),
        (lambda x: x / (1 + x * x), False),  # true, but a product is not known to be a square
        (lambda x: x / (1 + np.square(x)), True),
    ],
)
def test_what_is_known_to_be_finite(f, finite):
    program, known = ranges_of(f, np.ones(3))
    assert known.is_finite(program.outputs[0]) is finite


WITH_RANGE = [op for op in rows() if op.range is not None]


@pytest.mark.parametrize("op", WITH_RANGE, ids=lambda op: op.name)
def test_every_call_of_a_row_lies_in_its_range(op):
    """With as many operands, and of such dtypes, as its calls have: indices, conditions, whole numbers."""
    known = Ranges()
    legal = calls(Function.of_row(op), np.random.default_rng(0))
    assert legal
    for operands, params in legal:
        with np.errstate(all="ignore"):
            result = np.asarray(op.fn(*operands, **params))
        low, high, kind = op.range(*map(known.of, operands))
        assert kind != FINITE or np.isfinite(result).all()
        assert kind == ANYTHING or not np.isnan(result).any()
        numbers = result[np.isfinite(result)]
        assert np.all(numbers >= low - 1e-9 * abs(low)) if low > -np.inf else True
        assert np.all(numbers <= high + 1e-9 * abs(high)) if high < np.inf else True
