"""Gradients that are too large, made smaller: by their common norm, or entry by entry."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import tree
from ..keywords import explains_keywords
from ..tensor import Tensor
from .optimizer import leaves_of


@explains_keywords
def clip_grad_norm(grads: Any, max_norm: float, norm_type: float = 2.0) -> tuple[Any, Any]:
    """The gradients, scaled so that the norm of all of them together is at most max_norm; and the norm before.

    grads: a tree of arrays. norm_type: p of the p-norm, above 0; np.inf for the largest entry. A norm that is not
    finite makes every gradient nan, which is no step to take: look at the norm.

    >>> import numpy as np, tinygrad_lite as tg
    >>> grads, norm = tg.optim.clip_grad_norm({"W": np.array([3.0]), "b": np.array([4.0])}, max_norm=1)
    >>> grads["W"].round(6), grads["b"].round(6), float(norm)
    (array([0.6]), array([0.8]), 5.0)
    """
    norm_type = float(norm_type)
    if not norm_type > 0:
        raise ValueError(f"clip_grad_norm: norm_type={norm_type} must be above 0")
    _check_not_negative("clip_grad_norm", "max_norm", max_norm)
    leaves, structure = tree.flatten(grads)
    if not leaves:
        return grads, np.float64(0)
    for g, path in zip(leaves, structure.paths("grads"), strict=True):
        if g.dtype.kind not in "fc":
            raise TypeError(f"clip_grad_norm: {path} is {g.dtype}, in which what is clipped has no place; give floats")
    norms = [_norm(g, norm_type) for g in leaves]
    total = _norm(np.stack(norms), norm_type)
    scale = np.where(np.isinf(total), np.nan, np.minimum(max_norm / (total + 1e-6), 1))
    return tree.unflatten(structure, [g * scale.astype(g.dtype) for g in leaves]), total


@explains_keywords
def clip_grad_value(grads: Any, clip_value: float) -> Any:
    """The gradients with every entry in -clip_value..clip_value. grads: a tree of arrays.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.optim.clip_grad_value([np.array([-3.0, 0.5])], 1)
    [array([-1. ,  0.5])]
    """
    _check_not_negative("clip_grad_value", "clip_value", clip_value)
    return tree.map(lambda g: np.clip(g, -clip_value, clip_value), grads)


@explains_keywords
def clip_grad_norm_(params: Any, max_norm: float, norm_type: float = 2.0) -> Any:
    """`clip_grad_norm` of the `.grad` of Tensors, which are replaced; returns the norm before.

    params: leaf Tensors, in an iterable, a module or a tree; those without a gradient do not count. max_norm,
    norm_type: as there. TypeError for anything but Tensors, ValueError if there are none.

    >>> import numpy as np, tinygrad_lite as tg
    >>> w = tg.Tensor([3.0, 4.0], requires_grad=True)
    >>> np.sum(w * w / 2).backward()
    >>> float(tg.optim.clip_grad_norm_([w], max_norm=1.0))
    5.0
    >>> w.grad.round(6)
    array([0.6, 0.8])
    """
    tensors = _with_gradients(params)
    clipped, norm = clip_grad_norm([t.grad for t in tensors], max_norm, norm_type)
    for t, g in zip(tensors, clipped, strict=True):
        t.grad = g
    return norm


@explains_keywords
def clip_grad_value_(params: Any, clip_value: float) -> None:
    """`clip_grad_value` of the `.grad` of Tensors, which are replaced: every entry in -clip_value..clip_value.

    params: leaf Tensors, in an iterable, a module or a tree. TypeError for anything else, ValueError if there are
    none.

    >>> import numpy as np, tinygrad_lite as tg
    >>> w = tg.Tensor([3.0, 0.5], requires_grad=True)
    >>> np.sum(w * w / 2).backward()
    >>> tg.optim.clip_grad_value_([w], 1.0)
    >>> w.grad
    array([1. , 0.5])
    """
    for t in _with_gradients(params):
        t.grad = clip_grad_value(t.grad, clip_value)


def _with_gradients(params: Any) -> list[Tensor]:
    """The Tensors of a module, a tree or an iterable that have a gradient, each once."""
    leaves = leaves_of(params)
    if not leaves:
        raise ValueError(
            f"there is no parameter in {type(params).__name__} {params!r:.40}; an iterator, as net.parameters() is, "
            "can be gone through once only"
        )
    for t in leaves:
        if type(t) is not Tensor:
            raise TypeError(
                f"a {type(t).__name__} has no .grad; for arrays use the functions without the underscore, which take "
                "the gradients and return them"
            )
    return [t for t in dict.fromkeys(leaves) if t.grad is not None]


def _check_not_negative(what: str, name: str, limit: Any) -> None:
    if not isinstance(limit, Tensor) and not limit >= 0:
        raise ValueError(f"{what}: {name}={limit!r}; it must be 0 or more")


def _norm(x: Any, order: float) -> Any:
    size = np.abs(x)
    if size.dtype == np.float16:  # whose squares are infinite from 256 on
        size = size.astype(np.float32)
    if order == np.inf:
        return np.max(size, initial=0)
    if order == 2:
        return np.sqrt(np.sum(size * size))
    return np.sum(size**order) ** (1 / order)
