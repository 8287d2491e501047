"""Batching rules: what an op does with many examples at once. (`vmap` is read from the rows, too.)

A rule is `rule(op, operands, mapped, params)`: the operands whose `mapped` is true have the examples along their first
axis; so has its result (or each of its results). Most rows need none, or one of the common ones here: an element-wise
op broadcasts, linear algebra works on stacks of matrices anyhow, a reduction goes along the next axis. An op without a
rule is called for each example by itself, which is said once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import tree
from .axes import positive_axes, positive_axis
from .batched import Batched, Level, unwrap, wrap
from .callsite import warn
from .tensor import Tensor, TraceError

Rule = Callable[[Any, Sequence[Any], Sequence[bool], dict[str, Any]], Any]


def call_batched(op: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
    """The op on operands of which some are Batched, the innermost level first."""
    level: Level = max((x.level for x in operands if type(x) is Batched), key=lambda level: level.number)
    if not level.is_open:
        raise RuntimeError(
            f"{op.name}: an operand was kept from a tg.vmap that is over; return it from the mapped function instead"
        )
    mapped = [type(x) is Batched and x.level is level for x in operands]
    whole = [x.whole if m else x for x, m in zip(operands, mapped, strict=True)]
    try:
        result = rule_of(op)(op, whole, mapped, params)
    except (TypeError, ValueError, IndexError) as error:
        error.add_note(f"(Inside tg.vmap over {level.size} examples, which lie along the first axis of these shapes.)")
        raise
    for y in result if type(result) is tuple else (result,):
        if np.shape(y)[:1] != (level.size,):
            raise ValueError(f"{op.name}: its batching rule gave shape {np.shape(y)} for {level.size} examples")
    return tuple(wrap(y, level) for y in result) if type(result) is tuple else wrap(result, level)


def call_for_each(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """A function of NumPy's that wants to look at the numbers of its operands, for each example by itself."""
    leaves, structure = tree.flatten((args, kwargs))
    level: Level = max((x.level for x in leaves if type(x) is Batched), key=lambda level: level.number)
    wholes = [unwrap(x, level) for x in leaves]
    _tell(function.__name__)

    def call(i: int) -> Any:
        pairs = zip(leaves, wholes, strict=True)
        some, named = tree.unflatten(structure, [x if whole is None else whole[i] for x, whole in pairs])
        return function(*some, **named)

    every = [tree.flatten(call(i)) for i in range(level.size)]
    if not every:
        raise ValueError(f"tg.vmap: {function.__name__} has no batching rule, and there is no example to call it for")
    columns = zip(*(results for results, _ in every), strict=True)
    return tree.unflatten(every[0][1], [wrap(_stack(function.__name__, column), level) for column in columns])


def rule_of(op: Any) -> Rule:
    """The op's own rule, or what its kind says."""
    if op.batch is not None:
        return op.batch  # type: ignore[no-any-return]
    if op.kind == "elementwise" or (op.kind == "constant" and isinstance(op.fn, np.ufunc)):
        return elementwise
    return loop


# -- what is the same for whole stacks ------------------------------------------------------------------------------


def last_axes(*cores: int) -> Rule:
    """The rule of an op that works on the last axes, so many of each operand, and broadcasts the others."""

    def rule(op: Any, xs: Sequence[Any], mapped: Sequence[bool], params: dict[str, Any]) -> Any:
        counts = cores * len(xs) if len(cores) == 1 else cores
        loops = [np.ndim(x) - m - core for x, m, core in zip(xs, mapped, counts, strict=True)]
        most = max(loops)
        pairs = zip(xs, mapped, loops, strict=True)
        return op.call(*(_insert_axes(x, most - n) if m and n < most else x for x, m, n in pairs), **params)

    return rule


def _insert_axes(x: Any, count: int) -> Any:
    """So many axes of size 1 after the examples'."""
    return np.reshape(x, (x.shape[0], *(1,) * count, *x.shape[1:]))


elementwise = last_axes(0)


def matmul(op: Any, xs: Sequence[Any], mapped: Sequence[bool], params: dict[str, Any]) -> Any:
    """Stacks of matrices; the examples' vectors, or rows, beside one matrix for all, are the rows of a matrix."""
    a, b = xs
    rows, columns = np.ndim(a) - mapped[0] == 1, np.ndim(b) - mapped[1] == 1
    if rows and not mapped[1] and np.ndim(b) == 2:
        return op.call(a, b)
    if not mapped[1] and np.ndim(a) == 3 and np.ndim(b) == 2:
        size, m, k = a.shape
        return np.reshape(op.call(np.reshape(a, (size * m, k)), b), (size, m, b.shape[1]))
    if columns and not mapped[0] and np.ndim(a) == 2:
        return op.call(b, np.swapaxes(a, 0, 1))
    a = np.expand_dims(a, -2) if rows else a
    b = np.expand_dims(b, -1) if columns else b
    y = last_axes(2, 2)(op, (a, b), mapped, params)
    y = np.squeeze(y, -2) if rows else y
    return np.squeeze(y, -1) if columns else y


