"""The gradient of taking rows by their numbers, where they are many: np.add.at in another way, to the last bit."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import tinygrad_lite as tg

RNG = np.random.default_rng(3)


def numbers(n, *shape):
    """Row numbers, some of them from the end, many of them twice."""
    return RNG.integers(-n, n, shape)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
@pytest.mark.parametrize(
    ("shape", "index"),
    [
        ((60, 7), (numbers(60, 400),)),
        ((60, 7), (numbers(60, 80, 5),)),
        ((600, 7), (numbers(60, 400).astype(np.int8),)),
        ((60, 7), ((numbers(60, 400) % 60).astype(np.uint8),)),
        ((6, 5, 4), (numbers(6, 900),)),
        ((6, 5, 40), (numbers(6, 30, 1), numbers(5, 4))),
        ((6, 5), (numbers(6, 3000), numbers(5, 3000))),
        ((60, 7), (slice(None), numbers(7, 90))),
        ((4, 5, 6, 3), (slice(None), slice(None), numbers(6, 90))),
        ((4, 5, 6, 3), (slice(None), numbers(5, 90, 1), numbers(6, 2))),
        ((60, 7), (slice(1, 50), numbers(7, 90))),
        ((60, 7), (np.arange(60) % 2 == 0, numbers(7, 30))),
        ((60, 40), (3, numbers(40, 2500))),
    ],
)
def test_they_receive_all_that_is_theirs(shape, index, dtype):
    x = RNG.normal(size=shape).astype(dtype)
    g = RNG.normal(size=x[index].shape).astype(dtype)
    expected = np.zeros_like(x)
    np.add.at(expected, index, g)
    assert_array_equal(tg.vjp(lambda x: x[index], x)[1](g)[0], expected)
    same = np.zeros_like(x)
    np.add.at(same, index, np.full(g.shape, 2.5, dtype))
    assert_array_equal(tg.vjp(lambda x: 2.5 * x[index], x)[1](np.ones_like(g))[0], same)


def test_numbers_that_are_none_of_a_row_raise():
    table = RNG.normal(size=(60, 7))

    def cost(table, rows):
        return np.sum(table[rows] * np.arange(7.0))

    step = tg.compile(tg.grad(cost), target="numpy")
    step(table, np.arange(400) % 60)
    for wrong in (60, -61):
        with pytest.raises(IndexError, match=f"index {wrong} is out of bounds for axis 0 with size 60"):
            step(table, np.append(np.arange(400) % 60, wrong)[1:])
