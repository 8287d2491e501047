"""The pages of docs/: each is in the index once and leads back to it, and the tests that contracts name exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
INDEX = (DOCS / "README.md").read_text()
PAGES = sorted(path.name for path in DOCS.glob("*.md") if path.name != "README.md")
TESTS_NAMED = re.findall(r"\[(test_\w+)\]\(\.\./([\w/.]+)\)", (DOCS / "contracts.md").read_text())


@pytest.mark.parametrize("page", PAGES)
def test_each_page_is_in_the_index_once(page):
    assert INDEX.count(f"]({page})") == 1


@pytest.mark.parametrize("page", PAGES)
def test_each_page_leads_back(page):
    assert (DOCS / page).read_text().endswith("\n[All pages](README.md)\n")


def test_the_chapters_stand_in_order():
    chapters = re.findall(r"^\*\*(\d+)\. ", INDEX, re.MULTILINE)
    assert chapters == [str(i + 1) for i in range(12)]


def test_the_front_page_leads_to_the_index():
    assert "](docs/README.md)" in (ROOT / "README.md").read_text()


def test_contracts_name_tests():
    assert len(TESTS_NAMED) > 40


@pytest.mark.parametrize(("test", "file"), TESTS_NAMED)
def test_a_test_that_a_contract_names_is_there(test, file):
    assert re.search(rf"^def {test}\(", (ROOT / file).read_text(), re.MULTILINE)
