"""What is built of the project holds what is promised. (`make wheel` builds and tries it as its users get it.)"""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

import tinygrad_lite as tg
from tests.wheel import ROOT, TRIAL, missing_from_wheel

hatchling = pytest.importorskip("hatchling.build")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with the wheel and the source archive. The build backend works in the project's folder."""
    folder = tmp_path_factory.mktemp("dist")
    build = "import sys, hatchling.build as b; b.build_wheel(sys.argv[1]); b.build_sdist(sys.argv[1])"
    subprocess.run([sys.executable, "-c", build, str(folder)], cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture
def wheel(built):
    (path,) = built.glob("*.whl")
    return path


def test_the_wheel_holds_every_file_of_the_package_and_nothing_else(wheel):
    assert missing_from_wheel(wheel) == set()
    with zipfile.ZipFile(wheel) as files:
        names = files.namelist()
    assert {name.split("/")[0] for name in names} == {"tinygrad_lite", f"tinygrad_lite-{tg.__version__}.dist-info"}
    assert sum(name.endswith(".h") for name in names) >= 7
    assert {"tinygrad_lite/py.typed", "tinygrad_lite/methods.pyi"} <= set(names)
    assert [name for name in names if name.endswith((".pyc", ".so"))] == []


def test_the_metadata_is_in_order(wheel):
    (metadata,) = importlib.metadata.distributions(name="tinygrad_lite", path=[str(wheel)])
    facts = metadata.metadata
    assert facts["Version"] == tg.__version__
    assert re.fullmatch(r"\d+\.\d+\.\d+", tg.__version__)
    assert (facts["License-Expression"], facts.get_all("License-File")) == ("MIT", ["LICENSE"])
    assert facts["Requires-Python"] == ">=3.11"
    assert facts["Description-Content-Type"] == "text/markdown"
    assert [need for need in facts.get_all("Requires-Dist") if "extra ==" not in need] == ["numpy>=2.1"]
    minor = {int(name.rpartition(".")[2]) for name in facts.get_all("Classifier") if re.search(r":: 3\.\d+$", name)}
    assert min(minor) == 11
    assert f"## [{tg.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.thorough
def test_the_wheel_works_where_there_is_nothing_but_numpy(wheel, tmp_path):
    """Unpacked beside NumPy, in a process that sees no other packages."""
    with zipfile.ZipFile(wheel) as files:
        files.extractall(tmp_path)
    home = Path(np.__file__).parents[1]
    for part in home.iterdir():
        if re.fullmatch(r"numpy(\.libs|-[^-]*\.dist-info)?", part.name):  # the package, its libraries, its metadata
            (tmp_path / part.name).symlink_to(part)
    program = "import runpy, sys; sys.path.insert(0, sys.argv[1]); runpy.run_path(sys.argv[2], run_name='__main__')"
    command = [sys.executable, "-I", "-S", "-W", "error", "-c", program, str(tmp_path), str(TRIAL)]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert str(tmp_path) in run.stdout


def test_the_source_archive_holds_what_git_holds(built):
    git = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if git.returncode or not git.stdout:
        pytest.skip("this is no checkout of git")
    tracked = {name for name in git.stdout.splitlines() if (ROOT / name).exists() and not name.startswith(".ci/")}
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as files:
        inside = {name.partition("/")[2] for name in files.getnames()}
    assert tracked - inside == set()
