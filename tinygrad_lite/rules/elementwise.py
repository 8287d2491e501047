"""Element by element: arithmetic, powers, exponentials, trigonometry, comparisons.

One row a function: NumPy's function, then the partial derivative for each operand, in terms of the result y and the
operands. `domain` is where the tests draw operands, `kinks` where the derivative jumps; both only where needed.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from .. import batching, intervals
from ..alike import make_alike
from ..dispatch import handlers
from ..op import MINUS_ONE, ONE, Array, Op, constant, custom_vjp, elementwise, over
from ..table import implements, row
from ..tensor import PYTHON_NUMBERS, Tensor
from .examples import over_axes, whole, with_keywords
from .shaping import as_array, as_dtype

LN2, LN10 = float(np.log(2)), float(np.log(10))
POSITIVE = [(0.1, 5.0)]

# -- arithmetic ------------------------------------------------------------------------------------------------------

add = row(
    elementwise(
        np.add,
        ONE,
        ONE,
        operator=operator.add,
        commutes=True,
        signs=(1, 1),
        range=intervals.add,
        c="{0} + {1}",
        c_kinds="fi",
    )
)
subtract = row(
    elementwise(
        np.subtract,
        ONE,
        MINUS_ONE,
        operator=operator.sub,
        signs=(1, -1),
        range=intervals.subtract,
        c="{0} - {1}",
        c_kinds="fi",
    )
)
multiply = row(
    elementwise(
        np.multiply,
        lambda y, a, b: b,
        lambda y, a, b: a,
        operator=operator.mul,
        commutes=True,
        powers=(1, 1),
        range=intervals.multiply,
        c="{0} * {1}",
        c_kinds="fi",
    )
)
divide = row(
    elementwise(
        np.divide,
        over(lambda y, a, b: b),
        lambda y, a, b: -y / b,
        domain=[(-3, 3), (0.2, 5)],
        operator=operator.truediv,
        powers=(1, -1),
        range=intervals.divide,
        c="{0} / {1}",
    )
)
negative = row(
    elementwise(
        np.negative,
        MINUS_ONE,
        operator=operator.neg,
        powers=(1,),
        signs=(-1,),
        range=intervals.negative,
        c="-{0}",
        c_kinds="fi",
    )
)
positive = row(elementwise(np.positive, ONE, alias=True, operator=operator.pos, c="{0}", c_kinds="fi"))
reciprocal = row(
    elementwise(np.reciprocal, lambda y, x: -y * y, symbolic=lambda sp, x: 1 / x, domain=POSITIVE, c="1 / {0}")
)


def _direction(y: Array, x: Array) -> Array:
    """The conjugate of x / |x|, and 0 at 0: the sign, of a real x."""
    return np.conjugate(x) / np.where(y == 0, 1, y) if x.dtype.kind == "c" else np.sign(x)


absolute = row(
    elementwise(
        np.absolute, _direction, kinks=(0,), selects=True, operator=operator.abs, range=intervals.absolute, c="abs"
    )
)
fabs = row(elementwise(np.fabs, lambda y, x: np.sign(x), kinks=(0,), selects=True, c="abs"))

# a - b floor(a/b): where the quotient jumps, the derivative with respect to b is taken from the right.
remainder = row(
    elementwise(
        np.remainder,
        ONE,
        lambda y, a, b: -np.floor_divide(a, b),
        domain=[(5.1, 5.9), (3.1, 4.9)],
        operator=operator.mod,
    )
)
fmod = row(elementwise(np.fmod, ONE, lambda y, a, b: -np.trunc(a / b), domain=[(5.1, 5.9), (3.1, 4.9)]))


def _signs_agree(y: Array, a: Array, b: Array) -> Array:
    return np.sign(a) * np.copysign(np.ones_like(b), b)


def _two_operands(rng: np.random.Generator) -> Any:
    return [
        ((rng.uniform(0.2, 3, (2, 3)) * rng.choice([-1, 1], 3), rng.uniform(0.2, 3, 3) * rng.choice([-1, 1], 3)), {})
    ]


copysign = row(elementwise(np.copysign, _signs_agree, None, examples=_two_operands, kinks=(0,), c="copysign"))
nextafter = row(elementwise(np.nextafter, ONE, None, examples=_two_operands))  # a, and a unit in the last place
ldexp = row(
    elementwise(
        np.ldexp,
        lambda y, x, exponent: np.ldexp(np.ones_like(x), exponent),
        None,
        examples=lambda rng: [
            ((rng.normal(size=shape), rng.integers(-3, 4, shape[-1:])), {}) for shape in ((3,), (2, 4))
        ],
    )
)
heaviside = row(
    elementwise(
        np.heaviside,
        None,
        lambda y, x, middle: np.equal(x, 0),
        bounded=True,
        examples=lambda rng: [((rng.choice([-1, 0, 1], (3, 4)), rng.normal(size=(3, 1))), {})],
        c="heaviside",
        jumps=lambda x, middle: (np.equal(x, 0), 0, 1),
    )
)
fraction = row(elementwise(lambda x: np.modf(x)[0], ONE, name="fraction", domain=[(0.1, 0.9)]))
exponent = row(constant(lambda x: np.frexp(x)[1], name="exponent", batch=batching.elementwise))
mantissa = row(
    elementwise(
        lambda x: np.frexp(x)[0],
        lambda y, x: np.ldexp(np.ones_like(x), -exponent(x)),
        name="mantissa",
        domain=[(1.1, 1.9)],
    )
)


@implements(np.modf, examples=lambda rng: [((rng.uniform(1.1, 1.9, (2, 3)),), {})])
def modf(x: Any) -> Any:
    if x.dtype.kind in "biu":
        x = np.astype(x, np.modf(np.ones((), x.dtype))[0].dtype)
    return fraction(x), trunc(x)


@implements(np.frexp, examples=lambda rng: [((rng.uniform(2.1, 3.9, (2, 3)),), {})])
def frexp(x: Any) -> Any:
    return mantissa(x), exponent(x)


@implements(np.divmod, examples=lambda rng: [((rng.uniform(1.1, 1.9, (2, 3)), rng.uniform(2.1, 2.9, 3)), {})])
def divmod(a: Any, b: Any) -> Any:
    return floor_divide(a, b), remainder(a, b)


# -- powers and roots ------------------------------------------------------------------------------------------------

square = row(
    elementwise(
        np.square,
        lambda y, x: 2 * x,
        python=lambda x: x**2,
        symbolic=lambda sp, x: x**2,
        range=intervals.square,
        c="{0} * {0}",
        c_kinds="fi",
    )
)
sqrt = row(
    elementwise(
        np.sqrt,
        over(lambda y, x: 2 * y),
        symbolic=lambda sp, x: sp.sqrt(x),
        domain=POSITIVE,
        range=intervals.sqrt,
        c="sqrt",
    )
)
cbrt = row(elementwise(np.cbrt, over(lambda y, x: 3 * y * y), domain=POSITIVE, c="cbrt"))


def _one_less(x: Array, p: Array) -> Array:
    """The exponent p - 1, but 0 where 0 ** -1 would be multiplied by p = 0."""
    if isinstance(p, (int, float)):
        return p - 1 if p != 0 else 0
    return np.where(np.logical_and(x == 0, p == 0), 0, p - 1)


def _log_of_base(y: Array, x: Array) -> Array:
    """log(x), but 0 at x = 0: there x ** p is 0 for every p > 0."""
    base = np.where(x == 0, 1, x)
    if (
        y.dtype.kind == "f" and base.dtype != y.dtype
    ):  # of small whole numbers, NumPy's logarithm is a half-precision one
        base = base.astype(y.dtype)
    return np.log(base + 0j if y.dtype.kind == "c" else base)  # a complex power of a negative number


def _d_base(y: Array, x: Array, p: Array) -> Array:
    return p * x ** _one_less(x, p)


def _d_exponent(y: Array, x: Array, p: Array) -> Array:
    return y * _log_of_base(y, x)


power = row(
    elementwise(
        np.power,
        _d_base,
        _d_exponent,
        domain=[(0.2, 3), (-2, 2)],
        operator=operator.pow,
        range=intervals.power,
        c="pow",
    )
)
float_power = row(
    elementwise(np.float_power, _d_base, _d_exponent, domain=[(0.2, 3), (-2, 2)], range=intervals.power, c="pow")
)


def raise_to(x: Any, p: Any) -> Any:
    """x ** p; the common constant exponents have cheaper functions, as in NumPy's own operator."""
    cheap = _find_cheap_power(x, p)
    if cheap is None or type(x._array) in PYTHON_NUMBERS:  # of a Python float, Python makes another one, as power does
        return power.call(x, p)
    return cheap(x)


