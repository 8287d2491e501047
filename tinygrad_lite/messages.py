"""What error messages say of an operation: which op, which operands, their names and shapes, and the remedy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .callsite import variable_name
from .dispatch import SIGNS
from .foreign import is_foreign
from .keywords import advise_keyword, explain_keyword
from .tensor import Tensor, array_of


def describe(x: Any) -> str:
    """An operand: its name, its shape, and its dtype if that may be what is wrong."""
    value = array_of(x)
    if isinstance(value, tuple) or not hasattr(value, "shape"):
        return repr(x)
    name = (x.name if type(x) is Tensor else None) or variable_name(x) or type(x).__name__
    return f"{name} {value.shape}" + ("" if value.dtype.kind in "fc" else f" {value.dtype}")


def explain_failure(op: Any, operands: tuple[Any, ...], error: Exception) -> Exception:
    """The error that an op's function raised, again, saying which op, which tensors and which shapes."""
    named = [describe(x) for x in operands]
    if op.explain is not None:
        what = op.explain(*operands)
    elif op.kind == "elementwise" and isinstance(error, ValueError) and not _do_broadcast(operands):
        shapes = " and ".join(str(_shape(x)) for x in operands)
        what = (
            f"shapes {shapes} do not broadcast: from the right, sizes must be equal or 1; reshape one, as in b[:, None]"
        )
    else:
        of_fn = str(error).startswith(f"{op.fn.__name__}()")  # and not of what it calls
        what = str(explain_keyword(error, op.fn, op.name) if of_fn and isinstance(error, TypeError) else error)
    if isinstance(error, TypeError):
        what += _advise_one_library(operands)
    kinds = (np.linalg.LinAlgError, np.exceptions.AxisError, IndexError, ValueError, TypeError)
    kind = next(kind for kind in kinds if isinstance(error, kind))
    between = f" {SIGNS[op.fn]} " if op.fn in SIGNS else ", "
    return kind(f"{op.name}: {between.join(named)}: {what}")


def _shape(x: Any) -> tuple[int, ...]:
    return np.shape(array_of(x))


def _do_broadcast(operands: tuple[Any, ...]) -> bool:
    try:
        np.broadcast_shapes(*map(_shape, operands))
    except ValueError:
        return False
    return True


def _advise_one_library(operands: tuple[Any, ...]) -> str:
    """What to do where an array of NumPy's stands beside one of another library, which may not like that."""
    arrays = [array_of(x) for x in operands if type(x) is Tensor or not isinstance(x, Tensor)]
    foreign = next((a for a in arrays if is_foreign(a)), None)
    if foreign is None or not any(isinstance(a, np.ndarray) for a in arrays):
        return ""
    library = type(foreign).__module__.partition(".")[0]
    return f"; one is an array of {library}, one of NumPy: make both {library}'s, with {library}.asarray(…)"


def unsupported_keyword(function: str, keyword: str, supported: Iterable[str]) -> str:
    return (
        f"{function}({keyword}=…) is not supported on Tensors, because its gradient would be lost; "
        f"supported: {', '.join(sorted(supported)) or 'no keywords'}" + advise_keyword(keyword, supported, function)
    )


def refuse_list(function: str, x: Any) -> None:
    """TypeError if x is a list or a tuple, where a function looks at its shape."""
    if isinstance(x, (list, tuple)):
        raise TypeError(f"{function}: give an array or a Tensor, not a {type(x).__name__}: np.array(…), or np.stack(…)")


def tensor_as_keyword(function: str, keyword: str) -> str:
    if keyword == "where":
        return f"{function}: where= is a Tensor beside a plain array; write np.{function}(tg.Tensor(array), where=t)"
    return f"{function}: {keyword}= must be a plain value, not a Tensor; say {keyword}=int(t) or {keyword}=t.numpy()"
