"""Programs in C: random ones, and what all compiled functions promise, whatever they are printed as."""

from __future__ import annotations

import threading
from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.generators.fused import Draw, differences, several
from tinygrad_lite.program.native import library
from tinygrad_lite.program.native.steps import Step
from tinygrad_lite.program.native.threads import count_threads
from tinygrad_lite.program.program import Node

pytestmark = pytest.mark.thorough

RNG = np.random.default_rng(3)
W, X, Y = RNG.normal(size=(5, 3)), RNG.normal(size=(3, 37)), RNG.normal(size=(5, 37))


def loss(w: Any, x: Any, y: Any) -> Any:
    return np.mean((np.tanh(w @ x) - y) ** 2)


def step(w: Any, x: Any, y: Any, rate: float) -> Any:
    value, dw = tg.value_and_grad(loss)(w, x, y)
    return value, w - rate * dw


@pytest.fixture(scope="module")
def native() -> Any:
    return tg.compile(step, target="c")


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 20))])
def test_random_functions(seed: int) -> None:
    rng = np.random.default_rng(1000 + seed)
    draws = [Draw(rng) for _ in range(5)]
    f, arguments = several(draws, gradients=bool(seed % 2))
    compiled = tg.compile(f, target="c")
    with np.errstate(all="ignore"):
        compiled(arguments)  # the first result is checked in itself
        assert not differences(draws, f, compiled, [draw.again() for draw in draws])


@pytest.mark.parametrize(
    "change",
    [
        np.asfortranarray,
        lambda x: np.stack([x, x], axis=-1)[..., 0],
        lambda x: x[::-1][::-1].T.copy().T,
        lambda x: np.frombuffer(b"." + x.tobytes(), np.uint8)[1:].view(x.dtype).reshape(x.shape),
    ],
    ids=["Fortran", "strided", "transposed", "unaligned"],
)
def test_arrays_may_lie_in_memory_as_they_like(native: Any, change: Any) -> None:
    expected = step(W, X, Y, 0.3)
    found = native(change(W), change(X), change(Y), 0.3)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-12)


@pytest.mark.parametrize(
    "other",
    [
        (W.astype(np.float32), X.astype(np.float32), Y.astype(np.float32), 0.3),
        (W, X[:, :11], Y[:, :11], 0.3),
        (W, X, Y, np.float64(0.3)),
        (W, X, Y, np.array(0.3)),
        (tg.Tensor(W), X, Y, 0.3),
    ],
    ids=["float32", "shorter", "scalar", "0-d", "Tensor"],
)
def test_arguments_of_another_kind_get_a_program_of_their_own(native: Any, other: Any) -> None:
    native(W, X, Y, 0.3)
    plain = [np.asarray(x.data if isinstance(x, tg.Tensor) else x) for x in other[:3]]
    expected = step(*plain, float(other[3]))
    found = native(*other)
    np.testing.assert_allclose(np.asarray(found[1]), expected[1], rtol=1e-5)


def test_results_belong_to_the_caller(native: Any) -> None:
    w, x, y = W.copy(), X.copy(), Y.copy()
    first = native(w, x, y, 0.3)
    kept = first[1].copy()
    native(2 * w, x, y, 0.1)
    np.testing.assert_array_equal(first[1], kept)
    first[1][:] = 0
    np.testing.assert_array_equal(w, W)
    assert not any(np.shares_memory(first[1], array) for array in (w, x, y))


def test_a_result_that_is_an_argument_or_a_view_is_a_copy() -> None:
    f = tg.compile(lambda x: (x, x.T, x[1:], x, np.reshape(x, (-1,)), x + 1), target="c")
    for results in (f(X), f(X)):
        for i, a in enumerate(results):
            assert not np.shares_memory(a, X)
            assert not any(np.shares_memory(a, b) for b in results[i + 1 :])
        np.testing.assert_array_equal(results[1], X.T)
        np.testing.assert_array_equal(results[2], X[1:])


