"""One unit: logistic regression, its derivatives by hand and by autograd. Section 1 of the lectures.

For one example x (n_x, 1) with label y:

    z = w'x + b      a = sigmoid(z)      L = -(y log a + (1 - y) log(1 - a))

    da = -y/a + (1 - y)/(1 - a)      dz = da * a (1 - a) = a - y      dw = x dz      db = dz

    python -m models.logistic_regression

>>> x, params = np.array([[1.5], [-0.5]]), {"w": np.array([[0.2], [0.7]]), "b": np.array([[0.1]])}
>>> by_hand = backward_by_hand(params, x, 1.0)
>>> by_autograd = backward(params, x, 1.0)
>>> all(np.allclose(by_autograd[name], by_hand[name], rtol=1e-12, atol=0) for name in by_hand)
True
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import tinygrad_lite as tg
from models import cli, plotting
from models.datasets import Dataset, accuracy, load
from models.terminal import Table, say
from models.training import Run, gradient_descent
from models.two_layer_manual import Array, Params, sigmoid


def forward(params: dict[str, Any], X: Any) -> tuple[Any, Any]:
    """z = w'x + b and a = sigmoid(z), both (1, m), for the columns of ``X`` (n_x, m)."""
    z = np.dot(params["w"].T, X) + params["b"]
    return z, tg.sigmoid(z)


def loss(a: Any, y: Any) -> Any:
    """L = -(y log a + (1 - y) log(1 - a)), of the shape of ``a``, as the lectures print it."""
    return -(y * np.log(a) + (1 - y) * np.log(1 - a))


def backward(params: Params, x: Array, y: float) -> Params:
    """``da``, ``dz``, ``dw``, ``db`` of one example ``x`` (n_x, 1), by autograd."""
    w, b = (tg.Tensor(params[name], requires_grad=True, name=name) for name in ("w", "b"))
    z, a = forward({"w": w, "b": b}, x)
    return dict(zip(("da", "dz", "dw", "db"), tg.gradients(np.sum(loss(a, y)), [a, z, w, b]), strict=True))


def backward_by_hand(params: Params, x: Array, y: float) -> Params:
    """``da``, ``dz``, ``dw``, ``db`` of one example ``x`` (n_x, 1), from the formulas above."""
    a = sigmoid(np.dot(params["w"].T, x) + params["b"])
    da = -y / a + (1 - y) / (1 - a)
    dz = a - y
    return {"da": da, "dz": dz, "dw": x * dz, "db": dz}


def train(
    data: Dataset,
    *,
    learning_rate: float = 1.2,
    iterations: int = 5000,
    label: str | None = None,
    watch: Callable[[int, float, Params], None] | None = None,
) -> Run:
    """Train one unit on two classes, from zero weights: with one unit there is no symmetry to break."""

    def cost(params: dict[str, Any]) -> Any:
        # From z rather than a, so that it stays right when the unit is sure of itself.
        return tg.binary_cross_entropy_with_logits(forward(params, data.X)[0], data.Y)

    return gradient_descent(
        tg.value_and_grad(cost),
        {"w": np.zeros((data.X.shape[0], 1)), "b": np.zeros((1, 1))},
        learning_rate=learning_rate,
        iterations=iterations,
        label=label,
        watch=watch,
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Compare the four derivatives, train on the flower and on the tumours, and draw both."""
    parser = cli.parser("logistic_regression", "One unit: its derivatives, and what it can and cannot learn.")
    cli.add_training_flags(parser, iterations=5000, learning_rate=0.1)
    flags = parser.parse_args(argv)
    plotting.prepare(flags.plot)
    picture = plotting.figure(8.8, 4.1)
    flower, tumours = load("flower"), load("breast_cancer")

    random = np.random.default_rng(0)
    params = {"w": random.normal(size=(2, 1)), "b": random.normal(size=(1, 1))}
    x, y = flower.X[:, :1], float(flower.Y[0, 0])
    by_autograd, by_hand = backward(params, x, y), backward_by_hand(params, x, y)
    say("one example of the flower; the derivatives of its loss\n")
    table = Table("  ", f"{'by autograd':>24}", f"{'by hand':>24}", "largest difference")
    for name, hand in by_hand.items():
        ours = by_autograd[name]
        numbers = [np.array2string(v.ravel(), precision=6) for v in (ours, hand)]
        table.row(name, *numbers, f"{np.max(np.abs(ours - hand)):.1e}")

    settings = {"learning_rate": flags.learning_rate, "iterations": flags.iterations}
    on_flower = train(flower, label="flower", **settings).params
    on_tumours = train(tumours, label="breast cancer", **settings).params
    unseen = tumours.held_out or tumours
    guesses = forward(on_tumours, unseen.X)[1]
    on_petals = f"{100 * accuracy(forward(on_flower, flower.X)[1], flower.Y):.4g} %"
    held_out = f"{100 * accuracy(guesses, unseen.Y):.3g} %"
    say(f"\naccuracy on the flower: {on_petals}; no straight line separates its petals")
    say(f"accuracy on {unseen.X.shape[1]} tumours it was not trained on: {held_out}")

    left, right = plotting.side_by_side(picture, 2)
    title = f"flower: {on_petals} right"
    plotting.decision_boundary(left, lambda X: forward(on_flower, X)[1], flower, title)
    bins = np.linspace(0, 1, 26)
    for label, name, colour in ((0, "malignant", plotting.RED), (1, "benign", plotting.BLUE)):
        of_class = guesses[0, unseen.labels == label]
        right.hist(of_class, bins=bins.tolist(), color=colour, alpha=0.75, label=name)
    right.axvline(0.5, color=plotting.INK, linewidth=1.2)
    right.set(
        xlabel="$a$, the probability of benign",
        ylabel="tumours",
        title=f"breast cancer: {held_out} right, held out",
    )
    right.legend(loc="upper left", bbox_to_anchor=(0.54, 1))
    plotting.save(picture, flags.plot)


if __name__ == "__main__":
    sys.exit(cli.run(main))
