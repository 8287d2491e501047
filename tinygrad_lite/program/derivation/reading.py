"""Passes that make a program easier to read and leave what it computes as it is."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import Any

import numpy as np

from ...backward import settle
from ...rules import elementwise as e
from ...rules.indexing import get, where
from ...rules.neural import log_softmax, softmax
from ...rules.products import matmul
from ...rules.reductions import sum as sum_
from ...rules.shaping import broadcast_to, expand_dims, reshape, transpose
from ..program import Editor, Node, Operand, Program, edited, is_scalar, result_type, shape_of
from ..ranges import Ranges


def plain_numbers(program: Program) -> Program:
    """A NumPy scalar becomes a Python number where the result's dtype stays as it is: 0.5, not np.float64(0.5)."""

    def visit(editor: Editor, node: Node) -> Operand:
        xs = list(editor.operands(node))
        if node.op is None or not (node.op.kind == "elementwise" or node.op in (where, broadcast_to)):
            return editor.keep(node)
        for i, x in enumerate(xs):
            if not isinstance(x, np.generic) or x.dtype.kind not in "fiu" or node.shape is None:
                continue
            for plain in _plain(x):
                trial = [*xs[:i], plain, *xs[i + 1 :]]
                if result_type(node.op, trial, node.params) == (node.shape, node.dtype):
                    xs[i] = plain
                    break
        return replaced(editor, node, xs)

    return edited(program, visit)


def _plain(x: Any) -> list[Any]:
    """Python numbers equal to a NumPy scalar, the shortest first."""
    value = float(str(x)) if x.dtype.kind == "f" else x.item()
    if not np.isfinite(value) or x.dtype.type(value) != x:
        return []
    whole = abs(value) < 1e9 and value == int(value) and (value != 0 or not np.signbit(x))
    return [int(value), value] if whole else [value]


def plain_sums(program: Program) -> Program:
    """A sum says itself whether it keeps its axes: no reshape or expand_dims behind it."""

    def visit(editor: Editor, node: Node) -> Operand:
        x = editor.now(node.operands[0]) if node.operands else None
        if type(x) is not Node or x.op is not sum_ or type(x.operands[0]) is not Node:
            return editor.keep(node)
        total, ndim = x.operands[0], len(x.operands[0].shape)
        axes = _axes(x.params.get("axis"), ndim)
        rest = tuple(n for i, n in enumerate(total.shape) if i not in axes)
        if node.op is reshape and x.params.get("keepdims") and node.shape == rest:
            return editor.add(sum_, total, name=node.name, **_axis(axes, ndim))
        back = node.op is expand_dims and not x.params.get("keepdims") and len(node.shape) == ndim
        if back and _axes(node.params["axis"], ndim) == axes:
            return editor.add(sum_, total, name=node.name, **_axis(axes, ndim), keepdims=True)
        return editor.keep(node)

    return edited(program, visit)


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    if ndim == 0:
        return ()
    chosen = range(ndim) if axis is None else (axis,) if isinstance(axis, (int, np.integer)) else axis
    return tuple(sorted(int(a) % ndim for a in chosen))


def _axis(axes: tuple[int, ...], ndim: int) -> dict[str, Any]:
    """The shortest axis= for these axes."""
    if len(axes) == ndim and ndim != 1:
        return {}
    return {"axis": axes[0] if len(axes) == 1 else axes}


def plain_scalars(program: Program) -> Program:
    """A number needs no axes to be multiplied with an array: g x, not g[..., None] x."""

    def visit(editor: Editor, node: Node) -> Operand:
        xs = list(editor.operands(node))
        if node.op is e.multiply:
            for i, x in enumerate(xs):
                number = type(x) is Node and x.op is get and len(x.operands) == 1 and shape_of(x.operands[0]) == ()
                if number and shape_of(xs[1 - i]) == node.shape:
                    xs[i] = x.operands[0]
        return replaced(editor, node, xs)

    return edited(program, visit)


def plain_vectors(program: Program) -> Program:
    """A matrix times a vector: A @ g, not (A @ g[..., None])[..., 0]."""

    def visit(editor: Editor, node: Node) -> Operand:
        x = editor.now(node.operands[0]) if node.operands else None
        if node.op is get and node.params["template"] == (..., 0) and type(x) is Node and x.op is matmul:
            a, column = x.operands
            is_column = type(column) is Node and column.op is get and column.params["template"] == (..., None)
            if is_column and len(shape_of(column.operands[0])) == 1 and len(shape_of(a)) == 2:
                return editor.add(matmul, a, column.operands[0], name=node.name)
        return editor.keep(node)

    return edited(program, visit)


def plain_transposes(program: Program) -> Program:
    """A.T.T is A, and (A @ B.T).T is B @ A.T."""

    def flipped(editor: Editor, x: Operand) -> Operand:
        if _is_transpose(x):
            return x.operands[0]
        return editor.add(transpose, x)

    def visit(editor: Editor, node: Node) -> Operand:
        if not _is_transpose(node):
            return editor.keep(node)
        x = editor.now(node.operands[0])
        if type(x) is Node and _is_transpose(x):
            inner = x.operands[0]
            return inner
        if type(x) is Node and x.op is matmul and x.name is None and any(_is_transpose(y) for y in x.operands):
            a, b = x.operands
            return editor.add(matmul, flipped(editor, b), flipped(editor, a), name=node.name)
        return editor.keep(node)

    return edited(program, visit)


