"""Every function the library differentiates, tested from what its row says: a new row is tested by being there.

The legal calls come from `tests.generators.calls`: the row's domain, kinks and examples, and NumPy's conventions.
"""

from __future__ import annotations

import functools
import os
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.generators.calls import Call, Function, accepts, calls, functions, values
from tinygrad_lite import tree
from tinygrad_lite.testing import GradientError, check_gradients

# How many calls of a function are checked, with how many seeds, and with how many elements one by one.
CALLS, SEEDS, ELEMENTS = {"dev": (2, 1, 8), "ci": (8, 1, 100), "intense": (100, 5, 500)}[
    os.environ.get("TINYGRAD_PROFILE", "dev")
]


# -- what there is to test ---------------------------------------------------------------------------------------------


@functools.cache
def calls_of(function: Function, seed: int) -> list[Call]:
    return calls(function, np.random.default_rng(seed))


def some_calls(function: Function, count: int = CALLS, seeds: int = SEEDS) -> list[Call]:
    """Legal calls: the simplest, the last, and some between."""
    chosen = []
    for seed in range(seeds):
        known = calls_of(function, seed)
        assert known or function.kind == "constant", (
            f"no test can call {function.name}; give its row examples=lambda rng: [(operands, keywords), …]"
        )
        places = np.unique(np.linspace(0, len(known) - 1, min(count, len(known))).astype(int))
        chosen += [known[i] for i in places]
    return chosen


def flat(value: Any) -> list[np.ndarray[Any, Any]]:
    return [np.asarray(leaf) for leaf in tree.flatten(value)[0]]


def differentiable(function: Function) -> bool:
    """Whether there is a derivative to test: the result holds floats or complex numbers."""
    if function.kind == "constant":
        return False
    known = calls_of(function, 0)
    return not known or any(leaf.dtype.kind in "fc" for leaf in flat(function.fn(*known[0][0], **known[0][1])))


EVERYTHING = functions()
DIFFERENTIABLE = [f for f in EVERYTHING if differentiable(f)]
CONSTANT = [f for f in EVERYTHING if f.kind == "constant"]
# What draws its operands in a domain takes any shape, and so does every element-wise function of one array alone.
FREE = [
    f
    for f in DIFFERENTIABLE
    if f.kind == "elementwise" and (f.examples is None or (f.arity == 1 and accepts(f, [np.ones(3)], {})))
]

every_function = pytest.mark.parametrize("function", DIFFERENTIABLE, ids=repr)
every_elementwise = pytest.mark.parametrize("function", FREE, ids=repr)


def bound(function: Function, params: dict[str, Any]) -> Any:
    """The function of its operands alone."""

    def call(*operands: Any) -> Any:
        return function.call(*operands, **params)

    call.__name__ = function.name
    return call


def converted(operands: Any, change: Any) -> Any:
    """The operands with every floating-point array changed."""
    return tree.map(lambda x: change(np.asarray(x)) if np.asarray(x).dtype.kind == "f" else x, operands)


def pulled_back(f: Any, operands: list[Any]) -> tuple[list[Any], list[Any]]:
    """The value's arrays and the gradients', for a non-uniform cotangent; operands that are not floats are held."""
    everything, structure = tree.flatten(operands)
    places = [i for i, x in enumerate(everything) if np.asarray(x).dtype.kind == "f"]

    def of_floats(*some: Any) -> Any:
        full = list(everything)
        for i, x in zip(places, some, strict=True):
            full[i] = x
        return f(*tree.unflatten(structure, full))

    value, pullback = tg.vjp(of_floats, *(everything[i] for i in places))
    rng = np.random.default_rng(1)
    g = tree.map(lambda y: rng.uniform(0.5, 2, np.shape(y)).astype(np.asarray(y).dtype), value)
    return tree.flatten(value)[0], list(pullback(g))


# -- the properties ----------------------------------------------------------------------------------------------------


@every_function
def test_gradients_agree_with_numbers(function: Function) -> None:
    """(Other calls, and the second order, along single directions: test_every_call.py.)"""
    for operands, params in some_calls(function, 1, 1):
        report = check_gradients(bound(function, params), *operands, max_elements=ELEMENTS)
        assert not any(entry.undecided for entry in report.entries), f"{list(map(np.shape, operands))}: {report}"


