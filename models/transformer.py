"""A text continued character by character, by a small transformer.

Where a recurrent network has a state, a transformer looks back at all characters at once: in each of its blocks every
place gathers from earlier ones what it finds there (attention), and works on it by itself (two dense layers). The
vectors of the characters are used twice, to read them and to tell them from one another at the end.

    python -m models.transformer --blocks 4

Source: Vaswani et al. (2017), "Attention is all you need"; the order of normalisation is that of GPT-2.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

import tinygrad_lite as tg
from models import characters, cli
from models.char_rnn import run
from models.characters import Alphabet
from models.two_layer_manual import Array
from tinygrad_lite import nn

LENGTH = 64
"""How far it looks back."""


class Block(nn.Module):
    """x + attention(x), then x + dense(x), each of what is normalised first."""

    def __init__(self, width: int, heads: int, rng: np.random.Generator) -> None:
        self.norm = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True, rng=rng)
        self.dense = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width, rng=rng),
            nn.GELU(),
            nn.Linear(4 * width, width, rng=rng),
            nn.Dropout(0.1, rng=rng),
        )

    def forward(self, x: Any) -> Any:
        """The same shape (batch, length, width)."""
        z = self.norm(x)
        x = x + self.attention(z, z, z, is_causal=True, need_weights=False)[0]
        return x + self.dense(x)


class Transformer(nn.Module):
    """Vectors of characters and of places, some blocks, and logits by the vectors of the characters."""

    def __init__(self, alphabet: int, width: int, heads: int, blocks: int, rng: np.random.Generator) -> None:
        self.embedding = nn.Embedding(alphabet, width, rng=rng)
        nn.init.normal_(self.embedding.weight, std=width**-0.5, rng=rng)
        self.places = nn.init.normal((LENGTH, width), std=0.02, rng=rng)
        self.blocks = [Block(width, heads, rng) for _ in range(blocks)]
        self.norm = nn.LayerNorm(width)
        self.last = nn.Linear(width, alphabet, bias=False, rng=rng)
        self.last.weight = self.embedding.weight

    def forward(self, numbers: Array) -> Any:
        """Logits (batch, length, characters) of what follows each of the numbers (batch, length)."""
        x = self.embedding(numbers) + self.places[: numbers.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.last(self.norm(x))

    def foretell(self, numbers: Array) -> Array:
        """Logits (characters,) of what follows the numbers (length,)."""
        with tg.no_grad():
            logits: Array = self(numbers[None, -LENGTH:]).numpy()[0, -1]
        return logits


def main(argv: Sequence[str] | None = None) -> None:
    """Train on the project's documentation, and write some more of it."""
    parser = cli.parser("transformer", "A small transformer that continues a text.")
    parser.add_argument(
        "--width", type=cli.positive_int, metavar="N", default=64, help="of the vectors; heads are of 16"
    )
    parser.add_argument("--blocks", type=cli.positive_int, metavar="N", default=2, help="one upon another")
    parser.add_argument("--length", type=cli.positive_int, metavar="N", default=300, help="characters it writes")
    cli.add_epoch_flags(parser, epochs=8, learning_rate=0.005)
    flags = parser.parse_args(argv)
    if flags.width % 16:
        parser.error(f"--width {flags.width} is not a multiple of 16")
    text = characters.load()
    alphabet = Alphabet(text)
    rng = np.random.default_rng(flags.seed)
    net = Transformer(len(alphabet), flags.width, flags.width // 16, flags.blocks, rng).float()
    run(net, alphabet, alphabet.number(text), flags)


if __name__ == "__main__":
    sys.exit(cli.run(main))
