"""Every layer: gradients, formulas, compiled, and what is refused. (Against PyTorch: tests/oracle.)"""

import math

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import nn
from tinygrad_lite.nn import functional as F

pytestmark = pytest.mark.thorough


def rng():
    return np.random.default_rng(0)


def normal(*shape):
    return np.random.default_rng(7).normal(size=shape)


LAYERS = [
    (lambda: nn.Linear(3, 4, rng=rng()), normal(2, 5, 3)),
    (lambda: nn.Conv1d(4, 6, 3, stride=2, padding=2, dilation=2, groups=2, rng=rng()), normal(2, 4, 9)),
    (lambda: nn.Conv2d(2, 3, (3, 2), stride=(2, 1), padding=(1, 2), rng=rng()), normal(2, 2, 5, 4)),
    (lambda: nn.Conv2d(2, 4, 2, groups=2, dilation=2, padding="same", rng=rng()), normal(2, 2, 5, 4)),
    (lambda: nn.MaxPool2d(2, padding=1), normal(2, 3, 5, 4)),
    (lambda: nn.AvgPool2d(3, stride=2, padding=1, ceil_mode=True), normal(2, 3, 5, 6)),
    (lambda: nn.LayerNorm((3, 4)), normal(2, 3, 4)),
    (lambda: nn.BatchNorm1d(3).eval(), normal(4, 3)),
    (lambda: nn.BatchNorm2d(3, track_running_stats=False), normal(4, 3, 2, 5)),
    (lambda: nn.RNN(3, 2, num_layers=2, rng=rng()), normal(4, 2, 3)),
    (lambda: nn.GRU(3, 2, batch_first=True, rng=rng()), normal(2, 4, 3)),
    (lambda: nn.LSTM(3, 2, bidirectional=True, rng=rng()), normal(3, 2, 3)),
    (lambda: nn.MultiheadAttention(4, 2, rng=rng()), normal(3, 2, 4)),
    (lambda: nn.GELU(), normal(4, 3)),
    (lambda: nn.SiLU(), normal(4, 3)),
    (lambda: nn.ELU(0.7), normal(4, 3)),
    (lambda: nn.Softmax(0), normal(4, 3)),
    (lambda: nn.LogSoftmax(0), normal(4, 3)),
    (lambda: nn.ReLU(), normal(4, 3)),
    (lambda: nn.LeakyReLU(0.3), normal(4, 3)),
    (lambda: nn.Tanh(), normal(4, 3)),
    (lambda: nn.Sigmoid(), normal(4, 3)),
    (lambda: nn.Flatten(), normal(4, 3, 2)),
]


TESTED_ELSEWHERE = {"Module", "Sequential", "Identity", "Embedding", "Dropout"}  # and losses, below


def test_every_layer_is_here():
    here = {type(make()).__name__ for make, _ in LAYERS}
    layers = {name for name in nn.__all__ if isinstance(getattr(nn, name), type) and not name.endswith("Loss")}
    assert layers - here == TESTED_ELSEWHERE


def first(layer, x):
    y = layer(x, x, x) if isinstance(layer, nn.MultiheadAttention) else layer(x)
    return y[0] if isinstance(y, tuple) else y


@pytest.mark.parametrize(("make", "x"), LAYERS, ids=lambda p: getattr(p, "shape", None) and "x")
def test_gradients_and_the_compiled_layer(make, x):
    layer = make()
    if list(layer.parameters()):
        tg.testing.check_gradients(first, layer, x)
    else:
        tg.testing.check_gradients(lambda x: first(layer, x), x)
    g = np.random.default_rng(3).normal(size=first(layer, x).shape)

    def both(layer, x):
        return tg.value_and_grad(lambda layer, x: np.sum(first(layer, x) * g), argnums=(0, 1))(layer, x)

    if list(layer.parameters()):
        value, (dlayer, dx) = tg.compile(both)(layer, x)
        expected, (dlayer_expected, dx_expected) = both(layer, x)
        np.testing.assert_allclose(value, expected)
        np.testing.assert_allclose(dx, dx_expected, atol=1e-12)
        for a, b in zip(dlayer.parameters(), dlayer_expected.parameters(), strict=True):
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), atol=1e-12)
    narrow = make().float()
    assert first(narrow, x.astype(np.float32)).dtype == np.float32


