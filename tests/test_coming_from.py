"""docs/coming_from.md: whatever the tables say to write here runs."""

import contextlib
import io
import re
from pathlib import Path

import numpy as np
import pytest
import scipy.special

import tinygrad_lite as tg
from tinygrad_lite import nn

PAGE = (Path(__file__).parents[1] / "docs" / "coming_from.md").read_text()
ROWS = [
    pytest.param(re.findall(r"`([^`]+)`", ours), id=theirs.strip())
    for theirs, ours in re.findall(r"^\|([^|]*)\|([^|]*)\|$", PAGE, re.MULTILINE)
    if "`" in ours
]


class Model(nn.Module):
    def forward(self, x):
        return x


def what_the_tables_refer_to(folder):
    """The names of the page's second paragraph, and what the rows take for granted."""
    rng = np.random.default_rng(0)
    net, params, p = nn.Linear(3, 4, rng=rng), {"w": np.ones(3)}, tg.Tensor([1.0, 2.0], requires_grad=True)
    t = tg.Tensor(rng.normal(size=(4, 3)), requires_grad=True)
    a, b = tg.Tensor(2.0, requires_grad=True), tg.Tensor(3.0, requires_grad=True)
    X, labels = rng.normal(size=(64, 3)), rng.integers(0, 4, 64)
    np.sum(p**2).backward()
    loss = nn.functional.cross_entropy(net(X), labels) + np.sum(t * t) * a * b
    opt = tg.optim.SGD(net.parameters(), lr=0.1)
    path = folder / "net.npz"
    tg.save(path, net.state_dict())
    state, grads = opt.init(params), {"w": np.ones(3)}
    shared = {"np": np, "tg": tg, "nn": nn, "scipy": scipy, "rng": rng, "module": Model(), "logits": net(X)}
    functions = {
        "f": lambda x: np.sum(np.sin(x) ** 2),
        "g": lambda x: x * np.sum(x),
        "h": lambda v, x: np.dot(v, x),
        "step": lambda x: x * 2,
        "step_of": lambda carry, x: (carry + x, carry),
        "test": lambda x: x > 1.0,
        "body": lambda x: x / 2,
    }
    arrays = {
        "x": rng.uniform(0.5, 1, 3),
        "v": rng.normal(size=3),
        "A": np.tri(3) + np.eye(3),
        "X": X,
        "labels": labels,
    }
    rest = {"t": t, "a": a, "b": b, "p": p, "loss": loss, "net": net, "opt": opt, "path": path, "params": params}
    return {**shared, **functions, **arrays, **rest, "state": state, "grads": grads, "y": 0, "dy": 0}


def test_there_are_tables():
    assert len(ROWS) > 70


@pytest.mark.parametrize("codes", ROWS)
def test_a_row_runs(codes, tmp_path):
    names = what_the_tables_refer_to(tmp_path)
    for code in codes:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(code, names)
