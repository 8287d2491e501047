"""derive: the backward pass of a function, written out as a person would write it.

The function is traced once, forward and backward; the program is simplified, elementwise algebra included, and printed
in the user's own names as a NumPy function that runs as it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from . import tree
from .program.derivation.algebra import Algebra
from .program.derivation.latex import latex
from .program.derivation.layout import Line
from .program.derivation.page import Page
from .program.derivation.passes import separate_cotangents
from .program.derivation.recording import Function, Recording, record
from .program.derivation.samples import draw_samples
from .program.derivation.sums import Fact
from .program.derivation.values import find_forward
from .program.program import Program
from .program.rewrite import rewrite
from .program.simplify import SIMPLER, drop_dead, run_passes
from .program.tables.readable import FINITE, READABLE, SPELLED, SPELLED_FINITE
from .rounding import describe_difference
from .transforms import value_and_grad


class Derivation:
    """The formulas of a function's gradient.

    source: a NumPy function as text, forward pass and backward pass. function: that text, executed; it takes what the
    original takes, in the same structure and shapes (ValueError otherwise), and returns (value, gradient) as
    `value_and_grad` does. In a notebook it shows as formulas.
    """

    def __init__(self, source: str, function: Function, lines: Sequence[Sequence[Line]]) -> None:
        self.source = source
        self.function = function
        self._lines = lines

    def __str__(self) -> str:
        return self.source

    def __repr__(self) -> str:
        return f"<Derivation {self.function.__name__}: print it, or call .function>"

    def _repr_latex_(self) -> str:
        blocks = [[(line.name, line.expression) for line in block] for block in self._lines]
        return latex(blocks)


def derive(f: Function, *args: Any, wrt: int | Sequence[int] = 0, simplify: bool = True) -> Derivation:
    """The gradient of f, as NumPy code with the forward and then the backward pass, in f's own variable names.

    f: returns one number; args: arguments like those it will be given (trees of arrays): the formulas hold for their
    shapes. wrt: which arguments to differentiate, as argnums of `value_and_grad`. simplify: elementwise algebra, which
    needs SymPy (ImportError where it is missing). Values that f reaches from outside become globals of the function; a
    fact of the data that was used, such as that one-hot labels sum to 1, is checked by it.

    >>> import numpy as np, tinygrad_lite as tg
    >>> def cost(W, X, Y):
    ...     m = X.shape[1]
    ...     Z = W @ X
    ...     A = tg.sigmoid(Z)
    ...     J = -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / m
    ...     return J
    >>> X, Y = np.array([[1.0, 2.0, 4.0], [0.5, -1.0, 3.0]]), np.array([[0.0, 1.0, 1.0]])
    >>> print(tg.derive(cost, np.array([[0.1, -0.2]]), X, Y).source.partition("# Backward pass")[2])
    <BLANKLINE>
        dZ = (A - Y) / m  # (1, 3)
        dW = dZ @ X.T     # (1, 2)
    <BLANKLINE>
        return J, dW
    <BLANKLINE>
    """
    recording = record(f, args, wrt)
    attempts = [True, False] if simplify else [False]
    for algebra in attempts:
        derivation = _write(recording, algebra)
        problem = _describe_difference(recording, derivation)
        if problem is None:
            return derivation
    if not _is_reproducible(recording):
        raise ValueError(
            f"derive: {recording.title} gives different results for the same arguments; if it draws random numbers, "
            "draw them outside and pass them as arguments"
        )
    raise RuntimeError(f"derive: {problem}; this is a bug of tinygrad_lite, please report the function")


def _write(recording: Recording, simplify: bool) -> Derivation:
    """The derivation, with or without algebra."""
    program = _simplify(recording.program)
    names = frozenset(recording.labels.forward)
    facts: list[Fact] = []
    if simplify:
        known = recording.variables
        samples = draw_samples(recording.inputs)
        algebra = Algebra(names, recording.leaves, samples, frozenset(known.sizes), frozenset(known.literals))
        program = algebra(program)
        facts = algebra.facts
    outputs = (*program.outputs[: recording.results], *(fact.node for fact in facts))
    program = Program(program.inputs, program.captures, program.steps, outputs)
    program = _simplify(program)
    program = rewrite(program, [*SPELLED_FINITE, *SPELLED])
    program = separate_cotangents(lambda p: find_forward(p, names), recording.labels.backward)(program)
    program = drop_dead(program)
    page = Page(recording, program, facts)
    return Derivation(*page.execute(), [page.layout.forward, page.layout.backward])


def _simplify(program: Program) -> Program:
    """The program as simple as it gets without algebra."""
    return run_passes(program, (partial(rewrite, table=[*SIMPLER, *READABLE, *FINITE]), drop_dead))


# -- checking ----------------------------------------------------------------------------------------------------------


def _describe_difference(recording: Recording, derivation: Derivation) -> str | None:
    """How the text's results differ from autograd's, on the arguments given and on others like them; None if not."""
    for number, arrays in enumerate(draw_samples(recording.inputs)):
        args = recording.fill(arrays)
        try:
            with np.errstate(all="ignore"):
                expected = tree.flatten(value_and_grad(recording.f, recording.wrt)(*args))[0]
                found = tree.flatten(derivation.function(*args))[0]
        except Exception:
            if number == 0:
                raise
            continue  # the function, or a check in the text, refuses what was made up
        if any(map(_describe_gap, found, expected)):
            gaps = map(_describe_gap, found, expected, recording.measure_noise(arrays))
            problem = next(filter(None, gaps), None)
            if problem is not None:
                return f"a result of the text {problem}"
    return None


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
