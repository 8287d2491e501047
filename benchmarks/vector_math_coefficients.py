"""The constants of tinygrad_lite/program/native/vector_math.h, computed from the functions themselves.

    python -m benchmarks.vector_math_coefficients

Each polynomial interpolates its function at Chebyshev nodes in 60 digits; that is within a small factor of the best
possible fit, and a degree more costs less than an exchange algorithm is to read. What is fitted is never the function
itself but what is left of it when its first terms, which the header writes out, are taken away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import mpmath as mp
import numpy as np

mp.mp.dps = 60
Function = Callable[[Any], Any]


def nodes(low: Any, high: Any, count: int) -> list[Any]:
    """Chebyshev nodes of the interval."""
    middle, radius = (mp.mpf(low) + high) / 2, (mp.mpf(high) - low) / 2
    return [middle + radius * mp.cos(mp.pi * (2 * i + 1) / (2 * count)) for i in range(count)]


def fit(f: Function, low: Any, high: Any, degree: int) -> list[Any]:
    """Coefficients, lowest first, of the polynomial that equals f at the Chebyshev nodes."""
    x = nodes(low, high, degree + 1)
    return list(mp.lu_solve(mp.matrix([[v**j for j in range(degree + 1)] for v in x]), mp.matrix([f(v) for v in x])))


def fit_ratio(f: Function, low: Any, high: Any, above: int, below: int) -> tuple[list[Any], list[Any]]:
    """Coefficients of P and Q, of the degrees above and below, with P / Q = f at the Chebyshev nodes and Q(0) = 1."""
    x = nodes(low, high, above + below + 1)
    rows = [[v**j for j in range(above + 1)] + [-f(v) * v**j for j in range(1, below + 1)] for v in x]
    found = list(mp.lu_solve(mp.matrix(rows), mp.matrix([f(v) for v in x])))
    return found[: above + 1], [mp.mpf(1), *found[above + 1 :]]


def cut(value: Any, bits: int) -> Any:
    """The value, rounded to so many bits: its product with a small integer is then exact."""
    exponent = mp.floor(mp.log(abs(value), 2)) + 1
    unit = mp.mpf(2) ** (exponent - bits)
    return mp.nint(value / unit) * unit


def spell(value: Any, dtype: type) -> str:
    """The number as C writes it in hexadecimal, in the dtype."""
    text = float(dtype(value) if dtype is np.float64 else round_to_float(value)).hex()
    mantissa, _, exponent = text.partition("p")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}p{exponent}" + ("f" if dtype is np.float32 else "")


def round_to_float(value: Any) -> float:
    """The nearest float32, without going through float64."""
    return float(cut(value, 24)) if value else 0.0


# -- what the header needs ---------------------------------------------------------------------------------------------


def exp_rest(r: Any) -> Any:
    """(e^r - 1 - r) / r^2."""
    return mp.mpf(1) / 2 + r / 6 if abs(r) < mp.mpf(10) ** -25 else (mp.expm1(r) - r) / r**2


def log_rest(z: Any) -> Any:
    """(2 atanh(s) - 2 s) / s^3 at z = s^2."""
    s = mp.sqrt(z)
    return mp.mpf(2) / 3 if z == 0 else 2 * (mp.atanh(s) - s) / s**3


def tanh_rest(z: Any) -> Any:
    """(tanh(x) - x) / x^3 at z = x^2."""
    x = mp.sqrt(z)
    return -mp.mpf(1) / 3 if z == 0 else (mp.tanh(x) - x) / x**3


HALF_LN2 = mp.log(2) / 2 * (1 + mp.mpf(2) ** -20)
TANH_EDGE = mp.mpf("0.8")
LOG_EDGE = (3 - 2 * mp.sqrt(2)) ** 2 * (1 + mp.mpf(2) ** -20)  # s^2 at f = sqrt(2) - 1


def constants() -> Iterator[tuple[str, list[Any], type]]:
    """(name, numbers, dtype) of all constants."""
    ln2 = mp.log(2)
    for dtype, bits in ((np.float64, 42), (np.float32, 15)):
        high = cut(ln2, bits)
        yield "ln2, in two parts", [high, ln2 - high], dtype
        yield "1 / ln2", [1 / ln2], dtype
    yield "exp: (e^r - 1 - r) / r^2", fit(exp_rest, -HALF_LN2, HALF_LN2, 10), np.float64
    yield "exp: (e^r - 1 - r) / r^2", fit(exp_rest, -HALF_LN2, HALF_LN2, 4), np.float32
    yield "log: (2 atanh(s) - 2 s) / s^3", fit(log_rest, 0, LOG_EDGE, 6), np.float64
    yield "log: (2 atanh(s) - 2 s) / s^3", fit(log_rest, 0, LOG_EDGE, 2), np.float32
    for dtype, degrees in ((np.float64, (3, 3)), (np.float32, (1, 2))):
        above, below = fit_ratio(tanh_rest, 0, TANH_EDGE**2, *degrees)
        yield "tanh: P", above, dtype
        yield "tanh: Q", below, dtype


def main() -> None:
    for name, numbers, dtype in constants():
        print(f"{name} ({dtype.__name__})")
        print(*(f"    {spell(number, dtype)}" for number in numbers), sep="\n")


if __name__ == "__main__":
    main()
