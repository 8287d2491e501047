"""The worked models: parts of them do what they say."""

import numpy as np
import pytest

from models import autoencoder, characters, convnet_digits, mlp_digits
from models.datasets import digit_images


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
