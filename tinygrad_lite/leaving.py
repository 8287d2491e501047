"""How results leave a transform.

Arrays in, arrays out: results are arrays unless an argument was a Tensor, or the function reached for a tensor of a
transform (or of a trace) that is still running around it. An array that leaves is one that nothing else refers to. A
Tensor that leaves is released: it keeps the marks of what it depends on outside, and loses those of the transform that
is over.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from . import tree
from .array_view import plain
from .batched import Batched, wrap
from .batching import elementwise
from .calling import record
from .context import current
from .op import linear
from .tensor import GRAD, LIFTED, PYTHON_NUMBERS, TRACED, Tensor, array_of, leaf

INSIDE = LIFTED | TRACED


def as_differentiable(x: Any) -> Any:
    """x; a Python float, of a program being recorded, as the array that it is when differentiated outside of one."""
    return np.asarray(x) if type(x) in PYTHON_NUMBERS else x


# The link from a lifted tensor to the one it stands for, and from a released one to what it was.
identity = linear(as_differentiable, lambda g, y, x: g, name="identity", batch=elementwise, alias=True)


def array_ids(values: Iterable[Any]) -> set[int]:
    """The ids of arrays, and of those in Tensors."""
    return {id(array_of(x)) for x in values}


class Exit:
    """Hands results to the caller: arrays that nothing else refers to, or Tensors that are rid of the transform.

    tensors: whether Tensors leave. outer: the flags of what the results depend on outside; a Tensor keeps no others.
    start: tensors older than this were there before. held: the ids of the arrays that the caller or the graph holds: no
    result may be one of these, or share its memory.
    """

    __slots__ = ("held", "outer", "start", "tensors")

    def __init__(self, tensors: bool, outer: int, start: int, held: set[int]) -> None:
        self.tensors, self.outer, self.start, self.held = tensors, outer, start, held

    def hand_out(self, output: Any) -> Any:
        """What a function returned, a tree."""
        if type(output) is Tensor:
            return self._value(output)
        return tree.map(lambda x: self._value(x) if type(x) is Tensor else plain(x), output)

    def _value(self, y: Tensor) -> Any:
        if self.tensors:
            return self._release(y)
        if y._op is None or y._seq < self.start:  # not made by this run: somebody else's array
            return y._array.copy()
        array = y._array if isinstance(y._array, np.generic) else self._own(y._array)
        self.held.add(id(array))
        return array

    def derivatives(self, found: Iterable[Any], xs: Iterable[Tensor]) -> list[Any]:
        """The derivatives that were found for xs; None stands for zeros."""
        if self.tensors:
            return [self._as_tensor(g, x) for g, x in zip(found, xs, strict=True)]
        held, own, ndarray = self.held, self._own, np.ndarray
        results = []
        for g, x in zip(found, xs):  # noqa: B905 (a keyword takes 0.2 µs)
            if type(g) is not ndarray or g.base is not None:
                g = own(np.zeros_like(x._array) if g is None else g)
            results.append(g)
        ids = {*map(id, results)}
        if len(ids) < len(results) or not held.isdisjoint(ids):  # one array twice, or one that somebody else holds
            for i, g in enumerate(results):
                results[i] = own(g)
                held.add(id(results[i]))
        held |= ids
        return results

    def _as_tensor(self, g: Any, x: Tensor) -> Any:
        if g is None:
            g = np.zeros_like(x._array)
        if isinstance(g, Tensor):
            g = g._current()  # a rule may have given a buffer
            g = self._release(record(identity, g._array, g._flags, (g,), {}) if id(g) in self.held else g)
        else:
            g = leaf(g, 0)
        self.held.add(id(g))
        return g

    def _own(self, array: Any) -> Any:
        """The array, copied if anything else may refer to its memory."""
        if isinstance(array, np.generic):
            return np.asarray(array)
        if getattr(array, "base", None) is not None or id(array) in self.held:
            return array.copy()
        return array

    def _release(self, t: Tensor) -> Tensor:
        """The Tensor, marked by what it depends on outside, no longer by the transform."""
        if type(t) is Batched:
            return wrap(self._release(t.whole), t.level)  # type: ignore[no-any-return]
        mode = current()
        flags = t._flags & (self.outer if mode is None or mode.grad_enabled else self.outer & ~GRAD)
        if flags == t._flags:
            return t
        if not flags & (GRAD | TRACED):
            return leaf(t._array, flags, t.name)
        released = record(identity, t._array, flags, (t,), {})
        released.name = t.name
        return released
