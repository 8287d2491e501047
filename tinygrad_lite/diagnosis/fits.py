"""Fits: what is wrong by a number or an order that no list contains is solved for instead of tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..program.program import Node, Operand
from ..rounding import describe_difference
from ..rules.elementwise import add, divide, multiply, negative, subtract
from ..rules.indexing import get
from .bench import CHECK, NAMES, USES, Bench, Mutation
from .factors import FITTED, Factors, is_fitted, is_number, shorten
from .targets import Explanation, Target
from .trees import Path, find_sums, find_terms, positions

_TERMS = 6  # more of them fit too much
_LONGEST = 400  # rows or columns whose order is looked for
_WRITTEN = 40  # an order of more is not written down
_SHORT = 4  # digits of a number that somebody may have written
_FAR = 1e-3  # of the largest number, the terms with fitted coefficients are not worth tidying up; a target judges later


def find_fits(
    bench: Bench, factors: Factors, root: Operand, target: Target, update: Mapping[str, str]
) -> Iterator[Explanation]:
    """Every fit. update: parameters, and the names of their gradients, as in W - α dW."""
    yield from _find_updates(bench, root, target, update)
    yield from _find_additions(bench, root, target)
    yield from _find_numbers(bench, root, target)
    yield from _find_coefficients(bench, factors, root, target)
    yield from _find_orders(bench, root, target)


def _regress(rest: Any, along: Any) -> float | None:
    """The multiple of one array that comes nearest to another."""
    size = float(np.vdot(along, along))
    return float(np.vdot(along, rest)) / size if size and np.isfinite(size) else None


def _find_additions(bench: Bench, root: Operand, target: Target) -> Iterator[Explanation]:
    """Some multiple of a named value too much, as of W in weight decay."""
    value = np.asarray(bench.value(root), dtype=float)
    if np.shape(value) != target.numbers.shape:
        return
    for x in bench.arrays:
        v = np.asarray(bench.value(x), dtype=float)
        factor = _regress(target.numbers - value, v) if v.shape == target.numbers.shape else None
        term = bench.apply(multiply, shorten(factor), x) if factor else None
        new = None if term is None else bench.apply(add, root, term)
        if new is not None and target.matches(bench.value(new)):
            yield _explain(new, 2.0, "`{}` is added", (term,), CHECK)


def _find_updates(bench: Bench, root: Operand, target: Target, update: Mapping[str, str]) -> Iterator[Explanation]:
    """A parameter after (or before) an update: W - α dW for some α."""
    for path, x in positions(root):
        if type(x) is not Node or x.op is not None or x.name not in update:
            continue
        gradient = bench.leaves.get(update[x.name or ""])
        if gradient is None or gradient not in bench.arrays:
            continue
        stepped = bench.replace(root, path, gradient)
        v0, v1 = bench.value(root), None if stepped is None else np.asarray(bench.value(stepped), dtype=float)
        if v1 is None or np.shape(v1) != target.numbers.shape or np.shape(v0) != target.numbers.shape:
            continue
        rate = _regress(v0 - target.numbers, v1)
        if not rate:
            continue
        change = bench.apply(multiply, shorten(rate), gradient)
        updated = bench.apply(subtract, x, change) if change is not None else None
        new = None if updated is None else bench.replace(root, path, updated)
        if new is not None and target.matches(bench.value(new)):
            when = "after" if rate > 0 else "before"
            why = "All gradients are taken at the same parameters: compute every one of them before changing any."
            what = f"`{{}}` is the one {when} the update, not the one of this forward pass"
            yield _explain(new, 1.3, what, (x,), why)


def _find_numbers(bench: Bench, root: Operand, target: Target) -> Iterator[Explanation]:
    """Another number in the place of one, where the line is linear in it or in its inverse."""
    for path, x in positions(root):
        if not (is_number(x) or (type(x) is Node and x in bench.scalars)) or not path:
            continue
        above = root
        for i in path[:-1]:
            assert type(above) is Node
            above = above.operands[i]
        assert type(above) is Node
        is_divisor = above.op is divide and path[-1] == 1
        v0, v1 = (_put_number(bench, root, path, above if is_divisor else None, n) for n in (0.0, 1.0))
        if np.shape(v0) != target.numbers.shape or np.shape(v1) != target.numbers.shape or not np.any(v0):
            continue
        number = _regress(target.numbers - v0, np.subtract(v1, v0))
        if number is None or not number:
            continue
        number = shorten(1 / number if is_divisor else number)
        new = bench.replace(root, path, number)
        if new is not None and target.matches(bench.value(new)):
            cost = 2.4 if number == float(f"{number:.{_SHORT}g}") else 3.2
            yield _explain(new, cost, "`{1}` stands where `{0}` belongs", (x, number), CHECK)


def _put_number(bench: Bench, root: Operand, path: Path, quotient: Node | None, n: float) -> Any:
    """The value with a number at the path, or with 1/n at that of a divisor; None where it does not fit."""
    if quotient is None:
        new = bench.replace(root, path, n)
    else:
        times = bench.apply(multiply, quotient.operands[0], n)
        new = None if times is None else bench.replace(root, path[:-1], times)
    return None if new is None else np.asarray(bench.value(new), dtype=float)


def _find_coefficients(bench: Bench, factors: Factors, root: Operand, target: Target) -> Iterator[Explanation]:
    """The terms of a sum, several of which count a wrong number of times."""
    for path, x in find_sums(root):
        terms = list(find_terms(x))
        if not 1 < len(terms) <= _TERMS:
            continue
        parts: list[Any] = []
        for term, _ in terms:
            alone = bench.replace(root, path, term)
            parts.append(None if alone is None else np.asarray(bench.value(alone), dtype=float))
        if any(np.shape(part) != target.numbers.shape for part in parts) or target.numbers.size < 2 * len(parts):
            continue
        signs = [sign for _, sign in terms]
        matrix = np.stack([np.ravel(part) * sign for part, sign in zip(parts, signs, strict=True)], axis=1)
        whole = np.ravel(np.asarray(bench.value(root), dtype=float))
        if not np.all(np.isfinite(matrix)) or describe_difference(matrix.sum(axis=1), whole) is not None:
            continue  # the line is not linear in them
        counts = np.linalg.lstsq(matrix, np.ravel(target.numbers), rcond=None)[0]
        if np.max(np.abs(matrix @ counts - np.ravel(target.numbers))) > _FAR * np.max(np.abs(target.numbers)):
            continue
        explanation = _recount(bench, factors, root, path, terms, counts, target)
        if explanation is not None:
            yield explanation


def _recount(
    bench: Bench,
    factors: Factors,
    root: Operand,
    path: Path,
    terms: list[tuple[Operand, int]],
    counts: Any,
    target: Target,
) -> Explanation | None:
    """The sum with the terms that many times; None if a number means nothing, or nothing changes."""
    whole: Operand | None = None
    mutations = []
    for (term, sign), count in zip(terms, counts, strict=True):
        if abs(count) < FITTED:
            mutations.append(Mutation(None, 1.4, "the term `{}` is missing", (term,), USES))
            continue
        new, words, cost = term, "", 0.0
        if not is_fitted(count, 1):
            expressed = factors.express(shorten(float(count)), term)
            if expressed is None or expressed[0] is None:
                return None
            new, words, cost = expressed
        if words == "-1":
            mutations.append(Mutation(None, 1.4, "the term `{}` has the wrong sign", (term,), USES))
        elif words:
            mutations.append(Mutation(None, 0.6 + cost, f"the term `{{}}` is {words} times what it should be", (term,)))
        if whole is None:
            whole = new if sign > 0 else bench.apply(negative, new)
        else:
            whole = bench.apply(add if sign > 0 else subtract, whole, new)
    changed = None if whole is None or not mutations else bench.replace(root, path, whole)
    if changed is None or not target.matches(bench.value(changed)):
        return None
    return Explanation(changed, tuple(mutations), sum(m.cost for m in mutations) + 0.5 * (len(mutations) - 1))


def _find_orders(bench: Bench, root: Operand, target: Target) -> Iterator[Explanation]:
    """The right rows or columns, in another order."""
    value = np.asarray(bench.value(root), dtype=float)
    if value.shape != target.numbers.shape:
        return
    tolerance = np.broadcast_to(target.tolerance, value.shape)
    for axis, n in enumerate(value.shape):
        if not 1 < n <= min(_LONGEST, _WRITTEN):
            continue
        right, found, slack = (np.moveaxis(v, axis, 0).reshape(n, -1) for v in (value, target.numbers, tolerance))
        same = np.all(np.abs(found[:, None] - right[None]) <= slack[:, None], axis=2)
        order = np.argmax(same, axis=1)
        if not np.all(same[np.arange(n), order]) or len(set(order)) < n or np.all(order == np.arange(n)):
            continue
        is_reversed = np.all(order == np.arange(n)[::-1])
        index: Any = slice(None, None, -1) if is_reversed else [int(i) for i in order]
        new = bench.apply(get, root, template=(*axis * (slice(None),), index))
        if new is not None and target.matches(bench.value(new)):
            word = "numbers" if value.ndim == 1 else ("rows", "columns")[axis] if value.ndim == 2 else "entries"
            yield _explain(new, 2.0, f"the {word} of `{{}}` are in another order", (root,), NAMES)


def _explain(new: Operand, cost: float, what: str, about: tuple[Operand, ...], why: str) -> Explanation:
    return Explanation(new, (Mutation(new, cost, what, about, why),), cost)
