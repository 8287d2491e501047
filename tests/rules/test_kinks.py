"""docs/kinks.md: every line of its table is computed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lite as tg

TABLE = (Path(__file__).parents[2] / "docs" / "kinks.md").read_text(encoding="utf-8")
LINES = re.findall(r"^\| `(.+?)` \| `(.+?)` \| `(.+?)` \|", TABLE, flags=re.MULTILINE)
NAMES = {"np": np, "tg": tg, "nan": np.nan, "inf": np.inf}


def test_the_table_was_read() -> None:
    assert len(LINES) == len([line for line in TABLE.splitlines() if line.startswith("| `")])
    assert len(LINES) > 30


def value(text: str) -> np.ndarray:
    return np.array(eval(text, NAMES), float)


@pytest.mark.filterwarnings("ignore:divide by zero")  # the logarithm of the branch not taken
@pytest.mark.parametrize(("expression", "where", "derivative"), LINES)
def test_the_derivative_at_a_kink(expression: str, where: str, derivative: str) -> None:
    found = tg.grad(lambda x: np.sum(eval(expression, {**NAMES, "x": x})))(value(where))
    np.testing.assert_array_equal(found, value(derivative))


def test_the_other_operand_of_a_tie_has_the_other_half() -> None:
    for function in (np.maximum, np.minimum, np.fmax, np.fmin):
        a, b = tg.vjp(function, np.array([1.0, 2.0]), np.array([1.0, 2.0]))[1](np.array([3.0, 5.0]))
        np.testing.assert_array_equal(a, [1.5, 2.5])
        np.testing.assert_array_equal(b, [1.5, 2.5])


def test_a_bound_that_an_entry_touches_has_half_its_gradient() -> None:
    low, high = tg.grad(
        lambda low, high: np.sum(np.clip(np.array([0.0, 0.5, 1.0, 4.0]), low, high) * np.array([2.0, 3.0, 5.0, 7.0])),
        argnums=(0, 1),
    )(0.0, 1.0)
    assert (low, high) == (1.0, 9.5)
