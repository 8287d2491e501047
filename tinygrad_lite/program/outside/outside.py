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

import random
from collections.abc import Callable
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
from numpy.random import Generator, RandomState

from ... import tree
from ...tensor import Tensor
from .functions import visit_function, visit_method, visit_partial
from .mentions import changes_containers, looks_numbers_up, names_assigned, names_in
from .objects import MAKE_OBJECTS, visit_class, visit_members, visit_module, visit_object
from .source import BYTES, EQUAL, HELD, IMMUTABLE, KEYS, SAME, Source, is_variable, owner
from .values import visit_array, visit_container, visit_tensor
from .walk import WATCHED, Unreachable, Visitor, Walk

_DRAWS = {*dir(np.random), *dir(random)}


class Outside:
    """What f reaches. arguments: the structure of its arguments, among which there may be functions, and objects of a
    class. way: how to walk. variable: numbers that are inputs, too: paths of those outside, places of those among the
    leaves of the arguments.

    function: the copy that is traced. sources: all that is reached. opaque: objects that nobody can look into. codes:
    of the functions that are reached. mentioned: the names in those.
    """

    def __init__(
        self, f: Callable[..., Any], arguments: tree.Structure, way: str, variable: frozenset[int | str] = frozenset()
    ) -> None:
        self.f, self.variable = f, variable
        name = getattr(f, "__name__", type(f).__name__)
        mentioned: set[str] = set()
        while True:  # code that is found later may mention more
            walk = Walk(way, variable, mentioned, _choose_visitor)
            self.function: Callable[..., Any] = walk.visit(f, ("object", f), name, way == WATCHED)
            _visit_arguments(walk, arguments)
            names = {name for code in walk.codes for name in names_in(code)} | walk.texts
            if names <= mentioned:
                break
            mentioned = mentioned | names
        self.sources: list[Source] = walk.sources
        self.opaque: list[Source] = walk.opaque
        self.codes: set[CodeType] = walk.codes
        self.mentioned = mentioned
        self._left_out = walk.left_out
        for source in self.sources:
            if source.ask == BYTES:
                source.numbers = source.value.tobytes()

    @property
    def looks_numbers_up(self) -> bool:
        return looks_numbers_up(self.codes)

    def read_random_states(self) -> list[Any]:
        """The states of the random generators that the function may draw from."""
        states: list[Any] = [repr(s.value.bit_generator.state) for s in self.sources if type(s.value) is Generator]
        states += [repr(s.value.get_state()) for s in self.sources if type(s.value) is RandomState]
        states += [s.value.getstate() for s in self.sources if isinstance(s.value, random.Random)]
        if self.mentioned & _DRAWS:  # from those of the modules
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
        assigned = {name for code in self.codes for name in names_assigned(code)} if changed else set()
        for source in changed:
            is_variable = source.step[0] != "item" or source.step[1].ask in (HELD, KEYS)  # or an attribute
            by_name = is_variable and isinstance(source.value, IMMUTABLE)
            if source.name in assigned if by_name else any(map(changes_containers, self.codes)):
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
        return not self.stand_ins() and not self._left_out


def _visit_arguments(walk: Walk, structure: tree.Structure) -> None:
    """The functions and objects among the arguments."""
    if type(structure.meta) is str:
        walk.texts.add(structure.meta)
    if structure.kind is tree.STATIC and not isinstance(structure.meta, IMMUTABLE):
        name = getattr(structure.meta, "__name__", type(structure.meta).__name__)
        walk.visit(structure.meta, ("object", structure.meta), name, True)
    elif structure.kind not in (tree.LEAF, tree.STATIC, dict, list, tuple):
        visit_members(walk, structure.kind, MAKE_OBJECTS)
    for child in structure.children:
        _visit_arguments(walk, child)


def _choose_visitor(value: Any) -> Visitor:
    """What notes the parts of a value that is no number."""
    kind = type(value)
    if kind is Tensor:
        return visit_tensor
    if isinstance(value, np.ndarray):
        return visit_array
    if isinstance(value, (list, tuple, dict)):
        return visit_container
    if kind is FunctionType:
        return visit_function
    if kind is MethodType:
        return visit_method
    if kind is partial:
        return visit_partial
    if isinstance(value, ModuleType):
        return visit_module
    if isinstance(value, type):
        return visit_class
    return visit_object
