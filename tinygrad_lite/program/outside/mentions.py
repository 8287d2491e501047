"""What code mentions: read from a function's code object, before it runs."""

from __future__ import annotations

import dis
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache, lru_cache, partial
from importlib.util import resolve_name
from types import CodeType, FunctionType
from typing import Any


def code_of(code: CodeType) -> Iterator[CodeType]:
    """The code, and that of the functions that are made in it."""
    yield code
    for constant in code.co_consts:
        if type(constant) is CodeType:
            yield from code_of(constant)


@lru_cache(1000)
def names_in(code: CodeType) -> set[str]:
    """The attributes and variables that the code mentions; strings too, for getattr(x, "W") and x.__dict__["W"]."""
    texts = [x for x in code.co_consts if type(x) is str]
    names = {*code.co_names, *(x for x in texts if x.isidentifier())}
    if not _RUN_TEXTS.isdisjoint(names):
        names |= {name for text in texts for name in re.findall(r"[^\W\d]\w*", text)}
    return names


_RUN_TEXTS = {"globals", "eval", "exec"}


def looks_numbers_up(codes: Iterable[CodeType]) -> bool:
    """Whether code may tell a traced number from the number, without reading it: `rates.get(step, 0.1)`."""
    return any(_LOOK_UP & set(code.co_names) or _asks_what_is_in(code) for code in codes)


_LOOK_UP = {"get", "setdefault", "pop", "isinstance", "type", "hash", "cache", "lru_cache"}


@lru_cache(1000)
def _asks_what_is_in(code: CodeType) -> bool:
    return any(i.opname == "CONTAINS_OP" for i in dis.get_instructions(code))


_CHANGE_CONTAINERS = {"append", "appendleft", "extend", "insert", "pop", "popleft", "popitem", "remove", "discard"} | {
    "add",
    "update",
    "setdefault",
    "clear",
}


@lru_cache(1000)
def changes_containers(code: CodeType) -> bool:
    """Whether code may change a list, a dictionary or a set."""
    subscripts = ("STORE_SUBSCR", "DELETE_SUBSCR")
    changes = any(i.opname in subscripts for i in dis.get_instructions(code))
    return changes or not _CHANGE_CONTAINERS.isdisjoint(code.co_names)


def names_assigned(code: CodeType) -> set[str]:
    """The attributes, and the variables from outside, that the code assigns."""
    stores = ("STORE_ATTR", "STORE_GLOBAL", "STORE_DEREF")
    return {i.argval for i in dis.get_instructions(code) if i.opname in stores}


@lru_cache(1000)
def globals_in(code: CodeType) -> set[str]:
    found: set[str] = set()
    for part in code_of(code):
        found |= {i.argval for i in dis.get_instructions(part) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
        if not _RUN_TEXTS.isdisjoint(part.co_names):
            found |= names_in(part)
    return found


MAY_LACK = {"getattr", "hasattr", "AttributeError"}
"""Names in code that may ask for an attribute which is not there."""
_IMPORT_BY_NAME = {"import_module", "__import__", "modules"}


@lru_cache(1000)
def imports_in(code: CodeType, package: str) -> set[str]:
    """The modules that the code imports when it runs. package: that of the module it stands in."""
    found = set()
    for part in code_of(code):
        instructions = [i for i in dis.get_instructions(part) if i.opname != "EXTENDED_ARG"]
        for level, _, i in zip(instructions, instructions[1:], instructions[2:], strict=False):
            if i.opname == "IMPORT_NAME":
                with suppress(ImportError):  # which is for the function to say
                    found.add(resolve_name("." * level.argval + i.argval, package))
        if not _IMPORT_BY_NAME.isdisjoint(part.co_names):
            found |= {text for text in part.co_consts if type(text) is str}
    return found


def functions_of(x: Any) -> list[FunctionType]:
    """The functions behind a member of a class: a method, a property, a static method."""
    if isinstance(x, property):
        parts = [x.fget]
    elif isinstance(x, (staticmethod, classmethod)):
        parts = [x.__func__]
    else:
        parts = [getattr(x, "func", None) if not isinstance(x, partial) else None, x]
    return [part for part in parts if type(part) is FunctionType]


def is_of_library(module: str) -> bool:
    return _is_library(module.partition(".")[0])


@cache
def _is_library(name: str) -> bool:
    """Whether a package is ours, Python's own, or installed: its functions are taken to depend on their arguments."""
    if name == __name__.partition(".")[0] or name in sys.stdlib_module_names or name.startswith("_cython_"):
        return True
    file = getattr(sys.modules.get(name), "__file__", None) or ""
    return any(file.startswith(sysconfig.get_path(folder)) for folder in ("purelib", "platlib"))
