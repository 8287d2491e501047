"""The network of ``two_layer`` on a Dask cluster: the same code, over data that no worker could hold.

The examples are columns, and the columns come in chunks. ``two_layer.cost`` is given Dask arrays in place of NumPy's,
and its gradient, by the same rules, is a Dask graph: each chunk's part is computed where the chunk is, and the parts
are added up. What travels is the parameters and the gradients.

    python -m models.two_layer_dask --examples 4000000 --memory 300MB
    python -m models.two_layer_dask --scheduler tcp://10.0.0.5:8786

Without ``--scheduler`` the cluster is this machine's: ``--workers`` processes, each with ``--memory``. The data are
made up where they are needed, chunk by chunk, and are the same every time; a chunk of a file would be read there
(``da.from_zarr``, ``da.from_npy_stack``). If a worker is lost, Dask makes its chunks again elsewhere, and the result
is the same. Needs Dask (``pip install 'tinygrad_lite[scale]'``).

>>> X, Y = examples(m=10, chunk=4, n_x=2)
>>> X.shape, X.chunks[1], Y.shape
((2, 10), (4, 4, 2), (1, 10))
"""

import importlib
import logging
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter
from types import ModuleType
from typing import Any

import numpy as np

import tinygrad_lite as tg
from models import cli, plotting, two_layer
from models.datasets import accuracy
from models.terminal import Table, say
from models.training import Run, gradient_descent
from models.two_layer_manual import Array, Params, initialise

SEED = 7
"""Of the made-up examples."""


def inputs(block_id: tuple[int, int], m: int, chunk: int, n_x: int) -> Array:
    """The columns of one chunk: uniform in -1..1."""
    count = min(chunk, m - block_id[1] * chunk)
    return np.random.default_rng((SEED, block_id[1])).uniform(-1, 1, (n_x, count))


def labels(X: Array) -> Array:
    """What is to be learned, of shape (1, m): whether a column lies above a wave in its first two entries."""
    return (X[1:2] > 0.6 * np.sin(3 * X[0:1])).astype(float)


