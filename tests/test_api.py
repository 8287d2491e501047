"""The API reference: every public name is in it, the committed pages are those of the docstrings, and links lead on."""

from __future__ import annotations

import inspect
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import tinygrad_lite as tg
import tinygrad_lite.check

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "api"
GENERATOR = runpy.run_path(str(ROOT / "docs" / "make_api.py"))
PAGES: dict[str, str] = GENERATOR["make_pages"]()


def public_modules(module: ModuleType, name: str) -> Iterator[tuple[str, ModuleType]]:
    """A module and those that it shows, and those that they show."""
    yield name, module
    for part in dir(module):
        value = getattr(module, part)
        if inspect.ismodule(value):
            yield from public_modules(value, f"{name}.{part}")


MODULES = {**dict(public_modules(tg, "tg")), "tinygrad_lite.check": tinygrad_lite.check}


def test_modules_are_found():
    assert {"tg", "tg.nn.init", "tg.scipy.fft", "tg.testing.strategies"} <= MODULES.keys()


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_is_in_the_reference(name):
    page = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[`([\w.]+)`\]", page, re.MULTILINE)
    described = re.findall(r"^## (?:class )?(\w+)$", page, re.MULTILINE)
    assert set(dir(MODULES[name])) <= set(listed)
    assert {part for part in dir(MODULES[name]) if not inspect.ismodule(getattr(MODULES[name], part))} <= set(described)


@pytest.mark.parametrize("name", MODULES)
def test_an_editor_is_shown_the_librarys_own_names_only(name):
    def home(value: Any) -> str:
        return value.__name__ if inspect.ismodule(value) else value.__module__

    module = MODULES[name]
    assert dir(module)
    assert [part for part in dir(module) if not home(getattr(module, part)).startswith("tinygrad_lite")] == []
    assert sorted(module.__all__) == dir(module)


def test_methods_of_a_tensor_are_in_the_reference():
    text = PAGES["tg.md"].partition("## class Tensor")[2].partition("\n## ")[0]
    described = set(re.findall(r"^(?:\| `|### Tensor\.)(\w+)", text, re.MULTILINE))
    public = {name for name in dir(tg.Tensor(0.0)) if not name.startswith("_")}
    assert public - described == {"grad", "name"}  # attributes, which the class's docstring tells of
    assert re.search(r"\bgrad: .*\bname: ", tg.Tensor.__doc__, re.DOTALL)


def test_a_class_leads_to_the_one_whose_methods_it_has():
    assert PAGES["tg.nn.md"].count("methods of [`Module`](#class-module), too") > 20
    assert PAGES["tg.optim.md"].count("methods of [`Optimizer`](#class-optimizer), too") == 5
    assert PAGES["tg.md"].count("methods of [`Tensor`](#class-tensor), too") == 1  # a buffer


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_up_to_date(name):
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name], "run: make api"


def test_there_is_no_page_of_what_is_gone():
    assert {path.name for path in FOLDER.iterdir()} == PAGES.keys()


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
    text = PAGES[name]
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    anchors = [GENERATOR["anchor"](title) for title in titles]
    assert len(set(anchors)) == len(anchors)
    links = re.findall(r"\]\(([^)\s]+)\)", text)
    assert links
    for link in links:
        assert link[1:] in anchors if link.startswith("#") else (FOLDER / link).exists(), link
    plain = re.sub(r"```.*?```|`[^`\n]*`|\]\([^)]*\)", "", text, flags=re.DOTALL)
    assert "__" not in plain  # as in __init__.py, which would be printed in bold


def test_examples_are_in_fences_and_signs_of_markdown_are_escaped():
    write = GENERATOR["markdown"]
    assert write("Adds.\n\n>>> 1 + 1  # doctest: +SKIP\n2\n\n    y = x") == (
        "Adds.\n\n```python\n>>> 1 + 1\n2\n```\n\n    y = x"
    )
    assert write("f(*x, **y) of `*x`, x**2, x * y, _a_ and <b>") == (
        r"f(\*x, \*\*y) of `*x`, x\*\*2, x * y, \_a\_ and \<b>"
    )
    assert write("One:\n* a * b\n* *c*") == "One:\n* a * b\n* \\*c\\*"


def f(x, /, a: int, *, key: str | None = None, kind: type = float) -> Any: ...


def test_signatures_are_those_of_the_source():
    write = GENERATOR["write_signature"]
    assert write("f", f) == "f(x, /, a: int, *, key: str | None = None, kind: type = float)"
    assert write("TraceError", tg.TraceError) == ""
    assert write("zeros_", tg.nn.init.zeros_) == "zeros_(tensor)"
    long = write("batches", tg.data.batches)
    assert long.startswith("batches(\n    *arrays: Array,\n    batch_size: int,\n")
