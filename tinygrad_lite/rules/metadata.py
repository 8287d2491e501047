"""What NumPy tells about an array, and arrays made after its pattern: plain values, through which no gradient flows."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..axes import reduced_size
from ..callsite import advise_instead_of_array, is_called_by_library, user_line
from ..dispatch import handlers
from ..table import without_gradient
from ..tensor import Tensor
from .buffer_functions import full_like, zeros_like

# -- facts that depend on shape and dtype alone ----------------------------------------------------------------------


def _dtype(x: Any) -> Any:
    return x.dtype if isinstance(x, Tensor) else x


def _pattern(x: Any) -> Any:
    """An array of x's shape and dtype that holds no numbers."""
    return np.broadcast_to(np.empty((), x.dtype), x.shape) if isinstance(x, Tensor) else x


without_gradient(np.shape)(lambda a: a.shape)
without_gradient(np.ndim)(lambda a: a.ndim)
without_gradient(np.iscomplexobj)(lambda x: x.dtype.kind == "c")
without_gradient(np.isrealobj)(lambda x: x.dtype.kind != "c")
without_gradient(np.result_type)(lambda *arrays_and_dtypes: np.result_type(*map(_pattern, arrays_and_dtypes)))
without_gradient(np.common_type)(lambda *arrays: np.common_type(*map(_pattern, arrays)))
without_gradient(np.min_scalar_type)(
    lambda a: np.min_scalar_type(a._read("np.min_scalar_type(t)") if a.ndim == 0 else a.dtype)
)
without_gradient(np.can_cast)(lambda from_, to, casting="safe": np.can_cast(_dtype(from_), _dtype(to), casting))
without_gradient(np.diag_indices_from)(lambda arr: np.diag_indices_from(_pattern(arr)))
without_gradient(np.tril_indices_from)(lambda arr, k=0: np.tril_indices_from(_pattern(arr), k))
without_gradient(np.triu_indices_from)(lambda arr, k=0: np.triu_indices_from(_pattern(arr), k))


@without_gradient(np.size)
def size(a: Any, axis: Any = None) -> int:
    return reduced_size(a.shape, axis)


# -- new arrays of a tensor's shape and dtype ------------------------------------------------------------------------


# Buffers, that they may be written into.
without_gradient(np.zeros_like)(lambda a, dtype=None, *, shape=None: zeros_like(a, dtype, shape=shape))
without_gradient(np.empty_like)(lambda prototype, dtype=None, *, shape=None: zeros_like(prototype, dtype, shape=shape))
without_gradient(np.ones_like)(lambda a, dtype=None, *, shape=None: full_like(a, 1, dtype, shape=shape))
without_gradient(np.full_like)(
    lambda a, fill_value, dtype=None, *, shape=None: full_like(a, fill_value, dtype, shape=shape)
)


# -- text ------------------------------------------------------------------------------------------------------------


@without_gradient(np.array2string, np.array_str, np.array_repr)
def array2string(a: Any, **options: Any) -> str:
    """The numbers as text; of a Tensor, its own repr without options."""
    return np.array2string(a._read("np.array2string(t)"), **options)


# -- functions that write into their argument ------------------------------------------------------------------------


def _make_refusal(name: str, instead: str) -> Any:
    def refuse(*operands: Any, **params: Any) -> Any:
        if is_called_by_library():  # np.full_like(array, t), say
            raise TypeError(f"a Tensor, copied into an array, would lose its gradient; {advise_instead_of_array()}")
        what = "would change a Tensor, or copy it into an array without its gradient"
        if name != "copyto" and [isinstance(x, Tensor) for x in operands[:3]] == [False, True, False]:
            what = "would write into an array at places that a Tensor says, whose numbers it is not given"
        raise TypeError(f"{name} at {user_line()} {what}; {instead}")

    return refuse


_SET_AT = "write t = tg.set_at(t, index, value) instead"
for _function, _instead in (
    (np.copyto, "write t = np.where(where, src, dst) instead"),
    (np.putmask, "write t = np.where(mask, values, t) instead"),
    (np.place, _SET_AT),
    (np.put, _SET_AT),
    (np.put_along_axis, _SET_AT),
    (np.fill_diagonal, "write t = np.where(np.eye(n, dtype=bool), value, t) instead"),
):
    handlers[_function] = _make_refusal(_function.__name__, _instead)
