"""The process in which a student's code runs: it executes the file, then calls functions of it when it is told to.

What stands on standard input and output is kept for the talk with the parent; to the student's code all three streams
are closed: nothing can be asked, and what is printed goes nowhere. No judgement is made here.
"""

from __future__ import annotations

import ast
import copy
import inspect
import linecache
import os
import sys
import traceback
import types
import warnings
from typing import IO, Any

import numpy as np

from .. import tree
from .stand_ins import Missing, helpers_of, is_helper_module, statement_of
from .wire import Opaque, TooLarge, decode, encode, receive, send

_MEMORY = 4 << 30  # bytes; more than any exercise needs, less than would bring the machine down
_MOST_LOCALS = 60  # variables of a function that are looked at; the longest of the course has some twenty


def main() -> None:
    """Answer the parent's messages until it closes the pipe."""
    requests: IO[bytes] = os.fdopen(os.dup(0), "rb")
    answers: IO[bytes] = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115 (for as long as the process lives)
    _limit_memory()
    warnings.simplefilter("ignore")
    session = Session()
    while (message := receive(requests)) is not None:
        answer = getattr(session, f"answer_{message['do']}")(message)
        sys.setprofile(None)
        try:
            send(answers, {**answer, "number": message["number"]})
        except TooLarge:
            send(answers, {"raised": "it returned more than 64 MB of numbers", "number": message["number"]})
    os._exit(0)  # whatever threads the code has started


def _silence() -> None:
    """What is printed goes nowhere, whatever has been done to the streams before."""
    sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8", errors="replace")  # noqa: SIM115


def _limit_memory() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    except (ImportError, ValueError, OSError):  # not on this system
        pass


class Session:
    """The student's namespace, and what their functions returned."""

    def __init__(self) -> None:
        self.namespace: dict[str, Any] = {}
        self.results: list[Any] = []
        self.filenames: dict[str, int] = {}

    def answer_greet(self, message: dict[str, Any]) -> dict[str, Any]:
        """The interpreter is up: from now on, time is the student's."""
        return {}

    # -- executing the file ------------------------------------------------------------------------------------------

    def answer_load(self, message: dict[str, Any]) -> dict[str, Any]:
        """Execute the cells statement by statement; one that raises is told of, and the next is executed."""
        module = types.ModuleType(message["module"])
        module.__file__ = message["file"]
        sys.modules[message["module"]] = module  # dataclasses look for it
        self.namespace = vars(module)
        sys.path.insert(0, message["folder"])
        sys.argv = [message["file"]]
        problems = []
        flags = 0
        for cell, source in enumerate(message["cells"]):
            filename = f"<the student's cell {cell}>"
            self.filenames[filename] = cell
            linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
            try:
                statements = ast.parse(source).body
            except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
                line = getattr(error, "lineno", None)
                said = f"{type(error).__name__}: {getattr(error, 'msg', error)}"
                problems.append({"cell": cell, "line": line, "error": said, "kind": "syntax"})
                continue
            if message["definitions_only"]:
                statements = list(take_definitions(statements))
            for statement in statements:
                if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
                    flags |= _future_flags(statement)
                problem = self._execute(statement, filename, flags)
                if problem is not None:
                    problems.append({"cell": cell, "line": statement.lineno, **problem})
        return {"problems": problems, "functions": self._list_functions(), "classes": self._list_classes()}

    def _execute(self, statement: ast.stmt, filename: str, flags: int) -> dict[str, str] | None:
        _silence()
        try:
            code = compile(ast.Module([statement], []), filename, "exec", flags=flags, dont_inherit=True)
            exec(code, self.namespace)
        except ImportError as error:
            if isinstance(statement, (ast.Import, ast.ImportFrom)):
                return {"error": _say(error), "kind": "import", "stand_ins": ", ".join(self._stand_in(statement))}
            return {"error": _say(error), "kind": "error"}
        except BaseException as error:
            return {"error": _say(error), "kind": "error"}
        finally:
            sys.setprofile(None)
            sys.settrace(None)
        return None

    def _stand_in(self, statement: ast.Import | ast.ImportFrom) -> list[str]:
        """Names for a module that is not there: the course's own helpers, as far as they are known."""
        known = []
        module = (statement.module or "") if isinstance(statement, ast.ImportFrom) else ""
        helpers = helpers_of(module)
        for alias in statement.names:
            name = alias.asname or alias.name.partition(".")[0]
            if alias.name == "*":
                if is_helper_module(module):
                    known += [helper for helper in helpers if helper not in self.namespace]
                    self.namespace.update({helper: helpers[helper] for helper in known})
            elif isinstance(statement, ast.ImportFrom) and alias.name in helpers:
                self.namespace[name] = helpers[alias.name]
                known.append(alias.name)
            else:
                self.namespace.setdefault(name, Missing(statement_of(statement)))
        return known

    def _list_functions(self) -> list[dict[str, Any]]:
        """The functions that the file defines: name, parameters, and where each stands."""
        found = []
        for name, value in list(self.namespace.items()):
            if not isinstance(name, str) or isinstance(value, (type, Missing)) or not callable(value):
                continue
            code = _code_of(value)
            if code is None or code.co_filename not in self.filenames:
                continue
            try:
                parameters = [
                    (p.name, p.kind.name, p.default is not p.empty)
                    for p in inspect.signature(value).parameters.values()
                ]
            except (TypeError, ValueError):
                continue
            place = {"cell": self.filenames[code.co_filename], "line": code.co_firstlineno}
            found.append({"name": name, "parameters": parameters, **place})
        return found

    def _list_classes(self) -> dict[str, list[str]]:
        """The methods of the classes that the file defines."""
        return {
            name: [key for key, method in vars(value).items() if type(method) is types.FunctionType]
            for name, value in list(self.namespace.items())
            if isinstance(value, type) and value.__module__ == self.namespace["__name__"]
        }

    # -- calling a function of it ------------------------------------------------------------------------------------

    def answer_call(self, message: dict[str, Any]) -> dict[str, Any]:
        """Call a function with the arguments given; what it returned, or how it failed, and what else it did."""
        function = self.namespace[message["function"]]
        args = [self._resolve(decode(value)) for value in message["args"]]
        keywords = {name: self._resolve(decode(value)) for name, value in message["keywords"].items()}
        before = _try_to_copy((args, keywords))
        code = _code_of(function)
        local: dict[str, Any] = {}

        def watch(frame: Any, event: str, argument: Any) -> None:
            if event == "return" and frame.f_code is code:
                local.clear()
                local.update(frame.f_locals)

        _silence()
        sys.setprofile(watch)
        try:
            result = function(*args, **keywords)
        except BaseException as error:
            sys.setprofile(None)
            return {"raised": _say(error), **self._locate(error)}
        finally:
            sys.setprofile(None)
            sys.settrace(None)
        self.results.append(result)
        handle = len(self.results) - 1
        try:
            encoded = encode(result)
        except Exception as error:  # its entries may do what they like when they are looked at
            return {"raised": f"{_say(error)} when its result is looked at"}
        answer = {
            "result": encoded,
            "handle": handle,
            "locals": {name: encode(value) for name, value in _numbers_of(local).items()},
            "changed": [] if before is None else _find_changes(before, (args, keywords), message["names"]),
        }
        return answer

    def _resolve(self, value: Any) -> Any:
        """The argument; an entry of what was returned before if it stands for one."""
        if isinstance(value, Opaque) and value.handle is not None:
            result = self.results[value.handle]
            for step in value.description.split("/")[1:]:
                result = result[int(step)]
            copied = _try_to_copy(result)
            return result if copied is None else copied
        return value

    def _locate(self, error: BaseException) -> dict[str, Any]:
        """The innermost line of the student's that an exception passed through."""
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            if frame.filename in self.filenames:
                return {"cell": self.filenames[frame.filename], "line": frame.lineno}
        return {}