def test_a_convolution_is_its_sum():
    x, w = normal(2, 3, 6, 5), normal(4, 3, 2, 3)
    y = F.conv2d(x, w, stride=(2, 1), padding=(0, 1))
    padded = np.zeros((2, 3, 6, 7))
    padded[..., 1:-1] = x
    expected = np.zeros((2, 4, 3, 5))
    for n, o, i, j in np.ndindex(*expected.shape):
        expected[n, o, i, j] = np.sum(padded[n, :, 2 * i : 2 * i + 2, j : j + 3] * w[o])
    np.testing.assert_allclose(y, expected)


def test_the_normal_distribution_without_scipy(monkeypatch):
    x = np.linspace(-9, 9, 41)
    expected = [0.5 * math.erfc(-v / math.sqrt(2)) for v in x]
    np.testing.assert_allclose(F.gelu(x), x * expected, rtol=1e-13, atol=1e-300)
    monkeypatch.setitem(__import__("sys").modules, "scipy.special", None)
    np.testing.assert_allclose(F.gelu(x), x * expected, rtol=1e-13, atol=1e-300)
    assert F.gelu(x.astype(np.float32)).dtype == np.float32


def test_running_statistics():
    norm, x = nn.BatchNorm1d(3), normal(5, 3)
    tg.grad(lambda x: np.sum(norm(x) ** 3))(x)
    np.testing.assert_allclose(norm.running_mean.numpy(), 0.1 * x.mean(0))
    np.testing.assert_allclose(norm.running_var.numpy(), 0.9 + 0.1 * x.var(0, ddof=1))
    assert norm.num_batches_tracked.item() == 1
    before = norm.state_dict()
    norm.eval()(x)
    assert all(np.array_equal(a, before[name]) for name, a in norm.state_dict().items())


def test_running_statistics_of_a_compiled_step():
    net, x = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)), normal(5, 3)

    @tg.compile
    def step(net, buffers, x):
        def loss(net):
            y, new = nn.call_with_buffers(net, buffers, x)
            return np.mean(y**3), new

        return tg.value_and_grad(loss, has_aux=True)(net)

    buffers = nn.buffers(net)
    for _ in range(3):
        (_, buffers), _ = step(net, buffers, x)
    assert not np.any(net[1].running_mean.numpy())
    assert len(step._kinds) == 1
    for _ in range(3):
        net(x)
    for name, value in net.named_buffers():
        np.testing.assert_allclose(buffers[name], value.numpy())
    net.load_state_dict(buffers, strict=False)
    with pytest.raises(KeyError, match="buffers are"):
        nn.call_with_buffers(net, {}, x)


def test_dropout():
    x = normal(200, 100)
    drop = nn.Dropout(0.3, rng=rng())
    y = drop(x)
    kept = y != 0
    assert abs(kept.mean() - 0.7) < 0.02
    np.testing.assert_allclose(y[kept], x[kept] / 0.7)
    np.testing.assert_array_equal(nn.Dropout(0.3, rng=rng())(x), y)
    assert drop.eval()(x) is x
    assert not np.any(nn.Dropout(1.0)(x))
    t = tg.Tensor(x, requires_grad=True)
    drop.train()
    np.sum(drop(t) * x).backward()
    assert abs((t.grad == 0).mean() - 0.3) < 0.02
    with pytest.raises(tg.TraceError, match="mask"):
        tg.compile(drop)(x)
    mask = rng().random(x.shape) >= 0.3
    compiled = tg.compile(lambda x, mask: F.dropout(x, 0.3, mask=mask))
    np.testing.assert_allclose(compiled(x, mask), y)
    with pytest.raises(TypeError, match=r"np\.random\.Generator"):
        nn.Dropout(0.3, rng=0)


def test_attention_that_may_look_nowhere_is_0():
    x = normal(2, 3, 4)
    y = F.scaled_dot_product_attention(x, x, x, attn_mask=np.array([[True, False, True], [False] * 3, [True] * 3]))
    assert not np.any(y[:, 1])
    causal = F.scaled_dot_product_attention(x, x, x, is_causal=True)
    np.testing.assert_allclose(causal[:, 0], x[:, 0])


