"""Complex arrays: their parts, their conjugates, their angles.

The convention (docs/complex.md): cotangents and values are paired by Re(Σ g y), without conjugation. So an analytic
function's rule is the same for complex operands, g times its derivative; and those that are not analytic are here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import batching
from ..dispatch import handlers
from ..op import constant, linear
from ..table import implements, row
from . import elementwise


def _numbers(rng: np.random.Generator) -> list[tuple[Any, dict[str, Any]]]:
    return [((rng.normal(size=(2, 3)),), {})]


# Re(g Re x) = Re(g x) for a real g, and Im x = Re(-i x).
real = row(linear(np.real, lambda g, y, x: g, batch=batching.elementwise, alias=True, examples=_numbers))
imag = row(
    linear(
        np.imag,
        lambda g, y, x: g * -1j if x.dtype.kind == "c" else 0 * g,
        batch=batching.elementwise,
        examples=_numbers,
    )
)
conjugate = row(linear(np.conjugate, lambda g, y, x: np.conjugate(g), batch=batching.elementwise, examples=_numbers))

iscomplex = row(constant(np.iscomplex, batch=batching.elementwise))
isreal = row(constant(np.isreal, batch=batching.elementwise))


_angle_of_real = constant(
    np.angle, batch=batching.elementwise
)  # 0 or π, by the sign bit, so that -0.0 counts as negative; NaN for NaN


@implements(np.angle, examples=_numbers)
def angle(z: Any, deg: bool = False) -> Any:
    """The argument of a complex number, in radians (or degrees); of a real one 0 or π, with no gradient."""
    y = np.arctan2(np.imag(z), np.real(z)) if z.dtype.kind == "c" else _angle_of_real(z)
    return y * (180 / np.pi) if deg else y


def sign(x: Any) -> Any:
    """x / |x|, and 0 at 0. Of a real x it is piecewise constant; of a complex one it is not."""
    if x.dtype.kind != "c":
        return elementwise.sign.call(x)
    size = np.abs(x)
    return x / np.where(size == 0, 1, size)


handlers[np.sign] = sign
