"""The reverse sweep: from cotangents of some results to the cotangents of everything they were computed from.

Operands are always older than results, so visiting the recorded tensors from the newest to the oldest meets every
consumer of a value before the value itself. Each node is visited once, nothing recurses, and here alone are cotangents
un-broadcast, given their operand's dtype, and added up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import numpy as np

from .context import current, switched
from .infinities import find_overflows, pull_guarded, pull_saturated
from .op import pick
from .pulling import add, expand, is_finite
from .tensor import GRAD, Tensor, array_of, is_left_over, label
from .users_ops import fit

_by_age = attrgetter("_seq")


def find_nodes(
    roots: Iterable[Tensor], oldest: int = 0, left_over: list[Tensor] | None = None
) -> tuple[list[Tensor], int]:
    """The differentiable tensors that ops made on the way to roots, newest first, and the flags met at the border.

    oldest: tensors older than this are not entered (they cannot depend on anything made since); their flags, together,
    are what is returned. (Not those of a tensor that somebody kept from a transform that is over: it is a constant.)
    left_over: a list that such tensors are added to.
    """
    seen = set(roots)
    nodes = []
    border = 0
    for t in seen:
        if t._seq < oldest:
            if not is_left_over(t):
                border |= t._flags
            elif left_over is not None:
                left_over.append(t)
        elif t._op is not None:
            nodes.append(t)
    for node in nodes:  # which grows meanwhile
        for x in node._inputs:
            if type(x) is not Tensor:
                continue
            if x._seq >= oldest:
                if x._op is None:
                    if x._seq > node._seq:
                        raise RuntimeError(
                            f"{label(x)} was given new data after {label(node)} was computed from it, so this gradient "
                            "would mix old and new values; compute the result again, then differentiate"
                        )
                elif x._flags & GRAD and x not in seen:
                    seen.add(x)
                    nodes.append(x)
                continue
            if x in seen or not x._flags & GRAD:
                continue
            seen.add(x)
            if is_left_over(x):  # its numbers are enough: with it, each call would keep the graph of the last
                if left_over is not None:
                    left_over.append(x)
                node._inputs = tuple(z._array if z is x else z for z in node._inputs)
            else:
                border |= x._flags
    nodes.sort(key=_by_age, reverse=True)
    return nodes, border


def sweep(
    nodes: Sequence[Tensor],
    seeds: Iterable[tuple[Tensor, Any]],
    wanted: set[Tensor] | None,
    recording: bool,
    selected: bool = False,
    prune: bool = True,
) -> dict[Tensor, Any]:
    """Cotangents of the wanted tensors (None: of every leaf), from seeds (result, its cotangent).

    nodes: what `find_nodes` found. recording: rules are given Tensors, and so the sweep is itself recorded. selected:
    the seeds come from an op that selects, so that a zero in them means "not taken". prune: some of the nodes may lead
    to nothing that is wanted, and are to be passed over.
    """
    mode = current()
    if mode is not None and (mode.tracing or mode.watcher is not None):
        with switched(watcher=None):  # it is told of cotangents, not of the steps inside a rule
            return _sweep(nodes, seeds, wanted, recording, selected, prune, mode.watcher)
    invalid: list[str] = []
    seeds = list(seeds)
    with np.errstate(invalid="call", call=lambda kind, flag: invalid.append(kind)):
        found = _sweep(nodes, seeds, wanted, recording, selected, prune, None)
    if invalid:  # 0 * inf, say: again, with care, and as loud as the user wants it
        overflows = find_overflows(nodes) if all(is_finite(y._array, False) for y, _ in seeds) else {}
        found = _sweep(nodes, seeds, wanted, recording, selected, prune, None, overflows)
    return found


def _sweep(
    nodes: Sequence[Tensor],
    seeds: Iterable[tuple[Tensor, Any]],
    wanted: set[Tensor] | None,
    recording: bool,
    selected: bool,
    prune: bool,
    watcher: Any,
    overflows: Mapping[Tensor, Any] = MappingProxyType({}),
) -> dict[Tensor, Any]:
    needed = _lead_to(nodes, wanted) if prune and wanted is not None else None
    inner = () if wanted is None else {x for x in wanted if x._op is not None}
    ordinary = not recording and needed is None and watcher is None and not overflows
    # Upstream of an op that selects, a zero cotangent means "not taken", and must beat an infinite partial derivative.
    pending: dict[Tensor, Any] = {}  # cotangents of what is still to be visited; then of the leaves
    visited: dict[Tensor, Any] = {}  # those of wanted tensors that ops made
    parts: dict[Tensor, list[Any]] = {}  # of these, some entries were taken: (node that took them, rule's operands)
    for y, g in seeds:
        pending[y] = g if y not in pending else pending[y] + g
    upstream = {y for y, _ in seeds} if selected else set()
    straight = ordinary and not upstream
    for node in nodes:
        if parts and node in parts:
            _add_parts(pending, node, parts.pop(node), watcher)
        g = pending.pop(node, None)
        if g is None:
            continue
        if inner and node in inner:
            visited[node] = g
        op = node._op
        if straight:  # no op that selects was met: nothing needs a guard
            if op.pull is not None and not op.selects:
                op.pull(node, g, pending)
                continue
            straight = not op.selects
        guarded = selected = False
        if op.selects or (upstream and node in upstream):
            selected = node in upstream
            guarded = selected and op.kind == "elementwise" and not op.bounded
            upstream.update([x for x in node._inputs if type(x) is Tensor])
        if ordinary and not guarded and op.pull is not None:
            op.pull(node, g, pending)
            continue
        inputs, params = node._inputs, node._params
        if op is pick:
            _gather(pending, inputs[0], params["index"], expand(g, node.shape))
            continue
        values: Any = inputs if recording else [x._array if type(x) is Tensor else x for x in inputs]
        vjps: Any = op.vjps
        result: Any = node if recording else node._array
        shape: Any = node.shape if op.outputs == 1 else None
        if op.outputs > 1:
            result, g = _outputs(node, g, recording)
        elif op.kind != "elementwise":
            g = expand(g, shape)
        if op.sum_vjps is not None:
            x = inputs[0]
            if type(x) is Tensor and x._flags & GRAD and (needed is None or x in needed):
                parts.setdefault(x, []).append((node, (g, result, *values)))
            continue
        if op.joint:
            extra = {"selected": selected} if op.selects or op.kind == "loop" else {}
            vjps = vjps.rule(g, result, *values, **params, **extra)  # the cotangents themselves
        for i, (x, vjp) in enumerate(zip(inputs, vjps)):  # noqa: B905 (of rules there may be no end)
            if type(x) is not Tensor or not x._flags & GRAD or vjp is None or (needed is not None and x not in needed):
                continue
            fits = op.kind == "elementwise" and x.shape == shape
            if op.kind == "elementwise" and not fits:
                g = expand(g, shape)
            if op.joint:
                gx = vjp
            elif guarded:
                gx = pull_guarded(vjp, g, result, values, params)
            elif node in overflows:
                gx = pull_saturated(vjp, g, result, values, params, overflows[node])
            else:
                gx = vjp(g, result, *values, **params)
            if not op.in_table:
                gx = fit(op, i, gx, x, node)
            if watcher is not None:
                watcher.backward(node, gx)
            add(pending, x, gx, fits)
    for x, taken in parts.items():
        _add_parts(pending, x, taken, watcher)
    visited.update(pending)
    for x, g in visited.items():
        if type(g) is not list and g.shape != x._array.shape:
            visited[x] = expand(g, x._array.shape)
    return visited


def _add_parts(pending: dict[Tensor, Any], x: Tensor, parts: list[Any], watcher: Any) -> None:
    """Add to x's cotangent what comes from nodes that took some of its entries, x[i] say: all of it in one go, so that
    a loop over x[0], x[1], … takes time for what it reads, not for all of x at every step."""
    node, operands = parts[0]
    op: Any = node._op
    if len(parts) == 1:
        gx = op.vjps[0](*operands, **node._params)
    else:
        gx = op.sum_vjps([(g, others, t._params) for t, (g, _, _, *others) in parts], x.shape)
    if watcher is not None:
        watcher.backward(node, gx)
    add(pending, x, gx)


def _lead_to(nodes: Sequence[Tensor], wanted: set[Tensor]) -> set[Tensor]:
    """The tensors from which something wanted can be reached, the wanted ones included."""
    needed = set(wanted)
    for node in reversed(nodes):
        for x in node._inputs:
            if type(x) is Tensor and x in needed:
                needed.add(node)
                break
    return needed


# -- ops with several results ----------------------------------------------------------------------------------------


def _gather(pending: dict[Tensor, Any], node: Tensor, index: int, g: Any) -> None:
    """Add to the list of cotangents of an op with several outputs."""
    op: Any = node._op
    gs = pending.setdefault(node, [None] * op.outputs)
    gs[index] = g if gs[index] is None else gs[index] + g


def _outputs(node: Tensor, gs: list[Any], recording: bool) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Outputs and cotangents of an op with several of them, with zeros for the outputs that were not used."""
    op: Any = node._op
    ys = tuple(pick.call(node, index=i) for i in range(op.outputs)) if recording else node._array
    return ys, tuple(np.zeros_like(array_of(y)) if g is None else g for y, g in zip(ys, gs, strict=True))
