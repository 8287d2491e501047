"""Pictures of models: what a classifier makes of the plane, a training's history, activations, weights.

Each function draws on the axes that it is given, or makes a figure, and returns the figure: a notebook shows it,
`.savefig("a.png")` and `.savefig("a.svg")` write it. Needs matplotlib
(`pip install 'tinygrad_lite[plot]'`), no display.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, ParamSpec

import numpy as np

from . import tree
from .tensor import Tensor
from .training import History
from .transforms import vjp

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "activations",
    "boundary",
    "history",
    "weights",
]


def __dir__() -> list[str]:
    """What is public: an editor completes `tg.plot.` with this."""
    return __all__


Array = Any

# Okabe and Ito's palette, which colour-blind readers can tell apart.
BLUE, ORANGE, GREEN, PURPLE, SKY, RED = "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00"
PALE_BLUE, PALE_RED = "#a6cbe4", "#f3c3a3"
GREY, INK = "#8a8f98", "#22262b"
LINES = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY)

DPI = 200  # sharp on a screen of high resolution

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

Arguments = ParamSpec("Arguments")


def _in_own_style(draw: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """What makes a figure of its own draws it in STYLE; on the user's axes, and afterwards, the user's style holds."""

    @functools.wraps(draw)
    def draw_in_style(*args: Arguments.args, **keywords: Arguments.kwargs) -> Figure:
        if keywords.get("axes") is not None:
            return draw(*args, **keywords)
        with load_matplotlib().rc_context(STYLE):
            return draw(*args, **keywords)

    return draw_in_style


@_in_own_style
def boundary(
    outputs: Callable[[Array], Array],
    X: Array,
    labels: Array,
    *,
    axis: int = 0,
    features: Sequence[str] = ("$x_1$", "$x_2$"),
    classes: Sequence[str] | None = None,
    title: str = "",
    axes: Axes | None = None,
) -> Figure:
    """The examples over what a classifier makes of the plane around them.

    X: examples with two features, as rows (m, 2) with axis=0, as columns (2, m) with axis=1. outputs: a function of
    such an array: the probability of class 1 for each example (the shade is the probability, the line is where it is
    1/2), or a score for each example and class, (m, classes) or (classes, m). labels: m whole numbers. features,
    classes: their names. title; axes: of matplotlib's, to draw on. ValueError for other shapes, or "probabilities" that
    are none.

    >>> import numpy as np, tinygrad_lite as tg
    >>> X = np.array([[0.0, 0.0], [1.0, 1.0]])
    >>> figure = tg.plot.boundary(lambda X: tg.sigmoid(X[:, 0] + X[:, 1] - 1), X, [0, 1])
    >>> figure.axes[0].get_xlabel()
    '$x_1$'
    """
    axes = axes or _new_axes(5, 4.4)
    from matplotlib.colors import LinearSegmentedColormap, ListedColormap

    points, labels = np.asarray(X) if axis == 0 else np.asarray(X).T, np.asarray(labels).ravel()
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f"boundary: X has shape {np.shape(X)}; two features are needed, along axis {1 - axis}")
    if len(labels) != len(points):
        raise ValueError(f"boundary: {len(points)} examples along axis {axis} of X, but {len(labels)} labels")
    low, high = points.min(axis=0), points.max(axis=0)
    margin = 0.08 * np.where(high > low, high - low, 1)
    (left, bottom), (right, top) = low - margin, high + margin
    x, y = np.linspace(left, right, 300), np.linspace(bottom, top, 300)
    plane = np.stack([part.ravel() for part in np.meshgrid(x, y)], axis=1 - axis)
    found = _numbers(outputs(plane))
    n_classes = max(int(labels.max()) + 1, 2)
    shown: dict[str, Any] = {
        "extent": (left, right, bottom, top),
        "origin": "lower",
        "aspect": "equal",
    }
    if found.size == 300 * 300:
        probability = found.reshape(300, 300)
        if probability.min() < 0 or probability.max() > 1:
            raise ValueError("boundary: outputs gives numbers below 0 or above 1; give probabilities, as of tg.sigmoid")
        shades = LinearSegmentedColormap.from_list("classes", [PALE_BLUE, "#ffffff", PALE_RED])
        axes.imshow(probability, cmap=shades, vmin=0, vmax=1, interpolation="bilinear", **shown)
        # Where all the plane is of one class there is no line to draw, and matplotlib would warn of it.
        if probability.min() < 0.5 < probability.max():
            axes.contour(x, y, probability, levels=[0.5], colors=INK, linewidths=1.2)
        colours = [BLUE, RED]
    else:
        if found.ndim != 2 or found.shape[axis] != 300 * 300:
            raise ValueError(f"boundary: for {300 * 300} examples outputs gives an array of shape {found.shape}")
        n_classes = max(n_classes, found.shape[1 - axis])
        colours = _colours(n_classes)
        best = found.argmax(axis=1 - axis).reshape(300, 300)
        axes.imshow(best, cmap=ListedColormap(colours), vmin=0, vmax=n_classes - 1, alpha=0.3, **shown)
    for label in range(n_classes):
        x1, x2 = points[labels == label].T
        name = classes[label] if classes is not None else f"class {label}"
        colour = colours[label % len(colours)]
        axes.scatter(x1, x2, s=12, color=colour, edgecolors="white", linewidths=0.5, zorder=3, label=name)
    axes.set(xlabel=features[0], ylabel=features[1], title=title)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=min(n_classes, 5), handletextpad=0.1)
    return _figure_of(axes)


@_in_own_style
def history(
    curves: History | Mapping[str, Array],
    *,
    log: bool = False,
    step: str = "epoch",
    value: str = "loss",
    title: str = "",
    axes: Axes | None = None,
) -> Figure:
    """Losses over the epochs: of what `tg.fit` returned, or one line for each named list of numbers.

    curves: the one or the other. log: a logarithmic scale of epochs. step, value: what the axes are called. title;
    axes: of matplotlib's, to draw on. The accuracy of a history has its own scale, at the right.

    >>> import tinygrad_lite as tg
    >>> figure = tg.plot.history({"small steps": [3.0, 2.0, 1.5], "large steps": [3.0, 1.0, 4.0]})
    >>> [line.get_label() for line in figure.axes[0].lines]
    ['small steps', 'large steps']
    """
    axes = axes or _new_axes(6, 3.8)
    accuracy: Sequence[float] = ()
    if isinstance(curves, History):
        accuracy = curves.accuracy
        curves = {"training": curves.loss, "validation": curves.validation_loss}
        curves = {name: numbers for name, numbers in curves.items() if len(numbers)}
    for i, (name, numbers) in enumerate(curves.items()):
        marker = "o" if len(numbers) == 1 else ""  # of a single number there is no line to see
        axes.plot(np.arange(1, len(numbers) + 1), numbers, marker, color=LINES[i % len(LINES)], label=name)
    axes.set(xscale="log" if log else "linear", xlabel=step, ylabel=value, title=title)
    if not log:
        axes.locator_params("x", integer=True)
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    if len(accuracy):
        right = axes.twinx()
        style = "o" if len(accuracy) == 1 else "--"
        right.plot(np.arange(1, len(accuracy) + 1), accuracy, style, color=GREEN, label="accuracy")
        right.set(ylabel="accuracy", ylim=(0, 1.02))
        axes.plot([], [], style, color=GREEN, label="accuracy")  # for the one legend
    if len(curves) + bool(len(accuracy)) > 1:
        axes.legend(
            loc="center right" if len(accuracy) else "best"
        )  # between losses that fall and an accuracy that rises
    return _figure_of(axes)


@_in_own_style
def activations(
    functions: Mapping[str, Callable[[Any], Any]], *, low: float = -4.0, high: float = 4.0, title: str = ""
) -> Figure:
    """Element-wise functions g(z), by their names, and their derivatives, which are taken here.

    functions: by name. low, high: the ends of the axis of z. title: of the figure.

    >>> import numpy as np, tinygrad_lite as tg
    >>> figure = tg.plot.activations({"tanh": np.tanh, "relu": tg.relu})
    >>> [axes.get_title() for axes in figure.axes]
    ['tanh', 'relu']
    """
    picture = _new_figure(3.2 * len(functions), 3.2)
    z = np.linspace(low, high, 400)  # an even number: 0, where some derivatives jump, is not among them
    for i, (name, g) in enumerate(functions.items()):
        axes = picture.add_subplot(1, len(functions), i + 1)
        values, pull = vjp(g, z)
        (slope,) = pull(np.ones_like(z))
        axes.axhline(0, color=GREY, linewidth=0.6)
        axes.axvline(0, color=GREY, linewidth=0.6)
        axes.plot(z, values, color=BLUE, label="$g(z)$")
        axes.plot(z, slope, color=RED, label="$g'(z)$")
        axes.set(title=name, xlabel="$z$")
        axes.legend(fontsize=8)
    picture.suptitle(title)
    return picture


@_in_own_style
def weights(model: Any, *, title: str = "") -> Figure:
    """Every array of a model's with two axes or more, as an image whose colours say sign and size; vectors as bars.

    model: any tree of arrays. title: of the figure. Arrays with more axes are shown as matrices, their first axis
    downward. Each image has a scale of its own. ValueError if there are no arrays.

    >>> import numpy as np, tinygrad_lite as tg
    >>> figure = tg.plot.weights({"W": np.ones((2, 3)), "b": np.zeros(2)})
    >>> [axes.get_title() for axes in figure.axes if axes.get_title()]
    ['W (2, 3)', 'b (2,)']
    """
    leaves, paths = tree.flatten(model)[0], tree.paths(model)
    named = [(path.strip("."), _numbers(x)) for path, x in zip(paths, leaves, strict=True) if np.ndim(x) and np.size(x)]
    if not named:
        raise ValueError(f"weights: {type(model).__name__} holds no arrays")
    columns = min(len(named), 4)
    rows = -(-len(named) // columns)
    picture = _new_figure(3.2 * columns, 2.8 * rows)
    for i, (path, array) in enumerate(named):
        axes = picture.add_subplot(rows, columns, i + 1)
        axes.set_title(f"{path.strip('[]').strip(chr(39)) if path.count('[') == 1 else path} {array.shape}", fontsize=9)
        if array.ndim == 1:
            axes.bar(np.arange(len(array)), array, color=BLUE)
            axes.set(xlabel="unit", ylabel="value")
            axes.locator_params("x", integer=True)
            continue
        matrix = array.reshape(len(array), -1)
        largest = float(np.abs(matrix).max()) or 1.0
        image = axes.imshow(matrix, cmap="RdBu_r", vmin=-largest, vmax=largest, aspect="auto", interpolation="nearest")
        axes.set(xlabel="input", ylabel="unit")
        axes.locator_params(integer=True)
        picture.colorbar(image, ax=axes)
    picture.suptitle(title)
    return picture


def load_matplotlib() -> ModuleType:
    """The library. ModuleNotFoundError that says how to get it, where it is missing."""
    try:
        import matplotlib
        import matplotlib.figure
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("drawing needs matplotlib: pip install 'tinygrad_lite[plot]'") from error
    return matplotlib


def _new_figure(width: float, height: float) -> Figure:
    picture: Figure = load_matplotlib().figure.Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    # IPython asks for this, unless matplotlib's notebook mode is on: few switch it on who have not imported pyplot.
    setattr(picture, "_repr_png_", functools.partial(_show_in_notebook, picture))  # noqa: B010 (not declared)
    return picture


def _show_in_notebook(picture: Figure) -> tuple[bytes, dict[str, float]]:
    """The picture as PNG, and how large it is to be shown: half as large in pixels, for sharp screens."""
    file = io.BytesIO()
    picture.savefig(file, format="png")
    width, height = picture.get_size_inches() * picture.dpi / 2
    return file.getvalue(), {"width": round(width), "height": round(height)}


def _new_axes(width: float, height: float) -> Axes:
    return _new_figure(width, height).add_subplot()


def _figure_of(axes: Axes) -> Figure:
    found: Any = axes.figure
    picture: Figure = found
    return picture


def _numbers(x: Any) -> Any:
    return x.numpy() if isinstance(x, Tensor) else np.asarray(x)


def _colours(n: int) -> list[Any]:
    if n <= len(LINES):
        return list(LINES[:n])
    colours = load_matplotlib().colormaps["tab20"]
    return [colours(i % 20) for i in range(n)]
