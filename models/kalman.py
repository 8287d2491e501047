"""Where is the boat, and how fast? A Kalman filter whose noise and dynamics are learnt through the filter.

A boat turns at a rate w that nobody knows, and is pushed about at random. Its state x holds two coordinates and two
speeds; from minute to minute, with R(w) the rotation of the plane by w, noise u ~ N(0, q^2 I) on the speeds, and noise
v ~ N(0, r^2 I) on what is measured, the two coordinates:

    x := F x + [0, u]    F = [[I, I], [0, R(w)]]         y = H x + v    H = [I, 0]

What is known of x before and after each measurement is a normal distribution with mean m and covariance P:

    predict   m := F m       P := F P F' + Q             Q = q^2 for the speeds, 0 elsewhere
    compare   e = y - H m    S = H P H' + r^2 I          log p(y | earlier) = -(e' S^-1 e + log |2 pi S|) / 2
    correct   m := m + K e   P := P - K S K'             K = P H' S^-1

The logarithms add up to that of the density of all measurements, whose derivatives come from running through the loop
backwards (``tg.scan``): w, q and r are found where it is largest.

The filter knows the past. What the whole journey says of the coordinates then is one more gradient: for normal noise,
E[H x | all y] = y + r^2 d log p / d y (Tweedie's formula), and the covariance is r^2 I + r^4 d^2 log p / d y^2.

    python -m models.kalman --minutes 300

Source: Kalman (1960), "A new approach to linear filtering and prediction problems"; Efron (2011), "Tweedie's formula
and selection bias".
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import tinygrad_lite as tg
from models import cli, likelihood, plotting
from models.likelihood import Values
from models.terminal import Table, say
from models.two_layer_manual import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRUTH = {"turn rate": 0.08, "push": 0.06, "noise": 1.5}
"""w in radians a minute; q in hectometres a minute, r in hectometres."""

START = {"turn rate": 0.2, "push": 0.5, "noise": 0.5}

H = np.eye(2, 4)
MEAN = np.zeros(4)
COVARIANCE = np.diag([25.0, 25.0, 4.0, 4.0])
"""What is known of the state before the first minute."""


def dynamics(p: Mapping[str, Any]) -> Any:
    """F (4, 4)."""
    cos, sin = np.cos(p["turn rate"]), np.sin(p["turn rate"])
    rotation = np.stack([np.stack([cos, -sin]), np.stack([sin, cos])])
    return np.block([[np.eye(2), np.eye(2)], [np.zeros((2, 2)), rotation]])


def run_filter(p: Mapping[str, Any], seen: Array) -> tuple[Any, Any, Any]:
    """Log densities (n,) of measurements (n, 2), each given those before it; m (n, 4) and P (n, 4, 4) after each."""
    F, Q, R = dynamics(p), p["push"] ** 2 * np.diag([0.0, 0.0, 1.0, 1.0]), p["noise"] ** 2 * np.eye(2)

    def step(belief: tuple[Any, Any], y: Any) -> tuple[tuple[Any, Any], tuple[Any, Any, Any]]:
        m, P = belief
        m, P = F @ m, F @ P @ F.T + Q
        e, S = y - H @ m, H @ P @ H.T + R
        log_density = -(e @ np.linalg.solve(S, e) + np.linalg.slogdet(2 * np.pi * S)[1]) / 2
        K = np.linalg.solve(S, H @ P).T  # P H' S^-1, since P and S are symmetric
        m, P = m + K @ e, P - K @ S @ K.T
        return (m, P), (log_density, m, P)

    _, (log_densities, means, covariances) = tg.scan(step, (MEAN, COVARIANCE), seen)
    return log_densities, means, covariances


def cost(p: Mapping[str, Any], seen: Array) -> Any:
    """-log p(seen), a number."""
    return -np.sum(run_filter(p, seen)[0])


def smooth(p: Mapping[str, Any], seen: Array) -> Array:
    """The coordinates (n, 2) as all measurements (n, 2) have them, earlier and later ones: Tweedie's formula."""
    smoothed: Array = seen - p["noise"] ** 2 * tg.grad(cost, 1)(p, seen)
    return smoothed


def speed_eastward(p: Mapping[str, Any], seen: Array) -> tuple[Array, Array]:
    """What the filter says of it, and how sure it is: mean and deviation (n,)."""
    _, means, covariances = run_filter(p, seen)
    return means[:, 2], np.sqrt(covariances[:, 2, 2])


