"""Judging the functions of the network with L layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import course
from .course import Values
from .exam import Exam, first_of
from .numbers import compare, name_results
from .student import Outcome
from .verdict import Mistake


def judge_linear_forward(exam: Exam) -> None:
    values = course.draw_deep(2, 1.0, 1)
    (A, W, b), Z = values["caches"][1]
    outcome = exam.call(("A", "W", "b"), {"A": A, "W": W, "b": b, "A_prev": A})
    exam.expect("Z", first_of(outcome.result), Z, {"np.dot(W, A)": W @ A, "np.dot(W, A) - b": W @ A - b})


def judge_linear_activation_forward(exam: Exam) -> None:
    values = course.draw_deep(2, 1.0, 1)
    (A, W, b), Z = values["caches"][1]
    for activation, want in (("sigmoid", course.sigmoid(Z)), ("relu", np.maximum(0, Z))):
        given = {"A_prev": A, "A": A, "W": W, "b": b, "activation": activation}
        outcome = exam.call(("A_prev", "W", "b", "activation"), given)
        candidates = {
            "sigmoid(Z)": course.sigmoid(Z),
            "relu(Z)": np.maximum(0, Z),
            "Z": Z,
            "np.tanh(Z)": np.tanh(Z),
        }
        if not exam.expect("A", first_of(outcome.result), want, candidates):
            exam.verdict.mistakes[-1] = _with_remark(exam.verdict.mistakes[-1], f'for activation="{activation}"')
            return


def judge_deep_forward(exam: Exam) -> None:
    def try_case(values: Values) -> bool:
        outcome = exam.call(("X", "parameters"), values)
        return exam.expect("AL", first_of(outcome.result), values["AL"], _deep_candidates(values))

    exam.try_cases(course.draw_deep, try_case)


def judge_activation_backward(exam: Exam) -> None:
    rng = np.random.default_rng(0)
    Z, dA = rng.normal(size=(3, 5)), rng.normal(size=(3, 5))
    s = course.sigmoid(Z)
    want = dA * s * (1 - s) if exam.name == "sigmoid_backward" else dA * (Z > 0)
    outcome = exam.call(("dA", "cache"), {"dA": dA, "cache": Z, "Z": Z})
    candidates = {
        "dA": dA,
        "dA * sigmoid(Z)": dA * s,
        "dA * Z * (1 - Z)": dA * Z * (1 - Z),
        "s * (1 - s)": s * (1 - s),
    }
    candidates |= {
        "dA * np.maximum(0, Z)": dA * np.maximum(0, Z),
        "(Z > 0)": (Z > 0) * 1.0,
        "dA * (dA > 0)": dA * (dA > 0),
    }
    exam.expect("dZ", outcome.result, want, candidates)


def judge_linear_backward(exam: Exam) -> None:
    values = course.draw_deep(2, 1.0, 1)
    linear, Z = values["caches"][1]
    dZ = np.random.default_rng(1).normal(size=Z.shape)
    outcome = exam.call(("dZ", "cache"), {"dZ": dZ, "cache": linear, "linear_cache": linear})
    _judge_layer(exam, outcome, dZ, linear)


def judge_linear_activation_backward(exam: Exam) -> None:
    values = course.draw_deep(2, 1.0, 1)
    linear, Z = cache = values["caches"][1]
    dA = np.random.default_rng(1).normal(size=Z.shape)
    s = course.sigmoid(Z)
    for activation, dZ in (("relu", dA * (Z > 0)), ("sigmoid", dA * s * (1 - s))):
        given = {"dA": dA, "cache": cache, "activation": activation}
        outcome = exam.call(("dA", "cache", "activation"), given)
        if not _judge_layer(exam, outcome, dZ, linear):
            exam.verdict.mistakes[-1] = _with_remark(exam.verdict.mistakes[-1], f'for activation="{activation}"')
            return


def _judge_layer(exam: Exam, outcome: Outcome, dZ: Any, linear: Any) -> bool:
    """Hold dA_prev, dW and db of one layer against the right ones."""
    A, W, _ = linear
    m = A.shape[1]
    want = {"dA_prev": W.T @ dZ, "dW": dZ @ A.T / m, "db": np.sum(dZ, axis=1, keepdims=True) / m}
    got = name_results(outcome.result, exam.returned_names(), tuple(want))
    total = np.sum(dZ, axis=1, keepdims=True)
    candidates: dict[str, Values] = {
        "dA_prev": {"np.dot(W.T, dZ) / m": W.T @ dZ / m},
        "dW": {"np.dot(dZ, A_prev.T)": dZ @ A.T},
        "db": {
            "np.sum(dZ, axis=1, keepdims=True)": total,
            "np.sum(dZ) / m": np.sum(dZ) / m,
            "np.mean(dZ)": np.mean(dZ),
        },
    }
    candidates["db"]["np.sum(dZ, axis=0, keepdims=True) / m"] = np.sum(dZ, axis=0, keepdims=True) / m
    right = [exam.expect(key, got.get(key), value, candidates[key]) for key, value in want.items()]
    return all(right)


def judge_deep_backward(exam: Exam) -> None:
    """dAL, then the layers from the last to the first: the first of them that is wrong, since the others follow."""

    def try_case(values: Values) -> bool:
        outcome = exam.call_with_cache(("AL", "Y", "caches"), values, "L_model_forward")
        got = name_results(outcome.result, exam.returned_names(), ())
        AL, Y, m = values["AL"], values["Y"], values["m"]
        dA = dAL = -(Y / AL - (1 - Y) / (1 - AL))
        if "dAL" in outcome.local and not compare(outcome.local["dAL"], dAL / m):  # which is as good
            candidates = {
                "Y / AL - (1 - Y) / (1 - AL), without the minus": -dAL,
                "-(Y / AL + (1 - Y) / (1 - AL))": -(Y / AL + (1 - Y) / (1 - AL)),
                "-(Y / AL - (1 - Y) / AL)": -(Y / AL - (1 - Y) / AL),
                "AL - Y, which is dZ of the last layer": AL - Y,
                "-Y / AL": -Y / AL,
            }
            if not exam.expect("dAL", outcome.local["dAL"], dAL, candidates):
                return False
        for layer in range(len(values["caches"]), 0, -1):
            (A, W, b), Z = values["caches"][layer - 1]
            derivatives = _derivatives(Z)
            is_last = layer == len(values["caches"])
            right_one = "sigmoid" if is_last else "relu"
            right = []
            for name, of in ((f"dW{layer}", lambda dZ, A=A: dZ @ A.T / m), (f"db{layer}", _sum_over_examples)):
                candidates = {f"a layer with {g} (it has {right_one})": of(dA * d) for g, d in derivatives.items()}
                if not is_last and len(AL) in (1, len(Z)):
                    text = "dAL in the place of the dA that the layer after it gives"
                    candidates[text] = of(dAL * derivatives["relu"])
                candidates["the gradient of the whole sum, without 1 / m"] = m * of(dA * derivatives[right_one])
                right.append(exam.expect_by_layer(name, is_last, got, of(dA * derivatives[right_one]), candidates))
            if not all(right):
                return False
            dA = W.T @ (dA * derivatives[right_one])
        return True

    exam.try_cases(course.draw_deep, try_case)


def _derivatives(Z: Any) -> Values:
    s = course.sigmoid(Z)
    found = {
        "sigmoid": s * (1 - s),
        "relu": (Z > 0) * 1.0,
        "tanh": 1 - np.tanh(Z) ** 2,
        "no activation": np.ones_like(Z),
    }
    return found


def _sum_over_examples(dZ: Any) -> Any:
    return np.sum(dZ, axis=1, keepdims=True) / dZ.shape[1]


def _deep_candidates(values: Values) -> Values:
    """What the last layer is when the activations are mixed up."""
    found: Values = {}
    for hidden_name, hidden in (("relu", course.relu), ("sigmoid", course.sigmoid), ("tanh", np.tanh)):
        for last_name, last in (
            ("relu", course.relu),
            ("sigmoid", course.sigmoid),
            ("nothing", np.positive),
        ):
            A = values["X"]
            for layer in (1, 2, 3):
                Z = values["parameters"][f"W{layer}"] @ A + values["parameters"][f"b{layer}"]
                A = last(Z) if layer == 3 else hidden(Z)
            found[f"{hidden_name} in the hidden layers and {last_name} in the last"] = A
    return found


def _with_remark(mistake: Mistake, remark: str) -> Mistake:
    return Mistake(mistake.what, f"{mistake.text} ({remark})", mistake.quote, mistake.correct, mistake.written)
