"""A trial of the installed package, for an environment where there is nothing but NumPy: `make wheel` runs it there.

Nothing here is imported from the tests or from other packages.
"""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_lite as tg
import tinygrad_lite.check
from tinygrad_lite.program.native.compiler import NotCompiled, find_compiler

RNG = np.random.default_rng(0)
W, X, Y = RNG.normal(size=(1, 2)), RNG.normal(size=(2, 5)), np.array([[0.0, 1.0, 1.0, 0.0, 1.0]])


def cost(W: Any, X: Any, Y: Any) -> Any:
    return tg.binary_cross_entropy_with_logits(np.dot(W, X), Y)


def try_names() -> None:
    """Every public name is there, or says what it needs."""
    assert tg.__version__ == importlib.metadata.version("tinygrad_lite")
    installed = {each.metadata["Name"].lower() for each in importlib.metadata.distributions()}
    assert installed <= {"numpy", "tinygrad_lite", "pip", "setuptools"}, installed
    for module in (tg, tg.nn, tg.optim, tg.data, tg.tree, tg.plot, tg.testing, tg.scipy, tinygrad_lite.check):
        for name in dir(module):
            assert name == "strategies" or getattr(module, name) is not None


def try_gradients() -> None:
    right = 1 / (1 + np.exp(-W @ X)) - Y
    assert np.allclose(tg.grad(cost)(W, X, Y), right @ X.T / 5)
    assert tg.testing.check_gradients(lambda W, X: cost(W, X, Y), W, X).ok
    assert tg.compare({"dW": right @ X.T / 5}, cost, W, X, Y).ok
    assert "dW = " in tg.derive(cost, W, X, Y, simplify=False).source
    assert "digraph" in tg.draw(cost, W, X, Y).source


def try_training() -> None:
    net = tg.nn.Sequential(tg.nn.Linear(2, 8, rng=RNG), tg.nn.Tanh(), tg.nn.Linear(8, 1, rng=RNG))
    optimizer = tg.optim.Adam(net.parameters(), lr=0.05)
    points = RNG.uniform(-1, 1, (200, 2))
    labels = (np.sum(points**2, axis=1, keepdims=True) < 0.5).astype(float)
    epochs = tg.data.batches(points, labels, batch_size=50, rng=RNG)
    history = tg.fit(net, epochs, tg.nn.functional.binary_cross_entropy_with_logits, optimizer, epochs=50)
    assert history.loss[0] > 2 * history.loss[-1]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.npz")
        tg.save(path, net.state_dict())
        assert tg.load(path).keys() == net.state_dict().keys()


def try_compile() -> None:
    refusal = refusal_of(find_compiler)
    assert not refusal or "pip install 'tinygrad_lite[native]'" in refusal
    for target in ["numpy"] if refusal else ["numpy", "c"]:
        slope = tg.compile(tg.grad(cost), target=target)
        assert np.allclose(slope(W, X, Y), tg.grad(cost)(W, X, Y))
        assert ("The C behind it" in slope.source(W, X, Y)) == (target == "c")


def try_check_command() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "mine.py")
        path.write_text("import numpy as np\ndef sigmoid(z):\n    return 1 / (1 + np.exp(z))\n", encoding="utf-8")
        command = [sys.executable, "-m", "tinygrad_lite.check", str(path)]
        run = subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT, cwd=folder)
        assert run.returncode == 1, run.stderr
        assert "The numbers are those of 1 / (1 + np.exp(z))" in run.stdout


def fit_with_a_bar() -> None:
    net = tg.nn.Linear(2, 1)
    tg.fit(net, [(X.T, Y.T)], tg.nn.functional.mse_loss, tg.optim.SGD(net.parameters()), epochs=1, progress=True)


# The process of the command finds the package where this one does.
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}

NEEDS: list[tuple[str, Callable[[], Any]]] = [
    ("plot", lambda: tg.plot.activations({"tanh": np.tanh})),
    ("plot", lambda: tg.plot.history({"loss": [2.0, 1.0]})),
    ("plot", lambda: tg.plot.weights({"W": W})),
    ("plot", lambda: tg.plot.boundary(lambda x: x[:, :1], X.T, Y)),
    ("progress", fit_with_a_bar),
    ("derive", lambda: tg.derive(cost, W, X, Y)),
    ("testing", lambda: tg.testing.strategies),
    ("scipy", lambda: tg.minimize(np.sum, W)),
    ("scipy", lambda: tg.root(np.sin, W)),
    ("scipy", lambda: tg.scipy.linalg.expm(np.eye(2))),
    ("scipy", lambda: tg.scipy.linalg.solve_triangular(np.eye(2), X)),
    ("scipy", lambda: tg.scipy.special.polygamma(1, 2.0)),
    ("safetensors", lambda: tg.save("net.safetensors", {"W": W})),
    ("draw", lambda: tg.draw(cost, W, X, Y).svg),
]


def try_extras() -> None:
    """What needs a library that is missing says how to get it."""
    for extra, call in NEEDS:
        assert f"pip install 'tinygrad_lite[{extra}]'" in refusal_of(call), f"{extra}: {refusal_of(call)!r}"


def refusal_of(call: Callable[[], Any]) -> str:
    """What it says is missing; nothing if nothing is."""
    try:
        call()
    except (ImportError, NotCompiled) as error:
        return str(error)
    return ""


def main() -> None:
    trials = (try_names, try_gradients, try_training, try_compile, try_check_command, try_extras)
    for trial in trials:
        trial()
    print(f"tinygrad_lite {tg.__version__} in {Path(tg.__file__).parents[1]}: {len(trials)} trials passed")


if __name__ == "__main__":
    main()
