"""The network over Dask arrays: the same gradients as on one machine, also when a worker is killed on the way."""

from __future__ import annotations

import os
import signal
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from models import cli, two_layer

pytest.importorskip("dask.array")

from models import two_layer_dask
from models.two_layer_manual import initialise

pytestmark = pytest.mark.thorough


def in_memory(m: int, chunk: int, n_x: int) -> tuple[Any, Any]:
    X, Y = two_layer_dask.examples(m, chunk, n_x)
    return X.compute(scheduler="sync"), Y.compute(scheduler="sync")


@pytest.mark.parametrize("activation", list(two_layer.ACTIVATIONS))
def test_gradients_are_those_of_one_machine(activation: str) -> None:
    X, Y = two_layer_dask.examples(m=103, chunk=10, n_x=3)
    params = initialise(n_x=3, n_h=5, n_y=1, scale=0.7)
    J, grads = two_layer_dask.cost_and_gradients(X, Y, activation)(params)
    here = in_memory(103, 10, 3)
    expected, by_name = tg.value_and_grad(lambda p: two_layer.cost(p, *here, activation))(params)
    np.testing.assert_allclose(J, expected, rtol=1e-13)
    assert set(grads) == set(params)
    for name, g in grads.items():
        assert type(g) is np.ndarray
        np.testing.assert_allclose(g, by_name[name], rtol=1e-11, atol=1e-15)


def test_the_examples_are_the_same_every_time_and_lazy() -> None:
    X, Y = two_layer_dask.examples(m=25, chunk=10, n_x=2)
    assert X.chunks == ((2,), (10, 10, 5))
    assert Y.chunks == ((1,), (10, 10, 5))
    (first, y), (again, _) = in_memory(25, 10, 2), in_memory(25, 10, 2)
    np.testing.assert_array_equal(first, again)
    assert set(np.unique(y)) == {0.0, 1.0}
    assert len(np.unique(first[0])) == 25  # each chunk has numbers of its own


def test_training_is_that_of_one_machine() -> None:
    X, Y = two_layer_dask.examples(m=60, chunk=16, n_x=2)
    run = two_layer_dask.train(X, Y, iterations=5)
    data = two_layer.Dataset("here", *in_memory(60, 16, 2))
    expected = two_layer.train(data, iterations=5)
    np.testing.assert_allclose(run.costs, expected.costs, rtol=1e-12)


def test_a_missing_dask_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(__import__("sys").modules, "dask.array", None)
    assert cli.run(two_layer_dask.main, []) == 2
    assert capsys.readouterr().err == "error: arrays in chunks need Dask: pip install 'tinygrad_lite[scale]'\n"


@pytest.mark.slow
def test_a_worker_that_is_killed_on_the_way() -> None:
    """Two processes, each with less memory than the data have; one dies in the second step and is replaced."""
    pytest.importorskip("distributed")
    m, chunk, n_x, steps = 2_400_000, 50_000, 20, 3
    X, Y = two_layer_dask.examples(m, chunk, n_x)
    killed: list[int] = []
    with two_layer_dask.cluster(None, workers=2, memory="350MB") as client:
        limits = [worker["memory_limit"] for worker in client.scheduler_info()["workers"].values()]
        assert len(limits) == 2
        assert X.nbytes > max(limits)

        def kill_one(i: int, J: float, params: Any) -> None:
            if i == 1:
                pids = list(client.run(os.getpid).values())
                os.kill(pids[0], signal.SIGKILL)
                killed.append(pids[0])

        run = two_layer_dask.train(X, Y, 4, iterations=steps, watch=kill_one)
    assert killed
    expected = two_layer_dask.train(X, Y, 4, iterations=steps)  # in this process, chunk by chunk
    np.testing.assert_allclose(run.costs, expected.costs, rtol=1e-12)
    for name, value in run.params.items():
        np.testing.assert_allclose(value, expected.params[name], rtol=1e-10, atol=1e-14)
