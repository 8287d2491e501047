"""Losses. Operands of different shapes raise: (m,) beside (1, m) never broadcasts to (m, m).

Examples are columns, as in the lectures: the last axis counts them. A cross-entropy is the sum over outputs and the
mean over examples, J = (1/m) Σᵢ ℒ⁽ⁱ⁾, so that its gradient is dZ2 = (A2 - Y) / m however many outputs there are.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..alike import make_alike
from ..array_view import plain
from ..axes import positive_axis
from ..foreign import is_elsewhere, refuse_foreign
from ..keywords import explains_keywords
from ..op import Array, elementwise
from ..table import row
from ..tensor import TRACED, Tensor
from .neural import log_softmax, sigmoid
from .reductions import sum


def _log_loss(a: Any, y: Any) -> Any:
    """-(y log a + (1 - y) log(1 - a)), with 0 log 0 = 0: a term whose label is 0 takes the log of something else."""
    with np.errstate(divide="ignore"):
        return -(y * np.log(a + (y == 0)) + (1 - y) * np.log1p(-(a * (y != 1))))


def _d_probability(loss: Array, a: Array, y: Array) -> Array:
    """-y/a + (1 - y)/(1 - a); a term whose label is 0 is 0, also at a = 0 and a = 1."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(y == 1, 0, (1 - y) / (1 - a)) - np.where(y == 0, 0, y / a)


def _logistic_loss(z: Any, y: Any) -> Any:
    """The same from z, a = sigmoid(z): z ([z > 0] - y) + log(1 + exp(-|z|)), a sum of terms that are never negative, so
    that nothing cancels however large z is and however close y is to 0 or 1. ([z > 0] from the sign, which is a float
    like y: a boolean would be converted entry by entry.)"""
    return z * (np.maximum(np.sign(z), 0) - y) + np.log1p(np.exp(-np.abs(z)))


def _among(chosen: Any, x: Any) -> Any:
    """x where chosen, else 0, also where x is infinite."""
    return np.where(chosen, x, 0)


log_loss = row(
    elementwise(
        _log_loss,
        _d_probability,
        lambda loss, a, y: np.log1p(-a) - np.log(a),
        domain=[(0.05, 0.95), (0.05, 0.95)],
        real=True,
        c="steps",
    )
)
logistic_loss = row(
    elementwise(
        _logistic_loss,
        lambda loss, z, y: sigmoid.call(z) - y,
        lambda loss, z, y: -z,
        domain=[(-4, 4), (0.05, 0.95)],
        real=True,
        inline=True,
    )
)

# np.where as a row of its own that is not marked as one that selects: what is upstream of it in a loss (log_softmax)
# sends nothing back to a class that was not chosen, so that the network beyond needs no guard against 0 * inf.
among = row(
    elementwise(
        _among,
        None,
        lambda y, chosen, x: chosen,
        bounded=True,
        examples=lambda rng: [((rng.random((3, 4)) < 0.5, rng.normal(size=(3, 4))), {})],
        c="{0} ? {1} : 0",
    )
)


@explains_keywords
def binary_cross_entropy(A: Any, Y: Any) -> Any:
    """J = -(1/m) Σ [Y log A + (1 - Y) log(1 - A)], from probabilities.

    A: probabilities, shape (n_y, m) or (m,), examples along the last axis. Y: labels in 0..1, the same shape. Returns
    one number. ValueError if the shapes differ or values lie outside 0..1. From logits,
    `binary_cross_entropy_with_logits` is more accurate and never infinite.

    >>> import numpy as np, tinygrad_lite as tg
    >>> float(tg.binary_cross_entropy(np.array([[0.5, 0.5]]), np.array([[0, 1]])))
    0.6931471805599453
    """
    A, Y = _pair("binary_cross_entropy", A, Y, "A", "Y")
    _in_unit_interval("binary_cross_entropy", "labels Y", Y)
    _in_unit_interval("binary_cross_entropy", "probabilities A", A, "for logits use binary_cross_entropy_with_logits")
    return sum.call(log_loss.call(A, Y)) / _examples("binary_cross_entropy", A)


