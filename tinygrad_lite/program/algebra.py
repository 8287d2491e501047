"""Elementwise algebra: the backward pass in the fewest symbols, with SymPy.

What is elementwise is an expression in real symbols: the named values of the forward pass, and whatever is not
elementwise. The definitions of the named values (A = 1 / (1 + exp(-Z))) are used to eliminate symbols. Every rewritten
expression is evaluated beside the original on the arguments given and on random ones, and dropped if they differ.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..op import Op
from ..rules import elementwise as e
from ..rules.indexing import where
from ..rules.neural import sigmoid, softplus
from ..rules.reductions import sum as sum_
from ..rules.shaping import broadcast_to
from .program import Editor, Node, Operand, Program, dtype_of, is_scalar, is_weak, shape_of
from .ranges import Ranges

Expression = Any  # SymPy's
_MOST_OPERATIONS = 60  # of an expression that is simplified; a larger one is cut
_MOST_EXPANDED = 40  # the same, of an expression in which cotangents are replaced by what they are
_MOST_SYMBOLS = 9


def _sympy() -> Any:
    try:
        import sympy
    except ImportError as error:
        raise ImportError(
            "tg.derive simplifies with SymPy; install it with: pip install 'tinygrad_lite[derive]', "
            "or say simplify=False"
        ) from error
    return sympy


@dataclass
class Fact:
    """Something that holds for the arguments given, and was used: the sum of a value over these axes."""

    node: Node
    axes: tuple[int, ...]  # counted from the last one
    total: int


@dataclass
class Algebra:
    """The pass. names: of the forward pass's values. variable: the inputs that may take any value.

    samples: lists of input arrays; the first is the one given. sizes: whole numbers that have a name. literals: numbers
    that stand in the user's code. facts: after a run, what was assumed of the others.
    """

    names: frozenset[str]
    variable: frozenset[Node]
    samples: Sequence[Sequence[Any]]
    sizes: frozenset[int] = frozenset()
    literals: frozenset[float] = frozenset()
    facts: list[Fact] = field(default_factory=list)

    def __call__(self, program: Program) -> Program:
        return _Run(self, program).run()


class _Run:
    def __init__(self, settings: Algebra, program: Program) -> None:
        self.sp = _sympy()
        self.settings = settings
        self.program = program
        self.editor = Editor(program)
        self.forward = forward_part(program, settings.names)
        self.values = [v for v in (node_values(program, s) for s in settings.samples) if v is not None]
        self.new_values: dict[Node, list[Any]] = {}
        self.varying = _depending(program, settings.variable)
        self.exprs: dict[Node, Expression] = {}  # of old nodes
        self.strict: dict[Node, Expression] = {}  # the same, with every guard kept
        self.definitions: dict[Expression, Expression] = {}  # of symbols that are values of the forward pass
        self.expansions: dict[Expression, Expression] = {}  # of those of the backward pass
        self.supports: dict[Expression, Expression] = {}  # of masks: (Y != 0) -> Y
        self.nodes: dict[Expression, Operand] = {}  # what a symbol stands for
        self.order: dict[Expression, tuple[int, int]] = {}
        self.symbols: dict[Operand, Expression] = {}
        self.constants: dict[Any, Expression] = {}
        self.ranges = Ranges(program)
        self.old_of: dict[Node, Node] = {}
        self.masks: set[Expression] = set()  # symbols that are 0 or 1
        self.uses = {node: len(users) for node, users in program.users().items()}
        for x in program.outputs:
            if type(x) is Node:
                self.uses[x] += 1
        self.regions = self._regions()
        shapes = {node.shape for node in (*program.inputs, *program.steps) if node.shape is not None}
        self.counts = {n for shape in shapes for n in (*shape, int(np.prod(shape))) if n > 2}

    def run(self) -> Program:
        for node in (*self.program.inputs, *(n for n, _ in self.program.captures)):
            self._stand(node, node)
        for node in self.program.steps:
            self.editor.new[node] = self._visit(node)
        return self.editor.done()

    # -- which steps belong together -------------------------------------------------------------------------------

    def _regions(self) -> set[Node]:
        """The backward steps whose value is needed as such; the other elementwise ones are parts of them."""
        users = self.program.users()
        outputs = {x for x in self.program.outputs if type(x) is Node}
        region: dict[Node, Node] = {}
        for node in reversed(self.program.steps):
            within = {region.get(user) if self._is_part(user) else None for user in users[node]}
            if node in outputs or len(users[node]) != 1 or None in within or not self._is_part(node):
                region[node] = node
            else:
                region[node] = within.pop()  # type: ignore[assignment]
                if node.name is not None and region[node].name is None:
                    region[node] = node  # a gradient that has a name does not vanish in something that has none
        return {node for node in self.program.steps if region[node] is node and node not in self.forward}

    def _is_part(self, node: Node) -> bool:
        return node not in self.forward and (self._is_elementwise(node) or self._is_choice(node))

    def _is_elementwise(self, node: Node) -> bool:
        """Whether SymPy may see inside: real and of a kind of number that does not wrap around."""
        if node.op is None or node.shape is None or node.params or node.op.kind != "elementwise":
            return False
        if node.op.selects or node.op not in _KNOWN:
            return False
        kinds = [dtype_of(x) for x in (node, *node.operands)]
        return all(d.kind in "fb" or (d.kind == "i" and d.itemsize >= 4) for d in kinds) and node.dtype.kind in "fi"

    # -- one step --------------------------------------------------------------------------------------------------

    def _visit(self, node: Node) -> Operand:
        named = node in self.forward and node.name in self.settings.names
        if self._is_elementwise(node):
            expr, strict = self._convert(node, self._expr), self._convert(node, self._strictly)
            if named:
                symbol = self._stand(node, self.editor.keep(node))
                if self._size(expr) < _MOST_OPERATIONS:
                    self.definitions[symbol] = expr
                return self.editor.new.get(node, self.nodes[symbol])
            if node in self.regions or self._size(expr) > _MOST_OPERATIONS:
                return self._rewritten(node, expr, strict)
            kept = self.editor.keep(node)
            if (node.op in _OPAQUE and node in self.forward) or self._size(expr) > _MOST_OPERATIONS:
                self._stand(node, kept)
            else:
                self._know(node, kept)
                self.exprs[node], self.strict[node] = expr, strict
            return kept
        chosen = self._choice(node)
        if chosen is not None:
            kept = self.editor.keep(node)
            if node in self.regions:
                return self._rewritten(node, *chosen)
            self._know(node, kept)
            self.exprs[node], self.strict[node] = chosen
            return kept
        if node.op is sum_ and node not in self.forward and node.dtype.kind == "f":
            total = self._total(node)
            if total is not None:
                return total
        kept = self.editor.keep(node)
        symbol = self._stand(node, kept)
        if node.op is e.not_equal and is_scalar(node.operands[1]) and node.operands[1] == 0:
            compared = self._expr(node.operands[0])
            if compared.is_Symbol:
                self.supports[symbol] = compared
        guarded = _guarded_value(node)
        if guarded is not None and self._vanishes(node):
            self.exprs[node] = self._expr(guarded)
        return kept

    def _choice(self, node: Node) -> tuple[Expression, Expression] | None:
        """where(c, a, b) as c a + (1 - c) b, c being 1 or 0; None unless a and b are finite whatever the inputs are."""
        if not self._is_choice(node):
            return None
        condition, a, b = node.operands
        c = self.exprs[condition]
        found = []
        for operand in (self._expr, self._strictly):
            x, y = operand(a), operand(b)
            if not (c.is_Symbol and all(self._is_total(z) and self._is_finite(z) for z in (x, y))):
                return None
            found.append(c * x + (1 - c) * y)
        self.masks.add(c)
        return found[0], found[1]

    def _is_choice(self, node: Node) -> bool:
        if node.op is not where or node in self.forward or node.dtype.kind != "f":
            return False
        condition, *branches = node.operands
        if type(condition) is not Node or condition.dtype.kind != "b":
            return False
        return all(dtype_of(x).kind == "f" or is_scalar(x) for x in branches)

    def _expr(self, x: Operand) -> Expression:
        return self.exprs[x] if type(x) is Node else self._number(x)

    def _strictly(self, x: Operand) -> Expression:
        return self.strict[x] if type(x) is Node else self._number(x)

    def _know(self, old: Node, new: Operand) -> None:
        if type(new) is Node:
            self.new_values[new] = [v[old] for v in self.values]
            if new.op is not None:
                self.ranges.learn(new)
            self.old_of.setdefault(new, old)

    def _stand(self, old: Node, new: Operand) -> Expression:
        """The symbol for a value that algebra does not look into."""
        self._know(old, new)
        symbol = self.symbols.get(new) if type(new) is Node else self._number(new)
        if symbol is None:
            symbol = self.sp.Symbol(f"v{len(self.symbols)}", real=True)
            self.symbols[new] = symbol
            self.nodes[symbol] = new
            backward = old not in self.forward and old.op is not None
            rank = 0 if shape_of(new) == () else 1 if backward else 2
            self.order[symbol] = rank, len(self.symbols)
        self.exprs[old] = self.strict[old] = symbol
        return symbol

    def _number(self, x: Operand) -> Expression:
        if not is_scalar(x):  # a captured array
            if id(x) not in self.constants:
                symbol = self.sp.Symbol(f"k{len(self.constants)}", real=True)
                self.constants[id(x)] = symbol
                self.nodes[symbol] = x
                self.order[symbol] = 2, -1
            return self.constants[id(x)]
        value = x.item() if isinstance(x, np.generic) else x
        if isinstance(value, (bool, complex)) or not np.isfinite(value):
            return self._constant(x)
        if value == int(value) and abs(value) < 3:
            return self.sp.Integer(int(value))
        if value == int(value) and abs(value) < 1e9:
            return self._count(int(value)) if value > 0 else -self._count(int(-value))
        for numerator in (1, 2) if value not in self.settings.literals else ():
            count = round(numerator / abs(value))
            if (count in self.counts or count // 2 in self.counts) and _is_rounded(numerator / count, abs(value)):
                return (numerator if value > 0 else -numerator) / self._count(count)
        if value * 8 == int(value * 8):
            return self.sp.Rational(int(value * 8), 8)
        return self._constant(x) if value > 0 else -self._constant(-x)

    def _count(self, n: int) -> Expression:
        """A whole number; 2 m where m has a name."""
        for known in (self.settings.sizes, self.counts):
            if n in known:
                break
            for size in sorted(known, reverse=True):
                if n % size == 0 and n // size <= 4:
                    return n // size * self._constant(size)
        return self._constant(n)

    def _constant(self, x: Any) -> Expression:
        """A number as a symbol, so that it stays one number: m, not 1/400 here and 0.0025 there."""
        key = type(x).__name__, repr(x)
        if key not in self.constants:
            positive = not isinstance(x, complex) and bool(x > 0)
            symbol = self.sp.Symbol(f"n{len(self.constants)}", real=True, positive=positive or None)
            self.constants[key] = symbol
            self.nodes[symbol] = x
            self.order[symbol] = -1, len(self.constants)
        return self.constants[key]

    def _is_constant(self, symbol: Expression) -> bool:
        return is_scalar(self.nodes[symbol])

    # -- to SymPy --------------------------------------------------------------------------------------------------

    def _convert(self, node: Node, operand: Callable[[Operand], Expression]) -> Expression:
        xs = [operand(x) for x in node.operands]
        exponent = node.operands[-1]
        if node.op is e.power and not (is_scalar(exponent) and float(exponent).is_integer()):
            return self.sp.Function("power", real=True)(*xs)
        if node.op is e.exp and xs[0].is_Add:  # exp(a + b) is to stay one thing, not exp(a) exp(b)
            return self.sp.exp(self._alias(node.operands[0]))
        assert node.op is not None
        return _KNOWN[node.op](self.sp, *xs)

    def _alias(self, x: Operand) -> Expression:
        """A symbol for a step that algebra has looked into; -x is minus the symbol of x."""
        if type(x) is Node and x.op is e.negative:
            return -self._alias(x.operands[0])
        new = self.editor.now(x)
        if new not in self.symbols:
            symbol = self.sp.Symbol(f"v{len(self.symbols)}", real=True)
            self.symbols[new], self.nodes[symbol] = symbol, new
            self.order[symbol] = 2, len(self.symbols)
        return self.symbols[new]

    def _size(self, expr: Expression) -> int:
        return int(self.sp.count_ops(expr))

    def _vanishes(self, node: Node) -> bool:
        """Whether a guard, where(c == k, 0, x), gives what x is there: x has a factor that is zero where c = k."""
        condition, value = node.operands[0], _guarded_value(node)
        assert type(condition) is Node
        c, k = condition.operands
        if type(c) is not Node or not is_scalar(k) or value is None or node.shape != shape_of(value):
            return False
        if c not in self.forward and c.op is not None:
            return False  # a cotangent: the sweep's own guard, which would be gone already if it were not needed
        symbol, expr = self.exprs[c], self._expr(value)
        if not symbol.is_Symbol or symbol not in expr.free_symbols:
            return False
        at = expr.subs(symbol, self._number(k))
        return bool(at == 0) or bool(self.sp.simplify(at) == 0)

    # -- rewriting -------------------------------------------------------------------------------------------------

    def _rewritten(self, node: Node, expr: Expression, strict: Expression) -> Operand:
        for wanted, free in ((expr, expr != strict), (strict, False)):
            if free and wanted == strict:
                continue
            for candidate in self._candidates(wanted):
                if free and not self._is_total(candidate):
                    continue  # a guard was dropped, and a denominator that it guarded has stayed
                new = self._built(node, candidate)
                if new is not None:
                    self._stand(node, new)
                    self._remember(node, new, candidate)
                    if not free and expr != strict:
                        self.exprs[node] = expr  # its guard may yet turn out to be needless, in a larger expression
                    return new
        kept = self.editor.keep(node)
        self._stand(node, kept)
        return kept

    def _remember(self, node: Node, new: Operand, expr: Expression) -> None:
        """A value that is a number is known as that number; of another one, what it is."""
        if not expr.free_symbols:
            self.exprs[node] = self.strict[node] = expr
        elif type(new) is Node and new in self.symbols:
            self.expansions.setdefault(self.symbols[new], expr)

    def _candidates(self, expr: Expression) -> list[Expression]:
        """Equal expressions, the simplest first; of two that are as simple, the one that is more like the original."""
        found = list(self._forms(expr))
        if len(expr.free_symbols) <= _MOST_SYMBOLS and self._size(expr) <= _MOST_OPERATIONS:
            expanded = list(self._with_expansions(expr))
            singular = set().union(*map(self._singular, [expr, *expanded]))
            found += [form for x in expanded for form in self._forms(x)]
            for _ in range(2):
                shortest = min(found, key=self._cost)
                starts, expanded = [shortest, *expanded], []
                forms = (form for start in starts for x in self._eliminated(start) for form in self._forms(x))
                more = [form for form in forms if self._singular(form) <= singular]
                if not more or self._cost(min(more, key=self._cost)) >= self._cost(shortest):
                    break
                found += more
        unique = list(dict.fromkeys(found))
        return sorted(unique, key=self._cost)[:6]

    def _with_expansions(self, expr: Expression) -> Iterator[Expression]:
        """The expression with cotangents replaced by what they are; those may then not be needed."""
        expanded = self._expanded(expr)
        if expanded != expr and self._size(expanded) <= _MOST_EXPANDED:
            yield expanded

    def _forms(self, expr: Expression) -> Iterator[Expression]:
        sp = self.sp
        yield expr
        if len(expr.free_symbols) > _MOST_SYMBOLS or self._size(expr) > _MOST_OPERATIONS:
            return
        yield sp.factor_terms(expr)
        try:
            cancelled = sp.cancel(sp.together(expr))
            yield cancelled
            yield sp.factor_terms(cancelled)
            yield sp.factor(cancelled)
        except (sp.PolynomialError, NotImplementedError):
            return
        for mask in self.supports.keys() & expr.free_symbols:
            x = self.supports[mask]  # where the mask is 0, x is 0; so are all terms that have x as a factor
            terms = [t.subs(mask, 1) if t.subs(x, 0) == 0 else t for t in sp.Add.make_args(sp.expand(expr))]
            if not any(t.has(mask) for t in terms):
                yield from self._forms(sp.Add(*terms))
        for mask in sorted(self.masks & expr.free_symbols, key=str):
            yield from self._chosen(expr, mask)
        numbers = {s: n for s in expr.free_symbols if type(n := self.nodes[s]) is int}
        if numbers:
            yield sp.factor_terms(sp.cancel(expr.subs(numbers)))

    def _chosen(self, expr: Expression, mask: Expression) -> Iterator[Expression]:
        """The expression as a common factor times where(mask, a, b)."""
        sp = self.sp
        yes, no = (sp.cancel(expr.subs(mask, value)) for value in (1, 0))
        if no == 0:
            yield mask * yes
        elif yes == 0:
            yield (1 - mask) * no
        elif yes == no:
            yield yes
        else:
            a, b = sp.fraction(sp.cancel(yes / no))
            yield sp.cancel(no / b) * sp.Function("where", real=True)(mask, a, b)

    def _eliminated(self, expr: Expression) -> Iterator[Expression]:
        """The expression with one symbol, or one exponential, replaced by what a definition says it is."""
        sp = self.sp
        sigmoids = [f for f in expr.atoms(sp.Function) if f.func.__name__ == "sigmoid"]
        if sigmoids:
            expr = expr.subs({f: 1 / (1 + sp.exp(-f.args[0])) for f in sigmoids})
        for symbol, definition in list(self.definitions.items()):
            exponentials = definition.atoms(sp.exp)
            if not (({symbol} | definition.free_symbols) & expr.free_symbols) or self._size(definition) > 20:
                continue
            for exponential in sorted(exponentials, key=str)[:1]:
                unknown = sp.Symbol("unknown", positive=True)
                base = sp.exp(_positive(exponential.args[0]))
                there, here = definition.subs(base, unknown), expr.subs(base, unknown)
                if unknown in here.free_symbols and not there.has(sp.exp):
                    for solution in _solved(sp, symbol, there, unknown):
                        yield here.subs(unknown, solution)
            variables = {s for s in definition.free_symbols if not self._is_constant(s)}
            if not exponentials and definition.is_rational_function() and variables - {symbol} <= expr.free_symbols:
                for unknown in sorted(variables, key=str):
                    for solution in _solved(sp, symbol, definition, unknown):
                        yield expr.subs(unknown, solution)

    def _cost(self, expr: Expression) -> float:
        """How much there is to read."""
        sp = self.sp
        if expr in self.expansions:  # used here alone, it saves nothing
            return self._cost(self.expansions[expr]) if self.uses[self.old_of[self.nodes[expr]]] == 1 else 0.6
        if expr.is_Symbol or expr.is_Integer:
            return 0.2 if expr.is_Symbol else 0.0
        if expr.is_Rational:
            return 1.0
        if expr.is_Add:
            terms = [-t if t.could_extract_minus_sign() else t for t in expr.args]
            leading = all(t.could_extract_minus_sign() for t in expr.args)
            return sum(map(self._cost, terms)) + len(terms) - 1 + leading
        if expr.is_Mul:
            coefficient, rest = expr.as_coeff_Mul()
            factors = rest.args if rest.is_Mul else (rest,)
            cost = 0.0 if abs(coefficient) == 1 else 1.0 + (abs(coefficient).p != 1 and abs(coefficient).q != 1)
            inverse = sum(bool(f.is_Pow and f.exp.is_negative) for f in factors)
            powers = [1 / f if f.is_Pow and f.exp.is_negative else f for f in factors]
            signs = 0.5 * bool(coefficient < 0) + 0.5 * (inverse > 1)
            return cost + signs + sum(map(self._cost, powers)) + len(factors) - 1
        if expr.is_Pow and not isinstance(expr, sp.exp):
            return 1.0 + self._cost(expr.base) + (0 if expr.exp.is_Integer else 1)
        return 1.5 + sum(map(self._cost, expr.args))

    def _is_total(self, expr: Expression) -> bool:
        """Whether it is finite for all values of its symbols: nothing but numbers in denominators, no logarithms."""
        for part in self.sp.preorder_traversal(expr):
            if part.is_Pow and not part.exp.is_Integer:
                return False
            if part.is_Pow and part.exp.is_negative and not all(map(self._is_constant, part.base.free_symbols)):
                return False
            if part.is_Function and part.func.__name__ not in ("sigmoid", "tanh", "sin", "cos", "exp"):
                return False
        return True

    def _is_finite(self, expr: Expression) -> bool:
        return all(self.ranges.is_finite(self.nodes[s]) for s in expr.free_symbols)

    def _singular(self, expr: Expression) -> set[Expression]:
        """The symbols that stand in denominators."""
        powers = [p for p in self.sp.preorder_traversal(expr) if p.is_Pow and p.exp.could_extract_minus_sign()]
        return {s for p in powers for s in p.base.free_symbols if not self._is_constant(s)}

    # -- sums ------------------------------------------------------------------------------------------------------

    def _total(self, node: Node) -> Operand | None:
        """A sum whose operand has factors that are the same for every summand: they are written before the sum."""
        x = node.operands[0]
        if type(x) is not Node:
            return None
        axes = _axes(node, x)
        expr = self.strict[x]
        expanded = self._expanded(expr)
        for form in (expr, expanded):
            whole = self._known_total(form, axes)
            if whole is not None:
                return self._finished(node, whole)
        if self.uses[x] > 1:
            return None
        expr = min(self._candidates(self.expansions.get(expr, expr)), key=self._cost)
        outside, inside = self._pulled(expr, axes)
        if inside == 1 or outside == 1:
            return None
        summand = self._build(inside)
        if shape_of(summand) != x.shape or type(summand) is not Node:
            return None
        params = dict(node.params)
        total = self.editor.add(sum_, summand, **params)
        try:
            self.new_values[total] = [np.asarray(sum_.fn(v, **params)) for v in self.new_values[summand]]
        except KeyError:
            return None
        symbol = self.sp.Symbol(f"v{len(self.symbols)}", real=True)
        self.symbols[total], self.nodes[symbol] = symbol, total
        self.order[symbol] = (0 if total.shape == () else 1), len(self.symbols)
        return self._finished(node, outside * symbol)

    def _finished(self, node: Node, expr: Expression) -> Operand | None:
        """The sum as an expression, which may go into a larger one."""
        x = node.operands[0]
        new = self._built(node, expr, [np.sum(np.abs(v[x])) for v in self.values])
        if new is None:
            return None
        self._stand(node, new)
        self.exprs[node] = self.strict[node] = expr
        return new

    def _pulled(self, expr: Expression, axes: tuple[int, ...]) -> tuple[Expression, Expression]:
        outside = inside = self.sp.Integer(1)
        for factor in expr.args if expr.is_Mul else (expr,):
            if all(self._is_constant_along(s, axes) for s in factor.free_symbols):
                outside *= factor
            else:
                inside *= factor
        return outside, inside

    def _is_constant_along(self, symbol: Expression, axes: tuple[int, ...]) -> bool:
        """axes count from the last one, negative."""
        shape = shape_of(self.nodes[symbol])
        return all(len(shape) < -a or shape[a] == 1 for a in axes)

    def _expanded(self, expr: Expression) -> Expression:
        """The expression in terms of the forward pass alone, so far as that is elementwise."""
        for _ in range(3):
            known = self.expansions.keys() & expr.free_symbols
            if not known or sum(self._size(self.expansions[s]) for s in known) > _MOST_EXPANDED:
                break
            expr = expr.subs({s: self.expansions[s] for s in known})
        return expr

    def _known_total(self, expr: Expression, axes: tuple[int, ...]) -> Expression | None:
        """The sum of the expression if it is a number: from the values that sum to 1."""
        if self._size(expr) > _MOST_OPERATIONS:
            return None
        total: Expression = self.sp.Integer(0)
        used = []
        for term in self.sp.Add.make_args(self.sp.expand(expr)):
            outside, inside = self._pulled(term, axes)
            if inside == 1 and not outside.free_symbols:
                if outside != 0:
                    return None
                continue
            fact = self._sums_to(self.nodes[inside], axes) if inside.is_Symbol else None
            if fact is None:
                return None
            used.append(fact)
            total += outside * fact.total
        for fact in used:
            if self.old_of.get(fact.node) not in self.varying and all(
                fact.node is not f.node or fact.axes != f.axes for f in self.settings.facts
            ):
                self.settings.facts.append(fact)
        return total

    def _sums_to(self, node: Operand, axes: tuple[int, ...]) -> Fact | None:
        """That the values sum to 1 over these axes; or, if that is no matter of the data, to 0."""
        if type(node) is not Node or node not in self.new_values or any(len(node.shape) < -a for a in axes):
            return None
        if node.dtype.kind not in "fib" or node.size == 0 or not self.new_values[node]:
            return None
        old = self.old_of.get(node, node)
        if old not in self.varying and old not in self.forward and old.op is not None:
            return None  # of the backward pass: it is not there yet where facts are checked
        close = 1e-3 if node.dtype.itemsize < 8 and node.dtype.kind == "f" else 1e-9
        for total in (1, 0) if old in self.varying else (1,):
            if all(_has_sum(v, axes, total, close) for v in self.new_values[node]):
                return Fact(node, axes, total)
        return None

    # -- from SymPy ------------------------------------------------------------------------------------------------

    def _built(self, node: Node, expr: Expression, scales: Sequence[float] | None = None) -> Operand | None:
        """The expression as steps, if it is the same as the step: in shape, dtype and value.

        scales: of the numbers that the step adds up, for each sample; they may cancel.
        """
        before = len(self.editor.steps)
        try:
            with np.errstate(all="ignore"):
                new = self._build(expr)
                if type(new) is not Node and is_scalar(new) and not isinstance(new, np.generic) and not node.weak:
                    new = node.dtype.type(new)
                if shape_of(new) != node.shape:
                    new = self._made(broadcast_to, new, shape=node.shape)
                if dtype_of(new) == node.dtype and is_weak(new) == node.weak and self._agrees(node, new, scales):
                    if type(new) is Node and new.name is None and self.old_of.get(new) not in self.forward:
                        new.name = node.name
                    return new
        except (TypeError, ValueError, OverflowError, KeyError, NotImplementedError):
            pass
        del self.editor.steps[before:]
        return None

    def _agrees(self, node: Node, new: Operand, scales: Sequence[float] | None) -> bool:
        values = [np.asarray(new)] * len(self.values) if type(new) is not Node else self.new_values[new]
        seen = False
        for i, (known, value) in enumerate(zip(self.values, values, strict=True)):
            old = np.asarray(known[node])
            finite = np.isfinite(old)
            if not finite.any():
                continue
            seen = True
            largest = float(np.max(np.abs(old[finite]))) if scales is None else float(scales[i])
            close = 1e-9 if old.dtype.itemsize >= 8 else 1e-3
            got = np.broadcast_to(value, old.shape)[finite]
            if not np.all(np.abs(got - old[finite]) <= close * largest + 1e-300):
                return False
        return seen or node.size == 0

    def _made(self, op: Op, *operands: Operand, **params: Any) -> Node:
        new = self.editor.add(op, *operands, **params)
        rows = [self.new_values[x] if type(x) is Node else [x] * len(self.values) for x in operands]
        self.new_values[new] = [op.fn(*xs, **params) for xs in zip(*rows, strict=True)]
        self.ranges.learn(new)
        return new

    def _build(self, x: Expression) -> Operand:
        sp = self.sp
        if x.is_Symbol:
            return self.nodes[x]
        if x.is_Integer:
            return int(x)
        if x.is_Rational:
            return float(x)
        if x.is_Add:
            return self._build_sum(x)
        if isinstance(x, sp.exp):
            return self._made(e.exp, self._build(x.args[0]))
        if x.is_Mul or (x.is_Pow and x.exp.could_extract_minus_sign()):
            return self._build_product(x)
        if x.is_Pow:
            return self._build_power(x)
        return self._made(_BY_NAME[x.func.__name__], *map(self._build, x.args))

    def _build_sum(self, x: Expression) -> Operand:
        def key(term: Expression) -> Any:
            free = [self.order[s] for s in term.free_symbols if not self._is_constant(s)]
            return term.could_extract_minus_sign(), not free, min(((r != 1, i) for r, i in free), default=(True, 0))

        first, *rest = sorted(x.args, key=key)
        total = self._build(first)
        for term in rest:
            negative = term.could_extract_minus_sign()
            total = self._made(e.subtract if negative else e.add, total, self._build(-term if negative else term))
        return total

    def _build_product(self, x: Expression) -> Operand:
        coefficient, rest = x.as_coeff_Mul()
        sign, coefficient = (-1 if coefficient < 0 else 1), abs(coefficient)
        factors = list(rest.args) if rest.is_Mul else [rest]
        below = [1 / f for f in factors if f.is_Pow and f.exp.could_extract_minus_sign()]
        above = [f for f in factors if not (f.is_Pow and f.exp.could_extract_minus_sign()) and f != 1]
        above.sort(key=self._factor_key)
        below.sort(key=self._factor_key)
        if sign < 0:
            for i, f in enumerate(above):
                if f.is_Add and any(t.could_extract_minus_sign() for t in f.args):
                    above[i], sign = self.sp.Add(*(-t for t in f.args)), 1
                    break
        tops = [self._build(f) for f in above]
        if coefficient.p != 1:
            tops.insert(0, int(coefficient.p))
        if not tops:
            tops = [1]
        if sign < 0:
            if is_scalar(tops[0]):
                tops[0] = -tops[0]
            elif dtype_of(tops[0]).kind == "f":
                tops[0] = self._made(e.negative, tops[0])
            else:
                tops.insert(0, -1)
        bottoms = ([int(coefficient.q)] if coefficient.q != 1 else []) + [self._build(f) for f in below]
        top = self._product(tops)
        return self._made(e.divide, top, self._product(bottoms)) if bottoms else top

    def _product(self, factors: list[Operand]) -> Operand:
        total = factors[0]
        for factor in factors[1:]:
            total = self._made(e.multiply, total, factor)
        return total

    def _factor_key(self, f: Expression) -> Any:
        kind = 0 if f.is_Symbol else 2 if f.is_Add or (f.is_Pow and f.base.is_Add) else 1
        return kind, min((self.order[s] for s in f.free_symbols), default=(-1, 0))

    def _build_power(self, x: Expression) -> Operand:
        base = self._build(x.base)
        if x.exp == 2:
            return self._made(e.square, base)
        if x.exp == self.sp.Rational(1, 2):
            return self._made(e.sqrt, base)
        return self._made(e.power, base, int(x.exp) if x.exp.is_Integer else float(x.exp))


def _is_rounded(exact: float, value: float) -> bool:
    """Whether a value is a number rounded to double precision, or the shortest text of it in single precision."""
    return value in (exact, float(str(np.float32(exact))), float(np.float32(exact)))


def _has_sum(values: Any, axes: tuple[int, ...], total: int, close: float) -> bool:
    with np.errstate(all="ignore"):
        off = np.abs(np.sum(values, axis=axes) - total)
        size = np.sum(np.abs(values), axis=axes)
    return bool(np.all(size > 0) and np.all(off <= close * size))


def _opaque(op: Op) -> Callable[..., Expression]:
    """A function of which SymPy is told no more than that it is real."""
    return lambda sp, *xs: sp.Function(op.name, real=True)(*xs)


_OPAQUE = (
    *(e.log, e.log1p, e.log2, e.log10, e.expm1, e.cbrt, e.sin, e.cos, e.tan, e.arctan, e.sinh, e.cosh, e.tanh),
    *(sigmoid, softplus),
)
_BY_NAME: dict[str, Op] = {op.name: op for op in (*_OPAQUE, e.power, where)}
_KNOWN: dict[Op, Callable[..., Expression]] = {
    e.add: lambda sp, a, b: a + b,
    e.subtract: lambda sp, a, b: a - b,
    e.multiply: lambda sp, a, b: a * b,
    e.divide: lambda sp, a, b: a / b,
    e.negative: lambda sp, a: -a,
    e.square: lambda sp, a: a**2,
    e.reciprocal: lambda sp, a: 1 / a,
    e.power: lambda sp, a, p: a**p,
    e.sqrt: lambda sp, a: sp.sqrt(a),
    e.exp: lambda sp, a: sp.exp(a),
    **{op: _opaque(op) for op in _OPAQUE},
}


def _solved(sp: Any, symbol: Expression, definition: Expression, unknown: Expression) -> list[Expression]:
    """Solutions of symbol = definition for the unknown."""
    try:
        return list(sp.solve(sp.numer(sp.together(definition - symbol)), unknown))[:3]
    except (NotImplementedError, sp.PolynomialError):
        return []


def _positive(expr: Expression) -> Expression:
    return -expr if expr.could_extract_minus_sign() else expr


def _guarded_value(node: Node) -> Operand | None:
    """x of where(c == k, 0, x)."""
    if node.op is not where:
        return None
    condition, zero, value = node.operands
    if type(condition) is not Node or condition.op is not e.equal or not is_scalar(zero) or zero != 0:
        return None
    return value if type(value) is Node and value.dtype == node.dtype else None


def _axes(node: Node, x: Node) -> tuple[int, ...]:
    """The axes of a sum, counted from the last one."""
    if not x.shape:
        return ()
    axes = node.params.get("axis")
    chosen = range(len(x.shape)) if axes is None else (axes,) if isinstance(axes, (int, np.integer)) else axes
    return tuple(int(a) % len(x.shape) - len(x.shape) for a in chosen)


def forward_part(program: Program, names: Container[str]) -> set[Node]:
    """What is needed for the first output, or has a name of the forward pass."""
    forward = {x for x in program.outputs[:1] if type(x) is Node}
    for node in reversed(program.steps):
        if node in forward or node.name in names:
            forward.add(node)
            forward.update(x for x in node.operands if type(x) is Node)
    return forward


def _depending(program: Program, variable: frozenset[Node]) -> set[Node]:
    depending = set(variable)
    for node in program.steps:
        if any(type(x) is Node and x in depending for x in node.operands):
            depending.add(node)
    return depending


def node_values(program: Program, arrays: Sequence[Any]) -> dict[Node, Any] | None:
    """The value of every node for these inputs; None if some step refuses them."""
    values: dict[Node, Any] = dict(zip(program.inputs, arrays, strict=True))
    values.update((node, t._array) for node, t in program.captures)
    try:
        with np.errstate(all="ignore"):
            for node in program.steps:
                assert node.op is not None
                values[node] = node.op.fn(*(values[x] if type(x) is Node else x for x in node.operands), **node.params)
    except (ValueError, TypeError, ArithmeticError, np.linalg.LinAlgError):
        return None
    return values
