"""The page of differences is the table the comparison uses."""

from __future__ import annotations

from .differences import DIFFERENCES, PAGE, page


def test_the_page_is_printed_from_the_table() -> None:
    assert PAGE.read_text() == page(), "print it again: python -m tests.oracle.differences"


def test_every_difference_is_explained() -> None:
    assert all(d.functions and d.where and d.here and d.jax and d.why for d in DIFFERENCES)
