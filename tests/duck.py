"""The strictest array of another library: it speaks NumPy's protocols, and refuses to become an ndarray."""

import numbers

import numpy as np

from tests.another_library import Library


class Duck:
    """The least an array can be: NumPy's two protocols, and no way to become an ndarray."""

    def __init__(self, array):
        self.held = np.asarray(array)

    shape = property(lambda self: self.held.shape)
    dtype = property(lambda self: self.held.dtype)
    ndim = property(lambda self: self.held.ndim)
    size = property(lambda self: self.held.size)
    T = property(lambda self: Duck(self.held.T))

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("a duck array was coerced")

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if any(not isinstance(x, (Duck, np.ndarray, numbers.Number, np.generic)) for x in inputs):
            return NotImplemented
        return wrap(getattr(ufunc, method)(*map(unwrap, inputs), **kwargs))

    def __array_function__(self, func, types, args, kwargs):
        if any(not issubclass(kind, (Duck, np.ndarray)) for kind in types):
            return NotImplemented
        return wrap(func(*unwrap(args), **unwrap(kwargs)))

    def __getitem__(self, index):
        return wrap(self.held[unwrap(index)])

    def __setitem__(self, index, value):
        self.held[unwrap(index)] = unwrap(value)

    def __bool__(self):
        return bool(self.held)

    def __float__(self):
        return float(self.held)

    def __int__(self):
        return int(self.held)

    def astype(self, dtype):
        return Duck(self.held.astype(dtype))

    def copy(self):
        return Duck(self.held.copy())


for _name in ("add", "sub", "mul", "truediv", "pow", "matmul", "radd", "rsub", "rmul", "rtruediv", "rmatmul"):
    setattr(Duck, f"__{_name}__", getattr(np.lib.mixins.NDArrayOperatorsMixin, f"__{_name}__"))
for _name in ("neg", "lt", "le", "gt", "ge", "eq", "ne", "abs", "and", "or", "invert", "rpow"):
    setattr(Duck, f"__{_name}__", getattr(np.lib.mixins.NDArrayOperatorsMixin, f"__{_name}__"))


def unwrap(x):
    """What is held, in lists and dictionaries, too."""
    if isinstance(x, dict):
        return {k: unwrap(v) for k, v in x.items()}
    if type(x) in (tuple, list):
        return type(x)(unwrap(v) for v in x)
    return getattr(x, "held", x)


def wrap(x, kind=Duck):
    """An array, or each of several results, as one of this kind."""
    if type(x) in (tuple, list):
        return type(x)(wrap(part, kind) for part in x)
    if isinstance(x, tuple):  # a named one, of np.linalg
        return type(x)(*(wrap(part, kind) for part in x))
    return kind(x) if isinstance(x, (np.ndarray, np.generic)) else x


DUCK = Library(Duck, Duck, lambda x: x.held)
