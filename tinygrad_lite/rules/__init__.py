"""The table, in sections.

The sections that most programs need are read when the library is imported; the others when a Tensor first meets a
function that has no row yet (or when somebody asks for all rows).
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..dispatch import handlers, providers
from . import joining as joining
from . import losses as losses
from . import metadata as metadata
from . import methods
from . import neural as neural
from . import products as products
from . import reductions as reductions
from . import reductions_of_some as reductions_of_some
from . import sparse as sparse
from . import special as special
from . import ufunc_methods as ufunc_methods

_ON_DEMAND = ["calculus", "decompositions", "fft", "linalg", "nan_reductions", "norms", "padding", "polynomials"]
_ON_DEMAND += ["ranges", "sorting", "statistics", "windows"]


def _read_sections(function: Any) -> bool:
    """Whether the function has a row, now that every section has been read."""
    for section in _ON_DEMAND:
        import_module(f".{section}", __name__)
    return function in handlers


providers.insert(0, _read_sections)


methods.install()
