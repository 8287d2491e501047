"""The command, on right files and on wrong ones of many kinds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.check.students import (
    DEEP,
    LOGISTIC,
    LOOP,
    OTHER_STYLE,
    RELU,
    SOFTMAX,
    SQUARED,
    THREE_LAYERS,
    TUPLE_CACHE,
    TWO_LAYER,
    change,
)
from tests.everyday import one_in
from tinygrad_lite.check import FileReport, check_file
from tinygrad_lite.check.__main__ import main


@pytest.fixture
def check(tmp_path):
    def run(text: str, name: str = "student.py", seconds: float = 20) -> FileReport:
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return check_file(path, seconds)

    return run


def verdict(report: FileReport, function: str):
    return next(v for v in report.verdicts if v.name == function)


def sometimes(cases: dict[str, tuple]) -> list:
    """Every second case every day, the others with the slow tests: each takes a process."""
    return [
        pytest.param(*case, id=name, marks=[pytest.mark.slow] if i % 2 else [])
        for i, (name, case) in enumerate(cases.items())
    ]


# -- right files -------------------------------------------------------------------------------------------------------

RIGHT = {
    "two layers": (TWO_LAYER, 7),
    "L layers": (DEEP, 9),
    "logistic regression": (LOGISTIC, 2),
    "other names and signatures": (OTHER_STYLE, 2),
    "relu in both passes": (RELU, 2),
    "a cache of its own": (TUPLE_CACHE, 7),
    "three layers, and L2 regularisation": (THREE_LAYERS, 9),
    "a loop over layers, softmax at the end": (LOOP, 4),
    "softmax with two classes or more": (SOFTMAX, 5),
    "the mean squared error": (SQUARED, 4),
    "an activation that the course does not have": (
        change(
            change(SQUARED, "A1 = sigmoid(Z1)", "A1 = Z1 * sigmoid(Z1)"),
            'dZ1 = dA1 * cache["A1"] * (1 - cache["A1"])',
            's = sigmoid(cache["Z1"])\n    dZ1 = dA1 * (s + cache["A1"] * (1 - s))',
        ),
        4,
    ),
    "the course's assertions for one output": (
        change(TWO_LAYER, "    return A2, {", "    assert A2.shape == (1, X.shape[1])\n    return A2, {"),
        7,
    ),
    "backward through the logarithm": (
        change(TWO_LAYER, "dZ2 = A2 - Y", "dZ2 = (-(Y / A2) + (1 - Y) / (1 - A2)) * A2 * (1 - A2)"),
        7,
    ),
    "a cost with an epsilon": (change(TWO_LAYER, "np.log(A2)", "np.log(A2 + 1e-8)"), 7),
    "float32": (change(TWO_LAYER, "dZ2 = A2 - Y", "dZ2 = (A2 - Y).astype(np.float32)"), 7),
    "activations that return two things": (
        change(
            DEEP,
            "from dnn_utils_v2 import sigmoid, sigmoid_backward, relu, relu_backward",
            "from dnn_utils_v2 import sigmoid_backward, relu_backward\n"
            "def sigmoid(Z): return 1 / (1 + np.exp(-Z)), Z\n"
            "def relu(Z): return np.maximum(0, Z), Z\n",
        ),
        11,
    ),
    "predictions in a row": (change(TWO_LAYER, "A2 > 0.5", "np.array([1 if a > 0.5 else 0 for a in A2[0]])"), 7),
    "a function for one output only": (
        change(TWO_LAYER, "-np.sum(logprobs) / m", "-(Y @ np.log(A2).T + (1 - Y) @ np.log(1 - A2).T) / m"),
        7,
    ),
    "loops over examples": (
        change(TWO_LAYER, "np.dot(dZ1, X.T)", "sum(np.outer(dZ1[:, i], X[:, i]) for i in range(m))"),
        7,
    ),
    "defaults for everything": (
        change(TWO_LAYER, "(parameters, cache, X, Y)", "(parameters=None, cache=None, X=None, Y=None)"),
        7,
    ),
    "a backward pass alone": (
        "import numpy as np\n" + TWO_LAYER[TWO_LAYER.index("def backward") : TWO_LAYER.index("def update")],
        1,
    ),
}  # fmt: skip


@pytest.mark.thorough
@pytest.mark.parametrize(("text", "count"), sometimes(RIGHT))
def test_a_right_file_is_right(check, text, count):
    report = check(text)
    assert report.status == 0, str(report)
    assert len(report.verdicts) == count
    assert not any(v.mistakes for v in report.verdicts)


# -- wrong files: what is changed, which function is blamed, what is wrong, the line quoted, what is said --------------

WRONG = {
    "sigmoid without the sign": (
        *(TWO_LAYER, "np.exp(-z)", "np.exp(z)"),
        *("sigmoid", "Its value", "return 1 / (1 + np.exp(z))", "1 / (1 + np.exp(z))"),
    ),
    "a bias forgotten": (
        *(TWO_LAYER, "Z1 = np.dot(W1, X) + b1", "Z1 = np.dot(W1, X)"),
        *("forward_propagation", "Z1", "Z1 = np.dot(W1, X)", "Z1 = np.dot(W1, X) + b1"),
    ),
    "another activation in the forward pass alone": (
        *(TWO_LAYER, "np.tanh(Z1)", "np.maximum(0, Z1)"),
        *("forward_propagation", "A1", "A1 = np.maximum(0, Z1)", "A1 = np.tanh(Z1)"),
    ),
    "the second layer fed with Z1": (
        *(TWO_LAYER, "np.dot(W2, A1)", "np.dot(W2, Z1)"),
        *("forward_propagation", "Z2", "Z2 = np.dot(W2, Z1) + b2", "np.dot(W2, Z1) + b2"),
    ),
    "no activation at the end": (
        *(TWO_LAYER, "A2 = sigmoid(Z2)", "A2 = Z2"),
        *("forward_propagation", "A2", "", "no activation at all"),
    ),
    "the cost without the minus": (
        *(TWO_LAYER, "-np.sum(logprobs)", "np.sum(logprobs)"),
        *("compute_cost", "The cost", "cost = np.sum(logprobs) / m", "minus"),
    ),
    "half of the cost": (
        *(TWO_LAYER, " + np.multiply(np.log(1 - A2), 1 - Y)", ""),
        *("compute_cost", "The cost", "logprobs = np.multiply(np.log(A2), Y)", "term of (1 - Y)"),
    ),
    "g' forgotten": (
        *(TWO_LAYER, " * (1 - np.power(A1, 2))", ""),
        *("backward_propagation", "dZ1", "dZ1 = np.dot(W2.T, dZ2)", "1 - A1**2"),
    ),
    "1/m forgotten": (
        *(TWO_LAYER, "dW1 = np.dot(dZ1, X.T) / m", "dW1 = np.dot(dZ1, X.T)"),
        *("backward_propagation", "dW1", "dW1 = np.dot(dZ1, X.T)", "m"),
    ),
    "a sign": (
        *(TWO_LAYER, "dZ2 = A2 - Y", "dZ2 = Y - A2"),
        *("backward_propagation", "dZ2", "dZ2 = Y - A2", "A2 - Y"),
    ),
    "a thousandth too much": (
        *(TWO_LAYER, "dW2 = np.dot(dZ2, A1.T) / m", "dW2 = 1.001 * np.dot(dZ2, A1.T) / m"),
        *("backward_propagation", "dW2", "dW2 = 1.001 * np.dot(dZ2, A1.T) / m", "1.001"),
    ),
    "keepdims forgotten": (
        *(TWO_LAYER, "db1 = np.sum(dZ1, axis=1, keepdims=True)", "db1 = np.sum(dZ1, axis=1)"),
        *("backward_propagation", "db1", "db1 = np.sum(dZ1, axis=1) / m", "without keepdims=True"),
    ),
    "another threshold": (
        *(TWO_LAYER, "A2 > 0.5", "A2 > 0.45"),
        *("predict", "Its value", "return A2 > 0.45", "numbers differ"),
    ),
    "not filled in": (
        *(TWO_LAYER, "dW2 = np.dot(dZ2, A1.T) / m", "dW2 = None"),
        *("backward_propagation", "dW2", "dW2 = None", "not been filled in"),
    ),
    "nothing returned": (
        *(TWO_LAYER, "    return grads\n", ""),
        *("backward_propagation", "", "", "returns None"),
    ),
    "a gradient not returned": (
        *(TWO_LAYER, '"db2": db2}\n    return grads', '}\n    return grads'),
        *("backward_propagation", "db2", "", "not among what is returned"),
    ),
    "a name that is not there": (
        *(TWO_LAYER, "np.power(A1, 2)", "np.power(Z1, 2)"),
        *("backward_propagation", "", "dZ1 = np.dot(W2.T, dZ2) * (1 - np.power(Z1, 2))", "NameError"),
    ),
    "uphill": (
        *(TWO_LAYER, 'parameters["W1"] - learning_rate', 'parameters["W1"] + learning_rate'),
        *("update_parameters", "W1", 'W1 = parameters["W1"] + learning_rate', "W1 + learning_rate * dW1"),
    ),
    "weights all zero": (
        *(TWO_LAYER, "np.random.randn(n_h, n_x) * 0.01", "np.zeros((n_h, n_x))"),
        *("initialize_parameters", "W1", "W1 = np.zeros((n_h, n_x))", "stay equal"),
    ),
    "dw without Y": (
        *(LOGISTIC, "np.dot(X, (A - Y).T)", "np.dot(X, A.T)"),
        *("propagate", "dw", "dw = 1 / m * np.dot(X, A.T)", "dZ"),
    ),
    "1/m forgotten in one layer's db": (
        *(DEEP, "db = 1 / m * np.sum", "db = np.sum"),
        *("linear_backward", "db", "db = np.sum(dZ, axis=1, keepdims=True)", "np.sum(dZ, axis=1, keepdims=True)"),
    ),
    "dAL handed to a hidden layer": (
        *(DEEP, 'backward(dA, caches[l], "relu")', 'backward(dAL, caches[l], "relu")'),
        *("L_model_backward", "dW2", 'grads["dW" + str(l + 1)] = dW', "dAL in the place of"),
    ),
    "m of the features": (
        *(TWO_LAYER, "m = X.shape[1]", "m = X.shape[0]"),
        *("backward_propagation", "m", "m = X.shape[0]", "m = X.shape[1]"),
    ),
    "a sum over everything": (
        *(TWO_LAYER, "db1 = np.sum(dZ1, axis=1, keepdims=True)", "db1 = np.sum(dZ1)"),
        *("backward_propagation", "db1", "db1 = np.sum(dZ1) / m", "over everything"),
    ),
    "a factor in the middle of three layers": (
        *(THREE_LAYERS, "dW2 = 1. / m * np.dot(dZ2, A1.T)\n", "dW2 = np.dot(dZ2, A1.T)\n"),
        *("backward_propagation", "dW2", "dW2 = np.dot(dZ2, A1.T)", "division by the number of examples is missing"),
    ),
    "half the decay in the gradient": (
        *(THREE_LAYERS, "(lambd * W3) / m", "(lambd * W3) / (2 * m)"),
        *("backward_propagation_with_regularization", "dW3", "(lambd * W3) / (2 * m)", "+ lambd * W3 / m"),
    ),
    "twice the decay in the cost": (
        *(THREE_LAYERS, "/ (2 * m)\n", "/ m\n"),
        *("compute_cost_with_regularization", "The cost", "np.sum(np.square(W3))) / m", "twice what it should be"),
    ),
    "a loop that starts from the wrong side": (
        *(LOOP, "dZ = AL - Y", "dZ = Y - AL"),
        *("backward", "dZ3", "dZ = Y - AL", "output minus label"),
    ),
    "softmax over everything": (
        *(SOFTMAX, "/ sum(np.exp(Z))", "/ np.sum(np.exp(Z))"),
        *("forward_prop", "A2", "A2 = softmax(Z2)", "over everything"),
    ),
    "half a squared error": (
        *(SQUARED, "2 * (cache", "(cache"),
        *("backward_propagation", "dZ2", 'dZ2 = (cache["Z2"] - Y) / n', "1/2 times"),
    ),
    "another learning rate": (
        *(TWO_LAYER, 'learning_rate=1.2):\n', 'learning_rate=1.2):\n    learning_rate = 1.2\n'),
        *("update_parameters", "W1", "", "W1 - 1.2 * dW1"),
    ),
    "dAL": (
        *(DEEP, "np.divide(1 - Y, 1 - AL))", "np.divide(1 - Y, AL))"),
        *("L_model_backward", "dAL", "dAL = -(np.divide(Y, AL) - np.divide(1 - Y, AL))", ""),
    ),
    "sigmoid in all layers": (
        *(DEEP, 'parameters["b" + str(l)], "relu")', 'parameters["b" + str(l)], "sigmoid")'),
        *("L_model_forward", "AL", "", "sigmoid in the hidden layers"),
    ),
}  # fmt: skip


@pytest.mark.thorough
@pytest.mark.parametrize(("text", "old", "new", "function", "what", "line", "said"), sometimes(WRONG))
def test_a_wrong_file_is_wrong_where_it_is_wrong(check, text, old, new, function, what, line, said):
    report = check(change(text, old, new))
    assert report.status == 1, str(report)
    wrong = [v for v in report.verdicts if v.judgement == "wrong"]
    assert [v.name for v in wrong] == [function], str(report)  # and nobody is blamed for what follows
    mistake = wrong[0].mistakes[0]
    assert mistake.what == what
    assert len(wrong[0].mistakes) == 1 or "str(l" in mistake.quote.text  # a loop computes dW and db of a layer
    if line:
        assert line in mistake.quote.text
    assert said in str(wrong[0])


def test_two_mistakes_are_two(check):
    text = change(change(TWO_LAYER, "dZ2 = A2 - Y", "dZ2 = Y - A2"), "np.dot(dZ1, X.T) / m", "np.dot(dZ1, X.T)")
    report = check(text)
    assert [m.what for m in verdict(report, "backward_propagation").mistakes] == ["dZ2", "dW1"]


def test_the_forward_pass_is_blamed_and_not_the_backward_one(check):
    report = check(change(TWO_LAYER, "np.tanh(Z1)", "np.sin(Z1)"))
    assert verdict(report, "forward_propagation").judgement == "wrong"
    assert verdict(report, "backward_propagation").judgement == "right"


# -- functions that do not behave --------------------------------------------------------------------------------------

BODY = "    dZ2 = A2 - Y\n"
EVERY_DAY = ("leaves", "prints without end")  # each takes a process or two
UNCHECKED = {
    "hangs": "    import time\n    while True: time.sleep(1)\n",
    "hangs with every signal caught": (
        "    import signal, time\n"
        "    for s in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}: signal.signal(s, signal.SIG_IGN)\n"
        "    while True:\n        try: time.sleep(9)\n        except BaseException: pass\n"
    ),
    "hangs in C": "    '(' in 'x' or __import__('re').match(r'(a|aa)+$', 'a' * 99 + 'b')\n",
    "leaves": "    import os; os._exit(0)\n",
    "leaves politely": "    raise SystemExit(0)\n",
    "crashes": "    import ctypes; ctypes.string_at(0)\n",
    "asks": "    input('go on?')\n",
    "differs each time": "    dZ2 = dZ2 + np.random.randn()\n",
    "needs more memory than there is": "    np.ones(10**11)\n",
    "closes the files that are open": "    import os; os.closerange(3, 50)\n",
    "kills its group": "    import os, signal; os.killpg(0, signal.SIGKILL)\n",
}


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(line, id=name, marks=[] if name in EVERY_DAY else pytest.mark.slow)
        for name, line in UNCHECKED.items()
    ],
)
def test_what_gives_no_result_is_not_judged_and_the_rest_is(check, line):
    report = check(change(TWO_LAYER, BODY, BODY + line), seconds=10)  # calls that are right took 5 on a busy machine
    assert report.status == 2, str(report)
    assert verdict(report, "backward_propagation").judgement == "could not check"
    assert {v.judgement for v in report.verdicts if v.name != "backward_propagation"} == {"right"}


HARMLESS = {
    "prints": "    print('debug', dZ2)\n",
    "prints without end": (
        "    import os\n    for _ in range(2000): print('x' * 99); os.write(1, b'y' * 99); os.write(2, b'z')\n"
    ),
    "plots": "    import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.show()\n",
    "forks": "    import os\n    if os.fork() == 0: os._exit(0)\n",
    "closes the streams": "    import sys; print('x'); sys.stdout.close(); sys.stderr = None\n",
    "traces": "    import sys; sys.setprofile(None); sys.settrace(lambda *a: None)\n",
    "goes elsewhere": "    import os; os.chdir('/')\n",
    "starts threads": "    import threading, time; threading.Thread(target=time.sleep, args=(60,)).start()\n",
}


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(line, id=name, marks=[] if name in EVERY_DAY else pytest.mark.slow)
        for name, line in HARMLESS.items()
    ],
)
def test_what_a_function_does_besides_does_not_matter(check, line):
    if "matplotlib" in line:
        pytest.importorskip("matplotlib")
    report = check(change(TWO_LAYER, BODY, BODY + line))
    assert report.status == 0, str(report)


@pytest.mark.thorough
def test_a_function_that_changes_what_it_is_given_is_told_so(check):
    report = check(change(TWO_LAYER, BODY, "    A2 -= Y\n    dZ2 = A2\n"))
    assert report.status == 0
    assert "cache['A2']" in verdict(report, "backward_propagation").notes[0]


JUNK = [
    *("None", "'text'", "object()", "[1, 2]", "lambda: 0", "{}", "np.zeros((2, 2))", "(1, (2, 3))", "float('nan')"),
    *(
        "2**400",
        "X.astype(object)",
        "[grads] * 2000",
        "X",
        "{'dW1': grads}",
        "np.ma.masked",
        "iter(grads)",
        "grads.keys",
    ),
    "{type('K', (), {'__str__': lambda self: 1 / 0})(): 1}",
    *("{1: dW1}", "{**grads, 'dW1': [[1, 2], [3]]}", "{**grads, 'db1': 'no'}", "{**grads, 'dW2': dW2 + 1j}"),
]


@pytest.mark.parametrize("junk", one_in(3, JUNK[:3]))
def test_junk_is_wrong(check, junk):
    report = check(change(TWO_LAYER, "    return grads", f"    return {junk}"))
    assert report.status == 1, str(report)


@pytest.mark.slow
@pytest.mark.parametrize("junk", JUNK[3:])
def test_all_junk_is_wrong(check, junk):
    report = check(change(TWO_LAYER, "    return grads", f"    return {junk}"))
    assert report.status == 1, str(report)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "trick",
    [
        "np.allclose = lambda *a, **k: True; np.testing.assert_allclose = lambda *a, **k: None",
        "import tinygrad_lite.check.numbers as n; n.compare = lambda *a: 2",
        "import os; [os.write(fd, b'\\0' * 7 + b'\\2{}') for fd in range(3, 9) if os.path.exists(f'/dev/fd/{fd}')]",
    ],
)
def test_the_judgement_is_out_of_reach(check, trick):
    text = change(TWO_LAYER, BODY, "    dZ2 = Y - A2\n") + f"\ntry:\n    {trick}\nexcept Exception: pass\n"
    assert check(text).status != 0


# -- files -------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_file_that_trains_for_ever_when_it_is_imported_is_taken_for_its_definitions(check):
    report = check(TWO_LAYER + "\nimport time\nwhile True:\n    time.sleep(1)\n", seconds=3)
    assert report.status == 0
    assert "Only its definitions were executed" in report.warnings[0]


@pytest.mark.thorough
def test_a_file_that_leaves_when_it_is_imported_is_taken_for_its_definitions(check):
    report = check("import os\n" + TWO_LAYER + "\nos._exit(3)\n")
    assert report.status == 0
    assert "exit status 3" in report.warnings[0]


def test_statements_that_fail_are_passed_over_and_told(check):
    text = "from planar_utils import *\nX = open('missing.csv').read()\n" + TWO_LAYER + "\nraise SystemExit\n"
    report = check(change(text, "def sigmoid(z):\n    return 1 / (1 + np.exp(-z))\n", ""))
    assert report.status == 0, str(report)
    assert [w.split(":")[0] for w in report.warnings] == ["line 1", "line 2", "line 64"]
    assert "stand-ins for sigmoid" in report.warnings[0]


@pytest.mark.thorough
def test_what_is_defined_by_code_that_failed_is_not_held_against_a_function(check):
    text = "import missing_package\nscale = missing_package.scale()\n" + change(
        TWO_LAYER, BODY, "    dZ2 = (A2 - Y) * scale\n"
    )
    assert verdict(check(text), "backward_propagation").judgement == "could not check"


@pytest.mark.thorough
def test_global_variables_of_the_file_are_seen(check):
    """m of the training data, used in a function, is a mistake that only shows when the file is executed."""
    text = "m = 400\n" + TWO_LAYER.replace("    m = X.shape[1]\n", "")
    report = check(text)
    assert verdict(report, "backward_propagation").judgement == "wrong"


def test_a_syntax_error_is_quoted(check):
    report = check(change(TWO_LAYER, "dZ2 = A2 - Y", "dZ2 = (A2 - Y"))
    assert report.status == 2
    assert "SyntaxError" in report.problem
    assert "dZ2 = (A2 - Y" in report.problem


@pytest.mark.parametrize(
    ("text", "problem"),
    one_in(2, [("def f(): pass", "functions that it defines: f"), ("", "no function of the course")]),
)
def test_a_file_without_a_function_of_the_course(check, text, problem):
    report = check(text)
    assert report.status == 2
    assert problem in report.problem


def test_files_that_cannot_be_read(tmp_path, check):
    assert "cannot be read" in check_file(tmp_path / "nothing.py").problem
    assert "is not a notebook" in check("[]", "student.ipynb").problem
    (tmp_path / "latin.py").write_bytes(b"x = '\xe9'\n")
    assert "not text in UTF-8" in check_file(tmp_path / "latin.py").problem


@pytest.mark.thorough
def test_parameters_that_cannot_be_guessed_are_named(check):
    report = check(change(TWO_LAYER, "(parameters, cache, X, Y)", "(parameters, cache, X, Y, foo, bar)"))
    assert "foo, bar" in verdict(report, "backward_propagation").text
    assert report.status == 2


@pytest.mark.thorough
def test_the_same_mistake_in_every_layer_is_found_in_every_layer(check):
    report = check(change(LOOP, "(1 - A_prev ** 2)", "(1 - A_prev)"))
    mistakes = verdict(report, "backward").mistakes
    assert [(m.what, m.written) for m in mistakes] == [
        ("dZ2", "W3.T @ dZ3 * (1 - A2)"),
        ("dZ1", "W2.T @ dZ2 * (1 - A1)"),
    ]
    assert all("dZ = dA_prev * (1 - A_prev)" in m.quote.text for m in mistakes)


@pytest.mark.thorough
def test_a_network_that_is_not_known_is_judged_by_its_own_cost(check):
    """Its activation is none of the usual ones; by its own cost its gradients are right."""
    text = change(TWO_LAYER, "A1 = np.tanh(Z1)", "A1 = np.sin(Z1)")
    report = check(change(text, "(1 - np.power(A1, 2))", 'np.cos(cache["Z1"])'))
    assert report.status == 2
    assert verdict(report, "backward_propagation").judgement == "right"
    assert verdict(report, "forward_propagation").judgement == "could not check"


def test_what_cannot_be_checked_is_a_case_for_compare(check):
    report = check("class Network:\n    def forward(self, X): ...\n    def backward(self, Y): ...\n")
    assert report.status == 2
    assert "the class Network with forward, backward" in report.problem
    assert "tg.compare(" in str(report)
    assert "tg.compare(" in json.dumps(report.as_json())


@pytest.mark.thorough
def test_the_cache_of_a_wrong_forward_pass_says_nothing_of_the_backward_pass(check):
    report = check(change(THREE_LAYERS, "A2 = relu(Z2)", "A2 = relu(-Z2)"))
    assert [v.name for v in report.verdicts if v.judgement == "wrong"] == ["forward_propagation"]
    assert "mend that first" in verdict(report, "backward_propagation").text


def notebook(*cells: str) -> str:
    parts = [{"cell_type": "markdown", "source": ["# Week 3"]}]
    parts += [{"cell_type": "code", "source": cell.splitlines(True), "outputs": []} for cell in cells]
    return json.dumps({"cells": parts, "nbformat": 4, "nbformat_minor": 5, "metadata": {}})


def test_a_notebook(check):
    wrong = change(TWO_LAYER, " * (1 - np.power(A1, 2))", "")
    functions = ["def " + part for part in wrong.split("\ndef ")[1:]]
    magic = "%matplotlib inline\n!pip install something\nimport numpy as np\nfiles = !ls\nnp.dot?"
    report = check(notebook(magic, "%%bash\nls", *functions, "1 / 0", "x = (", "%%time\ny = 1"), "student.ipynb")
    assert report.status == 1
    (mistake,) = verdict(report, "backward_propagation").mistakes
    assert str(mistake.quote).startswith("cell 8, line 9: dZ1 = np.dot(W2.T, dZ2)")
    assert [w.split(":")[0] for w in report.warnings] == ["cell 11, line 1", "cell 12, line 1"]
    assert {v.judgement for v in report.verdicts if v.name != "backward_propagation"} == {"right"}


# -- the command -------------------------------------------------------------------------------------------------------


def test_the_command_as_it_is_typed(tmp_path):
    path = tmp_path / "my file.py"
    path.write_text(change(TWO_LAYER, "dZ2 = A2 - Y", "dZ2 = Y - A2"))
    done = subprocess.run(
        [sys.executable, "-m", "tinygrad_lite.check", str(path)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=Path(__file__).resolve().parents[2],
    )
    assert done.returncode == 1, done.stderr
    assert "dZ2 is wrong." in done.stdout
    assert "line 42:   dZ2 = Y - A2" in done.stdout


def test_json(tmp_path, capsys):
    path = tmp_path / "student.py"
    path.write_text(change(TWO_LAYER, "dZ2 = A2 - Y", "dZ2 = Y - A2"))
    assert main([str(path), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["status"] == 1
    assert found["verdict"] == "wrong"
    by_name = {function["name"]: function for function in found["functions"]}
    assert by_name["backward_propagation"]["verdict"] == "wrong"
    assert by_name["backward_propagation"]["mistakes"][0]["quote"]["line"] == 42
    assert by_name["compute_cost"]["verdict"] == "right"


def test_help_says_that_the_file_is_executed(capsys):
    with pytest.raises(SystemExit) as left:
        main(["--help"])
    assert left.value.code == 0
    assert "IS EXECUTED, in a process of its own" in capsys.readouterr().out


# -- what is not judged, and said to be --------------------------------------------------------------------------------

CLASS = """
class Network:
    def __init__(self, parameters):
        self.parameters = parameters

    def forward(self, X):
        return X

    def backward(self, X, Y):
        return {"dW1": 0 * X}
