"""Every function that this library and JAX both have: values and gradients, on ordinary operands and at the edges.

Needs JAX: `make oracle` installs it and runs this. Deliberate differences are listed in differences.py.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("JAX_PLATFORMS", "cpu")
jax = pytest.importorskip("jax", reason="JAX is not installed; `make oracle` installs it and runs this comparison")
scipy_special = pytest.importorskip("scipy.special")
jax_special = pytest.importorskip("jax.scipy.special")
jnp = pytest.importorskip("jax.numpy")

import tinygrad_lite as tg  # noqa: E402
from tests.generators.calls import Function, calls, functions  # noqa: E402
from tinygrad_lite import tree  # noqa: E402
from tinygrad_lite.dispatch import handlers  # noqa: E402
from tinygrad_lite.rules import special  # noqa: E402

from .differences import CALLS, EDGES, Difference  # noqa: E402

# Minutes, most of them JAX's compiler. Warnings: JAX's own, and NumPy's at the edges, which are meant.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
jax.config.update("jax_enable_x64", True)
special.load()

PACKAGES = (
    (np, jnp),
    (np.linalg, jnp.linalg),
    (np.fft, jnp.fft),
    (scipy_special, jax_special),
)
NEURAL = ("sigmoid", "relu", "leaky_relu", "softplus", "softmax", "log_softmax", "logsumexp")

# Functions that JAX has under the same name, but whose derivative cannot be asked of it.
NOT_COMPARED = {
    "nextafter": "JAX has no derivative rule for it",
    "eig": "JAX refuses derivatives of eigenvectors",
    "piecewise": "JAX cannot trace the functions that the examples pass",
    "apply_along_axis": "JAX cannot trace the functions that the examples pass",
    "partition": "the order within the parts is not defined, and JAX's is another than NumPy's",
}


def _counterpart(function: Function) -> Callable[..., Any] | None:
    """JAX's function of the same name."""
    if function.name in NEURAL:
        return getattr(jax.nn, function.name)  # type: ignore[no-any-return]
    names = [key for key, call in handlers.items() if call is function.call or key is function.fn]
    for name in names:
        for ours, theirs in PACKAGES:
            short = getattr(name, "__name__", "")
            if getattr(ours, short, None) is name and hasattr(theirs, short):
                return getattr(theirs, short)  # type: ignore[no-any-return]
    return None


BOTH = [
    (function, theirs)
    for function in functions()
    if function.kind != "constant"
    and function.name not in NOT_COMPARED
    and (theirs := _counterpart(function)) is not None
]
IDS = [function.name for function, _ in BOTH]
ELEMENTWISE = [
    pair
    for pair in BOTH
    if pair[0].kind == "elementwise"
    and pair[0].arity <= 2
    and not pair[0].examples
    # SciPy's values themselves differ from JAX's at many edges; these are compared there, the others above.
    and (
        getattr(scipy_special, pair[0].name, None) is not pair[0].fn
        or pair[0].name in {"expit", "logit", "erf", "erfc", "ndtr", "log_ndtr", "xlogy", "i0", "entr"}
    )
]


def difference(name: str, table: list[Difference]) -> Difference | None:
    return next((d for d in table if name in d.functions), None)


def is_number(x: Any) -> bool:
    return np.asarray(x).dtype.kind in "fc"


