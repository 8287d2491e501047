"""Convolution and pooling, as compositions: pad, view all windows, and one matrix product or reduction."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..alike import make_alike
from ..keywords import explains_keywords
from ..messages import refuse_list
from ..rules.windows import windows as view_windows

_MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def sizes(what: str, name: str, value: Any, n: int, least: int = 0) -> tuple[int, ...]:
    """One whole number for each of n axes, from one number or n."""
    given = (value,) * n if isinstance(value, (int, np.integer)) else tuple(value)
    if len(given) != n or not all(isinstance(v, (int, np.integer)) and v >= least for v in given):
        raise ValueError(f"{what}: {name} must be a whole number, or {n}, of at least {least}, not {value!r}")
    return tuple(int(v) for v in given)


@explains_keywords
def conv1d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Cross-correlation along one axis. x: (N, C, L) or (C, L), weight: (O, C / groups, K), bias: (O,).

    stride, padding, dilation, groups: as for `conv2d`, with one axis.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.functional.conv1d(np.arange(5.0).reshape(1, 1, 5), np.array([[[1.0, -1.0]]]))
    array([[[-1., -1., -1., -1.]]])
    """
    return convolve("conv1d", x, weight, bias, stride, padding, dilation, groups)


@explains_keywords
def conv2d(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Any:
    """Cross-correlation. x: (N, C, H, W) or (C, H, W), weight: (O, C / groups, KH, KW), bias: (O,).

    stride, padding, dilation: a number for both axes or one for each; padding may be "same" or "valid". ValueError if
    sizes do not fit.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.functional.conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)))
    array([[[[4., 4.],
             [4., 4.]]]])
    """
    return convolve("conv2d", x, weight, bias, stride, padding, dilation, groups)


def convolve(
    what: str,
    x: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
    padding_mode: str = "zeros",
) -> Any:
    """Cross-correlation over as many axes as weight has beyond (O, C / groups)."""
    refuse_list(what, x)
    refuse_list(what, weight)
    n = weight.ndim - 2
    if x.ndim == n + 1:
        alone = convolve(what, x[None], weight, bias, stride, padding, dilation, groups, padding_mode)
        return alone[0]
    out_channels, group_channels, *kernel = weight.shape
    if x.ndim != n + 2 or x.shape[1] != group_channels * groups or out_channels % groups:
        raise ValueError(
            f"{what}: x {x.shape}, weight {weight.shape} and groups={groups} do not fit: x must be "
            f"(N, {group_channels * groups}, {'H, W' if n == 2 else 'L'}), and the output channels divisible by groups"
        )
    stride = sizes(what, "stride", stride, n, 1)
    dilation = sizes(what, "dilation", dilation, n, 1)
    x = pad(x, widths(what, padding, kernel, stride, dilation), _MODES[padding_mode])
    views = windows(what, x, tuple(kernel), stride, dilation)  # (N, C, *places, *kernel)
    count, channels, *rest = views.shape
    places = tuple(rest[:n])
    axes = (1, *range(2 + n, 2 + 2 * n), 0, *range(2, 2 + n))
    depth, total = group_channels * int(np.prod(kernel)), count * int(np.prod(places))
    columns = np.transpose(views, axes)
    if groups == 1:
        y = np.matmul(np.reshape(weight, (out_channels, depth)), np.reshape(columns, (depth, total)))
    else:
        y = np.matmul(
            np.reshape(weight, (groups, out_channels // groups, depth)), np.reshape(columns, (groups, depth, total))
        )
    y = np.reshape(y, (out_channels, total))
    if bias is not None:
        y = y + np.reshape(bias, (out_channels, 1))
    return np.swapaxes(np.reshape(y, (out_channels, count, *places)), 0, 1)


def widths(what: str, padding: Any, kernel: Any, stride: Any, dilation: Any) -> list[tuple[int, int]]:
    """The margin before and after each axis."""
    if padding == "valid":
        padding = 0
    if padding == "same":
        if any(s != 1 for s in stride):
            raise ValueError(f'{what}: padding="same" needs a stride of 1')
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return [(t // 2, t - t // 2) for t in totals]
    if isinstance(padding, str):
        raise ValueError(f'{what}: padding is a number, "same" or "valid", not {padding!r}')
    return [(p, p) for p in sizes(what, "padding", padding, len(kernel))]


def pad(x: Any, margins: list[tuple[int, int]], mode: str = "constant", value: float = 0.0) -> Any:
    """x with margins on its last axes."""
    if not any(before or after for before, after in margins):
        return x
    around = [(0, 0)] * (x.ndim - len(margins)) + margins
    if mode == "constant":
        return np.pad(x, around, constant_values=x.dtype.type(value))
    return np.pad(x, around, mode=mode)  # type: ignore[call-overload]


def windows(what: str, x: Any, kernel: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]) -> Any:
    """Every window over the last axes: (..., *places, *kernel), a view."""
    n = len(kernel)
    spans = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
    if any(size < span for size, span in zip(x.shape[-n:], spans, strict=True)):
        raise ValueError(f"{what}: a window of {spans} is larger than the padded input {x.shape[-n:]}")
    return view_windows(x, window=kernel, axes=tuple(range(x.ndim - n, x.ndim)), stride=stride, dilation=dilation)


@explains_keywords
def max_pool2d(
    x: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Any:
    """The largest entry of every window. x: (N, C, H, W) or (C, H, W).

    kernel_size, stride, padding, dilation: a number for both axes or one for each; stride is kernel_size unless given.
    ceil_mode: a last window that reaches over the edge counts, too. ValueError if no window fits. Entries that tie
    share the gradient, as in np.max (PyTorch gives it to the first).

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.functional.max_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """
    kernel, stride, margins, dilation = _pooling("max_pool2d", x, kernel_size, stride, padding, dilation, ceil_mode)
    lowest = np.iinfo(x.dtype).min if x.dtype.kind in "iu" else -np.inf
    padded = x if all(pair == (0, 0) for pair in margins) else pad(x, margins, value=lowest)
    return np.max(gather(windows("max_pool2d", padded, kernel, stride, dilation), 2), axis=0)


@explains_keywords
def avg_pool2d(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    """The mean of every window. x: (N, C, H, W) or (C, H, W).

    kernel_size, stride, padding, ceil_mode: as for `max_pool2d`. count_include_pad: whether the zeros of the padding
    count. divisor_override: divide by this instead.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.functional.avg_pool2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """
    kernel, stride, margins, dilation = _pooling("avg_pool2d", x, kernel_size, stride, padding, 1, ceil_mode)
    total = np.sum(gather(windows("avg_pool2d", pad(x, margins), kernel, stride, dilation), 2), axis=0)
    if divisor_override is not None:
        return total / divisor_override
    # How many entries of each window count: not those that ceil_mode looks at beyond the padding.
    given = sizes("avg_pool2d", "padding", padding, 2)
    there = make_alike(np.ones(x.shape[-2:], x.dtype), x)
    counted = pad(there, [(p, p) for p in given], value=float(count_include_pad))
    counted = pad(counted, [(0, after - p) for (_, after), p in zip(margins, given, strict=True)])
    return total / np.sum(windows("avg_pool2d", counted, kernel, stride, dilation), axis=(-2, -1))


def gather(views: Any, n: int) -> Any:
    """The windows that `windows` views, copied: (places in a window, ..., *places).

    What reduces over axis 0 then runs along whole rows (over the few entries of each window: four times as long).
    """
    turned = np.moveaxis(views, range(views.ndim - n, views.ndim), range(n))
    return np.reshape(turned, (-1, *views.shape[:-n]))


def _pooling(
    what: str, x: Any, kernel_size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool
) -> tuple[tuple[int, ...], tuple[int, ...], list[tuple[int, int]], tuple[int, ...]]:
    refuse_list(what, x)
    if x.ndim not in (3, 4):
        raise ValueError(f"{what}: x {x.shape} must be (N, C, H, W) or (C, H, W)")
    kernel = sizes(what, "kernel_size", kernel_size, 2, 1)
    stride = kernel if stride is None else sizes(what, "stride", stride, 2, 1)
    dilation = sizes(what, "dilation", dilation, 2, 1)
    margins = []
    for size, k, s, p, d in zip(
        x.shape[-2:], kernel, stride, sizes(what, "padding", padding, 2), dilation, strict=True
    ):
        if 2 * p > k:
            raise ValueError(f"{what}: padding={p} must be at most half of kernel_size={k}")
        beyond = size + 2 * p - d * (k - 1) - 1
        after = p
        if ceil_mode and beyond % s:
            last = (beyond // s + 1) * s  # where one more window would start: only if that is not all padding
            after += last - beyond if last < size + p else 0
        margins.append((p, after))
    return kernel, stride, margins, dilation
