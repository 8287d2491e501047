"""A curve through noisy measurements, with error bands: regression by a Gaussian process.

The values of an unknown function at the times t are taken for one draw from a normal distribution with mean 0 and the
covariance K = k(t, t). The kernel k says what kind of function is expected; here it is a slow trend and a season, a
shape that repeats itself:

    k(s, t) = a^2 exp(-(s - t)^2 / (2 l^2))  +  b^2 exp(-2 sin^2(pi (s - t) / p) / w^2)

What is measured is the function with noise of deviation sigma, so that y ~ N(0, K + sigma^2 I). With the Cholesky
factor L, L L' = K + sigma^2 I, the logarithm of its density, the marginal likelihood, is

    log p(y) = -1/2 |L^-1 y|^2 - sum(log diag L) - n/2 log(2 pi)

and the hyperparameters a, l, b, p, w, sigma are those for which it is largest. Given y, the function at other times u
is again normal, with

    mean k(u, t) (K + sigma^2 I)^-1 y,   covariance k(u, u) - k(u, t) (K + sigma^2 I)^-1 k(t, u)

The data here are drawn from the model itself, so that the truth is known. A part in the middle and one at the end are
held out: how many of those measurements lie in the band that was promised to have 95 % of them?

    python -m models.gaussian_process --seed 3

Source: Rasmussen and Williams, *Gaussian Processes for Machine Learning*, 2006, chapters 2 and 5.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models import cli, likelihood, plotting
from models.likelihood import Values
from models.terminal import say
from models.two_layer_manual import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRUTH = {"trend": 1.5, "trend length": 2.0, "season": 1.0, "period": 1.0, "season width": 0.8, "noise": 0.3}
"""a, l, b, p, w and sigma of the data: times are in years."""

START = {"trend": 1.0, "trend length": 1.0, "season": 1.0, "season width": 1.0, "noise": 0.5}
"""Where the search begins."""

PERIODS = np.geomspace(0.4, 2.5, 150)
"""Among these the period is looked for first: its likelihood has many peaks, and a search climbs the nearest."""

YEARS = 10.0


class Measurements(NamedTuple):
    """Times (n,) in years and what was measured then (n,); which of them are held out; and the function itself."""

    times: Array
    values: Array
    held_out: NDArray[np.bool_]
    true_times: Array
    true_values: Array


def kernel(p: Mapping[str, Any], s: Array, t: Array) -> Any:
    """The covariances (len(s), len(t)) of the function at the times s and t, without the noise."""
    apart = s[:, None] - t
    trend = p["trend"] ** 2 * np.exp(-((apart / p["trend length"]) ** 2) / 2)
    season = p["season"] ** 2 * np.exp(-2 * (np.sin(np.pi * apart / p["period"]) / p["season width"]) ** 2)
    return trend + season


def cholesky(p: Mapping[str, Any], t: Array) -> Any:
    """L (n, n), lower triangular, with L L' = K + sigma^2 I."""
    return np.linalg.cholesky(kernel(p, t, t) + p["noise"] ** 2 * np.eye(len(t)))


def cost(p: Mapping[str, Any], t: Array, y: Array) -> Any:
    """-log p(y), the marginal likelihood of what was measured."""
    L = cholesky(p, t)
    z = np.linalg.solve(L, y)
    return z @ z / 2 + np.sum(np.log(np.diag(L))) + len(t) / 2 * np.log(2 * np.pi)


def predict(p: Mapping[str, Any], t: Array, y: Array, u: Array) -> tuple[Array, Array]:
    """Mean and deviation, (len(u),), of the function at the times u, given y at the times t."""
    L = cholesky(p, t)
    z = np.linalg.solve(L, kernel(p, t, u))
    variance = p["trend"] ** 2 + p["season"] ** 2 - np.sum(z**2, axis=0)
    return z.T @ np.linalg.solve(L, y), np.sqrt(variance)


def draw_measurements(n: int, rng: np.random.Generator) -> Measurements:
    """A function drawn from the model, and n measurements of it at random times."""
    grid = np.linspace(0, YEARS, 501)
    # The covariance of so many neighbours is singular up to rounding; a little noise makes it regular.
    function = cholesky({**TRUTH, "noise": 1e-4}, grid) @ rng.normal(size=len(grid))
    at = np.sort(rng.choice(len(grid), n, replace=False))
    times, values = grid[at], function[at] + TRUTH["noise"] * rng.normal(size=n)
    held_out = (times > 0.8 * YEARS) | ((times > 0.4 * YEARS) & (times < 0.5 * YEARS))
    return Measurements(times, values, held_out, grid, function)


