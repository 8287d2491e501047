"""scipy.special: its ufuncs, on Tensors. SciPy is never imported here: the rows are made when a Tensor first meets a
function of a SciPy that the user has imported.

Derivatives: NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov, by the sections named beside them.
`unknown` marks an operand, an order or a parameter, with respect to which there is no closed form: a gradient for it
raises. scipy.special.logsumexp, softmax and log_softmax are not ufuncs and refuse Tensors; tg.logsumexp, tg.softmax and
tg.log_softmax are the same functions.
"""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from .. import batching
from ..alike import find_foreign, make_alike
from ..dispatch import handlers, providers
from ..foreign import is_foreign
from ..op import Array, Op, constant, custom_vjp, elementwise, over
from ..table import row

_ROOT_PI = math.sqrt(math.pi)
_ROOT_2PI = math.sqrt(2 * math.pi)
_POSITIVE = [(0.3, 4.0)]
_UNIT = [(0.1, 0.9)]


def unknown(y: Array, *operands: Array) -> Array:
    """The partial derivative that nobody has a formula for."""
    raise TypeError(
        "there is no derivative rule with respect to this operand (an order or a parameter) of a scipy.special "
        "function; pass it as a plain number or array"
    )


def load() -> None:
    """Make the rows, if SciPy has been imported and they have not been made."""
    special = sys.modules.get("scipy.special")
    if special is not None and special.expit not in handlers:
        _make_rows(special)


def _provide(function: Any) -> bool:
    """Whether the function was one of scipy.special's that now has a row."""
    load()
    return function in handlers


providers.append(_provide)


def _make_rows(sp: Any) -> None:
    """A row a function, by families."""
    _logistic(sp)
    _error_functions(sp)
    _gamma_functions(sp)
    _entropies(sp)
    _bessel_functions(sp)
    _integrals(sp)
    _elementary(sp)
    _distributions(sp)
    _orthogonal_polynomials(sp)


def _logistic(sp: Any) -> None:
    row(elementwise(sp.expit, lambda y, x: y * (1 - y)))
    row(elementwise(sp.logit, over(lambda y, x: x * (1 - x)), domain=_UNIT))
    row(elementwise(sp.log_expit, lambda y, x: sp.expit(-x)))


def _error_functions(sp: Any) -> None:
    """DLMF 7.2, 7.10."""
    row(elementwise(sp.erf, lambda y, x: 2 / _ROOT_PI * np.exp(-x * x), c="erf"))
    row(elementwise(sp.erfc, lambda y, x: -2 / _ROOT_PI * np.exp(-x * x)))
    row(elementwise(sp.erfcx, lambda y, x: 2 * x * y - 2 / _ROOT_PI))
    row(elementwise(sp.erfi, lambda y, x: 2 / _ROOT_PI * np.exp(x * x)))
    row(elementwise(sp.dawsn, lambda y, x: 1 - 2 * x * y))
    row(elementwise(sp.erfinv, lambda y, x: _ROOT_PI / 2 * np.exp(y * y), domain=[(-0.9, 0.9)]))
    row(elementwise(sp.erfcinv, lambda y, x: -_ROOT_PI / 2 * np.exp(y * y), domain=[(0.1, 1.9)]))
    row(elementwise(sp.ndtr, lambda y, x: np.exp(-x * x / 2) / _ROOT_2PI, c="normal_cdf"))
    # The ratio of the density to the distribution function, without the difference of two large exponents.
    row(elementwise(sp.log_ndtr, over(lambda y, x: math.sqrt(math.pi / 2) * sp.erfcx(-x / math.sqrt(2)))))
    row(elementwise(sp.ndtri, lambda y, x: _ROOT_2PI * np.exp(y * y / 2), domain=_UNIT))


