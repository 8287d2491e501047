"""`fit`: a training loop for those who do not want to write their own.

It is short on purpose: one step (`_make_step`) that is compiled as a whole, and one loop over epochs (`fit`).
"""

from __future__ import annotations

import inspect
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import tree
from .compile import compile as compile_function
from .data import Batches
from .debug import debug
from .io import load, save
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

    model: any tree of float arrays or Tensors. Arrays are not changed: the trained ones are in `history.model`; leaf
    Tensors that require a gradient are given the new numbers as well. data: `tg.data.batches(...)`, or anything that
    gives tuples of arrays each time it is iterated over; a tuple of arrays is one batch. loss: loss(model, *batch) ->
    a number; or, where the model can be called, loss(model(X), Y) with Y the batch's last array (that is what is done
    if loss needs no more arguments than a batch has arrays). optimizer: from `tg.optim`, as in
    `tg.optim.Adam(lr=0.01)`, or anything with its `init(params)` and `update(params, grads, state)`. epochs: how often
    data is gone through.

    validation: like data; after each epoch its mean loss is taken, in evaluation mode if the model has one. accuracy:
    a function like loss, of the validation set (or else of data), for the bar and the history. patience: stop after so
    many epochs without a smaller validation loss, and give the model of the best epoch. checkpoint: a path (.npz) that
    is written after each epoch; resume=True goes on from it, if it is there, as if nothing had happened. compile: the
    step as one program. progress: a bar; None for one where the output is a terminal and rich is installed.

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
    if patience is not None and validation is None:
        raise ValueError("fit: patience looks at the validation loss; give validation=(X, Y)")
    split = _Split(model)
    _check_optimizer(optimizer, split)
    step = _make_step(split, loss, optimizer, compile)
    params = split.params()
    history = History(model, optimizer.init(params))
    best, best_loss, waited = params, np.inf, 0
    if resume and checkpoint is None:
        raise ValueError("fit: resume=True goes on from a checkpoint; give checkpoint=, a path")
    if resume and checkpoint is not None and os.path.exists(checkpoint):
        saved = _load_checkpoint(checkpoint, params, data)
        params, best, best_loss, waited = saved["params"], saved["best"], saved["best_loss"], saved["waited"]
        for name, value in saved["history"].items():
            setattr(history, name, value)
    try:
        # What is not finite is explained below; NumPy need not warn on the way there.
        quiet = np.errstate(over="ignore", invalid="ignore", divide="ignore")
        with _progress_bar(progress, epochs, data) as show, quiet:
            while len(history.loss) < epochs and history.stopped != "patience":
                _set_mode(model, training=True)
                losses = []
                for batch in _batches(data, len(history.loss)):
                    result = step(params, history.state, batch)
                    if not np.isfinite(result[0]):
                        _explain_infinite(split, loss, params, batch, history.steps + 1, result[0])
                    value, params, history.state = result
                    history.steps += 1
                    losses.append(float(value))
                    show(history, losses)
                history.loss.append(float(np.mean(losses)))
                split.put(params)
                _evaluate(split, loss, accuracy, params, validation, data, history)
                now = (history.validation_loss or history.loss)[-1]
                if now < best_loss:
                    best, best_loss, waited = params, now, 0
                else:
                    waited += 1
                if patience is not None and waited >= patience:
                    history.stopped = "patience"
                if checkpoint is not None:
                    parts = {"params": params, "best": best, "best_loss": float(best_loss), "waited": waited}
                    save(checkpoint, {**parts, "history": _without_model(history), "rng": _generator(data)})
    except KeyboardInterrupt:
        history.stopped = "interrupted"
    finally:
        _set_mode(model, training=True)
        split.put(best if history.stopped == "patience" else params)
        history.model = split.model(best if history.stopped == "patience" else params)
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

    def leaves(self) -> list[Any]:
        """The model's leaves; of a module, whose tree is of arrays, the Tensors that hold them."""
        leaves = tree.flatten(self.original)[0]
        if not hasattr(self.original, "named_parameters"):
            return leaves
        tensors = {id(t._array): t for _, t in self.original.named_parameters()}
        return [tensors.get(id(x), x) for x in leaves]

    def params(self) -> Params:
        """The trainable arrays as they are now."""
        leaves = self.leaves()
        return {self.paths[i]: leaves[i].numpy() if type(leaves[i]) is Tensor else leaves[i] for i in self.trained}

    def join(self, params: Params) -> Any:
        """The model with these in place of its own."""
        leaves, structure = tree.flatten(self.original)  # anew: evaluation mode is part of the structure
        for i in self.trained:
            leaves[i] = params[self.paths[i]]
        return tree.unflatten(structure, leaves)

    def put(self, params: Params) -> None:
        """Give the model's own Tensors these numbers."""
        leaves = self.leaves()
        for i in self.trained:
            if type(leaves[i]) is Tensor:
                leaves[i].data = params[self.paths[i]]

    def model(self, params: Params) -> Any:
        """What the user gets: their own model if it holds Tensors, else a new one."""
        leaves = self.leaves()
        return self.original if all(type(leaves[i]) is Tensor for i in self.trained) else self.join(params)


