"""Element by element: arithmetic, powers, exponentials, trigonometry, comparisons.

One row a function: NumPy's function, then the partial derivative for each operand, in terms of the result y and the
operands. `domain` is where the tests draw operands, `kinks` where the derivative jumps; both only where needed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import MINUS_ONE, ONE, Array, constant, elementwise, over, row

LN2, LN10 = float(np.log(2)), float(np.log(10))
POSITIVE = [(0.1, 5.0)]

# -- arithmetic ------------------------------------------------------------------------------------------------------

add = row(elementwise(np.add, ONE, ONE))
subtract = row(elementwise(np.subtract, ONE, MINUS_ONE))
multiply = row(elementwise(np.multiply, lambda y, a, b: b, lambda y, a, b: a))
divide = row(elementwise(np.divide, over(lambda y, a, b: b), lambda y, a, b: -y / b, domain=[(-3, 3), (0.2, 5)]))
negative = row(elementwise(np.negative, MINUS_ONE))
positive = row(elementwise(np.positive, ONE))
reciprocal = row(elementwise(np.reciprocal, lambda y, x: -y * y, domain=POSITIVE))
absolute = row(elementwise(np.absolute, lambda y, x: np.sign(x), kinks=(0,), selects=True, bounded=True))
fabs = row(elementwise(np.fabs, lambda y, x: np.sign(x), kinks=(0,), selects=True, bounded=True))
remainder = row(elementwise(np.remainder, ONE, lambda y, a, b: -np.floor_divide(a, b), domain=[(1.1, 1.9), (2.1, 2.9)]))
fmod = row(elementwise(np.fmod, ONE, lambda y, a, b: -np.trunc(a / b), domain=[(1.1, 1.9), (2.1, 2.9)]))

# -- powers and roots ------------------------------------------------------------------------------------------------

square = row(elementwise(np.square, lambda y, x: 2 * x))
sqrt = row(elementwise(np.sqrt, over(lambda y, x: 2 * y), domain=POSITIVE))
cbrt = row(elementwise(np.cbrt, over(lambda y, x: 3 * y * y), domain=POSITIVE))


def _one_less(p: Array) -> Array:
    """The exponent p - 1; where p is 0 anything will do, since it is multiplied by p."""
    if isinstance(p, (int, float)):
        return p - 1 if p != 0 else 1
    return np.where(p == 0, 1, p - 1)


def _log_of_base(x: Array) -> Array:
    """log(x), but 0 at x = 0: there x ** p is 0 for every p > 0."""
    return np.log(np.where(x == 0, 1, x))


def _d_base(y: Array, x: Array, p: Array) -> Array:
    return p * x ** _one_less(p)


def _d_exponent(y: Array, x: Array, p: Array) -> Array:
    return y * _log_of_base(x)


power = row(elementwise(np.power, _d_base, _d_exponent, domain=[(0.2, 3), (-2, 2)]))
float_power = row(elementwise(np.float_power, _d_base, _d_exponent, domain=[(0.2, 3), (-2, 2)]))


def raise_to(x: Any, p: Any) -> Any:
    """x ** p; the common constant exponents have cheaper functions, as in NumPy's own operator."""
    cheap = _CHEAP_POWERS.get(p) if type(p) is int or type(p) is float else None
    return power.call(x, p) if cheap is None else cheap(x)


_CHEAP_POWERS = {2: square.call, 1: positive.call, 0.5: sqrt.call, -1: reciprocal.call}

# -- exponentials and logarithms -------------------------------------------------------------------------------------

exp = row(elementwise(np.exp, lambda y, x: y))
exp2 = row(elementwise(np.exp2, lambda y, x: y * LN2))
expm1 = row(elementwise(np.expm1, lambda y, x: y + 1))
log = row(elementwise(np.log, over(lambda y, x: x), domain=POSITIVE))
log2 = row(elementwise(np.log2, over(lambda y, x: x * LN2), domain=POSITIVE))
log10 = row(elementwise(np.log10, over(lambda y, x: x * LN10), domain=POSITIVE))
log1p = row(elementwise(np.log1p, over(lambda y, x: 1 + x), domain=[(-0.8, 3)]))
logaddexp = row(elementwise(np.logaddexp, lambda y, a, b: np.exp(a - y), lambda y, a, b: np.exp(b - y), bounded=True))
logaddexp2 = row(
    elementwise(np.logaddexp2, lambda y, a, b: np.exp2(a - y), lambda y, a, b: np.exp2(b - y), bounded=True)
)

