"""tg.scan, tg.cond, tg.while_loop: eager against a loop by hand, compiled against eager, with every transform."""

from __future__ import annotations

import gc
import itertools
import linecache
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_lite as tg
from tests.everyday import one_in
from tinygrad_lite import loops, tree
from tinygrad_lite.program.native.compiler import NotCompiled, find_compiler

RNG = np.random.default_rng(11)
STEPS, IN, HIDDEN = 6, 3, 4
PARAMS = {
    "W": RNG.normal(size=(HIDDEN, HIDDEN)) / 2,
    "U": RNG.normal(size=(HIDDEN, IN)),
    "b": RNG.normal(size=HIDDEN),
}
X, H = RNG.normal(size=(STEPS, IN)), RNG.normal(size=HIDDEN)


def same(found: Any, expected: Any) -> None:
    a, one = tree.flatten(found)
    b, other = tree.flatten(expected)
    assert one == other
    for x, y in zip(a, b, strict=True):
        assert np.asarray(x).dtype == np.asarray(y).dtype
        assert_allclose(np.asarray(x), np.asarray(y), rtol=1e-10, atol=1e-12)


def step(p: Any, h: Any, x: Any) -> Any:
    h = np.tanh(p["W"] @ h + p["U"] @ x + p["b"])
    return h, {"square": np.sum(h**2), "largest": np.max(h * x[0])}


def rnn(p: Any, X: Any, h: Any, **options: Any) -> Any:
    last, ys = tg.scan(lambda h, x: step(p, h, x), h, X, **options)
    return np.sum(last * np.arange(HIDDEN)) + np.mean(ys["square"]) * np.sum(ys["largest"] * np.arange(len(X)))


def rnn_by_hand(p: Any, X: Any, h: Any, reverse: bool = False, checkpoint: bool = False) -> Any:
    ys: list[Any] = [None] * len(X)
    for i in reversed(range(len(X))) if reverse else range(len(X)):
        h, ys[i] = step(p, h, X[i])
    squares, largest = np.stack([y["square"] for y in ys]), np.stack([y["largest"] for y in ys])
    return np.sum(h * np.arange(HIDDEN)) + np.mean(squares) * np.sum(largest * np.arange(len(X)))


def gradients(f: Any, **options: Any) -> Any:
    return tg.value_and_grad(lambda p, X, h: f(p, X, h, **options), argnums=(0, 1, 2))


OPTIONS: list[dict[str, Any]] = [{}, {"reverse": True}, {"checkpoint": True}, {"checkpoint": True, "reverse": True}]


@pytest.mark.thorough
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_scan_and_its_gradient(options: Any) -> None:
    expected = gradients(rnn_by_hand, **options)(PARAMS, X, H)
    same(gradients(rnn, **options)(PARAMS, X, H), expected)
    compiled = tg.compile(gradients(rnn, **options))
    same(compiled(PARAMS, X, H), expected)
    same(compiled(PARAMS, X[::-1], -H), gradients(rnn_by_hand, **options)(PARAMS, X[::-1], -H))


TRANSFORMS = {
    "value": lambda f: lambda p, X, h: f(p, X, h),
    "hvp": lambda f: lambda p, X, h: tg.hvp(lambda p: f(p, X, h), (p,), (p,)),
    "gradient of gradients": lambda f: (
        lambda p, X, h: tg.grad(lambda p: sum(np.sum(g**3) for g in tg.grad(lambda p: f(p, X, h))(p).values()))(p)
    ),
    "jvp": lambda f: lambda p, X, h: tg.jvp(f, (p, X, h), (p, X, h)),
    "jacobian": lambda f: lambda p, X, h: tg.jacobian(lambda h: f(p, X, h) * h)(h),
    "hessian": lambda f: lambda p, X, h: tg.hessian(lambda h: f(p, X, h))(h),
    "jacobian, columns": lambda f: (
        lambda p, X, h: tg.jacobian(lambda X: f(p, X, h) * np.ones((40, 1)) * X[:, 0])(X[:2])
    ),
    "jacobian, rows": lambda f: lambda p, X, h: tg.jacobian(lambda b: f({**p, "b": b}, X, h) * X)(p["b"]),
    "for each of many": lambda f: (
        lambda p, X, h: tg.vmap(tg.grad(f), in_axes=(None, 1, None))(p, np.stack([X, 2 * X], 1), h)
    ),
}


