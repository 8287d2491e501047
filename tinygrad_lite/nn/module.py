"""Module: a tree of parameters, buffers, settings and other modules, which can be called.

Parameters are leaf Tensors, so that `loss.backward()` fills their `.grad`. To a transform and to `compile` a module is
a tree of its parameters' arrays: `tg.grad(loss)(net, x)` returns a module of the same structure that holds gradients.
Buffers (running statistics), frozen parameters and settings are the structure's, shared by all modules made from it:
they are neither differentiated nor changed by an optimiser.
"""

from __future__ import annotations

import html
import sys
from collections.abc import Callable, Container, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Self

import numpy as np

from .. import tree
from ..alike import make_alike
from ..batched import as_array
from ..containers import make_object, open_container
from ..context import current
from ..foreign import is_foreign, to_numpy
from ..keywords import explain_constructor, explains_keywords
from ..marks import replaced
from ..pytorch_names import MODULE, explain_missing
from ..tensor import GRAD, LIFTED, TRACED, Tensor, TraceError, leaf, next_seq

_collected: ContextVar[_Collected | None] = ContextVar("collected", default=None)


class _Collected(dict[Tensor, Any]):
    """What buffers hold while they are replaced. watcher: that of the trace in which they were."""

    watcher: Any = None


class Module:
    """What layers and models derive from: assign parameters and sub-modules as attributes, and define `forward`.

    An attribute that is a float array or a Tensor is a parameter, and so are those in lists, tuples and dicts; a Module
    is a sub-module, and so are those in lists, tuples and dicts; an array of whole numbers or flags, and what
    `register_buffer` makes, is a buffer; everything else is a setting. TypeError for modules in other containers, where
    they would not be found. There is no `super().__init__()` to forget.

    >>> import numpy as np, tinygrad_lite as tg
    >>> class Line(tg.nn.Module):
    ...     def __init__(self):
    ...         self.slope = np.array([2.0])
    ...     def forward(self, x):
    ...         return self.slope * x
    >>> net = Line()
    >>> np.sum(net(np.array([1.0, 3.0]))).backward()
    >>> net.slope.grad
    array([4.])
    >>> tg.grad(lambda net, x: np.sum(net(x)))(net, np.array([1.0, 3.0])).slope
    Tensor([4.], name='slope')
    """

    # The paths, inside this module, of the parameters that a transform or an update has put there: Tensors without a
    # mark, which are not frozen. (A slot, since it is no attribute: it is neither saved nor compared.)
    __slots__ = ("__dict__", "__weakref__", "_unmarked")

    training: bool = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        explain_constructor(cls)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes: to be defined by each class; `module(x)` calls it."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(self, x)")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._own_buffers():
            write_buffer(self._own_buffers()[name], value)
            return
        old = vars(self).get(name)
        if isinstance(old, Tensor) and old.requires_grad and old._op is None and _is_computed(value):
            raise TypeError(
                f"{type(self).__name__}.{name} is a parameter; what was computed cannot take its place. "
                f"Write .{name}.data = …, with an array, or .{name}.data -= step"
            )
        if _hides_parts(value):
            raise TypeError(
                f"{type(self).__name__}.{name}: parts are not found in a {type(value).__name__}, and would be neither "
                "trained nor saved; hold them in a list, a tuple or a dict"
            )
        if isinstance(value, np.ndarray) and value.dtype.kind in "iub":
            if _is_trained(old):
                raise TypeError(
                    f"{type(self).__name__}.{name} is trained, and an array of {value.dtype} would not be; give it "
                    ".astype(float), or another name"
                )
            self.register_buffer(name, value)
        else:
            super().__setattr__(name, _as_parameters(value, name))
            if old is not value and is_part(old) and is_part(value):
                _note_replaced(old, getattr(self, name))
            unmarked = _find_unmarked(self)
            if unmarked:
                object.__setattr__(self, "_unmarked", frozenset(p for p in unmarked if p.partition(".")[0] != name))

    def __getattr__(self, name: str) -> Any:
        """A buffer (asked for when there is no attribute): what it holds, which in a program is one of its inputs."""
        buffer = vars(self).get("_buffers", {}).get(name)
        if buffer is None:
            raise AttributeError(explain_missing(type(self).__name__, name, MODULE))
        return (_collected.get() or {}).get(buffer, buffer)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._own_buffers()]

    def register_buffer(self, name: str, value: Any) -> None:
        """Make an attribute of an array that is saved with the parameters, but not trained.

        >>> import numpy as np, tinygrad_lite as tg
        >>> class Counted(tg.nn.Module):
        ...     def __init__(self):
        ...         self.register_buffer("calls", np.array(0))
        ...     def forward(self, x):
        ...         self.calls = self.calls + 1
        ...         return x
        >>> net = Counted()
        >>> net(1.0), net(2.0), net.calls
        (1.0, 2.0, Tensor(2, dtype=int64, name='calls'))
        """
        vars(self).pop(name, None)
        vars(self).setdefault("_buffers", {})[name] = Tensor(value, name=name)

    def _own_buffers(self) -> dict[str, Tensor]:
        own: dict[str, Tensor] = vars(self).get("_buffers", {})
        return own

    # -- what it holds -------------------------------------------------------------------------------------------

    def _own_parts(self) -> Iterator[tuple[str, Any]]:
        """Attributes that are parameters or modules, or hold some; and the buffers."""
        for name, value in vars(self).items():
            if name != "_buffers" and is_part(value):
                yield name, value
        yield from self._own_buffers().items()

    @explains_keywords
    def named_parameters(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """(dotted name, Tensor) of every parameter, in the order of assignment; one that is shared comes once."""
        seen = set()
        for name, value, is_buffer in _walk(self, prefix):
            if not is_buffer and id(value) not in seen:
                seen.add(id(value))
                yield name, value

    @explains_keywords
    def parameters(self) -> Iterator[Tensor]:
        """Every parameter: what an optimiser takes."""
        return (value for _, value in self.named_parameters())

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """(dotted name, Tensor) of every buffer."""
        return ((name, value) for name, value, is_buffer in _walk(self, prefix) if is_buffer)

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """(dotted name, module) of itself, whose name is "", and of every module inside it."""
        return _name_modules(self, "")

    def children(self) -> Iterator[Module]:
        """The modules directly inside it, those in lists and dicts included."""
        return (module for _, part in self._own_parts() for module in _outermost(part))

    def apply(self, f: Callable[[Module], Any]) -> Self:
        """Call f on every module inside it, then on itself: to start weights, say. Returns itself."""
        for module in reversed(list(self.modules())):
            f(module)
        return self

    def modules(self) -> Iterator[Module]:
        """Itself and every module inside it."""
        stack: list[Any] = [self]
        seen = set()
        while stack:
            part = stack.pop()
            if isinstance(part, Module):
                if id(part) in seen:
                    continue
                seen.add(id(part))
                yield part
                stack += [value for _, value in reversed(list(part._own_parts()))]
            else:
                stack += [value for _, value in reversed(_items(part))]

    # -- saving and loading --------------------------------------------------------------------------------------

    @explains_keywords
    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and buffers as arrays of NumPy's, by dotted name.

        >>> import tinygrad_lite as tg
        >>> {name: array.shape for name, array in tg.nn.Linear(3, 2).state_dict().items()}
        {'weight': (2, 3), 'bias': (2,)}
        """
        return {name: to_numpy(_read(value)) for name, value, _ in _walk(self, "")}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> None:
        """Give parameters and buffers the values of a state_dict; they keep their dtypes.

        KeyError if a name is missing or, when strict, nothing here has the name; ValueError if a shape differs;
        TypeError if numbers of that kind cannot be held. The first difference is named, and nothing is changed then.
        """
        here = {name: value for name, value, _ in _walk(self, "")}
        what = f"{type(self).__name__}.load_state_dict"
        if strict:
            for name in here:
                if name not in state:
                    raise KeyError(f"{what}: {name!r} is missing; the state has {_list_names(state)}")
            for name in state:
                if name not in here:
                    raise KeyError(f"{what}: nothing here is called {name!r}; the module has {_list_names(here)}")
        fresh = []
        for name, value in here.items():
            if name not in state:
                continue
            given = state[name]
            array = as_array(_read(given) if isinstance(given, Tensor) else given)
            if array.shape != value.shape:
                raise ValueError(f"{what}: {name!r} has shape {value.shape}, but {array.shape} in the state")
            if not np.can_cast(array.dtype, value.dtype, "same_kind"):
                raise TypeError(f"{what}: {name!r} is {value.dtype} and cannot hold {array.dtype}")
            fresh.append((value, make_alike(array.astype(value.dtype), value)))
        for value, array in fresh:
            value.data = array

    # -- modes ---------------------------------------------------------------------------------------------------

    def train(self, mode: bool = True) -> Self:
        """Switch it, and every module inside, to training: dropout drops, batch statistics are used and kept."""
        for module in self.modules():
            module.training = bool(mode)
        return self

    def eval(self) -> Self:
        """Switch it to evaluation."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Make every parameter one whose gradient is wanted, or frozen: transforms, updates and optimisers leave it as
        it is. Returns itself."""
        if any(
            map(_find_unmarked, self.modules())
        ):  # the arrays of an update may be somebody's; parameters have their own
            for p in self.parameters():
                p._array = _copy(_read(p))
            for module in self.modules():
                object.__setattr__(module, "_unmarked", frozenset())
        for p in self.parameters():
            p.requires_grad = requires_grad
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters; set_to_none=False: make them zeros."""
        for p in self.parameters():
            p.grad = None if set_to_none or p.grad is None else np.zeros_like(p.grad)

    @explains_keywords
    def to(self, dtype: Any) -> Self:
        """Convert all float parameters and buffers, in place. Returns itself."""
        try:
            dtype = np.dtype(dtype)
        except TypeError:
            raise TypeError(f"{type(self).__name__}.to: give a dtype, such as np.float32, not {dtype!r}") from None
        if dtype.kind != "f":
            raise TypeError(f"{type(self).__name__}.to: parameters are float arrays; they cannot be {dtype}")
        for _, t, _ in _walk(self, ""):
            array = _read(t)
            if t.dtype.kind == "f" and t.dtype != dtype:
                t._array, t._seq, t.grad = array.astype(dtype), next_seq(), None
        return self

    def float(self) -> Self:
        """Convert it to float32."""
        return self.to(np.float32)

    def double(self) -> Self:
        """Convert it to float64."""
        return self.to(np.float64)

    # -- how it looks --------------------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        """What `repr` says of this layer's settings."""
        return ""

    def __repr__(self) -> str:
        lines = []
        for name, value in self._own_parts():
            if isinstance(value, Module):
                text = repr(value)
            elif isinstance(value, (Tensor, np.ndarray)):
                kind = "buffer " if name in self._own_buffers() else ""
                is_frozen = type(_without_mark(value, name, _find_unmarked(self), {})) is _Frozen and not kind
                text = f"{kind}{value.shape} {value.dtype}{', frozen' if is_frozen else ''}"
            else:
                text = "\n".join(f"({key}): {part!r}" for key, part in _items(value))
                text = f"{type(value).__name__}\n  " + text.replace("\n", "\n  ")
            lines.append(f"  ({name}): " + text.replace("\n", "\n  "))
        count = sum(p.size for p in self.parameters())
        head = f"{type(self).__name__}({self.extra_repr()})"
        if count:
            head += f"  # {count:,} parameter" + "s" * (count != 1)
        return "\n".join([head, *lines])

    def _repr_html_(self) -> str:
        """For a notebook: a table of its layers with their parameters."""
        rows = []
        for name, module in _name_modules(self, ""):
            own = [(key, value, False) for key, value in vars(module).items() if isinstance(value, Tensor)]
            own += [(key, value, True) for key, value in module._own_buffers().items()]
            shapes = ", ".join(f"{key} {value.shape}" + " (buffer)" * is_buffer for key, value, is_buffer in own)
            count = sum(value.size for _, value, is_buffer in own if not is_buffer)
            kind = f"{type(module).__name__}({module.extra_repr()})"
            cells = name or "(itself)", kind, shapes, f"{count:,}" if count else ""
            rows.append("".join(f"<td>{html.escape(cell)}</td>" for cell in cells))
        total = sum(p.size for p in self.parameters())
        head = "".join(f"<th>{title}</th>" for title in ("", "module", "holds", "parameters"))
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        summary = f"<b>{html.escape(type(self).__name__)}</b>, {total:,} parameters"
        return f"<p>{summary}</p><table><tr>{head}</tr>{body}</table>"


def _outermost(part: Any) -> Iterator[Module]:
    """A module, or those in a list, tuple or dict."""
    if isinstance(part, Module):
        yield part
    else:
        for _, value in _items(part):
            yield from _outermost(value)


def _name_modules(part: Any, prefix: str) -> Iterator[tuple[str, Module]]:
    """(dotted name, module) of every module in a part, itself included."""
    if isinstance(part, Module):
        yield prefix, part
    items = part._own_parts() if isinstance(part, Module) else _items(part)
    for name, value in items:
        yield from _name_modules(value, f"{prefix}.{name}" if prefix else name)


def is_part(value: Any) -> bool:
    """Whether an attribute holds modules, parameters or buffers, and so is no setting; nor is what a call computed."""
    if isinstance(value, Tensor):
        return not _is_computed(value)
    if isinstance(value, (list, tuple, dict)):
        return any(is_part(part) for _, part in _items(value))
    return isinstance(value, (Module, np.ndarray))


def _hides_parts(value: Any) -> bool:
    """Whether it holds modules or parameters, and is a container or a dataclass in which they are not looked for."""
    if isinstance(value, (set, frozenset)):
        return any(map(_is_trained, value))
    if isinstance(value, (list, tuple, dict, Module)):
        return False
    opened = open_container(value)
    if opened is None or (opened[3] is make_object and type(value).__module__ not in sys.stdlib_module_names):
        return False  # an object of the user's may know a module without having it
    return any(map(_is_trained, opened[0]))


def _is_trained(value: Any) -> bool:
    """Whether it is, or holds, a module or a parameter."""
    if isinstance(value, (list, tuple, dict)):
        return any(_is_trained(part) for _, part in _items(value))
    return isinstance(value, Module) or (type(value) is Tensor and bool(value._flags & GRAD))


def _note_replaced(old: Any, new: Any) -> None:
    """Remember the parameters in one part that are not in the other, for an optimiser that may hold them."""
    before, after = ({id(t): t for _, t, is_buffer in _walk_part([part], "") if not is_buffer} for part in (old, new))
    for key in after:  # which may have been put back
        replaced.pop(key, None)
    replaced.update({key: t for key, t in before.items() if key not in after and not t._flags & (LIFTED | TRACED)})


def _is_computed(value: Any) -> bool:
    """Whether it is the result of a computation, outside of transforms (inside, parameters are such, too)."""
    return isinstance(value, Tensor) and value._op is not None and not value._flags & (LIFTED | TRACED)


def _as_parameters(value: Any, name: str) -> Any:
    """Float arrays, also in lists, tuples and dicts, as Tensors that require a gradient."""
    if isinstance(value, np.ndarray):
        return Tensor(value, requires_grad=True, name=name)
    if isinstance(value, (list, tuple, dict)) and is_part(value):
        return _map_parts(lambda part: _as_parameters(part, name), value)
    return value


def _map_parts(f: Any, value: Any) -> Any:
    """f of each part of a list, tuple or dict."""
    return _map_named(lambda _, part: f(part), value)


def _map_named(f: Any, value: Any) -> Any:
    """f of the key and the value of each part of a list, tuple or dict."""
    if type(value) is dict:
        return {key: f(key, part) for key, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)([f(i, part) for i, part in enumerate(value)])
    opened = open_container(value)
    assert opened is not None
    parts, _, meta, make = opened
    keys = value if isinstance(value, dict) else range(len(value))
    return make(meta, [f(key, part) for key, part in zip(keys, parts, strict=True)])


def _items(container: Any) -> list[tuple[str, Any]]:
    if isinstance(container, dict):
        return [(str(key), value) for key, value in container.items()]
    return [(str(i), value) for i, value in enumerate(container)] if isinstance(container, (list, tuple)) else []


def _walk(module: Module, prefix: str) -> Iterator[tuple[str, Any, bool]]:
    """(dotted name, Tensor, whether it is a buffer) of all that is saved."""
    names: set[str] = set()
    try:
        for name, value, is_buffer in _walk_part(module, prefix):
            if name in names:
                raise ValueError(f"{type(module).__name__} has two parts called {name!r}; rename a key or an attribute")
            names.add(name)
            yield name, value, is_buffer
    except RecursionError:
        raise ValueError(f"{type(module).__name__} contains itself, as a part of a part of it") from None


def _walk_part(part: Any, prefix: str) -> Iterator[tuple[str, Any, bool]]:
    buffers: Container[str] = ()
    if isinstance(part, Module):
        items, buffers = list(part._own_parts()), part._own_buffers()
    else:
        items = _items(part)
    for name, value in items:
        path = f"{prefix}.{name}" if prefix else name
        if isinstance(value, Tensor):
            yield path, value, name in buffers
        elif isinstance(value, np.ndarray):
            raise TypeError(f"{path} is a plain array in a list or dict; make it tg.Tensor(array, requires_grad=True)")
        else:
            yield from _walk_part(value, path)


def _list_names(names: Mapping[str, Any]) -> str:
    shown = ", ".join(map(repr, list(names)[:6]))
    return (shown or "nothing") + (", …" if len(names) > 6 else "")


def _read(t: Any) -> Any:
    """A parameter's array, outside of transforms and traces."""
    if t._flags & TRACED:
        raise TraceError(f"the values of {t.name or 'a parameter'} cannot be read while a function is traced")
    return t._array


def _copy(array: Any) -> Any:
    return array.copy() if is_foreign(array) else np.array(array)


# -- buffers -------------------------------------------------------------------------------------------------------


def is_traced(*values: Any) -> bool:
    """Whether a program is being recorded (by compile, derive), whose every call must do the same."""
    mode = current()
    if mode is not None and mode.tracing:
        return True
    return any(isinstance(value, Tensor) and bool(value._flags & TRACED) for value in values)


def read_buffer(buffer: Tensor) -> Any:
    """What a buffer holds: an array, or in a trace the Tensor itself, which is read at every call."""
    collected = _collected.get()
    if collected is not None and buffer in collected:
        return collected[buffer]
    return buffer if is_traced(buffer) else buffer._array


def write_buffer(buffer: Tensor, value: Any) -> None:
    """Give a buffer a new value, without a gradient; under `call_with_buffers` it goes into the result instead."""
    collected = _collected.get()
    mode = current()
    if collected is not None and buffer in collected:
        watcher = getattr(mode, "watcher", None)
        if getattr(watcher, "is_body", False) and watcher is not collected.watcher:
            raise TraceError(
                f"{buffer.name} would be written once, not in every step of a tg.scan, nor in that branch alone of a "
                "tg.cond. Make buffers a part of the carry, and in the step y, buffers = "
                "tg.nn.call_with_buffers(net, buffers, x)"
            )
        collected[buffer] = value
        return
    if mode is not None and mode.runs_again:
        return
    if is_traced(value):
        raise TraceError(
            f"{buffer.name} would be written while tracing only, not at every call. In a compiled function, pass "
            "buffers in and get new ones out: y, buffers = tg.nn.call_with_buffers(net, buffers, x), "
            "and start from tg.nn.buffers(net); or call net.eval()"
        )
    buffer.data = as_array(value._array if isinstance(value, Tensor) else value).astype(buffer.dtype)


def buffers(module: Module) -> dict[str, np.ndarray]:
    """Copies of a module's buffers by dotted name: what `call_with_buffers` starts from.

    >>> import tinygrad_lite as tg
    >>> sorted(tg.nn.buffers(tg.nn.Sequential(tg.nn.BatchNorm1d(2))))
    ['0.num_batches_tracked', '0.running_mean', '0.running_var']
    """
    return {name: _copy(_read(t))[()] for name, t in module.named_buffers()}


def call_with_buffers(module: Module, buffers: Mapping[str, Any], *args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """(output, new buffers): the module called as a pure function of its buffers, as `compile` needs it in training.

    buffers: arrays by dotted name, as `tg.nn.buffers(module)` gives them. The module's own stay as they are;
    `module.load_state_dict(buffers, strict=False)` stores new ones. KeyError for missing or unknown names.

    >>> import numpy as np, tinygrad_lite as tg
    >>> net = tg.nn.BatchNorm1d(2)
    >>> y, new = tg.nn.call_with_buffers(net, tg.nn.buffers(net), np.array([[0.0, 1.0], [2.0, 5.0]]))
    >>> new["running_mean"], net.running_mean
    (array([0.1, 0.3]), Tensor([0., 0.], name='running_mean'))
    """
    named = dict(module.named_buffers())
    if named.keys() != buffers.keys():
        raise KeyError(f"call_with_buffers: the module's buffers are {list(named)}, but {list(buffers)} were given")
    with replacing_buffers({t: buffers[name] for name, t in named.items()}) as values:
        output = module(*args, **kwargs)
    return output, {name: values[t] for name, t in named.items()}


@contextmanager
def replacing_buffers(values: Mapping[Tensor, Any]) -> Iterator[dict[Tensor, Any]]:
    """Run the body on these values of buffers. What it writes goes into the dict; the buffers stay as they are."""
    collected = _Collected({**(_collected.get() or {}), **values})
    collected.watcher = getattr(current(), "watcher", None)
    token = _collected.set(collected)
    try:
        yield collected
    finally:
        _collected.reset(token)


def find_buffers(structure: tree.Structure) -> Iterator[Tensor]:
    """The buffers of every module in a tree, in its order."""
    if isinstance(structure.meta, _Settings):
        yield from structure.meta.buffers.values()
    for child in structure.children:
        yield from find_buffers(child)


def find_settings(structure: tree.Structure) -> Iterator[Any]:
    """The settings of every module in a tree, in its order."""
    if isinstance(structure.meta, _Settings):
        yield from structure.meta.values
    for child in structure.children:
        yield from find_settings(child)


# -- a module is a tree ----------------------------------------------------------------------------------------------


class _Settings:
    """A module's attributes that are no leaves. Equal if they are alike; of buffers only the kind counts."""

    __slots__ = ("buffers", "kind", "names", "ties", "values")

    def __init__(
        self,
        kind: type[Module],
        names: tuple[tuple[str, bool], ...],
        values: list[Any],
        buffers: dict[str, Tensor],
        ties: dict[str, str],
    ) -> None:
        self.kind, self.names, self.values, self.buffers, self.ties = kind, names, values, buffers, ties

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return tuple(self.buffers.values())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Settings):
            return NotImplemented
        if self.kind is not other.kind or self.names != other.names or self.buffers.keys() != other.buffers.keys():
            return False
        mine, theirs = ([*each.values, *each.buffers.values()] for each in (self, other))
        return all(_are_alike(a, b) for a, b in zip(mine, theirs, strict=True))

    def __hash__(self) -> int:
        return hash((self.kind, self.names))


def _are_alike(a: Any, b: Any) -> bool:
    if type(a) is Tensor and type(b) is Tensor:
        return a is b or (a.shape, a.dtype) == (b.shape, b.dtype)
    if isinstance(a, np.random.Generator) and isinstance(b, np.random.Generator):
        return True
    return a is b or (type(a) is type(b) and bool(a == b))


def _flatten(module: Module) -> tuple[list[tuple[str, Any]], _Settings]:
    return _flatten_part(_Part(module, _find_ties(module)))


class _Part:
    """A module inside another. ties: {path: name of the parameter that is held there again}, paths inside of it."""

    def __init__(self, module: Module, ties: dict[str, str]) -> None:
        self.module, self.ties = module, ties


def _flatten_part(part: _Part) -> tuple[list[tuple[str, Any]], _Settings]:
    module, ties = part.module, part.ties
    unmarked = _find_unmarked(module)
    children, names, settings = [], [], []
    for name, value in vars(module).items():
        if name == "_buffers":
            continue
        is_child = is_part(value)
        names.append((name, is_child))
        if is_child:
            children.append((f".{name}", _without_mark(value, name, unmarked, ties)))
        else:
            settings.append(value)
    return children, _Settings(type(module), tuple(names), settings, module._own_buffers(), ties)


def _find_unmarked(module: Module) -> frozenset[str]:
    unmarked: frozenset[str] = getattr(module, "_unmarked", frozenset())
    return unmarked


def _find_ties(module: Module) -> dict[str, str]:
    """{path: path where the same parameter is held first}: a leaf once, so that it has one gradient and one update."""
    held: dict[int, str] = {}
    return {name: held[id(t)] for name, t, _ in _walk(module, "") if held.setdefault(id(t), name) != name}


class _Tied:
    """Stands in a tree where a parameter is held again. (Callable, as what is static in a tree.)"""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self) -> str:
        return self.name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Tied) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"tied to {self.name}"


