"""What is switched on around the code that runs: gradients off, a trace, tg.debug(); and which transforms run.

The ordinary case costs one look-up: `current()` is None. The switches are `contextvars.ContextVar`s, so threads and
asyncio tasks never see one another's.
"""

from __future__ import annotations

import inspect
import sys
from contextlib import ContextDecorator
from contextvars import ContextVar
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any


@dataclass(frozen=True)
class Mode:
    """The switches; an instance is never changed, a new one replaces it."""

    grad_enabled: bool = True
    tracing: bool = False  # every operation is recorded, whatever its operands
    watcher: Any = None  # told of every recorded operation: a trace's guard, or tg.debug()
    runs_bodies: bool = False  # a long tg.scan runs the code of its body, traced once, in place of the user's function
    runs_again: bool = False  # tg.checkpoint repeats a function: what that changes, it has changed the first time
    draws: Any = None  # what tg.checkpoint knows of random numbers, to draw the same again: a generator for a generator


_NOTHING_SWITCHED = Mode()
_mode: ContextVar[Any] = ContextVar("tinygrad_lite", default=None)
current = _mode.get


class switched(ContextDecorator):
    """Context manager: run the body with some switches changed."""

    def __init__(self, **changes: Any) -> None:
        self._changes = changes

    def __call__(self, function: Any) -> Any:
        if (
            inspect.isgeneratorfunction(function)
            or inspect.iscoroutinefunction(function)
            or inspect.isasyncgenfunction(function)
        ):
            name = function.__name__
            raise TypeError(f"as a decorator it would end before {name} runs; write a with block inside {name}")
        return super().__call__(function)

    def _recreate_cm(self) -> switched:  # as a decorator: one of its own for each call
        return switched(**self._changes)

    def __enter__(self) -> None:
        outer = _mode.get()
        generator = _users_generator(sys._getframe(1))
        if generator is not None or type(outer) is _GeneratorMode:
            self._inside: Any = _GeneratorMode(outer, self._changes, generator)
        else:
            mode = replace(outer or _NOTHING_SWITCHED, **self._changes)
            self._inside = None if mode == _NOTHING_SWITCHED else mode
        self._outside = outer
        _mode.set(self._inside)

    def __exit__(self, *error: object) -> None:
        outer, inside = self._outside, self._inside
        if type(inside) is _GeneratorMode:
            inside.is_open = False
            if _mode.get() is not inside:
                return  # something that was opened later is still open; it looks through what is closed
        while type(outer) is _GeneratorMode and not outer.is_open:
            outer = outer.outer
        _mode.set(outer)


class _GeneratorMode:
    """The switches of a `with` block in a generator: while it is suspended, or after it was closed out of order, those
    around it count. It is asked at every operation, since nobody tells when a generator goes on."""

    def __init__(self, outer: Any, changes: dict[str, Any], generator: FrameType | None) -> None:
        self.outer, self.changes, self.generator, self.is_open = outer, changes, generator, True

    def __getattr__(self, name: str) -> Any:  # grad_enabled, tracing, …
        suspended = self.generator is not None and self.generator.f_back is None
        if name in self.changes and self.is_open and not suspended:
            return self.changes[name]
        return getattr(self.outer or _NOTHING_SWITCHED, name)


_BETWEEN = ("tinygrad_lite", "contextlib")


def _users_generator(frame: FrameType | None) -> FrameType | None:
    """The frame of the user's that opens a block, if it is a generator's.

    One that `contextlib` runs is itself a context manager: what it switches is meant for its caller.
    """
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in _BETWEEN:
        frame = frame.f_back
    if frame is None or not frame.f_code.co_flags & (inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR):
        return None
    caller = frame.f_back
    return None if caller is not None and caller.f_globals.get("__name__") == "contextlib" else frame


def no_grad() -> switched:
    """Compute without recording: nothing made in the body requires a gradient.

    >>> import tinygrad_lite as tg
    >>> w = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> with tg.no_grad():
    ...     y = w * 2
    >>> y.requires_grad
    False
    """
    return switched(grad_enabled=False)


running: ContextVar[Any] = ContextVar("running", default=None)
"""The innermost transform that is running (a Run, see lifting.py)."""


class alone:
    """Context manager: the transforms and the trace around it are none of the body's business.

    It is for functions of arrays that are called while something is recorded: an op's own function may compute a
    gradient itself. It is entered at every call of such an op, for which a generator and `switched` are too slow.
    """

    __slots__ = ("_mode", "_transform")

    def __enter__(self) -> None:
        self._transform = running.set(None)
        mode = self._mode = _mode.get()
        if mode is not None and mode.tracing:
            _mode.set(None if mode.grad_enabled else Mode(grad_enabled=False))

    def __exit__(self, *error: object) -> None:
        _mode.set(self._mode)
        running.reset(self._transform)