def travel(minutes: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """States (n, 4) of a boat that sets out from the origin, and what was measured (n, 2)."""
    F, x, states = dynamics(TRUTH), np.array([0.0, 0.0, 1.0, 0.0]), []
    for _ in range(minutes):
        x = F @ x + np.concatenate([np.zeros(2), TRUTH["push"] * rng.normal(size=2)])
        states.append(x)
    journey = np.stack(states)
    return journey, journey @ H.T + TRUTH["noise"] * rng.normal(size=(minutes, 2))


def error(places: Array, journey: Array) -> float:
    """The root of the mean square distance (hectometres) of places (n, 2) from the true ones."""
    return float(np.sqrt(np.mean(np.sum((places - journey @ H.T) ** 2, axis=1))))


def report(p: Values, journey: Array, seen: Array) -> None:
    """Print how far off what is thought of the boat's place is."""
    rows = {
        "measured": seen,
        "filter, as it was at the start": run_filter(START, seen)[1] @ H.T,
        "filter that has learnt": run_filter(p, seen)[1] @ H.T,
        "filter that knows the truth": run_filter(TRUTH, seen)[1] @ H.T,
        "smoothed, with what it learnt": smooth(p, seen),
    }
    say("\nroot mean square error of the place, hectometres")
    table = Table(" " * max(map(len, rows)), "    ")
    for name, places in rows.items():
        table.row(name, f"{error(places, journey):.2f}")
    speeds, deviations = speed_eastward(p, seen)
    inside = np.mean(np.abs(speeds - journey[:, 2]) < 1.96 * deviations)
    say(f"\nthe speed eastward lies in its 95 % band in {inside:.0%} of the minutes")


def draw(p: Values, journey: Array, seen: Array) -> Figure:
    """The journey in the plane, and a speed, which nobody measures."""
    picture = plotting.figure(10.4, 4.8)
    left, right = picture.subplots(1, 2)
    draw_journey(left, journey, seen, run_filter(p, seen)[1], smooth(p, seen))
    minutes, (speeds, deviations) = np.arange(1, len(seen) + 1), speed_eastward(p, seen)
    low, high = speeds - 1.96 * deviations, speeds + 1.96 * deviations
    right.fill_between(minutes, low, high, color=plotting.BLUE, alpha=0.25, linewidth=0, label="95 % band")
    right.plot(minutes, speeds, color=plotting.BLUE, label="filter")
    right.plot(minutes, journey[:, 2], "--", color=plotting.INK, linewidth=1, label="truth")
    right.set(xlabel="minute", ylabel="hectometres a minute", title="Speed eastward, which nobody measures")
    right.set_ylim(1.3 * np.min(low[10:]), 1.3 * np.max(high[10:]))  # in the first minutes it could be anything
    right.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.14))
    return picture


def draw_journey(axes: Axes, journey: Array, seen: Array, means: Array, smoothed: Array) -> None:
    """The boat's course, what was measured, and what is made of it."""
    axes.plot(*seen.T, ".", color=plotting.GREY, markersize=4, label="measured")
    axes.plot(*means[:, :2].T, color=plotting.BLUE, linewidth=1.2, label="filter")
    axes.plot(*smoothed.T, color=plotting.RED, linewidth=1.8, label="smoothed")
    axes.plot(*journey[:, :2].T, "--", color=plotting.INK, linewidth=1, label="truth")
    axes.set(xlabel="east, hectometres", ylabel="north, hectometres", title="The journey", aspect="equal")
    axes.legend(ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.14), columnspacing=1)


def main(argv: Sequence[str] | None = None) -> None:
    """Let a boat travel, learn how it moves and how exact the measurements are, and draw the journey."""
    parser = cli.parser("kalman", "A Kalman filter whose noise and dynamics are learnt.")
    parser.add_argument(
        "--minutes", type=cli.positive_int, metavar="N", default=150, help="of the journey, from 50 to 1000"
    )
    parser.add_argument("--seed", type=cli.seed_int, default=0, help="seed of the journey and the noise")
    flags = parser.parse_args(argv)
    if not 50 <= flags.minutes <= 1000:
        parser.error(f"--minutes {flags.minutes} is not between 50 and 1000")
    plotting.prepare(flags.plot)
    journey, seen = travel(flags.minutes, np.random.default_rng(flags.seed))

    def of_seen(p: Any) -> Any:
        return cost(p, seen)

    found = likelihood.fit(of_seen, START)
    before, now, true = (f"{-of_seen(p):.1f}" for p in (START, found, TRUTH))
    say(f"log likelihood of {len(seen)} measurements: {before} at the start, {now} now, {true} with the truth\n")
    likelihood.print_table(found, likelihood.standard_errors(of_seen, found), TRUTH)
    report(found, journey, seen)
    plotting.save(draw(found, journey, seen), flags.plot)


if __name__ == "__main__":
    sys.exit(cli.run(main))
