"""A stand-in for CuPy's arrays, where there is no GPU: it takes what CuPy 14 takes, and refuses what CuPy 14 refuses.

What it knows of CuPy was found by calling CuPy: operands that are NumPy's arrays are refused, those of no dimension too
(NumPy's scalars and Python's numbers go); an array of no dimension has no axis; functions and keywords are missing.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.another_library import Library
from tests.duck import unwrap
from tests.duck import wrap as wrap_as


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


LACKS = _names(
    """
    asmatrix block bmat einsum_path frompyfunc geomspace histogram_bin_edges insert isnat matvec nanpercentile
    nanquantile polyder polydiv polyint spacing unstack vecdot vecmat linalg.diagonal linalg.matrix_norm
    linalg.multi_dot linalg.outer linalg.svdvals linalg.tensordot linalg.trace linalg.vecdot linalg.vector_norm
    betaincc dawsn ellipe erfi eval_chebyt eval_chebyu eval_gegenbauer eval_genlaguerre eval_hermite
    eval_hermitenorm eval_jacobi eval_laguerre eval_legendre hyp0f1 hyp1f1 hyp2f1 iv ive jv jve kn kv kve ndtri_exp
    owens_t powm1 spence stdtr stdtrit wrightomega yv yve _zeta
    """
)
"""Functions of NumPy's and SciPy's that CuPy has not. (`_zeta`, behind scipy.special.zeta, it takes for a module.)"""

_WITHOUT_KEYWORD = {
    "where": "all amax amin any max mean min nanmax nanmean nanmin nanprod nanstd nansum nanvar prod std sum var",
    "initial": "amax amin max min nanmax nanmin nanprod nansum prod sum",
    "device": "arange asarray empty empty_like eye full full_like linspace ones ones_like zeros zeros_like astype",
    "kind": "argpartition isin partition",
    "order": "argpartition argsort partition sort",
    "stable": "argsort sort",
    "subok": "broadcast_arrays broadcast_to copy empty_like full_like ones_like zeros_like",
    "min": "clip",
    "max": "clip",
    "arrays": "concat concatenate stack",
    "x": "corrcoef linalg.matrix_transpose",
    "keepdims": "count_nonzero",
    "m": "cov flip fliplr flipud rot90",
    "obj": "delete",
    "ary": "ediff1d",
    "arr": "extract take_along_axis",
    "ar1": "intersect1d union1d",
    "ar2": "intersect1d union1d",
    "axis": "lexsort trim_zeros",
    "mean": "nanstd nanvar std var",
    "correction": "nanstd nanvar std var",
    "weights": "percentile quantile",
    "shape": "reshape unravel_index",
    "mode": "take",
    "sorted": "unique",
    "upper": "linalg.cholesky",
    "hermitian": "linalg.matrix_rank linalg.pinv linalg.svd",
    "rtol": "linalg.matrix_rank linalg.pinv",
}
_LACKING = {(name, keyword) for keyword, names in _WITHOUT_KEYWORD.items() for name in names.split()}

_TAKE_NUMPY = {
    "asarray",
    "array",
    "take",
    "roll",
    "quantile",
    "percentile",
    "shape",
    "ndim",
    "size",
}  # beside others
_REDUCE = _names("all amax amin any argmax argmin cumsum max min nanargmax nanargmin nanmax nanmin ptp sum")
_ANSWER = {"allclose", "array_equal", "array_equiv", "linalg.matrix_rank"}  # where NumPy gives a bool or an int
_COMPARISONS = {np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal}
_ADDED_AT = {np.dtype(c) for c in "ilefdIL"}
_METHODS = {"quantile": "hazen averaged_inverted_cdf", "percentile": "hazen averaged_inverted_cdf", "pad": "median"}


class DeviceArray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that is not in the memory NumPy sees."""

    def __init__(self, array: Any) -> None:
        self.held = np.asarray(array)

    shape = property(lambda self: self.held.shape)
    dtype = property(lambda self: self.held.dtype)
    ndim = property(lambda self: self.held.ndim)
    size = property(lambda self: self.held.size)
    T = property(lambda self: wrap(self.held.T))
    base = property(lambda self: self.held.base)

    def get(self) -> Any:
        """The numbers, as an array of NumPy's."""
        return self.held.copy()

    def item(self) -> Any:
        return self.held.item()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if ufunc.__name__ in LACKS or any(hasattr(x, "__array_ufunc__") and not _is_known(x) for x in inputs):
            return NotImplemented
        if method == "at":
            return self._add_at(ufunc, *inputs)
        if method == "accumulate" and ufunc not in (np.add, np.multiply):
            raise NotImplementedError(f"`cupy_{ufunc.__name__}.accumulate` is not supported yet")
        if kwargs.keys() - {"dtype", "out", "axis", "keepdims", "axes", "casting"}:
            raise TypeError(f"{sorted(kwargs)[0]} is not supported yet")
        if ufunc in _COMPARISONS:
            inputs = tuple(x.item() if type(x) is np.ndarray and x.ndim == 0 else x for x in inputs)
        _refuse_numpys(inputs)
        _refuse_numpys(kwargs.values())
        return wrap(getattr(ufunc, method)(*map(unwrap, inputs), **{k: unwrap(v) for k, v in kwargs.items()}))

    def _add_at(self, ufunc: np.ufunc, out: Any, index: Any, *values: Any) -> Any:
        """Only np.add.at, with one array of whole numbers (or a mask) as the whole index."""
        if ufunc is not np.add or type(index) is not DeviceArray or type(out) is not DeviceArray:
            return NotImplemented
        if out.dtype not in _ADDED_AT:
            raise TypeError("cupy.add.at only supports int32, int64, float16, float32, float64, uint32, uint64")
        _refuse_numpys(values)
        ufunc.at(out.held, index.held, *map(unwrap, values))
        return None

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        module = (func.__module__ or "numpy").removeprefix("numpy").removeprefix(".")
        name = f"{module}.{func.__name__}" if module in ("linalg", "fft") else func.__name__
        if name in LACKS or not all(issubclass(kind, (DeviceArray, np.ndarray)) for kind in types):
            return NotImplemented
        for keyword, value in kwargs.items():
            if (name, keyword) in _LACKING:
                raise TypeError(f"{name}() got an unexpected keyword argument {keyword!r}")
            if keyword in ("method", "mode") and value in _METHODS.get(name, "").split():
                raise ValueError(f"{value!r} method is not yet supported")
        _refuse_call(name, args, kwargs)
        if name not in _TAKE_NUMPY:
            _refuse_numpys([*args, *kwargs.values()])
        if name == "sliding_window_view":
            return _view_windows(*map(unwrap, args), **kwargs)
        if name == "take_along_axis":
            return _take_along(*map(unwrap, args), **kwargs)
        result = func(*unwrap(args), **unwrap(kwargs))
        return DeviceArray(result) if name in _ANSWER else wrap(result)

    def __getitem__(self, index: Any) -> Any:
        return wrap(self.held[unwrap(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        _refuse_numpys([value])
        self.held[unwrap(index)] = unwrap(value)

    def __len__(self) -> int:
        return len(self.held)

    def __iter__(self) -> Any:
        return map(wrap, self.held)

    def __bool__(self) -> bool:
        return bool(self.held)

    def __float__(self) -> float:
        return float(self.held)

    def __int__(self) -> int:
        return int(self.held)

    def __index__(self) -> int:
        return self.held.__index__()

    def __complex__(self) -> complex:
        return complex(self.held)

    def __repr__(self) -> str:
        return repr(self.held)

    def __str__(self) -> str:
        return str(self.held)

    def astype(self, dtype: Any, copy: bool = True) -> DeviceArray:
        return DeviceArray(self.held.astype(dtype))

    def copy(self) -> DeviceArray:
        return DeviceArray(self.held.copy())


def wrap(x: Any) -> Any:
    return wrap_as(x, DeviceArray)


def _is_known(x: Any) -> bool:
    return isinstance(x, (DeviceArray, np.ndarray, np.generic))


def _refuse_numpys(values: Any) -> None:
    """TypeError if one of them is an array of NumPy's, or a list that has one."""
    for x in values:
        if isinstance(x, np.ndarray):
            raise TypeError(f"Unsupported type {type(x)}")
        if isinstance(x, (tuple, list)):
            _refuse_numpys(x)


def _refuse_call(name: str, args: Any, kwargs: Any) -> None:
    """What CuPy refuses for other reasons than keywords."""
    first = args[0] if args else None
    if isinstance(first, DeviceArray) and not first.ndim and name in _REDUCE:
        axis = kwargs.get("axis", args[1] if len(args) > 1 else None)
        if isinstance(axis, int):
            raise np.exceptions.AxisError(axis, 0)
    if name == "linalg.solve" and args[1].ndim > 1 and args[0].shape[:-1] != args[1].shape[:-1]:
        raise ValueError("a must have (..., M, M) shape and b must have (..., M, K) for multidimensional b")
    if name in ("quantile", "percentile") and np.ndim(unwrap(args[1] if len(args) > 1 else kwargs["q"])) > 1:
        raise ValueError("Expected q to have a dimension of 1.")
    if name == "piecewise" and any(map(callable, args[2])):
        raise NotImplementedError("Callable functions are not supported currently")
    if name == "where" and isinstance(first, bool):
        raise AttributeError("'bool' object has no attribute 'astype'")
    if name == "lexsort" and len(args) > 1:
        raise TypeError("lexsort() takes 1 positional argument but 2 were given")
    if name == "lexsort" and first.ndim > 2:
        raise NotImplementedError("Keys with the rank of three or more is not supported in lexsort")
    if name == "choose" and isinstance(args[1], list):
        raise AttributeError("'list' object has no attribute 'shape'")
    if name == "roots":
        raise NotImplementedError("Only complex Hermitian and real symmetric 2d arrays are supported currently")
    if name == "as_strided":
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`")
    if name in ("stack", "concatenate") and not all(isinstance(x, DeviceArray) for x in first):
        raise TypeError("Argument 'a' has incorrect type")


def _take_along(a: Any, indices: Any, axis: int | None = -1) -> Any:
    """CuPy starts again from 0 where an index is too large."""
    return wrap(np.take_along_axis(a, indices % (a.size if axis is None else a.shape[axis]), axis))


def _view_windows(x: Any, window_shape: Any, axis: Any = None) -> Any:
    """CuPy sorts the axes, and not the sizes."""
    axis = range(x.ndim) if axis is None else axis if np.ndim(axis) else (axis,)
    axis = sorted(a % x.ndim for a in axis)
    if len(set(axis)) < len(axis):
        raise ValueError("duplicate value in 'axis'")
    return wrap(np.lib.stride_tricks.sliding_window_view(x, window_shape, axis=tuple(axis)))


STRICT_DEVICE = Library(DeviceArray, DeviceArray, lambda x: x.held)
