"""Writer: a planned program as Python source, one NumPy call a step.

The source has three functions. `arena()` allocates the reused memory, with every buffer and view as an array of its
own, so that nothing is sliced or reshaped in the steady state. `body(x0, x1, …)` takes arrays and computes.
`entry(a0, …)` recognises arguments of the one kind the program was made for, takes the arrays out of them, and calls
`body`; given anything else it returns NotImplemented.

What the source refers to (dtypes, constants, captured tensors, NumPy's functions) is bound to made-up names: nothing
that a user typed becomes code, except string keys, escaped, and names in comments, escaped too.
"""

from __future__ import annotations

import ast
import functools
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from ... import tree
from ...op import Op
from ...rules.elementwise import divide, maximum, minimum
from ...rules.indexing import where
from ...rules.products import matmul
from ..program import Node, Operand, Program, is_scalar, is_weak
from ..simplify import is_view
from ..spelling import Speller
from ..text import text
from .plan import Plan, makes_memory

_RESERVED = {
    "np",
    "NotImplemented",
    "arena",
    "body",
    "entry",
    "pool",
    "memory",
    "outside",
    "found",
    "start",
    "float",
    "int",
    "dict",
    "list",
    "tuple",
    "type",
}


_spell_dtype = functools.cache(str)  # NumPy's own took a third of the time that writing a step takes


def _has_loop_of(ufunc: np.ufunc, dtype: np.dtype[Any]) -> bool:
    """Whether the ufunc makes a result of this dtype from operands of this dtype."""
    return f"{dtype.char * ufunc.nin}->{dtype.char}" in ufunc.types


def _is_of_python(node: Node) -> bool:
    """Whether the step is written with an operator between (or before) numbers, which takes a tenth of the time that a
    call of the ufunc takes."""
    op = node.op
    assert op is not None
    raises = op is divide and node.weak  # in Python, 1.0 / 0.0 does
    return node.shape == () and op.is_arithmetic and not raises


