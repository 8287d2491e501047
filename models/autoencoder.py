"""Handwritten digits squeezed through two numbers, and drawn again: an autoencoder.

The encoder makes two numbers of the 64 pixels of a digit, the decoder 64 pixels of the two numbers. Trained to give
back what went in, without being told which digit it is, it lays the digits out in a plane: like ones side by side.

    python -m models.autoencoder --epochs 100
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import tinygrad_lite as tg
from models import cli, plotting
from models.datasets import Labels, digit_images
from models.terminal import say
from models.training import check_history
from models.two_layer_manual import Array
from tinygrad_lite import nn
from tinygrad_lite.plot import load_matplotlib

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHADES = 10
"""Places along each side of the plane at which the decoder is asked for a digit."""


class Autoencoder(nn.Module):
    """64 pixels, two numbers, 64 pixels."""

    def __init__(self, hidden: int, rng: np.random.Generator) -> None:
        self.encode = nn.Sequential(
            nn.Flatten(), nn.Linear(64, hidden, rng=rng), nn.SiLU(), nn.Linear(hidden, 2, rng=rng)
        )
        self.decode = nn.Sequential(nn.Linear(2, hidden, rng=rng), nn.SiLU(), nn.Linear(hidden, 64, rng=rng))

    def forward(self, images: Array) -> Any:
        """Logits (m, 64) of the pixels of images (m, 1, 8, 8)."""
        return self.decode(self.encode(images))


def loss(net: Autoencoder, images: Array) -> Any:
    """The mean square of what is drawn less what was shown."""
    return nn.functional.mse_loss(tg.sigmoid(net(images)), images.reshape(len(images), -1))


def neighbours_alike(places: Array, labels: Labels) -> float:
    """How many examples have the same label as their nearest neighbour in the plane (m, 2)."""
    distances = np.sum((places[:, None] - places) ** 2, axis=2)
    np.fill_diagonal(distances, np.inf)
    return float(np.mean(labels[np.argmin(distances, axis=1)] == labels))


def draw(net: Autoencoder, images: Array, labels: Labels) -> Figure:
    """Where digits lie in the plane, and what is drawn from places in it."""
    picture = plotting.figure(9.6, 4.9)
    left, right = picture.subplots(1, 2)
    places = net.encode(images).numpy()
    colours = load_matplotlib().colormaps["tab10"]
    for digit in range(10):
        x, y = places[labels == digit].T
        left.scatter(x, y, s=30, marker=f"${digit}$", linewidths=0.3, color=colours(digit), label=str(digit))
    left.set(xlabel="first number", ylabel="second number", title="Digits that it has not seen")
    picture.legend(loc="outside lower left", ncols=10, handletextpad=0.1, columnspacing=1)
    low, high = np.quantile(places, [0.02, 0.98], axis=0)
    across, up = np.linspace(low, high, SHADES, dtype=np.float32).T
    asked = np.stack(np.meshgrid(across, up[::-1]), axis=-1).reshape(-1, 2)
    drawn = tg.sigmoid(net.decode(asked)).numpy().reshape(SHADES, SHADES, 8, 8)
    apart = np.pad(drawn, ((0, 0), (0, 0), (1, 1), (1, 1)))
    whole = apart.transpose(0, 2, 1, 3).reshape(10 * SHADES, 10 * SHADES)
    right.imshow(whole, cmap="gray_r", extent=(low[0], high[0], low[1], high[1]), vmin=0, vmax=1, aspect="auto")
    right.set(xlabel="first number", ylabel="second number", title="What it draws there")
    return picture


def main(argv: Sequence[str] | None = None) -> None:
    """Train, print how near the drawings come, and draw the plane."""
    parser = cli.parser("autoencoder", "Digits squeezed through two numbers, and drawn again.")
    parser.add_argument("--hidden", type=cli.positive_int, metavar="N", default=128, help="hidden units on either side")
    cli.add_epoch_flags(parser, epochs=60, learning_rate=0.003)
    flags = parser.parse_args(argv)
    plotting.prepare(flags.plot)
    images, _, test_images, test_labels = digit_images()
    rng = np.random.default_rng(flags.seed)
    net = Autoencoder(flags.hidden, rng)
    net.float()
    batches = tg.data.batches(images, batch_size=64, rng=rng)
    optimizer = tg.optim.Adam(net.parameters(), lr=flags.learning_rate)
    history = tg.fit(net, batches, loss, optimizer, flags.epochs, validation=(test_images,))
    check_history(history, flags.learning_rate, guessing=float(np.var(images)))
    places = net.encode(test_images).numpy()
    losses = f"{history.loss[-1]:.4f}, {history.validation_loss[-1]:.4f} for digits held out"
    say(f"mean square of the difference, pixels being 0..1: {losses} (all of one grey: {np.var(test_images):.4f})")
    say(f"nearest neighbours that are the same digit: {neighbours_alike(places, test_labels):.0%} (by chance: 10%)")
    plotting.save(draw(net, test_images, test_labels), flags.plot)


if __name__ == "__main__":
    sys.exit(cli.run(main))
