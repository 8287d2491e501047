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
    "poch": (lambda z: sp.poch(z, 2.0), lambda z: mpmath.rf(z, 2), [0, -1, 0.3, 0.7, 2]),
    "boxcox": (lambda p: sp.boxcox(3.0, p), lambda p: (mpmath.mpf(3) ** p - 1) / p, [1e-8, 1e-3, 0.5, 2, -1]),
}


@pytest.mark.parametrize("name", HOLES)
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
    [sp.fresnel, sp.sici, lambda t: sp.ellipj(t, t), sp.gammasgn],
    ids=["fresnel", "sici", "ellipj", "gammasgn"],
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
