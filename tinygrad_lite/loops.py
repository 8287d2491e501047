"""scan, cond, while_loop: loops and branches that a compiled program keeps as such.

Called with numbers, each is plain Python: a `for` loop, an `if`, a `while` loop. While `tg.compile` traces a function,
what is looped over is traced once, and the loop becomes a loop of the generated code (program/compiled/scan.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from . import tree
from .alike import make_alike
from .batched import Batched, Level, every_example, unwrap, wrap
from .checkpoint import checkpoint as checkpointed
from .containers import advise
from .context import current, running
from .foreign import is_foreign, refuse_foreign
from .keywords import explains_keywords
from .lifting import at_level
from .tensor import PYTHON_NUMBERS, Tensor, TraceError

Function = Callable[..., Any]

LONG = 500  # steps; from which on the first result of a compiled function is compared with that of the body's own code


@explains_keywords
def scan(
    f: Function, carry: Any, xs: Any = None, length: int | None = None, reverse: bool = False, checkpoint: bool = False
) -> tuple[Any, Any]:
    """A loop that hands something on: carry, y = f(carry, x) for each x; returns the last carry, and the ys, stacked.

    f: from (carry, x) to (carry, y). carry, xs, y: trees of arrays, or None. xs: its leaves have the steps along the
    first axis; f is given one of them. The carry that f returns has the structure, shapes and dtypes of the one it is
    given (else TypeError). length: the number of steps, needed where xs is None. reverse: from the last x to the first
    (the ys keep their places). checkpoint: a gradient computes each step again instead of storing what lies between the
    carries.

    In a compiled function, f is traced once whatever the number of steps. (As jax.lax.scan.)

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.scan(lambda total, x: (total + x, total * x), 0.0, np.array([1.0, 2.0, 3.0]))
    (np.float64(6.0), array([0., 2., 9.]))
    >>> tg.grad(lambda a: tg.scan(lambda h, x: (np.tanh(a * h + x), None), 0.0, np.ones(3))[0])(0.5).round(6)
    np.float64(0.19432)
    """
    _check_functions("scan", f=f)
    carry, xs = tree.map(_as_array, carry), tree.map(_as_array, xs)
    count = _count_steps(xs, length)
    level = _level()
    if level is not None:
        whole, stacked = _whole(carry, level), tree.map(lambda x: np.moveaxis(x, 0, 1), _whole(xs, level))
        with at_level(level.outer):
            last, rows = scan(_of_every_example(f, level), whole, stacked, count, reverse, checkpoint)
            rows = tree.map(lambda y: np.moveaxis(y, 0, 1), rows)
        return _views(last, level), _views(rows, level)
    if _keeps_loops():
        return _scan_in_program(f, carry, xs, count, reverse, checkpoint)
    if count > LONG and _runs_bodies():
        # Of what is an array here, as in rows[i], a Tensor i is no index: step by step, then.
        with suppress(TraceError):
            return _scan_in_program(f, carry, xs, count, reverse, checkpoint)
    step = checkpointed(f) if checkpoint else f
    ys: list[Any] = [None] * count
    carry = tree.map(_copy, carry)
    for i in range(count - 1, -1, -1) if reverse else range(count):
        carry, y = _check_step(step(carry, tree.map(lambda x, i=i: _copy(x[i]), xs)), carry, "scan")
        ys[i] = tree.map(_copy, y)
    if not count:  # what would come out is seen from a step that is not taken
        nothing = tree.map(lambda x: make_alike(np.zeros(x.shape[1:], x.dtype), x), xs)
        _, y = _check_step(f(carry, nothing), carry, "scan")
        return carry, tree.map(lambda y: make_alike(np.zeros((0, *np.shape(y)), _as_array(y).dtype), y), y)
    return carry, _stack(ys)


@explains_keywords
def cond(pred: Any, yes: Function, no: Function, *args: Any) -> Any:
    """yes(*args) if pred, else no(*args), in a compiled function, too, where pred is known only when it runs.

    pred: one truth value. yes, no: of the same arguments, to results alike in structure, shapes and dtypes (checked
    while a function is traced; else TypeError). Only the branch that is taken is computed; but inside `tg.vmap`, where
    pred differs between the examples, both are, and np.where chooses.

    >>> import numpy as np, tinygrad_lite as tg
    >>> f = tg.compile(lambda x: tg.cond(np.sum(x) > 1, np.sin, np.cos, x))
    >>> f(np.array([0.5, 0.0])), f(np.array([1.5, 0.0]))
    (array([0.87758256, 1.        ]), array([0.99749499, 0.        ]))
    """
    _check_functions("cond", yes=yes, no=no)
    pred = _one_truth(pred, "cond")
    if type(pred) is Batched:
        return tree.map(lambda a, b: np.where(pred, a, b), yes(*args), no(*args))
    if type(pred) is Tensor and _keeps_loops() and _level() is None:
        return _cond_in_program(pred, yes, no, args)
    if type(pred) is Tensor and _keeps_loops():
        level = _level()
        assert level is not None
        with at_level(level.outer):
            whole = cond(pred, _of_every_example(yes, level), _of_every_example(no, level), *_whole(args, level))
        return _views(whole, level)
    return yes(*args) if pred else no(*args)


@explains_keywords
def while_loop(test: Function, f: Function, carry: Any) -> Any:
    """carry = f(carry) as long as test(carry); the carry at the end.

    test: from the carry to one truth value. f: to a carry like the one it is given. In a compiled function the number
    of rounds is known only when it runs, so that forward mode (tg.jvp) goes through it, and a gradient raises
    TypeError: for that write `tg.scan` with a fixed length. Inside `tg.vmap` it goes on until the test fails for all
    the examples; those that are done stay as they are.

    >>> import tinygrad_lite as tg
    >>> tg.while_loop(lambda x: x < 100, lambda x: 2 * x, 3.0)
    np.float64(192.0)
    """
    _check_functions("while_loop", test=test, f=f)
    carry = tree.map(_as_array, carry)
    if not tree.flatten(carry)[0]:
        raise TypeError(f"while_loop: there is no array in the carry, {carry!r:.40}, and so nothing that ends the loop")
    level = _level()
    if level is not None:
        return _while_for_every_example(test, f, carry, level)
    if _keeps_loops():
        return _while_in_program(test, f, carry)
    carry = tree.map(_copy, carry)
    while _one_truth(test(carry), "while_loop"):
        carry = _check_carry(f(carry), carry, "while_loop")
    return carry


# -- what is given ---------------------------------------------------------------------------------------------------


def _as_array(x: Any) -> Any:
    if isinstance(x, Tensor):
        x = x._current()
        is_number = type(x) is Tensor and type(x._array) in PYTHON_NUMBERS
        return np.reshape(x, ()) if is_number else x  # an array, as of a number below
    refuse_foreign(x, "what goes through a loop")
    array = x if hasattr(x, "dtype") else np.asarray(x)
    if array.dtype.kind in "OUSV":
        raise TypeError(f"what goes through a loop is a {type(x).__name__}, not an array of numbers{advise(x)}")
    return array


def _copy(x: Any) -> Any:
    """A copy of what a step may write into, as in carry += x; what cannot be written into, itself."""
    return x.copy() if isinstance(x, np.ndarray) or is_foreign(x) else x


def _check_functions(name: str, **functions: Any) -> None:
    for keyword, f in functions.items():
        if not callable(f):
            raise TypeError(
                f"{name}: {keyword} is a {type(f).__name__}; it must be a function (of an array x: lambda: x)"
            )


def _count_steps(xs: Any, length: int | None) -> int:
    leaves, structure = tree.flatten(xs)
    for x, path in zip(leaves, structure.paths("xs"), strict=True):
        if not x.ndim:
            raise ValueError(f"scan: {path} is one number; the steps lie along its first axis")
        if length is None:
            length = x.shape[0]
        elif x.shape[0] != length:
            raise ValueError(f"scan: {path} has {x.shape[0]} steps, but there are {length}; all must have as many")
    if length is None:
        raise ValueError("scan: without xs, length= says how many steps there are")
    if not hasattr(length, "__index__") or isinstance(length, bool):
        raise TypeError(f"scan: length is {length!r:.40}; it must be a whole number, known beforehand")
    if length < 0:
        raise ValueError(f"scan: length is {length}; there are no fewer steps than none")
    return length.__index__()


def _stack(ys: Sequence[Any]) -> Any:
    """What the steps gave besides, as one tree of arrays."""
    columns, structure = [], None
    for i, y in enumerate(ys):
        leaves, found = tree.flatten(y)
        if structure is not None and found != structure:
            raise TypeError(f"scan: y is {structure} in step 0, and {found} in step {i}; all must be alike")
        structure = found
        columns.append(leaves)
    assert structure is not None
    stacked = []
    for column, path in zip(zip(*columns, strict=True), structure.paths("y"), strict=True):
        different = next((i for i, y in enumerate(column) if np.shape(y) != np.shape(column[0])), None)
        if different is not None:
            raise TypeError(
                f"scan: {path} has shape {np.shape(column[0])} in step 0, and {np.shape(column[different])} in step "
                f"{different}; all must be alike"
            )
        stacked.append(np.stack(column))
    return tree.unflatten(structure, stacked)


def _check_step(result: Any, carry: Any, name: str) -> tuple[Any, Any]:
    if not isinstance(result, tuple) or len(result) != 2:
        raise TypeError(f"{name}: the function must return a pair (carry, y), not a {type(result).__name__}")
    return _check_carry(result[0], carry, name), result[1]


def _check_carry(result: Any, carry: Any, name: str) -> Any:
    """The carry that a step returned, if it is like the one it was given; TypeError otherwise."""
    found, structure = tree.flatten(result)
    given, expected = tree.flatten(carry)
    if structure != expected:
        raise TypeError(
            f"{name}: the carry was {expected}, and the step makes it {structure}; it must stay alike (True and False "
            "are a part of its structure: a flag that changes is an array, np.array(False))"
        )
    found = [_as_array(x) for x in found]
    for i, (a, b) in enumerate(zip(found, given, strict=True)):
        if a.shape != b.shape or a.dtype != b.dtype:
            path = expected.paths("carry")[i]
            raise TypeError(
                f"{name}: {path} was {b.dtype} {b.shape}, and the step makes it {a.dtype} {a.shape}; it must stay "
                "alike (start from an array of that shape and dtype)"
            )
    return tree.unflatten(structure, found)


def _one_truth(pred: Any, name: str) -> Any:
    pred = _as_array(pred)
    if pred.size != 1:
        raise ValueError(f"{name}: the condition has shape {pred.shape}; it must be one truth value (np.all, np.any)")
    return np.reshape(pred, ()) if pred.ndim else pred


# -- inside vmap -----------------------------------------------------------------------------------------------------


def _level() -> Level | None:
    transform = running.get()
    return None if transform is None else transform.level


def _whole(values: Any, level: Level) -> Any:
    return tree.map(lambda x: every_example(_as_array(x), level), values)


def _views(values: Any, level: Level) -> Any:
    return tree.map(lambda x: wrap(x, level), values)


def _of_every_example(f: Function, level: Level) -> Function:
    def of_all(*wholes: Any) -> Any:
        with at_level(level):
            return _whole(f(*(_views(whole, level) for whole in wholes)), level)

    return of_all


def _while_for_every_example(test: Function, f: Function, carry: Any, level: Level) -> Any:
    """All go on until the last one is done."""

    def tests(whole: Any) -> Any:
        with at_level(level):
            pred = _one_truth(test(_views(whole, level)), "while_loop")
        found = unwrap(pred, level) if isinstance(pred, Tensor) else None
        return pred if found is None else found

    def any_test(whole: Any) -> Any:
        return np.any(tests(whole))

    def step(whole: Any) -> Any:
        go_on = tests(whole)
        moved = _check_carry(_of_every_example(f, level)(whole), whole, "while_loop")
        if not np.ndim(go_on):
            return moved

        def choose(new: Any, old: Any) -> Any:
            return np.where(np.reshape(go_on, (level.size, *(1,) * (new.ndim - 1))), new, old)

        return tree.map(choose, moved, whole)

    with at_level(level.outer):
        return _views(while_loop(any_test, step, _whole(carry, level)), level)


# -- in a program ----------------------------------------------------------------------------------------------------


def _keeps_loops() -> bool:
    """Whether tg.compile is tracing."""
    mode = current()
    return mode is not None and mode.tracing and getattr(mode.watcher, "keeps_loops", False)


def _runs_bodies() -> bool:
    """Whether tg.compile asks for a result to compare with, for which the steps of a long loop would take seconds."""
    mode = current()
    return mode is not None and mode.runs_bodies


def _sample(x: Any) -> Any:
    """The numbers to trace with."""
    return x._array if isinstance(x, Tensor) else x


def _first(x: Any) -> Any:
    array = _sample(x)
    return array[0] if array.shape[0] else np.zeros(array.shape[1:], array.dtype)


def _scan_in_program(f: Function, carry: Any, xs: Any, count: int, reverse: bool, recompute: bool) -> tuple[Any, Any]:
    from .program.compiled.body import trace_body, trace_repeatable_body
    from .program.compiled.scan import call_scan

    start, carried = tree.flatten(carry)
    stacks, of_xs = tree.flatten(xs)

    def step(*operands: Any) -> Any:
        given = tree.unflatten(carried, operands[: len(start)])
        return _check_step(f(given, tree.unflatten(of_xs, operands[len(start) :])), given, "scan")

    samples = [*map(_sample, start), *map(_first, stacks)]
    body, outside, _, of_pair = (trace_repeatable_body if _runs_bodies() else trace_body)(step, samples)
    if not body.program.outputs:
        return tree.unflatten(of_pair, [])  # type: ignore[no-any-return]
    found = call_scan(body, start, stacks, outside, count, reverse, recompute)
    return tree.unflatten(of_pair, found)  # type: ignore[no-any-return]


def _cond_in_program(pred: Tensor, yes: Function, no: Function, args: tuple[Any, ...]) -> Any:
    from .program.compiled.body import trace_branches
    from .program.compiled.branch import call_cond

    leaves, structure = tree.flatten(args)
    arrays = [i for i, x in enumerate(leaves) if type(x) not in (bool, int, float, complex)]  # those stay as they are

    def of_arrays(f: Function) -> Function:
        def of_some(*xs: Any) -> Any:
            given = dict(enumerate(leaves)) | dict(zip(arrays, xs, strict=True))
            return f(*tree.unflatten(structure, [*given.values()]))

        return of_some

    operands = [leaves[i] if isinstance(leaves[i], Tensor) else _as_array(leaves[i]) for i in arrays]
    bodies, operands, results = trace_branches([of_arrays(yes), of_arrays(no)], operands)
    if not bodies[0].program.outputs:
        return tree.unflatten(results, [])
    return tree.unflatten(results, call_cond(pred, bodies, operands))


def _while_in_program(test: Function, f: Function, carry: Any) -> Any:
    from .program.compiled.body import trace_branches
    from .program.compiled.branch import call_while

    start, carried = tree.flatten(carry)

    def go_on(*operands: Any) -> Any:
        return [_one_truth(test(tree.unflatten(carried, operands)), "while_loop")]

    def step(*operands: Any) -> Any:
        given = tree.unflatten(carried, operands)
        return tree.flatten(_check_carry(f(given), given, "while_loop"))[0]

    bodies, operands, _ = trace_branches([go_on, step], start, alike=False)
    found = call_while(bodies, start, operands[len(start) :])
    return tree.unflatten(carried, found)
