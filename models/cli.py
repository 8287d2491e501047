"""The command line of the programs here: one way to declare flags, and one clear line for whatever is wrong.

A program is ``main(argv)``; it ends in ``sys.exit(cli.run(main))``, which turns a mistake of the user's
into a line on stderr and exit code 2. A mistake of the program's keeps its traceback.
"""

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn, TypeVar

import numpy as np

from models.training import Diverged

T = TypeVar("T", int, float)

OUT = Path("out")
"""Where pictures go unless ``--plot`` says otherwise."""


class UsageError(Exception):
    """Something the user asked for cannot be done; the message says what and what to do instead."""


class Parser(argparse.ArgumentParser):
    """An argument parser that states what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (--help lists the flags)")


def parser(name: str, description: str) -> Parser:
    """The parser of ``python -m models.NAME``, with the flag every program has: ``--plot``."""
    result = Parser(
        prog=f"python -m models.{name}",
        description=description,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        allow_abbrev=False,
    )
    result.add_argument(
        "--plot", type=picture, metavar="FILE.png", default=OUT / f"{name}.png", help="where the picture goes"
    )
    return result


def add_training_flags(
    to: argparse.ArgumentParser, *, iterations: int, learning_rate: float, seed: int | None = None
) -> None:
    """``--iterations``, ``--learning-rate`` and, where weights are drawn, ``--seed``, with these defaults."""
    to.add_argument(
        "--iterations", type=positive_int, metavar="N", default=iterations, help="steps of gradient descent"
    )
    to.add_argument(
        "--learning-rate", type=positive_float, metavar="ALPHA", default=learning_rate, help="size of a step"
    )
    if seed is not None:
        to.add_argument("--seed", type=seed_int, default=seed, help="seed of the initial weights")


def add_epoch_flags(to: argparse.ArgumentParser, *, epochs: int, learning_rate: float) -> None:
    """``--epochs``, ``--learning-rate`` and ``--seed``, for the programs that train by ``tg.fit``."""
    to.add_argument("--epochs", type=positive_int, metavar="N", default=epochs, help="how often all examples are used")
    to.add_argument("--learning-rate", type=positive_float, metavar="LR", default=learning_rate, help="size of a step")
    to.add_argument("--seed", type=seed_int, default=0, help="seed of the weights, the order, and of dropout")


def add_choice(to: argparse.ArgumentParser, flag: str, names: Sequence[str], *, default: str, help: str) -> None:
    """A flag that takes one of several names; they are listed where a narrow terminal can fold them."""
    listed = ", ".join(names)
    to.add_argument(flag, choices=names, metavar="NAME", default=default, help=f"{help}: {listed}")


def positive_int(text: str) -> int:
    """A whole number from 1 to ten million."""
    value = _number(int, text, "a whole number")
    if not 1 <= value <= 10_000_000:
        raise argparse.ArgumentTypeError(f"{text} is not between 1 and 10,000,000")
    return value


def positive_float(text: str) -> float:
    """A finite number above 0."""
    value = _number(float, text, "a number")
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a finite number above 0")
    return value


def seed_int(text: str) -> int:
    """A seed: a whole number from 0 to 2**32 - 1, which is what NumPy's legacy generator takes."""
    value = _number(int, text, "a whole number")
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 2**32 - 1")
    return value


def picture(text: str) -> Path:
    """A path that ends in .png."""
    if not text.lower().endswith(".png"):
        raise argparse.ArgumentTypeError(f"{text!r} does not end in .png")
    return Path(text)


def check_writable(path: Path) -> None:
    """Make the picture's folder, and raise ``UsageError`` if the picture cannot be written there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():
            raise UsageError(f"argument --plot: {path} is not a file")
        is_new = not path.exists()
        with path.open("ab"):  # to append nothing: what is there stays there
            pass
        if is_new:
            path.unlink()
    except OSError as error:
        raise UsageError(f"argument --plot: {path} cannot be written: {error.strerror}") from None


def run(main: Callable[[Sequence[str] | None], None], argv: Sequence[str] | None = None) -> int:
    """Run a program and give its exit code: 0, or 2 after one line that says what the user can change."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Whoever reads a pipe sees a line once it is written.
        sys.stdout.reconfigure(line_buffering=True, errors="backslashreplace")
    try:
        # A cost that explodes is told in words; NumPy need not warn of each overflow on the way.
        with np.errstate(over="ignore", invalid="ignore"):
            main(argv)
    except BrokenPipeError:  # the reader has seen enough: `| head -2`
        pass
    # FloatingPointError: tg.fit's, for a loss that is not finite. ModuleNotFoundError: an extra is missing.
    except (UsageError, Diverged, FloatingPointError, ModuleNotFoundError, OSError, MemoryError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130
    finally:
        _flush()
    return 0


def _flush() -> None:
    """Write what is still to be written; what nobody takes is dropped, or else Python tried again when it exits."""
    try:
        print(end="", flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _number(kind: Callable[[str], T], text: str, what: str) -> T:
    try:
        return kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not {what}") from None
