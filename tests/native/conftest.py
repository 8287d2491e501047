"""Tests of native code are skipped where there is no C compiler; its cache is a folder of their own."""

from __future__ import annotations

import pytest

from tinygrad_lite.program.native.compiler import NotCompiled, find_compiler


@pytest.fixture(autouse=True, scope="session")
def _compiler() -> None:
    try:
        find_compiler()
    except NotCompiled as reason:
        pytest.skip(str(reason))


@pytest.fixture(autouse=True, scope="session")
def _cache(tmp_path_factory: pytest.TempPathFactory) -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TINYGRAD_LITE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
