"""Long programs: what is done for a step must not depend on how many there are. Counted in calls, not in seconds."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import tinygrad_lite as tg

X, W = np.array([0.5, 0.7, 1.1]), np.array([1.1, 0.9, 1.05])


def count_calls(work):
    count = 0

    def on_event(frame, event, arg):
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(on_event)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def repeat(n):
    def f(x, w):
        for _ in range(n):
            x = np.sin(x * w)
        J = np.sum(x)
        return J

    return f


def repeat_with_numbers(n):
    def f(x):
        for _ in range(n):
            x = np.sin(x) * 1.01
        return np.sum(x)

    return f


WAYS = {
    "derive": lambda f: tg.derive(f, X, W, wrt=(0, 1)),
    "derive without algebra": lambda f: tg.derive(f, X, W, wrt=(0, 1), simplify=False),
    "compile": lambda f: tg.compile(tg.value_and_grad(f, (0, 1)), target="numpy")(X, W),
}


@pytest.mark.thorough
@pytest.mark.parametrize("way", WAYS)
def test_twice_the_steps_take_twice_the_work(way):
    WAYS[way](repeat(2))  # what is done once only
    few, more, most = (count_calls(lambda n=n: WAYS[way](repeat(n))) for n in (5, 10, 20))
    assert (most - more) / (more - few) < 2.3


@pytest.mark.thorough
def test_placing_a_number_of_every_step_takes_twice_the_work_for_twice_the_steps():
    def compile_for(n):
        tg.compile(tg.value_and_grad(repeat_with_numbers(n)), target="numpy")(X)

    compile_for(2)
    few, more, most = (count_calls(lambda n=n: compile_for(n)) for n in (50, 100, 200))
    assert (most - more) / (more - few) < 2.3
