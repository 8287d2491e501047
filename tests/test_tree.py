"""Trees: flat lists and back, whatever they are made of."""

import dataclasses
import functools
import types
from argparse import Namespace
from collections import ChainMap, Counter, OrderedDict, UserDict, UserList, defaultdict, deque, namedtuple
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite import tree

Pair = namedtuple("Pair", "left right")


@dataclasses.dataclass
class Node:
    value: Any
    child: Any = None
    name: str = "node"


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    W: Any

    def __post_init__(self):
        assert hasattr(self.W, "shape"), "a real one validates what it is given"


leaves = st.one_of(st.floats(-9, 9), st.builds(lambda n: np.arange(float(n)), st.integers(0, 3)))
static = st.one_of(st.none(), st.text(max_size=3), st.booleans(), st.just(np.tanh), st.just(len), st.just(int))
trees = st.recursive(
    leaves | static,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.text(max_size=2), inner, max_size=3),
        st.builds(Pair, inner, inner),
        st.builds(Node, inner, inner, st.text(max_size=2)),
    ),
    max_leaves=12,
)


def same(a, b):
    if isinstance(a, np.ndarray):
        return a is b
    if isinstance(a, dict):
        return type(a) is type(b) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, Node):
        return type(b) is Node and same(vars(a), vars(b))
    return type(a) is type(b) and (a is b or a == b)


@given(trees)
def test_flatten_and_back(t):
    flat, structure = tree.flatten(t)
    assert same(tree.unflatten(structure, flat), t)
    assert structure.size == len(flat) == len(tree.paths(t, "t"))
    again = tree.flatten(t)[1]
    assert structure == again
    assert hash(structure) == hash(again)
    assert isinstance(repr(structure), str)


@given(trees)
def test_paths_lead_to_the_leaves(t):
    flat, _ = tree.flatten(t)
    for leaf, path in zip(flat, tree.paths(t, "t"), strict=True):
        assert eval(path, {"t": t}) is leaf or eval(path, {"t": t}) == leaf


@given(trees, trees)
def test_structures_are_equal_when_trees_are_alike(a, b):
    alike = same(tree.map(lambda _: 0.0, a), tree.map(lambda _: 0.0, b))
    assert (tree.flatten(a)[1] == tree.flatten(b)[1]) == alike


def test_leaves_and_what_is_not_one():
    t = tg.Tensor([1.0])
    given_ = [1.0, np.float32(2), np.ones(2), t, 3, 1j]
    assert tree.flatten(given_)[0] == given_[:2] + given_[2:]
    nothing = [None, "s", b"b", True, np.tanh, int, [], {}, ()]
    assert tree.flatten(nothing)[0] == []
    assert tree.unflatten(tree.flatten(nothing)[1], []) == nothing


def test_a_dataclass_is_rebuilt_without_its_constructor():
    """A tree of gradients, or of names, need not look like a value."""
    made = tree.map(lambda x: x.shape, Frozen(np.ones(3)))
    assert type(made) is Frozen
    assert made.W == (3,)
    assert tree.flatten(Node)[0] == []  # the class itself is no tree


def test_map_of_several():
    assert tree.map(lambda a, b: a + b, Pair(1.0, [2.0]), Pair(10.0, [20.0])) == Pair(11.0, [22.0])
    for other in (Pair(1.0, 2.0), (1.0, [2.0]), Pair(1.0, [2.0, 3.0])):
        with pytest.raises(ValueError, match="the trees differ"):
            tree.map(lambda a, b: a, Pair(1.0, [2.0]), other)
    with pytest.raises(ValueError, match=r"dict\(a: \*\) and dict\(b: \*\)"):
        tree.map(lambda a, b: a, {"a": 1.0}, {"b": 1.0})


def test_static_parts_count():
    assert tree.flatten(Node(1.0, name="a"))[1] != tree.flatten(Node(1.0, name="b"))[1]
    assert tree.flatten([1.0, None])[1] != tree.flatten([1.0, "x"])[1]


def test_registered_classes():
    class Box:
        def __init__(self, content, label):
            self.content, self.label = content, label

    class Special(Box):
        pass

    def rebuild(meta, children):
        kind, label = meta
        return kind(children[0], label)

    tree.register(Box, lambda b: ([(".content", b.content)], (type(b), b.label)), rebuild)
    try:
        gradient = tg.grad(lambda b: np.sum(b.content["W"] ** 2))(Special({"W": np.array([1.0, 2.0])}, "L"))
        assert type(gradient) is Special
        assert gradient.label == "L"
        assert tree.paths(Box([1.0], "L"), "b") == ["b.content[0]"]
        with pytest.raises(TypeError, match=r"box\.content\['n'\] is int64"):
            tg.grad(lambda box: 0.0)(Box({"n": 3}, ""))
    finally:
        del tree._registered[Box]