def _gamma_functions(sp: Any) -> None:
    """DLMF 5.2, 5.12, 5.15, 8.8, 8.17."""

    # Not elementwise: a program writes those out in NumPy's functions, and this one is SciPy's own.
    def _polygamma(n: Any, x: Any) -> Any:
        if find_foreign(n, x) is None:
            return sp.polygamma(n, x)
        n = n if is_foreign(n) else make_alike(np.asarray(n), x)
        return np.where(n == 0, sp.psi(x), (-1.0) ** (n + 1) * sp.gamma(n + 1.0) * sp.zeta(n + 1.0, x))

    polygamma: Op = row(
        custom_vjp(
            _polygamma,
            None,
            lambda g, y, n, x: g * polygamma(n + 1, x),
            batch=batching.elementwise,
            examples=_orders,
        )
    )
    row(constant(sp.gammasgn))
    for function in (sp.digamma, sp.psi):  # two names of one function, in most versions
        if function not in handlers:
            row(elementwise(function, lambda y, x: polygamma(1, x), domain=_POSITIVE))
    row(elementwise(sp.gamma, lambda y, x: y * sp.digamma(x), domain=_POSITIVE))

    def rgamma_slope(x: Array) -> Array:
        """-rgamma(x) digamma(x); left of 1/2, where that has holes at 0, -1, …, by reflection (DLMF 5.5.3)."""
        left = np.less(x, 0.5)
        right, mirrored = np.where(left, 1, x), np.where(left, 1 - x, 1)
        turned = np.cos(np.pi * x) - np.sin(np.pi * x) / np.pi * sp.digamma(mirrored)
        return np.where(left, sp.gamma(mirrored) * turned, -sp.rgamma(right) * sp.digamma(right))

    row(elementwise(sp.rgamma, lambda y, x: rgamma_slope(x), domain=_POSITIVE))
    row(elementwise(sp.gammaln, lambda y, x: sp.digamma(x), domain=_POSITIVE))
    row(elementwise(sp.loggamma, lambda y, x: sp.digamma(x), domain=_POSITIVE))

    def cancel(a: Array, b: Array) -> Array:
        """Whether poles of Gamma(a) and of Gamma(a + b) lie at the same a, left of 1/2."""
        left = np.logical_and(np.less(a, 0.5), np.less(a + b, 0.5))
        return np.logical_and(left, np.equal(b, np.round(b)))

    def digamma_difference(a: Array, b: Array) -> Array:
        """digamma(a) - digamma(a + b); where their poles cancel, by reflection: digamma(x) = digamma(1 - x) - pi cot(pi
        x) (DLMF 5.5.4), and a difference of cotangents is a sine over two (DLMF 4.21.14)."""
        both, s = cancel(a, b), a + b
        whole = np.round(b)
        sine = (1 - 2 * np.mod(whole, 2)) * np.sin(np.pi * (b - whole))
        beside = np.logical_and(both, np.not_equal(a, np.round(a)))  # the poles, where all sines are 0
        sines = np.sin(np.pi * np.where(beside, a, 0.5)) * np.sin(np.pi * np.where(beside, s, 0.5))
        difference = sp.digamma(np.where(both, 1 - a, a)) - sp.digamma(np.where(both, 1 - s, s))
        return difference - np.where(beside, np.pi * sine / sines, 0)

    def beta_slope(y: Array, a: Array, b: Array) -> Array:
        """Of Gamma(a) Gamma(b) / Gamma(a + b), with respect to a. Where a + b is left of 1/2, by the derivative of
        1 / Gamma, unless poles cancel."""
        s = a + b
        left = np.logical_and(np.less(s, 0.5), np.logical_not(cancel(a, b)))
        at, bt = np.where(left, a, 0.4), np.where(left, b, 0.4)
        by_reciprocal = sp.gamma(at) * sp.gamma(bt) * (sp.digamma(at) * sp.rgamma(at + bt) + rgamma_slope(at + bt))
        return np.where(left, by_reciprocal, y * digamma_difference(np.where(left, 1, a), np.where(left, 1, b)))

    row(elementwise(sp.beta, beta_slope, lambda y, a, b: beta_slope(y, b, a), domain=_POSITIVE * 2))
    row(
        elementwise(
            sp.betaln,
            lambda y, a, b: digamma_difference(a, b),
            lambda y, a, b: digamma_difference(b, a),
            domain=_POSITIVE * 2,
        )
    )

    # binom is Gamma(n + 1) / (Gamma(k + 1) Gamma(m)), m = n - k + 1. Where one of the latter is left of 1/2, its
    # digamma has poles, and the derivative of 1 / Gamma has none.
    def binom_slope_n(y: Array, n: Array, k: Array) -> Array:
        m = n - k + 1
        left = np.less(m, 0.5)
        nt, kt, mt = np.where(left, n, 1), np.where(left, k, 1), np.where(left, m, 0.4)
        by_reciprocal = sp.gamma(nt + 1) * sp.rgamma(kt + 1) * (sp.digamma(nt + 1) * sp.rgamma(mt) + rgamma_slope(mt))
        return np.where(left, by_reciprocal, y * (sp.digamma(n + 1) - sp.digamma(np.where(left, 1, m))))

    def binom_slope_k(y: Array, n: Array, k: Array) -> Array:
        m = n - k + 1
        left = np.logical_or(np.less(m, 0.5), np.less(k, -0.5))
        nt, kt, mt = np.where(left, n, 1), np.where(left, k, 1), np.where(left, m, 1)
        by_reciprocal = rgamma_slope(kt + 1) * sp.rgamma(mt) - sp.rgamma(kt + 1) * rgamma_slope(mt)
        usual = sp.digamma(np.where(left, 1, m)) - sp.digamma(np.where(left, 1, k + 1))
        return np.where(left, sp.gamma(nt + 1) * by_reciprocal, y * usual)

    row(elementwise(sp.binom, binom_slope_n, binom_slope_k, domain=[(3.1, 5), (0.3, 2.7)]))

    def poch_slope(y: Array, z: Array, m: Array) -> Array:
        """Of Gamma(z + m) / Gamma(z); left of 1/2, where digamma(z) has poles, by the derivative of 1 / Gamma,
        unless poles cancel."""
        left = np.logical_and(np.less(z, 0.5), np.logical_not(cancel(z, m)))
        low, high = np.where(left, z, 0.4), np.where(left, 1, z)
        shifted = np.where(left, z + m, 1)
        by_reciprocal = sp.digamma(shifted) * sp.rgamma(low) + rgamma_slope(low)
        usual = -digamma_difference(high, np.where(left, 1, m))
        return np.where(left, sp.gamma(shifted) * by_reciprocal, y * usual)

    row(
        elementwise(
            sp.poch,
            poch_slope,
            lambda y, z, m: y * sp.digamma(z + m),
            domain=_POSITIVE * 2,
        )
    )

    row(elementwise(sp.gammainc, unknown, lambda y, a, x: _gamma_density(sp, x, a), examples=_whole(1)))
    row(elementwise(sp.gammaincc, unknown, lambda y, a, x: -_gamma_density(sp, x, a), examples=_whole(1)))
    row(elementwise(sp.betainc, unknown, unknown, lambda y, a, b, x: _beta_density(sp, x, a, b), examples=_whole(2)))