@pytest.mark.thorough
@pytest.mark.parametrize("long", [loops.LONG, 0])
@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms(name: str, long: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "LONG", long)
    expected = TRANSFORMS[name](rnn_by_hand)(PARAMS, X, H)
    same(TRANSFORMS[name](rnn)(PARAMS, X, H), expected)
    same(tg.compile(TRANSFORMS[name](rnn))(PARAMS, X, H), expected)


def test_trees_whole_numbers_and_nothing() -> None:
    table = RNG.normal(size=(4, 3))

    def f(table: Any, words: Any, scale: float) -> Any:
        def one(carry: Any, word: Any) -> Any:
            row = tg.Tensor(table)[word] if isinstance(table, np.ndarray) else table[word]
            return {"n": carry["n"] + 1, "sum": carry["sum"] + scale * row * carry["n"]}, None

        return tg.scan(one, {"n": 0, "sum": np.zeros(3)}, words)

    words = np.array([0, 3, 3, 1])
    carry, ys = f(table, words, 2.0)
    assert ys is None
    assert int(carry["n"]) == 4
    assert_allclose(carry["sum"], 2 * np.arange(4.0) @ table[words])
    same(tg.compile(f)(table, words, 2.0), (carry, None))
    g = tg.grad(lambda table: np.sum(f(table, words, 2.0)[0]["sum"] * np.arange(3)))
    same(tg.compile(g)(table), g(table))


def _add_in_place(total: Any, x: Any) -> Any:
    total["sum"] += x
    x *= 2
    return total, (total["sum"], x)


@pytest.mark.parametrize("kind", ["plain", "numpy", "c", "vmap", "jvp"])
def test_a_step_may_write_into_what_it_is_given(kind: str) -> None:
    """All the sums were the last one, and the arrays that the loop began with were written into."""
    xs, start = np.arange(12.0).reshape(4, 3), np.ones(3)

    def f(xs: Any, start: Any) -> Any:
        return tg.scan(_add_in_place, {"sum": start}, xs)

    run: Any = {
        "plain": f,
        "vmap": lambda xs, start: tree.map(lambda x: x[0], tg.vmap(f)(xs[None], start[None])),
        "jvp": lambda xs, start: tg.jvp(f, (xs, start), (xs, start))[0],
    }.get(kind) or tg.compile(f, kind)
    last, (sums, doubles) = run(xs, start)
    np.testing.assert_array_equal(sums, 1 + np.cumsum(np.arange(12.0).reshape(4, 3), axis=0))
    np.testing.assert_array_equal(last["sum"], sums[-1])
    np.testing.assert_array_equal(doubles, 2 * np.arange(12.0).reshape(4, 3))
    np.testing.assert_array_equal(xs, np.arange(12.0).reshape(4, 3))
    np.testing.assert_array_equal(start, np.ones(3))


def test_a_round_may_write_into_what_it_is_given() -> None:
    start = np.ones(3)

    def double(x: Any) -> Any:
        x *= 2
        return x

    np.testing.assert_array_equal(tg.while_loop(lambda x: np.sum(x) < 20, double, start), np.full(3, 8.0))
    np.testing.assert_array_equal(start, np.ones(3))


def test_length_without_xs() -> None:
    def powers(x: Any) -> Any:
        return tg.scan(lambda y, _: (y * x, y), 1.0, length=4)[1]

    assert_allclose(powers(2.0), [1, 2, 4, 8])
    assert_allclose(tg.compile(powers)(2.0), [1, 2, 4, 8])
    assert_allclose(tg.jacobian(powers)(2.0), [0, 1, 4, 12])
    assert_allclose(tg.compile(tg.jacobian(powers))(2.0), [0, 1, 4, 12])


def test_a_carry_that_becomes_a_python_float() -> None:
    f = lambda a: tg.scan(lambda c, x: (a, c), 1.0, length=3)  # noqa: E731
    last, ys = tg.compile(f, target="numpy")(2.5)
    assert type(last) is np.float64
    assert_array_equal(ys, [1, 2.5, 2.5])


