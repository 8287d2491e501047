"""The functions of tinygrad_lite/program/native/vector_math.h: how far from exact, and how fast beside NumPy's.

    python -m benchmarks.vector_math --points 20000 --write

Each function is called by a loop of its own, compiled as programs are. Errors are against mpmath, in units in the last
place of the exact value (of the smallest subnormal number where that is coarser), the largest over points that are
dense near 0, 1 and the edges of the range, and spread over all magnitudes; "without FMA" is a build for processors that
have no fused multiply-add. Times are the best of many passes over 1,024 numbers, which stay in the first-level cache.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import mpmath as mp
import numpy as np

ROOT = Path(__file__).parents[1]
HEADER = ROOT / "tinygrad_lite" / "program" / "native" / "vector_math.h"
PAGE = ROOT / "docs" / "native_math.md"
_START, _END = "<!-- table -->", "<!-- end of table -->"
FLAGS = ("-std=c11", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC")
NATIVE = ("-O3", "-march=native")
PLAIN = ("-O1",)  # the oldest processor that the compiler builds for: on x86 that is one without FMA

Array = np.ndarray[Any, Any]
Suffix = Literal["f64", "f32"]


@dataclass(frozen=True)
class Function:
    """exact: with mpmath's numbers. low, high: beyond them the result is a constant, or is not a number. near: points
    of which the neighbourhood is looked at. numpy: what is timed beside it; shown: its name in the table."""

    exact: Callable[..., Any]
    low: float
    high: float
    near: tuple[float, ...]
    numpy: Callable[..., Any]
    shown: str


def _sigmoid(x: Array) -> Any:
    e = np.exp(-np.abs(x))
    return np.maximum(e, np.sign(x)) / (1 + e)


def _softplus(x: Array) -> Any:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


_INF = np.inf
FUNCTIONS: dict[str, Function] = {
    "exp": Function(mp.exp, -800, 800, (0, 0.3466, 88.72, -87.33, -103.97, 709.78, -708.39, -745.13), np.exp, "np.exp"),
    "expm1": Function(mp.expm1, -800, 800, (0, 0.3466, -0.3466, 1.0397, 88.72, 709.78, -18, -40), np.expm1, "np.expm1"),
    "log": Function(mp.log, 0, _INF, (0.7071, 1, 1.4142, 2), np.log, "np.log"),
    "log1p": Function(mp.log1p, -1, _INF, (-1, -0.2929, 0, 0.4142, 1), np.log1p, "np.log1p"),
    "tanh": Function(mp.tanh, -100, 100, (0, 0.55, 0.8, 9.01, 19.06), np.tanh, "np.tanh"),
    "sigmoid": Function(
        lambda x: 1 / (1 + mp.exp(-x)), -800, 800, (0, 16.6, -88, 36.7, -709, -745), _sigmoid, "formula"
    ),
    "softplus": Function(
        lambda x: mp.log1p(mp.exp(x)), -800, _INF, (0, -88, 16.6, 36.7, -709, -745), _softplus, "formula"
    ),
}
DTYPES: dict[Suffix, Any] = {"f64": np.float64, "f32": np.float32}


# -- calling C ---------------------------------------------------------------------------------------------------------


def find_compiler() -> str | None:
    """The system's C compiler, or None."""
    return next((c for c in (os.environ.get("CC"), "cc", "gcc", "clang") if c and shutil.which(c)), None)


def build(folder: Path, optimise: tuple[str, ...]) -> ctypes.CDLL:
    """A shared library with a loop, named like the function, for every function and dtype, and one that repeats it."""
    compiler = find_compiler()
    assert compiler is not None
    lines = [f'#include "{HEADER.name}"']
    for name in FUNCTIONS:
        for suffix, c in (("f64", "double"), ("f32", "float")):
            lines.append(
                f"void {name}_{suffix}(const {c} *restrict x, {c} *restrict y, long n)\n"
                f"{{ for (long j = 0; j < n; j++) y[j] = tg_{name}_{suffix}(x[j]); }}\n"
                f"void {name}_{suffix}_again(const {c} *x, {c} *y, long n, long times)\n"
                f'{{ while (times--) {{ {name}_{suffix}(x, y, n); __asm__ volatile("" ::: "memory"); }} }}'
            )
    source, library = folder / "loops.c", folder / "loops.so"
    source.write_text("\n".join(lines) + "\n")
    command = [compiler, *FLAGS, *optimise, "-Wall", "-Wextra", "-Werror", "-I", str(HEADER.parent)]
    subprocess.run([*command, str(source), "-o", str(library), "-lm"], check=True, timeout=120)
    return ctypes.CDLL(str(library))


