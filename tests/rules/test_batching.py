"""tg.vmap of every row and composition against a loop over the examples, on calls generated from the row's own domain.

Each operand in turn is the same for all examples, then none; and then gradients through the mapped call.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.generators.calls import Function, calls, functions
from tinygrad_lite import batching, tree

SIZE = 3
PAGE = (Path(__file__).parents[2] / "docs" / "vmap.md").read_text(encoding="utf-8")
LOOPED = set(re.findall(r"`(\w+)`", PAGE.partition("says so the first time:")[2].partition("(Of")[0]))
"""The functions some call of which is answered for each example by itself."""


def variants(operands: list[Any], rng: np.random.Generator) -> list[Any]:
    """The operands of several examples: float arrays differ, other arrays are permuted copies."""

    def vary(x: Any) -> Any:
        x = np.asarray(x)
        if x.dtype.kind in "fc":
            return [x * (1 - 0.01 * i) for i in range(SIZE)]
        return [np.roll(x, i) for i in range(SIZE)]

    return [vary(x) for x in operands]


def flat(result: Any) -> list[Any]:
    return [np.asarray(y) for y in tree.flatten(result)[0]]


def of_some(function: Function, leaves: list[Any], structure: Any, params: Any, mapped: set[int]) -> Any:
    """The function of some of its operands alone."""
    # np.take and its like ask their first operand alone.
    same = tg.Tensor if function.name in ("take", "piecewise", "polyint") else lambda x: x

    def call(*xs: Any) -> Any:
        given = iter(xs)
        filled = [next(given) if i in mapped else same(x) for i, x in enumerate(leaves)]
        return function.call(*tree.unflatten(structure, filled), **params)

    return call


EVERY = functions()


@pytest.mark.thorough
@pytest.mark.parametrize("function", EVERY, ids=repr)
def test_against_the_loop(function: Function, monkeypatch: pytest.MonkeyPatch) -> None:
    told: set[str] = set()
    monkeypatch.setattr(batching, "_told", told)
    rng = np.random.default_rng(3)
    known = calls(function, rng)
    tried = 0
    for operands, params in known:
        leaves, structure = tree.flatten(operands)
        examples = variants(leaves, rng)
        numbers = [i for i, x in enumerate(leaves) if np.asarray(x).dtype.kind in "fciu" and type(x) is not int]
        if not numbers:
            continue
        choices = [set(numbers)] + ([{i} for i in numbers] if len(numbers) > 1 else [])
        for mapped in choices:
            call = of_some(function, leaves, structure, params, mapped)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    expected = [flat(call(*(tg.Tensor(examples[i][k]) for i in sorted(mapped)))) for k in range(SIZE)]
            except (TypeError, ValueError, IndexError, RuntimeWarning, np.linalg.LinAlgError):
                continue  # the varied call is not one that the function takes
            if len({tuple(y.shape for y in ys) for ys in expected}) > 1:
                continue
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="tg.vmap: .* has no batching rule", category=RuntimeWarning)
                found = tg.vmap(lambda *xs, call=call: tree.flatten(call(*xs))[0])(
                    *(np.stack(examples[i]) for i in sorted(mapped))
                )
            tried += 1
            for y, ys in zip(found, zip(*expected, strict=True), strict=True):
                assert y.dtype == ys[0].dtype, params
                np.testing.assert_allclose(y, np.stack(ys), rtol=1e-12, atol=1e-13, err_msg=f"{params} {mapped}")
    assert tried or not known
    assert (function.name in LOOPED) == bool(told), f"docs/vmap.md: {function.name} takes a loop for {told}"
