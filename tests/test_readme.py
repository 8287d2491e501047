"""The README's code runs and prints what the README says; its commands and pictures exist."""

import contextlib
import importlib.util
import io
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS = [(kind, text) for kind, text in FENCE.findall(README)]
PROGRAMS = [(text, i) for i, (kind, text) in enumerate(BLOCKS) if kind == "python"]


def test_every_block_is_of_a_kind_that_is_checked_here():
    assert {kind for kind, _ in BLOCKS} <= {"python", "text", "sh"}
    assert README.count("```") == 2 * len(BLOCKS)


@pytest.mark.parametrize(("text", "at"), PROGRAMS, ids=[f"block {i}" for _, i in PROGRAMS])
def test_python_blocks_run_and_print_the_text_below_them(text, at):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(text, "README.md", "exec"), {"__name__": "readme"})
    kind, expected = BLOCKS[at + 1] if at + 1 < len(BLOCKS) else ("", "")
    assert printed.getvalue() == (expected if kind == "text" else "")


def test_commands_exist():
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE)
    modules = re.findall(r"python -m (models\.\w+)", README)
    assert {"demo", "test"} <= set(targets)
    assert [name for name in targets if not re.search(rf"^{name}:", makefile, re.MULTILINE)] == []
    assert [name for name in modules if importlib.util.find_spec(name) is None] == []


def test_flags_of_the_commands_are_known():
    """Every command with flags parses; what it would do is tested elsewhere."""
    from models import two_layer

    commands = re.findall(r"^python -m models\.two_layer (--data .*)$", README, re.MULTILINE)
    assert commands
    for flags in commands:
        parsed, extra = two_layer.parser().parse_known_args(flags.split())
        assert parsed.data in flags
        assert extra == []


def test_pictures_and_files_exist():
    links = re.findall(r"\]\(([^)]+)\)", README)
    assert len(links) >= 7
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []


def test_pictures_are_small():
    assert all(path.stat().st_size < 200_000 for path in (ROOT / "docs").rglob("*.png"))
