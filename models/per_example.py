"""The loop over examples, and the same without the loop. Sections 2, 3 and 4 of the lectures.

For one example, with x (n_x, 1) and y (n_y, 1):

    z1 = W1 x + b1    a1 = g(z1)    z2 = W2 a1 + b2    a2 = sigmoid(z2)

    dz2 = a2 - y             dW2 = dz2 a1'    db2 = dz2
    dz1 = W2' dz2 * g'(z1)   dW1 = dz1 x'     db1 = dz1

The cost is the mean of the examples' losses, so its gradients are the means of these. Written for all
examples at once, as ``two_layer_manual`` and ``two_layer`` do, the loop is inside the matrix products: the
same numbers, far sooner.

    python -m models.per_example
"""

import sys
from collections.abc import Callable, Sequence
from time import perf_counter

import numpy as np

import tinygrad_lite as tg
from models import cli, plotting, two_layer, two_layer_manual
from models.two_layer_manual import DERIVATIVES, Array, Forward, Params, initialise

GRADIENTS = ("W1", "b1", "W2", "b2")
SIZES = (1, 4, 16, 64, 256, 1024, 4096)
"""The numbers of examples m that are timed."""


def forward_by_loop(params: Params, X: Array, activation: str = "tanh") -> Forward:
    """Z1, A1, Z2, A2 for ``X`` (n_x, m), one column at a time."""
    columns = [two_layer_manual.forward(params, X[:, i : i + 1], activation) for i in range(X.shape[1])]
    return Forward(*(np.hstack(parts) for parts in zip(*columns, strict=True)))


def backward_by_loop(params: Params, X: Array, Y: Array, activation: str = "tanh") -> Params:
    """The gradients of J by W1, b1, W2, b2, one example at a time, from the formulas above."""
    m = X.shape[1]
    totals = {name: np.zeros_like(params[name]) for name in GRADIENTS}
    for i in range(m):
        x, y = X[:, i : i + 1], Y[:, i : i + 1]
        _, a1, _, a2 = two_layer_manual.forward(params, x, activation)
        dz2 = a2 - y
        dz1 = np.dot(params["W2"].T, dz2) * DERIVATIVES[activation](a1)
        totals["W2"] += np.dot(dz2, a1.T)
        totals["b2"] += dz2
        totals["W1"] += np.dot(dz1, x.T)
        totals["b1"] += dz1
    return {name: total / m for name, total in totals.items()}


def backward_at_once(params: Params, X: Array, Y: Array, activation: str = "tanh") -> Params:
    """The gradients of J by W1, b1, W2, b2 from the six vectorised formulas."""
    fwd = two_layer_manual.forward(params, X, activation)
    grads = two_layer_manual.backward(params, X, Y, fwd, activation)
    return {name: grads["d" + name] for name in GRADIENTS}


def autograd_by_loop(params: Params, X: Array, Y: Array, activation: str = "tanh") -> Params:
    """The gradients of J by W1, b1, W2, b2, one example at a time, by autograd."""
    m = X.shape[1]
    gradients = tg.grad(lambda p, x, y: two_layer.cost(p, x, y, activation))
    totals = {name: np.zeros_like(params[name]) for name in GRADIENTS}
    for i in range(m):
        for name, grad in gradients(params, X[:, i : i + 1], Y[:, i : i + 1]).items():
            totals[name] += grad
    return {name: total / m for name, total in totals.items()}


def autograd_at_once(params: Params, X: Array, Y: Array, activation: str = "tanh") -> Params:
    """The gradients of J by W1, b1, W2, b2 from the vectorised network, by autograd."""
    grads: Params = tg.grad(lambda p: two_layer.cost(p, X, Y, activation))(params)
    return grads


WAYS: dict[str, Callable[[Params, Array, Array], Params]] = {
    "loop, by hand": backward_by_loop,
    "loop, autograd": autograd_by_loop,
    "at once, by hand": backward_at_once,
    "at once, autograd": autograd_at_once,
}


def seconds(way: Callable[[Params, Array, Array], Params], params: Params, X: Array, Y: Array) -> float:
    """The shortest of several timings: what else the machine does can only make one longer."""
    timings: list[float] = []
    while len(timings) < 7 or (sum(timings) < 0.05 and len(timings) < 200):
        start = perf_counter()
        way(params, X, Y)
        timings.append(perf_counter() - start)
    return min(timings)


def main(argv: Sequence[str] | None = None) -> None:
    """Compare the four ways, time them for a growing number of examples, and draw the times."""
    parser = cli.parser("per_example", "The loop over examples against the vectorised form.")
    parser.add_argument("--hidden", type=cli.positive_int, metavar="N", default=4, help="hidden units")
    flags = parser.parse_args(argv)
    picture = plotting.figure(9.2, 4.0)
    random = np.random.default_rng(0)
    params = initialise(n_x=2, n_h=flags.hidden, n_y=1, scale=1.0)

    print("forward and backward, in milliseconds; the loop's time over the time at once")
    print(f"{'m':>6}" + "".join(f"{name:>19}" for name in WAYS) + f"{'by hand':>12}{'autograd':>12}")
    times: dict[str, list[float]] = {name: [] for name in WAYS}
    apart = 0.0
    for m in SIZES:
        X, Y = random.normal(size=(2, m)), (random.random((1, m)) < 0.5).astype(float)
        expected = backward_at_once(params, X, Y)
        for name, way in WAYS.items():
            grads = way(params, X, Y)
            apart = max(apart, *(two_layer.difference(grads[g], expected[g]) for g in GRADIENTS))
            times[name].append(seconds(way, params, X, Y))
        by_hand = times["loop, by hand"][-1] / times["at once, by hand"][-1]
        by_autograd = times["loop, autograd"][-1] / times["at once, autograd"][-1]
        row = "".join(f"{1000 * times[name][-1]:19.3f}" for name in WAYS)
        print(f"{m:6}{row}{by_hand:12.1f}{by_autograd:12.1f}")
    print(f"\nlargest relative difference between any two of the four ways: {apart:.1e}")

    left, right = plotting.side_by_side(picture, 2)
    looks = ((plotting.BLUE, "--"), (plotting.RED, "--"), (plotting.BLUE, "-"), (plotting.RED, "-"))
    for (name, taken), (colour, dash) in zip(times.items(), looks, strict=True):
        left.plot(SIZES, 1000 * np.array(taken), dash, color=colour, marker=".", label=name)
    left.set(xscale="log", yscale="log", xlabel="examples $m$", ylabel="milliseconds", title="time of a gradient")
    left.legend()
    for kind, colour in (("by hand", plotting.BLUE), ("autograd", plotting.RED)):
        ratio = np.array(times[f"loop, {kind}"]) / np.array(times[f"at once, {kind}"])
        right.plot(SIZES, ratio, color=colour, marker=".", label=kind)
    right.set(xscale="log", yscale="log", xlabel="examples $m$", title="the loop's time over the time at once")
    right.legend()
    for axes in (left, right):
        axes.grid(axis="y")
        axes.set_xticks(SIZES, [str(m) for m in SIZES], minor=False)
        axes.set_xticks([], minor=True)
        axes.yaxis.set_major_formatter("{x:g}")
    plotting.save(picture, flags.plot)
    print(f"\npicture: {flags.plot}")


if __name__ == "__main__":
    sys.exit(cli.run(main))