def _is_trained(x: Any) -> bool:
    if type(x) is Tensor:
        return x.requires_grad and x._op is None
    return isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind == "f"


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
    """ValueError if it was made for some of the parameters, or for groups of them: here it moves all alike."""
    groups = getattr(optimizer, "param_groups", [])
    if len(groups) > 1:
        raise ValueError("fit: it gives every parameter the same hyperparameters; this optimizer has several groups")
    known = {id(t) for group in groups for t in group["params"]}
    leaves = split.leaves()
    for i in split.trained if known else ():
        if id(leaves[i]) not in known:
            name = getattr(leaves[i], "name", None) or split.paths[i]
            raise ValueError(f"fit: the optimizer has no {name}, which the model has; give it all or no parameters")


def _make_step(split: _Split, loss: Callable[..., Any], optimizer: Any, compile: bool) -> Callable[..., Any]:
    def step(params: Params, state: Any, batch: tuple[Any, ...]) -> tuple[Any, Params, Any]:
        value, grads = value_and_grad(lambda p: _apply(loss, split.join(p), batch))(params)
        params, state = optimizer.update(params, grads, state)
        return value, params, state

    if not compile:
        return step
    compiled = compile_function(step)

    def run(params: Params, state: Any, batch: tuple[Any, ...]) -> Any:
        try:
            return compiled(params, state, batch)
        except (TraceError, RuntimeError) as error:
            raise type(error)(f"{error}\nfit: or say compile=False, and the step runs as it is written") from error

    return run


def _evaluate(
    split: _Split, loss: Any, accuracy: Any, params: Params, validation: Any, data: Any, history: History
) -> None:
    if validation is None and accuracy is None:
        return
    _set_mode(split.original, training=False)
    model = split.join(params)
    shown = data if validation is None else validation
    rows = [
        [float(_number(_apply(f, model, batch))) for f in (loss, accuracy) if f is not None]
        for batch in _in_order(shown, len(history.loss) - 1)
    ]
    means = np.mean(rows, axis=0)
    if validation is not None:
        history.validation_loss.append(float(means[0]))
    if accuracy is not None:
        history.accuracy.append(float(means[-1]))


def _number(x: Any) -> Any:
    return x.numpy() if isinstance(x, Tensor) else x


def _in_order(data: Any, epoch: int) -> Iterable[tuple[Any, ...]]:
    """The batches in the order of the examples: looking at them must not draw from the generator."""
    if isinstance(data, Batches):
        data = Batches(data.arrays, data.batch_size, None, False, False, data.axis)
    return _batches(data, epoch)


