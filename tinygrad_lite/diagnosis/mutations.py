"""Mutations: what can be wrong in one place of a formula, in general.

A `Bench` computes the steps of a tree once. `mutate` lists what may stand in the place of one node: the rows of the
table of mistakes that match there, and beside them what people do without anybody having listed it.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..op import Op
from ..program.program import Node, Operand, is_scalar, is_weak, shape_of
from ..program.ranges import Ranges
from ..program.rewrite import find
from ..rules.elementwise import (
    absolute,
    add,
    divide,
    exp,
    greater,
    greater_equal,
    heaviside,
    less,
    less_equal,
    log,
    multiply,
    negative,
    power,
    sign,
    sqrt,
    square,
    subtract,
    tanh,
)
from ..rules.indexing import get, where
from ..rules.neural import sigmoid
from ..rules.products import matmul
from ..rules.reductions import max as max_
from ..rules.reductions import mean
from ..rules.reductions import sum as sum_
from ..rules.shaping import transpose
from .mistakes import MISTAKES
from .tidying import key_of

Path = tuple[int, ...]
CHAIN = "Every step of the forward pass leaves one factor in the chain rule, and in the place of that step."
NAMES = "Each name in a line must be the value that this very step of the forward pass used or gave."
SUMS = "What the forward pass repeats along an axis is summed along that axis in the gradient, and along no other."
USES = "What the forward pass uses in several places receives a term from each of them."
CHECK = "Go through the line factor by factor: which step of the forward pass does each of them come from?"


class Mutation(NamedTuple):
    """new: what stands in the place of a node. what: the mistake in words, with {} for each tree of about."""

    new: Operand | None
    cost: float
    what: str
    about: tuple[Operand, ...] = ()
    why: str = CHAIN
    path: Path = ()


class Bench:
    """Computes trees over given values, each step once. Whoever uses one has NumPy's warnings switched off: there are
    tens of thousands of steps, and many of them overflow or divide by zero.

    values: by name. leaves: a leaf for each name, which mutations may use. spell: a tree as text. variables: names of
    what the forward pass computes, whose slopes may be taken.
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        leaves: Mapping[str, Node],
        spell: Callable[[Operand], str],
        variables: Collection[str] = (),
    ) -> None:
        self.leaves, self.spell, self.variables = leaves, spell, variables
        self.count = 0  # of steps computed
        self._values: dict[Node, Any] = {}
        for name, leaf in leaves.items():
            if name in values:
                self._values[leaf] = values[name]
        self.arrays: list[Node] = []
        self._slopes: dict[Any, list[tuple[Node, str]]] = {}
        self._masks: dict[Node, bool] = {}
        self.ban(())
        self.sizes = [leaf for leaf in self._values if leaf.weak]
        self.scalars = [leaf for leaf, v in self._values.items() if not leaf.weak and _is_setting(leaf, v)]

    def ban(self, names: Container[str]) -> None:
        """Choose `arrays`, the values that may stand in the place of another: all but these."""
        self.arrays = [
            leaf
            for name, leaf in self.leaves.items()
            if name not in names
            and isinstance(v := self._values.get(leaf), np.ndarray)
            and v.ndim
            and v.dtype.kind in "fib"
        ]
        self._slopes.clear()

    def slopes(self, shape: Any) -> list[tuple[Node, str]]:
        """Derivatives of activations, of every value of this shape that the forward pass computes."""
        if shape not in self._slopes:
            self._slopes[shape] = list(_find_slopes(self, shape))
        return self._slopes[shape]

    def is_mask(self, x: Node) -> bool:
        """Whether a named value is made of zeros and ones."""
        if x not in self._masks:
            v = np.asarray(self.value(x))
            self._masks[x] = v.dtype.kind in "fib" and v.size > 0 and bool(np.all((v == 0) | (v == 1)))
        return self._masks[x]

    def value(self, x: Operand) -> Any:
        """The value of a tree; its steps are computed if they are not yet known."""
        if type(x) is not Node:
            return x
        if x not in self._values:
            if x.op is None:
                raise KeyError(x.name)
            operands = [self.value(y) for y in x.operands]
            self.count += 1
            self._values[x] = x.op.fn(*operands, **x.params)
        return self._values[x]

    @property
    def mark(self) -> int:
        """How many steps are kept; see `forget`."""
        return len(self._values)

    def forget(self, mark: int) -> None:
        """Drop the values of the steps computed since: there are thousands, and they can be computed again."""
        while len(self._values) > mark:
            self._values.popitem()

    def apply(self, op: Op, *operands: Operand, **params: Any) -> Node | None:
        """A new step; None where NumPy refuses it."""
        node = Node(op, operands, params, (), np.dtype(float), all(map(is_weak, operands)))
        return self._settle(node)

    def put_in(self, node: Node, operands: Sequence[Operand]) -> Node | None:
        """The step with other operands."""
        return self._settle(Node(node.op, tuple(operands), node.params, (), node.dtype, all(map(is_weak, operands))))

    def _settle(self, node: Node) -> Node | None:
        try:
            y = self.value(node)
        except (ValueError, TypeError, IndexError, KeyError, ArithmeticError, np.linalg.LinAlgError, AttributeError):
            return None
        if type(y) is tuple:
            node.shape = None
        else:
            node.shape, node.dtype = np.shape(y), np.asarray(y).dtype
        return node

    def describe(self, m: Mutation) -> str:
        """The mistake in words."""
        return m.what.format(*map(self.spell, m.about))

    def replace_all(self, root: Operand, paths: Sequence[Path], new: Operand) -> Operand | None:
        """The tree with another node at each of the paths, none of which leads to a part of another."""
        whole: Operand | None = root
        for path in paths:
            whole = None if whole is None else self.replace(whole, path, new)
        return whole

    def replace(self, root: Operand, path: Path, new: Operand) -> Operand | None:
        """The tree with another node at the path; None where it does not fit there."""
        if not path:
            return new
        assert type(root) is Node
        operands = list(root.operands)
        inner = self.replace(operands[path[0]], path[1:], new)
        if inner is None:
            return None
        operands[path[0]] = inner
        return self.put_in(root, operands)