def raise_each(x: Any, p: Any) -> Any:
    """The same where x stands for many examples."""
    cheap = _find_cheap_power(x, p)
    return power.call(x, p) if cheap is None else cheap(x)


def _find_cheap_power(x: Any, p: Any) -> Any:
    if type(p) is not int and type(p) is not float:
        return None
    if x.dtype.kind in "fc" or (type(p) is int and p == 2):  # of whole numbers, 2.0 makes floats, and -1 is refused
        return _CHEAP_POWERS.get(p)
    return None


_CHEAP_POWERS = {2: square.call, 1: positive.call, 0.5: sqrt.call, -1: reciprocal.call}

# -- exponentials and logarithms -------------------------------------------------------------------------------------

exp = row(elementwise(np.exp, lambda y, x: y, symbolic=lambda sp, x: sp.exp(x), range=intervals.exp, c="exp"))
exp2 = row(elementwise(np.exp2, lambda y, x: y * LN2, range=intervals.without_pole, c="exp2"))
expm1 = row(elementwise(np.expm1, lambda y, x: y + 1, range=intervals.without_pole, c="expm1"))
log = row(elementwise(np.log, over(lambda y, x: x), domain=POSITIVE, c="log"))
log2 = row(elementwise(np.log2, over(lambda y, x: x * LN2), domain=POSITIVE, c="log2"))
log10 = row(elementwise(np.log10, over(lambda y, x: x * LN10), domain=POSITIVE, c="log10"))
log1p = row(elementwise(np.log1p, over(lambda y, x: 1 + x), domain=[(-0.8, 3)], c="log1p"))