@explains_keywords
def binary_cross_entropy_with_logits(Z: Any, Y: Any) -> Any:
    """J = (1/m) Σ [log(1 + exp(Z)) - Y Z]: binary cross-entropy of sigmoid(Z), exact for every finite Z.

    Z: logits, shape (n_y, m) or (m,), examples along the last axis. Y: labels in 0..1, the same shape. Returns one
    number.

    >>> import numpy as np, tinygrad_lite as tg
    >>> float(tg.binary_cross_entropy_with_logits(np.array([[1000.0, 0.0]]), np.array([[1, 0]])))
    0.34657359027997264
    """
    Z, Y = _pair("binary_cross_entropy_with_logits", Z, Y, "Z", "Y")
    _in_unit_interval("binary_cross_entropy_with_logits", "labels Y", Y)
    return sum.call(logistic_loss.call(Z, Y)) / _examples("binary_cross_entropy_with_logits", Z)


@explains_keywords
def cross_entropy(logits: Any, labels: Any, axis: int | None = None) -> Any:
    """J = -(1/m) Σᵢ log softmax(logits⁽ⁱ⁾)[labelᵢ], the mean over examples.

    logits: shape (k, m), classes along `axis`: 0, columns being examples as in the lectures, unless named. labels:
    whole numbers 0..k-1, logits' shape without that axis, (m,); or probabilities of logits' own shape, such as one-hot
    columns. Returns one number. ValueError if axis is not named and labels fit another reading too, as in a square
    batch: rows may be examples then (axis=1).

    >>> import numpy as np, tinygrad_lite as tg
    >>> float(tg.cross_entropy(np.zeros((4, 2)), np.array([0, 3])))
    1.3862943611198906
    """
    logits, labels = _array("cross_entropy", "logits", logits), _array("cross_entropy", "labels", labels)
    if logits.ndim == 0:
        raise ValueError("cross_entropy: logits is a single number; it needs an axis of classes")
    if axis is None:
        _check_one_reading(logits, labels)
        axis = 0
    axis = positive_axis(axis, logits.ndim)
    classes = logits.shape[axis]
    examples = _count("cross_entropy", logits, logits.size // max(classes, 1))
    log_p = log_softmax(logits, axis=axis)
    if labels.shape == logits.shape:
        _in_unit_interval("cross_entropy", "label probabilities", labels)
        return -np.sum(labels * among(labels != 0, log_p)) / examples
    rest = logits.shape[:axis] + logits.shape[axis + 1 :]
    if labels.shape != rest:
        raise ValueError(
            f"cross_entropy: labels {labels.shape} fit neither logits {logits.shape} nor its shape without the "
            f"classes (axis {axis}), {rest}; say axis= if classes lie along another axis"
        )
    if labels.dtype.kind not in "iu":
        raise TypeError(f"cross_entropy: class labels are whole numbers, but labels is {labels.dtype}")
    found = _range(labels)
    if found is not None and not (found[0] >= 0 and found[1] < classes):
        raise ValueError(f"cross_entropy: labels lie in {found[0]}..{found[1]}, but classes in 0..{classes - 1}")
    numbers = make_alike(np.arange(classes).reshape((-1,) + (1,) * (len(rest) - axis)), labels)
    chosen = np.expand_dims(labels, axis) == numbers
    return -np.sum(among(chosen, log_p)) / examples


def _check_one_reading(logits: Any, labels: Any) -> None:
    """ValueError if the classes may lie along another axis than 0: by the shape of whole numbers, or by where
    probabilities add up to 1 (in a trace there are none to look at; compile runs the function on numbers, too)."""
    if labels.shape != logits.shape:
        fitting = [a for a in range(logits.ndim) if logits.shape[:a] + logits.shape[a + 1 :] == labels.shape]
    else:
        if logits.ndim == 1 or _range(labels) is None:
            return
        numbers = labels._array if type(labels) is Tensor else labels
        # Probabilities may have been written down to three digits: this is no question of rounding errors.
        fitting = [a for a in range(logits.ndim) if np.allclose(np.sum(numbers, axis=a), 1, atol=1e-3)]
    others = [a for a in fitting if a]
    if others and (0 in fitting or labels.shape == logits.shape):
        readings = " or ".join(f"axis={a}" for a in fitting)
        remedy = f"say which: {readings}" if len(fitting) > 1 else f"say {readings} if that is meant, else axis=0"
        raise ValueError(
            f"cross_entropy: with logits {logits.shape} and labels {labels.shape}, classes may lie along {readings} "
            f"(axis=0: an example is a column; axis=1: a row); {remedy}"
        )


@explains_keywords
def mean_squared_error(A: Any, Y: Any) -> Any:
    """The mean of (A - Y)² over all entries. A, Y: the same shape. Returns one number.

    >>> import numpy as np, tinygrad_lite as tg
    >>> float(tg.mean_squared_error(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    2.0
    """
    A, Y = _pair("mean_squared_error", A, Y, "A", "Y")
    _count("mean_squared_error", A, A.size)
    if A.dtype.kind in "iu":  # whose differences may wrap around
        A = A.astype(np.float64)
    return np.mean(np.square(A - Y))


def _array(loss: str, name: str, x: Any) -> Any:
    """An array of numbers, from whatever was given; booleans as whole numbers, so that they can be subtracted."""
    x = plain(x)
    if type(x) is Tensor or type(x) is np.ndarray:
        if x.dtype.kind == "f":
            return x
    elif not isinstance(x, Tensor):
        refuse_foreign(x, f"{loss}: {name}")
    if not hasattr(x, "__array_function__"):
        try:
            x = np.asarray(x)
        except ValueError as error:
            raise TypeError(f"{loss}: {name} is not an array of numbers: {error}") from None
    if x.dtype.kind not in "fciub":
        raise TypeError(f"{loss}: {name} has dtype {x.dtype}; it must be an array of numbers")
    return x.astype(np.int8) if x.dtype.kind == "b" else x


def _pair(loss: str, a: Any, b: Any, name_a: str, name_b: str) -> tuple[Any, Any]:
    """Both as arrays, of one shape."""
    a, b = _array(loss, name_a, a), _array(loss, name_b, b)
    if a.shape != b.shape:
        raise ValueError(
            f"{loss}: {name_a} {a.shape} and {name_b} {b.shape} must have the same shape; "
            f"reshape one of them, for example {name_b}.reshape({name_a}.shape)"
        )
    return a, b


def _examples(loss: str, a: Any) -> int:
    """How many columns there are."""
    shape = a.shape
    return _count(loss, a, 0 if 0 in shape else shape[-1] if shape else 1)


def _count(loss: str, a: Any, count: int) -> int:
    if not count:
        raise ValueError(f"{loss}: an array of shape {a.shape} holds no examples, and so has no mean loss")
    return count


def _range(a: Any) -> tuple[Any, Any] | None:
    """The least and the greatest number in an array; None where there is none, or where it cannot be looked at: in a
    trace, in a lazy array."""
    if isinstance(a, Tensor):
        if a._flags & TRACED:
            return None
        a = a._array
    if isinstance(a, (np.ndarray, np.generic)) and a.size:
        return np.minimum.reduce(a, None), np.maximum.reduce(a, None)  # (a.min() has a Python wrapper: 1 µs more)
    return (np.min(a).item(), np.max(a).item()) if is_elsewhere(a) and a.size else None


def _in_unit_interval(loss: str, what: str, a: Any, remedy: str = "scale them to 0..1") -> None:
    found = _range(a)
    if found is not None and not (found[0] >= 0 and found[1] <= 1):
        raise ValueError(f"{loss}: {what} lie in {found[0]}..{found[1]}, outside 0..1; {remedy}")
