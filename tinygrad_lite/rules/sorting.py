"""Sorting, and what is found by sorting: sets, unique values, places in an order.

Entries that are equal keep their order (a stable sort), and each has the gradient of the place it comes to; only
`unique` shares it evenly, since there equal entries come to one place.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..alike import make_alike
from ..batching import along, elementwise, first_operand
from ..foreign import is_foreign
from ..op import Array, constant, custom_vjp
from ..table import implements, row, without_gradient
from .examples import SHAPES, WITH_AXES, distinct, for_each_shape, kth_along_axes, over_axes, whole
from .indexing import put_along

# -- orders: integers ------------------------------------------------------------------------------------------------

argsort = row(constant(np.argsort, batch=along(-1), examples=over_axes()))
_SECOND = for_each_shape(kth_along_axes, WITH_AXES)
argpartition = row(constant(np.argpartition, batch=along(-1), examples=_SECOND))
searchsorted = row(constant(np.searchsorted, operands=2))
digitize = row(constant(np.digitize, operands=2, batch=first_operand(elementwise)))
isin = row(constant(np.isin, operands=2, batch=first_operand(elementwise)))


def _lexsort(*keys: Any, axis: int = -1) -> Any:
    if not is_foreign(keys[0]):
        return np.lexsort(keys, axis)
    if axis in (-1, keys[0].ndim - 1):  # CuPy has no axis=, and wants the keys in one array
        return np.lexsort(np.stack(keys))
    return np.moveaxis(np.lexsort(np.stack([np.moveaxis(key, axis, -1) for key in keys])), -1, axis)


def _two_keys(rng: np.random.Generator) -> Any:
    choices: list[Any] = [{}, {"axis": -1}, {"axis": 0}, {"axis": 1}]
    return [
        ((whole(rng, shape), distinct(rng, shape)), chosen)
        for shape in SHAPES
        for chosen in choices[: max(len(shape), 1) + 2]
    ]


lexsort_ = row(constant(_lexsort, operands=None, examples=_two_keys))


@without_gradient(np.lexsort)
def lexsort(keys: Any, axis: int = -1) -> Any:
    return lexsort_.call(*keys, axis=axis)


# -- sorted ----------------------------------------------------------------------------------------------------------


def _sort(a: Any, axis: int | None = -1) -> Any:
    return np.sort(a, axis)  # a stable sort is slower, and gives the same numbers


def _sort_vjp(g: Array, y: Array, x: Array, axis: int | None = -1) -> Array:
    order = np.argsort(x, axis=axis, kind="stable")
    if axis is None:
        return np.reshape(put_along(g, order, axis=0, n=x.size), x.shape)
    return put_along(g, order, axis=axis, n=x.shape[axis])


def _partition_vjp(g: Array, y: Array, x: Array, kth: Any, axis: int | None = -1) -> Array:
    """Which entry came where is not said, but the entry that is k-th in x is k-th in y: sort both, and compare."""
    if axis is None:
        return np.reshape(_partition_vjp(g, y, np.reshape(x, (-1,)), kth, 0), x.shape)
    ranked = np.take_along_axis(g, np.argsort(y, axis=axis, kind="stable"), axis)
    return put_along(ranked, np.argsort(x, axis=axis, kind="stable"), axis=axis, n=x.shape[axis])


def _to_sort(rng: np.random.Generator) -> Any:
    return [*over_axes(shapes=WITH_AXES)(rng), ((distinct(rng, ()),), {"axis": None})]


sort_ = row(custom_vjp(_sort, _sort_vjp, batch=along(-1), selects=True, numpy=np.sort, examples=_to_sort))
partition = row(custom_vjp(np.partition, _partition_vjp, batch=along(-1), selects=True, examples=_SECOND))


@implements(np.sort, examples=_to_sort)
def sort(a: Any, axis: int | None = -1, kind: Any = None, *, stable: Any = None) -> Any:
    """Sorted; kind and stable change nothing but the speed."""
    return sort_.call(a, axis=axis)


@implements(np.sort_complex, examples=lambda rng: [((rng.normal(size=(2, 3)),), {})])
def sort_complex(a: Any) -> Any:
    if a.dtype.kind == "c":
        return np.sort(a)
    return np.astype(np.sort(a), np.result_type(a.dtype, np.complex64 if a.dtype.char in "bhBH" else np.complex128))


# -- unique values, sets ---------------------------------------------------------------------------------------------


def _unique(x: Any, equal_nan: bool = True) -> Any:
    return np.unique(x, equal_nan=equal_nan)


def _inverse(x: Any, equal_nan: bool) -> Any:
    return np.reshape(np.unique(x, return_inverse=True, equal_nan=equal_nan)[1], x.shape)


def _unique_vjp(g: Array, y: Array, x: Array, equal_nan: bool = True) -> Array:
    """Equal entries share the cotangent of the value they have in common."""
    which = inverse(x, equal_nan=equal_nan)
    return np.take(g / np.bincount(np.ravel(which), minlength=y.size), which)


inverse = row(constant(_inverse))
first_index = row(
    constant(
        lambda x, equal_nan: np.unique(x, return_index=True, equal_nan=equal_nan)[1],
        name="first_index",
        shape_from_values=True,
    )
)
counts = row(
    constant(
        lambda x, equal_nan: np.unique(x, return_counts=True, equal_nan=equal_nan)[1],
        name="counts",
        shape_from_values=True,
    )
)
unique_ = row(
    custom_vjp(_unique, _unique_vjp, shape_from_values=True, examples=lambda rng: [((rng.normal(size=(2, 3)),), {})])
)


@implements(np.unique, examples=lambda rng: [((rng.normal(size=(2, 3)),), {})])
def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    *,
    equal_nan: bool = True,
) -> Any:
    extra = [
        op(ar, equal_nan=equal_nan)
        for op, wanted in ((first_index, return_index), (inverse, return_inverse), (counts, return_counts))
        if wanted
    ]
    values = unique_(ar, equal_nan=equal_nan)
    return (values, *extra) if extra else values


def _result_class(function: Any) -> Any:
    """The class of what NumPy's function returns, a named tuple."""
    return type(function(np.zeros(1)))


