"""A Graph in DOT, the language of Graphviz."""

from __future__ import annotations

from typing import Any

import numpy as np

from .graph import Box, Graph

_FILLS = {"input": "#eef0f2", "parameter": "#cfe3f1", "forward": "#ffffff", "backward": "#fdeeda"}
_INK, _GREY, _ORANGE = "#22262b", "#8a8f98", "#c77700"
_FEW = 6  # numbers that are all shown


def write_dot(graph: Graph, backward: bool, values: bool, gradients: bool) -> str:
    """The text. backward: whether the backward pass is drawn. values, gradients: whether their numbers are."""
    shown = [box for box in graph.boxes if backward or box.part != "backward"]
    name = {id(box): f"n{i}" for i, box in enumerate(shown)}
    lines = [
        f"digraph {_quote(graph.title)} {{",
        "  newrank=true; nodesep=0.3; ranksep=0.35;",
        f'  node [shape=box, style="rounded,filled", fontname="monospace", fontsize=11, fontcolor="{_INK}", '
        f'color="{_GREY}", margin="0.12,0.06"];',
        f'  edge [color="{_INK}", arrowsize=0.6];',
    ]
    for part, parts in (("forward", ("input", "parameter", "forward")), ("backward", ("backward",))):
        members = [box for box in shown if box.part in parts]
        if members:
            lines.append(f"  subgraph cluster_{part} {{")
            lines.append(f'    label="{part}"; fontname="sans-serif"; fontsize=12; fontcolor="{_GREY}"; color="none";')
            for box in members:
                label = _quote(_label(box, values, gradients, backward))
                lines.append(f'    {name[id(box)]} [label={label}, fillcolor="{_FILLS[box.part]}"];')
            lines.append("  }")
    for box in shown:
        for x in box.uses:
            lines.append("  " + _arrow(name, x, box))
    lines += [
        f"  {{ rank=same; {name[id(box.beside)]}; {name[id(box)]}; }}"
        for box in shown
        if box.part == "backward" and box.beside is not None
    ]
    return "\n".join([*lines, "}"]) + "\n"


def _arrow(name: dict[int, str], x: Box, user: Box) -> str:
    """The arrow from a value to one that is computed from it. The backward pass runs upwards: its arrows are laid out
    the other way round."""
    if user.part != "backward":
        return f"{name[id(x)]} -> {name[id(user)]};"
    if x.part == "backward":
        return f'{name[id(user)]} -> {name[id(x)]} [dir=back, color="{_ORANGE}"];'
    return f'{name[id(x)]} -> {name[id(user)]} [constraint=false, style=dashed, color="{_GREY}"];'


def _label(box: Box, values: bool, gradients: bool, backward: bool) -> str:
    rows = [f"{box.name} = {box.code}" if box.code else box.name, _describe_kind(box.array)]
    if values if box.part != "backward" else gradients:
        rows.append(_describe_numbers(box.array))
    if gradients and not backward and box.gradient is not None:
        rows.append(f"gradient {_describe_numbers(box.gradient)}")
    return "\n".join(row for row in rows if row)


def _describe_kind(array: Any) -> str:
    """Shape, and dtype where it is not the usual one."""
    if not hasattr(array, "shape"):
        return "" if array is None else type(array).__name__
    shape = "a number" if array.shape == () else str(array.shape)
    return shape if array.dtype == np.float64 else f"{shape} {array.dtype}"


def _describe_numbers(array: Any) -> str:
    """All numbers of a small array; of a large one the range and the mean."""
    if not isinstance(array, (np.ndarray, np.generic, float, int)):
        return ""
    array = np.asarray(array)
    if array.size <= _FEW or array.dtype.kind not in "fiu":
        return np.array2string(array.ravel(), precision=4, separator=", ", threshold=_FEW, edgeitems=2)
    finite = array[np.isfinite(array)]
    others = array.size - finite.size
    parts = [f"{finite.min():.4g} … {finite.max():.4g}, mean {finite.mean():.4g}"] if finite.size else []
    return ", ".join([*parts, f"{others} not finite"] if others else parts)


def _quote(text: str) -> str:
    """A string of DOT; its lines are centred."""
    escaped = "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
    return '"' + escaped.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
