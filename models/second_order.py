"""Second derivatives at work: Newton's method, and Newton's method without a Hessian.

Gradient descent sees a slope. Newton's method sees the slope and how it changes: where the cost is f + g's + s'Hs/2,
it steps to the bottom of that, s = -H⁻¹g. Near a minimum it doubles the number of right digits in each step.

**A valley.** Rosenbrock's function is a curved valley with a flat floor. ``tg.hessian`` gives H, of 2 x 2 numbers; a
multiple of the identity is added where H is not positive definite, and a step that does not lower f is halved.

**A network.** The H of n parameters has n² numbers, but H times a vector is no dearer than two gradients: ``tg.hvp``.
Conjugate gradients solve H s = -g by such products alone, as far as a radius within which the quadratic is trusted, and
stop there, too, where the cost curves downward (Steihaug 1983). The radius grows where the quadratic foretold the
cost, and shrinks where it did not. Here that trains the lectures' network on the flower.

    python -m models.second_order

>>> newton(rosenbrock, np.array([-1.2, 1.0]))[-1].round(6)
array([1., 1.])
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import tinygrad_lite as tg
from models import cli, plotting, two_layer
from models.datasets import Dataset, accuracy, load
from models.terminal import Table, progress_bar, say
from models.two_layer_manual import Array, initialise

if TYPE_CHECKING:
    from matplotlib.figure import Figure

START = np.array([-1.2, 1.0])
"""Where Rosenbrock started; the minimum is at (1, 1)."""


def rosenbrock(x: Any) -> Any:
    """(1 - x0)² + 100 (x1 - x0²)²."""
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def newton(f: Callable[[Any], Any], x: Array, tolerance: float = 1e-10) -> Array:
    """The points (steps + 1, n) of Newton's method from x (n,) until the gradient is no longer than the tolerance."""
    gradient, hessian = tg.compile(tg.grad(f)), tg.compile(tg.hessian(f))
    points = [x]
    while np.linalg.norm(g := gradient(x)) > tolerance and len(points) < 100:
        H = hessian(x)
        lowest = np.linalg.eigvalsh(H)[0]
        s = np.linalg.solve(H + max(0.0, 1e-3 - lowest) * np.eye(len(x)), -g)
        while f(x + s) > f(x) and np.linalg.norm(s) > 1e-16:
            s = s / 2
        x = x + s
        points.append(x)
    return np.array(points)


def descend(f: Callable[[Any], Any], x: Array, learning_rate: float, steps: int) -> Array:
    """The points (steps + 1, n) of gradient descent from x (n,)."""
    gradient = tg.compile(tg.grad(f))
    points = [x]
    for _ in range(steps):
        x = x - learning_rate * gradient(x)
        points.append(x)
    return np.array(points)


def solve_within(product: Callable[[Array], Array], g: Array, radius: float) -> tuple[Array, int]:
    """The s (n,) that makes g's + s'Hs/2 small within |s| <= radius, by conjugate gradients, and their number.

    product: H times a vector.
    """
    s, r = np.zeros_like(g), -g
    if not g.any():
        return s, 0
    p = r
    enough = min(0.5, np.sqrt(np.linalg.norm(g))) * np.linalg.norm(g)
    for count in range(1, 2 * len(g) + 1):
        Hp = product(p)
        curvature = p @ Hp
        length = (r @ r) / curvature if curvature > 0 else np.inf
        if curvature <= 0 or np.linalg.norm(s + length * p) >= radius:
            # Downhill for ever, or beyond what is trusted: on along p as far as the radius.
            a, b, c = p @ p, s @ p, s @ s - radius**2
            return s + (-b + np.sqrt(b * b - a * c)) / a * p, count
        s = s + length * p
        r, before = r - length * Hp, r
        if np.linalg.norm(r) <= enough:
            break
        p = r + (r @ r) / (before @ before) * p
    return s, count


def newton_cg(f: Callable[[Any], Any], x: Array, steps: int) -> tuple[Array, Array, Array]:
    """Newton's method by products with the Hessian: the last point (n,), and for each step the cost and the work.

    The work is counted in gradients, a product with the Hessian as two.
    """
    value_and_gradient = tg.compile(tg.value_and_grad(f))
    product = tg.compile(lambda x, v: tg.hvp(f, (x,), (v,))[0])
    J, g = value_and_gradient(x)
    radius, work, costs, works = 1.0, 1, [float(J)], [1]
    with progress_bar("Newton-CG", steps) as show:
        for step in range(steps):
            s, count = solve_within(lambda v, x=x: product(x, v), g, radius)  # type: ignore[misc]
            foretold = -(g @ s + s @ product(x, s) / 2)
            J_new, g_new = value_and_gradient(x + s)
            work += 2 * (count + 1) + 1
            ratio = (J - J_new) / foretold if foretold > 0 else -1.0
            if ratio < 0.25:
                radius = radius / 4
            elif ratio > 0.75:
                radius = max(radius, 2 * float(np.linalg.norm(s)))
            if ratio > 1e-4:
                x, J, g = x + s, J_new, g_new
            costs.append(float(J))
            works.append(work)
            show(step + 1, float(J))
    return x, np.array(costs), np.array(works)


