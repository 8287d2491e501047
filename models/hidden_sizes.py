"""How many hidden units: the flower learned with 1, 2, 3, 4, 5, 20 and 50 of them.

The course's published accuracies, with its own settings and 5,000 iterations.

    python -m models.hidden_sizes
"""

import sys
from collections.abc import Sequence

from models import cli, plotting, published, two_layer
from models.datasets import Dataset, accuracy, load
from models.terminal import Table
from models.two_layer_manual import Params


def percent_right(params: Params, data: Dataset) -> float:
    """The accuracy of a tanh network on ``data``, in per cent."""
    return 100 * accuracy(two_layer.classifier(params)(data.X), data.Y)


def main(argv: Sequence[str] | None = None) -> None:
    """Train the seven networks, print their accuracies and the published ones, and draw their boundaries."""
    parser = cli.parser("hidden_sizes", "The flower, learned with one to fifty hidden units.")
    cli.add_training_flags(parser, iterations=5000, learning_rate=1.2, seed=2)
    flags = parser.parse_args(argv)
    plotting.prepare(flags.plot)
    picture = plotting.figure(9.6, 5.2)
    flower = load("flower")

    table = Table("hidden units", "accuracy %", "published")
    reached = {}
    for i, (n_h, (low, high)) in enumerate(published.ACCURACIES.items()):
        params = two_layer.train(
            flower,
            n_h,
            learning_rate=flags.learning_rate,
            iterations=flags.iterations,
            seed=flags.seed,
            label=f"{n_h} hidden",
        ).params
        reached[n_h] = percent_right(params, flower)
        table.row(f"{n_h:12}", f"{reached[n_h]:.2f}", f"{low:g}" + (f" to {high:g}" if high > low else ""))
        title = f"{n_h} unit{'s' if n_h > 1 else ''}: {reached[n_h]:.4g} %"
        axes = picture.add_subplot(2, 4, i + 1)
        plotting.decision_boundary(axes, two_layer.classifier(params), flower, title, legend=False)

    picture.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, handletextpad=0.1)
    axes = picture.add_subplot(2, 4, 8)
    position = range(len(reached))
    axes.plot(position, list(reached.values()), "o-", color=plotting.GREEN, markersize=4)
    axes.set(
        xticks=position,
        xticklabels=[str(n_h) for n_h in reached],
        ylim=(50, 100),
        xlabel="hidden units",
        ylabel="right, in %",
        title="accuracy",
    )
    axes.grid(axis="y")
    plotting.save(picture, flags.plot)


if __name__ == "__main__":
    sys.exit(cli.run(main))
