"""The worked models: each runs, says what it reached, and draws; parts of them do what they say."""

import numpy as np
import pytest

from models import autoencoder, char_rnn, characters, cli, convnet_digits, mlp_digits, transformer
from models.datasets import digit_images

PROGRAMS = {
    "mlp_digits": (mlp_digits, ["--hidden", "16"], "held out; mistaken:"),
    "convnet_digits": (convnet_digits, ["--channels", "2"], "held out; mistaken:"),
    "char_rnn": (char_rnn, ["--hidden", "8", "--length", "12"], "bits a character"),
    "transformer": (transformer, ["--width", "16", "--blocks", "1", "--length", "12"], "bits a character"),
    "autoencoder": (autoencoder, ["--hidden", "8"], "nearest neighbours that are the same digit"),
}


@pytest.fixture
def _little_text(monkeypatch):
    """Short pieces and few of them, so that it is a test and no training."""
    make = characters.Windows.__init__
    monkeypatch.setattr(characters.Windows, "__init__", lambda self, n, length, size, *_: make(self, n, 6, 2, 2, _[-1]))


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.usefixtures("_little_text")
def test_it_runs_and_draws(capsys, tmp_path, name):
    program, flags, words = PROGRAMS[name]
    picture = tmp_path / "picture.png"
    assert cli.run(program.main, [*flags, "--epochs", "1", "--plot", str(picture)]) == 0
    out, err = capsys.readouterr()
    assert words in out
    assert err == ""
    assert picture.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(SystemExit, match="0"):
        program.main(["--help"])
    assert f"python -m models.{name}" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(("program", "share"), [(mlp_digits, 0.97), (convnet_digits, 0.985)])
def test_the_share_that_is_promised_is_reached(program, share):
    data = digit_images()
    rng = np.random.default_rng(0)
    net = mlp_digits.network(128, rng) if program is mlp_digits else convnet_digits.ConvNet(32, rng).float()
    assert program.train(net, data, 30, 0.003, seed=0).accuracy[-1] >= share


def test_digit_images_are_two_parts_of_all():
    train, train_labels, test, test_labels = digit_images()
    assert (len(train), len(test)) == (1438, 359) == (len(train_labels), len(test_labels))
    assert train.shape[1:] == (1, 8, 8)
    assert train.dtype == np.float32


def test_shifted_digits_are_the_digits_moved_by_up_to_a_pixel():
    images = np.random.default_rng(0).random((5, 1, 8, 8)).astype(np.float32)
    ((moved, labels),) = convnet_digits.Shifted(images, np.arange(5), np.random.default_rng(1))
    wide = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    for image, label in zip(moved, labels, strict=True):
        places = [wide[label, 0, i : i + 8, j : j + 8] for i in range(3) for j in range(3)]
        assert any(np.array_equal(image[0], place) for place in places)


def test_pieces_of_a_text_and_what_follows_them():
    numbers = np.arange(50)
    for now, following in characters.Windows(numbers, 7, 4, 3, np.random.default_rng(0)):
        assert now.shape == (4, 7)
        np.testing.assert_array_equal(following, now + 1)


def test_what_is_written_follows_what_is_foretold():
    logits = np.full((3, 3), -100.0)
    logits[[0, 1, 2], [1, 2, 0]] = 0.0
    written = characters.sample(lambda numbers: logits[numbers[-1]], np.array([1]), 5, np.random.default_rng(0))
    assert written.tolist() == [1, 2, 0, 1, 2, 0]


def test_neighbours():
    places = np.array([[0.0, 0.0], [0.0, 0.1], [1.0, 0.0], [1.0, 0.3]])
    assert autoencoder.neighbours_alike(places, np.array([1, 1, 2, 3])) == 0.5
