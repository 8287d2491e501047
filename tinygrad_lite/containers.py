"""What is neither a plain dict, list or tuple: taken apart, and made again of new parts.

Named tuples, dataclasses, objects of the user's; Python's other containers, and classes derived from dict, list and
tuple. They are made again without their constructors, which may ask for something else: of the same class, with the
same attributes, a defaultdict's default and a deque's length.
"""

from __future__ import annotations

import dataclasses
import sys
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from enum import Enum
from functools import cached_property
from types import MappingProxyType, SimpleNamespace
from typing import Any, NamedTuple

_BASES: tuple[Any, ...] = (OrderedDict, dict, MappingProxyType, deque, list, tuple)


class Kind(NamedTuple):
    """What is left of a container without its parts. own: its default or its length. has_attributes: whether they are
    its last part; None where its items are its attributes (self.__dict__ = self)."""

    base: Any
    kind: Any
    keys: tuple[Any, ...]
    own: Any
    has_attributes: bool | None


Opened = tuple[Iterable[Any], tuple[str, ...], Any, Callable[[Any, list[Any]], Any]]
"""Its parts, the steps to them, what making it again needs, and what makes it again."""


def open_container(x: Any) -> Opened | None:
    """What an object is made of; None for what is no container."""
    kind = type(x)
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return x, _attribute_steps(x._fields), kind, make_namedtuple
    if dataclasses.is_dataclass(x) and not isinstance(x, type):
        names = tuple(field.name for field in dataclasses.fields(x))
        return [getattr(x, name) for name in names], _attribute_steps(names), (kind, names), make_dataclass
    base = next((base for base in _BASES if isinstance(x, base)), None)
    if base is not None and not isinstance(x, Enum) and not hasattr(kind, "n_sequence_fields"):  # (such as os.stat's)
        return _open_derived(x, base)
    if is_plain(kind):
        own = {name: value for name, value in vars(x).items() if not _is_cached(kind, name)}
        return own.values(), _attribute_steps(own), (kind, tuple(own)), make_object
    return None


def _is_cached(kind: type, name: str) -> bool:
    """Whether an attribute is what a cached_property has computed of the others: of other values it is another."""
    return isinstance(getattr(kind, name, None), cached_property)


def _attribute_steps(names: Iterable[str]) -> tuple[str, ...]:
    return tuple([f".{name}" for name in names])


def _open_derived(x: Any, base: Any) -> Opened:
    """An instance of one of Python's other containers, or of a class derived from one of all."""
    kind = type(x)
    pairs = list(base.items(x)) if hasattr(base, "items") else list(enumerate(base.__iter__(x)))
    keys = tuple([key for key, _ in pairs])
    attributes = getattr(x, "__dict__", {})
    own = x.default_factory if isinstance(x, defaultdict) else x.maxlen if isinstance(x, deque) else None
    meta = Kind(base, kind, keys, own, None if attributes is x else bool(attributes))
    parts, steps = [part for _, part in pairs], [f"[{key!r}]" for key in keys]
    if meta.has_attributes:
        parts.append(SimpleNamespace(**attributes))  # an object, whose arrays are parts, and whose numbers are settings
        steps.append("")
    return parts, tuple(steps), meta, make_container


def make_container(meta: Kind, parts: list[Any]) -> Any:
    """The container with other parts."""
    base, kind, keys, own, has_attributes = meta
    parts, attributes = (parts[:-1], vars(parts[-1])) if has_attributes else (parts, {})
    if base is MappingProxyType:
        return MappingProxyType(dict(zip(keys, parts, strict=True)))
    if base is tuple:
        made: Any = tuple.__new__(kind, parts)
    else:
        made = kind.__new__(kind)
        if base is deque:
            deque.__init__(made, parts, own)
        elif base is list:
            list.extend(made, parts)
        else:
            for key, part in zip(keys, parts, strict=True):
                base.__setitem__(made, key, part)
    if isinstance(made, defaultdict):
        made.default_factory = own
    if has_attributes is None:
        made.__dict__ = made
    elif has_attributes:
        vars(made).update(attributes)
    return made


def make_namedtuple(kind: Any, parts: list[Any]) -> Any:
    return kind(*parts)


def make_dataclass(meta: tuple[type, tuple[str, ...]], parts: list[Any]) -> Any:
    return make_object(meta, parts)  # apart from it, since numbers are a dataclass's parts and an object's settings


def make_object(meta: tuple[type, tuple[str, ...]], parts: list[Any]) -> Any:
    """An object with other attributes. Not by __init__, which may validate or compute: a gradient need not look like a
    value."""
    kind, names = meta
    made: Any = kind() if kind is SimpleNamespace else object.__new__(kind)
    for name, part in zip(names, parts, strict=True):
        object.__setattr__(made, name, part)
    return made


_PLAIN_OF_PYTHONS = {
    *("collections.UserDict", "collections.UserList", "collections.ChainMap"),
    *("types.SimpleNamespace", "argparse.Namespace"),
}
"""Classes of Python's own that are nothing but their attributes."""


def is_plain(kind: type) -> bool:
    """Whether instances are nothing but their attributes: of a class written in Python, neither an array nor ours."""
    if f"{kind.__module__}.{kind.__qualname__}" in _PLAIN_OF_PYTHONS:
        return True
    written_in_python = (
        kind.__flags__ & 1 << 9 and kind.__dictoffset__ and kind.__module__ not in sys.stdlib_module_names
    )
    arrays = ("shape", "dtype", "__array__")
    ours = kind.__module__.partition(".")[0] == __name__.partition(".")[0]
    return bool(written_in_python) and not ours and not any(hasattr(kind, name) for name in arrays)


def advise(x: Any) -> str:
    """What to do with something that is neither an array nor a tree: the end of an error message."""
    if hasattr(x, "dtype"):
        return ""
    what = "give a list of what is in it" if hasattr(x, "__iter__") else "say with tg.tree.register what it is made of"
    return f"; {what}"
