"""Mutations: what can be wrong in a formula, in one place, or in several at once."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator
from typing import Any

from ..op import Op
from ..program.program import Node, Operand, shape_of
from ..rules.elementwise import (
    add,
    divide,
    multiply,
)
from ..rules.products import matmul
from ..rules.reductions import mean
from ..rules.reductions import sum as sum_
from .bench import SUMS, USES, Bench, Mutation
from .places import RARE, SLOPE, mutate_place
from .slopes import find_functions, is_local_slope
from .steps import find_step, repeat_step
from .trees import Path, find_sums, find_terms, key_of, positions

_REDUCTIONS = 1.6  # what it costs that all sums are done in another way: a little more than one of them


def mutate(bench: Bench, root: Operand, limit: float = math.inf) -> Iterator[Mutation]:
    """The mutations of a tree in one place, up to a cost: each is the place, and what stands there."""
    for path, node in positions(root):
        above = root
        for i in path[:-1]:
            above = above.operands[i]
        for m in mutate_place(bench, node, above if path else None, limit):
            if m.new is not None and m.cost <= limit:
                yield m._replace(path=path)
    whole: list[Iterator[Mutation]] = []
    if limit >= _REDUCTIONS:
        whole.append(_mutate_reductions(bench, root))
    if limit == math.inf:
        whole += [
            _mutate_steps(bench, root),
            _mutate_repeated(bench, root),
            _mutate_slope(bench, root),
            _mutate_products(bench, root),
        ]
    for m in itertools.chain(*whole):
        if m.new is not None:
            yield m  # its path is there already


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
            for m in mutate_place(bench, x, None, RARE):
                new = None if m.new is None else bench.replace_all(root, [path for path, _ in places[key_of(x)]], m.new)
                yield Mutation(new, m.cost + 0.1, m.what, m.about, m.why)


def _mutate_steps(bench: Bench, root: Operand) -> Iterator[Mutation]:
    """One mistake in each of the terms that the steps of a loop have added up: it was written down once."""
    for path, x in find_sums(root):
        (first, _), *rest = find_terms(x)
        steps = [step for term, sign in rest if sign > 0 and (step := find_step(first, term))]
        if len(steps) < len(rest):
            continue
        for place, y in positions(first):
            for m in mutate_place(bench, y, None, SLOPE):
                term = None if m.new is None else bench.replace(first, place, m.new)
                whole = term
                for step in steps:
                    other = None if term is None else repeat_step(bench, term, step)
                    whole = None if whole is None or other is None else bench.apply(add, whole, other)
                yield Mutation(whole, m.cost + 0.2, f"{m.what}, in every step", m.about, m.why, path)


def _mutate_products(bench: Bench, root: Operand) -> Iterator[Mutation]:
    """The product of two sums in the place of a sum of products."""
    for path, x in positions(root):
        terms = list(find_terms(x))
        if len(terms) < 2 or not all(sign > 0 and type(y) is Node and y.op in (matmul, multiply) for y, sign in terms):
            continue
        factors = list(zip(*(y.operands for y, _ in terms), strict=True))
        sums = [functools.reduce(lambda a, b: None if a is None else bench.apply(add, a, b), side) for side in factors]
        op = terms[0][0].op
        if all(y is not None for y in sums) and op is not None:
            new = bench.apply(op, *sums)
            what = "`{1}` stands where the sum of products `{0}` belongs"
            yield Mutation(new, RARE, what, (x, new), USES, path)


def _mutate_slope(bench: Bench, root: Operand) -> Iterator[Mutation]:
    """dA times another function of a value of the forward pass than g′, however g′ is written."""
    paths = list(_find_slope(root))
    if not paths:
        return
    slope = root
    for i in paths[0]:
        assert type(slope) is Node
        slope = slope.operands[i]
    for new, of in bench.slopes(shape_of(slope)) + list(find_functions(bench, shape_of(slope))):
        whole = bench.replace(root, paths[0], new)
        for path in paths[1:]:
            whole = None if whole is None else bench.replace(whole, path, 1.0)
        yield Mutation(
            whole, SLOPE + 0.3, f"`{{1}}`{of and ', from ' + of + ','} stands where `{{0}}` belongs", (slope, new)
        )


def _find_slope(x: Operand, path: Path = ()) -> Iterator[Path]:
    """The factors of a product that are computed from the forward pass, entry by entry, beside one that is not."""
    if type(x) is not Node or x.op not in (multiply, divide):
        return
    for i, y in enumerate(x.operands):
        if type(y) is Node and y.op is not None and is_local_slope(y):
            yield (*path, i)
        elif i == 0 or x.op is multiply:
            yield from _find_slope(y, (*path, i))
