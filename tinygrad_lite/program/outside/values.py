"""How the walk meets data: Tensors, arrays, and Python's containers."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from ...array_view import ArrayView
from ...tensor import LIFTED, TRACED, Tensor
from ..trace import make_input
from .attributes import Unread, visit_attributes
from .source import BYTES, CONTAINER, EQUAL, IMMUTABLE, INPUT, Source, is_fixed
from .walk import EVERYTHING, Walk

_LONG = 64  # a container of more numbers than this is compared as a whole


def visit_tensor(walk: Walk, source: Source, raw: bool) -> Any:
    t: Tensor = source.value
    if raw or t._flags & (LIFTED | TRACED) or t._op is not None:
        return t  # read by the program as it is; one that was computed has a history
    source.ask = INPUT
    source.stand_in = make_input(t._array, t.name or source.path, t._flags)
    if walk.way == EVERYTHING:
        source.stand_in.grad = walk.visit(t.grad, ("attribute", source, "grad"), f"{source.path}.grad", raw)
    elif t._flags:
        source.stand_in.grad = Unread()
        walk.left_out = True
    return source.stand_in


def visit_array(walk: Walk, source: Source, raw: bool) -> Any:
    array = source.value
    plain = type(array) is np.ndarray or isinstance(array, (np.memmap, ArrayView))
    if not plain and array is np.ma.masked:  # a constant, whose bytes cannot be read
        return array
    if array.dtype.kind == "O":  # its bytes say where objects are, not what they hold
        walk.visit(array.tolist(), ("call", source, "tolist"), source.path, True)
    if raw or not plain or array.dtype.kind not in "fciub":
        source.ask = BYTES
        if not raw:
            walk.left_out = True
        return array
    source.ask = INPUT
    source.stand_in = make_input(np.asarray(array).view(np.ndarray), source.path)
    return source.stand_in


def visit_container(walk: Walk, source: Source, raw: bool) -> Any:
    value: Any = source.value
    children = value.values() if isinstance(value, dict) else value
    if len(value) > _LONG and all(isinstance(x, IMMUTABLE) for x in children):
        source.ask, source.value = EQUAL, copy.copy(value)
        return value
    source.ask = CONTAINER
    walk.keep.append(children := list(children))
    source.keys = tuple(value) if isinstance(value, dict) else tuple(range(len(children)))
    raw = raw or not isinstance(value, dict) and type(value) not in (list, tuple) and not hasattr(value, "_fields")
    twin: Any = copy.copy(value) if isinstance(value, (dict, list)) and not raw else None
    if twin is not None:
        walk.found[id(value), raw] = source, twin  # it may contain itself
    new = [
        walk.visit(x, ("item", source, key), f"{source.path}[{key!r}]", raw)
        for key, x in zip(source.keys, children, strict=True)
    ]
    if isinstance(value, dict) and not all(map(is_fixed, value)):  # keys are objects that may change
        walk.visit_parts(source)
    if isinstance(value, dict) and type(value) is not dict:
        visit_attributes(walk, source, raw, None)
    if raw or _are_the_same(new, children):
        return value
    if isinstance(value, dict):
        for key, x in zip(source.keys, new, strict=True):
            dict.__setitem__(twin, key, x)
        return twin
    if isinstance(value, list):
        twin[:] = new
        return twin
    return type(value)(*new) if hasattr(value, "_fields") else tuple(new)


def _are_the_same(new: list[Any], old: list[Any]) -> bool:
    return all(a is b for a, b in zip(new, old, strict=True))
