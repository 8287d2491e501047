"""Buffers: arrays that are written into piece by piece, `h[t] = np.tanh(W @ h[t - 1])`, with gradients.

A Tensor never changes. A Buffer is a Tensor that does: beside its numbers it knows, for every entry, which write it
comes from, and which entry of the value written there. What is read is an ordinary Tensor, made of the values written
to the entries that are read, by one op, `assemble`; if they are exactly one value, it is that value. So an overwritten
value has no part in it, what was read before a write keeps its values, and each write and each read costs what it
touches and no more. The engine meets no Buffers: wherever one comes in, `_current()`, all of it as a Tensor, is taken.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import tree
from ..batched import Batched
from ..calling import record
from ..callsite import user_line
from ..context import current, running
from ..foreign import name_kind, refuse_foreign
from ..operands import as_operand
from ..tensor import GRAD, LIFTED, NO_PARAMS, TRACED, Tensor, TraceError, check_numeric, leaf, next_seq
from . import indexing
from .assembling import Piece, assemble, assemble_parts, unstack, written
from .indexing import is_array_like, put, split_index
from .shaping import as_dtype


@dataclass(slots=True)
class _Write:
    """A value that was written, where to, how many of its entries are there still, and how often a part was read."""

    value: Tensor
    index: Any
    live: int
    parts: int = 0


_MOST_PARTS = 8  # of a value that are read before it is taken apart
writing: dict[Any, Callable[..., Any]] = {}  # NumPy's functions that write into their first argument
_SCATTERED: Any = object()  # the index of a value that no index reaches


class Buffer(Tensor):
    """An array that can be written into, with gradients; made by `tg.zeros` and its kin."""

    __slots__ = ("_lock", "_next", "_places", "_whole", "_writers", "_writes")

    _writes: dict[int, _Write]  # by number, oldest first: those of which something is left that has a gradient
    _writers: Any  # of every entry: the number of the write it comes from, -1 for a plain number
    _places: Any  # of every entry: which entry of the value written it is
    _whole: Tensor | None  # all of it, until the next write

    def __init__(self, array: Any) -> None:
        """array: its numbers, from now on its own."""
        check_numeric(array)
        self._array = array
        self._flags = 0
        self._op, self._inputs, self._params = None, (), NO_PARAMS
        self._seq = next_seq()
        self.grad = self.name = None
        self._writes, self._writers, self._places, self._whole = {}, None, None, None
        self._next = 0  # the number of the next write
        self._lock = threading.RLock()

    def values(self) -> list[tuple[Any, Tensor]]:
        """What was written and is recorded, with the index it was written at."""
        with self._lock:
            return [(write.index, write.value) for write in self._writes.values()]

    @property
    def whole(self) -> Tensor | None:
        """All of it, if that was read since the last write."""
        return self._whole

    # -- reading

    def _current(self) -> Tensor:
        with self._lock:
            if self._whole is None:
                whole = self._read_at(...)
                mode = current()
                if mode is not None and not mode.grad_enabled:
                    return whole
                self._whole = whole
            return self._whole

    def __getitem__(self, index: Any) -> Any:
        numbers = _numbers_of(index)
        return indexing.getitem(self._current(), index) if numbers is None else self._read_at(numbers)

    def _read_at(self, index: Any) -> Tensor:
        """What is there now, as a Tensor."""
        self._check_made_here("read")
        mode = current()
        with self._lock:
            if not self._writes or (mode is not None and not mode.grad_enabled):
                return leaf(np.array(self._look_up(self._array, index)), 0)
            value = self._find_value(index)
            if value is not None:
                return value  # type: ignore[no-any-return]
            data = np.array(self._look_up(self._array, index))
            writers, places = self._writers[index], self._places[index]
            values, pieces, rest = self._find_pieces(writers, places, index is ...)
            if not values:
                return leaf(data, 0)
            base: Any = 0
            if rest is not None:
                kept = np.zeros(data.size, data.dtype)
                kept[rest] = data.reshape(-1)[rest]
                if kept.view(np.uint8).any():  # anything but zeros, a negative one included
                    base = kept.reshape(data.shape)
        if len(values) == 1 and pieces[0][1] is ... and values[0].shape == data.shape and rest is None:
            return values[0]
        flags = 0
        for value in values:
            flags |= value._flags
        params = {"pieces": tuple(pieces), "shape": data.shape, "dtype": data.dtype}
        all_taken = all(source is None or source is ... for _, source in pieces)
        return record(assemble if all_taken else assemble_parts, data, flags, (base, *values), params)

    def _look_up(self, array: Any, index: Any) -> Any:
        try:
            return array[index]
        except IndexError as error:
            raise IndexError(f"{self._label()}, shape {self.shape}: {error} ({user_line()})") from None

    def _find_value(self, index: Any) -> Any:
        """What is read, where it is all or a plain part of one value that is there as it was written; else None.

        Told from the first entry alone: this is what a recurrence reads at every step, and takes a fifth of the time.
        """
        if not _is_plain(index):
            return None
        writer = self._look_up(self._writers, index)
        if not writer.size:
            return None
        number = writer.item(0)
        write = self._writes.get(number)
        if write is None or write.live != write.value.size:
            return None
        if type(index) is int and index < 0:
            index += self.shape[0]
        if type(index) is type(write.index) and _is_plain(write.index) and index == write.index:
            return write.value
        self._note_part(number)
        first = index[0] if type(index) is tuple and index else None
        if type(first) is int and type(write.index) is int and write.index == first % self.shape[0]:
            return indexing.getitem(write.value, index[1:])
        if write.index is ... or write.value.shape == self.shape:
            return indexing.getitem(write.value, index) if _is_in_order(self._places) else None
        return None

    def _find_pieces(self, writers: Any, places: Any, whole: bool) -> tuple[list[Tensor], list[Piece], Any]:
        """The values that the entries come from, what is to be done with each, and which entries are plain numbers."""
        if whole and all(w.live == w.value.size and w.index is not _SCATTERED for w in self._writes.values()):
            rest: Any = np.flatnonzero(writers < 0)
            found = [(write.value, (write.index, None)) for write in self._writes.values()]
            return [v for v, _ in found], [p for _, p in found], rest if rest.size else None
        writers, places = np.reshape(writers, -1), np.reshape(places, -1)
        order = np.argsort(writers, kind="stable")
        ordered = writers[order]
        ends = [*(np.flatnonzero(ordered[1:] != ordered[:-1]) + 1).tolist(), order.size]
        values: list[Tensor] = []
        pieces: list[Piece] = []
        parts: list[int] = []
        rest = None
        start = 0
        for end in ends if order.size else []:
            entries, number = order[start:end], int(ordered[start])
            start = end
            if number < 0:
                rest = entries
                continue
            value, source = self._writes[number].value, places[entries]
            values.append(value)
            is_all = source.size == value.size and _is_in_order(source)
            pieces.append((_as_slice(entries), ... if is_all else _as_slice(source)))
            if not is_all:
                parts.append(number)
        for number in parts:
            self._note_part(number)
        return values, pieces, rest

    def _note_part(self, number: int) -> None:
        """A part of a value was read. After many, it is taken apart, so that each costs no more than its entries."""
        write = self._writes[number]
        write.parts += 1
        if write.parts < _MOST_PARTS or not write.value.ndim:
            return
        del self._writes[number]
        n = len(write.value)
        rows = unstack(n).call(write.value) if n > 1 else (indexing.getitem(write.value, 0),)
        mine = self._writers == number
        row, place = np.divmod(self._places[mine], write.value.size // n)
        self._writers[mine], self._places[mine] = self._next + row, place
        live = np.bincount(row, minlength=n).tolist()
        everywhere = write.index is ... or (type(write.index) is slice and write.index == slice(None))
        for i in range(n):
            if live[i]:
                self._writes[self._next + i] = _Write(rows[i], i if everywhere else _SCATTERED, live[i])
        self._next += n

    # -- writing

    def __setitem__(self, index: Any, value: Any) -> None:
        self._check_made_here("written into")
        numbers = _numbers_of(index)
        if numbers is None:  # known only when the program runs
            numbers, value = ..., self._with(index, value)
        with self._lock:
            target = self._look_up(self._array, numbers)
            if type(numbers) is int and numbers < 0:
                numbers += self.shape[0]
            value = self._as_value(value, np.shape(target))
            if not np.size(target):
                return
            self._whole = None
            if type(value) is Tensor:
                self._write(numbers, value)
            else:
                self._array[numbers] = value
                if self._writes:
                    self._forget(self._writers[numbers], None)
                    self._writers[numbers] = -1

    def _write(self, index: Any, value: Tensor) -> None:
        """Write a value through which gradients may flow, of the shape and dtype that are needed."""
        if self._writers is None:
            self._writers = np.full(self.shape, -1, np.int32)
            self._places = np.zeros(self.shape, np.intp)
        number, self._next = self._next, self._next + 1
        before = np.array(self._writers[index])
        places = np.arange(value.size).reshape(value.shape)
        self._writers[index] = number
        self._places[index] = places
        live = value.size
        winners = None
        if _has_whole_numbers(index):  # an entry named twice has the last of its values, as in NumPy
            winners = self._places[index] == places
            live = int(np.count_nonzero(winners))
            self._array[index] = value._array.reshape(-1)[self._places[index]]
        else:
            self._array[index] = value._array
        self._forget(before, winners)
        self._writes[number] = _Write(value, index, live)

    def _forget(self, writers: Any, winners: Any) -> None:
        """Note that entries that came from these writes were overwritten; winners: those that count, None for all."""
        writers = np.reshape(writers, -1) if winners is None else writers[winners]
        if not writers.size or writers.max() < 0:
            return
        for number, times in zip(*np.unique(writers, return_counts=True), strict=True):
            if number >= 0:
                write = self._writes[int(number)]
                write.live -= int(times)
                if not write.live:
                    del self._writes[int(number)]

    def _as_value(self, value: Any, shape: tuple[int, ...]) -> Any:
        """What is written to a place of this shape: a Tensor where it is to be recorded, an array where not."""
        if isinstance(value, (list, tuple)) and any(isinstance(x, Tensor) for x in value):
            value = np.stack(value)
        if type(value) is Batched:
            raise TypeError(
                f"{self._label()} holds the numbers of one example, and inside tg.vmap this value stands for many: "
                f"collect the values in a list, then np.stack; or write tg.set_at(t, index, value) ({user_line()})"
            )
        if not isinstance(value, Tensor):
            refuse_foreign(value, f"{self._label()}[index] = value")
        value = value._current() if isinstance(value, Tensor) else as_operand(value, assemble)
        array = value._array if type(value) is Tensor else value
        if value is NotImplemented or not isinstance(array, (np.ndarray, np.generic, int, float, complex)):
            raise TypeError(
                f"{self._label()} holds plain numbers; {name_kind(array)} cannot be written into it "
                "(tg.set_at writes into one)"
            )
        self._check_kind(value, array)
        mode = current()
        if mode is not None and mode.tracing:
            if type(value) is not Tensor and np.ndim(value):
                value = leaf(value, 0)  # it may be changed before the program runs
        elif type(value) is Tensor and not (value._flags & GRAD and (mode is None or mode.grad_enabled)):
            value = array
        extra = _count_extra_axes(np.shape(array), shape)
        if extra is None:
            what = f"a value of shape {np.shape(array)} does not fit a place of shape {shape}"
            raise ValueError(f"{self._label()}: {what} ({user_line()})")
        if type(value) is not Tensor:
            return value
        if np.shape(array) != shape:
            value = np.broadcast_to(np.reshape(value, np.shape(array)[extra:]) if extra else value, shape)
        return as_dtype(written.call(value), self.dtype)

    def _check_kind(self, value: Any, array: Any) -> None:
        """TypeError for numbers that the buffer cannot hold, and for those that must not stay in it."""
        kind = array.dtype.kind if hasattr(array, "dtype") else np.asarray(array).dtype.kind
        if kind == "c" and self.dtype.kind != "c":
            raise TypeError(
                f"{self._label()} is {self.dtype} and cannot hold complex numbers; make it with dtype=complex, or "
                f"write np.real of the value ({user_line()})"
            )
        if type(value) is not Tensor:
            return
        if value._flags & GRAD and self.dtype.kind not in "fc":
            raise TypeError(
                f"{self._label()} is {self.dtype}: a Tensor written into it would lose its gradient; make it with "
                f"dtype=float, or write stop_gradient of the value ({user_line()})"
            )
        transform = running.get()
        if transform is not None and value._flags & LIFTED and self._seq < transform.start < value._seq:
            raise TypeError(
                f"{self._label()} was made outside of the transform that runs, and would keep a value of it that means "
                f"nothing afterwards; make it with tg.zeros inside the function, and return it ({user_line()})"
            )

    def _with(self, index: Any, value: Any) -> Any:
        """All of it, with the value at an index that is known only when the program runs."""
        whole = self._current()
        if isinstance(index, Tensor) and index.dtype.kind == "b" and index.shape == self.shape and np.size(value) == 1:
            return np.where(index, np.reshape(value, ()), whole)
        return indexing.set_at(whole, index, value)

    # -- where it may be used

    def _check_made_here(self, what: str) -> None:
        """TraceError if a program that is being recorded would read or write a buffer from outside."""
        mode = current()
        if mode is not None and mode.tracing and self._seq < getattr(mode.watcher, "start", 0):
            raise TraceError(
                f"{self._label()} is {what} in a traced function, but was made outside of it, so this would be done "
                f"while tracing only, not at every call; make it inside, or pass it as an argument ({user_line()})"
            )

    def _label(self) -> str:
        return self.name or "a buffer"

    # -- what a Tensor has

    @property
    def requires_grad(self) -> bool:
        return any(write.value._flags & GRAD for write in self._writes.values())

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        raise TypeError("a buffer requires a gradient if what is written into it does")

    @property
    def data(self) -> Any:
        """The numbers, as a read-only view of a copy."""
        return self._current().data

    @data.setter
    def data(self, value: Any) -> None:
        raise TypeError("write buffer[...] = value for buffer.data = value")

    def _read(self, how: str, noted: bool = False) -> Any:
        return self._current()._read(how, noted)

    def numpy(self) -> Any:
        return self._current().numpy()

    def item(self) -> Any:
        return self._current().item()

    def detach(self) -> Tensor:
        return self._current().detach()

    def copy(self) -> Buffer:
        """Another buffer that holds the same values."""
        with self._lock:
            twin = Buffer(self._array.copy())
            if self._writes:
                twin._writes = {i: _Write(w.value, w.index, w.live) for i, w in self._writes.items()}
                twin._writers, twin._places = self._writers.copy(), self._places.copy()
                twin._next = self._next
        twin.name = self.name
        return twin

    def fill(self, value: Any) -> None:
        """Write one value everywhere."""
        self[...] = value

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "at":
            return self._add_at(ufunc, *inputs)
        out = kwargs.pop("out", None)
        inputs, kwargs = _read(inputs), _read(kwargs)
        where = kwargs.pop("where", True) if method == "__call__" and out is not None else True
        if where is True:
            result = getattr(ufunc, method)(*inputs, **kwargs)
            return result if out is None else write_out(out, result)
        if len(out) != 1 or not isinstance(out[0], Buffer):
            return write_out(out, ufunc(*inputs, **kwargs))  # which says what is wrong
        taken = ufunc(*[np.where(where, x, 1) for x in inputs], **kwargs)  # 1 is harmless where nothing is taken
        check_same_kind(out[0], taken)
        return write_out(out, np.where(where, taken, out[0]._current()))

    def __array_function__(self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        if func in writing and args and isinstance(args[0], Buffer):
            return writing[func](*args, **kwargs)
        out = kwargs.pop("out", None)
        result = func(*_read(args), **_read(kwargs))
        return result if out is None else write_out(out if type(out) is tuple else (out,), result)

    def _add_at(self, ufunc: np.ufunc, target: Any, index: Any, values: Any = None) -> None:
        if ufunc not in (np.add, np.subtract) or not isinstance(target, Buffer):
            raise TypeError(
                f"np.{ufunc.__name__}.at is not supported on Tensors; np.add.at(buffer, index, values) is, and subtract"
            )
        template, arrays = split_index(index)
        numbers = _numbers_of(index)
        place = indexing.getitem(target._current(), index) if numbers is None else target._array[numbers]
        shape = place.shape
        values = np.broadcast_to(values._current() if isinstance(values, Buffer) else values, shape)
        if not arrays:  # no entry can be named twice, and only these need to be touched
            target[index] = target[index] + values if ufunc is np.add else target[index] - values
            return
        added = put.call(values, *arrays, template=template, shape=target.shape)
        target[...] = target + added if ufunc is np.add else target - added

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self._current().__array__(dtype, copy)

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"Buffer{repr(self._current()).removeprefix('Tensor')}"

    def __reduce__(self) -> Any:
        if self._writes:
            raise TypeError(
                f"{self._label()} holds computed values, and a copy would be cut off from what made them; "
                "use .copy(), or copy or pickle .detach() instead"
            )
        return _restore, (self._array.copy(), self.name)


def _restore(array: Any, name: str | None) -> Buffer:
    buffer = Buffer(array)
    buffer.name = name
    return buffer


def _numbers_of(index: Any) -> Any:
    """The index as NumPy takes it; None if it is known only when a program runs."""
    if type(index) is int or type(index) is slice or index is ...:
        return index
    mode = current()
    tracing = mode is not None and mode.tracing
    parts: list[Any] = []
    for part in index if isinstance(index, tuple) else (index,):
        if isinstance(part, Tensor):
            part = part._current()
            if tracing or part._flags & TRACED:
                return None
            part = part._array
        elif is_array_like(part):
            is_empty_list = not np.size(part) and not hasattr(part, "dtype")  # NumPy would make floats of it
            part = np.zeros(np.shape(part), np.intp) if is_empty_list else np.array(part)  # his own he may change
        parts.append(int(part) if isinstance(part, np.integer) else part)
    return tuple(parts) if isinstance(index, tuple) else parts[0]


def _count_extra_axes(given: tuple[int, ...], shape: tuple[int, ...]) -> int | None:
    """How many axes of length 1 a value has before those that broadcast to the shape; None if they do not."""
    extra = max(len(given) - len(shape), 0)
    fits = zip(reversed(given), reversed(shape), strict=False)
    return extra if all(n == 1 for n in given[:extra]) and all(n in (1, m) for n, m in fits) else None


def _is_plain(index: Any) -> bool:
    """Whether it is made of numbers and slices, so that it can be compared with another."""
    if type(index) is tuple:
        return all(type(part) in _PLAIN for part in index)
    return type(index) in _PLAIN


_PLAIN = {int, slice, type(None), type(...)}


def _has_whole_numbers(index: Any) -> bool:
    """Whether there is an array of whole numbers in it, which may name an entry twice."""
    parts = index if isinstance(index, tuple) else (index,)
    return any(isinstance(part, np.ndarray) and part.dtype.kind != "b" for part in parts)


def _is_in_order(places: Any) -> bool:
    """Whether they number an array through."""
    flat = np.reshape(places, -1)
    return bool(flat[0] == 0 and flat[-1] == flat.size - 1 and (flat[1:] - flat[:-1] == 1).all())


def _as_slice(numbers: Any) -> Any:
    """Increasing numbers at equal distances as a slice; others as they are."""
    first = int(numbers[0])
    if numbers.size == 1:
        return slice(first, first + 1)
    step = int(numbers[1]) - first
    if step > 0 and (numbers[1:] - numbers[:-1] == step).all():
        return slice(first, int(numbers[-1]) + 1, None if step == 1 else step)
    return numbers


def _read(x: Any) -> Any:
    """Arguments with what they hold now in the place of buffers."""
    if isinstance(x, Tensor):
        return x._current()
    if type(x) in (list, tuple):
        return type(x)(map(_read, x))
    if type(x) is dict:
        return {key: _read(value) for key, value in x.items()}
    return x


def write_out(out: Sequence[Any], result: Any) -> Any:
    """The results written into what was given as out=."""
    for target, part in zip(out, result if type(result) is tuple else (result,), strict=True):
        if not isinstance(target, Buffer):
            raise TypeError(f"out= at {user_line()} must be a buffer made by tg.zeros, to hold a Tensor's value")
        check_same_kind(target, part)
        target[...] = part
    return out[0] if len(out) == 1 else out


def check_same_kind(target: Buffer, value: Any) -> None:
    if not np.can_cast(value.dtype, target.dtype, "same_kind"):
        raise TypeError(
            f"{target._label()} is {target.dtype}, and {value.dtype} numbers are not written into it in place"
        )


tree.register_reader(Buffer, Buffer._current)
