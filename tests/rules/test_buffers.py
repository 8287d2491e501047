"""Buffers: arrays that are written into piece by piece, with gradients."""

from __future__ import annotations

import copy
import pickle
import threading
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.everyday import one_in
from tinygrad_lite import tree
from tinygrad_lite.rules import assembling, buffers
from tinygrad_lite.rules.buffers import Buffer

RNG = np.random.default_rng(20)
W, U = 0.6 * RNG.normal(size=(3, 3)), RNG.normal(size=(3, 2))
X = RNG.normal(size=(5, 2))


def complex_step(f: Any, args: tuple[Any, ...], tangents: tuple[Any, ...]) -> Any:
    """The derivative of f along tangents, by an imaginary step: plain NumPy code, no tinygrad_lite."""
    h = 1e-30
    return np.imag(f(np, *(x + 1j * h * t for x, t in zip(args, tangents, strict=True)))) / h


def new(module: Any, shape: Any) -> Any:
    """What is written into: a buffer, or the oracle's complex array."""
    return np.zeros(shape, complex) if module is np else tg.zeros(shape)


def rnn(module: Any, W: Any, U: Any, X: Any) -> Any:
    h = new(module, (5, 3))
    h[0] = np.tanh(U @ X[0])
    for t in range(1, 5):
        h[t] = np.tanh(W @ h[t - 1] + U @ X[t])
    return np.sum(h * h * h)


def overwritten(module: Any, W: Any, U: Any, X: Any) -> Any:
    """A value read before it is overwritten counts, what is read after does not."""
    h = new(module, (2, 3))
    h[0] = np.sin(X[:3, 0])
    h[1] = W @ h[0]
    before = h[0] * 1
    h[0] = U @ X[1]
    h[1, 1:] = 2.5
    return np.sum(before * h[0]) + np.sum(h**3)


def in_place(module: Any, W: Any, U: Any, X: Any) -> Any:
    h = new(module, (3, 2))
    h += U
    h[1] *= X[0]
    h[:, 1] -= W[0] ** 2
    h[-1] /= 2 + X[2] ** 2
    h **= 2
    h[[0, 2]] += X[:2]
    return np.sum(np.sin(h) * U)


def every_index(module: Any, W: Any, U: Any, X: Any) -> Any:
    h = new(module, (3, 4, 2))
    h[...] = np.sin(X[0])
    h[1] = X[:4]
    h[2, 1:3] = W[1:, :2]
    h[..., 1] = np.sum(U) * np.ones(4)
    h[0, [3, 0]] = U[:2] @ W[:2, :2]
    h[:, None, 2, :] = U[:, None, :]
    h[np.array([0, 2]), np.array([1, 1]), 0] = W[0, :2]
    h[np.arange(24).reshape(3, 4, 2) % 5 == 0] = X[:5, 1]
    h[::-2, -1] = W[:2, 1:]
    h[1, 2, 1] = W[2, 2] * U[0, 0]
    rows = h[1:, ::2] * h[[2, 0]][:, 1:3]
    return np.sum(h**2) + np.sum(rows * h[..., 0][:2, :2, None]) + h[0, 0, 0] ** 3 + np.sum(h[:, 1] ** 3)


def named_twice(module: Any, W: Any, U: Any, X: Any) -> Any:
    """Of several values for one entry, the last one counts."""
    h = new(module, 3)
    h[[0, 1, 0, 0]] = X[:4, 0]
    h[[2, 2]] += X[:2, 1]
    return np.sum(h**3)


def broadcast(module: Any, W: Any, U: Any, X: Any) -> Any:
    h = new(module, (2, 3, 2))
    h[:] = U[0]
    h[0] = W[:, :1]
    h[1, 1] = W[0, 0]
    h[1:2, 2] = U[None, None, 1]
    return np.sum(h**3)


def in_functions(module: Any, W: Any, U: Any, X: Any) -> Any:
    h = new(module, (3, 3))
    h[:2] = W[1:]
    h[2] = W[0] * U[:, 0]
    y = np.concatenate([h, h[:1] @ W]) @ U
    y = (
        y
        + np.where(U[:1] > 0, h[:1, :2], 1)
        + np.max(np.real(np.stack([h[0], W[1]])) * 0)
        + np.einsum("ij,jk->ik", h, U)[0]
    )
    return (
        np.sum(y * y) + np.sum(h.T @ h) + h.sum() + np.mean(h, axis=0) @ h.reshape(9)[:3] + (-h)[0, 0] + (2 / h)[1, 1]
    )


def number(module: Any, W: Any, U: Any, X: Any) -> Any:
    h = new(module, ())
    for row in X:
        h[...] = np.sin(h) + row[0] * row[1]
        h += W[0, 0]
    return h * h[()] * 1


def from_itself(module: Any, W: Any, U: Any, X: Any) -> Any:
    h = new(module, (4, 2))
    h[:3] = U
    h[1:] = h[:-1] * 2
    h[::-1] = h
    h[[0, 1]] = h[[1, 0]]
    return np.sum(h**3 * X[:4])


def taken_apart(module: Any, W: Any, U: Any, X: Any) -> Any:
    """Of values written at once, so many parts are read that they are taken apart."""
    h, g = new(module, (5, 2, 2)), new(module, 12)
    h[:] = np.sin(X)[:, None] * U[:2]
    g[2:] = np.sin(X[::-1]).reshape(10) * W[0, 0]
    for t in range(1, 5):
        h[t] += h[t - 1] * W[0, 1]
        h[t, 1, 0] = h[t, 0, 1] * h[0, 1, 1]
        h[t - 1, :, 1] = g[t] * h[t, 0]
    h[::-1, 0] = h[:, 1] * 2
    total = np.sum(g[3] * g[4:6])
    for t in range(12):
        g[t] = g[t - 2] * g[(5 * t) % 12] + h[t % 5, t % 2, 0]
        total = total + h[t % 5, 0, 1] * g[-t]
    return total + np.sum(h**3) + np.sum(g**2) + np.sum(h[1:3, 1] ** 2)


