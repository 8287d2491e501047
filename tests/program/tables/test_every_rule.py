"""Tables of rewrites: both sides of every rule are run on random arrays, and on what is not finite."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinygrad_lite.program.rewrite import MATRIX, Rule, rewrite, rule
from tinygrad_lite.program.simplify import SIMPLER
from tinygrad_lite.program.tables.exact import EXACT
from tinygrad_lite.program.tables.fast import FAST, MEANS
from tinygrad_lite.program.tables.readable import FINITE, READABLE, SPELLED, SPELLED_FINITE
from tinygrad_lite.rounding import describe_difference

ROUNDED = [*MEANS, *FAST, *(entry for entry in READABLE if isinstance(entry, Rule)), *SPELLED]
SPECIAL = [0.0, -0.0, 1.0, -2.5, np.inf, -np.inf, np.nan]


def name(entry: Rule) -> str:
    pattern = entry.pattern
    return "-".join(step.op.name for step in pattern.steps if step.op is not None)


def draw(example: Any, rng: np.random.Generator, special: bool) -> Any:
    """An operand like the example; a number, which stands for a constant, is the example itself."""
    if not isinstance(example, np.ndarray):
        return example
    if example.dtype.kind != "f":
        return rng.integers(0, 5, example.shape)
    values = rng.choice(SPECIAL, example.shape) if special else rng.normal(size=example.shape)
    return np.asarray(values).astype(example.dtype)


def programs(entry: Rule, arrays: list[Any], record: Any) -> tuple[Any, Any]:
    """The left side as a program, and the same program rewritten."""
    places = [i for i, x in enumerate(arrays) if isinstance(x, np.ndarray)]

    def left(*inputs: Any) -> Any:
        given = list(arrays)
        for i, x in zip(places, inputs, strict=True):
            given[i] = x
        return entry.left(*given, **entry.keywords)

    program = record(left, *(arrays[i] for i in places))
    rewritten = rewrite(program, [entry])
    assert rewritten.steps != program.steps, "the rule does not find its own left side"
    return program, rewritten


def check(entry: Rule, record: Any, exact: bool, finite: bool = False) -> None:
    rng = np.random.default_rng(0)
    for special in [False] * 3 + [True] * 10 * (not finite):
        arrays = [draw(example, rng, special) for example in entry.operands]
        left, right = programs(entry, arrays, record)
        inputs = [x for x in arrays if isinstance(x, np.ndarray)]
        with np.errstate(all="ignore"):
            (want,), (got,) = left.run(*inputs), right.run(*inputs)
        if exact:
            np.testing.assert_array_equal(got, want)
            numbers = ~np.isnan(want)
            np.testing.assert_array_equal(np.signbit(got)[numbers], np.signbit(want)[numbers])
        else:
            assert describe_difference(got, want, roundings=100) is None


@pytest.mark.parametrize("entry", EXACT, ids=name)
def test_exact_rules_change_no_bit(record, entry):
    check(entry, record, exact=True)


@pytest.mark.parametrize("entry", ROUNDED, ids=name)
def test_other_rules_change_nothing_but_rounding(record, entry):
    check(entry, record, exact=False)


@pytest.mark.parametrize("entry", [*FINITE, *SPELLED_FINITE], ids=name)
def test_rules_of_finite_numbers_change_nothing_but_rounding(record, entry):
    check(entry, record, exact=False, finite=True)


@pytest.mark.parametrize(
    ("wrong", "exact"),
    [
        (rule(lambda x: x + 0, lambda x: x, MATRIX), True),  # of -0.0 it makes 0.0
        (rule(lambda x: x * 2, lambda x: x / (0.5 + 1e-9), MATRIX), False),
        (rule(lambda x: x - x, lambda x: x * 0, MATRIX), True),  # so it is, but for the sign of zero
        (rule(lambda x: x / x, lambda x: np.ones_like(x) + 0 * np.abs(x), MATRIX), False),  # not where x is 0
    ],
)
def test_wrong_rules_are_caught(record, wrong, exact):
    with pytest.raises(AssertionError, match=r"not equal|is None|differs"):
        check(wrong, record, exact)


def test_the_tables_in_use_are_those_tested_here():
    assert [entry for entry in SIMPLER if isinstance(entry, Rule)] == EXACT
