"""np.pad, in every mode: a margin holds constants, entries of the array, or what is computed from entries.

Axis by axis, as NumPy does it: what is put beside an axis is taken from an array that already has the margins of the
axes before. Which entry stands where in a margin, np.pad says itself, padding the entries' numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..alike import make_alike
from ..op import Array, custom_vjp
from ..table import implements, row
from ..tensor import Tensor, holds_tensor
from .shaping import as_array, as_dtype

# -- constants -------------------------------------------------------------------------------------------------------


def _pad(x: Any, widths: Any, constant_values: Any = 0) -> Any:
    return np.pad(x, widths, constant_values=constant_values)


def _pad_vjp(g: Array, y: Array, x: Array, widths: Any, constant_values: Any = 0) -> Array:
    return g[tuple(slice(before, before + n) for (before, _), n in zip(widths, x.shape, strict=True))]


def _inside(out: Array, widths: Any, constant_values: Any = 0) -> Array | None:
    """Where the array stands within margins of zeros."""
    is_zero = np.ndim(constant_values) == 0 and constant_values == 0 and not np.signbit(constant_values)
    return out[tuple(slice(a, n - b) for (a, b), n in zip(widths, out.shape, strict=True))] if is_zero else None


def _pad_each(op: Any, xs: Any, mapped: Any, params: dict[str, Any]) -> Any:
    widths, values = params["widths"], params["constant_values"]
    if np.ndim(values) == 2:  # a pair for each axis
        values = [(0, 0), *_for_each_axis("constant_values", values, len(widths))]
    return op.call(*xs, widths=[(0, 0), *widths], constant_values=values)


pad_constant = row(
    custom_vjp(
        _pad,
        _pad_vjp,
        name="pad_constant",
        batch=_pad_each,
        c="write",
        places=_inside,
        examples=lambda rng: [((rng.normal(size=(2, 3)),), {"widths": [(1, 0), (2, 1)], "constant_values": 0.5})],
    )
)

# -- arguments that name a pair for each axis --------------------------------------------------------------------------


def _for_each_axis(name: str, given: Any, ndim: int) -> list[tuple[Any, Any]]:
    """(before, after) for each axis, from a number, a pair, a list with a pair for each axis, or a dictionary."""
    if isinstance(given, dict):
        pairs: list[tuple[Any, Any]] = [(0, 0)] * ndim
        for axis, pair in given.items():
            pairs[axis] = (pair, pair) if np.ndim(pair) == 0 else tuple(pair)
        return pairs
    array = as_array(given)
    if (
        array.ndim > 2
        or (array.ndim == 2 and array.shape[0] not in (1, ndim))
        or array.shape[-1:] not in ((), (1,), (2,))
    ):
        raise ValueError(f"pad: {name}={given!r} is not a number, a pair, or a pair for each of the {ndim} axes")
    array = np.broadcast_to(array, (ndim, 2))
    return [(array[i, 0], array[i, 1]) for i in range(ndim)]


def _counts(name: str, given: Any, ndim: int) -> list[tuple[int, int]]:
    """The same for whole numbers of entries."""
    pairs = _for_each_axis(name, given, ndim)
    if any(isinstance(n, Tensor) for pair in pairs for n in pair):
        raise TypeError(f"pad: {name} is a Tensor; shapes are plain whole numbers, such as int(t)")
    if any(n != int(n) or n < 0 for pair in pairs for n in pair):
        raise ValueError(f"pad: {name}={given!r}; how many entries are whole numbers, and not negative")
    return [(int(before), int(after)) for before, after in pairs]


# -- margins along one axis --------------------------------------------------------------------------------------------

Margins = tuple[Any, Any]
"""What is put before an axis and after it."""


def _part(x: Any, axis: int, start: int | None, stop: int | None) -> Any:
    return x[(slice(None),) * axis + (slice(start, stop),)]


def _constants(x: Any, axis: int, width: tuple[int, int], values: Margins) -> Margins:
    """A constant each, in x's dtype."""

    def margin(n: int, value: Any) -> Any:
        return np.broadcast_to(
            make_alike(as_dtype(as_array(value), x.dtype), x), (*x.shape[:axis], n, *x.shape[axis + 1 :])
        )

    return margin(width[0], values[0]), margin(width[1], values[1])


def _ramps(x: Any, axis: int, width: tuple[int, int], ends: Margins) -> Margins:
    """Straight lines from a value to the outermost entries, which are not repeated."""

    def ramp(n: int, end: Any, edge: Any) -> Any:
        line = np.linspace(as_array(end), np.squeeze(edge, axis), n, endpoint=False, axis=axis)
        return as_dtype(np.floor(line) if x.dtype.kind in "iu" else line, x.dtype)

    before = ramp(width[0], ends[0], _part(x, axis, 0, 1))
    after = ramp(width[1], ends[1], _part(x, axis, x.shape[axis] - 1, None))
    return before, np.flip(after, axis)


