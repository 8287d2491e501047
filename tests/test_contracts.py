"""The contracts: it works, or it raises; it is never silently wrong. One section for each row of the design's table.

Two rows have files of their own: numerics (test_numerics.py) and errors (test_errors.py).
"""

import asyncio
import contextlib
import copy
import gc
import math
import pickle
import sys
import threading
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_lite as tg


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def tensor(array, name=None):
    return tg.Tensor(array, requires_grad=True, name=name)


# -- backward() twice ------------------------------------------------------------------------------------------------


def test_backward_twice_adds_into_leaves_and_only_there(rng):
    x, g, h = rng.normal(size=(3, 2)), rng.normal(size=(3, 2)), rng.normal(size=(3, 2))
    t = tensor(x)
    middle = np.exp(t)
    y = middle * middle
    y.backward(g)
    assert_allclose(t.grad, 2 * g * np.exp(2 * x))
    y.backward(h)
    assert_allclose(t.grad, 2 * (g + h) * np.exp(2 * x))
    assert middle.grad is None
    assert y.grad is None


def test_backward_of_two_results_that_share_a_node(rng):
    x, g, h = rng.normal(size=3), rng.normal(size=3), rng.normal(size=3)
    t = tensor(x)
    shared = np.sin(t)
    (shared * 2).backward(g)
    (shared * shared).backward(h)
    assert_allclose(t.grad, 2 * g * np.cos(x) + 2 * h * np.sin(x) * np.cos(x))


# -- one node used twice; 100,000 ops deep ---------------------------------------------------------------------------


def test_one_node_used_twice(rng):
    x, g = rng.normal(size=4), rng.normal(size=4)
    t = tensor(x)
    h = t * t
    y = h * h + h + np.sin(h) * t
    y.backward(g)
    assert_allclose(t.grad, g * (4 * x**3 + 2 * x + 2 * x * x * np.cos(x * x) + np.sin(x * x)))


def test_one_tensor_as_both_operands():
    t = tensor([2.0, 3.0])
    assert_allclose(tg.gradients(np.matmul(t, t), t)[0], [4.0, 6.0])
    assert_allclose(tg.gradients(np.sum(t - t), t)[0], [0.0, 0.0])
    assert_allclose(tg.gradients(np.sum(t / t), t)[0], [0.0, 0.0])


def test_a_diamond_visits_each_node_once():
    """2 ** 60 paths lead from the result to the leaf; each node is visited once."""
    calls = []
    twice = tg.custom_vjp(lambda a, b: a + b, lambda g, y, a, b: calls.append(1) or g, lambda g, y, a, b: g, name="t")
    t = tensor(1.0)
    y = t
    for _ in range(60):
        y = twice(y, y)
    assert tg.gradients(y, t)[0] == 2.0**60
    assert len(calls) == 60


DEEP = 100_000


