"""Products of vectors, matrices and stacks of them, and sums over indices of any kind (einsum)."""

from __future__ import annotations

import math
import operator
import string
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from .. import batching, intervals
from ..alike import make_alike
from ..array_view import plain
from ..calling import record
from ..messages import unsupported_keyword
from ..op import Array, bilinear, variadic
from ..table import implements, row, without_gradient
from ..tensor import NO_PARAMS, Tensor
from .elementwise import multiply
from .shaping import as_array

# -- examples --------------------------------------------------------------------------------------------------------


def pairs(*shapes: tuple[tuple[int, ...], tuple[int, ...]], **keywords: Any) -> Any:
    """Examples: two normal arrays for each pair of shapes."""
    return lambda rng: [((rng.normal(size=a), rng.normal(size=b)), dict(keywords)) for a, b in shapes]


# -- matmul ----------------------------------------------------------------------------------------------------------


def swap_last_axes(m: Array) -> Array:
    """The matrix, or every matrix of a stack, transposed."""
    return m.T if m.ndim == 2 else np.swapaxes(m, -1, -2)


def _product(a: Array, b: Array) -> Array:
    """a @ b. The method of an ndarray calls the same BLAS for less: 0.5 µs against 0.9, and for a column times a row of
    400, which np.matmul multiplies out itself, 1.6 µs against 3.6."""
    return a.dot(b) if type(a) is np.ndarray is type(b) and a.ndim == b.ndim == 2 else a @ b


def _left_vjp(g: Array, y: Array, a: Array, b: Array) -> Array:
    if type(g) is np.ndarray is type(b) and g.ndim == b.ndim == 2:
        return g.dot(b.T)  # `_product`, without the way there
    if b.ndim == 1:
        return g[..., None] * b
    if a.ndim == 1:
        return (b @ g[..., None])[..., 0]
    return _product(g, swap_last_axes(b))


def _right_vjp(g: Array, y: Array, a: Array, b: Array) -> Array:
    if type(g) is np.ndarray is type(a) and g.ndim == a.ndim == 2:
        return a.T.dot(g)
    if a.ndim > 2 >= b.ndim:  # one matrix or vector for a whole stack: the sum over the stack is a product, too
        rows = math.prod(a.shape[:-1])
        return swap_last_axes(np.reshape(a, (rows, a.shape[-1]))) @ np.reshape(g, (rows, *g.shape[a.ndim - 1 :]))
    if a.ndim == 1:
        return a * g if b.ndim == 1 else a[:, None] * g[..., None, :]
    if b.ndim == 1:
        return (swap_last_axes(a) @ g[..., None])[..., 0]
    return _product(swap_last_axes(a), g)


def _explain(a: Any, b: Any) -> str:
    """Which sizes of a product of matrices do not fit."""
    if not np.ndim(a) or not np.ndim(b):
        return "a number has no matrix product; use *"
    inner_a, inner_b = np.shape(a)[-1], np.shape(b)[max(np.ndim(b) - 2, 0)]
    if inner_a != inner_b:
        return f"inner sizes {inner_a} and {inner_b} differ"
    return f"the stacks {np.shape(a)[:-2]} and {np.shape(b)[:-2]} do not broadcast"


matmul = row(
    bilinear(
        np.matmul,
        _left_vjp,
        _right_vjp,
        batch=batching.matmul,
        explain=_explain,
        operator=operator.matmul,
        range=intervals.finite_of_finite(),
        c="product",
    )
)
implements(np.linalg.matmul, examples=pairs(((2, 3), (3, 4)), ((5, 2, 3), (3, 2))))(matmul.call)


@implements(
    np.dot,
    examples=pairs(((3,), (3,)), ((2, 3), (3, 4)), ((2, 3), (3,)), ((4, 2, 3), (3,)), ((2, 3), (4, 3, 2)), ((), (2,))),
)
def dot(a: Any, b: Any, out: Any = None) -> Any:
    """NumPy's dot: matmul up to two dimensions; beyond, a sum over a's last axis and b's last but one.

    out is there to be refused: with NumPy's very arguments, this function, which is called often, is called directly.
    """
    if out is not None:
        raise TypeError(unsupported_keyword("dot", "out", ("a", "b")))
    flags = 0
    if type(a) is Tensor:
        x, flags = a._array, a._flags
    else:
        x = a = plain(a)
    if type(b) is Tensor:
        z, flags = b._array, flags | b._flags
    else:
        z = b = plain(b)
    if type(x) is np.ndarray is type(z) and x.ndim == 2 == z.ndim and x.shape[1] == z.shape[0]:
        y = x.dot(z)  # matmul as np.dot computes it: to its last bit, and in half the time of np.matmul
        return y if x is a and z is b else record(matmul, y, flags, (a, b), NO_PARAMS)
    m, n = np.ndim(x), np.ndim(z)
    if m == 0 or n == 0:
        return multiply.call(*_arrays(a, b))  # NumPy's dot takes a Python number for an array
    if n == 1 or (m <= 2 and n <= 2):
        return matmul.call(a, b)
    return tensordot(a, b, axes=(-1, -2))


