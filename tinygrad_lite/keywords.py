"""Keywords as PyTorch, JAX, autograd, Keras and NumPy spell them, and what to write here: for error messages."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar, cast

import numpy as np

from .signatures import parameters

_SAME: Final = (
    ("axis", "axes", "dim", "dims", "dimension"),
    ("keepdims", "keepdim", "keep_dims"),
    ("argnums", "argnum", "wrt"),
    ("in_axes", "in_dims"),
    ("out_axes", "out_dims"),
    ("lr", "learning_rate"),
    ("eps", "epsilon"),
    ("slope", "negative_slope", "alpha", "leakiness"),
    ("rng", "generator", "random_state", "seed", "key"),
    ("shape", "size"),
    ("fill_value", "value", "val"),
    ("target", "backend"),
    ("g", "gradient", "grad", "grad_outputs", "grad_tensors", "cotangent"),
    ("x", "a", "A", "Z", "logits", "input", "array"),
    ("Y", "labels", "target"),
    ("y", "outputs"),
    ("xs", "inputs"),
    ("f", "fun", "func", "fn", "function"),
    ("args", "primals", "func_args"),
    ("vectors", "v"),
    ("params", "parameters", "x0", "x"),
    ("carry", "init", "init_val", "operands"),
    ("test", "cond_fun", "cond_fn"),
    ("yes", "true_fun", "true_fn"),
    ("no", "false_fun", "false_fn"),
    ("file", "f", "path", "filename"),
    ("tree", "obj", "object"),
    ("reduction", "size_average", "reduce"),
    ("validation", "validation_data"),
)
"""Names of one thing: who writes one of them where another is a parameter means that."""

_SUPERFLUOUS: Final = {
    "there are no devices": ("device", "devices", "pin_memory", "non_blocking", "map_location"),
    "arrays lie in C order": ("layout", "memory_format"),
    "a graph stays for as long as its tensors do": ("retain_graph",),
    "what is returned can be differentiated again": ("create_graph", "double_backward"),
    "no function works in place": ("inplace",),
    "it works for complex functions too": ("holomorphic",),
    "there is one way to do it": (
        *("vectorize", "chunk_size", "use_reentrant", "preserve_rng_state", "prevent_cse", "policy", "unroll"),
        *("fullgraph", "dynamic", "mode", "donate_argnums", "fused", "foreach", "capturable", "differentiable"),
        *("keep_vars", "pickle_module", "weights_only", "allow_pickle"),
    ),
    "a Tensor has a copy of its own": ("copy",),
    "axes have no names": ("axis_name", "spmd_axis_name"),
    "the examples are counted": ("axis_size",),
    "numbers and flags are part of the program": ("static_argnums", "static_argnames"),
    "everything happens in this process": ("num_workers", "prefetch_factor", "persistent_workers"),
    "it says nothing": ("verbose",),
    "it starts where the optimiser is": ("last_epoch",),
}
"""Why a keyword may be left out."""

_ADVICE: Final = {
    "allow_int": "an array of floats, x.astype(float)",
    "allow_unused": 'disconnected="zeros"',
    "materialize_grads": 'disconnected="zeros"',
    "b1": "betas=(0.9, 0.999)",
    "b2": "betas=(0.9, 0.999)",
    "beta_1": "betas=(0.9, 0.999)",
    "beta_2": "betas=(0.9, 0.999)",
    "body_fun": "f=",
    "closure": "opt.step(), or tg.minimize(f, params),",
    "descending": "np.flip(result, axis)",
    "dim0": "np.swapaxes(t, 0, 1)",
    "dim1": "np.swapaxes(t, 0, 1)",
    "dtype": "x.astype(dtype)",
    "end_dim": "t.reshape(shape)",
    "has_aux": "a function that returns both, and use the part that is meant",
    "operand": "the operands after the two functions",
    "randomness": "numbers drawn outside, and map over them,",
    "recurse": "vars(module)",
    "reduction": "a loss of tg.nn.functional",
    "requires_grad": "tg.Tensor(array, requires_grad=True)",
    "start_dim": "t.reshape(len(t), -1)",
    "stratify": "the split class by class",
    "train_size": "test_size=1 - train_size",
    "unbiased": "ddof=1 or ddof=0",
    # Where the function decides what is meant: PyTorch's torch.autograd.grad, and methods of its tensors.
    "backward.create_graph": "tg.gradients(y, xs, create_graph=True)",
    "backward.inputs": "tg.gradients(y, xs)",
    "grad.create_graph": "tg.gradients(y, xs, create_graph=True)",
    "grad.retain_graph": "tg.gradients(y, xs)",
    "grad.outputs": "tg.gradients(y, xs)",
    "grad.inputs": "tg.gradients(y, xs)",
    "grad.grad_outputs": "tg.gradients(y, xs, g)",
    "grad.allow_unused": 'tg.gradients(y, xs, disconnected="zeros")',
    "Tensor.dtype": "tg.Tensor(np.array(x, dtype))",
    "softplus.beta": "tg.softplus(beta * x) / beta",
    "softplus.threshold": "tg.softplus(x), which never overflows",
    "fit.learning_rate": "tg.optim.Adam(lr=0.001), say, as the optimizer",
    "fit.lr": "tg.optim.Adam(lr=0.001), say, as the optimizer",
    "fit.batch_size": "tg.data.batches(X, Y, batch_size=32, rng=rng) as the data",
    "astype.dtype": "t.astype(dtype)",
}
"""What to write for a keyword, or for that of one function."""

_BY_POSITION: Final = {
    "Tensor": "tg.Tensor(np.zeros((2, 3))) for a shape, tg.Tensor(np.array(x, dtype)) for a dtype",
    "checkpoint": "tg.checkpoint(f)(x)",
    "zeros": "tg.zeros((2, 3)): the shape is one argument",
    "ones": "tg.ones((2, 3)): the shape is one argument",
    "empty": "tg.empty((2, 3)): the shape is one argument",
    "compile": "tg.compile(f)(x)",
    "vmap": "tg.vmap(f)(x)",
    "grad": "tg.grad(f)(x)",
    "hessian": "tg.hessian(f)(x)",
    "jacobian": "tg.jacobian(f)(x)",
}
"""What to write where a function was given more arguments than it takes."""


def advise_keyword(keyword: str, names: Iterable[str], function: str = "") -> str:
    """What follows an error message about a keyword that a function lacks; nothing if it is nobody's.

    names: what the function's parameters are called.

    >>> advise_keyword("dim", ["a", "axis"]), advise_keyword("device", []), advise_keyword("nmu", [])
    ('; write axis= for dim=', '; leave device= out: there are no devices', '')
    """
    advice = _ADVICE.get(f"{function}.{keyword}")
    same = {name for group in _SAME if keyword in group for name in group}
    meant = next((name for name in names if name in same), None)
    if advice is None and meant is not None:
        advice = f"{meant}="
    if advice is None and keyword in _ADVICE:
        advice = _ADVICE[keyword]
    if advice is not None:
        return f"; write {advice} for {keyword}="
    reason = next((reason for reason, keywords in _SUPERFLUOUS.items() if keyword in keywords), None)
    return f"; leave {keyword}= out: {reason}" if reason is not None else ""


def explain_keyword(error: TypeError, function: Callable[..., Any], name: str = "") -> TypeError:
    """The error that Python raises for arguments that a function does not take, with what to write instead.

    name: what the user has called, where that is called otherwise within.
    """
    text = str(error)
    name = name or function.__qualname__.removesuffix(".__init__")
    unknown = re.match(r"[\w<>.]+\(\) got .*keyword argument.*'(\w+)'$", text)
    advice = ""
    if unknown:
        taken = parameters(function)
        advice = advise_keyword(unknown[1], (*taken.names, *taken.keywords) if taken else (), name)
    elif name in _BY_POSITION and re.match(r"[\w<>.]+\(\) takes .* positional arguments? but ", text):
        advice = f"; write {_BY_POSITION[name]}"
    return TypeError(re.sub(r"^[\w<>.]+(?=\(\) )", name, text) + advice) if advice else error


Function = TypeVar("Function", bound=Callable[..., Any])


def explains_keywords(function: Function) -> Function:
    """Decorator: the error that Python raises for arguments of other libraries says what to write. It costs 0.1 µs a
    call."""

    @functools.wraps(function)
    def call(*args: Any, **keywords: Any) -> Any:
        try:
            return function(*args, **keywords)
        except TypeError as error:
            within = error.__traceback__ and error.__traceback__.tb_next
            explained = error if within else explain_keyword(error, function, _class_name(function, args))
            if explained is error:
                raise
            raise explained from None

    return cast(Function, call)


def _class_name(function: Callable[..., Any], args: tuple[Any, ...]) -> str:
    """What the user calls, if that is a class whose constructor is another's."""
    return type(args[0]).__name__ if function.__name__ == "__init__" else ""


def check_flag(function: str, name: str, value: Any) -> None:
    """TypeError for what is no truth value: it is most often an argument of NumPy's, or of PyTorch's, at this place."""
    if not isinstance(value, (bool, np.bool_)):
        advice = f"; write {_BY_POSITION[function]}" if function in _BY_POSITION else ""
        raise TypeError(f"{function}: {name}={value!r:.60}; it is True or False{advice}")


def explain_constructor(cls: type) -> None:
    """The same for the constructor of a class of ours; what a user's class takes is the user's affair."""
    if "__init__" in vars(cls) and cls.__module__.partition(".")[0] == __name__.partition(".")[0]:
        setattr(cls, "__init__", explains_keywords(vars(cls)["__init__"]))  # noqa: B010 (a declared method)