PROGRAMS = [
    taken_apart,
    rnn,
    overwritten,
    in_place,
    every_index,
    named_twice,
    broadcast,
    in_functions,
    number,
    from_itself,
]
each = pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)


def ours(program: Any) -> Any:
    return lambda *args: program(tg, *args)


def tangents(seed: int = 0) -> tuple[Any, ...]:
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=x.shape) for x in (W, U, X))


@each
def test_value_and_gradient(program: Any) -> None:
    value, gradients = tg.value_and_grad(ours(program), (0, 1, 2))(W, U, X)
    np.testing.assert_allclose(value, np.real(program(np, W, U, X)), rtol=1e-13)
    ts = tangents()
    expected = complex_step(program, (W, U, X), ts)
    np.testing.assert_allclose(sum(np.sum(g * t) for g, t in zip(gradients, ts, strict=True)), expected, rtol=1e-11)
    np.testing.assert_allclose(tg.jvp(ours(program), (W, U, X), ts)[1], expected, rtol=1e-11)


@each
def test_leaves(program: Any) -> None:
    leaves = [tg.Tensor(x, requires_grad=True) for x in (W, U, X)]
    program(tg, *leaves).backward()
    for t, g in zip(leaves, tg.grad(ours(program), (0, 1, 2))(W, U, X), strict=True):
        np.testing.assert_array_equal(np.zeros_like(g) if t.grad is None else t.grad, g)