class Writer:
    """Collects the source of one program. text: the source, once written. names: what it refers to."""

    def __init__(self, program: Program, plan: Plan) -> None:
        self.program = program
        self.plan = plan
        self.names: dict[str, Any] = {"np": np, "pool": []}
        self.local: dict[Node, str] = {}  # what the source calls each value
        self.arena: dict[str, str] = {}  # name -> expression, for all that lives in the arena
        self.bound: dict[Any, str] = {}
        self.count: Counter[str] = Counter()  # of what is bound, by prefix
        self.speller = Speller(self.bind, lambda op: self.name_function(op.fn), {}, lambda array: True)
        for i, node in enumerate(program.inputs):
            self.local[node] = f"x{i}"
        for i, (node, tensor) in enumerate(program.captures):
            self.local[node] = f"w{i}"
            self.names[f"captured{i}"] = tensor

    def write(self, structure: tree.Structure) -> list[str]:
        """The lines of `arena` and `body`; structure: of the returned tree."""
        self._lay_out()
        steps = [line for node in self.program.steps if node not in self.plan.views for line in self._write_step(node)]
        results = self._pack(structure, iter(self._list_results()))
        lines = self._write_arena()
        lines.append(f"def body({', '.join(self.local[node] for node in self.program.inputs)}):")
        lines += self._describe_inputs()
        lines += self._take_arena()
        for i, (node, _) in enumerate(self.program.captures):
            lines.append(f"    {self.local[node]} = captured{i}._array")
        lines += steps
        if self.arena:
            lines.append("    pool.append(memory)")
        return [*lines, f"    return {results}"]

    # -- names

    def bind(self, value: Any, prefix: str, key: Any = None) -> str:
        """A name for a value; the same value (or key) has one name."""
        key = (prefix, id(value) if key is None else key)
        if key not in self.bound:
            self.bound[key] = f"{prefix}{self.count[prefix]}"
            self.count[prefix] += 1
            self.names[self.bound[key]] = value
        return self.bound[key]

    def name_function(self, fn: Any, name: str = "") -> str:
        """A name for a function: its own if it is NumPy's, else one that ends in a number of ours."""
        known = name or getattr(fn, "__name__", "f")
        if (name or vars(np).get(known) is fn) and known not in _RESERVED:
            self.names[known] = fn
            return known
        return self.bind(fn, "".join(c if c.isascii() and c.isalnum() else "_" for c in f"f_{known}_"))

    def spell_keyword(self, value: Any) -> str:
        """A keyword argument: written out if it is made of whole numbers, bound otherwise."""
        plain = (int, bool, type(None))
        if type(value) in plain or (type(value) is tuple and all(type(v) in plain for v in value)):
            return repr(value)
        return self.bind(value, "parameter")

    def spell_operand(self, x: Operand, dtype: Any = None) -> str:
        """An operand. A number goes in as an array of the step's dtype: 0.2 µs less than NumPy's own conversion."""
        if type(x) is Node and not (x.weak and dtype is not None):
            return self.local[x]
        if type(x) is Node:
            return self.bound["box", x, dtype]
        if not is_scalar(x):
            return self.bind(x, "constant")
        if dtype is not None:
            return self.bind(np.asarray(x, dtype), "number", (repr(x), type(x), dtype))
        if type(x) in (int, bool) or (type(x) is float and np.isfinite(x)):
            return repr(x)
        return self.bind(x, "number", (repr(x), type(x)))

    # -- the arena

    def _lay_out(self) -> None:
        """Name everything that lives in the arena."""
        made: dict[Any, str] = {}
        for node in self.program.steps:
            if node in self.plan.offset:
                place = (self.plan.offset[node], node.shape, node.dtype)
                if place not in made:  # the same memory in the same shape has one name
                    made[place] = f"m{len(self.arena)}"
                    dtype = self.bind(node.dtype, "dtype", node.dtype)
                    self.arena[made[place]] = f"np.ndarray({node.shape}, {dtype}, memory, start + {place[0]})"
                self.local[node] = made[place]
            elif node in self.plan.views:
                expression = self._spell_view(node)
                if expression not in made:
                    made[expression] = f"m{len(self.arena)}"
                    self.arena[made[expression]] = expression
                self.local[node] = made[expression]

    def _write_arena(self) -> list[str]:
        if not self.arena:
            return []
        lines = ["def arena():", f"    memory = np.empty({self.plan.size + 64}, np.uint8)"]
        lines.append("    start = -memory.ctypes.data % 64")
        lines += [f"    {name} = {expression}" for name, expression in self.arena.items()]
        return [*lines, f"    return {', '.join(self.arena)},", "", ""]

    def _take_arena(self) -> list[str]:
        """The lines by which a call gets the arrays of the arena; none if there are none."""
        if not self.arena:
            return []
        lines = ["    try:", "        memory = pool.pop()", "    except IndexError:", "        memory = arena()"]
        return [*lines, f"    {', '.join(self.arena)}, = memory"]

    def _fill_boxes(self, node: Node, dtype: Any) -> Iterator[str]:
        """Put Python floats among the operands into 0-d arrays; yields the lines that do it."""
        for x in node.operands:
            if type(x) is Node and x.weak and ("box", x, dtype) not in self.bound:
                name = self.bound["box", x, dtype] = f"s{len(self.arena)}"
                self.arena[name] = f"np.empty((), {self.bind(dtype, 'dtype', dtype)})"
                yield f"    {name}.fill({self.local[x]})"

    # -- the steps

    def _describe_inputs(self) -> list[str]:
        lines = []
        for node in (*self.program.inputs, *(node for node, _ in self.program.captures)):
            kind = node.python_type.__name__ if node.weak else f"{node.dtype} {node.shape}"
            name = ascii(node.name)[1:-1] if node.name else "a Tensor from outside"
            lines.append(f"    # {self.local[node]}: {name}, {kind}")
        return lines

    def _write_step(self, node: Node) -> list[str]:
        op = node.op
        assert op is not None
        lines = []
        dtype = self._constant_dtype(node)
        if dtype is not None:
            lines = list(self._fill_boxes(node, dtype))
        into = self.local.get(node)
        if into is not None:
            code = self._spell(node, op, dtype, into)
        else:
            call = self._spell(node, op, dtype, None)
            into = self.local[node] = f"t{len(self.local)}"
            number = node.weak and not _is_of_python(node)  # NumPy's number would decide dtypes
            code = f"{into} = {node.python_type.__name__}({call})" if number else f"{into} = {call}"
        shape = "several results" if node.shape is None else f"{node.shape} {_spell_dtype(node.dtype)}"
        name = f"  {ascii(node.name)[1:-1]}" if node.name else ""
        return [*lines, f"    {code:<56}  # {into} {shape}  {ascii(op.name)[1:-1]}{name}"]

    def _constant_dtype(self, node: Node) -> Any:
        """The dtype that numbers among the operands of a ufunc are given; None to leave them to NumPy."""
        op = node.op
        if op is None or not isinstance(op.fn, np.ufunc) or not node.shape:
            return None
        arrays = [x for x in node.operands if type(x) is Node]
        same = all(x.dtype == node.dtype for x in arrays if not x.weak) and node.dtype != np.bool_
        if same and _has_loop_of(op.fn, node.dtype):
            return node.dtype
        numbers = [x for x in node.operands if type(x) is not Node]
        if (
            node.dtype == np.bool_
            and len(arrays) == len(numbers) == 1
            and arrays[0].shape
            and type(numbers[0]) in (int, float)
        ):
            dtype = arrays[0].dtype
            if dtype.kind == "f" and dtype.type(numbers[0]) == numbers[0]:  # a comparison with a number it can hold
                return dtype
        return None

    def _spell(self, node: Node, op: Op, dtype: Any, into: str | None) -> str:
        xs = node.operands
        if is_view(node):
            return self._spell_view(node)
        if _is_of_python(node) or (op.python is not None and not isinstance(op.fn, np.ufunc)):
            return self._spell_expression(node)
        if op.reduces is not None:
            reduce = self.name_function(op.reduces.reduce, f"{op.reduces.__name__}_reduce")
            axis, keepdims = (
                self.spell_keyword(node.params.get("axis")),
                self.spell_keyword(node.params.get("keepdims", False)),
            )
            return f"{reduce}({self.spell_operand(xs[0])}, {axis}, None, {into}, {keepdims})"
        if op is matmul:
            if any(len(np.shape(x) if type(x) is not Node else x.shape) > 2 for x in xs):
                return self._call_function(np.matmul, xs, None, {}, into, True)
            # The same BLAS for less: a call of the method takes 0.5 µs, of np.dot 0.7 µs, of np.matmul 0.9 µs.
            left, right = self.spell_operand(xs[0]), self.spell_operand(xs[1])
            return f"{left}.dot({right})" if into is None else f"{left}.dot({right}, {into})"
        if op is where:
            # A number goes in in the result's dtype, so that nothing is converted entry by entry.
            arguments = [self.spell_operand(x, None if type(x) is Node else node.dtype) for x in xs[1:]]
            return f"{self.name_function(np.where)}({self.spell_operand(xs[0])}, {', '.join(arguments)})"
        positional = op not in (maximum, minimum)  # for which NumPy deprecates a positional out
        return self._call_function(op.fn, xs, dtype, node.params, into, positional)

    def _call_function(
        self, fn: Any, xs: Sequence[Operand], dtype: Any, params: dict[str, Any], into: str | None, positional: bool
    ) -> str:
        arguments = [self.spell_operand(x, dtype) for x in xs]
        arguments += [f"{name}={self.spell_keyword(value)}" for name, value in params.items()]
        if into is not None:
            arguments.append(into if positional else f"out={into}")
        return f"{self.name_function(fn)}({', '.join(arguments)})"

    def _spell_view(self, node: Node) -> str:
        assert node.op is not None
        operand = self.spell_operand(node.operands[0])
        if is_weak(node.operands[0]):  # a Python number has no such methods
            operand = f"{self.bind(np.asarray, 'asarray')}({operand})"
        if node.op.reshapes and node.params.get("order", "C") == "C":  # the method takes a third of np.reshape's time
            return f"{operand}.reshape({node.shape})"
        return text(self.speller.spell(node, [ast.Name(operand)]))

    def _spell_expression(self, node: Node) -> str:
        """The step as a person would write it, where nothing is faster."""
        return text(self.speller.spell(node, [ast.Name(self.spell_operand(x)) for x in node.operands]))

    # -- the results

    def _list_results(self) -> Iterable[str]:
        """The outputs, each in memory of its own."""
        seen: set[Node] = set()
        for x in self.program.outputs:
            text = self.spell_operand(x)
            fresh = is_scalar(x) or (type(x) is Node and (x.weak or (x not in seen and makes_memory(x))))
            if type(x) is Node:
                seen.add(x)
            yield text if fresh else f"{text}.copy()"

    def _pack(self, structure: tree.Structure, results: Iterator[str]) -> str:
        """The expression of the returned tree."""
        if structure.kind is tree.LEAF:
            return next(results)
        if structure.kind is tree.STATIC:
            return self.bind(structure.meta, "static")
        children = [self._pack(child, results) for child in structure.children]
        if structure.kind is tuple:
            return "(" + "".join(child + ", " for child in children) + ")"
        if structure.kind is list:
            return "[" + ", ".join(children) + "]"
        if structure.kind is dict:
            pairs = zip(structure.meta, children, strict=True)
            return "{" + ", ".join(f"{self.spell_key(key)}: {child}" for key, child in pairs) + "}"
        rebuild, meta = self.bind(structure.rebuild, "rebuild"), self.bind(structure.meta, "static")
        return f"{rebuild}({meta}, [{', '.join(children)}])"

    def spell_key(self, key: Any) -> str:
        return ascii(key) if type(key) in (str, int) else self.bind(key, "key")

    # -- the entry

    def write_entry(
        self,
        arguments: tree.Structure,
        leaves: Sequence[Any],
        static: Container[int] = (),
        reaches_outside: bool = False,
    ) -> list[str] | None:
        """The lines of `entry`; None where arguments of this kind are better taken apart by `tree`.

        arguments: the structure of the tuple of arguments. leaves: theirs. static: which of them are numbers of which
        the program is made, and not given to the body. reaches_outside: whether `outside` is to be
        asked for what the body takes after the arguments.
        """
        entry = _Entry(self, iter(enumerate(leaves)), static)
        for i, child in enumerate(arguments.children):
            if not entry.walk(child, f"a{i}"):
                return None
        head = f"def entry({', '.join(f'a{i}' for i in range(len(arguments.children)))}):"
        return ["", "", head, *entry.finish(reaches_outside)]


