"""tg.plot: what is drawn is what was given, with its labels; wrong shapes are named."""

import io
import pickle
import struct
import sys

import numpy as np
import pytest

import tinygrad_lite as tg

pytest.importorskip("matplotlib")
RNG = np.random.default_rng(0)
X = RNG.normal(size=(30, 2))
LABELS = (X[:, 0] > 0.1).astype(int)


def draw(picture):
    file = io.BytesIO()
    picture.savefig(file, format="png", dpi=50)
    return file.getvalue()


@pytest.mark.thorough
@pytest.mark.parametrize("axis", [0, 1])
def test_a_boundary_of_two_classes(axis):
    seen = []

    def outputs(points):
        seen.append(points.shape)
        return tg.sigmoid(8 * (points[:, :1] if axis == 0 else points[:1]) - 0.8)

    given = X if axis == 0 else X.T
    picture = tg.plot.boundary(outputs, given, LABELS, axis=axis, features=("a", "b"), classes=("no", "yes"), title="t")
    (axes,) = picture.axes
    assert seen == [(90000, 2) if axis == 0 else (2, 90000)]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("a", "b", "t")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["no", "yes"]
    image = axes.images[0].get_array()
    left, right, _, _ = axes.images[0].get_extent()
    place = np.linspace(left, right, 300)
    assert np.array_equal(np.asarray(image)[0] > 0.5, place > 0.1)
    points = [np.asarray(dots.get_offsets()) for dots in axes.collections[-2:]]
    np.testing.assert_array_equal(points[1], X[LABELS == 1])
    assert draw(picture) == draw(picture)
    assert picture.dpi >= 200


def test_a_boundary_of_several_classes():
    labels = np.arange(30) % 3

    def scores(points):
        return np.stack([points[:, 0], points[:, 1], -points.sum(axis=1)], axis=1)

    picture = tg.plot.boundary(scores, X, labels)
    (axes,) = picture.axes
    image = np.asarray(axes.images[0].get_array())
    assert set(np.unique(image)) == {0, 1, 2}
    assert image[0, -1] == 0  # lower right: the first feature is the largest
    assert image[-1, 0] == 1
    assert len(axes.get_legend().get_texts()) == 3


def test_a_history():
    made = tg.fit(
        {"w": np.zeros(2)},
        (X, LABELS),
        lambda p, X, Y: np.mean((X @ p["w"] - Y) ** 2),
        tg.optim.SGD(lr=0.1),
        4,
        validation=(X, LABELS),
        accuracy=lambda p, X, Y: 0.75,
    )
    left, right = tg.plot.history(made, title="run").axes
    np.testing.assert_array_equal(left.lines[0].get_ydata(), made.loss)
    np.testing.assert_array_equal(left.lines[1].get_ydata(), made.validation_loss)
    np.testing.assert_array_equal(right.lines[0].get_ydata(), [0.75] * 4)
    assert (left.get_xlabel(), left.get_ylabel(), left.get_title()) == ("epoch", "loss", "run")
    (axes,) = tg.plot.history({"a": [3.0, 2.0]}, log=True).axes
    assert axes.get_xscale() == "log"
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), [1, 2])


def test_activations_and_their_derivatives():
    picture = tg.plot.activations({"tanh": np.tanh, "relu": tg.relu})
    for axes, slope in zip(picture.axes, (lambda z: 1 - np.tanh(z) ** 2, lambda z: 1.0 * (z > 0)), strict=True):
        z, drawn = axes.lines[-1].get_data()
        np.testing.assert_allclose(drawn, slope(z), rtol=1e-12, atol=1e-12)
    assert [axes.get_title() for axes in picture.axes] == ["tanh", "relu"]


def test_weights():
    model = {"W": RNG.normal(size=(3, 4)), "b": tg.Tensor(RNG.normal(size=3)), "K": RNG.normal(size=(2, 3, 5)), "n": 3}
    picture = tg.plot.weights(model)
    titles = [axes.get_title() for axes in picture.axes if axes.get_title()]
    assert titles == ["W (3, 4)", "b (3,)", "K (2, 3, 5)"]
    images = [np.asarray(axes.images[0].get_array()) for axes in picture.axes if axes.images]
    np.testing.assert_array_equal(images[0], model["W"])
    np.testing.assert_array_equal(images[1], model["K"].reshape(2, 15))
    assert draw(picture)


def test_errors(monkeypatch):
    with pytest.raises(ValueError, match=r"X has shape \(30, 3\); two features"):
        tg.plot.boundary(lambda x: x[:, 0], np.ones((30, 3)), LABELS)
    with pytest.raises(ValueError, match="30 examples along axis 0 of X, but 29 labels"):
        tg.plot.boundary(lambda x: x[:, 0], X, LABELS[1:])
    with pytest.raises(ValueError, match="give probabilities"):
        tg.plot.boundary(lambda x: 100 * x[:, 0], X, LABELS)
    with pytest.raises(ValueError, match=r"outputs gives an array of shape \(3,\)"):
        tg.plot.boundary(lambda x: np.ones(3), X, LABELS)
    with pytest.raises(ValueError, match="holds no arrays"):
        tg.plot.weights({"n": 3})
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'tinygrad_lite\[plot\]'"):
        tg.plot.weights(np.ones((2, 2)))


def test_a_notebook_shows_the_picture():
    """By IPython's protocol: the data, and the size to show it in; a picture can be pickled all the same."""
    picture = tg.plot.activations({"tanh": np.tanh})
    for each in (picture, pickle.loads(pickle.dumps(picture))):
        data, size = each._repr_png_()
        width, height = struct.unpack(">2I", data[16:24])
        assert data.startswith(b"\x89PNG")
        assert (width, height) == (2 * size["width"], 2 * size["height"])


def test_a_figure_has_the_style_and_the_users_axes_have_theirs():
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context():
        matplotlib.rcdefaults()  # whatever other tests have set
        before = dict(matplotlib.rcParams)
        curves = {"a": [2.0, 1.0], "b": [3.0, 1.0]}
        (own,) = tg.plot.history(curves, title="t").axes
        given = Figure().subplots()
        tg.plot.history(curves, title="t", axes=given)
        assert [axes.title.get_weight() for axes in (own, given)] == ["bold", "normal"]
        assert [axes.get_legend().get_frame_on() for axes in (own, given)] == [False, True]
        assert dict(matplotlib.rcParams) == before
