"""Products of scipy.sparse matrices and Tensors: A @ t, t @ A, A.dot(t), and A * t of the older matrices.

SciPy's `@` gives way to an operand that is no array to it, and so Tensor's own is asked. The sparse matrix is constant:
its entries have no gradient. SciPy is never imported here: whoever has such a matrix has imported it.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ..callsite import user_line
from ..op import Array, Op, linear
from .elementwise import multiply
from .products import matmul


def _sparse_matmul(
    t: Any, data: Any, indices: Any, indptr: Any, shape: tuple[int, int], transposed: bool = False
) -> Any:
    """The product of a matrix in compressed rows (or of its transpose) and a vector or a matrix."""
    sparse = sys.modules["scipy.sparse"]
    if transposed:
        return sparse.csc_array((data, indices, indptr), shape=shape[::-1]) @ t
    return sparse.csr_array((data, indices, indptr), shape=shape) @ t


def _vjp(
    g: Array, y: Array, t: Array, data: Any, indices: Any, indptr: Any, shape: Any, transposed: bool = False
) -> Array:
    return sparse_matmul(g, data, indices, indptr, shape=shape, transposed=not transposed)


# No row of the table, since its tests need SciPy: they are in tests/rules/test_sparse.py.
sparse_matmul: Op = linear(_sparse_matmul, _vjp, operands=4)


def _product(a: Any, b: Any) -> Any:
    """a @ b, where one of them is sparse and the other a Tensor."""
    matrix, t = (a, b) if hasattr(a, "tocsr") else (b, a)
    if len(matrix.shape) != 2 or np.ndim(t) not in (1, 2):
        raise TypeError(
            f"@ between a sparse array {matrix.shape} and a Tensor {np.shape(t)}: it is there for a matrix beside a "
            f"vector or a matrix; write A.toarray() ({user_line()})"
        )
    inner = matrix.shape[1] if matrix is a else matrix.shape[0]
    if inner != (t.shape[0] if matrix is a else t.shape[-1]):
        raise ValueError(f"@: shapes {np.shape(a)} and {np.shape(b)} do not fit, at {user_line()}")
    rows = matrix.tocsr()
    parts, shape = (rows.data, rows.indices, rows.indptr), tuple(map(int, rows.shape))
    if matrix is a:
        return sparse_matmul.call(t, *parts, shape=shape)
    return np.transpose(sparse_matmul.call(np.transpose(t), *parts, shape=shape, transposed=True))


def _star(a: Any, b: Any) -> Any:
    """a * b: of SciPy's older matrices, the product of matrices."""
    matrix, t = (a, b) if hasattr(a, "tocsr") else (b, a)
    if isinstance(matrix, sys.modules["scipy.sparse"].spmatrix) and np.ndim(t):
        return _product(a, b)
    raise TypeError(
        "* between a sparse array and a Tensor is not there, because its result would be sparse; write "
        f"A.toarray() * t, or A @ (t * x) ({user_line()})"
    )


matmul.beside_sparse = _product
multiply.beside_sparse = _star
