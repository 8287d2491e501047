"""A tree as JSON, with its arrays beside it; and a tree from them, which is checked against another one.

A node is a list: what it is, and what is needed to make it again. No node names code that is run when it is read.
"""

from __future__ import annotations

import json
import math
import re
from collections import deque
from typing import Any

import numpy as np

from .. import tree as trees
from ..containers import make_container, make_object
from ..foreign import check_is_here
from ..tensor import Tensor

_VERSION = 1
_SAFE_NAME = re.compile(r"[\w\-\[\]' ][\w.\-\[\]' ]*")  # of a member of a zip: not a path
_BIT_GENERATORS = ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")

Node = list[Any]


def describe(tree: Any) -> tuple[str, dict[str, np.ndarray]]:
    """The tree as JSON, and its arrays by the names that the JSON has for them. TypeError for what cannot be saved."""
    writer = _Writer(isinstance(tree, dict))
    try:
        root = writer.write(tree, "")
    except RecursionError:
        raise ValueError(f"this {type(tree).__name__} contains itself, or is nested too deeply to be saved") from None
    text = {"version": _VERSION, "tree": root, "generators": writer.generators}
    return json.dumps(text), writer.arrays


def of_flat_dict(arrays: dict[str, np.ndarray]) -> str:
    """The description of a file that has none: a dict of its arrays."""
    nodes = [["array", name] for name in arrays]
    return json.dumps({"version": _VERSION, "tree": ["dict", list(arrays), nodes], "generators": []})


def rebuild(text: str, arrays: dict[str, np.ndarray], like: Any = None) -> Any:
    """The tree that was described, made like another one if that is given. ValueError for the first difference."""
    try:
        described = json.loads(text)
        version, root, states = described["version"], described["tree"], described["generators"]
    except (ValueError, KeyError, TypeError):
        raise ValueError("the description of its tree is damaged") from None
    if version != _VERSION:
        raise ValueError(f"it is of version {version}; this tinygrad_lite reads version {_VERSION}")
    reader = _Reader(arrays, [_make_generator(state) for state in states])
    try:
        tree = reader.read(root, "tree") if like is None else reader.read_like(root, like, "tree")
    except (KeyError, IndexError, AttributeError, TypeError):
        raise ValueError("the description of its tree is damaged") from None
    unused = arrays.keys() - reader.used
    if unused:
        raise ValueError(f"it has an array {min(unused)!r} that is not part of its tree")
    return tree


