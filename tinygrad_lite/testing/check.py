"""check_gradients: autograd's derivatives against numbers that know nothing of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from operator import methodcaller
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import transforms
from ..arguments import name_arguments
from .comparison import KINK, ROUNDING, UNDEFINED, Comparison, compare
from .derivatives import (
    AutogradDerivatives,
    Checked,
    FlatFunction,
    NumericalDerivatives,
    draw_away_from_zero,
    make_gradient_function,
)
from .in_numpy import hold_in_numpy
from .numerical import EPS, Estimate, Vector, ignore_warnings
from .power import measure_power
from .report import Entry, GradientError, Mistake, Report, describe_mistakes
from .vectors import Leaf, name_function

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
    numerical side (so a float32 argument is checked as float32 against a float64 truth); f is called with another
    library's arrays, such as CuPy's, where args has them. order: 1, or 2 to
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
    False. `report.power()` tells which wrong rules this check would have noticed.

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
    tinygrad_lite.testing.report.GradientError: wrong: the gradient with respect to x is wrong: 2 of 2 numbers
        ...
    """
    __tracebackhide__ = methodcaller("errisinstance", GradientError)  # pytest shows the caller's line, not this one
    if order not in (1, 2):
        raise ValueError(f"check_gradients: order={order!r}; it is 1 or 2 (check tg.grad(f) itself for the third)")
    if not modes or set(modes) - {"vjp", "jvp"}:
        raise ValueError(f"check_gradients: modes={modes!r}; it takes 'vjp', 'jvp' or both")

    f, args = hold_in_numpy(f, args)

    def check(vjp: Any, jvp: Any) -> Report:
        return _check(f, args, order, modes, seed, max_elements, vjp, jvp)

    try:
        report = check(vjp, jvp)
    except GradientError as error:
        raise error.with_traceback(None) from None  # what was found, and not how

    def fails(vjp: Any, jvp: Any) -> bool:
        try:
            check(vjp, jvp)
        except Exception:  # a wrong rule may also give a wrong shape
            return True
        return False

    return replace(report, measure_power=partial(measure_power, report.function, f, args, fails))


def _check(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    order: int,
    modes: Sequence[Mode],
    seed: int,
    max_elements: int,
    vjp: Callable[..., Any] | None,
    jvp: Callable[..., Any] | None,
) -> Report:
    name = name_function(f)
    rng = np.random.default_rng(seed)
    subject = FlatFunction(f, name, args, name_arguments(f, len(args)))
    checked = Checked(
        *(vjp or transforms.vjp, jvp or transforms.jvp),
        *("your vjp" if vjp else "autograd", "your jvp" if jvp else "autograd"),
    )
    first = _Check(subject, checked, 1, rng, max_elements)
    entries = first.run(modes)
    if order == 2 and not any(entry.wrong for entry in entries):
        gradient, operands, names = make_gradient_function(subject, checked.vjp, first.cotangent)
        second = FlatFunction(gradient, name, operands, names)
        entries += _Check(second, checked, 2, rng, max_elements, first.rounding).run(modes)
    report = Report(name, tuple(entries), first.cotangent)
    if any(entry.wrong for entry in entries):
        raise GradientError(describe_mistakes(report), report)
    return report


