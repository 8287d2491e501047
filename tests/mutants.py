"""Wrong rows, made on purpose: would the tests that belong to a row notice?

    python -m tests.mutants [NAME …] [--processes 2]

Every rule of every row of the table is made wrong in each of the ways below, one at a time, and the tests that are
generated from that row run until one of them fails: the mutant is killed. A mutant that passes them all has survived:
either a test is missing, or what it computes is right (then the reason stands in EQUIVALENT). A mutation that never
changed a number in any of the tests (a rule without an axis has no other axis) is not counted.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np

from tests import test_rules
from tests.generators.calls import Function, functions
from tests.rules import test_complex, test_every_call
from tinygrad_lite import backward, pulling
from tinygrad_lite.op import Op
from tinygrad_lite.rules import special
from tinygrad_lite.table import rows
from tinygrad_lite.tensor import Tensor

EQUIVALENT: Final[dict[tuple[str, str], str]] = {}
"""(row, mutation): why a surviving mutant is right all the same."""


@dataclass
class Mutation:
    """One way of making a rule wrong. change(gx, x): the wrong cotangent, from the right one and the operand."""

    name: str
    change: Callable[[Any, Any], Any]


def _transpose(gx: Any, x: Any) -> Any:
    return np.reshape(np.transpose(gx), gx.shape) if np.ndim(gx) > 1 else gx


def _reverse(gx: Any, x: Any) -> Any:
    return gx[::-1] if np.ndim(gx) else gx


def _skip_unbroadcasting(gx: Any, x: Any) -> Any:
    """The entries of one copy of the operand where those of all copies should be summed."""
    extra = np.ndim(gx) - np.ndim(x)
    if extra < 0 or np.shape(gx) == np.shape(x):
        return gx
    part = gx[(0,) * extra][tuple(slice(0, n) for n in np.shape(x))]
    return gx if np.size(part) == np.size(gx) else part


CHANGES: Final = (
    Mutation("scaled by 1.001", lambda gx, x: gx * 1.001),
    Mutation("negated", lambda gx, x: -gx),
    Mutation("dropped", lambda gx, x: gx * 0),
    Mutation("transposed", _transpose),
    Mutation("reversed", _reverse),
    Mutation("un-broadcasting skipped", _skip_unbroadcasting),
)
ALWAYS: Final = ("scaled by 1.001", "negated", "dropped")  # they count even if all that the tests met was zeros
SWAPPED, OTHER_AXIS, OVERWRITTEN = "swapped with another operand's", "along another axis", "accumulation overwritten"


class Watch:
    """Whether the mutation has changed a number so far."""

    def __init__(self) -> None:
        self.effective = False

    def compare(self, right: Any, wrong: Any) -> Any:
        a, b = (np.asarray(g._array if type(g) is Tensor else g) for g in (right, wrong))
        if a.shape != b.shape or not np.array_equal(a, b):
            self.effective = True
        return wrong


def _wrong_rules(op: Op, i: int, watch: Watch) -> Iterator[tuple[str, Any]]:
    """(mutation, rule) for operand i: each wrong rule is called like the right one."""
    right = op.vjps[i]
    for mutation in CHANGES:

        def changed(g: Any, y: Any, *xs: Any, change: Any = mutation.change, **params: Any) -> Any:
            gx = right(g, y, *xs, **params)
            return watch.compare(gx, change(gx, xs[i]))

        yield mutation.name, changed
    others = [j for j in range(op.arity or 0) if j != i and op.vjps[j] is not None]
    if others:

        def swapped(g: Any, y: Any, *xs: Any, **params: Any) -> Any:
            return watch.compare(right(g, y, *xs, **params), op.vjps[others[0]](g, y, *xs, **params))

        yield SWAPPED, swapped
    if "axis" in (op.keywords or ()):

        def along_another_axis(g: Any, y: Any, *xs: Any, **params: Any) -> Any:
            axis, gx = params.get("axis"), right(g, y, *xs, **params)
            if not isinstance(axis, int) or np.ndim(xs[i]) < 2:
                return gx
            other = (axis + 1) % np.ndim(xs[i])
            return watch.compare(gx, right(g, y, *xs, **{**params, "axis": other}))

        yield OTHER_AXIS, along_another_axis


def _wrong_joint_rules(op: Op, i: int, watch: Watch) -> Iterator[tuple[str, Any]]:
    right = op.vjps.rule
    for mutation in CHANGES:

        def changed(g: Any, y: Any, *xs: Any, change: Any = mutation.change, **params: Any) -> Any:
            found = list(right(g, y, *xs, **params))
            found[i] = watch.compare(found[i], change(found[i], xs[i]))
            return found

        yield mutation.name, changed


def mutants_of(op: Op) -> Iterator[tuple[str, Any, Watch]]:
    """(name, a context manager that makes the row wrong inside of it, what tells whether that changed anything)."""
    count = 2 if op.arity is None else op.arity
    for i in range(1 if op.kind == "linear" else count):  # no gradient flows to what a linear op is not linear in
        watch = Watch()
        if op.joint:
            for name, rule in _wrong_joint_rules(op, i, watch):
                yield f"operand {i} {name}", _with_rule_for_all(op, rule), watch
        elif op.vjps[i] is not None and not _raises(op, i):
            for name, rule in _wrong_rules(op, i, watch):
                yield f"operand {i} {name}", _with_rule(op, i, rule), watch
    watch = Watch()
    yield OVERWRITTEN, _overwriting(op, watch), watch


def _raises(op: Op, i: int) -> bool:
    """Whether the rule says that nobody knows the derivative: there is nothing to be made wrong."""
    return bool(op.partials) and op.partials[i] is special.unknown


@contextmanager
def _with_rule(op: Op, i: int, rule: Any) -> Iterator[None]:
    """Inside, this is the row's rule for operand i."""
    right = op.vjps
    if op.arity is None:
        rule_of_any = right.rule
        with _with_rule_for_all(
            op, lambda k, *args, **params: (rule if k == i else partial(rule_of_any, k))(*args, **params)
        ):
            yield
        return
    op.vjps = (*right[:i], rule, *right[i + 1 :])
    try:
        yield
    finally:
        op.vjps = right


