"""Gradient descent, the progress bar and the command line, apart from any model."""

import io
import re
import sys

import numpy as np
import pytest

from models import cli
from models.terminal import Table, progress_bar, say
from models.training import Diverged, gradient_descent


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
    monkeypatch.setenv("COLUMNS", "100")
    with progress_bar("training", 10) as show:
        show(5, 0.5)
        print("a line meanwhile")
    clear = "\r\x1b[2K"
    bar = "training [###############...............] 5/10 J = 0.5"
    assert terminal.getvalue() == f"{clear}{bar}\r{clear}a line meanwhile\n\n"


@pytest.mark.parametrize("has_rich", [True, False])
@pytest.mark.parametrize("label", ["g = tanh", "logistic regression"])
def test_forty_columns_are_enough_for_a_bar(monkeypatch, has_rich, label):
    if not has_rich:
        monkeypatch.setitem(sys.modules, "rich.progress", None)
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    with progress_bar(label, 10_000) as show:
        show(5_000, 0.12345)
        show(10_000, 1234.5678)
    shown = re.sub(r"\x1b\[[0-9;?]*[mKhl]", "", terminal.getvalue())
    assert "\x1b" not in shown  # nor does it go back to a line above
    assert max(len(line) for line in re.split(r"[\r\n]", shown)) <= 40
    assert label in shown
    assert "J = 1235" in shown


def test_the_bar_moves_by_time_and_at_the_end(monkeypatch):
    """However long a step takes."""
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    now = 0.0
    monkeypatch.setattr("models.terminal.time.monotonic", lambda: now)
    with progress_bar("training", 1000) as show:
        for i in range(25):  # a step of 40 ms
            show(i, float(i))
            now += 0.04
        for i in range(25, 1001):  # of no time at all
            show(i, float(i))
    seen = [int(J) for J in re.findall(r"J = (\d+)", terminal.getvalue())]
    assert seen == [0, 3, 6, 9, 12, 15, 18, 21, 24, 1000]


def test_sentences_and_tables_fit_the_terminal(capsys, monkeypatch):
    def write():
        say("one sentence of several words\n  and a margin")
        table = Table("name  ", "  how much", "how many")
        table.row("first", "0.5", "7")
        table.row("", "1.5", "")

    write()
    whole = "one sentence of several words\n  and a margin\n"
    assert (
        capsys.readouterr().out
        == f"{whole}name      how much  how many\nfirst          0.5         7\n               1.5\n"
    )
    monkeypatch.setenv("COLUMNS", "20")
    write()
    folded = "one sentence of\n  several words\n  and a margin\n"
    rows = "name first\n  how much: 0.5\n  how many: 7\nname\n  how much: 1.5\n  how many:\n"
    assert capsys.readouterr().out == folded + rows


def test_no_bar_is_drawn_into_a_file(capsys):
    with progress_bar("training", 10) as show:
        show(10, 0.5)
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
