"""A text as numbers, for models that continue it character by character; and how they are trained and asked.

The text is the project's own: the prose of its documentation, without the programs.

>>> text = load()
>>> len(text) > 20_000, text == "".join(Alphabet(text).spell(Alphabet(text).number(text)))
(True, True)
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import tinygrad_lite as tg
from models import plotting
from models.terminal import say
from models.two_layer_manual import Array
from tinygrad_lite import nn, plot

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOCS = Path(__file__).parents[1] / "docs"
PAGES = (
    "numpy_code",
    "check_your_backprop",
    "check_a_file",
    "differences",
    "kinks",
    "training",
    "saving",
    "optimisers",
)

COLUMNS, SHOWN = 36, 36 * 12
"""Of a text that is drawn: characters in a line, and in all."""


def load() -> str:
    """The prose of the documentation, in lower case."""
    pages = [(DOCS / f"{page}.md").read_text(encoding="utf-8") for page in PAGES]
    prose = re.sub(r"```.*?```", "", "\n".join(pages), flags=re.DOTALL)
    return re.sub(r"[ \n]+", " ", re.sub(r"[|*#`\[\]]|\(\S+\.md\S*\)", "", prose)).lower()


class Alphabet:
    """The characters of a text, numbered."""

    def __init__(self, text: str) -> None:
        self.characters = sorted(set(text))
        self._numbers = {c: i for i, c in enumerate(self.characters)}

    def __len__(self) -> int:
        return len(self.characters)

    def number(self, text: str) -> Array:
        """Its characters as numbers (length,)."""
        return np.array([self._numbers[c] for c in text])

    def spell(self, numbers: Array) -> str:
        """The text of these numbers."""
        return "".join(self.characters[i] for i in numbers)


class Windows:
    """Mini-batches of pieces of a text, each with the same piece one character later, which is to be foretold."""

    def __init__(self, numbers: Array, length: int, size: int, count: int, rng: np.random.Generator) -> None:
        """length: of a piece; size, count: of a batch, and how many there are in an epoch."""
        self.numbers, self.length, self.size, self.count, self.rng = numbers, length, size, count, rng

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[tuple[Array, Array]]:
        for _ in range(self.count):
            starts = self.rng.integers(0, len(self.numbers) - self.length, self.size)
            pieces = self.numbers[starts[:, None] + np.arange(self.length + 1)]
            yield pieces[:, :-1], pieces[:, 1:]


def loss(logits: Any, following: Array) -> Any:
    """Cross-entropy of logits (batch, length, characters) for the characters that follow (batch, length), in nats."""
    return nn.functional.cross_entropy(np.reshape(logits, (-1, logits.shape[-1])), following.reshape(-1))


def sample(foretell: Callable[[Array], Array], start: Array, length: int, rng: np.random.Generator) -> Array:
    """Continue a text: numbers (length,), each drawn from the probabilities that come from those before it.

    foretell: numbers so far -> logits of the next (characters,).
    """
    numbers = list(start)
    for _ in range(length):
        logits = foretell(np.array(numbers)).astype(float)
        probabilities = np.asarray(tg.softmax(logits / 0.6))  # a little surer than it is: fewer slips of the pen
        numbers.append(int(rng.choice(len(probabilities), p=probabilities)))
    return np.array(numbers)


def surprise(net: Any, numbers: Array) -> Array:
    """The bits -log2 p with which each of the numbers (length,) from the 65th on follows the 64 before it."""
    pieces = np.lib.stride_tricks.sliding_window_view(numbers, 65)
    with tg.no_grad():
        logits = net(pieces[:, :-1]).numpy()[:, -1]
    chances = np.asarray(tg.log_softmax(logits, axis=1))[np.arange(len(pieces)), pieces[:, -1]]
    bits: Array = -chances / np.log(2)
    return bits


def report(history: Any, text: str) -> None:
    """Print how well characters are foretold, and a text that was made."""
    for epoch in sorted({1, 2, 5, 10, len(history.loss)} & set(range(1, len(history.loss) + 1))):
        bits = [values[epoch - 1] / np.log(2) for values in (history.loss, history.validation_loss)]
        say(f"epoch {epoch:2}: {bits[0]:.2f} bits a character, {bits[1]:.2f} in a part that was held out")
    say("\n" + textwrap.fill(text, 76, break_long_words=False))


def draw(history: Any, text: str, bits: Array) -> Figure:
    """The losses, and a text, each character on the colour of the bits (length,) with which it was foretold."""
    picture = plotting.figure(9.6, 4.0)
    left, right = picture.subplots(1, 2, width_ratios=(2, 3))
    losses = {"training": np.array(history.loss) / np.log(2), "held out": np.array(history.validation_loss) / np.log(2)}
    plot.history(losses, value="bits a character", title="Training", axes=left)
    rows = -(-len(text) // COLUMNS)
    cells = np.full(rows * COLUMNS, np.nan)
    cells[: len(text)] = bits
    image = right.imshow(cells.reshape(rows, COLUMNS), cmap="Oranges", vmin=0, vmax=8, aspect="auto")
    for i, character in enumerate(text):
        look = {"family": "monospace", "fontsize": 9, "color": "white" if bits[i] > 5 else plotting.INK}
        right.text(i % COLUMNS, i // COLUMNS, character, ha="center", va="center", **look)
    right.set(xticks=[], yticks=[], title="How each character of a text held out surprises it")
    right.spines[:].set_visible(False)
    picture.colorbar(image, ax=right, label="bits", extend="max")
    return picture
