"""Scalar factors, moved to where they cost least.

Backprop multiplies by numbers in many places: 1/m where the mean is taken, the learning rate in every update. They
commute with everything linear, so each is first taken out of the linear steps it passes through, down to where the
value is used otherwise (a sink). There it is multiplied in: once at each sink, or once at the root from which they all
descend, as in `dZ2 *= learning_rate / m` in place of a factor in each of four updates, whichever is cheaper.

Only ordinary numbers move: constants of moderate size, and numbers that were given, or computed from such, like a
learning rate. Where x is divided by its own maximum, that is done lest its squares overflow; there it stays.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np

from ...rules.elementwise import add, divide, multiply, negative, subtract
from ..program import Editor, Node, Operand, Program, dtype_of, is_scalar

# What a multiplication costs: a call, and every byte of the result (microseconds; order of magnitude is enough).
CALL, BYTE = 0.4, 0.00006
MODERATE = 2.0**40
"""Constants beyond this, or below its inverse, stay where they are: they may be there against overflow."""


@dataclass(frozen=True)
class Factor:
    """A product of numbers: a constant, times scalar nodes to the power of 1 or -1 (each with its exponent)."""

    constant: float = 1.0
    nodes: tuple[tuple[Node, int], ...] = ()

    def times(self, other: Factor, power: int = 1) -> Factor:
        """self * other ** power."""
        exponents = dict(self.nodes)
        for node, exponent in other.nodes:
            exponents[node] = exponents.get(node, 0) + power * exponent
        nodes = tuple(sorted(((n, e) for n, e in exponents.items() if e), key=lambda pair: id(pair[0])))
        return Factor(self.constant * other.constant**power, nodes)

    def is_ordinary(self) -> bool:
        """Whether a product may be multiplied by it later, or earlier. (In a square, both arrays were scaled.)"""
        return 1 / MODERATE <= abs(self.constant) <= MODERATE and all(abs(e) == 1 for _, e in self.nodes)


NONE = Factor()


@dataclass
class _Analysis:
    """factor: what was taken out of each node. base: the node that computes the rest. sinks: (base, factor) -> uses."""

    factor: dict[Node, Factor] = field(default_factory=dict)
    base: dict[Node, Node] = field(default_factory=dict)
    sinks: set[tuple[Node, Factor]] = field(default_factory=set)
    numbers: set[Node] = field(default_factory=set)  # those given, or computed from such
    opposite: set[Node] = field(default_factory=set)  # sums that become differences, and the other way round
    roots: list[Node] = field(default_factory=list)  # bases that were multiplied by a number there already

    def of(self, x: Operand) -> Factor:
        return self.factor.get(x, NONE) if type(x) is Node else NONE

    def sink(self, x: Operand) -> None:
        if type(x) is Node:
            self.sinks.add((self.base.get(x, x), self.of(x)))


def place_factors(program: Program) -> Program:
    """The pass."""
    analysis = _analyse(program)
    if not any(factor != NONE for _, factor in analysis.sinks):
        return program
    return _rebuild(program, analysis, _choose_roots(program, analysis))


def _read_factor(x: Operand, like: Node, a: _Analysis) -> Factor | None:
    """x as a factor, if it is a number that leaves the dtype of what it multiplies alone."""
    if is_scalar(x) and not isinstance(x, (complex, np.complexfloating)):
        number = Factor(float(x))
        return number if number.is_ordinary() else None
    if type(x) is Node and x in a.numbers and (x.weak or x.dtype == like.dtype) and x.dtype.kind == "f":
        return Factor(1.0, ((x, 1),))
    return None


def _factor_out(node: Node, a: _Analysis) -> tuple[Factor, Node | None] | None:
    """What can be taken out of a step, and the operand it then equals (None if it must still be computed).

    None if the step's row does not say what multiplying its operands does.
    """
    op, xs = node.op, node.operands
    assert op is not None
    if op.outputs > 1 or not _keeps_dtype(node):
        return None
    if len(op.signs) == 1:  # minus
        (x,) = xs
        return (a.of(x).times(Factor(float(op.signs[0]))), x) if type(x) is Node else None
    entrywise = op.kind == "elementwise"
    if op.powers and entrywise:
        for i, x in enumerate(xs):
            if op.powers[i] == 1 and type(x) is Node and x.shape == node.shape and x.dtype == node.dtype:
                number = _read_factor(xs[1 - i], x, a)
                if number is not None:
                    return a.of(x).times(number, op.powers[1 - i]), x
    factor = _find_common_factor(node, a)
    if op.powers:
        factor = NONE
        for x, power in zip(xs, op.powers, strict=False):
            factor = factor.times(a.of(x), power)
    if factor is None or (op.powers and (entrywise or op.view)):
        return None if factor is None else (factor, None)
    if factor.nodes and _puts_in_zeros(node):
        return None
    # Not a negative one out of a sum: one that cancels is 0.0, and so is -1 times it not, but -0.0.
    return (factor, None) if factor.constant > 0 else None


def _puts_in_zeros(node: Node) -> bool:
    """Whether there may be zeros of its own beside what is multiplied: they stay zeros where the number turns out to be
    infinite, as in `np.where(s > 0, x / s, 0)`."""
    op = node.op
    assert op is not None
    if op.signs:
        return op.kind != "elementwise" and len(_list_summands(node)) < sum(map(abs, op.signs))
    return op.kind == "linear" and node.size >= node.operands[0].size


def _keeps_dtype(node: Node) -> bool:
    """Whether a linear step has its operand's dtype; where it has another, a factor may be of one too wide for it."""
    assert node.op is not None
    return node.op.kind != "linear" or dtype_of(node.operands[0]) == node.dtype


