"""Where in the user's code we are: for error messages, and only when one is being written."""

from __future__ import annotations

import dis
import linecache
import re
import sys
from types import FrameType

import numpy as np

_PACKAGE = __name__.partition(".")[0]


def user_frame() -> FrameType | None:
    """The innermost frame that is neither ours nor NumPy's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in (_PACKAGE, "numpy"):
        frame = frame.f_back
    return frame


def user_line() -> str:
    """The line of the user's code that called us: 'model.py:12: y = float(t)'."""
    return line_at(user_place())


def user_place() -> str:
    """The file and the number of that line, 'model.py:12', without reading the file."""
    frame = user_frame()
    return "unknown line" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"


def line_at(place: str) -> str:
    """What stands at a place."""
    path, _, number = place.rpartition(":")
    return f"{place}: {linecache.getline(path, int(number)).strip()}".rstrip(": ") if path else place


_MADE = r"^\s*{name}\s*(?::[^=]+)?=.*\b(?:zeros|empty|ones|full)(?:_like)?\("
_NOT_HELD = (
    "collect the parts in a list, then np.stack; or make {} with tg.zeros{}, to write into it with gradients: an array "
    "of NumPy's cannot hold a Tensor"
)
_STORES = {dis.opmap[name] for name in ("STORE_SUBSCR", "STORE_SLICE") if name in dis.opmap}


def advise_buffer(stored: bool = True) -> str | None:
    """What to write where the user's line writes into an array, `h[t] = value` or `h.fill(value)`, and the line where
    that array is made; None if the line does not. stored: only where just that is what is being done."""
    frame = user_frame()
    if frame is None:
        return None
    code, path = frame.f_code, frame.f_code.co_filename
    line = linecache.getline(path, frame.f_lineno)
    found = re.search(r"([A-Za-z_][\w.]*)\.(?:fill|put|itemset)\(", line)
    if not found and (not stored or code.co_code[frame.f_lasti] in _STORES):
        found = re.search(r"([A-Za-z_][\w.]*)\s*\[.*\]\s*(?:\*\*|//|[-+*/%@])?=(?!=)", line)
        if not found and stored:
            return _NOT_HELD.format("the array", "")
    if not found:
        return None
    name = found[1]
    is_global = name in frame.f_globals and name not in code.co_varnames
    first = 1 if is_global else code.co_firstlineno
    made = re.compile(_MADE.format(name=re.escape(name)))
    numbers = [n for n in range(first, frame.f_lineno) if made.search(linecache.getline(path, n))]
    where = f", instead of {line_at(f'{path}:{numbers[-1]}')}" if numbers else ""
    return _NOT_HELD.format(name, f"{where}, inside the function" if is_global else where)


_REMEDIES = [  # what a line looks like that made an array of a Tensor, and what to write instead
    (r"\.dot\(", "write X @ W for X.dot(W)"),
    (r"\.choose\(", "write np.choose(a, choices) for a.choose(choices)"),
    (r"\.searchsorted\(", "write np.searchsorted(a, v) for a.searchsorted(v)"),
    (
        r"\bnp\.(array|asarray|asanyarray)\(\s*[\[(]",
        "write np.stack([…]), np.concatenate or np.block for a list of Tensors",
    ),
    (r"\bnp\.\w+\(\s*\[", "write np.stack([…]) for a list of Tensors"),
]


def advise_instead_of_array() -> str:
    """Where an array was made of a Tensor, and what keeps the gradient there."""
    frame, inside = user_frame(), None
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "scipy":
        frame, inside = frame.f_back, frame
    if frame is None:
        return "say .numpy() if you mean the numbers alone"
    line = line_at(f"{frame.f_code.co_filename}:{frame.f_lineno}")
    if inside is not None:
        public = [part for part in inside.f_globals["__name__"].split(".") if not part.startswith("_")]
        name = ".".join([*public, inside.f_code.co_name])
        return f"{name} knows no Tensors; write NumPy's twin of it, or give it a rule with tg.custom_vjp ({line})"
    numbers = "say .numpy() if you mean the numbers alone"
    buffer = advise_buffer()
    if buffer is not None:
        return f"{buffer}, or {numbers} ({line})"
    remedies = [f"{remedy}, or {numbers}" for pattern, remedy in _REMEDIES if re.search(pattern, line)]
    return f"{remedies[0] if remedies else numbers} ({line})"


def variable_name(value: object) -> str | None:
    """What the user's code calls this object; None if no variable of the calling function holds it."""
    frame = user_frame()
    if frame is not None:
        for name, local in frame.f_locals.items():
            if local is value or (isinstance(local, np.ndarray) and getattr(local, "original", None) is value):
                return name
    return None