@pytest.mark.thorough
@every_function
def test_vjp_jvp_and_second_order_agree_with_numbers(function: Function) -> None:
    count = CALLS if function.kind != "composition" or CALLS > 2 else 1
    for k, (operands, params) in enumerate(some_calls(function, count)):
        # The second derivative of a composition follows from those of its rows.
        order = 2 if CALLS > 3 or (k == 0 and function.kind != "composition") else 1
        report = check_gradients(bound(function, params), *operands, order=order, max_elements=ELEMENTS)
        # Nothing is wrong, and of the first order, in which most is at stake, nothing is left undecided.
        undecided = [entry for entry in report.entries if entry.undecided and entry.order == 1]
        assert not undecided, f"{[np.shape(x) for x in operands]}, {params}: {report}"


@every_function
def test_value_is_the_plain_functions(function: Function) -> None:
    for operands, params in some_calls(function, 2, 1):
        watched, _ = pulled_back(bound(function, params), operands)
        plain = flat(function.fn(*operands, **params))
        for a, b in zip(watched, plain, strict=True):
            assert np.asarray(a).dtype == b.dtype or b.dtype.kind not in "fc"
            np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-15)


@pytest.mark.thorough
@pytest.mark.parametrize("function", [f for f in FREE if f.arity > 1], ids=repr)
def test_broadcasting(function: Function) -> None:
    rng = np.random.default_rng(2)
    for small in ((), (3,), (1, 3), (2, 1), (1, 1)):
        for place in range(function.arity):
            shapes = [(2, 3)] * function.arity
            shapes[place] = small
            operands = values(function, shapes, rng)
            assert check_gradients(bound(function, {}), *operands).ok
            # The small operand's gradient is that of its enlarged copy, summed.
            _, gradients = pulled_back(function.call, operands)
            enlarged = [np.broadcast_to(x, (2, 3)) for x in operands]
            _, full = pulled_back(function.call, enlarged)
            kept = [axis for axis, n in enumerate((1,) * (2 - len(small)) + small) if n != 1]
            summed = np.sum(full[place], axis=tuple({0, 1} - set(kept))).reshape(small)
            np.testing.assert_allclose(gradients[place], summed, rtol=1e-12, atol=1e-13)


@every_function
def test_float32_stays_float32(function: Function) -> None:
    for operands, params in some_calls(function, 2, 1):
        f, small = bound(function, params), converted(operands, lambda x: x.astype(np.float32))
        value, gradients = pulled_back(f, small)
        for y, plain in zip(value, flat(function.fn(*small, **params)), strict=True):
            assert np.asarray(y).dtype.itemsize <= plain.dtype.itemsize or plain.dtype.kind not in "fc"
        assert {g.dtype for g in gradients} <= {np.dtype(np.float32)}
        exact_value, exact_gradients = pulled_back(f, converted(small, np.float64))
        for a, b in zip([*value, *gradients], [*exact_value, *exact_gradients], strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5 * max(1.0, np.max(np.abs(b), initial=0.0)))


