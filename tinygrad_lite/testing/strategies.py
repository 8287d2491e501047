"""Hypothesis strategies for functions of arrays: shapes, arrays, cotangents, networks.

What matters for a gradient is the shapes; so these are what Hypothesis draws and shrinks. The numbers in an array
come from a generator whose seed is drawn: never two alike, never near a kink, never outside a domain, and shrinking
does not waste time on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    from hypothesis import strategies as st
    from hypothesis.extra import numpy as st_numpy
except ImportError as error:
    raise ImportError(
        "tinygrad_lite.testing.strategies needs Hypothesis; install it with: pip install 'tinygrad_lite[testing]'"
    ) from error

__all__ = [
    "Network",
    "arrays",
    "broadcastable_shapes",
    "cotangents",
    "networks",
    "shapes",
    "sizes",
]


def __dir__() -> list[str]:
    """What is public: an editor completes `tg.testing.strategies.` with this."""
    return __all__


Draw = st.DrawFn
Shape = tuple[int, ...]


def shapes(max_dims: int = 3, max_side: int = 4, min_side: int = 1) -> st.SearchStrategy[Shape]:
    """Shapes with up to max_dims axes of min_side to max_side; min_side=0 allows empty arrays.

    >>> from hypothesis import find
    >>> from tinygrad_lite.testing import strategies
    >>> find(strategies.shapes(), lambda shape: len(shape) == 2)
    (1, 1)
    """
    return st_numpy.array_shapes(min_dims=0, max_dims=max_dims, min_side=min_side, max_side=max_side)


def broadcastable_shapes(
    count: int, max_dims: int = 3, max_side: int = 4, min_side: int = 1
) -> st.SearchStrategy[tuple[Shape, ...]]:
    """count shapes that broadcast together, in every way NumPy allows: missing axes, axes of size 1, scalars.

    max_dims, max_side, min_side: as for `shapes`.

    >>> import numpy as np
    >>> from hypothesis import find
    >>> from tinygrad_lite.testing import strategies
    >>> shapes = find(strategies.broadcastable_shapes(2), lambda shapes: shapes[0] != shapes[1])
    >>> np.broadcast_shapes(*shapes)
    (1,)
    """
    drawn = st_numpy.mutually_broadcastable_shapes(
        num_shapes=count, max_dims=max_dims, min_side=min_side, max_side=max_side
    )
    return drawn.map(lambda broadcast: broadcast.input_shapes)


def sizes(count: int, low: int = 1, high: int = 7) -> st.SearchStrategy[tuple[int, ...]]:
    """count sizes between low and high, all different: a transposed matrix or a mixed-up axis cannot go unnoticed.

    ValueError if there are not so many.

    >>> from hypothesis import find
    >>> from tinygrad_lite.testing import strategies
    >>> sorted(find(strategies.sizes(3), lambda sizes: True))
    [1, 2, 3]
    """
    if high - low + 1 < count:
        raise ValueError(f"sizes: there are not {count} different sizes between {low} and {high}")
    return st.lists(st.integers(low, high), min_size=count, max_size=count, unique=True).map(tuple)


@st.composite
def arrays(
    draw: Draw,
    shape: Shape | st.SearchStrategy[Shape],
    domain: tuple[float, float] = (-2.0, 2.0),
    kinks: Sequence[float] = (),
    gap: float = 0.05,
    dtype: Any = np.float64,
) -> NDArray[Any]:
    """Arrays with entries inside domain, no two alike, and none closer than gap to one of the kinks.

    shape: of the array, or a strategy of shapes. domain: (low, high), finite numbers. kinks: numbers at which a
    derivative jumps. gap: less is kept in a domain so narrow that gaps would fill more than half of it. ValueError for
    another domain, and where the dtype has not so many numbers in it.

    >>> import numpy as np
    >>> from hypothesis import find
    >>> from tinygrad_lite.testing import strategies
    >>> x = find(strategies.arrays((2, 3), domain=(-1, 1), kinks=(0.0,)), lambda x: True)
    >>> x.shape, bool(np.abs(x).min() >= 0.05)
    ((2, 3), True)
    """
    drawn = draw(shape) if isinstance(shape, st.SearchStrategy) else shape
    rng = np.random.default_rng(draw(_seeds))
    low, high = domain
    if not (low < high and np.isfinite(high - low)):
        raise ValueError(f"arrays: domain is {domain}; it is (low, high), finite numbers, the smaller one first")
    pieces = _split_domain(domain, kinks, gap)
    count = int(np.prod(drawn, dtype=int))
    steps = (rng.permutation(count) + rng.uniform(0.1, 0.9, count)) / max(count, 1)
    ends = np.cumsum([high - low for low, high in pieces])
    at = steps * ends[-1]
    piece = np.searchsorted(ends, at)
    entries: NDArray[Any] = at + np.array([high for _, high in pieces])[piece] - ends[piece]
    found = entries.reshape(drawn).astype(dtype)
    if len(np.unique(found)) < count:
        raise ValueError(f"arrays: {np.dtype(dtype)} has no {count} different numbers in {domain}, far enough apart")
    return found


def _split_domain(domain: tuple[float, float], kinks: Sequence[float], gap: float) -> list[tuple[float, float]]:
    """What is left of the domain without the gaps around the kinks: intervals, in order."""
    low, high = domain
    inside = sorted(k for k in kinks if low - gap < k < high + gap)
    gap = min(gap, (high - low) / (4 * max(len(inside), 1)))
    pieces = []
    for kink in inside:
        pieces.append((low, min(kink - gap, high)))
        low = max(low, kink + gap)
    pieces.append((low, high))
    return [(a, b) for a, b in pieces if a < b]


@st.composite
def cotangents(draw: Draw, shape: Shape, dtype: Any = np.float64) -> NDArray[Any]:
    """Incoming gradients of this shape: not uniform, both signs, no entry near zero, so that nothing hides behind one.

    >>> import numpy as np
    >>> from hypothesis import find
    >>> from tinygrad_lite.testing import strategies
    >>> g = find(strategies.cotangents((2, 3)), lambda g: True)
    >>> g.shape, bool(np.abs(g).min() >= 0.5)
    ((2, 3), True)
    """
    rng = np.random.default_rng(draw(_seeds))
    signs = np.asarray(rng.choice([-1.0, 1.0], shape))
    if signs.size > 1 and abs(np.sum(signs)) == signs.size:
        signs.flat[rng.integers(signs.size)] *= -1
    return np.asarray(rng.uniform(0.5, 2, shape) * signs).astype(dtype)


@dataclass(frozen=True)
class Network:
    """A two-layer network and its data: what `networks` draws.

    W1 (n_h, n_x), b1 (n_h, 1), W2 (n_y, n_h), b2 (n_y, 1), X (n_x, m), Y (n_y, m). activation: the name of the hidden
    layer's.

    >>> from hypothesis import find
    >>> from tinygrad_lite.testing import strategies
    >>> net = find(strategies.networks(activations=["tanh"]), lambda net: True)
    >>> net.activation, net.W2.shape[1] == net.W1.shape[0]
    ('tanh', True)
    """

    W1: NDArray[Any]
    b1: NDArray[Any]
    W2: NDArray[Any]
    b2: NDArray[Any]
    X: NDArray[Any]
    Y: NDArray[Any]
    activation: str


@st.composite
def networks(
    draw: Draw,
    activations: Sequence[str] = ("tanh", "sigmoid", "relu", "leaky_relu"),
    scales: Sequence[float] = (1.0, 0.01),
    dtype: Any = np.float64,
) -> Network:
    """Two-layer networks with n_x, n_h, n_y (at least 2) and m all different, and labels in 0..1.

    activations: the names from which the hidden layer's is drawn. scales: the standard deviations from which that of
    the weights is drawn.

    >>> from hypothesis import find
    >>> from tinygrad_lite.testing import strategies
    >>> net = find(strategies.networks(), lambda net: net.activation == "relu")
    >>> net.X.shape[1] == net.Y.shape[1]
    True
    """
    n_y, n_x, n_h, m = draw(sizes(4, 2, 7))
    rng = np.random.default_rng(draw(_seeds))
    scale = draw(st.sampled_from(list(scales)))

    def normal(*shape: int) -> NDArray[Any]:
        return (scale * rng.normal(size=shape)).astype(dtype)

    return Network(
        W1=normal(n_h, n_x),
        b1=normal(n_h, 1),
        W2=normal(n_y, n_h),
        b2=normal(n_y, 1),
        X=rng.normal(size=(n_x, m)).astype(dtype),
        Y=rng.integers(0, 2, size=(n_y, m)).astype(dtype),
        activation=draw(st.sampled_from(list(activations))),
    )


_seeds = st.integers(0, 2**16)