def test_a_chain_100_000_deep_is_built_swept_and_freed():
    t = tensor(np.array([1.0, 2.0]))
    y = t
    for _ in range(DEEP):
        y = y + 1.0
    y.backward(np.array([3.0, 5.0]))
    assert_array_equal(t.grad, [3.0, 5.0])
    del y
    z = t
    for _ in range(DEEP // 10):  # and through a recorded sweep, forward mode, and a transform
        z = z * 1.0
    (gradient,) = tg.gradients(z, t, g=np.array([1.0, 2.0]), create_graph=True)
    assert_array_equal(gradient.numpy(), [1.0, 2.0])
    with pytest.raises(TypeError, match="detach"):
        pickle.dumps(z)
    with pytest.raises(TypeError, match="detach"):
        copy.deepcopy(z)


def test_a_deep_chain_in_forward_mode():
    def deep(x):
        for _ in range(DEEP // 5):
            x = x + 1.0
        return x

    assert tg.jvp(deep, (1.0,), (3.0,))[1] == 3.0


@pytest.mark.thorough
def test_a_wide_graph_100_000_across():
    t = tensor(2.0)
    parts = [np.stack([t * 1.0 for _ in range(100)]) for _ in range(DEEP // 100)]
    y = np.sum(np.stack(parts))
    assert tg.gradients(y, t)[0] == DEEP


def test_a_chain_that_uses_every_earlier_value():
    t = tensor(1.0)
    values = [t]
    for _ in range(300):
        values.append(sum(values[-50:]) * 0.5)
    numbers = [1.0]
    for _ in range(300):
        numbers.append(sum(numbers[-50:]) * 0.5)
    assert_allclose(tg.gradients(values[-1], t)[0], numbers[-1], rtol=1e-12)


# -- mutation after forward ------------------------------------------------------------------------------------------


def test_a_tensor_copies_the_array_it_is_made_from():
    x = np.array([1.0, 2.0])
    t = tensor(x)
    y = np.sum(t * t)
    x[:] = 100
    assert_array_equal(t.numpy(), [1, 2])
    assert_array_equal(tg.gradients(y, t)[0], [2, 4])


def test_data_is_a_read_only_view():
    t = tensor([1.0, 2.0])
    with pytest.raises(ValueError, match="read-only"):
        t.data[0] = 5
    with pytest.raises(ValueError, match="read-only"):
        (t * 2).data[0] = 5
    number = tensor(1.0) * 2
    with pytest.raises(ValueError, match="read-only"):
        number.data[...] = 5


def test_numpy_gives_a_fresh_copy():
    t = tensor([1.0, 2.0])
    t.numpy()[0] = 5
    assert_array_equal(t.numpy(), [1, 2])


def test_a_leaf_whose_data_was_replaced_no_longer_fits_the_old_graph():
    W, X, c = tensor([1.0, 2.0], "W"), tensor([3.0, 4.0]), tg.Tensor([5.0, 6.0], name="c")
    y = np.sum(W * X)
    W.data = np.array([7.0, 8.0])
    with pytest.raises(RuntimeError, match="W was given new data"):
        y.backward()
    y = np.sum(X * c)
    c.data = np.array([0.0, 0.0])  # requires no gradient, and still the gradient of X depends on it
    with pytest.raises(RuntimeError, match="c was given new data"):
        tg.gradients(y, X)
    assert_array_equal(tg.gradients(np.sum(X * c), X)[0], [0, 0])


def test_data_given_to_a_leaf_is_copied_and_must_fit():
    t, new = tensor([1.0, 2.0], "b1"), np.array([3.0, 4.0])
    t.data = new
    new[:] = 0
    assert_array_equal(t.data, [3, 4])
    for bad in (np.zeros(3), np.zeros(2, np.float32), np.zeros((2, 1)), 1.0):
        with pytest.raises(ValueError, match="b1.data.*must stay the same"):
            t.data = bad
    with pytest.raises(TypeError, match="was computed"):
        (t * 2).data = new


def shares(a, b):
    return np.shares_memory(a, b)


def test_results_are_never_aliased(rng):
    x, g = rng.normal(size=3), rng.normal(size=3)
    a, b = tensor(x), tensor(x)
    for y in (a + b, np.reshape(a, 3) + b, (a + b) + 0.0, np.broadcast_to(a, (3,)) + b):
        da, db = tg.gradients(y, [a, b], g=g)
        assert not shares(da, g)
        assert not shares(db, g)
        assert not shares(da, db)
        assert da.flags.writeable
    a.grad = b.grad = None
    (a + b).backward(g)
    assert not shares(a.grad, b.grad)
    assert not shares(a.grad, g)
    kept = a.grad.copy()
    b.grad *= 0
    g *= 0
    assert_array_equal(a.grad, kept)
    before = a.grad
    (a * 2).backward(np.ones(3))
    assert_array_equal(before, kept)  # the array handed out earlier is not added into


def test_the_gradient_of_a_leaf_by_itself_is_not_the_cotangent():
    t, g = tensor([1.0, 2.0]), np.array([3.0, 4.0])
    t.backward(g)
    assert not shares(t.grad, g)
    (dt,) = tg.gradients(t, t, g=g)
    assert not shares(dt, g)
    v = tg.Tensor(g)
    (dv,) = tg.gradients(t + 1.0, t, g=v, create_graph=True)
    assert dv is not v
    one, two = tg.gradients(t + (other := tensor([0.0, 0.0])), [t, other], g=v, create_graph=True)
    assert one is not two


def test_mutation_of_a_raw_operand_raises_in_debug():
    t, X = tensor([[1.0, 2.0]], "W"), np.array([[3.0], [4.0]])
    with tg.debug():
        y = t @ X
        X[1, 0] = 7
        with pytest.raises(
            RuntimeError, match=r"the array X \(2, 1\) was changed \(first at \[1, 0\]\).*matmul"
        ) as info:
            y.backward(np.ones((1, 1)))
    assert "y = t @ X" in str(info.value)
    assert t.grad is None


# -- in-place syntax -------------------------------------------------------------------------------------------------


def test_in_place_syntax():
    t = u = tensor([1.0, 2.0])
    with pytest.raises(TypeError, match="set_at"):
        t[0] = 3.0
    u += 1.0
    assert u is not t
    assert_array_equal(t.numpy(), [1, 2])
    u *= t
    u -= 1.0
    u /= t
    assert_allclose(tg.gradients(u, t, g=np.array([1.0, 1.0]))[0], 1 + 1 / t.numpy() ** 2)
    buffer = np.zeros(2)
    with pytest.raises(TypeError, match=r"buffer \+= t at .*write buffer = buffer \+ t instead"):
        buffer += t
    with pytest.raises(TypeError, match="out="):
        np.add(t, 1, out=buffer)
    with pytest.raises(TypeError, match="out="):
        np.sum(t, out=np.zeros(()))
    assert_array_equal(buffer, 0)


# -- implicit exit ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "leave",
    [
        np.asarray,
        np.array,
        tg.Tensor,
        lambda t: np.array([t, t]),
        lambda t: np.array([t[0], t[1]]),
        lambda t: np.zeros(2).dot(t),
        lambda t: np.zeros(2).__setitem__(slice(None), t),
    ],
)
def test_implicit_exit_raises(leave):
    with pytest.raises((TypeError, AttributeError), match=r"\.numpy\(\)|\.detach\(\)"):
        leave(tensor([1.0, 2.0]))


def test_an_arrays_own_operator_beside_a_tensor_keeps_the_gradient():
    assert np.ndarray.__matmul__(np.zeros((2, 2)), tensor([1.0, 2.0])).requires_grad


def _cube(a):
    return a**3


def test_implicit_exit_by_a_function_without_a_rule_names_it():
    t = tensor([[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(TypeError, match=r"numpy\.save has no derivative rule"):
        np.save("nowhere", t)
    with pytest.raises(TypeError, match="cube.*no derivative rule"):
        np.frompyfunc(_cube, 1, 1)(t)


def test_implicit_exit_into_pythons_arithmetic_raises_inside_a_transform():
    """math.sin asks for float(t): the gradient would silently be zero."""
    with pytest.raises(TypeError, match="lose its gradient"):
        tg.grad(math.sin)(1.0)
    buffer = np.zeros(2)

    def through_a_buffer(x):
        buffer[0] = x
        return np.sum(buffer)

    with pytest.raises(ValueError, match="setting an array element") as info:  # NumPy's words; the cause is ours
        tg.grad(through_a_buffer)(1.0)
    assert "lose its gradient" in str(info.value.__cause__)
    assert tg.grad(lambda x: x * x.item())(3.0) == 3.0  # said aloud, it is allowed
    assert float(tensor(2.5)) == 2.5


# -- integers, bools -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [1, [1, 2], True, np.arange(3, dtype=np.uint8)])
def test_integers_and_bools_have_no_gradient(data):
    with pytest.raises(TypeError, match=r"only float and complex arrays have gradients.*astype"):
        tg.Tensor(data, requires_grad=True)
    with pytest.raises(TypeError, match="only float and complex"):
        tg.grad(lambda n: n * 2.0)(np.asarray(data))
    tg.Tensor(data)  # as a constant it is fine


def test_integers_from_a_function_have_no_gradient():
    with pytest.raises(TypeError, match="has no gradient"):
        tg.grad(np.argmax)(np.array([1.0, 2.0]))


# -- dtype -----------------------------------------------------------------------------------------------------------


def test_dtype_float32_stays_beside_python_scalars():
    t = tensor(np.array([1.5, 2.5], np.float32))
    y = 2.0 * t**2 + 1 - 3 / t + np.maximum(t, 0.5) + np.where(t > 2, t, 0.0) + np.power(2.0, t) + tg.relu(t) * True
    assert y.dtype == np.float32
    assert tg.gradients(np.sum(y), t)[0].dtype == np.float32
    for f in (tg.sigmoid, tg.softplus, tg.leaky_relu, tg.softmax, tg.log_softmax, tg.logsumexp, np.mean, np.var):
        assert f(t).dtype == np.float32, f
        assert f(t.numpy()).dtype == np.float32, f
        assert tg.gradients(np.sum(f(t)), t)[0].dtype == np.float32, f
        (first,) = tg.gradients(np.sum(f(t)), t, create_graph=True)
        assert first.dtype == np.float32, f
        if first.requires_grad:
            assert tg.gradients(np.sum(first * first), t, disconnected="zeros")[0].dtype == np.float32, f


@pytest.mark.parametrize("loss", [tg.binary_cross_entropy, tg.binary_cross_entropy_with_logits, tg.mean_squared_error])
def test_dtype_float32_losses(loss):
    A, Y = np.array([[0.25, 0.5]], np.float32), np.array([[0, 1]], np.float32)
    J, dA = tg.value_and_grad(loss)(A, Y)
    assert J.dtype == dA.dtype == np.float32


def test_dtype_and_shape_of_a_gradient_are_its_inputs(rng):
    a = tensor(rng.normal(size=(3, 1)).astype(np.float32))
    b = tensor(rng.normal(size=(1, 2)))
    c = tensor(rng.normal(size=()).astype(np.float32))
    y = np.sin(a * b) + c / b
    assert y.dtype == np.float64
    g = rng.normal(size=(3, 2))
    for graph in (False, True):
        da, db, dc = tg.gradients(y, [a, b, c], g=g, create_graph=graph)
        assert (da.dtype, db.dtype, dc.dtype) == (np.float32, np.float64, np.float32)
        assert (da.shape, db.shape, dc.shape) == ((3, 1), (1, 2), ())
    A, B = a.numpy(), b.numpy()
    assert_allclose(da.numpy(), np.sum(g * np.cos(A * B) * B, axis=1, keepdims=True), rtol=1e-5)
    y.backward(g)
    for t in (a, b, c):
        assert type(t.grad) is np.ndarray
        assert t.grad.dtype == t.dtype
        assert t.grad.shape == t.shape


def test_dtype_of_the_cotangent_is_the_results():
    t = tensor(np.ones(2, np.float32))
    assert tg.gradients(t * 2, t, g=np.array([1, 2]))[0].dtype == np.float32
    assert tg.gradients(t * 2, t, g=[1.0, 2.0])[0].dtype == np.float32
    with pytest.raises(TypeError, match="complex128.*float32"):
        tg.gradients(t * 2, t, g=np.array([1j, 2]))


# -- kinks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x", "derivative"),
    [
        (tg.relu, 0.0, 0.0),
        (lambda x: tg.leaky_relu(x, slope=0.3), 0.0, 0.3),
        (tg.leaky_relu, -0.0, 0.01),
        (np.abs, 0.0, 0.0),
        (np.fabs, 0.0, 0.0),
        (lambda x: np.maximum(x, 2.0), 2.0, 0.5),
        (lambda x: np.minimum(2.0, x), 2.0, 0.5),
        (lambda x: np.maximum(x, x), 2.0, 1.0),
        (np.sign, 0.0, 0.0),
        (np.floor, 1.0, 0.0),
    ],
)
def test_kinks(f, x, derivative):
    assert tg.grad(f)(x) == derivative
    assert tg.jvp(f, (x,), (1.0,))[1] == derivative
    assert tg.grad(f)(np.float32(x)) == np.float32(derivative)


def test_kinks_of_extremes_are_shared_evenly():
    x = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]])
    g = np.array([6.0, 9.0])
    expected = np.array([[0, 3, 3], [3, 3, 3]])
    for f in (lambda x: np.max(x, axis=1), lambda x: -np.min(-x, axis=1)):
        (dx,) = tg.vjp(f, x)[1](g)
        assert_allclose(dx, expected)
    assert_allclose(tg.grad(np.max)(x), np.where(x == 3, 0.5, 0))


# -- where, maximum, …: no NaN from the branch not taken ---------------------------------------------------------------

QUIET = {"divide": "ignore", "invalid": "ignore", "over": "ignore"}


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.where(x > 0, np.log(x), 0.0),
        lambda x: np.where(x > 0, x * np.log(x), 0.0),
        lambda x: np.where(x > 0, np.sqrt(x), 0.0),
        lambda x: np.where(x > 0, np.tanh(np.log(x)), 0.0),
        lambda x: np.where(x > 0, np.sin(1 / x), 0.0),
        lambda x: np.where(x > 0, np.abs(np.log(x)), 0.0),
        lambda x: np.where(x > 0, x**0.5, 0.0),
        lambda x: np.where(x > 0, x**-1.5, 0.0),
        lambda x: np.where(x > 0, np.arcsin(np.sqrt(x) / 4), 0.0),
        lambda x: np.where(x > 0, np.exp(1 / x), 0.0),
        lambda x: np.where(x > 0, np.sqrt(x) * np.sin(x) / x, 1.0),
        lambda x: tg.relu(np.log(x + 1) * np.sqrt(x + 1)) + np.where(x == -1, 0, 1 / (x + 1)) * (x > 0),
        lambda x: np.maximum(np.where(x > 0, np.log(x), -5.0), -5.0),
        lambda x: np.log(x)[1:2],
        lambda x: np.max(np.sqrt(x)[1:]),
        lambda x: tg.checkpoint(lambda x: np.where(x > 0, tg.checkpoint(np.log)(x), 0.0))(x),
        lambda x: np.where(x > 0, tg.checkpoint(lambda x: np.sin(np.log(x)))(x), 0.0),
        lambda x: np.where(x > 0, tg.softplus(np.log(x)) * tg.sigmoid(1 / x), 0.0),
    ],
)
@pytest.mark.parametrize("x", [np.array([0.0, 1.5]), np.array([-0.5, 0.7])], ids=["zero", "negative"])
def test_where_no_nan_from_the_branch_not_taken(f, x):
    """The taken entry's derivatives are those it has alone; the other's are 0; nothing warns on the way back."""
    alone = x[1:]

    def taken(a):  # the same with an ordinary number in the other place
        with np.errstate(**QUIET):
            return f(np.concatenate([np.array([0.9]), a]))

    def quiet(a):
        with np.errstate(**QUIET):
            return f(a)

    first = tg.grad(lambda a: np.sum(taken(a)))(alone)
    y, pullback = tg.vjp(lambda a: np.sum(quiet(a)), x)
    (dx,) = pullback(1.0)  # outside of errstate: a warning is an error
    assert_allclose(dx[1:], first, rtol=1e-12)
    assert dx[0] == 0
    t = tensor(x)
    y = np.sum(quiet(t))
    (dt,) = tg.gradients(y, t, create_graph=True)
    assert_allclose(dt.numpy(), dx, rtol=1e-12)
    second = tg.gradients(np.sum(dt), t, disconnected="zeros")[0]
    assert_allclose(second[1:], np.diagonal(tg.hessian(lambda a: np.sum(taken(a)))(alone)), rtol=1e-9)
    assert second[0] == 0
    with np.errstate(**QUIET):
        forward = tg.jvp(lambda a: np.sum(f(a)), (x,), (np.ones(2),))[1]
        (product,) = tg.hvp(lambda a: np.sum(f(a)), (x,), (np.ones(2),))
    assert_allclose(forward, np.sum(dx), rtol=1e-12)
    assert_allclose(product, second, rtol=1e-9)


