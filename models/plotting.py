"""How the pictures here are drawn: what a classifier makes of the plane, and a cost curve.

Needs matplotlib (``pip install tinygrad_lite[plot]``) and no display: pictures are only written to files.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from models.datasets import Dataset, classes
from models.two_layer_manual import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, which colour-blind readers can tell apart.
BLUE, ORANGE, GREEN, PURPLE, SKY, RED = "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"
PALE_BLUE, PALE_RED = "#a6cbe4", "#f3c3a3"
GREY, INK = "#8a8f98", "#22262b"
CLASS_COLOURS = (BLUE, RED)

DPI = 110

STYLE: dict[Any, Any] = {
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "grid.color": "#e4e6ea",
}


def figure(width: float, height: float) -> Figure:
    """An empty figure of that many inches, drawn without a display.

    Raises ``ModuleNotFoundError`` where matplotlib is missing.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("drawing needs matplotlib: pip install tinygrad_lite[plot]") from error
    matplotlib.rcParams.update(STYLE)
    return Figure(figsize=(width, height), layout="constrained")


def save(picture: Figure, path: Path) -> None:
    """Write ``picture`` as a PNG, making the folder if need be. The same picture gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    from PIL import Image  # comes with matplotlib

    drawn = BytesIO()
    picture.savefig(drawn, format="png", dpi=DPI)
    # 256 colours are plenty here, and make the file a third as large.
    few = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    few.save(path, format="png", optimize=True)


def decision_boundary(axes: Axes, outputs: Callable[[Array], Array], data: Dataset, title: str = "") -> None:
    """The points of ``data`` over what a classifier makes of the plane around them.

    ``outputs(X)`` gives (1, m) probabilities for the columns of X (2, m). The shade is the probability, the
    line is where it is 1/2.
    """
    from matplotlib.colors import LinearSegmentedColormap

    low, high = data.X.min(axis=1), data.X.max(axis=1)
    margin = 0.08 * (high - low)
    (left, bottom), (right, top) = low - margin, high + margin
    x, y = np.linspace(left, right, 300), np.linspace(bottom, top, 300)
    grid_x, grid_y = np.meshgrid(x, y)
    probability = outputs(np.vstack([grid_x.ravel(), grid_y.ravel()])).reshape(grid_x.shape)
    shades = LinearSegmentedColormap.from_list("classes", [PALE_BLUE, "#ffffff", PALE_RED])
    axes.imshow(
        probability,
        cmap=shades,
        vmin=0,
        vmax=1,
        extent=(left, right, bottom, top),
        origin="lower",
        aspect="equal",
        interpolation="bilinear",
    )
    # Where all the plane is of one class there is no line to draw, and matplotlib would warn of it.
    if probability.min() < 0.5 < probability.max():
        axes.contour(x, y, probability, levels=[0.5], colors=INK, linewidths=1.2)
    for label, colour in enumerate(CLASS_COLOURS):
        x1, x2 = data.X[:, data.labels == label]
        axes.scatter(x1, x2, s=12, color=colour, edgecolors="white", linewidths=0.5, zorder=3)
    axes.set(xticks=[], yticks=[], title=title)
    axes.spines[:].set_visible(False)


def projection(axes: Axes, outputs: Array, data: Dataset, title: str = "") -> None:
    """Points with more than two features, along their two principal directions, coloured by class.

    ``outputs`` (n_y, m) is what a classifier makes of them; its mistakes are circled.
    """
    from matplotlib import colormaps

    centred = data.X - data.X.mean(axis=1, keepdims=True)
    directions = np.linalg.svd(centred, full_matrices=False)[0][:, :2]
    x, y = directions.T @ centred
    n_classes = int(data.labels.max()) + 1
    for label in range(n_classes):
        colour = CLASS_COLOURS[label] if n_classes == 2 else colormaps["tab10"](label)
        of_class = data.labels == label
        axes.scatter(x[of_class], y[of_class], s=9, color=colour, label=str(label), linewidths=0)
    wrong = classes(outputs) != data.labels
    axes.scatter(x[wrong], y[wrong], s=42, facecolors="none", edgecolors=INK, linewidths=0.9, label="mistaken")
    axes.set(xlabel="first principal direction", ylabel="second principal direction", title=title, xticks=[], yticks=[])
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=6, handletextpad=0.1, columnspacing=1, fontsize=8
    )


def cost_curve(axes: Axes, curves: dict[str, Array], title: str = "") -> None:
    """The cost over the iterations, one line for each named curve, on a logarithmic scale of iterations."""
    for (name, costs), colour in zip(curves.items(), (BLUE, RED, GREEN, ORANGE, PURPLE), strict=False):
        axes.plot(np.arange(1, len(costs) + 1), costs, color=colour, label=name)
    axes.set(xscale="log", xlabel="iteration", ylabel="cost $J$", title=title)
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    if len(curves) > 1:
        axes.legend()


def side_by_side(picture: Figure, n: int) -> list[Axes]:
    """``n`` axes in a row."""
    return [picture.add_subplot(1, n, i + 1) for i in range(n)]