def attention():
    return nn.MultiheadAttention(4, 2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.Linear(3, 4)(normal(5, 4)), ValueError, "3 features"),
        (lambda: nn.Linear(0, 4), ValueError, "in_features must be"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "not divisible"),
        (lambda: nn.Conv2d(3, 4, 3, padding="full")(normal(1, 3, 5, 5)), ValueError, "'full'"),
        (lambda: nn.Conv2d(3, 4, 3, stride=2, padding="same")(normal(1, 3, 5, 5)), ValueError, "stride of 1"),
        (lambda: nn.Conv2d(3, 4, 3)(normal(2, 5, 5, 3)), ValueError, "do not fit"),
        (lambda: nn.Conv2d(3, 4, 6)(normal(2, 3, 5, 5)), ValueError, "larger than"),
        (lambda: nn.Conv2d(3, 4, 3, padding_mode="mirror"), ValueError, "padding_mode"),
        (lambda: nn.MaxPool2d(2, padding=2)(normal(1, 1, 4, 4)), ValueError, "at most half"),
        (lambda: nn.Embedding(3, 2)(np.array([3])), IndexError, r"0\.\.2"),
        (lambda: nn.Embedding(3, 2)(np.array([-1])), IndexError, r"0\.\.2"),
        (lambda: nn.Embedding(3, 2)(np.array([1.0])), TypeError, "whole numbers"),
        (lambda: F.embedding(np.array([1]), normal(3, 2), padding_idx=3), ValueError, "padding_idx=3 lies outside"),
        (lambda: nn.Flatten(2, 1)(normal(2, 3, 4)), ValueError, r"2\.\.1"),
        (lambda: nn.Flatten(3)(normal(2, 3)), ValueError, r"axes 3\.\.-1 of an array \(2, 3\)"),
        (lambda: nn.Flatten()(np.array(1.0)), ValueError, r"axes 1\.\.-1 of an array \(\)"),
        (lambda: nn.LayerNorm(3)(normal(2, 4)), ValueError, "normalized_shape"),
        (lambda: nn.BatchNorm1d(3)(normal(1, 3)), ValueError, "one value"),
        (lambda: nn.BatchNorm2d(3)(normal(4, 3)), ValueError, "4 axes"),
        (lambda: nn.GRU(3, 2)(normal(4, 2, 5)), ValueError, "input_size=3"),
        (lambda: nn.GRU(3, 2)(normal(4, 2, 3), normal(1, 3, 2)), ValueError, "first state"),
        (lambda: nn.RNN(3, 2, nonlinearity="sin"), ValueError, "nonlinearity"),
        (lambda: nn.MultiheadAttention(5, 2), ValueError, "not divisible"),
        (lambda: nn.Dropout(1.5), ValueError, r"0\.\.1"),
        (lambda: nn.Softmax()(normal(2, 3)), ValueError, "name the axis"),
        (lambda: nn.GELU("sigmoid")(normal(2)), ValueError, "approximate"),
        (lambda: nn.MSELoss()(normal(4), normal(4, 1)), ValueError, "same shape"),
        (lambda: nn.MSELoss("average"), ValueError, "reduction"),
        (lambda: F.mse_loss(normal(0), normal(0)), ValueError, "no examples"),
        (lambda: F.cross_entropy(normal(2, 3), np.array([0, 3])), ValueError, r"holds 3.*0\.\.2"),
        (lambda: F.cross_entropy(normal(2, 3), np.array([0, 1, 2])), ValueError, r"must be \(2,\)"),
        (lambda: F.cross_entropy(normal(2, 3), np.array([0.0, 1.0])), TypeError, "whole numbers"),
        (lambda: F.binary_cross_entropy(normal(2, 3), np.ones((2, 3))), ValueError, "logits"),
        (
            lambda: F.binary_cross_entropy(np.ones(2) / 2, np.array([-1, 1])),
            ValueError,
            r"labels in target lie in -1\.\.1",
        ),
        (lambda: F.binary_cross_entropy_with_logits(normal(2), np.array([1, 2])), ValueError, r"labels .* 1\.\.2"),
        (lambda: nn.BCEWithLogitsLoss(np.ones(4))(normal(4, 1), np.ones((4, 1))), ValueError, "weight .* broadcast"),
        (lambda: nn.BCEWithLogitsLoss(pos_weight=np.ones(4))(normal(4, 1), np.ones((4, 1))), ValueError, "pos_weight"),
        (
            lambda: F.cross_entropy(normal(2, 3), np.array([0, 1]), label_smoothing=1.5),
            ValueError,
            r"must lie in 0\.\.1",
        ),
        (lambda: F.cross_entropy(normal(2, 4), np.array([0, 1]), np.ones((2, 2))), ValueError, r"must be \(4,\)"),
        (lambda: F.nll_loss(normal(2, 4), np.array([0, 1]), np.ones(1)), ValueError, r"must be \(4,\)"),
        (lambda: F.cross_entropy(normal(0, 3), np.zeros(0, int)), ValueError, "no examples"),
        (lambda: F.cross_entropy(normal(0, 3), normal(0, 3)), ValueError, "no examples"),
        (lambda: F.linear(normal(4, 3), normal(4, 3), normal(4, 1)), ValueError, r"bias \(4, 1\) must be .* \(out,\)"),
        (lambda: F.linear(normal(4, 3), normal(3)), ValueError, r"weight \(3,\) and bias None must be"),
        (lambda: F.layer_norm(normal(2, 3, 4), (3, 4), normal(4)), ValueError, r"weight \(4,\) must have the shape"),
        (lambda: F.dropout(normal(3), mask=np.ones((2, 3), bool)), ValueError, "must have the shape of x"),
        (lambda: F.scaled_dot_product_attention(*[normal(2, 3)] * 3, np.ones((2, 2), int)), TypeError, "mask is int64"),
        (lambda: attention()(*[normal(2, 1, 4)] * 3, np.zeros((1, 2), int)), TypeError, "a mask is int64"),
        (lambda: attention()(*[normal(2, 1, 4)] * 3, attn_mask=[[False] * 2] * 2), TypeError, "give an array"),
        (lambda: nn.LSTM(3, 2)(normal(4, 2, 3), (normal(1, 2, 2),)), ValueError, "has 2 parts, not 1"),
        (lambda: nn.GRU(3, 2)(normal(4, 2, 3), (normal(1, 2, 2),)), TypeError, "GRU, first state: give an array"),
    ],
)
def test_what_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


