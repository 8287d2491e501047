"""The constants of tinygrad_lite/program/native/vector_math.h, computed from the functions themselves.

    python -m benchmarks.vector_math_coefficients

Each polynomial interpolates its function at Chebyshev nodes in 60 digits; that is within a small factor of the best
possible fit, and a degree more costs less than an exchange algorithm is to read. What is fitted is never the function
itself but what is left of it when its first terms, which the header writes out, are taken away.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
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


def sinh_rest(z: Any) -> Any:
    """(sinh(x) - x) / x^3 at z = x^2."""
    x = mp.sqrt(z)
    return (mp.sinh(x) - x) / x**3


def sin_rest(z: Any) -> Any:
    """(sin(r) - r) / r^3 at z = r^2."""
    r = mp.sqrt(z)
    return (mp.sin(r) - r) / r**3


def cos_rest(z: Any) -> Any:
    """(cos(r) - 1 + r^2 / 2) / r^4 at z = r^2."""
    return (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2


def erf_rest(z: Any) -> Any:
    """(erf(x) - x) / x at z = x^2."""
    x = mp.sqrt(z)
    return mp.erf(x) / x - 1


def scaled_erfc(u: Any, k: Any) -> Any:
    """e^(a^2) erfc(a) at u = (a - k) / (a + k)."""
    a = k * (1 + u) / (1 - u)
    return mp.exp(a * a) * mp.erfc(a)


def normal_rest(z: Any) -> Any:
    """(Φ(x) - 1/2) / x at z = x^2."""
    x = mp.sqrt(z)
    return mp.erf(x / mp.sqrt(2)) / 2 / x


def scaled_normal_tail(u: Any, k: Any) -> Any:
    """e^(a^2 / 2) Φ(-a) (a + k) at u = (a - k) / (a + k)."""
    a = k * (1 + u) / (1 - u)
    return mp.exp(a * a / 2) * mp.erfc(a / mp.sqrt(2)) / 2 * (a + k)


WIDER = 1 + mp.mpf(2) ** -10  # a reduced argument may pass the edge by a rounding error
HALF_LN2 = mp.log(2) / 2 * WIDER
TANH_EDGE = mp.mpf("0.8")
LOG_EDGE = (3 - 2 * mp.sqrt(2)) ** 2 * WIDER  # s^2 at 1 + f = sqrt(2)
SIN_EDGE = (mp.pi / 4) ** 2 * WIDER
ERFC_MIDDLE = {np.float64: mp.mpf(3), np.float32: mp.mpf("2.5")}  # k of scaled_erfc
ERFC_EDGE = {np.float64: mp.mpf(4), np.float32: mp.mpf(3)}  # e^(-a^2) makes it small beyond


def constants() -> Iterator[tuple[str, list[Any], type]]:
    """(name, numbers, dtype) of all constants."""
    ln2, log10_2 = mp.log(2), mp.log10(2)
    for dtype, bits in ((np.float64, 42), (np.float32, 15)):
        wide = dtype is np.float64
        yield "ln2, in two parts", split(ln2, bits), dtype
        yield "1 / ln2, in two parts", split(1 / ln2, 53 if wide else 24), dtype
        yield "log10(2), in two parts", split(log10_2, bits), dtype
        yield "1 / ln10, in two parts", split(1 / mp.log(10), 53 if wide else 24), dtype
        yield "exp: (e^r - 1 - r) / r^2", fit(exp_rest, -HALF_LN2, HALF_LN2, 10 if wide else 4), dtype
        yield "log: (2 atanh(s) - 2 s) / s^3", fit(log_rest, 0, LOG_EDGE, 6 if wide else 2), dtype
        above, below = fit_ratio(tanh_rest, 0, TANH_EDGE**2, *((3, 3) if wide else (1, 2)))
        yield "tanh: P", above, dtype
        yield "tanh: Q", below, dtype
        yield "sinh: (sinh(x) - x) / x^3", fit(sinh_rest, 0, 1, 6 if wide else 3), dtype
        yield "erf: (erf(x) - x) / x", fit(erf_rest, 0, 1, 11 if wide else 6), dtype
        k, edge = ERFC_MIDDLE[dtype], ERFC_EDGE[dtype]
        ends = (1 - k) / (1 + k), (edge - k) / (edge + k)
        yield "erf: e^(a^2) erfc(a)", fit(partial(scaled_erfc, k=k), *ends, 13 if wide else 4), dtype
    # normal_cdf, sin, cos and pow of float are computed in double.
    yield "normal_cdf: (Φ(x) - 1/2) / x", fit(normal_rest, 0, mp.mpf("0.36"), 8), np.float64
    for k, first, last, degree in ((5, mp.mpf("0.6"), 39, 20), (3, 0, 15, 10)):
        low, high = ((mp.mpf(a) - k) / (a + k) for a in (first, last))
        yield (
            "normal_cdf: e^(a^2 / 2) Φ(-a) (a + k)",
            fit(partial(scaled_normal_tail, k=k), low, high, degree),
            np.float64,
        )
    yield "2 / pi", [2 / mp.pi], np.float64
    yield "pi / 2, in three parts", split(mp.pi / 2, 37, 37), np.float64
    yield "pi / 2, in two parts", split(mp.pi / 2, 33), np.float64
    for degree in (5, 3):
        yield "sin: (sin(r) - r) / r^3", fit(sin_rest, 0, SIN_EDGE, degree), np.float64
        yield "cos: (cos(r) - 1 + r^2 / 2) / r^4", fit(cos_rest, 0, SIN_EDGE, degree if degree == 5 else 2), np.float64
    yield "2 / 3, in two parts", split(mp.mpf(2) / 3, 53), np.float64
    yield (
        "pow: of log, what follows 2 / 3",
        fit(lambda z: (log_rest(z) - mp.mpf(2) / 3) / z, 0, LOG_EDGE, 7),
        np.float64,
    )


def split(value: Any, *bits: int) -> list[Any]:
    """The value in parts of so many bits, and what is left."""
    parts = []
    for count in bits:
        parts.append(cut(value, count))
        value -= parts[-1]
    return [*parts, value]


def main() -> None:
    for name, numbers, dtype in constants():
        print(f"{name} ({dtype.__name__})")
        print(*(f"    {spell(number, dtype)}" for number in numbers), sep="\n")


if __name__ == "__main__":
    main()
