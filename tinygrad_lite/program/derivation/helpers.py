"""The text of functions that NumPy lacks (a sigmoid that does not overflow), for code that needs only NumPy."""

from __future__ import annotations

import ast
import builtins
import inspect
import itertools
import math
import textwrap
from collections.abc import Callable
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from ...alike import find_foreign, make_alike
from ...foreign import is_foreign
from ...op import Op
from ...rules.indexing import put, put_parts
from ..names import Names
from ..spelling import path_in_numpy

_MODULES = (itertools, math)
_PACKAGE = __name__.partition(".")[0]


class Helpers:
    """Definitions, in the order in which they must stand, of the functions asked for."""

    def __init__(self, taken: Names) -> None:
        self.definitions: list[str] = []
        self._taken = taken
        self._names: dict[Any, str] = {}
        self._modules: dict[str, str] = {}

    def name(self, op: Op) -> str | None:
        """The name under which the op's function is now defined; None if it cannot be written as text."""
        if op is put_parts:
            return self._define(_scatter_all, "add_all_at")
        return self._define(_scatter if op is put else op.fn, op.name)

    def _define(self, function: Any, wish: str) -> str | None:
        if not isinstance(function, FunctionType):
            return None
        if function in self._names:
            return self._names[function]
        tree = _parse(function)
        if tree is None:
            return None
        tree = _OfNumPyAlone().visit(tree)
        renamed: dict[str, str] = {}
        for name in sorted(_free_names(tree)):
            found = _resolve(self, function, name)
            if found is None:
                return None
            renamed[name] = found
        chosen = self._names[function] = self._taken.take("add_at" if function is _scatter else wish)
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                node.id = renamed.get(node.id, node.id)
        tree.name = chosen
        self.definitions.append(ast.unparse(ast.fix_missing_locations(tree)))
        return chosen

    def module(self, name: str) -> str:
        """A module of Python's, imported."""
        if name not in self._modules:
            self._modules[name] = self._taken.take(name)
            chosen = self._modules[name]
            self.definitions.append(f"import {name}" if chosen == name else f"import {name} as {chosen}")
        return self._modules[name]

    def constant(self, name: str, value: float) -> str:
        chosen = self._taken.take(name)
        self.definitions.append(f"{chosen} = {value!r}")
        return chosen


def _parse(function: FunctionType) -> ast.FunctionDef | None:
    """A plain function of this package, without its annotations; None for any other."""
    if function.__module__.partition(".")[0] != _PACKAGE:
        return None
    if function.__closure__ or function.__name__ == "<lambda>":
        return None
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    except (OSError, TypeError, SyntaxError):
        return None
    if not isinstance(tree, ast.FunctionDef):
        return None
    documentation = ast.get_docstring(tree)
    if documentation:
        summary = documentation.partition("\n\n")[0].replace("\n", "\n    ")
        tree.body[0] = ast.Expr(ast.Constant(summary))
    tree.returns = None
    tree.decorator_list = []
    every = [*tree.args.posonlyargs, *tree.args.args, *tree.args.kwonlyargs, tree.args.vararg, tree.args.kwarg]
    for argument in every:
        if argument is not None:
            argument.annotation = None
    return tree


class _OfNumPyAlone(ast.NodeTransformer):
    """Leaves out of a function what it does for arrays of other libraries: a text is of NumPy's."""

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name == make_alike.__name__:
            return node.args[0]
        if name == is_foreign.__name__:
            return ast.Constant(False)
        if name == find_foreign.__name__:
            return ast.Constant(None)
        if name == "isinstance" and ast.unparse(node.args[1]) == "np.ndarray":
            return ast.Constant(True)
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.op, ast.Not) and isinstance(node.operand, ast.Constant):
            return ast.Constant(not node.operand.value)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        parts = [node.left, *node.comparators]
        if all(isinstance(x, ast.Constant) and x.value is None for x in parts):
            return ast.Constant(isinstance(node.ops[0], ast.Is))
        return node

    def visit_If(self, node: ast.If) -> ast.stmt | list[ast.stmt]:
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        self.generic_visit(node)
        return node if node.value is None else ast.Assign([node.target], node.value)


def _free_names(tree: ast.FunctionDef) -> set[str]:
    """The names it uses and does not bind itself."""
    used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}
    bound = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    return used - bound - {a.arg for a in ast.walk(tree) if isinstance(a, ast.arg)} - {"np"} - set(dir(builtins))


def _resolve(helpers: Helpers, function: Callable[..., Any], name: str) -> str | None:
    """What a name of the package stands for, defined."""
    value: Any = getattr(function, "__globals__", {}).get(name)
    path = path_in_numpy(value) if callable(value) else None
    if path is not None:
        return f"np.{path}"
    if isinstance(value, ModuleType) and value in _MODULES:
        return helpers.module(name)
    if isinstance(value, Op):
        return helpers.name(value)
    if type(value) in (int, float):
        return helpers.constant(name.strip("_"), value)
    return helpers._define(value, name.strip("_"))


def _scatter(g: Any, index: Any, shape: Any) -> Any:
    """Zeros of this shape, with g added in at the index."""
    out = np.zeros(shape, np.asarray(g).dtype)
    np.add.at(out, index, g)
    return out


def _scatter_all(parts: Any, indices: Any, shape: Any) -> Any:
    """Zeros of this shape, with every part added in at its index."""
    out = np.zeros(shape, np.asarray(parts[0]).dtype)
    for g, index in zip(parts, indices, strict=True):
        out[index] += g
    return out
