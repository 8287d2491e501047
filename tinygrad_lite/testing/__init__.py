"""Checking gradients, one's own included: what this library is tested with.

`check_gradients` needs NumPy alone; `strategies` (random shapes, arrays and networks for property-based tests)
needs Hypothesis: `pip install 'tinygrad_lite[testing]'`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .check import check_gradients as check_gradients
from .report import Entry as Entry
from .report import GradientError as GradientError
from .report import Mistake as Mistake
from .report import Report as Report
from .report import Verdict as Verdict

__all__ = [
    "Entry",
    "GradientError",
    "Mistake",
    "Report",
    "Verdict",
    "check_gradients",
    "strategies",
]


def __dir__() -> list[str]:
    """What is public: an editor completes `tg.testing.` with this."""
    return __all__


if TYPE_CHECKING:
    from . import strategies as strategies
else:

    def __getattr__(name: str) -> Any:
        if name == "strategies":  # only now, since it imports Hypothesis
            return importlib.import_module(".strategies", __name__)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
