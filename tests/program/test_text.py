"""Expressions as text: what is printed parses to what was meant."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lite.program.text import text

_names = st.sampled_from(["a", "b", "W1"]).map(ast.Name)
_numbers = st.sampled_from([0, 2, 0.5, 1e-5]).map(ast.Constant)
_operators = st.sampled_from(
    [ast.Add(), ast.Sub(), ast.Mult(), ast.Div(), ast.MatMult(), ast.Pow(), ast.BitAnd(), ast.BitOr(), ast.Mod()]
)


def _larger(inner):
    load = ast.Load()
    return st.one_of(
        st.builds(ast.BinOp, inner, _operators, inner),
        st.builds(lambda x: ast.UnaryOp(ast.USub(), x), inner),
        st.builds(lambda x, y: ast.Compare(x, [ast.Gt()], [y]), inner, inner),
        st.builds(lambda x: ast.Attribute(x, "T", load), inner),
        st.builds(lambda x, y: ast.Subscript(x, y, load), inner, inner),
        st.builds(
            lambda x, y: ast.Subscript(x, ast.Tuple([ast.Slice(y), ast.Constant(None)], load), load), inner, inner
        ),
        st.builds(lambda x, y: ast.Call(ast.Name("f"), [x], [ast.keyword("axis", y)]), inner, inner),
        st.builds(lambda x, y: ast.Tuple([x, y], load), inner, inner),
    )


expressions = st.recursive(_names | _numbers, _larger, max_leaves=8)


@given(expressions)
def test_text_parses_to_the_expression(expression):
    assert ast.dump(ast.parse(text(expression), mode="eval").body) == ast.dump(
        ast.parse(ast.unparse(ast.fix_missing_locations(expression)), mode="eval").body
    )


@pytest.mark.parametrize(
    "code", ["a - (b - c)", "a - b - c", "a / (b * c)", "a**b**c", "(a**b) ** c", "-(a @ b)", "(-a)**2"]
)
def test_grouping_is_kept(code):
    tree = ast.parse(code, mode="eval").body
    assert ast.dump(ast.parse(text(tree), mode="eval").body) == ast.dump(tree)


@pytest.mark.parametrize(
    "code",
    [
        "W.T @ dZ * (1 - A**2)",
        "-x * y",
        "a - (b + c)",
        "(a @ b).T",
        "-(x**2)",
        "x[..., None]",
        "{'a': [1, (2,)]}",
        "2**-x",
    ],
)
def test_few_parentheses(code):
    assert len(text(ast.parse(code, mode="eval").body)) <= len(code) + 2 * code.startswith("-(")