def both(
    ours: Callable[..., Any], theirs: Callable[..., Any], operands: list[Any], params: dict[str, Any]
) -> tuple[list[Any], list[Any], list[Any], list[Any]] | None:
    """Values and gradients of both, for the same random cotangent. None where JAX does not take the call."""
    leaves, structure = tree.flatten(operands)
    places = [i for i, x in enumerate(leaves) if is_number(x)]

    def of_numbers(f: Callable[..., Any]) -> Callable[..., Any]:
        def call(*numbers: Any) -> Any:
            full = list(leaves)
            for i, x in zip(places, numbers, strict=True):
                full[i] = x
            return f(*tree.unflatten(structure, full), **params)

        return call

    numbers = [leaves[i] for i in places]
    plain = tree.flatten(of_numbers(ours)(*numbers))[0]
    kept = [k for k, y in enumerate(plain) if is_number(y)]
    rng = np.random.default_rng(1)
    g = [_cotangent(rng, plain[k]) for k in kept]

    def chosen(f: Callable[..., Any], flatten: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *numbers: [flatten(of_numbers(f)(*numbers))[k] for k in kept]

    value, pullback = tg.vjp(chosen(ours, lambda t: tree.flatten(t)[0]), *numbers)
    gradients = pullback(g)
    try:
        expected, pull = jax.vjp(chosen(theirs, jax.tree_util.tree_leaves), *map(jnp.asarray, numbers))
    except (TypeError, NotImplementedError, ValueError):
        return None
    assert [np.shape(y) for y in value] == [np.shape(y) for y in expected]
    g = [c.astype(np.asarray(y).dtype) for c, y in zip(g, expected, strict=True)]
    return value, list(gradients), list(expected), list(pull(g))


def _cotangent(rng: np.random.Generator, y: Any) -> Any:
    y = np.asarray(y)
    g = rng.uniform(0.5, 2, y.shape) * rng.choice([-1.0, 1.0], y.shape)
    if y.dtype.kind == "c":
        g = g + 1j * rng.uniform(0.5, 2, y.shape)
    return g.astype(y.dtype)


def through_a_symmetric_matrix(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda a, **keywords: f((a + a.swapaxes(-1, -2)) / 2, **keywords)


# -- ordinary operands -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("function", "theirs"), BOTH, ids=IDS)
def test_values_and_gradients(function: Function, theirs: Callable[..., Any]) -> None:
    known = calls(function, np.random.default_rng(0))
    listed = difference(function.name, CALLS)
    ours = function.call
    if function.name in ("cholesky", "eigh", "eigvalsh"):
        ours, theirs, listed = through_a_symmetric_matrix(ours), through_a_symmetric_matrix(theirs), None
    compared, alike = 0, True
    for i in np.unique(np.linspace(0, len(known) - 1, min(len(known), 4)).astype(int)):
        operands, params = known[i]
        if function.name == "lstsq":  # the residuals of a system with many solutions are empty, as in NumPy
            ours, theirs = (lambda a, b: np.linalg.lstsq(a, b)[0]), (lambda a, b: jnp.linalg.lstsq(a, b)[0])
        if function.name == "leaky_relu":
            theirs = _renamed(theirs, slope="negative_slope")
        try:
            found = both(ours, theirs, list(operands), params)
            if found is None:
                continue
            compared += 1
            value, gradients, expected, expected_gradients = found
            for a, b in zip(value + gradients, expected + expected_gradients, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)
        except AssertionError:
            if listed is None:
                raise AssertionError(f"{[np.shape(x) for x in tree.flatten(operands)[0]]}, {params}") from None
            alike = False
    if listed is None and not compared:
        pytest.skip(f"JAX takes none of the calls of {function.name} tried here")
    STILL.setdefault(function.name, []).append(alike)


def _renamed(f: Callable[..., Any], **names: str) -> Callable[..., Any]:
    return lambda *operands, **keywords: f(*operands, **{names.get(name, name): v for name, v in keywords.items()})


STILL: dict[str, list[bool]] = {}
"""Whether each function was found alike, call by call."""


# -- edge values -------------------------------------------------------------------------------------------------------

VALUES = [
    *(0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0, np.inf, -np.inf, np.nan),
    *(1e300, -1e300, 1e-300, -1e-300, 1e8, 800.0, -800.0),
]


@pytest.mark.parametrize(("function", "theirs"), ELEMENTWISE, ids=[function.name for function, _ in ELEMENTWISE])
def test_edges(function: Function, theirs: Callable[..., Any]) -> None:
    operands = [np.array(column) for column in zip(*itertools.product(VALUES, repeat=function.arity), strict=True)]
    with np.errstate(all="ignore"):
        found = both(function.call, theirs, operands, {})
    if found is None:
        pytest.skip(f"JAX does not take {function.name} of these")
    (value,), gradients, (expected,), expected_gradients = found
    # JAX sets numbers below the smallest normal one to 0, and its exp is right to 1e-13 or so.
    assert np.isclose(value, expected, rtol=1e-8, atol=1e-16, equal_nan=True).all()
    differ = np.zeros(value.shape, bool)
    for a, b in zip(gradients, expected_gradients, strict=True):
        differ |= ~np.isclose(a, b, rtol=1e-8, atol=1e-290, equal_nan=True)
    listed = difference(function.name, EDGES)
    allowed = np.zeros(value.shape, bool) if listed is None or listed.at is None else listed.at(*operands)
    where = np.flatnonzero(differ & ~allowed)
    assert not where.size, "\n".join(
        f"{function.name}({', '.join(f'{x[i]:g}' for x in operands)}): "
        f"{[float(g[i]) for g in gradients]}, JAX {[float(g[i]) for g in expected_gradients]}"
        for i in where[:8]
    )
    assert listed is None or differ.any(), f"{function.name} no longer differs: strike it from the table"


REDUCTIONS = ["max", "min", "amax", "amin", "sum", "mean", "prod", "cumsum", "cumprod", "sort", "median", "ptp"]


@pytest.mark.parametrize("name", REDUCTIONS)
@pytest.mark.parametrize(
    "x",
    [[2.0, 2.0, 1.0, 2.0], [0.0, 3.0, 0.0, 2.0], [0.0, 3.0, -1.0, 2.0], [-1.0, -1.0]],
    ids=["ties", "zeros", "zero", "all alike"],
)
def test_reductions_of_ties_and_zeros(name: str, x: list[float]) -> None:
    if name == "ptp" and x == [-1.0, -1.0] or name == "median" and x[0] == 2.0:
        pytest.skip("a tie between entries of different roles is shared in another way")
    found = both(getattr(np, name), getattr(jnp, name), [np.array(x)], {})
    assert found is not None
    value, gradients, expected, expected_gradients = found
    np.testing.assert_allclose(value[0], expected[0])
    if name == "sort" and len(set(x)) < len(x):
        a, b = np.sort(gradients[0]), np.sort(expected_gradients[0])  # who of two equals comes first is not defined
        np.testing.assert_allclose(a, b)
    else:
        np.testing.assert_allclose(gradients[0], expected_gradients[0], rtol=1e-12)


@pytest.mark.parametrize("name", ["exp", "tanh", "sum", "prod", "cumsum", "sort", "square", "flip", "ravel"])
@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (1, 1)], ids=str)
def test_empty_and_0d(name: str, shape: tuple[int, ...]) -> None:
    if name in ("cumsum", "sort") and shape == ():
        pytest.skip("needs an axis")
    x = np.random.default_rng(0).normal(size=shape)
    found = both(getattr(np, name), getattr(jnp, name), [x], {})
    assert found is not None
    value, gradients, expected, expected_gradients = found
    assert gradients[0].shape == shape
    np.testing.assert_allclose(value[0], expected[0])
    np.testing.assert_allclose(gradients[0], expected_gradients[0])


