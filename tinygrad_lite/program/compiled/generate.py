"""From a function to code that does the same: trace, optimise, plan, print; and the check of its first result."""

from __future__ import annotations

import builtins
import linecache
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import tree
from ...lifting import call_users
from ...rounding import describe_difference, noise
from ...tensor import Tensor, next_seq
from ..program import Node, Operand, Program
from ..rewrite import rewrite
from ..sharing import freeze
from ..simplify import SIMPLER, drop_dead, inline
from ..tables.fast import FAST, MEANS
from ..trace import collect, make_input, name_arguments, open_argument, tracing
from .factors import place_factors
from .plan import plan
from .writer import Writer

Function = Callable[..., Any]


class Generated:
    """The code for one kind of arguments; called with all their leaves. dynamic: which of them the body takes."""

    def __init__(self, text: str, names: dict[str, Any], dynamic: list[int], filename: str) -> None:
        linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)  # tracebacks show the step
        exec(builtins.compile(text, filename, "exec"), names)
        self.text = text
        self.dynamic = dynamic
        self.body: Function = names["body"]
        self.entry: Function | None = names.get("entry")

    def __call__(self, leaves: list[Any]) -> Any:
        return self.body(*[leaves[i] for i in self.dynamic])


@dataclass(frozen=True)
class Trace:
    """One run of f, recorded. arguments, results: their structure. dynamic: which of the leaves are inputs."""

    program: Program
    arguments: tree.Structure
    results: tree.Structure
    dynamic: list[int]


def trace_function(
    f: Function, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], structure: tree.Structure
) -> Trace:
    """Run f with Tensors that stand for the arrays and floats among the leaves of its arguments."""
    start = next_seq()
    positional = [open_argument(x, n, _stand_in) for x, n in zip(args, name_arguments(f, len(args)), strict=True)]
    named = [open_argument(x, n, _stand_in) for n, x in kwargs.items()]
    tensors = [t for a in (*positional, *named) for t in a.tensors]
    with tracing():
        output = call_users(f, [a.tree() for a in positional], {a.name: a.tree() for a in named})
    roots, results = tree.flatten(output)
    for x in roots:
        if not isinstance(x, (Tensor, np.ndarray, np.generic, int, float, complex)):
            raise TypeError(f"{name}: returns a {type(x).__name__}; compiled functions return arrays and numbers")
    program, _ = collect(roots, [t for t in tensors if t is not None], start)
    return Trace(program, structure, results, [i for i, t in enumerate(tensors) if t is not None])


def _stand_in(x: Any, path: str) -> Tensor | None:
    """Whole numbers are part of the kind, and stay what they are."""
    if type(x) in (int, complex):
        return None
    return make_input(x._array if type(x) is Tensor else x, path)


def generate(trace: Trace, name: str, leaves: list[Any]) -> Generated:
    """Print the program."""
    program = optimise(trace.program)
    writer = Writer(program, plan(program))
    lines = writer.write(trace.results)
    args, kwargs = trace.arguments.children
    if not kwargs.children:
        lines += writer.write_entry(args, leaves) or []
    return Generated("\n".join(lines) + "\n", writer.names, trace.dynamic, f"<compiled {name} {next_seq()}>")


def optimise(program: Program) -> Program:
    """The same results, up to rounding, in less time."""
    program = drop_dead(rewrite(program, [inline, *MEANS, *SIMPLER]))
    return drop_dead(rewrite(place_factors(program), [*SIMPLER, *FAST]))


def check_repeatable(name: str, first: Trace, second: Trace) -> None:
    """RuntimeError if two traces of the function differ: random numbers, say, would be frozen into the program."""
    if first.results != second.results:
        raise RuntimeError(_not_reproduced(name, "its result has another structure the second time"))
    one, other = first.program, second.program
    alike = len(one.steps) == len(other.steps) and all(map(_are_alike, one.outputs, other.outputs))
    for a, b in zip(one.steps, other.steps, strict=False):
        alike = alike and a.op is b.op and len(a.operands) == len(b.operands)
        alike = alike and all(map(_are_alike, a.operands, b.operands)) and freeze(a.params) == freeze(b.params)
    if not alike:
        raise RuntimeError(_not_reproduced(name, "a number in it is another one the second time"))


def _are_alike(a: Operand, b: Operand) -> bool:
    """Whether two constants are equal; values of the programs are compared where they are made."""
    if a is b or type(a) is Node or type(b) is Node:
        return type(a) is type(b)
    a, b = np.asarray(a), np.asarray(b)
    return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind in "fc")


def check_first_result(name: str, result: Any, expected: Any, trace: Trace, leaves: list[Any]) -> None:
    """RuntimeError unless the program's first result is the function's own."""
    got, structure = tree.flatten(result)
    want, want_structure = tree.flatten(expected)
    want = [np.asarray(x._array if type(x) is Tensor else x) for x in want]
    reason = None
    if structure != want_structure:
        reason = "has another structure"
    elif any(map(describe_difference, got, want)):
        arrays = [leaves[i] for i in trace.dynamic]
        moves = noise(lambda after: trace.program.run(*arrays, after=after))  # a difference of nearly equal numbers?
        reason = next(filter(None, map(describe_difference, got, want, moves)), None)
    if reason:
        raise RuntimeError(_not_reproduced(name, f"its result {reason}"))


def _not_reproduced(name: str, what: str) -> str:
    return (
        f"{name}: the compiled program does not reproduce the function: {what}. Does it draw random numbers, or depend "
        "on something that changes between calls? Pass that as an argument"
    )
