"""What a function reaches from outside: its globals, closure cells, defaults, the object it is a method of, and what
these hold. A program must find all of it again at every call, since anybody may rebind a name or write into an array.

`Outside` walks from the function along everything its code mentions. Each value it meets is a `Source`: how it was
reached, what was there, and what must be asked of it at a call. Arrays, and the Tensors that are reached, become inputs
of the program: the function is copied, and in the copy's globals, cells, containers and objects traced Tensors stand in
their places, so that whatever is computed from them is recorded. Nothing of the user's is touched. What cannot be
copied (methods, classes) is only watched: its numbers are compared at every call, arrays byte by byte.

There are three ways to walk, tried in this order until the function can be traced:

* MENTIONED: attributes whose names the code does not mention are left alone (a list of past losses, say);
* EVERYTHING: as before, with all attributes;
* WATCHED: nothing is copied, everything is compared. For functions that read numbers out of what they reach.
"""

from __future__ import annotations

import copy
import random
from argparse import Namespace
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import partial
from inspect import getmro
from threading import local
from types import CellType, CodeType, FunctionType, MemberDescriptorType, MethodType, ModuleType, SimpleNamespace
from typing import Any, Final
from weakref import ReferenceType

import numpy as np
from numpy.random import Generator, RandomState

from ... import tree
from ...array_view import ArrayView
from ...op import Op
from ...tensor import LIFTED, TRACED, Tensor
from ..trace import make_input
from .mentions import (
    changes_containers,
    code_of,
    functions_of,
    globals_in,
    is_of_library,
    looks_numbers_up,
    names_assigned,
    names_in,
)

MENTIONED, EVERYTHING, WATCHED = "mentioned", "everything", "watched"
WAYS: Final = (MENTIONED, EVERYTHING, WATCHED)

# What is asked of a source at every call.
HELD: Final = "held"  # nothing: it cannot change
SAME: Final = "same"  # to be the same object
EQUAL: Final = "equal"  # to be an equal number, string, …
BYTES: Final = "bytes"  # to be an array with the same numbers
KEYS: Final = "keys"  # to have the same keys: the attributes of an object
CONTAINER: Final = "container"  # to be of the same type and length, with the same keys
INPUT: Final = "input"  # to be of the same type, shape and dtype: the program takes it

_NUMBERS = (int, float, np.generic)
_IMMUTABLE = (int, float, complex, bool, str, bytes, type(None), type(Ellipsis), slice, range, np.generic, np.dtype)
_ALL_ATTRIBUTES = {"vars", "__dict__", "getattr", "dir", "attrgetter", "fields", "asdict", "astuple", "replace"} | {
    "copy",
    "deepcopy",
    "__getattribute__",
}
_MAKE_OBJECTS = frozenset({"__init__", "__new__", "__post_init__", "__init_subclass__", "__repr__", "__str__"})
"""Methods that do not run for an object that is there; the first of them mentions all its attributes."""
_HOLD_OTHERS = ("__iter__", "__getitem__", "__next__", "get")
_DRAWS = {*dir(np.random), *dir(random)}
_LONG = 64  # a container of more numbers than this is compared as a whole


class Unreachable(TypeError):
    """A function reaches something whose numbers nobody can watch."""


