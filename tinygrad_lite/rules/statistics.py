"""Order statistics, correlation, histograms."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..alike import find_foreign, make_alike
from ..axes import reduced_axes
from ..batching import reduction, shift
from ..op import Array, constant, custom_vjp, linear
from ..table import implements, row, without_gradient
from ..tensor import Tensor
from .elementwise import maximum
from .indexing import put_along
from .reductions import calls, flag, join_axes, split_axes, weights_like
from .shaping import as_array, as_dtype

# -- quantiles -------------------------------------------------------------------------------------------------------


def _heights(x: Any, q: Any, method: str, skip_nan: bool) -> Any:
    """Where between the sorted entries of the last axis the quantiles lie, counted from 0: shape q.shape + the rest.

    NumPy says it itself: the quantile of 0, 1, 2, … is the place. With skip_nan each line has its own count.
    """
    counts = np.sum(np.logical_not(np.isnan(x)), axis=-1) if skip_nan else np.full(x.shape[:-1], x.shape[-1])
    if find_foreign(counts) is not None:
        return _linear_heights(counts, q, method)
    heights = np.empty(np.shape(q) + counts.shape)
    for count in np.unique(counts):
        one = np.quantile(np.arange(float(count)), q, method=method) if count else np.zeros(np.shape(q))  # type: ignore[call-overload]
        heights[..., counts == count] = np.expand_dims(one, -1)
    return make_alike(heights, x)


def _linear_heights(counts: Any, q: Any, method: str) -> Any:
    if method != "linear":
        raise TypeError(f"the gradient of a quantile by method={method!r} that skips NaN needs an array of NumPy's")
    last = np.maximum(counts - 1, 0)
    return np.reshape(np.stack([last * float(part) for part in np.ravel(q)]), np.shape(q) + counts.shape)


def _quantile_each(op: Any, xs: Any, mapped: Any, params: dict[str, Any]) -> Any:
    """The axes of q come first; the examples' is put before them."""
    x, q = xs[0], params["q"]
    if x.ndim == 1:
        params = {**params, "keepdims": False}
        return np.moveaxis(op.call(np.expand_dims(x, 1), **{**params, "axis": 1}), np.ndim(q), 0)
    axis = params.get("axis")
    axes = tuple(range(1, x.ndim)) if axis is None else shift(axis, x.ndim - 1)
    return np.moveaxis(op.call(x, **{**params, "axis": axes}), np.ndim(q), 0)


def _heights_each(op: Any, xs: Any, mapped: Any, params: dict[str, Any]) -> Any:
    return np.moveaxis(op.call(*xs, **params), np.ndim(params["q"]), 0)


heights = row(constant(_heights, batch=_heights_each))


def _quantile_vjp(
    g: Array, y: Array, x: Array, q: Any, axis: Any, keepdims: bool, method: str, skip_nan: bool = False
) -> Array:
    """A quantile lies between two neighbours in the sorted order; each receives its part of the cotangent."""
    if not x.size:  # the median of nothing is NaN
        return np.zeros(x.shape, x.dtype)
    line, order, moved = join_axes(x, axis)
    rest = line.shape[:-1]
    g = np.reshape(g, (-1, *rest))  # the quantiles are joined into one leading axis
    height = np.reshape(heights(line, q=q, method=method, skip_nan=skip_nan), g.shape)
    low = np.floor(height)
    part = as_dtype(height - low, x.dtype)
    ranks = np.astype(np.concatenate((low, np.ceil(height))), np.intp)
    shares = np.concatenate((g * (1 - part), g * part))
    places = np.take_along_axis(np.argsort(line, axis=-1, kind="stable"), np.moveaxis(ranks, 0, -1), -1)
    gx = put_along(np.moveaxis(shares, 0, -1), places, axis=-1, n=line.shape[-1])
    return split_axes(gx, order, moved)


def _quantile(x: Any, q: Any, axis: Any = None, keepdims: bool = False, method: str = "linear") -> Any:
    return np.quantile(x, q, axis, method=method, keepdims=keepdims)  # type: ignore[call-overload]


def _nanquantile(x: Any, q: Any, axis: Any = None, keepdims: bool = False, method: str = "linear") -> Any:
    return np.nanquantile(x, q, axis, method=method, keepdims=keepdims)  # type: ignore[call-overload]