@each
def test_second_order(program: Any) -> None:
    """Reverse over reverse, forward over reverse, and reverse over forward, against differences of the gradient."""
    args, ts = (W, U, X), tangents(1)
    gradient = tg.grad(ours(program), (0, 1, 2))
    forward = tg.jvp(lambda *a: gradient(*a), args, ts)[1]
    reverse = tg.grad(lambda *a: sum(np.sum(g * t) for g, t in zip(gradient(*a), ts, strict=True)), (0, 1, 2))(*args)
    mixed = tg.grad(lambda *a: tg.jvp(ours(program), a, ts)[1], (0, 1, 2))(*args)
    step = 1e-5
    ahead, behind = (gradient(*(x + s * t for x, t in zip(args, ts, strict=True))) for s in (step, -step))
    for i in range(3):
        np.testing.assert_allclose(forward[i], (ahead[i] - behind[i]) / (2 * step), rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(reverse[i], forward[i], rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(mixed[i], forward[i], rtol=1e-10, atol=1e-10)


@each
def test_compiled(program: Any) -> None:
    both = tg.value_and_grad(ours(program), (0, 1, 2))
    compiled = tg.compile(both)
    compiled(W, U, X)
    for scale in (1.0, -0.7):
        found, expected = compiled(W * scale, U, X * scale), both(W * scale, U, X * scale)
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-12)
        for g, e in zip(found[1], expected[1], strict=True):
            np.testing.assert_allclose(g, e, rtol=1e-11, atol=1e-13)


@pytest.mark.thorough
@pytest.mark.parametrize("program", [rnn, overwritten, broadcast, named_twice, in_functions], ids=lambda f: f.__name__)
def test_derived(program: Any) -> None:
    def f(W: Any, U: Any, X: Any) -> Any:
        return program(tg, W, U, X)

    derivation = tg.derive(f, W, U, X, wrt=(0, 1, 2))
    for scale in (1.0, 0.7):
        args = W * scale, U, X * scale
        value, gradients = derivation.function(*args)
        expected = tg.value_and_grad(f, (0, 1, 2))(*args)
        np.testing.assert_allclose(value, expected[0], rtol=1e-12)
        for g, e in zip(gradients, expected[1], strict=True):
            np.testing.assert_allclose(g, e, rtol=1e-10, atol=1e-12)


def test_derived_text() -> None:
    def cost(w: Any, x: Any) -> Any:
        h = tg.zeros(3)
        h[0] = w * x[0]
        h[1] = np.sin(h[0])
        J = np.sum(h**3)
        return J

    source = tg.derive(cost, 0.5, X[:2, 0]).source
    assert "h = np.zeros((3,))" in source
    assert "h[0] = h0\n" in source
    assert "h[1] = h1\n" in source
    assert tg.derive(cost, 0.5, X[:2, 0])._repr_latex_()


# -- random programs -------------------------------------------------------------------------------------------------

SHAPE = (4, 3, 2)


def draw_index(rng: np.random.Generator) -> Any:
    parts: list[Any] = []
    for n in SHAPE[: rng.integers(0, 4)]:
        start, step = int(rng.integers(-n, n)), int(rng.choice([-2, -1, 1, 2]))
        choices = [int(rng.integers(-n, n)), slice(None), slice(None, None, step), slice(start, None, step)]
        choices += [rng.integers(-n, n, 2), rng.random(n) < 0.6]
        parts.append(choices[rng.integers(len(choices))])
    extra = rng.integers(5)
    if extra == 0 and len(parts) < 3:
        parts.append(...)
    elif extra == 1:
        parts.insert(int(rng.integers(len(parts) + 1)), None)
    elif extra == 2:
        return rng.random(SHAPE) < 0.4
    return tuple(parts)


def random_program(seed: int) -> Any:
    def program(module: Any, W: Any, U: Any, X: Any) -> Any:
        rng = np.random.default_rng(seed)
        h, total = new(module, SHAPE), np.sum(X) * 0
        for _ in range(rng.integers(2, 9)):
            try:
                index = draw_index(rng)
                place = np.zeros(SHAPE)[index]
                action = rng.integers(5)
                value = np.sum(U, 0)[rng.integers(2)] * np.sin(np.arange(place.size).reshape(place.shape) + W[0, 1])
                if action == 0:
                    h[index] = value
                elif action == 1:
                    h[index] += value * X[1, 1]
                elif action == 2:
                    h[index] = rng.normal()
                elif action == 3:
                    h[index] = h[index] * W[2, 1] + h[1, 2, 0]
                else:
                    total = total + np.sum(h[index] ** 2)
            except IndexError:
                continue
        return total + np.sum(h**3) + np.sum(h[draw := rng.integers(4)] * h[(draw + 1) % 4])

    return program


@pytest.mark.thorough
@pytest.mark.parametrize("seed", range(60))
def test_random_writes_and_reads(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffers, "_MOST_PARTS", 1 + seed % 3)
    program, ts = random_program(seed), tangents(seed)
    value, gradients = tg.value_and_grad(ours(program), (0, 1, 2))(W, U, X)
    np.testing.assert_allclose(value, np.real(program(np, W, U, X)), rtol=1e-12)
    expected = complex_step(program, (W, U, X), ts)
    found = sum(np.sum(g * t) for g, t in zip(gradients, ts, strict=True))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(tg.jvp(ours(program), (W, U, X), ts)[1], expected, rtol=1e-9, atol=1e-12)
    if seed % 6 == 0:
        compiled = tg.compile(ours(program))
        compiled(W, U, X)
        np.testing.assert_allclose(compiled(W * 2, U, X), np.real(program(np, W * 2, U, X)), rtol=1e-11)


# -- work is linear --------------------------------------------------------------------------------------------------


class Counter:
    """Counts the entries of all arrays that ops make."""

    def __init__(self) -> None:
        self.entries = 0

    def forward(self, op: Any, data: Any, inputs: Any) -> Any:
        self.entries += sum(part.size for part in data) if type(data) is tuple else data.size
        return inputs

    def backward(self, node: Any, gx: Any) -> None:
        self.entries += 0 if gx is None else sum(g.size for g in gx if g is not None) if type(gx) is list else gx.size


def recurrence(w: Any, n: int) -> Any:
    h = tg.zeros((n, 2))
    h[0] = w
    for t in range(1, n):
        h[t] = np.sin(h[t - 1]) * w
        h[t, 0] += h[t - 1, 1]
        h[t] *= 2
    return np.sum(h)


def count_entries(f: Any) -> int:
    from tinygrad_lite.context import switched

    counter = Counter()
    with switched(watcher=counter):
        f()
    return counter.entries


def all_at_once(x: Any, n: int) -> Any:
    h = np.zeros_like(x, shape=(n, 2))
    h[:] = np.sin(np.arange(n))[:, None] * x
    for t in range(1, n):
        h[t] += h[t - 1]
    return np.sum(h)


@pytest.mark.thorough
@pytest.mark.parametrize("f", [recurrence, all_at_once])
def test_work_grows_with_the_number_of_writes(f: Any) -> None:
    small, large = (count_entries(lambda n=n: tg.grad(f)(np.ones(2), n)) for n in (100, 400))
    assert small > 100
    assert large < 4.2 * small


@pytest.mark.thorough
def test_the_program_grows_with_the_number_of_writes() -> None:
    sizes = []
    for n in (20, 40, 80):
        source = tg.compile(tg.grad(lambda w, n=n: recurrence(w, n))).source(np.ones(2))
        sizes.append((source.count("\n"), source.count(f"({n}, 2)")))
    (a, whole), (b, _), (c, whole_still) = sizes
    assert c - b <= 2.1 * (b - a)
    assert whole_still == whole, "an array of the buffer's size for every write"


def test_what_was_overwritten_is_forgotten() -> None:
    h = tg.zeros((3, 2))
    w = tg.Tensor(np.ones(2), requires_grad=True)
    for _ in range(10):
        h[1] = w * 2
        h[0, [0, 1, 1]] = np.sum(w)
        h[0] = w
    h[2] = w
    assert len(h.values()) == 3
    h[...] = 0
    assert h.values() == []
    assert not h.requires_grad


# -- contracts -------------------------------------------------------------------------------------------------------


def test_it_is_a_tensor() -> None:
    h = tg.zeros((2, 3))
    assert isinstance(h, tg.Tensor)
    assert h.shape == (2, 3)
    assert h.ndim == 2
    assert h.size == 6
    assert len(h) == 2
    assert h.dtype == np.float64
    assert not h.requires_grad
    np.testing.assert_array_equal(np.asarray(h), np.zeros((2, 3)))
    h[0] = [1.0, 2.0, 3.0]
    assert repr(h) == "Buffer([[1., 2., 3.],\n        [0., 0., 0.]])"
    assert h[0, 1].item() == 2.0
    assert float(h[0, 2]) == 3.0
    assert [row.shape for row in h] == [(3,), (3,)]
    assert type(h + 1) is tg.Tensor
    assert type(1 + h) is tg.Tensor
    assert type(np.ones(3) * h) is tg.Tensor
    assert f"{h[0, 0]:.1f}" == "1.0"
    h[1] = tg.Tensor([1.0, 1.0, 2.0], requires_grad=True)
    assert h.requires_grad
    assert "requires_grad=True" in repr(h)
    with pytest.raises(TypeError, match="lose its gradient"):
        np.asarray(h)
    np.testing.assert_array_equal(h.numpy()[1], [1, 1, 2])
    np.testing.assert_array_equal(h.data[1], [1, 1, 2])


def test_made_like_a_tensor() -> None:
    t = tg.Tensor(np.ones((2, 3), np.float32), requires_grad=True)
    for made, fill in (
        (np.zeros_like(t), 0),
        (np.empty_like(t), 0),
        (np.ones_like(t), 1),
        (np.full_like(t, 2.5), 2.5),
        (tg.zeros_like(t), 0),
        (tg.zeros_like(np.ones((2, 3), np.float32)), 0),
    ):
        assert type(made) is Buffer
        assert made.dtype == np.float32
        assert not made.requires_grad
        np.testing.assert_array_equal(made.numpy(), np.full((2, 3), fill, np.float32))
        made[0] = t[1]
        assert made.requires_grad
    assert np.zeros_like(t, dtype=int).dtype == np.int64
    assert np.zeros_like(t, shape=(4,)).shape == (4,)
    assert tg.ones(2, np.float32).dtype == np.float32
    assert tg.empty((2,)).shape == (2,)
    assert tg.full(2, 3).dtype == np.int64


def test_written_values_keep_numpys_dtypes() -> None:
    w = tg.Tensor(np.array([1.5, 2.5]), requires_grad=True)
    h = tg.zeros(2, np.float32)
    h[:] = w
    assert h[0].dtype == np.float32
    np.sum(h * np.float32(3)).backward()
    assert w.grad.dtype == np.float64
    np.testing.assert_array_equal(w.grad, [3, 3])
    c = tg.zeros(2, complex)
    c[0] = w[0]
    c[1] = 1j * w[1]
    np.testing.assert_array_equal(c.numpy(), [1.5, 2.5j])
    assert (tg.grad(lambda x: fill_complex(x))(2.0)) == 12.0
    ints = tg.zeros(2, int)
    ints[0] = 2.7
    ints[1] = np.argmax(w)
    np.testing.assert_array_equal(ints.numpy(), [2, 1])


def fill_complex(x: Any) -> Any:
    c = tg.zeros(2, complex)
    c[1] = x * 1j
    c[0] = x
    return np.real(c[0] * 4 - 2 * (c[1] * c[1]))


@pytest.mark.parametrize(
    ("write", "error", "match"),
    [
        (lambda w: tg.zeros(2, int).__setitem__(0, w[0]), TypeError, "int64.*lose its gradient.*dtype=float"),
        (lambda w: tg.zeros(2).__setitem__(0, w[0] * 1j), TypeError, "complex"),
        (lambda w: tg.zeros(2).__setitem__(0, 1j), TypeError, "complex"),
        (lambda w: tg.zeros(2).__setitem__(slice(None), np.ones(2) * 1j), TypeError, "complex"),
        (lambda w: tg.zeros(3).__setitem__(slice(None), w), ValueError, r"\(2,\) does not fit a place of shape \(3,\)"),
        (lambda w: tg.zeros(3).__setitem__(0, w), ValueError, r"does not fit a place of shape \(\)"),
        (lambda w: tg.zeros(3).__setitem__(3, w[0]), IndexError, "out of bounds.*test_buffers"),
        (lambda w: tg.zeros(3)[5], IndexError, "out of bounds.*test_buffers"),
        (lambda w: tg.zeros(3).__setitem__(0, np.ma.masked_array([1.0], [True])), TypeError, "mask"),
        (lambda w: tg.zeros(3).__setitem__(0, "x"), TypeError, "numeric"),
        (lambda w: tg.zeros((2, 2))[0].__setitem__(0, w[0]), TypeError, r"tg.zeros.*not b\[i\]\[j\]"),
        (lambda w: tg.zeros(2, int).__itruediv__(2), TypeError, "int64.*float64"),
        (lambda w: tg.zeros(2).__iadd__(np.ones(3)), ValueError, "broadcast"),
        (lambda w: tg.zeros(2, "U3"), TypeError, "not numeric"),
        (lambda w: setattr(tg.zeros(2), "data", np.ones(2)), TypeError, r"buffer\[\.\.\.\] = value"),
    ],
)
def test_refused(write: Any, error: Any, match: str) -> None:
    with pytest.raises(error, match=match):
        write(tg.Tensor([1.0, 2.0], requires_grad=True))


def test_what_was_read_stays() -> None:
    """NumPy's slices would see the later write; what is read of a buffer does not."""
    w = tg.Tensor([3.0, 4.0], requires_grad=True)
    h = tg.zeros((3, 2))
    h[1] = w
    rows, whole = h[1:], h * 1
    h[1] = 7.0
    np.testing.assert_array_equal(rows.numpy(), [[3, 4], [0, 0]])
    np.testing.assert_array_equal(whole.numpy()[1], [3, 4])
    (gradient,) = tg.gradients(np.sum(rows * rows), [w])
    np.testing.assert_array_equal(gradient, [6, 8])
    x = np.array([1.0, 2.0])
    h[0] = x
    x[:] = 5
    np.testing.assert_array_equal(h[0].numpy(), [1, 2])


def test_a_gradient_with_respect_to_what_was_read() -> None:
    w = tg.Tensor(2.0, requires_grad=True)
    h = tg.zeros(2)
    h[0] = w
    read = h[0]
    (g,) = tg.gradients(read * 3 + w * 5, [read])
    assert g == 3


def test_no_gradient_through_what_was_overwritten() -> None:
    """Nor nan from an infinite derivative there."""

    def f(x: Any) -> Any:
        h = tg.zeros(3)
        h[:] = np.sqrt(x)
        h[0] = 1.0
        return np.sum(h)

    def in_parts(x: Any) -> Any:
        h = tg.zeros(3)
        h[:] = np.sqrt(x)
        total = sum(h[1 + i % 2] for i in range(20))
        h[0] = 1.0
        return total * 0.1

    x = np.array([0.0, 1.0, 4.0])
    np.testing.assert_array_equal(tg.grad(f)(x), [0, 0.5, 0.25])
    np.testing.assert_allclose(tg.grad(in_parts)(x), [0, 0.5, 0.25], rtol=1e-15)
    with np.errstate(invalid="ignore"):
        np.testing.assert_array_equal(tg.compile(tg.grad(f))(x), [0, 0.5, 0.25])
    np.testing.assert_array_equal(tg.jvp(f, (x,), (np.array([0.0, 2.0, 4.0]),))[1], 2.0)


def test_the_sign_of_zero_and_nan_are_kept() -> None:
    def f(x: Any) -> Any:
        h = tg.zeros(4)
        h[0], h[1] = -0.0, 0.0
        h[3] = x
        zeros = h * 1
        h[2] = np.nan
        return np.stack([zeros, h])

    for g in (lambda x: tg.vjp(f, x)[0], lambda x: tg.compile(f)(np.array(x)), lambda x: tg.jvp(f, (x,), (x,))[0]):
        found = g(2.0)
        np.testing.assert_array_equal(np.signbit(found[:, :2]), [[True, False], [True, False]])
        np.testing.assert_array_equal(found, [[0, 0, 0, 2], [0, 0, np.nan, 2]])


def test_no_grad_and_stop_gradient() -> None:
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    h = tg.zeros((3, 2))
    h[0] = w
    with tg.no_grad():
        h[1] = w
        assert not h[0].requires_grad
        assert not (h * 2).requires_grad
    h[2] = tg.stop_gradient(w)
    assert [index for index, _ in h.values()] == [0]
    np.sum(h * np.arange(6.0).reshape(3, 2)).backward()
    np.testing.assert_array_equal(w.grad, [0, 1])
    with tg.no_grad():
        assert tg.grad(lambda x: write_twice(x))(3.0) == 12.0
        for f in (written_into, lambda x: (written_into(x),), lambda x: [1.0, {"h": written_into(x)}]):
            y, pullback = tg.vjp(f, 3.0)
            assert pullback(tree.map(np.ones_like, y))[0] == 4


def written_into(x: Any) -> Any:
    h = np.zeros_like(x, shape=2)
    h[0], h[1] = x, x * 3
    return h


def write_twice(x: Any) -> Any:
    h = np.zeros_like(x, shape=2)
    h[0] = x
    h[1] = h[0] * x
    return np.sum(h[1:]) * 2


def test_nesting() -> None:
    """A buffer of an outer transform may hold what the outer transform knows; a value of an inner one is refused."""

    def outer(x: Any) -> Any:
        h = tg.zeros(3)
        h[0] = x

        def inner(y: Any) -> Any:
            g = np.zeros_like(y, shape=2)
            g[0] = y * h[0]
            g[1] = g[0] * g[0] * y
            return np.sum(g)

        h[1] = tg.grad(inner)(2.0 * x)
        return h[1] + h[0] * tg.jvp(inner, (x,), (np.ones(()),))[1]

    # inner(y) = x y + x^2 y^3; inner'(y) = x + 3 x^2 y^2: at 2 x it is x + 12 x^4, at x it is x + 3 x^4
    x = 0.7
    np.testing.assert_allclose(tg.grad(outer)(x), 1 + 48 * x**3 + 2 * x + 15 * x**4, rtol=1e-13)
    np.testing.assert_allclose(tg.hessian(outer)(x), 144 * x**2 + 2 + 60 * x**3, rtol=1e-13)

    kept = tg.zeros(2)

    def leaks(x: Any) -> Any:
        kept[0] = x * 2
        return np.sum(kept)

    for transform in (tg.grad(leaks), tg.hessian(leaks), lambda x: tg.jvp(leaks, (x,), (x,))):
        with pytest.raises(TypeError, match="made outside of the transform.*kept\\[0\\] = x"):
            transform(1.0)
    np.testing.assert_array_equal(kept.numpy(), 0)


def test_a_program_uses_its_own_buffers_only() -> None:
    outside = tg.zeros(2)

    @tg.compile
    def writes(x: Any) -> Any:
        outside[0] = x
        return x * 2

    @tg.compile
    def reads(x: Any) -> Any:
        return x * outside

    for f in (writes, reads):
        with pytest.raises(tg.TraceError, match="made outside of it"):
            f(1.0)
    outside[1] = 3.0
    np.testing.assert_array_equal(tg.compile(lambda x, h: x * h)(2.0, outside).numpy(), [0, 6])


def test_a_program_reads_what_it_reaches_at_every_call() -> None:
    C = np.array([1.0, 2.0])

    @tg.compile
    def f(x: Any) -> Any:
        h = tg.zeros((2, 2))
        h[0] = C
        h[1] = x
        return h * 2

    f(np.ones(2))
    C[:] = [5.0, 6.0]
    np.testing.assert_array_equal(f(np.ones(2)), [[10, 12], [2, 2]])


def test_an_index_that_only_the_program_knows() -> None:
    def f(x: Any, rows: Any, mask: Any) -> Any:
        h = tg.zeros((4, 2))
        h[:2] = x
        h[rows] = np.sin(x)
        h[h < 0.3] = 0.1
        h[mask] = 0.5
        return np.sum(h * h[rows[0]])

    compiled = tg.compile(tg.grad(f))
    x = np.array([[0.9, -0.4], [0.7, 1.3]])
    for rows in ([3, 1], [0, 2]):
        for shift in (0, 1):
            mask = (np.arange(8) + shift).reshape(4, 2) % 3 == 0
            np.testing.assert_allclose(
                compiled(x, np.array(rows), mask), tg.grad(f)(x, np.array(rows), mask), rtol=1e-13
            )


def test_floats_of_a_program() -> None:
    def f(rate: Any, x: Any) -> Any:
        h = tg.zeros(3, np.float32)
        h[0] = rate
        h[1:] = x
        h[2] = h[0] * h[1]
        return h * 2

    x = np.array([1.5, 2.5], np.float32)
    found = tg.compile(f)(0.5, x)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [1, 3, 1.5])