# -- products of vectors ---------------------------------------------------------------------------------------------


@implements(np.inner, examples=pairs(((3,), (3,)), ((2, 3), (4, 3)), ((2, 3), (3,)), ((), (2, 3))))
def inner(a: Any, b: Any) -> Any:
    """The sum over the last axis of both, for every pair of the others."""
    if 0 in (np.ndim(a), np.ndim(b)):
        return multiply.call(*_arrays(a, b))
    return tensordot(a, b, axes=(-1, -1))


@implements(np.outer, examples=pairs(((3,), (2,))))
def outer(a: Any, b: Any) -> Any:
    """a[i] b[j], both flattened."""
    return np.reshape(a, (-1, 1)) * np.reshape(b, (1, -1))


@implements(np.linalg.outer, examples=pairs(((3,), (2,))))
def outer_of_vectors(a: Any, b: Any) -> Any:
    if (np.ndim(a), np.ndim(b)) != (1, 1):
        raise ValueError(
            f"outer: {np.shape(a)} and {np.shape(b)} are not two vectors; np.outer flattens what it is given"
        )
    return outer(a, b)


@implements(np.vdot, examples=pairs(((3,), (3,)), ((2, 3), (6,))))
def vdot(a: Any, b: Any) -> Any:
    """The sum of conj(a) b, both flattened."""
    return matmul.call(conjugate_complex(np.ravel(a)), np.ravel(b))


@implements(np.vecdot, np.linalg.vecdot, examples=pairs(((3,), (3,)), ((2, 3), (2, 3)), ((4, 1, 3), (2, 3))))
def vecdot(a: Any, b: Any, axis: int = -1) -> Any:
    """The sum of conj(a) b over one axis."""
    a, b = (np.moveaxis(x, axis, -1) if axis != -1 else x for x in _arrays(a, b))
    _check_inner("vecdot", a, b, -1, -1)
    return matmul.call(conjugate_complex(a)[..., None, :], b[..., :, None])[..., 0, 0]


def _check_matrix(name: str, x: Any) -> None:
    if x.ndim < 2:
        raise ValueError(f"{name}: shape {x.shape} is no matrix; np.vecdot is the product of two vectors")


@implements(getattr(np, "matvec", None), examples=pairs(((2, 3), (3,)), ((4, 2, 3), (3,)), ((2, 3), (4, 3))))
def matvec(a: Any, b: Any) -> Any:
    """A matrix, or each of a stack, times a vector."""
    a, b = _arrays(a, b)
    _check_matrix("matvec", a)
    _check_inner("matvec", a, b, -1, -1)
    return matmul.call(a, b[..., None])[..., 0]


@implements(getattr(np, "vecmat", None), examples=pairs(((2,), (2, 3)), ((2,), (4, 2, 3)), ((4, 2), (2, 3))))
def vecmat(a: Any, b: Any) -> Any:
    """A vector, conjugated, times a matrix, or each of a stack."""
    a, b = _arrays(a, b)
    _check_matrix("vecmat", b)
    _check_inner("vecmat", a, b, -1, -2)
    return matmul.call(conjugate_complex(a)[..., None, :], b)[..., 0, :]


