"""Libraries that were built before, in the user's cache folder: `~/.cache/tinygrad_lite`, or $TINYGRAD_LITE_CACHE.

A file is named after all that it depends on, and ends with a digest of its own bytes. One that is damaged, or that
another user could have written, is built again. Files appear at once and whole, so that several processes may build
the same; the oldest go when there are too many.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import os
import re
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from .compiler import SOURCES, Compilation, Compiler, NotCompiled, describe_processor

MOST_FILES = 500
MOST_BYTES = 200_000_000
_MARK = b"tinygrad_lite"
_OUR_NAME = re.compile(r"[0-9a-f]{64}\.so|new_\w+\.so")
"""What may be removed: the folder may have been somebody's before it was given to us."""
_TAIL = len(_MARK) + hashlib.sha256().digest_size


def build(compiler: Compiler, source: str, what: str, *flags: str) -> Path:
    """The library for a C source: from the cache, or made now. NotCompiled if that fails.

    what: its name, for messages. flags: more of them, before which the usual ones give way.
    """
    return begin_build(compiler, source, what, *flags)()


def begin_build(compiler: Compiler, source: str, what: str, *flags: str) -> Callable[[], Path]:
    """The same in two parts: the compiler is at work when this returns. What is returned waits for it, and must be
    called."""
    if flags:
        compiler = dataclasses.replace(compiler, flags=(*compiler.flags, *flags))
    path = _folder() / f"{_key(compiler, source)}.so"
    if _is_whole(path):
        return lambda: path
    try:
        return functools.partial(_finish, Compilation(compiler, source, what), path)
    except OSError as error:
        raise _no_place(error) from None


def _finish(compilation: Compilation, path: Path) -> Path:
    try:
        with compilation:
            handle, name = tempfile.mkstemp(prefix="new_", suffix=".so", dir=path.parent)
            os.close(handle)
            new = Path(name)
            try:
                compilation.finish(new)
                content = new.read_bytes()
                with new.open("ab") as file:
                    file.write(_MARK + hashlib.sha256(content).digest())
                new.chmod(0o700)
                new.replace(path)
            finally:
                new.unlink(missing_ok=True)
        _tidy(path.parent, path)
    except OSError as error:
        raise _no_place(error) from None
    return path


def _no_place(error: OSError) -> NotCompiled:
    """No room, no temporary folder, the cache taken away meanwhile."""
    return NotCompiled(f"there is no place to compile in ({error})")


def _key(compiler: Compiler, source: str) -> str:
    parts = [source, *compiler.command, compiler.version, *compiler.flags, describe_processor()]
    parts += [sys.version, np.__version__, _read_headers()]
    digest = hashlib.sha256()
    for part in parts:
        digest.update(hashlib.sha256(part.encode()).digest())
    return digest.hexdigest()


@functools.cache
def _read_headers() -> str:
    return "".join(path.read_text() for path in sorted(SOURCES.glob("*.h")))


def _folder() -> Path:
    """The cache folder, private; NotCompiled if there can be none."""
    folder = _choose_folder()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_owned(folder) and not _is_ours(folder) and not folder.stat().st_mode & stat.S_ISVTX:
            folder.chmod(0o700)  # (/tmp, which has that bit, is to stay everybody's)
        if not _is_ours(folder) or not os.access(folder, os.W_OK):
            raise NotCompiled(f"the cache folder {folder} is not private to this user")
    except OSError as error:
        raise NotCompiled(f"the cache folder {folder} cannot be used ({error})") from None
    return folder


def _choose_folder() -> Path:
    """Absolute, as the working folder may change. (The standard has a relative $XDG_CACHE_HOME ignored.)"""
    given, standard = os.environ.get("TINYGRAD_LITE_CACHE"), os.environ.get("XDG_CACHE_HOME", "")
    if given:
        return Path(given).absolute()
    if Path(standard).is_absolute():
        return Path(standard) / "tinygrad_lite"
    try:
        return Path.home().absolute() / ".cache" / "tinygrad_lite"
    except RuntimeError:  # nobody has told, and the user is unknown to the system, as in some containers
        raise NotCompiled("there is no home for the cache: set HOME or TINYGRAD_LITE_CACHE to a folder") from None


def _is_ours(path: Path) -> bool:
    """Whether it belongs to this user, and nobody else can write to it."""
    others_write = path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return _is_owned(path) and not (others_write and os.name == "posix")


def _is_owned(path: Path) -> bool:
    return os.name != "posix" or path.stat().st_uid == os.getuid()


def _is_whole(path: Path) -> bool:
    """Whether the file is one of ours, to the last byte."""
    try:
        if path.is_symlink() or not _is_ours(path):
            return False
        content = path.read_bytes()
        os.utime(path)
    except OSError:
        return False
    body, tail = content[:-_TAIL], content[-_TAIL:]
    return tail == _MARK + hashlib.sha256(body).digest()


def _tidy(folder: Path, newest: Path) -> None:
    """Remove the files that were not used for longest, where there are too many, or they are too large."""
    files = []
    for path in folder.glob("*.so"):
        if not _OUR_NAME.fullmatch(path.name):
            continue
        try:
            found = path.stat()
        except OSError:
            continue
        files.append((found.st_mtime, found.st_size, path))
    total = 0
    for number, (_, nbytes, path) in enumerate(sorted(files, key=lambda f: -f[0])):
        total += nbytes
        if path != newest and (number >= MOST_FILES or total > MOST_BYTES):
            path.unlink(missing_ok=True)
