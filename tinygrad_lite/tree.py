"""Trees: nested dicts, lists, tuples, named tuples and dataclasses of arrays, as flat lists and back.

A leaf is an array, a Tensor or a number. None, strings, booleans and functions are not leaves: they belong to the
structure and are handed back as they are, so that a dataclass of parameters may carry its activation's name.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

Flatten = Callable[[Any], tuple[list[tuple[str, Any]], Any]]
Rebuild = Callable[[Any, list[Any]], Any]
_registered: dict[type, tuple[Flatten, Rebuild]] = {}
_childless: set[type] = {np.ndarray, float}  # types found to have no children: looked up once


def register(cls: type, flatten: Flatten, rebuild: Rebuild) -> None:
    """Make instances of cls (and of its subclasses) trees.

    flatten: instance -> ([(path, child), ...], anything hashable that rebuild needs); path is how a reader would write
    the step, such as ".W1". rebuild: (that thing, new children) -> instance.
    """
    _registered[cls] = flatten, rebuild
    _childless.clear()


class Structure:
    """What is left of a tree without its leaves. Equal structures are alike in kind, keys and static parts."""

    __slots__ = ("children", "kind", "meta", "rebuild", "size")

    def __init__(
        self, kind: Any, meta: Any, rebuild: Rebuild | None, children: tuple[Structure, ...], size: int
    ) -> None:
        self.kind, self.meta, self.rebuild, self.children, self.size = kind, meta, rebuild, children, size

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Structure):
            return NotImplemented
        return self.kind is other.kind and bool(self.meta == other.meta) and self.children == other.children

    def __hash__(self) -> int:
        return hash((self.kind, self.size, len(self.children)))

    def __repr__(self) -> str:
        if self.kind is LEAF:
            return "*"
        if self.kind is STATIC:
            return repr(self.meta)
        parts = map(repr, self.children)
        if self.kind is dict:
            parts = (f"{key}: {part}" for key, part in zip(self.meta, parts, strict=True))
        return f"{self.kind.__name__}({', '.join(parts)})"


class LEAF:
    """The kind of a leaf."""


class STATIC:
    """The kind of a part that is not an array: None, a string, a flag, a function."""


_LEAF = Structure(LEAF, None, None, (), 1)


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves in order, and the structure.

    >>> flatten({"W": 1.0, "b": [2.0, None]})
    ([1.0, 2.0], dict(W: *, b: list(*, None)))
    """
    leaves: list[Any] = []
    return leaves, _flatten(tree, leaves)


def _flatten(tree: Any, leaves: list[Any]) -> Structure:
    opened = _open(tree)
    if opened is None:
        if is_static(tree):
            return Structure(STATIC, tree, None, (), 0)
        leaves.append(tree)
        return _LEAF
    items, meta, rebuild = opened
    before = len(leaves)
    children = tuple(_flatten(child, leaves) for _, child in items)
    return Structure(type(tree), meta, rebuild, children, len(leaves) - before)


def unflatten(structure: Structure, leaves: Iterable[Any]) -> Any:
    """The tree of this structure with these leaves.

    >>> leaves, structure = flatten((1.0, {"a": 2.0}))
    >>> unflatten(structure, [10.0, 20.0])
    (10.0, {'a': 20.0})
    """
    return _unflatten(structure, iter(leaves))


def _unflatten(structure: Structure, leaves: Iterator[Any]) -> Any:
    if structure.kind is LEAF:
        return next(leaves)
    if structure.rebuild is None:
        return structure.meta
    return structure.rebuild(structure.meta, [_unflatten(child, leaves) for child in structure.children])


def map(f: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """f applied leaf by leaf; others must have the same structure, else ValueError.

    >>> map(lambda a, b: a + b, {"x": 1}, {"x": 2})
    {'x': 3}
    """
    leaves, structure = flatten(tree)
    columns = [leaves]
    for other in others:
        other_leaves, other_structure = flatten(other)
        if other_structure != structure:
            raise ValueError(f"the trees differ: {structure} and {other_structure}")
        columns.append(other_leaves)
    return unflatten(structure, [f(*column) for column in zip(*columns, strict=True)])


def paths(tree: Any, prefix: str = "") -> list[str]:
    """How a reader would write each leaf, in the order of `flatten`.

    >>> paths({"W": 1.0, "b": [2.0, 3.0]}, "params")
    ["params['W']", "params['b'][0]", "params['b'][1]"]
    """
    opened = _open(tree)
    if opened is None:
        return [] if is_static(tree) else [prefix]
    return [path for step, child in opened[0] for path in paths(child, prefix + step)]


def is_static(x: Any) -> bool:
    """Whether x is part of a structure rather than a leaf."""
    return x is None or isinstance(x, (str, bytes, bool, type)) or (callable(x) and not hasattr(x, "shape"))


def _open(tree: Any) -> tuple[list[tuple[str, Any]], Any, Rebuild] | None:
    """Children with the steps to them, what rebuilding needs, and the rebuilder; None for a leaf."""
    kind = type(tree)
    if kind in _childless:
        return None
    if kind is dict:
        return [(f"[{key!r}]", child) for key, child in tree.items()], tuple(tree), _dict
    if kind is list:
        return [(f"[{i}]", child) for i, child in enumerate(tree)], None, _list
    if kind is tuple:
        return [(f"[{i}]", child) for i, child in enumerate(tree)], None, _tuple
    for base in kind.__mro__:
        if base in _registered:
            flatten, rebuild = _registered[base]
            items, meta = flatten(tree)
            return items, meta, rebuild
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return (
            [(f".{field}", child) for field, child in zip(tree._fields, tree, strict=True)],
            kind,
            _namedtuple,
        )
    if dataclasses.is_dataclass(tree) and not isinstance(tree, type):
        fields = [field.name for field in dataclasses.fields(tree)]
        return [(f".{name}", getattr(tree, name)) for name in fields], (kind, tuple(fields)), _dataclass
    _childless.add(kind)
    return None


def _dict(keys: tuple[Any, ...], children: list[Any]) -> Any:
    return dict(zip(keys, children, strict=True))


def _list(_: None, children: list[Any]) -> Any:
    return children


def _tuple(_: None, children: list[Any]) -> Any:
    return tuple(children)


def _namedtuple(kind: Any, children: list[Any]) -> Any:
    return kind(*children)


def _dataclass(meta: tuple[type, tuple[str, ...]], children: list[Any]) -> Any:
    kind, names = meta
    made: Any = object.__new__(
        kind
    )  # not __init__, which may validate or compute: a gradient need not look like a value
    for name, child in zip(names, children, strict=True):
        object.__setattr__(made, name, child)
    return made
