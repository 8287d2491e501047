"""What was probably written: sentences about a value that is not the right one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from .course import sigmoid
from .networks import SPELLED, Network
from .numbers import as_array, compare, count_wrong, describe
from .verdict import Mistake

Values = dict[str, Any]

RIGHT: Final = {
    "The cost": "cost = -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m",
    "dW2": "dW2 = np.dot(dZ2, A1.T) / m",
    "db2": "db2 = np.sum(dZ2, axis=1, keepdims=True) / m",
    "dW1": "dW1 = np.dot(dZ1, X.T) / m",
    "db1": "db1 = np.sum(dZ1, axis=1, keepdims=True) / m",
    "dw": "dw = np.dot(X, (A - Y).T) / m",
    "db": "db = np.sum(A - Y) / m",
}
"""The course's lines."""


def _of_layer(W: Any, A: Any, b: Any, names: tuple[str, str, str], others: Values) -> Values:
    """What may have been written for W A + b."""
    w, a, bias = names
    found = {
        f"np.dot({w}, {a})": W @ A,
        f"np.dot({w}, {a}) - {bias}": W @ A - b,
        f"np.dot({w}, {a}) * {bias}": (W @ A) * b,
        f"-(np.dot({w}, {a}) + {bias})": -(W @ A + b),
        f"np.dot({w}, {a} + {bias})": W @ A + W.sum(axis=1, keepdims=True) * b,
    }
    return found | {f"np.dot({w}, {name}) + {bias}": W @ other + b for name, other in others.items()}


def list_activations(z: Any, name: str) -> Values:
    """Every activation of z, and what comes out when one is written wrongly."""
    with np.errstate(all="ignore"):
        return _list_activations(np.asarray(z, float), name)


def _list_activations(z: Any, name: str) -> Values:
    exp, e = np.exp(-z), np.exp(z)
    return {
        f"sigmoid({name})": sigmoid(z),
        f"np.tanh({name})": np.tanh(z),
        f"np.maximum(0, {name})": np.maximum(0, z),
        f"np.maximum(0.01 * {name}, {name})": np.maximum(0.01 * z, z),
        f"{name} (no activation at all)": z,
        f"1 / (1 + np.exp({name}))": 1 / (1 + 1 / exp),
        f"1 / (1 - np.exp(-{name}))": 1 / (1 - exp),
        f"1 / 1 + np.exp(-{name})": 1 + exp,
        f"np.exp(-{name}) / (1 + np.exp(-{name}))": exp / (1 + exp),
        f"1 + np.exp(-{name})": 1 + exp,
        f"1 / np.exp(-{name})": 1 / exp,
        f"1 / (1 + np.exp(-2 * {name}))": sigmoid(2 * z),
        f"2 * sigmoid({name}) - 1": 2 * sigmoid(z) - 1,
        f"sigmoid(sigmoid({name}))": sigmoid(sigmoid(z)),
        f"sigmoid({name}) * (1 - sigmoid({name}))": sigmoid(z) * (1 - sigmoid(z)),
        f"1 - np.tanh({name})**2": 1 - np.tanh(z) ** 2,
        f"np.sinh({name})": np.sinh(z),
        f"np.tan({name})": np.tan(z),
        f"np.arctan({name})": np.arctan(z),
        f"np.abs({name})": np.abs(z),
        f"-np.tanh({name})": -np.tanh(z),
        f"np.minimum(0, {name})": np.minimum(0, z),
        f"np.log(1 + np.exp({name}))": np.logaddexp(0, z),
        f"softmax({name}) over the units": _softmax(z),
        f"np.exp({name}) / np.sum(np.exp({name})), over everything": e / np.sum(e),
        f"np.exp({name}) / np.sum(np.exp({name}), axis=1, keepdims=True), over the examples": _over_last(e),
        f"np.exp({name}), without the division by the sum": e,
        f"({name} > 0)": (z > 0) * 1.0,
        f"np.round(sigmoid({name}))": np.round(sigmoid(z)),
    }


def _over_last(e: Any) -> Any:
    return e / np.sum(e, axis=-1, keepdims=True) if np.ndim(e) else e / e


def _softmax(z: Any) -> Any:
    e = np.exp(z - np.max(z))
    return e / np.sum(e, axis=0, keepdims=True) if np.ndim(e) else e / e


