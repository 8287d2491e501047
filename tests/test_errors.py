"""Bad input: one clear error that names the thing and the remedy. Each message is here as a user reads it."""

import inspect
import re

import numpy as np
import pytest
import scipy.special

import tinygrad_lite as tg
from tinygrad_lite import keywords, pytorch_names

W2 = tg.Tensor(np.ones((1, 4)), requires_grad=True, name="W2")
A1 = tg.Tensor(np.ones((3, 400)), name="A1")
b1 = tg.Tensor(np.ones((4, 1)), requires_grad=True, name="b1")
X = np.ones((3, 5))
A, Y = np.full((1, 5), 0.5), np.ones((1, 5))


def matmul_of_arrays_by_their_variables():
    weights = np.ones((2, 2))
    return weights @ A1


CASES = {
    # shape mismatch
    "matmul": (lambda: W2 @ A1, ValueError, "matmul: W2 (1, 4) @ A1 (3, 400): inner sizes 4 and 3 differ"),
    "dot": (lambda: np.dot(W2, A1), ValueError, "W2 (1, 4) @ A1 (3, 400): inner sizes 4 and 3 differ"),
    "matmul by variable": (matmul_of_arrays_by_their_variables, ValueError, "weights (2, 2) @ A1 (3, 400):"),
    "a number has no product": (lambda: W2 @ 2.0, ValueError, "a number has no matrix product; use *"),
    "stacks": (lambda: np.ones((2, 3, 4)) @ tg.Tensor(np.ones((5, 4, 1))), ValueError, "stacks (2,) and (5,) do not"),
    "add": (lambda: b1 + A1, ValueError, "add: b1 (4, 1) + A1 (3, 400): shapes (4, 1) and (3, 400) do not broadcast"),
    "powers of whole numbers": (
        lambda: tg.Tensor([1, 2], name="n") ** -1,
        ValueError,
        "power: n (2,) int64 ** -1: Integers to negative integer powers are not allowed",
    ),
    "where": (lambda: np.where(A1 > 0, A1, W2), ValueError, "(3, 400)"),
    "reshape": (lambda: np.reshape(W2, (3, 2)), ValueError, "reshape: W2 (1, 4): cannot reshape"),
    "concatenate": (lambda: np.concatenate([W2, A1]), ValueError, "W2 (1, 4)"),
    "axis": (lambda: np.sum(W2, axis=2), ValueError, "sum: W2 (1, 4): axis 2 is out of bounds"),
    "index": (lambda: W2[5], IndexError, "getitem: W2 (1, 4)"),
    "losses": (
        lambda: tg.binary_cross_entropy(A, Y[0]),
        ValueError,
        "binary_cross_entropy: A (1, 5) and Y (5,) must have the same shape; reshape one of them, for example "
        "Y.reshape(A.shape)",
    ),
    "cotangent": (
        lambda: tg.gradients(W2 * 2, W2, g=np.ones(4)),
        ValueError,
        "g, the cotangent, has shape (4,), but a Tensor has shape (1, 4); they must be equal",
    ),
    # wrong dtype
    "integers": (
        lambda: tg.Tensor([1, 2], requires_grad=True, name="n"),
        TypeError,
        "n is int64: only float and complex arrays have gradients; convert it first, for example .astype(float), or "
        "write 3.0 for 3",
    ),
    # a function called too early, or arguments given too early
    "grad of a value": (lambda: tg.grad(3.0), TypeError, "grad: give a function, not a float: tg.grad(f)(x), with f"),
    "vjp of a value": (lambda: tg.vjp(3.0, 1.0), TypeError, "vjp: give a function, not a float: tg.vjp(f, x), with f"),
    "compile of a value": (lambda: tg.compile(A), TypeError, "compile: give a function, not a ndarray"),
    "derive of a value": (lambda: tg.derive(3.0, 1.0), TypeError, "derive: give a function, not a float"),
    "compare of a value": (lambda: tg.compare({}, 3.0), TypeError, "tg.compare(gradients, f, x), with f itself"),
    "vmap of a value": (lambda: tg.vmap(A), TypeError, "vmap: give a function, not a ndarray"),
    "arguments as argnums": (
        lambda: tg.grad(np.sum, np.ones(3)),
        TypeError,
        "grad: argnums is the number of an argument, or a tuple of such, not a ndarray; arguments come second: "
        "tg.grad(f)(x), not tg.grad(f, x)",
    ),
    "arguments as a target": (lambda: tg.compile(np.sum, A), ValueError, "target must be one of"),
    "integer argument": (lambda: tg.grad(lambda theta: theta * theta)(3), TypeError, "theta is int64"),
    "float labels": (
        lambda: tg.cross_entropy(X, np.ones(5)),
        TypeError,
        "class labels are whole numbers, but labels is float64",
    ),
    "data of another dtype": (
        lambda: setattr(b1, "data", np.ones((4, 1), np.float32)),
        ValueError,
        "b1.data: is float64 (4, 1), was given float32 (4, 1); shape and dtype must stay the same",
    ),
    "float index": (lambda: range(3)[tg.Tensor(1.0)], TypeError, "float64: only an integer can be an index"),
    # a gradient that needs g
    "not one number": (
        lambda: (W2 * 2).backward(),
        ValueError,
        "shape (1, 4), needs g, a cotangent of that shape; only a one-element result has a gradient without it (did "
        "you mean np.sum or np.mean of it?)",
    ),
    "not one number, transform": (
        lambda: tg.grad(lambda x: x * 2)(np.ones(3)),
        ValueError,
        "must return one number, but its result has shape (3,); sum or average it, or use tg.vjp or tg.jacobian",
    ),
    "nothing to differentiate": (
        lambda: np.sum(A1 * 2).backward(),
        ValueError,
        "was not computed from a tensor with requires_grad=True, or only under no_grad()",
    ),
    # labels
    "labels": (
        lambda: tg.binary_cross_entropy(A, Y * 2),
        ValueError,
        "binary_cross_entropy: labels Y lie in 2.0..2.0, outside 0..1; scale them to 0..1",
    ),
    "labels of logits": (
        lambda: tg.binary_cross_entropy_with_logits(A, -Y),
        ValueError,
        "labels Y lie in -1.0..-1.0, outside 0..1",
    ),
    "labels that are NaN": (lambda: tg.binary_cross_entropy(A, Y * np.nan), ValueError, "nan..nan, outside 0..1"),
    "probabilities": (
        lambda: tg.binary_cross_entropy(A * 10, Y),
        ValueError,
        "probabilities A lie in 5.0..5.0, outside 0..1; for logits use binary_cross_entropy_with_logits",
    ),
    "classes": (
        lambda: tg.cross_entropy(X, np.array([0, 1, 2, 3, -1])),
        ValueError,
        "cross_entropy: labels lie in -1..3, but classes in 0..2",
    ),
    "label probabilities": (lambda: tg.cross_entropy(X, X * 2), ValueError, "label probabilities lie in 2.0..2.0"),
    "no classes": (lambda: tg.cross_entropy(1.0, 0), ValueError, "logits is a single number; it needs an axis"),
    "no examples": (
        lambda: tg.binary_cross_entropy(A[:, :0], Y[:, :0]),
        ValueError,
        "an array of shape (1, 0) holds no examples, and so has no mean loss",
    ),
    "no examples for logits": (lambda: tg.cross_entropy(X[:, :0], np.zeros(0, int)), ValueError, "holds no examples"),
    # not numbers
    "strings": (lambda: tg.Tensor(["a", "b"]), TypeError, "dtype <U1 is not numeric; a Tensor needs numbers"),
    "objects": (lambda: tg.Tensor([{}, 2]), TypeError, "dtype object is not numeric"),
    "dates": (lambda: tg.Tensor(np.zeros(2, "datetime64[s]")), TypeError, "datetime64[s] is not numeric"),
    "ragged": (lambda: tg.Tensor([[1.0], [1.0, 2.0]]), TypeError, "no numeric array can be made of this list"),
    "masked": (lambda: tg.Tensor(np.ma.ones(3)), TypeError, "masked array would lose its mask; use .filled(value)"),
    "an operand that is no number": (lambda: W2 + "one", TypeError, "add: str 'one' is not a numeric operand"),
    "an operand that is nothing": (lambda: W2 * None, TypeError, "multiply: NoneType None is not a numeric operand"),
    "a masked operand": (lambda: W2 * np.ma.ones(4), TypeError, "multiply: a masked array beside a Tensor"),
    "a matrix": (lambda: np.ones((1, 1)).view(np.matrix) * W2, TypeError, "np.matrix beside a Tensor would mean its"),
    "a loss of words": (lambda: tg.binary_cross_entropy(["a"], [1.0]), TypeError, "A has dtype <U1"),
    "a ragged loss": (lambda: tg.mean_squared_error([[1.0], []], [1.0]), TypeError, "A is not an array of numbers"),
    "a function of words": (lambda: tg.grad(lambda name: name)(np.array("x")), TypeError, "name is <U1"),
    # unsupported ways to call
    "where=": (lambda: np.add(W2, 1, where=np.ones(4, bool)), TypeError, "write np.where(mask, add(…), 0), or give"),
    "dtype=": (lambda: np.exp(W2, dtype=int), TypeError, "exp(…, dtype=int64): float64 is not cast to it (same_kind)"),
    "axes=": (lambda: np.matmul(W2, W2, axes=[]), TypeError, "axes=…) is not supported on Tensors; move the axes with"),
    "a keyword that is a Tensor": (lambda: np.sum(W2, axis=tg.Tensor(1)), TypeError, "axis= must be a plain value"),
    "truth": (lambda: bool(W2), ValueError, "the truth of W2, shape (1, 4), is ambiguous: use np.all(...)"),
    "float of many": (lambda: float(W2), TypeError, "W2 has shape (1, 4); only a one-element Tensor is"),
    "item of many": (lambda: W2.item(), ValueError, ".item(): W2 holds 4 numbers, not one"),
    "len of a number": (lambda: len(tg.Tensor(1.0)), TypeError, "len() of a 0-d Tensor"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_errors_name_the_thing_and_the_remedy(name):
    act, kind, words = CASES[name]
    with pytest.raises(kind) as info:
        act()
    assert words in str(info.value), str(info.value)
    assert str(info.value).count("\n") == 0, "one line"


def test_errors_hide_the_machinery():
    """NumPy's own error is not shown as 'during handling of the above exception'."""
    with pytest.raises(ValueError, match="inner sizes") as info:
        W2 @ A1
    assert info.value.__suppress_context__


def test_a_rule_of_a_users_own_that_returns_nonsense_is_named():
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    for rule in (lambda g, y, x: None, lambda g, y, x: 3.0, lambda g, y, x: g[:, None] * np.ones((1, 3))):
        op = tg.custom_vjp(lambda x: x * 2, rule, name="mine")
        with pytest.raises((TypeError, ValueError), match="mine"):
            tg.gradients(np.sum(op(x)), x)


def _stack_of_what_is_in_a_list(W):
    parts = [W]
    return np.asarray(*parts)


def _array_of_rows(W):
    rows = [[w * j for j in range(3)] for w in W]
    return np.array(rows)


def _mean_of_a_list(W):
    parts = [W[0], W[1]]
    return np.mean(parts)


TABLE = np.arange(3)

# What people write in NumPy, and what the message says to write instead.
CONVERSIONS = {
    "rows of a plain array": (lambda W: np.sum(TABLE[W]), r"write tg\.Tensor\(TABLE\)\[W\]"),
    "a product of a plain array": (lambda W: np.ones((2, 4)).dot(W), r"write X @ W for X\.dot\(W\)"),
    "an array of Tensors": (lambda W: np.array([W[0], W[1]]), r"write np.stack\(\[…\]\), np.concatenate or np.block"),
    "a list of lists": (lambda W: np.array([[W[0], W[1]], [W[1], W[0]]]), r"write np.stack\(\[np.stack\("),
    "a list of lists, given": (lambda W: np.linalg.det([[W[0, 0], 1.0], [0.0, 2.0]]), r"write np.stack\(\[np.stack\("),
    "a list of lists by name": (_array_of_rows, r"write np\.stack\(\[np\.stack\(row\) for row in rows\]\)"),
    "a list that is made": (lambda W: np.array(list(map(np.sin, W))), r"write np.stack\(\[…\]\), np.concatenate"),
    "a list that is computed": (
        lambda W: np.sum(tuple(map(np.sin, W))),
        r"write np.stack\(\[…\]\) for the list of Tensors that np.sum is given",
    ),
    "a list that is joined": (
        lambda W: np.concatenate([np.ones(1), [W[0, 0]]]),
        r"write np.stack\(\[t, u\]\) for a list .* among what is joined",
    ),
    "np.full_like": (lambda W: np.full_like(np.ones(2), W[0, 0]), r"write np\.ones_like\(array\) \* t"),
    "np.ndenumerate": (lambda W: sum(w for _, w in np.ndenumerate(W)), r"write for i in np\.ndindex"),
    "an array of products": (lambda W: np.array([w.dot(w) for w in W]), r"write np.stack\(\[…\]\), np.concatenate"),
    "a list of products": (lambda W: np.sum([w.dot(w) for w in W]), r"write np.stack\(\[…\]\) for a list"),
    "a list of Tensors": (lambda W: np.mean([W[0], W[1]]), r"write np.stack\(\[…\]\) for a list of Tensors"),
    "the numbers": (lambda W: np.asarray(W), r"use the Tensor as it is .*, or say \.numpy\(\) if you mean the numbers"),
    "a list by name": (_mean_of_a_list, r"write np\.stack\(parts\) for the list of Tensors parts"),
    "what is in a list": (_stack_of_what_is_in_a_list, r"use the Tensor as it is"),
    "np.r_": (lambda W: np.r_[W, W], r"write np\.concatenate, np\.stack"),
    "np.vectorize": (lambda W: np.vectorize(abs)(W), r"np\.vectorize hands out numbers"),
    "np.full": (lambda W: np.full(3, W[0]), r"write tg\.full"),
    "random parameters": (
        lambda W: np.random.default_rng(0).normal(W),
        "draw with plain numbers, then shift and scale",
    ),
    "a random order": (lambda W: np.random.default_rng(0).permutation(W), "draw the index and read with it"),
}


def write_rows(W):
    h = np.zeros((4, 3))
    for i in range(4):
        h[i] = np.tanh(W[i])
    return np.sum(h)


@pytest.mark.parametrize(("f", "advice"), [*CONVERSIONS.values(), (write_rows, "collect the parts in a list")])
def test_an_array_made_of_a_tensor_says_what_keeps_the_gradient(f, advice):
    with pytest.raises(TypeError, match=rf"would lose its gradient; {advice}.*test_errors\.py:\d+: "):
        tg.grad(f)(np.ones((4, 3)))


def test_a_function_of_scipys_is_named_with_the_line():
    linalg = pytest.importorskip("scipy.linalg")
    with pytest.raises(
        TypeError, match=r"scipy\.linalg\.solve knows no Tensors; .*tg\.custom_vjp \(.*test_errors\.py:"
    ):
        tg.grad(lambda W: np.sum(linalg.solve(W, np.ones(2))))(np.eye(2))


def test_a_tensor_kept_from_a_finished_transform_says_so():
    kept = []

    def cost(x):
        kept.append(x * 2)
        return np.sum(x)

    tg.grad(cost)(np.ones(2))
    with pytest.raises(RuntimeError, match=r"\.backward\(\): .* was kept from a transform that is over.*has_aux"):
        np.sum(kept[0]).backward()
    with pytest.raises(TypeError, match="kept from a transform that is over"):
        np.asarray(kept[0])


def test_a_result_of_truth_values_has_no_gradient():
    x = tg.Tensor([1.0, 2.0], requires_grad=True, name="x")
    for differentiate in (
        lambda: (x > 1).backward(),
        lambda: tg.gradients(x > 1, [x]),
        lambda: tg.grad(np.all)(x.numpy()),
    ):
        with pytest.raises(TypeError, match="bool, which has no gradient"):
            differentiate()


def test_a_write_names_the_users_line():
    x = tg.Tensor([1.0, 2.0], requires_grad=True)
    for write in (
        lambda: x.__setitem__(0, 2.0),
        lambda: np.put(x, [0], 1.0),
        lambda: np.copyto(x, 1.0),
        lambda: x.sort(),
    ):
        with pytest.raises(TypeError, match=r"test_errors\.py:\d+.*write t = "):
            write()


@pytest.mark.parametrize(
    "function", [tg.sigmoid, tg.relu, tg.leaky_relu, tg.softplus, tg.softmax, tg.log_softmax, tg.logsumexp]
)
def test_help_shows_a_signature_a_formula_and_an_example(function):
    import pydoc

    text = pydoc.render_doc(function, renderer=pydoc.plaintext)
    assert f"{function.__name__}(x: 'Any'" in text.replace("(\n    ", "(")  # (Python 3.13 breaks long lines)
    assert "exp(" in text or "max(x, 0)" in text or "slope x" in text
    assert ">>> tg." in text or ">>> print(tg." in text


@pytest.mark.parametrize(
    ("owner", "table"),
    [
        (tg.Tensor([1.0]), pytorch_names.TENSOR),
        (tg.nn, pytorch_names.NN),
        (tg.nn.functional, pytorch_names.FUNCTIONAL),
        (tg.nn.Linear(2, 3), pytorch_names.MODULE),
        (tg.optim, pytorch_names.OPTIM),
        (tg.data, pytorch_names.DATA),
        (tg, pytorch_names.PACKAGE),
    ],
    ids=["Tensor", "nn", "nn.functional", "Module", "optim", "data", "package"],
)
def test_names_of_pytorchs_say_what_to_write(owner, table):
    for name, advice in table.items():
        with pytest.raises(AttributeError, match=f"has no attribute '{name}'") as caught:
            getattr(owner, name)
        assert str(caught.value).endswith(f"; write {advice}")
    with pytest.raises(AttributeError, match="has no attribute 'nmu'$"):
        owner.nmu  # noqa: B018


TABLES = [table for name, table in vars(pytorch_names).items() if name.isupper() and isinstance(table, dict)]
ADVICE = [text for table in (*TABLES, keywords._ADVICE, keywords._BY_POSITION) for text in table.values()]


def test_what_is_advised_is_there():
    for text in ADVICE:
        for name in re.findall(r"\b(?:tg|np|nn|scipy)(?:\.\w+)+", text):
            value = eval(name, {"tg": tg, "np": np, "nn": tg.nn, "scipy": scipy})
            assert value is not None, text
        for name in re.findall(r"\bt\.(\w+)", text):
            assert hasattr(W2, name), text


def test_what_is_numpys_is_found_there():
    for name in ("sum", "tanh", "where", "einsum", "arange"):
        with pytest.raises(AttributeError, match=rf"has no attribute '{name}'; write np\.{name}$"):
            getattr(tg, name)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: W2.sum(dim=0), r"sum\(dim=…\) .*; write axis= for dim=$"),
        (lambda: W2.mean(axis=0, keepdim=True), "; write keepdims= for keepdim=$"),
        (lambda: W2.argmax(dim=1), "'dim'; write axis= for dim=$"),
        (lambda: W2.cumsum(dim=1), r"^cumsum\(dim=…\) is not supported .*; write axis= for dim=$"),
        (lambda: W2.std(unbiased=False), "; write ddof=1 or ddof=0 for unbiased=$"),
        (lambda: tg.softmax(W2, dim=1), r"^softmax\(\) got .* 'dim'; write axis= for dim=$"),
        (lambda: tg.logsumexp(W2, dim=1), "; write axis= for dim=$"),
        (
            lambda: tg.cross_entropy(W2, W2, reduction="sum"),
            "; write a loss of tg.nn.functional for reduction=$",
        ),
        (lambda: tg.vmap(np.sum, in_dims=1), "; write in_axes= for in_dims=$"),
        (lambda: W2.sum(nmu=0), "supported: .*where$"),
        (lambda: tg.softmax(W2, nmu=1), "'nmu'$"),
        (lambda: tg.softmax(W2, axis="a"), "str"),
        (lambda: tg.zeros(2, 3), r"zeros\(\(2, 3\)\)$"),
        (lambda: tg.ones(2, 3), r"ones\(\(2, 3\)\)$"),
        (lambda: W2.view(-1), r"write t\.reshape\(shape\)"),
        (lambda: tg.nn.Sequential([tg.nn.ReLU()]), r"Sequential\(\*parts\)$"),
        (lambda: tg.nn.Linear(2, 3, device="cpu"), r"; leave device= out: there are no devices$"),
        (lambda: tg.nn.Linear(2, 3, nmu=1), "'nmu'$"),
        (lambda: tg.nn.LeakyReLU(inplace=True), r"; leave inplace= out: no function works in place$"),
        (lambda: tg.optim.Adam(learning_rate=0.1), "; write lr= for learning_rate=$"),
        (lambda: tg.Tensor(2, 3), r"requires_grad=3; .*tg\.Tensor\(np\.zeros\(\(2, 3\)\)\) for a shape"),
        (lambda: tg.Tensor([1.0], np.float32), r"requires_grad=.*tg\.Tensor\(np\.array\(x, dtype\)\) for a dtype"),
        (lambda: tg.Tensor(2, 3, 4, 5), r"write tg\.Tensor\(np\.zeros\(\(2, 3\)\)\) for a shape"),
        (lambda: tg.Tensor([1.0], dtype=np.float32), r"; write tg\.Tensor\(np\.array\(x, dtype\)\) for dtype=$"),
        (
            lambda: W2.backward(create_graph=True),
            r"; write tg\.gradients\(y, xs, create_graph=True\) for create_graph=$",
        ),
        (lambda: W2.backward(retain_graph=True), "; leave retain_graph= out: a graph stays"),
        (lambda: tg.jacobian(np.sum, create_graph=True), "; leave create_graph= out: .* differentiated again$"),
        (lambda: tg.grad(W2, W2), r"tg\.gradients\(y, xs\)$"),
        (lambda: tg.grad(W2, W2, grad_outputs=1.0), r"; write tg\.gradients\(y, xs, g\) for grad_outputs=$"),
        (lambda: tg.checkpoint(np.tanh, W2), r"; write tg\.checkpoint\(f\)\(x\)$"),
        (lambda: tg.zeros(2, 3, 4), r"; write tg\.zeros\(\(2, 3\)\): the shape is one argument$"),
        (
            lambda: W2.transpose(dim0=0, dim1=1),
            r"^Tensor\.transpose\(\) got .*; write np\.swapaxes\(t, 0, 1\) for dim0=$",
        ),
        (lambda: W2 == None, "write t is None$"),  # noqa: E711 (as users do)
        (lambda: tg.nn.ReLU(inplace=True), r"^ReLU\(\) got .*; leave inplace= out"),
        (lambda: tg.nn.MSELoss(size_average=True), r"^MSELoss\(\) got .*; write reduction= for size_average=$"),
        (lambda: tg.optim.lr_scheduler.ExponentialLR(None, verbose=True), r"^ExponentialLR\(\) got .*; leave verbose="),
        (lambda: tg.optim.Adam(lr="0.1"), "Adam: lr='0.1'; it must be a number"),
    ],
)
def test_what_pytorchs_users_type_says_what_to_write(call, told):
    with pytest.raises(TypeError, match=told):
        call()


