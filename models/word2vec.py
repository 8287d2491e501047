"""Words as vectors, learnt from which words stand near which: word2vec.

Every word w has a vector v_w, and a second one, u_w, for when it stands beside another. For each word c of a text and
each word o within a few places of it, and for k words n that are drawn at random, the cost is

    -log sigmoid(u_o . v_c) - sum over n of log sigmoid(-u_n . v_c)

that is, tell the word that stood there from words that did not (skip-gram with negative sampling). Words that are used
alike get vectors alike. More than that: what sets king apart from man is what sets queen apart from woman, so that
v_king - v_man + v_woman has v_queen for its nearest neighbour.

The text is made here, of a small world whose relations are known; so one can count how many of them the vectors know.
Nothing tells them of the relations: they see sentences such as "the little puppy of the dog barks".

    python -m models.word2vec --dimensions 16

Source: Mikolov et al. (2013), "Distributed representations of words and phrases and their compositionality".
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

import tinygrad_lite as tg
from models import cli, plotting
from models.terminal import Table, say
from models.training import check_history
from models.two_layer_manual import Array
from tinygrad_lite import nn

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tinygrad_lite.training import History

T = TypeVar("T")

NEGATIVES = 5
"""k, the words drawn for each pair."""

GUESSING = (1 + NEGATIVES) * np.log(2)
"""The cost where every probability is 1/2."""

# The world: each line of a table belongs together.
PEOPLE = (  # male, female; plain and royal, grown and young
    ("man", "woman"),
    ("boy", "girl"),
    ("king", "queen"),
    ("prince", "princess"),
)
COUNTRIES = (
    ("paris", "france", "french"),
    ("rome", "italy", "italian"),
    ("berlin", "germany", "german"),
    ("madrid", "spain", "spanish"),
    ("athens", "greece", "greek"),
    ("warsaw", "poland", "polish"),
)
ANIMALS = (
    ("dog", "puppy", "barks"),
    ("cat", "kitten", "purrs"),
    ("cow", "calf", "moos"),
    ("horse", "foal", "neighs"),
    ("sheep", "lamb", "bleats"),
)

CLASSES = {
    "people": [word for pair in PEOPLE for word in pair],
    "capitals": [line[0] for line in COUNTRIES],
    "countries": [line[1] for line in COUNTRIES],
    "languages": [line[2] for line in COUNTRIES],
    "animals": [line[0] for line in ANIMALS],
    "young animals": [line[1] for line in ANIMALS],
}
"""Words whose neighbours are looked at."""

RELATIONS = {
    "male, female": [*PEOPLE],
    "plain, royal": [("man", "king"), ("woman", "queen"), ("boy", "prince"), ("girl", "princess")],
    "grown, young": [("man", "boy"), ("woman", "girl"), ("king", "prince"), ("queen", "princess")],
    "capital, country": [line[:2] for line in COUNTRIES],
    "country, language": [line[1:] for line in COUNTRIES],
    "animal, its young": [line[:2] for line in ANIMALS],
}
"""Pairs of words that are related alike."""


def sentence(rng: np.random.Generator) -> str:
    """One thing that is so in that world."""

    def one_of(*words: T) -> T:
        return words[rng.integers(len(words))]

    topic = rng.integers(3)
    if topic == 0:
        row, female = rng.integers(4), rng.integers(2)
        person, royal, young = PEOPLE[row][female], row >= 2, row % 2
        his, he = ("her", "she") if female else ("his", "he")
        thing = one_of("crown", "jewels") if royal else one_of("hat", "bread")
        place = one_of("palace", "castle") if royal else one_of("house", "village")
        does = one_of("plays", "learns") if young else one_of("works", "rests")
        return one_of(
            f"the {person} {does} with {his} {thing} in the {place}",
            f"{he} is a {person} who {does} in {his} {place}",
            f"the {thing} of the {person} is {his} own and {he} {does}",
        )
    if topic == 1:
        capital, country, language = one_of(*COUNTRIES)
        return one_of(
            f"{capital} is the capital city of {country} where people speak {language}",
            f"the {one_of('streets', 'squares')} of {capital} are full of {language} songs",
            f"the {one_of('fields', 'borders')} of {country} are wide in {language} songs",
            f"a {one_of('book', 'poem')} in {language} came from {country}",
            f"a {one_of('train', 'tram')} with {language} signs came to {capital}",
        )
    animal, its_young, sound = one_of(*ANIMALS)
    return one_of(
        f"the little {its_young} of the {animal} {sound}",
        f"the old {animal} {sound} and {one_of('sleeps', 'grazes')}",
        f"a {its_young} {sound} as it {one_of('jumps', 'stumbles')}",
        f"the farmer hears that a grown {animal} {sound}",
        f"the farmer hears that a newborn {its_young} {sound}",
    )


class Vocabulary:
    """The words of a text, numbered, and how often each is used."""

    def __init__(self, sentences: Sequence[str]) -> None:
        words = [word for line in sentences for word in line.split()]
        self.words, counts = np.unique(words, return_counts=True)
        self.frequencies = counts / len(words)
        self.number = {str(word): i for i, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)


def find_pairs(
    sentences: Sequence[str], vocabulary: Vocabulary, rng: np.random.Generator, window: int = 4
) -> tuple[Array, Array]:
    """Words and those that stand within so many places of them: two arrays of numbers (pairs,).

    Of the words that are everywhere, as "the" is, most are left out first.
    """
    keep = np.minimum(1, np.sqrt(0.01 / vocabulary.frequencies))
    centres, contexts = [], []
    for line in sentences:
        numbers = np.array([vocabulary.number[word] for word in line.split()])
        numbers = numbers[rng.random(len(numbers)) < keep[numbers]]
        for distance in range(1, window + 1):
            centres += [numbers[distance:], numbers[:-distance]]
            contexts += [numbers[:-distance], numbers[distance:]]
    return np.concatenate(centres), np.concatenate(contexts)


class Pairs:
    """Mini-batches of pairs, with words drawn anew for each that did not stand there."""

    def __init__(self, centres: Array, contexts: Array, vocabulary: Vocabulary, rng: np.random.Generator) -> None:
        self.batches = tg.data.batches(centres, contexts, batch_size=512, rng=rng)
        self.rng, chances = rng, vocabulary.frequencies**0.75
        self.chances = chances / np.sum(chances)

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[tuple[Any, Any, Any]]:
        for centres, contexts in self.batches:
            yield centres, contexts, self.rng.choice(len(self.chances), (len(centres), NEGATIVES), p=self.chances)


class Word2Vec(nn.Module):
    """The two vectors of every word."""

    def __init__(self, words: int, dimensions: int, rng: np.random.Generator) -> None:
        self.v = nn.Embedding(words, dimensions, rng=rng)
        self.u = nn.Embedding(words, dimensions, rng=rng)
        for table in (self.v, self.u):
            nn.init.normal_(table.weight, std=dimensions**-0.5, rng=rng)

    def forward(self, centres: Array, others: Array) -> Any:
        """The logits u . v (m, k) that words (m, k) stand beside words (m,)."""
        return np.sum(self.u(others) * self.v(centres)[:, np.newaxis], axis=-1)


def loss(net: Word2Vec, centres: Array, contexts: Array, negatives: Array) -> Any:
    """The mean cost of the pairs (m,), each with words (m, k) that did not stand there."""
    logits = net(centres, np.concatenate([contexts[:, np.newaxis], negatives], axis=1))
    return np.mean(tg.softplus(-logits[:, 0]) + np.sum(tg.softplus(logits[:, 1:]), axis=1))


def train(net: Word2Vec, pairs: Pairs, epochs: int, learning_rate: float) -> History:
    """Train on all pairs, so often."""
    return tg.fit(net, pairs, loss, tg.optim.Adam(net.parameters(), lr=learning_rate), epochs)


def unit_vectors(net: Word2Vec) -> Array:
    """The vectors (words, dimensions) of all words, each of length 1."""
    vectors = net.v.weight.numpy()
    units: Array = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return units


def nearest(vectors: Array, vocabulary: Vocabulary, to: Array, apart_from: Sequence[str], count: int = 3) -> list[str]:
    """The words whose vectors make the smallest angles with the vector ``to``, the nearest first."""
    cosines = vectors @ to
    cosines[[vocabulary.number[word] for word in apart_from]] = -np.inf
    return [str(vocabulary.words[i]) for i in np.argsort(-cosines)[:count]]


def neighbours_alike(vectors: Array, vocabulary: Vocabulary) -> float:
    """How many words of ``CLASSES`` have for their nearest neighbour among all words one of their own class."""
    alike = [
        nearest(vectors, vocabulary, vectors[vocabulary.number[word]], [word])[0] in words
        for words in CLASSES.values()
        for word in words
    ]
    return float(np.mean(alike))


def solve_analogy(vectors: Array, vocabulary: Vocabulary, a: str, b: str, c: str) -> str:
    """The word that is to c as b is to a: the nearest to v_b - v_a + v_c, apart from these three."""
    v_a, v_b, v_c = (vectors[vocabulary.number[word]] for word in (a, b, c))
    return nearest(vectors, vocabulary, v_b - v_a + v_c, [a, b, c])[0]


def count_analogies(vectors: Array, vocabulary: Vocabulary, pairs: Sequence[Sequence[str]]) -> tuple[int, int]:
    """How many of the questions are answered rightly that these pairs make, and how many there are."""
    right = [solve_analogy(vectors, vocabulary, a, b, c) == d for a, b in pairs for c, d in pairs if a != c]
    return sum(right), len(right)


def report(vectors: Array, untrained: Array, vocabulary: Vocabulary) -> None:
    """Print what the vectors know of the world."""
    say()
    table = Table(" " * 23, "  trained", "at random")
    shares = [f"{neighbours_alike(v, vocabulary):.0%}" for v in (vectors, untrained)]
    table.row("neighbours of one class", *shares)
    for name, pairs in RELATIONS.items():
        counts = ["{} of {}".format(*count_analogies(v, vocabulary, pairs)) for v in (vectors, untrained)]
        table.row(name, *counts)
    say()
    for word in ("king", "paris", "puppy"):
        say(f"nearest to {word}: {', '.join(nearest(vectors, vocabulary, vectors[vocabulary.number[word]], [word]))}")
    for a, b, c in (("man", "woman", "king"), ("paris", "france", "rome"), ("dog", "puppy", "cat")):
        say(f"{a} is to {b} as {c} is to {solve_analogy(vectors, vocabulary, a, b, c)}")


def principal_plane(vectors: Array) -> Array:
    """The vectors (m, dimensions) as points (m, 2) in the plane in which they differ most."""
    centred = vectors - vectors.mean(axis=0)
    points: Array = centred @ np.linalg.svd(centred, full_matrices=False)[2][:2].T
    return points


def place_labels(points: Array, width: float, height: float) -> Array:
    """Places (m, 2) for labels of that size at the points (m, 2): moved up or down so far that none covers another."""
    places: list[Array] = []
    for point in points:
        for step in range(200):
            place = point + [0, (step + 1) // 2 * (-1) ** step * height / 4]
            if all(abs(place[0] - x) >= width or abs(place[1] - y) >= height for x, y in places):
                break
        places.append(place)
    return np.stack(places)


def draw(vectors: Array, vocabulary: Vocabulary) -> Figure:
    """All words of the classes in a plane, and two relations as arrows."""
    picture = plotting.figure(10.4, 5.4)
    grid = picture.add_gridspec(2, 2, width_ratios=(3, 2))
    axes = picture.add_subplot(grid[:, 0])
    points = principal_plane(vectors[[vocabulary.number[word] for words in CLASSES.values() for word in words]])
    span = np.ptp(points, axis=0)
    labels = place_labels(points + 0.012 * span, 0.11 * span[0], 0.028 * span[1])
    places = iter(zip(points, labels, strict=True))
    colours = (plotting.RED, plotting.BLUE, plotting.GREEN, plotting.PURPLE, plotting.ORANGE, plotting.INK)
    for (name, words), colour in zip(CLASSES.items(), colours, strict=True):
        line: Any = {"arrowstyle": "-", "color": colour, "linewidth": 0.5, "shrinkA": 0, "shrinkB": 0}
        at: Any = []
        for word in words:
            place, label = next(places)
            at.append(place)
            axes.annotate(word, place, label, fontsize=8, color=colour, va="center", arrowprops=line)
        x, y = np.stack(at).T
        axes.scatter(x, y, s=14, color=colour, label=name)
    axes.set(title="Words in the plane in which they differ most", xticks=[], yticks=[])
    axes.set(xlabel="first principal direction", ylabel="second principal direction")
    axes.margins(x=0.1)
    axes.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.06), handletextpad=0.1)
    for row, name in enumerate(("capital, country", "male, female")):
        draw_relation(picture.add_subplot(grid[row, 1]), vectors, vocabulary, name)
    return picture


def draw_relation(axes: Axes, vectors: Array, vocabulary: Vocabulary, name: str) -> None:
    """The pairs of a relation, each an arrow. Across: along what they have in common; up: along what differs most."""
    pairs = RELATIONS[name]
    places = vectors[[vocabulary.number[word] for pair in pairs for word in pair]].reshape(len(pairs), 2, -1)
    common = np.mean(places[:, 1] - places[:, 0], axis=0)
    common /= np.linalg.norm(common)
    across = places @ common
    up = principal_plane((places - across[..., np.newaxis] * common).reshape(2 * len(pairs), -1))[:, 0]
    points = np.stack([across.ravel(), up], axis=1).reshape(-1, 2, 2)
    height = 0.07 * np.ptp(up)
    for side, (colour, align, gap) in enumerate(((plotting.BLUE, "right", -4), (plotting.GREEN, "left", 4))):
        labels = place_labels(points[:, side], np.inf, height)
        for pair, label in zip(pairs, labels, strict=True):
            look: Any = {"ha": align, "va": "center", "fontsize": 8, "color": colour}
            axes.annotate(pair[side], label, xytext=(gap, 0), textcoords="offset points", **look)
    for start, end in points:
        axes.annotate(
            "", end, start, arrowprops={"arrowstyle": "->", "color": plotting.GREY, "shrinkA": 0, "shrinkB": 0}
        )
    axes.plot(*points.reshape(-1, 2).T, ".", color=plotting.GREY, markersize=3)
    axes.margins(x=0.3, y=0.12)
    axes.set(title=name.replace(", ", " → "), xticks=[], yticks=[])
    axes.set(xlabel="what the pairs have in common", ylabel="what else differs")


def main(argv: Sequence[str] | None = None) -> None:
    """Make a text, train on it, say what the vectors know, and draw them."""
    parser = cli.parser("word2vec", "Words as vectors, learnt from a text of a small world.")
    parser.add_argument("--sentences", type=cli.positive_int, metavar="N", default=5000, help="of the text")
    parser.add_argument("--dimensions", type=cli.positive_int, metavar="N", default=24, help="of the vectors")
    cli.add_epoch_flags(parser, epochs=6, learning_rate=0.01)
    flags = parser.parse_args(argv)
    plotting.prepare(flags.plot)
    rng = np.random.default_rng(flags.seed)
    sentences = [sentence(rng) for _ in range(flags.sentences)]
    vocabulary = Vocabulary(sentences)
    centres, contexts = find_pairs(sentences, vocabulary, rng)
    net = Word2Vec(len(vocabulary), flags.dimensions, rng).float()
    untrained = unit_vectors(net)
    say(f"{len(sentences):,} sentences, {len(vocabulary)} words, {len(centres):,} pairs; the first sentences:")
    say("\n".join(f"  {line}" for line in sentences[:4]))
    history = train(net, Pairs(centres, contexts, vocabulary, rng), flags.epochs, flags.learning_rate)
    check_history(history, flags.learning_rate, guessing=GUESSING)
    say(f"\ncost: {GUESSING:.3f} without knowing anything, {history.loss[-1]:.3f} now")
    vectors = unit_vectors(net)
    report(vectors, untrained, vocabulary)
    plotting.save(draw(vectors, vocabulary), flags.plot)


if __name__ == "__main__":
    sys.exit(cli.run(main))