def find_forward(network: Network, name: str, values: Values) -> Any:
    """The right value of Z1, A1, …, from the student's own values before it; None where they do not go together."""
    k = int(name[1:])
    try:
        if name[0] == "A":
            with np.errstate(all="ignore"):
                return np.asarray(network.activation(k)(np.asarray(values[f"Z{k}"], float)))
        return values[f"W{k}"] @ values["X" if k == 1 else f"A{k - 1}"] + values[f"b{k}"]
    except (ValueError, TypeError, KeyError):
        return None


def list_forward(name: str, values: Values) -> Values:
    """What else may have been written for it."""
    k = int(name[1:])
    before = "X" if k == 1 else f"A{k - 1}"
    others = {} if k == 1 else {f"Z{k - 1}": values.get(f"Z{k - 1}")}
    try:
        if name[0] == "A":
            return list_activations(values[f"Z{k}"], f"Z{k}")
        return _of_layer(values[f"W{k}"], values[before], values[f"b{k}"], (f"W{k}", before, f"b{k}"), others)
    except (ValueError, TypeError, KeyError):
        return {}


def spell_forward(network: Network, name: str) -> str:
    """The right line."""
    k = int(name[1:])
    if name[0] == "A":
        return f"A{k} = {SPELLED[network.activations[k - 1]].format(f'Z{k}')}"
    return f"Z{k} = np.dot(W{k}, {'X' if k == 1 else f'A{k - 1}'}) + b{k}"


def explain_value(name: str, got: Any, want: Any, candidates: Values) -> str:
    """What is wrong with a value: what it is, the expression whose numbers it has, or how far it is off."""
    array, want = as_array(got), np.asarray(want, float)
    if got is None:
        return "It is None: it has not been filled in."
    if array is None:
        return f"It is {describe(got)}; it should be an array of numbers of shape {want.shape}."
    if array.shape != want.shape and not array.size == want.size == 1:
        for text, value in candidates.items():
            if compare(got, value):
                return f"The numbers are those of {text}{'' if text.endswith('?') else '.'}"
        if array.ndim == 2 and compare(array.T, want):
            return "It is the transpose of what it should be."
        return f"Its shape is {array.shape}; it should be {want.shape}."
    array = array.reshape(want.shape).astype(float)
    if not np.all(np.isfinite(array)):
        return f"{np.sum(~np.isfinite(array))} of its {array.size} numbers are nan or infinite."
    for text, value in candidates.items():
        if compare(array, value):
            return f"The numbers are those of {text}."
    factor = _find_factor(array, want)
    if factor is not None:
        return f"It is {factor:.6g} times what it should be, in every entry."
    i = np.unravel_index(int(np.argmax(np.abs(array - want))), want.shape)
    place = f" at {name if name.isidentifier() else ''}[{', '.join(map(str, map(int, i)))}]" if want.ndim else ""
    return (
        f"{count_wrong(array, want)} of {want.size} numbers differ; the largest difference is{place}: "
        f"{array[i]:.6g} where {want[i]:.6g} is right."
    )


def _find_factor(got: Any, want: Any) -> float | None:
    if got.shape != want.shape or not np.any(want):
        return None
    factor = float(np.sum(got * want) / np.sum(want * want))
    return factor if compare(got, factor * want) else None


def explain_cost(got: float, want: float, A: Any, Y: Any, penalty: float = 0.0) -> str:
    """Which other cost the number is. penalty: the L2 term in it."""
    n_y, m = Y.shape
    with np.errstate(all="ignore"):  # a linear output may be negative
        one, zero = Y * np.log(A), (1 - Y) * np.log(1 - A)
    total = one + zero
    swapped = Y * np.log(1 - A) + (1 - Y) * np.log(A)
    candidates = {
        "np.sum(…) / m, without the minus sign": np.sum(total) / m,
        "-np.sum(…), without 1 / m": -np.sum(total),
        "a mean over the outputs too, -np.mean(…)": -np.mean(total),
        "-np.sum(…) / (2 * m)": -np.sum(total) / (2 * m),
        "-np.sum(Y * np.log(A2)) / m, without the term of (1 - Y)": -np.sum(one) / m,
        "-np.sum((1 - Y) * np.log(1 - A2)) / m, without the term of Y": -np.sum(zero) / m,
        "a difference where the two terms should be added": -np.sum(one - zero) / m,
        "-np.sum(Y * np.log(1 - A2) + (1 - Y) * np.log(A2)) / m: A2 and 1 - A2 exchanged": -np.sum(swapped) / m,
        "logarithms to the base 10": -np.sum(total) / m / np.log(10),
        "logarithms to the base 2": -np.sum(total) / m / np.log(2),
        "1 / (m - 1) for 1 / m": -np.sum(total) / (m - 1),
        "1 / n_y for 1 / m": -np.sum(total) / n_y,
        "the mean squared error": np.sum((A - Y) ** 2) / m,
        "half the mean squared error": np.sum((A - Y) ** 2) / (2 * m),
        "the mean absolute error": np.sum(np.abs(A - Y)) / m,
        "the cost of one example alone (the last)": -np.sum(total[:, -1]),
        "the sum of the squared errors, without 1 / m": np.sum((A - Y) ** 2),
        "the cross-entropy of two classes, of which softmax has more": -np.sum(total) / m,
    }
    if penalty:
        with_penalty = {f"{text} (and the L2 term)": value + penalty for text, value in candidates.items()}
        candidates = {
            "the L2 term is missing": want - penalty,
            "the L2 term is twice what it should be": want + penalty,
        }
        candidates |= {
            "the L2 term is subtracted": want - 2 * penalty,
            "the L2 term lacks 1 / m": want + (m - 1) * penalty,
        }
        candidates |= with_penalty
    for text, value in candidates.items():
        if compare(got, value):
            return f"It is {got:.6g} where {want:.6g} is right: {text}."
    ratio = f", {got / want:.6g} times as much" if want and np.isfinite(got) else ""
    return f"It is {got:.6g} where {want:.6g} is right{ratio}."


