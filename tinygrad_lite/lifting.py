"""What every transform shares: lifting arguments, running the function, pulling cotangents back.

A transform lifts the arguments it differentiates (a fresh tensor, linked to the old one if there was one), runs the
function, and sweeps the recorded graph down to the lifted tensors. Nesting needs no levels: an inner transform's lifted
tensor is a node of the outer one's graph, so derivatives of derivatives come from sweeping a recorded sweep.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from . import tree
from .arguments import Function, argument_name
from .array_argument import as_argument
from .array_view import plain
from .backward import find_nodes, sweep
from .batched import Level, view_one, whole_of
from .containers import advise
from .context import current, running, switched
from .foreign import refuse_foreign
from .leaving import INSIDE, Exit, array_ids, as_differentiable, identity
from .missed import check_bypassed, check_missed, find_differentiable
from .tensor import GRAD, LIFTED, TRACED, Tensor, TraceError, check_differentiable, leaf, next_seq

_array_of = operator.attrgetter("_array")


class Run:
    """A function's run under a transform, what its results depend on, and what is being recorded meanwhile.

    As a context manager it is the innermost transform that is running. start: tensors older than this were there
    before it; outermost: those older than this were there before any of the transforms around it, `outer` and its
    outers. reads: the numbers that were taken out of tensors that depend on its arguments: (tensor, by what, where).
    level: the innermost vmap that is running. examples: that around the function, once it has run: what is swept are
    its values for all examples, and what leaves are views of one (see batched.py). As the examples do not depend on one
    another, the gradients of all their values together are those of each.
    """

    __slots__ = (
        *("_around", "examples", "level", "outer", "outermost", "reads", "start"),
        *("leaves", "leaving", "nodes", "output", "structures"),  # since the function has run
    )

    leaves: list[Tensor]  # lifted
    structures: list[tree.Structure]  # of each differentiated argument
    output: Any
    nodes: list[Tensor]  # newest first
    leaving: Exit

    def __init__(self) -> None:
        self.start: int = next_seq()
        self.outer: Run | None = running.get()
        self.outermost: int = self.start
        self.level: Level | None = None
        self.examples: Level | None = None
        if self.outer is not None:
            self.outermost, self.level = self.outer.outermost, self.outer.level
        self.reads: list[tuple[Tensor, str, str]] = []

    def __enter__(self) -> Run:
        self._around = running.get()
        running.set(self)
        return self

    def __exit__(self, *error: object) -> None:
        running.set(self._around)

    def call(
        self, f: Function, args: Sequence[Any], argnums: Sequence[int], kwargs: dict[str, Any], keep: bool = False
    ) -> Any:
        """f's output, with the leaves of the chosen arguments lifted. keep: it is swept later, so arrays are copied.

        `output` is the same, but inside tg.vmap that for all examples.
        """
        mode = current()
        tracing = mode is not None and mode.tracing
        level = self.level
        arguments = list(args)
        leaves: list[Tensor] = []
        structures = []
        tensors = bool(kwargs) and _holds_tensors(kwargs)
        for i, arg in enumerate(args):
            if i not in argnums:
                arguments[i] = as_argument(arg)
                tensors = tensors or (type(arg) is not np.ndarray and _holds_tensors(arg))
        if kwargs:
            kwargs = {name: as_argument(arg) for name, arg in kwargs.items()}
        for i in argnums:
            values, structure = tree.flatten(args[i])
            if level is not None:
                values = [whole_of(x, level) for x in values]
            name = argument_name(f, i)
            if not values and not isinstance(argnums, range):  # of all arguments, some may be flags
                raise TypeError(_nothing_to_differentiate(args[i], name))
            lifted = []
            for value, path in zip(values, structure.paths(name)):  # noqa: B905 (a keyword takes 0.2 µs)
                if type(value) is np.ndarray and value.dtype.kind == "f" and not keep:
                    lifted.append(leaf(value, GRAD | LIFTED, path))  # the ordinary case of `_lift`
                else:
                    tensors = tensors or type(value) is Tensor
                    lifted.append(_lift(value, path, keep, tracing))
            leaves += lifted
            structures.append(structure)
            views = lifted if level is None else [view_one(x, level) for x in lifted]
            arguments[i] = tree.unflatten(structure, views)
        if mode is not None and not mode.grad_enabled:
            with switched(grad_enabled=True):
                output = call_users(f, arguments, kwargs)
                tree.flatten(output)  # buffers are read while gradients are recorded
        else:
            output = call_users(f, arguments, kwargs)
        if isinstance(output, Tensor):
            output = output._current()
        self.output = output
        if level is not None:
            self.level, self.examples, tensors = None, level, True
            self.output = tree.map(lambda y: whole_of(y, level), output)
        left_over: list[Tensor] = []
        nodes, outer = find_nodes(find_differentiable(self.output), self.start, left_over)
        if tracing:  # a program must compute everything, what depends on no argument included
            outer |= TRACED
        self.leaves, self.structures, self.nodes = leaves, structures, nodes
        held = set(map(id, map(_array_of, leaves)))
        self.leaving = Exit(tensors or bool(outer & INSIDE), outer, self.start, held)
        if self.reads or left_over:
            check_missed(f, self, left_over)
        return output

    def view(self, results: Any) -> Any:
        """What the caller is given: inside tg.vmap, one example's view of a tree of results."""
        return results if self.examples is None else tree.map(lambda x: view_one(x, self.examples), results)

    @property
    def is_recorded_outside(self) -> bool:
        """Whether its derivatives are themselves recorded, since the results depend on something outside."""
        return self.leaving.tensors and bool(self.leaving.outer & (GRAD | TRACED))


