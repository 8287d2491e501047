"""Where in the user's code we are: for error messages, and only when one is being written."""

from __future__ import annotations

import linecache
import sys
from types import FrameType

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


def variable_name(value: object) -> str | None:
    """What the user's code calls this object; None if no variable of the calling function holds it."""
    frame = user_frame()
    if frame is not None:
        for name, local in frame.f_locals.items():
            if local is value:
                return name
    return None
