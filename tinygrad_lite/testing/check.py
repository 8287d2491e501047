"""check_gradients: autograd's derivatives against numbers that know nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import transforms
from .judge import KINK, UNDEFINED, Found, compare
from .numerical import Estimate, Vector, quiet
from .report import Entry, GradientError, Mistake, Report, accusation
from .sides import AutogradSide, NumericalSide, Subject, away_from_zero, gradient_function
from .vectors import Leaf, argument_names, function_name

Mode = Literal["vjp", "jvp"]
_DIRECTIONS = 4  # random directions along which an input too large to be checked element by element is checked


def check_gradients(
    f: Callable[..., Any],
    *args: Any,
    order: int = 1,
    modes: Sequence[Mode] = ("vjp", "jvp"),
    seed: int = 0,
    max_elements: int = 500,
    vjp: Callable[..., Any] | None = None,
    jvp: Callable[..., Any] | None = None,
) -> Report:
    """Compare autograd's derivatives of f at args with numerical ones; raise GradientError if any is wrong.

    f: a function of trees of arrays, of any shapes, with a tree of arrays as its result; it must work on
    plain arrays too. args: where to look; every float array among them is checked, in float64 on the
    numerical side (so a float32 argument is checked as float32 against a float64 truth). order: 1, or 2 to
    check the gradient of the gradient as well. modes: 'vjp' (reverse), 'jvp' (forward); with both, that one
    is the transpose of the other. seed: of the random cotangent (non-uniform, never near zero) and
    directions. max_elements: an input with more elements is checked along random directions, which see every
    element at once, and at that many elements of a random sample; a direction in dispute is bisected until
    the guilty element is found. vjp, jvp: whose derivatives to check, if not tg.vjp and tg.jvp (same call and
    results).

    The numerical side is the complex step where f turns out to be analytic, else central differences; each
    number has its own error bar, and each element is judged against that, never against the size of its
    neighbours. The Report has one entry per input and mode with one of three verdicts: right, wrong (then
    GradientError is raised, naming the element, autograd's value and the true one), or cannot tell (at a
    kink, below the noise of f, where float32 is too coarse), for which nothing is raised but `report.ok` is
    False.

    >>> import numpy as np, tinygrad_lite as tg
    >>> def layer(W, b, X):
    ...     return tg.sigmoid(np.dot(W, X) + b)
    >>> rng = np.random.default_rng(0)
    >>> report = check_gradients(layer, rng.normal(size=(2, 3)), rng.normal(size=(2, 1)), rng.normal(size=(3, 5)))
    >>> report.ok
    True

    An op with a wrong derivative does not pass:

    >>> wrong = tg.elementwise(np.tanh, lambda y, x: 1.001 - y * y, name="wrong")
    >>> check_gradients(wrong, np.array([0.5, 1.0]), modes=["vjp"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    tinygrad_lite.testing.report.GradientError: wrong: the gradient with respect to args[0] is wrong ...
    """
    if order not in (1, 2):
        raise ValueError(f"check_gradients: order={order!r}; it is 1 or 2 (check tg.grad(f) itself for the third)")
    if not modes or set(modes) - {"vjp", "jvp"}:
        raise ValueError(f"check_gradients: modes={modes!r}; it takes 'vjp', 'jvp' or both")
    name = function_name(f)
    rng = np.random.default_rng(seed)
    subject = Subject(f, name, args, argument_names(f, len(args)))
    derivatives = vjp or transforms.vjp, jvp or transforms.jvp
    first = _Check(subject, *derivatives, 1, rng, max_elements)
    entries = first.run(modes)
    if order == 2 and not any(entry.wrong for entry in entries):
        gradient, operands, names = gradient_function(subject, derivatives[0], first.cotangent)
        second = Subject(gradient, name, operands, names)
        entries += _Check(second, *derivatives, 2, rng, max_elements).run(modes)
    report = Report(name, tuple(entries), first.cotangent)
    if any(entry.wrong for entry in entries):
        raise GradientError(accusation(report), report)
    return report


class _Check:
    """All comparisons of one function at one order."""

    def __init__(
        self,
        subject: Subject,
        take_vjp: Callable[..., Any],
        take_jvp: Callable[..., Any],
        order: int,
        rng: np.random.Generator,
        max_elements: int,
    ) -> None:
        self.subject, self.order, self.rng, self.max_elements = subject, order, rng, max_elements
        with quiet():
            self.numerical = NumericalSide(subject, rng)
            self.auto = AutogradSide(subject, take_vjp, take_jvp, rng)
            self.g = self.auto.outputs.rounded(away_from_zero(rng, subject.outputs.size))
        self.cotangent = self.auto.outputs.tree(self.g, exact=True)

    def run(self, modes: Sequence[Mode]) -> list[Entry]:
        entries: list[Entry] = []
        with quiet():
            if "vjp" in modes:
                gradient, noise = self.auto.vjp(self.g)
                entries += [self._vjp(leaf, gradient, noise) for leaf in self.subject.inputs.leaves]
            if "jvp" in modes:
                entries += [self._jvp(leaf) for leaf in self.subject.inputs.leaves]
            if {"vjp", "jvp"} <= set(modes):
                entries.append(self._transpose())
        return entries

    # -- reverse mode ----------------------------------------------------------------------------------------------

    def _vjp(self, leaf: Leaf, gradient: Vector, noise: Vector) -> Entry:
        """One input's gradient of <g, f>, element by element; where there are many, a sample and
        directions.
        """
        some = np.arange(leaf.size)
        undecided = 0
        if leaf.size > self.max_elements:
            some = self.rng.choice(leaf.size, self.max_elements, replace=False)
            for _ in range(_DIRECTIONS):
                guilty, kink = self._bisected(leaf, gradient, noise)
                some = np.union1d(some, np.array(guilty, int))
                undecided += kink
        mine, my_noise = gradient[leaf.part][some], noise[leaf.part][some]

        def again(disputed: NDArray[Any]) -> Estimate:
            return self._along_axes(leaf, some[disputed], self.numerical.by_differences)

        estimate = self._along_axes(leaf, some, self.numerical.along)
        found = compare(mine, my_noise, estimate, again, self.numerical.method, self.auto)
        entry = found.entry(leaf.name, "vjp", self.order, leaf.size, lambda i: leaf.element(int(some[i])))
        if undecided:
            entry.undecided[KINK] = entry.undecided.get(KINK, 0) + undecided
        return entry

    def _along_axes(self, leaf: Leaf, elements: NDArray[Any], derivative: Callable[[Vector], Estimate]) -> Estimate:
        """The derivative of <g, f> with respect to each of these elements of an input."""
        estimates = []
        for i in elements:
            d = np.zeros(self.subject.x.size)
            d[leaf.start + i] = 1
            estimates.append(self._contracted(derivative(d)))
        values, errors, jumps = zip(*estimates, strict=True) if estimates else ((), (), ())
        return Estimate(np.array(values, float), np.array(errors, float), np.array(jumps, float))

    def _contracted(self, estimate: Estimate) -> tuple[float, float, float]:
        """The derivative of <g, f>, its error, and the jump of its slope."""
        size = np.abs(self.g)
        error, jump = np.sum(size * estimate.error), np.sum(size * estimate.jump)
        return float(np.sum(self.g * estimate.value)), float(error), float(jump)

    def _bisected(self, leaf: Leaf, gradient: Vector, noise: Vector) -> tuple[list[int], bool]:
        """The element that a random direction says is wrong, if any, found by halving it; whether it met a
        kink.
        """
        d = away_from_zero(self.rng, leaf.size)

        def excess(low: int, high: int) -> tuple[float, bool]:
            """How far beyond its error bar the disagreement along these elements is; up to 1 they agree."""
            part = np.zeros(self.subject.x.size)
            part[leaf.start + low : leaf.start + high] = d[low:high]
            value, error, jump = self._contracted(self.numerical.along(part))
            bar = error + _root_sum_square(4 * noise * part) + 1e-3 * self.auto.rtol * np.sum(np.abs(gradient * part))
            ratio = np.abs(np.sum(gradient * part) - value) / max(bar, np.finfo(float).tiny)
            return (np.inf if np.isnan(ratio) else float(ratio)), jump > 0

        low, high = 0, leaf.size
        disagreement, kink = excess(low, high)
        if kink or disagreement <= 1:
            return [], kink
        while high - low > 1:
            middle = (low + high) // 2
            if excess(low, middle)[0] >= excess(middle, high)[0]:
                high = middle
            else:
                low = middle
        return [low], False

    # -- forward mode ----------------------------------------------------------------------------------------------

    def _jvp(self, leaf: Leaf) -> Entry:
        """The tangent of every entry of the result, along two random directions of one input."""
        findings = []
        for _ in range(2):
            d = np.zeros(self.subject.x.shape)
            d[leaf.part] = away_from_zero(self.rng, leaf.size)
            d = self.subject.inputs.rounded(d)

            def again(disputed: NDArray[Any], d: Vector = d) -> Estimate:
                return self.numerical.by_differences(d).at(disputed)

            tangent, noise = self.auto.jvp(d)
            method = self.numerical.method
            findings.append(compare(tangent, noise, self.numerical.along(d), again, method, self.auto))

        def described(i: int) -> str:
            element = self.subject.outputs.element(i % self.subject.outputs.size)
            return f"{element} along a random direction of {leaf.name}"

        return Found.joined(findings).entry(leaf.name, "jvp", self.order, leaf.size, described)

    # -- one against the other -------------------------------------------------------------------------------------

    def _transpose(self) -> Entry:
        """<g, J t> against <Jᵀ g, t>: the two modes must be transposes of one another, at kinks too."""
        t = self.subject.inputs.rounded(away_from_zero(self.rng, self.subject.x.size))
        gradient, gradient_noise = self.auto.vjp(self.g)
        tangent, tangent_noise = self.auto.jvp(t)
        forward, reverse = float(np.sum(self.g * tangent)), float(np.sum(gradient * t))
        size = np.sum(np.abs(self.g * tangent)) + np.sum(np.abs(gradient * t))
        noise = _root_sum_square(self.g * tangent_noise) + _root_sum_square(t * gradient_noise)
        bar = float(1e-3 * self.auto.rtol * size + 4 * noise)
        mistakes: tuple[Mistake, ...] = ()
        undecided = {} if np.isfinite(forward) and np.isfinite(reverse) else {UNDEFINED: 1}
        if not undecided and not abs(forward - reverse) <= bar:
            what = "<g, jvp(t)> against <vjp(g), t> for a random cotangent g and tangent t"
            mistakes = (Mistake(what, forward, reverse, bar, "which should be equal", ("forward", "reverse")),)
        return Entry(
            input="all inputs",
            mode="jvp against vjp",
            order=self.order,
            checked=1,
            size=self.subject.x.size,
            method="one number",
            mistakes=mistakes,
            wrong=len(mistakes),
            undecided=undecided,
        )


def _root_sum_square(x: Vector) -> float:
    return float(np.sqrt(np.sum(x**2)))
