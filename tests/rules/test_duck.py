"""Every row and composition on an array of another library that refuses to become NumPy's."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.duck import Duck
from tests.generators.calls import Function, calls, functions
from tests.rules.test_every_call import of_floats

pytestmark = pytest.mark.thorough

pytest.importorskip("scipy.special")
_ = tg.scipy.special  # its functions are rows from now on

PAGE = (Path(__file__).parents[2] / "docs" / "other_arrays.md").read_text(encoding="utf-8")
LISTED = set(re.findall(r"`(\w+)`", PAGE.partition("need NumPy's arrays:")[2].partition("\n\n(")[0]))
"""The functions that do not go."""


def numbers(x: Any) -> Any:
    x = x._array if isinstance(x, tg.Tensor) else x
    return x.held if isinstance(x, Duck) else x


def goes(function: Function) -> str | None:
    """Why a call of the function, or its vjp, does not go on a duck array; None if all do, with NumPy's numbers."""
    rng = np.random.default_rng(5)
    for operands, params in calls(function, rng):
        f, at = of_floats(function, operands, params)
        if not at:
            continue
        value, pullback = tg.vjp(f, *at)
        g = [rng.normal(size=np.shape(y)) for y in value]
        expected = pullback(g)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                found, pull = tg.vjp(f, *map(Duck, at))
                back = pull([Duck(x) for x in g]) if value else expected
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        for one, other in zip([*found, *back], [*value, *expected], strict=True):
            np.testing.assert_allclose(numbers(one), other, rtol=1e-10, atol=1e-12)
    return None


BY_NAME: dict[str, list[Function]] = {}
for _function in functions():
    BY_NAME.setdefault(_function.name, []).append(_function)  # a row and what is composed around it may share a name


@pytest.mark.parametrize("name", BY_NAME)
def test_it_goes_unless_the_page_says_no(name: str) -> None:
    reasons = [reason for reason in map(goes, BY_NAME[name]) if reason is not None]
    if name in LISTED:
        assert reasons, f"{name} goes now: take it off docs/other_arrays.md"
    else:
        assert not reasons


def test_every_name_on_the_page_is_a_function() -> None:
    assert len(LISTED) > 10
    assert set(BY_NAME) >= LISTED
