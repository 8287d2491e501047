"""The network with autograd: the published numbers, and three ways to its gradients."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from models import cli, published, two_layer, two_layer_manual
from models.datasets import DATASETS, load
from models.hidden_sizes import percent_right
from models.two_layer_manual import ACTIVATIONS, DERIVATIVES


def test_published_costs():
    run = two_layer.train(load("flower"), iterations=2001)
    assert {i: f"{run.costs[i]:.6f}" for i in (0, 1000, 2000)} == {i: published.COSTS[i] for i in (0, 1000, 2000)}


@pytest.mark.thorough
def test_published_costs_and_accuracy():
    flower = load("flower")
    run = two_layer.train(flower)
    assert {i: f"{run.costs[i]:.6f}" for i in published.COSTS} == published.COSTS
    low, high = published.ACCURACY
    assert low <= percent_right(run.params, flower) <= high


@pytest.mark.slow
@pytest.mark.parametrize(("n_h", "bounds"), published.ACCURACIES.items())
def test_published_accuracies_by_hidden_size(n_h, bounds):
    flower = load("flower")
    params = two_layer.train(flower, n_h, iterations=5000).params
    low, high = bounds
    assert low <= percent_right(params, flower) <= high


# --- three ways to the same gradients: autograd, by hand, and the complex step ---


@st.composite
def networks(draw):
    """A network with all sizes different, its data, and its activation: ``params, X, Y, activation``."""
    n_x, n_h, n_y, m = draw(st.lists(st.integers(1, 7), min_size=4, max_size=4, unique=True))
    scale = 10.0 ** draw(st.floats(-3, 0.7))
    dtype = draw(st.sampled_from([np.float64, np.float32]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shapes = {"W1": (n_h, n_x), "b1": (n_h, 1), "W2": (n_y, n_h), "b2": (n_y, 1)}
    params = {name: (scale * rng.normal(size=shape)).astype(dtype) for name, shape in shapes.items()}
    X = rng.normal(size=(n_x, m)).astype(dtype)
    # Labels are zeros and ones, or probabilities, which the formulas hold for just as well.
    soft = draw(st.booleans())
    Y = (rng.random((n_y, m)) if soft else rng.random((n_y, m)) < 0.5).astype(dtype)
    return params, X, Y, draw(st.sampled_from(sorted(ACTIVATIONS)))


def by_hand(params, X, Y, activation):
    fwd = two_layer_manual.forward(params, X, activation)
    return two_layer_manual.backward(params, X, Y, fwd, activation)


def magnitudes(params, X, Y, activation, *, forward):
    """The six gradients with every term made positive: what round-off in them is relative to.

    ``forward`` counts the round-off of the forward pass too, for a comparison with one of another precision.
    """
    size = {name: np.abs(value) for name, value in params.items()} | {"X": np.abs(X)}
    _, A1, _, A2 = two_layer_manual.forward(params, X, activation)
    a = np.abs(A1)
    slope = {"tanh": 1 + a * a, "sigmoid": a * (1 + a)}.get(activation, DERIVATIVES[activation](A1))
    dZ2 = A2 + Y
    if forward:
        Z1 = size["W1"] @ size["X"] + size["b1"]
        a = a + Z1
        slope = slope * (1 + Z1)
        dZ2 = dZ2 + A2 * (1 - A2) * (size["W2"] @ a + size["b2"])
    m = X.shape[1]
    dZ1 = size["W2"].T @ dZ2 * slope
    return {
        "dZ2": dZ2,
        "dW2": dZ2 @ a.T / m,
        "db2": dZ2.sum(axis=1, keepdims=True) / m,
        "dZ1": dZ1,
        "dW1": dZ1 @ size["X"].T / m,
        "db1": dZ1.sum(axis=1, keepdims=True) / m,
    }


def complex_step(params, X, Y, activation, h=1e-30):
    """The six gradients from J alone: dJ/dt is Im J(t + ih) / h, which loses no digits as h shrinks."""
    m = X.shape[1]
    exact = {name: value.astype(complex) for name, value in params.items()}
    exact |= {"Z1": np.zeros((params["W1"].shape[0], m), complex)}
    exact |= {"Z2": np.zeros((params["W2"].shape[0], m), complex)}
    g = {
        "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
        "tanh": np.tanh,
        "relu": lambda z: np.where(z.real > 0, z, 0),
        "leaky_relu": lambda z: np.where(z.real > 0, z, 0.01 * z),
        "linear": lambda z: z,
    }[activation]

    def cost(p):
        A1 = g(p["W1"] @ X + p["b1"] + p["Z1"])
        Z2 = p["W2"] @ A1 + p["b2"] + p["Z2"]
        positive = Z2.real > 0
        softplus = np.where(positive, Z2, 0) + np.log1p(np.exp(np.where(positive, -Z2, Z2)))
        return np.sum(softplus - Y * Z2) / m

    grads = {}
    for name, value in exact.items():
        grad = np.empty(value.shape)
        for at in np.ndindex(value.shape):
            moved = value.copy()
            moved[at] += 1j * h
            grad[at] = cost(exact | {name: moved}).imag / h
        # The lectures' dZ is the gradient of the summed loss.
        grads["d" + name] = m * grad if name.startswith("Z") else grad
    return grads


@pytest.mark.thorough
@settings(max_examples=10 * settings.default.max_examples)
@given(networks())
def test_autograd_by_hand_and_complex_step_agree(network):
    params, X, Y, activation = network
    dtype = X.dtype
    tolerance = 1e-12 if dtype == np.float64 else 50 * float(np.finfo(np.float32).eps)
    Z1 = params["W1"] @ X + params["b1"]
    # Nearer to a kink than round-off, two precisions may be on different sides of it.
    assume("relu" not in activation or np.all(np.abs(Z1) > tolerance * (np.abs(params["W1"]) @ np.abs(X) + 1)))

    ours, theirs = two_layer.backward(params, X, Y, activation), by_hand(params, X, Y, activation)
    numerical = complex_step(params, X.astype(np.float64), Y.astype(np.float64), activation)
    near = magnitudes(params, X, Y, activation, forward=False)
    far = magnitudes(params, X, Y, activation, forward=True)
    for name in two_layer.FORMULAS:
        assert ours[name].dtype == theirs[name].dtype == dtype
        assert ours[name].shape == theirs[name].shape == numerical[name].shape
        for this, other, scale in ((ours, theirs, near), (ours, numerical, far), (theirs, numerical, far)):
            room = tolerance * scale[name] + np.finfo(dtype).tiny
            assert np.all(np.abs(this[name] - other[name]) <= room), (name, this[name], other[name])


@given(networks())
def test_the_cost_is_the_same_by_either_way(network):
    params, X, Y, activation = network
    expected = two_layer_manual.cost(two_layer_manual.forward(params, X, activation).Z2, Y)
    tolerance = 100 * float(np.finfo(X.dtype).eps)
    assert two_layer.cost(params, X, Y, activation) == pytest.approx(expected, rel=tolerance)


def test_a_wrong_formula_would_be_seen():
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(size=(2, 3, 400))
    assert two_layer.difference(ours, ours) == 0
    nearly = theirs.copy()
    nearly[1, 7] += 1e-9 * np.abs(theirs).max()
    assert two_layer.difference(nearly, theirs) == pytest.approx(1e-9, rel=1e-6)
    assert two_layer.difference(ours, 0 * ours) == np.inf
    with pytest.raises(ValueError, match=r"shapes \(3, 400\) and \(400, 3\) cannot be compared"):
        two_layer.difference(ours, ours.T)


# --- the program ---


def test_the_program_prints_costs_accuracy_and_the_comparison_and_draws(capsys, tmp_path):
    plot = tmp_path / "new" / "picture.png"
    assert cli.run(two_layer.main, ["--iterations", "1001", "--plot", str(plot)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert "        0  0.693048  0.693048\n     1000  0.288083  0.288083\n" in out
    assert "accuracy 8" in out
    rows = {line[:3]: line.split() for line in out.splitlines() if line[:3] in two_layer.FORMULAS}
    assert list(rows) == ["dZ2", "dW2", "db2", "dZ1", "dW1", "db1"]
    assert all(float(at) < 1e-11 for row in rows.values() for at in row[-1:])
    assert plot.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("activation", "slope"),
    [
        ("tanh", "(1 - A1**2)"),
        ("sigmoid", "A1 * (1 - A1)"),
        ("relu", "(Z1 > 0)"),
        ("leaky_relu", "np.where(Z1 > 0, 1, 0.01)"),
    ],
)
def test_derive_prints_the_six_formulas(capsys, activation, slope):
    assert cli.run(two_layer.main, ["--derive", "--activation", activation, "--hidden", "3"]) == 0
    printed = capsys.readouterr().out
    lines = [line.split("#")[0].strip() for line in printed.splitlines()]
    backward = lines[lines.index("dZ2 = (A2 - Y) / m") :][:6]
    assert backward == [
        "dZ2 = (A2 - Y) / m",
        "dW2 = dZ2 @ A1.T",
        "db2 = np.sum(dZ2, axis=1, keepdims=True)",
        f"dZ1 = W2.T @ dZ2 * {slope}",
        "dW1 = dZ1 @ X.T",
        "db1 = np.sum(dZ1, axis=1, keepdims=True)",
    ]
    flower = load("flower")
    params = two_layer_manual.initialise(n_x=2, n_h=3, n_y=1, scale=1.0)
    namespace = {}
    exec(printed, namespace)
    value, grads = namespace["cost_and_gradient"](*params.values(), flower.X, flower.Y)
    expected = by_hand(params, flower.X, flower.Y, activation)
    cost = two_layer_manual.cost(two_layer_manual.forward(params, flower.X, activation).Z2, flower.Y)
    assert value == pytest.approx(cost, rel=1e-12)
    for name, grad in zip(params, grads, strict=True):
        np.testing.assert_allclose(grad, expected["d" + name], rtol=1e-10)


@pytest.mark.thorough
@pytest.mark.parametrize("data", DATASETS)
def test_it_learns_every_data_set(capsys, tmp_path, data):
    argv = ["--data", data, "--iterations", "60", "--hidden", "7", "--plot", str(tmp_path / "picture.png")]
    assert cli.run(two_layer.main, argv) == 0
    costs = [float(line.split()[1]) for line in capsys.readouterr().out.splitlines() if line[:1] == " " and "." in line]
    assert costs[-1] < costs[0]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--data", "flwr"], "argument --data: invalid choice: 'flwr' (choose from "),
        (["--activation", "swish"], "argument --activation: invalid choice: 'swish' (choose from "),
        (["--hidden", "0"], "argument --hidden: 0 is not between 1 and 10,000,000"),
        (["--hidden", "four"], "argument --hidden: 'four' is not a whole number"),
        (
            ["--activation", "relu", "--learning-rate", "1e200"],
            "at iteration 1: the learning rate 1e+200 is too large here",
        ),
        (["--iterations", "1", "--plot", "/dev/null/picture.png"], "/dev/null"),
    ],
)
def test_wrong_flags_and_data_get_one_clear_line(capsys, argv, words):
    assert cli.run(two_layer.main, argv) == 2
    err = capsys.readouterr().err
    assert err.startswith("error: ")
    assert words in err
    assert err.count("\n") == 1


def test_a_missing_extra_is_named(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert cli.run(two_layer.main, []) == 2
    assert "pip install 'tinygrad_lite[plot]'" in capsys.readouterr().err


def test_it_runs_as_a_module():
    run = subprocess.run(
        [sys.executable, "-m", "models.two_layer", "--hidden", "none"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert run.stdout == ""
    assert run.stderr == "error: argument --hidden: 'none' is not a whole number (--help lists the flags)\n"