class _Writer:
    def __init__(self, is_dict: bool) -> None:
        self.is_dict = is_dict
        self.arrays: dict[str, np.ndarray] = {}
        self.generators: list[Any] = []
        self.seen: dict[int, Any] = {}  # id -> the name of an array, the number of a generator
        self.keep_alive: list[Any] = []  # so that no id is used again meanwhile

    def write(self, x: Any, path: str) -> Node:
        kind = type(x)
        if x is None or kind in (str, bool):
            return ["value", x]
        if kind is bytes:
            return ["bytes", x.hex()]
        if kind is int:
            return ["int", hex(x)]
        if kind is float:
            return ["float", x.hex()]
        if kind is complex:
            return ["complex", x.real.hex(), x.imag.hex()]
        if kind is Tensor:
            # (_read refuses within a trace, where there are no numbers yet.)
            array = x._current()._read("tg.save(…)")
            check_is_here(array, f"tg.save: tree{path}")
            return ["tensor", self.name(x, array, path), x.requires_grad, x.name]
        if isinstance(x, np.generic):
            return ["scalar", self.name(x, x, path)]
        check_is_here(x, f"tg.save: tree{path}")
        if kind in (np.ndarray, np.memmap):
            return ["array", self.name(x, x, path)]
        if kind is np.random.Generator:
            return ["generator", self.number(x, path)]
        opened = _open(x)
        if opened is not None:
            children, steps, _, _ = opened
            nodes = [self.write(child, path + step) for child, step in zip(children, steps, strict=True)]
            if kind is dict:
                for key in x:
                    if type(key) not in (str, int, bool):
                        raise TypeError(
                            f"tree{path} has the key {key!r}; keys that are saved are strings or whole numbers"
                        )
                return ["dict", list(x), nodes]
            if kind in (list, tuple):
                return [kind.__name__, nodes]
            return ["object", kind.__qualname__, [step.lstrip(".") for step in steps], nodes]
        if callable(x) and trees.is_static(x):
            return ["function", _name_of(x)]
        raise TypeError(_explain(x, f"tree{path}"))

    def name(self, x: Any, array: Any, path: str) -> str:
        """The name of an array in the file; the same again for the same array."""
        if id(x) in self.seen:
            return str(self.seen[id(x)])
        array = np.asarray(array) if isinstance(array, (np.ndarray, np.generic, float)) else array
        if type(array) not in (np.ndarray, np.memmap) or array.dtype.kind not in "fciub" or array.dtype.names:
            what = f"an array of {array.dtype}" if isinstance(array, np.ndarray) else f"a {type(array).__name__}"
            raise TypeError(f"tree{path} is {what}; NumPy arrays of numbers can be saved")
        name = path
        if self.is_dict and (key := re.fullmatch(r"\['([^'\[\]]*)'\]", path)):
            name = key[1]  # of a flat dict, its keys
        if not _SAFE_NAME.fullmatch(name) or name in self.arrays or ".." in name:
            name = f"array {len(self.arrays)}"
        self.arrays[name] = array
        self.seen[id(x)] = name
        self.keep_alive.append(x)
        return name

    def number(self, x: np.random.Generator, path: str) -> int:
        """Which of the file's generators it is. What is shared is the bit generator: it has the state."""
        bits = x.bit_generator
        if id(bits) not in self.seen:
            if type(bits).__name__ not in _BIT_GENERATORS:
                raise TypeError(
                    f"tree{path} draws from {type(bits).__name__}; {', '.join(_BIT_GENERATORS)} can be saved"
                )
            self.seen[id(bits)] = len(self.generators)
            self.generators.append(_state_as_json(bits.state))
            self.keep_alive.append(bits)
        return int(self.seen[id(bits)])


