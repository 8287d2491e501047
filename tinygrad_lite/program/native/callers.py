"""What Python calls of a native program: for each kernel a callable, and `entry` for a whole program.

A kernel's takes arrays and numbers and gives an array for each result, or a tuple of them. `entry` takes the arguments
as the user gave them: it recognises the one kind of arguments that the program is for (anything else gets
NotImplemented), takes the arrays out of their dicts and lists, and builds the tree of results.

Both are instances of one type, written in C (runtime.c). Here are written the tables that tell it what to take from
where: numbers, and the objects that they refer to (arrays that are constants, keys, tensors).
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from ... import tree
from ..program import Node, Program, is_scalar
from .printer import PrintedKernel
from .steps import size

RELEASE_FROM = 50_000  # entries; work beside which releasing the interpreter's lock costs nothing


class Table:
    """The tables of one caller: of a kernel, or of a loop around it. runtime: the module that has the type, and names
    the entries. address: of the C function. invalid: what is raised where a result is nan; None to let it pass.

    work: the entries that the kernel works on.
    """

    def __init__(
        self, runtime: ModuleType, address: int, printed: PrintedKernel, invalid: type[BaseException] | None
    ) -> None:
        self.runtime, self.address, self.printed, self.invalid = runtime, address, printed, invalid
        self.kernel = printed.kernel
        self.work = sum(size(step.space) for step in self.kernel.steps)
        self.constants = [array for _, array in self.kernel.constants]
        self.objects: list[Any] = list(self.constants)
        self._number = {id(x): i for i, x in enumerate(self.objects)}

    def refer(self, value: Any) -> int:
        """The number of an object among those that the tables refer to."""
        number = self._number.setdefault(id(value), len(self.objects))
        if number == len(self.objects):
            self.objects.append(value)
        return number

    def take(self, nodes: Sequence[Node]) -> list[int]:
        """Arguments that can be an array or a number each."""
        return [code for i, node in enumerate(nodes) for code in (self.runtime.TAKE, i, *kind_of(node))]

    def hand_out(self, count: int) -> list[int]:
        """One result, or a tuple of several."""
        results = [code for i in range(count) for code in (self.runtime.RESULT, i)]
        return results if count == 1 else [self.runtime.TUPLE, count, *results]

    def make(self, arguments: list[int], outputs: list[list[int]], results: list[int], **facts: Any) -> Any:
        """The caller. outputs: how each result is handed out, and its kind. facts: the rest of what runtime.c asks."""
        return self.runtime.Caller(
            address=self.address,
            arguments=_pack(arguments),
            outputs=_pack(code for output in outputs for code in output),
            results=_pack(results),
            objects=tuple(self.objects),
            invalid=self.invalid,
            constants=len(self.constants),
            constants_at=len(self.kernel.inputs),
            pointers=self.printed.pointers,
            output_count=len(outputs),
            **facts,
        )

    def make_for_kernel(
        self,
        arguments: list[int],
        results: list[int],
        *,
        count: int,
        strict: bool = False,
        outside: Callable[[], Any] | None = None,
    ) -> Any:
        """The caller of the kernel itself. count: of arguments. outside: what finds what is not among them."""
        return self.make(
            arguments,
            [[self._way_out(node), *kind_of(node)] for node in self.kernel.outputs],
            results,
            outside=outside,
            count=count,
            places=len(self.kernel.inputs),
            scratch=self.printed.scratch,
            releases=self.work >= RELEASE_FROM,
            strict=strict,
            length=-1,
            patience=0,
            carries=0,
        )

    def _way_out(self, node: Node) -> int:
        """How a result is handed out."""
        if node.shape:
            return int(self.runtime.AS_ARRAY)
        if node.weak and node.dtype.kind == "f":
            return int(self.runtime.AS_PYTHON_FLOAT)
        return int(self.runtime.AS_PYTHON_INT if node.weak else self.runtime.AS_NUMBER)


def _pack(table: Iterable[int]) -> bytes:
    return np.array([*table], np.intp).tobytes()


def kind_of(node: Node, length: int | None = None) -> list[int]:
    """The type, number of axes and shape; length: of a stack of such arrays."""
    shape = node.shape if length is None else (length, *node.shape)
    return [node.dtype.num, len(shape), *shape]


def make_kernel_caller(
    runtime: ModuleType, address: int, printed: PrintedKernel, invalid: type[BaseException] | None
) -> Any:
    """invalid: what is raised where a result is nan; None to let it pass."""
    table = Table(runtime, address, printed, invalid)
    inputs, outputs = printed.kernel.inputs, printed.kernel.outputs
    return table.make_for_kernel(table.take(inputs), table.hand_out(len(outputs)), count=len(inputs))


@dataclass
class Entry:
    """How a program is called. arguments, results: their structure. leaves: of the arguments. static: those that are
    part of the program."""

    arguments: tree.Structure
    results: tree.Structure
    leaves: Sequence[Any]
    static: Container[int]

    def fits(self, program: Program) -> bool:
        """Whether runtime.c can do it for this program: the forms of arguments and results, and results that are made
        by it."""
        outputs = [x for x in program.outputs if type(x) is Node]
        made = set(program.steps)
        if len(set(outputs)) != len(outputs) or not all(x in made for x in outputs):
            return False
        if not all(type(x) is Node or is_scalar(x) for x in program.outputs):
            return False
        return _has_plain_nodes(self.arguments) and _has_plain_nodes(self.results)


def make_entry_caller(
    runtime: ModuleType,
    address: int,
    printed: PrintedKernel,
    entry: Entry,
    program: Program,
    invalid: type[BaseException] | None,
    outside: Callable[[], Any] | None,
) -> Any:
    """For a program that is one kernel. outside: what finds again what is reached from there."""
    tables = _EntryTables(Table(runtime, address, printed, invalid), entry, program)
    arguments = [code for child in entry.arguments.children for code in tables.recognise(child)]
    if outside is not None:
        arguments += tables.take_found()
    arguments += tables.take_captures()
    results = tables.build(entry.results)
    count = len(entry.arguments.children)
    return tables.table.make_for_kernel(arguments, results, count=count, strict=True, outside=outside)


class _EntryTables:
    def __init__(self, table: Table, entry: Entry, program: Program) -> None:
        self.runtime, self.table, self.entry, self.program = table.runtime, table, entry, program
        self.leaves = enumerate(entry.leaves)
        self.inputs = iter(program.inputs)
        self.outputs = iter(program.outputs)
        self.position = {node: i for i, node in enumerate(table.kernel.inputs)}
        self.number = {node: i for i, node in enumerate(table.kernel.outputs)}

    # -- arguments

    def recognise(self, structure: tree.Structure) -> list[int]:
        """The entry of an argument, or of a part of it."""
        code, refer = self.runtime, self.table.refer
        if structure.kind is tree.LEAF:
            return self._recognise_leaf()
        if structure.kind is tree.STATIC:
            return [code.OBJECT, refer(structure.meta)]
        children = [number for child in structure.children for number in self.recognise(child)]
        count = len(structure.children)
        if structure.kind is dict:
            return [code.DICT, count, refer(tuple(structure.meta)), *children]
        return [code.LIST if structure.kind is list else code.TUPLE, count, *children]

    def _recognise_leaf(self) -> list[int]:
        code, refer = self.runtime, self.table.refer
        i, x = next(self.leaves)
        if i in self.entry.static:
            return [code.NUMBER, refer(x)]
        node = next(self.inputs)
        at = self.position.get(node, -1)
        if type(x) is float:
            return [code.FLOAT, at]
        if type(x) is np.ndarray:
            return [code.ARRAY, at, *kind_of(node)]
        return [code.INSTANCE, refer(type(x)), *self._take(node)]

    def _take(self, node: Node) -> list[int]:
        at = self.position.get(node, -1)
        if at < 0:
            return [self.runtime.ANYTHING]
        if node.weak and node.shape == () and node.dtype == np.float64:
            return [self.runtime.FLOAT, at]
        return [self.runtime.TAKE, at, *kind_of(node)]

    def take_found(self) -> list[int]:
        """The entry of what `outside` gives: the inputs that are no arguments."""
        entries = [self._take(node) for node in self.inputs]
        return [self.runtime.TUPLE, len(entries), *(number for entry in entries for number in entry)]

    def take_captures(self) -> list[int]:
        """The entries of tensors that the function reaches."""
        numbers = []
        for node, tensor in self.program.captures:
            if node in self.position:
                objects = self.table.refer(tensor), self.table.refer("_array")
                numbers += [self.runtime.ATTRIBUTE, *objects, self.position[node], *kind_of(node)]
        return numbers

    # -- results

    def build(self, structure: tree.Structure) -> list[int]:
        """The entry of the tree of results, or of a part of it."""
        code, refer = self.runtime, self.table.refer
        if structure.kind is tree.LEAF:
            x = next(self.outputs)
            return [code.RESULT, self.number[x]] if type(x) is Node else [code.OBJECT, refer(x)]
        if structure.kind is tree.STATIC:
            return [code.OBJECT, refer(structure.meta)]
        count = len(structure.children)
        if structure.kind is dict:
            pairs = zip(structure.meta, structure.children, strict=True)
            return [code.DICT, count, *(number for key, child in pairs for number in (refer(key), *self.build(child)))]
        children = [number for child in structure.children for number in self.build(child)]
        return [code.LIST if structure.kind is list else code.TUPLE, count, *children]


def _has_plain_nodes(structure: tree.Structure) -> bool:
    if structure.kind is tree.STATIC:
        return not isinstance(structure.meta, (str, bytes))
    if structure.kind is not tree.LEAF and structure.kind not in (dict, list, tuple):
        return False
    return all(map(_has_plain_nodes, structure.children))
