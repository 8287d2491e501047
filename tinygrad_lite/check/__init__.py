"""The command that checks a student's file: `python -m tinygrad_lite.check FILE`.

It finds the functions of the course "Neural Networks and Deep Learning" (deeplearning.ai) in a .py or .ipynb file,
calls them on data of its own, and says of each whether it is right, and if not, which line is wrong and what to write.

The file's code runs in a process of its own (`worker.py`), which is given arguments and hands back numbers; every
judgement is made here, where that code cannot reach.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .verdict import FileReport as FileReport
from .verdict import FunctionVerdict as FunctionVerdict

if TYPE_CHECKING:
    from .judging import check_file as check_file

__all__ = [
    "FileReport",
    "FunctionVerdict",
    "check_file",
]


def __dir__() -> list[str]:
    """What is public: an editor completes `tinygrad_lite.check.` with this."""
    return __all__


def __getattr__(name: str) -> Any:
    """The judges are imported when they are asked for: the process in which a file runs, a part of this package, must
    be there at once."""
    if name != "check_file":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .judging import check_file

    return check_file