def solve(op: Any, xs: Sequence[Any], mapped: Sequence[bool], params: dict[str, Any]) -> Any:
    a, b = xs
    if np.ndim(b) - mapped[1] > 1:
        return last_axes(2, 2)(op, xs, mapped, params)
    return np.squeeze(last_axes(2, 2)(op, (a, np.expand_dims(b, -1)), mapped, params), -1)


# -- along the next axis ---------------------------------------------------------------------------------------------


def over(default: Any = None) -> Rule:
    """The rule of an op over axis=, one, several or, for None, all, that reduces them or leaves the shape alone."""

    def rule(op: Any, xs: Sequence[Any], mapped: Sequence[bool], params: dict[str, Any]) -> Any:
        x, *others = xs
        if any(mapped[1:]):
            return loop(op, xs, mapped, params)
        axis = params.get("axis", default)
        params = {key: value for key, value in params.items() if key != "axis"}
        if x.ndim == 1:  # of numbers NumPy takes axis 0, too
            positive_axes(() if axis is None else axis, 1)
            params.pop("keepdims", None)
            return np.reshape(op.call(np.expand_dims(x, 1), *others, axis=1, **params), x.shape)
        axes = tuple(range(1, x.ndim)) if axis is None else shift(axis, x.ndim - 1)
        return op.call(x, *others, axis=axes[0] if type(axes) is tuple and len(axes) == 1 else axes, **params)

    return rule


reduction = over()


def along(default: int | None = -1, name: str = "axis") -> Rule:
    """The rule of an op that works along one axis; None: on the array as one line, which the result then is."""

    def rule(op: Any, xs: Sequence[Any], mapped: Sequence[bool], params: dict[str, Any]) -> Any:
        x, *others = xs
        axis = params.get(name, default)
        params = {key: value for key, value in params.items() if key != name}
        if axis is None or x.ndim == 1:
            if axis is not None:
                positive_axis(axis, 1)
            keeps = params.pop("keepdims", False)
            y = op.call(np.reshape(x, (x.shape[0], -1)), *others, **params, **{name: 1})
            return np.reshape(y, (y.shape[0], *(1,) * (x.ndim - 1))) if keeps else y
        if type(axis) is tuple:
            return op.call(x, *others, **params, **{name: tuple(i + 1 for i in positive_axes(axis, x.ndim - 1))})
        return op.call(x, *others, **params, **{name: positive_axis(axis, x.ndim - 1) + 1})

    return rule


def first_operand(rule: Rule) -> Rule:
    """The rule where the first operand alone differs between examples; where others do, a loop."""
    return lambda op, xs, mapped, params: (loop if any(mapped[1:]) else rule)(op, xs, mapped, params)


def shift(axes: Any, ndim: int) -> Any:
    """Axes of an example as axes of the whole."""
    found = tuple(i + 1 for i in positive_axes(axes, ndim))
    return found if np.ndim(axes) else found[0]


def all_mapped(xs: Sequence[Any], mapped: Sequence[bool]) -> list[Any]:
    """The operands, each with the examples along its first axis."""
    size = next(x.shape[0] for x, m in zip(xs, mapped, strict=True) if m)
    return [x if m else np.broadcast_to(x, (size, *np.shape(x))) for x, m in zip(xs, mapped, strict=True)]


# -- one example after another --------------------------------------------------------------------------------------

_told: set[str] = set()


def loop(op: Any, xs: Sequence[Any], mapped: Sequence[bool], params: dict[str, Any]) -> Any:
    """One example after another: what is always right, and slow."""
    _tell(op.name)
    size = next(x.shape[0] for x, m in zip(xs, mapped, strict=True) if m)
    if not size:
        raise ValueError(f"tg.vmap: {op.name} has no batching rule, and there is no example to call it for")
    results = [op.call(*(x[i] if m else x for x, m in zip(xs, mapped, strict=True)), **params) for i in range(size)]
    if op.outputs > 1:
        return tuple(_stack(op.name, parts) for parts in zip(*results, strict=True))
    return _stack(op.name, results)


def _stack(name: str, results: Sequence[Any]) -> Any:
    """The results for the examples as one array."""
    shapes = {np.shape(y) for y in results}
    if len(shapes) > 1:
        raise ValueError(
            f"tg.vmap: {name}'s results for the examples differ in shape ({', '.join(map(str, sorted(shapes)))}), "
            "and cannot be one array; write np.where(mask, t, 0), or a loop of your own"
        )
    return np.stack(results)


def _tell(name: str) -> None:
    if name not in _told:
        _told.add(name)
        warn(
            f"tg.vmap: {name} has no batching rule for this call, so it is called for each example by itself "
            "(an op of your own is given one with batch=)"
        )


def _array_function(self: Batched, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
    """NumPy's protocol, as for any Tensor; what cannot do without the numbers gets those of one example at a time."""
    try:
        return Tensor.__array_function__(self, func, types, args, kwargs)
    except TraceError:
        if not any(type(x) is Batched for x in tree.flatten((args, kwargs))[0]):
            raise
    return call_for_each(func, args, kwargs)


setattr(Batched, "__array_function__", _array_function)  # noqa: B010 (a method that needs the rules)
