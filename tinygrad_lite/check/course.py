"""The course's exercises: what their functions are called, what they are given, and what is right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from ..transforms import grad
from .networks import Network, define_cost, draw_labels, draw_weights

Values = dict[str, Any]

NAMES: Final[dict[str, tuple[str, ...]]] = {
    "sigmoid": ("logistic",),
    "relu": (),
    "initialize_parameters": ("initialise_parameters", "init_parameters", "initialize_params", "init_params"),
    "initialize_parameters_deep": ("initialise_parameters_deep",),
    "forward_propagation": ("forward_prop", "forward_pass", "forwardprop", "feed_forward", "feedforward", "forward"),
    "compute_cost": ("cost_function", "compute_loss", "calculate_cost", "cost", "loss"),
    "compute_cost_with_regularization": ("compute_cost_with_regularisation",),
    "backward_propagation": (
        *("backward_prop", "back_propagation", "backward_pass", "backprop", "back_prop", "backward"),
        *("backpropagation", "back_propagate", "backpropagate"),
    ),
    "backward_propagation_with_regularization": ("backward_propagation_with_regularisation",),
    "update_parameters": ("update_params", "update_parameters_with_gd"),
    "predict": (),
    "propagate": (),
    "linear_forward": (),
    "linear_activation_forward": (),
    "L_model_forward": (),
    "linear_backward": (),
    "linear_activation_backward": (),
    "L_model_backward": (),
    "sigmoid_backward": (),
    "relu_backward": (),
}
"""The functions that can be checked, and other names under which they are found."""

ROLES: Final[dict[str, tuple[str, ...]]] = {
    "X": ("x", "inputs", "input", "data", "x_train", "train_x", "a0"),
    "Y": ("y", "labels", "targets", "target", "label", "y_true", "y_train", "train_y"),
    "parameters": ("parameters", "params", "param", "theta", "weights", "parameter"),
    "cache": ("cache", "caches"),
    "AL": ("al", "a2", "a3", "yhat", "y_hat", "predictions", "y_pred", "a", "output"),
    "grads": ("grads", "gradients", "grad", "gradient"),
    "learning_rate": ("learning_rate", "lr", "alpha", "eta", "rate", "learningrate"),
    "lambd": ("lambd", "lambda", "lam", "reg", "reg_lambda", "regularization", "regularisation", "l2"),
    "layer_dims": ("layer_dims", "layers_dims", "layer_sizes", "layers", "sizes", "dims", "layer_dimensions"),
    "z": ("z", "x", "t"),
}
"""What a parameter may be called, by what it stands for; every other value answers to its own name."""


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def relu(z: Any) -> Any:
    return np.maximum(0, z)


def cross_entropy(A: Any, Y: Any) -> Any:
    return -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / Y.shape[1]


# -- the L-layer network ---------------------------------------------------------------------------------------------


DEEP: Final = Network(("relu", "relu", "sigmoid"))


def draw_deep(n_y: int, scale: float, seed: int) -> Values:
    """Values of a network with three layers, in caches as the course's functions return them."""
    values = DEEP.draw(n_y, scale, seed)
    caches = []
    for k in (1, 2, 3):
        A = values["X"] if k == 1 else values[f"A{k - 1}"]
        caches.append(((A, values[f"W{k}"], values[f"b{k}"]), values[f"Z{k}"]))
    return values | {"caches": caches, "cache": caches}


# -- logistic regression ---------------------------------------------------------------------------------------------


def draw_logistic(scale: float, seed: int, m: int = 7) -> Values:
    rng = np.random.default_rng(seed)
    n_x = 3
    values: Values = {"m": m, "X": rng.normal(0.3, 1, (n_x, m)), "Y": draw_labels(rng, 1, m)}
    return values | {"w": draw_weights(rng, (n_x, 1), scale), "b": 0.6 * scale}


def make_logistic_cost() -> Callable[..., Any]:
    """The cost of one unit, a function of (w, b, X, Y)."""
    lines = ["m = X.shape[1]", "Z = np.dot(w.T, X) + b", "A = sigmoid(Z)"]
    return define_cost(("w", "b", "X", "Y"), [*lines, "J = -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / m"])


def differentiate(cost: Callable[..., Any], args: list[Any], count: int) -> list[Any]:
    """The gradients of a cost with respect to its first `count` arguments."""
    return [np.asarray(g) for g in grad(cost, argnums=tuple(range(count)))(*args)]
