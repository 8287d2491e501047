"""The data sets: their shapes and layout, the course's own flower, and clear errors."""

import sys

import numpy as np
import pytest

from models.datasets import DATASETS, accuracy, classes, load, one_hot

SHAPES = {
    "flower": (2, 400, 1),
    "moons": (2, 200, 1),
    "circles": (2, 200, 1),
    "blobs": (2, 200, 1),
    "gaussian_quantiles": (2, 200, 1),
    "digits": (64, 1797, 10),
    "breast_cancer": (30, 569, 1),
}


def test_every_data_set_is_listed_here():
    assert set(SHAPES) == set(DATASETS)


@pytest.mark.parametrize("name", SHAPES)
def test_examples_are_columns_and_labels_zeros_and_ones(name):
    data = load(name)
    n_x, m, n_y = SHAPES[name]
    parts = [data] if data.held_out is None else [data, data.held_out]
    assert sum(part.X.shape[1] for part in parts) == m
    for part in parts:
        assert part.X.shape[0] == n_x
        assert part.Y.shape == (n_y, part.X.shape[1])
        assert part.X.dtype == part.Y.dtype == np.float64
        assert set(np.unique(part.Y)) == {0.0, 1.0}
        assert part.name == name


@pytest.mark.parametrize("name", ["digits", "breast_cancer"])
def test_no_held_out_example_is_trained_on(name):
    data = load(name)
    seen, unseen = ({column.tobytes() for column in part.X.T.copy()} for part in (data, data.held_out))
    assert len(unseen) == round(0.25 * SHAPES[name][1])
    assert not seen & unseen


def test_the_flower_is_the_course_s():
    """The first and last points of each petal kind, from the course's own generator."""
    flower = load("flower")
    np.random.seed(1)  # noqa: NPY002 - the course seeds the global generator
    expected = np.zeros((400, 2))
    for j in range(2):
        rows = range(200 * j, 200 * (j + 1))
        t = np.linspace(j * 3.12, (j + 1) * 3.12, 200) + np.random.randn(200) * 0.2  # noqa: NPY002
        r = 4 * np.sin(4 * t) + np.random.randn(200) * 0.2  # noqa: NPY002
        expected[rows] = np.c_[r * np.sin(t), r * np.cos(t)]
    np.testing.assert_array_equal(flower.X, expected.T)
    np.testing.assert_array_equal(flower.labels, np.repeat([0, 1], 200))


@pytest.mark.parametrize("name", SHAPES)
def test_a_seed_repeats_and_another_seed_differs(name):
    first, again, other = load(name, seed=7), load(name, seed=7), load(name, seed=8)
    np.testing.assert_array_equal(first.X, again.X)
    assert not np.array_equal(first.X, other.X)


def test_held_out_examples_take_no_part_in_the_scaling():
    data = load("breast_cancer")
    np.testing.assert_allclose(data.X.mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(data.X.std(axis=1), 1, rtol=1e-12)
    assert np.abs(data.held_out.X.mean(axis=1)).max() > 1e-3


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ValueError, match="unknown data set 'flwr'; there are flower, moons, .*breast_cancer"):
        load("flwr")


def test_without_scikit_learn_the_flower_still_loads_and_the_others_name_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    assert load("flower").X.shape == (2, 400)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'tinygrad_lite\[data\]'"):
        load("moons")


def test_one_hot_and_classes_undo_each_other():
    labels = np.array([2, 0, 1, 2])
    Y = one_hot(labels)
    assert Y.shape == (3, 4)
    np.testing.assert_array_equal(classes(Y), labels)


def test_accuracy_counts_columns():
    Y = np.array([[1.0, 0.0, 1.0, 0.0]])
    assert accuracy(np.array([[0.9, 0.1, 0.2, 0.6]]), Y) == 0.5
    assert accuracy(one_hot(np.array([2, 0, 1])), one_hot(np.array([2, 1, 0]))[:, :3]) == pytest.approx(1 / 3)
