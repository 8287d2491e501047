"""Elementwise algebra: what it finds, and what it must not touch."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.program.derivation.algebra import Algebra
from tinygrad_lite.program.derivation.values import compute_nodes
from tinygrad_lite.program.program import Program
from tinygrad_lite.program.simplify import EXACT, run_passes
from tinygrad_lite.program.trace import collect, make_input, tracing
from tinygrad_lite.rules.elementwise import add
from tinygrad_lite.tensor import next_seq

RNG = np.random.default_rng(5)
G, A, B = (RNG.uniform(0.1, 0.9, (3, 4)) for _ in range(3))
ROW = RNG.uniform(0.1, 0.9, (1, 4))


def simplified(f, *arrays, samples=3, variable=True):
    """The program of f, the first output standing for the forward pass, before and after."""
    start = next_seq()
    inputs = [make_input(x, f"x{i}") for i, x in enumerate(arrays)]
    with tracing(), np.errstate(all="ignore"):
        results = f(*inputs)
    forward, result = results if isinstance(results, tuple) else (inputs[0], results)
    program, _ = collect([forward, result], inputs, start)
    program = run_passes(program, EXACT)
    draws = [[RNG.uniform(x.min(), x.max(), x.shape).astype(x.dtype) for x in arrays] for _ in range(samples - 1)]
    names = frozenset(n.name for n in program.steps if n.name is not None)
    settings = Algebra(names, frozenset(program.inputs) if variable else frozenset(), [list(arrays), *draws])
    after = run_passes(settings(program), EXACT)
    for sample in (arrays, *draws):
        np.testing.assert_allclose(after.run(*sample)[1], program.run(*sample)[1], rtol=1e-9, atol=1e-15)
    return program, after, settings


def ops(program: Program) -> list[str]:
    steps = run_passes(Program(program.inputs, program.captures, program.steps, program.outputs[1:]), EXACT).steps
    return [step.op.name for step in steps if step.op is not None]


@pytest.mark.parametrize(
    ("f", "left"),
    [
        (lambda g, a, b: g * (-b / a + (1 - b) / (1 - a)) * a * (1 - a), ["subtract", "multiply"]),
        (lambda g, a, b: a * g / a, []),
        (lambda g, a, b: a * (g / a) * (b / g), []),
        (lambda g, a, b: (a - b) * 0.25, ["subtract", "divide"]),
        (lambda g, a, b: 0.5 * (2 * g * a), ["multiply"]),
        (lambda g, a, b: np.exp(a) * g * np.exp(-a), []),
        (lambda g, a, b: np.sqrt(a) * np.sqrt(a), []),
        (lambda g, a, b: -(a - b) * g, ["subtract", "multiply"]),
        (lambda g, a, b: np.sum(ROW * g, axis=0, keepdims=True), ["sum", "multiply"]),
        (lambda g, a, b: np.sum(a / (2.0 * ROW), axis=0), ["divide", "sum"]),
    ],
)
def test_what_is_found(f, left):
    _, after, _ = simplified(f, G, A, B)
    assert ops(after) == left


@pytest.mark.parametrize(
    "f",
    [
        lambda g, a, b: np.maximum(a, b) * g,
        lambda g, a, b: np.where(a > 0.5, g / a, 0.0),
        lambda g, a, b: np.where(g == 0, 0, g / a),
        lambda g, a, b: np.real((a + 1j * b) * (a - 1j * b)) * g,
        lambda g, a, b: (g > 0.5) * a,
        lambda g, a, b: np.sum(g * a, axis=0) * b,
        lambda g, a, b: np.sum(g, axis=1, keepdims=True) / a,
        lambda g, a, b: np.power(a, b) * g,
        lambda g, a, b: np.log(a) * g / np.log(a + b),
        lambda g, a, b: (g * a).astype(np.float32) * b,
    ],
)
def test_everything_else_keeps_its_value(f):
    simplified(f, G, A, B)


def test_single_precision_stays_single():
    single = [x.astype(np.float32) for x in (G, A, B)]
    start = next_seq()
    inputs = [make_input(x, None) for x in single]
    with tracing():
        result = inputs[0] * (1 - inputs[1]) / (1 - inputs[1]) * 0.5
    program, _ = collect([inputs[0], result], inputs, start)
    after = Algebra(frozenset(), frozenset(program.inputs), [single])(program)
    assert after.outputs[1].dtype == np.float32
    assert after.run(*single)[1].dtype == np.float32


def test_a_division_that_guards_nothing_away_stays_guarded():
    """where(b == 1, 0, (1 - b) / (1 - a)) may lose its guard only together with its denominator."""

    def alone(g, a, b):
        return g * np.where(b == 1, 0, (1 - b) / (1 - a))

    def cancelled(g, a, b):
        return alone(1, a, b) * (1 - a)

    labels = RNG.integers(0, 2, A.shape).astype(float)
    edge = A.copy()
    edge[labels == 1] = 1.0
    for f in (alone, cancelled):
        _, after, _ = simplified(f, G, A, labels, samples=1)
        with np.errstate(all="ignore"):
            found = after.run(G, edge, labels)[1]
        assert np.isfinite(found).all()
    assert ops(after) == ["subtract"]


def test_facts_of_the_data_are_reported_and_identities_are_not():
    distribution = A / A.sum(axis=0)

    def f(g, y):
        return g * np.sum(y, axis=0, keepdims=True)

    _, after, settings = simplified(f, G, distribution, samples=1, variable=False)
    assert [(fact.axes, fact.total) for fact in settings.facts] == [((-2,), 1)]
    assert ops(after) == []
    _, after, settings = simplified(f, G, A, samples=1, variable=False)
    assert settings.facts == []
    assert ops(after) == ["sum", "multiply"]
    centred = A - A.mean(axis=0)
    assert ops(simplified(f, G, centred, samples=1, variable=False)[1]) == ["sum", "multiply"]

    def g(g, a):
        p = tg.softmax(a, axis=0)
        p.name = "p"
        return p, g * np.sum(p, axis=0, keepdims=True)

    _, after, settings = simplified(g, G, A)
    assert settings.facts == []
    assert ops(after) == []


def test_a_wrong_rewriting_is_noticed(monkeypatch):
    """If SymPy, or what it is told, were wrong, the numbers would tell, and the steps would stay as they are."""
    monkeypatch.setattr(add, "symbolic", lambda sp, a, b: a - b)
    _, after, _ = simplified(lambda g, a, b: (g + a) * b, G, A, B)
    assert ops(after) == ["add", "multiply"]


def test_values_that_cannot_be_computed_are_no_sample():
    program, _, _ = simplified(lambda g, a, b: g * np.linalg.inv(a[:3, :3] + np.eye(3))[0, 0], G, A, B)
    assert compute_nodes(program, [G, np.full(A.shape, -np.nan), B]) is not None
    assert compute_nodes(program, [G, A[:2], B]) is None
