"""Spelling: a step of a program as an expression of Python, and a constant as a literal.

Both printers use it: that for people for everything, that of compiled code where nothing is faster than what a person
would write.

An expression is a tree of Python's own `ast`; so nothing that a user typed gets into generated code but as an escaped
constant, or as a name that the caller made. `text.text` writes it out.

How an op is written stands on its row. `operator` stands between or before the operands. `python` is a function that is
given a `Term` for each of them, and what it does with those is the expression: lambda x: x.T (NotImplemented where it
has none). `numpy` is called, and any other op is called by a name that the caller gives it.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..op import Op
from ..rules.assembling import assemble
from ..rules.indexing import fill_template, put, put_parts, split_index
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
_OPPOSITE = {operator.add: operator.sub, operator.sub: operator.add}
_MODULES = {"": np, "linalg.": np.linalg, "fft.": np.fft, "lib.stride_tricks.": np.lib.stride_tricks}
_LONGEST_LITERAL = 8  # entries of an array that is written out: about what fits into a line beside other things


class Term:
    """An operand, while a row's `python` writes with it: what is done with it makes an expression.

    operand: what it stands for, where that may be asked for.
    """

    def __init__(self, speller: Speller, expression: Expr, operand: Operand = None) -> None:
        self.expression = expression
        self._speller, self._operand = speller, operand

    @property
    def shape(self) -> tuple[int, ...]:
        return shape_of(self._operand)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def number(self) -> Any:
        """The one number that it is; None if it is none, or is computed."""
        return None if type(self._operand) is Node or np.ndim(self._operand) else self._operand

    def call(self, function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Term:
        """A call of a function of NumPy's, with terms and constants."""
        path = path_in_numpy(function)
        assert path is not None
        named = {name: self._speller.spell_part(x) for name, x in keywords.items()}
        return Term(self._speller, _call(_numpy(path), [self._speller.spell_part(x) for x in arguments], named))

    @property
    def T(self) -> Term:
        return self._attribute("T")

    @property
    def mT(self) -> Term:
        return self._attribute("mT")

    def _attribute(self, name: str) -> Term:
        return Term(self._speller, ast.Attribute(self.expression, name, ast.Load()))

    def astype(self, dtype: Any) -> Term:
        return Term(self._speller, _call(self._attribute("astype").expression, [self._speller.literal(dtype)]))

    def __getitem__(self, index: Any) -> Term:
        index = self._speller.spell_index(index if type(index) is tuple else (index,))
        return Term(self._speller, ast.Subscript(self.expression, index, ast.Load()))

    def __pow__(self, exponent: Any) -> Term:
        return Term(self._speller, ast.BinOp(self.expression, ast.Pow(), self._speller.literal(exponent)))


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
        for write in (self._spell_operator, self._spell_python, self._spell_array):
            expression = write(node, op, xs)
            if expression is not None:
                return expression
        if op.alias and _is_same_kind(node.operands[0], node):
            return xs[0]
        function = op.numpy or op.fn
        known = path_in_numpy(function)
        if known is None:
            return _call(ast.Name(self.name(op)), xs, self._spell_keywords(node, None))
        keywords = self._spell_keywords(node, function)
        by_position = [keywords.pop("shape")] if "shape" in keywords else []  # as people write it
        return _call(_numpy(known), [*xs, *by_position], keywords)

    def _spell_operator(self, node: Node, op: Op, xs: Sequence[Expr]) -> Expr | None:
        if op.operator in _INFIX and not node.params:
            a, b = xs
            if op.is_arithmetic and op.powers:
                a, b = (self._name_size(operand, x) for operand, x in zip(node.operands, xs, strict=True))
            positive = _drop_minus(b)
            if positive is not None and op.operator in _OPPOSITE:
                return ast.BinOp(a, _INFIX[_OPPOSITE[op.operator]], positive)
            return ast.BinOp(a, _INFIX[op.operator], b)
        if op.operator in _COMPARISONS:
            return ast.Compare(xs[0], [_COMPARISONS[op.operator]], [xs[1]])
        if op.operator in _PREFIX:
            return ast.UnaryOp(_PREFIX[op.operator], xs[0])
        return None

    def _spell_python(self, node: Node, op: Op, xs: Sequence[Expr]) -> Expr | None:
        """The step as its row's `python` writes it."""
        if op.python is None:
            return None
        terms = [Term(self, x, y) for x, y in zip(xs, node.operands, strict=True)]
        found = op.python(*terms, **node.params)
        return None if found is NotImplemented else found.expression

    def _spell_array(self, node: Node, op: Op, xs: Sequence[Expr]) -> Expr | None:
        """An array that is made first and then written into: what Python has a statement for, and no expression that a
        row's `python` could write."""
        if op is put:
            arrays = tuple(Term(self, x) for x in xs[1:])
            index = self.spell_index(fill_template(node.params["template"], arrays))
            index = ast.Subscript(_numpy("s_"), index, ast.Load())
            return _call(ast.Name(self.name(put)), [xs[0], index, self.literal(node.params["shape"])])
        if op is put_parts:
            templates = [self.spell_index(template) for template in node.params["templates"]]
            indices = [ast.Subscript(_numpy("s_"), index, ast.Load()) for index in templates]
            lists = [ast.List(list(parts), ast.Load()) for parts in (xs, indices)]
            return _call(ast.Name(self.name(op)), [*lists, self.literal(node.params["shape"])])
        if op.fn is assemble.fn:
            return self._spell_assembly(node, xs)
        return None

    def _spell_assembly(self, node: Node, xs: Sequence[Expr]) -> Expr:
        keywords = {} if node.dtype == np.float64 else {"dtype": self.literal(node.dtype)}
        if type(node.operands[0]) is int:
            start = _call(_numpy("zeros"), [self.literal(node.shape)], keywords)
        else:
            start = _call(ast.Attribute(xs[0], "copy", ast.Load()), [])
        pieces = node.params["pieces"]
        indices, values = [], []
        for (index, source), value in zip(pieces, xs[1:], strict=True):
            indices.append(self._spell_static_index(index))
            if source is not None:
                value = spell_flat(value)
                value = value if source is ... else ast.Subscript(value, self._spell_static_index(source), ast.Load())
            values.append(value)
        return Assembly(start, indices, values, [source is not None for _, source in pieces])

    def _spell_static_index(self, index: Any) -> Expr:
        template, arrays = split_index(index)
        return self.spell_index(fill_template(template, tuple(arrays)))

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

    def spell_index(self, index: tuple[Any, ...]) -> Expr:
        """What stands between the brackets of x[…]. index: constants and terms."""
        parts = [self.spell_part(part) for part in index]
        return parts[0] if len(parts) == 1 else ast.Tuple(parts, ast.Load())

    def spell_part(self, x: Any) -> Expr:
        """A term, or a constant."""
        return x.expression if type(x) is Term else self.literal(x)

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
        regular = isinstance(value, np.ndarray) and not self.is_outside(value)
        return (self._spell_regular(value) if regular else None) or ast.Name(self.bind(value, "c"))

    def _spell_regular(self, value: NDArray[Any]) -> Expr | None:
        """An array that is longer than its text: np.arange(9), 0.5 * np.eye(3); None for any other."""
        if value.dtype.kind not in "bif" or value.size == 0:
            return None
        size = value.shape[0] if value.ndim else 0
        first = value.flat[0].item() or 1
        forms: list[tuple[Any, Any, Any]] = [(np.zeros, value.shape, 1), (np.ones, value.shape, first)]
        forms += [(np.arange, size, 1)] if value.ndim == 1 and value.dtype.kind != "b" else []
        forms += [(np.eye, size, first)] if value.shape == (size, size) else []
        for make, argument, factor in forms:
            made = make(argument, dtype=value.dtype)
            if factor != 1:
                made = factor * made
            if made.tobytes() == value.tobytes():  # the sign of zero, too
                keywords = {} if make(argument).dtype == value.dtype else {"dtype": self.literal(value.dtype)}
                call = _call(_numpy(make.__name__), [self.literal(argument)], keywords)
                return call if factor == 1 else ast.BinOp(self.literal(factor), ast.Mult(), call)
        return None


# -- parts ------------------------------------------------------------------------------------------------------------


def path_in_numpy(function: Callable[..., Any]) -> str | None:
    """Where NumPy has this very function: 'sum', 'linalg.solve'; None if it is not NumPy's."""
    name = getattr(function, "__name__", "")
    for prefix, module in _MODULES.items():
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
