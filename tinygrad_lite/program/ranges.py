"""Where the values of a program lie, and which are finite whatever its inputs are, so long as those are finite."""

from __future__ import annotations

from ..intervals import FINITE, NUMBER, REAL, UNKNOWN, Interval, interval_of
from .program import Node, Operand


class Ranges:
    """The interval of every value, found when it is asked for from those of its operands."""

    def __init__(self) -> None:
        self._known: dict[Node, Interval] = {}

    def of(self, x: Operand) -> Interval:
        if type(x) is not Node:
            return interval_of(x)
        if x in self._known:
            return self._known[x]
        ahead = [x]
        while ahead:
            node = ahead[-1]
            find = None if node.op is None else node.op.range
            unknown = [y for y in node.operands if type(y) is Node and y not in self._known] if find else []
            if unknown:
                ahead += unknown
                continue
            ahead.pop()
            if node not in self._known:
                self._known[node] = find(*map(self._of_known, node.operands)) if find else _without_rule(node)
        return self._known[x]

    def is_finite(self, x: Operand) -> bool:
        return self.of(x).kind == FINITE

    def may_overflow(self, node: Node) -> bool:
        """Whether an element-wise step may make an infinity of ordinary numbers, as exp does."""
        op = node.op
        if op is None or op.kind != "elementwise" or op.range is None:
            return False
        operands = [self.of(x) for x in node.operands]
        return bool(op.range(*(x if x.kind == FINITE else REAL for x in operands)).kind == NUMBER)

    def _of_known(self, x: Operand) -> Interval:
        return self._known[x] if type(x) is Node else interval_of(x)


def _without_rule(node: Node) -> Interval:
    """An input is taken to be finite."""
    return REAL if node.op is None else UNKNOWN
