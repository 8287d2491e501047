"""Matrices of derivatives: jacobian, hessian, and the Hessian times a vector without the Hessian."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import tree
from .alike import make_alike
from .arguments import Function, check_argnums, check_arguments, positions
from .batched import Level, every_example, wrap
from .forward import push
from .keywords import explains_keywords
from .lifting import Run, at_level, pull
from .signatures import check_function
from .tensor import Tensor, leaf
from .transforms import grad, jvp, name_after, vjp
from .vmap import vmap


@explains_keywords
def jacobian(f: Function, argnums: int | Sequence[int] = 0) -> Function:
    """The function that returns the Jacobian of f: for value shape S and argument shape R, an array of shape S + R.

    argnums: which argument, or a sequence of which. The argument may be a tree (the Jacobian is then a tree of the same
    structure); the value is one array. Rows come from reverse mode, columns from forward mode, whichever are fewer.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.jacobian(lambda x: np.array([[1.0, 2.0], [3.0, 4.0]]) @ x)(np.zeros(2))
    array([[1., 2.],
           [3., 4.]])
    """
    check_function("jacobian", f)
    check_argnums("jacobian", argnums)

    def transformed(*args: Any, **kwargs: Any) -> Any:
        with Run() as run:
            if run.level is not None:
                return _of_each(f, argnums, args, kwargs)
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
            if any(is_complex) and not run.leaving.tensors and not _is_analytic(run, y):
                raise TypeError(
                    "jacobian: the function is not analytic where it is asked for its derivative (it takes np.conj, "
                    "np.abs or np.real, say), so there is no complex one; use the real and imaginary parts as two "
                    "arguments"
                )
            forward = sum(x.size for x in run.leaves) < y.size or (y.dtype.kind == "c" and not all(is_complex))
            matrices = iter((_columns if forward else _rows)(run, y))
            trees = [tree.take(structure, matrices) for structure in run.structures]
            return tuple(trees) if isinstance(argnums, (tuple, list)) else trees[0]

    return name_after(f, transformed, "jacobian")


def _is_analytic(run: Run, y: Tensor) -> bool:
    """Whether a turn of complex arguments turns the value's change alike: the tangent of 1j v is 1j times that of v."""
    rng = np.random.default_rng(0)
    there = {x: rng.normal(size=x.shape) + 1j * rng.normal(size=x.shape) for x in run.leaves if x.dtype.kind == "c"}
    tangents = [
        push(run.nodes, {x: make_alike((turn * v).astype(x.dtype), x) for x, v in there.items()}, False).get(y, 0)
        for turn in (1, 1j)
    ]
    turned = 1j * tangents[0]
    tolerance = np.sqrt(np.finfo(y.dtype).eps) * np.max(np.abs(turned), initial=0)
    return not np.any(np.abs(tangents[1] - turned) > tolerance)  # NaN says nothing


def _rows(run: Run, y: Tensor) -> list[Any]:
    """One reverse sweep for all entries of the value, mapped over them."""

    def row(e: Any) -> Any:
        return run.leaving.derivatives(pull(run, run.nodes, [(y, e)]), run.leaves)

    found = _for_each_place(row, y, run)
    return [np.reshape(rows, y.shape + x.shape) for rows, x in zip(found, run.leaves, strict=True)]


def _columns(run: Run, y: Tensor) -> list[Any]:
    """One forward push for all entries of an argument, mapped over them."""
    results = []
    for x in run.leaves:

        def column(e: Any, x: Tensor = x) -> Any:
            recording = run.is_recorded_outside
            e = leaf(e, 0) if recording and not isinstance(e, Tensor) else e
            return run.leaving.derivatives([push(run.nodes, {x: e}, recording).get(y)], [y])

        (columns,) = _for_each_place(column, x, run)
        results.append(np.reshape(np.moveaxis(columns, 0, -1), y.shape + x.shape))
    return results


