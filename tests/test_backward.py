"""The reverse sweep: order, sums over broadcast axes, dtypes, and which tensors it visits."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_lite as tg
from tests.everyday import one_in
from tinygrad_lite.backward import find_nodes
from tinygrad_lite.pulling import unbroadcast
from tinygrad_lite.rules import indexing
from tinygrad_lite.rules.indexing import put


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def tensor(array, name=None):
    return tg.Tensor(array, requires_grad=True, name=name)


# -- against a naive engine ------------------------------------------------------------------------------------------

# A program is a list of (op, i, j): the next value is op(values[i], values[j]). The naive engine below differentiates
# it by the chain rule, path by path, with nothing clever in it.
OPS = {
    "add": (lambda a, b: a + b, lambda a, b: 1.0, lambda a, b: 1.0),
    "multiply": (lambda a, b: a * b, lambda a, b: b, lambda a, b: a),
    "divide": (lambda a, b: a / (b * b + 1), lambda a, b: 1 / (b * b + 1), lambda a, b: -2 * a * b / (b * b + 1) ** 2),
    "sine of sum": (lambda a, b: np.sin(a + b), lambda a, b: np.cos(a + b), lambda a, b: np.cos(a + b)),
    "first": (lambda a, b: np.tanh(a), lambda a, b: 1 - np.tanh(a) ** 2, lambda a, b: 0.0),
}
step = st.tuples(st.sampled_from(sorted(OPS)), st.integers(0, 30), st.integers(0, 30))


def run(program, values):
    for name, i, j in program:
        values.append(OPS[name][0](values[i % len(values)], values[j % len(values)]))
    return values


def naive(program, values, k):
    """d values[-1] / d values[k], by forward accumulation of one number at a time."""
    n = len(values) - len(program)
    slopes = [1.0 if i == k else 0.0 for i in range(n)]
    for name, i, j in program:
        m = len(slopes)
        a, b = values[i % m], values[j % m]
        _, da, db = OPS[name]
        slopes.append(da(a, b) * slopes[i % m] + db(a, b) * slopes[j % m])
    return slopes[-1]


@given(st.lists(step, min_size=1, max_size=25), st.lists(st.floats(-1, 1), min_size=1, max_size=3))
def test_random_graphs_against_the_chain_rule_path_by_path(program, start):
    numbers = run(program, list(start))
    leaves = [tensor(x) for x in start]
    tensors = run(program, list(leaves))
    y = tensors[-1]
    expected = [naive(program, numbers, k) for k in range(len(start))]
    for graph in (False, True):
        found = tg.gradients(y, leaves, create_graph=graph, disconnected="zeros")
        assert_allclose([float(f) for f in found], expected, rtol=1e-9, atol=1e-12)
    y.backward()
    assert_allclose([0.0 if t.grad is None else t.grad for t in leaves], expected, rtol=1e-9, atol=1e-12)
    # And with respect to something in the middle: the rest of the program, started there.
    middle = len(numbers) // 2
    if middle >= len(start):
        rest = tg.gradients(y, tensors[middle], disconnected="zeros")[0]
        h = 1e-6

        def from_middle(x):
            values = numbers[:middle] + [x]
            for name, i, j in program[middle - len(start) + 1 :]:
                values.append(OPS[name][0](values[i % len(values)], values[j % len(values)]))
            return values[-1]

        slope = (from_middle(numbers[middle] + h) - from_middle(numbers[middle] - h)) / (2 * h)
        assert_allclose(rest, slope, rtol=1e-4, atol=1e-4 * (1 + abs(slope)))


# -- sums over broadcast axes ----------------------------------------------------------------------------------------


@given(st.data())
def test_unbroadcast_is_the_transpose_of_broadcasting(data):
    full = tuple(data.draw(st.lists(st.integers(0, 3), max_size=4)))
    shape = tuple(1 if data.draw(st.booleans()) else n for n in full)[data.draw(st.integers(0, len(full))) :]
    rng = np.random.default_rng(0)
    x, g = rng.normal(size=shape), rng.normal(size=full)
    found = unbroadcast(g, shape)
    assert found.shape == shape
    assert_allclose(np.sum(found * x), np.sum(g * np.broadcast_to(x, full)), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((2, 3), (3,)),
        ((2, 1), (1, 3)),
        ((), (2, 3)),
        ((1,), (2, 3)),
        ((4, 1, 3), (2, 1)),
        ((0, 3), (1, 3)),
        ((1, 1), ()),
    ],
)
def test_broadcast_operands_get_gradients_of_their_own_shape(a, b, rng):
    x, y = rng.normal(size=a), rng.normal(size=b)
    g = rng.normal(size=np.broadcast_shapes(a, b))
    dx, dy = tg.vjp(lambda x, y: x * y + y, x, y)[1](g)
    assert (dx.shape, dy.shape) == (a, b)
    assert_allclose(np.sum(dx * x), np.sum(g * x * y), rtol=1e-9, atol=1e-12)
    assert_allclose(np.sum(dy * y), np.sum(g * (x * y + y)), rtol=1e-9, atol=1e-12)


# -- which tensors it visits -----------------------------------------------------------------------------------------


SUMMED = {
    "every operand as large as the result": lambda x, b, c: np.tanh(x) * x - x,
    "a broadcast operand of an addition": lambda x, b, c: x + b - c,
    "a broadcast operand deep below": lambda x, b, c: np.exp(-(x + np.sin(b)) / 3) + c,
    "an operand of fewer dimensions": lambda x, b, c: c * x + c,
    "a transposition and a product": lambda x, b, c: (x + b).T @ (x * b),
    "ops that mix entries and keep the shape": lambda x, b, c: tg.softmax(x + c) + np.sort(np.cumsum(x * b, axis=1)),
    "a square product": lambda x, b, c: (x @ np.arange(16.0).reshape(4, 4)) @ np.cos(np.arange(16.0)).reshape(4, 4) + b,
    "one value used twice": lambda x, b, c: (lambda h: h + h * h + h[:1])(x + b),
    "a choice": lambda x, b, c: np.where(x > 0, np.log(np.abs(x)) + b, c),
    "a concatenation": lambda x, b, c: np.concatenate([x, b * c, x[:1]]),
    "an op with two results": lambda x, b, c: np.linalg.slogdet(x[:, :3] @ x[:, :3].T + 4 * np.eye(3))[1] + b + c,
    "a sum of a sum": lambda x, b, c: np.sum(x, axis=1, keepdims=True) + b,
}


@pytest.mark.parametrize("f", SUMMED.values(), ids=SUMMED.keys())
@pytest.mark.parametrize("total", [np.sum, lambda y: np.sum(np.sum(y, axis=0)), lambda y: np.sum(y, axis=(0, 1)) / 7])
def test_the_derivative_of_a_sum_is_written_out_where_that_matters(f, total, rng):
    """The sweep leaves one number for many equal ones; the other side starts from all of them."""
    args = rng.normal(size=(3, 4)), rng.normal(size=(3, 1)), rng.normal(size=4)
    scale = total(np.ones_like(f(*args))) / np.size(f(*args))
    expected = tg.vjp(f, *args)[1](np.full_like(f(*args), scale))
    weights = [rng.normal(size=x.shape) for x in args]
    every = tuple(range(len(args)))

    def again(gradient):  # through a recorded sweep
        return tg.grad(lambda *xs: sum(np.sum(g * w) for g, w in zip(gradient(*xs), weights, strict=True)), every)

    summed = tg.grad(lambda *xs: total(f(*xs)), every)
    for x, found, g in zip(args, summed(*args), expected, strict=True):
        assert found.shape == x.shape
        assert_allclose(found, g, rtol=1e-12, atol=1e-14)
    full = again(lambda *xs: tg.vjp(f, *xs)[1](np.full_like(f(*args), scale)))(*args)
    for found, g in zip(again(summed)(*args), full, strict=True):
        assert_allclose(found, g, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("join", one_in(2, [np.concatenate, np.stack]))
def test_joining_very_many_arrays_takes_linear_time(join):
    """Their one rule is asked once: 20,000 arrays took minutes when it was asked for each."""
    xs = [np.full(2, float(i)) for i in range(20_000)]
    found = tg.grad(lambda xs: np.sum(join(xs) ** 2))(xs)
    assert_array_equal(found[-1], 2 * xs[-1])
    assert_array_equal(tg.jvp(join, (xs,), (xs,))[1], join(xs))


# Parts of an array x (3, 4) and the whole of it, used in any order: the sweep adds the cotangents of parts in place.
READ = [
    lambda x, z: x[1],
    lambda x, z: x[:, ::2],
    lambda x, z: x[-1, 2],
    lambda x, z: x[[0, 2, 0]],
    lambda x, z: x[np.arange(12).reshape(3, 4) % 5 == 0],
    lambda x, z: x[:, [3, 3]],
    lambda x, z: x + z,  # whose cotangent is handed on to both
    lambda x, z: x.T,
    lambda x, z: np.sum(x, axis=1),
]


@given(st.lists(st.integers(0, len(READ) - 1), min_size=2, max_size=8), st.booleans())
def test_parts_that_are_read_in_any_order_add_up(order, fortran):
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, 3, 4))
    x = np.asfortranarray(x) if fortran else x

    def f(x, z):
        x, z = np.tanh(x), np.tanh(z)
        return [READ[i](x, z) for i in order]

    weights = [rng.normal(size=np.shape(y)) for y in f(x, z)]
    g = tg.grad(lambda x, z: sum(np.sum(w * y) for w, y in zip(weights, f(x, z), strict=True)), argnums=(0, 1))(x, z)
    parts = [
        tg.grad(lambda x, z, i=i, w=w: np.sum(w * READ[i](np.tanh(x), np.tanh(z))), argnums=(0, 1))(x, z)
        for i, w in zip(order, weights, strict=True)
    ]
    for found, each in zip(g, zip(*parts, strict=True), strict=True):
        assert_allclose(found, sum(each), rtol=1e-13, atol=1e-13)


ROWS = [(1,), (np.int8(-1),), (slice(None), 2), (slice(None), slice(None), -2), (slice(1, 3),), (0, slice(None))]
ROWS += [(True,), (None, 1), (False,), (1, 2, 3)]
ROWS += [([2, 0, 2],), (np.array([[1], [0]]), slice(1, 3), 2), (0, [1, 1]), (..., None, 1), (np.arange(4) > 1,)]


@given(st.data(), st.booleans())
def test_many_parts_add_up_when_the_sweep_is_recorded(data, large):
    """Where they are rows of one axis, as a stack; beyond, as a sum of arrays, or put together before."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(indexing, "_LARGE", 0 if large else math.inf)
        check_that_parts_add_up(data)


