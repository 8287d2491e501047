"""Every optimiser and schedule against PyTorch's, step by step. `make oracle` installs PyTorch and runs this."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

torch = pytest.importorskip("torch", reason="PyTorch is not installed; `make oracle` installs it and runs this")

import tinygrad_lite as tg  # noqa: E402
from tests.test_optim import CASES  # noqa: E402
from tinygrad_lite import optim  # noqa: E402

pytestmark = pytest.mark.slow


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize(("kind", "hyper"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_same_steps_as_pytorch(kind, hyper, dtype, rng):
    arrays = [rng.normal(size=(3, 4)).astype(dtype), rng.normal(size=5).astype(dtype)]
    mine = [tg.Tensor(x, requires_grad=True) for x in arrays]
    theirs = [torch.tensor(x, requires_grad=True) for x in arrays]
    opt, peer = kind(mine, **hyper), getattr(torch.optim, kind.__name__)(theirs, **hyper)
    for _ in range(12):
        for p, t in zip(mine, theirs, strict=True):
            p.grad = rng.normal(size=p.shape).astype(dtype)
            t.grad = torch.tensor(p.grad)
        opt.step()
        peer.step()
        for p, t in zip(mine, theirs, strict=True):
            tolerance = 1e-12 if dtype == "float64" else 1e-5
            assert_allclose(p.data, t.detach().numpy(), rtol=tolerance, atol=tolerance)


SCHEDULES = [
    ("StepLR", {"step_size": 4, "gamma": 0.3}),
    ("MultiStepLR", {"milestones": [3, 9], "gamma": 0.5}),
    ("ExponentialLR", {"gamma": 0.9}),
    ("CosineAnnealingLR", {"T_max": 7, "eta_min": 0.01}),
    ("LinearLR", {"start_factor": 0.2, "total_iters": 6}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 20}),
    ("OneCycleLR", {"max_lr": 1.0, "total_steps": 21, "anneal_strategy": "linear", "three_phase": True}),
    ("OneCycleLR", {"max_lr": 1.0, "epochs": 3, "steps_per_epoch": 7, "pct_start": 0.4, "cycle_momentum": False}),
]


@pytest.mark.parametrize(("name", "options"), SCHEDULES)
def test_the_same_rates_as_pytorch(name, options):
    opt = optim.SGD([tg.Tensor([1.0], requires_grad=True)], lr=0.5, momentum=0.9)
    peer = torch.optim.SGD([torch.tensor([1.0], requires_grad=True)], lr=0.5, momentum=0.9)
    schedule = getattr(optim.lr_scheduler, name)(opt, **options)
    theirs = getattr(torch.optim.lr_scheduler, name)(peer, **options)
    for _ in range(20):
        for key in ("lr", "momentum"):
            assert_allclose(opt.param_groups[0][key], peer.param_groups[0][key], rtol=1e-12, atol=1e-15)
        peer.step()
        schedule.step()
        theirs.step()