def _quantile_examples(rng: np.random.Generator) -> Any:
    x = rng.permutation(12).reshape(2, 3, 2) / 3 + rng.uniform(0, 0.1, (2, 3, 2))
    return [
        ((x,), {"q": 0.3}),
        ((x,), {"q": np.array([0.1, 0.5, 1.0]), "axis": -2, "keepdims": True}),
        ((x,), {"q": 0.4, "axis": (0, 2), "method": "hazen"}),
        ((x,), {"q": np.array([[0.3, 0.9]]), "axis": 1, "method": "nearest"}),
        ((x,), {"q": 0.5, "axis": 0, "method": "averaged_inverted_cdf"}),
    ]


quantile_ = row(
    custom_vjp(
        _quantile,
        lambda g, y, x, q, axis=None, keepdims=False, method="linear": _quantile_vjp(
            g, y, x, q, axis, keepdims, method
        ),
        batch=_quantile_each,
        selects=True,
        numpy=np.quantile,
        examples=_quantile_examples,
    )
)
nanquantile_ = row(
    custom_vjp(
        _nanquantile,
        lambda g, y, x, q, axis=None, keepdims=False, method="linear": _quantile_vjp(
            g, y, x, q, axis, keepdims, method, skip_nan=True
        ),
        batch=_quantile_each,
        selects=True,
        numpy=np.nanquantile,
        examples=_quantile_examples,
    )
)


def _weighted_places(x: Any, weights: Any, q: Any, skip_nan: bool) -> Any:
    """Which entry of the last axis each weighted quantile is: shape x.shape[:-1] + (number of quantiles,).

    NumPy says it itself: of the ranks 0, 1, 2, … with the same weights it is the rank.
    """
    missing = np.isnan(x)
    weights = np.where(missing, 0, weights) if skip_nan else np.broadcast_to(weights, x.shape)
    order = np.argsort(x, axis=-1, kind="stable")
    ranks = np.argsort(order, axis=-1, kind="stable")
    weights = np.where(np.all(weights == 0, axis=-1, keepdims=True) & missing, 1, weights)  # all NaN: NaN
    found = np.quantile(ranks, np.ravel(q), axis=-1, weights=weights, method="inverted_cdf")
    places = np.take_along_axis(order, np.moveaxis(found, 0, -1).astype(np.intp), -1)
    unknown = np.any(missing, axis=-1, keepdims=True) & (not skip_nan)
    return np.where(unknown, order[..., -1:], places)  # NaN, which is sorted last


weighted_places = row(constant(_weighted_places, operands=2))


def _weighted_quantile(
    name: str, a: Any, q: Any, axis: Any, method: str, keepdims: bool, weights: Any, skip_nan: bool
) -> Any:
    """One of the entries; its gradient is that entry's, and the weights, which only choose, have none."""
    if method != "inverted_cdf":
        raise ValueError(f"{name}: with weights=, method= is 'inverted_cdf', as in NumPy, not {method!r}")
    line, _, _ = join_axes(a, axis)
    heavy, _, _ = join_axes(weights_like(a, axis, weights, name), axis)
    places = weighted_places.call(line, heavy, q=q, skip_nan=skip_nan)
    kept = tuple(1 if i in reduced_axes(axis, a.ndim) else n for i, n in enumerate(a.shape))
    shape = np.shape(q) + (kept if keepdims else line.shape[:-1])
    return np.reshape(np.moveaxis(np.take_along_axis(line, places, -1), -1, 0), shape)


def _order_statistic(
    name: str, a: Any, q: Any, axis: Any, method: str, keepdims: Any, weights: Any, skip_nan: bool = False
) -> Any:
    if isinstance(q, Tensor):
        raise TypeError(f"{name}: q must be plain numbers, not a Tensor; there is no gradient with respect to it")
    if weights is not None:
        return _weighted_quantile(name, a, q, axis, method, flag(keepdims), weights, skip_nan)
    op = nanquantile_ if skip_nan else quantile_
    return op(a, q=q, axis=axis, method=method, keepdims=flag(keepdims))


_WEIGHTED = {"method": "inverted_cdf", "weights": np.array([0.5, 2, 1, 0, 0.7])}


@implements(np.quantile, examples=_quantile_examples)
def quantile(
    a: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: Any = False, weights: Any = None
) -> Any:
    return _order_statistic("quantile", a, q, axis, method, keepdims, weights)


