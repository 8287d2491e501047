"""Taking the numbers out of a Tensor, which loses its gradient: when that is allowed, and what is said where not.

Nothing is taken out while a function is traced into a program, where there are no numbers yet. Inside a transform it is
noted, so that a result that then depends on nothing is explained. And where Python or NumPy ask for numbers by
themselves (`math.sin(t)`, `array[i] = t`, `np.asarray(t)`), it is refused if a gradient would be lost.
"""

from __future__ import annotations

import html
from typing import Any

import numpy as np

from .callsite import (
    advise_buffer,
    advise_instead_of_array,
    is_called_by_library,
    is_sparse_product,
    user_line,
    user_place,
)
from .context import current, running
from .foreign import check_is_here
from .marks import GRAD, LIFTED, TRACED, is_left_over, label

_MOST_READS = 100  # of the numbers that were taken out of a transform, those that are remembered


class TraceError(RuntimeError):
    """The numbers of a traced value were asked for, where there are none yet."""


def read_array(t: Any, how: str, noted: bool) -> Any:
    """The raw array, for code that leaves the graph."""
    mode = current()
    if t._flags & TRACED or (mode is not None and mode.tracing):
        raise _refuse_reading(t, how)
    if noted:
        note_reading(t, how)
    return t._array


def note_reading(t: Any, how: str) -> None:
    """So that a transform whose result then depends on nothing can say where the numbers were taken."""
    if not t._flags & LIFTED or not t._flags & GRAD:
        return
    transform = running.get()
    place = user_place() if transform is not None and len(transform.reads) < _MOST_READS else ""
    while place and transform is not None:
        transform.reads.append((t, how, place))
        transform = transform.outer


def read_number(t: Any, how: str) -> Any:
    if t.size != 1:
        raise TypeError(f"{how}: {label(t)} has shape {t.shape}; only a one-element Tensor is a number")
    told = _tell_trace(t, how)
    return t._read(how, noted=True).item() if told is None else told


def _refuse_reading(t: Any, how: str) -> TraceError:
    return TraceError(
        f"{how} at {user_line()}: while a function is traced into a program, {label(t)} has no fixed value. Choose "
        "with np.where, branch with tg.cond, loop with tg.scan or tg.while_loop, return a cost as it is, without "
        "float() or .item(), or read numbers after the compiled call"
    )


def _tell_trace(t: Any, how: str) -> Any:
    """The number, where the trace that runs wants to see for itself whether it may be read; else None."""
    mode = current()
    note = getattr(mode.watcher, "note_reading", None) if mode is not None and mode.tracing else None
    if note is None or t._current() is not t or not hasattr(t, "_array"):  # a buffer; what stands for many examples
        return None
    return note(t, t._array.item(), _refuse_reading(t, how))


def refuse_storing(t: Any) -> None:
    """TypeError if the number is asked for by a plain array that would store it, as in array[i] = t."""
    advice = advise_buffer() if t._flags & (GRAD | TRACED) else None
    if advice is not None:
        raise TypeError(f"{label(t)}, written into an array, would lose its gradient; {advice} ({user_line()})")


def read_for_python(t: Any, how: str) -> Any:
    """The number for Python's own arithmetic, which math.sin(t) asks for too: not inside a transform."""
    refuse_storing(t)
    if t._flags & GRAD and is_called_by_library():
        raise TypeError(f"{how} would lose the gradient of {label(t)}; {advise_instead_of_array()}")
    told = _tell_trace(t, how) if t.size == 1 else None
    if told is not None:
        return told
    if t._flags & GRAD and t._flags & LIFTED and not is_left_over(t):
        raise TypeError(
            f"{how} at {user_line()}: inside a transform {label(t)} would lose its gradient (so would math.exp(t)). "
            "Return a cost as it is, without float(); use NumPy's functions in place of math's (SciPy's, for erf and "
            "gamma); print with f'{t:.3f}'"
        )
    return read_number(t, how)


def convert(t: Any, dtype: Any = None) -> Any:
    """What `np.asarray(t)` gives; TypeError where that would lose a gradient."""
    if is_sparse_product():
        box = np.empty((), object)  # what NumPy makes of things that are no arrays
        box[()] = t
        return box
    if t._flags & GRAD:
        over = " (it was kept from a transform that is over)" if is_left_over(t) else ""
        raise TypeError(f"np.asarray({label(t)}) would lose its gradient{over}; {advise_instead_of_array()}")
    refuse_storing(t)
    if t._flags & TRACED:
        raise TraceError(
            f"np.asarray({label(t)}): while a function is traced into a program, it has no fixed value; "
            f"{advise_instead_of_array()}"
        )
    check_is_here(t._array, f"np.asarray({label(t)})")
    return np.array(t._read("np.asarray(t)", noted=True), dtype=dtype)


# -- for people ------------------------------------------------------------------------------------------------------


def write(t: Any) -> str:
    """A Tensor's repr."""
    note_reading(t, "print(t)")
    if t._flags & TRACED:
        text = f"<traced {t.dtype} {t.shape}>"
    elif not isinstance(t._array, (np.ndarray, np.generic, float)):
        text = repr(t._array)  # not ours to compute
    else:
        text = np.array2string(np.asarray(t._array), separator=", ", prefix="Tensor(")
    if t.size > np.get_printoptions()["threshold"] and not t._flags & TRACED:
        text += f", shape={t.shape}"
    if t.dtype != np.float64:
        text += f", dtype={t.dtype}"
    if t._flags & GRAD:
        text += ", requires_grad=True"
    if t.name is not None:
        text += f", name={t.name!r}"
    return f"Tensor({text})"


def write_html(t: Any) -> str:
    """For a notebook: what it is, in a line above its numbers."""
    numbers = "no numbers yet" if t._flags & TRACED else str(t._array)
    facts = [str(t.shape) if t.shape else "a number", str(t.dtype)]
    facts += ["requires a gradient"] if t._flags & GRAD else []
    facts += [f"made by {t._op.name}"] if t._op is not None else []
    name = html.escape(t.name or "Tensor")
    return f"<b>{name}</b> <small>{html.escape(', '.join(facts))}</small><pre>{html.escape(numbers)}</pre>"
