"""Functions in, functions out: gradients, vjp, jvp, jacobian, hessian, hvp.

Every transform lifts the arguments it differentiates (a fresh tensor, linked to the old one if there was one), runs the
function, and sweeps the recorded graph down to the lifted tensors. Nesting needs no levels: an inner transform's lifted
tensor is a node of the outer one's graph, so derivatives of derivatives come from sweeping a recorded sweep.

Arrays in, arrays out: results are arrays unless an argument was a Tensor, or the function reached for a tensor of a
transform (or of a trace) that is still running around it. A Tensor that leaves a transform is released: it keeps the
marks of what it depends on outside, and loses those of the transform that is over.
"""

from __future__ import annotations

import functools
import operator
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import tree
from .backward import find_nodes, sweep
from .calling import record
from .callsite import line_at
from .context import RunningTransform, current, switched
from .forward import push
from .op import linear
from .signatures import parameters
from .tensor import GRAD, LIFTED, TRACED, Tensor, check_differentiable, label, leaf, next_seq

_INSIDE = LIFTED | TRACED
Function = Callable[..., Any]


def _as_differentiable(x: Any) -> Any:
    """x; a Python float, of a program being recorded, as the array that it is when differentiated outside of one."""
    return np.asarray(x) if type(x) is float else x


# The link from a lifted tensor to the one it stands for, and from a released one to what it was.
identity = linear(_as_differentiable, lambda g, y, x: g, name="identity", alias=True)


# -- how results leave -----------------------------------------------------------------------------------------------


class _Exit:
    """Hands results to the caller: arrays that nothing else refers to, or Tensors that are rid of the transform.

    tensors: whether Tensors leave. outer: the flags of what the results depend on outside; a Tensor keeps no others.
    start: tensors older than this were there before. held: what the caller or the graph holds: no result may be one of
    these objects, or share an array with one.
    """

    __slots__ = ("held", "outer", "start", "tensors")

    def __init__(self, tensors: bool, outer: int, start: int, held: Iterable[Any]) -> None:
        self.tensors, self.outer, self.start = tensors, outer, start
        self.held = {id(x._array if type(x) is Tensor else x) for x in held}

    def hand_out(self, output: Any) -> Any:
        """What a function returned, a tree."""
        if type(output) is Tensor:
            return self._value(output)
        return tree.map(lambda x: self._value(x) if type(x) is Tensor else x, output)

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
        results, held = [], self.held
        for g, x in zip(found, xs, strict=True):
            if g is None:
                g = np.zeros_like(x._array)
            if not self.tensors:
                g = self._own(g) if type(g) is not np.ndarray or g.base is not None or id(g) in held else g
            elif type(g) is not Tensor:
                g = leaf(g, 0)
            else:
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
        mode = current()
        flags = t._flags & (self.outer if mode is None or mode.grad_enabled else self.outer & ~GRAD)
        if flags == t._flags:
            return t
        if not flags & (GRAD | TRACED):
            return leaf(t._array, flags, t.name)
        released = record(identity, t._array, flags, (t,), {})
        released.name = t.name
        return released


# -- tensors ---------------------------------------------------------------------------------------------------------


