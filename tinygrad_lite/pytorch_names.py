"""What PyTorch's users look for by names that are not here, and what to write instead: for error messages."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import numpy as np

_OF_ONE = (
    *("sin", "cos", "tan", "sinh", "cosh", "log1p", "log2", "log10", "expm1", "square", "reciprocal", "sign"),
    *("floor", "ceil", "trunc", "isnan", "isinf", "isfinite", "median", "nansum", "nanmean", "cov", "unique", "diff"),
)
_OF_MORE = (
    *("maximum", "minimum", "fmod", "remainder", "hypot", "isclose", "quantile", "logaddexp", "tile", "roll", "flip"),
    *("moveaxis", "inner", "outer", "kron", "cross", "bincount"),
)
TENSOR: Final = {
    **{name: f"np.{name}(t)" for name in _OF_ONE},
    **{name: f"np.{name}(t, …)" for name in _OF_MORE},
    **{f"a{name}": f"np.arc{name}(t)" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    "abs": "np.abs(t)",
    "absolute": "np.abs(t)",
    "allclose": "np.allclose(t, other)",
    "bool": "t.astype(bool)",
    "chunk": "np.array_split(t, parts, axis)",
    "clamp": "np.clip(t, low, high)",
    "clone": "t.copy()",
    "contiguous": "t itself: it always is",
    "cpu": "t itself: there are no devices",
    "cuda": "t itself: there are no devices",
    "detach_": "t.detach()",
    "dim": "t.ndim",
    "double": "t.astype(np.float64)",
    "eq": "t == other",
    "exp": "np.exp(t)",
    "expand": "np.broadcast_to(t, shape)",
    "float": "t.astype(np.float32)",
    "gather": "np.take_along_axis(t, indices, axis)",
    "grad_fn": "tg.draw(t), which shows what it was computed from",
    "half": "t.astype(np.float16)",
    "index_select": "np.take(t, indices, axis)",
    "int": "t.astype(int)",
    "is_leaf": "t.requires_grad, which only leaves can be given",
    "log": "np.log(t)",
    "long": "t.astype(int)",
    "masked_fill": "np.where(mask, number, t)",
    "matmul": "a @ b",
    "mm": "a @ b",
    "bmm": "a @ b",
    "norm": "np.linalg.norm(t)",
    "numel": "t.size",
    "permute": "t.transpose(axes)",
    "pow": "t**2",
    "relu": "tg.relu(t)",
    "requires_grad_": "t.requires_grad = True",
    "register_hook": "an op with the gradient that is meant, by tg.custom_vjp",
    "retain_grad": "tg.gradients(loss, [t])",
    "scatter_": "tg.set_at(t, indices, values)",
    "sigmoid": "tg.sigmoid(t)",
    "softmax": "tg.softmax(t, axis=-1)",
    "split": "np.split(t, places, axis)",
    "log_softmax": "tg.log_softmax(t, axis=-1)",
    "sqrt": "np.sqrt(t)",
    "t": "t.T",
    "tanh": "np.tanh(t)",
    "to": "t.astype(dtype); there are no devices",
    "tril": "np.tril(t)",
    "triu": "np.triu(t)",
    "type": "t.astype(dtype)",
    "type_as": "t.astype(other.dtype)",
    "unsqueeze": "np.expand_dims(t, axis), or t[:, None]",
    "H": "t.T.conj()",
    "addmm": "t + a @ b",
    "amax": "t.max(axis)",
    "amin": "t.min(axis)",
    "byte": "t.astype(np.uint8)",
    "cat": "np.concatenate([t, other], axis)",
    "clamp_max": "np.minimum(t, high)",
    "clamp_min": "np.maximum(t, low)",
    "cholesky": "np.linalg.cholesky(t)",
    "det": "np.linalg.det(t)",
    "diag": "np.diag(t)",
    "div": "t / other",
    "element_size": "t.itemsize",
    "equal": "np.array_equal(t, other)",
    "erf": "tg.scipy.special.erf(t)",
    "expand_as": "np.broadcast_to(t, other.shape)",
    "ge": "t >= other",
    "get_device": "t.device",
    "gt": "t > other",
    "inverse": "np.linalg.inv(t)",
    "is_contiguous": "nothing: it always is",
    "is_cuda": "t.device",
    "le": "t <= other",
    "logdet": "np.linalg.slogdet(t)[1]",
    "logsumexp": "tg.logsumexp(t, axis=-1)",
    "lt": "t < other",
    "mH": "t.mT.conj()",
    "masked_select": "t[mask]",
    "movedim": "np.moveaxis(t, source, destination)",
    "mul": "t * other",
    "mv": "a @ b",
    "narrow": "t[start:start + length]",
    "ndimension": "t.ndim",
    "ne": "t != other",
    "neg": "-t",
    "nelement": "t.size",
    "new_ones": "np.ones(shape)",
    "new_tensor": "tg.Tensor(array)",
    "new_zeros": "np.zeros(shape)",
    "repeat_interleave": "np.repeat(t, n, axis)",
    "reshape_as": "t.reshape(other.shape)",
    "scatter": "tg.set_at(t, indices, values)",
    "select": "np.take(t, index, axis)",
    "sub": "t - other",
    "svd": "np.linalg.svd(t)",
    "topk": "np.sort(t, axis=-1)[..., -k:]",
    "unbind": "tuple(t)",
    "unfold": "np.lib.stride_tricks.sliding_window_view(t, size, axis)",
    "view_as": "t.reshape(other.shape)",
    "zero_grad": "t.grad = None",
    "zero_": "t.data = np.zeros(t.shape)",
    "add_": "t.data += step",
    "sub_": "t.data -= step",
    "mul_": "t.data *= factor",
    "copy_": "t.data = array",
    "fill_": "t.data = np.full(t.shape, number)",
    "normal_": "tg.nn.init.normal_(t)",
    "uniform_": "tg.nn.init.uniform_(t)",
    "clamp_": "t.data = np.clip(t.data, low, high)",
    "div_": "t.data /= factor",
    "pow_": "t.data **= exponent",
}
NN: Final = {
    "ModuleDict": "a plain dict: self.heads = {'a': nn.Linear(2, 3)}",
    "ModuleList": "a plain list: self.layers = [nn.Linear(2, 3)]",
    "Parameter": "a float array: self.scale = np.ones(3) is a parameter of a module",
    "ParameterDict": "a plain dict of float arrays",
    "ParameterList": "a plain list of float arrays",
    "Softplus": "tg.softplus: functions may stand among the layers of nn.Sequential",
    "utils": "tg.optim.clip_grad_norm_(parameters, max_norm)",
}
FUNCTIONAL: Final = {
    "cosine_similarity": "np.sum(a * b, axis) / (np.linalg.norm(a, axis=axis) * np.linalg.norm(b, axis=axis))",
    "normalize": "x / np.linalg.norm(x, axis=axis, keepdims=True)",
    "one_hot": "np.eye(classes)[labels]",
    "pad": "np.pad(x, widths)",
    "softplus": "tg.softplus(x)",
}
MODULE: Final = {
    "add_module": "an attribute: self.layer = nn.Linear(2, 3)",
    "bfloat16": ".to(np.float32): NumPy has no bfloat16",
    "cpu": "the module itself: there are no devices",
    "cuda": "the module itself: there are no devices",
    "half": ".to(np.float16)",
    "named_children": ".named_modules()",
    "register_forward_hook": "a function around the module: def f(x): y = layer(x); …; return y",
    "register_module": "an attribute: self.layer = nn.Linear(2, 3)",
    "register_parameter": "an attribute: self.scale = np.ones(3) is a parameter",
    "type": ".to(dtype)",
}
DATA: Final = {
    "DataLoader": "tg.data.batches(X, Y, batch_size=32, rng=rng)",
    "Dataset": "arrays: tg.data.batches(X, Y, batch_size=32, rng=rng)",
    "TensorDataset": "arrays: tg.data.batches(X, Y, batch_size=32, rng=rng)",
    "random_split": "tg.data.train_test_split(X, Y, test_size=0.2, rng=rng)",
}
OPTIM: Final = {
    "LBFGS": "tg.minimize(f, params), which is SciPy's L-BFGS-B",
}
PACKAGE: Final = {
    "Generator": "np.random.default_rng(seed)",
    "autograd": "tg.gradients(y, xs)",
    "cat": "np.concatenate",
    "clamp": "np.clip",
    "cuda": "nothing: there are no devices; for arrays on a GPU see docs/other_arrays.md",
    "device": "nothing: there are no devices; for arrays on a GPU see docs/other_arrays.md",
    "enable_grad": "nothing: gradients are recorded outside of tg.no_grad()",
    "float32": "np.float32",
    "float64": "np.float64",
    "from_numpy": "tg.Tensor(array)",
    "func": "tg.grad, tg.vjp, tg.jvp, tg.vmap, tg.jacobian or tg.hessian",
    "inference_mode": "tg.no_grad()",
    "is_tensor": "isinstance(x, tg.Tensor)",
    "jit": "tg.compile(f)",
    "long": "int",
    "manual_seed": "rng = np.random.default_rng(seed), and pass rng=",
    "matmul": "np.matmul, or a @ b",
    "rand": "np.random.default_rng(seed).random(shape)",
    "randn": "np.random.default_rng(seed).normal(size=shape)",
    "set_grad_enabled": "tg.no_grad()",
    "tensor": "tg.Tensor(array)",
    "utils": "tg.data.batches(X, Y, batch_size=32, rng=rng)",
}


KEYWORDS: Final = {
    "descending": "np.flip(result, axis)",
    "device": "nothing (there are no devices)",
    "dim": "axis=",
    "dims": "axis= (axes= for np.transpose)",
    "dim0": "np.swapaxes(t, 0, 1)",
    "in_dims": "in_axes=",
    "inplace": "nothing (no layer works in place)",
    "keepdim": "keepdims=",
    "learning_rate": "lr=",
    "layout": "nothing (arrays lie in C order)",
    "negative_slope": "slope=",
    "out_dims": "out_axes=",
    "reduction": "a loss of tg.nn.functional",
    "start_dim": "t.reshape(len(t), -1)",
    "unbiased": "ddof=1 or ddof=0",
}
"""Keywords, and what to write instead."""


def advise_keyword(keyword: str) -> str:
    """What follows an error message about a keyword; nothing if PyTorch has none of this name."""
    return f"; write {KEYWORDS[keyword]} for PyTorch's {keyword}=" if keyword in KEYWORDS else ""


def explain_keyword(error: TypeError, function: str = r"\g<0>") -> TypeError:
    """The error that Python raises for a keyword that a function lacks, with what to write instead.

    function: what the user has called, where it is called otherwise within.
    """
    found = re.search(r"unexpected keyword argument '(\w+)'", str(error))
    advice = advise_keyword(found[1]) if found else ""
    if not advice or str(error).endswith(advice):
        return error
    return TypeError(re.sub(r"^\w+(?=\(\) got)", function, str(error)) + advice)


def explain_missing(owner: str, name: str, table: Mapping[str, str]) -> str:
    """The message of an AttributeError. What NumPy has by this name is found there, not in the package."""
    advice = table.get(name, "")
    if table is PACKAGE and not advice and callable(getattr(np, name, None)):
        advice = f"np.{name}"
    return f"{owner} has no attribute {name!r}" + (f"; write {advice}" if advice else "")
