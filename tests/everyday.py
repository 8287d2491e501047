"""Of many cases that take the same way through the code, some are for every day; `make test-thorough` runs them all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def one_in(count: int, cases: Iterable[Any]) -> list[Any]:
    """The cases of `pytest.mark.parametrize`, tuples where there are several arguments: the first of every so many
    runs every day.

    Where the cases are a product, a count that divides the length of none of its factors takes every value of each.
    """
    return [
        pytest.param(*(case if type(case) is tuple else (case,)), marks=pytest.mark.thorough if i % count else [])
        for i, case in enumerate(cases)
    ]
