"""What is known of a tensor: its marks, and what it is called."""

from __future__ import annotations

from typing import Any, Final
from weakref import WeakValueDictionary

from .context import current, running

# One bit each; a result has the bits of all its operands (`a._flags | b._flags`).
GRAD: Final = 1  # a gradient can flow into it
TRACED: Final = 2  # it stands for a value in a program being recorded: its numbers must not be read
LIFTED: Final = 4  # it depends on the argument of a transform that is still running

# Parameters, by id, in whose place a module was given others: an optimiser that holds them does not train those.
replaced: WeakValueDictionary[int, Any] = WeakValueDictionary()


def is_left_over(t: Any) -> bool:
    """Whether a tensor depends on the argument of a transform that is over, and on none that is still running."""
    mode = current()
    if not t._flags & LIFTED or (t._flags & TRACED and mode is not None and mode.tracing):
        return False
    transform = running.get()
    return transform is None or t._seq < transform.outermost


def label(t: Any) -> str:
    """How an error message calls an operand: by name where it has one."""
    if hasattr(t, "_flags"):
        return t.name or "a Tensor"
    return "an array" if hasattr(t, "shape") else repr(t)
