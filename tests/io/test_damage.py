"""Files that are cut off, changed or made to harm: each is refused with a ValueError."""

import io
import json
import struct
import zipfile

import numpy as np
import pytest

import tinygrad_lite as tg

TREE = {"W": np.arange(3.0), "rng": np.random.default_rng(0), "epoch": 3, "t": tg.Tensor([1.0], requires_grad=True)}


@pytest.fixture(params=[".npz", ".safetensors"])
def path(request, tmp_path):
    if request.param == ".safetensors":
        pytest.importorskip("safetensors")
    return tmp_path / f"a{request.param}"


def refuse(path, content):
    file = io.BytesIO(content)
    file.name = str(path)
    with pytest.raises(ValueError, match=path.name):
        tg.load(file)


def test_a_flipped_byte_anywhere(path):
    tg.save(path, TREE)
    whole = path.read_bytes()
    for i, byte in enumerate(whole):
        for mask in (0x01, byte or 0xFF):
            changed = bytearray(whole)
            changed[i] ^= mask
            refuse(path, bytes(changed))


def test_cut_off_or_longer(path):
    tg.save(path, TREE)
    whole = path.read_bytes()
    for size in range(len(whole)):
        refuse(path, whole[:size])
    for more in (b"\0", b"PK\5\6" + bytes(18), whole):
        refuse(path, whole + more)


def npy(array):
    file = io.BytesIO()
    np.lib.format.write_array(file, array)
    return file.getvalue()


def npy_header(text, data=b""):
    header = text.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + data


