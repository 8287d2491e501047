"""Pulling a cotangent back through one node, in the ordinary case: an op of the table, with one or two operands.

`make_pull` chooses by arity, as `make_caller` does for the call: the general way (backward.py) takes twice as long.
Here, too, is how a cotangent is made to fit its tensor: un-broadcast, written out, given its dtype.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .tensor import GRAD, TRACED, Tensor

Pull = Callable[[Tensor, Any, dict[Tensor, Any]], None]
"""(node, its cotangent, the cotangents of what is still to be visited) -> None."""


def make_pull(op: Any) -> Pull | None:
    """What pulls cotangents back through the op's nodes; None where it takes the general way."""
    if op.outputs > 1 or op.joint:
        return None
    if op.arity == 1:
        return _unary(op)
    return _binary(op) if op.arity == 2 and op.keywords == frozenset() else None


def _unary(op: Any) -> Pull:
    entrywise = op.kind == "elementwise"

    def pull(node: Tensor, g: Any, pending: dict[Tensor, Any]) -> None:
        vjp = op.vjps[0]
        y, params, x = node._array, node._params, node._inputs[0]
        if not entrywise and g.shape != y.shape:
            g = expand(g, y.shape)
        add(pending, x, vjp(g, y, x._array, **params) if params else vjp(g, y, x._array), entrywise)

    return pull


def _binary(op: Any) -> Pull:
    entrywise = op.kind == "elementwise"

    def pull(node: Tensor, g: Any, pending: dict[Tensor, Any]) -> None:
        left, right = op.vjps
        a, b = node._inputs
        y = node._array
        x = a._array if type(a) is Tensor else a
        z = b._array if type(b) is Tensor else b
        # Two like blocks rather than a loop over the operands: most nodes of a network come by here.
        if x is not a and a._flags & GRAD and left is not None:
            fits = entrywise and x.shape == y.shape
            if not fits and g.shape != y.shape:
                g = expand(g, y.shape)
            add(pending, a, g if left is hand_on else left(g, y, x, z), fits)
        if z is not b and b._flags & GRAD and right is not None:
            fits = entrywise and z.shape == y.shape
            if not fits and g.shape != y.shape:
                g = expand(g, y.shape)
            add(pending, b, g if right is hand_on else right(g, y, x, z), fits)

    return pull


def add(pending: dict[Tensor, Any], x: Tensor, g: Any, fits: bool = False) -> None:
    """Add g to x's cotangent, in its shape and dtype. ValueError if it is of a shape that x cannot have.

    fits: there is nothing to un-broadcast. Where x has one shape with what was computed from it entry by entry, g may
    be smaller, the same number for many entries, and stays so: the derivative of a sum is not written out.
    """
    operand = x._array
    if not fits and g.shape != operand.shape:
        g = unbroadcast(g, operand.shape)
    if g.dtype is not operand.dtype and g.dtype != operand.dtype:
        g = cast(g, operand.dtype)
    pending[x] = pending[x] + g if x in pending else g


def hand_on(g: Any, y: Any, *xs: Any, **params: Any) -> Any:
    """The vjp where the partial derivative is one."""
    return g


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum a cotangent over the axes along which its operand was broadcast.

    Where g has one entry for many of the operand's, it is left so: every one of them receives it. ValueError if g fits
    the shape in neither way.
    """
    extra = g.ndim - len(shape)
    if extra < 0:
        if g.ndim and any(m != 1 and m != n for n, m in zip(shape[-extra:], g.shape, strict=True)):
            raise ValueError(shape)
        return g
    axes = list(range(extra))
    for i, n in enumerate(shape):
        m = g.shape[extra + i]
        if m != n:
            if n == 1:
                axes.append(extra + i)
            elif m != 1:
                raise ValueError(shape)
    if axes:
        # NumPy's np.sum is this one with a Python wrapper, which takes as long again.
        over = tuple(axes)
        g = _add_reduce(g, over, None, None, True) if type(g) is np.ndarray else np.sum(g, axis=over, keepdims=True)
    return np.reshape(g, g.shape[extra:]) if extra else g


_add_reduce: Any = np.add.reduce


def expand(g: Any, shape: tuple[int, ...]) -> Any:
    """A cotangent written out to its tensor's shape."""
    if g.shape == shape:
        return g
    if type(g) is not np.ndarray and not isinstance(g, np.generic):
        return np.broadcast_to(g, shape)
    out = np.empty(shape, g.dtype)  # a quarter of the time of np.broadcast_to, and what BLAS likes better
    out[...] = g
    return out


def is_finite(x: Any, otherwise: bool) -> bool:
    """Whether an array, or a Tensor's, holds finite numbers only. otherwise: the answer where nobody can look at it."""
    numbers = x._array if type(x) is Tensor and not x._flags & TRACED else x
    return bool(np.isfinite(numbers).all()) if isinstance(numbers, (np.ndarray, np.generic)) else otherwise


def cast(g: Any, dtype: np.dtype[Any]) -> Any:
    """A cotangent (or tangent) in its tensor's dtype; of a complex one, a real tensor receives the real part."""
    if g.dtype.kind == "c" and dtype.kind != "c":
        g = np.real(g)
    return g.astype(dtype)