def test_where_a_cotangent_that_is_zero_by_chance_keeps_its_derivative():
    """At 1, log(x)**2 has slope 0 and curvature 2; that another entry needs the guard must not flatten it."""

    def f(x):
        with np.errstate(**QUIET):
            return np.sum(np.where(np.array([True, False]), np.log(x) ** 2, 0.0))

    x = np.array([1.0, 0.0])
    curvature = np.diag([2.0, 0.0])
    assert_allclose(tg.hessian(f)(x), curvature)
    assert_allclose(tg.jacobian(tg.grad(f))(x), curvature)
    with np.errstate(**QUIET):
        assert_allclose(tg.hvp(f, (x,), (np.ones(2),))[0], [2, 0])
        reverse = tg.grad(lambda x: np.sum(tg.grad(f)(x)))
        assert_allclose(reverse(x), [2, 0])
        forward = tg.grad(lambda x: tg.jvp(f, (x,), (np.ones(2),))[1])
        assert_allclose(forward(x), [2, 0])
    compiled = tg.compile(tg.grad(lambda x: np.sum(tg.grad(lambda x: np.sum(np.sin(x)[:1] ** 2))(x))))
    assert_allclose(compiled(np.array([0.3, 1.0])), [2 * np.cos(0.6), 0])
    assert_allclose(compiled(np.array([0.0, 1.0])), [2, 0])


