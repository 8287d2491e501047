"""The checker is itself checked: it must not be fooled, must not cry wolf, and must say when it cannot tell."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.everyday import one_in
from tinygrad_lite import tree
from tinygrad_lite.testing import GradientError, Verdict, check_gradients


def tampered(change: Callable[[np.ndarray[Any, Any]], Any], argument: int = 0) -> Callable[..., Any]:
    """tg.vjp, with one of the gradients changed."""

    def vjp(f: Callable[..., Any], *args: Any) -> Any:
        value, pullback = tg.vjp(f, *args)

        def changed(g: Any) -> Any:
            gradients = list(pullback(g))
            gradients[argument] = change(np.array(gradients[argument]))
            return tuple(gradients)

        return value, changed

    return vjp


def with_element(index: int, change: Callable[[Any], Any]) -> Callable[[np.ndarray[Any, Any]], Any]:
    def changed(gradient: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        gradient.flat[index] = change(gradient.flat[index])
        return gradient

    return changed


def layer(W: Any, b: Any, X: Any) -> Any:
    return np.tanh(np.dot(W, X) + b)


RNG = np.random.default_rng(0)
W, B, X = RNG.normal(size=(20, 20)), RNG.normal(size=(20, 1)), RNG.normal(size=(20, 3))

# -- what is right passes ----------------------------------------------------------------------------------------------

RIGHT = {
    "layer": (layer, (W[:4, :5], B[:4], X[:5])),
    "abs": (np.abs, (W[:3, :4],)),
    "relu": (tg.relu, (W[:3, :4],)),
    "max": (lambda x: np.max(x, axis=0), (W[:3, :4],)),
    "sum of many": (lambda x: np.sum(x * x), (W,)),
    "sigmoid": (tg.sigmoid, (np.linspace(-6, 6, 13),)),
    "two results": (lambda x, y: (x * y, {"sum": x + y}), (np.array([1.0, 2.0]), np.array(3.0))),
    "a Python number": (lambda x: x**3, (2.0,)),
    "a constant": (lambda x: 0 * x + 1, (np.ones(3),)),
    "integers beside": (lambda x, n: x**n, (np.array([1.5, 2.5]), np.array([2, 3]))),
    "nothing": (np.exp, (np.zeros((0, 3)),)),
    "tiny gradients": (lambda x: 1e-12 * np.sin(x), (np.array([0.3, 0.9]),)),
    "huge gradients": (lambda x: 1e12 * np.sin(x), (np.array([0.3, 0.9]),)),
    "very different gradients": (lambda x: x * 10.0 ** np.arange(-12, 4, 3), (np.linspace(0.5, 2, 6),)),
    "a small argument": (np.log, (np.array([1e-6, 1e-3, 1.0]),)),
}  # fmt: skip


@pytest.mark.parametrize(("case", "dtype"), one_in(3, itertools.product(RIGHT, [np.float64, np.float32])))
def test_right_gradients_pass(case: str, dtype: Any) -> None:
    f, args = RIGHT[case]
    args = tree.map(lambda x: x if np.asarray(x).dtype.kind == "i" else np.asarray(x, dtype), args)
    report = check_gradients(f, *args)
    assert report.ok, str(report)
    assert report.verdict is Verdict.RIGHT
    report = check_gradients(f, *args, order=2)
    assert report.ok or dtype is np.float32, str(report)  # a second derivative may be too much for float32
    assert {entry.order for entry in report.entries} == {1, 2}
    modes = {"vjp", "jvp", "jvp against vjp"}
    assert {entry.mode for entry in report.entries} - modes == (
        {f"{mode} in float32" for mode in modes} if dtype is np.float32 else set()
    )


def test_the_method_is_chosen() -> None:
    x = np.array([0.5, -1.5])
    assert {e.method for e in check_gradients(np.sin, x, modes=["vjp"]).entries} == {"complex step"}
    assert {e.method for e in check_gradients(np.abs, x, modes=["vjp"]).entries} == {"differences"}


# -- what is wrong does not --------------------------------------------------------------------------------------------


CHANGES = {
    "a thousandth more": lambda v: 1.001 * v,
    "zero": lambda v: 0.0,
    "a thousandth less": lambda v: 0.999 * v,
    "the sign": lambda v: -v,
    "not a number": lambda v: np.nan,
}
# All changes where a check is quick, by the complex step; the first two by differences and in float32.
WRONG_ELEMENTS = [(np.tanh, np.float64, change) for change in CHANGES] + [
    (f, dtype, change)
    for f, dtype in ((np.abs, np.float64), (np.abs, np.float32), (np.tanh, np.float32))
    for change in list(CHANGES)[:2]
]


@pytest.mark.thorough
@pytest.mark.parametrize(("f", "dtype", "change"), WRONG_ELEMENTS)
def test_one_wrong_element_in_400(f: Any, dtype: Any, change: str) -> None:
    corners = change == "zero" and f is np.tanh and dtype is np.float64  # which elements are looked at hangs on neither
    for index in (0, 399) if corners else (137,):
        vjp = tampered(with_element(index, CHANGES[change]))
        with pytest.raises(GradientError) as caught:
            check_gradients(f, W.astype(dtype), modes=["vjp"], vjp=vjp)
        entry = caught.value.report.entries[0]
        assert entry.wrong == 1
        assert entry.mistakes[0].where.endswith(f"[{index // 20}, {index % 20}]")


@pytest.mark.thorough
@pytest.mark.parametrize("f", [lambda x: x * SCALES, lambda x: np.abs(x) * SCALES], ids=["complex", "differences"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_zero_where_the_truth_is_1e_6(f: Any, dtype: Any) -> None:
    x = np.linspace(0.5, 2, 400).reshape(20, 20).astype(dtype)
    assert check_gradients(f, x).ok
    with pytest.raises(GradientError, match=r"x\[3, 7\]"):
        check_gradients(f, x, modes=["vjp"], vjp=tampered(with_element(67, lambda v: 0.0)))


SCALES = np.ones((20, 20), np.float32)
SCALES[3, 7] = 1e-6


def test_an_error_of_a_thousandth_everywhere() -> None:
    with pytest.raises(GradientError, match=r"your vjp is 1.001 times the truth in each"):
        check_gradients(np.tanh, W, modes=["vjp"], vjp=tampered(lambda g: 1.001 * g))


def test_an_error_of_a_millionth_is_seen_in_float64() -> None:
    with pytest.raises(GradientError):
        check_gradients(np.tanh, W, modes=["vjp"], vjp=tampered(lambda g: (1 + 1e-6) * g))


def test_a_gradient_right_for_uniform_cotangents_only() -> None:
    op = tg.custom_vjp(lambda x: x + 0, lambda g, y, x: 0 * x + np.mean(g), name="mixed")
    assert np.all(tg.vjp(op, np.ones((2, 3)))[1](np.ones((2, 3)))[0] == 1)
    with pytest.raises(GradientError, match="mixed"):
        check_gradients(op, W[:2, :3])


def test_a_wrong_gradient_of_one_of_several_inputs_names_it() -> None:
    with pytest.raises(GradientError, match="layer: the gradient with respect to b is wrong") as caught:
        check_gradients(layer, W, B, X, modes=["vjp"], vjp=tampered(lambda g: 1.01 * g, 1))
    message = str(caught.value)
    assert "b[0, 0]\n" in message
    assert "your vjp / numerical = 1.01" in message
    assert "random cotangent" in message
    assert "vjp, order 1, W: right" in message
    mistake = caught.value.report.entries[1].mistakes[0]
    truth = np.sum((1 - layer(W, B, X) ** 2) * caught.value.report.cotangent, axis=1)[0]
    assert mistake.numerical == pytest.approx(truth, rel=1e-12)
    assert mistake.autograd == pytest.approx(1.01 * truth, rel=1e-12)


def test_a_path_into_a_tree_is_named() -> None:
    @dataclass
    class Parameters:
        W: Any
        b: list[Any]

    def f(params: Parameters, x: Any) -> Any:
        return params.W * x + params.b[1] * params.b[0]

    params = Parameters(np.array([1.0, 2.0]), [np.array(3.0), np.array([4.0, 5.0])])
    assert check_gradients(f, params, np.array(2.0), order=2).ok

    def vjp(f: Any, *args: Any) -> Any:
        value, pullback = tg.vjp(f, *args)

        def changed(g: Any) -> Any:
            dparams, dx = pullback(g)
            return Parameters(dparams.W, [dparams.b[0], 2 * dparams.b[1]]), dx

        return value, changed

    with pytest.raises(GradientError, match=r"params\.b\[1\] is wrong: 2 of 2 numbers\n    params\.b\[1\]\[0\]"):
        check_gradients(f, params, np.array(2.0), modes=["vjp"], vjp=vjp)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda g: g[:, :1], r"is float64 \(20, 1\), but x is float64 \(20, 20\)"),
        (lambda g: g.astype(np.float32), r"is float32 \(20, 20\), but x is float64 \(20, 20\)"),
        (lambda g: [g, g], "2 gradients came back for 1 arrays"),
    ],
)
def test_a_gradient_of_the_wrong_form(change: Any, complaint: str) -> None:
    with pytest.raises(GradientError, match=complaint):
        check_gradients(lambda x: np.tanh(x), W, vjp=tampered(change))


def test_a_wrong_tangent() -> None:
    def jvp(f: Any, args: Any, tangents: Any) -> Any:
        value, tangent = tg.jvp(f, args, tangents)
        tangent.flat[7] *= 1.001
        return value, tangent

    with pytest.raises(GradientError, match=r"forward-mode derivative with respect to x is wrong: 2 of 800") as caught:
        check_gradients(lambda x: np.tanh(x), W, jvp=jvp)
    assert "result[0, 7] along a random direction of x" in str(caught.value)
    assert "forward and reverse mode contradict one another" in str(caught.value)


def test_modes_that_contradict_one_another_at_a_kink() -> None:
    """Where numbers cannot tell, the two modes are still each other's witness."""

    def jvp(f: Any, args: Any, tangents: Any) -> Any:
        value, tangent = tg.jvp(f, args, tangents)
        return value, tangent + (args[0] == 0) * tangents[0]

    with pytest.raises(GradientError, match="contradict one another"):
        check_gradients(tg.relu, np.array([0.0, 1.0, -2.0]), jvp=jvp)


