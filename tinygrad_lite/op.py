"""Op: a function on arrays together with the rule for its derivative, and the constructors that make the table's rows.

A rule is written once, on plain arrays, in formulas (`y` is the result, `x` an operand, `g` the incoming cotangent):

* `elementwise(np.tanh, lambda y, x: 1 - y * y)`: the partial derivative with respect to each operand;
* `linear(np.reshape, lambda g, y, x, shape: np.reshape(g, x.shape))`: linear in its one array operand, so forward
  mode is the function itself and only the transposed map has to be given;
* `bilinear(np.matmul, left, right)`: linear in each of two operands;
* `custom_vjp(np.sort, vjp)`: anything else: one vector-Jacobian product per operand;
* `constant(np.argmax)`: piecewise constant, carries no gradient.

A rule need not un-broadcast and never converts dtypes (the sweep does both) and never coerces with `np.asarray`: what
it is given may be an ndarray, a Tensor (then the backward pass is itself recorded), or an array of another library.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import partial
from typing import Any

import numpy as np

from .batching import elementwise as entrywise
from .batching import rule_of
from .calling import make_caller
from .intervals import same, with_limits
from .partials import MINUS_ONE as MINUS_ONE
from .partials import ONE as ONE
from .partials import make_vjp
from .partials import over as over
from .pulling import make_pull
from .signatures import parameters
from .tensor import GRAD, Tensor, array_of
from .users_ops import check_rules, hold_to_shape, is_users_own

Array = Any  # an ndarray, or a Tensor, or another library's array: what a rule may be given
Rule = Callable[..., Array]
Examples = Callable[[Any], Sequence[tuple[Sequence[Any], dict[str, Any]]]]  # of a random generator


@dataclass(eq=False, repr=False, slots=True)
class Op:
    """A function on arrays and its derivative. Rows of the table are instances; call one like the function itself.

    What anybody needs to know of an op stands here, on its row, and is asked of the op itself, never of its name.
    """

    fn: Callable[..., Any]  # on arrays
    vjps: Any  # a rule per array operand, None where no gradient flows; or one for all: rule(i, g, y, *operands)
    kind: str  # elementwise, linear, bilinear, custom, variadic or constant
    _: KW_ONLY
    name: str = ""  # for people: messages and generated code
    outputs: int = 1  # how many arrays fn returns
    joint: bool = False  # one rule for all operands, `vjp(g, y, *operands) -> cotangents`
    linear_in_all: bool = False  # the tangent of the result is the op itself, of the tangents of all its operands
    partials: tuple[Any, ...] = ()  # what an elementwise row was given
    selects: bool = False  # takes some entries and leaves others: upstream, a zero cotangent means "was not taken"
    sum_vjps: Callable[..., Any] | None = None  # of many nodes of one operand: ([(g, others, params), …], its shape)
    bounded: bool = False  # the partial derivatives are finite whatever the operands, NaN and infinity included
    real: bool = False  # complex operands are refused, because fn would compute something else with them
    explain: Callable[..., str] | None = None  # what is wrong with operands that fn refused
    batch: Any = None  # many examples at once, where that does not follow from the kind: a rule (see batching.py)

    # For the tests.
    domain: Sequence[tuple[float, float]] | None = None  # an interval per operand in which they draw
    kinks: Sequence[float] = ()  # where the derivative jumps
    examples: Examples | None = None  # examples(rng) -> [(operands, keywords), …] where a domain cannot say it

    # For programs and derivations.
    numpy: Callable[..., Any] | None = None  # the function of NumPy's that it is, called with the same arguments
    operator: Callable[..., Any] | None = None  # Python's own operator that it is, from the module `operator`
    python: Callable[..., Any] | None = None  # how people write it without a call (see spelling.py): lambda x: x**2
    symbolic: Callable[..., Any] | None = None  # what it is to SymPy: symbolic(sympy, *symbols)
    commutes: bool = False  # the order of its two operands makes no difference, not even to the last bit
    powers: tuple[int, ...] = ()  # of a number that multiplies this operand, in what then multiplies the result
    signs: tuple[int, ...] = ()  # a number that multiplies all these operands multiplies the result; -1: a difference
    fresh: bool = False  # its result never shares memory with an operand
    alias: bool = False  # where shape and dtype stay as they are, the result is the operand
    reshapes: bool = False  # the same entries in the same order (or in that of order=), in another shape; a view
    view: bool = False  # looks at its operand in another way (where the memory's layout allows)
    reduces: np.ufunc | None = None  # the function of two numbers that it reduces with
    jumps: Callable[..., Any] | None = None  # where it does, and between what: jumps(*operands) -> (mask, from, to)
    range: Any = None  # where its values lie: two bounds, or a function of the operands' intervals (see intervals.py)
    extension: Callable[..., Any] | None = None  # a composition that has keywords of NumPy's that the rules lack
    beside_sparse: Callable[..., Any] | None = None  # what it is of a Tensor and a scipy.sparse matrix
    inline: bool = False  # fn is written in functions of the table: given Tensors, it records itself
    c: str | None = None  # in C: an expression of entries {0}, {1}; a function; or a word (see native/forms.py)
    places: Callable[..., Any] | None = None  # places(result, **params): the view where the operand's entries go
    c_kinds: str = "f"  # the kinds of dtypes of which that is right: f floats, i integers, b booleans
    shape_from_values: bool | Callable[..., bool] = False  # whether (for these operands) numbers decide on the shape

    in_table: bool = False  # set by `row`: tested with everything else, so the sweep need not doubt it

    arity: int | None = field(init=False)  # array operands; None: any number
    mask: int = field(init=False)  # what of the operands' flags the result has
    keywords: frozenset[str] | None = field(init=False)  # those that the rules name; None: any
    call: Callable[..., Any] = field(init=False)
    pull: Any = field(init=False, default=None)  # set by `row`: what the sweep calls in the ordinary case

    def __post_init__(self) -> None:
        if not callable(self.fn):
            raise TypeError(f"an op's function must be callable, not {self.fn!r:.60}")
        if type(self.range) is tuple:
            self.range = with_limits(*self.range)
        self.view |= self.reshapes
        if self.view and self.range is None:
            self.range = same
        self.name = self.name or self.fn.__name__.strip("_")
        self.arity = None if callable(self.vjps) else len(self.vjps)
        self.mask = ~GRAD if self.kind == "constant" else ~0
        self.powers = self.powers or {"linear": (1,), "bilinear": (1, 1)}.get(self.kind, ())
        self.keywords = _keywords(self)
        self.vjps = _EveryOperand(self.vjps, self.kind == "linear") if callable(self.vjps) else tuple(self.vjps)
        if is_users_own(self.fn):
            check_rules(self)
        elif isinstance(self.fn, np.ufunc) and self.arity not in (None, self.fn.nin):
            raise TypeError(f"{self.name} takes {self.fn.nin} arrays, but there are rules for {self.arity}")
        call = make_caller(self)
        self.call = call if self.outputs == 1 else _unpack_results(call, self.outputs)

    def join_table(self) -> None:
        """Count as a row of the table."""
        self.in_table = True
        self.pull = make_pull(self)

    def __call__(self, *operands: Any, **params: Any) -> Any:
        return self.call(*operands, **params)

    def __repr__(self) -> str:
        return f"<{self.kind} op {self.name}>"

    @property
    def is_arithmetic(self) -> bool:
        """Whether it is an entry-by-entry +, -, * or /."""
        return self.operator is not None and self.kind == "elementwise" and bool(self.signs or self.powers)

    @property
    def is_entrywise(self) -> bool:
        """Whether each entry of its result is made of the same entry of its operands, which are broadcast."""
        return rule_of(self) is entrywise

    @property
    def operand_names(self) -> tuple[str, ...]:
        """The names of the function's parameters, operands first."""
        found = parameters(self.numpy or self.fn)
        return () if found is None else found.names + found.keywords

    def jvp(self, tangents: Sequence[Any], y: Array, xs: Sequence[Array], params: dict[str, Any]) -> Array:
        """The tangent of y, from those of the operands (None where zero); None if it is zero.

        It reads the same row: tangent times partial, or the op itself where it is linear. (Where there is only a vjp,
        forward.py transposes it.)
        """
        if self.linear_in_all:
            pairs = zip(tangents, xs, strict=True)
            return self.call(*[np.zeros_like(array_of(x)) if t is None else t for t, x in pairs], **params)
        total = None
        for i, (t, vjp) in enumerate(zip(tangents, self.vjps)):  # noqa: B905 (of rules there may be no end)
            if t is None or vjp is None:
                continue
            # The vjp of an elementwise op multiplies by the partial derivative, and so does its jvp.
            entrywise = self.kind == "elementwise"
            term = vjp(t, y, *xs, **params) if entrywise else self.call(*xs[:i], t, *xs[i + 1 :], **params)
            total = term if total is None else total + term
        return total


