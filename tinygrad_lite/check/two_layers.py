"""Judging the functions of the network with one hidden layer."""

from __future__ import annotations

import numpy as np

from . import course
from .binding import bind, roles_of
from .course import Values
from .exam import OUTPUTS, SCALES, Exam, Paper, first_of
from .explaining import FORWARD, RIGHT, explain_cost
from .gradients import judge_gradients
from .numbers import as_array, compare, describe, name_results
from .student import CallFailed, Outcome
from .verdict import Judgement, Mistake


def judge_elementwise(exam: Exam) -> None:
    rng = np.random.default_rng(0)
    right = {"sigmoid": course.sigmoid, "relu": course.relu}[exam.name]
    for z in (rng.normal(size=(3, 5)), rng.normal(size=4), 0.7):
        outcome = exam.call(("z",), {"z": z})
        if not exam.expect("Its value", first_of(outcome.result), right(z), FORWARD[exam.name](z)):
            return


def judge_initialisation(exam: Exam) -> None:
    sizes = (30, 40, 20)
    values: Values = {"n_x": 30, "n_h": 40, "n_y": 20, "layer_dims": list(sizes), "layers_dims": list(sizes)}
    roles = ("layer_dims",) if exam.name.endswith("deep") else ("n_x", "n_h", "n_y")
    outcome = exam.paper.student.call(exam.function, *bind(exam.function, roles, values))  # once: it draws at random
    got = name_results(outcome.result, exam.returned_names(), ("W1", "b1", "W2", "b2"))
    for layer in (1, 2):
        for kind, shape in (("W", (sizes[layer], sizes[layer - 1])), ("b", (sizes[layer], 1))):
            _judge_initial(exam, f"{kind}{layer}", got, shape)


def _judge_initial(exam: Exam, name: str, got: Values, shape: tuple[int, int]) -> None:
    array = as_array(got.get(name))
    quote = exam.line_of(name) or exam.last_line()
    text = ""
    if name not in got:
        text = f"{name} is not among what it returns: {describe(got)}."
    elif array is None:
        text = f"{name} is {describe(got[name])}, not an array."
    elif array.shape != shape:
        text = f"{name} has the shape {array.shape}; for n_x = 30, n_h = 40, n_y = 20 it should be {shape}."
    elif not np.all(np.isfinite(array)):
        text = f"{name} holds numbers that are not finite."
    elif name[0] == "W" and np.ptp(array) == 0:
        text = (
            f"Every entry of {name} is {array.flat[0]:g}, so all units of the layer compute the same and stay "
            "equal for ever. Draw them at random: np.random.randn(rows, columns) * 0.01."
        )
    if text:
        exam.mark_wrong(Mistake(name, text, quote))
    elif array is not None and name[0] == "W" and np.std(array) > 1.5:
        exam.note(f"the entries of {name} are large (about {np.std(array):.2g}): the units saturate, and learn slowly")
    elif array is not None and name[0] == "W" and np.min(array) >= 0:
        exam.note(f"{name} has no negative entry (np.random.rand?); np.random.randn is centred on 0")
    elif array is not None and name[0] == "b" and np.any(array != 0):
        exam.note(f"{name} is not zero; the course starts the biases at np.zeros")


