"""What layers compute, as pure functions of arrays or Tensors: activations, losses, dropout, normalisation.

Names, arguments and conventions are PyTorch's: examples along axis 0, classes along axis 1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..activations import relu as relu
from ..activations import sigmoid as sigmoid
from ..alike import make_alike
from ..batched import as_array
from ..foreign import is_elsewhere
from ..keywords import explains_keywords
from ..messages import refuse_list
from ..pytorch_names import FUNCTIONAL, explain_missing
from ..rules.losses import logistic_loss
from ..rules.neural import leaky_relu as _leaky_relu
from ..rules.neural import log_softmax as _log_softmax
from ..rules.neural import normal_cdf
from ..rules.neural import softmax as _softmax
from ..tensor import TRACED, Tensor
from ..tensor_gradients import stop_gradient
from .convolve import avg_pool2d as avg_pool2d
from .convolve import conv1d as conv1d
from .convolve import conv2d as conv2d
from .convolve import max_pool2d as max_pool2d
from .masks import take_mask
from .module import is_traced

__all__ = [
    "avg_pool2d",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "conv1d",
    "conv2d",
    "cross_entropy",
    "dropout",
    "elu",
    "embedding",
    "gelu",
    "huber_loss",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "log_softmax",
    "max_pool2d",
    "mse_loss",
    "nll_loss",
    "relu",
    "scaled_dot_product_attention",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "tanh",
]


def __dir__() -> list[str]:
    """What is public: an editor completes `tg.nn.functional.` with this."""
    return __all__


if not TYPE_CHECKING:  # a checker would take every name for one that is there

    def __getattr__(name: str) -> object:
        raise AttributeError(explain_missing(f"module {__name__!r}", name, FUNCTIONAL))


# -- activations -----------------------------------------------------------------------------------------------------


@explains_keywords
def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """x where x > 0, else negative_slope · x, element by element. x: any shape.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.functional.leaky_relu(np.array([-1.0, 2.0]), 0.2)
    array([-0.2,  2. ])
    """
    return _leaky_relu(x, slope=negative_slope)


@explains_keywords
def tanh(x: Any) -> Any:
    """The hyperbolic tangent, element by element: np.tanh. x: any shape.

    >>> import tinygrad_lite as tg
    >>> float(tg.nn.functional.tanh(0.0))
    0.0
    """
    return np.tanh(x)


@explains_keywords
def silu(x: Any) -> Any:
    """x sigmoid(x), element by element (Elfwing et al., 2017). x: any shape.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.functional.silu(np.array([0.0, 100.0]))
    array([  0., 100.])
    """
    return x * sigmoid(x)


@explains_keywords
def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where x > 0, else alpha (exp(x) - 1), element by element (Clevert et al., 2015); y' = alpha at 0. x: any shape.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.functional.elu(np.array([-1.0, 2.0])).round(4)
    array([-0.6321,  2.    ])
    """
    positive = np.greater(x, 0)
    return np.where(positive, x, alpha * np.expm1(np.where(positive, 0, x)))  # (np.minimum would share the tie at 0)


@explains_keywords
def gelu(x: Any, approximate: str = "none") -> Any:
    """x Φ(x), element by element, with Φ the standard normal distribution (Hendrycks and Gimpel, 2016). x: any shape.

    approximate: "none"; or "tanh", for Φ(x) ≈ (1 + tanh(√(2/π) (x + 0.044715 x³))) / 2. ValueError for others.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.functional.gelu(np.array([-1.0, 0.0, 1.0])).round(4)
    array([-0.1587,  0.    ,  0.8413])
    """
    if approximate == "none":
        return x * normal_cdf(x)
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))
    raise ValueError(f'gelu: approximate is "none" or "tanh", not {approximate!r}')


@explains_keywords
def softmax(x: Any, dim: int | None = None) -> Any:
    """exp(x) over its sum along the axis dim. x: any shape. ValueError if dim is not named.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.functional.softmax(np.log([[1.0, 3.0]]), dim=1)
    array([[0.25, 0.75]])
    """
    return _softmax(x, axis=_named_axis("softmax", dim))


