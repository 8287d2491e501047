"""Identifiers of generated code."""

from __future__ import annotations

import builtins
import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lite.program.names import Names, leaf_names


@given(st.text(max_size=20), st.sets(st.text(max_size=3)))
def test_whatever_is_typed_becomes_an_unused_identifier(name, taken):
    names = Names(taken)
    found = names.take(name)
    assert found.isidentifier()
    assert found not in {*taken, *keyword.kwlist, *dir(builtins), "np"}
    space: dict[str, int] = {}
    exec(f"{found} = 1", space)  # Python normalises identifiers: this one must already be what Python makes of it
    assert found in space
    assert names == {*taken, found}
    assert names.take(name) not in {*taken, found}


def test_names_of_one_wish_are_counted_on():
    names = Names(["c", "c_3"])
    assert [names.take("c") for _ in range(3)] == ["c_2", "c_4", "c_5"]


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
