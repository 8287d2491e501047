"""The data sets of the lectures, and two tables of real measurements, with **examples as columns**.

>>> flower = load("flower")
>>> flower.X.shape, flower.Y.shape
((2, 400), (1, 400))
>>> load("flowers")
Traceback (most recent call last):
    ...
ValueError: unknown data set 'flowers'; there are flower, moons, circles, blobs, gaussian_quantiles, digits,
    breast_cancer

Everything but the flower is scikit-learn's (``pip install 'tinygrad_lite[data]'``); nothing is downloaded.
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import tinygrad_lite as tg
from models.two_layer_manual import Array

Labels = NDArray[np.intp]

HELD_OUT = 0.25
"""The part of a table of real measurements that is kept for testing."""


@dataclass(frozen=True)
class Dataset:
    """``X (n_x, m)`` and ``Y (n_y, m)`` of zeros and ones; with ten classes one of ten rows is 1 in each column.

    A table of real measurements comes in two: what to train on, and ``held_out``, examples to judge by.
    ``class_names`` are what its classes are called.
    """

    name: str
    X: Array
    Y: Array
    held_out: "Dataset | None" = None
    class_names: tuple[str, ...] = ("class 0", "class 1")

    @property
    def labels(self) -> Labels:
        """The class of each example, of shape (m,)."""
        return classes(self.Y)


def classes(outputs: Array) -> Labels:
    """The class each column of ``outputs`` (n_y, m) stands for, of shape (m,).

    It is the row with the largest value; with one row, whether the value is above 1/2.

    >>> classes(np.array([[0.2, 0.9]])), classes(np.array([[0.2, 0.9], [0.7, 0.1]]))
    (array([0, 1]), array([1, 0]))
    """
    labels: Labels = outputs[0] > 0.5 if outputs.shape[0] == 1 else outputs.argmax(axis=0)
    return labels.astype(np.intp)


def one_hot(labels: Labels) -> Array:
    """Labels 0..k-1 of shape (m,) as a (k, m) array with one 1 in each column."""
    return np.eye(int(labels.max()) + 1)[:, labels]


def accuracy(outputs: Array, Y: Array) -> float:
    """The share of the columns of ``outputs`` (n_y, m) that stand for the class that ``Y``'s do."""
    return float(np.mean(classes(outputs) == classes(Y)))


def flower(seed: int = 1) -> Dataset:
    """The course's flower with two kinds of petals: m = 400, the same random numbers in the same order."""
    random = np.random.RandomState(seed)
    m, petal_length = 400, 4
    half = m // 2
    points = []
    for label in (0, 1):
        angle = np.linspace(3.12 * label, 3.12 * (label + 1), half) + 0.2 * random.randn(half)
        radius = petal_length * np.sin(4 * angle) + 0.2 * random.randn(half)
        points.append(np.vstack([radius * np.sin(angle), radius * np.cos(angle)]))
    return Dataset("flower", np.hstack(points), np.repeat([[0.0, 1.0]], half, axis=1))


def moons(seed: int = 3) -> Dataset:
    """Two interleaved half circles, as the course draws them: m = 200, noise 0.2."""
    return _rows("moons", *_sklearn().make_moons(n_samples=200, noise=0.2, random_state=seed))


def circles(seed: int = 3) -> Dataset:
    """A circle inside a circle, as the course draws them: m = 200, noise 0.3, radii 1 and 1/2."""
    return _rows("circles", *_sklearn().make_circles(n_samples=200, factor=0.5, noise=0.3, random_state=seed))


def blobs(seed: int = 5) -> Dataset:
    """Six Gaussian clusters of alternating class, as the course draws them: m = 200."""
    X, label = _sklearn().make_blobs(n_samples=200, n_features=2, centers=6, random_state=seed)
    return _rows("blobs", X, label % 2)