@every_function
def test_memory_layout_does_not_matter(function: Function) -> None:
    def strided(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        wide = np.zeros(tuple(2 * n for n in x.shape), x.dtype)
        view = wide[(..., *(slice(None, None, 2) for _ in x.shape))]  # the ellipsis keeps a 0-d array an array
        view[...] = x
        return view

    def reversed_fortran(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        backwards = (slice(None, None, -1),) * x.ndim
        return np.asfortranarray(x[(..., *backwards)])[(..., *backwards)].reshape(x.shape)

    for operands, params in some_calls(function, 2, 1):
        f = bound(function, params)
        expected = pulled_back(f, operands)
        for layout in (strided, reversed_fortran):
            found = pulled_back(f, converted(operands, layout))
            for a, b in zip(found[0] + found[1], expected[0] + expected[1], strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("function", [f for f in DIFFERENTIABLE if f.examples is None], ids=repr)
def test_empty_operands(function: Function) -> None:
    """(What has examples says itself what is legal.)"""
    for shape in ((0,), (0, 3), (2, 0)):
        operands = [np.zeros(shape) for _ in range(function.arity)]
        if not accepts(function, operands, {}) or not all(np.size(y) == 0 for y in flat(function.fn(*operands))):
            continue
        value, gradients = pulled_back(function.call, operands)
        assert [y.shape for y in value] == [y.shape for y in flat(function.fn(*operands))]
        assert [g.shape for g in gradients] == [shape] * function.arity


@every_elementwise
def test_zero_dimensional_operands(function: Function) -> None:
    operands = values(function, [()] * function.arity, np.random.default_rng(3))
    value, gradients = pulled_back(function.call, operands)
    assert np.shape(value[0]) == ()
    for g in gradients:
        assert isinstance(g, np.ndarray)
        assert g.shape == ()
        assert g.dtype == np.float64
    # A Python number in an operand's place gives the others the same gradient.
    for place in range(function.arity):
        if function.arity > 1:
            mixed: list[Any] = list(operands)
            mixed[place] = tg.Tensor(operands[place], requires_grad=True)
            mixed = [x if type(x) is tg.Tensor else float(x) for x in mixed]
            y = function.call(*mixed)
            g = np.random.default_rng(1).uniform(0.5, 2)
            np.testing.assert_allclose(tg.gradients(y, [mixed[place]], np.array(g))[0], gradients[place], rtol=1e-12)


@pytest.mark.parametrize("function", CONSTANT, ids=repr)
def test_piecewise_constant_functions_carry_no_gradient(function: Function) -> None:
    for operands, params in some_calls(function):
        tensors = converted(operands, lambda x: tg.Tensor(x, requires_grad=True))
        tensors = [tg.Tensor(x) if isinstance(x, np.ndarray) else x for x in tensors]
        result = function.call(*tensors, **params)
        for y in tree.flatten(result)[0]:
            assert isinstance(y, tg.Tensor)
            assert not y.requires_grad
        for a, b in zip(tree.flatten(result)[0], flat(function.fn(*operands, **params)), strict=True):
            np.testing.assert_array_equal(a.numpy(), b)


# -- the tests can fail ------------------------------------------------------------------------------------------------

WRONG_ROWS = {
    "a factor of 1.001": tg.elementwise(np.tanh, lambda y, x: 1.001 * (1 - y * y), name="wrong"),
    "a sign": tg.elementwise(np.cos, lambda y, x: np.sin(x), name="wrong"),
    "a missing chain": tg.elementwise(np.sqrt, lambda y, x: 1 / y, domain=[(0.1, 5)], name="wrong"),
    "operands exchanged": tg.elementwise(np.multiply, lambda y, a, b: a, lambda y, a, b: b, name="wrong"),
    "a forgotten operand": tg.elementwise(np.hypot, lambda y, a, b: a / y, None, domain=[(0.3, 3)] * 2, name="wrong"),
    "right for a uniform cotangent only": tg.custom_vjp(
        np.negative, lambda g, y, x: 0 * x - np.sum(g) / max(x.size, 1), name="wrong"
    ),
    "a reversed cotangent": tg.linear(
        lambda x: x + 0, lambda g, y, x: np.reshape(g, -1)[::-1].reshape(x.shape), name="wrong"
    ),
    "a transposed factor": tg.bilinear(
        np.matmul, lambda g, y, a, b: g @ b.T, lambda g, y, a, b: (g.T @ a).reshape(b.shape), name="wrong"
    ),
    "right in the first order only": tg.elementwise(np.square, lambda y, x: 2 * tg.stop_gradient(x), name="wrong"),
}


@pytest.mark.parametrize("op", WRONG_ROWS.values(), ids=list(WRONG_ROWS))
def test_a_wrong_row_is_caught(op: Any) -> None:
    operands, params = calls_of(Function.of_row(op), 0)[0]
    with pytest.raises(GradientError, match="wrong"):
        check_gradients(bound(Function.of_row(op), params), *operands, order=2)


def test_a_row_without_a_known_call_says_what_to_do() -> None:
    op = tg.elementwise(lambda x, needed=None: x + needed, lambda y, x, needed=None: 1.0, name="odd")
    with pytest.raises(AssertionError, match="give its row examples="):
        some_calls(Function.of_row(op))