def _share(y: Array, a: Array, b: Array) -> Array:
    """exp(a) / (exp(a) + exp(b)), from the difference of a and b, which loses nothing where both are large."""
    return np.exp(-np.logaddexp(0, _difference(b, a)))


def _share2(y: Array, a: Array, b: Array) -> Array:
    return np.exp2(-np.logaddexp2(0, _difference(b, a)))


def _difference(b: Array, a: Array) -> Array:
    """b - a; 0 for two infinities alike, which tie."""
    alike = np.logical_and(np.equal(a, b), np.isinf(a))
    return np.where(alike, 0, b) - np.where(alike, 0, a)


logaddexp = row(elementwise(np.logaddexp, _share, lambda y, a, b: _share(y, b, a)))
logaddexp2 = row(elementwise(np.logaddexp2, _share2, lambda y, a, b: _share2(y, b, a)))

# -- trigonometry ----------------------------------------------------------------------------------------------------

sin = row(elementwise(np.sin, lambda y, x: np.cos(x), range=intervals.finite_of_finite(-1, 1), c="sin"))
cos = row(elementwise(np.cos, lambda y, x: -np.sin(x), range=intervals.finite_of_finite(-1, 1), c="cos"))
tan = row(elementwise(np.tan, lambda y, x: 1 + y * y, domain=[(-1.2, 1.2)], c="tan"))
arcsin = row(elementwise(np.arcsin, over(lambda y, x: np.sqrt((1 - x) * (1 + x))), domain=[(-0.9, 0.9)], c="arcsin"))
arccos = row(elementwise(np.arccos, over(lambda y, x: -np.sqrt((1 - x) * (1 + x))), domain=[(-0.9, 0.9)], c="arccos"))
arctan = row(elementwise(np.arctan, over(lambda y, x: 1 + x * x), c="arctan"))
arctan2 = row(
    elementwise(
        np.arctan2,
        lambda y, a, b: b / np.hypot(a, b) / np.hypot(a, b),  # a a + b b over- and underflows
        lambda y, a, b: -(a / np.hypot(a, b) / np.hypot(a, b)),
        domain=[(-3, 3), (0.3, 3)],
        c="arctan2",
    )
)


def _length(y: Array) -> Array:
    """y, but 1 where it is 0: there 0 is taken for the derivative, since y is at its lowest."""
    return np.where(y == 0, 1, y)