def gaussian_quantiles(seed: int = 3) -> Dataset:
    """One Gaussian cloud, its inner half one class, its outer half the other, as in the course: m = 200."""
    X, label = _sklearn().make_gaussian_quantiles(cov=0.5, n_samples=200, n_features=2, n_classes=2, random_state=seed)
    return _rows("gaussian_quantiles", X, label)


def digits(seed: int = 0) -> Dataset:
    """1,797 handwritten digits of 8 x 8 pixels, scaled to 0..1, in ten classes.

    The seed decides which quarter is held out.
    """
    table = _sklearn().load_digits()
    X, Y = table.data.T / 16.0, one_hot(table.target)
    train, test = _split(X.shape[1], seed)
    return _in_two("digits", X, Y, train, test, class_names=tuple("0123456789"))


class DigitImages(NamedTuple):
    """Images (m, 1, 8, 8) in 0..1, float32, and labels 0..9, (m,): to train on, and held out, to judge by.

    Examples are rows here, as the layers of ``tg.nn`` have it.
    """

    images: Array
    labels: Labels
    test_images: Array
    test_labels: Labels


def digit_images(seed: int = 0) -> DigitImages:
    """The digits as images, of which a fifth is held out. The seed decides which."""
    table = _sklearn().load_digits()
    images = (table.images[:, np.newaxis] / 16.0).astype(np.float32)
    parts = tg.data.train_test_split(images, table.target, test_size=0.2, rng=np.random.default_rng(seed))
    train, test, train_labels, test_labels = parts
    return DigitImages(train, train_labels, test, test_labels)


def breast_cancer(seed: int = 0) -> Dataset:
    """569 tumours, 30 measurements of each, class 1 if benign. The seed decides which quarter is held out.

    Each measurement is brought to mean 0 and deviation 1 over the training part, which alone is used for it.
    """
    table = _sklearn().load_breast_cancer()
    X, Y = table.data.T, table.target[np.newaxis].astype(float)
    train, test = _split(X.shape[1], seed)
    mean = X[:, train].mean(axis=1, keepdims=True)
    deviation = X[:, train].std(axis=1, keepdims=True)
    X = (X - mean) / deviation
    return _in_two("breast_cancer", X, Y, train, test, class_names=("malignant", "benign"))


DATASETS: dict[str, Callable[..., Dataset]] = {
    make.__name__: make for make in (flower, moons, circles, blobs, gaussian_quantiles, digits, breast_cancer)
}
"""The maker of each data set, by name."""


def load(name: str, seed: int | None = None) -> Dataset:
    """The data set called ``name``; ``seed`` draws another sample of it, or splits a real one in another way.

    Raises ``ValueError`` for a name that is not in ``DATASETS``, ``ModuleNotFoundError`` where scikit-learn
    is needed and missing.
    """
    if name not in DATASETS:
        raise ValueError(f"unknown data set {name!r}; there are {', '.join(DATASETS)}")
    make = DATASETS[name]
    return make() if seed is None else make(seed)


def _rows(name: str, X: Array, labels: Array) -> Dataset:
    """scikit-learn's layout, examples as rows, turned into ours."""
    return Dataset(name, np.ascontiguousarray(X.T), labels[np.newaxis].astype(float))


def _split(m: int, seed: int) -> tuple[Labels, ...]:
    """The columns to train on and the columns held out, shuffled."""
    order = np.random.default_rng(seed).permutation(m)
    held_out = round(HELD_OUT * m)
    return order[held_out:], order[:held_out]


def _in_two(name: str, X: Array, Y: Array, train: Labels, test: Labels, class_names: tuple[str, ...]) -> Dataset:
    held_out = Dataset(name, X[:, test], Y[:, test], None, class_names)
    return Dataset(name, X[:, train], Y[:, train], held_out, class_names)


def _sklearn() -> ModuleType:
    try:
        import sklearn.datasets
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "this data set needs scikit-learn: pip install 'tinygrad_lite[data]' (the flower needs nothing)"
        ) from error
    module: ModuleType = sklearn.datasets
    return module
