"""What a scan need not do in every step is done before it, behind it, or not at all, with the same results."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_lite as tg
from tests.generators.scans import check_random_scan
from tinygrad_lite import tree
from tinygrad_lite.program.compiled.hoist import hoist
from tinygrad_lite.program.program import Node, Program
from tinygrad_lite.program.trace import Guard, collect, make_input, tracing
from tinygrad_lite.tensor import next_seq

pytestmark = pytest.mark.thorough

RNG = np.random.default_rng(3)
STEPS, BATCH, IN, HIDDEN = 6, 5, 3, 4
X, H = RNG.normal(size=(STEPS, BATCH, IN)), RNG.normal(size=(BATCH, HIDDEN))
W, U, B = RNG.normal(size=(IN, HIDDEN)), RNG.normal(size=(HIDDEN, HIDDEN)), RNG.normal(size=HIDDEN)


def trace(f: Any, *arrays: Any) -> Program:
    start = next_seq()
    inputs = [make_input(x) for x in arrays]
    guard = Guard()
    guard.keeps_loops = True
    with tracing(guard):
        results, _ = tree.flatten(f(*inputs))
    return collect(results, inputs, start)[0]


def scans_of(program: Program) -> list[Node]:
    return [node for node in program.steps if "each" in node.params]


def names_of(scan: Node) -> list[str]:
    """The steps of its body."""
    return [node.op.name for node in scan.params["body"].program.steps]


def check(f: Any, *arrays: Any) -> list[Node]:
    """The scans that are left, after a look at the results."""
    program = trace(f, *arrays)
    found = hoist(program)
    for a, b in zip(found.run(*arrays), program.run(*arrays), strict=True):
        assert_allclose(a, b, rtol=1e-11, atol=1e-13)
    return scans_of(found)


def rnn(W: Any, U: Any, B: Any, X: Any, h: Any, **options: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        h = np.tanh(x @ W + h @ U + B)
        return h, h

    return np.sum(tg.scan(step, h, X, **options)[1] ** 2 * np.arange(HIDDEN))


def test_products_with_a_constant_and_sums_of_products_leave_the_loop() -> None:
    forward, back = check(tg.grad(rnn, argnums=(0, 1, 2)), W, U, B, X, H)
    assert names_of(forward).count("matmul") == 1
    assert len(forward.params["body"].program.outputs) == 3  # the carry, its stack, and the one before
    assert names_of(back).count("matmul") == 1
    assert back.params["carries"] == 1  # the gradients of W, U and B are summed up behind the loop


def test_the_gradient_of_the_rows_is_one_product() -> None:
    _, back = check(tg.grad(rnn, argnums=3), W, U, B, X, H)
    assert names_of(back).count("matmul") == 1
    assert len(back.params["body"].program.outputs) == 2  # the carry, and what is multiplied by W behind the loop


def test_what_is_computed_again_is_not_stored() -> None:
    def f(*arrays: Any) -> Any:
        return tg.grad(lambda *a: rnn(*a, checkpoint=True), argnums=(0, 1, 2))(*arrays)

    forward, back = check(f, W, U, B, X, H)
    assert names_of(forward).count("matmul") == 2
    assert back.params["carries"] == 4


def test_large_products_stay_in_the_loop() -> None:
    """All of them at once would take more memory than what is there anyhow."""
    wide = RNG.normal(size=(IN, 50))
    (loop,) = check(lambda X, w: tg.scan(lambda c, x: (c + np.sum(np.sin(x @ w) * c), None), 1.0, X)[0], X, wide)
    assert "matmul" in names_of(loop)


@pytest.mark.parametrize("shapes", [((5, 3), (3, 4)), ((3,), (3, 4)), ((5, 3), (3,)), ((3, 5), (4, 3)), ((3,), (4, 3))])
def test_rows_times_a_constant(shapes: Any) -> None:
    row, constant = shapes
    rows, fixed = RNG.normal(size=(STEPS, *row)), RNG.normal(size=constant)
    left = row[-1] == constant[0]

    def f(rows: Any, fixed: Any) -> Any:  # with room for it: xs that are as large
        def step(c: Any, x: Any) -> Any:
            y = x[0] @ fixed if left else fixed @ x[0]
            return c * np.cos(np.sum(y)) + x[1][0], None

        return tg.scan(step, 1.0, (rows, np.zeros((STEPS, 99))))[0]

    (loop,) = check(f, rows, fixed)
    assert "matmul" not in names_of(loop)


@pytest.mark.parametrize(("a", "b"), [((5, 3), (3, 4)), ((5, 1), (1, 4)), ((1, 3), (3, 4)), ((5, 3), (3, 1))], ids=str)
@pytest.mark.parametrize("turned", ["", "left", "right"])
def test_sums_of_products(a: Any, b: Any, turned: str) -> None:
    a = a[::-1] if turned == "left" else a
    b = b[::-1] if turned == "right" else b
    left, right = RNG.normal(size=(STEPS, *a)), RNG.normal(size=(STEPS, *b))
    shape = ((a[1] if turned == "left" else a[0]), (b[0] if turned == "right" else b[1]))

    def f(left: Any, right: Any, start: Any) -> Any:
        def step(total: Any, x: Any) -> Any:
            return total + (x[0].T if turned == "left" else x[0]) @ (x[1].T if turned == "right" else x[1]), None

        return tg.scan(step, start, (left, right))[0]

    assert check(f, left, right, RNG.normal(size=shape)) == []


@pytest.mark.parametrize("row", [(4,), (1, 4)])
def test_a_sum_of_columns_times_rows(row: Any) -> None:
    columns, rows = RNG.normal(size=(STEPS, 3, 1)), RNG.normal(size=(STEPS, *row))

    def f(columns: Any, rows: Any, start: Any) -> Any:
        return tg.scan(lambda total, x: (total + x[1] * x[0], None), start, (columns, rows))[0]

    assert check(f, columns, rows, RNG.normal(size=(3, 4))) == []


def test_what_is_read_in_the_loop_stays_there() -> None:
    def running_sum(X: Any) -> Any:
        return tg.scan(lambda total, x: (total + x, total), np.zeros((BATCH, IN)), X)

    (loop,) = hoist(trace(running_sum, X)).steps[:1]
    assert loop.params["carries"] == 1
    assert {node.op.name for node in hoist(trace(running_sum, X)).steps} == {"scan", "pick"}

    def powers(X: Any, U: Any) -> Any:
        def step(h: Any, x: Any) -> Any:
            z = h @ U
            return np.tanh(z) + x, z

        return tg.scan(step, np.zeros((BATCH, HIDDEN)), X[..., :1])[1]

    steps = [node.op.name for node in hoist(trace(powers, X, U)).steps]
    assert "matmul" not in steps
    check(powers, X, U)


def test_constants_are_computed_once() -> None:
    def f(X: Any, W: Any) -> Any:
        return tg.scan(lambda c, x: (c + np.sin(x) @ np.tanh(np.exp(W)) * np.sum(c), None), H, X)[0]

    (loop,) = check(f, X, W)
    assert not {"tanh", "exp"} & set(names_of(loop))


def test_what_nobody_reads_is_left_out() -> None:
    def f(X: Any, h: Any) -> Any:
        def step(carry: Any, x: Any) -> Any:
            a, b, c = carry
            return (np.sin(a) + x, np.cos(b) * np.sum(a), np.arctan(c) * np.sum(b)), (np.arcsinh(c), np.sqrt(np.abs(a)))

        (a, b, c), (logs, roots) = tg.scan(step, (h, h, h), X[..., :1])
        return b, roots

    (loop,) = check(f, X, H)
    assert loop.params["carries"] == 2
    assert not {"arctan", "arcsinh"} & set(names_of(loop))


def test_scans_in_scans_and_in_branches() -> None:
    def inner(x: Any, w: Any) -> Any:
        return tg.scan(lambda c, e: (c * np.sum(np.tanh(w) * e), np.exp(-c * c)), 1.0, x)[0]  # exp is read by nobody

    def f(X: Any, w: Any) -> Any:
        return tg.scan(lambda c, x: (c + inner(x, w) * c, None), 1.0, X)[0]

    (loop,) = check(f, X, W[:, 0])
    (within,) = scans_of(loop.params["body"].program)
    assert not {"exp", "tanh"} & set(names_of(within))
    found = hoist(trace(lambda X, w: tg.cond(np.sum(X) > 0, lambda: inner(X[0], w), lambda: np.sum(w)), X, W[:, 0]))
    (branch,) = [node for node in found.steps if "yes" in node.params]
    (within,) = scans_of(branch.params["yes"].program)
    assert "exp" not in names_of(within)


def test_a_product_with_a_constant_of_the_step() -> None:
    def f(X: Any, w: Any) -> Any:
        return tg.scan(lambda c, x: (c + np.sum(np.tanh(np.zeros((2, 4)) @ w + x[0])), None), 0.0, X)[0]

    w = np.ones((4, 3))
    assert_allclose(tg.compile(tg.grad(f, 1))(X, w), tg.grad(f, 1)(X, w))


def test_two_results_that_are_one_value_are_stored_once() -> None:
    def f(X: Any, h: Any) -> Any:
        def step(h: Any, x: Any) -> Any:
            h = np.tanh(h + np.sum(x))
            return h, (h, h, x)

        return tg.scan(step, h, X)[1]

    (loop,) = check(f, X, H)
    assert len(loop.params["body"].program.outputs) == 2  # the carry and its stack; the rows are there


@pytest.mark.parametrize("seed", range(40))
def test_random_scans(seed: int) -> None:
    check_random_scan(seed, "numpy")
