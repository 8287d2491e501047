"""The writer: source that computes what the program does, that says so, and that nothing can break."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import tinygrad_lite as tg
from tests.generators.strategies import programs
from tinygrad_lite import tree
from tinygrad_lite.program.compiled.generate import optimise
from tinygrad_lite.program.compiled.plan import plan
from tinygrad_lite.program.compiled.writer import Writer

X = np.arange(6.0).reshape(2, 3) + 1


def written(program, arguments=None):
    """The source of a program that returns a list, and what it defines."""
    writer = Writer(program, plan(program))
    lines = writer.write(tree.flatten([0.0] * len(program.outputs))[1])
    if arguments is not None:
        leaves, structure = tree.flatten(arguments)
        static = [i for i, x in enumerate(leaves) if type(x) in (int, complex)]
        lines += writer.write_entry(structure, leaves, static) or []
    text = "\n".join(lines)
    exec(compile(text, "written", "exec"), writer.names)
    return text, writer.names


def body_of(text):
    return text[text.index("def body") :]


@given(programs(), st.booleans(), st.booleans(), st.integers(0, 1000))
def test_it_computes_what_the_program_does(record_drawn, fresh, drawn, gradients, passes, seed):
    program, arguments = drawn
    recorded = record_drawn(program, arguments, gradients)
    rng = np.random.default_rng(seed)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        recorded = optimise(recorded) if passes else recorded
        _, names = written(recorded)
        for _ in range(2):
            arrays = fresh(arguments, rng)
            want, got = recorded.run(*arrays), names["body"](*arrays)
    for a, b in zip(got, want, strict=True):
        assert np.shape(a) == np.shape(b)
        assert np.asarray(a).dtype == np.asarray(b).dtype
        assert_allclose(a, b, rtol=1e-9, atol=1e-9 * (1 + np.max(np.abs(b), initial=0)))
        for x in arrays:
            assert not (isinstance(a, np.ndarray) and np.shares_memory(a, x))


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "int8", "bool", "complex64"])
@pytest.mark.parametrize(
    "f",
    [
        lambda x: x + 1,
        lambda x: (x * 2) / 4,
        lambda x: 2.5 - x,
        lambda x: x * np.float32(2),
        lambda x: x * np.float64(2) + 1,
        lambda x: x + 1j,
        lambda x: np.where(x == 2, x, 3),
        lambda x: np.where(x == 2, 0.5, x),
        lambda x: np.maximum(x, 1) + np.minimum(2, x),
        lambda x: (x == 1) * 1.5,
        lambda x: x + True,
        lambda x: (x == 1.5) | (x == 2),
        lambda x: np.sum(x, axis=0) * 0.5,
        lambda x: np.sum(x) / 3,
        lambda x: np.exp(x * 0.5),
    ],
)
def test_numbers_among_the_operands_leave_dtypes_as_numpy_has_them(record, f, dtype):
    x = X.astype(dtype)
    try:
        f(x)
    except TypeError:
        return  # NumPy does not do this
    program = record(f, x)
    _, names = written(optimise(program))
    assert_array_equal(names["body"](x)[0], f(x))
    assert names["body"](x)[0].dtype == f(x).dtype


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, -0.0, 1e-320, -3, 10**12, 2.5, np.float32(0.1)], ids=repr)
def test_numbers_of_every_kind(record, number):
    with np.errstate(all="ignore"):
        program = record(lambda x: (x * number, np.sum(x) + number, np.copysign(x, number)), X)
        for a, b in zip(written(program)[1]["body"](X), program.run(X), strict=True):
            assert_array_equal(a, b)
            assert np.asarray(a).dtype == np.asarray(b).dtype


def test_python_floats_leave_the_dtype_alone(record):
    x = X.astype("float32")
    program = record(
        lambda x, k: (x * k, x * (1 - k) / (k * 2), np.where(x > k, x, k**3), np.maximum(x, k % 3)), x, 2.0
    )
    _, names = written(optimise(program))
    for k in (2.0, 0.25):
        for a, b in zip(names["body"](x, k), program.run(x, k), strict=True):
            assert a.dtype == np.float32
            assert_allclose(a, b, rtol=1e-6)


def test_python_floats_are_given_axes(record):
    program = record(lambda k: (np.reshape(k, (1, 1)), np.squeeze(k), np.hstack([k, 2 * k]), np.ravel(k)), 0.5)
    for a, b in zip(written(program)[1]["body"](2.5), program.run(2.5), strict=True):
        assert_array_equal(a, b, strict=True)


def test_every_line_says_shape_dtype_and_operation(record):
    text, _ = written(record(lambda x, k: np.tanh(x * k) + tg.Tensor([1.0, 2, 3]), X, 2.0))
    body = body_of(text)
    assert "# x0: x0, float64 (2, 3)" in body
    assert "# x1: x1, float" in body
    for name in ("multiply", "tanh", "add"):
        assert any(line.rstrip().endswith(f"(2, 3) float64  {name}") for line in body.splitlines()), name
    assert "tanh(" in body


def test_what_python_has_a_form_for_is_written_in_it(record):
    text, _ = written(record(lambda x: [np.exp(x)[0, 1:] * x[-1, 2], x[[1, 0]], np.exp(x).T[::2]], X))
    for form in ("[0, 1:]", "x0[-1, 2]", "x0[constant0]", ".T", "[::2]"):
        assert form in text
    assert "template" not in text


def test_captured_tensors_are_read_in_the_body(record):
    W = tg.Tensor(X, name="W")
    text, names = written(record(lambda x: x * W, X))
    assert "w0 = captured0._array" in text
    assert "# w0: W, float64 (2, 3)" in text
    W.data = X * 10
    assert_array_equal(names["body"](X)[0], X * X * 10)


def test_the_arena_is_allocated_once_and_put_back(record):
    _, names = written(record(lambda x: np.sum(np.tanh(x) * 2), X))
    assert names["pool"] == []
    for _ in range(3):
        names["body"](X)
        assert len(names["pool"]) == 1


def test_two_calls_at_one_time_have_memory_of_their_own(record):
    """A function of the user's that calls the program while the program calls it."""
    inner = []

    def again(x):
        if names and not inner:
            inner.append(None)
            inner[0] = names["body"](x * 0)
        return x * 1.0

    names = {}
    op = tg.linear(again, lambda g, y, x: g, name="again")
    program = record(lambda x: np.sum(np.exp(op(x) * 0.5) + np.tanh(x) * op(np.tanh(x))), X)
    expected = program.run(X)[0]
    _, names = written(program)
    assert_allclose(names["body"](X)[0], expected)
    assert len(names["pool"]) == 2