@dataclass(eq=False, slots=True)
class Source:
    """One value that is reached. path: as a reader would write it. step: from what, and how. value: what was there.

    stand_in: the traced Tensor in its place. twin: the source that has reached the same object before. keys: of a
    container. numbers: the bytes of an array that is compared.
    """

    path: str
    step: tuple[
        Any, ...
    ]  # ("object", it), ("cell", cell), ("item", source, key), ("attribute" or "call", source, name)
    value: Any
    ask: str
    stand_in: Tensor | None = None
    twin: Source | None = None
    keys: tuple[Any, ...] = ()
    numbers: bytes = b""

    @property
    def name(self) -> Any:
        """The variable or attribute that it is the value of."""
        return self.path if self.step[0] == "cell" else self.step[-1]

    def has_changed(self) -> bool:
        """Whether a number, or the length or the keys of a container, is another now."""
        if self.ask == EQUAL:
            return not is_equal(self.read(), self.value)
        if self.ask != CONTAINER or not isinstance(self.value, (list, dict, deque)):
            return False
        now = self.read()
        return len(now) != len(self.keys) or (isinstance(now, dict) and tuple(now) != self.keys)

    def read(self) -> Any:
        """What is there now."""
        match self.step:
            case ("object", value):
                return value
            case ("cell", cell):
                return cell.cell_contents
            case ("item", parent, key):
                return parent.read()[key]
            case ("call", parent, name):
                return getattr(parent.read(), name)()
            case (_, parent, name):
                return getattr(parent.read(), name)


class _Unread:
    """Stands for what the code does not seem to read. If it does, the function is traced again, another way."""

    def _refuse(self, *args: Any) -> Any:
        raise TypeError("an attribute was read that the code does not mention")

    __getattr__ = __bool__ = __len__ = __iter__ = __call__ = __getitem__ = __eq__ = _refuse
    __hash__ = object.__hash__


