r"""Expressions as LaTeX, for notebooks: a product of matrices has no sign, an elementwise one a dot in a circle."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

import numpy as np

from ..text import Expr, text

_FUNCTIONS = {"exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "max", "min"}
_SIGNS: dict[type[ast.cmpop], str] = {
    ast.Eq: "=",
    ast.NotEq: r"\neq",
    ast.Lt: "<",
    ast.LtE: r"\leq",
    ast.Gt: ">",
    ast.GtE: r"\geq",
}
_SUM, _PRODUCT, _POWER, _ATOM = 1, 2, 3, 4  # how tightly each binds


def latex(blocks: Sequence[Sequence[tuple[Expr, Expr]]]) -> str:
    r"""Blocks of equations (left side, right side), aligned.

    >>> dZ1 = ast.parse("W2.T @ dZ2 * (1 - A1**2) / m", mode="eval").body
    >>> print(latex([[(ast.Name("dZ1"), dZ1)]]))
    $$\begin{aligned}
    dZ_{1} &= \frac{W_{2}^{\top} \, dZ_{2} \odot \left(1 - A_{1}^{2}\right)}{m}
    \end{aligned}$$
    """
    rows = [[f"{_formula(left)[0]} &= {_formula(right)[0]}" for left, right in block] for block in blocks if block]
    parts = [" \\\\\n".join(block) for block in rows]
    return "$$\\begin{aligned}\n" + " \\\\[2ex]\n".join(parts) + "\n\\end{aligned}$$"


def _formula(x: Expr) -> tuple[str, int]:
    """The formula, and how tightly it holds together."""
    match x:
        case ast.Name():
            return _symbol(x.id), _ATOM
        case ast.Constant() if type(x.value) in (int, float):
            return repr(x.value), _ATOM
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            sign = "+" if isinstance(x.op, ast.Add) else "-"
            return f"{_enclose(x.left, _SUM)} {sign} {_enclose(x.right, _PRODUCT)}", _SUM
        case ast.BinOp(op=ast.Div()):
            return rf"\frac{{{_formula(x.left)[0]}}}{{{_formula(x.right)[0]}}}", _PRODUCT
        case ast.BinOp(op=ast.MatMult()):
            return rf"{_enclose(x.left, _PRODUCT)} \, {_enclose(x.right, _POWER)}", _PRODUCT
        case ast.BinOp(op=ast.Mult()):
            sign = r" \, " if any(isinstance(side, ast.Constant) for side in (x.left, x.right)) else r" \odot "
            return _enclose(x.left, _PRODUCT) + sign + _enclose(x.right, _POWER), _PRODUCT
        case ast.BinOp(op=ast.Pow()):
            return f"{_enclose(x.left, _ATOM)}^{{{_formula(x.right)[0]}}}", _POWER
        case ast.UnaryOp(op=ast.USub()):
            return "-" + _enclose(x.operand, _PRODUCT), _SUM
        case ast.Compare():
            sign = _SIGNS[type(x.ops[0])]
            return rf"\left[{_formula(x.left)[0]} {sign} {_formula(x.comparators[0])[0]}\right]", _ATOM
        case ast.Attribute(attr="T" | "mT"):
            return rf"{_enclose(x.value, _ATOM)}^{{\top}}", _POWER
        case ast.Call():
            return _call(x)
    return rf"\texttt{{{_escape(text(x))}}}", _ATOM


def _call(x: ast.Call) -> tuple[str, int]:
    path = text(x.func)
    name = path.removeprefix("np.")
    is_numpys = name != path
    keywords = {k.arg: text(k.value) for k in x.keywords if k.arg != "keepdims"}
    axis = keywords.pop("axis", None)
    inner = ", ".join(
        [*(_formula(y)[0] for y in x.args), *(rf"\text{{{_escape(f'{k}={v}')}}}" for k, v in keywords.items())]
    )
    where = "" if axis is None else rf"_{{\text{{axis }} {axis}}}"
    if is_numpys and name == "sum" and len(x.args) == 1 and not keywords:
        return rf"\textstyle\sum{where} {_enclose(x.args[0], _PRODUCT)}", _PRODUCT
    if is_numpys and name == "sqrt":
        return rf"\sqrt{{{inner}}}", _ATOM
    if is_numpys and name in _FUNCTIONS:
        shown = rf"\{name}"
    elif is_numpys or not hasattr(np, name):
        shown = rf"\operatorname{{{_escape(name)}}}"
    else:  # a function of the user's with the name of one of NumPy's must not be taken for that
        shown = _symbol(name)
    return rf"{shown}{where}\left({inner}\right)", _ATOM


def _enclose(x: Expr, strength: int) -> str:
    formula, own = _formula(x)
    return rf"\left({formula}\right)" if own < strength else formula


def _symbol(name: str) -> str:
    """W1 as W with an index."""
    match = re.fullmatch(r"(d?[A-Za-z])_?(\d+)", name)
    if match:
        return f"{match[1]}_{{{match[2]}}}"
    return name if len(name) <= 1 or re.fullmatch(r"d[A-Za-z]", name) else rf"\mathit{{{_escape(name)}}}"


def _escape(code: str) -> str:
    return re.sub(r"[\\^~]", " ", re.sub(r"([{}_$%&#])", r"@\1", code)).replace("@", "\\")
