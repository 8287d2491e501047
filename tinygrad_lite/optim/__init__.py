"""Optimisers: PyTorch's names, arguments and arithmetic, each with two faces.

* Stateful, over leaf Tensors: `opt = tg.optim.SGD(params, lr=0.1)`, then `loss.backward()`, `opt.step()`,
  `opt.zero_grad()`.
* Functional, over trees of arrays: `state = opt.init(params)`, then `params, state = opt.update(params, grads, state)`:
  a pure function, which `tg.compile` sees as part of the training step. The step counter is an array in the state, so
  counting does not compile anew.

Both are the same rule of each optimiser (optimizers.py).
"""

from typing import TYPE_CHECKING

from ..pytorch_names import OPTIM, explain_missing
from . import lr_scheduler as lr_scheduler
from .clipping import clip_grad_norm as clip_grad_norm
from .clipping import clip_grad_norm_ as clip_grad_norm_
from .clipping import clip_grad_value as clip_grad_value
from .clipping import clip_grad_value_ as clip_grad_value_
from .optimizer import Optimizer as Optimizer
from .optimizers import SGD as SGD
from .optimizers import Adagrad as Adagrad
from .optimizers import Adam as Adam
from .optimizers import AdamW as AdamW
from .optimizers import RMSprop as RMSprop

__all__ = [
    "SGD",
    "Adagrad",
    "Adam",
    "AdamW",
    "Optimizer",
    "RMSprop",
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value",
    "clip_grad_value_",
    "lr_scheduler",
]


def __dir__() -> list[str]:
    """What is public: an editor completes `tg.optim.` with this."""
    return __all__


if not TYPE_CHECKING:  # a checker would take every name for one that is there

    def __getattr__(name: str) -> object:
        raise AttributeError(explain_missing(f"module {__name__!r}", name, OPTIM))