@dataclass
class Outside:
    """What f reaches. function: the copy that is traced. arguments: the structure of its arguments, among which there
    may be functions, and objects of a class.

    variable: numbers that are inputs, too: paths of those outside, places of those among the leaves of the arguments.
    """

    f: Callable[..., Any]
    arguments: tree.Structure
    way: str
    variable: frozenset[int | str] = frozenset()
    sources: list[Source] = field(default_factory=list)
    function: Callable[..., Any] = field(init=False)
    opaque: list[Source] = field(default_factory=list)  # objects that nobody can look into

    def __post_init__(self) -> None:
        mentioned: set[str] = set()
        while True:  # code that is found later may mention more
            self._mentioned = mentioned
            self._codes: set[CodeType] = set()
            self._found: dict[tuple[int, bool], tuple[Source | None, Any]] = {}
            self._globals: dict[tuple[int, bool], tuple[Source, dict[str, Any]]] = {}
            self._rooted: dict[tuple[int, str], Source] = {}
            self._classes: set[tuple[type, frozenset[str]]] = set()
            self._keep: list[Any] = []  # alive, so that no id is used twice
            self.sources, self.opaque = [], []
            self.left_out = False
            name = getattr(self.f, "__name__", type(self.f).__name__)
            self.function = self._visit(self.f, ("object", self.f), name, self.way == WATCHED)
            self._visit_arguments(self.arguments)
            names = {name for code in self._codes for name in names_in(code)}
            if names <= mentioned:
                break
            mentioned = mentioned | names
        for source in self.sources:
            if source.ask == BYTES:
                source.numbers = source.value.tobytes()

    @property
    def looks_numbers_up(self) -> bool:
        return looks_numbers_up(self._codes)

    def read_random_states(self) -> list[Any]:
        """The states of the random generators that the function may draw from."""
        states: list[Any] = [repr(s.value.bit_generator.state) for s in self.sources if type(s.value) is Generator]
        states += [repr(s.value.get_state()) for s in self.sources if type(s.value) is RandomState]
        if self._mentioned & _DRAWS:  # from those of the modules
            _, keys, *rest = np.random.get_state()  # noqa: NPY002
            states += [np.asarray(keys).tobytes(), rest, random.getstate()]
        return states

    def stand_ins(self) -> list[Tensor]:
        """The program's inputs from outside."""
        return [s.stand_in for s in self.sources if s.stand_in is not None]

    def captured_tensors(self) -> set[Tensor]:
        """Tensors that are reached as they are."""
        return {s.value for s in self.sources if s.ask == SAME and type(s.value) is Tensor}

    def watch(self, arrays: list[Any], name: str) -> None:
        """Compare these arrays, or Tensors, too, which were there before the trace; Unreachable if nobody knows who
        holds them."""
        known = {id(owner(s.value)) for s in self.sources if s.ask == BYTES or type(s.value) is Tensor}
        for array in arrays:
            if id(owner(array)) in known or (type(array) is Tensor and not self.opaque):
                continue
            if self.opaque:
                raise Unreachable(
                    f"{name} reaches an array of shape {array.shape} from outside, through one of "
                    f"{', '.join(s.path for s in self.opaque)}, into which nobody can look; pass it as an argument"
                )
            known.add(id(owner(array)))
            self.sources.append(Source("an array", ("object", array), array, BYTES, numbers=array.tobytes()))

    def forget_own_changes(self) -> None:
        """Stop watching numbers, and the lengths of containers, that the function itself has just changed: the program
        does not depend on them, since it was traced twice."""
        changed = [s for s in self.sources if s.twin is None and s.has_changed()]
        assigned = {name for code in self._codes for name in names_assigned(code)} if changed else set()
        for source in changed:
            is_variable = source.step[0] != "item" or source.step[1].ask in (HELD, KEYS)  # or an attribute
            by_name = is_variable and isinstance(source.value, _IMMUTABLE)
            if source.name in assigned if by_name else any(map(changes_containers, self._codes)):
                source.ask = HELD

    def release(self) -> list[Source]:
        """Let go of the arrays that were reached; returns the numbers that might be inputs."""
        for source in self.sources:
            if not is_variable(source.value):
                source.value = source.stand_in = source.twin = None
        return [s for s in self.sources if s.ask == EQUAL and is_variable(s.value)]

    @property
    def is_settled(self) -> bool:
        """Whether another way of walking would find nothing else."""
        return not self.stand_ins() and not self.left_out

    def _visit_arguments(self, structure: tree.Structure) -> None:
        if structure.kind is tree.STATIC and not isinstance(structure.meta, _IMMUTABLE):
            name = getattr(structure.meta, "__name__", type(structure.meta).__name__)
            self._visit(structure.meta, ("object", structure.meta), name, True)
        elif structure.kind not in (tree.LEAF, tree.STATIC, dict, list, tuple):
            self._visit_members(structure.kind, _MAKE_OBJECTS)
        for child in structure.children:
            self._visit_arguments(child)

    # -- one value -----------------------------------------------------------------------------------------------------

    def _visit(self, value: Any, step: tuple[Any, ...], path: str, raw: bool) -> Any:
        """Note the value, and what it holds; returns what stands for it in the copy. raw: nothing may stand for it."""
        kind = type(value)
        if isinstance(value, _IMMUTABLE):
            return self._visit_number(value, step, path, raw)
        if kind is ModuleType and is_of_library(value.__name__):
            return value
        known = self._found.get((id(value), raw))
        if known is not None:
            first, stand_in = known
            if first is not None and first.step != step:
                self.sources.append(Source(path, step, value, SAME, twin=first))
            return stand_in
        self._keep.append(value)
        source = Source(path, step, value, HELD if step[0] == "object" else SAME)
        self.sources.append(source)
        self._found[id(value), raw] = source, value
        stand_in = self._visitor(value, kind)(source, raw)
        if raw:
            return value
        self._found[id(value), raw] = source, stand_in
        return stand_in

    def _visitor(self, value: Any, kind: type) -> Callable[[Source, bool], Any]:
        if kind is Tensor:
            return self._visit_tensor
        if isinstance(value, np.ndarray):
            return self._visit_array
        if isinstance(value, (list, tuple, dict)):
            return self._visit_container
        if kind is FunctionType:
            return self._visit_function
        if kind is MethodType:
            return self._visit_method
        if kind is partial:
            return self._visit_partial
        if isinstance(value, ModuleType):
            return self._visit_module
        if isinstance(value, type):
            return self._visit_class
        return self._visit_object

    def _visit_number(self, value: Any, step: tuple[Any, ...], path: str, raw: bool) -> Any:
        source = Source(path, step, value, EQUAL)
        self.sources.append(source)
        if path in self.variable and not raw and is_variable(value):
            source.ask = INPUT
            source.stand_in = make_input(value, path)
            return source.stand_in
        return value

    def _visit_tensor(self, source: Source, raw: bool) -> Any:
        t: Tensor = source.value
        if raw or t._flags & (LIFTED | TRACED) or t._op is not None:
            return t  # read by the program as it is; one that was computed has a history
        source.ask = INPUT
        source.stand_in = make_input(t._array, t.name or source.path, t._flags)
        if self.way == EVERYTHING:
            source.stand_in.grad = self._visit(t.grad, ("attribute", source, "grad"), f"{source.path}.grad", raw)
        elif t._flags:
            source.stand_in.grad = _Unread()
            self.left_out = True
        return source.stand_in

    def _visit_array(self, source: Source, raw: bool) -> Any:
        array = source.value
        plain = type(array) is np.ndarray or isinstance(array, (np.memmap, ArrayView))
        if raw or not plain or array.dtype.kind not in "fciub":
            source.ask = BYTES
            if not raw:
                self.left_out = True
            return array
        source.ask = INPUT
        source.stand_in = make_input(np.asarray(array).view(np.ndarray), source.path)
        return source.stand_in

    # -- what holds others ---------------------------------------------------------------------------------------------

    def _visit_container(self, source: Source, raw: bool) -> Any:
        value: Any = source.value
        children = value.values() if isinstance(value, dict) else value
        if len(value) > _LONG and all(isinstance(x, _IMMUTABLE) for x in children):
            source.ask, source.value = EQUAL, copy.copy(value)
            return value
        source.ask = CONTAINER
        self._keep.append(children := list(children))
        source.keys = tuple(value) if isinstance(value, dict) else tuple(range(len(children)))
        raw = raw or not isinstance(value, dict) and type(value) not in (list, tuple) and not hasattr(value, "_fields")
        twin: Any = copy.copy(value) if isinstance(value, (dict, list)) and not raw else None
        if twin is not None:
            self._found[id(value), raw] = source, twin  # it may contain itself
        new = [
            self._visit(x, ("item", source, key), f"{source.path}[{key!r}]", raw)
            for key, x in zip(source.keys, children, strict=True)
        ]
        if isinstance(value, dict) and type(value) is not dict:
            self._visit_attributes(source, raw, None)
        if raw or _are_the_same(new, children):
            return value
        if isinstance(value, dict):
            for key, x in zip(source.keys, new, strict=True):
                dict.__setitem__(twin, key, x)
            return twin
        if isinstance(value, list):
            twin[:] = new
            return twin
        return type(value)(*new) if hasattr(value, "_fields") else tuple(new)

    def _visit_object(self, source: Source, raw: bool) -> Any:
        value: Any = source.value
        kind = type(value)
        wrapped = getattr(value, "__dict__", {}).get("__wrapped__")
        if callable(wrapped):  # a compiled function, which inside a trace is what it was made from; a cache
            raw = raw or not is_of_library(kind.__module__) or kind.__module__ == "functools"
            inner = self._visit(wrapped, ("attribute", source, "__wrapped__"), source.path, raw)
            return value if inner is wrapped else inner
        if isinstance(value, Tensor):
            return value  # a buffer, which says itself that it cannot be read
        if isinstance(value, Op):
            return self._visit_op(value, source.path)
        if isinstance(value, (set, frozenset)) and all(isinstance(x, _IMMUTABLE) for x in value):
            source.ask, source.value = EQUAL, copy.copy(value)
            return value
        if isinstance(value, deque):
            return self._visit_container(source, True)
        if isinstance(value, (ContextVar, ReferenceType)):
            try:
                held = value.get() if isinstance(value, ContextVar) else value()
            except LookupError:
                return value
            self._keep.append(held)
            self._visit(
                held, ("call", source, "get" if isinstance(value, ContextVar) else "__call__"), source.path, True
            )
            return value
        if hasattr(kind, "__array__") and not hasattr(kind, "__array_function__"):
            raise Unreachable(
                f"the function reaches {source.path} from outside, a {kind.__module__.partition('.')[0]}."
                f"{kind.__name__}, whose numbers a program cannot watch; pass np.asarray of it as an argument"
            )
        if not _is_open(kind) or not (hasattr(value, "__dict__") or _slots_of(kind)):
            if any(hasattr(kind, name) for name in _HOLD_OTHERS):
                self.opaque.append(source)
            return value
        source.ask = CONTAINER
        self._visit_members(kind, _MAKE_OBJECTS)
        blank = None if raw or _is_sparse(kind) else _make_blank(kind)
        return self._visit_attributes(source, raw or blank is None, blank)

    def _visit_op(self, op: Op, path: str) -> Op:
        """An op of the user's: its rules are recorded, and what they reach is a part of the program."""
        rules = op.vjps if isinstance(op.vjps, tuple) else (getattr(op.vjps, "rule", None),)
        for rule in () if op.in_table else (op.fn, *rules, *op.partials):
            rule = getattr(rule, "denominator", rule)
            if callable(rule):
                self._visit(rule, ("object", rule), path, True)
        return op

    def _visit_attributes(self, source: Source, raw: bool, blank: Any) -> Any:
        """The attributes of an object; blank: a new one, to be given what stands for them."""
        value = source.value
        if blank is not None:
            self._found[id(value), raw] = source, blank
        same, is_ours = (
            True,
            _is_ours(type(value)) or _is_sparse(type(value)),
        )  # our code is not read, so all its attributes may matter
        if hasattr(value, "__dict__"):
            items = list(value.__dict__.items())
            keys = tuple([name for name, _ in items])
            attributes = Source(source.path, ("attribute", source, "__dict__"), None, KEYS, keys=keys)
            self.sources.append(attributes)
            for name, x in items:
                new = self._visit_member(name, x, ("item", attributes, name), source.path, raw, is_ours)
                same = same and new is x
                if blank is not None:
                    blank.__dict__[name] = new
        for name in _slots_of(type(value)):
            if hasattr(value, name):
                x = getattr(value, name)
                self._keep.append(x)
                new = self._visit_member(name, x, ("attribute", source, name), source.path, raw)
                same = same and new is x
                if blank is not None:
                    object.__setattr__(blank, name, new)
        return value if blank is None or same else blank

    def _visit_member(
        self, name: str, value: Any, step: tuple[Any, ...], path: str, raw: bool, is_ours: bool = False
    ) -> Any:
        if name not in self._mentioned and not is_ours:
            by_name = not self._mentioned & _ALL_ATTRIBUTES
            if self.way == MENTIONED and not raw and not (by_name and isinstance(value, _IMMUTABLE)):
                self.left_out = True
                return _Unread()
            if by_name and self.way != WATCHED:
                return value
        return self._visit(value, step, f"{path}.{name}", raw)

    def _visit_class(self, source: Source, raw: bool) -> Any:
        self._visit_members(source.value, frozenset())
        return source.value

    def _visit_members(self, kind: type, but: frozenset[str]) -> None:
        """A class's data, and the code of its methods, which run as they are. but: methods that do not run."""
        for base in (*kind.__mro__, *getmro(type(kind))):
            if is_of_library(base.__module__) or (base, but) in self._classes:
                continue
            self._classes.add((base, but))
            attributes = self._root(base, f"{base.__name__}", "class")
            for name, x in list(vars(base).items()):
                special = name.startswith("__") and name.endswith("__")
                code = functions_of(x)
                if code:
                    for function in code:
                        if (special or name in self._mentioned) and name not in but:
                            self._visit(function, ("object", function), f"{base.__name__}.{name}", True)
                elif name in self._mentioned and not special and not _is_of_python(x):
                    self._visit(x, ("item", attributes, name), f"{base.__name__}.{name}", True)

    def _root(self, value: Any, path: str, sort: str) -> Source:
        """The dictionary of a class or a module, which does not change."""
        key = id(value), sort
        if key not in self._rooted:
            self._keep.append(value)
            self._rooted[key] = Source(path, ("object", vars(value)), vars(value), HELD)
            self.sources.append(self._rooted[key])
        return self._rooted[key]

    def _visit_module(self, source: Source, raw: bool) -> Any:
        module = source.value
        if is_of_library(module.__name__):
            return module
        attributes = self._root(module, source.path, "module")
        twin = ModuleType(module.__name__)
        twin.__dict__.update(vars(module))
        if not raw:
            self._found[id(module), raw] = source, twin
        changed = False
        for name in sorted(self._mentioned & vars(module).keys()):
            x = vars(module)[name]
            new = self._visit(x, ("item", attributes, name), f"{source.path}.{name}", raw)
            twin.__dict__[name] = new
            changed = changed or new is not x
        return twin if changed else module

    # -- functions -----------------------------------------------------------------------------------------------------

    def _visit_method(self, source: Source, raw: bool) -> Any:
        method = source.value
        owner = method.__self__
        path = "self" if source.step[0] == "object" else source.path
        new = self._visit(owner, ("attribute", source, "__self__"), path, raw)
        function = self._visit(method.__func__, ("attribute", source, "__func__"), source.path, raw)
        if new is owner and function is method.__func__:
            return method
        return MethodType(function, new)

    def _visit_partial(self, source: Source, raw: bool) -> Any:
        value = source.value
        parts = [
            self._visit(getattr(value, name), ("attribute", source, name), f"{source.path}.{name}", raw)
            for name in ("func", "args", "keywords")
        ]
        if all(new is getattr(value, name) for new, name in zip(parts, ("func", "args", "keywords"), strict=True)):
            return value
        return partial(parts[0], *parts[1], **parts[2])

    def _visit_function(self, source: Source, raw: bool) -> Any:
        f: FunctionType = source.value
        library = is_of_library(f.__module__ or "")
        self._codes |= set() if library else set(code_of(f.__code__))
        if library and not f.__closure__:
            return f
        names = dict[str, Any](f.__globals__) if library else self._copy_of_globals(f, raw)
        cells = tuple(CellType() for _ in f.__closure__ or ())
        twin = FunctionType(f.__code__, f.__globals__ if library else names, f.__name__, f.__defaults__, cells)
        twin.__kwdefaults__ = f.__kwdefaults__
        twin.__dict__.update(f.__dict__)
        twin.__module__, twin.__qualname__, twin.__doc__ = f.__module__, f.__qualname__, f.__doc__
        if not raw:
            self._found[id(f), raw] = source, twin
        changed = False
        for name, cell, new_cell in zip(f.__code__.co_freevars, f.__closure__ or (), cells, strict=True):
            try:
                x = cell.cell_contents
            except ValueError:  # nothing there yet
                continue
            if name == "__class__":
                new_cell.cell_contents = x
                self._visit(x, ("object", x), x.__name__, True)
                continue
            self._keep.append(cell)
            new_cell.cell_contents = self._visit(x, ("cell", cell), name, raw)
            changed = changed or (new_cell.cell_contents is not x and new_cell.cell_contents is not twin)
        if not library:
            changed = self._visit_globals(f, names, raw) or changed
        for name in ("__defaults__", "__kwdefaults__"):
            x = getattr(f, name)
            if x:
                new = self._visit(x, ("attribute", source, name), f"{f.__name__}.{name}", raw)
                setattr(twin, name, new)
                changed = changed or new is not x
        mentioned = self._mentioned & f.__dict__.keys()
        if mentioned:
            attributes = Source(source.path, ("attribute", source, "__dict__"), None, KEYS, keys=tuple(f.__dict__))
            self.sources.append(attributes)
            for name in sorted(mentioned):
                x = f.__dict__[name]
                twin.__dict__[name] = self._visit(x, ("item", attributes, name), f"{source.path}.{name}", raw)
                changed = changed or twin.__dict__[name] is not x
        return twin if changed else f

    def _copy_of_globals(self, f: FunctionType, raw: bool) -> dict[str, Any]:
        key = id(f.__globals__), raw
        if key not in self._globals:
            source = Source("globals()", ("object", f.__globals__), f.__globals__, HELD)
            self.sources.append(source)
            self._globals[key] = source, dict(f.__globals__)
        return self._globals[key][1]

    def _visit_globals(self, f: FunctionType, names: dict[str, Any], raw: bool) -> bool:
        """Whether anything is another in the copy of the function's globals."""
        source, _ = self._globals[id(f.__globals__), raw]
        changed = False
        for name in sorted(globals_in(f.__code__)):
            if name not in f.__globals__:
                continue
            x = f.__globals__[name]
            names[name] = self._visit(x, ("item", source, name), name, raw)
            changed = changed or names[name] is not x
        return changed


