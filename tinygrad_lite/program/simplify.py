"""Passes: pure functions from Program to an equivalent Program that does less.

Shapes and dtypes stay exactly what they were. What is said by a pattern stands in tables/; here is what is not.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from ..tensor import GRAD
from .program import Node, Program, is_scalar
from .rewrite import Change, Rule, Steps, is_interchangeable, rewrite
from .tables import exact
from .trace import expand

Pass = Callable[[Program], Program]


def drop_dead(program: Program) -> Program:
    """Leave out steps whose results nobody uses."""
    live = {x for x in program.outputs if type(x) is Node}
    steps = []
    for node in reversed(program.steps):
        if node in live:
            steps.append(node)
            live.update(x for x in node.operands if type(x) is Node)
    return Program(program.inputs, program.captures, tuple(reversed(steps)), program.outputs)


def drop_alias(node: Node) -> Steps | None:
    """A step that hands on its operand unchanged is that operand."""
    assert node.op is not None
    if node.op.alias and is_interchangeable(node.operands[0], node):
        return [], node.operands[0]
    return None


def _drop_alias_that_hands_on(node: Node) -> Steps | None:
    return drop_alias(node) if node.op is not None and node.op.mask & GRAD else None


def fold_constant(node: Node) -> Steps | None:
    """What depends on constant numbers only is computed now."""
    assert node.op is not None
    if node.shape != () or not node.operands or not all(map(is_scalar, node.operands)):
        return None
    y = node.op.fn(*node.operands, **node.params)
    return [], node.python_type(y) if node.weak else np.asarray(y)[()]


def inline(node: Node) -> Steps | None:
    """An op that is made of NumPy functions (sigmoid, softplus) as those, so that parts can be shared.

    Its row says so (`inline`): given Tensors, its function records itself.
    """
    assert node.op is not None
    if not node.op.inline:
        return None
    steps, result = expand(node.op.fn, node.operands, node.params)
    return (steps, result) if is_interchangeable(result, node) else None


def inline_for_c(node: Node) -> Steps | None:
    """The same for the printer of C, which has more exact functions than such parts for some of them."""
    return inline(node) if node.op is not None and node.op.c is None else None


def write_out(node: Node) -> Steps | None:
    """The same where only the printer of C wants it so (`c="steps"`): it fuses them again."""
    assert node.op is not None
    if node.op.c != "steps":
        return None
    steps, result = expand(node.op.fn, node.operands, node.params)
    return (steps, result) if is_interchangeable(result, node) else None


def run_passes(program: Program, passes: tuple[Pass, ...], most: int = 10) -> Program:
    """Apply the passes in turn until nothing changes any more."""
    for _ in range(most):
        before = program.steps
        for change in passes:
            program = change(program)
        if len(program.steps) == len(before) and all(a is b for a, b in zip(program.steps, before, strict=True)):
            break
    return program


SIMPLER: list[Rule | Change] = [drop_alias, fold_constant, *exact.EXACT]
"""What both printers start with; no bit of a result changes."""

# Of what is differentiated again: there, to stop a gradient is to do something.
SIMPLER_WITH_STOPS = [_drop_alias_that_hands_on if change is drop_alias else change for change in SIMPLER]

EXACT: tuple[Pass, ...] = (partial(rewrite, table=SIMPLER), drop_dead)


def is_view(node: Node) -> bool:
    """Whether the step only looks at its operand in another way (where the memory's layout allows)."""
    return node.op is not None and node.op.view and len(node.operands) == 1
