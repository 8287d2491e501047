"""Kinks: where the data lies exactly on one, as relu's input does where it is 0, the slope of either side is right.

Pictures have pixels that are always 0, biases start at 0, and a dead unit stays there: `Z > 0`, `Z >= 0` and the half
of each that `np.maximum` is given are the same derivative then, and nobody may be told that theirs is wrong. A step
that jumps (see `Op.jumps`), as a comparison does where its operands are equal, is a kink where f does not jump: its
value is the same whichever way the equal entries are decided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..program.derivation.values import compute_nodes
from ..program.program import Node, Operand, Program
from ..program.sharing import freeze
from ..rounding import describe_difference
from ..rules.elementwise import equal, not_equal
from ..rules.reductions import ties

EQUALITIES = (equal, not_equal, ties)
"""What asks whether numbers are the same. That is decided by what they stand for: an entry is the largest of its row
because the largest was taken from there, and still is where both are shaken."""

Decided = dict[Node, Any]  # what steps are taken to have given


def find_kinks(
    program: Program, arrays: Sequence[Any], values: Mapping[Node, Any]
) -> dict[Node, list[dict[Node, Any]]]:
    """The steps that decide on which side of a kink an entry lies that lies on it; for each, the values of the whole
    program with those entries on the one side, and on the other.
    """
    found = {}
    cost = program.outputs[0]
    steps = [node for node in program.steps if node in values]
    equalities = [node for node in steps if node.op in EQUALITIES]
    for node in steps:
        others = []
        for decided in decide_otherwise(node, lambda x: values[x] if type(x) is Node else x, equalities):
            run = compute_nodes(program, arrays, decided=decided)
            if run is not None and (type(cost) is not Node or describe_difference(run[cost], values[cost]) is None):
                others.append(run)
        if others:
            found[node] = others
    return found


def decide_otherwise(
    node: Node,
    evaluate: Callable[[Operand], Any],
    equalities: Sequence[Node],
    key: Callable[[Operand], Any] = lambda x: x if type(x) is Node else freeze(x),
) -> list[Decided]:
    """What else a step could have given where its operands are equal; nothing where none are.

    equalities: steps that ask whether numbers are the same: of these two numbers they are not, on either side of a
    kink. key: equal for operands that are the same.
    """
    if is_choice(node):
        y, shape = evaluate(node), np.shape(evaluate(node.operands[1]))
        return [{node: one} for last in (False, True) if np.any((one := _keep_one(y, shape, last)) != y)]
    if node.op is None or node.op.jumps is None:
        return []
    y, operands = evaluate(node), list(map(evaluate, node.operands))
    if np.asarray(operands[0]).dtype.kind != "f":
        return []
    here, *sides = node.op.jumps(*operands)
    if not np.any(here):
        return []
    compared = set(map(key, node.operands))
    same = [x for x in equalities if not is_choice(x) and set(map(key, x.operands)) == compared]
    moved = {x: np.where(here, x.op is not_equal, evaluate(x)) for x in same}
    found = [moved | {node: np.where(here, side, y).astype(np.asarray(y).dtype)} for side in sides]
    return found if same else [decided for decided in found if np.any(decided[node] != y)]


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
