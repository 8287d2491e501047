"""cond and while_loop in a program: ops that choose between bodies, and that run one as long as another says so."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...batched import Batched, Level, repeat
from ...op import Op
from ..program import Program
from ..simplify import drop_dead
from .body import (
    Arrays,
    Body,
    Linearised,
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


def call_cond(pred: Any, bodies: Sequence[Body], operands: Arrays) -> tuple[Any, ...]:
    """Tensors for the results of one of two bodies of the same operands."""
    yes, no = bodies
    op = _cond_op(len(yes.program.outputs))
    params = {"yes": yes, "no": no, "forward_mode": _cond_jvp}
    if any(type(x) is Batched for x in (pred, *operands)):
        return as_tuple(op.call(pred, *operands, **params))
    return record_results(op, yes.run_step(map(raw, operands)), [pred, *operands], params)


@functools.cache
def _cond_op(outputs: int) -> Op:
    return Loop(
        _cond, _cond_vjp, "loop", name="cond", outputs=outputs, joint=True, selects=True, batch=results_of(_cond_each)
    )


def _cond(pred: Any, *operands: Any, yes: Body, no: Body, forward_mode: Any = None) -> Any:
    results = tuple((yes if pred else no).step[1](*operands))
    return results if len(results) > 1 else results[0]


def _cond_vjp(
    g: Any, y: Any, pred: Any, *operands: Any, yes: Body, no: Body, forward_mode: Any, selected: bool = False
) -> list[Any]:
    """The vjp of the branch that was taken, which is computed again."""
    linear = [body.linearise(selected) for body in (yes, no)]
    inexact = linear[0].inexact
    bodies = [_whole_vjp(part) for part in linear]
    found = call_cond(pred, bodies, [*operands, *as_tuple(g)])
    cotangents: list[Any] = [None] * (1 + len(operands))
    for i, gx in zip(inexact, found, strict=True):
        cotangents[1 + i] = gx
    return cotangents


def _whole_vjp(linear: Linearised) -> Body:
    """(operands, cotangents of the results) -> cotangents of the inexact operands."""
    program = Program(linear.program.inputs, (), linear.program.steps, linear.gradients)
    return Body(drop_dead(program), [*linear.body.samples, *(sample(x) for x in linear.cotangents)])


def _cond_jvp(tangents: Sequence[Any], operands: Sequence[Any], params: dict[str, Any]) -> list[Any]:
    pred, *xs = operands
    inexact = [i for i, x in enumerate(params["yes"].samples) if is_inexact(x)]
    ts = [zeros(xs[i]) if tangents[1 + i] is None else tangents[1 + i] for i in inexact]
    bodies = [with_tangents(params[name], [[], [], inexact], 0, 0) for name in ("yes", "no")]
    found = call_cond(pred, bodies, [*xs, *ts])
    return list(found[len(found) // 2 :])


def _cond_each(op: Op, operands: Arrays, mapped: Sequence[bool], params: dict[str, Any]) -> tuple[Any, ...]:
    """The batching rule; where the truth value differs between the examples, both bodies are computed."""
    size = count_examples(operands, mapped)
    pred, *rest = operands
    of_rest = mapped[1:] if any(mapped[1:]) else [True] * len(rest)
    given = rest if any(mapped[1:]) else [repeat(x, Level(size, None)) for x in rest]
    bodies = [of_each(params[name], of_rest, size) for name in ("yes", "no")]
    if not mapped[0]:
        return call_cond(pred, bodies, given)
    pairs = zip(*(body.replay(given) for body in bodies), strict=True)
    return tuple(np.where(np.reshape(pred, (size, *(1,) * (np.ndim(a) - 1))), a, b) for a, b in pairs)


# -- while -----------------------------------------------------------------------------------------------------------


def call_while(bodies: Sequence[Body], carry: Arrays, constants: Arrays) -> tuple[Any, ...]:
    """Tensors for the carry for which the test first fails. Both bodies: of (carry, constants)."""
    test, body = bodies
    op = _while_op(len(carry))
    operands = [*carry, *constants]
    if any(type(x) is Batched for x in operands):
        raise TypeError("while_loop: many tangents at once cannot be carried through it; take them one by one (tg.jvp)")
    some = body.run_step(map(raw, operands))  # the numbers of a trace might go on for ever
    params = {"test": test, "body": body, "carries": len(carry), "forward_mode": _while_jvp}
    return record_results(op, some, operands, params)


@functools.cache
def _while_op(outputs: int) -> Op:
    return Loop(_while, _while_vjp, "loop", name="while_loop", outputs=outputs, joint=True)


def _while(*operands: Any, test: Body, body: Body, carries: int, forward_mode: Any = None) -> Any:
    carry: Any = list(operands[:carries])
    constants = operands[carries:]
    go_on, step = test.step[1], body.step[1]
    while go_on(*carry, *constants)[0]:
        carry = step(*carry, *constants)
    results = tuple(np.array(x) if x is y else x for x, y in zip(carry, operands, strict=False))
    return results if len(results) > 1 else results[0]


def _while_vjp(g: Any, y: Any, *operands: Any, **params: Any) -> list[Any]:
    raise TypeError(
        "while_loop: a compiled program does not know beforehand how many values a gradient would have to store; use "
        "tg.scan with a fixed length (and np.where to stop), or forward mode (tg.jvp)"
    )


def _while_jvp(tangents: Sequence[Any], operands: Sequence[Any], params: dict[str, Any]) -> list[Any]:
    test, body, carries = params["test"], params["body"], params["carries"]
    inexact = [i for i, x in enumerate(body.samples) if is_inexact(x)]
    parts = [[i for i in inexact if i < carries], [], [i for i in inexact if i >= carries]]
    ts = [zeros(x) if t is None else t for t, x in zip(tangents, operands, strict=True)]
    carry, constants = operands[:carries], operands[carries:]

    def of_values(*operands: Any) -> Any:
        rest = operands[carries + len(parts[0]) :]
        return test.replay([*operands[:carries], *rest[: len(constants)]])

    both = with_tangents(body, parts, carries, 0)
    of_both, outside, _, _ = trace_body(of_values, both.samples)
    assert not outside
    found = call_while([of_both, both], [*carry, *(ts[i] for i in parts[0])], [*constants, *(ts[i] for i in parts[2])])
    return tangents_of(found, body, carries, parts[0])