@explains_keywords
def log_softmax(x: Any, dim: int | None = None) -> Any:
    """The logarithm of softmax along the axis dim. x: any shape. ValueError if dim is not named.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.functional.log_softmax(np.array([0.0, 1000.0]), dim=0)
    array([-1000.,     0.])
    """
    return _log_softmax(x, axis=_named_axis("log_softmax", dim))


def _named_axis(what: str, dim: int | None) -> int:
    if dim is None:
        raise ValueError(f"{what}: name the axis: dim=1 for rows that are examples, dim=-1 for the last axis")
    return dim


# -- layers ----------------------------------------------------------------------------------------------------------


@explains_keywords
def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """x weightᵀ + bias. x: (..., in), weight: (out, in), bias: (out,). ValueError if the sizes differ.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.functional.linear(np.array([1.0, 2.0]), np.array([[3.0, 4.0], [0.0, 1.0]]), np.array([0.5, 0.0]))
    array([11.5,  2. ])
    """
    refuse_list("linear", x)
    refuse_list("linear", weight)
    refuse_list("linear", bias)
    if weight.ndim != 2 or (bias is not None and bias.shape != weight.shape[:1]):
        shapes = f"weight {weight.shape} and bias {'None' if bias is None else bias.shape}"
        raise ValueError(f"linear: {shapes} must be (out, in) and (out,)")
    if not np.ndim(x) or x.shape[-1] != weight.shape[1]:
        raise ValueError(f"linear: x {np.shape(x)} must have {weight.shape[1]} features along its last axis")
    rows = np.reshape(x, (-1, x.shape[-1])) if x.ndim > 2 else x  # one product, however many axes there are
    y = np.matmul(rows, np.transpose(weight))
    if bias is not None:
        y = y + bias
    return np.reshape(y, (*x.shape[:-1], weight.shape[0])) if x.ndim > 2 else y


@explains_keywords
def embedding(indices: Any, weight: Any, padding_idx: int | None = None) -> Any:
    """weight[indices], a row for each index. indices: whole numbers of any shape; weight: (rows, columns).

    padding_idx: a row that receives no gradient, counted from the end if below 0. IndexError for an index outside
    0..rows - 1, TypeError if the indices are not whole numbers, ValueError for a padding_idx that is no row.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.functional.embedding(np.array([2, 0]), np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    array([[5., 6.],
           [1., 2.]])
    """
    refuse_list("embedding", weight)
    if isinstance(indices, (list, tuple, int)):
        indices = np.asarray(indices)
    if indices.dtype.kind not in "iu":
        raise TypeError(f"embedding: indices are whole numbers, but these are {indices.dtype}")
    known = not is_traced(indices) and (isinstance(indices, np.ndarray) or is_elsewhere(indices)) and bool(indices.size)
    if known and not (np.min(indices) >= 0 and np.max(indices) < len(weight)):
        raise IndexError(
            f"embedding: indices lie in {np.min(indices)}..{np.max(indices)}, but rows in 0..{len(weight) - 1}"
        )
    if padding_idx is not None:
        if not -len(weight) <= padding_idx < len(weight):
            raise ValueError(f"embedding: padding_idx={padding_idx} lies outside the {len(weight)} rows")
        trained = make_alike(np.arange(len(weight))[:, None] != padding_idx % len(weight), weight)
        weight = np.where(trained, weight, stop_gradient(weight))
    return weight[indices]


def check_probability(what: str, p: float) -> None:
    """ValueError unless 0 <= p <= 1."""
    if not 0 <= p <= 1:
        raise ValueError(f"{what}: p={p} is the probability of dropping an entry; it must lie in 0..1")