@implements(np.cross, examples=pairs(((3,), (3,)), ((2, 3), (2, 3)), ((4, 1, 3), (2, 3))))
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    """The cross product of vectors of three components."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = (np.moveaxis(x, i, -1) for x, i in zip(_arrays(a, b), (axisa, axisb), strict=True))
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise ValueError(f"cross: vectors must have three components, not {a.shape[-1]} and {b.shape[-1]}")
    (a0, a1, a2), (b0, b1, b2) = ([x[..., i] for i in range(3)] for x in (a, b))
    product = np.stack([a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0], axis=-1)
    return product if axisc == -1 else np.moveaxis(product, -1, axisc)


@implements(np.linalg.cross, examples=pairs(((3,), (3,)), ((2, 3), (2, 3))))
def linalg_cross(x1: Any, x2: Any, axis: int = -1) -> Any:
    """The cross product along one axis of both."""
    return cross(x1, x2, axis=axis)


# -- products over chosen axes ---------------------------------------------------------------------------------------


@implements(
    np.tensordot,
    np.linalg.tensordot,
    examples=lambda rng: [
        ((rng.normal(size=(2, 3, 4)), rng.normal(size=(3, 4, 2))), {}),
        ((rng.normal(size=(2, 3)), rng.normal(size=(4,))), {"axes": 0}),
        ((rng.normal(size=(2, 3, 4)), rng.normal(size=(4, 5, 2))), {"axes": ([0, 2], [2, 0])}),
        ((rng.normal(size=(2, 3)), rng.normal(size=(4, 3))), {"axes": (1, 1)}),
    ],
)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """The sum over chosen axes of a and of b: their other axes remain, a's first. axes: a count, or axes of each."""
    a, b = _arrays(a, b)
    if isinstance(axes, (int, np.integer)):
        axes = range(a.ndim - int(axes), a.ndim), range(int(axes))
    over_a, over_b = (
        [i % max(x.ndim, 1) for i in ([chosen] if isinstance(chosen, (int, np.integer)) else chosen)]
        for x, chosen in zip((a, b), axes, strict=True)
    )
    summed = [a.shape[i] for i in over_a if i < a.ndim]
    if summed != [b.shape[i] for i in over_b if i < b.ndim] or len(summed) != len(over_a):
        raise ValueError(f"tensordot: shapes {a.shape} and {b.shape} do not fit over the axes {axes}")
    free_a = [i for i in range(a.ndim) if i not in over_a]
    free_b = [i for i in range(b.ndim) if i not in over_b]
    inner_size = math.prod(summed)
    shape = tuple(a.shape[i] for i in free_a) + tuple(b.shape[i] for i in free_b)
    left = np.reshape(_permute(a, free_a + over_a), (math.prod(a.shape[i] for i in free_a), inner_size))
    right = np.reshape(_permute(b, over_b + free_b), (inner_size, math.prod(b.shape[i] for i in free_b)))
    return np.reshape(matmul.call(left, right), shape)


@implements(np.kron, examples=pairs(((2,), (3,)), ((2, 3), (3, 2)), ((2,), (2, 3)), ((2, 1, 2), (3, 2))))
def kron(a: Any, b: Any) -> Any:
    """Every entry of a times the whole of b, in blocks."""
    a, b = _arrays(a, b)
    ndim = max(a.ndim, b.ndim)
    shape_a, shape_b = ((1,) * (ndim - x.ndim) + x.shape for x in (a, b))
    blocks = np.reshape(a, [n for size in shape_a for n in (size, 1)]) * np.reshape(
        b, [n for size in shape_b for n in (1, size)]
    )
    return np.reshape(blocks, tuple(m * n for m, n in zip(shape_a, shape_b, strict=True)))


# -- einsum ----------------------------------------------------------------------------------------------------------
# What a user writes (letters, ellipses, lists of numbers, no arrow) is first spelt out: one letter per axis and an
# arrow. The cotangent of an operand is then one more einsum: the result's letters and the other operands' give its own.


_LARGE = 50_000  # multiplications, above which looking for a matrix product (40 µs) pays


def _einsum(*operands: Any, subscripts: str, optimize: Any = False) -> Any:
    return np.einsum(subscripts, *operands, optimize=optimize or _is_large_product(subscripts, operands))


@lru_cache(1000)
def _is_product(subscripts: str) -> bool:
    """Whether it is a product of two matrices, once their axes are joined: BLAS does it twenty times as fast."""
    left, out = subscripts.split("->")
    terms = left.split(",")
    if len(terms) != 2 or any(len(set(term)) != len(term) for term in terms):
        return False
    a, b = map(set, terms)
    return bool(a & b - set(out)) and not a & b & set(out) and (a ^ b) <= set(out)


