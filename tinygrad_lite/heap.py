"""Memory that large arrays have given back stays with the process, for the next step's.

The C library of Linux (glibc) returns free memory to the system as soon as there is more of it at the end of the heap
than a limit, and takes it anew, page by page, at the next step: half of the time or more where arrays have megabytes,
with NumPy alone as with this library. The limit is twice the largest block that was ever given back, of those up to
32 MB. So one is given back here, of which no page was used. Where MALLOC_TRIM_THRESHOLD_ is set, glibc leaves the limit
alone. Elsewhere this does nothing.
"""

from __future__ import annotations

import numpy as np

_BLOCK = 30_000_000  # bytes; what surrounds an array in memory has room below 32 MB


def keep_freed_memory() -> None:
    """Ask for a block, and give it back."""
    np.empty(_BLOCK, np.uint8)
