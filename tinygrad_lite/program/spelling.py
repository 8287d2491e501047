"""Spelling: a step of a program as an expression of Python, and a constant as a literal.

Both printers use it: that for people for everything, that of compiled code where nothing is faster than what a person
would write.

An expression is a tree of Python's own `ast`; so nothing that a user typed gets into generated code but as an escaped
constant, or as a name that the caller made. `text.text` writes it out.

What an op is called stands on its row: `operator` is written between or before the operands, `numpy` is called. Any
other op is called by a name that the caller gives it.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..op import Op, pick
from ..rules.assembling import assemble, assemble_parts
from ..rules.elementwise import add, divide, multiply, square, subtract
from ..rules.indexing import Slot, get, put, split_index
from ..rules.shaping import broadcast_to, expand_dims, reshape, swapaxes, to_inexact, to_integer, transpose
from ..signatures import is_default
from .program import Node, Operand, dtype_of, shape_of
from .text import Assembly, Expr, spell_flat

_INFIX: dict[Any, ast.operator] = {
    operator.add: ast.Add(),
    operator.sub: ast.Sub(),
    operator.mul: ast.Mult(),
    operator.truediv: ast.Div(),
    operator.floordiv: ast.FloorDiv(),
    operator.mod: ast.Mod(),
    operator.pow: ast.Pow(),
    operator.matmul: ast.MatMult(),
    operator.and_: ast.BitAnd(),
    operator.or_: ast.BitOr(),
    operator.xor: ast.BitXor(),
    operator.lshift: ast.LShift(),
    operator.rshift: ast.RShift(),
}
_COMPARISONS: dict[Any, ast.cmpop] = {
    operator.eq: ast.Eq(),
    operator.ne: ast.NotEq(),
    operator.lt: ast.Lt(),
    operator.le: ast.LtE(),
    operator.gt: ast.Gt(),
    operator.ge: ast.GtE(),
}
_PREFIX: dict[Any, ast.unaryop] = {operator.neg: ast.USub(), operator.invert: ast.Invert()}
_LONGEST_LITERAL = 8  # entries of an array that is written out: about what fits into a line beside other things


class Speller:
    """Spells the steps of one program.

    bind(value, hint): a name for an object that has no text: an array, a function. name(op): what an op is called that
    is neither an operator nor a function of NumPy's. sizes: names for whole numbers that multiply or divide:
    {400: m}. is_outside(array): whether somebody else may change it, so that its numbers must not be written out.
    """

    def __init__(
        self,
        bind: Callable[[Any, str], str],
        name: Callable[[Op], str],
        sizes: Mapping[int, Expr],
        is_outside: Callable[[Any], bool] = lambda array: False,
    ) -> None:
        self.bind, self.name, self.sizes, self.is_outside = bind, name, sizes, is_outside

    # -- steps ---------------------------------------------------------------------------------------------------------

    def spell(self, node: Node, xs: Sequence[Expr]) -> Expr:
        """The expression of a step whose operands are the expressions xs."""
        op = node.op
        assert op is not None
        if op.operator is not None or op is square:
            spelled = self._spell_operator(node, op, xs)
            if spelled is not None:
                return spelled
        if op in _FORMS:
            spelled = _FORMS[op](self, node, xs)
            if spelled is not None:
                return spelled
        if op.alias and _is_same_kind(node.operands[0], node):
            return xs[0]
        function = op.numpy or op.fn
        known = path_in_numpy(function)
        name = ast.Name(self.name(op)) if known is None else _numpy(known)
        return _call(name, xs, self._spell_keywords(node, None if known is None else function))

    def _spell_operator(self, node: Node, op: Op, xs: Sequence[Expr]) -> Expr | None:
        if op is square:
            return ast.BinOp(xs[0], ast.Pow(), ast.Constant(2))
        if op.operator in _INFIX and not node.params:
            a, b = xs
            if op is multiply or op is divide:
                a, b = (self._name_size(operand, x) for operand, x in zip(node.operands, xs, strict=True))
            positive = _drop_minus(b)
            if positive is not None and op in (add, subtract):
                return ast.BinOp(a, ast.Sub() if op is add else ast.Add(), positive)
            return ast.BinOp(a, _INFIX[op.operator], b)
        if op.operator in _COMPARISONS:
            return ast.Compare(xs[0], [_COMPARISONS[op.operator]], [xs[1]])
        if op.operator in _PREFIX:
            return ast.UnaryOp(_PREFIX[op.operator], xs[0])
        return None

    def _name_size(self, operand: Operand, x: Expr) -> Expr:
        return self.sizes.get(operand, x) if type(operand) is int else x

    def _spell_keywords(self, node: Node, function: Any) -> dict[str, Expr]:
        """The keywords of a step; of a function of NumPy's those that say more than its defaults do."""
        return {
            name: self._spell_keyword(name, value)
            for name, value in node.params.items()
            if function is None or not (is_default(function, name, value) or (name == "keepdims" and value is False))
        }

    def _spell_keyword(self, name: str, value: Any) -> Expr:
        if name == "axis" and type(value) is tuple and len(value) == 1:
            value = value[0]
        return self.literal(value)

    def spell_index(self, template: Any, arrays: Sequence[Expr]) -> Expr:
        """What stands between the brackets of x[…]."""
        parts = [arrays[part.number] if isinstance(part, Slot) else self.literal(part) for part in template]
        return parts[0] if len(parts) == 1 else ast.Tuple(parts, ast.Load())

    # -- constants -----------------------------------------------------------------------------------------------------

    def literal(self, value: Any) -> Expr:
        """A constant as an expression; bound to a name where there is no text for it."""
        if value is None or value is Ellipsis or type(value) in (bool, str):
            return ast.Constant(value)
        if type(value) in (int, float, complex):
            return _number(value)
        if type(value) is tuple:
            return ast.Tuple([self.literal(x) for x in value], ast.Load())
        if type(value) is list:
            return ast.List([self.literal(x) for x in value], ast.Load())
        if type(value) is slice:
            start, stop, step = (None if x is None else self.literal(x) for x in (value.start, value.stop, value.step))
            return ast.Slice(start, stop, step)
        if isinstance(value, type) and issubclass(value, np.generic):
            value = np.dtype(value)
        if isinstance(value, np.dtype) and value.isnative and hasattr(np, value.name):
            return _numpy(value.name + "_" if value.name == "bool" else value.name)
        if isinstance(value, np.generic) and value.dtype.kind in "biufc":
            return _numpy_number(value)
        short = isinstance(value, np.ndarray) and value.size <= _LONGEST_LITERAL and value.dtype.kind in "bif"
        if short and not self.is_outside(value):
            plain = ast.List([], ast.Load()) if value.size == 0 else self.literal(value.tolist())
            keywords = {} if np.array(value.tolist()).dtype == value.dtype else {"dtype": self.literal(value.dtype)}
            return _call(_numpy("array"), [plain], keywords)
        return ast.Name(self.bind(value, "c"))


