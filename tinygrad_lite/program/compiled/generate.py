"""From a function to code that does the same: trace, optimise, plan, print; and the check of its first result."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import tree
from ...arguments import name_arguments
from ...lifting import call_users
from ...rounding import describe_difference, noise
from ...tensor import Tensor, next_seq
from ..native.callers import Entry
from ..native.native import make_native
from ..outside.outside import Outside
from ..outside.source import is_equal, owner
from ..program import Node, Operand, Program
from ..ranges import Ranges
from ..sharing import freeze
from ..trace import Guard, collect, make_input, open_argument, tracing
from .body import bodies_of, describe_loop, steps_of
from .execute import execute, forget_with
from .hoist import hoist
from .optimise import body_of
from .optimise import optimise as optimise
from .plan import plan
from .reach import write_outside
from .writer import Writer

Function = Callable[..., Any]


class Generated:
    """The code for one kind of arguments; called with all their leaves.

    dynamic: which leaves the body takes. static: the others, with their numbers. outside: what the function reaches.
    is_careful: whether the body is to stop where nan arises, because the function may know better. gives_gradient:
    whether the function's results are Tensors with a gradient, so that it must run itself.
    """

    def __init__(
        self,
        text: str,
        names: dict[str, Any],
        dynamic: list[int],
        static: dict[int, Any],
        outside: Outside,
        name: str,
        is_careful: bool,
    ) -> None:
        forget_with(self, execute(text, name, names))
        self.text = text
        self.is_careful = is_careful
        self.dynamic = dynamic
        self.static = static
        self.numbers = outside.release()
        if is_careful:
            names["body"] = _stop_at_invalid(names["body"])
        self.body: Function = names["body"]
        self.gives_gradient = False
        self.native: str | None = None  # the C of its kernels
        self.entry: Function | None = names.get("entry")
        self.find_outside: Callable[[], tuple[Any, ...] | None] = names.get("outside", tuple)

    def changed_numbers(self) -> list[str]:
        """Paths of the numbers outside that are now others, of the same type."""
        changed = []
        for source in self.numbers:
            try:
                now = source.read()
            except (AttributeError, LookupError, TypeError, ValueError):
                continue
            if type(now) is type(source.value) and not is_equal(now, source.value):
                changed.append(source.path)
        return changed

    def changed_places(self, leaves: list[Any]) -> list[int]:
        """Which of the leaves are not the numbers that the program is made for."""
        return [i for i, x in self.static.items() if not is_equal(leaves[i], x)]

    def find(self, leaves: list[Any]) -> tuple[Any, ...] | None:
        """What the program takes from outside; None if that, or these leaves, are of another kind."""
        if self.changed_places(leaves):
            return None
        return self.find_outside()

    def run(self, leaves: list[Any], found: tuple[Any, ...]) -> Any:
        """The results. found: what `find` has found. NotImplemented if the function itself must run."""
        return self.body(*[leaves[i] for i in self.dynamic], *found)


@dataclass(frozen=True)
class Trace:
    """One run of f, recorded. arguments, results: their structure. dynamic: which of the leaves are inputs.

    has_gradient: whether a gradient was computed.
    """

    program: Program
    arguments: tree.Structure
    results: tree.Structure
    dynamic: list[int]
    has_gradient: bool

    def needs_care(self) -> bool:
        """Whether a gradient is computed of something that may overflow. Where a cotangent of 0 meets such an infinity
        the sweep sends back 0, while a program, which has no second look, would make a nan of them."""
        return self.has_gradient and any(map(Ranges().may_overflow, steps_of(self.program)))


def trace_function(
    outside: Outside, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], structure: tree.Structure
) -> Trace:
    """Run the function with Tensors that stand for the arrays and floats among the leaves of its arguments."""
    start = next_seq()
    position = itertools.count()

    def stand_in(x: Any, path: str) -> Tensor | None:
        if next(position) not in outside.variable and type(x) in (int, complex):
            return None  # a part of the program
        return make_input(x._array if type(x) is Tensor else x, path)

    names = name_arguments(outside.f, len(args))
    positional = [open_argument(x, n, stand_in) for x, n in zip(args, names, strict=True)]
    named = [open_argument(x, n, stand_in) for n, x in kwargs.items()]
    arguments = [*positional, *named]
    given = [a.tree() for a in arguments]
    tensors = [t for a in arguments for t in a.tensors]
    guard = Guard()
    guard.keeps_loops = True
    with tracing(guard), np.errstate(all="ignore"):  # what is to be said the function says when it runs
        by_name = {a.name: x for a, x in zip(named, given[len(args) :], strict=True)}
        output = call_users(outside.function, given[: len(args)], by_name)
    for change in filter(None, (a.find_change(x) for a, x in zip(arguments, given, strict=True))):
        raise RuntimeError(_changes(name, change))
    roots, results = tree.flatten(output)
    for x in roots:
        if not isinstance(x, (Tensor, np.ndarray, np.generic, int, float, complex)):
            raise TypeError(f"{name}: returns a {type(x).__name__}; compiled functions return arrays and numbers")
    inputs = [t for t in tensors if t is not None] + outside.stand_ins()
    program, _ = collect(roots, inputs, start, outside.captured_tensors())
    dynamic = [i for i, t in enumerate(tensors) if t is not None]
    return Trace(program, structure, results, dynamic, guard.saw_sweep)


def generate(trace: Trace, outside: Outside, name: str, leaves: list[Any], target: str) -> Generated:
    """Print the program, as NumPy (`target` "numpy") or, as far as it can be, as C ("c"; NotCompiled if that fails)."""
    static = {i: x for i, x in enumerate(leaves) if i not in trace.dynamic}
    args, kwargs = trace.arguments.children
    native, is_careful = None, trace.needs_care()
    has_entry = not kwargs.children and complex not in map(type, static.values())  # of -1, it would not tell -1 - 0j
    program = hoist(trace.program)
    if target == "c":
        entry = Entry(args, trace.results, leaves, static) if has_entry else None
        invalid = _InvalidValue if is_careful else None
        native = make_native(optimise(program, "c"), entry, invalid, name, body_of)
    program = optimise(program) if native is None else native.program
    writer = Writer(program, plan(program))
    again = write_outside(writer, outside)
    lines = [*again, *writer.write(trace.results)]
    if has_entry:
        lines += writer.write_entry(args, leaves, static, bool(again)) or []
    lines += [line for node in program.steps for line in describe_loop(node)]
    text = "\n".join(lines) + "\n"
    generated = Generated(text, writer.names, trace.dynamic, static, outside, name, is_careful)
    if native is not None:
        generated.native = native.text
        if native.bind_entry is not None:
            generated.entry = native.bind_entry(writer.names.get("outside"))
    return generated


class _InvalidValue(ArithmeticError):
    """NumPy has made a nan of numbers."""


def _stop_at_invalid(body: Function) -> Function:
    """The body, which gives NotImplemented where a nan arises; at a cost of 2 µs."""

    def stop(kind: str, flag: int) -> None:
        raise _InvalidValue

    def careful_body(*arrays: Any) -> Any:
        try:
            with np.errstate(invalid="call", call=stop):
                return body(*arrays)
        except _InvalidValue:
            return NotImplemented

    return careful_body


def check_repeatable(name: str, first: Trace, second: Trace, outside: Outside, states: list[Any]) -> None:
    """RuntimeError if two traces of the function differ, or if random numbers were drawn in the second one: they would
    be frozen into the program. states: of the random generators, before it.

    What is one and the same array in both comes from outside; where nobody knows how, it is watched, or TypeError.
    """
    if states != outside.read_random_states():
        raise RuntimeError(_not_reproduced(name, "it draws random numbers"))
    if first.results != second.results:
        raise RuntimeError(_not_reproduced(name, "its result has another structure the second time"))
    one, other = first.program, second.program
    number: dict[Node, Any] = {**{x: i for i, x in enumerate(one.inputs)}, **{x: (id(t),) for x, t in one.captures}}
    again: dict[Node, Any] = {**{x: i for i, x in enumerate(other.inputs)}, **{x: (id(t),) for x, t in other.captures}}
    alike = len(one.steps) == len(other.steps)
    arrays: list[tuple[Any, Any]] = []
    for i, (a, b) in enumerate(zip(one.steps, other.steps, strict=False)):
        number[a], again[b] = -1 - i, -1 - i
        alike = alike and a.op is b.op and len(a.operands) == len(b.operands) and freeze(a.params) == freeze(b.params)
        pairs = list(zip(a.operands, b.operands, strict=False))
        alike = alike and all(_are_alike(x, y, number, again) for x, y in pairs)
        arrays += [*pairs, *((a.params[k], b.params[k]) for k in a.params if k in b.params)]
    pairs = list(zip(one.outputs, other.outputs, strict=True))
    if not alike or not all(_are_alike(x, y, number, again) for x, y in pairs):
        raise RuntimeError(_not_reproduced(name, "a number in it is another one the second time"))
    older = [x for x, y in (*arrays, *pairs) if isinstance(x, np.ndarray) and owner(x) is owner(y)]
    outside.watch([*older, *(t for _, t in one.captures if t._op is None)], name)


def _are_alike(a: Operand, b: Operand, number: dict[Node, Any], again: dict[Node, Any]) -> bool:
    """Whether two operands are the same value of the two programs, or equal constants."""
    if type(a) is Node or type(b) is Node:
        return type(a) is type(b) and bool(number[a] == again[b])
    if a is b:
        return True
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype != b.dtype or not np.array_equal(a, b, equal_nan=a.dtype.kind in "fc"):
        return False
    return a.dtype.kind != "f" or np.array_equal(np.signbit(a), np.signbit(b))


def check_first_result(
    name: str, result: Any, expected: Any, trace: Trace, leaves: list[Any], found: tuple[Any, ...]
) -> None:
    """RuntimeError unless the program's first result is the function's own. found: what it takes from outside."""
    got, structure = tree.flatten(result)
    want, want_structure = tree.flatten(expected)
    want = [np.asarray(x._array if type(x) is Tensor else x) for x in want]
    reason = None
    if structure != want_structure:
        reason = f"has another structure ({_shorten(structure)}, for arrays {_shorten(want_structure)})"
    elif any(map(describe_difference, got, want)):
        arrays = [*(leaves[i] for i in trace.dynamic), *found]
        moves = noise(lambda after: trace.program.run(*arrays, after=after))  # a difference of nearly equal numbers?
        eps = _precision_of_bodies(trace.program)
        reasons = (describe_difference(*each, eps=eps) for each in zip(got, want, moves, strict=True))
        reason = next(filter(None, reasons), None)
        if reason and _are_long_sums(trace.program, arrays, got, want):
            reason = None
    if reason:
        raise RuntimeError(
            f"{_not_reproduced(name, f'its result {reason}')}. Or does it ask for the kind of an argument, as "
            "isinstance(x, np.ndarray) and isinstance(k, float) do? While it is traced, x and k are Tensors"
        )


def _precision_of_bodies(program: Program) -> float:
    """The largest rounding error in the steps of loops, which `noise` does not see: beside float32, float64 has no more
    digits."""
    inside = [node for step in program.steps for _, body in bodies_of(step) for node in steps_of(body.program)]
    return max(
        (float(np.finfo(x.dtype).eps) for x in inside if x.dtype is not None and x.dtype.kind in "fc"), default=0.0
    )


_LONGEST = 60  # letters of a structure in a message
_LANES = 16  # in which BLAS, NumPy's sums and the kernels of C add up, at least


def _are_long_sums(program: Program, arrays: list[Any], got: list[Any], want: list[Any]) -> bool:
    """Whether two results are as far from what more digits give as long sums may be: of ten million equal float32
    numbers, NumPy's product has three digits, and its einsum five. The function's own may add up in any order."""
    terms = max(node.size for node in (*program.inputs, *program.steps) if node.shape is not None)
    with np.errstate(all="ignore"):
        precise = program.run(*map(_widen, arrays))
    for found, own, y in zip(got, want, precise, strict=True):
        exact = np.asarray(y).astype(own.dtype)
        if describe_difference(found, exact, terms=terms // _LANES) or describe_difference(own, exact, terms=terms):
            return False
    return True


def _widen(x: Any) -> Any:
    """float64 for narrower floats, complex128 for narrower complex numbers."""
    kind = getattr(getattr(x, "dtype", None), "kind", "")
    return x.astype(np.result_type(x.dtype, np.float64)) if kind in ("f", "c") else x


def check_unchanged(name: str, leaves: list[Any], before: list[Any]) -> None:
    """RuntimeError if the function has written into its arguments. before: copies of them; what they were they are
    again."""
    for x, old in zip(leaves, before, strict=True):
        if isinstance(x, np.ndarray) and not np.array_equal(x, old, equal_nan=True):
            x[...] = old
            raise RuntimeError(_changes(name, "an array"))


def _changes(name: str, what: str) -> str:
    return (
        f"{name} changes its arguments: {what} is another after the call. A compiled function runs while it is traced, "
        "and would change nothing later: return the new value, and put it in its place after the call"
    )


def _shorten(structure: tree.Structure) -> str:
    text = repr(structure)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _not_reproduced(name: str, what: str) -> str:
    return (
        f"{name}: the compiled program does not reproduce the function: {what}. Does it draw random numbers, or depend "
        "on something that changes between calls, as a counter or an attribute that it sets itself? Pass that as an "
        "argument, and return the new value"
    )