def _is_setting(x: Node, v: Any) -> bool:
    """Whether it is a number that the forward pass is given, as the weight of a penalty is."""
    return np.ndim(v) == 0 and np.asarray(v).dtype.kind == "f" and not _is_gradient(x)


def positions(root: Operand, path: Path = ()) -> Iterator[tuple[Path, Operand]]:
    """Every node of a tree with the way to it, the root first."""
    yield path, root
    if type(root) is Node:
        for i, x in enumerate(root.operands):
            yield from positions(x, (*path, i))


def find_leaf(root: Operand, leaf: Node) -> list[Path]:
    """Where a named value stands in a tree."""
    return [path for path, x in positions(root) if x is leaf]


def mutate(bench: Bench, root: Operand, limit: float = math.inf) -> Iterator[Mutation]:
    """The mutations of a tree in one place, up to a cost: each is the place, and what stands there."""
    for path, node in positions(root):
        above = root
        for i in path[:-1]:
            above = above.operands[i]
        for m in _mutate_here(bench, node, above if path else None, limit):
            if m.new is not None and m.cost <= limit:
                yield m._replace(path=path)
    whole: list[Iterator[Mutation]] = []
    if limit >= _REDUCTIONS:
        whole.append(_mutate_reductions(bench, root))
    if limit >= _EVERYTHING:
        whole += [_mutate_repeated(bench, root), _mutate_slope(bench, root), _mutate_products(bench, root)]
    for m in itertools.chain(*whole):
        if m.new is not None:
            yield m  # its path is there already


# What the cheapest mutation of each kind costs: in the search for pairs most kinds cost too much to be tried at all.
_EXCHANGE, _SIZE, _REDUCTIONS, _SLOPE, _ANYTHING, _FACTOR, _RARE, _NUMBER = 1.2, 1.5, 1.6, 1.7, 1.7, 2.0, 2.3, 2.5
_PARENTHESES = 1.5
_EVERYTHING = math.inf


def _mutate_reductions(bench: Bench, root: Operand) -> Iterator[Mutation]:
    """Every sum of a formula done in another way: where one sum is written as several, they go wrong together."""
    sums = [x for _, x in positions(root) if type(x) is Node and x.op in (sum_, mean)]
    if len(sums) < 2:
        return

    def change(x: Operand, op: Op | None, params: dict[str, Any]) -> Operand | None:
        if type(x) is not Node or x.op is None:
            return x
        operands = [change(y, op, params) for y in x.operands]
        if any(y is None for y in operands):
            return None
        return bench.apply(op or x.op, *operands, **params) if x.op in (sum_, mean) else bench.put_in(x, operands)

    for op in (sum_, mean) if all(x.op is sum_ for x in sums) else (None,):
        for axis in (None, *range(len(sums[0].operands[0].shape))):
            for keepdims in (True, False):
                params = ({} if axis is None else {"axis": axis}) | ({"keepdims": True} if keepdims else {})
                new = change(root, op, params)
                yield Mutation(new, _REDUCTIONS, "`{1}` stands where `{0}` belongs", (root, new), SUMS)


