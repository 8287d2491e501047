"""The network with one hidden layer, its gradients by autograd. Sections 4, 7 and 8 of the lectures.

The forward pass is written as the lectures write it; nothing else has to be. ``two_layer_manual`` is the
same network with the six formulas of backpropagation derived by hand, and this program prints how far the
two are apart.

    python -m models.two_layer --data moons --hidden 8 --activation relu

Shapes: ``X (n_x, m)``, ``Y (n_y, m)``, ``W1 (n_h, n_x)``, ``b1 (n_h, 1)``, ``W2 (n_y, n_h)``, ``b2 (n_y,
1)``; examples are columns, and the ``n_y`` outputs are independent logistic units.

>>> from models import datasets
>>> flower = datasets.load("flower")
>>> run = train(flower, n_h=4, iterations=1001)
>>> print(f"{run.costs[0]:.6f} {run.costs[1000]:.6f}")
0.693048 0.288083
"""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import tinygrad_lite as tg
from models import cli, plotting, published, two_layer_manual
from models.datasets import DATASETS, Dataset, accuracy, load
from models.terminal import Table, say
from models.training import Run, gradient_descent
from models.two_layer_manual import Array, Forward, Params, initialise

ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "sigmoid": tg.sigmoid,
    "tanh": np.tanh,
    "relu": tg.relu,
    "leaky_relu": tg.leaky_relu,
    "linear": lambda z: z,
}
"""g(z) by name, for arrays and for Tensors."""

FORMULAS = {
    "dZ2": "A2 - Y",
    "dW2": "dZ2 A1' / m",
    "db2": "sum(dZ2) / m",
    "dZ1": "W2' dZ2 * g'(Z1)",
    "dW1": "dZ1 X' / m",
    "db1": "sum(dZ1) / m",
}
"""The six formulas derived by hand, to print beside their comparison (' is the transpose of a matrix)."""


def forward(params: dict[str, Any], X: Any, activation: str = "tanh") -> Forward:
    """``Z1``, ``A1``, ``Z2``, ``A2`` for ``X`` (n_x, m): Tensors where the parameters are, else arrays."""
    Z1 = np.dot(params["W1"], X) + params["b1"]
    A1 = ACTIVATIONS[activation](Z1)
    Z2 = np.dot(params["W2"], A1) + params["b2"]
    A2 = tg.sigmoid(Z2)
    return Forward(Z1, A1, Z2, A2)


def classifier(params: Params, activation: str = "tanh") -> Callable[[Array], Array]:
    """The trained network as a function of ``X`` (n_x, m) to the outputs ``A2`` (n_y, m)."""
    return lambda X: forward(params, X, activation).A2


def cost(params: dict[str, Any], X: Any, Y: Any, activation: str = "tanh") -> Any:
    """J = -(1/m) sum(Y log A2 + (1 - Y) log(1 - A2)), a scalar.

    It is computed from Z2, of which A2 is the sigmoid, so that it is right however sure the network is of
    itself.
    """
    return tg.binary_cross_entropy_with_logits(forward(params, X, activation).Z2, Y)


def backward(params: Params, X: Array, Y: Array, activation: str = "tanh") -> Params:
    """``dZ2``, ``dW2``, ``db2``, ``dZ1``, ``dW1``, ``db1`` by autograd, in the lectures' convention.

    Autograd gives the gradients of J. The lectures' dZ is the gradient of the summed loss, m times as large.
    """
    leaves = {name: tg.Tensor(value, requires_grad=True, name=name) for name, value in params.items()}
    Z1, _, Z2, _ = fwd = forward(leaves, X, activation)
    J = tg.binary_cross_entropy_with_logits(fwd.Z2, Y)
    wanted: list[Any] = [Z2, leaves["W2"], leaves["b2"], Z1, leaves["W1"], leaves["b1"]]
    grads = dict(zip(FORMULAS, tg.gradients(J, wanted), strict=True))
    m = X.shape[1]
    return {name: m * grad if name.startswith("dZ") else grad for name, grad in grads.items()}


def train(
    data: Dataset,
    n_h: int = 4,
    *,
    activation: str = "tanh",
    learning_rate: float = 1.2,
    iterations: int = 10_000,
    seed: int = 2,
    label: str | None = None,
    watch: Callable[[int, float, Params], None] | None = None,
) -> Run:
    """Train a network of ``n_h`` hidden units on ``data``; the other arguments are ``gradient_descent``'s.

    The defaults are the course's.
    """
    params = initialise(n_x=data.X.shape[0], n_h=n_h, n_y=data.Y.shape[0], seed=seed)
    return gradient_descent(
        tg.value_and_grad(lambda p: cost(p, data.X, data.Y, activation)),
        params,
        learning_rate=learning_rate,
        iterations=iterations,
        label=label,
        watch=watch,
    )


def difference(ours: Array, theirs: Array) -> float:
    """The largest difference between two arrays of one shape, relative to the largest entry of the second."""
    if ours.shape != theirs.shape:
        raise ValueError(f"arrays of shapes {ours.shape} and {theirs.shape} cannot be compared")
    apart, scale = float(np.max(np.abs(ours - theirs))), float(np.max(np.abs(theirs)))
    if apart == 0:
        return 0.0
    return apart / scale if scale > 0 else np.inf


