"""Legal calls of a row of the table: operands and keywords that its function accepts.

A row says what cannot be guessed: whole `examples`, or the `domain` of its operands and its `kinks`. Of a row without
examples, operands of many shapes are tried, and kept if the function accepts them.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_lite.op import Op
from tinygrad_lite.table import compositions, rows

Shape = tuple[int, ...]
Call = tuple[list[Any], dict[str, Any]]
"""Operands and keywords."""

USUAL_DOMAIN = (-2.0, 2.0)

_SHAPES: tuple[Shape, ...] = ((3,), (2, 3), (), (3, 3), (1, 3), (2, 1), (2, 3, 4), (3, 1, 2))
_PRODUCTS: tuple[tuple[Shape, Shape], ...] = (
    ((2, 3), (3, 4)),
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (2, 3)),
    ((4, 2, 3), (3, 5)),
    ((4, 2, 3), (4, 3, 2)),
    ((2, 3), (4, 3, 5)),
    ((3,), (4, 3, 2)),
    ((4, 2, 3), (3,)),
    ((4, 1, 2, 3), (5, 3, 2)),
    ((), ()),
    ((2, 1), (1, 3)),
)


@dataclass(frozen=True)
class Function:
    """A function of the library, to be tested: a row of the table, or a function composed of rows.

    call: takes Tensors and arrays. fn: the same on arrays alone. numpy: NumPy's own function, or SciPy's, called alike;
    None if it is none. The rest is as in Op.
    """

    name: str
    call: Callable[..., Any]
    fn: Callable[..., Any]
    kind: str
    arity: int
    domain: tuple[tuple[float, float], ...]
    kinks: tuple[float, ...]
    outputs: int
    examples: Callable[..., Any] | None
    numpy: Callable[..., Any] | None

    def __repr__(self) -> str:
        return self.name

    @staticmethod
    def of_row(op: Op) -> Function:
        arity = op.arity or 2
        domain = tuple(op.domain) if op.domain else (USUAL_DOMAIN,) * arity
        numpy = op.numpy or (op.fn if isinstance(op.fn, np.ufunc) else None)
        known = op.name, op.call, op.fn, op.kind, arity, domain, tuple(op.kinks), op.outputs, op.examples
        return Function(*known, numpy)

    @staticmethod
    def of_composition(fn: Callable[..., Any], examples: Callable[..., Any] | None) -> Function:
        if examples is not None:
            arity = min(len(operands) for operands, _ in examples(np.random.default_rng(0)))
        else:
            parameters = inspect.signature(fn).parameters.values()
            arity = sum(p.default is p.empty and p.kind is not p.VAR_KEYWORD for p in parameters)
        domain = (USUAL_DOMAIN,) * max(arity, 1)
        return Function(fn.__name__, fn, fn, "composition", arity, domain, (), 1, examples, fn)


def functions() -> list[Function]:
    """Everything the library can differentiate: the rows of the table, then the functions composed of
    them.
    """
    composed = [Function.of_composition(fn, examples) for fn, examples in compositions().items()]
    return [Function.of_row(op) for op in rows()] + composed


Draw = Callable[[Function, Sequence[Shape], np.random.Generator], list[NDArray[Any]]]


def calls(function: Function, rng: np.random.Generator) -> list[Call]:
    """Legal calls: the row's own examples if it has them, else one for each choice of shapes. Empty if none is known.

    >>> tanh = next(function for function in functions() if function.name == "tanh")
    >>> [np.shape(x) for (x,), keywords in calls(tanh, np.random.default_rng(0))][:3]
    [(3,), (2, 3), ()]
    """
    if function.examples is not None:
        return [(list(operands), dict(params)) for operands, params in function.examples(rng)]
    draw, accepted = _accepted_shapes(function)
    return [(draw(function, shapes, rng), {}) for shapes in accepted]


@cache
def _accepted_shapes(function: Function) -> tuple[Draw, list[tuple[Shape, ...]]]:
    """What draws operands that the function accepts, and their shapes, the simplest first."""
    draws: list[Draw] = [values, whole_numbers] if function.kind == "constant" else [values]
    for draw in draws:  # whole numbers for bitwise_and and its like
        rng = np.random.default_rng(0)
        accepted = [shapes for shapes in _shapes(function) if accepts(function, draw(function, shapes, rng), {})]
        if accepted:
            break
    return draw, accepted


@cache
def keyword_choices(function: Function) -> tuple[dict[str, Any], ...]:
    """The keywords of the function's calls, as far as they can be printed, each combination once."""
    known = calls(function, np.random.default_rng(0))
    printed = {repr(params): params for operands, params in known if len(operands) == function.arity}
    return tuple(params for text, params in printed.items() if _is_literal(text))