def test_a_wrong_second_derivative_only() -> None:
    op = tg.elementwise(np.square, lambda y, x: 2 * tg.stop_gradient(x), name="once")
    assert check_gradients(op, W[0]).ok
    with pytest.raises(GradientError, match="once: the gradient of its gradient"):
        check_gradients(op, W[0], order=2)


def test_a_rule_that_forgets_the_cotangent_in_the_second_order() -> None:
    op = tg.custom_vjp(np.negative, lambda g, y, x: -tg.stop_gradient(g), name="cut")
    assert check_gradients(op, W[0], modes=["vjp"]).ok
    with pytest.raises(GradientError, match="with respect to cotangent is wrong"):
        check_gradients(op, W[0], order=2, modes=["vjp"])


def test_a_value_that_changes_under_autograd() -> None:
    def f(x: Any) -> Any:
        return x * (2 if isinstance(x, tg.Tensor) else 3)

    with pytest.raises(GradientError, match="value under autograd differs"):
        check_gradients(f, W[0])


@pytest.mark.thorough
@pytest.mark.parametrize("index", [0, 31_415, 59_999])
def test_one_wrong_element_in_60000_is_found_by_bisection(index: int) -> None:
    x = np.linspace(0.5, 2, 60_000).reshape(200, 300)
    assert check_gradients(np.sqrt, x, modes=["vjp"], max_elements=20).ok
    with pytest.raises(GradientError) as caught:
        check_gradients(
            np.sqrt, x, modes=["vjp"], max_elements=20, vjp=tampered(with_element(index, lambda v: 1.001 * v))
        )
    assert caught.value.report.entries[0].mistakes[0].where == f"x[{index // 300}, {index % 300}]"


