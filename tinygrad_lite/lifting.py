"""What every transform shares: lifting arguments, running the function, and handing results out.

A transform lifts the arguments it differentiates (a fresh tensor, linked to the old one if there was one), runs the
function, and sweeps the recorded graph down to the lifted tensors. Nesting needs no levels: an inner transform's lifted
tensor is a node of the outer one's graph, so derivatives of derivatives come from sweeping a recorded sweep.

Arrays in, arrays out: results are arrays unless an argument was a Tensor, or the function reached for a tensor of a
transform (or of a trace) that is still running around it. A Tensor that leaves a transform is released: it keeps the
marks of what it depends on outside, and loses those of the transform that is over.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Sequence
from types import FunctionType
from typing import Any

import numpy as np

from . import tree
from .array_argument import as_argument
from .array_view import plain
from .backward import find_nodes, sweep
from .batched import Batched, Level, view_one, whole_of, wrap
from .batching import elementwise
from .calling import record
from .callsite import line_at
from .containers import advise
from .context import current, running, switched
from .foreign import refuse_foreign
from .op import Op, linear
from .signatures import parameters
from .tensor import GRAD, LIFTED, PYTHON_NUMBERS, TRACED, Tensor, check_differentiable, label, leaf, next_seq

INSIDE = LIFTED | TRACED
Function = Callable[..., Any]
_array_of = operator.attrgetter("_array")


def _as_differentiable(x: Any) -> Any:
    """x; a Python float, of a program being recorded, as the array that it is when differentiated outside of one."""
    return np.asarray(x) if type(x) in PYTHON_NUMBERS else x


# The link from a lifted tensor to the one it stands for, and from a released one to what it was.
identity = linear(_as_differentiable, lambda g, y, x: g, name="identity", batch=elementwise, alias=True)


# -- lifting ---------------------------------------------------------------------------------------------------------


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
            arguments[i] = tree.unflatten(structure, [view_one(x, level) for x in lifted] if level else lifted)
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
            _check_missed(f, self, left_over)
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
        if isinstance(cause, TypeError) and str(error).startswith("setting an array element"):
            raise TensorInArrayError(f"setting an array element: {cause}") from cause
        raise


def _nothing_to_differentiate(arg: Any, name: str) -> str:
    return (
        f"{name} is {arg!r:.60}, in which there is no array to differentiate with respect to; give arrays of floats, "
        "or name another argument with argnums="
    )


def _check_missed(f: Function, run: Run, left_over: Sequence[Tensor]) -> None:
    """TypeError if the result does not depend on an argument whose numbers were taken out, or of which something was
    kept from an earlier call: it comes from them."""
    reached = {
        *find_differentiable(run.output),
        *(x for node in run.nodes for x in node._inputs if type(x) is Tensor),
    }
    missed = {x for x in run.leaves if x not in reached}
    if not missed:
        return
    name = getattr(f, "__name__", "the function")
    for t, how, place in run.reads:
        behind = {t, *(x for node in find_nodes([t], run.start)[0] for x in node._inputs if type(x) is Tensor)}
        lost = missed & behind
        if lost:
            raise TypeError(
                f"{name}'s result does not depend on {label(lost.pop())}: its numbers were taken out by {how} at "
                f"{line_at(place)}\nWhat is computed from them has no gradient. Return a cost as it is, without "
                ".item() or float(); collect rows in a list, then np.stack; or say tg.stop_gradient(t) if a constant "
                "is meant"
            )
    names = {x.name for t in left_over for x in _find_lifted(t)}
    for x in missed:
        if x.name in names:
            raise TypeError(
                f"{name}'s result does not depend on {label(x)}: it comes from a value that was computed in an earlier "
                "call, and kept. Compute it anew in each call; or keep it as t.detach() or tg.stop_gradient(t) if a "
                "constant is meant"
            )


def _find_lifted(t: Tensor) -> list[Tensor]:
    """The arguments of a transform that is over that t was computed from."""
    seen, stack, found = {t}, [t], []
    while stack:
        x = stack.pop()
        if x._op is None or x._op is identity:
            found.append(x)
        for z in x._inputs:
            if type(z) is Tensor and z._flags & LIFTED and z not in seen:
                seen.add(z)
                stack.append(z)
    return found


def _holds_tensors(arg: Any) -> bool:
    try:
        return any(type(x) is Tensor for x in tree.flatten(arg)[0])
    except ValueError:  # an object that contains itself: no tree
        return False


def find_differentiable(output: Any) -> list[Tensor]:
    """The Tensors in a tree that have a gradient."""
    if type(output) is Tensor:
        return [output] if output._flags & GRAD else []
    return [y for y in tree.flatten(output)[0] if type(y) is Tensor and y._flags & GRAD]


def _lift(x: Any, path: str, keep: bool, tracing: bool) -> Tensor:
    """A fresh tensor to differentiate with respect to."""
    if type(x) is Tensor:
        check_differentiable(x.dtype, path)
        data = _as_differentiable(x._array)
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


def pull(run: Run, nodes: Sequence[Tensor], seeds: Sequence[tuple[Tensor, Any]]) -> list[Any]:
    """The cotangents of the lifted leaves, None where there is none."""
    seeds = [(y, g) for y, g in seeds if y._flags & GRAD]
    recording = run.is_recorded_outside
    for _, g in seeds:
        recording = recording or type(g) is Tensor
    if recording:
        seeds = [(y, g if isinstance(g, Tensor) else leaf(g, 0)) for y, g in seeds]
    # Where nothing outside has a gradient, every node leads to a lifted leaf; where no Tensors leave, to nothing else.
    wanted = set(run.leaves) if run.leaving.tensors else None
    found = sweep(nodes, seeds, wanted, recording, prune=bool(run.leaving.outer & GRAD))
    return list(map(found.get, run.leaves))


def leave_with(run: Run, given: Iterable[Any]) -> Exit:
    """How results leave that also depend on what was given later: tangents, cotangents."""
    given = list(given)
    flags = [t._flags for t in given if type(t) is Tensor]
    outer = functools.reduce(operator.or_, flags, run.leaving.outer)
    held = run.leaving.held | array_ids(given)
    return Exit(run.leaving.tensors or bool(flags), outer, run.leaving.start, held)


def array_ids(values: Iterable[Any]) -> set[int]:
    """The ids of arrays, and of those in Tensors."""
    return {id(x._array if type(x) is Tensor else x) for x in values}


def arrange_by_argument(run: Run, leaving: Exit, found: Sequence[Any], single: bool) -> Any:
    """Derivatives per leaf, as trees like the differentiated arguments."""
    results = iter(leaving.derivatives(found, run.leaves))
    trees = [tree.take(structure, results) for structure in run.structures]
    return run.view(trees[0] if single else tuple(trees))


# -- how results leave -----------------------------------------------------------------------------------------------


class Exit:
    """Hands results to the caller: arrays that nothing else refers to, or Tensors that are rid of the transform.

    tensors: whether Tensors leave. outer: the flags of what the results depend on outside; a Tensor keeps no others.
    start: tensors older than this were there before. held: the ids of the arrays that the caller or the graph holds: no
    result may be one of these, or share its memory.
    """

    __slots__ = ("held", "outer", "start", "tensors")

    def __init__(self, tensors: bool, outer: int, start: int, held: set[int]) -> None:
        self.tensors, self.outer, self.start, self.held = tensors, outer, start, held

    def hand_out(self, output: Any) -> Any:
        """What a function returned, a tree."""
        if type(output) is Tensor:
            return self._value(output)
        return tree.map(lambda x: self._value(x) if type(x) is Tensor else plain(x), output)

    def _value(self, y: Tensor) -> Any:
        if self.tensors:
            return self._release(y)
        if y._op is None or y._seq < self.start:  # not made by this run: somebody else's array
            return y._array.copy()
        array = y._array if isinstance(y._array, np.generic) else self._own(y._array)
        self.held.add(id(array))
        return array

    def derivatives(self, found: Iterable[Any], xs: Iterable[Tensor]) -> list[Any]:
        """The derivatives that were found for xs; None stands for zeros."""
        results, held, tensors, ndarray = [], self.held, self.tensors, np.ndarray
        for g, x in zip(found, xs):  # noqa: B905 (a keyword takes 0.2 µs)
            if g is None:
                g = np.zeros_like(x._array)
            if not tensors:
                if type(g) is not ndarray or g.base is not None or id(g) in held:
                    g = self._own(g)
            elif not isinstance(g, Tensor):
                g = leaf(g, 0)
            else:
                g = g._current()  # a rule may have given a buffer
                g = self._release(record(identity, g._array, g._flags, (g,), {}) if id(g) in held else g)
            held.add(id(g))
            results.append(g)
        return results

    def _own(self, array: Any) -> Any:
        """The array, copied if anything else may refer to its memory."""
        if isinstance(array, np.generic):
            return np.asarray(array)
        if isinstance(array, np.ndarray) and (array.base is not None or id(array) in self.held):
            return array.copy()
        return array

    def _release(self, t: Tensor) -> Tensor:
        """The Tensor, marked by what it depends on outside, no longer by the transform."""
        if type(t) is Batched:
            return wrap(self._release(t.whole), t.level)  # type: ignore[no-any-return]
        mode = current()
        flags = t._flags & (self.outer if mode is None or mode.grad_enabled else self.outer & ~GRAD)
        if flags == t._flags:
            return t
        if not flags & (GRAD | TRACED):
            return leaf(t._array, flags, t.name)
        released = record(identity, t._array, flags, (t,), {})
        released.name = t.name
        return released


# -- what callers give, and what functions return ---------------------------------------------------------------------


def argument_name(f: Function, i: int) -> str:
    """What f's argument number i is called, for messages and generated code."""
    if type(f) is FunctionType and not f.__dict__ and i < f.__code__.co_argcount:  # without a detour: 1 µs less
        return f.__code__.co_varnames[i]
    found = parameters(f.fn if isinstance(f, Op) else f)
    return found.names[i] if found is not None and i < len(found.names) else f"arg{i}"