# -- objects, arrays, numbers ------------------------------------------------------------------------------------------


def _slots_of(kind: type) -> list[str]:
    """The attributes that instances keep in slots."""
    bases = [base for base in kind.__mro__ if not is_of_library(base.__module__)]
    return [name for base in bases for name, x in vars(base).items() if type(x) is MemberDescriptorType]


def _is_open(kind: type) -> bool:
    """Whether objects of this type are no more than their attributes."""
    if kind in (SimpleNamespace, Namespace) or any(base in tree._registered for base in kind.__mro__):
        return True
    return not is_of_library(kind.__module__) or kind is local or _is_ours(kind) or _is_sparse(kind)


def _is_sparse(kind: type) -> bool:
    """Whether it is a sparse matrix of SciPy's, whose arrays are its attributes."""
    return kind.__module__.startswith("scipy.sparse")


def _is_ours(kind: type) -> bool:
    """Whether it is a class of this package: an optimiser, a layer."""
    return kind.__module__.partition(".")[0] == __name__.partition(".")[0]


def _is_of_python(x: Any) -> bool:
    """Whether a member of a class is one of Python's own descriptors, of slots say."""
    return hasattr(x, "__get__") and is_of_library(type(x).__module__)


def _make_blank(kind: type) -> Any:
    """A new object of this type, without its attributes; None where only its constructor can make one."""
    try:
        return kind() if kind in (SimpleNamespace, Namespace) else object.__new__(kind)
    except TypeError:
        return None


def owner(x: Any) -> Any:
    """The object whose memory an array shows."""
    while isinstance(x, np.ndarray) and x.base is not None:
        x = x.base
    return x


def _are_the_same(new: list[Any], old: list[Any]) -> bool:
    return all(a is b for a, b in zip(new, old, strict=True))


def is_variable(value: Any) -> bool:
    """Whether this is a number that a program may take as an input."""
    return isinstance(value, _NUMBERS) and type(value) is not bool and not isinstance(value, np.bool_)


def is_equal(a: Any, b: Any) -> bool:
    """Whether two values are the same for a program: 0.0 is not -0.0, 1 is not 1.0, nan is nan."""
    if isinstance(a, (set, frozenset)):
        return type(a) is type(b) and bool(a == b)
    return type(a) is type(b) and (a is b or repr(a) == repr(b))


def has_bytes(array: Any, kind: Any, shape: tuple[int, ...], dtype: Any, numbers: bytes) -> bool:
    """Whether an array has the numbers that it had."""
    return bool(type(array) is kind and array.shape == shape and array.dtype == dtype and array.tobytes() == numbers)