def test_a_program_may_return_a_buffer() -> None:
    def f(x: Any) -> Any:
        h, g = np.zeros_like(x, shape=(3, 2)), np.ones_like(x)
        h[0], h[2] = x, h[0] * 2
        return h, {"g": g, "row": h[2]}

    compiled = tg.compile(f)
    for x in (np.array([1.0, 2.0]), np.array([-3.0, 5.0])):
        h, rest = compiled(x)
        np.testing.assert_array_equal(h, [x, 0 * x, 0 * x])
        np.testing.assert_array_equal(rest["g"], [1, 1])
        np.testing.assert_array_equal(rest["row"], 0 * x)


def test_results_are_arrays_of_their_own() -> None:
    def f(x: Any) -> Any:
        h = tg.zeros((2, 2))
        h[0] = x
        return h

    x = np.array([1.0, 2.0])
    y, pullback = tg.vjp(f, x)
    assert type(y) is np.ndarray
    y[:] = 9
    np.testing.assert_array_equal(pullback(np.array([[1.0, 2.0], [3.0, 4.0]]))[0], [1, 2])
    value, (h,) = tg.value_and_grad(lambda x: (np.sum(f(x)), [f(x)]), has_aux=True)(x)[0]
    assert value == 3
    assert type(h) is np.ndarray
    np.testing.assert_array_equal(tg.jacobian(f)(x)[0], np.eye(2))
    assert type(tg.grad(lambda x: f(x)[0, 0])(x)) is np.ndarray
    assert tg.grad(lambda x: number(tg, W * x, U, X))(1.0).shape == ()


