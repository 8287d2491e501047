"""The C that a page of the documentation shows is what is printed for the function above it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

import tinygrad_lite as tg

PAGE = (Path(__file__).parents[2] / "docs" / "compile.md").read_text()


def test_the_c_on_the_page_is_what_is_printed() -> None:
    def cost(W, X, Y):
        return np.mean((np.tanh(W @ X) - Y) ** 2)

    (shown,) = re.findall(r"^```c\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    step = tg.compile(tg.value_and_grad(cost), target="c")
    source = step.source(np.ones((4, 2)), np.ones((2, 400)), np.zeros((4, 400)))
    printed = {line.strip("# ") for line in source.splitlines()}
    assert shown.count("\n") > 10
    assert [line for line in shown.splitlines() if line.strip("# ") not in printed] == []