def gradients(
    y: Tensor, xs: Tensor | Sequence[Tensor], g: Any = None, create_graph: bool = False, disconnected: str = "raise"
) -> list[Any]:
    """The gradients of y with respect to tensors it was computed from, intermediate ones included.

    y: a Tensor; with g None it must have one element. xs: Tensors. g: the cotangent, of y's shape. create_graph: return
    Tensors that can be differentiated again (always so inside a transform). disconnected: what to do when y does not
    depend on one of xs: "raise" ValueError, since that is most often a lost connection, or give "zeros".

    >>> import numpy as np, tinygrad_lite as tg
    >>> x = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> h = x * x
    >>> tg.gradients(np.sum(np.exp(h)), [h, x])
    [array([ 2.71828183, 54.59815003]), array([  5.43656366, 218.39260013])]
    """
    if type(y) is not Tensor:
        raise TypeError(f"gradients: y is a {type(y).__name__}, not a Tensor")
    xs = [xs] if isinstance(xs, Tensor) else list(xs)
    for i, x in enumerate(xs):
        if type(x) is not Tensor:
            raise TypeError(f"gradients: xs[{i}] is a {type(x).__name__}, not a Tensor")
        if not x._flags & GRAD and disconnected == "raise":
            raise ValueError(
                f"gradients: xs[{i}] ({label(x)}) does not require a gradient, so y has none with respect to it; "
                "make it with tg.Tensor(..., requires_grad=True)"
            )
    if disconnected not in ("raise", "zeros"):
        raise ValueError(f"gradients: disconnected={disconnected!r}; it is 'raise' or 'zeros'")
    create_graph = create_graph or bool(y._flags & _INSIDE)
    nodes, _ = find_nodes([y])
    found = sweep(nodes, [(y, _seed(y, g, create_graph))], set(xs), create_graph)
    for i, x in enumerate(xs):
        if x not in found and disconnected == "raise":
            raise ValueError(
                f"gradients: y does not depend on xs[{i}] ({label(x)}, shape {x.shape}); was it computed from "
                '.numpy() or .detach(), or under no_grad()? Say disconnected="zeros" if zero is meant'
            )
    leaving = _Exit(create_graph, ~0, 0, [g, *xs])
    leaving.held.add(id(g))
    return leaving.derivatives([found.get(x) for x in xs], xs)


def backward(y: Tensor, g: Any = None) -> None:
    """Add the gradients of y into `.grad` of every leaf it was computed from that requires one.

    g: the cotangent, of y's shape; may be left out when y has one element.

    >>> import tinygrad_lite as tg
    >>> x = tg.Tensor(3.0, requires_grad=True)
    >>> (x * x).backward(); x.grad
    array(6.)
    """
    if y._flags & _INSIDE:
        raise RuntimeError(
            ".backward() inside a transform or a compiled function would store its gradients outside of it; "
            "use tg.gradients(y, xs), which returns them"
        )
    if not y._flags & GRAD:
        raise ValueError(
            f".backward(): {label(y)} was not computed from a tensor with requires_grad=True, or only under no_grad()"
        )
    nodes, _ = find_nodes([y])
    found = sweep(nodes, [(y, _seed(y, g, False))], None, False)
    leaving = _Exit(False, 0, 0, [g, *found])
    gradients = leaving.derivatives(found.values(), found)
    with _adding:
        for x, gx in zip(found, gradients, strict=True):
            x.grad = gx if x.grad is None else x.grad + gx


_adding = threading.Lock()  # several threads may add to the gradient of a leaf that they share


def stop_gradient(x: Any) -> Any:
    """The same numbers, treated as constant.

    >>> import tinygrad_lite as tg
    >>> tg.grad(lambda x: x * tg.stop_gradient(x))(3.0)
    array(3.)
    """
    if type(x) is not Tensor:
        return x
    return record(_stop, x._array, x._flags & ~(GRAD | LIFTED), (x,), {})


_stop = linear(lambda x: x, lambda g, y, x: g, name="stop_gradient", alias=True)


def _seed(y: Tensor, g: Any, as_tensor: bool) -> Any:
    """The cotangent to start from, checked."""
    if g is not None:
        return _check_tangent(g, y, as_tensor, "g, the cotangent,")
    if y.size != 1:
        raise ValueError(
            f"the gradient of {label(y)}, shape {y.shape}, needs g, a cotangent of that shape; "
            "only a one-element result has a gradient without it (did you mean np.sum or np.mean of it?)"
        )
    _check_real(y, "the gradient")
    return leaf(_one(y), 0) if as_tensor else _one(y)


