"""Steps of a program as expressions, and expressions as text.

An expression is a tree of Python's own `ast`; so nothing that a user typed can get into the text but as a name or as an
escaped constant. `text` writes it with as few parentheses as Python's precedence allows.
"""

from __future__ import annotations

import ast
import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..dispatch import handlers
from ..op import Op, pick
from ..rules import elementwise as e
from ..rules.indexing import Slot, get, put
from ..rules.neural import leaky_relu, relu
from ..rules.products import matmul
from ..rules.shaping import broadcast_to, expand_dims, reshape, swapaxes, to_inexact, to_integer, transpose
from .program import Node, Operand, dtype_of, shape_of

Expr = ast.expr
Binder = Callable[[Any, str], str]
"""Gives an object that has no text (a function, an array) a name in the generated code's globals."""

_INFIX: dict[Op, ast.operator] = {
    e.add: ast.Add(),
    e.subtract: ast.Sub(),
    e.multiply: ast.Mult(),
    e.divide: ast.Div(),
    e.floor_divide: ast.FloorDiv(),
    e.remainder: ast.Mod(),
    e.power: ast.Pow(),
    e.bitwise_and: ast.BitAnd(),
    e.bitwise_or: ast.BitOr(),
    e.bitwise_xor: ast.BitXor(),
    matmul: ast.MatMult(),
}
_COMPARE: dict[Op, ast.cmpop] = {
    e.equal: ast.Eq(),
    e.not_equal: ast.NotEq(),
    e.less: ast.Lt(),
    e.less_equal: ast.LtE(),
    e.greater: ast.Gt(),
    e.greater_equal: ast.GtE(),
}
_PREFIX: dict[Op, ast.unaryop] = {e.negative: ast.USub(), e.invert: ast.Invert()}
_LITERAL_MOST = 8  # entries of an array that is written out


