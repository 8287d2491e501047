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
import math
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
    of which the neighbourhood is looked at. numpy: what is timed beside it, if not NumPy's function of that name.
    limit: what its error in float64 may be, in units in the last place."""

    exact: Callable[..., Any]
    low: float = -np.inf
    high: float = np.inf
    near: tuple[float, ...] = (0, 1)
    numpy: Callable[..., Any] | None = None
    operands: int = 1
    limit: float = 2


def _sigmoid(x: Array) -> Any:
    e = np.exp(-np.abs(x))
    return np.maximum(e, np.sign(x)) / (1 + e)


def _softplus(x: Array) -> Any:
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def _erf(x: Array) -> Any:
    return np.array([math.erf(v) for v in x.tolist()], x.dtype)


def _normal_cdf(x: Array) -> Any:
    return np.array([math.erfc(v * -math.sqrt(0.5)) / 2 for v in x.tolist()], x.dtype)


_EXP_EDGES = (88.72, -87.33, -103.97, 709.78, -708.39, -745.13)
FUNCTIONS: dict[str, Function] = {
    "exp": Function(mp.exp, -800, 800, (0, 0.3466, *_EXP_EDGES)),
    "exp2": Function(lambda x: mp.mpf(2) ** x, -1200, 1100, (0, 0.5, 1, 128, -126, -149, 1024, -1022, -1074)),
    "expm1": Function(mp.expm1, -800, 800, (0, 0.3466, -0.3466, 1.0397, 88.72, 709.78, -18, -40)),
    "log": Function(mp.log, 0, near=(0.7071, 1, 1.4142, 2)),
    "log2": Function(lambda x: mp.log(x, 2), 0, near=(0.7071, 1, 1.4142, 2)),
    "log10": Function(mp.log10, 0, near=(0.7071, 1, 1.4142, 2)),
    "log1p": Function(mp.log1p, -1, near=(-1, -0.2929, 0, 0.4142, 1)),
    "sinh": Function(mp.sinh, -800, 800, (0, 0.55, 0.8, 1, 89.4159, 710.4758)),
    "cosh": Function(mp.cosh, -800, 800, (0, 0.55, 0.8, 1, 89.4159, 710.4758)),
    "tanh": Function(mp.tanh, -100, 100, (0, 0.55, 0.8, 9.01, 19.06)),
    "sigmoid": Function(lambda x: 1 / (1 + mp.exp(-x)), -800, 800, (0, 16.6, 36.7, *_EXP_EDGES), _sigmoid),
    "softplus": Function(lambda x: mp.log1p(mp.exp(x)), -800, near=(0, 16.6, 36.7, *_EXP_EDGES), numpy=_softplus),
    "erf": Function(mp.erf, -30, 30, (0, 0.4769, 1, 2, 3.9, 5.9), _erf),
    "normal_cdf": Function(
        lambda x: mp.erfc(-x / mp.sqrt(2)) / 2, -50, 50, (0, 0.6, -0.6, -1, -3, -14.17, -38.46), _normal_cdf, limit=5
    ),
    "sin": Function(mp.sin, near=(0, np.pi / 4, np.pi / 2, np.pi, 355)),
    "cos": Function(mp.cos, near=(0, np.pi / 4, np.pi / 2, np.pi, 355)),
    "pow": Function(lambda a, b: mp.power(a, b).real, operands=2, numpy=np.power),
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
    for name, f in FUNCTIONS.items():
        for suffix, c in (("f64", "double"), ("f32", "float")):
            names = ["a", "b"][: f.operands]
            takes = "".join(f"const {c} *restrict {v}, " for v in names) + f"{c} *restrict y, long n"
            body = f"for (long j = 0; j < n; j++) y[j] = tg_{name}_{suffix}({', '.join(f'{v}[j]' for v in names)});"
            if name in ("sin", "cos"):  # block by block, as programs do: only a block with a far number takes libm's
                body = (
                    f"for (long j = 0; j < n; j += 64) tg_{name}_block_{suffix}(a + j, y + j, n - j < 64 ? n - j : 64);"
                )
            again = f'{name}_{suffix}({", ".join(names)}, y, n); __asm__ volatile("" ::: "memory");'
            lines.append(f"void {name}_{suffix}({takes}) {{ {body} }}")
            lines.append(f"void {name}_{suffix}_again({takes}, long times) {{ while (times--) {{ {again} }} }}")
    source, library = folder / "loops.c", folder / "loops.so"
    source.write_text("\n".join(lines) + "\n")
    command = [compiler, *FLAGS, *optimise, "-Wall", "-Wextra", "-Werror", "-I", str(HEADER.parent)]
    subprocess.run([*command, str(source), "-o", str(library), "-lm"], check=True, timeout=120)
    return ctypes.CDLL(str(library))


def call(library: ctypes.CDLL, name: str, *operands: Array) -> Array:
    """The function of the arrays, by the library's loop."""
    y = np.empty_like(operands[0])
    loop = getattr(library, f"{name}_{'f64' if y.dtype == np.float64 else 'f32'}")
    loop(*(v.ctypes.data_as(ctypes.c_void_p) for v in (*map(np.ascontiguousarray, operands), y)), ctypes.c_long(y.size))
    return y


