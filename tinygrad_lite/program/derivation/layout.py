"""A program as lines: which values get one (lines.py), their names (naming.py), and their order (order.py)."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Container, Mapping, Sequence

from ..names import Names
from ..program import Node, Operand, Program, shape_of
from ..spelling import Speller
from ..text import Expr
from .lines import Labels, Line, Lines
from .naming import Namer
from .order import order_lines

_LONGEST = 88  # characters of an expression


class Layout:
    """forward and backward: the lines. results: expressions of the value and the gradients; checks: of what follows.

    inputs: a name for each of the program's inputs and captures. leaves: what the outputs after the first are the
    gradients of. value: a name for the first output. forward_nodes: the steps of the forward pass. taken:
    identifiers already in use; new ones are added. own_lines: names of gradients that have a line in any case.
    longest: how many characters an expression may have, if it can be taken apart.
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
        own_lines: Container[str] = (),
        longest: int = _LONGEST,
    ) -> None:
        self.program, self._labels, self._taken, self._forward_nodes = program, labels, taken, forward_nodes
        self._outputs = Counter(x for x in program.outputs[: 1 + len(leaves)] if type(x) is Node)
        self._lines = Lines(program, speller, labels, inputs, self._outputs, own_lines, longest)
        self.results = self._finish(value, leaves)
        self.checks = [self._lines.expression(x) for x in program.outputs[1 + len(leaves) :]]

    @property
    def names(self) -> dict[Node, str]:
        """What the inputs, and the values that have a line, are called."""
        return {node: name.id for node, name in self._lines.names.items()}

    @property
    def nameless(self) -> set[Node]:
        """Those of them that the user has no name for."""
        return self._lines.nameless.difference(self._outputs)

    def _finish(self, value: str, leaves: Sequence[Node]) -> list[Expr]:
        """Names for the lines, and their order."""
        forward = [node for node in self._lines.lines if node in self._forward_nodes]
        backward = [node for node in self._lines.lines if node not in self._forward_nodes]
        value_node, *gradients = self.program.outputs[: 1 + len(leaves)]
        is_named = type(value_node) is not Node or value_node.name in self._labels.forward
        if not is_named and value_node in self._lines.lines:
            self._lines.names[value_node].id = value
            self._lines.nameless.discard(value_node)
        namer = Namer(self._labels, self._lines.names, self._lines.nameless, self._taken)
        namer.name_forward(forward)
        self.forward = [self._lines.lines[node] for node in forward]
        mine: dict[Node, ast.Name] = {}  # lines that are the gradient of a leaf, and of nothing else that has a name
        copies = []
        results: list[Expr] = [self._lines.expression(value_node)]
        for x, leaf in zip(gradients, leaves, strict=True):
            wish = "d" + self._lines.names[leaf].id
            name = ast.Name(self._taken.take(wish))
            new = type(x) is Node and x in self._lines.lines and x not in self._forward_nodes and x not in mine
            if new and (x in self._lines.nameless or self._lines.names[x].id == wish):
                self._lines.names[x].id = name.id
                mine[x] = name
            else:
                copies.append(Line(name, self._copy(x, leaf), leaf.shape, x))
            results.append(name)
        namer.name_backward([node for node in backward if node not in mine])
        self.backward = order_lines(self._lines.lines, backward, list(mine)) + copies
        return results

    def _copy(self, x: Operand, leaf: Node) -> Expr:
        """A gradient that shares no memory with anything else that is handed out."""
        if x is None:
            return ast.Call(ast.Attribute(ast.Name("np"), "zeros_like", ast.Load()), [self._lines.names[leaf]], [])
        expression = self._lines.expression(x)
        if shape_of(x) == () or (type(x) is Node and x not in self._forward_nodes and self._outputs[x] == 1):
            return expression
        return ast.Call(ast.Attribute(expression, "copy", ast.Load()), [], [])
