"""`fit`: a training loop for those who do not want to write their own.

It is short on purpose: one step (`_Step`) that is compiled as a whole, and one loop over epochs (`fit`).
"""

from __future__ import annotations

import html
import inspect
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import tree
from .callsite import warn
from .compile import compile as compile_function
from .context import no_grad
from .data import Batches
from .debug import debug
from .io import load, save
from .keywords import explains_keywords
from .nn.masks import Request, asking_for_masks, giving_masks
from .nn.module import Module, find_buffers, find_settings, replacing_buffers
from .optim import Optimizer
from .tensor import Tensor, TraceError
from .transforms import value_and_grad

Params = dict[str, Any]
_REFRESH = 0.1  # seconds between two looks of the bar


@dataclass
class History:
    """What `fit` returns: one number an epoch in each list, and the trained model.

    loss: the mean over the epoch's batches. validation_loss: empty without a validation set; accuracy: empty without
    that function. state: the optimiser's. steps: how many were made. stopped: "epochs" (all were done), "patience" or
    "interrupted". best_epoch: the one (from 1) with the smallest validation loss, or loss where there is none.
    """

    model: Any = field(repr=False)
    state: Any = field(repr=False)
    loss: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    steps: int = 0
    stopped: str = "epochs"

    @property
    def best_epoch(self) -> int:
        """Counted from 1; 0 before the first epoch is over."""
        losses = self.validation_loss or self.loss
        return int(np.argmin(losses)) + 1 if losses else 0

    def __repr__(self) -> str:
        parts = [f"{len(self.loss)} epochs, {self.steps} steps"]
        for name in ("loss", "validation_loss", "accuracy"):
            if values := getattr(self, name):
                parts.append(f"{name.replace('_', ' ')} {values[-1]:.4g}")
        return f"History({', '.join(parts)}, stopped by {self.stopped})"

    def _repr_html_(self) -> str:
        """For a notebook: the summary, and the losses as lines."""
        return f"<p>{html.escape(repr(self))}</p>{_draw_losses(self)}"


def _draw_losses(history: History, width: int = 420, height: int = 120) -> str:
    """Training and validation loss over the epochs, as SVG; "" where there are not two finite numbers."""
    lines = {"loss": (history.loss, "#0072b2"), "validation loss": (history.validation_loss, "#d55e00")}
    finite = [value for values, _ in lines.values() for value in values if np.isfinite(value)]
    if len(finite) < 2:
        return ""
    low, high = min(finite), max(finite)
    parts = []
    for i, (name, (values, colour)) in enumerate((name, line) for name, line in lines.items() if line[0]):
        across = (width - 60) / max(len(values) - 1, 1)
        points = " ".join(
            f"{55 + across * epoch:.1f},{height - 8 - (height - 16) * (value - low) / ((high - low) or 1):.1f}"
            for epoch, value in enumerate(values)
            if np.isfinite(value)
        )
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        parts.append(f'<text x="{width - 5}" y="{14 + 14 * i}" text-anchor="end" fill="{colour}">{name}</text>')
    for y, value in ((12, high), (height - 4, low)):
        parts.append(f'<text x="50" y="{y}" text-anchor="end" fill="#777">{value:.4g}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
        f'font-size="11">{"".join(parts)}</svg>'
    )


