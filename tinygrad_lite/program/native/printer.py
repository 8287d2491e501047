"""The C of a kernel: a function for each region, and one that runs them in order.

`p` points to the arrays that have all their entries: inputs, constants, results, and what lies between regions.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..gaps import Gaps, round_up
from ..program import Node
from .expressions import spell_comment, spell_offset, spell_sum, whole_strides
from .forms import SUFFIXES, TYPES, Placement
from .memory import Memory
from .regions import FUNCTION, RegionPrinter
from .rows import Rows, make_row_kernel
from .schedule import Region, Scheduler
from .steps import Kernel, Step, size
from .threads import count_threads, count_worthwhile


@dataclass
class PrintedKernel:
    """text: the C functions. pointers: how many `p` has, inputs, constants and outputs first. scratch: bytes of memory.
    loops: how many nests of loops there are."""

    text: str
    name: str
    kernel: Kernel
    pointers: int
    scratch: int
    loops: int


def print_kernel(kernel: Kernel, name: str) -> PrintedKernel:
    return _Printer(kernel, name, count_threads()).print()


class _Printer:
    """threads: how many there may be. by_rows: whether steps may be done row by row (in a row, they may not)."""

    def __init__(self, kernel: Kernel, name: str, threads: int, by_rows: bool = True) -> None:
        self.kernel = kernel
        self.name = name
        self.threads = threads
        self.scheduler = Scheduler(kernel, by_rows)
        self.order = self.scheduler.run()
        self.memory = self._place_arrays()

    def print(self) -> PrintedKernel:
        functions: list[str] = []
        body: list[str] = []
        local = loops = 0
        for number, item in enumerate(self.order):
            if isinstance(item, Step):
                alone = self._print_placement if isinstance(item.form, Placement) else self._print_blas
                body += alone(item)
                continue
            name = f"{self.name}_part{number}"
            part: RegionPrinter | _RowsPrinter
            if isinstance(item, Region):
                part = RegionPrinter(self.kernel, self.scheduler, self.memory, self.threads, item, name)
            else:
                part = _RowsPrinter(self, item, name)
            functions += part.print()
            lines, needed = part.print_call(self.memory.size)
            body += lines
            local = max(local, needed)
            loops += part.loops
        places = [f"    p[{self.memory.index[node]}] = scratch + {at};" for node, at in self.memory.offset.items()]
        head = f"static void {self.name}(char **p, char *scratch)\n{{"
        text = "\n".join([*functions, head, *places, *body, "}", ""])
        return PrintedKernel(text, self.name, self.kernel, len(self.memory.index), self.memory.size + local, loops)

    # -- memory

    def _place_arrays(self) -> Memory:
        """Who has all its entries in memory, and where: results, sums, and what is read in a later region."""
        memory = Memory()
        outside = [*self.kernel.inputs, *(node for node, _ in self.kernel.constants), *self.kernel.outputs]
        for node in outside:
            memory.index.setdefault(node, len(memory.index))
        last: dict[Node, int] = {}
        for number, item in enumerate(self.order):
            steps = [item] if isinstance(item, Step) else item.steps
            for step in steps:
                for x in step.operands:
                    if type(x) is Node:
                        last[self.kernel.resolve(x)[0]] = number
        gaps = Gaps()
        dying: dict[int, list[tuple[int, int]]] = {}
        for number, item in enumerate(self.order):
            steps = [item] if isinstance(item, Step) else item.steps
            for step in steps:
                node = step.node
                lasts = last.get(node, number)
                whole = lasts > number or _is_whole(step, item)
                if node in memory.index or not whole:
                    continue
                nbytes = round_up(node.nbytes)
                memory.index[node] = len(memory.index)
                memory.offset[node] = gaps.take(nbytes)
                dying.setdefault(lasts, []).append((memory.offset[node], nbytes))
            for offset, nbytes in dying.get(number, []):
                gaps.give_back(offset, nbytes)
        memory.size = gaps.end
        return memory

    # -- BLAS

    def _print_blas(self, step: Step) -> list[str]:
        """A call, or one for each matrix of a stack."""
        *stack, i, j, k = step.space
        n = len(stack)
        a, b = step.operands
        assert type(a) is Node
        assert type(b) is Node
        (off_a, along_a), (off_b, along_b) = self._strides(a, step.axes[0]), self._strides(b, step.axes[1])
        strides = whole_strides(step)
        lines = [f"    /* {spell_comment(step)} */"]
        indent = "    "
        for axis, extent in enumerate(stack):
            lines.append(f"{indent}for (long i{axis} = 0; i{axis} < {extent}; i{axis}++)")
            indent += "    "
        ctype = TYPES[step.node.dtype]
        at = [
            f"({ctype} *)p[{self.memory.index[self.kernel.resolve(x)[0]]}]" + spell_offset(off, along, range(n))
            for x, off, along in ((a, off_a, along_a), (b, off_b, along_b))
        ]
        out = f"({ctype} *)p[{self.memory.index[step.node]}]" + spell_offset(0, strides, range(n))
        shape = f"{i}, {j}, {k}"
        steps = (
            f"{along_a.get(n, 0)}, {along_a.get(n + 2, 0)}, {at[1]}, {along_b.get(n + 2, 0)}, {along_b.get(n + 1, 0)}"
        )
        lines.append(f"{indent}tg_gemm_{SUFFIXES[ctype]}({shape}, {at[0]}, {steps}, {out});")
        return lines

    def _print_placement(self, step: Step) -> list[str]:
        """Zeros, and a loop over the operand's entries, innermost along an axis on which they lie side by side."""
        form = step.form
        (x,) = step.operands
        assert isinstance(form, Placement)
        assert type(x) is Node
        offset, along = self._strides(x, step.axes[0])
        first, strides = form.target
        ctype = TYPES[step.node.dtype]
        out = f"(({ctype} *)p[{self.memory.index[step.node]}])"
        source = f"((const {ctype} *)p[{self.memory.index[self.kernel.resolve(x)[0]]}])"
        axes = [a for a, extent in enumerate(step.space) if extent > 1]
        side_by_side = [a for a in axes if strides[a] == 1 or along.get(a) == 1]
        if side_by_side:
            inner = max(side_by_side, key=lambda a: step.space[a])
            axes = [*(a for a in axes if a != inner), inner]
        target = {a: s for a, s in enumerate(strides) if a in axes}
        lines = [
            f"    /* {spell_comment(step)} */",
            f"    memset({out}, 0, {size(step.node.shape) * step.node.dtype.itemsize});",
        ]
        for depth, a in enumerate(axes):
            lines.append(f"    {'    ' * depth}for (long i{a} = 0; i{a} < {step.space[a]}; i{a}++)")
        index = {a: f"i{a}" for a in axes}
        to, what = (
            (spell_sum({a: s for a, s in steps.items() if a in index}, index) or "0") + (f" + {at}" if at else "")
            for at, steps in ((first, target), (offset, along))
        )
        lines.append(f"    {'    ' * len(axes)}{out}[{to}] {'+=' if form.adds else '='} {source}[{what}];")
        return lines

    def _strides(self, x: Node, axes: tuple[int, ...]) -> tuple[int, dict[int, int]]:
        """The offset and the stride along each axis of a step's space, in memory that has all entries."""
        layout = self.scheduler.layout(x)
        assert layout is not None
        offset, strides = layout
        along = {axis: s for axis, s, extent in zip(axes, strides, x.shape, strict=True) if extent > 1}
        return offset, along


