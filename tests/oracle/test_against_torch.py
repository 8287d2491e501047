"""Every layer and loss of tg.nn against PyTorch: weights copied over, in training and evaluation, forward and backward.

Needs PyTorch: `make oracle` installs it and runs this.
"""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed; `make oracle` installs it and runs this")

import tinygrad_lite as tg  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")  # PyTorch's own


def normal(*shape):
    return lambda rng: rng.normal(size=shape)


# (layer, its arguments, keywords, input); the name is that of both classes.
LAYERS = [
    ("Linear", (3, 4), {}, normal(5, 3)),
    ("Linear", (3, 4), {"bias": False}, normal(2, 5, 3)),
    ("Linear", (3, 4), {}, normal(3)),
    ("Conv1d", (2, 6, 3), {}, normal(5, 2, 8)),
    ("Conv1d", (4, 6, 3), {"stride": 2, "padding": 2, "dilation": 2, "groups": 2}, normal(3, 4, 11)),
    ("Conv1d", (2, 3, 4), {"padding": "same", "dilation": 3}, normal(3, 2, 11)),
    ("Conv2d", (2, 5, 3), {}, normal(3, 2, 8, 6)),
    ("Conv2d", (2, 5, (3, 2)), {"stride": (2, 1), "padding": (1, 2), "bias": False}, normal(3, 2, 8, 6)),
    ("Conv2d", (4, 6, (2, 3)), {"stride": 2, "padding": 1, "dilation": (2, 1), "groups": 2}, normal(3, 4, 9, 8)),
    ("Conv2d", (4, 8, 3), {"groups": 4}, normal(2, 4, 7, 6)),
    ("Conv2d", (3, 4, 1), {"stride": 2}, normal(2, 3, 7, 6)),
    ("Conv2d", (2, 3, 3), {}, normal(2, 6, 5)),
    *[("Conv2d", (2, 3, 3), {"padding": (2, 1), "padding_mode": m}, normal(2, 2, 6, 5))
      for m in ("zeros", "reflect", "replicate", "circular")],
    ("MaxPool2d", (2,), {}, normal(2, 3, 6, 7)),
    ("MaxPool2d", (3,), {"stride": 2, "padding": 1}, normal(2, 3, 6, 7)),
    ("MaxPool2d", ((2, 3),), {"stride": (1, 2), "dilation": (2, 1)}, normal(2, 3, 6, 8)),
    ("MaxPool2d", (3,), {"stride": 2, "ceil_mode": True}, normal(2, 3, 6, 8)),
    ("MaxPool2d", (2,), {"stride": 3, "ceil_mode": True, "padding": 1}, normal(3, 6, 7)),
    ("AvgPool2d", (2,), {}, normal(2, 3, 6, 7)),
    ("AvgPool2d", (3,), {"stride": 2, "padding": 1}, normal(2, 3, 6, 7)),
    ("AvgPool2d", (3,), {"stride": 2, "padding": 1, "count_include_pad": False}, normal(2, 3, 6, 7)),
    ("AvgPool2d", (3,), {"stride": 2, "padding": 1, "ceil_mode": True}, normal(2, 3, 6, 8)),
    ("AvgPool2d", ((3, 2),), {"stride": 2, "ceil_mode": True, "count_include_pad": False}, normal(2, 3, 6, 7)),
    ("AvgPool2d", ((3, 2),), {"divisor_override": 5}, normal(3, 6, 7)),
    ("Embedding", (7, 4), {}, lambda rng: rng.integers(0, 7, (3, 5))),
    ("Embedding", (7, 4), {"padding_idx": 2}, lambda rng: rng.integers(0, 7, (6, 5))),
    ("LayerNorm", (4,), {}, normal(3, 5, 4)),
    ("LayerNorm", ((5, 4),), {"eps": 1e-2, "bias": False}, normal(3, 5, 4)),
    ("LayerNorm", (4,), {"elementwise_affine": False}, normal(3, 4)),
    ("BatchNorm1d", (4,), {}, normal(6, 4)),
    ("BatchNorm1d", (4,), {"momentum": None, "affine": False}, normal(6, 4, 3)),
    ("BatchNorm1d", (4,), {"track_running_stats": False}, normal(6, 4)),
    ("BatchNorm2d", (3,), {"momentum": 0.3, "eps": 1e-3}, normal(5, 3, 4, 2)),
    ("Flatten", (), {}, normal(3, 2, 4)),
    ("Flatten", (0, 1), {}, normal(3, 2, 4)),
    *[(n, (4, 3), {**k, **more}, normal(5, 2, 4))
      for n in ("RNN", "GRU", "LSTM")
      for k in ({}, {"num_layers": 2, "batch_first": True}, {"bidirectional": True, "num_layers": 2, "bias": False})
      for more in ({},)],
    ("RNN", (4, 3), {"nonlinearity": "relu"}, normal(5, 4)),
    ("LSTM", (4, 3), {"num_layers": 2}, normal(5, 4)),
    ("GRU", (4, 3), {}, normal(5, 4)),
    *[(n, (), {}, normal(4, 3)) for n in ("ReLU", "LeakyReLU", "GELU", "SiLU", "ELU", "Tanh", "Sigmoid")],
    ("LeakyReLU", (0.3,), {}, normal(4, 3)),
    ("ELU", (0.7,), {}, normal(4, 3)),
    ("GELU", (), {"approximate": "tanh"}, normal(4, 3)),
    ("Softmax", (1,), {}, normal(4, 3)),
    ("Softmax", (-2,), {}, normal(4, 3)),
    ("LogSoftmax", (0,), {}, normal(4, 3)),
    ("Dropout", (0.0,), {}, normal(4, 3)),
]  # fmt: skip


