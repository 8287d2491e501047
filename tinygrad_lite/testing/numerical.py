"""Derivatives from function values alone, each number with a bound on its own error.

Everything here works on functions from one vector to one vector (`vectors.Layout` turns trees into vectors), along
one direction at a time, and knows nothing of automatic differentiation: it is the independent side of the
comparison.

* `complex_step`: Im f(x + ih d) / h with h = 1e-20. No subtraction, hence no cancellation: exact to rounding
  wherever f is analytic, and silently wrong where it is not (abs, conj, a cast to float), so its result is
  only a proposal. Squire & Trapp, "Using complex variables to estimate derivatives of real functions", SIAM
  Review 40 (1998).
* `differences`: central differences with Richardson extrapolation over shrinking steps, an error estimate per
  entry (Ridders, "Accurate computation of F'(x) and F'(x)F''(x)", Adv. Eng. Software 4 (1982)), a noise floor
  measured by perturbing x in its last digits, and a test for a kink at x itself, which central differences
  cannot see.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]
VectorFunction = Callable[[Any], NDArray[Any]]
"""From a vector (float64, or complex128 for the complex step) to a vector."""

EPS = float(np.finfo(np.float64).eps)
_STEP = 1e-20  # any h whose square underflows beside 1 will do: the error of the complex step is O(h²)
_FIRST = 2.0**-4  # steps, in units of max(1, |x|): 2⁻⁴, 2⁻⁶, …
_SHRINK = 4.0  # from one step to the next: by 2, neighbours are too much alike; by 10, rounding sets in too soon
_LEVELS = 14  # … down to 2⁻³⁰, for arguments as close as 1e-9 to the edge of a domain
_COLUMNS = 5  # of the extrapolation table: error O(h^10)
_LUCK = 32.0  # the most that one step's shrinking is taken to have improved the estimate
_SAFETY = 4.0  # the error estimates are estimates


@dataclass(frozen=True, slots=True)
class Estimate:
    """A directional derivative of a vector function: one entry for each entry of f(x).

    value: the derivative. error: what |value - truth| is believed not to exceed; inf where nothing can be
    said. jump: the slope on the one side of x less that on the other, in size, where there is a kink at x
    (inf where f is not defined on one side), else 0; the value is then the mean of the two. scale: how large
    the numbers are whose slope this is, |f(x)|; 0 where f does not depend on x.
    """

    value: Vector
    error: Vector
    jump: Vector
    scale: Vector

    @property
    def kink(self) -> NDArray[np.bool_]:
        return self.jump > 0

    def at(self, chosen: NDArray[Any]) -> Estimate:
        """The estimate of some entries."""
        return Estimate(self.value[chosen], self.error[chosen], self.jump[chosen], self.scale[chosen])


def differences(
    f: VectorFunction, x: Vector, d: Vector, noise: Vector | None = None, eps: Vector | float = EPS
) -> Estimate:
    """The derivative of f at x along d by central differences with extrapolation.

    x, d: vectors of one length. noise: the rounding error of each entry of f(x) (measured if not given); eps:
    the relative precision of each entry (that of float32 where f returns float32).

    >>> import numpy as np
    >>> estimate = differences(np.exp, np.array([0.0, 1.0]), np.array([1.0, 2.0]))
    >>> np.abs(estimate.value - [1.0, 2 * np.e]) <= estimate.error
    array([ True,  True])
    >>> bool(np.all(estimate.error < 1e-8)), estimate.kink.any()
    (True, np.False_)
    """
    with ignore_warnings():
        at_x = np.asarray(f(x), np.float64)
        if noise is None:
            noise = measure_noise(f, x, eps)
        unit = 1 / max(np.max(np.abs(d) / np.maximum(1, np.abs(x)), initial=0.0), np.finfo(float).tiny)
        value, error = _extrapolate(f, x, d, unit, noise, eps)
        jump, nearby, nearby_error = _measure_jump(f, x, d, unit, at_x, noise, value)
        # A staircase that climbs evenly looks smooth from afar; if the slope close to x is another, neither is sure.
        gap = np.abs(value - nearby)
        error = np.where(gap > error + nearby_error, np.maximum(error, gap + nearby_error), error)
    unknown = ~np.isfinite(value) | ~np.isfinite(at_x)
    return Estimate(
        value=np.where(unknown, np.nan, value),
        error=np.where(unknown, np.inf, error),
        jump=np.where(unknown, np.inf, jump),
        scale=np.where(value == 0, 0.0, np.abs(at_x)),
    )


def complex_step(f: VectorFunction, x: Vector, d: Vector) -> Vector | None:
    """The derivative of f at x along d by the complex step; None where f plainly does not carry the imaginary
    part.

    f is called with a complex vector. An exception, a ComplexWarning, or a result that is real all mean None.
    That f is analytic is not certain even otherwise: compare with `differences`.

    >>> import numpy as np
    >>> complex_step(lambda x: x**3, np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    array([ 3., 12.])
    >>> complex_step(np.abs, np.array([1.0, 2.0]), np.array([1.0, 1.0])) is None
    True
    """
    try:
        with ignore_warnings():
            warnings.simplefilter("error", np.exceptions.ComplexWarning)
            y = np.asarray(f(x + 1j * _STEP * d))
    except Exception:  # whatever a user's function does with a complex number: it is merely not usable this way
        return None
    if not np.iscomplexobj(y):
        return None
    slope: Vector = y.imag / _STEP
    return slope if np.all(np.isfinite(slope)) else None


def measure_noise(f: VectorFunction, x: Vector, eps: Vector | float = EPS) -> Vector:
    """The rounding error to reckon with in each entry of f(x), of relative precision eps.

    At least a unit in the last place; more where f is rough; and where f does not move at all it may be a
    staircase, 1 - sigmoid(30) say, whose steps are rounding errors of numbers the size of 1.
    """
    y, rough, stands_still = _measure_roughness(f, x, EPS)
    noise = np.maximum(np.maximum(eps * np.abs(y), rough), np.where(stands_still, EPS, 0.0))
    return np.where(np.isfinite(noise), noise, 0.0)


def measure_roughness(f: VectorFunction, x: Vector, x_eps: float = EPS) -> Vector:
    """How far each entry of f, for x of relative precision x_eps, is from a smooth curve close to x."""
    return _measure_roughness(f, x, x_eps)[1]


def _measure_roughness(f: VectorFunction, x: Vector, x_eps: float) -> tuple[Vector, Vector, NDArray[np.bool_]]:
    """f(x), its roughness, and where it did not move at all.

    Measured along curves that leave x to one side (so that a kink at x is not taken for noise): fifth
    differences, which are next to nothing for a smooth function (Hamming's difference table; Moré & Wild,
    "Estimating computational noise", SIAM J. Sci. Comput. 33 (2011)), and the effect of x's own last digits.
    """
    rng = np.random.default_rng(0)
    short, cap = (2.0**-22, 1e-4) if x_eps == EPS else (1e-5, 1e-2)
    near = np.where(x == 0, short, np.minimum(short, cap * np.abs(x)))
    outwards = np.maximum(near, 64 * x_eps * np.abs(x)) * np.where(x < 0, -1, 1)
    rough: Any = 0.0
    with ignore_warnings():
        for draw in range(6):  # steps that happen to suit the rounding, as one in ten does, show none of it
            wiggle = rng.uniform(0.5, 1, x.shape)
            y = np.stack([np.asarray(f(x + k * outwards * wiggle), np.float64) for k in range(8)])
            uneven = np.max(np.abs(np.diff(y, 5, axis=0)), axis=0) / 16  # sqrt(252): of independent errors
            moved = np.abs(np.asarray(f(x * (1 + 2 * x_eps * wiggle)), np.float64) - y[0])
            for each in (uneven, moved):
                rough = np.maximum(rough, np.where(np.isfinite(each), each, 0.0))
            if draw >= 3 and np.all(rough > 0):
                break
    return y[0], rough, np.all(y == y[0], axis=0)


@contextmanager
def ignore_warnings() -> Iterator[None]:
    """In the body neither NumPy nor Python warns: probing f beyond its domain is part of the method."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def _extrapolate(
    f: VectorFunction, x: Vector, d: Vector, unit: float, noise: Vector, eps: Vector | float
) -> tuple[Vector, Vector]:
    """Ridders' table, for every entry of f at once: the best value and its error, entry by entry.

    The change from one step to the next is the error, but not less than a part of the change before: two
    neighbours that agree by luck do not count.
    """
    single = np.flatnonzero(d)
    best = np.full(noise.shape, np.nan)
    best_error = np.full(noise.shape, np.inf)
    last_row: list[Vector] = []
    last_change = np.zeros(noise.shape)
    moved = np.zeros(noise.shape, bool)
    last_move = np.zeros(noise.shape)
    for level in range(_LEVELS):
        h = unit * _FIRST / _SHRINK**level
        above, below = x + h * d, x - h * d
        if single.size == 1:  # the step that was really taken, after rounding
            i = single[0]
            h = (above[i] - below[i]) / (2 * d[i])
            if h == 0:
                break
        f_above, f_below = np.asarray(f(above), np.float64), np.asarray(f(below), np.float64)
        move = np.abs(f_above - f_below)
        moved |= move > 0
        row = [(f_above - f_below) / (2 * h)]
        rounding = 2 * (noise + eps * np.abs(f_above)) / h
        # f that stands still after its last move was a mere rounding error does so because it is a staircase.
        last_move = np.where(move > 0, move, last_move)
        rounding = rounding + np.where((move == 0) & (last_move < 64 * EPS), last_move / h, 0.0)
        smallest_change = np.full(noise.shape, np.inf)
        for column in range(1, min(level, _COLUMNS) + 1):
            factor = _SHRINK ** (2 * column)
            row.append(row[-1] + (row[-1] - last_row[column - 1]) / (factor - 1))
            change = np.maximum(np.abs(row[column] - row[column - 1]), np.abs(row[column] - last_row[column - 1]))
            error = _SAFETY * np.maximum(change, last_change / _LUCK) + rounding
            smallest_change = np.fmin(smallest_change, change)
            better = error < best_error  # False for NaN
            best = np.where(better, row[column], best)
            best_error = np.where(better, error, best_error)
        last_row, last_change = row, smallest_change
        settled = (best_error <= 1e-11 * np.abs(best)) | (2 * _SHRINK * rounding >= best_error)
        if level >= 3 and np.all(settled):
            break
    # An entry that never moved by one last digit, not even over the longest step, hardly depends on x at all.
    unmoved = 2 * eps * np.abs(f_above) / (unit * _FIRST)
    return best, np.where(moved, best_error, np.fmin(best_error, unmoved))