hypot = row(
    elementwise(
        np.hypot,
        lambda y, a, b: a / _length(y),
        lambda y, a, b: b / _length(y),
        domain=[(0.3, 3), (0.3, 3)],
        selects=True,
        c="hypot",
    )
)
degrees = row(elementwise(np.degrees, lambda y, x: 180 / np.pi, bounded=True))
rad2deg = row(elementwise(np.rad2deg, lambda y, x: 180 / np.pi, bounded=True))
radians = row(elementwise(np.radians, lambda y, x: np.pi / 180, bounded=True))
deg2rad = row(elementwise(np.deg2rad, lambda y, x: np.pi / 180, bounded=True))


def _d_sinc(y: Array, x: Array) -> Array:
    """(cos πx - sinc x) / x; where that cancels, |x| < 1/4, the derivative of the series Σ (-1)ⁿ (πx)²ⁿ / (2n + 1)!."""
    small = np.abs(x) < 0.25
    t = np.square(np.pi * np.where(small, x, 0))
    series = 0.0 * t
    for c in _SINC_SERIES:
        series = series * t + c
    apart = np.where(small, 1, x)
    return np.where(small, np.pi**2 * x * series, (np.cos(np.pi * apart) - np.sinc(apart)) / apart)


_SINC_SERIES = [(-1) ** n * 2 * n / math.factorial(2 * n + 1) for n in range(9, 0, -1)]

sinc = row(elementwise(np.sinc, _d_sinc))

# -- the modified Bessel function ------------------------------------------------------------------------------------

# I₀(x) is the mean of cosh(x cos θ) over a quarter of a turn; its derivative number k has a factor (cos θ)ᵏ, and sinh
# for odd k. The midpoint rule converges faster than any power of the number of points, since the integrand is periodic
# (Trefethen and Weideman, The Exponentially Convergent Trapezoidal Rule, 2014): 64 do up to |x| = 713, the last finite.
_COSINES = np.cos((np.arange(64) + 0.5) * (np.pi / 128))


def _d_i0(x: Any, order: int) -> Any:
    cosines = make_alike(_COSINES.astype(np.result_type(x, np.float32)), x)
    wave = np.cosh if order % 2 == 0 else np.sinh
    return np.mean(cosines**order * wave(np.multiply.outer(x, cosines)), axis=-1)


d_i0: Op = row(
    elementwise(
        _d_i0,
        lambda y, x, order: d_i0(x, order=order + 1),
        name="d_i0",
        examples=lambda rng: [((rng.normal(size=(2, 3)),), {"order": order}) for order in (1, 2)],
    )
)
i0 = row(elementwise(np.i0, lambda y, x: d_i0(x, order=1)))

# -- hyperbolic functions --------------------------------------------------------------------------------------------

sinh = row(elementwise(np.sinh, lambda y, x: np.cosh(x), range=intervals.without_pole, c="sinh"))
cosh = row(elementwise(np.cosh, lambda y, x: np.sinh(x), range=intervals.without_pole, c="cosh"))
tanh = row(elementwise(np.tanh, lambda y, x: 1 - y * y, range=(-1, 1), c="tanh"))
arcsinh = row(elementwise(np.arcsinh, over(lambda y, x: np.sqrt(x * x + 1)), c="arcsinh"))
arccosh = row(
    elementwise(np.arccosh, over(lambda y, x: np.sqrt(x - 1) * np.sqrt(x + 1)), domain=[(1.2, 4)], c="arccosh")
)
arctanh = row(elementwise(np.arctanh, over(lambda y, x: (1 - x) * (1 + x)), domain=[(-0.8, 0.8)], c="arctanh"))

# -- the larger, the smaller -----------------------------------------------------------------------------------------


def _is_larger(a: Any, b: Any) -> Any:
    """1 where a is larger, ½ where they are equal, 0 where b is, in their own dtype."""
    if type(b) in (int, float) and b == 0:  # np.maximum(z, 0), relu as it is often written: one pass instead of four
        return np.heaviside(a, 0.5)
    return np.where(a == b, 0.5, a > b).astype(np.result_type(a, b))


is_larger = row(
    constant(
        _is_larger,
        operands=2,
        batch=batching.elementwise,
        inline=True,
        range=intervals.between(0, 1),
        jumps=lambda a, b: (np.equal(a, b), 0, 1),
    )
)

