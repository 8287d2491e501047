"""What native code is made of: rows, regions, steps that stand alone. Each gives what NumPy gives, and as it should."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import tinygrad_lite as tg
from tinygrad_lite.nn import functional as F

pytestmark = pytest.mark.thorough

RNG = np.random.default_rng(8)


def draw(*shape: int) -> Any:
    return RNG.normal(size=shape)


MASK = draw(33, 33) > -0.5
MATRIX = draw(17, 21)


def attention(q: Any, k: Any, v: Any) -> Any:
    scores = np.where(MASK, q @ np.swapaxes(k, -1, -2) / 3, -1e9)
    return tg.softmax(scores, axis=-1) @ v


def normalise(x: Any, w: Any) -> Any:
    centred = x - np.mean(x, axis=(-2, -1), keepdims=True)
    return centred / np.sqrt(np.mean(centred * centred, axis=(-2, -1), keepdims=True) + 1e-5) * w


def split_and_join(x: Any) -> Any:
    a, b, c = x[..., :20], x[..., 20:40], x[..., 40:]
    return a * np.tanh(b) + np.sum(c, axis=-1, keepdims=True)


CASES = {
    "attention": (attention, [draw(2, 3, 33, 12), draw(2, 3, 33, 12), draw(2, 3, 33, 7)]),
    "softmax of rows": (lambda x: tg.softmax(x * 2, axis=-1), [draw(5, 3, 70)]),
    "softmax of columns": (lambda x: tg.softmax(x * 2, axis=0), [draw(70, 35)]),
    "log-softmax of the middle": (lambda x: tg.log_softmax(x, axis=1), [draw(3, 40, 37)]),
    "layer norm over two axes": (normalise, [draw(6, 5, 11), draw(5, 11)]),
    "largest of a row": (lambda x: x / np.max(np.abs(x), axis=-1, keepdims=True), [draw(4, 9, 65)]),
    "smallest without its axis": (lambda x: np.min(x, axis=-1) * 2 + np.sum(x * x, axis=-1), [draw(4, 9, 65)]),
    "rows of different arrays": (lambda x, w, b: np.tanh(x * w + b[:, None]), [draw(8, 3, 40), draw(40), draw(3)]),
    "all of a stack": (lambda x: np.sum(np.exp(-x * x)) * x, [draw(3, 7, 50)]),
    "the best of four": (lambda x: np.max(x, axis=0) - np.mean(x, axis=0), [draw(4, 6, 5, 11)]),
    "sums along both axes": (lambda x: x - np.sum(x, 0, keepdims=True) * np.sum(x, 1, keepdims=True), [draw(40, 31)]),
    "slices": (split_and_join, [draw(3, 7, 60)]),
    "one entry": (lambda x: np.tanh(x[1]) * x[0] + x[-1], [draw(1001)]),
    "margins": (lambda x: np.tanh(np.pad(x, ((1, 2), (0, 0), (3, 1)))) * 2, [draw(4, 5, 9)]),
    "margins of ones": (lambda x: np.pad(x, 2, constant_values=1.0) * 3, [draw(4, 9)]),
    "windows": (lambda x: np.sum(sliding_window_view(x, (3, 2), (0, 1)) ** 2, axis=(-1, -2)), [draw(9, 8)]),
    "convolution": (
        lambda x, w, b: F.max_pool2d(F.relu(F.conv2d(x, w, b, padding=1, stride=1)), 2),
        [draw(3, 2, 9, 8), draw(4, 2, 3, 3), draw(4)],
    ),
    "dilated convolution": (
        lambda x, w: F.avg_pool2d(F.conv2d(x, w, stride=2, dilation=2), 2),
        [draw(3, 2, 15, 16), draw(4, 2, 3, 3)],
    ),
    "one matrix for a stack": (lambda x, w: np.tanh(x @ w), [draw(2, 9, 17), draw(17, 21)]),
    "one vector for a stack": (lambda x, w: np.tanh(x @ w), [draw(2, 9, 17), draw(17)]),
    "a stack for one matrix": (lambda x: np.tanh(MATRIX @ x), [draw(2, 21, 9)]),
}


def loss_of(f: Any) -> Any:
    """A number that depends on each entry in another way."""

    def loss(*arguments: Any) -> Any:
        y = f(*arguments)
        return np.sum(y * np.cos(np.arange(y.size, dtype=y.dtype).reshape(y.shape)))

    return loss


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_values_and_gradients(dtype: Any) -> None:
    """All in one program, which the C compiler takes less time for than for twenty."""

    def all_at_once(arguments: dict[str, list[Any]]) -> dict[str, Any]:
        results = {}
        for case, xs in arguments.items():
            f = CASES[case][0]
            results[case] = f(*xs), tg.value_and_grad(loss_of(f), argnums=tuple(range(len(xs))))(*xs)
        return results

    compiled = tg.compile(all_at_once, target="c")
    arguments = {case: [x.astype(dtype) for x in xs] for case, (_, xs) in CASES.items()}
    compiled(arguments)  # the first result is checked in itself
    arguments = {case: [x[::-1].copy() for x in xs] for case, xs in arguments.items()}
    found, expected = compiled(arguments), all_at_once(arguments)
    assert compiled.target == "c"
    tolerance = 1e-12 if dtype == np.float64 else 2e-4
    for case in CASES:
        for a, b in zip(tg.tree.flatten(found[case])[0], tg.tree.flatten(expected[case])[0], strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_allclose(a, b, tolerance, tolerance * max(1.0, np.abs(b).max()), err_msg=case)


@pytest.mark.parametrize("case", ["attention", "convolution", "slices", "softmax of rows", "windows"])
def test_no_step_is_left_to_numpy(case: str) -> None:
    f, arguments = CASES[case]
    compiled = tg.compile(tg.grad(loss_of(f), argnums=tuple(range(len(arguments)))), target="c")
    assert "entry(" in compiled.source(*arguments), "not one call"


def test_a_row_is_gone_through_as_it_lies_in_memory() -> None:
    text = tg.compile(lambda x: tg.softmax(x, axis=-1), target="c").source(draw(50, 3, 64))
    assert "for (long r = from; r < to; r++)" in text
    assert "load (" not in text


def test_zeros_keep_their_sign_within_margins() -> None:
    f = tg.compile(lambda x: np.pad(x, 1), target="c")
    found = f(np.array([[-0.0, 0.0, -1.0]]))
    assert np.signbit(found).tolist() == np.signbit(np.pad(np.array([[-0.0, 0.0, -1.0]]), 1)).tolist()


@pytest.mark.parametrize("name", ["max", "min"])
def test_nan_is_the_largest_and_the_smallest_wherever_it_stands(name: str) -> None:
    f = tg.compile(lambda x: getattr(np, name)(x, axis=-1), target="c")
    x = draw(37, 37)
    f(x)
    x[np.diag_indices(37)] = np.nan
    assert np.isnan(f(x)).all()
    infinite = np.full((37, 37), np.inf if name == "min" else -np.inf)
    np.testing.assert_array_equal(f(infinite), infinite[0])


@pytest.mark.parametrize("count", ["1", "3"])
def test_rows_are_divided_among_threads(monkeypatch: pytest.MonkeyPatch, count: str) -> None:
    monkeypatch.setenv("TINYGRAD_LITE_THREADS", count)
    x = draw(1001, 300)

    def f(x: Any) -> Any:
        return tg.softmax(np.tanh(x), axis=-1)

    compiled = tg.compile(f, target="c")
    first, again = compiled(x), compiled(x)
    assert ("tg_run_parts" in compiled.source(x).split("tg_functions")[0]) == (count != "1")
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose(first, f(x), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_flags_among_numbers_leave_the_loop_to_vector_units(dtype: Any) -> None:
    """A cast from a byte to a float keeps gcc from making vector code of the whole loop."""
    x = np.linspace(-1, 1, 40, dtype=dtype)
    f = tg.compile(lambda x: x + (x > 0) * np.tanh(x), target="c")
    np.testing.assert_allclose(f(x), x + (x > 0) * np.tanh(x), rtol=1e-6)
    printed = f.source(x).split("tg_functions")[0]
    assert " ? 1.0" in printed
    assert "(double)v" not in printed
    assert "(float)v" not in printed
