"""The strategies keep what they promise."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lite.testing import strategies


@pytest.mark.parametrize(
    ("domain", "kinks"),
    [
        ((-0.01, 0.01), (0,)),
        ((0, 0.001), (0, 0.001)),
        ((5, 5.0001), (5,)),
        ((-1e-12, 1e-12), (0, 7)),
        ((-1, 1), (-0.5, 0.5, 0.51)),
        ((0, 1), (-0.02, 3)),
    ],
)
@given(data=st.data())
def test_arrays_stay_in_a_narrow_domain(data: Any, domain: tuple[float, float], kinks: tuple[float, ...]) -> None:
    array = data.draw(strategies.arrays((3, 4), domain, kinks=kinks))
    assert (domain[0] <= array).all()
    assert (array <= domain[1]).all()
    assert len(np.unique(array)) == array.size
    assert not np.isin(array, kinks).any()


@given(strategies.broadcastable_shapes(3))
def test_shapes_broadcast(shapes: tuple[tuple[int, ...], ...]) -> None:
    assert len(shapes) == 3
    np.broadcast_shapes(*shapes)


@given(strategies.shapes(max_dims=2, max_side=3, min_side=0))
def test_shapes_stay_within_bounds(shape: tuple[int, ...]) -> None:
    assert len(shape) <= 2
    assert all(0 <= n <= 3 for n in shape)


@given(st.data(), strategies.shapes(), st.sampled_from([np.float64, np.float32]))
def test_arrays_stay_in_the_domain_and_away_from_kinks(data: Any, shape: tuple[int, ...], dtype: Any) -> None:
    array = data.draw(strategies.arrays(shape, (-1.0, 3.0), kinks=(0.0, 1.0), gap=0.01, dtype=dtype))
    assert array.shape == shape
    assert array.dtype == dtype
    assert np.all((array > -1.1) & (array < 3.1))
    assert np.all(np.abs(array) >= 0.0099)
    assert np.all(np.abs(array - 1) >= 0.0099)
    assert np.unique(array).size == array.size


@given(st.data(), strategies.shapes(min_side=2))
def test_cotangents_are_not_uniform_and_not_small(data: Any, shape: tuple[int, ...]) -> None:
    g = data.draw(strategies.cotangents(shape))
    assert g.shape == shape
    assert np.all(np.abs(g) >= 0.5)
    assert np.unique(g).size == g.size


@given(strategies.networks())
def test_the_sizes_of_a_network_are_all_different(network: strategies.Network) -> None:
    (n_h, n_x), (n_y, _), (_, m) = network.W1.shape, network.W2.shape, network.X.shape
    assert len({n_x, n_h, n_y, m}) == 4
    assert n_y >= 2
    assert network.b1.shape == (n_h, 1)
    assert network.b2.shape == (n_y, 1)
    assert network.Y.shape == (n_y, m)
    assert set(np.unique(network.Y)) <= {0.0, 1.0}


@given(data=st.data(), shape=strategies.shapes())
def test_cotangents_have_both_signs(data: Any, shape: tuple[int, ...]) -> None:
    g = data.draw(strategies.cotangents(shape))
    assert g.size < 2 or np.min(g) < 0 < np.max(g)


@pytest.mark.parametrize("domain", [(0, np.inf), (-np.inf, 0), (np.nan, 1), (2, -2), (1, 1), (-1e308, 1e308)])
def test_a_domain_is_of_finite_numbers_in_order(domain: tuple[float, float]) -> None:
    @given(strategies.arrays((2, 3), domain))
    def draw(array: Any) -> None:
        raise AssertionError(array)

    with pytest.raises(ValueError, match=r"arrays: domain is \(.*\); it is \(low, high\), finite numbers"):
        draw()


@pytest.mark.parametrize(("shape", "dtype"), [((3,), int), ((60, 70), np.float16)])
def test_a_dtype_without_so_many_numbers_is_refused(shape: tuple[int, ...], dtype: Any) -> None:
    @given(strategies.arrays(shape, (0.1, 0.9), dtype=dtype))
    def draw(array: Any) -> None:
        raise AssertionError(array)

    with pytest.raises(ValueError, match="different numbers in"):
        draw()


def test_sizes_that_cannot_all_differ() -> None:
    with pytest.raises(ValueError, match="not 5 different sizes between 2 and 4"):
        strategies.sizes(5, 2, 4)


def test_without_hypothesis_the_message_says_what_to_install() -> None:
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import tinygrad_lite as tg\n"
        "try:\n    tg.testing.strategies\nexcept ImportError as error:\n    print(error)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pip install 'tinygrad_lite[testing]'" in told
