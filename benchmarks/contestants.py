"""Those who take part, each of whom makes a loop of steps of a workload.

A contestant is a function `(workload, params, data) -> start`: it prepares the arrays as it likes them. `start()` goes
back to the given parameters and returns `loop`, and `loop(n)` does n steps and returns the last cost and the new
parameters (with update "none", the gradients), ready to be read. Libraries are imported inside, so that a process loads
only its own.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from . import adam
from .workloads.workload import Array, Cost, NotWritten, Params, Step, Workload

Data = tuple[Array, ...]
Loop = Callable[[int], tuple[Any, Any]]
Start = Callable[[], Loop]
Contestant = Callable[[Workload, Params, Data], Start]


def start_of(workload: Workload, step: Step, state: Any, data: tuple[Any, ...]) -> Start:
    """The loop of a step that is a function of arrays, and so has nothing to go back from."""
    inputs = data if workload.update == "none" else (*data, workload.rate)

    def chain(n: int) -> tuple[Any, Any]:
        J, after = step(state, *inputs)
        for _ in range(n - 1):
            J, after = step(after, *inputs)
        return J, after

    def repeat(n: int) -> tuple[Any, Any]:
        for _ in range(n):
            J, grads = step(state, *inputs)
        return J, grads

    def chain_adam(n: int) -> tuple[Any, Any]:
        J, after = chain(n)
        return J, after[0]  # the parameters without what is remembered of them

    loop = {"descent": chain, "none": repeat, "adam": chain_adam}[workload.update]
    return lambda: loop


def _descend(params: Params, grads: Params, rate: Any) -> Params:
    return {name: value - rate * grads[name] for name, value in params.items()}


def _step(workload: Workload, value_and_grad: Callable[[Cost], Any], cost: Cost, xp: Any) -> Step:
    """The step of a library whose gradients are functions of arrays."""
    gradient: Step = value_and_grad(cost)

    def descent(params: Params, *inputs: Any) -> tuple[Any, Params]:
        J, grads = gradient(params, *inputs[:-1])
        return J, _descend(params, grads, inputs[-1])

    def with_adam(state: adam.State, *inputs: Any) -> tuple[Any, adam.State]:
        J, grads = gradient(state[0], *inputs[:-1])
        return J, adam.update(xp, state, grads, inputs[-1])

    steps: dict[str, Step] = {"descent": descent, "none": gradient, "adam": with_adam}
    return steps[workload.update]


def _start(workload: Workload, params: Params) -> Any:
    return adam.start(params) if workload.update == "adam" else params


# -- NumPy -------------------------------------------------------------------------------------------------------------


def hand_written(workload: Workload, params: Params, data: Data) -> Start:
    return start_of(workload, workload.hand_written(), _start(workload, params), data)


def tuned_by_hand(workload: Workload, params: Params, data: Data) -> Start:
    return start_of(workload, workload.tuned_by_hand(), _start(workload, params), data)


# -- tinygrad_lite -----------------------------------------------------------------------------------------------------


def tinygrad_lite(target: str | None, workload: Workload, params: Params, data: Data) -> Start:
    """target: "numpy" or "c"; None: the step is not compiled, but recorded anew each time."""
    import tinygrad_lite as tg

    if target == "c":  # a compiler that fails is no contestant
        warnings.filterwarnings("error", ".* runs as NumPy")
    cost = workload.tinygrad_lite()
    state: Any = params
    if workload.update == "adam":
        optimizer = tg.optim.Adam(eps=adam.EPS)
        state = params, optimizer.init(params)

        def step(state: Any, *inputs: Any) -> tuple[Any, Any]:
            J, grads = tg.value_and_grad(cost)(state[0], *inputs[:-1])
            return J, optimizer.update(state[0], grads, state[1], lr=inputs[-1])

    else:
        step = _step(workload, tg.value_and_grad, cost, np)
    return start_of(workload, step if target is None else tg.compile(step, target=target), state, data)


# -- others ------------------------------------------------------------------------------------------------------------


def jax_jit(workload: Workload, params: Params, data: Data) -> Start:
    """One jitted function for the whole step. Steps are dispatched without waiting; the loop waits for the last."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)  # otherwise float64 would be float32
    plain = _step(workload, jax.value_and_grad, workload.jax(), jnp)
    rate = () if workload.update == "none" else (workload.rate,)  # a constant: as an argument it would be converted
    step = jax.jit(lambda state, *data: plain(state, *data, *rate))
    state, inputs = jax.tree.map(jnp.asarray, (_start(workload, params), data))
    loop = start_of(workload, lambda state, *inputs: step(state, *inputs[: len(data)]), state, inputs)()
    return lambda: lambda n: jax.block_until_ready(loop(n))


