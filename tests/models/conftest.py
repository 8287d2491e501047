"""Pictures are drawn coarsely here: no test looks at their points, and drawing took longer than training."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _coarse_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.plotting.DPI", 40)