# -- parts of the above ----------------------------------------------------------------------------------------------


def take_definitions(statements: list[ast.stmt]) -> Any:
    """Imports, definitions, and names given to constants: what a file is when nothing is computed."""
    for statement in statements:
        if isinstance(statement, (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield statement
        elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
            if statement.value is not None and not any(
                isinstance(node, (ast.Call, ast.Await, ast.Yield, ast.NamedExpr, ast.ListComp, ast.GeneratorExp))
                for node in ast.walk(statement.value)
            ):
                yield statement
        elif isinstance(statement, (ast.If, ast.Try)):
            yield from take_definitions(statement.body)
            if isinstance(statement, ast.Try):
                yield from take_definitions([s for handler in statement.handlers for s in handler.body][:0])


def _future_flags(statement: ast.ImportFrom) -> int:
    import __future__

    flags = 0
    for alias in statement.names:
        flags |= getattr(getattr(__future__, alias.name, None), "compiler_flag", 0)
    return flags


def _say(error: BaseException) -> str:
    """An exception in one line, whatever it does when it is asked."""
    try:
        text = " ".join(str(error).split())
    except BaseException:
        text = ""
    name = type(error).__name__
    return f"{name}: {text}"[:300] if text else name


def _code_of(function: Any) -> Any:
    try:
        return inspect.unwrap(function).__code__ if not isinstance(function, types.MethodType) else None
    except (AttributeError, ValueError):
        return None


def _try_to_copy(value: Any) -> Any:
    try:
        return copy.deepcopy(value)
    except BaseException:
        return None


def _numbers_of(local: dict[str, Any]) -> dict[str, Any]:
    """The variables of a function that hold numbers."""
    numbers = {name: v for name, v in local.items() if isinstance(v, (np.ndarray, np.generic, float, int))}
    small = {name: v for name, v in numbers.items() if np.size(v) <= 10_000}
    return dict(list(small.items())[:_MOST_LOCALS])


def _find_changes(before: Any, after: Any, names: list[str]) -> list[str]:
    """Which arguments are no longer what they were: 'cache[A2]'."""
    found: list[str] = []
    old, new = [*before[0], *before[1].values()], [*after[0], *after[1].values()]
    for name, a, b in zip(names, old, new, strict=False):
        try:
            was, now = (dict(zip(tree.paths(x, name), tree.flatten(x)[0], strict=True)) for x in (a, b))
            found += [path[:80] for path in {**was, **now} if not _is_unchanged(was.get(path), now.get(path))]
        except Exception:  # its entries may do what they like when they are looked at
            continue
    return found


def _is_unchanged(a: Any, b: Any) -> bool:
    x, y = np.asarray(a), np.asarray(b)
    if x.dtype.kind not in "biufc" and y.dtype.kind not in "biufc":
        return True
    return x.shape == y.shape and x.dtype == y.dtype and x.tobytes() == y.tobytes()


if __name__ == "__main__":
    main()
