"""Legal calls of a row of the table: shapes, keywords and values that its function accepts.

A row says what cannot be guessed: the `domain` of its operands, its `kinks`, or whole `examples`. The rest
follows from NumPy's own conventions: what a keyword called `axis` means is the same in every function that
has one. What is proposed here is tried, and kept if the function accepts it.
"""

from __future__ import annotations

import inspect
import itertools
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..op import Op
from ..table import compositions, rows

Shape = tuple[int, ...]
Call = tuple[list[Any], dict[str, Any]]
"""Operands and keywords."""

USUAL_DOMAIN = (-2.0, 2.0)
KEYWORDS: dict[str, Any] = {
    "axis": lambda ndim: [-1, 0, None, 1, tuple(range(ndim))[-2:]],
    "keepdims": lambda ndim: [True],
    "axes": lambda ndim: [tuple(range(ndim))[::-1], tuple(np.roll(range(ndim), 1).tolist()), 1],
    "shape": lambda ndim: [(-1,), (2, -1), (4, 2, 3), (2, 3, 4)],
    "newshape": lambda ndim: [(-1,), (2, -1)],
    "order": lambda ndim: ["F", 1, 2],
    "axis1": lambda ndim: [0],
    "axis2": lambda ndim: [-1],
    "source": lambda ndim: [0],
    "destination": lambda ndim: [-1],
    "start": lambda ndim: [0],
    "k": lambda ndim: [1, -1],
    "offset": lambda ndim: [1, -1],
    "n": lambda ndim: [2, 1],
    "shift": lambda ndim: [1, -2],
    "repeats": lambda ndim: [2],
    "reps": lambda ndim: [2, (2, 1)],
    "pad_width": lambda ndim: [1],
    "ddof": lambda ndim: [1],
    "decimals": lambda ndim: [1],
    "kth": lambda ndim: [1],
    "q": lambda ndim: [0.3],
    "a_min": lambda ndim: [-1.1],
    "a_max": lambda ndim: [1.3],
    "min": lambda ndim: [-1.1],
    "max": lambda ndim: [1.3],
    "slope": lambda ndim: [0.2],
    "alpha": lambda ndim: [0.7],
    "p": lambda ndim: [0.4],
}
"""For each keyword the values worth trying, given the number of dimensions of the first operand."""

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
_AT_MOST = 48  # signatures kept of a row


@dataclass(frozen=True)
class Function:
    """A function of the library, to be tested: a row of the table, or a function composed of rows.

    call: takes Tensors and arrays. fn: the same on arrays alone. The rest is as in Op; keywords are those
    known here.
    """

    name: str
    call: Callable[..., Any]
    fn: Callable[..., Any]
    kind: str
    arity: int
    domain: tuple[tuple[float, float], ...]
    kinks: tuple[float, ...]
    keywords: tuple[str, ...]
    outputs: int
    examples: Callable[..., Any] | None

    def __repr__(self) -> str:
        return self.name

    @staticmethod
    def of_row(op: Op) -> Function:
        keywords = sorted(op.keywords) if op.keywords is not None else op.operand_names[op.arity or 0 :]
        if isinstance(op.fn, np.ufunc):
            keywords = []  # those of every ufunc (where=, order=, casting=) are none of the derivative's business
        known = tuple(name for name in keywords if name in KEYWORDS)
        arity = op.arity or 2
        domain = tuple(op.domain) if op.domain else (USUAL_DOMAIN,) * arity
        return Function(
            op.name, op.call, op.fn, op.kind, arity, domain, tuple(op.kinks), known, op.outputs, op.examples
        )

    @staticmethod
    def of_composition(fn: Callable[..., Any], examples: Callable[..., Any] | None) -> Function:
        operands, keywords = 0, []
        try:
            parameters = inspect.signature(fn).parameters
        except ValueError:  # of an older NumPy, built in C; then it has examples
            parameters = types.MappingProxyType({})
        for parameter in parameters.values():
            if parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD:
                operands += parameter.name not in KEYWORDS
            if parameter.name in KEYWORDS:
                keywords.append(parameter.name)
        domain = (USUAL_DOMAIN,) * max(operands, 1)
        return Function(fn.__name__, fn, fn, "composition", max(operands, 1), domain, (), tuple(keywords), 1, examples)


def functions() -> list[Function]:
    """Everything the library can differentiate: the rows of the table, then the functions composed of
    them.
    """
    composed = [Function.of_composition(fn, examples) for fn, examples in compositions().items()]
    return [Function.of_row(op) for op in rows()] + composed


@dataclass(frozen=True)
class Signature:
    """The shapes of the operands of a call, its keywords, and whether the operands are integers."""

    shapes: tuple[Shape, ...]
    params: dict[str, Any]
    integers: bool = False

    def __repr__(self) -> str:
        keywords = "".join(f", {name}={value!r}" for name, value in self.params.items())
        return f"({', '.join(map(str, self.shapes))}{keywords})"


@cache
def signatures(function: Function) -> tuple[Signature, ...]:
    """Calls that the function accepts, the simplest first. Empty if none was found: then it needs `examples`.

    >>> total = next(function for function in functions() if function.name == "sum")
    >>> signatures(total)[:2]
    (((3,)), ((2, 3)))
    """
    found = [*_accepted(function, integers=False)]
    if not found and function.kind == "constant":  # bitwise_and and its like
        found = [*_accepted(function, integers=True)]
    found.sort(key=lambda signature: len(signature.params))  # stable: the shapes stay in their order
    if len(found) > _AT_MOST:
        stride = len(found) / _AT_MOST
        found = [found[int(i * stride)] for i in range(_AT_MOST)]
    return tuple(found)


def _accepted(function: Function, integers: bool) -> Iterator[Signature]:
    for shapes in _shapes(function):
        for params in keyword_choices(function, len(shapes[0])):
            signature = Signature(shapes, params, integers)
            if accepts(function, operands_for(function, signature, np.random.default_rng(0)), params):
                yield signature


def calls(function: Function, rng: np.random.Generator) -> list[Call]:
    """Legal calls: the row's own examples if it has them, else one for each signature. Empty if none is
    known.
    """
    if function.examples is not None:
        return [(list(operands), dict(params)) for operands, params in function.examples(rng)]
    return [(operands_for(function, s, rng), s.params) for s in signatures(function)]


def operands_for(function: Function, signature: Signature, rng: np.random.Generator) -> list[NDArray[Any]]:
    """Operands of this signature."""
    if signature.integers:
        return [rng.integers(1, 7, shape) for shape in signature.shapes]
    return values(function, signature.shapes, rng)


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
    result = attempted(lambda: function.fn(*operands, **params))
    if result is None:
        return False
    results = result if isinstance(result, (tuple, list)) else (result,)
    return all(np.asarray(r).dtype.kind in "biufc" and bool(np.all(np.isfinite(r))) for r in results)


def attempted(call: Callable[[], Any]) -> Any:
    """What the call returns; None if it is refused, or draws a warning."""
    refusals = (TypeError, ValueError, IndexError, AttributeError, ArithmeticError, np.linalg.LinAlgError, Warning)
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


def keyword_choices(function: Function, ndim: int) -> Iterator[dict[str, Any]]:
    """Every combination of keywords, each left out or given one of its values."""
    absent = object()
    proposals = {name: KEYWORDS[name](ndim) for name in function.keywords}
    for combination in itertools.product(*([absent, *choices] for choices in proposals.values())):
        yield {name: v for name, v in zip(proposals, combination, strict=True) if v is not absent}
