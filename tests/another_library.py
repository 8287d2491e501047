"""What is asked of the arrays of any other library: NumPy's numbers, in arrays of that library.

Each test file about such arrays says which library it is; what is tested is here.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygrad_lite as tg
from tests.generators.calls import Function, calls
from tests.rules.test_every_call import dot, of_floats
from tinygrad_lite import tree


@dataclass(frozen=True)
class Library:
    """kind: the class of its arrays. make: one of an array of NumPy's. numbers: the other way round."""

    kind: type
    make: Callable[[Any], Any]
    numbers: Callable[[Any], Any]

    def convert(self, given: Any) -> Any:
        """A tree with the library's arrays in the place of NumPy's."""
        return tree.map(lambda x: self.make(x) if isinstance(x, np.ndarray) else x, given)

    def check_same(self, found: Any, expected: Any, rtol: float = 1e-10) -> None:
        """Two trees: the first of the library's arrays, with NumPy's numbers in the second."""
        leaves, others = tree.flatten(found)[0], tree.flatten(expected)[0]
        assert len(leaves) == len(others)
        for x, y in zip(leaves, others, strict=True):
            array = x._array if isinstance(x, tg.Tensor) else x
            other = np.asarray(y._array if isinstance(y, tg.Tensor) else y)
            assert isinstance(array, self.kind), f"came back as {type(array)}"
            assert (array.shape, array.dtype) == (other.shape, other.dtype)
            assert_allclose(self.numbers(array), other, rtol=rtol, atol=1e-12)

    def check(self, f: Callable[..., Any], *args: Any, rtol: float = 1e-10) -> None:
        """f of trees of arrays gives the same of both."""
        self.check_same(f(*self.convert(args)), f(*args), rtol)


# -- every function of the table ---------------------------------------------------------------------------------------

_HAVE_SIGNS = ("svd", "eigh", "qr")  # of vectors that are right with either sign
_HAVE_ORDERS = ("partition", "roots", "eig", "eigvals")  # that are the library's own affair


def find_refusals(function: Function, library: Library) -> list[str]:
    """Why calls of the function, or their derivatives, do not go; none where the library itself refuses the call.

    AssertionError where a call goes, and gives other numbers than NumPy's, or other arrays than the library's.
    """
    rng = np.random.default_rng(5)
    refusals = []
    for number, (operands, params) in enumerate(calls(function, rng)):
        f, at = of_floats(function, operands, params)
        if not at:
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value, pullback = tg.vjp(f, *at)
            g = [rng.normal(size=np.shape(y)) for y in value]
            expected = pullback(g)
        f_there, _ = of_floats(function, operands, params, library.make)
        try:
            found, pull = tg.vjp(f_there, *map(library.make, at))
            signs = _find_signs(function, found, value, library)
            back = pull([library.make(x * s) for x, s in zip(g, signs, strict=True)]) if value else []
            again = _differentiate_again(f_there, at, g, library.make) if value and not number else []
        except Exception as error:
            if not _is_refused(function, operands, params, library) and not _has_no_axis(at, error):
                refusals.append(f"call {number}, {params}: {type(error).__name__}: {error}")
            continue
        if function.name in _HAVE_ORDERS:
            continue
        library.check_same(found, [y * s for y, s in zip(value, signs, strict=True)], 1e-9)
        if value:
            library.check_same(back, expected, 1e-9)
        if again and function.name not in _HAVE_SIGNS:
            library.check_same(again, _differentiate_again(f, at, g, np.asarray), 1e-7)
    return refusals


def _find_signs(function: Function, found: Any, value: Any, library: Library) -> list[Any]:
    """By which signs the library's results differ from NumPy's. With cotangents that do, gradients are the same."""
    if function.name not in _HAVE_SIGNS:
        return [1.0] * len(value)
    return [np.where(library.numbers(x) * y < 0, -1.0, 1.0) for x, y in zip(found, value, strict=True)]