def _statistics(
    x: Any, axis: int, width: tuple[int, int], lengths: tuple[int, int] | None, statistic: Callable[..., Any]
) -> Margins:
    """A statistic each of the entries nearest to the margin, or of all of them."""
    n = x.shape[axis]
    front, back = (n, n) if lengths is None else (min(lengths[0], n), min(lengths[1], n))
    if not (front and back) and any(width):
        raise ValueError("pad: stat_length=0 leaves nothing to take a statistic of")
    values = (
        statistic(part, axis=axis, keepdims=True) for part in (_part(x, axis, 0, front), _part(x, axis, n - back, n))
    )
    before, after = (np.round(v) if x.dtype.kind in "iu" and v.dtype.kind == "f" else v for v in values)
    return _constants(x, axis, width, (before, after))


def _repeat_entries(x: Any, axis: int, width: tuple[int, int], mode: str, odd: bool) -> Any:
    """The whole padded axis: entries again, or for an odd reflection, twice the entry at the edge less them."""
    n = x.shape[axis]
    if not odd:
        return np.take(x, np.pad(np.arange(n), width, mode=mode), axis)  # type: ignore[call-overload]
    # Each place of the padded axis holds a sum of entries with whole factors: those of np.pad, given unit vectors.
    factors = np.pad(np.eye(n), ((0, 0), width), mode=mode, reflect_type="odd")  # type: ignore[call-overload]
    factors = make_alike(as_dtype(factors, x.dtype), x)
    return as_dtype(np.moveaxis(np.moveaxis(x, axis, -1) @ factors, -1, axis), x.dtype)


_STATISTICS: dict[str, Callable[..., Any]] = {
    "maximum": np.max,
    "minimum": np.min,
    "mean": np.mean,
    "median": np.median,
}
_KEYWORDS = {
    "constant": "constant_values",
    "linear_ramp": "end_values",
    **dict.fromkeys(_STATISTICS, "stat_length"),
    "reflect": "reflect_type",
    "symmetric": "reflect_type",
    "edge": "",
    "wrap": "",
    "empty": "",
}


@implements(
    np.pad,
    examples=lambda rng: [
        ((rng.normal(size=(2, 3)),), {"pad_width": width, "mode": mode})
        for width in (1, (2, 1), ((0, 3), (1, 2)))
        for mode in ("constant", "edge", "reflect", "symmetric", "wrap", "linear_ramp", *_STATISTICS)
    ],
)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **keywords: Any) -> Any:
    """As NumPy's. constant_values= and end_values= may be Tensors; mode="empty" fills the margin with zeros."""
    if mode not in _KEYWORDS:
        raise TypeError(
            f"pad(mode={mode!r}) is not supported on Tensors, because its gradient would be lost; modes are "
            f"{', '.join(_KEYWORDS)}; others are written with np.concatenate"
        )
    for name in keywords:
        if name != _KEYWORDS[mode]:
            raise ValueError(f"pad: mode={mode!r} has no {name}=")
    given = next(iter(keywords.values()), None)
    if array.ndim == 0:
        return np.copy(array)  # a number has no margin
    widths = _counts("pad_width", pad_width, array.ndim)
    value = 0 if given is None else given
    if mode in ("constant", "empty") and not isinstance(value, Tensor) and not holds_tensor(value):
        return pad_constant(array, widths=widths, constant_values=value)
    values = _for_each_axis(_KEYWORDS[mode], value, array.ndim) if mode in ("constant", "linear_ramp") else []
    lengths: list[Any] = [None] * array.ndim
    if mode in _STATISTICS and given is not None:
        lengths = _counts("stat_length", given, array.ndim)
    x = array
    for axis, width in enumerate(widths):
        if not any(width):
            continue
        if not x.shape[axis] and mode != "constant":
            raise ValueError(f"pad: axis {axis} has no entries, so mode={mode!r} has nothing to repeat there")
        if mode in ("edge", "wrap", "reflect", "symmetric"):
            x = _repeat_entries(x, axis, width, mode, given == "odd")
            continue
        if mode == "constant":
            margins = _constants(x, axis, width, values[axis])
        elif mode == "linear_ramp":
            margins = _ramps(x, axis, width, values[axis])
        else:
            margins = _statistics(x, axis, width, lengths[axis], _STATISTICS[mode])
        x = np.concatenate((margins[0], x, margins[1]), axis)
    return np.copy(array) if x is array else x
