"""Why a non-linearity is needed: without one, two layers are a single linear map. Section 6 of the lectures.

With g(z) = z the network computes W2 (W1 x + b1) + b2 = W' x + b', where W' = W2 W1 and b' = W2 b1 + b2:
one layer, which draws a straight line whatever it is trained on.

    python -m models.linear_collapse
"""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from models import cli, logistic_regression, plotting, two_layer
from models.datasets import accuracy, load
from models.terminal import say
from models.two_layer_manual import Params


def collapse(params: dict[str, Any]) -> tuple[Any, Any]:
    """The one layer that two linear ones are: W' = W2 W1 (n_y, n_x) and b' = W2 b1 + b2 (n_y, 1).

    >>> rng = np.random.default_rng(0)
    >>> shapes = {"W1": (4, 2), "b1": (4, 1), "W2": (3, 4), "b2": (3, 1)}
    >>> params = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    >>> W, b = collapse(params)
    >>> X = rng.normal(size=(2, 5))
    >>> np.allclose(np.dot(W, X) + b, two_layer.forward(params, X, "linear").Z2, rtol=1e-12)
    True
    """
    W1, b1, W2, b2 = (params[name] for name in ("W1", "b1", "W2", "b2"))
    return np.dot(W2, W1), np.dot(W2, b1) + b2


def main(argv: Sequence[str] | None = None) -> None:
    """Train the network without and with a non-linearity, and logistic regression; compare and draw."""
    parser = cli.parser("linear_collapse", "The network without a non-linearity is one linear layer.")
    parser.add_argument("--hidden", type=cli.positive_int, metavar="N", default=4, help="hidden units")
    cli.add_training_flags(parser, iterations=5000, learning_rate=1.2, seed=2)
    flags = parser.parse_args(argv)
    plotting.prepare(flags.plot)
    picture = plotting.figure(8.2, 4.2)
    flower = load("flower")

    trained: dict[str, Params] = {}
    for activation in ("linear", "tanh"):
        trained[activation] = two_layer.train(
            flower,
            flags.hidden,
            activation=activation,
            learning_rate=flags.learning_rate,
            iterations=flags.iterations,
            seed=flags.seed,
            label=f"g = {activation}",
        ).params
    one_unit = logistic_regression.train(flower, iterations=flags.iterations, label="logistic regression").params

    networks = {activation: two_layer.classifier(params, activation) for activation, params in trained.items()}
    W, b = collapse(trained["linear"])
    Z2 = two_layer.forward(trained["linear"], flower.X, "linear").Z2
    say(f"W' = W2 W1 = {np.array2string(W, precision=4)}, b' = W2 b1 + b2 = {np.array2string(b, precision=4)}")
    apart = np.max(np.abs(Z2 - (np.dot(W, flower.X) + b)))
    say(f"largest difference between the network's Z2 and W'X + b': {apart:.1e}\n")
    right = {
        "linear network": accuracy(networks["linear"](flower.X), flower.Y),
        "logistic regression": accuracy(logistic_regression.forward(one_unit, flower.X)[1], flower.Y),
        "tanh network": accuracy(networks["tanh"](flower.X), flower.Y),
    }
    for name, share in right.items():
        print(f"{name:20} {100 * share:6.2f} % right")

    for axes, (activation, network) in zip(plotting.side_by_side(picture, 2), networks.items(), strict=True):
        formula = "z" if activation == "linear" else r"\tanh(z)"
        title = f"$g(z) = {formula}$: {100 * right[f'{activation} network']:.4g} % right"
        plotting.decision_boundary(axes, network, flower, title)
    plotting.save(picture, flags.plot)


if __name__ == "__main__":
    sys.exit(cli.run(main))
