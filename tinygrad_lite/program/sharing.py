"""Equal steps (common subexpressions): the same op on the same operands with the same keywords."""

from __future__ import annotations

from typing import Any

import numpy as np

from .program import Node, Operand, is_scalar


class Shared:
    """The steps met so far."""

    def __init__(self) -> None:
        self._known: dict[Any, Node] = {}

    def find(self, node: Node) -> Node:
        """The step met before that computes the same; if there is none, this one, which from now on has been met."""
        params = freeze(node.params) if node.params else ()
        return self._known.setdefault((node.op, tuple(map(_key, node.operands)), params), node)


def _key(x: Operand) -> Any:
    """Equal for operands that are the same node, or the same constant."""
    if type(x) is Node or not is_scalar(x):
        return id(x)
    return type(x), repr(x)  # tells 0.0 from -0.0


def freeze(x: Any) -> Any:
    """Keywords of an op, or a constant, as something hashable."""
    if isinstance(x, dict):
        return tuple(sorted((k, freeze(v)) for k, v in x.items()))
    if isinstance(x, (list, tuple)):
        return type(x), tuple(freeze(v) for v in x)
    if isinstance(x, slice):
        return "slice", x.start, x.stop, x.step
    if isinstance(x, np.ndarray):
        return "array", x.shape, x.dtype.str, x.tobytes()
    if isinstance(x, (float, complex, np.generic)):
        return type(x), repr(x)  # tells 0.0 from -0.0
    try:
        hash(x)
    except TypeError:
        return "object", id(x)
    return type(x), x
