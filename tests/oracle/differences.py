"""Where this library and JAX differ on purpose, and why: one table, which the comparison reads and the docs print.

The comparison fails on a difference that is not listed, and on a listed one that no longer occurs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Difference:
    """functions: their names. where: in words. here, jax: what each gives. why: the reason.

    at: which entries of the operands it concerns (edge values); None: the whole call.
    """

    functions: tuple[str, ...]
    where: str
    here: str
    jax: str
    why: str
    at: Callable[..., Any] | None = None


def _tie(a: Any, b: Any) -> Any:
    return (a == b) | (np.isnan(a) & np.isnan(b))


def _extreme(*xs: Any) -> Any:
    """Beyond 1e200 or below 1e-200, where squares overflow or vanish; or not finite."""
    with np.errstate(all="ignore"):
        return np.any([~((np.abs(x) < 1e200) & ((np.abs(x) > 1e-200) | (x == 0))) for x in xs], axis=0)


EDGES = [
    Difference(
        ("absolute", "fabs"),
        "0 and nan",
        "0; nan",
        "1; -1",
        "0 lies in the middle of the subgradients and keeps a sum of absolute values at its minimum; nan stays visible",
        lambda x: (x == 0) | np.isnan(x),
    ),
    Difference(
        ("leaky_relu",),
        "0",
        "the slope of the left side",
        "1",
        "as its formula says: x > 0 has slope 1, all else the other",
        lambda x: x == 0,
    ),
    Difference(
        ("fmax", "fmin"),
        "ties",
        "½ to each operand",
        "all to the second",
        "as for maximum and minimum, where JAX agrees: a tie has no winner",
        _tie,
    ),
    Difference(
        ("hypot",),
        "0, 0; infinite, huge and tiny operands",
        "0 at the origin; x / y elsewhere, right wherever y is finite",
        "½ at the origin; nan where squares overflow or vanish",
        "a norm's subgradient at 0 is taken as 0, as for np.linalg.norm",
        lambda a, b: ((a == 0) & (b == 0)) | _extreme(a, b),
    ),
    Difference(
        ("divide", "true_divide"),
        "a denominator whose square overflows or vanishes",
        "-y / b",
        "-a / b²",
        "one rounding less, and right wherever y / b is representable",
        lambda a, b: _extreme(b),
    ),
    Difference(
        ("power", "float_power", "pow"),
        "x ** 0 at x = 0 and at x not finite",
        "0",
        "nan at 0 and nan",
        "x ** 0 is 1 whatever x is",
        lambda x, p: p == 0,
    ),
    Difference(
        ("logaddexp", "logaddexp2"),
        "one operand infinite; two that are huge and equal",
        "1 to the larger, 0 to the smaller; ½ to each of two alike",
        "up to exp(x) to the smaller, nan for two infinities; 1 to each of two alike",
        "from the difference of the operands, which is exact",
        lambda a, b: np.isinf(a) | np.isinf(b) | ((a == b) & (np.abs(a) > 1e15)),
    ),
    Difference(
        ("remainder", "mod"),
        "an infinite or zero operand",
        "nan, like the value",
        "an infinity",
        "the value is nan",
        lambda a, b: np.isinf(a) | (b == 0) | np.isinf(b),
    ),
    Difference(
        ("sinc",),
        "tiny operands",
        "the derivative, about -π² x / 3",
        "±inf",
        "JAX's formula divides by x²",
        lambda x: (x != 0) & (np.abs(x) < 1e-100),
    ),
    Difference(
        ("i0",),
        "0, tiny and huge operands",
        "0 at 0; inf where i0 itself overflows",
        "1 at 0; nan where it overflows",
        "i0 is even, so its derivative at 0 is 0",
        lambda x: (np.abs(x) < 1e-8) | (np.abs(x) > 700),
    ),
    Difference(
        ("arccosh", "acosh"),
        "below 1; huge operands",
        "nan outside the domain",
        "1 / sqrt(x² - 1), also where arccosh is nan",
        "a derivative of nan is nan",
        lambda x: (x < 1) | _extreme(x),
    ),
    Difference(
        ("xlogy",),
        "0 log 0",
        "0 to the logarithm's operand",
        "nan",
        "0 log b is 0 for every b, down to 0; nan stays nan",
        lambda a, b: (a == 0) & (b == 0),
    ),
    Difference(
        ("log_ndtr",),
        "-inf and hugely negative operands",
        "about -x",
        "nan",
        "from erfcx, without a difference of large numbers",
        lambda x: x < -1e100,
    ),
]

CALLS = [
    Difference(
        ("cholesky", "eigh", "eigvalsh"),
        "everywhere",
        "the gradient lies in the triangle that NumPy reads",
        "the gradient is symmetric",
        "it is the derivative of what NumPy computes, which finite differences confirm; for a symmetric matrix made of "
        "parameters the two are the same, and so they are compared through one",
    ),
    Difference(
        (
            "unique",
            "unique_values",
            "unique_all",
            "unique_counts",
            "unique_inverse",
            "union1d",
            "setdiff1d",
            "setxor1d",
        ),
        "everywhere",
        "the gradient flows to the entries that were taken",
        "0",
        "the values are copies of entries of the operands",
    ),
    Difference(
        ("spence",),
        "some operands above 1",
        "log(x) / (1 - x)",
        "nan",
        "DLMF 25.12; finite differences confirm it",
    ),
    Difference(
        ("polydiv",),
        "the remainder's length",
        "one coefficient less than the divisor",
        "untrimmed",
        "NumPy trims its leading zeros, and by the numbers even more; the length here depends on the shapes alone",
    ),
    Difference(
        ("sign",),
        "complex operands",
        "the derivative of z / abs(z)",
        "0",
        "it is not constant; finite differences confirm it",
    ),
]

DIFFERENCES = EDGES + CALLS

PAGE = Path(__file__).parents[2] / "docs" / "differences.md"

_HEAD = """# Differences from JAX

