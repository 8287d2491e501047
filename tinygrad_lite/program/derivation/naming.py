"""What the lines are called: after the user's variables, with a number where several would have the same name."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Container, Mapping, Sequence

from ..names import Names, clean
from ..program import Node
from .lines import Labels


class Namer:
    """Gives lines their final names. names: the provisional ones, which are changed. nameless: lines that get a number.

    taken: identifiers in use; new ones are added.
    """

    def __init__(self, labels: Labels, names: Mapping[Node, ast.Name], nameless: Container[Node], taken: Names) -> None:
        self._labels, self._names, self._nameless, self._taken = labels, names, nameless, taken
        self._users_names = frozenset(labels.forward.values())
        self._numbers: Counter[str] = Counter()  # the last number given to each name
        self._final: dict[str, str] = {}  # names of the forward pass, by key

    def name_forward(self, nodes: Sequence[Node]) -> None:
        self._name(nodes, [self._names[node].id for node in nodes])
        self._final = {node.name: self._names[node].id for node in nodes if node.name}

    def name_backward(self, nodes: Sequence[Node]) -> None:
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
