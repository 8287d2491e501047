"""Page: a simplified program as the text of a NumPy function, and that function."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ... import tree
from ...op import Op
from ...tensor import Tensor
from ..names import Names
from ..program import Node, Program
from ..spelling import Speller
from ..text import Expr, text
from ..trace import Argument
from .helpers import Helpers
from .layout import Layout
from .lines import Line
from .recording import Function, Recording
from .sums import Fact
from .values import find_forward

_ALIGNED = 64  # comments stand below one another, but for lines longer than this


class Page:
    """The text of a simplified program, and the objects from outside that it needs."""

    def __init__(
        self, recording: Recording, program: Program, facts: Sequence[Fact], own_lines: frozenset[str] = frozenset()
    ) -> None:
        self.recording, self.program, self.facts = recording, program, facts
        self.taken = Names(recording.taken)
        self.outside: dict[str, Any] = {}  # globals of the function
        self._names_outside: dict[int, str] = {}  # of these objects, by their ids
        self.title = self.taken.take(recording.title)
        self.function = self.taken.take(f"{self.title}_and_gradient")
        for node, t in program.captures:
            self._add_outside(recording.names[node], t)
        self.helpers = Helpers(self.taken)
        self.sizes = self._find_sizes(program)
        value = recording.labels.forward.get(getattr(program.outputs[0], "name", None) or "", "J")
        self.speller = Speller(
            self._bind,
            self._helper,
            {n: name for n, (name, _) in self.sizes.items()},
            recording.variables.is_outside,
        )
        self.layout = Layout(
            program,
            self.speller,
            recording.labels,
            recording.names,
            self._find_leaves(program),
            value,
            find_forward(program, frozenset(recording.labels.forward)),
            self.taken,
            own_lines,
        )

    def execute(self) -> tuple[str, Function]:
        """The text, and the function that it defines, which refuses arguments of another kind."""
        source = self._write()
        space: dict[str, Any] = dict(self.outside)
        exec(compile(source, f"<derived from {self.title}>", "exec"), space)
        return source, _guard_arguments(self.recording, space[self.function], self.outside, space)

    def _find_leaves(self, program: Program) -> list[Node]:
        """The inputs that the gradient is taken of, in the order of the gradients."""
        known = dict(zip((id(t) for a in self.recording.arguments for t in a.stand_ins), program.inputs, strict=True))
        return [known[id(t)] for i in self.recording.chosen for t in self.recording.arguments[i].stand_ins]

    # -- names -----------------------------------------------------------------------------------------------------

    def _bind(self, value: Any, hint: str) -> str:
        known = self._names_outside.get(id(value))
        if known is not None:
            return known
        wish = self.recording.variables.name(value) if isinstance(value, np.ndarray) else None
        return self._add_outside(self.taken.take(wish or hint), value)

    def _add_outside(self, name: str, value: Any) -> str:
        self.outside[name] = value
        self._names_outside.setdefault(id(value), name)
        return name

    def _helper(self, op: Op) -> str:
        return self.helpers.name(op) or self._bind(op.fn, op.name)

    def _find_sizes(self, program: Program) -> dict[int, tuple[ast.Name, Expr | None]]:
        """Names for whole numbers, and what they are: m = X.shape[1]. None: an argument."""
        sizes: dict[int, tuple[ast.Name, Expr | None]] = {}
        for a in self.recording.arguments:
            if a.paths == [a.name] and a.tensors[0] is None:
                sizes[a.leaves[0]] = ast.Name(a.name), None
        data = [n for n in program.inputs if n not in self.recording.leaves]
        named = self.recording.variables.name
        outside = [x for n in program.steps for x in n.operands if isinstance(x, np.ndarray) and named(x) is not None]
        arrays: list[Any] = [*data, *(n for n, _ in program.captures), *outside, *self.recording.leaves]
        for size, wish in self.recording.variables.sizes.items():
            if size in sizes:
                continue
            for node in arrays:
                axes = [axis for axis, n in enumerate(node.shape) if n == size]
                if len(axes) == 1:
                    name = ast.Name(self.taken.take(wish))
                    array = self.recording.names[node] if type(node) is Node else self._bind(node, "c")
                    shape = ast.Attribute(ast.Name(array), "shape", ast.Load())
                    sizes[size] = name, ast.Subscript(shape, ast.Constant(axes[0]), ast.Load())
                    break
        return sizes

    # -- text ------------------------------------------------------------------------------------------------------

    def _write(self) -> str:
        layout = self.layout
        opening = [line for a in self.recording.arguments for line in self._unpack(a)]
        used = {
            n.id
            for line in (*layout.forward, *layout.backward)
            for n in ast.walk(line.expression)
            if isinstance(n, ast.Name)
        }
        opening += [f"{name.id} = {text(x)}" for name, x in self.sizes.values() if x is not None and name.id in used]
        checks = [line for fact, x in zip(self.facts, layout.checks, strict=True) for line in _write_check(fact, x)]
        blocks = [
            opening,
            ["# Forward pass", *_comment(layout.forward), *checks],
            ["# Backward pass", *_comment(layout.backward)],
            [f"return {text(layout.results[0])}, {self._write_gradient(layout.results[1:])}"],
        ]
        body = "\n\n".join("\n".join(block) for block in blocks if block)
        parameters = ", ".join(a.name for a in self.recording.arguments)
        function = f"def {self.function}({parameters}):\n" + textwrap.indent(self._write_docstring() + body, "    ")
        parts = [*self.helpers.definitions, function]
        return "import numpy as np\n\n\n" + self._list_outside() + "\n\n\n".join(parts) + "\n"

    def _write_docstring(self) -> str:
        arguments = self.recording.arguments
        of = ", ".join(arguments[i].name for i in self.recording.chosen)
        shapes = [
            f"{self.recording.names[node]} {node.shape}" for node in self.layout.program.inputs if node.shape != ()
        ]
        lines = [f'"""{self.title} and its gradient with respect to {of}.', ""]
        lines += textwrap.wrap(f"Shapes: {', '.join(shapes)}." if shapes else "All arguments are numbers.", 100)
        fixed = [p for a in arguments for p, t in zip(a.paths, a.tensors, strict=True) if t is None]
        values = [x for a in arguments for x, t in zip(a.leaves, a.tensors, strict=True) if t is None]
        simple = [f"{p} = {x}" for p, x in zip(fixed, values, strict=True) if p.isidentifier()]
        lines += textwrap.wrap(f"Fixed: {', '.join(simple)}.", 100) if simple else []
        return "\n".join([*lines, '"""', ""])

    def _list_outside(self) -> str:
        if not self.outside:
            return ""
        names = [
            f"{name} {x.shape}" if isinstance(x, (Tensor, np.ndarray)) else name for name, x in self.outside.items()
        ]
        return "\n".join(textwrap.wrap(f"# From outside: {', '.join(names)}", 100, subsequent_indent="# ")) + "\n\n\n"

    def _unpack(self, a: Argument) -> list[str]:
        """Lines that give the leaves of an argument their names."""
        nodes = iter(self._nodes_of(a))
        names = [None if t is None else self.recording.names[next(nodes)] for t in a.tensors]
        wanted = [(p, n) for p, n in zip(a.paths, names, strict=True) if n is not None and n != p]
        if all(_is_path(p) for p, _ in wanted):
            return [f"{n} = {text(ast.parse(p, mode='eval').body)}" for p, n in wanted]
        leaves = self._bind(lambda argument: tree.flatten(argument)[0], f"leaves_of_{a.name}")
        return [f"{', '.join(n or '_' for n in names)}, = {leaves}({a.name})"]

    def _nodes_of(self, a: Argument) -> list[Node]:
        before = 0
        for other in self.recording.arguments:
            if other is a:
                break
            before += len(other.stand_ins)
        return list(self.layout.program.inputs[before : before + len(a.stand_ins)])

    def _write_gradient(self, results: Sequence[Expr]) -> str:
        parts, left = [], iter(results)
        for i in self.recording.chosen:
            a = self.recording.arguments[i]
            own = [next(left) for _ in a.stand_ins]
            parts.append(text(_write_tree(a.structure, iter(own)) or self._rebuild(a, own)))
        if isinstance(self.recording.wrt, int):
            return parts[0]
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"

    def _rebuild(self, a: Argument, own: list[Expr]) -> Expr:
        structure = a.structure
        like = self._bind(lambda *leaves: tree.unflatten(structure, leaves), f"like_{a.name}")
        return ast.Call(ast.Name(like), own, [])


