"""How the walk meets functions: what they hold is found in their cells, globals and defaults, and what stands for it is
put into those of a copy."""

from __future__ import annotations

import sys
from functools import partial
from types import CellType, FunctionType, MethodType
from typing import Any

from .mentions import MAY_LACK, code_of, globals_in, imports_in, is_of_library
from .source import HELD, KEYS, SAME, Source
from .walk import Walk


def visit_function(walk: Walk, source: Source, raw: bool) -> Any:
    f: FunctionType = source.value
    library = is_of_library(f.__module__ or "")
    if library and not f.__closure__:
        return f
    if not library:
        walk.codes |= set(code_of(f.__code__))
        if source is not walk.sources[0]:  # which has a caller, often no more to look for, and seldom other code
            walk.sources.append(Source(source.path, ("attribute", source, "__code__"), f.__code__, SAME))
    names = dict[str, Any](f.__globals__) if library else _copy_globals(walk, f, raw)
    cells = tuple(CellType() for _ in f.__closure__ or ())
    twin = FunctionType(f.__code__, f.__globals__ if library else names, f.__name__, f.__defaults__, cells)
    twin.__kwdefaults__ = f.__kwdefaults__
    twin.__dict__.update(f.__dict__)
    twin.__module__, twin.__qualname__, twin.__doc__ = f.__module__, f.__qualname__, f.__doc__
    if not raw:
        walk.found[id(f), raw] = source, twin
    changed = False
    for name, cell, new_cell in zip(f.__code__.co_freevars, f.__closure__ or (), cells, strict=True):
        try:
            x = cell.cell_contents
        except ValueError:  # nothing there yet
            continue
        if name == "__class__":
            new_cell.cell_contents = x
            walk.visit(x, ("object", x), x.__name__, True)
            continue
        walk.keep.append(cell)
        new_cell.cell_contents = walk.visit(x, ("cell", cell), name, raw)
        changed = changed or (new_cell.cell_contents is not x and new_cell.cell_contents is not twin)
    if not library:
        changed = _visit_globals(walk, f, names, raw) or changed
    for name in ("__defaults__", "__kwdefaults__"):
        x = getattr(f, name)
        if x:
            new = walk.visit(x, ("attribute", source, name), f"{f.__name__}.{name}", raw)
            setattr(twin, name, new)
            changed = changed or new is not x
    mentioned = walk.mentioned & f.__dict__.keys()
    if mentioned or not (library or walk.mentioned.isdisjoint(MAY_LACK)):
        attributes = Source(source.path, ("attribute", source, "__dict__"), None, KEYS, keys=tuple(f.__dict__))
        walk.sources.append(attributes)
        for name in sorted(mentioned):
            x = f.__dict__[name]
            twin.__dict__[name] = walk.visit(x, ("item", attributes, name), f"{source.path}.{name}", raw)
            changed = changed or twin.__dict__[name] is not x
    return twin if changed else f


def _copy_globals(walk: Walk, f: FunctionType, raw: bool) -> dict[str, Any]:
    key = id(f.__globals__), raw
    if key not in walk.globals:
        source = Source("globals()", ("object", f.__globals__), f.__globals__, HELD)
        walk.sources.append(source)
        walk.globals[key] = source, dict(f.__globals__)
    return walk.globals[key][1]


def _visit_globals(walk: Walk, f: FunctionType, names: dict[str, Any], raw: bool) -> bool:
    """Whether anything is another in the copy of the function's globals."""
    source, _ = walk.globals[id(f.__globals__), raw]
    changed = False
    mentioned = globals_in(f.__code__)
    walk.note_absent(f.__globals__, "globals()", mentioned)
    for name in sorted(mentioned & f.__globals__.keys()):
        x = f.__globals__[name]
        names[name] = walk.visit(x, ("item", source, name), name, raw)
        changed = changed or names[name] is not x
    imported = imports_in(f.__code__, f.__globals__.get("__package__") or "")
    walk.note_absent(sys.modules, "sys.modules", imported)
    for name in sorted(imported & sys.modules.keys()):
        walk.visit(sys.modules[name], ("object", sys.modules[name]), name, True)
    return changed


def visit_method(walk: Walk, source: Source, raw: bool) -> Any:
    method = source.value
    owner = method.__self__
    path = "self" if source.step[0] == "object" else source.path
    new = walk.visit(owner, ("attribute", source, "__self__"), path, raw)
    function = walk.visit(method.__func__, ("attribute", source, "__func__"), source.path, raw)
    if new is owner and function is method.__func__:
        return method
    return MethodType(function, new)


def visit_partial(walk: Walk, source: Source, raw: bool) -> Any:
    value = source.value
    parts = [
        walk.visit(getattr(value, name), ("attribute", source, name), f"{source.path}.{name}", raw)
        for name in ("func", "args", "keywords")
    ]
    if all(new is getattr(value, name) for new, name in zip(parts, ("func", "args", "keywords"), strict=True)):
        return value
    return partial(parts[0], *parts[1], **parts[2])
