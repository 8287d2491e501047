"""tg.compare: right gradients are never accused, and mistakes are named."""

from __future__ import annotations

import io
import itertools
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from benchmarks.diagnosis import try_correct, try_mistake
from tests.everyday import one_in
from tinygrad_lite.diagnosis.bench import Bench
from tinygrad_lite.diagnosis.factors import Factors
from tinygrad_lite.diagnosis.formulas import evaluate
from tinygrad_lite.diagnosis.mistakes import MISTAKES
from tinygrad_lite.diagnosis.search import Patience, Search
from tinygrad_lite.diagnosis.targets import Target
from tinygrad_lite.program.program import Node
from tinygrad_lite.program.trace import expand
from tinygrad_lite.table import rows

RIGHT_LINES = {
    "dZ2": "(A2 - Y) / k",
    "dW2": "dZ2 @ A1.T / q",
    "db2": "np.sum(dZ2, axis=1, keepdims=True) / q",
    "dZ1": "W2.T @ dZ2 * (1 - A1**2)",
    "dW1": "dZ1 @ X.T / q",
    "db1": "np.sum(dZ1, axis=1, keepdims=True) / q",
}


def cost(W1, b1, W2, b2, X, Y):
    m = X.shape[1]
    Z1 = np.dot(W1, X) + b1
    A1 = np.tanh(Z1)
    Z2 = np.dot(W2, A1) + b2
    A2 = 1 / (1 + np.exp(-Z2))
    J = -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m
    return J


def draw(seed=0, n_x=2, n_h=5, n_y=3, m=11, scale=1.0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    W1, b1 = scale * rng.normal(size=(n_h, n_x)), scale * rng.normal(size=(n_h, 1))
    W2, b2 = scale * rng.normal(size=(n_y, n_h)), scale * rng.normal(size=(n_y, 1))
    X, Y = rng.normal(size=(n_x, m)), rng.integers(0, 2, (n_y, m))
    return tuple(x.astype(dtype) for x in (W1, b1, W2, b2, X, Y))


def write_by_hand(args, lectures=True, **wrong):
    """The gradients of a student, some of whose lines are wrong; and the names that the lines refer to."""
    W1, b1, W2, b2, X, Y = args
    m = X.shape[1]
    Z1 = W1 @ X + b1
    A1 = np.tanh(Z1)
    Z2 = W2 @ A1 + b2
    A2 = 1 / (1 + np.exp(-Z2))
    k, q = (1, m) if lectures else (m, 1)
    space: dict[str, Any] = {"np": np, **dict(zip(("W1", "b1", "W2", "b2", "X", "Y"), args, strict=True))}
    space |= {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2, "m": m, "k": k, "q": q}
    grads = {}
    for name, line in {**RIGHT_LINES, **wrong}.items():
        grads[name] = space[name] = eval(line, space)
    return grads, SimpleNamespace(**space)


@pytest.mark.parametrize(
    ("m", "dtype", "lectures", "scale"),
    one_in(5, itertools.product([1, 40], [np.float64, np.float32], [True, False], [0.01, 1.0, 10.0])),
)
def test_right_gradients_are_not_accused(lectures, dtype, scale, m):
    args = draw(m=m, scale=scale, dtype=dtype)
    grads, _ = write_by_hand(args, lectures)
    result = tg.compare(grads, cost, *args)
    assert result.ok, str(result)
    assert not result.findings
    result.raise_if_wrong()


def scaled_softmax(W, V, X, Y):
    S = W @ X / np.sqrt(6)
    P = np.exp(S) / np.sum(np.exp(S), axis=0)
    R = V @ P
    return np.sum((R - Y) ** 2) / 2


@pytest.mark.parametrize(("gap", "factor"), [(715, 1), (725, 1), (735, 1), (725, 2)])
def test_gradients_below_the_smallest_normal_number(gap, factor):
    """They have few digits: what rounding does to them is no mistake, and a mistake in them cannot be seen."""
    rng = np.random.default_rng(gap)
    X = rng.normal(size=(3, 4))
    W = np.linalg.lstsq(X[:, :3].T, np.sqrt(6) * np.outer([gap, gap, gap], [-0.5, 0.5]), rcond=None)[0].T
    X[:, 3] = X[:, 0]
    V, Y = rng.normal(size=(5, 2)), rng.normal(size=(5, 4))
    S = W @ X / np.sqrt(6)
    P = np.exp(S) / np.sum(np.exp(S), axis=0)
    dR = V @ P - Y
    dP = V.T @ dR
    dS = factor * P * (dP - np.sum(dP * P, axis=0))
    assert 0 < np.max(np.abs(dS)) < np.finfo(float).tiny
    grads = {"dR": dR, "dP": dP, "dS": dS, "dW": dS @ X.T / np.sqrt(6)}
    result = tg.compare(grads, scaled_softmax, W, V, X, Y)
    assert not result.findings, str(result)
    assert result.ok
    assert (result.entries[2].verdict == "right") == (factor == 1)


@pytest.mark.parametrize("given", [("dS", "dQ", "dW"), ("dQ", "dW"), ("dW",)])
def test_what_follows_from_a_gradient_that_rounding_decides_is_not_accused(given):
    """Of a softmax that is saturated, P * (dP - …) in another order of its steps is off by a quarter, or is 0."""

    def f(W, K, X, Y):
        Q = X @ W
        S = Q @ K.T
        E = np.exp(S - np.max(S, axis=1, keepdims=True))
        P = E / np.sum(E, axis=1, keepdims=True)
        return 0.5 * np.sum((P @ K - Y) ** 2)

    for seed, scale in enumerate((2, 3, 3, 4, 4, 6)):
        rng = np.random.default_rng(seed)
        W, K, X, Y = (scale * rng.normal(size=shape) for shape in ((4, 3), (5, 3), (6, 4), (6, 3)))
        grads = write_attention(W, K, X, Y)
        result = tg.compare({name: grads[name] for name in given}, f, W, K, X, Y)
        assert result.ok, str(result)


def write_attention(W, K, X, Y):
    Q = X @ W
    E = np.exp(Q @ K.T - np.max(Q @ K.T, axis=1, keepdims=True))
    P = E / np.sum(E, axis=1, keepdims=True)
    dP = (P @ K - Y) @ K.T
    dS = P * (dP - np.sum(dP * P, axis=1, keepdims=True))
    return {"dS": dS, "dQ": dS @ K, "dW": X.T @ (dS @ K)}


def test_a_number_of_float32_is_one():
    def f(a, w, x):
        q = np.exp(a)
        return np.sum((q * w - x) ** 2)

    a, w, x = np.array(0.7, np.float32), np.arange(1.0, 5), np.ones(4)
    q = np.exp(a)  # in float32
    result = tg.compare({"dq": np.sum(2 * (q * w - x) * w), "dw": 2 * (q * w - x) * q}, f, a, w, x)
    assert result.ok, str(result)


@pytest.mark.parametrize("lectures", [True, False])
def test_the_convention_is_found(lectures):
    args = draw()
    result = tg.compare(write_by_hand(args, lectures)[0], cost, *args)
    assert [e.convention for e in result.entries if e.name.startswith("dZ")] == 2 * ["m·∂J/∂Z" if lectures else "∂J/∂Z"]


WRONG = [
    ("dZ1", "W2.T @ dZ2"),
    ("dZ1", "W2.T @ dZ2 * (1 - Z1**2)"),
    ("dZ1", "W2.T @ dZ2 * A1 * (1 - A1)"),
    ("dZ1", "W2.T @ dZ2 * (1 - A1)"),
    ("dZ1", "W2.T @ dZ2 + (1 - A1**2)"),
    ("dZ1", "(W2 - 0.75 * dW2).T @ dZ2 * (1 - A1**2)"),
    ("dZ2", "Y - A2"),
    ("dZ2", "A2 - (1 - Y)"),
    ("dZ2", "A2"),
    ("dZ2", "(A2 - Y) * A2 * (1 - A2)"),
    ("dW2", "dZ2 @ A1.T"),
    ("dW2", "dZ2 @ Z1.T / m"),
    ("dW1", "dZ1 @ X.T / (m - 1)"),
    ("dW1", "dZ1 @ X.T / m / m"),
    ("db2", "np.sum(dZ2, axis=1, keepdims=True)"),
    ("db2", "np.sum(dZ2, axis=1) / m"),
    ("db1", "np.sum(dZ1) / m"),
    ("db1", "np.mean(dZ1) / m"),
    ("dZ2", "(A2 > 0.5) - Y"),
    ("dZ2", "A2 - Y[:, ::-1]"),
    ("dZ2", "A2 * (1 - A2) - Y"),
    ("dZ1", "W2.T @ dZ2 * np.exp(A1)"),
    ("dZ1", "W2.T @ dZ2 * (1 - 0.83 * A1**2)"),
    ("dZ1", "W2.T @ np.mean(dZ2, axis=1, keepdims=True) * (1 - A1**2)"),
    ("dW2", "dZ2 @ (1 / (1 + np.exp(-Z1))).T / m"),
    ("dW1", "(dZ1 @ X.T)[[2, 0, 1, 4, 3]] / m"),
    ("db2", "np.sum(dZ2) / m * np.ones_like(b2)"),
    ("dW1", "dZ1[:, -1:] @ X[:, -1:].T / m"),
]


@pytest.mark.parametrize(("name", "line"), one_in(2, WRONG))
def test_a_mistake_is_located_and_its_line_gives_the_users_numbers(name, line):
    args = draw()
    grads, space = write_by_hand(args, **{name: line})
    result = tg.compare(grads, cost, *args)
    assert not result.ok
    assert [f.name for f in result.findings] == [name]
    (finding,) = result.findings
    assert finding.correct == f"{name} = {RIGHT_LINES[name].replace('(A2 - Y) / k', 'A2 - Y').replace('/ q', '/ m')}"
    assert finding.written is not None
    np.testing.assert_allclose(eval(finding.written, vars(space)), grads[name], rtol=1e-9)
    others, other_space = write_by_hand(draw(seed=1), **{name: line})  # it is the same formula, not the same numbers
    np.testing.assert_allclose(eval(finding.written, vars(other_space)), others[name], rtol=1e-9)
    assert f"`{name} = {finding.written}`" in finding.text
    with pytest.raises(AssertionError, match=name):
        result.raise_if_wrong()


@pytest.mark.parametrize("name", ["dZ1", "dW2"])
def test_an_error_in_the_ninth_digit_is_seen_in_float64(name):
    args = draw()
    grads, _ = write_by_hand(args, **{name: f"(1 + 3e-9) * ({RIGHT_LINES[name]})"})
    result = tg.compare(grads, cost, *args)
    assert [f.name for f in result.findings] == [name]


def test_two_mistakes_are_two_findings_and_consequences_are_none():
    args = draw()
    grads, _ = write_by_hand(args, dZ1="W2.T @ dZ2", dW2="dZ2 @ A1.T")
    result = tg.compare(grads, cost, *args)
    assert sorted(f.name for f in result.findings) == ["dW2", "dZ1"]
    (consequence,) = [e for e in result.entries if e.name == "dW1"]
    assert "consistent with your dZ1" in consequence.why


def test_a_mistake_in_a_line_that_was_not_given():
    args = draw()
    grads, _ = write_by_hand(args, dZ1="W2.T @ dZ2")
    result = tg.compare({name: grads[name] for name in ("dW1", "db1", "dW2", "db2")}, cost, *args)
    assert [f.name for f in result.findings] == ["dZ1"]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda g: None, "None"),
        (lambda g: "junk", "dtype"),
        (lambda g: np.where(np.arange(g.size).reshape(g.shape) == 1, np.nan, g), "nan"),
        (lambda g: g.astype(int), "int"),
        (lambda g: g.T, "transposed"),
        (lambda g: g[:, 0], "shape"),
        (lambda g: np.array([object()]), "no array"),
    ],
)
def test_a_bad_entry_has_a_verdict_and_the_others_are_judged(spoil, says):
    args = draw()
    grads, _ = write_by_hand(args)
    grads["dW1"] = spoil(grads["dW1"])
    result = tg.compare(grads, cost, *args)
    verdicts = {e.name: e for e in result.entries}
    assert verdicts["dW1"].verdict == "wrong"
    assert says in verdicts["dW1"].why
    assert all(verdicts[name].verdict == "right" for name in RIGHT_LINES if name != "dW1")
    assert not result.ok


