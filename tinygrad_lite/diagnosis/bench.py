"""A bench: where trees are computed over given values, and changed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..op import Op
from ..program.program import Node, Operand, is_weak
from .slopes import find_slopes
from .trees import Path, is_gradient

REFUSALS = (ValueError, TypeError, IndexError, KeyError, ArithmeticError, AttributeError)
"""What NumPy and Python raise where operands do not fit."""
CHAIN = "Every step of the forward pass leaves one factor in the chain rule, and in the place of that step."
NAMES = "Each name in a line must be the value that this very step of the forward pass used or gave."
SUMS = "What the forward pass repeats along an axis is summed along that axis in the gradient, and along no other."
USES = "What the forward pass uses in several places receives a term from each of them."
CHECK = "Go through the line factor by factor: which step of the forward pass does each of them come from?"


class Mutation(NamedTuple):
    """new: what stands in the place of a node. what: the mistake in words, with {} for each tree of about."""

    new: Operand | None
    cost: float
    what: str
    about: tuple[Operand, ...] = ()
    why: str = CHAIN
    path: Path = ()


class Bench:
    """Computes trees over given values, each step once. Whoever uses one has NumPy's warnings switched off: there are
    tens of thousands of steps, and many of them overflow or divide by zero.

    values: by name. leaves: a leaf for each name, which mutations may use. spell: a tree as text. variables: names of
    what the forward pass computes, whose slopes may be taken.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        leaves: Mapping[str, Node],
        spell: Callable[[Operand], str],
        variables: Collection[str] = (),
    ) -> None:
        self.leaves, self.spell, self.variables = leaves, spell, variables
        self.count = 0  # of steps computed
        self._values: dict[Node, Any] = {}
        for name, leaf in leaves.items():
            if name in values:
                self._values[leaf] = values[name]
        self.arrays: list[Node] = []
        self._slopes: dict[Any, list[tuple[Node, str]]] = {}
        self._masks: dict[Node, bool] = {}
        self.ban(())
        self.sizes = [leaf for leaf in self._values if leaf.weak]
        self.scalars = [leaf for leaf, v in self._values.items() if not leaf.weak and _is_setting(leaf, v)]

    def ban(self, names: Container[str]) -> None:
        """Choose `arrays`, the values that may stand in the place of another: all but these."""
        self.arrays = [
            leaf
            for name, leaf in self.leaves.items()
            if name not in names
            and isinstance(v := self._values.get(leaf), np.ndarray)
            and v.ndim
            and v.dtype.kind in "fib"
        ]
        self._slopes.clear()

    def slopes(self, shape: Any) -> list[tuple[Node, str]]:
        """Derivatives of activations, of every value of this shape that the forward pass computes."""
        if shape not in self._slopes:
            self._slopes[shape] = list(find_slopes(self, shape))
        return self._slopes[shape]

    def is_mask(self, x: Node) -> bool:
        """Whether a named value is made of zeros and ones."""
        if x not in self._masks:
            v = np.asarray(self.value(x))
            self._masks[x] = v.dtype.kind in "fib" and v.size > 0 and bool(np.all((v == 0) | (v == 1)))
        return self._masks[x]

    def value(self, x: Operand) -> Any:
        """The value of a tree; its steps are computed if they are not yet known."""
        if type(x) is not Node:
            return x
        if x not in self._values:
            if x.op is None:
                raise KeyError(x.name)
            operands = [self.value(y) for y in x.operands]
            self.count += 1
            self._values[x] = x.op.fn(*operands, **x.params)
        return self._values[x]

    @property
    def mark(self) -> int:
        """How many steps are kept; see `forget`."""
        return len(self._values)

    def forget(self, mark: int) -> None:
        """Drop the values of the steps computed since: there are thousands, and they can be computed again."""
        while len(self._values) > mark:
            self._values.popitem()

    def apply(self, op: Op, *operands: Operand, **params: Any) -> Node | None:
        """A new step; None where NumPy refuses it."""
        node = Node(op, operands, params, (), np.dtype(float), all(map(is_weak, operands)))
        return self._compute_type(node)

    def put_in(self, node: Node, operands: Sequence[Operand]) -> Node | None:
        """The step with other operands."""
        return self._compute_type(
            Node(node.op, tuple(operands), node.params, (), node.dtype, all(map(is_weak, operands)))
        )

    def _compute_type(self, node: Node) -> Node | None:
        try:
            y = self.value(node)
        except REFUSALS:
            return None
        if isinstance(y, tuple):
            node.shape = None
        else:
            node.shape, node.dtype = np.shape(y), np.asarray(y).dtype
        return node

    def describe(self, m: Mutation) -> str:
        """The mistake in words."""
        return m.what.format(*map(self.spell, m.about))

    def replace_all(self, root: Operand, paths: Sequence[Path], new: Operand) -> Operand | None:
        """The tree with another node at each of the paths, none of which leads to a part of another."""
        whole: Operand | None = root
        for path in paths:
            whole = None if whole is None else self.replace(whole, path, new)
        return whole

    def replace(self, root: Operand, path: Path, new: Operand) -> Operand | None:
        """The tree with another node at the path; None where it does not fit there."""
        if not path:
            return new
        assert type(root) is Node
        operands = list(root.operands)
        inner = self.replace(operands[path[0]], path[1:], new)
        if inner is None:
            return None
        operands[path[0]] = inner
        return self.put_in(root, operands)


def _is_setting(x: Node, v: Any) -> bool:
    """Whether it is a number that the forward pass is given, as the weight of a penalty is."""
    return np.ndim(v) == 0 and np.asarray(v).dtype.kind == "f" and not is_gradient(x)