# -- accuracy ----------------------------------------------------------------------------------------------------------


@cache
def draw_points(name: str, suffix: Suffix, count: int) -> tuple[Array, ...]:
    """For each operand about so many numbers in the function's domain, the same every time."""
    if name == "pow":
        return draw_powers(suffix, count)
    f, dtype, rng = FUNCTIONS[name], DTYPES[suffix], np.random.default_rng(0)
    info = np.finfo(dtype)
    part = count // 8
    usual = rng.normal(size=2 * part) * 3
    span = min(f.high, 1000.0) - max(f.low, -1000.0)
    wide = max(f.low, -1000.0) + span * rng.random(2 * part)
    near = np.concatenate([c + 0.02 * rng.normal(size=part // len(f.near)) for c in f.near])
    x = np.concatenate([draw_sizes(rng, suffix, 3 * part, f), usual, wide, near]).astype(dtype)
    around = [np.asarray(f.near, dtype)]
    for _ in range(4):
        around += [np.nextafter(around[-1], dtype(np.inf)), np.nextafter(around[-1], dtype(-np.inf))]
    ends = np.array([info.max, info.tiny, info.smallest_subnormal, info.eps, 1, 0.5, 2], dtype)
    x = np.concatenate([x, *around, ends, -ends])
    if name in ("sin", "cos"):  # the numbers next to multiples of pi / 2
        x = np.concatenate([x, (np.pi / 2 * rng.integers(1, 41000, part)).astype(dtype)])
    x = x[(x > f.low) & (x < f.high)]
    return (x[np.argsort(np.abs(x))],)


def draw_sizes(rng: np.random.Generator, suffix: Suffix, count: int, f: Function) -> Array:
    """Numbers of every magnitude and both signs."""
    info = np.finfo(DTYPES[suffix])
    least, largest = (-744, -103)[suffix == "f32"], np.log(min(float(info.max), max(-f.low, f.high)))
    return np.asarray(np.exp(rng.uniform(least, largest, count)) * rng.choice([-1, 1], count))


def draw_powers(suffix: Suffix, count: int) -> tuple[Array, Array]:
    """Bases and exponents whose powers are spread over the whole range, its edges and the subnormal numbers included;
    and whole exponents of negative bases."""
    dtype, rng = DTYPES[suffix], np.random.default_rng(0)
    part = count // 6
    low, high = (-150, 128) if suffix == "f32" else (-1075, 1024)
    powers = np.log(2) * np.concatenate([rng.uniform(low, high, 3 * part), high + 0.01 * rng.normal(size=part // 2)])
    a = np.abs(np.concatenate([draw_sizes(rng, suffix, part, FUNCTIONS["pow"]), 1 + 0.1 * rng.normal(size=part),
                               1 + np.exp(rng.uniform(-30, 0, part)), 3 * rng.normal(size=part // 2)]))  # fmt: skip
    a = np.where(a.astype(dtype) == 1, 1.5, a).astype(dtype)
    b = (powers / np.log(a.astype(np.float64))).astype(dtype)
    usual, whole = np.abs(rng.normal(size=part)) * 3, rng.integers(-40, 40, part)
    a = np.concatenate([a, usual, -usual]).astype(dtype)
    b = np.concatenate([b, rng.normal(size=part) * 3, whole]).astype(dtype)
    return a, b


@cache
def find_exact(name: str, suffix: Suffix, count: int) -> tuple[Array, Array, Array]:
    """The exact values at the points as (high + low) 2^exponent with 0.5 <= high + low < 1."""
    exact = FUNCTIONS[name].exact
    rows = []
    with mp.workprec(130):
        for values in zip(*(v.tolist() for v in draw_points(name, suffix, count)), strict=True):
            mantissa, exponent = mp.frexp(exact(*map(mp.mpf, values)))
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
    return np.where(np.isnan(wide), np.inf, np.abs((mantissa - high) - low) / unit)


def find_largest_error(library: ctypes.CDLL, name: str, suffix: Suffix, count: int) -> tuple[float, str]:
    """(the largest error in units in the last place, where it is)."""
    points = draw_points(name, suffix, count)
    y = call(library, name, *points)
    errors = measure_ulps(y, find_exact(name, suffix, count))
    worst = int(np.argmax(errors))
    return float(errors[worst]), f"{name}({', '.join(str(v[worst]) for v in points)}) = {y[worst]}"


# -- speed -------------------------------------------------------------------------------------------------------------


def time_best(f: Callable[[], object], rounds: int = 200) -> float:
    """Nanoseconds, the best of the rounds."""
    best = np.inf
    for _ in range(rounds):
        start = time.perf_counter()
        f()
        best = min(best, time.perf_counter() - start)
    return best * 1e9


def draw_typical(name: str, suffix: Suffix) -> tuple[Array, ...]:
    """Standard-normal numbers; their sizes where the function wants positive ones."""
    f, rng = FUNCTIONS[name], np.random.default_rng(1)
    x, exponents = rng.normal(size=(2, 1024)).astype(DTYPES[suffix])
    if name == "pow":
        return np.abs(x), exponents
    return (np.where(x <= f.low, -x, x),)


def align(x: Array) -> Array:
    """A copy that starts at a multiple of 64 bytes, as the blocks of compiled programs do."""
    room = np.empty(x.nbytes + 64, np.uint8)
    start = -room.ctypes.data % 64
    copy: Array = room[start : start + x.nbytes].view(x.dtype)
    copy[:] = x
    return copy


def time_both(library: ctypes.CDLL, name: str, suffix: Suffix) -> tuple[float, float]:
    """Nanoseconds an element of the C loop, and of NumPy's function."""
    operands = tuple(map(align, draw_typical(name, suffix)))
    y, times, numpy = align(operands[0]), 20, FUNCTIONS[name].numpy or getattr(np, name)
    loop = getattr(library, f"{name}_{suffix}_again")
    args = (*(ctypes.c_void_p(v.ctypes.data) for v in (*operands, y)), *(ctypes.c_long(n) for n in (y.size, times)))
    return time_best(lambda: loop(*args)) / y.size / times, time_best(lambda: numpy(*operands)) / y.size


# -- the table ---------------------------------------------------------------------------------------------------------


def write_table(native: ctypes.CDLL, plain: ctypes.CDLL, count: int) -> Iterator[str]:
    """What was measured, in Markdown."""
    yield "| function | dtype | points | largest error, ulp | without FMA | ns an element | NumPy's |"
    yield "|---|---|---|---|---|---|---|"
    for name in FUNCTIONS:
        for suffix in DTYPES:
            errors = [find_largest_error(library, name, suffix, count)[0] for library in (native, plain)]
            ours, numpys = time_both(native, name, suffix)
            shown = f"{numpys:.2f}" if name not in ("erf", "normal_cdf") else "–"
            yield (
                f"| `{name}` | {np.dtype(DTYPES[suffix]).name} | {draw_points(name, suffix, count)[0].size:,} "
                f"| {errors[0]:.2f} | {errors[1]:.2f} | {ours:.2f} | {shown} |"
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
