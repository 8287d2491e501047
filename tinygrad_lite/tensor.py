"""Tensor: an array, and the operation that made it.

A Tensor knows nothing about derivatives. It holds its array, the op and the operands it was made from, and answers
NumPy's two protocols (`__array_ufunc__`, `__array_function__`) by looking the function up in the register that the rows
of the table fill (dispatch.py). Operators and methods (`+`, `@`, `.sum()`) are installed by `rules/methods.py`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .array_view import LeafData, leaf_data
from .callsite import user_line
from .context import current
from .dispatch import call_function, call_ufunc, handlers
from .foreign import refuse_foreign, to_numpy
from .keywords import check_flag, explains_keywords
from .marks import GRAD as GRAD
from .marks import LIFTED as LIFTED
from .marks import TRACED as TRACED
from .marks import is_left_over as is_left_over
from .marks import label as label
from .pytorch_names import TENSOR, explain_missing
from .reading import TraceError as TraceError
from .reading import convert, note_reading, read_array, read_for_python, read_number, refuse_storing, write, write_html

if TYPE_CHECKING:
    from .methods import Methods
else:
    Methods = object

next_seq = itertools.count(1).__next__
NO_PARAMS: Final[dict[str, Any]] = {}  # shared by all that have no keywords; never written to
PYTHON_NUMBERS: Final = frozenset({float, int})
_NUMERIC = "fciub"  # dtype kinds: float, complex, signed, unsigned, bool


class Tensor(Methods):
    """An array that remembers how it was computed.

    data: anything NumPy can make a numeric array of; it is copied. Arrays of other libraries that speak NumPy's
    protocols (Dask, CuPy) are kept as they are. requires_grad: whether gradients are wanted for it (float and complex
    arrays only, else TypeError). grad: what `backward()` has added up for a leaf; None before. name: used in error
    messages and in generated code.

    >>> import numpy as np, tinygrad_lite as tg
    >>> W = tg.Tensor([[1.0, 2.0]], requires_grad=True, name="W")
    >>> np.sum(W * W).backward()
    >>> W.grad
    array([[2., 4.]])
    """

    __slots__ = ("__weakref__", "_array", "_flags", "_inputs", "_op", "_params", "_seq", "grad", "name")

    _array: Any
    _flags: int
    _op: Any  # the Op that made it; None for a leaf
    _inputs: tuple[Any, ...]  # the operands: Tensors, arrays and Python scalars
    _params: dict[str, Any]  # keyword arguments of the op (axis=...)
    _seq: int  # counts up as tensors are made: operands are always older than results
    grad: Any
    name: str | None

    @explains_keywords
    def __init__(self, data: Any, requires_grad: bool = False, name: str | None = None) -> None:
        if isinstance(data, Tensor):
            data = data._current()
            if data._flags & GRAD:
                raise TypeError(
                    f"Tensor({label(data)}) would be cut off from its gradient; say .detach() if you mean that"
                )
            data = data._read("Tensor(t)")
        array = _own(data)
        if requires_grad:
            check_flag("Tensor", "requires_grad", requires_grad)
            check_differentiable(array.dtype, name or "a tensor")
        self._array = array
        self._flags = GRAD if requires_grad else 0
        self._op = None
        self._inputs = ()
        self._params = NO_PARAMS
        self._seq = next_seq()
        self.grad = None
        self.name = name

    # -- what it holds ---------------------------------------------------------------------------------------------

    @property
    def data(self) -> Any:
        """The array, as a read-only view. On a leaf it can be assigned a new value of the same shape and dtype."""
        array = self._read(".data", noted=True)
        if not isinstance(array, (np.ndarray, np.generic)):
            return array
        if self._op is None and not self._flags & (TRACED | LIFTED) and isinstance(array, np.ndarray):
            return leaf_data(array, self)
        view = np.asarray(array).view()
        view.flags.writeable = False
        return view

    @data.setter
    def data(self, value: Any) -> None:
        """Replace a leaf's value (as an optimiser does); the array is copied."""
        if self._op is not None or self._flags & (TRACED | LIFTED):
            raise TypeError(f"{label(self)} was computed, so its data cannot be assigned; assign to a leaf's")
        mode = current()
        if mode is not None and mode.tracing:
            raise TraceError(
                f"{user_line()}: {label(self)}.data = … would be done while tracing only, not at every call; "
                "return the new value from the function, and assign it outside"
            )
        if isinstance(value, Tensor):
            value = value._read(".data = t")
        if isinstance(value, LeafData) and value.owner is self and value.base is self._array:
            return  # W.data -= step, which has done it
        array = _own(value)
        if array.shape != self.shape or array.dtype != self.dtype:
            raise ValueError(
                f"{label(self)}.data: is {self.dtype} {self.shape}, was given {array.dtype} {array.shape}; "
                "shape and dtype must stay the same"
            )
        self._array = array
        self._seq = next_seq()  # younger than whatever was computed from the old value: a sweep notices

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient flows into it. On a leaf it can be assigned: False freezes it."""
        return bool(self._flags & GRAD)

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        """Want gradients for a leaf from now on, or freeze it."""
        if self._op is not None or self._flags & (TRACED | LIFTED):
            raise TypeError(f"{label(self)} was computed; requires_grad is a leaf's. To cut it off, say .detach()")
        if wanted:
            check_differentiable(self.dtype, label(self))
        self._flags = GRAD if wanted else 0

    # A number given to a traced function is held as a Python number, since as an array it would decide dtypes.

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of entries along each axis."""
        return () if type(self._array) in PYTHON_NUMBERS else self._array.shape

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return 0 if type(self._array) in PYTHON_NUMBERS else self._array.ndim

    @property
    def size(self) -> int:
        """The number of entries."""
        return 1 if type(self._array) in PYTHON_NUMBERS else self._array.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """NumPy's type of the entries."""
        return np.dtype(type(self._array)) if type(self._array) in PYTHON_NUMBERS else self._array.dtype

    def numpy(self) -> Any:
        """The numbers, as a fresh array that carries no gradient."""
        return to_numpy(self._read(".numpy()", noted=True))

    def item(self, *index: Any) -> Any:
        """The one number in it, or the one at an index, as a Python scalar; ValueError if there is not exactly one."""
        if index:
            index = index[0] if type(index[0]) is tuple else index
            return (self[index] if len(index) == self.ndim else self.ravel()[index]).item()
        if self.size != 1:
            raise ValueError(f".item(): {label(self)} holds {self.size} numbers, not one")
        return read_number(self, ".item()")

    def _current(self) -> Tensor:
        """Itself; of a buffer, what it holds now."""
        return self

    def detach(self) -> Tensor:
        """The same numbers as a leaf that requires no gradient."""
        return leaf(self._read(".detach()"), 0, self.name)

    def _read(self, how: str, noted: bool = False) -> Any:
        """The raw array, for code that leaves the graph. noted: so that a transform whose result then depends on
        nothing can say where the numbers were taken."""
        return read_array(self, how, noted)

    # -- NumPy's protocols -----------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "__call__" and not kwargs and ufunc in handlers:
            return handlers[ufunc](*inputs)
        return call_ufunc(ufunc, method, inputs, kwargs)

    def __array_function__(self, func: Callable[..., Any], types: Any, args: Any, kwargs: Any) -> Any:
        try:
            if not kwargs and func in handlers:
                return handlers[func](*args)
            return call_function(func, args, kwargs)
        except (TypeError, AttributeError) as error:
            if not any(map(holds_tensor, args)) and not any(map(holds_tensor, kwargs.values())):
                raise
            return _call_with_lists_stacked(func, args, kwargs, error)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return convert(self, dtype)

    # -- Python's protocols ----------------------------------------------------------------------------------------

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(
                f"the truth of {label(self)}, shape {self.shape}, is ambiguous: use np.all(...) or np.any(...)"
            )
        return bool(self._read("if t:"))

    def __float__(self) -> float:
        return float(read_for_python(self, "float(t)"))

    def __int__(self) -> int:
        refuse_storing(self)
        return int(read_number(self, "int(t)"))

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise TypeError(f"{label(self)} is {self.dtype}: only an integer can be an index")
        return int(read_number(self, "an index"))

    def __complex__(self) -> complex:
        return complex(read_for_python(self, "complex(t)"))

    def __format__(self, spec: str) -> str:
        if self._flags & TRACED:  # its numbers are nobody's to print yet
            return str(self)
        if not spec or self.size != 1:
            return format(str(self), spec)
        note_reading(self, "f'{t}'")
        return format(self._array.item(), spec)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of a 0-d Tensor")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            f"t[index] = value at {user_line()} would change a Tensor that others were computed from; write "
            "t = tg.set_at(t, index, value) instead, or first t = np.full_like(t, t): a copy that can be written into, "
            "as what tg.zeros makes (b[i, j] = value, not b[i][j])"
        )

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if name not in TENSOR]

    # NumPy's meaning: element by element. (The rules install __eq__ and __ne__; identity still makes the hash.)
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return write(self)

    def _repr_html_(self) -> str:
        """For a notebook: what it is, in a line above its numbers."""
        return write_html(self)

    # -- copies ----------------------------------------------------------------------------------------------------

    def __reduce__(self) -> Any:
        if self._op is not None or self._flags & (TRACED | LIFTED):
            raise TypeError(
                f"{label(self)} was computed, and a copy would be cut off from what it was computed from; "
                "copy or pickle .detach() instead"
            )
        return _restore, (self._array, self.requires_grad, self.name, self.grad)

    def __copy__(self) -> Tensor:
        restore, state = self.__reduce__()
        return restore(*state)  # type: ignore[no-any-return]

    def __deepcopy__(self, memo: Any) -> Tensor:
        return self.__copy__()


