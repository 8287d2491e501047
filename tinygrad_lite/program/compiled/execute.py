"""Generated source, run; tracebacks show its lines as long as somebody can call it."""

from __future__ import annotations

import builtins
import linecache
import weakref
from typing import Any

from ...tensor import next_seq


def execute(text: str, title: str, names: dict[str, Any]) -> str:
    """Run a source in this namespace; the name of the file that tracebacks say it is in."""
    filename = f"<compiled {title} {next_seq()}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
    exec(builtins.compile(text, filename, "exec"), names)
    return filename


def forget_with(owner: Any, filename: str) -> None:
    """Keep the source no longer than its owner."""
    weakref.finalize(owner, linecache.cache.pop, filename, None).atexit = False
