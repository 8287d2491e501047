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
import stat
import sys
import tempfile
from pathlib import Path

import numpy as np

from .compiler import SOURCES, Compiler, NotCompiled, compile_source, describe_processor

MOST_FILES = 500
MOST_BYTES = 200_000_000
_MARK = b"tinygrad_lite"
_TAIL = len(_MARK) + hashlib.sha256().digest_size


def build(compiler: Compiler, source: str, what: str, *flags: str) -> Path:
    """The library for a C source: from the cache, or made now. NotCompiled if that fails.

    what: its name, for messages. flags: more of them, before which the usual ones give way.
    """
    if flags:
        compiler = dataclasses.replace(compiler, flags=(*compiler.flags, *flags))
    folder = _folder()
    path = folder / f"{_key(compiler, source)}.so"
    if _is_whole(path):
        os.utime(path)
        return path
    handle, name = tempfile.mkstemp(prefix="new_", suffix=".so", dir=folder)
    os.close(handle)
    new = Path(name)
    try:
        compile_source(compiler, source, new, what)
        content = new.read_bytes()
        with new.open("ab") as file:
            file.write(_MARK + hashlib.sha256(content).digest())
        new.chmod(0o700)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    _tidy(folder, path)
    return path


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
    given = os.environ.get("TINYGRAD_LITE_CACHE")
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(given) if given else Path(home) / "tinygrad_lite"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_ours(folder):
            folder.chmod(0o700)
        if not _is_ours(folder) or not os.access(folder, os.W_OK):
            raise NotCompiled(f"the cache folder {folder} is not private to this user")
    except OSError as error:
        raise NotCompiled(f"the cache folder {folder} cannot be used ({error})") from None
    return folder


def _is_ours(path: Path) -> bool:
    """Whether it belongs to this user, and nobody else can write to it."""
    found = path.stat()
    return not hasattr(os, "getuid") or (
        found.st_uid == os.getuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    )


def _is_whole(path: Path) -> bool:
    """Whether the file is one of ours, to the last byte."""
    try:
        if path.is_symlink() or not _is_ours(path):
            return False
        content = path.read_bytes()
    except OSError:
        return False
    body, tail = content[:-_TAIL], content[-_TAIL:]
    return tail == _MARK + hashlib.sha256(body).digest()


def _tidy(folder: Path, newest: Path) -> None:
    """Remove the files that were not used for longest, where there are too many, or they are too large."""
    files = []
    for path in folder.glob("*.so"):
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
