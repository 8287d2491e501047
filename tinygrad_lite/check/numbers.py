"""A student's numbers: what they are called, and whether they are the right ones."""

from __future__ import annotations

import re
from enum import IntEnum
from typing import Any, Final

import numpy as np

from .. import tree
from ..rounding import describe_difference
from .wire import Opaque

# Whether a student's number is right is another question than whether two computations are equal up to rounding (which
# is_same asks): it may come from any formula that is right in mathematics, by sums over examples, with an epsilon.
_TIGHT: Final = 1e-6  # a formula that is right agrees to this, whatever way it is computed
_LOOSE: Final = 2e-5  # a small constant inside of a logarithm or a quotient, or float32
_ZERO: Final = 1e-12  # what sums of numbers of the order of 1 leave where they cancel


class Agreement(IntEnum):
    """Of two values: NONE is false."""

    NONE = 0
    LOOSE = 1
    TIGHT = 2


def as_array(value: Any) -> Any:
    """The value as an array of numbers; None if it is none (a list of numbers is one)."""
    if isinstance(value, (bool, np.bool_, int, float, np.ndarray, np.generic)):
        array = np.asarray(value)
    elif isinstance(value, (list, tuple)) and value:
        try:
            array = np.asarray(value)
        except ValueError:
            return None
    else:
        return None
    return array if array.dtype.kind in "biuf" else None


def compare(got: Any, want: Any) -> Agreement:
    """Whether an array (or number) is the right one, shape included; a number may be an array of one entry."""
    got, want = as_array(got), np.asarray(want, float)
    if got is None or (got.shape != want.shape and not got.size == want.size == 1):
        return Agreement.NONE
    got = got.reshape(want.shape).astype(float)
    for agreement, tolerance in ((Agreement.TIGHT, _TIGHT), (Agreement.LOOSE, _LOOSE)):
        if not np.any(_find_wrong(got, want, tolerance)):
            return agreement
    return Agreement.NONE


def count_wrong(got: Any, want: Any) -> int:
    """How many entries of an array are not the right ones; of the same shape."""
    return int(np.sum(_find_wrong(got, want, _TIGHT)))


def _find_wrong(got: Any, want: Any, tolerance: float) -> Any:
    size = np.abs(want) + 0.05 * np.max(np.abs(want), initial=0.0)
    return ~(np.abs(got - want) <= tolerance * size + _ZERO)  # what is not a number is wrong


def is_same(a: Any, b: Any) -> bool:
    """Whether two results are one, but for rounding."""
    (xs, structure), (ys, other) = tree.flatten(a), tree.flatten(b)
    return structure == other and all(map(_is_same_leaf, xs, ys))


def _is_same_leaf(x: Any, y: Any) -> bool:
    if isinstance(x, Opaque):
        return isinstance(y, Opaque)
    return describe_difference(x, y) is None


def describe(value: Any) -> str:
    """What a result is, in a few words."""
    if value is None:
        return "None"
    if isinstance(value, Opaque):
        return value.description
    if isinstance(value, dict):
        return f"a dictionary of {', '.join(map(repr, value))}" if value else "an empty dictionary"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, str):
        return f"the text {value!r:.40}"
    array = as_array(value)
    if array is None:
        return f"a {type(value).__name__}"
    return f"an array of shape {array.shape}" if array.ndim else f"the number {array[()]:.6g}"


def name_results(result: Any, returned: list[str] | None, order: tuple[str, ...]) -> dict[str, Any]:
    """What a function returned, by the course's names ('dW1' for "dw1", 'Z1' for "z1").

    returned: the names in its return line, if that is a list of names. order: what a tuple without names holds.
    """
    if isinstance(result, dict):
        return {spell(str(key)): value for key, value in result.items()}
    if not isinstance(result, (tuple, list)):
        return {order[0]: result} if order and result is not None else {}
    found: dict[str, Any] = {}
    for entry in result:
        if isinstance(entry, dict):
            found |= name_results(entry, None, ())
    plain = [entry for entry in result if not isinstance(entry, dict)]
    if returned is not None and len(returned) == len(result):
        found |= {spell(name): e for name, e in zip(returned, result, strict=True) if not isinstance(e, dict)}
    if plain and len(plain) == len(order) and not any(name in found for name in order):
        found |= zip(order, plain, strict=True)
    elif order and plain and order[0] not in found and len(order) == 1:
        found[order[0]] = plain[0]
    return found


def spell(name: str) -> str:
    """The course's spelling of a name.

    >>> spell("dw1"), spell("d_b2"), spell("z1"), spell("dZ_2"), spell("logprobs")
    ('dW1', 'db2', 'Z1', 'dZ2', 'logprobs')
    """
    match = re.fullmatch(r"(d?)_?([wbza])_?(\d+|l)", name, re.IGNORECASE)
    if match is None:
        return name
    d, letter, number = match.groups()
    letter = letter.lower() if letter.lower() == "b" else letter.upper()
    return f"{d.lower()}{letter}{number.upper()}"
