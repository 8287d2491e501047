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
from ..table import read_rows
from ..tensor import Tensor, label
from . import buffer_functions, complex, elementwise, indexing, shaping
from .in_place import in_place


def _swap_operands(call: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda self, other: call(other, self)


def _reshape(self: Tensor, *shape: Any, order: str = "C") -> Any:
    return shaping.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)


def _transpose(self: Tensor, *axes: Any) -> Any:
    if not axes:
        return shaping.transpose.call(self)
    return shaping.transpose(self, axes[0] if len(axes) == 1 else axes)


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    """NumPy's function as a method: t.sum(axis=0) is np.sum(t, axis=0)."""
    return lambda self, *args, **keywords: handler_of(function, function)(self, *args, **keywords)


def _compress(self: Tensor, condition: Any, axis: int | None = None) -> Any:
    return handler_of(np.compress, np.compress)(condition, self, axis)


def _contains(self: Tensor, value: Any) -> bool:
    return bool(handler_of(np.any, np.any)(elementwise.equal(self, value)))


# -- numbers out ------------------------------------------------------------------------------------------------------


def _tolist(self: Tensor) -> Any:
    """The numbers, as Python's own in nested lists. Inside a transform, as with .item(), a result that is computed from
    them and from nothing else raises."""
    return np.asarray(self._read(".tolist()", noted=True)).tolist()


def _tobytes(self: Tensor, order: Any = "C") -> bytes:
    """The numbers' bytes."""
    return np.asarray(self._read(".tobytes()", noted=True)).tobytes(order)


# -- facts ------------------------------------------------------------------------------------------------------------


def _strides(self: Tensor) -> tuple[int, ...]:
    """The bytes from one entry to the next along each axis, of a Tensor's entries one after the other in C order. (How
    they lie in memory is a Tensor's own affair.)"""
    strides, step = [], self.dtype.itemsize
    for n in reversed(self.shape):
        strides.append(step)
        step *= max(n, 1)
    return tuple(reversed(strides))


_FACTS: dict[str, Callable[[Tensor], Any]] = {
    "T": shaping.transpose.call,
    "mT": shaping.matrix_transpose,
    "real": complex.real.call,
    "imag": complex.imag.call,
    "flat": shaping.ravel.call,
    "itemsize": lambda self: self.dtype.itemsize,
    "nbytes": lambda self: self.size * self.dtype.itemsize,
    "strides": _strides,
    "device": lambda self: getattr(self._array, "device", "cpu"),
    "base": lambda self: None,
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
    "view": "its bytes have no gradient under another dtype; write t.astype(dtype), or t itself for a view of it",
    "setflags": "say t.numpy() for an array of your own",
}


def _refusal(name: str, instead: str) -> Callable[..., Any]:
    def refuse(self: Tensor, *args: Any, **keywords: Any) -> Any:
        raise TypeError(
            f".{name}() at {user_line()} would change {label(self)}, which others are computed from; {instead}"
        )

    return refuse


# -- all of them ------------------------------------------------------------------------------------------------------

_METHODS: dict[str, Callable[..., Any]] = {
    name: _method(getattr(np, name))
    for name in (
        *("sum", "mean", "max", "min", "prod", "std", "var", "cumsum", "cumprod", "all", "any"),
        *("argmax", "argmin", "argsort", "swapaxes", "ravel", "squeeze", "repeat", "take", "diagonal", "trace"),
        *("clip", "round", "copy", "astype", "dot", "nonzero", "searchsorted", "choose", "argpartition"),
    )
}
_METHODS |= {
    "reshape": _reshape,
    "transpose": _transpose,
    "flatten": _METHODS["ravel"],
    "compress": _compress,
    "conj": complex.conjugate.call,
    "conjugate": complex.conjugate.call,
    "tolist": _tolist,
    "tobytes": _tobytes,
    "__contains__": _contains,
    "__getitem__": indexing.getitem,
}
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
    setattr(Batched, "__pow__", elementwise.raise_each)  # noqa: B010 (a declared operator)
    for name, method in _METHODS.items():
        setattr(Tensor, name, method)
    for name, fact in _FACTS.items():
        setattr(Tensor, name, property(fact))
    for name, instead in _REFUSED.items():
        setattr(Tensor, name, _refusal(name, instead))
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"):
        setattr(Tensor, f"__i{name}__", in_place(getattr(Tensor, f"__{name}__"), getattr(operator, f"i{name}")))
    buffer_functions.install([name for name in vars(Tensor) if name not in before])
