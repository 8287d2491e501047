"""The operators, methods and attributes of Tensor: rows of the table under other names, and an ndarray's attributes.

Methods that change an array in place raise, and say what to write instead.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..batched import Batched
from ..callsite import user_line
from ..dispatch import handler_of
from ..foreign import to_numpy
from ..keywords import explain_keyword, explains_keywords
from ..table import read_rows
from ..tensor import Tensor, label
from . import buffer_functions, complex, elementwise, indexing, shaping
from .in_place import in_place


def _swap_operands(call: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda self, other: call(other, self)


def _reshape(self: Tensor, *shape: Any, order: str = "C") -> Any:
    """The same entries in another shape, given as numbers or as a tuple; one of them may be -1. See np.reshape."""
    return shaping.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)


def _transpose(self: Tensor, *axes: Any) -> Any:
    """The axes in another order, given as numbers or as a tuple; reversed without any. See np.transpose."""
    if not axes:
        return shaping.transpose.call(self)
    if len(axes) == 2 < self.ndim:
        two = f"np.swapaxes(t, {axes[0]}, {axes[1]}) exchanges two of them"
        raise ValueError(f"transpose: {label(self)} has {self.ndim} axes, and all are to be named; {two}")
    return shaping.transpose(self, axes[0] if len(axes) == 1 else axes)


_reshape.__qualname__, _transpose.__qualname__ = "Tensor.reshape", "Tensor.transpose"  # for Python's own errors
_transpose = explains_keywords(_transpose)


def _method(name: str, numpy: str = "") -> Callable[..., Any]:
    """NumPy's function (of the same name, unless another is given) as a method: t.sum(axis=0) is np.sum(t, axis=0)."""
    function = getattr(np, numpy or name)

    def method(self: Tensor, *args: Any, **keywords: Any) -> Any:
        try:
            return handler_of(function, function)(self, *args, **keywords)
        except TypeError as error:
            explained = explain_keyword(error, function, name)
            if explained is error:
                raise
            raise explained from None

    method.__name__, method.__qualname__ = name, f"Tensor.{name}"
    method.__doc__ = f"`t.{name}(...)` is `np.{numpy or name}(t, ...)`."
    return method


def _compress(self: Tensor, condition: Any, axis: int | None = None, out: Any = None) -> Any:
    """`t.compress(condition, axis)` is `np.compress(condition, t, axis)`."""
    return handler_of(np.compress, np.compress)(condition, self, axis, out)


def _contains(self: Tensor, value: Any) -> bool:
    return bool(handler_of(np.any, np.any)(elementwise.equal(self, value)))


# -- numbers out ------------------------------------------------------------------------------------------------------


def _tolist(self: Tensor) -> Any:
    """The numbers, as Python's own in nested lists. Inside a transform, as with .item(), a result that is computed from
    them and from nothing else raises."""
    return to_numpy(self._read(".tolist()", noted=True)).tolist()


def _tobytes(self: Tensor, order: Any = "C") -> bytes:
    """The numbers' bytes."""
    numbers: bytes = to_numpy(self._read(".tobytes()", noted=True)).tobytes(order)
    return numbers


# -- facts ------------------------------------------------------------------------------------------------------------


def _strides(self: Tensor) -> tuple[int, ...]:
    """As if they lay in C order: how they lie in memory is a Tensor's own affair."""
    strides, step = [], self.dtype.itemsize
    for n in reversed(self.shape):
        strides.append(step)
        step *= max(n, 1)
    return tuple(reversed(strides))


_FACTS: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "T": (shaping.transpose.call, "The axes in reverse order; a matrix transposed."),
    "mT": (shaping.matrix_transpose, "The last two axes exchanged: every matrix of a stack transposed."),
    "real": (complex.real.call, "The real parts."),
    "imag": (complex.imag.call, "The imaginary parts; of real numbers, zeros."),
    "flat": (shaping.ravel.call, "The entries one after the other, as a Tensor with one axis."),
    "itemsize": (lambda self: self.dtype.itemsize, "The bytes of one entry."),
    "nbytes": (lambda self: self.size * self.dtype.itemsize, "The bytes of all entries."),
    "strides": (_strides, "The bytes from one entry to the next along each axis, if they lie in C order."),
    "device": (lambda self: getattr(self._array, "device", "cpu"), 'Where the array is: "cpu" for NumPy\'s.'),
    "base": (lambda self: None, "None: a Tensor is no view of an array of yours."),
}

