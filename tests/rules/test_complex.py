"""Complex arrays: the convention, and that every rule holds for complex operands. See docs/complex.md."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.testing import check_gradients

pytestmark = pytest.mark.thorough

rng = np.random.default_rng(0)
RE, IM = rng.uniform(0.3, 1.5, 4) * [1, -1, 1, -1], rng.uniform(0.3, 1.5, 4) * [1, 1, -1, -1]  # every quadrant
Z = RE + 1j * IM

UNARY = [
    *("abs", "negative", "positive", "reciprocal", "square", "sqrt", "exp", "exp2", "expm1", "log", "log2", "log10"),
    *("log1p", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh"),
    *("arctanh", "conj", "real", "imag", "angle", "sign", "sum", "mean", "prod", "cumsum", "cumprod", "var", "std"),
    *("sinc", "flip", "diff", "trace", "nan_to_num"),
]
BINARY = ["add", "subtract", "multiply", "divide", "power", "float_power", "dot", "vdot", "inner", "outer", "kron"]
BINARY += ["vecdot", "convolve", "correlate"]


def parts(y: Any) -> tuple[Any, ...]:
    return (np.real(y), np.imag(y)) if y.dtype.kind == "c" else (y,)


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_operand(name: str) -> None:
    f = getattr(np, name)

    def of_parts(x: Any, y: Any) -> Any:
        z = x + 1j * y
        return parts(f(np.reshape(z, (2, 2)) if name == "trace" else z))

    assert check_gradients(of_parts, RE, IM).ok


@pytest.mark.parametrize("name", BINARY)
@pytest.mark.parametrize("kinds", ["cc", "rc", "cr"])
def test_functions_of_two_operands(name: str, kinds: str) -> None:
    """A real operand beside a complex one, negative entries included, gets a real gradient."""
    f = getattr(np, name)

    def of_parts(a: Any, b: Any, c: Any, d: Any) -> Any:
        return parts(f(a + 1j * b if kinds[0] == "c" else a, c + 1j * d if kinds[1] == "c" else c))

    used = [RE, IM if kinds[0] == "c" else None, RE[::-1].copy(), IM if kinds[1] == "c" else None]

    def of_used(*xs: Any) -> Any:
        given = iter(xs)
        return of_parts(*(0.0 if u is None else next(given) for u in used))

    assert check_gradients(of_used, *(u for u in used if u is not None)).ok


def test_the_convention() -> None:
    """grad of a real f at z = x + iy is df/dx - i df/dy."""

    def f(z: Any) -> Any:
        return np.sum(np.abs(z) ** 2 * np.real(z))

    x, y = RE, IM
    df_dx, df_dy = tg.grad(lambda a, b: f(a + 1j * b), argnums=(0, 1))(x, y)
    np.testing.assert_allclose(tg.grad(f)(Z), df_dx - 1j * df_dy)
    # So a step that lowers f goes along the conjugate of the gradient.
    step = 1e-4 * np.conj(tg.grad(f)(Z))
    assert f(Z - step) < f(Z)


def test_an_analytic_function_has_its_complex_derivative() -> None:
    g = np.array([1 + 2j, 0.5, -1j, 2 - 1j])
    y, pullback = tg.vjp(np.exp, Z)
    np.testing.assert_allclose(pullback(g)[0], g * np.exp(Z))
    np.testing.assert_allclose(tg.jvp(np.exp, (Z,), (g,))[1], g * np.exp(Z))
    np.testing.assert_allclose(y, np.exp(Z))


def test_forward_and_reverse_are_transposes() -> None:
    t, g = rng.normal(size=4) + 1j * rng.normal(size=4), rng.normal(size=4)
    for f in (np.abs, np.real, np.imag, np.angle):
        forward = np.sum(g * tg.jvp(f, (Z,), (t,))[1])
        reverse = np.real(np.sum(tg.vjp(f, Z)[1](g)[0] * t))
        np.testing.assert_allclose(forward, reverse)


def test_the_gradient_of_a_real_tensor_is_real() -> None:
    g = tg.grad(lambda x: np.sum(np.abs(np.exp(1j * x) + x)))(RE)
    assert g.dtype == np.float64


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of NaN
def test_a_jacobian_is_that_of_an_analytic_function() -> None:
    for analytic in (
        np.exp,
        np.sqrt,
        np.sort,
        np.cumprod,
        np.fft.fft,
        lambda z: 1 / z,
        lambda z: z * 0,
        lambda z: RE * 1j,
    ):
        for z in (Z, Z.astype(np.complex64), np.where(RE > 0, Z, np.nan)):
            assert tg.jacobian(analytic)(z).shape == (4, 4)
    for other in (np.conj, np.sign, lambda z: z * np.conj(z), lambda z: np.real(z) * 1j):
        with pytest.raises(TypeError, match="not analytic"):
            tg.jacobian(other)(Z)


def test_complex64_stays_complex64() -> None:
    g = tg.grad(lambda z: np.sum(np.abs(z * 2j)))(Z.astype(np.complex64))
    assert g.dtype == np.complex64


def test_abs_and_sign_at_zero() -> None:
    z = np.array([0j, 3 + 4j])
    np.testing.assert_allclose(tg.grad(lambda t: np.sum(np.abs(t)))(z), [0, 0.6 - 0.8j])
    np.testing.assert_allclose(np.sign(tg.Tensor(z)).numpy(), [0, 0.6 + 0.8j])


def test_a_complex_result_has_no_gradient_without_a_cotangent() -> None:
    with pytest.raises(TypeError, match=r"np\.real or np\.abs"):
        tg.grad(lambda z: np.sum(z))(Z)
    with pytest.raises(TypeError, match=r"np\.real or np\.abs"):
        np.sum(tg.Tensor(Z, requires_grad=True)).backward()


def test_parts_as_attributes() -> None:
    t = tg.Tensor(Z)
    np.testing.assert_array_equal(t.real.numpy(), Z.real)
    np.testing.assert_array_equal(t.imag.numpy(), Z.imag)
    np.testing.assert_array_equal(t.conj().numpy(), Z.conj())
    assert tg.Tensor(RE).imag.numpy().tolist() == [0.0] * 4


def test_comparisons_of_complex_numbers_are_numpys() -> None:
    w = Z[::-1].copy()
    np.testing.assert_array_equal(np.maximum(tg.Tensor(Z), w).numpy(), np.maximum(Z, w))
    np.testing.assert_array_equal(np.iscomplex(tg.Tensor(Z)).numpy(), np.iscomplex(Z))
    np.testing.assert_array_equal(np.isreal(tg.Tensor(RE)).numpy(), np.isreal(RE))
    with pytest.raises(TypeError, match="arctan2"):
        np.arctan2(tg.Tensor(Z), w)


def test_the_page_runs() -> None:
    page = Path(__file__).parents[2] / "docs" / "complex.md"
    (block,) = re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)
    example = doctest.DocTestParser().get_doctest(block, {}, page.name, str(page), 0)
    assert not doctest.DocTestRunner().run(example).failed


def test_the_angle_of_a_real_number_is_numpys() -> None:
    x = np.array([-1.0, -0.0, 0.0, 2.0, np.nan])
    np.testing.assert_array_equal(np.angle(tg.Tensor(x)).numpy(), np.angle(x))
