"""What every program promises: help, one clear line for what is wrong, forty columns, the same picture every time."""

from __future__ import annotations

import io
import os
import re
import sys

import pytest

import tinygrad_lite.training
from models import cli, figures, plotting, training, two_layer_dask

from .programs import SHORT

pytestmark = [pytest.mark.thorough, pytest.mark.usefixtures("_little_to_do")]

ALL = figures.PROGRAMS | {"two_layer_dask": two_layer_dask.main}
NOT_TRAINED = ("activations", "per_example", "gaussian_process", "kalman", "ode_fit", "second_order", "check_backprop")
"""Those that have no learning rate."""
TRAINED = [name for name in figures.PROGRAMS if name not in NOT_TRAINED]


class Terminal(io.StringIO):
    """Forty columns wide, if COLUMNS says so."""

    def isatty(self):
        return True

    def lines(self):
        """What was on a line at any time; of what moves the cursor, only what does not leave the line is known here."""
        text = re.sub(
            r"\x1b\[([0-9;?]*)([A-Za-z])", lambda found: "" if found[2] in "mKhl" else "<moved>", self.getvalue()
        )
        assert "<moved>" not in text, "a bar takes more than one line"
        return re.split(r"[\r\n]", text)


def test_every_program_is_tried_here():
    assert set(SHORT) == set(figures.PROGRAMS)


@pytest.mark.parametrize("name", ALL)
def test_help_fits_forty_columns_and_wrong_flags_get_one_line(capsys, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", "40")
    with pytest.raises(SystemExit, match="0"):
        ALL[name](["--help"])
    out = capsys.readouterr().out
    assert f"python -m models.{name}" in out
    assert [line for line in out.splitlines()[1:] if len(line) > 40] == []
    for argv, words in (
        (["--plot", "picture.gif"], "argument --plot: 'picture.gif' does not end in .png"),
        (["--colour", "red"], "unrecognized arguments: --colour red"),
    ):
        assert cli.run(ALL[name], argv) == 2
        assert capsys.readouterr() == ("", f"error: {words} (--help lists the flags)\n")


@pytest.mark.parametrize("name", ALL)
def test_a_picture_that_cannot_be_written_is_told_before_anything_else(capsys, tmp_path, name):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.png").mkdir()
    flags, _ = SHORT.get(name, ([], ""))
    for path in (tmp_path / "file" / "a.png", tmp_path / "folder.png", tmp_path / f"{300 * 'a'}.png"):
        assert cli.run(ALL[name], [*flags, "--plot", str(path)]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.startswith(f"error: argument --plot: {path} ")
        assert err.count("\n") == 1


def test_trying_whether_a_picture_can_be_written_changes_nothing(tmp_path):
    there, new = tmp_path / "there.png", tmp_path / "new" / "a.png"
    there.write_bytes(b"as it was")
    cli.check_writable(there)
    cli.check_writable(new)
    assert there.read_bytes() == b"as it was"
    assert not new.exists()


@pytest.mark.parametrize("name", figures.PROGRAMS)
def test_it_runs_and_draws_in_forty_columns(capsys, monkeypatch, tmp_path, name):
    flags, words = SHORT[name]
    picture = tmp_path / "picture.png"
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    assert cli.run(figures.PROGRAMS[name], [*flags, "--plot", str(picture)]) == 0
    lines = terminal.lines()
    assert [line for line in lines if len(line) > 40 and not line.startswith("picture: ")] == []
    assert words in re.sub(r"\s+", " ", " ".join(lines))
    assert lines[-2:] == [f"picture: {picture}", ""]
    assert capsys.readouterr().err == ""
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
@pytest.mark.parametrize("name", figures.PROGRAMS)
def test_the_same_picture_comes_out_of_every_run(capsys, tmp_path, name):
    flags, words = SHORT[name]
    first, second = tmp_path / "first.png", tmp_path / "folder" / "second.png"
    for picture in (first, second):
        assert cli.run(figures.PROGRAMS[name], [*flags, "--plot", str(picture)]) == 0
        assert words in capsys.readouterr().out
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("name", TRAINED)
def test_a_cost_that_explodes_says_so(capsys, monkeypatch, tmp_path, name):
    monkeypatch.setattr(plotting, "save", lambda picture, path: None)
    monkeypatch.setattr(plotting, "decision_boundary", lambda *_, **__: None)
    flags, _ = SHORT[name]
    code = cli.run(figures.PROGRAMS[name], [*flags, "--learning-rate", "1e6", "--plot", str(tmp_path / "a.png")])
    out, err = capsys.readouterr()
    if code == 0:
        assert re.search(r"(the cost rose from|the loss is) .*[;:] the learning rate 1e\+06 is too large here", out)
    else:
        assert code == 2
        assert re.search(r"error: .*(the cost|the loss) is (nan|inf|not finite)", err)


@pytest.mark.parametrize("name", TRAINED)
def test_ctrl_c_ends_it_quietly(capsys, monkeypatch, tmp_path, name):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(tinygrad_lite.training._Step, "__call__", interrupt)
    monkeypatch.setattr(training, "progress_bar", interrupt)
    assert cli.run(figures.PROGRAMS[name], [*SHORT[name][0], "--plot", str(tmp_path / "a.png")]) == 130
    assert capsys.readouterr().err == "stopped\n"
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_after_some_epochs_leaves_what_there_is(capsys, monkeypatch, tmp_path):
    step = tinygrad_lite.training._Step.__call__

    def interrupt_in_the_second(self, params, buffers, history, batch):
        if history.loss:
            raise KeyboardInterrupt
        return step(self, params, buffers, history, batch)

    monkeypatch.setattr(tinygrad_lite.training._Step, "__call__", interrupt_in_the_second)
    flags, words = SHORT["autoencoder"]
    assert cli.run(figures.PROGRAMS["autoencoder"], [*flags, "--plot", str(tmp_path / "a.png")]) == 0
    out = capsys.readouterr().out
    assert "note: stopped after epoch 1; this is what it has by then" in out
    assert words in out


@pytest.mark.parametrize("name", figures.PROGRAMS)
def test_a_reader_that_has_seen_enough_ends_it_quietly(capsys, monkeypatch, tmp_path, name):
    """As `| head -2` does."""
    end, start = os.pipe()
    with os.fdopen(start, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        os.close(end)
        assert cli.run(figures.PROGRAMS[name], [*SHORT[name][0], "--plot", str(tmp_path / "a.png")]) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("name", "flags", "message"),
    [
        ("gaussian_process", ["--measurements", "501"], "--measurements 501 is not between 50 and 500"),
        ("kalman", ["--minutes", "49"], "--minutes 49 is not between 50 and 1000"),
        ("ode_fit", ["--data", "foxes"], "argument --data: invalid choice: 'foxes'"),
        ("word2vec", ["--dimensions", "0"], "argument --dimensions: 0 is not between"),
    ],
)
def test_numbers_that_cannot_be(capsys, name, flags, message):
    assert cli.run(figures.PROGRAMS[name], flags) == 2
    assert message in capsys.readouterr().err