def test_every_layer_is_compared():
    """Attention has a test of its own, and so have the losses; the others have no numbers."""
    layers = {name for name in tg.nn.__all__ if isinstance(getattr(tg.nn, name), type) and not name.endswith("Loss")}
    without = {"Module", "Sequential", "Identity", "MultiheadAttention"}
    assert layers - without == {name for name, *_ in LAYERS}


def tolerance(dtype):
    return {"rtol": 2e-4, "atol": 2e-5} if dtype == np.float32 else {"rtol": 1e-9, "atol": 1e-11}


def parts(y):
    return [y] if not isinstance(y, tuple) else [p for part in y for p in parts(part) if p is not None]


def numbers(t):
    return t.detach().numpy() if torch.is_tensor(t) else (t.numpy() if isinstance(t, tg.Tensor) else np.asarray(t))


WITH_PARAMETERS = {
    *("Linear", "Conv1d", "Conv2d", "Embedding", "LayerNorm", "BatchNorm1d", "BatchNorm2d"),
    *("RNN", "GRU", "LSTM", "MultiheadAttention"),
}


def build(name, args, keywords, dtype, seed=0):
    """Both layers, with the same weights: PyTorch's state_dict, moved away from 0 and 1."""
    takes_dtype = name in WITH_PARAMETERS
    ours = getattr(tg.nn, name)(*args, **keywords, **({"dtype": dtype} if takes_dtype else {}))
    theirs = getattr(torch.nn, name)(*args, **keywords).to(torch.float32 if dtype == np.float32 else torch.float64)
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for p in [*theirs.parameters(), *(b for b in theirs.buffers() if b.dim())]:
            p += torch.from_numpy(rng.uniform(0, 0.3, tuple(p.shape)).astype(dtype))
    state = {key: value.numpy() for key, value in theirs.state_dict().items()}
    mine = ours.state_dict()
    assert list(mine) == list(state)
    assert {k: v.shape for k, v in mine.items()} == {k: v.shape for k, v in state.items()}
    ours.load_state_dict(state)
    return ours, theirs


