"""The cost of word2vec against its formula, its text, and what is counted of the vectors."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_lite as tg
from models import word2vec as w

SENTENCES = ["the king rests", "the queen rests", "the dog barks at the queen"]


class Net:
    """Vectors that are given, in the place of trained ones."""

    def __init__(self, words, dimensions):
        self.rng = np.random.default_rng(4)
        self.net = w.Word2Vec(words, dimensions, self.rng)
        self.v, self.u = (self.rng.normal(size=(words, dimensions)) for _ in range(2))
        self.net.v.weight.data, self.net.u.weight.data = self.v, self.u


def test_the_cost_is_the_formula():
    given = Net(9, 4)
    c, o, n = np.array([1, 5, 5]), np.array([2, 0, 8]), given.rng.integers(0, 9, (3, 2))
    log_sigmoid = lambda z: np.log(1 / (1 + np.exp(-z)))  # noqa: E731
    expected = 0.0
    for i in range(3):
        v = given.v[c[i]]
        expected -= log_sigmoid(given.u[o[i]] @ v) + sum(log_sigmoid(-given.u[k] @ v) for k in n[i])
    assert_allclose(w.loss(given.net, c, o, n).numpy(), expected / 3, rtol=1e-12)


def test_its_gradient_pulls_words_together_that_stood_together():
    given = Net(5, 3)
    c, o, n = np.array([1]), np.array([2]), np.array([[4, 4]])
    J = w.loss(given.net, c, o, n)
    dv, du = tg.gradients(J, [given.net.v.weight, given.net.u.weight])
    sigmoid = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731
    near, far = sigmoid(given.u[2] @ given.v[1]), sigmoid(given.u[4] @ given.v[1])
    expected = np.zeros((5, 3))
    expected[2], expected[4] = (near - 1) * given.v[1], 2 * far * given.v[1]
    assert_allclose(du, expected, rtol=1e-12)
    expected[:] = 0
    expected[1] = (near - 1) * given.u[2] + 2 * far * given.u[4]
    assert_allclose(dv, expected, rtol=1e-12)


def test_vocabulary():
    vocabulary = w.Vocabulary(SENTENCES)
    assert vocabulary.words.tolist() == ["at", "barks", "dog", "king", "queen", "rests", "the"]
    assert_allclose(vocabulary.frequencies, np.array([1, 1, 1, 1, 2, 2, 4]) / 12)
    assert vocabulary.number["dog"] == 2


def test_pairs_are_the_words_within_the_window(monkeypatch):
    vocabulary = w.Vocabulary(SENTENCES)
    vocabulary.frequencies = np.full(7, 1e-9)  # so rare that none is left out
    centres, contexts = w.find_pairs(SENTENCES, vocabulary, np.random.default_rng(0), window=2)
    found = sorted((str(vocabulary.words[c]), str(vocabulary.words[o])) for c, o in zip(centres, contexts, strict=True))
    expected = []
    for line in SENTENCES:
        words = line.split()
        expected += [(a, b) for i, a in enumerate(words) for j, b in enumerate(words) if 0 < abs(i - j) <= 2]
    assert found == sorted(expected)


def test_words_that_are_everywhere_are_left_out_mostly():
    vocabulary = w.Vocabulary(SENTENCES)
    vocabulary.frequencies = np.where(vocabulary.words == "the", 1e9, 1e-9)
    centres, contexts = w.find_pairs(SENTENCES, vocabulary, np.random.default_rng(0))
    assert vocabulary.number["the"] not in {*centres, *contexts}


def test_batches_have_other_words_each_time():
    vocabulary = w.Vocabulary(SENTENCES)
    centres = np.arange(1000) % 7
    pairs = w.Pairs(centres, (centres + 1) % 7, vocabulary, np.random.default_rng(0))
    first, second = ([*pairs] for _ in range(2))
    assert len(pairs) == len(first) == 2
    for c, o, n in first:
        assert np.array_equal(o, (c + 1) % 7)
        assert n.shape == (len(c), 5)
    assert not np.array_equal(first[0][2], second[0][2])
    drawn = np.concatenate([n for _, _, n in first + second]).ravel()
    expected = vocabulary.frequencies**0.75 / np.sum(vocabulary.frequencies**0.75)
    assert_allclose(np.bincount(drawn) / len(drawn), expected, atol=0.03)


def test_every_word_of_the_classes_is_in_the_text():
    rng = np.random.default_rng(0)
    vocabulary = w.Vocabulary([w.sentence(rng) for _ in range(500)])
    assert {word for words in w.CLASSES.values() for word in words} <= set(vocabulary.number)
    assert {word for pairs in w.RELATIONS.values() for pair in pairs for word in pair} <= set(vocabulary.number)


def test_analogies():
    words = ["king", "man", "queen", "woman", "zebra"]
    vocabulary = w.Vocabulary([" ".join(words)])
    vectors = np.array([[1.0, 0, 0.1], [0, 0.1, 1], [1, 1, 0], [0, 1, 1], [-1, 0, 0]])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert w.solve_analogy(vectors, vocabulary, "man", "woman", "king") == "queen"
    assert w.nearest(vectors, vocabulary, vectors[3], ["woman"], 2) == ["man", "queen"]
    assert w.count_analogies(vectors, vocabulary, [("man", "woman"), ("king", "queen")]) == (2, 2)
    assert w.count_analogies(vectors, vocabulary, [("man", "woman"), ("king", "zebra")]) == (1, 2)


def test_labels_do_not_cover_one_another():
    points = np.random.default_rng(0).random((30, 2))
    places = w.place_labels(points, 0.2, 0.05)
    across, up = np.abs(places[:, np.newaxis] - places).transpose(2, 0, 1)
    apart = (across >= 0.2) | (up >= 0.05 - 1e-12)
    assert np.all(apart | np.eye(30, dtype=bool))
    assert_allclose(places[:, 0], points[:, 0])


@pytest.mark.slow
def test_the_vectors_know_the_world():
    rng = np.random.default_rng(0)
    sentences = [w.sentence(rng) for _ in range(5000)]
    vocabulary = w.Vocabulary(sentences)
    net = w.Word2Vec(len(vocabulary), 24, rng).float()
    w.train(net, w.Pairs(*w.find_pairs(sentences, vocabulary, rng), vocabulary, rng), 6, 0.01)
    vectors = w.unit_vectors(net)
    assert w.neighbours_alike(vectors, vocabulary) > 0.6
    for pairs in w.RELATIONS.values():
        right, asked = w.count_analogies(vectors, vocabulary, pairs)
        assert right >= asked / 2