@pytest.mark.parametrize(
    "wrong", ["np.mean({}, axis=1, keepdims=True)", "({})[:, :1]", "np.sum({}, axis=0)", "W2.T[:, :1]"]
)
def test_what_follows_from_a_line_of_another_shape_is_no_mistake_of_its_own(wrong):
    """A column, or a row, where one for each example belongs: NumPy broadcasts it in the lines after it, silently."""
    args = draw()
    grads, space = write_by_hand(args)
    dA1 = eval(wrong.format("W2.T @ dZ2"), vars(space) | {"dZ2": grads["dZ2"]})
    dZ1 = dA1 * (1 - space.A1**2)
    grads |= {"dA1": dA1, "dZ1": dZ1, "dW1": dZ1 @ space.X.T / 11, "db1": np.sum(dZ1, axis=1, keepdims=True) / 11}
    result = tg.compare(grads, cost, *args)
    assert [f.name for f in result.findings] == ["dA1"]
    assert "consistent with your dA1" in next(e.why for e in result.entries if e.name == "dZ1")


def test_what_follows_in_another_shape_is_no_mistake_of_its_own_either():
    args = draw()
    grads, space = write_by_hand(args)
    dZ1 = 2 * grads["dZ2"]  # 3 rows, not 5
    grads |= {"dZ1": dZ1, "dW1": dZ1 @ space.X.T / 11, "db1": np.sum(dZ1, axis=1, keepdims=True) / 11}
    result = tg.compare(grads, cost, *args)
    assert [f.name for f in result.findings] == ["dZ1"]
    assert "consistent with your dZ1" in next(e.why for e in result.entries if e.name == "dW1")
    grads["dW1"] = dZ1 @ space.X.T
    assert [f.name for f in tg.compare(grads, cost, *args).findings] == ["dZ1", "dW1"]


