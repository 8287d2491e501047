"""Slopes: derivatives of activations, and what else people multiply by in their place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..program.program import Node, Operand
from ..rules.elementwise import (
    absolute,
    add,
    divide,
    exp,
    greater,
    log,
    multiply,
    negative,
    sign,
    sqrt,
    square,
    subtract,
    tanh,
)
from ..rules.indexing import where
from ..rules.neural import sigmoid
from .trees import is_gradient, positions

if TYPE_CHECKING:
    from .bench import Bench


def is_local_slope(x: Node) -> bool:
    """Whether it is an elementwise expression of values of the forward pass, as g′ is."""
    if x.op is None or not x.shape:
        return False
    nodes = [y for _, y in positions(x) if type(y) is Node]
    return all(not is_gradient(y) if y.op is None else y.op.is_entrywise for y in nodes)


def find_slopes(bench: Bench, shape: Any) -> Iterator[tuple[Node, str]]:
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


def find_functions(bench: Bench, shape: Any) -> Iterator[tuple[Node, str]]:
    """What else people multiply by: a value of the forward pass itself, or an elementary function of it."""
    for x in bench.arrays:
        if x.shape != shape or is_gradient(x) or np.asarray(bench.value(x)).dtype.kind != "f":
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


_FUNCTIONS: list[Any] = [(exp,), (exp, -1), (square,), (sqrt,), (log,), (sign,), (absolute,)]
UNARY = (exp, log, sqrt, square, sign, absolute, tanh, sigmoid)
"""Functions of one array that people take for one another."""
