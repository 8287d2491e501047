"""Recognising which network a file holds, by what its forward pass computes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .binding import CannotBind
from .course import Values
from .exam import Exam, Paper
from .explaining import list_activations
from .networks import COURSE, HIDDEN, MOST_LAYERS, OUTPUT, SQUARED, Network
from .numbers import as_array, compare
from .passes import find_forward_values, is_backward_right
from .student import CallFailed


def find_network(paper: Paper) -> Network:
    """The network of the file's functions; the course's, with one hidden layer, where nothing says that it is another.

    A forward pass with a wrong activation looks like another network, and so does a wrong cost. Of what the file may be
    meant to be, that counts for which the backward pass is right; if it is right for none, the forward pass decides,
    and with it a cost only where the output has no activation, or softmax.
    """
    function = paper.find("forward_propagation")
    layers = _count_layers(paper)
    usual = COURSE if layers == 2 else Network(("relu",) * (layers - 1) + ("sigmoid",))
    if function is None:
        return usual
    values = usual.draw(3, 1.0, 1)
    exam = Exam(paper, "forward_propagation", function)
    names = [f"{letter}{k}" for k in range(1, layers + 1) for letter in "ZA"]
    try:
        got = find_forward_values(exam, exam.call(("X", "parameters"), values), names)
    except (CallFailed, CannotBind):
        return usual
    cost = _name_cost(paper, values)
    activations = _name_activations(layers, got, values, cost)
    if activations[-1] == "softmax":
        return Network(activations)
    if activations[-1] == "linear" and cost in SQUARED:
        return Network(activations, cost)
    meant = [usual, Network((*activations[:-1], "sigmoid"))]
    meant += [Network(meant[1].activations, cost)] if cost in SQUARED else []
    right = [network for network in meant if is_backward_right(paper, network)]
    return right[0] if right else usual if paper.find("backward_propagation") is None and layers == 2 else meant[1]


def _name_cost(paper: Paper, values: Values) -> str | None:
    """The kind of the file's cost: "softmax", or what it divides the sum of squared errors by."""
    function = paper.find("compute_cost")
    if function is None:
        return None
    try:
        cost = Exam(paper, "compute_cost", function).call(("AL", "Y"), values).result
    except (CallFailed, CannotBind):
        return None
    kinds = {squared: Network(squared=squared).find_cost(values, is_regularised=False) for squared in SQUARED}
    kinds["softmax"] = Network(("tanh", "softmax")).find_cost(values, is_regularised=False)
    return next((kind for kind, value in kinds.items() if compare(cost, value)), None)


def _count_layers(paper: Paper) -> int:
    """The highest number of a W, b, Z or A that the passes name; three where they have none, but loop over layers."""
    found = [0]
    for name in ("forward_propagation", "backward_propagation", "backward_propagation_with_regularization"):
        function = paper.find(name)
        if function is not None:
            found.append(paper.student.source.find_highest_layer(function.cell, function.line))
    highest = max(found)
    return 3 if highest == 0 and len(found) > 1 else min(max(highest, 2), MOST_LAYERS)


def _name_activations(layers: int, got: Values, values: Values, cost: str | None) -> tuple[str, ...]:
    """What the layers have: by each layer's own values where they are known, else by the result."""
    known = [_name(got.get(f"Z{k}"), got.get(f"A{k}"), HIDDEN if k < layers else OUTPUT) for k in range(1, layers + 1)]
    found = next(_match_output(layers, got.get(f"A{layers}"), values), None) if None in known else None
    usual = ("tanh",) if layers == 2 else ("relu",) * (layers - 1)
    is_softmax = cost == "softmax" or _is_meant_as_softmax(got.get(f"Z{layers}"), got.get(f"A{layers}"))
    last = "softmax" if is_softmax else "sigmoid"
    hidden_and_last = found or (*usual, last)
    return tuple(name or other or last for name, other in zip(known, hidden_and_last, strict=True))


def _match_output(layers: int, output: Any, values: Values) -> Iterator[tuple[str | None, ...]]:
    """The activations that give an output, the same in all hidden layers; None for a last one that is a wrong one."""
    networks = {hidden: Network((hidden,) * (layers - 1) + ("linear",)) for hidden in HIDDEN}
    Z = {hidden: network.run(values) for hidden, network in networks.items()}
    for hidden in HIDDEN:
        for last, g in OUTPUT.items():
            if compare(output, g(Z[hidden])):
                yield (hidden,) * (layers - 1) + (last,)
    for hidden in HIDDEN:
        if any(compare(output, value) for value in list_activations(Z[hidden], "").values()):
            yield (hidden,) * (layers - 1) + (None,)


def _is_meant_as_softmax(Z: Any, A: Any) -> bool:
    """Whether an output is a softmax over the wrong axis, or over everything."""
    z = as_array(Z)
    if z is None or z.ndim != 2:
        return False
    return any("np.sum(np.exp" in text and compare(A, value) for text, value in list_activations(z, "Z").items())


def _name(Z: Any, A: Any, activations: dict[str, Any]) -> str | None:
    z = as_array(Z)
    if z is None or z.ndim != 2:
        return None
    return next((name for name, g in activations.items() if compare(A, g(z.astype(float)))), None)
