"""tg.fit: it learns, stops when it should, says what went wrong, and goes on from a checkpoint bit for bit."""

import re
import sys

import numpy as np
import pytest
import rich.progress

import tinygrad_lite as tg
from tests.everyday import one_in
from tinygrad_lite import training


class Momentum:
    """With the functional face of an optimiser."""

    def __init__(self, lr):
        self.lr = lr

    def init(self, params):
        return {"speed": {name: np.zeros_like(p) for name, p in params.items()}}

    def update(self, params, grads, state):
        speed = {name: 0.5 * state["speed"][name] + grads[name] for name in params}
        return {name: params[name] - self.lr * speed[name] for name in params}, {"speed": speed}


class Net:
    """Of Tensors, to be called; with a mode."""

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.W1 = tg.Tensor(rng.normal(size=(2, 5)), requires_grad=True, name="W1")
        self.W2 = tg.Tensor(rng.normal(size=(5, 1)), requires_grad=True, name="W2")
        self.training = True

    def train(self):
        self.training = True

    def eval(self):
        self.training = False

    def __call__(self, X):
        return np.tanh(X @ self.W1) @ self.W2


RNG = np.random.default_rng(3)
X = RNG.normal(size=(40, 2))
Y = (X[:, :1] > X[:, 1:]).astype(float)


def batches(seed=0):
    return tg.data.batches(X, Y, batch_size=12, rng=np.random.default_rng(seed))


def params():
    rng = np.random.default_rng(1)
    return {"W1": rng.normal(size=(2, 5)), "layers": [rng.normal(size=(5, 1)), None, "tanh"]}


def cost(p, X, Y):
    return tg.binary_cross_entropy_with_logits(np.tanh(X @ p["W1"]) @ p["layers"][0], Y)


def share_right(logits, Y):
    return np.mean((logits > 0) == (Y > 0.5))


@pytest.mark.parametrize("compile", [True, False])
def test_it_is_the_loop_one_would_write(compile):
    start = params()
    history = tg.fit(start, batches(), cost, Momentum(0.3), epochs=3, compile=compile)
    p, optimizer, data = params(), Momentum(0.3), batches()
    flat = {"W1": p["W1"], "V": p["layers"][0]}
    state, losses = optimizer.init(flat), []
    for _ in range(3):
        row = []
        for x, y in data:
            value, grads = tg.value_and_grad(lambda f, x=x, y=y: cost({"W1": f["W1"], "layers": [f["V"]]}, x, y))(flat)
            flat, state = optimizer.update(flat, grads, state)
            row.append(value)
        losses.append(np.mean(row))
    np.testing.assert_allclose(history.loss, losses, rtol=1e-12)
    np.testing.assert_allclose(history.model["W1"], flat["W1"], rtol=1e-11)
    np.testing.assert_allclose(history.model["layers"][0], flat["V"], rtol=1e-11)
    assert history.model["layers"][1:] == [None, "tanh"]
    assert (history.steps, history.stopped, len(history.loss)) == (12, "epochs", 3)
    np.testing.assert_array_equal(start["W1"], params()["W1"])  # arrays are left alone


def test_a_model_that_is_called():
    net = Net()
    modes = []

    def accuracy(logits, Y):
        modes.append(net.training)
        return share_right(logits, Y)

    loss = tg.binary_cross_entropy_with_logits
    history = tg.fit(net, batches(), loss, Momentum(0.5), epochs=60, validation=(X, Y), accuracy=accuracy)
    assert history.model is net
    assert len(history.validation_loss) == len(history.accuracy) == 60
    assert history.loss[-1] < history.loss[0]
    assert history.accuracy[-1] == share_right(net(X).numpy(), Y) > 0.8
    assert modes == [False] * 60
    assert net.training is True
    np.testing.assert_allclose(history.validation_loss[-1], loss(net(X).numpy(), Y), rtol=1e-12)
    assert re.fullmatch(r"History\(60 epochs, 240 steps, loss .*, accuracy .*, stopped by epochs\)", repr(history))