@contextmanager
def _with_rule_for_all(op: Op, rule: Any) -> Iterator[None]:
    """Inside, this is the one rule that the row has for all operands."""
    right = op.vjps.rule
    op.vjps.rule = rule
    try:
        yield
    finally:
        op.vjps.rule = right


@contextmanager
def _overwriting(op: Op, watch: Watch) -> Iterator[None]:
    """Inside, what this op sends to an operand takes the place of what others have sent there."""
    right = pulling.add

    def add(pending: dict[Tensor, Any], x: Tensor, g: Any, fits: bool = False) -> None:
        is_ours = sys._getframe(1).f_locals["op"] is op  # the sweep and the pulls call it so
        others = pending.pop(x, None) if is_ours else None
        right(pending, x, g, fits)
        if others is not None:
            watch.compare(others + pending[x], pending[x])

    pulling.add = backward.add = add
    try:
        yield
    finally:
        pulling.add = backward.add = right


def _run_complex_tests(function: Function) -> None:
    if function.name in test_complex.UNARY:
        test_complex.test_functions_of_one_operand(function.name)
    if function.name in test_complex.BINARY:
        for kinds in ("cc", "rc", "cr"):
            test_complex.test_functions_of_two_operands(function.name, kinds)


TESTS: Final = (  # the quick ones first
    (test_every_call.test_both_modes_along_a_direction, test_every_call.TESTED),
    (test_every_call.test_what_another_use_of_an_operand_sends_is_added, test_every_call.TESTED),
    (test_rules.test_vjp_jvp_and_second_order_agree_with_numbers, test_rules.DIFFERENTIABLE),
    (test_rules.test_broadcasting, [f for f in test_rules.FREE if f.arity > 1]),
    (test_rules.test_float32_stays_float32, test_rules.DIFFERENTIABLE),
    (test_rules.test_memory_layout_does_not_matter, test_rules.DIFFERENTIABLE),
    (test_rules.test_zero_dimensional_operands, test_rules.FREE),
    (_run_complex_tests, test_rules.DIFFERENTIABLE),
)


def is_noticed(function: Function) -> bool:
    """Whether one of the tests that belong to the row fails."""
    for test, tested in TESTS:
        if function in tested:
            try:
                test(function)
            except Exception:
                return True
    return False


def try_row(name_and_place: tuple[str, int]) -> list[tuple[str, str, str]]:
    """(row, mutation, outcome) for each mutant of a row: 'killed', 'survived' or 'no effect'."""
    name, place = name_and_place
    op = rows()[place]
    function = next(f for f in [*test_rules.DIFFERENTIABLE, *functions()] if f.call is op.call)
    outcomes = []
    for mutation, made_wrong, watch in mutants_of(op):
        watch.effective = False
        with made_wrong:
            noticed = is_noticed(function)
        counts = watch.effective or any(name in mutation for name in ALWAYS)
        outcome = "killed" if noticed else "survived" if counts else "no effect"
        outcomes.append((name, mutation, outcome))
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="rows (default: all)")
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    chosen = [
        (op.name, place)
        for place, op in enumerate(rows())
        if op.kind != "constant" and (not arguments.names or op.name in arguments.names)
    ]
    found: list[tuple[str, str, str]] = []
    with ProcessPoolExecutor(arguments.processes) as pool:
        for outcomes in pool.map(try_row, chosen):
            found += outcomes
            for name, mutation, outcome in outcomes:
                if outcome == "survived":
                    print(f"survived: {name}, {mutation}: {EQUIVALENT.get((name, mutation), 'A TEST IS MISSING')}")
    count = Counter(outcome for _, _, outcome in found)
    equivalent = sum(outcome == "survived" and (name, mutation) in EQUIVALENT for name, mutation, outcome in found)
    unexplained = count["survived"] - equivalent
    total = count["killed"] + count["survived"]
    print(f"{len(chosen)} rows, {total} mutants: {count['killed']} killed, {count['survived']} survived")
    print(
        f"of these {equivalent} are right all the same, {unexplained} unexplained; {count['no effect']} changed nothing"
    )
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
