"""Gradient descent over a dict of parameters, with a progress bar: what the lectures' programs train with.

>>> def bowl(params):
...     return float(np.sum(params["w"] ** 2)), {"w": 2 * params["w"]}
>>> run = gradient_descent(bowl, {"w": np.array([3.0, -4.0])}, learning_rate=0.1, iterations=100)
>>> run.costs[0], bool(run.costs[-1] < 1e-6)
(np.float64(25.0), True)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.terminal import progress_bar, say
from models.two_layer_manual import Array, Params

if TYPE_CHECKING:
    from tinygrad_lite.training import History


class Diverged(ArithmeticError):
    """The cost stopped being a finite number."""


@dataclass(frozen=True)
class Run:
    """What training leaves: the final ``params``, and the cost before each step, ``costs (iterations,)``."""

    params: Params
    costs: Array


def gradient_descent(
    cost_and_gradients: Callable[[Params], tuple[float, Mapping[str, Array]]],
    params: Params,
    *,
    learning_rate: float,
    iterations: int,
    label: str | None = None,
    watch: Callable[[int, float, Params], None] | None = None,
) -> Run:
    """Repeat ``theta := theta - learning_rate * dtheta`` for every parameter, on the full batch.

    ``cost_and_gradients(params)`` gives the cost J and its gradient by each parameter, under the parameter's
    name. ``watch(i, J, params)`` is called before step i. With a ``label`` a progress bar under that name
    shows on a terminal, and a cost that has risen is told. ``params`` is left alone. Raises ``Diverged`` when J is
    no longer a finite number.
    """
    costs = np.empty(iterations)
    # When it diverges the cost says so below; NumPy need not warn of each overflow on the way.
    with progress_bar(label, iterations) as show, np.errstate(over="ignore", invalid="ignore"):
        for i in range(iterations):
            J, grads = cost_and_gradients(params)
            costs[i] = J
            if not np.isfinite(J):
                raise Diverged(
                    f"the cost is {J} at iteration {i}: the learning rate {learning_rate:g} is too large here"
                )
            if watch is not None:
                watch(i, float(J), params)
            params = {name: value - learning_rate * grads[name] for name, value in params.items()}
            show(i + 1, J)
    if label is not None and costs[-1] > 1.1 * costs[0]:
        rise = f"the cost rose from {costs[0]:.4g} to {costs[-1]:.4g}"
        say(f"note: {label}: {rise}; the learning rate {learning_rate:g} is too large here")
    return Run(params, costs)


def check_history(history: History, learning_rate: float, guessing: float) -> None:
    """Tell what a history of ``tg.fit``'s has beside numbers: Ctrl-C ended it, or its loss is above that of guessing.

    Raises ``KeyboardInterrupt`` if it was ended before there was anything to show, ``Diverged`` if a loss is not a
    finite number.
    """
    if not history.loss:
        raise KeyboardInterrupt
    if history.stopped == "interrupted":
        say(f"note: stopped after epoch {len(history.loss)}; this is what it has by then")
    if not np.isfinite([*history.loss, *history.validation_loss]).all():
        raise Diverged(f"the loss is not finite: the learning rate {learning_rate:g} is too large here")
    if history.loss[-1] > 1.1 * guessing:
        loss = f"the loss is {history.loss[-1]:.4g}, that of guessing {guessing:.4g}"
        say(f"note: {loss}: the learning rate {learning_rate:g} is too large here, or far too small")