def _is_whole(step: Step, item: Region | Rows | Step) -> bool:
    """Whether all entries of the result are in memory even if nothing later reads them."""
    if isinstance(item, Region):
        return item.is_summed(step) or step.reshapes
    return isinstance(item, Step)


class _RowsPrinter:
    """Prints what is done row by row: a kernel for one row, and the loop over the rows."""

    def __init__(self, printer: _Printer, rows: Rows, name: str) -> None:
        self.rows, self.name, self.memory = rows, name, printer.memory
        self.count = size(rows.count)
        self.threads = printer.threads
        row = make_row_kernel(rows, printer.kernel, printer.scheduler.layout, printer.memory.index)
        self.places = row.places
        self.row = _Printer(row.kernel, f"{name}_row", 1 if self.count > 1 else self.threads, by_rows=False).print()
        self.loops = self.row.loops

    def print(self) -> list[str]:
        places = [self._spell_place(*place) for place in self.places]
        room = self.row.pointers - len(places)
        return [
            self.row.text,
            f"{FUNCTION} {self.name}(char *const *p, char *const *q, char *local, long from, long to)\n{{",
            "    (void)q;",
            "    for (long r = from; r < to; r++) {",
            f"        char *row[] = {{{', '.join([*places, *['0'] * room])}}};",
            f"        {self.row.name}(row, local);",
            "    }",
            "}",
            "",
        ]

    def _spell_place(self, node: Node, offset: int, strides: tuple[int, ...]) -> str:
        """Where row r lies."""
        itemsize = node.dtype.itemsize
        count = self.rows.count
        terms = [f"p[{self.memory.index[node]}]"]
        moving = [(a, s) for a, s in enumerate(strides) if s and count[a] > 1]
        together = strides[-1] if strides else 0
        if moving and all(strides[a] == self.rows.strides(together)[a] for a, n in enumerate(count) if n > 1):
            terms.append(f"r * {together * itemsize}")
        else:
            for a, s in moving:
                before = f"r / {size(count[a + 1 :])}" if size(count[a + 1 :]) > 1 else "r"
                terms.append(f"{before} % {count[a]} * {s * itemsize}")
        return " + ".join([*terms, *([str(offset * itemsize)] if offset else [])])

    def print_call(self, at: int) -> tuple[list[str], int]:
        """The lines by which the kernel runs all rows, and how many bytes they need from offset `at` on."""
        parts = min(count_worthwhile(self.rows.steps, self.threads), self.count)
        own = round_up(self.row.scratch)
        if parts == 1:
            return [f"    {self.name}(p, 0, scratch + {at}, 0, {self.count});"], own
        ends = [i * self.count // parts for i in range(parts + 1)]
        table = [
            f"          {{{self.name}, p, 0, scratch + {at + i * own}, {ends[i]}, {ends[i + 1]}}},"
            for i in range(parts)
        ]
        lines = ["    { tg_part parts[] = {", *table, "      };", f"      tg_run_parts(parts, {parts}); }}"]
        return lines, parts * own
