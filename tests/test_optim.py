"""Optimisers: both faces against the formulas written out once more; schedules against their recursions."""

import copy
import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_lite as tg
from tinygrad_lite import optim
from tinygrad_lite.optim import lr_scheduler


@pytest.fixture
def rng():
    return np.random.default_rng(0)


CASES = {
    "SGD": (optim.SGD, {"lr": 0.1}),
    "SGD, momentum": (optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    "SGD, dampening and decay": (optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.2}),
    "SGD, Nesterov, up": (optim.SGD, {"lr": 0.1, "momentum": 0.8, "nesterov": True, "maximize": True}),
    "RMSprop": (optim.RMSprop, {"lr": 0.02}),
    "RMSprop, all of it": (
        optim.RMSprop,
        {"lr": 0.02, "alpha": 0.9, "momentum": 0.7, "centered": True, "weight_decay": 0.1},
    ),
    "Adagrad": (optim.Adagrad, {"lr": 0.1, "lr_decay": 0.05, "initial_accumulator_value": 0.2, "weight_decay": 0.1}),
    "Adam": (optim.Adam, {"lr": 0.05, "betas": (0.8, 0.95), "weight_decay": 0.1}),
    "Adam, amsgrad": (optim.Adam, {"lr": 0.05, "amsgrad": True}),
    "AdamW": (optim.AdamW, {"lr": 0.05, "weight_decay": 0.2, "maximize": True}),
}


def written_out(kind, h, p, gradients):
    """The parameter after each step, from the papers' formulas, number by number."""
    p, found = [float(x) for x in p], []
    memory = [{} for _ in p]
    for t, gs in enumerate(gradients, start=1):
        for i, g in enumerate(map(float, gs)):
            m, x = memory[i], p[i]
            g = -g if h.get("maximize") else g
            if kind is optim.AdamW:
                x *= 1 - h["lr"] * h["weight_decay"]
            else:
                g += h.get("weight_decay", 0) * x
            if kind is optim.SGD:
                if h.get("momentum"):
                    b = g if t == 1 else h["momentum"] * m["b"] + (1 - h.get("dampening", 0)) * g
                    m["b"] = b
                    g = g + h["momentum"] * b if h.get("nesterov") else b
                x -= h["lr"] * g
            elif kind is optim.RMSprop:
                alpha = h.get("alpha", 0.99)
                m["v"] = alpha * m.get("v", 0) + (1 - alpha) * g**2
                m["a"] = alpha * m.get("a", 0) + (1 - alpha) * g
                g /= math.sqrt(m["v"] - (m["a"] ** 2 if h.get("centered") else 0)) + 1e-8
                m["b"] = h.get("momentum", 0) * m.get("b", 0) + g
                x -= h["lr"] * m["b"]
            elif kind is optim.Adagrad:
                m["s"] = m.get("s", h["initial_accumulator_value"]) + g**2
                x -= h["lr"] / (1 + (t - 1) * h["lr_decay"]) * g / (math.sqrt(m["s"]) + 1e-10)
            else:
                b1, b2 = h.get("betas", (0.9, 0.999))
                m["m"] = b1 * m.get("m", 0) + (1 - b1) * g
                m["v"] = b2 * m.get("v", 0) + (1 - b2) * g**2
                m["top"] = max(m.get("top", 0), m["v"])
                v = (m["top"] if h.get("amsgrad") else m["v"]) / (1 - b2**t)
                x -= h["lr"] * m["m"] / (1 - b1**t) / (math.sqrt(v) + 1e-8)
            p[i] = x
        found.append(list(p))
    return found