def start_of_search(t: Array, y: Array) -> Values:
    """START, with the period that suits the measurements best."""
    costs = [cost({**START, "period": period}, t, y) for period in PERIODS]
    return {**START, "period": PERIODS[np.argmin(costs)]}


def report(p: Values, data: Measurements) -> None:
    """Print how well what was held out is foretold."""
    t, y, held_out = data.times, data.values, data.held_out
    mean, deviation = predict(p, t[~held_out], y[~held_out], t[held_out])
    off = np.abs(y[held_out] - mean)
    inside = np.mean(off < 1.96 * np.hypot(deviation, p["noise"]))
    say(f"\nheld out: {len(off)} measurements, of which {inside:.0%} lie in their 95 % band")
    error, zero = np.sqrt(np.mean(off**2)), np.sqrt(np.mean(y[held_out] ** 2))
    say(f"root mean square error there: {error:.2f} (the noise alone: {TRUTH['noise']:.2f}; foretelling 0: {zero:.2f})")


def draw(p: Values, data: Measurements) -> Figure:
    """The curve with its band, and the likelihood as a function of the period."""
    picture = plotting.figure(10.4, 4.2)
    left, right = picture.subplots(1, 2, width_ratios=(5, 2))
    draw_curve(left, p, data)
    t, y = data.times[~data.held_out], data.values[~data.held_out]
    right.plot(PERIODS, [-cost({**p, "period": period}, t, y) for period in PERIODS], color=plotting.BLUE)
    right.axvline(p["period"], color=plotting.RED, linewidth=1, zorder=1, label=f"found: {p['period']:.3f}")
    right.set(xlabel="period, years", ylabel="log marginal likelihood", title="Which period?", xscale="log")
    ticks = (0.4, 0.5, 0.7, 1, 1.5, 2, 2.5)
    right.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    right.minorticks_off()
    right.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14))
    return picture


def draw_curve(axes: Axes, p: Values, data: Measurements) -> None:
    """What was measured, and what the function is thought to be."""
    t, y, held_out, u, function = data
    mean, deviation = predict(p, t[~held_out], y[~held_out], u)
    bands = {"a measurement": (np.hypot(deviation, p["noise"]), 0.15), "the function": (deviation, 0.3)}
    for name, (width, alpha) in bands.items():
        low, high = mean - 1.96 * width, mean + 1.96 * width
        axes.fill_between(u, low, high, color=plotting.BLUE, alpha=alpha, linewidth=0, label=f"95 % band of {name}")
    axes.plot(u, mean, color=plotting.BLUE, label="mean")
    axes.plot(u, function, color=plotting.INK, linewidth=1, linestyle="--", label="the true function")
    axes.plot(t[~held_out], y[~held_out], ".", color=plotting.INK, markersize=5, label="measured")
    axes.plot(t[held_out], y[held_out], "o", color=plotting.RED, markersize=4, fillstyle="none", label="held out")
    axes.set(xlabel="time, years", ylabel="value", title="A function and what is known of it", xlim=(0, YEARS))
    axes.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.14))


def main(argv: Sequence[str] | None = None) -> None:
    """Draw data, find the hyperparameters, say how well the rest is foretold, and draw the curve."""
    parser = cli.parser("gaussian_process", "A curve with error bands through noisy measurements.")
    parser.add_argument("--measurements", type=cli.positive_int, metavar="N", default=160, help="from 50 to 500")
    parser.add_argument("--seed", type=cli.seed_int, default=0, help="seed of the function and the noise")
    flags = parser.parse_args(argv)
    if not 50 <= flags.measurements <= 500:
        parser.error(f"--measurements {flags.measurements} is not between 50 and 500")
    plotting.prepare(flags.plot)
    data = draw_measurements(flags.measurements, np.random.default_rng(flags.seed))
    t, y = data.times[~data.held_out], data.values[~data.held_out]

    def of_seen(p: Any) -> Any:
        return cost(p, t, y)

    start = start_of_search(t, y)
    found = likelihood.fit(of_seen, start)
    before, now, true = (f"{-of_seen(p):.1f}" for p in (start, found, TRUTH))
    say(f"log likelihood of {len(t)} measurements: {before} at the start, {now} now, {true} with the truth\n")
    likelihood.print_table(found, likelihood.standard_errors(of_seen, found), TRUTH)
    report(found, data)
    plotting.save(draw(found, data), flags.plot)


if __name__ == "__main__":
    sys.exit(cli.run(main))