def _gamma_density(sp: Any, x: Array, a: Array) -> Array:
    """x ** (a - 1) exp(-x) / Gamma(a): as it is written, where nothing overflows, since at and near 0 the logarithm's
    derivatives are none, or cancel; elsewhere by logarithms."""
    is_moderate = np.logical_or(np.equal(x, 0), np.logical_and(np.less(a, _MODERATE), np.less(x, 100)))
    moderate, other = np.where(is_moderate, x, 1), np.where(is_moderate, 1, x)
    by_logarithms = np.exp(sp.xlogy(a - 1, other) - other - sp.gammaln(a))
    return np.where(is_moderate, np.power(moderate, a - 1) * np.exp(-moderate) * sp.rgamma(a), by_logarithms)


def _beta_density(sp: Any, x: Array, a: Array, b: Array) -> Array:
    """x ** (a - 1) (1 - x) ** (b - 1) / B(a, b): as it is written, or by logarithms, likewise."""
    at_end = np.logical_or(np.equal(x, 0), np.equal(x, 1))
    is_moderate = np.logical_or(at_end, np.logical_and(np.less(a, _MODERATE), np.less(b, _MODERATE)))
    moderate, other = np.where(is_moderate, x, 0.5), np.where(is_moderate, 0.5, x)
    by_logarithms = np.exp(sp.xlogy(a - 1, other) + sp.xlog1py(b - 1, -other) - sp.betaln(a, b))
    written = np.power(moderate, a - 1) * np.power(1 - moderate, b - 1) / sp.beta(a, b)
    return np.where(is_moderate, written, by_logarithms)


_MODERATE = 30  # a parameter below which neither a power nor Gamma over- or underflows


