"""Methods of NumPy's ufuncs: np.add.reduce, np.multiply.accumulate, np.maximum.outer; and keywords of their calls.

A reduction by a ufunc is a function of NumPy's under another name, but over axis 0 unless another is named. What is not
here (reductions without such a function) is refused like any function without a rule.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..alike import find_foreign, make_alike
from ..axes import reduced_axes
from ..batched import as_array
from ..batching import along
from ..dispatch import handlers
from ..op import constant
from ..table import read_rows, row
from ..tensor import Tensor
from .indexing import Slot, put
from .neural import logsumexp
from .reductions_of_some import UNSET, convert, entries, is_given, with_initial


def _reduce(ufunc: np.ufunc, function: Callable[..., Any]) -> Callable[..., Any]:
    def reduce(
        array: Any,
        axis: Any = 0,
        dtype: Any = None,
        out: Any = None,
        keepdims: bool = False,
        initial: Any = UNSET,
        where: Any = UNSET,
    ) -> Any:
        _refuse(f"{ufunc.__name__}.reduce", {"out": out})
        if not isinstance(array, Tensor):  # where= is one, and would bring NumPy back here, for ever
            array = Tensor(array)
        if axis is not None and not array.ndim:
            axis = None  # NumPy lets a number be summed over axis 0
        some = {"initial": initial} if is_given(initial) else {}
        some |= {"where": where} if is_given(where) and where is not True else {}
        if dtype is not None and ufunc not in (np.logical_and, np.logical_or):
            array = convert(array, dtype)
        return convert(function(array, axis=axis, keepdims=keepdims, **some), dtype)

    return reduce


def _reduce_at(ufunc: np.ufunc, reduce: Callable[..., Any]) -> Callable[..., Any]:
    def reduceat(array: Any, indices: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
        """The reduction of each part from an index up to the next one; the entry alone where that is no later."""
        _refuse(f"{ufunc.__name__}.reduceat", {"out": out})
        if isinstance(indices, Tensor):
            raise TypeError(f"{ufunc.__name__}.reduceat: the indices are a Tensor; give them as whole numbers")
        first = np.moveaxis(array, axis, 0)
        starts, n = [operator.index(i) for i in indices], first.shape[0]
        for i in starts:
            if not 0 <= i < n:
                raise IndexError(f"{ufunc.__name__}.reduceat: index {i} is out of bounds for axis {axis} with size {n}")
        ends = [*starts, n][1:]
        if (
            ufunc is np.add
            and dtype is None
            and len(starts) > _FEW
            and first.dtype.kind in "fc"
            and find_foreign(array) is None
        ):
            return np.moveaxis(_sum_parts(first, np.array(starts), np.array(ends)), 0, axis)
        parts = [reduce(first[i : max(j, i + 1)], dtype=dtype) for i, j in zip(starts, ends, strict=True)]
        stacked = np.stack(parts) if parts else np.stack([reduce(first[:1], dtype=dtype)])[:0]
        return np.moveaxis(stacked, 0, axis)

    return reduceat


_FEW = 8  # parts that are summed one by one


def _sum_parts(first: Any, starts: Any, ends: Any) -> Any:
    """The sums of many parts, all added up at their places at once: a hundred times faster than each alone."""
    lengths = np.maximum(ends - starts, 1)
    entries = np.arange(lengths.sum()) + np.repeat(starts - np.cumsum(lengths) + lengths, lengths)
    in_order = (entries == np.arange(starts[0], starts[0] + entries.size)).all()
    taken = first[starts[0] :] if in_order else first[entries]
    parts = np.repeat(np.arange(starts.size), lengths)
    return put.call(taken, parts, template=(Slot(0),), shape=(starts.size, *first.shape[1:]))


def _log_sum(array: Any, axis: Any = None, keepdims: bool = False, initial: Any = UNSET, where: Any = UNSET) -> Any:
    array = entries(array, where, -np.inf)
    if not np.size(array):  # a maximum over nothing is none, but a sum over nothing is 0
        total = np.sum(array, axis=axis, keepdims=keepdims) - np.inf
    else:
        total = logsumexp(array, axis=axis, keepdims=keepdims)
    return with_initial(np.logaddexp, total, initial)


def _truth(combine: np.ufunc, function: Callable[..., Any]) -> Callable[..., Any]:
    def truth(array: Any, axis: Any = None, keepdims: bool = False, initial: Any = UNSET, **some: Any) -> Any:
        return with_initial(combine, function(array, axis=axis, keepdims=keepdims, **some), initial)

    return truth


def _accumulate(ufunc: np.ufunc, function: Callable[..., Any]) -> Callable[..., Any]:
    def accumulate(array: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Any:
        _refuse(f"{ufunc.__name__}.accumulate", {"out": out})
        if type(axis) is not int:
            axes = reduced_axes(axis, array.ndim)
            if len(axes) != 1:
                raise ValueError(f"{ufunc.__name__}.accumulate goes along one axis, not axis={axis!r} of {array.shape}")
            (axis,) = axes
        return convert(function(convert(array, dtype), axis=axis), dtype)

    return accumulate


def _first_place(y: Any, axis: int) -> Any:
    """Of each entry of a running extreme: where along the axis it first held."""
    y = np.moveaxis(y, axis, -1)
    before, after = y[..., :-1], y[..., 1:]
    changes = (after != before) & ((after == after) | (before == before))
    steps = np.zeros(y.shape, np.intp)
    steps[..., 1:] = np.where(changes, np.arange(1, y.shape[-1]), 0)
    return np.moveaxis(np.maximum.accumulate(steps, axis=-1), -1, axis)


first_place = row(constant(_first_place, batch=along(0)))


def _running_extreme(ufunc: np.ufunc) -> Callable[..., Any]:
    """A running extreme is the entry that first reached it."""
    extreme = row(
        constant(lambda a, axis=0: ufunc.accumulate(a, axis), batch=along(0), name=f"running_{ufunc.__name__}")
    )

    def running(a: Any, axis: int = 0) -> Any:
        if not a.ndim:
            raise TypeError(f"{ufunc.__name__}.accumulate: a number cannot be accumulated")
        return np.take_along_axis(a, first_place(extreme(a, axis=axis), axis=axis), axis)

    return running


def _outer(call: Callable[[Any, Any], Any], name: str) -> Callable[..., Any]:
    """The ufunc between every entry of a and every entry of b: shape a.shape + b.shape."""

    def outer(a: Any, b: Any, **other: Any) -> Any:
        _refuse(f"{name}.outer", other)
        return call(np.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b)

    return outer


def _refuse_at(name: str) -> Callable[..., Any]:
    def at(*operands: Any) -> Any:
        raise TypeError(
            f"np.{name}.at would write a Tensor's value into an array and lose its gradient; make the array with "
            "tg.zeros, for np.add.at and np.subtract.at, or write tg.set_at(t, index, value)"
        )

    return at


def _refuse(name: str, keywords: dict[str, Any]) -> None:
    for keyword, value in keywords.items():
        if value is not None and value is not np._NoValue and not (keyword == "where" and value is True):
            raise TypeError(f"{name}({keyword}=…) is not supported on Tensors, because its gradient would be lost")


_CHANGES_NO_NUMBER = ("order", "subok")
_INSTEAD = {
    "signature": "write dtype=",
    "sig": "write dtype=",
    "keepdims": "write np.expand_dims of the result",
}


def _call_with_keywords(
    ufunc: np.ufunc, call: Callable[..., Any], inputs: tuple[Any, ...], keywords: dict[str, Any]
) -> Any:
    """np.add(a, b, dtype=…): computed in that dtype, as NumPy does, which casts the operands."""
    name, rest = ufunc.__name__, {k: v for k, v in keywords.items() if k not in _CHANGES_NO_NUMBER}
    casting, dtype = rest.pop("casting", "same_kind"), rest.pop("dtype", None)
    if rest.get("where") is True:
        del rest["where"]
    if "where" in rest:
        raise TypeError(
            f"{name}(…, where=…) without out= leaves the other entries undefined; write np.where(mask, {name}(…), 0), "
            "or give out=tg.zeros(shape)"
        )
    if ufunc is np.vecdot and "axis" in rest:
        call = functools.partial(call, axis=rest.pop("axis"))
    if rest:
        (keyword, *_) = rest
        advice = _INSTEAD.get(keyword, "move the axes with np.moveaxis")
        raise TypeError(f"{name}(…, {keyword}=…) is not supported on Tensors; {advice}")
    plain = call(*inputs)
    if dtype is None or _dtype_of(plain) == dtype:
        return plain
    arrays = [x if isinstance(x, (Tensor, int, float, complex)) else as_array(x) for x in inputs]
    for x in arrays:
        if not isinstance(x, (int, float, complex)) and not np.can_cast(x.dtype, dtype, casting):
            raise TypeError(f"{name}(…, dtype={np.dtype(dtype)}): {x.dtype} is not cast to it ({casting})")
    arrays = [make_alike(np.asarray(x), *arrays) if isinstance(x, (int, float, complex)) else x for x in arrays]
    result = call(*[convert(x, dtype) for x in arrays])
    if _dtype_of(result) != dtype:
        raise TypeError(
            f"{name}(…, dtype={np.dtype(dtype)}): it gives {_dtype_of(result)}; write .astype of the result"
        )
    return result


def _dtype_of(result: Any) -> Any:
    """Of several results, as of modf, that of the first."""
    return result[0].dtype if isinstance(result, tuple) else result.dtype


_REDUCE: dict[np.ufunc, Callable[..., Any]] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.fmax: np.nanmax,
    np.fmin: np.nanmin,
    np.logaddexp: _log_sum,
    np.logical_and: _truth(np.logical_and, np.all),
    np.logical_or: _truth(np.logical_or, np.any),
}
_ACCUMULATE: dict[np.ufunc, Callable[..., Any]] = {
    np.add: np.cumsum,
    np.multiply: np.cumprod,
    np.maximum: _running_extreme(np.maximum),
    np.minimum: _running_extreme(np.minimum),
}
handlers["keywords"] = _call_with_keywords
for _ufunc, _function in _REDUCE.items():
    handlers[_ufunc, "reduce"] = _reduce(_ufunc, _function)
    handlers[_ufunc, "reduceat"] = _reduce_at(_ufunc, handlers[_ufunc, "reduce"])
for _ufunc, _function in _ACCUMULATE.items():
    handlers[_ufunc, "accumulate"] = _accumulate(_ufunc, _function)
for _row in read_rows():
    if isinstance(_row.fn, np.ufunc):
        handlers[_row.fn, "at"] = _refuse_at(_row.name)
    if isinstance(_row.fn, np.ufunc) and _row.fn.nin == 2 and _row.fn.signature is None:
        handlers[_row.fn, "outer"] = _outer(_row.call, _row.name)
