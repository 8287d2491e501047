"""Equal up to rounding: what passes, what does not, and the noise of a computation."""

import numpy as np
import pytest

from tinygrad_lite.rounding import describe_difference, noise

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
