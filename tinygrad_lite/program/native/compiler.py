"""The system's C compiler: found, asked, and kept from harming anybody.

It runs in a folder of its own, with a time limit. Whatever goes wrong, the caller gets `NotCompiled` with one sentence.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from ...notice import Notice

SOURCES = Path(__file__).parent
FLAGS = (
    "-std=gnu11",
    "-O3",
    "-fPIC",
    "-pthread",
    "-shared",
    "-fwrapv",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-ffp-contract=off",
    "-fopenmp-simd",
    "-fvisibility=hidden",
    "-Wno-pass-failed",  # a loop with a function of the C library in it is no vector code, and clang says so
)
"""None of them changes what nan and infinity mean, or the order of additions."""
TIME_LIMIT = 120.0  # seconds
TIME_TO_ANSWER = 20.0  # seconds, for the compiler's version
PATIENCE = 1.5  # seconds, after which a terminal is told what is going on


class NotCompiled(Exception):
    """There is no native code, and the message says why."""


@dataclass(frozen=True)
class Compiler:
    """command: as it is called. version: what it says of itself. flags: all, for this machine."""

    command: tuple[str, ...]
    version: str
    flags: tuple[str, ...]


def find_compiler() -> Compiler:
    """The compiler to use; NotCompiled, with what to install, if there is none or the headers are missing."""
    return _find_compiler(os.environ.get("CC", ""), os.environ.get("PATH", ""))


@functools.cache
def _find_compiler(cc: str, path: str) -> Compiler:
    headers = Path(sysconfig.get_path("include")) / "Python.h"
    if not headers.exists():
        raise NotCompiled(f"Python's headers are missing ({headers}): install python3-dev")
    numpys = Path(np.get_include()) / "numpy" / "arrayobject.h"
    if not numpys.exists():
        raise NotCompiled(f"NumPy's headers are missing ({numpys}): install python3-numpy-dev, or NumPy with pip")
    problems = []
    for command in _candidates(cc):
        try:
            version = _ask_version(tuple(command))
        except (OSError, ValueError, NotCompiled) as error:
            problems.append(f"{shlex.join(command)}: {error}")
            continue
        if version is None:
            problems.append(f"{shlex.join(command)}: no answer to --version in {TIME_TO_ANSWER:.0f} s")
            continue
        folders = dict.fromkeys(
            [str(SOURCES), str(headers.parent), sysconfig.get_path("platinclude"), np.get_include()]
        )
        return Compiler(tuple(command), version, (*FLAGS, *_flags_of_machine(), *(f"-I{x}" for x in folders)))
    tried = "; ".join(problems) or "no cc, gcc or clang on the path"
    raise NotCompiled(
        f"there is no C compiler ({tried}): install gcc or clang, or `pip install 'tinygrad_lite[native]'`"
    )


@functools.cache
def _ask_version(command: tuple[str, ...]) -> str | None:
    """What it says of itself; None if it takes too long. (What it has started goes with it.)"""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [*command, "--version"], stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
        )
        try:
            status = process.wait(TIME_TO_ANSWER)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:
                _kill(process)
        if status:
            raise NotCompiled(f"--version failed with exit status {status}")
        said.seek(0)
        return said.read(10_000).decode(errors="replace")


def _candidates(cc: str) -> list[list[str]]:
    if cc.strip():  # what the user asks for, and nothing else
        command = [cc] if shutil.which(cc) else _split(cc)  # (the path of a program may have spaces in it)
        if os.sep in command[0]:
            command[0] = os.path.abspath(command[0])  # it will run in a folder of its own
        return [command]
    found = [[name] for name in ("cc", "gcc", "clang") if shutil.which(name)]
    if importlib.util.find_spec("ziglang"):
        found.append([sys.executable, "-m", "ziglang", "cc"])
    return found


def _split(cc: str) -> list[str]:
    try:
        return shlex.split(cc)
    except ValueError as error:
        raise NotCompiled(f"the environment variable CC is no command ({error}): {cc!r}") from None


def _flags_of_machine() -> list[str]:
    flags = ["-march=native"] if platform.machine().lower() in ("x86_64", "amd64") else ["-mcpu=native"]
    if sys.platform == "darwin":
        flags += ["-undefined", "dynamic_lookup"]
    return flags


@functools.cache
def describe_processor() -> str:
    """What `-march=native` depends on."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    return "\n".join(sorted({x for x in lines if x.startswith(("model name", "flags", "Features", "CPU part"))}))


class Compilation:
    """The compiler at work on a C source, in a folder of its own. what: its name, for messages.

    As a context manager it leaves nothing behind, neither a process nor a file.
    """

    def __init__(self, compiler: Compiler, source: str, what: str) -> None:
        self._command, self._what = shlex.join(compiler.command), what
        self._temporary = tempfile.TemporaryDirectory(prefix="tinygrad_lite_", ignore_cleanup_errors=True)
        self._folder = Path(self._temporary.name)
        file, library = self._folder / "program.c", self._folder / "program.so"
        command = [*compiler.command, *compiler.flags, str(file), "-o", str(library), "-lm"]
        try:
            file.write_text(source)
            with (self._folder / "messages").open("wb") as said:
                self._process = _start_process(command, self._folder, said)
        except BaseException:
            self._temporary.cleanup()
            raise

    def __enter__(self) -> Compilation:
        return self

    def __exit__(self, *error: object) -> None:
        if self._process.poll() is None:
            _kill(self._process)
        self._temporary.cleanup()

    def finish(self, target: Path) -> None:
        """Wait for the shared library, and move it to `target`; NotCompiled if the compiler fails, hangs, or has
        anything to say."""
        self._wait()
        with (self._folder / "messages").open("rb") as messages:
            text = messages.read(4000).decode(errors="replace").strip()
        status = self._process.returncode
        if status or text:
            lines = [line for line in map(_shorten, text.splitlines()) if line]
            telling = [x for word in ("error", "warning") for x in lines if word in x]
            said = next(iter([*telling, *lines]), f"exit status {status}")
            raise NotCompiled(f"the C compiler {'failed' if status else 'warned'}: {said}")
        library = self._folder / "program.so"
        if not library.is_file():
            raise NotCompiled(f"{self._command} gave no library")
        shutil.move(library, target)

    def _wait(self) -> None:
        notice = Notice(PATIENCE)
        try:
            while True:
                try:
                    self._process.wait(PATIENCE)
                    return
                except subprocess.TimeoutExpired:
                    if notice.elapsed > TIME_LIMIT:
                        raise NotCompiled(f"the C compiler took more than {TIME_LIMIT:.0f} s") from None
                    notice.tell(f"compiling {self._what} to native code")
        finally:
            notice.wipe()


def _shorten(line: str) -> str:
    """What can be shown of a line that may be no text at all."""
    return "".join(filter(str.isprintable, line))[:300]


def _start_process(command: list[str], folder: Path, said: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
        )
    except OSError as error:
        raise NotCompiled(f"the C compiler does not start: {error}") from None


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The compiler and what it has started."""
    try:
        os.killpg(process.pid, 9)
    except (AttributeError, OSError):
        process.kill()
    process.wait()