# -- complex operands --------------------------------------------------------------------------------------------------

COMPLEX_ONE = [
    *("abs", "real", "imag", "conj", "angle", "exp", "log", "sqrt", "sin", "cos", "tan", "tanh", "arctan", "arcsinh"),
    *("square", "reciprocal", "negative", "sum", "mean", "prod", "cumsum", "var", "std", "arccos", "arcsin"),
]
# (JAX's gradient of a complex sign is 0: a difference in the table, asserted below.)
COMPLEX_TWO = ["add", "subtract", "multiply", "divide", "power", "dot", "vdot", "inner", "outer", "kron", "vecdot"]


@pytest.mark.parametrize("name", COMPLEX_ONE)
def test_complex_convention(name: str) -> None:
    """The same convention as JAX's: a vjp does not conjugate."""
    rng = np.random.default_rng(2)
    z = rng.normal(size=5) + 1j * rng.normal(size=5)
    _agree(both(getattr(np, name), getattr(jnp, name), [z], {}))


@pytest.mark.parametrize("name", COMPLEX_TWO)
@pytest.mark.parametrize("kinds", ["cc", "rc", "cr"])
def test_complex_convention_of_two_operands(name: str, kinds: str) -> None:
    rng = np.random.default_rng(3)
    operands = [rng.uniform(0.5, 2, 4) + (1j * rng.normal(size=4) if kind == "c" else 0) for kind in kinds]
    _agree(both(getattr(np, name), getattr(jnp, name), operands, {}))