@explains_keywords
def fit(
    model: Any,
    data: Any,
    loss: Callable[..., Any],
    optimizer: Any,
    epochs: int,
    *,
    validation: Any = None,
    accuracy: Callable[..., Any] | None = None,
    patience: int | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    resume: bool = False,
    compile: bool = True,
    progress: bool | None = None,
) -> History:
    """Train a model and return the history, in which the trained model is `.model`.

    model: any tree of float arrays or Tensors (RuntimeWarning for a number in a dict or list, as "b": 0.0 is, which is
    not trained). Arrays are not changed: the trained ones are in `history.model`; leaf Tensors that require a gradient
    are given the new numbers as well. data: `tg.data.batches(...)`, or anything that
    gives tuples of arrays each time it is iterated over; a tuple of arrays is one batch. loss: loss(model, *batch) ->
    a number; or, where the model can be called, loss(model(X), Y) with Y the batch's last array (that is what is done
    if loss needs no more arguments than a batch has arrays). optimizer: from `tg.optim`, as in
    `tg.optim.Adam(lr=0.01)`, or a schedule of one, which counts steps; or anything with their `init(params)` and
    `update(params, grads, state)`. epochs: how often data is gone through.

    validation: like data; after each epoch its mean loss is taken, the modules in the model being in evaluation mode
    (and then in their own again: a part that is in evaluation while the whole is in training stays so). Of several
    batches each counts by the size of its last array, since the last batch often has fewer examples. accuracy:
    a function like loss, of the validation set (or else of data), for the bar and the history. patience: stop after so
    many epochs without a smaller validation loss, and give the model of the best epoch. checkpoint: a path (.npz) that
    is written after each epoch; resume=True goes on from it, if it is there, as if nothing had happened: it has the
    optimiser's state, the modules' buffers, and the generators of data and modules. compile: the step as one program;
    running statistics go in and come out of it, and what dropout drops is drawn outside. progress: a bar; None for one
    where the output is a terminal and rich is installed.

    Ctrl-C ends it with what it has. FloatingPointError if the loss is no longer finite: it says at which step, and
    which value was the first.

    >>> import numpy as np, tinygrad_lite as tg
    >>> X = np.linspace(-1, 1, 20)
    >>> def loss(params, X, Y):
    ...     return np.mean((params["w"] * X + params["b"] - Y) ** 2)
    >>> data = tg.data.batches(X, 3 * X - 1, batch_size=5, rng=np.random.default_rng(0))
    >>> history = tg.fit({"w": np.array(0.0), "b": np.array(0.0)}, data, loss, tg.optim.SGD(lr=0.1), epochs=100)
    >>> history
    History(100 epochs, 400 steps, loss ..., stopped by epochs)
    >>> {name: round(float(value), 3) for name, value in history.model.items()}
    {'w': 3.0, 'b': -1.0}
    """
    if not isinstance(epochs, (int, np.integer)) or epochs < 0:
        raise ValueError(f"fit: epochs is {epochs!r}; it is how often data is gone through, a whole number")
    if patience is not None and validation is None:
        raise ValueError("fit: patience looks at the validation loss; give validation=(X, Y)")
    split = _Split(model)
    _check_optimizer(optimizer, split)
    step = _Step(split, loss, optimizer, compile)
    params, buffers = split.params(), split.buffers()
    history = History(model, optimizer.init(params))
    best, best_loss, waited = (params, buffers), np.inf, 0
    if resume and checkpoint is None:
        raise ValueError("fit: resume=True goes on from a checkpoint; give checkpoint=, a path")
    if resume and checkpoint is not None and os.path.exists(checkpoint):
        saved = _load_checkpoint(checkpoint, split, data, history.state)
        (params, buffers), best = saved["now"], saved["best"]
        best_loss, waited = saved["best_loss"], saved["waited"]
        for name, value in saved["history"].items():
            setattr(history, name, value)
    _start_training(model)
    try:
        # What is not finite is explained below; NumPy need not warn on the way there.
        quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")
        with _progress_bar(progress, epochs, data) as show, quiet:
            while len(history.loss) < epochs and history.stopped != "patience":
                losses = []
                for batch in _batches(data, len(history.loss)):
                    value, params, buffers, history.state = step(params, buffers, history, batch)
                    history.steps += 1
                    losses.append(_one_number(value, "the loss"))
                    show(history, losses)
                split.put(params, buffers)
                measured = _evaluate(split, loss, accuracy, params, validation, data, len(history.loss))
                # All at once, so that an interruption leaves as many of each.
                history.loss.append(float(np.mean(losses)))
                for name, value in measured.items():
                    getattr(history, name).append(value)
                show(history, [])
                now = (history.validation_loss or history.loss)[-1]
                if now < best_loss:
                    best, best_loss, waited = (params, buffers), now, 0
                else:
                    waited += 1
                if patience is not None and waited >= patience:
                    history.stopped = "patience"
                if checkpoint is not None:
                    parts = {"now": (params, buffers), "best": best, "best_loss": float(best_loss), "waited": waited}
                    generators = split.generators(data)
                    save(checkpoint, {**parts, "history": _without_model(history), "generators": generators})
    except KeyboardInterrupt:
        history.stopped = "interrupted"
    finally:
        if history.stopped == "patience":
            params, buffers = best
        split.put(params, buffers)
        history.model = split.model(params)
    return history


