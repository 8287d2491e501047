"""The contract on numerics: exact to a few units in the last place, and silent, over the whole range of floats.

The truth comes from mpmath, in as many digits as it takes. Warnings are errors in this run.
"""

import mpmath
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_lite as tg

FEW = 4  # units in the last place


def reach(dtype):
    """Points of both signs from the smallest float to the largest, dense where the functions bend."""
    info = np.finfo(dtype)
    powers = np.logspace(np.log10(float(info.tiny)), np.log10(float(info.max)) - 0.01, 60)
    bends = np.concatenate([np.linspace(0.01, 5, 40), np.linspace(5, 120, 40), np.linspace(650, 800, 25)])
    edges = [0.0, float(info.smallest_subnormal), float(info.tiny), float(info.eps), 1.0, float(info.max)]
    positive = np.concatenate([powers, bends, edges])
    return np.concatenate([-positive, positive]).astype(dtype)


def ulps(found, truth, dtype):
    """The error of each number, in units in the last place of the truth."""
    info = np.finfo(dtype)
    errors = []
    for y, t in zip(np.ravel(found), truth, strict=True):
        if t > mpmath.mpf(float(info.max)):
            errors.append(0.0 if y == np.inf else np.inf)
            continue
        errors.append(float(abs(mpmath.mpf(float(y)) - t) / unit(t, dtype)))
    return np.array(errors)


def unit(t, dtype):
    """A unit in the last place of t, in that dtype."""
    return mpmath.mpf(float(np.spacing(dtype(min(abs(float(t)), float(np.finfo(dtype).max) / 2)))))


def of_differences(zs, dtype):
    """What the rounding of the differences z - max(zs) does to log(sum(exp(z - max))): the sum of p |z - max| eps.

    It is what a change of the logits by half a unit in their last place does, too.
    """
    m = max(zs)
    return float(np.finfo(dtype).eps) * sum(mpmath.exp(z - m - excess(zs)) * (m - z) for z in zs)


def exactly(f, *columns):
    """f in mpmath, number by number; its exponents are unbounded, so only digits need care."""
    with mpmath.workdps(60):
        return [f(*(mpmath.mpf(float(x)) for x in row)) for row in zip(*columns, strict=True)]


def log1pexp(z):
    """log(1 + exp(z)) without the sum, where exp(z) is too large or too small for the digits we work with."""
    if z > 300:
        return z
    return mpmath.exp(z) if z < -300 else mpmath.log1p(mpmath.exp(z))


def sigmoid(z):
    return mpmath.exp(z) if z < -300 else 1 / (1 + mpmath.exp(-z)) if z < 300 else mpmath.mpf(1)


DTYPES = pytest.mark.parametrize("dtype", [np.float64, np.float32])


@DTYPES
@pytest.mark.parametrize(("f", "truth"), [(tg.sigmoid, sigmoid), (tg.softplus, log1pexp)], ids=["sigmoid", "softplus"])
def test_sigmoid_and_softplus(f, truth, dtype):
    x = reach(dtype)
    y = f(x)
    assert y.dtype == dtype
    assert ulps(y, exactly(truth, x), dtype).max() <= FEW
    assert_array_equal(f(np.array([-np.inf, np.inf], dtype)), [0, 1 if f is tg.sigmoid else np.inf])
    assert np.isnan(f(dtype(np.nan)))


@DTYPES
def test_derivative_of_softplus(dtype):
    x = reach(dtype)
    (dx,) = tg.vjp(tg.softplus, x)[1](np.ones_like(x))
    assert ulps(dx, exactly(sigmoid, x), dtype).max() <= FEW


@DTYPES
def test_derivative_of_sigmoid_is_silent_and_right_to_rounding(dtype):
    """y (1 - y) is the lectures' formula; near y = 1 it has the absolute accuracy of y itself."""
    x = reach(dtype)
    (dx,) = tg.vjp(tg.sigmoid, x)[1](np.ones_like(x))
    truth = [float(t) for t in exactly(lambda z: sigmoid(z) * sigmoid(-z), x)]
    assert_allclose(dx, truth, rtol=4 * np.finfo(dtype).eps, atol=np.finfo(dtype).eps)


def logits(dtype):
    """Columns of three logits: ordinary, far apart, tied, enormous, tiny."""
    big = float(np.finfo(dtype).max)
    rng = np.random.default_rng(0)
    special = [
        (0, 0, 0), (1, 1, -50), (0, -40, -40), (0, -80, -85), (5, 5, 5), (big, -big, 0), (big, big, big),
        (-big, -big, -big), (big, big / 2, 1), (1e-30, -1e-30, 0), (700, 710, -700), (0, -1e4, -1e5),
    ]  # fmt: skip
    ordinary = rng.normal(size=(40, 3)) * np.logspace(-3, 3, 40)[:, None]
    return np.concatenate([np.array(special, dtype=np.float64), ordinary]).T.astype(dtype)