class Writer:
    """Writes steps as expressions. bind: see Binder. helper: the name under which a function of ours is defined.

    sizes: names for whole numbers that multiply or divide: {400: 'm'}. is_kept: whether an array belongs to somebody
    who may change it, so that its numbers must not be written out.
    """

    def __init__(
        self,
        bind: Binder,
        helper: Callable[[Op], str],
        sizes: Mapping[int, Expr],
        is_kept: Callable[[Any], bool] = lambda array: False,
    ) -> None:
        self.bind, self.helper, self.sizes, self.is_kept = bind, helper, sizes, is_kept

    def step(self, node: Node, xs: Sequence[Expr]) -> Expr:
        """The expression of a step whose operands are the expressions xs."""
        op, params = node.op, node.params
        assert op is not None
        if not params:
            written = self._operator(node, op, xs)
            if written is not None:
                return written
        if op is get:
            return ast.Subscript(xs[0], self._index(params["template"], xs[1:]), ast.Load())
        if op is put:
            index = ast.Subscript(_numpy("s_"), self._index(params["template"], xs[1:]), ast.Load())
            return _call(ast.Name(self.helper(op)), [xs[0], index, self.literal(params["shape"])])
        if op is pick:
            return ast.Subscript(xs[0], ast.Constant(params["index"]), ast.Load())
        if op is transpose and params.get("axes") is None and len(node.shape) == 2:
            return ast.Attribute(xs[0], "T", ast.Load())
        if op is swapaxes and {params.get("axis1"), params.get("axis2")} == {-1, -2}:
            return ast.Attribute(xs[0], "mT", ast.Load())
        if op in (to_inexact, to_integer):
            return _call(ast.Attribute(xs[0], "astype", ast.Load()), [self.literal(params["dtype"])])
        if op is relu:
            return _call(_numpy("maximum"), [xs[0], ast.Constant(0)])
        if op is leaky_relu:
            slope = self.literal(params.get("slope", 0.01))
            positive = ast.Compare(xs[0], [ast.Gt()], [ast.Constant(0)])
            return _call(_numpy("where"), [positive, xs[0], ast.BinOp(slope, ast.Mult(), xs[0])])
        if op is e.wins and node.dtype == np.float64:
            return self._wins(node.operands, xs)
        if op is expand_dims and isinstance(params["axis"], int) and params["axis"] in (0, -1):
            new = ast.Constant(None)
            last = ast.Tuple([ast.Constant(...), new], ast.Load())
            return ast.Subscript(xs[0], new if params["axis"] == 0 else last, ast.Load())
        if op is broadcast_to and type(node.operands[0]) is not Node and np.ndim(node.operands[0]) == 0:
            shape = self.literal(params["shape"])
            if node.dtype == np.float64 and node.operands[0] == 1:
                return _call(_numpy("ones"), [shape])
            return _call(_numpy("full"), [shape, xs[0]])
        if op in (broadcast_to, reshape) and set(params) == {"shape"}:
            return _call(_numpy(op.name), [xs[0], self.literal(params["shape"])])
        keywords = {name: self._keyword(name, value) for name, value in params.items()}
        known = numpy_name(op)
        if known is None and _is_numpys(node):
            known = op.name
        if known is not None:
            defaults = _defaults(known)
            shown = {k: v for k, v in keywords.items() if k not in defaults or params[k] != defaults[k]}
            return _call(_numpy(known), xs, shown)
        return _call(ast.Name(self.helper(op)), xs, keywords)

    def _operator(self, node: Node, op: Op, xs: Sequence[Expr]) -> Expr | None:
        operands = node.operands
        if op in _INFIX:
            a, b = xs
            if op is e.multiply or op is e.divide:
                a, b = (self._size(operand, x) for operand, x in zip(operands, xs, strict=True))
            positive = _without_minus(b)
            if positive is not None and op in (e.add, e.subtract):
                return ast.BinOp(a, ast.Sub() if op is e.add else ast.Add(), positive)
            return ast.BinOp(a, _INFIX[op], b)
        if op in _COMPARE:
            return ast.Compare(xs[0], [_COMPARE[op]], [xs[1]])
        if op in _PREFIX:
            return ast.UnaryOp(_PREFIX[op], xs[0])
        if op is e.square:
            return ast.BinOp(xs[0], ast.Pow(), ast.Constant(2))
        x = operands[0] if operands else None
        same = op.alias and shape_of(x) == node.shape and dtype_of(x) == node.dtype
        return xs[0] if same else None

    def _size(self, operand: Operand, x: Expr) -> Expr:
        return self.sizes.get(operand, x) if type(operand) is int else x

    def _wins(self, operands: Sequence[Operand], xs: Sequence[Expr]) -> Expr:
        """1 where a is larger, 0 where b is, ½ where they are equal."""
        half = ast.Constant(0.5)
        for i, sign in ((1, 1), (0, -1)):
            if type(operands[i]) is not Node and np.ndim(operands[i]) == 0 and operands[i] == 0:
                x = xs[1 - i]
                return _call(_numpy("heaviside"), [x if sign == 1 else ast.UnaryOp(ast.USub(), x), half])
        equal, larger = (ast.Compare(xs[0], [how], [xs[1]]) for how in (ast.Eq(), ast.Gt()))
        return _call(_numpy("where"), [equal, half, larger])

    def _index(self, template: Any, arrays: Sequence[Expr]) -> Expr:
        parts = [arrays[part.number] if isinstance(part, Slot) else self.literal(part) for part in template]
        return parts[0] if len(parts) == 1 else ast.Tuple(parts, ast.Load())

    def _keyword(self, name: str, value: Any) -> Expr:
        if name == "axis" and type(value) is tuple and len(value) == 1:
            value = value[0]
        return self.literal(value)

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
            return self._strong(value)
        small = isinstance(value, np.ndarray) and value.size <= _LITERAL_MOST and value.dtype.kind in "bif"
        if small and not self.is_kept(value):
            plain = ast.List([], ast.Load()) if value.size == 0 else self.literal(value.tolist())
            keywords = {} if np.array(value.tolist()).dtype == value.dtype else {"dtype": self.literal(value.dtype)}
            return _call(_numpy("array"), [plain], keywords)
        return ast.Name(self.bind(value, "c"))

    def _strong(self, value: Any) -> Expr:
        """A NumPy scalar, which decides dtypes as an array does."""
        if value.dtype.kind == "b":
            return ast.Constant(bool(value))
        short = float(str(value)) if value.dtype.kind == "f" else value.item()
        return _call(_numpy(value.dtype.name), [_number(short if value.dtype.type(short) == value else value.item())])


def _without_minus(x: Expr) -> Expr | None:
    """y where the expression is -y or begins with a minus, as -a * b does; else None."""
    if isinstance(x, ast.UnaryOp) and isinstance(x.op, ast.USub):
        return x.operand
    if isinstance(x, ast.BinOp) and isinstance(x.op, (ast.Mult, ast.Div, ast.MatMult)):
        left = _without_minus(x.left)
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


def _numpy(name: str) -> Expr:
    expression: Expr = ast.Name("np")
    for part in name.split("."):
        expression = ast.Attribute(expression, part, ast.Load())
    return expression


def _call(function: Expr, xs: Sequence[Expr], keywords: Mapping[str, Expr] | None = None) -> Expr:
    return ast.Call(function, list(xs), [ast.keyword(name, value) for name, value in (keywords or {}).items()])


@functools.cache
def numpy_name(op: Op) -> str | None:
    """The function of NumPy's that does what the op does: 'sum', 'linalg.solve'; None if there is none."""
    rows = (function for function, handler in handlers.items() if handler is op.call)
    for function in (op.fn, *(function for function in rows if not isinstance(function, tuple))):
        for prefix, module in (("", np), ("linalg.", np.linalg), ("fft.", np.fft)):
            name = getattr(function, "__name__", "")
            if getattr(module, name, None) is function:
                return prefix + name
    return None


