"""Places: what can be wrong in one place of a formula, in general.

The rows of the table of mistakes that match there, and beside them what people do without anybody having listed it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..op import Op
from ..program.program import Node, Operand, is_scalar, is_weak
from ..program.ranges import Ranges
from ..program.rewrite import find
from ..rules.elementwise import (
    add,
    divide,
    greater,
    greater_equal,
    heaviside,
    less,
    less_equal,
    multiply,
    negative,
    power,
    sqrt,
    square,
    subtract,
    tanh,
)
from ..rules.indexing import get, put, where
from ..rules.neural import sigmoid
from ..rules.products import matmul
from ..rules.reductions import max as max_
from ..rules.reductions import mean
from ..rules.reductions import sum as sum_
from ..rules.shaping import broadcast_to, transpose
from .bench import CHECK, NAMES, REFUSALS, SUMS, USES, Bench, Mutation
from .mistakes import BIAS, MISTAKES
from .slopes import UNARY, is_local_slope
from .trees import find_terms, is_gradient

# What the cheapest mutation of each kind costs: in the search for pairs most kinds cost too much to be tried at all.
_EXCHANGE, _SIZE, SLOPE, _ANYTHING, _FACTOR, RARE, _NUMBER = 1.2, 1.5, 1.7, 1.7, 2.0, 2.3, 2.5
BUFFERED = "NumPy reads all of x[i] before `x[i] += y` writes any of it; np.add.at(x, i, y) adds one after the other."
_PARENTHESES = 1.5  # as for a term that has the wrong sign


def mutate_place(bench: Bench, x: Operand, above: Operand, limit: float) -> Iterator[Mutation]:
    if type(x) is not Node:
        if limit >= _NUMBER and is_scalar(x) and not isinstance(x, (bool, np.bool_)):
            yield from _mutate_number(bench, x)
        return
    if x.op is None:
        if limit >= (_SIZE if x.weak else _EXCHANGE):
            yield from _mutate_size(bench, x) if x.weak else _exchange(bench, x)
    else:
        yield from _match_table(x, above, limit)
        for ops, mutate_op in _BY_OP:
            if x.op in ops:
                yield from mutate_op(bench, x)
        if len(x.operands) > 1 and not x.op.commutes and x.op not in _HAVE_SIDES and limit >= RARE:
            for i in range(len(x.operands) - 1):
                xs = [*x.operands[:i], x.operands[i + 1], x.operands[i], *x.operands[i + 2 :]]
                yield Mutation(bench.put_in(x, xs), RARE, "the operands of `{}` are in another order", (x,), CHECK)
        if x.op in UNARY and limit >= RARE:
            for op in UNARY:
                new = bench.apply(op, *x.operands) if op is not x.op else None
                yield Mutation(new, RARE, "`{1}` stands where `{0}` belongs", (x, new), NAMES)
            new = bench.apply(greater, *x.operands, 0)
            yield Mutation(new, RARE, "`{1}` stands where `{0}` belongs", (x, new), NAMES)
        if x.op in (multiply, divide) and limit >= _PARENTHESES:
            yield from _forget_parentheses(bench, x)
        inner = [y for y in x.operands if type(y) is Node]
        if len(inner) == 1:
            yield Mutation(inner[0], 2, "`{1}` stands where `{0}` belongs", (x, inner[0]), NAMES)
        if limit >= SLOPE and is_local_slope(x):
            for new, of in bench.slopes(x.shape):
                yield Mutation(new, SLOPE, f"`{{1}}`, from {of}, stands where `{{0}}` belongs", (x, new), NAMES)
    if limit >= _ANYTHING and not (x.shape == () and is_weak(x)):
        yield from _mutate_anything(bench, x, above, limit)


_RANGES = Ranges()


def _match_table(node: Node, above: Operand, limit: float) -> Iterator[Mutation]:
    is_line = type(above) is not Node or above.op is divide  # a sum inside a line is not that of a bias
    for row in MISTAKES:
        if row.rule.root.op is not node.op or row.often > limit or (row.why is BIAS and not is_line):
            continue
        try:
            match = find(row.rule, node, _RANGES)
            if match is not None:
                yield Mutation(match.write()[1], row.often, row.what, (), row.why)
        except REFUSALS:
            continue


def _forget_parentheses(bench: Bench, x: Node) -> Iterator[Mutation]:
    """A - Y / m in the place of (A - Y) / m, and the like."""
    for i, y in enumerate(x.operands[:1] if x.op is divide else x.operands):
        if type(y) is Node and y.op in (add, subtract):
            other = x.operands[1 - i]
            for k, term in enumerate(y.operands):
                scaled = bench.apply(x.op, term, other) if x.op is divide else bench.apply(multiply, other, term)
                new = None if scaled is None else bench.put_in(y, [*y.operands[:k], scaled, *y.operands[k + 1 :]])
                what = "`{1}` stands where `{0}` belongs: what is outside the parentheses acts on both terms"
                yield Mutation(new, _PARENTHESES, what, (x, new), CHECK)


# -- leaves ------------------------------------------------------------------------------------------------------------


def _mutate_number(bench: Bench, x: Any) -> Iterator[Mutation]:
    others: list[Operand] = [
        0,
        1,
        -1,
        2,
        3,
        0.5,
        0.1,
        0.01,
        0.2,
        2 * x,
        x / 2,
        -x,
        x + 1,
        x - 1,
        round(1 - x, 12) if not isinstance(x, complex) else 1 - x,
        x * x,
    ]
    others += [1 / x] if x else []
    for other in [*others, *bench.sizes]:
        if type(other) is Node or other != x:
            yield Mutation(other, _NUMBER, "`{1}` stands where `{0}` belongs", (x, other), CHECK)


def _mutate_size(bench: Bench, x: Node) -> Iterator[Mutation]:
    """A length that is another, or off by one or by a factor."""
    others: list[tuple[Operand | None, float]] = [(size, 1.5) for size in bench.sizes if size is not x]
    others += [(bench.apply(subtract, x, n), 1.5) for n in (1, 2)]
    others += [(bench.apply(add, x, n), 2.0) for n in (1, 2)]
    others += [(bench.apply(multiply, n, x), 1.7) for n in (2, 0.5)]
    others += [(bench.apply(multiply, x, size), 2.0) for size in bench.sizes]
    others += [(bench.apply(sqrt, x), 2.0)]
    for other, cost in others:
        yield Mutation(other, cost, "`{1}` stands where `{0}` belongs", (x, other), CHECK)


def _exchange(bench: Bench, x: Node) -> Iterator[Mutation]:
    """Another value in the place of a named one: the likelier, the more their names have in common."""
    what = "`{1}` stands where `{0}` belongs"
    for other in bench.arrays if x.shape else bench.scalars:
        if other is x:
            continue
        cost = 1.2 if _letters(other) == _letters(x) or _digits(other) == _digits(x) else 1.6
        cost += 0.5 * (is_gradient(other) and not is_gradient(x))
        if other.shape == x.shape:
            yield Mutation(other, cost, what, (x, other), NAMES)
            continue
        yield Mutation(other, cost + (0.4 if len(other.shape) == len(x.shape) else 0.6), what, (x, other), NAMES)
        if len(x.shape) == 2 and other.shape == x.shape[::-1]:
            turned = bench.apply(transpose, other)
            yield Mutation(turned, cost + 0.5, what, (x, turned), NAMES)
    if bench.is_mask(x):
        yield Mutation(bench.apply(subtract, 1, x), 1.3, "`{0}` is the wrong way round, as `1 - {0}`", (x,), CHECK)


def _letters(x: Node) -> str:
    return (x.name or "").rstrip("0123456789")


def _digits(x: Node) -> str:
    return (x.name or "")[len(_letters(x)) :]


# -- steps -------------------------------------------------------------------------------------------------------------


def _mutate_addition(bench: Bench, x: Node) -> Iterator[Mutation]:
    a, b = x.operands
    is_difference = x.op is subtract
    yield Mutation(a, 1.4, "the term `{}` is missing", (b,))
    yield Mutation(bench.apply(negative, b) if is_difference else b, 1.4, "the term `{}` is missing", (a,))
    if is_difference:
        yield Mutation(bench.apply(add, a, b), 1.4, "`{}` has a plus for its minus", (x,))
        yield Mutation(bench.apply(subtract, b, a), 1.3, "the two sides of `{}` are exchanged", (x,))
    else:
        yield Mutation(bench.apply(subtract, a, b), 1.4, "the term `{}` has the wrong sign", (b,))
        yield Mutation(bench.apply(subtract, b, a), 1.5, "the term `{}` has the wrong sign", (a,))
    yield Mutation(bench.apply(multiply, a, b), 2, "the two sides of `{}` are multiplied", (x,))
    terms = list(find_terms(x))
    if len(terms) > 2:
        for term, sign in terms:
            only = term if sign > 0 else bench.apply(negative, term)
            yield Mutation(only, 1.8, "of `{}`, only the term `{}` is there", (x, term))
    for factor, word in ((2, "twice"), (0.5, "half")):
        for i, term in enumerate((a, b)):
            scaled = bench.apply(multiply, factor, term)
            if scaled is not None:
                new = bench.put_in(x, (scaled, b) if i == 0 else (a, scaled))
                yield Mutation(new, 2, f"the term `{{}}` counts {word}", (term,), CHECK)


def _mutate_division(bench: Bench, x: Node) -> Iterator[Mutation]:
    a, b = x.operands
    yield Mutation(a, 1.2, "the division by `{}` is missing", (b,))
    yield Mutation(bench.apply(divide, x, b), 1.3, "it is divided by `{}` twice", (b,))
    yield Mutation(bench.apply(multiply, a, b), 1.5, "it is multiplied by `{}` instead of divided", (b,))
    yield Mutation(bench.apply(divide, b, a), 2, "`{}` is upside down", (x,))
    if type(a) is Node and a.op is multiply:  # a · c / b is as often written as a / b · c
        for factor, other in (a.operands, a.operands[::-1]):
            parts = bench.apply(divide, factor, b), other
            new = None if parts[0] is None else bench.apply(add, *parts)
            yield Mutation(new, 1.9, "`{}` is added instead of multiplied", (other,))


def _mutate_multiplication(bench: Bench, x: Node) -> Iterator[Mutation]:
    a, b = x.operands
    elementwise = "`{}` is a product of matrices instead of an elementwise one"
    for factor, other in ((a, b), (b, a)):
        yield Mutation(factor, 1.2, "the factor `{}` is missing", (other,))
        yield Mutation(bench.apply(multiply, x, other), 1.6, "the factor `{}` is there twice", (other,))
        yield Mutation(bench.apply(divide, factor, other), 1.8, "it is divided by `{}` instead of multiplied", (other,))
        yield Mutation(bench.apply(subtract, factor, other), 2.2, "`{}` is subtracted instead of multiplied", (other,))
        yield Mutation(bench.apply(matmul, factor, other), 1.8, elementwise, (x,))
        turned = bench.apply(transpose, other)
        if turned is not None:
            yield Mutation(bench.apply(matmul, factor, turned), 2, elementwise, (x,))
            yield Mutation(bench.apply(matmul, turned, factor), 2, elementwise, (x,))
    yield Mutation(bench.apply(add, a, b), 1.8, "`{}` is added instead of multiplied", (b,))


def _mutate_matmul(bench: Bench, x: Node) -> Iterator[Mutation]:
    a, b = x.operands
    for p in _find_turned(bench, a):
        for q in _find_turned(bench, b):
            if p is not a or q is not b:
                yield Mutation(bench.apply(matmul, p, q), 1.5, "the transposes in `{}` are wrong", (x,))
            yield Mutation(bench.apply(matmul, q, p), 1.7, "the factors of `{}` are exchanged", (x,))
            yield Mutation(
                bench.apply(multiply, p, q), 1.6, "`{}` is elementwise instead of a product of matrices", (x,)
            )
    for factor, other in ((a, b), (b, a)):
        yield Mutation(factor, 1.6, "the factor `{}` is missing", (other,))
    parts = {"only the first": slice(0, 1), "only the last": slice(-1, None)}  # = for the += of a loop leaves the last
    parts |= {"all but the first": slice(1, None), "all but the last": slice(None, -1)}
    for word, part in parts.items():
        p, q = (bench.apply(get, y, template=t) for y, t in ((a, (slice(None), part)), (b, (part,))))
        if p is not None and q is not None:
            yield Mutation(
                bench.apply(matmul, p, q), 2.1, f"of the terms that `{{}}` adds up, {word} is there", (x,), CHECK
            )


def _find_turned(bench: Bench, x: Operand) -> list[Operand]:
    """A matrix, and its transpose."""
    if type(x) is Node and x.op is transpose and not x.params:
        return [x, x.operands[0]]
    turned = bench.apply(transpose, x) if type(x) is Node and x.shape is not None and len(x.shape) == 2 else None
    return [x] if turned is None else [x, turned]


def _mutate_reduction(bench: Bench, x: Node) -> Iterator[Mutation]:
    (d,) = x.operands
    assert type(d) is Node
    what = "`{1}` stands where `{0}` belongs"
    yield Mutation(d, 1.5, "`{1}` stands where its sum, `{0}`, belongs", (x, d))
    axes: list[int | None] = [None, *range(len(d.shape))]
    for op in (sum_, mean, max_):
        for axis in axes:
            for keepdims in (True, False):
                params = ({} if axis is None else {"axis": axis}) | ({"keepdims": True} if keepdims else {})
                if (op, params) != (x.op, x.params):
                    new = bench.apply(op, d, **params)
                    yield Mutation(new, 2.5 if op is max_ else 1.5, what, (x, new), SUMS)
    for axis in range(len(d.shape)):
        for part in (slice(0, 1), slice(-1, None)):
            new = bench.apply(get, d, template=(slice(None),) * axis + (part,))
            yield Mutation(new, 2.5, "only one term of the sum is there: " + what, (x, new), USES)


_OTHER_COMPARISON = {
    greater: (less, greater_equal),
    less: (greater, less_equal),
    greater_equal: (less_equal, greater),
    less_equal: (greater_equal, less),
}


def _mutate_comparison(bench: Bench, x: Node) -> Iterator[Mutation]:
    reverse, at_equality = _OTHER_COMPARISON[x.op]  # type: ignore[index]
    yield Mutation(bench.apply(reverse, *x.operands), 1.3, "the condition `{}` is the wrong way round", (x,))
    everywhere = bench.apply(broadcast_to, 1, shape=x.shape)
    yield Mutation(everywhere, 1.15, "the condition `{}` is missing", (x,))
    new = bench.apply(at_equality, *x.operands)
    yield Mutation(new, 2, "the condition `{0}` is `{1}`, which differs where both sides are equal", (x, new), CHECK)


def _mutate_heaviside(bench: Bench, x: Node) -> Iterator[Mutation]:
    z, _ = x.operands
    for op, cost in ((greater, 2.0), (greater_equal, 2.0), (less, 1.5)):
        new = bench.apply(op, z, 0)
        yield Mutation(new, cost, "`{1}` stands where `{0}` belongs", (x, new), NAMES)


def _mutate_choice(bench: Bench, x: Node) -> Iterator[Mutation]:
    c, a, b = x.operands
    yield Mutation(bench.apply(where, c, b, a), 1.4, "the branches of `{}` are exchanged", (x,))
    for branch in (a, b):
        yield Mutation(branch, 1.6, "`{}` stands there without its condition", (branch,))


def _mutate_placing(bench: Bench, x: Node) -> Iterator[Mutation]:
    """What x[i] += y leaves, where i names an entry several times: of several, the last."""
    y, *index = x.operands
    places = [np.asarray(bench.value(i)) for i in index]
    if not places or any(i.ndim != 1 or i.dtype.kind not in "iu" or i.shape != places[0].shape for i in places):
        return
    last = sorted({place: k for k, place in enumerate(zip(*map(np.ndarray.tolist, places), strict=True))}.values())
    if len(last) < len(places[0]):
        kept = [bench.apply(get, part, template=(last,)) for part in (y, *index)]
        new = None if None in kept else bench.put_in(x, kept)
        what = "what `+=` adds to an entry that `{}` names several times is there only once"
        yield Mutation(new, 1.3, what, (index[0],), BUFFERED)


# What people get wrong with an op: this is known of people, not of ops, and so it stands here and on no row.
_BY_OP: list[tuple[tuple[Op, ...], Callable[[Bench, Node], Iterator[Mutation]]]] = [
    ((add, subtract), _mutate_addition),
    ((divide,), _mutate_division),
    ((multiply,), _mutate_multiplication),
    ((matmul,), _mutate_matmul),
    ((sum_, mean), _mutate_reduction),
    (tuple(_OTHER_COMPARISON), _mutate_comparison),
    ((heaviside,), _mutate_heaviside),
    ((where,), _mutate_choice),
    ((put,), _mutate_placing),
]

_HAVE_SIDES = {op for ops, _ in _BY_OP for op in ops}
"""Ops whose operands are exchanged above."""

# -- anywhere ----------------------------------------------------------------------------------------------------------


def _mutate_anything(bench: Bench, x: Node, above: Operand, limit: float) -> Iterator[Mutation]:
    if type(above) is Node and above.op and not above.op.powers:  # elsewhere the factor is one of the whole line
        yield Mutation(bench.apply(negative, x), 1.7, "`{}` has the wrong sign", (x,))
        for factor in (2, 0.5):
            yield Mutation(bench.apply(multiply, factor, x), 2.2, f"`{{}}` is multiplied by {factor}", (x,), CHECK)
        for size in bench.sizes:
            yield Mutation(bench.apply(divide, x, size), 2, "`{}` is divided by `{}`", (x, size), CHECK)
            yield Mutation(bench.apply(multiply, x, size), 2.2, "`{}` is multiplied by `{}`", (x, size), CHECK)
    if x.op is square:
        (inner,) = x.operands
        yield Mutation(bench.apply(power, inner, 3), 2, "the exponent in `{}` is 3", (x,), CHECK)
        yield Mutation(bench.apply(multiply, 2, inner), 1.8, "`2 * {1}` stands where `{0}` belongs", (x, inner), CHECK)
    else:
        yield Mutation(bench.apply(square, x), 2.2, "`{}` is squared", (x,), CHECK)
    for op, word in ((tanh, "tanh"), (sigmoid, "the sigmoid")):
        yield Mutation(bench.apply(op, x), 2.2, f"{word} of `{{}}` stands in its place", (x,), CHECK)
    if x.shape is not None and len(x.shape) == 2:
        yield Mutation(bench.apply(transpose, x), 2, "`{}` is transposed", (x,), CHECK)
    if limit >= _FACTOR and x.op in (None, matmul, add, subtract):
        for slope, of in bench.slopes(x.shape):
            new = bench.apply(multiply, x, slope)
            yield Mutation(new, _FACTOR, f"there is a factor `{{}}`, the derivative of {of}, too many", (slope,))
    if limit >= RARE:
        yield from _mutate_rarely(bench, x)


def _mutate_rarely(bench: Bench, x: Node) -> Iterator[Mutation]:
    for op in (sum_, mean):
        for axis in (None, *range(len(x.shape))) if x.shape else ():
            new = bench.apply(op, x, **({} if axis is None else {"axis": axis, "keepdims": True}))
            yield Mutation(new, RARE, "`{1}` stands where `{0}` belongs", (x, new), SUMS)
    for axis in range(len(x.shape)) if x.op is None else ():
        new = bench.apply(get, x, template=(*axis * (slice(None),), slice(None, None, -1)))
        yield Mutation(new, RARE, "`{}` is in reversed order", (x,), NAMES)
    if x.op is None and _lies_between(bench.value(x), 0, 1):
        new = bench.apply(greater, x, 0.5)
        yield Mutation(new, RARE, "the decisions `{1}` stand where `{0}` belongs", (x, new), NAMES)
    yield Mutation(bench.apply(sqrt, x), 2.5, "the root of `{}` stands in its place", (x,), CHECK)
    yield Mutation(bench.apply(divide, 1, x), 2.4, "`{}` is inverted", (x,), CHECK)
    for other in bench.arrays:
        if other.shape == x.shape:
            if x.op is not None:
                yield Mutation(other, RARE, "`{1}` stands where `{0}` belongs", (x, other), NAMES)
            yield Mutation(bench.apply(multiply, x, other), RARE, "there is a factor `{}` too many", (other,))
            yield Mutation(bench.apply(add, x, other), 2.8, "`{}` is added", (other,), CHECK)
            yield Mutation(bench.apply(divide, x, other), 2.8, "it is divided by `{}`", (other,), CHECK)


def _lies_between(v: Any, low: float, high: float) -> bool:
    return np.asarray(v).dtype.kind == "f" and bool(np.all((v > low) & (v < high)))
