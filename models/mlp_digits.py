"""Handwritten digits by a network of two layers, trained by ``tg.fit``: 97 % of those it has not seen.

A digit is 8 x 8 pixels, here a row of 64 numbers. The network has one hidden layer, as that of the lectures, and ten
outputs instead of one: softmax makes probabilities of them, and cross-entropy is the cost. The rest is the library's:
``tg.nn`` has the layers, ``tg.optim`` Adam, ``tg.data`` the mini-batches, and ``tg.fit`` the loop.

    python -m models.mlp_digits --hidden 32
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import tinygrad_lite as tg
from models import cli, plotting
from models.datasets import DigitImages, Labels, digit_images
from models.terminal import Table, say
from models.training import check_history
from models.two_layer_manual import Array
from tinygrad_lite import nn

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tinygrad_lite.training import History


def network(hidden: int, rng: np.random.Generator) -> nn.Module:
    """64 pixels, a hidden layer, ten logits."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, hidden, rng=rng),
        nn.ReLU(),
        nn.Dropout(0.2, rng=rng),
        nn.Linear(hidden, 10, rng=rng),
    ).float()


def share_right(logits: Any, labels: Labels) -> Any:
    """The accuracy: how many have the largest logit at their label."""
    return np.mean(np.argmax(logits, axis=1) == labels)


def train(net: nn.Module, data: DigitImages, epochs: int, learning_rate: float, seed: int) -> History:
    """Train, and look at the digits that are held out after each epoch."""
    images, labels, test_images, test_labels = data
    batches = tg.data.batches(images, labels, batch_size=64, rng=np.random.default_rng(seed))
    optimizer = tg.optim.Adam(net.parameters(), lr=learning_rate)
    test = test_images, test_labels
    return tg.fit(net, batches, nn.functional.cross_entropy, optimizer, epochs, validation=test, accuracy=share_right)


def report(net: nn.Module, history: History, data: DigitImages) -> Labels:
    """Print what was reached and which digits are mistaken for which; returns what the held-out ones were taken for."""
    *_, images, labels = data
    found: Labels = np.argmax(net.eval()(images).numpy(), axis=1)
    table = Table("epoch", "  loss", "held out: loss", "accuracy")
    for epoch in sorted({1, 2, 5, 10, 20, len(history.loss)} & set(range(1, len(history.loss) + 1))):
        losses = history.loss[epoch - 1], history.validation_loss[epoch - 1]
        table.row(f"{epoch:5}", *(f"{loss:.4f}" for loss in losses), f"{history.accuracy[epoch - 1]:.1%}")
    wrong = found != labels
    pairs, counts = np.unique(np.stack([labels[wrong], found[wrong]]), axis=1, return_counts=True)
    listed = [f"{a} for {b}" + (f" ({n} times)" if n > 1 else "") for (a, b), n in zip(pairs.T, counts, strict=True)]
    mistaken = ", ".join(listed) or "none"
    say(f"\nright on {np.mean(~wrong):.1%} of the {len(labels)} held out; mistaken: {mistaken}")
    return found


def draw(history: History, images: Array, labels: Labels, found: Labels) -> Figure:
    """The losses and the accuracy, and digits that were mistaken."""
    picture = plotting.figure(9.2, 3.9)
    parts: Any = picture.subfigures(1, 2, width_ratios=(3, 2))
    left, right = parts
    tg.plot.history(history, title="Training", axes=left.subplots())
    right.suptitle("Mistaken, of those held out", fontsize=11, fontweight="bold")
    wrong = np.flatnonzero(found != labels)[:9]
    for axes, i in zip(right.subplots(3, 3).ravel(), [*wrong, *[None] * 9], strict=False):
        axes.axis("off")
        if i is not None:
            axes.imshow(images[i, 0], cmap="gray_r", vmin=0, vmax=1)
            axes.set_title(f"{labels[i]} taken for {found[i]}", fontsize=8, fontweight="normal")
    return picture


def main(argv: Sequence[str] | None = None) -> None:
    """Train, print the accuracy on the digits held out, and draw the losses and the mistakes."""
    parser = cli.parser("mlp_digits", "Handwritten digits by a network with one hidden layer.")
    parser.add_argument("--hidden", type=cli.positive_int, metavar="N", default=128, help="hidden units")
    cli.add_epoch_flags(parser, epochs=30, learning_rate=0.003)
    flags = parser.parse_args(argv)
    plotting.prepare(flags.plot)
    data = digit_images()
    net = network(flags.hidden, np.random.default_rng(flags.seed))
    say(f"{net}\n")
    history = train(net, data, flags.epochs, flags.learning_rate, flags.seed)
    check_history(history, flags.learning_rate, guessing=np.log(10))
    found = report(net, history, data)
    plotting.save(draw(history, data.test_images, data.test_labels, found), flags.plot)


if __name__ == "__main__":
    sys.exit(cli.run(main))
