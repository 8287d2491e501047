"""What is known of a program's values beside its steps: their numbers for some arguments, and what they are part of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...rounding import describe_difference
from ...rounding import noise as measure_noise
from ..program import Node, Operand, Program, where_rounded

NOTHING: Mapping[Node, Any] = {}


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
        pairs = [(arrays, values) for arrays in samples if (values := compute_nodes(program, arrays)) is not None]
        cost = program.outputs[0]
        pairs = prefer_finite(pairs, lambda pair: pair[1][cost] if type(cost) is Node else 0.0)
        self._samples, computed = [arrays for arrays, _ in pairs], [values for _, values in pairs]
        self._program = program
        forward = find_forward(program, names)
        users = program.users()
        returned = Counter(x for x in program.outputs if type(x) is Node)
        self.count = len(computed)  # of samples that the program accepts
        self._noise: dict[int, dict[Node, Any]] = {}  # of the samples for which it was needed
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
            if np.iscomplexobj(found) and node.dtype.kind != "c":
                return False
            finite = np.isfinite(expected)
            some_finite = some_finite or bool(finite.any())
            if self._uses_overflow(x, i):
                finite = finite & np.isfinite(found)
            found = np.where(finite, found, expected).astype(node.dtype)
            if describe_difference(found, expected) is not None:  # a difference of nearly equal numbers?
                noise = self._measure_noise(i).get(node, 0.0) + self._measure_noise_of(x, i)
                if describe_difference(found, expected, noise=noise) is not None:
                    return False
        return some_finite

    def _uses_overflow(self, x: Operand, i: int) -> bool:
        """Whether new steps start from a value that is infinite or NaN itself, in one sample."""
        if type(x) is not Node or x not in self._intermediate:
            return False
        starts = [self._of[node].samples[i] for node in self._new_steps_to(x) if node not in self._intermediate]
        return any(np.asarray(start).dtype.kind in "fc" and not np.isfinite(start).all() for start in starts)

    def _measure_noise_of(self, x: Operand, i: int) -> Any:
        """How far new steps move with the rounding of themselves and of the values that they are computed from, for one
        sample: 1 - A has lost what A had rounded off."""
        if type(x) is not Node or x not in self._intermediate:
            return 0.0
        steps = self._new_steps_to(x)

        def run(after: Callable[[Any], Any]) -> list[Any]:
            values: dict[Node, Any] = {}
            for node in steps:
                if node in self._intermediate:
                    assert node.op is not None
                    xs = [values[z] if type(z) is Node else z for z in node.operands]
                    values[node] = after(node.op.fn(*xs, **node.params))
                else:
                    values[node] = after(self._of[node].samples[i])
            return [values[x]]

        moved = measure_noise(run)[0]
        return np.where(np.isfinite(moved), moved, 0.0)

    def _new_steps_to(self, x: Node) -> list[Node]:
        """The new steps that lead to x, and the values that they start from, in order. Those are old, or stand for old
        ones."""
        order: list[Node] = []
        seen: set[Node] = set()
        stack = [(x, False)]
        while stack:
            node, is_left = stack.pop()
            if is_left:
                order.append(node)
            elif node not in seen:
                seen.add(node)
                stack.append((node, True))
                if node in self._intermediate:
                    stack += [(z, False) for z in node.operands if type(z) is Node]
        return order

    def _measure_noise(self, i: int) -> dict[Node, Any]:
        """How far each value of one sample moves with rounding; and how far it is from what it is in a wider dtype, in
        which less over- and underflows."""
        if i not in self._noise:
            nodes = [n for n in self._program.steps if n.shape is not None and n.dtype.kind in "fc"]
            arrays = self._samples[i]

            def run(after: Callable[[Any], Any]) -> list[Any]:
                values = compute_nodes(self._program, arrays, after)
                return [np.nan if values is None else values[node] for node in nodes]

            noise = dict(zip(nodes, measure_noise(run), strict=True))
            narrow, wide = (compute_nodes(self._program, xs) for xs in (arrays, list(map(_widen, arrays))))
            if narrow is not None and wide is not None:
                for node in nodes:
                    with np.errstate(all="ignore"):
                        gap = np.abs(np.subtract(wide[node], narrow[node]))
                    noise[node] = noise[node] + np.where(np.isnan(gap), 0.0, gap)
            self._noise[i] = noise
        return self._noise[i]


def _widen(x: Any) -> Any:
    dtype = np.asarray(x).dtype
    return np.asarray(x).astype(np.result_type(dtype, np.longdouble)) if dtype.kind in "fc" else x


def prefer_finite(items: Sequence[Any], value_of: Callable[[Any], Any]) -> list[Any]:
    """Those of which the value is finite; all of them if there is none. Where a cost is infinite or NaN, its gradient
    is what is left of an overflow, and says nothing."""
    finite = [item for item in items if bool(np.all(np.isfinite(value_of(item))))]
    return finite or list(items)


def find_forward(program: Program, names: Container[str]) -> set[Node]:
    """What is needed for the first output, or has a name of the forward pass."""
    forward = {x for x in program.outputs[:1] if type(x) is Node}
    for node in reversed(program.steps):
        if node in forward or node.name in names:
            forward.add(node)
            forward.update(x for x in node.operands if type(x) is Node)
    return forward


def compute_nodes(
    program: Program,
    arrays: Sequence[Any],
    after: Callable[[Any], Any] | None = None,
    decided: Mapping[Node, Any] = NOTHING,
) -> dict[Node, Any] | None:
    """The value of every node for these inputs; None if some step refuses them. after: applied to every result,
    `where_rounded`. decided: results that are known.
    """
    adjust = where_rounded(after)
    values: dict[Node, Any] = dict(zip(program.inputs, arrays, strict=True))
    values.update((node, t._array) for node, t in program.captures)
    try:
        with np.errstate(all="ignore"):
            for node in program.steps:
                assert node.op is not None
                if node in decided:
                    values[node] = decided[node]
                    continue
                xs = [values[x] if type(x) is Node else x for x in node.operands]
                values[node] = adjust(node, node.op.fn(*xs, **node.params))
    except (ValueError, TypeError, IndexError, ArithmeticError, np.linalg.LinAlgError):
        return None
    return values