@explains_keywords
def dropout(x: Any, p: float = 0.5, training: bool = True, *, rng: Any = None, mask: Any = None) -> Any:
    """In training, x with entries 0 with probability p and the others divided by 1 - p; otherwise x itself.

    training: whether anything is dropped. rng: the generator that draws. mask: which entries to keep, x's shape, drawn
    outside (`rng.random(shape) >= p`), as a compiled function needs it. ValueError unless 0 <= p <= 1, TraceError if
    numbers would be drawn in a trace.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.functional.dropout(np.ones(6), 0.5, rng=np.random.default_rng(0))
    array([2., 0., 0., 0., 2., 2.])
    """
    check_probability("dropout", p)
    refuse_list("dropout", x)
    if not training or p == 0:
        return x
    if p == 1:
        return x * 0
    if mask is None:
        mask = take_mask(rng, np.shape(x), p, is_traced(x))
    elif np.broadcast_shapes(np.shape(mask), np.shape(x)) != np.shape(x):
        raise ValueError(f"dropout: mask {np.shape(mask)} must have the shape of x, {np.shape(x)}")
    dtype = x.dtype if x.dtype.kind in "fc" else np.dtype(np.float64)  # in whole numbers 1 / (1 - p) has no place
    return x * (np.astype(make_alike(mask, x), dtype) * dtype.type(1 / (1 - p)))


