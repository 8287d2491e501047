"""The steps of a native kernel: which space each loops over, and where in memory its operands lie.

A step loops over its *space*: the shape of its result for a map, of its operand for a reduction, (stacks…, i, j, k) for
a product of matrices. A view is no step: who reads it reads the memory that it looks at, with other strides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..program import Node, Operand, is_scalar
from .forms import Form, Map, Placement, Product, Reduction, View, form_of
from .layout import Layout, layout_of


@dataclass(eq=False)
class Step:
    """One loop nest. operands: nodes, or numbers. axes: of each operand, the axis of the space for each of its axes.

    result_axes: the same for the result, as it lies in memory, C-contiguous; None for an axis that was reduced.
    reshapes: whether that is another shape than the node's (a view that needs a copy), so that nobody can read the
    result while it is made. calls_row: whether a function does a row at a time.
    """

    node: Node
    form: Form
    operands: tuple[Operand, ...]
    space: tuple[int, ...]
    axes: list[tuple[int, ...]]
    result_axes: tuple[int | None, ...]
    reshapes: bool = False
    calls_row: bool = False

    @property
    def memory_shape(self) -> tuple[int, ...]:
        """The result's shape in memory."""
        return tuple(1 if a is None else self.space[a] for a in self.result_axes)

    @property
    def summed(self) -> set[int]:
        """The axes of the space over which it adds up."""
        return set(range(len(self.space))) - {a for a in self.result_axes if a is not None}


@dataclass
class Kernel:
    """What is to be one C function. inputs: nodes that somebody else makes. constants: arrays among the operands,
    C-contiguous, each with the node that stands for it. outputs: the nodes that others need."""

    inputs: list[Node]
    constants: list[tuple[Node, Any]]
    steps: list[Step]
    outputs: list[Node]
    views: dict[Node, tuple[Node, list[Node]]] = field(default_factory=dict)  # view -> base, and the views on the way

    def resolve(self, x: Node) -> tuple[Node, list[Node]]:
        """The node whose memory is read, and the views through which."""
        return self.views.get(x, (x, []))


def make_kernel(nodes: list[Node], inputs: list[Node], outputs: list[Node]) -> Kernel:
    """The steps for these nodes, in their order. inputs, outputs: what comes from, and goes to, elsewhere."""
    kernel = Kernel(list(inputs), [], [], list(outputs))
    stand_in: dict[int, Node] = {}
    wanted = set(outputs)

    def operand(x: Operand) -> Operand:
        if type(x) is Node or is_scalar(x):
            return x
        if id(x) not in stand_in:
            node = stand_in[id(x)] = Node(None, (), {}, x.shape, x.dtype)
            kernel.constants.append((node, np.require(x, requirements=["C", "A"])))
        return stand_in[id(x)]

    for node in nodes:
        form = form_of(node)
        assert form is not None
        operands = tuple(map(operand, node.operands))
        stored = node.shape
        if isinstance(form, View):
            (x,) = operands
            if type(x) is not Node:  # a view of a number: a number
                form = Map("{0}", (node.dtype,))
            else:
                base, chain = kernel.resolve(x)
                can_be_read = view_layout(base.shape, [*chain, node]) is not None
                if can_be_read and node not in wanted:
                    kernel.views[node] = base, [*chain, node]
                    continue
                form, stored = Map("{0}", (node.dtype,)), x.shape
                if can_be_read:  # a result that is a view: copied entry by entry, in its own shape
                    inner = Node(node.op, node.operands, node.params, node.shape, node.dtype, node.weak, node.name)
                    kernel.views[inner] = base, [*chain, inner]
                    operands, stored = (inner,), node.shape
        kernel.steps.append(_make_step(node, form, operands, stored))
    return kernel


def _make_step(node: Node, form: Form, operands: tuple[Operand, ...], stored: tuple[int, ...]) -> Step:
    shapes = [x.shape if type(x) is Node else () for x in operands]
    if isinstance(form, Reduction):
        space = shapes[0]
        kept = [a for a in range(len(space)) if a not in form.axes]
        keepdims = len(node.shape) == len(space)
        result: tuple[int | None, ...] = (
            tuple(None if a in form.axes else a for a in range(len(space))) if keepdims else tuple(kept)
        )
        return Step(node, form, operands, space, [tuple(range(len(space)))], result)
    if isinstance(form, Product):
        return _make_product(node, operands, shapes)
    if isinstance(form, Placement):
        every = tuple(range(len(shapes[0])))
        return Step(node, form, operands[:1], shapes[0], [every], every, reshapes=True)
    space = stored
    axes = [tuple(range(len(space) - len(shape), len(space))) for shape in shapes]
    return Step(node, form, operands, space, axes, tuple(range(len(space))), stored != node.shape)


def _make_product(node: Node, operands: tuple[Operand, ...], shapes: list[tuple[int, ...]]) -> Step:
    a, b = shapes
    k = a[-1]
    i, j = (a[-2] if len(a) > 1 else 1), (b[-1] if len(b) > 1 else 1)
    stack = np.broadcast_shapes(a[:-2], b[:-2])
    n = len(stack)
    in_stack_a, in_stack_b = (tuple(range(n - len(s[:-2]), n)) for s in shapes)
    axes_a = (*in_stack_a, n, n + 2) if len(a) > 1 else (n + 2,)
    axes_b = (*in_stack_b, n + 2, n + 1) if len(b) > 1 else (n + 2,)
    result = (*range(n), *([n] if len(a) > 1 else []), *([n + 1] if len(b) > 1 else []))
    return Step(node, Product(), operands, (*stack, i, j, k), [axes_a, axes_b], result)


def view_layout(shape: tuple[int, ...], chain: list[Node], lane: int | None = None) -> Layout | None:
    """Where the entries of a view lie in the memory of its base, an array of this shape; None if NumPy would copy.

    lane: the axis along which the base's entries lie side by side; the last one, if not given.
    """
    order = [a for a in range(len(shape)) if a != lane] + ([] if lane is None else [lane])
    sizes = [shape[a] for a in order]
    base = np.empty(sizes, np.int8).transpose(np.argsort(order))
    view = base
    for at, node in enumerate(chain):
        assert node.op is not None
        view = node.op.fn(view, **node.params)
        if not isinstance(view, np.ndarray):  # a single entry, which NumPy hands on as a number: its own place
            places = np.arange(size(shape)).reshape(sizes).transpose(np.argsort(order))
            for inner in chain[: at + 1]:
                assert inner.op is not None
                places = inner.op.fn(places, **inner.params)
            return int(places), (0,) * len(chain[-1].shape)
        if not np.may_share_memory(view, base):
            return None
    return layout_of(view, base)


def size(shape: tuple[int, ...]) -> int:
    return math.prod(shape)
