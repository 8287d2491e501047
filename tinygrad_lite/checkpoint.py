"""Checkpointing: recompute what a function computed when its gradient is taken, instead of storing it."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import tree
from .backward import find_nodes, sweep
from .calling import record
from .context import current, switched
from .forward import push
from .keywords import explains_keywords
from .op import Op, pick
from .rounding import describe_difference
from .signatures import check_function
from .tensor import GRAD, Tensor, leaf, next_seq

Again = Callable[[], Any]  # the checkpointed function with its arguments


@dataclass
class _Run:
    """One run of the function: what it made, and the graph in between."""

    leaves: list[Any]  # of the tree it returned
    structure: tree.Structure
    made: list[Tensor]  # those of the leaves that were computed here and have a gradient
    nodes: list[Tensor]
    start: int  # tensors older than this were there before


class _Draws:
    """The states in which dropout found its generators: where the function runs again, it draws the same from copies.

    before: those of the first run, in the order of drawing. outer: of a function that calls this one.
    """

    def __init__(self, outer: Any = None, before: Sequence[Any] = ()) -> None:
        self.outer, self.before, self.saved = outer, iter(before), list[Any]()

    def __call__(self, rng: Any) -> Any:
        known = next(self.before, None)
        if known is not None:
            return copy.deepcopy(known)
        rng = rng if self.outer is None else self.outer(rng)
        self.saved.append(copy.deepcopy(rng))
        return rng


def _run(again: Again, draws: _Draws) -> _Run:
    start = next_seq()
    with switched(grad_enabled=True, draws=draws):
        leaves, structure = tree.flatten(again())
    made = [t for t in leaves if type(t) is Tensor and t._flags & GRAD and t._op is not None and t._seq > start]
    made = list(dict.fromkeys(made))
    return _Run(leaves, structure, made, find_nodes(made, start)[0], start)


def _run_again(again: Again, drawn: Sequence[Any], before: Sequence[Any]) -> _Run:
    """The run repeated: what it warned of, it has warned of, buffers that it wrote are written, and its results must be
    those from before."""
    with np.errstate(all="ignore"), switched(runs_again=True):
        run = _run(again, _Draws(before=drawn))
    _check_same(run, before)
    return run


@explains_keywords
def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """f, computed again when its gradient is needed: what lies between its arguments and its result is not kept.

    f: any function of any trees of arrays and Tensors; it may use Tensors from outside. It must compute the same result
    from the same arguments (RuntimeError if it does not: pass random numbers in; dropout draws the same again). Costs
    one more forward pass for each backward pass. A long chain of checkpointed parts needs the memory of its longest
    part.

    >>> import numpy as np, tinygrad_lite as tg
    >>> layer = tg.checkpoint(lambda x: np.sin(np.exp(x)))
    >>> tg.grad(lambda x: layer(layer(x)))(0.5) == tg.grad(lambda x: np.sin(np.exp(np.sin(np.exp(x)))))(0.5)
    np.True_
    """
    check_function("checkpoint", f)

    @functools.wraps(f)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        mode = current()
        if mode is not None and (mode.tracing or not mode.grad_enabled):
            return f(*args, **kwargs)
        again = functools.partial(f, *args, **kwargs)
        draws = _Draws(None if mode is None else mode.draws)
        run = _run(again, draws)
        if not run.made:
            return tree.unflatten(run.structure, run.leaves)
        operands = _operands(run)
        flags = functools.reduce(lambda bits, t: bits | t._flags, operands, 0)
        params = {"again": again, "drawn": draws.saved, "operands": operands}
        several = len(run.made) > 1
        data = tuple(t._array for t in run.made) if several else run.made[0]._array
        with switched(watcher=None):  # it has seen the steps
            whole = record(_op(len(run.made)), data, flags, operands, params)
            parts = [pick.call(whole, index=i) for i in range(len(run.made))] if several else [whole]
        instead = dict(zip(run.made, parts, strict=True))
        return tree.unflatten(run.structure, [_cut(x, instead, run.start) for x in run.leaves])

    return checkpointed


def _operands(run: _Run) -> tuple[Tensor, ...]:
    """The older tensors that the run's results depend on: from the arguments, or from outside."""
    older: dict[Tensor, None] = {}
    for node in run.nodes:
        for x in node._inputs:
            if type(x) is Tensor and x._flags & GRAD and x._seq < run.start:
                older[x] = None
    return tuple(older)


def _cut(x: Any, instead: dict[Tensor, Tensor], start: int) -> Any:
    """A result without the graph that led to it."""
    if type(x) is not Tensor or x._seq < start:
        return x
    return instead[x] if x in instead else leaf(x._array, x._flags, x.name)


def _check_same(run: _Run, before: Sequence[Any]) -> None:
    """RuntimeError unless the results are those of the first run, up to rounding."""
    same = len(run.made) == len(before)
    for t, y in zip(run.made, before, strict=False):
        y = y._array if type(y) is Tensor else y
        if isinstance(y, (np.ndarray, np.generic)):
            # The same steps again: no more roundings than another order of summation in BLAS makes.
            same = same and describe_difference(t._array, y, roundings=1000) is None
    if not same:
        raise RuntimeError(
            "checkpoint: computed again, the function gave another result; it must depend on its arguments alone "
            "(draw random numbers outside and pass them in; do not change arrays in place before the backward pass)"
        )


def _vjp(
    g: Any,
    y: Any,
    *xs: Any,
    again: Again,
    drawn: Sequence[Any],
    operands: tuple[Tensor, ...],
    selected: bool = False,
) -> list[Any]:
    """The cotangents of all operands: run again, and sweep what was recorded."""
    gs, ys = (g, y) if isinstance(g, tuple) else ((g,), (y,))
    run = _run_again(again, drawn, ys)
    recording = any(type(part) is Tensor for part in gs)
    found = sweep(run.nodes, list(zip(run.made, gs, strict=True)), set(operands), recording, selected)
    return [found.get(x) for x in operands]


class _Checkpointed(Op):
    """The op whose rules, of both modes, run the function again."""

    __slots__ = ()

    def jvp(self, tangents: Sequence[Any], y: Any, xs: Sequence[Any], params: dict[str, Any]) -> Any:
        run = _run_again(params["again"], params["drawn"], y if isinstance(y, tuple) else (y,))
        started = {x: t for x, t in zip(params["operands"], tangents, strict=True) if t is not None}
        found = push(run.nodes, started, any(type(t) is Tensor for t in started.values()))
        ts = [found[t] if t in found else np.zeros_like(t._array) for t in run.made]
        return ts if self.outputs > 1 else ts[0]


@functools.cache
def _op(outputs: int) -> Op:
    """The op with so many results. It counts as one that selects, since the function may."""
    return _Checkpointed(_refuse, _vjp, "checkpoint", name="checkpoint", outputs=outputs, joint=True, selects=True)


def _refuse(*operands: Any, **params: Any) -> Any:
    raise AssertionError("a checkpointed function is run by checkpoint() itself")
