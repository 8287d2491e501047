"""The C of a whole loop: a function that runs the kernel of a scan's body for every step, without Python between them.

Nothing is copied that need not be: a step reads its rows where they lie in the stacks, and writes its results into
theirs. What a carry becomes is where the step has put it: in a row of a stack, or in one of two pieces of memory that
take turns, so that a step never writes over what it reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

from ..gaps import round_up
from ..program import Node, Program
from .callers import RELEASE_FROM, Table, kind_of
from .forms import TYPES
from .printer import PrintedKernel
from .steps import size

LARGE = 1 << 18  # bytes of a stack; smaller ones come from memory that the process has already
UNINTERRUPTED = 20_000_000  # entries that are worked on before somebody who presses Ctrl-C is heard


@dataclass
class PrintedLoop:
    """text: the C function. kernel: of one step. body, node: the scan's. scratch: bytes of memory."""

    text: str
    name: str
    kernel: PrintedKernel
    body: Program
    node: Node
    scratch: int


def fits(body: Program) -> bool:
    """Whether what the loop is given and gives can be written in C."""
    outputs = all(type(x) is Node for x in body.outputs)
    return outputs and all(x.dtype in TYPES and size(x.shape) for x in (*body.inputs, *body.outputs))


def print_loop(body: Program, node: Node, printed: PrintedKernel, name: str) -> PrintedLoop:
    """node: the scan. printed: the kernel of its body."""
    printer = _LoopPrinter(body, node, printed, name)
    text = printer.print()
    return PrintedLoop(text, name, printed, body, node, printer.scratch)


def make_loop_caller(runtime: ModuleType, address: int, loop: PrintedLoop, invalid: type[BaseException] | None) -> Any:
    """What Python calls. invalid: what is raised where a result is nan; None to let it pass."""
    body = loop.body
    length, carries, each = (int(loop.node.params[name]) for name in ("length", "carries", "each"))
    table = Table(runtime, address, loop.kernel, invalid)
    stacks = body.inputs[carries : carries + each]
    arguments = []
    for i, x in enumerate(body.inputs):
        arguments += [runtime.TAKE, i, *kind_of(x, length if x in stacks else None)]
    outputs = []
    for x in body.inputs[:carries]:
        outputs.append([runtime.AS_ARRAY if x.shape else runtime.AS_NUMBER, *kind_of(x)])
    for x in body.outputs[carries:]:
        way = runtime.AS_LARGE_ARRAY if length * x.nbytes >= LARGE else runtime.AS_ARRAY
        outputs.append([way, *kind_of(x, length)])
    return table.make(
        arguments,
        outputs,
        table.hand_out(len(outputs)),
        outside=None,
        count=len(body.inputs),
        places=len(body.inputs),
        scratch=loop.scratch,
        releases=table.work * length >= RELEASE_FROM,
        strict=False,
        length=length,
        patience=max(1, UNINTERRUPTED // max(1, table.work)),
        carries=carries,
    )


class _LoopPrinter:
    def __init__(self, body: Program, node: Node, printed: PrintedKernel, name: str) -> None:
        carries, each = node.params["carries"], node.params["each"]
        self.body, self.printed, self.name = body, printed, name
        self.length, self.reverse = int(node.params["length"]), bool(node.params["reverse"])
        self.operand = {x: i for i, x in enumerate(body.inputs)}
        self.carry = {x: i for i, x in enumerate(body.inputs[:carries])}
        self.rows = body.inputs[carries : carries + each]
        self.next, self.ys = body.outputs[:carries], body.outputs[carries:]
        kernel = printed.kernel
        outside = dict.fromkeys([*kernel.inputs, *(x for x, _ in kernel.constants), *kernel.outputs])
        self.index = {x: i for i, x in enumerate(outside)}  # in `p`
        self.made = set(kernel.outputs)
        self.buffer: dict[int, int] = {}  # where the two pieces of memory of a carry are, behind the kernel's scratch
        self.scratch = round_up(printed.scratch)

    # -- where a value of the body lies

    def _place(self, x: Node) -> str:
        if x in self.made:
            return f"p[{self.index[x]}]"
        if x in self.carry:
            return f"now[{self.carry[x]}]"
        if x in self.rows:
            return f"a[{self.operand[x]}] + i * {x.nbytes}"
        return f"a[{self.operand[x]}]"

    def _take_turns(self, k: int) -> str:
        """The piece of memory in which this carry is put by this step."""
        if k not in self.buffer:
            self.buffer[k] = self.scratch
            self.scratch += 2 * round_up(self.next[k].nbytes)
        return f"scratch + {self.buffer[k]} + (t & 1) * {round_up(self.next[k].nbytes)}"

    def _destination(self, x: Node) -> str:
        """Where the kernel puts a result."""
        for j, y in enumerate(self.ys):
            if y is x:
                return self._row(j)
        return self._take_turns(next(k for k, y in enumerate(self.next) if y is x))

    def _row(self, j: int) -> str:
        return f"y[{j}] + i * {self.ys[j].nbytes}"

    # -- the steps

    def print(self) -> str:
        kernel = self.printed.kernel
        lines = [
            f"static void {self.name}(char **p, char *const *a, char *const *y, char **now, char *scratch, long from,"
            " long to)",
            "{",
            "    (void)a; (void)y; (void)now;",
            "    for (long t = from; t < to; t++) {",
            f"        const long i = {f'{self.length - 1} - t' if self.reverse else 't'};",
            "        (void)i;",
        ]
        lines += [f"        p[{self.index[x]}] = {self._place(x)};" for x in kernel.inputs]
        lines += [f"        p[{self.index[x]}] = {self._destination(x)};" for x in kernel.outputs]
        lines.append(f"        {self.printed.name}(p, scratch);")
        for j, x in enumerate(self.ys):
            if x not in self.made or self.ys.index(x) != j:
                lines.append(f"        memcpy({self._row(j)}, {self._place(x)}, {x.nbytes});")
        moved = []
        for k, x in enumerate(self.next):
            place = self._place(x)
            if x in self.carry and self.carry[x] != k:  # which will be written over before this one is read
                turn = self._take_turns(k)
                lines.append(f"        memcpy({turn}, {place}, {x.nbytes});")
                place = turn
            if place != f"now[{k}]":
                moved.append(f"        now[{k}] = {place};")
        return "\n".join([*lines, *moved, "    }", "}", ""])