def test_the_complex_step_is_not_believed_where_f_is_not_analytic() -> None:
    """x * |x| keeps a complex dtype and loses half of its derivative: the complex step says |x|, the truth is 2|x|."""
    assert check_gradients(lambda x: x * np.abs(x), W[0]).ok
    half = tg.elementwise(lambda x: x * np.abs(x), lambda y, x: np.abs(x), name="half")
    with pytest.raises(GradientError, match="autograd is 0.5 times the truth"):
        check_gradients(half, W[0])


def test_an_element_where_f_is_not_analytic_is_settled_by_differences() -> None:
    def f(x: Any) -> Any:
        return np.where(np.arange(400) == 123, np.abs(x) * x, np.sin(x))

    assert check_gradients(f, W.ravel()).ok


# -- what cannot be told -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("f", [np.abs, tg.relu, lambda x: np.maximum(x, 0), lambda x: np.minimum(0, x)])
def test_at_a_kink_nothing_is_claimed(f: Any) -> None:
    report = check_gradients(f, np.array([0.0, 1.0, -2.0]))
    assert report.verdict is Verdict.CANNOT_TELL
    assert not report.ok
    assert "a kink" in str(report)
    assert sum(report.entries[0].undecided.values()) == 1


@pytest.mark.parametrize("offset", one_in(3, [100.0, 0.0, 1e4]))
def test_beside_a_kink_nobody_is_accused_who_is_right(offset: float) -> None:
    """However far from x it lies, in steps of the differences: they see the mean of both slopes, or a part of it."""
    for beside in 4.5e-8 * np.linspace(0.01, 5, 60):
        check_gradients(lambda x: tg.relu(10 * x) + offset, np.array([0.3, 1.3 * beside, -beside]))


