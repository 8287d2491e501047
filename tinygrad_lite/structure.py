"""Structure: what is left of a tree without its leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

Rebuild = Callable[[Any, list[Any]], Any]


class Structure:
    """What is left of a tree without its leaves. Equal structures are alike in kind, keys and static parts.

    `flatten` makes it and `unflatten` takes it; printed, it shows the tree with a * for each leaf. size: how many there
    are.

    >>> import tinygrad_lite as tg
    >>> structure = tg.tree.flatten({"W": 1.0, "layers": [2.0, "tanh"]})[1]
    >>> structure, structure.size
    (dict(W: *, layers: list(*, 'tanh')), 2)
    >>> structure.paths("params")
    ["params['W']", "params['layers'][0]"]
    """

    __slots__ = ("_paths", "children", "kind", "meta", "only_leaves", "rebuild", "size", "steps")

    def __init__(
        self,
        kind: Any,
        meta: Any = None,
        rebuild: Rebuild | None = None,
        steps: tuple[str, ...] = (),
        children: tuple[Structure, ...] = (),
        size: int = 0,
    ) -> None:
        self.kind, self.meta, self.rebuild, self.steps, self.children = kind, meta, rebuild, steps, children
        self.size = size  # the number of leaves
        self.only_leaves = False  # whether it is known that all children are leaves
        self._paths: dict[str, list[str]] | None = None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Structure):
            return NotImplemented
        if self is other:
            return True
        try:
            same = bool(self.meta == other.meta)
        except ValueError:  # of an object that holds arrays and compares them
            same = self.meta is other.meta
        return self.kind is other.kind and same and self.children == other.children

    def __hash__(self) -> int:
        return hash((self.kind, self.size, len(self.children)))

    def __repr__(self) -> str:
        if self.kind is LEAF:
            return "*"
        if self.kind is STATIC:
            return repr(self.meta)
        parts: Iterable[str] = map(repr, self.children)
        if self.kind is dict:
            parts = (f"{key}: {part}" for key, part in zip(self.meta, parts, strict=True))
        return f"{self.kind.__name__}({', '.join(parts)})"

    def paths(self, prefix: str) -> list[str]:
        """How a reader would write each leaf, in order."""
        if self.kind is LEAF:
            return [prefix]
        if self._paths is None:
            self._paths = {}
        found = self._paths.get(prefix)
        if found is None:
            pairs = zip(self.steps, self.children, strict=True)
            found = self._paths[prefix] = [path for step, child in pairs for path in child.paths(prefix + step)]
        return found


class LEAF:
    """The kind of a leaf."""


class STATIC:
    """The kind of a part that is not an array: None, a string, a flag, a function."""


ONE_LEAF = Structure(LEAF, size=1)
NONE = Structure(STATIC, None)


def tensors_in(structure: Structure) -> list[Any]:
    """The Tensors that are part of a structure, such as a module's buffers: structures that hold others of their shapes
    are equal, but mean others."""
    found: list[Any] = list(getattr(structure.meta, "tensors", ()))
    for child in structure.children:
        if child is not ONE_LEAF:
            found += tensors_in(child)
    return found


def check_stacked(structures: list[Structure]) -> None:
    """ValueError if trees that become one tree of stacks hold other Tensors, of which it would have the first's."""
    for first, *rest in zip(*(tensors_in(structure) for structure in structures), strict=True):
        if any(t is not first and not np.array_equal(t._array, first._array, equal_nan=True) for t in rest):
            raise ValueError(
                f"tg.tree.map: {first.name or 'a frozen parameter'} is no leaf, and would be the first tree's. Stack"
                " what tg.nn.buffers(net) gives of each, give all nets the first one's by net.load_state_dict(buffers, "
                "strict=False), stack the nets, and call tg.nn.call_with_buffers(net, buffers, x) with both"
            )
