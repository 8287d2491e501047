"""What may stand in the brackets: whatever NumPy takes for an index array counts each entry as often as it names it."""

from __future__ import annotations

import array
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_lite as tg


class Row:
    """A sequence that is no list."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, i: int) -> int:
        return [0, 0, 2][i]


class AsArray:
    """What NumPy asks for its array."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array([0, 0, 2])


INDICES = {
    "a list": [0, 0, 2],
    "a list in a tuple": ([0, 0, 2],),
    "a tuple in a tuple": ((0, 0, 2),),
    "tuples beside a slice": (slice(1, 3), (0, 0)),
    "tuples in a tuple": ((0, 0, 2), (1, 1, 0)),
    "nested lists": [[0, 0], [2, 0]],
    "a tuple of tuples": (((0, 0), (2, 0)),),
    "a range": range(3),
    "a sequence": (Row(),),
    "an array of Python's": array.array("i", [0, 0, 2]),
    "bytes": bytearray([0, 0, 2]),
    "memory": memoryview(np.array([0, 0, 2])),
    "an object with an array": AsArray(),
    "booleans in a list": [True, False, True],
    "booleans in a tuple": ((True, False, True), 1),
    "nothing": [],
    "no tuple": ((),),
}


def check(index: Any, plain: Any = None) -> None:
    """plain: the index as np.add.at takes it."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3, 2))
    g = rng.normal(size=x[index].shape)
    expected = np.zeros_like(x)
    np.add.at(expected, index if plain is None else plain, g)
    assert_allclose(tg.Tensor(x)[index].numpy(), x[index])
    assert_allclose(tg.grad(lambda x: np.sum(x[index] * g))(x), expected, rtol=1e-12)
    assert_allclose(tg.jvp(lambda x: x[index], (x,), (x,))[1], x[index])
    again = tg.grad(lambda x: np.sum(tg.grad(lambda x: np.sum(x[index] ** 3 * g))(x) * x))(x)
    assert_allclose(again, 9 * x**2 * expected, rtol=1e-10)


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_an_entry_gets_a_gradient_for_each_time_it_is_named(index: Any) -> None:
    check(index)


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_an_entry_of_a_buffer_that_is_named_twice_keeps_the_last_value(index: Any) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=np.zeros((3, 2))[index].shape)
    g = rng.normal(size=(3, 2))
    plain, last = np.zeros((3, 2)), np.full((3, 2), -1)
    plain[index] = x
    last[index] = np.reshape(np.arange(x.size), x.shape)
    expected = np.zeros(x.size)
    expected[last[last >= 0]] = g[last >= 0]

    def written(x: Any) -> Any:
        b = tg.zeros((3, 2))
        b[index] = x
        return np.sum(b * g)

    value, gradient = tg.value_and_grad(written)(x)
    assert_allclose(value, np.sum(plain * g), atol=1e-14)
    assert_allclose(gradient, np.reshape(expected, x.shape))


def test_index_arrays_of_other_libraries() -> None:
    da = pytest.importorskip("dask.array")
    lazy = da.from_array(np.array([0, 0, 2]), chunks=2)
    check(lazy, [0, 0, 2])
    check((lazy, 1), ([0, 0, 2], 1))


@pytest.mark.parametrize(
    "index", [1.5, "a", b"ab", {1: 2}, object(), np.float64(1), [0.5]], ids=lambda x: type(x).__name__
)
def test_what_is_no_index_is_refused_as_numpy_refuses_it(index: Any) -> None:
    with pytest.raises(IndexError, match=r"valid indices|must be of integer"):
        tg.Tensor(np.ones(3))[index]
