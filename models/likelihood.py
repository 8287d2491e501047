"""Positive parameters by maximum likelihood, how sure they are, and a table of them beside the truth.

What is minimised is the cost -log p(data | parameters). Near its minimum it is a parabola, and the likelihood a normal
distribution whose covariance is the inverse of the Hessian of the cost: its diagonal gives the standard errors.

>>> seen = np.random.default_rng(0).exponential(2.0, 400)
>>> def cost(p):
...     return np.sum(seen / p["mean"] + np.log(p["mean"]))
>>> found = fit(cost, {"mean": 1.0})
>>> error = standard_errors(cost, found)
>>> bool(np.isclose(found["mean"], seen.mean())), bool(np.isclose(error["mean"], seen.mean() / 20))
(True, True)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import tinygrad_lite as tg
from models.terminal import Table, say

Values = dict[str, Any]
"""A number for each parameter's name."""


def fit(cost: Callable[[Any], Any], start: Mapping[str, float]) -> Values:
    """The positive numbers for which ``cost`` is least, each within a factor of 1000 of where the search starts.

    The search is among their logarithms. Prints a line where it ends without having converged.
    """
    logarithms = tg.tree.map(np.log, dict(start))
    of_logarithms = tg.compile(lambda p: cost(tg.tree.map(np.exp, p)))
    bounds = [tg.tree.map(lambda at, by=by: at + by, logarithms) for by in (-np.log(1000), np.log(1000))]
    result = tg.minimize(of_logarithms, logarithms, bounds=bounds)
    if not result.success:
        say(f"note: the search for a minimum ended early: {result.message}")
    return {name: float(np.exp(value)) for name, value in result.x.items()}


def standard_errors(cost: Callable[[Any], Any], found: Values) -> Values:
    """The standard error of each parameter, from the Hessian of ``cost`` at its minimum ``found``."""
    vector, unravel = tg.tree.ravel(found)
    covariance = np.linalg.inv(tg.hessian(lambda v: cost(unravel(v)))(vector))
    errors: Values = unravel(np.sqrt(np.diag(covariance)))
    return errors


def print_table(found: Values, errors: Values, truth: Mapping[str, float], name_of_truth: str = "truth") -> None:
    """One line a parameter: what was found, its standard error, and what is right."""
    table = Table(" " * max(map(len, found)), "   found", "standard error", name_of_truth.rjust(9))
    for name, value in found.items():
        table.row(name, f"{value:.3f}", f"{errors[name]:.3f}", f"{truth[name]:.3f}")
