"""A line in a terminal that says what is taking long, and is gone when it is done. Elsewhere nothing is written."""

from __future__ import annotations

import sys
import time

_BETWEEN = 0.2  # seconds from one writing to the next


class Notice:
    """patience: seconds that pass before anything is written."""

    def __init__(self, patience: float) -> None:
        self._start, self._patience = time.monotonic(), patience
        self._written = 0.0  # when

    @property
    def elapsed(self) -> float:
        """Seconds since it was made."""
        return time.monotonic() - self._start

    def tell(self, what: str) -> None:
        """Write what is being done, and for how long, if it is time to."""
        now = time.monotonic()
        if now - self._start < self._patience or now - self._written < _BETWEEN or not _is_terminal():
            return
        sys.stderr.write(f"\r{what}, {self.elapsed:.0f} s\033[K")
        sys.stderr.flush()
        self._written = now

    def wipe(self) -> None:
        """Take the line away."""
        if self._written:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()
