"""What is saved is what is loaded, bit for bit; files of other libraries; what cannot be saved; what does not match."""

import dataclasses
import io
import json
import os
import sys
from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import tree

ENDINGS = (".npz", ".safetensors")
Pair = namedtuple("Pair", "left right")


@dataclasses.dataclass
class Layer:
    W: object
    b: object
    activation: str = "tanh"
    g: object = np.tanh


class Net:
    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.first = Layer(tg.Tensor(rng.normal(size=(3, 2)), requires_grad=True, name="W1"), rng.normal(size=(3, 1)))
        self.last = [rng.normal(size=(1, 3)).astype(np.float32), None]
        self.epoch = seed
        self.rate = 0.1 + seed
        self.dropout = np.random.default_rng(seed)

    def __call__(self, X):
        return self.last[0] @ np.tanh(self.first.W @ X + self.first.b)


def same(a, b):
    """Equal, of the same types, dtypes, order in memory and bits."""
    assert type(a) is type(b)
    if isinstance(a, tg.Tensor):
        assert (a.requires_grad, a.name) == (b.requires_grad, b.name)
        a, b = a.numpy(), b.numpy()
    if isinstance(a, (np.ndarray, np.generic)):
        assert (a.shape, a.dtype) == (b.shape, b.dtype)
        assert a.tobytes("A") == b.tobytes("A")
    elif isinstance(a, np.random.Generator):
        assert a.bit_generator.state["state"] is not None
        assert str(a.bit_generator.state) == str(b.bit_generator.state)
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    elif hasattr(a, "__dict__") and not callable(a) or isinstance(a, Net):
        same(vars(a), vars(b))
    elif a != a:
        assert b != b
    else:
        assert a == b