def check_that_parts_add_up(data):
    few = data.draw(st.lists(st.integers(0, len(ROWS) - 1), min_size=1, max_size=3, unique=True))
    indices = [ROWS[k] for k in data.draw(st.lists(st.sampled_from(few), min_size=8, max_size=14))]
    rng = np.random.default_rng(0)
    x, v = rng.normal(size=(2, 4, 3, 5))
    weights = [rng.normal(size=x[index].shape) for index in indices]

    def f(x):
        x = np.sin(x)
        return sum(np.sum(w * x[index] ** 2) for w, index in zip(weights, indices, strict=True))

    recorded, hessian_v = tg.jvp(tg.grad(f), (x,), (v,))
    assert_allclose(recorded, tg.grad(f)(x), rtol=1e-13, atol=1e-13)
    assert_allclose(tg.grad(lambda x: np.sum(tg.grad(f)(x) * v))(x), hessian_v, rtol=1e-12, atol=1e-12)
    step = 1e-5
    slope = (tg.grad(f)(x + step * v) - tg.grad(f)(x - step * v)) / (2 * step)
    assert_allclose(hessian_v, slope, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("rows", "arrays"), [(range(50), 0), ([*range(30, 10, -1), 12, 15], 1), ([3, -1] * 4, 8)])
def test_a_loop_over_rows_makes_no_array_of_the_whole_for_each(rows, arrays, monkeypatch):
    made = []
    call = put.call
    monkeypatch.setattr(put, "call", lambda *xs, **params: made.append(1) or call(*xs, **params))
    x = np.random.default_rng(0).normal(size=(50, 3))
    expected = np.zeros_like(x)
    np.add.at(expected, np.array(rows), np.cos(x)[np.array(rows)])

    def f(x):
        return sum(np.sum(np.sin(x[i])) for i in rows)

    assert_allclose(tg.grad(f)(x), expected)
    assert not made
    assert_allclose(tg.grad(lambda c: np.sum(tg.grad(f)(c * x) * x))(1.0), -np.sum((x * x * np.sin(x))[np.array(rows)]))
    assert len(made) == arrays


