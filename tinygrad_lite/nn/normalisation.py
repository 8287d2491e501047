"""Layer and batch normalisation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..messages import refuse_list
from ..tensor_gradients import stop_gradient
from . import functional as F
from .initialise import positive
from .module import Module, read_buffer, write_buffer


class LayerNorm(Module):
    """(x - mean) / √(variance + eps) over the last axes, then times weight plus bias, which start at 1 and 0.

    normalized_shape: the sizes of those axes. elementwise_affine: whether there are weight and bias; bias: whether
    there is a bias. ValueError if x ends in another shape.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.LayerNorm(2, eps=0.0)(np.array([[1.0, 3.0]]))
    Tensor([[-1.,  1.]], requires_grad=True)
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        dtype: Any = None,
    ) -> None:
        whole = isinstance(normalized_shape, (int, np.integer))
        self.normalized_shape = (int(normalized_shape),) if whole else tuple(normalized_shape)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self.weight: Any = np.ones(self.normalized_shape, dtype) if elementwise_affine else None
        self.bias: Any = np.zeros(self.normalized_shape, dtype) if elementwise_affine and bias else None

    def forward(self, x: Any) -> Any:
        return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}"


class _BatchNorm(Module):
    _ndims: tuple[int, ...]

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        dtype: Any = None,
    ) -> None:
        positive(type(self).__name__, num_features=num_features)
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self.weight: Any = np.ones(num_features, dtype) if affine else None
        self.bias: Any = np.zeros(num_features, dtype) if affine else None
        if track_running_stats:
            self.register_buffer("running_mean", np.zeros(num_features, dtype))
            self.register_buffer("running_var", np.ones(num_features, dtype))
            self.register_buffer("num_batches_tracked", np.array(0, np.int64))

    def forward(self, x: Any) -> Any:
        refuse_list(type(self).__name__, x)
        if x.ndim not in self._ndims or x.shape[1] != self.num_features:
            raise ValueError(
                f"{type(self).__name__}: x {x.shape} must have {' or '.join(map(str, self._ndims))} axes, and "
                f"{self.num_features} features along axis 1"
            )
        column = (1, -1, *[1] * (x.ndim - 2))
        if self.training or not self.track_running_stats:
            axes = (0, *range(2, x.ndim))
            count = x.size // self.num_features
            if count < 2 and self.training:
                raise ValueError(f"{type(self).__name__}: one value a feature has no variance to learn from: {x.shape}")
            mean = np.mean(x, axis=axes, keepdims=True)
            centred = x - mean
            variance = np.mean(centred * centred, axis=axes, keepdims=True)
            if self.training and self.track_running_stats:
                self._keep(np.reshape(mean, -1), np.reshape(variance, -1) * (count / (count - 1)))
        else:
            centred = x - np.reshape(read_buffer(self._own_buffers()["running_mean"]), column)
            variance = np.reshape(read_buffer(self._own_buffers()["running_var"]), column)
        y = centred / np.sqrt(variance + self.eps)
        return y * np.reshape(self.weight, column) + np.reshape(self.bias, column) if self.affine else y

    def _keep(self, mean: Any, variance: Any) -> None:
        """Move the running statistics towards a batch's; the variance is the unbiased one."""
        mean_buffer, variance_buffer, count_buffer = (
            self._own_buffers()[name] for name in ("running_mean", "running_var", "num_batches_tracked")
        )
        count = read_buffer(count_buffer) + 1
        part = 1 / count if self.momentum is None else self.momentum
        for buffer, value in ((mean_buffer, mean), (variance_buffer, variance)):
            old = read_buffer(buffer)
            write_buffer(buffer, _move(old, value, part))
        write_buffer(count_buffer, count)

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"


def _move(old: Any, new: Any, part: Any) -> Any:
    """(1 - part) old + part new, in old's dtype."""
    moved = (1 - part) * old + part * stop_gradient(new)
    return np.astype(moved, old.dtype)


class BatchNorm1d(_BatchNorm):
    """Normalisation of each feature over a batch. x: (N, num_features) or (N, num_features, L).

    In training by the batch's mean and variance, which also move running_mean and running_var by momentum (None: the
    plain average of all batches); in evaluation by those. They are written once a call, outside of compiled functions;
    for those, `tg.nn.call_with_buffers` returns the new ones. eps: added to the variance. affine: times weight plus
    bias, which start at 1 and 0. track_running_stats=False: by the batch's, in evaluation as well. ValueError for
    another shape.

    >>> import numpy as np, tinygrad_lite as tg
    >>> norm = tg.nn.BatchNorm1d(1)
    >>> norm(np.array([[0.0], [2.0]])).shape, norm.running_mean
    ((2, 1), Tensor([0.1], name='running_mean'))
    """

    _ndims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Normalisation of each channel over a batch of images. x: (N, num_features, H, W). See `BatchNorm1d`.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.BatchNorm2d(3)(np.random.default_rng(0).normal(size=(5, 3, 4, 2))).shape
    (5, 3, 4, 2)
    """

    _ndims = (4,)