@implements(np.nanquantile, examples=_quantile_examples)
def nanquantile(
    a: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: Any = False, weights: Any = None
) -> Any:
    return _order_statistic("nanquantile", a, q, axis, method, keepdims, weights, skip_nan=True)


def _percent_examples(rng: np.random.Generator) -> Any:
    x = rng.normal(size=(2, 5))
    return [((x,), {"q": 30, "axis": 1}), ((x,), {"q": [30, 80], "axis": 1, **_WEIGHTED})]


@implements(np.percentile, examples=_percent_examples)
def percentile(
    a: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: Any = False, weights: Any = None
) -> Any:
    return _order_statistic("percentile", a, _hundredth(q), axis, method, keepdims, weights)


@implements(np.nanpercentile, examples=lambda rng: _percent_examples(rng)[:1])  # NumPy's fails with weights and an axis
def nanpercentile(
    a: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: Any = False, weights: Any = None
) -> Any:
    return _order_statistic("nanpercentile", a, _hundredth(q), axis, method, keepdims, weights, skip_nan=True)


def _hundredth(q: Any) -> Any:
    """A number of Python's stays one, which does not decide the dtype."""
    if type(q) in (int, float):
        return q / 100
    return q if isinstance(q, Tensor) else np.true_divide(q, 100)


median_ = row(
    custom_vjp(
        lambda x, axis=None, keepdims=False: np.median(x, axis, keepdims=keepdims),
        lambda g, y, x, axis=None, keepdims=False: _quantile_vjp(g, y, x, 0.5, axis, keepdims, "linear"),
        name="median",
        batch=reduction,
        numpy=np.median,
        selects=True,
        examples=calls({}, {"axis": 1}, {"axis": -2, "keepdims": True}, {"axis": (0, 1)}),
    )
)
nanmedian_ = row(
    custom_vjp(
        lambda x, axis=None, keepdims=False: np.nanmedian(x, axis, keepdims=keepdims),
        lambda g, y, x, axis=None, keepdims=False: _quantile_vjp(g, y, x, 0.5, axis, keepdims, "linear", skip_nan=True),
        name="nanmedian",
        batch=reduction,
        numpy=np.nanmedian,
        selects=True,
        examples=calls({}, {"axis": 1}, {"axis": -2, "keepdims": True}, {"axis": (0, 1)}),
    )
)


