"""Judging the functions of a network that has one function for each pass; the course's has one hidden layer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np

from . import course
from .binding import bind, roles_of
from .course import Values
from .differences import fits_own_cost
from .exam import SCALES, Exam, Paper, first_of
from .explaining import explain_cost, find_forward, list_activations, list_forward, spell_forward
from .gradients import judge_gradients
from .networks import COURSE, Network
from .numbers import as_array, compare, describe, name_results
from .student import CallFailed, Outcome
from .verdict import Judgement, Mistake


def judge_elementwise(exam: Exam) -> None:
    rng = np.random.default_rng(0)
    right = {"sigmoid": course.sigmoid, "relu": course.relu}[exam.name]
    for z in (rng.normal(size=(3, 5)), rng.normal(size=4), 0.7):
        outcome = exam.call(("z",), {"z": z})
        if not exam.expect("Its value", first_of(outcome.result), right(z), list_activations(z, "z")):
            return


def judge_initialisation(exam: Exam) -> None:
    layers = 2 if exam.name.endswith("deep") else len(exam.paper.network.activations)
    sizes = (30, 40, 20, 25, 15, 10)[: layers + 1]
    values: Values = {"n_x": 30, "n_h": 40, "n_y": sizes[-1], "layer_dims": list(sizes), "layers_dims": list(sizes)}
    roles: tuple[str, ...] = ("n_x", "n_h", "n_y")
    needed = [name for name, kind, optional in exam.function.parameters if not optional and not kind.startswith("VAR")]
    if exam.name.endswith("deep") or len(needed) == 1:
        roles = ("layer_dims",)
    elif layers > 2:
        roles = tuple(f"the size of layer {k}" for k in range(layers + 1))
        values |= zip(roles, sizes, strict=True)
    outcome = exam.paper.student.call(exam.function, *bind(exam.function, roles, values))  # once: it draws at random
    got = name_results(outcome.result, exam.returned_names(), exam.paper.network.parameters)
    for layer in range(1, layers + 1):
        for kind, shape in (("W", (sizes[layer], sizes[layer - 1])), ("b", (sizes[layer], 1))):
            _judge_initial(exam, f"{kind}{layer}", got, shape, sizes)


def _judge_initial(exam: Exam, name: str, got: Values, shape: tuple[int, int], sizes: tuple[int, ...]) -> None:
    array = as_array(got.get(name))
    quote = exam.line_of(name) or exam.last_line()
    text = ""
    if name not in got:
        text = f"{name} is not among what it returns: {describe(got)}."
    elif array is None:
        text = f"{name} is {describe(got[name])}, not an array."
    elif array.shape != shape:
        units = ", ".join(map(str, sizes))
        text = f"{name} has the shape {array.shape}; for layers of {units} units it should be {shape}."
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
    """Z1, A1, …, each from the student's own values before it."""
    network = exam.paper.network
    names = [f"{letter}{k}" for k, _ in enumerate(network.activations, 1) for letter in "ZA"]
    last = names[-1]

    def try_case(values: Values) -> bool:
        outcome = exam.call(("X", "parameters"), values)
        got = find_forward_values(exam, outcome, names)
        if last not in got:
            text = (
                f"It returns {describe(outcome.result)}; it should return {last}, and {', '.join(names)} in the cache."
            )
            return exam.mark_wrong(Mistake("", text, exam.last_line()))
        returned = find_forward_values(exam, outcome, names, with_locals=False)
        seen = {**values, **{k: v for k, v in got.items() if as_array(v) is not None}}
        for value in names:
            if value not in got or (value not in returned and compare(got[last], values[last])):
                continue
            want = find_forward(network, value, seen)
            if want is not None and not exam.expect(
                value, got[value], want, list_forward(value, seen), spell_forward(network, value)
            ):
                return False
        return exam.expect(last, got[last], values[last], {}, spell_forward(network, last))

    exam.try_cases(network.draw, try_case)
    if network != COURSE:
        exam.note(f"judged as {network}")


def is_backward_right(paper: Paper, network: Network) -> bool:
    """Whether the file's backward pass is right for a network."""
    function = paper.find("backward_propagation")
    if function is None:
        return False
    trial = Exam(Paper(paper.student, network=network, explain=False), "backward_propagation", function)
    return trial.run(judge_backward).judgement is Judgement.RIGHT


def find_forward_values(exam: Exam, outcome: Outcome, names: list[str], with_locals: bool = True) -> Values:
    """Z1, A1, … of a forward pass: from what it returned, else from its variables."""
    last = names[-1]
    returned = name_results(outcome.result, exam.returned_names(), (last,))
    named = {last if key == "AL" else key: value for key, value in returned.items()}
    named = {key: value for key, value in named.items() if key in names}
    if not with_locals:
        return named
    local = name_results(outcome.local, None, ())
    return {**{k: v for k, v in local.items() if k in names}, **named}


