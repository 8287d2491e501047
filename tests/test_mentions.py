"""What comments, docstrings and pages mention is there: files of the project, and names in `backquotes`."""

from __future__ import annotations

import builtins
import functools
import io
import keyword
import re
import tokenize
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "tinygrad_lite"
MODULES = sorted(PACKAGE.rglob("*.py"))
SOURCES = [*MODULES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "models").rglob("*.py")]
PAGES = [*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
READERS_OWN = {"my_network.py", "model.py", "student.py", "example.py"}  # files that a reader is told to write
OTHERS = {"contextvars", "count_ops", "py"}  # of other libraries; the end of a file


@functools.cache
def tokens(path: Path) -> list[tokenize.TokenInfo]:
    return list(tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline))


def prose(path: Path) -> list[str]:
    """The comments and the docstrings of a module."""
    return [t.string for t in tokens(path) if t.type == tokenize.COMMENT or t.string.endswith('"""')]


def names_in(path: Path) -> set[str]:
    """Every name in a module's code, those within short strings included."""
    code = [t.string for t in tokens(path) if t.type == tokenize.NAME or t.type == tokenize.STRING]
    names = re.findall(r"\w+", " ".join(text for text in code if not text.endswith('"""')))
    return {*names, *path.with_suffix("").parts}


NAMES = {*dir(builtins), *dir(np), *keyword.kwlist, *OTHERS}.union(*map(names_in, MODULES))
FILES = {path.relative_to(ROOT).as_posix() for path in [*SOURCES, *ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md")]}
FILES |= {path.relative_to(ROOT).as_posix() for path in ROOT.glob("benchmarks/**/*.*")}


def is_there(file: str) -> bool:
    return file in READERS_OWN or any(name == file or name.endswith(f"/{file}") for name in FILES)


@pytest.mark.parametrize("path", [*MODULES, *PAGES], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_that_are_mentioned_are_there(path):
    texts = prose(path) if path.suffix == ".py" else [path.read_text("utf-8")]
    mentioned = [file for text in texts for file in re.findall(r"(?<![\w/.])\w[\w/]*\.(?:py|md)\b", text)]
    assert [file for file in mentioned if not is_there(file)] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_names_that_are_mentioned_are_there(path):
    """`op.call`, `find(x, y)`: each part of a dotted name is one that the code has."""
    quoted = [name for text in prose(path) for name in re.findall(r"`([A-Za-z_][\w.]*)(?:\([^`\n]*\))?`", text)]
    assert [name for name in quoted if not NAMES.issuperset(filter(None, name.split(".")))] == []


def test_the_tour_of_the_source_comes_past_every_part():
    """Each module and folder of the package, and of program/; and each file of what makes a derivation."""
    tour = (ROOT / "docs" / "reading_the_source.md").read_text("utf-8")
    folders = [PACKAGE, PACKAGE / "program", PACKAGE / "program" / "derivation"]
    parts = [part for folder in folders for part in folder.iterdir() if not part.name.startswith("_")]
    names = [f"{part.name}/" if part.is_dir() else part.name for part in parts if part.suffix in ("", ".py")]
    assert [name for name in names if f"`{name}" not in tour and f"/{name}" not in tour] == []