def test_given_to_functions() -> None:
    """Transforms, functions of the library, and ops of a user's take a buffer as the Tensor that it is."""
    w = tg.Tensor([0.5, 1.5, 2.5], requires_grad=True)
    h = tg.zeros(3)
    h[1:] = w[1:]
    t = tg.Tensor(h.numpy())
    labels = np.array([0.0, 1.0, 1.0])
    double = tg.elementwise(lambda x: x + x, lambda y, x: 2.0 + 0 * x, name="double")
    for f in (
        tg.relu,
        tg.sigmoid,
        tg.softmax,
        tg.logsumexp,
        lambda x: tg.leaky_relu(x, 0.1),
        lambda x: tg.mean_squared_error(x, labels),
        lambda x: tg.binary_cross_entropy_with_logits(x, labels),
        lambda x: tg.cross_entropy(x, np.array(2), axis=0),
        double,
        lambda x: tg.set_at(x, 0, 3.0),
        lambda x: tg.set_at(np.zeros(3), [0, 1, 2], x),
        lambda x: tg.checkpoint(lambda z: z * z)(x),
        tg.stop_gradient,
        tg.Tensor if not h.requires_grad else np.exp,
        lambda x: tg.grad(lambda z: np.sum(z**3))(x),
        lambda x: tg.jvp(np.sin, (x,), (x,))[1],
        lambda x: tg.vjp(np.sin, np.ones(3))[1](x)[0],
        lambda x: np.linalg.norm(x),
        lambda x: np.ones((2, 3)) @ x,
        lambda x: np.matmul(t, x),
        lambda x: np.add(t, x) - np.subtract(x, t),
        lambda x: t * x + x * t,
        lambda x: x == t,
        lambda x: np.where(t > 1, t, x),
        lambda x: np.concatenate([t, x]),
        lambda x: np.einsum("i,i", t, x),
        lambda x: np.sort(x[::-1]),
        lambda x: np.full_like(t, x[1]),
        lambda x: np.polyval(x, 2.0),
        lambda x: np.interp(1.7, x, t),
    ):
        found, expected = f(h), f(t)
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-15)
    x = tg.Tensor(np.zeros(3))
    x.data = h
    np.testing.assert_array_equal(x.data, t.data)
    np.sum(h * h).backward()
    np.testing.assert_array_equal(w.grad, [0, 3, 5])
    (g,) = tg.gradients(h, w, g=h)
    np.testing.assert_array_equal(g, [0, 1.5, 2.5])
    one = tg.zeros(())
    one[()] = w[0]
    one.backward()
    np.testing.assert_array_equal(w.grad, [1, 3, 5])


