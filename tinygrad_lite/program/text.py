"""Expressions as text: a tree of Python's own `ast`, written with as few parentheses as precedence allows.

(`ast.unparse` adds parentheses to tuples in subscripts, and spaces around ** wherever it stands.)
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

Expr = ast.expr

_POWER, _UNARY, _ATOM = 15, 14, 100  # how tightly each binds, as Python's operators below
_BINARY: dict[type[ast.operator], tuple[str, int]] = {
    ast.Pow: ("**", _POWER),
    ast.Mult: ("*", 13),
    ast.Div: ("/", 13),
    ast.FloorDiv: ("//", 13),
    ast.Mod: ("%", 13),
    ast.MatMult: ("@", 13),
    ast.Add: ("+", 12),
    ast.Sub: ("-", 12),
    ast.LShift: ("<<", 11),
    ast.RShift: (">>", 11),
    ast.BitAnd: ("&", 10),
    ast.BitXor: ("^", 9),
    ast.BitOr: ("|", 8),
}
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}


class Assembly(ast.expr):
    """An array that is written into piece by piece: how it starts, and the indices and values of what follows. It makes
    several lines, and is no part of another expression. flat: which of the pieces number the entries through."""

    _fields = ("start", "indices", "values")

    def __init__(self, start: Expr, indices: list[Expr], values: list[Expr], flat: list[bool]) -> None:
        super().__init__()
        self.start, self.indices, self.values, self.flat = start, indices, values, flat

    def assignments(self, name: Expr) -> list[tuple[Expr, Expr]]:
        """The lines, as (left side, right side)."""
        pairs: list[tuple[Expr, Expr]] = [(name, self.start)]
        for index, value, flat in zip(self.indices, self.values, self.flat, strict=True):
            pairs.append((ast.Subscript(spell_flat(name) if flat else name, index, ast.Load()), value))
        return pairs


def spell_flat(x: Expr) -> Expr:
    return ast.Call(ast.Attribute(x, "reshape", ast.Load()), [ast.UnaryOp(ast.USub(), ast.Constant(1))], [])


def text(expression: Expr) -> str:
    """An expression as Python code.

    >>> text(ast.parse("(W @ (a)) * (1 - (A ** 2))", mode="eval").body)
    'W @ a * (1 - A**2)'
    """
    return _text(expression)[0]


def _text(x: Expr) -> tuple[str, int]:
    """The code, and how tightly it holds together."""
    match x:
        case ast.Name():
            return x.id, _ATOM
        case ast.Constant():
            return _constant(x.value), _ATOM
        case ast.BinOp():
            return _binary(x)
        case ast.UnaryOp():
            sign = "-" if isinstance(x.op, ast.USub) else "~"
            return sign + _enclose(x.operand, _UNARY), _UNARY
        case ast.Compare():
            sign = _COMPARISONS[type(x.ops[0])]
            return f"{_enclose(x.left, 8)} {sign} {_enclose(x.comparators[0], 8)}", 7
        case ast.Attribute():
            return f"{_enclose(x.value, _ATOM)}.{x.attr}", _ATOM
        case ast.Subscript():
            index = x.slice
            inner = _sequence(index.elts) if isinstance(index, ast.Tuple) and index.elts else text(index)
            return f"{_enclose(x.value, _ATOM)}[{inner}]", _ATOM
        case ast.Call():
            named = [f"{k.arg}={text(k.value)}" for k in x.keywords]
            return f"{_enclose(x.func, _ATOM)}({', '.join([*map(text, x.args), *named])})", _ATOM
        case ast.Slice():
            parts = ["" if part is None else text(part) for part in (x.lower, x.upper)]
            return ":".join(parts if x.step is None else [*parts, text(x.step)]), _ATOM
        case ast.Tuple():
            return f"({_sequence(x.elts)})", _ATOM
        case ast.List():
            return f"[{', '.join(map(text, x.elts))}]", _ATOM
        case ast.Dict():
            pairs = zip(x.keys, x.values, strict=True)
            return "{" + ", ".join(f"{text(k)}: {text(v)}" for k, v in pairs if k is not None) + "}", _ATOM
        case Assembly():
            return text(x.start), _ATOM
    raise NotImplementedError(type(x))


def _sequence(elements: Sequence[Expr]) -> str:
    return ", ".join(map(text, elements)) + ("," if len(elements) == 1 else "")


def _binary(x: ast.BinOp) -> tuple[str, int]:
    sign, strength = _BINARY[type(x.op)]
    if strength == _POWER:  # groups from the right; a minus in the exponent needs no parentheses
        left, right = _enclose(x.left, _POWER + 1), _enclose(x.right, _UNARY)
        sides = (side.operand if isinstance(side, ast.UnaryOp) else side for side in (x.left, x.right))
        close = all(isinstance(side, (ast.Name, ast.Constant)) for side in sides)
        return (f"{left}**{right}" if close else f"{left} ** {right}"), strength
    return f"{_enclose(x.left, strength)} {sign} {_enclose(x.right, strength + 1)}", strength


def _enclose(x: Expr, strength: int) -> str:
    """The code as part of something that holds its parts together with this strength."""
    code, own = _text(x)
    bare_number = strength == _ATOM and isinstance(x, ast.Constant) and not isinstance(x.value, str)
    return f"({code})" if own < strength or bare_number else code


def _constant(value: Any) -> str:
    code = repr(value)
    if code.startswith("'") and '"' not in code:
        return f'"{code[1:-1]}"'
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return repr(value)
    return "..." if value is Ellipsis else code
