"""Formulas: the lines of a derivation as trees over named values, which can be evaluated, changed and written out."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..program.derivation.page import Page
from ..program.derivation.recording import Recording
from ..program.derivation.samples import draw_moderate_samples
from ..program.derivation.values import compute_nodes
from ..program.derivation.write import lay_out
from ..program.program import Node, Operand, where_rounded
from ..program.text import Expr, text
from ..rounding import DRAWS, UNITS, After, find_whole_number, shake
from ..rules.elementwise import add, divide, exp, greater, heaviside, multiply, negative
from ..rules.indexing import where
from ..rules.neural import sigmoid
from ..rules.shaping import broadcast_to
from .kinks import EQUALITIES, find_kinks, is_choice
from .tidying import is_half_of_ties, tidy
from .trees import key_of

_SEVERAL = re.compile(r"\d_\d+$")  # A1_2 is the second of several values that the user calls A1
_NOTHING = 1e-12
"""Of the other term, a term that is smaller whatever the data is what rounding left of one that cancels. It is asked
whether there is a term at all, not whether two are equal up to rounding: a weight decay of 1e-8 is one."""
_MANY = 1e4  # a larger number is no length of an axis
_DIGITS = 12  # a number of fewer signs is one that somebody may have written
_LONGEST = 40  # nodes of a line without a name that is written out where it is used
NOTHING: Mapping[Any, Any] = {}
DATA = frozenset({"x", "y", "t", "X", "Y", "T", "labels", "label", "targets", "target", "inputs", "data", "mask"})
"""What the data are called: arguments that are no parameters, unless their gradients are asked for."""


@dataclass(eq=False)
class Formula:
    """One line, name = root. of: the value whose gradient it is. parameter: whether that is an argument of f.

    root: a tree; its leaves are nodes without an op, which have the name of a value, or of a size.
    """

    name: str
    root: Operand
    of: str
    parameter: bool

    @property
    def uses(self) -> set[str]:
        """The names in it."""
        return {x.name or "" for x in walk(self.root) if x.op is None}


def walk(x: Operand) -> list[Node]:
    """The nodes of a tree, operands first."""
    if type(x) is not Node:
        return []
    return [y for operand in x.operands for y in walk(operand)] + [x]


def evaluate(
    root: Operand, values: Mapping[str, Any], after: After | None = None, decided: Mapping[Node, Any] = NOTHING
) -> Any:
    """The value of a tree. after: applied to every result, `where_rounded`. decided: results that are known."""
    adjust = where_rounded(after)

    def value(x: Operand) -> Any:
        if type(x) is not Node:
            return x
        if x.op is None:
            return values[x.name or ""]
        if x in decided:
            return decided[x]
        return adjust(x, x.op.fn(*map(value, x.operands), **x.params))

    return value(root)


def decide_equalities(root: Operand, values: Mapping[str, Any]) -> dict[Node, Any]:
    """What a tree finds to be equal, of the values as they are."""
    return {x: evaluate(x, values) for x in walk(root) if x.op in EQUALITIES}


@dataclass
class Derivation:
    """A derivation's values and lines.

    values: of what has a name, in float64. noise: how far each moves with rounding errors of the user's precision.
    leeway: how far each moves where data that lies on a kink is put on one side of it; others: what else each can be
    where several entries are the largest; kinks: keys of the trees that decide on either.
    formulas: the lines of the backward pass, in order. forward: names of the variables of the forward pass, and how
    they are computed.
    sizes: names (or `X.shape[0]`) of whole numbers. leaves: a tree's leaf for every name.
    """

    page: Page
    values: dict[str, Any]
    noise: dict[str, Any]
    leeway: dict[str, Any]
    others: dict[str, list[Any]]
    kinks: set[Any]
    formulas: list[Formula]
    forward: dict[str, Operand]
    inputs: list[str]
    sizes: dict[str, int]
    leaves: dict[str, Node] = field(default_factory=dict)

    def spell(self, x: Operand) -> str:
        """A tree as text."""
        return text(self._spell(x))

    def _spell(self, x: Operand) -> Expr:
        if type(x) is not Node:
            return _spell_number(x) or self.page.speller.literal(x)
        if x.op is None:
            return ast.parse(x.name or "", mode="eval").body
        if x.op is sigmoid:  # in NumPy, so that the line runs as it stands
            x = _expand_sigmoid(x)
        return self.page.speller.spell(x, [self._spell(y) for y in x.operands])

    def rename(self, old: str, new: str) -> None:
        """Call a gradient by another name."""
        tables: list[dict[str, Any]] = [self.values, self.noise, self.leeway, self.others, self.leaves]
        for known in tables:
            if old in known:
                known[new] = known.pop(old)
        if new in self.leaves:
            self.leaves[new].name = new
        for formula in self.formulas:
            if formula.name == old:
                formula.name, formula.of = new, new[1:]

    def add_constant(self, name: str, numbers: Any) -> None:
        """A line for a gradient that is the same number everywhere."""
        counts = {n: self.leaves[size] for size, n in reversed(self.sizes.items()) if size.isidentifier()}
        number = float(numbers.flat[0])
        root = tidy(Node(multiply, (number, 1), {}, (), numbers.dtype), counts)
        root = number if root.op is multiply else root
        whole = Node(broadcast_to, (root,), {"shape": numbers.shape}, numbers.shape, numbers.dtype)
        self.formulas.insert(0, Formula(name, whole, name[1:], parameter=False))
        self.values[name], self.others[name] = numbers, []
        self.noise[name] = self.leeway[name] = np.zeros_like(numbers)
        self.leaves[name] = Node(None, (), {}, numbers.shape, numbers.dtype, name=name)

    def namespace(self) -> dict[str, Any]:
        """What a line needs to run, beside the values: np, sizes that have a name, functions that NumPy lacks."""
        space: dict[str, Any] = {"np": np, **self.page.outside}
        for definition in self.page.helpers.definitions:
            exec(definition, space)
        space.update((name, n) for name, n in self.sizes.items() if name.isidentifier())
        return space


def _spell_number(x: Any) -> Expr | None:
    """0.3333333333333333 as 1 / 3 and 1.7320508075688772 as np.sqrt(3); None for a number that is written as it is."""
    if not isinstance(x, float) or len(repr(float(x))) < _DIGITS or not 1 / _MANY < x < _MANY:
        return None
    below, inside = find_whole_number(1 / x), find_whole_number(x * x)
    if below and 1 / below == x:
        return ast.parse(f"1 / {below}", mode="eval").body
    return ast.parse(f"np.sqrt({inside})", mode="eval").body if inside and np.sqrt(inside) == x else None


def _expand_sigmoid(x: Node) -> Node:
    z: Any = x.operands[0]
    for op, operands in ((negative, ()), (exp, ()), (add, (1,)), (divide, (1,))):
        z = Node(op, (*operands, z), {}, x.shape, x.dtype)
    assert type(z) is Node
    return z


def derive_formulas(recording: Recording, simplify: bool, own_lines: Collection[str], eps: float) -> Derivation:
    """The lines of the derivation. own_lines: variables whose gradients have a line of their own."""
    samples = draw_moderate_samples(recording.inputs)
    page = lay_out(recording, simplify, own_lines, samples)
    layout = page.layout
    names = layout.names
    sizes = _name_sizes(recording, page)
    by_number = {n: name for name, n in reversed(sizes.items()) if name.isidentifier()}
    leaves: dict[str, Node] = {}
    counts: dict[int, Node] = {}

    def leaf(name: str, shape: Any, dtype: Any) -> Node:
        if name not in leaves:
            leaves[name] = Node(None, (), {}, shape, dtype, name=name)
        return leaves[name]

    for name in sizes:
        leaves[name] = Node(None, (), {}, (), np.dtype(np.int64), weak=True, name=name)
    counts.update((n, leaves[name]) for n, name in by_number.items())
    arrays = [widen(x) for x in recording.inputs]
    wide = compute_nodes(layout.program, arrays) or {}
    others_of = (compute_nodes(layout.program, list(map(widen, xs))) for xs in samples)
    runs = [run for run in others_of if run is not None]
    decided = {node: wide[node] for node in layout.program.steps if node.op in EQUALITIES and node in wide}
    shaken_or_refused = (compute_nodes(layout.program, arrays, shake(seed, eps), decided) for seed in range(DRAWS))
    shaken = [run for run in shaken_or_refused if run is not None]
    on_kinks = find_kinks(layout.program, arrays, wide)
    kinks: set[Any] = set()

    def grow(x: Operand, is_root: bool = False) -> Operand:
        if type(x) is not Node:
            if type(x) is int and x in by_number:
                return leaves[by_number[x]]
            if type(x) is int and x % 2 == 0 and x // 2 in by_number:
                return Node(multiply, (2, leaves[by_number[x // 2]]), {}, (), np.dtype(np.int64), weak=True)
            return x
        if x in names and not is_root and x not in short:
            return leaf(names[x], x.shape, x.dtype)
        if x.op is add and (rest := _drop_nothing(x, wide, shaken, runs)) is not None:
            return grow(rest)
        operands = tuple(grow(y) for y in x.operands)
        if x.op is multiply and type(operands[0]) is int and operands[0] == 1:
            return operands[1]
        if x.op is where and is_half_of_ties(x) and not np.any(wide.get(x.operands[0], True)):
            return operands[2]
        if x.op is heaviside and np.all(wide.get(x.operands[0], 0)):
            return Node(greater, (operands[0], 0), {}, x.shape, np.dtype(bool))
        node = Node(x.op, operands, _write_axis(x.params), x.shape, x.dtype, x.weak)
        if x in on_kinks:
            kinks.add(key_of(node))
        return tidy(node, counts)

    def is_short(x: Operand) -> bool:
        return type(x) is Node and x in short

    short: set[Any] = set()  # lines that the user has no name for, to be written out where they are used
    forward_names = [line.name.id for line in layout.forward if not _SEVERAL.search(line.name.id)]
    known = {f"d{n}" for n in (*forward_names, *recording.labels.forward.values(), *recording.names.values())}
    backward = {line.value for line in layout.backward if line.name.id not in known}
    nameless = layout.nameless | backward
    for node in layout.program.steps:
        if node in nameless and len(walk(grow(node, is_root=True))) <= _LONGEST:
            short.add(node)
    lines = [line for line in (*layout.forward, *layout.backward) if not is_short(line.value)]
    for node, name in names.items():
        if node not in short:
            leaf(name, node.shape, node.dtype)
    own = {line.name.id: line.value for line in lines}
    copies = {line.name.id for line in lines if type(line.value) is Node and names.get(line.value) != line.name.id}

    def value_of(x: Operand, name: str, values: Mapping[Node, Any]) -> Any:
        if x is None:
            return np.zeros(np.shape(wide[_leaf_of(page, name)]))
        return values.get(x) if type(x) is Node else x

    values = {name: wide[node] for node, name in names.items() if node in wide}
    values.update((name, value_of(x, name, wide)) for name, x in own.items())
    noise: dict[str, Any] = {}
    leeway: dict[str, Any] = {}
    others: dict[str, list[Any]] = {}
    slopes = [runs for node, runs in on_kinks.items() if not is_choice(node)]
    choices = [run for node, runs in on_kinks.items() if is_choice(node) for run in runs]
    for name, x in [*((n, node) for node, n in names.items()), *own.items()]:
        if name in values and not isinstance(values[name], tuple):

            def measure(runs: Sequence[Mapping[Node, Any]], name: str = name, x: Operand = x) -> Any:
                moves = [distance(value_of(x, name, run), values[name]) for run in runs]
                return np.nan_to_num(np.max(moves, axis=0), nan=np.inf, posinf=np.inf) if moves else np.inf

            noise[name] = measure(shaken) / UNITS
            leeway[name] = sum(map(measure, slopes))
            others[name] = [value_of(x, name, run) for run in choices]
    values.update(sizes)
    parameters = {recording.names[node] for node in recording.leaves} - DATA
    formulas = []
    for line in layout.backward:
        if is_short(line.value):
            continue
        name = line.name.id
        of = _find_primal(page, line.value, name)
        root = 0.0 if line.value is None else grow(line.value, is_root=name not in copies)
        if name not in leaves:
            leaf(name, line.shape, np.dtype(np.float64))
        formulas.append(Formula(name, root, of, name[1:] in parameters))
    forward = {line.name.id: grow(line.value, is_root=True) for line in layout.forward if not is_short(line.value)}
    inputs = [names[n] for n in layout.program.inputs] + [names[n] for n, _ in layout.program.captures]
    return Derivation(page, values, noise, leeway, others, kinks, formulas, forward, inputs, sizes, leaves)


def as_numbers(x: Any) -> Any:
    """float64 numbers; complex ones stay as they are."""
    x = np.asarray(x)
    return x if x.dtype.kind == "c" else x.astype(np.float64, copy=False)


def distance(x: Any, y: Any) -> Any:
    """How far two values are apart, entry by entry: of complex numbers, and of flags, too."""
    return np.abs(np.subtract(x, y, dtype=np.result_type(x, y, np.float64)))


def _drop_nothing(
    x: Node, wide: Mapping[Node, Any], shaken: Sequence[Mapping[Node, Any]], others: Sequence[Mapping[Node, Any]]
) -> Operand | None:
    """The one term of a sum, where the other is nothing but rounding, whatever the data: as what comes back from the
    maximum that is subtracted in a softmax. Nobody writes it down, and it would be more than that for wrong values.

    On the data at hand, whose softmax may be saturated, it may be as large as the sum; then it moves as far as it is
    large where the steps before it are shaken.
    """

    def measure(y: Node, run: Mapping[Node, Any]) -> Any:
        return np.max(np.abs(run.get(y, np.nan)), initial=0)

    a, b = x.operands
    for term, other in ((a, b), (b, a)):
        if type(term) is Node and type(other) is Node and term.shape == x.shape:
            size = measure(other, wide)
            moves = max((np.max(distance(run[other], wide[other]), initial=0) for run in shaken), default=0)
            sizes = [(measure(other, run), measure(term, run)) for run in others]
            is_rounding = 0 < size < _NOTHING * measure(term, wide) or 0 < size <= moves
            if is_rounding and all(0 < nothing < _NOTHING * whole for nothing, whole in sizes):
                return term
    return None


def widen(x: Any) -> Any:
    """In float64."""
    if type(x) is float:
        return np.float64(x)  # as a Python number it would take another dtype than its own in every step
    return x.astype(np.float64) if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind == "f" else x


def _write_axis(params: dict[str, Any]) -> dict[str, Any]:
    """axis=(1,), as the sweep has it, as axis=1: so people write it, and so the table of mistakes."""
    axis = params.get("axis")
    return {**params, "axis": axis[0]} if type(axis) is tuple and len(axis) == 1 else params


def _leaf_of(page: Page, name: str) -> Node:
    return next(node for node, n in page.layout.names.items() if name == "d" + n)


def _find_primal(page: Page, x: Operand, name: str) -> str:
    """The value whose gradient the line is."""
    labels = page.recording.labels
    key = labels.backward.get(x.name or "") if type(x) is Node else None
    return labels.forward.get(key, key) if key is not None and "d" + labels.forward.get(key, key) == name else name[1:]


def _name_sizes(recording: Recording, page: Page) -> dict[str, int]:
    """Names for the lengths of the axes: the user's own, or `X.shape[0]`."""
    sizes = {name.id: n for n, (name, _) in page.sizes.items()}
    for name, n in ((name, n) for n, name in recording.variables.sizes.items()):
        sizes.setdefault(name, n)
    nodes: Sequence[Node] = [*page.layout.program.inputs, *(n for n, _ in page.layout.program.captures)]
    nodes = sorted(nodes, key=lambda node: node in recording.leaves)  # the examples are counted along data
    for node in nodes:
        for axis, n in enumerate(node.shape or ()):
            if n > 1 and n not in sizes.values():
                sizes[f"{page.layout.names[node]}.shape[{axis}]"] = n
    return sizes
