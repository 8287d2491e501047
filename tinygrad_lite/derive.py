"""derive: the backward pass of a function, written out as a person would write it.

The function is traced once, forward and backward; the program is simplified, elementwise algebra included, and printed
in the user's own names as a NumPy function that runs as it stands.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import tree
from .backward import recorded, sweep
from .op import Op
from .program.algebra import Algebra, Fact, forward_part
from .program.expression import Expr, Writer, text
from .program.helpers import Helpers
from .program.latex import latex
from .program.layout import Labels, Layout, Line
from .program.names import clean, leaf_names
from .program.observe import Variables, observing
from .program.program import Node, Program
from .program.reading import (
    constants_by_name,
    cotangents_apart,
    drop_needless_guards,
    familiar_functions,
    plain_numbers,
    plain_scalars,
    plain_sums,
    plain_transposes,
    plain_vectors,
)
from .program.simplify import EXACT, drop_dead, run_passes
from .program.trace import collect, traced, tracing
from .tensor import GRAD, LIFTED, TRACED, Tensor, check_differentiable, leaf, next_seq
from .transforms import _indices, _scalar, argument_names, identity, value_and_grad

Function = Callable[..., Any]
_ALIGNED = 64  # comments stand below one another, but for lines longer than this
_PLAIN = (plain_numbers, plain_scalars, plain_sums, plain_transposes, plain_vectors)
_CLOSE = 1e-7  # how far the text may be from autograd, relative to the largest entry; both are rounded


class Derivation:
    """The formulas of a function's gradient.

    source: a NumPy function as text, forward pass and backward pass. function: that text, executed; it takes what the
    original takes, in the same structure and shapes (ValueError otherwise), and returns (value, gradient) as
    `value_and_grad` does. In a notebook it shows as formulas.
    """

    def __init__(self, source: str, function: Function, lines: Sequence[Sequence[Line]]) -> None:
        self.source = source
        self.function = function
        self._lines = lines

    def __str__(self) -> str:
        return self.source

    def __repr__(self) -> str:
        return f"<Derivation {self.function.__name__}: print it, or call .function>"

    def _repr_latex_(self) -> str:
        blocks = [[(line.name, line.expression) for line in block] for block in self._lines]
        return latex(blocks)


def derive(f: Function, *args: Any, wrt: int | Sequence[int] = 0, simplify: bool = True) -> Derivation:
    """The gradient of f, as NumPy code with the forward and then the backward pass, in f's own variable names.

    f: returns one number; args: arguments like those it will be given (trees of arrays): the formulas hold for their
    shapes. wrt: which arguments to differentiate, as argnums of `value_and_grad`. simplify: elementwise algebra, which
    needs SymPy (ImportError where it is missing). Values that f reaches from outside become globals of the function; a
    fact of the data that was used, such as that one-hot labels sum to 1, is checked by it.

    >>> import numpy as np, tinygrad_lite as tg
    >>> def cost(W, X, Y):
    ...     m = X.shape[1]
    ...     Z = W @ X
    ...     A = tg.sigmoid(Z)
    ...     J = -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / m
    ...     return J
    >>> X, Y = np.array([[1.0, 2.0, 4.0], [0.5, -1.0, 3.0]]), np.array([[0.0, 1.0, 1.0]])
    >>> print(tg.derive(cost, np.array([[0.1, -0.2]]), X, Y).source.partition("# Backward pass")[2])
    <BLANKLINE>
        dZ = (A - Y) / m  # (1, 3)
        dW = dZ @ X.T     # (1, 2)
    <BLANKLINE>
        return J, dW
    <BLANKLINE>
    """
    recording = _record(f, args, wrt)
    attempts = [True, False] if simplify else [False]
    for algebra in attempts:
        derivation = _write(recording, algebra)
        problem = _difference(recording, derivation)
        if problem is None:
            return derivation
    if not _reproducible(recording):
        raise ValueError(
            f"derive: {recording.title} gives different results for the same arguments; if it draws random numbers, "
            "draw them outside and pass them as arguments"
        )
    raise RuntimeError(f"derive: {problem}; this is a bug of tinygrad_lite, please report the function")


# -- recording -------------------------------------------------------------------------------------------------------


@dataclass
class _Argument:
    """A positional argument. tensors: what stands for its leaves in the trace; None for a whole number: it is fixed."""

    name: str
    structure: tree.Structure
    paths: list[str]
    leaves: list[Any]
    tensors: list[Tensor | None]

    @property
    def traced(self) -> list[Tensor]:
        return [t for t in self.tensors if t is not None]

    def tree(self) -> Any:
        mixed = [x if t is None else t for x, t in zip(self.leaves, self.tensors, strict=True)]
        return tree.unflatten(self.structure, mixed)


@dataclass
class _Recording:
    """A traced function. program: its outputs are the value, the gradients of the leaves of wrt, and named values."""

    f: Function
    args: tuple[Any, ...]
    wrt: int | Sequence[int]
    chosen: list[int]
    arguments: list[_Argument]
    variables: Variables
    program: Program
    labels: Labels
    names: dict[Node, str]  # of inputs and captures
    variable: frozenset[Node]  # the inputs that the gradient is taken of
    taken: set[str]

    @property
    def inputs(self) -> list[Any]:
        return [t._data for a in self.arguments for t in a.traced]

    @property
    def title(self) -> str:
        """What the function is called."""
        name = getattr(self.f, "__name__", "f")
        return "f" if name == "<lambda>" else clean(name)

    @property
    def results(self) -> int:
        """The number of outputs that are asked for."""
        return 1 + sum(len(self.arguments[i].traced) for i in self.chosen)


def _record(f: Function, args: tuple[Any, ...], wrt: int | Sequence[int]) -> _Recording:
    """Trace f and its backward pass."""
    chosen = _indices(wrt, args, "derive")
    start = next_seq()
    parameters: list[str] = []
    known_names = argument_names(f)[: len(args)]
    for name in [*known_names, *(f"arg{i}" for i in range(len(known_names), len(args)))]:
        parameters.append(clean(name, parameters))
    arguments = [_argument(p, arg, i in chosen) for i, (p, arg) in enumerate(zip(parameters, args, strict=True))]
    inputs = [t for a in arguments for t in a.traced]
    with observing() as variables, tracing():
        output = f(*(a.tree() for a in arguments))
    y = _scalar(output, f, "derive")
    leaves = [t for i in chosen for t in arguments[i].traced]
    named = [t for t in variables.tensors(start) if t._op is not identity]
    found: dict[Tensor, Any] = {}
    if y is not None and y._flags & GRAD:
        nodes, _ = recorded([y], oldest=start)
        with tracing(), np.errstate(all="ignore"):
            wanted = {t for t in [*named, *leaves] if t._flags & GRAD}
            found = sweep(nodes, [(y, leaf(np.ones_like(y._data), 0))], wanted, True)
    labels = _labelled(named, leaves, found, variables)
    roots = [output if y is None else y, *(found.get(t) for t in leaves)]
    program, known = collect([*roots, *named], inputs, start)
    # The named values that nothing needs stay for now: one may turn out to be a part of the backward pass.
    program = run_passes(program, (*EXACT[:-1], constants_by_name(variables.arrays)))
    names = _input_names(arguments, program, variables, parameters)
    for t in leaves:
        labels.backward[f"d#{t.name}"] = names[known[t]]
    variable = frozenset(known[t] for t in leaves)
    taken = {*parameters, *names.values()}
    return _Recording(f, args, wrt, chosen, arguments, variables, program, labels, names, variable, taken)


def _argument(name: str, arg: Any, differentiated: bool) -> _Argument:
    leaves, structure = tree.flatten(arg)
    paths = tree.paths(arg, name)
    return _Argument(
        name, structure, paths, leaves, [_stand_in(x, p, differentiated) for x, p in zip(leaves, paths, strict=True)]
    )


def _stand_in(x: Any, path: str, differentiated: bool) -> Tensor | None:
    """The Tensor that stands for a leaf in the trace."""
    if type(x) is Tensor:
        if x._flags & (LIFTED | TRACED):
            raise TypeError(f"derive: {path} is a value of a transform or trace that is still running; derive outside")
        x = x._data
    if type(x) is int and not differentiated:
        return None
    if not differentiated:
        return traced(x if type(x) is float or isinstance(x, np.ndarray) else np.asarray(x), path)
    array = np.asarray(x)
    check_differentiable(array.dtype, path)
    return traced(array, path, GRAD | LIFTED)


def _labelled(named: list[Tensor], leaves: list[Tensor], found: dict[Tensor, Any], variables: Variables) -> Labels:
    """Give the values of the trace their names. A cotangent of several values is called after the newest."""
    labels = Labels()
    for i, t in enumerate(named):
        t.name = f"{i}#"
        labels.forward[t.name] = variables.name(t) or "t"
    for t in [*reversed(named), *leaves]:
        g = found.get(t)
        if type(g) is Tensor and g._op is not None and g.name is None:
            g.name = f"d#{t.name}"
            if t._op is not None:
                labels.backward[g.name] = str(t.name)
    return labels


def _input_names(
    arguments: list[_Argument], program: Program, variables: Variables, parameters: list[str]
) -> dict[Node, str]:
    """A name for each leaf and for each tensor from outside."""
    paths = [p for a in arguments for p, t in zip(a.paths, a.tensors, strict=True) if t is not None]
    tensors = [t for a in arguments for t in a.traced]
    names: dict[Node, str] = {}
    taken = set(parameters)
    locals_ = [variables.name(t) for t in tensors]
    wishes = [
        local if local and short.rpartition("_")[2].isdigit() else short
        for local, short in zip(locals_, leaf_names(paths), strict=True)
    ]
    for i, (node, path, wish) in enumerate(zip(program.inputs, paths, wishes, strict=True)):
        if path in parameters:
            names[node] = path
            continue
        several = wishes.count(wish) > 1 and not wish[-1].isdigit()  # W of a loop over layers: W1, W2, …
        names[node] = clean(f"{wish}{wishes[: i + 1].count(wish)}" if several else wish, taken)
        taken.add(names[node])
    for node, t in program.captures:
        names[node] = clean(t.name or variables.name(t) or "c", taken)
        taken.add(names[node])
    return names


# -- writing ---------------------------------------------------------------------------------------------------------


def _write(recording: _Recording, simplify: bool) -> Derivation:
    """The derivation, with or without algebra."""
    program = run_passes(recording.program, (drop_needless_guards, familiar_functions, *_PLAIN, *EXACT))
    names = frozenset(recording.labels.forward)
    facts: list[Fact] = []
    if simplify:
        known = recording.variables
        samples = _samples(recording.inputs)
        algebra = Algebra(names, recording.variable, samples, frozenset(known.sizes), frozenset(known.literals))
        program = algebra(program)
        facts = algebra.facts
    outputs = (*program.outputs[: recording.results], *(fact.node for fact in facts))
    program = Program(program.inputs, program.captures, program.steps, outputs)
    program = run_passes(program, (*_PLAIN, *EXACT))
    program = cotangents_apart(lambda p: forward_part(p, names), recording.labels.backward)(program)
    program = drop_dead(program)
    return _Text(recording, program, facts).derivation()


class _Text:
    """The text of a simplified program, and the objects from outside that it needs."""

    def __init__(self, recording: _Recording, program: Program, facts: Sequence[Fact]) -> None:
        self.recording, self.facts = recording, facts
        self.taken = set(recording.taken)
        self.outside: dict[str, Any] = {}  # globals of the function
        self.title = clean(recording.title, self.taken)
        self.function = clean(f"{self.title}_and_gradient", self.taken)
        self.taken |= {self.title, self.function}
        for node, t in program.captures:
            self.outside[recording.names[node]] = t
        self.helpers = Helpers(self.taken)
        self.sizes = self._sizes(program)
        value = recording.labels.forward.get(getattr(program.outputs[0], "name", None) or "", "J")
        self.layout = Layout(
            program,
            Writer(
                self._bind,
                self._helper,
                {n: name for n, (name, _) in self.sizes.items()},
                recording.variables.is_outside,
            ),
            recording.labels,
            recording.names,
            self._leaf_nodes(program),
            value,
            forward_part(program, frozenset(recording.labels.forward)),
            self.taken,
        )

    def derivation(self) -> Derivation:
        source = self._source()
        space: dict[str, Any] = dict(self.outside)
        exec(compile(source, f"<derived from {self.title}>", "exec"), space)
        function = _checked(self.recording, space[self.function], self.outside, space)
        return Derivation(source, function, [self.layout.forward, self.layout.backward])

    def _leaf_nodes(self, program: Program) -> list[Node]:
        """The inputs that the gradient is taken of, in the order of the gradients."""
        known = dict(zip((id(t) for a in self.recording.arguments for t in a.traced), program.inputs, strict=True))
        return [known[id(t)] for i in self.recording.chosen for t in self.recording.arguments[i].traced]

    # -- names -----------------------------------------------------------------------------------------------------

    def _bind(self, value: Any, hint: str) -> str:
        for name, other in self.outside.items():
            if other is value:
                return name
        wish = self.recording.variables.name(value) if isinstance(value, np.ndarray) else None
        name = clean(wish or hint, self.taken)
        self.taken.add(name)
        self.outside[name] = value
        return name

    def _helper(self, op: Op) -> str:
        return self.helpers.name(op) or self._bind(op.fn, op.name)

    def _sizes(self, program: Program) -> dict[int, tuple[ast.Name, Expr | None]]:
        """Names for whole numbers, and what they are: m = X.shape[1]. None: an argument."""
        sizes: dict[int, tuple[ast.Name, Expr | None]] = {}
        for a in self.recording.arguments:
            if a.paths == [a.name] and a.tensors[0] is None:
                sizes[a.leaves[0]] = ast.Name(a.name), None
        data = [n for n in program.inputs if n not in self.recording.variable]
        named = self.recording.variables.name
        outside = [x for n in program.steps for x in n.operands if isinstance(x, np.ndarray) and named(x) is not None]
        arrays: list[Any] = [*data, *(n for n, _ in program.captures), *outside, *self.recording.variable]
        for size, wish in self.recording.variables.sizes.items():
            if size in sizes:
                continue
            for node in arrays:
                axes = [axis for axis, n in enumerate(node.shape) if n == size]
                if len(axes) == 1:
                    name = ast.Name(clean(wish, self.taken))
                    array = self.recording.names[node] if type(node) is Node else self._bind(node, "c")
                    shape = ast.Attribute(ast.Name(array), "shape", ast.Load())
                    sizes[size] = name, ast.Subscript(shape, ast.Constant(axes[0]), ast.Load())
                    self.taken.add(name.id)
                    break
        return sizes

    # -- text ------------------------------------------------------------------------------------------------------

    def _source(self) -> str:
        layout = self.layout
        opening = [line for a in self.recording.arguments for line in self._unpacked(a)]
        used = {
            n.id
            for line in (*layout.forward, *layout.backward)
            for n in ast.walk(line.expression)
            if isinstance(n, ast.Name)
        }
        opening += [f"{name.id} = {text(x)}" for name, x in self.sizes.values() if x is not None and name.id in used]
        checks = [line for fact, x in zip(self.facts, layout.checks, strict=True) for line in _check(fact, x)]
        blocks = [
            opening,
            ["# Forward pass", *_commented(layout.forward), *checks],
            ["# Backward pass", *_commented(layout.backward)],
            [f"return {text(layout.results[0])}, {self._gradient(layout.results[1:])}"],
        ]
        body = "\n\n".join("\n".join(block) for block in blocks if block)
        parameters = ", ".join(a.name for a in self.recording.arguments)
        function = f"def {self.function}({parameters}):\n" + textwrap.indent(self._doc() + body, "    ")
        parts = [*self.helpers.definitions, function]
        return "import numpy as np\n\n\n" + self._from_outside() + "\n\n\n".join(parts) + "\n"

    def _doc(self) -> str:
        arguments = self.recording.arguments
        of = ", ".join(arguments[i].name for i in self.recording.chosen)
        shapes = [
            f"{self.recording.names[node]} {node.shape}" for node in self.layout.program.inputs if node.shape != ()
        ]
        lines = [f'"""{self.title} and its gradient with respect to {of}.', ""]
        lines += textwrap.wrap(f"Shapes: {', '.join(shapes)}." if shapes else "All arguments are numbers.", 100)
        fixed = [p for a in arguments for p, t in zip(a.paths, a.tensors, strict=True) if t is None]
        values = [x for a in arguments for x, t in zip(a.leaves, a.tensors, strict=True) if t is None]
        simple = [f"{p} = {x}" for p, x in zip(fixed, values, strict=True) if p.isidentifier()]
        lines += textwrap.wrap(f"Fixed: {', '.join(simple)}.", 100) if simple else []
        return "\n".join([*lines, '"""', ""])

    def _from_outside(self) -> str:
        if not self.outside:
            return ""
        names = [
            f"{name} {x.shape}" if isinstance(x, (Tensor, np.ndarray)) else name for name, x in self.outside.items()
        ]
        return "\n".join(textwrap.wrap(f"# From outside: {', '.join(names)}", 100, subsequent_indent="# ")) + "\n\n\n"

    def _unpacked(self, a: _Argument) -> list[str]:
        """Lines that give the leaves of an argument their names."""
        nodes = iter(self._nodes_of(a))
        names = [None if t is None else self.recording.names[next(nodes)] for t in a.tensors]
        wanted = [(p, n) for p, n in zip(a.paths, names, strict=True) if n is not None and n != p]
        if all(_is_path(p) for p, _ in wanted):
            return [f"{n} = {text(ast.parse(p, mode='eval').body)}" for p, n in wanted]
        leaves = self._bind(lambda argument: tree.flatten(argument)[0], f"leaves_of_{a.name}")
        return [f"{', '.join(n or '_' for n in names)}, = {leaves}({a.name})"]

    def _nodes_of(self, a: _Argument) -> list[Node]:
        before = 0
        for other in self.recording.arguments:
            if other is a:
                break
            before += len(other.traced)
        return list(self.layout.program.inputs[before : before + len(a.traced)])

    def _gradient(self, results: Sequence[Expr]) -> str:
        parts, left = [], iter(results)
        for i in self.recording.chosen:
            a = self.recording.arguments[i]
            own = [next(left) for _ in a.traced]
            parts.append(text(_literal_tree(a.structure, iter(own)) or self._rebuilt(a, own)))
        if isinstance(self.recording.wrt, int):
            return parts[0]
        return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"

    def _rebuilt(self, a: _Argument, own: list[Expr]) -> Expr:
        structure = a.structure
        like = self._bind(lambda *leaves: tree.unflatten(structure, leaves), f"like_{a.name}")
        return ast.Call(ast.Name(like), own, [])


