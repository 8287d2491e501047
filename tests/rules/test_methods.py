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
    "argpartition": lambda t: t.argpartition(1, axis=1),
    "choose": lambda t: (t > 0).astype(int).choose([0.5, 2.0]),
    "compress": lambda t: t.compress([True, False], axis=0),
    "searchsorted": lambda t: t[0, :, 0].searchsorted([0.1, 0.2]),
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


ARRAYS = [n for n in DECLARED if not n.startswith("_") and n not in ("backward", "tolist", "tobytes", "nonzero")]
ARRAYS = [n for n in ARRAYS if n not in ("itemsize", "nbytes", "strides", "device", "base")]


@pytest.mark.parametrize("name", ARRAYS)
def test_a_method_is_numpys(name: str) -> None:
    use = USES.get(name, lambda t: getattr(t, name)() if callable(getattr(t, name)) else getattr(t, name))
    found, expected = use(tg.Tensor(X, requires_grad=True)), use(X)
    expected = np.asarray(expected)  # np.ndarray.flat is an iterator
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-13)


@pytest.mark.parametrize("x", [X, X.astype(np.float32), np.arange(3), np.zeros((2, 0)), np.float64(2)], ids=np.shape)
def test_facts(x: Any) -> None:
    t = tg.Tensor(x)
    for name in ("itemsize", "nbytes", "base", "ndim", "size", *(["strides"] if t.size else [])):
        assert getattr(t, name) == getattr(np.array(x), name), name
    assert str(t.device) == "cpu"


def test_numbers_out_of_a_method() -> None:
    t = tg.Tensor(X, requires_grad=True)
    assert t.tolist() == X.tolist()
    assert type(tg.Tensor(3).tolist()) is int
    assert t.tobytes() == X.tobytes()
    found = t.nonzero()
    assert [i.tolist() for i in found] == [i.tolist() for i in X.nonzero()]
    assert X[0, 0, 0] in t
    assert 99.0 not in t


@pytest.mark.parametrize("read", [lambda t: t.tolist()[0], lambda t: np.frombuffer(t.tobytes())[0]])
def test_a_result_that_comes_from_numbers_read_out_raises(read: Any) -> None:
    with pytest.raises(TypeError, match=r"taken out by \.to(list|bytes)\(\) at .*test_methods"):
        tg.grad(lambda x: read(x) ** 2)(np.array([2.0, 3.0]))
    assert tg.grad(lambda x: x[0] ** 2 if x.tolist()[1] > 0 else x[1])(np.array([2.0, 3.0])).tolist() == [4, 0]
    with pytest.raises(tg.TraceError, match="tolist"):
        tg.compile(lambda x: np.sum(x) * x.tolist()[0])(np.ones(2))


def test_gradients_through_methods() -> None:
    np.testing.assert_array_equal(tg.grad(lambda x: x.flat[2] * 3)(X[0]).ravel()[:4], [0, 0, 3, 0])
    np.testing.assert_array_equal(tg.grad(lambda x: sum(v * v for v in x.flat))(X), 2 * X)
    np.testing.assert_array_equal(tg.grad(lambda x: np.sum(x.compress([False, True], axis=0)))(X)[0], 0)
    i = tg.Tensor([1, 0])
    np.testing.assert_array_equal(tg.grad(lambda x: np.sum(i.choose([x, 2 * x])))(np.ones(2)), [2, 1])


@pytest.mark.parametrize("name", ["sort", "partition", "fill", "put", "resize", "byteswap", "setflags", "view"])
def test_what_would_change_a_tensor_says_what_to_write(name: str) -> None:
    t = tg.Tensor(X, name="weights")
    with pytest.raises(TypeError, match=rf"\.{name}\(\) at .*test_methods.*weights.*(write|say)"):
        getattr(t, name)(1)


def test_every_attribute_of_an_array_has_an_answer() -> None:
    """What a Tensor does not have is about memory, files and other libraries' protocols, or is an operator in place."""
    absent = {name for name in dir(np.ndarray) if not hasattr(tg.Tensor, name)}
    absent = {name for name in absent if not name.startswith("_")}
    gone = {"newbyteorder", "ptp", "tostring"}  # in NumPy 2.1 they are there, and raise
    assert absent - gone <= {"ctypes", "dump", "dumps", "flags", "getfield", "to_device", "tofile"}


def test_a_method_refuses_what_the_function_refuses() -> None:
    t = tg.Tensor(X)
    with pytest.raises(TypeError, match=r"sum\(out="):
        t.sum(0, None, np.zeros((3, 4)))
    with pytest.raises(TypeError, match=r"sort\(order="):
        np.sort(t, order="x")


def test_pythons_round_is_numpys() -> None:
    t = tg.Tensor([1.26, -2.5], requires_grad=True)
    np.testing.assert_array_equal(round(t, 1).numpy(), np.round([1.26, -2.5], 1))
    np.testing.assert_array_equal(round(t).numpy(), [1, -2])
    assert tg.grad(lambda x: round(x, 1) * x)(1.26) == 1.3