@pytest.mark.parametrize(
    ("f", "x", "says"),
    [
        (np.log, 1e-300, "the edge of where f is defined"),
        (np.arcsin, 1 - 1e-9, "the edge of where f is defined"),
        (np.log, -1.0, "is not finite here"),
        (np.sin, np.nan, "is not finite here"),
        (np.abs, 0.0, "a kink"),
    ],
)
def test_what_keeps_a_check_from_telling_is_named(f: Any, x: float, says: str) -> None:
    report = check_gradients(f, np.array(x), modes=["vjp"])
    assert report.verdict is Verdict.CANNOT_TELL
    assert says in str(report)


def test_numbers_below_the_smallest_normal_one_are_checked() -> None:
    assert check_gradients(lambda x: 3 * x, np.array([5e-324, 1e-310])).verdict is not Verdict.WRONG


def test_at_a_kink_a_slope_outside_of_the_two_is_wrong() -> None:
    for claimed in (-0.1, 1.1, np.nan):
        wrong = at_ones(tampered(with_element(0, lambda v, claimed=claimed: claimed)))
        with pytest.raises(GradientError):
            check_gradients(lambda x: np.sum(tg.relu(x)), np.array([0.0, 1.0]), modes=["vjp"], vjp=wrong)


def at_ones(vjp: Any) -> Any:
    """A vjp for a cotangent of one, whatever it is given, times it."""

    def scaled(f: Any, *args: Any) -> Any:
        value, pullback = vjp(f, *args)
        return value, lambda g: tuple(g * gradient for gradient in pullback(np.ones_like(value)))

    return scaled


