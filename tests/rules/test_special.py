"""scipy.special on Tensors: every row against numerical derivatives, and that SciPy is never needed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest

sp = pytest.importorskip("scipy.special")

import tinygrad_lite as tg  # noqa: E402
from tests.generators.calls import Function, calls, functions  # noqa: E402
from tinygrad_lite.dispatch import handlers  # noqa: E402
from tinygrad_lite.rules import special  # noqa: E402
from tinygrad_lite.testing import check_gradients  # noqa: E402


def rows() -> list[Function]:
    special.load()
    return [f for f in functions() if getattr(sp, f.name, None) is f.fn or f.name == "polygamma"]


@pytest.mark.thorough
def test_every_row() -> None:
    wrong = []
    for function in rows():
        known = calls(function, np.random.default_rng(0))
        assert known, function.name
        for operands, params in known[:1]:
            report = check_gradients(lambda *xs, f=function, p=params: f.call(*xs, **p), *operands, order=2)
            if not report.ok:
                wrong.append((function.name, str(report)))
    assert len(rows()) > 50
    assert not wrong


@pytest.mark.thorough
def test_scipy_is_not_imported() -> None:
    program = (
        "import sys, numpy as np, tinygrad_lite as tg; t = tg.Tensor([1.0]); np.exp(t)\n"
        "assert 'scipy.special' not in sys.modules\n"
        "from scipy import special\n"
        "assert tg.grad(lambda x: special.expit(x))(0.0) == 0.25"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_limits() -> None:
    np.testing.assert_allclose(tg.grad(lambda x: np.sum(sp.j1(x)))(np.zeros(2)), 0.5)
    np.testing.assert_allclose(tg.grad(lambda x: np.sum(sp.i1(x)))(np.zeros(2)), 0.5)
    np.testing.assert_allclose(tg.grad(lambda x: np.sum(sp.spence(x)))(np.ones(2)), -1)
    np.testing.assert_allclose(tg.grad(lambda p: sp.boxcox(3.0, p))(0.0), np.log(3) ** 2 / 2)
    # log_ndtr far out on the left, where the density and the distribution function both underflow.
    np.testing.assert_allclose(tg.grad(sp.log_ndtr)(-1e6), 1e6, rtol=1e-9)
    d_a, d_b = tg.vjp(sp.xlogy, np.zeros(2), np.array([0.5, 2.0]))[1](np.ones(2))
    np.testing.assert_allclose(d_a, np.log([0.5, 2.0]))
    np.testing.assert_allclose(d_b, 0)


# Functions whose derivative has, or seems to have, a hole; mpmath's twin; points in it, beside it and away from it.
HOLES: dict[str, tuple[Any, Any, list[float]]] = {
    "j0": (sp.j0, lambda x: mpmath.besselj(0, x), [0, 1e-12, 1e-5, 0.3, 2]),
    "j1": (sp.j1, lambda x: mpmath.besselj(1, x), [0, 1e-12, 1e-5, 0.3, 2]),
    "i0": (sp.i0, lambda x: mpmath.besseli(0, x), [0, 1e-12, 0.3]),
    "i1": (sp.i1, lambda x: mpmath.besseli(1, x), [0, 1e-12, 1e-5, 0.3, 2]),
    "i1e": (sp.i1e, lambda x: mpmath.besseli(1, x) * mpmath.exp(-x), [1e-8, 0.3, 2]),
    "ive": (lambda x: sp.ive(2.0, x), lambda x: mpmath.besseli(2, x) * mpmath.exp(-x), [0.3, 2]),
    "kve": (lambda x: sp.kve(2.0, x), lambda x: mpmath.besselk(2, x) * mpmath.exp(x), [0.3, 2]),
    "ellipk": (sp.ellipk, lambda m: mpmath.ellipk(m), [0, 1e-16, 1e-8, 0.3, 0.55, 0.9, -3]),
    "ellipe": (sp.ellipe, lambda m: mpmath.ellipe(m), [0, 1e-16, 1e-8, 0.3, 0.55, 0.9, -3]),
    "spence": (sp.spence, lambda z: mpmath.polylog(2, 1 - z), [1, 1 + 1e-12, 1 - 1e-7, 0.7, 1.3, 0.3]),
    "rgamma": (sp.rgamma, lambda x: mpmath.rgamma(x), [0, -1, -2, 1e-9, -1 + 1e-9, 0.3, 0.7, 3]),
    "poch": (lambda z: sp.poch(z, 2.0), lambda z: z * (z + 1), [0, -1, -2, -3, -3 + 1e-9, -2.5, 0.3, 0.7, 2]),
    "beta": (lambda a: sp.beta(a, 2.0), lambda a: 1 / (a * (a + 1)), [-2, -3, -3 + 1e-9, -2.5, 0.3, 2]),
    "betaln": (
        lambda a: sp.betaln(a, 2.0),
        lambda a: mpmath.log(abs(1 / (a * (a + 1)))),
        [-2, -3, -3 + 1e-9, -2.5, 0.3, 2],
    ),
    "gammainc": (lambda x: sp.gammainc(2.0, x), lambda x: 1 - (1 + x) * mpmath.exp(-x), [0, 1e-9, 0.3, 2]),
    "chdtr": (lambda x: sp.chdtr(4.0, x), lambda x: 1 - (1 + x / 2) * mpmath.exp(-x / 2), [0, 1e-9, 0.3, 2]),
    "betainc": (lambda x: sp.betainc(2.0, 3.0, x), lambda x: x * x * (6 - 8 * x + 3 * x * x), [0, 1e-9, 0.3, 1]),
    "expn": (lambda x: sp.expn(2, x), lambda x: mpmath.expint(2, x), [0.3, 2]),
    "expn of degree 0": (lambda x: sp.expn(0, x), lambda x: mpmath.exp(-x) / x, [0.3, 2]),
    "boxcox": (lambda p: sp.boxcox(3.0, p), lambda p: (mpmath.mpf(3) ** p - 1) / p, [1e-8, 1e-3, 0.5, 2, -1]),
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) if n == "kve" else n for n in HOLES])
def test_holes_are_closed_to_the_third_order(name: str) -> None:
    function, twin, points = HOLES[name]
    with mpmath.workdps(60), np.errstate(all="ignore"):
        for x in points:
            derivative = function
            for order in (1, 2, 3):
                derivative = tg.grad(derivative)
                expected = float(mpmath.diff(twin, mpmath.mpf(x), order))
                np.testing.assert_allclose(
                    derivative(float(x)), expected, rtol=1e-9, atol=1e-11, err_msg=f"{x} {order}"
                )


def test_an_order_has_no_derivative_and_says_so() -> None:
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    y = sp.jv(1.5, x)
    np.testing.assert_allclose(tg.gradients(np.sum(y), [x])[0], sp.jvp(1.5, x.numpy()))
    with pytest.raises(TypeError, match="no derivative rule with respect to this operand"):
        tg.grad(lambda v: sp.jv(v, 2.0))(1.5)


@pytest.mark.parametrize(
    "call",
    [sp.fresnel, sp.sici, lambda t: sp.ellipj(t, t), sp.wofz],
    ids=["fresnel", "sici", "ellipj", "wofz"],
)
def test_functions_without_a_rule_are_refused_by_name(call: Any) -> None:
    with pytest.raises(TypeError, match="has no derivative rule"):
        call(tg.Tensor([0.5], requires_grad=True))


@pytest.mark.parametrize("name", ["logsumexp", "softmax", "log_softmax"])
def test_functions_that_are_not_ufuncs_are_refused_not_silent(name: str) -> None:
    with pytest.raises(TypeError, match="would lose its gradient"):
        getattr(sp, name)(tg.Tensor([0.5, 1.0], requires_grad=True))
    x = np.array([0.5, 1.0])
    np.testing.assert_allclose(getattr(tg, name)(x), getattr(sp, name)(x))


def test_the_page_lists_every_function() -> None:
    special.load()
    page = (Path(__file__).parents[2] / "docs" / "special.md").read_text().split("\n\n")[2]
    known = {key.__name__ for key in handlers if isinstance(key, np.ufunc) and getattr(sp, key.__name__, None) is key}
    assert set(re.findall(r"`(\w+)`", page)) == known


# -- poles, and parameters that are arrays ---------------------------------------------------------------------------

BINOM = [(5.0, -1.0), (5.0, 6.0), (5.0, 7.5), (1.0, 2.0), (0.0, 2.0), (2.5, 4.5), (3.5, -2.0), (-0.5, 3.0), (5.0, 2.0)]
BETA = [(0.5, -1.5), (-1.5, -0.5), (-1.5, 0.5), (-2.5, 1.0), (2.0, 3.0), (-0.5, 0.25), (-1.5, 1.5)]


@pytest.mark.parametrize(("name", "at"), [*(("binom", at) for at in BINOM), *(("beta", at) for at in BETA)], ids=str)
def test_binom_and_beta_where_gamma_has_poles(name, at):
    mpmath = pytest.importorskip("mpmath")
    exact = {"binom": mpmath.binomial, "beta": mpmath.beta}[name]
    with mpmath.workdps(40):
        for i in (0, 1):
            (other,) = at[:i] + at[i + 1 :]
            slope = mpmath.diff(lambda v, i=i, o=other: exact(v, o) if i == 0 else exact(o, v), at[i])
            found = tg.grad(getattr(sp, name), argnums=i)(*at)
            np.testing.assert_allclose(found, float(mpmath.re(slope)), rtol=1e-12, atol=1e-14)


def test_beta_where_both_poles_cancel():
    """B(a, m) is (m - 1)! / (a (a + 1) … (a + m - 1)) for a whole m."""
    np.testing.assert_allclose(tg.grad(sp.beta)(-2.0, 1.0), -0.25)
    np.testing.assert_allclose(tg.grad(sp.beta)(-4.0, 2.0), 7 / 144)


def test_polygamma_of_arrays():
    n, x = np.array([[0], [1], [3]]), np.array([0.4, 1.7, 5.0])
    np.testing.assert_allclose(tg.scipy.special.polygamma(tg.Tensor(n), tg.Tensor(x)).numpy(), sp.polygamma(n, x))
    assert check_gradients(lambda x: tg.scipy.special.polygamma(n, x), x, order=2).ok
    with pytest.raises(TypeError, match=r"special\.polygamma knows no Tensors; write tg\.scipy\.special\.polygamma"):
        sp.polygamma(1, tg.Tensor(x, requires_grad=True))


def test_functions_that_are_no_ufuncs():
    x = np.array([[0.3, -1.0], [2.0, 0.1]])
    for name in ("logsumexp", "softmax", "log_softmax"):
        for axis in (None, 0, 1):
            call = lambda x, n=name, a=axis: getattr(tg.scipy.special, n)(x, axis=a)  # noqa: E731
            np.testing.assert_allclose(call(tg.Tensor(x)).numpy(), getattr(sp, name)(x, axis=axis), rtol=1e-13)
            assert check_gradients(call, x).ok


def test_the_sign_of_gamma_is_piecewise_constant():
    x = np.array([-1.5, -0.5, 2.0])
    found = sp.gammasgn(tg.Tensor(x, requires_grad=True))
    assert not found.requires_grad
    np.testing.assert_array_equal(found.numpy(), sp.gammasgn(x))
    gradient = tg.grad(lambda x: np.sum(sp.gammasgn(x) * np.exp(sp.gammaln(x))))(x)
    np.testing.assert_allclose(gradient, sp.gamma(x) * sp.digamma(x), rtol=1e-12)


@pytest.mark.parametrize("f", [np.logaddexp, np.logaddexp2], ids=lambda f: f.__name__)
def test_a_sum_of_exponentials_of_nothing(f):
    """Two infinities alike tie; and where a larger term is added, nothing comes back."""
    minus = -np.inf
    assert tg.grad(lambda x, y: f(f(x, y), 2.0), argnums=(0, 1))(minus, minus) == (0, 0)
    assert tg.grad(f, argnums=(0, 1))(minus, minus) == (0.5, 0.5)
    assert tg.grad(f, argnums=(0, 1))(np.inf, np.inf) == (0.5, 0.5)
    assert tg.grad(f, argnums=(0, 1))(np.inf, 1.0) == (1, 0)
    curvature = tg.hessian(lambda x: np.logaddexp(x[0], x[1]))(np.ones(2))
    np.testing.assert_allclose(curvature, [[0.25, -0.25], [-0.25, 0.25]])
    nothing = np.full(3, minus)
    np.testing.assert_allclose(tg.grad(tg.logsumexp)(nothing), np.full(3, 1 / 3))
    np.testing.assert_array_equal(tg.grad(lambda x: np.logaddexp(tg.logsumexp(x), 0.0))(nothing), 0)
    np.testing.assert_array_equal(tg.grad(tg.logsumexp)(np.array([np.inf, 1.0, np.inf])), [0.5, 0, 0.5])