# -- entry -----------------------------------------------------------------------------------------------------------


def test_the_entry_takes_arguments_apart(record):
    a, b, c = X, X[0], X[:, :1]
    program = record(lambda a, b, c, k: a * b + c * k, a, b, c, 2.0)
    _, names = written(program, ({"a": a, "more": [b, (c, 2.0)]},))
    entry = names["entry"]
    assert_array_equal(entry({"a": a, "more": [b, (c, 3.0)]})[0], a * b + c * 3)
    wrong = [
        {"more": [b, (c, 2.0)], "a": a},
        {"a": a, "more": [b, (c, 2.0)], "x": a},
        {"a": a, "more": (b, (c, 2.0))},
        {"a": a, "more": [b, [c, 2.0]]},
        {"a": a, "more": [b, (c, 2)]},
        {"a": a, "more": [b, (c, np.float64(2))]},
        {"a": a, "more": [b, (c,)]},
        {"a": a, "more": [b]},
        {"a": a, "other": [b, (c, 2.0)]},
        {"a": b, "more": [b, (c, 2.0)]},
        {"a": a.astype("float32"), "more": [b, (c, 2.0)]},
        {"a": a.astype(">f8"), "more": [b, (c, 2.0)]},
        {"a": np.ma.array(a), "more": [b, (c, 2.0)]},
        {"a": a.tolist(), "more": [b, (c, 2.0)]},
        {"a": tg.Tensor(a), "more": [b, (c, 2.0)]},
        {"a": None, "more": [b, (c, 2.0)]},
        [a, [b, (c, 2.0)]],
        a,
        None,
    ]
    for argument in wrong:
        assert entry(argument) is NotImplemented


