"""Expressions as text: what is printed parses to what was meant."""

from __future__ import annotations

import ast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite.program.derivation.latex import latex
from tinygrad_lite.program.spelling import Speller
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


@given(expressions)
def test_latex_is_balanced(expression):
    formula = latex([[(ast.Name("y"), expression)]])
    assert formula.count("{") - formula.count(r"\{") == formula.count("}") - formula.count(r"\}")
    assert formula.count(r"\left") == formula.count(r"\right")


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


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 3, -2.5, 1e-300, float("inf"), -float("inf"), 2 + 3j, "axis'\"\n"),
        *((1, (2,)), [1.5, None], np.dtype("float32"), np.float64, np.bool_),
        *(np.float32(0.1), np.int8(3), np.array([0, 2]), np.array([0.5], np.float32), np.array([], int)),
    ],
)
def test_literals_evaluate_to_the_constant(value):
    speller = Speller(lambda value, hint: pytest.fail(f"{value!r} was not written out"), lambda op: "f", {})
    found = eval(text(speller.literal(value)), {"np": np})
    if isinstance(value, (np.ndarray, np.generic)):
        assert np.array_equal(found, value)
        assert np.asarray(found).dtype == value.dtype
    else:
        assert found == value


def test_arrays_of_others_are_never_written_out():
    data = np.array([1.0, 2.0])

    def f(x):
        return np.sum(data * x)

    derivation = tg.derive(f, np.ones(2))
    data[0] = 5.0
    assert derivation.function(np.ones(2))[0] == 7.0