def _one(y: Tensor) -> Any:
    """1, in the shape and dtype of a one-element result."""
    data = y._array
    return type(data)(1) if isinstance(data, np.generic) else np.ones_like(data)  # 0.1 µs against 2 µs


def _check_tangent(v: Any, x: Tensor, as_tensor: bool, what: str) -> Any:
    """A cotangent or tangent of x given by the caller: of its shape and dtype, else an error."""
    if type(v) is Tensor:
        v = v if as_tensor else v._read("gradients(…, g=t)")
    elif not hasattr(v, "__array_function__"):
        v = np.asarray(v)
    if v.shape != x.shape:
        raise ValueError(f"{what} has shape {v.shape}, but {label(x)} has shape {x.shape}; they must be equal")
    if v.dtype != x.dtype:
        if not np.can_cast(v.dtype, x.dtype, "same_kind"):
            raise TypeError(f"{what} is {v.dtype}, but {label(x)} is {x.dtype}; convert it with .astype")
        v = v.astype(x.dtype)
    return leaf(v, 0) if as_tensor and type(v) is not Tensor else v


def _check_real(y: Tensor, what: str) -> None:
    if y.dtype.kind != "f":
        remedy = "take np.real or np.abs of it (or use tg.vjp)" if y.dtype.kind == "c" else "it must be a float"
        raise TypeError(f"{what}: the result is {y.dtype}, which has no gradient; {remedy}")


# -- lifting ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Run:
    """A function's recorded run, and what its results depend on."""

    leaves: list[Tensor]  # lifted
    structures: list[tree.Structure]  # of each differentiated argument
    output: Any
    nodes: list[Tensor]  # newest first
    leaving: _Exit
    transform: RunningTransform

    @property
    def is_recorded_outside(self) -> bool:
        """Whether its derivatives are themselves recorded, since the results depend on something outside."""
        return self.leaving.tensors and bool(self.leaving.outer & (GRAD | TRACED))


def _run(
    f: Function,
    args: Sequence[Any],
    argnums: Sequence[int],
    kwargs: dict[str, Any],
    names: Sequence[str],
    transform: RunningTransform,
    keep: bool = False,
) -> _Run:
    """Run f with the leaves of the chosen arguments lifted. keep: the run is swept later, so arrays are copied."""
    start = transform.start
    mode = current()
    tracing = mode is not None and mode.tracing
    arguments = list(args)
    leaves: list[Tensor] = []
    structures = []
    tensors = bool(kwargs) and _holds_tensors(kwargs)
    for i, arg in enumerate(args):
        if i not in argnums:
            tensors = tensors or (type(arg) is not np.ndarray and _holds_tensors(arg))
    for i in argnums:
        values, structure = tree.flatten(args[i])
        if not values and not isinstance(argnums, range):  # of all arguments, some may be flags
            raise TypeError(_nothing_to_differentiate(args[i], names[i] if i < len(names) else f"arg{i}"))
        paths = structure.paths(names[i] if i < len(names) else f"arg{i}")
        lifted = []
        for value, path in zip(values, paths, strict=True):
            if type(value) is np.ndarray and value.dtype.kind == "f" and not keep:
                lifted.append(leaf(value, GRAD | LIFTED, path))  # the ordinary case of `_lift`
            else:
                tensors = tensors or type(value) is Tensor
                lifted.append(_lift(value, path, keep, tracing))
        leaves += lifted
        structures.append(structure)
        arguments[i] = tree.unflatten(structure, lifted)
    if mode is not None and not mode.grad_enabled:
        with switched(grad_enabled=True):
            output = f(*arguments, **kwargs)
    else:
        output = f(*arguments, **kwargs)
    nodes, outer = find_nodes(_differentiable(output), start)
    if tracing:  # a program must compute everything, what depends on no argument included
        outer |= TRACED
    leaving = _Exit(tensors or bool(outer & _INSIDE), outer, start, leaves)
    if transform.reads:
        _check_reads(f, transform, leaves, output, nodes)
    return _Run(leaves, structures, output, nodes, leaving, transform)