def _entropies(sp: Any) -> None:
    """0 log 0 is 0, and so is its derivative with respect to what stands in the logarithm."""

    def ratio(x: Array, y: Array) -> Array:
        none = np.logical_and(np.equal(x, 0), np.equal(y, 0))
        return x / np.where(none, 1, y)

    row(elementwise(sp.xlogy, lambda y, a, b: np.log(b), lambda y, a, b: ratio(a, b), domain=[(-2, 2), (0.2, 3)]))
    row(
        elementwise(
            sp.xlog1py, lambda y, a, b: np.log1p(b), lambda y, a, b: ratio(a, 1 + b), domain=[(-2, 2), (-0.8, 3)]
        )
    )
    row(elementwise(sp.entr, lambda y, x: -1 - np.log(x), domain=_POSITIVE))
    row(elementwise(sp.rel_entr, lambda y, a, b: np.log(a / b) + 1, lambda y, a, b: -ratio(a, b), domain=_POSITIVE * 2))
    row(elementwise(sp.kl_div, lambda y, a, b: np.log(a / b), lambda y, a, b: 1 - ratio(a, b), domain=_POSITIVE * 2))


def _bessel_functions(sp: Any) -> None:
    """DLMF 10.6, 10.29. By the orders on either side, since y / x has a hole at 0 that higher derivatives fall into;
    scaled ones carry the derivative of their scale."""
    row(elementwise(sp.j0, lambda y, x: -sp.j1(x)))
    row(elementwise(sp.j1, lambda y, x: (sp.j0(x) - sp.jv(2.0, x)) / 2))
    row(elementwise(sp.y0, lambda y, x: -sp.y1(x), domain=_POSITIVE))
    row(elementwise(sp.y1, lambda y, x: sp.y0(x) - y / x, domain=_POSITIVE))
    row(elementwise(sp.i0, lambda y, x: sp.i1(x)))
    row(elementwise(sp.i1, lambda y, x: (sp.i0(x) + sp.iv(2.0, x)) / 2))
    row(elementwise(sp.i0e, lambda y, x: sp.i1e(x) - np.sign(x) * y))
    row(elementwise(sp.i1e, lambda y, x: (sp.i0e(x) + sp.ive(2.0, x)) / 2 - np.sign(x) * y))
    row(elementwise(sp.k0, lambda y, x: -sp.k1(x), domain=_POSITIVE))
    row(elementwise(sp.k1, lambda y, x: -sp.k0(x) - y / x, domain=_POSITIVE))
    row(elementwise(sp.k0e, lambda y, x: y - sp.k1e(x), domain=_POSITIVE))
    row(elementwise(sp.k1e, lambda y, x: y - sp.k0e(x) - y / x, domain=_POSITIVE))
    row(elementwise(sp.jv, unknown, lambda y, v, x: (sp.jv(v - 1, x) - sp.jv(v + 1, x)) / 2, examples=_whole(1)))
    row(elementwise(sp.yv, unknown, lambda y, v, x: (sp.yv(v - 1, x) - sp.yv(v + 1, x)) / 2, examples=_whole(1)))
    row(elementwise(sp.iv, unknown, lambda y, v, x: (sp.iv(v - 1, x) + sp.iv(v + 1, x)) / 2, examples=_whole(1)))
    row(
        elementwise(
            sp.ive,
            unknown,
            lambda y, v, x: (sp.ive(v - 1, x) + sp.ive(v + 1, x)) / 2 - np.sign(x) * y,
            examples=_whole(1),
        )
    )
    row(elementwise(sp.kve, unknown, lambda y, v, x: y - (sp.kve(v - 1, x) + sp.kve(v + 1, x)) / 2, examples=_whole(1)))
    row(elementwise(sp.yn, unknown, lambda y, n, x: (sp.yv(n - 1, x) - sp.yv(n + 1, x)) / 2, examples=_whole(1)))
    row(elementwise(sp.kv, unknown, lambda y, v, x: -(sp.kv(v - 1, x) + sp.kv(v + 1, x)) / 2, examples=_whole(1)))
    row(elementwise(sp.kn, unknown, lambda y, n, x: -(sp.kv(n - 1, x) + sp.kv(n + 1, x)) / 2, examples=_whole(1)))
    row(elementwise(sp.jve, unknown, lambda y, v, x: (sp.jve(v - 1, x) - sp.jve(v + 1, x)) / 2, examples=_whole(1)))
    row(elementwise(sp.yve, unknown, lambda y, v, x: (sp.yve(v - 1, x) - sp.yve(v + 1, x)) / 2, examples=_whole(1)))


