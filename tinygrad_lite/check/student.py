"""The student's functions, as they can be called from here: each call goes to the worker, and has a time limit."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from .source import Quote, Source
from .wire import Opaque, decode, encode, receive, send

_STARTING = 120.0  # seconds that the interpreter may take to start, on a busy machine

_PACKAGE = Path(__file__).resolve().parent.parent


class CallFailed(Exception):
    """A function of the student's gave no result that can be judged. str(): what it does, as in "it raises …"; quote:
    the line at which it did; stopped: whether the process had to be ended; unsettled: whether the result is another
    each time.
    """

    def __init__(
        self, message: str, quote: Quote | None = None, *, stopped: bool = False, unsettled: bool = False
    ) -> None:
        super().__init__(message)
        self.quote, self.stopped, self.unsettled = quote, stopped, unsettled


@dataclass(frozen=True)
class Function:
    """A function that the file defines. parameters: (name, kind, has a default); cell, line: where it starts."""

    name: str
    parameters: tuple[tuple[str, str, bool], ...]
    cell: int
    line: int


@dataclass(frozen=True)
class Outcome:
    """What a call gave. result: its value, decoded; handle: where the worker keeps it; local: the function's variables
    when it returned, those that are numbers; changed: arguments that it changed.
    """

    result: Any
    handle: int
    local: dict[str, Any]
    changed: tuple[str, ...]

    def part(self, i: int) -> Opaque:
        """Entry i of what was returned, to be handed on to another call as it is."""
        return Opaque(f"returned/{i}", self.handle)

    @property
    def whole(self) -> Opaque:
        return Opaque("returned", self.handle)


@dataclass
class Student:
    """A file being executed. functions: what it defines, by name; classes: its classes' methods; warnings: what could
    not be executed.

    A context manager: leaving it ends the worker and whatever that has started.
    """

    source: Source
    seconds: float
    functions: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, list[str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    definitions_only: bool = False
    unloadable: str | None = None
    _worker: _Worker | None = None

    def __enter__(self) -> Student:
        self._load()
        return self

    def __exit__(self, *error: object) -> None:
        if self._worker is not None:
            self._worker.end()

    def _load(self) -> None:
        """Execute the file; if it takes too long or ends the process, its definitions alone."""
        if self._worker is not None:
            self._worker.end()
        self._worker = _Worker(self.source.path.resolve().parent)
        self._worker.ask({"do": "greet"}, _STARTING)
        message = {
            "do": "load",
            "file": str(self.source.path.resolve()),
            "folder": str(self.source.path.resolve().parent),
            "module": f"students_{self.source.path.stem}",
            "cells": list(self.source.cells),
            "definitions_only": self.definitions_only,
        }
        try:
            answer = self._worker.ask(message, 2 * self.seconds)
        except CallFailed as failure:
            if self.definitions_only:
                self.unloadable = f"the file could not be executed: it {failure}"
                return
            self.definitions_only = True
            self.warnings = [f"executing the file as a whole: it {failure}. Only its definitions were executed"]
            self._load()
            return
        for problem in answer["problems"]:
            warning = self._describe(problem)
            if warning not in self.warnings:
                self.warnings.append(warning)
        self.classes = {str(name): list(map(str, methods)) for name, methods in answer["classes"].items()}
        self.functions = {
            f["name"]: Function(f["name"], tuple(map(tuple, f["parameters"])), f["cell"], f["line"])
            for f in answer["functions"]
        }

    def _describe(self, problem: dict[str, Any]) -> str:
        quote = self.source.quote(problem["cell"], problem["line"])
        where = f"{quote.where}: " if quote else ""
        if problem["kind"] == "syntax":
            what = f"{problem['error']}: {quote.text}" if quote else problem["error"]
            if self.source.numbers:
                return f"{where}{what}. This cell was not executed"
            self.unloadable = f"{where}{what}"
        elif problem["kind"] == "import":
            what = problem["error"]
            what += f"; stand-ins for {problem['stand_ins']} are used" if problem["stand_ins"] else ""
        else:
            what = f"raises {problem['error']}; it was passed over"
        return where + what

    def call(self, function: Function, args: list[Any], keywords: dict[str, Any], names: list[str]) -> Outcome:
        """Call the function in the worker. CallFailed if it raises, takes too long or ends its process.

        names: what the arguments are called, those by position first.
        """
        if self._worker is None or self._worker.is_over:
            self._load()
        assert self._worker is not None
        message = {
            "do": "call",
            "function": function.name,
            "args": [encode(value) for value in args],
            "keywords": {name: encode(value) for name, value in keywords.items()},
            "names": names,
        }
        answer = self._worker.ask(message, self.seconds)
        if "raised" in answer:
            raise CallFailed(f"raises {answer['raised']}", self.source.quote(answer.get("cell"), answer.get("line")))
        try:
            local = {name: decode(value) for name, value in answer["locals"].items()}
            return Outcome(decode(answer["result"]), answer["handle"], local, tuple(answer["changed"]))
        except (ValueError, KeyError, TypeError, AttributeError):
            self._worker.end()
            raise CallFailed("interferes with the process that checks it", stopped=True) from None


class _Worker:
    """The process, and the thread that reads its answers (so that a time limit holds on every system)."""

    def __init__(self, folder: Path) -> None:
        environment = {**os.environ, "MPLBACKEND": "Agg", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "PYTHONSTARTUP", "PYTHONINSPECT"):
            environment.pop(name, None)
        paths = [str(_PACKAGE.parent), os.environ.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", f"{_PACKAGE.name}.check.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        self.answers: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self.is_over = False
        self.asked = 0
        assert self.process.stdout is not None
        threading.Thread(target=self._read, args=(self.process.stdout,), daemon=True).start()

    def _read(self, stream: IO[bytes]) -> None:
        message: dict[str, Any] | None = {}
        with stream:
            while message is not None:
                try:
                    message = receive(stream)
                except (OSError, ValueError):
                    message = None
                self.answers.put(message)

    def ask(self, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        """The answer to a message. CallFailed if there is none in time, or the process ends."""
        assert self.process.stdin is not None
        self.asked += 1
        deadline = time.monotonic() + seconds
        answer: dict[str, Any] | None = None
        try:
            send(self.process.stdin, {**message, "number": self.asked})
            while answer is None or answer.get("number") != self.asked:  # a process that forked may answer twice
                answer = self.answers.get(timeout=max(deadline - time.monotonic(), 0))
                if answer is None:
                    break
        except queue.Empty:
            self.end()
            raise CallFailed(f"did not come back within {seconds:g} seconds", stopped=True) from None
        except OSError:
            answer = None
        if answer is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(2)
            self.end()
            raise CallFailed(f"ends the process ({self._say_how_it_ended()})", stopped=True)
        return answer

    def _say_how_it_ended(self) -> str:
        code = self.process.returncode
        if code is not None and code < 0 and code != -signal.SIGKILL:
            return f"signal {signal.Signals(-code).name}"
        return f"exit status {code}" if code is not None and code >= 0 else "killed"

    def end(self) -> None:
        """Kill the process and all that it has started."""
        self.is_over = True
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5)
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
