"""Module: what it holds, what it saves, how it looks, and that it is a tree."""

import copy
import dataclasses
import pickle
from collections import OrderedDict, UserDict, defaultdict, deque, namedtuple
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import nn, tree
from tinygrad_lite.nn import functional as F


def network():
    rng = np.random.default_rng(0)
    return nn.Sequential(nn.Linear(3, 4, rng=rng), nn.Tanh(), nn.Linear(4, 2, rng=rng))


def loss(net, x, g):
    return np.sum(np.tanh(net(x)) * g)


X = np.random.default_rng(1).normal(size=(5, 3))
G = np.random.default_rng(2).normal(size=(5, 2))


def test_gradients_by_backward_and_by_grad_agree():
    net = network()
    loss(net, X, G).backward()
    gradient = tg.grad(loss)(net, X, G)
    assert type(gradient) is nn.Sequential
    for (name, p), (same, g) in zip(net.named_parameters(), gradient.named_parameters(), strict=True):
        assert name == same
        assert np.any(p.grad)
        np.testing.assert_allclose(np.asarray(g), p.grad, rtol=1e-12)
    tg.testing.check_gradients(lambda net: loss(net, X, G), net)


def test_a_compiled_step_trains_as_the_eager_loop():
    net, other = network(), network()

    @tg.compile
    def step(net, x, g, rate):
        value, gradient = tg.value_and_grad(loss)(net, x, g)
        return value, tree.map(lambda p, dp: p - rate * dp, net, gradient)

    for _ in range(3):
        value, net = step(net, X, G, 0.1)
        other.zero_grad()
        expected = loss(other, X, G)
        expected.backward()
        for p in other.parameters():
            p.data -= 0.1 * p.grad
        np.testing.assert_allclose(value, expected.item())
    assert len(step._kinds) == 1
    for a, b in zip(net.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(np.asarray(a), b.numpy())


def test_a_compiled_module_sees_its_weights_and_its_mode_change():
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).eval()
    for compiled in (tg.compile(net), tg.compile(net.forward), tg.compile(lambda x: net(x))):
        with tg.no_grad():
            for _ in range(2):
                np.testing.assert_allclose(compiled(X), net(X).numpy())
                net[0].weight.data -= 0.5
                net[1].running_mean = np.array([1.0, 2.0])
            assert "def" in compiled.source(X)
            net[1].train()
            with pytest.raises(tg.TraceError, match="call_with_buffers"):
                compiled(X)
            net.eval()
        assert compiled(X).requires_grad  # of the parameters, which the function reaches from outside


def test_a_compiled_object_of_the_users_sees_its_weights_change():
    class Line:
        def __init__(self):
            self.w = np.array([1.0, 2.0])

        def __call__(self, x):
            return self.w * x

    line = Line()
    compiled = tg.compile(line)
    np.testing.assert_array_equal(compiled(np.ones(2)), [1, 2])
    line.w = np.array([3.0, 4.0])
    np.testing.assert_array_equal(compiled(np.ones(2)), [3, 4])


def test_derive_takes_a_module():
    net = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    derivation = tg.derive(lambda net, x: np.sum(net(x) ** 2), net, X)
    value, gradient = derivation.function(net, X)
    expected = tg.grad(lambda net: np.sum(net(X) ** 2))(net)
    np.testing.assert_allclose(np.asarray(gradient[0].weight), np.asarray(expected[0].weight))


class Model(nn.Module):
    def __init__(self):
        self.layers = [nn.Linear(2, 3), nn.Linear(3, 2)]
        self.heads = {"a": nn.Linear(2, 1, bias=False)}
        self.scales = [np.ones(2), np.full(3, 2.0)]
        self.shift = np.array(1.5)
        self.table = np.array([3, 1])
        self.rate = 0.5
        self.name = "model"

    def forward(self, x):
        x = self.layers[0](x * self.scales[0]) * self.scales[1]
        return self.heads["a"](self.layers[1](x)) + self.shift * self.rate


NAMES = [
    *("layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"),
    *("heads.a.weight", "scales.0", "scales.1", "shift"),
]


