"""Program: a recorded computation as a list of steps, each an op applied to earlier results.

A Program is never changed; a pass is a function from Program to Program, written with an `Editor`.
"""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..axes import broadcast_shapes
from ..op import Op
from ..tensor import Tensor

Operand = Any
"""A Node, or a constant: a Python scalar, a NumPy scalar, or an array kept by reference."""


@dataclass(eq=False, slots=True)
class Node:
    """One value of a program: an input (op is None), or the result of a step.

    shape, dtype: of the array; None for the several results of one op before `pick`. weak: a Python number, which does
    not decide the dtype of what it is combined with. name: what the user calls it; no part of what is computed, it may
    be set later.
    """

    op: Op | None
    operands: tuple[Operand, ...]
    params: dict[str, Any]
    shape: Any
    dtype: Any
    weak: bool = False
    name: str | None = None

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * int(self.dtype.itemsize)

    @property
    def python_type(self) -> type:
        """What a weak node is."""
        return int if self.dtype.kind == "i" else float

    def with_operands(self, operands: Sequence[Operand]) -> Node:
        """The same step on other operands that leave its shape and dtype alone; itself if they are its own."""
        if all(map(operator.is_, operands, self.operands)):
            return self
        return Node(self.op, tuple(operands), self.params, self.shape, self.dtype, self.weak, self.name)

    def __repr__(self) -> str:
        what = self.name or "input" if self.op is None else self.op.name
        return f"<{what} {self.dtype} {self.shape}>"


@dataclass(frozen=True)
class Program:
    """inputs: what it is called with. captures: tensors of the user's, read at every call. steps: in order.

    outputs: nodes or constants.
    """

    inputs: tuple[Node, ...]
    captures: tuple[tuple[Node, Tensor], ...]
    steps: tuple[Node, ...]
    outputs: tuple[Operand, ...]

    def run(self, *arrays: Any, after: Callable[[Any], Any] | None = None) -> list[Any]:
        """Interpret the steps, one by one (the definition of what every pass must preserve).

        after: applied to every result before it is used, `where_rounded`.
        """
        values: dict[Node, Any] = dict(zip(self.inputs, arrays, strict=True))
        values.update((node, t._array) for node, t in self.captures)
        adjust = where_rounded(after)
        for node in self.steps:
            assert node.op is not None
            xs = [values[x] if type(x) is Node else x for x in node.operands]
            y = adjust(node, node.op.fn(*xs, **node.params))
            values[node] = node.python_type(y) if node.weak else y
        return [values[x] if type(x) is Node else x for x in self.outputs]

    def users(self) -> dict[Node, list[Node]]:
        """For each node the steps that use it; a step that uses it twice is listed twice."""
        users: dict[Node, list[Node]] = {node: [] for node in (*self.inputs, *self.steps)}
        users.update((node, []) for node, _ in self.captures)
        for node in self.steps:
            for x in node.operands:
                if type(x) is Node:
                    users[x].append(node)
        return users


@dataclass
class Editor:
    """Writes a new program while walking through an old one."""

    old: Program
    steps: list[Node] = field(default_factory=list)
    replacements: dict[Node, Operand] = field(default_factory=dict)  # old node -> what stands for it

    def look_up(self, x: Operand) -> Operand:
        """What stands for an operand of the old program."""
        return self.replacements.get(x, x) if type(x) is Node else x

    def operands(self, node: Node) -> tuple[Operand, ...]:
        stands = self.replacements
        return tuple([stands.get(x, x) if type(x) is Node else x for x in node.operands])

    def update(self, node: Node) -> Node:
        """The old step, with the operands that stand there now."""
        return node.with_operands(self.operands(node))

    def keep(self, node: Node) -> Node:
        """Add the old step, with the operands that stand there now."""
        node = self.update(node)
        self.steps.append(node)
        return node

    def add(self, op: Op, *operands: Operand, name: str | None = None, **params: Any) -> Node:
        """A new step; its shape and dtype are found by trying."""
        shape, dtype = result_type(op, operands, params)
        node = Node(op, operands, params, shape, dtype, all(map(is_weak, operands)), name)
        self.steps.append(node)
        return node

    def finish(self) -> Program:
        outputs = tuple(self.look_up(x) for x in self.old.outputs)
        return Program(self.old.inputs, self.old.captures, tuple(self.steps), outputs)


def edit(program: Program, visit: Callable[[Editor, Node], Operand]) -> Program:
    """The program with every step replaced by what visit returns for it."""
    editor = Editor(program)
    for node in program.steps:
        editor.replacements[node] = visit(editor, node)
    return editor.finish()


def result_type(op: Op, operands: Sequence[Operand], params: dict[str, Any]) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype of an op's result, by trying it on ones; of one that goes entry by entry on very few."""
    shape: Any = None
    if op.is_entrywise:
        shape = broadcast_shapes(*map(shape_of, operands))
        samples = [_dummy(x, (1,) * len(x.shape)) if type(x) is Node else x for x in operands]
    else:
        samples = [_dummy(x) if type(x) is Node else x for x in operands]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = op.fn(*samples, **params)
    return np.shape(result) if shape is None else shape, np.asarray(result).dtype


def _dummy(x: Operand, shape: Any = None) -> Any:
    if type(x) is not Node:
        return x
    if x.weak:
        return x.python_type(1)
    return np.broadcast_to(np.ones((), x.dtype), x.shape if shape is None else shape)


def where_rounded(after: Callable[[Any], Any] | None) -> Callable[[Node, Any], Any]:
    """`after`, for the result of one step after the other, but only where that has rounding errors to speak of.

    What is piecewise constant has none: it counts, compares and says places; nor have whole numbers that are made of
    such alone. (A place that is off by a rounding error would be another one.)
    """
    if after is None:
        return lambda node, y: y
    exact: set[Node] = set()

    def apply(node: Node, y: Any) -> Any:
        assert node.op is not None
        made_of_exact = all(x in exact for x in node.operands if type(x) is Node)
        if node.op.kind == "constant" or (made_of_exact and _is_whole(y)):
            exact.add(node)
            return y
        return after(y)

    return apply


def _is_whole(y: Any) -> bool:
    return not isinstance(y, tuple) and bool(np.array_equal(y, np.rint(np.real(y))))


def is_scalar(x: Operand) -> bool:
    """Whether a constant is one immutable number."""
    return isinstance(x, (int, float, complex, np.generic))


def is_weak(x: Operand) -> bool:
    """Whether an operand leaves the dtype to the others."""
    return x.weak if type(x) is Node else type(x) in (int, float, complex, bool)


def shape_of(x: Operand) -> tuple[int, ...]:
    return x.shape if type(x) is Node else np.shape(x)


def dtype_of(x: Operand) -> np.dtype[Any]:
    return x.dtype if type(x) is Node else np.asarray(x).dtype
