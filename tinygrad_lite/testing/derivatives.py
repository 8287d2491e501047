"""The derivatives that a gradient check compares: autograd's, and numerical ones that know nothing of autograd."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import tree
from ..rounding import describe_difference
from .comparison import Precision
from .complex_parts import split_complex_arguments, split_complex_result
from .numerical import (
    EPS,
    Estimate,
    Vector,
    complex_step,
    differences,
    ignore_warnings,
    measure_noise,
    measure_roughness,
)
from .report import GradientError
from .vectors import Layout, as_plain_array, concatenate

_ROUNDINGS = 1000  # by which two calls with the same arguments may differ: threads add up in any order
_DRIFTS = tuple(2.0**-k for k in (10, 10, 8, 8, 6, 6, 5, 5, 4, 4, 3, 3))  # steps relative to x


@dataclass(frozen=True)
class Checked:
    """Whose derivatives are checked: two functions called like tg.vjp and tg.jvp, and what to call them."""

    vjp: Callable[..., Any]
    jvp: Callable[..., Any]
    vjp_name: str
    jvp_name: str


class FlatFunction:
    """A function and where to look at it, in vectors: x, and f(x) in float64 whatever the dtypes of the
    arguments.
    """

    def __init__(self, f: Callable[..., Any], name: str, args: tuple[Any, ...], names: Sequence[str]) -> None:
        self.name = name
        self.f, args, self.arg_names = split_complex_arguments(f, args, names)
        named = zip(args, self.arg_names, strict=True)
        self.inputs = Layout(args, [path for arg, arg_name in named for path in tree.paths(arg, arg_name)])
        if not self.inputs.leaves:
            raise ValueError(
                f"check_gradients({name}): none of the arguments holds floating-point numbers, so there is nothing to "
                "differentiate; convert integers with .astype(float)"
            )
        self.args = self.inputs.tree(self.inputs.vector(args), exact=True)
        self.x: Vector = self.inputs.vector(args).astype(np.float64)
        with ignore_warnings():
            self.f = split_complex_result(self.f, self.f(*self.inputs.tree(self.x)))
            result = self.f(*self.inputs.tree(self.x))
        self.outputs = Layout(result, tree.paths(result, "result"))
        if not self.outputs.leaves:
            raise ValueError(f"check_gradients({name}): the result holds no floating-point numbers")
        self.value: Vector = self.outputs.vector(result)
        with ignore_warnings():
            second_value = self(self.x)
        eps = float(np.max(self.outputs.eps, initial=EPS))
        if describe_difference(second_value, self.value, roundings=_ROUNDINGS, eps=eps) is not None:
            raise ValueError(
                f"check_gradients({name}): two calls with the same arguments gave different results, so it has no "
                "derivative to compare with; does it draw random numbers? Give it a fixed seed, or the draw as an "
                "argument"
            )

    def widen(self) -> FlatFunction | None:
        """The same with float64 arguments; None if they are so already."""
        if all(leaf.dtype == np.float64 for leaf in self.inputs.leaves):
            return None
        args = self.inputs.tree(self.x)
        return FlatFunction(self.f, self.name, args, self.arg_names)

    def __call__(self, vector: NDArray[Any]) -> NDArray[Any]:
        """f at vector; not a number where the result's shapes, which may depend on the numbers, are others there."""
        arrays = [as_plain_array(leaf) for leaf in tree.flatten(self.f(*self.inputs.tree(vector)))[0]]
        if [array.shape for array in arrays] != self.outputs.shapes:
            return np.full(self.outputs.size, np.nan)
        return self.outputs.join(arrays)


def make_gradient_function(
    subject: FlatFunction, take_vjp: Callable[..., Any], cotangent: Any
) -> tuple[Callable[..., Any], tuple[Any, ...], list[str]]:
    """The gradient as a function of the arguments and of the cotangent, to be differentiated once more."""

    def gradient(*operands: Any) -> Any:
        *args, g = operands
        return take_vjp(subject.f, *args)[1](g)

    return gradient, (*subject.args, cotangent), [*subject.arg_names, "cotangent"]


