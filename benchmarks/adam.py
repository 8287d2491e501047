"""Adam (Kingma and Ba, 2015) written out in arrays, for those who have none of their own.

eps is larger than usual: an entry whose gradient is nothing but rounding would be moved as far as others, in a
direction that differs from one library to the next, and results could not be compared.
"""

from __future__ import annotations

from typing import Any

State = tuple[Any, Any, Any, Any]
"""Parameters, mean gradients, mean squared gradients (dicts of arrays), and the number of steps taken."""

B1, B2, EPS = 0.9, 0.999, 1e-6


def start(params: dict[str, Any]) -> State:
    """The state before the first step; the count is a scalar array of the parameters' dtype."""
    zeros = {name: 0 * value for name, value in params.items()}
    count = next(iter(zeros.values())).ravel()[0]
    return params, zeros, zeros, count


def update(xp: Any, state: State, grads: dict[str, Any], rate: float) -> State:
    """The state after a step. xp: NumPy, or a library with its functions."""
    params, means, squares, count = state
    count = count + 1
    scale = rate / (1 - B1**count)
    correction = xp.sqrt(1 - B2**count)
    means = {name: B1 * means[name] + (1 - B1) * g for name, g in grads.items()}
    squares = {name: B2 * squares[name] + (1 - B2) * (g * g) for name, g in grads.items()}
    params = {
        name: value - scale * means[name] / (xp.sqrt(squares[name]) / correction + EPS)
        for name, value in params.items()
    }
    return params, means, squares, count