class _Split:
    """A model as its trainable arrays, by their paths, and the rest."""

    def __init__(self, model: Any) -> None:
        self.original = model
        leaves = self.leaves()
        self.paths = tree.paths(model, "model")
        self.trained = [i for i, x in enumerate(leaves) if _is_trained(x)]
        if not self.trained:
            raise ValueError(
                f"fit: {type(model).__name__} has no float arrays, or Tensors with requires_grad, to train"
            )
        places: dict[int, str] = {}
        for i in self.trained:
            first = places.setdefault(id(leaves[i]), self.paths[i])
            if first != self.paths[i] and type(leaves[i]) is Tensor:
                raise ValueError(
                    f"fit: {self.paths[i]} is {first} again, and each would be trained for itself; hold it once, or "
                    "both in one module, where it stays one"
                )
        for i, x in enumerate(leaves):
            if self.paths[i].endswith("]") and _is_number_to_be_missed(x):
                warn(f"fit: {self.paths[i]} is {_describe(x)}, and is not trained; give a float array, if it is to be")

    def leaves(self) -> list[Any]:
        """The model's leaves; of modules, whose trees are of arrays, the Tensors that hold them."""
        leaves = tree.flatten(self.original)[0]
        modules = _find_parts(self.original, "named_parameters")
        tensors = {id(t._array): t for module in modules for _, t in module.named_parameters()}
        return [tensors.get(id(x), x) for x in leaves]

    def params(self) -> Params:
        """The trainable arrays as they are now."""
        leaves = self.leaves()
        return {self.paths[i]: leaves[i]._array if type(leaves[i]) is Tensor else leaves[i] for i in self.trained}

    def join(self, params: Params) -> Any:
        """The model with these in place of its own."""
        leaves, structure = tree.flatten(self.original)  # anew: evaluation mode is part of the structure
        for i in self.trained:
            leaves[i] = params[self.paths[i]]
        return tree.unflatten(structure, leaves)

    def buffers(self) -> list[Any]:
        """The numbers of its modules' buffers."""
        return [np.array(t._array) for t in self._buffers()]

    def put(self, params: Params, buffers: Sequence[Any]) -> None:
        """Give the model's own Tensors these numbers."""
        leaves = self.leaves()
        for i in self.trained:
            if type(leaves[i]) is Tensor:
                leaves[i].data = params[self.paths[i]]
        for t, x in zip(self._buffers(), buffers, strict=True):
            t.data = x

    def replacing_buffers(self, buffers: Sequence[Any]) -> Any:
        """Context manager: what is read and written in the body is these, not the buffers themselves."""
        return replacing_buffers(dict(zip(self._buffers(), buffers, strict=True)))

    def _buffers(self) -> list[Tensor]:
        return list(dict.fromkeys(find_buffers(tree.flatten(self.original)[1])))

    def generators(self, data: Any) -> list[np.random.Generator]:
        """Those that the batches and the model's modules draw from."""
        settings = [data.rng if isinstance(data, Batches) else None, *find_settings(tree.flatten(self.original)[1])]
        return [x for x in settings if isinstance(x, np.random.Generator)]

    def model(self, params: Params) -> Any:
        """What the user gets: their own model if it holds Tensors, else a new one."""
        leaves = self.leaves()
        return self.original if all(type(leaves[i]) is Tensor for i in self.trained) else self.join(params)


def _is_trained(x: Any) -> bool:
    if type(x) is Tensor:
        return x.requires_grad and x._op is None
    return isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind == "f"


def _is_number_to_be_missed(x: Any) -> bool:
    """Whether a user may think that it is trained: b = 0, or W = np.array([[1, 2]])."""
    return type(x) in (int, float) or (isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind in "iu")


def _apply(function: Callable[..., Any], model: Any, batch: tuple[Any, ...]) -> Any:
    """function(model, *batch), or function(model(X), Y)."""
    if callable(model) and _count_needed(function) <= len(batch):
        *inputs, target = batch
        return function(model(*inputs), target)
    return function(model, *batch)


