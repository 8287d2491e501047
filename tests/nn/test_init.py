"""tg.nn.init: the bounds, the spreads and the places of each initialiser; what has no fans is refused."""

import math

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.nn import init

SHAPE = (30, 20, 3, 5)  # fan_in 300, fan_out 450
UNIFORM = {
    "uniform": ({"a": -0.5, "b": 2.0}, -0.5, 2.0),
    "xavier_uniform": ({"gain": 2.0}, -2 * math.sqrt(6 / 750), 2 * math.sqrt(6 / 750)),
    "kaiming_uniform": ({"a": math.sqrt(5)}, -math.sqrt(1 / 300), math.sqrt(1 / 300)),
}
NORMAL = {
    "normal": ({"mean": 3.0, "std": 0.5}, 3.0, 0.5),
    "small_normal": ({}, 0.0, 0.01),
    "xavier_normal": ({"gain": 5 / 3}, 0.0, 5 / 3 * math.sqrt(2 / 750)),
    "kaiming_normal": ({"mode": "fan_out", "nonlinearity": "relu"}, 0.0, math.sqrt(2 / 450)),
}


@pytest.mark.parametrize("name", UNIFORM)
def test_uniform_ones(name):
    keywords, low, high = UNIFORM[name]
    array = getattr(init, name)(SHAPE, **keywords, rng=np.random.default_rng(0))
    assert array.shape == SHAPE
    assert low <= array.min() < low + 0.001 * (high - low)  # of 9000 numbers
    assert high - 0.001 * (high - low) < array.max() <= high
    assert abs(array.mean() - (low + high) / 2) < 0.02 * (high - low)


@pytest.mark.parametrize("name", NORMAL)
def test_normal_ones(name):
    keywords, mean, std = NORMAL[name]
    array = getattr(init, name)(SHAPE, **keywords, rng=np.random.default_rng(0))
    assert abs(array.mean() - mean) < 0.05 * std
    assert abs(array.std() / std - 1) < 0.03
    assert 3 * std < np.abs(array - mean).max() < 6 * std


def test_those_of_one_number_and_the_diagonal():
    np.testing.assert_array_equal(init.constant((2, 3), 4.5), np.full((2, 3), 4.5))
    np.testing.assert_array_equal(init.zeros((2,)), [0, 0])
    np.testing.assert_array_equal(init.ones((2,)), [1, 1])
    np.testing.assert_array_equal(init.eye((2, 3)), [[1, 0, 0], [0, 1, 0]])
    with pytest.raises(ValueError, match="not that of a matrix"):
        init.eye((2, 3, 4))


def test_truncated():
    array = init.trunc_normal((9000,), 1.0, 2.0, -1.0, 2.0, rng=np.random.default_rng(0))
    assert array.min() >= -1
    assert array.max() <= 2
    assert np.mean(array > 1.5) > 0.1  # not clipped: nothing piles up
    assert len(np.unique(array)) == 9000
    with pytest.raises(ValueError, match="next to nothing"):
        init.trunc_normal((2,), 0.0, 1.0, 50.0, 60.0)


@pytest.mark.parametrize("shape", [(3, 7), (7, 3), (4, 3, 2), (5, 5)])
def test_orthogonal(shape):
    array = init.orthogonal(shape, gain=2.0, rng=np.random.default_rng(0)).reshape(shape[0], -1)
    small = array if array.shape[0] <= array.shape[1] else array.T
    np.testing.assert_allclose(small @ small.T, 4 * np.eye(len(small)), atol=1e-12)


def test_in_place_and_as_an_array_are_the_same_numbers():
    for name in [*UNIFORM, *NORMAL, "trunc_normal", "orthogonal"]:
        expected = getattr(init, name)((4, 3), rng=np.random.default_rng(5), dtype=np.float32)
        t = tg.Tensor(np.zeros((4, 3), np.float32), requires_grad=True)
        assert getattr(init, f"{name}_")(t, rng=np.random.default_rng(5)) is t
        assert t.requires_grad
        assert t.dtype == expected.dtype == np.float32
        np.testing.assert_array_equal(t.numpy(), expected)
    array = np.zeros((2, 2))
    assert init.constant_(array, 3.0) is array
    assert array.sum() == 12
    with pytest.raises(TypeError, match="zeros_: give a Tensor or an array"):
        init.zeros_((2, 3))


def test_gains_and_what_has_no_fans():
    assert init.calculate_gain("tanh") == 5 / 3
    assert init.calculate_gain("leaky_relu", 2.0) == math.sqrt(2 / 5)
    with pytest.raises(ValueError, match="nonlinearity='swish'"):
        init.calculate_gain("swish")
    for name in ("xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal", "orthogonal"):
        with pytest.raises(ValueError, match=rf"{name}: the shape \(3,\) has no fan_in"):
            getattr(init, name)((3,))
    with pytest.raises(ValueError, match="mode is"):
        init.kaiming_normal((3, 4), mode="fan_avg")
