"""tg.draw: names, operations, shapes and arrows are those of the computation; missing Graphviz is told."""

import re
import shutil
import sys

import numpy as np
import pytest

import tinygrad_lite as tg

RNG = np.random.default_rng(0)
ARGS = RNG.normal(size=(4, 2)), np.zeros((4, 1)), RNG.normal(size=(1, 4)), RNG.normal(size=(2, 7))
needs_graphviz = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz's program dot is not installed")


def cost(W1, b1, W2, X):
    Z1 = np.dot(W1, X) + b1
    A1 = np.tanh(Z1)
    Z2 = W2 @ A1
    J = np.mean(Z2**2)
    return J


def read(drawing):
    """{first line of each box: (the other lines, the first lines of the boxes whose arrows lead to it)}."""
    labels = dict(re.findall(r'^    (n\d+) \[label="((?:[^"\\]|\\.)*)"', drawing.source, re.MULTILINE))
    boxes = {key: (text.split("\\n")[0], text.split("\\n")[1:]) for key, text in labels.items()}
    arrows = []
    for start, end, how in re.findall(r"^  (n\d+) -> (n\d+)(.*);$", drawing.source, re.MULTILINE):
        arrows.append((end, start) if "dir=back" in how else (start, end))
    return {
        first: (rest, sorted(boxes[start][0] for start, end in arrows if end == key))
        for key, (first, rest) in boxes.items()
    }


def test_both_passes_with_names_operations_shapes_and_arrows():
    drawing = tg.draw(cost, *ARGS, wrt=(0, 1, 2))
    boxes = read(drawing)
    assert boxes["W1"] == (["(4, 2)"], [])
    assert boxes["Z1 = W1 @ X + b1"] == (["(4, 7)"], ["W1", "X", "b1"])
    assert boxes["A1 = np.tanh(Z1)"] == (["(4, 7)"], ["Z1 = W1 @ X + b1"])
    assert boxes["Z2 = W2 @ A1"][0] == ["(1, 7)"]
    assert boxes["J = np.mean(Z2**2)"] == (["a number"], ["Z2 = W2 @ A1"])
    (dZ2,) = [name for name in boxes if name.startswith("dZ2 = ")]
    assert boxes[dZ2] == (["(1, 7)"], ["Z2 = W2 @ A1"])
    assert boxes["dW2 = dZ2 @ A1.T"] == (["(1, 4)"], ["A1 = np.tanh(Z1)", dZ2])
    assert boxes["dA1 = W2.T @ dZ2"] == (["(4, 7)"], ["W2", dZ2])
    assert boxes["dW1 = dZ1 @ X.T"][0] == ["(4, 2)"]
    assert [name for name in boxes if name.startswith("dX")] == []


def test_gradients_stand_beside_what_they_are_the_gradients_of():
    drawing = tg.draw(cost, *ARGS, wrt=(0, 1, 2))
    labels = dict(re.findall(r'^    (n\d+) \[label="(\w+)', drawing.source, re.MULTILINE))
    pairs = re.findall(r"rank=same; (n\d+); (n\d+);", drawing.source)
    assert {(labels[a], labels[b]) for a, b in pairs} == {
        (name, "d" + name) for name in ("W1", "b1", "W2", "Z1", "A1", "Z2")
    }


def test_what_is_drawn_by_default_is_the_gradient_of_the_first_argument():
    assert [name.split(" ")[0] for name in read(tg.draw(cost, *ARGS)) if name.startswith("d")] == [
        "dZ2",
        "dA1",
        "dZ1",
        "dW1",
    ]
    assert not [name for name in read(tg.draw(cost, *ARGS, backward=False)) if name.startswith("d")]


def test_values_and_gradients_on_demand():
    W1, _, W2, _ = ARGS
    boxes = read(tg.draw(cost, *ARGS, wrt=(0, 1, 2), values=True, gradients=True))
    J, (_, _, dW2) = tg.value_and_grad(cost, argnums=(0, 1, 2))(*ARGS)
    assert boxes["J = np.mean(Z2**2)"][0][1] == f"[{J:.4f}]"
    assert boxes["W1"][0][1] == f"{W1.min():.4g} … {W1.max():.4g}, mean {W1.mean():.4g}"
    assert boxes["W2"][0][1] == np.array2string(W2.ravel(), precision=4, separator=", ")
    assert boxes["dW2 = dZ2 @ A1.T"][0][1] == np.array2string(dW2.ravel(), precision=4, separator=", ")
    alone = read(tg.draw(cost, *ARGS, wrt=2, backward=False, gradients=True))
    assert alone["W2"][0] == ["(1, 4)", "gradient " + np.array2string(dW2.ravel(), precision=4, separator=", ")]
    assert alone["W1"][0] == ["(4, 2)"]