"""
ROWS = """
import numpy as np


def initialize_parameters(n_x, n_h, n_y):
    return {"W1": np.random.randn(n_x, n_h), "b1": np.zeros((1, n_h)),
            "W2": np.random.randn(n_h, n_y), "b2": np.zeros((1, n_y))}


def forward(X, W1, b1, W2, b2):
    Z1 = X @ W1 + b1
    A1 = np.tanh(Z1)
    Z2 = A1 @ W2 + b2
    A2 = 1 / (1 + np.exp(-Z2))
    return Z1, A1, Z2, A2


def compute_cost(A2, Y):
    return -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / Y.shape[0]


def backward(X, Y, W2, A1, A2):
    m = X.shape[0]
    dZ2 = A2 - Y
    dZ1 = dZ2 @ W2.T * (1 - A1**2)
    return X.T @ dZ1 / m, np.sum(dZ1, axis=0) / m, A1.T @ dZ2 / m, np.sum(dZ2, axis=0) / m
"""


@pytest.mark.parametrize(
    ("text", "names"),
    one_in(
        3,
        [
            (ROWS, {"initialize_parameters", "forward", "compute_cost", "backward"}),
            ("import numpy as np\n\ndef sigmoid(z):\n    return 1 / (1 + np.exp(-z))\n" + CLASS, {"class Network"}),
            (
                LOGISTIC + "\ndef backward_propagation_with_dropout(X):\n    return X\n",
                {"backward_propagation_with_dropout"},
            ),
        ],
    ),
    ids=["examples in rows", "a class", "another pass"],
)
def test_a_file_is_not_right_because_what_can_be_judged_is(check, text, names):
    report = check(text)
    assert report.status == 2, str(report)
    assert {v.name for v in report.verdicts if v.judgement == "could not check"} == names
    assert "tg.compare" in report.advice


@pytest.mark.thorough
def test_shapes_that_do_not_fit_in_columns_nor_in_rows_are_a_mistake(check):
    report = check(change(TWO_LAYER, "np.dot(W1, X)", "np.dot(X, W1)"))
    assert report.status == 1
    assert verdict(report, "forward_propagation").judgement == "wrong"
