"""The user's numbers: what can be compared, and what is to be said of what cannot."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..foreign import to_numpy
from ..tensor import Tensor


@dataclass
class Given:
    """What the user gave under one name. numbers: in float64, or None where problem says why there are none.

    eps: the precision that they were stored in.
    """

    name: str
    numbers: Any = None
    eps: float = 0.0
    problem: str = ""
    remark: str = ""
    whole: bool = False  # whether its dtype is one of whole numbers


def open_manual(manual: Any, args: tuple[Any, ...]) -> dict[str, Given]:
    """The entries of a mapping, or of what a function returns for the arguments."""
    if callable(manual) and not isinstance(manual, Mapping):
        manual = manual(*args)
    if not isinstance(manual, Mapping):
        raise TypeError(
            f"compare: the gradients are a {type(manual).__name__}; give a mapping from names to arrays, such as "
            '{"dW1": dW1, "db1": db1}, or a function that returns one'
        )
    return {str(name): _open(str(name), value) for name, value in manual.items()}


def _open(name: str, value: Any) -> Given:
    if value is None:
        return Given(name, problem="it is None: was it computed, and returned?")
    if type(value) is Tensor:
        value = value._array
    remark = "a list, read as an array" if isinstance(value, (list, tuple)) else ""
    try:
        array = to_numpy(value)
    except Exception:
        return Given(name, problem=f"it is a {type(value).__name__} that is no array of numbers")
    if array.dtype.kind == "O":
        try:
            array = array.astype(np.float64)
        except Exception:
            return Given(name, problem=f"it is a {type(value).__name__} that is no array of numbers")
    if array.dtype.kind not in "biuf":
        return Given(name, problem=f"its dtype is {array.dtype}; a gradient is an array of floats")
    if array.dtype.kind == "b":
        remark = "its dtype is bool: what a comparison gives, not numbers"
    elif array.dtype.kind in "iu":
        remark = f"its dtype is {array.dtype}: whole numbers, anything behind the point is lost"
    eps = float(np.finfo(array.dtype).eps) if array.dtype.kind == "f" else 0.0
    return Given(name, array.astype(np.float64), eps, remark=remark, whole=array.dtype.kind in "iu")


def describe_unknown(name: str, known: Collection[str], forward: Collection[str]) -> str:
    """Why a name stands for no gradient of f, and which it could be."""
    if "d" + name in known:
        return f"f has no variable of that name minus its d; the gradient of {name} is called d{name}"
    if name[1:] in forward and name.startswith("d"):
        return f"the cost does not depend on {name[1:]} by way of anything that is differentiated"
    close = difflib.get_close_matches(name, sorted(known), 1, 0.5)
    folded = [k for k in known if k.lower() == name.lower()]
    hint = (folded or close or [""])[0]
    meant = f"; did you mean {hint}?" if hint else f"; f has {', '.join(sorted(known))}"
    variable = name[1:] if name.startswith("d") and len(name) > 1 else name
    return f"f has no variable {variable}{meant}"


def describe_shape(found: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """Why a shape is wrong."""
    if found == expected[::-1] and found != expected:
        return f"its shape is {found}, but should be {expected}: it is transposed"
    if tuple(n for n in found if n != 1) == tuple(n for n in expected if n != 1):
        return f"its shape is {found}, but should be {expected}: axes of length 1 are missing or too many"
    return f"its shape is {found}, but should be {expected}"


Reason = Callable[[], str]