def _differentiate_again(f: Any, at: list[Any], g: list[Any], make: Any) -> list[Any]:
    """Forward mode, and the gradient of a gradient."""
    rng = np.random.default_rng(7)
    directions = [make(rng.normal(size=x.shape)) for x in at]
    cotangents = [make(x) for x in g]
    xs = [make(x) for x in at]
    tangents = tg.jvp(f, xs, directions)[1]
    again = tg.grad(lambda *xs: dot(tg.vjp(f, *xs)[1](cotangents), directions), argnums=tuple(range(len(xs))))(*xs)
    return [*tangents, *again]


def _is_refused(function: Function, operands: Any, params: Any, library: Library) -> bool:
    """Whether the library has no such function, or refuses this call of it."""
    if function.numpy is None:
        return False
    try:
        function.numpy(*library.convert(operands), **params)
    except Exception:
        return True
    return False


def _has_no_axis(at: list[Any], error: Exception) -> bool:
    """NumPy takes axis=0 of an array of no dimension, and others do not."""
    return isinstance(error, np.exceptions.AxisError) and any(np.ndim(x) == 0 for x in at)


# -- what people write -------------------------------------------------------------------------------------------------

FUNCTIONS = {
    "arithmetic": lambda a, b: (a + b) * 2 - a / (b + 3) + a**2 - b**3 + (-a) ** 2,
    "exponentials": lambda a, b: np.exp(a) + np.log(b + 3) + np.sqrt(b + 3) + np.log1p(np.exp(a)) + np.expm1(b),
    "trigonometry": lambda a, b: np.sin(a) * np.cos(b) + np.tanh(a * b) + np.arctan(a),
    "activations": lambda a, b: tg.relu(a) + tg.leaky_relu(b) + tg.sigmoid(a) * tg.softplus(b),
    "choices": lambda a, b: np.where(a > b, a * 2, b) + np.maximum(a, b) + np.minimum(a, 0.1) + np.abs(b),
    "sums": lambda a, b: np.sum(a * b, axis=0) + np.mean(a, axis=0) + np.sum(b) + np.sum(a, axis=1, keepdims=True)[0],
    "extremes": lambda a, b: np.max(a, axis=0) * np.min(b, axis=0),
    "shapes": lambda a, b: np.transpose(np.reshape(a, (3, 20)).T @ np.reshape(b, (3, 20))),
    "matmul": lambda a, b: a @ b.T,
    "dot": lambda a, b: np.dot(a, np.transpose(b)),
    "slices": lambda a, b: a[:, 2:9] * b[1:2, 2:9],
    "softmax": lambda a, b: tg.softmax(a, axis=0) * tg.log_softmax(b, axis=0) + tg.logsumexp(a, axis=0),
    "variance": lambda a, b: np.var(a, axis=1) + np.std(b, axis=1),
    "where, not taken": lambda a, b: np.where(a > 0, np.log(np.maximum(a, 1e-30)), b),
    "checkpoint": tg.checkpoint(lambda a, b: np.tanh(a) * b),
}


def network(params, X, Y, loss=tg.binary_cross_entropy):
    Z1 = np.dot(params["W1"], X) + params["b1"]
    A1 = np.tanh(Z1)
    Z2 = np.dot(params["W2"], A1) + params["b2"]
    return loss(tg.sigmoid(Z2), Y) if loss is not tg.binary_cross_entropy_with_logits else loss(Z2, Y)


def f_of_a_vector(x):
    return np.sum(np.sin(x) * np.exp(x)) + np.max(x**2)


def _matrix(x, v):
    """Three rows and columns, far from singular."""
    return np.reshape(x[:9] * v[:9] * 0.1, (3, 3)) + np.diag(np.exp(x[:3]))