@implements(np.median, examples=calls({}, {"axis": 1}))
def median(a: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return median_(a, axis=axis, keepdims=keepdims)


@implements(np.nanmedian, examples=calls({}, {"axis": 1}))
def nanmedian(a: Any, axis: Any = None, *, keepdims: Any = False) -> Any:
    return nanmedian_(a, axis=axis, keepdims=flag(keepdims))


# -- correlation -----------------------------------------------------------------------------------------------------


def _samples(rng: np.random.Generator) -> Any:
    return [
        ((rng.normal(size=(2, 5)),), {}),
        ((rng.normal(size=(5, 2)), rng.normal(size=(5, 1))), {"rowvar": False}),
        ((rng.normal(size=5), rng.normal(size=5)), {}),
    ]


@implements(
    np.cov,
    examples=lambda rng: [
        *_samples(rng),
        ((rng.normal(size=5),), {"bias": True}),
        ((rng.normal(size=(2, 5)),), {"ddof": 2}),
        ((rng.normal(size=(2, 3)),), {"fweights": (1, 2, 3), "aweights": (0.5, 1.5, 1.0)}),
    ],
)
def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> Any:
    """Variables are rows (rowvar) and observations columns."""
    X = _variables(m, rowvar, dtype)
    if y is not None:
        X = np.concatenate((X, _variables(y, rowvar, dtype)), 0)
    ddof = (0 if bias else 1) if ddof is None else ddof
    w = None
    for given in (fweights, aweights):
        if given is not None:
            given = make_alike(as_dtype(as_array(given), np.float64), X)
            w = given if w is None else w * given
    average, total = np.average(X, 1, w, returned=True)
    total = np.ravel(total)[0] if X.shape[0] else 1
    if w is None or aweights is None or ddof == 0:
        norm = total - ddof
    else:
        norm = total - ddof * np.sum(w * make_alike(as_array(aweights), X)) / total
    norm = maximum(norm, 0)  # NaN and infinities, as in NumPy, where nothing is left
    X = X - average[:, None]
    return np.squeeze(np.dot(X, _conj((X if w is None else X * w).T)) / norm)


def _variables(m: Any, rowvar: bool, dtype: Any) -> Any:
    m = as_array(m)
    if m.ndim > 2:
        raise ValueError(f"cov: the array has {m.ndim} dimensions, it may have two at most")
    X = as_dtype(np.atleast_2d(m), np.result_type(m, np.float64) if dtype is None else np.dtype(dtype))
    return X if rowvar or m.ndim < 2 else X.T


def _conj(x: Any) -> Any:
    return np.conj(x) if x.dtype.kind == "c" else x


@implements(np.corrcoef, examples=_samples)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    deviations = np.sqrt(np.real(np.diagonal(c)) if c.dtype.kind == "c" else np.diagonal(c))
    return c / deviations[:, None] / deviations


# -- counting --------------------------------------------------------------------------------------------------------


def _weighted_count(weights: Any, x: Any, minlength: int = 0) -> Any:
    return np.bincount(x, weights, minlength)


weighted_count = row(
    linear(
        _weighted_count,
        lambda g, y, weights, x, minlength=0: np.take(g, x),
        operands=2,
        shape_from_values=True,
        examples=lambda rng: [((rng.normal(size=6), rng.integers(0, 4, 6)), {"minlength": 5})],
    )
)
count = row(constant(lambda x, minlength=0: np.bincount(x, minlength=minlength), name="count", shape_from_values=True))


@implements(np.bincount, examples=lambda rng: [((rng.integers(0, 4, 6), rng.normal(size=6)), {})])
def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> Any:
    """How often each number occurs, or the sum of the weights where it does."""
    return count(x, minlength=minlength) if weights is None else weighted_count(weights, x, minlength=minlength)


def _fixed_edges(function: str, bins: Any, limits: Any, dtype: Any = np.float64) -> Any:
    """The edges, if they do not depend on the data, so that only the counts do, which are piecewise constant.

    dtype: of the data, whose precision the edges have.
    """
    if isinstance(bins, Tensor):
        bins = np.asarray(bins)  # TypeError if it has a gradient, which the edges would lose
    if limits is None and np.ndim(bins) == 0:
        raise TypeError(
            f"{function} of a Tensor needs bins= as edges, or range=: otherwise its edges depend on the data, and "
            "their gradient would be lost"
        )
    return np.histogram_bin_edges(np.zeros(1, dtype), bins, limits)


def _plain_weights(function: str, weights: Any) -> Any:
    if isinstance(weights, Tensor):
        raise TypeError(
            f"{function}(weights=t) is not supported on Tensors, because its gradient would be lost; "
            "write np.bincount(np.digitize(a, edges) - 1, weights=t)"
        )
    return weights


histogram_ = row(
    constant(
        lambda a, edges, density=None, weights=None: np.histogram(a, make_alike(edges, a), None, density, weights)[0],
        name="histogram",
    )
)
histogramdd_ = row(
    constant(
        lambda sample, edges, density=None, weights=None: np.histogramdd(sample, edges, None, density, weights)[0],
        name="histogramdd",
    )
)


@without_gradient(np.histogram)
def histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    """Counts, which are piecewise constant, and plain edges."""
    edges = _fixed_edges("histogram", bins, range, as_array(a).dtype)
    return histogram_(a, edges=edges, density=density, weights=_plain_weights("histogram", weights)), edges


@without_gradient(np.histogramdd)
def histogramdd(sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    """sample: shape (n, d), or d arrays; bins and range: one for each of the d."""
    if type(sample) is not Tensor and not isinstance(sample, np.ndarray):
        sample = np.stack([*sample], axis=-1)
    d = sample.shape[1]
    bins, range = [bins] * d if np.ndim(bins) == 0 else bins, [None] * d if range is None else range
    edges = [_fixed_edges("histogramdd", b, r) for b, r in zip(bins, range, strict=True)]
    weights = _plain_weights("histogramdd", weights)
    return histogramdd_(sample, edges=edges, density=density, weights=weights), edges


@without_gradient(np.histogram2d)
def histogram2d(x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None) -> Any:
    counts, (x_edges, y_edges) = histogramdd([x, y], bins, range, density, weights)
    return counts, x_edges, y_edges


@without_gradient(np.histogram_bin_edges)
def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None) -> Any:
    return _fixed_edges("histogram_bin_edges", bins, range, as_array(a).dtype)
