"""How the pictures here are drawn: what a classifier makes of the plane, and a cost curve.

Needs matplotlib (``pip install 'tinygrad_lite[plot]'``) and no display: pictures are only written to files.
"""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from models import cli
from models.datasets import Dataset, classes
from models.two_layer_manual import Array
from tinygrad_lite import plot
from tinygrad_lite.plot import BLUE as BLUE
from tinygrad_lite.plot import GREEN as GREEN
from tinygrad_lite.plot import GREY as GREY
from tinygrad_lite.plot import INK as INK
from tinygrad_lite.plot import ORANGE as ORANGE
from tinygrad_lite.plot import PURPLE as PURPLE
from tinygrad_lite.plot import RED as RED
from tinygrad_lite.plot import STYLE, load_matplotlib

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CLASS_COLOURS = (BLUE, RED)

DPI = 110


def figure(width: float, height: float) -> Figure:
    """An empty figure of that many inches, drawn without a display.

    Raises ``ModuleNotFoundError`` where matplotlib is missing.
    """
    matplotlib = load_matplotlib()
    matplotlib.rcParams.update(STYLE)
    picture: Figure = matplotlib.figure.Figure(figsize=(width, height))
    picture.set_layout_engine("constrained", w_pad=0.08, h_pad=0.08)  # inches at the edges, in which nothing is cut off
    return picture


def prepare(path: Path) -> None:
    """What comes before the training, which may be long: where no picture can be drawn or written, it raises.

    Raises ``ModuleNotFoundError`` where matplotlib is missing, ``cli.UsageError`` where ``path`` cannot be written.
    """
    load_matplotlib()
    cli.check_writable(path)


def save(picture: Figure, path: Path) -> None:
    """Write ``picture`` as a PNG, and say where. The same picture gives the same bytes."""
    from PIL import Image  # comes with matplotlib

    drawn, small = BytesIO(), BytesIO()
    picture.savefig(drawn, format="png", dpi=DPI)
    # 256 colours are plenty here, and make the file a third as large.
    few = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    few.save(small, format="png", optimize=True)
    path.write_bytes(small.getvalue())
    print(f"\npicture: {path}")


def decision_boundary(
    axes: Axes, outputs: Callable[[Array], Array], data: Dataset, title: str = "", legend: bool = True
) -> None:
    """The points of ``data`` over what a classifier makes of the plane around them.

    ``outputs(X)`` gives (1, m) probabilities for the columns of X (2, m). The shade is the probability, the
    line is where it is 1/2. ``legend``: whether the classes are named below.
    """
    plot.boundary(outputs, data.X, data.labels, axis=1, classes=data.class_names, title=title, axes=axes)
    names = axes.get_legend()
    if names is not None:
        names.set(visible=legend, bbox_to_anchor=(0.5, -0.07))
    axes.set(xticks=[], yticks=[])
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
        axes.scatter(x[of_class], y[of_class], s=9, color=colour, label=data.class_names[label], linewidths=0)
    wrong = classes(outputs) != data.labels
    axes.scatter(x[wrong], y[wrong], s=42, facecolors="none", edgecolors=INK, linewidths=0.9, label="mistaken")
    axes.set(xlabel="first principal direction", ylabel="second principal direction", title=title, xticks=[], yticks=[])
    axes.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=6, handletextpad=0.1, columnspacing=1, fontsize=8
    )


def cost_curve(axes: Axes, curves: dict[str, Array], title: str = "") -> None:
    """The cost over the iterations, one line for each named curve, on a logarithmic scale of iterations."""
    plot.history(curves, log=True, step="iteration", value="cost $J$", title=title, axes=axes)


def side_by_side(picture: Figure, n: int) -> list[Axes]:
    """``n`` axes in a row."""
    return [picture.add_subplot(1, n, i + 1) for i in range(n)]