def test_attributes_are_parameters_buffers_or_settings():
    model = Model()
    assert [name for name, _ in model.named_parameters()] == NAMES
    assert [name for name, _ in model.named_buffers()] == ["table"]
    assert [p.shape for p in model.parameters()] == [(3, 2), (3,), (2, 3), (2,), (1, 2), (2,), (3,), ()]
    tg.testing.check_gradients(lambda model, x: model(x), model, X[:, :2])
    gradient = tg.grad(lambda model: np.sum(model(X[:, :2])))(model)
    assert [name for name, _ in gradient.named_parameters()] == NAMES
    assert gradient.rate == 0.5
    assert gradient.name == "model"
    assert float(gradient.shift) == 2.5


def test_a_plain_array_appended_to_a_list_is_not_forgotten():
    model = Model()
    model.scales.append(np.ones(2))
    with pytest.raises(TypeError, match=r"scales\.2 is a plain array"):
        list(model.parameters())


def test_a_computed_tensor_is_no_parameter():
    net = network()
    net.cached = net(X)
    assert len(list(net.parameters())) == 4
    assert "cached" not in net.state_dict()
    with pytest.raises(TypeError, match=r"weight\.data"):
        net[0].weight = net[0].weight - 0.1


class Remembering(nn.Module):
    """What it computes on the way it keeps, as one does to look at it."""

    def __init__(self):
        self.layer = nn.Linear(3, 2, rng=np.random.default_rng(0))

    def forward(self, x):
        self.hidden = np.tanh(self.layer(x))
        return self.hidden * 2


def test_a_module_may_keep_what_each_call_computes():
    """The second call said that hidden was a parameter."""
    net, rng = Remembering(), np.random.default_rng(1)
    with tg.no_grad():
        net(rng.normal(size=(4, 3)))
    for _ in range(3):
        x = rng.normal(size=(4, 3))
        y = net(x)
        np.testing.assert_array_equal(2 * net.hidden.numpy(), y.numpy())
        assert [name for name, _ in net.named_parameters()] == ["layer.weight", "layer.bias"]
    with pytest.raises(TypeError, match="weight is a parameter; what was computed cannot take its place"):
        net.layer.weight = net.layer.weight * 2


class Tied(nn.Module):
    """One parameter in three places: of two modules, one of them in a list, and in a dict."""

    def __init__(self):
        rng = np.random.default_rng(0)
        self.embedding = nn.Embedding(5, 3, rng=rng)
        self.layers = [nn.Linear(3, 3, rng=rng), nn.Linear(3, 5, bias=False)]
        self.layers[1].weight = self.embedding.weight
        self.more = {"again": self.embedding.weight}

    def forward(self, indices):
        return self.layers[1](np.tanh(self.layers[0](self.embedding(indices)))) + np.sum(self.more["again"][1:2])


@pytest.mark.parametrize("compile", [False, True])
def test_a_tied_parameter_is_one_leaf_with_one_gradient_and_one_update(compile):
    net, indices = Tied(), np.array([[1, 2], [0, 1]])
    g = np.random.default_rng(4).normal(size=(2, 2, 5))
    names = ["embedding.weight", "layers.0.weight", "layers.0.bias"]
    assert [name for name, _ in net.named_parameters()] == names
    assert len(tree.flatten(net)[0]) == 3
    tg.testing.check_gradients(lambda net: np.sum(np.sin(net(indices)) * g), net)
    optimizer = tg.optim.Adam(lr=0.1)

    def step(net, state):
        gradient = tg.grad(lambda net: np.sum(np.sin(net(indices)) * g))(net)
        return optimizer.update(net, gradient, state)

    step = tg.compile(step) if compile else step
    new, state = net, optimizer.init(net)
    for _ in range(3):
        new, state = step(new, state)
        assert new.layers[1].weight is new.embedding.weight is new.more["again"]
    eager = Tied()
    mover = tg.optim.Adam(eager, lr=0.1)
    for _ in range(3):
        mover.zero_grad()
        np.sum(np.sin(eager(indices)) * g).backward()
        mover.step()
    for name, array in eager.state_dict().items():
        np.testing.assert_allclose(new.state_dict()[name], array, rtol=1e-10)
    assert new.requires_grad_().embedding.weight is new.layers[1].weight


def test_a_tied_and_frozen_parameter_stays_both():
    net = Tied()
    net.embedding.weight.requires_grad = False
    new = tree.map(lambda p: p - 1, net)
    assert new.embedding.weight is net.embedding.weight is new.layers[1].weight
    untied = Tied()
    untied.more["again"] = tg.Tensor(np.ones((5, 3)), requires_grad=True)
    assert len(tree.flatten(untied)[0]) == 4
    with pytest.raises(ValueError, match="the trees differ"):
        tree.map(lambda a, b: a + b, Tied(), untied)