def draw(paths: dict[str, Array], curves: dict[str, tuple[Array, Array]]) -> Figure:
    """The ways through the valley, how far from its bottom they are, and the network's cost over the work."""
    picture = plotting.figure(11.0, 3.9)
    valley, steps, network = plotting.side_by_side(picture, 3)
    x, y = np.meshgrid(np.linspace(-1.7, 1.7, 200), np.linspace(-0.8, 1.6, 200))
    valley.contourf(x, y, np.log10(rosenbrock(np.stack([x, y])) + 1e-2), levels=14, cmap="Greys", alpha=0.6)
    colours = (plotting.BLUE, plotting.RED)
    for (name, points), colour in zip(paths.items(), colours, strict=True):
        dots = "o-" if len(points) < 50 else "-"
        valley.plot(*points.T, dots, color=colour, markersize=3, linewidth=1.4, label=name)
        gap = np.array([rosenbrock(point) for point in points])
        steps.plot(np.arange(len(gap)), np.maximum(gap, 1e-32), dots, color=colour, markersize=3, label=name)
    valley.plot(1, 1, "*", color=plotting.INK, markersize=10, label="the minimum")
    valley.set(xlabel="$x_0$", ylabel="$x_1$", xlim=(-1.7, 1.7), ylim=(-0.8, 1.6), title="Rosenbrock's valley")
    valley.legend(loc="lower center", fontsize=8)
    steps.set(xscale="symlog", yscale="log", xlabel="step", title="its height")
    steps.legend(loc="lower right", fontsize=8)
    for (name, (work, costs)), colour in zip(curves.items(), colours, strict=True):
        network.plot(work, costs, color=colour, label=name)
    network.set(xscale="log", yscale="log", xlabel="gradients computed", title="a network's cost $J$")
    network.yaxis.set_major_formatter("{x:g}")
    network.yaxis.set_minor_formatter("{x:g}")
    network.legend(loc="lower left", fontsize=8)
    for axes in (steps, network):
        axes.grid(axis="y")
    return picture


def walk_the_valley(iterations: int) -> dict[str, Array]:
    """The two ways to the bottom of Rosenbrock's valley, with a table of Newton's."""
    points = newton(rosenbrock, START)
    gradient = tg.grad(rosenbrock)
    table = Table("step", f"{'f':>8}", "length of the gradient")
    for i, point in enumerate(points):
        if i < 2 or i >= len(points) - 5:
            table.row(f"{i:4}", f"{rosenbrock(point):.1e}", f"{np.linalg.norm(gradient(point)):.1e}")
    by_descent = descend(rosenbrock, START, 0.001, iterations)
    say(f"\nafter {iterations} steps gradient descent is at f = {rosenbrock(by_descent[-1]):.1e}\n")
    return {"Newton": points, "gradient descent": by_descent}


def train_the_network(data: Dataset, flags: Any) -> dict[str, tuple[Array, Array]]:
    """The lectures' network by Newton-CG and by gradient descent, with as many gradients."""
    params = initialise(n_x=2, n_h=flags.hidden, n_y=1, seed=flags.seed)
    start, unravel = tg.tree.ravel(params)

    def cost(vector: Any) -> Any:
        return two_layer.cost(unravel(vector), data.X, data.Y)

    x, costs, work = newton_cg(cost, start, flags.steps)
    run = two_layer.train(data, flags.hidden, iterations=int(work[-1]), seed=flags.seed, label="gradient descent")
    say(
        f"the flower, {flags.hidden} hidden units, {len(start)} parameters; {work[-1]:,} gradients or their like each\n"
    )
    table = Table(f"{'':16}", "cost J  ", "accuracy %")
    for name, J, trained in (("Newton-CG", costs[-1], unravel(x)), ("gradient descent", run.costs[-1], run.params)):
        right = accuracy(two_layer.classifier(trained)(data.X), data.Y)
        table.row(name, f"{J:.6f}", f"{100 * right:.2f}")
    return {"Newton-CG": (work, costs), "gradient descent": (np.arange(1.0, len(run.costs) + 1), run.costs)}


def main(argv: Sequence[str] | None = None) -> None:
    """Go down the valley and train the network, either way; print how far each came, and draw it."""
    parser = cli.parser("second_order", "Newton's method, with a Hessian and without.")
    parser.add_argument("--hidden", type=cli.positive_int, metavar="N", default=8, help="hidden units of the network")
    parser.add_argument("--steps", type=cli.positive_int, metavar="N", default=120, help="steps of Newton-CG")
    parser.add_argument("--seed", type=cli.seed_int, default=2, help="seed of the initial weights")
    flags = parser.parse_args(argv)
    plotting.prepare(flags.plot)
    paths = walk_the_valley(20_000)
    curves = train_the_network(load("flower"), flags)
    plotting.save(draw(paths, curves), flags.plot)


if __name__ == "__main__":
    sys.exit(cli.run(main))
