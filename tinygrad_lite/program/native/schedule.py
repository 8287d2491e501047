"""Which steps run together: regions, loops over blocks of one long axis, and in a region the inner loops.

All steps of a region share an axis, the *lane*: the examples of a batch, say. The region goes through it block by
block, and does all its steps on one block before it takes the next, so that what lies between them stays in the cache.
The lane is the innermost loop of every step, the one that the compiler vectorises. What is summed over the lane is
complete only behind the region; who needs it comes in a later one.

Any choice gives the same numbers (up to rounding); the choices here are about speed.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from ..program import Node, Operand
from .forms import Map, Placement, Product, Reduction
from .layout import Layout
from .rows import Rows, goes_by_rows, see_rows, stays_in_its_row
from .steps import Kernel, Step, size, view_layout

UNROLLED = 8  # a product or sum over so few entries is written out, as one expression
GROUP = 24  # steps in one inner loop: more would not stay in registers
BLAS_FROM = 100_000  # multiplications; BLAS takes over where, besides, no side is small
BLAS_FROM_IN_STACK = 20_000  # for each matrix of a stack, whose lanes often lie apart
SMALL_SIDE, SMALL_AREA = 8, 512
MOST_FUSED = 40  # functions like exp; each takes the C compiler as long as some hundred lines
FULL_VECTOR = 16  # lanes; shorter ones leave vector units idle
MANY_STEPS = 200  # from which on less is tried, so that the time grows with the number of steps
ROW_COST = 64  # entries; what else could be done in the time that it takes to start a row
APART = 2.0  # what else could be done with an entry in the time that it takes to fetch or store it out of order


@dataclass(eq=False)
class Group:
    """Steps in one nest of loops. others: the extents of its outer loops; all steps have the lane inside."""

    others: tuple[int, ...]
    kind: str  # "loop", "row" (a function of one), "reduce", "extreme", or, of products, "rows" (numbers times
    # lanes), "dots" (lanes times lanes), "lanes" (lane by lane)
    steps: list[Step]


@dataclass(eq=False)
class Region:
    """extent: of the lane; 1 for steps on single numbers. lane: the axis of each step's space."""

    extent: int
    lane: dict[Step, int | None] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)
    place: dict[Step, int] = field(default_factory=dict)  # the group each step is in
    added_up: set[Step] = field(default_factory=set)  # over outer loops, in the group that makes what is added up

    @property
    def steps(self) -> list[Step]:
        return list(self.lane)

    def is_summed(self, step: Step) -> bool:
        """Whether it is complete only behind the region."""
        return self.lane[step] in step.summed


def is_large(step: Step) -> bool:
    """Whether it is a product of matrices of which no two sides are small: BLAS is faster than loops there."""
    if not isinstance(step.form, Product):
        return False
    least, middle, _ = sides = sorted(step.space[-3:])
    enough = BLAS_FROM if size(step.space[:-3]) == 1 else BLAS_FROM_IN_STACK
    return size(tuple(sides)) >= enough and (least > SMALL_SIDE or least * middle > SMALL_AREA)


