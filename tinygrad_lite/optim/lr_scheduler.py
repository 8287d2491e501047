"""Learning rates that change from step to step: PyTorch's names and numbers, each in closed form.

A schedule is a function of the step alone, `schedule(step) -> learning rate`, written in NumPy's functions, so that it
can be used in two ways: `schedule.step()` after every `opt.step()`, which sets the optimiser's `lr`; or
`schedule.update(params, grads, state)` in place of the optimiser's, which compiles, and takes the rate of the step that
the state counts. optimizer: the one whose rate it is.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..keywords import explain_constructor
from .optimizer import Optimizer

__all__ = [
    "CosineAnnealingLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "OneCycleLR",
    "SequentialLR",
    "StepLR",
]


def __dir__() -> list[str]:
    """What is public: an editor completes `tg.optim.lr_scheduler.` with this."""
    return __all__


Step = Any  # a number, or an array of one, or a Tensor


class LRScheduler:
    """The base of the schedules. A subclass gives `rate(base, step)`, with base the rate that the group began with.

    >>> import tinygrad_lite as tg
    >>> class Inverse(tg.optim.lr_scheduler.LRScheduler):
    ...     def rate(self, base, step):
    ...         return base / (1 + step)
    >>> rate = Inverse(tg.optim.SGD(lr=1.0))
    >>> [rate(step) for step in (0, 1, 3)]
    [1.0, 0.5, 0.25]
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        explain_constructor(cls)

    def __init__(self, optimizer: Optimizer) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"a schedule is of an optimiser, not of a {type(optimizer).__name__}")
        self.optimizer = optimizer
        self.last_epoch = 0
        for group in optimizer.param_groups:
            group.setdefault("initial_lr", group["lr"])
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self._set()

    def rate(self, base: float, step: Step) -> Any:
        """The learning rate after so many steps."""
        raise NotImplementedError

    def __call__(self, step: Step) -> Any:
        """The first group's learning rate after so many steps."""
        return self.rate(self.base_lrs[0], step)

    def step(self) -> None:
        """One step, or epoch, was done."""
        self.last_epoch += 1
        self._set()

    def init(self, params: Any) -> dict[str, Any]:
        """The optimiser's state before the first step."""
        return self.optimizer.init(params)

    def update(self, params: Any, grads: Any, state: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The optimiser's step with the rate of now: a pure function, as `Optimizer.update`.

        >>> import numpy as np, tinygrad_lite as tg
        >>> schedule = tg.optim.lr_scheduler.StepLR(tg.optim.SGD(lr=0.5), step_size=1)
        >>> w, state = np.array([1.0]), schedule.init(np.array([1.0]))
        >>> for _ in range(2):
        ...     w, state = schedule.update(w, np.array([1.0]), state)
        >>> w
        array([0.45])
        """
        return self.optimizer.update(params, grads, state, lr=self(state["step"]))

    def get_last_lr(self) -> list[float]:
        """The rate of each group now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """How far it is."""
        return {"last_epoch": self.last_epoch, "base_lrs": list(self.base_lrs)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from there."""
        self.last_epoch, self.base_lrs = int(state_dict["last_epoch"]), list(state_dict["base_lrs"])
        self._set()

    def _set(self) -> None:
        for group in self.optimizer.param_groups[len(self.base_lrs) :]:  # that were added since
            self.base_lrs.append(group.setdefault("initial_lr", group["lr"]))
        for group, base in zip(self.optimizer.param_groups, self.base_lrs, strict=True):
            group["lr"] = float(self.rate(base, self.last_epoch))


class LambdaLR(LRScheduler):
    """base · factor(step). lr_lambda: the factor, a function of the step.

    >>> import tinygrad_lite as tg
    >>> rate = tg.optim.lr_scheduler.LambdaLR(tg.optim.SGD(lr=0.5), lambda step: 1 / (1 + step))
    >>> [float(rate(step)) for step in (0, 1, 4)]
    [0.5, 0.25, 0.1]
    """

    def __init__(self, optimizer: Optimizer, lr_lambda: Callable[[Step], Any]) -> None:
        self.lr_lambda = lr_lambda
        super().__init__(optimizer)

    def rate(self, base: float, step: Step) -> Any:
        return base * self.lr_lambda(step)


class StepLR(LRScheduler):
    """Times gamma every step_size steps.

    >>> import tinygrad_lite as tg
    >>> rate = tg.optim.lr_scheduler.StepLR(tg.optim.SGD(lr=0.5), step_size=10, gamma=0.5)
    >>> [float(rate(step)) for step in (0, 9, 10, 20)]
    [0.5, 0.5, 0.25, 0.125]
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer)

    def rate(self, base: float, step: Step) -> Any:
        return base * self.gamma ** np.floor_divide(step, self.step_size)


class MultiStepLR(LRScheduler):
    """Times gamma at each of the milestones, which are steps.

    >>> import tinygrad_lite as tg
    >>> rate = tg.optim.lr_scheduler.MultiStepLR(tg.optim.SGD(lr=1.0), milestones=[2, 5], gamma=0.5)
    >>> [float(rate(step)) for step in (0, 2, 5)]
    [1.0, 0.5, 0.25]
    """

    def __init__(self, optimizer: Optimizer, milestones: Sequence[int], gamma: float = 0.1) -> None:
        self.milestones, self.gamma = sorted(milestones), gamma
        super().__init__(optimizer)

    def rate(self, base: float, step: Step) -> Any:
        return base * self.gamma ** sum(np.greater_equal(step, m) * 1 for m in self.milestones)


class ExponentialLR(LRScheduler):
    """Times gamma at every step.

    >>> import tinygrad_lite as tg
    >>> rate = tg.optim.lr_scheduler.ExponentialLR(tg.optim.SGD(lr=1.0), gamma=0.5)
    >>> [float(rate(step)) for step in (0, 1, 3)]
    [1.0, 0.5, 0.125]
    """

    def __init__(self, optimizer: Optimizer, gamma: float) -> None:
        self.gamma = gamma
        super().__init__(optimizer)

    def rate(self, base: float, step: Step) -> Any:
        return base * self.gamma**step


class CosineAnnealingLR(LRScheduler):
    """Half a cosine from the base down to eta_min in T_max steps (and up again, if it goes on).

    Source: Loshchilov, Hutter (2017), "SGDR: stochastic gradient descent with warm restarts".

    >>> import tinygrad_lite as tg
    >>> rate = tg.optim.lr_scheduler.CosineAnnealingLR(tg.optim.SGD(lr=0.5), T_max=10)
    >>> [float(rate(step)) for step in (0, 5, 10)]
    [0.5, 0.25, 0.0]
    """

    def __init__(self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer)

    def rate(self, base: float, step: Step) -> Any:
        return _cosine(base, self.eta_min, step / self.T_max)


class LinearLR(LRScheduler):
    """Warm-up: the base times a factor that goes from start_factor to end_factor in total_iters steps, and stays there.

    >>> import tinygrad_lite as tg
    >>> rate = tg.optim.lr_scheduler.LinearLR(tg.optim.SGD(lr=0.5), start_factor=0.5, total_iters=4)
    >>> [float(rate(step)) for step in (0, 2, 4, 100)]
    [0.25, 0.375, 0.5, 0.5]
    """

    def __init__(
        self, optimizer: Optimizer, start_factor: float = 1 / 3, end_factor: float = 1.0, total_iters: int = 5
    ) -> None:
        self.start_factor, self.end_factor, self.total_iters = start_factor, end_factor, total_iters
        super().__init__(optimizer)

    def rate(self, base: float, step: Step) -> Any:
        done = np.minimum(step, self.total_iters) / self.total_iters
        return base * (self.start_factor + (self.end_factor - self.start_factor) * done)


class SequentialLR(LRScheduler):
    """One schedule after another: from each milestone on the next one, which counts its steps from there.

    schedulers: of the same optimizer. milestones: the steps, one less than schedulers, in order. ValueError otherwise.

    >>> import tinygrad_lite as tg
    >>> opt = tg.optim.SGD(lr=0.5)
    >>> warm, cool = tg.optim.lr_scheduler.LinearLR(opt, 0.5, total_iters=2), tg.optim.lr_scheduler.StepLR(opt, 3, 0.1)
    >>> rate = tg.optim.lr_scheduler.SequentialLR(opt, [warm, cool], milestones=[2])
    >>> [float(rate(step)) for step in (0, 1, 2, 4)]
    [0.25, 0.375, 0.5, 0.5]
    """

    def __init__(self, optimizer: Optimizer, schedulers: Sequence[LRScheduler], milestones: Sequence[int]) -> None:
        if len(milestones) != len(schedulers) - 1 or list(milestones) != sorted(milestones):
            raise ValueError(f"{len(schedulers)} schedules need {len(schedulers) - 1} milestones, in order")
        if any(each.optimizer is not optimizer for each in schedulers):
            raise ValueError("the schedules must be of the same optimiser")
        self.schedulers, self.milestones = list(schedulers), list(milestones)
        super().__init__(optimizer)

    def rate(self, base: float, step: Step) -> Any:
        if isinstance(step, int):
            i = bisect.bisect_right(self.milestones, step)
            return self.schedulers[i].rate(base, step - (self.milestones[i - 1] if i else 0))
        found = self.schedulers[0].rate(base, step)
        for schedule, start in zip(self.schedulers[1:], self.milestones, strict=True):
            found = np.where(step >= start, schedule.rate(base, np.maximum(step - start, 0)), found)
        return found


class OneCycleLR(LRScheduler):
    """Up from max_lr / div_factor to max_lr in the first pct_start of the steps, then down to a final_div_factor-th of
    where it began. cycle_momentum: the momentum (Adam's first beta) goes the other way; by `.step()` only.

    total_steps, or epochs times steps_per_epoch: how long it is; ValueError for a step beyond (in a program, the last
    rate). anneal_strategy: "cos"
    or "linear". base_momentum, max_momentum: between which the momentum goes. three_phase: down to where it began
    first, as steeply as it went up, and then to the end.

    Source: Smith, Topin (2018), "Super-convergence: very fast training of neural networks using large learning rates".

    >>> import tinygrad_lite as tg
    >>> rate = tg.optim.lr_scheduler.OneCycleLR(tg.optim.SGD(momentum=0.9), max_lr=1.0, total_steps=11)
    >>> [round(float(rate(step)), 6) for step in (0, 2, 10)]
    [0.04, 0.960261, 4e-06]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float = 0.85,
        max_momentum: float = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
    ) -> None:
        if total_steps is None:
            if epochs is None or steps_per_epoch is None:
                raise ValueError("OneCycleLR: give total_steps, or epochs and steps_per_epoch")
            total_steps = epochs * steps_per_epoch
        if not (isinstance(total_steps, int) and total_steps > 0 and 0 <= pct_start <= 1):
            raise ValueError(f"OneCycleLR: total_steps={total_steps!r} and pct_start={pct_start!r} must be 1.., 0..1")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"OneCycleLR: anneal_strategy={anneal_strategy!r}; it is 'cos' or 'linear'")
        if cycle_momentum and not any({"momentum", "betas"} & group.keys() for group in optimizer.param_groups):
            raise ValueError("OneCycleLR: this optimiser has no momentum; say cycle_momentum=False")
        self.max_lr, self.total_steps, self.cycle_momentum = max_lr, total_steps, cycle_momentum
        self.base_momentum, self.max_momentum = base_momentum, max_momentum
        self.anneal = _cosine if anneal_strategy == "cos" else _line
        low, end = max_lr / div_factor, max_lr / div_factor / final_div_factor
        top = pct_start * total_steps - 1
        stops = [0.0, top, 2 * top, total_steps - 1.0] if three_phase else [0.0, top, total_steps - 1.0]
        self.rates = list(zip(stops, [low, max_lr, low, end] if three_phase else [low, max_lr, end], strict=True))
        high, less = max_momentum, base_momentum
        self.momenta = list(zip(stops, [high, less, high, high] if three_phase else [high, less, high], strict=True))
        super().__init__(optimizer)

    def rate(self, base: float, step: Step) -> Any:
        return self._between(self.rates, step)

    def update(self, params: Any, grads: Any, state: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        if self.cycle_momentum:
            raise ValueError("OneCycleLR.update: the momentum moves by .step() only; say cycle_momentum=False")
        return super().update(params, grads, state)

    def _between(self, stops: Sequence[tuple[float, float]], step: Step) -> Any:
        if not isinstance(step, (int, np.integer)):
            step = np.minimum(step, self.total_steps - 1)
        elif step > self.total_steps:  # (a loop asks once more after its last step)
            raise ValueError(f"OneCycleLR: step {step}, but it has {self.total_steps} steps, counted from 0")
        found = None
        for (start, a), (end, b) in reversed(list(zip(stops, stops[1:], strict=False))):
            value = self.anneal(a, b, (step - start) / (end - start) if end != start else 1.0)
            found = value if found is None else np.where(step <= end, value, found)
        return found

    def _set(self) -> None:
        super()._set()
        if self.cycle_momentum:
            momentum = float(self._between(self.momenta, self.last_epoch))
            for group in self.optimizer.param_groups:
                if "betas" in group:
                    group["betas"] = (momentum, *group["betas"][1:])
                else:
                    group["momentum"] = momentum


def _cosine(start: float, end: float, done: Any) -> Any:
    """From start to end along half a cosine; done: how much of it, 0 to 1."""
    return end + (start - end) / 2 * (1 + np.cos(math.pi * done))


def _line(start: float, end: float, done: Any) -> Any:
    return start + (end - start) * done
