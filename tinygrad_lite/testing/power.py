"""The power of a gradient check: which wrong derivatives of the ops in f it would have noticed.

A check that passes says little if it would also have passed with a wrong rule: where a gradient is all zeros, or is
lost in rounding, nothing can be seen. So each rule that f's gradient goes through is made wrong in turn, and the check
is run again.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from .. import tree
from ..backward import find_nodes
from ..op import Op, pick
from ..tensor import GRAD, Tensor, next_seq
from ..transforms import jvp, vjp
from .numerical import ignore_warnings

Function = Callable[..., Any]

SCALE: Final = 1 + 1e-3  # the smallest mistake that a check promises to see
MUTATIONS: Final = ("scaled", "negated", "dropped", "swapped")


@dataclass(frozen=True)
class Mutant:
    """One rule made wrong. op: the operation's name; operand: the name of the operand whose partial derivative it is;
    mutation: 'scaled' (by 1.001), 'negated', 'dropped' (nothing flows) or 'swapped' (with the next operand's); killed:
    whether the check noticed.
    """

    op: str
    operand: str
    mutation: str
    killed: bool


@dataclass(frozen=True)
class Power:
    """What `check_gradients(...).power()` found. `str()` of it is a table.

    function: the name of f. mutants: one per rule and mutation; a mutation that changes nothing is left out
    ('swapped' for an op of one operand, or for `a + b`, whose two partial derivatives are the same).
    """

    function: str
    mutants: tuple[Mutant, ...]

    @property
    def killed(self) -> int:
        """How many mutants the check noticed."""
        return sum(mutant.killed for mutant in self.mutants)

    @property
    def total(self) -> int:
        return len(self.mutants)

    @property
    def survivors(self) -> tuple[Mutant, ...]:
        """The mistakes that this check would not have noticed."""
        return tuple(mutant for mutant in self.mutants if not mutant.killed)

    def __str__(self) -> str:
        rows: dict[str, dict[str, str]] = {}
        for mutant in self.mutants:
            outcome = "killed" if mutant.killed else "SURVIVED"
            rows.setdefault(f"{mutant.op}, {mutant.operand}", {})[mutant.mutation] = outcome
        width = max((len(name) for name in rows), default=0)
        lines = [f"power of the check of {self.function}: {self.killed} of {self.total} wrong rules noticed"]
        lines.append(f"  {'':{width}}  " + "  ".join(f"{mutation:8}" for mutation in MUTATIONS).rstrip())
        for name, outcomes in rows.items():
            cells = "  ".join(f"{outcomes.get(mutation, '-'):8}" for mutation in MUTATIONS)
            lines.append(f"  {name:{width}}  {cells}".rstrip())
        if self.survivors:
            lines.append("  What survived would pass this check; other values or sizes may tell it.")
        return "\n".join(lines)


def measure_power(name: str, f: Function, args: Sequence[Any], fails: Callable[[Function, Function], bool]) -> Power:
    """Make each rule of f's ops wrong in turn. fails(vjp, jvp): whether the check, made with these, fails."""
    mutants = []
    for (op, i), other in _find_rules(f, args).items():
        for mutation in MUTATIONS:
            if mutation != "swapped" or other is not None:
                mutant = _mutate(op, i, mutation, other)
                killed = fails(_with_op(vjp, op, mutant), _with_op(jvp, op, mutant))
                mutants.append(Mutant(op.name, _name_operand(op, i), mutation, killed))
    return Power(name, tuple(mutants))


def _find_rules(f: Function, args: Sequence[Any]) -> dict[tuple[Op, int], int | None]:
    """The ops that f's gradient goes through, each with the number of an operand that has a rule, in order of use; and
    the number of the operand whose rule it can be swapped with.
    """
    found: dict[tuple[Op, int], int | None] = {}

    def watched(*operands: Any) -> Any:
        start = next_seq()
        result = f(*operands)
        for node in reversed(_nodes_of(result, start)):
            op: Any = node._op
            for i, x in enumerate(node._inputs):
                if op is not pick and type(x) is Tensor and x._flags & GRAD and (op.joint or op.vjps[i] is not None):
                    found[op, i] = found.get((op, i), _find_other(op, i, node._inputs))
        return result

    with ignore_warnings():
        vjp(watched, *args)
    return found


def _find_other(op: Any, i: int, inputs: Sequence[Any]) -> int | None:
    """The next operand, if it is another one with a rule of its own."""
    j = (i + 1) % len(inputs)
    if inputs[j] is inputs[i] or op.kind == "linear":
        return None
    return j if op.joint or op.vjps[j] not in (None, op.vjps[i]) else None


def _nodes_of(result: Any, start: int) -> list[Tensor]:
    return find_nodes([y for y in tree.flatten(result)[0] if type(y) is Tensor and y._flags & GRAD], start)[0]


def _with_op(transform: Function, op: Op, mutant: Op) -> Function:
    """The transform, of f with one op in the place of another, in f's own graph and nowhere else."""

    def transformed(f: Function, *args: Any) -> Any:
        def tampered(*operands: Any) -> Any:
            start = next_seq()
            result = f(*operands)
            for node in _nodes_of(result, start):
                if node._op is op:
                    node._op = mutant
            return result

        return transform(tampered, *args)

    return transformed


def _mutate(op: Op, i: int, mutation: str, other: int | None) -> Op:
    """The op with a wrong rule for operand i; other: the operand whose rule takes its place, where they are swapped."""
    mutant = copy.copy(op)
    mutant.in_table, mutant.pull = False, None  # the sweep is to doubt it
    if op.joint:

        def wrong_rules(*args: Any, **params: Any) -> Any:
            found = list(op.vjps.rule(*args, **params))
            found[i] = _spoil(found[i], mutation) if other is None or mutation != "swapped" else found[other]
            return found

        mutant.vjps = copy.copy(op.vjps)
        mutant.vjps.rule = wrong_rules
        return mutant

    def wrong_rule(g: Any, *args: Any, **params: Any) -> Any:
        if mutation == "swapped":
            return op.vjps[other](g, *args, **params)
        return _spoil(op.vjps[i](g, *args, **params), mutation)

    if op.arity is None:
        mutant.vjps = copy.copy(op.vjps)
        mutant.vjps.rule = lambda k, *args, **params: (wrong_rule if k == i else op.vjps[k])(*args, **params)
    else:
        mutant.vjps = tuple(wrong_rule if k == i else rule for k, rule in enumerate(op.vjps))
    return mutant


def _spoil(gx: Any, mutation: str) -> Any:
    return gx * {"scaled": SCALE, "negated": -1.0, "dropped": 0.0}[mutation]


def _name_operand(op: Op, i: int) -> str:
    names = op.operand_names
    return names[i] if op.arity is not None and i < len(names) else f"operand {i}"
