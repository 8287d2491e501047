"""On Tensors every function gives what NumPy gives on arrays: values, shapes and dtypes, for unusual arguments too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import tree

_NUMPY = np.lib.NumpyVersion(np.__version__)
RNG = np.random.default_rng(5)
CUBE = RNG.normal(size=(2, 3, 4))
FLAT = RNG.normal(size=6)
_NOT_FINITE = ([3, np.nan, 1], [np.inf, 4, np.nan], [3, -np.inf, -np.inf], [np.nan, np.inf, 1])
SQUARE = RNG.normal(size=(3, 3))
SINGLE = CUBE.astype(np.float32)
WHOLE = RNG.integers(-3, 4, (2, 3))
TIES = np.array([[2.0, 1.0, 2.0], [0.0, 0.0, 1.0]])
FULL = np.iinfo(np.int64).max - RNG.integers(0, 2**60, (5, 3))  # whole numbers whose sum overflows
MANY = RNG.integers(0, 8, (2, 35001)).astype(np.uint8)  # more of them than half precision can count
HOLES = np.where(RNG.uniform(size=(2, 3, 4)) < 0.3, np.nan, CUBE)
EMPTY = np.zeros((0, 3))
NUMBER = np.array(1.5)
EXTREME = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e308, -1e308, 5e-324, 1.0])

Function = Callable[[Any], Any]


def of(array: Any, *functions: Function) -> list[tuple[Any, Function]]:
    return [(array, f) for f in functions]


ELEMENTWISE = [
    *of(
        CUBE,
        lambda t: np.clip(t, None, None),
        lambda t: np.clip(t, -0.5, 0.5),
        lambda t: np.clip(t, a_max=0.5, a_min=None),
        lambda t: np.clip(t, 0.5, -0.5),
        lambda t: np.clip(0.3, t, 2),
        lambda t: t.clip(-0.5),
        lambda t: t.clip(max=0.1),
        lambda t: np.clip(t, np.zeros(4), np.full((3, 1), 0.3)),
        lambda t: np.round(t, 1),
        lambda t: np.around(t, decimals=2),
        lambda t: t.round(),
        lambda t: np.divmod(t, 0.3),
        lambda t: np.modf(t),
        lambda t: np.frexp(t),
        lambda t: np.ldexp(t, np.array([1, -2, 0, 3])),
        lambda t: np.ldexp(t, 2),
        lambda t: np.copysign(t, -1.0),
        lambda t: np.copysign(2.0, t),
        lambda t: np.heaviside(t, 0.5),
        lambda t: np.nextafter(t, 0.0),
        lambda t: np.float_power(t, 2),
        lambda t: np.fmin(t, t[0]),
        lambda t: np.sinc(t),
        lambda t: np.i0(t),
        lambda t: t % 0.7,
        lambda t: t // 0.7,
        lambda t: divmod(t, 0.3),
        lambda t: divmod(2.0, t),
        lambda t: -t,
        lambda t: +t,
        lambda t: abs(t),
        lambda t: 2**t,
        lambda t: (t > 0) & (t < 1),
        lambda t: ~(t > 0) | (t < -1) ^ (t > 1),
        lambda t: t == t[0],
        lambda t: t != 0.0,
    ),
    *of(
        EXTREME,
        lambda t: np.nan_to_num(t),
        lambda t: np.nan_to_num(t, nan=-1.0, posinf=2.0, neginf=3.0),
        lambda t: np.nan_to_num(t, True, 7.0),
        lambda t: np.fmax(t, 0.5),
        lambda t: np.fmin(0.5, t),
        lambda t: np.maximum(t, 0.5),
        lambda t: np.modf(t),
        lambda t: np.frexp(t),
        lambda t: np.copysign(t, -1.0),
        lambda t: np.sinc(t[3:]),
        lambda t: np.isclose(t, 1.0),
        lambda t: np.isposinf(t),
        lambda t: np.signbit(t),
        lambda t: np.spacing(t[3:6]),
        lambda t: np.clip(t, -1, 1),
    ),
    *of(
        WHOLE,
        lambda t: t + 1,
        lambda t: t / 2,
        lambda t: t << 2,
        lambda t: (t & 7) >> 1,
        lambda t: 1 << (t & 3),
        lambda t: np.gcd(t, 2),
        lambda t: np.sum(t > 0),
    ),
    *of(
        SINGLE,
        lambda t: t * 2.5,
        lambda t: np.clip(t, 0, 1.5),
        lambda t: np.clip(0.3, t, 2),
        lambda t: np.sinc(t),
        lambda t: np.i0(t),
    ),
]

METHODS = [
    *("inverted_cdf", "averaged_inverted_cdf", "closest_observation", "interpolated_inverted_cdf", "hazen", "weibull"),
    *("linear", "median_unbiased", "normal_unbiased", "lower", "higher", "midpoint", "nearest"),
]
AXES: list[dict[str, Any]] = [
    {},
    {"axis": 1},
    {"axis": -1, "keepdims": True},
    {"axis": (0, 2)},
    {"axis": (-1, 0), "keepdims": True},
    {"keepdims": True},
    {"axis": ()},
]


def reduced(function: Any, keywords: dict[str, Any]) -> Function:
    return lambda t: function(t, **keywords)


REDUCTIONS = [
    *[
        (array, reduced(f, keywords))
        for f in (np.sum, np.mean, np.max, np.amin, np.prod, np.std, np.var, np.all, np.any, np.ptp)
        for keywords in AXES
        for array in (CUBE, SINGLE)
    ],
    *[
        (array, reduced(f, keywords))
        for f in (np.median, np.nanmedian)
        for keywords in AXES[:-1]
        for array in (CUBE, SINGLE)
    ],
    *[
        (array, reduced(f, keywords))
        for f in (np.nansum, np.nanmean, np.nanmax, np.nanmin, np.nanprod, np.nanstd, np.nanvar)
        for keywords in AXES[:-1]
        for array in (HOLES, CUBE, HOLES.astype(np.float32))
    ],
    *[
        (array, reduced(f, keywords))
        for f in (np.mean, np.nanmean, np.nanvar, np.nanstd)
        for keywords in ({}, {"axis": 1}, {"keepdims": True})
        for array in (FULL, FULL.astype(np.int8), MANY, MANY.astype(np.float16) / 8, MANY > 3)
    ],
    *of(
        CUBE,
        lambda t: np.sum(t, 1, None, None, True),
        lambda t: np.var(t, 0, None, None, 1),
        lambda t: np.var(t, 0, correction=1),
        lambda t: np.std(t, ddof=2),
        lambda t: t.std(1),
        lambda t: t.var(axis=0, ddof=1),
        lambda t: t.prod(),
        lambda t: t.cumsum(1),
        lambda t: t.cumprod(),
        lambda t: t.all(axis=1),
        lambda t: t.trace(),
        lambda t: t.argsort(0),
        lambda t: np.cumsum(t),
        lambda t: np.cumprod(t, -2),
        lambda t: np.cumulative_sum(t, axis=1, include_initial=True),
        lambda t: np.cumulative_prod(t, axis=-1, include_initial=True),
        lambda t: np.average(t),
        lambda t: np.average(t, 1, np.array([1.0, 2.0, 3.0]), True),
        lambda t: np.average(t, axis=(0, 2), weights=np.arange(1.0, 9).reshape(2, 4)),
        lambda t: np.average(t, axis=2, weights=np.arange(1, 5), keepdims=True),
        lambda t: np.count_nonzero(t > 0, axis=1, keepdims=True),
        lambda t: np.argmax(t, 1, keepdims=True),
        lambda t: np.quantile(t, [0.1, 0.9]),
        lambda t: np.quantile(t, 0.3, 1),
        lambda t: np.quantile(t, [[0.3], [0.7]], axis=(0, 2), keepdims=True),
        lambda t: np.percentile(t, [10, 50, 90], axis=0),
        lambda t: np.nanquantile(t, 0.3),
    ),
    *[(FLAT, reduced(np.quantile, {"q": 0.37, "method": method})) for method in METHODS],
    *of(
        HOLES,
        lambda t: np.nanquantile(t, [0.2, 0.6], axis=1),
        lambda t: np.nanpercentile(t, 30, axis=(0, 2)),
        lambda t: np.percentile(t, np.float32(33.3)),
        lambda t: np.nancumsum(t, axis=1),
        lambda t: np.nancumprod(t),
        lambda t: np.nanargmax(t),
        lambda t: np.max(t),
        lambda t: np.median(t, axis=1),
        lambda t: np.nanstd(t, axis=1, ddof=1),
    ),
    *of(
        NUMBER,
        lambda t: np.sum(t),
        lambda t: np.sum(t, axis=0),
        lambda t: np.max(t, axis=0),
        lambda t: np.prod(t),
        lambda t: np.mean(t, keepdims=True),
        lambda t: np.cumsum(t),
        lambda t: np.sort(t, axis=None),
        lambda t: np.atleast_3d(t),
        lambda t: np.ravel(t),
        lambda t: np.repeat(t, 3),
        lambda t: np.repeat(t, 2, axis=0),
        lambda t: np.cumprod(t, axis=0),
        lambda t: np.cumsum(t, axis=0),
        lambda t: np.pad(t, 1),
        lambda t: np.piecewise(t, [t > 0, t > 9], [np.exp, 2.0]),
        lambda t: np.tile(t, (2, 1)),
        lambda t: np.std(t),
        lambda t: np.median(t),
        lambda t: np.var(t),
    ),
    *of(
        EMPTY,
        lambda t: np.sum(t),
        lambda t: np.sum(t, axis=0),
        lambda t: np.sum(t, axis=1),
        lambda t: np.prod(t, axis=0),
        lambda t: np.max(t, axis=1),
        lambda t: np.cumsum(t, axis=0),
        lambda t: np.cumprod(t, axis=1),
        lambda t: np.sort(t, axis=0),
        lambda t: np.nansum(t),
        lambda t: np.concatenate([t, t]),
        lambda t: np.pad(t, 1),
        lambda t: np.take(t, [], 0),
        lambda t: np.tile(t, 2),
        lambda t: np.diff(t),
        lambda t: t.T,
        lambda t: np.where(t > 0, t, 0),
        lambda t: np.unique(t),
        lambda t: np.flip(t),
        lambda t: np.resize(t, (2, 2)),
        lambda t: np.all(t),
    ),
]

SHAPING = of(
    CUBE,
    lambda t: np.reshape(t, (4, -1)),
    lambda t: t.reshape(4, 6),
    lambda t: t.reshape((3, -1), order="F"),
    lambda t: t.flatten(),
    lambda t: t.ravel("F"),
    lambda t: t.transpose(),
    lambda t: t.transpose(2, 0, 1),
    lambda t: np.transpose(t, (-1, 0, 1)),
    lambda t: np.permute_dims(t, (1, 0, 2)),
    lambda t: t.mT,
    lambda t: t.swapaxes(0, -1),
    lambda t: np.moveaxis(t, [0, 1], [-1, 0]),
    lambda t: np.rollaxis(t, 2),
    lambda t: np.rollaxis(t, 0, 3),
    lambda t: np.rollaxis(t, -1, -2),
    lambda t: np.expand_dims(t, (0, -1)),
    lambda t: np.squeeze(t[:1]),
    lambda t: t[:, :1].squeeze(1),
    lambda t: np.broadcast_to(t, (5, 2, 3, 4)),
    lambda t: np.broadcast_arrays(t, t[0, 0]),
    lambda t: np.atleast_2d(t[0, 0], t[0], 3.0),
    lambda t: np.atleast_3d(t[0, 0], t[0]),
    lambda t: np.flip(t),
    lambda t: np.flip(t, (0, -1)),
    lambda t: np.flipud(t),
    lambda t: np.fliplr(t),
    lambda t: np.roll(t, 5),
    lambda t: np.roll(t, (1, -2), (0, 2)),
    lambda t: np.roll(t, 1, axis=(0, 1)),
    lambda t: [np.rot90(t, k) for k in range(-2, 6)],
    lambda t: np.rot90(t, 1, (2, 0)),
    lambda t: np.tile(t, 2),
    lambda t: np.tile(t, (2, 1, 3)),
    lambda t: np.tile(t, (2, 1, 1, 2)),
    lambda t: np.tile(t, ()),
    lambda t: np.tile(t, 0),
    lambda t: np.repeat(t, 2),
    lambda t: t.repeat(3, axis=-1),
    lambda t: np.repeat(t, [1, 0, 2], 1),
    lambda t: np.repeat(t, np.array([2]), 0),
    lambda t: np.resize(t, (5, 6)),
    lambda t: np.resize(t, 3),
    lambda t: t.diagonal(),
    lambda t: np.diagonal(t, 1, 0, 2),
    lambda t: np.diagonal(t, -1, -1, 0),
    lambda t: np.diag(t[0]),
    lambda t: np.diag(t[0], -1),
    lambda t: np.diag(t[0, 0], 2),
    lambda t: np.diagflat(t[0], 1),
    lambda t: np.trace(t, 1, 2, 0),
    lambda t: np.tril(t, -1),
    lambda t: np.triu(t, 1),
    lambda t: np.tril(t[0, 0]),
    lambda t: t.astype(np.float32),
    lambda t: t.astype(int),
    lambda t: t.copy(),
    lambda t: t.T,
    lambda t: np.vander(t[0, 0]),
    lambda t: np.vander(t[0, 0], 3, True),
    lambda t: np.vander(t[0, 0], 0),
    lambda t: np.meshgrid(t[0, 0], t[0, :, 0]),
    lambda t: np.meshgrid(t[0, 0], t[0, :, 0], t[:, 0, 0], indexing="ij", sparse=True),
)

JOINING = [
    *of(
        CUBE,
        lambda t: np.concatenate((t, t[:, :1]), 1),
        lambda t: np.concatenate([t, t[0]], axis=None),
        lambda t: np.concat([t, np.zeros((1, 3, 4))]),
        lambda t: np.stack([t, t], -1),
        lambda t: np.stack(t),
        lambda t: np.hstack([t, t]),
        lambda t: np.hstack([t[0, 0], 1.0]),
        lambda t: np.vstack([t[0, 0], t[0]]),
        lambda t: np.dstack([t[0], t[0]]),
        lambda t: np.dstack([t[0, 0], t[0, 1]]),
        lambda t: np.column_stack([t[0, :, 0], t[0]]),
        lambda t: np.append(t, 2.0),
        lambda t: np.append(t, t[:1], axis=0),
        lambda t: np.block([[t[0], t[0]], [t[0], np.zeros((3, 4))]]),
        lambda t: np.block(t[0]),
        lambda t: np.block([t[0, 0], 3.0, t[1, 1]]),
        lambda t: np.block([[[t[0]], [t[1]]]]),
        lambda t: np.split(t, 2),
        lambda t: np.split(t, [1, 2], axis=1),
        lambda t: np.array_split(t, 3, 2),
        lambda t: np.array_split(t, [2, 1, 7], 1),
        lambda t: np.array_split(t, [-1], 1),
        lambda t: np.hsplit(t, 3),
        lambda t: np.vsplit(t, [1]),
        lambda t: np.dsplit(t, 2),
        lambda t: np.unstack(t, axis=1),
        lambda t: np.delete(t, 1, 1),
        lambda t: np.delete(t, [0, -1], 2),
        lambda t: np.delete(t, slice(None, None, 2), axis=1),
        lambda t: np.delete(t, np.array([True, False, True]), 1),
        lambda t: np.delete(t, 3),
        lambda t: np.insert(t, 1, 5.0, axis=1),
        lambda t: np.insert(t, [1, 1], 5.0, axis=2),
        lambda t: np.insert(t, 2, t[:, :, 0], axis=2),
        lambda t: np.insert(t, [0, 2], t[:, :2], axis=1),
        lambda t: np.insert(t, 4, [1.0, 2.0]),
        lambda t: np.insert(t, [4, 2, 0], [1.0, 2.0, 3.0]),
        lambda t: np.insert(t, slice(1, 3), 7.0, axis=1),
        lambda t: np.insert(t, -1, 7.0, axis=-1),
        lambda t: np.trim_zeros(np.concatenate([np.zeros(2), t[0, 0], np.zeros(1)])),
        lambda t: np.trim_zeros(np.concatenate([np.zeros(2), t[0, 0], np.zeros(1)]), "f"),
        lambda t: np.pad(t, 2),
        lambda t: np.pad(t, (1, 2), constant_values=3.0),
        lambda t: np.pad(t, ((0, 0), (1, 0), (0, 2)), constant_values=((1, 1), (2, 3), (4, 5))),
        lambda t: np.pad(t, ((1,), (2,), (0,)), "edge"),
        lambda t: np.pad(t, 0, "edge"),
        *([lambda t: np.pad(t, {-1: (1, 2), 0: 1})] if _NUMPY >= "2.2.0" else []),
    ),
    *[
        (CUBE, reduced(lambda t, mode: np.pad(t, ((5, 1), (3, 4), (0, 6)), mode), {"mode": mode}))
        for mode in ("edge", "reflect", "symmetric", "wrap")
    ],
]

ROWS, MASK = np.array([1, 0, 1]), CUBE > 0
INDEXING = of(
    CUBE,
    lambda t: t[1],
    lambda t: t[-1, ..., 2],
    lambda t: t[None, 0, :, None],
    lambda t: t[::-1, 1:, ::2],
    lambda t: t[()],
    lambda t: t[...],
    lambda t: t[ROWS],
    lambda t: t[[0, 1, 1]],
    lambda t: t[[]],
    lambda t: t[:, ROWS],
    lambda t: t[ROWS, :, ROWS],
    lambda t: t[ROWS[:, None], [0, 2]],
    lambda t: t[0, ROWS],
    lambda t: t[0, :, ROWS],
    lambda t: t[MASK],
    lambda t: t[MASK[:, :, 0]],
    lambda t: t[:, MASK[0, :, 0]],
    lambda t: t[MASK[:, 0, 0], 1],
    lambda t: t[True],
    lambda t: t[np.int64(1)],
    lambda t: t[np.array(1)],
    lambda t: t[np.array(True)],
    lambda t: t[t > 0],
    lambda t: t[np.argmax(t[:, 0, 0])],
    lambda t: t[:, np.argsort(t[0, :, 0])],
    lambda t: t[..., None],
    lambda t: t[np.nonzero(t > 0)],
    lambda t: t[np.ix_([0, 1], [2, 0], [True, False, False, True])],
    lambda t: [row[0] for row in t],
    lambda t: np.take(t, [[0, -1], [5, 5]]),
    lambda t: np.take(t, [True, False, False]),
    lambda t: np.take(t, t > 0, axis=1),
    lambda t: np.take(t, 1, axis=1),
    lambda t: t.take([0, 2], axis=-1),
    lambda t: np.take(t, [9, -9], 1, mode="wrap"),
    lambda t: np.take(t, [9, -9], 1, mode="clip"),
    lambda t: np.take_along_axis(t, np.argsort(t, axis=1), axis=1),
    lambda t: np.take_along_axis(t, np.array([3, 1, 3]), None),
    lambda t: np.compress([True, False, True], t, axis=1),
    lambda t: np.compress([False, True, True], t),
    lambda t: np.extract(t > 0, t),
    lambda t: np.choose([[0], [1], [0]], [t[0], t[1]]),
    lambda t: np.choose(t > 0, [t, 7.0]),
    lambda t: np.choose([True, False, True, True], [t, 2 * t]),
    lambda t: np.choose(np.array([[5], [-4], [1]]), [t[0], 7.0], mode="wrap"),
    lambda t: np.where(t > 0, t, 0),
    lambda t: np.where(t[0] > 0, t, t[:, :1]),
    lambda t: np.where(t > 0),
    lambda t: np.select([t > 1, t > 0], [t, -t], 9.0),
    lambda t: np.select([t[0] > 0], [t]),
    lambda t: np.piecewise(t, [t < 0, t >= 0], [lambda x: -x, lambda x: x * x]),
    lambda t: np.piecewise(t, [t < 0], [np.exp, 2.0]),
    lambda t: np.piecewise(t[0, 0], t[0, 0] > 0, [1.0]),
    lambda t: np.piecewise(t[0, 0], [np.floor(t[0, 0]), [True, False, False, True]], [np.sin, np.cos]),
    lambda t: np.piecewise(t, [t > -1, t > 0], [lambda x, a: x + a, lambda x, a: a * x], 3.0),
    lambda t: np.argwhere(t > 0),
    lambda t: np.flatnonzero(t > 1),
    lambda t: np.unravel_index(np.argmax(t), t.shape),
    lambda t: np.searchsorted(np.sort(t[0, 0]), t),
    lambda t: np.digitize(t, [-1.0, 0.0, 1.0]),
)

SORTING = [
    *of(
        CUBE,
        lambda t: np.sort(t),
        lambda t: np.sort(t, None),
        lambda t: np.sort(t, axis=0, kind="mergesort"),
        lambda t: np.partition(t, 1),
        lambda t: np.partition(t, [0, 2], axis=1),
        lambda t: np.argsort(t, axis=None),
        lambda t: np.lexsort((t[0, 0], t[0, 1])),
        lambda t: np.lexsort(t[0]),
        lambda t: np.sort_complex(t),
        lambda t: np.isin(t, t[0, 0]),
    ),
    *of(
        TIES,
        lambda t: np.unique(t),
        lambda t: np.unique(t, True, True, True),
        lambda t: np.unique(t, return_counts=True),
        lambda t: np.unique_all(t),
        lambda t: np.unique_counts(t),
        lambda t: np.unique_inverse(t),
        lambda t: np.union1d(t, [5.0, 2.0]),
        lambda t: np.intersect1d(t, [5.0, 2.0, 0.0]),
        lambda t: np.intersect1d(t, [5.0, 2.0, 0.0], return_indices=True),
        lambda t: np.setdiff1d(t, [5.0, 2.0]),
        lambda t: np.setxor1d(t, [5.0, 2.0]),
        lambda t: np.sort(t),
        lambda t: np.max(t, axis=1),
    ),
    *of(np.array([np.nan, 1.0, np.nan, 0.5]), lambda t: np.unique(t), lambda t: np.unique(t, equal_nan=False)),
]

SAMPLES = [
    *of(
        CUBE,
        lambda t: np.diff(t),
        lambda t: np.diff(t, 2, 0),
        lambda t: np.diff(t, n=0),
        lambda t: np.diff(t, 1, 1, prepend=0.0, append=t[:, :2]),
        lambda t: np.diff(t > 0),
        lambda t: np.ediff1d(t),
        lambda t: np.ediff1d(t, to_end=[1.0, 2.0], to_begin=0.5),
        lambda t: np.gradient(t),
        lambda t: np.gradient(t, 0.5, axis=1),
        lambda t: np.gradient(t, 0.5, 2.0, axis=(0, 2)),
        lambda t: np.gradient(t, [0.0, 1.0, 4.0], axis=1, edge_order=2),
        lambda t: np.gradient(t, axis=(1, 2), edge_order=2),
        lambda t: np.gradient(t.astype(np.float32), 0.5, axis=2),
        lambda t: np.trapezoid(t),
        lambda t: np.trapezoid(t, dx=0.5, axis=1),
        lambda t: np.trapezoid(t, [0.0, 1.0, 3.0], axis=1),
        lambda t: np.trapezoid(t, np.cumsum(np.abs(t), axis=2)),
        lambda t: np.unwrap(3 * t),
        lambda t: np.unwrap(3 * t, 1.0, 0),
        lambda t: np.unwrap(3 * t, period=2.0),
        lambda t: np.interp(t, [-1.0, 0.0, 2.0], [3.0, 4.0, 1.0]),
        *(lambda t, y=y: np.interp(np.append(t, [-1, 0, 2, np.nan]), [-1, 0, 2], y) for y in _NOT_FINITE),
        lambda t: np.interp(t, [-1.0, 0.0, 0.5], [3.0, 4.0, 1.0], left=-5.0, right=7.0),
        lambda t: np.interp(t, [0.5, 0.1, 0.9], [3.0, 4.0, 1.0], period=1.2),
        lambda t: np.interp(0.3, np.sort(t[0, 0]), t[0, 1]),
        lambda t: np.interp(t, [-1.0, 0.0, 0.0, 2.0], [3.0, 4.0, 1.0, 5.0]),
        lambda t: np.cov(t[0]),
        lambda t: np.cov(t[0], t[1], rowvar=False, ddof=0),
        lambda t: np.cov(t[0, 0]),
        lambda t: np.cov(t[0], fweights=[1, 2, 1, 1]),
        lambda t: np.cov(t[0], aweights=[1.0, 0.5, 1.5, 1.0], ddof=0),
        lambda t: np.corrcoef(t[0]),
        lambda t: np.corrcoef(t[0, 0], t[0, 1]),
        lambda t: np.histogram(t, [-1.0, 0.0, 2.0]),
        lambda t: np.histogram(t, 4, range=(-1, 1), density=True),
        lambda t: np.histogram2d(t[0, 0], t[0, 1], 3, [(-1, 1), (-2, 2)]),
        lambda t: np.histogramdd(t[0], [[-1.0, 0.0, 1.0]] * 4),
        lambda t: np.bincount(np.array([0, 2, 2, 5]), t[0, 0], 8),
        lambda t: np.apply_along_axis(np.sum, 1, t),
        lambda t: np.apply_along_axis(lambda x: np.stack([x, x * 2]), 0, t),
        lambda t: np.apply_over_axes(np.sum, t, (0, 2)),
        lambda t: np.allclose(t, t),
        lambda t: np.array_equal(t, t + 1),
        lambda t: np.linspace(t[0], 2.0, 4),
        lambda t: np.linspace(0, t[0, 0], 4, axis=1, retstep=True),
        lambda t: np.linspace(t[0, 0, 0], 1, 5, False),
        lambda t: np.linspace(t, 1, 0),
        lambda t: np.logspace(t[0, 0], 1.0, 3, base=2.0),
        lambda t: np.geomspace(np.abs(t[0, 0]), 9.0, 4),
        lambda t: np.geomspace(-np.abs(t[0, 0]), -9.0, 4, endpoint=False),
    ),
    *[
        ((RNG.normal(size=n), RNG.normal(size=m)), reduced(lambda t, f, mode: f(*t, mode), {"f": f, "mode": mode}))
        for f in (np.convolve, np.correlate)
        for n, m in ((5, 2), (5, 3), (2, 5), (3, 5), (4, 4), (1, 1), (2, 4), (4, 1))
        for mode in ("full", "same", "valid")
    ],
    *of(
        FLAT,
        lambda t: np.polyval(t, 2.0),
        lambda t: np.polyval([1.0, 2.0], t),
        lambda t: np.polyadd(t, [1.0, 2.0]),
        lambda t: np.polysub([1.0, 2.0], t),
        lambda t: np.polymul(t, t[:2]),
        lambda t: np.polymul(t[:0], t[1:3]),
        lambda t: np.polymul(t[0], t[1:3]),
        lambda t: np.polyder(t),
        lambda t: np.polyder(t, 9),
        lambda t: np.polyint(t, 2, [1.0, 2.0]),
        lambda t: np.poly(t),
        lambda t: np.polydiv(t, t[:3]),
        lambda t: np.polydiv(t[:2], t[:3]),
        lambda t: np.polydiv(t, t[:1]),
        lambda t: np.polyfit(np.arange(6.0), t, 2),
        lambda t: np.polyfit(np.arange(6.0), np.stack([t, t * t], 1), 1, w=np.arange(1.0, 7)),
        lambda t: np.sort(np.abs(np.roots(t))),
        lambda t: np.array_str(t),
        lambda t: np.zeros_like(t, dtype=int),
        lambda t: np.full_like(t, 3.0, shape=(2,)),
        lambda t: np.full_like(t, t[0], shape=(2,)),
    ),
]

COMPLEX = HOLES + 1j * RNG.normal(size=(2, 3, 4))
OF_COMPLEX = [
    *[
        (COMPLEX, reduced(f, {"axis": 1}))
        for f in (np.nansum, np.nanmean, np.nanvar, np.nanstd, np.nanprod, np.nancumsum)
    ],
    *of(COMPLEX, lambda t: np.nan_to_num(t), lambda t: np.isnan(t), lambda t: np.isfinite(t)),
    *of(
        CUBE + 1j * CUBE[::-1],
        lambda t: np.var(t, axis=0),
        lambda t: np.std(t),
        lambda t: np.mean(t, axis=(0, 2)),
        lambda t: np.prod(t, axis=1),
        lambda t: np.cumprod(t),
        lambda t: np.sort(t),
        lambda t: np.sort_complex(t[0, 0]),
        lambda t: np.average(t, 2, [1.0, 2.0, 3.0, 4.0]),
        lambda t: np.cov(t[0]),
        lambda t: np.corrcoef(t[0], t[1]),
        lambda t: np.convolve(t[0, 0], t[0, 1], "same"),
        lambda t: np.correlate(t[0, 0], t[0, 1, :3], "full"),
        lambda t: np.correlate(t[0, 0, :2], t[0, 1], "same"),
        lambda t: np.interp([0.2, 1.7], [0.0, 1.0, 2.0, 3.0], t[0, 0]),
        lambda t: np.gradient(t, axis=1),
        lambda t: np.trapezoid(t),
        lambda t: np.diff(t),
        lambda t: np.linspace(t[0, 0], 1j, 3),
        lambda t: np.logspace(t[0, 0], 1j, 3),
        lambda t: np.polyval(t[0, 0], 1j),
        lambda t: np.poly(t[0, 0]),
        lambda t: np.vander(t[0, 0]),
        lambda t: np.where(t == t[0], t, 1j),
        lambda t: np.pad(t, 1),
        lambda t: t.trace(),
        lambda t: np.unique(t),
        lambda t: np.sinc(t),
        lambda t: np.square(t) + np.reciprocal(t),
        lambda t: np.power(t, 2.5),
        lambda t: abs(t),
    ),
]

TABLES = {
    "of complex numbers": OF_COMPLEX,
    "elementwise": ELEMENTWISE,
    "reductions": REDUCTIONS,
    "shaping": SHAPING,
    "joining": JOINING,
    "indexing": INDEXING,
    "sorting": SORTING,
    "samples": SAMPLES,
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of NaN and of nothing to average
@pytest.mark.parametrize("table", TABLES)
def test_the_values_are_numpys(table: str) -> None:
    for array, function in TABLES[table]:
        try:
            check_value(array, function)
        except Exception as error:
            error.add_note(f"in line {function.__code__.co_firstlineno} of this file")
            raise


def check_value(array: Any, function: Function) -> None:
    lifted = tree.map(lambda x: tg.Tensor(x, requires_grad=x.dtype.kind in "fc"), array)
    found, expected = function(lifted), function(array)
    found_leaves, expected_leaves = leaves(found), leaves(expected)
    assert len(found_leaves) == len(expected_leaves)
    for a, b in zip(found_leaves, expected_leaves, strict=True):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        np.testing.assert_allclose(a, b, rtol=1e-12 if b.dtype.itemsize > 4 else 1e-5, atol=1e-14)


def leaves(result: Any) -> list[Any]:
    if isinstance(result, str):
        return [np.asarray(bool(result))]
    parts = result if isinstance(result, (list, tuple)) else [result]
    return [
        leaf
        for part in parts
        for leaf in (
            leaves(part)
            if isinstance(part, (list, tuple))
            else [part.numpy() if isinstance(part, tg.Tensor) else np.asarray(part)]
        )
    ]
