"""The C of a whole loop: a function that runs the kernel of a scan's body for every step, without Python between them.

Nothing is copied that need not be: a step reads its rows where they lie in the stacks, and writes its results into
theirs. What a carry becomes is where the step has put it: in a row of a stack, or in one of two pieces of memory that
take turns, so that a step never writes over what it reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..program import Node, Program
from .module import NUMBERS, RELEASE_FROM, shape_name
from .printer import LINE, PrintedKernel
from .steps import size

LARGE = 1 << 18  # bytes of a stack; smaller ones come from memory that the process has already
UNINTERRUPTED = 20_000_000  # entries that are worked on before somebody who presses Ctrl-C is heard


@dataclass
class PrintedLoop:
    """text: the C functions. kernel: of one step. outputs: how many results there are."""

    text: str
    name: str
    kernel: PrintedKernel
    outputs: int

    @property
    def constants(self) -> list[Any]:
        return [array for _, array in self.kernel.kernel.constants]


def fits(body: Program) -> bool:
    """Whether what the loop is given and gives can be written in C."""
    outputs = all(type(x) is Node for x in body.outputs)
    return outputs and all(x.dtype in NUMBERS and size(x.shape) for x in (*body.inputs, *body.outputs))


def print_loop(body: Program, node: Node, printed: PrintedKernel, name: str, careful: bool) -> PrintedLoop:
    """node: the scan. printed: the kernel of its body. careful: whether a nan in the results is an error."""
    text = _LoopPrinter(body, node, printed, name).print(careful)
    return PrintedLoop(text, name, printed, len(body.outputs))


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
        self.scratch = _round_up(printed.scratch)

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
            self.scratch += 2 * _round_up(self.next[k].nbytes)
        return f"scratch + {self.buffer[k]} + (t & 1) * {_round_up(self.next[k].nbytes)}"

    def _destination(self, x: Node) -> str:
        """Where the kernel puts a result."""
        for j, y in enumerate(self.ys):
            if y is x:
                return self._row(j)
        return self._take_turns(next(k for k, y in enumerate(self.next) if y is x))

    def _row(self, j: int) -> str:
        return f"y[{j}] + i * {self.ys[j].nbytes}"

    # -- the steps

    def _print_steps(self) -> list[str]:
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
        return [*lines, *moved, "    }", "}", ""]

    # -- what Python calls

    def print(self, careful: bool) -> str:
        steps = self._print_steps()
        inputs, carries, ys = self.body.inputs, len(self.carry), len(self.ys)
        outputs = [*self.carry, *self.ys]
        lines = [
            f"TG_QUICK static PyObject *{self.name}_call(PyObject *self, PyObject *const *args, Py_ssize_t count)",
            "{",
            "    static tg_piece *kept = NULL;",
            f"    char *p[{self.printed.pointers + 1}], *a[{len(inputs) + 1}], *y[{ys + 1}], *now[{carries + 1}];",
            f"    PyObject *owned[{len(inputs) + 1}] = {{0}};",
            f"    PyObject *results[{len(outputs)}] = {{0}};",
            "    PyObject *answer = NULL;",
            f"    if (count != {len(inputs)}) {{",
            '        PyErr_SetString(PyExc_TypeError, "another number of arguments");',
            "        return NULL;",
            "    }",
        ]
        for i, x in enumerate(inputs):
            kind = self._stack_name(x) if x in self.rows else self._kind_name(x)
            lines += [
                f"    if ((a[{i}] = tg_take(args[{i}], {kind}, &owned[{i}])) == NULL)",
                "        goto end;",
            ]
        for i, x in enumerate(outputs):
            kind = self._kind_name(x) if i < carries else self._stack_name(x)
            new = "tg_new("
            if i >= carries and self.length * x.nbytes >= LARGE:
                lines.append(f"    static PyObject *kept{i} = NULL;")
                new = f"tg_new_large(&kept{i}, "
            lines += [f"    if ((results[{i}] = {new}{kind})) == NULL)", "        goto end;"]
        lines += [f"    now[{k}] = a[{k}];" for k in range(carries)]
        lines += [f"    y[{j}] = PyArray_DATA((PyArrayObject *)results[{carries + j}]);" for j in range(ys)]
        first = len(self.printed.kernel.inputs)
        for i, _ in enumerate(self.printed.kernel.constants):
            lines.append(f"    p[{first + i}] = PyArray_DATA((PyArrayObject *)PyTuple_GET_ITEM(self, {i}));")
        lines += self._print_run()
        lines += [
            f"    memcpy(PyArray_DATA((PyArrayObject *)results[{k}]), now[{k}], {x.nbytes});"
            for k, x in enumerate(self.carry)
        ]
        lines += ["    tg_keep_memory(&kept, scratch);", "    if (failed)", "        goto end;"]
        if careful:
            lines += self._print_test(outputs)
        for k, x in enumerate(self.carry):
            if not x.shape:
                lines += [
                    f"    Py_SETREF(results[{k}], tg_number(PyArray_DATA((PyArrayObject *)results[{k}]), "
                    f"{NUMBERS[x.dtype]}));",
                    f"    if (results[{k}] == NULL)",
                    "        goto end;",
                ]
        lines += _hand_out(len(outputs))
        lines += [
            "end:",
            f"    for (int i = 0; i < {len(inputs)}; i++)",
            "        Py_XDECREF(owned[i]);",
            f"    for (int i = 0; i < {len(outputs)}; i++)",
            "        Py_XDECREF(results[i]);",
            "    return answer;",
            "}",
            "",
        ]
        return "\n".join([*steps, *lines])

    def _print_run(self) -> list[str]:
        """All steps, with a look now and then whether somebody wants to stop."""
        work = max(1, sum(size(step.space) for step in self.printed.kernel.steps))
        piece = max(1, UNINTERRUPTED // work)
        to = f"from + {piece} < {self.length} ? from + {piece} : {self.length}"
        run = [f"        {self.name}(p, a, y, now, scratch, from, {to});"]
        if work * self.length >= RELEASE_FROM:
            run = ["        Py_BEGIN_ALLOW_THREADS", *run, "        Py_END_ALLOW_THREADS"]
        return [
            f"    char *scratch = tg_take_memory(&kept, {self.scratch + 1});",
            "    if (scratch == NULL) {",
            "        PyErr_NoMemory();",
            "        goto end;",
            "    }",
            "    int failed = 0;",
            f"    for (long from = 0; from < {self.length} && !failed; from += {piece}) {{",
            *run,
            "        failed = PyErr_CheckSignals();",
            "    }",
        ]

    def _print_test(self, outputs: Sequence[Node]) -> list[str]:
        lines = []
        for i, x in enumerate(outputs):
            if x.dtype.kind == "f":
                suffix = "f64" if x.dtype.itemsize == 8 else "f32"
                data = f"PyArray_DATA((PyArrayObject *)results[{i}])"
                lines += [
                    f"    if (tg_has_nan_{suffix}({data}, PyArray_SIZE((PyArrayObject *)results[{i}]))) {{",
                    f"        PyErr_SetNone(PyTuple_GET_ITEM(self, {len(self.printed.kernel.constants)}));",
                    "        goto end;",
                    "    }",
                ]
        return lines

    def _kind_name(self, x: Node) -> str:
        return f"{NUMBERS[x.dtype]}, {len(x.shape)}, {shape_name(x.shape)}"

    def _stack_name(self, x: Node) -> str:
        return f"{NUMBERS[x.dtype]}, {len(x.shape) + 1}, {shape_name((self.length, *x.shape))}"


def _hand_out(count: int) -> list[str]:
    if count == 1:
        return ["    answer = results[0];", "    results[0] = NULL;"]
    return [
        f"    if ((answer = PyTuple_New({count})) == NULL)",
        "        goto end;",
        f"    for (int i = 0; i < {count}; i++) {{",
        "        PyTuple_SET_ITEM(answer, i, results[i]);",
        "        results[i] = NULL;",
        "    }",
    ]


def _round_up(nbytes: int) -> int:
    return -(-nbytes // LINE) * LINE
