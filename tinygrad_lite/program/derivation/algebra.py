"""Elementwise algebra: the backward pass in the fewest symbols, with SymPy.

What is elementwise is an expression in real symbols: the named values of the forward pass, and whatever is not
elementwise. The definitions of the named values (A = 1 / (1 + exp(-Z))) are used to eliminate symbols. Every expression
found is evaluated beside the original on the arguments given and on others, and dropped if they differ.

`symbols` takes operands to SymPy, `search` looks for the shortest form, `building` writes it, `sums` does what crosses
axes, `values` has the numbers. Here is the walk over the program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...rules.elementwise import equal, not_equal
from ...rules.indexing import where
from ...rules.reductions import sum as sum_
from ..program import Editor, Node, Operand, Program, dtype_of, is_scalar, shape_of
from .building import Builder
from .search import Search
from .sums import Fact, Sums
from .symbols import Expression, Symbols
from .values import Values


@dataclass
class Algebra:
    """The pass. names: of the forward pass's values. leaves: the inputs that the gradient is taken of.

    samples: lists of input arrays. sizes: whole numbers that have a name. literals: numbers that stand in the user's
    code. own_lines: names of gradients that are values of their own. facts: after a run, what was assumed of the other
    inputs.
    """

    names: frozenset[str]
    leaves: frozenset[Node]
    samples: Sequence[Sequence[Any]]
    sizes: frozenset[int] = frozenset()
    literals: frozenset[float] = frozenset()
    own_lines: frozenset[str] = frozenset()
    facts: list[Fact] = field(default_factory=list)

    def __call__(self, program: Program) -> Program:
        return _Walk(self, program).run()


class _Walk:
    """One walk over a program. exprs: of its nodes. strict: the same, with every guard kept."""

    def __init__(self, settings: Algebra, program: Program) -> None:
        shapes = {node.shape for node in (*program.inputs, *program.steps) if node.shape is not None}
        counts = frozenset(n for shape in shapes for n in (*shape, int(np.prod(shape))) if n > 2)
        self.settings, self.program = settings, program
        self.editor = Editor(program)
        self.values = Values(program, settings.names, settings.leaves, settings.samples)
        self.symbols = Symbols(settings.sizes, counts, settings.literals)
        self.search = Search(self.symbols)
        self.builder = Builder(self.editor, self.symbols, self.values)
        self.sums = Sums(self.symbols, self.search, self.builder, self.values)
        self.exprs: dict[Node, Expression] = {}
        self.strict: dict[Node, Expression] = {}
        self.regions = self._find_regions()

    def run(self) -> Program:
        for node in (*self.program.inputs, *(n for n, _ in self.program.captures)):
            self._set_symbol(node, node)
        for node in self.program.steps:
            self.editor.replacements[node] = self._visit(node)
        self.settings.facts += self.sums.facts
        return self.editor.finish()

    # -- which steps belong together -----------------------------------------------------------------------------------

    def _find_regions(self) -> set[Node]:
        """The backward steps whose value is needed as such; the other elementwise ones are parts of them."""
        users = self.program.users()
        outputs = {x for x in self.program.outputs if type(x) is Node}
        region: dict[Node, Node] = {}
        for node in reversed(self.program.steps):
            within = {region.get(user) if self._can_be_part(user) else None for user in users[node]}
            apart = node in outputs or node.name in self.settings.own_lines
            if apart or len(users[node]) != 1 or None in within or not self._can_be_part(node):
                region[node] = node
            else:
                region[node] = within.pop()  # type: ignore[assignment]
                if node.name is not None and region[node].name is None:
                    region[node] = node  # a gradient that has a name does not vanish in something that has none
        return {node for node in self.program.steps if region[node] is node and not self.values[node].forward}

    def _can_be_part(self, node: Node) -> bool:
        return not self.values[node].forward and (_is_expression(node) or self._is_choice(node))

    # -- one step ------------------------------------------------------------------------------------------------------

    def _visit(self, node: Node) -> Operand:
        if _is_expression(node):
            return self._visit_expression(node)
        choice = self._express_choice(node)
        if choice is not None:
            return self._rewrite(node, *choice) if node in self.regions else self._keep_as_part(node, *choice)
        if node.op is sum_ and not self.values[node].forward and node.dtype.kind == "f":
            total = self._rewrite_sum(node)
            if total is not None:
                return total
        kept = self.editor.keep(node)
        symbol = self._set_symbol(node, kept)
        if node.op is not_equal and is_scalar(node.operands[1]) and node.operands[1] == 0:
            compared = self._express(node.operands[0])
            if compared.is_Symbol:
                self.search.supports[symbol] = compared
        guarded = _find_guarded(node)
        if guarded is not None and self._is_needless(node):
            self.exprs[node] = self._express(guarded)
        return kept

    def _visit_expression(self, node: Node) -> Operand:
        assert node.op is not None
        operands, forward = self.editor.operands(node), self.values[node].forward
        free, guarded = ([express(x) for x in node.operands] for express in (self._express, self._express_strictly))
        expr = self.symbols.apply(node.op, operands, free)
        strict = expr if guarded == free else self.symbols.apply(node.op, operands, guarded)
        small = self.search.is_small(expr)
        if forward and node.name in self.settings.names:
            kept = self.editor.keep(node)
            symbol = self._set_symbol(node, kept)
            if small:
                self.search.define(symbol, expr)
            return kept
        if node in self.regions or not small:
            return self._rewrite(node, expr, strict)
        if forward and expr.is_Function and not isinstance(expr, self.symbols.sympy.exp):
            kept = self.editor.keep(node)
            self._set_symbol(node, kept)  # a function that SymPy knows nothing of: a symbol does
            return kept
        return self._keep_as_part(node, expr, strict)

    def _keep_as_part(self, node: Node, expr: Expression, strict: Expression) -> Operand:
        """Keep the step, and know what it is."""
        kept = self.editor.keep(node)
        self.values.stand_for(node, kept)
        self.exprs[node], self.strict[node] = expr, strict
        return kept

    def _express(self, x: Operand) -> Expression:
        return self.exprs[x] if type(x) is Node else self.symbols.number(x)

    def _express_strictly(self, x: Operand) -> Expression:
        return self.strict[x] if type(x) is Node else self.symbols.number(x)

    def _set_symbol(self, old: Node, new: Operand) -> Expression:
        """Make the step a value that algebra does not look into."""
        self.values.stand_for(old, new)
        symbol = self.symbols.name(new, backward=not self.values[old].forward)
        self.exprs[old] = self.strict[old] = symbol
        return symbol

    # -- choices and guards --------------------------------------------------------------------------------------------

    def _is_choice(self, node: Node) -> bool:
        if node.op is not where or self.values[node].forward or node.dtype.kind != "f":
            return False
        condition, *branches = node.operands
        if type(condition) is not Node or condition.dtype.kind != "b":
            return False
        return all(dtype_of(x).kind == "f" or is_scalar(x) for x in branches)

    def _express_choice(self, node: Node) -> tuple[Expression, Expression] | None:
        """where(c, a, b) as c a + (1 - c) b, c being 1 or 0; None unless a and b are finite whatever the inputs are."""
        if not self._is_choice(node):
            return None
        condition, a, b = node.operands
        c = self.exprs[condition]
        found = []
        for express in (self._express, self._express_strictly):
            x, y = express(a), express(b)
            if not (c.is_Symbol and all(self.symbols.is_total(z) and self.symbols.is_finite(z) for z in (x, y))):
                return None
            found.append(c * x + (1 - c) * y)
        self.search.masks.add(c)
        return found[0], found[1]

    def _is_needless(self, guard: Node) -> bool:
        """Whether a guard, where(c == k, 0, x), gives what x is there: x has a factor that is zero where c = k."""
        condition, value = guard.operands[0], _find_guarded(guard)
        assert type(condition) is Node
        c, k = condition.operands
        if type(c) is not Node or not is_scalar(k) or value is None or guard.shape != shape_of(value):
            return False
        if not self.values[c].forward:
            return False  # a cotangent: the sweep's own guard, which would be gone already if it were not needed
        symbol, expr = self.exprs[c], self._express(value)
        if not symbol.is_Symbol or symbol not in expr.free_symbols:
            return False
        at = expr.subs(symbol, self.symbols.number(k))
        return bool(at == 0) or bool(self.symbols.sympy.simplify(at) == 0)

    # -- rewriting -----------------------------------------------------------------------------------------------------

    def _rewrite(self, node: Node, expr: Expression, strict: Expression) -> Operand:
        """The shortest expression that has the step's values; without its guards, if then it needs none."""
        for wanted, is_free in ((expr, True), (strict, False)) if expr != strict else ((strict, False),):
            for candidate in self.search.find_candidates(wanted):
                if is_free and not self.symbols.is_total(candidate):
                    continue  # a guard was dropped, and a denominator that it guarded has stayed
                new = self.builder.build_in_place_of(node, candidate)
                if new is not None:
                    self._set_symbol(node, new)
                    self._remember(node, new, candidate)
                    if not is_free and expr != strict:
                        self.exprs[node] = expr  # its guard may yet turn out to be needless, in a larger expression
                    return new
        kept = self.editor.keep(node)
        self._set_symbol(node, kept)
        return kept

    def _remember(self, node: Node, new: Operand, expr: Expression) -> None:
        """A value that is a number is known as that number; of another one, what it is."""
        if not expr.free_symbols:
            self.exprs[node] = self.strict[node] = expr
        elif type(new) is Node:
            symbol = self.symbols.name(new)
            if symbol not in self.search.expansions and symbol != expr:
                self.search.expansions[symbol] = expr
                if self.values[new].uses == 1:
                    self.search.unshared.add(symbol)

    def _rewrite_sum(self, node: Node) -> Operand | None:
        (x,) = node.operands
        if type(x) is not Node:
            return None
        before = len(self.editor.steps)
        found: list[Callable[[Node, Expression], Expression | None]] = [self.sums.find_number]
        if self.values[x].uses == 1:
            found.append(self.sums.pull_out)
        for find in found:
            expr = find(node, self.strict[x])
            if expr is not None:
                new = self.builder.build_in_place_of(node, expr)
                if new is not None:
                    self._set_symbol(node, new)
                    self.exprs[node] = self.strict[node] = expr
                return new
        del self.editor.steps[before:]
        return None


def _is_expression(node: Node) -> bool:
    """Whether SymPy may see inside: elementwise, and real numbers of a kind that does not wrap around."""
    if node.op is None or node.shape is None or node.params or node.op.kind != "elementwise" or node.op.selects:
        return False
    kinds = [dtype_of(x) for x in (node, *node.operands)]
    return all(d.kind in "fb" or (d.kind == "i" and d.itemsize >= 4) for d in kinds) and node.dtype.kind in "fi"


def _find_guarded(node: Node) -> Operand | None:
    """x of where(c == k, 0, x)."""
    if node.op is not where:
        return None
    condition, zero, value = node.operands
    if type(condition) is not Node or condition.op is not equal or not is_scalar(zero) or zero != 0:
        return None
    return value if type(value) is Node and value.dtype == node.dtype else None