def _batches(data: Any, epoch: int) -> Iterator[tuple[Any, ...]]:
    if isinstance(data, tuple) and all(hasattr(x, "shape") for x in data):
        data = [data]
    empty = True
    for batch in data:
        empty = False
        yield batch if isinstance(batch, tuple) else (batch,)
    if empty:
        raise ValueError(
            f"fit: data gave no batch in epoch {epoch + 1}; a generator can be gone through once only: give a list, or "
            "tg.data.batches(...)"
        )


def _set_mode(model: Any, training: bool) -> None:
    """Training or evaluation mode, of a model that has them."""
    if callable(getattr(model, "train", None)) and callable(getattr(model, "eval", None)):
        if training:
            model.train()
        else:
            model.eval()


def _explain_infinite(
    split: _Split, loss: Any, params: Params, batch: tuple[Any, ...], number: int, value: Any
) -> None:
    """FloatingPointError that names the first value that is not finite."""
    start = f"fit: at step {number} the loss is {float(value)}"
    named = [*params.items(), *((f"array {i} of the batch", x) for i, x in enumerate(batch))]
    for name, x in named:
        if hasattr(x, "dtype") and x.dtype.kind in "fc" and not np.isfinite(_number(x)).all():
            more = "; a smaller learning rate, or clipped gradients, may help" if name in params else ""
            raise FloatingPointError(f"{start}: {name} was not finite before it{more}")
    try:
        with debug():
            value_and_grad(lambda p: _apply(loss, split.join(p), batch))(params)
    except FloatingPointError as error:
        raise FloatingPointError(f"{start}: {error}") from None
    raise FloatingPointError(f"{start}, though run as it is written it is finite")


# -- checkpoints -------------------------------------------------------------------------------------------------------


def _without_model(history: History) -> dict[str, Any]:
    return {name: value for name, value in vars(history).items() if name != "model"}


def _generator(data: Any) -> Any:
    return data.rng if isinstance(data, Batches) else None


def _load_checkpoint(path: str | os.PathLike[str], params: Params, data: Any) -> dict[str, Any]:
    saved: dict[str, Any] = load(path)
    if not isinstance(saved, dict) or "params" not in saved:
        raise ValueError(f"fit: {os.fspath(path)} is no checkpoint of tg.fit")
    if list(saved["params"]) != list(params):
        different = set(saved["params"]) ^ set(params)
        raise ValueError(f"fit: {os.fspath(path)} is of another model: {min(different, default='its order')} differs")
    for name, x in params.items():
        theirs = saved["params"][name]
        if (theirs.shape, theirs.dtype) != (x.shape, x.dtype):
            raise ValueError(
                f"fit: {os.fspath(path)} is of another model: {name} is {theirs.dtype} {theirs.shape} there, "
                f"{x.dtype} {x.shape} here"
            )
    rng = _generator(data)
    if rng is not None and saved["rng"] is not None:
        rng.bit_generator.state = saved["rng"].bit_generator.state
    return saved


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
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    except ModuleNotFoundError:
        if wanted and not quiet:
            raise ModuleNotFoundError("the bar needs rich: pip install tinygrad_lite[progress]") from None
        yield lambda history, losses: None
        return
    per_epoch = len(data) if isinstance(data, Batches) else 1
    columns = (BarColumn(30), MofNCompleteColumn(), TextColumn("epochs  {task.fields[note]}"), TimeRemainingColumn())
    shown = 0.0

    def show(history: History, losses: list[float]) -> None:
        nonlocal shown
        now = time.monotonic()
        last = len(history.loss) + 1 == epochs and len(losses) == per_epoch
        if now - shown < _REFRESH and not last:  # by time, not by steps: a step may take a microsecond or a minute
            return
        shown = now
        note = f"loss {losses[-1]:.4g}" + (f"  accuracy {history.accuracy[-1]:.4g}" if history.accuracy else "")
        bar.update(task, completed=round(len(history.loss) + len(losses) / per_epoch, 2), note=note)

    with Progress(*columns) as bar:
        task = bar.add_task("", total=epochs, note="")
        yield show