class _EveryOperand:
    """The rules of an op with any number of operands: rule number i is `rule(i, g, y, *operands)`.

    first_alone: a gradient flows to the first operand only.
    """

    def __init__(self, rule: Rule, first_alone: bool) -> None:
        self.rule, self.first_alone = rule, first_alone

    def __getitem__(self, i: int) -> Rule | None:
        return None if i and self.first_alone else partial(self.rule, i)

    def __iter__(self) -> Iterator[Rule | None]:
        return map(self.__getitem__, itertools.count())


def _unpack_results(call: Callable[..., Any], outputs: int) -> Callable[..., Any]:
    """The caller of an op with several results: a Tensor for each."""

    def call_all(*operands: Any, **params: Any) -> Any:
        whole = call(*operands, **params)
        return tuple(pick.call(whole, index=i) for i in range(outputs)) if type(whole) is Tensor else whole

    return call_all


def _keywords(op: Op) -> frozenset[str] | None:
    """The keywords that the rules name; None: any."""
    if op.kind == "constant":
        return None
    if op.kind == "elementwise":  # partial(y, *operands, **keywords)
        rules = [p.denominator if type(p) is over else p for p in op.partials if callable(p)]
        fixed = 1 + len(op.partials)
    elif op.arity is None:  # vjp(i, g, y, *operands, *, keywords)
        rules, fixed = [op.vjps], None
    else:  # vjp(g, y, *operands, **keywords)
        rules, fixed = [rule for rule in op.vjps if rule is not None], 2 + op.arity
    keywords: set[str] = set()
    for rule in rules:
        found = parameters(rule)
        if found is None or found.any_keyword:
            return None
        keywords.update(found.keywords, () if fixed is None else found.names[fixed:])
    return frozenset(keywords)