PLAIN = {
    "W": np.arange(6.0).reshape(2, 3),
    "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "bits": np.array([-0.0, np.inf, -np.nan, 5e-324]),
    "float32": np.float32([[1.5]]),
    "whole": np.array([[-3, 4, 5]], dtype=np.int8),
    "flags": np.array([True, False]),
    "empty": np.zeros((0, 4)),
    "number": np.array(2.5),
    "scalar": np.float32(0.1),
    "t": tg.Tensor([1.0, 2.0], requires_grad=True, name="t"),
    "plain": tg.Tensor([1, 2, 3]),
    "nested": [{"a": (1, 2.5, -(10**30), 1e-320, 1 + 2j)}, [], {}, (), None, True, "häß\n'\"", b"\x00\xff"],
    "../../etc/passwd": np.ones(1),
    "a.b": np.ones(2),
    "a": {"b": np.ones(3)},
    "['a']['b']": np.ones(5),
    "tree.json": np.ones(6),
    "tree.json.npy": np.ones(8),
    "": np.ones(7),
    3: np.ones(4),
    "infinite": float("inf"),
    "rng": [
        np.random.Generator(getattr(np.random, name)(3))
        for name in ("PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64")
    ],
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_tree_comes_back(tmp_path, ending):
    for rng in PLAIN["rng"]:
        rng.integers(10, dtype=np.int32)  # so that half a draw is kept
    path = tmp_path / f"a{ending}"
    tg.save(path, PLAIN)
    same(
        tg.load(path), {**PLAIN, "fortran": PLAIN["fortran"] if ending == ".npz" else np.ascontiguousarray(PLAIN["W"])}
    )
    assert tg.load(str(path), like=PLAIN)["fortran"].flags.f_contiguous == (ending == ".npz")
    assert os.listdir(tmp_path) == [path.name]
    loaded = tg.load(path)
    loaded["W"][0] = 7  # writable
    for mine, theirs in zip(PLAIN["rng"], loaded["rng"], strict=True):
        state = mine.bit_generator.state
        np.testing.assert_array_equal(mine.normal(size=5), theirs.normal(size=5))
        mine.bit_generator.state = state


@pytest.mark.parametrize("ending", ENDINGS)
def test_objects_come_back_with_like(tmp_path, ending):
    net, like = Net(1), Net(2)
    before = [np.array(x) if not isinstance(x, tg.Tensor) else x.numpy() for x in tree.flatten(like)[0]]
    path = tmp_path / f"a{ending}"
    tg.save(path, Pair(net, {"epoch": 7}))
    loaded = tg.load(path, like=Pair(like, {"epoch": 0}))
    same(loaded.left, net)
    assert type(loaded) is Pair
    assert loaded.right == {"epoch": 7}
    assert loaded.left.first.g is np.tanh
    assert (loaded.left.epoch, loaded.left.rate) == (1, 1.1)
    after = [np.array(x) if not isinstance(x, tg.Tensor) else x.numpy() for x in tree.flatten(like)[0]]
    same(after, before)
    with pytest.raises(ValueError, match=r"first\.g is tanh, of which a file holds the name alone; give like="):
        tg.load(path)


def test_without_like_objects_are_dicts():
    file = io.BytesIO()
    tg.save(file, Pair(np.ones(2), "x"))
    same(tg.load(io.BytesIO(file.getvalue())), {"left": np.ones(2), "right": "x"})


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_shared_stays_shared(tmp_path, ending):
    rng, w, t = np.random.default_rng(0), np.ones(3), tg.Tensor([2.0], requires_grad=True)
    path = tmp_path / f"a{ending}"
    tg.save(path, {"a": [rng, w, t], "b": [rng, w, t]})
    for loaded in (tg.load(path), tg.load(path, like={"a": [rng, w, t], "b": [rng, w, t]})):
        assert loaded["a"][0] is loaded["b"][0]
        assert loaded["a"][1] is loaded["b"][1]
        assert loaded["a"][2] is loaded["b"][2]
        assert loaded["a"][0] is not rng


def test_numpy_opens_ours_and_we_open_numpys(tmp_path):
    path = tmp_path / "a.npz"
    tg.save(path, {"layer.weight": np.eye(2), "layer.bias": np.ones(2)})
    with np.load(path) as theirs:
        np.testing.assert_array_equal(theirs["layer.weight"], np.eye(2))
        assert {"layer.weight", "layer.bias"} <= set(theirs.files)
    tg.save(path, {"layers": [{"W": np.eye(2)}]})
    with np.load(path) as theirs:
        assert "['layers'][0]['W']" in theirs.files
    for write in (np.savez, np.savez_compressed):
        write(path, W=np.eye(3), **{"layer/b": np.ones((2, 1), order="F")}, big=np.ones(2, ">f8"))
        loaded = tg.load(path)
        same(loaded, {"W": np.eye(3), "layer/b": np.ones((2, 1)), "big": np.ones(2, ">f8")})
        assert tg.load(path, like=loaded).keys() == loaded.keys()


def test_safetensors_of_others(tmp_path):
    library = pytest.importorskip("safetensors.numpy")
    path = tmp_path / "a.safetensors"
    tg.save(path, {"layer.weight": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "n": np.int64(3)})
    theirs = library.load_file(path)
    np.testing.assert_array_equal(theirs["layer.weight"], np.arange(6.0).reshape(2, 3))
    library.save_file({"w": np.float32([[1, 2]]), "b": np.ones(2, bool)}, path, metadata={"format": "pt"})
    same(tg.load(path), {"w": np.float32([[1, 2]]), "b": np.ones(2, bool)})
    header = json.dumps({"w": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + b"\xc0\x3f\x80\xff")
    same(tg.load(path), {"w": np.float32([1.5, -np.inf])})


def test_a_missing_safetensors_library_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'tinygrad_lite\[safetensors\]'"):
        tg.save(tmp_path / "a.safetensors", {"w": np.ones(2)})


def test_file_objects_and_endings(tmp_path):
    with open(tmp_path / "a.safetensors", "wb") as file:
        tg.save(file, [np.ones(2)])
    with open(tmp_path / "a.safetensors", "rb") as file:
        same(tg.load(file), [np.ones(2)])
    with open(tmp_path / "text.npz", "w") as text, pytest.raises(TypeError, match="'wb'"):
        tg.save(text, [1])
    with open(tmp_path / "text.npz") as text, pytest.raises(TypeError, match="'rb'"):
        tg.load(text)
    with pytest.raises(ValueError, match=r"a\.pkl must end in \.npz or \.safetensors"):
        tg.save(tmp_path / "a.pkl", [1])
    with pytest.raises(TypeError, match="the file comes first"):
        tg.save({"w": np.ones(2)}, "a.npz")
    with pytest.raises(TypeError, match="neither a path nor a file object"):
        tg.load({"w": 1})
    with pytest.raises(FileNotFoundError):
        tg.load(tmp_path / "nowhere.npz")


class Opaque:
    __slots__ = ("x",)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.array([None]), r"tree\['a'\]\[0\] is an array of object"),
        (np.array(["x"]), r"tree\['a'\]\[0\] is an array of <U1"),
        (np.ma.array([1.0], mask=[True]), r"\[0\] is a masked array; save its \.data and its \.mask"),
        (OrderedDict(x=1), r"\[0\] is a OrderedDict; save dict"),
        (Opaque(), r"\[0\] is a Opaque"),
        ({(1, 2): 3}, r"\[0\] has the key \(1, 2\)"),
        ({1, 2}, r"\[0\] is a set"),
        (np.zeros(2, [("x", float)]), r"\[0\] is an array of \[\('x', '<f8'\)\]"),
        (np.random.RandomState(0), r"\[0\] is a RandomState"),
    ],
    ids=lambda x: type(x).__name__ if not isinstance(x, str) else "",
)
def test_what_cannot_be_saved_is_named_and_nothing_is_written(tmp_path, bad, message):
    path = tmp_path / "a.npz"
    tg.save(path, [1])
    before = path.read_bytes()
    with pytest.raises(TypeError, match=message):
        tg.save(path, {"a": [bad]})
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.npz"]


