"""Tensors over arrays like CuPy's, that stay on their device, and over the least that an array can be."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import tinygrad_lite as tg
from tests.another_library import OnADevice, OnAnotherLibrary
from tests.duck import DUCK
from tests.strict_device import STRICT_DEVICE, DeviceArray


class TestStrictDevice(OnADevice):
    library = STRICT_DEVICE


class TestDuck(OnAnotherLibrary):
    library = DUCK


REFUSED = {
    "an array of NumPy's": lambda x: x + np.ones(3),
    "one of no dimension": lambda x: np.minimum(x, np.asarray(2.0)),
    "one in a list": lambda x: np.concatenate([x, np.zeros(1)]),
    "a mask": lambda x: np.where(np.ones(3, bool), x, 0),
    "shape by name": lambda x: np.reshape(x, shape=(3, 1)),
    "where": lambda x: np.sum(x, where=x > 1),
    "initial": lambda x: np.max(x, initial=0.0),
    "a missing function": lambda x: np.insert(x, 0, 1.0),
    "a missing ufunc": lambda x: np.vecdot(x, x),
    "an index in a tuple": lambda x: np.add.at(x, ([0, 1],), 1.0),
    "complex numbers at places": lambda x: np.add.at(x + 0j, np.asarray([0], like=x), x[:1]),
    "an axis of a number": lambda x: np.sum(x[0], axis=-1),
    "a conversion": np.asarray,
}


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED)
def test_the_stand_in_refuses_what_cupy_refuses(call):
    with pytest.raises((TypeError, np.exceptions.AxisError)):
        call(DeviceArray(np.arange(3.0)))


def test_the_stand_in_takes_what_cupy_takes():
    x = DeviceArray(np.arange(3.0))
    numbers = DeviceArray(np.array([0, 0, 2]))
    out = np.zeros(3, like=x)
    np.add.at(out, numbers, x)
    taken = [np.float64(2) * x, x[np.array([0, 0, 1])], np.take(x, np.array([1])), np.asarray(np.ones(2), like=x), out]
    assert all(type(one) is DeviceArray for one in taken)
    assert_array_equal(out.get(), [1, 0, 2])


def test_a_tensor_beside_an_array_of_numpys_says_what_to_do():
    t = tg.Tensor(DeviceArray(np.ones(3)), name="t")
    for mixed in (lambda: t * np.ones(3), lambda: np.ones(3) - t, lambda: np.dot(t, np.ones(3))):
        with pytest.raises(TypeError, match=r"make both tests's, with tests\.asarray"):
            mixed()


@pytest.mark.parametrize(
    ("what", "call"),
    [
        (r"np\.asarray\(t\)", lambda x, path: np.asarray(tg.Tensor(x, name="t"))),
        (r"tg\.save: tree\['x'\]", lambda x, path: tg.save(path, {"x": x})),
        (r"tg\.save: tree\['x'\]", lambda x, path: tg.save(path, {"x": tg.Tensor(x)})),
        ("minimize: params", lambda x, path: tg.minimize(lambda w: np.sum((w - 1) ** 2), x)),
        ("root: params", lambda x, path: tg.root(lambda w: w**3 - 1, {"w": x})),
        ("derive: w", lambda x, path: tg.derive(lambda w: np.sum(np.tanh(w)), x)),
    ],
)
def test_what_needs_the_numbers_says_how_they_are_fetched(what, call, tmp_path):
    with pytest.raises(TypeError, match=what + r": the numbers are where tests keeps them.*\.numpy\(\).*\.get\(\)"):
        call(DeviceArray(np.ones(3)), tmp_path / "file.npz")


def test_a_buffer_says_what_writes_into_such_an_array():
    b = tg.zeros(3)
    with pytest.raises(TypeError, match=r"an array of tests's cannot be written into it \(tg\.set_at"):
        b[0] = tg.Tensor(DeviceArray(np.ones(3)))[0]


def test_gradients_are_fetched_to_be_compared():
    x = np.array([0.5, -1.0])
    gradients = {"dw": DeviceArray(1 - np.tanh(x) ** 2)}
    assert tg.compare(gradients, lambda w: np.sum(np.tanh(w)), x).ok


def test_axes_of_windows_that_the_library_would_put_in_order():
    """CuPy sorts the axes, and leaves the sizes of the windows as they are."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 4))
    view = np.lib.stride_tricks.sliding_window_view
    g = rng.normal(size=view(x, (2, 3), axis=(1, 0)).shape)

    def gradient(x, g):
        return tg.value_and_grad(lambda x: np.sum(view(x, (2, 3), axis=(1, 0)) * g))(x)

    STRICT_DEVICE.check(gradient, x, g)
