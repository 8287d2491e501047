"""Products of matrices by loops: libraries that are compiled once, and not again with every program."""

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

__attribute__((visibility("default"))) void *const tg_products[] = {{(void *)tg_rows_{0}, (void *)tg_dots_{0}}};
"""

_QUICKLY = "-O2"  # all that -O3 adds is written out in the source: this takes 60 % of the time


@functools.cache
def load_products(compiler: Compiler, suffix: str) -> tuple[int, int]:
    """The addresses of tg_rows_… and tg_dots_… for one type of entries. NotCompiled if the compiler fails."""
    path = build(compiler, _SOURCE.format(suffix), f"products of matrices ({suffix})", _QUICKLY)
    try:
        rows, dots = (ctypes.c_size_t * 2).in_dll(ctypes.CDLL(str(path)), "tg_products")
    except (OSError, ValueError) as error:
        raise NotCompiled(f"what the C compiler made cannot be loaded: {error}") from None
    return rows, dots


def find_types(source: str) -> list[str]:
    """The types, by their suffixes, of whose products a program makes use."""
    return [suffix for suffix in ("f64", "f32") if f"tg_rows_{suffix}(" in source or f"tg_dots_{suffix}(" in source]
