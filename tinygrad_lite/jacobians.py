"""Matrices of derivatives: jacobian, hessian, and the Hessian times a vector without the Hessian."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from . import tree
from .forward import push
from .lifting import Function, Run, positions, pull
from .tensor import Tensor, leaf
from .transforms import check_arguments, grad, jvp, name_after


def jacobian(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """The function that returns the Jacobian of f: for value shape S and argument shape R, an array of shape S + R.

    The argument may be a tree (the Jacobian is then a tree of the same structure); the value is one array. Rows come
    from reverse mode, columns from forward mode, whichever are fewer.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.jacobian(lambda x: np.array([[1.0, 2.0], [3.0, 4.0]]) @ x)(np.zeros(2))
    array([[1., 2.],
           [3., 4.]])
    """

    def transformed(*args: Any, **kwargs: Any) -> Any:
        with Run() as run:
            y = run.call(f, args, positions(argnums, args, "jacobian"), kwargs)
            if type(y) is not Tensor:
                if not isinstance(y, (int, float, complex, np.generic)) and not hasattr(y, "__array_function__"):
                    name = getattr(f, "__name__", "the function")
                    raise TypeError(f"jacobian: {name} must return one array, not a {type(y).__name__}")
                y = leaf(np.asarray(y) if np.isscalar(y) else y, 0)
            is_complex = [x.dtype.kind == "c" for x in run.leaves]
            if any(is_complex) and y.dtype.kind != "c":
                raise TypeError(
                    "jacobian: a real value of a complex argument has no complex derivative; "
                    "use tg.grad, or the real and imaginary parts as two arguments"
                )
            forward = sum(x.size for x in run.leaves) < y.size or (y.dtype.kind == "c" and not all(is_complex))
            matrices = iter((_columns if forward else _rows)(run, y))
            trees = [tree.take(structure, matrices) for structure in run.structures]
            return tuple(trees) if isinstance(argnums, (tuple, list)) else trees[0]

    return name_after(f, transformed, "jacobian")


def _rows(run: Run, y: Tensor) -> list[Any]:
    """One reverse sweep for each entry of the value."""
    rows = [run.leaving.derivatives(pull(run, run.nodes, [(y, e)]), run.leaves) for e in _basis(y)]
    return [_stack([row[i] for row in rows], y, x, 0) for i, x in enumerate(run.leaves)]


def _columns(run: Run, y: Tensor) -> list[Any]:
    """One forward push for each entry of the arguments."""
    recording = run.is_recorded_outside
    results = []
    for x in run.leaves:
        pushed = [push(run.nodes, {x: leaf(e, 0) if recording else e}, recording).get(y) for e in _basis(x)]
        results.append(_stack(run.leaving.derivatives(pushed, [y] * len(pushed)), y, x, -1))
    return results


def _basis(x: Tensor) -> Iterator[Any]:
    """Arrays of x's shape and dtype with a single 1, at each place in turn."""
    for k in range(x.size):
        e = np.zeros(x.shape, x.dtype)
        e.reshape(-1)[k] = 1
        yield e


def _stack(parts: Sequence[Any], y: Tensor, x: Tensor, axis: int) -> Any:
    """Rows or columns as one array, of y's shape and then x's."""
    shape = y.shape + x.shape
    if not parts:
        return np.zeros(shape, np.result_type(y.dtype, x.dtype))
    return np.reshape(np.stack(parts, axis), shape)


def hessian(f: Function, argnums: int = 0) -> Function:
    """The function that returns the matrix of second derivatives of a scalar f, shape R + R for an argument of shape R.

    The argument is one array (for a tree, use `hvp`, or `jacobian(grad(f))` leaf by leaf).

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    second = jacobian(grad(f, argnums), argnums)

    def transformed(*args: Any, **kwargs: Any) -> Any:
        for i in positions(argnums, args, "hessian"):
            x = args[i]
            if not hasattr(x, "dtype") and not isinstance(x, (int, float, complex)):
                raise TypeError(f"hessian: argument {i} is a {type(x).__name__}; it must be one array (or use tg.hvp)")
            if isinstance(x, complex) or (hasattr(x, "dtype") and x.dtype.kind == "c"):
                raise TypeError(f"hessian: argument {i} is complex; give its real and imaginary parts instead")
        return second(*args, **kwargs)

    return name_after(f, transformed, "hessian")


def hvp(f: Function, args: Sequence[Any], vectors: Sequence[Any]) -> Any:
    """The Hessian of a scalar f times vectors, without the Hessian: forward mode over reverse mode.

    args, vectors: one vector per argument, alike in structure and shapes. Returns a tuple of products, one per
    argument.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.hvp(lambda x: np.sum(x ** 3), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    (array([ 6., 12.]),)
    """
    check_arguments("hvp", args, vectors, "vectors")
    return jvp(grad(f, argnums=tuple(range(len(args)))), args, vectors)[1]
