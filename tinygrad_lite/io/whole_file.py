"""A file that is replaced as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat


def replace(path: str, content: bytes) -> None:
    """Give the file this content. Whoever reads it, or finds it after a crash, sees all of the old or all of the new.

    The content goes into a temporary file beside it, which takes its place when it is safely on the disk. Permissions
    stay; a symbolic link stays one, and what it leads to is replaced.
    """
    path = os.path.realpath(path)
    mode = None
    with contextlib.suppress(FileNotFoundError):
        mode = os.stat(path).st_mode
    if mode is not None and not stat.S_ISREG(mode):
        raise OSError(f"{path} is a folder or a device, which cannot be replaced by a file")
    if mode is not None and not os.access(path, os.W_OK):
        raise PermissionError(f"{path} is write-protected")
    temporary = os.path.join(os.path.dirname(path), f".{secrets.token_hex(8)}.tmp")
    # O_EXCL: no link that somebody put there is followed. 0o666: the process's umask decides, as for any new file.
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
    try:
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(temporary, stat.S_IMODE(mode))
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    if os.name == "posix":  # the folder's entry must reach the disk too
        folder = os.open(os.path.dirname(path), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
