"""Kinks: where the data lies exactly on one, as relu's input does where it is 0, the slope of either side is right.

Pictures have pixels that are always 0, biases start at 0, and a dead unit stays there: `Z > 0`, `Z >= 0` and the half
of each that `np.maximum` is given are the same derivative then, and nobody may be told that theirs is wrong. A
comparison in f is a kink where f does not jump: its value is the same whichever way the equal entries are decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..program.derivation.values import compute_nodes
from ..program.program import Node, Program
from ..rounding import describe_difference
from ..rules.elementwise import greater, greater_equal, heaviside, is_larger, less, less_equal, sign
from ..rules.reductions import ties

_COMPARISONS = (greater, greater_equal, less, less_equal)


def find_kinks(
    program: Program, arrays: Sequence[Any], values: Mapping[Node, Any]
) -> dict[Node, list[dict[Node, Any]]]:
    """The steps that decide on which side of a kink an entry lies that lies on it; for each, the values of the whole
    program with those entries on the one side, and on the other.
    """
    found = {}
    cost = program.outputs[0]
    for node in program.steps:
        if node not in values:
            continue
        operands = [values[x] if type(x) is Node else x for x in node.operands]
        others = []
        for decision in decide_otherwise(node, values[node], operands):
            run = compute_nodes(program, arrays, decided={node: decision})
            if run is not None and (type(cost) is not Node or describe_difference(run[cost], values[cost]) is None):
                others.append(run)
        if others:
            found[node] = others
    return found


def decide_otherwise(node: Node, y: Any, operands: Sequence[Any]) -> list[Any]:
    """What else a step could have given where its operands are equal; nothing where none are."""
    if node.op in (heaviside, sign):
        equal = np.equal(operands[0], 0)
        sides = (0, 1) if node.op is heaviside else (-1, 1)
    elif node.op in (*_COMPARISONS, is_larger):
        equal = np.equal(operands[0], operands[1])
        sides = (0, 1) if node.op is is_larger else (False, True)
    elif is_choice(node):
        return [one for last in (False, True) if np.any((one := _keep_one(y, np.shape(operands[1]), last)) != y)]
    else:
        return []
    if np.asarray(operands[0]).dtype.kind != "f" or not np.any(equal):
        return []
    found = [np.where(equal, side, y).astype(np.asarray(y).dtype) for side in sides]
    return [decision for decision in found if np.any(decision != y)]


def is_choice(node: Node) -> bool:
    """Whether a step says which entry is taken, of several that are the largest: there is nothing in between."""
    return node.op is ties


def _keep_one(tied: Any, shape: tuple[int, ...], last: bool) -> Any:
    """Of the entries that tie along the axes that were reduced, the first or the last."""
    axes = [axis for axis, n in enumerate(np.shape(tied)) if axis >= len(shape) or shape[axis] != n]
    moved = np.moveaxis(tied, axes, range(-len(axes), 0))
    flat = moved.reshape(*moved.shape[: tied.ndim - len(axes)], -1)
    flat = flat[..., ::-1] if last else flat
    one = flat & (np.cumsum(flat, axis=-1) == 1)
    one = one[..., ::-1] if last else one
    return np.moveaxis(one.reshape(moved.shape), range(-len(axes), 0), axes)