def exact_logsumexp(*zs):
    return max(zs) + excess(zs)


def excess(zs):
    """log(sum(exp(z))) - max(z), to full precision however small."""
    *others, m = sorted(zs)
    return mpmath.log1p(sum(mpmath.exp(z - m) for z in others))


@DTYPES
def test_log_softmax(dtype):
    x = logits(dtype)
    y = tg.log_softmax(x, axis=0)
    assert y.dtype == dtype
    with mpmath.workdps(120):
        for column, found in zip(x.T, y.T, strict=True):
            zs = [mpmath.mpf(float(z)) for z in column]
            for z, f in zip(zs, found, strict=True):
                truth = (z - max(zs)) - excess(zs)
                if abs(truth) <= float(np.finfo(dtype).max):
                    bound = FEW * unit(truth, dtype) + of_differences(zs, dtype)
                    assert abs(mpmath.mpf(float(f)) - truth) <= bound, column
                else:
                    assert f == -np.inf


@DTYPES
def test_logsumexp(dtype):
    """Few units of the result, or of the largest operand, should the result nearly vanish."""
    x = logits(dtype)
    y = tg.logsumexp(x, axis=0)
    assert y.dtype == dtype
    with mpmath.workdps(120):
        for column, found in zip(x.T, y, strict=True):
            zs = [mpmath.mpf(float(z)) for z in column]
            truth = exact_logsumexp(*zs)
            bound = FEW * unit(max(abs(truth), abs(max(zs))), dtype) + of_differences(zs, dtype)
            assert abs(mpmath.mpf(float(found)) - truth) <= bound, column


@DTYPES
def test_softmax(dtype):
    """exp(x - max) has the relative error that the rounding of the difference gives it."""
    x = logits(dtype)
    y = tg.softmax(x, axis=0)
    eps = float(np.finfo(dtype).eps)
    with mpmath.workdps(120):
        for column, found in zip(x.T, y.T, strict=True):
            zs = [mpmath.mpf(float(z)) for z in column]
            for z, f in zip(zs, found, strict=True):
                truth = mpmath.exp(z - max(zs) - excess(zs))
                distance = min(max(zs) - z, 1000) + of_differences(zs, dtype)
                bound = (FEW + distance) * eps * truth + float(np.finfo(dtype).smallest_subnormal) * 2
                assert abs(mpmath.mpf(float(f)) - truth) <= bound, column
    assert_allclose(np.sum(y, axis=0), 1, rtol=4 * eps)


def test_masked_logits():
    """-inf masks a class: probability 0, no NaN, no warning, forward or backward."""
    x = np.array([[1.0, -np.inf], [2.0, 3.0], [-np.inf, 0.5]])
    for f in (tg.softmax, tg.log_softmax):
        y, pullback = tg.vjp(lambda x: f(x, axis=0), x)  # noqa: B023 (called at once)
        assert_array_equal(y[np.isinf(x)], 0 if f is tg.softmax else -np.inf)
        (dx,) = pullback(np.where(np.isinf(x), 0, 0.5))
        assert np.isfinite(dx).all()
    J, dx = tg.value_and_grad(tg.cross_entropy)(x, np.array([1, 2]))
    p = np.exp(np.where(np.isinf(x), -np.inf, x))
    p /= p.sum(axis=0)
    assert_allclose(J, -(np.log(p[1, 0]) + np.log(p[2, 1])) / 2)
    assert_allclose(dx, (p - np.array([[0, 0], [1, 0], [0, 1]])) / 2, atol=1e-15)


LABELS = [0.0, 1.0, 0.5, 0.25, 1e-10, 1 - 1e-10, 1e-300]


@DTYPES
@pytest.mark.parametrize("label", LABELS)
def test_binary_cross_entropy_with_logits(dtype, label):
    z = reach(dtype)
    y = np.full_like(z, label)
    y64 = float(y[0])
    truth = exactly(lambda z: (1 - mpmath.mpf(y64)) * log1pexp(z) + mpmath.mpf(y64) * log1pexp(-z), z)
    found = np.array([tg.binary_cross_entropy_with_logits(z[i : i + 1], y[i : i + 1]) for i in range(z.size)])
    assert found.dtype == dtype
    assert ulps(found, truth, dtype).max() <= FEW
    z, y = z[np.abs(z) < 1e30], y[np.abs(z) < 1e30]  # their sum is finite
    (dz,) = tg.vjp(lambda z: tg.binary_cross_entropy_with_logits(z, y), z)[1](dtype(z.size))
    slopes = [float(t - mpmath.mpf(y64)) for t in exactly(sigmoid, z)]
    assert_allclose(dz, slopes, rtol=4 * np.finfo(dtype).eps, atol=4 * np.finfo(dtype).eps)


