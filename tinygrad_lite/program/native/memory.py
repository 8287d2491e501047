"""Where the arrays of a kernel lie."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..program import Node


@dataclass
class Memory:
    """Places in `p`, and in the scratch memory."""

    index: dict[Node, int] = field(default_factory=dict)
    offset: dict[Node, int] = field(default_factory=dict)  # of those that lie in the scratch memory
    size: int = 0
