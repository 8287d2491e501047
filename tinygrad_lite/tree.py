"""Trees: nested dicts, lists, tuples, named tuples, dataclasses and objects of arrays, as flat lists and back.

A leaf is an array, a Tensor or a number. None, strings, booleans, slices, dtypes and functions are not leaves: they
belong to the structure and are handed back as they are, so that a dataclass of parameters may carry its activation's
name. An object of a class of the user's is a tree if its attributes hold arrays; the numbers among its attributes are
settings.
"""

from __future__ import annotations

import builtins
import itertools
from collections.abc import Callable, Iterable, Iterator
from types import EllipsisType
from typing import Any

import numpy as np

from .containers import is_plain, make_object, open_container
from .foreign import refuse_foreign
from .structure import LEAF as LEAF
from .structure import NONE, ONE_LEAF, Rebuild, Structure, check_stacked
from .structure import STATIC as STATIC
from .structure import tensors_in as tensors_in

__all__ = [
    "Structure",
    "flatten",
    "map",
    "paths",
    "ravel",
    "register",
    "unflatten",
]


def __dir__() -> list[str]:
    """What is public: an editor completes `tg.tree.` with this."""
    return __all__


Flatten = Callable[[Any], tuple[list[tuple[str, Any]], Any]]
_registered: dict[type, tuple[Flatten, Rebuild]] = {}
_childless: set[type] = {np.ndarray, float}  # types found to have no children: looked up once
_leaf_types: set[type] = {np.ndarray, float}  # those of them whose instances are leaves and not static


def register(cls: type, flatten: Flatten, rebuild: Rebuild) -> None:
    """Make instances of cls (and of its subclasses) trees.

    flatten: instance -> ([(path, child), ...], anything hashable that rebuild needs); path is how a reader would write
    the step, such as ".W1". rebuild: (that thing, new children) -> instance.

    >>> import tinygrad_lite as tg
    >>> class Span:
    ...     def __init__(self, low, high):
    ...         self.ends = low, high
    >>> def flatten(span):
    ...     return [(".low", span.ends[0]), (".high", span.ends[1])], None
    >>> tg.tree.register(Span, flatten, lambda _, ends: Span(*ends))
    >>> gradient = tg.grad(lambda s: s.ends[1] ** 2 - s.ends[0])(Span(1.0, 3.0))
    >>> gradient.ends
    (array(-1.), array(6.))
    """
    _registered[cls] = flatten, rebuild
    _childless.clear()
    _leaf_types.intersection_update({np.ndarray, float})


_readers: dict[type, Callable[[Any], Any]] = {}