@pytest.mark.parametrize(
    ("shape", "index", "values"),
    [
        ((4,), lambda i: i, lambda x: x),
        ((4,), lambda i: i, lambda x: 1.0),
        ((4, 3), lambda i: i, lambda x: x[:, None] * x),
        ((2, 4), lambda i: (slice(None), i), lambda x: x),
        ((3, 4, 2), lambda i: (1, i, i[0]), lambda x: x[0]),
    ],
)
@pytest.mark.parametrize("target", one_in(2, ["numpy", "c"]))
def test_additions_at_places_that_a_program_is_given(shape, index, values, target) -> None:
    def f(x, i):
        total = tg.zeros(shape)
        np.add.at(total, index(i), values(x))
        return np.sum(np.sin(total + x[0]))

    x, compiled = np.array([1.0, 2.0, -3.0]), tg.compile(tg.value_and_grad(f), target=target)
    for i in (np.array([1, 1, 3]), np.array([0, 3, 0])):
        expected, found = np.zeros(shape), compiled(x, i)
        np.add.at(expected, index(i), values(x))
        np.testing.assert_allclose(found[0], np.sum(np.sin(expected + x[0])))
        np.testing.assert_allclose(found[1], tg.grad(f)(x, i))


@pytest.mark.parametrize("index", [1, -1, slice(1, 3), (0, 2), (slice(None), 1), (2, slice(0, 2))], ids=str)
def test_an_addition_at_one_place_touches_nothing_else(index) -> None:
    def f(x, add_at):
        total = tg.zeros((3, 4)) if add_at else np.zeros((3, 4))
        total[...] = x
        np.add.at(total, index, 2 * x[index])
        np.subtract.at(total, index, 5.0)
        return total

    x = np.random.default_rng(0).normal(size=(3, 4))
    t = tg.Tensor(x, requires_grad=True)
    total = f(t, True)
    np.testing.assert_array_equal(total.numpy(), f(x, False))
    assert [value.shape for _, value in total.values()][1:] == [x[index].shape] * (x[index].size < x.size)
    assert tg.testing.check_gradients(lambda x: f(x, True), x).ok


