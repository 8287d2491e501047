"""Handwritten digits by a convolutional network: 98.5 % of those it has not seen, and more.

A network of dense layers sees 64 numbers; one of convolutions sees that they are an image. Each of its units looks at
3 x 3 pixels and is the same everywhere, batch normalisation keeps its values in order, and pooling halves the image. A
digit that is shifted by a pixel is the same digit: each epoch is shown every image in another place.

    python -m models.convnet_digits --channels 16
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import tinygrad_lite as tg
from models import cli, plotting
from models.datasets import DigitImages, Labels, digit_images
from models.mlp_digits import report, share_right
from models.terminal import say
from models.training import check_history
from models.two_layer_manual import Array
from tinygrad_lite import nn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tinygrad_lite.training import History


class ConvNet(nn.Module):
    """Two blocks of convolution, normalisation and pooling, and a dense layer that gives ten logits."""

    def __init__(self, channels: int, rng: np.random.Generator) -> None:
        self.first = nn.Conv2d(1, channels, 3, padding=1, bias=False, rng=rng)
        self.first_norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, 2 * channels, 3, padding=1, bias=False, rng=rng)
        self.second_norm = nn.BatchNorm2d(2 * channels)
        self.pool = nn.MaxPool2d(2)
        self.drop = nn.Dropout(0.3, rng=rng)
        self.last = nn.Linear(2 * channels * 4, 10, rng=rng)

    def forward(self, x: Array) -> Array:
        """Logits (m, 10) of images (m, 1, 8, 8)."""
        x = self.pool(nn.functional.relu(self.first_norm(self.first(x))))  # (m, channels, 4, 4)
        x = self.pool(nn.functional.relu(self.second_norm(self.second(x))))  # (m, 2 channels, 2, 2)
        logits: Array = self.last(self.drop(np.reshape(x, (len(x), -1))))
        return logits


class Shifted:
    """Mini-batches whose images are moved by up to a pixel, each by another way."""

    def __init__(self, images: Array, labels: Labels, rng: np.random.Generator) -> None:
        self.batches = tg.data.batches(images, labels, batch_size=64, rng=rng)
        self.rng = rng

    def __iter__(self) -> Iterator[tuple[Array, Labels]]:
        for images, labels in self.batches:
            wide = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
            rows, columns = self.rng.integers(0, 3, (2, len(images), 1, 1))
            places = np.arange(len(images))[:, None, None], rows + np.arange(8)[:, None], columns + np.arange(8)
            yield wide[places[0], 0, places[1], places[2]][:, None], labels


def train(net: nn.Module, data: DigitImages, epochs: int, learning_rate: float, seed: int) -> History:
    """Train, and look at the digits that are held out after each epoch."""
    images, labels, test_images, test_labels = data
    batches = Shifted(images, labels, np.random.default_rng(seed))
    optimizer = tg.optim.AdamW(net.parameters(), lr=learning_rate)
    test = test_images, test_labels
    return tg.fit(net, batches, nn.functional.cross_entropy, optimizer, epochs, validation=test, accuracy=share_right)


def draw(net: ConvNet, history: History, image: Array) -> Figure:
    """The losses and the accuracy; the first layer's weights, and what they make of a digit."""
    picture = plotting.figure(9.2, 3.9)
    parts: Any = picture.subfigures(1, 2, width_ratios=(3, 2))
    left, right = parts
    tg.plot.history(history, title="Training", axes=left.subplots())
    right.suptitle("First layer: weights, and what they see", fontsize=11, fontweight="bold")
    seen = nn.functional.relu(net.first_norm(net.first(image[None]))).numpy()[0]
    weights = net.first.weight.numpy()
    count = min(len(weights), 8)
    for channel, cells in enumerate(right.subplots(4, 4).reshape(2, 2, 4).transpose(0, 2, 1).reshape(-1, 2)):
        for axes, name in zip(cells, ("weights", "seen"), strict=True):
            axes.set(xticks=[], yticks=[], ylabel=name if channel % 4 == 0 and channel < count else "")
            axes.spines[:].set_visible(False)
        if channel < count:
            largest = np.abs(weights[channel]).max()
            cells[0].imshow(weights[channel, 0], cmap="RdBu", vmin=-largest, vmax=largest)
            cells[1].imshow(seen[channel], cmap="gray_r", vmin=0)
    return picture


def main(argv: Sequence[str] | None = None) -> None:
    """Train, print the accuracy on the digits held out, and draw the losses and what the first layer sees."""
    parser = cli.parser("convnet_digits", "Handwritten digits by a convolutional network.")
    parser.add_argument("--channels", type=cli.positive_int, metavar="N", default=32, help="of the first layer")
    cli.add_epoch_flags(parser, epochs=30, learning_rate=0.003)
    flags = parser.parse_args(argv)
    plotting.prepare(flags.plot)
    data = digit_images()
    net = ConvNet(flags.channels, np.random.default_rng(flags.seed))
    net.float()
    say(f"{net}\n")
    history = train(net, data, flags.epochs, flags.learning_rate, flags.seed)
    check_history(history, flags.learning_rate, guessing=np.log(10))
    report(net, history, data)
    plotting.save(draw(net, history, data.test_images[0]), flags.plot)


if __name__ == "__main__":
    sys.exit(cli.run(main))
