"""scan in a program: an op that runs a body for each of many steps. Its vjp is a scan in the other direction."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...batched import Batched, Level, repeat
from ...context import alone, current
from ...op import Op
from ...rules.elementwise import add
from ...rules.shaping import as_dtype
from .body import (
    Arrays,
    Body,
    Loop,
    as_tuple,
    count_examples,
    is_inexact,
    of_each,
    raw,
    record_results,
    results_of,
    sample,
    tangents_of,
    trace_body,
    with_tangents,
    zeros,
)


def call_scan(
    body: Body,
    carry: Arrays,
    xs: Arrays,
    constants: Arrays,
    length: int,
    reverse: bool,
    recompute: bool,
    extends: Any = None,
) -> tuple[Any, ...]:
    """Tensors for the last carry, and for what the steps gave besides, stacked. body: (carry, x, constants) -> (carry,
    ys). recompute: the gradient computes again what lies between the carries. extends: a body of which this is the same
    and more."""
    op = scan_op(len(body.program.outputs), body.has_choice)
    params = {"body": body, "carries": len(carry), "each": len(xs), "length": length, "reverse": reverse}
    params |= {"recompute": recompute, "extends": extends, "forward_mode": _scan_jvp}
    operands = [*carry, *xs, *constants]
    mode = current()
    if mode is None or not mode.tracing or any(type(x) is Batched for x in operands):
        return as_tuple(op.call(*operands, **params))
    start, rows, fixed = split([raw(x) for x in operands], len(carry), len(xs))
    # While it is traced one step is enough: the numbers are nobody's to read.
    _, run = body.loop(len(carry), len(xs))
    with alone():
        some = run(min(length, 1), False, *start, *(x[:1] for x in rows), *fixed)
    stacks = [np.broadcast_to(y, (length, *y.shape[1:])) for y in some[len(carry) :]]
    return record_results(op, [*some[: len(carry)], *stacks], operands, params)


@functools.cache
def scan_op(outputs: int, selects: bool) -> Op:
    """The op that runs a body for each step, and gives so many results. selects: whether the body has choices."""
    return Loop(
        _scan,
        _scan_vjp,
        "loop",
        name="scan",
        outputs=outputs,
        joint=True,
        selects=selects,
        fresh=True,
        batch=results_of(_scan_each),
    )


def _scan(
    *operands: Any, body: Body, carries: int, each: int, length: int, reverse: bool, **for_derivatives: Any
) -> Any:
    _, run = body.loop(carries, each)
    results = run(length, reverse, *operands)
    return results if len(results) > 1 else results[0]


def split(operands: Arrays, carries: int, each: int) -> tuple[Any, Any, Any]:
    """The operands, or the inputs of the body: carry, xs and constants."""
    return operands[:carries], operands[carries : carries + each], operands[carries + each :]


def _scan_vjp(
    g: Any,
    y: Any,
    *operands: Any,
    body: Body,
    carries: int,
    each: int,
    length: int,
    reverse: bool,
    recompute: bool,
    extends: Any,
    forward_mode: Any,
    selected: bool = False,
) -> list[Any]:
    """A scan in the other direction. Its carry is the cotangent of the carry, and the sums for the constants."""
    carry, xs, constants = split(operands, carries, each)
    linear = body.linearise(selected)
    forward, back, stored = linear.split(recompute, carries)
    results = len(body.program.outputs)
    kept = call_scan(forward, carry, xs, constants, length, reverse, recompute, extends=body)[results:]
    inexact = linear.inexact
    of_carry = [i for i in inexact if i < carries]
    of_xs = [i for i in inexact if carries <= i < carries + each]
    of_constants = [i for i in inexact if i >= carries + each]
    gs = list(as_tuple(g))
    whole = [i for i in range(carries) if i not in of_carry]  # cotangents of whole numbers: they stay zero
    start = [as_dtype(gs[i], np.asarray(body.samples[i]).dtype) for i in of_carry] + [
        zeros(operands[i]) for i in of_constants
    ]
    given_carry = len(start)

    def order(operands: Sequence[Any]) -> list[Any]:
        """What the transposed body is given, from (carry, x, constants) of the transposed scan."""
        cotangents, rest = operands[:given_carry], operands[given_carry:]
        g_ys, rest = rest[: results - carries], rest[results - carries :]
        values, rest = rest[: len(stored)], rest[len(stored) :]
        x_now, fixed = rest[:each], rest[each:]
        g_carry: list[Any] = [None] * carries
        for i, c in zip(of_carry, cotangents, strict=False):
            g_carry[i] = c
        for i in whole:
            g_carry[i] = zeros(body.samples[i])
        first = [zeros(x) for x in body.samples[:carries]]  # the carries themselves are read from the store
        return [*g_carry, *g_ys, *values, *first, *x_now, *fixed]

    def transposed_body(*operands: Any) -> Any:
        found = dict(zip(inexact, back.replay(order(operands)), strict=True))
        sums = operands[len(of_carry) : given_carry]
        totals = [add(s, found[i]) for s, i in zip(sums, of_constants, strict=True)]
        return [*(found[i] for i in of_carry), *totals, *(found[i] for i in of_xs)]

    samples = [np.ones(np.shape(x), x.dtype) for x in start]
    samples += [sample(x) for x in body.program.outputs[carries:]]
    samples += forward.results_of_samples()[results:]  # of invented numbers a matrix may be singular
    samples += [*body.samples[carries : carries + each], *body.samples[carries + each :]]
    step, outside, _, _ = trace_body(transposed_body, samples)
    assert not outside
    found = call_scan(step, start, [*gs[carries:], *kept, *xs], constants, length, not reverse, recompute)
    cotangents: list[Any] = [None] * len(operands)
    for i, gx in zip([*of_carry, *of_constants, *of_xs], found, strict=True):
        cotangents[i] = gx
    return cotangents


def _scan_jvp(tangents: Sequence[Any], operands: Sequence[Any], params: dict[str, Any]) -> list[Any]:
    """A scan that carries tangents, too."""
    body, carries, each = params["body"], params["carries"], params["each"]
    inexact = [i for i, x in enumerate(body.samples) if is_inexact(x)]
    parts = [
        [i for i in inexact if low <= i < high]
        for low, high in ((0, carries), (carries, carries + each), (carries + each, len(operands)))
    ]
    ts = [zeros(operands[i]) if tangents[i] is None else tangents[i] for i in range(len(operands))]
    step = with_tangents(body, parts, carries, each)
    carry, xs, constants = split(operands, carries, each)
    t_carry, t_xs, t_constants = ([ts[i] for i in part] for part in parts)
    found = call_scan(
        step, [*carry, *t_carry], [*xs, *t_xs], [*constants, *t_constants], params["length"], params["reverse"], True
    )
    return tangents_of(found, body, carries, parts[0])


def _scan_each(op: Op, operands: Arrays, mapped: Sequence[bool], params: dict[str, Any]) -> tuple[Any, ...]:
    """The batching rule: the carry and the rows are those of all examples; the steps come first, then the examples."""
    carries, each, size = params["carries"], params["each"], count_examples(operands, mapped)
    carry, xs, constants = split(operands, carries, each)
    level = Level(size, None)
    whole = [x if m else repeat(x, level) for x, m in zip(operands, mapped, strict=True)]
    rows = [np.moveaxis(x, 0, 1) for x in whole[carries : carries + each]]
    body = of_each(params["body"], [True] * (carries + each) + list(mapped[carries + each :]), size)
    found = call_scan(body, whole[:carries], rows, constants, params["length"], params["reverse"], params["recompute"])
    return (*found[:carries], *(np.moveaxis(y, 0, 1) for y in found[carries:]))