def _mutate_repeated(bench: Bench, root: Operand) -> Iterator[Mutation]:
    """What a formula has in several places changed in all of them: it was computed once, and written down again."""
    places: dict[Any, list[tuple[Path, Node]]] = {}
    for path, x in positions(root):
        if type(x) is Node:
            places.setdefault(key_of(x), []).append((path, x))
    for (_, x), *others in places.values():
        if others:
            for m in _mutate_here(bench, x, None, _RARE):
                new = None if m.new is None else bench.replace_all(root, [path for path, _ in places[key_of(x)]], m.new)
                yield Mutation(new, m.cost + 0.1, m.what, m.about, m.why)


def _mutate_products(bench: Bench, root: Operand) -> Iterator[Mutation]:
    """The product of two sums in the place of a sum of products."""
    for path, x in positions(root):
        terms = list(find_terms(x))
        if len(terms) < 2 or not all(sign > 0 and type(y) is Node and y.op in (matmul, multiply) for y, sign in terms):
            continue
        factors = list(zip(*(y.operands for y, _ in terms), strict=True))
        sums = [functools.reduce(lambda a, b: a and bench.apply(add, a, b), side) for side in factors]
        op = terms[0][0].op
        if None not in sums and op is not None:
            new = bench.apply(op, *sums)
            what = "`{1}` stands where the sum of products `{0}` belongs"
            yield Mutation(new, _RARE, what, (x, new), USES, path)


def _mutate_slope(bench: Bench, root: Operand) -> Iterator[Mutation]:
    """dA times another function of a value of the forward pass than g′, however g′ is written."""
    paths = list(_find_slope(root))
    if not paths:
        return
    slope = root
    for i in paths[0]:
        assert type(slope) is Node
        slope = slope.operands[i]
    for new, of in bench.slopes(shape_of(slope)) + list(_find_functions(bench, shape_of(slope))):
        whole = bench.replace(root, paths[0], new)
        for path in paths[1:]:
            whole = None if whole is None else bench.replace(whole, path, 1.0)
        yield Mutation(
            whole, _SLOPE + 0.3, f"`{{1}}`{of and ', from ' + of + ','} stands where `{{0}}` belongs", (slope, new)
        )


def _find_slope(x: Operand, path: Path = ()) -> Iterator[Path]:
    """The factors of a product that are computed from the forward pass, entry by entry, beside one that is not."""
    if type(x) is not Node or x.op not in (multiply, divide):
        return
    for i, y in enumerate(x.operands):
        if type(y) is Node and y.op is not None and _is_local_slope(y):
            yield (*path, i)
        elif i == 0 or x.op is multiply:
            yield from _find_slope(y, (*path, i))


def _mutate_here(bench: Bench, x: Operand, above: Operand, limit: float) -> Iterator[Mutation]:
    if type(x) is not Node:
        if limit >= _NUMBER and is_scalar(x) and not isinstance(x, (bool, np.bool_)):
            yield from _mutate_number(bench, x)
        return
    if x.op is None:
        if limit >= (_SIZE if x.weak else _EXCHANGE):
            yield from _mutate_size(bench, x) if x.weak else _exchange(bench, x)
    else:
        yield from _match_table(x, limit)
        for ops, mutate_op in _BY_OP:
            if x.op in ops:
                yield from mutate_op(bench, x)
        if len(x.operands) > 1 and not x.op.commutes and x.op not in _HAVE_SIDES and limit >= _RARE:
            for i in range(len(x.operands) - 1):
                xs = [*x.operands[:i], x.operands[i + 1], x.operands[i], *x.operands[i + 2 :]]
                yield Mutation(bench.put_in(x, xs), _RARE, "the operands of `{}` are in another order", (x,), CHECK)
        if x.op in _UNARY and limit >= _RARE:
            for op in _UNARY:
                new = bench.apply(op, *x.operands) if op is not x.op else None
                yield Mutation(new, _RARE, "`{1}` stands where `{0}` belongs", (x, new), NAMES)
            new = bench.apply(greater, *x.operands, 0)
            yield Mutation(new, _RARE, "`{1}` stands where `{0}` belongs", (x, new), NAMES)
        if x.op in (multiply, divide) and limit >= _PARENTHESES:
            yield from _forget_parentheses(bench, x)
        inner = [y for y in x.operands if type(y) is Node]
        if len(inner) == 1:
            yield Mutation(inner[0], 2, "`{1}` stands where `{0}` belongs", (x, inner[0]), NAMES)
        if limit >= _SLOPE and _is_local_slope(x):
            for new, of in bench.slopes(x.shape):
                yield Mutation(new, _SLOPE, f"`{{1}}`, from {of}, stands where `{{0}}` belongs", (x, new), NAMES)
    if limit >= _ANYTHING and not (x.shape == () and is_weak(x)):
        yield from _mutate_anything(bench, x, above, limit)