@explains_keywords
def layer_norm(x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    """(x - mean) / √(variance + eps) over the last axes, those of normalized_shape, times weight, plus bias.

    x: (..., *normalized_shape); weight, bias: normalized_shape, or None. ValueError if x ends in another shape.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.functional.layer_norm(np.array([[1.0, 3.0]]), 2, eps=0.0)
    array([[-1.,  1.]])
    """
    refuse_list("layer_norm", x)
    shape = (normalized_shape,) if isinstance(normalized_shape, (int, np.integer)) else tuple(normalized_shape)
    if not shape or x.shape[-len(shape) :] != shape:
        raise ValueError(f"layer_norm: the last axes of x {x.shape} are not normalized_shape {shape}")
    for name, part in (("weight", weight), ("bias", bias)):
        if part is not None and np.shape(part) != shape:
            raise ValueError(f"layer_norm: {name} {np.shape(part)} must have the shape of normalized_shape, {shape}")
    axes = tuple(range(-len(shape), 0))
    centred = x - np.mean(x, axis=axes, keepdims=True)
    y = centred / np.sqrt(np.mean(centred * centred, axis=axes, keepdims=True) + eps)
    if weight is not None:
        y = y * weight
    return y if bias is None else y + bias


@explains_keywords
def scaled_dot_product_attention(q: Any, k: Any, v: Any, attn_mask: Any = None, is_causal: bool = False) -> Any:
    """softmax(q kᵀ / √E) v (Vaswani et al., 2017).

    q: (..., L, E), k: (..., S, E), v: (..., S, Ev); result: (..., L, Ev). attn_mask: broadcast against (..., L, S):
    booleans, True where a query may look; or numbers that are added. is_causal: each query looks at keys up to its own
    place. A query that may look nowhere gives 0. ValueError if both are given.

    >>> import numpy as np, tinygrad_lite as tg
    >>> q, k, v = np.zeros((2, 3)), np.ones((2, 3)), np.array([[1.0], [3.0]])
    >>> tg.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    array([[1.],
           [2.]])
    """
    for x in (q, k, v, attn_mask):
        refuse_list("scaled_dot_product_attention", x)
    scores = np.matmul(q, np.swapaxes(k, -1, -2)) * (1 / math.sqrt(q.shape[-1]))
    return np.matmul(attention_weights(scores, attn_mask, is_causal), v)


def attention_weights(scores: Any, allowed: Any = None, is_causal: bool = False) -> Any:
    """softmax of scores (..., L, S) over the last axis, with 0 where it is not allowed to look."""
    if is_causal:
        if allowed is not None:
            raise ValueError("attention: give attn_mask or is_causal, not both")
        allowed = make_alike(np.tri(scores.shape[-2], scores.shape[-1], dtype=bool), scores)
    if allowed is None:
        return _softmax(scores, axis=-1)
    check_mask("attention: the mask", allowed)
    if allowed.dtype.kind != "b":
        return _softmax(scores + allowed, axis=-1)
    lowest = scores.dtype.type(np.finfo(scores.dtype).min)
    return np.where(allowed, _softmax(np.where(allowed, scores, lowest), axis=-1), 0)


def check_mask(what: str, mask: Any) -> None:
    """TypeError for a mask of whole numbers, which are neither yes or no nor something to be added to scores."""
    if mask.dtype.kind in "iu":
        raise TypeError(
            f"{what} is {mask.dtype}; it must be of booleans, as in mask == 1, or of floats, which are added"
        )


# -- losses ----------------------------------------------------------------------------------------------------------


def _reduce(what: str, losses: Any, reduction: str) -> Any:
    if reduction == "none":
        return losses
    if reduction == "sum":
        return np.sum(losses)
    if reduction != "mean":
        raise ValueError(f'{what}: reduction is "mean", "sum" or "none", not {reduction!r}')
    if not losses.size:
        raise ValueError(f"{what}: an array of shape {losses.shape} holds no examples, and so has no mean loss")
    return np.mean(losses)


def _check_same_shape(what: str, input: Any, target: Any) -> None:
    refuse_list(what, input)
    if np.shape(input) != np.shape(target):
        raise ValueError(
            f"{what}: input {np.shape(input)} and target {np.shape(target)} must have the same shape; "
            "reshape one of them"
        )


def _difference(input: Any, target: Any) -> Any:
    """input - target; of whole numbers as floats, since theirs may wrap around (np.uint8(3) - np.uint8(5) is 254)."""
    is_whole = hasattr(input, "dtype") and input.dtype.kind in "iub"
    return (input.astype(np.float64) if is_whole else input) - target


@explains_keywords
def mse_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """(input - target)², of arrays of one shape, else ValueError.

    reduction: "mean", "sum", or "none" for every entry's.

    >>> import numpy as np, tinygrad_lite as tg
    >>> float(tg.nn.functional.mse_loss(np.array([1.0, 2.0]), np.array([1.0, 5.0])))
    4.5
    """
    _check_same_shape("mse_loss", input, target)
    return _reduce("mse_loss", np.square(_difference(input, target)), reduction)


@explains_keywords
def l1_loss(input: Any, target: Any, reduction: str = "mean") -> Any:
    """|input - target|, of arrays of one shape, else ValueError.

    reduction: "mean", "sum", or "none" for every entry's.

    >>> import numpy as np, tinygrad_lite as tg
    >>> float(tg.nn.functional.l1_loss(np.array([1.0, 2.0]), np.array([1.0, 5.0])))
    1.5
    """
    _check_same_shape("l1_loss", input, target)
    return _reduce("l1_loss", np.abs(_difference(input, target)), reduction)


@explains_keywords
def smooth_l1_loss(input: Any, target: Any, reduction: str = "mean", beta: float = 1.0) -> Any:
    """With d = |input - target|: d² / (2 beta) where d < beta, else d - beta / 2 (Girshick, 2015).

    Both of the same shape, and beta above 0, else ValueError. reduction: "mean", "sum", or "none" for every entry's.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.functional.smooth_l1_loss(np.array([0.5, 3.0]), np.zeros(2), reduction="none")
    array([0.125, 2.5  ])
    """
    _check_same_shape("smooth_l1_loss", input, target)
    if beta <= 0:
        raise ValueError(f"smooth_l1_loss: beta={beta} must be above 0; l1_loss is the limit")
    d = _difference(input, target)
    inside = np.clip(d, -beta, beta)  # and not of |d|, which has a kink at 0, where the loss has none
    return _reduce("smooth_l1_loss", inside / beta * (d - inside / 2), reduction)


@explains_keywords
def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: float = 1.0) -> Any:
    """delta · smooth_l1_loss with beta = delta (Huber, 1964). input, target, reduction: as for `smooth_l1_loss`.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.functional.huber_loss(np.array([0.5, 3.0]), np.zeros(2), reduction="none", delta=2.0)
    array([0.125, 4.   ])
    """
    return delta * smooth_l1_loss(input, target, reduction, delta)


