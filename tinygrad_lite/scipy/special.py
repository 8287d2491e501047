"""Functions of scipy.special that are no ufuncs, and so cannot be given a Tensor: polygamma, logsumexp, softmax.

(Its ufuncs take Tensors as they are: see docs/special.md.)
"""

from __future__ import annotations

from typing import Any

from .. import activations
from ..batching import elementwise
from ..op import Op, custom_vjp
from ..optional import load_scipy
from ..rules.shaping import as_array

__all__ = [
    "log_softmax",
    "logsumexp",
    "polygamma",
    "softmax",
]


def __dir__() -> list[str]:
    """What is public: an editor completes `tg.scipy.special.` with this."""
    return __all__


def _polygamma(n: Any, x: Any) -> Any:
    return load_scipy("special", "tg.scipy.special.polygamma").polygamma(n, x)


polygamma_: Op = custom_vjp(_polygamma, None, lambda g, y, n, x: g * polygamma_(n + 1, x), batch=elementwise)


def polygamma(n: Any, x: Any) -> Any:
    """The n-th derivative of digamma, as scipy.special.polygamma: its own derivative in x is polygamma(n + 1, x).

    n: whole numbers from 0 on; x: real numbers; they broadcast. (DLMF 5.15.)

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.scipy.special.polygamma([0, 1], 1.0).round(4)
    array([-0.5772,  1.6449])
    """
    return polygamma_.call(as_array(n), as_array(x))


def logsumexp(a: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """log(sum(exp(a))), as scipy.special.logsumexp; the same as tg.logsumexp. axis: over which, None: all. keepdims:
    keep it.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.scipy.special.logsumexp(np.array([[1000.0, 1000.0]]), axis=1).round(4)
    array([1000.6931])
    """
    return activations.logsumexp(as_array(a), axis, keepdims)


def softmax(x: Any, axis: Any = None) -> Any:
    """exp(x) / sum(exp(x)), as scipy.special.softmax: over all of x unless an axis is named. (tg.softmax: the last.)

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.scipy.special.softmax(np.log([1.0, 3.0]))
    array([0.25, 0.75])
    """
    return activations.softmax(as_array(x), axis)


def log_softmax(x: Any, axis: Any = None) -> Any:
    """log(softmax(x)), as scipy.special.log_softmax: over all of x unless an axis is named.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.scipy.special.log_softmax(np.array([0.0, 1000.0]))
    array([-1000.,     0.])
    """
    return activations.log_softmax(as_array(x), axis)