# -- trigonometry ----------------------------------------------------------------------------------------------------

sin = row(elementwise(np.sin, lambda y, x: np.cos(x), bounded=True))
cos = row(elementwise(np.cos, lambda y, x: -np.sin(x), bounded=True))
tan = row(elementwise(np.tan, lambda y, x: 1 + y * y, domain=[(-1.2, 1.2)]))
arcsin = row(elementwise(np.arcsin, over(lambda y, x: np.sqrt((1 - x) * (1 + x))), domain=[(-0.9, 0.9)]))
arccos = row(elementwise(np.arccos, over(lambda y, x: -np.sqrt((1 - x) * (1 + x))), domain=[(-0.9, 0.9)]))
arctan = row(elementwise(np.arctan, over(lambda y, x: 1 + x * x), bounded=True))
arctan2 = row(
    elementwise(
        np.arctan2,
        lambda y, a, b: b / (a * a + b * b),
        lambda y, a, b: -a / (a * a + b * b),
        domain=[(-3, 3), (0.3, 3)],
    )
)
hypot = row(elementwise(np.hypot, lambda y, a, b: a / y, lambda y, a, b: b / y, domain=[(0.3, 3), (0.3, 3)]))
degrees = row(elementwise(np.degrees, lambda y, x: 180 / np.pi, bounded=True))
rad2deg = row(elementwise(np.rad2deg, lambda y, x: 180 / np.pi, bounded=True))
radians = row(elementwise(np.radians, lambda y, x: np.pi / 180, bounded=True))
deg2rad = row(elementwise(np.deg2rad, lambda y, x: np.pi / 180, bounded=True))

# -- hyperbolic functions --------------------------------------------------------------------------------------------

sinh = row(elementwise(np.sinh, lambda y, x: np.cosh(x)))
cosh = row(elementwise(np.cosh, lambda y, x: np.sinh(x)))
tanh = row(elementwise(np.tanh, lambda y, x: 1 - y * y, bounded=True))
arcsinh = row(elementwise(np.arcsinh, over(lambda y, x: np.sqrt(x * x + 1)), bounded=True))
arccosh = row(elementwise(np.arccosh, over(lambda y, x: np.sqrt((x - 1) * (x + 1))), domain=[(1.2, 4)]))
arctanh = row(elementwise(np.arctanh, over(lambda y, x: (1 - x) * (1 + x)), domain=[(-0.8, 0.8)]))

# -- the larger, the smaller -----------------------------------------------------------------------------------------


def _wins(a: Any, b: Any) -> Any:
    """1 where a is larger, ½ where they are equal, 0 where b is, in their own dtype."""
    return np.where(a == b, 0.5, a > b).astype(np.result_type(a, b))


wins = row(constant(_wins, operands=2))

maximum = row(
    elementwise(
        np.maximum,
        lambda y, a, b: wins(a, b),
        lambda y, a, b: wins(b, a),
        kinks=(0,),
        selects=True,
        bounded=True,
    )
)
minimum = row(
    elementwise(
        np.minimum,
        lambda y, a, b: wins(b, a),
        lambda y, a, b: wins(a, b),
        kinks=(0,),
        selects=True,
        bounded=True,
    )
)

# -- piecewise constant: no gradient, but a program records them -----------------------------------------------------

equal = row(constant(np.equal, operands=2))
not_equal = row(constant(np.not_equal, operands=2))
less = row(constant(np.less, operands=2))
less_equal = row(constant(np.less_equal, operands=2))
greater = row(constant(np.greater, operands=2))
greater_equal = row(constant(np.greater_equal, operands=2))
logical_and = row(constant(np.logical_and, operands=2))
logical_or = row(constant(np.logical_or, operands=2))
logical_xor = row(constant(np.logical_xor, operands=2))
logical_not = row(constant(np.logical_not))
bitwise_and = row(constant(np.bitwise_and, operands=2))
bitwise_or = row(constant(np.bitwise_or, operands=2))
bitwise_xor = row(constant(np.bitwise_xor, operands=2))
invert = row(constant(np.invert))
sign = row(constant(np.sign))
floor = row(constant(np.floor))
ceil = row(constant(np.ceil))
trunc = row(constant(np.trunc))
rint = row(constant(np.rint))
floor_divide = row(constant(np.floor_divide, operands=2))
isnan = row(constant(np.isnan))
isinf = row(constant(np.isinf))
isfinite = row(constant(np.isfinite))
