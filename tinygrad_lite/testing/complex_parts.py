"""Any function of trees as a function of real floating-point arrays: integers held, complex numbers in two parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import tree
from .vectors import as_plain_array

Function = Callable[..., Any]


def split_complex_arguments(
    f: Function, args: tuple[Any, ...], names: Sequence[str]
) -> tuple[Function, tuple[Any, ...], list[str]]:
    """f, its arguments and their names, such that each argument's leaves are real and floating-point.

    Where some are not, the new function takes the real ones, and the real and imaginary parts of the complex
    ones, each as an argument of its own; the integers are held where they are.
    """
    leaves, structure = tree.flatten(args)
    kinds = [as_plain_array(leaf).dtype.kind for leaf in leaves]
    if set(kinds) <= {"f"}:
        return f, args, list(names)
    paths = [path for arg, name in zip(args, names, strict=True) for path in tree.paths(arg, name)]
    parts: list[Any] = []
    part_names: list[str] = []
    for leaf, kind, path in zip(leaves, kinds, paths, strict=True):
        if kind == "f":
            parts.append(leaf)
            part_names.append(path)
        elif kind == "c":
            parts += [as_plain_array(leaf).real.copy(), as_plain_array(leaf).imag.copy()]
            part_names += [f"{path}.real", f"{path}.imag"]

    def of_parts(*given: Any) -> Any:
        rest = iter(given)
        whole = [
            next(rest) if kind == "f" else next(rest) + 1j * next(rest) if kind == "c" else leaf
            for leaf, kind in zip(leaves, kinds, strict=True)
        ]
        return f(*tree.unflatten(structure, whole))

    return of_parts, tuple(parts), part_names


def split_complex_result(f: Function, result: Any) -> Function:
    """f, with the real and the imaginary part of each complex array of its result (an example of which is given)."""
    if all(as_plain_array(leaf).dtype.kind != "c" for leaf in tree.flatten(result)[0]):
        return f
    complex_leaves = [as_plain_array(leaf).dtype.kind == "c" for leaf in tree.flatten(result)[0]]

    def in_parts(*args: Any) -> Any:
        leaves = tree.flatten(f(*args))[0]
        return [
            (np.real(leaf), np.imag(leaf)) if is_complex else leaf
            for leaf, is_complex in zip(leaves, complex_leaves, strict=True)
        ]

    return in_parts
