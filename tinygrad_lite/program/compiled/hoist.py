"""What a scan need not do in each of its steps.

* What nobody reads is left out: results, and carries that lead to none.
* What depends on constants alone is done once, before the loop.
* A product of a row of xs and a constant is done for all rows at once, before the loop; a result that is the product of
  something and a constant, behind it.
* A carry to which each step adds something, and which nobody reads on the way, as the cotangent of a weight, is added
  up behind the loop; where products are added up, by one product.

What is done at once lies in memory for all steps at once. So it is done only where that is no more than lies there
anyhow, and never in a scan that computes again what it could store (`recompute`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...axes import reduced_axes
from ...op import Op, pick
from ...rules.elementwise import add, multiply
from ...rules.products import matmul
from ...rules.reductions import sum as add_up
from ...rules.shaping import reshape, transpose
from ..program import Editor, Node, Operand, Program, is_scalar, shape_of
from ..simplify import drop_dead, is_view
from .body import Body, bodies_of, sample
from .optimise import is_scan, merge_loops
from .scan import scan_op, split

Stacks = Callable[[Operand], Operand]
"""From a value of the body to the array of what it is in all steps."""
Made = Callable[[Stacks], Node]
"""Adds the steps behind the loop that make a result of stacks."""


def hoist(program: Program) -> Program:
    """The program with less to do in each step of its scans, and of those inside its loops."""
    if not any(map(bodies_of, program.steps)):
        return program
    program = merge_loops(drop_dead(program))
    users = program.users()
    returned = {x for x in program.outputs if type(x) is Node}
    editor = Editor(program)
    for node in program.steps:
        if is_scan(node) and node.params["length"] > 1:
            parts = [node] if node.shape is not None else users[node]
            wanted = {x: 0 if x is node else x.params["index"] for x in parts if users[x] or x in returned}
            editor.replacements.update(_Scan(editor, node, wanted).write())
        elif node not in editor.replacements:
            same = editor.update(node)
            bodies = {name: Body(hoist(body.program), body.samples) for name, body in bodies_of(node)}
            if bodies:
                same = Node(node.op, same.operands, node.params | bodies, node.shape, node.dtype, node.weak, node.name)
            editor.steps.append(same)
            editor.replacements[node] = same
    return drop_dead(editor.finish())


@dataclass(frozen=True)
class _Side:
    """A side of a product. row: a value whose stack it is made of. axes: the order that the stack's axes then have, so
    that the axis that is summed over comes beside that of the steps."""

    row: Node
    axes: tuple[int, ...] | None


class _Scan:
    """A scan taken apart: the inputs of its body with what they are given, and what is wanted of it.

    wanted: results, steps of the program, with their numbers.
    """

    def __init__(self, editor: Editor, node: Node, wanted: dict[Node, int]) -> None:
        self.editor, self.params, self.length = editor, node.params, int(node.params["length"])
        body = hoist(node.params["body"].program)
        carries, each = node.params["carries"], node.params["each"]
        names, given = split(body.inputs, carries, each), split(editor.operands(node), carries, each)
        self.carry, self.rows, self.constants = (
            dict(zip(a, b, strict=True)) for a, b in zip(names, given, strict=True)
        )
        self.steps: list[Node] = list(body.steps)
        self.next: dict[Node, Operand] = dict(zip(self.carry, body.outputs, strict=False))
        self.lasts: dict[Node, Node] = {x: names[0][i] for x, i in wanted.items() if i < carries}
        self.stacks: dict[Node, Operand] = {x: body.outputs[i] for x, i in wanted.items() if i >= carries}
        self.made: dict[Node, Made] = {}
        self.crossing: dict[Node, None] = {}  # values of which something is made behind the loop
        self.room = 0  # bytes a step that may still be stored

    def write(self) -> dict[Node, Operand]:
        """Add the steps; what stands for each result that is wanted."""
        self._leave_out()
        self._move_constants()
        if not self.params["recompute"]:
            self.room = sum(x.nbytes for x in self._list_stored())
            self._multiply_before()
            self._sum_behind()
            self._multiply_behind()
        self._leave_out()
        lasts, stacks = self._rebuild()

        def stack_of(x: Operand) -> Operand:
            return self.rows[x] if type(x) is Node and x in self.rows else stacks[_key(x)]

        found: dict[Node, Operand] = {x: lasts[name] for x, name in self.lasts.items()}
        found |= {x: stack_of(y) for x, y in self.stacks.items()}
        return found | {x: make(stack_of) for x, make in self.made.items()}

    def _results(self) -> list[Operand]:
        """What is to be known of every step."""
        return [*self.stacks.values(), *self.crossing]

    def _outputs(self) -> list[Operand]:
        return [*self.next.values(), *self._results()]

    def _list_stored(self) -> set[Node]:
        """What lies in memory for all steps."""
        return {*self.rows, *self.crossing, *(x for x in self.stacks.values() if type(x) is Node)}

    def _is_constant(self, x: Operand) -> bool:
        return type(x) is not Node or x in self.constants or (is_view(x) and self._is_constant(x.operands[0]))

    def _outside(self, x: Operand) -> Operand:
        """A constant, outside the loop."""
        if type(x) is not Node or x in self.constants:
            return self.constants[x] if type(x) is Node else x
        assert x.op is not None
        return self._emit(x.op, [self._outside(x.operands[0])], x.shape, x.dtype, x.params)

    def _emit(
        self, op: Op, operands: Sequence[Operand], shape: Any, dtype: Any, params: dict[str, Any] | None = None
    ) -> Node:
        """A step outside the loop."""
        node = Node(op, tuple(operands), params or {}, shape, dtype)
        self.editor.steps.append(node)
        return node

    def _reshape(self, x: Operand, shape: tuple[int, ...], dtype: Any) -> Any:
        return x if shape_of(x) == shape else self._emit(reshape, [x], shape, dtype, {"shape": shape})

    def _transpose(self, x: Operand, axes: tuple[int, ...], dtype: Any) -> Node:
        return self._emit(transpose, [x], tuple(shape_of(x)[axis] for axis in axes), dtype, {"axes": axes})

    # -- what is left out

    def _leave_out(self) -> None:
        live = {x for x in (*self.lasts.values(), *self._results()) if type(x) is Node and x not in self.rows}
        count = 0
        while len(live) > count:  # a carry that is live makes others so
            count = len(live)
            live.update(x for name, x in self.next.items() if name in live and type(x) is Node)
            for node in reversed(self.steps):
                if node in live:
                    live.update(x for x in node.operands if type(x) is Node)
        self.steps = [node for node in self.steps if node in live]
        self.carry, self.next = (
            {name: x for name, x in part.items() if name in live} for part in (self.carry, self.next)
        )

    # -- before the loop

    def _move_constants(self) -> None:
        """(A view stays: it costs nothing, and a printer wants to see what it is of.)"""
        known = dict(self.constants)
        moved: dict[Node, Operand] = {}
        for node in self.steps:
            if all(type(x) is not Node or x in known for x in node.operands):
                step = node.with_operands([known[x] if type(x) is Node else x for x in node.operands])
                self.editor.steps.append(step)
                known[node] = step
                if not is_view(node):
                    moved[node] = step
        self._give(moved, self.constants)

    def _multiply_before(self) -> None:
        found: dict[Node, Operand] = {}
        for node in self.steps:
            for row, constant in _factors(node):
                if type(row) is Node and row in self.rows and self._is_constant(constant) and node.nbytes <= self.room:
                    found[node] = self._multiply(node, row, self.rows[row], constant)
                    self.room -= node.nbytes
        self._give(found, self.rows)

    def _give(self, found: dict[Node, Operand], inputs: dict[Node, Operand]) -> None:
        """Make inputs of what steps have computed so far. found: these steps, with what is given in their place."""
        known = {x: Node(None, (), {}, x.shape, x.dtype, x.weak, x.name) for x in found}
        left = [node for node in self.steps if node not in found]
        read = {x for node in left for x in node.operands if type(x) is Node}
        read.update(x for x in self._outputs() if type(x) is Node)
        inputs.update((known[x], given) for x, given in found.items() if x in read)

        def look_up(x: Operand) -> Operand:
            return known.get(x, x) if type(x) is Node else x

        self.steps = []
        for node in left:
            known[node] = node.with_operands([look_up(x) for x in node.operands])
            self.steps.append(known[node])
        self.next = {name: look_up(x) for name, x in self.next.items()}
        self.stacks = {x: look_up(y) for x, y in self.stacks.items()}

    # -- behind the loop

    def _store(self, rows: Sequence[Node]) -> bool:
        """Whether there is room to store these in every step; then that is done."""
        more = sum(x.nbytes for x in dict.fromkeys(rows) if x not in self._list_stored())
        if more > self.room:
            return False
        self.room -= more
        self.crossing |= dict.fromkeys(rows)
        return True

    def _count_uses(self) -> Counter[Node]:
        found = (x for node in self.steps for x in node.operands)
        return Counter(x for x in (*found, *self._outputs()) if type(x) is Node)

    def _sum_behind(self) -> None:
        uses = self._count_uses()
        for result, name in list(self.lasts.items()):
            total, start = self.next[name], self.carry[name]
            if type(total) is not Node or total.op is not add or uses[total] != 1 or uses[name] != 1:
                continue
            terms = [x for x in total.operands if x is not name]
            if len(terms) != 1 or self._is_constant(terms[0]) or not _is_like(terms[0], name):
                continue
            make = self._sum_of(terms[0])
            if make is not None:
                self.made[result] = self._add_to(start, make)
                del self.lasts[result]

    def _add_to(self, start: Operand, make: Made) -> Made:
        def make_total(stacks: Stacks) -> Node:
            total = make(stacks)
            return self._emit(add, [start, total], total.shape, total.dtype)

        return make_total

    def _sum_of(self, term: Node) -> Made | None:
        """What makes the sum over all steps; None where there is no room."""
        x, *others = term.operands or (None,)
        is_step = type(x) is Node and not self._is_constant(x)
        if is_step and _is_linear(term) and x.nbytes <= term.nbytes and all(map(self._is_constant, others)):
            make = self._sum_of(x)
            return make and self._apply(term, make, others)
        sides = _as_product(term)
        if sides and not any(self._is_constant(side.row) for side in sides) and self._store([s.row for s in sides]):
            return lambda stacks: self._multiply_stacks(term, *sides, stacks)
        if is_step and term.op is add_up and x in self._list_stored():
            self._store([x])
            axes = (0, *(axis + 1 for axis in reduced_axes(term.params.get("axis"), len(x.shape))))
            return lambda stacks: self._reshape(self._add_up(stacks(x), axes, term.dtype), term.shape, term.dtype)
        return (lambda stacks: self._add_up(stacks(term), (0,), term.dtype)) if self._store([term]) else None

    def _apply(self, term: Node, make: Made, others: Sequence[Operand]) -> Made:
        """A linear step of the sum, in place of the sum of the steps."""

        def make_step(stacks: Stacks) -> Node:
            assert term.op is not None
            operands = [make(stacks), *map(self._outside, others)]
            return self._emit(term.op, operands, term.shape, term.dtype, term.params)

        return make_step

    def _add_up(self, stack: Operand, axes: tuple[int, ...], dtype: Any) -> Node:
        shape = tuple(n for axis, n in enumerate(shape_of(stack)) if axis not in axes)
        return self._emit(add_up, [stack], shape, dtype, {"axis": axes})

    def _multiply_stacks(self, term: Node, left: _Side, right: _Side, stacks: Stacks) -> Node:
        """The sum of the products of all steps, as one of matrices in which all steps stand side by side."""
        rows, columns = term.shape
        sides = []
        for side in (left, right):
            stack, middle = stacks(side.row), self.length * side.row.size
            if side.axes is not None:
                stack = self._transpose(stack, side.axes, side.row.dtype)
            shape = (rows, middle // rows) if side is left else (middle // columns, columns)
            sides.append(self._reshape(stack, shape, side.row.dtype))
        return self._emit(matmul, sides, term.shape, term.dtype)

    def _multiply_behind(self) -> None:
        uses = self._count_uses()
        often = Counter(x for x in self.stacks.values() if type(x) is Node)
        for result, node in list(self.stacks.items()):
            if type(node) is not Node or uses[node] != often[node] or node in self.crossing:
                continue
            for row, constant in _factors(node):
                if not self._is_constant(row) and self._is_constant(constant) and self._store([row]):
                    self.made[result] = self._multiply_later(node, row, constant)
                    del self.stacks[result]
                    break

    def _multiply_later(self, node: Node, row: Node, constant: Operand) -> Made:
        return lambda stacks: self._multiply(node, row, stacks(row), constant)

    # -- products of all rows and a constant

    def _multiply(self, node: Node, row: Node, stack: Operand, constant: Operand) -> Node:
        """What a product of a row and a constant is in all steps. stack: all rows."""
        is_left = node.operands[0] is row
        constant = self._outside(constant)
        rows, fixed, shape = row.shape, shape_of(constant), (self.length, *node.shape)
        if len(rows) == 2 and is_left:
            stack = self._reshape(stack, (self.length * rows[0], rows[1]), row.dtype)
            product = self._emit(matmul, [stack, constant], (self.length * rows[0], *fixed[1:]), node.dtype)
            return self._reshape(product, shape, node.dtype)  # type: ignore[no-any-return]
        if len(rows) == 1:
            turned = constant if is_left or len(fixed) == 1 else self._transpose(constant, (1, 0), node.dtype)
            return self._emit(matmul, [stack, turned], shape, node.dtype)
        return self._emit(matmul, [constant, stack], shape, node.dtype)

    # -- the loop

    def _rebuild(self) -> tuple[dict[Node, Node], dict[Any, Node]]:
        """The scan of what is left. The last of each carry, and the stack of each result that needs one, by its key."""
        ys = {_key(x): x for x in self._results() if type(x) is not Node or x not in self.rows}
        outputs = (*self.next.values(), *ys.values())
        if not outputs:
            return {}, {}
        read = {x for node in self.steps for x in node.operands if type(x) is Node}
        read.update(x for x in outputs if type(x) is Node)
        rows, constants = ([name for name in part if name in read] for part in (self.rows, self.constants))
        inputs = (*self.carry, *rows, *constants)
        body = Body(Program(inputs, (), tuple(self.steps), outputs), [sample(x) for x in inputs])
        op = scan_op(len(outputs), body.has_choice)
        params = self.params | {"body": body, "carries": len(self.carry), "each": len(rows), "extends": None}
        operands = (
            *self.carry.values(),
            *(self.rows[name] for name in rows),
            *(self.constants[name] for name in constants),
        )
        kinds = [(x.shape, x.dtype) for x in self.carry]
        kinds += [
            ((self.length, *shape_of(x)), x.dtype if type(x) is Node else np.asarray(x).dtype) for x in ys.values()
        ]
        whole = Node(op, operands, params, *(kinds[0] if len(kinds) == 1 else (None, None)))
        self.editor.steps.append(whole)
        if len(kinds) == 1:
            parts = [whole]
        else:
            parts = [Node(pick, (whole,), {"index": i}, *kind) for i, kind in enumerate(kinds)]
            self.editor.steps += parts
        carries = len(self.carry)
        return dict(zip(self.carry, parts, strict=False)), dict(zip(ys, parts[carries:], strict=True))


def _key(x: Operand) -> Any:
    return x if type(x) is Node else (type(x), repr(x)) if is_scalar(x) else id(x)


def _is_linear(node: Node) -> bool:
    """Whether the step is linear in its first operand, and its other operands do not change that."""
    if node.op is None or node.op is pick:  # of several results nothing is known as one
        return False
    return (node.op.kind == "linear" or is_view(node)) and node.dtype == node.operands[0].dtype


def _is_like(x: Node, name: Node) -> bool:
    return x.shape == name.shape and x.dtype == name.dtype and not x.weak and x.dtype.kind in "fc"


def _factors(node: Node) -> list[tuple[Any, Any]]:
    """The operands of a product of matrices or vectors, in both orders; none of another step."""
    if node.op is not matmul or not node.size or any(not 1 <= len(shape_of(x)) <= 2 for x in node.operands):
        return []
    left, right = node.operands
    return [(left, right), (right, left)] if left is not right else []


def _as_product(term: Node) -> tuple[_Side, _Side] | None:
    """The sides of a product of two matrices, or of a column and a row; None if it is none."""
    if len(term.shape) != 2 or not term.size or len(term.operands) != 2:
        return None
    if any(type(x) is not Node or x.dtype != term.dtype for x in term.operands):
        return None
    left, right = term.operands
    if term.op is matmul and len(left.shape) == len(right.shape) == 2:
        (a, turned_a), (b, turned_b) = _turn_back(left), _turn_back(right)
        return _Side(a, (2, 0, 1) if turned_a else (1, 0, 2)), _Side(b, (0, 2, 1) if turned_b else None)
    if term.op is multiply:
        columns, rows = term.shape
        for a, b in ((left, right), (right, left)):
            if a.shape == (columns, 1) and b.shape in ((rows,), (1, rows)):
                return _Side(a, (1, 0, 2)), _Side(b, None)
    return None


def _turn_back(x: Node) -> tuple[Any, bool]:
    """The matrix of which this is the transpose, and that it is; or itself."""
    if x.op is transpose and x.params.get("axes") in (None, (1, 0)) and type(x.operands[0]) is Node:
        return x.operands[0], True
    return x, False