def test_no_steps() -> None:
    for f in (rnn_no_steps := lambda X: tg.scan(lambda h, x: (h * x[0], h + 1), 3.0, X)), tg.compile(rnn_no_steps):
        carry, ys = f(np.zeros((0, 2)))
        assert carry == 3
        assert ys.shape == (0,)


def test_scan_in_scan() -> None:
    def f(x: Any) -> Any:
        def outer(total: Any, row: Any) -> Any:
            inner, products = tg.scan(lambda c, e: (c * np.sin(e), c + e), total, row)
            return inner + np.sum(products), inner

        last, ys = tg.scan(outer, 1.0, x)
        return last * np.sum(ys)

    def by_hand(x: Any) -> Any:
        total: Any = 1.0
        ys = []
        for row in x:
            inner, products = total, []
            for e in row:
                products.append(inner + e)
                inner = inner * np.sin(e)
            total = inner + np.sum(np.stack(products))
            ys.append(inner)
        return total * np.sum(np.stack(ys))

    same(tg.grad(f)(X), tg.grad(by_hand)(X))
    same(tg.compile(tg.grad(f))(X), tg.grad(by_hand)(X))
    same(tg.compile(tg.hessian(f))(X[:2]), tg.hessian(by_hand)(X[:2]))


def test_training_steps_in_a_scan() -> None:
    def loss(w: Any, x: Any) -> Any:
        return np.sum((x @ w - 1) ** 2)

    def train(w: Any, X: Any, rate: float) -> Any:
        return tg.scan(lambda w, x: (w - rate * tg.grad(loss)(w, x), loss(w, x)), w, X)

    w, losses = np.ones(IN), []
    for x in X:
        losses.append(loss(w, x))
        w = w - 0.1 * tg.grad(loss)(w, x)
    same(tg.compile(train)(np.ones(IN), X, 0.1), (w, np.stack(losses)))
    g = tg.grad(lambda rate: np.sum(train(np.ones(IN), X, rate)[1]))
    same(tg.compile(g)(0.1), g(0.1))


def test_what_is_not_taken_in_a_step_sends_nothing_back() -> None:
    def f(x: Any) -> Any:
        logs = np.log(x)
        return tg.scan(lambda c, row: (c + np.sum(np.where(row[1] > 0, row[0], 0)), None), 0.0, np.stack([logs, x], 1))[
            0
        ]

    x = np.array([0.0, 1.0, 2.0])
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = tg.grad(f)(x)
        assert_array_equal(expected, [0, 1, 0.5])
        assert_array_equal(tg.compile(tg.grad(f))(x), expected)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(np.where(x > 0, tg.scan(lambda c, r: (c, np.log(r)), 0.0, x)[1], 0)),
        lambda x: np.sum(np.where(x > 0, tg.cond(np.sum(x) < 99, np.log, np.sin, x), 0)),
        lambda x: tg.scan(lambda c, r: (c * r, c * r), 2.0, x)[1][0],
        lambda x: np.max(tg.scan(lambda c, r: (c, np.log(r)), 0.0, x)[1]),
    ],
)
def test_what_is_not_taken_after_a_loop_or_a_branch_sends_nothing_back(f: Any) -> None:
    for x in (np.array([2.0, 1.0, 3.0]), np.array([2.0, 0.0, 3.0]), np.array([2.0, np.inf, 0.0])):
        with np.errstate(all="ignore"):
            assert_array_equal(tg.compile(tg.grad(f))(x), tg.grad(f)(x))


def without_gradient(f: Any) -> Any:
    with tg.no_grad():
        return f()


STOPS: dict[str, Any] = {
    "a constant": lambda W, c, x: 0.5 * c + np.sin(W * tg.stop_gradient(W) * x),
    "the carry": lambda W, c, x: 0.3 * c + np.sin(c * tg.stop_gradient(c) * x + W),
    "the next carry": lambda W, c, x: tg.stop_gradient(np.sin(c * x + W)) + W * c,
    "under no_grad": lambda W, c, x: (
        0.5 * c + np.sin(W * without_gradient(lambda: np.sort(W * x) + np.linalg.eigh(c * c[:, None])[0]))
    ),
    "what is chosen": lambda W, c, x: np.where(W > 0, c * W, tg.stop_gradient(c * W)) * x + W,
    "a row of padding": lambda W, c, x: (
        c + np.sin(tg.nn.functional.embedding([[1, 3, 0, 1]], W[:, None], 1)[0, :, 0] * c)
    ),
}