def test_where_a_nan_that_was_taken_stays():
    with np.errstate(**QUIET):
        dx = tg.grad(lambda x: np.sum(np.where(x < 5, np.log(x), 0.0)))(np.array([-1.0, np.nan, 2.0]))
    assert np.isnan(dx[1]) or dx[1] == 0
    assert dx[2] == 0.5


# -- losses ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [tg.binary_cross_entropy, tg.binary_cross_entropy_with_logits, tg.mean_squared_error])
@pytest.mark.parametrize(("a", "y"), [((5,), (1, 5)), ((1, 5), (5,)), ((5, 1), (1, 5)), ((2, 5), (1, 5)), ((), (1,))])
def test_losses_of_different_shapes_raise(loss, a, y):
    with pytest.raises(ValueError, match=r"same shape.*reshape"):
        loss(np.full(a, 0.5), np.zeros(y))
    with pytest.raises(ValueError, match="same shape"):
        tg.grad(loss)(np.full(a, 0.5), np.zeros(y))


@pytest.mark.parametrize(("labels", "axis"), [((4,), 0), ((1, 5), 0), ((3, 1), 0), ((5,), 1)])
def test_losses_of_labels_that_do_not_fit_raise(labels, axis):
    with pytest.raises(ValueError, match=r"fit neither logits \(3, 5\)"):
        tg.cross_entropy(np.zeros((3, 5)), np.zeros(labels, int), axis=axis)


# -- threads ---------------------------------------------------------------------------------------------------------


def nested(x):
    """A number that takes nested transforms of both modes to compute; its closed form is beside it."""

    def inner(y):
        return np.sum(np.sin(y) * y) * x

    return np.sum(tg.hvp(inner, (np.array([0.5, 1.5]),), (np.array([1.0, 2.0]),))[0]) + tg.jvp(np.exp, (x,), (x,))[1]


def nested_by_hand(x):
    y, v = np.array([0.5, 1.5]), np.array([1.0, 2.0])
    return np.sum(v * (2 * np.cos(y) - y * np.sin(y))) + (1 + x) * np.exp(x)


def test_threads_concurrent_transforms_give_the_sequential_answers():
    points = np.linspace(-1, 1, 64)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(tg.grad(nested), points))
    assert_allclose(found, [nested_by_hand(x) for x in points], rtol=1e-12)


def test_threads_interleaved_transforms_give_the_sequential_answers():
    """Every thread is in the middle of its transform while the others run theirs."""
    barrier = threading.Barrier(4, timeout=20)

    def f(x):
        y = x * x
        barrier.wait()
        z = tg.grad(lambda u: u**3 * y)(x)
        barrier.wait()
        with tg.no_grad():
            barrier.wait()
            frozen = z * 1.0
        barrier.wait()
        return z + 0.0 * frozen

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(tg.grad(f), [1.0, 2.0, 3.0, 4.0]))
    assert_allclose(found, [12 * x**3 for x in (1.0, 2.0, 3.0, 4.0)])


def test_threads_share_a_graph_that_both_sweep():
    t = tensor(np.linspace(0, 1, 50))
    y = t
    for _ in range(200):
        y = np.sin(y) + t
    expected = tg.gradients(np.sum(y), t)[0]
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: tg.gradients(np.sum(y), t)[0], range(12)):
            assert_array_equal(found, expected)


def test_threads_no_grad_does_not_leak():
    entered, leave = threading.Event(), threading.Event()

    def hold():
        with tg.no_grad(), tg.debug():
            entered.set()
            leave.wait(20)

    thread = threading.Thread(target=hold)
    thread.start()
    assert entered.wait(20)
    try:
        assert (tensor(1.0) * 2).requires_grad
    finally:
        leave.set()
        thread.join()


def test_no_grad_is_left_on_an_error():
    with pytest.raises(ZeroDivisionError), tg.no_grad():
        raise ZeroDivisionError
    assert (tensor(1.0) * 2).requires_grad


# -- copies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "twin", [copy.copy, copy.deepcopy, lambda t: pickle.loads(pickle.dumps(t))], ids=["copy", "deepcopy", "pickle"]
)
def test_copies_of_a_leaf(twin):
    t = tensor(np.array([1.0, 2.0], np.float32), "W1")
    (t * t).backward(np.array([1.0, 10.0]))
    other = twin(t)
    assert (other.name, other.requires_grad, other.dtype) == ("W1", True, np.float32)
    assert_array_equal(other.grad, [2, 40])
    other.grad *= 0
    other.data = np.zeros(2, np.float32)
    assert_array_equal(t.grad, [2, 40])
    assert_array_equal(t.data, [1, 2])
    y = np.sum(other * 3.0)  # a gradient through the copy goes to the copy
    t.grad = None
    y.backward()
    assert t.grad is None
    assert_array_equal(other.grad, [3, 3])


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, pickle.dumps])
def test_copies_of_a_recorded_tensor_are_refused(twin):
    Z1 = tensor([1.0]) * 2
    Z1.name = "Z1"
    with pytest.raises(TypeError, match=r"Z1.*\.detach\(\)"):
        twin(Z1)
    assert_array_equal(pickle.loads(pickle.dumps((tensor([1.0]) * 2).detach())).data, [2.0])
    with pytest.raises(TypeError, match="detach"):
        tg.grad(lambda x: copy.deepcopy(x) * 2)(1.0)


def test_copies_keep_what_is_shared():
    t = tensor([1.0])
    a, b = copy.deepcopy([t, t])
    assert a is b
    assert a is not t


# -- memory ----------------------------------------------------------------------------------------------------------


