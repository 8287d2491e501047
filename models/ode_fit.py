"""Hares and lynxes: the parameters of a differential equation, found from counts of pelts by an adjoint.

Hares H multiply by themselves and are eaten by lynxes L, which die out without hares (Lotka and Volterra). Written in
logarithms, which keeps both positive:

    (log H)' = alpha - beta L        (log L)' = delta H - gamma

SciPy solves such equations; the derivative of the solution is an op of ours (``solver``). Let y' = f(t, y, p) and
y(t_0) = y_0, and let a loss look at y(t_1), ..., y(t_n), with the cotangents g_1, ..., g_n there. How it depends on
y(t) is the adjoint a(t), a row:

    a' = -a df/dy    backwards from a(t_n) = g_n; at each earlier t_i, g_i is added

a(t_0) is the gradient by y_0, and the gradient by p is the integral of a df/dp dt: both products are one vjp of f. This
map from g to the gradients is linear. Its transpose, how the solution moves with y_0 and p, is one more equation:

    s' = df/dy s + df/dp dp    from s(t_0) = dy_0

A count is the truth times exp(noise), the noise of deviation sigma. So the parameters for which the squares of the
residuals of the logarithms are least are the most likely ones; and where J holds the derivatives of the logarithms, the
covariance of the estimates is sigma^2 (J'J)^-1.

The counts are of the pelts that the Hudson Bay Company took from 1900 to 1920, in thousands. ``--data drawn`` draws
counts from the model instead, so that the truth is known.

    python -m models.ode_fit --data drawn --seed 3

Sources: Pontryagin et al., *The Mathematical Theory of Optimal Processes*, 1962; Chen et al., *Neural Ordinary
Differential Equations*, 2018. The pelts: Elton and Nicholson (1942), "The ten-year cycle in numbers of the lynx in
Canada". A Bayesian analysis of them: Carpenter (2018), "Predator-prey population dynamics: the Lotka-Volterra model in
Stan".
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import tinygrad_lite as tg
from models import cli, likelihood, plotting
from models.likelihood import Values
from models.terminal import say
from models.two_layer_manual import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Solver = Callable[[Any, Any], Any]

HARES = "30.0 47.2 70.2 77.4 36.3 20.6 18.1 21.4 22.0 25.4 27.1 40.3 57.0 76.6 52.3 19.5 11.2 7.6 14.6 16.2 24.7"
LYNXES = "4.0 6.1 9.8 35.2 59.4 41.7 19.0 13.0 8.3 9.1 7.4 8.0 12.3 19.5 45.7 51.1 29.7 15.8 9.7 10.1 8.6"
YEARS = np.arange(1900.0, 1921.0)

PUBLISHED = {"alpha": 0.55, "beta": 0.028, "gamma": 0.80, "delta": 0.024, "hares": 33.96, "lynxes": 5.93}
"""Carpenter's posterior means: four rates a year, and the numbers in 1900. Also the truth of counts that are drawn."""

NOISE = 0.25
"""sigma of counts that are drawn."""

LIKELY = 100
"""How many sets of parameters, drawn from those that are likely, the bands are made of."""

START = {"alpha": 0.8, "beta": 0.02, "gamma": 0.6, "delta": 0.02, "hares": 30.0, "lynxes": 4.0}
RATES = ("alpha", "beta", "gamma", "delta")
SPECIES = ("hares", "lynxes")


