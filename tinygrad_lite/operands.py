"""What is given to an op, made fit for it: lists, unusual scalars and other libraries' arrays; keywords by position."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from .array_view import ArrayView, plain
from .callsite import user_line
from .foreign import is_bare, refuse_foreign, speaks_for_itself
from .messages import tensor_as_keyword, unsupported_keyword
from .signatures import is_superfluous
from .tensor import Tensor, check_numeric, holds_tensor, stack_lists

READY = frozenset({np.ndarray, float, int, bool, complex, *np.sctypeDict.values()})
"""Operand types that need no conversion."""

BESIDE: Final = " beside a Tensor"


def as_operand(x: Any, op: Any) -> Any:
    """A list, an unusual scalar, another library's array: as an operand of op; TypeError if it is not numeric, or is
    more than its numbers. NotImplemented for what knows better how to be combined with an array (units, labels). Of a
    buffer, the Tensor that it is now.
    """
    kind = type(x)
    if kind in READY:
        return x
    if isinstance(x, ArrayView):
        return plain(x)
    if isinstance(x, Tensor):
        return x._current()
    if speaks_for_itself(x):
        return x if is_bare(x) else NotImplemented
    refuse_foreign(x, op.name, BESIDE)
    if holds_tensor(x):
        return stack_lists(x)
    if hasattr(x, "tocsr"):
        raise TypeError(f"{op.name}: beside a Tensor, a sparse matrix has @ alone; write A.toarray() ({user_line()})")
    try:
        array = np.asarray(x)
        check_numeric(array)
    except (TypeError, ValueError) as error:
        what = "write t is None" if x is None else error
        raise TypeError(f"{op.name}: {kind.__name__} {x!r:.60} is not a numeric operand: {what}") from None
    return array


def split_arguments(op: Any, operands: tuple[Any, ...], params: dict[str, Any]) -> tuple[Any, ...]:
    """Exactly the array operands; keywords given by position move to params, operands by keyword come from there."""
    arity = op.arity or 0
    names = op.operand_names
    if len(operands) > arity:
        if len(operands) > len(names):
            raise TypeError(f"{op.name} takes {arity} array operands, {len(operands)} were given")
        params.update(zip(names[arity:], operands[arity:], strict=False))
        return operands[:arity]
    for name in names[len(operands) : arity]:
        if name not in params:
            raise TypeError(f"{op.name} needs {arity} array operands; {name!r} is missing")
        operands += (params.pop(name),)
    return operands


def supported_keywords(op: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The keywords, if the rules know what to do with them; those with NumPy's default may be left out."""
    check_no_tensor(op, params)
    keywords = op.keywords
    supported = {}
    for name, value in params.items():
        if name in keywords if keywords is not None else name != "out":
            supported[name] = value
        elif value is not None and value is not np._NoValue and not is_superfluous(op.fn, name, value):
            raise TypeError(unsupported_keyword(op.name, name, keywords or ()))
    return supported


def check_no_tensor(op: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The keywords, if none is a Tensor: beside plain operands it would bring NumPy back here, for ever."""
    for name, value in params.items():
        if isinstance(value, Tensor):
            raise TypeError(tensor_as_keyword(op.name, name))
    return params
