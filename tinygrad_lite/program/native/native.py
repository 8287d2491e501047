"""From a Program to one in which what C can do is done by native functions; and to the function that is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ...op import Op, constant, pick
from ..program import Node, Operand, Program
from ..simplify import is_view
from .blas import find_blas
from .callers import Entry, make_entry_caller, make_kernel_caller
from .forms import Product, form_of
from .library import Library, load_library, print_library
from .loop import PrintedLoop, fits, make_loop_caller, print_loop
from .printer import PrintedKernel, print_kernel
from .schedule import is_large
from .steps import make_kernel, size, view_layout

MANY_LOOPS = 100  # nests of loops, from which on compiling quickly matters more
MOST_LOOPS = 1500  # from which on it takes many seconds, and NumPy's code is there at once


@dataclass
class Segment:
    """Steps that follow one another. native: whether they are printed in C. views: of other segments' arrays, which
    are looked at here through them, too."""

    nodes: list[Node]
    native: bool
    views: list[Node] = field(default_factory=list)

    @property
    def inputs(self) -> list[Node]:
        """What it takes from others."""
        nodes = [*self.views, *self.nodes]
        made = set(nodes)
        return list(dict.fromkeys(x for node in nodes for x in node.operands if type(x) is Node and x not in made))


@dataclass
class Native:
    """program: with a step for each kernel. text: the C. bind_entry: for a program that is one kernel, gives what takes
    the user's arguments; it is told what finds again what is reached from outside, if anything is."""

    program: Program
    text: str
    bind_entry: Callable[[Callable[[], Any] | None], Any] | None


def make_native(
    program: Program,
    entry: Entry | None,
    invalid: type[BaseException] | None,
    what: str,
    body_of: Callable[[Node], Program | None],
) -> Native | None:
    """The program with its steps in native code; None if there is nothing for native code to do, or far too much to
    compile. NotCompiled if the compiler fails.

    entry: how the program is called. invalid: what is raised where a result is nan; None to let it pass. what: the
    function's name, for messages. body_of: gives the body of a step that is a scan; a loop whose body is native
    throughout is native, too.
    """
    collected = _Collection(invalid, body_of)
    translation = _Translation(program, collected)
    kernels = [translation.printed[id(segment)] for segment in translation.segments if segment.native]
    if not 0 < collected.loops <= MOST_LOOPS:
        return None
    if len(translation.segments) > 1 or not kernels or (entry is not None and not entry.fits(translation.program)):
        entry = None
    text = print_library(collected.texts, collected.names)
    library = load_library(text, collected.names, what, *(["-O1"] if collected.loops > MANY_LOOPS else []))
    bind_entry = None
    if entry is not None:
        (kernel,), (address,) = kernels, library.addresses.values()
        bind_entry = partial(make_entry_caller, library.runtime, address, kernel, entry, translation.program, invalid)
    return Native(translation.write(library), text, bind_entry)


class _Collection:
    """What goes into one library. names: of the functions that Python calls. loops: the nests of loops in them."""

    def __init__(self, invalid: type[BaseException] | None, body_of: Callable[[Node], Program | None]) -> None:
        self.invalid, self.body_of = invalid, body_of
        self.texts: list[str] = []
        self.names: list[str] = []
        self.loops = 0

    def add_kernel(self, printed: PrintedKernel) -> None:
        self.texts.append(printed.text)
        self.names.append(printed.name)
        self.loops += printed.loops

    def add_loop(self, loop: PrintedLoop) -> None:
        self.texts += [loop.kernel.text, loop.text]
        self.names.append(loop.name)
        self.loops += loop.kernel.loops

    def bind_kernel(self, library: Library, printed: PrintedKernel) -> Op:
        """The op that calls a kernel."""
        address = library.addresses[printed.name]
        function = make_kernel_caller(library.runtime, address, printed, self.invalid)
        return _as_op(function, printed.name, len(printed.kernel.outputs))

    def bind_loop(self, library: Library, loop: PrintedLoop) -> Op:
        """The op that calls a loop."""
        function = make_loop_caller(library.runtime, library.addresses[loop.name], loop, self.invalid)
        return _as_op(function, loop.name, len(loop.body.outputs))


def _as_op(function: Callable[..., Any], name: str, outputs: int) -> Op:
    return constant(function, operands=None, name=name, outputs=outputs, fresh=True)


