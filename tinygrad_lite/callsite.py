"""Where in the user's code we are: for error messages, and only when one is being written."""

from __future__ import annotations

import dis
import linecache
import re
import sys
import warnings
from importlib import import_module
from types import FrameType

import numpy as np

_PACKAGE = __name__.partition(".")[0]


def user_frame() -> FrameType | None:
    """The innermost frame that is neither ours nor NumPy's."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").partition(".")[0] in (_PACKAGE, "numpy"):
        frame = frame.f_back
    return frame


def user_line() -> str:
    """The line of the user's code that called us: 'model.py:12: y = float(t)'."""
    return line_at(user_place())


def user_place() -> str:
    """The file and the number of that line, 'model.py:12', without reading the file."""
    frame = user_frame()
    return "unknown line" if frame is None else f"{frame.f_code.co_filename}:{frame.f_lineno}"


def warn(message: str) -> None:
    """A RuntimeWarning at the line of the user's code that called us."""
    frame = user_frame()
    if frame is None:
        warnings.warn(message, RuntimeWarning, stacklevel=2)
        return
    registry = frame.f_globals.setdefault("__warningregistry__", {})
    name = frame.f_globals.get("__name__")
    warnings.warn_explicit(message, RuntimeWarning, frame.f_code.co_filename, frame.f_lineno, name, registry)


def line_at(place: str) -> str:
    """What stands at a place."""
    path, _, number = place.rpartition(":")
    return f"{place}: {linecache.getline(path, int(number)).strip()}".rstrip(": ") if path else place


_MADE = r"^\s*{name}\s*(?::[^=]+)?=.*\b(?:zeros|empty|ones|full)(?:_like)?\("
_NOT_HELD = (
    "collect the parts in a list, then np.stack; or make {} with tg.zeros{}, to write into it with gradients: an array "
    "of NumPy's cannot hold a Tensor"
)
_STORES = {dis.opmap[name] for name in ("STORE_SUBSCR", "STORE_SLICE") if name in dis.opmap}


def advise_buffer(stored: bool = True) -> str | None:
    """What to write where the user's line writes into an array, `h[t] = value` or `h.fill(value)`, and the line where
    that array is made; None if the line does not. stored: only where just that is what is being done."""
    frame = user_frame()
    if frame is None:
        return None
    code, path = frame.f_code, frame.f_code.co_filename
    line = linecache.getline(path, frame.f_lineno)
    found = re.search(r"([A-Za-z_][\w.]*)\.(?:fill|put|itemset)\(", line)
    if not found and (not stored or code.co_code[frame.f_lasti] in _STORES):
        found = re.search(r"([A-Za-z_][\w.]*)\s*\[.*\]\s*(?:\*\*|//|[-+*/%@])?=(?!=)", line)
        if not found and stored:
            return _NOT_HELD.format("the array", "")
    if not found:
        return None
    name = found[1]
    is_global = name in frame.f_globals and name not in code.co_varnames
    first = 1 if is_global else code.co_firstlineno
    made = re.compile(_MADE.format(name=re.escape(name)))
    numbers = [n for n in range(first, frame.f_lineno) if made.search(linecache.getline(path, n))]
    where = f", instead of {line_at(f'{path}:{numbers[-1]}')}" if numbers else ""
    return _NOT_HELD.format(name, f"{where}, inside the function" if is_global else where)


