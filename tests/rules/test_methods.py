"""The operators and methods of a Tensor: each that is declared is there, and does what NumPy's does."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg

STUB = ast.parse((Path(tg.__file__).parent / "methods.pyi").read_text(encoding="utf-8"))
DECLARED = sorted(node.target.id for node in ast.walk(STUB) if isinstance(node, ast.AnnAssign))
X = np.random.default_rng(2).normal(size=(2, 3, 4))

USES: dict[str, Any] = {
    "dot": lambda t: t[0].dot(np.ones(4)),
    "reshape": lambda t: t.reshape(3, -1),
    "transpose": lambda t: t.transpose(2, 0, 1),
    "swapaxes": lambda t: t.swapaxes(0, 2),
    "squeeze": lambda t: t[:, :1].squeeze(1),
    "repeat": lambda t: t.repeat(2, axis=1),
    "take": lambda t: t.take([0, -1], axis=2),
    "clip": lambda t: t.clip(-0.5, max=0.5) if isinstance(t, tg.Tensor) else np.clip(t, -0.5, 0.5),
    "round": lambda t: t.round(1),
    "astype": lambda t: t.astype(np.float32),
    "max": lambda t: t.max(axis=1, keepdims=True),
    "std": lambda t: t.std(0, ddof=1),
}


def test_something_is_declared() -> None:
    assert len(DECLARED) > 60
    assert "sum" in DECLARED


@pytest.mark.parametrize("name", DECLARED)
def test_what_is_declared_is_installed(name: str) -> None:
    assert getattr(tg.Tensor, name, None) is not None
    assert getattr(tg.Tensor, name) is not getattr(object, name, None)


@pytest.mark.parametrize("name", [n for n in DECLARED if not n.startswith("_") and n != "backward"])
def test_a_method_is_numpys(name: str) -> None:
    use = USES.get(name, lambda t: getattr(t, name)() if callable(getattr(t, name)) else getattr(t, name))
    found, expected = use(tg.Tensor(X, requires_grad=True)), use(X)
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-13)


def test_a_method_refuses_what_the_function_refuses() -> None:
    t = tg.Tensor(X)
    with pytest.raises(TypeError, match="sum"):
        t.sum(dtype=np.float32)
    with pytest.raises(TypeError, match="std"):
        t.std(where=X > 0)