def test_a_tree_that_contains_itself():
    ring = []
    ring.append(ring)
    with pytest.raises(ValueError, match="contains itself"):
        tg.save(io.BytesIO(), ring)


@pytest.mark.parametrize(
    ("saved", "like", "message"),
    [
        (
            {"W": np.ones((2, 3))},
            {"W": np.ones((3, 2))},
            r"tree\['W'\] has shape \(2, 3\) in the file, \(3, 2\) in like",
        ),
        ({"W": np.ones(2)}, {"W": np.ones(2, np.float32)}, r"tree\['W'\] has dtype float64 in the file, float32"),
        ({"W": np.ones(2)}, {"W": np.ones(2), "b": np.ones(1)}, r"tree\['b'\] is not in the file"),
        ({"W": np.ones(2), "b": np.ones(1)}, {"W": np.ones(2)}, r"tree\['b'\] is in the file, not in like"),
        ([np.ones(2)] * 2, [np.ones(2)], r"tree\[1\] is in the file, not in like"),
        ([np.ones(2)], (np.ones(2),), r"tree is a list in the file, a tuple in like"),
        ({"a": [np.ones(2)]}, {"a": np.ones(2)}, r"tree\['a'\] is a list in the file, an array in like"),
        ({"a": 1}, {"a": np.ones(2)}, r"tree\['a'\] is an int in the file, an array in like"),
        ({"a": None}, {"a": np.ones(2)}, r"tree\['a'\] is None in the file, an array in like"),
        (["tanh"], ["relu"], r"tree\[0\] is 'tanh' in the file, 'relu' in like"),
        ([np.tanh], [tg.relu], r"tree\[0\] is tanh in the file, relu in like"),
        (Layer(np.ones(1), 1), Pair(np.ones(1), 1), r"tree is a Layer in the file, a Pair in like"),
        (Layer(np.ones(1), 1), {"W": np.ones(1)}, r"tree is a Layer in the file, a dict in like"),
        (np.random.default_rng(0), 1, r"tree is a generator in the file, an int in like"),
        (
            np.random.default_rng(0),
            np.random.Generator(np.random.Philox(0)),
            "tree draws from PCG64 in the file, from Philox in like",
        ),
    ],
)
def test_the_first_difference_is_named(saved, like, message):
    file = io.BytesIO()
    tg.save(file, saved)
    with pytest.raises(ValueError, match=message):
        tg.load(io.BytesIO(file.getvalue()), like=like)


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_optimiser_goes_on(tmp_path, ending):
    def steps(w, opt, n):
        for i in range(n):
            opt.zero_grad()
            np.sum((w - np.array([1.0, 2.0]) * (i + 1)) ** 2).backward()
            opt.step()

    w = tg.Tensor([3.0, -4.0], requires_grad=True)
    opt = tg.optim.Adam([w], lr=0.1)
    steps(w, opt, 3)
    path = tmp_path / f"a{ending}"
    with pytest.raises(TypeError, match=r"tree\['opt'\] is a Adam; save its \.state_dict\(\)"):
        tg.save(path, {"opt": opt})
    tg.save(path, {"w": w, "opt": opt.state_dict(), "state": opt.init({"w": np.ones(2)})})
    loaded = tg.load(path)
    again = loaded["w"]
    assert again.requires_grad
    other = tg.optim.Adam([again], lr=0.7)
    other.load_state_dict(loaded["opt"])
    steps(w, opt, 4)
    steps(again, other, 4)
    np.testing.assert_array_equal(w.data, again.data)
    same(loaded["state"], opt.init({"w": np.ones(2)}))


