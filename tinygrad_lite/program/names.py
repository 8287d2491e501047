"""Identifiers of generated code: made of what the user calls things, and never anything but an identifier."""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

_RESERVED = frozenset({*keyword.kwlist, *keyword.softkwlist, *dir(builtins), "np"})


def clean(name: str) -> str:
    """An identifier like name, which is not reserved (a keyword, a builtin, np).

    >>> clean("params['W1']"), clean("lambda"), clean("3D")
    ('params_W1', 'lambda_', '_3D')
    """
    text = unicodedata.normalize("NFKC", name)
    text = re.sub(r"\W+", "_", text).strip("_") or "x"
    if not text.isidentifier():
        text = "_" + text
    if not text.isidentifier():  # letters that only look like some
        text = re.sub(r"[^A-Za-z0-9_]", "_", text)
    return f"{text}_" if text in _RESERVED else text


class Names(set[str]):
    """The identifiers that are in use.

    >>> names = Names(["W1"])
    >>> names.take("W1"), names.take("W1"), names.take("lambda"), sorted(names)
    ('W1_2', 'W1_3', 'lambda_', ['W1', 'W1_2', 'W1_3', 'lambda_'])
    """

    def __init__(self, names: Iterable[str] = ()) -> None:
        super().__init__(names)
        self._numbers: dict[str, int] = {}  # the next to be tried

    def take(self, wish: str) -> str:
        """An identifier like wish that is not in use; from now on it is."""
        text = name = clean(wish)
        number = self._numbers.get(text, 2)
        while name in self:
            name = f"{text}_{number}"
            number += 1
            self._numbers[text] = number
        self.add(name)
        return name


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
        count = Counter(shorter)
        for i, p in enumerate(parts):
            if count[shorter[i]] == 1 and not p[-min(length, len(p))][:1].isdigit():
                names[i] = shorter[i]
    return names
