"""A function of another library's arrays, as one of NumPy's: so that numbers can be compared and steps be taken."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import tree
from ..alike import find_foreign
from ..foreign import to_numpy
from ..op import linear
from ..tensor import Tensor
from .vectors import name_function


def hold_in_numpy(f: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """f and its arguments with NumPy's arrays outside, and inside of f the library's of which the arguments are.

    On the way in and out the numbers are copied, by two ops each of which is the transpose of the other.
    """
    leaves, structure = tree.flatten(args)
    libraries = [find_foreign(x) for x in leaves]
    example = next((array for array in libraries if array is not None), None)
    if example is None:
        return f, args
    hand_over = linear(lambda x: np.asarray(x, like=example), lambda g, y, x: fetch(g), name="hand_over")
    fetch = linear(to_numpy, lambda g, y, x: hand_over(g), name="fetch")

    @functools.wraps(f)
    def of_numpys(*given: Any) -> Any:
        xs = tree.flatten(given)[0]
        inside = [x if library is None else hand_over(x) for x, library in zip(xs, libraries, strict=True)]
        return tree.map(lambda y: y if find_foreign(y) is None else fetch(y), f(*tree.unflatten(structure, inside)))

    of_numpys.__name__ = name_function(f)
    return of_numpys, tree.map(lambda x: x if find_foreign(x) is None else _fetch_argument(x), args)


def _fetch_argument(x: Any) -> Any:
    return Tensor(x.numpy(), x.requires_grad, x.name) if isinstance(x, Tensor) else to_numpy(x)
