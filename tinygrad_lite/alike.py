"""Arrays that a rule makes for itself (numbers to count with, masks, zeros), beside operands of another library."""

from __future__ import annotations

from typing import Any

import numpy as np

from .batched import Batched
from .foreign import is_foreign
from .tensor import Tensor


def find_foreign(*operands: Any) -> Any:
    """The array of the first operand, an array or a Tensor, that is another library's; None if all are NumPy's."""
    for x in operands:
        while type(x) is Batched:
            x = x.whole
        array = x._current()._array if isinstance(x, Tensor) else x
        if is_foreign(array):
            return array
    return None


def make_alike(made: Any, *operands: Any) -> Any:
    """An array of NumPy's, as one of the library of which an operand is; as it is where all are NumPy's.

    Not every library lets NumPy's arrays be operands: CuPy would have to move them to the GPU, and refuses.
    """
    array = find_foreign(*operands) if isinstance(made, (np.ndarray, np.generic)) else None
    return made if array is None else np.asarray(made, like=array)
