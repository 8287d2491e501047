"""Passes for the reader that are no local rewrites: which array is which, and which step is called a gradient."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import Any

import numpy as np

from ...rules.elementwise import subtract
from ...rules.shaping import transpose
from ..program import Editor, Node, Operand, Program, edit


def name_constants(known: Sequence[Any]) -> Callable[[Program], Program]:
    """A pass: a constant array that is 1 - Y or X.T of a known one, and not itself known, is written so.

    Of arrays that are no arguments such things are computed by NumPy, and never recorded.
    """

    ids = {id(x) for x in known}

    def name(program: Program) -> Program:
        def express(editor: Editor, x: Operand) -> Operand:
            if isinstance(x, np.ndarray) and x.size > 1 and id(x) not in ids and x.dtype.kind in "fi":
                for other in known:
                    if other.dtype != x.dtype:
                        continue
                    if x.ndim == 2 and x.__array_interface__ == other.T.__array_interface__:
                        return editor.add(transpose, other)
                    if other.shape == x.shape and np.array_equal(1 - other, x):
                        return editor.add(subtract, 1, other)
            return x

        def visit(editor: Editor, node: Node) -> Operand:
            return _renew(editor, node, [express(editor, x) for x in editor.operands(node)])

        return edit(program, visit)

    return name


def separate_cotangents(forward: Callable[[Program], set[Node]], names: Container[str]) -> Callable[[Program], Program]:
    """A pass: a gradient that equals a nameless step of the forward pass is a step of its own: dY = Y - T.

    forward: finds the forward pass. names: of gradients.
    """

    def separate(program: Program) -> Program:
        part = forward(program)
        editor = Editor(program)
        backward: dict[Node, Node] = {}  # what the backward pass uses instead
        for node in program.steps:
            if node not in part:
                xs = [backward.get(x, editor.look_up(x)) if type(x) is Node else x for x in node.operands]
                editor.replacements[node] = _renew(editor, node, xs)
                continue
            if node.name not in names:
                editor.replacements[node] = editor.keep(node)
                continue
            nameless, named = (
                Node(node.op, editor.operands(node), node.params, node.shape, node.dtype, node.weak, name)
                for name in (None, node.name)
            )
            editor.replacements[node] = nameless
            editor.steps.append(nameless)
            if node.op is not None and node.op.kind == "elementwise":
                backward[node] = named
                editor.steps.append(named)
        done = editor.finish()
        value, *gradients = program.outputs
        gradients = [backward.get(x, editor.look_up(x)) if type(x) is Node else x for x in gradients]
        return Program(done.inputs, done.captures, done.steps, (editor.look_up(value), *gradients))

    return separate


def _renew(editor: Editor, node: Node, operands: Sequence[Operand]) -> Node:
    """Add the step with other operands, which leave its shape and dtype alone."""
    new = node.with_operands(operands)
    editor.steps.append(new)
    return new
