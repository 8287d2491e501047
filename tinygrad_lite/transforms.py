"""Functions in, functions out: grad, value_and_grad, vjp, jvp. (Matrices: jacobians.py.)"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from . import tree
from .arguments import (
    Function,
    check_argnums,
    check_arguments,
    check_tangent,
    one_like,
    positions,
    single_number,
    start_from,
)
from .backward import find_nodes
from .batched import as_array, whole_of
from .forward import push
from .keywords import explains_keywords
from .leaving import array_ids
from .lifting import Run, arrange_by_argument, leave_with, pull
from .missed import check_bypassed, find_differentiable
from .signatures import check_function
from .tensor import GRAD, Tensor, array_of, leaf

# -- reverse mode ----------------------------------------------------------------------------------------------------


@explains_keywords
def value_and_grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The function that returns (f's value, its gradient).

    f: returns one number; with has_aux, a pair of that and anything else, which comes back as ((value, aux), gradient).
    argnums: which positional arguments to differentiate; an int gives the gradient itself, a sequence gives a tuple. An
    argument may be a tree of float arrays; its gradient is a tree of the same structure, shapes and dtypes. Of
    arrays it is of arrays, through which nothing flows back: for a gradient that is part of a loss, give Tensors.

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
            y = single_number(_first_of_pair(value) if has_aux else value, f, "grad")
            if y is not None and run.examples is not None:
                y = run.output[0] if has_aux else run.output
            found = pull(run, run.nodes, [] if y is None else [(y, one_like(y))])
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
    return linearise(f, args)


def linearise(f: Function, args: Sequence[Any], selected: bool = False) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """The same. selected: zeros among the cotangents mean "not taken" (see `sweep`)."""
    with Run() as run:
        run.call(f, args, range(len(args)), {}, keep=True)
        outputs, structure = tree.flatten(run.output)
    if run.leaving.outer & GRAD:
        check_bypassed(run, tree.flatten(args)[0])
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
            return arrange_by_argument(  # type: ignore[no-any-return]
                run, leave_with(run, cotangents), pull(run, nodes, seeds, selected), False
            )

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
        if run.leaving.outer & GRAD:
            check_bypassed(run, tree.flatten(args)[0])
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
            started = {x: array_of(t) for x, t in started.items()}
        found = push(run.nodes, started, run.is_recorded_outside)
        outputs, structure = tree.flatten(run.output)
        values = [y if type(y) is Tensor else leaf(as_array(y), 0) for y in outputs]
        results = run.leaving.derivatives([found.get(y) for y in values], values)
        value = run.view(run.leaving.hand_out(run.output))
        return value, tree.unflatten(structure, run.view(results))


def name_after(f: Function, transformed: Any, transform: str) -> Function:
    """Give a transformed function the name and signature of the original. (functools.wraps takes 3 µs.)"""
    transformed.__wrapped__ = f
    transformed.__doc__ = f.__doc__
    transformed.__name__ = f"{transform}({getattr(f, '__name__', 'f')})"
    return transformed  # type: ignore[no-any-return]