def test_a_small_last_batch_counts_for_what_it_holds():
    """40 examples in batches of 12: those of the last 4 are no better than the others."""

    def logits(p, X):
        return np.tanh(X @ p["W1"]) @ p["layers"][0]

    def loss(p, X, Y):
        return np.mean((logits(p, X) - Y) ** 2)

    def accuracy(p, X, Y):
        return share_right(logits(p, X), Y)

    for validation in (batches(), list(tg.data.batches(X, Y, batch_size=12, shuffle=False)), (X, Y)):
        history = tg.fit(params(), batches(), loss, Momentum(0.05), epochs=1, validation=validation, accuracy=accuracy)
        np.testing.assert_allclose(history.validation_loss[-1], loss(history.model, X, Y), rtol=1e-12)
        np.testing.assert_allclose(history.accuracy[-1], accuracy(history.model, X, Y), rtol=1e-12)
        assert 0.5 < history.accuracy[-1] < 1


def test_patience_gives_the_best_epochs_model():
    history = tg.fit(params(), batches(), cost, Momentum(8.0), epochs=200, validation=(X, Y), patience=3)
    assert history.stopped == "patience"
    assert len(history.loss) == history.best_epoch + 3 < 200
    np.testing.assert_allclose(cost(history.model, X, Y), min(history.validation_loss), rtol=1e-12)


def test_ctrl_c_ends_with_what_there_is():
    class Interrupted(list):
        def __iter__(self):
            yield X[:12], Y[:12]
            yield X[12:24], Y[12:24]
            raise KeyboardInterrupt

    net = Net()
    before = net.W1.numpy()
    history = tg.fit(net, Interrupted(), tg.binary_cross_entropy_with_logits, Momentum(0.1), epochs=3)
    assert (history.stopped, history.steps, history.loss) == ("interrupted", 2, [])
    expected = Net()
    two = [(X[:12], Y[:12]), (X[12:24], Y[12:24])]
    tg.fit(expected, two, tg.binary_cross_entropy_with_logits, Momentum(0.1), epochs=1)
    np.testing.assert_array_equal(net.W1.data, expected.W1.data)
    assert not np.array_equal(net.W1.data, before)


def test_a_loss_that_is_not_finite_is_explained():
    def bad(p, X, Y):
        return np.mean(np.log(p["W1"][0, 0] - 1e9) * X[:, :1] * Y)

    with pytest.raises(
        FloatingPointError, match=r"at step 1 the loss is nan: NaN appeared in log\(.*called at .*test_tr"
    ):
        tg.fit(params(), batches(), bad, Momentum(0.1), epochs=1)
    broken = X.copy()
    broken[3, 1] = np.nan
    with pytest.raises(FloatingPointError, match="array 0 of the batch was not finite"):
        tg.fit(params(), (broken, Y), cost, Momentum(0.1), epochs=1)
    start = {"W1": np.ones((1, 2))}
    with pytest.raises(
        FloatingPointError, match=r"step 2 the loss is inf: model\['W1'\] was not finite.*learning rate"
    ):
        tg.fit(start, (X, Y), lambda p, X, Y: np.mean(p["W1"] ** 2) * 1e200, Momentum(1e300), epochs=5)


@pytest.mark.parametrize("make", [params, Net])
def test_a_run_that_goes_on_from_a_checkpoint_equals_one_that_was_not_interrupted(tmp_path, make):
    loss = cost if make is params else tg.binary_cross_entropy_with_logits
    whole, half = tmp_path / "whole.npz", tmp_path / "half.npz"
    tg.fit(make(), batches(), loss, Momentum(0.3), epochs=7, validation=(X, Y), checkpoint=whole)
    tg.fit(make(), batches(), loss, Momentum(0.3), epochs=4, validation=(X, Y), checkpoint=half)
    data = batches(seed=99)  # whose generator is set by the checkpoint
    history = tg.fit(make(), data, loss, Momentum(0.3), epochs=7, validation=(X, Y), checkpoint=half, resume=True)
    assert len(history.loss) == len(history.validation_loss) == 7
    assert whole.read_bytes() == half.read_bytes()
    with pytest.raises(ValueError, match=r"whole\.npz is of another model: model.* differs"):
        tg.fit({**params(), "V": np.ones(1)}, batches(), cost, Momentum(0.1), 8, checkpoint=whole, resume=True)


