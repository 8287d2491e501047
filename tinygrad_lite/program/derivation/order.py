"""In what order the lines of a backward pass stand."""

from __future__ import annotations

import ast
import heapq
from collections.abc import Mapping, Sequence

from ..program import Node
from .lines import Line


def order_lines(lines: Mapping[Node, Line], nodes: Sequence[Node], gradients: Sequence[Node]) -> list[Line]:
    """The lines of nodes, every one after those it needs; of a gradient that is asked for as soon as it can be
    computed."""
    urgency = {node: (1, i) for i, node in enumerate(nodes)} | {node: (0, i) for i, node in enumerate(gradients)}
    own = {id(lines[node].name): node for node in nodes}
    waiting: dict[Node, set[Node]] = {}
    needed_by: dict[Node, list[Node]] = {node: [] for node in nodes}
    for node in nodes:
        named = (own.get(id(part)) for part in ast.walk(lines[node].expression))
        waiting[node] = {x for x in named if x is not None}
        for x in waiting[node]:
            needed_by[x].append(node)
    ready = [(urgency[node], id(node), node) for node in nodes if not waiting[node]]
    heapq.heapify(ready)
    ordered = []
    while ready:
        node = heapq.heappop(ready)[2]
        ordered.append(lines[node])
        for later in needed_by[node]:
            waiting[later].discard(node)
            if not waiting[later]:
                heapq.heappush(ready, (urgency[later], id(later), later))
    return ordered
