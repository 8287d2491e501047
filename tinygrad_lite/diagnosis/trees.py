"""Trees: finding one's way in formulas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..program.program import Node, Operand
from ..program.sharing import freeze
from ..rules.elementwise import add, subtract

Path = tuple[int, ...]


def positions(root: Operand, path: Path = ()) -> Iterator[tuple[Path, Operand]]:
    """Every node of a tree with the way to it, the root first."""
    yield path, root
    if type(root) is Node:
        for i, x in enumerate(root.operands):
            yield from positions(x, (*path, i))


def find_leaf(root: Operand, leaf: Node) -> list[Path]:
    """Where a named value stands in a tree."""
    return [path for path, x in positions(root) if x is leaf]


def find_terms(x: Operand, sign: int = 1) -> Iterator[tuple[Operand, int]]:
    """The terms of a sum of several, with their signs."""
    if type(x) is Node and x.op in (add, subtract):
        a, b = x.operands
        yield from find_terms(a, sign)
        yield from find_terms(b, sign if x.op is add else -sign)
    else:
        yield x, sign


def find_sums(x: Operand, path: Path = ()) -> Iterator[tuple[Path, Node]]:
    """The sums in a tree that are no terms of others."""
    if type(x) is not Node:
        return
    if x.op in (add, subtract):
        yield path, x
        return
    for i, y in enumerate(x.operands):
        yield from find_sums(y, (*path, i))


def is_gradient(x: Node) -> bool:
    return (x.name or "").startswith("d")


def key_of(x: Operand) -> Any:
    """Equal for trees that compute the same from the same: the same steps, names and constants."""
    if type(x) is not Node:
        return freeze(x)
    if x.op is None:
        return x.name or id(x)
    return x.op, freeze(x.params), *map(key_of, x.operands)