def public_functions():
    """What users call by a name of ours, with the names of its parameters; what takes any keyword is left out."""
    for module in (tg, tg.nn, tg.nn.functional, tg.nn.init, tg.optim, tg.optim.lr_scheduler, tg.data, tg.testing):
        for name in module.__all__:
            function = getattr(module, name)
            if (
                not callable(function) or function in OURS_ALONE or name.endswith("_")
            ):  # (nn.init's, of those without _)
                continue
            found = inspect.signature(function).parameters.values()
            if all(p.kind is not p.VAR_KEYWORD for p in found):
                names = {p.name for p in found if p.kind is not p.VAR_POSITIONAL}
                yield pytest.param(function, names, id=f"{module.__name__.partition('.')[2]}.{name}".lstrip("."))


OURS_ALONE = {  # what no other library has by this name
    *(tg.Derivation, tg.TraceError, tg.as_strided, tg.debug, tg.no_grad, tg.set_at, tg.stop_gradient, tg.draw),
    *(tg.nn.Module, tg.nn.Identity, tg.nn.buffers, tg.nn.call_with_buffers, tg.nn.init.calculate_gain),
    *(tg.optim.Optimizer, tg.optim.lr_scheduler.LRScheduler, tg.data.Batches),
    *(
        tg.testing.check_gradients,
        tg.testing.Entry,
        tg.testing.GradientError,
        tg.testing.Mistake,
        tg.testing.Report,
        tg.testing.Verdict,
    ),
}


