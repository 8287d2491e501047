"""Which target a program is printed for: C where there is what it needs, NumPy elsewhere."""

from __future__ import annotations

import os

from ...callsite import warn
from .compiler import NotCompiled, find_compiler

TARGETS = ("auto", "numpy", "c")
VARIABLE = "TINYGRAD_LITE_TARGET"

_broken: list[str] = []  # why a compiler that is there was given up


_MOST_STEPS = 1500  # unless C is asked for: a compiler takes 15 ms for each


def choose_target(target: str, steps: int = 0) -> str:
    """ "c" or "numpy". target: as the user gave it; "auto" is the environment's choice, else C where that is possible,
    and the program has not too many steps, as an unrolled loop may have.

    ValueError for another one; RuntimeError, with what to install, where C is asked for and cannot be had.
    """
    if not isinstance(target, str) or target not in TARGETS:
        raise ValueError(f"target must be one of {', '.join(TARGETS)}, not {target!r}")
    if target == "auto":
        target = os.environ.get(VARIABLE) or "auto"
        if target not in TARGETS:
            raise ValueError(f"the environment variable {VARIABLE} must be one of {', '.join(TARGETS)}, not {target!r}")
    if target == "numpy" or _broken or (target == "auto" and steps > _MOST_STEPS):
        return "numpy"
    try:
        find_compiler()
    except NotCompiled as reason:
        if target == "c":
            raise RuntimeError(f'target="c": {reason}') from None
        return "numpy"
    return "c"


def give_up(name: str, reason: NotCompiled) -> None:
    """From now on this process makes no native code; the user is told once."""
    if not _broken:
        warn(
            f"{name} runs as NumPy, and so does all that is compiled from now on: {reason}. "
            'tg.compile(f, target="numpy") says so from the start'
        )
    _broken.append(str(reason))
