"""Batched: a Tensor that holds many examples, as the function that is mapped over them sees it: one example.

`tg.vmap` gives its function such Tensors. Whatever is done with one is done at once with the `whole`, whose first axis
counts the examples, by the batching rule of the row (batching.py). What is recorded is that, and so gradients,
programs and derivations never meet a Batched. Where vmap is put inside vmap, the whole is itself a Batched, of the
outer level; the innermost level is always the outermost wrapping.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .callsite import user_line
from .foreign import is_foreign
from .tensor import TRACED, Tensor, TraceError, leaf


def as_array(x: Any) -> Any:
    """What is no Tensor, as an array; one of another library as it is."""
    return x if is_foreign(x) else np.asarray(x)


class Level:
    """A vmap that runs. size: how many examples. outer: the one around it, or None."""

    __slots__ = ("is_open", "number", "outer", "size")

    def __init__(self, size: int, outer: Level | None) -> None:
        self.size, self.outer, self.is_open = size, outer, True
        self.number: int = 0 if outer is None else outer.number + 1


class Batched(Tensor):
    """One example's view of `whole`, which has the examples along its first axis."""

    __slots__ = ("level", "whole")

    level: Level
    whole: Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        return self.whole.shape[1:]

    @property
    def ndim(self) -> int:
        return self.whole.ndim - 1

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=int))

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.whole.dtype

    @property
    def _flags(self) -> int:  # type: ignore[override]
        return self.whole._flags | TRACED  # its numbers are not there to be read

    @property
    def _seq(self) -> int:  # type: ignore[override]
        return self.whole._seq

    @property
    def _op(self) -> Any:
        return self.whole._op

    @property
    def _array(self) -> Any:
        raise AttributeError("a Batched has no array of its own")

    def _read(self, how: str, noted: bool = False) -> Any:
        raise TraceError(
            f"{how} at {user_line()}: inside tg.vmap, {self.name or 'a Tensor'} stands for {self.level.size} examples "
            "at once and has no one value. Choose with np.where, return a cost as it is, without float() or .item(), "
            "or read numbers after the mapped call"
        )

    def detach(self) -> Any:
        return wrap(self.whole.detach(), self.level)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        self._read("np.asarray(t), or array[t] (for that write tg.Tensor(array)[t]),")

    def __reduce__(self) -> Any:
        raise TypeError("inside tg.vmap a Tensor stands for many examples at once; copy or pickle what vmap returns")

    def __repr__(self) -> str:
        return f"<{self.level.size} examples of {self.dtype} {self.shape}>"


def wrap(whole: Any, level: Level) -> Any:
    """The view of one example of this level. A Batched of a level further inside stays the outermost wrapping."""
    if type(whole) is Batched and whole.level.number > level.number:
        return wrap(wrap(_swap(whole.whole), level), whole.level)
    t: Batched = object.__new__(Batched)
    t.whole, t.level = whole if isinstance(whole, Tensor) else leaf(as_array(whole), 0), level
    t.grad, t.name = None, getattr(whole, "name", None)
    return t


def _swap(whole: Any) -> Any:
    """The examples of two levels, the other one first."""
    return np.moveaxis(whole, 0, 1)


def unwrap(x: Any, level: Level) -> Any:
    """The examples of this level along a new first axis; None where x is the same for all of them."""
    if type(x) is not Batched or x.level.number < level.number:
        return None
    if x.level is level:
        return x.whole
    inner = unwrap(x.whole, level)  # x is of a level further inside
    return None if inner is None else wrap(_swap(inner), x.level)


def repeat(x: Any, level: Level) -> Any:
    """The same for every example, along a new first axis (nothing is copied)."""
    return np.broadcast_to(x, (level.size, *np.shape(x)))


def every_example(x: Any, level: Level) -> Any:
    """x with the examples of this level along its first axis, whether it differs between them or not."""
    whole = unwrap(x, level)
    return repeat(x, level) if whole is None else whole


def whole_of(x: Any, level: Level | None) -> Any:
    """x for the examples of every vmap that is running, the outermost along the first axis. level: the innermost."""
    while level is not None:
        x, level = every_example(x, level), level.outer
    return x


def view_one(whole: Any, level: Level | None) -> Any:
    """One example's view of what `whole_of` gives."""
    return whole if level is None else wrap(view_one(whole, level.outer), level)