def judge_forward(exam: Exam) -> None:
    """Z1, A1, Z2 and A2, each from the student's own values before it; relu in both passes is another network."""
    other_activation: str | None = None

    def try_case(values: Values) -> bool:
        nonlocal other_activation
        outcome = exam.call(("X", "parameters"), values)
        got = _forward_values(exam, outcome)
        if "A2" not in got:
            text = f"It returns {describe(outcome.result)}; it should return A2, and Z1, A1, Z2, A2 in the cache."
            return exam.mark_wrong(Mistake("", text, exam.last_line()))
        returned = _forward_values(exam, outcome, with_locals=False)
        seen = {**values, **{k: v for k, v in got.items() if as_array(v) is not None}}
        for value in ("Z1", "A1", "Z2", "A2"):
            if value not in got or (value not in returned and compare(got["A2"], values["A2"])):
                continue
            want = FORWARD[f"right {value}"](seen)
            if not exam.expect(value, got[value], want, FORWARD[value](seen)):
                other_activation = _other_activation(got, values) if value == "A1" else None
                return False
        return exam.expect("A2", got["A2"], values["A2"])

    exam.try_cases(course.draw_two_layer, try_case)
    if other_activation and len(exam.verdict.mistakes) == 1 and _backward_agrees(exam.paper, other_activation):
        exam.paper.activation = other_activation
        exam.verdict.judgement, exam.verdict.mistakes = Judgement.RIGHT, []
        exam.note(
            f"the hidden layer uses {other_activation} where the course has tanh; the backward pass does so too, "
            f"and is judged as that of a {other_activation} network"
        )


def _other_activation(got: Values, values: Values) -> str | None:
    Z1 = as_array(got.get("Z1", values["Z1"]))
    if Z1 is None or not compare(Z1, values["Z1"]):
        return None
    for name, activation in course.ACTIVATIONS.items():
        if name != "tanh" and compare(got.get("A1"), np.asarray(activation(Z1))):
            return name
    return None


def _backward_agrees(paper: Paper, activation: str) -> bool:
    """Whether the backward pass is right for another activation than the course's."""
    function = paper.find("backward_propagation")
    if function is None:
        return False
    trial = Exam(Paper(paper.student, activation=activation, explain=False), "backward_propagation", function)
    return trial.run(judge_backward).judgement is Judgement.RIGHT


def _forward_values(exam: Exam, outcome: Outcome, with_locals: bool = True) -> Values:
    """Z1, A1, Z2, A2 of a forward pass: from what it returned, else from its variables."""
    returned = name_results(outcome.result, exam.returned_names(), ("A2",))
    named = {key: value for key, value in returned.items() if key in ("Z1", "A1", "Z2", "A2")}
    if not with_locals:
        return named
    local = name_results(outcome.local, None, ())
    return {**{k: v for k, v in local.items() if k in ("Z1", "A1", "Z2", "A2")}, **named}


def judge_cost(exam: Exam) -> None:
    two_layers = exam.paper.find("L_model_forward") is None
    draw = course.draw_two_layer if two_layers else course.draw_deep

    def wrong_at(values: Values) -> Mistake | None:
        outcome = exam.call(("A2", "Y"), values)
        want = course.cross_entropy(values["A2"], values["Y"])
        array = as_array(outcome.result)
        if array is None or array.size != 1:
            what = describe(outcome.result)
            if values["Y"].shape[0] > 1:
                raise CallFailed(f"returns {what}, not a number")
            return Mistake("", f"It returns {what}; the cost is a number.", exam.last_line())
        got = float(array.reshape(-1)[0].real)
        if exam.agrees("The cost", got, want):
            return None
        quote = exam.cost_lines()
        return Mistake("The cost", explain_cost(got, want, values["A2"], values["Y"]), quote, RIGHT["The cost"])

    for n_y in OUTPUTS:
        try:
            mistakes = [wrong_at(draw(n_y, scale, seed)) for seed, scale in enumerate(SCALES)]
        except CallFailed as failure:
            exam.settle_for_one_output(n_y, failure)
            continue
        found = [mistake for mistake in mistakes if mistake is not None]
        if n_y == 2 and found:
            # A mean over the outputs too is another cost, and the course's own where there is one output.
            values = draw(1, 1.0, 1)
            try:
                alone = wrong_at(values)
            except CallFailed:
                alone = found[0]
            if alone is None:
                exam.verdict.notes = [f"right for one output unit (n_y = 1). With two: {found[0].text}"]
                return
        if found:
            exam.mark_wrong(found[-1])
        return


