"""derive: the backward pass of a function, written out as a person would write it.

The function is traced once, forward and backward; the program is simplified, elementwise algebra included, and printed
in the user's own names as a NumPy function that runs as it stands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .keywords import explains_keywords
from .signatures import check_function

if TYPE_CHECKING:
    from .program.derivation.lines import Line

Function = Callable[..., Any]


class Derivation:
    """The formulas of a function's gradient: what `derive` returns.

    source: a NumPy function as text, forward pass and backward pass. function: that text, executed; it takes what the
    original takes, in the same structure and shapes (ValueError otherwise), and returns (value, gradient) as
    `value_and_grad` does. lines: the steps, from which a notebook shows it as formulas.

    >>> import numpy as np, tinygrad_lite as tg
    >>> derivation = tg.derive(lambda w: np.sum(w**2), np.array([1.0, 2.0]))
    >>> derivation.function(np.array([3.0, 4.0]))
    (np.float64(25.0), array([6., 8.]))
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
        from .program.derivation.latex import latex

        blocks = [[pair for line in block for pair in line.assignments()] for block in self._lines]
        return latex(blocks)


@explains_keywords
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
    check_function("derive", f, "(f, x)")
    from .program.derivation.write import write_derivation  # not before it is needed

    return Derivation(*write_derivation(f, args, wrt, simplify))