def _is_large_product(subscripts: str, operands: Sequence[Any]) -> bool:
    """Whether np.einsum, which multiplies one by one unless it is told to optimize, should be told to."""
    if not _is_product(subscripts):
        return False
    a, b = operands
    if type(a) is Tensor or type(b) is Tensor:
        return False
    sizes = dict(zip(subscripts.partition("->")[0].replace(",", ""), np.shape(a) + np.shape(b), strict=True))
    return bool(math.prod(sizes.values()) > _LARGE)


def _einsum_vjp(i: int, g: Array, y: Array, *xs: Array, subscripts: str, optimize: Any = False) -> Array:
    left, out = subscripts.split("->")
    terms = left.split(",")
    mine, others = terms[i], [(term, x) for k, (term, x) in enumerate(zip(terms, xs, strict=True)) if k != i]
    letters = "".join(dict.fromkeys(mine))
    known = set(out).union(*(term for term, _ in others))
    reached = "".join(c for c in letters if c in known)
    text = ",".join([out, *(term for term, _ in others)]) + "->" + reached
    # A path computed for the forward call fits no other, so only whether to look for one is passed on.
    rest = [g, *(x for _, x in others)]
    gx = np.einsum(text, *rest, optimize=bool(optimize) or _is_large_product(text, rest))
    if reached != letters:  # an index of this operand alone was summed over: every entry receives the same
        gx = np.reshape(gx, [1 if c not in reached else gx.shape[reached.index(c)] for c in letters])
        sizes = dict(zip(mine, xs[i].shape, strict=True))
        gx = np.broadcast_to(gx, [sizes[c] if c not in reached else gx.shape[k] for k, c in enumerate(letters)])
    if letters != mine:
        gx = _onto_diagonal(gx, letters, mine, xs[i])
    return gx


def _onto_diagonal(g: Array, letters: str, term: str, x: Array) -> Array:
    """The transpose of taking a diagonal: g, with an axis per letter, on the diagonals that the term repeats."""
    spare = iter(c for c in string.ascii_letters if c not in letters)
    spelt, eyes, texts = "", [], []
    for c, size in zip(term, x.shape, strict=True):
        if c in spelt:
            fresh = next(spare)
            texts.append(c + fresh)
            eyes.append(make_alike(np.eye(size, dtype=x.dtype), x))
            c = fresh
        spelt += c
    return np.einsum(",".join([letters, *texts]) + "->" + spelt, g, *eyes)


def _einsum_examples(rng: np.random.Generator) -> list[tuple[list[Any], dict[str, Any]]]:
    shapes: dict[str, list[tuple[int, ...]]] = {
        "ij,jk->ik": [(2, 3), (3, 4)],
        "ij->ji": [(2, 3)],
        "ij->": [(2, 3)],
        "ii->i": [(3, 3)],
        "ii->": [(3, 3)],
        "iji->j": [(2, 3, 2)],
        "ij,j->i": [(2, 3), (3,)],
        "ij,k->i": [(2, 3), (4,)],
        "bij,bjk,kl->bil": [(2, 3, 4), (2, 4, 2), (2, 3)],
        "i,i->i": [(3,), (1,)],
        "ii,ij,j->i": [(3, 3), (3, 2), (2,)],
    }
    calls = [([rng.normal(size=s) for s in each], {"subscripts": text}) for text, each in shapes.items()]
    return calls + [([rng.normal(size=(2, 3)), rng.normal(size=(3, 4))], {"subscripts": "ij,jk->ki", "optimize": True})]


def _einsum_each(op: Any, xs: Sequence[Any], mapped: Sequence[bool], params: dict[str, Any]) -> Any:
    """One more letter, for the examples."""
    left, out = params["subscripts"].split("->")
    new = next(c for c in string.ascii_letters if c not in left)
    terms = [new + term if m else term for term, m in zip(left.split(","), mapped, strict=True)]
    return op.call(*xs, **{**params, "subscripts": ",".join(terms) + "->" + new + out})


def _spell_einsum(*operands: Any, subscripts: str, optimize: Any = False) -> Any:
    optimize = optimize or _is_large_product(subscripts, operands)
    return operands[0].call(np.einsum, subscripts, *operands, **({"optimize": optimize} if optimize else {}))


_einsum_row = row(
    variadic(_einsum, _einsum_vjp, batch=_einsum_each, name="einsum", python=_spell_einsum, examples=_einsum_examples)
)


