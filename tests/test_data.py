"""Mini-batches and splits: every example once, drawn by the generator that was given, along the axis that was named."""

import numpy as np
import pytest

import tinygrad_lite as tg

N = 11
X, Y = np.arange(N * 3.0).reshape(N, 3), np.arange(N)


@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("drop_last", [True, False])
@pytest.mark.parametrize("batch_size", [1, 4, 11])
def test_every_example_once_and_together_with_its_label(axis, shuffle, drop_last, batch_size):
    rows = axis == 0
    arrays = (X, Y[:, None]) if rows else (X.T, Y[None])
    epoch = tg.data.batches(
        *arrays, batch_size=batch_size, rng=np.random.default_rng(1), shuffle=shuffle, drop_last=drop_last, axis=axis
    )
    for _ in range(2):
        parts = list(epoch)
        assert len(parts) == len(epoch) == (N // batch_size if drop_last else -(-N // batch_size))
        sizes = [x.shape[axis] for x, _ in parts]
        assert sizes[:-1] == [batch_size] * (len(parts) - 1)
        labels = np.concatenate([y.ravel() for _, y in parts])
        examples = np.concatenate([x if rows else x.T for x, _ in parts])
        np.testing.assert_array_equal(examples, X[labels])
        assert len(set(labels)) == len(labels) == (N // batch_size * batch_size if drop_last else N)
        assert shuffle or labels.tolist() == list(range(len(labels)))


def test_the_order_is_new_each_epoch_and_the_generators():
    first, second = (tg.data.batches(Y, batch_size=N, rng=np.random.default_rng(5)) for _ in range(2))
    a, b = next(iter(first)), next(iter(first))
    assert a.tolist() != b.tolist()
    np.testing.assert_array_equal(a, next(iter(second)))
    np.testing.assert_array_equal(b, next(iter(second)))


def test_batches_are_copies():
    kept = X.copy()
    for (x,) in ((x,) for x in tg.data.batches(kept, batch_size=4, shuffle=False)):
        x[:] = 0
    np.testing.assert_array_equal(kept, X)


def test_a_split_has_every_example_on_one_side():
    for axis, test_size, n_test in ((0, 0.2, 2), (1, 3, 3), (-1, 0.001, 1), (0, 0.999, 10)):
        arrays = (X, Y[:, None]) if axis == 0 else (X.T, Y[None])
        parts = tg.data.train_test_split(*arrays, test_size=test_size, rng=np.random.default_rng(2), axis=axis)
        x_train, x_test, y_train, y_test = (part if axis == 0 else part.T for part in parts)
        assert (len(x_train), len(x_test)) == (N - n_test, n_test)
        labels = np.concatenate([y_train, y_test]).ravel()
        assert sorted(labels) == list(range(N))
        np.testing.assert_array_equal(np.concatenate([x_train, x_test]), X[labels])


RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: tg.data.batches(X, Y[:5], batch_size=2, rng=RNG),
            ValueError,
            r"array 0 of shape \(11, 3\) has 11 exam",
        ),
        (lambda: tg.data.batches(X.T, Y, batch_size=2, rng=RNG), ValueError, "say axis=1 if examples are columns"),
        (
            lambda: tg.data.batches(X, Y, batch_size=2, rng=RNG, axis=1),
            ValueError,
            r"array 1 has shape \(11,\), and so no",
        ),
        (lambda: tg.data.batches(batch_size=2, rng=RNG), TypeError, "at least one array"),
        (lambda: tg.data.batches(X, batch_size=0, rng=RNG), ValueError, "batch_size=0"),
        (lambda: tg.data.batches(X, batch_size=2.0, rng=RNG), ValueError, "batch_size=2.0"),
        (lambda: tg.data.batches(X, batch_size=2), TypeError, r"rng=None; give a generator.*shuffle=False"),
        (lambda: tg.data.batches(X, batch_size=2, rng=0), TypeError, r"rng=np\.random\.default_rng\(0\)"),
        (lambda: tg.data.batches(X[:0], batch_size=2, rng=RNG), ValueError, "no examples"),
        (lambda: tg.data.batches(X, batch_size=12, rng=RNG, drop_last=True), ValueError, "is no batch"),
        (lambda: tg.data.batches(3.0, batch_size=1, rng=RNG), ValueError, "no axis 0"),
        (lambda: tg.data.train_test_split(X), TypeError, "rng=None"),
        (lambda: tg.data.train_test_split(X, test_size=1.0, rng=RNG), ValueError, "test_size=1.0"),
        (lambda: tg.data.train_test_split(X, test_size=N, rng=RNG), ValueError, "leaves a side without any"),
        (lambda: tg.data.train_test_split(X[:1], rng=RNG), ValueError, "leaves a side without any"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
