"""What is known of a program's values beside its steps: their numbers for some arguments, and what they are part of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...rounding import describe_difference
from ...rounding import noise as measure_noise
from ..program import Node, Operand, Program


@dataclass
class Value:
    """samples: the value for each list of arguments. forward: whether it is part of the forward pass, or an input.
    varies: whether it depends on what the gradient is taken of. uses: how many steps and outputs use it.
    """

    samples: list[Any]
    forward: bool
    varies: bool
    uses: int


class Values:
    """The Value of every node of a program, and of those that are written in their place."""

    def __init__(self, program: Program, names: Container[str], leaves: Container[Node], samples: Sequence[Any]):
        """names: of forward values. leaves: inputs that the gradient is taken of. samples: lists of inputs."""
        pairs = [(arrays, compute_nodes(program, arrays)) for arrays in samples]
        computed = [values for _, values in pairs if values is not None]
        self._program = program
        self._samples = [arrays for arrays, values in pairs if values is not None]
        forward = find_forward(program, names)
        users = program.users()
        returned = Counter(x for x in program.outputs if type(x) is Node)
        self.count = len(computed)  # of samples that the program accepts
        self._noise: list[dict[Node, Any]] | None = None  # of every sample, once it is needed
        self._of: dict[Node, Value] = {}
        self._intermediate: set[Node] = set()  # new steps that stand for none of the old ones
        for node in (*program.inputs, *(node for node, _ in program.captures), *program.steps):
            varies = node in leaves or any(type(x) is Node and self._of[x].varies for x in node.operands)
            uses = len(users[node]) + returned[node]
            in_forward = node in forward or node.op is None
            self._of[node] = Value([v[node] for v in computed], in_forward, varies, uses)

    def __getitem__(self, node: Node) -> Value:
        return self._of[node]

    def stand_for(self, old: Node, new: Operand) -> None:
        """Note that new is written in the place of old. If it is written for several, the first counts."""
        if type(new) is Node and (new not in self._of or new in self._intermediate):
            self._of[new] = self._of[old]
            self._intermediate.discard(new)

    def add(self, node: Node) -> None:
        """Compute a new step of the backward pass."""
        assert node.op is not None
        operands = [self.samples_of(x) for x in node.operands]
        samples = [node.op.fn(*xs, **node.params) for xs in zip(*operands, strict=True)]
        varies = any(type(x) is Node and self._of[x].varies for x in node.operands)
        self._of[node] = Value(samples, False, varies, 0)
        self._intermediate.add(node)

    def samples_of(self, x: Operand) -> list[Any]:
        return self._of[x].samples if type(x) is Node else [x] * self.count

    def agree(self, node: Node, x: Operand) -> bool:
        """Whether x has the numbers of an old node, so far as these are finite for some sample."""
        some_finite = node.size == 0
        for i, (expected, found) in enumerate(zip(self.samples_of(node), self.samples_of(x), strict=True)):
            finite = np.isfinite(expected)
            some_finite = some_finite or bool(finite.any())
            found = np.where(finite, found, expected).astype(node.dtype)
            if describe_difference(found, expected) is not None:  # a difference of nearly equal numbers?
                noise = self._measure_noise()[i].get(node, 0.0)
                if describe_difference(found, expected, noise=noise) is not None:
                    return False
        return some_finite

    def _measure_noise(self) -> list[dict[Node, Any]]:
        """How far each value moves with rounding, for each sample."""
        if self._noise is None:
            nodes = [n for n in self._program.steps if n.shape is not None and n.dtype.kind in "fc"]
            self._noise = []
            for arrays in self._samples:

                def run(after: Callable[[Any], Any], arrays: Any = arrays) -> list[Any]:
                    values = compute_nodes(self._program, arrays, after)
                    return [np.nan if values is None else values[node] for node in nodes]

                self._noise.append(dict(zip(nodes, measure_noise(run), strict=True)))
        return self._noise


def find_forward(program: Program, names: Container[str]) -> set[Node]:
    """What is needed for the first output, or has a name of the forward pass."""
    forward = {x for x in program.outputs[:1] if type(x) is Node}
    for node in reversed(program.steps):
        if node in forward or node.name in names:
            forward.add(node)
            forward.update(x for x in node.operands if type(x) is Node)
    return forward


def compute_nodes(
    program: Program, arrays: Sequence[Any], after: Callable[[Any], Any] = lambda y: y
) -> dict[Node, Any] | None:
    """The value of every node for these inputs; None if some step refuses them. after: applied to every result."""
    values: dict[Node, Any] = dict(zip(program.inputs, arrays, strict=True))
    values.update((node, t._array) for node, t in program.captures)
    try:
        with np.errstate(all="ignore"):
            for node in program.steps:
                assert node.op is not None
                xs = [values[x] if type(x) is Node else x for x in node.operands]
                values[node] = after(node.op.fn(*xs, **node.params))
    except (ValueError, TypeError, ArithmeticError, np.linalg.LinAlgError):
        return None
    return values
