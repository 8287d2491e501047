"""Functions of trees, as functions of one vector: what the numerical side differentiates."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import tree
from ..foreign import refuse_foreign
from ..tensor import Tensor
from .numerical import EPS, Vector


@dataclass(frozen=True, slots=True)
class Leaf:
    """A floating-point array somewhere in a tree: its place in the tree (of `index`-th leaf) and in the
    vector.
    """

    name: str
    index: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    start: int

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def part(self) -> slice:
        """Its place in the vector."""
        return slice(self.start, self.start + self.size)

    def element(self, i: int) -> str:
        """How a reader would write element number i: 'W1[2, 1]'."""
        if not self.shape:
            return self.name
        return f"{self.name}[{', '.join(str(int(k)) for k in np.unravel_index(i, self.shape))}]"


class Layout:
    """Which leaves of a tree are real floating-point arrays, and where each lies in the vector of them all.

    Other leaves (integers, booleans) stay as they are.
    """

    def __init__(self, value: Any, names: Sequence[str]) -> None:
        self.others, self.structure = tree.flatten(value)
        self.shapes = [as_plain_array(leaf).shape for leaf in self.others]
        self.leaves: list[Leaf] = []
        start = 0
        for index, (name, leaf) in enumerate(zip(names, self.others, strict=True)):
            array = as_plain_array(leaf)
            if array.dtype.kind == "f":
                self.leaves.append(Leaf(name, index, array.shape, array.dtype, start))
                start += self.leaves[-1].size
        self.size = start

    def vector(self, value: Any) -> NDArray[Any]:
        """The floating-point leaves of a tree of this structure, end to end (complex if one of them is)."""
        leaves, _ = tree.flatten(value)
        if len(leaves) != len(self.others):
            raise ValueError(f"{len(leaves)} leaves where {len(self.others)} were expected")
        return self.join([as_plain_array(leaf) for leaf in leaves])

    def join(self, arrays: list[NDArray[Any]]) -> NDArray[Any]:
        """The same from the flat list of all leaves' arrays."""
        parts = [arrays[leaf.index].reshape(-1) for leaf in self.leaves]
        return parts[0].copy() if len(parts) == 1 else concatenate(parts)

    def tree(self, vector: NDArray[Any], exact: bool = False) -> Any:
        """The tree whose floating-point leaves are the parts of vector; exact: each in the leaf's own
        dtype.
        """
        leaves = list(self.others)
        for leaf in self.leaves:
            array = vector[leaf.part].reshape(leaf.shape)
            leaves[leaf.index] = array.astype(leaf.dtype) if exact else array
        return tree.unflatten(self.structure, leaves)

    def element(self, i: int) -> str:
        """How a reader would write entry i of the vector."""
        leaf = next(leaf for leaf in self.leaves if i < leaf.start + leaf.size)
        return leaf.element(i - leaf.start)

    def round_to_dtypes(self, vector: Vector) -> Vector:
        """The vector as it is when each part is held in its leaf's own dtype."""
        return self.vector(self.tree(vector, exact=True)).astype(np.float64)

    @property
    def eps(self) -> Vector:
        """The relative precision of each entry of the vector."""
        return concatenate([np.full(leaf.size, max(float(np.finfo(leaf.dtype).eps), EPS)) for leaf in self.leaves])


def as_plain_array(leaf: Any) -> NDArray[Any]:
    """The plain array of a leaf."""
    if not isinstance(leaf, Tensor):
        refuse_foreign(leaf, "an argument")
    return np.asarray(leaf.detach().numpy() if isinstance(leaf, Tensor) else leaf)


def concatenate(parts: list[Any]) -> NDArray[Any]:
    return np.concatenate(parts) if parts else np.zeros(0)


def name_function(f: Callable[..., Any]) -> str:
    return getattr(f, "__name__", None) or getattr(f, "name", None) or type(f).__name__