class NumericalDerivatives:
    """The numerical derivatives of a subject along any direction, by the best method that can be trusted."""

    def __init__(self, subject: FlatFunction, rng: np.random.Generator, noise: Vector | None = None) -> None:
        """noise: the rounding error of each entry of the value, where more is known than the value shows."""
        self.f, self.x = subject, subject.x
        self.eps = subject.outputs.eps
        self.noise = measure_noise(subject, self.x, self.eps)
        self.scale = np.abs(subject.value)
        if noise is not None:
            self.noise = np.fmax(self.noise, noise)
            self.scale = np.fmax(self.scale, noise / EPS)
        self.analytic = all(self._agree(self._direction(rng)) for _ in range(2))
        self.method = "complex step" if self.analytic else "differences"

    def along(self, d: Vector) -> Estimate:
        """The derivative along d of every entry of f."""
        if self.analytic:
            value = complex_step(self.f, self.x, d)
            if value is not None:
                error = 64 * EPS * np.abs(value)
                return Estimate(value, error, np.zeros(value.shape), np.where(value == 0, 0.0, self.scale))
        return self.by_differences(d)

    def measure_sensitivity(self, d: Vector) -> Estimate:
        """The derivative along d; error: how far the last digits of x move it. f may amplify them (eigenvalues do)."""
        here, wiggle = self.along(d), np.random.default_rng(0)
        moved = np.zeros(here.value.shape)
        for _ in range(4 if self.analytic else 0):
            near = complex_step(self.f, self.x * (1 + 2 * EPS * wiggle.uniform(-1, 1, self.x.shape)), d)
            if near is not None:
                moved = np.fmax(moved, 4 * np.abs(near - here.value))
        return replace(here, error=moved)

    def by_differences(self, d: Vector) -> Estimate:
        found = differences(self.f, self.x, d, self.noise, self.eps)
        return replace(found, scale=np.where(found.scale == 0, 0.0, self.scale))

    def _direction(self, rng: np.random.Generator) -> Vector:
        """A random direction along which no entry of x changes sign before the others have changed by as much."""
        return draw_away_from_zero(rng, self.x.size) * np.where(self.x == 0, 1.0, np.minimum(np.abs(self.x), 1.0))

    def _agree(self, d: Vector) -> bool:
        """Whether the complex step may be believed: along d it says what differences say, and there is no
        kink.
        """
        proposal = complex_step(self.f, self.x, d)
        if proposal is None:
            return False
        check = self.by_differences(d)
        rounding = 1e-12 * np.abs(proposal)  # of the complex step, which the error of the differences says nothing of
        close = np.abs(proposal - check.value) <= check.error + rounding
        return bool(np.all(close & ~check.kink))


