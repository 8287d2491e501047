"""Every row and composition on arrays of other libraries: one that never becomes NumPy's, and one as strict as CuPy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tinygrad_lite as tg
from tests.another_library import Library, find_refusals
from tests.duck import DUCK
from tests.generators.calls import Function, functions
from tests.strict_device import STRICT_DEVICE

pytestmark = pytest.mark.thorough

pytest.importorskip("scipy.special")
_ = tg.scipy.special  # its functions are rows from now on

PAGE = (Path(__file__).parents[2] / "docs" / "other_arrays.md").read_text(encoding="utf-8")
BY_NAME: dict[str, list[Function]] = {}
for _function in functions():
    BY_NAME.setdefault(_function.name, []).append(_function)  # a row and what is composed around it may share a name


def read_names(before: str) -> set[str]:
    """The functions that the page lists after these words."""
    return set(re.findall(r"`(\w+)`", PAGE.partition(before)[2].partition("\n\n(")[0]))


LISTED = {"duck": read_names("need NumPy's arrays:"), "device": read_names("On CuPy's arrays these do not go:")}
LIBRARIES = {"duck": DUCK, "device": STRICT_DEVICE}


def check_every_call(name: str, library: Library, listed: set[str]) -> None:
    refusals = [refusal for function in BY_NAME[name] for refusal in find_refusals(function, library)]
    if name in listed:
        assert refusals, f"{name} goes now: take it off docs/other_arrays.md"
    else:
        assert not refusals


@pytest.mark.parametrize("name", BY_NAME)
@pytest.mark.parametrize("library", LIBRARIES)
def test_it_goes_unless_the_page_says_no(library: str, name: str) -> None:
    check_every_call(name, LIBRARIES[library], LISTED[library])


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_name_on_the_page_is_a_function(library: str) -> None:
    assert LISTED[library]
    assert set(BY_NAME) >= LISTED[library]
