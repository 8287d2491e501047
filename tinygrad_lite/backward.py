"""The reverse sweep: from cotangents of some results to the cotangents of everything they were computed from.

Operands are always older than results, so visiting the recorded tensors from the newest to the oldest meets every
consumer of a value before the value itself. Each node is visited once, nothing recurses, and here alone are cotangents
un-broadcast, given their operand's dtype, and added up.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from .context import current, switched
from .op import Op, elementwise, pick
from .tensor import GRAD, TRACED, Tensor, label

_by_age = attrgetter("_seq")


def recorded(roots: Iterable[Tensor], oldest: int = 0) -> tuple[list[Tensor], int]:
    """The differentiable tensors that ops made on the way to roots, newest first, and the flags met at the border.

    oldest: tensors older than this are not entered (they cannot depend on anything made since); their flags, together,
    are what is returned.
    """
    seen = set(roots)
    nodes = []
    border = 0
    for t in seen:
        if t._seq < oldest:
            border |= t._flags
        elif t._op is not None:
            nodes.append(t)
    stack = list(nodes)
    while stack:
        node = stack.pop()
        seq = node._seq
        for x in node._inputs:
            if type(x) is not Tensor:
                continue
            if x._seq > seq:
                raise RuntimeError(
                    f"{label(x)} was given new data after {label(node)} was computed from it, so this gradient "
                    "would mix old and new values; compute the result again, then differentiate"
                )
            if x._flags & GRAD and x not in seen:
                seen.add(x)
                if x._seq < oldest:
                    border |= x._flags
                elif x._op is not None:
                    nodes.append(x)
                    stack.append(x)
    nodes.sort(key=_by_age, reverse=True)
    return nodes, border


def sweep(
    nodes: Sequence[Tensor],
    seeds: Iterable[tuple[Tensor, Any]],
    wanted: set[Tensor] | None,
    recording: bool,
    selected: bool = False,
) -> dict[Tensor, Any]:
    """Cotangents of the wanted tensors (None: of every leaf), from seeds (result, its cotangent).

    nodes: what `recorded` found. recording: rules are given Tensors, and so the sweep is itself recorded. selected: the
    seeds come from an op that selects, so that a zero in them means "not taken".
    """
    mode = current()
    if mode is None or mode.watcher is None:
        return _sweep(nodes, seeds, wanted, recording, selected, None)
    with switched(watcher=None):  # it is told of cotangents, not of the steps inside a rule
        return _sweep(nodes, seeds, wanted, recording, selected, mode.watcher)


def _sweep(
    nodes: Sequence[Tensor],
    seeds: Iterable[tuple[Tensor, Any]],
    wanted: set[Tensor] | None,
    recording: bool,
    selected: bool,
    watcher: Any,
) -> dict[Tensor, Any]:
    needed = None if wanted is None else _towards(nodes, wanted)
    # Upstream of an op that selects, a zero cotangent means "not taken" and must beat an infinite partial derivative.
    guarded: set[Tensor] | None = set() if selected or any(node._op.selects for node in nodes if node._op) else None
    pending: dict[Tensor, Any] = {}
    kept: dict[Tensor, Any] = {}
    for y, g in seeds:
        pending[y] = g if y not in pending else pending[y] + g
        if selected and guarded is not None:
            guarded.add(y)
    for node in nodes:
        g = pending.pop(node, None)
        if g is None:
            continue
        if wanted is not None and node in wanted:
            kept[node] = g
        op: Any = node._op
        inputs = node._inputs
        if op is pick:
            _gather(pending, inputs[0], node._params["index"], g)
            continue
        result: Any = node if recording else node._data
        values: Any = inputs if recording else [x._data if type(x) is Tensor else x for x in inputs]
        if op.outputs > 1:
            result, g = _outputs(node, g, recording)
        guard = guarded is not None and _guard(guarded, node, op)
        vjps, params = op.vjps, node._params
        if op.joint:
            vjps = _joint(op, g, result, values, {**params, "selected": guarded is not None and node in guarded})
        for i, x in enumerate(inputs):
            if type(x) is not Tensor or not x._flags & GRAD or (needed is not None and x not in needed):
                continue
            vjp = vjps[i]
            if vjp is None:
                continue
            gx = _guarded(vjp, g, result, values, params) if guard else vjp(g, result, *values, **params)
            data = x._data
            try:
                if gx.shape != data.shape:
                    gx = unbroadcast(gx, data.shape)
            except (AttributeError, ValueError):
                raise _unfit(op, i, gx, data.shape) from None
            if gx.dtype is not data.dtype and gx.dtype != data.dtype:
                gx = cast(gx, data.dtype)
            if watcher is not None:
                watcher.backward(node, gx)
            pending[x] = pending[x] + gx if x in pending else gx
    kept.update(pending)
    return kept


def _joint(op: Op, g: Any, y: Any, values: Sequence[Any], params: dict[str, Any]) -> list[Any]:
    """One rule per operand, from the op's one rule for all of them, which is asked once."""
    cotangents = op.vjps.rule(g, y, *values, **params)
    return [None if gx is None else (lambda *_, gx=gx, **__: gx) for gx in cotangents]