def _literal_tree(structure: tree.Structure, leaves: Iterator[Expr]) -> Expr | None:
    """Dicts, lists and tuples as they are written; None for what has no such text."""
    if structure.kind is tree.LEAF:
        return next(leaves)
    if structure.kind is tree.STATIC:
        return ast.Constant(structure.meta) if structure.meta is None or type(structure.meta) in (bool, str) else None
    children: list[Expr] = []
    for part in structure.children:
        child = _literal_tree(part, leaves)
        if child is None:
            return None
        children.append(child)
    if structure.kind is dict and all(type(key) in (str, int) for key in structure.meta):
        return ast.Dict([ast.Constant(key) for key in structure.meta], children)
    if structure.kind is list:
        return ast.List(children, ast.Load())
    return ast.Tuple(children, ast.Load()) if structure.kind is tuple else None


def _is_path(path: str) -> bool:
    """Whether a path is a chain of attributes and constant keys, so that it can stand in the text."""
    try:
        x = ast.parse(path, mode="eval").body
    except SyntaxError:
        return False
    while isinstance(x, (ast.Attribute, ast.Subscript)):
        if isinstance(x, ast.Subscript) and not (
            isinstance(x.slice, ast.Constant) and type(x.slice.value) in (str, int)
        ):
            return False
        x = x.value
    return isinstance(x, ast.Name)