def test_a_sum_for_a_product_of_several_factors_is_named():
    def f(W1, W2, X, Y, lambd):
        m = X.shape[1]
        Z1 = W1 @ X
        A1 = np.tanh(Z1)
        Z2 = W2 @ A1
        return np.sum((Z2 - Y) ** 2) / m + lambd / (2 * m) * (np.sum(W1**2) + np.sum(W2**2))

    rng = np.random.default_rng(3)
    W1, W2, X, Y = (rng.normal(size=shape) for shape in ((4, 3), (2, 4), (3, 7), (2, 7)))
    A1, lambd, m = np.tanh(W1 @ X), 0.7, 7
    dZ2 = 2 * (W2 @ A1 - Y) / m
    for factors in (lambd / m + W2, lambd + W2 / m):
        result = tg.compare({"dZ2": dZ2, "dW2": dZ2 @ A1.T + factors}, f, W1, W2, X, Y, lambd)
        (finding,) = result.findings
        assert "added instead of multiplied" in finding.verdict


def relu_network():
    """A network of rectified units, its arguments, and the right gradients of what its layers compute."""
    rng = np.random.default_rng(21)
    W1, W2, X, Y = (rng.normal(size=shape) for shape in ((4, 3), (2, 4), (3, 7), (2, 7)))

    def f(W1, W2):
        Z1 = W1 @ X
        A1 = np.maximum(Z1, 0)
        Z2 = W2 @ A1
        return np.sum((Z2 - Y) ** 2)

    dZ2 = 2 * (W2 @ np.maximum(W1 @ X, 0) - Y)
    return f, (W1, W2), X, dZ2, W2.T @ dZ2 * (W1 @ X > 0)


@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.uint8, np.float64])
def test_a_mistake_in_an_array_of_truths_or_whole_numbers_is_named(dtype):
    """Z > 0 alone, for dA * (Z > 0): the factor is missing, whatever the dtype is."""
    f, args, X, dZ2, right = relu_network()
    dZ1 = (right != 0).astype(dtype)
    result = tg.compare({"dZ2": dZ2, "dZ1": dZ1, "dW1": dZ1 @ X.T}, f, *args)
    (finding,) = result.findings
    assert (finding.name, finding.written) == ("dZ1", "Z1 > 0")
    assert "W2.T @ dZ2" in finding.verdict


def test_what_was_written_into_an_array_of_whole_numbers_is_told_from_a_wrong_formula():
    f, args, X, dZ2, right = relu_network()
    dZ1 = right.astype(int)
    result = tg.compare({"dZ2": dZ2, "dZ1": dZ1, "dW1": dZ1 @ X.T}, f, *args)
    (finding,) = result.findings
    assert "whole numbers" in finding.verdict
    assert finding.written.startswith("np.trunc(")


def test_a_name_that_f_does_not_have():
    args = draw()
    grads, _ = write_by_hand(args)
    grads["dw1"], grads["W2"] = grads.pop("dW1"), grads.pop("dW2")
    result = tg.compare(grads, cost, *args)
    why = {e.name: e.why for e in result.entries if e.verdict == "cannot tell"}
    assert set(why) == {"dw1", "W2"}
    assert "dW1" in why["dw1"]
    assert "dW2" in why["W2"]


def test_a_list_is_read_as_an_array():
    args = draw()
    grads, _ = write_by_hand(args)
    result = tg.compare({**grads, "db1": grads["db1"].tolist()}, cost, *args)
    assert result.ok


def test_a_function_may_stand_for_the_mapping():
    args = draw()
    assert tg.compare(lambda *args: write_by_hand(args)[0], cost, *args).ok
    with pytest.raises(TypeError, match="mapping"):
        tg.compare(lambda *args: 3, cost, *args)


def test_the_report_in_a_notebook():
    args = draw()
    grads, _ = write_by_hand(args, dZ1="W2.T @ dZ2")
    assert "<table>" in tg.compare(grads, cost, *args)._repr_html_()


def draw_operands(row):
    """Random operands of a mistake's two sides: square matrices, so that any product fits."""
    rng = np.random.default_rng(3)
    return [x if type(x) is float else rng.normal(size=(3, 3)) if x.ndim == 2 else 3 for x in row.rule.operands]


@pytest.mark.parametrize("row", MISTAKES, ids=lambda row: row.what)
def test_the_sides_of_a_mistake_differ(row):
    operands = draw_operands(row)
    right, wrong = (np.asarray(side(*operands, **row.rule.keywords)) for side in (row.rule.left, row.rule.right))
    assert right.shape != wrong.shape or not np.allclose(right, wrong)


@pytest.mark.parametrize("row", MISTAKES, ids=lambda row: row.what)
def test_the_mutant_of_a_mistake_is_recognised(row):
    operands = draw_operands(row)
    values, leaves = {}, {}
    for i, x in enumerate(operands):
        if type(x) is not float:
            name = f"x{i}"
            values[name] = x
            weak = type(x) is int
            leaves[name] = Node(None, (), {}, np.shape(x), np.asarray(x).dtype, weak, name)
    given = [leaves.get(f"x{i}", x) for i, x in enumerate(operands)]
    with np.errstate(all="ignore"):
        root, wrong = (expand(side, given, row.rule.keywords)[1] for side in (row.rule.left, row.rule.right))
    bench = Bench(values, leaves, str)
    numbers = np.asarray(evaluate(wrong, values), float)
    with np.errstate(all="ignore"):
        found = Search(bench, Factors(bench), {}, Patience(), {}).explain(root, Target(numbers, 1e-12), pairs=False)
    assert found
    np.testing.assert_allclose(np.asarray(bench.value(found[0].root), float), numbers)
    assert min(e.cost for e in found) <= row.often
    assert row.what in [m.what for e in found for m in e.mutations]


def one_layer_cost(W, b, X, Y):
    m = X.shape[1]
    Z = W @ X + b
    A = tg.sigmoid(Z)
    return -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / m


def draw_one_layer():
    rng = np.random.default_rng(0)
    W, b, X = rng.normal(size=(3, 4)), rng.normal(size=(3, 1)), rng.normal(size=(4, 5))
    return W, b, X, rng.integers(0, 2, (3, 5))


WRONG_BIAS = [
    (lambda dZ: np.sum(dZ), "the sum runs over both axes, since axis=1 is missing"),
    (lambda dZ: np.sum(dZ, keepdims=True), "the sum runs over both axes, since axis=1 is missing"),
    (lambda dZ: np.sum(dZ, axis=1), "`keepdims=True` is missing"),
    (lambda dZ: np.sum(dZ, axis=0, keepdims=True), "the sum runs over the wrong axis"),
    (lambda dZ: dZ, "the sum over the examples is missing"),
]


@pytest.mark.parametrize(
    ("averaged_before", "db", "what"), one_in(2, ((before, *row) for before in (True, False) for row in WRONG_BIAS))
)
def test_mistakes_in_the_gradient_of_a_bias_are_named_by_the_table(db, what, averaged_before):
    W, b, X, Y = draw_one_layer()
    dZ = tg.sigmoid(W @ X + b) - Y
    given = {"dZ": dZ / 5, "db": db(dZ / 5)} if averaged_before else {"dZ": dZ, "db": db(dZ) / 5}
    (finding,) = tg.compare(given, one_layer_cost, W, b, X, Y).findings
    assert finding.verdict == what