def _is_literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return False
    return True


def whole_numbers(function: Function, shapes: Sequence[Shape], rng: np.random.Generator) -> list[NDArray[Any]]:
    return [rng.integers(1, 7, shape) for shape in shapes]


def values(function: Function, shapes: Sequence[Shape], rng: np.random.Generator) -> list[NDArray[Any]]:
    """Operands inside the domain and away from the kinks; no two numbers alike or close, whatever the
    operand.

    (So that nothing ties for a maximum, and a kink of a difference is avoided too.)
    """
    sizes = [int(np.prod(shape, dtype=int)) for shape in shapes]
    ranks = rng.permutation(sum(sizes))
    operands: list[NDArray[Any]] = []
    for shape, size, domain in zip(
        shapes, sizes, itertools.chain(function.domain, itertools.repeat(function.domain[-1])), strict=False
    ):
        mine, ranks = ranks[:size], ranks[size:]
        low, high = domain
        spacing = (high - low) / (sum(sizes) + 1)
        array = low + spacing * (mine + 1 + rng.uniform(-0.25, 0.25, size))
        operands.append(away_from(array, function.kinks, min(spacing / 4, 0.05)).reshape(shape))
    return operands


def away_from(array: NDArray[Any], kinks: Sequence[float], gap: float) -> NDArray[Any]:
    """The array, with what lies within gap of a kink moved out to that distance."""
    for kink in kinks:
        near = np.abs(array - kink) < gap
        array = np.where(near, kink + np.where(array < kink, -gap, gap), array)
    return array


def accepts(function: Function, operands: Sequence[Any], params: dict[str, Any]) -> bool:
    """Whether the function takes this call and answers with finite numbers."""
    result = attempt(lambda: function.fn(*operands, **params))
    if result is None:
        return False
    results = result if isinstance(result, (tuple, list)) else (result,)
    return all(np.asarray(r).dtype.kind in "biufc" and bool(np.all(np.isfinite(r))) for r in results)


def attempt(call: Callable[[], Any]) -> Any:
    """What the call returns; None if it is refused, or draws a warning."""
    refusals = (TypeError, ValueError, IndexError, AttributeError, ArithmeticError, RuntimeError, Warning)
    try:
        with warnings.catch_warnings(), np.errstate(all="raise", under="ignore"):
            warnings.simplefilter("error")
            return call()
    except refusals:
        return None


def _shapes(function: Function) -> Iterator[tuple[Shape, ...]]:
    count = function.arity
    if function.kind == "bilinear":
        yield from _PRODUCTS
        return
    for shape in _SHAPES:
        yield (shape,) * count
    if count > 1 and function.kind in ("elementwise", "composition"):
        for shape in ((2, 3), (2, 3, 4)):
            partners = [shape[1:], (1,) * len(shape), (), (shape[0],) + (1,) * (len(shape) - 1)]
            for i, partner in itertools.product(range(count), partners):
                yield (shape,) * i + (partner,) + (shape,) * (count - 1 - i)
        yield ((2, 1), (1, 3)) * (count // 2) + ((2, 3),) * (count % 2)
    if count == 2 and function.kind == "composition":
        yield from _PRODUCTS
