"""Expressions of C: places in memory, numbers, conversions, and the comments beside them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..program import Node, Operand
from .forms import SUFFIXES, TYPES, Reduction
from .steps import Step


def whole_strides(step: Step) -> dict[int, int]:
    """From one entry of the whole result to the next, along the axes of the step's space."""
    return strides_of(step, None, 1)


def strides_of(step: Step, left_out: int | None, stride: int) -> dict[int, int]:
    """The same where one axis lies elsewhere, and the last of the others has this stride."""
    strides = {}
    for axis in reversed([a for a in step.result_axes if a is not None and a != left_out]):
        strides[axis] = stride
        stride *= step.space[axis]
    return strides


def spell_times(index: str, stride: int) -> str:
    """An index times a stride."""
    if index.isdigit():
        return str(int(index) * stride)
    return index if stride == 1 else f"{index} * {stride}"


def spell_sum(strides: dict[int, int], index: dict[int, str]) -> str:
    """A place, from the strides along axes and the indices there."""
    return " + ".join(spell_times(index[a], s) for a, s in sorted(strides.items()) if s)


def spell_offset(fixed: int, strides: dict[int, int], axes: Iterable[int], index: dict[int, str] | None = None) -> str:
    """What is added to a pointer; the indices are i0, i1, … where none are given."""
    index = index if index is not None else {a: f"i{a}" for a in axes}
    text = spell_sum({a: s for a, s in strides.items() if a in index}, index)
    parts = [part for part in (text, str(fixed) if fixed else "") if part]
    return "".join(f" + {part}" for part in parts)


def spell_fma(step: Step) -> str:
    """The name of the function that multiplies and adds."""
    return f"tg_fma_{SUFFIXES[TYPES[step.node.dtype]]}"


def combine(step: Step, a: str, b: str) -> str:
    """Of two parts of what a step adds up, or takes the largest or smallest of, the whole."""
    if not isinstance(step.form, Reduction) or step.form.ufunc is np.add:
        return f"{a} + {b}"
    name = "max" if step.form.ufunc is np.maximum else "min"
    return f"tg_{name}_{SUFFIXES[TYPES[step.node.dtype]]}({a}, {b})"


def spell_number(x: Operand, ctype: str) -> str:
    """A number as a literal of a C type, to the last bit."""
    if ctype in ("int64_t", "int32_t", "uint8_t"):
        if int(x) == -(1 << 63):  # which C has no literal for
            return "INT64_MIN"
        return f"(({ctype}){int(x)}LL)"
    with np.errstate(over="ignore"):
        value = float(np.float32(x)) if ctype == "float" else float(x)
    if np.isnan(value):
        return "NAN" if ctype == "double" else "((float)NAN)"
    if np.isinf(value):
        text = "INFINITY" if value > 0 else "(-INFINITY)"
        return f"((double){text})" if ctype == "double" else text
    suffix = "f" if ctype == "float" else ""
    short = repr(value)
    text = f"{short}{suffix}" if float(short) == value and len(short) < 10 else f"{value.hex()}{suffix}"
    return f"({text})" if text.startswith("-") else text


def convert(text: str, have: str, ctype: str) -> str:
    """A value of one type as one of another. (Of a flag a cast would do, but gcc makes no vector code of that.)"""
    if have == ctype:
        return text
    if ctype == "uint8_t":
        return f"({text} != 0)"
    return (
        f"({text} ? {spell_number(1, ctype)} : {spell_number(0, ctype)})" if have == "uint8_t" else f"({ctype}){text}"
    )


def spell_name(node: Node) -> str:
    """The user's name of a value, as the beginning of a comment."""
    return f"{_plain(node.name)} " if node.name else ""


def spell_comment(step: Step) -> str:
    """The NumPy step that a line stands for."""
    node = step.node
    op = node.op.name if node.op else "load"
    return f"{_plain(op)} {node.shape}{' ' + _plain(node.name) if node.name else ''}"


def _plain(name: Any) -> str:
    """A user's name as a part of a comment: printable ASCII that cannot end it."""
    return "".join(c if c.isascii() and c.isprintable() and c not in "*/\\?" else "_" for c in str(name))