class _Reader:
    def __init__(self, arrays: dict[str, np.ndarray], generators: list[np.random.Generator]) -> None:
        self.arrays, self.generators = arrays, generators
        self.used: set[str] = set()
        self.tensors: dict[str, Tensor] = {}

    def read(self, node: Node, path: str) -> Any:
        """A tree of dicts, lists and tuples."""
        kind, *rest = node
        if kind in ("value", "bytes", "int", "float", "complex"):
            return _read_value(kind, rest)
        if kind in ("array", "scalar"):
            array = self.array(rest[0])
            return array[()] if kind == "scalar" else array
        if kind == "tensor":
            name, requires_grad, label = rest
            return self.tensor(name, bool(requires_grad), label)
        if kind == "generator":
            return self.generators[rest[0]]
        if kind == "function":
            raise ValueError(
                f"{path} is {rest[0]}, of which a file holds the name alone; give like=, a tree that has it"
            )
        keys, children = _keys(node)
        steps = _steps(kind, keys)
        values = [self.read(child, path + step) for child, step in zip(children, steps, strict=True)]
        return _gather(kind, keys, values)

    def read_like(self, node: Node, like: Any, path: str) -> Any:
        """A tree with the classes, functions and Tensors of another one."""
        kind, *rest = node
        if isinstance(like, (Tensor, np.ndarray, np.generic)) and kind in ("array", "scalar", "tensor"):
            return self.leaf_like(rest[0], like, path)
        if type(like) is np.random.Generator and kind == "generator":
            found = self.generators[rest[0]]
            mine, theirs = (type(x.bit_generator).__name__ for x in (like, found))
            if mine != theirs:
                raise ValueError(f"{path} draws from {theirs} in the file, from {mine} in like")
            return found
        if isinstance(like, str) and kind == "value" and isinstance(rest[0], str) and rest[0] != like:
            raise ValueError(f"{path} is {rest[0]!r} in the file, {like!r} in like")
        is_value = like is None or type(like) in (str, bool, bytes, int, float, complex)
        if is_value and kind in ("value", "bytes", "int", "float", "complex"):
            return _read_value(kind, rest)
        opened = _open(like)
        if opened is None:
            if kind == "function" and trees.is_static(like) and not is_value:
                if _name_of(like) != rest[0]:
                    raise ValueError(f"{path} is {rest[0]} in the file, {_name_of(like)} in like")
                return like
            raise ValueError(f"{path} is {_say(node)} in the file, {_say_like(like)} in like")
        children, steps, meta, make = opened
        expected = type(like).__name__ if type(like) in (dict, list, tuple) else "object"
        if kind != expected or (kind == "object" and rest[0] != type(like).__qualname__):
            raise ValueError(f"{path} is {_say(node)} in the file, {_say_like(like)} in like")
        keys, nodes = _keys(node)
        given = dict(zip(_steps(kind, keys), nodes, strict=True))
        if make is make_object:
            return self.object_like(given, like, path)
        _compare_steps(path, list(given), list(steps))
        pairs = zip(children, steps, strict=True)
        return make(meta, [self.read_like(given[step], child, path + step) for child, step in pairs])

    def object_like(self, given: dict[str, Node], like: Any, path: str) -> Any:
        """An object with the file's attributes. One that its class has a value for may be absent on either side."""
        mine = {f".{name}": value for name, value in vars(like).items()}
        in_class = {step for step in [*given, *mine] if hasattr(type(like), step[1:])}
        _compare_steps(path, [s for s in given if s not in in_class], [s for s in mine if s not in in_class])
        made: Any = object.__new__(type(like))
        for step, node in given.items():
            where = path + step
            value = self.read_like(node, mine[step], where) if step in mine else self.read(node, where)
            vars(made)[step[1:]] = value
        return made

    def leaf_like(self, name: str, like: Any, path: str) -> Any:
        array = self.array(name)
        for what, mine, theirs in (("shape", like.shape, array.shape), ("dtype", like.dtype, array.dtype)):
            if mine != theirs and _in_native_order(mine) != _in_native_order(theirs):
                raise ValueError(f"{path} has {what} {theirs} in the file, {mine} in like")
        array = array.astype(like.dtype, copy=False)
        if isinstance(like, Tensor):
            return self.tensor(name, like.requires_grad, like.name)
        return array[()] if isinstance(like, np.generic) else array

    def array(self, name: str) -> np.ndarray:
        if name not in self.arrays:
            raise ValueError(f"its array {name!r} is missing")
        self.used.add(name)
        return self.arrays[name]

    def tensor(self, name: str, requires_grad: bool, label: str | None) -> Tensor:
        if name not in self.tensors:
            self.tensors[name] = Tensor(self.array(name), requires_grad=requires_grad, name=label)
        return self.tensors[name]


def _open(x: Any) -> Any:
    """As tree opens it; but an object whole, by its attributes, where a transform would see its parameters alone."""
    if hasattr(x, "state_dict") and hasattr(x, "__dict__") and trees.is_class_of_trees(type(x)):
        attributes = vars(x)
        steps = tuple([f".{name}" for name in attributes])
        return attributes.values(), steps, (type(x), tuple(attributes)), make_object
    opened = trees._open(x, type(x))
    return None if opened is not None and opened[3] is make_container else opened


def _in_native_order(x: Any) -> Any:
    """A dtype without the order of its bytes, which .safetensors files do not keep."""
    return x.newbyteorder("=") if isinstance(x, np.dtype) else x


def _keys(node: Node) -> tuple[list[Any], list[Node]]:
    kind, *rest = node
    if kind == "object":
        return rest[1], rest[2]
    if kind == "dict":
        return rest[0], rest[1]
    if kind in ("list", "tuple"):
        return list(range(len(rest[0]))), rest[0]
    raise ValueError("the description of its tree is damaged")


def _steps(kind: str, keys: list[Any]) -> list[str]:
    """As tree.paths spells them. (A step of a registered class may be an index: it is kept as it stands.)"""
    if kind == "object":
        return [key if key.startswith("[") else f".{key}" for key in keys]
    return [f"[{key!r}]" for key in keys]


