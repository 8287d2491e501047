"""The calls are legal, the programs run as they are printed, and the campaign finds what is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

import tinygrad_lite as tg

from . import fuzz
from .calls import functions
from .programs import Program, public_functions
from .strategies import calls_of, programs

pytestmark = pytest.mark.thorough

few = settings(max_examples=10, suppress_health_check=list(HealthCheck))


@few
@given(st.data(), st.sampled_from([f for f in functions() if f.name in ("add", "sum", "matmul", "where")]))
def test_calls_are_legal(data: Any, function: Any) -> None:
    operands, params = data.draw(calls_of(function))
    assert np.all(np.isfinite(function.fn(*operands, **params)))


@given(programs())
def test_programs_run_as_they_are_printed(drawn: tuple[Program, list[Any]]) -> None:
    program, arguments = drawn
    with np.errstate(all="raise"):
        expected = program(*arguments)
    for value in tg.tree.flatten(expected)[0]:
        assert np.size(value) <= 64
        assert np.all(np.abs(value) <= 1e3)
    namespace: dict[str, Any] = {"np": np, "tg": tg}
    exec(str(program), namespace)
    found = namespace["program"](*(tg.Tensor(argument) for argument in arguments))
    for a, b in zip(tg.tree.flatten(found)[0], tg.tree.flatten(expected)[0], strict=True):
        np.testing.assert_allclose(a.numpy(), b, rtol=1e-12, atol=1e-12)


@few
@given(programs())
def test_random_programs_have_right_gradients(drawn: tuple[Program, list[Any]]) -> None:
    fuzz.examine(*drawn)


def test_programs_are_made_of_everything_public() -> None:
    names = {function.name for function in public_functions()}
    assert {"add", "tanh", "matmul", "sum", "reshape", "where", "sigmoid", "maximum", "transpose"} <= names


def test_a_program_shrinks_to_what_matters() -> None:
    program, arguments = find(
        programs(),
        lambda drawn: any("np.tanh(" in line and "(" not in line[13:] for line in drawn[0].lines),
        settings=settings(max_examples=3000, deadline=None, suppress_health_check=list(HealthCheck)),
    )
    assert len(program.lines) == 1
    assert len(arguments) == 1


@pytest.fixture
def _wrong_tanh(monkeypatch: pytest.MonkeyPatch) -> None:
    op = next(op for op in tg.table.rows() if op.name == "tanh")
    monkeypatch.setattr(op, "vjps", (lambda g, y, x: g * (1.001 - y * y),))


@pytest.mark.usefixtures("_wrong_tanh")
def test_a_program_with_a_wrong_rule_does_not_pass() -> None:
    program = Program(("x0",), ("v0 = np.tanh(x0)", "v1 = np.sum(v0 * x0)"), "v1")
    argument = np.array([0.5, -1.5])
    with pytest.raises(tg.testing.GradientError, match="the gradient with respect to x0 is wrong"):
        fuzz.examine(program, [argument])
    with pytest.raises(tg.testing.GradientError):
        exec(program.reproducer([argument]), {})


@pytest.mark.slow
@pytest.mark.usefixtures("_wrong_tanh")
def test_the_campaign_finds_a_wrong_rule_and_shows_it() -> None:
    """With a wrong rule for tanh in the table, a script of a few lines that shows it must come out."""
    (finding,) = fuzz.run(programs=500, seconds=300, seed=3, max_steps=4, enough=1).findings
    assert "is wrong" in finding.error or "contradict" in finding.error
    assert "np.tanh(" in finding.script
    assert len(finding.program.lines) <= 2
    with pytest.raises(tg.testing.GradientError):
        exec(finding.script, {})


def test_a_recorded_backward_pass_that_differs_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    op = next(op for op in tg.table.rows() if op.name == "exp")
    monkeypatch.setattr(op, "vjps", (lambda g, y, x: g * y * (1 + 1e-6 * isinstance(g, tg.Tensor)),))
    program, argument = Program(("x0",), ("v0 = np.exp(x0)",), "v0"), np.array([0.5, -1.5])
    with pytest.raises(AssertionError, match="but .* with create_graph=True"):
        fuzz.check_recorded_gradients(program, [argument])
    monkeypatch.setattr(fuzz, "check_gradients", lambda *args, **options: None)
    with pytest.raises(AssertionError, match="but .* with create_graph=True"):
        fuzz.examine(program, [argument])


def test_the_campaign_reports(capsys: pytest.CaptureFixture[str]) -> None:
    assert fuzz.main(["--programs", "5", "--seconds", "60", "--steps", "2"]) == 0
    assert "5 programs of" in capsys.readouterr().out