def test_a_deep_tree():
    t = 1.0
    for _ in range(200):
        t = [t]
    assert tg.grad(lambda t: tree.flatten(t)[0][0] * 2)(t) != 0


# -- Python's other containers, and classes derived from them ---------------------------------------------------------


class Parameters(dict):
    def __init__(self, layers):
        super().__init__({f"W{i}": np.full(n, i + 1.0) for i, n in enumerate(layers)})
        self.layers = layers

    def __iter__(self):
        raise AssertionError("what a class makes of its items is its own affair")

    def __getitem__(self, key):
        return super().__getitem__(f"W{key}" if type(key) is int else key)


class ByAttribute(dict):
    """A well-known trick."""

    def __init__(self, *args, **keywords):
        super().__init__(*args, **keywords)
        self.__dict__ = self


class Rows(list):
    def __init__(self, first, second):
        super().__init__([first, second])


class Both(tuple):
    def __new__(cls, first, second):
        made = super().__new__(cls, (first, second))
        made.sign = -1
        return made


class Ordered(OrderedDict):
    pass


W, B = np.array([1.0, 2.0]), np.array([3.0, 4.0, 5.0])
ITEMS = {"W0": W, "W1": B}
CONTAINERS = [
    (OrderedDict(ITEMS), lambda p: (p["W0"], p["W1"])),
    (Ordered(ITEMS), lambda p: (p["W0"], p["W1"])),
    (defaultdict(lambda: 7.0, ITEMS), lambda p: (p["W0"], p["W1"] * p.default_factory() / 7)),
    (Counter(W0=1.5, W1=2.5), lambda p: (p["W0"], p["W1"] + p["nothing"])),
    (types.MappingProxyType(ITEMS), lambda p: (p["W0"], p["W1"])),
    (Parameters([2, 3]), lambda p: (p[0], p[len(p.layers) - 1])),
    (ByAttribute(ITEMS), lambda p: (p.W0, p["W1"])),
    (UserDict(ITEMS), lambda p: (p["W0"], p["W1"])),
    (ChainMap({"W0": W}, {"W1": B}), lambda p: (p["W0"], p["W1"])),
    (types.SimpleNamespace(W0=W, W1=B, depth=2), lambda p: (p.W0, p.W1 * p.depth / 2)),
    (Namespace(W0=W, W1=B, name="x"), lambda p: (p.W0, p.W1)),
    (deque([W, B]), lambda p: (p[0], p[1])),
    (deque([W, B], maxlen=2), lambda p: (p[0], p[1] * p.maxlen / 2)),
    (UserList([W, B]), lambda p: (p[0], p[1])),
    (Rows(W, B), lambda p: (p[0], p[1])),
    (Both(W, B), lambda p: (p[0], -p.sign * p[1])),
]


@pytest.mark.parametrize(("given", "parts"), CONTAINERS, ids=lambda x: type(x).__name__)
def test_containers_come_back_as_what_they_are(given, parts):
    def f(p):
        first, second = parts(p)
        return np.sum(first**2) + np.sum(second**3)

    gradients = [tg.grad(f)(given), tg.compile(tg.grad(f))(given), tg.grad(tg.compile(f))(given)]
    first, second = parts(given)
    for gradient in gradients:
        assert type(gradient) is type(given)
        for found, expected in zip(parts(gradient), (2 * first, 3 * second**2), strict=True):
            np.testing.assert_allclose(found, expected)
    steps, _ = tg.scan(lambda p, _: (tree.map(lambda x: 2 * x, p), 0.0), given, length=3)
    assert type(steps) is type(given)
    np.testing.assert_allclose(parts(steps)[1], 8 * second)
    _, dy = tg.jvp(f, (given,), (given,))
    np.testing.assert_allclose(dy, np.sum(2 * first**2) + np.sum(3 * second**3))
    assert tree.flatten(gradients[0])[1] == tree.flatten(given)[1]


@pytest.mark.parametrize("container", [OrderedDict, ByAttribute, deque, UserDict])
def test_a_compiled_function_sees_what_changes_inside_a_container(container):
    key = 0 if container is deque else "w"
    given = container([W.copy()] if container is deque else {"w": W.copy()})
    compiled = tg.compile(lambda p: np.sum(p[key]))
    assert compiled(given) == 3
    given[key] += 1.0
    assert compiled(given) == 5