def _is_transpose(x: Operand) -> bool:
    return type(x) is Node and x.op is transpose and x.params.get("axes") is None and len(x.shape) == 2


def familiar_functions(program: Program) -> Program:
    """exp(log_softmax(z)) is softmax(z); which of c x and x is larger (c < 1) depends on the sign of x."""

    def visit(editor: Editor, node: Node) -> Operand:
        x = editor.now(node.operands[0]) if node.operands else None
        if node.op is e.wins and len(node.operands) == 2:
            a, b = editor.operands(node)
            if _is_part_of(a, b):
                return editor.add(e.wins, 0, b)
            if _is_part_of(b, a):
                return editor.add(e.wins, a, 0)
        if node.op is e.exp and node.name is None and type(x) is Node and x.op is log_softmax:
            return editor.add(softmax, *x.operands, **x.params)
        return editor.keep(node)

    return edited(program, visit)


def _is_part_of(a: Operand, b: Operand) -> bool:
    """Whether a is c times b, for a number c that is clearly below 1."""
    if type(a) is not Node or a.op is not e.multiply or b not in _nodes(a.operands):
        return False
    c = a.operands[0] if a.operands[1] is b else a.operands[1]
    return is_scalar(c) and not isinstance(c, complex) and bool(c < 0.99)


def constants_by_name(known: Sequence[Any]) -> Callable[[Program], Program]:
    """A pass: a constant array that is 1 - Y or X.T of a known one, and not itself known, is written so.

    Of arrays that are no arguments such things are computed by NumPy, and never recorded.
    """

    ids = {id(x) for x in known}

    def write(program: Program) -> Program:
        def written(editor: Editor, x: Operand) -> Operand:
            if isinstance(x, np.ndarray) and x.size > 1 and id(x) not in ids and x.dtype.kind in "fi":
                for other in known:
                    if other.dtype != x.dtype:
                        continue
                    if x.ndim == 2 and x.__array_interface__ == other.T.__array_interface__:
                        return editor.add(transpose, other)
                    if other.shape == x.shape and np.array_equal(1 - other, x):
                        return editor.add(e.subtract, 1, other)
            return x

        def visit(editor: Editor, node: Node) -> Operand:
            return replaced(editor, node, [written(editor, x) for x in editor.operands(node)])

        return edited(program, visit)

    return write


def cotangents_apart(forward: Callable[[Program], set[Node]], names: Container[str]) -> Callable[[Program], Program]:
    """A pass: a gradient that equals a nameless step of the forward pass is a step of its own: dY = Y - T.

    forward: finds the forward pass. names: of gradients.
    """

    def separate(program: Program) -> Program:
        part = forward(program)
        editor = Editor(program)
        backward: dict[Node, Node] = {}  # what the backward pass uses instead
        for node in program.steps:
            if node not in part:
                xs = [backward.get(x, editor.now(x)) if type(x) is Node else x for x in node.operands]
                editor.new[node] = replaced(editor, node, xs)
                continue
            if node.name not in names:
                editor.new[node] = editor.keep(node)
                continue
            nameless, named = (
                Node(node.op, editor.operands(node), node.params, node.shape, node.dtype, node.weak, name)
                for name in (None, node.name)
            )
            editor.new[node] = nameless
            editor.steps.append(nameless)
            if node.op is not None and node.op.kind == "elementwise":
                backward[node] = named
                editor.steps.append(named)
        done = editor.done()
        value, *gradients = program.outputs
        gradients = [backward.get(x, editor.now(x)) if type(x) is Node else x for x in gradients]
        return Program(done.inputs, done.captures, done.steps, (editor.now(value), *gradients))

    return separate


def replaced(editor: Editor, node: Node, operands: Sequence[Operand]) -> Node:
    """The step with other operands, which do not change its shape and dtype."""
    if all(a is b for a, b in zip(operands, node.operands, strict=True)):
        return editor.keep(node)
    new = Node(node.op, tuple(operands), node.params, node.shape, node.dtype, node.weak, node.name)
    editor.steps.append(new)
    return new


def drop_needless_guards(program: Program) -> Program:
    """settle(g, g * d) is g * d if d is finite whatever the inputs are.

    The sweep writes the guard upstream of a choice (`where`, `max`), where d may be infinite in the branch not taken;
    there it stays.
    """
    known = Ranges()

    def visit(editor: Editor, node: Node) -> Operand:
        new = _unguarded(editor, node, known)
        if new is not None:
            if node.name is not None and type(new) is Node and new.name is None:
                new.name = node.name
            return new
        return editor.keep(node)

    return edited(program, visit)


def _unguarded(editor: Editor, node: Node, known: Ranges) -> Operand | None:
    """What a guard guards, if it is not needed."""
    if node.op is not settle:
        return None
    g, gx = editor.operands(node)
    if type(gx) is not Node or gx.shape != node.shape or gx.dtype != node.dtype:
        return None
    if gx.op is e.negative and gx.operands[0] is g:
        return gx
    if gx.op is e.multiply and g in _nodes(gx.operands):
        d = gx.operands[1] if gx.operands[0] is g else gx.operands[0]
        return gx if known.is_finite(d) else None
    if gx.op is e.divide and gx.operands[0] is g and is_scalar(gx.operands[1]) and gx.operands[1] != 0:
        return gx
    return None


def _nodes(operands: Sequence[Operand]) -> list[Node]:
    return [x for x in operands if type(x) is Node]
