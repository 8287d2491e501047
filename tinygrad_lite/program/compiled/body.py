"""Bodies: programs that are run many times, or not at all: the step of a loop, the two ways of a branch.

A body was traced once, and is run as generated code. Its derivatives are bodies, too, traced from it.
"""

from __future__ import annotations

import functools
import itertools
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ... import tree
from ...batched import Level, every_example, wrap
from ...calling import record
from ...context import alone
from ...lifting import at_level
from ...op import Op, pick
from ...rules.shaping import reshape
from ...tensor import PYTHON_NUMBERS, Tensor, TraceError, next_seq
from ...transforms import jvp, linearise
from ..program import Node, Operand, Program, dtype_of, is_weak
from ..rewrite import rewrite
from ..sharing import freeze
from ..simplify import SIMPLER_WITH_STOPS, drop_dead
from ..trace import Guard, collect, make_input, tracing
from .loop_code import Code, write_loop, write_step
from .optimise import optimise

Arrays = Sequence[Any]


class Body:
    """A program that is run many times, or not at all. samples: an array for each of its inputs."""

    def __init__(self, program: Program, samples: Arrays) -> None:
        self.program, self.samples = program, list(samples)
        self.is_translated = False  # whether what can be native is
        self._loops: dict[Any, Code] = {}
        self._linearised: dict[bool, Linearised] = {}

    def replay(self, operands: Arrays) -> list[Any]:
        """The results of its steps on Tensors, which records them."""
        known: dict[Node, Any] = dict(zip(self.program.inputs, operands, strict=True))
        for node in self.program.steps:
            assert node.op is not None
            xs = [known[x] if type(x) is Node else x for x in node.operands]
            # The parts of an op with several results are steps of their own.
            known[node] = node.op(*xs, **node.params) if node.op is not pick else xs[0][node.params["index"]]
        return [known[x] if type(x) is Node else x for x in self.program.outputs]

    def results_of_samples(self) -> list[Any]:
        """What its results are for its samples, with the types that the program has for them."""
        with alone(), np.errstate(all="ignore"):
            found = self.replay(self.samples)
        return [_like(x, y) for x, y in zip(self.program.outputs, found, strict=True)]

    @functools.cached_property
    def step(self) -> Code:
        """The generated code of one step, called with arrays."""
        return write_step(optimise(self.program))

    def run_step(self, operands: Iterable[Any]) -> Any:
        """What one step gives, while something else is traced."""
        with alone():
            return self.step[1](*operands)

    def loop(self, carries: int, each: int) -> Code:
        """The generated code of the loop over steps."""
        key = carries, each
        if key not in self._loops:
            program = self.program if self.is_translated else optimise(self.program)
            self._loops[key] = write_loop(program, carries, each)
        return self._loops[key]

    def as_translated(self, program: Program) -> Body:
        """The same, by this program, in which what can be native is."""
        body = Body(program, self.samples)
        body.is_translated = True
        return body

    @property
    def has_choice(self) -> bool:
        """Whether a step takes some entries and leaves others."""
        return any(node.op is not None and node.op.selects for node in self.program.steps)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Body):
            return NotImplemented
        return self is other or _form(self.program) == _form(other.program)

    def __hash__(self) -> int:
        return hash((len(self.program.steps), len(self.program.inputs)))

    def __lt__(self, other: Body) -> bool:  # keywords are sorted by their names, which differ
        return False

    def linearise(self, selected: bool) -> Linearised:
        """selected: zeros among the cotangents mean "not taken"."""
        if selected not in self._linearised:
            self._linearised[selected] = Linearised(self, selected)
        return self._linearised[selected]


def _form(program: Program) -> Any:
    """What two programs that compute the same from the same have in common."""
    number = {x: i for i, x in enumerate((*program.inputs, *program.steps))}

    def operand(x: Operand) -> Any:
        return ("node", number[x]) if type(x) is Node else freeze(x)

    steps = [(id(node.op), tuple(map(operand, node.operands)), freeze(node.params)) for node in program.steps]
    inputs = [(x.shape, x.dtype, x.weak) for x in program.inputs]
    return inputs, steps, tuple(map(operand, program.outputs))


def trace_body(f: Callable[..., Any], samples: Arrays) -> tuple[Body, list[Tensor], list[Any], tree.Structure]:
    """f of Tensors as a body, after whose inputs come the Tensors from outside that it uses; these; and the results
    that it gave, with their structure."""
    start = next_seq()
    inputs = [make_input(x) for x in samples]
    guard = Guard()
    guard.keeps_loops = guard.is_body = True
    with tracing(guard), at_level(None), np.errstate(all="ignore"):
        output = f(*inputs)
    results, structure = tree.flatten(output)
    program, _ = collect(results, inputs, start)
    outside = [t for _, t in program.captures]
    whole = Program(program.inputs + tuple(node for node, _ in program.captures), (), program.steps, program.outputs)
    return Body(whole, [*samples, *(t._array for t in outside)]), outside, results, structure


