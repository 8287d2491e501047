"""draw: a computation as a picture, the backward pass beside the forward pass."""

from __future__ import annotations

import html
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .tensor import Tensor

_FORMATS = ("svg", "png", "pdf")


class Drawing:
    """A picture of a computation. In a notebook it shows as such.

    source: the picture in DOT, the language of Graphviz, as text; also `str(drawing)`. svg: the picture itself, which
    needs Graphviz (ImportError where its Python package is missing, RuntimeError where its program is).
    """

    def __init__(self, title: str, source: str, counts: dict[str, int]) -> None:
        self.source = source
        self._title, self._counts = title, counts

    @property
    def svg(self) -> str:
        """The drawing as SVG, by Graphviz."""
        return _render(self.source, "svg").decode()

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file, in the format of its ending: .dot or .gv (text), .svg, .png or .pdf (by Graphviz)."""
        ending = Path(path).suffix.lstrip(".").lower()
        if ending in ("dot", "gv"):
            Path(path).write_text(self.source, encoding="utf-8")
        elif ending in _FORMATS:
            Path(path).write_bytes(_render(self.source, ending))
        else:
            raise ValueError(f"save: {os.fspath(path)} must end in .dot, .gv, .svg, .png or .pdf")

    def __str__(self) -> str:
        return self.source

    def __repr__(self) -> str:
        parts = ", ".join(f"{part} {count}" for part, count in self._counts.items())
        return f"<Drawing of {self._title} ({parts}): print it for DOT, or take .svg or .save(path)>"

    def _repr_svg_(self) -> str | None:
        try:
            return self.svg
        except (ImportError, RuntimeError):
            return None

    def _repr_html_(self) -> str | None:
        """Where Graphviz is missing: why there is no picture, and the text."""
        try:
            _render("digraph {}", "svg")
        except (ImportError, RuntimeError) as error:
            return f"<p>{html.escape(str(error))}</p><pre>{html.escape(self.source)}</pre>"
        return None


def draw(
    what: Any,
    *args: Any,
    wrt: int | Sequence[int] | None = None,
    backward: bool = True,
    values: bool = False,
    gradients: bool = False,
) -> Drawing:
    """The computation of a Tensor, or of a function for some arguments, as a picture in the user's names.

    what: a Tensor, or a function (a module, say) of args, which are trees of arrays or Tensors. Each box is a value:
    its name, how it is computed, its shape. backward: beside it the backward pass, if the result is one number, with a
    gradient for each of: the parameters that the function reaches (Tensors that require a gradient), and its arguments
    number wrt (a position or several; None: the first, where it reaches no parameter). values, gradients: their numbers
    too: all of a few, the range and the mean of many.

    The function runs once, on these arguments; branches and random numbers are drawn as they came out. ValueError if
    nothing was recorded on the way to the result.

    >>> import numpy as np, tinygrad_lite as tg
    >>> def cost(W, X):
    ...     A = np.tanh(W @ X)
    ...     J = np.mean(A)
    ...     return J
    >>> picture = tg.draw(cost, np.array([[0.1, -0.2]]), np.ones((2, 3)))
    >>> picture
    <Drawing of cost (input 2, forward 2, backward 1): print it for DOT, or take .svg or .save(path)>
    >>> "A = np.tanh(W @ X)" in picture.source, "dW = " in picture.source
    (True, True)
    """
    from .program.derivation.observe import Variables  # not before it is needed
    from .program.drawing.dot import write_dot
    from .program.drawing.graph import graph_of_function, graph_of_tensor

    if isinstance(what, Tensor):
        if args:
            raise TypeError("draw: a Tensor has been computed already and takes no arguments; give its function")
        variables = Variables()
        caller = sys._getframe(1)
        variables.note_locals(caller, 0)
        variables.note_globals(caller)
        graph = graph_of_tensor(what, variables)
    elif callable(what):
        graph = graph_of_function(what, args, wrt)
    else:
        raise TypeError(f"draw: give a Tensor, or a function and its arguments; this is of type {type(what).__name__}")
    shown = [box.part for box in graph.boxes if backward or box.part != "backward"]
    parts = {"input": ("input", "parameter"), "forward": ("forward",), "backward": ("backward",)}
    counts = {name: sum(part in among for part in shown) for name, among in parts.items()}
    source = write_dot(graph, backward, values, gradients)
    return Drawing(graph.title, source, {name: count for name, count in counts.items() if count})


def _render(source: str, kind: str) -> bytes:
    """The picture, drawn by Graphviz."""
    try:
        import graphviz
    except ModuleNotFoundError:
        raise ModuleNotFoundError("the picture needs Graphviz: pip install 'tinygrad_lite[draw]'") from None
    try:
        picture: bytes = graphviz.Source(source).pipe(kind)
    except graphviz.ExecutableNotFound:
        raise RuntimeError(
            "the picture needs Graphviz's program dot, which is not on the PATH: install Graphviz itself, with "
            "`apt install graphviz`, `brew install graphviz` or `conda install graphviz`"
        ) from None
    return picture