def _measure_jump(
    f: VectorFunction, x: Vector, d: Vector, unit: float, at_x: Vector, noise: Vector, slope: Vector
) -> tuple[Vector, Vector, Vector]:
    """By how much the slopes on the two sides of x differ; and the slope close to x, with its error.

    The second difference over h, (f(x+h) - 2f(x) + f(x-h)) / h, falls with h where f is smooth and tends to
    the jump of the slope where it is not (0 is returned where it seems to fall). Of two steps the smaller is the
    closer to x a kink must lie to be noticed; h² ~ the rounding error leaves a jump of 1e-7 of f visible. A third is
    needed for a kink beside x, of which each step sees less than the one before: at 0.8 h as if it fell with h.
    """
    scale = np.maximum(np.abs(at_x), 1e-3 * np.abs(slope) * unit)
    relative = float(np.max(noise / np.where(scale > 0, scale, 1), initial=EPS))
    h = unit * min(max(relative, EPS), 1e-4) ** 0.47
    jumps, slopes, beside = [], [], []
    for step in (4 * h, h, h / 4):
        above, below = np.asarray(f(x + step * d), np.float64), np.asarray(f(x - step * d), np.float64)
        jumps.append((above + below - 2 * at_x) / step)
        slopes.append((above - below) / (2 * step))
        beside.append(np.fmax(np.abs((above - at_x) / step - slope), np.abs((at_x - below) / step - slope)))
    rounding = [32 * noise / step + 1e-6 * np.abs(slope) for step in (h, h / 4)]
    is_smooth = np.ones(at_x.shape, bool)
    for coarse, fine, allowed in zip(jumps, jumps[1:], rounding, strict=False):
        is_smooth &= np.abs(4 * fine - coarse) / 3 <= allowed + 0.1 * np.abs(coarse)  # False for NaN
    # Of a kink beside x, the steps beyond it saw the mean of its slopes, and x itself lies on one of them.
    jump = np.maximum(np.abs(4 * jumps[1] - jumps[0]) / 3, 2 * beside[1])
    jump = np.where(is_smooth, 0.0, np.where(np.isnan(jump), np.inf, jump))
    return jump, slopes[0], rounding[0] + 2 * np.abs(slopes[0] - slopes[1])
