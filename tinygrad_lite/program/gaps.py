"""The free parts of a piece of memory in which arrays come and go."""

from __future__ import annotations

import bisect

ALIGNMENT = 64  # bytes; a line of the cache


def round_up(nbytes: int) -> int:
    """The room that so many bytes take: whole lines of the cache."""
    return -(-nbytes // ALIGNMENT) * ALIGNMENT


class Gaps:
    """The free parts of the arena, in order; what is beyond `end` has not been needed yet."""

    def __init__(self) -> None:
        self.starts: list[int] = []
        self.ends: list[int] = []
        self.end = 0

    def take(self, size: int) -> int:
        """The offset of the first gap that is large enough."""
        for k, start in enumerate(self.starts):
            if self.ends[k] - start >= size:
                self.starts[k] += size
                if self.starts[k] == self.ends[k]:
                    del self.starts[k], self.ends[k]
                return start
        start = self.end
        if self.ends and self.ends[-1] == start:  # the last gap, made longer
            start = self.starts.pop()
            self.ends.pop()
        self.end = start + size
        return start

    def give_back(self, start: int, size: int) -> None:
        """Free again; joined with the gaps it touches."""
        k = bisect.bisect_left(self.starts, start)
        end = start + size
        if k < len(self.starts) and self.starts[k] == end:
            end = self.ends[k]
            del self.starts[k], self.ends[k]
        if k and self.ends[k - 1] == start:
            self.ends[k - 1] = end
        else:
            self.starts.insert(k, start)
            self.ends.insert(k, end)