def _gather(kind: str, keys: list[Any], values: list[Any]) -> Any:
    if kind in ("list", "tuple"):
        return values if kind == "list" else tuple(values)
    return dict(zip(keys, values, strict=True))


def _compare_steps(path: str, given: list[str], wanted: list[str]) -> None:
    for step in wanted:
        if step not in given:
            raise ValueError(f"{path}{step} is not in the file")
    for step in given:
        if step not in wanted:
            raise ValueError(f"{path}{step} is in the file, not in like")


def _read_value(kind: str, rest: list[Any]) -> Any:
    if kind == "value":
        return rest[0]
    if kind == "bytes":
        return bytes.fromhex(rest[0])
    if kind == "int":
        return int(rest[0], 16)
    numbers = [float.fromhex(part) for part in rest]
    return numbers[0] if kind == "float" else complex(*numbers)


def _say(node: Node) -> str:
    kind, *rest = node
    if kind == "value":
        return repr(rest[0])
    if kind in ("object", "function"):
        return f"a {rest[0]}" if kind == "object" else str(rest[0])
    return {"tensor": "an array", "array": "an array", "int": "an int", "scalar": "an array"}.get(kind, f"a {kind}")


def _say_like(like: Any) -> str:
    if isinstance(like, (Tensor, np.ndarray, np.generic)):
        return "an array"
    if trees.is_static(like):
        return _name_of(like) if callable(like) else repr(like)
    name = type(like).__name__
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _name_of(function: Any) -> str:
    names = [getattr(function, attribute, None) for attribute in ("__qualname__", "__name__", "name")]
    return next((name for name in names if isinstance(name, str)), type(function).__name__)


def _explain(x: Any, path: str) -> str:
    kind = type(x).__name__
    if hasattr(x, "state_dict"):
        return f"{path} is a {kind}; save its .state_dict(), and give that back with .load_state_dict(…)"
    if isinstance(x, dict):
        return f"{path} is a {kind}; save dict(…) of it"
    if isinstance(x, (list, tuple, deque)):
        return f"{path} is a {kind}; save list(…) of it"
    if isinstance(x, np.ma.MaskedArray):
        return f"{path} is a masked array; save its .data and its .mask"
    return f"{path} is a {kind}; arrays, numbers, strings, generators and trees of them can be saved"


# -- generators --------------------------------------------------------------------------------------------------------


def _state_as_json(state: Any) -> Any:
    if isinstance(state, dict):
        return {key: _state_as_json(value) for key, value in state.items()}
    if isinstance(state, np.ndarray):
        return state.tolist()
    return state if isinstance(state, str) else int(state)


def _make_generator(state: Any) -> np.random.Generator:
    """ValueError unless the state is one that such a generator can have: NumPy does not check it."""
    name = state.get("bit_generator") if isinstance(state, dict) else None
    if name not in _BIT_GENERATORS:
        raise ValueError(f"it has a random generator {name!r}; {', '.join(_BIT_GENERATORS)} can be loaded")
    bits = getattr(np.random, name)(0)
    bits.state = _state_from_json(state, bits.state, name)
    return np.random.Generator(bits)


_LARGEST = {"pos": 624, "buffer_pos": 4, "has_uint32": 1, "uinteger": 2**32 - 1}


def _state_from_json(state: Any, template: Any, key: str) -> Any:
    if isinstance(template, dict):
        if isinstance(state, dict) and state.keys() == template.keys():
            return {key: _state_from_json(state[key], template[key], key) for key in template}
    elif isinstance(template, np.ndarray):
        whole = isinstance(state, list) and all(_is_between(x, np.iinfo(template.dtype).max) for x in state)
        if whole and len(state) == math.prod(template.shape):
            return np.array(state, template.dtype)
    elif isinstance(template, str):
        if state == template:
            return state
    elif _is_between(state, _LARGEST.get(key, 2**128 - 1)):
        return state
    raise ValueError(f"the state of its random generator is damaged ({key})")


def _is_between(x: Any, largest: int) -> bool:
    return type(x) is int and 0 <= x <= int(largest)
