"""Linear layers, embeddings, and what modules are put together with."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..axes import positive_axes
from ..messages import refuse_list
from . import functional as F
from .initialise import by_fan_in, generator, positive
from .module import Module


class Linear(Module):
    """y = x Wᵀ + b. x: (..., in_features); y: (..., out_features).

    weight (out_features, in_features) and bias start uniform between ±1/√in_features. dtype: NumPy's default, float64;
    PyTorch's is np.float32. rng: draws the start. ValueError if x has another number of features.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.Linear(3, 2, rng=np.random.default_rng(0))(np.zeros((5, 3))).shape
    (5, 2)
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, dtype: Any = None, *, rng: Any = None
    ) -> None:
        positive("Linear", in_features=in_features, out_features=out_features)
        rng = generator(rng)
        self.in_features, self.out_features = in_features, out_features
        self.weight: Any = by_fan_in(rng, (out_features, in_features), in_features, dtype)
        self.bias: Any = by_fan_in(rng, (out_features,), in_features, dtype) if bias else None

    def forward(self, x: Any) -> Any:
        return F.linear(x, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"{self.in_features}, {self.out_features}"


class Embedding(Module):
    """A row of weight (num_embeddings, embedding_dim) for each index. indices: whole numbers of any shape.

    weight starts standard normal, and 0 at padding_idx, which is not trained. rng: draws the start. IndexError
    for an index outside.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.Embedding(10, 4)(np.array([[1, 2, 3]])).shape
    (1, 3, 4)
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        dtype: Any = None,
        *,
        rng: Any = None,
    ) -> None:
        positive("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        if padding_idx is not None and not -num_embeddings <= padding_idx < num_embeddings:
            raise ValueError(f"Embedding: padding_idx={padding_idx} lies outside the {num_embeddings} embeddings")
        self.num_embeddings, self.embedding_dim = num_embeddings, embedding_dim
        self.padding_idx = None if padding_idx is None else padding_idx % num_embeddings
        weight = generator(rng).normal(size=(num_embeddings, embedding_dim)).astype(dtype or np.float64)
        if self.padding_idx is not None:
            weight[self.padding_idx] = 0
        self.weight: Any = weight

    def forward(self, indices: Any) -> Any:
        return F.embedding(indices, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        return f"{self.num_embeddings}, {self.embedding_dim}"


class Flatten(Module):
    """Join the axes start_dim..end_dim into one.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.Flatten()(np.zeros((2, 3, 4))).shape
    (2, 12)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, x: Any) -> Any:
        refuse_list("Flatten", x)
        try:
            start, end = positive_axes((self.start_dim, self.end_dim), x.ndim)
        except np.exceptions.AxisError:
            start, end = 1, 0
        if start > end:
            raise ValueError(f"Flatten: axes {self.start_dim}..{self.end_dim} of an array {x.shape} are none")
        joined = int(np.prod(x.shape[start : end + 1]))
        return np.reshape(x, (*x.shape[:start], joined, *x.shape[end + 1 :]))


class Identity(Module):
    """What it is given.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.Identity()(np.array([1.0, 2.0]))
    array([1., 2.])
    """

    def forward(self, x: Any) -> Any:
        return x


class Sequential(Module):
    """Modules one after another, called "0", "1", … or by the names of an OrderedDict. Functions may stand between.

    >>> import numpy as np, tinygrad_lite as tg
    >>> net = tg.nn.Sequential(tg.nn.Linear(3, 4), tg.nn.ReLU(), tg.nn.Linear(4, 2))
    >>> net
    Sequential()  # 26 parameters
      (0): Linear(3, 4)  # 16 parameters
        (weight): (4, 3) float64
        (bias): (4,) float64
      (1): ReLU()
      (2): Linear(4, 2)  # 10 parameters
        (weight): (2, 4) float64
        (bias): (2,) float64
    """

    def __init__(self, *modules: Any) -> None:
        named = isinstance(modules[0], OrderedDict) if len(modules) == 1 else False
        pairs = list(modules[0].items()) if named else [(str(i), module) for i, module in enumerate(modules)]
        self._names = tuple(name for name, _ in pairs)
        for name, module in pairs:
            if not callable(module):
                more = "; give the parts one by one: Sequential(*parts)" if isinstance(module, (list, tuple)) else ""
                raise TypeError(f"Sequential: part {name} is a {type(module).__name__}, which cannot be called{more}")
            setattr(self, name, module)

    def forward(self, x: Any) -> Any:
        for module in self:
            x = module(x)
        return x

    def __iter__(self) -> Iterator[Any]:
        return (getattr(self, name) for name in self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return Sequential(OrderedDict((name, getattr(self, name)) for name in self._names[index]))
        return getattr(self, self._names[index])
