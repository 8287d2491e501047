"""What a function reaches from outside is found again at every call, whatever the way to it, or refused by name."""

import ctypes
import enum
import functools
import gc
import importlib
import itertools
import logging
import os
import queue
import sys
import threading
import types
import warnings
import weakref
from array import array
from collections import ChainMap, OrderedDict, UserDict, UserList, defaultdict, deque, namedtuple
from contextvars import ContextVar, copy_context
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import tinygrad_lite as tg
from tests.generators.strategies import programs
from tinygrad_lite import tree
from tinygrad_lite.tensor import TraceError

X = np.array([1.0, -2.0, 3.0])
W = rate = training = helper_weights = None  # set by each test
Pair = namedtuple("Pair", ["left", "right"])


def rebind(**names):
    globals().update(names)


@pytest.fixture(autouse=True)
def fresh_globals():
    rebind(W=np.array([2.0, 0.5, -1.0]), rate=0.5, training=True, helper_weights=np.ones(3))


def assert_follows(f, *changes, args=(X,), programs=None):
    """The compiled function is the function, before and after each change of what is outside."""
    compiled = tg.compile(f)
    for change in (lambda: None, *changes):
        change()
        want, structure = tree.flatten(f(*args))
        for _ in range(2):
            got, got_structure = tree.flatten(compiled(*args))
            assert got_structure == structure
            for a, b in zip(got, want, strict=True):
                b = b.numpy() if type(b) is tg.Tensor else b
                assert np.asarray(a).dtype == np.asarray(b).dtype
                assert_allclose(a, b, rtol=1e-12)
    if programs is not None:
        assert len(compiled.programs) == programs


# -- arrays ----------------------------------------------------------------------------------------------------------


def test_a_name_bound_to_another_array():
    assert_follows(lambda x: W * x, lambda: rebind(W=W * 2), lambda: rebind(W=W - 0.1), programs=1)
    assert_follows(lambda x: W * x, lambda: rebind(W=np.float32(W)), lambda: rebind(W=np.ones((2, 1))), programs=3)
    assert_follows(lambda x: W * x, lambda: rebind(W=2.0), lambda: rebind(W=np.arange(3)))


def test_an_array_changed_in_place_and_what_is_computed_from_it():
    def f(x):
        return W * x, (1 - W) * x, W.sum() * x, (W > 0) * x, np.linalg.norm(W) * x, x[np.argsort(W)], np.eye(3) * W * x

    assert_follows(f, lambda: W.__setitem__(0, 50.0), lambda: W.__setitem__(slice(1, 3), -4.0), programs=1)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x * 2 if W[0] > 10 else x,
        lambda x: x[W > 0],
        lambda x: np.eye(3)[np.int64(np.abs(W)) % 3] @ x,
        lambda x: float(W[1]) * x,
        lambda x: np.histogram(W, bins=3)[0] * x,
        lambda x: x * np.array([W[0], W[2], 1.0]),
        lambda x: x * sum(range(int(np.max(W)))),
    ],
)
def test_a_function_that_reads_the_numbers_of_an_array(f):
    assert_follows(f, lambda: W.__setitem__(0, 50.0), lambda: rebind(W=np.array([1.0, 2.0, -4.0])), programs=3)


def test_numbers_that_are_read_in_one_place_and_computed_with_in_another():
    class Scale:
        def __call__(self, x):
            return x * 2 if W[0] > 10 else x  # a method runs as it is

    scale = Scale()
    assert_follows(lambda x: W * scale(x), lambda: W.__setitem__(0, 50.0), lambda: W.__setitem__(1, 5.0))


def test_the_same_array_under_two_names():
    held = {"W": W}
    assert_follows(lambda x: W * x + held["W"], lambda: held.update(W=X), lambda: rebind(W=X), lambda: rebind(W=-X))


# -- Tensors ---------------------------------------------------------------------------------------------------------


def test_a_tensor_given_new_data_or_replaced():
    held = {"w": tg.Tensor(X)}
    changes = [
        lambda: setattr(held["w"], "data", X * 3),
        lambda: held.update(w=tg.Tensor(X * 2)),
        lambda: held.update(w=X * 5),
        lambda: held.update(w=tg.Tensor(X[:1])),
    ]
    assert_follows(lambda x: held["w"] * x, *changes)


