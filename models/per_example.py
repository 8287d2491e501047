"""The loop over examples, and the same without the loop. Sections 2, 3 and 4 of the lectures.

For one example, with x (n_x, 1) and y (n_y, 1):

    z1 = W1 x + b1    a1 = g(z1)    z2 = W2 a1 + b2    a2 = sigmoid(z2)

    dz2 = a2 - y             dW2 = dz2 a1'    db2 = dz2
    dz1 = W2' dz2 * g'(z1)   dW1 = dz1 x'     db1 = dz1

The cost is the mean of the examples' losses, so its gradients are the means of these. Written for all
examples at once, as ``two_layer_manual`` and ``two_layer`` do, the loop is inside the matrix products: the
same numbers, far sooner, because NumPy is called a few times rather than a few times for each example.

    python -m models.per_example
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

import tinygrad_lite as tg
from models import cli, plotting, two_layer, two_layer_manual
from models.datasets import Dataset, load
from models.terminal import Table, say
from models.two_layer_manual import DERIVATIVES, Array, Forward, Params, initialise

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GRADIENTS = ("W1", "b1", "W2", "b2")
SIZES = (1, 4, 16, 64, 256, 1024, 4096)
"""The numbers of examples m that are timed."""

DRAWN_SIZES = (1, 4, 16, 64, 256)
"""Those whose calls of NumPy are counted and drawn: times would make another picture of every run."""


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


def calls(way: Callable[[Params, Array, Array], Params], params: Params, X: Array, Y: Array) -> int:
    """How often a gradient by hand calls NumPy; each call takes about a microsecond before it looks at a number."""
    count = 0

    class Counting(np.ndarray[Any, np.dtype[np.float64]]):
        def __array_ufunc__(self, ufunc: np.ufunc, method: Any, *inputs: Any, out: Any = (), **options: Any) -> Any:
            nonlocal count
            count += 1
            plain = [x.view(np.ndarray) if isinstance(x, Counting) else x for x in (*inputs, *out)]
            inputs, out = tuple(plain[: len(inputs)]), tuple(plain[len(inputs) :]) or None
            return getattr(ufunc, method)(*inputs, out=out, **options).view(Counting)

        def __array_function__(self, *call: Any) -> Any:
            nonlocal count
            count += 1
            return super().__array_function__(*call)

    way({name: value.view(Counting) for name, value in params.items()}, X.view(Counting), Y.view(Counting))
    return count


def draw(data: Dataset, params: Params) -> Figure:
    """Each example's gradient and their mean, in the plane of two weights; and how often NumPy is called for it."""
    picture = plotting.figure(9.2, 4.2)
    left, right = plotting.side_by_side(picture, 2)
    each = [
        backward_by_loop(params, data.X[:, i : i + 1], data.Y[:, i : i + 1])["W1"][0] for i in range(data.X.shape[1])
    ]
    for label, (name, colour) in enumerate(zip(data.class_names, plotting.CLASS_COLOURS, strict=True)):
        x, y = np.array(each)[data.labels == label].T
        left.scatter(x, y, s=9, color=colour, linewidths=0, label=f"an example of {name}")
    mean = backward_at_once(params, data.X, data.Y)["W1"][0]
    left.plot(*mean, "X", color=plotting.INK, markersize=9, label="all at once: their mean")
    left.set(xlabel="by the first weight of $W_1$", ylabel="by the second", title="gradients of the loss")
    left.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3, handletextpad=0.1, columnspacing=1, fontsize=8
    )
    for name, colour in (("loop, by hand", plotting.RED), ("at once, by hand", plotting.BLUE)):
        counts = [calls(WAYS[name], params, data.X[:, :m], data.Y[:, :m]) for m in DRAWN_SIZES]
        right.plot(DRAWN_SIZES, counts, "o-", color=colour, markersize=4, label=name)
    right.set(xscale="log", yscale="log", xlabel="examples $m$", title="calls of NumPy for a gradient")
    right.set_xticks(DRAWN_SIZES, [str(m) for m in DRAWN_SIZES], minor=False)
    right.set_xticks([], minor=True)
    right.yaxis.set_major_formatter("{x:,.0f}")
    right.grid(axis="y")
    right.legend()
    return picture


def main(argv: Sequence[str] | None = None) -> None:
    """Compare the four ways, time them for a growing number of examples, and draw each example's gradient."""
    parser = cli.parser("per_example", "The loop over examples against the vectorised form.")
    parser.add_argument("--hidden", type=cli.positive_int, metavar="N", default=4, help="hidden units")
    flags = parser.parse_args(argv)
    plotting.prepare(flags.plot)
    random = np.random.default_rng(0)
    params = initialise(n_x=2, n_h=flags.hidden, n_y=1, scale=1.0)

    say("milliseconds of a gradient; and how often the loop's time is the time at once\n")
    table = Table("     m", *WAYS, "ratio, by hand", "autograd")
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
        milliseconds = [f"{1000 * taken[-1]:.3f}" for taken in times.values()]
        table.row(f"{m:6}", *milliseconds, f"{by_hand:.1f}", f"{by_autograd:.1f}")
    say(f"\nlargest relative difference between any two of the four ways: {apart:.1e}")

    plotting.save(draw(load("flower"), params), flags.plot)


if __name__ == "__main__":
    sys.exit(cli.run(main))