def test_numpys_functions_that_write() -> None:
    w = tg.Tensor([0.5, 1.5], requires_grad=True)
    h = tg.zeros((2, 2))
    np.add(w, 1, out=h)
    np.testing.assert_array_equal(h.numpy(), [[1.5, 2.5]] * 2)
    np.copyto(h, w)
    np.copyto(h, 3.0, where=np.eye(2, dtype=bool))
    np.testing.assert_array_equal(h.numpy(), [[3, 1.5], [0.5, 3]])
    np.fill_diagonal(h, w[0])
    np.put(h, [1], 4.0)
    np.testing.assert_array_equal(h.numpy(), [[0.5, 4], [0.5, 0.5]])
    np.putmask(h, np.array([[False, False], [True, False]]), w[1])
    np.testing.assert_array_equal(h.numpy(), [[0.5, 4], [1.5, 0.5]])
    np.add.at(h, ([0, 0], [1, 1]), w)
    np.testing.assert_array_equal(h.numpy(), [[0.5, 6], [1.5, 0.5]])
    np.sum(h).backward()
    np.testing.assert_array_equal(w.grad, [3, 2])
    for write in (
        lambda b, x: np.put_along_axis(b, np.array([[1], [2]]), x[:, None], 1),
        lambda b, x: np.put_along_axis(b, np.array([[1, 0, 1]]), x[1] * 2, 0),
        lambda b, x: np.place(b, np.arange(6).reshape(2, 3) % 4 == 1, x),
        lambda b, x: np.put(b, [4, 0], x),
        lambda b, x: np.copyto(b, x[:, None], where=np.array([True, False, True])),
        lambda b, x: np.putmask(b, np.arange(6).reshape(2, 3) > 3, x[0]),
        lambda b, x: np.fill_diagonal(b, x[1]),
        lambda b, x: np.subtract(x[:, None], b, out=b),
    ):
        b, plain = tg.ones((2, 3)), np.ones((2, 3))
        write(b, w)
        write(plain, w.numpy())
        np.testing.assert_array_equal(b.numpy(), plain)
        assert b.requires_grad
    twin = np.copy(h)
    twin[0] = 0.0
    h.fill(2.0)
    np.testing.assert_array_equal(h.numpy(), [[2, 2], [2, 2]])
    np.testing.assert_array_equal(twin.numpy(), [[0, 0], [1.5, 0.5]])
    sums = tg.zeros(2)
    np.sum(np.ones((2, 2)) * w, axis=0, out=sums)
    np.testing.assert_array_equal(sums.numpy(), [1, 3])


def test_copies_and_files() -> None:
    h = tg.zeros((2, 2))
    h[0] = 3.0
    for twin in (copy.copy(h), copy.deepcopy(h), pickle.loads(pickle.dumps(h)), h.copy()):
        assert type(twin) is Buffer
        twin[1] = 1.0
        np.testing.assert_array_equal(h.numpy(), [[3, 3], [0, 0]])
        np.testing.assert_array_equal(twin.numpy(), [[3, 3], [1, 1]])
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    h[1] = w
    for copied in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match=r"\.copy\(\)"):
            copied(h)
    twin = h.copy()
    h[1] = 0.0
    twin[1] *= 2
    np.sum(twin).backward()
    np.testing.assert_array_equal(w.grad, [2, 2])


def test_a_mask_of_nothing() -> None:
    for shape in ((0,), (0, 4), (3, 0)):
        buffer, mask = tg.zeros(shape), np.zeros(shape, bool)
        assert buffer[mask].shape == np.zeros(shape)[mask].shape
        buffer[mask] = tg.Tensor(np.zeros(0), requires_grad=True)
        assert buffer.shape == shape
    assert tg.zeros(3)[[]].shape == (0,)