def _unfit(op: Op, i: int, gx: Any, shape: tuple[int, ...]) -> Exception:
    """What to say of a rule's answer that is no cotangent of its operand."""
    given = f"shape {gx.shape}" if hasattr(gx, "shape") else f"a {type(gx).__name__}"
    return TypeError(f"the vjp of {op.name} for operand {i} gave {given}; it must give an array of shape {shape}")


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum a cotangent over the axes along which its operand was broadcast."""
    extra = g.ndim - len(shape)
    if extra < 0 or any(n != 1 and n != m for n, m in zip(shape, g.shape[extra:], strict=True)):
        return np.broadcast_to(g, shape)  # a rule may give less than the operand's shape (a scalar for all of it)
    axes = tuple(range(extra)) + tuple(extra + i for i, n in enumerate(shape) if n == 1 and g.shape[extra + i] != 1)
    total = np.sum(g, axis=axes, keepdims=True) if axes else g
    return np.reshape(total, shape) if extra else total


def cast(g: Any, dtype: np.dtype[Any]) -> Any:
    """A cotangent (or tangent) in its tensor's dtype; of a complex one, a real tensor receives the real part."""
    if g.dtype.kind == "c" and dtype.kind != "c":
        g = np.real(g)
    return g.astype(dtype)


def _towards(nodes: Sequence[Tensor], wanted: set[Tensor]) -> set[Tensor]:
    """The tensors from which something wanted can be reached, the wanted ones included."""
    needed = set(wanted)
    for node in reversed(nodes):
        for x in node._inputs:
            if type(x) is Tensor and x in needed:
                needed.add(node)
                break
    return needed


def _guard(guarded: set[Tensor], node: Tensor, op: Op) -> bool:
    """Whether this node lies upstream of an op that selects; its operands then do, too."""
    inside = node in guarded
    if inside or op.selects:
        guarded.update(x for x in node._inputs if type(x) is Tensor)
    return inside and op.kind == "elementwise" and not op.bounded


def _guarded(vjp: Any, g: Any, y: Any, values: Sequence[Any], params: dict[str, Any]) -> Any:
    """The rule's answer with 0 * inf taken as 0: log(x) under `where(x > 0, log(x), 0)` sends nothing back at 0."""
    with np.errstate(all="ignore"):
        gx = vjp(g, y, *values, **params)
        numbers = gx._data if type(gx) is Tensor and not gx._flags & TRACED else gx
        if gx is g or (isinstance(numbers, (np.ndarray, np.generic)) and np.isfinite(numbers).all()):
            return gx
        return settle.call(g, gx)


def _lost(g: Any, gx: Any) -> Any:
    """Where nothing came in and no number came out. (Where g is 0 and gx is a number, its derivative still counts.)"""
    return np.logical_and(g == 0, np.logical_not(np.isfinite(gx)))


def _settle(g: Any, gx: Any) -> Any:
    return np.where(_lost(g, gx), 0, gx)


settle = elementwise(_settle, None, lambda y, g, gx: np.logical_not(_lost(g, gx)), selects=True)
"""The guard upstream of an op that selects: gx, but 0 where g is 0 and gx infinite or NaN."""


def _gather(pending: dict[Tensor, Any], node: Tensor, index: int, g: Any) -> None:
    """Add to the list of cotangents of an op with several outputs."""
    op: Any = node._op
    gs = pending.setdefault(node, [None] * op.outputs)
    gs[index] = g if gs[index] is None else gs[index] + g


def _outputs(node: Tensor, gs: list[Any], recording: bool) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Outputs and cotangents of an op with several of them, with zeros for the outputs that were not used."""
    op: Any = node._op
    ys = tuple(pick.call(node, index=i) for i in range(op.outputs)) if recording else node._data
    return ys, tuple(np.zeros_like(y) if g is None else g for y, g in zip(ys, gs, strict=True))