# -- the constructors ------------------------------------------------------------------------------------------------


def elementwise(fn: Callable[..., Any], *partials: Any, **options: Any) -> Op:
    """An op that works element by element, with broadcasting.

    fn: the function on arrays. partials: for each operand its partial derivative, as a function of (y, *operands) where
    y is the result; ONE or MINUS_ONE where it is that, over(f) where it is 1/f, None where no gradient flows. options:
    name, domain, kinks, selects, bounded, numpy (see Op). TypeError if there are not as many partials as fn takes
    arrays.

    >>> import numpy as np, tinygrad_lite as tg
    >>> softsign = tg.elementwise(lambda x: x / (1 + abs(x)), lambda y, x: (1 - abs(y)) ** 2, name="softsign")
    >>> tg.grad(softsign)(1.0)
    array(0.25)
    """
    held = [hold_to_shape(d, i, fn) for i, d in enumerate(partials)] if is_users_own(fn) else partials
    return Op(fn, [make_vjp(d, len(partials)) for d in held], "elementwise", partials=partials, **options)


def linear(fn: Callable[..., Any], vjp: Rule, operands: int | None = 1, **options: Any) -> Op:
    """An op that is linear in its first operand; `vjp(g, y, x, **keywords)` is the transposed map.

    fn: the function on arrays. The keywords that `vjp` names are the ones the op supports. operands: how many array
    operands there are (None: any number); no gradient flows to those after the first (indices, say). options: as for
    `elementwise`, and batch.

    >>> import numpy as np, tinygrad_lite as tg
    >>> double = tg.linear(lambda x: x + x, lambda g, y, x: g + g, name="double")
    >>> tg.grad(double)(3.0)
    array(2.)
    """
    if callable(operands):
        raise TypeError("linear takes one rule, since its op is linear in its first operand alone; see tg.bilinear")
    if operands is None:
        return Op(fn, lambda i, *args, **params: vjp(*args, **params), "linear", **options)
    return Op(fn, [vjp] + [None] * (operands - 1), "linear", **options)


def bilinear(fn: Callable[..., Any], left_vjp: Rule, right_vjp: Rule, **options: Any) -> Op:
    """An op of two array operands, linear in each; the rules are `vjp(g, y, a, b, **keywords)`.

    fn: the function on arrays. left_vjp, right_vjp: the cotangent of a, and that of b. options: as for `linear`.

    >>> import numpy as np, tinygrad_lite as tg
    >>> times = tg.bilinear(lambda a, b: a * b, lambda g, y, a, b: g * b, lambda g, y, a, b: g * a, name="times")
    >>> tg.grad(times, argnums=(0, 1))(3.0, 4.0)
    (array(4.), array(3.))
    """
    return Op(fn, [left_vjp, right_vjp], "bilinear", **options)


def custom_vjp(fn: Callable[..., Any], *vjps: Rule | None, **options: Any) -> Op:
    """An op with its own vector-Jacobian products: one `vjp(g, y, *operands, **keywords)` per array operand.

    fn: the function on arrays. vjps: the rules, None for an operand through which no gradient flows. Forward mode is
    the transpose of the vjp, found by differentiating it with respect to g; so a vjp must be linear in g and written in
    functions the table knows. options: as for `linear`. TypeError if there are not as many rules as fn takes arrays.

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


def _pick(outputs: tuple[Any, ...], index: int) -> Any:
    """One array of an op that returns several."""
    return outputs[index]


# The sweep treats this op itself: cotangents of the outputs are gathered in a list before the op's own rule is asked.
pick = linear(_pick, lambda g, y, outputs, index: g, python=_pick)
