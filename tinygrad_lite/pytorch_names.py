"""What PyTorch's users look for by names that are not here, and what to write instead: for error messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

TENSOR: Final = {
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
    "zero_": "t.data = np.zeros(t.shape)",
    "add_": "t.data += step",
    "sub_": "t.data -= step",
    "mul_": "t.data *= factor",
    "copy_": "t.data = array",
    "fill_": "t.data = np.full(t.shape, number)",
    "normal_": "tg.nn.init.normal_(t)",
    "uniform_": "tg.nn.init.uniform_(t)",
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


KEYWORDS: Final = {"dim": "axis", "keepdim": "keepdims"}


def explain_missing(owner: str, name: str, table: Mapping[str, str]) -> str:
    """The message of an AttributeError. What NumPy has by this name is found there, not in the package."""
    advice = table.get(name, "")
    if table is PACKAGE and not advice and callable(getattr(np, name, None)):
        advice = f"np.{name}"
    return f"{owner} has no attribute {name!r}" + (f"; write {advice}" if advice else "")