@explains_keywords
def binary_cross_entropy(input: Any, target: Any, reduction: str = "mean") -> Any:
    """-(y log a + (1 - y) log(1 - a)), from probabilities a; as in PyTorch, a logarithm is at least -100.

    input: the probabilities a, in 0..1 (else ValueError). target: the labels y, of the same shape (else ValueError).
    reduction: "mean", "sum", or "none" for every entry's.

    >>> import numpy as np, tinygrad_lite as tg
    >>> float(tg.nn.functional.binary_cross_entropy(np.array([0.5, 1.0]), np.array([1.0, 1.0])).round(4))
    0.3466
    """
    _check_same_shape("binary_cross_entropy", input, target)
    what = "binary_cross_entropy"
    _check_unit_interval(what, "probabilities", input, f"; for logits use {what}_with_logits")
    _check_unit_interval(what, "the labels in target", target)

    def log(x: Any) -> Any:
        return np.log(np.maximum(x, math.exp(-100)))

    return _reduce("binary_cross_entropy", -(target * log(input) + (1 - target) * log(1 - input)), reduction)


def _check_unit_interval(what: str, name: str, x: Any, remedy: str = "") -> None:
    if is_traced(x):
        return
    x = x._array if isinstance(x, Tensor) else as_array(x)
    if x.size and not (np.min(x) >= 0 and np.max(x) <= 1):
        raise ValueError(f"{what}: {name} lie in {np.min(x)}..{np.max(x)}, outside 0..1{remedy}")


@explains_keywords
def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, reduction: str = "mean", pos_weight: Any = None
) -> Any:
    """log(1 + exp(z)) - y z, the cross-entropy of sigmoid(z), exact for every finite z.

    input: the logits z. target: the labels y, of the same shape (else ValueError). weight: multiplies every entry's
    loss; pos_weight: the part of the label 1 alone; both broadcast to input's shape. reduction: "mean", "sum", or
    "none" for every entry's.

    >>> import numpy as np, tinygrad_lite as tg
    >>> float(tg.nn.functional.binary_cross_entropy_with_logits(np.array([-1000.0, 1000.0]), np.ones(2)))
    500.0
    """
    what = "binary_cross_entropy_with_logits"
    _check_same_shape(what, input, target)
    _check_unit_interval(what, "the labels in target", target)
    for name, factor in (("weight", weight), ("pos_weight", pos_weight)):
        if factor is not None and np.broadcast_shapes(np.shape(factor), input.shape) != input.shape:
            raise ValueError(f"{what}: {name} {np.shape(factor)} does not broadcast to input {input.shape}; reshape it")
    losses = logistic_loss(input, target)
    if pos_weight is not None:
        losses = losses + (pos_weight - 1) * (target * logistic_loss(input, np.ones_like(target)))
    return _reduce(what, losses if weight is None else losses * weight, reduction)


@explains_keywords
def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """-log softmax(input)[target], with classes along axis 1 (axis 0 of a single example).

    input: logits (N, C, ...) or (C,). target: class indices (N, ...) or (), or probabilities of input's shape. weight:
    (C,), by class; the mean is then the weighted one. Indices equal to ignore_index do not count. reduction: "mean",
    "sum", or "none" for every example's. label_smoothing: this part of the target is spread over all classes (Szegedy
    et al., 2016). ValueError for shapes or class indices that do not fit, TypeError for a target that is neither.

    >>> import numpy as np, tinygrad_lite as tg
    >>> float(tg.nn.functional.cross_entropy(np.zeros((2, 4)), np.array([0, 3])).round(4))
    1.3863
    """
    refuse_list("cross_entropy", input)
    axis = 0 if input.ndim == 1 else 1
    _check_class_weights("cross_entropy", weight, input.shape[axis])
    if not 0 <= label_smoothing <= 1:
        raise ValueError(
            f"cross_entropy: label_smoothing={label_smoothing} must lie in 0..1; it is a part of the target"
        )
    log_p = _log_softmax(input, axis=axis)
    target = target if hasattr(target, "dtype") else np.asarray(target)
    if target.shape == input.shape and target.dtype.kind == "f":
        classes = input.shape[axis]
        if label_smoothing:
            target = target * (1 - label_smoothing) + label_smoothing / classes
        terms = log_p * target if weight is None else log_p * target * _along(weight, axis, input.ndim)
        losses = -np.sum(terms, axis=axis)
        return _reduce("cross_entropy", losses, reduction)
    loss = _negative_log("cross_entropy", log_p, target, weight, ignore_index, reduction, axis)
    if not label_smoothing:
        return loss
    smooth = _smooth(log_p, target, weight, ignore_index, reduction, axis)
    return (1 - label_smoothing) * loss + label_smoothing / input.shape[axis] * smooth


