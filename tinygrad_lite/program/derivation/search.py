"""Search: among the expressions that are equal, the one in which there is the least to read."""

from __future__ import annotations

import functools
from collections.abc import Iterator

from ...rules.indexing import where
from ...rules.neural import sigmoid
from .symbols import Expression, Symbols

# SymPy brings an expression of 20 operations into all its forms in 0.1 s, one of 40 in 0.1 to 6 s, one of 60 in more.
MOST_OPERATIONS = 60
"""A larger expression is not brought into other forms, and no step becomes part of one."""
_MOST_EXPANDED = 40  # with cotangents replaced by what they are; a tanh spelled with exponentials needs more than 25
_MOST_DEFINED = 20  # a larger definition is not solved for its symbols; an activation is defined by 12 or fewer
_MOST_SYMBOLS = 9  # a polynomial in more has too many terms to factor; formulas that people print have 6 or fewer
_MOST_CANDIDATES = 6  # are tried on numbers; the shortest nearly always agrees, so more would only cost time
_DEEPEST = 3  # layers of cotangents that are replaced; what is further away seldom cancels


class Search:
    """What may be used of the program while looking for a shorter expression.

    definitions: of symbols that are named values of the forward pass; see `define`. expansions: of symbols that are
    values of the backward pass. unshared: those of the latter that are used only once. supports: of masks:
    (Y != 0) -> Y. masks: symbols that are 0 or 1.
    """

    def __init__(self, symbols: Symbols) -> None:
        self.symbols = symbols
        self.definitions: dict[Expression, Expression] = {}
        self.expansions: dict[Expression, Expression] = {}
        self.unshared: set[Expression] = set()
        self.supports: dict[Expression, Expression] = {}
        self.masks: set[Expression] = set()
        self._sp = symbols.sympy
        self._sizes: dict[Expression, int] = {}
        self._usable: dict[Expression, list[Expression]] = {}  # by a symbol that must occur where a definition is used

    def define(self, symbol: Expression, definition: Expression) -> None:
        """Note what a named value of the forward pass is."""
        self.definitions[symbol] = definition
        exponentials = definition.atoms(self._sp.exp)
        if self._size(definition) > _MOST_DEFINED or not (exponentials or definition.is_rational_function()):
            return  # nothing can be eliminated by it
        needed = min(exponentials, key=str).args[0] if exponentials else definition
        variables = [s for s in needed.free_symbols if not self.symbols.is_constant(s)]
        if variables:  # the newest of them: W is in the definition of every Z, the A before it in one alone
            self._usable.setdefault(max(variables, key=self._rank), []).append(symbol)

    def _rank(self, symbol: Expression) -> int:
        return self.symbols.order[symbol][1]

    def is_small(self, expr: Expression) -> bool:
        return self._size(expr) <= MOST_OPERATIONS

    def _size(self, expr: Expression) -> int:
        """How many signs, sums, products, quotients, powers and functions there are in it. (`sympy.count_ops` counts
        them anew in every part; a value that grows step by step would be counted through at each.)"""
        size = self._sizes.get(expr)
        if size is None:
            size = self._sizes[expr] = self._count(expr)
        return size

    def _count(self, expr: Expression) -> int:
        if expr.is_Rational:
            return bool(expr.p < 0) + bool(expr.q != 1)
        if expr.is_Add:
            minuses = [t.could_extract_minus_sign() for t in expr.args]
            terms = [-t if minus else t for t, minus in zip(expr.args, minuses, strict=True)]
            return len(terms) - 1 + all(minuses) + sum(map(self._size, terms))
        if expr.is_Mul or _is_inverse(expr):
            coefficient, above, below = _split_product(expr)
            numbers = bool(coefficient.p < 0) + bool(abs(coefficient.p) != 1) + bool(coefficient.q != 1)
            is_reciprocal = not above and abs(coefficient.p) == 1
            return numbers + is_reciprocal + len(above) + len(below) - 1 + sum(map(self._size, (*above, *below)))
        return bool(expr.args) + sum(map(self._size, expr.args))

    def _is_tractable(self, expr: Expression) -> bool:
        return len(expr.free_symbols) <= _MOST_SYMBOLS and self.is_small(expr)

    def find_candidates(self, expr: Expression) -> list[Expression]:
        """Equal expressions, the simplest first; of two that are as simple, the one that is more like the original."""
        found = list(self._find_forms(expr))
        if self._is_tractable(expr):
            whole = self.expand(expr)
            starts = [whole] if whole != expr and self._size(whole) <= _MOST_EXPANDED else []
            allowed = set().union(*map(self._find_denominators, [expr, *starts]))
            found += [form for x in starts for form in self._find_forms(x)]
            shortest = min(found, key=self.cost)
            eliminated = (x for start in (shortest, *starts) for x in self._eliminate(start))
            forms = (form for x in eliminated if self._size(x) <= _MOST_EXPANDED for form in self._find_forms(x))
            found += [form for form in forms if self._find_denominators(form) <= allowed]
            known = self._find_exponents(expr) | self._find_exponents(whole)
            found = [form for form in found if self._find_exponents(form) <= known]  # exp(2 Z) overflows before exp(Z)
        return sorted(dict.fromkeys(found), key=self.cost)[:_MOST_CANDIDATES]

    def expand(self, expr: Expression) -> Expression:
        """The expression in terms of the forward pass alone, so far as that is elementwise."""
        for _ in range(_DEEPEST):
            known = self.expansions.keys() & expr.free_symbols
            if not known or sum(self._size(self.expansions[s]) for s in known) > _MOST_EXPANDED:
                break
            expr = expr.subs({s: self.expansions[s] for s in known})
        return expr

    # -- forms ---------------------------------------------------------------------------------------------------------

    def _find_forms(self, expr: Expression) -> Iterator[Expression]:
        yield expr
        if not self._is_tractable(expr):
            return
        forms, is_rational = _bring_into_forms(expr)
        yield from forms
        if not is_rational:
            return
        for mask in sorted(self.supports.keys() & expr.free_symbols, key=str):
            yield from self._drop_mask(expr, mask)
        for mask in sorted(self.masks & expr.free_symbols, key=str):
            yield from self._choose(expr, mask)
        numbers = {s: n for s in expr.free_symbols if type(n := self.symbols.operands[s]) is int}
        if numbers:
            yield _reduce(expr.subs(numbers))

    def _drop_mask(self, expr: Expression, mask: Expression) -> Iterator[Expression]:
        """Where the mask is 0, x is 0, and so are all terms that have x as a factor: they need no mask."""
        sp, x = self._sp, self.supports[mask]
        terms = [t.subs(mask, 1) if t.subs(x, 0) == 0 else t for t in sp.Add.make_args(sp.expand(expr))]
        if not any(t.has(mask) for t in terms):
            yield from self._find_forms(sp.Add(*terms))

    def _choose(self, expr: Expression, mask: Expression) -> Iterator[Expression]:
        """The expression as a common factor times where(mask, a, b)."""
        sp = self._sp
        yes, no = (sp.cancel(expr.subs(mask, value)) for value in (1, 0))
        if no == 0:
            yield mask * yes
        elif yes == 0:
            yield (1 - mask) * no
        elif yes == no:
            yield yes
        else:
            a, b = sp.fraction(sp.cancel(yes / no))
            yield sp.cancel(no / b) * self.symbols.function(where)(mask, a, b)

    def _eliminate(self, expr: Expression) -> Iterator[Expression]:
        """The expression with one symbol, or one exponential, replaced by what a definition says it is."""
        sp = self._sp
        sigmoids = expr.atoms(self.symbols.function(sigmoid))
        if sigmoids:
            expr = expr.subs({f: 1 / (1 + sp.exp(-f.args[0])) for f in sigmoids})
        here = expr.free_symbols
        usable = {symbol for known in here for symbol in self._usable.get(known, ())}
        for symbol in sorted(usable, key=self._rank):
            definition = self.definitions[symbol]
            exponentials = definition.atoms(sp.exp)
            for exponential in sorted(exponentials, key=str)[:1]:
                yield from self._eliminate_exponential(expr, symbol, definition, exponential)
            variables = {s for s in definition.free_symbols if not self.symbols.is_constant(s)}
            if not exponentials and variables - {symbol} <= here:
                for unknown in sorted(variables, key=str):
                    for solution in self._solve(symbol, definition, unknown):
                        yield expr.subs(unknown, solution)

    def _eliminate_exponential(
        self, expr: Expression, symbol: Expression, definition: Expression, exponential: Expression
    ) -> Iterator[Expression]:
        sp = self._sp
        unknown = sp.Symbol("unknown", positive=True)
        exponent = exponential.args[0]
        base = sp.exp(-exponent if exponent.could_extract_minus_sign() else exponent)
        there, here = definition.subs(base, unknown), expr.subs(base, unknown)
        if unknown in here.free_symbols and not there.has(sp.exp):
            for solution in self._solve(symbol, there, unknown):
                yield here.subs(unknown, solution)

    def _solve(self, symbol: Expression, definition: Expression, unknown: Expression) -> list[Expression]:
        """Solutions of symbol = definition for the unknown, where it is linear or quadratic. (`sympy.solve` takes ten
        times as long; the roots of a cubic are no formula to print.)"""
        sp = self._sp
        try:
            coefficients = sp.Poly(sp.numer(sp.together(definition - symbol)), unknown).all_coeffs()
        except sp.PolynomialError:
            return []
        if len(coefficients) == 2:
            a, b = coefficients
            return [-b / a]
        if len(coefficients) == 3:
            a, b, c = coefficients
            root = sp.sqrt(b * b - 4 * a * c)
            return [(root - b) / (2 * a), (-root - b) / (2 * a)]
        return []

    def _find_exponents(self, expr: Expression) -> set[Expression]:
        """What exponentials are of, whatever its sign."""
        exponents = {e.args[0] for e in expr.atoms(self._sp.exp)}
        return {-x if x.could_extract_minus_sign() else x for x in exponents}

    def _find_denominators(self, expr: Expression) -> set[Expression]:
        """The symbols that stand in denominators, but for those that cannot be 0, as 1 + exp(-Z)."""
        powers = [p for p in self._sp.preorder_traversal(expr) if p.is_Pow and p.exp.could_extract_minus_sign()]
        bases = [p.base for p in powers if not p.base.is_nonzero]
        return {s for base in bases for s in base.free_symbols if not self.symbols.is_constant(s)}

    # -- how much there is to read -------------------------------------------------------------------------------------

    def cost(self, expr: Expression) -> float:
        """One for each operation; a name costs a little, so that fewer are better, and a function a little more."""
        if expr in self.expansions:  # used here alone, it saves nothing
            return self.cost(self.expansions[expr]) if expr in self.unshared else 0.6
        if expr.is_Symbol or expr.is_Integer:
            return 0.2 if expr.is_Symbol else 0.0
        if expr.is_Rational:
            return 1.0
        if expr.is_Add:
            terms = [-t if t.could_extract_minus_sign() else t for t in expr.args]
            leading = all(t.could_extract_minus_sign() for t in expr.args)
            return sum(map(self.cost, terms)) + len(terms) - 1 + leading
        if expr.is_Mul:
            return self._cost_of_product(expr)
        if expr.is_Pow and not isinstance(expr, self._sp.exp):
            return 1.0 + self.cost(expr.base) + (0 if expr.exp.is_Integer else 1)
        return 1.5 + sum(map(self.cost, expr.args))

    def _cost_of_product(self, expr: Expression) -> float:
        coefficient, above, below = _split_product(expr)
        cost = 0.0 if abs(coefficient) == 1 else 1.0 + (abs(coefficient).p != 1 and abs(coefficient).q != 1)
        signs = 0.5 * bool(coefficient < 0) + 0.5 * (len(below) > 1)
        return cost + signs + sum(map(self.cost, (*above, *below))) + len(above) + len(below) - 1