def test_new_data_given_by_another_thread_while_a_function_is_traced():
    t, inside, proceed = tg.Tensor(X), threading.Event(), threading.Event()

    def f(x):
        inside.set()
        assert proceed.wait(60)
        return t * x

    def work():
        assert inside.wait(60)
        t.data = X * 2
        proceed.set()

    thread = threading.Thread(target=work)
    thread.start()
    compiled = tg.compile(f)
    assert_allclose(compiled(X), X * 2 * X)
    thread.join()
    t.data = X * 3
    assert_allclose(compiled(X), X * 3 * X)


def test_the_gradient_of_a_captured_tensor_is_read():
    t = tg.Tensor(X, requires_grad=True)
    np.sum(t * t).backward()

    def f(x):
        return x * 1.0 if t.grad is None else x * t.grad

    assert_follows(f, lambda: setattr(t, "grad", X * 7), lambda: setattr(t, "grad", None))


# -- numbers, flags, text ----------------------------------------------------------------------------------------------


def test_numbers_and_flags_outside():
    assert_follows(
        lambda x: x * rate, *(functools.partial(rebind, rate=r) for r in (0.25, 1, 1.0, -0.0, np.float32(2)))
    )
    assert_follows(lambda x: x * 2 if training else x, lambda: rebind(training=False), lambda: rebind(training=True))
    rebind(rate="tanh")
    assert_follows(lambda x: getattr(np, rate)(x), lambda: rebind(rate="sin"))
    rebind(rate=None)
    assert_follows(lambda x: x if rate is None else x * rate, lambda: rebind(rate=2.0), lambda: rebind(rate=None))


def test_a_number_that_goes_on_changing_becomes_an_input():
    compiled = tg.compile(lambda x: x * rate + 1)
    for k in range(30):
        rebind(rate=0.5 / (1 + k))
        assert_allclose(compiled(X), X * rate + 1)
    assert len(compiled.programs) < 6


def test_a_number_that_decides_what_is_computed_stays_a_part_of_the_program():
    compiled = tg.compile(lambda x: x * 2 if rate > 3 else x * rate)
    for k in range(9):
        rebind(rate=k)
        assert_allclose(compiled(X), X * 2 if k > 3 else X * k)


# -- ways to reach it --------------------------------------------------------------------------------------------------


class Net:
    scale = 2.0
    offset = np.ones(3)

    def __init__(self):
        self.W, self.rate, self.losses, self._b = X * 2, 0.5, [], np.zeros(3)
        self.part = types.SimpleNamespace(b=np.zeros(3))

    @property
    def b(self):
        return self._b + helper_weights

    def predict(self, x):
        return self.W * x * self.scale + self.part.b + self.offset + self.b

    def cost(self, x):
        return np.sum(self.predict(x) ** 2) * self.rate + np.sum(helper(x))

    def __call__(self, x):
        return self.predict(x) + 1


def helper(x):
    return x * helper_weights


@pytest.fixture
def restored_class():
    before = Net.scale, Net.offset
    yield
    Net.scale, Net.offset = before


@pytest.mark.parametrize("way", ["method", "object", "closure", "lambda of another", "partial", "compiled"])
def test_an_object_of_the_users(way, restored_class):
    net = Net()
    inner = tg.compile(net.cost)
    f = {
        "method": net.cost,
        "object": net,
        "closure": lambda x: net.predict(x) * 2,
        "lambda of another": lambda x: (lambda y: net(y) + net.cost(x))(x),
        "partial": functools.partial(lambda n, x: n.cost(x), net),
        "compiled": lambda x, inner=inner: inner(x) * 2,
    }[way]
    changes = [
        lambda: setattr(net, "W", net.W * 2),
        lambda: net.W.__setitem__(0, 7.0),
        lambda: setattr(net, "rate", 3.0),
        lambda: setattr(net.part, "b", X),
        lambda: setattr(net, "_b", X * 3),
        lambda: setattr(Net, "scale", 5.0),
        lambda: setattr(net, "scale", 6.0),
        lambda: setattr(Net, "offset", X),
        lambda: Net.offset.__setitem__(0, 100.0) if Net.offset is not X else None,
        lambda: rebind(helper_weights=X * 3),
        lambda: helper_weights.__setitem__(0, 9.0),
    ]
    assert_follows(f, *changes)


def test_attributes_that_the_code_does_not_mention_may_change():
    net = Net()
    compiled = tg.compile(net.cost)
    for k in range(5):
        compiled(X)
        net.losses.append(k)
        net.__dict__["losses"] = [*net.losses]
    assert len(compiled.programs) == 1


