"""The tour, docs/tour.ipynb: every cell run again, and its outputs put below it.

    python docs/make_notebook.py    (or: make notebook)

The notebook is its own source: edit the cells in any editor of notebooks, then run this. What would differ from run to
run (times, the versions of tools) is not kept.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOK = ROOT / "docs" / "tour.ipynb"


def main() -> None:
    import nbformat

    nbformat.write(execute(read()), NOTEBOOK)  # type: ignore[no-untyped-call]


def read() -> Any:
    import nbformat

    return nbformat.read(NOTEBOOK, as_version=4)  # type: ignore[no-untyped-call]


def execute(notebook: Any) -> Any:
    """The notebook with new outputs. nbclient's CellExecutionError, with the traceback, if a cell raises."""
    from nbclient import NotebookClient

    client = NotebookClient(notebook, kernel_name="python3", timeout=300, record_timing=False, coalesce_streams=True)
    path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    client.execute(env={**os.environ, "PYTHONPATH": path, "PYTHONWARNINGS": "error::RuntimeWarning"})
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


if __name__ == "__main__":
    main()