@explains_keywords
def nll_loss(input: Any, target: Any, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> Any:
    """-input[target], from logarithms of probabilities; classes along axis 1.

    target, weight, ignore_index, reduction: as for `cross_entropy`.

    >>> import numpy as np, tinygrad_lite as tg
    >>> float(tg.nn.functional.nll_loss(np.log([[0.25, 0.75]]), np.array([1])).round(4))
    0.2877
    """
    refuse_list("nll_loss", input)
    axis = 0 if input.ndim == 1 else 1
    _check_class_weights("nll_loss", weight, input.shape[axis])
    target = target if hasattr(target, "dtype") else np.asarray(target)
    return _negative_log("nll_loss", input, target, weight, ignore_index, reduction, axis)


def _check_class_weights(what: str, weight: Any, classes: int) -> None:
    if weight is not None and np.shape(weight) != (classes,):
        raise ValueError(f"{what}: weight {np.shape(weight)} must be ({classes},), a number for each class")


def _along(weight: Any, axis: int, ndim: int) -> Any:
    return np.reshape(weight, (-1,) + (1,) * (ndim - axis - 1))


def _negative_log(what: str, log_p: Any, target: Any, weight: Any, ignore_index: int, reduction: str, axis: int) -> Any:
    classes = log_p.shape[axis]
    rest = log_p.shape[:axis] + log_p.shape[axis + 1 :]
    if target.dtype.kind not in "iu":
        raise TypeError(
            f"{what}: class indices are whole numbers, but target is {target.dtype} {target.shape}"
            f" (probabilities must have the shape of input, {log_p.shape})"
        )
    if target.shape != rest:
        raise ValueError(f"{what}: target {target.shape} must be {rest}, input {log_p.shape} without its classes")
    counts = target != ignore_index
    labels = target._array if isinstance(target, Tensor) and not target._flags & TRACED else target
    if isinstance(labels, np.ndarray) or is_elsewhere(labels):
        wrong = labels[(labels != ignore_index) & ((labels < 0) | (labels >= classes))]
        if wrong.size:
            raise ValueError(f"{what}: target holds {wrong[0]}, but the classes are 0..{classes - 1}")
    one_hot = np.expand_dims(target, axis) == _along(make_alike(np.arange(classes), log_p), axis, log_p.ndim)
    # What is ignored equals no class, unless it is one; np.where keeps 0 · inf out of a class that was not chosen.
    chosen = one_hot & np.expand_dims(counts, axis)
    weights = make_alike(np.ones(classes, log_p.dtype), log_p) if weight is None else weight
    terms = np.where(chosen, log_p * _along(weights, axis, log_p.ndim), 0)
    losses = -np.sum(terms, axis=axis)
    if reduction != "mean" or not losses.size:
        return _reduce(what, losses, reduction)
    return np.sum(losses) / _total(weights, chosen, axis, log_p.ndim)


def _total(weights: Any, chosen: Any, axis: int, ndim: int) -> Any:
    """The sum of the weights of the examples that count."""
    return np.sum(np.where(chosen, _along(weights, axis, ndim), 0))


def _smooth(log_p: Any, target: Any, weight: Any, ignore_index: int, reduction: str, axis: int) -> Any:
    """The loss against all classes alike."""
    counts = np.expand_dims(target != ignore_index, axis)
    weights = make_alike(np.ones(log_p.shape[axis], log_p.dtype), log_p) if weight is None else weight
    losses = -np.sum(np.where(counts, log_p * _along(weights, axis, log_p.ndim), 0), axis=axis)
    if reduction != "mean":
        return _reduce("cross_entropy", losses, reduction)
    one_hot = np.expand_dims(target, axis) == _along(make_alike(np.arange(log_p.shape[axis]), log_p), axis, log_p.ndim)
    return np.sum(losses) / _total(weights, one_hot & counts, axis, log_p.ndim)