def _is_numpys(node: Node) -> bool:
    """Whether NumPy's function of the op's name does what the op does, tried on numbers."""
    op: Any = node.op
    function: Any = getattr(np, op.name, None)
    if function not in handlers or isinstance(function, np.ufunc):
        return False
    rng = np.random.default_rng(0)
    xs = [rng.uniform(0.5, 2, x.shape).astype(x.dtype) if type(x) is Node else x for x in node.operands]
    try:
        return bool(np.array_equal(function(*xs, **node.params), op.fn(*xs, **node.params)))
    except (TypeError, ValueError, IndexError):
        return False


@functools.cache
def _defaults(name: str) -> dict[str, Any]:
    """The keywords of a function of NumPy's that may be left out where they have these values."""
    function: Any = functools.reduce(getattr, name.split("."), np)
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}
    plain = (bool, int, str, type(None))
    silent = {p.name: p.default for p in parameters.values() if type(p.default) in plain}
    return silent | {p.name: False for p in parameters.values() if p.default is np._NoValue and p.name == "keepdims"}


# -- text ------------------------------------------------------------------------------------------------------------

_POWER, _UNARY, _ATOM = 15, 14, 100
_BINARY: dict[type[ast.operator], tuple[str, int]] = {
    ast.Pow: ("**", _POWER),
    ast.Mult: ("*", 13),
    ast.Div: ("/", 13),
    ast.FloorDiv: ("//", 13),
    ast.Mod: ("%", 13),
    ast.MatMult: ("@", 13),
    ast.Add: ("+", 12),
    ast.Sub: ("-", 12),
    ast.BitAnd: ("&", 10),
    ast.BitXor: ("^", 9),
    ast.BitOr: ("|", 8),
}
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}


def text(expression: Expr) -> str:
    """An expression as Python code.

    >>> text(ast.parse("(W @ (a)) * (1 - (A ** 2))", mode="eval").body)
    'W @ a * (1 - A**2)'
    """
    return _text(expression)[0]


def _text(x: Expr) -> tuple[str, int]:
    """The code, and how tightly it holds together."""
    match x:
        case ast.Name():
            return x.id, _ATOM
        case ast.Constant():
            return _constant(x.value), _ATOM
        case ast.BinOp():
            return _binary(x)
        case ast.UnaryOp():
            sign = "-" if isinstance(x.op, ast.USub) else "~"
            return sign + _inside(x.operand, _UNARY), _UNARY
        case ast.Compare():
            sign = _COMPARISONS[type(x.ops[0])]
            return f"{_inside(x.left, 8)} {sign} {_inside(x.comparators[0], 8)}", 7
        case ast.Attribute():
            return f"{_inside(x.value, _ATOM)}.{x.attr}", _ATOM
        case ast.Subscript():
            index = x.slice
            inner = _sequence(index.elts) if isinstance(index, ast.Tuple) and index.elts else text(index)
            return f"{_inside(x.value, _ATOM)}[{inner}]", _ATOM
        case ast.Call():
            named = [f"{k.arg}={text(k.value)}" for k in x.keywords]
            return f"{_inside(x.func, _ATOM)}({', '.join([*map(text, x.args), *named])})", _ATOM
        case ast.Slice():
            parts = ["" if part is None else text(part) for part in (x.lower, x.upper)]
            return ":".join(parts if x.step is None else [*parts, text(x.step)]), _ATOM
        case ast.Tuple():
            return f"({_sequence(x.elts)})", _ATOM
        case ast.List():
            return f"[{', '.join(map(text, x.elts))}]", _ATOM
        case ast.Dict():
            pairs = zip(x.keys, x.values, strict=True)
            return "{" + ", ".join(f"{text(k)}: {text(v)}" for k, v in pairs if k is not None) + "}", _ATOM
    raise NotImplementedError(type(x))


def _sequence(elements: Sequence[Expr]) -> str:
    return ", ".join(map(text, elements)) + ("," if len(elements) == 1 else "")


def _binary(x: ast.BinOp) -> tuple[str, int]:
    sign, strength = _BINARY[type(x.op)]
    if strength == _POWER:  # groups from the right; a minus in the exponent needs no parentheses
        left, right = _inside(x.left, _POWER + 1), _inside(x.right, _UNARY)
        sides = (side.operand if isinstance(side, ast.UnaryOp) else side for side in (x.left, x.right))
        close = all(isinstance(side, (ast.Name, ast.Constant)) for side in sides)
        return (f"{left}**{right}" if close else f"{left} ** {right}"), strength
    return f"{_inside(x.left, strength)} {sign} {_inside(x.right, strength + 1)}", strength


def _inside(x: Expr, strength: int) -> str:
    """The code as part of something that holds its parts together with this strength."""
    code, own = _text(x)
    bare_number = strength == _ATOM and isinstance(x, ast.Constant) and not isinstance(x.value, str)
    return f"({code})" if own < strength or bare_number else code


def _constant(value: Any) -> str:
    code = repr(value)
    if code.startswith("'") and '"' not in code:
        return f'"{code[1:-1]}"'
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return repr(value)
    return "..." if value is Ellipsis else code
