"""What an op of a user's is held to. The table's rows are tested; of a user's, each answer is looked at as it comes.

Its function must take arrays, which it leaves as they are, and give arrays; its rules must be as many as its operands,
and give cotangents of their shapes. Else the gradient would be wrong without a word.
"""

from __future__ import annotations

import functools
import inspect
import itertools
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from .context import alone, current, running
from .partials import over
from .pulling import unbroadcast
from .tensor import Tensor


def is_users_own(fn: Any) -> bool:
    """Whether this is a Python function of a user's: neither the table's nor NumPy's."""
    return type(fn) is FunctionType and fn.__module__.partition(".")[0] not in ("tinygrad_lite", "numpy", "scipy")


def check_function(op: Any) -> Callable[..., Any]:
    """fn, held to what an op's function is: from arrays, which it leaves as they are, to arrays."""
    fn = op.fn

    def call_checked(*xs: Any, **params: Any) -> Any:
        mode = current()
        if running.get() is None and (mode is None or not mode.tracing):
            data = fn(*map(_protect, xs), **params)
        else:
            with alone():
                data = fn(*map(_protect, xs), **params)
        for part in data if isinstance(data, tuple) else (data,):
            if type(part) is Tensor:
                raise TypeError(
                    "its function gave a Tensor: one it closes over would get no gradient; make it an operand"
                )
            if not hasattr(part, "dtype") and not isinstance(part, (int, float, complex)):
                raise TypeError(f"its function gave a {type(part).__name__}, not an array")
        if op.kind == "elementwise" and not isinstance(data, tuple):
            shapes = [np.shape(x) for x in xs]
            if np.shape(data) != np.broadcast_shapes(*shapes):
                raise TypeError(
                    f"its function gave shape {np.shape(data)} from {' and '.join(map(str, shapes))}, which is not "
                    "element by element; see tg.linear, tg.bilinear and tg.custom_vjp"
                )
        return data if isinstance(data, tuple) or hasattr(data, "dtype") else np.asarray(data)

    return call_checked


def _protect(x: Any) -> Any:
    """A view that cannot be written to: an op that changed its operand would change a Tensor."""
    if not isinstance(x, np.ndarray):
        return x
    view = x.view()
    view.flags.writeable = False
    return view


def check_rules(op: Any) -> None:
    """TypeError unless there is a rule for each array that a user's function takes, and each can be asked."""
    takes = _list_required(op.fn)
    if op.arity is None or takes is None:
        return
    if len(takes) != op.arity:
        raise TypeError(
            f"{op.name}: its function takes {len(takes)} arrays ({', '.join(takes)}), but there are rules for "
            f"{op.arity}; give one for each, and None where no gradient flows (arguments with a default are keywords)"
        )
    given = op.partials if op.kind == "elementwise" else op.vjps
    arguments = ("y", *takes) if op.kind == "elementwise" else ("g", "y", *takes)
    for i, rule in enumerate(given):
        rule = rule.denominator if type(rule) is over else rule
        names = _list_required(rule) if callable(rule) else None
        if names is not None and len(names) != len(arguments):
            raise TypeError(
                f"{op.name}: rule number {i} takes ({', '.join(names)}); it is called with ({', '.join(arguments)})"
            )


def _list_required(function: Callable[..., Any]) -> list[str] | None:
    """The names of its parameters that have no default; None if it takes any number."""
    try:
        every = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(p.kind is p.VAR_POSITIONAL for p in every):
        return None
    return [p.name for p in every if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]


def hold_to_shape(d: Any, i: int, fn: Callable[..., Any]) -> Any:
    """A partial derivative of a user's, held to what one can be: a number, or an array that is broadcast as the
    result is. A sum in it, say, would be a number for many entries, and wrong for each."""
    if type(d) is over:
        return over(hold_to_shape(d.denominator, i, fn))
    if not callable(d):
        return d

    @functools.wraps(d)
    def partial(y: Any, *xs: Any, **params: Any) -> Any:
        p = d(y, *xs, **params)
        shape = getattr(p, "shape", ())
        if shape and shape != y.shape:
            shapes = [np.shape(x) if not hasattr(x, "shape") else x.shape for x in xs]
            some = itertools.chain.from_iterable(itertools.combinations(shapes, n) for n in range(1, len(xs) + 1))
            if all(shape != np.broadcast_shapes(*group) for group in some):
                name = getattr(fn, "__name__", "the op")
                raise TypeError(
                    f"{name}: partial derivative number {i} gave shape {shape} where the result has shape {y.shape}; "
                    "each entry needs its own, and may depend on its own operands alone (else see tg.custom_vjp)"
                )
        return p

    return partial


def fit(op: Any, i: int, g: Any, x: Tensor, node: Tensor) -> Any:
    """The cotangent from a rule of a user's, un-broadcast; TypeError if it is not an array of its operand's shape, or
    one that is broadcast as node, the result, is; or if it is complex where operand and result are real."""
    shape = x.shape
    must = f"it must give an array of shape {shape}"
    try:
        if op.outputs == 1 and g.dtype.kind == "c" and "c" not in (x.dtype.kind, node.dtype.kind):
            raise TypeError(
                f"the vjp of {op.name} for operand {i} gave {g.dtype} for real numbers; say np.real if that is meant"
            )
        if g.shape == shape:
            return g
        if op.outputs > 1 or _is_broadcast_as(g.shape, shape, node.shape):
            summed = unbroadcast(g, shape)
            if summed.shape == shape or op.kind == "elementwise":
                return summed
    except (AttributeError, ValueError):
        pass
    given = f"shape {g.shape}" if hasattr(g, "shape") else f"a {type(g).__name__}"
    raise TypeError(f"the vjp of {op.name} for operand {i} gave {given}; {must}")


def _is_broadcast_as(given: tuple[int, ...], operand: tuple[int, ...], result: tuple[int, ...]) -> bool:
    """Whether every axis that `given` has more than the operand, or has longer, is the result's."""
    if len(given) > max(len(operand), len(result)):
        return False
    own = (1,) * (len(given) - len(operand)) + operand[max(len(operand) - len(given), 0) :]
    found = (None,) * (len(given) - len(result)) + result[max(len(result) - len(given), 0) :]
    return all(n in (1, m) or (m == 1 and n == k) for n, m, k in zip(given, own, found, strict=True))
