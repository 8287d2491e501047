"""Steps that are done row by row, each row of a result needing but the same row of what it is made of.

A row is what the last axes of an array hold, as it lies in memory; the axes before them count the rows. A softmax over
the last axis is one such row after another: what is summed over a row is complete as soon as the row has been seen, and
the row is still in the cache. With no axis that counts, all of an array is one row. What is to be done for one row is a
kernel of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, field

from ..program import Node, Operand
from .forms import Map, Reduction
from .steps import Kernel, Layout, Step, size


@dataclass(eq=False)
class Rows:
    """count: the extents of the axes that count the rows. length: how many entries a row has."""

    count: tuple[int, ...]
    length: int
    steps: list[Step] = field(default_factory=list)

    @property
    def work(self) -> float:
        return sum(size(step.space) for step in self.steps)


@dataclass(frozen=True)
class RowOperand:
    """How a step's row finds its part of an operand. strides: from row to row. is_row: it is a row, too, and no single
    entry."""

    offset: int
    strides: tuple[int, ...]
    is_row: bool


def see_rows(step: Step, at: int, layout: Layout, count: tuple[int, ...]) -> RowOperand | None:
    """The operand as a row of the step sees it; None if its entries do not lie side by side."""
    x, (offset, strides) = step.operands[at], layout
    assert type(x) is Node
    along = [0] * len(step.space)
    for axis, stride, extent in zip(step.axes[at], strides, x.shape, strict=True):
        along[axis] = stride if extent > 1 else 0
    across, inner = tuple(along[: len(count)]), along[len(count) :]
    if not any(inner):
        return RowOperand(offset, across, False)
    expected = 1
    for stride, extent in zip(reversed(inner), reversed(step.space[len(count) :]), strict=True):
        if extent > 1 and stride != expected:
            return None
        expected *= extent
    return RowOperand(offset, across, True)


def goes_by_rows(step: Step, count: tuple[int, ...], length: int) -> bool:
    """Whether a step makes rows of this length, or a number for each row, or sums up rows."""
    n = len(count)
    if step.reshapes or step.space[:n] != count or size(step.space[n:]) not in (1, length):
        return False
    if isinstance(step.form, Reduction):
        axes = {a for a, extent in enumerate(step.space) if extent > 1 and a in step.summed}
        return axes == {a for a in range(n, len(step.space)) if step.space[a] > 1}
    return isinstance(step.form, Map)


def stays_in_its_row(step: Step, seen: RowOperand, maker: Step, count: tuple[int, ...]) -> bool:
    """Whether a row of the step reads just the row that its maker has made."""
    own = size(maker.node.shape) // size(count)
    expected = own
    for stride, extent in zip(reversed(seen.strides), reversed(count), strict=True):
        if extent > 1 and stride != expected:
            return False
        expected *= extent
    return seen.offset == 0 and (size(step.space) // size(count) == own if seen.is_row else own == 1)


@dataclass
class RowKernel:
    """kernel: for one row. places: for each of its inputs and outputs the array in the memory outside, and where in it
    the first row lies and the next ones, in entries."""

    kernel: Kernel
    places: list[tuple[Node, int, tuple[int, ...]]]


def make_row_kernel(
    rows: Rows, outside: Kernel, layout: Callable[[Node], Layout | None], stored: Container[Node]
) -> RowKernel:
    """The kernel for one row. stored: the nodes whose results others need."""
    made: dict[Node, Node] = {}
    inputs: dict[tuple[Node, RowOperand], Node] = {}
    steps = []
    for step in rows.steps:
        operands: list[Operand] = []
        axes: list[tuple[int, ...]] = []
        length = size(step.space[len(rows.count) :])
        for at, x in enumerate(step.operands):
            if type(x) is Node:
                base, _ = outside.resolve(x)
                if base in made:
                    x = made[base]
                else:
                    place = layout(x)
                    assert place is not None
                    seen = see_rows(step, at, place, rows.count)
                    assert seen is not None
                    shape = (length,) if seen.is_row else ()
                    x = inputs.setdefault((base, seen), Node(None, (), {}, shape, x.dtype, x.weak, x.name))
            operands.append(x)
            axes.append((0,) if type(x) is Node and x.shape else ())
        node = step.node
        space = (length,) if length > 1 else ()
        shape = () if isinstance(step.form, Reduction) else space
        form = step.form
        if isinstance(form, Reduction):
            form = Reduction(tuple(range(len(space))), form.ufunc)
        made[node] = Node(node.op, tuple(operands), {}, shape, node.dtype, node.weak, node.name)
        result: tuple[int | None, ...] = tuple(range(len(shape)))
        steps.append(Step(made[node], form, tuple(operands), space, axes, result, calls_row=step.calls_row))
    places = [(base, seen.offset, seen.strides) for base, seen in inputs]
    outputs = []
    for step in rows.steps:
        if step.node in stored:
            outputs.append(made[step.node])
            own = size(step.node.shape) // size(rows.count)
            strides = tuple(own * size(rows.count[a + 1 :]) for a in range(len(rows.count)))
            places.append((step.node, 0, strides))
    return RowKernel(Kernel(list(inputs.values()), [], steps, outputs), places)