def call(library: ctypes.CDLL, name: str, x: Array) -> Array:
    """The function of the array, by the library's loop."""
    y = np.empty_like(x)
    loop = getattr(library, f"{name}_{'f64' if x.dtype == np.float64 else 'f32'}")
    pointer = ctypes.c_void_p
    loop(x.ctypes.data_as(pointer), y.ctypes.data_as(pointer), ctypes.c_long(x.size))
    return y


# -- accuracy ----------------------------------------------------------------------------------------------------------


@cache
def draw_points(name: str, suffix: Suffix, count: int) -> Array:
    """About so many numbers in the function's domain, the same every time."""
    f, dtype, rng = FUNCTIONS[name], DTYPES[suffix], np.random.default_rng(0)
    info = np.finfo(dtype)
    part = count // 8
    smallest, largest = float(info.smallest_subnormal), min(float(info.max), max(-f.low, f.high))
    sizes = np.exp(rng.uniform(np.log(smallest) if suffix == "f32" else -744, np.log(largest), 3 * part))
    usual = rng.normal(size=2 * part) * 3
    span = min(f.high, 1000.0) - max(f.low, -1000.0)
    wide = max(f.low, -1000.0) + span * rng.random(2 * part)
    near = np.concatenate([c + 0.02 * rng.normal(size=part // len(f.near)) for c in f.near])
    around = [np.asarray([c], dtype) for c in f.near]
    for _ in range(4):
        around += [np.nextafter(around[-1], dtype(_INF)), np.nextafter(around[-1], dtype(-_INF))]
    x = np.concatenate([sizes * rng.choice([-1, 1], sizes.size), usual, wide, near, *around]).astype(dtype)
    ends = np.array([info.max, info.tiny, info.smallest_subnormal, info.eps, 1, 0.5, 2], dtype)
    x = np.concatenate([x, ends, -ends])
    return x[(x > f.low) & (x < f.high)]


@cache
def find_exact(name: str, suffix: Suffix, count: int) -> tuple[Array, Array, Array]:
    """The exact values at the points as (high + low) 2^exponent with 0.5 <= high + low < 1."""
    exact = FUNCTIONS[name].exact
    rows = []
    with mp.workprec(130):
        for x in draw_points(name, suffix, count):
            mantissa, exponent = mp.frexp(exact(mp.mpf(float(x))))
            high = float(mantissa)
            rows.append((high, float(mantissa - high), exponent))
    high, low, exponents = np.array(rows, np.float64).T
    return high, low, exponents.astype(np.int64)


def measure_ulps(y: Array, exact: tuple[Array, Array, Array]) -> Array:
    """|y - exact| in units in the last place. An infinite y counts as the power of two at which its dtype overflows,
    and so does an exact value beyond."""
    high, low, exponent = exact
    info = np.finfo(y.dtype)
    beyond = exponent > info.maxexp
    high, low = np.where(beyond, np.sign(high) * 0.5, high), np.where(beyond, 0, low)
    exponent = np.minimum(exponent, info.maxexp + 1)
    wide = np.where(np.isinf(y), np.sign(y), y).astype(np.float64)
    shift = np.where(np.isinf(y), info.maxexp - exponent, -exponent)
    with np.errstate(over="ignore"):
        mantissa = np.ldexp(wide, shift)
        unit = np.ldexp(1.0, np.maximum(exponent - info.nmant - 1, info.minexp - info.nmant) - exponent)
    return np.where(np.isnan(wide), _INF, np.abs((mantissa - high) - low) / unit)


def find_largest_error(library: ctypes.CDLL, name: str, suffix: Suffix, count: int) -> tuple[float, Any]:
    """(the largest error in units in the last place, where it is)."""
    x = draw_points(name, suffix, count)
    errors = measure_ulps(call(library, name, x), find_exact(name, suffix, count))
    worst = int(np.argmax(errors))
    return float(errors[worst]), x[worst]


# -- speed -------------------------------------------------------------------------------------------------------------


def time_best(f: Callable[[], object], rounds: int = 200) -> float:
    """Nanoseconds, the best of the rounds."""
    best = _INF
    for _ in range(rounds):
        start = time.perf_counter()
        f()
        best = min(best, time.perf_counter() - start)
    return best * 1e9


def draw_typical(name: str, suffix: Suffix) -> Array:
    x = np.random.default_rng(1).normal(size=1024).astype(DTYPES[suffix])
    return np.abs(x) if FUNCTIONS[name].low >= 0 else np.where(x <= FUNCTIONS[name].low, -x, x)


def align(x: Array) -> Array:
    """A copy that starts at a multiple of 64 bytes, as the blocks of compiled programs do."""
    room = np.empty(x.nbytes + 64, np.uint8)
    start = -room.ctypes.data % 64
    copy: Array = room[start : start + x.nbytes].view(x.dtype)
    copy[:] = x
    return copy


def time_both(library: ctypes.CDLL, name: str, suffix: Suffix) -> tuple[float, float]:
    """Nanoseconds an element of the C loop, and of NumPy's function."""
    x = align(draw_typical(name, suffix))
    y, times, numpy = align(x), 20, FUNCTIONS[name].numpy
    loop = getattr(library, f"{name}_{suffix}_again")
    args = (*(ctypes.c_void_p(a.ctypes.data) for a in (x, y)), *(ctypes.c_long(n) for n in (x.size, times)))
    return time_best(lambda: loop(*args)) / x.size / times, time_best(lambda: numpy(x)) / x.size


# -- the table ---------------------------------------------------------------------------------------------------------


def write_table(native: ctypes.CDLL, plain: ctypes.CDLL, count: int) -> Iterator[str]:
    """What was measured, in Markdown."""
    yield "| function | dtype | points | largest error, ulp | without FMA | ns an element | NumPy's |"
    yield "|---|---|---|---|---|---|---|"
    for name, f in FUNCTIONS.items():
        for suffix in DTYPES:
            errors = [find_largest_error(library, name, suffix, count)[0] for library in (native, plain)]
            times = time_both(native, name, suffix)
            yield (
                f"| `{name}` | {np.dtype(DTYPES[suffix]).name} | {draw_points(name, suffix, count).size:,} "
                f"| {errors[0]:.2f} | {errors[1]:.2f} | {times[0]:.2f} | {times[1]:.2f} ({f.shown}) |"
            )


def describe_machine() -> str:
    """The compiler, and the vector instructions that it found."""
    compiler = find_compiler()
    version = subprocess.run([str(compiler), "--version"], capture_output=True, text=True, check=True).stdout
    macros = subprocess.run(
        [str(compiler), "-march=native", "-dM", "-E", "-x", "c", "/dev/null"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    names = ("__AVX512F__", "__AVX2__", "__FMA__", "__ARM_NEON")
    found = [name.strip("_") for name in names if re.search(rf"\b{name}\b", macros)]
    return f"{version.splitlines()[0]}; {', '.join(found)}; NumPy {np.__version__}."


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.vector_math", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--points", type=int, default=4000, help="for each function and dtype (default %(default)s)")
    parser.add_argument("--write", action="store_true", help=f"put the table into {PAGE.name}")
    options = parser.parse_args()
    if find_compiler() is None:
        raise SystemExit("No C compiler was found: install one, or name it in the environment variable CC.")
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        native, plain = build(Path(one), NATIVE), build(Path(other), PLAIN)
        with np.errstate(all="ignore"):
            table = "\n".join([*write_table(native, plain, options.points), "", describe_machine()])
    print(table)
    if options.write:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(_START)
        PAGE.write_text(f"{before}{_START}\n{table}\n{_END}{rest.partition(_END)[2]}", encoding="utf-8")


if __name__ == "__main__":
    main()