_NUMBERS = "say .numpy() if you mean the numbers alone"
_ELSEWHERE = (
    "NumPy looks for Tensors in the arrays of a call alone: make the array beside it tg.Tensor(x), or use np.where"
)
_METHOD = r"(?<!\bnp)\."
_LIST = r"(?:[\[(]|\b(?:list|tuple|sorted)\()"
_ROWS = "write np.stack([np.stack([t, u]), …]) for a list of lists of Tensors"
_REMEDIES = [  # what a line looks like that made an array of a Tensor, and what to write instead
    (rf"{_METHOD}dot\(", "write X @ W for X.dot(W)"),
    (rf"{_METHOD}choose\(", "write np.choose(a, choices) for a.choose(choices)"),
    (rf"{_METHOD}searchsorted\(", "write np.searchsorted(a, v) for a.searchsorted(v)"),
    (r"\bnp\.(array|asarray|asanyarray)\(\s*[\[(]\s*[\[(]", f"{_ROWS}, or np.block([[t, u], …])"),
    (
        rf"\bnp\.(array|asarray|asanyarray)\(\s*{_LIST}",
        "write np.stack([…]), np.concatenate or np.block for a list of Tensors",
    ),
    (r"\bnp\.(r_|c_)\[", "write np.concatenate, np.stack or np.column_stack for np.r_ and np.c_"),
    (r"\bnp\.full\(", "write tg.full, or np.ones(shape) * t"),
    (r"\.(permutation|shuffle|choice)\(", "draw the index and read with it, as in t[rng.permutation(len(t))]"),
    (
        r"\b(?:random|rng|default_rng\([^()]*\)|generator|gen)\.\w+\(",
        "draw with plain numbers, then shift and scale, as in mean + std * rng.normal(size=…)",
    ),
    (
        r"\bnp\.(array|asarray|asanyarray|ascontiguousarray|asfortranarray|asarray_chkfinite|require|float(?:32|64))\(",
        "use the Tensor as it is (t.copy() for a copy, t.astype(dtype) for another dtype)",
    ),
    (r"\bas_strided\(", "write tg.as_strided, or np.lib.stride_tricks.sliding_window_view, which take Tensors"),
    (r"\bnp\.(select|pad|interp|nan_to_num)\(", _ELSEWHERE),
    (
        r"\bnp\.(concat|concatenate|append|[hvd]?stack|column_stack)\(\s*(?:[\[(].*)?(?<![\w\])])[\[(]",
        "write np.stack([t, u]) for a list [t, u] among what is joined",
    ),
    (r"\b(np\.[\w.]+)\((.*,)?\s*[\[(]\s*[\[(]", _ROWS),
    (
        r"\b(np\.[\w.]+)\((.*,)?\s*[\[(]",
        r"write np.stack([…]) for a list of Tensors, as in \1(np.stack([…]))",
    ),
    (r"^([\w.]+)\[(.*)\]$", r"write tg.Tensor(\1)[\2]"),
]


_FUNCTIONS = {  # of NumPy's, and classes
    "vectorize": "np.vectorize hands out numbers: write the function for whole arrays, or use tg.vmap",
    "full_like": "write np.ones_like(array) * t for np.full_like(array, t)",
    "ndenumerate": "write for i in np.ndindex(t.shape), and t[i]",
}
_MODULES = {
    "numpy.matrixlib": "np.matrix knows no Tensors: a plain array does all that it does, and @ multiplies matrices",
    "numpy.ma": "np.ma knows no Tensors: write np.where(mask, t, 0), or where=mask in a sum or a mean",
    "numpy.polynomial": "np.polynomial takes Tensors as points, not as coefficients: write np.polyval(c[::-1], x)",
    "numpy": _ELSEWHERE,
}


def advise_instead_of_array() -> str:
    """Where an array was made of a Tensor, and what keeps the gradient there."""
    inner: list[FrameType] = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _library(frame) in (_PACKAGE, "numpy", "scipy"):
        inner.append(frame)
        frame = frame.f_back
    if frame is None:
        return _NUMBERS
    line = line_at(f"{frame.f_code.co_filename}:{frame.f_lineno}")
    through = [f for f in reversed(inner) if _library(f) == "scipy"]
    if through:
        return f"{_advise_for_scipy(_public_name(through))} ({line})"
    buffer = advise_buffer()
    if buffer is not None:
        return f"{buffer}, or {_NUMBERS} ({line})"
    module = inner[-1].f_globals["__name__"] if inner else ""  # of the function of NumPy's that the user called
    function = inner[-1].f_code.co_qualname.partition(".")[0] if inner else ""
    if function in _FUNCTIONS:
        return f"{_FUNCTIONS[function]}, or {_NUMBERS} ({line})"
    name = None if module.startswith(("numpy.ma", "numpy.polynomial")) else _find_list(frame, line)
    if name is not None:
        rows = isinstance(frame.f_locals[name][0], (list, tuple))
        stacked = f"np.stack([np.stack(row) for row in {name}])" if rows else f"np.stack({name})"
        return f"write {stacked} for the list of Tensors {name}, or {_NUMBERS} ({line})"
    call = _call_in_progress(frame)
    for pattern, remedy in _REMEDIES:
        found = re.search(pattern, call or line)
        if found and pattern.startswith(_METHOD) and call:  # of what is called, not of an argument of it
            found = re.search(f"{pattern}$", call[: _opening(call) + 1])
        if found:
            return f"{found.expand(remedy)}, or {_NUMBERS} ({line})"
    elsewhere = next((text for name, text in _MODULES.items() if module.startswith(name)), None)
    if elsewhere is _ELSEWHERE and any(map(_is_list_of_ours, inner[-1].f_locals.values())):
        elsewhere = f"write np.stack([…]) for the list of Tensors that np.{function} is given"
    return f"{f'{elsewhere}; ' if elsewhere else ''}{_NUMBERS} ({line})"


