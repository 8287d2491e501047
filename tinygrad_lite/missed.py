"""Results that do not depend on an argument although they were computed from its numbers: these were taken out of the
graph, kept from an earlier call, or reached from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from . import tree
from .backward import find_nodes
from .callsite import line_at
from .leaving import identity
from .tensor import GRAD, LIFTED, Tensor, label


def check_missed(f: Any, run: Any, left_over: Sequence[Tensor]) -> None:
    """TypeError if the result does not depend on an argument whose numbers were taken out, or of which something was
    kept from an earlier call: it comes from them."""
    reached = _find_reached(run)
    missed = {x for x in run.leaves if x not in reached}
    if not missed:
        return
    name = getattr(f, "__name__", "the function")
    for t, how, place in run.reads:
        behind = {t, *(x for node in find_nodes([t], run.start)[0] for x in node._inputs if type(x) is Tensor)}
        lost = missed & behind
        if lost:
            raise TypeError(
                f"{name}'s result does not depend on {label(lost.pop())}: its numbers were taken out by {how} at "
                f"{line_at(place)}\nWhat is computed from them has no gradient. Return a cost as it is, without "
                ".item() or float(); collect rows in a list, then np.stack; or say tg.stop_gradient(t) if a constant "
                "is meant"
            )
    names = {x.name for t in left_over for x in _find_lifted(t)}
    for x in missed:
        if x.name in names:
            raise TypeError(
                f"{name}'s result does not depend on {label(x)}: it comes from a value that was computed in an earlier "
                "call, and kept. Compute it anew in each call; or keep it as t.detach() or tg.stop_gradient(t) if a "
                "constant is meant"
            )


def _find_reached(run: Any) -> set[Tensor]:
    """The Tensors that the result was made of."""
    return {
        *find_differentiable(run.output),
        *(x for node in run.nodes for x in node._inputs if type(x) is Tensor),
    }


def check_bypassed(run: Any, arrays: Iterable[Any]) -> None:
    """TypeError if the result does not depend on an argument, but on a Tensor outside that holds the same array: the
    module itself was called, say, and not the one that was given. arrays: those of the lifted leaves."""
    reached = _find_reached(run)
    missed = {id(array): x for x, array in zip(run.leaves, arrays, strict=True) if x not in reached}
    if not missed:
        return
    lifted = set(run.leaves)  # which are nodes, too, linked to what they stand for
    for node in run.nodes:
        for t in () if node in lifted else node._inputs:
            if type(t) is Tensor and t._seq < run.start and t._flags & GRAD and id(t._array) in missed:
                raise TypeError(
                    f"the result does not depend on {label(missed[id(t._array)])}, but on {label(t)}, a Tensor from "
                    "outside that has the same numbers. A transform makes a new module of the one that it is given; "
                    "use that one. (A method or a function that is kept in a module goes on to use the old one: write "
                    "a method of the class, and call it by its name.)"
                )


def _find_lifted(t: Tensor) -> list[Tensor]:
    """The arguments of a transform that is over that t was computed from."""
    seen, stack, found = {t}, [t], []
    while stack:
        x = stack.pop()
        if x._op is None or x._op is identity:
            found.append(x)
        for z in x._inputs:
            if type(z) is Tensor and z._flags & LIFTED and z not in seen:
                seen.add(z)
                stack.append(z)
    return found


def find_differentiable(output: Any) -> list[Tensor]:
    """The Tensors in a tree that have a gradient."""
    if type(output) is Tensor:
        return [output] if output._flags & GRAD else []
    return [y for y in tree.flatten(output)[0] if type(y) is Tensor and y._flags & GRAD]
