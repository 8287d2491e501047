"""What is done to a program before it is printed."""

from __future__ import annotations

from typing import Any

from ...op import pick
from ..program import Node, Operand, Program, is_scalar
from ..rewrite import Change, Rule, rewrite
from ..simplify import SIMPLER, drop_dead, inline, inline_for_c, write_out
from ..tables.fast import FAST, FOLDED, MEANS
from .factors import place_factors


def optimise(program: Program, target: str = "numpy") -> Program:
    """The same results, up to rounding, in less time on the target."""
    before, after = _TABLES[target]
    program = merge_loops(drop_dead(program))
    program = drop_dead(rewrite(program, [*before, *MEANS, *SIMPLER]))
    return drop_dead(rewrite(place_factors(program), [*SIMPLER, *after]))


_TABLES: dict[str, tuple[list[Change], list[Rule | Change]]] = {
    "numpy": ([inline], [*FAST]),
    "c": ([write_out, inline_for_c], [*FOLDED]),
}
"""What is applied for each target, before and after factors are placed."""


def is_scan(node: Node) -> bool:
    return node.op is not None and node.op.kind == "loop" and "each" in node.params


def body_of(node: Node) -> Program | None:
    """What a scan does in each step, optimised for native code; None of another step."""
    return optimise(node.params["body"].program, "c") if is_scan(node) else None


def merge_loops(program: Program) -> Program:
    """A scan, and the same one that stores more for the gradient, are the latter alone."""
    scans = [node for node in program.steps if is_scan(node)]
    extending = {_key(node, node.params["extends"]): node for node in scans}
    replaced: dict[Node, Node] = {}
    moved: set[Node] = set()
    for node in scans:
        more = extending.get(_key(node, node.params["body"]))
        if more is not None and more is not node:
            replaced[node] = more
    if not replaced:
        return program
    known: dict[Node, Node] = {}
    steps: list[Node] = []

    def look_up(x: Operand) -> Operand:
        return known.get(x, x) if type(x) is Node else x

    def find_results(node: Node, merged: Node) -> Node:
        """What the readers of a scan read in the one that stores more: where it has but one result, the first part."""
        if node.shape is None or merged.shape is not None:
            return merged
        steps.append(Node(pick, (merged,), {"index": 0}, node.shape, node.dtype))
        return steps[-1]

    for node in program.steps:
        target = replaced.get(node, node)
        if target in moved:
            known[node] = find_results(node, known[target])
            continue
        same = Node(target.op, tuple(map(look_up, target.operands)), target.params, target.shape, target.dtype)
        if target is node and not any(x in known for x in node.operands if type(x) is Node):
            steps.append(node)
            continue
        if target is not node or node in replaced.values():
            moved.add(target)
            known[target] = same
        else:
            same = node.with_operands(tuple(map(look_up, node.operands)))
        steps.append(same)
        known[node] = find_results(node, same)
    return Program(program.inputs, program.captures, tuple(steps), tuple(map(look_up, program.outputs)))


def _key(node: Node, body: Any) -> Any:
    operands = tuple(id(x) if type(x) is Node or not is_scalar(x) else repr(x) for x in node.operands)
    return id(body), operands, node.params["length"], node.params["reverse"]
