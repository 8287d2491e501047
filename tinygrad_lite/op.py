"""Op: a function on arrays together with the rule for its derivative, and the constructors that make the table's rows.

A rule is written once, on plain arrays, in formulas (`y` is the result, `x` an operand, `g` the incoming cotangent):

* `elementwise(np.tanh, lambda y, x: 1 - y * y)`: the partial derivative with respect to each operand;
* `linear(np.reshape, lambda g, y, x, shape: np.reshape(g, x.shape))`: linear in its one array operand, so forward
  mode is the function itself and only the transposed map has to be given;
* `bilinear(np.matmul, left, right)`: linear in each of two operands;
* `custom_vjp(np.sort, vjp)`: anything else: one vector-Jacobian product per operand;
* `constant(np.argmax)`: piecewise constant, carries no gradient.

A rule never un-broadcasts and never converts dtypes (the sweep does both) and never coerces with `np.asarray`: what it
is given may be an ndarray, a Tensor (then the backward pass is itself recorded), or an array of another library.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from types import FunctionType
from typing import Any, Final

import numpy as np

from .callsite import variable_name
from .context import current
from .tensor import GRAD, TRACED, Tensor, check_numeric, handlers, next_seq

Array = Any  # an ndarray, or a Tensor, or another library's array: what a rule may be given
Rule = Callable[..., Array]
Examples = Callable[[np.random.Generator], Sequence[tuple[Sequence[Any], dict[str, Any]]]]

ONE: Final = 1  # a partial derivative that is constant: nothing is multiplied
MINUS_ONE: Final = -1


class over:
    """A partial derivative that is one over something: the cotangent is divided, not multiplied by a reciprocal."""

    __slots__ = ("denominator",)

    def __init__(self, denominator: Rule) -> None:
        self.denominator = denominator

    def __call__(self, y: Array, *xs: Array) -> Array:
        return 1 / self.denominator(y, *xs)


_RECORDED: Final = GRAD | TRACED
_NO_PARAMS: Final[dict[str, Any]] = {}  # shared by the many ops without keywords; never written to
_new = object.__new__

_READY = frozenset({np.ndarray, float, int, bool, complex, *np.sctypeDict.values()})
"""Operand types that need no conversion."""


class Op:
    """A function on arrays and its derivative. Rows of the table are instances; call one like the function itself.

    fn: the function on arrays. vjps: a rule per array operand, None where no gradient flows (or one rule for any number
    of operands: `rule(i, g, y, *operands)`). kind: elementwise, linear, bilinear, custom, variadic or constant.
    name: for messages and generated code. partials: what an elementwise row was given. domain: an interval (low, high)
    per operand in which the tests draw. kinks: points where the derivative jumps. selects: the result takes some
    entries and leaves others (`where`, `max`, indexing), so upstream of it a zero cotangent means "was not taken".
    bounded: the partial derivatives are finite whatever the operands, NaN and infinity included.
    real: complex operands are refused, because fn would compute something else with them.
    outputs: how many arrays fn returns. joint: one rule for all operands, `vjp(g, y, *operands) -> cotangents`.
    examples: `examples(rng) -> [(operands, keywords), …]` for the tests, where a domain cannot say what is legal.
    explain: `explain(*operands) -> str`, what is wrong with operands that fn refused.
    """

    __slots__ = (
        "arity",
        "bounded",
        "call",
        "domain",
        "examples",
        "explain",
        "fn",
        "joint",
        "keywords",
        "kind",
        "kinks",
        "mask",
        "name",
        "operand_names",
        "outputs",
        "partials",
        "real",
        "selects",
        "vjps",
    )

    def __init__(
        self,
        fn: Callable[..., Any],
        vjps: Sequence[Rule | None] | Rule,
        kind: str,
        *,
        name: str | None = None,
        partials: tuple[Any, ...] = (),
        domain: Sequence[tuple[float, float]] | None = None,
        kinks: Sequence[float] = (),
        selects: bool = False,
        bounded: bool = False,
        real: bool = False,
        outputs: int = 1,
        joint: bool = False,
        examples: Examples | None = None,
        explain: Callable[..., str] | None = None,
    ) -> None:
        self.fn = fn
        self.name = name or fn.__name__.strip("_")
        self.vjps: Any = _EveryOperand(vjps) if callable(vjps) else tuple(vjps)
        self.arity = None if callable(vjps) else len(vjps)
        self.kind = kind
        self.mask = ~GRAD if kind == "constant" else ~0
        self.partials = partials
        self.domain = domain
        self.kinks = tuple(kinks)
        self.selects = selects
        self.bounded = bounded
        self.real = real
        self.outputs = outputs
        self.joint = joint
        self.examples = examples
        self.explain = explain
        self.operand_names, self.keywords = _signature(self)
        call = _caller(self, _checked(self) if _from_outside(fn) else fn)
        self.call = _real_only(self, call) if real else call

    def __call__(self, *operands: Any, **params: Any) -> Any:
        return self.call(*operands, **params)

    def __repr__(self) -> str:
        return f"<{self.kind} op {self.name}>"

    def jvp(self, tangents: Sequence[Array | None], y: Array, xs: Sequence[Array], params: dict[str, Any]) -> Array:
        """The tangent of y, from the tangents of the operands (None where zero); None if it is zero.

        It reads the same row: tangent times partial, or the op itself where it is linear. NotImplementedError where
        there is only a vjp; its transpose does it (see transforms.py).
        """
        if self.kind == "elementwise":
            # The vjp of an elementwise op multiplies by the partial derivative, and so does its jvp.
            pairs = zip(tangents, self.vjps, strict=True)
            terms = [times(t, y, *xs, **params) for t, times in pairs if t is not None and times is not None]
        elif self.kind == "linear":
            terms = [self.call(tangents[0], *xs[1:], **params)]
        elif self.kind == "bilinear":
            left, right = tangents
            terms = [] if left is None else [self.call(left, xs[1], **params)]
            terms += [] if right is None else [self.call(xs[0], right, **params)]
        else:
            raise NotImplementedError
        return sum(terms[1:], terms[0]) if terms else None


class _EveryOperand:
    """The rules of an op with any number of operands: rule number i is `rule(i, g, y, *operands)`."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule

    def __getitem__(self, i: int) -> Rule:
        return partial(self.rule, i)


