"""Where each value of a program lives: in an arena of reused memory, as a view of another value, or newly made.

Buffers are planned by liveness: a value's memory is free again after the last step that reads it, or any view of it; an
elementwise step may write over an operand that dies there. Results are never in the arena: they belong to the caller.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..op import Op
from ..rules.products import matmul
from ..rules.reductions import max as max_
from ..rules.reductions import min as min_
from ..rules.reductions import sum as sum_
from .program import Node, Program
from .simplify import VIEWS

ALIGNMENT = 64  # bytes; a cache line
REDUCTIONS: dict[Op, np.ufunc] = {sum_: np.add, max_: np.maximum, min_: np.minimum}


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
    if op is matmul or op in REDUCTIONS:
        return True
    return isinstance(op.fn, np.ufunc) and op.fn.nout == 1 and not node.params


def plan(program: Program) -> Plan:
    """Offsets in the arena for everything that can live there."""
    returned = {x for x in program.outputs if type(x) is Node}
    result = Plan()
    samples: dict[Node, Any] = {}
    owner: dict[Node, Node] = {}  # a view's buffer, at the end of a chain of views
    for node in program.steps:
        if writes_into(node) and node not in returned:
            samples[node] = np.empty(node.shape, node.dtype)
            owner[node] = node
        elif node.op in VIEWS and node.operands[0] in samples:
            base = node.operands[0]
            assert node.op is not None
            view = node.op.fn(samples[base], **node.params)
            if view.size and np.shares_memory(view, samples[base]):
                samples[node], owner[node], result.views[node] = view, owner[base], base
    last = _last_uses(program, owner)
    _allocate(program, result, owner, last)
    return result


def _last_uses(program: Program, owner: dict[Node, Node]) -> dict[Node, int]:
    """The last step that reads each buffer, directly or through a view."""
    last: dict[Node, int] = {}
    for i, node in enumerate(program.steps):
        if node in owner and owner[node] is node:
            last[node] = i
        for x in node.operands:
            if type(x) is Node and x in owner:
                last[owner[x]] = i
    for x in program.outputs:
        if type(x) is Node and x in owner:
            last[owner[x]] = len(program.steps)
    return last


def _allocate(program: Program, result: Plan, owner: dict[Node, Node], last: dict[Node, int]) -> None:
    live: dict[Node, tuple[int, int]] = {}  # buffer -> (offset, end)
    for i, node in enumerate(program.steps):
        for buffer in [b for b in live if last[b] < i]:
            del live[buffer]
        if owner.get(node) is not node:
            continue
        size = -(-max(node.nbytes, 1) // ALIGNMENT) * ALIGNMENT
        heir = _inherits(node, i, owner, last)
        start = _gap(sorted(live.values()), size) if heir is None else live.pop(heir)[0]
        live[node] = start, start + size
        result.offset[node] = start
        result.size = max(result.size, start + size)


def _inherits(node: Node, i: int, owner: dict[Node, Node], last: dict[Node, int]) -> Node | None:
    """An operand that dies at this step and whose memory the result can take over, element by element."""
    if node.op is matmul or node.op in REDUCTIONS or node.size == 1:  # NumPy is slower in place on a single number
        return None
    buffers = [owner[x] for x in node.operands if type(x) is Node and x in owner]
    for x in node.operands:
        if type(x) is Node and owner.get(x) is x and last[x] == i and x.shape == node.shape and x.dtype == node.dtype:
            same = sum(b is x for b in buffers)
            if same == sum(other is x for other in node.operands):  # and no other view of it is read here
                return x
    return None


def _gap(taken: list[tuple[int, int]], size: int) -> int:
    """The first offset with room for size bytes between what is taken."""
    start = 0
    for low, high in taken:
        if low - start >= size:
            return start
        start = max(start, high)
    return start
