"""The mutants themselves: wrong rows are noticed, right ones are not, and nothing is left changed. (`make mutants`)"""

from __future__ import annotations

import pytest

from tests import mutants
from tinygrad_lite.table import rows

pytestmark = pytest.mark.thorough

# One of each kind of row: element-wise, linear, bilinear, of many operands, of several results, with one rule for all.
NAMES = ["tanh", "multiply", "sum", "matmul", "concatenate", "getitem", "qr", "imag"]
some_rows = pytest.mark.parametrize("op", [op for op in rows() if op.name in NAMES], ids=str)


@some_rows
def test_every_mutant_of_some_rows_is_killed(op):
    outcomes = mutants.try_row((op.name, rows().index(op)))
    assert {outcome for _, _, outcome in outcomes} <= {"killed", "no effect"}
    assert sum(outcome == "killed" for _, _, outcome in outcomes) >= 4


@some_rows
def test_a_rule_that_is_handed_on_unchanged_survives(op, monkeypatch):
    """Else mutants would be killed by the harness, and not by a test."""
    function = next(f for f in mutants.test_rules.DIFFERENTIABLE if f.call is op.call)
    monkeypatch.setattr(mutants, "CHANGES", (mutants.Mutation("unchanged", lambda gx, x: gx),))
    for mutation, made_wrong, _ in mutants.mutants_of(op):
        if "unchanged" in mutation:
            with made_wrong:
                assert not mutants.is_noticed(function), mutation


def test_a_row_is_left_as_it_was():
    op = next(op for op in rows() if op.name == "multiply")
    before = op.vjps
    for _, made_wrong, _ in mutants.mutants_of(op):
        with made_wrong:
            pass
    assert op.vjps is before
