"""The elementary functions that compiled C calls: at most 2 units in the last place, and right at every special value.

(The one exception is normal_cdf of float64, with 5; what stands in vector_math.h says why.)

Both builds are tested: with the processor's own instructions, and without fused multiply-add. The points, the exact
values and the units are those of benchmarks/vector_math.py, which measures the table of docs/native_math.md.
"""

import numpy as np
import pytest

import tinygrad_lite as tg
from benchmarks import vector_math
from benchmarks.vector_math import DTYPES, FUNCTIONS, NATIVE, PLAIN, call, find_largest_error
from benchmarks.vector_math_coefficients import constants, spell
from tinygrad_lite.rules.neural import normal_cdf

pytestmark = [
    pytest.mark.thorough,
    pytest.mark.skipif(vector_math.find_compiler() is None, reason="no C compiler: $CC, cc, gcc or clang"),
]
INF, NAN = np.inf, np.nan

# Exact results, the sign of zero included, in both dtypes.
ODD = [(0.0, 0.0), (-0.0, -0.0), (-1e-30, -1e-30)]
SPECIAL = {
    "exp": [(0.0, 1), (-0.0, 1), (INF, INF), (-INF, 0.0), (1e30, INF), (-1e30, 0.0), (1e-30, 1)],
    "exp2": [(0.0, 1), (-0.0, 1), (INF, INF), (-INF, 0.0), (1e30, INF), (-1e30, 0.0), (10, 1024), (-3, 0.125)],
    "expm1": [*ODD, (INF, INF), (-INF, -1), (1e30, INF), (-1e30, -1)],
    "log": [(1, 0.0), (0.0, -INF), (-0.0, -INF), (INF, INF), (-1, NAN), (-INF, NAN), (-1e-42, NAN)],
    "log2": [(1, 0.0), (0.0, -INF), (-0.0, -INF), (INF, INF), (-1, NAN), (-INF, NAN), (1024, 10), (0.125, -3)],
    "log10": [(1, 0.0), (0.0, -INF), (-0.0, -INF), (INF, INF), (-1, NAN), (-INF, NAN)],
    "log1p": [*ODD, (-1, -INF), (-1.5, NAN), (INF, INF), (-INF, NAN)],
    "sinh": [*ODD, (INF, INF), (-INF, -INF), (1e30, INF), (-1e30, -INF)],
    "cosh": [(0.0, 1), (-0.0, 1), (INF, INF), (-INF, INF), (1e30, INF), (-1e30, INF)],
    "tanh": [*ODD, (INF, 1), (-INF, -1), (30, 1), (-1e30, -1)],
    "sigmoid": [(0.0, 0.5), (-0.0, 0.5), (INF, 1), (-INF, 0.0), (40, 1), (1e30, 1), (-1e30, 0.0)],
    "softplus": [(INF, INF), (-INF, 0.0), (1e30, 1e30), (-1e30, 0.0), (1000, 1000)],
    "erf": [(0.0, 0.0), (-0.0, -0.0), (INF, 1), (-INF, -1), (6, 1), (-1e30, -1)],
    "normal_cdf": [(0.0, 0.5), (-0.0, 0.5), (INF, 1), (-INF, 0.0), (40, 1), (-40, 0.0), (1e30, 1), (-1e30, 0.0)],
    "sin": [*ODD, (INF, NAN), (-INF, NAN)],
    "cos": [(0.0, 1), (-0.0, 1), (1e-30, 1), (INF, NAN), (-INF, NAN)],
}
# Of pow: everything that the C standard (annex F) names, and what it leaves to the formula at the ends.
BASES = [0.0, -0.0, 1, -1, 0.5, -0.5, 2, -2, 1e30, -1e30, 1e-42, INF, -INF, NAN]
EXPONENTS = [0.0, -0.0, 1, -1, 2, -2, 3, -3, 0.5, -0.5, 2.5, 1e30, -1e30, 1e-42, INF, -INF, NAN]


@pytest.fixture(scope="module", params=[NATIVE, PLAIN], ids=["native", "plain"])
def library(request, tmp_path_factory):
    return vector_math.build(tmp_path_factory.mktemp("loops"), request.param)