@tg.compile
def compiled_step(W):
    return tg.value_and_grad(lambda W: np.sum(np.tanh(W @ W.T) ** 2))(W)


def train(steps, rng):
    """A little of everything that a training loop does, errors and nested transforms included."""
    X, Y = rng.normal(size=(2, 30)), (rng.normal(size=(1, 30)) > 0).astype(float)
    W1, W2 = tensor(rng.normal(size=(4, 2)), "W1"), tensor(rng.normal(size=(1, 4)), "W2")
    params = {"W1": W1.numpy(), "W2": W2.numpy()}

    def loss(p):
        return tg.binary_cross_entropy_with_logits(p["W2"] @ np.tanh(p["W1"] @ X), Y)

    step = tg.value_and_grad(loss)
    for i in range(steps):
        J = loss({"W1": W1, "W2": W2})
        W1.grad = W2.grad = None
        J.backward()
        for t in (W1, W2):
            t.data = t.data - 0.1 * t.grad
        step(params)
        compiled_step(params["W1"])
        if i % 10 == 0:
            tg.hvp(loss, (params,), (params,))
            tg.jvp(loss, (params,), (params,))
            tg.grad(lambda p: tg.checkpoint(loss)(p))(params)
            tg.gradients(loss({"W1": W1, "W2": W2}), [W1], create_graph=True)
            with pytest.raises(ValueError, match="inner sizes"):
                W1 @ Y
            with pytest.raises(ValueError, match="depend"):
                tg.gradients(np.sum(W1 * 2), W2)
            with tg.debug():
                loss({"W1": W1, "W2": W2}).backward()


def test_memory_no_reference_cycles(rng):
    train(2, rng)
    gc.collect()
    gc.disable()
    try:
        train(10, rng)
        found = gc.collect()
    finally:
        gc.enable()
    # What pytest.raises itself leaves behind is not ours.
    gc.disable()
    try:
        for _ in range(4):
            with pytest.raises(ValueError, match="x"):
                raise ValueError("x")
        theirs = gc.collect()
    finally:
        gc.enable()
    assert found <= theirs, f"{found} objects were in reference cycles"


@pytest.mark.parametrize(
    "steps", [300, pytest.param(100_000, marks=pytest.mark.slow)], ids=["300 steps", "100,000 steps"]
)
def test_memory_is_flat_with_gc_off(rng, steps):
    gc.collect()
    gc.disable()
    try:
        x = rng.normal(size=(20, 20))
        W = tensor(rng.normal(size=(20, 20)))

        def run(count):
            for _ in range(count):
                np.sum(np.tanh(W @ x) ** 2).backward()
                W.data = W.data - 1e-4 * W.grad
                W.grad = None
                tg.grad(lambda w: np.sum(np.sin(w * x)))(x)

        run(50)
        tracemalloc.start()
        run(max(50, steps // 20))  # Python's own lists of free tuples grow to 2,000 entries, and no further
        before, _ = tracemalloc.get_traced_memory()
        run(steps)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert after - before < 20_000, f"{after - before} bytes more after {steps} steps"


# -- numbers that were read out of a transform -----------------------------------------------------------------------

READS = {
    ".item()": lambda w: np.sum(w**2).item(),
    ".numpy()": lambda w: np.sum(w.numpy() ** 2),
    ".data": lambda w: np.sum(w.data**2),
    "int(t)": lambda w: float(int(w[0])) * 2.0,
}


def written_into_a_buffer(w):
    h = np.zeros(2)
    for i in range(2):
        h[i] = w[i].item()
    return np.sum(h * h)


TRANSFORMS = {
    "grad": lambda f, w: tg.grad(f)(w),
    "value_and_grad": lambda f, w: tg.value_and_grad(f)(w),
    "vjp": lambda f, w: tg.vjp(f, w),
    "jvp": lambda f, w: tg.jvp(f, (w,), (w,)),
    "jacobian": lambda f, w: tg.jacobian(f)(w),
    "hvp": lambda f, w: tg.hvp(f, (w,), (w,)),
    "grad of grad": lambda f, w: tg.grad(lambda w: np.sum(tg.grad(f)(w)))(w),
}


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS.keys())
@pytest.mark.parametrize("f", [*READS.values(), written_into_a_buffer], ids=[*READS.keys(), "a buffer"])
def test_a_result_computed_from_numbers_that_were_read_out_is_refused(transform, f):
    with pytest.raises(TypeError, match=r"does not depend on w.*taken out by .* at .*test_contracts\.py:\d+: "):
        transform(f, np.array([1.0, 2.0]))


def test_numbers_may_be_looked_at_inside_a_transform(capsys):
    def f(w, unused):
        cost = np.sum(w * w)
        print(cost.item(), f"{cost:.2f}", cost.numpy().shape)
        if cost.item() > 1 and cost > 1:
            cost = cost * 2
        scale = tg.stop_gradient(w).numpy().max() + w.detach().numpy().max()
        return cost * scale

    found = tg.grad(f, argnums=(0, 1))(np.array([1.0, 2.0]), np.ones(2))
    assert_allclose(found, ([16, 32], [0, 0]))
    assert capsys.readouterr().out == "5.0 5.00 ()\n"


def test_one_lost_leaf_among_several_is_named():
    def f(params):
        return np.sum(params["W"] * params["b"].numpy())

    with pytest.raises(TypeError, match=r"does not depend on params\['b'\].*\.numpy\(\)"):
        tg.grad(f)({"W": np.ones(2), "b": np.ones(2)})


@pytest.mark.parametrize("nothing", [None, "abc", [], {}, (), True, np.tanh], ids=repr)
@pytest.mark.parametrize("transform", [tg.grad, tg.value_and_grad, tg.jacobian], ids=lambda t: t.__name__)
def test_an_argument_without_arrays_has_no_gradient(transform, nothing):
    with pytest.raises(TypeError, match=r"x is .* no array to differentiate with respect to"):
        transform(lambda x: 1.0)(nothing)


# -- what is kept on objects between calls ---------------------------------------------------------------------------


class Recurrent:
    def __init__(self):
        self.h = np.zeros(3)

    def cost(self, W, x):
        self.h = np.tanh(W @ self.h + x)
        return np.sum(self.h * self.h)


def graph_size(t):
    seen, stack = set(), [t]
    while stack:
        t = stack.pop()
        if type(t) is tg.Tensor and t not in seen:
            seen.add(t)
            stack += t._inputs
    return len(seen)


@pytest.mark.parametrize(
    "transform", [TRANSFORMS[name] for name in ("grad", "value_and_grad", "vjp", "jvp", "jacobian")]
)
def test_a_tensor_kept_from_a_transform_that_is_over_is_a_constant(transform, rng):
    W, x = rng.normal(size=(3, 3)), rng.normal(size=3)
    kept, h, sizes = Recurrent(), np.zeros(3), []
    for _ in range(4):
        result = transform(lambda W: kept.cost(W, x), W)
        h_before, h = h, np.tanh(W @ h + x)
        fresh = Recurrent()
        fresh.h = h_before
        expected = transform(lambda W, fresh=fresh: fresh.cost(W, x), W)
        for a, b in zip(result, expected, strict=True) if isinstance(result, tuple) else [(result, expected)]:
            if not callable(a):
                assert type(a) is type(b)
                assert_allclose(a, b)
        assert_allclose(float(kept.h[0]), h[0])
        sizes.append(graph_size(kept.h))
    assert sizes[1] == sizes[3]  # not a graph more for each step


def test_a_tensor_kept_within_a_transform_that_still_runs_has_its_gradient():
    def f(w):
        kept = []
        inner = tg.grad(lambda v: (kept.append(v * w), np.sum(v * v * w))[1])(w)
        return np.sum(inner) + np.sum(kept[0])

    w = np.array([1.0, 3.0])  # 2 w w + w w
    assert_allclose(tg.grad(f)(w), 6 * w)


# -- generators ------------------------------------------------------------------------------------------------------


def batches(w):
    with tg.no_grad():
        while True:
            yield (w * 2).requires_grad


def test_a_suspended_generator_switches_nothing_for_its_caller():
    w = tg.Tensor([1.0, 2.0], requires_grad=True)
    one, other = batches(w), batches(w)
    for _ in range(2):
        assert not next(one)
        assert (w * 2).requires_grad
        assert not next(other)
    with tg.debug():
        assert not next(one)
        assert (w * 2).requires_grad
    with tg.no_grad():
        assert not next(other)
        one.close()  # out of order, and inside another block
        assert not (w * 2).requires_grad
    assert (w * 2).requires_grad
    assert not next(other)
    other.close()
    assert tg.context.current() is None
    assert_allclose(tg.grad(lambda v: np.sum([next(g) for g in [batches(w)]][0] + v * 6.0))(np.ones(2)), [6, 6])


def test_a_suspended_coroutine_switches_nothing_for_the_others():
    """Of one task, and of the caller that awaits it."""
    w = tg.Tensor([1.0, 2.0], requires_grad=True)

    async def quiet(turn):
        with tg.no_grad():
            seen = []
            for _ in range(3):
                await turn()
                seen.append((w * 2).requires_grad)
            return seen

    async def recording(turn):
        seen = []
        for _ in range(3):
            await turn()
            seen.append((w * 2).requires_grad)
            assert_allclose(tg.grad(lambda v: np.sum(v * v))(np.ones(2)), [2, 2])
        return seen

    async def main():
        def turn():
            return asyncio.sleep(0)

        together = await asyncio.gather(quiet(turn), recording(turn), quiet(turn))
        alone = await quiet(turn)
        return [*together, alone, [(w * 2).requires_grad]]

    assert asyncio.run(main()) == [[False] * 3, [True] * 3, [False] * 3, [False] * 3, [True]]
    assert tg.context.current() is None


def test_a_generator_that_is_a_context_manager_switches_for_its_caller():
    @contextlib.contextmanager
    def quiet():
        with tg.no_grad():
            yield

    w = tg.Tensor([1.0], requires_grad=True)
    with quiet():
        assert not (w * 2).requires_grad
    assert (w * 2).requires_grad

    @tg.no_grad()
    def recurse(n):
        return recurse(n - 1) if n else (w * 2).requires_grad

    assert not recurse(3)
    assert tg.context.current() is None


def test_threads_add_to_the_gradient_of_a_leaf_they_share():
    w = tg.Tensor(np.zeros(1000), requires_grad=True)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=lambda: [np.sum(w * 1.0).backward() for _ in range(60)]) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert_array_equal(w.grad, 480)