@pytest.mark.parametrize(
    ("take", "arrays"), [(lambda i: slice(i, i + 2), 0), (lambda i: (i, 3), 0), (lambda i: [i, 0], 1)]
)
def test_a_loop_over_parts_puts_them_together_first(take, arrays, monkeypatch):
    made = []
    call = put.call
    monkeypatch.setattr(put, "call", lambda *xs, **params: made.append(1) or call(*xs, **params))
    x = np.random.default_rng(0).normal(size=(40, 200))

    def f(x):
        return sum(np.sum(np.sin(x[take(i)])) for i in range(30))

    slope = tg.grad(f)(x)
    assert not made
    assert_allclose(tg.jvp(tg.grad(f), (x,), (x,))[0], slope)
    assert len(made) == 2 * arrays
    assert_allclose(tg.compile(tg.grad(f))(x), slope)


def test_a_sweep_goes_only_where_something_is_wanted():
    visited = []
    spy = tg.custom_vjp(lambda x: x * 1, lambda g, y, x: visited.append(1) or g, name="spy")
    a, b = tensor(2.0), tensor(3.0)
    y = a * a + spy(b)
    tg.gradients(y, a)
    assert not visited
    tg.gradients(y, [a, b])
    assert visited


def test_intermediate_results_have_gradients_too(rng):
    x = tensor(rng.normal(size=3))
    h = np.sin(x)
    k = h * h
    y = np.sum(k * h)
    dy, dk, dh, dx = tg.gradients(y, [y, k, h, x])
    H = h.numpy()
    assert_allclose(dy, 1)
    assert_allclose(dk, H)
    assert_allclose(dh, 3 * H**2)
    assert_allclose(dx, 3 * H**2 * np.cos(x.numpy()))


