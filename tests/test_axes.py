"""Axes: NumPy's own functions say what each of ours must give."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_lite.axes import positive_axes, positive_axis, reduced_axes, reduced_shape, reduced_size


@given(st.lists(st.integers(0, 3), max_size=3), st.data(), st.booleans())
def test_reductions(shape, data, keepdims):
    axes = (
        st.lists(st.integers(-len(shape), len(shape) - 1), unique_by=lambda i: i % len(shape)) if shape else st.just([])
    )
    axis = data.draw(st.none() | axes.map(tuple) | (st.integers(-len(shape), len(shape) - 1) if shape else st.just(0)))
    reduced = np.sum(np.ones(shape), axis=axis, keepdims=keepdims)
    assert reduced_shape(tuple(shape), axis, keepdims) == reduced.shape
    assert np.all(reduced == reduced_size(tuple(shape), axis))
    assert np.sum(np.ones(shape), axis=reduced_axes(axis, len(shape)), keepdims=keepdims).shape == reduced.shape


def test_from_either_end():
    assert positive_axes([-1, np.int64(0)], 3) == (2, 0)
    assert positive_axes(np.array([1, -3]), 3) == (1, 0)
    assert positive_axes(np.array(1), 3) == (1,)
    assert positive_axis(-2, 3) == 1
    for axes in (3, -4, (0, 3)):
        with pytest.raises(np.exceptions.AxisError):
            positive_axes(axes, 3)
    with pytest.raises(AttributeError):
        positive_axis((1,), 3)
