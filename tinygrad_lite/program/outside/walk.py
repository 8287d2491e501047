"""A walk along everything that a function's code mentions; each value it meets becomes a `Source`.

What is met is noted here, once; how its parts are reached depends on what it is (values.py, objects.py, functions.py).
"""

from __future__ import annotations

from collections.abc import Callable, Set
from types import CodeType, ModuleType
from typing import Any, Final

from ..trace import make_input
from .mentions import is_of_library
from .source import ABSENT, EQUAL, HELD, IMMUTABLE, INPUT, KEYS, SAME, Source, is_variable

MENTIONED, EVERYTHING, WATCHED = "mentioned", "everything", "watched"
WAYS: Final = (MENTIONED, EVERYTHING, WATCHED)

Visitor = Callable[["Walk", Source, bool], Any]


class Unreachable(TypeError):
    """A function reaches something whose numbers nobody can watch."""


class Walk:
    """One walk. way, variable: see `Outside`. mentioned: names of attributes that the code mentions.

    choose: the visitor for a value; called with the walk, the value's source, and whether nothing may stand for it, it
    returns what stands for the value in the copy. left_out: whether another way would find more. opaque: objects that
    nobody can look into. texts: that are reached, and may be names, for getattr(x, kind).
    """

    def __init__(
        self,
        way: str,
        variable: frozenset[int | str],
        mentioned: set[str],
        choose: Callable[[Any], Visitor],
    ) -> None:
        self.way, self.variable, self.mentioned, self.choose = way, variable, mentioned, choose
        self.sources: list[Source] = []
        self.opaque: list[Source] = []
        self.left_out = False
        self.codes: set[CodeType] = set()
        self.texts: set[str] = set()
        self.found: dict[tuple[int, bool], tuple[Source | None, Any]] = {}
        self.globals: dict[tuple[int, bool], tuple[Source, dict[str, Any]]] = {}
        self.classes: set[tuple[type, frozenset[str]]] = set()
        self.keep: list[Any] = []  # alive, so that no id is used twice
        self._namespaces: dict[tuple[int, str], Source] = {}
        self._absent: dict[int, Source] = {}

    def visit(self, value: Any, step: tuple[Any, ...], path: str, raw: bool) -> Any:
        """Note the value, and what it holds; returns what stands for it in the copy. raw: nothing may stand for it."""
        if isinstance(value, IMMUTABLE):
            return self._visit_number(value, step, path, raw)
        if type(value) is ModuleType and is_of_library(value.__name__) and value.__name__ not in ("os", "sys"):
            return value
        known = self.found.get((id(value), raw))
        if known is not None:
            first, stand_in = known
            if first is not None and first.step != step:
                self.sources.append(Source(path, step, value, SAME, twin=first))
            return stand_in
        self.keep.append(value)
        source = Source(path, step, value, HELD if step[0] == "object" else SAME)
        self.sources.append(source)
        self.found[id(value), raw] = source, value
        stand_in = self.choose(value)(self, source, raw)
        if raw:
            return value
        self.found[id(value), raw] = source, stand_in
        return stand_in

    def _visit_number(self, value: Any, step: tuple[Any, ...], path: str, raw: bool) -> Any:
        source = Source(path, step, value, EQUAL)
        self.sources.append(source)
        if isinstance(value, str):
            self.texts.add(value)
        if path in self.variable and not raw and is_variable(value):
            source.ask = INPUT
            source.stand_in = make_input(value, path)
            return source.stand_in
        return value

    def visit_parts(self, source: Source) -> None:
        """What is reached by going through a value: a set's members, the keys of a dictionary."""
        self.visit(tuple(source.value), ("parts", source), source.path, True)

    def visit_namespace(self, value: Any, path: str, sort: str) -> Source:
        """The dictionary of a class or a module. A class that gets another name may hide one of its base's."""
        key = id(value), sort
        if key not in self._namespaces:
            self.keep.append(value)
            names = vars(value)
            source = Source(path, ("object", names), names, HELD)
            if sort == "class":
                source.ask, source.keys = KEYS, tuple(names)
            self._namespaces[key] = source
            self.sources.append(source)
        return self._namespaces[key]

    def note_absent(self, namespace: dict[str, Any], path: str, names: Set[str]) -> None:
        """Ask for these names to stay out of a dictionary: what is found for want of them would be another."""
        absent = names - namespace.keys()
        if absent:
            source = self._absent.get(id(namespace))
            if source is None:
                source = self._absent[id(namespace)] = Source(path, ("object", namespace), namespace, ABSENT)
                self.sources.append(source)
            source.keys = tuple(dict.fromkeys((*source.keys, *sorted(absent))))