`make oracle` compares every function that this library and JAX both have, values and gradients, on ordinary operands
and on edge values (zeros, infinities, nan, huge, tiny, ties, empty, 0-d). They agree but for these, each on purpose.
The page is printed from `tests/oracle/differences.py` (`python -m tests.oracle.differences`), which the comparison
reads: it fails on a difference that is not listed, and on a listed one that no longer occurs.

| functions | where | here | JAX | why |
|---|---|---|---|---|
"""


_NAN = """
# NaN

One policy, in every mode (reverse, forward, compiled): a gradient is the rule's formula at the operands as they are,
with IEEE arithmetic, and nothing is put in its place. It is tested over the whole table. So:

* where the slope depends on an operand that is NaN, the gradient is NaN; where it does not (`x + 1`, `3 * x`), it is
  the slope;
* outside a function's domain the value is NaN, and the gradient is still the formula's: `log` at -1 has 1 / x = -1,
  `arctanh` at 2 has 1 / (1 - x²) = -1/3, `arcsin` at 2 has NaN, the root of a negative number. It is the value that
  tells;
* a comparison with NaN is false: `relu`, `leaky_relu`, `maximum` and `minimum` of NaN are NaN, and pass nothing on to
  what was not found to be larger (`relu` 0, `leaky_relu` its slope on the left, `maximum` 0 to both); `fmax` and
  `fmin` pass everything to the other operand, which is their value. A reduction (`max`, `min`) whose value is NaN
  passes its cotangent to the entries that are NaN;
* an entry that `np.where`, an index, `where=` or a nan-function leaves out gets 0, whatever it holds.

[All pages](README.md)
"""


def page() -> str:
    """The table as Markdown."""
    lines = [
        f"| {', '.join(f'`{name}`' for name in d.functions)} | {d.where} | {d.here} | {d.jax} | {d.why} |"
        for d in DIFFERENCES
    ]
    return _HEAD + "\n".join(lines) + "\n" + _NAN


if __name__ == "__main__":
    PAGE.write_text(page())
