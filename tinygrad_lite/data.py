"""Examples in mini-batches, and parts of them for testing: by an explicit generator, as rows or as columns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .axes import positive_axis
from .keywords import explains_keywords
from .pytorch_names import DATA, explain_missing

__all__ = [
    "Batches",
    "batches",
    "train_test_split",
]


def __dir__() -> list[str]:
    """What is public: an editor completes `tg.data.` with this."""
    return __all__


if not TYPE_CHECKING:  # a checker would take every name for one that is there

    def __getattr__(name: str) -> object:
        raise AttributeError(explain_missing(f"module {__name__!r}", name, DATA))


Array = Any


class Batches:
    """What `batches` gives (its arguments are those): iterable again and again, with a length.

    >>> import numpy as np, tinygrad_lite as tg
    >>> epoch = tg.data.batches(np.arange(5), batch_size=2, shuffle=False)
    >>> len(epoch), [x.tolist() for x in epoch]
    (3, [[0, 1], [2, 3], [4]])
    """

    def __init__(
        self, arrays: tuple[Array, ...], batch_size: int, rng: Any, shuffle: bool, drop_last: bool, axis: int
    ) -> None:
        self.arrays, self.n = _check_arrays("batches", arrays, axis)
        self.batch_size = _check_whole("batches", "batch_size", batch_size)
        if shuffle:
            _check_generator("batches", rng, "; or shuffle=False")
        if drop_last and self.batch_size > self.n:
            raise ValueError(f"batches: batch_size={batch_size} of {self.n} examples with drop_last=True is no batch")
        self.rng, self.shuffle, self.drop_last, self.axis = rng, shuffle, drop_last, axis

    def __len__(self) -> int:
        """The number of batches."""
        return self.n // self.batch_size if self.drop_last else -(-self.n // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        """The batches of one epoch, in an order drawn now."""
        return self._take(self.rng.permutation(self.n) if self.shuffle else None)

    def _take(self, order: Any) -> Iterator[Any]:
        for i in range(len(self)):
            start, stop = i * self.batch_size, min((i + 1) * self.batch_size, self.n)
            chosen = slice(start, stop) if order is None else order[start:stop]
            parts = tuple([_take(array, chosen, self.axis) for array in self.arrays])
            yield parts if len(parts) > 1 else parts[0]

    def __repr__(self) -> str:
        return f"{len(self)} batches of {self.batch_size} from {self.n} examples"


@explains_keywords
def batches(
    *arrays: Array,
    batch_size: int,
    rng: np.random.Generator | None = None,
    shuffle: bool = True,
    drop_last: bool = False,
    axis: int = 0,
) -> Batches:
    """Mini-batches of the examples: fresh arrays, a tuple of them for several arrays, one array for one.

    arrays: with the same number of examples along axis (0: examples are rows; 1 or -1: columns, as in the lectures).
    rng: draws a new order each time the result is iterated over, unless shuffle=False. drop_last: leave out a last
    batch that would be smaller. ValueError naming the arrays and sizes that do not agree.

    >>> import numpy as np, tinygrad_lite as tg
    >>> X, Y = np.arange(10).reshape(2, 5), np.arange(5).reshape(1, 5)
    >>> epoch = tg.data.batches(X, Y, batch_size=2, rng=np.random.default_rng(0), axis=1)
    >>> len(epoch)
    3
    >>> for x, y in epoch:
    ...     print(x.tolist(), y.tolist())
    [[2, 4], [7, 9]] [[2, 4]]
    [[3, 0], [8, 5]] [[3, 0]]
    [[1], [6]] [[1]]
    """
    return Batches(arrays, batch_size, rng, shuffle, drop_last, axis)


@explains_keywords
def train_test_split(
    *arrays: Array, test_size: float = 0.2, rng: np.random.Generator | None = None, axis: int = 0
) -> tuple[Array, ...]:
    """Each array in two parts with different examples, for training and for testing.

    arrays: a, b, …, with the same number of examples; returns a_train, a_test, b_train, b_test, …. test_size: the share
    of the examples that is for testing, between 0 and 1, or how many (a whole number); one or more are on each side.
    rng: draws which. axis: 0 if examples are rows, 1 or -1 if they are columns.

    >>> import numpy as np, tinygrad_lite as tg
    >>> X, Y = np.arange(10).reshape(5, 2), np.arange(5)
    >>> parts = tg.data.train_test_split(X, Y, test_size=0.4, rng=np.random.default_rng(0))
    >>> X_train, X_test, Y_train, Y_test = parts
    >>> Y_train, Y_test
    (array([3, 0, 1]), array([2, 4]))
    """
    name = "train_test_split"
    arrays, n = _check_arrays(name, arrays, axis)
    _check_generator(name, rng)
    if isinstance(test_size, (int, np.integer)) and not isinstance(test_size, bool):
        n_test = int(test_size)
    elif 0 < test_size < 1:
        n_test = min(max(round(test_size * n), 1), n - 1)
    else:
        raise ValueError(
            f"{name}: test_size={test_size!r}; it is a share between 0 and 1, or a whole number of examples"
        )
    if not 0 < n_test < n:
        raise ValueError(f"{name}: test_size={test_size!r} of {n} examples leaves a side without any")
    assert rng is not None
    order = rng.permutation(n)
    return tuple([_take(array, part, axis) for array in arrays for part in (order[n_test:], order[:n_test])])


def _take(array: Array, chosen: Any, axis: int) -> Array:
    where = (slice(None),) * positive_axis(axis, array.ndim) + (chosen,)
    part = array[where]
    return part.copy() if isinstance(chosen, slice) and isinstance(part, np.ndarray) else part


def _check_arrays(name: str, arrays: tuple[Array, ...], axis: int) -> tuple[tuple[Array, ...], int]:
    if not arrays:
        raise TypeError(f"{name}: give at least one array")
    arrays = tuple([x if hasattr(x, "shape") else np.asarray(x) for x in arrays])
    for i, x in enumerate(arrays):
        if not -x.ndim <= axis < x.ndim:
            raise ValueError(f"{name}: array {i} has shape {x.shape}, and so no axis {axis} along which examples lie")
    sizes = [x.shape[axis] for x in arrays]
    for i, size in enumerate(sizes):
        if size != sizes[0]:
            raise ValueError(
                f"{name}: array 0 of shape {arrays[0].shape} has {sizes[0]} examples along axis {axis}, array {i} of "
                f"shape {arrays[i].shape} has {size}; say axis=1 if examples are columns, axis=0 if they are rows"
            )
    if sizes[0] == 0:
        raise ValueError(f"{name}: array 0 of shape {arrays[0].shape} has no examples along axis {axis}")
    return arrays, sizes[0]


def _check_whole(name: str, what: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ValueError(f"{name}: {what}={value!r}; it must be a whole number, 1 or more")
    return int(value)


def _check_generator(name: str, rng: Any, otherwise: str = "") -> None:
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"{name}: rng={rng!r}; give a generator, as in rng=np.random.default_rng(0){otherwise}")