class AutogradDerivatives:
    """Autograd's answers in vectors, and how much they owe to rounding."""

    def __init__(
        self,
        subject: FlatFunction,
        checked: Checked,
        rng: np.random.Generator,
    ) -> None:
        self.subject, self.checked, self.rng = subject, checked, rng
        # Its own result's structure is what a cotangent must have; it may be a plain tuple for a named one.
        result = checked.vjp(subject.f, *subject.args)[0]
        self.outputs = Layout(result, tree.paths(result, "result"))
        self.eps = float(np.max(concatenate([subject.inputs.eps, self.outputs.eps]), initial=EPS))  # of its arithmetic
        self.precision = Precision(self.eps)

    def vjp(self, g: Vector) -> tuple[Vector, Vector]:
        """The gradient of <g, f>, and how far the last digits of g move it."""
        self._check_value()
        return self._measure_noise_of(self._vjp, g)

    def jvp(self, t: Vector) -> tuple[Vector, Vector]:
        """The tangent of f along t, and how far the last digits of t move it."""
        return self._measure_noise_of(self._jvp, t)

    def measure_vjp_rounding(self, g: Vector) -> Vector:
        """The rounding error of the gradient: how rough it is as a function of x."""
        return 4 * measure_roughness(lambda x: self._vjp(x, g), self.subject.x, self.eps)

    def measure_jvp_rounding(self, t: Vector) -> Vector:
        """The rounding error of the tangent."""
        return 4 * measure_roughness(lambda x: self._jvp(x, t), self.subject.x, self.eps)

    def measure_vjp_drift(self, wide: AutogradDerivatives, g: Vector) -> Vector:
        """How far rounding moves the gradient from the same in float64, close to x."""
        return self._measure_drift(lambda x: self._vjp(x, g), lambda x: wide._vjp(x, g))

    def measure_jvp_drift(self, wide: AutogradDerivatives, t: Vector) -> Vector:
        """The same of the tangent."""
        return self._measure_drift(lambda x: self._jvp(x, t), lambda x: wide._jvp(x, t))

    def _measure_drift(self, narrow: Callable[[Vector], Vector], wide: Callable[[Vector], Vector]) -> Vector:
        """How much the ratio of the two changes close to x, in numbers.

        That is what rounding makes of it, also where the narrower one stands still because it saturates: tanh(9) is 1
        in float32, and 1 - y * y a staircase whose steps are seen from further off. A wrong factor or sign is the same
        everywhere, however steep the derivative is.
        """
        x, rng = self.subject.x, np.random.default_rng(0)
        here, true = narrow(x), wide(x)
        ratio = np.divide(here, true, out=np.ones_like(true), where=true != 0)
        drift = np.zeros(here.shape)
        for step in _DRIFTS:
            moved = self.subject.inputs.round_to_dtypes(x * (1 + step * rng.uniform(-1, 1, x.shape)))
            drift = np.fmax(drift, np.abs(narrow(moved) - ratio * wide(moved)))
        return np.where(np.isfinite(drift), 2 * drift, 0.0)

    def _measure_noise_of(
        self, derivative: Callable[[NDArray[Any], Vector], Vector], direction: Vector
    ) -> tuple[Vector, Vector]:
        exact = derivative(self.subject.x, direction)
        wiggled = direction * (1 + self.eps * self.rng.uniform(-2, 2, direction.shape))
        return exact, 4 * np.abs(derivative(self.subject.x, wiggled) - exact)

    def _vjp(self, x: NDArray[Any], g: Vector) -> Vector:
        inputs, name = self.subject.inputs, self.subject.name
        args = inputs.tree(x, exact=True)
        _, pullback = self.checked.vjp(self.subject.f, *args)
        gradients = tree.flatten(pullback(self.outputs.tree(g, exact=True)))[0]
        if len(gradients) != len(inputs.leaves):
            raise GradientError(
                f"{name}: {len(gradients)} gradients came back for {len(inputs.leaves)} arrays; the trees must be alike"
            )
        parts = []
        for leaf, gradient in zip(inputs.leaves, gradients, strict=True):
            array = as_plain_array(gradient)
            if array.shape != leaf.shape or array.dtype != leaf.dtype:
                raise GradientError(
                    f"{name}: the gradient with respect to {leaf.name} is {array.dtype} {array.shape}, "
                    f"but {leaf.name} is {leaf.dtype} {leaf.shape}: the two must be alike"
                )
            parts.append(array.reshape(-1))
        gradient_of_all: Vector = concatenate(parts).astype(np.float64)
        return gradient_of_all

    def _jvp(self, x: NDArray[Any], t: Vector) -> Vector:
        inputs, name = self.subject.inputs, self.subject.name
        args, tangents = inputs.tree(x, exact=True), inputs.tree(t, exact=True)
        _, dy = self.checked.jvp(self.subject.f, args, tangents)
        leaves, _ = tree.flatten(dy)
        for leaf in self.outputs.leaves:
            array = as_plain_array(leaves[leaf.index])
            if array.shape != leaf.shape or array.dtype != leaf.dtype:
                raise GradientError(
                    f"{name}: the tangent of {leaf.name} is {array.dtype} {array.shape}, "
                    f"but {leaf.name} is {leaf.dtype} {leaf.shape}: the two must be alike"
                )
        tangent: Vector = self.outputs.vector(dy).astype(np.float64)
        return tangent

    def _check_value(self) -> None:
        """With autograd watching, f must give what it gives without."""
        values = self.checked.vjp(self.subject.f, *self.subject.args)[0], self.subject.f(*self.subject.args)
        watched, plain = (self.outputs.vector(value).astype(np.float64) for value in values)
        if describe_difference(watched, plain, eps=self.eps) is not None:
            raise GradientError(
                f"{self.subject.name}: its value under {self.checked.vjp_name} differs from its value on plain arrays: "
                f"{watched[:4]}… against {plain[:4]}…"
            )


def draw_away_from_zero(rng: np.random.Generator, size: int) -> Vector:
    """Random numbers with random signs, no two alike and none small: nothing hides behind a uniform or a zero
    one.
    """
    signed: Vector = rng.uniform(0.5, 2, size) * rng.choice([-1.0, 1.0], size)
    return signed