def _commented(lines: Sequence[Line]) -> list[str]:
    """The lines, with the shapes behind them."""
    codes = [f"{line.name.id} = {text(line.expression)}" for line in lines]
    width = max((len(code) for code in codes if len(code) <= _ALIGNED), default=0)
    return [f"{code:{width}}  # {_shape(line)}" for code, line in zip(codes, lines, strict=True)]


def _shape(line: Line) -> str:
    return "several arrays" if line.shape is None else "a number" if line.shape == () else str(line.shape)


def _check(fact: Fact, x: Expr) -> list[str]:
    """Lines that refuse arguments for which a fact that was used does not hold."""
    shape = fact.node.shape
    axes = tuple(len(shape) + a for a in fact.axes)
    along = f"axis={axes[0] if len(axes) == 1 else axes}"
    total = f"np.sum({text(x)}, {along})"
    return [
        f"if not np.allclose({total}, {fact.total}):",
        f'    raise ValueError("the formulas below hold where {total} is {fact.total}")',
    ]


# -- checking --------------------------------------------------------------------------------------------------------


def _checked(recording: _Recording, function: Function, outside: dict[str, Any], space: dict[str, Any]) -> Function:
    """The function, refusing arguments for which the formulas were not derived."""

    def derived(*args: Any) -> Any:
        if len(args) != len(recording.arguments):
            raise TypeError(f"{function.__name__} takes {len(recording.arguments)} arguments, {len(args)} were given")
        for a, arg in zip(recording.arguments, args, strict=True):
            leaves, structure = tree.flatten(arg)
            if structure != a.structure:
                raise ValueError(f"{a.name} has the structure {structure}; the formulas are for {a.structure}")
            for path, x, known, t in zip(a.paths, leaves, a.leaves, a.tensors, strict=True):
                if t is None and x != known:
                    raise ValueError(f"{path} = {x}, but the formulas are for {path} = {known}")
                if t is not None and np.shape(x) != np.shape(known):
                    raise ValueError(
                        f"{path} has shape {np.shape(x)}, but the formulas are for {np.shape(known)}; derive again"
                    )
        space.update((name, t._data) for name, t in outside.items() if type(t) is Tensor)
        return function(*tree.map(lambda x: x._data if type(x) is Tensor else x, args))

    derived.__name__ = derived.__qualname__ = function.__name__
    derived.__doc__ = function.__doc__
    return derived


