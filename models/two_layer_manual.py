"""The network with one hidden layer, its six backpropagation formulas written by hand. Imports NumPy only.

Shapes: ``X (n_x, m)``, ``Y (n_y, m)``, ``W1 (n_h, n_x)``, ``b1 (n_h, 1)``, ``W2 (n_y, n_h)``,
``b2 (n_y, 1)``; examples are columns, and the ``n_y`` outputs are independent logistic units.

The lectures' convention for the gradients: ``dZ1`` and ``dZ2`` are gradients of the *summed* loss (``m``
times those of the cost ``J``), while ``dW`` and ``db`` are gradients of ``J`` itself.

Source: deeplearning.ai, "One hidden layer neural network".

>>> X, Y = np.array([[0.5, -1.0, 2.0], [1.5, 0.3, -0.7]]), np.array([[1.0, 0.0, 1.0]])
>>> params = initialise(n_x=2, n_h=4, n_y=1, seed=2)
>>> grads = backward(params, X, Y, forward(params, X))
>>> {name: grad.shape for name, grad in grads.items()}
{'dZ2': (1, 3), 'dW2': (1, 4), 'db2': (1, 1), 'dZ1': (4, 3), 'dW1': (4, 2), 'db1': (4, 1)}
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Params = dict[str, Array]

LEAK = 0.01
"""The slope of leaky ReLU left of zero."""


def sigmoid(z: Array) -> Array:
    """1 / (1 + e^-z); e is only ever raised to a negative power, so nothing overflows."""
    e: Array = np.exp(-np.abs(z))
    return np.where(z >= 0, e.dtype.type(1), e) / (1 + e)


def relu(z: Array) -> Array:
    """max(0, z)."""
    return np.maximum(z, 0)


def leaky_relu(z: Array) -> Array:
    """max(0.01 z, z)."""
    return np.maximum(LEAK * z, z)


def linear(z: Array) -> Array:
    """z itself: no activation, for the lecture on why one is needed."""
    return z


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "linear": linear,
}
"""g(z) by name."""

# At the kink (z = 0, hence a = 0) ReLU's derivative is 0 and leaky ReLU's is its slope on the left.
DERIVATIVES: dict[str, Callable[[Array], Array]] = {
    "sigmoid": lambda a: a * (1 - a),
    "tanh": lambda a: 1 - a * a,
    "relu": lambda a: (a > 0).astype(a.dtype),
    "leaky_relu": lambda a: np.where(a > 0, a.dtype.type(1), a.dtype.type(LEAK)),
    "linear": np.ones_like,
}
"""g'(z) by name, as functions of a = g(z): what the forward pass has already computed."""


class Forward(NamedTuple):
    """What a forward pass computes: ``Z1``, ``A1`` of shape (n_h, m) and ``Z2``, ``A2`` of shape (n_y, m)."""

    Z1: Array
    A1: Array
    Z2: Array
    A2: Array


def initialise(n_x: int, n_h: int, n_y: int, seed: int = 2, scale: float = 0.01) -> Params:
    """Weights ``scale`` * randn and zero biases, drawn as in the course: ``RandomState(seed)``, W1 first."""
    random = np.random.RandomState(seed)
    W1 = scale * random.randn(n_h, n_x)
    W2 = scale * random.randn(n_y, n_h)
    return {"W1": W1, "b1": np.zeros((n_h, 1)), "W2": W2, "b2": np.zeros((n_y, 1))}


def forward(params: Params, X: Array, activation: str = "tanh") -> Forward:
    """Z1 = W1 X + b1, A1 = g(Z1), Z2 = W2 A1 + b2, A2 = sigmoid(Z2), for ``X`` of shape (n_x, m)."""
    Z1 = np.dot(params["W1"], X) + params["b1"]
    A1 = ACTIVATIONS[activation](Z1)
    Z2 = np.dot(params["W2"], A1) + params["b2"]
    return Forward(Z1, A1, Z2, sigmoid(Z2))


def cost(Z2: Array, Y: Array) -> float:
    """J = -(1/m) sum(Y log A2 + (1 - Y) log(1 - A2)), from ``Z2`` (n_y, m), whose sigmoid A2 is.

    With log(1 + e^z) = max(z, 0) + log(1 + e^-abs(z)), no term overflows or loses digits.
    """
    m = Y.shape[1]
    return float(np.sum(np.maximum(Z2, 0) - Z2 * Y + np.log1p(np.exp(-np.abs(Z2)))) / m)


def backward(params: Params, X: Array, Y: Array, fwd: Forward, activation: str = "tanh") -> Params:
    """The six formulas: ``dZ2``, ``dW2``, ``db2``, ``dZ1``, ``dW1``, ``db1``, by hand."""
    m = X.shape[1]
    dZ2 = fwd.A2 - Y
    dW2 = np.dot(dZ2, fwd.A1.T) / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = np.dot(params["W2"].T, dZ2) * DERIVATIVES[activation](fwd.A1)
    dW1 = np.dot(dZ1, X.T) / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m
    return {"dZ2": dZ2, "dW2": dW2, "db2": db2, "dZ1": dZ1, "dW1": dW1, "db1": db1}


def train_step(
    params: Params, X: Array, Y: Array, learning_rate: float, activation: str = "tanh"
) -> tuple[float, Params]:
    """One step of gradient descent: the cost at ``params``, and new parameters; ``params`` is left alone."""
    fwd = forward(params, X, activation)
    grads = backward(params, X, Y, fwd, activation)
    stepped = {name: value - learning_rate * grads["d" + name] for name, value in params.items()}
    return cost(fwd.Z2, Y), stepped


def predict(params: Params, X: Array, activation: str = "tanh") -> NDArray[np.bool_]:
    """Which outputs are on: A2 > 1/2, of shape (n_y, m)."""
    return forward(params, X, activation).A2 > 0.5
