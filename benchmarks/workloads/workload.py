"""What a workload says of itself; `contestants.py` makes a loop of steps of it, one for each library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from numpy.typing import NDArray

Array = NDArray[Any]
Params = dict[str, Array]
Cost = Callable[..., Any]
"""cost(params, *data): a number, in the arrays of the library that it is written for."""
Step = Callable[..., tuple[Any, Any]]
"""step(state, *data, rate): the cost, and the state after the step. With update "none" there is no rate, and the second
is the gradients."""


class Workload:
    """A cost, its parameters and data, and what is done with its gradients.

    A method named after a library gives the cost as the users of that library would write it. It imports what it needs,
    so that a process loads only its own library. What a workload lacks is left out of the race.
    """

    dtype: str
    update: ClassVar[str] = "descent"
    """"descent": params - rate · gradient. "adam": Adam. "none": the gradients are the result."""
    rate: ClassVar[float] = 0.1
    tolerance: ClassVar[dict[str, float]] = {"float64": 1e-9, "float32": 1e-4}
    """How far results may be apart after three steps, in parts of the largest entry of each array."""

    def data(self) -> tuple[Params, tuple[Array, ...]]:
        """Parameters and data, always the same."""
        raise NotImplementedError

    def hand_written(self) -> Step:
        """What a good NumPy programmer writes."""
        raise NotWritten

    def tuned_by_hand(self) -> Step:
        """The same with buffers made once, `out=` everywhere, and no step done twice."""
        raise NotWritten

    def tinygrad_lite(self) -> Cost:
        raise NotWritten

    def jax(self) -> Cost:
        raise NotWritten

    def torch(self) -> Cost:
        raise NotWritten

    def autograd(self) -> Cost:
        raise NotWritten

    def mygrad(self) -> Cost:
        raise NotWritten

    def tinygrad(self) -> Cost:
        raise NotWritten

    def micrograd(self) -> Cost:
        """Of parameters and data in nested lists of Values and numbers."""
        raise NotWritten


class NotWritten(Exception):
    """This workload is not written for this contestant."""

    def __str__(self) -> str:
        return "not written for this one"