def judge_cost(exam: Exam) -> None:
    network = exam.paper.network if exam.paper.find("L_model_forward") is None else course.DEEP
    values = network.draw(network.output_sizes[0], 1.0, 0)
    is_regularised = "lambd" in roles_of(exam.function, ("AL", "Y"), values)
    correct = network.spell_cost(is_regularised)

    def wrong_at(values: Values) -> Mistake | None:
        outcome = exam.call(("AL", "Y"), values)
        want = network.find_cost(values, is_regularised)
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
        text = explain_cost(got, want, values["AL"], values["Y"], want - network.find_cost(values, False))
        return Mistake("The cost", text, quote, correct)

    for n_y in network.output_sizes:
        try:
            mistakes = [wrong_at(network.draw(n_y, scale, seed)) for seed, scale in enumerate(SCALES)]
        except CallFailed as failure:
            exam.accept_one_output(n_y, failure)
            continue
        found = [mistake for mistake in mistakes if mistake is not None]
        if n_y == 2 and found:
            # A mean over the outputs too is another cost, and the course's own where there is one output.
            values = network.draw(1, 1.0, 1)
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


_BACKWARD: Final = ("parameters", "cache", "X", "Y")


def judge_backward(exam: Exam) -> None:
    network = exam.paper.network
    values = network.draw(network.output_sizes[0], 1.0, 0)
    if "lambd" in roles_of(exam.function, _BACKWARD, values):
        network = replace(network, is_regularised=True)
    cost = network.make_cost()

    def try_case(values: Values) -> bool:
        outcome = exam.call_with_cache(_BACKWARD, values, "forward_propagation")
        args = [values[key] for key in network.arguments]
        return judge_gradients(exam, outcome, cost, args, network.gradients)

    exam.try_cases(network.draw, try_case)
    if exam.verdict.judgement is Judgement.WRONG and exam.paper.explain and fits_own_cost(exam):
        exam.verdict.judgement, exam.verdict.mistakes = Judgement.RIGHT, []
        exam.note("judged by the forward pass and the cost of this file: its gradients are those of that cost")
        for name in ("forward_propagation", "compute_cost"):
            before = exam.paper.verdict_on(name)
            if before is not None and before.judgement is Judgement.WRONG:
                before.judgement, before.mistakes = Judgement.UNCHECKED, []
                before.text = "its numbers are those of no network that is known here; the backward pass fits them"


def judge_update(exam: Exam) -> None:
    def try_case(values: Values) -> bool:
        outcome = exam.call(("parameters", "grads", "learning_rate"), values)
        got = name_results(outcome.result, exam.returned_names(), exam.paper.network.parameters)
        rate = values["learning_rate"]
        takes_rate = "learning_rate" in roles_of(exam.function, ("parameters", "grads", "learning_rate"), values)
        for key in exam.paper.network.parameters:
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
            correct = f"{key} = {key} - learning_rate * d{key}"
            if not exam.expect(key, got.get(key), value - rate * slope, candidates, correct):
                return False
        return True

    exam.try_cases(exam.paper.network.draw, try_case)


_MANY = 200  # examples to predict, so that some lie between any two thresholds


def judge_predict(exam: Exam) -> None:
    roles = [key for key, _, _ in exam.function.parameters]
    if {"w", "b"} <= set(roles):
        values = course.draw_logistic(1.0, 1, _MANY)
        want = course.sigmoid(values["w"].T @ values["X"] + values["b"]) > 0.5
        outcome = exam.call(("w", "b", "X"), values)
    else:
        deep = exam.paper.find("L_model_forward") is not None and exam.paper.find("forward_propagation") is None
        network = course.DEEP if deep else exam.paper.network
        values = network.draw(network.output_sizes[-1], 1.0, 1, _MANY)
        want = _predict(network, values["AL"])
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
    elif got is not None and got.shape == np.shape(values["Y"]) != want.shape:
        exam.verdict.judgement, exam.verdict.text = Judgement.UNCHECKED, "it gives a number for each class"
        return
    candidates = {"A2 < 0.5": 1.0 - want} | ({"A2": values["AL"]} if "AL" in values else {})
    exam.expect("Its value", got, want.astype(float), candidates)


def _predict(network: Network, A: Any) -> Any:
    """Of each example, the class; with a linear output, the number."""
    last = network.activations[-1]
    return np.argmax(A, axis=0) if last == "softmax" else A if last == "linear" else A > 0.5