def test_a_default_is_kept_and_called():
    gradient = tg.grad(lambda p: p["a"] * p["b"])(defaultdict(lambda: 5.0, a=3.0))
    assert gradient["a"] == 5
    assert gradient["c"] == 5  # as of any other dict with this default


def test_whole_numbers_in_a_list_of_an_object_are_settings():
    class Net:
        def __init__(self):
            self.sizes, self.W, self.rates = [2, (3, 1)], np.ones((2, 3)), [0.5]

    net = Net()
    assert tree.paths(net, "net") == ["net.W", "net.rates[0]"]

    def f(net):
        return np.sum(net.W**2) * net.sizes[1][0] * net.rates[0]

    compiled = tg.compile(tg.grad(f))
    for differentiate in (tg.grad(f), compiled):
        gradient = differentiate(net)
        assert gradient.sizes == [2, (3, 1)]
        np.testing.assert_allclose(gradient.W, 3 * net.W)
    net.sizes[1] = (5, 1)
    np.testing.assert_allclose(compiled(net).W, 5 * net.W)


def test_attributes_beside_the_items_are_those_of_an_object():
    """Their arrays are parts, and the others settings, whose changes are seen."""
    given = Parameters([2, 3])
    given.scale = np.array([2.0, 5.0])

    def f(p):
        return np.sum(p.scale * p[0] ** 2) * len(p.layers)

    assert tree.paths(given, "p") == ["p['W0']", "p['W1']", "p.scale"]
    for differentiate in (tg.grad(f), tg.compile(tg.grad(f))):
        gradient = differentiate(given)
        assert gradient.layers == [2, 3]
        np.testing.assert_allclose(gradient.scale, 2 * given[0] ** 2)
        np.testing.assert_allclose(gradient[0], 4 * given.scale * given[0])
    compiled = tg.compile(f)
    before = compiled(given)
    given.layers.append(4)
    np.testing.assert_allclose(compiled(given), 1.5 * before)
    given.layers = [1]
    np.testing.assert_allclose(compiled(given), 0.5 * before)


class Slots:
    __slots__ = ("W",)

    def __init__(self):
        self.W = W


@pytest.mark.parametrize(
    ("given", "advice"),
    [
        *((given, "give a list of what is in it$") for given in ({1.0}, frozenset({1.0}), {"a": 1.0}.values())),
        (Slots(), r"say with tg\.tree\.register what it is made of$"),
    ],
    ids=lambda x: type(x).__name__,
)
def test_what_is_no_tree_is_named(given, advice):
    for use in (
        lambda: tg.grad(lambda p: 1.0)(given),
        lambda: tg.compile(lambda p: 1.0)(given),
        lambda: tg.vmap(lambda p: 1.0)(given),
        lambda: tg.scan(lambda p, _: (p, 0.0), given, length=2),
    ):
        with pytest.raises(TypeError, match=f"is a {type(given).__name__}.*; {advice}"):
            use()


class Layer:
    def __init__(self, rng, n):
        self.W, self.rate, self.count = rng.normal(size=(n, n)), 0.5, 3

    def __call__(self, x):
        return np.tanh(self.W @ x) * self.rate


class Net:
    """A plain object: no dataclass, callable, with a list of others in it, settings, a generator and a function."""

    def __init__(self):
        self.rng = np.random.default_rng(0)
        self.layers = [Layer(self.rng, 2), Layer(self.rng, 2)]
        self.activation, self.name = np.tanh, "net"

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.activation(x)


def test_an_object_whose_attributes_hold_arrays_is_a_tree():
    net, x = Net(), np.array([0.3, -0.7])
    assert tree.paths(net, "net") == ["net.layers[0].W", "net.layers[1].W"]
    gradient = tg.grad(lambda net, x: np.sum(net(x) ** 2))(net, x)
    assert type(gradient) is Net
    assert (gradient.rng, gradient.name, gradient.layers[0].rate) == (net.rng, "net", 0.5)
    first, second = (layer.W for layer in net.layers)

    def by_hand(V, W):
        return np.sum(np.tanh(np.tanh(W @ (np.tanh(V @ x) * 0.5)) * 0.5) ** 2)

    expected = tg.grad(by_hand, argnums=(0, 1))(first, second)
    for layer, g in zip(gradient.layers, expected, strict=True):
        np.testing.assert_allclose(layer.W, g, rtol=1e-12)