def check_same(ours, theirs, inputs, dtype, call=lambda layer, *inputs: layer(*inputs)):
    """Outputs, gradients of inputs and parameters, and buffers."""
    rng = np.random.default_rng(1)
    xs = [tg.Tensor(x, requires_grad=x.dtype.kind == "f") for x in inputs]
    ts = [torch.tensor(x, requires_grad=x.dtype.kind == "f") for x in inputs]
    ys, us = parts(call(ours, *xs)), parts(call(theirs, *ts))
    assert len(ys) == len(us)
    total, expected = 0, 0
    for y, u in zip(ys, us, strict=True):
        assert y.dtype == dtype
        assert y.shape == tuple(u.shape)
        np.testing.assert_allclose(numbers(y), numbers(u), **tolerance(dtype))
        g = rng.normal(size=y.shape).astype(dtype)
        total, expected = total + np.sum(y * g), expected + (u * torch.tensor(g)).sum()
    if not isinstance(total, tg.Tensor) or not total.requires_grad:
        assert not expected.requires_grad
        return
    total.backward()
    expected.backward()
    for x, t in zip(xs, ts, strict=True):
        if t.requires_grad:
            np.testing.assert_allclose(x.grad, t.grad.numpy(), **tolerance(dtype))
    if isinstance(ours, tg.nn.Module):
        for (name, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            assert p.grad.dtype == dtype
            np.testing.assert_allclose(p.grad, q.grad.numpy(), err_msg=name, **tolerance(dtype))
        for (name, value), q in zip(ours.named_buffers(), theirs.buffers(), strict=True):
            np.testing.assert_allclose(value.numpy(), q.numpy(), err_msg=name, **tolerance(dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(("name", "args", "keywords", "make"), LAYERS)
def test_a_layer(name, args, keywords, make, training, dtype):
    ours, theirs = build(name, args, keywords, dtype)
    ours.train(training)
    theirs.train(training)
    x = make(np.random.default_rng(2))
    x = x.astype(dtype) if x.dtype.kind == "f" else x
    check_same(ours, theirs, [x], dtype)
    if training and "Norm" in name:  # the second batch moves on from the first's statistics
        for p in ours.parameters():
            p.grad = None
        theirs.zero_grad()
        check_same(ours, theirs, [(2 * x + 1).astype(dtype)], dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("masks", ["none", "causal", "padding", "numbers", "by head", "both"])
@pytest.mark.parametrize("batch_first", [True, False])
def test_attention(masks, batch_first, dtype):
    ours, theirs = build("MultiheadAttention", (8, 2), {"batch_first": batch_first}, dtype)
    rng = np.random.default_rng(3)
    q, k, v = (rng.normal(size=(3, n, 8)).astype(dtype) for n in (4, 5, 5))
    look = np.triu(np.ones((4, 5), bool), 1)
    padded = np.arange(5) >= np.array([[3], [5], [4]])
    keywords = {
        "none": {},
        "causal": {"attn_mask": look},
        "padding": {"key_padding_mask": padded},
        "numbers": {"attn_mask": rng.normal(size=(4, 5)).astype(dtype)},
        "by head": {"attn_mask": rng.normal(size=(6, 4, 5)).astype(dtype)},
        "both": {"attn_mask": look, "key_padding_mask": padded},
    }[masks]
    if not batch_first:
        q, k, v = (np.swapaxes(x, 0, 1).copy() for x in (q, k, v))

    def call(layer, *inputs):
        convert = torch.tensor if layer is theirs else np.asarray
        return layer(*inputs, **{name: convert(value) for name, value in keywords.items()})

    check_same(ours, theirs, [q, k, v], dtype, call)


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_a_first_state(name):
    ours, theirs = build(name, (4, 3), {"num_layers": 2}, np.float64)
    rng = np.random.default_rng(4)
    inputs = [rng.normal(size=(5, 2, 4)), *(rng.normal(size=(2, 2, 3)) for _ in range(1 + (name == "LSTM")))]
    check_same(ours, theirs, inputs, np.float64, lambda layer, x, *s: layer(x, s if len(s) > 1 else s[0]))


def one_of(n, *shape):
    return lambda rng: rng.integers(0, n, shape)


def between_0_and_1(*shape):
    return lambda rng: rng.uniform(0.05, 0.95, shape)


def shares(*shape):
    return lambda rng: (lambda p: p / p.sum(1, keepdims=True))(rng.uniform(0.1, 1, shape))


WEIGHT = np.array([0.5, 2.0, 1.5, 0.7])
LOSSES = [
    ("mse_loss", {}, normal(4, 3), normal(4, 3)),
    ("l1_loss", {}, normal(4, 3), normal(4, 3)),
    ("smooth_l1_loss", {"beta": 0.5}, normal(4, 3), normal(4, 3)),
    ("huber_loss", {"delta": 0.7}, normal(4, 3), normal(4, 3)),
    ("binary_cross_entropy", {}, between_0_and_1(4, 3), between_0_and_1(4, 3)),
    ("binary_cross_entropy_with_logits", {}, normal(4, 3), between_0_and_1(4, 3)),
    ("binary_cross_entropy_with_logits", {"pos_weight": WEIGHT[:3], "weight": WEIGHT[1:]}, normal(4, 3),
     between_0_and_1(4, 3)),
    ("cross_entropy", {}, normal(5, 4), one_of(4, 5)),
    ("cross_entropy", {}, normal(4, 4), one_of(4, 4)),
    ("cross_entropy", {}, normal(4), one_of(4)),
    ("cross_entropy", {"weight": WEIGHT, "ignore_index": 1}, normal(9, 4), one_of(4, 9)),
    ("cross_entropy", {"weight": WEIGHT, "label_smoothing": 0.2, "ignore_index": 0}, normal(9, 4, 2), one_of(4, 9, 2)),
    ("cross_entropy", {"weight": WEIGHT, "label_smoothing": 0.2}, normal(5, 4, 3), shares(5, 4, 3)),
    ("cross_entropy", {}, normal(5, 4), shares(5, 4)),
    ("nll_loss", {"weight": WEIGHT}, normal(5, 4), one_of(4, 5)),
]  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("name", "keywords", "make_input", "make_target"), LOSSES)
def test_a_loss(name, keywords, make_input, make_target, reduction, dtype):
    rng = np.random.default_rng(5)
    x, target = make_input(rng).astype(dtype), np.asarray(make_target(rng))
    target = target.astype(dtype) if target.dtype.kind == "f" else target
    fixed = {k: v.astype(dtype) if isinstance(v, np.ndarray) else v for k, v in keywords.items()}
    as_torch = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in fixed.items()}
    ours = lambda x: getattr(tg.nn.functional, name)(x, target, reduction=reduction, **fixed)  # noqa: E731
    theirs = lambda x: getattr(torch.nn.functional, name)(  # noqa: E731
        x, torch.tensor(target), reduction=reduction, **as_torch
    )
    check_same(ours, theirs, [x], dtype)


@pytest.mark.parametrize(("name", "args"), [
    ("Linear", (30, 40)), ("Conv1d", (10, 20, 5)), ("Conv2d", (8, 16, 3)), ("Embedding", (50, 40)),
    ("RNN", (20, 30)), ("GRU", (20, 30)), ("LSTM", (20, 30)), ("MultiheadAttention", (24, 4)),
    ("LayerNorm", (9,)), ("BatchNorm1d", (9,)), ("BatchNorm2d", (9,)),
])  # fmt: skip
def test_the_start_has_the_same_distribution(name, args):
    """By their spread and their extremes; constants exactly."""
    ours, theirs = getattr(tg.nn, name)(*args), getattr(torch.nn, name)(*args)
    for key, value in theirs.state_dict().items():
        mine, value = ours.state_dict()[key].astype(float), value.numpy().astype(float)
        if np.ptp(value) == 0:
            np.testing.assert_array_equal(mine, value)
        elif value.size > 200:
            assert abs(np.std(mine) / np.std(value) - 1) < 0.2
            if name != "Embedding":
                assert abs(np.max(np.abs(mine)) / np.max(np.abs(value)) - 1) < 0.2


@pytest.mark.parametrize(
    "name", ["xavier_uniform_", "xavier_normal_", "kaiming_uniform_", "kaiming_normal_", "orthogonal_", "trunc_normal_"]
)
@pytest.mark.parametrize("shape", [(300, 40), (40, 300), (30, 20, 5, 3)])
def test_initialisers_spread_as_theirs(name, shape):
    """Their numbers are others; mean, spread and bounds are the same."""
    ours = getattr(tg.nn.init, name)(np.zeros(shape), rng=np.random.default_rng(0))
    torch.manual_seed(0)
    theirs = getattr(torch.nn.init, name)(torch.zeros(shape, dtype=torch.float64)).numpy()
    np.testing.assert_allclose(ours.std(), theirs.std(), rtol=0.03)
    assert abs(ours.mean() - theirs.mean()) < 0.05 * theirs.std()
    np.testing.assert_allclose(np.quantile(ours, [0.01, 0.99]), np.quantile(theirs, [0.01, 0.99]), rtol=0.1)


@pytest.mark.parametrize("name", ["linear", "conv2d", "sigmoid", "tanh", "relu", "selu", "leaky_relu"])
def test_gains_are_theirs(name):
    assert tg.nn.init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name), rel=1e-15)
