"""The loop that people know: `.data -= …`, and `W -= …`."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg


def train(update: Any, dtype: Any = np.float64) -> Any:
    """Three steps of gradient descent on a sum of squares and more, by an update in some form."""
    W = tg.Tensor(np.array([[1.0, -2.0, 3.0]], dtype), requires_grad=True, name="W")
    b = tg.Tensor(np.array(0.5, dtype), requires_grad=True)
    for _ in range(3):
        J = np.sum((W + b) ** 2) + b
        W.grad = b.grad = None
        J.backward()
        update(W, b)
    assert W.requires_grad
    assert b.requires_grad
    return np.append(W.numpy(), b.numpy())


def in_steps(W: Any, b: Any) -> None:
    W.data = W.data - 0.1 * W.grad
    b.data = b.data - 0.1 * b.grad


def by_data(W: Any, b: Any) -> None:
    W.data -= 0.1 * W.grad
    b.data -= 0.1 * b.grad


def by_negative(W: Any, b: Any) -> None:
    step = W.grad * -0.1
    W.data += step
    b.data += -0.1 * b.grad


def by_name(W: Any, b: Any) -> None:
    numbers = W.data
    numbers -= 0.1 * W.grad
    more = b.data
    more -= 0.1 * b.grad


def without_gradient(W: Any, b: Any) -> None:
    with tg.no_grad():
        W -= 0.1 * W.grad
        b -= 0.1 * b.grad


@pytest.mark.parametrize("update", [by_data, by_negative, by_name, without_gradient])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_updates_in_every_form(update: Any, dtype: Any) -> None:
    found, expected = train(update, dtype), train(in_steps, dtype)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("sign", ["+", "-", "*", "/", "//", "%", "**", "@"])
def test_every_operator(sign: str) -> None:
    x, other = np.array([[3.0, 2.0], [5.0, 4.0]]), np.array([[2.0, 1.0], [1.5, 3.0]])
    expected = eval(f"x {sign} other")
    W, U = (tg.Tensor(x, requires_grad=True) for _ in "WU")
    exec(f"W.data {sign}= other")
    with tg.no_grad():
        exec(f"U {sign}= tg.Tensor(other)", {"U": U, "tg": tg, "other": other})
    for t in (W, U):
        np.testing.assert_array_equal(t.data, expected)
    V = tg.Tensor(x)
    V.data -= tg.Tensor(other)
    np.testing.assert_array_equal(V.data, x - other)


def test_a_step_of_another_dtype_is_cast_as_in_numpy() -> None:
    W = tg.Tensor(np.ones(2, np.float32), requires_grad=True)
    W.data -= np.array([0.25, 0.5])
    assert W.dtype == np.float32
    np.testing.assert_array_equal(W.data, [0.75, 0.5])
    with tg.no_grad():
        W += np.array([0.25, 0.5])
    np.testing.assert_array_equal(W.data, [1, 1])


def test_what_was_computed_before_keeps_its_numbers() -> None:
    W = tg.Tensor([1.0, 2.0], requires_grad=True)
    before, J = W.data, np.sum(W**2)
    W.data -= 1.0
    np.testing.assert_array_equal(before, [1, 2])
    np.testing.assert_array_equal(W.data, [0, 1])
    with pytest.raises(RuntimeError, match="given new data"):
        J.backward()


@pytest.mark.parametrize(
    ("line", "error", "match"),
    [
        ("W.data[0] = 1.0", ValueError, r"read-only.*W\.data -= step"),
        ("W.data[:1] -= 1.0", ValueError, r"read-only.*W\.data -= step"),
        ("old = W.data; W.data = [0.0, 0.0]; old -= 1", ValueError, "read-only"),
        ("W.data -= np.ones(3)", ValueError, "broadcast"),
        ("W.data -= np.ones((2, 2))", ValueError, "must stay the same"),
        ("W.data -= 1j * np.ones(2)", ValueError, "must stay the same"),
        ("y.data -= 1.0", (TypeError, ValueError), "read-only"),
    ],
)
def test_what_is_refused(line: str, error: Any, match: str) -> None:
    W = tg.Tensor([1.0, 2.0], requires_grad=True, name="W")
    with pytest.raises(error, match=match):
        exec(line, {"W": W, "np": np, "y": W * 2})


def test_a_parameter_that_was_made_another_tensor_says_so() -> None:
    W = tg.Tensor([1.0, 2.0], requires_grad=True)
    for step in range(2):
        np.sum(W**2).backward()
        if step == 1:
            break
        W -= 0.1 * W.grad
    for use in (
        lambda g: 0.1 * g,
        lambda g: g * 0.1,
        lambda g: np.float64(1) * g,
        lambda g: np.ones(2) * g,
        np.asarray,
    ):
        with pytest.raises(TypeError, match=r"W -= 0.1 \* W.grad made W another Tensor.*W\.data -= step"):
            use(W.grad)
    with pytest.raises(AttributeError, match="another Tensor"):
        W.grad.sum()
    assert not W.grad
    assert "another Tensor" in repr(W.grad)


def test_in_place_on_other_tensors_makes_another() -> None:
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    total = tg.Tensor(0.0)
    for _ in range(3):
        total += np.sum(x * x)
    total.backward()
    np.testing.assert_array_equal(x.grad, [6, 12])
    y = x * 2
    with tg.no_grad():
        z = y
        z -= 1.0
    np.testing.assert_array_equal(z.data, [1, 3])
    np.testing.assert_array_equal(y.data, [2, 4])
    y = x
    y += 1.0
    assert y is not x
    np.testing.assert_array_equal(tg.gradients(np.sum(y * y), x)[0], [4, 6])

    def f(w: Any) -> Any:
        w *= 2
        w -= 1
        return np.sum(w**2)

    w = np.array([1.0, 2.0])
    np.testing.assert_array_equal(tg.grad(f)(w), [4, 12])
    np.testing.assert_array_equal(tg.compile(tg.grad(f))(w), [4, 12])
    np.testing.assert_array_equal(w, [1, 2])


def test_data_is_an_array_like_any_other() -> None:
    W = tg.Tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    data = W.data
    assert isinstance(data, np.ndarray)
    assert repr(data) == repr(np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert not data.flags.writeable
    assert type(data + 1) is type(pickle.loads(pickle.dumps(data))) is np.ndarray
    assert type(data.sum()) is np.float64
    assert type(data.copy()) is type(copy.deepcopy(data)) is np.ndarray
    for own in (data.copy(), copy.deepcopy(data), data[:].astype(float), copy.copy(data)):
        own -= 1.0
        own[0] = 9.0
        own[1] *= 2
        np.testing.assert_array_equal(own, [[9, 9], [4, 6]])
    np.testing.assert_array_equal(W.data, [[1, 2], [3, 4]])
    x = np.array([1.0, 2.0])
    for f in (lambda w, x: np.sum(w @ x), lambda w, x: np.sum(x * w), lambda x, w: np.sum(w.dot(x))):
        args = (data, x) if f.__code__.co_varnames[0] == "w" else (x, data)
        plain = tuple(np.array(a) for a in args)
        for transform in (tg.grad, lambda f: tg.compile(tg.grad(f)), tg.jacobian):
            found, expected = transform(f)(*args), transform(f)(*plain)
            assert type(found) is np.ndarray
            np.testing.assert_array_equal(found, expected)
    t = tg.Tensor(x, requires_grad=True) * data
    assert all(type(operand) in (tg.Tensor, np.ndarray) for operand in t._inputs)
