"""Where an array's entries lie in memory."""

from __future__ import annotations

from typing import Any

Layout = tuple[int, tuple[int, ...]]
"""Of a view, in its base's memory, in entries: the first one, and from one to the next along each axis."""


def layout_of(view: Any, base: Any) -> Layout:
    """view, base: arrays of bytes."""
    return view.__array_interface__["data"][0] - base.__array_interface__["data"][0], view.strides
