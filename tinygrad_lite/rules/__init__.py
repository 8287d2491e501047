"""The table, in sections; and the operators and methods of Tensor, which are rows of it under other names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..tensor import Tensor, handlers
from . import calculus as calculus
from . import complex, elementwise, indexing, products, shaping
from . import decompositions as decompositions
from . import facts as facts
from . import fft as fft
from . import joining as joining
from . import linalg as linalg
from . import losses as losses
from . import neural as neural
from . import norms as norms
from . import polynomials as polynomials
from . import ranges as ranges
from . import reductions as reductions
from . import sorting as sorting
from . import special as special
from . import statistics as statistics
from . import ufunc_methods as ufunc_methods

_BINARY = {
    "add": elementwise.add.call,
    "sub": elementwise.subtract.call,
    "mul": elementwise.multiply.call,
    "truediv": elementwise.divide.call,
    "floordiv": elementwise.floor_divide.call,
    "mod": elementwise.remainder.call,
    "divmod": elementwise.divmod,
    "pow": elementwise.raise_to,
    "matmul": products.matmul.call,
    "and": elementwise.bitwise_and.call,
    "or": elementwise.bitwise_or.call,
    "xor": elementwise.bitwise_xor.call,
    "lshift": elementwise.left_shift.call,
    "rshift": elementwise.right_shift.call,
}
_COMPARISONS = {
    "eq": elementwise.equal.call,
    "ne": elementwise.not_equal.call,
    "lt": elementwise.less.call,
    "le": elementwise.less_equal.call,
    "gt": elementwise.greater.call,
    "ge": elementwise.greater_equal.call,
}
_UNARY = {
    "neg": elementwise.negative.call,
    "pos": elementwise.positive.call,
    "abs": elementwise.absolute.call,
    "invert": elementwise.invert.call,
}


def _swapped(call: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda self, other: call(other, self)


def _reshape(self: Tensor, *shape: Any, order: str = "C") -> Any:
    return shaping.reshape(self, shape[0] if len(shape) == 1 else shape, order=order)


def _transpose(self: Tensor, *axes: Any) -> Any:
    if not axes:
        return shaping.transpose.call(self)
    return shaping.transpose(self, axes[0] if len(axes) == 1 else axes)


def _method(function: Callable[..., Any]) -> Callable[..., Any]:
    """NumPy's function as a method: t.sum(axis=0) is np.sum(t, axis=0)."""
    return lambda self, *args, **keywords: handlers[function](self, *args, **keywords)


_METHODS = {
    name: _method(getattr(np, name))
    for name in (
        *("sum", "mean", "max", "min", "prod", "std", "var", "cumsum", "cumprod", "all", "any"),
        *("argmax", "argmin", "argsort", "swapaxes", "ravel", "squeeze", "repeat", "take", "diagonal", "trace"),
        *("clip", "round", "copy", "astype", "dot"),
    )
}


def _install() -> None:
    for name, call in _BINARY.items():
        setattr(Tensor, f"__{name}__", call)
        setattr(Tensor, f"__r{name}__", _swapped(call))
    for name, call in (_COMPARISONS | _UNARY).items():
        setattr(Tensor, f"__{name}__", call)
    for name, method in _METHODS.items():
        setattr(Tensor, name, method)
    setattr(Tensor, "__getitem__", indexing.getitem)  # noqa: B010 (mypy: a declared method)
    setattr(Tensor, "reshape", _reshape)  # noqa: B010
    setattr(Tensor, "transpose", _transpose)  # noqa: B010
    setattr(Tensor, "flatten", _METHODS["ravel"])  # noqa: B010
    setattr(Tensor, "T", property(shaping.transpose.call))  # noqa: B010
    setattr(Tensor, "mT", property(shaping.matrix_transpose))  # noqa: B010
    setattr(Tensor, "real", property(complex.real.call))  # noqa: B010
    setattr(Tensor, "imag", property(complex.imag.call))  # noqa: B010
    setattr(Tensor, "conj", complex.conjugate.call)  # noqa: B010
    setattr(Tensor, "conjugate", complex.conjugate.call)  # noqa: B010


_install()