def _find_common_factor(node: Node, a: _Analysis) -> Factor | None:
    """What all operands have in common that are added up, or of which one is chosen; a zero has any factor."""
    assert node.op is not None
    xs = _list_summands(node)
    if not xs or any(type(x) is not Node for x in xs):
        return None
    one, other = a.of(xs[0]), a.of(xs[-1])
    if all(a.of(x) == one for x in xs):
        return one
    if len(node.op.signs) == 2 and one == other.times(Factor(-1.0)) and one.constant > 0:
        a.opposite.add(node)  # k a + (-k) b = k (a - b)
        return one
    return None


def _list_summands(node: Node) -> list[Operand]:
    """The operands that have a sign, but for zeros."""
    assert node.op is not None
    signed = [x for x, sign in zip(node.operands, node.op.signs, strict=False) if sign]
    return [x for x in signed if not is_scalar(x) or x != 0]


def _is_linear_in(node: Node, i: int) -> bool:
    """Whether what multiplies operand i multiplies the step (conditions and indices are others)."""
    assert node.op is not None
    of = node.op.powers or node.op.signs
    return i < len(of) and of[i] != 0


def _analyse(program: Program) -> _Analysis:
    a = _Analysis()
    inputs = (*program.inputs, *(node for node, _ in program.captures))
    a.numbers.update(node for node in inputs if node.shape == ())
    for node in program.steps:
        if node.shape == () and all(x in a.numbers if type(x) is Node else is_scalar(x) for x in node.operands):
            a.numbers.add(node)
        taken = None
        if node.shape and node.dtype is not None and node.dtype.kind == "f" and node.dtype.itemsize >= 4:
            taken = _factor_out(node, a)
        if taken is None or not taken[0].is_ordinary():
            for x in node.operands:
                a.sink(x)
            continue
        factor, same = taken
        a.factor[node] = factor
        if same is not None:
            a.base[node] = a.base.get(same, same)
            a.roots.append(a.base[node])
        for i, x in enumerate(node.operands):
            if not _is_linear_in(node, i):
                a.sink(x)
    for x in program.outputs:
        a.sink(x)
    return a


def _estimate_cost(node: Node) -> float:
    return CALL + BYTE * node.nbytes


Sink = tuple[Node, Factor]


def _choose_roots(program: Program, a: _Analysis) -> dict[Node, Factor]:
    """The roots worth scaling, so that no sink below them needs a factor any more."""
    order = {node: i for i, node in enumerate(program.steps)}
    chosen: dict[Node, Factor] = {}
    open_sinks = {sink for sink in a.sinks if sink[1] != NONE}
    sinks_of: dict[Node, list[Sink]] = {}
    for sink in a.sinks:
        sinks_of.setdefault(sink[0], []).append(sink)
    users = program.users()
    shared = [
        node
        for node in program.steps
        if node.shape is not None and node not in a.base and sum(u in a.factor for u in users[node]) > 1
    ]
    linear: dict[Node, list[Node]] = {}  # base -> the linear steps that use it, scaled or not
    for node, its_users in users.items():
        linear.setdefault(a.base.get(node, node), []).extend(u for u in its_users if u in a.factor and u not in a.base)
    most = _bound_costs(program, linear, open_sinks)
    for root in sorted(dict.fromkeys((*a.roots, *shared)), key=_estimate_cost):
        if not open_sinks:
            break
        if root in a.numbers or _estimate_cost(root) >= most[root]:
            continue  # factors are made of it; or there is not enough below
        below = _find_sinks(a, root, linear, order, sinks_of, open_sinks)
        if not below:
            continue
        factor = next(iter(below))[1]
        if any(order.get(s, -1) > order.get(root, -1) for s, _ in factor.nodes):
            continue  # the factor is not known yet where the root is computed
        if _estimate_cost(root) < sum(_estimate_cost(base) for base, _ in below):
            chosen[root] = factor
            open_sinks -= below
    return chosen