class OnAnotherLibrary:
    """Tests; a subclass names the library."""

    library: Library

    @pytest.fixture
    def rng(self):
        return np.random.default_rng(0)

    @pytest.fixture
    def params(self, rng):
        shapes = {"W1": (4, 2), "b1": (4, 1), "W2": (3, 4), "b2": (3, 1)}
        return {name: rng.normal(size=shape) for name, shape in shapes.items()}

    @pytest.fixture
    def data(self, rng):
        return rng.normal(size=(2, 9)), (rng.random((3, 9)) > 0.5).astype(float)

    @pytest.fixture
    def x(self, rng):
        return rng.normal(size=20)

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_functions(self, name, rng):
        a, b = rng.normal(size=(3, 20)), rng.normal(size=(3, 20))
        g = rng.normal(size=FUNCTIONS[name](a, b).shape)

        def value_and_gradients(a, b, g):
            y, pullback = tg.vjp(FUNCTIONS[name], a, b)
            return y, pullback(g)

        self.library.check(value_and_gradients, a, b, g)

    @pytest.mark.parametrize(
        "loss", [tg.binary_cross_entropy, tg.binary_cross_entropy_with_logits, tg.mean_squared_error]
    )
    def test_the_two_layer_network(self, loss, params, data):
        def with_backward(params, X, Y):
            ts = {name: tg.Tensor(value, requires_grad=True, name=name) for name, value in params.items()}
            J = network(ts, X, Y, loss)
            J.backward()
            return J, {name: t.grad for name, t in ts.items()}

        self.library.check(lambda *args: tg.value_and_grad(network)(*args, loss=loss), params, *data)
        self.library.check(with_backward, params, *data)

    def test_single_precision_stays_single(self, params, data):
        given = tree.map(lambda x: x.astype(np.float32), (params, *data))
        self.library.check(tg.grad(network), *given, rtol=1e-4)

    def test_cross_entropy_with_whole_numbers_and_with_columns(self, rng):
        logits, labels = rng.normal(size=(3, 8)), rng.integers(0, 3, 8)
        self.library.check(tg.value_and_grad(tg.cross_entropy), logits, labels)
        self.library.check(tg.value_and_grad(tg.cross_entropy), logits, np.eye(3)[:, labels])

    @pytest.mark.parametrize(
        "transform",
        [
            lambda x, v: tg.hvp(f_of_a_vector, (x,), (v,)),
            lambda x, v: tg.jvp(f_of_a_vector, (x,), (v,)),
            lambda x, v: tg.grad(lambda x: np.sum(tg.grad(f_of_a_vector)(x) * v))(x),
            lambda x, v: tg.hessian(f_of_a_vector)(x),
            lambda x, v: tg.jacobian(lambda x: np.tanh(x) * np.sum(x))(x),
            lambda x, v: tg.jacobian(lambda x: np.sum(x[:3]) * v)(x[:2]),
            lambda x, v: tg.vmap(lambda a, b: np.tanh(a) @ np.tanh(b))(np.reshape(x, (4, 5)), np.reshape(v, (4, 5))),
            lambda x, v: tg.vmap(tg.grad(lambda a: np.sum(np.tanh(a) ** 2)))(np.reshape(x, (4, 5))),
            lambda x, v: tg.vmap(tg.hessian(lambda a: np.sum(np.tanh(a) ** 2)))(np.reshape(x, (4, 5))),
            lambda x, v: tg.vmap(lambda a: v)(np.reshape(x, (4, 5))),
            lambda x, v: tg.value_and_grad(lambda x: v[0])(x),
            lambda x, v: tg.vmap(np.linalg.solve, in_axes=(None, 0))(_matrix(x, v), np.reshape(v[:12], (2, 3, 2))),
            lambda x, v: tg.vmap(np.linalg.solve)(np.stack([_matrix(x, v)] * 2), np.reshape(v[:6], (2, 3))),
            lambda x, v: tg.scan(lambda h, a: (np.tanh(h + a), h), v[0], x[:0]),
            lambda x, v: np.add(tg.Tensor(x), 0.5, dtype=np.float32, casting="same_kind"),
            lambda x, v: tg.grad(lambda x: np.sum(x, where=v > 0, initial=1.5) * np.max(x, initial=0.5))(x),
            lambda x, v: tg.vmap(tg.grad(lambda a, b: np.sum(a[np.argsort(b)] ** 2 * b)))(
                x[:4, None] * v, v + 0 * x[:4, None]
            ),
            lambda x, v: tg.grad(lambda w: tg.scan(lambda h, a: (np.tanh(w * h + a), h), v[0], x)[0])(v[1]),
        ],
    )
    def test_transforms(self, transform, x, rng):
        self.library.check(transform, x, rng.normal(size=20))

    @pytest.mark.parametrize(
        "index",
        [
            [0, 0, 2, -1],
            (np.array([0, 2, 0]), slice(1)),
            (slice(None), np.array([[1, 1], [0, 1]])),
            (..., [1, 0, 1]),
            ((0, 0, 1),),
            (np.array([0, 0, 2]), np.array([1, 1, 0])),
            (np.array([[0], [2]]), None, np.array([1, 1])),
            np.arange(6).reshape(3, 2) % 4 == 1,
            (1, [0, 0]),
        ],
        ids=repr,
    )
    @pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128])
    def test_entries_that_are_taken_twice_get_both_gradients(self, index, dtype, rng):
        def gradient(x, g, index):
            return tg.grad(lambda x: np.real(np.sum(x[index] * g)))(x)

        x = rng.normal(size=(3, 2)).astype(dtype)
        g = (rng.normal(size=x[index].shape) + (1j if x.dtype.kind == "c" else 0)).astype(dtype)
        expected = gradient(x, g, index)
        make = self.library.make
        parts = index if isinstance(index, tuple) else (index,)
        there = tuple(make(part) if isinstance(part, np.ndarray) else part for part in parts)
        rtol = 1e-5 if dtype == np.float32 else 1e-10
        self.library.check_same(gradient(make(x), make(g), there), expected, rtol)
        self.library.check_same(gradient(make(x), make(g), index), expected, rtol)  # NumPy's index arrays go, too

    @pytest.mark.parametrize("axis", [-1, 0, 1])
    def test_the_order_of_keys(self, axis, rng):
        keys = rng.integers(0, 3, (5, 4)), rng.normal(size=(5, 4))
        if isinstance(self, OnADevice):
            keys = keys[0][0], keys[1][0]
            axis = min(axis, 0)
        found = np.lexsort(tuple(tg.Tensor(self.library.make(key)) for key in keys), axis)
        self.library.check_same(found, np.lexsort(keys, axis))

    def test_set_at(self, rng):
        def gradients(x, v):
            return tg.grad(lambda x, v: np.sum(tg.set_at(x, [2, 0], v) ** 2), argnums=(0, 1))(x, v)

        self.library.check(gradients, rng.normal(size=(3, 2)), rng.normal(size=2))
        self.library.check(tg.grad(lambda x: np.sum(tg.set_at(x, 1, 2.5) ** 2)), rng.normal(size=(3, 2)))
        with pytest.raises(ValueError, match="twice"):
            tg.set_at(self.library.make(np.ones(3)), [1, 1], 0.0)

    def test_data_is_replaced(self, x):
        t = tg.Tensor(self.library.make(x), requires_grad=True)
        t.data = t.data - self.library.make(x) * 0.5
        t.data -= self.library.make(x) * 0.25
        self.library.check_same(t.data, x * 0.25)

    @pytest.mark.parametrize("sign", [operator.add, operator.mul, operator.gt, operator.truediv])
    def test_operators_between_arrays_tensors_and_numbers(self, sign, x):
        def results(x):
            t = tg.Tensor(x)
            return [sign(t, x), sign(x, t), sign(2.0, t), sign(t, np.float64(2)), sign(t, t), sign(x[:1], t)]

        self.library.check(results, x)

    def test_trees_and_clipping(self, params):
        self.library.check(lambda p: tg.optim.clip_grad_norm(p, 0.5)[0], params)
        self.library.check(lambda p: tg.optim.clip_grad_value(p, 0.2), params)
        self.library.check(lambda p: (lambda v, unravel: unravel(v))(*tg.tree.ravel(p)), params)

    @pytest.mark.parametrize(
        ("layer", "shapes"),
        [
            (lambda x, w: tg.nn.functional.conv2d(x, w, stride=2, padding=1), ((2, 3, 7, 6), (4, 3, 3, 2))),
            (lambda x, w: tg.nn.functional.max_pool2d(x, 2) * np.sum(w), ((2, 3, 7, 6), (2,))),
            (lambda x, w: tg.nn.functional.avg_pool2d(x, 3, padding=1) * np.sum(w), ((2, 3, 7, 6), (2,))),
            (lambda x, w: tg.nn.functional.embedding([0, 1, 1, 3], x, padding_idx=0) @ w, ((4, 3), (3, 2))),
            (
                lambda q, k: tg.nn.functional.scaled_dot_product_attention(q, k, k, is_causal=True),
                ((2, 4, 3), (2, 4, 3)),
            ),
        ],
    )
    def test_layers(self, layer, shapes, rng):
        given = [rng.normal(size=shape) for shape in shapes]
        g = rng.normal(size=layer(*given).shape)
        self.library.check(tg.grad(lambda a, b, g: np.sum(layer(a, b) * g), argnums=(0, 1)), *given, g)

    def test_compile_says_that_it_is_for_numpy_alone(self, x):
        with pytest.raises(TypeError, match="compiled functions take NumPy arrays"):
            tg.compile(lambda x: np.sum(np.tanh(x)))(self.library.make(x))