def test_the_sign_of_a_complex_number_still_differs() -> None:
    found = both(np.sign, jnp.sign, [np.array([1 + 2j])], {})
    assert found is not None
    assert found[1][0] != 0
    assert found[3][0] == 0, "JAX differentiates complex signs: strike the difference from the table"


def _projector(xp: Any) -> Callable[..., Any]:
    def f(a: Any) -> Any:
        w, v = xp.linalg.eigh(a + xp.conj(a.T))
        return w, xp.abs(v), v @ xp.diag(w**2) @ xp.conj(v.T)

    return f


def _phases_cancel(xp: Any) -> Callable[..., Any]:
    def f(a: Any) -> Any:
        u, s, vh = xp.linalg.svd(a, full_matrices=False)
        return s, (u * xp.exp(-s)) @ vh

    return f


MATRICES: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "inv": lambda xp: xp.linalg.inv,
    "det": lambda xp: xp.linalg.det,
    "slogdet": lambda xp: lambda a: tuple(xp.linalg.slogdet(a)),
    "solve": lambda xp: lambda a: xp.linalg.solve(a, a[:, :2] ** 2),
    "pinv": lambda xp: lambda a: xp.linalg.pinv(a[:, :2]),
    "qr": lambda xp: lambda a: tuple(xp.linalg.qr(a[:, :2])),
    "norm": lambda xp: xp.linalg.norm,
    "spectral norm": lambda xp: lambda a: xp.linalg.norm(a, 2),
    "nuclear norm": lambda xp: lambda a: xp.linalg.norm(a, "nuc"),
    "3-norm": lambda xp: lambda a: xp.linalg.norm(a, 3, axis=1),
    "cholesky": lambda xp: lambda a: xp.linalg.cholesky(a @ xp.conj(a.T)),
    "eigh": _projector,
    "eigvals": lambda xp: lambda a: xp.sum(xp.linalg.eigvals(a) ** 3),
    "svd": _phases_cancel,
    "matrix_power": lambda xp: lambda a: xp.linalg.matrix_power(a, 3),
    "fft": lambda xp: lambda a: xp.fft.fft(a, n=5),
    "ifft2": lambda xp: lambda a: xp.fft.ifft2(a, norm="ortho"),
    "irfft": lambda xp: lambda a: xp.fft.irfft(a, n=6),
    "irfft, odd": lambda xp: lambda a: xp.fft.irfft(a, n=5),
    "hfft": lambda xp: xp.fft.hfft,
    "einsum": lambda xp: lambda a: xp.einsum("ij,kj->ik", a, xp.conj(a)),
}


@pytest.mark.parametrize("name", MATRICES)
def test_complex_matrices(name: str) -> None:
    rng = np.random.default_rng(4)
    a = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3)) + 2 * np.eye(3)
    _agree(both(MATRICES[name](np), MATRICES[name](jnp), [a], {}))


def _agree(found: Any) -> None:
    assert found is not None
    value, gradients, expected, expected_gradients = found
    for a, b in zip(value + gradients, expected + expected_gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)


# -- the table ---------------------------------------------------------------------------------------------------------


def test_listed_differences_still_occur() -> None:
    """Runs last: what the comparison above found."""
    if len(STILL) < len(BOTH) // 2:
        pytest.skip("only meaningful after the whole comparison has run")
    for listed in CALLS[1:]:
        found = [alike for name in listed.functions for alike in STILL.get(name, [])]
        assert not found or not all(found), f"{listed.functions} no longer differ: strike them from the table"