def test_state_dict_copies():
    net = network()
    state = net.state_dict()
    assert list(state) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    state["0.weight"][:] = 0
    assert np.any(net[0].weight.numpy())
    other = network()
    other.load_state_dict(state)
    assert not np.any(other[0].weight.numpy())
    state["0.weight"][:] = 1
    assert not np.any(other[0].weight.numpy())


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda s: s.pop("2.weight"), KeyError, "'2.weight' is missing"),
        (lambda s: s.update(more=np.ones(2)), KeyError, "nothing here is called 'more'"),
        (lambda s: s.update({"2.weight": np.ones((4, 2))}), ValueError, r"'2.weight' has shape \(2, 4\), but \(4, 2\)"),
        (lambda s: s.update({"2.bias": np.ones(2, complex)}), TypeError, "'2.bias' is float64 and cannot hold complex"),
    ],
)
def test_a_state_that_does_not_fit_changes_nothing(change, error, message):
    net = network()
    before = net.state_dict()
    state = {name: array + 1 for name, array in before.items()}
    change(state)
    with pytest.raises(error, match=message):
        net.load_state_dict(state)
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_a_state_in_part():
    net = network()
    net.load_state_dict({"2.bias": np.array([7.0, 8.0], np.float32), "more": np.ones(1)}, strict=False)
    np.testing.assert_array_equal(net[2].bias.numpy(), [7, 8])
    assert net[2].bias.dtype == np.float64


def test_modes_reach_every_module():
    model = nn.Sequential(nn.Dropout(0.5), Model())
    model[1].drop = [nn.Dropout(0.1)]
    assert model.eval() is model
    assert not any(module.training for module in model.modules())
    assert len(list(model.modules())) == 7
    assert all(module.training for module in model.train().modules())


def test_copies_and_pickles():
    net = network()
    for other in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        np.testing.assert_array_equal(other(X).numpy(), net(X).numpy())
        other[0].weight.data -= 1
        assert not np.allclose(other(X).numpy(), net(X).numpy())


def test_dtypes():
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)).float()
    assert {p.dtype for p in net.parameters()} == {np.dtype(np.float32)}
    assert net(X.astype(np.float32)).dtype == np.float32
    assert net[1].num_batches_tracked.dtype == np.int64
    assert all(p.requires_grad for p in net.double().parameters())
    with pytest.raises(TypeError, match="cannot be int64"):
        net.to(np.int64)


def test_freezing():
    net = network()
    net[0].requires_grad_(False)
    loss(net, X, G).backward()
    assert net[0].weight.grad is None
    assert net[2].weight.grad is not None
    gradient = tg.grad(loss)(net, X, G)
    assert gradient[0].weight is net[0].weight  # no leaf: part of the structure
    assert len(tree.flatten(net)[0]) == 2
    np.testing.assert_allclose(gradient[2].weight.numpy(), net[2].weight.grad)


class Mixed(nn.Module):
    def __init__(self):
        rng = np.random.default_rng(5)
        self.scales = [np.ones(2), np.full(3, 2.0)]
        self.parts = {"a": rng.normal(size=(2, 3))}
        self.head = nn.Linear(3, 2, rng=rng)

    def forward(self, x):
        return self.head((x * self.scales[0]) @ self.parts["a"] * self.scales[1])


@pytest.mark.parametrize("compile", [False, True])
def test_what_is_frozen_stays_in_functional_updates(compile):
    """One by one, in lists and in modules; for several steps, also of a copy."""
    net = Mixed()
    net.scales[1].requires_grad = False
    net.head.bias.requires_grad = False
    frozen = ["scales.1", "head.bias"]
    before = net.state_dict()
    optimizer = tg.optim.AdamW(lr=0.1, weight_decay=0.5)

    def step(net, state, x):
        gradient = tg.grad(lambda net: np.sum(net(x) ** 2))(net)
        return optimizer.update(net, gradient, state)

    step = tg.compile(step) if compile else step
    state = optimizer.init(net)
    for _ in range(3):
        net, state = step(net, state, X[:, :2])
        net = copy.deepcopy(net)
    after = net.state_dict()
    assert {name for name in after if np.array_equal(before[name], after[name])} == set(frozen)
    eager = Mixed()
    eager.scales[1].requires_grad = eager.head.bias.requires_grad = False
    mover = tg.optim.AdamW(eager, lr=0.1, weight_decay=0.5)
    for _ in range(3):
        mover.zero_grad()
        np.sum(eager(X[:, :2]) ** 2).backward()
        mover.step()
    for name, array in eager.state_dict().items():
        np.testing.assert_allclose(after[name], array, rtol=1e-12)
    net.requires_grad_()
    assert len(tree.flatten(net)[0]) == 5