@pytest.mark.parametrize("suffix", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_largest_error(library, name, suffix):
    error, where = find_largest_error(library, name, suffix, count=2400)
    assert error <= (FUNCTIONS[name].limit if suffix == "f64" else 2), f"{where} is {error:.2f} units off"


@pytest.mark.slow
@pytest.mark.parametrize("suffix", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_largest_error_at_many_points(library, name, suffix):
    error, where = find_largest_error(library, name, suffix, count=20_000)
    assert error <= (FUNCTIONS[name].limit if suffix == "f64" else 2), f"{where} is {error:.2f} units off"


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, f in FUNCTIONS.items() if f.operands == 1])
def test_one_float32_in_509_against_numpys_float64(library, name):
    """All signs and magnitudes, in steps that are prime to the powers of two. NumPy's own error is 1e-8 of a unit."""
    x = np.arange(0, 2**32, 509, dtype=np.uint32).view(np.float32)
    f = FUNCTIONS[name]
    x = x[(x > f.low) & (x < f.high)]
    with np.errstate(all="ignore"):
        expected = (f.numpy or getattr(np, name))(x.astype(np.float64))
    mantissa, exponent = np.frexp(np.clip(expected, -1e300, 1e300))
    errors = vector_math.measure_ulps(call(library, name, x), (mantissa, np.zeros_like(mantissa), exponent))
    worst = np.argmax(errors)
    assert errors[worst] <= 2, f"{name}({x[worst]}) is {errors[worst]:.2f} units off"


@pytest.mark.parametrize("suffix", DTYPES)
@pytest.mark.parametrize("name", SPECIAL)
def test_special_values(library, name, suffix):
    x, expected = np.array([*SPECIAL[name], (NAN, NAN)], DTYPES[suffix]).T.copy()
    assert_same(call(library, name, x), expected)


@pytest.mark.parametrize("suffix", DTYPES)
def test_special_values_of_pow(library, suffix):
    """Where the result is 0, 1, inf or nan, or the base or the exponent is 1, it is NumPy's."""
    a, b = (v.ravel() for v in np.meshgrid(np.array(BASES, DTYPES[suffix]), np.array(EXPONENTS, DTYPES[suffix])))
    with np.errstate(all="ignore"):
        expected = np.power(a, b)
    exact = np.isin(expected, [0, 1, -1, INF, -INF]) | np.isnan(expected) | (b == 1)
    assert np.count_nonzero(exact) > 180
    assert_same(call(library, "pow", a, b)[exact], expected[exact])


@pytest.mark.parametrize("suffix", DTYPES)
def test_whole_exponents_near_the_largest_that_can_be_odd(library, suffix):
    """From 2^53 on (float: 2^24) every number is even; before, the last bit decides the sign."""
    b = np.ldexp(DTYPES[suffix](1), np.finfo(DTYPES[suffix]).nmant + 1) - np.arange(4, dtype=DTYPES[suffix])
    assert_same(call(library, "pow", np.full_like(b, -1), b), np.where(np.arange(4) % 2, -1, 1).astype(b.dtype))


def assert_same(found, expected):
    """Equal, nan to nan, with the same signs of zero."""
    np.testing.assert_array_equal(found, expected)
    told = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(found[told]), np.signbit(expected[told]))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_number_has_one_value_wherever_it_stands(library, name):
    """In the vector part of a loop, and in the rest that does not fill a vector."""
    points = [v[-67:] for v in vector_math.draw_points(name, "f64", 1200)]
    one_by_one = [call(library, name, *(v[j : j + 1] for v in points)) for j in range(67)]
    np.testing.assert_array_equal(call(library, name, *points), np.concatenate(one_by_one))


def test_the_constants_are_those_of_the_script():
    text = vector_math.HEADER.read_text()
    for name, numbers, dtype in constants():
        for number in numbers:
            if number != 1:
                assert spell(abs(number), dtype) in text, name


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_is_measured_is_what_compiled_functions_call(name):
    own = {"sigmoid": tg.sigmoid, "softplus": tg.softplus, "normal_cdf": normal_cdf.call, "pow": np.power}
    function = own.get(name) or getattr(pytest.importorskip("scipy.special") if name == "erf" else np, name)
    arguments = [np.linspace(0.5, 2, 9)] * FUNCTIONS[name].operands
    source = tg.compile(lambda *xs: function(*xs), target="c").source(*arguments)
    assert f"tg_{name}_" in source.split("tg_functions")[0]


@pytest.mark.parametrize("function", [tg.sigmoid, tg.softplus])
def test_compiled_compositions_keep_to_two_units(function):
    """Put together from their parts, with each part's rounding, they would not: sigmoid(-4.150613) by 2.13."""
    x = np.append(np.linspace(-20, 20, 400_001, dtype=np.float32), np.float32(-4.150613))
    exact = np.exp(-np.logaddexp(0, -x.astype(float))) if function is tg.sigmoid else np.logaddexp(0, x.astype(float))
    found = tg.compile(function, target="c")(x)
    assert found.dtype == np.float32
    assert np.max(np.abs(found - exact) / np.spacing(exact.astype(np.float32))) <= 2
