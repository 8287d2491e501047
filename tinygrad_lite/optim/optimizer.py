"""What every optimiser shares: its hyperparameters, its groups of parameters, and the two ways to take a step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..alike import make_alike
from ..foreign import to_numpy
from ..keywords import explain_constructor, explains_keywords
from ..marks import replaced
from ..tensor import GRAD, Tensor, label

Array = Any  # an ndarray, or a Tensor while a step is being traced
Slots = dict[str, Array]
"""What an optimiser remembers of one parameter, such as its momentum."""


class Optimizer:
    """The base of the optimisers. A subclass gives `slots` and `rule`; both are pure functions of arrays.

    params: leaf Tensors, in an iterable, a module or any tree, of which those with requires_grad are moved (others are
    frozen); or dicts `{"params": …, "lr": …}`, one for each group with hyperparameters of its own. None for the
    functional face alone.
    hyper: the hyperparameters; ValueError if one is out of range.

    >>> import numpy as np, tinygrad_lite as tg
    >>> class SignDescent(tg.optim.Optimizer):
    ...     def __init__(self, params=None, lr=0.1):
    ...         super().__init__(params, lr=lr)
    ...     def slots(self, p, hyper):
    ...         return {}
    ...     def rule(self, p, g, slots, step, hyper):
    ...         return p - hyper["lr"] * np.sign(g), {}
    >>> opt, p = SignDescent(), np.array([1.0, -1.0])
    >>> opt.update(p, np.array([5.0, -0.1]), opt.init(p))[0]
    array([ 0.9, -0.9])
    """

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        explain_constructor(cls)

    def __init__(self, params: Any = None, **hyper: Any) -> None:
        self.check(hyper)
        self.defaults = _as_pythons_own(hyper)
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[Tensor, Slots] = {}
        if params is None:
            self.param_groups.append({"params": [], **self.defaults})
            return
        groups = list(params) if isinstance(params, Iterator) else params
        if not (isinstance(groups, Sequence) and groups and all(isinstance(x, dict) and "params" in x for x in groups)):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    # -- what a subclass says ----------------------------------------------------------------------------------------

    def check(self, hyper: dict[str, Any]) -> None:
        """ValueError if a hyperparameter is out of range, TypeError if it is no number."""
        for name, value in hyper.items():
            if name in _NOT_NEGATIVE and (isinstance(value, (str, list, tuple, dict)) or getattr(value, "ndim", 0) > 0):
                raise TypeError(f"{type(self).__name__}: {name}={value!r}; it must be a number")
            # (A learning rate that is traced has no value to be checked.)
            if name in _NOT_NEGATIVE and not isinstance(value, Tensor) and not value >= 0:
                raise ValueError(f"{type(self).__name__}: {name}={value!r}; it must be 0 or more")
        for i, beta in enumerate(hyper.get("betas", ())):
            if not 0 <= beta < 1:
                raise ValueError(f"{type(self).__name__}: betas[{i}]={beta!r}; it must be at least 0 and less than 1")

    def slots(self, p: Array, hyper: dict[str, Any]) -> Slots:
        """What is remembered of a parameter before the first step."""
        raise NotImplementedError

    def rule(self, p: Array, g: Array, slots: Slots, step: Array, hyper: dict[str, Any]) -> tuple[Array, Slots]:
        """The parameter after a step along its gradient, and what is remembered. step: counts from 1."""
        raise NotImplementedError

    # -- pure functions over trees -----------------------------------------------------------------------------------

    def init(self, params: Any) -> dict[str, Any]:
        """The state before the first step: {"step": 0, and a tree like params for everything that is remembered}.

        >>> import numpy as np, tinygrad_lite as tg
        >>> tg.optim.SGD(lr=0.1, momentum=0.9).init({"w": np.ones(2)})
        {'step': np.int64(0), 'momentum_buffer': {'w': array([0., 0.])}}
        """
        leaves, structure = tree.flatten(params)
        paths = structure.paths("params")
        for p, path in zip(leaves, paths, strict=True):
            _check_parameter(p, path)
        every = [self.slots(p, self.param_groups[0]) for p in leaves]
        names = every[0] if every else {}
        return {
            "step": np.int64(0),
            **{name: tree.unflatten(structure, [slots[name] for slots in every]) for name in names},
        }

    def update(self, params: Any, grads: Any, state: dict[str, Any], **hyper: Any) -> tuple[Any, dict[str, Any]]:
        """Parameters and state after one step: new ones; nothing is changed in place.

        params: a tree of float arrays. grads: a tree of the same structure, as `tg.grad` gives it. state: from `init`
        or the last `update`. hyper: hyperparameters of this step, such as lr=schedule(state["step"]). ValueError if the
        structures or shapes differ. The first group's hyperparameters count where the optimiser has several.

        >>> import numpy as np, tinygrad_lite as tg
        >>> opt = tg.optim.SGD(lr=0.5)
        >>> params = {"w": np.array([1.0, 2.0])}
        >>> grads = tg.grad(lambda p: np.sum(p["w"] ** 2))(params)
        >>> opt.update(params, grads, opt.init(params))
        ({'w': array([0., 0.])}, {'step': np.int64(1)})
        """
        unknown = hyper.keys() - self.defaults.keys()
        if unknown:
            raise TypeError(f"{type(self).__name__} has no {sorted(unknown)[0]!r}; it has {', '.join(self.defaults)}")
        self.check(hyper)
        hyper = _as_pythons_own({**self.param_groups[0], **hyper})
        leaves, structure = tree.flatten(params)
        gradients, given = tree.flatten(grads)
        if given != structure:
            raise ValueError(f"the gradients' structure {given} differs from the parameters' {structure}")
        paths = structure.paths("params")
        names = [name for name in state if name != "step"]
        every = [_flatten_like(structure, name, state[name]) for name in names]
        step = np.add(state["step"], 1)
        new, remembered = [], []
        for i, (p, g, path) in enumerate(zip(leaves, gradients, paths, strict=True)):
            _check_gradient(p, g, path)
            slots = {name: column[i] for name, column in zip(names, every, strict=True)}
            try:
                before, (moved, slots) = slots, self.rule(p, g, slots, step, hyper)
            except KeyError as error:
                if error.args[0] not in self.slots(p, hyper):
                    raise
                raise ValueError(f"the state has no {error}; it is that of another optimiser: init makes one") from None
            _check_shapes(p, moved, before, slots, path)
            new.append(moved)
            remembered.append(slots)
        after = {name: tree.unflatten(structure, [slots[name] for slots in remembered]) for name in names}
        return tree.unflatten(structure, new), {"step": step, **after}

    # -- leaf Tensors, their .grad and .data -------------------------------------------------------------------------

    def add_param_group(self, group: dict[str, Any]) -> None:
        """Add parameters with hyperparameters of their own (those that are not named are the optimiser's)."""
        name = type(self).__name__
        unknown = group.keys() - self.defaults.keys() - {"params"}
        if unknown:
            raise TypeError(f"{name}: a group has no {sorted(unknown)[0]!r}; it has {', '.join(self.defaults)}")
        self.check({key: value for key, value in group.items() if key != "params"})
        params = _find_tensors(group["params"], name)
        known = {t for each in self.param_groups for t in each["params"]}
        for t in params:
            if t in known:
                raise ValueError(f"{name}: {label(t)} is given twice; each parameter is in one place of one group")
            known.add(t)
        self.param_groups.append({**self.defaults, **_as_pythons_own(group), "params": params})

    @explains_keywords
    def step(self) -> None:
        """Move every parameter along its `.grad`; those without one, or frozen, stay where they are.

        >>> import numpy as np, tinygrad_lite as tg
        >>> w = tg.Tensor([1.0, 2.0], requires_grad=True)
        >>> opt = tg.optim.SGD([w], lr=0.5)
        >>> np.sum(w ** 2).backward()
        >>> opt.step(); w.data
        array([0., 0.])
        """
        if not any(group["params"] for group in self.param_groups):
            raise ValueError(
                f"{type(self).__name__}.step(): it was made without parameters; give Tensors, or use "
                "params, state = opt.update(params, grads, state)"
            )
        for group in map(_as_pythons_own, self.param_groups):
            for t in group["params"]:
                if t.grad is None or not t._flags & GRAD:
                    if t.grad is None and id(t) in replaced:
                        raise ValueError(
                            f"{type(self).__name__}.step(): {label(t)} has no gradient: its module was given another "
                            "in its place, which this optimiser does not know. Make the optimiser afterwards, or give "
                            f"a parameter new values by .data = array"
                        )
                    continue
                _check_gradient(t._array, t.grad, label(t))
                slots = self.state.get(t) or {"step": np.int64(0), **self.slots(t._array, group)}
                step = slots["step"] + 1
                remembered = {key: value for key, value in slots.items() if key != "step"}
                try:
                    moved, remembered = self.rule(t._array, t.grad, remembered, step, group)
                except KeyError as error:  # a hyperparameter of the group was changed: more is remembered from now on
                    remembered = {**self.slots(t._array, group), **remembered}
                    if error.args[0] not in remembered:
                        raise
                    moved, remembered = self.rule(t._array, t.grad, remembered, step, group)
                t.data = moved
                self.state[t] = {"step": step, **remembered}

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget every parameter's gradient; set_to_none=False: make it zeros, with which a step is still taken."""
        for group in self.param_groups:
            for t in group["params"]:
                t.grad = None if set_to_none or t.grad is None else np.zeros_like(t.grad)

    # -- saving ------------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """What is remembered and the groups, with parameters by their number, as PyTorch has it; arrays are copies."""
        numbers = {t: i for i, t in enumerate(t for group in self.param_groups for t in group["params"])}
        state = {numbers[t]: {name: to_numpy(x) for name, x in slots.items()} for t, slots in self.state.items()}
        groups = [{**group, "params": [numbers[t] for t in group["params"]]} for group in self.param_groups]
        return {"state": state, "param_groups": groups}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what `state_dict` gave. ValueError, and nothing is changed, if it is of other parameters."""
        params = [t for group in self.param_groups for t in group["params"]]
        groups = state_dict["param_groups"]
        mine, theirs = ([len(group["params"]) for group in each] for each in (self.param_groups, groups))
        if mine != theirs:
            raise ValueError(f"the groups have {theirs} parameters, this optimiser's have {mine}")
        pairs = zip(self.param_groups, groups, strict=True)
        hypers = [{**group, **saved} for group, saved in pairs for _ in group["params"]]
        state = {}
        for number, slots in state_dict["state"].items():
            if not 0 <= int(number) < len(params):
                raise ValueError(f"it has a state of parameter {number}; this optimiser's are 0..{len(params) - 1}")
            t = params[int(number)]
            expected = {"step": np.int64(0), **self.slots(t._array, hypers[int(number)])}
            if slots.keys() != expected.keys():
                raise ValueError(f"of parameter {number} there is {sorted(slots)}; {sorted(expected)} is needed")
            for name, x in slots.items():
                if np.shape(x) != expected[name].shape:
                    raise ValueError(
                        f"{name} of parameter {number} has shape {np.shape(x)}; {expected[name].shape} is needed"
                    )
            state[t] = {
                name: make_alike(np.array(x, dtype=expected[name].dtype), expected[name]) for name, x in slots.items()
            }
        unknown = {name for saved in groups for name in saved} - {"params", "initial_lr", *self.defaults}
        if unknown:
            raise ValueError(f"it is the state of another optimiser: {type(self).__name__} has no {min(unknown)}")
        for group, saved in zip(self.param_groups, groups, strict=True):
            group.update({key: value for key, value in saved.items() if key != "params"})
        self.state = state

    def __repr__(self) -> str:
        rows = [", ".join(f"{k}={v!r}" for k, v in group.items() if k != "params") for group in self.param_groups]
        sizes = [f", {len(group['params'])} parameters" if group["params"] else "" for group in self.param_groups]
        return "\n".join(f"{type(self).__name__}({row}{n})" for row, n in zip(rows, sizes, strict=True))


_NOT_NEGATIVE = {"lr", "momentum", "weight_decay", "eps", "alpha", "lr_decay", "initial_accumulator_value"}


def _as_pythons_own(hyper: dict[str, Any]) -> dict[str, Any]:
    """NumPy's numbers as Python's own: np.float64(0.1) would make float32 parameters float64."""
    return {name: _as_python_number(value) for name, value in hyper.items()}


def _as_python_number(x: Any) -> Any:
    if type(x) is tuple:  # of betas
        return tuple(map(_as_python_number, x))
    return x.item() if isinstance(x, np.generic) or (type(x) is np.ndarray and x.ndim == 0) else x


def leaves_of(params: Any) -> list[Any]:
    """The leaves of a tree or an iterable; of a module, whose tree is of arrays, its parameters."""
    if callable(getattr(params, "parameters", None)):
        params = params.parameters()
    return tree.flatten(list(params) if isinstance(params, Iterator) else params)[0]


def _find_tensors(params: Any, name: str) -> list[Tensor]:
    """The Tensors to be moved, from an iterable, a module or a tree."""
    leaves = leaves_of(params)
    for i, t in enumerate(leaves):
        if type(t) is not Tensor:
            raise TypeError(
                f"{name}: parameter {i} is a {type(t).__name__}; .step() moves Tensors with requires_grad=True. For "
                "arrays use the functional face: params, state = opt.update(params, grads, state)"
            )
        if t._op is not None:
            raise ValueError(f"{name}: parameter {i}, {label(t)}, was computed; give leaves with requires_grad=True")
        _check_parameter(t, label(t))
    if not leaves:
        raise ValueError(f"{name}: there is no parameter in {type(params).__name__} {params!r:.40}")
    if not any(t._flags & GRAD for t in leaves):  # some may be frozen
        raise ValueError(f"{name}: no parameter requires a gradient; give leaves with requires_grad=True")
    return leaves


def _check_parameter(p: Any, path: str) -> None:
    dtype = getattr(p, "dtype", None)
    if dtype is None or dtype.kind != "f":
        what = f"a {type(p).__name__}" if dtype is None else str(dtype)
        more = "; give its real and imaginary parts" if dtype is not None and dtype.kind == "c" else ""
        raise TypeError(f"{path} is {what}; an optimiser moves float arrays{more}")


def _check_gradient(p: Any, g: Any, path: str) -> None:
    _check_parameter(p, path)
    if np.shape(g) != p.shape:
        raise ValueError(f"{path} has shape {p.shape}, but its gradient has shape {np.shape(g)}")
    dtype = getattr(g, "dtype", p.dtype)
    if dtype != p.dtype and np.result_type(dtype, p.dtype) != p.dtype:
        raise TypeError(f"{path} is {p.dtype}, but its gradient is {dtype}; give g.astype({p.dtype})")


def _check_shapes(p: Any, moved: Any, before: Slots, after: Slots, path: str) -> None:
    """ValueError where a step has changed a shape, for which NumPy broadcasts: the state is of other parameters."""
    for name, x in before.items():
        if np.shape(after[name]) != np.shape(x) or np.shape(moved) != p.shape:
            raise ValueError(
                f"the state's {name} has shape {np.shape(x)} for {path}, which has shape {p.shape}; it is the state of "
                "other parameters"
            )


def _flatten_like(structure: tree.Structure, name: str, part: Any) -> list[Any]:
    leaves, given = tree.flatten(part)
    if given != structure:
        raise ValueError(f"the state's {name} has the structure {given}; that of the parameters is {structure}")
    return leaves
