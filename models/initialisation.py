"""Why weights start random and small: zero, 0.01 randn and 10 randn side by side. Section 9 of the lectures.

From zero (or any equal) weights the hidden units compute the same thing, receive the same gradient, and stay
the same for ever: the rows of W1 never differ. Small random weights break the symmetry. Large ones start where
tanh is flat and where the network is sure of its wrong answers: the cost begins high, and most of the units'
outputs do not respond to their weights.

    python -m models.initialisation

>>> from models.datasets import load
>>> course = follow(load("flower"), scale=0.01, iterations=3)
>>> course.W1.shape, course.spread[0] > 0, course.saturated[0]
((3, 4, 2), np.True_, np.float64(0.0))
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import tinygrad_lite as tg
from models import cli, plotting, two_layer
from models.datasets import Dataset, accuracy, load
from models.terminal import Table
from models.training import gradient_descent
from models.two_layer_manual import Array, Params, initialise

SATURATED = 0.99
"""A tanh unit counts as saturated on an example where its output is beyond this: its slope is then below
0.02."""

SCALES = {"zero": 0.0, "0.01 randn": 0.01, "10 randn": 10.0}
"""The three initialisations: what the random weights are multiplied by."""


@dataclass(frozen=True)
class Course:
    """One training run, watched.

    ``costs (iterations,)``; ``W1 (iterations, n_h, n_x)`` before each step; ``spread (iterations,)``, how
    far the rows of W1 are apart at most; ``saturated (iterations,)``, the share of units and examples where
    tanh is saturated.
    """

    params: Params
    costs: Array
    W1: Array
    spread: Array
    saturated: Array


def follow(
    data: Dataset,
    *,
    scale: float,
    n_h: int = 4,
    learning_rate: float = 1.2,
    iterations: int = 2000,
    seed: int = 2,
    label: str | None = None,
) -> Course:
    """Train from weights ``scale`` * randn, and keep what happens to the hidden units."""
    weights, saturated = [], []

    def watch(i: int, J: float, params: Params) -> None:
        weights.append(params["W1"])
        A1 = two_layer.forward(params, data.X).A1
        saturated.append(np.mean(np.abs(A1) > SATURATED))

    run = gradient_descent(
        tg.value_and_grad(lambda p: two_layer.cost(p, data.X, data.Y)),
        initialise(n_x=data.X.shape[0], n_h=n_h, n_y=data.Y.shape[0], seed=seed, scale=scale),
        learning_rate=learning_rate,
        iterations=iterations,
        label=label,
        watch=watch,
    )
    W1 = np.array(weights)
    spread: Array = np.ptp(W1, axis=1).max(axis=1)
    return Course(run.params, run.costs, W1, spread, np.array(saturated))


def main(argv: Sequence[str] | None = None) -> None:
    """Train from the three initialisations, print what became of the units, and draw it."""
    parser = cli.parser("initialisation", "Zero, small and large initial weights, side by side.")
    parser.add_argument("--hidden", type=cli.positive_int, metavar="N", default=4, help="hidden units")
    cli.add_training_flags(parser, iterations=5000, learning_rate=1.2, seed=2)
    flags = parser.parse_args(argv)
    plotting.prepare(flags.plot)
    picture = plotting.figure(9.6, 7.0)
    flower = load("flower")
    courses = {
        name: follow(
            flower,
            scale=scale,
            n_h=flags.hidden,
            learning_rate=flags.learning_rate,
            iterations=flags.iterations,
            seed=flags.seed,
            label=name,
        )
        for name, scale in SCALES.items()
    }

    first_and_last = "rows of W1 apart, first", "last", "units saturated, first", "last   "
    table = Table(f"{'W1':10}", "last cost", "accuracy %", *first_and_last)
    for name, course in courses.items():
        right = 100 * accuracy(two_layer.forward(course.params, flower.X).A2, flower.Y)
        spreads = [f"{course.spread[i]:.2g}" for i in (0, -1)]
        shares = [f"{100 * course.saturated[i]:.1f} %" for i in (0, -1)]
        table.row(name, f"{course.costs[-1]:.6f}", f"{right:.2f}", *spreads, *shares)

    steps = np.arange(1, flags.iterations + 1)
    lowest = min(course.costs.min() for course in courses.values())
    highest = max(course.costs.max() for course in courses.values())
    colours = (plotting.BLUE, plotting.RED, plotting.GREEN, plotting.ORANGE)
    for i, (name, course) in enumerate(courses.items()):
        cost, units, saturated = (picture.add_subplot(3, 3, 3 * row + i + 1) for row in range(3))
        plotting.cost_curve(cost, {"J": course.costs}, f"$W$: {name}")
        cost.set(yscale="log", ylim=(0.8 * lowest, 1.25 * highest), xlabel="", ylabel="cost $J$")
        cost.yaxis.set_major_formatter("{x:g}")
        for unit, colour in zip(range(flags.hidden), colours, strict=False):
            for feature, dash in enumerate(("-", "--")):
                units.plot(steps, course.W1[:, unit, feature], dash, color=colour, linewidth=1.4)
        if name == "0.01 randn":  # the panel with room for the legend of all three
            for feature, dash in enumerate(("-", "--")):
                units.plot([], [], dash, color=plotting.INK, linewidth=1.4, label=f"from $x_{feature + 1}$")
            units.legend(title="a colour for each unit", loc="lower left", fontsize=8, title_fontsize=8)
        if course.spread.max() == 0:
            units.set_ylim(-1, 1)
            units.text(0.5, 0.6, "all units equal for ever", transform=units.transAxes, ha="center", fontsize=9)
        units.set(xscale="log", ylabel="weights $W_1$")
        saturated.plot(steps, 100 * course.saturated, color=plotting.PURPLE)
        saturated.set(xscale="log", ylim=(-4, 104), xlabel="iteration", ylabel="saturated %")
        for axes in (units, saturated):
            axes.grid(axis="y")
    plotting.save(picture, flags.plot)


if __name__ == "__main__":
    sys.exit(cli.run(main))
