"""Graph: a recorded computation as boxes and arrows, the backward pass beside the forward pass.

The boxes are the lines of a derivation without algebra: values with the user's names, what has none folded into them.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ... import tree
from ...arguments import name_arguments, positions
from ...backward import find_nodes, sweep
from ...context import switched
from ...leaving import identity
from ...lifting import call_users
from ...tensor import GRAD, Tensor, leaf
from ..derivation.layout import Layout
from ..derivation.lines import Labels, Line
from ..derivation.observe import Variables, observing
from ..derivation.passes import name_constants
from ..derivation.values import compute_nodes, find_forward
from ..derivation.write import simplify, spell_out
from ..names import Names, leaf_names
from ..program import Node, Program
from ..simplify import EXACT, drop_dead, run_passes
from ..spelling import Speller
from ..text import Expr, text
from ..trace import collect, tracing

_LONGEST = 40  # characters of an expression in a box
_MOST_ROWS = 6  # of an array that is written piece by piece


@dataclass(eq=False)
class Box:
    """One value. code: how it is computed, "" for an input. array: its numbers. uses: the boxes it is computed from.

    part: "input", "parameter" (an input that a gradient is taken of), "forward" or "backward". gradient: the numbers of
    its gradient. beside: the box of the forward pass that a gradient belongs to.
    """

    name: str
    code: str
    part: str
    array: Any
    uses: list[Box] = field(default_factory=list)
    gradient: Any = None
    beside: Box | None = None


@dataclass
class Graph:
    title: str
    boxes: list[Box]


def graph_of_function(f: Callable[..., Any], args: Sequence[Any], wrt: int | Sequence[int] | None) -> Graph:
    """What f computes from these arguments.

    wrt: the arguments whose gradients are drawn beside those of the parameters that f reaches; None: the first, if it
    reaches none.
    """
    title = getattr(f, "__name__", type(f).__name__)
    chosen = positions(wrt, args, "draw") if wrt is not None else [0] if args else []
    names = {t: _trail_number(name) for name, t in f.named_parameters()} if hasattr(f, "named_parameters") else {}
    signature = getattr(f, "forward", f)
    arguments: list[Any] = []
    given: list[Tensor] = []
    parameters: list[Tensor] = []
    for i, (name, arg) in enumerate(zip(name_arguments(signature, len(args)), args, strict=True)):
        leaves, structure = tree.flatten(arg)
        paths = structure.paths(name)
        tensors = [_stand_in(x) for x in leaves]
        for x, short in zip(tensors, [name] if paths == [name] else leaf_names(paths), strict=True):
            if type(x) is Tensor:
                names[x] = short
                given.append(x)
                parameters += [x] if i in chosen else []
        arguments.append(tree.unflatten(structure, tensors))
    with observing() as variables, switched(grad_enabled=True):
        output = call_users(f, arguments, {})
    results, structure = tree.flatten(output)
    called = leaf_names(structure.paths("y")) if len(results) > 1 else [""]
    roots = {y._current(): name for y, name in zip(results, called, strict=False) if isinstance(y, Tensor)}
    reached = [t for t in find_leaves(roots) if t._flags & GRAD and t not in set(given)]
    return make_graph(title, roots, names, variables, reached + (parameters if wrt is not None or not reached else []))


def _trail_number(name: str) -> str:
    """0.weight, of a Sequential, as weight_0."""
    first, _, rest = name.partition(".")
    return f"{rest}_{first}" if first.isdigit() and rest else name


def graph_of_tensor(t: Tensor, variables: Variables) -> Graph:
    """How a Tensor was computed, and the gradients of the leaves that require one."""
    root = t._current()
    title = t.name or variables.name(t) or "a Tensor"
    return make_graph(title, {root: ""}, {}, variables, [x for x in find_leaves([root]) if x._flags & GRAD])


def _stand_in(x: Any) -> Any:
    """An argument's array as a Tensor, so that all that is computed from it is recorded; what has no gradient stays."""
    array = x._array if type(x) is Tensor else x
    if not isinstance(array, (np.ndarray, np.generic, float)) or np.asarray(array).dtype.kind not in "fc":
        return x
    return leaf(np.asarray(array), GRAD)


def find_leaves(roots: Iterable[Tensor]) -> list[Tensor]:
    """The Tensors that no op made, on the way to roots, oldest first."""
    seen = set(roots)
    stack = list(roots)
    while stack:
        for x in stack.pop()._inputs:
            if type(x) is Tensor and x not in seen:
                seen.add(x)
                stack.append(x)
    return sorted((t for t in seen if t._op is None), key=lambda t: t._seq)


