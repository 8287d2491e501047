"""Gradient descent, the progress bar and the command line, apart from any model."""

import io
import sys

import numpy as np
import pytest

from models import cli
from models.training import Diverged, gradient_descent, progress_bar


def bowl(params):
    """J = |w|^2 / 2, whose gradient is w."""
    return float(np.sum(params["w"] ** 2)) / 2, {"w": params["w"]}


def test_each_step_is_theta_minus_alpha_dtheta():
    start = {"w": np.array([1.0, -2.0])}
    run = gradient_descent(bowl, start, learning_rate=0.25, iterations=3)
    np.testing.assert_allclose(run.params["w"], 0.75**3 * start["w"], rtol=1e-15)
    np.testing.assert_allclose(run.costs, [2.5, 2.5 * 0.75**2, 2.5 * 0.75**4], rtol=1e-15)
    np.testing.assert_array_equal(start["w"], [1.0, -2.0])


def test_watch_sees_every_step_before_it_is_taken():
    seen = []
    gradient_descent(
        bowl,
        {"w": np.ones(1)},
        learning_rate=0.5,
        iterations=3,
        watch=lambda i, J, params: seen.append((i, J, params["w"][0])),
    )
    assert seen == [(0, 0.5, 1.0), (1, 0.125, 0.5), (2, 0.03125, 0.25)]


def test_a_divergence_is_reported_with_its_iteration():
    with pytest.raises(Diverged, match=r"the cost is inf at iteration \d+: the learning rate 1e\+150 is too"):
        gradient_descent(bowl, {"w": np.ones(1)}, learning_rate=1e150, iterations=10)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_plain_bar_stands_in_where_rich_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    with progress_bar("training", 10) as show:
        show(5, "J = 0.5")
        print("a line meanwhile")
    clear = "\r\x1b[2K"
    bar = "training [###############...............] 5/10 J = 0.5"
    assert terminal.getvalue() == f"{clear}{bar}\r{clear}a line meanwhile\n\n"


def test_no_bar_is_drawn_into_a_file(capsys):
    with progress_bar("training", 10) as show:
        show(10, "J = 0.5")
    assert capsys.readouterr() == ("", "")


def main(argv):
    parser = cli.parser("example", "An example.")
    cli.add_training_flags(parser, iterations=10, learning_rate=0.1, seed=2)
    parser.parse_args(argv)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--iterations", "0"], "argument --iterations: 0 is not between 1 and 10,000,000"),
        (["--iterations", "ten"], "argument --iterations: 'ten' is not a whole number"),
        (["--learning-rate", "-1"], "argument --learning-rate: -1 is not a finite number above 0"),
        (["--learning-rate", "nan"], "argument --learning-rate: nan is not a finite number above 0"),
        (["--learning-rate", "fast"], "argument --learning-rate: 'fast' is not a number"),
        (["--seed", "-1"], "argument --seed: -1 is not between 0 and 2**32 - 1"),
        (["--plot", "picture.gif"], "argument --plot: 'picture.gif' does not end in .png"),
        (["--colour", "red"], "unrecognized arguments: --colour red"),
        (["--iter", "5"], "unrecognized arguments: --iter 5"),
    ],
)
def test_wrong_flags_get_one_clear_line(capsys, argv, words):
    assert cli.run(main, argv) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"error: {words} (--help lists the flags)\n")


def test_what_a_user_can_change_is_a_line_and_what_is_our_fault_a_traceback(capsys):
    def full_disk(argv):
        raise OSError(28, "No space left on device", "out/picture.png")

    def broken(argv):
        raise KeyError("W1")

    assert cli.run(full_disk) == 2
    assert capsys.readouterr().err == "error: [Errno 28] No space left on device: 'out/picture.png'\n"
    with pytest.raises(KeyError):
        cli.run(broken)