def solver(f: Callable[[Any, Any, Any], Any], times: Array) -> Solver:
    """The function from y_0 and p, both vectors, to the solution of y' = f(t, y, p) at times[1:], (n, len(y_0)).

    f: any function of NumPy's. It has derivatives of first order, by both: exact ones of the exact solution, right to
    the solver's tolerance. Raises ``ArithmeticError`` where SciPy finds no solution.
    """
    right = tg.compile(f)

    @tg.compile
    def vjp(t: Any, y: Any, p: Any, a: Any) -> Any:
        _, pullback = tg.vjp(lambda y, p: f(t, y, p), y, p)
        return pullback(a)

    @tg.compile
    def jvp(t: Any, y: Any, p: Any, s: Any, dp: Any) -> Any:
        return tg.jvp(lambda y, p: f(t, y, p), (y, p), (s, dp))

    # y_0 and p are one vector z for the ops: so the gradients by both are found in one go.

    def forwards(z: Array, size: int) -> Any:
        y0, p = z[:size], z[size:]
        return _integrate(lambda t, y: right(t, y, p), times[[0, -1]], y0, t_eval=times[1:], dense_output=True)

    def solve(z: Array, *, size: int) -> Array:
        solution: Array = forwards(z, size).y.T
        return solution

    def pull_back(g: Array, z: Array, *, size: int) -> Array:
        y, p = forwards(z, size).sol, z[size:]
        state = np.zeros(len(z))
        for i in reversed(range(len(g))):
            state[:size] += g[i]
            span = times[[i + 1, i]]
            state = _integrate(lambda t, state: -np.concatenate(vjp(t, y(t), p, state[:size])), span, state).y[:, -1]
        return state

    def push_forward(dz: Array, z: Array, *, size: int) -> Array:
        p, dp, start = z[size:], dz[size:], np.concatenate([z[:size], dz[:size]])

        def both(t: float, state: Array) -> Array:
            return np.concatenate(jvp(t, state[:size], p, state[size:], dp))

        tangent: Array = _integrate(both, times[[0, -1]], start, t_eval=times[1:]).y[size:].T
        return tangent

    def refuse(*args: Any, size: int) -> Any:
        raise TypeError("the solver has derivatives of first order alone: no Hessians through it")

    pullback = tg.custom_vjp(
        pull_back, lambda v, a, g, z, *, size: pushforward(v, z, size=size), refuse, name="adjoint"
    )
    pushforward = tg.custom_vjp(
        push_forward, lambda g, s, v, z, *, size: pullback(g, z, size=size), refuse, name="tangent"
    )
    solution = tg.custom_vjp(solve, lambda g, y, z, *, size: pullback(g, z, size=size), name="solution")
    return lambda y0, p: solution(np.concatenate([y0, p]), size=len(y0))


def _integrate(right: Callable[[float, Array], Array], span: Array, start: Array, **options: Any) -> Any:
    """SciPy's result, with tolerances that are tight, as a gradient needs it."""
    try:
        from scipy.integrate import solve_ivp
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "solving differential equations needs SciPy: pip install tinygrad_lite[scipy]"
        ) from None
    found = solve_ivp(right, span, start, method="DOP853", rtol=1e-7, atol=1e-7, **options)
    if not found.success:
        raise ArithmeticError(f"no solution of the differential equation: {found.message}")
    return found


def predators_and_prey(t: Any, y: Any, p: Any) -> Any:
    """y' (2,) for the logarithms y = (log H, log L) and p = (alpha, beta, gamma, delta)."""
    alpha, beta, gamma, delta = p
    H, L = np.exp(y)
    return np.stack([alpha - beta * L, delta * H - gamma])


def logarithms(p: Mapping[str, Any], solve: Solver) -> Any:
    """log H and log L, (n + 1, 2), for the parameters p, at the first time and those after it."""
    y0 = np.log(np.stack([p[name] for name in SPECIES]))
    return np.concatenate([y0[np.newaxis], solve(y0, np.stack([p[name] for name in RATES]))])


def counts(data: str, solve: Solver, rng: np.random.Generator) -> Array:
    """The pelts (21, 2) in thousands, or as many that are drawn."""
    if data == "pelts":
        return np.array([HARES.split(), LYNXES.split()], float).T
    exact: Array = logarithms(PUBLISHED, solve)
    return np.exp(exact + NOISE * rng.normal(size=exact.shape))


