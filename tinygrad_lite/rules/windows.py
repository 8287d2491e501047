"""numpy.lib.stride_tricks: every window of an array, of which a convolution is one product, and as_strided.

The windows are a view: nothing is copied but by the product that reads them.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided as view_strided
from numpy.lib.stride_tricks import sliding_window_view

from ..alike import make_alike
from ..axes import positive_axis
from ..foreign import is_foreign
from ..op import Op, linear
from ..table import implements, row
from .indexing import add_at_places

_BLOCK = 1 << 16  # entries of the sum that are added to at a time: they stay in the second cache


def _windows(
    x: Any, window: tuple[int, ...], axes: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]
) -> Any:
    spans = tuple(d * (size - 1) + 1 for size, d in zip(window, dilation, strict=True))
    views = _view_windows(x, spans, axes)
    chosen = [slice(None)] * views.ndim
    for k, axis in enumerate(axes):
        chosen[axis], chosen[x.ndim + k] = slice(None, None, stride[k]), slice(None, None, dilation[k])
    return views[tuple(chosen)]


def _view_windows(x: Any, spans: tuple[int, ...], axes: tuple[int, ...]) -> Any:
    if isinstance(x, np.ndarray):
        return sliding_window_view(x, spans, axes)
    # CuPy sorts the axes, and not the sizes that belong to them.
    order = sorted(range(len(axes)), key=axes.__getitem__)
    views = sliding_window_view(x, tuple(spans[i] for i in order), tuple(axes[i] for i in order))
    return np.moveaxis(views, [x.ndim + k for k in range(len(axes))], [x.ndim + i for i in order])


def _sum_windows(
    g: Any,
    window: tuple[int, ...],
    axes: tuple[int, ...],
    stride: tuple[int, ...],
    dilation: tuple[int, ...],
    shape: tuple[int, ...],
) -> Any:
    """The transpose: every entry is the sum of where it stands in the windows. A sum for each place in the window, or
    for each window, whichever are fewer."""
    ndim = len(shape)
    if is_foreign(g):
        numbers = np.arange(math.prod(shape)).reshape(shape)
        return add_at_places(g, make_alike(_windows(numbers, window, axes, stride, dilation), g), shape)
    # In memory the sum lies as the windows do, so that both are gone through in order.
    order = sorted(range(ndim), key=lambda axis: -abs(g.strides[axis]))
    out = np.zeros([shape[axis] for axis in order], g.dtype).transpose(np.argsort(order))
    if not g.size:
        return out
    counts = [g.shape[axis] for axis in axes]
    by_place = math.prod(window) <= math.prod(counts)
    outer = order[0]
    step = max(1, _BLOCK * g.shape[outer] // out.size) if outer not in axes else g.shape[outer]
    for start in range(0, g.shape[outer], step):
        block = slice(start, start + step)
        for place in itertools.product(*map(range, window if by_place else counts)):
            target: list[Any] = [slice(None)] * ndim
            source: list[Any] = [slice(None)] * g.ndim
            if outer not in axes:
                target[outer] = source[outer] = block
            for k, (axis, i) in enumerate(zip(axes, place, strict=True)):
                if by_place:
                    source[ndim + k] = i
                    target[axis] = _every(i * dilation[k], counts[k], stride[k])
                else:
                    source[axis] = i
                    target[axis] = _every(i * stride[k], window[k], dilation[k])
            part = g[tuple(source)]
            if not by_place:  # the window's axes stand last; where they belong is in the middle
                part = np.moveaxis(part, range(part.ndim - len(axes), part.ndim), axes)
            place_in_out = out[tuple(target)]
            np.add(place_in_out, part, place_in_out)  # (out[…] += part would copy the sum onto itself, too)
    return out


def _every(start: int, count: int, step: int) -> slice:
    return slice(start, start + (count - 1) * step + 1, step)


def _examples(rng: np.random.Generator) -> Any:
    x = rng.normal(size=(3, 5, 4))
    choices = [
        ((2,), (1,), (1,), (1,)),
        ((4,), (1,), (1,), (1,)),
        ((2, 3), (0, 2), (1, 1), (1, 1)),
        ((3, 2), (2, 1), (1, 2), (1, 1)),
        ((2, 2), (1, 2), (2, 1), (1, 3)),
        ((1, 5, 2), (0, 1, 2), (2, 1, 1), (1, 1, 2)),
    ]
    names = "window", "axes", "stride", "dilation"
    return [((x,), dict(zip(names, values, strict=True))) for values in choices]


def _summing_examples(rng: np.random.Generator) -> Any:
    return [
        ((rng.normal(size=_windows(x, **keywords).shape),), {**keywords, "shape": x.shape})
        for (x,), keywords in _examples(rng)
    ]


def _windows_each(op: Op, xs: Any, mapped: Any, params: dict[str, Any]) -> Any:
    return op.call(*xs, **{**params, "axes": tuple(a + 1 for a in params["axes"])})


def _sum_windows_each(op: Op, xs: Any, mapped: Any, params: dict[str, Any]) -> Any:
    axes, shape = tuple(a + 1 for a in params["axes"]), (xs[0].shape[0], *params["shape"])
    return op.call(*xs, **{**params, "axes": axes, "shape": shape})


windows: Op = row(
    linear(
        _windows,
        lambda g, y, x, window, axes, stride, dilation: sum_windows(
            g, window=window, axes=axes, stride=stride, dilation=dilation, shape=x.shape
        ),
        batch=_windows_each,
        view=True,
        examples=_examples,
    )
)
sum_windows: Op = row(
    linear(
        _sum_windows,
        lambda g, y, x, window, axes, stride, dilation, shape: windows(
            g, window=window, axes=axes, stride=stride, dilation=dilation
        ),
        batch=_sum_windows_each,
        c="add",
        places=lambda out, window, axes, stride, dilation, shape: _windows(out, window, axes, stride, dilation),
        examples=_summing_examples,
    )
)


@implements(
    sliding_window_view,
    examples=lambda rng: [
        ((rng.normal(size=(3, 5)),), {"window_shape": (2, 3)}),
        ((rng.normal(size=6),), {"window_shape": 4}),
        ((rng.normal(size=(2, 5, 4)),), {"window_shape": (3, 2), "axis": (1, -1)}),
        ((rng.normal(size=(2, 7)),), {"window_shape": (3, 2), "axis": (1, 1)}),
    ],
)
def sliding_windows(x: Any, window_shape: Any, axis: Any = None, *, writeable: bool = False) -> Any:
    if writeable:
        raise TypeError("sliding_window_view(writeable=True) would let a Tensor be changed; leave it out")
    window = tuple(window_shape) if np.ndim(window_shape) else (int(window_shape),)
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(positive_axis(a, x.ndim) for a in axes)
    if len(window) != len(axes):
        raise ValueError(f"sliding_window_view: window_shape={window} has not one size for each of the axes {axes}")
    if len(set(axes)) == len(axes):
        once = (1,) * len(axes)
        return windows(x, window=window, axes=axes, stride=once, dilation=once)
    for n, a in zip(window, axes, strict=True):  # an axis named twice: windows of windows
        x = windows(x, window=(n,), axes=(a,), stride=(1,), dilation=(1,))
    return x


# -- as_strided --------------------------------------------------------------------------------------------------------


def _view_entries(x: Any, shape: tuple[int, ...], steps: tuple[int, ...]) -> Any:
    """steps: how many entries, in C order, lie between neighbours along each axis."""
    if is_foreign(x):
        return np.take(np.ravel(x), make_alike(_view_entries(np.arange(x.size), shape, steps), x))
    return view_strided(np.ascontiguousarray(x), shape, [n * x.itemsize for n in steps], writeable=False)


def _sum_strided(g: Any, steps: tuple[int, ...], shape: tuple[int, ...]) -> Any:
    """The transpose: every entry is the sum of the places at which it is seen."""
    size = math.prod(shape)
    places = _view_entries(np.arange(size), g.shape, steps)
    if is_foreign(g):
        return add_at_places(g, make_alike(places, g), shape)
    out = np.zeros(size, g.dtype)
    np.add.at(out, places, g)
    return out.reshape(shape)


def _strided_examples(rng: np.random.Generator) -> Any:
    x = rng.normal(size=(3, 4))
    choices = [((3,), (5,)), ((2, 3, 2), (1, 2, 4)), ((2, 0), (1, 1)), ((), ()), ((4, 3), (1, 4)), ((2, 5), (0, 1))]
    return [((x,), {"shape": shape, "steps": steps}) for shape, steps in choices]


def _summing_strided_examples(rng: np.random.Generator) -> Any:
    return [
        ((rng.normal(size=keywords["shape"]),), {"steps": keywords["steps"], "shape": x.shape})
        for (x,), keywords in _strided_examples(rng)
    ]


def _strided_each(op: Op, xs: Any, mapped: Any, params: dict[str, Any]) -> Any:
    """One example lies behind the other."""
    count, *one = xs[0].shape
    return op.call(*xs, shape=(count, *params["shape"]), steps=(math.prod(one), *params["steps"]))


def _sum_strided_each(op: Op, xs: Any, mapped: Any, params: dict[str, Any]) -> Any:
    one = params["shape"]
    return op.call(*xs, shape=(xs[0].shape[0], *one), steps=(math.prod(one), *params["steps"]))


strided: Op = row(
    linear(
        _view_entries,
        lambda g, y, x, shape, steps: sum_strided(g, steps=steps, shape=x.shape),
        name="strided",
        batch=_strided_each,
        view=True,
        examples=_strided_examples,
    )
)
sum_strided: Op = row(
    linear(
        _sum_strided,
        lambda g, y, x, steps, shape: strided(g, shape=x.shape, steps=steps),
        batch=_sum_strided_each,
        examples=_summing_strided_examples,
    )
)


def as_strided(x: Any, shape: Any = None, strides: Any = None) -> Any:
    """numpy.lib.stride_tricks.as_strided of an array or a Tensor, which NumPy's own cannot ask.

    shape: of the result; x's unless given. strides: how many bytes lie between neighbours along each of its axes in a
    C-ordered array of x's numbers, as x.strides is of a fresh array. An entry that is seen at several places receives
    the sum of their cotangents. ValueError for what lies outside x, which NumPy's would read.

    >>> import numpy as np, tinygrad_lite as tg
    >>> x = np.array([1.0, 2.0, 3.0])
    >>> tg.as_strided(x, (2, 2), (8, 8))
    array([[1., 2.],
           [2., 3.]])
    >>> tg.grad(lambda x: np.sum(tg.as_strided(x, (2, 2), (8, 8))))(x)
    array([1., 2., 1.])
    """
    x = x if hasattr(x, "dtype") else np.asarray(x)
    item = x.dtype.itemsize
    shape = x.shape if shape is None else tuple(shape) if np.ndim(shape) else (int(shape),)
    if strides is None:
        strides = np.empty(x.shape, x.dtype).strides
    strides = tuple(strides) if np.ndim(strides) else (int(strides),)
    if len(shape) != len(strides) or min(shape, default=0) < 0 or any(step % item for step in strides):
        raise ValueError(
            f"as_strided: shape={shape}, strides={strides}; there must be a stride for each size, and strides are "
            f"multiples of the {item} bytes of {x.dtype}"
        )
    steps = tuple(int(step) // item for step in strides)
    reach = [n * (size - 1) for n, size in zip(steps, shape, strict=True)]
    if 0 not in shape and (min(reach, default=0) < 0 or sum(reach) >= x.size):
        raise ValueError(
            f"as_strided: shape={shape} with strides={strides} reaches beyond the {x.size} entries of x {x.shape}"
        )
    return strided(x, shape=shape, steps=steps)
