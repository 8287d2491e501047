"""tinygrad_lite: write the forward pass in plain NumPy, get its gradients.

A Tensor is an array that remembers how it was computed. NumPy's functions, operators and methods take it as it is;
beside them there are

* derivatives: grad, value_and_grad, gradients, vjp, jvp, jacobian, hessian, hvp; many examples at once: vmap
* what is not recorded, or recorded again: no_grad, stop_gradient, checkpoint
* programs: compile, derive (a Derivation), compare, draw; loops and branches: scan, cond, while_loop; TraceError
* functions that NumPy lacks: sigmoid, relu, leaky_relu, softplus, softmax, log_softmax, logsumexp, set_at, as_strided;
  those of SciPy: scipy
* losses: mean_squared_error, binary_cross_entropy, binary_cross_entropy_with_logits, cross_entropy
* arrays that can be written into: zeros, empty, ones, full, zeros_like
* rules of your own: elementwise, linear, bilinear, custom_vjp
* training: nn, optim, data, fit, save, load, plot, tree, minimize, root
* checks: testing, debug

>>> import numpy as np, tinygrad_lite as tg
>>> tg.grad(lambda w: np.sum(np.tanh(w)))(np.zeros(2))
array([1., 1.])
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import tree as tree
from .activations import leaky_relu as leaky_relu
from .activations import log_softmax as log_softmax
from .activations import logsumexp as logsumexp
from .activations import relu as relu
from .activations import sigmoid as sigmoid
from .activations import softmax as softmax
from .activations import softplus as softplus
from .checkpoint import checkpoint as checkpoint
from .compare import compare as compare
from .compile import compile as compile
from .context import no_grad as no_grad
from .debug import debug as debug
from .derive import Derivation as Derivation
from .derive import derive as derive
from .draw import draw as draw
from .heap import keep_freed_memory
from .jacobians import hessian as hessian
from .jacobians import hvp as hvp
from .jacobians import jacobian as jacobian
from .loops import cond as cond
from .loops import scan as scan
from .loops import while_loop as while_loop
from .minimize import minimize as minimize
from .minimize import root as root
from .op import bilinear as bilinear
from .op import custom_vjp as custom_vjp
from .op import elementwise as elementwise
from .op import linear as linear
from .rules.buffer_functions import empty as empty
from .rules.buffer_functions import full as full
from .rules.buffer_functions import ones as ones
from .rules.buffer_functions import zeros as zeros
from .rules.buffer_functions import zeros_like as zeros_like
from .rules.indexing import set_at as set_at
from .rules.losses import binary_cross_entropy as binary_cross_entropy
from .rules.losses import binary_cross_entropy_with_logits as binary_cross_entropy_with_logits
from .rules.losses import cross_entropy as cross_entropy
from .rules.losses import mean_squared_error as mean_squared_error
from .rules.windows import as_strided as as_strided
from .tensor import Tensor as Tensor
from .tensor import TraceError as TraceError
from .tensor_gradients import gradients as gradients
from .tensor_gradients import stop_gradient as stop_gradient
from .transforms import grad as grad
from .transforms import jvp as jvp
from .transforms import value_and_grad as value_and_grad
from .transforms import vjp as vjp
from .vmap import vmap as vmap

if TYPE_CHECKING:
    from . import data as data
    from . import nn as nn
    from . import optim as optim
    from . import plot as plot
    from . import scipy as scipy
    from . import testing as testing
    from .io import load as load
    from .io import save as save
    from .training import fit as fit

__version__ = "0.1.0"

keep_freed_memory()

__all__ = [
    "Derivation",
    "Tensor",
    "TraceError",
    "as_strided",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "checkpoint",
    "compare",
    "compile",
    "cond",
    "cross_entropy",
    "custom_vjp",
    "data",
    "debug",
    "derive",
    "draw",
    "elementwise",
    "empty",
    "fit",
    "full",
    "grad",
    "gradients",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "leaky_relu",
    "linear",
    "load",
    "log_softmax",
    "logsumexp",
    "mean_squared_error",
    "minimize",
    "nn",
    "no_grad",
    "ones",
    "optim",
    "plot",
    "relu",
    "root",
    "save",
    "scan",
    "scipy",
    "set_at",
    "sigmoid",
    "softmax",
    "softplus",
    "stop_gradient",
    "testing",
    "tree",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
    "zeros",
    "zeros_like",
]

_ON_DEMAND = {
    "data": ".data",
    "fit": ".training",
    "load": ".io",
    "nn": ".nn",
    "optim": ".optim",
    "plot": ".plot",
    "save": ".io",
    "scipy": ".scipy",
    "testing": ".testing",
}


if not TYPE_CHECKING:  # a checker would take every name for one that is there
    globals().pop("tensor", None)  # the module: who writes tg.tensor(…), as in PyTorch, is told of tg.Tensor

    def __getattr__(name: str) -> Any:
        """Parts of the library that not every program uses: imported when they are first asked for."""
        if name not in _ON_DEMAND:
            from .pytorch_names import PACKAGE, explain_missing

            raise AttributeError(explain_missing(f"module {__name__!r}", name, PACKAGE))
        from importlib import import_module

        module = import_module(_ON_DEMAND[name], __name__)
        value = globals()[name] = module if _ON_DEMAND[name] == f".{name}" else getattr(module, name)
        return value


def __dir__() -> list[str]:
    """What is public: an editor completes `tg.` with this."""
    return __all__
