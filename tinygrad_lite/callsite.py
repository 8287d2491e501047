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
    frame = user_frame()
    if frame is None:
        return "unknown line"
    path, number = frame.f_code.co_filename, frame.f_lineno
    return f"{path}:{number}: {linecache.getline(path, number).strip()}".rstrip(": ")


def variable_name(value: object) -> str | None:
    """What the user's code calls this object; None if no variable of the calling function holds it."""
    frame = user_frame()
    if frame is not None:
        for name, local in frame.f_locals.items():
            if local is value:
                return name
    return None
