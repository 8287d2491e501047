"""Tensor itself: what it holds, what it answers, and how it looks."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import tinygrad_lite as tg


def tensor(array, name=None):
    return tg.Tensor(array, requires_grad=True, name=name)


@pytest.mark.parametrize(
    ("data", "dtype", "shape"),
    [
        (1.0, np.float64, ()),
        (1, np.int64, ()),
        (True, np.bool_, ()),
        (1j, np.complex128, ()),
        ([1.0, 2.0], np.float64, (2,)),
        ([[1, 2.5]], np.float64, (1, 2)),
        (np.float32(1.5), np.float32, ()),
        (np.ones((2, 0), np.float32), np.float32, (2, 0)),
        (np.arange(6).reshape(2, 3)[:, ::2], np.int64, (2, 2)),
        (np.ones(3, ">f8"), np.dtype(">f8"), (3,)),
    ],
)
def test_what_it_holds(data, dtype, shape):
    t = tg.Tensor(data)
    assert (t.dtype, t.shape, t.ndim, t.size) == (dtype, shape, len(shape), int(np.prod(shape)))
    assert_array_equal(t.numpy(), data)
    assert_array_equal(t.data, data)
    assert t.grad is None
    assert not t.requires_grad


def test_a_tensor_of_a_tensor_is_a_new_leaf():
    t = tensor([1.0, 2.0], "t")
    u = tg.Tensor((t * 2).detach(), requires_grad=True)
    assert_array_equal(tg.gradients(np.sum(u * u), u)[0], [4, 8])
    assert (np.sum(t.detach() * t)).requires_grad
    assert t.detach().name == "t"


def test_numbers_out():
    assert float(tensor([[2.5]])) == 2.5
    assert int(tg.Tensor(3)) == 3
    assert complex(tg.Tensor(1j)) == 1j
    assert [10, 20, 30][tg.Tensor(1)] == 20
    assert tensor(2.5).item() == 2.5
    assert type(tg.Tensor(3).item()) is int
    assert bool(tg.Tensor(0.0)) is False
    assert f"{tensor(0.123456):.2f}" == "0.12"
    assert f"{tensor([1.0])}" == "Tensor([1.], requires_grad=True)"
    assert round(float(tensor(1.5))) == 2


def test_how_it_looks():
    assert repr(tg.Tensor([1.0, 2.0])) == "Tensor([1., 2.])"
    assert repr(tensor(np.ones((1, 2), np.float32), "W")) == (
        "Tensor([[1., 1.]], dtype=float32, requires_grad=True, name='W')"
    )
    assert repr(tg.Tensor(True)) == "Tensor(True, dtype=bool)"


def test_iteration_and_unpacking():
    t = tensor([[1.0, 2.0], [3.0, 4.0]])
    a, b = t
    assert len(t) == 2
    (row, *_rest) = list(t)
    assert_array_equal(row.numpy(), [1, 2])
    assert_array_equal(tg.gradients(np.sum(a * b), t)[0], [[3, 4], [1, 2]])
    assert 4.0 in b
    with pytest.raises(TypeError, match="0-d"):
        iter(tensor(1.0)).__next__()


def test_equality_is_element_by_element_and_tensors_are_keys():
    a, b = tensor([1.0, 2.0]), tensor([1.0, 3.0])
    assert_array_equal((a == b).numpy(), [True, False])
    assert not (a == b).requires_grad
    assert {a: 1, b: 2}[a] == 1
    assert len({a, b, a}) == 2


BINARY = [
    (lambda a, b: a + b), (lambda a, b: a - b), (lambda a, b: a * b), (lambda a, b: a / b), (lambda a, b: a**b),
    (lambda a, b: a % b), (lambda a, b: a // b), (lambda a, b: a < b), (lambda a, b: a <= b), (lambda a, b: a > b),
    (lambda a, b: a >= b), (lambda a, b: a == b), (lambda a, b: a != b), (lambda a, b: a @ b),
]  # fmt: skip


@pytest.mark.parametrize("op", BINARY)
def test_operators_with_every_kind_of_operand(op):
    x, y = np.array([1.5, 2.0]), np.array([2.0, 4.0])
    expected = op(x, y)
    for a, b in [(tensor(x), tensor(y)), (tensor(x), y), (x, tensor(y)), (tensor(x), list(y)), (list(x), tensor(y))]:
        found = op(a, b)
        assert type(found) is tg.Tensor
        assert_array_equal(found.numpy(), expected)
        assert found.dtype == np.asarray(expected).dtype
    if op is not BINARY[-1]:
        for number in (2.0, 2, np.float64(2), np.float32(2), np.int64(2), True):
            assert_array_equal(op(tensor(x), number).numpy(), op(x, number))
            assert_array_equal(op(number, tensor(x)).numpy(), op(number, x))
            assert op(number, tensor(x)).dtype == op(number, x).dtype


def test_unary_operators_and_bits():
    x = np.array([-1.5, 2.0])
    t = tensor(x)
    for op in (lambda a: -a, lambda a: +a, abs):
        assert_array_equal(op(t).numpy(), op(x))
    m, n = tg.Tensor([True, False]), tg.Tensor([True, True])
    assert_array_equal((m & n | ~n ^ m).numpy(), m.numpy() & n.numpy() | ~n.numpy() ^ m.numpy())


METHODS = {
    "sum": {"axis": 0}, "mean": {"axis": 1, "keepdims": True}, "max": {}, "min": {"axis": (0, 1)},
    "argmax": {"axis": 1}, "argmin": {}, "all": {"axis": 0}, "any": {}, "prod": {"axis": 1}, "std": {},
    "var": {"axis": 0}, "cumsum": {"axis": 1}, "ravel": {}, "flatten": {}, "squeeze": {}, "trace": {},
    "diagonal": {}, "copy": {}, "conj": {}, "argsort": {}, "round": {},
}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_methods_are_numpys(name):
    x = np.array([[1.0, 4.0, 2.5], [3.0, -1.0, 0.25]])
    found = getattr(tensor(x), name)(**METHODS[name])
    expected = getattr(x, name)(**METHODS[name])
    assert_array_equal(found.numpy(), expected)
    assert found.shape == np.shape(expected)


def test_methods_of_shape():
    t = tensor(np.arange(6.0).reshape(2, 3))
    assert t.T.shape == t.transpose().shape == t.transpose(1, 0).shape == t.transpose((1, 0)).shape == (3, 2)
    assert t.reshape(3, 2).shape == t.reshape((3, 2)).shape == t.reshape(-1, 2).shape == (3, 2)
    assert t.reshape(3, 2, order="F").numpy()[1, 0] == 3.0
    assert t.swapaxes(0, 1).shape == (3, 2)
    assert t.repeat(2, axis=0).shape == (4, 3)
    assert t.take([0, 0], axis=1).shape == (2, 2)
    assert t.clip(1, 2).numpy().max() == 2
    assert t.dot(np.ones(3)).shape == (2,)
    assert t.astype(np.float32).dtype == np.float32
    assert (t.mT.shape, t.real.shape, t.imag.shape) == ((3, 2), (2, 3), (2, 3))


def test_the_lectures_way_of_writing_is_recorded():
    """Operators, methods, tg's functions and NumPy's own, on Tensors and beside arrays."""
    rng = np.random.default_rng(0)
    W1, b1 = tensor(rng.normal(size=(4, 2))), tensor(rng.normal(size=(4, 1)))
    W2 = tensor(rng.normal(size=(1, 4)))
    X, Y = rng.normal(size=(2, 9)), (rng.random((1, 9)) > 0.5).astype(float)
    m = 9
    Z1 = np.dot(W1, X) + b1
    A1 = np.tanh(Z1)
    A2 = 1 / (1 + np.exp(-np.dot(W2, A1)))
    J = -np.sum(np.log(A2) * Y + np.log(1 - A2) * (1 - Y)) / m
    dA2, dW2, dW1, db1 = tg.gradients(J, [A2, W2, W1, b1])
    by_hand = (A2.numpy() - Y) / m
    dZ1 = W2.numpy().T @ by_hand * (1 - A1.numpy() ** 2)
    np.testing.assert_allclose(dW2, by_hand @ A1.numpy().T, rtol=1e-12)
    np.testing.assert_allclose(dW1, dZ1 @ X.T, rtol=1e-12)
    np.testing.assert_allclose(db1, dZ1.sum(axis=1, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(dA2 * A2.numpy() * (1 - A2.numpy()), by_hand, rtol=1e-12)
    assert ((np.ones((3, 4)) @ W1) * 2).requires_grad
    assert (np.float64(2.0) * W1).requires_grad


def test_a_leaf_is_frozen_and_thawed():
    x = tg.Tensor([1.0, 2.0])
    x.requires_grad = True
    y = np.sum(x * x)
    y.backward()
    np.testing.assert_array_equal(x.grad, [2, 4])
    x.requires_grad = False
    assert not (x * x).requires_grad
    with pytest.raises(TypeError, match="leaf's"):
        y.requires_grad = False
    with pytest.raises(TypeError, match="int64"):
        tg.Tensor([1, 2]).requires_grad = True


def test_how_a_tensor_looks():
    W = tg.Tensor(np.ones((50, 40), np.float32), requires_grad=True, name="<W>")
    assert repr(W).endswith("shape=(50, 40), dtype=float32, requires_grad=True, name='<W>')")
    assert "shape" not in repr(W[:2])
    assert W._repr_html_().startswith("<b>&lt;W&gt;</b> <small>(50, 40), float32, requires a gradient</small><pre>[[1.")
    assert "a number, float32, requires a gradient, made by sum" in np.sum(W)._repr_html_()


def test_item_takes_an_index_as_numpys_does():
    a = np.arange(6.0).reshape(2, 3)
    for index in ((4,), (-1,), (1, 2), ((1, 0),), ((5,),), (np.int64(3),)):
        assert tg.Tensor(a).item(*index) == a.item(*index)
    for index in ((6,), (1, 2, 3), (1.5,)):
        with pytest.raises(IndexError):
            tg.Tensor(a).item(*index)