# -- the constructors ------------------------------------------------------------------------------------------------

_table: list[Op] = []


def rows() -> list[Op]:
    """Every row of the table, in the order of definition."""
    return list(_table)


def row(op: Op, *functions: Callable[..., Any]) -> Op:
    """Put an op in the table: from now on NumPy's functions (the op's own fn if none is named) are it on Tensors."""
    _table.append(op)
    for function in functions or (op.fn,):
        handlers[function] = op.call
    if functions:
        op.operand_names = _parameter_names(functions[0])  # what is given by position means what it means in NumPy
    return op


_compositions: dict[Callable[..., Any], Examples | None] = {}


def compositions() -> dict[Callable[..., Any], Examples | None]:
    """Every function of NumPy's that is a composition of rows, with the examples to test it on."""
    return dict(_compositions)


def implements(
    *functions: Callable[..., Any] | None, examples: Examples | None = None
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: NumPy's functions, given a Tensor, are this composition of ops. examples: as for an Op.

    The composition names the arguments it supports, as NumPy names them; any other argument of NumPy's raises. A
    function that is None, since the installed NumPy is too old to have it, is passed over.
    """

    def register(composition: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            if function is not None:
                handlers[function] = _with_arguments_of(function, composition)
                _compositions[function] = examples
        return composition

    return register


def answers(*functions: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: what NumPy's functions do with a Tensor where no gradient is involved: facts, new arrays, indices."""

    def register(answer: Callable[..., Any]) -> Callable[..., Any]:
        for function in functions:
            handlers[function] = _with_arguments_of(function, answer)
        return answer

    return register


def _with_arguments_of(function: Callable[..., Any], composition: Callable[..., Any]) -> Callable[..., Any]:
    """The composition, called as NumPy's function is: an argument it lacks raises, unless it has NumPy's default."""
    mine = inspect.signature(composition).parameters
    try:
        theirs = inspect.signature(function).parameters
    except (TypeError, ValueError):  # built in C, without a signature
        theirs = mine
    free = any(p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in mine.values())
    if free or isinstance(function, np.ufunc):  # a ufunc's handlers are never given keywords
        return composition
    # An argument that can only be given by position may have another name here.
    positional = [
        name if p.kind is p.POSITIONAL_ONLY else p.name
        for name, p in itertools.zip_longest(mine, theirs.values())
        if p is not None and p.kind is not p.KEYWORD_ONLY
    ]
    if positional == list(mine) and len(positional) == len(theirs):
        return composition
    if [*mine, "out"] == list(theirs):  # np.dot, called often: spared the rest of this
        return composition
    same = next((i for i, pair in enumerate(zip(mine, positional, strict=False)) if pair[0] != pair[1]), len(mine))

    def call(*operands: Any, **params: Any) -> Any:
        if len(operands) > same:
            if len(operands) > len(positional):
                raise TypeError(f"{function.__name__} takes {len(positional)} arguments, {len(operands)} were given")
            params.update(zip(positional[same:], operands[same:], strict=False))
            operands = operands[:same]
        for name in params.keys() - mine.keys():
            value = params.pop(name)
            default = theirs[name].default if name in theirs else None
            if value is not None and not _same(value, default):
                raise TypeError(_unsupported(function.__name__, name, mine))
        return composition(*operands, **params)

    return call


def _unsupported(function: str, name: str, keywords: Iterable[str]) -> str:
    return (
        f"{function}({name}=…) is not supported on Tensors, because its gradient would be lost; "
        f"supported: {', '.join(sorted(keywords)) or 'no keywords'}"
    )


def elementwise(fn: Callable[..., Any], *partials: Any, **options: Any) -> Op:
    """An op that works element by element, with broadcasting.

    fn: the function on arrays. partials: for each operand its partial derivative, as a function of (y, *operands) where
    y is the result; ONE or MINUS_ONE where it is that, over(f) where it is 1/f, None where no gradient flows. Options:
    name, domain, kinks, selects, bounded (see Op).

    >>> import numpy as np, tinygrad_lite as tg
    >>> softsign = tg.elementwise(lambda x: x / (1 + abs(x)), lambda y, x: (1 - abs(y)) ** 2, name="softsign")
    >>> tg.grad(softsign)(1.0)
    array(0.25)
    """
    return Op(fn, [_times(d) for d in partials], "elementwise", partials=partials, **options)


def linear(fn: Callable[..., Any], vjp: Rule, operands: int | None = 1, **options: Any) -> Op:
    """An op that is linear in its first operand; `vjp(g, y, x, **keywords)` is the transposed map.

    The keywords that `vjp` names are the ones the op supports. operands: how many array operands there are (None: any
    number); no gradient flows to those after the first (indices, say).

    >>> import numpy as np, tinygrad_lite as tg
    >>> double = tg.linear(lambda x: x + x, lambda g, y, x: g + g, name="double")
    >>> tg.grad(double)(3.0)
    array(2.)
    """
    if operands is None:
        return Op(fn, lambda i, *args, **params: vjp(*args, **params), "linear", **options)
    return Op(fn, [vjp] + [None] * (operands - 1), "linear", **options)


def bilinear(fn: Callable[..., Any], left_vjp: Rule, right_vjp: Rule, **options: Any) -> Op:
    """An op of two array operands, linear in each; the rules are `vjp(g, y, a, b, **keywords)`.

    >>> import numpy as np, tinygrad_lite as tg
    >>> times = tg.bilinear(lambda a, b: a * b, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a, name="times")
    >>> tg.grad(times, argnums=(0, 1))(3.0, 4.0)
    (array(4.), array(3.))
    """
    return Op(fn, [left_vjp, right_vjp], "bilinear", **options)


def custom_vjp(fn: Callable[..., Any], *vjps: Rule | None, **options: Any) -> Op:
    """An op with its own vector-Jacobian products: one `vjp(g, y, *operands, **keywords)` per array operand.

    None for an operand through which no gradient flows. Forward mode is the transpose of the vjp, found by
    differentiating it with respect to g; so a vjp must be linear in g and written in functions the table knows.

    >>> import numpy as np, tinygrad_lite as tg
    >>> clip_gradient = tg.custom_vjp(lambda x: x + 0, lambda g, y, x: np.clip(g, -1, 1), name="clip_gradient")
    >>> tg.grad(lambda x: 5 * clip_gradient(x))(2.0)
    array(1.)
    """
    return Op(fn, vjps, "custom", **options)


def variadic(fn: Callable[..., Any], vjp: Rule, **options: Any) -> Op:
    """An op with any number of array operands; the rule for number i is `vjp(i, g, y, *operands, **keywords)`."""
    return Op(fn, vjp, "variadic", **options)


def constant(fn: Callable[..., Any], operands: int | None = 1, **options: Any) -> Op:
    """A piecewise constant op: its result carries no gradient, but a program records it. operands: None: any number."""
    return Op(fn, _no_gradient if operands is None else [None] * operands, "constant", **options)


def _no_gradient(*operands: Any, **params: Any) -> Array:
    """Stands for the rules of a piecewise constant op with any number of operands; the sweep never gets there."""
    raise AssertionError("a piecewise constant op was differentiated")


def _times(d: Any) -> Rule | None:
    """The vjp of one operand of an elementwise op: g times the partial derivative."""
    if d is None:
        return None
    if d is ONE:
        return lambda g, y, *xs: g
    if d is MINUS_ONE:
        return lambda g, y, *xs: -g
    if type(d) is over:
        denominator = d.denominator
        return lambda g, y, *xs: g / denominator(y, *xs)
    return lambda g, y, *xs, **params: g * d(y, *xs, **params)


def _parameter_names(function: Callable[..., Any]) -> tuple[str, ...]:
    try:
        return tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # built in C, without a signature
        return ()


def _signature(op: Op) -> tuple[tuple[str, ...], frozenset[str] | None]:
    """The names of fn's parameters, operands first; and the keywords that the rules name (None: any)."""
    names = _parameter_names(op.fn)
    if op.kind == "constant":
        return names, None
    if op.kind == "elementwise":  # partial(y, *operands, **keywords)
        rules, fixed = (
            [p.denominator if type(p) is over else p for p in op.partials if callable(p)],
            1 + len(op.partials),
        )
    elif op.arity is None:  # vjp(i, g, y, *operands, *, keywords)
        rules, fixed = [op.vjps.rule], 0
    else:  # vjp(g, y, *operands, **keywords)
        rules, fixed = [rule for rule in op.vjps if rule is not None], 2 + op.arity
    keywords: set[str] = set()
    for rule in rules:
        for p in list(inspect.signature(rule).parameters.values())[fixed:]:
            if p.kind is p.VAR_KEYWORD:
                return names, None
            if p.kind is p.KEYWORD_ONLY or (fixed and p.kind is p.POSITIONAL_OR_KEYWORD):
                keywords.add(p.name)
    return names, frozenset(keywords)


def _is_default(function: Callable[..., Any], name: str, value: Any) -> bool:
    """Whether an argument says only what would hold without it."""
    try:
        default = inspect.signature(function).parameters[name].default
    except (KeyError, TypeError, ValueError):
        return False
    return _same(value, default)


def _same(value: Any, default: Any) -> bool:
    return value is default or (type(value) is type(default) and bool(value == default))


_PYTHON: frozenset[Callable[..., Any]] = frozenset(
    {np.add, np.subtract, np.multiply, np.divide, np.floor_divide, np.remainder, np.power}
    | {np.negative, np.positive, np.absolute}
)
"""What Python's own operators do; of two Python floats they make another, where np.exp makes a NumPy number."""


# -- calling and recording -------------------------------------------------------------------------------------------


def record(op: Op, data: Any, flags: int, inputs: tuple[Any, ...], params: dict[str, Any]) -> Tensor:
    """The Tensor that op made: flags are those of its operands, together."""
    flags &= op.mask
    mode = current()
    if mode is not None:
        if mode.tracing:
            flags |= TRACED
            if type(data) is np.float64 and op.fn in _PYTHON and all(type(_value(x)) in (float, int) for x in inputs):
                data = float(data)  # what Python would have computed, which leaves the dtype to the other operand
        if not mode.grad_enabled:
            flags &= ~GRAD
        if mode.watcher is not None:
            inputs = mode.watcher.forward(op, data, inputs)
    t: Tensor = _new(Tensor)
    t._data = data
    t._flags = flags
    if flags & _RECORDED:
        t._op = op
        t._inputs = inputs
        t._params = params
    else:
        t._op = None
        t._inputs = ()
        t._params = _NO_PARAMS
    t._seq = next_seq()
    t.grad = None
    t.name = None
    return t


def _from_outside(fn: Any) -> bool:
    """Whether this is a Python function of a user's own: neither the table's nor NumPy's."""
    return type(fn) is FunctionType and fn.__module__.partition(".")[0] not in ("tinygrad_lite", "numpy", "scipy")


def _checked(op: Op) -> Callable[..., Any]:
    """fn, held to what an op's function is: from arrays, which it leaves as they are, to arrays."""
    fn = op.fn

    def checked(*xs: Any, **params: Any) -> Any:
        data = fn(*map(_locked, xs), **params)
        for part in data if type(data) is tuple else (data,):
            if type(part) is Tensor:
                raise TypeError(
                    "its function gave a Tensor: one it closes over would get no gradient; make it an operand"
                )
            if not hasattr(part, "dtype") and not isinstance(part, (int, float, complex)):
                raise TypeError(f"its function gave a {type(part).__name__}, not an array")
        return data if type(data) is tuple or hasattr(data, "dtype") else np.asarray(data)

    return checked


def _locked(x: Any) -> Any:
    """A view that cannot be written to: an op that changed its operand would change a Tensor."""
    if not isinstance(x, np.ndarray):
        return x
    view = x.view()
    view.flags.writeable = False
    return view


def _caller(op: Op, fn: Callable[..., Any]) -> Callable[..., Any]:
    """What calls and records the op. Arity-specialised, because this is the cost of every operation: 0.3 µs for the
    binary one on top of NumPy's own call, against 0.9 µs for the general one."""
    if op.kind == "elementwise" and not op.keywords or isinstance(op.fn, np.ufunc):
        if op.arity == 1:
            return _unary(op, fn)
        if op.arity == 2:
            return _binary(op, fn)
    if op.arity == 1 and op.outputs == 1:
        return _unary_with_keywords(op, fn)
    return _general(op, fn)


def _real_only(op: Op, call: Callable[..., Any]) -> Callable[..., Any]:
    def checked(*operands: Any, **params: Any) -> Any:
        for x in operands:
            if np.iscomplexobj(_value(x)):
                raise TypeError(f"{op.name}: {described(x)} is complex, and {op.name} is for real numbers")
        return call(*operands, **params)

    return checked


def _unary(op: Op, fn: Callable[..., Any]) -> Callable[[Any], Any]:
    def call(x: Any) -> Any:
        if type(x) is not Tensor:
            return fn(x)
        try:
            data = fn(x._data)
        except (TypeError, ValueError) as error:
            raise _explained(op, (x,), error) from None
        return record(op, data, x._flags, (x,), _NO_PARAMS)

    return call


def _binary(op: Op, fn: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    def call(a: Any, b: Any) -> Any:
        if type(a) is Tensor:
            x, flags = a._data, a._flags
            if type(b) is Tensor:
                z = b._data
                flags |= b._flags
            else:
                z = b = b if type(b) in _READY else as_operand(b, op)
        elif type(b) is Tensor:
            x = a = a if type(a) in _READY else as_operand(a, op)
            z, flags = b._data, b._flags
        else:
            return fn(a, b)
        try:
            data = fn(x, z)
        except (TypeError, ValueError) as error:
            raise _explained(op, (a, b), error) from None
        return record(op, data, flags, (a, b), _NO_PARAMS)

    return call


def _unary_with_keywords(op: Op, fn: Callable[..., Any]) -> Callable[..., Any]:
    def call(*operands: Any, **params: Any) -> Any:
        if len(operands) != 1:
            operands = _arranged(op, operands, params)
        x = operands[0]
        if type(x) is not Tensor:
            return fn(x, **_plain(op, params))
        if params:
            params = _supported(op, params)
        try:
            data = fn(x._data, **params)
        except (TypeError, ValueError, IndexError) as error:
            raise _explained(op, (x,), error) from None
        return record(op, data, x._flags, operands, params)

    return call


def _general(op: Op, fn: Callable[..., Any]) -> Callable[..., Any]:
    arity = op.arity

    def call(*operands: Any, **params: Any) -> Any:
        if arity is not None and len(operands) != arity:
            operands = _arranged(op, operands, params)
        flags, found = 0, False
        inputs, values = [], []
        for x in operands:
            if type(x) is Tensor:
                found = True
                flags |= x._flags
                values.append(x._data)
            else:
                if type(x) not in _READY:
                    x = as_operand(x, op)
                values.append(x)
            inputs.append(x)
        if not found:
            return fn(*operands, **_plain(op, params))
        if params:
            params = _supported(op, params)
        try:
            data = fn(*values, **params)
        except (TypeError, ValueError, IndexError) as error:
            raise _explained(op, tuple(inputs), error) from None
        result = record(op, data, flags, tuple(inputs), params)
        return result if op.outputs == 1 else tuple(pick.call(result, index=i) for i in range(op.outputs))

    return call


def as_operand(x: Any, op: Op) -> Any:
    """A list, an unusual scalar, another library's array: as an operand of op; TypeError if it is not numeric."""
    if type(x) is Tensor or type(x) in _READY:
        return x
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(f"{op.name}: a masked array beside a Tensor would lose its mask; use np.where")
    if isinstance(x, np.matrix):
        raise TypeError(f"{op.name}: an np.matrix beside a Tensor would mean its * differently; use np.asarray and @")
    if hasattr(x, "__array_function__") and not isinstance(x, np.ndarray):
        return x
    try:
        array = np.asarray(x)
        check_numeric(array)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{op.name}: {type(x).__name__} {x!r:.60} is not a numeric operand: {error}") from None
    return array


def _arranged(op: Op, operands: tuple[Any, ...], params: dict[str, Any]) -> tuple[Any, ...]:
    """Exactly the array operands; keywords given by position move to params, operands by keyword come from there."""
    arity = op.arity or 0
    names = op.operand_names
    if len(operands) > arity:
        extra = operands[arity:]
        if len(operands) > len(names):
            raise TypeError(f"{op.name} takes {arity} array operands, {len(operands)} were given")
        params.update(zip(names[arity:], extra, strict=False))
        return operands[:arity]
    for name in names[len(operands) : arity]:
        if name not in params:
            raise TypeError(f"{op.name} needs {arity} array operands; {name!r} is missing")
        operands += (params.pop(name),)
    return operands


def _plain(op: Op, params: dict[str, Any]) -> dict[str, Any]:
    """The keywords, if none is a Tensor: beside plain operands it would bring NumPy back here, for ever."""
    for name, value in params.items():
        if type(value) is Tensor:
            raise TypeError(_no_tensor(op, name))
    return params


def _no_tensor(op: Op, name: str) -> str:
    return f"{op.name}: {name}= must be a plain value, not a Tensor; say {name}=int(t) or t.numpy()"


def _supported(op: Op, params: dict[str, Any]) -> dict[str, Any]:
    """The keywords, if the rules know what to do with them."""
    kept = {}
    keywords = op.keywords
    for name, value in params.items():
        if type(value) is Tensor:
            raise TypeError(_no_tensor(op, name))
        if name in keywords if keywords is not None else name != "out":
            kept[name] = value
        elif value is not None and value is not np._NoValue and not _is_default(op.fn, name, value):
            raise TypeError(_unsupported(op.name, name, keywords or ()))
    return kept


def _explained(op: Op, operands: tuple[Any, ...], error: Exception) -> Exception:
    """The same error, saying which op, which tensors and which shapes."""
    named = [described(x) for x in operands]
    if op.explain is not None:
        what = op.explain(*operands)
    elif op.kind == "elementwise" and isinstance(error, ValueError):
        shapes = " and ".join(str(np.shape(_value(x))) for x in operands)
        what = (
            f"shapes {shapes} do not broadcast: from the right, sizes must be equal or 1; reshape one, as in b[:, None]"
        )
    else:
        what = str(error)
    kinds = (np.linalg.LinAlgError, np.exceptions.AxisError, IndexError, ValueError, TypeError)
    kind = next(kind for kind in kinds if isinstance(error, kind))
    return kind(f"{op.name}: {_SIGNS.get(op.name, ', ').join(named)}: {what}")


_SIGNS = {"add": " + ", "subtract": " - ", "multiply": " * ", "divide": " / ", "matmul": " @ "}


def _value(x: Any) -> Any:
    return x._data if type(x) is Tensor else x


def described(x: Any) -> str:
    """How an error message calls an operand: its name, its shape, and its dtype if that may be what is wrong."""
    value = _value(x)
    if isinstance(value, tuple) or not hasattr(value, "shape"):
        return repr(x)
    name = (x.name if type(x) is Tensor else None) or variable_name(x) or type(x).__name__
    return f"{name} {value.shape}" + ("" if value.dtype.kind in "fc" else f" {value.dtype}")


def _pick(outputs: tuple[Any, ...], index: int) -> Any:
    """One array of an op that returns several."""
    return outputs[index]


# The sweep treats this op itself: cotangents of the outputs are gathered in a list before the op's own rule is asked.
pick = linear(_pick, lambda g, y, outputs, index: g)
