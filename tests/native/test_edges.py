"""Entry-wise steps in C give what NumPy gives: at zeros of both signs, infinities, nan, subnormals, and in between.

Generated from the table: every row that has a text in C.
"""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.op import Op
from tinygrad_lite.program.native.compiler import NotCompiled, find_compiler
from tinygrad_lite.rules.elementwise import maximum, minimum
from tinygrad_lite.rules.indexing import where
from tinygrad_lite.rules.losses import among
from tinygrad_lite.rules.neural import normal_cdf
from tinygrad_lite.table import rows

pytestmark = pytest.mark.thorough

try:
    find_compiler()
except NotCompiled as reason:
    pytest.skip(str(reason), allow_module_level=True)

SCIPYS = ["erf", "ndtr"]  # see below
WORDS = ["steps", "write", "add"]  # that stand for no text
ROWS = [op for op in rows() if op.c not in (None, *WORDS) and "mask" not in op.name and op.name not in SCIPYS]
UNITS = 4  # in the last place; NumPy's own functions and ours are each within 2


def values(dtype: type) -> list[float]:
    info = np.finfo(dtype)
    edges = [0.0, 1.0, 2.0, 0.5, 3.0, 1e-3, 30.0, 700.0, 90.0, 1e5]
    edges += [float(x) for x in (info.max, info.tiny, info.smallest_subnormal)]
    return [s * x for x in [*edges, np.inf] for s in (1, -1)] + [np.nan]


def operands(op: Op, dtype: type) -> list[np.ndarray]:
    """All combinations of the values, one array per operand; more than a vector's worth, and no multiple of one."""
    combinations = list(itertools.product(values(dtype), repeat=op.arity))[: 27 * 27]
    return [np.array(column, dtype) for column in zip(*combinations, strict=True)]


def is_near(found: np.ndarray, expected: np.ndarray, units: float | np.ndarray = UNITS) -> np.ndarray:
    """Entry by entry: the same, signs of zero included, up to a few units in the last place."""
    if expected.dtype.kind != "f":
        return found == expected
    with np.errstate(all="ignore"):
        near = np.abs(found - expected) <= units * np.spacing(np.abs(expected))
    near |= found == expected
    near &= np.signbit(found) == np.signbit(expected)
    return near | (np.isnan(found) & np.isnan(expected))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_step_gives_what_numpy_gives(dtype: type) -> None:
    ops = [op for op in ROWS if "f" in op.c_kinds and op.arity is not None]
    arguments = [operands(op, dtype) for op in ops]

    def all_at_once(arguments: list[list[np.ndarray]]) -> list[np.ndarray]:
        calls = zip(ops, arguments, strict=True)
        return [op.call(xs[0] > 0, *xs[1:]) if op in (where, among) else op.call(*xs) for op, xs in calls]

    with np.errstate(all="ignore"):
        expected = all_at_once(arguments)
        compiled = tg.compile(all_at_once, target="c")
        found = compiled(arguments)
    assert compiled.target == "c"
    wrong = []
    for op, xs, a, b in zip(ops, arguments, found, expected, strict=True):
        b = np.asarray(b)
        assert a.dtype == b.dtype, op
        # SciPy and the standard library start with x / sqrt(2), whose rounding is worth x^2 units in the result; the
        # native function does not (see test_vector_math.py).
        near = is_near(a, b, UNITS + np.minimum(np.abs(xs[0]), 100) ** 2) if op is normal_cdf else is_near(a, b)
        if op in (maximum, minimum):  # which of two zeros they take NumPy leaves to the processor
            near |= (a == 0) & (b == 0)
        for i in np.flatnonzero(~near)[:3]:
            wrong.append(f"{op.name}({', '.join(str(x[i]) for x in xs)}) is {a[i]!r}, NumPy: {b[i]!r}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_sum_of_nothing_but_minus_zeros_is_zero(dtype: type) -> None:
    """As it is in NumPy, which adds to 0; however many terms there are, and whatever loop they are in."""

    def sums(arguments: list[tuple[np.ndarray, np.ndarray]]) -> list[np.ndarray]:
        return [z for w, x in arguments for z in (w @ x, np.sum(w, axis=0), np.sum(w, axis=1), np.sum(w), np.mean(w))]

    shapes = [(3, 1, 4), (3, 2, 4), (2, 5, 40), (1, 8, 3), (4, 9, 1), (9, 12, 11), (40, 3, 2)]
    first = [(np.ones((i, k), dtype), np.ones((k, j), dtype)) for i, k, j in shapes]
    compiled = tg.compile(sums, target="c")
    compiled(first)
    minus = [(np.full_like(w, -0.0), x) for w, x in first]
    for found, expected in zip(compiled(minus), sums(minus), strict=True):
        np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


@pytest.mark.parametrize("dtype", [np.int64, np.int32])
def test_whole_numbers_at_the_ends_of_their_range(dtype: type) -> None:
    least, most = int(np.iinfo(dtype).min), int(np.iinfo(dtype).max)
    numbers = [least, most, 0, *([2**40, -(2**40)] if dtype is np.int32 else [])]

    def steps(x: np.ndarray) -> list[np.ndarray]:
        compared = [y for n in numbers for y in (x < n, x >= n, x == n)]
        return [*compared, *(y for n in numbers[:3] for y in (x + n, x - n, x * n)), -x, x * x]

    compiled = tg.compile(steps, target="c")
    compiled(np.ones(7, dtype))
    x = np.array([least, most, 0, -1, least + 1, most - 1, 3], dtype)
    for found, expected in zip(compiled(x), steps(x), strict=True):
        np.testing.assert_array_equal(found, expected, strict=True)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", SCIPYS)
def test_scipys_functions_that_are_native(name: str, dtype: type) -> None:
    function = getattr(pytest.importorskip("scipy.special"), name)
    x = np.array(values(dtype), dtype)
    compiled = tg.compile(lambda x: function(x), target="c")
    assert {"erf": "tg_erf_", "ndtr": "tg_normal_cdf_"}[name] in compiled.source(x)
    with np.errstate(all="ignore"):
        units = UNITS + (np.minimum(np.abs(x), 100) ** 2 if name == "ndtr" else 0)
        near = is_near(compiled(x), function(x), units)
    assert near.all(), x[~near]