def trace_repeatable_body(
    f: Callable[..., Any], samples: Arrays
) -> tuple[Body, list[Tensor], list[Any], tree.Structure]:
    """The same; TraceError if f is another function when it is called again, so that its steps are not all alike."""
    found = trace_body(f, samples)
    form = _form(found[0].program)  # now, since f may change its constants
    again, outside, *_ = trace_body(f, samples)
    if _form(again.program) != form or list(map(id, outside)) != list(map(id, found[1])):
        raise TraceError("scan: called again, the step does something else")
    return found


def trace_branches(
    functions: Sequence[Callable[..., Any]], operands: Arrays, alike: bool = True
) -> tuple[list[Body], list[Any], tree.Structure]:
    """Functions of the same operands as bodies of the same operands, these with what any of them uses from outside
    after them; and the structure of the results, which are alike (else TypeError)."""
    traced = [trace_body(f, [raw(x) for x in operands]) for f in functions]
    outside = list(dict.fromkeys(t for _, found, _, _ in traced for t in found))
    samples = [*map(raw, operands), *(t._array for t in outside)]
    bodies = []
    for body, found, _, _ in traced:
        inputs = list(body.program.inputs[: len(operands)])
        mine = dict(zip(found, body.program.inputs[len(operands) :], strict=True))
        for t in outside:
            inputs.append(mine.get(t) or Node(None, (), {}, t.shape, t.dtype, type(t._array) in PYTHON_NUMBERS))
        bodies.append(Body(Program(tuple(inputs), (), body.program.steps, body.program.outputs), samples))
    structure = traced[0][3]
    if alike:
        first, second = (_describe(results, form) for _, _, results, form in traced)
        if first != second:
            raise TypeError(
                f"cond: the branches differ: yes gives {first}, no gives {second}; they must give the same kind "
                "(True and False are a part of the structure: write np.array(True))"
            )
        bodies = _as_arrays(bodies)
    return bodies, [*operands, *outside], structure


def _as_arrays(bodies: Sequence[Body]) -> list[Body]:
    """The branches, with arrays in place of Python's numbers, which decide no dtype, unless both give a float."""
    pairs = zip(*(body.program.outputs for body in bodies), strict=True)
    is_float = [all(is_weak(x) and dtype_of(x).kind == "f" for x in pair) for pair in pairs]
    found = []
    for body in bodies:
        program, steps, outputs = body.program, list(body.program.steps), []
        for x, keep in zip(program.outputs, is_float, strict=True):
            if is_weak(x) and not keep and type(x) is Node:
                x = Node(reshape, (x,), {"shape": ()}, (), x.dtype)
                steps.append(x)
            outputs.append(x if keep or type(x) is Node else np.asarray(x))
        found.append(Body(Program(program.inputs, (), tuple(steps), tuple(outputs)), body.samples))
    return found


def _describe(results: Sequence[Any], structure: tree.Structure) -> str:
    """Results by structure, dtypes and shapes."""
    kinds = [f"{np.asarray(raw(x)).dtype} {np.shape(raw(x))}" for x in results]
    if structure.kind is tree.LEAF:
        return kinds[0]
    return f"{structure} of {', '.join(kinds)}" if kinds else f"{structure}"


# -- values ----------------------------------------------------------------------------------------------------------


def is_inexact(x: Any) -> bool:
    return np.asarray(x).dtype.kind in "fc"


def sample(x: Operand) -> Any:
    """An array like a value of a program."""
    if type(x) is not Node:
        return np.asarray(x)
    return x.python_type(1) if x.weak else np.ones(x.shape, x.dtype)


def _like(x: Operand, y: Any) -> Any:
    return x.python_type(y) if type(x) is Node and x.weak else np.asarray(y)


def zeros(x: Any) -> Any:
    return np.zeros(np.shape(x), x.dtype if hasattr(x, "dtype") else type(x))


def raw(x: Any) -> Any:
    return x._array if type(x) is Tensor else x


# -- derivatives -----------------------------------------------------------------------------------------------------


