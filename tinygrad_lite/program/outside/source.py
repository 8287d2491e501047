"""One value that a function reaches from outside: how it was reached, what was there, and what is asked of it at every
call."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ...tensor import Tensor

# What is asked of a source at every call.
HELD: Final = "held"  # nothing: it cannot change
SAME: Final = "same"  # to be the same object
EQUAL: Final = "equal"  # to be an equal number, string, …
BYTES: Final = "bytes"  # to be an array with the same numbers
KEYS: Final = "keys"  # to have the same keys: the attributes of an object
ABSENT: Final = "absent"  # to have none of these keys: names that are looked up further on, or not found
CONTAINER: Final = "container"  # to be of the same type and length, with the same keys
INPUT: Final = "input"  # to be of the same type, shape and dtype: the program takes it

IMMUTABLE = (int, float, complex, bool, str, bytes, type(None), type(Ellipsis), slice, range, np.generic, np.dtype)
_NUMBERS = (int, float, np.generic)


@dataclass(eq=False, slots=True)
class Source:
    """One value that is reached. path: as a reader would write it. step: from what, and how. value: what was there.

    stand_in: the traced Tensor in its place. twin: the source that has reached the same object before. keys: of a
    container. numbers: the bytes of an array that is compared.
    """

    path: str
    step: tuple[
        Any, ...
    ]  # ("object", it), ("cell", cell), ("item", source, key), ("attribute" or "call", source, name), ("parts", source)
    value: Any
    ask: str
    stand_in: Tensor | None = None
    twin: Source | None = None
    keys: tuple[Any, ...] = ()
    numbers: bytes = b""

    @property
    def name(self) -> Any:
        """The variable or attribute that it is the value of."""
        return self.path if self.step[0] == "cell" else self.step[-1]

    def has_changed(self) -> bool:
        """Whether a number, or the length or the keys of a container, is another now."""
        if self.ask == EQUAL:
            return not is_equal(self.read(), self.value)
        may_change = isinstance(self.value, (list, dict, deque)) or self.step[0] == "parts"
        if self.ask != CONTAINER or not may_change:
            return False
        now = self.read()
        return len(now) != len(self.keys) or (isinstance(now, dict) and tuple(now) != self.keys)

    def read(self) -> Any:
        """What is there now."""
        match self.step:
            case ("object", value):
                return value
            case ("cell", cell):
                return cell.cell_contents
            case ("item", parent, key):
                return parent.read()[key]
            case ("call", parent, name):
                return getattr(parent.read(), name)()
            case ("parts", parent):
                return tuple(parent.read())
            case (_, parent, name):
                return getattr(parent.read(), name)


def is_fixed(value: Any) -> bool:
    """Whether nothing in it can change, and its repr says all."""
    return isinstance(value, IMMUTABLE) or (isinstance(value, (tuple, frozenset)) and all(map(is_fixed, value)))


def is_variable(value: Any) -> bool:
    """Whether this is a number that a program may take as an input."""
    return isinstance(value, _NUMBERS) and type(value) is not bool and not isinstance(value, np.bool_)


def is_equal(a: Any, b: Any) -> bool:
    """Whether two values are the same for a program: 0.0 is not -0.0, 1 is not 1.0, nan is nan."""
    if isinstance(a, (set, frozenset)):
        return type(a) is type(b) and bool(a == b)
    return type(a) is type(b) and (a is b or (repr(a) == repr(b) and bool(a == b or a != a)))


def has_bytes(array: Any, kind: Any, shape: tuple[int, ...], dtype: Any, numbers: bytes) -> bool:
    """Whether an array has the numbers that it had."""
    return bool(type(array) is kind and array.shape == shape and array.dtype == dtype and array.tobytes() == numbers)


def owner(x: Any) -> Any:
    """The object whose memory an array shows."""
    while isinstance(x, np.ndarray) and x.base is not None:
        x = x.base
    return x
