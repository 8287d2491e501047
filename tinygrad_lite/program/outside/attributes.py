"""How the walk meets the attributes of an object: those that the code mentions, or all."""

from __future__ import annotations

from types import MemberDescriptorType
from typing import Any

from .mentions import is_of_library
from .source import IMMUTABLE, KEYS, Source
from .walk import MENTIONED, WATCHED, Walk

ALL_ATTRIBUTES = {"vars", "__dict__", "getattr", "dir", "attrgetter", "fields", "asdict", "astuple", "replace"} | {
    "copy",
    "deepcopy",
    "__getattribute__",
}
"""Names in code after which any attribute may be read."""


def visit_attributes(walk: Walk, source: Source, raw: bool, blank: Any) -> Any:
    """The attributes of an object; blank: a new one, to be given what stands for them."""
    value = source.value
    if blank is not None:
        walk.found[id(value), raw] = source, blank
    same = True
    every = is_ours(type(value)) or is_sparse(type(value))  # code of libraries is not read: any attribute may matter
    if hasattr(value, "__dict__"):
        items = list(value.__dict__.items())
        keys = tuple([name for name, _ in items])
        attributes = Source(source.path, ("attribute", source, "__dict__"), None, KEYS, keys=keys)
        walk.sources.append(attributes)
        for name, x in items:
            new = _visit_attribute(walk, name, x, ("item", attributes, name), source.path, raw, every)
            same = same and new is x
            if blank is not None:
                blank.__dict__[name] = new
    for name in slots_of(type(value)):
        if hasattr(value, name):
            x = getattr(value, name)
            walk.keep.append(x)
            new = _visit_attribute(walk, name, x, ("attribute", source, name), source.path, raw)
            same = same and new is x
            if blank is not None:
                object.__setattr__(blank, name, new)
    return value if blank is None or same else blank


def _visit_attribute(
    walk: Walk, name: str, value: Any, step: tuple[Any, ...], path: str, raw: bool, every: bool = False
) -> Any:
    if name not in walk.mentioned and not every:
        by_name = not walk.mentioned & ALL_ATTRIBUTES
        if walk.way == MENTIONED and not raw and not (by_name and isinstance(value, IMMUTABLE)):
            walk.left_out = True
            return Unread()
        if by_name and walk.way != WATCHED:
            return value
    return walk.visit(value, step, f"{path}.{name}", raw)


class Unread:
    """Stands for what the code does not seem to read. If it does, the function is traced again, another way."""

    def _refuse(self, *args: Any) -> Any:
        raise TypeError("an attribute was read that the code does not mention")

    __getattr__ = __bool__ = __len__ = __iter__ = __call__ = __getitem__ = __eq__ = _refuse
    __hash__ = object.__hash__


def slots_of(kind: type) -> list[str]:
    """The attributes that instances keep in slots."""
    bases = [base for base in kind.__mro__ if not is_of_library(base.__module__)]
    return [name for base in bases for name, x in vars(base).items() if type(x) is MemberDescriptorType]


def is_sparse(kind: type) -> bool:
    """Whether it is a sparse matrix of SciPy's, whose arrays are its attributes."""
    return kind.__module__.startswith("scipy.sparse")


def is_ours(kind: type) -> bool:
    """Whether it is a class of this package: an optimiser, a layer."""
    return kind.__module__.partition(".")[0] == __name__.partition(".")[0]
