"""A program as lines: which values get a line and a name of their own, and in what order."""

from __future__ import annotations

import ast
import heapq
import operator
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...rules.elementwise import square
from ..names import Names, clean
from ..program import Node, Operand, Program, shape_of
from ..simplify import is_view
from ..spelling import Speller
from ..text import Assembly, Expr, text

_LONGEST = 88  # characters of an expression
_TRIVIAL = 14  # an expression this short is written out again rather than named
_CHEAP = {operator.add, operator.sub, operator.mul, operator.neg, operator.gt, operator.lt}
"""Operators that cost no more than reading their operands; a division costs five times as much."""


@dataclass
class Line:
    """name = expression; shape is None for several arrays. value: the step that it computes, or what it copies."""

    name: ast.Name
    expression: Expr
    shape: tuple[int, ...] | None
    value: Operand

    def assignments(self) -> list[tuple[Expr, Expr]]:
        """The equations it stands for: (left side, right side)."""
        whole = self.name, self.expression
        return self.expression.assignments(self.name) if isinstance(self.expression, Assembly) else [whole]


@dataclass
class Labels:
    """What values are to be called. forward: key (a node's name) -> the user's name. backward: key -> key of the value
    whose gradient it is, or the name of an input.
    """

    forward: dict[str, str] = field(default_factory=dict)
    backward: dict[str, str] = field(default_factory=dict)