# -- ops that Python and NumPy write in a form of their own -----------------------------------------------------------


def _spell_get(speller: Speller, node: Node, xs: Sequence[Expr]) -> Expr:
    return ast.Subscript(xs[0], speller.spell_index(node.params["template"], xs[1:]), ast.Load())


def _spell_put(speller: Speller, node: Node, xs: Sequence[Expr]) -> Expr:
    index = ast.Subscript(_numpy("s_"), speller.spell_index(node.params["template"], xs[1:]), ast.Load())
    return _call(ast.Name(speller.name(put)), [xs[0], index, speller.literal(node.params["shape"])])


def _spell_pick(speller: Speller, node: Node, xs: Sequence[Expr]) -> Expr:
    return ast.Subscript(xs[0], ast.Constant(node.params["index"]), ast.Load())


def _spell_assemble(speller: Speller, node: Node, xs: Sequence[Expr]) -> Expr:
    pieces, base = node.params["pieces"], node.operands[0]
    keywords = {} if node.dtype == np.float64 else {"dtype": speller.literal(node.dtype)}
    if type(base) is int:
        start = _call(_numpy("zeros"), [speller.literal(node.shape)], keywords)
    else:
        start = _call(ast.Attribute(xs[0], "copy", ast.Load()), [])
    indices, values = [], []
    for (index, source), value in zip(pieces, xs[1:], strict=True):
        indices.append(_spell_static_index(speller, index))
        if source is not None:
            value = spell_flat(value)
            value = value if source is ... else ast.Subscript(value, _spell_static_index(speller, source), ast.Load())
        values.append(value)
    return Assembly(start, indices, values, [source is not None for _, source in pieces])


def _spell_static_index(speller: Speller, index: Any) -> Expr:
    template, arrays = split_index(index)
    return speller.spell_index(template, [speller.literal(array) for array in arrays])


def _spell_transpose(speller: Speller, node: Node, xs: Sequence[Expr]) -> Expr | None:
    turned = node.params.get("axes") is None and len(node.shape) == 2
    return ast.Attribute(xs[0], "T", ast.Load()) if turned else None


