"""compile: a function as fast, straight-line code.

The function is traced once for each kind of arguments (structure, shapes, dtypes), the program is simplified, and it is
printed: as C, in a few fused loops, where there is a C compiler; else as Python source, one NumPy call a step, written
into reused memory, with nothing between the calls. What is returned is always fresh, and belongs to the caller.
"""

from __future__ import annotations

import functools
import operator
import sys
from collections.abc import Callable
from contextlib import suppress
from types import MethodType
from typing import TYPE_CHECKING, Any

import numpy as np

from . import tree
from .array_view import ArrayView
from .callsite import warn
from .containers import advise
from .context import current, running, switched
from .foreign import name_kind
from .keywords import explains_keywords
from .signatures import check_function
from .tensor import GRAD, LIFTED, TRACED, Tensor, leaf

if TYPE_CHECKING:
    from .program.compiled.generate import Generated

Function = Callable[..., Any]


@explains_keywords
def compile(f: Function, target: str = "auto") -> Compiled:
    """The function as straight-line code that reuses its memory, made at the first call with each kind of arguments.

    target: "c" prints C, has the system's compiler build it (half a second, once: libraries are kept in the user's
    cache folder) and loads it; "numpy" prints calls of NumPy; "auto" takes C where a compiler and Python's headers are
    found and the program is not very long (as an unrolled loop may be, at 15 ms of the compiler's time for each step),
    else NumPy. The environment variable TINYGRAD_LITE_TARGET says what "auto" is. Steps that C does not know
    stay NumPy's, between native ones. Native code raises no floating-point warnings.

    f: takes and returns trees (dicts, lists, tuples, dataclasses) of arrays and numbers, and may use anything the table
    knows, `value_and_grad` and parameter updates included. Arrays and floats are arguments of the program; whole
    numbers are part of it until they have changed a few times, strings and flags always. Results are fresh arrays.

    What f reaches from outside (globals, closures, attributes, items) is found again at every call: arrays and Tensors
    are inputs of the program, numbers and flags are compared. Another program is made where f reads the numbers of an
    array that has changed; RuntimeWarning where that goes on. What f changes outside, it changes only while traced.

    Where a gradient flows through an argument, or to a Tensor outside (except under `no_grad`), and inside `tg.vmap`, f
    itself runs, so that transforms may be put around a compiled function; put them inside for speed.

    RuntimeError for target="c" where there is no C compiler, with what to install.
    TraceError if f reads a number it should compute (`if loss < 1`, `float(t)`); RuntimeError if the program does not
    reproduce f, as when random numbers are drawn inside f: pass them as arguments; RuntimeError if f changes its
    arguments (`params["W"] -= …`), which it would do at the first call alone: return the new ones; TypeError if f
    reaches something whose numbers cannot be watched (a table of pandas, a queue).

    >>> import numpy as np, tinygrad_lite as tg
    >>> @tg.compile
    ... def step(w, x, y, rate):
    ...     loss, dw = tg.value_and_grad(lambda w: np.mean((w @ x - y) ** 2))(w)
    ...     return loss, w - rate * dw
    >>> loss, w = step(np.zeros(2), np.ones((2, 3)), np.ones(3), 0.1)
    >>> float(loss), w
    (1.0, array([0.2, 0.2]))
    """
    check_function("compile", f)
    return Compiled(f, target)


