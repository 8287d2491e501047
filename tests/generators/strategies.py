"""Hypothesis strategies for calls of the library's functions and for programs made of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from .calls import Call, Function, calls
from .programs import Program, ProgramBuilder

_seeds = st.integers(0, 2**16)


@st.composite
def calls_of(draw: st.DrawFn, function: Function) -> Call:
    """Legal calls (operands, keywords) of a row of the table or of a composition (see `calls.functions`)."""
    known = calls(function, np.random.default_rng(draw(_seeds)))
    if not known:
        raise ValueError(
            f"no legal call of {function.name!r} was found; give the row examples=lambda rng: [(operands, keywords)]"
        )
    return known[draw(st.integers(0, len(known) - 1))]


@st.composite
def programs(draw: st.DrawFn, max_steps: int = 6, max_inputs: int = 3) -> tuple[Program, list[NDArray[Any]]]:
    """Random programs, compositions of rows of the table, with arguments that fit: (program, arguments).

    A program is a function of arrays or Tensors; printed, it is NumPy code that runs as it stands.
    """
    builder = ProgramBuilder(np.random.default_rng(draw(_seeds)), lambda choices: draw(st.sampled_from(choices)))
    for _ in range(draw(st.integers(1, max_inputs))):
        builder.add_input()
    for _ in range(draw(st.integers(1, max_steps))):
        builder.add_step()
    return builder.finish()