@DTYPES
@pytest.mark.parametrize("label", LABELS)
def test_binary_cross_entropy(dtype, label):
    small = np.logspace(np.log10(float(np.finfo(dtype).tiny)), -0.31, 80)
    a = np.concatenate([small, 1 - small, [0.5, float(np.finfo(dtype).smallest_subnormal)]]).astype(dtype)
    a = a[(a > 0) & (a < 1)]
    y = np.full_like(a, label)
    y64 = float(y[0])
    truth = exactly(lambda a: -(mpmath.mpf(y64) * mpmath.log(a) + (1 - mpmath.mpf(y64)) * mpmath.log1p(-a)), a)
    found = np.array([tg.binary_cross_entropy(a[i : i + 1], y[i : i + 1]) for i in range(a.size)])
    assert found.dtype == dtype
    assert ulps(found, truth, dtype).max() <= FEW
    (da,) = tg.vjp(lambda a: tg.binary_cross_entropy(a, y), a)[1](dtype(a.size))
    assert not np.isnan(da).any()


def test_binary_cross_entropy_at_the_ends():
    """0 log 0 = 0; a certain and wrong prediction costs infinity, without a warning."""
    A, Y = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0, 1, 1, 0])
    each = [float(tg.binary_cross_entropy(A[i : i + 1], Y[i : i + 1])) for i in range(4)]
    assert each == [0, 0, np.inf, np.inf]
    slopes = [float(tg.grad(tg.binary_cross_entropy)(A[i : i + 1], Y[i : i + 1])[0]) for i in range(4)]
    assert slopes == [1, -1, -np.inf, np.inf]


@DTYPES
def test_cross_entropy(dtype):
    x = logits(dtype)
    x = x[:, np.max(np.abs(x), axis=0) < 1e30]
    with mpmath.workdps(120):
        for k in range(3):
            found = np.array([tg.cross_entropy(c[:, None], np.array([k])) for c in x.T])
            assert found.dtype == dtype
            for column, J in zip(x.T, found, strict=True):
                zs = [mpmath.mpf(float(z)) for z in column]
                truth = excess(zs) - (zs[k] - max(zs))
                assert abs(mpmath.mpf(float(J)) - truth) <= FEW * unit(truth, dtype) + of_differences(zs, dtype), column
            hot = np.eye(3, dtype=dtype)[:, [k]]
            assert_array_equal(found, [tg.cross_entropy(c[:, None], hot) for c in x.T])


SQUARE = np.array([[2.0, 0.5, -1.0], [0.3, 1.0, 0.2], [0.1, -0.7, 0.4]])


@pytest.mark.parametrize(
    ("logits", "labels", "message"),
    [
        (SQUARE, np.array([0, 2, 1]), "along axis=0 or axis=1 .* say which"),
        (SQUARE, np.eye(3)[[0, 2, 1]], "along axis=0 or axis=1 .* say which"),
        (SQUARE, np.eye(3)[[0, 0, 1]], "along axis=1 .* say axis=1 if that is meant, else axis=0"),  # rows
        (SQUARE[:2], np.eye(3)[[0, 2]], "along axis=1 .* say axis=1 if that is meant, else axis=0"),
        (np.stack([SQUARE] * 3), np.zeros((3, 3), int), "along axis=0 or axis=1 or axis=2"),
    ],
)
def test_cross_entropy_asks_for_the_axis_where_classes_may_lie_along_two(logits, labels, message):
    for function in (tg.cross_entropy, tg.compile(tg.cross_entropy), tg.grad(tg.cross_entropy)):
        with pytest.raises(ValueError, match=message):
            function(logits, labels)
    by_axis = [float(tg.cross_entropy(logits, labels, axis=a)) for a in (0, 1)]
    assert len(set(by_axis)) == 2


