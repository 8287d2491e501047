"""Layers against their formulas, written out step by step and entry by entry in NumPy."""

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import nn
from tinygrad_lite.nn import functional as F


def normal(*shape, seed=7):
    return np.random.default_rng(seed).normal(size=shape)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def rnn_step(z_in, z_hidden, state):
    return (np.tanh(z_in + z_hidden),)


def gru_step(z_in, z_hidden, state):
    """Gates are stacked as reset, update, new; the reset gate is applied after the product."""
    (h,) = state
    r_in, u_in, n_in = np.split(z_in, 3)
    r_hidden, u_hidden, n_hidden = np.split(z_hidden, 3)
    reset, update = sigmoid(r_in + r_hidden), sigmoid(u_in + u_hidden)
    return ((1 - update) * np.tanh(n_in + reset * n_hidden) + update * h,)


def lstm_step(z_in, z_hidden, state):
    """Gates are stacked as input, forget, cell, output."""
    _, c = state
    i, f, g, o = np.split(z_in + z_hidden, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


STEPS = {nn.RNN: rnn_step, nn.GRU: gru_step, nn.LSTM: lstm_step}


def run_one_sequence(layer, x, first):
    """(outputs, last state of each layer and direction) of one sequence x (L, input_size)."""
    w = layer.state_dict()
    step, last = STEPS[type(layer)], []
    directions = 2 if layer.bidirectional else 1
    for k in range(layer.num_layers):
        outputs = []
        for d in range(directions):
            suffix = f"l{k}" + "_reverse" * d
            state = tuple(part[k * directions + d] for part in first)
            ys = [None] * len(x)
            for t in range(len(x))[:: -1 if d else 1]:
                z_in = w[f"weight_ih_{suffix}"] @ x[t] + w.get(f"bias_ih_{suffix}", 0)
                z_hidden = w[f"weight_hh_{suffix}"] @ state[0] + w.get(f"bias_hh_{suffix}", 0)
                state = step(z_in, z_hidden, state)
                ys[t] = state[0]
            outputs.append(np.array(ys))
            last.append(state)
        x = np.concatenate(outputs, axis=1)
    return x, [np.array(part) for part in zip(*last, strict=True)]


@pytest.mark.parametrize("kind", STEPS)
@pytest.mark.parametrize("settings", [{}, {"num_layers": 2, "bidirectional": True}, {"bias": False, "num_layers": 2}])
def test_recurrent_layers(kind, settings):
    layer = kind(3, 4, **settings, batch_first=True, rng=np.random.default_rng(1))
    states = layer.num_layers * (2 if layer.bidirectional else 1)
    x = normal(2, 5, 3)
    first = [normal(states, 2, 4, seed=seed) for seed in range(2 if kind is nn.LSTM else 1)]
    y, last = layer(x, tuple(first) if kind is nn.LSTM else first[0])
    last = last if isinstance(last, tuple) else (last,)
    for n in range(2):
        expected, expected_last = run_one_sequence(layer, x[n], [part[:, n] for part in first])
        np.testing.assert_allclose(y.numpy()[n], expected, rtol=1e-12, atol=1e-13)
        for found, part in zip(last, expected_last, strict=True):
            np.testing.assert_allclose(found.numpy()[:, n], part, rtol=1e-12, atol=1e-13)


def convolve(x, w, stride, before, after, dilation, groups, mode):
    """Entry by entry. before, after: margins of the last axes."""
    n_axes = w.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0), *zip(before, after, strict=True)], mode=mode)
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, w.shape[2:], strict=True)]
    places = [(size - span) // s + 1 for size, span, s in zip(x.shape[2:], spans, stride, strict=True)]
    y = np.zeros((len(x), len(w), *places))
    per_in, per_out = x.shape[1] // groups, len(w) // groups
    for n, o, *place in np.ndindex(*y.shape):
        group = o // per_out
        for c, *offset in np.ndindex(*w.shape[1:]):
            at = [place[a] * stride[a] + offset[a] * dilation[a] for a in range(n_axes)]
            y[(n, o, *place)] += w[(o, c, *offset)] * x[(n, group * per_in + c, *at)]
    return y


MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@pytest.mark.parametrize(
    ("kernel", "settings", "before", "after"),
    [
        ((3, 3), {"padding": "same"}, (1, 1), (1, 1)),
        ((2, 4), {"padding": "same"}, (0, 1), (1, 2)),  # of an even kernel, the odd one is at the end
        ((2, 3), {"padding": "same", "dilation": (3, 2)}, (1, 2), (2, 2)),
        ((2, 3), {"padding": "valid"}, (0, 0), (0, 0)),
        ((2, 3), {"padding": (2, 1), "stride": (2, 3), "dilation": (1, 2)}, (2, 1), (2, 1)),
        ((3, 2), {"padding": 1, "groups": 2, "stride": (1, 2)}, (1, 1), (1, 1)),
        *[((3, 2), {"padding": (2, 1), "padding_mode": mode}, (2, 1), (2, 1)) for mode in MODES],
    ],
)
def test_two_dimensional_convolutions(kernel, settings, before, after):
    layer = nn.Conv2d(4, 6, kernel, **settings, rng=np.random.default_rng(1))
    x = normal(2, 4, 7, 6)
    expected = convolve(
        x,
        layer.weight.numpy(),
        layer.stride,
        before,
        after,
        layer.dilation,
        layer.groups,
        MODES[settings.get("padding_mode", "zeros")],
    )
    np.testing.assert_allclose(layer(x).numpy(), expected + layer.bias.numpy()[:, None, None], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("padding", ["same", 2])
def test_one_dimensional_convolutions(padding):
    layer = nn.Conv1d(2, 4, 4, padding=padding, dilation=2, groups=2, bias=False, rng=np.random.default_rng(1))
    before, after = ((3,), (3,)) if padding == "same" else ((2,), (2,))
    x = normal(3, 2, 9)
    expected = convolve(x, layer.weight.numpy(), (1,), before, after, (2,), 2, "constant")
    assert padding != "same" or expected.shape == (3, 4, 9)
    np.testing.assert_allclose(layer(x).numpy(), expected, rtol=1e-12, atol=1e-13)


def pool(x, kernel, stride, padding, dilation, ceil_mode, reduce):
    """reduce: of the entries of a window that lie in x, the number of those in x and its padding."""
    counts = []
    for size, k, s, p, d in zip(x.shape[2:], kernel, stride, padding, dilation, strict=True):
        beyond = size + 2 * p - d * (k - 1) - 1
        count = beyond // s + 1
        if ceil_mode and beyond % s and count * s < size + p:  # a last window that starts in x or its first margin
            count += 1
        counts.append(count)
    y = np.zeros((*x.shape[:2], *counts))
    for n, c, i, j in np.ndindex(*y.shape):
        inside, padded = [], 0
        for a, b in np.ndindex(*kernel):
            row = i * stride[0] + a * dilation[0] - padding[0]
            column = j * stride[1] + b * dilation[1] - padding[1]
            if 0 <= row < x.shape[2] and 0 <= column < x.shape[3]:
                inside.append(x[n, c, row, column])
            padded += row < x.shape[2] + padding[0] and column < x.shape[3] + padding[1]
        y[n, c, i, j] = reduce(inside, padded)
    return y


POOLS = [
    {"kernel_size": 2},
    {"kernel_size": (2, 3), "stride": (1, 2)},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": (4, 3), "stride": 2, "padding": (2, 1), "ceil_mode": True},
    {"kernel_size": 2, "stride": 3, "ceil_mode": True},
    {"kernel_size": 2, "stride": 4, "padding": 1, "ceil_mode": True},  # a last window would start behind the input
]


def settings_of(keywords):
    def pair(x):
        return x if isinstance(x, tuple) else (x, x)

    kernel = pair(keywords["kernel_size"])
    return (
        kernel,
        pair(keywords.get("stride", kernel)),
        pair(keywords.get("padding", 0)),
        pair(keywords.get("dilation", 1)),
        keywords.get("ceil_mode", False),
    )


@pytest.mark.parametrize("keywords", [*POOLS, {"kernel_size": (2, 3), "stride": 1, "padding": 1, "dilation": (2, 1)}])
def test_max_pooling_never_chooses_the_margin(keywords):
    x = normal(2, 3, 7, 8) - 10  # all far below 0
    expected = pool(x, *settings_of(keywords), lambda inside, padded: max(inside))
    np.testing.assert_array_equal(nn.MaxPool2d(**keywords)(x), expected)


@pytest.mark.parametrize("keywords", POOLS)
@pytest.mark.parametrize("count", ["with the padding", "without it", "as it is told"])
def test_average_pooling(keywords, count):
    reduce, more = {
        "with the padding": (lambda inside, padded: sum(inside) / padded, {}),
        "without it": (lambda inside, padded: sum(inside) / len(inside), {"count_include_pad": False}),
        "as it is told": (lambda inside, padded: sum(inside) / 7, {"divisor_override": 7}),
    }[count]
    x = normal(2, 3, 7, 8)
    expected = pool(x, *settings_of(keywords), reduce)
    np.testing.assert_allclose(nn.AvgPool2d(**keywords, **more)(x), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("causal", [False, True])
def test_attention(causal):
    layer = nn.MultiheadAttention(6, 2, rng=np.random.default_rng(1), batch_first=True)
    q, k, v = normal(2, 4, 6, seed=1), normal(2, 5, 6, seed=2), normal(2, 5, 6, seed=3)
    w = layer.state_dict()
    y, weights = layer(q, k, v, is_causal=causal)
    for n in range(2):
        heads, shown = [], []
        for h in range(2):
            projected = []
            for i, x in enumerate((q, k, v)):
                rows = slice(6 * i + 3 * h, 6 * i + 3 * h + 3)
                projected.append(x[n] @ w["in_proj_weight"][rows].T + w["in_proj_bias"][rows])
            scores = projected[0] @ projected[1].T / np.sqrt(3)
            if causal:
                scores = np.where(np.arange(5)[None, :] <= np.arange(4)[:, None], scores, -np.inf)
            a = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
            heads.append(a @ projected[2])
            shown.append(a)
        expected = np.concatenate(heads, axis=1) @ w["out_proj.weight"].T + w["out_proj.bias"]
        np.testing.assert_allclose(y.numpy()[n], expected, rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(weights.numpy()[n], np.mean(shown, axis=0), rtol=1e-11, atol=1e-13)


def test_normalisation():
    x = normal(5, 3, 4)
    batch = nn.BatchNorm1d(3, eps=0.01)
    batch.weight.data, batch.bias.data = np.array([1.0, 2.0, -1.0]), np.array([0.5, 0.0, 3.0])
    for c in range(3):
        expected = (x[:, c] - x[:, c].mean()) / np.sqrt(x[:, c].var() + 0.01)
        expected = expected * batch.weight.numpy()[c] + batch.bias.numpy()[c]
        np.testing.assert_allclose(batch(x).numpy()[:, c], expected, rtol=1e-12, atol=1e-13)
    batch.running_mean, batch.running_var = np.array([1.0, 0.0, -1.0]), np.array([4.0, 1.0, 0.25])
    expected = (x[:, 0] - 1) / np.sqrt(4.01) + 0.5
    np.testing.assert_allclose(batch.eval()(x).numpy()[:, 0], expected, rtol=1e-12, atol=1e-13)
    layer = F.layer_norm(x, (3, 4), eps=0.1)
    for n in range(5):
        np.testing.assert_allclose(layer[n], (x[n] - x[n].mean()) / np.sqrt(x[n].var() + 0.1), rtol=1e-12, atol=1e-13)


WHERE_DEFINITIONS_CHANGE = {  # functions of one number, and the places where their formulas do
    "relu": (F.relu, [0]),
    "leaky_relu": (lambda x: F.leaky_relu(x, 0.2), [0]),
    "elu": (F.elu, [0]),
    "elu, alpha": (lambda x: F.elu(x, 0.7), [0]),
    "silu": (F.silu, [0]),
    "gelu": (F.gelu, [0]),
    "sigmoid": (F.sigmoid, [0]),
    "smooth l1": (lambda x: F.smooth_l1_loss(x, 0 * x + 0.5, beta=0.25), [0.25, 0.5, 0.75]),
    "huber": (lambda x: F.huber_loss(x, 0 * x + 0.5, delta=0.25), [0.25, 0.5, 0.75]),
    "l1": (lambda x: F.l1_loss(x, 0 * x + 0.5), [0.5]),
    "logistic": (lambda x: F.binary_cross_entropy_with_logits(x, 0 * x + 0.25), [0]),
    "softmax": (lambda x: F.softmax(np.stack([x, 0 * x]), dim=0)[0], [0]),
}


@pytest.mark.parametrize("name", WHERE_DEFINITIONS_CHANGE)
def test_where_a_formula_changes_the_derivative_is_between_its_sides(name):
    """Where both slopes are the same, it is that one: half of it, as a shared tie would give, is no derivative."""
    f, places = WHERE_DEFINITIONS_CHANGE[name]
    h = 2.0**-20
    for x in map(np.float64, places):
        left, right = sorted([float((f(x) - f(x - h)) / h), float((f(x + h) - f(x)) / h)])
        for derivative in (tg.grad(f)(x), tg.jvp(f, (x,), (1.0,))[1], tg.compile(tg.grad(f))(x)):
            assert left - 1e-5 <= float(derivative) <= right + 1e-5


@pytest.mark.parametrize("loss", [F.smooth_l1_loss, F.huber_loss])
def test_a_loss_that_is_a_square_near_its_lowest_value_is_one_there(loss):
    assert tg.hessian(lambda x: loss(x, 0 * x + 0.5))(0.5) == 1
    x = np.array([0.5, 0.5 + 1e-9, 3.0, -3.0])
    np.testing.assert_allclose(tg.hessian(lambda x: loss(x, 0 * x + 0.5, "sum"))(x), np.diag([1.0, 1, 0, 0]))