# -- foreign arrays --------------------------------------------------------------------------------------------------


class Metres(np.ndarray):
    """A subclass with units, which NumPy's functions keep."""

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if not all(isinstance(x, np.ndarray) for x in inputs):
            return NotImplemented
        return getattr(ufunc, method)(*map(np.asarray, inputs), **kwargs).view(Metres)


class Labelled:
    """Wraps any array, with names for its axes; it is no NumPy array and speaks for itself."""

    dims = ("a",)

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        plain = [x.values if isinstance(x, Labelled) else x for x in inputs]
        return Labelled(getattr(ufunc, method)(*plain, **kwargs))

    def __mul__(self, other):
        return np.multiply(self, other)

    def __rmul__(self, other):
        return np.multiply(other, self)


class Opaque:
    __array_ufunc__ = None

    def __rmul__(self, other):
        return "mine"

    __mul__ = __rmul__


W_FOREIGN = np.array([1.0, 2.0])
OPERATIONS = {
    "left": lambda x, t: x * t,
    "right": lambda x, t: t * x,
    "np.multiply": lambda x, t: np.multiply(x, t),
    "np.where": lambda x, t: np.where([True, False], x, t),
    "np.concatenate": lambda x, t: np.concatenate([x, t]),
    "np.matmul": lambda x, t: np.matmul(t, x),
}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS.keys())
@pytest.mark.parametrize(
    "array",
    [W_FOREIGN.view(Metres), np.ma.masked_array(W_FOREIGN, [0, 1]), W_FOREIGN.reshape(1, 2).view(np.matrix)],
    ids=["units", "masked", "matrix"],
)
def test_an_array_that_is_more_than_its_numbers_is_not_stripped(array, operation):
    with pytest.raises(TypeError, match=r"beside a Tensor would|would lose its gradient"):
        operation(array, tensor(W_FOREIGN))


@pytest.mark.parametrize(
    "function", [np.ma.log, np.ma.sum, np.ma.exp, lambda t: np.ma.add(t, 1.0), np.ma.getdata, np.ma.asarray]
)
def test_functions_for_masked_arrays_do_not_strip_a_tensor(function):
    with pytest.raises(TypeError, match="lose its gradient"):
        tg.grad(lambda w: np.sum(function(1 - w)))(np.array([0.1, 0.2]))


def test_what_knows_better_is_left_to_it():
    t = tensor(W_FOREIGN)
    for product in (Labelled(W_FOREIGN) * t, t * Labelled(W_FOREIGN), np.multiply(t, Labelled(W_FOREIGN))):
        assert type(product) is Labelled
        assert_allclose(tg.gradients(product.values, t, g=np.ones(2))[0], W_FOREIGN)
    assert Opaque() * t == t * Opaque() == "mine"
    with pytest.raises(TypeError, match=r"Opaque beside a Tensor would lose .*test_contracts\.py"):
        np.where([True, False], Opaque(), t)


# -- saturation ------------------------------------------------------------------------------------------------------


def spelled_sigmoid(z):
    return 1 / (1 + np.exp(-z))


