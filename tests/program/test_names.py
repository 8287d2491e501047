"""Identifiers of generated code."""

from __future__ import annotations

import builtins
import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lite.program.names import clean, leaf_names


@given(st.text(max_size=20), st.sets(st.text(max_size=3)))
def test_whatever_is_typed_becomes_an_unused_identifier(name, taken):
    found = clean(name, taken)
    assert found.isidentifier()
    assert found not in {*taken, *keyword.kwlist, *dir(builtins), "np"}
    space: dict[str, int] = {}
    exec(f"{found} = 1", space)  # Python normalises identifiers: this one must already be what Python makes of it
    assert found in space


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["X", "Y"], ["X", "Y"]),
        (["p['W']", "p['b']"], ["W", "b"]),
        (["p['a']['W']", "p['b']['W']"], ["a_W", "b_W"]),
        (["p[0]", "p[1]"], ["p_0", "p_1"]),
        (["p[0].W", "q[0].W", "q[0].b"], ["p_0_W", "q_0_W", "b"]),
    ],
)
def test_leaves_are_called_by_the_end_of_their_path(paths, names):
    assert leaf_names(paths) == names