class Linearised:
    """A body and its vjp, in two: `forward` gives its results and then what is to be stored, `back` reads that.

    stored: what the nodes are. forward: inputs as the body's. back: inputs are the cotangents of the results, what was
    stored, and the body's inputs; results are the cotangents of `inexact`, those inputs that can have one.
    """

    def __init__(self, body: Body, selected: bool) -> None:
        self.body = body
        self.inexact = [i for i, x in enumerate(body.samples) if is_inexact(x)]
        count = len(body.samples)

        def both(*operands: Any) -> Any:
            xs, gs = operands[:count], operands[count:]

            def of_inexact(*some: Any) -> list[Any]:
                given = list(xs)
                for i, x in zip(self.inexact, some, strict=True):
                    given[i] = x
                return body.replay(given)

            ys, pullback = linearise(of_inexact, [xs[i] for i in self.inexact], selected)
            return ys, pullback(
                [g if is_inexact(y._array if type(y) is Tensor else y) else y for y, g in zip(ys, gs, strict=True)]
            )

        results = [sample(x) for x in body.program.outputs]
        traced, outside, _, _ = trace_body(both, [*body.samples, *(np.ones_like(y) for y in results)])
        assert not outside
        self.program = drop_dead(rewrite(traced.program, SIMPLER_WITH_STOPS))
        self.inputs, self.cotangents = self.program.inputs[:count], self.program.inputs[count:]
        self.results, self.gradients = self.program.outputs[: len(results)], self.program.outputs[len(results) :]

    def split(self, recompute: bool, carries: int) -> tuple[Body, Body, list[Node]]:
        """forward, back and the nodes that are stored. recompute: store the first inputs, the carries, alone."""
        late: set[Node] = set(self.cotangents)
        for node in self.program.steps:
            if any(x in late for x in node.operands if type(x) is Node):
                late.add(node)
        cheap = self._find_cheap(carries)
        stored: dict[Node, None] = {}
        again: set[Node] = set()
        needed = [x for node in self.program.steps if node in late for x in node.operands]
        stack = [x for x in (*needed, *self.gradients) if type(x) is Node and x not in late]
        first = set(self.inputs[:carries])
        while stack:
            node = stack.pop()
            if node in stored or node in again:
                continue
            if node in first:
                stored[node] = None
            elif node.op is None:
                again.add(node)  # another input, which is given anyhow
            elif recompute or node.shape is None or node.op.view or node.op.alias or node.op is pick or node in cheap:
                again.add(node)
                stack += [x for x in node.operands if type(x) is Node]
            else:
                stored[node] = None
        return self._forward(list(stored)), self._back(list(stored), again, late), list(stored)

    def _find_cheap(self, carries: int) -> set[Node]:
        """Steps that are sooner computed again than stored: arithmetic on what is there anyhow."""
        there = {*self.inputs[carries:], *(x for x in self.results[carries:] if type(x) is Node)}
        cheap: set[Node] = set()
        for node in self.program.steps:
            known = (type(x) is not Node or x in there or x in cheap for x in node.operands)
            if node.op is not None and node.op.is_arithmetic and node not in there and all(known):
                cheap.add(node)
        return cheap

    def _forward(self, stored: list[Node]) -> Body:
        outputs = (*self.results, *stored)
        count = len(self.body.samples)
        return Body(drop_dead(Program(self.inputs, (), self.program.steps, outputs)), self.body.samples[:count])

    def _back(self, stored: list[Node], again: set[Node], late: set[Node]) -> Body:
        replacement: dict[Node, Node] = {x: Node(None, (), {}, x.shape, x.dtype, x.weak, x.name) for x in stored}
        given = [x if x not in replacement else Node(None, (), {}, x.shape, x.dtype) for x in self.inputs]
        known: dict[Node, Operand] = dict(replacement)

        def look_up(x: Operand) -> Operand:
            return known.get(x, x) if type(x) is Node else x

        steps = []
        for node in self.program.steps:
            if node in late or (node in again and node not in replacement):
                known[node] = node.with_operands(tuple(look_up(x) for x in node.operands))
                steps.append(known[node])
        inputs = (*self.cotangents, *replacement.values(), *given)
        program = Program(inputs, (), tuple(steps), tuple(look_up(x) for x in self.gradients))
        samples = [*(sample(x) for x in (*self.cotangents, *stored)), *self.body.samples]
        return Body(drop_dead(program), samples)


