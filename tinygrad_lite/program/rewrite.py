"""Rewriting: what a few steps compute, computed in another way. A rewrite is a row of a table.

    rule(lambda a, b: (a @ b.T).T, lambda a, b: b @ a.T, MATRIX, MATRIX)

Both sides are plain functions of the same operands. The left one, traced on the examples that follow, is the pattern;
the right one, traced on the operands that were found, writes what stands in its place. Where the replacement has not
the shape, dtype and weakness of what it replaces, nothing is changed. Run on random arrays, both sides are the rule's
test.

What the examples say of the operands:

* an array (`MATRIX`, `VECTOR`, `SCALAR`): any operand, of whatever shape and dtype;
* a Python number: a constant that is one number; the right side is given that constant.

What else a pattern consists of:

* A number written in it stands for the constant of that value, of whatever type: 0 is not -0.0.
* A keyword of an op must be as written; one that has NumPy's default may be missing. `rule(…, axis=1)` makes the
  keyword `axis` a variable, of both sides and of `when`; 1 is its example, which must occur nowhere else in the
  pattern. Where a step does not have the keyword, neither side is given it: they declare its default.
* The operands of an op that commutes may come in either order. An operand that occurs twice is the same both times.
* A step inside the pattern that has a name of the user's is not matched: it is to be seen in the result.

`when(ranges, *operands, **keywords)` is a further condition; operands are Nodes or constants, `ranges.of(x)` tells
where an operand's values lie.

    EXACT + FAST                       tables are lists
    rewrite(program, table)            the program with every rule applied wherever it can be
    find(rule, node, ranges)           just the matching: a Match, or None
    match.write()                      just the writing: the steps of the right side, and which of them is the result

A table may also hold functions, `change(node) -> (steps, result) or None`, for what is local but no pattern.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np

from ..op import Op
from ..signatures import is_default
from ..tensor import next_seq
from .program import Editor, Node, Operand, Program, dtype_of, is_scalar, is_weak, shape_of
from .ranges import Ranges
from .sharing import Shared
from .trace import collect, expand, make_input, tracing

SCALAR: Final = np.array(2.0)
VECTOR: Final = np.array([2.0, 3.0])
MATRIX: Final = np.array([[2.0, 3.0, 4.0], [5.0, 6.0, 7.0]])
"""Examples of operands. Their entries differ from one another and from 0 and 1."""

Steps = tuple[list[Node], Operand]
"""New steps in order, and what is computed: one of them, an older value, or a constant."""
Change = Callable[[Node], Steps | None]


_CONSTANT: Final = object()


@dataclass(eq=False)
class Rule:
    """One row; see the module's docstring. says: a sentence about it, for people."""

    left: Callable[..., Any]
    right: Callable[..., Any]
    operands: tuple[Any, ...]
    keywords: dict[str, Any] = field(default_factory=dict)
    when: Callable[..., bool] | None = None
    says: str = ""

    @cached_property
    def pattern(self) -> Program:
        """The left side, traced on the examples. Traced at its first use: a program that needs no rule pays nothing."""
        start = next_seq()
        inputs = [make_input(x) for x in self.operands]
        with tracing(), np.errstate(all="ignore"):
            result = self.left(*inputs, **self.keywords)
        return collect([result], inputs, start)[0]

    @cached_property
    def root(self) -> Node:
        """The step of the pattern that computes its result."""
        root: Node = self.pattern.outputs[0]
        return root

    @cached_property
    def needs(self) -> frozenset[Any]:
        """What must be among the last step's operands for a match to be possible: results of ops, constants."""
        xs = self.root.operands
        steps = {x.op for x in xs if type(x) is Node and x.op is not None}
        return frozenset(steps | {_CONSTANT for x in xs if type(x) is not Node or x in self.numbers})

    @cached_property
    def numbers(self) -> tuple[Node, ...]:
        """The operands that stand for constant numbers."""
        return tuple(node for node in self.pattern.inputs if node.weak)


def rule(
    left: Callable[..., Any],
    right: Callable[..., Any],
    *operands: Any,
    when: Callable[..., bool] | None = None,
    says: str = "",
    **keywords: Any,
) -> Rule:
    """A row of a table: where left is computed, right may be computed instead. operands, keywords: examples."""
    return Rule(left, right, operands, keywords, when, says)


Table = Sequence[Rule | Change]


# -- matching --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Match:
    """A place where a rule's pattern was found. operands, keywords: what its variables stand for there."""

    rule: Rule
    node: Node
    operands: tuple[Operand, ...]
    keywords: dict[str, Any]

    def write(self) -> Steps:
        """The right side, on these operands."""
        return expand(self.rule.right, self.operands, self.keywords)


def find(rule: Rule, node: Node, ranges: Ranges) -> Match | None:
    """The rule's pattern, if node is its result and its condition holds."""
    bound = _solve(rule, [(rule.root, node)], {})
    if bound is None:
        return None
    operands = tuple(bound[x] for x in rule.pattern.inputs)
    keywords = {name: bound[name] for name in rule.keywords if name in bound}
    if rule.when is not None and not rule.when(ranges, *operands, **keywords):
        return None
    return Match(rule, node, operands, keywords)


Bound = dict[Any, Any]
"""Nodes of a pattern -> what they stand for; names of variable keywords -> their values."""