@pytest.mark.parametrize(
    ("made_for", "others"),
    [
        (3, [4, 3.0, True, np.int64(3), None]),
        (-1, [1, -1.0]),
        (True, [1, False, 1.0, np.True_, None]),
        (None, [0, False, X]),
        (2j, [2, 3j, -2j, complex("nan")]),
        (complex("inf"), [1j, complex("-inf")]),
        (2.0, [2, np.float64(2), 2j, True]),
        (np.float64(2), [2.0, np.float32(2), np.array(2.0)]),
        (np.array(2.0), [2.0, np.float64(2), np.array([2.0])]),
    ],
    ids=repr,
)
def test_the_entry_knows_numbers_and_flags_apart(record, made_for, others):
    dynamic = [x for x in (X, made_for) if isinstance(x, (np.ndarray, np.generic, float))]
    _, names = written(record(lambda x, *rest: x * 2, *dynamic), (X, made_for))
    assert_array_equal(names["entry"](X, made_for)[0], X * 2)
    for other in others:
        assert names["entry"](X, other) is NotImplemented


def test_no_entry_where_the_tree_is_of_other_kinds(record):
    program = record(lambda x: x * 2, X)
    writer = Writer(program, plan(program))
    writer.write(tree.flatten(0.0)[1])
    leaves, structure = tree.flatten((X, "a string"))  # equal strings need not be the same object
    assert writer.write_entry(structure, leaves) is None


# -- nothing a user typed is code ------------------------------------------------------------------------------------

_TEXT = st.text(max_size=20) | st.sampled_from(["'", '"""', "\\", "\n", "np", "body", "x0", "'] + [boom() for _ in '"])


@pytest.mark.thorough
@given(st.lists(_TEXT | st.integers() | st.booleans() | st.floats() | st.none() | st.binary(), min_size=1, max_size=4))
def test_any_keys(record, keys):
    keys = list(dict.fromkeys(keys))
    program = record(lambda *xs: [x * 2 for x in xs], *[X + i for i in range(len(keys))])
    writer = Writer(program, plan(program))
    tree_in = {key: X + i for i, key in enumerate(keys)}
    leaves, structure = tree.flatten((tree_in,))
    lines = writer.write(structure.children[0]) + writer.write_entry(structure, leaves)
    exec(compile("\n".join(lines), "written", "exec"), writer.names)
    result = writer.names["entry"](tree_in)
    assert [*map(id, result)] == [*map(id, tree_in)] or list(result) == list(tree_in)
    for i, key in enumerate(tree_in):
        assert_array_equal(result[key], 2 * (X + i))


@given(_TEXT, _TEXT)
def test_any_names_of_tensors_and_operations(record, name, op_name):
    W = tg.Tensor(X, name=name)
    op = tg.linear(lambda x: x[::-1] * 1, lambda g, y, x: g[::-1], name=op_name or "op")
    op.fn.__name__ = op_name
    program = record(lambda x: np.exp(op(x * W)) - op(x), X)
    _, names = written(program)
    assert_allclose(names["body"](X)[0], program.run(X)[0])


def test_keywords_of_operations(record):
    """Written out where they are whole numbers, bound otherwise."""

    def f(x):
        return (
            np.sum(x, axis=(0, 1)),
            np.clip(x, 1.5, 4),
            x[:, 1:],
            x[np.array([1, 0])],
            np.linalg.norm(x, ord="fro"),
            np.transpose(x, (1, 0)),
            np.pad(x, ((1, 0), (0, 2)), constant_values=7.5),
            np.roll(x, -1, axis=1),
        )

    program = record(f, X)
    text, names = written(program)
    for a, b in zip(names["body"](X + 0.5), f(X + 0.5), strict=True):
        assert_allclose(a, b)
    assert "x0.T" in text or "transpose(x0" in text
