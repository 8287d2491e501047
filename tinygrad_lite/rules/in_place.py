"""`t += x` on a Tensor, which never changes, makes another one. Only a parameter that is updated stays itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..callsite import user_line, variable_name
from ..context import current
from ..tensor import GRAD, Tensor


class LostGradient:
    """Stands where the gradient of a parameter is looked for that is none any more: says why as soon as it is used."""

    __slots__ = ("_why",)
    __array_ufunc__ = None

    def __init__(self, why: str) -> None:
        self._why = why

    def __repr__(self) -> str:
        return f"None ({self._why})"

    def __bool__(self) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(self._why)

    def _raise(self, *others: Any) -> Any:
        raise TypeError(self._why)

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __pow__ = __neg__ = _raise
    __matmul__ = __rmatmul__ = __getitem__ = __setitem__ = __float__ = __array__ = _raise


def in_place(call: Callable[[Any, Any], Any], update: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """call: the operator. update: the same, in place, on a leaf's data, for where no gradient is recorded."""

    def assign(self: Tensor, other: Any) -> Any:
        if self._flags != GRAD or self._op is not None:
            return call(self, other)
        mode = current()
        if mode is not None and not mode.grad_enabled:
            self.data = update(self.data, other)
            return self
        result = call(self, other)
        if type(result) is Tensor:
            name = self.name or variable_name(self) or "W"
            result.grad = LostGradient(
                f"{user_line()} made {name} another Tensor, which was computed and has no .grad; write "
                f"{name}.data -= step for {name} -= step, or the same line in `with tg.no_grad():`"
            )
        return result

    return assign