def _integrals(sp: Any) -> None:
    """DLMF 6.2, 15.5, 19.4, 19.5, 25.12. Where a formula has a hole (0 / 0), its hypergeometric series has none."""
    row(
        elementwise(
            sp.hyp2f1,
            unknown,
            unknown,
            unknown,
            lambda y, a, b, c, z: a * b / c * sp.hyp2f1(a + 1, b + 1, c + 1, z),
            examples=_whole(3),
        )
    )
    row(
        elementwise(
            sp.hyp1f1, unknown, unknown, lambda y, a, b, z: a / b * sp.hyp1f1(a + 1, b + 1, z), examples=_whole(2)
        )
    )

    def near(x: Array, at: float, series: Any, formula: Any) -> Array:
        """The series within 1/2 of a point, the formula beyond."""
        inside = np.less(np.abs(x - at), 0.5)
        return np.where(inside, series(np.where(inside, x, at)), formula(np.where(inside, at + 0.6, x)))

    def ellipk_slope(y: Array, m: Array) -> Array:
        def formula(m: Array) -> Array:
            return (sp.ellipe(m) / (1 - m) - sp.ellipk(m)) / (2 * m)

        return near(m, 0, lambda m: np.pi / 8 * sp.hyp2f1(1.5, 1.5, 2.0, m), formula)

    def ellipe_slope(y: Array, m: Array) -> Array:
        def formula(m: Array) -> Array:
            return (sp.ellipe(m) - sp.ellipk(m)) / (2 * m)

        return near(m, 0, lambda m: -np.pi / 8 * sp.hyp2f1(0.5, 1.5, 2.0, m), formula)

    def dilogarithm_slope(y: Array, z: Array) -> Array:
        return near(z, 1, lambda z: -sp.hyp2f1(1.0, 1.0, 2.0, 1 - z), lambda z: np.log(z) / (1 - z))

    def square(phi: Array, m: Array) -> Array:
        return 1 - m * np.square(np.sin(phi))

    row(elementwise(sp.ellipkinc, lambda y, phi, m: 1 / np.sqrt(square(phi, m)), unknown, examples=_amplitudes))
    row(elementwise(sp.ellipeinc, lambda y, phi, m: np.sqrt(square(phi, m)), unknown, examples=_amplitudes))
    row(elementwise(sp.ellipkm1, lambda y, p: -ellipk_slope(y, 1 - p), domain=_UNIT))
    row(elementwise(sp.hyp0f1, unknown, lambda y, b, z: sp.hyp0f1(b + 1, z) / b, examples=_whole(1)))

    def expn_slope(n: Array, x: Array) -> Array:
        """-E(n - 1, x). SciPy's has no degrees below 0, and E(0, x) is elementary (DLMF 8.19.2, 8.19.4)."""
        low, degree = np.less_equal(n, 1), np.maximum(n - 1, 0)
        elementary = np.exp(-x) / x * np.where(np.equal(n, 0), 1 + 1 / x, 1)
        return -np.where(low, elementary, sp.expn(degree, np.where(low, 1, x)))

    row(elementwise(sp.expn, unknown, lambda y, n, x: expn_slope(n, x), examples=_degrees))
    row(elementwise(sp.exprel, lambda y, x: sp.hyp1f1(2.0, 3.0, x) / 2))
    row(elementwise(sp.wrightomega, lambda y, x: y / (1 + y)))
    row(elementwise(sp.expi, lambda y, x: np.exp(x) / x, domain=_POSITIVE))
    row(elementwise(sp.exp1, lambda y, x: -np.exp(-x) / x, domain=_POSITIVE))
    row(elementwise(sp.ellipk, ellipk_slope, domain=_UNIT))
    row(elementwise(sp.ellipe, ellipe_slope, domain=_UNIT))
    row(elementwise(sp.spence, dilogarithm_slope, domain=_POSITIVE))


