"""Pictures are drawn coarsely here: no test looks at their points, and drawing took longer than training."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from models import autoencoder, characters, check_backprop, convnet_digits, mlp_digits, ode_fit, per_example
from models.datasets import DigitImages, digit_images

CHECK = functools.cache(check_backprop.check)
"""Each text is checked once, in a process of its own."""


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs the tests may have a terminal of its own, whose width is none of the programs'."""
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture(autouse=True)
def _coarse_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.plotting.DPI", 40)


@pytest.fixture
def _little_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few digits, few and short pieces of text, few examples that are timed, few years: a test and no training."""
    images, labels, *_ = digit_images()
    few = DigitImages(images[:128], labels[:128], images[128:192], labels[128:192])
    for program in (mlp_digits, convnet_digits, autoencoder):
        monkeypatch.setattr(program, "digit_images", lambda: few)
    make: Any = characters.Windows.__init__
    monkeypatch.setattr(characters.Windows, "__init__", lambda self, n, length, size, *_: make(self, n, 6, 2, 2, _[-1]))
    monkeypatch.setattr(characters, "SHOWN", 30)
    monkeypatch.setattr(check_backprop, "check", CHECK)
    monkeypatch.setattr(ode_fit, "YEARS", ode_fit.YEARS[:6])
    monkeypatch.setattr(ode_fit, "START", ode_fit.PUBLISHED)
    monkeypatch.setattr(ode_fit, "LIKELY", 2)
    monkeypatch.setattr(per_example, "SIZES", (1, 3))
    monkeypatch.setattr(per_example, "DRAWN_SIZES", (1, 2))