class OnADevice(OnAnotherLibrary):
    """Where the numbers can be fetched, too."""

    @pytest.mark.parametrize(
        "loss",
        [
            lambda x, labels: tg.cross_entropy(x, labels),
            lambda x, labels: tg.nn.functional.cross_entropy(x.T, labels),
            lambda x, labels: tg.nn.functional.embedding(labels, x),
            lambda x, labels: tg.binary_cross_entropy(x[0], labels),
        ],
    )
    def test_losses_look_at_their_labels(self, loss, rng):
        x, labels = self.library.make(rng.uniform(0.1, 0.9, (3, 5))), self.library.make(np.array([0, 1, 2, 3, 1]))
        with pytest.raises((ValueError, IndexError), match=r"0\.\.3|holds 3|outside 0\.\.1"):
            loss(x, labels)

    def test_no_two_results_share_memory(self, rng):
        x, g = self.library.make(rng.normal(size=3)), self.library.make(rng.normal(size=3))
        a, b = tg.Tensor(x, requires_grad=True), tg.Tensor(x, requires_grad=True)
        (a + b).backward(g)
        y, pullback = tg.vjp(lambda x: x, x)
        again, others = tg.vjp(lambda x: np.reshape(x, (3, 1)), x)
        results = [a.grad, b.grad, y, *pullback(g), again, *others(np.reshape(g, (3, 1)))]
        results += tg.grad(lambda x, y: np.sum(x + y), argnums=(0, 1))(x, x)
        results += [tg.jvp(lambda x: x, (x,), (g,))[1], tg.grad(lambda x: np.sum(x * g))(x), tg.vmap(lambda a: a)(x)]
        arrays = [x, g, *results]
        before = [self.library.numbers(array).copy() for array in arrays]
        for i, array in enumerate(arrays):
            array[...] = 7.0
            for other, numbers in zip(arrays[i + 1 :], before[i + 1 :], strict=True):
                assert_allclose(self.library.numbers(other), numbers)

    def test_an_index_that_is_too_large_has_the_gradient_of_what_was_taken(self, rng):
        x, index = self.library.make(rng.normal(size=(2, 3))), self.library.make(np.array([[0, 4, 4], [-1, 0, 0]]))
        taken = np.take_along_axis(x, index, 1)
        expected = tg.grad(lambda x: np.sum(np.take_along_axis(x, index % 3, 1) * taken))(x)
        found = tg.grad(lambda x: np.sum(np.take_along_axis(x, index, 1) * taken))(x)
        assert_allclose(self.library.numbers(found), self.library.numbers(expected))

    def test_a_tensor_is_read(self, x):
        t = tg.Tensor(self.library.make(x), requires_grad=True, name="t")
        repr(t)
        assert isinstance(t.data, self.library.kind)
        assert type(t.numpy()) is np.ndarray
        assert_allclose(t.numpy(), x)
        assert t.detach().tolist() == x.tolist()
        two = tg.Tensor(self.library.make(np.array(2.0)))
        assert (float(two), two.item(), bool(two > 1), int(two), f"{two:.1f}") == (2.0, 2.0, True, 2, "2.0")

    @pytest.mark.parametrize("name", ["SGD", "RMSprop", "Adagrad", "Adam", "AdamW"])
    def test_optimisers(self, name, params, data):
        def update(params, X, Y):
            optimiser = getattr(tg.optim, name)(lr=0.05)
            state = optimiser.init(params)
            for _ in range(3):
                params, state = optimiser.update(params, tg.grad(network)(params, X, Y), state)
            return params

        def step(params, X, Y):
            ts = {k: tg.Tensor(v, requires_grad=True, name=k) for k, v in params.items()}
            optimiser = getattr(tg.optim, name)(ts, lr=0.05)
            for _ in range(3):
                optimiser.zero_grad()
                network(ts, X, Y).backward()
                optimiser.step()
                optimiser.load_state_dict(optimiser.state_dict())
            return {k: t.data for k, t in ts.items()}

        self.library.check(update, params, *data, rtol=1e-8)
        self.library.check(step, params, *data, rtol=1e-8)

    def test_a_module(self, rng):
        F = tg.nn.functional

        def train(X, labels):
            draw = np.random.default_rng(1)
            net = tg.nn.Sequential(
                *(tg.nn.Linear(3, 4, rng=draw), tg.nn.BatchNorm1d(4), tg.nn.ReLU(), tg.nn.Dropout(0.3, rng=draw)),
                *(tg.nn.LayerNorm(4), tg.nn.Linear(4, 2, rng=draw)),
            )
            if isinstance(X, self.library.kind):
                for _, t in [*net.named_parameters(), *net.named_buffers()]:
                    t.data = self.library.make(t.data)
            optimiser = tg.optim.Adam(net.parameters(), lr=0.1)
            for _ in range(3):
                optimiser.zero_grad()
                F.cross_entropy(net(X), labels).backward()
                optimiser.step()
            net.load_state_dict(net.state_dict())
            assert {type(array) for array in net.state_dict().values()} == {np.ndarray}
            return net.eval()(X), [t.data for t in net.parameters()]

        X, labels = rng.normal(size=(6, 3)).astype(np.float32), rng.integers(0, 2, 6)
        self.library.check(train, X, labels, rtol=1e-3)

    def test_check_gradients(self, rng):
        W, x = self.library.make(rng.normal(size=(2, 3))), self.library.make(rng.normal(size=3))
        assert tg.testing.check_gradients(lambda W, x: {"y": np.tanh(W @ x), "n": 3}, W, x, order=2).ok
        wrong = tg.elementwise(np.tanh, lambda y, x: 1.01 - y * y, name="wrong")
        with pytest.raises(tg.testing.GradientError, match="with respect to x"):
            tg.testing.check_gradients(lambda x: wrong(x), x)
