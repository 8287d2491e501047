"""Steps that are done row by row, each row of a result needing but the same row of what it is made of.

The first axes of an array count its rows; the rest is a row. A softmax over the last axis is one such row after
another: what is summed over a row is complete as soon as the row has been seen, and the row is still in the cache. With
no axis that counts, all of an array is one row.

In a row, the last axes, which lie in memory as one, are made one long axis, the *tail*. Before it may stand others,
which a step goes through or sums up. What is to be done for one row is a kernel of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, field

from ..program import Node, Operand
from .forms import Map, Reduction
from .layout import Layout
from .steps import Kernel, Step, size


@dataclass(eq=False)
class Rows:
    """count: the extents of the axes that count the rows. tail: those of the axes that are made one."""

    count: tuple[int, ...]
    tail: tuple[int, ...]
    steps: list[Step] = field(default_factory=list)

    @property
    def length(self) -> int:
        """How many entries the tail has."""
        return size(self.tail)

    def strides(self, entries: int) -> tuple[int, ...]:
        """From row to row of an array whose rows have so many entries, one behind the other."""
        return tuple(entries * size(self.count[a + 1 :]) for a in range(len(self.count)))

    def row_shape(self, shape: tuple[int, ...]) -> tuple[int, ...] | None:
        """What a row of an array of this shape looks like; None if it has no such rows."""
        own = shape[len(self.count) :]
        if shape[: len(self.count)] != self.count:
            return None
        if size(own) == 1:
            return ()
        if size(own) == self.length:
            return (self.length,)
        before = len(own) - len(self.tail)
        return (*own[:before], self.length) if before > 0 and own[before:] == self.tail else None


@dataclass(frozen=True)
class RowOperand:
    """How a row of a step finds its part of an operand. offset, strides: of the first row, and from row to row. shape:
    of that part, whose entries lie side by side. axes: of the row of the step, those which it has."""

    offset: int
    strides: tuple[int, ...]
    shape: tuple[int, ...]
    axes: tuple[int, ...]


def see_rows(step: Step, at: int, layout: Layout, rows: Rows) -> RowOperand | None:
    """The operand as a row of the step sees it; None if its entries do not lie side by side."""
    x, (offset, strides) = step.operands[at], layout
    own = rows.row_shape(step.space)
    assert type(x) is Node
    assert own is not None
    along = [0] * len(step.space)
    for axis, stride, extent in zip(step.axes[at], strides, x.shape, strict=True):
        along[axis] = stride if extent > 1 else 0
    across = tuple(along[: len(rows.count)])
    start = len(rows.count) + max(len(own) - 1, 0)  # where the tail starts
    before, tail = along[len(rows.count) : start], along[start:]
    last = _count_neighbours(tail, step.space[start:], 1)
    many = _count_neighbours(before, own[:-1], last or 1)
    if last is None or many is None:
        return None
    if many == 1:
        return RowOperand(offset, across, (last,), (len(own) - 1,)) if last > 1 else RowOperand(offset, across, (), ())
    return RowOperand(offset, across, (*own[:-1], last), tuple(range(len(own))))


def _count_neighbours(strides: list[int], extents: tuple[int, ...], first: int) -> int | None:
    """How many entries lie side by side along these axes, `first` apart: all; or one, where all are the same one."""
    if not any(strides):
        return 1
    expected = first
    for stride, extent in zip(reversed(strides), reversed(extents), strict=True):
        if extent > 1 and stride != expected:
            return None
        expected *= extent
    return expected // first


def goes_by_rows(step: Step, rows: Rows) -> bool:
    """Whether a step makes such rows, or sums up whole axes of them."""
    own = rows.row_shape(step.space)
    if own is None or step.reshapes or not isinstance(step.form, (Map, Reduction)):
        return False
    start = len(rows.count) + max(len(own) - 1, 0)
    reduced = [a in step.summed for a in range(start, len(step.space)) if step.space[a] > 1]
    counts = [a for a in range(len(rows.count)) if step.space[a] > 1 and a in step.summed]
    return not counts and (all(reduced) or not any(reduced))


def stays_in_its_row(seen: RowOperand, maker: Step, rows: Rows) -> bool:
    """Whether a row of a step reads just the row that the maker of its operand has made."""
    strides = rows.strides(size(maker.node.shape) // size(rows.count))
    apart = any(a != b for a, b, extent in zip(seen.strides, strides, rows.count, strict=True) if extent > 1)
    return not apart and seen.offset == 0 and seen.shape == _result_shape(maker, rows)


def _find_summed(step: Step, rows: Rows) -> set[int]:
    """The axes of a row over which a step adds up."""
    own = rows.row_shape(step.space)
    assert own is not None
    start, tail = len(rows.count), len(own) - 1
    inner = (a for a in step.summed if own and a >= start)
    return {min(a - start, tail) for a in inner if a - start < tail or step.space[a] > 1}


def _result_shape(step: Step, rows: Rows) -> tuple[int, ...]:
    """What a row of the result looks like. (Of a tail that is added up before other axes, one entry is left.)"""
    own, summed = rows.row_shape(step.space), _find_summed(step, rows)
    assert own is not None
    kept = tuple(n for a, n in enumerate(own) if a not in summed)
    return (*kept, 1) if kept and len(own) - 1 in summed else kept


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
        own = rows.row_shape(step.space)
        assert own is not None
        operands: list[Operand] = []
        axes: list[tuple[int, ...]] = []
        for at, x in enumerate(step.operands):
            axes.append(())
            if type(x) is Node:
                base, _ = outside.resolve(x)
                place = layout(x)
                assert place is not None
                seen = see_rows(step, at, place, rows)
                assert seen is not None
                axes[-1] = seen.axes
                if base not in made:
                    inputs.setdefault((base, seen), Node(None, (), {}, seen.shape, x.dtype, x.weak, x.name))
                x = made.get(base) or inputs[base, seen]
            operands.append(x)
        node, form = step.node, step.form
        shape = _result_shape(step, rows)
        result: tuple[int | None, ...] = tuple(range(len(own)))
        if isinstance(form, Reduction):
            summed = _find_summed(step, rows)
            form = Reduction(tuple(sorted(summed)), form.ufunc)
            kept = [a for a in range(len(own)) if a not in summed]
            result = (*kept, None) if len(shape) > len(kept) else tuple(kept)
        made[node] = Node(node.op, tuple(operands), {}, shape, node.dtype, node.weak, node.name)
        steps.append(Step(made[node], form, tuple(operands), own, axes, result, calls_row=step.calls_row))
    places = [(base, seen.offset, seen.strides) for base, seen in inputs]
    outputs = []
    for step in rows.steps:
        if step.node in stored:
            outputs.append(made[step.node])
            places.append((step.node, 0, rows.strides(size(step.node.shape) // size(rows.count))))
    return RowKernel(Kernel(list(inputs.values()), [], steps, outputs), places)