SATURATING = {  # as people write them, and the same function by ours, which never overflows
    "sigmoid": (spelled_sigmoid, tg.sigmoid),
    "sigmoid of a power": (lambda z: 1.0 / (1.0 + np.power(np.e, -z)), tg.sigmoid),
    "swish": (lambda z: z * spelled_sigmoid(z), lambda z: z * tg.sigmoid(z)),
    "tanh": (lambda z: 2 / (1 + np.exp(-2 * z)) - 1, np.tanh),
    "gaussian": (lambda z: np.exp(-np.square(z)), lambda z: np.exp(-(np.minimum(np.abs(z), 30) ** 2))),
    "overflow handed on": (lambda z: 1 / (1 + z**2 * np.exp(z * z)), None),
    "a whole power": (lambda z: 1 / (1 + z**200), None),
}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("spelled", "exact"), SATURATING.values(), ids=SATURATING.keys())
def test_a_value_that_overflowed_sends_nothing_back_where_it_makes_no_difference(spelled, exact, dtype):
    far = 800 if dtype == np.float64 else 100
    z = np.array([-far, -3.0, -0.5, 0.25, 2.0, far], dtype)
    rtol = 1e-10 if dtype == np.float64 else 1e-3
    with np.errstate(over="ignore"):  # of the forward pass: the user's own
        found = tg.grad(lambda z: np.sum(spelled(z) * np.arange(1, 7, dtype=dtype)))(z)
        second = tg.grad(lambda z: np.sum(tg.grad(lambda z: np.sum(spelled(z)))(z)))(z)
        tangents = np.eye(6, dtype=dtype)  # of which most are 0: what does not move stays where it is
        forward = np.stack([tg.jvp(spelled, (z,), (t,))[1] for t in tangents])
        over = tg.jvp(tg.grad(lambda z: np.sum(spelled(z))), (z,), (np.ones_like(z),))[1]
    assert found.dtype == dtype
    assert np.isfinite(found).all()
    assert np.isfinite(second).all()
    assert_allclose(forward, np.diag(found / np.arange(1, 7, dtype=dtype)), rtol=rtol, atol=1e-30)
    assert_allclose(over, second, rtol=rtol, atol=1e-30)
    if exact is not None:
        expected = tg.grad(lambda z: np.sum(exact(z) * np.arange(1, 7, dtype=dtype)))(z)
        assert_allclose(found, expected, rtol=rtol, atol=1e-30)


def test_saturation_behind_a_sum_in_forward_mode():
    z = np.array([-800.0, 1.0])
    with np.errstate(over="ignore"):
        for f in (lambda z: 1 / (1 + np.mean(np.exp(-z))), lambda z: np.sum(1 / (1 + np.cumsum(np.exp(-z))))):
            assert tg.jvp(f, (z,), (np.array([1.0, 2.0]),))[1] == 0


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sqrt(x) * 0.0,
        lambda x: np.log(x) * 0.0 + x,
        lambda x: np.log(1 + np.exp(x + 800)),  # infinite itself, and its slope is 1
        lambda x: np.arctanh(x + 1) * 0.0,
        lambda x: 1 / (1 + 1 / x),  # a pole, no overflow: the slope is 1
        lambda x: 1 / (1 + np.log(x) ** 2),
    ],
)
def test_a_derivative_that_is_truly_infinite_stays_loud(f):
    with np.errstate(all="ignore"):
        assert np.isnan(tg.grad(f)(0.0))
        assert np.isnan(tg.jvp(f, (0.0,), (1.0,))[1])
    with np.errstate(divide="ignore", over="ignore", invalid="raise"), pytest.raises(FloatingPointError):
        tg.grad(f)(0.0)


# -- what is more than its numbers, as an argument; values kept from an earlier call ----------------------------------

FOREIGN = {
    "units": W_FOREIGN.view(Metres),
    "masked": np.ma.masked_array(W_FOREIGN, [0, 1]),
    "matrix": W_FOREIGN.reshape(1, 2).view(np.matrix),
    "labels": Labelled(W_FOREIGN),
}
ENTRANCES = {
    "Tensor": tg.Tensor,
    "grad": tg.grad(np.sum),
    "grad of a tree": lambda x: tg.grad(lambda p: np.sum(p["w"][0]))({"w": [x]}),
    "jacobian": tg.jacobian(np.sin),
    "vjp": lambda x: tg.vjp(np.sin, x),
    "jvp": lambda x: tg.jvp(np.sin, (x,), (W_FOREIGN,)),
    "a tangent": lambda x: tg.jvp(np.sin, (np.ones_like(x),), (x,)),
    "a cotangent": lambda x: tg.vjp(np.sin, np.ones(np.shape(x)))[1](x),
    "backward": lambda x: tensor(W_FOREIGN).backward(x),
    "vmap": tg.vmap(np.sin),
    "compile": tg.compile(np.sum),
    "derive": lambda x: tg.derive(lambda w: np.sum(w * w), x),
    "check_gradients": lambda x: tg.testing.check_gradients(np.sum, x),
    "a carry": lambda x: tg.scan(lambda h, y: (h + y, y), x, W_FOREIGN),
    "steps": lambda x: tg.scan(lambda h, y: (h + y, y), 0.0, x),
    "while_loop": lambda x: tg.while_loop(lambda h: np.sum(h) < 9, lambda h: 2 * h, x),
    "minimize": lambda x: tg.minimize(lambda w: np.sum(w * w), x),
    "a loss": lambda x: tg.mean_squared_error(tensor(W_FOREIGN), x),
    "data": lambda x: setattr(tensor(W_FOREIGN), "data", x),
    "a buffer": lambda x: tg.zeros(2).__setitem__(slice(None), x),
    "set_at": lambda x: tg.set_at(tensor(W_FOREIGN), slice(None), x),
}


@pytest.mark.parametrize("enter", ENTRANCES.values(), ids=ENTRANCES.keys())
@pytest.mark.parametrize("array", FOREIGN.values(), ids=FOREIGN.keys())
def test_an_argument_that_is_more_than_its_numbers_is_refused(array, enter):
    with pytest.raises(TypeError, match=r"would (lose|mean)|compiled functions take NumPy arrays"):
        enter(array)


def test_a_masked_array_was_once_differentiated_as_if_all_of_it_counted():
    with pytest.raises(TypeError, match=r"a: a masked array would lose its mask.*test_contracts\.py"):
        tg.grad(lambda a: np.std(a))(np.ma.masked_array([1.0, 2.0, 3.0], [0, 1, 0]))


def remembering(f):
    kept = {}

    def remember(w):
        if "y" not in kept:
            kept["y"] = f(w)
        return kept["y"]

    return remember


def doubled(f):
    return lambda w: np.sum(2 * f(w))