def test_an_updated_module_can_go_on_eagerly():
    net = network()
    net = tree.map(lambda p, g: p - g, net, tg.grad(loss)(net, X, G)).requires_grad_()
    loss(net, X, G).backward()
    assert net[0].weight.grad.shape == (4, 3)


def test_without_forward():
    with pytest.raises(NotImplementedError, match="Empty must define forward"):
        type("Empty", (nn.Module,), {})()(1)


def test_what_sequential_refuses():
    with pytest.raises(TypeError, match="part 1 is a int"):
        nn.Sequential(nn.Tanh(), 3)
    assert len(network()[:2]) == 2
    assert [p.shape for p in F.linear(X, np.ones((4, 3)))[:1]] == [(4,)]


def test_how_a_module_looks():
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, affine=False))
    net[0].bias.requires_grad = False
    assert repr(net).splitlines() == [
        "Sequential()  # 16 parameters",
        "  (0): Linear(3, 4)  # 16 parameters",
        "    (weight): (4, 3) float64",
        "    (bias): (4,) float64, frozen",
        "  (1): BatchNorm1d(4, eps=1e-05, momentum=0.1)",
        "    (running_mean): buffer (4,) float64",
        "    (running_var): buffer (4,) float64",
        "    (num_batches_tracked): buffer () int64",
    ]
    shown = net._repr_html_()
    assert "<td>0</td><td>Linear(3, 4)</td><td>weight (4, 3), bias (4,)</td><td>16</td>" in shown
    assert "running_mean (4,) (buffer)" in shown
    assert "frozen" not in repr(tree.map(lambda p: p, network()))
    assert "running_mean" in dir(net[1])
    with pytest.raises(AttributeError, match="BatchNorm1d has no attribute 'runing_mean'"):
        net[1].runing_mean  # noqa: B018


class Averaging(nn.Module):
    """Whose buffer is read and written in forward, as one writes it."""

    def __init__(self):
        self.register_buffer("mean", np.zeros(3))

    def forward(self, x):
        self.mean = 0.5 * self.mean + 0.5 * np.mean(x, axis=0)
        self.mean = self.mean * 2.0
        return x - self.mean


def test_a_buffer_of_the_users():
    net = Averaging()
    found = [net(X), net(2 * X)]
    mean = np.mean(X, axis=0)
    np.testing.assert_allclose(found[0], X - mean)
    np.testing.assert_allclose(net.state_dict()["mean"], 3 * mean)
    np.testing.assert_allclose(found[1], 2 * X - 3 * mean)
    net = Averaging()
    step = tg.compile(lambda buffers, x: nn.call_with_buffers(net, buffers, x))
    buffers = nn.buffers(net)
    for x, expected in zip((X, 2 * X), found, strict=True):
        y, buffers = step(buffers, x)
        np.testing.assert_allclose(y, expected)
    np.testing.assert_allclose(buffers["mean"], 3 * mean)
    assert not np.any(net.mean.numpy())


def test_copies_are_alike_and_a_program_reads_the_buffers_it_is_given():
    """Structures of modules with other buffers are equal, so that a mean of two models is one line; a program is not
    shared among them."""
    net = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Dropout(0.5)).eval()
    other = copy.deepcopy(net)
    other[1].running_mean = np.array([3.0, -1.0])
    tree.map(lambda a, b: 0.9 * a + 0.1 * b, net, other)
    run = tg.compile(lambda net, x: net(x))
    for model in (net, other, net):
        with tg.no_grad():
            np.testing.assert_allclose(run(model, X), model(X).numpy())


def tied():
    net = nn.Sequential(nn.Embedding(5, 3, rng=np.random.default_rng(0)), nn.Linear(3, 5, bias=False))
    net[1].weight = net[0].weight
    return net