def test_compile_is_told_of_when_it_cannot():
    rng = np.random.default_rng(0)

    def noisy(p, X, Y):
        return cost(p, X + rng.normal(size=X.shape), Y)

    with pytest.raises(RuntimeError, match="compile=False"):
        tg.fit(params(), batches(), noisy, Momentum(0.1), epochs=1)
    assert tg.fit(params(), batches(), noisy, Momentum(0.1), epochs=2, compile=False).steps == 8


def test_the_bar(capsys, monkeypatch):
    tg.fit(params(), batches(), cost, Momentum(0.1), epochs=2)
    assert capsys.readouterr().out == ""  # no terminal
    tg.fit(params(), batches(), cost, Momentum(0.1), epochs=2, accuracy=lambda p, X, Y: 0.5, progress=True)
    shown = capsys.readouterr().out
    assert re.search(r"2(\.0)?/2 epochs\s+loss [\d.]+\s+accuracy 0\.5", shown)
    monkeypatch.setitem(sys.modules, "rich.progress", None)
    with pytest.raises(ModuleNotFoundError, match=r"tinygrad_lite\[progress\]"):
        tg.fit(params(), batches(), cost, Momentum(0.1), epochs=1, progress=True)


def test_the_bar_fits_forty_columns_and_knows_how_far_an_epoch_is(capsys, monkeypatch):
    """Of data with a length from the beginning, of others from the second epoch on."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(training, "_REFRESH", 0)
    seen = []

    class Recorded(rich.progress.Progress):
        def update(self, task, **fields):
            seen.append(fields["completed"])
            super().update(task, **fields)
            self.refresh()

    monkeypatch.setattr(rich.progress, "Progress", Recorded)
    four = list(batches())

    class Endless:
        def __iter__(self):
            return iter(four)

    for data, first in ((four, [0.25, 0.5, 0.75, 1]), (Endless(), [0, 0, 0, 0])):
        seen.clear()
        tg.fit(params(), data, cost, Momentum(0.1), epochs=2, accuracy=lambda p, X, Y: 0.5, progress=True)
        assert seen == [*first, 1, 1.25, 1.5, 1.75, 2, 2]
        shown = re.sub(r"\x1b\[[0-9;?]*[mKhl]", "", capsys.readouterr().out)
        assert "2/2 loss" in shown
        assert "\x1b" not in shown
        assert max(len(line) for line in re.split(r"[\r\n]", shown)) <= 40


def test_ctrl_c_while_it_is_judged_leaves_as_many_of_each():
    called = []

    def interrupted(p, X, Y):
        called.append(1)
        if len(called) == 2:
            raise KeyboardInterrupt
        return 0.5

    history = tg.fit(params(), batches(), cost, Momentum(0.1), epochs=3, validation=(X, Y), accuracy=interrupted)
    assert history.stopped == "interrupted"
    assert len(history.loss) == len(history.validation_loss) == len(history.accuracy) == 1


def test_errors():
    with pytest.raises(ValueError, match="gave no batch in epoch 2"):
        tg.fit(params(), (pair for pair in [(X, Y)]), cost, Momentum(0.1), epochs=2)
    with pytest.raises(ValueError, match="patience looks at the validation loss"):
        tg.fit(params(), batches(), cost, Momentum(0.1), epochs=2, patience=3)
    with pytest.raises(ValueError, match="has no float arrays"):
        tg.fit({"n": np.array([1, 2])}, batches(), cost, Momentum(0.1), epochs=2)
    with pytest.raises(ValueError, match="give checkpoint="):
        tg.fit(params(), batches(), cost, Momentum(0.1), epochs=2, resume=True)
    with pytest.raises(TypeError, match="is an array .*, whose rows would be the batches"):
        tg.fit(params(), X, cost, Momentum(0.1), epochs=2)
    with pytest.raises(TypeError, match="optimizer is the class SGD"):
        tg.fit(params(), batches(), cost, tg.optim.SGD, epochs=2)
    with pytest.raises(ValueError, match=r"accuracy is an array of shape \(40, 1\)"):
        tg.fit(params(), batches(), cost, Momentum(0.1), epochs=2, validation=(X, Y), accuracy=lambda p, X, Y: Y > 0)


@pytest.mark.parametrize("name", one_in(3, ["SGD", "RMSprop", "Adagrad", "Adam", "AdamW"]))
def test_the_optimisers_of_the_library(tmp_path, name):
    make = getattr(tg.optim, name)
    whole, half = tmp_path / "whole.npz", tmp_path / "half.npz"
    expected = tg.fit(Net(), batches(), tg.binary_cross_entropy_with_logits, make(lr=0.05), 4, checkpoint=whole)
    tg.fit(Net(), batches(), tg.binary_cross_entropy_with_logits, make(lr=0.05), 2, checkpoint=half)
    net, optimizer = Net(), make(lr=0.05)
    tg.fit(net, batches(), tg.binary_cross_entropy_with_logits, optimizer, 4, checkpoint=half, resume=True)
    assert expected.loss[-1] < expected.loss[0]
    assert whole.read_bytes() == half.read_bytes()
    np.testing.assert_array_equal(net.W1.data, expected.model.W1.data)


@pytest.mark.parametrize("epochs", [-1, 1.5, None, "3"])
def test_epochs_are_a_whole_number(epochs):
    with pytest.raises(ValueError, match="fit: epochs is .*; it is how often data is gone through, a whole number"):
        tg.fit(params(), batches(), cost, tg.optim.SGD(lr=0.1), epochs)


def test_a_run_goes_on_with_its_own_optimiser_only(tmp_path):
    path = tmp_path / "run.npz"
    tg.fit(params(), batches(), cost, tg.optim.SGD(lr=0.1), 1, checkpoint=path)
    for other in (tg.optim.Adam(), tg.optim.SGD(lr=0.1, momentum=0.9)):
        with pytest.raises(ValueError, match=r"written with another optimizer: state\[.*\] differs"):
            tg.fit(params(), batches(), cost, other, 2, checkpoint=path, resume=True)
    assert len(tg.fit(params(), batches(), cost, tg.optim.SGD(lr=0.1), 2, checkpoint=path, resume=True).loss) == 2


@pytest.mark.parametrize(
    ("left", "what"),
    [
        (0.0, "the number 0.0"),
        (1, "the number 1"),
        (np.array([[2, 1]]), r"int64 \(1, 2\)"),
        (np.uint8(3), r"uint8 \(\)"),
    ],
)
def test_a_number_that_is_not_trained_is_told(left, what):
    def cost(params, X, Y):
        return np.mean((X @ params["W"] + np.sum(params["b"]) - Y) ** 2)

    with pytest.warns(RuntimeWarning, match=rf"fit: model\['b'\] is {what}, and is not trained; give a float array"):
        tg.fit({"W": np.ones((2, 1)), "b": left}, batches(), cost, tg.optim.SGD(lr=0.1), 1)


def test_settings_are_no_numbers_to_be_trained():
    model = {"W": np.ones((2, 1)), "bias": True, "name": "a", "net": Weighted(np.ones((2, 1)))}
    tg.fit(model, batches(), lambda m, X, Y: np.mean((X @ m["W"] * m["net"].scale - Y) ** 2), tg.optim.SGD(lr=0.1), 1)


class Weighted:
    def __init__(self, W):
        self.W = W
        self.scale = 2.0
        self.size = 3


def test_an_optimiser_made_with_parameters_and_one_with_groups():
    net, other = Net(), Net()
    tg.fit(net, batches(), tg.binary_cross_entropy_with_logits, tg.optim.Adam([net.W1, net.W2], lr=0.1), 2)
    tg.fit(other, batches(), tg.binary_cross_entropy_with_logits, tg.optim.Adam(lr=0.1), 2)
    np.testing.assert_array_equal(net.W1.data, other.W1.data)
    groups = tg.optim.SGD([{"params": [net.W1]}, {"params": [net.W2], "lr": 1.0}], lr=0.1)
    with pytest.raises(ValueError, match="several groups"):
        tg.fit(net, batches(), tg.binary_cross_entropy_with_logits, groups, 2)
    with pytest.raises(ValueError, match="the optimizer has no W2"):
        tg.fit(net, batches(), tg.binary_cross_entropy_with_logits, tg.optim.Adam([net.W1]), 2)


class Module(Net):
    """Whose tree is of arrays, as is that of a module of layers."""

    def named_parameters(self):
        yield "W1", self.W1
        yield "W2", self.W2


def _rebuild(original, children):
    made = object.__new__(Module)
    vars(made).update(vars(original), W1=children[0], W2=children[1])
    return made


tg.tree.register(Module, lambda m: ([(".W1", m.W1._array), (".W2", m.W2._array)], m), _rebuild)


def test_a_modules_own_parameters_are_trained():
    net, expected = Module(), Net()
    history = tg.fit(net, batches(), tg.binary_cross_entropy_with_logits, tg.optim.Adam([net.W1, net.W2], lr=0.1), 2)
    tg.fit(expected, batches(), tg.binary_cross_entropy_with_logits, tg.optim.Adam(lr=0.1), 2)
    assert history.model is net
    np.testing.assert_array_equal(net.W1.data, expected.W1.data)
    frozen = Module()
    frozen.W1 = tg.Tensor(frozen.W1.data)
    before = frozen.W1.numpy(), frozen.W2.numpy()
    tg.fit(frozen, batches(), tg.binary_cross_entropy_with_logits, tg.optim.Adam(lr=0.1), 2)
    np.testing.assert_array_equal(frozen.W1.data, before[0])
    assert not np.array_equal(frozen.W2.data, before[1])


class Noisy(tg.nn.Module):
    """With all that a step must not keep from its first run: masks of dropout, running statistics, a count."""

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        # (A bias before the normalisation has a gradient of 0 and rounding, of which Adam makes steps.)
        self.first, self.norm = tg.nn.Linear(2, 6, bias=False, rng=rng), tg.nn.BatchNorm1d(6)
        self.drop, self.last = tg.nn.Dropout(0.3, rng=rng), tg.nn.Linear(6, 1, rng=rng)
        self.register_buffer("total", np.zeros(2))

    def forward(self, X):
        if self.training:
            self.total = self.total + np.sum(X, axis=0)
            self.total = self.total * 0.5
        return self.last(self.drop(np.tanh(self.norm(self.first(X)))))


def mse(found, Y):
    return tg.nn.functional.mse_loss(found, Y)


def generators_of(net, data):
    return [rng.bit_generator.state for rng in (net.drop.rng, data.rng)]


def test_a_compiled_step_with_dropout_and_running_statistics_is_the_loop_one_would_write():
    runs = []
    for compile in (True, False, None):
        net, data, optimizer = Noisy(), batches(), tg.optim.Adam(lr=0.05)
        if compile is None:
            optimizer = tg.optim.Adam(net, lr=0.05)
            for _ in range(3):
                for x, y in data:
                    optimizer.zero_grad()
                    mse(net(x), y).backward()
                    optimizer.step()
        else:
            tg.fit(net, data, mse, optimizer, 3, validation=(X, Y), compile=compile)
        runs.append((net.state_dict(), generators_of(net, data)))
    for state, generators in runs[:-1]:
        assert generators == runs[-1][1]
        for name, array in runs[-1][0].items():
            np.testing.assert_allclose(state[name], array, rtol=1e-9, atol=1e-12, err_msg=name)
    assert runs[0][0]["norm.num_batches_tracked"] == 12


def test_a_noisy_run_that_goes_on_equals_one_that_was_not_interrupted(tmp_path):
    """Bit for bit, what dropout draws and the running statistics included, in a fresh model of other numbers."""
    whole, half = tmp_path / "whole.npz", tmp_path / "half.npz"
    net, data = Noisy(), batches()
    tg.fit(net, data, mse, tg.optim.Adam(lr=0.05), 5, validation=(X, Y), checkpoint=whole)
    tg.fit(Noisy(), batches(), mse, tg.optim.Adam(lr=0.05), 2, validation=(X, Y), checkpoint=half)
    other, others = Noisy(seed=7), batches(seed=8)
    tg.fit(other, others, mse, tg.optim.Adam(lr=0.05), 5, validation=(X, Y), checkpoint=half, resume=True)
    assert whole.read_bytes() == half.read_bytes()
    assert generators_of(net, data) == generators_of(other, others)
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(other.state_dict()[name], array)
    wrong = tg.nn.Sequential(tg.nn.Linear(2, 1), tg.nn.Dropout(0.3))
    with pytest.raises(ValueError, match="is of another model: .* differs"):
        tg.fit(wrong, batches(), mse, tg.optim.Adam(lr=0.05), 5, checkpoint=whole, resume=True)
    without = Noisy()
    del without.drop.rng
    without.drop.p = 0
    with pytest.raises(ValueError, match="it has 2 random generators, here are 1"):
        tg.fit(without, batches(), mse, tg.optim.Adam(lr=0.05), 5, checkpoint=whole, resume=True)


def test_patience_gives_the_best_epochs_running_statistics():
    net, seen = Noisy(), []

    def accuracy(found, Y):
        seen.append(net.state_dict())
        return 0.0

    optimizer = tg.optim.SGD(lr=1.5)
    history = tg.fit(net, batches(), mse, optimizer, 50, validation=(X, Y), accuracy=accuracy, patience=2)
    assert history.stopped == "patience"
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, seen[history.best_epoch - 1][name])


def test_what_is_frozen_stays_and_is_no_parameter():
    net = Noisy()
    net.first.requires_grad_(False)
    before = net.state_dict()
    tg.fit(net, batches(), mse, tg.optim.AdamW(net, lr=0.05), 2)
    after = net.state_dict()
    assert {name for name in after if np.array_equal(before[name], after[name])} == {"first.weight"}


def test_a_history_in_a_notebook():
    history = tg.fit(params(), batches(), cost, Momentum(0.1), epochs=3, validation=(X, Y))
    shown = history._repr_html_()
    assert repr(history) in shown
    assert shown.count("<polyline") == 2
    assert f"{max(history.loss + history.validation_loss):.4g}" in shown
    history.loss[:], history.validation_loss[:] = [np.nan], []
    assert "<svg" not in history._repr_html_()


@pytest.mark.parametrize("hold", [lambda net: {"net": net}, lambda net: [None, (net,)], lambda net: net])
def test_modules_are_judged_in_evaluation_wherever_they_are(hold):
    def judge(model, X, Y):
        return mse(net_in(model)(X), Y)

    def net_in(model):
        while isinstance(model, (dict, list, tuple)):
            model = model["net"] if isinstance(model, dict) else model[-1]
        return model

    net = Noisy()
    history = tg.fit(hold(net), (X, Y), judge, tg.optim.SGD(lr=0.1), 3, validation=(X, Y))
    assert net.norm.num_batches_tracked == 3
    assert net.training
    assert net.drop.training
    assert history.validation_loss[-1] == mse(net.eval()(X), Y).item()  # and its own parameters are trained


@pytest.mark.parametrize("make", [lambda: tg.nn.Linear(2, 1), lambda: tg.Tensor(np.ones(2), requires_grad=True)])
def test_what_is_held_twice_is_refused(make):
    part = make()
    with pytest.raises(ValueError, match=r"model\['b'\].* is model\['a'\].* again"):
        tg.fit({"a": part, "b": part}, (X, Y), lambda m, X, Y: 0.0, tg.optim.SGD(), 1)


def test_a_part_that_is_kept_in_evaluation_stays_there():
    net = Noisy()
    net.norm.eval()
    tg.fit(net, (X, Y), mse, tg.optim.SGD(lr=0.1), 2, validation=(X, Y))
    assert net.norm.num_batches_tracked == 0
    assert (net.norm.training, net.drop.training) == (False, True)
    tg.fit(net.eval(), (X, Y), mse, tg.optim.SGD(lr=0.1), 2)
    assert net.norm.training
    assert net.norm.num_batches_tracked == 2


@pytest.mark.parametrize("wrong", [2, -1])
def test_labels_that_are_no_classes_are_told_in_every_batch(wrong):
    """A program does not look at numbers as the loss does."""
    labels = (Y[:, 0] > 0.5).astype(int)
    labels[30] = wrong
    data = tg.data.batches(X, labels, batch_size=10, shuffle=False)
    net = tg.nn.Linear(2, 2)
    with pytest.raises(ValueError, match=f"target holds {wrong}, but the classes are 0..1"):
        tg.fit(net, data, tg.nn.functional.cross_entropy, tg.optim.SGD(lr=0.1), 1)
    with pytest.raises(ValueError, match="labels Y lie in 0.0..2.0, outside 0..1"):
        tg.fit(params(), [(X, Y), (X, 2 * Y)], cost, Momentum(0.1), epochs=1)


@pytest.mark.parametrize("compile", [True, False])
def test_a_schedule_in_the_place_of_its_optimiser_counts_the_steps(compile):
    def make(params=None):
        return tg.optim.lr_scheduler.StepLR(tg.optim.SGD(params, lr=0.5), 3, gamma=0.5)

    history = tg.fit(params(), batches(), cost, make(), 3, compile=compile)
    mine, data = tg.tree.map(lambda p: tg.Tensor(p, requires_grad=True), params()), batches()
    schedule = make(mine)
    for _ in range(3):
        for x, y in data:
            schedule.optimizer.zero_grad()
            cost(mine, x, y).backward()
            schedule.optimizer.step()
            schedule.step()
    np.testing.assert_allclose(history.model["W1"], mine["W1"].data, rtol=1e-9)
    with pytest.raises(ValueError, match="this optimizer has a schedule"):
        tg.fit(params(), batches(), cost, make().optimizer, 3)


class Looping(tg.nn.Module):
    def __init__(self, loop, noisy):
        rng = np.random.default_rng(0)
        self.line, self.drop = tg.nn.Linear(2, 1, rng=rng), tg.nn.Dropout(0.5, rng=rng)
        self.norm = tg.nn.BatchNorm1d(2)
        self.loop, self.noisy = loop, noisy

    def forward(self, X):
        return self.loop(lambda x: self.line(self.drop(x) if self.noisy else self.norm(x)), X)


@pytest.mark.parametrize(
    "loop",
    [
        lambda f, X: tg.scan(lambda c, _: (c + f(X), None), np.zeros((len(X), 1)), None, length=600)[0],
        lambda f, X: tg.cond(np.sum(X) < 0, lambda: f(X), lambda: f(-X)),
    ],
)
@pytest.mark.parametrize(
    ("noisy", "told"), [(True, "use one mask again and again"), (False, "running_mean would be written once, not in")]
)
def test_masks_and_statistics_of_a_loop_or_a_branch_are_not_made_once_for_all(loop, noisy, told):
    with pytest.raises(tg.TraceError, match=rf"{told}.*\n.*compile=False"):
        tg.fit(Looping(loop, noisy), (X, Y), mse, tg.optim.SGD(lr=0.1), 1)
    net = Looping(loop, noisy)
    tg.fit(net, (X, Y), mse, tg.optim.SGD(lr=0.1), 1, compile=False)
    assert noisy or net.norm.num_batches_tracked in (1, 600)
