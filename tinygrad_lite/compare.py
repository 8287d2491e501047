"""compare: gradients derived by hand, held against the derivation; where they are wrong, what was done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .keywords import explains_keywords
from .signatures import check_function

if TYPE_CHECKING:
    from .diagnosis.report import Comparison


@explains_keywords
def compare(
    manual: Mapping[str, Any] | Callable[..., Mapping[str, Any]],
    f: Callable[..., Any],
    *args: Any,
    wrt: int | Sequence[int] | None = None,
) -> Comparison:
    """A verdict on gradients that were derived by hand, and the mistakes in them.

    manual: the gradients by name, `{"dZ2": …, "dW2": …}`, or a function of the same arguments that returns them. A name
    is d and the name of a parameter, or of a variable in f. Any subset will do; the more, the better a mistake is
    located. Of intermediate values, both ∂J/∂Z and m·∂J/∂Z are right, if all of them keep to one. f: the forward pass,
    which returns the cost; args: what it is called with. wrt: which arguments hold the parameters; those that the names
    ask for, if it is left out.

    Returns a Comparison with a verdict for every entry and a finding for every mistake; print it. TypeError if there is
    no mapping, ValueError if f cannot be derived.

    >>> import numpy as np, tinygrad_lite as tg
    >>> def cost(W, b, X, Y):
    ...     m = X.shape[1]
    ...     Z = W @ X + b
    ...     A = tg.sigmoid(Z)
    ...     return -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / m
    >>> W, b, X = np.array([[0.3, -0.2]]), np.array([[0.1]]), np.array([[1.0, 2.0, 4.0], [0.5, -1.0, 3.0]])
    >>> Y = np.array([[0.0, 1.0, 1.0]])
    >>> dZ = 1 / (1 + np.exp(-(W @ X + b))) - Y
    >>> result = tg.compare({"dZ": dZ, "dW": dZ @ X.T, "db": np.sum(dZ, axis=1, keepdims=True) / 3}, cost, W, b, X, Y)
    >>> result.ok, [entry.verdict for entry in result.entries]
    (False, ['right', 'wrong', 'right'])
    >>> result.findings[0].written, result.findings[0].correct
    ('dZ @ X.T', 'dW = dZ @ X.T / m')
    """
    check_function("compare", f, "(gradients, f, x)")
    from .diagnosis.comparing import compare_gradients  # not before it is needed

    return compare_gradients(manual, f, args, wrt)
