"""SciPy, which a few functions need: imported when one of them is called."""

from __future__ import annotations

import importlib
from typing import Any


def load_scipy(part: str, needed_by: str) -> Any:
    """The module scipy.<part>. ModuleNotFoundError that says how to get it, where SciPy is missing."""
    try:
        return importlib.import_module(f"scipy.{part}")
    except ModuleNotFoundError:
        raise ModuleNotFoundError(f"{needed_by} needs SciPy: pip install 'tinygrad_lite[scipy]'") from None