def _nothing_to_differentiate(arg: Any, name: str) -> str:
    return (
        f"{name} is {arg!r:.60}, in which there is no array to differentiate with respect to; give arrays of floats, "
        "or name another argument with argnums="
    )


def _check_reads(
    f: Function, transform: RunningTransform, leaves: Sequence[Tensor], output: Any, nodes: Sequence[Tensor]
) -> None:
    """TypeError if the result does not depend on an argument whose numbers were taken out: it comes from them."""
    reached = {*_differentiable(output), *(x for node in nodes for x in node._inputs if type(x) is Tensor)}
    missed = {x for x in leaves if x not in reached}
    for t, how, place in transform.reads:
        behind = {t, *(x for node in find_nodes([t], transform.start)[0] for x in node._inputs if type(x) is Tensor)}
        lost = missed & behind
        if lost:
            name = getattr(f, "__name__", "the function")
            raise TypeError(
                f"{name}'s result does not depend on {label(lost.pop())}: its numbers were taken out by {how} at "
                f"{line_at(place)}\nWhat is computed from them has no gradient. Return a cost as it is, without "
                ".item() or float(); collect rows in a list, then np.stack; or say tg.stop_gradient(t) if a constant "
                "is meant"
            )


def _holds_tensors(arg: Any) -> bool:
    try:
        return any(type(x) is Tensor for x in tree.flatten(arg)[0])
    except ValueError:  # an object that contains itself: no tree
        return False


def _differentiable(output: Any) -> list[Tensor]:
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
    array = x if hasattr(x, "__array_function__") and not isinstance(x, np.generic) else np.asarray(x)
    if array.dtype.kind == "O":
        raise TypeError(f"{path} is a {type(x).__name__}, not an array of numbers")
    check_differentiable(array.dtype, path)
    if keep and isinstance(array, np.ndarray):
        array = array.copy()
    return leaf(array, GRAD | LIFTED, path)


def argument_names(f: Function) -> list[str]:
    """The names of f's arguments, for messages and generated code."""
    found = parameters(f)
    return [] if found is None else list(found.names)


def single_number(y: Any, f: Function, transform: str) -> Tensor | None:
    """f's result as a one-element Tensor; None if it is a plain number, which depends on nothing."""
    name = getattr(f, "__name__", "the function")
    if type(y) is not Tensor:
        if isinstance(y, (int, float, complex, np.generic)) or (isinstance(y, np.ndarray) and y.size == 1):
            return None
        kind = f"an array of shape {y.shape}" if isinstance(y, np.ndarray) else f"a {type(y).__name__}"
        more = " (for a pair of the number and something else, say has_aux=True)" if isinstance(y, tuple) else ""
        raise TypeError(f"{transform}: {name} must return one number, not {kind}{more}")
    if y.size != 1:
        raise ValueError(
            f"{transform}: {name} must return one number, but its result has shape {y.shape}; "
            "sum or average it, or use tg.vjp or tg.jacobian"
        )
    _check_real(y, f"{transform} of {name}")
    return y


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


def _pull(run: _Run, nodes: Sequence[Tensor], seeds: Sequence[tuple[Tensor, Any]]) -> list[Any]:
    """The cotangents of the lifted leaves, None where there is none."""
    seeds = [(y, g) for y, g in seeds if y._flags & GRAD]
    recording = run.is_recorded_outside or any(type(g) is Tensor for _, g in seeds)
    if recording:
        seeds = [(y, g if type(g) is Tensor else leaf(g, 0)) for y, g in seeds]
    # Where nothing outside has a gradient, every node leads to a lifted leaf.
    found = sweep(nodes, seeds, set(run.leaves), recording, prune=bool(run.leaving.outer & GRAD))
    return [found.get(x) for x in run.leaves]