@pytest.mark.parametrize(
    "change",
    [
        copy.deepcopy,
        lambda net: pickle.loads(pickle.dumps(net)),
        lambda net: net.float(),
        lambda net: net.requires_grad_(False),
        lambda net: net.requires_grad_(),
    ],
)
def test_a_tied_parameter_stays_one(change):
    net = change(tied())
    assert net[0].weight is net[1].weight
    assert len(list(net.parameters())) == 1


def test_a_tied_parameter_is_saved_once_and_loaded_as_one(tmp_path):
    net = tied()
    tg.save(tmp_path / "net.npz", net)
    other = tied()
    other[0].weight.data -= 1
    loaded = tg.load(tmp_path / "net.npz", like=other)
    assert loaded[0].weight is loaded[1].weight
    np.testing.assert_array_equal(loaded[0].weight.numpy(), net[0].weight.numpy())


def test_an_optimiser_made_before_a_conversion_or_freezing_moves_the_module():
    net = network()
    optimizer = tg.optim.SGD(net.parameters(), lr=0.1)
    net.float()
    net[0].requires_grad_(False)
    before = net.state_dict()
    loss(net, X.astype(np.float32), G.astype(np.float32)).backward()
    optimizer.step()
    after = net.state_dict()
    assert [name for name in after if not np.array_equal(before[name], after[name])] == ["2.weight", "2.bias"]
    assert after["2.weight"].dtype == np.float32
    with pytest.raises(TypeError, match="Sequential.to: give a dtype, such as np.float32, not 'cpu'"):
        net.to("cpu")


def test_modules_by_name():
    model = Model()
    names = ["", "layers.0", "layers.1", "heads.a"]
    assert [name for name, _ in model.named_modules()] == names
    assert [m for _, m in model.named_modules()][1:] == list(model.children())
    seen = []
    assert model.apply(lambda module: seen.append(type(module).__name__)) is model
    assert seen == ["Linear", "Linear", "Linear", "Model"]


class Holder(tg.nn.Module):
    def __init__(self, held):
        self.held = held


class Rows(list):
    pass


Pair = namedtuple("Pair", "first second")


@dataclasses.dataclass
class Record:
    first: Any


@pytest.mark.parametrize(
    "make",
    [
        lambda a, b: OrderedDict(first=a, second=b),
        lambda a, b: defaultdict(list, first=a, second=b),
        lambda a, b: Rows([a, b]),
        Pair,
        lambda a, b: [Pair(a, b)],
    ],
    ids=["OrderedDict", "defaultdict", "derived", "namedtuple", "inside"],
)
def test_arrays_in_containers_of_their_own_kind_are_parameters(make):
    module = Holder(make(np.ones(2), np.full(3, 2.0)))
    first, second = module.parameters()
    assert (first.shape, second.shape) == ((2,), (3,))
    gradient = tg.grad(lambda module: sum(np.sum(p**2) for p in module.parameters()))(module)
    assert type(gradient.held) is type(module.held)
    assert [p.data.tolist() for p in gradient.parameters()] == [[2, 2], [4, 4, 4]]
    second.requires_grad = False
    moved = tg.tree.map(lambda p: p - 1, module)
    assert [p.data.tolist() for p in moved.parameters()] == [[0, 0], [2, 2, 2]]


@pytest.mark.parametrize("part", [lambda: tg.nn.Linear(2, 2), lambda: tg.Tensor(np.ones(2), requires_grad=True)])
@pytest.mark.parametrize(
    "hold",
    [
        lambda part: deque([part]),
        lambda part: {part},
        lambda part: SimpleNamespace(part=part),
        lambda part: UserDict(part=part),
        lambda part: MappingProxyType({"part": [part]}),
        Record,
    ],
    ids=["deque", "set", "namespace", "UserDict", "proxy", "dataclass"],
)
def test_parts_where_nobody_looks_for_them_are_refused(hold, part):
    held = hold(part())
    with pytest.raises(TypeError, match=rf"Holder\.held: parts are not found in a {type(held).__name__}, .*a list"):
        Holder(held)
    Holder(hold("a setting"))


def test_an_object_may_know_a_module_without_having_it():
    class Trainer:
        def __init__(self, module):
            self.module = module

    module = Holder(np.ones(2))
    module.trainer = Trainer(module)
    assert len(list(module.parameters())) == 1