def _tie(part: Any, found: Mapping[str, Any]) -> Any:
    """A part with the parameters themselves where they are held again."""
    if type(part) is _Tied:
        return found[part.name]
    if isinstance(part, Module):
        for name, value in vars(part).items():
            vars(part)[name] = _tie(value, found)
        return part
    return _map_parts(lambda value: _tie(value, found), part) if isinstance(part, (list, tuple, dict)) else part


def _name_values(part: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of whatever modules and containers hold."""
    items = vars(part).items() if isinstance(part, Module) else _items(part)
    for name, value in items:
        path = f"{prefix}.{name}" if prefix else name
        if isinstance(value, (Module, list, tuple, dict)):
            yield from _name_values(value, path)
        else:
            yield path, value


class _Frozen:
    """A frozen parameter, which is part of a module's structure. (Callable, as what is static in a tree.)"""

    __slots__ = ("tensor",)

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def __call__(self) -> Tensor:
        return self.tensor

    @property
    def tensors(self) -> tuple[Tensor]:
        return (self.tensor,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Frozen) and _are_alike(self.tensor, other.tensor)

    def __hash__(self) -> int:
        return hash(self.tensor.shape)

    def __repr__(self) -> str:
        return f"frozen {self.tensor.name or 'parameter'} {self.tensor.shape}"


def _without_mark(value: Any, path: str, unmarked: Container[str], ties: Mapping[str, str]) -> Any:
    """A parameter as its array: a tensor that was computed, or that a transform lifted, stays what it is."""
    if type(value) is Tensor:
        if path in ties:
            return _Tied(ties[path])
        if value._op is not None or value._flags & ~GRAD or type(value._array) is not np.ndarray:
            return value
        return value._array if value._flags & GRAD or path in unmarked else _Frozen(value)
    if isinstance(value, (list, tuple, dict)):
        return _map_named(lambda key, part: _without_mark(part, f"{path}.{key}", unmarked, ties), value)
    if isinstance(value, Module) and ties:
        inside = {name.removeprefix(f"{path}."): first for name, first in ties.items() if name.startswith(f"{path}.")}
        return _Part(value, inside) if inside else value
    return value


def _rebuild(settings: _Settings, children: list[Any]) -> Module:
    made: Module = _rebuild_part(settings, children)
    if settings.ties:
        _tie(made, dict(_name_values(made, "")))
    return made


def _rebuild_part(settings: _Settings, children: list[Any]) -> Module:
    made: Module = object.__new__(settings.kind)
    attributes = vars(made)
    unmarked: list[str] = []
    parts, others = iter(children), iter(settings.values)
    for name, is_child in settings.names:
        attributes[name] = _as_tensor(next(parts), name, name, unmarked) if is_child else next(others)
    if settings.buffers:
        attributes["_buffers"] = dict(settings.buffers)  # the same Tensors
    object.__setattr__(made, "_unmarked", frozenset(unmarked))
    return made


def _as_tensor(value: Any, name: str, path: str, unmarked: list[str]) -> Any:
    """An array among a module's parts as a Tensor; a gradient flows to it if `requires_grad_()` says so."""
    if isinstance(value, (np.ndarray, np.generic)):
        unmarked.append(path)
        return leaf(value, 0, name)
    if type(value) is Tensor and not value._flags & GRAD:
        unmarked.append(path)
    if type(value) is _Frozen:
        return value.tensor
    if isinstance(value, (list, tuple, dict)):
        return _map_named(lambda key, part: _as_tensor(part, name, f"{path}.{key}", unmarked), value)
    return value


tree.register(Module, _flatten, _rebuild)
tree.register(_Part, _flatten_part, _rebuild_part)
