"""A text continued character by character, by a recurrent network with gates (a GRU).

The network reads a character at a time and keeps what it has read in a state of some numbers; from the state it
foretells the next character. What it writes is drawn from what it foretells, and read again.

    python -m models.char_rnn --hidden 256 --epochs 20
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import tinygrad_lite as tg
from models import characters, cli, plotting
from models.characters import Alphabet, Windows
from models.terminal import say
from models.training import check_history
from models.two_layer_manual import Array
from tinygrad_lite import nn

if TYPE_CHECKING:
    from tinygrad_lite.training import History


class CharRNN(nn.Module):
    """Characters as vectors, a GRU, and logits of the next character."""

    def __init__(self, alphabet: int, hidden: int, rng: np.random.Generator) -> None:
        self.embedding = nn.Embedding(alphabet, 32, rng=rng)
        self.rnn = nn.GRU(32, hidden, batch_first=True, rng=rng)
        self.last = nn.Linear(hidden, alphabet, rng=rng)

    def forward(self, numbers: Array) -> Any:
        """Logits (batch, length, characters) of what follows each of the numbers (batch, length)."""
        states, _ = self.rnn(self.embedding(numbers))
        return self.last(states)

    def foretell(self, numbers: Array) -> Array:
        """Logits (characters,) of what follows the numbers (length,): from the last 64, for which it was trained."""
        with tg.no_grad():
            logits: Array = self(numbers[None, -64:]).numpy()[0, -1]
        return logits


def train(net: nn.Module, numbers: Array, epochs: int, learning_rate: float, seed: int, length: int = 64) -> History:
    """Train on the first nine tenths of a text; each epoch looks at 80 batches of 16 pieces of that length."""
    rng, cut = np.random.default_rng(seed), len(numbers) * 9 // 10
    held_out = list(Windows(numbers[cut:], length, 32, 8, np.random.default_rng(seed)))
    batches = Windows(numbers[:cut], length, 16, 80, rng)
    optimizer = tg.optim.Adam(net.parameters(), lr=learning_rate)
    return tg.fit(net, batches, characters.loss, optimizer, epochs, validation=held_out)


def run(net: Any, alphabet: Alphabet, numbers: Array, flags: Any) -> None:
    """Train a network, print what it writes, and draw its losses."""
    plotting.prepare(flags.plot)
    count = sum(p.size for p in net.parameters())
    say(f"{type(net).__name__}: {count:,} parameters; {len(numbers):,} characters, {len(alphabet)} different\n")
    history = train(net, numbers, flags.epochs, flags.learning_rate, flags.seed)
    check_history(history, flags.learning_rate, guessing=np.log(len(alphabet)))
    start = alphabet.number("the gradient ")
    written = characters.sample(net.eval().foretell, start, flags.length, np.random.default_rng(flags.seed))
    characters.report(history, alphabet.spell(written))
    held_out = numbers[len(numbers) * 9 // 10 :][: characters.SHOWN + 64]
    bits = characters.surprise(net, held_out)
    plotting.save(characters.draw(history, alphabet.spell(held_out[64:]), bits), flags.plot)


def main(argv: Sequence[str] | None = None) -> None:
    """Train on the project's documentation, and write some more of it."""
    parser = cli.parser("char_rnn", "A recurrent network that continues a text.")
    parser.add_argument("--hidden", type=cli.positive_int, metavar="N", default=128, help="numbers in the state")
    parser.add_argument("--length", type=cli.positive_int, metavar="N", default=300, help="characters it writes")
    cli.add_epoch_flags(parser, epochs=8, learning_rate=0.005)
    flags = parser.parse_args(argv)
    text = characters.load()
    alphabet = Alphabet(text)
    net = CharRNN(len(alphabet), flags.hidden, np.random.default_rng(flags.seed)).float()
    run(net, alphabet, alphabet.number(text), flags)


if __name__ == "__main__":
    sys.exit(cli.run(main))