def test_the_order_and_number_of_xs_is_the_callers():
    a, b = tensor(2.0), tensor(3.0)
    y = a * a * b
    assert tg.gradients(y, [b, a, b]) == [4, 12, 4]
    assert tg.gradients(y, (a,)) == [12]
    assert tg.gradients(y, a) == [12]
    assert tg.gradients(y, []) == []


def test_recorded_finds_each_node_once_newest_first():
    a = tensor(1.0)
    b = a * 2
    c = b + b
    d = c * b
    nodes, _ = find_nodes([d])
    assert all(x is y for x, y in zip(nodes, [d, c, b], strict=True))


def test_constants_take_no_part():
    a, c = tensor([1.0, 2.0]), tg.Tensor([3.0, 4.0])
    y = np.sum(a * c * np.array([1.0, 0.5]) * (a > 0))
    y.backward()
    assert_array_equal(a.grad, [3, 2])
    assert c.grad is None
    assert not (c * 2).requires_grad


def test_gradients_do_not_touch_grad():
    a = tensor([1.0, 2.0])
    tg.gradients(np.sum(a * a), a)
    assert a.grad is None


def test_a_recorded_gradient_is_differentiable(rng):
    x = tensor(rng.normal(size=4))
    y = np.sum(np.sin(x) * x)
    (first,) = tg.gradients(y, x, create_graph=True)
    assert first.requires_grad
    v = rng.normal(size=4)
    (second,) = tg.gradients(first, x, g=v)
    X = x.numpy()
    assert_allclose(second, v * (2 * np.cos(X) - X * np.sin(X)))
    g = tensor(1.5)
    (weighted,) = tg.gradients(y, x, g=g, create_graph=True)  # the cotangent may be a variable, too
    assert_allclose(tg.gradients(np.sum(weighted * v), g)[0], np.sum(v * (np.sin(X) + X * np.cos(X))))


def test_empty_and_zero_dimensional(rng):
    for shape in ((0,), (0, 3), (2, 0)):
        x = tensor(np.ones(shape))
        for y in (np.sum(x * x), np.sum(np.exp(x) + 1, axis=0), x @ np.ones((shape[-1], 2)) if len(shape) == 2 else x):
            (dx,) = tg.gradients(y, x, g=np.ones(y.shape))
            assert dx.shape == shape
    x = tensor(3.0)
    x.backward()
    assert x.grad == 1
    assert x.grad.shape == ()


def test_non_contiguous_operands(rng):
    base = rng.normal(size=(4, 6))
    g = rng.normal(size=(6, 4))
    for x in (base[::2, ::-3], base.T, np.broadcast_to(base[0], (4, 6)), np.asfortranarray(base)):
        dx = tg.vjp(lambda x: np.tanh(x) @ np.ones((x.shape[1], 2)), x)[1](np.ones((len(x), 2)))[0]
        assert_allclose(dx, 2 * (1 - np.tanh(x) ** 2))
    t = tensor(base)
    assert_allclose(tg.gradients(t.T * 2, t, g=g)[0], 2 * g.T)
    assert_allclose(tg.gradients(t.T * 2, t, g=np.asfortranarray(g))[0], 2 * g.T)
    assert_allclose(
        tg.gradients(t.T * 2, t, g=np.broadcast_to(g[:, :1], (6, 4)))[0], 2 * np.broadcast_to(g[:, :1], (6, 4)).T
    )