_CHOICE: dict[str, Any] = {"kinks": (0,), "selects": True, "bounded": True, "range": intervals.union}
maximum = row(
    elementwise(np.maximum, lambda y, a, b: is_larger(a, b), lambda y, a, b: is_larger(b, a), **_CHOICE, c="max")
)
minimum = row(
    elementwise(np.minimum, lambda y, a, b: is_larger(b, a), lambda y, a, b: is_larger(a, b), **_CHOICE, c="min")
)


def _is_larger_ignoring_nan(a: Any, b: Any) -> Any:
    """The same, where a number is larger, and smaller, than NaN."""
    return np.where(np.isnan(a) | np.isnan(b), np.where(np.isnan(a), np.isnan(b) / 2, 1), _is_larger(a, b)).astype(
        np.result_type(a, b)
    )


def _is_smaller_ignoring_nan(a: Any, b: Any) -> Any:
    """1 where a is smaller, ½ where they are equal; a number is smaller than NaN, too."""
    share = np.where(np.isnan(a), np.isnan(b) / 2, 1)
    return np.where(np.isnan(a) | np.isnan(b), share, _is_larger(b, a)).astype(np.result_type(a, b))


is_larger_ignoring_nan = row(
    constant(
        _is_larger_ignoring_nan,
        operands=2,
        batch=batching.elementwise,
        jumps=lambda a, b: (np.equal(a, b), 0, 1),
    )
)
is_smaller_ignoring_nan = row(
    constant(
        _is_smaller_ignoring_nan,
        operands=2,
        batch=batching.elementwise,
        jumps=lambda a, b: (np.equal(a, b), 1, 0),
    )
)

fmax = row(
    elementwise(
        np.fmax, lambda y, a, b: is_larger_ignoring_nan(a, b), lambda y, a, b: is_larger_ignoring_nan(b, a), **_CHOICE
    )
)
fmin = row(
    elementwise(
        np.fmin,
        lambda y, a, b: is_smaller_ignoring_nan(a, b),
        lambda y, a, b: is_smaller_ignoring_nan(b, a),
        **_CHOICE,
    )
)


@implements(
    np.clip,
    examples=lambda rng: [
        ((rng.normal(size=(2, 3)), -0.7, 0.8), {}),
        ((rng.normal(size=(2, 3)), None, rng.normal(size=3)), {}),
        ((rng.normal(size=(2, 3)),), {"min": -0.7}),
    ],
)
def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """a, kept between two bounds; a or a bound that is at an edge has half the gradient, as in minimum and maximum."""
    low, high = a_min if min is None else min, a_max if max is None else max
    if (a_min is not None and min is not None) or (a_max is not None and max is not None):
        raise ValueError("clip: give a_min= or min=, a_max= or max=, not both")
    if isinstance(a, (int, float)):  # its dtype counts, that of a number given as a bound does not
        a = np.asarray(a)
    if isinstance(low, (int, float)):
        if hasattr(high, "dtype"):  # whose dtype the number has, which is rounded otherwise
            low = np.asarray(low, np.result_type(a, low, high))
        elif isinstance(high, (int, float)) and low == high:
            a = np.where(np.equal(a, low), low, a)  # what is constant everywhere is so where a is at the bounds, too
    result = a if low is None else maximum(a, low)
    if high is not None:
        result = minimum(result, high)
    return positive(a) if result is a else result


# The ufunc behind the method of an array, X.clip(low, high); it has no public name.
handlers[np._core.umath.clip] = clip  # type: ignore[attr-defined]


