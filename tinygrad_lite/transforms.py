"""Functions in, functions out: gradients, vjp, jvp; and the gradients of Tensors. (Matrices: jacobians.py.)"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import tree
from .backward import find_nodes, sweep
from .batched import Batched, every_example, whole_of, wrap
from .batching import elementwise
from .calling import record
from .forward import push
from .keywords import explains_keywords
from .lifting import (
    INSIDE,
    Exit,
    Function,
    Run,
    arrange_by_argument,
    array_ids,
    check_tangent,
    find_differentiable,
    leave_with,
    one_like,
    positions,
    pull,
    single_number,
    start_from,
)
from .op import linear
from .signatures import check_function
from .tensor import GRAD, LIFTED, Tensor, is_left_over, label, leaf

# -- tensors ---------------------------------------------------------------------------------------------------------


@explains_keywords
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
    if not isinstance(y, Tensor):
        raise TypeError(f"gradients: y is a {type(y).__name__}, not a Tensor")
    if type(y) is Batched:
        return _gradients_of_each(y, [xs] if isinstance(xs, Tensor) else xs, g, create_graph, disconnected)
    y = y._current()
    _check_has_gradient(y, "gradients")
    xs = [x._current() if isinstance(x, Tensor) else x for x in ([xs] if isinstance(xs, Tensor) else xs)]
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
    create_graph = create_graph or bool(y._flags & INSIDE)
    nodes, _ = find_nodes([y])
    found = sweep(nodes, [(y, start_from(y, g, create_graph))], set(xs), create_graph)
    for i, x in enumerate(xs):
        if x not in found and disconnected == "raise":
            raise ValueError(
                f"gradients: y does not depend on xs[{i}] ({label(x)}, shape {x.shape}); was it computed from "
                '.numpy() or .detach(), or under no_grad()? Say disconnected="zeros" if zero is meant'
            )
    leaving = Exit(create_graph, ~0, 0, {id(g)} | array_ids([g, *xs]))
    return leaving.derivatives([found.get(x) for x in xs], xs)


def _gradients_of_each(y: Batched, xs: Sequence[Any], g: Any, create_graph: bool, disconnected: str) -> list[Any]:
    """The same inside vmap: the examples do not depend on one another, so one sweep serves them all."""
    level = y.level
    for i, x in enumerate(xs):
        if type(x) is not Batched or x.level is not level:
            raise ValueError(
                f"gradients: inside tg.vmap, xs[{i}] ({label(x)}) is the same for all examples, and would get the sum "
                "of their gradients; use tg.grad(f)(x) inside, or take the gradients of what vmap returns"
            )
    if g is None and y.size != 1:
        raise ValueError(f"the gradient of {label(y)}, shape {y.shape}, needs g, a cotangent of that shape")
    g = np.ones_like(y.whole) if g is None else every_example(g, level)
    found = gradients(y.whole, [x.whole for x in xs], g, create_graph, disconnected)
    return [wrap(gx, level) for gx in found]


@explains_keywords
def backward(y: Tensor, g: Any = None) -> None:
    """Add the gradients of y into `.grad` of every leaf it was computed from that requires one.

    g: the cotangent, of y's shape; may be left out when y has one element.

    >>> import tinygrad_lite as tg
    >>> x = tg.Tensor(3.0, requires_grad=True)
    >>> (x * x).backward(); x.grad
    array(6.)
    """
    y = y._current()
    if type(y) is Batched:
        raise RuntimeError(
            ".backward() inside tg.vmap would mix the examples' gradients; call it on what vmap returns, or use tg.grad"
        )
    _check_has_gradient(y, ".backward()")
    if is_left_over(y):
        raise RuntimeError(
            f".backward(): {label(y)} was kept from a transform that is over, so what it depends on is gone; return it "
            "from the function instead (with has_aux=True beside the value)"
        )
    if y._flags & INSIDE:
        raise RuntimeError(
            ".backward() inside a transform or a compiled function would store its gradients outside of it; "
            "use tg.gradients(y, xs), which returns them"
        )
    if not y._flags & GRAD:
        raise ValueError(
            f".backward(): {label(y)} was not computed from a tensor with requires_grad=True, or only under no_grad()"
        )
    nodes, _ = find_nodes([y])
    found = sweep(nodes, [(y, start_from(y, g, False))], None, False)
    leaving = Exit(False, 0, 0, array_ids([g, *found]))
    gradients = leaving.derivatives(found.values(), found)
    with _adding:
        for x, gx in zip(found, gradients, strict=True):
            x.grad = gx if x.grad is None else x.grad + gx


def _check_has_gradient(y: Tensor, what: str) -> None:
    if y.dtype.kind not in "fc":
        raise TypeError(f"{what}: {label(y)} is {y.dtype}, which has no gradient; only floats and complex numbers have")


_adding = threading.Lock()  # several threads may add to the gradient of a leaf that they share


def stop_gradient(x: Any) -> Any:
    """The same numbers, treated as constant.

    >>> import tinygrad_lite as tg
    >>> tg.grad(lambda x: x * tg.stop_gradient(x))(3.0)
    array(3.)
    """
    if not isinstance(x, Tensor):
        return x
    x = x._current()
    if type(x) is Batched:
        return wrap(stop_gradient(x.whole), x.level)
    return record(_stop, x._array, x._flags & ~(GRAD | LIFTED), (x,), {})


_stop = linear(lambda x: x, lambda g, y, x: g, name="stop_gradient", batch=elementwise, alias=True)


# -- reverse mode ----------------------------------------------------------------------------------------------------


@explains_keywords
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
    check_function("value_and_grad", f)
    check_argnums("value_and_grad", argnums)

    def transformed(*args: Any, **kwargs: Any) -> Any:
        with Run() as run:
            value = run.call(f, args, positions(argnums, args, "value_and_grad"), kwargs)
            single_number(_first_of_pair(value) if has_aux else value, f, "grad")
            y = run.output[0] if has_aux else run.output
            found = pull(run, run.nodes, [(y, one_like(y))] if isinstance(y, Tensor) else [])
            single = not isinstance(argnums, (tuple, list))
            return run.view(run.leaving.hand_out(run.output)), arrange_by_argument(run, run.leaving, found, single)

    return name_after(f, transformed, "value_and_grad")


def _first_of_pair(output: Any) -> Any:
    if not isinstance(output, tuple) or len(output) != 2:
        raise TypeError("value_and_grad(has_aux=True): the function must return a pair (value, auxiliary)")
    return output[0]


@explains_keywords
def grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The function that returns the gradient of f; with has_aux, (gradient, aux).

    f: returns one number (or a pair of it and aux). argnums: which arguments to differentiate; both as for
    `value_and_grad`. TypeError for an argument of whole numbers, ValueError where f returns more than one number.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.grad(np.tanh)(0.0)
    array(1.)
    >>> tg.grad(tg.grad(lambda x: x ** 3))(2.0)
    array(12.)
    """
    check_function("grad", f)
    check_argnums("grad", argnums)
    both = value_and_grad(f, argnums, has_aux)

    def transformed(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return name_after(f, transformed, "grad")


@explains_keywords
def vjp(f: Function, *args: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """f's value at args, and the pullback: a cotangent of the value -> a tuple of cotangents, one per argument.

    Arguments and value may be trees; the cotangent has the value's structure and shapes.

    >>> import numpy as np, tinygrad_lite as tg
    >>> y, pullback = tg.vjp(np.multiply, np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> pullback(np.array([1.0, 10.0]))
    (array([ 3., 40.]), array([ 1., 20.]))
    """
    check_function("vjp", f, "(f, x)")
    with Run() as run:
        run.call(f, args, range(len(args)), {}, keep=True)
        outputs, structure = tree.flatten(run.output)
    run.leaving.held |= array_ids((*run.nodes, *outputs))  # the pullback's

    def pullback(g: Any) -> tuple[Any, ...]:
        cotangents, given = tree.flatten(g)
        if given != structure:
            raise ValueError(f"pullback: the cotangent's structure {given} differs from the value's {structure}")
        cotangents = [whole_of(c, run.examples) for c in cotangents]
        pairs = [(y, c) for y, c in zip(outputs, cotangents, strict=True) if type(y) is Tensor]
        seeds = [(y, start_from(y, c, isinstance(c, Tensor))) for y, c in pairs]
        with run:  # and find the nodes again, which checks that nothing has changed
            nodes, _ = find_nodes(find_differentiable(outputs), run.start)
            return arrange_by_argument(run, leave_with(run, cotangents), pull(run, nodes, seeds), False)  # type: ignore[no-any-return]

    return run.view(run.leaving.hand_out(run.output)), pullback


# -- forward mode ----------------------------------------------------------------------------------------------------


@explains_keywords
def jvp(f: Function, args: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """f's value at args, and its derivative along tangents, in one forward pass over the recorded graph.

    args, tangents: a tuple or list of arguments, and one tangent for each, with its structure and shapes.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.jvp(np.sin, (0.0,), (2.0,))
    (np.float64(0.0), array(2.))
    """
    check_function("jvp", f, "(f, (x,), (v,))")
    check_arguments("jvp", args, tangents, "tangents")
    with Run() as run:
        run.call(f, args, range(len(args)), {})
        ts: list[Any] = []
        for i, (tangent, structure) in enumerate(zip(tangents, run.structures, strict=True)):
            flat, given = tree.flatten(tangent)
            if given != structure:
                raise ValueError(f"jvp: tangents[{i}] has the structure {given}, its argument {structure}")
            ts += [whole_of(x, run.examples) for x in flat]
        run.leaving = leave_with(run, ts)
        pairs = zip(run.leaves, ts, strict=True)
        started = {x: check_tangent(t, x, run.leaving.tensors, "jvp: the tangent") for x, t in pairs}
        if not run.is_recorded_outside:
            started = {x: t._array if type(t) is Tensor else t for x, t in started.items()}
        found = push(run.nodes, started, run.is_recorded_outside)
        outputs, structure = tree.flatten(run.output)
        values = [y if type(y) is Tensor else leaf(np.asarray(y), 0) for y in outputs]
        results = run.leaving.derivatives([found.get(y) for y in values], values)
        return run.view((run.leaving.hand_out(run.output), tree.unflatten(structure, results)))  # type: ignore[no-any-return]


# -- what callers give -----------------------------------------------------------------------------------------------


def check_arguments(transform: str, args: Any, others: Any, name: str) -> None:
    """TypeError unless both are sequences of arguments; an array would be taken apart along its first axis."""
    for what, given in (("args", args), (name, others)):
        if not isinstance(given, (tuple, list)):
            raise TypeError(
                f"{transform}: {what} is a {type(given).__name__}; give a tuple with one entry per argument, as in (x,)"
            )
    if len(args) != len(others):
        raise ValueError(f"{transform}: {len(args)} arguments, but {len(others)} {name}; give one for each")


def check_argnums(transform: str, argnums: Any) -> None:
    """TypeError unless they are whole numbers: who writes tg.grad(f, x) means tg.grad(f)(x)."""
    if type(argnums) is int:
        return
    numbers = argnums if isinstance(argnums, (tuple, list)) else (argnums,)
    if not all(isinstance(i, (int, np.integer)) for i in numbers):
        raise TypeError(
            f"{transform}: argnums is the number of an argument, or a tuple of such, not a {type(argnums).__name__}; "
            f"arguments come second: tg.{transform}(f)(x), not tg.{transform}(f, x)"
        )


def name_after(f: Function, transformed: Any, transform: str) -> Function:
    """Give a transformed function the name and signature of the original. (functools.wraps takes 3 µs.)"""
    transformed.__wrapped__ = f
    transformed.__doc__ = f.__doc__
    transformed.__name__ = f"{transform}({getattr(f, '__name__', 'f')})"
    return transformed  # type: ignore[no-any-return]


setattr(Tensor, "backward", backward)  # noqa: B010 (a declared method, defined where the sweep is known)
