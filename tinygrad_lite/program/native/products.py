"""Products of matrices by loops: a library for each function, compiled once, and not again with every program."""

from __future__ import annotations

import ctypes
import functools

from .cache import build
from .compiler import Compiler, NotCompiled

_SOURCE = """
#include <math.h>
#include <stdint.h>
#include "elementwise.h"
#include "products.h"

__attribute__((visibility("default"))) void *const tg_product = (void *){0};
"""

_QUICKLY = "-O2"  # all that -O3 adds is written out in the source: this takes 60 % of the time

_NAMES = ("tg_rows_f64", "tg_rows_f32", "tg_dots_f64", "tg_dots_f32")


@functools.cache
def load_product(compiler: Compiler, name: str) -> int:
    """The address of one of the functions of products.h. NotCompiled if the compiler fails."""
    path = build(compiler, _SOURCE.format(name), f"products of matrices ({name})", _QUICKLY)
    try:
        return ctypes.c_size_t.in_dll(ctypes.CDLL(str(path)), "tg_product").value
    except (OSError, ValueError) as error:
        raise NotCompiled(f"what the C compiler made cannot be loaded: {error}") from None


def find_products(source: str) -> list[str]:
    """The functions of products.h that a program calls."""
    return [name for name in _NAMES if f"{name}(" in source]
