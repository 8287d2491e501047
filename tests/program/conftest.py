"""What the tests of programs share: recording one, and telling whether two are equivalent."""

import warnings

import numpy as np
import pytest
from hypothesis import reject
from numpy.testing import assert_allclose

import tinygrad_lite as tg
from tinygrad_lite import tree
from tinygrad_lite.program.program import Node
from tinygrad_lite.program.trace import collect, make_input, tracing
from tinygrad_lite.tensor import TraceError, next_seq


@pytest.fixture(scope="session")
def record():
    """record(f, *arguments): the program of f; with gradients=True, of its weighted sum and gradients."""

    def _record(f, *arguments, gradients=False):
        def differentiated(*xs):
            weighted = [np.sum(y * (i + 1.5)) for i, y in enumerate(tree.flatten(f(*xs))[0])]
            return sum(weighted)

        inner = tg.value_and_grad(differentiated, argnums=tuple(range(len(arguments)))) if gradients else f
        start = next_seq()
        inputs = [make_input(x, f"x{i}") for i, x in enumerate(arguments)]
        with tracing(), np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            roots = tree.flatten(inner(*inputs))[0]
        return collect(roots, inputs, start)[0]

    return _record


@pytest.fixture(scope="session")
def record_drawn(record):
    """record_drawn(program, arguments, gradients): the program of a random program; rejects those that have none."""

    def _record_drawn(program, arguments, gradients):
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                program(*map(tg.Tensor, arguments))
            except TypeError:
                reject()  # keywords that NumPy takes and Tensors do not
        try:
            return record(program, *arguments, gradients=gradients)
        except TraceError:
            return reject()  # shapes that depend on numbers

    return _record_drawn


@pytest.fixture(scope="session")
def fresh():
    """fresh(arguments, rng): other numbers close by, so that what was frozen into a program shows."""

    def _fresh(arguments, rng):
        return [x + 1e-3 * rng.normal(size=np.shape(x)) for x in arguments]

    return _fresh


@pytest.fixture(scope="session")
def check():
    """check(program): that every step's shape and dtype are what is declared. check(program, other, *arrays): also that
    the two compute the same for these inputs.
    """

    def declared(program, arrays):
        values = dict(zip(program.inputs, arrays, strict=True)) | {n: t._array for n, t in program.captures}
        for node in program.steps:
            xs = [values[x] if type(x) is Node else x for x in node.operands]
            y = node.op.fn(*xs, **node.params)
            if node.weak:
                y = float(y)
            elif node.op.outputs == 1:
                assert np.shape(y) == node.shape, node
                assert np.asarray(y).dtype == node.dtype, node
            values[node] = y
        assert len(set(program.steps)) == len(program.steps)
        return [values[x] if type(x) is Node else x for x in program.outputs]

    def _check(program, other, *arrays, rtol=1e-9):
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            want, got = declared(program, arrays), declared(other, arrays)
        assert other.inputs == program.inputs
        for a, b in zip(got, want, strict=True):
            assert np.shape(a) == np.shape(b)
            assert np.asarray(a).dtype == np.asarray(b).dtype
            assert_allclose(a, b, rtol=rtol, atol=rtol * (1 + np.max(np.abs(b), initial=0)))

    return _check