class Compiled:
    """A compiled function; call it like the original."""

    __name__: str
    __wrapped__: Function

    def __init__(self, f: Function, target: str = "auto") -> None:
        self._entries: tuple[list[Entry], list[Entry]] = ([], [])  # under no_grad, and else; newest first
        self._kinds: dict[Any, _Kind] = {}
        functools.update_wrapper(self, f, updated=())
        self.__name__ = getattr(f, "__name__", type(f).__name__)
        self._asked = target
        if not isinstance(target, str) or target != "auto":
            _ = self.target  # what cannot be had is said at once

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

    def __reduce__(self) -> str | tuple[Any, ...]:
        """Copied and pickled as functions are: by name, where that names it; else its function, to be compiled anew."""
        name = getattr(self.__wrapped__, "__qualname__", "")
        try:
            named = operator.attrgetter(name)(sys.modules[self.__wrapped__.__module__])
        except (AttributeError, KeyError):
            named = None
        return name if named is self else (Compiled, (self.__wrapped__, self._asked))

    def __repr__(self) -> str:
        count = len(self.programs)
        return f"<compiled {self.__name__}, {count} program{'s' * (count != 1)}: print .source(*args)>"

    @property
    def target(self) -> str:
        """What the programs are printed as: "c" if one of them has native code in it, else "numpy"; before the first
        call, what is to be tried."""
        from .program.native.target import choose_target

        if self.programs:
            return "c" if any(program.native for program in self.programs) else "numpy"
        return choose_target(self._asked)

    @property
    def programs(self) -> list[Generated]:
        """The programs made so far."""
        return [program for kind in self._kinds.values() for program in kind.programs]

    def source(self, /, *args: Any, **kwargs: Any) -> str:
        """The generated code for arguments like these: the Python, and behind it, in comments, the C."""
        leaves, structure = tree.flatten((args, kwargs))
        leaves, key, _ = _classify(leaves, structure, self.__name__)
        kind = self._kinds.setdefault(key, _Kind())
        if all(program.find(leaves) is None for program in kind.programs):
            self._compile_kind(args, kwargs, leaves, key, kind)
        if not kind.programs:
            raise RuntimeError(f"{self.__name__} has no program: what it reaches outside changes while it is made")
        program = kind.programs[0]
        if program.native is None:
            return program.text
        c = "".join(f"# {line}".rstrip() + "\n" for line in program.native.splitlines())
        return f"{program.text}\n\n# The C behind it:\n\n{c}"

    def _call_any(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call with arguments of a new kind, or in a form that no `entry` takes apart."""
        mode = current()
        leaves, structure = tree.flatten((args, kwargs))
        if mode is not None and mode.tracing or any(isinstance(x, Tensor) and x._flags for x in leaves):
            return self.__wrapped__(*args, **kwargs)  # a gradient flows through an argument: a program has none
        transform = running.get()
        if transform is not None and transform.level is not None:  # it may reach what stands for many examples
            return self.__wrapped__(*args, **kwargs)
        leaves, key, as_tensors = _classify(leaves, structure, self.__name__)
        kind = self._kinds.setdefault(key, _Kind())
        for program in kind.programs:
            found = program.find(leaves)
            if found is not None:
                result = NotImplemented if program.gives_gradient else program.run(leaves, found)
                if result is NotImplemented:
                    result = _as_arrays(self.__wrapped__(*args, **kwargs))
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
        changed = kind.changed_numbers(leaves)
        if kind.changes > _MOST_CHANGES:
            return _as_arrays(f(*args, **kwargs))
        generated = None
        if changed:
            tries = [changed] + ([frozenset([place]) for place in changed] if len(changed) > 1 else [])
            for places in tries:
                try:
                    generated, result = self._make_program(args, kwargs, leaves, key, kind.variable | places)
                except Exception:
                    continue
                kind.variable |= places
                if places == changed:
                    break
            kind.fixed |= changed - kind.variable
        if generated is None:
            generated, result = self._make_program(args, kwargs, leaves, key, kind.variable)
        if generated is None:
            kind.changes += 1
            return result
        if any(program.find(leaves) is not None for program in kind.programs):
            return result  # another thread has been faster
        kind.programs.insert(0, generated)
        if generated.entry is not None:
            self._entries[key[-1]].insert(0, (len(args), generated.entry))
        if len(kind.programs) == _MANY:
            warn(_many_programs(name, kind))
        return result

    def _make_program(
        self, args: tuple[Any, ...], kwargs: dict[str, Any], leaves: list[Any], key: Any, variable: frozenset[int | str]
    ) -> tuple[Generated | None, Any]:
        """The program and its first result; no program where what is outside is changing, or being differentiated.

        variable: numbers that are inputs.
        """
        from .program.compiled.generate import (
            check_first_result,
            check_repeatable,
            check_unchanged,
            generate,
            trace_function,
        )
        from .program.native.compiler import NotCompiled, find_compiler
        from .program.native.library import start_runtime
        from .program.native.target import choose_target, give_up
        from .program.outside.outside import Outside
        from .program.outside.walk import WAYS

        f, name = self.__wrapped__, self.__name__
        if choose_target(self._asked) == "c":
            with suppress(NotCompiled):  # which is told below, where there is something to compile
                start_runtime(find_compiler())  # the first one on a machine is made while the function is traced
        for way in WAYS:
            outside = Outside(f, key[0], way, variable)
            if variable and outside.looks_numbers_up:
                raise TypeError("a number that looks things up is no input")
            try:
                trace = trace_function(outside, name, args, kwargs, key[0])
                if any(t._flags & TRACED for _, t in trace.program.captures):
                    raise RuntimeError(
                        f"{name} reaches for a value that was kept from an earlier trace: what a compiled function "
                        "keeps (on an object, in a list, a global) it keeps only while it is traced. Return it, and "
                        "pass it in again; or compile a function without such a side effect"
                    )
                if any(t._flags & LIFTED for _, t in trace.program.captures):
                    return None, f(*args, **kwargs)  # it reaches for a tensor of a transform that is running around it
                states = outside.read_random_states()
                again = trace_function(outside, name, args, kwargs, key[0])
                check_repeatable(name, trace, again, outside, states)
                before = [x.copy() if isinstance(x, np.ndarray) else x for x in leaves]
                with switched(runs_bodies=True):
                    expected = f(*args, **kwargs)
                check_unchanged(name, leaves, before)
                outside.forget_own_changes()
                try:
                    target = choose_target(self._asked, len(trace.program.steps))
                    generated = generate(trace, outside, name, leaves, target)
                except NotCompiled as reason:
                    give_up(name, reason)
                    generated = generate(trace, outside, name, leaves, "numpy")
                if any(type(x) is Tensor and x._flags & GRAD for x in tree.flatten(expected)[0]):
                    generated.gives_gradient, generated.entry = True, None
                    return generated, expected
                expected = _as_arrays(expected)
                found = generated.find(leaves)
                result = NotImplemented if found is None else generated.run(leaves, found)
                if found is None or result is NotImplemented:  # it changed meanwhile; it cannot be compared
                    return None, expected
                try:
                    check_first_result(name, result, expected, trace, leaves, found)
                except RuntimeError:
                    if generated.native is None:
                        raise
                    return self._leave_to_numpy(args, kwargs, leaves, key, variable)
                return generated, result
            except Exception:
                if way == WAYS[-1] or outside.is_settled:
                    raise
        raise AssertionError

    def _leave_to_numpy(self, *arguments: Any) -> tuple[Generated | None, Any]:
        """The program as NumPy, after native code has given another result than the function. If NumPy does, too, the
        function is the reason, and the error says so."""
        asked, self._asked = self._asked, "numpy"
        try:
            made = self._make_program(*arguments)
        except Exception:
            self._asked = asked
            raise
        warn(
            f"{self.__name__} runs as NumPy: as native code it gave another result than the function itself. That is a "
            "mistake in tinygrad_lite or in the C compiler; please report it"
        )
        return made


Entry = tuple[int, Function]
"""The number of arguments, and the generated `entry`."""
_FEW = 3  # programs for different numbers, before it is tried whether one can do for all
_MANY = 12  # programs of one kind, at which the user is told
_MOST_CHANGES = 50  # of what is outside; from then on the function itself runs, which takes less than making programs


class _Kind:
    """Arguments of one structure, with arrays of the same shapes and dtypes. programs: newest first.

    variable: the numbers that are inputs, since they have changed: paths of those outside, places of those among the
    leaves. fixed: those that have changed, but decide what is computed. changes: how often nothing but what is outside
    was another.
    """

    def __init__(self) -> None:
        self.programs: list[Generated] = []
        self.variable: frozenset[int | str] = frozenset()
        self.fixed: frozenset[int | str] = frozenset()
        self.changes = 0

    def changed_numbers(self, leaves: list[Any]) -> frozenset[int | str]:
        """Those that are no longer what they are in the newest program, and might be inputs."""
        if not self.programs:
            return frozenset()
        newest = self.programs[0]
        places: list[int | str] = [*newest.changed_places(leaves)]
        self.changes += not places
        if len(self.programs) < _FEW:
            return frozenset()
        places = [i for i in places if type(i) is int and type(leaves[i]) is int]
        return frozenset([*places, *newest.changed_numbers()]) - self.fixed


def _many_programs(name: str, kind: _Kind) -> str:
    what = ", ".join(sorted(f"argument {x}" if type(x) is int else str(x) for x in kind.fixed))
    why = f"because of numbers that decide what is computed ({what})" if what else "because of what it reaches outside"
    return (
        f"{name} has been compiled {_MANY} times for arguments of the same shapes, {why}. Pass what changes as an "
        "argument: an array, or a float. A number that decides on shapes or branches needs a program for each value"
    )


def _as_arrays(result: Any) -> Any:
    """What a function returned, with arrays for the Tensors that have no gradient."""
    return tree.map(lambda x: x._array if type(x) is Tensor and not x._flags else x, result)


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
            what = f"{name}: an argument is {name_kind(x)}; compiled functions take NumPy arrays and numbers"
            raise TypeError(what + advise(x))
    kinds += map(id, tree.tensors_in(structure))  # which the program reads, and so keeps alive
    mode = current()
    return leaves, (structure, tuple(kinds), mode is None or mode.grad_enabled), as_tensors