class _Translation:
    """A program, and what of it is native. prefix: of the names of its functions.

    A scan whose body is native throughout is a native loop. Of another one the body is translated, for NumPy's loop.
    """

    def __init__(self, program: Program, collected: _Collection, prefix: str = "") -> None:
        self.collected = collected
        self.program, native = separate_views(program)
        returned = {x for x in self.program.outputs if type(x) is Node}
        self.segments = partition(self.program, native)
        _share_views(self.segments)
        needed = returned.union(*(segment.inputs for segment in self.segments))
        self.printed: dict[int, PrintedKernel] = {}
        for segment in self.segments:
            if segment.native:
                printed = _print_segment(segment, needed, f"{prefix}kernel{len(self.printed)}")
                self.printed[id(segment)] = printed
                collected.add_kernel(printed)
        self.loops: dict[Node, PrintedLoop] = {}
        self.bodies: dict[Node, _Translation] = {}
        for node in self.program.steps:
            body = None if native[node] else collected.body_of(node)
            if body is not None:
                self._add_loop(body, node, f"{prefix}loop{len(self.loops) + len(self.bodies)}")

    def _add_loop(self, body: Program, node: Node, name: str) -> None:
        loop = _print_loop(body, node, name)
        if loop is None:
            self.bodies[node] = _Translation(body, self.collected, f"{name}_")
        else:
            self.loops[node] = loop
            self.collected.add_loop(loop)

    def write(self, library: Library) -> Program:
        """The program that calls the functions of the library."""
        steps: list[Node] = []
        replaced: dict[Node, Node] = {}

        def look_up(x: Operand) -> Operand:
            return replaced.get(x, x) if type(x) is Node else x

        for segment in self.segments:
            if segment.native:
                steps += self._call_kernel(library, self.printed[id(segment)], replaced)
                continue
            for node in segment.nodes:
                step = node.with_operands([look_up(x) for x in node.operands])
                if node in self.loops:
                    op = self.collected.bind_loop(library, self.loops[node])
                    step = Node(op, step.operands, {}, node.shape, node.dtype, node.weak, node.name)
                elif node in self.bodies:
                    body = node.params["body"].as_translated(self.bodies[node].write(library))
                    params = node.params | {"body": body}
                    step = Node(node.op, step.operands, params, node.shape, node.dtype, node.weak, node.name)
                steps.append(step)
                replaced[node] = step
        outputs = tuple(look_up(x) for x in self.program.outputs)
        return Program(self.program.inputs, self.program.captures, tuple(steps), outputs)

    def _call_kernel(self, library: Library, printed: PrintedKernel, replaced: dict[Node, Node]) -> list[Node]:
        """The steps that call a kernel, and take its results apart. replaced: what stands for each node is added."""
        kernel = printed.kernel
        op = self.collected.bind_kernel(library, printed)
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


def _print_loop(body: Program, node: Node, name: str) -> PrintedLoop | None:
    """The loop over the steps of a body; None unless all of it can be native."""
    if not fits(body):
        return None
    body, native = separate_views(body)
    if not native or not all(native.values()):
        return None
    returned = {x for x in body.outputs if type(x) is Node}
    printed = _print_segment(Segment(list(body.steps), True), returned, f"{name}_step")
    return print_loop(body, node, printed, name)


def _print_segment(segment: Segment, needed: set[Node], name: str) -> PrintedKernel:
    """needed: what the program returns, and what other segments take from this one."""
    outputs = [x for x in segment.nodes if x in needed]
    return print_kernel(make_kernel([*segment.views, *segment.nodes], segment.inputs, outputs), name)


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


def partition(program: Program, native: dict[Node, bool]) -> list[Segment]:
    """The program's steps in as few segments as their dependences allow, native ones and NumPy's in turn."""
    users = program.users()
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


def _share_views(segments: list[Segment]) -> None:
    """Native code that needs a view of what other native code has made takes the array, and looks at it so itself."""
    native_views = {x for segment in segments if segment.native for x in segment.nodes if is_view(x)}
    for segment in segments:
        made = set(segment.nodes)
        chains = [_find_chain(x, native_views - made) for x in segment.inputs] if segment.native else []
        segment.views = list(dict.fromkeys(view for chain in chains for view in chain))


def _find_chain(x: Node, views: set[Node]) -> list[Node]:
    """The views through which x looks at an array that somebody else makes."""
    chain: list[Node] = []
    while x in views:
        base = x.operands[0]
        if type(base) is not Node or view_layout(base.shape, [x, *chain]) is None:
            break
        chain.insert(0, x)
        x = base
    return chain


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