class Layout:
    """forward and backward: the lines. results: expressions of the value and the gradients; checks: of what follows.

    inputs: a name for each of the program's inputs and captures. leaves: what the outputs after the first are the
    gradients of. value: a name for the first output. forward_nodes: the steps of the forward pass. taken:
    identifiers already in use; new ones are added. kept: names of gradients that have a line in any case. longest: how
    many characters an expression may have, if it can be taken apart.
    """

    def __init__(
        self,
        program: Program,
        speller: Speller,
        labels: Labels,
        inputs: Mapping[Node, str],
        leaves: Sequence[Node],
        value: str,
        forward_nodes: set[Node],
        taken: Names,
        kept: Container[str] = (),
        longest: int = _LONGEST,
    ) -> None:
        self.program, self._speller, self._labels, self._kept = program, speller, labels, kept
        self._longest = longest
        self._forward_nodes, self._taken = forward_nodes, taken
        self._names: dict[Node, ast.Name] = {node: ast.Name(name) for node, name in inputs.items()}
        self._folded: dict[Node, Expr] = {}
        self._lines: dict[Node, Line] = {}
        self._nameless: set[Node] = set()  # those of the lines that get a number for a name
        self._outputs = Counter(x for x in program.outputs[: 1 + len(leaves)] if type(x) is Node)
        self._users = program.users()
        self._users_names = frozenset(labels.forward.values())
        self._numbers: Counter[str] = Counter()  # the last number given to each name
        for node in program.steps:
            self._place(node)
        self.results = self._finish(value, leaves)
        self.checks = [self.expression(x) for x in program.outputs[1 + len(leaves) :]]

    # -- which values get a line -----------------------------------------------------------------------------------

    def _place(self, node: Node) -> None:
        expression = self._write(node)
        uses = len(self._users[node]) + self._outputs[node]
        named = node.name in self._labels.forward
        if node.name in self._labels.backward:  # dA = W.T @ dZ goes into dZ = dA * ..., but into no product of matrices
            shared = uses > 1 or any(user.op is None or user.op.kind != "elementwise" for user in self._users[node])
            shared = shared or node.name in self._kept
        else:
            shared = uses > 1 and not (_is_cheap(node) and len(text(expression)) <= _TRIVIAL)
        needs_lines = node.shape is None or isinstance(expression, Assembly)
        if named or node in self._outputs or needs_lines or shared:
            self._give_line(node, expression)
        else:
            self._folded[node] = expression

    def _write(self, node: Node) -> Expr:
        """The step's expression, its operands folded in; one that makes it too long gets a line first."""
        while True:
            expression = self._speller.spell(node, [self.expression(x) for x in node.operands])
            if len(text(expression)) <= self._longest:
                return expression
            folded = [x for x in node.operands if type(x) is Node and x in self._folded]
            if not folded:
                return expression
            longest = max(folded, key=lambda x: len(text(self._folded[x])))
            if len(text(self._folded[longest])) <= _TRIVIAL:
                return expression
            self._give_line(longest, self._folded.pop(longest))

    def expression(self, x: Operand) -> Expr:
        """An operand: a name, a folded expression or a constant."""
        if type(x) is not Node:
            return self._speller.literal(x)
        return self._folded[x] if x in self._folded else self._names[x]

    def _give_line(self, node: Node, expression: Expr) -> None:
        key = node.name or ""
        if key not in self._labels.forward and key not in self._labels.backward and node not in self._outputs:
            folded = [x for x in node.operands if type(x) is Node and x in self._folded]
            named = [x for x in folded if x.name in self._labels.backward]
            if named:  # a gradient that has a name is not hidden in a line that has none
                for x in named:
                    self._give_line(x, self._folded.pop(x))
                expression = self._write(node)
        raw = self._labels.forward.get(key)
        if raw is None and key in self._labels.backward:
            of = self._labels.backward[key]
            raw = "d" + self._labels.forward.get(of, of)
        shares = is_view(node) and any(type(x) is Node or np.ndim(x) for x in node.operands)
        if node in self._outputs and shares:  # what is handed out shares no memory with anything
            expression = ast.Call(ast.Attribute(expression, "copy", ast.Load()), [], [])
        if raw is None:
            self._nameless.add(node)
        self._names[node] = ast.Name(raw or "t")
        self._lines[node] = Line(self._names[node], expression, node.shape, node)

    @property
    def names(self) -> dict[Node, str]:
        """What the inputs, and the values that have a line, are called."""
        return {node: name.id for node, name in self._names.items()}

    @property
    def nameless(self) -> set[Node]:
        """Those of them that the user has no name for."""
        return self._nameless.difference(self._outputs)

    # -- names and order -------------------------------------------------------------------------------------------

    def _finish(self, value: str, leaves: Sequence[Node]) -> list[Expr]:
        """Names for the lines, and their order."""
        forward = [node for node in self._lines if node in self._forward_nodes]
        backward = [node for node in self._lines if node not in self._forward_nodes]
        value_node, *gradients = self.program.outputs[: 1 + len(leaves)]
        self._name_forward(forward, value_node, value)
        self.forward = [self._lines[node] for node in forward]
        mine: dict[Node, ast.Name] = {}  # lines that are the gradient of a leaf, and of nothing else that has a name
        copies = []
        results: list[Expr] = [self.expression(value_node)]
        for x, leaf in zip(gradients, leaves, strict=True):
            wish = "d" + self._names[leaf].id
            name = ast.Name(self._taken.take(wish))
            new = type(x) is Node and x in self._lines and x not in self._forward_nodes and x not in mine
            if new and (x in self._nameless or self._names[x].id == wish):
                self._names[x].id = name.id
                mine[x] = name
            else:
                copies.append(Line(name, self._copy(x, leaf), leaf.shape, x))
            results.append(name)
        self._name_backward([node for node in backward if node not in mine])
        self.backward = self._schedule(backward, list(mine)) + copies
        return results

    def _copy(self, x: Operand, leaf: Node) -> Expr:
        """A gradient that shares no memory with anything else that is handed out."""
        if x is None:
            return ast.Call(ast.Attribute(ast.Name("np"), "zeros_like", ast.Load()), [self._names[leaf]], [])
        expression = self.expression(x)
        if shape_of(x) == () or (type(x) is Node and x not in self._forward_nodes and self._outputs[x] == 1):
            return expression
        return ast.Call(ast.Attribute(expression, "copy", ast.Load()), [], [])

    def _name_forward(self, nodes: list[Node], value_node: Operand, value: str) -> None:
        if type(value_node) is Node and value_node in self._lines and value_node.name not in self._labels.forward:
            self._names[value_node].id = value
            self._nameless.discard(value_node)
        raws = [self._names[node].id for node in nodes]
        self._name(nodes, raws)
        self._final = {node.name: self._names[node].id for node in nodes if node.name}

    def _name_backward(self, nodes: list[Node]) -> None:
        raws = []
        for node in nodes:
            of = self._labels.backward.get(node.name or "", "")
            raws.append("d" + self._final.get(of, self._labels.forward.get(of, of)) if of else "t")
        self._name(nodes, raws)

    def _name(self, nodes: Sequence[Node], raws: Sequence[str]) -> None:
        """Give the lines their names; with a number where several would have the same, or none."""
        count = Counter(raws)
        for node, raw in zip(nodes, raws, strict=True):
            several = count[raw] > 1 or node in self._nameless
            self._names[node].id = self._number(raw) if several else self._taken.take(raw)

    def _number(self, raw: str) -> str:
        """The first of raw1, raw2, … that is neither in use nor a name of the user's."""
        joint = "_" if raw[-1:].isdigit() else ""
        while True:
            self._numbers[raw] += 1
            name = clean(f"{raw}{joint}{self._numbers[raw]}")
            if name not in self._taken and name not in self._users_names:
                return self._taken.take(name)

    def _schedule(self, nodes: list[Node], gradients: list[Node]) -> list[Line]:
        """Every line after those it needs; a gradient that is asked for as soon as it can be computed."""
        urgency = {node: (1, i) for i, node in enumerate(nodes)} | {node: (0, i) for i, node in enumerate(gradients)}
        own = {id(self._names[node]): node for node in nodes}
        waiting: dict[Node, set[Node]] = {}
        needed_by: dict[Node, list[Node]] = {node: [] for node in nodes}
        for node in nodes:
            named = (own.get(id(part)) for part in ast.walk(self._lines[node].expression))
            waiting[node] = {x for x in named if x is not None}
            for x in waiting[node]:
                needed_by[x].append(node)
        ready = [(urgency[node], id(node), node) for node in nodes if not waiting[node]]
        heapq.heapify(ready)
        lines = []
        while ready:
            node = heapq.heappop(ready)[2]
            lines.append(self._lines[node])
            for later in needed_by[node]:
                waiting[later].discard(node)
                if not waiting[later]:
                    heapq.heappush(ready, (urgency[later], id(later), later))
        return lines


def _is_cheap(node: Node) -> bool:
    """Whether computing it twice is no loss."""
    return node.op is not None and (node.op.view or node.op.operator in _CHEAP or node.op is square)