def test_attributes_reached_without_their_names():
    net = types.SimpleNamespace(first=X * 2, second=X * 3)
    assert_follows(lambda x: sum(getattr(net, n) * x for n in vars(net)), lambda: setattr(net, "second", X))
    name = "first"
    assert_follows(lambda x: getattr(net, name) * x, lambda: setattr(net, "first", X))
    layer = Layer(X * 2)
    assert_follows(lambda x: tg.tree.map(lambda a: a * x, layer).w, lambda: setattr(layer, "w", X * 9))


@dataclass
class Layer:
    w: np.ndarray
    activation: str = "tanh"


def test_a_gradient_with_respect_to_an_object_outside():
    layer = Layer(X * 2)

    def f(x):
        return tg.value_and_grad(lambda q: np.sum(getattr(np, q.activation)(q.w * x)))(layer)

    changes = [lambda: setattr(layer, "w", X * 5), lambda: setattr(layer, "activation", "sin")]
    assert_follows(lambda x: f(x)[1].w, *changes)


def test_containers_of_every_kind():
    pair, ordered, default = Pair(X * 2, X), OrderedDict(a=X * 3), defaultdict(list, a=X * 4)
    nested = {"l": [{"W": X * 2}, (X * 3, 2)], 0: {(1, 2): X * 5}}
    arrays = [X * 1, X * 2]
    many = list(range(100))

    def f(x):
        y = pair.left * x + pair.right + ordered["a"] * default["a"]
        y = y + nested["l"][0]["W"] * x + nested["l"][1][0] * nested["l"][1][1] + nested[0][1, 2]
        return y + sum(a * x for a in arrays) + many[-1]

    assert_follows(
        f,
        lambda: pair.left.__setitem__(0, 9.0),
        lambda: ordered.update(a=X),
        lambda: default.update(a=X),
        lambda: nested["l"][0].update(W=X),
        lambda: nested["l"].__setitem__(1, (X, 3)),
        lambda: nested["l"].__setitem__(1, (X, 3.5)),
        lambda: nested[0].update({(1, 2): X * 8}),
        lambda: arrays.append(X),
        lambda: arrays.pop(0),
        lambda: many.__setitem__(-1, 7),
    )


def test_places_that_are_read_by_a_call():
    waiting, variable, chosen, own = deque([X * 2]), ContextVar("variable", default=2.0), {1, 2}, threading.local()
    own.w = X * 3

    class Descriptor:
        def __get__(self, instance, owner):
            return W if instance is None else instance.w * W

    class Meta(type):
        @property
        def scale(cls):
            return W

    class Described(metaclass=Meta):
        value = Descriptor()

        def __init__(self):
            self.w = X * 5

    described = Described()

    def f(x):
        y = waiting[0] * x * variable.get() + own.w + (1 in chosen)
        return y + described.value * Described.scale + eval("W * x", globals(), {"x": x})

    assert_follows(
        f,
        lambda: waiting.__setitem__(0, X),
        lambda: waiting[0].__setitem__(0, 7.0) if waiting[0] is not X else None,
        lambda: variable.set(3.0),
        lambda: variable.set(X),
        lambda: chosen.discard(1),
        lambda: setattr(own, "w", X),
        lambda: setattr(described, "w", X),
        lambda: rebind(W=W * 2),
        lambda: W.__setitem__(0, 5.0),
    )


def test_an_optimiser():
    opt = tg.optim.Adam(lr=0.1)
    params, state = {"w": X * 2}, None
    state = opt.init(params)

    def f(x):
        return opt.update(params, {"w": x}, state)[0]

    changes = [
        lambda: opt.defaults.update(lr=0.3),
        lambda: params["w"].__setitem__(0, 5.0),
        lambda: params.update(w=-X),
    ]
    assert_follows(f, *changes)


def test_operations_of_the_users():
    doubled = tg.custom_vjp(lambda x: x * 2, lambda g, y, x: g * 2 * W)
    scaled = tg.elementwise(lambda x: x * rate, lambda y, x: rate * W)
    linear = tg.linear(lambda x: x * W, lambda g, y, x: g * W)

    def f(x):
        return tg.value_and_grad(lambda x: np.sum(doubled(x) * scaled(x) + linear(x)))(x)

    assert_follows(
        f, lambda: rebind(W=W * 2), lambda: W.__setitem__(0, 5.0), lambda: rebind(rate=3.0), lambda: rebind(rate=4.0)
    )