def _elementary(sp: Any) -> None:
    """SciPy's own versions of elementary functions."""
    row(elementwise(sp.exp10, lambda y, x: y * math.log(10)))
    for name, like in (("expm1", np.expm1), ("log1p", np.log1p), ("cbrt", np.cbrt), ("exp2", np.exp2)):
        function = getattr(sp, name)
        if function not in handlers:
            handlers[function] = handlers[like]
    row(elementwise(sp.cosm1, lambda y, x: -np.sin(x)))
    degree = math.pi / 180
    row(elementwise(sp.sindg, lambda y, x: degree * sp.cosdg(x), domain=[(-80, 80)]))
    row(elementwise(sp.cosdg, lambda y, x: -degree * sp.sindg(x), domain=[(10, 80)]))
    row(elementwise(sp.tandg, lambda y, x: degree * (1 + y * y), domain=[(-70, 70)]))
    row(elementwise(sp.cotdg, lambda y, x: -degree * (1 + y * y), domain=[(20, 80)]))
    row(
        elementwise(
            sp.powm1, lambda y, x, p: p * x ** (p - 1), lambda y, x, p: (1 + y) * np.log(x), domain=_POSITIVE * 2
        )
    )
    row(
        elementwise(
            sp.boxcox1p,
            lambda y, x, p: (1 + x) ** (p - 1),
            lambda y, x, p: boxcox_slope(y, 1 + x, p),
            domain=[*_POSITIVE, (0.5, 2)],
        )
    )
    row(elementwise(sp.inv_boxcox, lambda y, x, p: y ** (1 - p), unknown, examples=_powers))
    row(elementwise(sp.inv_boxcox1p, lambda y, x, p: (1 + y) ** (1 - p), unknown, examples=_powers))

    def boxcox_slope(y: Array, x: Array, p: Array) -> Array:
        """The derivative of (xᵖ - 1) / p with respect to p, with l = log x: (xᵖ l - y) / p. Where that cancels, it is
        l² / 2 times Kummer's function M(2, 3, p l), Σ 2 (p l)ᵏ / (k! (k + 2))."""
        log = np.log(np.where(np.equal(x, 0), 1, x))
        small = np.logical_and(np.less(np.abs(p * log), 1), np.not_equal(x, 0))
        series = log * log / 2 * sp.hyp1f1(2.0, 3.0, np.where(small, p * log, 0))
        return np.where(small, series, (x**p * log - y) / np.where(small, 1, p))

    row(elementwise(sp.boxcox, lambda y, x, p: x ** (p - 1), boxcox_slope, domain=[*_POSITIVE, (0.5, 2)]))
    row(
        elementwise(
            sp.huber,
            lambda y, d, r: np.maximum(np.abs(r) - d, 0),
            lambda y, d, r: np.clip(r, -d, d),
            domain=[(0.5, 0.9), (1.1, 2)],
        )
    )

    def root(d: Array, r: Array) -> Array:
        return np.sqrt(1 + np.square(r / d))

    row(
        elementwise(
            sp.pseudo_huber,
            lambda y, d, r: 2 * y / d - r * (r / d) / root(d, r),
            lambda y, d, r: r / root(d, r),
            domain=[(0.5, 2), (-2, 2)],
        )
    )


def _distributions(sp: Any) -> None:
    """Inverses of distribution functions have one over the density for their derivative. DLMF 8.2, 8.17; Owen 1956."""

    def gamma_density(x: Array, a: Array) -> Array:
        return _gamma_density(sp, x, a)

    def beta_density(x: Array, a: Array, b: Array) -> Array:
        return _beta_density(sp, x, a, b)

    def student_density(t: Array, df: Array) -> Array:
        return np.exp(-(df + 1) / 2 * np.log1p(t * t / df) - sp.betaln(df / 2, 0.5) - np.log(df) / 2)

    row(elementwise(sp.betaincc, unknown, unknown, lambda y, a, b, x: -beta_density(x, a, b), examples=_whole(2)))
    row(
        elementwise(sp.betaincinv, unknown, unknown, over(lambda y, a, b, p: beta_density(y, a, b)), examples=_whole(2))
    )
    row(elementwise(sp.gammaincinv, unknown, over(lambda y, a, p: gamma_density(y, a)), examples=_whole(1)))
    row(elementwise(sp.gammainccinv, unknown, over(lambda y, a, p: -gamma_density(y, a)), examples=_whole(1)))
    row(elementwise(sp.chdtr, unknown, lambda y, v, x: gamma_density(x / 2, v / 2) / 2, examples=_whole(1)))
    row(elementwise(sp.chdtrc, unknown, lambda y, v, x: -gamma_density(x / 2, v / 2) / 2, examples=_whole(1)))
    row(elementwise(sp.stdtr, unknown, lambda y, df, t: student_density(t, df), examples=_whole(1)))
    row(elementwise(sp.stdtrit, unknown, over(lambda y, df, p: student_density(y, df)), examples=_whole(1)))
    row(elementwise(sp.ndtri_exp, lambda y, x: _ROOT_2PI * np.exp(x + y * y / 2), domain=[(-3, -0.2)]))
    row(
        elementwise(
            sp.owens_t,
            lambda y, h, a: -np.exp(-h * h / 2) * sp.erf(a * h / math.sqrt(2)) / (2 * _ROOT_2PI),
            lambda y, h, a: np.exp(-h * h / 2 * (1 + a * a)) / (2 * np.pi * (1 + a * a)),
        )
    )


