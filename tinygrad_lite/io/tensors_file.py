"""The .safetensors container, read and written by its own library.

The format has no checksum. Ours stands in the metadata: of the whole file, with zeros where the checksum will be.
"""

from __future__ import annotations

import hashlib
import json
from types import ModuleType
from typing import Any

import numpy as np

_TREE, _DIGEST = "tinygrad_lite", "sha256"
_ZEROS = "0" * 64


def pack(text: str, arrays: dict[str, np.ndarray]) -> bytes:
    """The content of a file with these arrays and this description."""
    plain = {}
    for name, array in arrays.items():
        if array.dtype.newbyteorder("=") not in _DTYPES.values():
            raise TypeError(f"{name} is {array.dtype}, which .safetensors files cannot hold; save it as .npz")
        plain[name] = np.ascontiguousarray(array, array.dtype.newbyteorder("=")).reshape(array.shape)
    metadata = {_TREE: text, _DIGEST: _ZEROS}
    content: bytes = _library().numpy.save(plain, metadata=metadata)
    at = _find_digest(content, _ZEROS)
    return content[:at] + _hash(content).encode() + content[at + len(_ZEROS) :]


def unpack(content: bytes) -> tuple[str | None, dict[str, np.ndarray]]:
    """The description (None in a file that is not ours) and the arrays. ValueError for a file that is not right."""
    library = _library()
    try:
        parts = dict(library.deserialize(content))
        header = json.loads(content[8 : 8 + _header_size(content)], object_pairs_hook=_dict_without_twins)
        metadata = header.pop("__metadata__", {})
        if _TREE in metadata or _DIGEST in metadata:  # either: so that one wrong byte cannot hide that it is ours
            _check_digest(content, metadata.get(_DIGEST, ""))
    except Exception as error:
        raise ValueError(f"the file is damaged or cut off, or no .safetensors file: {error}") from None
    # (In the order of the header: the library gives them in any.)
    return metadata.get(_TREE), {name: _read(name, parts[name]) for name in header}


def _dict_without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"it has two entries {next(name for name in names if names.count(name) > 1)!r}")
    return found


def _read(name: str, part: dict[str, Any]) -> np.ndarray:
    kind, shape, data = part["dtype"], part["shape"], bytes(part["data"])
    if kind == "BF16":  # the upper half of a float32
        wide = np.frombuffer(data, "<u2").astype(np.uint32) << 16
        return wide.view(np.float32).reshape(shape)
    if kind not in _DTYPES:
        raise ValueError(f"{name} is {kind}, which NumPy has not; convert it to F32 where it was written")
    return np.frombuffer(data, _DTYPES[kind]).reshape(shape).copy()


def _check_digest(content: bytes, digest: str) -> None:
    at = _find_digest(content, digest) if len(digest) == len(_ZEROS) else -1
    if at < 0 or _hash(content[:at] + _ZEROS.encode() + content[at + len(_ZEROS) :]) != digest:
        raise ValueError("its checksum does not match its content")


def _find_digest(content: bytes, digest: str) -> int:
    """Where the checksum stands in the header. (In the text of the description every quote is escaped.)"""
    key = f'"{_DIGEST}":"'
    at = content.find((key + digest).encode(), 8, 8 + _header_size(content))
    return at + len(key) if at >= 0 else -1


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _header_size(content: bytes) -> int:
    return int.from_bytes(content[:8], "little")


def _library() -> ModuleType:
    try:
        import safetensors.numpy
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            ".safetensors files need their library: pip install 'tinygrad_lite[safetensors]'; .npz files need nothing"
        ) from None
    return safetensors


_DTYPES = {
    **{f"F{8 * n}": np.dtype(f"f{n}") for n in (2, 4, 8)},
    **{f"I{8 * n}": np.dtype(f"i{n}") for n in (1, 2, 4, 8)},
    **{f"U{8 * n}": np.dtype(f"u{n}") for n in (1, 2, 4, 8)},
    "BOOL": np.dtype(bool),
    "C64": np.dtype("c8"),
}