def test_two_threads_at_a_time() -> None:
    big = RNG.normal(size=(3, 60_000))
    labels = RNG.normal(size=(5, 60_000))
    f = tg.compile(step, target="c")
    weights = [RNG.normal(size=(5, 3)) for _ in range(4)]
    expected = [f(w, big, labels, 0.3)[1] for w in weights]
    wrong = []

    def work(i: int) -> None:
        for _ in range(20):
            if not np.array_equal(f(weights[i], big, labels, 0.3)[1], expected[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_an_argument_that_is_replaced_meanwhile_is_held() -> None:
    """The interpreter's lock is released; another thread takes the array out of its dict, where nobody else had it."""
    values = RNG.normal(size=400_000)
    f = tg.compile(lambda p: np.sum(np.tanh(np.sin(p["x"]))), target="c")
    p = {"x": values.copy()}
    expected, done = f(p), threading.Event()

    def replace() -> None:
        while not done.wait(0.0005):
            p["x"] = values.copy()

    thread = threading.Thread(target=replace)
    thread.start()
    try:
        assert all(f(p) == expected for _ in range(100))
    finally:
        done.set()
        thread.join()


@pytest.mark.parametrize("count", ["1", "2", "3"])
def test_long_axes_are_divided_among_threads(monkeypatch: pytest.MonkeyPatch, count: str) -> None:
    x, y = RNG.normal(size=(3, 50_021)), RNG.normal(size=(5, 50_021))
    monkeypatch.setenv("TINYGRAD_LITE_THREADS", count)

    def f(w: Any, x: Any, y: Any) -> Any:
        z = np.tanh(w @ x)
        return step(w, x, y, 0.3), np.max(z), np.min(z, axis=1), np.sum(z, axis=0)

    compiled = tg.compile(f, target="c")
    first, again, expected = compiled(W, x, y), compiled(W, x, y), f(W, x, y)
    assert ("tg_run_parts" in compiled.source(W, x, y).split("tg_functions")[0]) == (count != "1")
    for a, b, c in zip(*(tg.tree.flatten(result)[0] for result in (first, again, expected)), strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(a, c, rtol=1e-9)


@pytest.mark.parametrize("count", ["1", "2"])
@pytest.mark.parametrize("value", [0.1, 1 / 3])
def test_sums_of_millions_of_float32_numbers_keep_their_digits(
    monkeypatch: pytest.MonkeyPatch, count: str, value: float
) -> None:
    """As they do in NumPy, which adds halves to halves: block after block, each would be rounded to what it adds to."""
    monkeypatch.setenv("TINYGRAD_LITE_THREADS", count)
    x = np.full(3_000_000, value, np.float32)
    exact = float(x[0])

    def sums(x: Any) -> Any:
        return np.sum(x), np.mean(np.sqrt(x)), np.sum(np.reshape(x, (3, -1)) * 2, axis=1)

    compiled = tg.compile(sums, target="c")
    found = [np.asarray(y) for y in compiled(x)]
    assert [y.dtype for y in found] == [np.float32] * 3
    for y, expected in zip(found, (exact * 3e6, exact**0.5, exact * 2e6), strict=True):
        np.testing.assert_allclose(y, expected, rtol=3e-6)


@pytest.mark.parametrize("text", ["many", "0", "-1", "1.5", "\u00b2"])
def test_the_number_of_threads_is_a_number(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TINYGRAD_LITE_THREADS", text)
    with pytest.raises(ValueError, match=f"TINYGRAD_LITE_THREADS must be a whole number, not '{text}'"):
        count_threads()


def test_the_same_function_is_printed_alike_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else no other process would find its library in the cache."""

    class Printed(Exception):
        pass

    def stop(compiler: Any, text: str, *_: Any, **__: Any) -> None:
        raise Printed(text)

    monkeypatch.setattr(library, "build", stop)

    def print_once(f: Any, arguments: Any, key: int) -> str:
        for kind in (Node, Step):  # as if they lay elsewhere in memory, which is what sets go by
            monkeypatch.setattr(kind, "__hash__", lambda self: hash((id(self), key)))
        with np.errstate(all="ignore"), pytest.raises(Printed) as printed:
            tg.compile(f, target="c")(arguments)
        return str(printed.value)

    for seed in (5, 19, 29):
        rng = np.random.default_rng(seed)
        f, arguments = several([Draw(rng) for _ in range(4)], gradients=True)
        assert len({print_once(f, arguments, key) for key in range(4)}) == 1


Pair = namedtuple("Pair", "left right")


@pytest.mark.parametrize(
    ("f", "arguments"),
    [
        (lambda p: {"a": p["x"] * p["y"], 3: [p["x"] + 1, (p["y"],)]}, ({"x": X, "y": X + 1},)),
        (lambda p, k: [x * k for x in p], ([X, X + 1, Y], 2.5)),
        (lambda p: Pair(p.left * 2, p.right @ p.left), (Pair(X, W),)),
        (lambda x, *, scale: x * scale, (X,)),
        (lambda x, n: np.sum(x, axis=n) * n, (X, 1)),
        (lambda x, flag: x * 2 if flag else x, (X, True)),
        (lambda x: (np.sum(x), 3.5, None, "text"), (X,)),
        (lambda x: (np.sum(x) * W[0, 0], None, {"flag": True, "none": [None]}), (X,)),
        (lambda x, nothing: (x + 1, nothing), (X, None)),
        (lambda x: x * 2.0, (1.5,)),
        (lambda x, y: x * y + np.sum(x), (np.float32(1.5), np.array(2.5))),
        (lambda x: x > 0, (X,)),
    ],
)
def test_arguments_and_results_in_every_form(f: Any, arguments: Any) -> None:
    compiled = tg.compile(f, target="c")
    keywords = {"scale": 1.5} if "scale" in f.__code__.co_varnames[: f.__code__.co_argcount + 1] else {}
    expected = f(*arguments, **keywords)
    for _ in range(2):
        found = compiled(*arguments, **keywords)
        assert type(found) is type(expected)
        leaves, structure = tg.tree.flatten(found)
        wanted, other = tg.tree.flatten(expected)
        assert structure == other
        for a, b in zip(leaves, wanted, strict=True):
            assert type(a) is type(b)
            assert np.asarray(a).dtype == np.asarray(b).dtype
            np.testing.assert_allclose(a, b, rtol=1e-6)


def test_what_is_outside_is_found_again() -> None:
    state = {"w": W.copy()}
    weights = tg.Tensor(W.copy())
    f = tg.compile(lambda x: state["w"] @ x + weights @ x, target="c")
    np.testing.assert_allclose(f(X), 2 * W @ X, rtol=1e-12)
    state["w"] = 2 * W
    weights.data = 3 * W
    np.testing.assert_allclose(f(X), 5 * W @ X, rtol=1e-12)


def test_where_no_float_holds_a_step_the_function_itself_is_asked() -> None:
    def f(z: Any) -> Any:
        return tg.grad(lambda z: np.sum(1 / (1 + np.exp(-z))))(z)

    compiled = tg.compile(f, target="c")
    z = np.array([0.5, -800.0, 3.0])
    compiled(np.ones(3))
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(compiled(z), f(z), rtol=1e-12)


def test_the_source_shows_the_c_beside_the_numpy_step(native: Any) -> None:
    text = native.source(W, X, Y, 0.3)
    assert "def body(" in text
    assert "/* tanh (5, 37) */" in text
    assert "x0" in text
    assert native.target == "c"


def test_names_cannot_get_out_of_their_comments() -> None:
    evil = '*/ int x = 1; /* " \\\n ?\\? // \u2028'
    f = tg.compile(lambda p: {evil: np.tanh(p[evil]) @ W}, target="c")
    x = RNG.normal(size=(2, 5))
    np.testing.assert_allclose(f({evil: x})[evil], np.tanh(x) @ W, rtol=1e-12)


def test_large_products_are_left_to_blas_and_lapack_to_numpy() -> None:
    a, b = RNG.normal(size=(90, 80)), RNG.normal(size=(80, 70))
    f = tg.compile(lambda a, b: np.tanh(a @ b).T @ np.tanh(a), target="c")
    np.testing.assert_allclose(f(a, b), np.tanh(a @ b).T @ np.tanh(a), rtol=1e-9, atol=1e-9)
    assert "tg_gemm" in f.source(a, b)
    spd = b.T @ b + np.eye(70)
    g = tg.compile(lambda m: np.sum(np.log(np.diag(np.linalg.cholesky(m * 2)))) + np.sum(np.exp(-m)), target="c")
    np.testing.assert_allclose(g(spd), np.sum(np.log(np.diag(np.linalg.cholesky(spd * 2)))) + np.sum(np.exp(-spd)))


def spectra():
    """A matrix whose eigenvalues are real numbers, and one of whose eigenvalues some are not."""
    apart = np.random.default_rng(31).normal(size=(4, 4)) / 9
    return apart + np.diag([1.0, 3.0, -2.0, -5.0]), apart + np.kron(np.diag([1.0, 2.0]), [[0.0, 3.0], [-3.0, 0.0]])


@pytest.mark.parametrize("target", ["numpy", "c"])
@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize(
    "f",
    [
        lambda A: np.sum(np.abs(np.linalg.eigvals(A)) ** 2 * np.arange(1.0, 5)),
        lambda A: np.sum(np.real(np.linalg.eig(A)[0] ** 3)),
        lambda A: np.sum(np.abs(np.linalg.eig(A)[1] * np.arange(1.0, 5)) ** 2),
    ],
    ids=["eigvals", "eig, values", "eig, vectors"],
)
def test_eigenvalues_that_are_real_at_first_or_later(f, first, target):
    """NumPy (before 2.5) gives floats for some matrices, and complex numbers for others."""
    compiled = tg.compile(tg.value_and_grad(f), target=target)
    matrices = spectra()
    for A in (matrices[first], matrices[1 - first], matrices[first]):
        (J, dA), (expected, gradient) = compiled(A), tg.value_and_grad(f)(A)
        np.testing.assert_allclose(J, expected, rtol=1e-9)
        np.testing.assert_allclose(dA, gradient, rtol=1e-8, atol=1e-10)
    assert "np.linalg.eig" in str(tg.derive(f, matrices[first]))  # which tries its text on other matrices