def at_level(level: Level | None) -> Run:
    """A run in which that vmap is the innermost."""
    run = Run()
    run.level = level
    return run


class TensorInArrayError(TypeError, ValueError):
    """A Tensor was stored in an array of NumPy's, which raises ValueError then, where a whole row is a TypeError."""


def call_users(f: Function, args: Iterable[Any], kwargs: dict[str, Any]) -> Any:
    """f(*args, **kwargs). NumPy hides the error of a Tensor that is stored in an array behind one of its own."""
    try:
        return f(*args, **kwargs)
    except ValueError as error:
        cause = error.__cause__
        if str(error).startswith("setting an array element"):
            if isinstance(cause, TypeError):
                raise TensorInArrayError(f"setting an array element: {cause}") from cause
            if isinstance(cause, TraceError):
                raise TraceError(f"setting an array element: {cause}") from cause
        raise


def _nothing_to_differentiate(arg: Any, name: str) -> str:
    return (
        f"{name} is {arg!r:.60}, in which there is no array to differentiate with respect to; give arrays of floats, "
        "or name another argument with argnums="
    )


def _holds_tensors(arg: Any) -> bool:
    try:
        return any(type(x) is Tensor for x in tree.flatten(arg)[0])
    except ValueError:  # an object that contains itself: no tree
        return False


def _lift(x: Any, path: str, keep: bool, tracing: bool) -> Tensor:
    """A fresh tensor to differentiate with respect to."""
    if type(x) is Tensor:
        check_differentiable(x.dtype, path)
        data = as_differentiable(x._array)
        lifted = leaf(data, x._flags | GRAD | LIFTED | (TRACED if tracing else 0), x.name or path)
        lifted._op, lifted._inputs = identity, (x,)
        return lifted
    x = plain(x)
    refuse_foreign(x, path)
    array = x if hasattr(x, "__array_function__") and not isinstance(x, np.generic) else np.asarray(x)
    if array.dtype.kind == "O":
        raise TypeError(f"{path} is a {type(x).__name__}, not an array of numbers{advise(x)}")
    check_differentiable(array.dtype, path)
    if keep and isinstance(array, np.ndarray):
        array = array.copy()
    return leaf(array, GRAD | LIFTED, path)


def pull(run: Run, nodes: Sequence[Tensor], seeds: Sequence[tuple[Tensor, Any]], selected: bool = False) -> list[Any]:
    """The cotangents of the lifted leaves, None where there is none. selected: see `sweep`."""
    seeds = [(y, g) for y, g in seeds if y._flags & GRAD]
    recording = run.is_recorded_outside
    for _, g in seeds:
        recording = recording or type(g) is Tensor
    if recording:
        seeds = [(y, g if isinstance(g, Tensor) else leaf(g, 0)) for y, g in seeds]
    # Where nothing outside has a gradient, every node leads to a lifted leaf; where no Tensors leave, to nothing else.
    wanted = set(run.leaves) if run.leaving.tensors else None
    found = sweep(nodes, seeds, wanted, recording, selected, prune=bool(run.leaving.outer & GRAD))
    if run.leaving.outer & GRAD and any(x not in found for x in run.leaves):
        check_bypassed(run, map(_array_of, run.leaves))
    return list(map(found.get, run.leaves))


def leave_with(run: Run, given: Iterable[Any]) -> Exit:
    """How results leave that also depend on what was given later: tangents, cotangents."""
    given = list(given)
    flags = [t._flags for t in given if type(t) is Tensor]
    outer = functools.reduce(operator.or_, flags, run.leaving.outer)
    held = run.leaving.held | array_ids(given)
    return Exit(run.leaving.tensors or bool(flags), outer, run.leaving.start, held)


def arrange_by_argument(run: Run, leaving: Exit, found: Sequence[Any], single: bool) -> Any:
    """Derivatives per leaf, as trees like the differentiated arguments."""
    results = iter(run.view(leaving.derivatives(found, run.leaves)))
    trees = [tree.take(structure, results) for structure in run.structures]
    return trees[0] if single else tuple(trees)
