"""The functions around buffers: those that make one, Tensor's operators on one, and NumPy's that write into one."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..alike import find_foreign
from ..axes import positive_axis
from ..batched import Batched
from ..keywords import explains_keywords
from ..tensor import Tensor
from .buffers import Buffer, check_same_kind, writing

# -- what Tensor's operators and methods are on a buffer -----------------------------------------------------------


def _on_current(method: Callable[..., Any]) -> Callable[..., Any]:
    def read(self: Buffer, *args: Any, **keywords: Any) -> Any:
        return method(self._current(), *args, **keywords)

    read.__doc__ = method.__doc__
    return read


def _in_place(sign: Callable[[Any, Any], Any]) -> Callable[[Buffer, Any], Buffer]:
    def write(self: Buffer, other: Any) -> Buffer:
        result = sign(self._current(), other)
        check_same_kind(self, result)
        self[...] = result
        return self

    return write


def install(names: Sequence[str]) -> None:
    """Make Tensor's operators, methods and properties of these names read a buffer first."""
    for name in names:
        if name not in vars(Buffer):
            member = getattr(Tensor, name)
            if isinstance(member, property):
                setattr(Buffer, name, property(_on_current(member.fget), doc=member.__doc__))  # type: ignore[arg-type]
            else:
                setattr(Buffer, name, _on_current(member))
    for name in ("float", "int", "complex", "index", "bool", "format"):
        setattr(Buffer, f"__{name}__", _on_current(getattr(Tensor, f"__{name}__")))
    for sign in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"):
        setattr(Buffer, f"__i{sign}__", _in_place(getattr(operator, sign)))


# -- NumPy's functions that write into their argument --------------------------------------------------------------


def _copyto(dst: Buffer, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    dst[...] = src if where is True else np.where(where, src, dst)


def _put(a: Buffer, ind: Any, v: Any, mode: str = "raise") -> None:
    places = np.unravel_index(np.ravel(np.asarray(ind)), a.shape) if mode == "raise" else None
    if places is None:
        raise TypeError(f"np.put(mode={mode!r}) is not supported on a buffer; write b[index] = value")
    a[places] = np.resize(v, places[0].shape) if np.size(v) != 1 else np.reshape(v, ())


def _fill_diagonal(a: Buffer, val: Any, wrap: bool = False) -> None:
    if a.ndim != 2 or wrap or np.ndim(val):
        raise TypeError("np.fill_diagonal on a buffer takes a matrix and one number; write b[index] = value")
    a[np.diag_indices(min(a.shape))] = val


def _putmask(a: Buffer, mask: Any, values: Any) -> None:
    if np.size(values) != 1 and np.shape(values) != a.shape:
        raise TypeError("np.putmask on a buffer takes one value, or one for each entry; write b[mask] = values")
    a[...] = np.where(mask, np.reshape(values, ()) if np.size(values) == 1 else values, a)


def _place(arr: Buffer, mask: Any, vals: Any) -> None:
    mask = np.asarray(mask, bool)
    arr[mask] = np.resize(vals, np.count_nonzero(mask))


def _put_along_axis(arr: Buffer, indices: Any, values: Any, axis: int | None = -1) -> None:
    if axis is None:
        _put(arr, indices, values)
        return
    axis = positive_axis(axis, arr.ndim)
    index = list(np.ix_(*map(np.arange, arr.shape)))
    index[axis] = np.asarray(indices)
    arr[tuple(index)] = values


writing |= {
    np.copyto: _copyto,
    np.put: _put,
    np.fill_diagonal: _fill_diagonal,
    np.putmask: _putmask,
    np.place: _place,
    np.put_along_axis: _put_along_axis,
    np.copy: lambda a, *order, **keywords: a.copy(),
}


# -- making them ---------------------------------------------------------------------------------------------------


@explains_keywords
def zeros(shape: Any, dtype: Any = float) -> Buffer:
    """An array of zeros that can be written into piece by piece, with gradients, as a NumPy array can.

    shape, dtype: as for np.zeros. It is a Tensor in every other way. What is read of it keeps its values when it is
    written into later, and a value that is overwritten has no gradient any more from there on. TypeError if a complex
    number is written into real ones, if a Tensor with a gradient is written into whole numbers, or if a value of a
    transform is written into a buffer made outside of it.

    >>> import numpy as np, tinygrad_lite as tg
    >>> def total(w, x):
    ...     h = tg.zeros(4)
    ...     for t in range(1, 4):
    ...         h[t] = w * h[t - 1] + x[t]
    ...     return np.sum(h)
    >>> tg.grad(total)(0.5, np.ones(4))
    array(3.)
    """
    _refuse_size("zeros", shape, dtype)
    return Buffer(np.zeros(shape, dtype))


def _refuse_size(function: str, shape: Any, dtype: Any) -> None:
    """TypeError for zeros(2, 3), where zeros((2, 3)) is meant."""
    if type(dtype) is int:
        raise TypeError(f"{function}({shape}, {dtype}): the shape is one argument: {function}(({shape}, {dtype}))")


@explains_keywords
def empty(shape: Any, dtype: Any = float) -> Buffer:
    """As `zeros`, for np.empty: what has not been written yet is 0.

    >>> import tinygrad_lite as tg
    >>> x = tg.empty((2, 2)); x[0] = 1.0; x[1] = [2.0, 3.0]; x
    Buffer([[1., 1.],
            [2., 3.]])
    """
    return zeros(shape, dtype)


@explains_keywords
def ones(shape: Any, dtype: Any = float) -> Buffer:
    """As `zeros`, for np.ones.

    >>> import tinygrad_lite as tg
    >>> tg.ones(2)
    Buffer([1., 1.])
    """
    _refuse_size("ones", shape, dtype)
    return Buffer(np.ones(shape, dtype))


@explains_keywords
def full(shape: Any, fill_value: Any, dtype: Any = None) -> Buffer:
    """As `zeros`, for np.full; the gradient flows to a Tensor fill_value that it is filled with.

    >>> import tinygrad_lite as tg
    >>> tg.grad(lambda x: tg.full(3, x).sum())(2.0)
    array(3.)
    """
    if dtype is None:
        dtype = fill_value.dtype if hasattr(fill_value, "dtype") else np.asarray(fill_value).dtype
    buffer = zeros(shape, dtype)
    buffer[...] = fill_value
    return buffer


@explains_keywords
def zeros_like(a: Any, dtype: Any = None, *, shape: Any = None) -> Any:
    """A buffer of zeros of the shape and dtype of an array or a Tensor; so is np.zeros_like of a Tensor.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.zeros_like(np.ones(2, np.float32))
    Buffer([0., 0.], dtype=float32)
    """
    if (foreign := find_foreign(a)) is not None:  # it is not ours to write into
        return np.zeros_like(foreign, dtype, shape=a.shape if shape is None else shape)
    if type(a) is Batched:
        return zeros(a.shape if shape is None else shape, a.dtype if dtype is None else dtype)
    return Buffer(np.zeros_like(a._array if isinstance(a, Tensor) else a, dtype, subok=False, shape=shape))


def full_like(a: Any, fill_value: Any, dtype: Any = None, *, shape: Any = None) -> Any:
    """The same for np.full_like."""
    buffer = zeros_like(a, dtype, shape=shape)
    buffer[...] = fill_value
    return buffer
