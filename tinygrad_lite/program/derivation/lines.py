"""Which values of a program get a line of their own; the others are folded into the lines that use them."""

from __future__ import annotations

import ast
from collections.abc import Container, Mapping
from dataclasses import dataclass, field

import numpy as np

from ...rules.elementwise import divide, square
from ..program import Node, Operand, Program
from ..simplify import is_view
from ..spelling import Speller
from ..text import Assembly, Expr, text

_TRIVIAL = 14  # an expression this short is written out again rather than named


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


class Lines:
    """lines: of the values that have one. names: of these values, and of the inputs; those of lines are provisional.
    nameless: the lines that the user has no name for.

    inputs: a name for each of the program's inputs and captures. outputs: how often each value is handed out.
    own_lines, longest: see `Layout`.
    """

    def __init__(
        self,
        program: Program,
        speller: Speller,
        labels: Labels,
        inputs: Mapping[Node, str],
        outputs: Mapping[Node, int],
        own_lines: Container[str],
        longest: int,
    ) -> None:
        self._speller, self._labels, self._outputs, self._own_lines, self._longest = (
            speller,
            labels,
            outputs,
            own_lines,
            longest,
        )
        self._users = program.users()
        self._folded: dict[Node, Expr] = {}
        self.names: dict[Node, ast.Name] = {node: ast.Name(name) for node, name in inputs.items()}
        self.lines: dict[Node, Line] = {}
        self.nameless: set[Node] = set()
        for node in program.steps:
            self._place(node)

    def _place(self, node: Node) -> None:
        expression = self._write(node)
        uses = len(self._users[node]) + self._outputs.get(node, 0)
        named = node.name in self._labels.forward
        if node.name in self._labels.backward:  # dA = W.T @ dZ goes into dZ = dA * ..., but into no product of matrices
            shared = uses > 1 or any(user.op is None or user.op.kind != "elementwise" for user in self._users[node])
            shared = shared or node.name in self._own_lines
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
        return self._folded[x] if x in self._folded else self.names[x]

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
            self.nameless.add(node)
        self.names[node] = ast.Name(raw or "t")
        self.lines[node] = Line(self.names[node], expression, node.shape, node)


def _is_cheap(node: Node) -> bool:
    """Whether computing it twice is no loss: it costs no more than reading the operands. A division costs five times as
    much."""
    op = node.op
    assert op is not None
    is_comparison = op.operator is not None and op.kind == "constant" and node.dtype.kind == "b"
    return op.view or op is square or is_comparison or (op.is_arithmetic and op is not divide)
