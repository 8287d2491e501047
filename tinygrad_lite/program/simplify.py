"""Passes: pure functions from Program to an equivalent Program that does less.

Each preserves values up to rounding, shapes and dtypes exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..rules.elementwise import add, divide, multiply, negative, subtract
from ..rules.products import matmul
from ..rules.reductions import mean
from ..rules.reductions import sum as sum_
from ..rules.shaping import broadcast_to, reshape
from ..tensor import next_seq
from .program import Editor, Node, Operand, Program, dtype_of, edited, is_scalar, is_weak, result_type, shape_of
from .trace import collect, traced, tracing

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


def drop_aliases(program: Program) -> Program:
    """Leave out steps that hand on their operand unchanged."""

    def visit(editor: Editor, node: Node) -> Operand:
        assert node.op is not None
        if node.op.alias:
            x = editor.now(node.operands[0])
            if shape_of(x) == node.shape and is_weak(x) == node.weak and dtype_of(x) == node.dtype:
                return x
        return editor.keep(node)

    return edited(program, visit)


def fold_constants(program: Program) -> Program:
    """Compute now what depends on constant numbers only."""

    def visit(editor: Editor, node: Node) -> Operand:
        xs = editor.operands(node)
        if node.shape == () and xs and all(is_scalar(x) for x in xs) and node.op is not None:
            with np.errstate(all="ignore"):
                return np.asarray(node.op.fn(*xs, **node.params))[()]
        return editor.keep(node)

    return edited(program, visit)


def share(program: Program) -> Program:
    """Compute equal steps once (common subexpressions)."""
    known: dict[Any, Node] = {}

    def visit(editor: Editor, node: Node) -> Operand:
        key = (node.op, tuple(_key(x) for x in editor.operands(node)), freeze(node.params))
        if key in known:
            if known[key].name is None:
                known[key].name = node.name
            return known[key]
        known[key] = editor.keep(node)
        return known[key]

    return edited(program, visit)


def _key(x: Operand) -> Any:
    """Equal for operands that are the same node, or the same constant."""
    if type(x) is Node or not is_scalar(x):
        return id(x)
    return type(x), repr(x)


def freeze(x: Any) -> Any:
    """Keywords of an op as something hashable."""
    if isinstance(x, dict):
        return tuple(sorted((k, freeze(v)) for k, v in x.items()))
    if isinstance(x, (list, tuple)):
        return type(x), tuple(freeze(v) for v in x)
    if isinstance(x, slice):
        return "slice", x.start, x.stop, x.step
    if isinstance(x, np.ndarray):
        return "array", x.shape, x.dtype.str, x.tobytes()
    if isinstance(x, (float, complex, np.generic)):
        return type(x), repr(x)  # tells 0.0 from -0.0
    try:
        hash(x)
    except TypeError:
        return "object", id(x)
    return type(x), x


def drop_broadcasts(program: Program) -> Program:
    """An elementwise op broadcasts by itself: do not do it for it beforehand."""

    def visit(editor: Editor, node: Node) -> Operand:
        assert node.op is not None
        if node.op.kind != "elementwise" and not isinstance(node.op.fn, np.ufunc):
            return editor.keep(node)
        if len(node.operands) < 2 or node.op is matmul:
            return editor.keep(node)
        xs = list(editor.operands(node))
        changed = False
        for i, x in enumerate(xs):
            if type(x) is Node and x.op is broadcast_to:
                source = x.operands[0]
                shapes = [shape_of(source if j == i else other) for j, other in enumerate(xs)]
                if np.broadcast_shapes(*shapes) == node.shape and not _would_change_dtype(node, source, xs, i):
                    xs[i] = source
                    changed = True
        if not changed:
            return editor.keep(node)
        new = Node(node.op, tuple(xs), node.params, node.shape, node.dtype, node.weak, node.name)
        editor.steps.append(new)
        return new

    return edited(program, visit)


def _would_change_dtype(node: Node, source: Operand, xs: list[Operand], i: int) -> bool:
    """A Python number in place of an array of its values would no longer take part in choosing the dtype."""
    assert node.op is not None
    if not is_weak(source):
        return False
    return bool(result_type(node.op, [*xs[:i], source, *xs[i + 1 :]], node.params)[1] != node.dtype)


def drop_neutral(program: Program) -> Program:
    """x * 1, x / 1, x + 0 and x - 0 are x; x * -1 is -x."""

    def visit(editor: Editor, node: Node) -> Operand:
        if node.op in (multiply, divide, add, subtract):
            a, b = editor.operands(node)
            neutral = 1 if node.op in (multiply, divide) else 0
            for x, other in ((b, a), (a, b)) if node.op in (multiply, add) else ((b, a),):
                if not is_scalar(x) or type(other) is not Node or other.weak:
                    continue
                if other.shape != node.shape or other.dtype != node.dtype:
                    continue
                if x == neutral:
                    return other
                if x == -1 and neutral == 1:
                    return editor.add(negative, other, name=node.name)
        return editor.keep(node)

    return edited(program, visit)


def reduce_by_reshaping(program: Program) -> Program:
    """A sum over axes of length 1 only changes the shape."""

    def visit(editor: Editor, node: Node) -> Operand:
        if node.op in (sum_, mean):
            x = editor.now(node.operands[0])
            if type(x) is Node and not x.weak and 0 < x.size == node.size and x.dtype == node.dtype:
                return x if x.shape == node.shape else editor.add(reshape, x, shape=node.shape, name=node.name)
        return editor.keep(node)

    return edited(program, visit)


def split_means(program: Program) -> Program:
    """A mean is a sum divided by a number; said so, the number can be moved elsewhere."""

    def visit(editor: Editor, node: Node) -> Operand:
        x = node.operands[0] if node.operands else None
        if node.op is mean and type(x) is Node and node.size and x.dtype.kind == "f" and x.dtype.itemsize >= 4:
            total = editor.add(sum_, editor.now(x), **node.params)
            return editor.add(divide, total, x.size // node.size, name=node.name)
        return editor.keep(node)

    return edited(program, visit)


def inline(program: Program) -> Program:
    """Write ops that are made of NumPy functions (sigmoid, softplus) as those functions, so that parts can be shared.

    Their rows say so (`inline`); given Tensors, their forward functions record themselves.
    """

    def visit(editor: Editor, node: Node) -> Operand:
        op = node.op
        assert op is not None
        if not op.inline:
            return editor.keep(node)
        xs = editor.operands(node)
        start = next_seq()
        stand_ins = {
            i: traced(1.0 if x.weak else np.broadcast_to(np.ones((), x.dtype), x.shape), x.name)
            for i, x in enumerate(xs)
            if type(x) is Node
        }
        with tracing(), np.errstate(all="ignore"):
            result = op.fn(*(stand_ins.get(i, x) for i, x in enumerate(xs)), **node.params)
        body, _ = collect([result], list(stand_ins.values()), start)
        known: dict[Node, Operand] = dict(zip(body.inputs, (xs[i] for i in stand_ins), strict=True))
        for step in body.steps:
            operands = tuple(known[x] if type(x) is Node else x for x in step.operands)
            known[step] = Node(step.op, operands, step.params, step.shape, step.dtype, step.weak)
            editor.steps.append(known[step])
        out = body.outputs[0]
        return known[out] if type(out) is Node else editor.keep(node)

    return edited(program, visit)


def run_passes(program: Program, passes: tuple[Pass, ...], most: int = 10) -> Program:
    """Apply the passes in turn until nothing changes any more."""
    for _ in range(most):
        before = program.steps
        for change in passes:
            program = change(program)
        if len(program.steps) == len(before) and all(a is b for a, b in zip(program.steps, before, strict=True)):
            break
    return program


EXACT: tuple[Pass, ...] = (
    drop_aliases,
    fold_constants,
    drop_broadcasts,
    drop_neutral,
    reduce_by_reshaping,
    share,
    drop_dead,
)
"""What both printers start with."""


def is_view(node: Node) -> bool:
    """Whether the step only looks at its operand in another way (where the memory's layout allows)."""
    return node.op is not None and node.op.view and len(node.operands) == 1