def _for_each_place(f: Function, x: Tensor, run: Run) -> list[Any]:
    """f of every array of x's shape with a single 1, all at once: arrays, with the places along the first axis.

    They are taken in blocks of so many that what lies in between does not grow without bound.
    """
    if not x.size:
        nothing = f(make_alike(np.zeros(x.shape, x.dtype), x))
        return [make_alike(np.zeros((0, *np.shape(y)), y.dtype), y) for y in nothing]
    if x.size <= _FEW:
        basis = make_alike(np.eye(x.size, dtype=x.dtype), x)
        return [np.stack(column) for column in zip(*(f(np.reshape(e, x.shape)) for e in basis), strict=True)]
    largest = max((y.size for node in run.nodes for y in _arrays(node)), default=1)
    block = max(1, min(x.size, _MOST_NUMBERS // max(largest, 1)))
    parts = []
    for start in range(0, x.size, block):
        count = min(block, x.size - start)
        basis = np.zeros((count, x.size), x.dtype)
        basis[np.arange(count), np.arange(start, start + count)] = 1
        level = Level(count, run.level)
        with at_level(level):
            units = make_alike(np.reshape(basis, (count, *x.shape)), x)
            found = [every_example(y, level) for y in f(wrap(units, level))]
        parts.append(found if run.leaving.tensors else [_own_array(y, run) for y in found])
    return parts[0] if len(parts) == 1 else [np.concatenate(column) for column in zip(*parts, strict=True)]


def _arrays(node: Tensor) -> tuple[Any, ...]:
    return node._array if isinstance(node._array, tuple) else (node,)


def _own_array(y: Any, run: Run) -> Any:
    array = run.leaving._own(y._array if type(y) is Tensor else y)
    run.leaving.held.add(id(array))
    return array


_FEW = 4  # that are sooner done one by one
_MOST_NUMBERS = 1 << 22  # in one value of a block: 32 MB


def _of_each(f: Function, argnums: int | Sequence[int], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Inside vmap: the rows by mapped cotangents, or the columns by mapped tangents."""
    chosen = positions(argnums, args, "jacobian")
    leaves, structure = tree.flatten([args[i] for i in chosen])

    def of_leaves(*xs: Any) -> Any:
        given = list(args)
        for i, arg in zip(chosen, tree.unflatten(structure, xs), strict=True):
            given[i] = arg
        return f(*given, **kwargs)

    y, pullback = vjp(of_leaves, *leaves)
    if not isinstance(y, Tensor):
        name = getattr(f, "__name__", "the function")
        raise TypeError(f"jacobian: {name} must return one array, not a {type(y).__name__}")
    if sum(map(np.size, leaves)) < y.size:
        found = []
        for i, x in enumerate(leaves):

            def column(e: Any, i: int = i) -> Any:
                return jvp(of_leaves, leaves, [e if k == i else np.zeros_like(z) for k, z in enumerate(leaves)])[1]

            columns = vmap(column)(_unit_arrays(x))
            found.append(np.reshape(np.moveaxis(columns, 0, -1), y.shape + np.shape(x)))
    else:
        rows = vmap(pullback)(_unit_arrays(y))
        found = [np.reshape(row, y.shape + np.shape(x)) for row, x in zip(rows, leaves, strict=True)]
    trees = tree.unflatten(structure, found)
    return tuple(trees) if isinstance(argnums, (tuple, list)) else trees[0]


def _unit_arrays(x: Any) -> Any:
    """Every array of x's shape and dtype with a single 1."""
    return make_alike(np.reshape(np.eye(np.size(x), dtype=x.dtype), (np.size(x), *np.shape(x))), x)


@explains_keywords
def hessian(f: Function, argnums: int = 0) -> Function:
    """The function that returns the matrix of second derivatives of a scalar f, shape R + R for an argument of shape R.

    argnums: which argument; it is one array (for a tree, use `hvp`, or `jacobian(grad(f))` leaf by leaf).

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.hessian(lambda x: x[0] ** 2 * x[1])(np.array([1.0, 3.0]))
    array([[6., 2.],
           [2., 0.]])
    """
    check_function("hessian", f)
    check_argnums("hessian", argnums)
    if hasattr(argnums, "__len__"):
        raise TypeError("hessian: argnums= is the number of one argument; for several, join them, or use tg.hvp")
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


@explains_keywords
def hvp(f: Function, args: Sequence[Any], vectors: Sequence[Any]) -> Any:
    """The Hessian of a scalar f times vectors, without the Hessian: forward mode over reverse mode.

    args, vectors: one vector per argument, alike in structure and shapes. Returns a tuple of products, one per
    argument.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.hvp(lambda x: np.sum(x ** 3), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    (array([ 6., 12.]),)
    """
    check_function("hvp", f, "(f, (x,), (v,))")
    check_arguments("hvp", args, vectors, "vectors")
    return jvp(grad(f, argnums=tuple(range(len(args)))), args, vectors)[1]
