"""The optimisers. One rule each, in the order of PyTorch's arithmetic, so that both take the same steps.

A rule is written on arrays, p the parameter and g its gradient, and records itself where they are traced. Numbers that
depend on the step or on a schedule may be arrays, which would decide the dtype: `_like` gives them the parameter's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import array_of
from .optimizer import Array, Optimizer, Slots

Hyper = dict[str, Any]


def _like(p: Array, x: Any) -> Any:
    """A number in the parameter's dtype; one of Python's own, also as a program's argument, adapts itself."""
    return x if type(array_of(x)) in (int, float) else x.astype(p.dtype)


class SGD(Optimizer):
    """p - lr · g; with momentum, p - lr · b where b = momentum · b + (1 - dampening) · g (the first time, b = g);
    Nesterov's: p - lr · (g + momentum · b).

    params, lr: see `Optimizer`. momentum, dampening, nesterov: in the formulas. weight_decay: adds weight_decay · p
    to g. maximize: go up instead.

    Source: Sutskever et al. (2013), "On the importance of initialization and momentum in deep learning".

    >>> import numpy as np, tinygrad_lite as tg
    >>> w = tg.Tensor([1.0], requires_grad=True)
    >>> opt = tg.optim.SGD([w], lr=0.1, momentum=0.9)
    >>> for _ in range(2):
    ...     opt.zero_grad(); np.sum(w ** 2).backward(); opt.step()
    >>> w.data
    array([0.46])
    """

    def __init__(
        self,
        params: Any = None,
        lr: Any = 0.001,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
            maximize=maximize,
        )

    def check(self, hyper: Hyper) -> None:
        super().check(hyper)
        if hyper.get("nesterov") and (hyper.get("momentum") == 0 or hyper.get("dampening", 0) != 0):
            raise ValueError("SGD: nesterov=True needs a momentum above 0, and no dampening")

    def slots(self, p: Array, hyper: Hyper) -> Slots:
        return {"momentum_buffer": np.zeros_like(p)} if hyper["momentum"] else {}

    def rule(self, p: Array, g: Array, slots: Slots, step: Array, hyper: Hyper) -> tuple[Array, Slots]:
        g = _descend(p, g, hyper)
        momentum, dampening = hyper["momentum"], hyper["dampening"]
        if momentum:
            b = momentum * slots["momentum_buffer"]
            b = b + g if dampening == 0 else np.where(step == 1, g, b + (1 - dampening) * g)
            g = g + momentum * b if hyper["nesterov"] else b
            slots = {"momentum_buffer": b}
        return p - _like(p, hyper["lr"]) * g, slots


class RMSprop(Optimizer):
    """p - lr · g / (√v + eps), where v = alpha · v + (1 - alpha) · g².

    centered: v less the square of the running mean of g. momentum: of the quotient. params, weight_decay, maximize: as
    for `SGD`.

    Source: Hinton, lecture 6 of "Neural networks for machine learning" (2012); Graves (2013) for the centered form.

    >>> import numpy as np, tinygrad_lite as tg
    >>> opt, p = tg.optim.RMSprop(lr=0.1, alpha=0.75), np.array([1.0])
    >>> opt.update(p, np.array([2.0]), opt.init(p))[0].round(6)
    array([0.8])
    """

    def __init__(
        self,
        params: Any = None,
        lr: Any = 0.01,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            alpha=alpha,
            eps=eps,
            weight_decay=weight_decay,
            momentum=momentum,
            centered=centered,
            maximize=maximize,
        )

    def slots(self, p: Array, hyper: Hyper) -> Slots:
        names = ["square_avg"]
        names += ["momentum_buffer"] if hyper["momentum"] else []
        names += ["grad_avg"] if hyper["centered"] else []
        return {name: np.zeros_like(p) for name in names}

    def rule(self, p: Array, g: Array, slots: Slots, step: Array, hyper: Hyper) -> tuple[Array, Slots]:
        g = _descend(p, g, hyper)
        alpha, lr = hyper["alpha"], _like(p, hyper["lr"])
        v = alpha * slots["square_avg"] + (1 - alpha) * (g * g)
        new = {"square_avg": v}
        spread = v
        if hyper["centered"]:
            mean = slots["grad_avg"] + (1 - alpha) * (g - slots["grad_avg"])
            new["grad_avg"] = mean
            spread = v - mean * mean
        g = g / (np.sqrt(spread) + hyper["eps"])
        if hyper["momentum"]:
            g = hyper["momentum"] * slots["momentum_buffer"] + g
            new["momentum_buffer"] = g
        return p - lr * g, {**slots, **new}


