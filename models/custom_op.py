r"""An operation of one's own, from its formula to a trained network: snake(x) = x + sin²(ax) / a.

tanh and ReLU are flat or straight far from zero, and so is whatever a network of them says beyond its data. Snake
(Ziyin, Hartwig and Ueda 2020) goes on waving, with a frequency a that is learned. NumPy has no such function, and so
it gets a row, as every function of the library has one:

    the function    y = x + sin²(ax) / a
    by x            1 + sin(2ax)
    by a            (x sin(2ax) - (y - x)) / a

That is all there is to write. ``check_gradients`` compares the row with derivatives that are found without it, and
does not let a wrong one pass; ``derive`` prints the formulas of a network that uses it, ``compile`` makes a program of
them, and ``fit`` trains it.

    python -m models.custom_op

>>> round(float(snake(np.pi / 2, 1.0)), 4)
2.5708
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import tinygrad_lite as tg
from models import cli, plotting
from models.terminal import Table, say
from models.training import check_history
from models.two_layer_manual import Array, Params

if TYPE_CHECKING:
    from matplotlib.figure import Figure

snake = tg.elementwise(
    lambda x, a: x + np.sin(a * x) ** 2 / a,
    lambda y, x, a: 1 + np.sin(2 * a * x),
    lambda y, x, a: (x * np.sin(2 * a * x) - (y - x)) / a,
    name="snake",
    inline=True,
)

wrong_snake = tg.elementwise(
    lambda x, a: x + np.sin(a * x) ** 2 / a,
    lambda y, x, a: 1 + np.sin(a * x),  # 2 sin cos is the sine of the double angle, which was forgotten
    lambda y, x, a: (x * np.sin(2 * a * x) - (y - x)) / a,
    name="wrong_snake",
)

ACTIVATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "snake": snake,
    "tanh": lambda z, a: np.tanh(z),
    "relu": lambda z, a: tg.relu(z),
}
"""g(z, a) by name; only snake has a use for the frequency a."""

SEEN, ASKED = 6.0, 14.0
"""The network is shown x from -6 to 6, and asked from -14 to 14."""


def truth(x: Array) -> Array:
    """What is to be learned: a wave upon a slope."""
    return np.sin(2 * x) + 0.3 * x


def initialise(hidden: int, seed: int) -> Params:
    """One input, a hidden layer whose units have a frequency each, one output."""
    rng = np.random.default_rng(seed)
    W1, b1 = rng.normal(size=(hidden, 1)), rng.normal(size=(hidden, 1))
    W2, b2 = 0.3 * rng.normal(size=(1, hidden)) / np.sqrt(hidden), np.zeros((1, 1))
    return {"W1": W1, "b1": b1, "a": np.ones((hidden, 1)), "W2": W2, "b2": b2}


def forward(params: dict[str, Any], X: Any, g: Callable[[Any, Any], Any]) -> Any:
    """The output (1, m) for ``X`` (1, m)."""
    A1 = g(np.dot(params["W1"], X) + params["b1"], params["a"])
    return np.dot(params["W2"], A1) + params["b2"]


def train(g: Callable[[Any, Any], Any], flags: Any) -> Params:
    """Train on noisy values of the truth."""
    rng = np.random.default_rng(flags.seed)
    X = rng.uniform(-SEEN, SEEN, (1, 300))
    Y = truth(X) + 0.1 * rng.normal(size=X.shape)

    def loss(params: dict[str, Any], X: Any, Y: Any) -> Any:
        return tg.mean_squared_error(forward(params, X, g), Y)

    params = initialise(flags.hidden, flags.seed)
    history = tg.fit(params, (X, Y), loss, tg.optim.Adam(lr=flags.learning_rate), flags.epochs)
    if history.stopped == "interrupted":
        raise KeyboardInterrupt  # there are other networks to come
    check_history(history, flags.learning_rate, guessing=float(np.var(Y)))
    trained: Params = history.model
    return trained


def show_row() -> None:
    """Print what the row is worth: its check, that of a wrong one, and what is made of it."""
    x, a = np.array([[-2.0, 0.3, 1.1, 4.0]]), np.array([[0.7], [1.0], [2.5]])
    say(f"the row: {tg.testing.check_gradients(snake, x, a, order=2).verdict}, its second derivatives too")
    try:
        tg.testing.check_gradients(wrong_snake, x, a)
    except tg.testing.GradientError as error:
        say(f"a wrong row: {str(error).partition(chr(10))[0]}")

    def cost(W1: Any, b1: Any, a: Any, W2: Any, X: Any, Y: Any) -> Any:
        Z1 = np.dot(W1, X) + b1
        A1 = snake(Z1, a)
        Z2 = np.dot(W2, A1)
        return np.sum((Z2 - Y) ** 2)

    rng = np.random.default_rng(0)
    args = [rng.normal(size=shape) for shape in ((3, 2), (3, 1), (3, 1), (1, 3), (2, 5), (1, 5))]
    source = tg.derive(cost, *args, wrt=(0, 1, 2, 3)).source
    say("\nits part in the formulas of a network, as derive prints them:\n")
    say(source[source.index("    # Forward") :].rstrip())
    code = tg.compile(tg.grad(cost, argnums=2), target="numpy").source(*args)
    lines = code[code.index("def body") :].partition("\n\n")[0].splitlines()
    say("\nand the gradient by a alone, compiled to calls of NumPy:\n")
    say("\n".join(line for line in lines if "  # " in line and "# x" not in line) + "\n")


def draw(outputs: dict[str, Array], x: Array) -> Figure:
    """What each network says, where it was taught and beyond."""
    picture = plotting.figure(9.2, 3.8)
    axes = picture.subplots()
    axes.axvspan(-SEEN, SEEN, color=plotting.GREY, alpha=0.16, linewidth=0)
    axes.plot(x, truth(x), color=plotting.INK, linewidth=1, linestyle="--", label="the truth")
    for (name, output), colour in zip(outputs.items(), (plotting.BLUE, plotting.RED, plotting.GREEN), strict=True):
        axes.plot(x, output, color=colour, label=name)
    axes.text(0, -5.6, "what they were shown", ha="center", fontsize=9, color=plotting.INK)
    axes.set(xlim=(-ASKED, ASKED), ylim=(-6, 6), xlabel="$x$", ylabel="the network's output")
    picture.legend(loc="outside lower center", ncols=4)
    return picture


def main(argv: Sequence[str] | None = None) -> None:
    """Check the row, show what is made of it, train a network with it and two without, and draw them."""
    parser = cli.parser("custom_op", "An operation of one's own: one row, checked, and used in training.")
    parser.add_argument("--hidden", type=cli.positive_int, metavar="N", default=32, help="hidden units")
    cli.add_epoch_flags(parser, epochs=3000, learning_rate=0.01)
    flags = parser.parse_args(argv)
    plotting.prepare(flags.plot)
    show_row()
    x = np.linspace(-ASKED, ASKED, 800)
    beyond = np.abs(x) > SEEN
    outputs = {}
    table = Table("network", "error where shown", "error beyond")
    for name, g in ACTIVATIONS.items():
        outputs[name] = forward(train(g, flags), x[np.newaxis], g)[0]
        apart = (outputs[name] - truth(x)) ** 2
        table.row(name, f"{np.sqrt(np.mean(apart[~beyond])):.3f}", f"{np.sqrt(np.mean(apart[beyond])):.3f}")
    plotting.save(draw(outputs, x), flags.plot)


if __name__ == "__main__":
    sys.exit(cli.run(main))