def name_arguments(f: Function, count: int) -> list[str]:
    """What f calls its first `count` arguments; arg3 where it has no name for them, as in *args."""
    return [argument_name(f, i) for i in range(count)]


def single_number(y: Any, f: Function, transform: str) -> Tensor | None:
    """f's result as a one-element Tensor; None if it is a plain number, which depends on nothing."""
    name = getattr(f, "__name__", "the function")
    if not isinstance(y, Tensor):
        if isinstance(y, (int, float, complex, np.generic)) or (isinstance(y, np.ndarray) and y.size == 1):
            return None
        kind = f"an array of shape {y.shape}" if isinstance(y, np.ndarray) else f"a {type(y).__name__}"
        more = " (for a pair of the number and something else, say has_aux=True)" if isinstance(y, tuple) else ""
        raise TypeError(f"{transform}: {name} must return one number, not {kind}{more}")
    number = y._current()
    if number.size != 1:
        raise ValueError(
            f"{transform}: {name} must return one number, but its result has shape {number.shape}; "
            "sum or average it, or use tg.vjp or tg.jacobian"
        )
    check_real(number, f"{transform} of {name}")
    return number


def positions(argnums: int | Sequence[int], args: Sequence[Any], transform: str) -> list[int]:
    """argnums as a list of different positions."""
    if type(argnums) is int and 0 <= argnums < len(args):
        return [argnums]
    chosen = [operator.index(i) for i in (argnums if isinstance(argnums, (tuple, list)) else (argnums,))]
    for i in chosen:
        if not -len(args) <= i < len(args):
            raise ValueError(f"{transform}: argnums={argnums}, but {len(args)} positional arguments were given")
    found = [i % len(args) for i in chosen]
    if len(set(found)) != len(found):
        raise ValueError(f"{transform}: argnums={argnums} names an argument twice")
    return found


