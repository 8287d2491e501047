"""How the walk meets objects, their classes, and modules."""

from __future__ import annotations

import copy
import ctypes
import os
from argparse import Namespace
from array import array
from collections import ChainMap, UserDict, UserList, deque
from collections.abc import ItemsView, KeysView, ValuesView
from contextvars import ContextVar
from enum import Enum
from inspect import getmro
from io import IOBase
from itertools import count
from mmap import mmap
from queue import Queue, SimpleQueue
from threading import local
from types import BuiltinMethodType, MappingProxyType, MethodWrapperType, ModuleType, SimpleNamespace
from typing import Any
from weakref import ReferenceType, WeakKeyDictionary, WeakSet, WeakValueDictionary

from ... import tree
from ...op import Op
from ...tensor import Tensor
from .attributes import ALL_ATTRIBUTES, is_ours, is_sparse, slots_of, visit_attributes
from .mentions import functions_of, is_of_library
from .source import CONTAINER, EQUAL, SAME, Source, is_fixed
from .values import visit_container
from .walk import Unreachable, Walk

MAKE_OBJECTS = frozenset({"__init__", "__new__", "__post_init__", "__init_subclass__", "__repr__", "__str__"})
"""Methods that do not run for an object that is there; the first of them mentions all its attributes."""
_WAYS_IN: list[tuple[Any, str, str]] = [
    (ContextVar, "call", "get"),
    (ReferenceType, "call", "__call__"),
    ((MappingProxyType, type(os.environ)), "call", "copy"),
    (ChainMap, "attribute", "maps"),
    (Queue, "attribute", "queue"),
    ((UserDict, UserList, WeakKeyDictionary, WeakValueDictionary, WeakSet), "attribute", "data"),
]
"""Objects of Python's own, and how to get at what they hold."""
_HOLD_OTHERS = ("__iter__", "__getitem__", "__next__", "get")


def visit_object(walk: Walk, source: Source, raw: bool) -> Any:
    value: Any = source.value
    kind = type(value)
    wrapped = getattr(value, "__dict__", {}).get("__wrapped__")
    if callable(wrapped):  # a compiled function, which inside a trace is what it was made from; a cache
        raw = raw or not is_of_library(kind.__module__) or kind.__module__ == "functools"
        inner = walk.visit(wrapped, ("attribute", source, "__wrapped__"), source.path, raw)
        return value if inner is wrapped else inner
    if isinstance(value, Tensor):
        return value  # a buffer, which says itself that it cannot be read
    if isinstance(value, Op):
        return _visit_op(walk, value, source.path)
    if isinstance(value, (set, frozenset)) and all(map(is_fixed, value)):
        source.ask, source.value = EQUAL, copy.copy(value)
        return value
    if isinstance(value, (set, frozenset, KeysView, ValuesView, ItemsView)):
        walk.visit_parts(source)
        return value
    if kind in (BuiltinMethodType, MethodWrapperType):  # `get = settings.get`, `draw = random.random`
        walk.visit(value.__self__, ("attribute", source, "__self__"), source.path, True)
        return value
    # (What a count gives, as a number for each object of a class, is never the same: the second trace would tell.)
    if hasattr(kind, "__next__") and is_of_library(kind.__module__) and not isinstance(value, (IOBase, count)):
        raise Unreachable(
            f"the function reaches {source.path} from outside, a {kind.__name__}, which gives something else every "
            f"time; pass what it gives as an argument"
        )
    if isinstance(value, deque):
        return visit_container(walk, source, True)
    if isinstance(value, (array, bytearray)):
        source.ask, source.value = EQUAL, copy.copy(value)
        return value
    if isinstance(value, (memoryview, mmap, ctypes.Array, SimpleQueue)):
        raise Unreachable(
            f"the function reaches {source.path} from outside, a {kind.__name__}, whose numbers nobody can watch; "
            "pass np.asarray of it as an argument"
        )
    for kinds, step, name in _WAYS_IN:
        if isinstance(value, kinds):
            try:
                held = getattr(value, name) if step == "attribute" else getattr(value, name)()
            except LookupError:
                return value
            walk.keep.append(held)
            walk.visit(held, (step, source, name), source.path, True)
            return value
    if hasattr(kind, "__array__") and not hasattr(kind, "__array_function__"):
        raise Unreachable(
            f"the function reaches {source.path} from outside, a {kind.__module__.partition('.')[0]}."
            f"{kind.__name__}, whose numbers a program cannot watch; pass np.asarray of it as an argument"
        )
    if not _is_open(kind) or not (hasattr(value, "__dict__") or slots_of(kind)):
        if any(hasattr(kind, name) for name in _HOLD_OTHERS):
            walk.opaque.append(source)
        return value
    is_mark = isinstance(value, Enum) or not (getattr(value, "__dict__", None) or slots_of(kind))
    if is_mark:  # what holds nothing is told from others of its kind by being itself
        walk.sources.append(Source(source.path, ("attribute", source, "__class__"), kind, SAME))
    else:
        source.ask = CONTAINER
    visit_members(walk, kind, MAKE_OBJECTS)
    blank = None if raw or is_mark or is_sparse(kind) else _make_blank(kind)
    return visit_attributes(walk, source, raw or blank is None, blank)


