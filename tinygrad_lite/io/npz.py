"""The .npz container: a zip of .npy files, as `np.load` reads it, beside which stands tree.json.

The zip's own checksums cover the members' contents, not its directories; so the zip's comment, the last bytes of the
file, is a checksum of all bytes before it.
"""

from __future__ import annotations

import hashlib
import io
import math
import re
import zipfile
from typing import Any

import numpy as np

_TREE = "tree.json"
_LABEL = b"tinygrad_lite sha256 "
_DIGEST = 64  # hexadecimal digits
_SMALL = 64 << 20  # bytes that any file may unpack to
_LONGEST_NAME = 0xFFFF  # bytes of a member's name, whose number has two bytes in a zip
_MOST_TIMES = 100  # how many times its own size a larger file may unpack to


def pack(text: str, arrays: dict[str, np.ndarray]) -> bytes:
    """The content of a file with these arrays and this description."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        # A fixed date: the same tree gives the same bytes.
        archive.writestr(zipfile.ZipInfo(_TREE), text)
        for name, array in arrays.items():
            if len(f"{name}.npy".encode(errors="replace")) > _LONGEST_NAME:
                raise ValueError(f"the key {name:.40}… has {len(name)} letters, too many for an .npz file; shorten it")
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
        archive.comment = _LABEL + b"0" * _DIGEST
    content = file.getvalue()[:-_DIGEST]
    return content + _digest(content)


def unpack(content: bytes) -> tuple[str | None, dict[str, np.ndarray]]:
    """The description (None in a file that is not ours) and the arrays. ValueError for a file that is not right."""
    if content[:2] != b"PK":
        raise ValueError("it is not an .npz file" if content else "the file is empty")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            names = [member.filename for member in members]
            # Either shows that the file is ours, so that one wrong byte cannot hide it.
            if _LABEL in content or _TREE in names:
                _check_digest(content)
            _check_members(members, len(content))
            found = {name: archive.read(name) for name in names}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise ValueError(f"the file is damaged or cut off ({error})") from None
    except Exception as error:  # zlib.error, struct.error, UnicodeDecodeError, … : damage takes many forms
        raise error if isinstance(error, ValueError) else ValueError(f"the file is damaged ({error})") from None
    text = found.pop(_TREE, None)
    arrays = {name.removesuffix(".npy"): _parse(name, part) for name, part in found.items()}
    return None if text is None else text.decode(), arrays


def _check_digest(content: bytes) -> None:
    body, digest = content[:-_DIGEST], content[-_DIGEST:]
    if not body.endswith(_LABEL) or digest != _digest(body):
        raise ValueError("the file is damaged or cut off: its checksum does not match its content")


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def _check_members(members: list[zipfile.ZipInfo], size: int) -> None:
    seen = set()
    for member in members:
        name = member.filename
        if name != member.orig_filename or re.search(r"^[/~]|\\|^\w:|(^|/)\.\.?(/|$)|\x00", name):
            raise ValueError(
                f"the member {member.orig_filename!r} is the path of a file elsewhere, not an array's name"
            )
        if name in seen:
            raise ValueError(f"it has two members {name!r}")
        if not name.endswith(".npy") and name != _TREE:
            raise ValueError(f"its member {name!r} is not an array (.npy)")
        seen.add(name)
    total = sum(member.file_size for member in members)
    if total > max(_SMALL, _MOST_TIMES * size):
        raise ValueError(f"a file of {size} bytes that unpacks to {total} is not opened; save it without compression")


def _parse(name: str, content: bytes) -> np.ndarray:
    """The array in an .npy file, which is measured before memory is taken for it."""
    file = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"version {version} of .npy")
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, is_fortran, dtype = read(file)
    except Exception as error:
        raise ValueError(f"{name} is damaged: {error}") from None
    if dtype.hasobject:
        raise ValueError(
            f"{name} holds Python objects, which could run code when they are read; only numbers are loaded"
        )
    if dtype.kind not in "fciub" or dtype.subdtype is not None:
        raise ValueError(f"{name} holds {dtype}, not numbers")
    left = len(content) - file.tell()
    if any(n < 0 for n in shape) or math.prod(shape) * dtype.itemsize != left:
        raise ValueError(f"{name} says that it has shape {shape} and dtype {dtype}, but it has {left} bytes of data")
    order: Any = "F" if is_fortran else "C"
    return np.frombuffer(content, dtype, offset=file.tell()).reshape(shape, order=order).copy(order)
