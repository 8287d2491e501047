"""docs/functions.md, in which every public function of NumPy's has a place, against NumPy and against the library."""

from __future__ import annotations

import re
import types
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.generators.calls import Function, calls
from tinygrad_lite import tree
from tinygrad_lite.dispatch import handlers
from tinygrad_lite.table import compositions, rows

MODULES: dict[str, types.ModuleType] = {"numpy": np, "numpy.linalg": np.linalg, "numpy.fft": np.fft}
MODULES["numpy.lib.stride_tricks"] = np.lib.stride_tricks
TABLE = (Path(__file__).parents[1] / "docs" / "functions.md").read_text(encoding="utf-8")

Entry = tuple[str, str]
"""A module and a name in it."""


def sections() -> dict[tuple[str, str], str]:
    """The text under each heading: (class, module) -> text."""
    found: dict[tuple[str, str], str] = {}
    for part in re.split(r"^## ", TABLE, flags=re.MULTILINE)[1:]:
        title, _, body = part.partition("\n")
        for piece in re.split(r"^### ", body, flags=re.MULTILINE)[1:]:
            module, _, text = piece.partition("\n")
            found[title, module] = text
    return found


def names(title: str) -> list[Entry]:
    return [(m, n) for (t, m), text in sections().items() if t == title for n in re.findall(r"`(\w+)`", text)]


def neither() -> dict[Entry, str]:
    """The third class: what happens with a Tensor."""
    found = {}
    for (title, module), text in sections().items():
        for row in text.splitlines() if title == "Neither" else ():
            cells = [cell.strip() for cell in row.split("|")[1:-1]]
            if len(cells) == 3 and cells[1] in ("plain", "buffer", "raises", "no array", "type"):
                assert cells[2].endswith("."), f"{cells[0]} needs a reason"
                found.update({(module, name): cells[1] for name in re.findall(r"`(\w+)`", cells[0])})
    return found


DIFFERENTIABLE, CONSTANT, NEITHER = names("Differentiable"), names("Piecewise constant"), neither()


def public() -> set[Entry]:
    """What NumPy offers that can be called."""
    return {
        (module_name, name)
        for module_name, module in MODULES.items()
        for name in dir(module)
        if not name.startswith("_") and callable(member(module_name, name))
    }


