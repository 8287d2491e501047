"""What networks are made of beyond NumPy's own functions: activations, softmax, logsumexp.

The forward functions are exact to a few units in the last place over the whole range of floats, and never warn.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import intervals
from ..batching import over
from ..op import Array, custom_vjp, elementwise
from ..table import row
from .examples import over_axes, with_keywords
from .reductions import keep_axes
from .shaping import as_dtype

# -- activations -----------------------------------------------------------------------------------------------------


def _sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)) without overflow, and without losing the small values of the left tail.

    The numerator is 1 on the right and e on the left, and e is at most 1: the larger of e and the sign of x (np.where
    takes twice as long).
    """
    e = np.exp(-np.abs(x))
    return np.maximum(e, np.sign(x)) / (1 + e)


def _relu(x: Any) -> Any:
    return np.maximum(x, 0)


def _leaky_relu(x: Any, slope: float = 0.01) -> Any:
    return np.where(np.greater(x, 0), x, slope * x)


def _softplus(x: Any) -> Any:
    """log(1 + exp(x)) without overflow."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


_erfc = np.frompyfunc(math.erfc, 1, 1)


def _normal_cdf(x: Any) -> Any:
    """Φ(x), the normal distribution: SciPy's where it is there, else the standard library's, entry by entry."""
    try:
        from scipy.special import ndtr
    except ImportError:
        return np.asarray(_erfc(np.multiply(x, -math.sqrt(0.5))), np.result_type(x, np.float16)) / 2
    return ndtr(x)


sigmoid = row(elementwise(_sigmoid, lambda y, x: y * (1 - y), real=True, inline=True, range=(0, 1), c="sigmoid"))
relu = row(
    elementwise(
        _relu,
        lambda y, x: x > 0,
        kinks=(0,),
        selects=True,
        bounded=True,
        real=True,
        inline=True,
        range=intervals.positive_part,
    )
)
leaky_relu = row(
    elementwise(
        _leaky_relu,
        lambda y, x, slope=0.01: np.where(x > 0, x.dtype.type(1), x.dtype.type(slope)),
        kinks=(0,),
        bounded=True,
        real=True,
        inline=True,
        range=intervals.finite_of_finite(),
        examples=with_keywords({}, {"slope": 0.2}),
    )
)
softplus = row(elementwise(_softplus, lambda y, x: sigmoid(x), real=True, inline=True, c="softplus"))
normal_cdf = row(
    elementwise(
        _normal_cdf,
        lambda y, x: np.exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi)),
        real=True,
        range=(0, 1),
        c="normal_cdf",
    )
)

# -- over an axis ----------------------------------------------------------------------------------------------------


def _log_sums(x: Any, axis: Any) -> tuple[Any, Any, Any]:
    """(m, d, r) with d = x - m and log(sum(exp(x))) = m + r, reduced axes kept: m is the largest entry, and r is log1p
    of the other entries' sum, which loses nothing where they are small."""
    m = np.max(x, axis=axis, keepdims=True)
    m = np.where(np.isfinite(m), m, 0)
    # A difference that overflows to -inf is a term that is 0; log(0) = -inf is right for a sum of nothing.
    with np.errstate(over="ignore", divide="ignore"):
        d = x - m
        e = np.exp(d)
        largest = d == 0
        others = np.sum(e - largest, axis=axis, keepdims=True)
        ties = np.sum(largest, axis=axis, keepdims=True) - 1
        return m, d, np.log1p(others + ties.astype(others.dtype))


def _logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    m, _, r = _log_sums(x, axis)
    total = m + r
    return total if keepdims else np.squeeze(total, axis=axis)


def _log_softmax(x: Any, axis: Any = -1) -> Any:
    _, d, r = _log_sums(x, axis)
    return d - r


def _softmax(x: Any, axis: Any = -1) -> Any:
    with np.errstate(over="ignore"):
        e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def _softmax_vjp(g: Array, y: Array, x: Array, axis: Any = -1) -> Array:
    return y * (g - np.sum(g * y, axis=axis, keepdims=True))


def _log_softmax_vjp(g: Array, y: Array, x: Array, axis: Any = -1) -> Array:
    return g - np.exp(y) * np.sum(g, axis=axis, keepdims=True)


def _logsumexp_vjp(g: Array, y: Array, x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    """The softmax; entries that are infinite like the result, minus infinity included, share evenly."""
    total = keep_axes(y, axis, keepdims)
    tied = np.logical_and(np.isinf(total), np.equal(x, total))
    share = as_dtype(1 / np.maximum(np.sum(tied, axis=axis, keepdims=True), 1), x.dtype)
    weights = np.where(tied, share, np.exp(np.where(tied, 0, x) - total))
    return keep_axes(g, axis, keepdims) * weights


softmax = row(
    custom_vjp(
        _softmax,
        _softmax_vjp,
        real=True,
        batch=over(-1),
        range=intervals.finite_of_finite(0, 1),
        examples=over_axes(several=True),
        c="steps",
    )
)
log_softmax = row(
    custom_vjp(_log_softmax, _log_softmax_vjp, batch=over(-1), real=True, examples=over_axes(several=True), c="steps")
)
logsumexp = row(
    custom_vjp(
        _logsumexp,
        _logsumexp_vjp,
        batch=over(),
        real=True,
        examples=over_axes(several=True, keepdims=True),
        c="steps",
    )
)