def _call_in_progress(frame: FrameType) -> str:
    """The part of the line that is being run, as 'np.array([x.dot(w), 1])'; nothing where it goes over several."""
    first, last, start, end = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    if first is None or first != last:
        return ""
    return linecache.getline(frame.f_code.co_filename, first).encode()[start:end].decode(errors="replace")


def _opening(call: str) -> int:
    """Where the brackets of a call's arguments open."""
    depth = 0
    for i, character in reversed(list(enumerate(call))):
        depth += (character in ")]}") - (character in "([{")
        if not depth:
            return i
    return 0


def _find_list(frame: FrameType, line: str) -> str | None:
    """A variable in the line that is a list of things that are no arrays of NumPy's, as Tensors are."""
    code = line.partition(": ")[2]
    for found in re.finditer(r"(?<![.\w])[A-Za-z_]\w*", code):
        if re.search(r"[(,]\s*\*+$", code[: found.start()]):
            continue  # f(*parts) hands out what is in it
        name = found[0]
        if _is_list_of_ours(frame.f_locals.get(name)):
            return name
    return None


def _is_list_of_ours(value: object) -> bool:
    """Whether it is a list of things that are no arrays of NumPy's, as Tensors are; or a list of such lists."""
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
        if str(type(value).__module__).startswith(f"{_PACKAGE}."):
            return True
    return False


def is_called_by_library() -> bool:
    """Whether it was NumPy or SciPy, not the user, that asked a Tensor for its number."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _library(frame) == _PACKAGE:
        frame = frame.f_back
    return frame is not None and _library(frame) in ("numpy", "scipy")


def is_sparse_product() -> bool:
    """Whether it was the @ of a scipy.sparse matrix that asked for an array. (It gives way to what is none.)"""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _library(frame) == _PACKAGE:
        frame = frame.f_back
    if frame is None or not str(frame.f_globals.get("__name__", "")).startswith("scipy.sparse."):
        return False
    return frame.f_code.co_name in ("_matmul_dispatch", "_mul_dispatch")


def _library(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]


def _public_name(frames: list[FrameType]) -> str:
    """The function of SciPy's that the user called, by the name that it is imported by. frames: SciPy's, from the
    user's inward."""
    for frame in frames:
        path, name = frame.f_globals["__name__"], frame.f_code.co_qualname
        if path.startswith("scipy._lib") or name.startswith("_"):  # a decorator, around a function that it calls f
            function = frame.f_locals.get("f")
            path, name = getattr(function, "__module__", ""), getattr(function, "__qualname__", "")
        parts, name = path.split("."), name.removesuffix(".__init__").removesuffix(".__call__")
        for length in range(2, len(parts) + 1):
            module = ".".join(parts[:length])
            if not parts[length - 1].startswith("_") and hasattr(sys.modules[module], name.partition(".")[0]):
                return f"{module}.{name}"
    public = [part for part in frames[0].f_globals["__name__"].split(".") if not part.startswith("_")]
    return ".".join([*public, frames[0].f_code.co_name])


def _advise_for_scipy(name: str) -> str:
    """What to write instead of a function of SciPy's: its twin here or in NumPy, by the same name."""
    if name.startswith("scipy.sparse."):
        return f"{name} knows no Tensors; write A @ t, or A.toarray() for A, or give it a rule with tg.custom_vjp"
    module, _, function = name.rpartition(".")
    if module in ("scipy.linalg", "scipy.fft", "scipy.special"):
        import_module(f"{_PACKAGE}.{module}")
    twins = {f"tg.{module}": f"{_PACKAGE}.{module}", "tg": _PACKAGE, "np.linalg": "numpy.linalg", "np.fft": "numpy.fft"}
    for short, full in {**twins, "np": "numpy"}.items():
        if hasattr(sys.modules.get(full), function):
            return f"{name} knows no Tensors; write {short}.{function}, or give it a rule with tg.custom_vjp"
    return f"{name} knows no Tensors; write it in NumPy's functions, or give it a rule with tg.custom_vjp"


def variable_name(value: object) -> str | None:
    """What the user's code calls this object; None if no variable of the calling function holds it."""
    frame = user_frame()
    if frame is not None:
        for name, local in frame.f_locals.items():
            if local is value or (isinstance(local, np.ndarray) and getattr(local, "original", None) is value):
                return name
    return None