# -- what would change a Tensor --------------------------------------------------------------------------------------

_SET = "write t = tg.set_at(t, index, value)"
_REFUSED = {
    "sort": "write t = np.sort(t)",
    "partition": "write t = np.partition(t, kth)",
    "fill": "write t = np.full_like(t, value)",
    "put": _SET,
    "itemset": _SET,
    "setfield": _SET,
    "resize": "write t = np.resize(t, shape)",
    "byteswap": "say t.numpy() for an array of your own",
    "setflags": "say t.numpy() for an array of your own",
}


def _view(self: Tensor, *shape: Any) -> Any:
    """Raises TypeError: no two Tensors share their memory."""
    what = "write t.reshape(shape) for another shape, t.astype(dtype) for another dtype"
    raise TypeError(f".view() at {user_line()}: no two Tensors share their memory; for {label(self)}, {what}")


def _refusal(name: str, instead: str) -> Callable[..., Any]:
    def refuse(self: Tensor, *args: Any, **keywords: Any) -> Any:
        raise TypeError(
            f".{name}() at {user_line()} would change {label(self)}, which others are computed from; {instead}"
        )

    refuse.__name__, refuse.__qualname__ = name, f"Tensor.{name}"
    refuse.__doc__ = f"Raises TypeError, as it would change a Tensor that others are computed from: {instead}."
    return refuse


# -- all of them ------------------------------------------------------------------------------------------------------

_METHODS: dict[str, Callable[..., Any]] = {
    name: _method(name)
    for name in (
        *("sum", "mean", "max", "min", "prod", "std", "var", "cumsum", "cumprod", "all", "any"),
        *("argmax", "argmin", "argsort", "swapaxes", "ravel", "squeeze", "repeat", "take", "diagonal", "trace"),
        *("clip", "round", "copy", "astype", "dot", "nonzero", "searchsorted", "choose", "argpartition"),
        *("conj", "conjugate"),
    )
}
_METHODS |= {
    "reshape": _reshape,
    "transpose": _transpose,
    "flatten": _method("flatten", "ravel"),
    "compress": _compress,
    "view": _view,
    "tolist": _tolist,
    "tobytes": _tobytes,
    "__contains__": _contains,
    "__getitem__": indexing.getitem,
}


def _round(self: Tensor, digits: int | None = None) -> Any:
    """Python's round(t, digits), which is np.round."""
    return handler_of(np.round, np.round)(self, 0 if digits is None else digits)


_ONE_SIDED = {"eq", "ne", "lt", "le", "gt", "ge", "neg", "pos", "abs", "invert"}


def _install_operator(name: str, call: Callable[..., Any]) -> None:
    """Python's operator of this name, and its twin for a Tensor on the right (comparisons have none)."""
    setattr(Tensor, f"__{name}__", call)
    if name not in _ONE_SIDED:
        setattr(Tensor, f"__r{name}__", _swap_operands(call))


def install() -> None:
    """Give Tensor, and buffers, their operators, methods and attributes."""
    before = set(vars(Tensor))
    for op in read_rows():
        if op.operator is not None:
            _install_operator(op.operator.__name__.strip("_"), op.call)
    _install_operator("pow", elementwise.raise_to)
    _install_operator("divmod", elementwise.divmod)
    setattr(Tensor, "__round__", _round)  # noqa: B010
    setattr(Batched, "__pow__", elementwise.raise_each)  # noqa: B010 (a declared operator)
    for name, method in _METHODS.items():
        setattr(Tensor, name, method)
    for name, (fact, doc) in _FACTS.items():
        setattr(Tensor, name, property(fact, doc=doc))
    for name, instead in _REFUSED.items():
        setattr(Tensor, name, _refusal(name, instead))
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"):
        setattr(Tensor, f"__i{name}__", in_place(getattr(Tensor, f"__{name}__"), getattr(operator, f"i{name}")))
    buffer_functions.install([name for name in vars(Tensor) if name not in before])
