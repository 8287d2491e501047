"""compile: a function as fast, straight-line NumPy.

The function is traced once for each kind of arguments (structure, shapes, dtypes), the program is simplified, its memory
is planned, and it is printed as Python source: one call a step, written into reused memory, with nothing between the
calls. What is returned is always fresh, and belongs to the caller.
"""

from __future__ import annotations

import builtins
import functools
import linecache
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import tree
from .context import current
from .program.factors import place_factors
from .program.plan import REDUCTIONS, Plan, plan
from .program.program import Node, Operand, Program, is_scalar
from .program.simplify import EXACT, VIEWS, inline, run_passes, split_means
from .program.trace import collect, traced, tracing
from .op import Op, pick
from .rules.elementwise import add, divide, multiply, negative, subtract
from .rules.products import matmul
from .tensor import GRAD, LIFTED, TRACED, Tensor, leaf, next_seq

Function = Callable[..., Any]
_MISS = object()  # what a generated function returns when the arguments are not of its kind
_OPERATORS = {add: "+", subtract: "-", multiply: "*"}
_ARITHMETIC = {add, subtract, multiply, divide}
_LITERALS = (int, bool, str, type(None))


class Compiled:
    """A compiled function; call it like the original. `.source(*args)` is the code it runs for such arguments."""

    def __init__(self, f: Function) -> None:
        self._f = f
        self._entries: list[tuple[int, Function]] = []  # (number of arguments, generated function)
        self._kinds: dict[Any, _Generated] = {}
        functools.update_wrapper(self, f, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not kwargs:
            count = len(args)
            for expected, entry in self._entries:
                if expected == count:
                    result = entry(*args)
                    if result is not _MISS:
                        return result
        return self._slowly(args, kwargs)

    def source(self, *args: Any, **kwargs: Any) -> str:
        """The generated code for arguments like these (they are only looked at, unless their kind is new)."""
        leaves, kind, _ = _prepare(args, kwargs, self.__name__)
        generated = self._kinds.get(kind)
        if generated is None:
            generated, _ = self._compiled(args, kwargs, leaves, kind)
        return generated.text

    def _slowly(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """A call with arguments of a new kind, or not in the form the generated entry expects."""
        leaves, kind, as_tensors = _prepare(args, kwargs, self.__name__)
        generated = self._kinds.get(kind)
        if generated is None:
            _, result = self._compiled(args, kwargs, leaves, kind)
        else:
            result = generated.body(*(leaves[i] for i in generated.dynamic))
        if as_tensors:
            return tree.map(lambda x: leaf(x, 0) if isinstance(x, (np.ndarray, np.generic)) else x, result)
        return result

    def _compiled(self, args: Any, kwargs: Any, leaves: list[Any], kind: Any) -> tuple[_Generated, Any]:
        """Trace, print, and check against the function itself; only then is the program kept."""
        generated = _generate(self._f, args, kwargs, leaves, self.__name__)
        result = generated.body(*(leaves[i] for i in generated.dynamic))
        _check(self.__name__, result, self._f(*args, **kwargs))
        self._kinds[kind] = generated
        if generated.entry is not None:
            self._entries.append((len(args), generated.entry))
        return generated, result

    __name__: str


def compile(f: Function) -> Compiled:
    """The function as straight-line NumPy that reuses its memory, made at the first call with each kind of arguments.

    f: takes and returns trees (dicts, lists, tuples, dataclasses) of arrays and numbers, and may use anything the table
    knows, `value_and_grad` and parameter updates included. Arrays and floats are arguments of the program; whole numbers,
    strings and flags are part of the kind. Tensors that f reaches from outside are read at every call. Results are fresh
    arrays. TraceError if f reads a number it should compute (`if loss < 1`, `float(t)`); RuntimeError if the program does
    not reproduce f, which random numbers drawn inside f cause: pass them as arguments.

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


# -- arguments -------------------------------------------------------------------------------------------------------


def _prepare(args: Any, kwargs: dict[str, Any], name: str) -> tuple[list[Any], Any, bool]:
    """The leaves as plain arrays, what kind of arguments they are, and whether Tensors were among them."""
    leaves, structure = tree.flatten((args, dict(sorted(kwargs.items()))))
    as_tensors = False
    kinds = []
    for i, x in enumerate(leaves):
        if type(x) is Tensor:
            if x._flags & (GRAD | LIFTED | TRACED):
                raise TypeError(
                    f"{name}: a compiled function cannot be differentiated from outside, and was given a Tensor that "
                    "requires a gradient; compile the function that calls tg.value_and_grad, or pass t.data"
                )
            as_tensors = True
            x = leaves[i] = x._data
        if type(x) in (int, complex):
            kinds.append((type(x), x))
        elif type(x) is float:
            kinds.append((float,))
        elif isinstance(x, (np.ndarray, np.generic)) and not isinstance(x, np.ma.MaskedArray):
            if x.dtype.kind not in "fciub":
                raise TypeError(f"{name}: an argument is an array of dtype {x.dtype}; only numbers can be computed with")
            kinds.append((isinstance(x, np.generic), x.shape, x.dtype))
        else:
            raise TypeError(f"{name}: an argument is a {type(x).__name__}; compiled functions take NumPy arrays and numbers")
    return leaves, (structure, tuple(kinds)), as_tensors


class _Generated:
    """The code made for one kind of arguments. dynamic: which leaves the body takes."""

    def __init__(self, text: str, body: Function, entry: Function | None, dynamic: list[int]) -> None:
        self.text, self.body, self.entry, self.dynamic = text, body, entry, dynamic


def _generate(f: Function, args: Any, kwargs: Any, leaves: list[Any], name: str) -> _Generated:
    mode = current()
    if mode is not None and mode.tracing:
        raise RuntimeError(f"{name}: a compiled function was first called while another is traced; call the plain function there")
    structure = tree.flatten((args, dict(sorted(kwargs.items()))))[1]
    dynamic = [i for i, x in enumerate(leaves) if type(x) not in (int, complex)]
    paths = _paths(f, args, kwargs)
    start = next_seq()
    inputs = {i: traced(leaves[i], paths[i]) for i in dynamic}
    with tracing():
        some_args, some_kwargs = tree.unflatten(structure, [inputs.get(i, x) for i, x in enumerate(leaves)])
        output = f(*some_args, **some_kwargs)
    roots, out_structure = tree.flatten(output)
    program, _ = collect(roots, list(inputs.values()), start)
    program = optimised(program)
    writer = _Writer(program, plan(program), name)
    writer.body(out_structure)
    has_entry = not kwargs and writer.entry(args, leaves, structure)
    text = "\n".join(writer.lines) + "\n"
    filename = f"<tinygrad_lite.compile {name} {start}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)  # so that tracebacks show the step
    namespace = dict(writer.names)
    exec(builtins.compile(text, filename, "exec"), namespace)
    return _Generated(text, namespace["body"], namespace["entry"] if has_entry else None, dynamic)


def optimised(program: Program) -> Program:
    """The passes for speed."""
    program = run_passes(program, EXACT)
    program = run_passes(program, (split_means, inline, *EXACT))
    return run_passes(place_factors(program), EXACT)


def _paths(f: Function, args: Any, kwargs: Any) -> list[str]:
    from .transforms import _argument_names

    names = _argument_names(f, len(args))
    found = [path for arg, name in zip(args, names, strict=True) for path in tree.paths(arg, name)]
    return found + [path for key in sorted(kwargs) for path in tree.paths(kwargs[key], key)]


def _check(name: str, result: Any, expected: Any) -> None:
    """RuntimeError unless the program's first result is the function's own."""
    got, structure = tree.flatten(result)
    want, want_structure = tree.flatten(expected)
    reason = "has another structure" if structure != want_structure else ""
    for a, b in zip(got, want, strict=False):
        b = b._data if type(b) is Tensor else b
        a, b = np.asarray(a), np.asarray(b)
        if a.shape != b.shape or a.dtype != b.dtype:
            reason = reason or f"is {a.dtype} {a.shape} instead of {b.dtype} {b.shape}"
        elif a.dtype.kind in "fc":
            tolerance = 1e-3 if a.dtype.itemsize <= (4 if a.dtype.kind == "f" else 8) else 1e-7
            finite = np.isfinite(b)
            scale = np.max(np.abs(b), where=finite, initial=0)
            with np.errstate(all="ignore"):
                off = np.abs(a - b) > tolerance * scale
            if np.any(off & finite) or not np.array_equal(a[~finite], b[~finite], equal_nan=True):
                reason = reason or "differs from it"
        elif not np.array_equal(a, b):
            reason = reason or "differs from it"
    if reason:
        raise RuntimeError(
            f"compile: the program's result is not {name}'s own: it {reason}. Does {name} draw random numbers, or depend "
            "on something that changes between calls? Pass that as an argument"
        )


# -- the printer -----------------------------------------------------------------------------------------------------


class _Writer:
    """Prints a planned program as Python. lines: the source; names: what it refers to."""

    def __init__(self, program: Program, memory: Plan, name: str) -> None:
        self.program = program
        self.plan = memory
        self.names: dict[str, Any] = {"np": np, "MISS": _MISS}
        self.lines: list[str] = []
        self.local: dict[Node, str] = {}
        self.bound: dict[Any, str] = {}
        self.title = name
        for i, node in enumerate(program.inputs):
            self.local[node] = f"x{i}"
        for i, (node, tensor) in enumerate(program.captures):
            self.local[node] = f"w{i}"
            self.names[f"T{i}"] = tensor

    def bind(self, value: Any, prefix: str) -> str:
        """A name for a value the source refers to."""
        key = (prefix, id(value))
        if key not in self.bound:
            self.bound[key] = f"{prefix}{sum(k[0] == prefix for k in self.bound)}"
            self.names[self.bound[key]] = value
        return self.bound[key]

    def function(self, fn: Any) -> str:
        """A short name for a NumPy function, so that a step does not look it up in a module."""
        name = "".join(c if c.isalnum() else "_" for c in getattr(fn, "__name__", "f"))
        while self.names.get(name, fn) is not fn or name in ("entry", "body", "arena", "pool") or not name.isidentifier():
            name += "_"
        self.names[name] = fn
        return name

    def operand(self, x: Operand, dtype: Any = None) -> str:
        """How the source writes an operand. A constant number is an array of the step's dtype: 0.2 µs less per call."""
        if type(x) is Node:
            return self.local[x]
        if type(x) in (int, float, bool) and dtype is None:
            return repr(x) if np.isfinite(x) else self.bind(x, "k")
        if is_scalar(x):
            key = ("number", repr(x), type(x), dtype)
            if key not in self.bound:
                self.bound[key] = f"k{len(self.bound)}_"
                self.names[self.bound[key]] = x if dtype is None else np.asarray(x, dtype)
            return self.bound[key]
        return self.bind(x, "c")

    # -- the body

    def body(self, structure: tree.Structure) -> None:
        """The arena and the function that computes."""
        self._arena()
        arguments = ", ".join(self.local[node] for node in self.program.inputs)
        self.lines += [f"def body({arguments}):"]
        self._describe_inputs()
        held = list(dict.fromkeys(self.local[node] for node in self._held()))
        if held:
            self.lines += ["    try:", "        memory = pool.pop()", "    except IndexError:", "        memory = arena()"]
            self.lines += [f"    {', '.join(held)}, = memory"]
            self.names["pool"] = []
        for i, (node, _) in enumerate(self.program.captures):
            self.lines.append(f"    {self.local[node]} = T{i}._data")
        for node in self.program.steps:
            if node not in self.plan.views:
                self.lines.append(self._step(node))
        results = self._results()
        if held:
            self.lines.append("    pool.append(memory)")
        self.lines.append(f"    return {self._packed(structure, iter(results))}")

    def _describe_inputs(self) -> None:
        for node in (*self.program.inputs, *(n for n, _ in self.program.captures)):
            kind = "float" if node.weak else f"{node.dtype} {node.shape}"
            self.lines.append(f"    # {self.local[node]}: {ascii(node.name)[1:-1] if node.name else 'a captured Tensor'}, {kind}")

    def _held(self) -> list[Node]:
        """What the arena holds: buffers, and views of them."""
        return [node for node in self.program.steps if node in self.plan.offset or node in self.plan.views]

    def _arena(self) -> None:
        held = self._held()
        if not held:
            return
        self.lines += ["def arena():", f"    memory = np.empty({self.plan.size + 64}, np.uint8)"]
        self.lines += ["    start = -memory.ctypes.data % 64"]
        made: dict[Any, str] = {}
        for i, node in enumerate(held):
            key = (self.plan.offset.get(node), node.shape, node.dtype)
            if node in self.plan.offset and key in made:
                self.local[node] = made[key]  # the same memory under the same shape: one name
                continue
            self.local[node] = name = f"m{i}"
            if node in self.plan.offset:
                made[key] = name
                dtype = self.bind(node.dtype, "dtype")
                line = f"np.ndarray({node.shape}, {dtype}, memory, start + {self.plan.offset[node]})"
            else:
                line = self._view(node)
            self.lines.append(f"    {name} = {line}")
        self.lines += [f"    return {', '.join(dict.fromkeys(self.local[node] for node in held))},", ""]

    def _view(self, node: Node) -> str:
        x = self.local[node.operands[0]]
        assert node.op is not None
        if node.op.name == "transpose" and node.params.get("axes") is None:
            return f"{x}.T"
        if node.op.name in ("reshape", "ravel", "expand_dims", "squeeze") and node.params.get("order", "C") == "C":
            return f"{x}.reshape({node.shape})"
        return f"{self.function(node.op.fn)}({x}{self._keywords(node.params)})"

    def _keywords(self, params: dict[str, Any]) -> str:
        return "".join(f", {name}={self._literal(value)}" for name, value in params.items())

    def _literal(self, value: Any) -> str:
        if type(value) in _LITERALS and not isinstance(value, str):
            return repr(value)
        if type(value) is tuple and all(type(v) in (int, bool, type(None)) for v in value):
            return repr(value)
        return self.bind(value, "p")

    def _step(self, node: Node) -> str:
        op = node.op
        assert op is not None
        into = self.local.get(node)
        if into is None:
            into = self.local[node] = f"t{len(self.local)}"
            call = self._call(node, op, None)
            code = f"{into} = float({call})" if node.weak and op not in _OPERATORS else f"{into} = {call}"
        else:
            code = self._call(node, op, into)
        what = "several" if node.shape is None else f"{into}: {node.shape}"
        note = f"{what} {'' if node.dtype is None else node.dtype}, {op.name}" + (f", {ascii(node.name)[1:-1]}" if node.name else "")
        return f"    {code:<60}  # {note}"

    def _call(self, node: Node, op: Op, into: str | None) -> str:
        xs = node.operands
        if op is pick:
            return f"{self.local[xs[0]]}[{node.params['index']}]"
        if op in VIEWS:
            return self._view(node)
        if node.shape == () and all(is_scalar(x) or (type(x) is Node and x.shape == ()) for x in xs):
            if op in _OPERATORS:
                return f"{self.operand(xs[0])} {_OPERATORS[op]} {self.operand(xs[1])}"
            if op is negative:
                return f"-{self.operand(xs[0])}"
        if op in REDUCTIONS:
            reduce = self.function_named(f"{REDUCTIONS[op].__name__}_reduce", REDUCTIONS[op].reduce)
            axis, keepdims = self._literal(node.params.get("axis")), node.params.get("keepdims", False)
            if into is not None:
                return f"{reduce}({self.operand(xs[0])}, {axis}, None, {into}, {keepdims})"
            return f"{reduce}({self.operand(xs[0])}, {axis}, None, None, {keepdims})"
        if op is matmul:
            small = all(len(x.shape) <= 2 for x in xs)  # np.dot is half the price of @, and the same BLAS
            return f"{self.function(np.dot if small else np.matmul)}({', '.join(self._all(xs))}{self._out(into, small)})"
        if isinstance(op.fn, np.ufunc) and not node.params:
            dtype = node.dtype if op in _ARITHMETIC or op.name in ("maximum", "minimum") else self._compared(node)
            return f"{self.function(op.fn)}({', '.join(self._all(xs, dtype))}{self._out(into, op.arity == op.fn.nin and op.name not in ('maximum', 'minimum'))})"
        if op.name == "where" and node.dtype is not None:
            c, a, b = xs
            return f"where({self.operand(c)}, {self.operand(a, node.dtype)}, {self.operand(b, node.dtype)})" if self.function(np.where) == "where" else ""
        return f"{self.function(op.fn)}({', '.join(self._all(xs))}{self._keywords(node.params)})"

    def function_named(self, name: str, fn: Any) -> str:
        self.names[name] = fn
        return name

    def _all(self, xs: Sequence[Operand], dtype: Any = None) -> list[str]:
        return [self.operand(x, dtype) for x in xs]

    def _out(self, into: str | None, positional: bool) -> str:
        if into is None:
            return ""
        return f", {into}" if positional else f", out={into}"

    def _compared(self, node: Node) -> Any:
        """The dtype for a constant beside an array in a comparison; None to leave a constant as it is."""
        arrays = [x for x in node.operands if type(x) is Node]
        numbers = [x for x in node.operands if type(x) is not Node]
        if node.dtype == np.bool_ and len(arrays) == 1 and arrays[0].shape and not arrays[0].weak and len(numbers) == 1:
            kind = arrays[0].dtype
            if kind.kind == "f" and type(numbers[0]) in (int, float) and kind.type(numbers[0]) == numbers[0]:
                return kind
        return None

    def _results(self) -> list[str]:
        """The outputs, each in memory of its own."""
        seen: set[Any] = set()
        results = []
        ours = {node for node in self.program.steps if self._is_fresh(node)}
        for x in self.program.outputs:
            text = self.operand(x)
            if isinstance(x, np.ndarray) or (type(x) is Node and (x not in ours or x in seen) and x.shape is not None):
                weak = type(x) is Node and x.weak
                text = text if weak else f"{text}.copy()"
            seen.add(x if type(x) is Node else None)
            results.append(text)
        return results

    def _is_fresh(self, node: Node) -> bool:
        """Whether a step made memory that nothing else refers to."""
        if node in self.plan.offset or node in self.plan.views or node.op in VIEWS or node.op is pick:
            return False
        if node.op is not None and (node.op.name in ("getitem", "real", "imag", "diagonal") or node.op.kind == "linear"):
            return node.op in REDUCTIONS
        return True

    def _packed(self, structure: tree.Structure, results: Any) -> str:
        """The source of the returned tree."""
        if structure.kind is tree.LEAF:
            return str(next(results))
        if structure.kind is tree.STATIC:
            return self.bind(structure.meta, "s")
        children = [self._packed(child, results) for child in structure.children]
        if structure.kind is tuple:
            return "(" + "".join(child + ", " for child in children) + ")"
        if structure.kind is list:
            return "[" + ", ".join(children) + "]"
        if structure.kind is dict:
            keys = [self._key(key) for key in structure.meta]
            return "{" + ", ".join(f"{k}: {v}" for k, v in zip(keys, children, strict=True)) + "}"
        return f"{self.bind(structure.rebuild, 'rebuild')}({self.bind(structure.meta, 's')}, [{', '.join(children)}])"

    def _key(self, key: Any) -> str:
        return ascii(key) if type(key) in (str, int) else self.bind(key, "key")

    # -- the entry

    def entry(self, args: tuple[Any, ...], leaves: list[Any], structure: tree.Structure) -> bool:
        """The function that recognises arguments of this kind and unpacks them; False if it cannot be written."""
        lines = ["", f"def entry({', '.join(f'a{i}' for i in range(len(args)))}):"]
        names: list[str] = []
        tests: list[str] = []
        todo = iter(leaves)
        count = iter(range(10**6))

        def walk(s: tree.Structure, value: str) -> bool:
            if s.kind is tree.LEAF:
                x = next(todo)
                tests.extend(self._tests(value, x))
                if type(x) not in (int, complex):
                    names.append(value)
                return True
            if s.kind is tree.STATIC:
                tests.append(f"{value} is not {self.bind(s.meta, 's')}")
                return s.meta is None or isinstance(s.meta, (bool, type)) or callable(s.meta)
            if s.kind not in (dict, list, tuple):
                return False
            flush([f"type({value}) is not {s.kind.__name__} or len({value}) != {len(s.children)}"])
            for i, child in enumerate(s.children):
                part = f"v{next(count)}"
                if s.kind is dict:
                    key = self._key(s.meta[i])
                    lines.append(f"    {part} = {value}.get({key}, MISS)")
                else:
                    lines.append(f"    {part} = {value}[{i}]")
                if not walk(child, part):
                    return False
            return True

        def flush(more: list[str]) -> None:
            every = tests + more
            tests.clear()
            if every:
                lines.append(f"    if {' or '.join(every)}:")
                lines.append("        return MISS")

        for i, child in enumerate(structure.children[0].children):
            if not walk(child, f"a{i}"):
                return False
        flush([])
        lines.append(f"    return body({', '.join(names)})")
        self.lines += lines
        return True

    def _tests(self, value: str, x: Any) -> list[str]:
        """The conditions under which an argument is not of this kind."""
        if type(x) in (int, complex):
            return [f"type({value}) is not {type(x).__name__}", f"{value} != {x!r}"]
        if type(x) is float:
            return [f"type({value}) is not float"]
        kind = self.bind(type(x) if isinstance(x, np.generic) else np.ndarray, "type_")
        if isinstance(x, np.generic):
            return [f"type({value}) is not {kind}"]
        return [f"type({value}) is not {kind}", f"{value}.shape != {x.shape}", f"{value}.dtype is not {self.bind(x.dtype, 'dtype')}"]