def comparison(params: Params, data: Dataset, activation: str = "tanh") -> dict[str, tuple[float, float]]:
    """For each of the six gradients its largest entry, and how far autograd and the formulas by hand are apart."""
    by_autograd = backward(params, data.X, data.Y, activation)
    fwd = two_layer_manual.forward(params, data.X, activation)
    by_hand = two_layer_manual.backward(params, data.X, data.Y, fwd, activation)
    return {
        name: (float(np.max(np.abs(by_hand[name]))), difference(by_autograd[name], by_hand[name])) for name in FORMULAS
    }


def derivation(data: Dataset, n_h: int = 4, activation: str = "tanh") -> str:
    """The program that ``tg.derive`` prints for this network: its forward pass, and the six formulas as by hand.

    Needs SymPy (``pip install 'tinygrad_lite[derive]'``).
    """

    def cost(W1: Any, b1: Any, W2: Any, b2: Any, X: Any, Y: Any) -> Any:
        m = X.shape[1]
        A2 = forward({"W1": W1, "b1": b1, "W2": W2, "b2": b2}, X, activation).A2
        return -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m

    params = initialise(n_x=data.X.shape[0], n_h=n_h, n_y=data.Y.shape[0])
    return tg.derive(cost, *params.values(), data.X, data.Y, wrt=(0, 1, 2, 3)).source


def parser() -> cli.Parser:
    """The program's flags; the defaults are the course's settings."""
    flags = cli.parser("two_layer", "Train the network with one hidden layer and check its gradients.")
    cli.add_choice(flags, "--data", list(DATASETS), default="flower", help="the data set")
    flags.add_argument("--hidden", type=cli.positive_int, metavar="N", default=4, help="hidden units")
    cli.add_choice(flags, "--activation", list(ACTIVATIONS), default="tanh", help="the hidden layer's g")
    cli.add_training_flags(flags, iterations=10_000, learning_rate=1.2, seed=2)
    flags.add_argument("--derive", action="store_true", help="only print the formulas, as one derives them by hand")
    return flags


def main(argv: Sequence[str] | None = None) -> None:
    """Train, print the cost, the accuracy and the comparison of the gradients, and draw what was learned."""
    flags, defaults = parser().parse_args(argv), parser().parse_args([])
    if flags.derive:
        print(derivation(load(flags.data), flags.hidden, flags.activation))
        return
    plotting.prepare(flags.plot)
    picture = plotting.figure(8.8, 4.1)
    data = load(flags.data)
    n_x, m = data.X.shape

    say(
        f"{data.name}: m = {m} examples, n_x = {n_x} inputs, n_h = {flags.hidden} hidden units "
        f"({flags.activation}), n_y = {data.Y.shape[0]}; alpha = {flags.learning_rate:g}\n"
    )
    as_published = all(
        getattr(flags, name) == getattr(defaults, name) for name in vars(flags) if name not in ("iterations", "plot")
    )
    table = Table("iteration", "cost J  ", *["published"] * as_published)

    def watch(i: int, J: float, params: Params) -> None:
        if i % 1000 == 0:
            table.row(f"{i:9}", f"{J:.6f}", *[f"{published.COSTS.get(i, ''):9}"] * as_published)

    run = train(
        data,
        flags.hidden,
        activation=flags.activation,
        learning_rate=flags.learning_rate,
        iterations=flags.iterations,
        seed=flags.seed,
        label="training",
        watch=watch,
    )
    fwd = forward(run.params, data.X, flags.activation)
    table.row(f"{flags.iterations:9}", f"{two_layer_manual.cost(fwd.Z2, data.Y):.6f}", *[""] * as_published)

    reached = f"{100 * accuracy(fwd.A2, data.Y):.4g} %"
    say(f"\naccuracy {reached} on the examples it was trained on")
    outputs = classifier(run.params, flags.activation)
    shown = data.held_out or data
    if data.held_out:
        share = f"{100 * accuracy(outputs(shown.X), shown.Y):.4g} %"
        say(f"accuracy {share} on the {shown.X.shape[1]} examples held out")
        reached = f"{share} held out"

    say("\nautograd against the formulas derived by hand, at the trained parameters (dZ is m times dJ/dZ, as there)")
    table = Table(f"{'':24}", "largest entry", "largest difference, relative to it")
    for name, (largest, apart) in comparison(run.params, data, flags.activation).items():
        table.row(f"{name} = {FORMULAS[name]}", f"{largest:.2e}", f"{apart:.1e}")

    title = f"{data.name}, {flags.hidden} hidden units: {reached}"
    left, right = plotting.side_by_side(picture, 2)
    if n_x == 2:
        plotting.decision_boundary(left, outputs, shown, title)
    else:
        plotting.projection(left, outputs(shown.X), shown, title)
    plotting.cost_curve(right, {"this run": run.costs}, "cost")
    if as_published:
        seen = [i for i in published.COSTS if 0 < i < flags.iterations]
        costs = [float(published.COSTS[i]) for i in seen]
        if seen:
            right.plot(seen, costs, "o", color=plotting.INK, markersize=4, label="the course's")
            right.legend()
    plotting.save(picture, flags.plot)


if __name__ == "__main__":
    sys.exit(cli.run(main))
