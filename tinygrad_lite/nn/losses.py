"""Losses as modules: the functions of `tg.nn.functional`, with their settings."""

from __future__ import annotations

from typing import Any

from . import functional as F
from .module import Module


class _Loss(Module):
    def __init__(self, reduction: str = "mean") -> None:
        if reduction not in ("mean", "sum", "none"):
            raise ValueError(f'{type(self).__name__}: reduction is "mean", "sum" or "none", not {reduction!r}')
        self.reduction = reduction


class MSELoss(_Loss):
    """(input - target)², of arrays of one shape, else ValueError.

    reduction: "mean", "sum", or "none" for every entry's.

    >>> import numpy as np, tinygrad_lite as tg
    >>> float(tg.nn.MSELoss()(np.array([1.0, 2.0]), np.array([1.0, 5.0])))
    4.5
    """

    def forward(self, input: Any, target: Any) -> Any:
        return F.mse_loss(input, target, self.reduction)


class L1Loss(_Loss):
    """|input - target|, of arrays of one shape, else ValueError.

    reduction: "mean", "sum", or "none" for every entry's.

    >>> import numpy as np, tinygrad_lite as tg
    >>> float(tg.nn.L1Loss(reduction="sum")(np.array([1.0, 2.0]), np.array([1.0, 5.0])))
    3.0
    """

    def forward(self, input: Any, target: Any) -> Any:
        return F.l1_loss(input, target, self.reduction)


class SmoothL1Loss(_Loss):
    """With d = |input - target|: d² / (2 beta) where d < beta, else d - beta / 2. reduction: as for `MSELoss`.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.SmoothL1Loss("none")(np.array([0.5, 3.0]), np.zeros(2))
    array([0.125, 2.5  ])
    """

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = beta

    def forward(self, input: Any, target: Any) -> Any:
        return F.smooth_l1_loss(input, target, self.reduction, self.beta)


class HuberLoss(_Loss):
    """delta times SmoothL1Loss of beta = delta. reduction: as for `MSELoss`.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.HuberLoss("none", delta=2.0)(np.array([0.5, 3.0]), np.zeros(2))
    array([0.125, 4.   ])
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = delta

    def forward(self, input: Any, target: Any) -> Any:
        return F.huber_loss(input, target, self.reduction, self.delta)


class BCELoss(_Loss):
    """Binary cross-entropy from probabilities. reduction: as for `MSELoss`. BCEWithLogitsLoss is more accurate.

    >>> import numpy as np, tinygrad_lite as tg
    >>> float(tg.nn.BCELoss()(np.array([0.5, 1.0]), np.array([1.0, 1.0])).round(4))
    0.3466
    """

    def forward(self, input: Any, target: Any) -> Any:
        return F.binary_cross_entropy(input, target, self.reduction)


class _WeightedLoss(_Loss):
    """A loss whose weights are fixed: they are buffers, not parameters."""

    weight: Any
    pos_weight: Any

    def _fix(self, **weights: Any) -> None:
        for name, value in weights.items():
            if value is None:
                setattr(self, name, None)
            else:
                self.register_buffer(name, value)


class BCEWithLogitsLoss(_WeightedLoss):
    """Binary cross-entropy of sigmoid(input), exact for every finite input.

    weight: multiplies every entry's loss; pos_weight: the part of the label 1 alone; both broadcast, and are saved with
    the module. reduction: as for `MSELoss`.

    >>> import numpy as np, tinygrad_lite as tg
    >>> float(tg.nn.BCEWithLogitsLoss()(np.array([-1000.0, 1000.0]), np.ones(2)))
    500.0
    """

    def __init__(self, weight: Any = None, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(reduction)
        self._fix(weight=weight, pos_weight=pos_weight)

    def forward(self, input: Any, target: Any) -> Any:
        return F.binary_cross_entropy_with_logits(input, target, self.weight, self.reduction, self.pos_weight)


class CrossEntropyLoss(_WeightedLoss):
    """-log softmax(input)[target], with classes along axis 1.

    weight: one number for each class, saved with the module. Indices equal to ignore_index do not count.
    label_smoothing: this part of the target is spread over all classes. reduction: as for `MSELoss`.

    >>> import numpy as np, tinygrad_lite as tg
    >>> float(tg.nn.CrossEntropyLoss()(np.zeros((2, 4)), np.array([0, 3])).round(4))
    1.3863
    """

    def __init__(
        self,
        weight: Any = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing
        self._fix(weight=weight)

    def forward(self, input: Any, target: Any) -> Any:
        settings = self.weight, self.ignore_index, self.reduction, self.label_smoothing
        return F.cross_entropy(input, target, *settings)


class NLLLoss(_WeightedLoss):
    """-input[target], from logarithms of probabilities; classes along axis 1.

    The arguments are those of `CrossEntropyLoss`.

    >>> import numpy as np, tinygrad_lite as tg
    >>> float(tg.nn.NLLLoss()(np.log([[0.25, 0.75]]), np.array([1])).round(4))
    0.2877
    """

    def __init__(self, weight: Any = None, ignore_index: int = -100, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.ignore_index = ignore_index
        self._fix(weight=weight)

    def forward(self, input: Any, target: Any) -> Any:
        return F.nll_loss(input, target, self.weight, self.ignore_index, self.reduction)
