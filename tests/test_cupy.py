"""Tensors over CuPy's arrays, on a GPU: what the stand-in (strict_device.py) is tested with everywhere else."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.another_library import Library, OnADevice
from tests.rules.test_duck import BY_NAME, LISTED, check_every_call
from tests.test_strict_device import REFUSED

cp = pytest.importorskip("cupy")
if not cp.is_available():
    pytest.skip("there is no GPU that CuPy could use", allow_module_level=True)

pytestmark = pytest.mark.filterwarnings("default")  # CuPy's own

CUPY = Library(cp.ndarray, cp.asarray, cp.asnumpy)


class TestCuPy(OnADevice):
    library = CUPY


@pytest.mark.thorough
@pytest.mark.parametrize("name", BY_NAME)
def test_it_goes_unless_the_page_says_no(name: str) -> None:
    check_every_call(name, CUPY, LISTED["device"])


@pytest.mark.parametrize("call", REFUSED.values(), ids=REFUSED)
def test_cupy_refuses_what_the_stand_in_refuses(call) -> None:
    with pytest.raises((TypeError, np.exceptions.AxisError)):
        call(cp.arange(3.0))


def test_a_function_of_cupys_is_in_numpys_name() -> None:
    t = tg.Tensor(cp.arange(3.0))
    with pytest.raises(TypeError):
        cp.tanh(t)
    CUPY.check_same(np.tanh(t), np.tanh(np.arange(3.0)))


def test_a_tensor_beside_an_array_of_numpys_says_what_to_do() -> None:
    with pytest.raises(TypeError, match=r"make both cupy's, with cupy\.asarray"):
        tg.Tensor(cp.ones(3)) * np.ones(3)
    with pytest.raises(TypeError, match=r"say \.numpy\(\)"):
        np.asarray(tg.Tensor(cp.ones(3)))
