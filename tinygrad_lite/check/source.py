"""A student's file as source code: the cells of a notebook, and the lines that a verdict quotes."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LAYER = re.compile(r"d?_?[wbza]_?(\d)", re.IGNORECASE)


class UnreadableFile(Exception):
    """The file cannot be read as Python or as a notebook; the message says why."""


@dataclass(frozen=True)
class Quote:
    """A place in the file. where: 'line 12', or 'cell 3, line 4'; line: its number; text: what stands there."""

    where: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.where}: {self.text}"


@dataclass(frozen=True)
class Source:
    """path: of the file. cells: its Python source, a single one for a .py file. numbers: what a reader calls each cell
    (1 for the first cell of a notebook, counting all of them); empty for a .py file.
    """

    path: Path
    cells: tuple[str, ...]
    numbers: tuple[int, ...] = ()

    def quote(self, cell: int | None, line: int | None, last: int | None = None) -> Quote | None:
        """The lines from `line` to `last` of a cell, as they stand there (dedented; no more than four)."""
        if cell is None or line is None or not 0 <= cell < len(self.cells):
            return None
        lines = self.cells[cell].splitlines()[line - 1 : (last or line)]
        where = f"cell {self.numbers[cell]}, line {line}" if self.numbers else f"line {line}"
        if not lines:
            return Quote(where, line, "")
        text = "\n".join(lines[:4]) + (" …" if len(lines) > 4 else "")
        first, *rest = text.split("\n")
        return Quote(where, line, "\n".join([first.strip(), *rest]))

    def find_assignment(
        self, cell: int, function_line: int, names: set[str], first_layer_met: bool = False
    ) -> Quote | None:
        """Where in the function that starts at this line one of the names was last given its value.

        `dW1 = …`, `grads["dW1"] = …`, `{"dW1": …}` with more than a name behind it, `grads["dW" + str(l)] = …` and
        `dW = …` all count; of several of the last kinds the first, if that is said, since backwards it is the last
        layer's.
        """
        function = self.find_function(cell, function_line)
        if function is None:
            return None
        whole: list[Any] = []
        by_layer: list[Any] = []
        stems = {name.rstrip("0123456789") for name in names}
        for node in ast.walk(function):
            if isinstance(node, ast.Assign):
                targets = [t for target in node.targets for t in _list_targets(target)]
            elif isinstance(node, (ast.AnnAssign, ast.AugAssign, ast.NamedExpr)):
                targets = [node.target]
            else:
                continue
            if any(_name_of(target) in names for target in targets) and not isinstance(node.value, ast.Name):
                whole.append(node)
            elif any({_stem_of(target), _name_of(target)} & stems for target in targets):
                by_layer.append(node)
        by_layer.sort(key=lambda node: node.lineno)
        found = max(whole, key=lambda node: node.lineno, default=None) or _find_entry(function, names)
        if found is None and by_layer:
            found = by_layer[0 if first_layer_met else -1]
        return None if found is None else self.quote(cell, found.lineno, found.end_lineno)

    def find_logarithms(self, cell: int, function_line: int) -> Quote | None:
        """The lines of a function from the first logarithm to the line that makes a cost of it."""
        function = self.find_function(cell, function_line)
        lines: list[ast.stmt] = []
        for node in ast.walk(function) if function else ():
            if isinstance(node, (ast.Assign, ast.AugAssign, ast.Return)):
                calls = {_last_name(c.func) for c in ast.walk(node) if isinstance(c, ast.Call)}
                names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)} - {"np", "numpy", "cost", "float"}
                if calls & {"log", "log2", "log10", "log1p", "sum", "mean", "dot"} or (lines and len(names) > 1):
                    lines.append(node)
        if not lines:
            return None
        lines.sort(key=lambda node: node.lineno)
        return self.quote(cell, lines[0].lineno, lines[-1].end_lineno)

    def find_calls(self, cell: int, function_line: int) -> set[str]:
        """The names of the functions that a function calls."""
        function = self.find_function(cell, function_line)
        calls = [n for n in ast.walk(function) if isinstance(n, ast.Call)] if function else []
        return {name for call in calls if (name := _last_name(call.func))}

    def find_highest_layer(self, cell: int, function_line: int) -> int:
        """The highest number of a W, b, Z or A that a function names, in its variables or in its keys; 0 for none."""
        function = self.find_function(cell, function_line)
        words = set()
        for node in ast.walk(function) if function else ():
            if isinstance(node, (ast.Name, ast.arg)):
                words.add(node.id if isinstance(node, ast.Name) else node.arg)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                words.add(node.value)
        numbers = [int(match.group(1)) for word in words if (match := _LAYER.fullmatch(word))]
        return max(numbers, default=0)

    def find_function(self, cell: int, line: int) -> ast.FunctionDef | None:
        try:
            nodes = list(ast.walk(ast.parse(self.cells[cell])))
        except SyntaxError:
            return None
        for node in nodes:
            if isinstance(node, ast.FunctionDef):
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                if first == line or node.lineno == line:
                    return node
        return None

    def returned_names(self, cell: int, function_line: int) -> list[str] | None:
        """The names in `return dW1, db1, dW2, db2`, if the function's last return is such a line."""
        function = self.find_function(cell, function_line)
        returns = [n for n in ast.walk(function) if isinstance(n, ast.Return)] if function else []
        value = max(returns, key=lambda node: node.lineno).value if returns else None
        if isinstance(value, ast.Name):
            return [value.id]
        if isinstance(value, ast.Tuple) and all(isinstance(entry, ast.Name) for entry in value.elts):
            return [entry.id for entry in value.elts if isinstance(entry, ast.Name)]
        return None


