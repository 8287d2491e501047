"""Ops of a user's: whatever they are called and however they compute, a compiled program calls them."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.table import rows

X = np.arange(6.0).reshape(2, 3) - 2.5
NAMES = sorted(
    {op.name for op in rows()}
    | {op.fn.__name__ for op in rows()}
    | {"astype", "mask_not_taken", "pick", "", "a b", "λ"}
)


@pytest.mark.parametrize("name", NAMES)
def test_an_op_is_never_taken_for_one_of_the_table_that_has_its_name(name):
    """Each kind of op, one whose name the table knows; none computes what the name says."""
    keep_shape = tg.elementwise(lambda x: x * x + 3, lambda y, x: 2 * x, name=name)
    combine = tg.elementwise(lambda a, b: a - 2 * b, 1, lambda y, a, b: np.full_like(b, -2.0), name=name)
    flip = tg.linear(lambda x: -3 * x, lambda g, y, x: -3 * g, name=name)
    product = tg.bilinear(lambda a, b: 5 * a * b, lambda g, y, a, b: 5 * g * b, lambda g, y, a, b: 5 * g * a, name=name)
    custom = tg.custom_vjp(lambda x: x + 7, lambda g, y, x: 0.5 * g, name=name)

    def f(x):
        return np.sum(custom(product(flip(combine(keep_shape(x), x)), x)) * x)

    want, got = tg.value_and_grad(f)(X), tg.compile(tg.value_and_grad(f))(X)
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)


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
