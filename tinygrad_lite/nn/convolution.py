"""Convolutional and pooling layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .convolve import _MODES, avg_pool2d, convolve, max_pool2d, sizes
from .initialise import by_fan_in, generator, positive
from .module import Module


class _Convolution(Module):
    _axes: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        dtype: Any = None,
        *,
        rng: Any = None,
    ) -> None:
        what = type(self).__name__
        positive(what, in_channels=in_channels, out_channels=out_channels, groups=groups)
        if in_channels % groups or out_channels % groups:
            raise ValueError(f"{what}: {in_channels} and {out_channels} channels are not divisible by groups={groups}")
        if padding_mode not in _MODES:
            raise ValueError(f"{what}: padding_mode is one of {', '.join(_MODES)}, not {padding_mode!r}")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size = sizes(what, "kernel_size", kernel_size, self._axes, 1)
        self.stride = sizes(what, "stride", stride, self._axes, 1)
        self.padding = padding if isinstance(padding, str) else sizes(what, "padding", padding, self._axes)
        self.dilation = sizes(what, "dilation", dilation, self._axes, 1)
        self.padding_mode = padding_mode
        rng = generator(rng)
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        fan_in = int(np.prod(shape[1:]))
        self.weight: Any = by_fan_in(rng, shape, fan_in, dtype)
        self.bias: Any = by_fan_in(rng, (out_channels,), fan_in, dtype) if bias else None

    def forward(self, x: Any) -> Any:
        settings = self.stride, self.padding, self.dilation, self.groups, self.padding_mode
        return convolve(type(self).__name__, x, self.weight, self.bias, *settings)

    def extra_repr(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}"
        defaults = {"stride": (1,) * self._axes, "padding": (0,) * self._axes, "dilation": (1,) * self._axes}
        for name, default in {**defaults, "groups": 1}.items():
            if getattr(self, name) != default:
                text += f", {name}={getattr(self, name)}"
        return text


class Conv1d(_Convolution):
    """Convolution along one axis. x: (N, in_channels, L); weight: (out_channels, in_channels / groups, kernel_size).

    stride, padding (or "same", "valid"), dilation, groups, padding_mode ("zeros", "reflect", "replicate", "circular")
    and the start of weight and bias (uniform, ±1/√fan_in) as in PyTorch. rng: draws the start.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.Conv1d(2, 4, 3, padding=1)(np.zeros((5, 2, 7))).shape
    (5, 4, 7)
    """

    _axes = 1


class Conv2d(_Convolution):
    """Convolution of images. x: (N, in_channels, H, W); weight: (out_channels, in_channels / groups, KH, KW).

    The arguments are those of `Conv1d`; sizes are one number, or one for each axis.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.Conv2d(3, 4, kernel_size=3, stride=2)(np.zeros((5, 3, 9, 7))).shape
    (5, 4, 4, 3)
    """

    _axes = 2


class MaxPool2d(Module):
    """The largest entry of every window of kernel_size. x: (N, C, H, W). stride: kernel_size unless given.

    padding, dilation, ceil_mode: as for `tg.nn.functional.max_pool2d`.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.MaxPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """

    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
    ) -> None:
        self.kernel_size, self.stride, self.padding = kernel_size, kernel_size if stride is None else stride, padding
        self.dilation, self.ceil_mode = dilation, ceil_mode

    def forward(self, x: Any) -> Any:
        return max_pool2d(x, self.kernel_size, self.stride, self.padding, self.dilation, self.ceil_mode)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}"


class AvgPool2d(Module):
    """The mean of every window of kernel_size. x: (N, C, H, W). stride: kernel_size unless given.

    padding, ceil_mode, count_include_pad, divisor_override: as for `tg.nn.functional.avg_pool2d`.

    >>> import numpy as np, tinygrad_lite as tg
    >>> tg.nn.AvgPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        self.kernel_size, self.stride, self.padding = kernel_size, kernel_size if stride is None else stride, padding
        self.ceil_mode, self.count_include_pad, self.divisor_override = ceil_mode, count_include_pad, divisor_override

    def forward(self, x: Any) -> Any:
        settings = self.ceil_mode, self.count_include_pad, self.divisor_override
        return avg_pool2d(x, self.kernel_size, self.stride, self.padding, *settings)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}"
