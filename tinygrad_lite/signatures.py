"""What a function's parameters are called: read from its code object, because `inspect` costs 10 µs where this costs
0.3 µs, and the table has five hundred rows."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np


class Parameters(NamedTuple):
    """names: of what can be given by position, in order; the first `nameless` of them cannot be named. keywords: of
    what can only be named. any_number, any_keyword: whether there is a *args, a **kwargs beside them."""

    names: tuple[str, ...]
    keywords: tuple[str, ...]
    any_number: bool
    any_keyword: bool
    nameless: int


def parameters(function: Callable[..., Any]) -> Parameters | None:
    """Its parameters; None for a function built in C that has no signature."""
    inner = getattr(function, "__wrapped__", function)  # NumPy's dispatchers wrap a Python function
    if type(inner) is FunctionType and not inner.__dict__:  # nothing there that says otherwise
        code = inner.__code__
        count, every, flags = code.co_argcount, code.co_varnames, code.co_flags
        keywords = every[count : count + code.co_kwonlyargcount]
        any_number, any_keyword = bool(flags & inspect.CO_VARARGS), bool(flags & inspect.CO_VARKEYWORDS)
        return Parameters(every[:count], keywords, any_number, any_keyword, code.co_posonlyargcount)
    return _parameters_of_ufunc(function) if type(function) is np.ufunc else _read_signature(function)


def _read_signature(function: Callable[..., Any]) -> Parameters | None:
    try:
        found = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return None
    names = tuple(p.name for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))
    keywords = tuple(p.name for p in found if p.kind is p.KEYWORD_ONLY)
    kinds = [p.kind for p in found]
    any_number, any_keyword = inspect.Parameter.VAR_POSITIONAL in kinds, inspect.Parameter.VAR_KEYWORD in kinds
    return Parameters(names, keywords, any_number, any_keyword, kinds.count(inspect.Parameter.POSITIONAL_ONLY))


_parameters_of_ufunc = functools.cache(_read_signature)  # of which there are a few hundred


def is_default(function: Callable[..., Any], name: str, value: Any) -> bool:
    """Whether an argument says only what would hold without it."""
    try:
        default = inspect.signature(function).parameters[name].default
    except (KeyError, TypeError, ValueError):
        return False
    return value is default or (type(value) is type(default) and bool(value == default))


def is_superfluous(function: Callable[..., Any], name: str, value: Any) -> bool:
    """Whether an argument that a function here lacks may be left out: one that says how the result is to lie in memory,
    too."""
    return name == "subok" or (name == "order" and value in ("C", "F", "A", "K")) or is_default(function, name, value)


def check_function(name: str, f: Any, usage: str = "(f)(x)") -> None:
    """TypeError unless f can be called: the usual mistake is to call it first. usage: how tg.name is called."""
    if not callable(f):
        computed = "; for those of what is computed already, tg.gradients(y, xs)" if hasattr(f, "backward") else ""
        what = f"{name}: give a function, not a {type(f).__name__}"
        raise TypeError(f"{what}: tg.{name}{usage}, with f itself, not f(x){computed}")
