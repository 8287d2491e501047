"""What dropout draws. A program cannot draw, since it would keep the numbers of its first run: there, masks come from
outside. A first run tells which are needed; they are drawn before each call, in the order in which they are used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..context import current
from ..tensor import TraceError
from .initialise import generator


@dataclass(frozen=True)
class Request:
    """A mask that is needed: its entries are False with probability p."""

    rng: Any
    shape: tuple[int, ...]
    p: float

    def draw(self) -> Any:
        rng, mode = generator(self.rng), current()
        if mode is not None and mode.draws is not None:
            rng = mode.draws(rng)
        return rng.random(self.shape) >= self.p


_asking: ContextVar[list[Request] | None] = ContextVar("asking", default=None)
_given: ContextVar[Iterator[Any] | None] = ContextVar("given", default=None)


def take_mask(rng: Any, shape: tuple[int, ...], p: float, traced: bool) -> Any:
    """The next mask: one that was given, or drawn now. TraceError if it would be drawn in a trace."""
    request = Request(rng, shape, p)
    asking, given = _asking.get(), _given.get()
    if asking is not None:
        asking.append(request)
        return Request(np.random.default_rng(0), shape, p).draw()  # the real generator waits for the real call
    if given is not None:
        if getattr(getattr(current(), "watcher", None), "is_body", False):
            raise TraceError(
                "dropout: in a step of tg.scan, or a branch of tg.cond, a program would use one mask again and again. "
                "Draw the masks outside, scan over them, too, and call tg.nn.functional.dropout(x, p, mask=mask)"
            )
        mask = next(given, None)
        if mask is None or mask.shape != shape:
            raise RuntimeError("dropout: other masks are needed than in the first run, on arrays of the same shapes")
        return mask
    if traced:
        raise TraceError(
            "dropout: random numbers drawn while a function is traced would be the same at every call. Draw the "
            "mask outside, pass it in, and call tg.nn.functional.dropout(x, p, mask=mask); or call net.eval()"
        )
    return request.draw()


@contextmanager
def asking_for_masks() -> Iterator[list[Request]]:
    """Run the body on masks that stand for others, and list those that it needs."""
    requests: list[Request] = []
    token = _asking.set(requests)
    try:
        yield requests
    finally:
        _asking.reset(token)


@contextmanager
def giving_masks(masks: Sequence[Any]) -> Iterator[None]:
    """Run the body on these masks."""
    token = _given.set(iter(masks))
    try:
        yield
    finally:
        _given.reset(token)