@pytest.mark.parametrize(
    ("db", "what"),
    [
        (lambda dZ: np.mean(dZ), "the mean runs over both axes, since axis=1 is missing"),
        (lambda dZ: np.mean(dZ, keepdims=True), "the mean runs over both axes, since axis=1 is missing"),
        (lambda dZ: np.mean(dZ, axis=0, keepdims=True), "the mean runs over the wrong axis"),
    ],
)
def test_a_mean_over_the_wrong_axes_is_held_against_the_bias_alone(db, what):
    """And not against dZ, which is right in the lectures' convention."""
    W, b, X, Y = draw_one_layer()
    dZ = tg.sigmoid(W @ X + b) - Y
    (finding,) = tg.compare({"dZ": dZ, "dW": dZ @ X.T / 5, "db": db(dZ)}, one_layer_cost, W, b, X, Y).findings
    assert (finding.name, finding.verdict) == ("db", what)


@pytest.mark.parametrize("seed", one_in(2, range(6)))
def test_right_gradients_of_random_networks_are_not_accused(seed):
    assert try_correct(seed) is None


@pytest.mark.parametrize("seed", one_in(2, range(4)))
def test_mistakes_in_random_networks_are_located(seed):
    outcome = try_mistake(seed)
    assert outcome.located, outcome


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 200))
def test_right_gradients_of_many_random_networks_are_not_accused(seed):
    assert try_correct(seed) is None


def test_power_tells_what_tiny_weights_in_float32_hide():
    args = draw(m=30)
    power = tg.compare(write_by_hand(args)[0], cost, *args).power()
    assert power.killed == power.total > 100
    W1, b1, W2, b2, X, Y = draw(scale=0.003, dtype=np.float32, m=30)
    args = (W1, 0 * b1, W2, 0 * b2, X, Y)
    power = tg.compare(write_by_hand(args)[0], cost, *args).power()
    hidden = [m.written for m in power.survivors]
    assert "W2.T @ dZ2 * (1 - Z1**2)" in hidden
    assert "pass unseen" in str(power)
    assert all(m.data for m in power.survivors)


# -- costs that are read out, verdicts on nothing, and some mistakes --------------------------------------------------


@pytest.mark.parametrize(
    "end",
    [
        "return float(np.squeeze(J))",
        "return J.item()",
        "J = float(J)\n    assert isinstance(J, float)\n    return J",
        "shown = float(J)\n    return J",
        "before = J.item()\n    J = J + np.sum(W**2)\n    return before",
    ],
)
def test_a_cost_may_be_read_out_at_the_end(end):
    grads, f, args = _read_out(end)
    assert tg.compare(grads, f, *args).verdict == "right"
    assert not tg.compare({"dW": 2 * grads["dW"]}, f, *args).ok


@pytest.mark.parametrize(
    "end",
    [
        "return 2 * float(J)",
        "return float(J) + np.sum(W**2)",
        "return round(float(J), 3)",
        "return J * float(np.sum(W))",
        "k = float(np.sum(W))\n    return float(J * k)",
        "return np.exp(J.item())",
    ],
)
def test_a_number_that_was_read_before_the_cost_was_there_is_refused(end):
    grads, f, args = _read_out(end)
    with pytest.raises(tg.TraceError, match=r"cost\.py:4|<string>|test_compare"):
        tg.compare(grads, f, *args)


def _read_out(end):
    space = {"np": np}
    exec(f"def cost(W, X, Y):\n    J = np.sum((W @ X - Y)**2)\n    {end}\n", space)
    rng = np.random.default_rng(0)
    W, X, Y = rng.normal(size=(2, 3)), rng.normal(size=(3, 5)), rng.normal(size=(2, 5))
    return {"dW": 2 * (W @ X - Y) @ X.T}, space["cost"], (W, X, Y)


def test_no_gradient_at_all_is_not_ok():
    args = draw()
    result = tg.compare({}, cost, *args)
    assert not result.ok
    assert "no gradient was given" in str(result)
    with pytest.raises(AssertionError, match="no gradient was given"):
        result.raise_if_wrong()


def test_strict_asks_for_entries_that_were_verified():
    args = draw()
    args[0][...] = -0.1
    args[1][...] = -50.0  # tanh is flat there: nothing can be told of what lies below it
    grads, _ = write_by_hand(args)
    result = tg.compare(grads, cost, *args)
    assert result.ok
    assert result.verdict == "cannot tell"
    result.raise_if_wrong()
    with pytest.raises(AssertionError):
        result.raise_if_wrong(strict=True)


def test_a_factor_without_a_meaning_is_told_at_once_and_the_root_of_a_size_by_name():
    args = draw(m=50)
    factors = {0.3712345: "0.371234", 1 / 50**0.5: "m"}
    for factor, said in factors.items():
        grads, _ = write_by_hand(args)
        grads["dW1"] = factor * grads["dW1"]
        (finding,) = tg.compare(grads, cost, *args).findings
        assert finding.name == "dW1"
        assert said in finding.text


@pytest.mark.parametrize("factor", [1.9267131, -0.0340017, 1.5, 4.0])
def test_of_one_number_no_factor_is_claimed_that_means_nothing(factor):
    """Some factor always fits it."""

    def f(w, b, X, Y):
        m = X.shape[1]
        A = tg.sigmoid(w.T @ X + b)
        return -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / m

    rng = np.random.default_rng(5)
    args = rng.normal(size=(3, 1)), 0.3, rng.normal(size=(3, 8)), rng.integers(0, 2, (1, 8))
    dw, db = tg.grad(f, (0, 1))(*args)
    (finding,) = tg.compare({"dw": dw, "db": factor * db}, f, *args).findings
    assert finding.name == "db"
    if factor in (1.5, 4.0):
        assert f"It is {factor:g} times what it should be" in finding.text
    else:
        assert "times" not in finding.text
        assert f"It is {factor * db:.6g} where {db:.6g} is right" in finding.text


def test_of_one_number_no_number_in_its_line_is_said_to_be_another():
    """Some number in the place of one that the forward pass computes always fits, too."""

    def f(a, c, X):
        J = 0.0
        state = 1.0
        for x in X:
            error = x - a * state
            state = np.tanh(a * state + c * error)
            J = J + error**2
        return J

    args = np.array(0.8), np.array(0.3), np.array([0.4, -1.0])
    for finding in tg.compare({"da": 0.71234567 * tg.grad(f)(*args)}, f, *args).findings:
        assert finding.written is None, finding.text