def test_closures_defaults_and_attributes_of_functions():
    weights = X * 2

    def multiply(x, d=X * 3, *, k=X * 4):
        return weights * x + d + k + multiply.q + (lambda z: z * weights)(x)

    def replace():
        nonlocal weights
        weights = weights * 3

    multiply.q = X * 5
    assert_follows(
        multiply,
        replace,
        replace,
        lambda: multiply.__defaults__[0].__setitem__(0, 4.0),
        lambda: multiply.__kwdefaults__.update(k=X * 7),
        lambda: setattr(multiply, "q", X * 11),
        lambda: setattr(multiply, "__defaults__", (X,)),
    )


def test_a_function_that_calls_itself_and_one_that_is_replaced():
    def power(x, n):
        return W if n == 0 else x * power(x, n - 1)

    assert_follows(lambda x: power(x, 3), lambda: rebind(W=X))
    functions = {"f": helper}
    assert_follows(
        lambda x: functions["f"](x), lambda: rebind(helper_weights=X), lambda: functions.update(f=lambda x: x * 7)
    )


def test_decorated_functions_and_modules():
    def decorate(f):
        @functools.wraps(f)
        def decorated(*args):
            return f(*args) * W

        return decorated

    decorated = decorate(helper)
    assert_follows(lambda x: decorated(x), lambda: rebind(W=W * 2), lambda: rebind(helper_weights=X))
    module = types.ModuleType("settings")
    module.W, module.eps = X * 2, 0.1
    changes = [lambda: setattr(module, "W", X * 3), lambda: setattr(module, "eps", 3.0)]
    assert_follows(lambda x: module.W * x + module.eps, *changes)
    assert_follows(lambda x: globals()["W"] * x, lambda: rebind(W=W * 2))


def test_objects_with_slots():
    class Slots:
        __slots__ = ("__hidden", "w")

        def __init__(self):
            self.w, self.__hidden = X * 2, X * 3

        def hide(self, value):
            self.__hidden = value

        def __call__(self, x):
            return self.w * x * self.__hidden

    slots = Slots()
    assert_follows(slots, lambda: setattr(slots, "w", X), lambda: slots.hide(X * 5))


class Mark:
    """Holds nothing: only which one it is matters."""


TRAIN, EVALUATE = Mark(), Mark()


class Phase(enum.Enum):
    TRAIN = 1.0
    EVALUATE = 2.0


class Power(enum.IntEnum):
    SQUARE = 2
    CUBE = 3


def test_marks_and_members_of_an_enumeration_are_told_apart():
    state = {"mode": EVALUATE, "phase": Phase.TRAIN, "power": Power.SQUARE}
    scales = {TRAIN: 3.0, EVALUATE: 5.0}

    def f(x):
        y = x * 2 if state["mode"] is TRAIN else x
        y = y * state["phase"].value * scales[state["mode"]]
        return np.sin(y) if state["phase"] is Phase.EVALUATE and state["mode"] == TRAIN else y ** state["power"]

    assert_follows(
        f,
        lambda: state.update(mode=TRAIN),
        lambda: state.update(phase=Phase.EVALUATE),
        lambda: state.update(power=Power.CUBE),
        lambda: state.update(mode=EVALUATE),
        lambda: state.update(power=Power.SQUARE),
    )


def test_methods_that_are_replaced():
    class Layer:
        def scale(self, x):
            return x * self.w

        @property
        def w(self):
            return 2.0

        def __call__(self, x):
            return self.scale(x)

    class Deep(Layer):
        def scale(self, x):
            return super().scale(x) + 1

    layer = Deep()

    def replace(kind, name, value):
        return lambda: setattr(kind, name, value)

    assert_follows(
        lambda x: layer(x),
        replace(Layer, "scale", lambda self, x: x * self.w * 3),
        replace(Layer, "w", property(lambda self: 7.0)),
        replace(Layer, "__call__", lambda self, x: self.scale(x) - 1),
        replace(Deep, "scale", lambda self, x: x),
        lambda: setattr(layer, "__class__", Layer),
    )