def _visit_op(walk: Walk, op: Op, path: str) -> Op:
    """An op of the user's: its rules are recorded, and what they reach is a part of the program."""
    rules = op.vjps if isinstance(op.vjps, tuple) else (getattr(op.vjps, "rule", None),)
    for rule in () if op.in_table else (op.fn, *rules, *op.partials):
        rule = getattr(rule, "denominator", rule)
        if callable(rule):
            walk.visit(rule, ("object", rule), path, True)
    return op


def visit_class(walk: Walk, source: Source, raw: bool) -> Any:
    visit_members(walk, source.value, frozenset())
    return source.value


def visit_members(walk: Walk, kind: type, but: frozenset[str]) -> None:
    """A class's data, and the code of its methods, which run as they are. but: methods that do not run."""
    any_name = not walk.mentioned.isdisjoint(ALL_ATTRIBUTES)
    for base in (*kind.__mro__, *getmro(type(kind))):
        if is_of_library(base.__module__) or (base, but) in walk.classes:
            continue
        walk.classes.add((base, but))
        attributes = walk.visit_namespace(base, f"{base.__name__}", "class")
        for name, x in list(vars(base).items()):
            special = name.startswith("__") and name.endswith("__")
            code = functions_of(x)
            if code:
                if (special or name in walk.mentioned) and name not in but:
                    path = f"{base.__name__}.{name}"
                    walk.sources.append(Source(path, ("item", attributes, name), x, SAME))
                    for function in code:
                        walk.visit(function, ("object", function), path, True)
            elif (name in walk.mentioned or any_name) and not special and not _is_of_python(x):
                walk.visit(x, ("item", attributes, name), f"{base.__name__}.{name}", True)


_CHANGES = {"os": {"environ": {"environ", "getenv"}}, "sys": {"argv": {"argv"}}}
"""What changes in modules of Python's own: by whichever of some names it is reached."""


def visit_module(walk: Walk, source: Source, raw: bool) -> Any:
    module = source.value
    if is_of_library(module.__name__):
        for name, mentions in _CHANGES.get(module.__name__, {}).items():
            if not mentions.isdisjoint(walk.mentioned):
                walk.visit(getattr(module, name), ("attribute", source, name), f"{source.path}.{name}", True)
        return module
    attributes = walk.visit_namespace(module, source.path, "module")
    walk.note_absent(vars(module), source.path, walk.mentioned)
    twin = ModuleType(module.__name__)
    twin.__dict__.update(vars(module))
    if not raw:
        walk.found[id(module), raw] = source, twin
    changed = False
    for name in sorted(walk.mentioned & vars(module).keys()):
        x = vars(module)[name]
        new = walk.visit(x, ("item", attributes, name), f"{source.path}.{name}", raw)
        twin.__dict__[name] = new
        changed = changed or new is not x
    return twin if changed else module


def _is_open(kind: type) -> bool:
    """Whether objects of this type are no more than their attributes."""
    if kind in (SimpleNamespace, Namespace) or any(base in tree._registered for base in kind.__mro__):
        return True
    return not is_of_library(kind.__module__) or kind is local or is_ours(kind) or is_sparse(kind)


def _is_of_python(x: Any) -> bool:
    """Whether a member of a class is one of Python's own descriptors, of slots say."""
    return hasattr(x, "__get__") and is_of_library(type(x).__module__)


def _make_blank(kind: type) -> Any:
    """A new object of this type, without its attributes; None where only its constructor can make one."""
    try:
        return kind() if kind in (SimpleNamespace, Namespace) else object.__new__(kind)
    except TypeError:
        return None
