"""Ops of a user's: whatever they are called and however they compute, a compiled program calls them."""

from __future__ import annotations

import importlib
import pkgutil
import re

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.op import Op
from tinygrad_lite.table import rows

X = np.arange(6.0).reshape(2, 3) - 2.5
NAMES = sorted(
    {op.name for op in rows()}
    | {op.fn.__name__ for op in rows()}
    | {"astype", "mask_not_taken", "pick", "", "a b", "λ"}
)


AT_ONCE = 32
GROUPS = [NAMES[i : i + AT_ONCE] for i in range(0, len(NAMES), AT_ONCE)]
W = np.array([[0.5, -1.5, 2.5], [1.25, 0.75, -0.25]])


def ops_of(name):
    """An op of each kind; none computes what the name says."""
    return (
        tg.elementwise(lambda x: x * x + 3, lambda y, x: 2 * x, name=name),
        tg.elementwise(lambda a, b: a - 2 * b, 1, lambda y, a, b: np.full_like(b, -2.0), name=name),
        tg.linear(lambda x: -3 * x, lambda g, y, x: -3 * g, name=name, batch=lambda op, xs, mapped, params: op(*xs)),
        tg.bilinear(
            lambda a, b: 5 * a * b,
            lambda g, y, a, b: 5 * g * b,
            lambda g, y, a, b: 5 * g * a,
            name=name,
            batch=lambda op, xs, mapped, params: op(*xs),
        ),
        tg.custom_vjp(
            lambda x: x + 7, lambda g, y, x: 0.5 * g, name=name, batch=lambda op, xs, mapped, params: op(*xs)
        ),
    )


def of_all(names):
    """A function in which an op of each kind has each of the names; its value, and its gradient, by hand."""
    every = [(ops_of(name), 1 + i) for i, name in enumerate(names)]

    def f(x):
        total = 0
        for (keep_shape, combine, flip, product, custom), weight in every:
            y = custom(product(flip(combine(keep_shape(x), x)), x))
            total = total + y * weight
        return np.sum(total * W)

    weights = sum(weight for _, weight in every)
    value = np.sum((5 * -3 * (X * X + 3 - 2 * X) * X + 7) * W * weights)
    return f, value, 0.5 * 5 * -3 * (3 * X * X - 4 * X + 3) * W * weights


@pytest.mark.thorough
@pytest.mark.parametrize("names", GROUPS, ids=lambda names: f"{names[0]} to {names[-1]}")
@pytest.mark.parametrize("reader", ["eager", "numpy", "auto", "derive", "vmap", "jvp"])
def test_an_op_is_never_taken_for_one_of_the_table_that_has_its_name(names, reader):
    f, *wanted = of_all(names)
    if reader == "derive":
        derivation = tg.derive(f, X, simplify=False)
        assert set(re.findall(r"np\.(\w+)\(", derivation.source)) <= {"sum", "array"}
        found = derivation.function(X)
    elif reader == "vmap":
        found = [y[1] for y in tg.vmap(tg.value_and_grad(f))(np.stack([2 * X, X]))]
    elif reader == "jvp":
        found = [f(X), np.stack([tg.jvp(f, (X,), (e,))[1] for e in np.eye(6).reshape(6, 2, 3)]).reshape(2, 3)]
    else:
        gradient = tg.value_and_grad(f)
        found = (gradient if reader == "eager" else tg.compile(gradient, target=reader))(X)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("names", GROUPS, ids=lambda names: f"{names[0]} to {names[-1]}")
def test_a_picture_and_a_formula_show_whose_function_it_is(names):
    every = [tg.elementwise(lambda x: x * x + 3, lambda y, x: 2 * x, name=name) for name in names]

    def f(x):
        total = 0
        for op in every:
            total = total + op(x)
        J = total @ W[0]
        return J

    shown = tg.draw(f, X[0]).source
    formula = tg.derive(f, X[0], simplify=False)._repr_latex_()
    for name in filter(None, names):
        assert f"np.{name}(" not in shown
        assert f"= \\{name}" not in formula
        assert f"+ \\{name}" not in formula


def by_loop(x):
    out = np.zeros_like(x)
    for i in np.ndindex(x.shape):
        out[i] = x[i] ** 2 if x[i] > 0 else -x[i]
    return out


def in_place(x):
    y = x.copy()
    y[y < 0] *= -1
    y += 1
    return y


def with_out(x):
    y = np.empty_like(x)
    np.multiply(x, x, out=y)
    return np.add(y, 1, out=y)


@pytest.mark.parametrize(
    "function",
    [
        by_loop,
        in_place,
        with_out,
        np.vectorize(lambda v: v * 3 if v > 0 else v),
        lambda x: np.array([float(v) ** 2 for v in x.ravel()]).reshape(x.shape),
        lambda x: np.asarray(sorted(x.ravel().tolist())).reshape(x.shape),
    ],
    ids=["loop", "in place", "out=", "vectorize", "floats", "lists"],
)
@pytest.mark.parametrize("make", [tg.elementwise, tg.custom_vjp], ids=lambda make: make.__name__)
def test_an_op_may_compute_in_any_way(function, make):
    rule = (lambda y, x: 2 * x) if make is tg.elementwise else (lambda g, y, x: 2 * g)
    op = make(function, rule, name="mine")
    step = tg.compile(tg.value_and_grad(lambda x: np.sum(op(x * 2) * x)))
    for x in (X, X[:, ::-1] + 0.25):
        for a, b in zip(step(x), tg.value_and_grad(lambda x: np.sum(op(x * 2) * x))(x), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)


