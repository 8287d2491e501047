"""What the two processes send each other: frames of JSON, arrays in them as their bytes. Nothing is ever unpickled."""

from __future__ import annotations

import base64
import json
import math
from typing import IO, Any, Final

import numpy as np

LARGEST: Final = 1 << 26  # bytes of a frame
_DEEPEST: Final = 8  # containers in one another; the course's caches are four deep
_MOST_ENTRIES: Final = 1000  # of a container: more than the layers of any network, or the costs of a training


class TooLarge(ValueError):
    """A message that the other side would not take."""


def send(stream: IO[bytes], message: dict[str, Any]) -> None:
    """Write a message. TooLarge, and nothing written, if it is."""
    data = json.dumps(message).encode()
    if len(data) > LARGEST:
        raise TooLarge
    stream.write(len(data).to_bytes(8, "big") + data)
    stream.flush()


def receive(stream: IO[bytes]) -> dict[str, Any] | None:
    """The next message; None at the end, or if what comes is none."""
    header = stream.read(8)
    size = int.from_bytes(header, "big")
    if len(header) < 8 or size > LARGEST:
        return None
    data = stream.read(size)
    try:
        message = json.loads(data)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


class Opaque:
    """Something that is not sent: what it is, in words ('a function'); handle: the number the worker keeps it under."""

    def __init__(self, description: str, handle: int | None = None) -> None:
        self.description, self.handle = description, handle

    def __repr__(self) -> str:
        return self.description


def encode(value: Any, depth: int = 0) -> Any:
    """As JSON: numbers, strings, arrays, and lists, tuples and dicts of them; whatever else there is in words.

    It walks by itself, and not by `tree.flatten`: it looks into nothing but containers of Python's own, and no deeper
    and at no more entries than are sent. What the objects of a student are like when they are asked, nobody knows.
    """
    if isinstance(value, Opaque):
        return {"opaque": value.description, "handle": value.handle}
    if value is None or isinstance(value, (bool, str)):
        return {"value": value if not isinstance(value, str) else value[:1000]}
    if isinstance(value, (np.ndarray, np.generic)):
        return _encode_array(np.asarray(value), isinstance(value, np.generic))
    if isinstance(value, int) and abs(value) < 1 << 62:
        return {"value": value}
    if isinstance(value, float):
        return {"value": value} if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, (dict, list, tuple)) and depth < _DEEPEST and len(value) <= _MOST_ENTRIES:
        if isinstance(value, dict):
            return {"dict": [[str(key), encode(entry, depth + 1)] for key, entry in value.items()]}
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [encode(entry, depth + 1) for entry in value]}
    return {"opaque": _describe(value), "handle": None}


def _encode_array(array: Any, number: bool) -> Any:
    if array.dtype.kind not in "biufc":
        return {"opaque": f"an array of {array.dtype}", "handle": None}
    if array.nbytes > LARGEST // 4:
        return {"opaque": f"too large an array, of shape {array.shape}", "handle": None}
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"array": data, "dtype": array.dtype.str, "shape": array.shape, "number": number}


def decode(message: Any) -> Any:
    """What was encoded. ValueError if the message is none."""
    try:
        if "value" in message:
            return message["value"]
        if "float" in message:
            return float(message["float"])
        if "array" in message:
            return _decode_array(message)
        if "dict" in message:
            return {key: decode(entry) for key, entry in message["dict"]}
        for kind in (tuple, list):
            if kind.__name__ in message:
                return kind(decode(entry) for entry in message[kind.__name__])
        return Opaque(message["opaque"], message["handle"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not a message") from error


def _decode_array(message: Any) -> Any:
    dtype = np.dtype(message["dtype"])
    if dtype.kind not in "biufc":
        raise ValueError("not a message")
    array = np.frombuffer(base64.b64decode(message["array"]), dtype).reshape(message["shape"]).copy()
    return array[()] if message["number"] else array


def _describe(value: Any) -> str:
    name = type(value).__name__
    if callable(value):
        return f"a function ({getattr(value, '__name__', name)!s:.60})"
    if isinstance(value, (dict, list, tuple)):
        return f"a {name} with {len(value)} entries, or nested too deeply"
    return f"a {name}"
