"""Python's other containers, and classes derived from dict, list and tuple: taken apart, and made again of new parts.

They are made again without their constructors, which may ask for something else: of the same class, with the same
attributes, a defaultdict's default and a deque's length.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple

_BASES: tuple[Any, ...] = (OrderedDict, dict, MappingProxyType, deque, list, tuple)


class Kind(NamedTuple):
    """What is left of a container without its parts. own: its default or its length. attributes: what it has besides
    its parts; None where those are its attributes (self.__dict__ = self)."""

    base: Any
    kind: Any
    keys: tuple[Any, ...]
    own: Any
    attributes: dict[str, Any] | None


Opened = tuple[Iterable[Any], tuple[str, ...], Kind, Callable[[Kind, list[Any]], Any]]


def open_container(x: Any) -> Opened | None:
    """Its parts, the steps to them, and how to make it again; None for what is no container.

    TypeError where it has an array besides its parts, which nobody would find there.
    """
    kind = type(x)
    base = next((base for base in _BASES if isinstance(x, base)), None)
    if base is None or isinstance(x, Enum) or hasattr(kind, "n_sequence_fields"):  # (such as os.stat's)
        return None
    pairs = list(base.items(x)) if hasattr(base, "items") else list(enumerate(base.__iter__(x)))
    keys = tuple([key for key, _ in pairs])
    attributes = getattr(x, "__dict__", {})
    own = x.default_factory if isinstance(x, defaultdict) else x.maxlen if isinstance(x, deque) else None
    meta = Kind(base, kind, keys, own, None if attributes is x else dict(attributes))
    for name, value in (meta.attributes or {}).items():
        if hasattr(value, "__array_function__"):
            raise TypeError(
                f"this {kind.__name__} has an array in its attribute {name}, besides its items; make it an item, or "
                "say with tg.tree.register what the class is made of"
            )
    return [part for _, part in pairs], tuple([f"[{key!r}]" for key in keys]), meta, make_container


def make_container(meta: Kind, parts: list[Any]) -> Any:
    """The container with other parts."""
    base, kind, keys, own, attributes = meta
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
    if attributes is None:
        made.__dict__ = made
    elif attributes:
        vars(made).update(attributes)
    return made


def advise(x: Any) -> str:
    """What to do with something that is neither an array nor a tree: the end of an error message."""
    if hasattr(x, "dtype"):
        return ""
    what = "give a list of what is in it" if hasattr(x, "__iter__") else "say with tg.tree.register what it is made of"
    return f"; {what}"