@pytest.mark.parametrize("long", [loops.LONG, 0])
@pytest.mark.parametrize("stop", one_in(3, STOPS))
def test_a_gradient_that_is_stopped_in_a_step(stop: str, long: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a long loop nobody would notice: what the program gives is compared with what its step is."""
    monkeypatch.setattr(loops, "LONG", long)
    W, rows = np.array([0.3, -0.5, 0.2, 0.7]), X[:, 0]

    def by_hand(W: Any) -> Any:
        c = W
        for x in rows:
            c = STOPS[stop](W, c, x)
        return np.sum(c * c)

    def scanned(W: Any) -> Any:
        return np.sum(tg.scan(lambda c, x: (STOPS[stop](W, c, x), None), W, rows)[0] ** 2)

    for derivative in (
        tg.grad,
        lambda f: lambda W: tg.hvp(f, (W,), (np.cos(W),))[0],
        lambda f: tg.grad(lambda W: np.sum(tg.grad(f)(W) ** 2)),
    ):
        same(tg.compile(derivative(scanned))(W), derivative(by_hand)(W))


@pytest.mark.parametrize("stopped", [lambda f: tg.stop_gradient(f()), without_gradient])
def test_a_gradient_that_is_stopped_in_a_branch(stopped: Any) -> None:
    def f(W: Any) -> Any:
        return tg.cond(np.sum(W) < 0, lambda: np.sum(W**3), lambda: np.sum(W * stopped(lambda: W * W)))

    for derivative in (tg.grad, lambda f: lambda W: tg.hvp(f, (W,), (W,))[0]):
        same(tg.compile(derivative(f))(H), derivative(f)(H))


def test_the_program_does_not_grow_with_the_steps() -> None:
    f = tg.compile(gradients(rnn), target="numpy")  # (in C, what is around the loops is done in blocks)
    few, many = f.source(PARAMS, X, H), f.source(PARAMS, np.repeat(X, 50, 0), H)
    assert len(few.splitlines()) == len(many.splitlines())
    assert "def loop(" in few
    same(f(PARAMS, np.repeat(X, 50, 0), H), gradients(rnn_by_hand)(PARAMS, np.repeat(X, 50, 0), H))


@pytest.mark.thorough
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_long_loop_is_compiled_without_running_the_function_step_by_step(options: Any) -> None:
    calls: list[int] = []

    def cost(p: Any, X: Any, h: Any) -> Any:
        def counted(h: Any, x: Any) -> Any:
            calls.append(1)
            return step(p, h, x)

        last, ys = tg.scan(counted, h, X, **options)
        return np.sum(last * np.arange(HIDDEN)) + np.mean(ys["square"])

    long = np.sin(np.arange(3.0 * (loops.LONG + 1))).reshape(-1, 3)
    gradient = tg.value_and_grad(cost, argnums=(0, 1, 2))
    found = tg.compile(gradient)(PARAMS, long, H)
    assert len(calls) < 10
    same(found, gradient(PARAMS, long, H))


def _count(state: list[Any], c: Any, x: Any) -> Any:
    state[0] += 1
    return c + state[0] * x


def _sum_up(state: list[Any], c: Any, x: Any) -> Any:
    state.append(x)
    return c + sum(state[1:])


def _look_back(state: list[Any], c: Any, x: Any) -> Any:
    before, state[0] = state[0], x
    return c + before


def _keep_the_first(state: list[Any], c: Any, x: Any) -> Any:
    state[0] = x * 1 if type(state[0]) is int else state[0]
    return c + state[0]


def _write(state: list[Any], c: Any, x: Any) -> Any:
    state[0] = np.zeros(2) if type(state[0]) is int else state[0]
    state[0] += 1
    return c + np.sum(state[0] * x)


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("step", [_count, _sum_up, _look_back, _keep_the_first, _write])
def test_a_step_that_keeps_something_for_the_next_is_refused(
    step: Any, nested: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All steps were as the first; in a long loop nobody noticed."""
    monkeypatch.setattr(loops, "LONG", 0)

    def once(x: Any) -> Any:
        state = [0]
        return tg.scan(lambda c, x: (step(state, c, x), None), 0.0, x)[0]

    f = (lambda X: tg.scan(lambda c, x: (c + once(x), None), 0.0, X)[0]) if nested else (lambda X: once(X[0]))
    with pytest.raises(RuntimeError, match="does not reproduce the function"):
        tg.compile(f, target="numpy")(X)


@pytest.mark.parametrize(
    "step",
    [
        lambda c, x: ((c[0] + x, c[1]), c[0] * 2),
        lambda c, x: ((c[1], c[0]), x),
        lambda c, x: ((c[0] + x, c[0]), None),
        lambda c, x: ((c[0] * x + c[0], c[1] + c[0]), (c[1], c[1] * x)),
        lambda c, x: ((x, c[1] - x), (x, x)),
        lambda c, x: ((c[0], c[1] + c[1]), np.sum(c[1])),
    ],
)
def test_a_carry_that_is_read_again_after_its_step(step: Any) -> None:
    start = (np.array([1.0, 2.0, 3.0]), np.array([-1.0, 0.5, 4.0]))
    for f in (
        lambda start, X: tg.scan(step, start, X),
        lambda start, X: tg.vjp(lambda s, X: tg.scan(step, s, X)[0], start, X)[1](start),
    ):
        same(tg.compile(f)(start, X), f(start, X))
    assert_array_equal(start[0], [1, 2, 3])


@pytest.mark.parametrize("long", [loops.LONG, 0])
def test_a_step_may_index_a_plain_array_by_what_it_is_given(long: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the call that a long loop is compared with, the rows are an array and the index is a Tensor: that raised."""
    monkeypatch.setattr(loops, "LONG", long)

    def descend(w: Any, rows: Any, order: Any) -> Any:
        return tg.scan(lambda w, i: (w - 0.1 * tg.grad(lambda w: (rows[i] @ w - 1) ** 2)(w), None), w, order)[0]

    f, order = tg.compile(descend, target="numpy"), np.array([5, 0, 3, 3, 1])
    for w, rows in ((np.ones(IN), X), (np.zeros(IN), -X)):
        same(f(w, rows, order), descend(w, rows, order))


@pytest.mark.parametrize("target", ["numpy", "auto"])
@pytest.mark.parametrize(
    "f",
    [
        lambda a, x: tg.scan(lambda c, _: (c, c * x), a, length=3)[1],
        lambda a, x: tg.while_loop(lambda c: c < 9, lambda c: 2 * c, a) * x,
        lambda a, x: tg.scan(lambda c, x: (c * a, c * x), 1.0, x)[1],
        lambda a, x: tg.cond(a > 1, lambda n, x: x**n, lambda n, x: n * x, 2, x),
        lambda a, x: tg.cond(a > 1, lambda kind, x: np.sum(x, axis=kind[0]) * kind[1], lambda _, x: x[1], [0, 0.5], x),
    ],
)
def test_a_python_number_that_goes_through_a_loop_or_a_branch(f: Any, target: Any) -> None:
    """In a loop it is an array, which decides dtypes; what a branch is given stays a Python number."""
    compiled = tg.compile(f, target)
    for a in (1.1, 0.9):
        same(compiled(a, np.ones(3, np.float32)), f(a, np.ones(3, np.float32)))


@pytest.mark.parametrize(
    ("yes", "no"),
    [
        (lambda p: 2.0, np.sin),
        (lambda p: p, np.sin),
        (lambda p: p, lambda p: 2 * p),
        (lambda p: 1, lambda p: 0),
        (lambda p: 1, lambda p: np.sum(p > -9)),
        (lambda p: 1j, lambda p: p * 1j),
    ],
)
def test_branches_that_give_python_numbers(yes: Any, no: Any) -> None:
    """A number of one branch alone was taken for one of both: the other one's float64 became a float32 beside x."""
    f = lambda p, x: tg.cond(p > 0, yes, no, p) * x  # noqa: E731
    compiled = tg.compile(f, target="numpy")
    for p in (1.0, -1.0):
        same(compiled(p, np.ones(3)), f(p, np.ones(3)))
    if isinstance(no(-1.0), np.float64):
        same(compiled(-1.0, np.ones(3, np.float32)), f(-1.0, np.ones(3, np.float32)))


@pytest.mark.parametrize(
    "step",
    [
        lambda c, x: (np.arange(3.0) * x, c),
        lambda c, x: (np.arange(3.0) + c, x),
        lambda c, x: (c + np.linalg.eigh(np.outer(x, x))[0], None),
        lambda c, x: (c + tg.cond(x[0] > 0, lambda: (x, 2 * x), lambda: (-x, x))[1], None),
    ],
)
def test_a_carry_from_a_constant_array_or_from_one_of_several_results(step: Any) -> None:
    f = lambda c, X: tg.scan(step, c, X)  # noqa: E731
    compiled = tg.compile(f, target="numpy")
    same(compiled(X[0], X), f(X[0], X))
    same(compiled(X[1], -X), f(X[1], -X))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("number", [np.squeeze, np.sum, lambda a: np.reshape(a, ()), lambda a: np.real(a[0, ...])])
def test_a_number_that_is_carried_is_not_the_memory_of_the_next_step(number: Any, reverse: bool) -> None:
    """Of arrays with one entry: what was carried was a view, in which the next step had put its own."""
    f = lambda c, x: tg.scan(lambda c, x: (number(2 * x), c), c, x, reverse=reverse)  # noqa: E731
    rows = np.array([[1.0], [2.0], [3.0]])
    same(tg.compile(f, target="numpy")(np.array(9.0), rows), f(np.array(9.0), rows))


def test_float32_beside_float64_in_a_step() -> None:
    """The first result may be off by the rounding of the narrower: that was an error."""
    f = lambda x, m: tg.scan(lambda c, _: (c, np.sum(x) * m), 0.0, length=3)[1]  # noqa: E731
    x, m = np.array([2.5379481, 1.4159285, -1.5648998], np.float32), np.ones(2)
    assert_allclose(tg.compile(f, target="numpy")(x, m), f(x, m), rtol=1e-6)


def test_native_steps() -> None:
    try:
        find_compiler()
    except NotCompiled as reason:
        pytest.skip(str(reason))
    compiled = tg.compile(gradients(rnn), target="c")
    same(compiled(PARAMS, X, H), gradients(rnn_by_hand)(PARAMS, X, H))
    assert "# scan, body:" not in compiled.source(PARAMS, X, H)

    def sort_and_go_on(h: Any, x: Any) -> Any:  # what C does not know stays NumPy, between kernels
        h = np.sort(np.tanh(h) + np.sum(x))
        return h * np.exp(-h), np.max(h)

    some = tg.compile(lambda h: tg.scan(sort_and_go_on, h, X), target="c")
    same(some(H), tg.scan(sort_and_go_on, H, X))
    assert "kernel0" in some.source(H).partition("# scan, body:")[2]


def test_a_forward_pass_is_made_once() -> None:
    assert tg.compile(gradients(rnn), target="numpy").source(PARAMS, X, H).count("# scan, body:") == 2


@pytest.mark.parametrize("which", ["carry alone", "ys alone"])
def test_the_gradient_of_a_scan_with_one_result(which: str) -> None:
    def cost(W: Any, X: Any, h: Any) -> Any:
        if which == "carry alone":
            found, _ = tg.scan(lambda h, x: (np.tanh(W @ h + x[0]), None), h, X)
        else:
            _, found = tg.scan(lambda nothing, x: (nothing, np.tanh(W @ h + x[0])), None, X)
        return np.sum(found * np.arange(HIDDEN))

    f = tg.value_and_grad(cost, argnums=(0, 1, 2))
    same(tg.compile(f)(PARAMS["W"], X, H), f(PARAMS["W"], X, H))


USES = {
    "solve": np.linalg.solve,
    "cholesky": lambda S, b: np.linalg.solve(np.linalg.cholesky(S), b),
    "inv": lambda S, b: np.linalg.inv(S) @ b,
    "slogdet": lambda S, b: b / (4 + np.linalg.slogdet(S)[1]),
}


@pytest.mark.parametrize(
    ("use", "checkpoint", "transform"), one_in(3, itertools.product(USES, [False, True], [tg.grad, tg.hessian]))
)
def test_matrices_that_must_be_regular(use: str, checkpoint: bool, transform: Any) -> None:
    """Invented numbers, in whose place the real ones come when the program runs, would be singular matrices."""
    A = np.array([[2.0, 0.3, -0.2], [0.3, 1.5, 0.1], [-0.2, 0.1, 1.8]])

    def cost(A: Any) -> Any:
        def step(c: Any, x: Any) -> Any:
            c = USES[use](A + np.outer(c, c), x + c)
            return c, np.sum(c * np.arange(3))

        return np.sum(tg.scan(step, np.array([1.0, 0.5, -0.5]), X, checkpoint=checkpoint)[1] ** 2)

    expected = transform(cost)(A)
    assert_allclose(tg.compile(transform(cost), target="numpy")(A), expected, rtol=1e-8, atol=1e-10)


def test_a_step_reads_what_is_outside_at_every_call() -> None:
    scale = tg.Tensor(2.0)
    f = tg.compile(lambda x: tg.scan(lambda c, e: (c + scale * e, None), 0.0, x)[0])
    assert f(np.ones(3)) == 6
    scale.data = np.array(5.0)
    assert f(np.ones(3)) == 15


def test_derived_text_is_unrolled() -> None:
    text = tg.derive(lambda w: tg.scan(lambda c, x: (c * w + x, None), 0.0, np.array([1.0, 2.0]))[0], 3.0).source
    assert "scan" not in text


def test_loops_and_branches_without_results() -> None:
    def f(x: Any) -> Any:
        nothing = tg.cond(x[0] > 0, lambda: None, lambda: None)
        return np.sum(x), nothing, tg.scan(lambda c, e: (c, None), None, x)

    assert tg.compile(f)(H) == f(H) == (np.sum(H), None, (None, None))


# -- cond ------------------------------------------------------------------------------------------------------------


def choose(x: Any, w: Any) -> Any:
    return tg.cond(np.sum(x) > 0, lambda x: np.log(x) @ w, lambda x: np.exp(x) @ w * 2, x)


@pytest.mark.parametrize("x", [np.array([1.0, 2.0, 0.5]), np.array([-1.0, -2.0, 0.5])], ids=["yes", "no"])
def test_cond(x: Any) -> None:
    w = np.array([1.0, -2.0, 0.3])
    f = (lambda x, w: np.log(x) @ w) if np.sum(x) > 0 else lambda x, w: np.exp(x) @ w * 2
    both = (0, 1)
    for g in (
        lambda f: f,
        lambda f: tg.value_and_grad(f, both),
        lambda f: tg.jacobian(tg.grad(f)),
        lambda f: lambda x, w: tg.jvp(f, (x, w), (w, x)),
    ):
        same(g(choose)(x, w), g(f)(x, w))
        same(tg.compile(g(choose))(x, w), g(f)(x, w))
    compiled = tg.compile(tg.grad(choose))
    compiled(-np.abs(x), w)
    same(compiled(x, w), tg.grad(f)(x, w))  # the program of the other branch


def test_cond_for_each_of_many() -> None:
    x = RNG.normal(size=(5, 3))

    def f(x: Any) -> Any:
        return tg.cond(np.sum(x) > 0, np.sin, lambda x: x**2, x)

    expected = np.where(x.sum(1, keepdims=True) > 0, np.sin(x), x**2)
    same(tg.vmap(f)(x), expected)
    same(tg.compile(tg.vmap(f))(x), expected)
    same(tg.compile(tg.vmap(tg.grad(lambda x: np.sum(f(x)))))(x), tg.vmap(tg.grad(lambda x: np.sum(f(x))))(x))


def test_cond_of_all_of_many() -> None:
    x = RNG.normal(size=(5, 3))
    f = tg.vmap(lambda x, p: tg.cond(p > 0, np.sin, np.cos, x), in_axes=(0, None))
    for p in (1.0, -1.0):
        same(f(x, p), np.sin(x) if p > 0 else np.cos(x))
        same(tg.compile(f)(x, p), np.sin(x) if p > 0 else np.cos(x))


# -- while_loop ------------------------------------------------------------------------------------------------------


def root(a: Any) -> Any:
    """Newton's steps to the square root."""
    _, x = tg.while_loop(lambda c: np.abs(c[1] ** 2 - a) > 1e-12, lambda c: (c[0] + 1, (c[1] + a / c[1]) / 2), (0, 1.0))
    return x


def test_while_loop() -> None:
    f = tg.compile(root)
    for a in (2.0, 9.0, 1.0):
        assert_allclose(root(a), np.sqrt(a))
        assert_allclose(f(a), np.sqrt(a))
    assert_allclose(tg.jvp(root, (2.0,), (1.0,))[1], 0.5 / np.sqrt(2), rtol=1e-6)
    assert_allclose(tg.compile(lambda a: tg.jvp(root, (a,), (1.0,))[1])(2.0), 0.5 / np.sqrt(2), rtol=1e-6)
    several = np.array([2.0, 9.0, 1.0])
    assert_allclose(tg.vmap(root)(several), np.sqrt(several))
    assert_allclose(tg.compile(tg.vmap(root))(several), np.sqrt(several))


# -- refused ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: tg.scan(lambda c, x: c, 0.0, X), TypeError, r"return a pair \(carry, y\)"),
        (
            lambda: tg.scan(lambda c, x: (x, c), 0.0, X),
            TypeError,
            r"carry was float64 \(\), and the step makes it .*\(3,\)",
        ),
        (lambda: tg.scan(lambda c, x: (c * 1.5, None), 1, X), TypeError, "carry was int64"),
        (lambda: tg.scan(lambda c, x: ((c, c), None), 0.0, X), TypeError, "it must stay alike"),
        (lambda: tg.scan(lambda c, x: (c, x), 0.0), ValueError, "length= says"),
        (lambda: tg.scan(lambda c, x: (c, x), 0.0, length=-1), ValueError, "length is -1"),
        (lambda: tg.scan(lambda c, x: (c, x), 0.0, length=2.0), TypeError, "length is 2.0; it must be a whole number"),
        (lambda: tg.scan(X, 0.0, X), TypeError, "f is a ndarray; it must be a function"),
        (
            lambda: tg.scan(lambda c, x: (c + 1, x[: int(c)]), 1, X),
            TypeError,
            r"y has shape \(1,\) in step 0, and \(2,\) in step 1",
        ),
        (lambda: tg.scan(lambda c, x: (c + 1, [c] * int(c)), 1, X), TypeError, r"y is list\(\*\) in step 0, and"),
        (lambda: tg.scan(lambda c, x: (c, x), 0.0, (X, X[1:])), ValueError, r"xs\[1\] has 5 steps, but there are 6"),
        (lambda: tg.scan(lambda c, x: (c, x), 0.0, X, length=2), ValueError, "xs has 6 steps, but there are 2"),
        (lambda: tg.scan(lambda c, x: (c, x), 0.0, 3.0), ValueError, "xs is one number"),
        (lambda: tg.cond(X > 0, np.sin, np.cos, X), ValueError, "one truth value"),
        (
            lambda: tg.compile(lambda x: tg.cond(x[0] > 0, np.sum, np.sin, x))(H),
            TypeError,
            "the branches differ: yes gives",
        ),
        (lambda: tg.compile(lambda x: tg.cond(x[0] > 0, x, x))(H), TypeError, "yes is a Tensor; it must be a function"),
        (lambda: tg.while_loop(lambda c: True, 3, H), TypeError, "f is a int; it must be a function"),
        (lambda: tg.while_loop(lambda c: True, lambda c: c, {}), TypeError, "no array in the carry, {}"),
        (lambda: tg.while_loop(lambda c: c < 3, lambda c: (c,), 0.0), TypeError, "it must stay alike"),
        (lambda: tg.compile(tg.grad(root))(2.0), TypeError, "tg.scan with a fixed length"),
        (lambda: tg.compile(lambda x: x if x < 1 else -x)(2.0), tg.TraceError, "tg.cond.*tg.while_loop"),
        (lambda: tg.compile(lambda x: tg.scan(lambda c, e: (c + RNG.normal(), e), 0.0, x))(H), RuntimeError, "random"),
    ],
)
def test_refused(call: Any, error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        call()


def test_the_source_of_a_loop_is_there_as_long_as_the_loop() -> None:
    def known() -> set[str]:
        return {name for name in linecache.cache if name.startswith("<compiled loop")}

    gc.collect()
    before = known()
    f = tg.compile(lambda x: tg.scan(lambda c, x: (c + x, c * x), np.zeros(3), x)[0], target="numpy")
    f(np.ones((5, 3)))
    assert known() > before
    del f
    gc.collect()
    assert known() <= before
