"""The elementary functions that compiled C calls: at most 2 units in the last place, and right at every special value.

Both builds are tested: with the processor's own instructions, and without fused multiply-add. The points, the exact
values and the units are those of benchmarks/vector_math.py, which measures the table of docs/native_math.md.
"""

import numpy as np
import pytest

from benchmarks import vector_math
from benchmarks.vector_math import DTYPES, FUNCTIONS, NATIVE, PLAIN, call, find_largest_error
from benchmarks.vector_math_coefficients import constants, spell

pytestmark = pytest.mark.skipif(vector_math.find_compiler() is None, reason="no C compiler: $CC, cc, gcc or clang")
INF, NAN = np.inf, np.nan

# Exact results, the sign of zero included, in both dtypes.
SPECIAL = {
    "exp": [(0.0, 1), (-0.0, 1), (INF, INF), (-INF, 0.0), (1e30, INF), (-1e30, 0.0), (1e-30, 1)],
    "expm1": [(0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -1), (1e30, INF), (-1e30, -1), (1e-30, 1e-30)],
    "log": [(1, 0.0), (0.0, -INF), (-0.0, -INF), (INF, INF), (-1, NAN), (-INF, NAN), (-1e-42, NAN)],
    "log1p": [(0.0, 0.0), (-0.0, -0.0), (-1, -INF), (-1.5, NAN), (INF, INF), (-INF, NAN), (-1e-30, -1e-30)],
    "tanh": [(0.0, 0.0), (-0.0, -0.0), (INF, 1), (-INF, -1), (30, 1), (-1e30, -1), (-1e-30, -1e-30)],
    "sigmoid": [(0.0, 0.5), (-0.0, 0.5), (INF, 1), (-INF, 0.0), (40, 1), (1e30, 1), (-1e30, 0.0)],
    "softplus": [(INF, INF), (-INF, 0.0), (1e30, 1e30), (-1e30, 0.0), (1000, 1000)],
}


@pytest.fixture(scope="module", params=[NATIVE, PLAIN], ids=["native", "plain"])
def library(request, tmp_path_factory):
    return vector_math.build(tmp_path_factory.mktemp("loops"), request.param)


@pytest.mark.parametrize("suffix", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_at_most_two_units_in_the_last_place(library, name, suffix):
    error, x = find_largest_error(library, name, suffix, count=1200)
    assert error <= 2, f"{name}({x!r}) = {call(library, name, np.array([x]))} is {error:.2f} units off"


@pytest.mark.slow
@pytest.mark.parametrize("suffix", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_at_most_two_units_in_the_last_place_at_many_points(library, name, suffix):
    error, x = find_largest_error(library, name, suffix, count=20_000)
    assert error <= 2, f"{name}({x!r}) = {call(library, name, np.array([x]))} is {error:.2f} units off"


@pytest.mark.parametrize("suffix", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_special_values(library, name, suffix):
    x, expected = np.array([*SPECIAL[name], (NAN, NAN)], DTYPES[suffix]).T.copy()
    found = call(library, name, x)
    np.testing.assert_array_equal(found, expected)
    told = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found[told]), np.signbit(expected[told]))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_number_has_one_value_wherever_it_stands(library, name):
    """In the vector part of a loop, and in the rest that does not fill a vector."""
    x = vector_math.draw_points(name, "f64", 1200)[:67]
    assert np.array_equal(
        call(library, name, x), np.concatenate([call(library, name, x[j : j + 1]) for j in range(67)])
    )


def test_the_constants_are_those_of_the_script():
    text = vector_math.HEADER.read_text()
    for name, numbers, dtype in constants():
        for number in numbers:
            if number != 1:
                assert spell(abs(number), dtype) in text, name
