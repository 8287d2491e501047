"""Writing: all or nothing, whatever happens meanwhile; a run that is killed and resumed equals one that was not."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite.io import whole_file

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX")


@pytest.mark.parametrize("failing", ["fsync", "replace", "chmod"])
def test_a_failing_save_leaves_the_old_file(tmp_path, monkeypatch, failing):
    path = tmp_path / "a.npz"
    tg.save(path, [1])
    before = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(whole_file.os, failing, fail)
    with pytest.raises(OSError, match="disk full"):
        tg.save(path, [2])
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["a.npz"]


def test_the_content_is_on_the_disk_before_it_takes_the_old_ones_place(tmp_path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(whole_file.os, "fsync", lambda handle: (calls.append("fsync"), fsync(handle))[1])
    monkeypatch.setattr(whole_file.os, "replace", lambda a, b: (calls.append("replace"), replace(a, b))[1])
    tg.save(tmp_path / "a.npz", [1])
    assert calls[:2] == ["fsync", "replace"]


@posix
def test_permissions_and_links_stay(tmp_path):
    path, link = tmp_path / "a.npz", tmp_path / "link.npz"
    tg.save(path, [1])
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
    path.chmod(0o640)
    link.symlink_to("a.npz")
    tg.save(link, [2])
    assert link.is_symlink()
    assert tg.load(path) == [2]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    (tmp_path / "folder.npz").mkdir()
    with pytest.raises(OSError, match="folder"):
        tg.save(tmp_path / "folder.npz", [1])
    with pytest.raises(FileNotFoundError):
        tg.save(tmp_path / "nowhere" / "a.npz", [1])


TRAIN = """
import sys
import numpy as np, tinygrad_lite as tg

path, last = sys.argv[1], int(sys.argv[2])

def cost(params, X, Y):
    return np.mean((params["W2"] @ np.tanh(params["W1"] @ X) - Y) ** 2)

def step(params, speed, X, Y):
    grads = tg.grad(cost)(params, X, Y)
    speed = {name: 0.9 * speed[name] + grads[name] for name in params}
    return {name: params[name] - 0.05 * speed[name] for name in params}, speed

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(3, 40)), rng.normal(size=(1, 40))
params = {"W1": rng.normal(size=(5, 3)), "W2": rng.normal(size=(1, 5))}
state = {"step": 0, "params": params, "speed": {name: np.zeros_like(w) for name, w in params.items()}, "rng": rng}
try:
    state = tg.load(path, like=state)
except FileNotFoundError:
    pass
while state["step"] < last:
    chosen = state["rng"].permutation(40)[:8]
    noise = state["rng"].normal(size=(1, 8), scale=0.1)
    params, speed = step(state["params"], state["speed"], X[:, chosen], Y[:, chosen] + noise)
    state = {**state, "step": state["step"] + 1, "params": params, "speed": speed}
    tg.save(path, state)
    print(state["step"], flush=True)
"""


@posix
def test_a_run_that_is_killed_and_resumed_equals_one_that_was_not(tmp_path):
    def start(name):
        command = [sys.executable, "-c", TRAIN, str(tmp_path / name), "60"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)

    with start("whole.npz") as whole:
        whole.communicate()
    reached = 0
    for wanted in (10, 30):
        with start("killed.npz") as process:
            while reached < wanted:
                reached = int(process.stdout.readline())
            time.sleep(np.random.default_rng(wanted).uniform(0, 0.003))  # anywhere in a step, or in a save
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        found = tg.load(tmp_path / "killed.npz")
        assert found["step"] >= wanted
    with start("killed.npz") as last:
        last.communicate()
    assert last.returncode == whole.returncode == 0
    assert (tmp_path / "killed.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()