class _Entry:
    """Writes the tests by which `entry` recognises its arguments, and the code that takes them apart."""

    def __init__(self, writer: Writer, leaves: Iterator[tuple[int, Any]], static: Container[int]) -> None:
        self.writer = writer
        self.leaves = leaves
        self.static = static
        self.lines: list[str] = []
        self.tests: list[str] = []
        self.arrays: list[str] = []
        self.parts = 0

    def walk(self, structure: tree.Structure, value: str) -> bool:
        """Take apart what `value` names; False if this kind is not known here."""
        if structure.kind is tree.LEAF:
            i, x = next(self.leaves)
            self._test_leaf(x, value, i not in self.static)
            return True
        if structure.kind is tree.STATIC:
            self.tests.append(f"{value} is not {self.writer.bind(structure.meta, 'static')}")
            return not isinstance(structure.meta, (str, bytes))  # equal strings need not be the same object
        if structure.kind not in (dict, list, tuple):
            return False
        kind = structure.kind
        same = f"len({value}) != {len(structure.children)}"
        if kind is dict:  # the order of the keys matters to a function that goes through them
            same = f"tuple({value}) != ({''.join(self.writer.spell_key(key) + ', ' for key in structure.meta)})"
        self.tests += [f"type({value}) is not {kind.__name__}", same]
        self._flush_tests()
        parts = [f"v{self.parts + i}" for i in range(len(structure.children))]
        self.parts += len(parts)
        if parts:
            self.lines.append(f"    {', '.join(parts)}, = {value}{'.values()' if kind is dict else ''}")
        return all(self.walk(child, part) for child, part in zip(structure.children, parts, strict=True))

    def _test_leaf(self, x: Any, value: str, dynamic: bool) -> None:
        if type(x) in (int, float, complex):
            self.tests.append(f"type({value}) is not {self.writer.bind(type(x), 'type_')}")
            if dynamic:
                self.arrays.append(value)
            else:
                self.tests.append(f"{value} != {repr(x) if type(x) is int else self.writer.bind(x, 'number')}")
            return
        self.arrays.append(value)
        self.tests.append(f"type({value}) is not {self.writer.bind(type(x), 'type_')}")
        if type(x) is np.ndarray:
            dtype = self.writer.bind(x.dtype, "dtype", x.dtype)
            self.tests += [f"{value}.shape != {x.shape}", f"{value}.dtype is not {dtype}"]

    def _flush_tests(self) -> None:
        if self.tests:
            self.lines += [f"    if {' or '.join(self.tests)}:", "        return NotImplemented"]
            self.tests = []

    def finish(self, reaches_outside: bool) -> list[str]:
        self._flush_tests()
        arrays = self.arrays
        if reaches_outside:
            self.lines += ["    found = outside()", "    if found is None:", "        return NotImplemented"]
            arrays = [*arrays, "*found"]
        return [*self.lines, f"    return body({', '.join(arrays)})"]
