"""Methods of NumPy's ufuncs: np.add.reduce, np.multiply.accumulate, np.maximum.outer.

A reduction by a ufunc is a function of NumPy's under another name, but over axis 0 unless another is named. What is not
here (reduceat, at, reductions without such a function) is refused like any function without a rule.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..dispatch import handlers
from ..table import read_rows
from .neural import logsumexp

_REDUCE: dict[np.ufunc, Callable[..., Any]] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.fmax: np.nanmax,
    np.fmin: np.nanmin,
    np.logaddexp: logsumexp.call,
    np.logical_and: np.all,
    np.logical_or: np.any,
}
_ACCUMULATE: dict[np.ufunc, Callable[..., Any]] = {np.add: np.cumsum, np.multiply: np.cumprod}


def _reduce(ufunc: np.ufunc, function: Callable[..., Any]) -> Callable[..., Any]:
    def reduce(
        array: Any, axis: Any = 0, dtype: Any = None, out: Any = None, keepdims: bool = False, **other: Any
    ) -> Any:
        _refuse(f"{ufunc.__name__}.reduce", {"dtype": dtype, "out": out, **other})
        if axis is not None and not array.ndim:
            axis = None  # NumPy lets a number be summed over axis 0
        return function(array, axis=axis, keepdims=keepdims)

    return reduce


def _accumulate(ufunc: np.ufunc, function: Callable[..., Any]) -> Callable[..., Any]:
    def accumulate(array: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
        _refuse(f"{ufunc.__name__}.accumulate", {"dtype": dtype, "out": out})
        return function(array, axis=axis)

    return accumulate


def _outer(call: Callable[[Any, Any], Any], name: str) -> Callable[..., Any]:
    """The ufunc between every entry of a and every entry of b: shape a.shape + b.shape."""

    def outer(a: Any, b: Any, **other: Any) -> Any:
        _refuse(f"{name}.outer", other)
        return call(np.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b)

    return outer


def _refuse(name: str, keywords: dict[str, Any]) -> None:
    for keyword, value in keywords.items():
        if value is not None and value is not np._NoValue and not (keyword == "where" and value is True):
            raise TypeError(f"{name}({keyword}=…) is not supported on Tensors, because its gradient would be lost")


for _ufunc, _function in _REDUCE.items():
    handlers[_ufunc, "reduce"] = _reduce(_ufunc, _function)
for _ufunc, _function in _ACCUMULATE.items():
    handlers[_ufunc, "accumulate"] = _accumulate(_ufunc, _function)
for _row in read_rows():
    if isinstance(_row.fn, np.ufunc) and _row.fn.nin == 2 and _row.fn.signature is None:
        handlers[_row.fn, "outer"] = _outer(_row.call, _row.name)
