"""The code in the README and the other pages runs and prints what they say; commands, links and pictures exist."""

import contextlib
import doctest
import importlib.util
import io
import linecache
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text() for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
}
BLOCKS = {page: FENCE.findall(text) for page, text in PAGES.items()}
PROGRAMS = [
    pytest.param(page, i, id=f"{page}, block {i}")
    for page, blocks in BLOCKS.items()
    for i, (kind, _) in enumerate(blocks)
    if kind == "python"
]


@pytest.mark.parametrize("page", PAGES)
def test_every_block_is_of_a_kind_that_is_checked_here(page):
    assert {kind for kind, _ in BLOCKS[page]} <= {"python", "text", "sh", "c"}  # of C: tests/native/test_docs.py
    assert PAGES[page].count("```") == 2 * len(BLOCKS[page])


@pytest.mark.parametrize(("page", "at"), PROGRAMS)
def test_python_blocks_run_and_print_what_the_page_says(page, at):
    """What a program prints is in the block of text below it, or, at a prompt (>>>), below each line."""
    program = BLOCKS[page][at][1]
    if ">>>" in program:
        session = doctest.DocTestParser().get_doctest(program, {}, page, page, 0)
        assert doctest.DocTestRunner().run(session).failed == 0
        return
    printed = io.StringIO()
    # Messages quote the line of the file in which a reader has put the block.
    linecache.cache["example.py"] = len(program), None, program.splitlines(keepends=True), "example.py"
    with contextlib.redirect_stdout(printed):
        exec(compile(program, "example.py", "exec"), {"__name__": "page"})
    kind, expected = BLOCKS[page][at + 1] if at + 1 < len(BLOCKS[page]) else ("", "")
    assert printed.getvalue() == (expected if kind == "text" else "")


def test_commands_exist():
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"(?:^|`)make ([a-z-]+)", README, re.MULTILINE)
    modules = re.findall(r"python -m (models\.\w+)", README)
    assert {"demo", "test"} <= set(targets)
    assert [name for name in targets if not re.search(rf"^{name}:", makefile, re.MULTILINE)] == []
    assert [name for name in modules if importlib.util.find_spec(name) is None] == []


def test_what_contributing_names_exists():
    text = PAGES["CONTRIBUTING.md"]
    files = re.findall(r"(?:tests|tinygrad_lite|models|docs)/[\w/]*(?:\.\w+)?", text)
    modules = re.findall(r"python -m ([\w.]+)", text)
    targets = re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)
    assert len(files) > 20
    assert [name for name in files if not (ROOT / name).exists()] == []
    assert [name for name in modules if importlib.util.find_spec(name) is None] == []
    assert [name for name in targets if f"\n{name}:" not in (ROOT / "Makefile").read_text()] == []


def test_every_model_has_a_line_in_the_readme_and_a_picture():
    """But for the one that needs a cluster, which has a page of its own."""
    from models import figures

    programs = {path.stem for path in (ROOT / "models").glob("*.py") if "sys.exit(cli.run(main))" in path.read_text()}
    programs -= {"cli", "figures", "two_layer_dask"}
    assert len(programs) > 10
    assert programs - set(re.findall(r"python -m models\.(\w+)", README)) == set()
    assert programs - figures.PROGRAMS.keys() == set()
    assert [name for name in programs if not (ROOT / "docs" / "figures" / f"{name}.png").exists()] == []


def test_flags_of_the_commands_are_known():
    """Every command with flags parses; what it would do is tested elsewhere."""
    from models import two_layer

    commands = re.findall(r"^python -m models\.two_layer (--data .*)$", README, re.MULTILINE)
    assert commands
    for flags in commands:
        parsed, extra = two_layer.parser().parse_known_args(flags.split())
        assert parsed.data in flags
        assert extra == []


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures_lead_somewhere(page):
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", PAGES[page])
    assert page != "README.md" or len(links) >= 7
    folder = (ROOT / page).parent
    assert [link for link in links if "://" not in link and not (folder / link).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_links_into_a_page_lead_to_a_heading(page):
    for path, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", PAGES[page]):
        text = ((ROOT / page).parent / path).read_text() if path else PAGES[page]
        headings = [
            re.sub(r"[^\w -]", "", line).strip().lower() for line in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
        ]
        assert anchor in [heading.replace(" ", "-") for heading in headings], f"{path}#{anchor}"


@pytest.mark.parametrize("page", PAGES)
def test_rows_of_a_table_have_as_many_cells_as_its_head(page):
    """A | inside a cell would begin another one."""
    for table in re.findall(r"(?:^\|.*\n)+", FENCE.sub("", PAGES[page]), re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1, table


def test_pictures_are_small():
    assert all(path.stat().st_size < 200_000 for path in (ROOT / "docs").rglob("*.png"))
