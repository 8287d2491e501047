"""What a step is to the printer of C: an element-wise map, a reduction, a product of matrices, another view; or None.

What of an op the printer needs stands on its row: `c`, what it reduces with, whether it is a view. `c` is an expression
of the operands' entries, {0}, {1}; or a name: exp stands for tg_exp_f64 and tg_exp_f32 of elementwise.h and
vector_math.h. "steps" says that the op's own function is to be written out, in steps of the table; "product", that it
is np.matmul; "write" and "add", that the operand's entries are written into zeros, or added to them, at the row's
`places`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...axes import reduced_axes
from ..program import Node, Operand, dtype_of, is_scalar, is_weak, shape_of
from ..simplify import is_view
from .layout import Layout, layout_of

TYPES = {
    np.dtype(np.float64): "double",
    np.dtype(np.float32): "float",
    np.dtype(np.int64): "int64_t",
    np.dtype(np.int32): "int32_t",
    np.dtype(np.bool_): "uint8_t",
}
"""The dtypes that native code computes with, and their names in C."""
ONLY_ROWS = frozenset({"sin", "cos"})
ROWS = ONLY_ROWS | frozenset(
    ["exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sinh", "cosh", "tanh", "sigmoid", "softplus"]
)
"""The functions that there are for a row of entries, in rows.h; and those that there are for nothing else."""
SUFFIXES = {"double": "f64", "float": "f32"}


@dataclass(frozen=True)
class Map:
    """Entry by entry. text: in C, of the operands {0}, {1}, …. types: those that the operands are converted to.

    row: the name of a function of one operand that is called for a row of entries. only_rows: whether there is no
    other, as it looks at all of them first.
    """

    text: str
    types: tuple[Any, ...]
    row: str | None = None
    only_rows: bool = False


@dataclass(frozen=True)
class Reduction:
    """Over some axes of its one operand, by adding or by taking the larger or smaller of two."""

    axes: tuple[int, ...]
    ufunc: np.ufunc


@dataclass(frozen=True)
class Product:
    """A product of matrices or of stacks of them, by the rules of np.matmul."""


@dataclass(frozen=True)
class Placement:
    """The operand's entries put into an array of zeros. target: where they go. adds: whether to what is there."""

    target: Layout
    adds: bool


@dataclass(frozen=True)
class View:
    """The operand's memory, looked at in another way (where its layout allows)."""


Form = Map | Reduction | Product | Placement | View


def form_of(node: Node) -> Form | None:
    """How a step is written in C; None if it stays NumPy's."""
    op = node.op
    if op is None or node.shape is None or node.dtype not in TYPES or op.outputs > 1:
        return None
    if not all(_is_known(x) for x in (node, *node.operands)):
        return None
    if is_view(node):
        in_order = node.params.get("order", "C") == "C"
        return View() if in_order and dtype_of(node.operands[0]) == node.dtype else None
    if op.reduces is not None:
        return _reduction_of(node)
    if op.c == "product":
        fits = node.dtype.kind == "f" and all(dtype_of(x) == node.dtype for x in node.operands)
        return Product() if fits and math.prod(node.shape) else None
    if op.places is not None:
        return _placement_of(node)
    return _map_of(node)


def _is_known(x: Operand) -> bool:
    if type(x) is Node:  # (Python's whole numbers have no bounds)
        return x.shape is not None and x.dtype in TYPES and not (x.weak and x.dtype.kind == "i")
    return (is_scalar(x) or isinstance(x, np.ndarray)) and dtype_of(x) in TYPES


def _reduction_of(node: Node) -> Reduction | None:
    (x,) = node.operands
    ufunc = node.op.reduces if node.op else None
    counts = node.dtype.kind == "i" and ufunc is np.add and dtype_of(x).kind in "bi"
    if not set(node.params) <= {"axis", "keepdims"}:
        return None
    if not counts and (node.dtype.kind != "f" or dtype_of(x) != node.dtype):
        return None
    if ufunc not in (np.add, np.maximum, np.minimum) or not math.prod(shape_of(x)):
        return None
    return Reduction(reduced_axes(node.params.get("axis"), len(shape_of(x))), ufunc)


def _placement_of(node: Node) -> Placement | None:
    op, x = node.op, node.operands[0]
    assert op is not None
    assert op.places is not None
    if dtype_of(x) != node.dtype or node.dtype.kind != "f" or type(x) is not Node:
        return None
    result = np.empty(node.shape, np.int8)
    view = op.places(result, **node.params)
    if not isinstance(view, np.ndarray) or view.shape != x.shape or not np.may_share_memory(view, result):
        return None
    return Placement(layout_of(view, result), op.c == "add")


def _map_of(node: Node) -> Map | None:
    op, xs = node.op, node.operands
    assert op is not None
    if op.c is None or op.c == "steps" or set(node.params) - {"dtype"}:
        return None
    if op.c.startswith("{0} ?"):  # a condition keeps its own dtype
        return Map(op.c, (dtype_of(xs[0]), *[node.dtype] * (len(xs) - 1)))
    compute = node.dtype
    if node.dtype == np.bool_:  # a comparison, in the dtype that holds both operands
        compute = np.result_type(*(_example(x) for x in xs))
    if compute not in TYPES or compute.kind not in op.c_kinds:
        return None
    if compute.kind == "i" and any(type(x) is int and not _holds(compute, x) for x in xs):
        return None  # compared with a number beyond all that the dtype holds
    if "{" in op.c:
        return Map(op.c, (compute,) * len(xs))
    row = f"tg_{op.c}_row_{SUFFIXES[TYPES[compute]]}" if op.c in ROWS and dtype_of(xs[0]) == compute else None
    if op.c in ONLY_ROWS:
        one = f"{op.c}{'f' if compute == np.float32 else ''}({{0}})"
        return Map(one, (compute,), row, True) if row else None
    return Map(_spell_call(op.c, TYPES[compute], len(xs)), (compute,) * len(xs), row)


def _example(x: Operand) -> Any:
    """Something that decides the common dtype as the operand does."""
    if is_weak(x):
        return x.python_type(0) if type(x) is Node else x
    return dtype_of(x)


def _holds(dtype: Any, number: int) -> bool:
    info = np.iinfo(dtype)
    return bool(info.min <= number <= info.max)


def _spell_call(name: str, ctype: str, count: int) -> str:
    arguments = ", ".join(f"{{{i}}}" for i in range(count))
    return f"tg_{name}_{SUFFIXES[ctype]}({arguments})"
