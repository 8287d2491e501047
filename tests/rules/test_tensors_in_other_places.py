"""Tensors where NumPy code has numbers: in keyword arguments, and in lists beside a Tensor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_lite as tg
from tests.generators.calls import calls, functions
from tinygrad_lite import tree
from tinygrad_lite.testing import check_gradients

RNG = np.random.default_rng(8)
X = RNG.permutation(np.linspace(-2.1, 3.2, 6)).reshape(2, 3)
HOLES = np.array([[1.0, np.nan, np.inf], [-np.inf, 2.0, np.nan]])

IN_KEYWORDS: dict[str, Any] = {
    "nan_to_num(nan)": lambda x, v: np.nan_to_num(np.where(x > 0, x, np.nan), nan=v),
    "nan_to_num(posinf)": lambda x, v: np.nan_to_num(np.where(x > 0, x, np.inf), posinf=v),
    "nan_to_num(neginf)": lambda x, v: np.nan_to_num(np.where(x > 0, x, -np.inf), neginf=v),
    "select": lambda x, v: np.select([x > 0], [x], default=v),
    "pad": lambda x, v: np.pad(x, 1, constant_values=v),
    "pad(end_values)": lambda x, v: np.pad(x, 2, "linear_ramp", end_values=v),
    "interp(left, right)": lambda x, v: np.interp(x, [-0.5, 0.5, 1.1], [1.0, 2.0, 4.0], left=v, right=2 * v),
    "leaky_relu": tg.leaky_relu,
    "sum": lambda x, v: np.sum(x, initial=v),
    "full_like": lambda x, v: np.full_like(x, v) * x,
    "clip": lambda x, v: np.clip(x, v - 1, v + 1),
    "trapezoid": lambda x, v: np.trapezoid(x, dx=v),
    "gradient": lambda x, v: np.gradient(x, v, axis=1),
    "diff": lambda x, v: np.diff(x, prepend=v, append=3 * v),
    "ediff1d": lambda x, v: np.ediff1d(x, to_begin=v, to_end=2 * v),
    "insert": lambda x, v: np.insert(x, 1, v, axis=1),
    "put": lambda x, v: tg.set_at(x, (0, slice(None)), v),
    "linspace": lambda x, v: np.linspace(x, v, 4),
    "logspace": lambda x, v: np.logspace(x, 2.0, 3, base=v),
    "average": lambda x, v: np.average(x, weights=np.exp(v * X)),
    "polyint": lambda x, v: np.polyint(x[0], k=v),
    "where": lambda x, v: np.where(x > 0, v, x),
    "var": lambda x, v: np.var(x, mean=v),
}


@pytest.mark.parametrize("call", IN_KEYWORDS.values(), ids=IN_KEYWORDS.keys())
def test_a_tensor_as_keyword(call: Any) -> None:
    v = 0.7
    assert_allclose(call(tg.Tensor(X), tg.Tensor(v)).numpy(), call(X, v), rtol=1e-13)
    assert check_gradients(call, X, v).ok
    assert tg.grad(lambda v: np.sum(call(X, v) ** 2) if call is tg.leaky_relu else v * v)(v) != 0


def test_what_stands_in_for_nan_keeps_the_dtype() -> None:
    t = tg.Tensor(HOLES.astype(np.float32), requires_grad=True)
    fill = tg.Tensor(0.5, requires_grad=True)
    found = np.nan_to_num(t, nan=fill, posinf=7)
    assert found.dtype == np.float32
    assert_array_equal(found.detach().numpy(), np.nan_to_num(t.numpy(), nan=0.5, posinf=7))
    assert_array_equal(tg.gradients(np.sum(found), [fill])[0], 2)


# -- lists with Tensors in them --------------------------------------------------------------------------------------


def several_operands() -> list[Any]:
    """Every function of two float arrays or more: which of its operands may be a list beside a Tensor."""
    found = []
    for function in functions():
        if function.kind == "constant":
            continue
        for operands, _ in calls(function, np.random.default_rng(0))[:1]:
            places = [i for i, x in enumerate(operands) if isinstance(x, np.ndarray) and x.ndim and x.dtype.kind == "f"]
            found += [pytest.param(function, i, id=f"{function}-{i}") for i in places if len(places) > 1]
    return [p for p in found if p.id != "polyint-0"]  # NumPy looks at its first operand alone


@pytest.mark.parametrize(("function", "place"), several_operands())
@pytest.mark.parametrize("make", [lambda x: list(tg.Tensor(x, requires_grad=True)), lambda x: x.tolist()])
def test_a_list_beside_a_tensor(function: Any, place: int, make: Any) -> None:
    operands, params = calls(function, np.random.default_rng(0))[0]
    mixed = [tg.Tensor(x) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x for x in operands]
    mixed[place] = make(operands[place])
    found, plain = (tree.flatten(y)[0] for y in (function.call(*mixed, **params), function.fn(*operands, **params)))
    for a, b in zip(found, plain, strict=True):
        assert_allclose(a.detach().numpy() if isinstance(a, tg.Tensor) else a, b, rtol=1e-12)
    if make(np.ones(1)) != [1.0]:
        assert any(isinstance(y, tg.Tensor) and y.requires_grad for y in found)


@pytest.mark.parametrize("f", [np.add, np.multiply, np.arctan2, lambda a, b: a @ b, np.maximum])
def test_operators_between_a_list_and_a_tensor(f: Any) -> None:
    x, g = np.array([0.3, -1.2, 2.0]), np.array([0.5, 2.0, -1.0])

    def listed(x: Any) -> Any:
        return np.sum(g * f(x, [x[0], x[2] * x[1], 1.5])) + np.sum(f([x[0], 0.5, x[1]], x) * g)

    def joined(x: Any) -> Any:
        return np.sum(g * f(x, np.stack([x[0], x[2] * x[1], 1.5]))) + np.sum(f(np.stack([x[0], 0.5, x[1]]), x) * g)

    assert_allclose(tg.grad(listed)(x), tg.grad(joined)(x), rtol=1e-13)
    assert_allclose(tg.compile(tg.grad(listed))(x), tg.grad(joined)(x), rtol=1e-12)


def test_nested_lists_and_tuples() -> None:
    x = np.array([0.3, -1.2])
    assert_allclose(tg.grad(lambda x: np.sum(x * [[x[0], 1.0], (2.0, x[1])]))(x), [2 * 0.3 + 2, 1 - 2.4])
    assert_array_equal(tg.grad(lambda x: tg.relu([x[0], x[1]])[0] + tg.softmax([x[0], x[0]])[0])(x), [1, 0])
    with pytest.raises((ValueError, TypeError)):
        tg.Tensor(x, requires_grad=True) + [[tg.Tensor(1.0), 2.0], [tg.Tensor(1.0)]]


def test_a_function_that_fails_for_another_reason_says_its_own() -> None:
    t = tg.Tensor(X, requires_grad=True)
    with pytest.raises(TypeError, match=r"sum\(out="):
        np.sum(t, [0, 1], None, [t])
    with pytest.raises(TypeError, match="conditions are arrays of booleans"):
        np.select([t], [t])


MEANS = {
    "np.mean": lambda t: np.mean([t[0], t[1]]),
    "np.linalg.norm": lambda t: np.linalg.norm([t[0], t[1]]),
    "np.exp": lambda t: np.exp([t[0], t[1]]),
    "np.dot": lambda t: np.dot([t[0], t[1]], [1.0, 2.0]),
    "np.sum": lambda t: np.sum((t[0], t[1]), axis=0),
    "np.where": lambda t: np.where([True, False], [t[0], t[1]], 0.0),
}


@pytest.mark.parametrize("name", MEANS)
def test_a_list_that_numpy_does_not_look_into_says_what_to_write(name: str) -> None:
    """NumPy asks its arguments, not what is in a list, who is to do the work: it cannot be intercepted."""
    for f in (lambda x: np.sum(MEANS[name](x)), lambda x: np.sum(tg.grad(lambda x: np.sum(MEANS[name](x)))(x))):
        with pytest.raises(TypeError, match=rf"{name}\(np\.stack\(\[…\]\)\).*test_tensors_in_other_places.py:\d+"):
            tg.grad(f)(np.array([1.0, 2.0]))


@pytest.mark.parametrize(
    "call",
    [
        lambda v: np.select([X > 0], [X], default=v),
        lambda v: np.pad(X, 1, constant_values=v),
        lambda v: np.interp(X, [0.0, 1.0], [1.0, 2.0], left=v),
        lambda v: np.nan_to_num(HOLES, nan=v),
    ],
)
def test_an_argument_that_numpy_does_not_look_at_says_what_to_write(call: Any) -> None:
    v = tg.Tensor(0.5, requires_grad=True)
    with pytest.raises(TypeError, match=r"tg\.Tensor\(x\)|np\.where"):
        call(v)
    with pytest.raises(TypeError, match=r"tg\.Tensor\(x\)|np\.where"):
        tg.grad(lambda v: np.sum(call(v)))(0.5)