class _Check:
    """All comparisons of one function at one order.

    They are made in float64; if an argument is narrower, autograd's answers in its own dtype are then compared
    with its answers in float64, which by then are known to be right or wrong.
    """

    def __init__(
        self,
        subject: FlatFunction,
        checked: Checked,
        order: int,
        rng: np.random.Generator,
        max_elements: int,
        noise: Vector | None = None,
    ) -> None:
        self.checked, self.order, self.rng, self.max_elements = checked, order, rng, max_elements
        with ignore_warnings():
            wide = subject.widen()
            self.subject = wide or subject
            self.numerical = NumericalDerivatives(self.subject, rng, noise)
            self.auto = AutogradDerivatives(self.subject, checked, rng)
            self.narrow = AutogradDerivatives(subject, checked, rng) if wide else None
        layout = (self.narrow or self.auto).outputs
        self.g = layout.round_to_dtypes(draw_away_from_zero(rng, layout.size))
        self.cotangent = layout.tree(self.g, exact=True)
        # What rounding may do to the gradient: known once it has been checked element by element.
        self.rounding = np.zeros(self.subject.x.size)

    def run(self, modes: Sequence[Mode]) -> list[Entry]:
        entries: list[Entry] = []
        with ignore_warnings():
            if "vjp" in modes:
                entries += self._check_vjps()
            if "jvp" in modes:
                entries += [entry for leaf in self.subject.inputs.leaves for entry in self._check_jvps(leaf)]
            if {"vjp", "jvp"} <= set(modes):
                entries.append(self._check_transpose(self.auto, "jvp against vjp"))
                if self.narrow:
                    entries.append(self._check_transpose(self.narrow, f"jvp against vjp{self._in_narrow}"))
        return entries

    @property
    def _in_narrow(self) -> str:
        narrowest = min((leaf.dtype for leaf in self.narrow.subject.inputs.leaves), key=lambda d: d.itemsize)  # type: ignore[union-attr]
        return f" in {narrowest}"

    def _make_entry(
        self, found: Comparison, leaf: Leaf, mode: Mode, describe: Callable[[int], str], where: str = ""
    ) -> Entry:
        claimed = self.checked.vjp_name if mode == "vjp" else self.checked.jvp_name
        return found.entry(leaf.name, f"{mode}{where}", claimed, self.order, leaf.size, describe)

    def _unit(self, leaf: Leaf, step: float = 1.0) -> float:
        """The step over the size of an input (1 at most, since what is computed from it need not be larger); NaN has
        no size."""
        size = min(float(np.fmax.reduce(np.abs(self.subject.x[leaf.part]), initial=0.0)), 1.0)
        return step / (max(size, np.finfo(float).tiny) if size else 1.0)

    # -- reverse mode ----------------------------------------------------------------------------------------------

    def _check_vjps(self) -> list[Entry]:
        entries = []
        gradient, noise = self.auto.vjp(self.g)
        narrow = self.narrow.vjp(self.g) if self.narrow else None
        for leaf in self.subject.inputs.leaves:
            some, kinks = self._choose_elements(leaf, gradient, noise)
            mine = leaf.start + some
            estimate = self._differentiate_along_axes(mine, self.numerical.along)
            unit = self._unit(leaf)
            scale = estimate.scale * unit
            self.rounding[leaf.part] = EPS * np.max(scale, initial=1.0)
            self.rounding[mine[scale > 0]] = EPS * np.maximum(scale[scale > 0], 1.0)

            def differentiate_again(disputed: NDArray[Any], mine: NDArray[Any] = mine) -> Estimate:
                return self._differentiate_along_axes(mine[disputed], self.numerical.by_differences)

            def describe(i: int, leaf: Leaf = leaf, some: NDArray[Any] = some) -> str:
                return leaf.element(int(some[i]))

            found = compare(
                *(gradient[mine], noise[mine], estimate, self.auto.precision, unit, self.numerical.method),
                measure_rounding=partial(self._measure_vjp_rounding, self.auto, mine),
                by_differences=differentiate_again if self.numerical.analytic else None,
            )
            entry = self._make_entry(found, leaf, "vjp", describe)
            if kinks:
                entry.undecided[KINK] = entry.undecided.get(KINK, 0) + kinks
            entries.append(entry)
            if self.narrow and narrow:
                found = self._compare_narrow(
                    *(narrow[0][mine], narrow[1][mine], gradient[mine], noise[mine], estimate.scale, unit),
                    measure_rounding=partial(self._measure_narrow_rounding, mine),
                )
                entries.append(self._make_entry(found, leaf, "vjp", describe, self._in_narrow))
        return entries

    def _measure_rounding_at(self, auto: AutogradDerivatives, elements: NDArray[Any]) -> Vector:
        rounding: Vector = auto.measure_vjp_rounding(self.g)[elements]
        return rounding

    def _measure_narrow_rounding(self, elements: NDArray[Any]) -> Vector:
        assert self.narrow is not None
        drift = self.narrow.measure_vjp_drift(self.auto, self.g)[elements]
        found: Vector = np.fmax(self._measure_rounding_at(self.narrow, elements), drift)
        return found

    def _choose_elements(self, leaf: Leaf, gradient: Vector, noise: Vector) -> tuple[NDArray[Any], int]:
        """Which elements of an input to check: all, or a sample and those that random directions accuse.

        And how many of the directions met a kink.
        """
        if leaf.size <= self.max_elements:
            return np.arange(leaf.size), 0
        some = self.rng.choice(leaf.size, self.max_elements, replace=False)
        directions = [self._bisect(leaf, gradient, noise) for _ in range(_DIRECTIONS)]
        guilty = np.array([i for accused, _ in directions for i in accused], int)
        return np.union1d(some, guilty), sum(kink for _, kink in directions)

    def _compare_narrow(
        self,
        narrow: Vector,
        narrow_noise: Vector,
        wide: Vector,
        noise: Vector,
        scale: Vector,
        unit: float,
        measure_rounding: Callable[[], Vector],
    ) -> Comparison:
        """Autograd's numbers in a narrower dtype, against its own in float64."""
        assert self.narrow is not None
        truth = Estimate(wide, np.where(np.isfinite(wide), noise, np.inf), np.zeros(wide.shape), scale)
        precision = self.narrow.precision
        return compare(narrow, narrow_noise, truth, precision, unit, "the same in float64", measure_rounding)

    def _measure_vjp_rounding(self, auto: AutogradDerivatives, mine: NDArray[Any]) -> Vector:
        """How far the last digits move the gradient, autograd's or the numerical one."""
        numerical = self._differentiate_along_axes(mine, self.numerical.measure_sensitivity)
        return np.fmax(self._measure_rounding_at(auto, mine), numerical.error)

    def _measure_jvp_rounding(self, d: Vector) -> Vector:
        """The same for the derivative along d."""
        return np.fmax(self.auto.measure_jvp_rounding(d), self.numerical.measure_sensitivity(d).error)

    def _differentiate_along_axes(self, elements: NDArray[Any], derivative: Callable[[Vector], Estimate]) -> Estimate:
        """The derivative of <g, f> with respect to each of these entries of x."""
        rows = []
        for i in elements:
            d = np.zeros(self.subject.x.size)
            d[i] = 1
            rows.append(self._contract(derivative(d)))
        return Estimate(*np.array(rows, float).reshape(-1, 4).T)

    def _contract(self, estimate: Estimate) -> tuple[float, float, float, float]:
        """The derivative of <g, f>: value, error, jump of the slope, scale."""
        size = np.abs(self.g)
        error, jump, scale = (np.sum(size * each) for each in (estimate.error, estimate.jump, estimate.scale))
        return float(np.sum(self.g * estimate.value)), float(error), float(jump), float(scale)

    def _bisect(self, leaf: Leaf, gradient: Vector, noise: Vector) -> tuple[list[int], bool]:
        """The element that a random direction says is wrong, if any, found by halving it; whether it met a kink."""
        d = draw_away_from_zero(self.rng, leaf.size)
        rtol = 1e-3 * self.auto.precision.rtol  # less than of one element: a sum of many is as exact, and hides more

        def measure_excess(low: int, high: int) -> tuple[float, bool]:
            """How far beyond its error bar the disagreement along these elements is; up to 1 they agree."""
            part = np.zeros(self.subject.x.size)
            part[leaf.start + low : leaf.start + high] = d[low:high]
            value, error, jump, _ = self._contract(self.numerical.along(part))
            bar = error + _root_sum_square(4 * noise * part) + rtol * np.sum(np.abs(gradient * part))
            ratio = np.abs(np.sum(gradient * part) - value) / max(bar, np.finfo(float).tiny)
            return (np.inf if np.isnan(ratio) else float(ratio)), jump > 0

        low, high = 0, leaf.size
        disagreement, kink = measure_excess(low, high)
        if kink or disagreement <= 1:
            return [], kink
        while high - low > 1:
            middle = (low + high) // 2
            if measure_excess(low, middle)[0] >= measure_excess(middle, high)[0]:
                high = middle
            else:
                low = middle
        return [low], False

    # -- forward mode ----------------------------------------------------------------------------------------------

    def _check_jvps(self, leaf: Leaf) -> list[Entry]:
        """The tangent of every entry of the result, along a random direction of one input, and another."""
        findings, narrow_findings = [], []
        for _ in range(2 if self.order == 1 else 1):
            d = np.zeros(self.subject.x.shape)
            d[leaf.part] = draw_away_from_zero(self.rng, leaf.size)
            d = (self.narrow or self.auto).subject.inputs.round_to_dtypes(d)

            def differentiate_again(disputed: NDArray[Any], d: Vector = d) -> Estimate:
                return self.numerical.by_differences(d).at(disputed)

            tangent, noise = self.auto.jvp(d)
            estimate = self.numerical.along(d)
            unit = self._unit(leaf, float(np.max(np.abs(d), initial=0.0)))
            found = compare(
                *(tangent, noise, estimate, self.auto.precision, unit, self.numerical.method),
                measure_rounding=partial(self._measure_jvp_rounding, d),
                by_differences=differentiate_again if self.numerical.analytic else None,
            )
            findings.append(found)
            if self.narrow:
                narrow_findings.append(
                    self._compare_narrow(
                        *(*self.narrow.jvp(d), tangent, noise, estimate.scale, unit),
                        measure_rounding=partial(self._measure_narrow_jvp_rounding, d),
                    )
                )

        def describe(i: int) -> str:
            element = self.subject.outputs.element(i % self.subject.outputs.size)
            return f"{element} along a random direction of {leaf.name}"

        entries = [self._make_entry(Comparison.concatenate(findings), leaf, "jvp", describe)]
        if narrow_findings:
            found = Comparison.concatenate(narrow_findings)
            entries.append(self._make_entry(found, leaf, "jvp", describe, self._in_narrow))
        return entries

    def _measure_narrow_jvp_rounding(self, d: Vector) -> Vector:
        assert self.narrow is not None
        return np.fmax(self.narrow.measure_jvp_rounding(d), self.narrow.measure_jvp_drift(self.auto, d))

    # -- one against the other -------------------------------------------------------------------------------------

    def _check_transpose(self, auto: AutogradDerivatives, mode: str) -> Entry:
        """<g, J t> against <Jᵀ g, t>: the two modes must be transposes of one another, at kinks too."""
        t = auto.subject.inputs.round_to_dtypes(draw_away_from_zero(self.rng, self.subject.x.size))
        gradient, gradient_noise = auto.vjp(self.g)
        tangent, tangent_noise = auto.jvp(t)
        forward, reverse = float(np.sum(self.g * tangent)), float(np.sum(gradient * t))
        size = np.sum(np.abs(self.g * tangent)) + np.sum(np.abs(gradient * t))
        noise = _root_sum_square(self.g * tangent_noise) + _root_sum_square(t * gradient_noise)
        unit = max((self._unit(leaf, 2.0) for leaf in self.subject.inputs.leaves if leaf.size), default=0.0)
        scale = np.where(np.isfinite(self.numerical.scale), self.numerical.scale, 0.0)  # NaN is not rounded
        rounding = auto.precision.eps * max(unit * _root_sum_square(self.g * scale), 1.0)
        # Some units in the last place of all that is added up; and the noise, which one draw has measured.
        bar = float(64 * auto.precision.eps * size + 4 * noise + 64 * rounding)
        mistakes: tuple[Mistake, ...] = ()
        undecided = {} if np.isfinite(forward) and np.isfinite(reverse) else {UNDEFINED: 1}
        gap = abs(forward - reverse)
        if bar < gap <= 1e-7 * size:  # cancellation inside of f that the bar does not know of
            undecided = {ROUNDING: 1}
        if not undecided and not gap <= bar:
            what = "<g, jvp(t)> against <vjp(g), t> for a random cotangent g and tangent t"
            mistakes = (Mistake(what, forward, reverse, bar, "which should be equal", ("forward", "reverse")),)
        return Entry(
            input="all inputs",
            mode=mode,
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