@pytest.mark.parametrize(("function", "taken"), list(public_functions()))
def test_each_function_says_what_to_write_for_a_keyword_of_another_library(function, taken):
    with pytest.raises(TypeError, match="; leave device= out: there are no devices$"):
        function(device="cpu")
    for group in keywords._SAME:
        for name in set(group) - taken if taken & set(group) else ():
            with pytest.raises(TypeError, match=f"; write .+ for {name}=$"):
                function(**{name: None})
    with pytest.raises(TypeError, match="'nmu'$"):
        function(nmu=None)


@pytest.mark.parametrize(
    "keyword", [*keywords._ADVICE, *(name for names in keywords._SUPERFLUOUS.values() for name in names)]
)
def test_each_keyword_that_has_advice_is_somebodys_and_not_ours_everywhere(keyword):
    owner, _, name = keyword.rpartition(".")
    told = keywords.advise_keyword(name, [], owner)
    assert told.endswith(f" for {name}=") or told.startswith(f"; leave {name}= out: ")


def test_an_error_within_a_function_is_left_as_it_is():
    def model(x):
        return np.sum(helper(x, dim=0))

    def helper(x):
        return x

    for transform in (lambda: tg.grad(model)(np.ones(2)), lambda: tg.minimize(model, np.ones(2))):
        with pytest.raises(TypeError, match="helper\\(\\) got an unexpected keyword argument 'dim'$"):
            transform()