def _nan_to_num_vjp(g: Array, y: Array, x: Array, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Array:
    if x.dtype.kind == "c":  # the parts are replaced one by one
        return np.where(np.isfinite(np.real(x)), np.real(g), 0) + 1j * np.where(np.isfinite(np.imag(x)), np.imag(g), 0)
    return np.where(np.isfinite(x), g, 0)


nan_to_num_ = row(custom_vjp(np.nan_to_num, _nan_to_num_vjp, batch=batching.elementwise, selects=True))


@implements(
    np.nan_to_num,
    examples=lambda rng: [((rng.normal(size=(2, 3)),), {}), ((rng.normal(size=3),), {"nan": 0.5})],
)
def nan_to_num(x: Any, *, nan: Any = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """What stands in for NaN and the infinities may be Tensors."""
    limits = np.finfo(x.dtype) if x.dtype.kind == "f" else None
    if limits is None or not any(isinstance(value, Tensor) for value in (nan, posinf, neginf)):
        return nan_to_num_(x, nan=nan, posinf=posinf, neginf=neginf)
    for found, given, usual in (
        (np.isnan(x), nan, 0.0),
        (np.isposinf(x), posinf, limits.max),
        (np.isneginf(x), neginf, limits.min),
    ):
        x = np.where(found, as_dtype(as_array(usual if given is None else given), x.dtype), x)
    return x


# -- piecewise constant: no gradient, but a program records them -----------------------------------------------------

equal = row(
    constant(np.equal, operands=2, operator=operator.eq, range=intervals.between(0, 1), c="{0} == {1}", c_kinds="fib")
)
not_equal = row(
    constant(
        np.not_equal, operands=2, operator=operator.ne, range=intervals.between(0, 1), c="{0} != {1}", c_kinds="fib"
    )
)
_ORDER: dict[str, Any] = {
    "operands": 2,
    "range": intervals.between(0, 1),
    "c_kinds": "fib",
    "jumps": lambda a, b: (np.equal(a, b), False, True),
}
less = row(constant(np.less, operator=operator.lt, c="{0} < {1}", **_ORDER))
less_equal = row(constant(np.less_equal, operator=operator.le, c="{0} <= {1}", **_ORDER))
greater = row(constant(np.greater, operator=operator.gt, c="{0} > {1}", **_ORDER))
greater_equal = row(constant(np.greater_equal, operator=operator.ge, c="{0} >= {1}", **_ORDER))
logical_and = row(constant(np.logical_and, operands=2, c="({0} != 0) & ({1} != 0)", c_kinds="fib"))
logical_or = row(constant(np.logical_or, operands=2, c="({0} != 0) | ({1} != 0)", c_kinds="fib"))
logical_xor = row(constant(np.logical_xor, operands=2, c="({0} != 0) ^ ({1} != 0)", c_kinds="fib"))
logical_not = row(constant(np.logical_not, c="{0} == 0", c_kinds="fib"))
bitwise_and = row(constant(np.bitwise_and, operands=2, operator=operator.and_, c="{0} & {1}", c_kinds="ib"))
bitwise_or = row(constant(np.bitwise_or, operands=2, operator=operator.or_, c="{0} | {1}", c_kinds="ib"))
bitwise_xor = row(constant(np.bitwise_xor, operands=2, operator=operator.xor, c="{0} ^ {1}", c_kinds="ib"))
invert = row(constant(np.invert, operator=operator.invert))
sign = row(constant(np.sign, range=(-1, 1), c="sign", jumps=lambda x: (np.equal(x, 0), -1, 1)))
floor = row(constant(np.floor, c="floor"))
ceil = row(constant(np.ceil, c="ceil"))
trunc = row(constant(np.trunc, c="trunc"))
rint = row(constant(np.rint, c="rint"))
floor_divide = row(constant(np.floor_divide, operands=2, operator=operator.floordiv))
isnan = row(constant(np.isnan, c="{0} != {0}"))
isinf = row(constant(np.isinf, c="{0} - {0} != 0 && {0} == {0}"))
isfinite = row(constant(np.isfinite, c="{0} - {0} == 0"))
isneginf = row(constant(np.isneginf, batch=batching.elementwise))
isposinf = row(constant(np.isposinf, batch=batching.elementwise))
isclose = row(constant(np.isclose, operands=2, batch=batching.elementwise))
signbit = row(constant(np.signbit, jumps=lambda x: (np.equal(x, 0), True, False)))
spacing = row(constant(np.spacing))
fix = row(constant(np.fix, batch=batching.elementwise))
round = row(
    constant(np.round, batch=batching.elementwise, examples=with_keywords({}, {"decimals": 1})), np.round, np.around
)
left_shift = row(constant(np.left_shift, operands=2, operator=operator.lshift))
right_shift = row(constant(np.right_shift, operands=2, operator=operator.rshift))
bitwise_count = row(constant(np.bitwise_count))
gcd = row(constant(np.gcd, operands=2))
lcm = row(constant(np.lcm, operands=2))
packbits = row(constant(np.packbits, batch=batching.along(None), examples=over_axes(draw=whole)))
unpackbits = row(constant(np.unpackbits))