TRANSFORMS = {
    "grad": lambda f, w: tg.grad(f)(w),
    "value_and_grad": lambda f, w: tg.value_and_grad(f)(w),
    "jacobian": lambda f, w: tg.jacobian(f)(w),
    "hessian": lambda f, w: tg.hessian(f)(w),
    "vjp": lambda f, w: tg.vjp(f, w),
    "jvp": lambda f, w: tg.jvp(f, (w,), (w,)),
    "hvp": lambda f, w: tg.hvp(f, (w,), (w,)),
}


@pytest.mark.parametrize("transform", TRANSFORMS.values(), ids=TRANSFORMS.keys())
def test_a_value_remembered_from_an_earlier_call_raises(transform):
    for f in (
        remembering(lambda w: np.sum(w**2)),
        doubled(remembering(np.sin)),
    ):
        transform(f, np.array([1.0, 2.0]))
        with pytest.raises(TypeError, match="does not depend on w: .*an earlier call, and kept"):
            transform(f, np.array([3.0, 4.0]))


def test_one_parameter_of_several_whose_layer_is_remembered():
    hidden = remembering(np.tanh)

    def cost(w, v):
        return np.sum(v * hidden(w))

    both = tg.grad(cost, argnums=(0, 1))
    both(np.array([1.0]), np.array([2.0]))
    with pytest.raises(TypeError, match="does not depend on w"):
        both(np.array([1.0]), np.array([2.0]))
    state = {"h": np.zeros(1)}

    def step(w, v):  # which goes on from what was kept, and depends on both: v has truly no derivative at first
        state["h"] = np.tanh(w + v * state["h"])
        return np.sum(state["h"])

    for _ in range(3):
        assert all(type(g) is np.ndarray for g in tg.grad(step, argnums=(0, 1))(np.array([1.0]), np.array([2.0])))


def test_a_number_read_from_a_text_counts_as_taken_out():
    for f in (lambda w: float(f"{np.sum(w):.3f}"), lambda w: float(repr(np.sum(w))[7:-21])):
        with pytest.raises(TypeError, match=r"its numbers were taken out by .* at .*test_contracts\.py"):
            tg.grad(f)(np.array([1.5]))
    seen = []
    tg.grad(lambda w: (seen.append(f"{w} {np.sum(w):.3f}"), np.sum(w))[1])(np.array([1.5]))
    assert seen[0].endswith(" 1.500")


def test_what_a_trace_left_behind_is_not_computed_with():
    state = {"h": np.zeros(2)}

    def step(x):
        state["h"] = np.tanh(state["h"] + x)
        return np.sum(state["h"])

    for target in ("numpy", "auto"):
        state["h"] = np.zeros(2)
        compiled = tg.compile(step, target=target)
        with pytest.raises(RuntimeError, match="does not reproduce"):
            compiled(np.array([1.0, 2.0]))
        with pytest.raises(RuntimeError, match="kept from an earlier trace"):
            compiled(np.array([1.0, 2.0]))


def test_no_grad_decorates_only_what_runs_at_once():
    def rows():
        yield 1

    async def read():
        return 1

    async def read_all():
        yield 1

    for function in (rows, read, read_all):
        with pytest.raises(TypeError, match=f"before {function.__name__} runs; write a with block"):
            tg.no_grad()(function)


W_RULES = np.arange(6.0).reshape(3, 2)
WRONG_RULES = {
    "a sum": tg.custom_vjp(lambda w: w**2, lambda g, y, w: 2 * g.sum(axis=0)),
    "a row too many": tg.custom_vjp(lambda w: w**2, lambda g, y, w: np.stack([g, g])),
    "complex": tg.custom_vjp(lambda w: w**2, lambda g, y, w: 1j * g),
    "an elementwise sum": tg.elementwise(lambda w: w**2, lambda y, w: 2 * w.sum(axis=0)),
    "an elementwise row": tg.elementwise(lambda w: w**2, lambda y, w: 2 * w[:1]),
    "a denominator": tg.elementwise(lambda w: np.log(w + 1), tg.op.over(lambda y, w: 1 + w.sum(axis=0))),
    "no elementwise function": tg.elementwise(lambda w: w.sum(axis=0), lambda y, w: np.ones_like(w)),
    "linear": tg.linear(lambda w: 2 * w, lambda g, y, w: g.sum(axis=0)),
}


@pytest.mark.parametrize("op", WRONG_RULES.values(), ids=WRONG_RULES.keys())
def test_a_rule_of_the_wrong_shape_raises_in_every_mode(op):
    def cost(w):
        return np.sum(op(w) * W_RULES)

    for run in (
        lambda: tg.grad(cost)(W_RULES),
        lambda: tg.compile(tg.grad(cost))(W_RULES),
        lambda: tg.hessian(cost)(W_RULES),
    ):
        with pytest.raises(TypeError, match=r"gave (shape|complex)"):
            run()
    if op.kind != "linear":  # of which the jvp is the function itself
        with pytest.raises(TypeError, match=r"gave (shape|complex)"):
            tg.jvp(op, (W_RULES,), (W_RULES,))


def test_rules_for_a_row_that_was_broadcast_need_not_sum():
    row = np.array([1.0, 3.0])
    scale = tg.elementwise(lambda w, v: w * v, lambda y, w, v: v, lambda y, w, v: w)
    wide = tg.custom_vjp(lambda w, v: w * v, lambda g, y, w, v: g * v, lambda g, y, w, v: g * w)
    for op in (scale, wide):
        y, pull = tg.vjp(op, W_RULES, row)
        dw, dv = pull(W_RULES)
        assert_allclose(y, W_RULES * row)
        assert_allclose(dw, W_RULES * row)
        assert_allclose(dv, (W_RULES * W_RULES).sum(axis=0))
    product = tg.bilinear(np.matmul, lambda g, y, a, b: g @ b.swapaxes(-1, -2), lambda g, y, a, b: a.T @ g)
    stack = np.arange(24.0).reshape(4, 2, 3)
    expected = tg.grad(lambda w: np.sum((w @ stack) ** 2))(W_RULES)
    assert_allclose(tg.grad(lambda w: np.sum(product(w, stack) ** 2))(W_RULES), expected)


@pytest.mark.parametrize(
    "make",
    [
        lambda: tg.elementwise(np.tanh),
        lambda: tg.elementwise(np.add, lambda y, a, b: 1.0),
        lambda: tg.custom_vjp(lambda a, b: a * b, lambda g, y, a, b: g * b),
        lambda: tg.linear(lambda a, b: a, lambda g, y, a, b: g, lambda g, y, a, b: g),
        lambda: tg.custom_vjp(3, lambda g, y, a: g),
    ],
)
def test_constructors_count_their_rules(make):
    with pytest.raises(TypeError, match="rules for|one rule|must be callable"):
        make()