class Cached:
    def __init__(self, x):
        self.x = x

    @functools.cached_property
    def square(self):
        return self.x**2


def test_what_a_cached_property_keeps_is_no_part_of_the_tree():
    """It was one of its own after the first access, and took the gradient of what it is computed from."""
    x = np.array([1.0, -3.0])
    for access in (False, True):
        cached = Cached(x)
        if access:
            np.testing.assert_array_equal(cached.square, x**2)
        gradient = tg.grad(lambda c: np.sum(c.square * c.x))(cached)
        assert list(vars(gradient)) == ["x"]
        np.testing.assert_allclose(gradient.x, 3 * x**2)


def test_a_compiled_function_sees_an_objects_arrays_and_settings_change():
    net, x = Net(), np.array([0.3, -0.7])
    compiled = tg.compile(lambda net, x: net(x))
    for change in (lambda: None, lambda: setattr(net.layers[0], "W", -net.layers[0].W)):
        change()
        np.testing.assert_allclose(compiled(net, x), net(x))
    net.layers[1].rate = 2.0
    np.testing.assert_allclose(compiled(net, x), net(x))


def test_an_object_without_arrays_is_static_and_one_that_contains_itself_is_refused():
    class Settings:
        rate = 1.0

    class Loop:
        def __init__(self):
            self.W, self.me = np.ones(2), self

    settings, loop, circle = Settings(), Loop(), []
    circle.append(circle)
    assert tree.flatten(settings)[0] == []
    assert tree.unflatten(tree.flatten(settings)[1], []) is settings
    for cyclic in (loop, circle):
        with pytest.raises(ValueError, match="contains itself"):
            tree.flatten(cyclic)
    assert tg.grad(lambda x, loop: np.sum(x * loop.W))(np.ones(2), loop).tolist() == [1, 1]


@given(trees)
def test_a_vector_of_all_leaves_and_back(t):
    leaves, structure = tree.flatten(t)
    vector, unravel = tree.ravel(t)
    assert vector.shape == (sum(np.size(x) for x in leaves),)
    again, same_structure = tree.flatten(unravel(vector))
    assert same_structure == structure
    for x, y in zip(leaves, again, strict=True):
        assert np.asarray(x).dtype == y.dtype
        np.testing.assert_array_equal(x, y)


def test_ravel_keeps_each_dtype_and_is_differentiable():
    rng = np.random.default_rng(0)
    t = {"W": rng.normal(size=(2, 3)).astype(np.float32), "z": rng.normal(size=2) + 1j, "b": 0.5}
    vector, unravel = tree.ravel(t)
    assert [x.dtype for x in tree.flatten(unravel(vector))[0]] == [np.float32, np.complex128, np.float64]
    real = {"W": t["W"], "b": np.array(0.5)}
    weights = rng.normal(size=7)
    gradient = tg.grad(lambda t: np.sum(tree.ravel(t)[0] * weights))(real)
    np.testing.assert_allclose(gradient["W"], weights[:6].reshape(2, 3), rtol=1e-6)
    assert gradient["W"].dtype == np.float32
    flat, unravel = tree.ravel(real)
    down = tg.grad(lambda v: np.sum(unravel(v)["W"] ** 2))(flat)
    np.testing.assert_allclose(down, [*2 * flat[:6], 0], rtol=1e-6)
    with pytest.raises(ValueError, match=r"has shape \(3,\); \(7,\) is needed"):
        unravel(np.ones(3))
    with pytest.raises(TypeError, match=r"tree\['n'\] is int64 beside floats"):
        tree.ravel({"x": 1.0, "n": np.array([1])})


def test_slices_and_dtypes_are_settings():
    """As strings are: of a compiled function each has a program of its own, and a file does not hold them."""
    x = np.arange(4.0)
    part = tg.compile(lambda x, where: x[where] * 2)
    for where in (slice(0, 2), slice(1, None), ..., slice(0, 2)):
        np.testing.assert_array_equal(part(x, where), 2 * x[where])
    convert = tg.compile(lambda x, to: x.astype(to["dtype"]))
    for dtype in (np.dtype("f4"), np.dtype("f8"), np.dtype("f4")):
        assert convert(x, {"dtype": dtype}).dtype == dtype
    gradient = tg.grad(lambda p: np.sum(p["x"][p["where"]]))({"x": x, "where": slice(2)})
    np.testing.assert_array_equal(gradient["x"], [1, 1, 0, 0])
    with pytest.raises(TypeError, match=r"tree\['where'\] is a slice"):
        tg.save("a.npz", {"where": slice(2)})