def test_below_the_noise_nothing_is_claimed() -> None:
    report = check_gradients(lambda x: np.abs(1 + 1e-16 * x), np.array([0.5, 1.5]), modes=["vjp"])
    assert report.verdict is Verdict.CANNOT_TELL
    assert "below the noise" in str(report)


def test_where_float32_is_too_coarse_nothing_is_claimed() -> None:
    def f(x: Any) -> Any:
        return (1 - np.cos(x)) / (x * x)

    x = np.array([1e-3, 2e-3])
    report = check_gradients(f, x.astype(np.float32), modes=["vjp"])
    assert report.verdict is Verdict.CANNOT_TELL
    assert "float32 is too coarse" in str(report)


SATURATED = [
    tg.sigmoid,
    np.tanh,
    tg.softplus,
    tg.softmax,
    tg.logsumexp,
    lambda x: np.sum(tg.softmax(x) * np.arange(13.0)),
    lambda x: np.sum(tg.softmax(x)),
    lambda x: np.log(1 - tg.sigmoid(np.minimum(x, 8))),
    lambda x: np.abs(1 - tg.sigmoid(x)),
]


@pytest.mark.parametrize(("f", "dtype"), one_in(3, itertools.product(SATURATED, [np.float64, np.float32])))
def test_rounding_is_not_taken_for_a_mistake(f: Any, dtype: Any) -> None:
    """Saturated functions: what is left of the gradient is mostly rounding error, and that is nobody's fault."""
    check_gradients(f, np.linspace(-30, 31, 13).astype(dtype), order=2)


def test_a_zero_among_larger_numbers_may_be_off_by_their_rounding_errors() -> None:
    """It is a sum that cancels, to the last digit with one processor's BLAS and almost with another's."""
    x, keep_first = np.array([1.5, 0.5]), np.array([1.0, 0.0])

    def check(off: float, weights: Any) -> tg.testing.Report:
        vjp = tampered(with_element(1, lambda v: off))
        return check_gradients(lambda x: x * weights, x, modes=["vjp"], vjp=vjp)

    assert check(4e-16, keep_first).ok
    assert not check(4e-16, 0 * keep_first).ok  # beside nothing, nothing cancels
    with pytest.raises(GradientError, match=r"x\[1\]"):
        check(1e-14, keep_first)


def test_where_the_shape_depends_on_the_numbers_nothing_is_claimed() -> None:
    report = check_gradients(lambda x: np.concatenate([x, np.unique(x.astype(np.float64))]), np.array([1.0, 1.0, 2.0]))
    assert report.verdict is Verdict.CANNOT_TELL


def test_the_cotangents_of_several_results_are_told() -> None:
    def f(x: Any) -> Any:
        return x * x, np.sum(x)

    with pytest.raises(GradientError) as caught:
        check_gradients(f, W, vjp=tampered(lambda g: 2 * g))
    assert str(caught.value).count("random cotangent given") == 2


def test_where_f_is_not_finite_nothing_is_claimed() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = check_gradients(np.log, np.array([0.0, 1.0]))
    assert report.verdict is Verdict.CANNOT_TELL