def test_a_tensor_is_drawn_in_the_names_of_who_asks():
    W = tg.Tensor(ARGS[0], requires_grad=True)
    named = tg.Tensor(ARGS[1], requires_grad=True, name="bias")
    x = ARGS[3]
    A = tg.sigmoid(W @ x + named)
    J = np.sum(A)
    boxes = read(tg.draw(J))
    assert boxes["A = sigmoid(W @ x + bias)"] == (["(4, 7)"], ["W", "bias", "x"])
    assert any(name.startswith("dW = ") for name in boxes)
    assert any(name.startswith("dbias = ") for name in boxes)
    assert W.grad is None
    assert J.name is None
    assert [n for n in read(tg.draw(A)) if n.startswith("d")] == []  # not one number


def test_a_module_is_drawn_with_its_parameters():
    net = tg.nn.Sequential(tg.nn.Linear(2, 3), tg.nn.Tanh(), tg.nn.Linear(3, 1))
    boxes = read(tg.draw(net, ARGS[3].T))
    assert {"weight_0", "bias_0", "weight_2", "bias_2", "x"} <= set(boxes)

    def loss(X):
        return np.mean(net(X) ** 2)

    gradients = [name.split(" ")[0] for name in read(tg.draw(loss, ARGS[3].T)) if name.startswith("d")]
    assert sorted(gradients) == ["dbias", "dbias_2", "dweight", "dweight_2"]


def test_trees_buffers_several_results_and_drawn_numbers():
    rng = np.random.default_rng(1)

    def f(params, x):
        b = tg.zeros(2)
        b[0] = params["u"] * x[0]
        b[1] = x[1] * rng.random(1)[0]
        return {"whole": b, "parts": (b[0], np.float32(1.0))}

    boxes = read(tg.draw(f, {"u": np.float64(2.0), "n": 3}, np.array([1.0, 2.0])))
    assert {"u", "x"} <= set(boxes)
    assert boxes["whole = np.zeros((2,))"][0][:2] == ["whole[0] = b0", "whole[1] = b1"]


def test_text_that_a_user_typed_stays_text():
    W = tg.Tensor([1.0], requires_grad=True, name='x"]; evil [label="</svg>\n\\')
    source = tg.draw(np.exp(W)).source
    assert "evil [" not in source
    assert source.count("\n") == len(source.splitlines())

    def f(x):
        return np.sum(x)

    f.__name__ = 'a" -> b'
    assert tg.draw(f, np.ones(3)).source.startswith('digraph "a\\" -> b" {\n')


@needs_graphviz
def test_graphviz_draws_it(tmp_path):
    pytest.importorskip("graphviz")
    drawing = tg.draw(cost, *ARGS)
    assert "<svg" in drawing.svg
    assert "np.tanh" in drawing.svg
    assert "<svg" in drawing._repr_svg_()
    assert drawing._repr_html_() is None
    for ending, start in (("svg", b"<?xml"), ("png", b"\x89PNG"), ("dot", b"digraph")):
        drawing.save(tmp_path / f"a.{ending}")
        assert (tmp_path / f"a.{ending}").read_bytes().startswith(start)


def test_without_graphviz_there_is_text_and_a_message(monkeypatch, tmp_path):
    drawing = tg.draw(cost, *ARGS)
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'tinygrad_lite\[draw\]'"):
        drawing.svg  # noqa: B018
    assert drawing._repr_svg_() is None
    assert "tinygrad_lite[draw]" in drawing._repr_html_()
    assert "<pre>digraph &quot;cost&quot;" in drawing._repr_html_()
    monkeypatch.undo()
    pytest.importorskip("graphviz")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="apt install graphviz"):
        drawing.save(tmp_path / "a.svg")
    assert drawing._repr_svg_() is None


def test_what_cannot_be_drawn_is_said():
    with pytest.raises(TypeError, match="a Tensor, or a function"):
        tg.draw(3)
    with pytest.raises(TypeError, match="takes no arguments"):
        tg.draw(tg.Tensor(1.0), 2.0)
    with pytest.raises(ValueError, match="not the result of any recorded operation"):
        tg.draw(lambda x: 1.0, 2.0)
    with pytest.raises(ValueError, match=r"must end in \.dot"):
        tg.draw(cost, *ARGS).save("a.jpg")


def test_a_deep_graph_is_no_recursion():
    x = tg.Tensor(0.5, requires_grad=True)
    y = x
    depth = sys.getrecursionlimit() + 100
    for _ in range(depth):
        y = np.sin(y)
    assert tg.draw(y).source.count("np.sin") >= depth - 1