def test_a_linear_op_may_compute_in_any_way():
    def cumulated(x):
        out = x.copy()
        for i in range(1, len(x)):
            out[i] += out[i - 1]
        return out

    op = tg.linear(cumulated, lambda g, y, x: np.flip(cumulated_of_tensors(np.flip(g, 0)), 0), name="cumulated")
    cumulated_of_tensors = tg.linear(cumulated, lambda g, y, x: np.flip(op(np.flip(g, 0)), 0))

    def f(x):
        return np.sum(op(x * 2) * x)

    for a, b in zip(tg.compile(tg.value_and_grad(f))(X), tg.value_and_grad(f)(X), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "where", "square"])
def test_a_wrong_gradient_of_ones_own_op_is_told_whatever_it_is_called(name):
    """The data come from outside: they are constants of the lines that are looked into."""
    op = tg.elementwise(lambda x: x**3 + 3, lambda y, x: 3 * x * x, name=name)
    data, start = np.random.default_rng(0).normal(size=(3, 7)), np.random.default_rng(1).normal(size=(2, 3))

    def cost(W):
        Z = W @ data
        A = op(Z)
        J = np.sum(A * A) / 7
        return J

    def by_hand(slope):
        def gradients(W):
            Z = W @ data
            A = Z**3 + 3
            dZ = 2 * A / 7 * slope(A, Z)
            return {"dZ": dZ, "dW": dZ @ data.T}

        return gradients

    assert tg.compare(by_hand(lambda A, Z: 3 * Z * Z), cost, start).ok
    found = tg.compare(by_hand(lambda A, Z: 1 - A * A), cost, start)  # of the tanh
    assert not found.ok
    assert [finding.name for finding in found.findings] == ["dZ"]
    assert "3 * Z" not in found.findings[0].written
    assert "1 - A**2" in found.findings[0].written


def test_on_a_kink_of_ones_own_op_the_slopes_of_both_sides_are_right():
    """The op's rule is made of another, which says where it jumps."""
    step = tg.elementwise(lambda x: (x > 0) * 1.0, None, name="step", jumps=lambda x: (np.equal(x, 0), 0, 1))
    ramp = tg.elementwise(lambda x: np.maximum(x, 0), lambda y, x: step(x), name="ramp")

    def cost(A):
        J = np.sum(ramp(A) * W)
        return J

    A = np.where(np.abs(X) == 0.5, 0, X)
    for side in (A > 0, A >= 0):
        assert tg.compare({"dA": side * W}, cost, A).verdict == "right"
        assert not tg.compare({"dA": 1.001 * side * W}, cost, A).ok


def test_two_ops_of_one_name_are_two_in_the_line_that_is_told():
    """What a comparison with a wrong gradient says is right computes the right one."""
    one = tg.elementwise(lambda x: x * x + 1, lambda y, x: 2 * x, name="scale")
    other = tg.elementwise(lambda x: np.exp(x) + 1, lambda y, x: np.exp(x), name="scale")
    A, B = np.random.default_rng(0).normal(size=(2, 2, 3))

    def cost(A, B):
        J = np.sum((A / one(X) - B / other(X)) ** 2)
        return J

    dA = 2 * (A / (X * X + 1) - B / (np.exp(X) + 1)) / (X * X + 1)
    assert tg.compare({"dA": dA}, cost, A, B).ok
    found = tg.compare({"dA": 1.5 * dA}, cost, A, B)
    told = found.findings[0].correct.partition(" = ")[2]
    names = {"np": np, "A": A, "B": B, "X": X, "scale": lambda x: x * x + 1, "scale_2": lambda x: np.exp(x) + 1}
    np.testing.assert_allclose(eval(told, names), dA, rtol=1e-12)


@pytest.mark.thorough
@pytest.mark.parametrize("names", GROUPS, ids=lambda names: f"{names[0]} to {names[-1]}")
def test_a_right_gradient_of_ones_own_ops_is_right_whatever_they_are_called(names):
    for few in (names[i : i + 8] for i in range(0, len(names), 8)):
        every = [tg.elementwise(lambda x: x * x + 3, lambda y, x: 2 * x, name=name) for name in few]

        def cost(x, every=every):
            total = 0
            for op in every:
                total = total + op(x)
            J = np.sum(total * W)
            return J

        found = tg.compare({"dx": 2 * X * W * len(few)}, cost, X)
        assert found.verdict == "right", f"{few}: {found}"


def test_no_table_of_ops_stands_beside_the_rows():
    """What a pass or a printer must know of an op it asks of the row, and so of a user's op as well. (diagnosis knows
    what people get wrong, and check what a course calls things.)"""
    found = []
    for module in pkgutil.walk_packages(tg.__path__, "tinygrad_lite."):
        if not re.match(r"tinygrad_lite\.(rules|table|diagnosis|check)\b", module.name):
            values = vars(importlib.import_module(module.name))
            found += [f"{module.name}.{name}" for name, value in values.items() if holds_ops(value)]
    assert not found


def holds_ops(x):
    entries = (*x, *x.values()) if isinstance(x, dict) else x
    if isinstance(x, (dict, list, tuple, set, frozenset)):
        return any(isinstance(y, Op) or holds_ops(y) for y in entries)
    return False
