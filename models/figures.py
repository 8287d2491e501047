"""Every picture of the README, and of every model, drawn again into ``docs/figures``: ``make figures``."""

import sys
from collections.abc import Sequence
from pathlib import Path

from models import (
    activations,
    autoencoder,
    char_rnn,
    check_backprop,
    cli,
    convnet_digits,
    custom_op,
    gaussian_process,
    hidden_sizes,
    initialisation,
    kalman,
    linear_collapse,
    logistic_regression,
    mlp_digits,
    ode_fit,
    per_example,
    second_order,
    transformer,
    two_layer,
    word2vec,
)

LECTURES = {
    "logistic_regression": logistic_regression.main,
    "per_example": per_example.main,
    "activations": activations.main,
    "linear_collapse": linear_collapse.main,
    "two_layer": two_layer.main,
    "hidden_sizes": hidden_sizes.main,
    "initialisation": initialisation.main,
}
"""In their order."""

SHELF = {
    "mlp_digits": mlp_digits.main,
    "convnet_digits": convnet_digits.main,
    "autoencoder": autoencoder.main,
    "char_rnn": char_rnn.main,
    "transformer": transformer.main,
    "word2vec": word2vec.main,
    "gaussian_process": gaussian_process.main,
    "kalman": kalman.main,
    "ode_fit": ode_fit.main,
    "second_order": second_order.main,
    "custom_op": custom_op.main,
    "check_backprop": check_backprop.main,
}
"""The other models."""

PROGRAMS = LECTURES | SHELF

FIGURES = Path(__file__).parents[1] / "docs" / "figures"


def main(argv: Sequence[str] | None = None) -> None:
    """Run every program, each drawing ``docs/figures/NAME.png``."""
    cli.Parser(prog="python -m models.figures", description=__doc__).parse_args(argv)
    for name, program in PROGRAMS.items():
        print(f"--- {name} ---")
        program(["--plot", str(FIGURES / f"{name}.png")])
        print()


if __name__ == "__main__":
    sys.exit(cli.run(main))
