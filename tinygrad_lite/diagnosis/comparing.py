"""The steps of a comparison: which arguments are differentiated, the verdicts, the findings."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..arguments import name_arguments
from ..program.names import leaf_names
from ..tensor import Tensor
from .causes import find_causes
from .entries import Given, open_manual
from .formulas import DATA
from .judging import Judge
from .power import measure_power
from .report import Comparison


def compare_gradients(manual: Any, f: Callable[..., Any], args: tuple[Any, ...], wrt: Any) -> Comparison:
    """See `tinygrad_lite.compare`."""
    copies = tree.map(lambda x: x.copy() if isinstance(x, np.ndarray) else x, args)
    given = open_manual(manual, copies)
    with np.errstate(all="ignore"):
        return _compare(f, args, wrt, given)


def _compare(f: Callable[..., Any], args: tuple[Any, ...], wrt: Any, given: dict[str, Given]) -> Comparison:
    judge = Judge(f, args, _choose_arguments(f, args, given) if wrt is None else wrt, given)
    readings = judge.read()
    try:
        for reading in readings:
            find_causes(judge, reading)
    finally:
        judge.patience.end()
    reading = min(readings, key=lambda r: (r.cost, r.convention.size is not None))
    namespace = {**judge.chain.namespace(), **judge.simple.namespace(), **judge.truth, **reading.values}

    return Comparison(
        judge.recording.title,
        tuple(judge.entries(reading)),
        tuple(reading.findings),
        namespace,
        lambda: measure_power(judge, reading),
    )


def _choose_arguments(f: Callable[..., Any], args: tuple[Any, ...], names: Collection[str]) -> int | Sequence[int]:
    """The arguments that the names ask for, and whatever else looks like parameters."""
    parameters = name_arguments(f, len(args))
    chosen = []
    for i, (name, arg) in enumerate(zip(parameters, args, strict=True)):
        leaves, paths = tree.flatten(arg)[0], tree.paths(arg, name)
        floats = [x._array if type(x) is Tensor else x for x in leaves]
        if not _has_floats(arg):
            continue
        asked = any("d" + short in names for short in leaf_names(paths)) or "d" + name in names
        if asked or (name not in DATA and all(isinstance(x, np.ndarray) for x in floats)):
            chosen.append(i)
    if not chosen:
        chosen = [i for i, arg in enumerate(args) if _has_floats(arg)]
    if not chosen:
        raise ValueError("compare: f is given no array of floats that could be differentiated")
    return chosen


def _has_floats(arg: Any) -> bool:
    leaves = [x._array if type(x) is Tensor else x for x in tree.flatten(arg)[0]]
    return bool(leaves) and all(
        isinstance(x, (np.ndarray, np.floating, float)) and np.asarray(x).dtype.kind == "f" for x in leaves
    )
