"""A program of a user's, with types: checked strictly against the package (test_packaging.py, wheel.py), and run."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt

import tinygrad_lite as tg
from tinygrad_lite import nn

Array = npt.NDArray[np.float64]

rng = np.random.default_rng(0)
X: Array = rng.normal(size=(20, 3))
labels = rng.integers(0, 2, 20)

# -- Tensors -----------------------------------------------------------------------------------------------------------

t = tg.Tensor(X, requires_grad=True, name="t")
y: tg.Tensor = (t + 1) * 2 - t.sum(axis=0) / np.float64(3) + X @ np.eye(3)
first: tg.Tensor = y[0, 1:]
flags: tg.Tensor = t > 0
shape: tuple[int, ...] = y.T.reshape(3, -1).shape
y.sum().backward()
with tg.no_grad():
    number: float = float(first[0])
dy: list[Any] = tg.gradients(np.sum(tg.relu(t) ** 2), [t])


# -- functions ---------------------------------------------------------------------------------------------------------


def cost(w: Array, X: Array) -> Any:
    return np.sum(np.tanh(X @ w) ** 2)


w = np.ones(3)
slope = tg.grad(cost)(w, X)
value, (dw, dX) = tg.value_and_grad(cost, argnums=(0, 1))(w, X)
value, pullback = tg.vjp(cost, w, X)
value, derivative = tg.jvp(cost, (w, X), (w, X))
curvature = tg.hessian(cost)(w, X)
each = tg.vmap(tg.grad(cost), in_axes=(None, 0))(w, X[:, None])
total, sums = tg.scan(lambda carry, x: (carry + x, carry), np.zeros(3), X)


@tg.compile
def step(w: Array, X: Array, rate: float) -> tuple[Array, Array]:
    J, dw = tg.value_and_grad(cost)(w, X)
    return J, w - rate * dw


J, w = step(w, X, 0.01)
source: str = step.source(w, X, 0.01)
text: str = tg.derive(cost, w, X, simplify=False).source + tg.draw(cost, w, X).source
ok: bool = tg.compare({"dw": tg.grad(cost)(w, X)}, cost, w, X).ok
cubed = tg.elementwise(lambda x: x**3, lambda y, x: 3 * x**2, name="cubed")
verdict: tg.testing.Verdict = tg.testing.check_gradients(cubed, w).verdict


# -- networks ----------------------------------------------------------------------------------------------------------


class Net(nn.Module):
    def __init__(self, hidden: int, rng: np.random.Generator) -> None:
        self.first = nn.Linear(3, hidden, rng=rng)
        self.rest = nn.Sequential(nn.ReLU(), nn.Linear(hidden, 2, rng=rng))
        self.scale = np.ones(3)

    def forward(self, x: Array | tg.Tensor) -> tg.Tensor:
        hidden: tg.Tensor = self.first(x * self.scale)
        logits: tg.Tensor = self.rest(hidden)
        return logits


net = Net(4, rng)
optimizer = tg.optim.Adam(net.parameters(), lr=0.1)
schedule = tg.optim.lr_scheduler.StepLR(optimizer, step_size=10)
loss = nn.functional.cross_entropy(net(X), labels)
loss.backward()
optimizer.step()
schedule.step()
sizes: dict[str, tuple[int, ...]] = {name: parameter.shape for name, parameter in net.named_parameters()}
train, test, train_labels, test_labels = tg.data.train_test_split(X, labels, rng=rng)
batches = tg.data.batches(train, train_labels, batch_size=5, rng=rng)
history = tg.fit(net, batches, nn.functional.cross_entropy, schedule, epochs=2)
losses: list[float] = history.loss

params = {"W": np.ones((2, 3)), "b": np.zeros(2)}
sgd = tg.optim.SGD(lr=0.1, momentum=0.9)
params, state = sgd.update(params, tg.tree.map(np.ones_like, params), sgd.init(params))
leaves, structure = tg.tree.flatten(params)
params = tg.tree.unflatten(structure, leaves)
file = io.BytesIO()
tg.save(file, params)
file.seek(0)
again: dict[str, Array] = tg.load(file)
