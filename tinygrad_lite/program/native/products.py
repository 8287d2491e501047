"""Products of matrices by loops: a library for each function, compiled once, and not again with every program."""

from __future__ import annotations

PRODUCT_FLAG = "-O2"  # all that -O3 adds is written out in the source: this takes 60 % of the time

_NAMES = ("tg_rows_f64", "tg_rows_f32", "tg_dots_f64", "tg_dots_f32")


def find_products(source: str) -> list[str]:
    """The functions of products.h that a program calls."""
    return [name for name in _NAMES if f"{name}(" in source]


def print_product(name: str) -> str:
    """The text of the library of one of them."""
    headers = ("library.h", "elementwise.h", "products.h")
    lines = [*(f'#include "{header}"' for header in headers), "", f"TG_EXPORT void *const tg_product = (void *){name};"]
    return "\n".join(lines) + "\n"