def test_queues_and_texts_that_are_run():
    waiting, stack, holder = queue.Queue(), queue.LifoQueue(), types.SimpleNamespace(scale=2.0)
    waiting.put(2.0)
    stack.put(X * 2)
    assert_follows(
        lambda x: x * waiting.queue[0] * waiting.qsize() + stack.queue[-1],
        lambda: waiting.put(3.0),
        lambda: waiting.get(),
        lambda: stack.put(X * 3),
    )

    def by_text(x):
        return eval("holder.scale * x", {"holder": holder, "x": x})

    assert_follows(by_text, lambda: setattr(holder, "scale", 5.0))
    simple = queue.SimpleQueue()
    simple.put(2.0)
    with pytest.raises(TypeError, match="reaches simple from outside, a SimpleQueue, whose numbers nobody can watch"):
        tg.compile(lambda x: x * simple.qsize())(X)


def test_a_cached_array_is_watched():
    @functools.lru_cache
    def basis(n):
        return np.eye(n)

    assert_follows(lambda x: basis(3) @ x, lambda: basis(3).__setitem__((0, 1), 5.0))


# -- what is refused, and what is let go -----------------------------------------------------------------------------


def test_what_pythons_own_objects_hold(monkeypatch):
    below, inner, proxied = {"k": X * 2}, UserDict(k=X), {"k": 2.0}
    chained, proxy, items = ChainMap({}, below), types.MappingProxyType(proxied), UserList([X, 3.0])
    numbers, octets = array("d", [1.0, 2.0]), bytearray(b"\x01\x02")
    monkeypatch.setenv("RATE_OF_A_TEST", "2")
    monkeypatch.setattr(sys, "argv", ["program", "3"])

    def f(x):
        y = chained["k"] * x + inner["k"] * proxy["k"] + items[0] * items[1]
        return y * numbers[1] + octets[0] * float(os.environ["RATE_OF_A_TEST"]) - float(sys.argv[1])

    assert_follows(
        f,
        lambda: below.__setitem__("k", X * 3),
        lambda: chained.maps[0].__setitem__("k", X * 4),
        lambda: inner.__setitem__("k", X * 5),
        lambda: proxied.__setitem__("k", 3.0),
        lambda: items.__setitem__(1, 4.0),
        lambda: numbers.__setitem__(1, 7.0),
        lambda: octets.__setitem__(0, 9),
        lambda: monkeypatch.setenv("RATE_OF_A_TEST", "5"),
        lambda: sys.argv.__setitem__(1, "6"),
    )


def test_the_environment_by_another_name(monkeypatch):
    monkeypatch.setenv("RATE_OF_A_TEST", "2")
    read = os.getenv
    assert_follows(lambda x: x * float(os.getenv("RATE_OF_A_TEST")), lambda: monkeypatch.setenv("RATE_OF_A_TEST", "5"))
    assert read("RATE_OF_A_TEST") == "5"


class Rated:
    rate = 2.0

    def scale(self, x):
        return self.rate * x


def triple(x):
    return 3 * x


def test_names_that_appear_where_others_were_found(monkeypatch):
    class Child(Rated):
        pass

    module, child = types.ModuleType("settings"), Child()

    def scale(x):
        return x * getattr(scale, "rate", 2.0)

    assert_follows(lambda x: x * abs(rate), lambda: rebind(abs=lambda number: -number), lambda: globals().pop("abs"))
    changes = [lambda: setattr(Child, "rate", 3.0), lambda: setattr(Child, "scale", lambda self, x: x)]
    assert_follows(lambda x: child.scale(x), *changes)
    assert_follows(lambda x: x * getattr(module, "rate", 2.0), lambda: setattr(module, "rate", 3.0))
    assert_follows(lambda x: scale(x), lambda: setattr(scale, "rate", 3.0))


def test_code_that_is_replaced_in_place(monkeypatch):
    """As %autoreload does."""
    rated = Rated()
    for function in (helper, Rated.scale):
        monkeypatch.setattr(function, "__code__", function.__code__)  # and back
    assert_follows(lambda x: helper(x), lambda: setattr(helper, "__code__", triple.__code__))
    assert_follows(lambda x: rated.scale(x), lambda: setattr(Rated.scale, "__code__", (lambda self, x: -x).__code__))


