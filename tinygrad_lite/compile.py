"""compile: a function as fast, straight-line NumPy.

The function is traced once for each kind of arguments (structure, shapes, dtypes), the program is simplified, its
memory is planned, and it is printed as Python source: one call a step, written into reused memory, with nothing between
the calls. What is returned is always fresh, and belongs to the caller.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from . import tree
from .array_view import ArrayView
from .context import current
from .tensor import LIFTED, TRACED, Tensor, leaf

if TYPE_CHECKING:
    from .program.compiled.generate import Generated

Function = Callable[..., Any]


def compile(f: Function) -> Compiled:
    """The function as straight-line NumPy that reuses its memory, made at the first call with each kind of arguments.

    f: takes and returns trees (dicts, lists, tuples, dataclasses) of arrays and numbers, and may use anything the table
    knows, `value_and_grad` and parameter updates included. Arrays and floats are arguments of the program; whole
    numbers, strings and flags are part of the kind. Tensors that f reaches from outside are read at every call. Results
    are fresh arrays. Given a Tensor that a gradient flows through, f itself runs, so that transforms may be put around
    a compiled function (put them inside for speed). TraceError if f reads a number it should compute (`if loss < 1`,
    `float(t)`); RuntimeError if the program does not reproduce f, as when random numbers are drawn inside f: pass them
    as arguments.

    >>> import numpy as np, tinygrad_lite as tg
    >>> @tg.compile
    ... def step(w, x, y, rate):
    ...     loss, dw = tg.value_and_grad(lambda w: np.mean((w @ x - y) ** 2))(w)
    ...     return loss, w - rate * dw
    >>> loss, w = step(np.zeros(2), np.ones((2, 3)), np.ones(3), 0.1)
    >>> float(loss), w
    (1.0, array([0.2, 0.2]))
    """
    return Compiled(f)


class Compiled:
    """A compiled function; call it like the original."""

    __name__: str
    __wrapped__: Function

    def __init__(self, f: Function) -> None:
        self._entries: tuple[list[Entry], list[Entry]] = ([], [])  # under no_grad, and else; newest first
        self._kinds: dict[Any, _Kind] = {}
        functools.update_wrapper(self, f, updated=())
        self.__name__ = getattr(f, "__name__", type(f).__name__)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        mode = current()
        if not kwargs and (mode is None or not mode.tracing):
            count = len(args)
            for expected, entry in self._entries[mode is None or mode.grad_enabled]:
                if expected == count:
                    result = entry(*args)
                    if result is not NotImplemented:
                        return result
        return self._call_any(args, kwargs)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        """A compiled method, bound to its object, which must be a tree (a dataclass, a module)."""
        return self if instance is None else MethodType(self, instance)

    @property
    def programs(self) -> list[Generated]:
        """The programs made so far."""
        return [program for kind in self._kinds.values() for program in kind.programs]

    def source(self, /, *args: Any, **kwargs: Any) -> str:
        """The generated code for arguments like these."""
        leaves, structure = tree.flatten((args, kwargs))
        leaves, key, _ = _classify(leaves, structure, self.__name__)
        kind = self._kinds.setdefault(key, _Kind())
        if all(program.find(leaves) is None for program in kind.programs):
            self._compile_kind(args, kwargs, leaves, key, kind)
        return kind.programs[0].text

    def _call_any(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call with arguments of a new kind, or in a form that no `entry` takes apart."""
        mode = current()
        leaves, structure = tree.flatten((args, kwargs))
        if mode is not None and mode.tracing or any(type(x) is Tensor and x._flags for x in leaves):
            return self.__wrapped__(*args, **kwargs)  # a gradient flows through an argument: a program has none
        leaves, key, as_tensors = _classify(leaves, structure, self.__name__)
        kind = self._kinds.setdefault(key, _Kind())
        for program in kind.programs:
            found = program.find(leaves)
            if found is not None:
                result = program.run(leaves, found)
                break
        else:
            result = self._compile_kind(args, kwargs, leaves, key, kind)
        if as_tensors:
            return tree.map(lambda x: leaf(x, 0) if isinstance(x, (np.ndarray, np.generic)) else x, result)
        return result

    def _compile_kind(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], leaves: list[Any], key: Any, kind: _Kind
    ) -> Any:
        """Make the program for this kind of arguments and keep it, if its first result is the function's own."""
        mode = current()
        f, name = self.__wrapped__, self.__name__
        if mode is not None and mode.tracing:
            raise RuntimeError(f"{name}: inside a traced function, call the plain function, not the compiled one")
        from .program.compiled.generate import check_first_result, check_repeatable, generate, trace_function
        from .program.compiled.outside import WAYS, Outside

        for way in WAYS:
            outside = Outside(f, way)
            try:
                trace = trace_function(outside, name, args, kwargs, key[0])
                if any(t._flags & (LIFTED | TRACED) for _, t in trace.program.captures):
                    return f(*args, **kwargs)  # it reaches for a tensor of a transform that is running around it
                check_repeatable(name, trace, trace_function(outside, name, args, kwargs, key[0]), outside)
                expected = f(*args, **kwargs)
                outside.forget_counters()
                generated = generate(trace, outside, name, leaves)
                found = generated.find(leaves)
                if found is None:  # changed meanwhile
                    return expected
                result = generated.run(leaves, found)
                check_first_result(name, result, expected, trace, leaves, found)
                break
            except Exception:
                if way == WAYS[-1] or outside.is_settled:
                    raise
        kind.programs.insert(0, generated)
        if generated.entry is not None:
            self._entries[key[-1]].insert(0, (len(args), generated.entry))
        return result


Entry = tuple[int, Function]
"""The number of arguments, and the generated `entry`."""


class _Kind:
    """Arguments of one structure, with arrays of the same shapes and dtypes. programs: newest first."""

    def __init__(self) -> None:
        self.programs: list[Generated] = []


def _classify(leaves: list[Any], structure: tree.Structure, name: str) -> tuple[list[Any], Any, bool]:
    """The leaves as plain arrays, what kind of arguments they are, and whether Tensors were among them."""
    leaves = list(leaves)
    as_tensors = False
    kinds: list[Any] = []
    for i, x in enumerate(leaves):
        if type(x) is Tensor:
            as_tensors = True
            x = leaves[i] = x._array
        if isinstance(x, (np.memmap, ArrayView)):
            x = leaves[i] = np.asarray(x).view(np.ndarray)
        if type(x) in (int, float, complex):
            kinds.append(type(x))
        elif type(x) is np.ndarray or isinstance(x, np.generic):
            if x.dtype.kind not in "fciub":
                raise TypeError(f"{name}: an argument is an array of dtype {x.dtype}, not of numbers")
            kinds.append((type(x), x.shape, x.dtype))
        else:
            raise TypeError(
                f"{name}: an argument is a {type(x).__name__}; compiled functions take NumPy arrays and numbers"
            )
    mode = current()
    return leaves, (structure, tuple(kinds), mode is None or mode.grad_enabled), as_tensors
