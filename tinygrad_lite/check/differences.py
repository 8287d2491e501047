"""Judging a backward pass by the file's own forward pass and cost, whatever network they are of: by differences."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from .binding import CannotBind, bind
from .course import Values
from .exam import Exam
from .numbers import as_array, compare, name_results
from .student import CallFailed, Function

_STEP: Final = 1e-5  # of numbers of the order of 1: the error of a central quotient is then some 1e-10


def fits_own_cost(exam: Exam) -> bool:
    """Whether the gradients are those of the cost that the file's own functions compute."""
    forward, cost = exam.paper.find("forward_propagation"), exam.paper.find("compute_cost")
    if forward is None or cost is None:
        return False
    network = exam.paper.network
    values = network.draw(network.output_sizes[0], 1.0, 0)
    try:
        outcome = exam.call(("parameters", "cache", "X", "Y"), exam.with_own_cache(forward, values))
        got = name_results(outcome.result, exam.returned_names(), network.gradients)
        return all(
            name in got and compare(got[name], _differentiate(exam, forward, cost, values, name[1:]))
            for name in network.gradients
        )
    except (CallFailed, CannotBind):
        return False


def _differentiate(exam: Exam, forward: Function, cost: Function, values: Values, name: str) -> Any:
    """The gradient of the file's cost with respect to one parameter."""
    x = values[name]
    gradient = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        costs = []
        for step in (_STEP, -_STEP):
            moved = x.copy()
            moved[i] += step
            parameters = {**values["parameters"], name: moved}
            costs.append(_find_cost(exam, forward, cost, {**values, name: moved, "parameters": parameters}))
        gradient[i] = (costs[0] - costs[1]) / (2 * _STEP)
    return gradient


def _find_cost(exam: Exam, forward: Function, cost: Function, values: Values) -> float:
    student = exam.paper.student
    outcome = student.call(forward, *bind(forward, ("X", "parameters"), values))
    output = outcome.part(0) if isinstance(outcome.result, (tuple, list)) else outcome.whole
    found = as_array(student.call(cost, *bind(cost, ("AL", "Y"), {**values, "AL": output})).result)
    if found is None or found.size != 1:
        raise CallFailed("returns no number")
    return float(found.reshape(-1)[0].real)
