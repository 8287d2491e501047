"""Identifiers of generated code: made of what the user calls things, and never anything but an identifier."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Container

_RESERVED = frozenset({*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "np"})


def clean(name: str, taken: Container[str] = ()) -> str:
    """An identifier like name, which is neither reserved (a keyword, a builtin, np) nor taken.

    >>> clean("params['W1']"), clean("lambda"), clean("W1", {"W1"}), clean("3D")
    ('params_W1', 'lambda_', 'W1_2', '_3D')
    """
    text = unicodedata.normalize("NFKC", name)
    text = re.sub(r"\W+", "_", text).strip("_") or "x"
    if not text.isidentifier():
        text = "_" + text
    if not text.isidentifier():  # letters that only look like some
        text = re.sub(r"[^A-Za-z0-9_]", "_", text)
    if text in _RESERVED:
        text += "_"
    if text not in taken:
        return text
    number = 2
    while f"{text}_{number}" in taken:
        number += 1
    return f"{text}_{number}"


def leaf_names(paths: list[str]) -> list[str]:
    """Short names for the leaves of a tree: the end of each path, as much of it as tells them apart.

    >>> leaf_names(["params['W1']", "params['b1']", "net.layers[0].W", "net.layers[1].W", "X"])
    ['W1', 'b1', 'layers_0_W', 'layers_1_W', 'X']
    """
    parts = [re.findall(r"\w+", path) for path in paths]
    names = ["_".join(p) for p in parts]
    longest = max(map(len, parts), default=0)
    for length in range(longest, 0, -1):  # from long names to short ones: the shortest that is unique wins
        shorter = ["_".join(p[-length:]) for p in parts]
        for i, p in enumerate(parts):
            if shorter.count(shorter[i]) == 1 and not p[-min(length, len(p))][:1].isdigit():
                names[i] = shorter[i]
    return names
