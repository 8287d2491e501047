"""Every function inside a compiled one: new numbers give new results, or tracing refuses. Nothing is frozen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.generators.calls import Function, calls, functions
from tinygrad_lite import tree

pytestmark = pytest.mark.thorough

DEPEND_ON_NUMBERS = {
    *("argwhere", "extract", "compress", "flatnonzero", "nonzero", "piecewise", "trim_zeros", "roots", "bincount"),
    *("count", "weighted_count", "unique", "unique_all", "unique_counts", "unique_inverse", "unique_values", "counts"),
    *("first_index", "union1d", "intersect1d", "setdiff1d", "setxor1d", "common", "histogram", "getitem"),
    *("matrix_rank", "lstsq", "polyfit"),
}
"""Functions whose result's shape depends on the numbers, or which read them: a program may refuse these."""

# A row with several outputs stands behind a composition that names them; a dtype is no argument of a program.
PUBLIC = [f for f in functions() if f.name != "astype" and f.outputs == 1]


def leaves(result: Any) -> list[Any]:
    return [x.numpy() if type(x) is tg.Tensor else np.asarray(x) for x in tree.flatten(result)[0]]


def arrays(operands: Any) -> Any:
    """Numbers as arrays, so that they are arguments of the program and not part of its kind."""
    return tree.map(lambda x: np.asarray(x) if isinstance(x, float) else x, operands)


def refused(function: Function, program: Any, operands: list[Any]) -> bool:
    """Whether tracing refuses, as it may only where the numbers decide."""
    if function.name not in DEPEND_ON_NUMBERS:
        return False
    try:
        program(*operands)
    except (tg.TraceError, TypeError, RuntimeError):
        return True
    return False


def check(function: Function, f: Any, draws: list[list[Any]]) -> None:
    """One program for all draws of the operands gives what f gives."""
    program = tg.compile(f)
    if refused(function, program, draws[0]):
        return
    for operands in draws:
        for a, b in zip(leaves(program(*operands)), leaves(f(*operands)), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def drawn(function: Function) -> list[tuple[list[list[Any]], dict[str, Any]]]:
    """Calls, each with several draws of its operands."""
    one, two = (calls(function, np.random.default_rng(seed))[:2] for seed in (0, 1))
    return [([arrays(a), arrays(b)], params) for (a, params), (b, _) in zip(one, two, strict=True)]


@pytest.mark.parametrize("function", PUBLIC, ids=repr)
def test_a_program_computes_anew(function: Function) -> None:
    for draws, params in drawn(function):
        check(function, bound(function, params), draws)


@pytest.mark.parametrize("function", [f for f in PUBLIC if f.kind != "constant"], ids=repr)
def test_and_so_does_the_program_of_a_gradient(function: Function) -> None:
    for draws, params in drawn(function):
        check(function, gradient_of(bound(function, params), draws[0]), draws)


def bound(function: Function, params: dict[str, Any]) -> Any:
    return lambda *operands: function.call(*operands, **params)


def gradient_of(f: Any, operands: list[Any]) -> Any:
    """The function that gives the gradients of a weighted sum of f's results (of their real parts) with respect to the
    float operands."""
    whole, structure = tree.flatten(operands)
    places = [i for i, x in enumerate(whole) if np.asarray(x).dtype.kind == "f"]

    def total(floats: list[Any], rest: list[Any]) -> Any:
        filled = list(rest)
        for i, x in zip(places, floats, strict=True):
            filled[i] = x
        results = [y for y in tree.flatten(f(*tree.unflatten(structure, filled)))[0] if y.dtype.kind in "fc"]
        # (Of eigenvalues, programs have complex ones.)
        return sum(np.sum(np.real(y) * weights(y.shape)) for y in results)

    def gradient(*operands: Any) -> Any:
        everything = tree.flatten(operands)[0]
        return tg.grad(total)([everything[i] for i in places], everything)

    return gradient


def weights(shape: tuple[int, ...]) -> Any:
    return np.cos(np.arange(np.prod(shape, dtype=int))).reshape(shape) + 2