def _spell_swapaxes(speller: Speller, node: Node, xs: Sequence[Expr]) -> Expr | None:
    turned = {node.params.get("axis1"), node.params.get("axis2")} == {-1, -2}
    return ast.Attribute(xs[0], "mT", ast.Load()) if turned else None


def _spell_astype(speller: Speller, node: Node, xs: Sequence[Expr]) -> Expr:
    return _call(ast.Attribute(xs[0], "astype", ast.Load()), [speller.literal(node.params["dtype"])])


def _spell_expand_dims(speller: Speller, node: Node, xs: Sequence[Expr]) -> Expr | None:
    axis, new = node.params["axis"], ast.Constant(None)
    if not isinstance(axis, int) or axis not in (0, -1):
        return None
    return ast.Subscript(xs[0], new if axis == 0 else ast.Tuple([ast.Constant(...), new], ast.Load()), ast.Load())


def _spell_broadcast_to(speller: Speller, node: Node, xs: Sequence[Expr]) -> Expr | None:
    (x,) = node.operands
    shape = speller.literal(node.params["shape"])
    if type(x) is Node or np.ndim(x):
        return _spell_reshape(speller, node, xs)
    if node.dtype == np.float64 and x == 1:
        return _call(_numpy("ones"), [shape])
    return _call(_numpy("full"), [shape, xs[0]])


def _spell_reshape(speller: Speller, node: Node, xs: Sequence[Expr]) -> Expr | None:
    """The shape is given by position: its keyword has another name in NumPy 2.0."""
    if set(node.params) != {"shape"} or _is_same_kind(node.operands[0], node):
        return None
    name = "reshape" if node.op is reshape else "broadcast_to"
    return _call(_numpy(name), [xs[0], speller.literal(node.params["shape"])])


_FORMS: dict[Op, Callable[[Speller, Node, Sequence[Expr]], Expr | None]] = {
    get: _spell_get,
    put: _spell_put,
    assemble: _spell_assemble,
    assemble_parts: _spell_assemble,
    pick: _spell_pick,
    transpose: _spell_transpose,
    swapaxes: _spell_swapaxes,
    to_inexact: _spell_astype,
    to_integer: _spell_astype,
    expand_dims: _spell_expand_dims,
    broadcast_to: _spell_broadcast_to,
    reshape: _spell_reshape,
}


# -- parts ------------------------------------------------------------------------------------------------------------


def path_in_numpy(function: Callable[..., Any]) -> str | None:
    """Where NumPy has this very function: 'sum', 'linalg.solve'; None if it is not NumPy's."""
    name = getattr(function, "__name__", "")
    for prefix, module in (("", np), ("linalg.", np.linalg), ("fft.", np.fft)):
        if getattr(module, name, None) is function:
            return prefix + name
    return None


def _is_same_kind(x: Operand, node: Node) -> bool:
    return bool(shape_of(x) == node.shape and dtype_of(x) == node.dtype)


def _drop_minus(x: Expr) -> Expr | None:
    """y where the expression is -y or begins with a minus, as -a * b does; else None."""
    if isinstance(x, ast.UnaryOp) and isinstance(x.op, ast.USub):
        return x.operand
    if isinstance(x, ast.BinOp) and isinstance(x.op, (ast.Mult, ast.Div, ast.MatMult)):
        left = _drop_minus(x.left)
        return None if left is None else ast.BinOp(left, x.op, x.right)
    return None


def _number(value: Any) -> Expr:
    if isinstance(value, complex):
        return _call(ast.Name("complex"), [_number(value.real), _number(value.imag)])
    if isinstance(value, float) and not math.isfinite(value):
        word = _numpy("nan" if math.isnan(value) else "inf")
        return ast.UnaryOp(ast.USub(), word) if value < 0 else word
    if value < 0 or (value == 0 and math.copysign(1, value) < 0):
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    return ast.Constant(value)


def _numpy_number(value: Any) -> Expr:
    """A NumPy scalar, which decides dtypes as an array does."""
    if value.dtype.kind == "b":
        return ast.Constant(bool(value))
    short = float(str(value)) if value.dtype.kind == "f" else value.item()
    return _call(_numpy(value.dtype.name), [_number(short if value.dtype.type(short) == value else value.item())])


def _numpy(path: str) -> Expr:
    expression: Expr = ast.Name("np")
    for part in path.split("."):
        expression = ast.Attribute(expression, part, ast.Load())
    return expression


def _call(function: Expr, xs: Sequence[Expr], keywords: Mapping[str, Expr] | None = None) -> Expr:
    return ast.Call(function, list(xs), [ast.keyword(name, value) for name, value in (keywords or {}).items()])