class _Missing:
    """A name of PyTorch's that Tensors lack: whoever asks for it is told what to write instead.

    With `__getattr__`, Python would look up every attribute of every Tensor the slow way: a tenth of a training step.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        raise AttributeError(explain_missing("a Tensor", self._name, TENSOR))


for _name in TENSOR:
    setattr(Tensor, _name, _Missing(_name))


def holds_tensor(x: Any) -> bool:
    """Whether this is a list or tuple with a Tensor in it, however deep."""
    return isinstance(x, (list, tuple)) and any(isinstance(part, Tensor) or holds_tensor(part) for part in x)


def stack_lists(x: Any) -> Any:
    """A list of Tensors, numbers, arrays and lists of them as one Tensor."""
    return handlers[np.stack]([stack_lists(part) for part in x]) if isinstance(x, (list, tuple)) else x


def _call_with_lists_stacked(func: Callable[..., Any], args: Any, kwargs: Any, error: Exception) -> Any:
    """A function that failed on a list of Tensors, where it wants an array: each such list is that array. If it fails
    again, that was not the reason: the first error is raised."""
    try:
        args = [stack_lists(x) if holds_tensor(x) else x for x in args]
        kwargs = {name: stack_lists(x) if holds_tensor(x) else x for name, x in kwargs.items()}
        return call_function(func, args, kwargs)
    except (TypeError, ValueError, AttributeError, IndexError):
        raise error from None


def leaf(array: Any, flags: int, name: str | None = None) -> Tensor:
    """A Tensor around an array that is already ours (nothing is copied or checked)."""
    t: Tensor = object.__new__(Tensor)
    t._array = array
    t._flags = flags
    t._op = None
    t._inputs = ()
    t._params = NO_PARAMS
    t._seq = next_seq()
    t.grad = None
    t.name = name
    return t


def array_of(x: Any) -> Any:
    """The array of a Tensor; anything else as it is."""
    return x._array if type(x) is Tensor else x


def check_differentiable(dtype: np.dtype[Any], what: str) -> None:
    """TypeError unless numbers of this dtype can have a gradient."""
    if dtype.kind not in "fc":
        raise TypeError(
            f"{what} is {dtype}: only float and complex arrays have gradients; "
            "convert it first, for example .astype(float), or write 3.0 for 3"
        )


def check_numeric(array: Any) -> None:
    """TypeError unless the array holds numbers."""
    if array.dtype.kind not in _NUMERIC:
        raise TypeError(f"an array of dtype {array.dtype} is not numeric; a Tensor needs numbers, such as float64")


def _own(data: Any) -> Any:
    """A numeric array nobody else can write to."""
    if type(data) is not np.ndarray:
        refuse_foreign(data, "Tensor")
    if isinstance(data, (np.ndarray, np.generic)) or not hasattr(data, "__array_function__"):
        try:
            array: Any = np.array(data)
        except ValueError as error:
            raise TypeError(f"no numeric array can be made of this {type(data).__name__}: {error}") from None
    else:
        array = data.copy()  # Dask, CuPy, …: theirs to copy, lazily or on the device
    check_numeric(array)
    return array


def _restore(array: Any, requires_grad: bool, name: str | None, grad: Any) -> Tensor:
    """The copy or the unpickled twin of a leaf."""
    t = Tensor(array, requires_grad, name)
    t.grad = None if grad is None else grad.copy()
    return t
