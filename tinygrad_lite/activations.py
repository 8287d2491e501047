"""What networks are made of beyond NumPy's own functions, for users: activations, softmax, logsumexp.

The rows of the table behind them, with their derivatives, are in rules/neural.py. All take numbers, lists, arrays and
Tensors, keep float32, and are exact to a few units in the last place over the whole range of floats, without warnings.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .keywords import explains_keywords
from .rules import neural
from .rules.shaping import as_array
from .tensor import Tensor


@explains_keywords
def sigmoid(x: Any) -> Any:
    """1 / (1 + exp(-x)), element by element, in 0..1: y' = y (1 - y).

    x: real numbers of any shape; the result has the same. TypeError for complex numbers.

    >>> import tinygrad_lite as tg
    >>> print(tg.sigmoid(0.0), tg.grad(tg.sigmoid)(0.0))
    0.5 0.25
    """
    return neural.sigmoid.call(as_array(x) if type(x) is list else x)


@explains_keywords
def relu(x: Any) -> Any:
    """max(x, 0), element by element: y' = 1 where x > 0, else 0 (at 0 too).

    x: real numbers of any shape; the result has the same. TypeError for complex numbers.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.relu(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])
    """
    return neural.relu.call(as_array(x) if type(x) is list else x)


@explains_keywords
def leaky_relu(x: Any, slope: Any = 0.01) -> Any:
    """x where x > 0, else slope x, element by element: y' = 1 where x > 0, else slope (at 0 too).

    x: real numbers of any shape; the result has the same. slope: a number; or a Tensor or array that broadcasts
    against x, to be learned (then it is the PReLU of He et al., 2015): its derivative is x where x <= 0.
    TypeError for complex numbers.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.leaky_relu(np.array([-1.0, 2.0]), 0.2)
    array([-0.2,  2. ])
    """
    x = as_array(x) if type(x) is list else x
    if isinstance(slope, (Tensor, np.ndarray)):
        return np.where(np.greater(x, 0), x, np.multiply(slope, x))
    return neural.leaky_relu.call(x, slope=slope)


@explains_keywords
def softplus(x: Any) -> Any:
    """log(1 + exp(x)), element by element: y' = sigmoid(x).

    x: real numbers of any shape; the result has the same. TypeError for complex numbers.

    >>> import tinygrad_lite as tg
    >>> print(tg.softplus(1000.0), tg.grad(tg.softplus)(0.0))
    1000.0 0.5
    """
    return neural.softplus.call(as_array(x) if type(x) is list else x)


@explains_keywords
def softmax(x: Any, axis: int | tuple[int, ...] | None = -1) -> Any:
    """exp(x) / sum(exp(x)) along an axis: positive numbers that sum to 1. dx = y (g - sum(g y)) for the cotangent g.

    x: real numbers of any shape; the result has the same. axis: the axis, or axes, that sum to 1: the last, unless
    another is named; None: all. (Where examples are columns, as in the lectures, that is axis=0.) TypeError for
    complex numbers.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.softmax(np.log([[1.0, 3.0], [1.0, 1.0]]))
    array([[0.25, 0.75],
           [0.5 , 0.5 ]])
    """
    return neural.softmax.call(as_array(x) if type(x) is list else x, axis=axis)


@explains_keywords
def log_softmax(x: Any, axis: int | tuple[int, ...] | None = -1) -> Any:
    """log(softmax(x)) = x - logsumexp(x) along an axis. dx = g - softmax(x) sum(g) for the cotangent g.

    x: real numbers of any shape; the result has the same. axis: as for `softmax`. TypeError for complex numbers.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.log_softmax(np.array([0.0, 1000.0]))
    array([-1000.,     0.])
    """
    return neural.log_softmax.call(as_array(x) if type(x) is list else x, axis=axis)


@explains_keywords
def logsumexp(x: Any, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Any:
    """log(sum(exp(x))) over an axis, without overflow. dx = softmax(x) g for the cotangent g.

    x: real numbers of any shape. axis: the axis, or axes, that are summed over; None: all. keepdims: keep them, with
    size 1. TypeError for complex numbers.

    >>> import numpy as np, tinygrad_lite as tg
    >>> print(tg.logsumexp(np.array([1000.0, 1000.0])).round(4))
    1000.6931
    """
    return neural.logsumexp.call(as_array(x) if type(x) is list else x, axis=axis, keepdims=keepdims)
