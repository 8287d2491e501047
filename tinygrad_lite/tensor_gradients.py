"""The gradients of Tensors: `gradients`, `backward`, and what is to have none."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from .arguments import start_from
from .backward import find_nodes, sweep
from .batched import Batched, every_example, wrap
from .batching import elementwise
from .calling import record
from .keywords import explains_keywords
from .leaving import INSIDE, Exit, array_ids
from .op import linear
from .tensor import GRAD, LIFTED, Tensor, is_left_over, label


@explains_keywords
def gradients(
    y: Tensor, xs: Tensor | Sequence[Tensor], g: Any = None, create_graph: bool = False, disconnected: str = "raise"
) -> list[Any]:
    """The gradients of y with respect to tensors it was computed from, intermediate ones included.

    y: a Tensor; with g None it must have one element. xs: Tensors. g: the cotangent, of y's shape. create_graph: return
    Tensors that can be differentiated again (always so inside a transform). disconnected: what to do when y does not
    depend on one of xs: "raise" ValueError, since that is most often a lost connection, or give "zeros".

    >>> import numpy as np, tinygrad_lite as tg
    >>> x = tg.Tensor([1.0, 2.0], requires_grad=True)
    >>> h = x * x
    >>> tg.gradients(np.sum(np.exp(h)), [h, x])
    [array([ 2.71828183, 54.59815003]), array([  5.43656366, 218.39260013])]
    """
    if not isinstance(y, Tensor):
        raise TypeError(f"gradients: y is a {type(y).__name__}, not a Tensor")
    if type(y) is Batched:
        return _gradients_of_each(y, [xs] if isinstance(xs, Tensor) else xs, g, create_graph, disconnected)
    y = y._current()
    _check_has_gradient(y, "gradients")
    xs = [x._current() if isinstance(x, Tensor) else x for x in ([xs] if isinstance(xs, Tensor) else xs)]
    for i, x in enumerate(xs):
        if type(x) is not Tensor:
            raise TypeError(f"gradients: xs[{i}] is a {type(x).__name__}, not a Tensor")
        if not x._flags & GRAD and disconnected == "raise":
            raise ValueError(
                f"gradients: xs[{i}] ({label(x)}) does not require a gradient, so y has none with respect to it; "
                "make it with tg.Tensor(..., requires_grad=True)"
            )
    if disconnected not in ("raise", "zeros"):
        raise ValueError(f"gradients: disconnected={disconnected!r}; it is 'raise' or 'zeros'")
    create_graph = create_graph or bool(y._flags & INSIDE)
    nodes, _ = find_nodes([y])
    found = sweep(nodes, [(y, start_from(y, g, create_graph))], set(xs), create_graph)
    for i, x in enumerate(xs):
        if x not in found and disconnected == "raise":
            raise ValueError(
                f"gradients: y does not depend on xs[{i}] ({label(x)}, shape {x.shape}); was it computed from "
                '.numpy() or .detach(), or under no_grad()? Say disconnected="zeros" if zero is meant'
            )
    leaving = Exit(create_graph, ~0, 0, {id(g)} | array_ids([g, *xs]))
    return leaving.derivatives([found.get(x) for x in xs], xs)


def _gradients_of_each(y: Batched, xs: Sequence[Any], g: Any, create_graph: bool, disconnected: str) -> list[Any]:
    """The same inside vmap: the examples do not depend on one another, so one sweep serves them all."""
    level = y.level
    for i, x in enumerate(xs):
        if type(x) is not Batched or x.level is not level:
            raise ValueError(
                f"gradients: inside tg.vmap, xs[{i}] ({label(x)}) is the same for all examples, and would get the sum "
                "of their gradients; use tg.grad(f)(x) inside, or take the gradients of what vmap returns"
            )
    if g is None and y.size != 1:
        raise ValueError(f"the gradient of {label(y)}, shape {y.shape}, needs g, a cotangent of that shape")
    g = np.ones_like(y.whole) if g is None else every_example(g, level)
    found = gradients(y.whole, [x.whole for x in xs], g, create_graph, disconnected)
    return [wrap(gx, level) for gx in found]


@explains_keywords
def backward(y: Tensor, g: Any = None) -> None:
    """Add the gradients of y into `.grad` of every leaf it was computed from that requires one.

    g: the cotangent, of y's shape; may be left out when y has one element.

    >>> import tinygrad_lite as tg
    >>> x = tg.Tensor(3.0, requires_grad=True)
    >>> (x * x).backward(); x.grad
    array(6.)
    """
    y = y._current()
    if type(y) is Batched:
        raise RuntimeError(
            ".backward() inside tg.vmap would mix the examples' gradients; call it on what vmap returns, or use tg.grad"
        )
    _check_has_gradient(y, ".backward()")
    if is_left_over(y):
        raise RuntimeError(
            f".backward(): {label(y)} was kept from a transform that is over, so what it depends on is gone; return it "
            "from the function instead (with has_aux=True beside the value)"
        )
    if y._flags & INSIDE:
        raise RuntimeError(
            ".backward() inside a transform or a compiled function would store its gradients outside of it; "
            "use tg.gradients(y, xs), which returns them"
        )
    if not y._flags & GRAD:
        raise ValueError(
            f".backward(): {label(y)} was not computed from a tensor with requires_grad=True, or only under no_grad()"
        )
    nodes, _ = find_nodes([y])
    found = sweep(nodes, [(y, start_from(y, g, False))], None, False)
    leaving = Exit(False, 0, 0, array_ids([g, *found]))
    gradients = leaving.derivatives(found.values(), found)
    with _adding:
        for x, gx in zip(found, gradients, strict=True):
            x.grad = gx if x.grad is None else x.grad + gx


def _check_has_gradient(y: Tensor, what: str) -> None:
    if y.dtype.kind not in "fc":
        raise TypeError(f"{what}: {label(y)} is {y.dtype}, which has no gradient; only floats and complex numbers have")


_adding = threading.Lock()  # several threads may add to the gradient of a leaf that they share


def stop_gradient(x: Any) -> Any:
    """The same numbers, treated as constant.

    >>> import tinygrad_lite as tg
    >>> tg.grad(lambda x: x * tg.stop_gradient(x))(3.0)
    array(3.)
    """
    if not isinstance(x, Tensor):
        return x
    x = x._current()
    if type(x) is Batched:
        return wrap(stop_gradient(x.whole), x.level)
    return record(_stop, x._array, x._flags, (x,), {})


_stop = linear(lambda x: x, lambda g, y, x: g, name="stop_gradient", batch=elementwise, alias=True)
_stop.mask = ~(GRAD | LIFTED)  # of the op: it stops where a program calls it, too


setattr(Tensor, "backward", backward)  # noqa: B010 (a declared method, defined where the sweep is known)