def test_a_second_mistake_is_found_on_top_of_the_first():
    """Neither dZ2 nor dZ1 is given; the same slope is wrong in both."""

    def deep(W1, b1, W2, b2, W3, X, Y):
        m = X.shape[1]
        Z1 = W1 @ X + b1
        A1 = np.tanh(Z1)
        Z2 = W2 @ A1 + b2
        A2 = np.tanh(Z2)
        Z3 = W3 @ A2
        return np.sum((Z3 - Y) ** 2) / (2 * m)

    rng = np.random.default_rng(0)
    W1, W2, W3 = rng.normal(size=(4, 3)), rng.normal(size=(5, 4)), rng.normal(size=(2, 5))
    b1, b2 = rng.normal(size=(4, 1)), rng.normal(size=(5, 1))
    X, Y = rng.normal(size=(3, 9)), rng.normal(size=(2, 9))
    A1 = np.tanh(W1 @ X + b1)
    A2 = np.tanh(W2 @ A1 + b2)
    dZ3 = (W3 @ A2 - Y) / 9
    dZ2 = W3.T @ dZ3 * (1 - A2)
    dZ1 = W2.T @ dZ2 * (1 - A1)
    grads = {"dW3": dZ3 @ A2.T, "dW2": dZ2 @ A1.T, "dW1": dZ1 @ X.T}
    grads |= {"db2": np.sum(dZ2, axis=1, keepdims=True), "db1": np.sum(dZ1, axis=1, keepdims=True)}
    found = tg.compare(grads, deep, W1, b1, W2, b2, W3, X, Y).findings
    assert [(f.name, f.written) for f in found] == [
        ("dZ2", "W3.T @ dZ3 * (1 - A2)"),
        ("dZ1", "W2.T @ dZ2 * (1 - A1)"),
    ]


def test_a_sum_over_the_wrong_axis_is_named_though_it_is_zero():
    """The columns of softmax minus labels add up to zero: the shape alone tells."""

    def classify(W1, b1, X, Y):
        m = X.shape[1]
        Z1 = W1 @ X + b1
        A1 = np.exp(Z1) / np.sum(np.exp(Z1), axis=0)
        return -np.sum(Y * np.log(A1)) / m

    rng = np.random.default_rng(0)
    W1, b1, X = rng.normal(size=(3, 4)), rng.normal(size=(3, 1)), rng.normal(size=(4, 11))
    Y = np.eye(3)[:, rng.integers(0, 3, 11)]
    A1 = np.exp(W1 @ X + b1) / np.sum(np.exp(W1 @ X + b1), axis=0)
    dZ1 = (A1 - Y) / 11
    wrong = np.sum(dZ1, axis=0, keepdims=True)
    (finding,) = tg.compare({"dZ1": dZ1, "dW1": dZ1 @ X.T, "db1": wrong}, classify, W1, b1, X, Y).findings
    assert finding.written == "np.sum(dZ1, axis=0, keepdims=True)"


# -- data on a kink, and entries that are chosen ----------------------------------------------------------------------


def compare_a_relu(form, slope_at_zero, wrong=1.0):
    """A comparison of a network some of whose units are given exactly 0, by a student who has some slope there."""
    space: dict[str, Any] = {"np": np, "tg": tg}
    exec(
        f"def cost(W1, b1, W2, X, Y):\n    Z1 = W1 @ X + b1\n    A1 = {form}\n"
        "    Z2 = W2 @ A1\n    return np.sum((Z2 - Y)**2)\n",
        space,
    )
    rng = np.random.default_rng(0)
    W1, b1, W2 = rng.normal(size=(4, 3)), np.zeros((4, 1)), rng.normal(size=(2, 4))
    X, Y = rng.normal(size=(3, 9)), rng.normal(size=(2, 9))
    X[:, [2, 5]] = 0
    Z1 = W1 @ X
    A1 = np.maximum(Z1, 0)
    dZ2 = 2 * (W2 @ A1 - Y)
    dZ1 = W2.T @ dZ2 * np.where(Z1 == 0, slope_at_zero, Z1 > 0) * wrong
    grads = {"dZ2": dZ2, "dW2": dZ2 @ A1.T, "dZ1": dZ1, "dW1": dZ1 @ X.T, "db1": np.sum(dZ1, axis=1, keepdims=True)}
    return tg.compare(grads, space["cost"], W1, b1, W2, X, Y)


@pytest.mark.thorough
@pytest.mark.parametrize("slope", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(
    "form", ["np.maximum(Z1, 0)", "tg.relu(Z1)", "np.where(Z1 > 0, Z1, 0)", "Z1 * (Z1 >= 0)", "np.clip(Z1, 0, 1e9)"]
)
def test_where_data_lies_on_a_kink_the_slopes_of_both_sides_are_right(form, slope):
    result = compare_a_relu(form, slope)
    assert result.verdict == "right", str(result)
    assert not result.findings
    for slip in (-1.0, 1.001):
        result = compare_a_relu(form, slope, slip)
        assert [f.name for f in result.findings] == ["dZ1"]


@pytest.mark.thorough
@pytest.mark.parametrize("op", [op for op in rows() if op.kinks], ids=lambda op: op.name)
def test_on_a_kink_of_any_op_the_slopes_of_both_sides_are_right(op):
    """Where both operands are equal, for an op of two."""
    rng = np.random.default_rng(0)
    W, X, Y = rng.normal(size=(1, 4)), rng.normal(size=(4, 5)), rng.normal(size=(4, 5))
    X[0, :3] = Y[0, :3] = op.kinks[0]
    others = (Y,) if op.arity == 2 else ()

    def cost(X, *others):
        A = op(X, *others)
        J = np.sum(W @ A)
        return J

    for side in (-1e-9, 1e-9):
        slope = tg.grad(cost)(np.where(op.kinks[0] == X, X + side, X), *others)
        result = tg.compare({"dX": slope}, cost, X, *others, wrt=0)
        assert result.verdict == "right", str(result)
        assert not tg.compare({"dX": 1.001 * slope}, cost, X, *others, wrt=0).ok
        slope[0, 1] -= 3 * W[0, 0]  # on the kink, but not between the slopes of the two sides
        assert not tg.compare({"dX": slope}, cost, X, *others, wrt=0).ok


def pair(Z, axis=-1):
    return np.stack([Z, 0 * Z], axis)


KINKS = {  # that are in no table: of a function of Z, with its slope to the right of 0; to the left it is the negative
    "hypot": (lambda Z: np.hypot(Z, 0), 1),
    "hypot of one": (lambda Z: np.hypot(Z, Z), 2**0.5),
    "norm": (lambda Z: np.linalg.norm(pair(Z), axis=-1), 1),
    "norm of order 3": (lambda Z: np.linalg.norm(pair(Z), 3, axis=-1), 1),
    "largest": (lambda Z: np.linalg.norm(pair(Z), np.inf, axis=-1), 1),
    "spectral": (lambda Z: np.linalg.norm(Z.reshape(3, 5, 1, 1), 2, axis=(-2, -1)), 1),
    "std": (lambda Z: np.std(np.stack([Z, -Z]), axis=0), 1),
    "ptp": (lambda Z: np.ptp(pair(Z), -1), 1),
    "sort": (lambda Z: 2 * np.sort(pair(Z), -1)[..., 1] - Z, 1),
    "partition": (lambda Z: 2 * np.partition(pair(Z), 1, -1)[..., 1] - Z, 1),
    "median": (lambda Z: 2 * np.median(np.stack([Z, 0 * Z, 9 + Z]), 0) - Z, 1),
    "quantile": (lambda Z: 2 * np.quantile(pair(Z), 1.0, axis=-1) - Z, 1),
    "running": (lambda Z: 2 * np.maximum.accumulate(pair(Z), -1)[..., 1] - Z, 1),
    "interp": (lambda Z: np.interp(Z, [-9.0, 0.0, 9.0], [18.0, 0.0, 18.0]), 2),
    "complex": (lambda Z: np.abs(Z + 0j), 1),
    "root": (lambda Z: np.sqrt(Z**2), 1),
}


def is_right_on_a_kink(name, at_zero, factor=1.0):
    """Of a cost that is computed of a kink, where some entries lie on it: whether that slope is taken for right."""
    g, slope = KINKS[name]
    rng = np.random.default_rng(1)
    Z, V = rng.normal(size=(3, 5)), rng.normal(size=(3, 5))
    Z[0, 1] = Z[2, 3] = 0

    def cost(Z, V):
        return np.sum(V * g(Z))

    dZ = factor * slope * V * np.where(Z == 0, at_zero, np.sign(Z))
    return tg.compare({"dZ": dZ}, cost, Z, V, wrt=0).ok


@pytest.mark.parametrize("name", KINKS)
def test_on_a_kink_that_no_step_tells_of_any_slope_between_the_sides_is_right(name):
    for at_zero in (1, -1, 0.3):
        assert is_right_on_a_kink(name, at_zero), at_zero


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["hypot", "norm", "sort", "interp"])
def test_on_a_kink_a_slope_beyond_the_sides_is_wrong_and_so_is_a_wrong_factor(name):
    for at_zero, factor in ((1.1, 1), (-1.5, 1), (1, 1.001)):
        assert not is_right_on_a_kink(name, at_zero, factor)