def _solve(rule: Rule, pairs: list[tuple[Operand, Operand]], bound: Bound) -> Bound | None:
    """Match the pairs (of the pattern, of the program), given what is bound; what then is bound, or None."""
    while pairs:
        pattern, x = pairs.pop()
        if type(pattern) is not Node:
            if not is_same_number(pattern, x):
                return None
        elif pattern in bound:
            if bound[pattern] is not x and not is_same_number(bound[pattern], x):
                return None
        elif pattern.op is None:
            if pattern in rule.numbers and not is_scalar(x):
                return None
            bound[pattern] = x
        else:
            if type(x) is not Node or x.op is not pattern.op or len(x.operands) != len(pattern.operands):
                return None
            if x.name is not None and pattern is not rule.root:
                return None
            keywords = _match_keywords(rule, pattern, x)
            if keywords is None:
                return None
            if any(name in bound and not _is_same(bound[name], value) for name, value in keywords.items()):
                return None
            bound.update(keywords)
            bound[pattern] = x
            operands = x.operands
            if pattern.op.commutes:
                found = _solve(rule, [*pairs, *zip(pattern.operands, operands, strict=True)], dict(bound))
                if found is not None:
                    return found
                operands = operands[::-1]
            pairs += zip(pattern.operands, operands, strict=True)
    return bound


def _match_keywords(rule: Rule, pattern: Node, x: Node) -> dict[str, Any] | None:
    """The values of the variable keywords among those of step x; None if the others are not the pattern's."""
    if not pattern.params and not x.params:
        return {}
    op: Op = x.op  # type: ignore[assignment]
    variables = {}
    for name in pattern.params.keys() | x.params.keys():
        if name in pattern.params and name in rule.keywords and _is_same(pattern.params[name], rule.keywords[name]):
            if name in x.params:
                variables[name] = x.params[name]
        elif name not in pattern.params:
            if not _says_nothing(op, name, x.params[name]):
                return None
        elif name not in x.params:
            if not _says_nothing(op, name, pattern.params[name]):
                return None
        elif not _is_same(pattern.params[name], x.params[name]):
            return None
    return variables


def _says_nothing(op: Op, name: str, value: Any) -> bool:
    """Whether a keyword has its default, which for NumPy's keepdims is np._NoValue and means False."""
    fns = {op.fn, op.numpy or op.fn}
    return any(is_default(fn, name, value) or (value is False and is_default(fn, name, np._NoValue)) for fn in fns)


def _is_same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and bool(np.all(a == b))


def is_same_number(a: Operand, b: Operand) -> bool:
    """Whether two constants are one number each, and the same, whatever their types; 0.0 and -0.0 are not."""
    if not is_scalar(a) or not is_scalar(b) or a != b:
        return False
    return a != 0 or _signs(a) == _signs(b)


def _signs(x: Any) -> tuple[bool, bool]:
    return bool(np.signbit(np.real(x))), bool(np.signbit(np.imag(x)))


# -- replacing -------------------------------------------------------------------------------------------------------

_MOST = 100  # rewrites of one step, one after another; more are a table that undoes what it does


def rewrite(program: Program, table: Table) -> Program:
    """The program with every rule applied wherever it can be, and equal steps computed once.

    One walk, from the inputs to the outputs. A step is looked at when its operands have their last form, and what is
    written in its place is looked at in the same way, so no second walk is needed.
    """
    return _Rewriting(program, table).run()


class _Rewriting:
    """One walk over a program."""

    def __init__(self, program: Program, table: Table) -> None:
        self.editor = Editor(program)
        self.ranges = Ranges()
        self.shared = Shared()
        self.changes = [entry for entry in table if not isinstance(entry, Rule)]
        self.rules: dict[Op | None, list[Rule]] = {}  # by the op of the last step of the pattern
        for entry in table:
            if isinstance(entry, Rule):
                self.rules.setdefault(entry.root.op, []).append(entry)

    def run(self) -> Program:
        editor = self.editor
        with np.errstate(all="ignore"):
            for node in editor.old.steps:
                editor.replacements[node] = self.place(editor.update(node), _MOST)
        return editor.finish()

    def place(self, node: Node, most: int) -> Operand:
        """Add the step to the program, or else what stands in its place; returns which value that is."""
        found = self._replacement(node)
        if found is None:
            return self._add(node)
        if not most:
            raise RuntimeError(f"rules go round in circles at a step of {node.op}")
        steps, result = found
        placed: dict[Node, Operand] = {}
        for step in steps:
            placed[step] = self.place(
                step.with_operands([placed.get(x, x) if type(x) is Node else x for x in step.operands]), most - 1
            )
        if type(result) is Node:
            result = placed.get(result, result)
            _hand_on_name(node, result)
        return result

    def _add(self, node: Node) -> Node:
        """The step itself, or an equal one that is there already."""
        known = self.shared.find(node)
        if known is not node:
            _hand_on_name(node, known)
            return known
        self.editor.steps.append(node)
        return node

    def _replacement(self, node: Node) -> Steps | None:
        for change in self.changes:
            found = change(node)
            if found is not None:
                return found
        below = {x.op if type(x) is Node else _CONSTANT for x in node.operands}
        for rule in self.rules.get(node.op, ()):
            if not rule.needs <= below:
                continue  # most rules end here: 0.1 µs, where looking for the pattern takes 3 µs
            match = find(rule, node, self.ranges)
            if match is not None:
                steps, result = match.write()
                if is_interchangeable(result, node):
                    return steps, result
        return None


def is_interchangeable(x: Operand, node: Node) -> bool:
    """Whether x has the shape, dtype and weakness of the node, so that it can take its place."""
    return shape_of(x) == node.shape and dtype_of(x) == node.dtype and is_weak(x) == node.weak


def _hand_on_name(node: Node, to: Operand) -> None:
    """What the user calls a value stays with what is computed for it, unless that has a name already."""
    if node.name is not None and type(to) is Node and to.op is not None and to.name is None:
        to.name = node.name
