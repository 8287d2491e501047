"""minimize, root: scipy.optimize over trees of parameters, with derivatives."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import tree
from .arguments import single_number
from .compile import Compiled
from .compile import compile as compile_function
from .containers import advise
from .foreign import check_is_here
from .jacobians import hessian, hvp, jacobian
from .keywords import explains_keywords
from .optional import load_scipy
from .signatures import check_function
from .tensor import Tensor, leaf
from .transforms import value_and_grad

Function = Callable[..., Any]

# What scipy.optimize's methods make use of.
_WITHOUT_GRADIENT = {"nelder-mead", "powell", "cobyla", "cobyqa"}
_WITH_PRODUCTS = {"newton-cg", "trust-ncg", "trust-krylov", "trust-constr"}
_WITH_HESSIAN = {"dogleg", "trust-exact"}
_WITHOUT_BOUNDS = {"cg", "bfgs", "newton-cg", "dogleg", "trust-ncg", "trust-exact", "trust-krylov"}
_ROOTS_WITH_JACOBIAN = {"hybr", "lm"}


@explains_keywords
def minimize(
    f: Function,
    params: Any,
    method: str = "L-BFGS-B",
    *,
    args: Sequence[Any] = (),
    bounds: Any = None,
    tol: float | None = None,
    options: dict[str, Any] | None = None,
    callback: Function | None = None,
    progress: bool = False,
    **others: Any,
) -> Any:
    """The params for which f(params, *args), a number, is least: scipy.optimize.minimize with gradients.

    params: where to start; a tree of float arrays. method: any of SciPy's. Its gradient is tg.grad's; those that take
    them are given products with the Hessian (Newton-CG, trust-ncg, trust-krylov, trust-constr) or the Hessian itself
    (dogleg, trust-exact); Nelder-Mead and its like need none. Where f is a compiled function, so are its derivatives.

    bounds: a pair (low, high), each None, a number, or a tree like params of such, or of arrays (and not, as SciPy's
    are, a pair for each entry). callback: called with the params after every iteration; StopIteration ends it.
    progress: a line on the terminal. tol, options, and others: as SciPy's minimize takes them (constraints= works on
    the vector of all entries, see tg.tree.ravel).

    Returns SciPy's result (.x, .fun, .success, .message, .nit, …) with .x and .jac, the gradient, in the structure,
    shapes and dtypes of params. ModuleNotFoundError without SciPy; TypeError for complex params or a result that is no
    number.

    >>> import numpy as np, tinygrad_lite as tg
    >>> def cost(p):
    ...     return np.sum((p["w"] - np.array([1.0, 2.0])) ** 2) + (p["b"] + 1) ** 4
    >>> result = tg.minimize(cost, {"w": np.zeros(2), "b": 0.0}, bounds=(None, {"w": 1.5, "b": None}))
    >>> result.success, result.x["w"].round(4)
    (True, array([1. , 1.5]))
    """
    optimize = load_scipy("optimize", "tg.minimize")
    check_function("minimize", f, "(f, params)")
    args = args if isinstance(args, (tuple, list)) else (args,)
    start, unravel = _as_vector(params, "minimize")
    kind = method.lower() if isinstance(method, str) else ""
    f, like_f = _plain(f)
    progress_line = _ProgressLine(progress)

    def of_vector(vector: Any) -> Any:
        y = f(unravel(vector), *args)
        single_number(leaf(y, 0) if isinstance(y, np.ndarray) else y, f, "minimize")
        return y

    function_of_vector = like_f(of_vector)
    gradient = like_f(value_and_grad(of_vector))

    def value(vector: Any) -> float:
        y = function_of_vector(vector)
        return float(np.asarray(y._array if isinstance(y, Tensor) else y))

    def value_and_gradient(vector: Any) -> tuple[float, Any]:
        y, g = gradient(vector)
        number = float(np.asarray(y._array if isinstance(y, Tensor) else y))
        progress_line.note_cost(number, g)
        return number, np.asarray(g, float)

    extra: dict[str, Any] = {"jac": True}
    function: Function = value_and_gradient
    if kind in _WITHOUT_GRADIENT:
        extra, function = {}, value
    elif kind in _WITH_PRODUCTS:
        product = like_f(lambda vector, v: hvp(of_vector, (vector,), (v,))[0])
        extra["hessp"] = lambda vector, v: np.asarray(product(vector, v), float)
    elif kind in _WITH_HESSIAN:
        second = like_f(hessian(of_vector))
        extra["hess"] = lambda vector: np.asarray(second(vector), float)
    for name in ("jac", "hess", "hessp"):
        if name in others:
            raise TypeError(f"minimize: {name}= is what tg.minimize finds itself; leave it out")
    if bounds is not None:
        if kind in _WITHOUT_BOUNDS:
            raise ValueError(f"minimize: {method} knows no bounds; L-BFGS-B, which is the default then, does")
        extra["bounds"] = _bounds(bounds, params, optimize)

    def after_iteration(intermediate_result: Any) -> None:
        progress_line.show_iteration()
        if callback is not None:
            callback(unravel(np.array(intermediate_result.x)))

    if kind == "tnc" or kind == "cobyla" or kind == "slsqp":  # these give the vector alone
        extra["callback"] = lambda xk: after_iteration(optimize.OptimizeResult(x=xk))
    else:
        extra["callback"] = after_iteration
    try:
        result = optimize.minimize(function, start, method=method, tol=tol, options=options, **extra, **others)
    finally:
        progress_line.end()
    result.x = unravel(np.asarray(result.x))
    for name in ("jac", "grad"):  # trust-constr calls it grad; its jac is that of the constraints
        if np.shape(result.get(name)) == start.shape:
            result[name] = unravel(np.asarray(result[name]))
    if "grad" in result and not len(result.jac):
        result.jac = result.grad
    return result


@explains_keywords
def root(
    f: Function,
    params: Any,
    method: str = "hybr",
    *,
    args: Sequence[Any] = (),
    tol: float | None = None,
    options: dict[str, Any] | None = None,
    **others: Any,
) -> Any:
    """The params for which f(params, *args) is zero everywhere: scipy.optimize.root with the Jacobian.

    params: where to start, a tree of float arrays. f: gives a tree of arrays with as many entries in all (ValueError
    otherwise). method: any of SciPy's; hybr and lm are given the Jacobian. tol, options, others: as SciPy takes them.
    Returns SciPy's result with .x in the structure of params and .fun in that of f's result. Where f is a compiled
    function, so is its Jacobian. ModuleNotFoundError without SciPy.

    >>> import numpy as np, tinygrad_lite as tg
    >>> result = tg.root(lambda p: [p["x"] + p["y"] - 3, p["x"] * p["y"] - 2], {"x": 0.0, "y": 5.0})
    >>> round(float(result.x["x"]), 6), round(float(result.x["y"]), 6)
    (1.0, 2.0)
    """
    optimize = load_scipy("optimize", "tg.root")
    check_function("root", f, "(f, params)")
    args = args if isinstance(args, (tuple, list)) else (args,)
    start, unravel = _as_vector(params, "root")
    found: list[Any] = []
    plain, like_f = _plain(f)

    def of_vector(vector: Any) -> Any:
        return tree.ravel(plain(unravel(vector), *args))[0]

    def values(vector: Any) -> Any:
        residual, back = tree.ravel(f(unravel(vector), *args))
        found[:] = [back]
        residual = np.asarray(residual._array if isinstance(residual, Tensor) else residual)
        if residual.dtype.kind == "c":
            raise TypeError(f"root: {_name(f)} gives complex numbers; give their real and imaginary parts instead")
        residual = residual.astype(float)
        if residual.shape != start.shape and method != "lm":
            raise ValueError(
                f"root: {_name(f)} gives {residual.size} numbers for {start.size} unknowns; there must be as many"
            )
        return residual

    extra = {}
    if method in _ROOTS_WITH_JACOBIAN:
        matrix = like_f(jacobian(of_vector))
        extra["jac"] = lambda vector: np.asarray(matrix(vector), float)
    if "jac" in others:
        raise TypeError("root: jac= is what tg.root finds itself; leave it out")
    result = optimize.root(values, start, method=method, tol=tol, options=options, **extra, **others)
    result.x = unravel(np.asarray(result.x))
    result.fun = found[0](np.asarray(result.fun))
    return result


# -- helpers ---------------------------------------------------------------------------------------------------------


def _name(f: Function) -> str:
    return getattr(f, "__name__", "the function")


def _plain(f: Function) -> tuple[Function, Function]:
    """f as it was before tg.compile, and what compiles a function made of it if f was compiled.

    (Transforms around a compiled function run it as plain Python.)
    """
    if isinstance(f, Compiled):
        return f.__wrapped__, functools.partial(compile_function, target=f.target)
    return f, lambda function: function


def _as_vector(params: Any, name: str) -> tuple[Any, Function]:
    """All entries of params in one vector of float64, and the way back."""
    params = tree.map(lambda x: x.numpy() if isinstance(x, Tensor) else x, params)
    tree.map(lambda x: check_is_here(x, f"{name}: params"), params)  # SciPy works on NumPy's arrays
    vector, unravel = tree.ravel(params)
    if not vector.size:
        raise TypeError(f"{name}: there is no array in params, {params!r:.60}, to start from")
    if vector.dtype.kind == "c":
        raise TypeError(f"{name}: params are complex; give their real and imaginary parts instead")
    if vector.dtype.kind != "f":
        what = advise(params) if vector.dtype.kind == "O" else "; give floats, as in 3.0 for 3"
        raise TypeError(f"{name}: params are {vector.dtype}{what}")
    return np.asarray(vector, np.float64), unravel


def _bounds(bounds: Any, params: Any, optimize: Any) -> Any:
    if not isinstance(bounds, (tuple, list)) or len(bounds) != 2:
        raise TypeError(f"minimize: bounds is {bounds!r:.60}; give a pair (low, high)")
    low, high = (
        np.concatenate([np.ravel(x) for x in _fit_bound(bound, params, "params", nothing)])
        for bound, nothing in zip(bounds, (-np.inf, np.inf), strict=True)
    )
    if np.any(np.isnan(low) | np.isnan(high)):
        raise ValueError("minimize: a bound is nan; where there is none, say None")
    if np.any(low > high):
        raise ValueError("minimize: a lower bound is larger than the upper one")
    return optimize.Bounds(low, high)


def _fit_bound(bound: Any, part: Any, path: str, nothing: float) -> list[Any]:
    """A bound for each entry of each leaf of a tree."""
    if isinstance(part, dict) and isinstance(bound, dict) and set(bound) == set(part):
        return [x for key in part for x in _fit_bound(bound[key], part[key], f"{path}[{key!r}]", nothing)]
    if isinstance(part, (list, tuple)) and isinstance(bound, (list, tuple)) and len(bound) == len(part):
        pairs = enumerate(zip(bound, part, strict=True))
        return [x for i, (b, p) in pairs for x in _fit_bound(b, p, f"{path}[{i}]", nothing)]
    if isinstance(bound, tuple) and not isinstance(part, (list, tuple)):
        raise ValueError(
            f"minimize: the bound {bound!r:.60} of {path} is a tuple. SciPy's pairs, one for each entry, are not taken "
            "here: bounds is (low, high), each None, a number, an array, or a tree like params"
        )
    leaves, structure = tree.flatten(part)
    if bound is None or (not isinstance(bound, dict) and np.ndim(bound) == 0):
        return [np.full(np.shape(x), nothing if bound is None else bound) for x in leaves]
    if len(leaves) == 1 and structure.kind is tree.LEAF and _shape(bound) == _shape(leaves[0]):
        return [np.vectorize(lambda b: nothing if b is None else b, otypes=[float])(np.asarray(bound, object))]
    parts, found = tree.flatten(bound)
    if found == structure and all(np.shape(b) in ((), np.shape(x)) for b, x in zip(parts, leaves, strict=True)):
        return [np.broadcast_to(b, np.shape(x)) for b, x in zip(parts, leaves, strict=True)]
    raise ValueError(
        f"minimize: the bound {bound!r:.60} does not fit {path}; it is None, a number, an array of its shape, or a "
        "tree of such built like it"
    )


def _shape(x: Any) -> tuple[int, ...]:
    return np.shape(x)


class _ProgressLine:
    """One line on the terminal, written over at every iteration."""

    def __init__(self, wanted: bool) -> None:
        self.wanted, self.iterations, self.cost, self.slope = wanted, 0, np.nan, np.nan

    def note_cost(self, cost: float, gradient: Any) -> None:
        if self.wanted:
            self.cost, self.slope = cost, float(np.max(np.abs(np.asarray(gradient)), initial=0))

    def show_iteration(self) -> None:
        self.iterations += 1
        if self.wanted:
            text = f"{self.iterations} iterations  cost {self.cost:.6g}  largest slope {self.slope:.2g}"
            print(f"\r{text:<78}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        if self.wanted and self.iterations:
            print(file=sys.stderr)