def with_tangents(body: Body, parts: list[list[int]], carries: int, each: int) -> Body:
    """(carry, its tangent, x, its tangent, constants, their tangents) -> (carry, its tangent, ys, their tangents)."""
    inexact = [i for part in parts for i in part]
    sizes = [carries, len(parts[0]), each, len(parts[1]), len(body.samples) - carries - each, len(parts[2])]
    ends = list(itertools.accumulate(sizes))

    def both(*operands: Any) -> Any:
        carry, t_carry, x, t_x, constants, t_constants = (
            operands[end - size : end] for size, end in zip(sizes, ends, strict=True)
        )
        xs = [*carry, *x, *constants]

        def of_inexact(*some: Any) -> list[Any]:
            given = list(xs)
            for i, one in zip(inexact, some, strict=True):
                given[i] = one
            return body.replay(given)

        ys, ts = jvp(of_inexact, [xs[i] for i in inexact], [*t_carry, *t_x, *t_constants])
        return [*ys[:carries], *(ts[i] for i in parts[0]), *ys[carries:], *ts[carries:]]

    pieces = [body.samples[:carries], body.samples[carries : carries + each], body.samples[carries + each :]]
    samples: list[Any] = []
    for piece, part in zip(pieces, parts, strict=True):
        samples += [*piece, *(np.ones_like(body.samples[i]) for i in part)]
    traced, outside, _, _ = trace_body(both, samples)
    assert not outside
    return traced


def tangents_of(found: Sequence[Any], body: Body, carries: int, inexact: list[int]) -> list[Any]:
    """The tangent of each result."""
    moved = iter(found[carries : carries + len(inexact)])
    ts = [next(moved) if i in inexact else zeros(body.samples[i]) for i in range(carries)]
    rest = found[carries + len(inexact) :]
    return [*ts, *rest[len(rest) // 2 :]]


# -- many examples at once -------------------------------------------------------------------------------------------


def of_each(body: Body, mapped: Sequence[bool], size: int) -> Body:
    """The body of many examples, which lie along the first axis of the mapped inputs and of every result."""
    samples = [np.stack([x] * size) if m else x for x, m in zip(body.samples, mapped, strict=True)]
    level = Level(size, None)

    def of_all(*operands: Any) -> list[Any]:
        views = [wrap(x, level) if m else x for x, m in zip(operands, mapped, strict=True)]
        return [every_example(y, level) for y in body.replay(views)]

    traced, outside, _, _ = trace_body(of_all, samples)
    assert not outside
    return traced


def count_examples(operands: Arrays, mapped: Sequence[bool]) -> int:
    return next(int(x.shape[0]) for x, m in zip(operands, mapped, strict=True) if m)


def results_of(rule: Any) -> Any:
    """The rule of an op with one result gives that, not a tuple."""

    def of_op(op: Op, operands: Arrays, mapped: Sequence[bool], params: dict[str, Any]) -> Any:
        results = rule(op, operands, mapped, params)
        return results if op.outputs > 1 else results[0]

    return of_op


# -- ops that run bodies ---------------------------------------------------------------------------------------------


class Loop(Op):
    """An op that runs bodies. Forward mode is the same op, of bodies that carry tangents, too."""

    __slots__ = ()

    def jvp(self, tangents: Sequence[Any], y: Any, xs: Sequence[Any], params: dict[str, Any]) -> Any:
        found = params["forward_mode"](tangents, xs, params)
        return found if self.outputs > 1 else found[0]


def as_tuple(y: Any) -> tuple[Any, ...]:
    return y if type(y) is tuple else (y,)


def record_results(op: Op, results: Arrays, operands: Arrays, params: dict[str, Any]) -> tuple[Any, ...]:
    """Tensors for the results of an op, with these numbers while it is traced."""
    flags = functools.reduce(operator.or_, (x._flags for x in operands if type(x) is Tensor), 0)
    if op.outputs == 1:
        return (record(op, results[0], flags, tuple(operands), params),)
    whole = record(op, tuple(results), flags, tuple(operands), params)
    return tuple(pick.call(whole, index=i) for i in range(op.outputs))


# -- for the printer -------------------------------------------------------------------------------------------------


def bodies_of(node: Node) -> list[tuple[str, Body]]:
    """The bodies among a step's keywords, with the keywords."""
    return [(name, value) for name, value in node.params.items() if type(value) is Body and name != "extends"]


def steps_of(program: Program) -> list[Node]:
    """Every step, those inside loops included."""
    found = []
    for node in program.steps:
        found.append(node)
        for _, body in bodies_of(node):
            found += steps_of(body.program)
    return found


def describe_loop(node: Node) -> list[str]:
    """The generated code that a step runs, as comments."""
    lines = []
    for name, body in bodies_of(node):
        text, _ = body.loop(node.params["carries"], node.params["each"]) if "each" in node.params else body.step
        lines += ["", "", f"# {node.op.name if node.op else ''}, {name}:"]
        lines += [f"# {line}".rstrip() for line in text.splitlines()]
    return lines
