"""Costly functions of large arrays on all cores: NumPy lets go of the interpreter while it computes."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import cache
from typing import Any

COSTLY = frozenset(
    ("tanh", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "sinh", "cosh")
)
"""Functions that take longer than memory does (1 ns an element and more)."""

FEWEST = 1 << 16
"""Elements from which handing out the parts, some 30 µs, pays."""


def in_parts(fn: Callable[..., Any], x: Any, out: Any) -> None:
    """fn(x, out) for contiguous arrays, each core computing a part."""
    workers = os.cpu_count() or 1
    source, target = x.reshape(-1), out.reshape(-1)
    bounds = [source.size * i // workers for i in range(workers + 1)]
    parts = [slice(low, high) for low, high in zip(bounds, bounds[1:], strict=False)]
    # In a copy of the context, because NumPy's error handling (np.errstate) belongs to the context.
    futures = [_threads().submit(copy_context().run, fn, source[part], target[part]) for part in parts[1:]]
    try:
        fn(source[parts[0]], target[parts[0]])
    finally:
        for future in futures:
            future.result()


@cache
def _threads() -> ThreadPoolExecutor:
    """Made when first needed, so that a program of small arrays starts no thread."""
    return ThreadPoolExecutor(max(1, (os.cpu_count() or 1) - 1), thread_name_prefix="tinygrad_lite")


if hasattr(os, "register_at_fork"):  # a forked child has none of its parent's threads
    os.register_at_fork(after_in_child=_threads.cache_clear)