_OF_A_CALL: Final = re.compile(r"^You did not give \w+, but your ")  # here it is a file that was given
_KNOWN: Final = re.compile(r"d(?:[WbZA]\d+|Z|A|w|b)")


def explain_gradients(
    wrong: list[str],
    entries: Values,
    on_the_way: Values,
    truth: Values,
    cost: Callable[..., Any],
    args: list[Any],
) -> list[Mistake]:
    """The mistakes behind gradients that are wrong. entries: what was returned; on_the_way: the variables used."""
    missing = [Mistake(name, "It is not among what is returned.") for name in wrong if name not in entries]
    unusable = [
        Mistake(
            *(name, explain_value(name, entries[name], truth[name], _in_other_shapes(name, truth, on_the_way))),
            correct=RIGHT.get(name),
        )
        for name in wrong
        if name in entries
        and (as_array(entries[name]) is None or np.shape(as_array(entries[name])) != truth[name].shape)
    ]
    told = {mistake.what for mistake in (*missing, *unusable)}
    rest = [name for name in wrong if name not in told]
    given = {name: as_array(value) for name, value in {**on_the_way, **entries}.items() if _KNOWN.fullmatch(name)}
    manual = {name: value for name, value in given.items() if value is not None and name not in told}
    found = _ask_compare(manual, cost, args, len(truth)) if rest else []
    if rest and not found:
        found = [Mistake(name, explain_value(name, entries[name], truth[name], {})) for name in rest]
    return [*missing, *unusable, *found]


def _in_other_shapes(name: str, truth: Values, on_the_way: Values) -> Values:
    """What a gradient of the wrong shape may be: another one, or a sum over the wrong axes."""
    found = {f"{other}: is each returned under its own name?": value for other, value in truth.items() if other != name}
    dZ = as_array(on_the_way.get(name.replace("b", "Z")))
    if name.startswith("db") and dZ is not None and dZ.ndim == 2:
        m, z = dZ.shape[1], name.replace("b", "Z")
        for size, per in ((m, " / m"), (1, "")):
            found |= {
                f"np.sum({z}, axis=1){per}, without keepdims=True": np.sum(dZ, axis=1) / size,
                f"np.sum({z}, axis=0, keepdims=True){per}, over the units": np.sum(dZ, axis=0, keepdims=True) / size,
                f"np.sum({z}, axis=0){per}, over the units": np.sum(dZ, axis=0) / size,
                f"np.sum({z}){per}, over everything": np.sum(dZ) / size,
                f"np.sum({z}, keepdims=True){per}, over everything": np.sum(dZ, keepdims=True) / size,
            }
        found |= {f"np.mean({z})": np.mean(dZ), f"{z} / m": dZ / m, z: dZ}
    return found


def _ask_compare(manual: Values, cost: Callable[..., Any], args: list[Any], parameters: int) -> list[Mistake]:
    try:
        from ..compare import compare as compare_gradients

        comparison = compare_gradients(manual, cost, *args, wrt=tuple(range(parameters)))
    except Exception:  # that a gradient is wrong is known already, and is to be said though nobody can say why
        return []
    return [
        Mistake(finding.name, _OF_A_CALL.sub("Your ", finding.text), None, finding.correct, finding.written)
        for finding in comparison.findings
    ]
