"""`save` and `load`: which container, and what is said when something is wrong."""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any

from ..keywords import explains_keywords
from . import npz, tensors_file, tree_json, whole_file

_FORMATS: dict[str, ModuleType] = {".npz": npz, ".safetensors": tensors_file}


@explains_keywords
def save(file: Any, tree: Any) -> None:
    """Write a tree of arrays to a file, which is afterwards either the whole new one or still the whole old one.

    file: a path that ends in .npz (which `np.load` reads too) or .safetensors (which PyTorch's library reads too, and
    which needs it: `pip install 'tinygrad_lite[safetensors]'`); or a binary file object, which becomes .npz unless its
    name ends otherwise. tree: arrays, Tensors, numbers, strings, None, bools, bytes and `np.random.Generator`s in
    dicts, lists, tuples, named tuples, dataclasses and plain objects; of functions only the name is written. An array
    or a generator that occurs twice is one again when it is loaded. TypeError for anything else, naming its place;
    nothing is written then.

    Arrays of a flat dict are called by its keys in the file ("layer.weight"), others by their path ("['W'][0]").

    >>> import os, tempfile, numpy as np, tinygrad_lite as tg
    >>> path = os.path.join(tempfile.mkdtemp(), "model.npz")
    >>> tg.save(path, {"W": np.eye(2), "epoch": 3, "rng": np.random.default_rng(0)})
    >>> tg.load(path)["W"]
    array([[1., 0.],
           [0., 1.]])
    """
    if isinstance(tree, (str, os.PathLike)) and not _is_file(file):
        raise TypeError("tg.save(file, tree): the file comes first, then what is saved in it")
    container = _FORMATS[_ending(file, "tg.save")]
    text, arrays = tree_json.describe(tree)
    content = container.pack(text, arrays)
    if not hasattr(file, "write"):
        whole_file.replace(os.fspath(file), content)
        return
    try:
        written = file.write(content)
    except TypeError:
        raise TypeError("tg.save: the file object takes text; open it in binary mode, open(path, 'wb')") from None
    if isinstance(written, int) and written != len(content):
        raise OSError(f"tg.save: only {written} of {len(content)} bytes were written")


@explains_keywords
def load(file: Any, like: Any = None) -> Any:
    """The tree that `save` wrote: new arrays, in dicts, lists and tuples; or, with like, in objects of its classes.

    file: a path or a binary file object. like: a tree such as the saved one, which stays as it is. From it come classes
    and functions, and whether a leaf is a Tensor; everything else comes from the file. Structure, strings, shapes and
    dtypes must agree, else ValueError that names the first difference. Without it objects, dataclasses and named tuples
    come as dicts of their attributes.

    Files that NumPy (`np.savez`) or PyTorch's safetensors wrote give dicts of their arrays; bfloat16, which NumPy has
    not, becomes float32 with the same values. ValueError for files that are damaged, cut off or not what they say.

    >>> import io, numpy as np, tinygrad_lite as tg
    >>> file = io.BytesIO()
    >>> tg.save(file, {"w": np.ones(3), "rates": (0.1, 0.01)})
    >>> tg.load(io.BytesIO(file.getvalue()))
    {'w': array([1., 1., 1.]), 'rates': (0.1, 0.01)}
    >>> tg.load(io.BytesIO(file.getvalue()), like={"w": np.zeros(4), "rates": (0.0, 0.0)})
    Traceback (most recent call last):
        ...
    ValueError: <BytesIO>: tree['w'] has shape (3,) in the file, (4,) in like
    """
    if not _is_file(file):
        raise TypeError(f"tg.load(file): {type(file).__name__} is neither a path nor a file object")
    if hasattr(file, "read"):
        content = file.read()
        name = str(getattr(file, "name", f"<{type(file).__name__}>"))
        if not isinstance(content, bytes):
            raise TypeError("tg.load: the file object gives text; open it in binary mode, open(path, 'rb')")
        ending = ".npz" if content[:2] == b"PK" or name.endswith(".npz") else ".safetensors"
    else:
        name, ending = os.fspath(file), _ending(file, "tg.load")
        with open(file, "rb") as opened:
            content = opened.read()
    try:
        text, arrays = _FORMATS[ending].unpack(content)
        if text is None and like is None:
            return arrays
        described = tree_json.of_flat_dict(arrays) if text is None else text
        return tree_json.rebuild(described, arrays, like)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{name}: {error}") from None
    except RecursionError:
        raise ValueError(f"{name}: its tree is nested too deeply, or like contains itself") from None


def _is_file(x: Any) -> bool:
    return isinstance(x, (str, os.PathLike)) or hasattr(x, "read") or hasattr(x, "write")


def _ending(file: Any, who: str) -> str:
    if not _is_file(file):
        raise TypeError(f"{who}: {type(file).__name__} is neither a path nor a file object")
    is_object = not isinstance(file, (str, os.PathLike))
    name = getattr(file, "name", "") if is_object else os.fspath(file)
    for ending in _FORMATS:
        if str(name).lower().endswith(ending):
            return ending
    if is_object:
        return ".npz"
    raise ValueError(f"{who}: {name} must end in {' or '.join(_FORMATS)}, which says how it is written")