def _write_tree(structure: tree.Structure, leaves: Iterator[Expr]) -> Expr | None:
    """Dicts, lists and tuples as they are written; None for what has no such text."""
    if structure.kind is tree.LEAF:
        return next(leaves)
    if structure.kind is tree.STATIC:
        return ast.Constant(structure.meta) if structure.meta is None or type(structure.meta) in (bool, str) else None
    children: list[Expr] = []
    for part in structure.children:
        child = _write_tree(part, leaves)
        if child is None:
            return None
        children.append(child)
    if structure.kind is dict and all(map(_is_literal, structure.meta)):
        return ast.Dict([ast.parse(repr(key), mode="eval").body for key in structure.meta], children)
    if structure.kind is list:
        return ast.List(children, ast.Load())
    return ast.Tuple(children, ast.Load()) if structure.kind is tuple else None


def _is_path(path: str) -> bool:
    """Whether a path is a chain of attributes and constant keys, so that it can stand in the text."""
    try:
        x = ast.parse(path, mode="eval").body
    except SyntaxError:
        return False
    while isinstance(x, (ast.Attribute, ast.Subscript)):
        if isinstance(x, ast.Subscript) and not _is_literal(_evaluate(x.slice)):
            return False
        x = x.value
    return isinstance(x, ast.Name)


