"""Equal up to rounding: the one notion of it, for all that compare two computations of the same thing.

Floating-point steps are each off by a unit in the last place or so, relative to their own result. Two ways to compute
the same thing therefore differ, and how much depends on what the later steps make of it: a difference of nearly equal
numbers leaves little but those errors. So two arrays are called equal if no entry is off by more than

    √eps × the largest entry  +  1000 × the noise

where eps is the dtype's precision. √eps is half of the digits: far more than a chain of a thousand well-behaved steps
adds up to, and far less than a lost term or a wrong factor makes. The noise of an entry (see `noise`) says how far it
moves when every step is off by a rounding error. It counts as 0 unless a caller has measured it, which takes five runs
and is worth it only where √eps does not do.

    describe_difference(found, expected)               None, or what tells them apart: "differs"
    describe_difference(found, expected, roundings=n)   stricter: no more than n roundings were added up
    describe_difference(found, expected, noise=e)       more lenient, entry by entry
    describe_difference(found, expected, eps=e)         of arithmetic less precise than the arrays' dtype
    describe_difference(found, expected, terms=n)       found by sums of n terms, and expected in more digits
    tolerance(expected, eps, …)                         how far each entry may be off, in numbers
    noise(run)                                          the noise of every result of a computation
    find_whole_number(x)                                the whole number that a quotient of numbers is

What asks another question has a number of its own, and says which: how likely a formula is on the evidence of numbers
that it was fitted to (diagnosis), how far off a difference quotient is (testing), whether a student's number is right
by whatever formula it was computed (check).
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

MARGIN = 1000  # the noise is an estimate from a few draws, and its largest values are rare
DRAWS = 4  # of the noise
UNITS = 8  # of the last place by which results are shaken to see it: one alone could be rounded away again
_ROOT = math.sqrt(sys.float_info.epsilon)

After = Callable[[Any], Any]  # what the result of each step is passed through


def describe_difference(
    found: Any, expected: Any, noise: Any = 0.0, roundings: float = np.inf, eps: float = 0.0, terms: int = 0
) -> str | None:
    """What tells two arrays apart, rounding aside; None if nothing does.

    Shapes and dtypes must agree, and so must NaN and infinities, entry by entry. noise: how far each entry of an honest
    result may move. roundings: how many of them may have been added up, where that is known to be few. eps: the
    precision of the arithmetic, where that is less than the dtype's. terms: how many numbers the longest sum in it adds
    up, one after the other: each may round half a unit of the total, always to the same side where all are equal.

    >>> import numpy as np
    >>> describe_difference(np.array([1.0, 2e-9]), np.array([1.0, 0.0])), describe_difference(np.ones(2), np.zeros(2))
    (None, 'differs')
    """
    a, b = np.asarray(found), np.asarray(expected)
    if a.shape != b.shape or a.dtype != b.dtype:
        return f"is {a.dtype} {a.shape} instead of {b.dtype} {b.shape}"
    if a.dtype.kind not in "fc":
        return None if np.array_equal(a, b) else "differs"
    finite = np.isfinite(b)
    with np.errstate(all="ignore"):
        off = ~(np.abs(a - b) <= tolerance(b, max(eps, float(np.finfo(a.dtype).eps)), noise, roundings, terms))
    if np.any(off & finite):
        return "differs"
    if a.dtype.kind == "c" and not finite.all():  # beside an infinity, the other part may be a number
        infinite = ~finite & ~(np.isnan(a) & np.isnan(b))
        one, other = (x[infinite].view(x.real.dtype) for x in (a, b))
        return describe_difference(one, other, roundings=roundings, eps=eps, terms=terms)
    return None if np.array_equal(a[~finite], b[~finite], equal_nan=True) else "differs"


def tolerance(expected: Any, eps: float, noise: Any = 0.0, roundings: float = np.inf, terms: int = 0) -> Any:
    """How far each entry of an honest result may be off.

    >>> import numpy as np
    >>> print(tolerance(np.array([100.0, 0.0]), eps=1e-16))
    1e-06
    """
    largest = np.max(np.abs(expected), where=np.isfinite(expected), initial=0)
    return max(min(eps**0.5, roundings * eps), terms * eps / 2) * largest + MARGIN * noise


def noise(run: Callable[[After], Sequence[Any]]) -> list[Any]:
    """How far each result of a computation moves when every step is off by a rounding error.

    run(after): computes, passing the result of each step through `after` before it is used; returns the results.
    """
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exact = run(lambda y: y)
        trials = [run(shake(seed)) for seed in range(DRAWS)]
        moved = [np.max([_distance(x, y) for y in ys], 0) / UNITS for x, *ys in zip(exact, *trials, strict=True)]
        return list(map(_fill_up, moved))


def shake(seed: int, eps: float | None = None) -> After:
    """A function that adds errors of up to `UNITS` units in the last place to a result. eps: what a unit is, relative
    to the result; that of its dtype if not given."""
    rng = np.random.default_rng(seed)

    def after(y: Any) -> Any:
        if isinstance(y, tuple):
            return tuple(map(after, y))
        dtype = np.asarray(y).dtype
        if dtype.kind not in "fc":
            return y
        unit = np.finfo(dtype).eps if eps is None else eps
        return y * (1 + UNITS * unit * rng.uniform(-1, 1, np.shape(y))).astype(dtype)

    return after


def _distance(x: Any, y: Any) -> Any:
    """How far apart two results are; whole numbers and flags are either the same or not, and have no noise."""
    return np.abs(np.subtract(x, y)) if np.asarray(x).dtype.kind in "fc" else np.zeros(np.shape(x))


def _fill_up(moved: Any) -> Any:
    """An entry that stayed where it was in all draws, as float32 numbers do by chance, counts as one that moves a tenth
    as far as the others."""
    finite = np.asarray(moved)[np.isfinite(moved)]
    return np.maximum(moved, np.mean(finite) / 10) if finite.size else moved


def find_whole_number(x: float) -> int | None:
    """The whole number that a product or quotient of a few numbers is, rounding aside; None if it is none.

    >>> find_whole_number(20 * 0.05), find_whole_number(1 / 0.05), find_whole_number(2.5)
    (1, 20, None)
    """
    if not math.isfinite(x):
        return None
    whole = round(x)
    return whole if abs(x - whole) <= _ROOT * abs(whole) else None
