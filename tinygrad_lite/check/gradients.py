"""Judging gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import course
from .exam import Exam
from .explaining import explain_gradients
from .numbers import as_array, compare, describe, name_results, spell
from .student import Outcome
from .verdict import Mistake


def judge_gradients(
    exam: Exam, outcome: Outcome, cost: Callable[..., Any], args: list[Any], order: tuple[str, ...]
) -> bool:
    """Hold the gradients that a call returned against the true ones; name what is wrong with those that are.

    cost: the cost of the network, whose gradients with respect to its first arguments, in this order, are meant; args:
    what it is called with, X being the first after those.
    """
    got = name_results(outcome.result, exam.returned_names(), order)
    result = outcome.result
    if not isinstance(result, (dict, tuple, list)) or not any(name in got for name in order):
        text = f"It returns {describe(result)}; it should return {', '.join(order)} in a dictionary."
        return exam.mark_wrong(Mistake("", text, exam.last_line()))
    truth = course.differentiate(cost, args, len(order))
    wrong = [name for name, want in zip(order, truth, strict=True) if not exam.agrees(name, got.get(name), want)]
    if not wrong:
        return True
    if not exam.paper.explain:
        return exam.mark_wrong(Mistake(wrong[0], ""))
    right = dict(zip(order, truth, strict=True))
    m = args[len(order)].shape[1]
    counted = as_array(outcome.local.get("m"))
    if counted is not None and counted.size == 1 and counted != m:
        times = [
            compare(as_array(got[name]) * counted, right[name] * m)
            for name in wrong
            if as_array(got.get(name)) is not None
        ]
        if times and all(times):
            text = f"m is {counted} there, but there are {m} examples: they are the columns of X."
            return exam.mark_wrong(Mistake("m", text, exam.line_of("m") or exam.last_line(), "m = X.shape[1]"))
    entries = {name: got[name] for name in order if name in got}
    on_the_way = {spell(name): value for name, value in outcome.local.items()}
    on_the_way = {name: value for name, value in on_the_way.items() if name not in order}
    mistakes = explain_gradients(wrong, entries, on_the_way, right, cost, args)
    for mistake in mistakes:
        names = (mistake.what, *_spellings(mistake.what))
        last_layer = mistake.what.endswith(str(len(order) // 2))
        quote = exam.line_of(*names, first_layer_met=last_layer) or exam.last_line()
        exam.mark_wrong(Mistake(mistake.what, mistake.text, quote, mistake.correct, mistake.written))
    return False


def _spellings(name: str) -> tuple[str, ...]:
    return name.lower(), name.replace("d", "d_", 1), f"grad_{name[1:]}"