def judge_backward(exam: Exam) -> None:
    def draw(n_y: int, scale: float, seed: int) -> Values:
        return course.draw_two_layer(n_y, scale, seed, exam.paper.activation)

    cost = course.make_cost(exam.paper.activation)

    def try_case(values: Values) -> bool:
        outcome = exam.call_with_cache(("parameters", "cache", "X", "Y"), values, "forward_propagation")
        args = [values[key] for key in ("W1", "b1", "W2", "b2", "X", "Y")]
        return judge_gradients(exam, outcome, cost, args, ("dW1", "db1", "dW2", "db2"))

    exam.try_cases(draw, try_case)


def judge_update(exam: Exam) -> None:
    def try_case(values: Values) -> bool:
        outcome = exam.call(("parameters", "grads", "learning_rate"), values)
        got = name_results(outcome.result, exam.returned_names(), ("W1", "b1", "W2", "b2"))
        rate = values["learning_rate"]
        takes_rate = "learning_rate" in roles_of(exam.function, ("parameters", "grads", "learning_rate"), values)
        for key in ("W1", "b1", "W2", "b2"):
            value, slope = values["parameters"][key], values["grads"][f"d{key}"]
            if not takes_rate and as_array(got.get(key)) is not None and np.shape(got[key]) == value.shape:
                rate = float(np.sum((value - as_array(got[key])) * slope) / np.sum(slope * slope))
            if rate <= 0:
                rate = values["learning_rate"]
            candidates = {
                f"{key} + learning_rate * d{key}": value + rate * slope,
                f"{key}, not updated": value,
                f"{key} - d{key}": value - slope,
                f"learning_rate * d{key}": rate * slope,
                f"-learning_rate * d{key}": -rate * slope,
                f"{key} * (1 - learning_rate) * d{key}": value * (1 - rate) * slope,
                f"{key} - learning_rate * {key}": value - rate * value,
                f"{key} - d{key} / learning_rate": value - slope / rate,
            }
            if as_array(got.get(key)) is not None and np.shape(got[key]) == value.shape:
                other_rate = float(np.sum((value - as_array(got[key])) * slope) / np.sum(slope * slope))
                text = f"{key} - {other_rate:.6g} * d{key}; the learning rate that was given is {rate:g}"
                candidates[text] = value - other_rate * slope
            for other, their in values["grads"].items():
                if their.shape == slope.shape and other != f"d{key}":
                    candidates[f"{key} - learning_rate * {other}"] = value - rate * their
            if not exam.expect(key, got.get(key), value - rate * slope, candidates):
                return False
        return True

    exam.try_cases(course.draw_two_layer, try_case)


def judge_predict(exam: Exam) -> None:
    roles = [key for key, _, _ in exam.function.parameters]
    if {"w", "b"} <= set(roles):
        values = course.draw_logistic(1.0, 1)
        want = course.sigmoid(values["w"].T @ values["X"] + values["b"]) > 0.5
        outcome = exam.call(("w", "b", "X"), values)
    else:
        deep = exam.paper.find("L_model_forward") is not None and exam.paper.find("forward_propagation") is None
        values = course.draw_deep(1, 1.0, 1) if deep else course.draw_two_layer(1, 1.0, 1, exam.paper.activation)
        want = values["A2"] > 0.5
        parameters = [v for v in exam.paper.verdicts if v.name.startswith(("forward", "L_model_forward"))]
        if any(v.judgement is not Judgement.RIGHT for v in parameters):
            exam.verdict.judgement, exam.verdict.text = (
                Judgement.UNCHECKED,
                "it builds on the forward pass, which is not right",
            )
            return
        outcome = exam.call(("parameters", "X"), values)
    got = as_array(outcome.result)
    if got is not None and got.size == want.size:
        got = got.astype(float).reshape(want.shape)  # of shape (m,), say, or of truth values
    candidates = {"A2 < 0.5": 1.0 - want} | ({"A2": values["A2"]} if "A2" in values else {})
    exam.expect("Its value", got, want.astype(float), candidates)