class KeepsAMethod(nn.Module):
    def __init__(self, keep):
        self.line = nn.Linear(3, 2, rng=np.random.default_rng(0))
        self.kept = {"method": self.through, "lambda": lambda x: self.line(x), "part's": self.line.forward}[keep]

    def through(self, x):
        return self.line(x)

    def forward(self, x):
        return self.kept(x)


@pytest.mark.parametrize("keep", ["method", "lambda", "part's"])
@pytest.mark.parametrize(
    "differentiate",
    [
        lambda net: tg.grad(loss)(net, X, G),
        lambda net: tg.compile(tg.grad(loss))(net, X, G),
        lambda net: tg.vjp(loss, net, X, G)[1](1.0),
        lambda net: tg.jvp(lambda net: loss(net, X, G), (net,), (net,)),
        lambda net: tg.grad(lambda net: np.sum(tg.grad(loss)(net, X, G).line.weight ** 2))(net),
        lambda net: tg.fit(net, (X, G), F.mse_loss, tg.optim.SGD(), epochs=1),
    ],
)
def test_a_gradient_that_goes_to_the_module_outside_is_no_zero(differentiate, keep):
    net = KeepsAMethod(keep)
    loss(net, X, G).backward()
    assert np.any(net.line.weight.grad)
    with pytest.raises(TypeError, match="does not depend on .*line.bias.*, a Tensor from outside"):
        differentiate(net)


def test_two_parts_of_one_name_and_a_part_of_itself_are_told():
    net = network()
    net.rows = {0: np.ones(2), "0": np.zeros(2)}
    for ask in (net.state_dict, lambda: list(net.named_parameters()), lambda: net.load_state_dict({})):
        with pytest.raises(ValueError, match=r"two parts called 'rows\.0'"):
            ask()
    net = network()
    net.child = nn.Sequential(nn.Tanh())
    net.child.parent = net
    with pytest.raises(ValueError, match="Sequential contains itself"):
        list(net.parameters())


def test_a_function_of_another_module_is_told():
    net = network()
    with pytest.raises(TypeError, match=r"does not depend on own\.2\.bias"):
        tg.grad(lambda own: loss(net, X, G))(net)
    assert np.any(tg.grad(lambda x: loss(net, x, G))(X))
    own = tg.grad(lambda own: loss(own, X, net(X)))(net)  # both, where the other is a target
    assert np.any(own[0].weight.numpy())


def test_a_tensor_given_twice_and_used_once_is_not_taken_for_one_from_outside():
    t, both = tg.Tensor([1.0, 2.0], requires_grad=True), (0, 1)
    for f in (lambda a, b: np.sum(a**2), lambda a, b: np.sum(np.copysign(a, b))):
        assert not np.any(tg.grad(f, both)(t, t)[1].numpy())
        assert not np.any(tg.vjp(f, t, t)[1](1.0)[1].numpy())
    second = tg.grad(
        lambda a, b: sum(np.sum(g) for g in tg.grad(lambda a, b: np.sum(np.copysign(a**2, b)), both)(a, b))
    )
    np.testing.assert_array_equal(second(X, X), np.full(X.shape, 2) * np.sign(X))


def test_an_ensemble_has_the_running_statistics_of_all_its_nets():
    rng = np.random.default_rng(0)
    nets = [nn.Sequential(nn.Linear(2, 2, rng=rng), nn.BatchNorm1d(2)) for _ in range(3)]
    x = rng.normal(size=(4, 2))

    def stack(*parts):
        return np.stack(parts)

    tree.map(stack, *nets)  # they are equal at the start
    for i, net in enumerate(nets):
        net((i + 1) * x)
        net.eval()
    with pytest.raises(ValueError, match=r"running_mean is no leaf.*call_with_buffers"):
        tree.map(stack, *nets)
    tree.map(lambda a, b, c: (a + b + c) / 3, *nets)
    want = np.stack([net(x).numpy() for net in nets])
    buffers = tree.map(stack, *map(nn.buffers, nets))
    for net in nets[1:]:
        net.load_state_dict(nn.buffers(nets[0]), strict=False)
    call = tg.vmap(lambda net, buffers: nn.call_with_buffers(net, buffers, x)[0])
    np.testing.assert_allclose(call(tree.map(stack, *nets), buffers), want)