def start_from(y: Tensor, g: Any, as_tensor: bool) -> Any:
    """The cotangent to start from, checked."""
    if g is not None:
        return check_tangent(g, y, as_tensor, "g, the cotangent,")
    if y.size != 1:
        raise ValueError(
            f"the gradient of {label(y)}, shape {y.shape}, needs g, a cotangent of that shape; "
            "only a one-element result has a gradient without it (did you mean np.sum or np.mean of it?)"
        )
    check_real(y, "the gradient")
    return leaf(one_like(y), 0) if as_tensor else one_like(y)


def one_like(y: Tensor) -> Any:
    """1, in the shape and dtype of a one-element result."""
    data = y._array
    return type(data)(1) if isinstance(data, np.generic) else np.ones_like(data)  # 0.1 µs against 2 µs


def check_tangent(v: Any, x: Tensor, as_tensor: bool, what: str) -> Any:
    """A cotangent or tangent of x given by the caller: of its shape and dtype, else an error."""
    if isinstance(v, Tensor):
        v = v._current() if as_tensor else v._read("gradients(…, g=t)")
    elif type(v) is not np.ndarray:
        refuse_foreign(v, what)
        v = v if hasattr(v, "__array_function__") else np.asarray(v)
    if v.shape != x.shape:
        raise ValueError(f"{what} has shape {v.shape}, but {label(x)} has shape {x.shape}; they must be equal")
    if v.dtype != x.dtype:
        if not np.can_cast(v.dtype, x.dtype, "same_kind"):
            raise TypeError(f"{what} is {v.dtype}, but {label(x)} is {x.dtype}; convert it with .astype")
        v = v.astype(x.dtype)
    return leaf(v, 0) if as_tensor and not isinstance(v, Tensor) else v


def check_real(y: Tensor, what: str) -> None:
    if y.dtype.kind != "f":
        remedy = "take np.real or np.abs of it (or use tg.vjp)" if y.dtype.kind == "c" else "it must be a float"
        raise TypeError(f"{what}: the result is {y.dtype}, which has no gradient; {remedy}")