@pytest.mark.parametrize(("kind", "hyper"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_every_face_takes_the_steps_of_the_formulas(kind, hyper, dtype, rng):
    start = rng.normal(size=3).astype(dtype)
    gradients = [rng.normal(size=3).astype(dtype) for _ in range(6)]
    expected = written_out(kind, hyper, start, gradients)
    t, stateful = tg.Tensor(start, requires_grad=True), None
    stateful = kind([t], **hyper)
    pure = kind(**hyper)
    params, state = {"w": start}, pure.init({"w": start})
    update = tg.compile(lambda params, grads, state: pure.update(params, grads, state))
    compiled, compiled_state = params, state
    tolerance = 1e-12 if dtype is np.float64 else 2e-5
    for g, after in zip(gradients, expected, strict=True):
        t.grad = g
        stateful.step()
        params, state = pure.update(params, {"w": g}, state)
        compiled, compiled_state = update(compiled, {"w": g}, compiled_state)
        assert_allclose(t.data, after, rtol=tolerance, atol=tolerance)
        assert_array_equal(params["w"], t.data)
        assert_allclose(compiled["w"], after, rtol=tolerance, atol=tolerance)
        assert params["w"].dtype == compiled["w"].dtype == t.dtype == dtype
    assert state["step"] == compiled_state["step"] == len(gradients)


def test_counting_steps_does_not_compile_anew():
    opt, traced = optim.Adam(lr=0.1), []

    def step(params, grads, state):
        traced.append(1)
        return opt.update(params, grads, state, lr=schedule(state["step"]))

    schedule = lr_scheduler.CosineAnnealingLR(opt, T_max=5)
    compiled, params = tg.compile(step), {"w": np.ones(3)}
    state = opt.init(params)
    params, state = compiled(params, {"w": np.full(3, 0.5)}, state)
    after_first = len(traced)
    for _ in range(5):
        params, state = compiled(params, {"w": np.full(3, 0.5)}, state)
    assert len(traced) == after_first


@pytest.mark.parametrize("scalar", [np.float64, np.float32, float])
def test_a_scalar_of_numpys_does_not_decide_the_dtype(scalar):
    p = np.ones(2, np.float32)
    opt = optim.SGD(lr=scalar(0.1), momentum=scalar(0.5), weight_decay=scalar(0.5))
    assert opt.update(p, p, opt.init(p), lr=scalar(0.5))[0].dtype == np.float32


@pytest.mark.parametrize("number", [np.float64, np.array])
def test_numbers_of_numpys_in_tuples_and_groups_do_not_decide_the_dtype(number):
    t = tg.Tensor(np.ones(2, np.float32), requires_grad=True)
    opt = optim.Adam([t], betas=(number(0.9), number(0.99)), eps=number(1e-8))
    opt.param_groups[0]["weight_decay"] = number(0.1)
    moved, state = opt.update(t.data, t.data, opt.init(t.data))
    assert (moved.dtype, state["exp_avg"].dtype) == (np.float32, np.float32)
    t.grad = t.numpy()
    opt.step()
    assert_array_equal(t.data, moved)


@pytest.mark.parametrize("target", ["numpy", "c"])
@pytest.mark.parametrize("lr", [0.1, np.float32(0.1), np.array(0.1)], ids=["Python's", "float32", "array"])
@pytest.mark.parametrize("kind", [optim.SGD, optim.RMSprop, optim.Adagrad, optim.AdamW])
def test_a_rate_is_an_argument_of_a_compiled_step(kind, lr, target):
    opt, p = kind(), np.array([1.0, -2.0], np.float32)
    moved, _ = tg.compile(lambda p, lr: opt.update(p, p, opt.init(p), lr=lr), target=target)(p, lr)
    assert moved.dtype == np.float32
    assert_allclose(moved, opt.update(p, p, opt.init(p), lr=0.1)[0], rtol=1e-6)


def test_groups_have_hyperparameters_of_their_own():
    a, b = tg.Tensor([1.0], requires_grad=True), tg.Tensor([1.0], requires_grad=True)
    opt = optim.SGD([{"params": [a]}, {"params": {"b": b}, "lr": 0.5}], lr=0.25)
    a.grad = b.grad = np.array([1.0])
    opt.step()
    assert (a.data, b.data) == (0.75, 0.5)
    opt.zero_grad()
    assert a.grad is None
    opt.step()  # nothing to go along
    assert (a.data, b.data) == (0.75, 0.5)
    with pytest.raises(ValueError, match="given twice"):
        opt.add_param_group({"params": [b]})
    with pytest.raises(TypeError, match="no 'momentun'"):
        opt.add_param_group({"params": [tg.Tensor(1.0, requires_grad=True)], "momentun": 0.9})


def test_a_group_goes_on_with_what_its_own_hyperparameters_remember():
    a, b = tg.Tensor([1.0], requires_grad=True), tg.Tensor([1.0], requires_grad=True)
    opt = optim.SGD([{"params": [a], "momentum": 0.5}, {"params": [b]}], lr=0.25)
    a.grad = b.grad = np.array([1.0])
    opt.step()
    again = optim.SGD([{"params": [a]}, {"params": [b]}], lr=0.25)
    again.load_state_dict(opt.state_dict())
    again.step()
    assert (a.data, b.data) == (0.75 - 0.375, 0.5)
    again.param_groups[1]["momentum"] = 0.5  # from now on
    again.step()
    again.step()
    assert b.data == 0.5 - 0.25 - 0.375
    with pytest.raises(ValueError, match="no 'momentum_buffer'"):
        opt.update(a.data, a.grad, {"step": np.int64(1)}, momentum=0.9)


def test_a_schedule_takes_in_a_group_that_is_added():
    a, b = tg.Tensor([1.0], requires_grad=True), tg.Tensor([1.0], requires_grad=True)
    opt = optim.SGD([a], lr=0.5)
    schedule = lr_scheduler.ExponentialLR(opt, 0.5)
    opt.add_param_group({"params": [b], "lr": 1.0})
    schedule.step()
    assert schedule.get_last_lr() == [0.25, 0.5]


@pytest.mark.parametrize(("kind", "hyper"), CASES.values(), ids=CASES)
def test_a_resumed_run_is_the_uninterrupted_one(kind, hyper, rng):
    gradients = rng.normal(size=(8, 3))
    runs = []
    for interrupted in (False, True):
        t = tg.Tensor(np.arange(3.0), requires_grad=True)
        opt = kind([t], **hyper)
        for i, g in enumerate(gradients):
            if interrupted and i == 4:
                saved = copy.deepcopy(opt.state_dict())
                t = tg.Tensor(t.numpy(), requires_grad=True)
                opt = kind([t], lr=99.0, **{k: v for k, v in hyper.items() if k != "lr"})
                opt.load_state_dict(saved)
            t.grad = g
            opt.step()
        runs.append(t.numpy())
    assert_array_equal(*runs)


def test_a_state_of_other_parameters_is_refused_and_nothing_changes():
    t = tg.Tensor(np.ones(3), requires_grad=True)
    opt = optim.Adam([t])
    t.grad = np.ones(3)
    opt.step()
    before = copy.deepcopy(opt.state_dict())
    other = tg.Tensor(np.ones(2), requires_grad=True)
    wrong = optim.Adam([other])
    other.grad = np.ones(2)
    wrong.step()
    with pytest.raises(ValueError, match=r"exp_avg of parameter 0 has shape \(2,\); \(3,\) is needed"):
        opt.load_state_dict(wrong.state_dict())
    with pytest.raises(ValueError, match="parameter 0"):
        opt.load_state_dict(optim.SGD([t], momentum=0.1).state_dict() | {"state": {0: {"step": np.array(1)}}})
    with pytest.raises(ValueError, match="another optimiser: Adam has no dampening"):  # before a first step, too
        opt.load_state_dict(optim.SGD([t]).state_dict())
    assert_array_equal(opt.state_dict()["state"][0]["exp_avg"], before["state"][0]["exp_avg"])
    assert opt.state_dict()["param_groups"] == before["param_groups"]


def test_squares_that_no_half_holds_are_no_reason_to_stand_still():
    grads = {"a": np.array([300.0, -400.0], np.float16), "b": np.zeros(1, np.float16)}
    clipped, norm = optim.clip_grad_norm(grads, 1.0)
    assert (float(norm), clipped["a"].dtype) == (500.0, np.float16)
    np.testing.assert_allclose(clipped["a"], [0.6, -0.8], rtol=1e-2)


def test_a_norm_that_is_not_finite_makes_every_gradient_nan():
    for bad in (np.inf, -np.inf, np.nan):
        clipped, _ = optim.clip_grad_norm([np.array([bad, 1.0]), np.ones(2)], 1.0)
        assert np.isnan(clipped).all()


@pytest.mark.parametrize("dtype", [np.float64, np.complex64, np.int64])
def test_a_gradient_that_would_make_a_parameter_of_another_dtype_is_refused(dtype):
    p, g = np.ones(2, np.float32), np.ones(2, dtype)
    opt = optim.Adam()
    with pytest.raises(TypeError, match=r"params\['w'\] is float32, but its gradient is .*astype\(float32\)"):
        opt.update({"w": p}, {"w": g}, opt.init({"w": p}))
    moved, _ = opt.update({"w": p}, {"w": np.ones(2, np.float16)}, opt.init({"w": p}))
    assert moved["w"].dtype == np.float32
    if dtype is np.int64:
        with pytest.raises(TypeError, match=r"grads\['w'\] is int64"):
            optim.clip_grad_norm({"w": g}, 1.0)


W = tg.Tensor(np.ones(2), requires_grad=True)
REFUSED = {
    "negative rate": (lambda: optim.SGD([W], lr=-1), r"lr=-1; it must be 0 or more"),
    "nan rate": (lambda: optim.SGD([W], lr=math.nan), r"lr=nan"),
    "beta of one": (lambda: optim.Adam([W], betas=(0.9, 1.0)), r"betas\[1\]=1.0"),
    "Nesterov without momentum": (lambda: optim.SGD([W], nesterov=True), "momentum above 0"),
    "arrays": (lambda: optim.SGD([np.ones(2)]), r"is a ndarray; .step\(\) moves Tensors"),
    "a computed tensor": (lambda: optim.SGD([W * 2]), "was computed"),
    "no gradient wanted": (lambda: optim.SGD([tg.Tensor([1.0])]), "no parameter requires a gradient"),
    "twice": (lambda: optim.SGD([W, W]), "given twice"),
    "nothing": (lambda: optim.SGD([]), "no parameter"),
    "no parameters, step": (lambda: optim.SGD().step(), "made without parameters"),
    "whole numbers": (lambda: optim.SGD().init({"n": np.array([1])}), r"params\['n'\] is int64"),
    "another structure": (lambda: optim.SGD().update([W.data], [W.data] * 2, {"step": np.array(0)}), "structure"),
    "another shape": (
        lambda: optim.SGD().update([np.ones(2)], [np.ones(3)], {"step": np.array(0)}),
        r"params\[0\] has shape \(2,\), but its gradient has shape \(3,\)",
    ),
    "unknown hyperparameter": (lambda: optim.SGD().update(W.data, W.data, {"step": np.array(0)}, rate=1), "no 'rate'"),
    "a schedule of parameters": (lambda: lr_scheduler.StepLR([W], 2), "of an optimiser, not of a list"),
    "rates": (lambda: optim.SGD(lr=np.array([0.1, 0.2])), "it must be a number"),
    "a state of too many": (
        lambda: optim.SGD([W]).load_state_dict({**optim.SGD([W]).state_dict(), "state": {1: {}}}),
        "a state of parameter 1; this optimiser's are 0..0",
    ),
    "a limit below 0": (lambda: optim.clip_grad_value([np.ones(2)], -1), "clip_value=-1; it must be 0 or more"),
    "a norm below 0": (lambda: optim.clip_grad_norm([np.ones(2)], math.nan), "max_norm=nan; it must be 0 or more"),
    "a norm of no order": (lambda: optim.clip_grad_norm([np.ones(2)], 1, 0), "norm_type=0.0 must be above 0"),
    "an iterator at its end": (lambda: optim.clip_grad_norm_(iter([]), 1), "can be gone through once only"),
    "a step too far": (lambda: lr_scheduler.OneCycleLR(optim.Adam(), 1.0, total_steps=3)(4), "it has 3 steps"),
}


@pytest.mark.parametrize(("call", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_refused(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()


def test_clipping_by_the_common_norm_and_by_value(rng):
    grads = {"W": rng.normal(size=(3, 2)), "b": rng.normal(size=4)}
    every = np.concatenate([grads["W"].ravel(), grads["b"]])
    for order in (1, 2, 3, np.inf):
        clipped, norm = optim.clip_grad_norm(grads, 0.5, order)
        assert_allclose(norm, np.linalg.norm(every, order))
        assert_allclose(clipped["W"], grads["W"] * 0.5 / norm, rtol=1e-5)
        small, _ = optim.clip_grad_norm(grads, 1e3, order)
        assert_array_equal(small["b"], grads["b"])
    assert_array_equal(optim.clip_grad_value(grads, 0.3)["b"], np.clip(grads["b"], -0.3, 0.3))
    t = tg.Tensor(np.ones(4), requires_grad=True)
    t.grad = grads["b"].astype(np.float64)
    optim.clip_grad_value_([t, tg.Tensor(1.0, requires_grad=True)], 0.3)
    assert_array_equal(t.grad, np.clip(grads["b"], -0.3, 0.3))
    half = {"W": np.full(3, 2, np.float32)}
    assert optim.clip_grad_norm(half, 1.0)[0]["W"].dtype == np.float32
    with pytest.raises(TypeError, match="no .grad"):
        optim.clip_grad_norm_([np.ones(3)], 1.0)
    with_none = [np.ones(4), np.ones((0, 3))]
    assert optim.clip_grad_norm(with_none, 1.0, "inf")[1] == 1
    net = tg.nn.Linear(2, 1)
    for p in net.parameters():
        p.grad = np.full(p.shape, 3.0)
    assert_allclose(optim.clip_grad_norm_(net, 1.0), math.sqrt(27))
    assert_allclose(optim.clip_grad_norm_([net.weight, net.weight], 9.0), math.sqrt(2 / 3), rtol=1e-5)


SCHEDULES = {
    "StepLR": (lambda opt: lr_scheduler.StepLR(opt, 4, 0.3), lambda t: 0.5 * 0.3 ** (t // 4)),
    "MultiStepLR": (
        lambda opt: lr_scheduler.MultiStepLR(opt, [9, 3], 0.5),
        lambda t: 0.5 * 0.5 ** ((t >= 3) + (t >= 9)),
    ),
    "ExponentialLR": (lambda opt: lr_scheduler.ExponentialLR(opt, 0.9), lambda t: 0.5 * 0.9**t),
    "CosineAnnealingLR": (
        lambda opt: lr_scheduler.CosineAnnealingLR(opt, 7, 0.1),
        lambda t: 0.1 + 0.2 * (1 + math.cos(math.pi * t / 7)),
    ),
    "LinearLR": (lambda opt: lr_scheduler.LinearLR(opt, 0.2, 0.8, 5), lambda t: 0.5 * (0.2 + 0.6 * min(t, 5) / 5)),
    "LambdaLR": (lambda opt: lr_scheduler.LambdaLR(opt, lambda t: 1 / (1 + t)), lambda t: 0.5 / (1 + t)),
    "SequentialLR": (
        lambda opt: lr_scheduler.SequentialLR(
            opt, [lr_scheduler.LinearLR(opt, 0.5, total_iters=4), lr_scheduler.ExponentialLR(opt, 0.9)], [4]
        ),
        lambda t: 0.5 * (0.5 + 0.5 * t / 4) if t < 4 else 0.5 * 0.9 ** (t - 4),
    ),
}


@pytest.mark.parametrize(("make", "expected"), SCHEDULES.values(), ids=SCHEDULES)
def test_schedules_step_by_step_as_functions_and_compiled(make, expected):
    opt = optim.SGD([tg.Tensor([1.0], requires_grad=True)], lr=0.5)
    schedule = make(opt)
    compiled = tg.compile(lambda step: schedule(step))
    for t in range(12):
        assert_allclose(opt.param_groups[0]["lr"], expected(t), rtol=1e-12)
        assert_allclose(schedule(t), expected(t), rtol=1e-12)
        assert_allclose(schedule(np.array(t)), expected(t), rtol=1e-12)
        assert_allclose(compiled(np.array(t)), expected(t), rtol=1e-12)
        schedule.step()
    again = make(optim.SGD(lr=0.5))
    again.load_state_dict(schedule.state_dict())
    assert again.get_last_lr() == schedule.get_last_lr()


def test_one_cycle_does_not_go_up_again():
    schedule = lr_scheduler.OneCycleLR(optim.SGD(momentum=0.9), max_lr=1.0, total_steps=10)
    last = schedule(9)
    for step in (11, np.int64(11)):
        with pytest.raises(ValueError, match="step 11, but it has 10 steps"):
            schedule(step)
    assert_allclose(tg.compile(schedule.rate)(1.0, np.array(15)), last)
    with pytest.raises(ValueError, match="say cycle_momentum=False"):
        schedule.update(np.ones(2), np.ones(2), schedule.init(np.ones(2)))


def test_one_cycle_goes_up_and_down_and_the_momentum_the_other_way():
    opt = optim.Adam([tg.Tensor([1.0], requires_grad=True)])
    schedule = lr_scheduler.OneCycleLR(opt, max_lr=1.0, total_steps=20, pct_start=0.25)
    rates, momenta = [], []
    for _ in range(19):
        rates.append(opt.param_groups[0]["lr"])
        momenta.append(opt.param_groups[0]["betas"][0])
        schedule.step()
    rates.append(opt.param_groups[0]["lr"])
    assert_allclose([rates[0], max(rates), rates[-1]], [0.04, 1.0, 4e-6])
    assert int(np.argmax(rates)) == int(np.argmin(momenta)) == 4
    assert np.all(np.diff(rates[:5]) > 0)
    assert np.all(np.diff(rates[4:]) < 0)
    schedule.step()  # after the last step of a loop
    with pytest.raises(ValueError, match="20 steps"):
        schedule.step()


def test_a_model_trains_in_a_compiled_step(rng):
    X = rng.normal(size=(3, 40))
    Y = (rng.normal(size=(2, 3)) @ X > 0) * 1.0
    params = {"W": np.zeros((2, 3)), "b": np.zeros((2, 1))}
    opt = optim.AdamW(lr=0.1)

    def cost(params):
        return tg.binary_cross_entropy_with_logits(params["W"] @ X + params["b"], Y)

    @tg.compile
    def step(params, state):
        J, grads = tg.value_and_grad(cost)(params)
        grads, _ = optim.clip_grad_norm(grads, 1.0)
        return J, *opt.update(params, grads, state)

    state, costs = opt.init(params), []
    for _ in range(100):
        J, params, state = step(params, state)
        costs.append(float(J))
    assert costs[-1] < 0.2 * costs[0]


@pytest.mark.parametrize("shapes", [((3, 1), (3, 4)), ((3, 4), (3, 1)), ((), (4,))], ids=str)
@pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adagrad", "Adam", "AdamW"])
def test_a_state_of_other_shapes_is_refused(name, shapes):
    """NumPy would broadcast it, and the parameters with it."""
    before, after = shapes
    opt = getattr(tg.optim, name)(lr=0.1, **({"momentum": 0.9} if name in ("SGD", "RMSprop") else {}))
    state = opt.init({"w": np.ones(before)})
    with pytest.raises(ValueError, match=r"the state's \w+ has shape .* for params\['w'\]"):
        opt.update({"w": np.ones(after)}, {"w": np.ones(after)}, state)


def _replace_array(net):
    net[0].weight = np.ones((1, 2))


def _replace_layer(net):
    net[0].inner = tg.nn.Linear(2, 1)


def _replace_in_a_list(net):
    net[0].parts = [net[0].parts[0], np.ones(1)]


class _Parts(tg.nn.Module):
    def __init__(self):
        self.weight, self.inner, self.parts = np.zeros((1, 2)), tg.nn.Linear(2, 1), [np.zeros(1), np.zeros(1)]

    def forward(self, x):
        return self.inner(x) + x @ self.weight.T + self.parts[0] * self.parts[1]


@pytest.mark.parametrize("replace", [_replace_array, _replace_layer, _replace_in_a_list])
def test_a_step_does_not_pass_over_parameters_that_took_the_place_of_its_own(replace):
    net = tg.nn.Sequential(_Parts())
    old = optim.SGD(net.parameters(), lr=0.1)
    replace(net)
    new = optim.SGD(net.parameters(), lr=0.1)
    np.sum(net(np.ones((3, 2)))).backward()
    new.step()
    with pytest.raises(ValueError, match="given another in its place"):
        old.step()


def test_replacing_a_parameter_is_no_matter_to_an_optimiser_that_does_not_miss_it():
    net, other = _Parts(), _Parts()
    opt = optim.SGD([*net.parameters(), *other.parameters()], lr=0.1)
    net.weight = net.weight  # the same again
    net.parts = list(net.parts)
    weight, net.weight = net.weight, np.ones((1, 2))
    net.weight = weight  # put back, and then frozen
    net.weight.requires_grad = False
    np.sum(net(np.ones((3, 2)))).backward()
    opt.step()  # those of `other` are without a gradient, and where they were
    with pytest.raises(TypeError, match="is trained, and an array of int64 would not be"):
        net.inner.weight = np.array([[1, 2]])