def test_empty_and_strange_shapes() -> None:
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    h = tg.zeros((0, 2))
    h[...] = w
    h[:0] = 1.0
    assert h.shape == (0, 2)
    assert np.sum(h).item() == 0
    assert list(h) == []
    g = tg.zeros(3)
    g[[]] = w[:0]
    g[2:2] = w[:0]
    g[np.zeros(3, bool)] = 5.0
    assert not g.requires_grad
    g[1:] = w
    g[0:0] = 1.0
    np.sum(g * g[[]].sum()).backward()
    with pytest.raises(TypeError, match="0-d"):
        len(tg.zeros(()))
    g[0] = [w[0]]
    with pytest.raises(ValueError, match="does not fit"):
        g[0] = [w[0], w[1]]
    g[1:] = [w[1], w[0]]
    np.testing.assert_array_equal(g.numpy(), [1, 2, 1])


def test_several_threads_write_their_own_rows() -> None:
    w = tg.Tensor(np.ones(4), requires_grad=True)
    h = tg.zeros((40, 4))

    def work(first: int) -> None:
        for i in range(first, 40, 4):
            h[i] = w * i
            h[i] += h[i]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.sum(h).backward()
    np.testing.assert_array_equal(w.grad, np.full(4, 2.0 * sum(range(40))))


def test_a_number_taken_out_of_it() -> None:
    def taken(how: Any) -> Any:
        def f(x: Any) -> Any:
            h = tg.zeros(())
            h[()] = x
            return np.sum(how(h) * 2.0) + (x if how in (float, complex) else 0.0)

        return f

    for how in (float, complex, lambda h: h.item(), lambda h: h.numpy(), lambda h: h.data):
        with pytest.raises(TypeError, match="gradient"):
            tg.grad(taken(how))(1.5)
    h = tg.zeros((), int)
    h[()] = 2
    assert ([10, 20, 30][h], int(h), bool(h), f"{h:03d}") == (30, 2, True, "002")


def test_checkpointed() -> None:
    @tg.checkpoint
    def layer(x: Any) -> Any:
        h = np.zeros_like(x)
        for i in range(3):
            h[i] = np.sin(x[i]) * h[i - 1] + x[i]
        return h

    plain = layer.__wrapped__
    x = RNG.normal(size=3)
    for f in (layer, lambda x: layer(plain(x))):
        np.testing.assert_allclose(tg.jacobian(f)(x), tg.jacobian(lambda x, f=f: f(x) * 1)(x), rtol=1e-14)
    np.testing.assert_array_equal(
        tg.grad(lambda x: np.sum(layer(x) ** 2))(x), tg.grad(lambda x: np.sum(plain(x) ** 2))(x)
    )


def test_a_users_rule_may_write() -> None:
    """np.zeros_like in a rule gives an array, or in a recorded sweep a buffer; either may be returned."""

    def vjp(g: Any, y: Any, x: Any) -> Any:
        out = np.zeros_like(x)
        out[0] = g[0] * np.cos(x[0])
        return out

    first = tg.custom_vjp(lambda x: np.sin(x) * np.array([1.0, 0.0]), vjp, name="first")
    gradient = tg.grad(lambda x: np.sum(first(x)))
    x = np.array([0.3, 0.4])
    np.testing.assert_allclose(gradient(x), [np.cos(0.3), 0])
    np.testing.assert_allclose(tg.jacobian(gradient)(x), [[-np.sin(0.3), 0], [0, 0]])
    t = tg.Tensor(x, requires_grad=True)
    (g,) = tg.gradients(np.sum(first(t)), [t], create_graph=True)
    assert type(g) is tg.Tensor


def test_rows_are_recorded_as_they_are() -> None:
    """Read again as it was written, a value costs no op."""
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    h = tg.zeros((3, 2))
    h[-1] = w
    h[0:2] = w
    assert h[2] is h[-1]
    assert h[2]._op is assembling.written
    assert h[2, 1]._op is not assembling.assemble
    assert h[0:2] is h[0:2]
    h[np.int64(1)] = w
    assert h[1] is h[np.argmax(np.array([0, 1]))]
    assert h[tg.Tensor(np.array(1))] is h[1]
    h[1, 0] = w[1]
    assert h[1, 0] is h[np.int64(1), 0]


def test_a_table_that_is_filled_entry_by_entry() -> None:
    """Dynamic programming: the distance of two sequences under time warping, and which pairs it takes."""

    def distance(a: Any, b: Any) -> Any:
        D = tg.full((len(a) + 1, len(b) + 1), np.inf)
        D[0, 0] = 0.0
        for i in range(1, len(a) + 1):
            for j in range(1, len(b) + 1):
                before = np.minimum(np.minimum(D[i - 1, j], D[i, j - 1]), D[i - 1, j - 1])
                D[i, j] = (a[i - 1] - b[j - 1]) ** 2 + before
        return D[-1, -1]

    a, b = np.array([0.0, 1.0, 3.0, 2.0]), np.array([0.1, 2.9, 3.2, 1.5])
    # by hand: (0, 0.1), (1, 0.1), (3, 2.9), (3, 3.2), (2, 1.5)
    expected = [2 * -0.1, 2 * 0.9, 2 * 0.1 + 2 * -0.2, 2 * 0.5]
    np.testing.assert_allclose(tg.grad(distance)(a, b), expected, rtol=1e-12)
    np.testing.assert_allclose(tg.compile(tg.grad(distance))(a, b), expected, rtol=1e-12)
