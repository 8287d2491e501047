"""Views of arrays with one habit more than an ndarray has. They are for the user's hands: nothing of the kind is
recorded, and none leaves a transform."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .callsite import user_line


class ArrayView(np.ndarray[Any, Any]):
    """original: the array that it is a view of; None for what was cut out of it or computed from it."""

    original: Any = None

    def __reduce__(self) -> Any:
        return plain(self).__reduce__()

    def __reduce_ex__(self, protocol: Any) -> Any:
        return plain(self).__reduce_ex__(protocol)

    def __repr__(self) -> str:
        return repr(plain(self))


def plain(x: Any) -> Any:
    """The ordinary array behind a view; anything else as it is."""
    if not isinstance(x, ArrayView):
        return x
    return x.view(np.ndarray) if x.original is None else x.original


class LeafData(ArrayView):
    """The numbers of a leaf, read-only, since what was computed from them keeps them. `W.data -= step` gives the leaf
    new ones. owner: the leaf; None for what was cut out."""

    owner: Any = None

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return array[()] if return_scalar else array

    def copy(self, order: Any = "C") -> Any:
        return plain(self).copy(order)

    def __deepcopy__(self, memo: Any) -> Any:
        return plain(self).copy()

    def __setitem__(self, index: Any, value: Any) -> None:
        if not self.flags.writeable:
            raise ValueError(_read_only("W.data[index] = value"))
        super().__setitem__(index, value)


def leaf_data(array: Any, owner: Any) -> LeafData:
    """A leaf's numbers for its user."""
    view: LeafData = array.view(LeafData)
    view.flags.writeable = False
    view.owner = owner
    return view


def _read_only(what: str) -> str:
    return (
        f"{what} at {user_line()}: .data is read-only, since what was computed from it keeps it; give the leaf new "
        "numbers: W.data -= step, or W.data = a new array of the same shape and dtype"
    )


def _in_place(sign: Callable[[Any, Any], Any], name: str) -> Callable[[LeafData, Any], Any]:
    """W.data -= step: the leaf is given the result, of which a view is returned."""
    method = getattr(np.ndarray, name)

    def update(self: LeafData, other: Any) -> Any:
        owner = self.owner
        if owner is None and self.flags.writeable:
            return method(self, other)
        if owner is None or self.base is not owner._array:  # a part, or the numbers of before
            raise ValueError(_read_only("an array that was taken from W.data, changed in place"))
        result = sign(plain(self), other)
        if result.dtype != self.dtype and np.can_cast(result.dtype, self.dtype, "same_kind"):
            result = result.astype(self.dtype)
        owner.data = result
        return owner.data

    return update


for _name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"):
    setattr(LeafData, f"__i{_name}__", _in_place(getattr(operator, _name), f"__i{_name}__"))
