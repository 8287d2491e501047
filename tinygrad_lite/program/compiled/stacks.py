"""Memory for what all steps of a loop give.

Large arrays that are new at every call would be zeroed by the system, page by page: a third of what a loop took.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

LARGE = 1 << 18  # bytes; smaller ones come from memory that the process has already


class StackMemory:
    """Arrays for so many steps of values of one shape and dtype: where that is large, the array of the last call, if
    nobody holds it any more."""

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape, self.dtype = shape, dtype
        self._reusable: list[Any] = []

    def take(self, length: int) -> Any:
        shape = (length, *self.shape)
        try:
            array = self._reusable.pop()
        except IndexError:
            array = None
        if array is None or sys.getrefcount(array) > 2 or not _is_as_new(array, shape, self.dtype):
            array = np.empty(shape, self.dtype)
        if array.nbytes >= LARGE:
            self._reusable.append(array)
        return array


def _is_as_new(array: Any, shape: tuple[int, ...], dtype: Any) -> bool:
    """Whether whoever held it has left it as it was."""
    return bool(array.shape == shape and array.dtype == dtype and array.flags.carray)
