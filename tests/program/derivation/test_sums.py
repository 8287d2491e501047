"""Sums that are known from the definition of the summands: every one that is proved is what it is said to be."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.program.derivation.sums import prove_sum

RNG = np.random.default_rng(11)


def mean_of(x, axis):
    return np.sum(x, axis=axis, keepdims=True) / x.shape[axis]


PROVED = [
    (lambda x, s: tg.softmax(x, axis=0), (-2,), 1),
    (lambda x, s: tg.softmax(x), (-1,), 1),
    (lambda x, s: np.exp(tg.log_softmax(x, axis=0)), (-2,), 1),
    (lambda x, s: np.exp(x) / np.sum(np.exp(x), axis=0, keepdims=True), (-2,), None),  # two different steps
    (lambda x, s: x / np.sum(x, axis=0, keepdims=True), (-2,), 1),
    (lambda x, s: x / np.sum(x, keepdims=True), (-2, -1), 1),
    (lambda x, s: x - np.mean(x, axis=1, keepdims=True), (-1,), 0),
    (lambda x, s: x - mean_of(x, 1), (-1,), 0),
    (lambda x, s: -(x - np.mean(x)), (-2, -1), 0),
    (lambda x, s: (x - np.mean(x, axis=0, keepdims=True)) / np.std(x, axis=0, keepdims=True) * s, (-2,), 0),
    (lambda x, s: s * (x - np.mean(x, axis=0, keepdims=True)), (-2,), 0),
    # None of these is known.
    (lambda x, s: tg.softmax(x, axis=0), (-1,), None),
    (lambda x, s: tg.softmax(x, axis=0), (-2, -1), None),
    (lambda x, s: x / np.sum(x, axis=1, keepdims=True), (-2,), None),
    (lambda x, s: x - np.mean(x, axis=0, keepdims=True), (-1,), None),
    (lambda x, s: x - np.sum(x, axis=1, keepdims=True) / 3, (-1,), None),
    (lambda x, s: (x - np.mean(x, axis=1, keepdims=True)) * s, (-1,), None),
    (lambda x, s: x / x, (-1,), None),
    (lambda x, s: 1.0 * (x > 0), (-2,), None),
]


@pytest.mark.parametrize(("f", "axes", "total"), PROVED)
def test_what_is_proved_is_so(record, f, axes, total):
    arrays = RNG.normal(size=(5, 4)), RNG.normal(size=(1, 4))
    program = record(f, *arrays)
    assert prove_sum(program.outputs[0], axes) == total
    if total is not None:
        np.testing.assert_allclose(np.sum(program.run(*arrays)[0], axis=axes), total, atol=1e-12)
