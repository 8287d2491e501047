"""The debugger: what went wrong, where it first did, and on which line of your code.

It is the `watcher` of the mode: told of every operation when it is computed, and of every cotangent in a sweep.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from .callsite import user_line
from .context import switched
from .messages import describe
from .op import Op, pick
from .tensor import Tensor


class _Operands(tuple[Any, ...]):
    """The operands of an operation, which remember who asked for it and what the arrays held then."""

    line: str
    names: list[str]
    copies: list[Any]  # of each operand that is a raw array; None for the others


class _Watcher:
    def forward(self, op: Op, data: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        """An operation was computed; the operands to record for it."""
        if op is pick:
            return inputs
        watched = _Operands(inputs)
        watched.line = user_line()
        watched.names = [describe(x) for x in inputs]
        watched.copies = [x.copy() if isinstance(x, np.ndarray) else None for x in inputs]
        operands = [_numbers(x) for x in inputs]
        for result in data if isinstance(data, tuple) else (data,):
            numbers = _numbers(result)
            if numbers is None or np.isfinite(numbers).all():
                continue
            if np.isnan(numbers).any():
                given = [n for n, x in zip(watched.names, operands, strict=True) if x is not None and np.isnan(x).any()]
                where = f"{given[0]} already held it" if given else "none of its operands held one"
                raise FloatingPointError(f"{_describe_appearance('NaN', np.isnan(numbers), op, watched)}; {where}")
            if not any(x is not None and np.isinf(x).any() for x in operands):
                raise FloatingPointError(_describe_appearance("an infinity", np.isinf(numbers), op, watched))
        return watched

    def backward(self, node: Tensor, gx: Any) -> None:
        """A cotangent of one of node's operands was computed (or, in forward mode, the tangent of node)."""
        inputs = node._inputs
        if type(inputs) is _Operands:
            _check_unchanged(node, inputs)
        for part in gx if isinstance(gx, (tuple, list)) else (gx,):
            numbers = _numbers(part)
            if numbers is not None and not np.isfinite(numbers).all():
                what = "NaN" if np.isnan(numbers).any() else "an infinity"
                bad = np.isnan(numbers) if what == "NaN" else np.isinf(numbers)
                raise FloatingPointError("in the derivative, " + _describe_appearance(what, bad, node._op, inputs))


def _numbers(x: Any) -> Any:
    """The floats in an operand, or None where there are none to look at."""
    x = x._array if type(x) is Tensor else x
    if isinstance(x, (float, complex)):
        x = np.asarray(x)
    return x if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "fc" else None


def _describe_appearance(what: str, bad: Any, op: Op | None, inputs: tuple[Any, ...]) -> str:
    count, size = int(np.sum(bad)), np.size(bad)
    place = f" at {[int(i) for i in np.argwhere(bad)[0]]}" if np.ndim(bad) else ""
    entries = f" ({count} of {size} entries, the first{place})" if size > 1 else ""
    if type(inputs) is _Operands:
        names, line = ", ".join(inputs.names), inputs.line
    else:
        names, line = ", ".join(describe(x) for x in inputs), "a line run before tg.debug(), or in a backward pass"
    return f"{what} appeared{entries} in {op.name if op else 'a leaf'}({names}), called at {line}"


def _check_unchanged(node: Tensor, inputs: _Operands) -> None:
    for x, copy, name in zip(inputs, inputs.copies, inputs.names, strict=True):
        if copy is not None and not np.array_equal(x, copy, equal_nan=copy.dtype.kind in "fc"):
            first = [int(i) for i in np.argwhere(np.atleast_1d((x != copy) & ~((x != x) & (copy != copy))))[0]]
            raise RuntimeError(
                f"the array {name} was changed (first at {first}) after {node._op.name if node._op else ''} used it at "
                f"{inputs.line}, and before its gradient was taken, which would be wrong; change a copy instead, or "
                "make it a Tensor, which keeps its own"
            )


@contextmanager
def debug() -> Iterator[None]:
    """Check everything computed in the body, forward and backward; slow, and meant to be.

    FloatingPointError when the first NaN or infinity appears, in a result or in a derivative: it names the operation,
    its operands, and the line of your code that asked for it. RuntimeError when an array that an operation used was
    changed before the gradient was taken. (NumPy's own floating-point warnings are silent in the body.)

    >>> import numpy as np, tinygrad_lite as tg
    >>> A = tg.Tensor([1.0, 0.0], requires_grad=True, name="A")
    >>> with tg.debug():
    ...     J = np.sum(np.log(A))
    Traceback (most recent call last):
    ...
    FloatingPointError: an infinity appeared (1 of 2 entries, the first at [1]) in log(A (2,)), called at ...
    """
    with np.errstate(all="ignore"), switched(watcher=_Watcher()):
        yield