def _is_literal(key: Any) -> bool:
    """Whether a key is written as it is: a string, a whole number, a flag, None, or a tuple of them."""
    if type(key) is tuple:
        return all(map(_is_literal, key))
    return key is None or type(key) in (str, int, bool)


def _evaluate(x: ast.expr) -> Any:
    """What a literal stands for; Ellipsis, which is no key that is written, for anything else."""
    try:
        return ast.literal_eval(x)
    except ValueError:
        return ...


def _comment(lines: Sequence[Line]) -> list[str]:
    """The lines, with the shapes behind them."""
    rows: list[tuple[str, str]] = []
    for line in lines:
        first, *others = [f"{text(left)} = {text(right)}" for left, right in line.assignments()]
        rows += [(first, f"# {_describe_shape(line)}"), *((other, "") for other in others)]
    width = max((len(code) for code, comment in rows if comment and len(code) <= _ALIGNED), default=0)
    return [f"{code:{width}}  {comment}" if comment else code for code, comment in rows]


def _describe_shape(line: Line) -> str:
    return "several arrays" if line.shape is None else "a number" if line.shape == () else str(line.shape)


def _write_check(fact: Fact, x: Expr) -> list[str]:
    """Lines that refuse arguments for which a fact that was used does not hold."""
    shape = fact.node.shape
    axes = tuple(len(shape) + a for a in fact.axes)
    along = f"axis={axes[0] if len(axes) == 1 else axes}"
    total = f"np.sum({text(x)}, {along})"
    return [
        f"if not np.allclose({total}, {fact.total}):",
        f'    raise ValueError("the formulas below hold where {total} is {fact.total}")',
    ]


def _guard_arguments(
    recording: Recording, function: Function, outside: dict[str, Any], space: dict[str, Any]
) -> Function:
    """The function, refusing arguments for which the formulas were not derived."""

    def derived(*args: Any) -> Any:
        if len(args) != len(recording.arguments):
            raise TypeError(f"{function.__name__} takes {len(recording.arguments)} arguments, {len(args)} were given")
        for a, arg in zip(recording.arguments, args, strict=True):
            leaves, structure = tree.flatten(arg)
            if structure != a.structure:
                raise ValueError(f"{a.name} has the structure {structure}; the formulas are for {a.structure}")
            if list(map(id, tree.tensors_in(structure))) != list(map(id, tree.tensors_in(a.structure))):
                raise ValueError(f"{a.name} has other buffers, or other frozen parameters, than those derived for")
            for path, x, known, t in zip(a.paths, leaves, a.leaves, a.tensors, strict=True):
                if t is None and x != known:
                    raise ValueError(f"{path} = {x}, but the formulas are for {path} = {known}")
                if t is not None and np.shape(x) != np.shape(known):
                    raise ValueError(
                        f"{path} has shape {np.shape(x)}, but the formulas are for {np.shape(known)}; derive again"
                    )
        space.update((name, t._array) for name, t in outside.items() if type(t) is Tensor)
        return function(*tree.map(lambda x: x._array if type(x) is Tensor else x, args))

    derived.__name__ = derived.__qualname__ = function.__name__
    derived.__doc__ = function.__doc__
    return derived