def make_graph(
    title: str, results: dict[Tensor, str], names: dict[Tensor, str], variables: Variables, parameters: Sequence[Tensor]
) -> Graph:
    """The graph of what was computed, and of the gradients of parameters if that is one number.

    results: what the results are called where the user has no name for them. names: of leaves, before those that they
    have themselves. variables: what the user calls things.
    """
    roots = [t for t in results if t._op is not None]
    if not roots:
        raise ValueError(
            f"draw: {title} is not the result of any recorded operation; compute it from Tensors of floats"
        )
    leaves = [t for t in find_leaves(roots) if t._flags & GRAD or t.name or variables.name(t)]  # others: constants
    parameters = [t for t in leaves if t in set(parameters)]
    named = [t for t in variables.tensors(0) if t._op is not identity]
    cotangents = _find_cotangents(roots, [*named, *parameters])
    parameters = parameters if cotangents else []
    program, known = collect([roots[0], *(cotangents.get(t) for t in parameters), *roots[1:]], leaves, 0)
    labels, inputs = Labels(), {}
    taken = Names()
    for t in leaves:
        inputs[known[t]] = taken.take(names.get(t) or t.name or variables.name(t) or "x")
    values = {t: t.name or variables.name(t) for t in named if t in known}
    values |= {t: values.get(t) or t.name or results[t] or ("y" if t.shape else "J") for t in roots}
    keys = {t: inputs[known[t]] for t in leaves}
    for i, (t, name) in enumerate(values.items()):
        known[t].name = keys[t] = f"{i}#"
        labels.forward[keys[t]] = name or "t"
    for t in [
        *sorted(values, key=lambda t: -t._seq),
        *leaves,
    ]:  # a gradient of several values is called after the newest
        g = cotangents.get(t)
        if type(g) is Tensor and g in known and known[g].op is not None and known[g].name is None:
            known[g].name = f"d#{keys[t]}"
            labels.backward[f"d#{keys[t]}"] = keys[t]
    kept = [known[t] for t in values]  # by the passes; one may turn out to be a part of the backward pass
    count = len(program.outputs)
    program = Program(program.inputs, program.captures, program.steps, (*program.outputs, *kept))
    program = run_passes(program, (*EXACT[:-1], name_constants(variables.arrays)))
    program = Program(program.inputs, program.captures, program.steps, program.outputs[:count])
    program = drop_dead(spell_out(simplify(program), labels))
    numbers = {keys[t]: g._array for t, g in cotangents.items() if t in keys and type(g) is Tensor}
    boxes = _make_boxes(program, labels, inputs, [known[t] for t in parameters], variables, taken, leaves, numbers)
    return Graph(title, boxes)


def _find_cotangents(roots: Sequence[Tensor], wanted: Sequence[Tensor]) -> dict[Tensor, Any]:
    """The recorded gradients of the wanted tensors, if there is one result, a number."""
    y = roots[0]
    if len(roots) > 1 or y.size != 1 or not y._flags & GRAD:
        return {}
    nodes, _ = find_nodes(roots)
    with tracing(), np.errstate(all="ignore"):
        return sweep(nodes, [(y, leaf(np.ones_like(y._array), 0))], {t for t in wanted if t._flags & GRAD}, True)


def _make_boxes(
    program: Program,
    labels: Labels,
    inputs: dict[Node, str],
    parameters: list[Node],
    variables: Variables,
    taken: Names,
    leaves: Sequence[Tensor],
    gradients: dict[str, Any],
) -> list[Box]:
    boxes = [
        Box(name, "", "parameter" if node in parameters else "input", t._array, gradient=gradients.get(name))
        for (node, name), t in zip(inputs.items(), leaves, strict=True)
    ]

    def bind(value: Any, hint: str) -> str:
        for box in boxes:
            if box.array is value:
                return box.name
        name = taken.take((variables.name(value) if isinstance(value, np.ndarray) else None) or hint)
        boxes.append(Box(name, "", "input", value))
        return name

    sizes: dict[int, Expr] = {n: ast.Name(name) for n, name in variables.sizes.items()}
    speller = Speller(bind, lambda op: op.name, sizes, variables.is_outside)
    forward = find_forward(program, frozenset(labels.forward))
    value = labels.forward.get(getattr(program.outputs[0], "name", None) or "", "J")
    kept = frozenset(labels.backward)
    layout = Layout(program, speller, labels, inputs, parameters, value, forward, taken, kept, _LONGEST)
    numbers = compute_nodes(program, [t._array for t in leaves]) or {}
    of_leaf = {text(x): inputs[node] for x, node in zip(layout.results[1:], parameters, strict=False)}
    by_name = {box.name: box for box in boxes}
    by_key = {box.name: box for box in boxes}
    for lines, part in ((layout.forward, "forward"), (layout.backward, "backward")):
        for line in lines:
            key = getattr(line.value, "name", None) or ""
            box = Box(line.name.id, _write(line), part, numbers.get(line.value) if type(line.value) is Node else None)
            used = {n.id: None for n in ast.walk(line.expression) if isinstance(n, ast.Name)}
            box.uses = [by_name[name] for name in used if name in by_name]
            if part == "forward":
                box.gradient = gradients.get(key)
                if key:
                    by_key[key] = box
            else:
                box.beside = by_key.get(of_leaf.get(box.name) or labels.backward.get(key, ""))
            by_name[box.name] = box
            boxes.append(box)
    used_boxes = {id(x) for box in boxes for x in box.uses}
    return [box for box in boxes if box.code or id(box) in used_boxes or box.part == "parameter"]


def _write(line: Line) -> str:
    """The right side of a line; of an array that is written piece by piece, all of its lines."""
    (_, first), *others = line.assignments()
    match first:
        case ast.Call(func=ast.Attribute(value=whole, attr="copy")) if not others:
            first = whole  # a function hands out no views; a picture may
    rows = [text(first), *(f"{text(left)} = {text(right)}" for left, right in others)]
    return "\n".join(rows if len(rows) <= _MOST_ROWS else [*rows[:_MOST_ROWS], "…"])
