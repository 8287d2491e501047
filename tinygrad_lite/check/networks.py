"""Networks that a file may hold besides the course's: more layers, other activations, softmax, L2 regularisation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from ..rules import neural

Values = dict[str, Any]

HIDDEN: Final[dict[str, Callable[[Any], Any]]] = {
    "tanh": np.tanh,
    "relu": neural.relu,
    "sigmoid": neural.sigmoid,
    "leaky_relu": neural.leaky_relu,
    "softplus": neural.softplus,
    "swish": lambda Z: Z * neural.sigmoid(Z),
    "elu": lambda Z: np.where(Z > 0, Z, np.expm1(np.minimum(Z, 0))),
}
"""What a hidden layer may have; the course's two-layer network has tanh."""


def softmax(Z: Any) -> Any:
    """Over the units, which are the rows."""
    e = np.exp(Z - np.max(Z, axis=0))
    return e / np.sum(e, axis=0)


OUTPUT: Final[dict[str, Callable[[Any], Any]]] = {"sigmoid": neural.sigmoid, "softmax": softmax, "linear": np.positive}
"""What the last layer may have; its cost is the cross-entropy of the one or the other kind, or the squared error."""

SPELLED: Final = {
    "tanh": "np.tanh({})",
    "relu": "np.maximum(0, {})",
    "sigmoid": "sigmoid({})",
    "leaky_relu": "np.maximum(0.01 * {0}, {0})",
    "softplus": "np.log(1 + np.exp({}))",
    "swish": "{0} * sigmoid({0})",
    "elu": "np.where({0} > 0, {0}, np.exp({0}) - 1)",
    "softmax": "np.exp({0}) / np.sum(np.exp({0}), axis=0)",
    "linear": "{}",
}
"""As one writes them."""

_SIZES: Final = (3, 5, 4, 6, 8, 9)  # of the layers, the input's first: all differ, so that no axis is taken for another
_CROSS_ENTROPIES: Final = {
    "sigmoid": "-np.sum(Y * np.log({0}) + (1 - Y) * np.log(1 - {0})) / m",
    "softmax": "-np.sum(Y * np.log({0})) / m",
}
SQUARED: Final = (" / (2 * m)", " / m", " / Y.size", " / (2 * Y.size)", " / 2", "")
"""What a sum of squared errors may be divided by."""
MOST_LAYERS: Final = len(_SIZES) - 1
LAMBD: Final = 0.7  # large enough for the L2 term to be a good part of the cost


