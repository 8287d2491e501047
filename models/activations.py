"""The four activations: where each learns, saturates or dies. Section 5 of the lectures.

The derivative is autograd's; the lectures' formula for it, in terms of a = g(z), is drawn over it.

    python -m models.activations

>>> z = np.array([-2.0, 0.5])
>>> derivative("tanh", z) - (1 - np.tanh(z) ** 2)
array([0., 0.])
"""

import sys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import tinygrad_lite as tg
from models import cli, plotting
from models.terminal import Table
from models.two_layer import ACTIVATIONS
from models.two_layer_manual import DERIVATIVES, Array

Mask = NDArray[np.bool_]

FLAT = 0.05
"""A unit hardly learns where its slope is below this part of the steepest."""


class Lesson(NamedTuple):
    """What the lectures say of an activation: its formulas, in TeX, and what it is good and bad at."""

    name: str
    g: str
    slope: str
    good: str
    bad: str
    flat: str


LESSONS = {
    "sigmoid": Lesson(
        "sigmoid",
        r"$g = 1 / (1 + e^{-z})$",
        r"$g' = a(1 - a)$",
        "a probability: for the output unit",
        "slope at most 1/4, saturates, not centred",
        "saturated",
    ),
    "tanh": Lesson(
        "tanh",
        r"$g = (e^z - e^{-z}) / (e^z + e^{-z})$",
        r"$g' = 1 - a^2$",
        "centred on zero: the next layer learns faster",
        "saturates, on both sides",
        "saturated",
    ),
    "relu": Lesson(
        "ReLU",
        r"$g = \max(0, z)$",
        r"$g' = 0$ if $z<0$, $1$ if $z>0$",
        "never saturates on the right; cheap",
        "dies: no slope at all on the left",
        "dead",
    ),
    "leaky_relu": Lesson(
        "leaky ReLU",
        r"$g = \max(0.01 z, z)$",
        r"$g' = 0.01$ if $z<0$, $1$ if $z>0$",
        "never quite dies",
        "learns slowly on the left: slope 0.01",
        "slope 0.01",
    ),
}


def derivative(name: str, z: Array) -> Array:
    """g'(z) by autograd, of the shape of ``z``."""
    slope: Array = tg.grad(lambda t: np.sum(ACTIVATIONS[name](t)))(z)
    return slope


def derivative_by_hand(name: str, z: Array) -> Array:
    """g'(z) from the lectures' formula in a = g(z), of the shape of ``z``."""
    slope: Array = DERIVATIVES[name](ACTIVATIONS[name](z))
    return slope


def flat(name: str, z: Array) -> Mask:
    """Where ``z`` (m,) meets a slope too small to learn from, of the shape of ``z``."""
    slope = np.abs(derivative(name, z))
    is_flat: Mask = slope < FLAT * slope.max()
    return is_flat


def main(argv: Sequence[str] | None = None) -> None:
    """Print how far autograd and the table are apart, and draw the four with their derivatives."""
    parser = cli.parser("activations", "The four activations, their derivatives, and where they saturate or die.")
    flags = parser.parse_args(argv)
    plotting.prepare(flags.plot)
    picture = plotting.figure(9.2, 6.6)

    # An even number of points keeps clear of z = 0, where ReLU and leaky ReLU have a kink.
    z = np.linspace(-6, 6, 1200)
    at = np.array([-5.0, -1.0, 1.0, 5.0])
    table = Table(f"{'':10}", "largest difference", "slope at -5", "at -1", "at 1  ", "at 5  ", f"{'flat for':20}")
    for i, (name, lesson) in enumerate(LESSONS.items()):
        slope, by_hand = derivative(name, z), derivative_by_hand(name, z)
        is_flat = flat(name, z)
        slopes = [f"{value:.4f}" for value in derivative(name, at)]
        table.row(name, f"{np.max(np.abs(slope - by_hand)):.1e}", *slopes, f"{_where(z, is_flat):20}")

        axes = picture.add_subplot(2, 2, i + 1)
        axes.axhline(0, color=plotting.GREY, linewidth=0.6)
        axes.axvline(0, color=plotting.GREY, linewidth=0.6)
        axes.fill_between(z, -1.6, 2.4, where=is_flat.tolist(), color=plotting.GREY, alpha=0.16, linewidth=0)
        axes.plot(z, ACTIVATIONS[name](z), color=plotting.BLUE, label=lesson.g)
        # A gap at the kink: the derivative jumps there, and has no value in between.
        for side in (z < 0, z > 0):
            axes.plot(z[side], slope[side], color=plotting.RED, label=lesson.slope if side[0] else None)
        axes.plot(z[::60], by_hand[::60], ".", color=plotting.INK, markersize=4, label="the lectures' formula")
        for shaded in (z[is_flat & (z < 0)], z[is_flat & (z > 0)]):
            if shaded.size:
                axes.text(shaded.mean(), -1.42, lesson.flat, ha="center", fontsize=8, color=plotting.INK)
        axes.set(xlim=(-6, 6), ylim=(-1.6, 2.4), xticks=range(-6, 7, 2), title=lesson.name)
        axes.set_xlabel(f"+ {lesson.good}\n− {lesson.bad}", loc="left", fontsize=9)
        axes.annotate("$z$", (1.015, -0.015), xycoords="axes fraction")
        axes.legend(loc="upper left", fontsize=8.5)
    plotting.save(picture, flags.plot)


def _where(z: Array, is_flat: Mask) -> str:
    """The flat part of the line in words."""
    left, right = z[is_flat & (z < 0)], z[is_flat & (z > 0)]
    parts = [f"z < {left.max() + 0.0:.2g}"] if left.size else []
    parts += [f"z > {right.min():.2g}"] if right.size else []
    return " and ".join(parts) or "no z"


if __name__ == "__main__":
    sys.exit(cli.run(main))
