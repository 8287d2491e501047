"""What PyTorch's users look for by names that are not here, and what to write instead: for error messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

TENSOR: Final = {
    "absolute": "np.abs(t)",
    "cpu": "t itself: there are no devices",
    "cuda": "t itself: there are no devices",
    "detach_": "t.detach()",
    "double": "t.astype(np.float64)",
    "exp": "np.exp(t)",
    "expand": "np.broadcast_to(t, shape)",
    "float": "t.astype(np.float32)",
    "is_leaf": "t.requires_grad, which only leaves can be given",
    "log": "np.log(t)",
    "long": "t.astype(int)",
    "matmul": "a @ b",
    "mm": "a @ b",
    "bmm": "a @ b",
    "norm": "np.linalg.norm(t)",
    "numel": "t.size",
    "permute": "t.transpose(axes)",
    "pow": "t**2",
    "relu": "tg.relu(t)",
    "requires_grad_": "t.requires_grad = True",
    "retain_grad": "tg.gradients(loss, [t])",
    "sigmoid": "tg.sigmoid(t)",
    "softmax": "tg.softmax(t, axis=-1)",
    "log_softmax": "tg.log_softmax(t, axis=-1)",
    "sqrt": "np.sqrt(t)",
    "t": "t.T",
    "tanh": "np.tanh(t)",
    "to": "t.astype(dtype); there are no devices",
    "type": "t.astype(dtype)",
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
    "utils": "tg.optim.clip_grad_norm_(parameters, max_norm)",
}
PACKAGE: Final = {
    "Generator": "np.random.default_rng(seed)",
    "autograd": "tg.gradients(y, xs)",
    "cat": "np.concatenate",
    "float32": "np.float32",
    "float64": "np.float64",
    "from_numpy": "tg.Tensor(array)",
    "manual_seed": "rng = np.random.default_rng(seed), and pass rng=",
    "matmul": "np.matmul, or a @ b",
    "randn": "np.random.default_rng(seed).normal(size=shape)",
    "stack": "np.stack",
    "sum": "np.sum",
    "tanh": "np.tanh",
    "utils": "tg.data.batches(X, Y, batch_size=32, rng=rng)",
}


def explain_missing(owner: str, name: str, table: Mapping[str, str]) -> str:
    """The message of an AttributeError."""
    advice = f"; write {table[name]}" if name in table else ""
    return f"{owner} has no attribute {name!r}{advice}"