def test_two_axes_alone_are_exchanged_by_another_function():
    with pytest.raises(ValueError, match=r"np\.swapaxes\(t, 0, 1\)"):
        tg.Tensor(np.ones((2, 3, 4))).transpose(0, 1)
    assert tg.Tensor(np.ones((2, 3))).transpose(0, 1).shape == (2, 3)


ROWS = [[1.0, 2.0, 3.0, 4.0]] * 2


@pytest.mark.parametrize(
    "call",
    [
        *(tg.nn.Linear(4, 2), tg.nn.BatchNorm1d(4), tg.nn.LayerNorm(4), tg.nn.Dropout(0.5), tg.nn.Flatten()),
        *(tg.nn.RNN(4, 2), tg.nn.LSTM(4, 2), tg.nn.GRU(4, 2), tg.nn.Conv1d(2, 2, 1), tg.nn.Conv2d(1, 2, 1)),
        *(tg.nn.MaxPool2d(2), tg.nn.AvgPool2d(2), tg.nn.Sequential(tg.nn.Linear(4, 2), tg.nn.ReLU())),
        lambda x: tg.nn.MultiheadAttention(4, 2)(x, x, x),
        lambda x: tg.nn.functional.linear(np.ones((3, 4)), x),
        lambda x: tg.nn.functional.embedding([0], x),
        lambda x: tg.nn.functional.scaled_dot_product_attention(x, x, x),
        *(lambda x, loss=loss: loss()(x, x) for loss in (tg.nn.MSELoss, tg.nn.L1Loss, tg.nn.HuberLoss, tg.nn.BCELoss)),
        *(lambda x, loss=loss: loss()(x, [0, 1]) for loss in (tg.nn.CrossEntropyLoss, tg.nn.NLLLoss)),
    ],
    ids=lambda call: type(call).__name__,
)
def test_layers_and_losses_ask_for_an_array_in_the_place_of_a_list(call):
    with pytest.raises(TypeError, match=r"give an array or a Tensor, not a list: np\.array\(…\)"):
        call(ROWS)


@pytest.mark.parametrize("write", [np.put, lambda a, i, v: np.put_along_axis(a, i, v, 0)], ids=["put", "along"])
def test_places_that_a_tensor_says_are_no_matter_of_gradients(write):
    with pytest.raises(TypeError, match=r"at places that a Tensor says.*tg\.set_at\("):
        write(np.zeros(3), tg.Tensor([0, 2]), 1.0)
    with pytest.raises(TypeError, match="without its gradient"):
        write(np.zeros(3), np.array([0, 2]), tg.Tensor([1.0, 2.0]))
