"""Array arguments of a transform that it does not differentiate, as the function sees them.

`X.dot(W)` is a method of X, and NumPy lets nobody else answer it: with an ordinary array X it would ask the Tensor W
for its numbers. So the function is given a view of X whose methods know Tensors. It is an ndarray in every other way,
in the same memory; what is computed from it and what is cut out of it are so too, and nothing of the kind is recorded
or leaves the transform.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .array_view import ArrayView, plain
from .tensor import Tensor


class ArrayArgument(ArrayView):
    """A view of an argument; what is computed from it is a view again."""

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return array[()] if return_scalar else array.view(ArrayArgument)


def as_argument(x: Any) -> Any:
    """What a function is given for its argument x: arrays, those in a tuple too, as views that know Tensors."""
    x = plain(x)
    if type(x) is np.ndarray:
        view = x.view(ArrayArgument)
        view.original = x
        return view
    return tuple(map(as_argument, x)) if type(x) is tuple else x


def _knowing_tensors(name: str) -> Callable[..., Any]:
    """The method of this name: with a Tensor among its operands, NumPy's function."""
    method, function = getattr(np.ndarray, name), getattr(np, name)

    def call(self: Any, *operands: Any, **keywords: Any) -> Any:
        for x in (*operands, *keywords.values()):
            if isinstance(x, Tensor) or (type(x) in (list, tuple) and any(isinstance(part, Tensor) for part in x)):
                return function(plain(self), *operands, **keywords)
        return method(self, *operands, **keywords)

    call.__name__ = name
    return call


for _name in ("dot", "clip", "choose", "searchsorted"):
    setattr(ArrayArgument, _name, _knowing_tensors(_name))
