"""The tour as a notebook: it runs, and shows below its cells what is committed."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
pytest.importorskip("nbclient")
pytest.importorskip("ipykernel")

ROOT = Path(__file__).parents[1]
MAKER = runpy.run_path(str(ROOT / "docs" / "make_notebook.py"))
TOUR = MAKER["read"]()
CODE = [cell for cell in TOUR.cells if cell.cell_type == "code"]
# What is shown is the richest form; which numbers a picture has in it depends on the version of what drew it.
FORMS = ("image/png", "image/svg+xml", "text/latex", "text/html", "text/plain")


def shown(cell):
    """What a reader sees below a cell: texts, but for rounding errors, and which kinds of pictures."""
    for output in cell.outputs:
        if output.output_type == "stream":
            yield output.name, output.text
        else:
            form = next(form for form in FORMS if form in output.data)
            text = "" if form.startswith("image") else output.data[form]
            yield form, re.sub(r"\d\.\de-1\d", "0", text)


def test_it_is_committed_with_its_outputs():
    forms = {form for cell in CODE for form, _ in shown(cell)}
    assert {"image/png", "image/svg+xml", "text/latex", "text/html", "text/plain", "stdout"} == forms
    assert [cell.execution_count for cell in CODE] == list(range(1, len(CODE) + 1))
    assert MAKER["NOTEBOOK"].stat().st_size < 1_000_000
    assert str(ROOT) not in MAKER["NOTEBOOK"].read_text(encoding="utf-8")


def test_its_links_lead_somewhere():
    text = "\n".join(cell.source for cell in TOUR.cells if cell.cell_type == "markdown")
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / "docs" / link).exists()] == []


@pytest.mark.slow
def test_it_runs_and_shows_what_is_committed():
    pytest.importorskip("matplotlib")
    pytest.importorskip("sympy")
    graphviz = pytest.importorskip("graphviz")
    try:
        graphviz.version()
    except graphviz.ExecutableNotFound:
        pytest.skip("the graph is drawn by Graphviz's program dot")
    expected = [list(shown(cell)) for cell in CODE]
    again = MAKER["execute"](MAKER["read"]())
    assert [list(shown(cell)) for cell in again.cells if cell.cell_type == "code"] == expected, "run: make notebook"