class Adagrad(Optimizer):
    """p - lr / (1 + (step - 1) · lr_decay) · g / (√s + eps), where s is the sum of all g².

    initial_accumulator_value: where s starts. params, weight_decay, maximize: as for `SGD`.

    Source: Duchi, Hazan, Singer (2011), "Adaptive subgradient methods for online learning and stochastic optimization".

    >>> import numpy as np, tinygrad_lite as tg
    >>> opt, p = tg.optim.Adagrad(lr=0.1), np.array([1.0])
    >>> opt.update(p, np.array([2.0]), opt.init(p))[0]
    array([0.9])
    """

    def __init__(
        self,
        params: Any = None,
        lr: Any = 0.01,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params,
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
            maximize=maximize,
        )

    def slots(self, p: Array, hyper: Hyper) -> Slots:
        return {"sum": np.full_like(p, hyper["initial_accumulator_value"])}

    def rule(self, p: Array, g: Array, slots: Slots, step: Array, hyper: Hyper) -> tuple[Array, Slots]:
        g = _descend(p, g, hyper)
        lr = _like(p, hyper["lr"] / (1 + (step - 1) * hyper["lr_decay"])) if hyper["lr_decay"] else hyper["lr"]
        total = slots["sum"] + g * g
        return p - _like(p, lr) * (g / (np.sqrt(total) + hyper["eps"])), {"sum": total}


class Adam(Optimizer):
    """p - lr · m̂ / (√v̂ + eps), where m and v are running means of g and g², and ^ divides by 1 - betaᵗ.

    betas: how much of m and of v is kept from step to step. weight_decay: adds weight_decay · p to g (see AdamW).
    amsgrad: v̂ never falls. params, maximize: as for `SGD`.

    Source: Kingma, Ba (2015), "Adam: a method for stochastic optimization"; Reddi et al. (2018) for amsgrad.

    >>> import numpy as np, tinygrad_lite as tg
    >>> opt, p = tg.optim.Adam(lr=0.1), np.array([1.0])
    >>> opt.update(p, np.array([2.0]), opt.init(p))[0]
    array([0.9])
    """

    decoupled = False  # whether the weights decay by themselves, beside the gradient

    def __init__(
        self,
        params: Any = None,
        lr: Any = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(
            params, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, maximize=maximize
        )

    def slots(self, p: Array, hyper: Hyper) -> Slots:
        names = ["exp_avg", "exp_avg_sq"] + (["max_exp_avg_sq"] if hyper["amsgrad"] else [])
        return {name: np.zeros_like(p) for name in names}

    def rule(self, p: Array, g: Array, slots: Slots, step: Array, hyper: Hyper) -> tuple[Array, Slots]:
        lr, decay, (beta1, beta2) = hyper["lr"], hyper["weight_decay"], hyper["betas"]
        if self.decoupled:
            p = p * _like(p, 1 - lr * decay)
            hyper = {**hyper, "weight_decay": 0}
        g = _descend(p, g, hyper)
        m = slots["exp_avg"] + (1 - beta1) * (g - slots["exp_avg"])
        v = beta2 * slots["exp_avg_sq"] + (1 - beta2) * (g * g)
        new = {"exp_avg": m, "exp_avg_sq": v}
        if hyper["amsgrad"]:
            v = new["max_exp_avg_sq"] = np.maximum(slots["max_exp_avg_sq"], v)
        size = lr / (1 - beta1**step)
        root = np.sqrt(1 - beta2**step)
        return p - _like(p, size) * (m / (np.sqrt(v) / _like(p, root) + hyper["eps"])), new


class AdamW(Adam):
    """Adam whose weights decay by themselves, p · (1 - lr · weight_decay), not through the gradient.

    The arguments are those of `Adam`. Source: Loshchilov, Hutter (2019), "Decoupled weight decay regularization".

    >>> import numpy as np, tinygrad_lite as tg
    >>> opt, p = tg.optim.AdamW(lr=0.1, weight_decay=0.5), np.array([1.0])
    >>> opt.update(p, np.array([2.0]), opt.init(p))[0]
    array([0.85])
    """

    decoupled = True

    def __init__(
        self,
        params: Any = None,
        lr: Any = 0.001,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)


def _descend(p: Array, g: Array, hyper: Hyper) -> Array:
    """The gradient to go down along, the weights' decay included."""
    g = -g if hyper["maximize"] else g
    return g + hyper["weight_decay"] * p if hyper["weight_decay"] else g
