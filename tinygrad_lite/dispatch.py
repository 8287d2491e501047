"""The register of NumPy's functions: what is called instead when one of the arguments is a Tensor.

`Tensor` looks functions up here; the table fills it. A function that is not in it is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .callsite import advise_buffer, user_line, variable_name

handlers: dict[Any, Callable[..., Any]] = {}
"""NumPy's function, or (ufunc, method) -> what to call instead; "keywords" -> what does so with a ufunc's dtype=."""

providers: list[Callable[[Any], bool]] = []
"""Asked in turn about a function that is not in the register: one may add it (SciPy's rows, once SciPy is imported)."""


def handler_of(key: Any, func: Callable[..., Any], method: str = "") -> Callable[..., Any]:
    """What is registered under key; TypeError, naming the function, where nothing is."""
    handler = handlers.get(key)
    if handler is None and any(provide(key) for provide in providers):
        handler = handlers[key]
    if handler is None:
        module = getattr(func, "__module__", None) or ("numpy" if hasattr(np, func.__name__) else None)
        name = f"{module}.{func.__name__}" if module else f"the ufunc {func.__name__}"
        raise TypeError(
            f"{name}{method} has no derivative rule here, so it is refused rather than losing a "
            "gradient; write it with other NumPy functions, add a rule (tg.elementwise, tg.linear, tg.bilinear, "
            "tg.custom_vjp), or pass t.numpy() if no gradient is wanted"
        )
    return handler


def call_function(func: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """One of NumPy's functions, such as np.sum."""
    if "out" in kwargs:
        if kwargs["out"] is not None:
            raise TypeError(_no_out(func))
        kwargs = {name: value for name, value in kwargs.items() if name != "out"}
    return handler_of(func, func)(*args, **kwargs)


def call_ufunc(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A ufunc, such as np.add, or one of its methods (np.add.reduce)."""
    if "out" in kwargs:
        out = kwargs["out"][0]
        in_place = method == "__call__" and ufunc in SIGNS and len(inputs) == 2 and out is inputs[0]
        raise TypeError(_no_in_place(ufunc, out) if in_place else _no_out(ufunc))
    if method == "__call__":
        handler = handler_of(ufunc, ufunc)
        return handlers["keywords"](ufunc, handler, inputs, kwargs) if kwargs else handler(*inputs)
    kwargs = {k: v for k, v in kwargs.items() if k not in ("array", "indices")}  # which NumPy gives by position as well
    return handler_of((ufunc, method), ufunc, f".{method}")(*inputs, **kwargs)


SIGNS = {np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/", np.power: "**", np.matmul: "@"}
SIGNS |= {np.floor_divide: "//", np.remainder: "%"}
"""How messages write a function of NumPy's between its operands."""


def _no_in_place(ufunc: np.ufunc, array: Any) -> str:
    name, sign = variable_name(array), SIGNS[ufunc]
    advice = None if name else advise_buffer(stored=False)  # b[i] += t
    if advice:
        return f"a Tensor added into an array would lose its gradient; {advice} ({user_line()})"
    name = name or "b"
    return (
        f"{name} {sign}= t at {user_line()} would write a Tensor's value into the array {name} and lose its gradient; "
        f"write {name} = {name} {sign} t instead, or make {name} with tg.zeros"
    )


def _no_out(function: Callable[..., Any]) -> str:
    return (
        f"{function.__name__}(…, out=…) at {user_line()} would write a Tensor's value into an existing array and lose "
        f"its gradient; use the result instead, y = {function.__name__}(…), or make the array with tg.zeros"
    )