@dataclass(frozen=True)
class Network:
    """activations: of each layer, the output's last; squared: what the sum of squared errors is divided by, where the
    cost is one, and None where it is the cross-entropy; is_regularised: whether it has the L2 term of the course.
    """

    activations: tuple[str, ...] = ("tanh", "sigmoid")
    squared: str | None = None
    is_regularised: bool = False

    def __str__(self) -> str:
        layers = len(self.activations)
        last = f", {LAST[self.activations[-1]]}"
        more = "" if self.squared is None else ", with the squared error as its cost"
        more += ", with L2 regularisation" if self.is_regularised else ""
        return f"a network with {layers} layers ({', '.join(self.activations[:-1])}{last}){more}"

    @property
    def parameters(self) -> tuple[str, ...]:
        """W1, b1, W2, …"""
        return tuple(f"{letter}{k}" for k, _ in enumerate(self.activations, 1) for letter in "Wb")

    @property
    def gradients(self) -> tuple[str, ...]:
        return tuple(f"d{name}" for name in self.parameters)

    @property
    def arguments(self) -> tuple[str, ...]:
        """What the cost is a function of."""
        return (*self.parameters, "X", "Y", *(("lambd",) if self.is_regularised else ()))

    @property
    def output_sizes(self) -> tuple[int, ...]:
        """How many output units to try: two tell more, but some functions are written for one; softmax has many."""
        return (3,) if self.activations[-1] == "softmax" else (2, 1)

    def activation(self, layer: int) -> Callable[[Any], Any]:
        """g of a layer; the first one is 1."""
        is_last = layer == len(self.activations)
        return (OUTPUT if is_last else HIDDEN)[self.activations[layer - 1]]

    def draw(self, n_y: int, scale: float, seed: int, m: int = 7) -> Values:
        """Data of m examples, parameters, and the values of a right forward pass.

        All sizes differ, the biases are not zero, and every unit is given numbers of both signs, so that no activation
        looks like another.
        """
        rng = np.random.default_rng(seed)
        layers = len(self.activations)
        hidden = (4,) if layers == 2 else _SIZES[1:layers]
        sizes = (_SIZES[0], *hidden, n_y)
        values: Values = {"m": m, "learning_rate": 0.37, "lambd": LAMBD, "layer_dims": list(sizes)}
        values |= {"n_x": sizes[0], "n_h": hidden[0], "n_y": n_y}
        drawn: list[Any] = []
        while not (drawn and all(map(_has_both_signs, drawn))):
            drawn = []
            values["X"] = A = rng.normal(0.3, 1, (sizes[0], m))
            for k in range(1, layers + 1):
                W = draw_weights(rng, (sizes[k], sizes[k - 1]), scale)
                b = draw_weights(rng, (sizes[k], 1), scale if k == 1 else 0.3 * scale * float(np.mean(np.abs(A))))
                Z = W @ A + b
                A = np.asarray(self.activation(k)(Z))
                values |= {f"W{k}": W, f"b{k}": b, f"Z{k}": Z, f"A{k}": A}
                drawn.append(Z)
        values["Y"] = self._draw_labels(rng, n_y, m)
        values["AL"] = A
        values["parameters"] = {name: values[name] for name in self.parameters}
        values["cache"] = {f"{letter}{k}": values[f"{letter}{k}"] for k in range(1, layers + 1) for letter in "ZA"}
        values["grads"] = {f"d{name}": rng.normal(size=value.shape) for name, value in values["parameters"].items()}
        values |= values["grads"]
        return values

    def run(self, values: Values) -> Any:
        """The output for the values' X and parameters."""
        A = values["X"]
        for k in range(1, len(self.activations) + 1):
            A = np.asarray(self.activation(k)(values[f"W{k}"] @ A + values[f"b{k}"]))
        return A

    def _draw_labels(self, rng: Any, n_y: int, m: int) -> Any:
        if self.activations[-1] == "linear":
            return rng.normal(size=(n_y, m))
        if self.activations[-1] == "softmax":
            return np.eye(n_y)[:, rng.permutation(np.arange(m) % n_y)]
        return draw_labels(rng, n_y, m)

    def spell_cost(self, is_regularised: bool) -> str:
        """The line that computes the cost."""
        return f"cost = {self._spell_cost(f'A{len(self.activations)}', is_regularised)}"

    def _spell_cost(self, A: str, is_regularised: bool) -> str:
        squares = f"np.sum(({A} - Y)**2){self.squared}"
        J = _CROSS_ENTROPIES[self.activations[-1]].format(A) if self.squared is None else squares
        penalty = " + ".join(f"np.sum({name}**2)" for name in self.parameters[::2])
        return J + (f" + lambd / (2 * m) * ({penalty})" if is_regularised else "")

    def find_cost(self, values: Values, is_regularised: bool) -> float:
        """The cost of an output and labels."""
        line = self._spell_cost("AL", is_regularised)
        return float(eval(line, {"np": np, **values}))

    def make_cost(self) -> Callable[..., Any]:
        """The cost, a function of `arguments`."""
        lines = ["m = X.shape[1]"]
        for k, name in enumerate(self.activations, 1):
            before = "X" if k == 1 else f"A{k - 1}"
            g = f"{name}({{}})" if name in ("relu", "leaky_relu") else SPELLED[name]  # 0 at the kink, not a half
            lines += [f"Z{k} = np.dot(W{k}, {before}) + b{k}", f"A{k} = {g.format(f'Z{k}')}"]
        J = self._spell_cost(f"A{len(self.activations)}", self.is_regularised)
        return define_cost(self.arguments, [*lines, f"J = {J}"])


COURSE: Final = Network()
"""The course's network with one hidden layer."""

LAST: Final = {"sigmoid": "sigmoid at the output", "softmax": "softmax at the output", "linear": "a linear output"}


def define_cost(parameters: tuple[str, ...], lines: list[str]) -> Callable[..., Any]:
    """A function that returns J: a verdict calls its variables by name, which are not looked for in the library's own
    modules.
    """
    text = f"def cost({', '.join(parameters)}):\n" + "".join(f"    {line}\n" for line in [*lines, "return J"])
    namespace: Values = {"__name__": "course", "np": np, "sigmoid": neural.sigmoid}
    namespace |= {"relu": neural.relu, "leaky_relu": neural.leaky_relu}
    exec(compile(text, "<the course's network>", "exec"), namespace)
    cost: Callable[..., Any] = namespace["cost"]
    return cost


def _has_both_signs(Z: Any) -> bool:
    return bool(np.all(np.min(Z, axis=1) < 0) and np.all(np.max(Z, axis=1) > 0))


def draw_weights(rng: Any, shape: tuple[int, ...], scale: float) -> Any:
    """None of them is near zero."""
    return scale * rng.uniform(0.4, 1, shape) * rng.choice([-1.0, 1.0], shape)


def draw_labels(rng: Any, n_y: int, m: int) -> Any:
    """Zeros and ones, not as many of the one as of the other, in an order of its own in each row."""
    return np.stack([rng.permutation(np.arange(m) < 2 + row).astype(float) for row in range(n_y)])
