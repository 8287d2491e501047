"""The table of mistakes. A mistake is a wrong rewrite with a sentence.

    mistake("the square of tanh′ is missing", lambda A: 1 - A**2, lambda A: 1 - A, MATRIX, why="tanh′(Z) is 1 - A**2.")

left is what is right, right is what people write; both are plain functions of the same operands, and left is the
pattern that is looked for in the lines of the derivation (`program/rewrite.py`). `often` is how readily the mistake is
assumed where several explain the same numbers: 1 for what everyone has done once, 2 for what is rare. What no row names
is found by `mutations`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..program.program import Node, Operand, dtype_of, shape_of
from ..program.ranges import Ranges
from ..program.rewrite import MATRIX, SCALAR, Rule, rule
from ..rules.neural import sigmoid


@dataclass(frozen=True)
class Mistake:
    """A row. what: the mistake in a few words; why: the sentence that explains it; rule: the wrong rewrite."""

    what: str
    rule: Rule
    why: str
    often: float


def mistake(
    what: str,
    left: Callable[..., Any],
    right: Callable[..., Any],
    *operands: Any,
    why: str,
    often: float = 1.0,
    when: Callable[..., bool] | None = None,
    **keywords: Any,
) -> Mistake:
    return Mistake(what, rule(left, right, *operands, when=when, says=what, **keywords), why, often)


def _number(_: Ranges, x: Operand, n: Operand) -> bool:
    """Whether n is a length, or another whole number."""
    return shape_of(n) == () and dtype_of(n).kind == "i"


def _outputs(_: Ranges, *xs: Operand) -> bool:
    """Whether the operands are named arrays of the forward pass, as outputs and labels are."""
    return all(type(x) is Node and x.op is None and x.shape and not (x.name or "").startswith("d") for x in xs)


def _matrices(_: Ranges, *xs: Operand) -> bool:
    return all(len(shape_of(x)) == 2 for x in xs)


TANH = "The derivative of tanh is 1 - A**2, where A = tanh(Z)."
SIGMOID = "The derivative of the sigmoid is A * (1 - A), where A = sigmoid(Z)."
RELU = "The derivative of relu is 1 where Z > 0 and 0 elsewhere."
LEAKY = "The derivative of leaky relu is 1 where Z > 0 and the slope elsewhere."
AVERAGE = "The cost is an average: it is divided by the number of examples once, and so is each of its gradients."
PRODUCT = "In the derivative of a product of matrices, the other factor is transposed so that the shapes come out."
BIAS = "The bias is added to every example, so its gradient adds up over the examples, and over them only."

CHAIN = "By the chain rule dZ is dA times g′(Z), entry by entry."

SLOPES = [
    mistake("g′(Z) is missing", lambda dA, A: dA * (1 - A**2), lambda dA, A: dA, MATRIX, MATRIX, why=CHAIN),
    mistake("g′(Z) is missing", lambda dA, A: dA * (A * (1 - A)), lambda dA, A: dA, MATRIX, MATRIX, why=CHAIN),
    mistake("g′(Z) is missing", lambda dA, Z: dA * (Z > 0), lambda dA, Z: dA, MATRIX, MATRIX, why=CHAIN),
    mistake("g′(Z) is missing", lambda dA, Z: dA * np.heaviside(Z, 0.5), lambda dA, Z: dA, MATRIX, MATRIX, why=CHAIN),
    mistake(
        "g′(Z) is missing",
        lambda dA, Z, slope: dA * np.where(Z > 0, 1, slope),
        lambda dA, Z, slope: dA,
        MATRIX,
        MATRIX,
        0.25,
        why=CHAIN,
    ),
    mistake(
        "g(Z) stands where g′(Z) belongs",
        lambda dA, A: dA * (1 - A**2),
        lambda dA, A: dA * A,
        MATRIX,
        MATRIX,
        why=CHAIN,
    ),
    mistake(
        "g′(Z) is added instead of multiplied",
        lambda dA, A: dA * (1 - A**2),
        lambda dA, A: dA + (1 - A**2),
        MATRIX,
        MATRIX,
        why=CHAIN,
    ),
]

ACTIVATIONS = [
    mistake("the square in tanh′ is missing", lambda A: 1 - A**2, lambda A: 1 - A, MATRIX, why=TANH),
    mistake("tanh′ is squared in the wrong place", lambda A: 1 - A**2, lambda A: (1 - A) ** 2, MATRIX, why=TANH),
    mistake("tanh′ has the wrong sign", lambda A: 1 - A**2, lambda A: A**2 - 1, MATRIX, why=TANH, often=1.5),
    mistake("tanh′ has a plus for its minus", lambda A: 1 - A**2, lambda A: 1 + A**2, MATRIX, why=TANH, often=1.5),
    mistake("the 1 of tanh′ is missing", lambda A: 1 - A**2, lambda A: -(A**2), MATRIX, why=TANH, often=1.7),
    mistake(
        "the derivative is that of the sigmoid, not of tanh",
        lambda A: 1 - A**2,
        lambda A: A * (1 - A),
        MATRIX,
        why=TANH,
    ),
    mistake(
        "the derivative is that of relu, not of tanh", lambda A: 1 - A**2, lambda A: A > 0, MATRIX, why=TANH, often=1.3
    ),
    mistake(
        "tanh is applied a second time", lambda A: 1 - A**2, lambda A: 1 - np.tanh(A) ** 2, MATRIX, why=TANH, often=1.2
    ),
    mistake(
        "the derivative is that of tanh, not of the sigmoid",
        lambda A: A * (1 - A),
        lambda A: 1 - A**2,
        MATRIX,
        why=SIGMOID,
    ),
    mistake(
        "the factor A of the sigmoid's derivative is missing",
        lambda A: A * (1 - A),
        lambda A: 1 - A,
        MATRIX,
        why=SIGMOID,
    ),
    mistake(
        "the factor 1 - A of the sigmoid's derivative is missing",
        lambda A: A * (1 - A),
        lambda A: A,
        MATRIX,
        why=SIGMOID,
    ),
    mistake(
        "the sigmoid's derivative has a plus for its minus",
        lambda A: A * (1 - A),
        lambda A: A * (1 + A),
        MATRIX,
        why=SIGMOID,
        often=1.5,
    ),
    mistake(
        "the sigmoid is applied a second time",
        lambda A: A * (1 - A),
        lambda A: sigmoid(A) * (1 - sigmoid(A)),
        MATRIX,
        why=SIGMOID,
        often=1.2,
    ),
    mistake(
        "relu itself stands where its derivative belongs", lambda Z: Z > 0, lambda Z: np.maximum(Z, 0), MATRIX, why=RELU
    ),
    mistake("relu′ is the wrong way round", lambda Z: Z > 0, lambda Z: Z < 0, MATRIX, why=RELU),
    mistake(
        "relu itself stands where its derivative belongs",
        lambda Z: np.heaviside(Z, 0.5),
        lambda Z: np.maximum(Z, 0),
        MATRIX,
        why=RELU,
    ),
    mistake(
        "relu′ is the wrong way round",
        lambda Z: np.heaviside(Z, 0.5),
        lambda Z: np.heaviside(-Z, 0.5),
        MATRIX,
        why=RELU,
    ),
    mistake(
        "the derivative is that of relu, not of leaky relu",
        lambda Z, slope: np.where(Z > 0, 1, slope),
        lambda Z, slope: Z > 0,
        MATRIX,
        0.25,
        why=LEAKY,
    ),
    mistake(
        "the two slopes of leaky relu are exchanged",
        lambda Z, slope: np.where(Z > 0, 1, slope),
        lambda Z, slope: np.where(Z > 0, slope, 1),
        MATRIX,
        0.25,
        why=LEAKY,
    ),
]

AVERAGES = [
    mistake(
        "the division by the number of examples is missing",
        lambda x, n: x / n,
        lambda x, n: x,
        MATRIX,
        SCALAR,
        when=_number,
        why=AVERAGE,
    ),
    mistake(
        "the division by the number of examples is done twice",
        lambda x, n: x / n,
        lambda x, n: x / n / n,
        MATRIX,
        SCALAR,
        when=_number,
        why=AVERAGE,
    ),
    mistake(
        "it is multiplied by the number of examples",
        lambda x, n: x / n,
        lambda x, n: x * n,
        MATRIX,
        SCALAR,
        when=_number,
        why=AVERAGE,
        often=1.5,
    ),
    mistake(
        "it is divided by m - 1 instead of m",
        lambda x, n: x / n,
        lambda x, n: x / (n - 1),
        MATRIX,
        SCALAR,
        when=_number,
        why=AVERAGE,
        often=1.3,
    ),
    mistake(
        "it is divided by 2 m instead of m",
        lambda x, n: x / n,
        lambda x, n: x / (2 * n),
        MATRIX,
        SCALAR,
        when=_number,
        why=AVERAGE,
        often=1.3,
    ),
]

OUTPUTS = [
    mistake(
        "the difference has the wrong sign",
        lambda A, Y: A - Y,
        lambda A, Y: Y - A,
        MATRIX,
        MATRIX,
        when=_outputs,
        why="The cost grows where the output is too large: its gradient is output minus label, not the reverse.",
    ),
    mistake(
        "the labels are not subtracted",
        lambda A, Y: A - Y,
        lambda A, Y: A,
        MATRIX,
        MATRIX,
        when=_outputs,
        why="The gradient of the cost is output minus label; for classes, 1 is subtracted at the true class.",
    ),
    mistake(
        "the derivative of the sigmoid is there a second time",
        lambda A, Y: A - Y,
        lambda A, Y: (A - Y) * A * (1 - A),
        MATRIX,
        MATRIX,
        when=_outputs,
        why="A - Y is the derivative of cross-entropy and sigmoid together: the sigmoid's own is in it already.",
    ),
    mistake(
        "the labels are added",
        lambda A, Y: A - Y,
        lambda A, Y: A + Y,
        MATRIX,
        MATRIX,
        when=_outputs,
        why="The gradient of the cost is output minus label.",
        often=1.5,
    ),
]

PRODUCTS = [
    mistake(
        "a transpose is missing", lambda a, b: a @ b.T, lambda a, b: a @ b, MATRIX, MATRIX, when=_matrices, why=PRODUCT
    ),
    mistake(
        "a transpose is missing", lambda a, b: a.T @ b, lambda a, b: a @ b, MATRIX, MATRIX, when=_matrices, why=PRODUCT
    ),
    mistake(
        "the product of matrices is elementwise",
        lambda a, b: a @ b,
        lambda a, b: a * b,
        MATRIX,
        MATRIX.T,
        when=_matrices,
        why=PRODUCT,
        often=1.2,
    ),
    mistake(
        "the whole product is transposed",
        lambda a, b: a @ b.T,
        lambda a, b: b @ a.T,
        MATRIX,
        MATRIX,
        when=_matrices,
        why=PRODUCT,
        often=1.2,
    ),
    mistake(
        "the factors of the product are exchanged",
        lambda a, b: a @ b,
        lambda a, b: b @ a,
        MATRIX,
        MATRIX.T,
        when=_matrices,
        why=PRODUCT,
        often=1.2,
    ),
]

SUMS = [
    mistake(
        "the sum runs over the wrong axis",
        lambda d, keepdims=False: np.sum(d, axis=1, keepdims=keepdims),
        lambda d, keepdims=False: np.sum(d, axis=0, keepdims=keepdims),
        MATRIX,
        keepdims=True,
        why=BIAS,
    ),
    mistake(
        "`keepdims=True` is missing",
        lambda d: np.sum(d, axis=1, keepdims=True),
        lambda d: np.sum(d, axis=1),
        MATRIX,
        why="Without keepdims=True the sum loses its axis: (n, 1) becomes (n,), and later sums broadcast to a matrix.",
    ),
    mistake(
        "the sum runs over both axes, since axis=1 is missing",
        lambda d: np.sum(d, axis=1, keepdims=True),
        lambda d: np.sum(d, keepdims=True),
        MATRIX,
        why=BIAS,
    ),
    mistake(
        "the sum runs over both axes, since axis=1 is missing",
        lambda d: np.sum(d, axis=1, keepdims=True),
        lambda d: np.sum(d),
        MATRIX,
        why=BIAS,
    ),
    mistake(
        "a mean stands where a sum belongs",
        lambda d: np.sum(d, axis=1, keepdims=True),
        lambda d: np.mean(d, axis=1, keepdims=True),
        MATRIX,
        why="The division by the number of examples is in the gradient already, or else done a second time.",
    ),
    mistake(
        "the mean runs over both axes, since axis=1 is missing",
        lambda d, n: np.sum(d, axis=1, keepdims=True) / n,
        lambda d, n: np.mean(d),
        MATRIX,
        SCALAR,
        when=_number,
        why=BIAS,
        often=1.1,
    ),
    mistake(
        "the mean runs over both axes, since axis=1 is missing",
        lambda d, n: np.sum(d, axis=1, keepdims=True) / n,
        lambda d, n: np.mean(d, keepdims=True),
        MATRIX,
        SCALAR,
        when=_number,
        why=BIAS,
        often=1.1,
    ),
    mistake(
        "the mean runs over the wrong axis",
        lambda d, n: np.sum(d, axis=1, keepdims=True) / n,
        lambda d, n: np.mean(d, axis=0, keepdims=True),
        MATRIX,
        SCALAR,
        when=_number,
        why=BIAS,
        often=1.1,
    ),
    mistake(
        "the sum over the examples is missing",
        lambda d: np.sum(d, axis=1, keepdims=True),
        lambda d: d,
        MATRIX,
        why=BIAS,
        often=1.2,
    ),
]

MISTAKES = [*SLOPES, *ACTIVATIONS, *AVERAGES, *OUTPUTS, *PRODUCTS, *SUMS]