implements(np.unique_values)(lambda x: unique(x, equal_nan=False))
implements(np.unique_all)(lambda x: _result_class(np.unique_all)(*unique(x, True, True, True, equal_nan=False)))
implements(np.unique_counts)(lambda x: _result_class(np.unique_counts)(*unique(x, return_counts=True, equal_nan=False)))
implements(np.unique_inverse)(
    lambda x: _result_class(np.unique_inverse)(*unique(x, return_inverse=True, equal_nan=False))
)


def _two_sets(rng: np.random.Generator) -> Any:
    return [((np.array([3.0, 1.5, 2.0, 7.0]), np.array([[7.5, 5.0, 2.5]])), {})]


@implements(np.union1d, examples=_two_sets)
def union1d(ar1: Any, ar2: Any) -> Any:
    return np.unique(np.concatenate((ar1, ar2), axis=None))


@implements(np.setdiff1d, examples=_two_sets)
def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    ar1 = np.ravel(ar1) if assume_unique else np.unique(ar1)
    return ar1[isin(ar1, ar2, invert=True)]


@implements(np.setxor1d, examples=_two_sets)
def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> Any:
    if not assume_unique:
        ar1, ar2 = np.unique(ar1), np.unique(ar2)
    both = np.sort(np.concatenate((ar1, ar2), axis=None))
    if both.size == 0:
        return both
    end = make_alike(np.array([True]), both)
    differs = np.concatenate((end, both[1:] != both[:-1], end))
    return both[np.logical_and(differs[1:], differs[:-1])]


def _common(a: Any, b: Any, which: int) -> Any:
    """Where in a (which 1), or in b (which 2), the values stand that both have."""
    return np.intersect1d(a, b, return_indices=True)[which]


common = row(constant(_common, operands=2, shape_from_values=True))


@implements(np.intersect1d)
def intersect1d(ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False) -> Any:
    """The values that both have; being equal, the two share the gradient evenly."""
    i, j = common(ar1, ar2, which=1), common(ar1, ar2, which=2)
    first, second = np.ravel(ar1)[i], np.ravel(ar2)[j]
    has_gradient = np.result_type(first.dtype, second.dtype).kind in "fc"
    values = np.maximum(first, second) if has_gradient else np.astype(first, np.result_type(first.dtype, second.dtype))
    return (values, i, j) if return_indices else values
