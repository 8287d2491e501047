"""Judging logistic regression."""

from __future__ import annotations

import numpy as np

from . import course
from .exam import SCALES, Exam
from .explaining import explain_cost, explain_value
from .gradients import judge_gradients
from .numbers import as_array, compare, name_results
from .verdict import Mistake


def judge_propagate(exam: Exam) -> None:
    for seed, scale in enumerate(SCALES):
        values = course.draw_logistic(scale, seed)
        outcome = exam.call(("w", "b", "X", "Y"), values)
        args = [values[key] for key in ("w", "b", "X", "Y")]
        got = name_results(outcome.result, exam.returned_names(), ("dw", "db"))
        A = course.sigmoid(values["w"].T @ values["X"] + values["b"])
        activations = as_array(outcome.local.get("A"))
        if activations is not None and not compare(activations, A):
            candidates = {"1 / (1 + np.exp(Z))": 1 - A, "np.dot(w.T, X) + b": np.log(A / (1 - A))}
            candidates["sigmoid(np.dot(w.T, X))"] = course.sigmoid(values["w"].T @ values["X"])
            text = explain_value("A", activations, A, candidates)
            exam.mark_wrong(Mistake("A", text, exam.line_of("A"), "A = sigmoid(np.dot(w.T, X) + b)"))
            return
        right = judge_gradients(exam, outcome, course.make_logistic_cost(), args, ("dw", "db"))
        cost = next((v for k, v in got.items() if k.lower() in ("cost", "j")), None)
        if cost is None and isinstance(outcome.result, (tuple, list)):
            cost = next((v for v in outcome.result if as_array(v) is not None and np.size(v) == 1), None)
        if cost is not None and as_array(cost) is not None:
            want, number = course.cross_entropy(A, values["Y"]), float(as_array(cost).reshape(-1)[0])
            if not compare(number, want):
                quote = exam.cost_lines()
                right = exam.mark_wrong(Mistake("The cost", explain_cost(number, want, A, values["Y"]), quote))
        if not right:
            return