def read(path: Path) -> Source:
    """The source of a .py or .ipynb file; magics and shell lines are blanked. UnreadableFile if it is neither."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror or error}") from None
    if path.suffix == ".ipynb":
        return _read_notebook(path, data)
    return Source(path, (_decode(path, data),))


def _decode(path: Path, data: bytes) -> str:
    match = re.match(rb"(?:[^\n]*\n)?[ \t\f]*#[^\n]*coding[:=][ \t]*([-\w.]+)", data)
    for encoding in (match.group(1).decode() if match else "utf-8-sig", "utf-8-sig"):
        try:
            return data.decode(encoding).replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
        except (UnicodeDecodeError, LookupError):
            continue
    raise UnreadableFile(f"{path} is not text in UTF-8")


def _read_notebook(path: Path, data: bytes) -> Source:
    try:
        document = json.loads(data.decode("utf-8-sig"))
        worksheets = document.get("worksheets")  # as notebooks were before 2014
        cells = [c for sheet in worksheets for c in sheet["cells"]] if worksheets else document["cells"]
        sources, numbers = [], []
        for number, cell in enumerate(cells, 1):
            if cell.get("cell_type") == "code":
                text = cell.get("source", cell.get("input", ""))
                sources.append(blank_magics(text if isinstance(text, str) else "".join(text)))
                numbers.append(number)
    except (ValueError, KeyError, TypeError, AttributeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableFile(f"{path} is not a notebook: {type(error).__name__}: {error}") from None
    return Source(path, tuple(sources), tuple(numbers))


def blank_magics(source: str) -> str:
    """A cell without what IPython alone understands: %magics, !shell lines, ?help. Line numbers stay as they are.

    A cell magic that runs something other than Python (%%bash) takes its whole cell away; %%time and its like do not.

    >>> blank_magics("%matplotlib inline\\nx = 1\\n!ls")
    'pass\\nx = 1\\npass'
    """
    lines = source.replace("\r\n", "\n").split("\n")
    first = next((line.strip() for line in lines if line.strip()), "")
    if first.startswith("%%"):
        if first.split()[0] not in ("%%time", "%%timeit", "%%capture", "%%prun", "%%python", "%%python3"):
            return "\n" * (len(lines) - 1)
        lines = ["" if line.strip() == first else line for line in lines]
    try:
        ast.parse("\n".join(lines))
    except SyntaxError:  # else a % at the start of a line continues an expression
        lines = [_blank_line(line) for line in lines]
    return "\n".join(lines)


def _blank_line(line: str) -> str:
    code = line.strip()
    indent = line[: len(line) - len(line.lstrip())]
    if code.startswith(("%", "!", "?")) or code.endswith("?"):
        return indent + "pass"
    if re.match(r"[A-Za-z_][\w, ]*=\s*[%!]", code):  # files = !ls
        return indent + code.split("=")[0] + "= None"
    return line


def _list_targets(target: ast.expr) -> list[ast.expr]:
    return (
        [t for entry in target.elts for t in _list_targets(entry)]
        if isinstance(target, (ast.Tuple, ast.List))
        else [target]
    )


def _name_of(target: Any) -> str | None:
    """What `dW1` and `grads["dW1"]` are called."""
    if isinstance(target, ast.Name):
        return target.id
    if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
        return target.slice.value if isinstance(target.slice.value, str) else None
    return None


def _stem_of(target: Any) -> str | None:
    """dW, of `grads["dW" + str(l)]` and `grads[f"dW{l}"]`."""
    if isinstance(target, ast.Subscript) and isinstance(target.slice, (ast.BinOp, ast.JoinedStr, ast.Call)):
        texts = [n.value for n in ast.walk(target.slice) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
        return texts[0].rstrip("%d{}") if texts else None
    return None


def _last_name(function: ast.expr) -> str | None:
    """log, of `np.log` and of `log`."""
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else None


def _find_entry(function: ast.AST, names: set[str]) -> Any:
    for node in ast.walk(function):
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value in names and not isinstance(value, ast.Name):
                    return value
    return None
