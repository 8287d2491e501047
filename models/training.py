"""Gradient descent over a dict of parameters, with a progress bar: what every program here trains with.

>>> def bowl(params):
...     return float(np.sum(params["w"] ** 2)), {"w": 2 * params["w"]}
>>> run = gradient_descent(bowl, {"w": np.array([3.0, -4.0])}, learning_rate=0.1, iterations=100)
>>> run.costs[0], bool(run.costs[-1] < 1e-6)
(np.float64(25.0), True)
"""

import io
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from typing import TextIO

import numpy as np

from models.two_layer_manual import Array, Params

BAR_WIDTH = 30
CLEAR_LINE = "\r\x1b[2K"
UPDATES = 200
"""How often in a run the progress bar moves: often enough to look smooth, too rarely to cost anything."""


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
    shows on a terminal. ``params`` is left alone. Raises ``Diverged`` when J is no longer a finite number.
    """
    costs = np.empty(iterations)
    every = max(1, iterations // UPDATES)
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
            if (i + 1) % every == 0 or i + 1 == iterations:
                show(i + 1, f"J = {J:.4f}")
    return Run(params, costs)


@contextmanager
def progress_bar(label: str | None, total: int) -> Iterator[Callable[[int, str], None]]:
    """A function ``show(done, note)`` that moves a bar on the terminal: rich's if installed, else plain.

    Without a label, or where the output goes to a file, it draws nothing.
    """
    if label is None or not sys.stdout.isatty():
        yield lambda done, note: None
        return
    try:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
    except ModuleNotFoundError:
        with _plain_bar(label, total) as show:
            yield show
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(BAR_WIDTH),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
    )
    # What is printed meanwhile appears above the bar: rich stands in for sys.stdout.
    with Progress(*columns) as progress:
        task = progress.add_task(label, total=total, note="")
        yield lambda done, note: progress.update(task, completed=done, note=note)


@contextmanager
def _plain_bar(label: str, total: int) -> Iterator[Callable[[int, str], None]]:
    def show(done: int, note: str) -> None:
        bar = "#" * (BAR_WIDTH * done // total)
        terminal.write(f"{CLEAR_LINE}{label} [{bar:.<{BAR_WIDTH}}] {done}/{total} {note}\r")
        terminal.flush()

    terminal = sys.stdout
    with redirect_stdout(_AboveTheBar(terminal)):
        yield show
    print()


class _AboveTheBar(io.TextIOBase):
    """Stands in for ``sys.stdout`` while the plain bar is there: a line that is printed takes the bar's place."""

    def __init__(self, terminal: TextIO) -> None:
        self.terminal = terminal

    def write(self, text: str) -> int:
        return self.terminal.write(text if text == "\n" else CLEAR_LINE + text)
