"""Initialisers, with PyTorch's names and formulas: where weights start.

`xavier_uniform_(t)` gives a leaf Tensor (or an array) its first numbers, in place, and returns it;
`xavier_uniform(shape)` makes a fresh array, of dtype float64 unless another is named. Those that draw take rng=, a
np.random.Generator; without it a fresh one is made.

Fans are PyTorch's: of a shape (out, in, *kernel), fan_in = in · the kernel's size, fan_out = out · that.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..keywords import explains_keywords
from ..tensor import Tensor
from .initialise import generator

__all__ = [
    "calculate_gain",
    "constant",
    "constant_",
    "eye",
    "eye_",
    "kaiming_normal",
    "kaiming_normal_",
    "kaiming_uniform",
    "kaiming_uniform_",
    "normal",
    "normal_",
    "ones",
    "ones_",
    "orthogonal",
    "orthogonal_",
    "small_normal",
    "small_normal_",
    "trunc_normal",
    "trunc_normal_",
    "uniform",
    "uniform_",
    "xavier_normal",
    "xavier_normal_",
    "xavier_uniform",
    "xavier_uniform_",
    "zeros",
    "zeros_",
]


def __dir__() -> list[str]:
    """What is public: an editor completes `tg.nn.init.` with this."""
    return __all__


Shape = int | Sequence[int]

_GAINS = {
    "linear": 1.0,
    "conv1d": 1.0,
    "conv2d": 1.0,
    "sigmoid": 1.0,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 0.75,
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """What a layer's weights are multiplied by so that the activation after it keeps the variance.

    nonlinearity: "linear", "conv1d", "conv2d", "sigmoid", "tanh" (5/3), "relu" (√2), "selu" (3/4), or "leaky_relu"
    (√(2 / (1 + slope²)), slope = param, 0.01 unless given). ValueError for others.

    >>> calculate_gain("relu") ** 2
    2.0000000000000004
    """
    if nonlinearity == "leaky_relu":
        return math.sqrt(2 / (1 + (0.01 if param is None else param) ** 2))
    if nonlinearity not in _GAINS:
        raise ValueError(f"calculate_gain: nonlinearity={nonlinearity!r}; it is leaky_relu, {', '.join(_GAINS)}")
    return _GAINS[nonlinearity]


@explains_keywords
def uniform(shape: Shape, a: float = 0.0, b: float = 1.0, *, rng: Any = None, dtype: Any = float) -> np.ndarray:
    """Uniform between a and b.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.init.uniform((2, 3), -1, 1, rng=np.random.default_rng(0)).round(2)
    array([[ 0.27, -0.46, -0.92],
           [-0.97,  0.63,  0.83]])
    """
    return generator(rng).uniform(a, b, shape).astype(dtype)


@explains_keywords
def normal(shape: Shape, mean: float = 0.0, std: float = 1.0, *, rng: Any = None, dtype: Any = float) -> np.ndarray:
    """Normal with this mean and standard deviation, std.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.init.normal(3, mean=1.0, std=0.5, rng=np.random.default_rng(0)).round(3)
    array([1.063, 0.934, 1.32 ])
    """
    return generator(rng).normal(mean, std, shape).astype(dtype)


@explains_keywords
def small_normal(shape: Shape, scale: float = 0.01, *, rng: Any = None, dtype: Any = float) -> np.ndarray:
    """The lectures' start, np.random.randn(n_h, n_x) * 0.01: small, so that tanh and sigmoid are steep there.

    scale: what the standard normal numbers are multiplied by.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.init.small_normal((1, 2), rng=np.random.default_rng(0)).round(5)
    array([[ 0.00126, -0.00132]])
    """
    return scale * normal(shape, rng=rng, dtype=dtype)


@explains_keywords
def trunc_normal(
    shape: Shape,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    *,
    rng: Any = None,
    dtype: Any = float,
) -> np.ndarray:
    """Normal with this mean and standard deviation std, drawn again where it lies outside a..b.

    ValueError where next to nothing lies between a and b.

    >>> import numpy as np, tinygrad_lite as tg
    >>> start = tg.nn.init.trunc_normal((50, 20), a=-1, b=1, rng=np.random.default_rng(0))
    >>> bool(np.abs(start).max() <= 1)
    True
    """
    if not a < b or mean + 8 * std < a or mean - 8 * std > b:
        raise ValueError(f"trunc_normal: between a={a} and b={b} there is next to nothing of mean={mean}, std={std}")
    rng = generator(rng)
    array = np.asarray(rng.normal(mean, std, shape))
    while (outside := (array < a) | (array > b)).any():
        array[outside] = rng.normal(mean, std, np.count_nonzero(outside))
    return array.astype(dtype)


@explains_keywords
def constant(shape: Shape, val: float, *, dtype: Any = float) -> np.ndarray:
    """The same number, val, everywhere.

    >>> import tinygrad_lite as tg
    >>> tg.nn.init.constant(2, 0.5)
    array([0.5, 0.5])
    """
    return np.full(shape, val, dtype)


@explains_keywords
def zeros(shape: Shape, *, dtype: Any = float) -> np.ndarray:
    """Zeros: for biases. Weights that are all 0 stay equal for ever.

    >>> import tinygrad_lite as tg
    >>> tg.nn.init.zeros((1, 2))
    array([[0., 0.]])
    """
    return np.zeros(shape, dtype)


@explains_keywords
def ones(shape: Shape, *, dtype: Any = float) -> np.ndarray:
    """Ones: for what scales, such as the weight of a normalisation.

    >>> import tinygrad_lite as tg
    >>> tg.nn.init.ones(2)
    array([1., 1.])
    """
    return np.ones(shape, dtype)


@explains_keywords
def eye(shape: Shape, *, dtype: Any = float) -> np.ndarray:
    """1 on the diagonal of a matrix, else 0. ValueError unless the shape is a matrix's.

    >>> import tinygrad_lite as tg
    >>> tg.nn.init.eye((2, 3))
    array([[1., 0., 0.],
           [0., 1., 0.]])
    """
    if np.ndim(shape) != 1 or np.size(shape) != 2:
        raise ValueError(f"eye: the shape {shape} is not that of a matrix")
    rows, columns = (int(n) for n in np.atleast_1d(shape))
    return np.eye(rows, columns, dtype=dtype)


@explains_keywords
def xavier_uniform(shape: Shape, gain: float = 1.0, *, rng: Any = None, dtype: Any = float) -> np.ndarray:
    """Uniform between ±gain · √(6 / (fan_in + fan_out)) (Glorot and Bengio, 2010). ValueError for less than two axes.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.init.xavier_uniform((1, 5), rng=np.random.default_rng(0)).round(2)
    array([[ 0.27, -0.46, -0.92, -0.97,  0.63]])
    """
    bound = gain * math.sqrt(6 / sum(_fans("xavier_uniform", shape)))
    return uniform(shape, -bound, bound, rng=rng, dtype=dtype)


@explains_keywords
def xavier_normal(shape: Shape, gain: float = 1.0, *, rng: Any = None, dtype: Any = float) -> np.ndarray:
    """Normal with standard deviation gain · √(2 / (fan_in + fan_out)) (Glorot and Bengio, 2010). See `xavier_uniform`.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.init.xavier_normal((200, 200), rng=np.random.default_rng(0)).std().round(2)
    np.float64(0.07)
    """
    return normal(shape, 0.0, gain * math.sqrt(2 / sum(_fans("xavier_normal", shape))), rng=rng, dtype=dtype)


@explains_keywords
def kaiming_uniform(
    shape: Shape,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    *,
    rng: Any = None,
    dtype: Any = float,
) -> np.ndarray:
    """Uniform between ±gain · √(3 / fan) (He et al., 2015), where gain is that of the nonlinearity (`calculate_gain`).

    a: the slope of leaky_relu. mode: which fan, "fan_in" or "fan_out". ValueError for less than two axes.

    >>> import numpy as np, tinygrad_lite as tg
    >>> start = tg.nn.init.kaiming_uniform((4, 6), nonlinearity="relu", rng=np.random.default_rng(0))
    >>> bool(np.abs(start).max() <= 1)
    True
    """
    bound = math.sqrt(3) * _kaiming_std("kaiming_uniform", shape, a, mode, nonlinearity)
    return uniform(shape, -bound, bound, rng=rng, dtype=dtype)


@explains_keywords
def kaiming_normal(
    shape: Shape,
    a: float = 0.0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    *,
    rng: Any = None,
    dtype: Any = float,
) -> np.ndarray:
    """Normal with standard deviation gain / √fan (He et al., 2015).

    shape, a, mode, nonlinearity, rng: as for `kaiming_uniform`.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.init.kaiming_normal((400, 200), nonlinearity="relu", rng=np.random.default_rng(0)).std().round(2)
    np.float64(0.1)
    """
    return normal(shape, 0.0, _kaiming_std("kaiming_normal", shape, a, mode, nonlinearity), rng=rng, dtype=dtype)


@explains_keywords
def orthogonal(shape: Shape, gain: float = 1.0, *, rng: Any = None, dtype: Any = float) -> np.ndarray:
    """gain times a random matrix whose rows, or columns if there are fewer, are orthonormal (Saxe et al., 2013).

    Of more than two axes the later ones count as one. ValueError for less than two axes.

    >>> import numpy as np, tinygrad_lite as tg
    >>> W = tg.nn.init.orthogonal((2, 5), rng=np.random.default_rng(0))
    >>> np.allclose(W @ W.T, np.eye(2))
    True
    """
    _fans("orthogonal", shape)
    rows, *others = shape if isinstance(shape, Sequence) else (shape,)
    columns = math.prod(others)
    drawn = generator(rng).normal(size=(max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(drawn)
    q = q * np.sign(np.diag(r))  # so that every such matrix is equally likely
    return np.asarray(gain * (q.T if rows < columns else q)).reshape(shape).astype(dtype)


def _fans(what: str, shape: Shape) -> tuple[int, int]:
    """fan_in and fan_out."""
    if not isinstance(shape, Sequence) or len(shape) < 2 or math.prod(shape) == 0:
        raise ValueError(f"{what}: the shape {shape} has no fan_in and fan_out; it must be (out, in, …), with entries")
    size = math.prod(shape[2:])
    return shape[1] * size, shape[0] * size


def _kaiming_std(what: str, shape: Shape, a: float, mode: str, nonlinearity: str) -> float:
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f'{what}: mode is "fan_in" or "fan_out", not {mode!r}')
    return calculate_gain(nonlinearity, a) / math.sqrt(_fans(what, shape)[mode == "fan_out"])


def _in_place(function: Callable[..., np.ndarray]) -> Callable[..., Any]:
    """The initialiser that takes a leaf Tensor or an array in place of a shape, and fills it."""

    @functools.wraps(function)
    def fill(tensor: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(tensor, (Tensor, np.ndarray)):
            raise TypeError(f"{fill.__name__}: give a Tensor or an array to fill, not a {type(tensor).__name__}")
        array = function(tensor.shape, *args, dtype=tensor.dtype, **kwargs)
        if isinstance(tensor, Tensor):
            tensor.data = array
        else:
            tensor[...] = array
        return tensor

    name = fill.__name__ = fill.__qualname__ = f"{function.__name__}_"
    shape, *others = inspect.signature(function).parameters.values()
    parameters = [shape.replace(name="tensor", annotation="Any"), *[p for p in others if p.name != "dtype"]]
    fill.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # what help() and editors show
    more = {"constant_": ", 0.5"}.get(name, "")
    fill.__doc__ = f"""Fill a leaf Tensor or an array, in place, and return it: see `{function.__name__}`.

    tensor: what is filled; its shape and dtype stay. The other arguments are those of `{function.__name__}`.
    TypeError for anything else.

    >>> import numpy as np, tinygrad_lite as tg
    >>> W = np.full((2, 3), np.nan)
    >>> tg.nn.init.{name}(W{more}) is W and bool(np.isfinite(W).all())
    True
    """
    return fill


uniform_ = _in_place(uniform)
normal_ = _in_place(normal)
small_normal_ = _in_place(small_normal)
trunc_normal_ = _in_place(trunc_normal)
constant_ = _in_place(constant)
zeros_ = _in_place(zeros)
ones_ = _in_place(ones)
eye_ = _in_place(eye)
xavier_uniform_ = _in_place(xavier_uniform)
xavier_normal_ = _in_place(xavier_normal)
kaiming_uniform_ = _in_place(kaiming_uniform)
kaiming_normal_ = _in_place(kaiming_normal)
orthogonal_ = _in_place(orthogonal)
