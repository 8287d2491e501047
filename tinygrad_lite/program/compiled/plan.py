"""Where each value of a program lives: in an arena of reused memory, as a view of another value, or newly made.

Buffers are planned by liveness: a value's memory is free again after the last step that reads it, or any view of it; an
elementwise step may write over an operand that dies there. Results are never in the arena: they belong to the caller.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...op import pick
from ..gaps import Gaps, round_up
from ..program import Node, Program
from ..simplify import is_view


@dataclass
class Plan:
    """offset: of every buffered node, in an arena of `size` bytes. views: nodes that are views of buffered ones, with
    the node they are made from. Everything else is made by its step."""

    offset: dict[Node, int] = field(default_factory=dict)
    views: dict[Node, Node] = field(default_factory=dict)
    size: int = 0


def writes_into(node: Node) -> bool:
    """Whether NumPy can write the step's result into given memory."""
    op = node.op
    if op is None or not node.shape or op.outputs > 1:
        return False
    return op.reduces is not None or (isinstance(op.fn, np.ufunc) and op.fn.nout == 1 and not node.params)


def makes_memory(node: Node) -> bool:
    """Whether the step's result surely is an array that shares no memory with its operands."""
    op = node.op
    if op is pick:
        (x,) = node.operands
        return bool(x.op.fresh)
    return op is not None and (isinstance(op.fn, np.ufunc) or op.reduces is not None or op.fresh)


def plan(program: Program) -> Plan:
    """Offsets in the arena for everything that can live there."""
    returned = {x for x in program.outputs if type(x) is Node}
    result = Plan()
    samples: dict[Node, Any] = {}
    for node in program.steps:
        if writes_into(node) and node not in returned:
            result.offset[node] = 0
            continue
        base = node.operands[0] if is_view(node) else None
        if type(base) is Node and (base in result.offset or base in result.views):
            if base not in samples:
                samples[base] = np.empty(base.shape, base.dtype)
            assert node.op is not None
            view = node.op.fn(samples[base], **node.params)
            if isinstance(view, np.ndarray) and view.size and np.shares_memory(view, samples[base]):
                samples[node], result.views[node] = view, base
    _allocate(program, result)
    return result


def _last_uses(program: Program, result: Plan) -> dict[Node, int]:
    """The last step that reads each value, directly or through another that may be a view of it.

    Found from the end to the beginning: when a step is reached, the last use of its own result is known already.
    """
    last: dict[Node, int] = {x: len(program.steps) for x in program.outputs if type(x) is Node}
    for i in reversed(range(len(program.steps))):
        node = program.steps[i]
        until = last.setdefault(node, i)
        if node in result.offset or makes_memory(node):
            until = i
        for x in node.operands:
            if type(x) is Node and last.get(x, -1) < until:
                last[x] = until
    return last


def _allocate(program: Program, result: Plan) -> None:
    last = _last_uses(program, result)
    dying: list[list[Node]] = [[] for _ in range(len(program.steps) + 1)]
    for node in result.offset:
        dying[last[node]].append(node)
    gaps = Gaps()
    size_of: dict[Node, int] = {}
    memory: dict[Node, Any] = {}  # the buffer that a value lies in, None for none, ANY where that is not known
    for i, node in enumerate(program.steps):
        memory[node] = _memory_of(node, result, memory)
        if node in result.offset:
            size_of[node] = round_up(max(node.nbytes, 1))
            heir = _find_heir(node, i, memory, last)
            if heir is None:
                result.offset[node] = gaps.take(size_of[node])
            else:
                result.offset[node] = result.offset[heir]
                del size_of[heir]
        for buffer in dying[i]:
            if buffer in size_of:
                gaps.give_back(result.offset[buffer], size_of[buffer])
    result.size = gaps.end


_ANY = object()


def _memory_of(node: Node, result: Plan, memory: dict[Node, Any]) -> Any:
    """The buffer that the step's result lies in."""
    if node in result.offset:
        return node
    if makes_memory(node):
        return None
    found = {memory.get(x) for x in node.operands if type(x) is Node} - {None}
    return None if not found else found.pop() if len(found) == 1 else _ANY


def _find_heir(node: Node, i: int, memory: dict[Node, Any], last: dict[Node, int]) -> Node | None:
    """An operand that dies at this step and whose memory the result can take over, element by element."""
    op = node.op
    if op is None or not isinstance(op.fn, np.ufunc) or op.fn.signature is not None:  # not entry by entry
        return None
    if node.size == 1:  # NumPy is slower in place on a single number
        return None
    for x in node.operands:
        if type(x) is not Node or memory.get(x) != x or last[x] != i:
            continue
        others = [memory.get(other) for other in node.operands if type(other) is Node and other is not x]
        if x.shape == node.shape and x.dtype == node.dtype and x not in others and _ANY not in others:
            return x
    return None
