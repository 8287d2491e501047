"""A body as Python source: one step as a function, or the loop over its steps.

In the loop what each step gives is computed where it is to lie (in its row of the stack), and a sum that is carried
along is added to in place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import tree
from ..program import Node, Operand, Program, is_scalar, shape_of
from ..simplify import is_view
from .execute import execute, forget_with
from .plan import makes_memory, plan, writes_into
from .stacks import StackMemory
from .writer import Writer

Code = tuple[str, Callable[..., Any]]
"""The source, and the function."""


def write_step(program: Program) -> Code:
    """The body of its inputs, to the list of its results."""
    writer = Writer(program, plan(program))
    _, structure = tree.flatten([0.0] * len(program.outputs))
    return _run(writer.write(structure), writer, "body")


def write_loop(program: Program, carries: int, each: int) -> Code:
    """loop(length, reverse, carry, x stacks, constants) -> the last carry and the stacks of results, in one tuple."""
    writer = _LoopWriter(program, carries, each)
    return _run(writer.write_loop(), writer, "loop")


def _run(lines: list[str], writer: Writer, name: str) -> Code:
    text = "\n".join(lines) + "\n"
    filename = execute(text, "loop", writer.names)
    forget_with(writer.names[name], filename)
    return text, writer.names[name]


class _LoopWriter(Writer):
    def __init__(self, program: Program, carries: int, each: int) -> None:
        super().__init__(program, plan(program))
        self.carries, self.each = carries, each
        self.rows: dict[Node, int] = {}  # results that are computed in their row of a stack: its number
        uses = Counter(x for node in program.steps for x in node.operands if type(x) is Node)
        uses.update(x for x in program.outputs if type(x) is Node)
        for k, x in enumerate(program.outputs[carries:]):
            if type(x) is Node and x not in self.rows and writes_into(x):
                self.rows[x] = k
        for number, x in enumerate(program.outputs[:carries]):
            old = program.inputs[number]
            if type(x) is Node and x not in self.rows and _adds_to(x, old) and uses[old] == uses[x] == 1:
                self.local[x] = self.local[old]
        self.local.update((node, f"r{k}") for node, k in self.rows.items())

    def write_loop(self) -> list[str]:
        program, carries, each = self.program, self.carries, self.each
        self._lay_out()
        names = [self.local[node] for node in program.inputs]
        carry, xs, constants = names[:carries], names[carries : carries + each], names[carries + each :]
        fixed = self._find_views(program.inputs[carries + each :])
        before = [line for node in fixed for line in self._write_step(node)]
        left = [node for node in program.steps if node not in self.plan.views and node not in fixed]
        steps = [line for node in left for line in self._write_step(node)]
        stacked = program.outputs[carries:]
        lines = self._write_arena()
        lines.append(f"def loop(length, reverse, {', '.join([*carry, *(f'{x}s' for x in xs), *constants])}):")
        lines += self._describe_inputs()
        lines += self._take_arena()
        for k, x in enumerate(stacked):
            memory = self.bind(StackMemory(shape_of(x), _dtype(x)), "stack", k)
            lines.append(f"    y{k} = {memory}.take(length)  # {shape_of(x)} {_dtype(x)}")
        lines += before
        lines += [f"    {name} = np.array({name})" for name, x in zip(carry, program.inputs, strict=False) if x.shape]
        rows = {f"r{k}": f"y{k}" for k in self.rows.values()}
        given = {**{x: f"{x}s" for x in xs}, **rows}
        turned = ", ".join(f"({name}[::-1] if reverse else {name})" for name in given.values())
        places = "(range(length - 1, -1, -1) if reverse else range(length))"
        lines.append(f"    for i, {''.join(name + ', ' for name in given)}in zip({places}, {turned}):")
        lines += [f"    {line}" for line in steps]
        for k, x in enumerate(stacked):
            if not (type(x) is Node and self.rows.get(x) == k):
                lines.append(f"        y{k}[i] = {self.spell_operand(x)}")
        moved = [(name, x) for name, x in zip(carry, program.outputs, strict=False) if self._name(x) != name]
        if moved:
            lines.append(
                f"        {', '.join(n for n, _ in moved)} = {', '.join(self._spell_carry(x) for _, x in moved)}"
            )
        if not steps and not stacked and not moved:
            lines.append("        pass")
        if self.arena:
            lines.append("    pool.append(memory)")
        results = [
            f"np.array({name})" if x.shape else f"{self.bind(x.dtype.type, 'type', x.dtype)}({name})"
            for name, x in zip(carry, program.inputs, strict=False)
        ]
        return [*lines, f"    return {', '.join([*results, *(f'y{k}' for k in range(len(stacked)))])},"]

    def _find_views(self, constants: Sequence[Node]) -> dict[Node, None]:
        """The views of what is the same in every step."""
        known = set(constants)
        found: dict[Node, None] = {}
        for node in self.program.steps:
            if is_view(node) and type(node.operands[0]) is Node and node.operands[0] in known:
                known.add(node)
                found[node] = None
        return found

    def _name(self, x: Operand) -> str | None:
        return self.local.get(x) if type(x) is Node else None

    def _spell_carry(self, x: Operand) -> str:
        """The carry for the next step: a row of a stack stays as it is, memory of the arena does not."""
        text = self.spell_operand(x)
        lasting = is_scalar(x) or (type(x) is Node and (x.weak or x in self.rows or x.op is None))
        # A number is its own, but for a view of the arena, as x.reshape(()).
        if type(x) is Node and not x.shape and makes_memory(x):
            return text
        made = type(x) is Node and x.op is not None and x not in self.plan.offset and x not in self.plan.views
        if lasting or (made and writes_into(x)):
            return text
        return f"np.array({text})"


def _adds_to(node: Node, old: Node) -> bool:
    """Whether the step can write its result over this operand, entry by entry."""
    if node.op is None or node.op.kind != "elementwise" or not writes_into(node):
        return False
    return any(x is old for x in node.operands) and old.shape == node.shape and old.dtype == node.dtype


def _dtype(x: Operand) -> Any:
    return x.dtype if type(x) is Node else np.asarray(x).dtype