LOSSES = [
    lambda x: F.mse_loss(x, normal(4, 3)),
    lambda x: F.smooth_l1_loss(x, np.zeros((4, 3)), beta=0.3),
    lambda x: F.cross_entropy(x, np.array([0, 2, 1, -100]), weight=np.array([1.0, 0.5, 2.0]), label_smoothing=0.1),
    lambda x: F.nll_loss(F.log_softmax(x, 1), np.array([0, 2, 1, 1]), reduction="none"),
    lambda x: F.binary_cross_entropy_with_logits(x, np.full((4, 3), 0.3), pos_weight=np.array([1.0, 2.0, 3.0])),
    lambda x: F.binary_cross_entropy(F.sigmoid(x), np.full((4, 3), 0.3)),
]


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_of_losses(loss):
    tg.testing.check_gradients(loss, normal(4, 3))
    np.testing.assert_allclose(tg.compile(loss)(normal(4, 3)), loss(normal(4, 3)))


@pytest.mark.parametrize("loss", [F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss, tg.mean_squared_error])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint64, bool])
def test_losses_of_whole_numbers_do_not_wrap_around(loss, dtype):
    a, b = np.array([0, 1, 120]).astype(dtype), np.array([1, 0, 20]).astype(dtype)
    assert loss(a, b) == loss(a.astype(float), b.astype(float))
    assert tg.compile(loss)(a, b) == loss(a, b)


def test_whole_numbers_are_pooled_beyond_the_edge_and_scaled_where_kept():
    x = np.arange(16).reshape(1, 1, 4, 4) - 5
    for dtype in (np.int64, np.int8):
        np.testing.assert_array_equal(
            F.max_pool2d(x.astype(dtype), 3, 2, 1, ceil_mode=True),
            F.max_pool2d(x.astype(float), 3, 2, 1, ceil_mode=True),
        )
    np.testing.assert_array_equal(F.dropout(np.array([4, 8]), 0.2, mask=np.array([True, False])), [5, 0])


def test_a_row_of_padding_is_counted_from_the_end_too():
    gradient = tg.grad(lambda W: np.sum(F.embedding(np.array([2, 0]), W, padding_idx=-1)))(normal(3, 2))
    np.testing.assert_array_equal(gradient, [[1, 1], [0, 0], [0, 0]])


def test_losses_as_modules():
    x, labels, weight = normal(4, 3), np.array([0, 2, 1, 1]), np.array([1.0, 0.5, 2.0])
    criterion = nn.CrossEntropyLoss(weight=weight, label_smoothing=0.1)
    assert criterion(x, labels) == F.cross_entropy(x, labels, weight, label_smoothing=0.1)
    assert not list(criterion.parameters())
    assert nn.L1Loss(reduction="sum")(x, x + 1) == pytest.approx(12)
    with_infinity = np.array([[0.0, -np.inf, 1.0]])
    gradient = tg.grad(lambda x: F.cross_entropy(x, np.array([2])))(with_infinity)
    assert np.all(np.isfinite(gradient))
