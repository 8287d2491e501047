"""The table: putting rows, and compositions of rows, in the place of NumPy's functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .dispatch import handlers, providers
from .messages import unsupported_keyword
from .op import Examples, Op
from .signatures import is_superfluous, parameters

_rows: list[Op] = []
_compositions: dict[Callable[..., Any], Examples | None] = {}


def read_rows() -> list[Op]:
    """The rows of the sections read so far, in the order of definition."""
    return list(_rows)


def rows() -> list[Op]:
    """Every row of the table, in the order of definition."""
    _read_everything()
    return list(_rows)


def compositions() -> dict[Callable[..., Any], Examples | None]:
    """Every function of NumPy's that is a composition of rows, with the examples to test it on."""
    _read_everything()
    return dict(_compositions)


def _read_everything() -> None:
    for provide in providers:
        provide(None)


def row(op: Op, *functions: Callable[..., Any]) -> Op:
    """Put an op in the table: from now on NumPy's functions (the op's own fn if none is named) are it on Tensors."""
    _rows.append(op)
    op.join_table()
    for function in functions or (op.fn,):
        handlers[function] = op.call
    if functions or _is_numpys(op.fn):
        op.numpy = op.numpy or (functions or (op.fn,))[0]
    return op


def _is_numpys(function: Callable[..., Any]) -> bool:
    return any(getattr(module, function.__name__, None) is function for module in (np, np.linalg, np.fft))


def implements(
    *functions: Callable[..., Any] | None, examples: Examples | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: NumPy's functions, given a Tensor, are this composition of ops. examples: as for an Op.

    The composition names the arguments it supports, as NumPy names them; any other argument of NumPy's raises. A
    function that is None, since the installed NumPy is too old to have it, is passed over.
    """

    def register(composition: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            if function is not None:
                handlers[function] = _with_arguments_of(function, composition)
                _compositions[function] = examples
        return composition

    return register


def extends(op: Op) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: the composition that a row's function is where it is given keywords that the row's rules lack."""

    def register(composition: Callable[..., Any]) -> Callable[..., Any]:
        assert op.numpy is not None
        op.extension = _with_arguments_of(op.numpy, composition)
        return composition

    return register


def without_gradient(*functions: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: what NumPy's functions do with a Tensor where no gradient flows: shapes, new arrays, indices."""

    def register(implementation: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            handlers[function] = _with_arguments_of(function, implementation)
        return implementation

    return register


def _with_arguments_of(function: Callable[..., Any], composition: Callable[..., Any]) -> Callable[..., Any]:
    """The composition, called as NumPy's function is: an argument it lacks raises, unless it has NumPy's default."""
    mine, theirs = parameters(composition), parameters(function)
    assert mine is not None
    free = mine.any_number or mine.any_keyword
    if theirs is None or free or isinstance(function, np.ufunc):  # a ufunc's handlers are never given keywords
        return composition
    # An argument that can only be given by position may have another name here.
    positional = mine.names[: theirs.nameless] + theirs.names[theirs.nameless :]
    known = {*mine.names, *mine.keywords}
    if mine.keywords == theirs.keywords and mine.names == positional:
        return composition
    same = next((i for i, (a, b) in enumerate(zip(mine.names, positional, strict=False)) if a != b), len(mine.names))

    def call(*operands: Any, **params: Any) -> Any:
        if len(operands) > same:
            if len(operands) > len(positional):
                raise TypeError(f"{function.__name__} takes {len(positional)} arguments, {len(operands)} were given")
            params.update(zip(positional[same:], operands[same:], strict=False))
            operands = operands[:same]
        for name in params.keys() - known:
            value = params.pop(name)
            if value is not None and not is_superfluous(function, name, value):
                raise TypeError(unsupported_keyword(function.__name__, name, known))
        return composition(*operands, **params)

    return call