def torch(compiled: bool, workload: Workload, params: Params, data: Data) -> Start:
    """Updates are in place, as PyTorch's optimisers do them. compiled: by torch.compile."""
    import torch

    inputs = [torch.from_numpy(x) for x in data]
    cost = torch.compile(workload.torch()) if compiled else workload.torch()

    def start() -> Loop:
        p = {name: torch.tensor(value, requires_grad=True) for name, value in params.items()}
        leaves = list(p.values())
        optimizer = _torch_adam(leaves, workload.rate) if workload.update == "adam" else None

        def loop(n: int) -> tuple[Any, Any]:
            for _ in range(n):
                J = cost(p, *inputs)
                if optimizer is not None:
                    optimizer.zero_grad()
                    J.backward()
                    optimizer.step()
                    continue
                grads = torch.autograd.grad(J, leaves)
                if workload.update == "descent":
                    with torch.no_grad():
                        for value, grad in zip(leaves, grads, strict=True):
                            value.sub_(grad, alpha=workload.rate)
            results = grads if workload.update == "none" else [value.detach() for value in leaves]
            return J.detach(), dict(zip(p, results, strict=True))

        return loop

    return start


def _torch_adam(leaves: list[Any], rate: float) -> Any:
    import torch

    return torch.optim.Adam(leaves, lr=rate, eps=adam.EPS, fused=True)


def autograd(workload: Workload, params: Params, data: Data) -> Start:
    from autograd import value_and_grad

    step = _step(workload, value_and_grad, workload.autograd(), np)
    return start_of(workload, step, _start(workload, params), data)


def mygrad(workload: Workload, params: Params, data: Data) -> Start:
    import mygrad

    mygrad.turn_memory_guarding_off()  # MyGrad's advice for speed
    cost = workload.mygrad()

    def value_and_grad(cost: Cost) -> Any:
        def gradient(params: Params, *data: Any) -> tuple[Any, Params]:
            p = {name: mygrad.tensor(value, copy=False) for name, value in params.items()}
            J = cost(p, *data)
            J.backward()
            return J.data, {name: t.grad for name, t in p.items()}

        return gradient

    return start_of(workload, _step(workload, value_and_grad, cost, np), _start(workload, params), data)


def tinygrad(workload: Workload, params: Params, data: Data) -> Start:
    """The whole step in TinyJit, which needs clang; the first two calls run without it."""
    if shutil.which("clang") is None:
        raise ModuleNotFoundError("clang, which its CPU device needs, is not there")
    if workload.update == "adam":
        raise NotWritten
    from tinygrad import Tensor, TinyJit

    cost, rate = workload.tinygrad(), workload.rate
    first = {name: Tensor(value).realize() for name, value in params.items()}
    p = {name: Tensor(value).realize() for name, value in params.items()}
    inputs = [Tensor(x).realize() for x in data]
    leaves = list(p.values())

    def plain_step() -> Any:
        J = cost(p, *inputs)
        grads = J.gradient(*leaves)
        if workload.update == "none":
            Tensor.realize(J, *grads)
            return J, *grads
        after = [value - rate * grad for value, grad in zip(leaves, grads, strict=True)]
        Tensor.realize(J, *(value.assign(new) for value, new in zip(leaves, after, strict=True)))
        return J, *leaves

    step = TinyJit(plain_step)

    def loop(n: int) -> tuple[Any, Any]:
        for _ in range(n):
            J, *results = step()
        return J.item(), {name: value.numpy() for name, value in zip(p, results, strict=True)}

    def start() -> Loop:
        for name, value in first.items():
            p[name].assign(value).realize()
        return loop

    return start


def micrograd(workload: Workload, params: Params, data: Data) -> Start:
    cost = workload.micrograd()
    from micrograd.engine import Value

    numbers = [x.tolist() for x in data]

    def start() -> Loop:
        p = {name: [[Value(v) for v in row] for row in value.tolist()] for name, value in params.items()}
        every = [v for matrix in p.values() for row in matrix for v in row]

        def loop(n: int) -> tuple[Any, Any]:
            for _ in range(n):
                J = cost(p, *numbers)
                for v in every:
                    v.grad = 0.0
                J.backward()
                for v in every:
                    v.data -= workload.rate * v.grad
            return J.data, {name: np.array([[v.data for v in row] for row in matrix]) for name, matrix in p.items()}

        return loop

    return start


@dataclass(frozen=True)
class Entry:
    """A contestant, and the library whose import is timed."""

    make: Contestant
    library: str


CONTESTANTS: dict[str, Entry] = {
    "hand-written": Entry(hand_written, "numpy"),
    "tuned by hand": Entry(tuned_by_hand, "numpy"),
    "eager": Entry(partial(tinygrad_lite, None), "tinygrad_lite"),
    "compiled to NumPy": Entry(partial(tinygrad_lite, "numpy"), "tinygrad_lite"),
    "compiled to C": Entry(partial(tinygrad_lite, "c"), "tinygrad_lite"),
    "jax.jit": Entry(jax_jit, "jax"),
    "PyTorch": Entry(partial(torch, False), "torch"),
    "torch.compile": Entry(partial(torch, True), "torch"),
    "autograd": Entry(autograd, "autograd"),
    "MyGrad": Entry(mygrad, "mygrad"),
    "tinygrad": Entry(tinygrad, "tinygrad"),
    "micrograd": Entry(micrograd, "micrograd"),
}

OURS = ("hand-written", "tuned by hand", "eager", "compiled to NumPy", "compiled to C")
"""Those that need no other library."""
