"""Random nests of transforms: functions of two vectors, to a number, that call grad, jvp, vjp, hvp and vmap within."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_lite as tg

Draw = np.random.Generator
Function = Callable[[Any, Any], Any]
Vmap = Callable[..., Any]

SIZE = 3
_RNG = np.random.default_rng(8)
MATRIX, ROWS = _RNG.normal(size=(SIZE, SIZE)), _RNG.normal(size=(4, SIZE))


def random_nest(rng: Draw, depth: int, vmap: Vmap = tg.vmap) -> Function:
    """A function with so many transforms inside one another. vmap: tg.vmap, or what is to give the same."""
    c = rng.normal(size=SIZE)
    if not depth:
        return _INNERMOST[rng.integers(len(_INNERMOST))](c)
    return _TRANSFORMS[rng.integers(len(_TRANSFORMS))](random_nest(rng, depth - 1, vmap), c, vmap)


_INNERMOST: list[Callable[[Any], Function]] = [
    lambda c: lambda x, y: np.sum(np.tanh(MATRIX @ x) * y),
    lambda c: lambda x, y: np.sum(np.sin(x * y + c)) + np.max(x),
    lambda c: lambda x, y: np.sum((x - c) ** 2) * np.sum(np.exp(-y * y)),
    lambda c: lambda x, y: x @ MATRIX @ y,
    lambda c: lambda x, y: np.sum(np.where(x > 0, x * y, c)),
    lambda c: lambda x, y: np.sum(x) * 1.0,
    lambda c: lambda x, y: np.sum(c * np.maximum(x, y)),
    lambda c: tg.checkpoint(lambda x, y: np.sum(np.tanh(x * c) * np.cos(y))),
]


def _with_aux(f: Function, c: Any, vmap: Vmap) -> Function:
    def with_aux(x: Any, y: Any) -> Any:
        (value, aux), gradient = tg.value_and_grad(lambda x: (f(x, y), {"twice": x * 2}), has_aux=True)(x)
        return value + np.sum(aux["twice"] * gradient)

    return with_aux


def _vjp(f: Function, c: Any, vmap: Vmap) -> Function:
    def of_both(x: Any, y: Any) -> Any:
        value, pullback = tg.vjp(lambda x, y: np.sin(f(x, y)) * x, x, y)
        return np.sum(pullback(np.tanh(value))[0] * c) + np.sum(pullback(value)[1])

    return of_both


_TRANSFORMS: list[Callable[[Function, Any, Vmap], Function]] = [
    lambda f, c, vmap: lambda x, y: np.sum(tg.grad(f)(x, y) * c),
    lambda f, c, vmap: lambda x, y: np.sum(tg.grad(lambda x: f(x, y) + f(y, x))(x) ** 2),
    lambda f, c, vmap: lambda x, y: tg.jvp(f, (x, y), (c, x))[1] + tg.jvp(lambda y: f(x, y), (y,), (x,))[1],
    lambda f, c, vmap: lambda x, y: np.sum(vmap(lambda w: f(w * x, y))(ROWS)),
    lambda f, c, vmap: lambda x, y: np.sum(vmap(lambda w: tg.grad(lambda x: f(x, w + y))(x))(ROWS) ** 2),
    lambda f, c, vmap: lambda x, y: np.sum(vmap(lambda w: tg.value_and_grad(f)(w, x)[1] * y)(ROWS)) + f(x, y),
    lambda f, c, vmap: lambda x, y: np.sum(tg.hvp(lambda x: f(x, y), (x,), (c,))[0]),
    _vjp,
    _with_aux,
]