def member(module: str, name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # some names are deprecated
        return getattr(MODULES[module], name, None)


def here(entries: list[Entry]) -> list[Entry]:
    """Those that the installed NumPy has."""
    return [entry for entry in entries if member(*entry) is not None]


# -- the table is complete -------------------------------------------------------------------------------------------


def test_every_public_function_has_one_place() -> None:
    places = Counter([*DIFFERENTIABLE, *CONSTANT, *NEITHER])
    missing = public() - set(places)
    assert not missing, f"NumPy {np.__version__} has functions that docs/functions.md does not place: {sorted(missing)}"
    assert not [entry for entry, count in places.items() if count > 1]


def test_the_table_names_nothing_that_never_was() -> None:
    if np.lib.NumpyVersion(np.__version__) < "2.4.0":
        pytest.skip("an older NumPy lacks some of the functions")
    absent = {"complex256", "float128", "in1d", "row_stack", "trapz"}  # not on every machine; gone since 2.4, or 2.5
    assert {entry for entry in [*DIFFERENTIABLE, *CONSTANT, *NEITHER] if entry[1] not in absent} <= public()


X = np.array([[0.5, -1.5, 2.5], [1.0, 0.0, -3.0]])

# -- differentiable --------------------------------------------------------------------------------------------------


def some_calls(function: Any) -> list[tuple[list[Any], dict[str, Any]]]:
    """Operands and keywords for NumPy's function, from its row or its examples."""
    examples = compositions()
    if function in examples:
        known = calls(Function.of_composition(function, examples[function]), np.random.default_rng(0))
    else:
        ops = [op for op in rows() if op.call is handlers.get(function) or op.fn is function]
        assert ops, f"{function} has no row and is no composition"
        known = calls(Function.of_row(ops[0]), np.random.default_rng(0))
    assert known, "no legal call is known; give it examples"
    return known


def lifted(operands: list[Any]) -> Any:
    """The operands, with Tensors that require a gradient for their floating-point arrays."""
    return tree.map(
        lambda x: (
            tg.Tensor(x, requires_grad=True) if not isinstance(x, np.dtype) and np.asarray(x).dtype.kind in "fc" else x
        ),
        operands,
    )


BY_HAND: dict[str, Any] = {
    "full_like": lambda: np.full_like(tg.Tensor(X), tg.Tensor(2.5, requires_grad=True)),
    "angle": lambda: np.angle(tg.Tensor(X + 1j, requires_grad=True)),  # of a real number it is 0 or π
}


@pytest.mark.parametrize("entry", here(DIFFERENTIABLE), ids=".".join)
def test_a_differentiable_function_carries_the_gradient(entry: Entry) -> None:
    function = member(*entry)
    if entry[1] in BY_HAND:
        results = [BY_HAND[entry[1]]()]
    else:
        results = [function(*lifted(operands), **keywords) for operands, keywords in some_calls(function)]
    leaves, _ = tree.flatten(results)
    assert any(type(leaf) is tg.Tensor and leaf.requires_grad for leaf in leaves)


# -- piecewise constant ----------------------------------------------------------------------------------------------

WHOLE = np.array([[5, 3, 2], [1, 0, 6]])
WITH_OTHER_ARGUMENTS: dict[str, Any] = {
    "argpartition": lambda t, i: np.argpartition(t, 1),
    "digitize": lambda t, i: np.digitize(t, np.array([0.0, 1.0])),
    "histogram": lambda t, i: np.histogram(t, 3, (-3, 3))[0],
    "histogram2d": lambda t, i: np.histogram2d(t[0], t[1], 2, ((-3, 3), (-3, 3)))[0],
    "histogramdd": lambda t, i: np.histogramdd(t, 2, ((-3, 3),) * 3)[0],
    "ix_": lambda t, i: np.ix_(i[0], i[1]),
    "lexsort": lambda t, i: np.lexsort((t[0], t[1])),
    "packbits": lambda t, i: np.packbits(i > 2),
    "ravel_multi_index": lambda t, i: np.ravel_multi_index((i[0], i[1]), (6, 7)),
    "searchsorted": lambda t, i: np.searchsorted(np.array([0.0, 1.0]), t),
    "unpackbits": lambda t, i: np.unpackbits(i.astype(np.uint8)),
    "unravel_index": lambda t, i: np.unravel_index(i, (3, 4)),
    "isin": lambda t, i: np.isin(t, np.array([0.5, 9.0])),
    "matrix_rank": lambda t, i: np.linalg.matrix_rank(t),
}


def applied(function: Any, name: str, t: Any, i: Any) -> Any:
    """The function of floats, or where it takes integers alone, of integers; twice where it takes two."""
    if name in WITH_OTHER_ARGUMENTS:
        return WITH_OTHER_ARGUMENTS[name](t, i)
    attempts = [(t,), (i,), (t, t + 1), (i, i + 1)]
    for operands in attempts:
        try:
            return function(*operands)
        except TypeError:
            continue
    raise AssertionError(f"no call of {name} works; say how to call it")


@pytest.mark.filterwarnings("ignore:numpy.fix is deprecated")  # since NumPy 2.5; it is still there
@pytest.mark.parametrize("entry", here(CONSTANT), ids=".".join)
def test_a_piecewise_constant_function_gives_a_tensor_without_gradient(entry: Entry) -> None:
    function, name = member(*entry), entry[1]
    assert function in handlers
    found, _ = tree.flatten(applied(function, name, tg.Tensor(X, requires_grad=True), tg.Tensor(WHOLE)))
    answer = applied(function, name, X, WHOLE)
    plain = [answer] if isinstance(answer, bool) else tree.flatten(answer)[0]
    for a, b in zip(found, plain, strict=True):
        assert type(a) is tg.Tensor
        assert not a.requires_grad
        np.testing.assert_array_equal(a.numpy(), b)


# -- neither ---------------------------------------------------------------------------------------------------------

PLAIN: dict[str, Any] = {
    "can_cast": lambda t: np.can_cast(t, np.float32),
    "common_type": lambda t: np.common_type(t, np.float32(1)),
    "einsum_path": lambda t: np.einsum_path("ij,jk", t, t),
    "histogram_bin_edges": lambda t: np.histogram_bin_edges(t, 2, (0, 1)),
    "min_scalar_type": lambda t: np.min_scalar_type(t[0, 0]),
    "result_type": lambda t: np.result_type(t, np.float32),
}


@pytest.mark.parametrize("entry", here([e for e, what in NEITHER.items() if what == "plain"]), ids=".".join)
def test_a_plain_answer_is_numpys_own(entry: Entry) -> None:
    function = PLAIN.get(entry[1], member(*entry))
    square = np.array([[0.5, 1.5], [2.5, 3.0]])
    found, expected = function(tg.Tensor(square, requires_grad=True)), function(square)
    assert not [leaf for leaf in tree.flatten(found)[0] if type(leaf) is tg.Tensor]
    if entry[1] in ("diag_indices_from", "tril_indices_from", "triu_indices_from"):
        np.testing.assert_array_equal(found, expected)
    elif entry[1] not in ("einsum_path", "array_repr", "array_str", "histogram_bin_edges"):
        assert found == expected or entry[1] == "iterable"


@pytest.mark.parametrize("entry", here([e for e, what in NEITHER.items() if what == "buffer"]), ids=".".join)
def test_a_buffer_can_be_written_into(entry: Entry) -> None:
    function = member(*entry)
    square = np.array([[0.5, 1.5], [2.5, 3.0]])
    t = tg.Tensor(square, requires_grad=True)
    found, expected = function(t), function(square)
    assert isinstance(found, tg.Tensor)
    assert not found.requires_grad
    assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
    if entry[1] != "empty_like":
        np.testing.assert_array_equal(found, expected)
    found[0] = t[1]
    np.sum(found[0] * t[0]).backward()
    np.testing.assert_array_equal(t.grad, square[::-1])


RAISING: dict[str, Any] = {
    "copyto": lambda t: np.copyto(np.zeros(3), t),
    "place": lambda t: np.place(t, t > 0, [1.0]),
    "put": lambda t: np.put(t, [0], 1.0),
    "put_along_axis": lambda t: np.put_along_axis(t, np.array([0]), 1.0, 0),
    "putmask": lambda t: np.putmask(t, t > 0, 1.0),
    "fill_diagonal": lambda t: np.fill_diagonal(t, 1.0),
    "may_share_memory": lambda t: np.may_share_memory(t, t),
    "shares_memory": lambda t: np.shares_memory(t, t),
    "bmat": lambda t: np.bmat([[t, t]]),
    "save": lambda t: np.save("unused", t),
    "savetxt": lambda t: np.savetxt("unused", t),
    "savez": lambda t: np.savez("unused", t),
    "savez_compressed": lambda t: np.savez_compressed("unused", t),
}


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # of np.matrix
@pytest.mark.parametrize("entry", here([e for e, what in NEITHER.items() if what == "raises"]), ids=".".join)
def test_what_would_lose_a_gradient_raises(entry: Entry) -> None:
    function = RAISING.get(entry[1], member(*entry))
    with pytest.raises((TypeError, AttributeError, BufferError, ValueError)):
        function(tg.Tensor([1.0, 2.0], requires_grad=True))


@pytest.mark.parametrize("function", [np.asarray, np.array, np.ascontiguousarray], ids=lambda f: f.__name__)
def test_a_conversion_says_what_to_write_instead(function: Any) -> None:
    with pytest.raises(TypeError, match=r"numpy\(\)"):
        function(tg.Tensor([1.0, 2.0], requires_grad=True))


# np.bmat calls np.asarray, which is what the message names.
@pytest.mark.parametrize("name", [n for n in RAISING if n != "bmat"])
def test_a_refusal_names_the_function(name: str) -> None:
    with pytest.raises(TypeError, match=rf"\b{name}\b"):
        RAISING[name](tg.Tensor([1.0, 2.0], requires_grad=True))


@pytest.mark.parametrize("entry", here([e for e, what in NEITHER.items() if what == "type"]), ids=".".join)
def test_a_type_is_a_type(entry: Entry) -> None:
    assert isinstance(member(*entry), type)


# -- unsupported arguments -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", here(DIFFERENTIABLE), ids=".".join)
def test_out_is_refused_by_name(entry: Entry) -> None:
    function = member(*entry)
    operands, keywords = ([X, 2.5], {}) if entry[1] == "full_like" else some_calls(function)[0]
    with pytest.raises(TypeError, match="out"):
        function(*lifted(operands), **keywords, out=np.zeros(3))


REFUSED = {
    "sum(out=": lambda t: np.sum(t, 0, np.float32, np.zeros(())),
    "max(out=": lambda t: np.max(t, None, np.zeros(())),
    "add(…, where=": lambda t: np.add(t, t, where=np.array([True, False])),
    "matmul(…, axes=": lambda t: np.matmul(t, t, axes=[0, 0, ()]),
    "median(overwrite_input=": lambda t: np.median(t, overwrite_input=True),
    "pad(mode=<function": lambda t: np.pad(t, 1, mode=lambda *args: None),
    "sort(order=": lambda t: np.sort(t, order="x"),
    "clip(out=": lambda t: np.clip(t, 0, 1, np.zeros(2)),
    "all(out=": lambda t: np.all(t, None, np.zeros(())),
    "polyfit(full=": lambda t: np.polyfit(np.arange(2.0), t, 1, full=True),
    "nan_to_num(copy=": lambda t: np.nan_to_num(t, copy=False),
    "unique(axis=": lambda t: np.unique(t, axis=0),
}


@pytest.mark.parametrize("beginning", REFUSED)
def test_an_unsupported_argument_is_refused_by_name(beginning: str) -> None:
    with pytest.raises(TypeError, match=re.escape(beginning)):
        REFUSED[beginning](tg.Tensor([1.0, 2.0], requires_grad=True))


# -- parts of NumPy with arrays of their own -------------------------------------------------------------------------

P = np.polynomial
POINTS = {
    "polyval": P.polynomial.polyval,
    "chebval": P.chebyshev.chebval,
    "legval": P.legendre.legval,
    "hermval": P.hermite.hermval,
    "hermeval": P.hermite_e.hermeval,
    "lagval": P.laguerre.lagval,
}


def test_the_page_names_what_polynomials_take() -> None:
    assert set(re.findall(r"`(\w+val)`", TABLE.partition("## Masked arrays")[2])) == set(POINTS)


@pytest.mark.parametrize("name", POINTS)
def test_a_series_at_points_that_are_tensors(name: str) -> None:
    def f(x: Any) -> Any:
        return POINTS[name](x, [0.5, -1.0, 2.0, 0.3])

    np.testing.assert_allclose(f(tg.Tensor(X)).numpy(), f(X), rtol=1e-13)
    assert tg.testing.check_gradients(f, X).ok
    with pytest.raises(TypeError, match=r"np\.polyval"):
        POINTS[name](0.5, tg.Tensor([1.0, 2.0], requires_grad=True))


@pytest.mark.parametrize(
    "call",
    [P.Polynomial, P.Chebyshev([1.0, 2.0]), P.polynomial.polyder, P.polynomial.polyroots, P.polynomial.polyvander2d],
    ids=lambda f: getattr(f, "__name__", "series"),
)
def test_the_rest_of_numpy_polynomial_refuses_tensors(call: Any) -> None:
    t = tg.Tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(TypeError, match=r"np\.polyval|no derivative rule|Tensors"):
        call(*([t, t, [1, 1]] if call is P.polynomial.polyvander2d else [t]))


@pytest.mark.parametrize("name", ["array", "masked_where", "log", "sum", "add", "mean", "filled", "dot", "concatenate"])
def test_masked_arrays_refuse_tensors(name: str) -> None:
    t = tg.Tensor([1.0, 2.0], requires_grad=True)
    arguments = {"masked_where": [[True, False], t], "add": [t, 1], "filled": [t, 0], "dot": [t, t]}.get(name, [t])
    with pytest.raises(TypeError, match=r"np\.where"):
        getattr(np.ma, name)(*([[t, t]] if name == "concatenate" else arguments))
    with pytest.raises(TypeError, match=r"np\.where"):
        tg.grad(lambda x: np.sum(np.ma.masked_less(np.ones(2), 0) * x))(np.ones(2))
