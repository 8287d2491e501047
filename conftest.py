"""Settings of pytest for the whole project.

The package is imported before pytest collects any module of it: `tg.compile`, `tg.debug` and others are functions named
like their modules, and a module that pytest imports first, by its path, would take the function's place.
"""

from __future__ import annotations

import gc

import pytest

import tinygrad_lite as tinygrad_lite


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The smoke test first: if a tiny network does not train, nothing else needs to be waited for."""
    items.sort(key=lambda item: item.path.name != "test_smoke.py")


def pytest_collection() -> None:
    """What is collected lives until the end: Python's collector need not look through it, neither while it grows, nor
    at each of the collections that the tests cause afterwards. That is a tenth of the whole run's time.
    """
    gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()