def test_what_has_no_keys_to_reach_its_parts_by():
    rated, settings = Rated(), {"rate": 2.0}
    pairs, views, objects, held = {(0, 1)}, settings.items(), {rated}, np.array([[2.0], None], object)
    values, get, by_object, weak = (
        settings.values(),
        settings.get,
        {rated: "b"},
        weakref.WeakKeyDictionary({rated: 2.0}),
    )

    def change():
        rated.rate += 1

    assert_follows(lambda x: sum(x[i] * x[j] for i, j in pairs), lambda: pairs.add((0, 2)))
    assert_follows(lambda x: sum(x * rate for _, rate in views), lambda: settings.update(rate=3.0))
    assert_follows(lambda x: sum(values) * x * get("rate"), lambda: settings.update(rate=4.0, other=1.0))
    assert_follows(lambda x: sum(x * r.rate for r in objects), change, lambda: objects.add(Rated()))
    assert_follows(lambda x: sum(x * r.rate for r in by_object), change)
    assert_follows(lambda x: weak[rated] * x, lambda: weak.update({rated: 3.0}))
    assert_follows(lambda x: held[0][0] * x, lambda: held[0].append(1.0), lambda: held[0].__setitem__(0, 3.0))


class Rounded(float):
    def __repr__(self):
        return f"{self:.1f}"


def test_numbers_that_look_alike():
    rebind(rate=Rounded(0.51))
    assert_follows(lambda x: float(rate) * x, lambda: rebind(rate=Rounded(0.52)))


def test_members_that_are_named_outside():
    module, state = types.ModuleType("functions"), {"name": "helper"}
    module.helper, module.triple = helper, triple
    changes = [
        lambda: rebind(helper_weights=X),
        lambda: state.update(name="triple"),
        lambda: setattr(module, "triple", np.exp),
    ]
    assert_follows(lambda x: getattr(module, state["name"])(x), *changes)
    called = tg.compile(lambda x, name: getattr(module, name)(x))
    assert_allclose(called(X, "helper"), helper(X))
    module.helper = triple
    assert_allclose(called(X, "helper"), 3 * X)
    assert_follows(
        lambda x: getattr(Rated, f"ra{'te'}") * x,
        lambda: setattr(Rated, "rate", 3.0),
        lambda: setattr(Rated, "rate", 2.0),
    )