_RANGES = Ranges()


def _match_table(node: Node, limit: float) -> Iterator[Mutation]:
    for row in MISTAKES:
        if row.rule.root.op is not node.op or row.often > limit:
            continue
        try:
            match = find(row.rule, node, _RANGES)
            if match is not None:
                yield Mutation(match.write()[1], row.often, row.what, (), row.why)
        except (ValueError, TypeError, IndexError):
            continue  # the operands do not fit


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
        round(1 - x, 12),
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
        if other is x or len(other.shape) != len(x.shape):
            continue
        cost = 1.2 if _letters(other) == _letters(x) or _digits(other) == _digits(x) else 1.6
        cost += 0.5 * (_is_gradient(other) and not _is_gradient(x))
        if other.shape == x.shape:
            yield Mutation(other, cost, what, (x, other), NAMES)
            continue
        yield Mutation(other, cost + 0.4, what, (x, other), NAMES)
        if len(x.shape) == 2 and other.shape == x.shape[::-1]:
            turned = bench.apply(transpose, other)
            yield Mutation(turned, cost + 0.5, what, (x, turned), NAMES)
    if bench.is_mask(x):
        yield Mutation(bench.apply(subtract, 1, x), 1.3, "`{0}` is the wrong way round, as `1 - {0}`", (x,), CHECK)


def _letters(x: Node) -> str:
    return (x.name or "").rstrip("0123456789")


def _digits(x: Node) -> str:
    return (x.name or "")[len(_letters(x)) :]


def _is_gradient(x: Node) -> bool:
    return (x.name or "").startswith("d")


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


def find_terms(x: Operand, sign: int = 1) -> Iterator[tuple[Operand, int]]:
    """The terms of a sum of several, with their signs."""
    if type(x) is Node and x.op in (add, subtract):
        a, b = x.operands
        yield from find_terms(a, sign)
        yield from find_terms(b, sign if x.op is add else -sign)
    else:
        yield x, sign


def _mutate_division(bench: Bench, x: Node) -> Iterator[Mutation]:
    a, b = x.operands
    yield Mutation(a, 1.2, "the division by `{}` is missing", (b,))
    yield Mutation(bench.apply(divide, x, b), 1.3, "it is divided by `{}` twice", (b,))
    yield Mutation(bench.apply(multiply, a, b), 1.5, "it is multiplied by `{}` instead of divided", (b,))
    yield Mutation(bench.apply(divide, b, a), 2, "`{}` is upside down", (x,))


def _mutate_multiplication(bench: Bench, x: Node) -> Iterator[Mutation]:
    a, b = x.operands
    elementwise = "`{}` is a product of matrices instead of an elementwise one"
    for kept, lost in ((a, b), (b, a)):
        yield Mutation(kept, 1.2, "the factor `{}` is missing", (lost,))
        yield Mutation(bench.apply(multiply, x, lost), 1.6, "the factor `{}` is there twice", (lost,))
        yield Mutation(bench.apply(divide, kept, lost), 1.8, "it is divided by `{}` instead of multiplied", (lost,))
        yield Mutation(bench.apply(subtract, kept, lost), 2.2, "`{}` is subtracted instead of multiplied", (lost,))
        yield Mutation(bench.apply(matmul, kept, lost), 1.8, elementwise, (x,))
        turned = bench.apply(transpose, lost)
        if turned is not None:
            yield Mutation(bench.apply(matmul, kept, turned), 2, elementwise, (x,))
            yield Mutation(bench.apply(matmul, turned, kept), 2, elementwise, (x,))
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
    for kept, lost in ((a, b), (b, a)):
        yield Mutation(kept, 1.6, "the factor `{}` is missing", (lost,))
    parts = {"only the first": slice(0, 1), "all but the first": slice(1, None), "all but the last": slice(None, -1)}
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


_BY_OP: list[tuple[tuple[Op, ...], Callable[[Bench, Node], Iterator[Mutation]]]] = [
    ((add, subtract), _mutate_addition),
    ((divide,), _mutate_division),
    ((multiply,), _mutate_multiplication),
    ((matmul,), _mutate_matmul),
    ((sum_, mean), _mutate_reduction),
    (tuple(_OTHER_COMPARISON), _mutate_comparison),
    ((heaviside,), _mutate_heaviside),
    ((where,), _mutate_choice),
]

