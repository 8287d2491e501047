"""Equal up to rounding: what passes, what does not, and the noise of a computation."""

import ast
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.rounding import describe_difference, find_whole_number, noise, shake, tolerance

X = np.array([1.0, -2.0, 1e-12, 0.0])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.complex128])
def test_rounding_passes_and_a_mistake_in_half_of_the_digits_does_not(dtype):
    x = X.astype(dtype)
    eps = float(np.finfo(dtype).eps)
    assert describe_difference(x * (1 + 2 * eps), x) is None
    assert describe_difference(x + dtype(eps), x) is None  # relative to the largest entry
    assert describe_difference(x + dtype(8 * eps**0.5), x) == "differs"


def test_few_roundings_are_told_from_many():
    off = X * (1 + 1e-10)
    assert describe_difference(off, X) is None
    assert describe_difference(off, X, roundings=1000) == "differs"
    assert describe_difference(X * (1 + 1e-14), X, roundings=1000) is None


def test_shapes_dtypes_and_what_is_not_finite_agree():
    assert describe_difference(X[:3], X) == "is float64 (3,) instead of float64 (4,)"
    assert describe_difference(X.astype("f4"), X) == "is float32 (4,) instead of float64 (4,)"
    special = np.array([np.nan, np.inf, -np.inf, 1.0])
    assert describe_difference(special, special) is None
    for i in range(4):
        for value in (np.nan, np.inf, -np.inf, 1e300):
            other = special.copy()
            other[i] = value
            assert (describe_difference(other, special) is None) == np.array_equal(other, special, equal_nan=True)
    assert describe_difference(np.array([1, 2]), np.array([1, 3])) == "differs"
    assert describe_difference(np.zeros((0, 2)), np.zeros((0, 2))) is None


def test_beside_an_infinity_the_other_part_of_a_complex_number_is_rounded():
    special = np.array([complex(-np.inf, 5.1), complex(np.nan, 1.0), complex(0.3, np.inf), 2.0 + 1j])
    assert describe_difference(special + np.array([4e-15j, 0, 4e-16, 0]), special) is None
    assert describe_difference(special + np.array([0, complex(0, np.nan), 0, 0]), special) is None
    for i, off in ((0, 0.1j), (2, 0.1), (0, np.nan), (2, complex(0, np.nan)), (3, np.inf), (3, 0.1)):
        other = special.copy()
        other[i] += off
        assert describe_difference(other, special) == "differs"


def test_the_noise_of_a_difference_of_nearly_equal_numbers():
    x = np.array([1.0, 3.0])

    def run(after):
        a = after(x + 1)
        return [after(a - (x + 1)), after(a * 2), np.array([1, 2])]

    difference, product, integers = noise(run)
    assert np.all((difference > 1e-17) & (difference < 1e-14))
    assert np.all(product < 1e-14)
    assert not np.any(integers)
    assert describe_difference(np.array([3e-16, 0.0]), np.array([0.0, 0.0])) == "differs"
    assert describe_difference(np.array([3e-16, 0.0]), np.array([0.0, 0.0]), difference) is None
    assert describe_difference(np.array([1e-8, 0.0]), np.array([0.0, 0.0]), difference) == "differs"


def test_less_precise_arithmetic_in_wider_arrays():
    off = X * (1 + 1e-5)
    assert describe_difference(off, X) == "differs"
    assert describe_difference(off, X, eps=float(np.finfo("f4").eps)) is None
    assert describe_difference(off, X, eps=float(np.finfo("f4").eps), roundings=10) == "differs"
    assert describe_difference(off.astype("f4"), X.astype("f4"), eps=1e-16) is None  # nor more precise than the dtype


def test_the_tolerance_is_what_may_be_missing():
    for noise_of_it in (0.0, np.array([0.0, 0.0, 1e-9, 0.0])):
        allowed = tolerance(X, float(np.finfo("f8").eps), noise_of_it)
        assert describe_difference(X + 0.99 * allowed, X, noise=noise_of_it) is None
        assert describe_difference(X + 1.01 * allowed, X, noise=noise_of_it) == "differs"


def test_results_are_shaken_by_units_in_their_last_place():
    for dtype in (np.float64, np.float32, np.complex64):
        y = shake(0)(np.full(1000, 3, dtype))
        moved = np.abs(y - 3) / (3 * np.finfo(dtype).eps)
        assert y.dtype == dtype
        assert 4 < np.max(moved) < 10
    one, whole = shake(1, eps=1e-3)((np.ones(100), np.arange(3)))
    assert 4e-3 < np.max(np.abs(one - 1)) < 9e-3
    np.testing.assert_array_equal(whole, np.arange(3))


@pytest.mark.parametrize("n", [1, 3, 7, 49, 1000, 123457])
def test_a_quotient_that_is_a_whole_number_but_for_rounding(n):
    for x in (n, 1 / (1 / n), 3 * n * (1 / 3), n + n * 1e-14):
        assert find_whole_number(x) == n
        assert find_whole_number(-x) == -n
    for x in (n + 0.01, n * (1 + 1e-6), np.inf, np.nan, 1e-9):
        assert find_whole_number(x) is None
    assert find_whole_number(0.0) == 0


def test_nobody_else_compares_up_to_rounding():
    """With tolerances of their own, that is: rounding.py is where they are explained. A row may: it is NumPy's."""
    package = Path(tg.__file__).parent
    for path in package.rglob("*.py"):
        if path.parent != package / "rules":
            used = {
                node.attr for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Attribute)
            }
            assert not used & {"allclose", "isclose", "assert_allclose"}, path