# -- what is asked wrongly ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: check_gradients(np.sin, np.ones(2), order=3), "order=3; it is 1 or 2"),
        (lambda: check_gradients(np.sin, np.ones(2), modes=[]), "takes 'vjp', 'jvp' or both"),
        (lambda: check_gradients(np.sin, np.ones(2), modes=["grad"]), "takes 'vjp', 'jvp' or both"),
        (lambda: check_gradients(np.square, np.arange(3)), "none of the arguments holds floating-point numbers"),
        (lambda: check_gradients(np.argmax, np.ones(2)), "the result holds no floating-point numbers"),
        (lambda: check_gradients(lambda x: x * RNG.normal(), np.ones(2)), "two calls .* different results"),
    ],
)
def test_a_misuse_is_explained(call: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        call()


def test_complex_numbers_are_checked_in_two_parts() -> None:
    def f(z: Any, x: Any) -> Any:
        return z * x + np.exp(z), np.real(z * z)

    report = check_gradients(f, np.array([1 + 2j, 0.3 - 1j]), np.array([0.5, 1.5]), order=2)
    assert report.ok, str(report)
    assert {entry.input for entry in report.entries} >= {"z.real", "z.imag", "x"}
    conjugated = tg.custom_vjp(np.exp, lambda g, y, z: np.conj(g * y), name="conjugated")
    with pytest.raises(GradientError, match=r"(z|x|arg0)\.imag is wrong"):
        check_gradients(conjugated, np.array([1 + 2j, 0.3 - 1j]))


# -- power -------------------------------------------------------------------------------------------------------------


@pytest.mark.thorough
def test_power_of_a_check_that_sees_everything() -> None:
    power = check_gradients(layer, W[:2, :3], B[:2], X[:3]).power()
    assert power.survivors == ()
    assert power.killed == power.total == 17
    assert {(m.op, m.operand) for m in power.mutants} == {
        *(("matmul", "x1"), ("matmul", "x2"), ("add", "x1"), ("add", "x2"), ("tanh", "x")),
    }
    assert {m.mutation for m in power.mutants if m.op == "tanh"} == {"scaled", "negated", "dropped"}


@pytest.mark.parametrize(("order", "modes"), [(1, ["vjp"]), (1, ["jvp"]), (2, ["vjp", "jvp"])])
def test_power_is_that_of_the_check_that_was_made(order: Any, modes: Any) -> None:
    power = check_gradients(lambda x: np.exp(x) * 3, W[0, :4], order=order, modes=modes).power()
    assert power.survivors == ()


def test_what_no_check_with_this_data_could_notice_survives() -> None:
    """Beyond the kink of relu nothing flows, so nothing that is done to the rules before it can be seen."""
    power = check_gradients(lambda x: tg.relu(np.sin(x) - 5), W[0, :4]).power()
    assert {m.op for m in power.survivors} >= {"sin", "subtract"}
    assert "SURVIVED" in str(power)


def test_equal_operands_hide_a_swap_but_one_operand_twice_is_none() -> None:
    twice = check_gradients(lambda a: a * a, np.array([2.0, 3.0])).power()
    assert "swapped" not in {m.mutation for m in twice.mutants}
    alike = check_gradients(lambda a, b: a * b, np.array([2.0, 3.0]), np.array([2.0, 3.0])).power()
    assert [m.mutation for m in alike.survivors] == ["swapped", "swapped"]


@pytest.mark.slow
def test_power_of_joint_rules_and_of_functions_of_many_operands() -> None:
    def f(x: Any, y: Any) -> Any:
        q, r = np.linalg.qr(np.concatenate([x, y]))
        return np.einsum("ij,jk->ik", q, r * r)

    power = check_gradients(f, W[:2, :3], W[2:4, :3]).power()
    assert {m.op for m in power.mutants} >= {"concatenate", "qr", "multiply"}
    assert power.survivors == ()


def test_the_rules_themselves_are_left_alone() -> None:
    before = tg.grad(np.exp)(0.5)
    check_gradients(lambda x: np.exp(x), W[0, :3]).power()
    assert tg.grad(np.exp)(0.5) == before


def test_a_wrong_gradient_has_no_power() -> None:
    with pytest.raises(GradientError) as caught:
        check_gradients(np.tanh, W, modes=["vjp"], vjp=tampered(lambda g: 1.01 * g))
    with pytest.raises(ValueError, match="mend it first"):
        caught.value.report.power()


# -- what a failing check shows ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [lambda g: 1.01 * g, lambda g: g[:, :1]])
def test_a_failing_check_shows_its_finding_and_not_how_it_was_found(change: Any) -> None:
    with pytest.raises(GradientError) as caught:
        check_gradients(np.tanh, W, modes=["vjp"], vjp=tampered(change))
    assert len(caught.traceback) == 2  # this line, and the one that raises
    assert caught.traceback.filter(caught)[-1].path.name == "test_check.py"  # pytest shows the caller's line
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_an_error_of_f_is_shown_where_it_happened() -> None:
    def f(x: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError) as caught:
        check_gradients(f, W)
    assert caught.traceback[-1].name == "f"


def test_the_two_sides_are_called_what_they_are() -> None:
    op = tg.elementwise(np.tanh, lambda y, x: 1.01 - y * y, name="wrong")
    with pytest.raises(GradientError) as caught:
        check_gradients(op, W[0])
    assert "autograd" in str(caught.value)
    with pytest.raises(GradientError) as caught:
        check_gradients(np.tanh, W[0], modes=["vjp"], vjp=tampered(lambda g: 1.01 * g))
    assert "your vjp" in str(caught.value)
    assert "autograd" not in str(caught.value)

    def jvp(f: Any, args: Any, tangents: Any) -> Any:
        value, tangent = tg.jvp(f, args, tangents)
        return value, 1.01 * tangent

    with pytest.raises(GradientError) as caught:
        check_gradients(np.tanh, W[0], modes=["jvp"], jvp=jvp)
    assert "your jvp" in str(caught.value)
    assert "autograd" not in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_operand_without_a_size_is_no_contradiction_of_the_two_modes(value: float) -> None:
    """NaN beside numbers, and a result that is NaN: the modes agree, and the bar is a number."""
    x = np.array([1.5, value, 2.0])
    for f in (lambda x: np.nan_to_num(x, nan=0.5, posinf=2.0, neginf=-2.0), lambda x: 2 * x, lambda x: x[::2] + x[1]):
        report = tg.testing.check_gradients(f, x, order=1)
        assert not any(entry.wrong for entry in report.entries)

    def halved(g: Any, y: Any, x: Any) -> Any:
        return 0.5 * g

    wrong = tg.linear(lambda x: x * 1, halved, name="wrong")
    with pytest.raises(tg.testing.GradientError):
        tg.testing.check_gradients(wrong, x, order=1)


@pytest.mark.parametrize(("depth", "order"), one_in(5, itertools.product([3.0, 6.0, 7.5, 8.5, 9.5, 11.0], [1, 2])))
def test_on_a_plateau_in_float32_a_right_gradient_is_not_accused(depth: float, order: Literal[1, 2]) -> None:
    """1 - tanh(9)**2 is 0 in float32 and 6e-8 in float64, and what is multiplied by it later makes that large."""

    def f(x: Any) -> Any:
        return np.log(2.55 + 2.45 * np.tanh(60.0 * np.cumsum(x, axis=1))) ** 2

    x = depth / 60 * np.array([[1, 0.1, -0.3], [0.9, 0.2, 0.05]])
    report = check_gradients(f, x.astype(np.float32), order=order)
    assert not any(entry.wrong for entry in report.entries)


@pytest.mark.parametrize("factor", [1.003, -1.0, 0.0])
@pytest.mark.parametrize("depth", [0.3, 2.0])
def test_a_gradient_that_is_wrong_in_float32_alone_is_found(factor: float, depth: float) -> None:
    def partial(y: Any, x: Any) -> Any:
        return (1 - y * y) * (factor if x.dtype == np.float32 else 1.0)

    wrong = tg.elementwise(np.tanh, partial, name="wrong")
    x = np.linspace(0.5 * depth, depth, 6).reshape(2, 3)
    assert check_gradients(lambda x: wrong(x) * 3, x).ok
    with pytest.raises(GradientError, match="in float32"):
        check_gradients(lambda x: wrong(x) * 3, x.astype(np.float32))