def _count_needed(function: Callable[..., Any]) -> int:
    """How many positional arguments it cannot do without."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    given = inspect.signature(function).parameters.values()
    return sum(p.kind in kinds and p.default is inspect.Parameter.empty for p in given)


def _check_optimizer(optimizer: Any, split: _Split) -> None:
    """ValueError if it was made for some of the parameters, or for groups of them: here it moves all alike; or if it
    has a schedule, which nobody would step. TypeError if it is a class."""
    if isinstance(optimizer, type):
        raise TypeError(f"fit: optimizer is the class {optimizer.__name__}; give one of it, {optimizer.__name__}(lr=…)")
    groups = getattr(getattr(optimizer, "optimizer", optimizer), "param_groups", [])
    if isinstance(optimizer, Optimizer) and any("initial_lr" in group for group in groups):
        raise ValueError(
            "fit: this optimizer has a schedule, of which fit knows nothing; give the schedule in its place, as in "
            "tg.fit(model, data, loss, schedule, epochs), and it counts steps"
        )
    if len(groups) > 1:
        raise ValueError("fit: it gives every parameter the same hyperparameters; this optimizer has several groups")
    known = {id(t) for group in groups for t in group["params"]}
    leaves = split.leaves()
    for i in split.trained if known else ():
        if id(leaves[i]) not in known:
            name = getattr(leaves[i], "name", None) or split.paths[i]
            raise ValueError(f"fit: the optimizer has no {name}, which the model has; give it all or no parameters")


class _Step:
    """One step: (loss, params, buffers, state) from (params, buffers, state, batch). Compiled, it takes the masks of
    dropout as well, which are drawn before."""

    def __init__(self, split: _Split, loss: Callable[..., Any], optimizer: Any, compile: bool) -> None:
        self.split, self.loss = split, loss
        self.masks: dict[Any, list[Request]] = {}  # that are needed, by the shapes of a batch
        self.ranges: dict[int, tuple[Any, Any]] = {}  # in which the numbers of each array of a batch have lain

        def run(params: Params, buffers: list[Any], state: Any, masks: list[Any] | None, batch: tuple[Any, ...]) -> Any:
            (value, buffers), grads = value_and_grad(self.apply, has_aux=True)(params, buffers, masks, batch)
            params, state = optimizer.update(params, grads, state)
            return value, params, buffers, state

        self.run = compile_function(run) if compile else run
        self.is_compiled = compile

    def __call__(self, params: Params, buffers: list[Any], history: History, batch: tuple[Any, ...]) -> Any:
        masks = self.draw_masks(params, buffers, batch) if self.is_compiled else None
        try:
            result = self.run(params, buffers, history.state, masks, batch)
        except (TraceError, RuntimeError) as error:
            if not self.is_compiled:
                raise
            raise type(error)(f"{error}\nfit: or say compile=False, and the step runs as it is written") from error
        value, params_after, buffers_after, state = result
        if not np.all(np.isfinite(value)):
            self.explain_infinite(params, buffers, masks, batch, history.steps + 1, value)
        return value, params_after, [np.asarray(x) for x in buffers_after], state

    def apply(self, params: Params, buffers: list[Any], masks: list[Any] | None, batch: tuple[Any, ...]) -> Any:
        """(loss, buffers after it), as a pure function, but for what is drawn where there are no masks."""
        model = self.split.join(params)
        with self.split.replacing_buffers(buffers) as values, nullcontext() if masks is None else giving_masks(masks):
            value = _apply(self.loss, model, batch)
            return value, list(values.values())

    def draw_masks(self, params: Params, buffers: list[Any], batch: tuple[Any, ...]) -> list[Any]:
        """The masks that dropout needs in this step, drawn in the order in which they are used.

        The function runs as it is written to say which; and where numbers lie beyond those before, to say whether
        labels are classes, or indices rows: a program does not look.
        """
        kind = tuple((x.shape, x.dtype) for x in batch)
        if self.widen_ranges(batch) or kind not in self.masks:
            with asking_for_masks() as requests, no_grad():
                self.apply(params, buffers, None, batch)
            self.masks[kind] = requests
        return [request.draw() for request in self.masks[kind]]

    def widen_ranges(self, batch: tuple[Any, ...]) -> bool:
        """Whether whole numbers, or labels, lie beyond those of the batches before."""
        is_new = False
        for i, x in enumerate(batch):
            if x.size and (x.dtype.kind in "iu" or (i == len(batch) - 1 and x.dtype.kind == "f")):
                low, high = np.min(_number(x)), np.max(_number(x))
                least, most = self.ranges.setdefault(i, (low, high))
                is_new = is_new or not (low >= least and high <= most)
                self.ranges[i] = min(low, least), max(high, most)
        return is_new

    def explain_infinite(
        self, params: Params, buffers: list[Any], masks: Any, batch: tuple[Any, ...], number: int, value: Any
    ) -> None:
        """FloatingPointError that names the first value that is not finite."""
        start = f"fit: at step {number} the loss is {_one_number(value, 'the loss')}"
        named = [*params.items(), *((f"array {i} of the batch", x) for i, x in enumerate(batch))]
        for name, x in named:
            if hasattr(x, "dtype") and x.dtype.kind in "fc" and not np.isfinite(_number(x)).all():
                more = "; a smaller learning rate, or clipped gradients, may help" if name in params else ""
                raise FloatingPointError(f"{start}: {name} was not finite before it{more}")
        try:
            with debug():
                value_and_grad(self.apply, has_aux=True)(params, buffers, masks, batch)
        except FloatingPointError as error:
            raise FloatingPointError(f"{start}: {error}") from None
        raise FloatingPointError(f"{start}, though run as it is written it is finite")


def _evaluate(
    split: _Split, loss: Any, accuracy: Any, params: Params, validation: Any, data: Any, epoch: int
) -> dict[str, float]:
    """The validation loss and the accuracy, those of them that are wanted, under the names that a history has: means
    over the examples, of which the last batch often has fewer."""
    if validation is None and accuracy is None:
        return {}
    shown = data if validation is None else validation
    judges = {"the loss": loss, "accuracy": accuracy}
    rows, sizes = [], []
    with _evaluating(split.original):
        model = split.join(params)
        for batch in _in_order(shown, epoch):
            rows.append([_one_number(_apply(f, model, batch), name) for name, f in judges.items() if f is not None])
            sizes.append(np.size(batch[-1]))
    means = [float(mean) for mean in np.average(rows, axis=0, weights=sizes)]
    measured = {} if validation is None else {"validation_loss": means[0]}
    return measured if accuracy is None else {**measured, "accuracy": means[-1]}


def _number(x: Any) -> Any:
    return x.numpy() if isinstance(x, Tensor) else x


def _one_number(x: Any, what: str) -> float:
    x = _number(x)
    if np.size(x) != 1:
        raise ValueError(f"fit: {what} is an array of shape {np.shape(x)}; it must be one number: np.mean of that, say")
    return float(np.reshape(x, ()))


def _in_order(data: Any, epoch: int) -> Iterable[tuple[Any, ...]]:
    """The batches in the order of the examples: looking at them must not draw from the generator."""
    if isinstance(data, Batches):
        data = Batches(data.arrays, data.batch_size, None, False, False, data.axis)
    return _batches(data, epoch)


def _batches(data: Any, epoch: int) -> Iterator[tuple[Any, ...]]:
    if _is_one_batch(data):
        data = [data]
    elif hasattr(data, "dtype"):
        raise TypeError(
            f"fit: data, or validation, is an array {data.shape}, whose rows would be the batches; for one batch give "
            "a tuple, (X,), for several tg.data.batches(X, batch_size=…)"
        )
    empty = True
    for batch in data:
        empty = False
        yield batch if isinstance(batch, tuple) else (batch,)
    if empty:
        raise ValueError(
            f"fit: data gave no batch in epoch {epoch + 1}; a generator can be gone through once only: give a list, or "
            "tg.data.batches(...)"
        )


def _is_one_batch(data: Any) -> bool:
    return isinstance(data, tuple) and all(hasattr(x, "shape") for x in data)


def _find_parts(model: Any, *methods: str) -> list[Any]:
    """What in a model has these methods: a module, or several in a dict, a list or a dataclass."""
    if all(callable(getattr(model, name, None)) for name in methods):
        return [model]
    return [part for child in tree.children(model) for part in _find_parts(child, *methods)]


def _modes(models: list[Any]) -> list[tuple[Module, bool]]:
    return [(part, part.training) for each in models if isinstance(each, Module) for part in each.modules()]


def _start_training(model: Any) -> None:
    """Training mode; but where a whole module is in it, parts that are kept in evaluation stay there."""
    models = _find_parts(model, "train", "eval")
    for each in models:
        if not (isinstance(each, Module) and each.training):
            each.train()
    _set_modes(_modes(models))  # as attributes of each, which the first program then has, too


def _set_modes(modes: list[tuple[Module, bool]]) -> None:
    for part, training in modes:
        part.training = training


@contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    """In the body, evaluation mode; then every module is in its own again."""
    models = _find_parts(model, "train", "eval")
    before = _modes(models)
    for each in models:
        each.eval()
    try:
        yield
    finally:
        for each in models:
            each.train()
        _set_modes(before)


# -- checkpoints -------------------------------------------------------------------------------------------------------


def _without_model(history: History) -> dict[str, Any]:
    return {name: value for name, value in vars(history).items() if name != "model"}


def _load_checkpoint(path: str | os.PathLike[str], split: _Split, data: Any, state: Any) -> dict[str, Any]:
    """What a checkpoint has, the generators set to where they were. ValueError if it is of something else.

    state: of the optimiser, at its start.
    """
    saved: dict[str, Any] = load(path)
    if not isinstance(saved, dict) or "now" not in saved:
        raise ValueError(f"fit: {os.fspath(path)} is no checkpoint of tg.fit")
    other = f"fit: {os.fspath(path)} is of another model"
    params, (saved_params, saved_buffers) = split.params(), saved["now"]
    if list(saved_params) != list(params):
        different = set(saved_params) ^ set(params)
        raise ValueError(f"{other}: {min(different, default='its order')} differs")
    names = [f"buffer {i}" for i in range(max(len(split.buffers()), len(saved_buffers)))]
    mine = {**params, **dict(zip(names, split.buffers(), strict=False))}
    theirs = {**saved_params, **dict(zip(names, saved_buffers, strict=False))}
    for name in [*params, *names]:
        there, here = (_describe(each.get(name)) for each in (theirs, mine))
        if there != here:
            raise ValueError(f"{other}: {name} is {there} there, {here} here")
    differing = set(tree.paths(saved["history"]["state"], "state")) ^ set(tree.paths(state, "state"))
    if differing:
        raise ValueError(
            f"fit: {os.fspath(path)} was written with another optimizer: {min(differing)} differs; go on with that one"
        )
    generators = split.generators(data)
    if len(generators) != len(saved["generators"]):
        raise ValueError(f"{other}: it has {len(saved['generators'])} random generators, here are {len(generators)}")
    for rng, found in zip(generators, saved["generators"], strict=True):
        rng.bit_generator.state = found.bit_generator.state
    return saved


def _describe(x: Any) -> str:
    if x is None:
        return "missing"
    return f"the number {x}" if type(x) in (int, float) else f"{x.dtype} {x.shape}"


# -- the bar -----------------------------------------------------------------------------------------------------------

Show = Callable[[History, list[float]], None]


@contextmanager
def _progress_bar(wanted: bool | None, epochs: int, data: Any) -> Iterator[Show]:
    if wanted is None:
        wanted = sys.stdout.isatty()
        quiet = True
    else:
        quiet = False
    try:
        if not wanted:
            raise ModuleNotFoundError
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    except ModuleNotFoundError:
        if wanted and not quiet:
            raise ModuleNotFoundError("the bar needs rich: pip install 'tinygrad_lite[progress]'") from None
        yield lambda history, losses: None
        return
    known = len(data) if hasattr(data, "__len__") and not _is_one_batch(data) else None
    console = Console()  # one that has the width of now
    is_wide = console.width >= 80
    done, note, left = MofNCompleteColumn(), TextColumn("{task.fields[note]}"), TimeRemainingColumn()
    columns = (BarColumn(30), done, note, left) if is_wide else (BarColumn(6), done, note)
    shown = 0.0

    def show(history: History, losses: list[float]) -> None:
        nonlocal shown
        now = time.monotonic()
        # By time, not by steps: a step may take a microsecond or a minute.
        if now - shown < _REFRESH and len(history.loss) < epochs:
            return
        shown = now
        # Of an iterator how many batches it gives is known from the epochs before.
        before = len(history.loss)
        per_epoch = known or (before and (history.steps - len(losses)) / before) or np.inf
        loss = losses[-1] if losses else history.loss[-1]
        note = f"epochs  loss {loss:.4g}" if is_wide else f"loss {loss:.4g}"
        if history.accuracy and is_wide:
            note += f"  accuracy {history.accuracy[-1]:.4g}"
        bar.update(task, completed=round(before + min(len(losses) / per_epoch, 1), 2), note=note)

    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=epochs, note="")
        yield show
