"""Activations as modules: the functions of `tg.nn.functional`, with their settings."""

from __future__ import annotations

from typing import Any

from . import functional as F
from .initialise import generator
from .module import Module


class _Fixed(Module):
    """One without settings. (Its constructor, as every one of ours, says what to write for inplace=True.)"""

    def __init__(self) -> None:
        pass


class ReLU(_Fixed):
    """max(x, 0), element by element; its derivative at 0 is 0.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.ReLU()(np.array([-1.0, 2.0]))
    array([0., 2.])
    """

    def forward(self, x: Any) -> Any:
        return F.relu(x)


class LeakyReLU(Module):
    """x where x > 0, else negative_slope · x, element by element.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.LeakyReLU(0.2)(np.array([-1.0, 2.0]))
    array([-0.2,  2. ])
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = negative_slope

    def forward(self, x: Any) -> Any:
        return F.leaky_relu(x, self.negative_slope)


class ELU(Module):
    """x where x > 0, else alpha (exp(x) - 1), element by element.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.ELU()(np.array([-1.0, 2.0])).round(4)
    array([-0.6321,  2.    ])
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: Any) -> Any:
        return F.elu(x, self.alpha)


class GELU(Module):
    """x Φ(x), element by element, with Φ the standard normal distribution; approximate="tanh" is the older formula.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.GELU()(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.1587,  0.    ,  0.8413])
    """

    def __init__(self, approximate: str = "none") -> None:
        self.approximate = approximate

    def forward(self, x: Any) -> Any:
        return F.gelu(x, self.approximate)


class SiLU(_Fixed):
    """x sigmoid(x), element by element.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.SiLU()(np.array([0.0, 100.0]))
    array([  0., 100.])
    """

    def forward(self, x: Any) -> Any:
        return F.silu(x)


class Tanh(_Fixed):
    """The hyperbolic tangent, element by element.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.Tanh()(np.array([0.0, 100.0]))
    array([0., 1.])
    """

    def forward(self, x: Any) -> Any:
        return F.tanh(x)


class Sigmoid(_Fixed):
    """1 / (1 + exp(-x)), element by element.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.Sigmoid()(np.array([0.0, 1000.0]))
    array([0.5, 1. ])
    """

    def forward(self, x: Any) -> Any:
        return F.sigmoid(x)


class Softmax(Module):
    """exp(x) over its sum along the axis dim, which must be named.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.Softmax(dim=1)(np.log([[1.0, 3.0]]))
    array([[0.25, 0.75]])
    """

    def __init__(self, dim: int | None = None) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Any:
        return F.softmax(x, self.dim)


class LogSoftmax(Module):
    """The logarithm of softmax along the axis dim, which must be named.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.LogSoftmax(dim=1)(np.array([[0.0, 1000.0]]))
    array([[-1000.,     0.]])
    """

    def __init__(self, dim: int | None = None) -> None:
        self.dim = dim

    def forward(self, x: Any) -> Any:
        return F.log_softmax(x, self.dim)


class Dropout(Module):
    """In training each entry is 0 with probability p, and others are divided by 1 - p; in evaluation, x itself.

    rng: the generator that is drawn from. A compiled function cannot draw; it raises and says what to do.

    >>> import numpy as np, tinygrad_lite as tg
    >>> drop = tg.nn.Dropout(0.5, rng=np.random.default_rng(0))
    >>> drop(np.ones(6))
    array([2., 0., 0., 0., 2., 2.])
    >>> drop.eval()(np.ones(3))
    array([1., 1., 1.])
    """

    def __init__(self, p: float = 0.5, *, rng: Any = None) -> None:
        F.check_probability("Dropout", p)
        self.p = p
        self.rng = generator(rng)

    def forward(self, x: Any) -> Any:
        return F.dropout(x, self.p, self.training, rng=self.rng)

    def extra_repr(self) -> str:
        return f"p={self.p}"
