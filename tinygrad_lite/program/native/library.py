"""A program's library: its C functions, compiled and loaded, with what they call of others."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from .blas import find_blas
from .cache import begin_build, build
from .compiler import SOURCES, Compiler, NotCompiled, find_compiler
from .products import PRODUCT_FLAG, find_products, print_product

HEADERS = ("library.h", "elementwise.h", "vector_math.h", "rows.h", "product_calls.h", "blas.h", "threads.h")


@dataclass(frozen=True)
class Library:
    """addresses: of the functions that are called from outside. runtime: the module that calls them."""

    addresses: dict[str, int]
    runtime: ModuleType


def print_library(texts: Sequence[str], names: Sequence[str]) -> str:
    """The text of a library. texts: of functions; names: of those that are called from outside."""
    table = ", ".join(f"(void *){name}" for name in names)
    exports = f"TG_EXPORT void *const tg_functions[] = {{{table}}};\n"
    return "\n".join([*(f'#include "{name}"' for name in HEADERS), "", *texts, exports])


def load_library(text: str, names: Sequence[str], what: str, *flags: str) -> Library:
    """Compile what was not compiled before, and load it. what: the function's name, for messages. NotCompiled if that
    fails."""
    compiler, called = find_compiler(), find_products(text)
    runtime = start_runtime(compiler)
    products = [start_product(compiler, name) for name in called]
    path = build(compiler, text, what, *flags)
    library = _load(path)
    functions = _find(library, "tg_functions", ctypes.c_size_t * len(names))
    blas = find_blas()
    if blas is not None:
        dgemm, sgemm, is_64 = blas
        library.tg_use_blas(ctypes.c_void_p(dgemm), ctypes.c_void_p(sgemm), ctypes.c_int(is_64))
    for name, address in zip(called, products, strict=True):
        library.tg_use_product(name.encode(), ctypes.c_void_p(address()))
    return Library(dict(zip(names, functions, strict=True)), runtime())


def _load(path: Path) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise _not_loaded(error) from None


def _find(library: ctypes.CDLL, name: str, kind: Any) -> Any:
    """A variable of a library."""
    try:
        return kind.in_dll(library, name)
    except ValueError as error:
        raise _not_loaded(error) from None


def _not_loaded(error: Exception) -> NotCompiled:
    return NotCompiled(f"what the C compiler made cannot be loaded: {error}")


# -- what all programs share, and is made once on a machine: while other things are done -----------------------------


@functools.cache
def start_product(compiler: Compiler, name: str) -> Callable[[], int]:
    """Begin to make or to load one of the functions of products.h. What is returned waits for it, and gives its
    address."""

    def load(path: Path) -> int:
        return int(_find(_load(path), "tg_product", ctypes.c_size_t).value)

    return _start(load, compiler, print_product(name), f"products of matrices ({name})", PRODUCT_FLAG)


@functools.cache
def start_runtime(compiler: Compiler) -> Callable[[], ModuleType]:
    """Begin to make or to load the extension module of runtime.c. What is returned waits for it."""
    return _start(_load_module, compiler, (SOURCES / "runtime.c").read_text(), "calls from Python", "-O1")


def _load_module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("tinygrad_native", path)
    assert spec is not None
    assert spec.loader is not None
    try:
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    except Exception as error:  # whatever it is, it is not what was asked for
        raise _not_loaded(error) from None
    return module


def _start(load: Callable[[Path], Any], *library: Any) -> Callable[[], Any]:
    """Begin to build a library, and load it in a thread. What is returned waits for what `load` makes of it.
    (A pool of threads takes 15 ms to import.)"""
    finish = begin_build(*library)
    results: list[Any] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            results.append(load(finish()))
        except Exception as error:
            errors.append(error)

    def wait() -> Any:
        thread.join()
        if errors:
            raise errors[0]
        return results[0] if results else load(build(*library))  # (a fork of this process has no such thread)

    thread = threading.Thread(target=run)
    thread.start()
    return wait
