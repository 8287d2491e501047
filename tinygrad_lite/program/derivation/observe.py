"""What the user calls things: the local variables of the functions that run, seen as they are bound."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import numpy as np

from ...rules.buffers import Buffer
from ...tensor import Tensor

_NOT_THE_USERS = (
    str(Path(__file__).parents[2]),
    str(Path(np.__file__).parent),
    str(Path(contextlib.__file__).parent) + os.sep + "contextlib",
    str(Path(contextlib.__file__).parent) + os.sep + "functools",
)
_PACKAGE = __name__.partition(".")[0]
_DEEPEST = 1_000_000  # the depth of what is known from a module's globals only
_WITHIN = 0.5  # what is in a list or a dict counts as half a level deeper
_MOST = 1000  # entries of a list that are looked at


class Variables:
    """Names of the Tensors and arrays met, whole numbers by name, and the numbers written in the functions' code.

    Of several names of one value the outermost function's counts, and there the first; an entry of a list has a name
    of its own only if nothing else names it.
    """

    def __init__(self) -> None:
        self._names: dict[int, tuple[float, str]] = {}
        self._held: list[Any] = []  # an id means something only while its object lives
        self._numbers: dict[str, set[int]] = {}
        self._codes: set[CodeType] = set()
        self._outside: set[int] = set()

    def name(self, value: Any) -> str | None:
        """What the user calls this Tensor or array."""
        found = self._names.get(id(value))
        return None if found is None else found[1]

    def tensors(self, start: int) -> list[Tensor]:
        """The named Tensors that were computed since start, oldest first."""
        computed = {id(t): t for t in self._held if type(t) is Tensor and t._op is not None and t._seq >= start}
        return sorted(computed.values(), key=lambda t: t._seq)

    @property
    def arrays(self) -> list[Any]:
        """The arrays that have a name."""
        return [x for x in self._held if isinstance(x, np.ndarray)]

    def is_outside(self, value: Any) -> bool:
        """Whether it is a variable of a function or module around those that ran."""
        return id(value) in self._outside

    @property
    def literals(self) -> set[float]:
        """The numbers that stand in the code of the functions that ran."""
        return {c for code in self._codes for c in code.co_consts if type(c) is int or type(c) is float}

    @property
    def sizes(self) -> dict[int, str]:
        """The variables that held one whole number, not a small one or one that stands in the code: {400: 'm'}."""
        sizes: dict[int, str] = {}
        for name, values in self._numbers.items():
            value = next(iter(values))
            if len(values) == 1 and value > 2 and value not in self.literals:
                sizes.setdefault(value, name)
        return sizes

    def note_locals(self, frame: FrameType, depth: float) -> None:
        for name, value in list(frame.f_locals.items()):
            if not name.isidentifier():
                continue
            self._note(name, value, depth)
            if name in frame.f_code.co_freevars:
                self._outside.add(id(value))
            if type(value) is int and name != "_":
                self._numbers.setdefault(name, set()).add(value)
            elif isinstance(value, Buffer):
                for i, (key, x) in enumerate(value.values()):
                    self._note(f"{name}{key if type(key) is int else i}", x, depth + _WITHIN)
                self._note(name, value.whole, depth)
            elif type(value) in (list, tuple):
                for i, x in enumerate(value[:_MOST]):
                    if self._is_new(x, depth + _WITHIN):
                        self._note(f"{name}{i}", x, depth + _WITHIN)
            elif type(value) is dict:
                for key, x in list(value.items())[:_MOST]:
                    if type(key) is str:
                        self._note(key, x, depth + _WITHIN)

    def note_globals(self, frame: FrameType) -> None:
        code = frame.f_code
        if code not in self._codes:
            self._codes.add(code)
            for name in code.co_names:
                self._note(name, frame.f_globals.get(name), _DEEPEST)
                self._outside.add(id(frame.f_globals.get(name)))

    def _note(self, name: str, value: Any, depth: float) -> None:
        if (type(value) is Tensor or isinstance(value, np.ndarray)) and self._is_new(value, depth):
            self._names[id(value)] = depth, name
            self._held.append(value)

    def _is_new(self, value: Any, depth: float) -> bool:
        """Whether it has no name yet, or one from further inside."""
        known = self._names.get(id(value))
        return known is None or depth < known[0]


def _is_users_code(frame: FrameType) -> bool:
    name = frame.f_code.co_filename
    made = name == "<string>" and frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE  # by dataclasses
    return not made and not name.startswith(_NOT_THE_USERS)


@contextmanager
def observing() -> Iterator[Variables]:
    """Watch the functions that the body calls, line by line; neither ours nor NumPy's."""
    seen = Variables()
    base = sys._getframe(2)

    def on_call(frame: FrameType, event: str, arg: Any) -> Any:
        if not _is_users_code(frame):
            return None
        depth, outer = 0, frame.f_back
        while outer is not None and outer is not base:
            depth, outer = depth + 1, outer.f_back
        seen.note_globals(frame)

        def on_line(frame: FrameType, event: str, arg: Any) -> Any:
            seen.note_locals(frame, depth)
            return on_line

        return on_line

    before = sys.gettrace()
    sys.settrace(on_call)
    try:
        yield seen
    finally:
        sys.settrace(before)
