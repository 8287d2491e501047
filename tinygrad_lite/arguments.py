"""What a transform is given, checked: which arguments, and what they are called; results, cotangents and tangents."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

import numpy as np

from .foreign import refuse_foreign
from .op import Op
from .signatures import parameters
from .tensor import Tensor, label, leaf

Function = Callable[..., Any]


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
    if isinstance(y, Tensor):
        number = y._current()
        if number.size == 1 and number.dtype.kind == "f":
            return number
        name = getattr(f, "__name__", "the function")
        if number.size == 1:
            check_real(number, f"{transform} of {name}")
        raise ValueError(
            f"{transform}: {name} must return one number, but its result has shape {number.shape}; "
            "sum or average it, or use tg.vjp or tg.jacobian"
        )
    if isinstance(y, (int, float, complex, np.generic)) or (hasattr(y, "__array_function__") and y.size == 1):
        return None
    name = getattr(f, "__name__", "the function")
    kind = f"an array of shape {y.shape}" if isinstance(y, np.ndarray) else f"a {type(y).__name__}"
    more = " (for a pair of the number and something else, say has_aux=True)" if isinstance(y, tuple) else ""
    raise TypeError(f"{transform}: {name} must return one number, not {kind}{more}")


def positions(argnums: int | Sequence[int], args: Sequence[Any], transform: str) -> list[int]:
    """argnums as a list of different positions."""
    if type(argnums) is int and 0 <= argnums < len(args):
        return [argnums]
    chosen = [operator.index(i) for i in (argnums if isinstance(argnums, (tuple, list)) else (argnums,))]
    for i in chosen:
        if not -len(args) <= i < len(args):
            raise ValueError(
                f"{transform}: argnums={argnums}, but {len(args)} positional arguments were given; give by "
                "position, not by name, what is differentiated"
            )
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
