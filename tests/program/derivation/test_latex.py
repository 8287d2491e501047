"""Formulas for notebooks."""

from __future__ import annotations

import ast

from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lite.program.derivation.latex import latex

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
def test_latex_is_balanced(expression):
    formula = latex([[(ast.Name("y"), expression)]])
    assert formula.count("{") - formula.count(r"\{") == formula.count("}") - formula.count(r"\}")
    assert formula.count(r"\left") == formula.count(r"\right")


def test_a_call_shows_along_which_axis_and_whose_function_it_is():
    def formula(code):
        return latex([[(ast.Name("y"), ast.parse(code, mode="eval").body)]]).splitlines()[1].removeprefix("y &= ")

    assert formula("np.max(x, axis=1, keepdims=True)") == r"\max_{\text{axis } 1}\left(x\right)"
    assert formula("np.var(x, axis=0, ddof=1)") == r"\operatorname{var}_{\text{axis } 0}\left(x, \text{ddof=1}\right)"
    assert formula("np.sum(x, axis=0)") == r"\textstyle\sum_{\text{axis } 0} x"
    assert formula("np.exp(x)") == r"\exp\left(x\right)"
    assert formula("exp(x)") == r"\mathit{exp}\left(x\right)"  # the user's
    assert formula("sqrt(x)") == r"\mathit{sqrt}\left(x\right)"