def _samples(arrays: Sequence[Any]) -> list[list[Any]]:
    """The arrays given, and others like them: of the same range, and of the same values where there are few."""
    rng = np.random.default_rng(0)
    return [list(arrays), *([_resampled(np.asarray(x), rng) for x in arrays] for _ in range(2))]


def _resampled(x: Any, rng: np.random.Generator) -> Any:
    if x.size == 0 or x.dtype.kind == "c":
        return x
    values = np.unique(x)
    for axis in range(x.ndim):
        if x.dtype.kind == "f" and x.size > 1 and np.allclose(np.sum(x, axis=axis), 1):
            return rng.permutation(x, axis=axis)  # distributions stay distributions
    if x.dtype.kind in "biu" or (len(values) > 1 and len(values) <= x.size // 2):
        return rng.choice(values, x.shape)
    low, high = float(values[0]), float(values[-1])
    margin = 0.1 * (abs(low) + (low == 0)) if low == high else 0.0
    return np.asarray(rng.uniform(low - margin, high + margin, x.shape)).astype(x.dtype)


def _difference(recording: _Recording, derivation: Derivation) -> str | None:
    """How the text's result differs from autograd's, on the arguments given and on others like them; None if not."""
    for number, arrays in enumerate(_samples(recording.inputs)[:2]):
        left = iter(arrays)
        args = []
        for a in recording.arguments:
            leaves = [x if t is None else next(left) for x, t in zip(a.leaves, a.tensors, strict=True)]
            args.append(tree.unflatten(a.structure, leaves))
        try:
            with np.errstate(all="ignore"):
                expected = tree.flatten(value_and_grad(recording.f, recording.wrt)(*args))[0]
        except Exception:
            if number == 0:
                raise
            return None  # the function refuses what was made up
        try:
            with np.errstate(all="ignore"):
                found = tree.flatten(derivation.function(*args))[0]
        except ValueError:
            if number == 0:
                raise
            return None  # the text refuses it: the labels made up are not of the kind given
        for e, x in zip(expected, found, strict=True):
            problem = _apart(np.asarray(e), np.asarray(x))
            if problem is not None:
                return problem
    return None


def _reproducible(recording: _Recording) -> bool:
    with np.errstate(all="ignore"):
        first, second = (tree.flatten(value_and_grad(recording.f, recording.wrt)(*recording.args))[0] for _ in range(2))
    return all(_apart(np.asarray(a), np.asarray(b)) is None for a, b in zip(first, second, strict=True))


def _apart(expected: Any, found: Any) -> str | None:
    if expected.shape != found.shape:
        return f"the text gives shape {found.shape} where autograd gives {expected.shape}"
    finite = np.isfinite(expected)
    if not finite.any():
        return None
    scale = float(np.max(np.abs(expected[finite])))
    with np.errstate(invalid="ignore"):
        apart = float(np.max(np.abs(found[finite] - expected[finite])))
    close = _CLOSE if expected.dtype.itemsize >= 8 else 1e-3
    return (
        None if apart <= close * scale + 1e-5 * close else f"the text and autograd differ by {apart:.1e} of {scale:.1e}"
    )
