"""Tracing: run a function once with recording forced on; what was recorded, in order, is the program."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import tree
from ..callsite import user_line
from ..context import current, switched
from ..foreign import name_kind
from ..op import Op, pick
from ..rules.indexing import get
from ..tensor import GRAD, PYTHON_NUMBERS, TRACED, Tensor, TraceError, leaf, next_seq
from ..tensor_gradients import stop_gradient
from .program import Node, Operand, Program, is_scalar


def make_input(value: Any, name: str | None = None, flags: int = 0) -> Tensor:
    """A Tensor that stands for an input. value: an array, a NumPy scalar or a Python number."""
    return leaf(value, flags | TRACED, name)


def tracing(guard: Guard | None = None) -> Any:
    """Context manager: every operation on a Tensor is recorded, and reading a number raises."""
    return switched(tracing=True, watcher=Guard() if guard is None else guard)


@dataclass
class Argument:
    """An argument of a function that is traced. tensors: what stands for each of its leaves; None: the leaf itself."""

    name: str
    structure: tree.Structure
    paths: list[str]
    leaves: list[Any]
    tensors: list[Tensor | None]

    @property
    def stand_ins(self) -> list[Tensor]:
        return [t for t in self.tensors if t is not None]

    @property
    def parts(self) -> list[Any]:
        return [x if t is None else t for x, t in zip(self.leaves, self.tensors, strict=True)]

    def tree(self) -> Any:
        """What the function is given."""
        return tree.unflatten(self.structure, self.parts)

    def find_change(self, given: Any) -> str | None:
        """Where the function has put something else into the tree that it was given."""
        parts, structure = tree.flatten(given)
        if structure == self.structure:
            pairs = zip(self.paths, self.parts, parts, strict=True)
            return next((path for path, before, after in pairs if before is not after), None)
        paths = tree.paths(given, self.name)
        other = [path for path in paths if path not in self.paths] + [path for path in self.paths if path not in paths]
        return other[0] if other else self.name


def open_argument(value: Any, name: str, stand_in: Callable[[Any, str], Tensor | None]) -> Argument:
    """The argument, with a Tensor in the place of every leaf for which stand_in(leaf, path) makes one."""
    leaves, structure = tree.flatten(value)
    paths = tree.paths(value, name)
    return Argument(name, structure, paths, leaves, [stand_in(x, p) for x, p in zip(leaves, paths, strict=True)])


class Guard:
    """Refuses what a program cannot repeat with other numbers.

    start: what is older was there before the trace. saw_sweep: whether a gradient was computed.
    keeps_loops: whether tg.scan and its like are to be loops of the program, and not to be unrolled.
    is_body: whether the program is run many times, or not at all, in each run of another.
    """

    def __init__(self) -> None:
        self.start = next_seq()
        self.saw_sweep = False
        self.keeps_loops = False
        self.is_body = False

    def forward(self, op: Op, data: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """An operation was recorded."""
        decides = op.shape_from_values
        if decides is True or (decides and decides(*inputs) and any(type(x) is Tensor for x in inputs[1:])):
            raise TraceError(
                f"{user_line()}: the shape of {'t[mask]' if op is get else op.name}'s result depends on numbers that a "
                "program does not know beforehand; write np.where(mask, t, 0), or multiply by the mask"
            )
        for array in data if op.outputs > 1 else (data,):
            if type(array) is int and not op.is_arithmetic:  # the other ops generated code leaves to NumPy
                raise TraceError(f"{user_line()}: {op.name} of whole numbers is another for Python than for NumPy")
            if not isinstance(array, (np.ndarray, np.generic, float, int)):
                raise TypeError(f"{user_line()}: {op.name} gave {name_kind(array)}; programs are of NumPy arrays")
        mode = current()
        if self.keeps_loops and mode is not None and not mode.grad_enabled and op.mask & GRAD and op is not pick:
            # Where a body is differentiated, nobody is told that this was made under no_grad.
            return tuple([stop_gradient(x) if type(x) is Tensor else x for x in inputs])
        return inputs

    def backward(self, node: Tensor, gx: Any) -> None:
        """A cotangent was computed: nothing to refuse."""
        self.saw_sweep = True


def collect(
    roots: Sequence[Any], inputs: Sequence[Tensor], start: int, outside: Container[Tensor] = ()
) -> tuple[Program, dict[Tensor, Node]]:
    """The program that computes roots (Tensors, or plain values) from inputs; and the node of every tensor met.

    start: a number drawn from `next_seq` before the trace. Older tensors are captures, and read at every call; younger
    leaves that are no inputs were made from plain arrays during the trace, and are constants. outside: tensors known to
    be captures (one that is given new data while the trace runs looks young).
    """
    made = _reachable([t for t in roots if type(t) is Tensor], start)
    nodes: dict[Tensor, Node] = {t: _input(t) for t in inputs}
    captures: list[tuple[Node, Tensor]] = []

    def operand(x: Any) -> Operand:
        if type(x) is not Tensor:
            return x
        if x not in nodes:
            if x._seq >= start and x not in outside:
                return x._array[()] if np.ndim(x._array) == 0 and isinstance(x._array, np.ndarray) else x._array
            nodes[x] = _input(x)
            captures.append((nodes[x], x))
        return nodes[x]

    steps = []
    for t in made:
        if t in nodes:
            continue
        op: Op = t._op
        if op.reshapes and t._params.get("order") in ("K", "A"):
            raise TraceError(
                f"{op.name}(…, order={t._params['order']!r}) depends on how its operand lies in memory, which may "
                "differ from call to call; say order='C' or order='F'"
            )
        several = op.outputs > 1
        node = Node(
            op,
            tuple(operand(x) for x in t._inputs),
            t._params,
            None if several else t.shape,
            None if several else t.dtype,
            type(t._array) in PYTHON_NUMBERS,
            t.name,
        )
        nodes[t] = node
        steps.append(node)
    outputs = tuple(operand(t) for t in roots)
    return Program(tuple(nodes[t] for t in inputs), tuple(captures), tuple(steps), outputs), nodes


def expand(
    function: Callable[..., Any], operands: Sequence[Operand], params: dict[str, Any]
) -> tuple[list[Node], Operand]:
    """The steps of function(*operands, **params), and its result: an operand, one of the steps, or a number.

    The function is traced on ones of the operands' shapes and dtypes. Constant numbers it is given as they are; arrays
    it is not, since their owner may write other numbers into them.
    """
    start = next_seq()
    stand_ins = {i: make_input(_ones_like(x)) for i, x in enumerate(operands) if not is_scalar(x)}
    with tracing():
        result = function(*(stand_ins.get(i, x) for i, x in enumerate(operands)), **params)
    body, _ = collect([result], list(stand_ins.values()), start)
    known: dict[Node, Operand] = dict(zip(body.inputs, (operands[i] for i in stand_ins), strict=True))
    steps = []
    for step in body.steps:
        xs = tuple(known[x] if type(x) is Node else x for x in step.operands)
        known[step] = Node(step.op, xs, step.params, step.shape, step.dtype, step.weak)
        steps.append(known[step])
    (result,) = body.outputs
    return steps, known[result] if type(result) is Node else result


def _ones_like(x: Operand) -> Any:
    if type(x) is not Node:
        return x
    return x.python_type(1) if x.weak else np.broadcast_to(np.ones((), x.dtype), x.shape)


def _input(t: Tensor) -> Node:
    return Node(None, (), {}, t.shape, t.dtype, type(t._array) in PYTHON_NUMBERS, t.name)


def _reachable(roots: Sequence[Tensor], start: int) -> list[Tensor]:
    """The tensors made by ops since start on the way to roots, oldest first."""
    seen = set(roots)
    stack = list(roots)
    made = []
    while stack:
        t = stack.pop()
        if t._op is None or t._seq < start:
            continue
        made.append(t)
        for x in t._inputs:
            if type(x) is Tensor and x not in seen:
                seen.add(x)
                stack.append(x)
    made.sort(key=lambda t: t._seq)
    return made