class Module(Net):
    """Whose tree is its parameters alone, as is that of a module of layers; with a setting of its class's."""

    training = True

    def state_dict(self):
        raise NotImplementedError


tree.register(Module, lambda m: ([(".last", m.last)], m), lambda m, _: m)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_module_is_saved_whole(tmp_path, ending):
    net, like = Module(1), Module(2)
    net.training = False
    path = tmp_path / f"a{ending}"
    tg.save(path, {"net": net})
    loaded = tg.load(path, like={"net": like})["net"]
    same(loaded, net)
    assert like.training is True
    like.training = False
    net.training = True
    del net.__dict__["training"]
    tg.save(path, [net])
    assert tg.load(path, like=[like])[0].training is True
    net.extra = np.ones(2)
    tg.save(path, [net])
    with pytest.raises(ValueError, match=r"tree\[0\]\.extra is in the file, not in like"):
        tg.load(path, like=[like])


@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
def test_arrays_of_the_other_byte_order_come_back_as_they_are_in_like(tmp_path, ending):
    path = tmp_path / f"file{ending}"
    given = {"x": np.array([1.0, -2.5], ">f8"), "n": np.array([[3, 1]], ">i4"), "y": np.array([1.0, 2.0])}
    tg.save(path, given)
    for key, array in tg.load(path).items():
        np.testing.assert_array_equal(array, given[key])
    for key, array in tg.load(path, like=given).items():
        np.testing.assert_array_equal(array, given[key])
        assert array.dtype == given[key].dtype
    with pytest.raises(ValueError, match=r"tree\['x'\] has dtype .* in the file, >f4 in like"):
        tg.load(path, like={**given, "x": np.zeros(2, ">f4")})


def test_a_key_that_a_zip_cannot_hold(tmp_path):
    tg.save(tmp_path / "a.npz", {"k" * 60_000: np.ones(2)})
    for key in ("k" * 65_535, "é" * 40_000):
        with pytest.raises(ValueError, match=r"the key .* letters, too many for an \.npz file"):
            tg.save(tmp_path / "a.npz", {key: np.ones(2)})
    assert len(*tg.load(tmp_path / "a.npz")) == 60_000
