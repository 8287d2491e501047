"""From a Program to one in which what C can do is done by native functions; and to the function that is called."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ...op import constant, pick
from ..program import Node, Operand, Program
from ..simplify import is_view
from .blas import find_blas
from .cache import build
from .compiler import NotCompiled, find_compiler
from .forms import Product, form_of
from .module import OUTSIDE, Entry, print_module
from .printer import PrintedKernel, print_kernel
from .schedule import is_large
from .steps import make_kernel, size

MANY_LOOPS = 100  # nests of loops, from which on compiling quickly matters more
MOST_LOOPS = 1500  # from which on it takes many seconds, and NumPy's code is there at once


@dataclass
class Segment:
    """Steps that follow one another. native: whether they are printed in C."""

    nodes: list[Node]
    native: bool


@dataclass
class Native:
    """program: with a step for each kernel. text: the C. entry: how `entry` is bound, if there is one."""

    program: Program
    text: str
    module: ModuleType
    entry: Entry | None

    def bind_entry(self, outside: Any) -> Any:
        """The function that takes the user's arguments. outside: what finds again what is reached from there."""
        assert self.entry is not None
        return self.module.bind("entry", tuple(outside if x is OUTSIDE else x for x in self.entry.objects))


def make_native(program: Program, entry: Entry | None, invalid: type[BaseException] | None, what: str) -> Native | None:
    """The program with its steps in native code; None if there is nothing for native code to do, or far too much to
    compile. NotCompiled if the compiler fails.

    entry: how the program is called. invalid: what is raised where a result is nan; None to let it pass. what: the
    function's name, for messages.
    """
    program, native = separate_views(program)
    users = program.users()
    returned = {x for x in program.outputs if type(x) is Node}
    segments = partition(program, native, users)
    kernels: list[PrintedKernel] = []
    printed_as: dict[int, PrintedKernel] = {}
    for segment in segments:
        if segment.native:
            printed = _print_segment(segment, users, returned, f"kernel{len(kernels)}")
            printed_as[id(segment)] = printed
            kernels.append(printed)
    loops = sum(printed.loops for printed in kernels)
    if not 0 < loops <= MOST_LOOPS:
        return None
    if len(segments) > 1 or (entry is not None and not entry.fits(program)):
        entry = None
    text = print_module(kernels, entry, program, invalid is not None)
    module = _load(build(find_compiler(), text, what, quickly=loops > MANY_LOOPS))
    steps: list[Node] = []
    replaced: dict[Node, Node] = {}
    for segment in segments:
        if not segment.native:
            for node in segment.nodes:
                steps.append(node.with_operands([replaced.get(x, x) if type(x) is Node else x for x in node.operands]))
                replaced[node] = steps[-1]
            continue
        steps += _call_kernel(module, printed_as[id(segment)], invalid, replaced)
    outputs = tuple(replaced.get(x, x) if type(x) is Node else x for x in program.outputs)
    hybrid = Program(program.inputs, program.captures, tuple(steps), outputs)
    return Native(hybrid, text, module, entry)


def _call_kernel(module: ModuleType, printed: PrintedKernel, invalid: Any, replaced: dict[Node, Node]) -> list[Node]:
    """The steps that call a kernel, and take its results apart. replaced: what stands for each node is added."""
    kernel = printed.kernel
    objects = (*(array for _, array in kernel.constants), *([invalid] if invalid else []))
    function = module.bind(f"{printed.name}_call", objects)
    op = constant(function, operands=None, name=printed.name, outputs=len(kernel.outputs), fresh=True)
    operands = tuple(replaced.get(x, x) for x in kernel.inputs)
    if len(kernel.outputs) == 1:
        (node,) = kernel.outputs
        call = Node(op, operands, {}, node.shape, node.dtype, node.weak, node.name)
        replaced[node] = call
        return [call]
    call = Node(op, operands, {}, None, None)
    picks = [
        Node(pick, (call,), {"index": i}, node.shape, node.dtype, node.weak, node.name)
        for i, node in enumerate(kernel.outputs)
    ]
    replaced.update(zip(kernel.outputs, picks, strict=True))
    return [call, *picks]


def _print_segment(segment: Segment, users: dict[Node, list[Node]], returned: set[Node], name: str) -> PrintedKernel:
    made = set(segment.nodes)
    inputs = dict.fromkeys(x for node in segment.nodes for x in node.operands if type(x) is Node and x not in made)
    outputs = [x for x in segment.nodes if x in returned or any(user not in made for user in users[x])]
    return print_kernel(make_kernel(segment.nodes, list(inputs), outputs), name)


def _load(path: Path) -> ModuleType:
    """The extension module in this file."""
    spec = importlib.util.spec_from_file_location("tinygrad_native", path)
    assert spec is not None
    assert spec.loader is not None
    try:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except ImportError as error:
        raise NotCompiled(f"what the C compiler made cannot be loaded: {error}") from None
    blas = find_blas()
    if blas is not None:
        module.use_blas(*blas)
    return module


# -- who does what ---------------------------------------------------------------------------------------------------


def separate_views(program: Program) -> tuple[Program, dict[Node, bool]]:
    """The program, and for each step whether it is native. A view that NumPy and native code both look at is made by
    each of them; one that only NumPy looks at is NumPy's."""
    users = program.users()
    returned = {x for x in program.outputs if type(x) is Node}
    sides: dict[Node, set[bool]] = {}  # on which sides each step is done
    for node in reversed(program.steps):
        native = _is_native(node)
        sides[node] = {native}
        if native and is_view(node):
            sides[node] = {side for user in users[node] for side in sides[user]}
            sides[node] |= {True} if node in returned else set()
    versions: dict[tuple[Operand, bool], Node] = {}
    is_native: dict[Node, bool] = {}
    for node in program.steps:
        for side in sorted(sides[node]):
            operands = [versions.get((x, side), x) if type(x) is Node else x for x in node.operands]
            now = Node(node.op, tuple(operands), node.params, node.shape, node.dtype, node.weak, node.name)
            is_native[now] = side
            versions[node, side] = now
        for side in {True, False} - sides[node]:
            versions[node, side] = now
    outputs = tuple(versions.get((x, True), x) if type(x) is Node else x for x in program.outputs)
    return Program(program.inputs, program.captures, tuple(is_native), outputs), is_native


def partition(program: Program, native: dict[Node, bool], users: dict[Node, list[Node]]) -> list[Segment]:
    """The program's steps in as few segments as their dependences allow, native ones and NumPy's in turn."""
    waits = {node: len({x for x in node.operands if type(x) is Node and x in native}) for node in program.steps}
    number = {node: i for i, node in enumerate(program.steps)}
    ready: dict[bool, list[Node]] = {True: [], False: []}
    for node in program.steps:
        if not waits[node]:
            ready[native[node]].append(node)
    segments = []
    turn = False
    while ready[True] or ready[False]:
        turn = not turn
        nodes = []
        while ready[turn]:
            node = ready[turn].pop()
            nodes.append(node)
            for user in dict.fromkeys(users[node]):
                waits[user] -= 1
                if not waits[user]:
                    ready[native[user]].append(user)
        if nodes:
            segments.append(Segment(sorted(nodes, key=number.__getitem__), turn))
    return segments


def _is_native(node: Node) -> bool:
    if any(size(x.shape) == 0 for x in (node, *node.operands) if type(x) is Node and x.shape is not None):
        return False
    form = form_of(node)
    if form is None:
        return False
    if not isinstance(form, Product) or find_blas() is not None:
        return True
    (step,) = make_kernel([node], [x for x in node.operands if type(x) is Node], [node]).steps
    return not is_large(step)