def register_reader(cls: type, read: Callable[[Any], Any]) -> None:
    """Make instances of cls leaves that stand for what read gives of them at the moment."""
    _readers[cls] = read


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves of a tree in order, and its structure. ValueError for one that contains itself.

    >>> import tinygrad_lite as tg
    >>> tg.tree.flatten({"W": 1.0, "b": [2.0, None]})
    ([1.0, 2.0], dict(W: *, b: list(*, None)))
    """
    leaves: list[Any] = []
    try:
        return leaves, _flatten(tree, leaves)
    except RecursionError:
        raise ValueError(f"this {type(tree).__name__} contains itself, or is nested too deeply to be a tree") from None


_flat: dict[type, dict[Any, Structure]] = {dict: {}, list: {}, tuple: {}}
"""Structures whose children are all leaves, by the keys of a dict and the length of a sequence: parameters are most
often such a one, and flattened at every step."""
_MOST_FLAT = 1000  # so that a program that makes ever new keys does not grow


def _flatten(tree: Any, leaves: list[Any]) -> Structure:
    kind = type(tree)
    if kind in _leaf_types:
        leaves.append(tree)
        return ONE_LEAF
    if tree is None:
        return NONE
    flat = _flat.get(kind)
    if flat is None:
        return _flatten_any(tree, kind, leaves)
    children: Any = tree
    key: Any = len(tree)
    if kind is dict:
        children, key = tree.values(), tuple(tree)
    known = flat.get(key)
    if known is not None and _leaf_types.issuperset(builtins.map(type, children)):
        leaves += children
        return known
    structure = _flatten_any(tree, kind, leaves)
    if known is None and len(flat) < _MOST_FLAT and all(child is ONE_LEAF for child in structure.children):
        structure.only_leaves = True
        if kind is not dict or all(type(name) is str for name in key):
            flat[key] = structure
    return structure


def _flatten_any(tree: Any, kind: type, leaves: list[Any]) -> Structure:
    opened = _open(tree, kind)
    if opened is None:
        if kind in _readers:
            tree = _readers[kind](tree)
        if is_static(tree):
            return Structure(STATIC, tree)
        if kind not in _readers and not callable(tree):
            _leaf_types.add(kind)
        leaves.append(tree)
        return ONE_LEAF
    children, steps, meta, rebuild = opened
    before = len(leaves)
    part = _flatten_attribute if rebuild is make_object else _flatten
    structures = tuple([part(child, leaves) for child in children])
    if rebuild is make_object and len(leaves) == before:
        return Structure(STATIC, tree)  # an object that holds no arrays
    return Structure(kind, meta, rebuild, steps, structures, len(leaves) - before)


def _flatten_attribute(value: Any, leaves: list[Any]) -> Structure:
    is_array = hasattr(value, "__array_function__") and not isinstance(value, np.generic)
    if not is_array and _open(value, type(value)) is None:
        return Structure(STATIC, value)  # a setting
    before = len(leaves)
    structure = _flatten(value, leaves)
    if len(leaves) > before and all(
        type(x) is int for x in leaves[before:]
    ):  # the sizes of layers, say: a setting, too
        del leaves[before:]
        return Structure(STATIC, value)
    return structure


def unflatten(structure: Structure, leaves: Iterable[Any]) -> Any:
    """The tree of this structure with these leaves: the inverse of `flatten`.

    >>> import tinygrad_lite as tg
    >>> leaves, structure = tg.tree.flatten((1.0, {"a": 2.0}))
    >>> tg.tree.unflatten(structure, [10.0, 20.0])
    (10.0, {'a': 20.0})
    """
    return take(structure, iter(leaves))


def take(structure: Structure, leaves: Iterator[Any]) -> Any:
    """The same, taking the leaves that it needs from an iterator."""
    if structure is ONE_LEAF:
        return next(leaves)
    if structure.rebuild is None:
        return structure.meta
    if structure.only_leaves:
        children = list(itertools.islice(leaves, structure.size))
    else:
        children = [next(leaves) if child is ONE_LEAF else take(child, leaves) for child in structure.children]
    return structure.rebuild(structure.meta, children)


def map(f: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """f applied leaf by leaf to a tree, and to others of the same structure (else ValueError).

    What is no leaf is the first tree's: ValueError if f stacks modules whose running statistics differ.

    >>> import tinygrad_lite as tg
    >>> tg.tree.map(lambda a, b: a + b, {"x": 1}, {"x": 2})
    {'x': 3}
    """
    leaves, structure = flatten(tree)
    columns, structures = [leaves], [structure]
    for other in others:
        other_leaves, other_structure = flatten(other)
        if other_structure != structure:
            raise ValueError(f"the trees differ: {structure} and {other_structure}")
        columns.append(other_leaves)
        structures.append(other_structure)
    results = [f(*column) for column in zip(*columns, strict=True)]
    if others and tensors_in(structure) and [*builtins.map(np.shape, leaves)] != [*builtins.map(np.shape, results)]:
        check_stacked(structures)
    return unflatten(structure, results)


def paths(tree: Any, prefix: str = "") -> list[str]:
    """How a reader would write each leaf of a tree, in the order of `flatten`. prefix: what the tree is called.

    >>> import tinygrad_lite as tg
    >>> tg.tree.paths({"W": 1.0, "b": [2.0, 3.0]}, "params")
    ["params['W']", "params['b'][0]", "params['b'][1]"]
    """
    return flatten(tree)[1].paths(prefix)


def ravel(tree: Any) -> tuple[Any, Callable[[Any], Any]]:
    """All leaves of a tree in one vector, and the function that makes the tree of such a vector again.

    The vector has the dtype that NumPy's promotion gives; each leaf gets its own back. Both are differentiable.
    TypeError for leaves of which some are whole numbers, or bools, and some not: those would not come back the same.

    >>> import numpy as np, tinygrad_lite as tg
    >>> vector, unravel = tg.tree.ravel({"W": np.array([[1.0, 2.0]]), "b": 3.0})
    >>> vector
    array([1., 2., 3.])
    >>> unravel(vector * 10)
    {'W': array([[10., 20.]]), 'b': array(30.)}
    """
    leaves, structure = flatten(tree)
    for x in leaves:
        refuse_foreign(x, "ravel")
    leaves = [x if hasattr(x, "dtype") else np.asarray(x) for x in leaves]
    if len({x.dtype.kind in "fc" for x in leaves}) > 1:
        pairs = zip(structure.paths("tree"), leaves, strict=True)
        path, x = next((path, x) for path, x in pairs if x.dtype.kind not in "fc")
        raise TypeError(f"ravel: {path} is {x.dtype} beside floats, and would not come back as it was; leave it out")
    sizes = [x.size for x in leaves]
    stops = list(itertools.accumulate(sizes))

    def unravel(vector: Any) -> Any:
        if np.shape(vector) != (sum(sizes),):
            raise ValueError(f"unravel: the vector has shape {np.shape(vector)}; {(sum(sizes),)} is needed")
        parts = []
        for x, size, stop in zip(leaves, sizes, stops, strict=True):
            part = np.reshape(vector[stop - size : stop], x.shape)
            if part.dtype.kind == "c" and x.dtype.kind != "c":
                part = np.real(part)
            parts.append(part if part.dtype == x.dtype else part.astype(x.dtype))
        return unflatten(structure, parts)

    return np.concatenate([np.reshape(x, -1) for x in leaves]) if leaves else np.zeros(0), unravel


def children(tree: Any) -> Iterable[Any]:
    """What a tree is made of directly; nothing for a leaf."""
    opened = _open(tree, type(tree))
    return () if opened is None else opened[0]


def is_class_of_trees(kind: type) -> bool:
    """Whether instances of a class (no container) are trees of their attributes."""
    return any(base in _registered for base in kind.__mro__) or is_plain(kind)


def is_static(x: Any) -> bool:
    """Whether x is part of a structure rather than a leaf."""
    return x is None or isinstance(x, _STATIC_TYPES) or (callable(x) and not hasattr(x, "shape"))


_STATIC_TYPES = (str, bytes, bool, type, slice, EllipsisType, np.dtype)


def _open(tree: Any, kind: type) -> tuple[Iterable[Any], tuple[str, ...], Any, Rebuild] | None:
    """Children, the steps to them, what rebuilding needs, and the rebuilder; None for what has no children."""
    if kind in _childless:
        return None
    if kind is dict:
        return tree.values(), tuple([f"[{key!r}]" for key in tree]), tuple(tree), _rebuild_dict
    if kind is list or kind is tuple:
        steps = tuple([f"[{i}]" for i in range(len(tree))])
        return tree, steps, None, _rebuild_list if kind is list else _rebuild_tuple
    for base in kind.__mro__:
        if base in _registered:
            flatten, rebuild = _registered[base]
            items, meta = flatten(tree)
            return [child for _, child in items], tuple([step for step, _ in items]), meta, rebuild
    opened = open_container(tree)
    if opened is None:
        _childless.add(kind)
    return opened


def _rebuild_dict(keys: tuple[Any, ...], children: list[Any]) -> Any:
    return dict(zip(keys, children))  # noqa: B905 (a keyword takes 0.2 µs)


def _rebuild_list(_: None, children: list[Any]) -> Any:
    return children


def _rebuild_tuple(_: None, children: list[Any]) -> Any:
    return tuple(children)
