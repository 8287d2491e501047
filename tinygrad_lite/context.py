"""What is switched on around the code that runs: gradients off, a trace, the debugger.

The ordinary case costs one look-up: `current()` is None. The switch is a `contextvars.ContextVar`, so threads and
asyncio tasks never see one another's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Mode:
    """The switches; an instance is never changed, a new one replaces it."""

    grad_enabled: bool = True
    tracing: bool = False  # every operation is recorded, whatever its operands
    watcher: Any = None  # the debugger: told of every recorded operation (see debug.py)


_mode: ContextVar[Mode | None] = ContextVar("tinygrad_lite", default=None)
current = _mode.get


@contextmanager
def switched(**changes: Any) -> Iterator[None]:
    """Run the body with some switches changed."""
    mode = replace(_mode.get() or Mode(), **changes)
    token = _mode.set(None if mode == Mode() else mode)
    try:
        yield
    finally:
        _mode.reset(token)


@contextmanager
def no_grad() -> Iterator[None]:
    """Compute without recording: nothing made in the body requires a gradient.

    >>> import tinygrad_lite as tg
    >>> w = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> with tg.no_grad():
    ...     y = w * 2
    >>> y.requires_grad
    False
    """
    with switched(grad_enabled=False):
        yield
