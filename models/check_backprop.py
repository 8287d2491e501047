"""A student's file with three mistakes: what is said of it, and its cure, until all is right.

The file below is the exercise of the lectures: it runs, and its cost goes down, for a while. ``check_file`` (the
command ``python -m tinygrad_lite.check FILE``) finds its functions, calls them, and names the line that is wrong, what
was done there, and what to write. Here that line is written, and the file is checked again, until nothing is wrong.
Last, ``tg.compare`` holds the gradients, before and after, against the forward pass. The picture shows what each
mistake cost.

    python -m models.check_backprop
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import tinygrad_lite as tg
from models import cli, plotting
from models.datasets import Dataset, load
from models.terminal import Table, say
from models.two_layer_manual import Array
from tinygrad_lite.check import FileReport, check_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tinygrad_lite.diagnosis.report import Comparison

STUDENT = """\
import numpy as np

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def initialize_parameters(n_x, n_h, n_y):
    np.random.seed(2)
    W1 = np.random.randn(n_h, n_x) * 0.01
    b1 = np.zeros((n_h, 1))
    W2 = np.random.randn(n_y, n_h) * 0.01
    b2 = np.zeros((n_y, 1))
    return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}

def forward_propagation(X, parameters):
    W1, b1, W2, b2 = parameters["W1"], parameters["b1"], parameters["W2"], parameters["b2"]
    Z1 = np.dot(W1, X) + b1
    A1 = np.tanh(Z1)
    Z2 = np.dot(W2, Z1) + b2
    A2 = sigmoid(Z2)
    return A2, {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2}

def compute_cost(A2, Y):
    m = Y.shape[1]
    return -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m

def backward_propagation(parameters, cache, X, Y):
    m = X.shape[1]
    W2, Z1, A1, A2 = parameters["W2"], cache["Z1"], cache["A1"], cache["A2"]
    dZ2 = A2 - Y
    dW2 = np.dot(dZ2, Z1.T) / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = np.dot(W2.T, dZ2) * (1 - A1)
    dW1 = np.dot(dZ1, X.T) / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}

def update_parameters(parameters, grads, learning_rate=1.2):
    W1 = parameters["W1"] - learning_rate * grads["dW1"]
    b1 = parameters["b1"] - learning_rate * grads["db1"]
    W2 = parameters["W2"] - learning_rate * grads["dW2"]
    b2 = parameters["b2"] - learning_rate * grads["db2"]
    return {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
"""


def check(program: str) -> FileReport:
    """What the command says of a file with this text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "student.py")
        path.write_text(program)
        return check_file(path)


def cure(program: str) -> Iterator[tuple[str, str]]:
    """One mistake after the other: what is said of it, and the program with the line that is to be written instead."""
    while mistakes := [(v.name, mistake) for v in check(program).verdicts for mistake in v.mistakes]:
        function, mistake = mistakes[0]
        if mistake.quote is None or mistake.correct is None:
            return  # said in words alone: there is nothing that could be written by itself
        wrong = mistake.quote.text.strip()
        program = program.replace(wrong, mistake.correct)
        advice = "" if mistake.correct in mistake.text else f" Write `{mistake.correct}`."
        yield f"{function}, {mistake.quote.where}:\n  {wrong}\n{mistake.text}{advice}", program


def run(program: str) -> dict[str, Any]:
    """The functions of a program."""
    names: dict[str, Any] = {}
    exec(program, names)
    return names


def train(program: str, data: Dataset, iterations: int) -> Array:
    """The costs (iterations,) of training with a program's functions."""
    student = run(program)
    parameters = student["initialize_parameters"](data.X.shape[0], 4, 1)
    costs = np.empty(iterations)
    with np.errstate(
        divide="ignore", invalid="ignore", over="ignore"
    ):  # a cost that explodes is drawn as far as it goes
        for i in range(iterations):
            A2, cache = student["forward_propagation"](data.X, parameters)
            costs[i] = student["compute_cost"](A2, data.Y)
            grads = student["backward_propagation"](parameters, cache, data.X, data.Y)
            parameters = student["update_parameters"](parameters, grads)
    return costs


def compare(program: str, right: str) -> Comparison:
    """A program's gradients against the forward pass of the right one, on random numbers of different sizes."""
    forward, cost_of = (run(right)[name] for name in ("forward_propagation", "compute_cost"))
    rng = np.random.default_rng(0)
    W1, b1, W2, b2 = (rng.normal(size=shape) for shape in ((4, 2), (4, 1), (3, 4), (3, 1)))
    X, Y = rng.normal(size=(2, 50)), rng.integers(0, 2, (3, 50))

    def cost(W1: Any, b1: Any, W2: Any, b2: Any, X: Any, Y: Any) -> Any:
        A2, _ = forward(X, {"W1": W1, "b1": b1, "W2": W2, "b2": b2})
        return cost_of(A2, Y)

    parameters = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
    grads = run(program)["backward_propagation"](parameters, forward(X, parameters)[1], X, Y)
    return tg.compare(grads, cost, W1, b1, W2, b2, X, Y)


def main(argv: Sequence[str] | None = None) -> None:
    """Cure the file, mistake by mistake; train with it at every stage, and draw the costs."""
    parser = cli.parser("check_backprop", "A student's file with three mistakes, and its cure.")
    parser.add_argument("--iterations", type=cli.positive_int, metavar="N", default=2000, help="of its training")
    flags = parser.parse_args(argv)
    plotting.prepare(flags.plot)
    stages = [STUDENT]
    for said, program in cure(STUDENT):
        say(f"{len(stages)}. {said}\n")
        stages.append(program)
    report = check(stages[-1])
    say("and then: " + ", ".join(f"{verdict.name} {verdict.judgement}" for verdict in report.verdicts) + "\n")
    table = Table("tg.compare", "before", "after")
    first, last = (
        {entry.name: entry.verdict for entry in compare(p, stages[-1]).entries} for p in (stages[0], stages[-1])
    )
    for name in last:
        table.row(name, str(first[name]), str(last[name]))
    flower = load("flower")
    say()
    curves = {}
    for left, program in zip(reversed(range(len(stages))), stages, strict=True):
        curves[f"{left or 'no'} mistake{'s' * (left != 1)}"] = train(program, flower, flags.iterations)
    for name, costs in curves.items():
        say(f"with {name}: the cost is {costs[-1]:.4f} after {flags.iterations} iterations")
    plotting.save(draw(curves), flags.plot)


def draw(curves: dict[str, Array]) -> Figure:
    """The costs with each number of mistakes."""
    picture = plotting.figure(6.4, 4.0)
    axes = picture.subplots()
    plotting.cost_curve(axes, curves, "training on the flower, with the student's file")
    axes.set(yscale="log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter("{x:g}")
    return picture


if __name__ == "__main__":
    sys.exit(cli.run(main))
