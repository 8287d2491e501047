"""The student's file is cured, a line at a time, by what is said of it."""

import pytest

from models import check_backprop
from models.check_backprop import STUDENT, compare, cure, run

pytestmark = pytest.mark.thorough


@pytest.fixture(scope="module")
def stages():
    return [("", STUDENT), *cure(STUDENT)]


def test_three_mistakes_are_named_and_cured(stages):
    said = [text for text, _ in stages[1:]]
    assert [text.partition(",")[0] for text in said] == ["forward_propagation", *["backward_propagation"] * 2]
    assert "Write `Z2 = np.dot(W2, A1) + b2`" in said[0]
    assert "`Z1` stands where `A1` belongs" in said[1]
    assert "The square in tanh′ is missing" in said[2]
    assert check_backprop.check(stages[-1][1]).status == 0


def test_each_cure_changes_one_line(stages):
    programs = [program.splitlines() for _, program in stages]
    for before, after in zip(programs[:-1], programs[1:], strict=True):
        assert sum(a != b for a, b in zip(before, after, strict=True)) == 1


def test_the_cured_gradients_are_those_of_the_forward_pass(stages):
    right = stages[-1][1]
    assert compare(right, right).verdict == "right"
    wrong = {entry.name for entry in compare(STUDENT, right).entries if entry.verdict == "wrong"}
    assert wrong == {"dW2", "dW1", "db1"}


def test_a_mistake_that_is_said_in_words_alone_ends_the_cure(stages):
    """No line could be written for it."""
    right = stages[-1][1]
    assert list(cure(right.replace("np.random.randn(n_h, n_x) * 0.01", "np.ones((n_h, n_x))"))) == []
    assert set(run(right)) >= {"forward_propagation", "backward_propagation"}
