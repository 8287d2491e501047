"""Functions of SciPy's with derivatives: tg.scipy.linalg, tg.scipy.fft and tg.scipy.special.

SciPy does not ask its arguments whether they have a function of their own, as NumPy does; so these are other functions
by the same names. On plain arrays they give what SciPy's give. (scipy.special's ufuncs take Tensors as they are, and so
does the @ of scipy.sparse.) SciPy is imported when the first of them is called.
"""

from . import fft as fft
from . import linalg as linalg
from . import special as special

__all__ = [
    "fft",
    "linalg",
    "special",
]


def __dir__() -> list[str]:
    """What is public: an editor completes `tg.scipy.` with this."""
    return __all__
