"""The table, in sections; and the operators and methods of Tensor, which are rows of it under other names.

The sections that most programs need are read when the library is imported; the others when a Tensor first meets a
function that has no row yet (or when somebody asks for all rows).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from ..dispatch import handler_of, handlers, providers
from ..table import read_rows
from ..tensor import Tensor
from . import buffer_functions, complex, elementwise, indexing, shaping
from . import joining as joining
from . import losses as losses
from . import metadata as metadata
from . import neural as neural
from . import products as products
from . import reductions as reductions
from . import special as special
from . import ufunc_methods as ufunc_methods
from .in_place import in_place

_ON_DEMAND = ["calculus", "decompositions", "fft", "linalg", "norms", "polynomials", "ranges", "sorting", "statistics"]


def _read_sections(function: Any) -> bool:
    """Whether the function has a row, now that every section has been read."""
    for section in _ON_DEMAND:
        import_module(f".{section}", __name__)
    return function in handlers


providers.insert(0, _read_sections)


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
    return lambda self, *args, **keywords: handler_of(function, function)(self, *args, **keywords)


_METHODS = {
    name: _method(getattr(np, name))
    for name in (
        *("sum", "mean", "max", "min", "prod", "std", "var", "cumsum", "cumprod", "all", "any"),
        *("argmax", "argmin", "argsort", "swapaxes", "ravel", "squeeze", "repeat", "take", "diagonal", "trace"),
        *("clip", "round", "copy", "astype", "dot"),
    )
}


def _install() -> None:
    before = set(vars(Tensor))
    for op in read_rows():
        if op.operator is not None:
            _install_operator(op.operator.__name__.strip("_"), op.call)
    _install_operator("pow", elementwise.raise_to)
    _install_operator("divmod", elementwise.divmod)
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
    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"):
        setattr(Tensor, f"__i{name}__", in_place(getattr(Tensor, f"__{name}__"), getattr(operator, f"i{name}")))
    buffer_functions.install([name for name in vars(Tensor) if name not in before])


def _install_operator(name: str, call: Callable[..., Any]) -> None:
    """Python's operator of this name, and its twin for a Tensor on the right (comparisons have none)."""
    setattr(Tensor, f"__{name}__", call)
    if name not in _ONE_SIDED:
        setattr(Tensor, f"__r{name}__", _swapped(call))


_ONE_SIDED = {"eq", "ne", "lt", "le", "gt", "ge", "neg", "pos", "abs", "invert"}

_install()
