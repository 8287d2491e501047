"""Values, shapes and dtypes on Tensors are NumPy's own, for operands that are no arrays of floats, too."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg

DTYPES = (
    np.float64,
    np.float32,
    np.float16,
    np.longdouble,
    np.int64,
    np.int8,
    np.uint8,
    bool,
    np.complex128,
    np.complex64,
)


def draw(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> Any:
    kind = np.dtype(dtype).kind
    if kind == "b":
        return np.asarray(rng.random(shape) > 0.5)
    if kind in "iu":
        return np.asarray(rng.integers(1, 4, shape)).astype(dtype)
    x = rng.uniform(0.3, 2.5, shape)
    return np.asarray(x + 1j * rng.uniform(-1, 1, shape) if kind == "c" else x).astype(dtype)


def parts(result: Any) -> Iterator[Any]:
    for part in result if isinstance(result, (tuple, list)) else [result]:
        yield part.numpy() if isinstance(part, tg.Tensor) else np.asarray(part)


def assert_same(f: Callable[..., Any], *arrays: Any, which: tuple[int, ...] = (0,)) -> None:
    """f of arrays and f of Tensors in their place: the same, or both refused."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            expected = f(*arrays)
        except (TypeError, ValueError, OverflowError):
            with pytest.raises((TypeError, ValueError, OverflowError)):
                f(*(tg.Tensor(a) if i in which else a for i, a in enumerate(arrays)))
            return
        found = f(*(tg.Tensor(a) if i in which else a for i, a in enumerate(arrays)))
    for a, b in zip(parts(found), parts(expected), strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        eps = max(float(np.finfo(b.dtype).eps), 1e-15) if b.dtype.kind in "fc" else 0.0
        np.testing.assert_allclose(a, b, rtol=8 * eps, atol=8 * eps)


_SIGNS = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "and_", "or_", "xor", "lt", "eq", "ge")
OPERATORS = [getattr(operator, name) for name in _SIGNS]
NUMBERS = (2, 2.0, True, 2 + 0j, np.float32(2), np.int8(2), np.float64(2), 0, -1, 0.5, 300, np.array(2.0), np.array(2))


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("sign", OPERATORS, ids=lambda f: f.__name__)
def test_operators_promote_as_numpy_does(sign: Any, dtype: Any) -> None:
    rng = np.random.default_rng(0)
    for shape in ((3,), ()):
        x = draw(rng, shape, dtype)
        for number in NUMBERS:
            assert_same(lambda a, n=number: sign(a, n), x)
            assert_same(lambda a, n=number: sign(n, a), x)
        for other in DTYPES:
            assert_same(sign, x, draw(rng, shape, other), which=(0, 1))


FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "modf": np.modf,
    "frexp": np.frexp,
    "divmod": lambda x: np.divmod(x, 2),
    "average": lambda x: np.average(x, weights=np.arange(1, 7).reshape(2, 3), returned=True),
    "average, small weights": lambda x: np.average(x, 1, np.array([1, 3, 2], np.int8), returned=True),
    "average, flags": lambda x: np.average(x, weights=np.ones((2, 3), bool), returned=True),
    "average without weights": lambda x: np.average(x, axis=0, returned=True),
    "poly": lambda x: np.poly(x[0]),
    "vector_norm": lambda x: np.linalg.vector_norm(x, ord=1),
    "vector_norm inf": lambda x: np.linalg.vector_norm(x, ord=np.inf, axis=0),
    "vector_norm 0": lambda x: np.linalg.vector_norm(x, ord=0),
    "piecewise": lambda x: np.piecewise(x, [np.real(x) > 1], [lambda v: v * 1.5, 0.25]),
    "intersect1d": lambda x: np.intersect1d(x, x[0]),
    "setxor1d": lambda x: np.setxor1d(x[:, :0], x[:, :0]),
    "mean": np.mean,
    "var": lambda x: np.var(x, axis=1),
    "sum": np.sum,
    "prod": lambda x: np.prod(x, axis=0),
    "cumsum": np.cumsum,
    "median": lambda x: np.median(np.real(x), axis=0),
    "percentile": lambda x: np.percentile(np.real(x) + 0.5, [70, 20], method="lower"),
    "percentile of a number": lambda x: np.percentile(np.real(x) + 0.5, 70, method="weibull"),
    "norm": np.linalg.norm,
    "norm 1": lambda x: np.linalg.norm(x[0], 1),
    "norm inf": lambda x: np.linalg.norm(x, np.inf, axis=1),
    "matrix_norm": lambda x: np.linalg.matrix_norm(x, ord=1),
    "roots": lambda x: np.sort_complex(np.roots(x[0])),
    "sort_complex": np.sort_complex,
    "trace": np.trace,
    "dot": lambda x: np.dot(x, x.T),
    "kron": lambda x: np.kron(x, x[0]),
    # What is a number of Python's for one function is an array for another.
    "choose from a number": lambda x: np.choose([0, 1, 0], [x[0], 2.0]),
    "select from a number": lambda x: np.select([np.real(x) > 1, np.ones(3, bool)], [x, 3.5]),
    "ediff1d between numbers": lambda x: np.ediff1d(x, 1, [True, False]),
    "linspace": lambda x: np.linspace(0, x, 3),
    "linspace, one": lambda x: np.linspace(x, 2.5, 1, endpoint=False),
    "logspace": lambda x: np.logspace(0.5, np.real(x), 3, base=2.0),
    "clip between a number and an array": lambda x: np.clip(x, 0.7, np.full(3, 2.2)),
    "geomspace": lambda x: np.geomspace(x + x, 3.5, 4, endpoint=False) if x.all() else np.ones(1),
    "inner": lambda x: np.inner(x, 2.0),
    "polyval": lambda x: np.polyval([1.0, 2.0], x),
    "histogram": lambda x: np.histogram(np.real(x), 3, (0.3, 2.5), density=True),
}


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS.keys())
def test_functions_give_numpys_dtypes(function: Any, dtype: Any) -> None:
    assert_same(function, draw(np.random.default_rng(1), (2, 3), dtype))


def test_multi_dot_takes_vectors_at_its_ends_alone() -> None:
    rng = np.random.default_rng(2)
    u, A, B, v = (tg.Tensor(rng.normal(size=shape)) for shape in ((2,), (2, 3), (3, 4), (4,)))
    for chain in ([u, A, B, v], [u, A, B], [A, B, v], [u, A], [A, B], [B, v], [A, B, tg.Tensor(np.ones((4, 1)))]):
        expected = np.linalg.multi_dot([x.numpy() for x in chain])
        assert np.linalg.multi_dot(chain).shape == np.shape(expected)
        np.testing.assert_allclose(np.linalg.multi_dot(chain).numpy(), expected)
    with pytest.raises(np.linalg.LinAlgError, match="array 1 has 1 axes"):
        np.linalg.multi_dot([A, tg.Tensor(np.ones(3)), B])
