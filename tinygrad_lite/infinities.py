"""0 * inf, which is NaN to NumPy, and most often ought to be 0.

In two cases a derivative is infinite and nobody's business. Upstream of an op that selects (`np.where`, max, indexing)
a cotangent of zero means "was not taken": log(x) under `where(x > 0, log(x), 0)` sends nothing back at 0. And a value
may be infinite only because no float holds it, as exp(-z) in 1 / (1 + exp(-z)) at z = -800: a cotangent of exactly 0
says that it makes no difference there. The sweep and the push ask here only where such a case may have come up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .intervals import ANYTHING, interval_of
from .op import elementwise
from .pulling import is_finite
from .tensor import Tensor, array_of


def _is_not_taken(g: Any, gx: Any) -> Any:
    """Where nothing came in and no number came out. (Where g is 0 and gx is a number, its derivative still counts.)"""
    return np.logical_and(g == 0, np.logical_not(np.isfinite(gx)))


def _mask_not_taken(g: Any, gx: Any) -> Any:
    return np.where(_is_not_taken(g, gx), 0, gx)


mask_not_taken = elementwise(
    _mask_not_taken,
    None,
    lambda y, g, gx: np.logical_not(_is_not_taken(g, gx)),
    selects=True,
    c="{0} == 0 && {1} - {1} != 0 ? 0 : {1}",
)
"""What a guarded rule gives: gx, but 0 where g is 0 and gx infinite or NaN."""


def find_overflows(nodes: Sequence[Tensor], through_sums: bool = False) -> dict[Tensor, Any]:
    """For each element-wise result, where it is infinite and ought to be a number: its operands are numbers, or have
    overflowed themselves, and the row's range says that there is no pole, as that of log at 0.

    through_sums: linear ops of one operand, too, whose operand is infinite only where it has overflowed.
    """
    found: dict[Tensor, Any] = {}
    for node in reversed(nodes):
        op = node._op
        if through_sums and op.kind == "linear" and node._inputs[0] in found:
            x = node._inputs[0]
            if np.all(np.isfinite(x._array) | found[x]):
                found[node] = np.isinf(node._array)
            continue
        if op.kind != "elementwise" or op.range is None or not isinstance(node._array, (np.ndarray, np.generic)):
            continue
        overflowed = np.isinf(node._array)
        if overflowed.any():
            arrays = [np.asarray(array_of(x)) for x in node._inputs]
            for x, array in zip(node._inputs, arrays, strict=True):
                overflowed = overflowed & (np.isfinite(array) | (found.get(x, False) if type(x) is Tensor else False))
            if overflowed.any() and op.range(*map(interval_of, arrays)).kind != ANYTHING:
                found[node] = overflowed
    return found


# -- backward --------------------------------------------------------------------------------------------------------


def pull_guarded(vjp: Any, g: Any, y: Any, values: Sequence[Any], params: dict[str, Any]) -> Any:
    """The rule's answer upstream of an op that selects."""
    with np.errstate(all="ignore"):
        gx = vjp(g, y, *values, **params)
        return gx if gx is g or is_finite(gx, False) else mask_not_taken.call(g, gx)


def pull_saturated(vjp: Any, g: Any, y: Any, values: Sequence[Any], params: dict[str, Any], overflowed: Any) -> Any:
    """The rule's answer for an op whose result has overflowed at some entries."""
    unaffected = overflowed & (array_of(g) == 0)
    with np.errstate(invalid="ignore"):
        return np.where(unaffected, 0, vjp(g, y, *values, **params))


# -- forward ---------------------------------------------------------------------------------------------------------


def push_selected(node: Tensor, ts: Sequence[Any], y: Any, xs: Sequence[Any]) -> Any:
    """The tangent of an op that takes some entries and leaves others, and of those before it."""
    return _push(node, ts, y, xs, lambda x, t, partial, term: mask_not_taken.call(partial, term))


def push_saturated(node: Tensor, ts: Sequence[Any], y: Any, xs: Sequence[Any], overflows: dict[Tensor, Any]) -> Any:
    """The tangent where the result, or an operand, has overflowed: what does not move stays where it is, and what an op
    does not depend on makes no difference."""

    def correct(x: Any, t: Any, partial: Any, term: Any) -> Any:
        stays = (array_of(t) == 0) & overflows.get(node, False)
        no_matter = (array_of(partial) == 0) & overflows.get(x, False)
        return np.where(stays | no_matter, 0, term)

    return _push(node, ts, y, xs, correct)


def _push(node: Tensor, ts: Sequence[Any], y: Any, xs: Sequence[Any], correct: Callable[..., Any]) -> Any:
    """The sum of tangent times partial over the operands, each of which `correct` looks at; None if it is zero."""
    total = None
    for x, tangent, times in zip(node._inputs, ts, node._op.vjps, strict=True):
        if tangent is None or times is None:
            continue
        t: Any = np.broadcast_to(tangent, y.shape)
        with np.errstate(invalid="ignore"):
            partial = times(np.ones_like(t), y, *xs, **node._params)
            term = correct(x, t, partial, t * partial)
        total = term if total is None else total + term
    return total
