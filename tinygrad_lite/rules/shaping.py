"""Shaping: the same numbers, arranged otherwise. Their transposes are one another."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import Array, constant, implements, linear, row
from ..tensor import Tensor, check_numeric


def _transpose_vjp(g: Array, y: Array, x: Array, axes: Any = None) -> Array:
    return np.transpose(g, None if axes is None else tuple(int(i) for i in np.argsort(axes)))


# The sweep sums g over the broadcast axes, so the rule has nothing left to do.
broadcast_to = row(linear(np.broadcast_to, lambda g, y, x, shape: g))
reshape = row(linear(np.reshape, lambda g, y, x, shape, order="C": np.reshape(g, x.shape, order=order)))
ravel = row(linear(np.ravel, lambda g, y, x, order="C": np.reshape(g, x.shape, order=order)))
transpose = row(linear(np.transpose, _transpose_vjp))
swapaxes = row(linear(np.swapaxes, lambda g, y, x, axis1, axis2: np.swapaxes(g, axis1, axis2)))
moveaxis = row(linear(np.moveaxis, lambda g, y, x, source, destination: np.moveaxis(g, destination, source)))
expand_dims = row(linear(np.expand_dims, lambda g, y, x, axis: np.squeeze(g, axis)))
squeeze = row(linear(np.squeeze, lambda g, y, x, axis=None: np.reshape(g, x.shape)))
copy = row(linear(np.copy, lambda g, y, x: g))


# -- dtype -----------------------------------------------------------------------------------------------------------


def _converted(x: Any, dtype: Any) -> Any:
    return x.astype(dtype)


# The sweep gives every cotangent its operand's dtype; an integer result carries none.
_to_inexact = linear(_converted, lambda g, y, x, dtype: g, name="astype")
_to_integer = constant(_converted, name="astype")


@implements(np.astype)
def astype(x: Any, dtype: Any, copy: bool = True) -> Any:
    """x converted to another dtype; a conversion to integers or booleans is piecewise constant."""
    dtype = np.dtype(dtype)
    if type(x) is Tensor:
        check_numeric(np.empty(0, dtype))
    if dtype.kind in "fc":
        return _to_inexact.call(x, dtype=dtype)
    return _to_integer.call(x, dtype=dtype)


# -- facts about shapes, which are plain Python values ---------------------------------------------------------------

implements(np.shape)(lambda a: a.shape)
implements(np.ndim)(lambda a: a.ndim)
implements(np.size)(lambda a, axis=None: a.size if axis is None else a.shape[axis])