class Scheduler:
    """Puts a kernel's steps into regions and rows."""

    def __init__(self, kernel: Kernel, by_rows: bool = True) -> None:
        self.kernel = kernel
        self.by_rows = by_rows
        maps = [(step, step.form) for step in kernel.steps if isinstance(step.form, Map) and step.form.row]
        for step, form in maps:
            step.calls_row = step.calls_row or form.only_rows or len(maps) > MOST_FUSED
        self.maker: dict[Node, Step] = {step.node: step for step in kernel.steps}
        self.number = {step: i for i, step in enumerate(kernel.steps)}
        self.readers: dict[Step, list[Step]] = {step: [] for step in kernel.steps}
        for step in kernel.steps:
            for maker in set(self.makers(step)):
                self.readers[maker].append(step)
        self.cuts: dict[tuple[int, ...], set[int]] = defaultdict(set)  # of a shape: before which axis it may be cut
        for step in kernel.steps:
            if isinstance(step.form, Reduction):
                summed = {a for a in step.summed if step.space[a] > 1}
                self.cuts[step.space] |= {n for n in range(1, len(step.space)) if _is_cut(step.space, summed, n)}
        self.layouts: dict[tuple[Node, int | None], Layout | None] = {}
        found = _find_labels(kernel, self)
        self.labels = {step: self._labels_of(step, found) for step in kernel.steps}
        self.alone = {step for step in kernel.steps if self._stands_alone(step)}
        self.work: Counter[int] = Counter()
        for step in kernel.steps:
            for label in set(self.labels[step]):
                if label is not None:
                    self.work[label] += size(step.space)
        self.done: set[Step] = set()
        self.waits = {step: len(set(self.makers(step))) for step in kernel.steps}

    def makers(self, step: Step) -> list[Step]:
        """The steps whose results it reads."""
        bases = (self.kernel.resolve(x)[0] for x in step.operands if type(x) is Node)
        return [self.maker[base] for base in bases if base in self.maker]

    def layout(self, x: Node, lane: int | None = None) -> Layout | None:
        """Where an operand's entries lie, if its base's have this axis innermost; None if they cannot be read so."""
        if (x, lane) not in self.layouts:
            base, chain = self.kernel.resolve(x)
            stored = self.maker[base].memory_shape if base in self.maker and lane is not None else base.shape
            self.layouts[x, lane] = view_layout(stored, chain, lane)
        return self.layouts[x, lane]

    def is_for_blas(self, step: Step) -> bool:
        """Whether BLAS multiplies these matrices faster, and can: the entries of each row or column are neighbours."""
        return is_large(step) and all(self._is_matrix(x) for x in step.operands)

    def _stands_alone(self, step: Step) -> bool:
        """Whether it is no part of a region: all of its operands are in memory before it starts."""
        return isinstance(step.form, Placement) or self.is_for_blas(step)

    def _is_matrix(self, x: Operand) -> bool:
        layout = self.layout(x) if type(x) is Node else None
        if type(x) is not Node or layout is None:
            return False
        (rows, columns), (down, along) = ((1, 1, *pair)[-2:] for pair in (x.shape, layout[1]))
        if along == 1 or columns == 1:
            return rows == 1 or bool(down >= columns)
        return (down == 1 or rows == 1) and bool(along >= rows)

    def _labels_of(self, step: Step, found: _Labels) -> list[int | None]:
        """For each axis of the space its label: axes with the same label run over the same things."""
        labels: list[int | None] = [None] * len(step.space)
        for x, axes in zip(step.operands, step.axes, strict=True):
            if type(x) is Node:
                for position, axis in enumerate(axes):
                    if x.shape[position] > 1:
                        labels[axis] = found.find((x, position))
        for position, result in enumerate(() if step.reshapes else step.result_axes):
            if result is not None and labels[result] is None and step.space[result] > 1:
                labels[result] = found.find((step.node, position))
        return labels

    def run(self) -> list[Region | Rows | Step]:
        """Regions, rows, and steps that stand alone, in the order in which they run."""
        order: list[Region | Rows | Step] = []
        ready = {step for step, count in self.waits.items() if not count}
        while ready:
            # In order of the steps, so that the same program is printed alike in every process, and found in the cache.
            loops = [step for step in sorted(ready, key=self.number.__getitem__) if step not in self.alone]
            if any(size(step.space) == 1 for step in loops):
                part: Region | Rows = self._grow(ready, None, 1)
            elif loops:
                part = self._best_part(ready, loops)
            else:
                step = min(ready, key=self.number.__getitem__)
                order.append(step)
                self._finish([step], ready)
                continue
            steps = part.steps
            assert steps
            if isinstance(part, Region):
                _form_groups(part, self)
            order.append(part)
            self._finish(steps, ready)
        assert len(self.done) == len(self.kernel.steps)
        return order

    def _finish(self, steps: Iterable[Step], ready: set[Step]) -> None:
        for step in steps:
            self.done.add(step)
            ready.discard(step)
        for step in steps:
            for reader in self.readers.get(step, ()):
                self.waits[reader] -= 1
                if not self.waits[reader] and reader not in self.done:
                    ready.add(reader)

    def _best_part(self, ready: set[Step], loops: list[Step]) -> Region | Rows:
        """Of regions along several axes, and of rows of several lengths, the one that does most."""
        candidates: dict[tuple[int, int], int] = {}
        for step in loops:
            for label, extent in zip(self.labels[step], step.space, strict=True):
                if label is not None:
                    candidates[label, extent] = self.work[label]
        likeliest = sorted(candidates, key=lambda c: (-candidates[c], -c[1]))[: 3 if len(self.number) < 1000 else 1]
        parts: list[Region | Rows] = []
        if self.by_rows:
            seeds = [step for step in loops if not isinstance(step.form, Product)]
            shapes = dict.fromkeys(step.space for step in (seeds if len(self.number) < MANY_STEPS else seeds[:1]))
            cuts = dict.fromkeys(cut for shape in shapes for cut in self._cut(shape))
            parts += [self._grow_rows(ready, count, tail) for count, tail in cuts]
        parts += [self._grow(ready, label, extent) for label, extent in likeliest]
        parts = [part for part in parts if part.steps]
        if not parts:
            step = loops[0]
            axis = _last_axis(step)
            return Region(step.space[axis], lane={step: axis})
        return max(parts, key=self._usefulness)

    def _cut(self, shape: tuple[int, ...]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """How arrays of a shape may be taken for rows: the axes that count them, and those of the tail. All is one row;
        or what is summed up somewhere is a row, or what is left of it is."""
        found: list[tuple[tuple[int, ...], tuple[int, ...]]] = [((), shape)]
        for n in self.cuts.get(shape, ()):
            found += [(shape[:n], shape[n:]), ((), shape[n:])]
        return found

    def _grow_rows(self, ready: set[Step], count: tuple[int, ...], tail: tuple[int, ...]) -> Rows:
        """All that can be done row by row, from what is ready on."""
        rows = Rows(count, tail)
        inside: set[Step] = set()
        waits: dict[Step, int] = {}
        queue = [(self.number[step], step) for step in ready]
        heapq.heapify(queue)
        while queue:
            _, step = heapq.heappop(queue)
            if not goes_by_rows(step, rows) or not self._sees_rows(step, rows, inside):
                continue
            rows.steps.append(step)
            inside.add(step)
            for reader in self.readers[step]:
                waits[reader] = waits.get(reader, self.waits[reader]) - 1
                if not waits[reader]:
                    heapq.heappush(queue, (self.number[reader], reader))
        return rows

    def _sees_rows(self, step: Step, rows: Rows, inside: set[Step]) -> bool:
        """Whether a row of the step finds all that it needs in one place of each operand, or in its own row."""
        for at, x in enumerate(step.operands):
            if type(x) is not Node:
                continue
            layout = self.layout(x)
            seen = see_rows(step, at, layout, rows) if layout is not None else None
            if seen is None:
                return False
            maker = self.maker.get(self.kernel.resolve(x)[0])
            if maker in inside and not stays_in_its_row(seen, maker, rows):
                return False
        return True

    def _usefulness(self, part: Region | Rows) -> float:
        """The work that is done; less where vectors are not full, or lanes lie apart in memory."""
        if isinstance(part, Rows):
            started = ROW_COST * size(part.count)
            return (sum(size(step.space) for step in part.steps) - started) * min(1.0, part.length / FULL_VECTOR)
        work = 0.0
        for step, lane in part.lane.items():
            work += size(step.space)
            kept = [a for a in step.result_axes if a is not None and step.space[a] > 1]
            if lane in kept and kept[-1] != lane:
                work -= APART * size(step.node.shape)
            for x, axes in zip(step.operands, step.axes, strict=True):
                if type(x) is Node and lane in axes and self.maker.get(self.kernel.resolve(x)[0]) not in part.lane:
                    layout = self.layout(x)
                    if layout is not None and layout[1][axes.index(lane)] not in (0, 1):
                        work -= APART * size(x.shape)
        return work * min(1.0, part.extent / FULL_VECTOR)

    def _grow(self, ready: set[Step], label: int | None, extent: int) -> Region:
        """The region of all that can run along this axis, from what is ready on."""
        region = Region(extent)
        waits: dict[Step, int] = {}
        queue = [(self.number[step], step) for step in ready]
        heapq.heapify(queue)
        while queue:
            _, step = heapq.heappop(queue)
            if step in self.alone:
                continue
            if label is None:
                if size(step.space) > 1:
                    continue
                region.lane[step] = None
            else:
                axis = self._lane_axis(step, region, label)
                if axis is None:
                    continue
                region.lane[step] = axis
            for reader in self.readers[step]:
                waits[reader] = waits.get(reader, self.waits[reader]) - 1
                if not waits[reader]:
                    heapq.heappush(queue, (self.number[reader], reader))
        return region

    def _lane_axis(self, step: Step, region: Region, label: int) -> int | None:
        """The axis of the step's space that can be the region's lane; None if it cannot run in the region."""
        found = set()
        for x, axes in zip(step.operands, step.axes, strict=True):
            if type(x) is not Node:
                continue
            maker = self.maker.get(self.kernel.resolve(x)[0])
            if maker is None or maker not in region.lane:
                continue
            if region.is_summed(maker) or maker.reshapes:
                return None
            position = self.lane_of_operand(x, maker, region)
            if position is None:
                return None
            found.add(axes[position])
        if not found:
            found = {a for a, known in enumerate(self.labels[step]) if known == label}
            found = {max(found)} if found else found
        if len(found) != 1:
            return None
        (axis,) = found
        if step.space[axis] != region.extent:
            return None
        return axis

    def lane_of_operand(self, x: Node, maker: Step, region: Region) -> int | None:
        """The axis of an operand, made in the region, along which its lanes lie; None if a view has broken them up."""
        lane = region.lane[maker]
        assert lane is not None
        position = maker.result_axes.index(lane)
        layout = self.layout(x, position)
        if layout is None:
            return None
        offset, strides = layout
        along = [a for a, s in enumerate(strides) if s == 1 and x.shape[a] == region.extent]
        if len(along) != 1 or offset % region.extent:
            return None
        if any(s % region.extent for a, s in enumerate(strides) if a != along[0] and x.shape[a] > 1):
            return None
        return along[0]


def _is_cut(shape: tuple[int, ...], summed: set[int], n: int) -> bool:
    """Whether just the axes from n on are summed over, or just those before."""
    last = {a for a in range(n, len(shape)) if shape[a] > 1}
    return bool(summed) and (summed == last or summed == {a for a in range(n) if shape[a] > 1})


def _last_axis(step: Step) -> int:
    """The innermost axis of the result that has more than one entry; else of the space."""
    kept = [a for a in step.result_axes if a is not None and step.space[a] > 1]
    return kept[-1] if kept else max(a for a, extent in enumerate(step.space) if extent > 1)


# -- labels ----------------------------------------------------------------------------------------------------------


class _Labels:
    """Union-find over (node, axis)."""

    def __init__(self) -> None:
        self.number: dict[tuple[Node, int], int] = {}
        self.parent: list[int] = []

    def find(self, key: tuple[Node, int]) -> int:
        if key not in self.number:
            self.number[key] = len(self.parent)
            self.parent.append(len(self.parent))
        return self._root(self.number[key])

    def _root(self, i: int) -> int:
        while self.parent[i] != i:
            self.parent[i] = self.parent[self.parent[i]]
            i = self.parent[i]
        return i

    def unite(self, a: tuple[Node, int], b: tuple[Node, int]) -> None:
        self.parent[self.find(a)] = self.find(b)


def _find_labels(kernel: Kernel, scheduler: Scheduler) -> _Labels:
    """Which axes of which values run over the same things."""
    labels = _Labels()
    for view, (base, _) in kernel.views.items():
        layout = scheduler.layout(view)
        assert layout is not None
        stride_of = {}
        stride = 1
        for a in reversed(range(len(base.shape))):
            stride_of[stride, base.shape[a]] = a
            stride *= base.shape[a]
        for position, s in enumerate(layout[1]):
            axis = stride_of.get((s, view.shape[position]))
            if axis is not None and view.shape[position] > 1:
                labels.unite((view, position), (base, axis))
    for step in kernel.steps:
        known: dict[int, tuple[Node, int]] = {}
        results = [] if step.reshapes else [(step.node, step.result_axes)]
        for x, axes in [*zip(step.operands, step.axes, strict=True), *results]:
            if type(x) is Node:
                for position, axis in enumerate(axes):
                    if axis is not None and x.shape[position] > 1:
                        labels.unite((x, position), known.setdefault(axis, (x, position)))
    return labels


# -- groups ----------------------------------------------------------------------------------------------------------


def others_of(step: Step, lane: int | None, drop: Iterable[int] = ()) -> list[int]:
    """The axes of the outer loops: all but the lane and those of a single entry."""
    left_out = {lane, *drop}
    return [a for a, extent in enumerate(step.space) if extent > 1 and a not in left_out]


def kind_of(step: Step, lane: int | None) -> tuple[str, list[int]]:
    """How a step is written, and the axes of its outer loops."""
    if isinstance(step.form, Map):
        return ("row" if step.calls_row and lane is not None else "loop"), others_of(step, lane)
    if isinstance(step.form, Reduction):
        if lane in step.summed:
            return ("loop" if step.form.ufunc is np.add else "extreme"), others_of(step, lane)
        inner = step.summed
        few = size(tuple(step.space[a] for a in inner)) <= UNROLLED
        return ("loop" if few else "reduce"), others_of(step, lane, inner)
    n = len(step.space)
    i, j, k = n - 3, n - 2, n - 1
    if lane == k:
        return "dots", others_of(step, lane, (i, j, k))
    if step.space[k] <= UNROLLED:
        return "loop", others_of(step, lane, (k,))
    if lane in (i, j):
        return "rows", others_of(step, lane, (i, j, k))
    return "lanes", others_of(step, lane, (k,))


def _add_loads(region: Region, scheduler: Scheduler) -> None:
    """Where an operand's lanes do not lie side by side in memory, a step that first gathers them."""
    with_loads: dict[Step, int | None] = {}
    loads: dict[tuple[Node, int], Node] = {}
    for step, lane in region.lane.items():
        operands = list(step.operands)
        side_by_side = (1,) if kind_of(step, lane)[0] in ("rows", "dots", "row", "extreme") else (0, 1)
        for i, (x, axes) in enumerate(zip(step.operands, step.axes, strict=True)):
            if type(x) is not Node or lane is None or lane not in axes:
                continue
            if scheduler.maker.get(scheduler.kernel.resolve(x)[0]) in region.lane:
                continue
            position = axes.index(lane)
            layout = scheduler.layout(x)
            assert layout is not None
            if x.shape[position] == 1 or layout[1][position] in side_by_side:
                continue
            if (x, position) not in loads:
                node = Node(None, (x,), {}, x.shape, x.dtype, x.weak, x.name)
                space = tuple(range(len(x.shape)))
                load = Step(node, Map("{0}", (x.dtype,)), (x,), x.shape, [space], space)
                with_loads[load] = position
                scheduler.maker[node] = load
                loads[x, position] = node
            operands[i] = loads[x, position]
        step.operands = tuple(operands)
        with_loads[step] = lane
    region.lane = with_loads


def _form_groups(region: Region, scheduler: Scheduler) -> None:
    """Put the region's steps, in order, into as few nests of loops as their dependences allow."""
    _add_loads(region, scheduler)
    by_others: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for step, lane in region.lane.items():
        kind, axes = kind_of(step, lane)
        others = tuple(step.space[a] for a in axes)
        first = 0
        for x in step.operands:
            if type(x) is not Node:
                continue
            maker = scheduler.maker.get(scheduler.kernel.resolve(x)[0])
            if maker is None or maker not in region.place:
                continue
            at = region.place[maker]
            same = kind == "loop" and is_pointwise(x, maker, step, region, scheduler)
            first = max(first, at if same else at + 1)
        place = _find_loops_of(step, region, scheduler) if kind == "reduce" else None
        if place is not None:
            region.added_up.add(step)
        if kind == "loop":
            fitting = (at for at in by_others[others] if at >= first)
            place = next((at for at in fitting if len(region.groups[at].steps) < GROUP), None)
        if place is None:
            place = len(region.groups)
            region.groups.append(Group(others, kind, []))
            if kind == "loop":
                by_others[others].append(place)
        region.groups[place].steps.append(step)
        region.place[step] = place


def _find_loops_of(step: Step, region: Region, scheduler: Scheduler) -> int | None:
    """The group whose loops go through just the entries that a reduction adds up, as they are made."""
    (x,) = step.operands
    assert type(x) is Node
    maker = scheduler.maker.get(scheduler.kernel.resolve(x)[0])
    if maker not in region.place or not _reads_the_same_turn(x, maker, step, region, scheduler):
        return None
    at = region.place[maker]
    group = region.groups[at]
    loops = tuple(step.space[a] for a in others_of(step, region.lane[step]))
    return at if group.kind == "loop" and group.others == loops and len(group.steps) < GROUP else None


def is_pointwise(x: Node, maker: Step, step: Step, region: Region, scheduler: Scheduler) -> bool:
    """Whether a step reads, in each turn of the loops, just the entry that its maker has made in the same turn."""
    if not isinstance(step.form, (Map, Reduction)):
        return False
    if isinstance(step.form, Reduction) and region.lane[step] not in step.summed and step not in region.added_up:
        return False
    return _reads_the_same_turn(x, maker, step, region, scheduler)


def _reads_the_same_turn(x: Node, maker: Step, step: Step, region: Region, scheduler: Scheduler) -> bool:
    if region.is_summed(maker) or maker in region.added_up:
        return False
    lane = region.lane[maker]
    if lane is None:
        return True
    position = scheduler.lane_of_operand(x, maker, region)
    layout = scheduler.layout(x, maker.result_axes.index(lane))
    assert position is not None
    assert layout is not None
    offset, strides = layout
    (axes,) = {axes for y, axes in zip(step.operands, step.axes, strict=True) if y is x} or [()]
    kept = [a for a in axes if step.space[a] > 1 and a != axes[position]]
    if kept != others_of(step, region.lane[step]):
        return False
    expected = region.extent
    at = {a: p for p, a in enumerate(axes)}
    for a in reversed(kept):
        if strides[at[a]] != expected or x.shape[at[a]] != step.space[a]:
            return False
        expected *= step.space[a]
    return offset == 0 and expected == size(maker.node.shape)