def _with_subscripts(rng: np.random.Generator) -> list[tuple[list[Any], dict[str, Any]]]:
    a, b = rng.normal(size=(2, 3)), rng.normal(size=(3, 4))
    return [
        (["ij,jk", a, b], {}),
        (["...j,jk->...k", a, b], {}),
        (["ij,jk->ik", a, b], {"optimize": "greedy"}),
    ]


@implements(np.einsum, examples=_with_subscripts)
def einsum(*operands: Any, optimize: Any = False, **unsupported: Any) -> Any:
    """Sums of products over indices, in every form np.einsum accepts; `optimize=` is passed on."""
    for name, value in unsupported.items():
        if value is not None:
            raise TypeError(f"einsum({name}=…) is not supported on Tensors; supported keywords: optimize")
    subscripts, arrays = _spell_out(operands)
    return _einsum_row.call(*arrays, subscripts=subscripts, optimize=optimize)


@without_gradient(np.einsum_path)
def einsum_path(*operands: Any, optimize: Any = "greedy", einsum_call: bool = False) -> Any:
    """The order of contraction that np.einsum would choose; it depends on shapes alone."""
    subscripts, arrays = _spell_out(operands)
    return np.einsum_path(subscripts, *(np.broadcast_to(0.0, x.shape) for x in arrays), optimize=optimize)


def _spell_out(operands: tuple[Any, ...]) -> tuple[str, list[Any]]:
    """Subscripts with a letter for every axis and an arrow, and the arrays."""
    if not operands:
        raise ValueError("einsum: no operands were given")
    if isinstance(operands[0], str):
        text, arrays = operands[0].replace(" ", ""), _arrays(*operands[1:])
        left, arrow, out = text.partition("->")
        terms: list[str] = left.split(",")
        result: str | None = out if arrow else None
    else:  # einsum(a, [0, 1], b, [1, 2], [0, 2])
        even = operands if len(operands) % 2 == 0 else operands[:-1]
        arrays = _arrays(*even[::2])
        lists: list[Any] = list(even[1::2])
        numbers = sorted({n for sub in lists for n in sub if n is not Ellipsis})
        letter: dict[Any, str] = dict(zip(numbers, string.ascii_letters, strict=False)) | {Ellipsis: "..."}
        terms = ["".join(letter[n] for n in sub) for sub in lists]
        result = "".join(letter[n] for n in operands[-1]) if len(operands) % 2 else None
    if len(terms) != len(arrays):
        raise ValueError(f"einsum: {len(terms)} subscripts {','.join(terms)!r} for {len(arrays)} operands")
    dots = [x.ndim - len(term.replace("...", "")) for term, x in zip(terms, arrays, strict=True)]
    for term, n, x in zip(terms, dots, arrays, strict=True):
        if n < 0 or (n and "..." not in term):
            raise ValueError(f"einsum: {term!r} has {len(term.replace('...', ''))} indices for the shape {x.shape}")
    most = max(dots)
    used = set("".join(terms))
    axes = "".join([c for c in string.ascii_letters if c not in used][:most])  # what the ellipses stand for
    if result is None:
        once = sorted(c for c in used - {"."} if "".join(terms).count(c) == 1)
        result = ("..." if any("..." in term for term in terms) else "") + "".join(once)
    if most and "..." not in result:
        raise ValueError(f"einsum: the result {result!r} has no '...' for the axes that the operands' stand for")
    spelt = [term.replace("...", axes[most - n :]) for term, n in zip(terms, dots, strict=True)]
    return ",".join(spelt) + "->" + result.replace("...", axes), arrays


# -- helpers ---------------------------------------------------------------------------------------------------------


def conjugate_complex(x: Array) -> Array:
    """The complex conjugate; a real array as it is, without a copy."""
    return np.conjugate(x) if x.dtype.kind == "c" else x


def _arrays(*xs: Any) -> list[Any]:
    """Lists and numbers as arrays; Tensors and arrays as they are."""
    return [x if type(x) is Tensor or hasattr(x, "__array_function__") else as_array(x) for x in xs]


def _permute(x: Array, axes: list[int]) -> Array:
    return x if axes == sorted(axes) else np.transpose(x, axes)


def _check_inner(name: str, a: Any, b: Any, axis_a: int, axis_b: int) -> None:
    if a.shape[axis_a] != b.shape[axis_b]:
        raise ValueError(f"{name}: {a.shape} and {b.shape}: inner sizes {a.shape[axis_a]} and {b.shape[axis_b]} differ")
