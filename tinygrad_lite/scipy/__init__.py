"""Functions of SciPy's outside scipy.special, with derivatives: tg.scipy.linalg and tg.scipy.fft.

SciPy does not ask its arguments whether they have a function of their own, as NumPy does; so these are other functions
by the same names. On plain arrays they give what SciPy's give. (scipy.special's functions take Tensors as they are, and
so does the @ of scipy.sparse.) SciPy is imported when the first of them is called.
"""

from . import fft as fft
from . import linalg as linalg