def test_cross_entropy_reads_columns_where_nothing_else_fits():
    labels = np.array([1, 0, 1])
    assert tg.cross_entropy(SQUARE[:2], labels) == tg.cross_entropy(SQUARE[:2], labels, axis=0)
    columns = np.eye(3)[:, [0, 0, 1]]
    assert tg.cross_entropy(SQUARE, columns) == tg.cross_entropy(SQUARE, columns, axis=0)
    assert tg.cross_entropy(SQUARE[0], 2) == tg.cross_entropy(SQUARE[0], 2, axis=0)


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4)])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_cross_entropy_along_any_axis(shape, axis):
    rng = np.random.default_rng(0)
    x = rng.normal(size=shape)
    labels = rng.integers(0, shape[axis], np.delete(shape, axis))
    hot = np.moveaxis(np.eye(shape[axis])[labels], -1, axis)
    J, dx = tg.value_and_grad(tg.cross_entropy)(x, labels, axis=axis)
    p = np.exp(x) / np.exp(x).sum(axis=axis, keepdims=True)
    m = labels.size
    assert_allclose(J, -np.sum(hot * np.log(p)) / m)
    assert_allclose(dx, (p - hot) / m, atol=1e-15)
    assert_allclose(tg.grad(tg.cross_entropy)(x, hot, axis=axis), dx, atol=1e-15)


@pytest.mark.parametrize("loss", [tg.binary_cross_entropy, tg.binary_cross_entropy_with_logits])
@pytest.mark.parametrize("kind", [bool, int, np.uint8, float])
def test_labels_of_any_dtype(loss, kind):
    A, Y = np.array([[0.2, 0.7, 0.4], [0.9, 0.1, 0.5]]), np.array([[0, 1, 1], [1, 0, 0]])
    J, dA = tg.value_and_grad(loss)(A, Y.astype(kind))
    P = A if loss is tg.binary_cross_entropy else 1 / (1 + np.exp(-A))
    assert_allclose(J, -np.sum(np.where(Y == 1, np.log(P), np.log(1 - P))) / 3)
    assert_allclose(dA, ((P - Y) / (P * (1 - P)) if P is A else P - Y) / 3)


@pytest.mark.parametrize(
    "f", [tg.sigmoid, tg.relu, tg.leaky_relu, tg.softplus, tg.softmax, tg.log_softmax, tg.logsumexp]
)
@pytest.mark.parametrize("wrap", [np.asarray, tg.Tensor], ids=["array", "Tensor"])
def test_functions_of_real_numbers_refuse_complex_ones(f, wrap):
    with pytest.raises(TypeError, match="is complex, and .* is for real numbers"):
        f(wrap([1 + 1j, 2]))


# -- kinks that rounding must not hide, zeros that overflow must not ---------------------------------------------------


def gradient_of(f, x, **keywords):
    return tg.grad(lambda x: f(x, **keywords))(x)


@pytest.mark.parametrize("value", [0.1, 0.3, 1 / 3, 7.7])
def test_a_standard_deviation_of_equal_entries_is_at_its_kink(value):
    """Their mean is off by a rounding, and so is the deviation, which would be divided by itself."""
    for n in (3, 7, 10):
        x = np.full(n, value)
        missing, more = np.append(x, np.nan), np.append(x, [5.0, 6.0])
        mask = np.arange(n + 2) < n
        for spread in (np.std, np.nanstd):
            for ddof in (0, 1):
                assert_array_equal(gradient_of(spread, x, ddof=ddof), np.zeros(n))
            assert_array_equal(gradient_of(spread, more, where=mask), np.zeros(n + 2))
            assert_array_equal(gradient_of(spread, np.float32(x), dtype=np.float64), np.zeros(n))
        assert_array_equal(gradient_of(np.nanstd, missing), np.zeros(n + 1))
        assert_array_equal(gradient_of(np.nanstd, missing, ddof=1), np.zeros(n + 1))
        unequal = np.where(mask, np.arange(n + 2.0), 50)
        found = gradient_of(np.nanstd, unequal, where=mask)
        assert_allclose(found[:n], gradient_of(np.std, unequal[:n]), rtol=1e-12, atol=1e-15)
    about = tg.grad(lambda x: np.nanstd(x, mean=np.zeros(1)))(np.array([2.0, 2.0]))  # about another mean: no kink
    assert_allclose(about, [0.5, 0.5])


def test_cumulative_products_with_zeros_where_others_overflow():
    x = np.array([0.0, 0.0, 1e200, 1e200])
    with np.errstate(over="ignore", invalid="ignore"):
        for f in (np.cumprod, np.cumulative_prod, np.nancumprod, np.multiply.accumulate):
            assert_array_equal(tg.grad(lambda x, f=f: np.sum(f(x)))(x), [1.0, 0.0, 0.0, 0.0])
