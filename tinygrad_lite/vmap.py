"""vmap: a function of one example, called with many at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import tree
from .arguments import Function, argument_name
from .array_argument import as_argument
from .array_view import plain
from .batched import Level, as_array, repeat, unwrap, wrap
from .containers import advise
from .context import current, running
from .foreign import refuse_foreign
from .keywords import explains_keywords
from .leaving import Exit, array_ids
from .lifting import at_level, call_users
from .signatures import check_function
from .tensor import Tensor, leaf
from .transforms import name_after


@explains_keywords
def vmap(f: Function, in_axes: Any = 0, out_axes: Any = 0) -> Function:
    """The function that calls f for each of many examples, all at once.

    in_axes: along which axis of each argument the examples lie; None for an argument that is the same for all of them.
    One for all arguments, or a tuple with one for each; for a tree, one for all of it, or a dict, list or tuple of them
    built like it. out_axes: likewise, along which axis of the result they are to lie; None only for what does not
    differ between them. Keyword arguments: the examples lie along the first axis of arrays; numbers and flags are the
    same for all.

    What f does with one example is done with all by the batching rule of each row; the few functions without one are
    called for each example by itself, which a RuntimeWarning says once. It may be put around and inside every other
    transform, `tg.compile` and itself. Inside, the numbers of an example are not there to be read (`if x > 0` raises
    TraceError; write np.where), and a buffer made by tg.zeros cannot be written into (stack a list). f is called once:
    random numbers that it draws are the same for all examples (draw them outside, and map over them, too).

    Arrays in, arrays out; Tensors come out if an argument is one, or if the result depends on one that requires a
    gradient. ValueError if the examples of two arguments differ in number.

    >>> import numpy as np, tinygrad_lite as tg
    >>> W, X = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> tg.vmap(lambda x: W @ x)(X)
    array([[1.],
           [2.],
           [3.]])
    >>> tg.vmap(tg.grad(lambda W, x: np.sum((W @ x) ** 2)), in_axes=(None, 0))(W, X).shape
    (3, 1, 2)
    """
    check_function("vmap", f)

    def transformed(*args: Any, **kwargs: Any) -> Any:
        axes = _one_for_each(in_axes, len(args))
        names = [argument_name(f, i) for i in range(len(args))]
        found = [_Argument(*each) for each in zip(args, axes, names, strict=True)]
        named = {name: _Argument(arg, 0, name, keyword=True) for name, arg in kwargs.items()}
        every = [*found, *named.values()]
        around = running.get()
        level = Level(_count_examples(every, f), None if around is None else around.level)
        with at_level(level) as run:
            try:
                given = {name: arg.views(level) for name, arg in named.items()}
                output = call_users(f, [arg.views(level) for arg in found], given)
                leaves, structure = tree.flatten(output)
                pairs = zip(leaves, _axis_for_each(out_axes, output, "out_axes", "the result"), strict=True)
                wholes = [_whole_result(y, axis, level) for y, axis in pairs]
            finally:
                level.is_open = False
        mode = current()
        tensors = mode is not None and mode.tracing
        tensors = tensors or any(type(y) is not Tensor or y._flags for y in wholes)
        if not tensors and not any(isinstance(x, Tensor) for arg in every for x in arg.leaves):
            leaving = Exit(False, 0, run.start, array_ids(x for arg in every for x in arg.leaves))
            return tree.unflatten(structure, [_as_own_array(y, leaving) for y in wholes])
        return tree.unflatten(structure, wholes)

    return name_after(f, transformed, "vmap")


class _Argument:
    """An argument of a mapped function: its leaves, and along which axis of each the examples lie."""

    def __init__(self, arg: Any, axes: Any, name: str, keyword: bool = False) -> None:
        self.arg, self.name = arg, name
        self.leaves, self.structure = tree.flatten(arg)
        self.axes = _axis_for_each(axes, arg, "in_axes", name)
        if keyword:
            self.axes = [0 if np.ndim(x) or hasattr(x, "shape") else None for x in self.leaves]

    def sizes(self) -> list[tuple[str, int]]:
        """How many examples each leaf has; ValueError where it has no such axis."""
        found = []
        for x, axis, path in zip(self.leaves, self.axes, self.structure.paths(self.name), strict=True):
            if axis is None:
                continue
            refuse_foreign(x, f"vmap: {path}")
            if not hasattr(x, "dtype") and not isinstance(x, (int, float, complex)):
                raise TypeError(f"vmap: {path} is a {type(x).__name__}, not an array of numbers{advise(x)}")
            shape = np.shape(x)
            if not -len(shape) <= axis < len(shape):
                raise ValueError(
                    f"vmap: {path} has shape {shape}, and so no axis {axis} along which examples could lie; "
                    "say in_axes=None for it if it is the same for all"
                )
            found.append((path, shape[axis]))
        return found

    def views(self, level: Level) -> Any:
        """What f is given."""
        if all(axis is None for axis in self.axes):
            return as_argument(self.arg)
        pairs = zip(self.leaves, self.axes, strict=True)
        return tree.unflatten(self.structure, [x if axis is None else _view(x, axis, level) for x, axis in pairs])


def _view(x: Any, axis: int, level: Level) -> Any:
    x = x._current() if isinstance(x, Tensor) else plain(x)
    whole = np.moveaxis(x, axis, 0) if axis else x
    return wrap(whole if isinstance(whole, Tensor) else leaf(whole, 0), level)


def _count_examples(arguments: Sequence[_Argument], f: Function) -> int:
    sizes = [pair for arg in arguments for pair in arg.sizes()]
    if not sizes:
        name = getattr(f, "__name__", "the function")
        raise ValueError(f"vmap: no argument of {name} has examples: in_axes is None for all of them, or there is none")
    (path, size), *others = sizes
    for other, n in others:
        if n != size:
            raise ValueError(f"vmap: {path} has {size} examples, but {other} has {n}; all must have as many")
    return size


def _whole_result(y: Any, axis: int | None, level: Level) -> Any:
    """A result for all examples, which lie along this axis."""
    y = y._current() if isinstance(y, Tensor) else leaf(as_array(plain(y)), 0)
    whole = unwrap(y, level)
    if axis is None:
        if whole is not None:
            raise ValueError("vmap: out_axes=None, but this result differs between the examples; say along which axis")
        return y
    whole = repeat(y, level) if whole is None else whole
    if not -whole.ndim <= axis < whole.ndim:
        raise ValueError(
            f"vmap: out_axes={axis}, but a result of shape {y.shape}, with an axis for the examples, has axes 0 to "
            f"{whole.ndim - 1} alone"
        )
    return np.moveaxis(whole, 0, axis) if axis else whole


def _as_own_array(y: Tensor, leaving: Exit) -> Any:
    array = leaving._own(np.asarray(y._array) if isinstance(y._array, np.generic) else y._array)
    leaving.held.add(id(array))
    return array


# -- axes ------------------------------------------------------------------------------------------------------------


def _one_for_each(axes: Any, count: int) -> Sequence[Any]:
    """in_axes for each of so many arguments."""
    if not isinstance(axes, (tuple, list)):
        return [axes] * count
    if len(axes) != count:
        raise ValueError(f"vmap: in_axes has {len(axes)} entries, but {count} positional arguments were given")
    return axes


def _axis_for_each(axes: Any, given: Any, keyword: str, path: str) -> list[Any]:
    """The axis for each leaf of a tree, from one axis for all of it or from a tree of axes like it."""
    leaves, _ = tree.flatten(given)
    if axes is None or (hasattr(axes, "__index__") and not isinstance(axes, bool)):
        return [None if axes is None else axes.__index__()] * len(leaves)
    if isinstance(axes, dict) and isinstance(given, dict) and set(axes) == set(given):
        return [a for key in given for a in _axis_for_each(axes[key], given[key], keyword, f"{path}[{key!r}]")]
    sequences = isinstance(axes, (tuple, list)) and isinstance(given, (tuple, list))
    if sequences and len(axes) == len(given):
        pairs = enumerate(zip(axes, given, strict=True))
        return [a for i, (one, part) in pairs for a in _axis_for_each(one, part, keyword, f"{path}[{i}]")]
    raise TypeError(
        f"vmap: {keyword} is {axes!r} for {path}, a {type(given).__name__}; it is a number, None, or a tree of them "
        "built like the value (for an object, one for all of it)"
    )