def _orthogonal_polynomials(sp: Any) -> None:
    """DLMF 18.9: the derivative is a polynomial of one degree less, of the same family or a neighbouring one."""

    def less(n: Array) -> Array:
        return np.maximum(n - 1, 0)

    def slope(n: Array, y: Array) -> Array:
        """0 for a constant."""
        return np.where(np.greater(n, 0), y, 0)

    row(elementwise(sp.eval_hermite, None, lambda y, n, x: 2 * n * sp.eval_hermite(less(n), x), examples=_whole(1)))
    row(elementwise(sp.eval_hermitenorm, None, lambda y, n, x: n * sp.eval_hermitenorm(less(n), x), examples=_whole(1)))
    row(elementwise(sp.eval_chebyt, None, lambda y, n, x: n * sp.eval_chebyu(less(n), x), examples=_whole(1)))
    row(
        elementwise(
            sp.eval_chebyu, None, lambda y, n, x: slope(n, 2 * sp.eval_gegenbauer(less(n), 2.0, x)), examples=_whole(1)
        )
    )
    row(
        elementwise(
            sp.eval_gegenbauer,
            None,
            unknown,
            lambda y, n, a, x: slope(n, 2 * a * sp.eval_gegenbauer(less(n), a + 1.0, x)),
            examples=_whole(2),
        )
    )
    row(
        elementwise(
            sp.eval_legendre,
            None,
            lambda y, n, x: slope(n, (n + 1) / 2 * sp.eval_jacobi(less(n), 1.0, 1.0, x)),
            examples=_whole(1),
        )
    )
    row(
        elementwise(
            sp.eval_jacobi,
            None,
            unknown,
            unknown,
            lambda y, n, a, b, x: slope(n, (n + a + b + 1) / 2 * sp.eval_jacobi(less(n), a + 1.0, b + 1.0, x)),
            examples=_whole(3),
        )
    )
    row(
        elementwise(
            sp.eval_laguerre, None, lambda y, n, x: slope(n, -sp.eval_genlaguerre(less(n), 1.0, x)), examples=_whole(1)
        )
    )
    row(
        elementwise(
            sp.eval_genlaguerre,
            None,
            unknown,
            lambda y, n, a, x: slope(n, -sp.eval_genlaguerre(less(n), a + 1.0, x)),
            examples=_whole(2),
        )
    )


def _whole(parameters: int) -> Any:
    """Examples: whole numbers for the parameters, which have no gradient, and x in (0, 1)."""
    return lambda rng: [
        ((*(rng.integers(1, 4, 3) for _ in range(parameters)), rng.uniform(0.1, 0.9, size)), {}) for size in (3, (2, 3))
    ]


def _orders(rng: np.random.Generator) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    return [((n, rng.uniform(0.3, 4, size=(2, 3))), {}) for n in (1, 2, np.array([1, 4, 2]))]


def _amplitudes(rng: np.random.Generator) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Angles, and a parameter that has no gradient."""
    return [((rng.uniform(-1, 1, size), 0), {}) for size in (3, (2, 3))]


def _powers(rng: np.random.Generator) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    return [((rng.uniform(0.3, 2, size), power), {}) for size, power in ((3, 2), ((2, 3), 1), (3, 0))]


def _degrees(rng: np.random.Generator) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    return [((rng.integers(2, 6, 3), rng.uniform(0.3, 2, size)), {}) for size in (3, (2, 3))]