@functools.lru_cache(maxsize=1000)
def _bring_into_forms(expr: Expression) -> tuple[tuple[Expression, ...], bool]:
    """SymPy's forms of an expression, and whether it has all of them: not all are quotients of polynomials to SymPy.

    They are kept, since symbols are called alike in every derivation: a function that is derived or compared again
    asks for the same forms, and finding them is a third of the time that it takes.
    """
    import sympy as sp

    forms = [sp.factor_terms(expr)]
    try:
        forms.append(cancelled := sp.cancel(sp.together(expr)))
        forms.append(sp.factor_terms(cancelled))
        forms.append(sp.factor(cancelled))
    except (sp.PolynomialError, NotImplementedError):
        return tuple(forms), False
    return tuple(forms), True


@functools.lru_cache(maxsize=1000)
def _reduce(expr: Expression) -> Expression:
    import sympy as sp

    return sp.factor_terms(sp.cancel(expr))


def _is_inverse(expr: Expression) -> bool:
    return bool(expr.is_Pow and expr.exp.is_negative)


def _split_product(expr: Expression) -> tuple[Expression, list[Expression], list[Expression]]:
    """Its rational coefficient, and the other factors: those above and those below a fraction line."""
    coefficient, rest = expr.as_coeff_Mul(rational=True)
    factors = rest.args if rest.is_Mul else (rest,)
    return coefficient, [f for f in factors if not _is_inverse(f)], [1 / f for f in factors if _is_inverse(f)]