def zip_of(*members, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return file.getvalue()


HUGE = "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 1000000000), }"
HOSTILE = {
    "objects": (lambda: zip_of(("a.npy", npy(np.array([{}, None])))), "Python objects"),
    "a path upward": (lambda: zip_of(("../a.npy", npy(np.ones(1)))), "path"),
    "an absolute path": (lambda: zip_of(("/etc/a.npy", npy(np.ones(1)))), "path"),
    "a path of Windows": (lambda: zip_of(("c:a.npy", npy(np.ones(1)))), "path"),
    "something else": (lambda: zip_of(("run.py", b"print()")), "not an array"),
    "a size that lies": (lambda: zip_of(("a.npy", npy_header(HUGE))), "says that it has shape"),
    "a negative size": (lambda: zip_of(("a.npy", npy_header(HUGE.replace("(1", "(-1")))), "says that it has shape"),
    "data left over": (lambda: zip_of(("a.npy", npy(np.ones(2)) + b"x")), "bytes of data"),
    "a huge header": (lambda: zip_of(("a.npy", npy_header("(" * 60000))), "damaged"),
    "text": (lambda: zip_of(("a.npy", npy(np.array(["x"])))), "not numbers"),
    "records": (lambda: zip_of(("a.npy", npy(np.zeros(1, [("a", float)])))), "not numbers"),
    "a bomb": (lambda: zip_of(("a.npy", npy(np.zeros(9 << 20))), compression=zipfile.ZIP_DEFLATED), "unpacks to"),
    "no zip": (lambda: b"\x80\x04N.", "not an .npz file"),
    "nothing": (lambda: b"", "empty"),
    "our description alone": (lambda: zip_of(("tree.json", b"[]")), "checksum"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_npz(tmp_path, kind):
    make, message = HOSTILE[kind]
    (tmp_path / "a.npz").write_bytes(make())
    with pytest.raises(ValueError, match=message):
        tg.load(tmp_path / "a.npz")


@pytest.mark.filterwarnings("ignore:Duplicate name")  # zipfile's, while the damaged file is made
def test_two_members_of_one_name(tmp_path):
    (tmp_path / "a.npz").write_bytes(zip_of(("a.npy", npy(np.ones(1))), ("a.npy", npy(np.ones(2)))))
    with pytest.raises(ValueError, match="two members"):
        tg.load(tmp_path / "a.npz")


def test_members_that_lie_over_each_other(tmp_path):
    """A bomb without compression: many names for the same bytes."""
    inner = zip_of(("a.npy", npy(np.zeros(1 << 20))))
    start = struct.unpack("<L", inner[-6:-2])[0]
    entry = inner[start:-22]
    entries = [entry.replace(b"a.npy", b"%05d" % i + b".npy").replace(b"\x05\0\0\0", b"\x09\0\0\0") for i in range(200)]
    directory = b"".join(entries)
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 200, 200, len(directory), start, 0)
    (tmp_path / "a.npz").write_bytes(inner[:start] + directory + end)
    with pytest.raises(ValueError, match=r"a\.npz"):
        tg.load(tmp_path / "a.npz")


def tensors(header, data=b"", size=None):
    text = header.encode()
    return (len(text) if size is None else size).to_bytes(8, "little") + text + data


@pytest.mark.parametrize(
    "content",
    [
        tensors("{}", size=2**63),
        tensors('{"a":{"dtype":"F64","shape":[1000000000000],"data_offsets":[0,8]}}', bytes(8)),
        tensors('{"a":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}}', bytes(8)),
        tensors('{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]}}', bytes(16)),
        tensors('{"a":{"dtype":"F64","shape":[-1],"data_offsets":[0,8]}}', bytes(8)),
        tensors('{"a":{"dtype":"O","shape":[1],"data_offsets":[0,8]}}', bytes(8)),
        tensors('{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"b":{"dtype":"F64","shape":[1],'
                '"data_offsets":[0,8]}}', bytes(8)),
        tensors('{"a":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},"a":{"dtype":"F64","shape":[1],'
                '"data_offsets":[0,8]}}', bytes(8)),
        tensors("[" * 10000),
        b"",
        b"PK\3\4",
    ],
)  # fmt: skip
def test_hostile_safetensors(tmp_path, content):
    pytest.importorskip("safetensors")
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=r"a\.safetensors"):
        tg.load(tmp_path / "a.safetensors")


def with_description(text):
    """A file whose checksum is right and whose description is this."""
    from tinygrad_lite.io import npz

    return io.BytesIO(npz.pack(text, {"W": np.ones(2)}))


PCG = {"bit_generator": "PCG64", "state": {"state": 1, "inc": 1}, "has_uint32": 0, "uinteger": 0}
MT = {"bit_generator": "MT19937", "state": {"key": [1] * 624, "pos": 10**6}}


@pytest.mark.parametrize(
    "description",
    [
        "",
        "[]",
        "[" * 100000,
        json.dumps({"version": 99, "tree": ["array", "W"], "generators": []}),
        json.dumps({"version": 1, "tree": ["array", "V"], "generators": []}),
        json.dumps({"version": 1, "tree": ["list", []], "generators": []}),
        json.dumps({"version": 1, "tree": ["exec", "W"], "generators": []}),
        json.dumps({"version": 1, "tree": [], "generators": []}),
        json.dumps({"version": 1, "tree": ["dict", ["a"], []], "generators": []}),
        json.dumps({"version": 1, "tree": ["array", ["W"]], "generators": []}),
        json.dumps({"version": 1, "tree": ["generator", 5], "generators": []}),
        json.dumps({"version": 1, "tree": ["array", "W"], "generators": [MT]}),
        json.dumps({"version": 1, "tree": ["array", "W"], "generators": [PCG | {"bit_generator": "os.system"}]}),
        json.dumps({"version": 1, "tree": ["array", "W"], "generators": [PCG | {"uinteger": -1}]}),
        json.dumps({"version": 1, "tree": ["array", "W"], "generators": [{**PCG, "state": {"state": 1}}]}),
        json.dumps({"version": 1, "tree": ["array", "W"], "generators": 5}),
    ],
)
def test_hostile_descriptions(description):
    with pytest.raises(ValueError, match="BytesIO"):
        tg.load(with_description(description))


def test_the_descriptions_above_fail_for_what_is_in_them():
    good = json.dumps({"version": 1, "tree": ["array", "W"], "generators": [PCG]})
    np.testing.assert_array_equal(tg.load(with_description(good)), np.ones(2))