_HAVE_SIDES = {op for ops, _ in _BY_OP for op in ops}
"""Ops whose operands are exchanged above."""

# -- derivatives of activations ----------------------------------------------------------------------------------------


def _is_local_slope(x: Node) -> bool:
    """Whether it is an elementwise expression of values of the forward pass, as g′ is."""
    if x.op is None or not x.shape:
        return False
    nodes = [y for _, y in positions(x) if type(y) is Node]
    return all(
        not _is_gradient(y) if y.op is None else y.op.kind in ("elementwise", "constant") or y.op is where
        for y in nodes
    )


def _find_slopes(bench: Bench, shape: Any) -> Iterator[tuple[Node, str]]:
    for x in bench.arrays:
        if x.shape != shape or x.name not in bench.variables or np.asarray(bench.value(x)).dtype.kind != "f":
            continue
        t, s = bench.apply(tanh, x), bench.apply(sigmoid, x)
        found = [(bench.apply(greater, x, 0), "relu"), (t, "tanh itself"), (s, "the sigmoid itself")]
        for y in (x, t):
            squared = None if y is None else bench.apply(square, y)
            found.append((None if squared is None else bench.apply(subtract, 1, squared), "tanh"))
        for y in (x, s):
            rest = None if y is None else bench.apply(subtract, 1, y)
            found.append((None if rest is None else bench.apply(multiply, y, rest), "the sigmoid"))
        positive = bench.apply(greater, x, 0)
        found += [(bench.apply(where, positive, 1, slope), "leaky relu") for slope in (0.01, 0.1, 0.2)]
        for node, of in found:
            if node is not None:
                yield node, of


def _find_functions(bench: Bench, shape: Any) -> Iterator[tuple[Node, str]]:
    """What else people multiply by: a value of the forward pass itself, or an elementary function of it."""
    for x in bench.arrays:
        if x.shape != shape or _is_gradient(x) or np.asarray(bench.value(x)).dtype.kind != "f":
            continue
        yield x, ""
        for op, *operands in _FUNCTIONS:
            y: Operand | None = x
            for factor in operands:
                y = None if y is None else bench.apply(multiply, factor, y)
            found = None if y is None else bench.apply(op, y)
            if found is not None:
                yield found, ""
        for op in (subtract, add, divide):
            found = bench.apply(op, 1, x)
            if found is not None:
                yield found, ""
        turned = bench.apply(negative, x)
        found = None if turned is None else bench.apply(sigmoid, turned)
        if found is not None:
            yield found, ""


_UNARY = (exp, log, sqrt, square, sign, absolute, tanh, sigmoid)
_FUNCTIONS: list[Any] = [(exp,), (exp, -1), (square,), (sqrt,), (log,), (sign,), (absolute,)]

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
    if limit >= _RARE:
        yield from _mutate_rarely(bench, x)


def _mutate_rarely(bench: Bench, x: Node) -> Iterator[Mutation]:
    for op in (sum_, mean):
        for axis in (None, *range(len(x.shape))) if x.shape else ():
            new = bench.apply(op, x, **({} if axis is None else {"axis": axis, "keepdims": True}))
            yield Mutation(new, _RARE, "`{1}` stands where `{0}` belongs", (x, new), SUMS)
    for axis in range(len(x.shape)) if x.op is None else ():
        new = bench.apply(get, x, template=(*axis * (slice(None),), slice(None, None, -1)))
        yield Mutation(new, _RARE, "`{}` is in reversed order", (x,), NAMES)
    if x.op is None and _lies_between(bench.value(x), 0, 1):
        new = bench.apply(greater, x, 0.5)
        yield Mutation(new, _RARE, "the decisions `{1}` stand where `{0}` belongs", (x, new), NAMES)
    yield Mutation(bench.apply(sqrt, x), 2.5, "the root of `{}` stands in its place", (x,), CHECK)
    yield Mutation(bench.apply(divide, 1, x), 2.4, "`{}` is inverted", (x,), CHECK)
    for other in bench.arrays:
        if other.shape == x.shape:
            if x.op is not None:
                yield Mutation(other, _RARE, "`{1}` stands where `{0}` belongs", (x, other), NAMES)
            yield Mutation(bench.apply(multiply, x, other), _RARE, "there is a factor `{}` too many", (other,))
            yield Mutation(bench.apply(add, x, other), 2.8, "`{}` is added", (other,), CHECK)
            yield Mutation(bench.apply(divide, x, other), 2.8, "it is divided by `{}`", (other,), CHECK)


def _lies_between(v: Any, low: float, high: float) -> bool:
    return np.asarray(v).dtype.kind == "f" and bool(np.all((v > low) & (v < high)))
