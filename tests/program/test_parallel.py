"""Large arrays on all cores: the same numbers, errors and memory as on one."""

import os
import threading

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import tinygrad_lite as tg
from tinygrad_lite.program.parallel import COSTLY, FEWEST, in_parts

N = FEWEST + 3


@pytest.mark.parametrize("shape", [(N,), (2, N // 2), (N, 1), (1,), (0,), ()])
def test_the_parts_make_up_the_whole(shape):
    x = np.random.default_rng(0).normal(size=shape)
    out = np.full(shape, np.nan)
    in_parts(np.tanh, x, out)
    assert_array_equal(out, np.tanh(x))
    in_parts(np.tanh, out, out)
    assert_array_equal(out, np.tanh(np.tanh(x)))


def test_compiled_functions_use_it_for_large_arrays():
    compiled = tg.compile(lambda x: np.sum(np.exp(np.tanh(x * 2) + 1)))
    x = np.random.default_rng(0).normal(size=N)
    assert compiled.source(x).count("in_parts") >= 2
    assert "in_parts" not in compiled.source(x[:1000])
    for _ in range(3):
        x = x[::-1] * 1.01
        np.testing.assert_allclose(compiled(x), np.sum(np.exp(np.tanh(x * 2) + 1)))


@pytest.mark.parametrize("where", [0, N // 2, N - 1])
def test_errors_are_raised_wherever_they_happen(where):
    compiled = tg.compile(lambda x: np.sum(np.log(x + x)))
    x = np.ones(N)
    assert "in_parts" in compiled.source(x)
    x[where] = 0
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        compiled(x)
    with np.errstate(divide="ignore"):
        assert compiled(x) == -np.inf


def test_an_operation_of_the_users_with_such_a_name_is_called_as_it_is():
    op = tg.elementwise(np.logaddexp, lambda y, a, b: np.exp(a - y), lambda y, a, b: np.exp(b - y), name="log")
    assert op.name in COSTLY
    compiled = tg.compile(lambda x: np.sum(op(x * 2, x * 3) * 2))
    x = np.random.default_rng(0).normal(size=N)
    np.testing.assert_allclose(compiled(x), np.sum(np.logaddexp(x * 2, x * 3) * 2))


def test_from_several_threads_at_one_time():
    compiled = tg.compile(lambda x: np.sum(np.exp(np.tanh(x * 2))))
    data = [np.random.default_rng(i).normal(size=N) for i in range(4)]
    expected = [compiled(x) for x in data]
    got = [None] * 4

    def work(i):
        for _ in range(5):
            got[i] = compiled(data[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == expected


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Python's, that threads and fork do not mix
def test_a_forked_child_makes_threads_of_its_own():
    x, out = np.ones(N), np.empty(N)
    in_parts(np.tanh, x, out)
    child = os.fork()
    if child == 0:
        import signal

        signal.alarm(20)
        in_parts(np.exp, x, out)
        os._exit(0 if np.all(out == np.exp(1.0)) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
