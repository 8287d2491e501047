"""Op: the constructors of the table, given to users too, and what an op is asked."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_lite as tg
from tinygrad_lite.op import MINUS_ONE, ONE, over
from tinygrad_lite.table import rows


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def tensor(array, name=None):
    return tg.Tensor(array, requires_grad=True, name=name)


def check(op, reference, *xs):
    """The op against the same function of rows that are tested elsewhere, in both modes and to the second order."""
    rng = np.random.default_rng(1)
    argnums = tuple(range(len(xs)))
    g = rng.normal(size=np.shape(reference(*xs)))
    vs = tuple(rng.normal(size=np.shape(x)) for x in xs)
    assert_allclose(op(*xs), reference(*xs))
    for found, expected in zip(tg.vjp(op, *xs)[1](g), tg.vjp(reference, *xs)[1](g), strict=True):
        assert_allclose(found, expected, rtol=1e-12)
    assert_allclose(tg.jvp(op, xs, vs)[1], tg.jvp(reference, xs, vs)[1], rtol=1e-12)
    total = [lambda *a, f=f: np.sum(f(*a) ** 2) for f in (op, reference)]
    for found, expected in zip(*(tg.hvp(f, xs, vs) for f in total), strict=True):
        assert_allclose(found, expected, rtol=1e-10)
    both = [tg.grad(lambda *a, f=f: np.sum(tg.grad(f)(*a) ** 2), argnums)(*xs) for f in total]
    for found, expected in zip(*both, strict=True):
        assert_allclose(found, expected, rtol=1e-10)


def test_elementwise(rng):
    softsign = tg.elementwise(lambda x: x / (1 + np.abs(x)), lambda y, x: (1 - np.abs(y)) ** 2, name="softsign")
    check(softsign, lambda x: x / (1 + np.abs(x)), rng.normal(size=(3, 2)))
    mix = tg.elementwise(lambda a, b: a * np.exp(b), lambda y, a, b: np.exp(b), lambda y, a, b: y, name="mix")
    check(mix, lambda a, b: a * np.exp(b), rng.normal(size=(3, 1)), rng.normal(size=2))  # it broadcasts by itself
    assert repr(mix) == "<elementwise op mix>"


def test_elementwise_constant_partials(rng):
    shifted = tg.elementwise(
        lambda a, b, c: a - b + 2.0 / c, ONE, MINUS_ONE, lambda y, a, b, c: -2.0 / c**2, name="shifted"
    )
    check(shifted, lambda a, b, c: a - b + 2.0 / c, *rng.uniform(1, 2, (3, 4)))
    logarithm = tg.elementwise(lambda x: np.log(x), over(lambda y, x: x), name="logarithm")
    check(logarithm, np.log, rng.uniform(1, 2, 3))
    held = tg.elementwise(lambda a, b: a * b, lambda y, a, b: b, None, name="held")
    assert_allclose(tg.grad(held, argnums=(0, 1))(2.0, 3.0), (3, 0))


def test_elementwise_with_a_keyword(rng):
    scaled = tg.elementwise(lambda x, k=2.0: k * x**2, lambda y, x, k=2.0: 2 * k * x, name="scaled")
    check(lambda x: scaled(x, k=5.0), lambda x: 5 * x**2, rng.normal(size=3))
    check(scaled, lambda x: 2 * x**2, rng.normal(size=3))
    with pytest.raises(TypeError, match=r"scaled\(q=…\) is not supported.*supported: k"):
        scaled(tensor(1.0), q=1)


def test_linear(rng):
    M = rng.normal(size=(3, 4))
    spread = tg.linear(
        lambda x, *, scale=1.0: scale * (M @ x), lambda g, y, x, *, scale=1.0: scale * (M.T @ g), name="spread"
    )
    check(spread, lambda x: M @ x, rng.normal(size=(4, 2)))
    check(lambda x: spread(x, scale=3.0), lambda x: 3 * (M @ x), rng.normal(size=(4, 2)))


@pytest.mark.parametrize("operands", [3, None])
def test_a_linear_op_is_linear_in_its_first_operand_and_moved_by_no_other(operands, rng):
    op = tg.linear(lambda x, *others: 2.0 * x, lambda g, y, x, *others: 2.0 * g, operands=operands, name="twice")
    x, a, b = (rng.normal(size=3) for _ in range(3))
    g, v = rng.normal(size=3), [rng.normal(size=3) for _ in range(3)]
    found = tg.vjp(op, x, a, b)[1](g)
    for one, expected in zip(found, (2.0 * g, np.zeros(3), np.zeros(3)), strict=True):
        assert_allclose(one, expected)
    assert_allclose(tg.jvp(op, (x, a, b), v)[1], 2.0 * v[0])
    assert_allclose(tg.jvp(lambda a, b: op(x, a, b), (a, b), v[1:])[1], np.zeros(3))


def test_bilinear(rng):
    outer = tg.bilinear(lambda a, b: a[:, None] * b, lambda g, y, a, b: g @ b, lambda g, y, a, b: a @ g, name="outer")
    check(outer, lambda a, b: a[:, None] * b, rng.normal(size=3), rng.normal(size=4))


def test_custom_vjp(rng):
    norm = tg.custom_vjp(lambda x: np.sqrt(np.sum(x * x)), lambda g, y, x: g * x / y, name="norm")
    check(norm, lambda x: np.sqrt(np.sum(x * x)), rng.normal(size=5))
    reversed_gradient = tg.custom_vjp(lambda x: x * 1, lambda g, y, x: -g, name="reversed")
    assert tg.grad(reversed_gradient)(3.0) == -1
    held = tg.custom_vjp(lambda a, b: a * b, lambda g, y, a, b: g * b, None, name="held")
    assert tg.grad(held, argnums=(0, 1))(2.0, 3.0) == (3, 0)
    assert tg.jvp(held, (2.0, 3.0), (1.0, 1.0))[1] == 3


def test_an_op_of_a_users_own_is_an_op_like_any_other(rng):
    """On arrays it is the function; on Tensors it is recorded; a wrong operand is named."""
    double = tg.linear(lambda x: x + x, lambda g, y, x: g + g, name="double")
    x = rng.normal(size=3)
    assert type(double(x)) is np.ndarray
    assert double(tensor(x)).requires_grad
    assert not double(tg.Tensor(x)).requires_grad
    failing = tg.elementwise(lambda a, b: a + b, ONE, ONE, name="failing")
    with pytest.raises(ValueError, match=r"failing: x \(3,\), y \(2,\): shapes \(3,\) and \(2,\) do not broadcast"):
        failing(tensor(x, "x"), tensor(x[:2], "y"))
    with pytest.raises(TypeError, match="failing"):
        failing(tensor(x), "text")


def test_a_rule_may_give_another_float(rng):
    """The sweep, not the rule, gives the cotangent its dtype."""
    x = rng.normal(size=(2, 3)).astype(np.float32)
    precise = tg.elementwise(lambda x: x * 2, lambda y, x: np.float64(2.0) * np.ones(x.shape), name="precise")
    assert tg.grad(lambda x: np.sum(precise(x)))(x).dtype == np.float32


@pytest.mark.parametrize("shape", [(), (1,), (4,), (3, 1), (1, 4), (2, 4), (3, 4, 1), (4, 3)])
def test_a_rule_of_another_shape_than_its_operands_is_refused(shape):
    """It would be broadcast, and be wrong without a word."""
    op = tg.custom_vjp(lambda W: W + 0, lambda g, y, W: np.ones(shape), name="op")
    with pytest.raises(TypeError, match=r"the vjp of op for operand 0 gave shape .*; it must .* shape \(3, 4\)"):
        tg.grad(lambda W: np.sum(op(W)))(np.ones((3, 4)))


def test_a_rule_that_does_not_sum_over_broadcast_axes_is_summed(rng):
    x, b = rng.normal(size=(3, 4)), rng.normal(size=4)
    plus = tg.custom_vjp(lambda x, b: x + b, lambda g, y, x, b: g, lambda g, y, x, b: g, name="plus")
    check(plus, lambda x, b: x + b, x, b)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tg.elementwise(lambda a, b: a * b, lambda y, a, b: b), "takes 2 arrays .a, b., .* rules for 1"),
        (lambda: tg.custom_vjp(lambda a, b: a * b, lambda g, y, a, b: g * b), "takes 2 arrays .a, b., .* rules for 1"),
        (lambda: tg.custom_vjp(lambda a: a, None, None), "takes 1 arrays .a., .* rules for 2"),
        (lambda: tg.linear(lambda a: a, lambda g, y, a: g, operands=2), "takes 1 arrays .a., .* rules for 2"),
        (lambda: tg.bilinear(lambda a: a, lambda g, y, a, b: g, lambda g, y, a, b: g), "takes 1 arrays"),
        (lambda: tg.custom_vjp(lambda a: a, lambda g, a: g), r"rule number 0 takes \(g, a\); .* with \(g, y, a\)"),
        (lambda: tg.elementwise(lambda a: a, lambda a: 1), r"rule number 0 takes \(a\); it is called with \(y, a\)"),
        (lambda: tg.elementwise(lambda a: a, over(lambda y: y)), r"rule number 0 takes \(y\)"),
    ],
)
def test_a_constructor_wants_a_rule_for_each_array(make, message):
    with pytest.raises(TypeError, match=message):
        make()


def test_a_constructor_takes_any_way_to_write_a_rule():
    tg.elementwise(lambda *xs: sum(xs), ONE, ONE, ONE)
    tg.elementwise(lambda x, k=2.0: k * x, lambda y, *xs, k=2.0: k)
    tg.custom_vjp(lambda x, *, n=1: x, lambda g, y, x, n=1: g)
    tg.custom_vjp(np.sum, lambda g, y, x: g + 0 * x, name="total")


def cubic_root(inner):
    """The x with x**3 + x = a, by Newton's method whose derivative is the library's own; tg.grad(...) is inner."""
    slope = inner(lambda x: np.sum(x**3 + x))

    def find(a):
        x = np.zeros_like(a)
        for _ in range(40):
            x = x - (x**3 + x - a) / slope(x)
        return x

    return tg.custom_vjp(find, lambda g, x, a: g / (3 * x**2 + 1), name="cubic_root")


# An op without a rule for many examples goes through them one by one, and says so once; that is tested elsewhere.
@pytest.mark.filterwarnings("ignore:tg.vmap. cubic_root has no batching rule")
@pytest.mark.parametrize(
    "inner", [tg.grad, lambda f: tg.compile(tg.grad(f), target="numpy")], ids=["plain", "compiled"]
)
@pytest.mark.parametrize(
    "outer",
    [
        tg.grad,
        lambda f: tg.compile(tg.grad(f), target="numpy"),
        tg.hessian,
        lambda f: tg.jacobian(lambda x: f(x) * x),
        lambda f: tg.vmap(tg.grad(f)),
        lambda f: tg.compile(tg.grad(lambda x: tg.scan(lambda c, row: (c + f(row), None), 0.0, x)[0]), target="numpy"),
        lambda f: tg.compile(tg.grad(lambda x: tg.cond(x[0, 0] < 99, f, lambda x: 2 * f(x), x)), target="numpy"),
    ],
    ids=["grad", "compile", "hessian", "jacobian", "vmap", "scan", "cond"],
)
def test_an_op_may_use_the_library_within(inner, outer, rng):
    weight, root = rng.normal(size=6), cubic_root(inner)
    a = rng.normal(size=(3, 6))

    def cost(f):
        return lambda a: np.sum(weight * f(a) ** 2)

    def closed_form(a):  # Cardano's
        u = np.sqrt(a**2 / 4 + 1 / 27)
        return np.cbrt(a / 2 + u) + np.cbrt(a / 2 - u)

    assert_allclose(outer(cost(root))(a), outer(cost(closed_form))(a), rtol=1e-7, atol=1e-9)


def test_an_op_whose_function_is_none_of_arrays_is_refused():
    W, x = tensor([2.0, 3.0]), tensor([1.0, 1.0], "x")
    closing = tg.elementwise(lambda x: x * W, lambda y, x: W, name="closing")
    with pytest.raises(TypeError, match=r"closing: x \(2,\): its function gave a Tensor.*make it an operand"):
        closing(x)
    listing = tg.custom_vjp(lambda x: x.tolist(), lambda g, y, x: g, name="listing")
    with pytest.raises(TypeError, match="listing.*gave a list, not an array"):
        listing(x)

    def in_place(x):
        x *= 2
        return x

    with pytest.raises(ValueError, match="changing.*read-only"):
        tg.linear(in_place, lambda g, y, x: 2 * g, name="changing")(x)
    assert_array_equal(x.numpy(), [1, 1])
    number = tg.custom_vjp(lambda x: float(np.sum(x)), lambda g, y, x: g * np.ones(2), name="number")
    assert_array_equal(tg.gradients(number(x) * 2, x)[0], [2, 2])


def test_rows_are_the_table():
    names = {op.name for op in rows()}
    assert {"add", "matmul", "sum", "where", "tanh", "sigmoid", "getitem"} <= names
    assert all(op.kind in ("elementwise", "linear", "bilinear", "custom", "variadic", "constant") for op in rows())
    mine = tg.elementwise(np.tanh, lambda y, x: 1 - y * y)
    assert mine not in rows(), "an op of a user's own is not put in the table behind their back"


def test_ops_of_several_outputs(rng):
    """Outputs that are used once, twice or not at all; in both modes."""
    x, g, h = rng.normal(size=(2, 3)), rng.normal(size=3), rng.normal(size=3)

    def f(x):
        first, second = np.split(x * 1.0, 2, axis=0)
        return first[0] * g + first[0] * second[0] * h

    expected = np.stack([g + x[1] * h, x[0] * h])
    assert_allclose(tg.grad(lambda x: np.sum(f(x)))(x), expected)
    v = rng.normal(size=(2, 3))
    assert_allclose(tg.jvp(f, (x,), (v,))[1], np.sum(expected * v, axis=0))
    unused = tg.grad(lambda x: np.sum(np.split(x * 1.0, 2)[1]))(x)
    assert_array_equal(unused, [[0, 0, 0], [1, 1, 1]])


def test_keywords_by_position_and_operands_by_keyword():
    t = tensor(np.arange(6.0).reshape(2, 3))
    assert np.sum(t, 0).shape == (3,)
    assert np.sum(a=t, axis=0).shape == (3,)
    assert np.reshape(t, (3, 2)).shape == np.reshape(t, shape=(3, 2)).shape == (3, 2)
    assert np.transpose(t, axes=(1, 0)).shape == (3, 2)
    with pytest.raises(TypeError):
        np.sum(t, axes=0)
