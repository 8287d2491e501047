"""Equal up to rounding: the one notion of it, for all that compare two computations of the same thing.

Floating-point steps are each off by a unit in the last place or so, relative to their own result. Two ways to compute
the same thing therefore differ, and how much depends on what the later steps make of it: a difference of nearly equal
numbers leaves little but those errors. So two arrays are called equal if no entry is off by more than

    √eps × the largest entry  +  1000 × the noise

where eps is the dtype's precision. √eps is half of the digits: far more than a chain of a thousand well-behaved steps
adds up to, and far less than a lost term or a wrong factor makes. The noise of an entry (see `noise`) says how far it
moves when every step is off by a rounding error. It counts as 0 unless a caller has measured it, which takes four runs
and is worth it only where √eps does not do.

    describe_difference(found, expected)               None, or what tells them apart: "differs"
    describe_difference(found, expected, roundings=n)   stricter: no more than n roundings were added up
    describe_difference(found, expected, noise=e)       more lenient, entry by entry
    noise(run)                                          the noise of every result of a computation
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

MARGIN = 1000  # the noise is an estimate from three draws, and its largest values are rare


def describe_difference(found: Any, expected: Any, noise: Any = 0.0, roundings: float = np.inf) -> str | None:
    """What tells two arrays apart, rounding aside; None if nothing does.

    Shapes and dtypes must agree, and so must NaN and infinities, entry by entry. noise: how far each entry of an honest
    result may move. roundings: how many of them may have been added up, where that is known to be few.

    >>> import numpy as np
    >>> describe_difference(np.array([1.0, 2e-9]), np.array([1.0, 0.0])), describe_difference(np.ones(2), np.zeros(2))
    (None, 'differs')
    """
    a, b = np.asarray(found), np.asarray(expected)
    if a.shape != b.shape or a.dtype != b.dtype:
        return f"is {a.dtype} {a.shape} instead of {b.dtype} {b.shape}"
    if a.dtype.kind not in "fc":
        return None if np.array_equal(a, b) else "differs"
    eps = float(np.finfo(a.dtype).eps)
    finite = np.isfinite(b)
    scale = np.max(np.abs(b), where=finite, initial=0)
    with np.errstate(all="ignore"):
        off = ~(np.abs(a - b) <= min(eps**0.5, roundings * eps) * scale + MARGIN * noise)
    same = not np.any(off & finite) and np.array_equal(a[~finite], b[~finite], equal_nan=True)
    return None if same else "differs"


def noise(run: Callable[[Callable[[Any], Any]], Sequence[Any]]) -> list[Any]:
    """How far each result of a computation moves when every step is off by a rounding error.

    run(after): computes, passing the result of each step through `after` before it is used; returns the results.
    """
    rng = np.random.default_rng(0)

    def shake(y: Any) -> Any:
        if type(y) is tuple:
            return tuple(map(shake, y))
        dtype = np.asarray(y).dtype
        if dtype.kind not in "fc":
            return y
        signs = np.sign(rng.random(np.shape(y)) - 0.5)  # a third of the time that rng.choice takes
        return y * (1 + np.finfo(dtype).eps * signs).astype(dtype)

    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exact = run(lambda y: y)
        trials = [run(shake) for _ in range(3)]
        moved = [np.max([_distance(x, y) for y in ys], 0) for x, *ys in zip(exact, *trials, strict=True)]
        return list(map(_fill_up, moved))


def _distance(x: Any, y: Any) -> Any:
    """How far apart two results are; whole numbers and flags are either the same or not, and have no noise."""
    return np.abs(np.subtract(x, y)) if np.asarray(x).dtype.kind in "fc" else np.zeros(np.shape(x))


def _fill_up(moved: Any) -> Any:
    """An entry that stayed where it was in three draws, as float32 numbers do by chance, counts as one that moves a
    tenth as far as the others."""
    finite = np.asarray(moved)[np.isfinite(moved)]
    return np.maximum(moved, np.mean(finite) / 10) if finite.size else moved
