"""Recording: a function traced forward and backward into one program, its values labelled with the user's names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ... import tree
from ...arguments import name_arguments, positions, single_number
from ...backward import find_nodes, sweep
from ...foreign import check_is_here, refuse_foreign
from ...leaving import identity
from ...lifting import call_users
from ...rounding import noise
from ...tensor import GRAD, LIFTED, TRACED, Tensor, TraceError, check_differentiable, leaf, next_seq
from ..names import Names, clean, leaf_names
from ..program import Node, Program
from ..simplify import EXACT, run_passes
from ..trace import Argument, Guard, collect, make_input, open_argument, tracing
from .lines import Labels
from .observe import Variables, observing
from .passes import name_constants

Function = Callable[..., Any]


@dataclass
class Recording:
    """A traced function. program: its outputs are the value, the gradients of the leaves of wrt, and named values."""

    f: Function
    args: tuple[Any, ...]
    wrt: int | Sequence[int]
    chosen: list[int]
    arguments: list[Argument]
    variables: Variables
    program: Program
    labels: Labels
    names: dict[Node, str]  # of inputs and captures
    leaves: frozenset[Node]  # the inputs that the gradient is taken of
    taken: Names
    cotangents: dict[str, Any]  # numbers of the gradients of named values, by the user's names

    @property
    def inputs(self) -> list[Any]:
        return [t._array for a in self.arguments for t in a.stand_ins]

    def fill(self, arrays: Sequence[Any]) -> list[Any]:
        """The arguments with other arrays in the place of `inputs`."""
        left = iter(arrays)
        leaves = [
            [x if t is None else next(left) for x, t in zip(a.leaves, a.tensors, strict=True)] for a in self.arguments
        ]
        return [tree.unflatten(a.structure, xs) for a, xs in zip(self.arguments, leaves, strict=True)]

    def measure_noise(self, arrays: Sequence[Any], program: Program | None = None) -> list[Any]:
        """How far each result moves with rounding, here or in another program for the same: a lot where nearly equal
        numbers are subtracted."""
        program = self.program if program is None else program
        outputs = tuple(0.0 if x is None else x for x in program.outputs[: self.results])
        program = Program(program.inputs, program.captures, program.steps, outputs)
        moves = noise(lambda after: program.run(*arrays, after=after))
        return [np.nan_to_num(x, nan=np.inf, posinf=np.inf) for x in moves]

    @property
    def title(self) -> str:
        """What the function is called."""
        name = getattr(self.f, "__name__", "f")
        return "f" if name == "<lambda>" else clean(name)

    @property
    def results(self) -> int:
        """The number of outputs that are asked for."""
        return 1 + sum(len(self.arguments[i].stand_ins) for i in self.chosen)


def record(f: Function, args: tuple[Any, ...], wrt: int | Sequence[int]) -> Recording:
    """Trace f and its backward pass."""
    chosen = positions(wrt, args, "derive")
    start = next_seq()
    taken = Names()
    parameters = [taken.take(name) for name in name_arguments(f, len(args))]
    arguments = [
        open_argument(arg, name, partial(_make_stand_in, differentiated=i in chosen))
        for i, (name, arg) in enumerate(zip(parameters, args, strict=True))
    ]
    inputs = [t for a in arguments for t in a.stand_ins]
    reader = _Reader()
    with observing() as variables, tracing(reader):
        output = reader.find_cost(call_users(f, [a.tree() for a in arguments], {}))
    y = single_number(output, f, "derive")
    leaves = [t for i in chosen for t in arguments[i].stand_ins]
    named = [t for t in variables.tensors(start) if t._op is not identity]
    found: dict[Tensor, Any] = {}
    if y is not None and y._flags & GRAD:
        nodes, _ = find_nodes([y], oldest=start)
        with tracing(), np.errstate(all="ignore"):
            wanted = {t for t in [*named, *leaves] if t._flags & GRAD}
            found = sweep(nodes, [(y, leaf(np.ones_like(y._array), 0))], wanted, True)
    labels = _label(named, leaves, found, variables)
    roots = [output if y is None else y, *(found.get(t) for t in leaves)]
    program, known = collect([*roots, *named], inputs, start)
    for _, t in program.captures:
        if t._flags & (LIFTED | TRACED):
            raise ValueError(
                f"derive: f computes with {t.name or 'a value'} of an earlier call, or of a transform or trace around "
                "it, which is no number that a text could name; return what is to be kept, and pass it in"
            )
    # The named values that nothing needs stay for now: one may turn out to be a part of the backward pass.
    program = run_passes(program, (*EXACT[:-1], name_constants(variables.arrays)))
    names = _name_inputs(arguments, program, variables, taken)
    for t in leaves:
        labels.backward[f"d#{t.name}"] = names[known[t]]
    cotangents = {variables.name(t) or "": found[t]._array for t in named if type(found.get(t)) is Tensor}
    leaf_nodes = frozenset(known[t] for t in leaves)
    return Recording(f, args, wrt, chosen, arguments, variables, program, labels, names, leaf_nodes, taken, cotangents)


class _Reader(Guard):
    """Lets a function read its cost out at the end: `return float(np.squeeze(cost))`.

    That loses nothing where the very number that is returned was read, and where nothing was read before the value that
    it was read of was there: then that value is the cost. Anything else is refused as in any trace.
    """

    def __init__(self) -> None:
        super().__init__()
        self.readings: list[tuple[Tensor, Any, int, TraceError]] = []

    def note_reading(self, t: Tensor, number: Any, refusal: TraceError) -> Any:
        self.readings.append((t, number, next_seq(), refusal))
        return number

    def find_cost(self, result: Any) -> Any:
        """What f returned, or the value that it was read of; TraceError where the cost may depend on what was read."""
        if not self.readings:
            return result
        cost = next((t for t, number, _, _ in self.readings if number is result), result)
        if type(cost) is not Tensor:
            raise self.readings[-1][3]
        for _, _, when, refusal in self.readings:
            if when < cost._seq:
                raise refusal
        return cost


def _make_stand_in(x: Any, path: str, differentiated: bool) -> Tensor | None:
    """The Tensor that stands for a leaf in the trace."""
    if type(x) is Tensor:
        if x._flags & (LIFTED | TRACED):
            raise TypeError(f"derive: {path} is a value of a transform or trace that is still running; derive outside")
        x = x._array
    if type(x) is int and not differentiated:
        return None
    refuse_foreign(x, f"derive: {path}")
    check_is_here(x, f"derive: {path}")
    array = np.asarray(x)
    if array.dtype.kind not in "biufc":
        raise TypeError(f"derive: {path} is a {type(x).__name__}, not an array of numbers")
    if not differentiated:
        return make_input(x if type(x) is float else array, path)
    check_differentiable(array.dtype, path)
    return make_input(array, path, GRAD | LIFTED)


def _label(named: list[Tensor], leaves: list[Tensor], found: dict[Tensor, Any], variables: Variables) -> Labels:
    """Give the values of the trace their names. A cotangent of several values is called after the newest."""
    labels = Labels()
    for i, t in enumerate(named):
        t.name = f"{i}#"
        labels.forward[t.name] = variables.name(t) or "t"
    for t in [*reversed(named), *leaves]:
        g = found.get(t)
        if type(g) is Tensor and g._op is not None and g.name is None:
            g.name = f"d#{t.name}"
            if t._op is not None:
                labels.backward[g.name] = str(t.name)
    return labels


def _name_inputs(arguments: list[Argument], program: Program, variables: Variables, taken: Names) -> dict[Node, str]:
    """A name for each leaf and for each tensor from outside. taken: the names of the arguments; these are added."""
    paths = [p for a in arguments for p, t in zip(a.paths, a.tensors, strict=True) if t is not None]
    tensors = [t for a in arguments for t in a.stand_ins]
    names: dict[Node, str] = {}
    parameters = frozenset(taken)
    locals_ = [variables.name(t) for t in tensors]
    wishes = [
        local if local and short.rpartition("_")[2].isdigit() else short
        for local, short in zip(locals_, leaf_names(paths), strict=True)
    ]
    count, met = Counter(wishes), Counter[str]()
    for node, path, wish in zip(program.inputs, paths, wishes, strict=True):
        met[wish] += 1
        if path in parameters:
            names[node] = path
            continue
        several = count[wish] > 1 and not wish[-1].isdigit()  # W of a loop over layers: W1, W2, …
        names[node] = taken.take(f"{wish}{met[wish]}" if several else wish)
    for node, t in program.captures:
        names[node] = taken.take(t.name or variables.name(t) or "c")
    return names