def examples(m: int, chunk: int, n_x: int) -> tuple[Any, Any]:
    """``X (n_x, m)`` and ``Y (1, m)`` as Dask arrays in chunks of whole columns; nothing is made yet."""
    da = dask_array()
    sizes = (*(chunk,) * (m // chunk), *((m % chunk,) if m % chunk else ()))
    X = da.map_blocks(inputs, m=m, chunk=chunk, n_x=n_x, chunks=((n_x,), sizes), dtype=float, meta=np.empty((0, 0)))
    return X, da.map_blocks(labels, X, chunks=((1,), sizes), dtype=float, meta=np.empty((0, 0)))


def cost_and_gradients(
    X: Any, Y: Any, activation: str = "tanh"
) -> Callable[[Params], tuple[float, Mapping[str, Array]]]:
    """The cost and its gradients by the parameters, computed on whatever cluster is connected."""
    dask_array()
    compute_all: Any = importlib.import_module("dask").compute
    lazily = tg.value_and_grad(lambda p: two_layer.cost(p, X, Y, activation))

    def compute(params: Params) -> tuple[float, Mapping[str, Array]]:
        J, grads = compute_all(*lazily(params))
        return float(J), grads

    return compute


def train(
    X: Any,
    Y: Any,
    n_h: int = 4,
    *,
    activation: str = "tanh",
    learning_rate: float = 1.2,
    iterations: int = 50,
    seed: int = 2,
    label: str | None = None,
    watch: Callable[[int, float, Params], None] | None = None,
) -> Run:
    """``two_layer.train`` over Dask arrays."""
    return gradient_descent(
        cost_and_gradients(X, Y, activation),
        initialise(n_x=X.shape[0], n_h=n_h, n_y=Y.shape[0], seed=seed),
        learning_rate=learning_rate,
        iterations=iterations,
        label=label,
        watch=watch,
    )


@contextmanager
def cluster(scheduler: str | None, workers: int, memory: str) -> Iterator[Any]:
    """A client of the scheduler at that address; without one, of so many new processes on this machine."""
    try:
        distributed: Any = importlib.import_module("distributed")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("a cluster needs Dask: pip install 'tinygrad_lite[scale]'") from error
    if scheduler is not None:
        with distributed.Client(scheduler) as client:
            yield client
        return
    # After Ctrl-C, computations that are given up and workers that are ended while they work are no news.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    options = {
        "silence_logs": logging.ERROR,
        "threads_per_worker": 1,
        "processes": True,
        "memory_limit": memory,
        "dashboard_address": None,
    }
    with deaf_to_ctrl_c():
        started = distributed.LocalCluster(n_workers=workers, **options)
    with started as local, distributed.Client(local) as client:
        yield client


@contextmanager
def deaf_to_ctrl_c() -> Iterator[None]:
    """Processes that are started meanwhile never hear of Ctrl-C; this one, which ends them, answers it afterwards."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def dask_array() -> ModuleType:
    """``dask.array``; where it is missing, an error that says how to get it."""
    try:
        import dask.array
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("arrays in chunks need Dask: pip install 'tinygrad_lite[scale]'") from error
    module: ModuleType = dask.array
    return module


def parser() -> cli.Parser:
    """The program's flags."""
    flags = cli.parser("two_layer_dask", "Train the network with one hidden layer on a Dask cluster.")
    flags.add_argument("--examples", type=cli.positive_int, metavar="M", default=400_000, help="columns of data")
    flags.add_argument("--chunk", type=cli.positive_int, metavar="N", default=50_000, help="columns in a chunk")
    flags.add_argument(
        "--inputs", type=cli.positive_int, metavar="N", default=20, help="entries of a column, 2 or more"
    )
    flags.add_argument("--hidden", type=cli.positive_int, metavar="N", default=8, help="hidden units")
    cli.add_choice(flags, "--activation", list(two_layer.ACTIVATIONS), default="tanh", help="the hidden layer's g")
    flags.add_argument("--scheduler", metavar="ADDRESS", help="of a running cluster, such as tcp://10.0.0.5:8786")
    flags.add_argument("--workers", type=cli.positive_int, metavar="N", default=2, help="processes on this machine")
    flags.add_argument("--memory", metavar="SIZE", default="1GB", help="that each of them may use, such as 300MB")
    cli.add_training_flags(flags, iterations=50, learning_rate=1.2, seed=2)
    return flags


def main(argv: Sequence[str] | None = None) -> None:
    """Train, print the cost and how long a step takes, compare a gradient with one machine's, draw the cost."""
    flags = parser().parse_args(argv)
    if flags.inputs < 2:
        raise cli.UsageError("--inputs: there must be 2 or more")
    plotting.prepare(flags.plot)
    picture = plotting.figure(5.2, 3.6)
    X, Y = examples(flags.examples, flags.chunk, flags.inputs)
    size = flags.chunk * flags.inputs * X.itemsize / 1e6
    say(
        f"X {X.shape}, {X.nbytes / 1e6:.0f} MB in {X.numblocks[1]} chunks of {size:.0f} MB; "
        f"n_h = {flags.hidden} ({flags.activation})"
    )
    with cluster(flags.scheduler, flags.workers, flags.memory) as client:
        found = client.scheduler_info()["workers"]
        limit = sum(worker["memory_limit"] for worker in found.values())
        say(f"{len(found)} workers with {limit / 1e6:.0f} MB together\n")
        table = Table("iteration", "cost J  ")

        def watch(i: int, J: float, params: Params) -> None:
            if i % 10 == 0:
                table.row(f"{i:9}", f"{J:.6f}")

        start = perf_counter()
        run = train(
            X,
            Y,
            flags.hidden,
            activation=flags.activation,
            learning_rate=flags.learning_rate,
            iterations=flags.iterations,
            seed=flags.seed,
            label="training",
            watch=watch,
        )
        seconds = perf_counter() - start
        table.row(f"{flags.iterations:9}", f"{cost_and_gradients(X, Y, flags.activation)(run.params)[0]:.6f}")
        say(f"\n{1000 * seconds / flags.iterations:.0f} ms a step")
        some = slice(0, min(flags.chunk, flags.examples))
        on_cluster = cost_and_gradients(X[:, some], Y[:, some], flags.activation)(run.params)[1]
        few_X, few_Y = X[:, some].compute(), Y[:, some].compute()
    here = tg.grad(lambda p: two_layer.cost(p, few_X, few_Y, flags.activation))(run.params)
    apart = max(two_layer.difference(on_cluster[name], here[name]) for name in here)
    say(f"gradients of the first chunk, on the cluster and on this machine: {apart:.1e} apart, relatively")
    reached = accuracy(two_layer.classifier(run.params, flags.activation)(few_X), few_Y)
    say(f"accuracy {100 * reached:.4g} % on the first chunk")
    plotting.cost_curve(plotting.side_by_side(picture, 1)[0], {f"{len(found)} workers": run.costs}, "cost")
    plotting.save(picture, flags.plot)


if __name__ == "__main__":
    sys.exit(cli.run(main))
