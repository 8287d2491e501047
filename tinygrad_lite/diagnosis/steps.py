"""Steps: the terms that a loop has added up are alike, but for the numbers in their names."""

from __future__ import annotations

import re
from typing import Any

from ..program.program import Node, Operand
from ..program.sharing import freeze
from ..rules.indexing import get
from .bench import Bench
from .trees import key_of

Step = tuple[int, dict[str, Operand]]
"""From one term to another: what is added to the numbers in its names, and what stands there for each name in it: for
that of the state before the first step, there is none.
"""


def find_step(a: Operand, b: Operand) -> Step | None:
    """The step from one term to another; None if they are not alike."""
    names: dict[str, Operand] = {}
    moves: set[int] = set()
    is_alike = _compare(a, b, names, moves)
    return (moves.pop(), names) if is_alike and len(moves) == 1 else None


def repeat_step(bench: Bench, x: Operand, step: Step) -> Operand | None:
    """What stands in the other term for a part of the one, which need not be one that it had."""
    by, names = step
    if type(x) is not Node:
        return x
    if x.op is None:
        stem, number = _split(x.name or "")
        moved = x if number is None else bench.leaves.get(f"{stem}{number + by}", x)
        return names.get(x.name or "", moved)
    operands = [repeat_step(bench, y, step) for y in x.operands]
    if x.op is get and any(type(part) is int for part in x.params["template"]):
        index = tuple(part + by if type(part) is int else part for part in x.params["template"])
        return bench.apply(get, *operands, template=index) if min(p for p in index if type(p) is int) >= 0 else None
    return bench.put_in(x, operands)


def _compare(a: Operand, b: Operand, names: dict[str, Operand], moves: set[int]) -> bool:
    """Whether two terms are alike; what stands for each name goes into names, by how much the numbers differ into
    moves.
    """
    if type(a) is Node and a.op is None:
        name = a.name or ""
        if type(b) is Node and b.op is None:
            (stem, number), (other_stem, other) = _split(name), _split(b.name or "")
            if stem != other_stem:
                return False
            if number is not None and other is not None and number != other:
                moves.add(other - number)
        return bool(key_of(names.setdefault(name, b)) == key_of(b))
    if type(a) is not Node or type(b) is not Node or a.op is not b.op:
        return bool(key_of(a) == key_of(b))
    if a.op is get:
        parts = list(zip(a.params["template"], b.params["template"], strict=False))
        moves |= {j - i for i, j in parts if type(i) is int and type(j) is int and i != j}
        is_same = all(type(i) is type(j) is int or freeze(i) == freeze(j) for i, j in parts)
    else:
        is_same = freeze(a.params) == freeze(b.params)
    return is_same and all(_compare(x, y, names, moves) for x, y in zip(a.operands, b.operands, strict=True))


def _split(name: str) -> tuple[str, Any]:
    """A name and the number that it ends in, if any."""
    found = re.fullmatch(r"(.*?)(\d+)", name)
    return (found[1], int(found[2])) if found else (name, None)
