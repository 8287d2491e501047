"""The course's exercises: what their functions are called, what they are given, and what is right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np

from ..rules import neural
from ..transforms import grad

Values = dict[str, Any]

NAMES: Final[dict[str, tuple[str, ...]]] = {
    "sigmoid": ("logistic",),
    "relu": (),
    "initialize_parameters": ("initialise_parameters", "init_parameters", "initialize_params", "init_params"),
    "initialize_parameters_deep": ("initialise_parameters_deep",),
    "forward_propagation": ("forward_prop", "forward_pass", "forwardprop", "feed_forward", "feedforward", "forward"),
    "compute_cost": ("cost_function", "compute_loss", "calculate_cost", "cost"),
    "backward_propagation": ("backward_prop", "back_propagation", "backward_pass", "backprop", "back_prop", "backward"),
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
    "A2": ("a2", "al", "yhat", "y_hat", "predictions", "y_pred", "a", "output"),
    "grads": ("grads", "gradients", "grad", "gradient"),
    "learning_rate": ("learning_rate", "lr", "alpha", "eta", "rate", "learningrate"),
    "z": ("z", "x", "t"),
}
"""What a parameter may be called, by what it stands for; every other value answers to its own name."""


# -- the two-layer network -------------------------------------------------------------------------------------------


ACTIVATIONS: Final[dict[str, Callable[[Any], Any]]] = {
    "tanh": np.tanh,
    "relu": neural.relu,
    "sigmoid": neural.sigmoid,
    "leaky_relu": neural.leaky_relu,
}
"""What the hidden layer of the two-layer network may have; the course has tanh."""


def make_cost(activation: str) -> Callable[..., Any]:
    """The cost of the two-layer network, a function of (W1, b1, W2, b2, X, Y)."""
    return _compile(
        f"""
def cost(W1, b1, W2, b2, X, Y):
    m = X.shape[1]
    Z1 = np.dot(W1, X) + b1
    A1 = {activation if activation != "tanh" else "np.tanh"}(Z1)
    Z2 = np.dot(W2, A1) + b2
    A2 = sigmoid(Z2)
    J = -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m
    return J
"""
    )


def _compile(text: str) -> Callable[..., Any]:
    """The function that the text defines: a verdict calls its variables by name, which are not looked for in the
    library's own modules.
    """
    namespace: Values = {"__name__": "course", "np": np, "sigmoid": neural.sigmoid}
    namespace |= {"relu": neural.relu, "leaky_relu": neural.leaky_relu}
    exec(compile(text, "<the course's network>", "exec"), namespace)
    cost: Callable[..., Any] = namespace["cost"]
    return cost


def draw_two_layer(n_y: int, scale: float, seed: int, activation: str = "tanh") -> Values:
    """Data, parameters, and the values of a right forward pass.

    All sizes differ, the biases are not zero, and every unit is given numbers of both signs, so that no activation
    looks like another.
    """
    rng = np.random.default_rng(seed)
    n_x, n_h, m = 3, 4, 7
    values: Values = {"n_x": n_x, "n_h": n_h, "n_y": n_y, "m": m, "learning_rate": 0.37}
    while not ("Z1" in values and _has_both_signs(values["Z1"]) and _has_both_signs(values["Z2"])):
        values["X"] = rng.normal(0.3, 1, (n_x, m))
        values["W1"] = _draw_weights(rng, (n_h, n_x), scale)
        values["b1"] = _draw_weights(rng, (n_h, 1), scale)
        values["W2"] = _draw_weights(rng, (n_y, n_h), scale)
        values["b2"] = _draw_weights(rng, (n_y, 1), 0.3 * scale)
        values["Z1"] = values["W1"] @ values["X"] + values["b1"]
        values["A1"] = np.asarray(ACTIVATIONS[activation](values["Z1"]))
        values["Z2"] = values["W2"] @ values["A1"] + values["b2"]
    values["Y"] = _draw_labels(rng, n_y, m)
    values["A2"] = values["AL"] = sigmoid(values["Z2"])
    values["parameters"] = {name: values[name] for name in ("W1", "b1", "W2", "b2")}
    values["cache"] = {name: values[name] for name in ("Z1", "A1", "Z2", "A2")}
    values["grads"] = {f"d{name}": rng.normal(size=value.shape) for name, value in values["parameters"].items()}
    values |= values["grads"]
    return values


def _has_both_signs(Z: Any) -> bool:
    return bool(np.all(np.min(Z, axis=1) < 0) and np.all(np.max(Z, axis=1) > 0))


def _draw_weights(rng: Any, shape: tuple[int, ...], scale: float) -> Any:
    """None of them is near zero."""
    return scale * rng.uniform(0.4, 1, shape) * rng.choice([-1.0, 1.0], shape)


def _draw_labels(rng: Any, n_y: int, m: int) -> Any:
    """Zeros and ones, not as many of the one as of the other, in an order of its own in each row."""
    return np.stack([rng.permutation(np.arange(m) < 2 + row).astype(float) for row in range(n_y)])


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def relu(z: Any) -> Any:
    return np.maximum(0, z)


def cross_entropy(A: Any, Y: Any) -> Any:
    return -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / Y.shape[1]


# -- the L-layer network ---------------------------------------------------------------------------------------------


def draw_deep(n_y: int, scale: float, seed: int) -> Values:
    """The same for three layers, relu in the two hidden ones; caches as the course's functions return them."""
    rng = np.random.default_rng(seed)
    sizes, m = (3, 5, 4, n_y), 7
    values: Values = {"m": m, "layer_dims": list(sizes), "learning_rate": 0.37, "caches": []}
    while not (values["caches"] and all(_has_both_signs(Z) for _, Z in values["caches"])):
        values["X"] = A = rng.normal(0.3, 1, (sizes[0], m))
        values["parameters"], values["caches"] = {}, []
        for layer in range(1, len(sizes)):
            W = _draw_weights(rng, (sizes[layer], sizes[layer - 1]), scale)
            b = _draw_weights(rng, (sizes[layer], 1), 0.3 * scale * float(np.mean(np.abs(A))))
            Z = W @ A + b
            values["parameters"] |= {f"W{layer}": W, f"b{layer}": b}
            values["caches"].append(((A, W, b), Z))
            A = sigmoid(Z) if layer == len(sizes) - 1 else np.maximum(0, Z)
    values["Y"] = _draw_labels(rng, n_y, m)
    values["AL"] = values["A2"] = A
    values["cache"] = values["caches"]
    return values


# -- logistic regression ---------------------------------------------------------------------------------------------


def draw_logistic(scale: float, seed: int) -> Values:
    rng = np.random.default_rng(seed)
    n_x, m = 3, 7
    values: Values = {"m": m, "X": rng.normal(0.3, 1, (n_x, m)), "Y": _draw_labels(rng, 1, m)}
    return values | {"w": _draw_weights(rng, (n_x, 1), scale), "b": 0.6 * scale}


def make_logistic_cost() -> Callable[..., Any]:
    """The cost of one unit, a function of (w, b, X, Y)."""
    return _compile(
        """
def cost(w, b, X, Y):
    m = X.shape[1]
    Z = np.dot(w.T, X) + b
    A = sigmoid(Z)
    J = -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / m
    return J
"""
    )


def differentiate(cost: Callable[..., Any], args: list[Any], count: int) -> list[Any]:
    """The gradients of a cost with respect to its first `count` arguments."""
    return [np.asarray(g) for g in grad(cost, argnums=tuple(range(count)))(*args)]
