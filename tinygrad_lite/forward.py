"""The forward push: from tangents of some tensors to the tangents of everything computed from them.

It reads the same rows as the sweep: an elementwise op multiplies by its partial derivatives, a linear one is applied to
the tangent, and the transpose of a vjp, which is a linear map of its cotangent, is found by differentiating it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from .axes import broadcast_shapes
from .backward import find_nodes, sweep
from .context import current, switched
from .infinities import find_overflows, push_saturated, push_selected
from .op import pick
from .pulling import cast, is_finite
from .tensor import GRAD, LIFTED, Tensor, array_of, leaf
from .users_ops import fit


def push(nodes: Sequence[Tensor], tangents: dict[Tensor, Any], recording: bool) -> dict[Tensor, Any]:
    """Carry tangents on to everything computed from where they are given: the result has them all.

    nodes: what `find_nodes` found. recording: rules are given Tensors, and so the push is itself recorded.
    """
    mode = current()
    watcher = None if mode is None else mode.watcher
    # Upstream of a choice, what was not taken may be infinite, and is nobody's business.
    chosen = any(node._op.selects for node in nodes)
    quiet = np.errstate(all="ignore") if chosen else contextlib.nullcontext()
    invalid: list[str] = []
    with quiet, switched(watcher=None):  # it is told of tangents, not of the steps inside a rule
        with np.errstate(invalid="call", call=lambda kind, flag: invalid.append(kind)):
            found = _push(nodes, tangents, recording, watcher, chosen, {})
        if invalid:  # 0 * inf, say: again, with care, and as loud as the user wants it
            found = _push(nodes, tangents, recording, watcher, chosen, _find_overflows(nodes))
    return found


def _find_overflows(nodes: Sequence[Tensor]) -> dict[Tensor, Any]:
    """Where results have overflowed (see backward.py), sums of such included; nowhere if what comes out at the end has
    overflowed itself."""
    used = {x for node in nodes for x in node._inputs if type(x) is Tensor}
    if not all(is_finite(node._array, False) for node in nodes if node not in used and node._op.outputs == 1):
        return {}
    return find_overflows(nodes, through_sums=True)


def _push(
    nodes: Sequence[Tensor],
    tangents: dict[Tensor, Any],
    recording: bool,
    watcher: Any,
    chosen: bool,
    overflows: dict[Tensor, Any],
) -> dict[Tensor, Any]:
    tangents = dict(tangents)
    for node in reversed(nodes):
        inputs = node._inputs
        ts: list[Any] = [tangents.get(x) if type(x) is Tensor else None for x in inputs]
        if node in tangents or all(t is None for t in ts):
            continue
        op: Any = node._op
        xs = inputs if recording else [x._array if type(x) is Tensor else x for x in inputs]
        y: Any = node if recording else node._array
        t: Any
        if op.kind in ("custom", "variadic") and not op.linear_in_all:
            t = _transpose_vjp(node, ts, y, xs, recording)
        elif op is pick:
            t = ts[0][node._params["index"]]
        elif op.kind == "elementwise" and (
            node in overflows or any(type(x) is Tensor and x in overflows for x in inputs)
        ):
            t = push_saturated(node, ts, y, xs, overflows)
        elif op.selects and op.kind == "elementwise":
            t = push_selected(node, ts, y, xs)
        else:
            t = op.jvp(ts, y, xs, node._params)
            if chosen and op.kind == "elementwise" and not is_finite(t, True):
                t = push_selected(node, ts, y, xs)
        if t is None:
            continue
        if op.outputs == 1:
            if t.shape != node.shape:
                t = np.broadcast_to(t, node.shape)
            if t.dtype != node.dtype:
                t = cast(t, node.dtype)
        if watcher is not None:
            watcher.backward(node, t)
        tangents[node] = t
    return tangents


def _transpose_vjp(node: Tensor, ts: Sequence[Any], y: Any, xs: Sequence[Any], recording: bool) -> Any:
    """Forward mode of an op that has only a vjp: g -> vjp(g) is linear, and the transpose of that map is the jvp.

    For an op with several outputs, a list of tangents, one per output.
    """
    op: Any = node._op
    several = op.outputs > 1
    if several and recording:
        y = tuple(pick.call(node, index=i) for i in range(op.outputs))
    ys = y if several else (y,)
    # Where to differentiate does not matter, since the map is linear in g: at zero.
    gs = tuple(leaf(np.zeros_like(array_of(out)), GRAD | LIFTED) for out in ys)
    seeds: list[tuple[Tensor, Any]] = []
    for i, (t, x) in enumerate(zip(ts, xs, strict=True)):
        vjp = op.vjps[i]
        if t is None or vjp is None:
            continue
        with switched(grad_enabled=True):
            back = vjp(gs if several else gs[0], y, *xs, **node._params)
            if not op.in_table:
                back = fit(op, i, back, node._inputs[i], node)
            if type(back) is Tensor and back.shape != x.shape:  # smaller, or not yet summed over broadcast axes
                shape = broadcast_shapes(back.shape, x.shape)
                back, t = np.broadcast_to(back, shape), np.broadcast_to(t, shape)
        if type(back) is Tensor and back._flags & GRAD:  # else the vjp is zero whatever g is
            seeds.append((back, leaf(t, 0) if recording and not isinstance(t, Tensor) else t))
    nodes, _ = find_nodes([back for back, _ in seeds], oldest=gs[0]._seq)
    found = sweep(nodes, seeds, set(gs), recording)
    if several:
        return [found[g] if g in found else np.zeros_like(array_of(out)) for g, out in zip(gs, ys, strict=True)]
    return found.get(gs[0])