@pytest.mark.parametrize(
    "g", [lambda Z: np.linalg.norm(Z, axis=0), lambda Z: np.ptp(Z, axis=0), lambda Z: np.sort(Z, axis=0)[-1]]
)
def test_what_is_right_for_each_entry_of_a_tie_need_not_be_for_all(g):
    rng = np.random.default_rng(1)
    Z, V = rng.normal(size=(3, 5)), rng.normal(size=5)
    Z[:, 2] = 0

    def cost(Z, V):
        return np.sum(V * g(Z))

    dZ = tg.grad(cost)(Z, V)
    assert tg.compare({"dZ": dZ}, cost, Z, V, wrt=0).ok
    dZ[:, 2] = V[2]
    assert not tg.compare({"dZ": dZ}, cost, Z, V, wrt=0).ok


@pytest.mark.parametrize(
    "g",
    [
        lambda Z, V: (Z + 5) % 10,  # whose gradient is an array that is no step
        lambda Z, V: np.real(np.exp(1j * Z * V)),
        lambda Z, V: np.angle(Z + 1j * V),
        lambda Z, V: np.abs(np.fft.rfft(Z * V, axis=1))[:, [0, 1, 2, 0, 1]] ** 2,
        lambda Z, V: np.linalg.eigh(Z @ Z.T)[0][:, None],
        lambda Z, V: np.linalg.svd(Z, full_matrices=False)[1][:, None],
    ],
    ids=["mod", "exp", "angle", "fft", "eigh", "svd"],
)
@pytest.mark.parametrize("factor", [1, 2])
def test_arrays_complex_numbers_and_several_results_on_the_way_are_judged(g, factor):
    rng = np.random.default_rng(2)
    Z, V = rng.normal(size=(3, 5)), rng.normal(size=(3, 5))

    def cost(Z, V):
        return np.sum(V * g(Z, V))

    assert tg.compare({"dZ": factor * tg.grad(cost)(Z, V)}, cost, Z, V, wrt=0).ok == (factor == 1)


def test_a_comparison_where_f_jumps_is_no_kink():
    """A mask of zeros is not turned round because 0 > 0 might be 0 >= 0."""

    def f(W, X, Y):
        return np.sum(np.where(Y > 0, (W @ X) ** 2, W @ X))

    rng = np.random.default_rng(0)
    W, X, Y = rng.normal(size=(2, 3)), rng.normal(size=(3, 5)), np.eye(5)[:2]
    right = np.where(Y > 0, 2 * (W @ X), 1.0) @ X.T
    assert tg.compare({"dW": right}, f, W, X, Y).verdict == "right"
    wrong = np.where(Y >= 0, 2 * (W @ X), 1.0) @ X.T
    assert not tg.compare({"dW": wrong}, f, W, X, Y).ok


@pytest.mark.parametrize("factor", one_in(2, [1.0, 0.2, -1.0]))
def test_what_follows_from_the_largest_entries_is_judged(factor):
    """Rounding does not undo that an entry is the largest: the maximum was taken from there."""

    def pool(W, V, X, Y):
        Z = np.einsum("ij,jtm->itm", W, X)
        P = np.max(Z, axis=1)
        return np.sum((V @ P - Y) ** 2)

    rng = np.random.default_rng(0)
    W, V, X, Y = (rng.normal(size=size) for size in ((6, 4), (2, 6), (4, 5, 9), (2, 9)))
    Z = np.einsum("ij,jtm->itm", W, X)
    P = np.max(Z, axis=1)
    dP = V.T @ (2 * (V @ P - Y))
    dZ = (P[:, None] == Z) * dP[:, None]
    dW = factor * np.einsum("itm,jtm->ij", dZ, X)
    result = tg.compare({"dP": dP, "dZ": dZ, "dW": dW}, pool, W, V, X, Y)
    assert result.verdict == ("right" if factor == 1 else "wrong"), str(result)


@pytest.mark.parametrize("q", [0.0, 0.5, 1.0])
def test_places_among_the_sorted_are_no_further_off_for_rounding(q):
    """The last place is 2, however the numbers are rounded: 2.0000001 would be the one after it."""

    def f(X, V):
        P = np.quantile(X, q, axis=1)
        J = np.sum(P * V)
        return J

    X, V = np.array([[1.0, 3.5, 3.0], [2.0, 0.5, 2.5]]), np.array([0.7, -0.4])
    right = np.where(np.quantile(X, q, axis=1, keepdims=True) == X, V[:, None], 0)
    assert tg.compare({"dX": right}, f, X, V, wrt=0).verdict == "right"
    assert not tg.compare({"dX": 1.001 * right}, f, X, V, wrt=0).ok


def test_of_entries_that_tie_for_the_largest_the_first_may_be_taken():
    def f(X, V):
        P = np.max(X, axis=1)
        return np.sum(P * V)

    X, V = np.array([[1.0, 3.0, 3.0], [2.0, 0.0, 2.0]]), np.array([0.7, -0.4])
    first, shared, last = [[0, 0.7, 0], [-0.4, 0, 0]], [[0, 0.35, 0.35], [-0.2, 0, -0.2]], [[0, 0, 0.7], [0, 0, -0.4]]
    for right in (first, shared, last):
        assert tg.compare({"dX": np.array(right)}, f, X, V, wrt=0).verdict == "right"
    assert not tg.compare({"dX": np.array([[0, 0.7, 0.7], [-0.4, 0, -0.4]])}, f, X, V, wrt=0).ok


