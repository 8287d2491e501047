"""Products and einsum, beyond what the rows' own examples test."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_lite as tg
from tinygrad_lite.testing import check_gradients

rng = np.random.default_rng(0)
A, B, C = rng.normal(size=(2, 3)), rng.normal(size=(3, 4)), rng.normal(size=(4, 2))
CUBE, SQUARE = rng.normal(size=(2, 3, 4)), rng.normal(size=(3, 3))

EINSUMS: dict[str, tuple[Any, ...]] = {
    "implicit output": ("ij,jk", A, B),
    "implicit output is sorted": ("ba", A),
    "implicit ellipsis": ("...ij,jk", CUBE.swapaxes(1, 2), B),
    "ellipsis in the middle": ("a...b->b...a", CUBE),
    "ellipses of different lengths": ("...k,k...->...", A, rng.normal(size=(3, 5, 2))),
    "ellipsis broadcasts": ("...i,...i->...i", A, A[:1]),
    "nothing behind an ellipsis": ("...,...", A, 2.5),
    "spaces": (" ij , jk -> ik ", A, B),
    "diagonal": ("ii->i", SQUARE),
    "trace": ("ii", SQUARE),
    "diagonal of a stack": ("ijj->ij", rng.normal(size=(2, 3, 3))),
    "three alike": ("iii->i", rng.normal(size=(2, 2, 2))),
    "diagonal beside a matrix": ("ii,ij->j", SQUARE, B[:, :2]),
    "an index of one operand alone": ("ij,kl->il", A, B),
    "three operands": ("ij,jk,kl->il", A, B, C),
    "an operand twice": ("ij,ij->i", A, A),
    "size 1 broadcasts": ("ij,ij->ij", A, A[:1]),
    "lists of numbers": (A, [0, 1], B, [1, 2], [2, 0]),
    "lists of numbers, implicit": (A, [5, 3], B, [3, 1]),
    "lists of numbers, ellipsis": (CUBE, [Ellipsis, 2], B, [7, 2], [Ellipsis, 7]),
}


@pytest.mark.thorough
@pytest.mark.parametrize("form", EINSUMS)
def test_every_form_of_einsum(form: str) -> None:
    arguments = EINSUMS[form]
    places = [i for i, x in enumerate(arguments) if isinstance(x, np.ndarray)]

    def f(*arrays: Any) -> Any:
        full = list(arguments)
        for i, x in zip(places, arrays, strict=True):
            full[i] = x
        return np.einsum(*full)

    assert check_gradients(f, *(arguments[i] for i in places)).ok


@pytest.mark.thorough
@given(st.lists(st.text("abc", max_size=3), min_size=1, max_size=3), st.data())
def test_einsum_of_random_subscripts(terms: list[str], data: st.DataObject) -> None:
    """Any letters, repeated or not, kept or summed over; sizes all different, one of them 1."""
    out = "".join(data.draw(st.permutations(sorted(set("".join(terms))))))[: data.draw(st.integers(0, 3))]
    sizes = {"a": 2, "b": 3, "c": 1}
    operands = [rng.normal(size=[sizes[c] for c in term]) for term in terms]
    text = ",".join(terms) + "->" + out
    np.testing.assert_array_equal(np.einsum(text, *map(tg.Tensor, operands)).numpy(), np.einsum(text, *operands))
    assert check_gradients(lambda *xs: np.einsum(text, *xs), *operands).ok


@pytest.mark.parametrize("optimize", [True, "greedy", "optimal", ["einsum_path", (1, 2), (0, 1)]])
def test_optimize_changes_nothing_but_the_order(optimize: Any) -> None:
    def f(a: Any, b: Any, c: Any) -> Any:
        return np.einsum("ij,jk,kl->il", a, b, c, optimize=optimize)

    assert check_gradients(f, A, B, C).ok


def test_einsum_path_of_tensors_is_that_of_their_shapes() -> None:
    assert np.einsum_path("ij,jk,kl->il", tg.Tensor(A), B, C)[0] == np.einsum_path("ij,jk,kl->il", A, B, C)[0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("ij,jk", A), "2 subscripts 'ij,jk' for 1 operands"),
        (("ijk->i", A), "'ijk' has 3 indices for the shape"),
        (("i->i", A), "'i' has 1 indices for the shape"),
        (("...j->j", A), "no '...'"),
        (("ij,jk", A, A), "einsum"),
    ],
)
def test_einsum_says_what_does_not_fit(arguments: tuple[Any, ...], says: str) -> None:
    text, *arrays = arguments
    with pytest.raises(ValueError, match=says):
        np.einsum(text, *(tg.Tensor(x) for x in arrays))


def test_unsupported_arguments_raise() -> None:
    t = tg.Tensor(A, requires_grad=True)
    with pytest.raises(TypeError, match="dtype"):
        np.einsum("ij->ji", t, dtype=np.float32)
    with pytest.raises(TypeError, match="out"):
        np.dot(t, B, out=np.zeros((2, 4)))


def test_products_of_complex_vectors_conjugate_the_first() -> None:
    z, w = np.array([1 + 2j, 3 - 1j]), np.array([2 - 1j, 1 + 1j])
    for f in (np.vdot, np.vecdot, np.linalg.vecdot):
        y = f(tg.Tensor(z), tg.Tensor(w))
        np.testing.assert_allclose(y.numpy(), f(z, w))
    if hasattr(np, "vecmat"):  # since NumPy 2.2
        np.testing.assert_allclose(np.vecmat(tg.Tensor(z), np.outer(w, w)).numpy(), np.vecmat(z, np.outer(w, w)))


def test_sizes_that_differ_are_named() -> None:
    with pytest.raises(ValueError, match=r"inner sizes 3 and 2 differ"):
        np.vecdot(tg.Tensor(A), A[:, :2])
    with pytest.raises(ValueError, match="do not fit"):
        np.tensordot(tg.Tensor(A), A, 1)
    with pytest.raises(ValueError, match="three components"):
        np.cross(tg.Tensor(A[:, :2]), A[:, :2])


def test_axes_of_tensordot() -> None:
    for axes in (0, 1, ([0], [1]), ([1, 0], [0, 1]), (-1, 0)):
        other = rng.normal(size=(3, 2))
        np.testing.assert_allclose(np.tensordot(tg.Tensor(A), other, axes).numpy(), np.tensordot(A, other, axes))


def test_vecdot_along_another_axis() -> None:
    B3 = np.arange(12.0).reshape(3, 4) - 5
    for f in (np.vecdot, np.linalg.vecdot):
        y = f(tg.Tensor(B3), B3[::-1], axis=0)
        np.testing.assert_allclose(y.numpy(), f(B3, B3[::-1], axis=0))
        (found,) = tg.vjp(lambda a, f=f: f(a, B3[::-1], axis=0), B3)[1](np.arange(4.0))
        np.testing.assert_allclose(found, np.arange(4.0) * B3[::-1])


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.complex128, np.int64, np.bool_])
@pytest.mark.parametrize("shapes", [((7, 33), (33, 1)), ((1, 33), (33, 7)), ((5, 33), (33, 8)), ((1, 9), (9, 1))])
def test_np_dot_is_numpys_to_the_last_bit(shapes: Any, dtype: Any) -> None:
    """np.matmul may add up in another order, above all where an operand does not lie in one piece."""
    rng = np.random.default_rng(0)
    for lay in (np.asarray, np.asfortranarray, lambda x: np.repeat(x, 2, axis=1)[:, ::2], lambda x: x[::-1]):
        a, b = (lay((3 * rng.normal(size=shape)).astype(dtype)) for shape in shapes)
        copied = np.array(a)  # as a Tensor holds it
        np.testing.assert_array_equal(np.dot(tg.Tensor(a), b).numpy(), np.dot(copied, b))
        np.testing.assert_array_equal(np.dot(b.T, tg.Tensor(a.T)).numpy(), np.dot(b.T, np.array(a.T)))
        assert np.dot(tg.Tensor(a), tg.Tensor(b)).dtype == np.dot(a, b).dtype