def _leaving_with(run: _Run, given: Iterable[Any]) -> _Exit:
    """How results leave that also depend on what was given later: tangents, cotangents."""
    given = list(given)
    flags = [t._flags for t in given if type(t) is Tensor]
    outer = functools.reduce(operator.or_, flags, run.leaving.outer)
    leaving = _Exit(run.leaving.tensors or bool(flags), outer, run.leaving.start, given)
    leaving.held |= run.leaving.held
    return leaving


def _by_argument(run: _Run, leaving: _Exit, found: Sequence[Any], single: bool) -> Any:
    """Derivatives per leaf, as trees like the differentiated arguments."""
    results = iter(leaving.derivatives(found, run.leaves))
    trees = [tree.take(structure, results) for structure in run.structures]
    return trees[0] if single else tuple(trees)


# -- reverse mode ----------------------------------------------------------------------------------------------------


def value_and_grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The function that returns (f's value, its gradient).

    f: returns one number; with has_aux, a pair of that and anything else, which comes back as ((value, aux), gradient).
    argnums: which positional arguments to differentiate; an int gives the gradient itself, a sequence gives a tuple. An
    argument may be a tree of float arrays; its gradient is a tree of the same structure, shapes and dtypes.

    >>> import numpy as np, tinygrad_lite as tg
    >>> value, gradient = tg.value_and_grad(lambda p: np.sum(p["w"] ** 2))({"w": np.array([1.0, 2.0])})
    >>> float(value), gradient
    (5.0, {'w': array([2., 4.])})
    """

    names = argument_names(f)

    def transformed(*args: Any, **kwargs: Any) -> Any:
        with RunningTransform(next_seq()) as transform:
            run = _run(f, args, positions(argnums, args, "value_and_grad"), kwargs, names, transform)
            value = run.output
            if has_aux:
                if not isinstance(run.output, tuple) or len(run.output) != 2:
                    raise TypeError("value_and_grad(has_aux=True): the function must return a pair (value, auxiliary)")
                value = run.output[0]
            y = single_number(value, f, "grad")
            found = _pull(run, run.nodes, [] if y is None else [(y, _one(y))])
            single = not isinstance(argnums, (tuple, list))
            return run.leaving.hand_out(run.output), _by_argument(run, run.leaving, found, single)

    return _name_after(f, transformed, "value_and_grad")


def grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The function that returns the gradient of f (see `value_and_grad`); with has_aux, (gradient, aux).

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.grad(np.tanh)(0.0)
    array(1.)
    >>> tg.grad(tg.grad(lambda x: x ** 3))(2.0)
    array(12.)
    """
    both = value_and_grad(f, argnums, has_aux)

    def transformed(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return _name_after(f, transformed, "grad")


def vjp(f: Function, *args: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """f's value, and the pullback: a cotangent of the value -> a tuple of cotangents, one per argument.

    Arguments and value may be trees; the cotangent has the value's structure and shapes.

    >>> import numpy as np, tinygrad_lite as tg
    >>> y, pullback = tg.vjp(np.multiply, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> pullback(np.array([1.0, 10.0]))
    (array([ 3., 40.]), array([ 1., 20.]))
    """
    with RunningTransform(next_seq()) as transform:
        run = _run(f, args, range(len(args)), {}, argument_names(f), transform, keep=True)
    outputs, structure = tree.flatten(run.output)
    run.leaving.held |= {id(x._array if type(x) is Tensor else x) for x in (*run.nodes, *outputs)}  # the pullback's

    def pullback(g: Any) -> tuple[Any, ...]:
        cotangents, given = tree.flatten(g)
        if given != structure:
            raise ValueError(f"pullback: the cotangent's structure {given} differs from the value's {structure}")
        pairs = [(y, c) for y, c in zip(outputs, cotangents, strict=True) if type(y) is Tensor]
        seeds = [(y, _seed(y, c, type(c) is Tensor)) for y, c in pairs]
        with transform:
            nodes, _ = find_nodes(
                _differentiable(outputs), transform.start
            )  # again: it checks that nothing has changed
            return _by_argument(run, _leaving_with(run, cotangents), _pull(run, nodes, seeds), False)  # type: ignore[no-any-return]

    return run.leaving.hand_out(run.output), pullback


# -- forward mode ----------------------------------------------------------------------------------------------------


def jvp(f: Function, args: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """f's value at args, and its derivative along tangents, in one forward pass over the recorded graph.

    args, tangents: a tuple or list of arguments, and one tangent for each, with its structure and shapes.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.jvp(np.sin, (0.0,), (2.0,))
    (np.float64(0.0), array(2.))
    """
    _check_arguments("jvp", args, tangents, "tangents")
    with RunningTransform(next_seq()) as transform:
        run = _run(f, args, range(len(args)), {}, argument_names(f), transform)
        ts: list[Any] = []
        for i, (tangent, structure) in enumerate(zip(tangents, run.structures, strict=True)):
            flat, given = tree.flatten(tangent)
            if given != structure:
                raise ValueError(f"jvp: tangents[{i}] has the structure {given}, its argument {structure}")
            ts += flat
        run.leaving = _leaving_with(run, ts)
        pairs = zip(run.leaves, ts, strict=True)
        started = {x: _check_tangent(t, x, run.leaving.tensors, "jvp: the tangent") for x, t in pairs}
        if not run.is_recorded_outside:
            started = {x: t._array if type(t) is Tensor else t for x, t in started.items()}
        found = push(run.nodes, started, run.is_recorded_outside)
        outputs, structure = tree.flatten(run.output)
        values = [y if type(y) is Tensor else leaf(np.asarray(y), 0) for y in outputs]
        results = run.leaving.derivatives([found.get(y) for y in values], values)
        return run.leaving.hand_out(run.output), tree.unflatten(structure, results)


def _check_arguments(transform: str, args: Any, others: Any, name: str) -> None:
    """TypeError unless both are sequences of arguments; an array would be taken apart along its first axis."""
    for what, given in (("args", args), (name, others)):
        if not isinstance(given, (tuple, list)):
            raise TypeError(
                f"{transform}: {what} is a {type(given).__name__}; give a tuple with one entry per argument, as in (x,)"
            )
    if len(args) != len(others):
        raise ValueError(f"{transform}: {len(args)} arguments, but {len(others)} {name}; give one for each")


# -- matrices of derivatives -----------------------------------------------------------------------------------------


def jacobian(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """The function that returns the Jacobian of f: for value shape S and argument shape R, an array of shape S + R.

    The argument may be a tree (the Jacobian is then a tree of the same structure); the value is one array. Rows come
    from reverse mode, columns from forward mode, whichever are fewer.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.jacobian(lambda x: np.array([[1.0, 2.0], [3.0, 4.0]]) @ x)(np.zeros(2))
    array([[1., 2.],
           [3., 4.]])
    """

    names = argument_names(f)

    def transformed(*args: Any, **kwargs: Any) -> Any:
        with RunningTransform(next_seq()) as transform:
            run = _run(f, args, positions(argnums, args, "jacobian"), kwargs, names, transform)
            y = run.output
            if type(y) is not Tensor:
                if not isinstance(y, (int, float, complex, np.generic)) and not hasattr(y, "__array_function__"):
                    name = getattr(f, "__name__", "the function")
                    raise TypeError(f"jacobian: {name} must return one array, not a {type(y).__name__}")
                y = leaf(np.asarray(y) if np.isscalar(y) else y, 0)
            is_complex = [x.dtype.kind == "c" for x in run.leaves]
            if any(is_complex) and y.dtype.kind != "c":
                raise TypeError(
                    "jacobian: a real value of a complex argument has no complex derivative; "
                    "use tg.grad, or the real and imaginary parts as two arguments"
                )
            forward = sum(x.size for x in run.leaves) < y.size or (y.dtype.kind == "c" and not all(is_complex))
            matrices = iter((_columns if forward else _rows)(run, y))
            trees = [tree.take(structure, matrices) for structure in run.structures]
            return tuple(trees) if isinstance(argnums, (tuple, list)) else trees[0]

    return _name_after(f, transformed, "jacobian")


def _rows(run: _Run, y: Tensor) -> list[Any]:
    """One reverse sweep for each entry of the value."""
    rows = [run.leaving.derivatives(_pull(run, run.nodes, [(y, e)]), run.leaves) for e in _basis(y)]
    return [_stack([row[i] for row in rows], y, x, 0) for i, x in enumerate(run.leaves)]


def _columns(run: _Run, y: Tensor) -> list[Any]:
    """One forward push for each entry of the arguments."""
    recording = run.is_recorded_outside
    results = []
    for x in run.leaves:
        pushed = [push(run.nodes, {x: leaf(e, 0) if recording else e}, recording).get(y) for e in _basis(x)]
        results.append(_stack(run.leaving.derivatives(pushed, [y] * len(pushed)), y, x, -1))
    return results


def _basis(x: Tensor) -> Iterator[Any]:
    """Arrays of x's shape and dtype with a single 1, at each place in turn."""
    for k in range(x.size):
        e = np.zeros(x.shape, x.dtype)
        e.reshape(-1)[k] = 1
        yield e


def _stack(parts: Sequence[Any], y: Tensor, x: Tensor, axis: int) -> Any:
    """Rows or columns as one array, of y's shape and then x's."""
    shape = y.shape + x.shape
    if not parts:
        return np.zeros(shape, np.result_type(y.dtype, x.dtype))
    return np.reshape(np.stack(parts, axis), shape)


def hessian(f: Function, argnums: int = 0) -> Function:
    """The function that returns the matrix of second derivatives of a scalar f, shape R + R for an argument of shape R.

    The argument is one array (for a tree, use `hvp`, or `jacobian(grad(f))` leaf by leaf).

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    second = jacobian(grad(f, argnums), argnums)

    def transformed(*args: Any, **kwargs: Any) -> Any:
        for i in positions(argnums, args, "hessian"):
            x = args[i]
            if not hasattr(x, "dtype") and not isinstance(x, (int, float, complex)):
                raise TypeError(f"hessian: argument {i} is a {type(x).__name__}; it must be one array (or use tg.hvp)")
            if isinstance(x, complex) or (hasattr(x, "dtype") and x.dtype.kind == "c"):
                raise TypeError(f"hessian: argument {i} is complex; give its real and imaginary parts instead")
        return second(*args, **kwargs)

    return _name_after(f, transformed, "hessian")


def hvp(f: Function, args: Sequence[Any], vectors: Sequence[Any]) -> Any:
    """The Hessian of a scalar f times vectors, without the Hessian: forward mode over reverse mode.

    args, vectors: one vector per argument, alike in structure and shapes. Returns a tuple of products, one per
    argument.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.hvp(lambda x: np.sum(x ** 3), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    (array([ 6., 12.]),)
    """
    _check_arguments("hvp", args, vectors, "vectors")
    return jvp(grad(f, argnums=tuple(range(len(args)))), args, vectors)[1]


def _name_after(f: Function, transformed: Any, transform: str) -> Function:
    """Give a transformed function the name and signature of the original. (functools.wraps takes 3 µs.)"""
    transformed.__wrapped__ = f
    transformed.__doc__ = f.__doc__
    transformed.__name__ = f"{transform}({getattr(f, '__name__', 'f')})"
    return transformed  # type: ignore[no-any-return]


setattr(Tensor, "backward", backward)  # noqa: B010 (a declared method, defined where the sweep is known)