def test_lines_are_written_as_people_write_them():
    def elu(W1, b1, W2, X, Y):
        m = X.shape[1]
        Z1 = W1 @ X + b1
        A1 = np.where(Z1 > 0, Z1, np.exp(Z1) - 1)
        Z2 = W2 @ A1
        return np.sum((Z2 - Y) ** 2) / m

    rng = np.random.default_rng(0)
    sizes = ((6, 4), (6, 1), (2, 6), (4, 20), (2, 20))
    args = tuple(rng.normal(size=size) for size in sizes)
    findings = tg.compare(dict.fromkeys(("dZ2", "dZ1"), 1.0), elu, *args).findings
    assert [f.correct for f in findings] == ["dZ2 = 2 * (Z2 - Y)", "dZ1 = dA1 * np.where(Z1 > 0, 1, np.exp(Z1))"]


# -- other models -----------------------------------------------------------------------------------------------------


def run_lines(f, args, names, forward, lines):
    """What a student's lines give, and tg.compare's answer."""
    space = {"np": np, **dict(zip(names, args, strict=True))}
    exec(forward, space)
    for name, line in lines.items():
        space[name] = eval(line, space)
    return space, tg.compare({name: space[name] for name in lines}, f, *args)


def normalise(X, W, g, V, T, a, b):
    H = X @ W
    s = np.sqrt(np.mean((H - np.mean(H, axis=1, keepdims=True)) ** 2, axis=1, keepdims=True) + 0.001)
    N = (H - np.mean(H, axis=1, keepdims=True)) / s
    A = np.maximum(N * g, 0)
    P = A @ V
    S = (P - T) ** 2
    return np.sum(S) / 2 + a * np.sum(np.abs(V)) + b * np.sum(V**2)


NORMALISE = """
H = X @ W
s = np.sqrt(np.var(H, axis=1, keepdims=True) + 0.001)
N = (H - np.mean(H, axis=1, keepdims=True)) / s
A = np.maximum(N * g, 0)
P = A @ V
"""
NORMALISE_LINES = {
    "dS": "np.ones_like(P) / 2",
    "dP": "P - T",
    "dV": "A.T @ dP + a * np.sign(V) + 2 * b * V",
    "dA": "dP @ V.T",
    "dN": "dA * (A > 0) * g",
    "dH": "(dN - np.mean(dN, axis=1, keepdims=True) - N * np.mean(dN * N, axis=1, keepdims=True)) / s",
    "dW": "X.T @ dH",
}


def compare_normalised(**wrong):
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=size) for size in ((9, 5), (5, 6), (6,), (6, 2), (9, 2))]
    names = ("X", "W", "g", "V", "T", "a", "b")
    return run_lines(normalise, (*arrays, 0.03, 0.2), names, NORMALISE, {**NORMALISE_LINES, **wrong})


@pytest.mark.thorough
def test_the_lines_of_another_model_are_right_and_short():
    space, result = compare_normalised()
    assert result.verdict == "right", str(result)
    finding = compare_normalised(dH="dN * 1.2345")[1].findings[0]
    assert finding.correct == (
        "dH = (dN - np.mean(dN * N, axis=1, keepdims=True) * N - np.mean(dN, axis=1, keepdims=True)) / s"
    )


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("dH", "(dN - np.mean(dN, axis=0, keepdims=True) - N * np.mean(dN * N, axis=0, keepdims=True)) / s"),
        ("dH", "(dN - np.mean(dN, axis=1, keepdims=True) - H * np.mean(dN * H, axis=1, keepdims=True)) / s"),
        ("dH", "dN / s - np.mean(dN, axis=1, keepdims=True) - N * np.mean(dN * N, axis=1, keepdims=True)"),
        ("dV", "A.T @ dP + b * np.sign(V) + 2 * a * V"),
        ("dV", "A.T @ dP + 1.7 * a * np.sign(V) - 2 * b * V"),
        ("dV", "A.T @ dP + a * np.sign(V) + 2 * b * np.sum(V)"),
        ("dV", "A.T @ dP + a * np.abs(V) + 2 * b * V"),
        ("dP", "(P - T) / np.sum(X)"),
    ],
)
def test_mistakes_that_no_table_lists_are_named(name, line):
    space, result = compare_normalised(**{name: line})
    (finding,) = result.findings
    assert finding.name == name
    np.testing.assert_allclose(eval(finding.written, dict(result.namespace)), space[name], rtol=1e-7)


def softmax(S):
    E = np.exp(S - np.max(S, axis=1, keepdims=True))
    return E / np.sum(E, axis=1, keepdims=True)


def attend(X, W, V, words, g, T):
    Q, K, U = X @ W, X[:, :2], X @ V
    P = softmax(Q @ K.T / np.sqrt(3))
    B = P @ U
    R = B * g
    e = np.sum(R[words] * T, axis=1)
    h = np.maximum(e + 1, np.tanh(e))
    return -np.sum(np.log(1 / (1 + np.exp(-h)))) / 4


ATTEND = """
def softmax(S):
    E = np.exp(S - np.max(S, axis=1, keepdims=True))
    return E / np.sum(E, axis=1, keepdims=True)

Q, K, U = X @ W, X[:, :2], X @ V
P = softmax(Q @ K.T / np.sqrt(3))
B = P @ U
R = B * g
e = np.sum(R[words] * T, axis=1)
h = np.maximum(e + 1, np.tanh(e))

def add_up(places, what):
    out = np.zeros_like(B)
    np.add.at(out, places, what)
    return out

def buffer(places, what):
    out = np.zeros_like(B)
    out[places] += what
    return out
"""
ATTEND_LINES = {
    "dh": "(1 / (1 + np.exp(-h)) - 1) / 4",
    "de": "dh * (e + 1 > np.tanh(e)) + dh * (e + 1 < np.tanh(e)) * (1 - np.tanh(e) ** 2)",
    "dR": "add_up(words, de[:, None] * T)",
    "dg": "np.sum(dR * B, axis=0)",
    "dB": "dR * g",
    "dU": "P.T @ dB",
    "dP": "dB @ U.T",
    "dS": "P * (dP - np.sum(dP * P, axis=1, keepdims=True))",
    "dQ": "dS @ K / np.sqrt(3)",
    "dW": "X.T @ dQ",
    "dV": "X.T @ dU",
}


def compare_attended(**wrong):
    rng = np.random.default_rng(4)
    X, W, V, g, T = (rng.normal(size=size) for size in ((5, 4), (4, 2), (4, 3), (3,), (4, 3)))
    args = X, W, V, np.array([1, 2, 2, 4]), g, T
    return run_lines(attend, args, ("X", "W", "V", "words", "g", "T"), ATTEND, {**ATTEND_LINES, **wrong})[1]


