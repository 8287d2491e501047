"""The steps of a derivation: record, simplify, write; and the check of the text against autograd."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from typing import Any

import numpy as np

from ... import tree
from ...rounding import describe_difference
from ...transforms import value_and_grad
from ..program import Program
from ..rewrite import rewrite
from ..simplify import SIMPLER, drop_dead, run_passes
from ..tables.readable import FINITE, READABLE, SPELLED, SPELLED_FINITE
from .algebra import Algebra
from .lines import Labels, Line
from .page import Page
from .passes import separate_cotangents
from .recording import Function, Recording, record
from .samples import draw_samples
from .sums import Fact
from .values import compute_nodes, find_forward, prefer_finite

Text = tuple[str, Function, Sequence[Sequence[Line]]]
"""The text, the function that it defines, and its lines, forward and backward."""


def write_derivation(f: Function, args: tuple[Any, ...], wrt: int | Sequence[int], simplify: bool) -> Text:
    """The text of f's gradient, the function that it defines, and its lines: those of the forward and backward pass."""
    recording = record(f, args, wrt)
    attempts = [True, False] if simplify else [False]
    for algebra in attempts:
        page = lay_out(recording, algebra)
        derivation = *page.execute(), [page.layout.forward, page.layout.backward]
        problem = _describe_difference(recording, page.program, derivation[1])
        if problem is None:
            return derivation
    if not _is_reproducible(recording):
        raise ValueError(
            f"derive: {recording.title} gives different results for the same arguments; if it draws random numbers, "
            "draw them outside and pass them as arguments"
        )
    raise RuntimeError(f"derive: {problem}; this is a bug of tinygrad_lite, please report the function")


def lay_out(
    recording: Recording, with_algebra: bool, own_lines: Collection[str] = (), samples: Sequence[Sequence[Any]] = ()
) -> Page:
    """The derivation, with or without algebra.

    own_lines: variables whose gradients have a line of their own. samples: the inputs that algebra is checked on;
    those that were given, and others, if there are none.
    """
    labels = recording.labels
    keys = frozenset(key for key, of in labels.backward.items() if labels.forward.get(of) in own_lines)
    program = simplify(recording.program)
    names = frozenset(recording.labels.forward)
    facts: list[Fact] = []
    if with_algebra:
        known = recording.variables
        samples = samples or draw_samples(recording.inputs)
        algebra = Algebra(names, recording.leaves, samples, frozenset(known.sizes), frozenset(known.literals), keys)
        program = algebra(program)
        facts = algebra.facts
    outputs = (*program.outputs[: recording.results], *(fact.node for fact in facts))
    program = Program(program.inputs, program.captures, program.steps, outputs)
    program = drop_dead(spell_out(simplify(program), labels))
    return Page(recording, program, facts, keys)


def simplify(program: Program) -> Program:
    """The program as simple as it gets without algebra."""
    return run_passes(program, (partial(rewrite, table=[*SIMPLER, *READABLE, *FINITE]), drop_dead))


def spell_out(program: Program, labels: Labels) -> Program:
    """The program in the words of people, each gradient that has a name a step of its own."""
    program = rewrite(program, [*SPELLED_FINITE, *SPELLED])
    names = frozenset(labels.forward)
    return separate_cotangents(lambda p: find_forward(p, names), labels.backward)(program)


# -- checking ----------------------------------------------------------------------------------------------------------


def _describe_difference(recording: Recording, program: Program, derived: Function) -> str | None:
    """How the text's results differ from autograd's, on the arguments given and on others like them; None if not."""
    results = []
    for number, arrays in enumerate(draw_samples(recording.inputs)):
        args = recording.fill(arrays)
        try:
            with np.errstate(all="ignore"):
                expected = tree.flatten(value_and_grad(recording.f, recording.wrt)(*args))[0]
                found = tree.flatten(derived(*args))[0]
        except Exception:
            if number == 0:
                raise
            continue  # the function, or a check in the text, refuses what was made up
        results.append((arrays, expected, found))
    for arrays, expected, found in prefer_finite(results, lambda result: result[1][0]):
        if _overflows(program, arrays):  # inf / inf, where the sweep knows better
            found = [np.where(np.isnan(x) & np.isfinite(y), y, x) for x, y in zip(found, expected, strict=True)]
        if any(map(_describe_gap, found, expected)):
            noises = (recording.measure_noise(arrays, p) for p in (recording.program, program))
            gaps = map(_describe_gap, found, expected, map(np.add, *noises))
            problem = next(filter(None, gaps), None)
            if problem is not None:
                return f"a result of the text {problem}"
    return None


def _overflows(program: Program, arrays: Sequence[Any]) -> bool:
    """Whether a step of the program gives an infinite number."""
    values = compute_nodes(program, arrays) or {}
    floats = (values[node] for node in program.steps if node in values and node.shape is not None)
    return any(bool(np.isinf(x).any()) for x in floats if np.asarray(x).dtype.kind in "fc")


def _describe_gap(found: Any, expected: Any, noise: Any = 0.0) -> str | None:
    """What tells a result of the text from autograd's where that is finite."""
    finite = np.isfinite(expected)
    same_shape = np.shape(found) == np.shape(expected)
    compared = np.where(finite, found, expected).astype(np.asarray(found).dtype) if same_shape else found
    return describe_difference(compared, expected, noise=noise)


def _is_reproducible(recording: Recording) -> bool:
    with np.errstate(all="ignore"):
        first, second = (tree.flatten(value_and_grad(recording.f, recording.wrt)(*recording.args))[0] for _ in range(2))
    return not any(map(_describe_gap, second, first))