def fit(seen: Array, solve: Solver) -> tuple[Values, float, Array]:
    """The most likely parameters for the counts (21, 2), sigma, and the covariance of the parameters' logarithms."""
    found = likelihood.fit(lambda p: np.sum((np.log(seen) - logarithms(p, solve)) ** 2), START)
    vector, unravel = tg.tree.ravel(tg.tree.map(np.log, found))

    def of_vector(v: Any) -> Any:
        return np.ravel(logarithms(tg.tree.map(np.exp, unravel(v)), solve))

    J = np.stack([tg.jvp(of_vector, (vector,), (e,))[1] for e in np.eye(len(vector))], axis=1)
    residuals = np.log(seen).ravel() - of_vector(vector)
    variance = float(residuals @ residuals) / (seen.size - len(vector))
    return found, np.sqrt(variance), variance * np.linalg.inv(J.T @ J)


def draw(found: Values, covariance: Array, seen: Array, rng: np.random.Generator) -> Figure:
    """The numbers over the years, and as a path in the plane of both."""
    picture = plotting.figure(10.4, 4.4)
    left, right = picture.subplots(1, 2, width_ratios=(3, 2))
    fine = np.linspace(YEARS[0], YEARS[-1], 201)
    solve = solver(predators_and_prey, fine)
    curve = np.exp(logarithms(found, solve))
    vector, unravel = tg.tree.ravel(tg.tree.map(np.log, found))
    likely = rng.multivariate_normal(vector, covariance, LIKELY)
    bands = np.quantile([logarithms(tg.tree.map(np.exp, unravel(v)), solve) for v in likely], (0.025, 0.975), axis=0)
    for i, (name, colour) in enumerate(zip(SPECIES, (plotting.BLUE, plotting.RED), strict=True)):
        low, high = np.exp(bands[:, :, i])
        left.fill_between(
            fine, low, high, color=colour, alpha=0.25, linewidth=0, label=f"{name}, 95 % band of the curve"
        )
        left.plot(fine, curve[:, i], color=colour, label=f"{name}, fitted")
        left.plot(YEARS, seen[:, i], "o", color=colour, markersize=4, label=f"{name}, counted")
    left.set(xlabel="year", ylabel="thousands", title="Pelts over the years", xticks=YEARS[::4], ylim=(0, None))
    left.legend(ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.14))
    right.plot(*curve.T, color=plotting.GREEN, label="fitted")
    right.plot(*seen.T, ":", color=plotting.GREY, linewidth=1)
    right.plot(*seen.T, "o", color=plotting.INK, markersize=4, label="counted")
    for year, place in zip(YEARS[::3], seen[::3], strict=True):
        right.annotate(f"{year:.0f}", place, xytext=(4, 4), textcoords="offset points", fontsize=8)
    right.set(xlabel="hares, thousands", ylabel="lynxes, thousands", title="One cycle after another")
    right.legend(ncols=2, loc="upper center", bbox_to_anchor=(0.5, -0.14))
    return picture


def main(argv: Sequence[str] | None = None) -> None:
    """Find the parameters, print them beside what is known of them, and draw what was counted and what was fitted."""
    parser = cli.parser("ode_fit", "A differential equation fitted to counts of hares and lynxes.")
    cli.add_choice(parser, "--data", ("pelts", "drawn"), default="pelts", help="real counts, or drawn ones")
    parser.add_argument("--seed", type=cli.seed_int, default=0, help="seed of what is drawn")
    flags = parser.parse_args(argv)
    plotting.prepare(flags.plot)
    solve, rng = solver(predators_and_prey, YEARS), np.random.default_rng(flags.seed)
    seen = counts(flags.data, solve, rng)
    found, sigma, covariance = fit(seen, solve)
    errors = {name: found[name] * e for name, e in zip(found, np.sqrt(np.diag(covariance)), strict=True)}
    likelihood.print_table(found, errors, PUBLISHED, "published" if flags.data == "pelts" else "truth")
    say(f"\nnoise: {sigma:.2f}, so that two of three counts lie within {np.expm1(sigma):.0%} of the curve")
    period = 2 * np.pi / np.sqrt(found["alpha"] * found["gamma"])
    say(f"period of small cycles: {period:.1f} years")
    plotting.save(draw(found, covariance, seen, rng), flags.plot)


if __name__ == "__main__":
    sys.exit(cli.run(main))