@pytest.mark.parametrize(
    ("name", "line", "what"),
    one_in(
        3,
        [
            ("dV", "dS.T @ dU", "`dS` stands where `X` belongs"),  # dS comes after it in the derivation
            ("dB", "dR * B", "`B` stands where `g` belongs"),  # of other dimensions
            ("dR", "buffer(words, de[:, None] * T)", "several times is there only once"),
            ("dS", "P * (dP - dP * P)", "stands where its sum"),  # and is the sum of no bias
            ("dQ", "dS @ K", "the division by `np.sqrt(3)` is missing"),
            ("dh", "1 / (1 + np.exp(-h)) / 4", "wrong sign"),  # the 1 that is subtracted may be divided by
            ("dh", "-(1 / (1 + np.exp(-h)) - 1) / 4", "the sign is wrong"),
        ],
    ),
)
def test_mistakes_in_attention_are_named(name, line, what):
    result = compare_attended(**{name: line})
    (finding,) = result.findings
    assert (finding.name, what in finding.verdict) == (name, True), finding.text
    assert "--" not in finding.text
    assert "-(-" not in finding.text
    assert "==" not in finding.text
    assert compare_attended().verdict == "right"


def recur(Wx, Wh, b, v, xs, y):
    h = np.zeros(3)
    for x in xs:
        h = np.tanh(Wx @ x + Wh @ h + b)
    return (v @ h - y) ** 2


@pytest.mark.parametrize(
    ("db", "dWx", "dWh", "name", "what"),
    one_in(
        3,
        [
            ("dz", "outer(dz, x)", "outer(dz, before)", "", ""),
            ("dh", "outer(dz, x)", "outer(dz, before)", "db", "is missing, in every step"),
            ("dz", "outer(dh, x)", "outer(dz, before)", "dWx", "is missing, in every step"),
            ("dz", "outer(dz, x)", "outer(dz, h)", "dWh", "`h3` stands where `h2` belongs, in every step"),
        ],
    ),
)
def test_a_mistake_in_the_body_of_a_loop_is_named(db, dWx, dWh, name, what):
    rng = np.random.default_rng(6)
    Wx, Wh, b, v, xs = (rng.normal(size=size) for size in ((3, 2), (3, 3), (3,), (3,), (3, 2)))
    hs = [np.zeros(3)]
    for x in xs:
        hs.append(np.tanh(Wx @ x + Wh @ hs[-1] + b))
    grads = {"dWx": np.zeros((3, 2)), "dWh": np.zeros((3, 3)), "db": np.zeros(3), "dv": 2 * (v @ hs[-1] - 1) * hs[-1]}
    dh = 2 * (v @ hs[-1] - 1) * v
    for x, before, h in zip(xs[::-1], hs[-2::-1], hs[:0:-1], strict=True):
        dz = dh * (1 - h**2)
        space = {"outer": np.outer, "dh": dh, "dz": dz, "x": x, "before": before, "h": h}
        for key, line in (("db", db), ("dWx", dWx), ("dWh", dWh)):
            grads[key] += eval(line, space)
        dh = Wh.T @ dz
    result = tg.compare(grads, recur, Wx, Wh, b, v, xs, 1.0)
    assert [finding.name for finding in result.findings] == [name] * bool(name)
    assert all(what in finding.verdict for finding in result.findings), result.findings


def test_zeros_are_told_as_such():
    (finding,) = compare_normalised(dH="np.zeros_like(H)")[1].findings
    assert finding.name == "dH"
    assert "zero everywhere" in finding.text
    assert not np.any(eval(finding.written, dict(compare_normalised()[1].namespace)))


def test_several_entries_without_a_right_line_before_them_are_one_finding():
    args = draw()
    grads, _ = write_by_hand(args, dZ1="np.sin(3 * W2.T @ dZ2 + np.cos(Z1))")
    (finding,) = tg.compare({name: grads[name] for name in ("dW1", "db1", "dW2", "db2")}, cost, *args).findings
    assert finding.name == "dZ1"
    assert finding.written is None
    assert "dW1 and db1" in finding.text


def test_what_was_done_wrong_with_a_wrong_value_is_told_on_top_of_it():
    """db1 shows that dZ1, which was not given, lacks its slope; dW1 has a mistake of its own beside."""
    args = draw()
    grads, _ = write_by_hand(args, dZ1="W2.T @ dZ2", dW1="dZ1 @ X.T")
    found = tg.compare({name: grads[name] for name in ("dW1", "db1", "dW2", "db2")}, cost, *args).findings
    assert [f.name for f in found] == ["dZ1", "dW1"]
    assert [f.verdict for f in found] == ["g′(Z) is missing", "the division by the number of examples is missing"]


def test_the_convention_of_values_that_were_not_given_is_told():
    args = draw()
    grads, _ = write_by_hand(args, dW2="dZ2 @ Z1.T / m")
    (finding,) = tg.compare({"dW2": grads["dW2"]}, cost, *args).findings
    assert finding.correct in ("dW2 = dZ2 @ A1.T", "dW2 = dZ2 @ A1.T / m")
    assert ("(Here dZ2 is ∂J/∂Z2," if finding.correct.endswith("T") else "(Here dZ2 is m·∂J/∂Z2,") in finding.text


# -- a name that is given to several values ---------------------------------------------------------------------------


def classify_shifted(W, b, X, y):
    m = X.shape[0]
    scores = X @ W + b
    scores = scores - np.max(scores, axis=1, keepdims=True)
    P = np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)
    return -np.sum(np.log(P[np.arange(m), y])) / m


@pytest.mark.parametrize(("onehot", "factor"), one_in(3, [(1, 1), (0, 1), (-1, 1), (1, 12)]))
def test_the_gradient_of_a_name_is_that_of_the_value_which_it_fits(onehot, factor):
    rng = np.random.default_rng(0)
    W, b, X, y = rng.normal(size=(5, 3)), rng.normal(size=3), rng.normal(size=(12, 5)), rng.integers(0, 3, 12)
    P = np.exp(X @ W + b) / np.sum(np.exp(X @ W + b), axis=1, keepdims=True)
    dscores = factor * (P - onehot * np.eye(3)[y]) / 12
    given = {"dscores": dscores, "dW": X.T @ dscores, "db": np.sum(dscores, axis=0)}
    result = tg.compare(given, classify_shifted, W, b, X, y)
    is_right = (onehot, factor) == (1, 1)
    assert result.verdict == ("right" if is_right else "wrong"), str(result)
    assert [f.name for f in result.findings] == ([] if is_right else ["dscores"])
    assert all("consistent with your dscores" in e.why for e in result.entries if not is_right and e.name[1] != "s")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_long_search_says_what_it_looks_at(monkeypatch):
    args = draw()
    grads, _ = write_by_hand(args, True, dZ1="np.exp(W2.T @ dZ2) - A1**5")
    written = []
    monkeypatch.setattr("tinygrad_lite.diagnosis.search._STEPS", 500)  # long enough
    for terminal, patience in ((Terminal(), 0.0), (io.StringIO(), 0.0), (Terminal(), 1e9)):
        monkeypatch.setattr("sys.stderr", terminal)
        monkeypatch.setattr("tinygrad_lite.diagnosis.search._SILENT", patience)
        assert not tg.compare(grads, cost, *args).ok
        written.append(terminal.getvalue())
    assert re.match(r"\rcompare [#.]{16} d\w+, \d+ s\x1b\[K", written[0])
    assert max(map(len, re.split(r"\r|\x1b\[K", written[0]))) < 40
    assert written[0].endswith("\r\x1b[K")
    assert written[1:] == ["", ""]
