"""The debugger: the first NaN or infinity, and arrays changed behind the graph's back, named with their line."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_lite as tg


def tensor(array, name=None):
    return tg.Tensor(array, requires_grad=True, name=name)


def message(info):
    return str(info.value)


# -- the first NaN or infinity ---------------------------------------------------------------------------------------


def test_the_first_infinity_of_a_forward_pass():
    A2, Y = tensor([[0.5, 0.0, 1.0]], "A2"), np.array([[1.0, 1.0, 0.0]])
    with tg.debug(), pytest.raises(FloatingPointError) as info:
        np.sum(np.log(A2) * Y)
    text = message(info)
    assert "an infinity appeared (1 of 3 entries, the first at [0, 1]) in log(A2 (1, 3))" in text
    assert ": np.sum(np.log(A2) * Y)" in text
    assert "test_debug.py:" in text


def test_the_first_nan_of_a_forward_pass_names_operands_by_their_variables():
    t = tensor(np.array([[4.0, -1.0], [1.0, 1.0]]))
    offset = np.array([1.0, 0.5])
    with (
        tg.debug(),
        pytest.raises(FloatingPointError, match=r"NaN appeared \(1 of 4 entries.*\[0, 1\]\) in power") as info,
    ):
        (t - offset) ** 0.3
    assert "none of its operands held one" in message(info)


def test_a_nan_that_came_with_the_data_is_said_to_have():
    W, X = tensor(np.ones((2, 2)), "W"), np.array([[1.0, np.nan], [2.0, 3.0]])
    with (
        tg.debug(),
        pytest.raises(FloatingPointError, match=r"matmul\(W \(2, 2\), X \(2, 2\)\).*X \(2, 2\) already held it"),
    ):
        W @ X


def test_infinities_that_were_given_may_pass():
    """-inf masks a logit; what matters is what appears."""
    scores, mask = tensor([[1.0, 2.0, 3.0]], "scores"), np.array([[True, True, False]])
    with tg.debug():
        p = tg.softmax(np.where(mask, scores, -np.inf), axis=1)
        p.backward(np.array([[1.0, 2.0, 3.0]]))
    assert_allclose(p.numpy(), [[1 / (1 + np.e), np.e / (1 + np.e), 0]])
    assert np.isfinite(scores.grad).all()


def test_the_first_nan_of_a_backward_pass_names_the_line_of_the_forward_one():
    x = tensor([0.0, 4.0], "x")
    with tg.debug():
        root = np.sqrt(x)
        y = np.sum(root)
        with pytest.raises(FloatingPointError) as info:
            y.backward()
    text = message(info)
    assert "in the derivative, an infinity appeared (1 of 2 entries, the first at [0]) in sqrt(x (2,))" in text
    assert "root = np.sqrt(x)" in text
    assert x.grad is None


def test_a_backward_pass_of_something_recorded_before():
    x = tensor([0.0], "x")
    y = np.sum(np.sqrt(x))
    with tg.debug(), pytest.raises(FloatingPointError, match=r"sqrt\(x \(1,\)\).*run before tg\.debug"):
        y.backward()


def test_transforms_are_watched_too():
    for transform in (
        lambda: tg.grad(lambda x: np.sqrt(x))(0.0),
        lambda: tg.jvp(np.sqrt, (0.0,), (1.0,)),
        lambda: tg.hessian(lambda x: x**1.5)(0.0),
        lambda: tg.gradients(np.sum(np.sqrt(tensor([0.0]))), [], create_graph=True) or tg.grad(tg.grad(np.sqrt))(0.0),
    ):
        with tg.debug(), pytest.raises(FloatingPointError, match="in the derivative, an infinity appeared"):
            transform()


def test_what_the_branch_not_taken_leaves_behind_is_no_error_on_the_way_back():
    x = tensor([0.0, 2.0])
    with np.errstate(divide="ignore"):
        y = np.sum(np.where(x > 0, np.log(x), 0.0))
    with tg.debug():
        for graph in (False, True):
            (dx,) = tg.gradients(y, x, create_graph=graph)
            assert_array_equal(np.asarray(dx.data), [0, 0.5])


# -- arrays changed behind its back ----------------------------------------------------------------------------------


def test_a_changed_operand_is_named_with_its_entry_and_its_line():
    W, X = tensor(np.ones((2, 2)), "W"), np.array([[1.0, 2.0], [np.nan, 4.0]])
    clean = np.nan_to_num(X)
    with tg.debug():
        Z = W @ clean
        clean[1, 1] = 5
        with pytest.raises(RuntimeError) as info:
            tg.gradients(Z, W, g=np.ones((2, 2)))
    text = message(info)
    assert "the array clean (2, 2) was changed (first at [1, 1]) after matmul used it" in text
    assert "Z = W @ clean" in text
    assert W.grad is None


@pytest.mark.parametrize("kind", [np.float32, np.int64, bool, complex])
def test_a_changed_operand_of_any_dtype(kind):
    W, mask = tensor(np.ones(3), "W"), np.array([1, 0, 1]).astype(kind)
    with tg.debug():
        y = W * mask
        same = y * 1.0
        tg.gradients(same, W, g=np.ones(3))  # unchanged: no complaint
        mask[2] = 0
        with pytest.raises(RuntimeError, match=r"mask.*first at \[2\].*multiply"):
            tg.gradients(y, W, g=np.ones(3))


def test_a_changed_index_is_named():
    x, rows = tensor([1.0, 2.0, 3.0], "x"), np.array([0, 2])
    with tg.debug():
        y = x[rows]
        rows[0] = 1
        with pytest.raises(RuntimeError, match=r"rows \(2,\).*getitem"):
            y.backward(np.ones(2))


# -- around it -------------------------------------------------------------------------------------------------------


def test_it_computes_the_same_and_ends():
    rng = np.random.default_rng(0)
    W, X = rng.normal(size=(2, 3)), rng.normal(size=(3, 4))

    def loss(W):
        return tg.binary_cross_entropy(tg.sigmoid(W @ X), np.ones((2, 4))) + np.max(W) + np.linalg.norm(W)

    outside = tg.value_and_grad(loss)(W)
    with tg.debug():
        inside = tg.value_and_grad(loss)(W)
        with tg.no_grad():
            loss(tensor(W))
        tg.grad(tg.checkpoint(loss))(W)
    assert_array_equal(inside[0], outside[0])
    assert_array_equal(inside[1], outside[1])
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        np.log(tensor([0.0]))  # over: NumPy warns as ever, nothing raises


def test_it_nests_with_other_switches():
    with tg.no_grad(), tg.debug():
        with pytest.raises(FloatingPointError, match="log"):
            np.log(tensor([0.0]))
        assert not (tensor(1.0) * 2).requires_grad


def test_it_works_as_a_decorator():
    @tg.debug()
    def f(x):
        return np.log(x)

    for _ in range(2):
        with pytest.raises(FloatingPointError):
            f(tensor([0.0]))
