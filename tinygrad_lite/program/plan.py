"""Where each value of a program lives: in an arena of reused memory, as a view of another value, or newly made.

Buffers are planned by liveness: a value's memory is free again after the last step that reads it, or any view of it; an
elementwise step may write over an operand that dies there. Results are never in the arena: they belong to the caller.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..op import Op
from ..rules.indexing import where
from ..rules.products import matmul
from ..rules.reductions import max as max_
from ..rules.reductions import min as min_
from ..rules.reductions import sum as sum_
from .program import Node, Program
from .simplify import is_view

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


def makes_memory(node: Node) -> bool:
    """Whether the step's result surely is an array that shares no memory with its operands."""
    op = node.op
    return op is not None and (isinstance(op.fn, np.ufunc) or op in REDUCTIONS or op in (matmul, where))


def plan(program: Program) -> Plan:
    """Offsets in the arena for everything that can live there."""
    returned = {x for x in program.outputs if type(x) is Node}
    result = Plan()
    samples: dict[Node, Any] = {}
    holds: dict[Node, frozenset[Node]] = {}  # the buffers whose memory a value may refer to
    for node in program.steps:
        if writes_into(node) and node not in returned:
            samples[node] = np.empty(node.shape, node.dtype)
            holds[node] = frozenset([node])
            result.offset[node] = 0
            continue
        operands = [holds.get(x, frozenset()) for x in node.operands if type(x) is Node]
        holds[node] = frozenset() if makes_memory(node) else frozenset().union(*operands)
        if is_view(node) and type(node.operands[0]) is Node and node.operands[0] in samples:
            base = node.operands[0]
            assert node.op is not None
            view = node.op.fn(samples[base], **node.params)
            if isinstance(view, np.ndarray) and view.size and np.shares_memory(view, samples[base]):
                samples[node], result.views[node] = view, base
    _allocate(program, result, holds, _last_uses(program, holds))
    return result


def _last_uses(program: Program, holds: dict[Node, frozenset[Node]]) -> dict[Node, int]:
    """The last step that reads each buffer, directly or through another value."""
    last: dict[Node, int] = {}
    for i, node in enumerate(program.steps):
        for x in (node, *node.operands):
            if type(x) is Node:
                last.update((buffer, i) for buffer in holds.get(x, ()))
    for x in program.outputs:
        if type(x) is Node:
            last.update((buffer, len(program.steps)) for buffer in holds.get(x, ()))
    return last


def _allocate(program: Program, result: Plan, holds: dict[Node, frozenset[Node]], last: dict[Node, int]) -> None:
    live: dict[Node, tuple[int, int]] = {}  # buffer -> (offset, end)
    for i, node in enumerate(program.steps):
        for buffer in [b for b in live if last[b] < i]:
            del live[buffer]
        if node not in result.offset:
            continue
        size = -(-max(node.nbytes, 1) // ALIGNMENT) * ALIGNMENT
        heir = _inherits(node, i, holds, last)
        start = _gap(sorted(live.values()), size) if heir is None else live.pop(heir)[0]
        live[node] = start, start + size
        result.offset[node] = start
        result.size = max(result.size, start + size)


def _inherits(node: Node, i: int, holds: dict[Node, frozenset[Node]], last: dict[Node, int]) -> Node | None:
    """An operand that dies at this step and whose memory the result can take over, element by element."""
    if node.op is matmul or node.op in REDUCTIONS or node.size == 1:  # NumPy is slower in place on a single number
        return None
    for x in node.operands:
        if type(x) is not Node or x not in holds or holds[x] != {x} or last[x] != i:
            continue
        others = [other for other in node.operands if type(other) is Node and other is not x]
        if x.shape == node.shape and x.dtype == node.dtype and not any(x in holds.get(o, ()) for o in others):
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
