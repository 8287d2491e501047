"""Writes `outside()`, which at every call finds again what a function reaches: straight-line code, 0.05 µs a value.

It returns what the program takes, in order, or None if anything is of another kind than it was when the function was
traced, so that the program is not for it.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from ...tensor import Tensor
from ..outside.outside import Outside
from ..outside.source import ABSENT, BYTES, CONTAINER, EQUAL, HELD, INPUT, KEYS, SAME, Source, has_bytes, is_equal
from .writer import Writer


def write_outside(writer: Writer, outside: Outside) -> list[str]:
    """The lines of `outside`; none where there is nothing to find."""
    return _Reach(writer).write(outside)


class _Reach:
    def __init__(self, writer: Writer) -> None:
        self.writer = writer
        self.lines: list[str] = []
        self.names: dict[Source, str] = {}
        self.found: list[str] = []

    def write(self, outside: Outside) -> list[str]:
        needed: set[Source] = set()
        for source in reversed(outside.sources):
            if source.ask != HELD or source in needed:
                needed.add(source)
                needed |= {source.step[1]} if source.step[0] in ("item", "attribute", "call", "parts") else set()
                needed |= {source.twin} if source.twin is not None else set()
        for source in outside.sources:
            if source in needed:
                self._name(source)
                tests = self._tests(source)
                if tests:
                    self.lines += [f"        if {' or '.join(tests)}:", "            return None"]
        if not self.lines:
            return []
        changed = self.writer.bind((AttributeError, LookupError, TypeError, ValueError), "changed")
        results = "".join(f"{name}, " for name in self.found)
        head, tail = ["def outside():", "    try:"], [f"    return ({results})", "", ""]
        return [*head, *self.lines, f"    except {changed}:", "        return None", *tail]

    def _name(self, source: Source) -> None:
        """Read it into a local variable; what is held has a name already."""
        match source.step:
            case ("object", value):
                self.names[source] = self.writer.bind(value, "held")
                return
            case ("cell", cell):
                text = f"{self.writer.bind(cell, 'cell')}.cell_contents"
            case ("item", parent, key):
                text = f"{self.names[parent]}[{self.writer.spell_key(key)}]"
            case ("call", parent, name):
                text = f"{self.names[parent]}.{name}()"
            case ("parts", parent):
                text = f"tuple({self.names[parent]})"
            case (_, parent, name):
                text = f"{self.names[parent]}.{name}"
        self.names[source] = f"o{len(self.names)}"
        self.lines.append(f"        {self.names[source]} = {text}  # {ascii(source.path)[1:-1]}")

    def _tests(self, source: Source) -> list[str]:
        """What must not be, lest the program be for something else."""
        name, value = self.names[source], source.value
        kind = self._bind(type(value), "type_")
        if source.ask == HELD:
            return []
        if source.twin is not None:
            return [f"{name} is not {self.names[source.twin]}"]
        if source.ask == SAME:
            tests = [f"{name} is not {self._bind(value, 'same')}"]
            return [*tests, f"{name}._flags != {value._flags}"] if type(value) is Tensor else tests
        if source.ask == EQUAL:
            known = self._bind(value, "equal")
            return [f"({name} is not {known} and not {self._bind(is_equal, 'is_equal')}({name}, {known}))"]
        if source.ask == BYTES:
            numbers = self._bind(source.numbers, "bytes_")
            dtype = self._bind(value.dtype, "dtype")
            return [f"not {self._bind(has_bytes, 'has_bytes')}({name}, {kind}, {value.shape}, {dtype}, {numbers})"]
        if source.ask == KEYS:
            return [f"tuple({name}) != {self._bind(source.keys, 'keys')}"]
        if source.ask == ABSENT:
            return [f"not {name}.keys().isdisjoint({self._bind(source.keys, 'absent')})"]
        if source.ask == CONTAINER:
            tests = [f"type({name}) is not {kind}"]
            if isinstance(value, dict):
                tests.append(f"tuple({name}) != {self._bind(source.keys, 'keys')}")
            elif isinstance(value, (list, tuple, deque)):
                tests.append(f"len({name}) != {len(source.keys)}")
            return tests
        assert source.ask == INPUT
        return self._tests_of_input(source, name, kind)

    def _tests_of_input(self, source: Source, name: str, kind: str) -> list[str]:
        value: Any = source.value
        tests = [f"type({name}) is not {kind}"]
        array = value
        if type(value) is Tensor:
            self.lines += [f"        if {tests[0]} or {name}._flags != {value._flags}:", "            return None"]
            array, tensor, name = value._array, name, f"{name}_array"
            self.lines.append(f"        {name} = {tensor}._array")
            tests = [f"type({name}) is not {self._bind(type(array), 'type_')}"]
        self.found.append(name)
        if isinstance(array, np.ndarray):
            tests += [f"{name}.shape != {array.shape}", f"{name}.dtype != {self._bind(array.dtype, 'dtype')}"]
        if isinstance(array, np.ndarray) and type(array) is not np.ndarray:
            self.found[-1] = f"{self._bind(np.asarray, 'asarray')}({name})"
        return tests

    def _bind(self, value: Any, prefix: str) -> str:
        return self.writer.bind(value, prefix)