def _bound_costs(program: Program, linear: dict[Node, list[Node]], sinks: Iterable[Sink]) -> dict[Node, float]:
    """What the multiplications at all sinks below a node cost at most: those that several ways lead to count several
    times. Most roots need not be looked at any more closely, and in a long chain each of them would look along all of
    it."""
    most = dict.fromkeys((*program.inputs, *(node for node, _ in program.captures), *program.steps), 0.0)
    for base, _ in sinks:
        most[base] += _estimate_cost(base)
    for node in reversed(most):
        most[node] += sum(most[user] for user in linear.get(node, ()))
    return most


def _find_sinks(
    a: _Analysis,
    root: Node,
    linear: dict[Node, list[Node]],
    order: dict[Node, int],
    sinks_of: dict[Node, list[Sink]],
    open_sinks: set[Sink],
) -> set[Sink] | None:
    """The sinks below a root; None unless all lack the same factor, and each is multiplied by k when the root is.

    It stops at the first one that is otherwise, or at a sum that would mix different powers of k.
    """
    below: set[Sink] = set()
    powers: dict[Node, int] = {}  # of k, by which a base node is multiplied

    def power_of(x: Operand) -> int:
        return powers.get(a.base.get(x, x), 0) if type(x) is Node else 0

    ahead = [(-1, root)]  # in the program's order
    seen = {root}
    while ahead:
        node = heapq.heappop(ahead)[1]
        found = {1} if node is root else _find_powers(node, power_of)
        if len(found) > 1:
            return None
        (d,) = found
        if not d:
            continue
        powers[node] = d
        for sink in sinks_of.get(node, ()):
            if d != 1 or sink not in open_sinks or (below and sink[1] != next(iter(below))[1]):
                return None
            below.add(sink)
        for user in linear.get(node, ()):
            if user not in seen:
                seen.add(user)
                heapq.heappush(ahead, (order[user], user))
    return below


def _find_powers(node: Node, power_of: Callable[[Operand], int]) -> set[int]:
    """The power of k that multiplies a linear step, from those of its operands; several, where its summands differ."""
    assert node.op is not None
    if node.op.powers:
        return {sum(power * power_of(x) for x, power in zip(node.operands, node.op.powers, strict=False))}
    return set(map(power_of, _list_summands(node)))


def _rebuild(program: Program, a: _Analysis, roots: dict[Node, Factor]) -> Program:
    editor = Editor(program)
    scaled: dict[tuple[Node, Factor], Node] = {}
    paid: set[Node] = set()  # scaled roots and their descendants, which owe nothing any more

    def value(x: Operand) -> Operand:
        """An operand with its factor multiplied in."""
        if type(x) is not Node:
            return x
        base, factor = a.base.get(x, x), a.of(x)
        if factor == NONE or base in paid:
            return editor.look_up(base)
        if (base, factor) not in scaled:
            scaled[base, factor] = _multiply_in(editor, editor.look_up(base), factor, x.name)
        return scaled[base, factor]

    for node in (*program.inputs, *(n for n, _ in program.captures)):
        if node in roots:
            editor.replacements[node] = _multiply_in(editor, node, roots[node], None)
            paid.add(node)
    for node in program.steps:
        if node in a.base:
            continue  # a multiplication by a number: its base is there already
        if node in a.factor:
            operands = tuple(
                editor.look_up(a.base.get(x, x) if type(x) is Node else x) if _is_linear_in(node, i) else value(x)
                for i, x in enumerate(node.operands)
            )
            if any(type(x) is Node and a.base.get(x, x) in paid for x in node.operands):
                paid.add(node)
        else:
            operands = tuple(value(x) for x in node.operands)
        op = node.op
        if node in a.opposite:
            op = subtract if op is not None and op.signs == (1, 1) else add
        new = Node(op, operands, node.params, node.shape, node.dtype, node.weak, node.name)
        editor.steps.append(new)
        editor.replacements[node] = new
        if node in roots:
            editor.replacements[node] = _multiply_in(editor, new, roots[node], None)
            paid.add(node)
    outputs = tuple(value(x) for x in program.outputs)
    return Program(program.inputs, program.captures, tuple(editor.steps), outputs)


def _multiply_in(editor: Editor, x: Node, factor: Factor, name: str | None) -> Node:
    """x times the factor, whose numbers are multiplied first."""
    k: Operand = factor.constant
    for node, exponent in factor.nodes:
        s = editor.look_up(node)
        for _ in range(abs(exponent)):
            if exponent > 0 and is_scalar(k) and k == 1:
                k = s
            else:
                k = editor.add(multiply if exponent > 0 else divide, k, s)
    if is_scalar(k) and k == -1:
        return editor.add(negative, x, name=name)
    return editor.add(multiply, x, k, name=name)