def test_modules_that_a_function_imports_in_its_own_way(monkeypatch, tmp_path):
    folder = tmp_path / "package_of_a_test"
    folder.mkdir()
    (folder / "__init__.py").write_text("def f(x):\n    from .settings import rate\n    return rate * x\n")
    (folder / "settings.py").write_text("rate = 2.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    package = importlib.import_module("package_of_a_test")
    settings = "package_of_a_test.settings"
    assert_follows(package.f, lambda: setattr(sys.modules[settings], "rate", 3.0))  # it is not yet there at first
    assert_follows(
        lambda x: sys.modules["package_of_a_test.settings"].rate * x,
        lambda: setattr(sys.modules[settings], "rate", 4.0),
    )


def test_modules_that_a_function_imports(monkeypatch):
    module = types.ModuleType("settings_of_a_test")
    module.rate, module.weights = 2.0, X * 2
    monkeypatch.setitem(sys.modules, "settings_of_a_test", module)

    def f(x):
        import settings_of_a_test
        from settings_of_a_test import weights

        return x * settings_of_a_test.rate + weights

    assert_follows(f, lambda: setattr(module, "rate", 3.0), lambda: setattr(module, "weights", X))


@pytest.mark.parametrize("kind", [iter, itertools.cycle, lambda numbers: (k for k in numbers)])
def test_what_gives_something_else_every_time_is_refused(kind):
    rates = kind([0.5] * 9 + [0.1])
    with pytest.raises(TypeError, match=r"reaches rates from outside, a .*pass what it gives as an argument"):
        tg.compile(lambda x: next(rates) * x)(X)


def test_objects_may_be_counted():
    class Layer:
        count = itertools.count()

        def __init__(self):
            self.number = next(self.count)

    assert_follows(lambda x: x * 2 if Layer().number >= 0 else x)
    with pytest.raises(RuntimeError, match="does not reproduce"):
        tg.compile(lambda x: x * Layer().number)(X)


@pytest.mark.parametrize("kind", [memoryview, lambda x: (ctypes.c_double * 3)(*x)])
def test_memory_that_nobody_can_watch_is_refused_by_name(kind):
    numbers = kind(X)
    with pytest.raises(TypeError, match=r"reaches numbers from outside.*pass np.asarray of it as an argument"):
        tg.compile(lambda x: numbers[0] * x)(X)


def test_the_constant_of_masked_arrays_is_one():
    nothing = np.ma.masked
    f = tg.compile(lambda x: np.sum(x) if nothing is np.ma.masked else x)
    assert f(np.ones(3)) == 3


def test_what_nobody_can_look_into_is_refused_by_name():
    at = ContextVar("at")
    at.set(X * 2)
    arrays = copy_context()
    at.set(None)
    with pytest.raises(TypeError, match=r"reaches an array of shape \(3,\).*arrays.*pass it as an argument"):
        tg.compile(lambda x: arrays[at] * x)(X)
    at.set(tg.Tensor(X))
    tensors = copy_context()
    at.set(None)
    with pytest.raises(TypeError, match=r"tensors.*pass it as an argument"):
        tg.compile(lambda x: tensors[at] * x)(X)

    class Labelled:
        def __array__(self, dtype=None, copy=None):
            return X

    table = Labelled()
    with pytest.raises(TypeError, match=r"reaches table from outside.*pass np.asarray of it as an argument"):
        tg.compile(lambda x: np.asarray(table) * x)(X)


def test_a_state_that_a_function_keeps_is_refused():
    class Recurrent:
        def __init__(self):
            self.h = np.zeros(3)

        def step(self, x):
            self.h = np.tanh(self.h + x)
            return self.h

    with pytest.raises(RuntimeError, match="does not reproduce the function"):
        tg.compile(Recurrent().step)(X)


def test_nothing_of_the_users_is_touched():
    net, nested, before = Net(), {"l": [X * 2]}, W.copy()
    inside = nested["l"][0]
    tg.compile(lambda x: net.cost(x) * W @ nested["l"][0])(X)
    assert type(net.W) is np.ndarray
    assert nested["l"][0] is inside
    assert_allclose(W, before)
    assert net.cost.__func__ is Net.cost


def test_replaced_arrays_are_let_go():
    array = np.ones(3)
    rebind(W=array)
    gone = weakref.ref(array)
    compiled = tg.compile(lambda x: W * x)
    compiled(X)
    rebind(W=X)
    del array
    compiled(X)
    gc.collect()
    assert gone() is None


def test_what_a_function_counts_is_no_part_of_the_program():
    """What f changes outside, it changes only while it is traced."""
    calls, seen, held, count = [], {}, [W], 0

    def f(x):
        nonlocal count
        count += 1
        calls.append(count)
        seen[len(seen)] = 1
        seen["runs"] = seen.get("runs", 0) + 1
        held.append(1)
        return held[0] * x

    compiled = tg.compile(f)
    compiled(X)
    for _ in range(5):
        assert_allclose(compiled(X), held[0] * X)
        held[0] = held[0] * 2
    assert len(compiled.programs) == 1


def test_what_changes_at_every_call_is_told_once_and_never_frozen():
    compiled = tg.compile(lambda x: x * 2 if W[0] > 10 else x * W[1])
    for k in range(11):
        W[0] = k
        compiled(X)
    W[0] = 11
    with pytest.warns(RuntimeWarning, match=r"has been compiled 12 times .*reaches outside.*Pass what changes"):
        compiled(X)
    for k in range(60):
        W[0], W[1] = k - 20, k
        assert_allclose(compiled(X), X * 2 if W[0] > 10 else X * W[1])
    assert len(compiled.programs) < 60


def test_constants_of_the_functions_own_are_not_compared():
    source = tg.compile(lambda x: x * np.arange(3) + np.ones(3) @ x).source(X)
    assert "def outside" not in source


# -- random programs that reach random places ------------------------------------------------------------------------


class Held:
    """An object whose method reads an array; it runs as it is."""

    def __init__(self, value):
        self.value = value

    def read(self):
        return self.value


def place_in_cell(value):
    def replace(new):
        nonlocal value
        value = new

    return lambda: value, replace


def place_in_dict(value):
    held = {"other": 1, "value": [0, (value,)]}
    return lambda: held["value"][1][0], lambda new: held["value"].__setitem__(1, (new,))


def place_in_namespace(value):
    held = types.SimpleNamespace(part=types.SimpleNamespace(value=value))
    return lambda: held.part.value, lambda new: setattr(held.part, "value", new)


def place_in_object(value):
    held = Held(value)
    return held.read, lambda new: setattr(held, "value", new)


def place_in_default(value):
    def read(value=value):
        return value

    return read, lambda new: setattr(read, "__defaults__", (new,))


def place_in_class(value):
    class Constants:
        pass

    Constants.value = value
    return lambda: Constants.value, lambda new: setattr(Constants, "value", new)


def place_in_tensor(value):
    held = tg.Tensor(value)
    return lambda: held, lambda new: setattr(held, "data", new)


def place_in_replaced_tensor(value):
    held = {"value": tg.Tensor(value)}
    return lambda: held["value"], lambda new: held.update(value=tg.Tensor(new))


PLACES = [
    place_in_cell,
    place_in_dict,
    place_in_namespace,
    place_in_object,
    place_in_default,
    place_in_class,
    place_in_tensor,
    place_in_replaced_tensor,
]


@given(programs(), st.data(), st.integers(0, 2**32 - 1), st.booleans())
def test_random_programs_that_reach_their_operands_outside(drawn, data, seed, differentiated):
    program, arguments = drawn
    rng = np.random.default_rng(seed)
    arrays = [np.array(x, float) for x in arguments]
    reads, replacements = zip(*(data.draw(st.sampled_from(PLACES))(x) for x in arrays), strict=True)

    def f(x):
        xs = [read() for read in reads]
        return program(xs[0] + x, *xs[1:])

    if differentiated:
        plain = f
        f = tg.value_and_grad(lambda x: sum(np.sum(np.sin(y)) for y in tree.flatten(plain(x))[0]))
    compiled = tg.compile(f)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for call in range(4):
            for i, replace in enumerate(replacements):
                new = np.asarray(arrays[i] + 1e-3 * rng.normal(size=arrays[i].shape))
                if call % 2 or "tensor" in replace.__qualname__:
                    replace(new)
                    arrays[i] = new
                else:
                    arrays[i][...] = new  # in place
            x = 1e-3 * rng.normal(size=arrays[0].shape)
            try:
                want = tree.flatten(f(x))[0]
                got = tree.flatten(compiled(x))[0]
            except (TypeError, TraceError):
                reject()  # what Tensors refuse, and shapes that depend on numbers
            for a, b in zip(got, want, strict=True):
                b = b.numpy() if type(b) is tg.Tensor else b
                assert np.shape(a) == np.shape(b)
                assert np.asarray(a).dtype == np.asarray(b).dtype
                assert_allclose(a, b, rtol=1e-7, atol=1e-8 * (1 + np.max(np.abs(b), initial=0)))


# -- by way of the arguments -----------------------------------------------------------------------------------------


def test_functions_and_classes_that_come_with_the_arguments():
    @dataclass
    class Scaled:
        w: np.ndarray
        activation: object = np.tanh
        scale = 2.0
        offset = np.ones(3)

        @tg.compile
        def predict(self, x):
            return self.activation(self.w * x) * self.scale + self.offset

    model = Scaled(X * 2, lambda z: z * helper_weights)

    def want():
        return model.activation(model.w * X) * Scaled.scale + Scaled.offset

    for change in (
        lambda: None,
        lambda: setattr(Scaled, "scale", 5.0),
        lambda: setattr(Scaled, "offset", X),
        lambda: helper_weights.__setitem__(0, 9.0),
        lambda: rebind(helper_weights=X),
    ):
        change()
        assert_allclose(model.predict(X), want())
        assert_allclose(model.predict(X), want())
    compiled = tg.compile(lambda g, x: g(x) * 2)
    for _ in range(3):
        assert_allclose(compiled(helper, X), X * helper_weights * 2)
        helper_weights[1] += 1


@pytest.mark.parametrize(
    "f",
    [
        np.tanh,
        tg.sigmoid,
        tg.grad(lambda x: np.sum(W * x)),
        tg.hessian(lambda x: np.sum(x * x * rate)),
        tg.checkpoint(lambda x: x * W),
    ],
)
def test_functions_of_every_kind(f):
    assert_follows(f, lambda: rebind(W=W * 3, rate=3.0), lambda: W.__setitem__(0, 5.0))


def test_objects_that_answer_to_everything_and_loggers_are_no_obstacle():
    class Answering:
        def __init__(self):
            self.value = X * 2

        def __getattr__(self, name):
            raise RuntimeError(name)

    @functools.cache
    def basis(n):
        return np.eye(n)

    answering, log = Answering(), logging.getLogger("test")

    def f(x):
        log.debug("traced")
        return basis(3) @ (answering.value * x)

    assert_follows(f, lambda: setattr(answering, "value", X))
